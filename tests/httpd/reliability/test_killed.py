# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed at any call to the system: the configuration stays whole, and the next run puts right what is left."""

from __future__ import annotations

import collections
import os
import random
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Sequence

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import (
    _namespaces,
    _preflight,
    _process,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
    wait_for,
)
from ansible_collections.webtier.apache_balancer.tests.support.several_files import (
    MEMORY,
    SeveralFiles,
)
from ansible_collections.webtier.apache_balancer.tests.support.traced import (
    HAS_LOCK,
    Call,
    Point,
    Since,
    Traced,
    by_lock,
    counterpart,
    points,
    until_freed,
    untraced,
)

from .conftest import Tally

# The calls that a commit consists of. A kill before any other call leaves what a kill before the next of these does.
COMMIT = ("rename", "renameat2", "unlink", "rmdir", "mkdir", "symlink", "fsync")
ELSEWHERE = 4
# How many runs may be needed to kill one at a given call, as no two make the very same ones.
TRIES = 5

Kill = Callable[..., Traced]


@pytest.fixture()
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SeveralFiles]:
    """An httpd that serves, and a change of several of its files."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with PrivateHttpd(tmp_path / "httpd", *BALANCER) as httpd:
        files = SeveralFiles(httpd)
        httpd.start()
        pid, children = httpd.pid, httpd.children()
        yield files
        assert (httpd.pid, httpd.children()) == (pid, children)
        assert httpd.get("/").status == 404


@pytest.fixture()
def kill(site: SeveralFiles, tally: Tally) -> Kill:
    """Let the change be made and killed at a call, and hold that nothing is lost."""

    def killed(call: Call, **how: Any) -> Traced:
        site.reset()
        traced = Traced("configuration", site.change, call, **how)
        assert traced.status in (0, signal.SIGKILL), traced.result
        try:
            if traced.came_to:
                tally("points killed")
                _look_after(site, traced, odd=call.number % 2 == 1)
        except Exception:
            tally.lost()
            print(f"killed at {call.text}")
            raise
        return traced

    return killed


def _look_after(site: SeveralFiles, traced: Traced, odd: bool) -> None:
    """Hold what is promised of a run that was killed, and of the next one, which is another one or the same again."""
    now = site.picture()
    site.check_each()
    site.check_start()
    if traced.status == 0:
        # A process that it had started was killed: it says so, and nothing was changed; or it went on without.
        failed = "msg" in traced.result
        assert now == (site.old if failed else site.new), traced.result
    if odd:
        _recover(site)
        result = site.run(site.change)
    else:
        foretold = site.run(site.change, check=True)
        result = site.run(site.change)
        assert foretold["changed"] == result["changed"], (foretold, result)
    assert site.picture() == site.new
    assert result["reload_required"] is True
    assert site.remains() == set()
    wait_for(lambda: not site.processes(), f"the end of {site.processes()}")
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


def _recover(site: SeveralFiles) -> None:
    """Hold that a run with nothing else to do completes the change or takes it back, says so, and foresees it."""
    now = site.picture()
    foretold = site.run(site.nothing, check=True)
    assert site.picture() == now
    result = site.run(site.nothing)
    after = site.picture()
    assert after in (site.old, site.new)
    changed = site.files(after) != site.files(now)
    assert foretold["changed"] == result["changed"] == changed, (foretold, result)
    if changed:
        assert "is to be rolled back" in str(foretold["warnings"])
        assert "was rolled back" in str(result["warnings"])


def _way(name: str, *marks: Any) -> Any:
    return pytest.param(name, marks=marks, id=name)


WAYS = [
    _way("private namespaces", pytest.mark.namespaces("root")),
    _way("user namespace", pytest.mark.namespaces("user")),
    _way("shadow copy"),
    _way("not validated"),
]


@pytest.fixture()
def way(request: pytest.FixtureRequest, site: SeveralFiles, monkeypatch: pytest.MonkeyPatch) -> str:
    """The way in which the change is proven, and no other."""
    name: str = request.param
    if name == "not validated":
        site.change["validate"] = False
    elif name == "shadow copy":
        monkeypatch.setattr(_namespaces, "_libc", None)
        monkeypatch.setattr(_process, "run", _in_one_piece)
    else:
        own_user = name == "user namespace"
        monkeypatch.setattr(_preflight, "_WAYS", [_preflight._Way(name, own_user)])
    return name


def _in_one_piece(
    command: Sequence[str], variables: dict[str, str], _timeout: float
) -> tuple[int, bytes, bytes]:
    """Do what ``_process.run`` does, but read what was said at the end: it comes in other pieces each time."""
    with os.fdopen(os.memfd_create("out"), "w+b") as out, os.fdopen(
        os.memfd_create("err"), "w+b"
    ) as err:
        done = subprocess.run(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd="/",
            check=False,
        )
        out.seek(0)
        err.seek(0)
        return done.returncode, out.read(), err.read()


PROVES = {"not validated": "no", "shadow copy": "tested"}


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_a_run_killed_at_any_call_loses_nothing(
    way: str, site: SeveralFiles, kill: Kill, full: bool, dice: random.Random
) -> None:
    """With ``--full`` at every call while it has the lock, and at some elsewhere."""
    traced = Traced("configuration", site.change)
    assert traced.result["validated"] == PROVES.get(way, "rehearsed")
    dummy, outside = by_lock(traced.calls())

    def held() -> dict[Point, Call]:
        site.reset()
        calls = Traced("configuration", site.change, since=HAS_LOCK).calls()
        return points(until_freed(calls))

    def hits(point: Point | None) -> bool:
        """Kill it at this point, and tell whether that was where it ended."""
        if point is None:
            return False
        killed = kill(inside[point], since=HAS_LOCK)
        return killed.status == signal.SIGKILL and point == [*points(killed.calls())][-1]

    inside = held()
    commit = [point for point in inside if point.name in COMMIT]
    assert len(commit) > 40
    # What is under the lock is the same whatever came before it.
    left = [*inside] if full else commit if way == "not validated" else commit[::20]
    for again in range(TRIES):
        if again and left:
            inside = held()
        left = [point for point in left if not hits(counterpart(point, inside))]
    assert left == []
    for call in dice.sample(outside, 50 if full else ELSEWHERE):
        assert any(kill(one).status for one in [call, *dice.sample(outside, TRIES)]), call


@pytest.mark.parametrize("way", WAYS[:3], indirect=True)
def test_a_process_that_a_run_started_is_killed_and_nothing_is_lost(
    way: str, site: SeveralFiles, kill: Kill, full: bool, dice: random.Random
) -> None:
    def trace() -> list[Call]:
        site.reset()
        by_process = Traced("configuration", site.change, family=True).calls_of_children()
        return [call for calls in by_process for call in calls]

    calls = trace()
    left = _mixed(calls, 200 if full else ELSEWHERE, dice)
    for again in range(TRIES):
        if again and left:
            # How often they look whether something is there yet, is another number each time.
            calls = trace()
            left = [_like(call, calls) for call in left]
        left = [call for call in left if not kill(call, family=True).came_to]
    assert left == []


def _mixed(calls: Sequence[Call], number: int, dice: random.Random) -> list[Call]:
    """Draw up to *number* of *calls*, of each name one before a second of any: most ask for randomness."""
    drawn: collections.Counter[str] = collections.Counter()
    turns = []
    for call in dice.sample(calls, len(calls)):
        drawn[call.name] += 1
        turns.append((drawn[call.name], call))
    turns.sort(key=lambda turn: turn[0])
    return [call for dummy, call in turns[:number]]


def _like(call: Call, others: Iterable[Call]) -> Call:
    """Return that of *others* which is most like *call*."""
    return min(others, key=lambda one: (one.name != call.name, abs(one.number - call.number)))


@pytest.fixture()
def bad(site: SeveralFiles) -> SeveralFiles:
    """A change that httpd would not start with, though httpd -t has nothing against it: a logger that is not there."""
    logger = f'CustomLog "|{site.root}/nowhere" common\n'
    site.change["files"].append(site.file("conf/logger.conf", content=logger))
    return site


def test_what_httpd_would_not_start_with_is_seen(bad: SeveralFiles) -> None:
    """The look that every test here takes can fail."""
    bad.check_start()
    bad.run({**bad.change, "validate": False})
    with pytest.raises(AssertionError):
        bad.check_start()


@pytest.mark.parametrize("way", WAYS[:2], indirect=True)
@pytest.mark.parametrize("error", ["EAGAIN", "ENOMEM"])
def test_a_change_for_whose_proof_there_is_no_room_is_not_written(
    way: str, bad: SeveralFiles, error: str, tally: Tally
) -> None:
    forks = [call for call in Traced("configuration", bad.change).calls() if call.name == "clone"]
    assert forks
    for call in forks:
        bad.reset()
        traced = Traced("configuration", bad.change, call, f"error={error}")
        assert traced.came_to and "msg" in traced.result, traced.result
        assert bad.picture() == bad.old
        tally("faults injected")


@pytest.mark.parametrize("way", WAYS[:3], indirect=True)
def test_a_change_whose_proof_was_killed_is_not_written(
    way: str, bad: SeveralFiles, full: bool, dice: random.Random, tally: Tally
) -> None:
    """Nor is less of a proof taken for it."""
    site = bad
    proven = PROVES.get(way, "rehearsed") == "rehearsed"
    traced = Traced("configuration", site.change, family=True)
    by_process = traced.calls_of_children()
    assert ("would not start" in traced.result.get("msg", "")) is proven
    assert len(by_process) > (6 if proven else 3)
    killed = 0
    chosen = by_process if full else dice.sample(by_process, min(len(by_process), 8))
    for calls in chosen:
        for call in dice.sample(calls, min(len(calls), 20 if full else 1)):
            site.reset()
            traced = Traced("configuration", site.change, call, family=True)
            assert traced.status in (0, signal.SIGKILL), traced.result
            if traced.status == signal.SIGKILL:
                # It does not make the same calls each time, and was killed itself.
                continue
            killed += traced.came_to
            if proven or "msg" in traced.result:
                assert "msg" in traced.result, (call, traced.result)
                assert site.picture() == site.old, call
            assert "Traceback" not in str(traced.result), traced.result
    tally("points killed", killed)
    assert killed


def test_a_reload_killed_at_any_call_is_done_or_left_to_the_next(
    tmp_path: Path, full: bool, dice: random.Random, tally: Tally
) -> None:
    with PrivateHttpd(tmp_path / "httpd", *BALANCER) as httpd:
        # So that there is room for new children beside those that end.
        httpd.enlarge()
        site = SeveralFiles(httpd)
        pid = httpd.start().pid
        common = {"httpd": site.nothing["httpd"]}
        options = {**common, "only_if_needed": False}
        times = 100 if full else 5
        required = set()
        # Before and after it remembers what was loaded.
        for since, until in (HAS_LOCK, "rename"), (Since(os, "replace"), None):
            calls = Traced("graceful_reload", options, since=since).calls()
            last = next((n for n, call in enumerate(calls) if call.name == until), len(calls))
            assert (until is None) or MEMORY in calls[last].text
            # How often it looks whether httpd has loaded it, is another number each time.
            draws = iter(dice.sample(calls[:last], min(last, times * TRIES)))
            killed = 0
            while killed < times:
                call = next(draws)
                httpd.write("conf/keep.conf", f"# kept: {call.name} {call.number}\n")
                before = site.picture()
                traced = Traced("graceful_reload", options, call, since=since)
                assert traced.status in (0, signal.SIGKILL), traced.result
                killed += traced.status == signal.SIGKILL
                assert site.picture() == before
                done = untraced("graceful_reload", common)
                assert "msg" not in done, (call, done)
                required.add(done["changed"])
                wait_for(lambda: httpd.get("/").status == 404, "an answer")
                assert httpd.pid == pid
                assert untraced("balancer_info", common)["reload_required"] is False, call
                # What is there now is what a roll-back would bring back.
                back = {**common, "state": "rolled_back", "_ansible_check_mode": True}
                assert untraced("configuration", back)["changed"] is False, call
                assert site.remains() == set() and site.processes() == []
            tally("points killed", killed)
        assert required == {True, False}
