# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of httpd, and the environment it is started in.

Private to this collection.
"""

from __future__ import annotations

import os
import subprocess
import time
from typing import NamedTuple, Sequence

# What systemd gives a service.
CLEAN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"}

# What ties a process to its service manager; a rehearsal must not speak for the service.
_NOT_TO_INHERIT = (
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
)

# Options of httpd(8) with a value; those that decide which configuration is read; and those with which it says
# something and ends, in place of serving (server/main.c).
_WITH_VALUE = "CDEcdefk"
_KEPT = "CDcdf"
_ENDING = {(letter, "") for letter in "?LMSVhltv"}
_ENDING |= {("D", f"DUMP_{what}") for what in ("INCLUDES", "MODULES", "RUN_CFG", "VHOSTS")}
_ENDING |= {("k", "stop"), ("k", "graceful-stop")}


# How far two clocks of one machine may be apart (seconds): ticks since boot, and those of the files.
CLOCKS = 0.1


class Parent(NamedTuple):
    """A running parent process of httpd.

    ``started`` (clock ticks since boot) tells it from a later process with the same ``pid``.
    """

    pid: int
    started: int


def parents(binary: str) -> list[Parent]:
    """Return the parent processes of every httpd that runs ``binary`` to serve, outside containers."""
    real = os.path.realpath(binary)
    pids = map(int, filter(str.isdigit, os.listdir("/proc")))
    found = {pid for pid in pids if _serves(pid, real)}
    result = []
    for pid in sorted(found):
        fields = _stat(pid)
        is_child = not fields or int(fields[1]) in found or _left_behind(pid, fields)
        if not is_child and not _hidden(pid):
            result.append(Parent(pid, int(fields[19])))
    return result


def _left_behind(pid: int, fields: Sequence[str]) -> bool:
    """Whether ``pid`` is the child of a parent that is no more: that led its process group (apr_proc_detach)."""
    group = int(fields[2])
    return group != pid and started(group) is None


def named_by(pid_file: str, binary: str) -> Parent | None:
    """Return the process that ``pid_file`` names, if it runs ``binary`` to serve, and may have written that."""
    try:
        with open(pid_file, encoding="utf-8", errors="replace") as stream:
            pid = int(stream.read())
            written = os.fstat(stream.fileno()).st_mtime
    except (OSError, ValueError):
        return None
    since = started(pid)
    if since is None or not _serves(pid, os.path.realpath(binary)):
        return None
    parent = Parent(pid, since)
    # One that is older than its process is of a httpd that died, whose number another one has got.
    return parent if written > begun(parent) - CLOCKS else None


def children(pid: int) -> list[int]:
    """Return the child processes of ``pid``; none if it is no more."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as stream:
            return [int(child) for child in stream.read().split()]
    except OSError:
        return []


def mapped(pid: int) -> set[str]:
    """Return the names of the files that ``pid`` has mapped, such as shared objects; none if that may not be read."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as stream:
            return {os.path.basename(line.rstrip("\n").partition("/")[2]) for line in stream}
    except OSError:
        return set()


def started(pid: int) -> int | None:
    """Return when ``pid`` was started, in clock ticks since boot; None if it is no more."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def begun(parent: Parent) -> float:
    """Return when ``parent`` was started, in seconds since the epoch, to about 0.02 s."""
    # Not /proc/uptime: in a container that may be the container's, and a start counts from the boot of the host.
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return boot + parent.started / os.sysconf("SC_CLK_TCK")


def start_arguments(pid: int) -> list[str]:
    """Return the arguments of ``pid`` that decide which configuration it reads."""
    return kept_arguments(_command(pid)[1:])


def kept_arguments(arguments: Sequence[str]) -> list[str]:
    """Return of the arguments of httpd those that decide which configuration it reads."""
    kept: list[str] = []
    for letter, value in _options(arguments):
        if letter in _KEPT and value:
            kept += [f"-{letter}", value]
    return kept


def detached(arguments: Sequence[str]) -> list[str]:
    """Return ``kept_arguments`` without those that keep httpd in the foreground (event.c: event_pre_config)."""
    pairs = zip(arguments[::2], arguments[1::2])
    return [
        word
        for option, value in pairs
        if (option, value) not in (("-D", "FOREGROUND"), ("-D", "NO_DETACH"))
        for word in (option, value)
    ]


def serves(command: Sequence[str]) -> bool:
    """Return whether httpd, run by ``command``, is to serve, in place of testing or showing its configuration."""
    return bool(command) and _ENDING.isdisjoint(_options(command[1:]))


def _options(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Return the options of httpd, each a letter and a value, which is "" where it takes none."""
    found = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        letters = word[1:] if word.startswith("-") else ""
        while letters:
            letter, letters, value = letters[0], letters[1:], ""
            if letter in _WITH_VALUE:
                value, letters = letters or (rest.pop(0) if rest else ""), ""
            found.append((letter, value))
    return found


def values(arguments: Sequence[str], option: str) -> list[str]:
    """Return each value of ``option`` in ``kept_arguments``."""
    return [value for name, value in zip(arguments[::2], arguments[1::2]) if name == option]


def last(arguments: Sequence[str], option: str) -> str | None:
    """Return the value of the last ``option`` in ``kept_arguments``; httpd takes the last."""
    return next(reversed(values(arguments, option)), None)


def environment(pid: int) -> dict[str, str]:
    """Return the environment that ``pid`` was started with; empty if we may not see it."""
    return _variables(_read(pid, "environ"))


def file_limit(pid: int) -> tuple[int, int] | None:
    """Return the soft and hard limit of open files of ``pid``, if there are such."""
    for line in _read(pid, "limits").split("\n"):
        if line.startswith("Max open files"):
            soft, hard = line.split()[3:5]
            if soft.isdigit() and hard.isdigit():
                return int(soft), int(hard)
    return None


def sourced(path: str, given: dict[str, str]) -> dict[str, str]:
    """Return the environment after the shell read ``path`` (envvars) in environment ``given``."""
    script = 'set -a; test ! -r "$0" || . "$0"; exec env -0'
    status, out, dummy = run(["/bin/sh", "-c", script, path], given, 10.0)
    return _variables(os.fsdecode(out)) if status == 0 else dict(given)


def run(
    command: Sequence[str], variables: dict[str, str], timeout: float
) -> tuple[int | None, bytes, bytes]:
    """Run ``command``; return its exit status (None: killed after ``timeout``) and its output."""
    try:
        # There is no AnsibleModule here, and its run_command has no timeout.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return None, late.stdout or b"", late.stderr or b""
    return done.returncode, done.stdout, done.stderr


def run_all(
    commands: Sequence[Sequence[str]], variables: dict[str, str], timeout: float
) -> tuple[int | None, bytes, bytes]:
    """Run one command after the other, as long as they succeed; return the last ``run``."""
    last: tuple[int | None, bytes, bytes] = (0, b"", b"")
    for command in commands:
        last = run(command, variables, timeout)
        if last[0] != 0:
            break
    return last


def _variables(text: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in text.split("\0") if "=" in item)
    return {name: value for name, dummy, value in pairs if name not in _NOT_TO_INHERIT}


def _command(pid: int) -> list[str]:
    """Return the words that ``pid`` was started by; none of the dead, and of one that is about to run a program."""
    return _read(pid, "cmdline").split("\0")[:-1]


def _serves(pid: int, binary: str) -> bool:
    return _is(pid, binary) and serves(_command(pid))


def _is(pid: int, binary: str) -> bool:
    """Return whether ``pid`` runs ``binary``, be it replaced by an upgrade meanwhile."""
    try:
        running = os.readlink(f"/proc/{pid}/exe")
        if running.endswith(" (deleted)"):
            running = running[: -len(" (deleted)")]
        return running == binary
    except PermissionError:
        # Another user's: only its command line may be read.
        name = "".join(_command(pid)[:1])
        return os.path.basename(name) == os.path.basename(binary)
    except OSError:
        return False


def _hidden(pid: int) -> bool:
    """Return whether ``pid`` lives in a container or a rehearsal: below our process namespace,
    or with another root directory."""
    for line in _read(pid, "status").split("\n"):
        if line.startswith("NSpid:") and len(line.split()) > 2:
            return True
    try:
        theirs, ours = os.stat(f"/proc/{pid}/root"), os.stat("/")
    except OSError:
        return False
    return (theirs.st_dev, theirs.st_ino) != (ours.st_dev, ours.st_ino)


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on (proc(5)); empty for the dead."""
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return [] if not fields or fields[0] in "ZX" else fields


def _read(pid: int, name: str) -> str:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as stream:
            return os.fsdecode(stream.read())
    except OSError:
        return ""
