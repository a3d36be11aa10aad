# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions as a person has them: a browser, a real httpd as balancer, and the demo's application behind it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest
from playwright.sync_api import expect

from ansible_collections.webtier.apache_balancer.tests.support.traffic import Backend

ROOT = Path(__file__).parents[2]
NODES = ("node1", "node2", "node3")
COOKIE = "JSESSIONID"


@pytest.fixture()
def shop(httpd) -> Iterator[str]:
    """The address of a balancer in front of three nodes, none of which had a session yet."""
    with contextlib.ExitStack() as stack:
        members = "".join(
            f"BalancerMember {node.url} route={node.route}\n"
            for node in map(stack.enter_context, [Backend(name) for name in NODES])
        )
        httpd.write(
            "conf/shop.conf",
            f"<Proxy balancer://shop>\n{members}ProxySet stickysession={COOKIE}\n</Proxy>\n"
            "ProxyPass / balancer://shop/\n",
        )
        httpd.start()
        yield f"http://127.0.0.1:{httpd.port}/"


def node(visit) -> str:
    """The node that made the page."""
    name = visit.page.get_by_role("heading", level=1).inner_text()
    assert name in NODES
    return name


def session(visit) -> str:
    """The value of the session cookie that the browser keeps."""
    (cookie,) = visit.page.context.cookies()
    assert cookie["name"] == COOKIE
    assert cookie["httpOnly"] and cookie["path"] == "/"
    return cookie["value"]


def test_every_visit_of_one_browser_is_answered_by_one_node(visitor, shop):
    with visitor() as visit:
        visit.page.goto(shop)
        home, kept = node(visit), session(visit)
        assert kept.endswith(f".{home}")
        for visits in range(2, 12):
            visit.page.get_by_role("link", name="Reload").click()
            expect(visit.page.locator(".visits")).to_have_text(str(visits))
            assert (node(visit), session(visit)) == (home, kept)
            expect(visit.page.get_by_text("known here")).to_be_visible()
        visit.screenshot("demo-node")
        assert all(request.startswith(shop) for request in visit.requests)
        assert visit.complaints == []


def test_another_browser_has_a_session_of_its_own_and_sooner_or_later_another_node(visitor, shop):
    with visitor() as first:
        first.page.goto(shop)
        homes, sessions = {node(first)}, {session(first)}
        for browsers in range(2, 5):
            with visitor() as another:
                another.page.goto(shop)
                expect(another.page.get_by_text("started by this request")).to_be_visible()
                homes.add(node(another))
                sessions.add(session(another))
                assert len(sessions) == browsers
        assert len(homes) > 1
        first.page.reload()
        expect(first.page.locator(".visits")).to_have_text("2")


def test_requests_of_a_script_stay_in_the_session_of_their_page(visitor, shop):
    with visitor() as visit:
        visit.page.goto(shop)
        visit.page.get_by_role("button", name="20 requests, this session").click()
        expect(visit.page.get_by_role("status")).to_have_text(f"{node(visit)}: 20")


def test_requests_without_a_cookie_go_to_all_nodes(visitor, shop):
    with visitor() as visit:
        visit.page.goto(shop)
        visit.page.get_by_role("button", name="20 new sessions").click()
        expect(visit.page.get_by_role("status")).to_have_text(
            re.compile(r"^node1: \d+, node2: \d+, node3: \d+$")
        )


def test_a_session_that_ended_is_followed_by_a_new_one(visitor, shop):
    with visitor() as visit:
        visit.page.goto(shop)
        before = session(visit)
        visit.page.get_by_role("link", name="New session").click()
        expect(visit.page.locator(".visits")).to_have_text("1")
        assert session(visit) != before
        assert session(visit).endswith(f".{node(visit)}")


def demo(command: str, *options: str) -> str:
    """Run what `make demo` runs, in a folder of its own; return what it said."""
    done = subprocess.run(
        [str(ROOT / ".build/venv-demo/bin/python"), "tools/demo.py", command, *options],
        cwd=ROOT,
        env={**os.environ, "DEMO_FOLDER": "demo-browser"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def demonstration() -> Iterator[dict[str, Any]]:
    """The addresses that `make demo` says to open, while it is left running."""
    subprocess.run([str(ROOT / "tools/venv"), "demo"], cwd=ROOT, check=True)
    try:
        said = demo("start", "--port", "28080")
        yield dict(re.findall(r"^  (\w+) +((?:http|file)://\S+)$", said, re.MULTILINE))
    finally:
        demo("stop")


@pytest.mark.long
def test_the_addresses_that_the_demo_says_to_open_can_be_opened(visitor, demonstration):
    assert set(demonstration) == {"balancer", *NODES, "report"}
    for name in NODES:
        with visitor() as visit:
            visit.page.goto(demonstration[name])
            assert node(visit) == name
            expect(visit.page.get_by_text("directly, without a balancer")).to_be_visible()
    with visitor() as visit:
        visit.page.goto(demonstration["balancer"])
        home = node(visit)
        for dummy in range(5):
            visit.page.reload()
            assert node(visit) == home


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_of_the_demo_opens_without_a_complaint(visitor, demonstration, scheme):
    with visitor(color_scheme=scheme) as visit:
        visit.page.goto(demonstration["report"], wait_until="networkidle")
        visit.screenshot(f"demo-report-{scheme}")
        for heading in ("Sessions stick", "A drain under live traffic"):
            expect(visit.page.get_by_role("heading", name=heading)).to_be_visible()
        expect(visit.page.get_by_text("9 claims, all measured true")).to_be_visible()
        assert visit.requests == [demonstration["report"]]
        assert visit.complaints == []
