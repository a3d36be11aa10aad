# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of a balancer that 50 sticky sessions use all the while."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from typing import Any, Callable, Iterator, Sequence

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    PrivateHttpd,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import Proxy
from ansible_collections.webtier.apache_balancer.tests.support.traffic import (
    Backend,
    Load,
    Request,
    Takes,
    Timeline,
)

from . import series

SESSIONS = 50
# An answer takes this long (seconds), so that there are always some requests in flight.
PATH = "/api?sleep=0.02"


class Busy(Proxy):
    """A proxy with more than one child process, its two balancers and their application servers."""

    def __init__(self, httpd: PrivateHttpd, nodes: dict[str, Backend]) -> None:
        super().__init__(httpd)
        self.nodes = nodes
        self.cluster = self.new_cluster()

    def new_cluster(self, added: int = series.ADDED) -> series.Cluster:
        """Return the balancers as they are at first; *added*: how many members `app` gets later."""
        urls = {name: node.url for name, node in self.nodes.items()}
        return series.Cluster(urls, len(urls) - added)

    def load(self, **options: Any) -> Load:
        """Return the clients of `app`."""
        options = {"sessions": SESSIONS, "path": PATH, **options}
        return Load("127.0.0.1", self.httpd.port, **options)

    def check(self) -> None:
        """What was declared, the files and the running httpd are the same, and nothing waits for a reload."""
        shown = self.run("balancer_info")
        assert [balancer["drift"] for balancer in shown["balancers"]] == [[], []]
        assert (shown["reload_required"], shown["reload_reasons"]) == (False, [])
        members = {row["name"]: row["members"] for row in shown["balancers"]}
        for name, declared in (("app", self.cluster.app), ("quiet", self.cluster.quiet)):
            assert {
                (m["url"], m["runtime"]["route"], m["runtime"]["lbset"]) for m in members[name]
            } == {(m.url, m.route, m.lbset) for m in declared.values()}
        for running in members["app"]:
            member = next(m for m in self.cluster.app.values() if m.url == running["url"])
            flags = {word for word in series.LETTERS if running["runtime"][word]}
            assert flags == ({member.status} if member.status else set())
            assert running["runtime"]["loadfactor"] == member.loadfactor


@pytest.fixture()
def busy(tmp_path) -> Iterator[Busy]:
    """A proxy that is not started."""
    modules = ("proxy", "proxy_http", "proxy_balancer", "slotmem_shm", "authz_host")
    methods = (f"lbmethod_{name}" for name in series.METHODS)
    names = [f"n{number}" for number in range(1, 4 + series.ADDED)]
    with contextlib.ExitStack() as stack:
        nodes = {name: Backend(name) for name in names}
        for node in nodes.values():
            stack.enter_context(node)
        httpd = stack.enter_context(PrivateHttpd(tmp_path / "httpd", *modules, *methods))
        httpd.enlarge()
        yield Busy(httpd, nodes)


@pytest.fixture()
def say(capsys) -> Callable[[str], None]:
    """Print in spite of pytest."""

    def out(text: str) -> None:
        with capsys.disabled():
            print(text)

    return out


def shown(what: str, load: Load, seconds: float, **more: object) -> str:
    counts = {**more, **load.summary()}
    return f"\n{what}, {seconds:.0f} s: " + ", ".join(f"{k}: {v}" for k, v in counts.items())


def moves_each(load: Load, taken_out: Sequence[tuple[float, str]]) -> Counter[object]:
    """Count the moves of each session from a node, for each time (*taken_out*: when, and which) it was taken out."""

    def cause(move: Request) -> float:
        return max(begin for begin, node in taken_out if node == move.before and begin <= move.end)

    return Counter((move.session, move.before, cause(move)) for move in load.moves)


@pytest.mark.parametrize(
    "wanted, changes, seed",
    [
        # With this seed each node is open to new sessions for half of the time.
        pytest.param(series.FEW, 46, 179, id="46 changes"),
        pytest.param(series.KINDS, 200, 1, id="200 changes", marks=pytest.mark.long),
    ],
)
def test_live_changes_lose_no_request_and_move_no_session_but_those_that_must(
    busy: Busy, say: Callable[[str], None], wanted: Counter[str], changes: int, seed: int
):
    cluster = busy.cluster
    busy.start(cluster.text())
    before = busy.generation
    kinds: Counter[str] = Counter()
    taken_out: list[tuple[float, str]] = []
    rows = 0
    with busy.load() as load, busy.load(sessions=0, path="/quiet" + PATH) as quiet:
        timeline = Timeline(cluster.takes())
        for call in series.plan(cluster, wanted, seed):
            begin = load.now()
            result = busy.run(call.module, **call.options)
            for state in (*call.between, cluster.takes()):
                timeline.change(begin, load.now(), state)
            runtime = [change for change in result["changes"] if change["layer"] == "runtime"]
            assert result["changed"] and runtime, (call, result)
            assert (result["reload_required"], result["reload_reasons"]) == (False, []), call
            rows += len(runtime)
            kinds[call.kind] += 1
            if call.kind == "take out":
                taken_out.append((begin, call.options["route"]))
        time.sleep(0.5)
        seconds = load.now()
    say(shown(f"{rows} live changes", load, seconds, **kinds))
    assert kinds == wanted and rows == len(cluster.history) == changes
    assert load.failed == [] and quiet.failed == []
    assert load.surprises(timeline) == []
    # A session without a request while its node is out stays where it is, so only this is certain.
    assert load.moves and set(moves_each(load, taken_out).values()) == {1}
    assert {request.node for request in load.newcomers} == set(cluster.app)
    assert busy.generation == before
    busy.check()


@pytest.mark.long
def test_the_same_200_changes_by_reloads_for_comparison(busy: Busy, say: Callable[[str], None]):
    """As a template and a handler would do it."""
    cluster = busy.cluster
    busy.start(cluster.text())
    assert len(list(series.plan(cluster, series.KINDS))) < len(cluster.history) == 200
    with busy.load() as load:
        timeline = Timeline(busy.new_cluster().takes())
        for text, state in cluster.history:
            begin = load.now()
            busy.site.write_text(text)
            busy.httpd.reload()
            # The old children still answer what they have.
            timeline.change(begin, load.now() + 1, state)
            time.sleep(max(0.0, begin + 0.3 - load.now()))
        seconds = load.now()
    say(shown("200 changes by reload", load, seconds))
    say(f"of the {len(load.moves)} moves {len(load.surprises(timeline))} were not to be")
    # Otherwise it is not the same traffic.
    assert load.requests > 10 * SESSIONS and load.reconnects > 200
    busy.reload()
    busy.check()


def test_after_each_kind_of_change_a_reload_finds_nothing_to_do(busy: Busy):
    cluster = busy.cluster = busy.new_cluster(added=1)
    busy.start(cluster.text())
    twice = ("take out", "enable", "add a member", "route")
    kinds = Counter({kind: 2 if kind in twice else 1 for kind in series.KINDS})
    for call in series.plan(cluster, kinds):
        result = busy.run(call.module, **call.options)
        assert {change["layer"] for change in result["changes"]} == {"config", "runtime"}
        busy.check()
        again = busy.run(call.module, **call.options)
        assert (again["changed"], again["changes"]) == (False, []), call
        busy.run("graceful_reload", only_if_needed=False)
        busy.check()


def test_reloads_by_others_in_the_middle_lose_no_change(busy: Busy, say: Callable[[str], None]):
    cluster = busy.cluster
    busy.start(cluster.text())
    dice = random.Random(1)
    reloads: list[float] = []

    def logrotate() -> None:
        os.kill(busy.httpd.pid, signal.SIGUSR1)

    with busy.load() as load:
        timeline = Timeline(cluster.takes())
        for call in series.plan(cluster, series.FEW, seed=2):
            begin = load.now()
            # More often, and a child process of httpd 2.4.71 ends by a segmentation fault now and then.
            if begin > (reloads or [0.0])[-1] + 1.5:
                reloads.append(begin)
                threading.Timer(dice.uniform(0, 0.4), logrotate).start()
            result = busy.run(call.module, **call.options)
            for state in (*call.between, cluster.takes()):
                timeline.change(begin, load.now(), state)
            assert result["changed"] is True, call
        time.sleep(0.5)
        seconds = load.now()
    changes = f"{series.FEW.total()} live changes, {len(reloads)} reloads by others"
    say(shown(changes, load, seconds))
    assert "Segmentation fault" not in busy.httpd.log()
    assert len(reloads) > 3 and load.reconnects > 0
    assert load.failed == []
    assert load.surprises(timeline) == []
    state = busy.run("balancer_info")
    assert [balancer["drift"] for balancer in state["balancers"]] == [[], []]
    # Of a file that was written just before somebody reloaded httpd, nobody knows what it has read.
    for reason in state["reload_reasons"]:
        assert reason.endswith(
            "changed just before httpd last loaded its configuration, perhaps too late for it"
        )
    assert busy.run("graceful_reload")["changed"] is state["reload_required"]
    busy.check()


class TestThisHarness:
    """What is above can fail."""

    def test_sees_what_a_killed_server_does(self, busy: Busy):
        busy.start(busy.cluster.text())
        with busy.load() as load:
            timeline = Timeline(busy.cluster.takes())
            lost = load.on("n2")
            assert lost
            busy.nodes["n2"].kill()
            time.sleep(1.5)
        assert {request.session for request in load.moves} == lost
        assert {request.before for request in load.surprises(timeline) if request.moved} == {"n2"}

    def test_sees_what_a_restart_does(self, busy: Busy):
        busy.start(busy.cluster.text())
        with busy.load(slow=10) as load:
            time.sleep(1)
            busy.httpd.reload(signal.SIGHUP)
            time.sleep(1)
        assert load.failed and load.reconnects > 0

    def test_sees_sessions_move_that_were_not_to_move(self, busy: Busy):
        busy.start(busy.cluster.text())
        with busy.load() as load:
            timeline = Timeline(busy.cluster.takes())
            moving = load.on("n1")
            busy.run("balancer_member", route="n1", balancer="app", state="disabled")
            time.sleep(0.5)
        surprises = load.surprises(timeline)
        assert {request.session for request in surprises if request.moved} == moving

    def test_sees_a_new_session_where_none_was_to_begin(self, busy: Busy):
        busy.start(busy.cluster.text())
        with busy.load() as load:
            drained = {**busy.cluster.takes(), "n1": Takes(keeps=True, new=False)}
            timeline = Timeline(drained)
            time.sleep(1)
        assert {request.node for request in load.surprises(timeline)} == {"n1"}
