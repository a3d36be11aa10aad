# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health checks by a real mod_proxy_hcheck."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Iterator

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    MODULES,
    wait_for,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import Proxy, vhost

HCHECK = f"LoadModule proxy_hcheck_module {MODULES}/mod_proxy_hcheck.so\n"
ODD = """a"b'c\\d/e{f}g%{h}$i${PATH}(j)[k]*l.m+n?o|p^q#r&s<t>u=v;w,x~y é"""


class Node:
    """A backend whose health is what the test says: *status* and *body* of ``/health``, asked for as in *asked*.
    *lines*: the first line of each request."""

    def __init__(self, route: str) -> None:
        self.route = route
        self.status = 200
        self.body = "all is well"
        self.asked: list[str] = []
        self.lines: list[str] = []
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                node.lines.append(self.requestline)
                checked = self.path.endswith("/health")
                if checked:
                    node.asked.append(f"{self.command} {self.path}")
                body = node.body.encode() if checked else b"x"
                self.send_response(node.status if checked else 200)
                self.send_header("X-Served-By", node.route)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_OPTIONS = do_GET

            def log_message(self, *dummy: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Node:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture()
def nodes() -> Iterator[list[Node]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Node(route)) for route in ("n1", "n2")]


def site(nodes: list[Node], path: str = "") -> str:
    members = "".join(f"        BalancerMember {n.url}{path} route={n.route}\n" for n in nodes)
    return vhost(
        "app.example.com",
        f"    <Proxy balancer://app>\n{members}    </Proxy>\n    ProxyPass /app/ balancer://app/\n",
    )


@pytest.fixture()
def checking(proxy: Proxy, nodes: list[Node]) -> Proxy:
    """A proxy that can check, and does not yet."""
    return proxy.start(HCHECK + site(nodes))


def loaded(proxy: Proxy, **health_check) -> None:
    proxy.run(
        "balancer", name="app", target="config", health_check={"interval": "100ms", **health_check}
    )
    proxy.reload()


def failed(proxy: Proxy) -> list[str]:
    """The routes of the members whose health check fails."""
    return [
        member["runtime"]["route"]
        for member in proxy.info()["members"]
        if member["runtime"]["health_check_failed"]
    ]


def answering(proxy: Proxy) -> set[str]:
    return {str(proxy.httpd.get("/app/x").headers["X-Served-By"]) for dummy in range(8)}


def test_a_node_that_is_not_well_gets_nothing_and_comes_back(checking: Proxy, nodes):
    loaded(checking, uri="/health", passes=2, fails=2)
    wait_for(lambda: nodes[0].asked and nodes[1].asked, "a check of each")
    assert failed(checking) == [] and answering(checking) == {"n1", "n2"}
    nodes[0].status = 503
    wait_for(lambda: failed(checking) == ["n1"], "n1 to fail")
    assert answering(checking) == {"n2"}
    nodes[0].status = 200
    wait_for(lambda: failed(checking) == [], "n1 to pass")
    assert answering(checking) == {"n1", "n2"}


@pytest.mark.parametrize(
    ("expected", "good", "bad"), [(["401"], 401, 200), (["2xx", "404-410"], 405, 302)]
)
def test_the_expected_status_decides(checking: Proxy, nodes, expected, good, bad):
    nodes[0].status, nodes[1].status = good, bad
    loaded(checking, uri="/health", expect_status=expected)
    wait_for(lambda: failed(checking) == ["n2"], "n2 to fail")
    seen = len(nodes[0].asked)
    wait_for(lambda: len(nodes[0].asked) > seen + 3, "more checks")
    assert failed(checking) == ["n2"]


@pytest.mark.parametrize("text", [ODD, "a/ || true || hc('body') =~ /"])
def test_the_expected_body_is_compared_character_by_character(checking: Proxy, nodes, text):
    nodes[0].body, nodes[1].body = f"<p>{text}</p>", text[:-1] + "!"
    loaded(checking, uri="/health", expect_body=text)
    again = checking.run(
        "balancer",
        name="app",
        target="config",
        health_check={"interval": "100ms", "uri": "/health", "expect_body": text},
    )
    assert again["changed"] is False
    wait_for(lambda: failed(checking) == ["n2"], "n2 to fail")
    seen = len(nodes[0].asked)
    wait_for(lambda: len(nodes[0].asked) > seen + 3, "more checks")
    assert failed(checking) == ["n2"]


def test_a_status_that_is_no_success_fails_although_the_body_is_right(checking: Proxy, nodes):
    nodes[1].status = 500
    loaded(checking, uri="/health", expect_body="well")
    wait_for(lambda: failed(checking) == ["n2"], "n2 to fail")


@pytest.mark.parametrize(("path", "asked"), [("", "/"), ("/shop", "/shop")])
def test_without_a_uri_a_node_is_asked_for_the_path_of_its_member(proxy: Proxy, nodes, path, asked):
    loaded(proxy.start(HCHECK + site(nodes, path)))
    wait_for(lambda: nodes[0].lines and nodes[1].lines, "a check of each")
    assert set(nodes[0].lines + nodes[1].lines) == {f"GET {asked} HTTP/1.0"}
    assert failed(proxy) == [] and answering(proxy) == {"n1", "n2"}


@pytest.mark.parametrize(
    ("path", "asked", "told"),
    [
        ("/shop", "/shop/health", False),
        ("/shop/", "/shop//health", True),
        ("/", "/health", False),
    ],
)
def test_the_uri_is_added_to_the_path_of_the_member(proxy: Proxy, nodes, path, asked, told):
    proxy.start(HCHECK + site(nodes, path))
    loaded(proxy, uri="/health")
    wait_for(lambda: nodes[0].asked, "a check")
    problems = [p for p in proxy.run("balancer_info")["problems"] if p["code"] == "AB333"]
    assert len(problems) == len(nodes) * told
    assert all(asked in problem["message"] for problem in problems)
    assert nodes[0].asked[0] == f"GET {asked}"


def test_reset_leaves_no_trace(checking: Proxy):
    text = checking.site.read_text()
    declared = {"uri": "/health", "expect_status": ["2xx"]}
    foretold = checking.run(
        "balancer", name="app", target="config", health_check=declared, check=True, diff=True
    )
    assert checking.site.read_text() == text
    done = checking.run("balancer", name="app", target="config", health_check=declared, diff=True)
    assert (foretold["changes"], foretold["diff"]) == (done["changes"], done["diff"])
    written = checking.site.read_text()
    assert written.count("ProxyHCExpr hc_app ") == 1 and written.count("hcexpr=hc_app") == 2
    checking.run("balancer", name="app", target="config", reset=["health_check"])
    assert checking.site.read_text() == text


def test_a_balancer_that_is_made_and_removed_leaves_nothing_behind(checking: Proxy):
    text = checking.site.read_text()
    made = {
        "name": "new",
        "target": "config",
        "path": str(checking.site),
        "members": [{"url": "http://127.0.0.1:4"}],
        "health_check": {"expect_status": ["2xx"]},
    }
    checking.run("balancer", **made)
    written = checking.site.read_text()
    checking.run("balancer", name="new", target="config", state="absent")
    assert checking.site.read_text().rstrip("\n") == text.rstrip("\n")
    # What was left behind before stands in the way of nothing.
    checking.site.write_text('ProxyHCExpr hc_new "%{REQUEST_STATUS} -eq 204"\n' + text)
    checking.run("balancer", **made)
    assert checking.site.read_text() == written


def test_without_mod_proxy_hcheck_it_says_what_to_do(proxy: Proxy, nodes):
    proxy.start(site(nodes))
    text = proxy.site.read_text()
    refused = proxy.attempt("balancer", name="app", target="config", health_check={})
    assert "health_check needs mod_proxy_hcheck" in refused["msg"]
    assert "modules: [{name: proxy_hcheck}]" in refused["msg"]
    assert proxy.site.read_text() == text


class TestBesideTheRunningHttpd:
    def test_a_check_that_asks_otherwise_begins_with_the_reload(self, checking: Proxy, nodes):
        nodes[0].status = nodes[1].status = 401
        declared = {"uri": "/health", "interval": "100ms", "expect_status": ["401"]}
        result = checking.run("balancer", name="app", health_check=declared)
        assert {change["layer"] for change in result["changes"]} == {"config"}
        assert any("its health check changes by a reload" in r for r in result["reload_reasons"])
        again = checking.run("balancer", name="app", health_check=declared)
        assert (again["changed"], again["reload_required"]) == (False, True)
        time.sleep(1.1)
        assert failed(checking) == [] and nodes[0].asked == []
        checking.run("graceful_reload")
        wait_for(lambda: nodes[0].asked and nodes[1].asked, "checks")
        assert failed(checking) == []
        info = checking.run("balancer_info")
        assert (info["reload_required"], info["balancers"][0]["drift"]) == (False, [])

    def test_how_often_it_asks_changes_at_once(self, checking: Proxy, nodes):
        declared = {"uri": "/health", "expect_body": "well"}
        loaded(checking, **declared)
        result = checking.run(
            "balancer", name="app", health_check={**declared, "interval": "300ms", "fails": 3}
        )
        assert (result["changed"], result["reload_required"]) == (True, False)
        assert checking.info()["drift"] == []

    def test_a_member_is_added_with_its_check(self, checking: Proxy, nodes):
        declared = {"uri": "/health", "interval": "100ms", "expect_body": "well"}
        one = [{"url": nodes[0].url, "route": "n1"}]
        text = checking.site.read_text().replace(
            "    </Proxy>", "    ProxySet growth=4\n    </Proxy>"
        )
        checking.site.write_text(text)
        checking.run("balancer", name="app", target="config", members=one, health_check=declared)
        checking.reload()
        both = [*one, {"url": nodes[1].url, "route": "n2"}]
        nodes[1].body = "not so good"
        nodes[1].asked.clear()
        result = checking.run("balancer", name="app", members=both, health_check=declared)
        assert (result["changed"], result["reload_required"]) == (True, False)
        wait_for(lambda: failed(checking) == ["n2"], "n2 to fail")
        assert nodes[1].asked[0] == "GET /health"
        assert checking.info()["drift"] == []

    def test_no_member_stays_failed_when_nothing_is_checked_any_more(self, checking: Proxy, nodes):
        loaded(checking, uri="/health")
        nodes[0].status = 503
        wait_for(lambda: failed(checking) == ["n1"], "n1 to fail")
        result = checking.run("balancer", name="app", reset=["health_check"])
        assert result["reload_required"] is True
        checking.run("graceful_reload")
        assert failed(checking) == [] and answering(checking) == {"n1", "n2"}
