# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal: httpd really started on the candidate files, seen by nobody, then ended.

Private to this collection. ``enter``, ``stage`` and ``rehearse`` run in a child process
(``_namespaces.in_child``); they change the view of the files of that process alone.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import stat
import subprocess
import time
from typing import Any, Callable, Iterable, NamedTuple, Sequence

from . import _namespaces as namespaces
from ._fileset import Entry
from ._outputs import Outputs

# Of a log that grows without end, the end tells why.
_LOG_LIMIT = 1 << 16
_POLL = 0.005
_PROBE = b"OPTIONS * HTTP/1.0\r\n\r\n"
_SHM = "/dev/shm"
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_SYSLOGS = ("/dev/log", "/run/systemd/journal/socket")


class Start(NamedTuple):
    """How httpd is started: ``addresses`` and ``hosts`` (name -> address) stand for its network,
    ``files`` are its soft and hard limit of open files (None: as many as we may)."""

    command: Sequence[str]
    environment: dict[str, str]
    pid_file: str
    addresses: Sequence[str]
    hosts: dict[str, str]
    files: tuple[int, int] | None


class Outcome(NamedTuple):
    """What came of it: ``proven``, else ``hung`` or ended with ``status``; all that it said."""

    proven: bool
    hung: bool
    status: int | None
    said: str


def enter(parent: int | None, own_user: bool) -> None:
    """Leave the shared view of the files: see them as process ``parent`` does, read-only.

    ``own_user``: by way of a user namespace, which gives every capability inside it.
    """
    if parent is not None:
        namespaces.enter_mount_namespace(parent)
    if own_user:
        namespaces.own_user_namespace()
    namespaces.private_read_only_files()


def stage(candidates: Sequence[Entry], writable: Outputs) -> None:
    """Let the candidate files stand at their real paths, and httpd write where it must."""
    homes = {_existing(os.path.dirname(entry.path)) for entry in candidates}
    replaced = {entry.path for entry in candidates}
    scratch = {os.path.realpath(path) for path in writable.directories if os.path.isdir(path)}
    emptied = {os.path.realpath(path) for path in writable.patterned if os.path.isdir(path)}
    missing = sorted(path for path in writable.made if not os.path.isdir(path))
    outputs = {_resolved(path) for path in writable.files}
    needed = {_resolved(path) for path in writable.needed} - outputs
    seen = homes | {os.path.realpath(path) for path in writable.configuration}
    parents = {_existing(path) for path in missing}

    def keep_in(directory: str) -> Callable[[str], bool]:
        def keep(name: str) -> bool:
            path = f"{directory}/{name}"
            if path in replaced or path in outputs or directory in emptied:
                return False
            if directory in seen or directory not in scratch:
                return directory not in scratch or not _is_socket(path)
            return path in needed or os.path.islink(path) or os.path.isdir(path)

        return keep

    for directory in sorted(homes | scratch | emptied | parents):
        namespaces.cover(directory, keep_in(directory))
    for path in missing:
        os.makedirs(path, exist_ok=True)
    for entry in candidates:
        _put(entry)


def _existing(directory: str) -> str:
    """Return the nearest directory above or at ``directory`` that exists, without links."""
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    return os.path.realpath(directory)


def _resolved(path: str) -> str:
    """Return ``path`` with the links of its directory followed, but not its own."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def _is_socket(path: str) -> bool:
    with contextlib.suppress(OSError):
        mode = os.lstat(path).st_mode
        return stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode)
    return False


def _put(entry: Entry) -> None:
    if entry.absent:
        return
    os.makedirs(os.path.dirname(entry.path), exist_ok=True)
    if entry.link is not None:
        os.symlink(entry.link, entry.path)
        return
    before = entry.before
    known = before.content is not None
    mode = before.mode if known else 0o644
    owner, group = (before.owner, before.group) if known else (-1, -1)
    descriptor = os.open(entry.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(entry.content or b"")
        # An owner outside our user namespace cannot be named in it.
        with contextlib.suppress(OSError):
            os.fchown(
                descriptor,
                owner if entry.owner is None else entry.owner,
                group if entry.group is None else entry.group,
            )
        os.fchmod(descriptor, mode if entry.mode is None else entry.mode)


def rehearse(start: Start, writable: Outputs, timeout: float) -> dict[str, Any]:
    """Start httpd in network, IPC and process namespaces of its own; return an Outcome as dict.

    Call it after ``enter`` and ``stage``. The process namespace has a first process of ours,
    with whose end the kernel ends all that httpd started.
    """
    namespaces.unshare(
        namespaces.NEWNET | namespaces.NEWIPC | namespaces.NEWPID,
        "network, IPC and process namespaces",
    )
    outcome: dict[str, Any] = namespaces.in_child(
        lambda: _first_process(start, writable, timeout), timeout + 5
    )
    return outcome


def _first_process(start: Start, writable: Outputs, timeout: float) -> dict[str, Any]:
    namespaces.loopback_with(start.addresses)
    namespaces.cover(_SHM, lambda name: False)
    sinks = list(_syslog_sinks())
    _add_hosts(start.hosts)
    _limit_files(start.files)
    console = os.path.join(_SHM, "console")
    with open(console, "wb") as stream:
        # In namespaces of its own, where no AnsibleModule is.
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            start.command,
            env=start.environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            cwd="/",
            start_new_session=True,
        )
    deadline = time.monotonic() + timeout
    syslog: list[str] = []
    proven, ended = False, False
    while not (proven or ended) and time.monotonic() < deadline:
        time.sleep(_POLL)
        syslog += _received(sinks)
        # Looked at in this order, so that one that served and ended at once is no proof.
        proven = _runs(start.pid_file) and _serves(deadline)
        ended = process.poll() is not None
    proven = proven and not ended
    said = _tail(console) + "".join(syslog)
    if not proven:
        said += "".join(_tail(path) for path in _written(writable))
    return Outcome(proven, not (proven or ended), process.returncode, said)._asdict()


def _runs(pid_file: str) -> bool:
    """Return whether ``pid_file`` names a living process.

    httpd writes it when configuration, sockets, shared memory and post_config are done
    (server/mpm: ap_log_pid), just before it starts its children.
    """
    try:
        with open(pid_file, encoding="utf-8", errors="replace") as stream:
            os.kill(int(stream.read()), 0)
    except (OSError, ValueError):
        return False
    return True


def _serves(deadline: float) -> bool:
    """Return whether a child of httpd takes a request.

    Only then is child_init done, where a child that cannot become its user ends the whole
    server (APEXIT_CHILDFATAL). Any answer will do, and so will a closed connection.
    """
    for listener in namespaces.listening():
        host = _ANY.get(listener.address, listener.address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Not create_connection, which imports a codec for names.
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(max(0.05, min(0.5, deadline - time.monotonic())))
            try:
                connection.connect((host, listener.port))
                connection.sendall(_PROBE)
                connection.recv(1)
                return True
            except ConnectionResetError:
                return True
            except OSError:
                continue
    return False


def _syslog_sinks() -> Iterable[socket.socket]:
    """Put sockets of ours in the place of the system's log: what is said there is ours to read,
    and no line of a rehearsal reaches the real log."""
    for number, path in enumerate(_SYSLOGS):
        real = os.path.realpath(path)
        if not os.path.exists(real):
            continue
        sink = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = os.path.join(_SHM, f"syslog{number}")
        sink.bind(name)
        os.chmod(name, 0o666)
        sink.setblocking(False)
        namespaces.bind(name, real)
        yield sink


def _received(sinks: Iterable[socket.socket]) -> list[str]:
    lines = []
    for sink in sinks:
        with contextlib.suppress(BlockingIOError):
            while True:
                lines.append(sink.recv(1 << 16).decode("utf-8", "replace") + "\n")
    return lines


def _add_hosts(hosts: dict[str, str]) -> None:
    """Let the names in ``hosts`` resolve, which the private network has no name server for."""
    if not hosts or not os.path.exists("/etc/hosts"):
        return
    path = os.path.join(_SHM, "hosts")
    with open("/etc/hosts", "rb") as real, open(path, "wb") as ours:
        ours.write(real.read() + b"\n")
        ours.write("".join(f"{address} {name}\n" for name, address in hosts.items()).encode())
    namespaces.bind(path, os.path.realpath("/etc/hosts"))


def _limit_files(limits: tuple[int, int] | None) -> None:
    """Allow as many open files as the running httpd may have, or else as many as we may."""
    dummy, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = limits or (most, most)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, most), most))


def _written(writable: Outputs) -> list[str]:
    """Return the files that this start wrote: those it found were not writable."""
    us = os.stat(_SHM).st_dev
    found = []
    for directory in sorted(writable.directories | writable.patterned):
        real = os.path.realpath(directory)
        try:
            home = os.stat(real).st_dev
            if home == us:
                continue
            with os.scandir(real) as listing:
                found += [
                    entry.path
                    for entry in listing
                    if entry.is_file(follow_symlinks=False) and entry.stat().st_dev == home
                ]
        except OSError:
            continue
    return found


def _tail(path: str) -> str:
    """Return the end of a text file; of another one nothing."""
    try:
        with open(path, "rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - _LOG_LIMIT))
            data = stream.read()
    except OSError:
        return ""
    return "" if b"\0" in data else data.decode("utf-8", "replace")
