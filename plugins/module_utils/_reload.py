# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets a running httpd load its configuration, and sees to it that it goes on serving.

Private to this collection.

httpd ends by itself when it is told to load a configuration it cannot start with (main.c, seen on 2.4.71),
so the configuration is proven first. ``-k graceful`` is never used: it starts a stopped httpd outside of its
service.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import time
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Container,
    Iterable,
    Iterator,
    NamedTuple,
    Sequence,
)

from . import _process as process
from ._apply import carry_out, proven, recorded, recover, stamp, state_folder
from ._balancer import codec
from ._balancer.live import OUT, standing_by
from ._balancer.model import Balancer, Configuration, Member, Place
from ._balancer.parameters import flags
from ._balancer.plan import Declaration, Flags
from ._fileset import FileSet
from ._generation import Generation, Memory, current
from ._httpd.dump import View
from ._httpd.secrets import masked
from ._httpd.text import decode
from ._instance import Instance, InstanceError
from ._outcome import UNCHANGED, Done
from ._process import Parent
from ._transaction import Transaction
from ._wishes import BalancerWish, Request

if TYPE_CHECKING:
    from ._access import Access
    from ._live import Managers, Missed, Running
    from ._manager.page import LiveBalancer

_SYSTEMD = "/run/systemd/system"
_LOG_LINES = 10
# systemd waits for the end of httpd, which may finish its requests first, and for its start: 90 s each
# (systemd-system.conf).
_SERVICE = 200.0
_MPM = re.compile(r"mod_mpm_\w+\.so").fullmatch
# What httpd says at a reload about ServerLimit and ThreadLimit, whatever the MPM (server/mpm: *_check_config).
_NOT_TAKEN = re.compile(r"AH\d+: (changing \w+ to \d+ from original value of \d+) not allowed")
# The clock of files may lag behind the other by a tick, in nanoseconds.
_CLOCKS_DIFFER = 20_000_000
# Seconds for processes of the old generation to close their listening sockets. One of prefork keeps them while it
# answers its last request, which may take long.
_OLD_ONES = 2.0


class ReloadFailed(InstanceError):
    """The configuration was not loaded, or httpd did not survive it."""


class Reload(NamedTuple):
    """What a graceful reload did; *seconds* until the new generation served. *restarted*: it was not enough."""

    changed: bool
    running: bool
    reasons: list[str]
    validated: str = UNCHANGED
    method: str = ""
    seconds: float = 0.0
    warnings: Sequence[str] = ()
    changes: Sequence[Done] = ()
    restarted: bool = False

    def result(self) -> dict[str, Any]:
        """Return it as it appears in the result of the module."""
        result: dict[str, Any] = {
            "changed": self.changed,
            "running": self.running,
            "reload_reasons": list(map(masked, self.reasons)),
            "validated": self.validated,
            "restarted": self.restarted,
        }
        if self.changed:
            result.update(method=self.method, seconds=round(self.seconds, 3))
        return result


def graceful_reload(
    instance: Instance,
    only_if_needed: bool,
    timeout: float,
    check_mode: bool,
    access: Access | None = None,
    restart: bool = False,
) -> Reload:
    """Reload httpd, unless it has loaded everything and *only_if_needed*.

    *timeout*: seconds to wait for the new generation. *restart*: whether httpd may be restarted where no reload is
    possible. With *access* to balancer-manager, members that only the
    running httpd keeps out are kept out by the files first. Raises :class:`ReloadFailed`, and what the preflight
    raises; a running httpd is then left as it is.
    """
    if not instance.installed:
        return Reload(False, False, [])
    warnings, files = recover(instance, check_mode)
    recovered = bool(warnings)
    state = _look(instance)
    parent = state.to_reload(only_if_needed)
    if parent is None:
        if not check_mode:
            _keep_loaded(instance, state.view)
        return Reload(recovered, state.parent is not None, [], warnings=warnings)
    hindrance = _hindrance(state.view, parent)
    if hindrance and not restart:
        raise ReloadFailed(
            f"{hindrance}; nothing was done. Restart httpd, which breaks off the requests in flight, or let this"
            " module do it (restart: true)"
        )
    by_others = _by_others(instance, parent) if restart else ""
    if hindrance and by_others:
        raise ReloadFailed(f"{hindrance}; nothing was done, as {by_others}")
    changes: list[Done] = []
    if access is not None:
        changes, said = _keep_out(instance, state.view, parent, access, check_mode)
        warnings = [*warnings, *said]
    # What was written just now is loaded by this very reload, and no reason for it.
    reasons = state.reasons
    state = _look(instance) if changes and not check_mode else state
    validated = proven(instance, files).validated
    if check_mode:
        method = _method(instance, parent, bool(hindrance))
        return Reload(True, True, reasons, validated, method, 0, warnings, changes, bool(hindrance))
    proved = stamp(state.view)
    with Transaction(state_folder(instance)) as transaction:
        # Somebody else may have done it, or changed something, while we waited for the lock.
        state = _look(instance)
        parent = state.to_reload(only_if_needed)
        if parent is None:
            _keep_if_loaded(instance, state.view, transaction)
            changed, running = recovered or bool(changes), state.parent is not None
            return Reload(changed, running, [], warnings=warnings, changes=changes)
        if stamp(state.view) != proved:
            validated = proven(instance, FileSet()).validated
        method, seconds, left = _reload(
            instance, parent, state, transaction, timeout, bool(hindrance)
        )
        if left and restart and not by_others:
            method, seconds, left = _reload(instance, parent, state, transaction, timeout, True)
            hindrance = "limits"
        elif left:
            why = f"; {by_others}" if by_others else ""
            warnings = [*warnings, f"httpd has to be restarted for this: {left}{why}"]
        # Whether httpd read a file that was changed meanwhile is not known.
        includes = state.view.includes
        known = [path for path in includes if _unchanged_since(path, state.begun)]
        Memory(instance).note_loaded(known)
        if known == includes:
            transaction.keep_proven(includes)
    return Reload(
        True, True, reasons, validated, method, seconds, warnings, changes, bool(hindrance)
    )


def _keep_loaded(instance: Instance, view: View) -> None:
    """Let a roll-back bring back what httpd has loaded by somebody else's reload, or by one of ours that was killed."""
    folder = state_folder(instance)
    # Nothing was ever written, or by somebody with more permissions.
    if not os.access(folder, os.W_OK | os.X_OK):
        return
    last = Transaction(folder).proven()
    if last is None or not last.changed() or not Memory(instance).has_loaded(view.includes):
        return
    with Transaction(folder) as transaction:
        _keep_if_loaded(instance, view, transaction)


def _keep_if_loaded(instance: Instance, view: View, transaction: Transaction) -> None:
    if Memory(instance).has_loaded(view.includes):
        transaction.keep_proven(view.includes)


def _keep_out(
    instance: Instance, view: View, parent: Parent, access: Access, check_mode: bool
) -> tuple[list[Done], list[str]]:
    """Write to the files what keeps members out in the running httpd alone, so that they stay out at a reload; return
    the changes, and warnings.

    Where ``BalancerPersist`` is On, httpd keeps it by itself. A file that says something else than what httpd was
    given is about to be loaded for that; then the file decides.

    Raises :class:`ReloadFailed` where a virtual host would have no member left for new sessions, and LiveError where
    the balancer-manager that answers is not the one of *parent*.
    """
    from ._live import Managers, check_ours, reach

    configuration = codec.read(view.root)
    managers = Managers(parent=parent)
    memory = Memory(instance)
    loaded = functools.lru_cache(maxsize=None)(lambda: _recorded(instance))
    warnings: list[str] = []
    # By line, which several balancers may read: what keeps the member there out.
    kept: dict[Place, frozenset[str]] = {}
    found: list[tuple[Balancer, list[Running]]] = []
    for balancer in configuration.balancers:
        if balancer.vhost.persist:
            continue
        if _differs(memory, balancer):
            running, missed = _reach_recorded(managers, access, configuration, balancer, loaded())
        else:
            running, missed = reach(managers, access, configuration, [balancer])
        lost = "what only the running httpd keeps out may get requests again"
        warnings += [f"balancer://{m.balancer} of {m.vhost}: {lost}: {m.reason}" for m in missed]
        found.append((balancer, running))
        decides = memory.overrides(balancer.files)
        for each in running:
            for member, out in _only_running(balancer, each.balancer):
                what = f"member {masked(member.url)} of balancer://{balancer.name} is {' and '.join(sorted(out))}"
                if decides:
                    warnings.append(
                        f"{what} in the running httpd of {each.vhost} alone, and gets requests again: {decides}, and"
                        " what it says counts"
                    )
                else:
                    kept[member.place] = kept.get(member.place, frozenset()) | out
    asked = [each.source.manager.url for dummy, running in found for each in running]
    check_ours(access._replace(url=tuple(dict.fromkeys(asked))), parent)
    wishes = []
    for balancer, running in found:
        out_of = {m.url: kept[m.place] for m in balancer.members.values() if m.place in kept}
        members = [{"url": url, "status": Flags(out, frozenset())} for url, out in out_of.items()]
        if members:
            warnings += _spread(balancer, running, out_of)
            declared = Declaration(balancer.name, members, purge=[], existing_only=True)
            vhosts = (configuration.label(balancer.vhost),)
            wishes.append(BalancerWish(declared, vhosts=vhosts))
    # What follows, a proof among it, takes its time; a kept connection would hold a worker of httpd meanwhile.
    managers.close()
    if not wishes:
        return [], warnings
    outcome = carry_out(instance, Request(balancers=wishes), True, False, check_mode)
    return outcome.changes, warnings


def _differs(memory: Memory, balancer: Balancer) -> bool:
    """Whether the running httpd has not loaded what the files say about *balancer* or around it."""
    files = [*balancer.files, *([balancer.vhost.place.file] if balancer.vhost.place else [])]
    return memory.state(files).reload_required


def _recorded(instance: Instance) -> Configuration | None:
    """Return what httpd has loaded, as far as there is a record."""
    found = recorded(instance)
    return None if found is None else codec.read(found[1].root)


def _reach_recorded(
    managers: Managers,
    access: Access,
    configuration: Configuration,
    balancer: Balancer,
    loaded: Configuration | None,
) -> tuple[list[Running], list[Missed]]:
    """Return *balancer* of *configuration*, which httpd has not loaded, where it runs by what was *loaded*, and where
    it was not reached.

    A name that the running httpd does not know leads to its first virtual host, which may have a balancer of this name.
    """
    from ._live import reach, reach_loaded

    known = loaded.balancers if loaded else []
    namesakes = [other for other in known if other.name == balancer.name]
    if loaded is None or not namesakes:
        running, missed = reach(managers, access, configuration, [balancer])
        # What is not on record may not run at all yet.
        return running, [] if loaded else missed
    same = [
        other
        for other in namesakes
        if set(other.files) & set(balancer.files) or other.vhost.host == balancer.vhost.host
    ]
    return reach_loaded(managers, access, loaded, same)


def _spread(balancer: Balancer, running: Iterable[Running], out: Container[str]) -> list[str]:
    """Return warnings about members of *balancer* that another one, which reads the same lines, keeps *out* (by URL)
    and that are in where it is *running*.

    Raises :class:`ReloadFailed` where it would have no member left for new sessions.
    """
    warnings = []
    for each in running:
        live = each.balancer.members
        ready = [
            member
            for key, member in balancer.members.items()
            if key in live and (live[key].accepts_new or standing_by(live[key]))
        ]
        taken = [member for member in ready if member.url in out]
        if taken and len(taken) == len(ready):
            urls = ", ".join(masked(member.url) for member in taken)
            raise ReloadFailed(
                f"balancer://{balancer.name} of {each.vhost}: {urls} would be out after the reload, as"
                f" {taken[0].place} is also another balancer's, of which the running httpd keeps what is out there; no"
                " member would be left for new sessions. Put one back in, or give each its own file"
            )
        warnings += [
            f"member {masked(member.url)} of balancer://{balancer.name} is out in {each.vhost} as well from now on:"
            f" {member.place} is also another balancer's, where it is out"
            for member in taken
        ]
    return warnings


def _only_running(
    balancer: Balancer, live: LiveBalancer
) -> Iterator[tuple[Member, frozenset[str]]]:
    """Yield the members that something keeps out in the running balancer and not in the files, with that."""
    for key, member in balancer.members.items():
        out = flags(live.members[key].values if key in live.members else {}) & OUT
        if out - flags(member.values):
            yield member, out - flags(member.values)


class _State(NamedTuple):
    """What is there before a reload: *begun* is when it was looked at, in nanoseconds."""

    begun: int
    view: View
    parent: Parent | None
    generation: Generation | None
    reasons: list[str]

    def to_reload(self, only_if_needed: bool) -> Parent | None:
        """Return the process to be told, if httpd runs and needs it."""
        return self.parent if self.reasons or not only_if_needed else None


def _look(instance: Instance) -> _State:
    begun = time.time_ns() - _CLOCKS_DIFFER
    view = instance.view()
    memory = Memory(instance)
    loaded = memory.state(dict.fromkeys([*view.includes, *memory.files]))
    return _State(begun, view, instance.parent(), memory.generation, loaded.reasons)


def _hindrance(view: View, parent: Parent) -> str:
    """Return why httpd cannot load what *view* shows without a restart: it ends when it is told to go on with another
    MPM (AH00534, seen on 2.4.71), which no test of the configuration tells. Empty if nothing is known against it."""
    runs = {name[len("mod_") : -len(".so")] for name in process.mapped(parent.pid) if _MPM(name)}
    wanted = {name[: -len("_module")] for name in view.modules if name.startswith("mpm_")}
    if len(runs) != 1 or len(wanted) != 1 or runs == wanted:
        return ""
    return (
        f"httpd runs with {runs.pop()}, and would end if it were told to go on with {wanted.pop()}"
    )


def _reload(
    instance: Instance,
    parent: Parent,
    state: _State,
    transaction: Transaction,
    timeout: float,
    restart: bool,
) -> tuple[str, float, str]:
    """Tell httpd and wait until it serves; return how it was told, the seconds it took, and what it did not take."""
    view = state.view
    children = _serving(parent)
    started = time.monotonic()
    said = _log_position(view)
    if restart:
        method = _method(instance, parent, restart)
        if not _restart(instance, parent, timeout):
            raise ReloadFailed(
                _restore(instance, transaction, view, children, timeout) + _log_since(view, said)
            )
        return method, time.monotonic() - started, ""
    method = _tell(instance, parent)
    if not _wait(lambda: _serves(instance, parent, state.generation), instance, parent, timeout):
        reason = _log_since(view, said)
        if process.started(parent.pid) == parent.started:
            raise ReloadFailed(_not_served(instance, state, children, timeout, method) + reason)
        raise ReloadFailed(_restore(instance, transaction, view, children, timeout) + reason)
    _wait(lambda: not _accepting(children), instance, parent, _OLD_ONES)
    left = ", ".join(dict.fromkeys(_NOT_TAKEN.findall(_said_since(view, said))))
    return method, time.monotonic() - started, left


def _not_served(
    instance: Instance,
    state: _State,
    children: Sequence[Parent],
    timeout: float,
    method: str,
) -> str:
    """Return how far httpd has come that was told to reload and does not serve yet. *children*: those of before."""
    if current(instance) == state.generation:
        what = f"httpd did not load its configuration within {timeout:g} s ({method})"
        return f"{what}; it goes on with what it had loaded"
    left = [child for child in children if process.started(child.pid) == child.started]
    what = f"httpd loaded its configuration ({method}), and after {timeout:g} s"
    if not left:
        return f"{what} no process that serves it has stayed"
    return (
        f"{what} no process serves it. Processes of before that still answer requests: {len(left)}. Where they leave no"
        " room for new ones, connections wait until one ends; a higher ServerLimit, which takes a restart, makes room"
    )


def _unchanged_since(path: str, begun: int) -> bool:
    try:
        return max(os.stat(path).st_ctime_ns, os.lstat(path).st_ctime_ns) < begun
    except OSError:
        return False


def _unit(parent: Parent) -> str:
    """Return the systemd service that *parent* belongs to, or nothing."""
    if not os.path.isdir(_SYSTEMD):
        return ""
    try:
        with open(f"/proc/{parent.pid}/cgroup", encoding="utf-8") as stream:
            names = [line.strip().rpartition("/")[2] for line in stream]
    except OSError:
        return ""
    return next((name for name in names if name.endswith(".service")), "")


def _method(instance: Instance, parent: Parent, restart: bool = False) -> str:
    unit = _unit(parent)
    # A private httpd that somebody started from a service of another kind is none of that service's business.
    if unit and unit == f"{instance.layout.service}.service":
        return f"systemctl {'restart' if restart else 'reload'} {unit}"
    return f"restart of process {parent.pid}" if restart else f"SIGUSR1 to process {parent.pid}"


def _by_others(instance: Instance, parent: Parent) -> str:
    """Return why it is not for us to restart httpd; empty if it is.

    What stays in the foreground is looked after by whatever started it, which would start another one beside ours.
    """
    if _method(instance, parent).startswith("systemctl"):
        return ""
    if process.detached(instance.arguments) == instance.arguments:
        return ""
    unit = _unit(parent)
    return (
        f"httpd (process {parent.pid}) was started to stay in the foreground: restart it by what looks after it"
        + (f", such as systemctl restart {unit}" if unit else "")
    )


def _restart(instance: Instance, parent: Parent, timeout: float) -> bool:
    """End httpd and start it again; whether it then serves."""
    method = _method(instance, parent, restart=True)
    if method.startswith("systemctl"):
        status, dummy, err = process.run(method.split(), process.CLEAN, _SERVICE)
    else:
        instance.signal(parent, signal.SIGTERM)
        deadline = time.monotonic() + timeout
        while process.started(parent.pid) == parent.started and time.monotonic() < deadline:
            time.sleep(0.02)
        status, err = _start(instance, timeout)
    return _comes_up(instance, status, timeout)


def _tell(instance: Instance, parent: Parent) -> str:
    method = _method(instance, parent)
    if method.startswith("systemctl"):
        status, out, err = process.run(method.split(), process.CLEAN, 60.0)
        if status != 0:
            raise ReloadFailed(f"{method} failed: {decode(err or out).strip()}")
    elif not instance.signal(parent, signal.SIGUSR1):
        raise ReloadFailed(f"httpd (process {parent.pid}) ended before it could be told to reload")
    return method


def _wait(done: Callable[[], bool], instance: Instance, parent: Parent, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.started(parent.pid) != parent.started:
            return False
        if done():
            return True
        time.sleep(0.02)
    return False


def _serves(instance: Instance, parent: Parent, before: Generation | None) -> bool:
    """Whether a new generation is there and has a child process of its own that stays."""
    now = current(instance)
    if now is None or now == before:
        return False
    first = _children(parent, now)
    time.sleep(0.05)
    return bool(first & _children(parent, now))


def _children(parent: Parent, generation: Generation) -> set[int]:
    """Return the child processes that were started since *generation* began."""
    # Two ticks less, for what the two clocks may differ.
    since = generation.loaded / 1e9 - 0.02
    return {child.pid for child in _serving(parent) if process.begun(child) >= since}


def _serving(parent: Parent) -> list[Parent]:
    """Return the child processes of *parent* that run what it runs."""
    pids = [pid for pid in process.children(parent.pid) if _program(pid) == _program(parent.pid)]
    found = [(pid, process.started(pid)) for pid in pids]
    return [Parent(pid, started) for pid, started in found if started is not None]


def _accepting(children: Sequence[Parent]) -> bool:
    """Whether one of *children* may still be given a connection: a change that it is posted would be lost with it."""
    # Imported late: it is only needed after a reload.
    from ._namespaces import listening
    from ._ports import sockets_of

    sockets = {one.inode for one in listening()}
    return any(
        not sockets.isdisjoint(sockets_of(child.pid))
        for child in children
        if process.started(child.pid) == child.started
    )


def _program(pid: int) -> str:
    """Return the name of what *pid* runs: a piped logger is a child of httpd, too.

    Not its executable: that may not be read of a child that changed its user, without CAP_SYS_PTRACE.
    """
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def _restore(
    instance: Instance,
    transaction: Transaction,
    view: View,
    children: Sequence[Parent],
    timeout: float,
) -> str:
    """Put the files of the last proven generation back and start httpd again; say what came of it. *children*: those
    of the process that ended."""
    last = transaction.proven()
    restored = []
    if last is not None:
        restored = [entry.path for entry in last.changed()]
        transaction.commit(last, reads=view.includes)
        # The PidFile of what is put back counts.
        with contextlib.suppress(InstanceError):
            instance.view()
    status, err = _start(instance, timeout)
    if status != 0 and _end(instance, children, timeout):
        status, err = _start(instance, timeout)
    serves = _comes_up(instance, status, timeout)
    what = f"put back {', '.join(restored)}" if restored else "there was nothing to put back"
    if not serves:
        return f"httpd ended when it was told to reload; {what}; it could not be started again: {decode(err).strip()}"
    return f"httpd ended when it was told to reload; {what}, and started it again"


def _end(instance: Instance, children: Sequence[Parent], timeout: float) -> bool:
    """End *children*, whose parent was killed: they would go on to serve, and keep every other from their addresses.
    Return whether there were any. Those of a parent that ended by itself finish their requests, and keep nothing.

    Without their parent, those of event and worker heed no other signal (child_main, seen on 2.4.71).
    """
    left = killed = [child for child in children if instance.signal(child, signal.SIGKILL)]
    deadline = time.monotonic() + timeout
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [child for child in left if process.started(child.pid) == child.started]
    return bool(killed)


def _start(instance: Instance, timeout: float) -> tuple[int | None, bytes]:
    """Start httpd, which does not run; return the exit status and what was said about it."""
    if _unit_installed(instance):
        command = ["systemctl", "start", f"{instance.layout.service}.service"]
        status, dummy, err = process.run(command, process.CLEAN, 60.0)
        return status, err
    # It names a process that is gone; httpd would take a zombie of it for an httpd that runs.
    with contextlib.suppress(OSError):
        os.unlink(instance.pid_file)
    command = [instance.binary, *process.detached(instance.arguments), "-k", "start"]
    status, dummy, err = process.run(command, instance.environment, timeout)
    return status, err


def _comes_up(instance: Instance, status: int | None, timeout: float) -> bool:
    """Wait until httpd serves, whose start came to *status*; whether it does."""
    deadline = time.monotonic() + timeout
    serves = False
    while status == 0 and not serves and time.monotonic() < deadline:
        time.sleep(0.05)
        serves = _started(instance)
    return serves


def _started(instance: Instance) -> bool:
    """Whether a parent process runs, has written its PidFile and serves."""
    parent = instance.parent()
    if parent is None or process.named_by(instance.pid_file, instance.binary) != parent:
        return False
    return _serves(instance, parent, None)


def _unit_installed(instance: Instance) -> bool:
    """Whether this httpd is the one of the distribution's service."""
    layout = instance.layout
    own = layout.service is not None and instance.main_file() == layout.config_file
    return own and os.path.isdir(_SYSTEMD)


def _log_position(view: View) -> int:
    try:
        return os.path.getsize(view.error_log)
    except OSError:
        return 0


def _log_since(view: View, position: int) -> str:
    """Return the last of what httpd wrote to its error log since *position*, as the end of a message."""
    lines = _said_since(view, position).strip().split("\n")
    said = [line for line in lines if line][-_LOG_LINES:]
    return "\nIts error log says:\n" + "\n".join(said) if said else ""


def _said_since(view: View, position: int) -> str:
    try:
        with open(view.error_log, "rb") as stream:
            stream.seek(position)
            return decode(stream.read(65536))
    except OSError:
        return ""
