# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many at a time, and people beside us: no change is lost, whoever made it."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    PrivateHttpd,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import Proxy, vhost
from ansible_collections.webtier.apache_balancer.tests.support.traced import (
    STOP,
    Call,
    Point,
    Traced,
    counterpart,
    points,
)

from .conftest import Tally

APP = "<Proxy balancer://app>\n    BalancerMember http://127.0.0.1:1\n</Proxy>\nProxyPass /app balancer://app\n"
EDIT = "# by hand\n"
TRIES = 5
# Calls after which a run is stopped while a person edits.
STOPS = ("clone", "vfork", "pipe2", "wait4", "flock", "mkdir", "chmod", "fsync", "rename")
# And those about the file that it edits.
LOOKS = ("openat", "read", "close")


@pytest.fixture()
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    """A proxy that is not started."""
    with PrivateHttpd(tmp_path / "httpd", *BALANCER, "authz_host") as httpd:
        # So that there is room for new children beside those that finish their requests.
        httpd.enlarge()
        yield Proxy(httpd)


@pytest.fixture()
def app(proxy: Proxy) -> Proxy:
    """A proxy with one balancer."""
    return proxy.start(vhost("app.example.com", APP))


def httpd(proxy: Proxy) -> dict[str, Any]:
    instance = {"server_root": str(proxy.httpd.root), "config_file": str(proxy.httpd.config_file)}
    return {"httpd": {"binary": BINARY, **instance}}


def member(proxy: Proxy, number: int, **options: Any) -> dict[str, Any]:
    """Return the declaration for the module balancer that adds one member to the balancer."""
    url = f"http://127.0.0.1:{1000 + number}"
    return {**httpd(proxy), "name": "app", "members": [{"url": url}], "purge": [], **options}


def another(proxy: Proxy, number: int, **options: Any) -> dict[str, Any]:
    """Return the declaration for the module balancer that adds a balancer to the same file."""
    members = [{"url": "http://127.0.0.1:1"}]
    place = {"path": str(proxy.httpd.root / "conf/more.conf")}
    return {**httpd(proxy), "name": f"more-{number}", "members": members, **place, **options}


@pytest.mark.parametrize("validate", [False, True], ids=["not validated", "validated"])
@pytest.mark.parametrize("make", [member, another], ids=["one balancer", "one file"])
def test_of_many_writers_none_loses_a_change(
    app: Proxy, tally: Tally, full: bool, validate: bool, make: Callable[..., dict[str, Any]]
) -> None:
    """Each adds a member of its own to one balancer, or a balancer of its own to one file."""
    app.httpd.write("conf/more.conf", "# more\n")
    count = 20 if full or not validate else 6
    declared = [make(app, number) for number in range(count)]
    writers = [Traced("balancer", {**options, "validate": validate}) for options in declared]
    tally("races run", len(writers))
    results = [writer.result for writer in writers]
    balancers = app.run("balancer_info")["balancers"]
    found = [(each["name"], one["url"]) for each in balancers for one in each["members"]]
    wanted = [(options["name"], options["members"][0]["url"]) for options in declared]
    tally.lost(len({*wanted} - {*found}))
    assert sorted(found) == sorted([("app", "http://127.0.0.1:1"), *wanted])
    assert [result for result in results if "msg" in result or not result["changed"]] == []


def test_the_lock_of_a_writer_that_dies_is_free_for_those_who_wait(
    app: Proxy, tally: Tally
) -> None:
    holder = member(app, 0, validate=False)
    # It has changed the file, and its change is not complete.
    dies = Traced("balancer", holder, Call("renameat2", 1, ""), STOP).stopped()
    waiting = [Traced("balancer", member(app, number, validate=False)) for number in range(1, 6)]
    os.kill(dies.pid, signal.SIGKILL)
    tally("races run", len(waiting))
    results = [each.result for each in waiting]
    assert dies.status == signal.SIGKILL
    assert [result for result in results if "msg" in result or not result["changed"]] == []
    assert any("was rolled back" in str(result.get("warnings")) for result in results)
    urls = {each["url"] for each in app.info()["members"]}
    assert urls == {f"http://127.0.0.1:{port}" for port in (1, *range(1001, 1006))}


def in_place(path: Path) -> None:
    with open(path, "a") as stream:
        stream.write(EDIT)


def by_another_file(path: Path) -> None:
    new = path.with_name("edited")
    new.write_text(path.read_text() + EDIT)
    new.rename(path)


@pytest.mark.parametrize("edit", [in_place, by_another_file])
def test_what_a_person_writes_meanwhile_is_never_overwritten(
    app: Proxy,
    tally: Tally,
    full: bool,
    dice: random.Random,
    edit: Callable[[Path], None],
) -> None:
    before = app.site.read_text()
    declared = member(app, 0, validate=False)

    def trace() -> dict[Point, Call]:
        app.site.write_text(before)
        calls = Traced("balancer", declared).calls()
        last = next(
            place
            for place, call in enumerate(calls)
            if call.name == "renameat2" and f'"{app.site}"' in call.text
        )
        return points(call for call in calls[:last] if call.name in STOPS)

    def stopped(point: Point) -> Traced:
        """Return a run that is stopped there. It may wait for httpd in another number of calls than the one before."""
        found = between
        for dummy in range(TRIES):
            app.site.write_text(before)
            at = counterpart(point, found)
            writer = Traced("balancer", declared, at and found[at], STOP)
            if writer.stops():
                return writer
            found = trace()
        raise AssertionError(point)

    between = trace()
    after = app.site.read_text()
    chosen = [*between]
    locked = next(place for place, point in enumerate(chosen) if point.name == "flock")
    few = [*dice.sample(chosen[:locked], 4), *dice.sample(chosen[locked:], 8)]
    told = kept = 0

    def edited(writer: Traced) -> None:
        nonlocal told, kept
        edit(app.site)
        result = writer.go_on().result
        tally("races run")
        now = app.site.read_text()
        if "msg" in result:
            told += 1
            assert now == before + EDIT
            assert f"{app.site}: was changed by somebody else" in result["msg"]
        else:
            kept += 1
            assert now == after + EDIT

    for point in chosen if full else few:
        edited(stopped(point))
    assert told and kept
    # Whenever it looks at the file, the last time between that and the exchange of the two.
    app.site.write_text(before)
    file = str(app.site)
    calls = Traced("balancer", declared, file=file).calls()
    last = next(place for place, call in enumerate(calls) if call.name == "renameat2")
    looks = [call for call in calls[:last] if call.name in LOOKS]
    for call in looks if full else [*dice.sample(looks[:-1], 4), looks[-1]]:
        app.site.write_text(before)
        edited(Traced("balancer", declared, call, STOP, file=file).stopped())


def test_many_live_changes_at_once_leave_file_and_running_httpd_the_same(
    proxy: Proxy, tally: Tally
) -> None:
    ports = range(1, 9)
    lines = "".join(f"BalancerMember http://127.0.0.1:{port}\n" for port in ports)
    text = f"<Proxy balancer://app>\n{lines}</Proxy>\nProxyPass /app balancer://app\n"
    proxy.start(vhost("app.example.com", text))
    writers = [
        Traced(
            "balancer_member",
            {
                **httpd(proxy),
                "url": f"http://127.0.0.1:{port}",
                "manager_url": [proxy.manager_url],
                "loadfactor": str(port + 10),
            },
        )
        for port in ports
    ]
    tally("races run", len(writers))
    for writer in writers:
        result = writer.result
        assert "msg" not in result and result["changed"] and not result["reload_required"], result
    state = proxy.run("balancer_info")
    assert state["reload_required"] is False, state["reload_reasons"]
    (balancer,) = state["balancers"]
    assert balancer["drift"] == []
    factors = [each["runtime"]["loadfactor"] for each in balancer["members"]]
    assert factors == [port + 10 for port in ports]


@pytest.mark.parametrize("target", ["both", "runtime"])
def test_a_reload_by_somebody_else_in_the_middle_of_a_live_change_loses_nothing(
    app: Proxy, tally: Tally, full: bool, dice: random.Random, target: str
) -> None:
    """Each reload makes new nonces, and httpd forgets what it was given but by its files."""
    text = app.site.read_text()
    url = "http://127.0.0.1:1"
    declared = {
        **httpd(app),
        "url": url,
        "state": "drained",
        "manager_url": [app.manager_url],
        "target": target,
        "min_usable": 0,
    }
    calls = Traced("balancer_member", declared).calls()
    asked = [call for call in calls if call.name == "sendto" or "AF_INET" in call.text]
    # What the running httpd alone was given is gone with a reload after the last look, as it should.
    asked = [call for call in asked if call.name in ("connect", "sendto")][:-1]
    assert any("POST" in call.text for call in asked)
    for call in asked if full else dice.sample(asked, 4):
        app.site.write_text(text)
        app.httpd.reload()
        writer = Traced("balancer_member", declared, call, STOP).stopped()
        app.httpd.reload()
        result = writer.go_on().result
        tally("races run")
        assert "msg" not in result, (call, result)
        assert app.member(url)["runtime"]["drained"] is True, call
        assert ("status=+N" in app.site.read_text()) is (target == "both")
