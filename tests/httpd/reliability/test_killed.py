# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed at any call to the system: the configuration stays whole, and the next run puts right what is left."""

from __future__ import annotations

import random
import signal
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import _namespaces, _preflight
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
    wait_for,
)
from ansible_collections.webtier.apache_balancer.tests.support.several_files import (
    MEMORY,
    SeveralFiles,
)
from ansible_collections.webtier.apache_balancer.tests.support.traced import Call, Traced, by_lock

from .conftest import Tally

# The calls that a commit consists of. A kill before any other call leaves what a kill before the next of these does.
COMMIT = ("rename", "renameat2", "unlink", "rmdir", "mkdir", "symlink", "fsync")
ELSEWHERE = 4

Kill = Callable[..., bool]


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
    """Let the change be made and killed at a call, and hold that nothing is lost; tell whether it was killed there."""

    def killed(call: Call, family: bool = False) -> bool:
        site.reset()
        traced = Traced("configuration", site.change, call, family=family)
        assert traced.status in (0, signal.SIGKILL), traced.result
        try:
            if not traced.came_to:
                return False
            tally("points killed")
            _look_after(site, traced, odd=call.number % 2 == 1)
        except Exception:
            tally.lost()
            print(f"killed at {call.text}")
            raise
        return True

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
    else:
        own_user = name == "user namespace"
        monkeypatch.setattr(_preflight, "_WAYS", [_preflight._Way(name, own_user)])
    return name


PROVES = {"not validated": "no", "shadow copy": "tested"}


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_a_run_killed_at_any_call_loses_nothing(
    way: str, site: SeveralFiles, kill: Kill, full: bool, dice: random.Random
) -> None:
    """With ``--full`` at every call while it has the lock, and at some elsewhere."""
    traced = Traced("configuration", site.change)
    calls = traced.calls()
    assert traced.result["validated"] == PROVES.get(way, "rehearsed")
    inside, outside = by_lock(calls)
    commit = [call for call in inside if call.name in COMMIT]
    assert len(commit) > 40
    # What is under the lock is the same whatever came before it.
    chosen = commit if way == "not validated" else commit[::20]
    assert [call for call in chosen if not kill(call)] == []
    if full:
        assert sum(map(kill, inside)) > 0.9 * len(inside)
    assert sum(map(kill, dice.sample(outside, 50 if full else ELSEWHERE))) > 0


@pytest.mark.parametrize("way", WAYS[:3], indirect=True)
def test_a_process_that_a_run_started_is_killed_and_nothing_is_lost(
    way: str, site: SeveralFiles, kill: Kill, full: bool, dice: random.Random
) -> None:
    by_process = Traced("configuration", site.change, family=True).calls_of_children()
    calls = [call for calls in by_process for call in calls]
    chosen = dice.sample(calls, min(len(calls), 500) if full else ELSEWHERE)
    assert sum(kill(call, family=True) for call in chosen) > 0


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
        calls = Traced("graceful_reload", options).calls()
        locked = next(place for place, call in enumerate(calls) if call.name == "flock")
        # The memory of what was loaded.
        noted = next(
            place
            for place, call in enumerate(calls)
            if MEMORY in call.text and call.name == "rename"
        )
        times = 100 if full else 5
        chosen = [*dice.sample(calls[locked:noted], times), *dice.sample(calls[noted + 1 :], times)]
        killed, required = 0, set()
        for call in chosen:
            httpd.write("conf/keep.conf", f"# kept: {call.name} {call.number}\n")
            before = site.picture()
            traced = Traced("graceful_reload", options, call)
            assert traced.status in (0, signal.SIGKILL), traced.result
            killed += traced.status == signal.SIGKILL
            assert site.picture() == before
            done = Traced("graceful_reload", common).result
            assert "msg" not in done, (call, done)
            required.add(done["changed"])
            wait_for(lambda: httpd.get("/").status == 404, "an answer")
            assert httpd.pid == pid
            assert Traced("balancer_info", common).result["reload_required"] is False, call
            # What is there now is what a roll-back would bring back.
            back = {**common, "state": "rolled_back", "_ansible_check_mode": True}
            assert Traced("configuration", back).result["changed"] is False, call
            assert site.remains() == set() and site.processes() == []
        tally("points killed", killed)
        assert killed and required == {True, False}
