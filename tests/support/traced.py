# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module under strace(1), which tells its calls to the system, or does something instead of one of them.

calls = Traced("configuration", options).calls()
Traced("configuration", options, at=calls[7], do=KILL).status == signal.SIGKILL
Traced("configuration", options, at=calls[7], do="error=ENOSPC").result["msg"]

The module runs in a fork of this process, so that nothing has to be imported anew, and patches of the test hold.
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import functools
import importlib
import io
import json
import os
import pkgutil
import re
import signal
import subprocess
import time
import traceback
import weakref
from typing import Any, Callable, Iterable, Mapping, NamedTuple, NoReturn, Sequence

from ansible.module_utils import _internal
from ansible.module_utils.testing import patch_module_args

from ansible_collections.webtier.apache_balancer.plugins import module_utils

_MODULES = "ansible_collections.webtier.apache_balancer.plugins.modules."
_CALL = re.compile(r"(?:(?P<pid>\d+) +)?(?P<name>\w+)\(")

# The descriptor or the path that a call is given first.
_ABOUT = re.compile(r'(?:\d+ +)?\w+\((?:AT_FDCWD(?:<[^>]*>)?, )?(?:\d+<([^>]*)>|"(/[^"]*)")')
_RANDOM = re.compile(r"httpd-shadow-[^/]*|[0-9a-f]*\d[0-9a-f]*")
_FREES = re.compile(r"close\(\d+<[^>]*/lock>")
# Those that are told something there instead.
_TELL = ("getcwd", "getrandom")

# Instead of the call: killed; after the call: stopped until ``go_on``.
KILL = "signal=KILL"
STOP = "signal=STOP"
# Seconds, after which what waits for ever is ended.
LONGEST = 300


class Call(NamedTuple):
    """A call to the system: the *number*-th of this *name* that the process made, and all that strace writes."""

    name: str
    number: int
    text: str


class Since(NamedTuple):
    """A function by its *name* in a *module* of Python."""

    module: Any
    name: str


HAS_LOCK = Since(fcntl, "flock")


class Point(NamedTuple):
    """Which call it is in any run: the *number*-th of this *name* that is about such a file, pipe or socket."""

    name: str
    about: str
    number: int


def about(call: Call) -> str:
    """Return the path, or what else strace calls it, of what a call is given first."""
    found = _ABOUT.match(call.text)
    return found[1] or found[2] if found else ""


def points(calls: Iterable[Call]) -> dict[Point, Call]:
    """Return the calls of one run by their points, in order."""
    made: collections.Counter[tuple[str, str]] = collections.Counter()
    found = {}
    for call in calls:
        # What differs from run to run: processes, descriptors, names made at random.
        name = _RANDOM.sub("*", about(call)) if call.name not in _TELL else ""
        made[call.name, name] += 1
        found[Point(call.name, name, made[call.name, name])] = call
    return found


def counterpart(point: Point, others: Mapping[Point, Call]) -> Point | None:
    """Return what *point* is among those of another run: where it makes fewer such calls, as one that reads a pipe in
    fewer pieces, the last of them."""
    while point.number and point not in others:
        point = point._replace(number=point.number - 1)
    return point if point.number else None


def by_lock(calls: Sequence[Call]) -> tuple[list[Call], list[Call]]:
    """Return the calls from when the lock is had until it is given back, and all others."""
    locked = next(place for place, call in enumerate(calls) if call.name == "flock")
    inside = until_freed(calls[locked:])
    return inside, [*calls[:locked], *calls[locked + len(inside) :]]


def until_freed(calls: Sequence[Call]) -> list[Call]:
    """Return the calls until the lock is given back."""
    freed = next(place for place, call in enumerate(calls) if _FREES.match(call.text) is not None)
    return list(calls[: freed + 1])


class Traced:
    """*module* with *options*; *do* (``--inject`` of strace) happens *at* one call. *lasting*: and at all later ones of
    the same name. *file*: only calls about this file are traced, and counted. *family*: its children are traced as
    well, and that happens to each that makes as many calls of this name. *since*: it is traced from when it has called
    this function, such as ``HAS_LOCK``; what it does before, as to look at all processes of the machine, is another
    number of calls each time."""

    def __init__(
        self,
        module: str,
        options: Mapping[str, Any],
        at: Call | None = None,
        do: str = KILL,
        *,
        family: bool = False,
        lasting: bool = False,
        file: str | None = None,
        since: Since | None = None,
    ) -> None:
        _import_all(module)
        # Files without a name, so that nothing of ours is found where the test looks for what is left.
        self._said, self._log = os.memfd_create("said"), os.memfd_create("log")
        ready, go = os.pipe()
        there, come = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(go)
            os.close(there)
            gate = _Gate(come, ready)
            wait = gate.wait if since is None else functools.partial(_wait_after, since, gate)
            _child(module, options, self._said, wait)
        os.close(ready)
        os.close(come)
        assert os.read(there, 1), f"it did not come to {since}"
        os.close(there)
        where = ["-o", f"/proc/{os.getpid()}/fd/{self._log}", "-p", str(self.pid)]
        what = []
        if at is not None:
            when = f"{at.number}{'+' if lasting else ''}"
            what = [f"--inject={at.name}:{do}:when={when}", f"--trace={at.name}"]
        if file is not None:
            what += ["-P", file]
        self._strace = subprocess.Popen(
            ["strace", *(["-f"] if family else []), "-y", "-s", "300", *what, *where],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._strace.stderr is not None
        # From then on it makes no call unseen. Where *file* is a link, it tells that first.
        assert any("attached" in line for line in self._strace.stderr)
        os.close(go)
        # What a failed test leaves stopped.
        self._kill = weakref.finalize(self, os.kill, self.pid, signal.SIGKILL)
        self._at = at
        self._ended: tuple[int, str, str] | None = None

    def stops(self) -> bool:
        """Wait until it is stopped (STOP), or at its end; tell whether it is stopped."""
        found = None
        while found is None:
            time.sleep(0.01)
            found = re.search(r"stopped by SIGSTOP|\+\+\+ (exited|killed)", _text(self._log))
        return found[1] is None

    def stopped(self) -> Traced:
        """Wait until it is stopped (STOP)."""
        assert self.stops()
        return self

    def go_on(self) -> Traced:
        """Let what is stopped go on."""
        os.kill(self.pid, signal.SIGCONT)
        return self

    def _end(self) -> tuple[int, str, str]:
        """Return status, output and log; waits for the end of all that is traced."""
        if self._ended is None:
            status = os.waitpid(self.pid, 0)[1]
            self._kill.detach()
            self._strace.communicate()
            self._ended = status, _text(self._said), _text(self._log)
            os.close(self._said)
            os.close(self._log)
        return self._ended

    @property
    def status(self) -> int:
        """How it ended: 0, or the signal."""
        return self._end()[0]

    @property
    def log(self) -> str:
        """What strace wrote."""
        return self._end()[2]

    @property
    def result(self) -> dict[str, Any]:
        """What the module said at its end; a traceback is an AssertionError."""
        status, said, dummy = self._end()
        return _result(status, said)

    def calls(self) -> list[Call]:
        """Return all the calls that it made, in order."""
        made: collections.Counter[tuple[str, ...]] = collections.Counter()
        found = []
        for line in self.log.splitlines():
            call = _CALL.match(line)
            if call is not None:
                made[call.groups()] += 1
                found.append(Call(call["name"], made[call.groups()], line))
        return found

    def calls_of_children(self) -> list[list[Call]]:
        """Return for each process that it started the calls that it does not make as many of itself (``family``)."""
        made: collections.Counter[str] = collections.Counter()
        found: dict[str, list[Call]] = {}
        for call in self.calls():
            pid = call.text.partition(" ")[0]
            if pid == str(self.pid):
                made[call.name] += 1
            else:
                found.setdefault(pid, []).append(call)
        alone = ([c for c in calls if c.number > made[c.name]] for calls in found.values())
        return [calls for calls in alone if calls]

    @property
    def came_to(self) -> bool:
        """Whether it came to the call at which something was to happen."""
        return self._at is not None and any(call[:2] == self._at[:2] for call in self.calls())


@functools.cache
def _import_all(module: str) -> None:
    """Import what *module* may need, also what it would import only when it needs it."""
    importlib.import_module(_MODULES + module)
    for found in pkgutil.walk_packages(module_utils.__path__, module_utils.__name__ + "."):
        importlib.import_module(found.name)


def untraced(module: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``result`` of *module* with *options*, as `Traced` does, but without strace, which is slow."""
    _import_all(module)
    said = os.memfd_create("said")
    pid = os.fork()
    if pid == 0:
        _child(module, options, said, lambda: None)
    status = os.waitpid(pid, 0)[1]
    with os.fdopen(said, "rb"):
        return _result(status, _text(said))


def _result(status: int, said: str) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(said)
    except ValueError:
        raise AssertionError(f"no result (status {status}): {said}") from None
    if "Traceback" in str(result.get("exception", "")):
        raise AssertionError(result["exception"])
    return result


def _text(descriptor: int) -> str:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")


class _Gate(NamedTuple):
    """Where a child waits until it is traced."""

    come: int
    ready: int

    def wait(self) -> None:
        os.write(self.come, b".")
        # A call that no module makes, as it may be seen or not.
        os.readv(self.ready, [bytearray(1)])


def _child(
    module: str, options: Mapping[str, Any], said: int, before: Callable[[], None]
) -> NoReturn:
    """Run the module after *before*; nothing of the caller's code may run on."""
    text = ""
    try:
        os.setpgid(0, 0)
        signal.alarm(LONGEST)
        before()
        text = output(module, options)
    except BaseException:
        text = traceback.format_exc()
    finally:
        # Not with write(2), which may be what is to fail.
        os.pwrite(said, text.encode(), 0)
        os._exit(0)


def _wait_after(since: Since, gate: _Gate) -> None:
    """Wait there when this function was called for the first time."""
    function = getattr(since.module, since.name)

    def once(*arguments: Any) -> Any:
        setattr(since.module, since.name, function)
        returned = function(*arguments)
        gate.wait()
        return returned

    setattr(since.module, since.name, once)


def output(module: str, options: Mapping[str, Any]) -> str:
    """Return what *module* says; it runs in this very process, which it may leave changed."""
    _be_a_managed_node()
    main = importlib.import_module(_MODULES + module).main
    given, out = patch_module_args(dict(options)), io.StringIO()
    with given, contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main()
    return out.getvalue()


def _be_a_managed_node() -> None:
    """What a test has imported of Ansible's controller may not be what the module works with: it would print its
    warnings instead of returning them, and import more."""
    _internal.is_controller = False
    _internal.import_controller_module = lambda _name: None
    _internal.get_controller_serialize_map = dict
