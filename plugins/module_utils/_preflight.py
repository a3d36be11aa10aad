# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The preflight: is a set of files, before one of them is written, what httpd starts with?

Private to this collection. The running httpd, its files and its memory are not touched.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import re
import socket
import tempfile
from typing import Any, Callable, Iterator, NamedTuple, Sequence

from . import _namespaces as namespaces
from . import _ports as ports
from . import _process as process
from . import _rehearsal as rehearsal
from . import _shadow as shadow
from ._fileset import Entry, FileSet
from ._httpd import dump
from ._httpd.dump import Message, View
from ._instance import (
    TEST_TIMEOUT,
    Instance,
    InstanceError,
    LacksPermission,
    TookTooLong,
    out_of_reach,
    said,
)
from ._namespaces import ChildFailed, Killed, NamespaceError, TimedOut
from ._outputs import Outputs, outputs

REHEARSAL_TIMEOUT = 20.0

# Time to start and end the child itself.
_GRACE = 10.0
_LEVEL = re.compile(r"^\[[^\]]*\] \[[\w-]*:(\w+)\]")
# "<136>Nov 22 22:26:40 apache2[2]: [module:level] ", of which syslogd sees all.
_SYSLOG = re.compile(r"^<\d+>.{15} \S+: \[([\w-]*:\w+)\] ")
_SEVERE = frozenset(("emerg", "alert", "crit", "error"))
# They say only that something failed, which stands in another message.
_ECHOES = frozenset(("AH00016", "AH00020", "AH02311", "AH02312"))
_ADDRESS = re.compile(r"could not bind to address (\S+):(\d+)")
_PATH = re.compile(r"/[^\s'\",;()]+")
# They say nothing of what is permitted here.
_NO_ROOM = frozenset((errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE))
_PASS_PHRASES = frozenset(("AH02577", "AH02578", "AH02580"))
_LIBRARY = "SSL Library Error"
_DENIED = "Permission denied"
_READ_ONLY = "Read-only file system"


class PreflightImpossible(InstanceError):
    """The candidates cannot be shown to httpd without writing them."""


class PreflightBroke(InstanceError):
    """The preflight did not come to its end: whether httpd starts with the candidates is not known."""


class RehearsalFailed(InstanceError):
    """httpd does not start with these files. ``messages``: what it said, with file and line
    where they are known."""

    def __init__(self, messages: Sequence[Message]) -> None:
        super().__init__("httpd would not start: " + "; ".join(map(said, messages)))
        self.messages = list(messages)


class Proof(NamedTuple):
    """What the preflight found.

    ``validated``: "rehearsed" (httpd was started and served) or "tested" (``-t`` only);
    ``view``: the candidates as httpd understood them; ``warnings``: httpd's and ours.
    """

    validated: str
    view: View
    warnings: list[Message]


class _Way(NamedTuple):
    """One way to show httpd the candidates at their real paths."""

    name: str
    own_user: bool


# In a container, root may often mount but not configure a network: a user namespace of its own
# gives it all, and an ordinary user as well.
_WAYS = (_Way("private namespaces", False), _Way("a private user namespace", True))


def prove(
    instance: Instance,
    fileset: FileSet,
    rehearse: bool = True,
    timeout: float = REHEARSAL_TIMEOUT,
) -> Proof:
    """Return the proof that httpd starts with the candidates of ``fileset``.

    ``timeout``: seconds a start may take. Raises ConfigurationRefused and LacksPermission (-t),
    RehearsalFailed (the start), PreflightImpossible, PreflightBroke, and what ``Instance.view`` raises.
    """
    candidates = fileset.changed()
    parent = instance.parent()
    view, refused = _test(instance, candidates, parent)
    held = ports.conflicts(view, parent.pid if parent else None)
    if held:
        raise RehearsalFailed(held)
    if not rehearse:
        _refuse_what_is_known(candidates, view)
        return Proof("tested", view, view.warnings)
    if refused:
        return _only_tested(candidates, view, f"no private namespaces here ({refused})")
    if parent is not None and not _ours(parent):
        why = f"httpd runs as another user (process {parent.pid})"
        return _only_tested(candidates, view, why)
    return _rehearse(instance, candidates, parent, view, timeout)


def candidate_view(instance: Instance, fileset: FileSet) -> View:
    """Return what httpd would make of the configuration with the candidates of ``fileset``.

    Raises ConfigurationRefused, LacksPermission, PreflightImpossible, PreflightBroke, and what
    ``Instance.view`` raises.
    """
    return _test(instance, fileset.changed(), instance.parent())[0]


def _test(
    instance: Instance, candidates: Sequence[Entry], parent: process.Parent | None
) -> tuple[View, str]:
    """Return the View of the candidates, and why it is that of a shadow; "" if it is not."""
    commands = [instance.command("-t"), instance.dump_command()]
    shadow.sweep()

    def run() -> list[Any]:
        status, out, err = process.run_all(commands, instance.environment, TEST_TIMEOUT)
        return [status, out.decode("latin-1"), err.decode("latin-1")]

    try:
        status, out, err = _in_place(candidates, Outputs(), parent, run, TEST_TIMEOUT)
    except PreflightImpossible as error:
        refused = str(error)
    else:
        return instance.read(status, out.encode("latin-1"), err.encode("latin-1")), ""
    try:
        return shadow.view(instance, candidates), refused
    except OSError as error:
        where = error.filename or tempfile.tempdir
        raise PreflightImpossible(
            f"{refused}; a shadow copy in {where}: {error.strerror}"
        ) from error


def _in_place(
    candidates: Sequence[Entry],
    writable: Outputs,
    parent: process.Parent | None,
    work: Callable[[], Any],
    timeout: float,
) -> Any:
    """Run ``work`` where the candidates stand at their real paths, for it alone."""
    refusals = []
    for way in _WAYS:

        def child(way: _Way = way) -> Any:
            rehearsal.enter(parent.pid if parent else None, way.own_user)
            rehearsal.stage(candidates, writable)
            return work()

        try:
            return namespaces.in_child(child, timeout + _GRACE)
        except PermissionError as error:
            raise LacksPermission([str(error.filename)]) from error
        except (NamespaceError, OSError) as error:
            if error.errno in _NO_ROOM:
                raise PreflightBroke(
                    f"the preflight could not be made ({error}); see what uses up memory, processes or files, and run"
                    " again"
                ) from error
            refusals.append(f"{way.name}: {error}")
        except TimedOut as error:
            raise TookTooLong(f"the preflight did not end within {timeout:g} s") from error
        except Killed as error:
            raise PreflightBroke(
                "the preflight was killed, perhaps for want of memory; run again"
            ) from error
        except ChildFailed as error:
            raise PreflightImpossible(f"{way.name}: {error}") from error
    raise PreflightImpossible("; ".join(refusals))


def _rehearse(
    instance: Instance,
    candidates: Sequence[Entry],
    parent: process.Parent | None,
    view: View,
    timeout: float,
) -> Proof:
    writable = outputs(view, instance.environment)
    start = _start(instance, view, parent)
    try:
        answer = _in_place(
            candidates,
            writable,
            parent,
            lambda: rehearsal.rehearse(start, writable, timeout),
            timeout,
        )
    except PreflightImpossible as error:
        return _only_tested(candidates, view, f"no private namespaces here ({error})")
    outcome = rehearsal.Outcome(**answer)
    if outcome.proven:
        return Proof("rehearsed", view, view.warnings)
    messages = [_placed(message, view) for message in _complaints(outcome, view.warnings)]
    keys = _unlocked_before(instance, candidates, view) if parent is not None else []
    if keys and (outcome.hung or any(message.code in _PASS_PHRASES for message in messages)):
        why = f"the pass phrase of {', '.join(keys)} is known to the running httpd alone"
        return _only_tested(candidates, view, why)
    if any(_READ_ONLY in message.text for message in messages):
        # A module writes where we did not expect it, and was kept from it.
        return _only_tested(candidates, view, "; ".join(map(said, messages)))
    if os.geteuid() != 0:
        text = "\n".join(message.text for message in messages)
        paths = out_of_reach(text)
        if paths or _DENIED in text:
            raise LacksPermission(paths, messages)
    raise RehearsalFailed(messages)


def _start(instance: Instance, view: View, parent: process.Parent | None) -> rehearsal.Start:
    # Without it httpd leaves its parent and starts a session; FOREGROUND has the same effect.
    stay = [] if "FOREGROUND" in view.defines else ["-D", "NO_DETACH"]
    hosts = dict(_resolved(view))
    literals = {one.host for one in ports.addresses(view) if _is_literal(one.host)}
    return rehearsal.Start(
        command=instance.command(*stay),
        environment=instance.environment,
        pid_file=view.pid_file,
        addresses=sorted(literals | set(hosts.values())),
        hosts=hosts,
        files=process.file_limit(parent.pid) if parent else None,
    )


def _resolved(view: View) -> Iterator[tuple[str, str]]:
    """Give the host names that httpd looks up at its start, with their addresses."""
    names = {one.host for one in ports.addresses(view)}
    for node in view.root.find("VirtualHost"):
        names |= {word.rpartition(":")[0] or word for word in node.words}
    for name in sorted(names - {"", "*", "_default_"}):
        if not _is_literal(name.strip("[]")):
            with contextlib.suppress(OSError, UnicodeError):
                found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
                yield name, str(found[0][4][0])


def _is_literal(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return not ipaddress.ip_address(host.partition("%")[0]).is_unspecified
    return False


def _ours(parent: process.Parent) -> bool:
    """Return whether httpd started by us would be what ``parent`` is."""
    try:
        return os.stat(f"/proc/{parent.pid}").st_uid == os.geteuid()
    except OSError:
        return True


def _unlocked_before(instance: Instance, candidates: Sequence[Entry], view: View) -> list[str]:
    """Return the encrypted keys of ``view``, if the running httpd has unlocked them all.

    It keeps them (modules/ssl: ssl_engine_pphrase.c), so its reload asks nobody, as a start does.
    """
    written = {entry.path for entry in candidates}
    keys = {key for key in _keys(view) if os.path.realpath(key) in written or _is_encrypted(key)}
    try:
        known = _keys(instance.view()) if keys else set()
    except InstanceError:
        return []
    return sorted(keys) if keys <= known and not written & set(map(os.path.realpath, keys)) else []


def _keys(view: View) -> set[str]:
    nodes = view.root.find("SSLCertificateFile", "SSLCertificateKeyFile")
    return {os.path.join(view.server_root, node.words[0]) for node in nodes if node.words}


def _is_encrypted(path: str) -> bool:
    with contextlib.suppress(OSError), open(path, "rb") as stream:
        return b"ENCRYPTED" in stream.read(1 << 16)
    return False


def _only_tested(candidates: Sequence[Entry], view: View, why: str) -> Proof:
    _refuse_what_is_known(candidates, view)
    warning = Message(None, None, None, f"tested, but not rehearsed: {why}")
    return Proof("tested", view, [*view.warnings, warning])


def _refuse_what_is_known(candidates: Sequence[Entry], view: View) -> None:
    """Raise RehearsalFailed for mistakes that ``-t`` does not see, nor the lint of balancers."""
    # Imported late: most hosts can rehearse.
    from ._certificates import mismatches

    found = [*ports.overlaps(view), *mismatches(view, candidates)]
    if found:
        raise RehearsalFailed(found)


# --- what httpd said -----------------------------------------------------------------------


def _complaints(outcome: rehearsal.Outcome, known: Sequence[Message]) -> list[Message]:
    """Return what httpd said that explains a failed start; not what it says anyway (``known``)."""
    lines = []
    for line in outcome.said.split("\n"):
        line = _SYSLOG.sub(r"[syslog] [\1] ", line)
        level = _LEVEL.match(line)
        if level is None or level[1] in _SEVERE:
            lines.append(line)
    found = dump.messages("\n".join(lines))
    messages = [message for message in dict.fromkeys(found) if message not in known]
    telling = [
        message
        for message in messages
        if message.code not in _ECHOES and not message.text.startswith(_LIBRARY)
    ]
    messages = telling or messages
    if outcome.hung:
        text = "httpd did not serve in time and was ended"
        messages.append(Message(None, None, None, text))
    elif not messages:
        text = f"httpd ended with status {outcome.status} and said nothing"
        messages.append(Message(None, None, None, text))
    return messages


def _placed(message: Message, view: View) -> Message:
    """Return ``message`` with the place of the directive whose path or address it names."""
    if message.file is not None:
        return message
    address = _ADDRESS.search(message.text)
    if address is not None:
        host, port = address[1].strip("[]"), int(address[2])
        wanted = "" if host in ("::", "0.0.0.0") else host
        for one in ports.addresses(view):
            if (one.host, one.port) == (wanted, port):
                return message._replace(file=one.file, line=one.line)
    paths = {path.rstrip(".:") for path in _PATH.findall(message.text)}
    for node in view.root.walk() if paths else ():
        if not node.is_section and any(
            os.path.join(view.server_root, word) in paths for word in node.words
        ):
            return message._replace(file=node.file, line=node.line)
    return message
