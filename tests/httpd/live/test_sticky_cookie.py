# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cookie that httpd issues, at a real httpd and real backends."""

from __future__ import annotations

import http.client
import http.cookies
from contextlib import ExitStack
from typing import Iterator

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import MODULES
from ansible_collections.webtier.apache_balancer.tests.support.proxy import Proxy, vhost
from ansible_collections.webtier.apache_balancer.tests.support.traffic import Backend

HEADERS = f"LoadModule headers_module {MODULES}/mod_headers.so\n"


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[Backend]]:
    """Two nodes of each of two applications; these begin no sessions of their own here."""
    with ExitStack() as stack:
        made = [Backend(route) for route in ("n1", "n2", "m1", "m2")]
        yield [stack.enter_context(node) for node in made]


def site(nodes: list[Backend]) -> str:
    members = [
        "".join(f"BalancerMember {n.url} route={n.route}\n" for n in ns)
        for ns in (nodes[:2], nodes[2:])
    ]
    body = "".join(
        f"<Proxy balancer://{name}>\n{lines}</Proxy>\nProxyPass /{name}/ balancer://{name}/\n"
        for name, lines in zip(("app", "app-admin"), members)
    )
    return HEADERS + vhost("app.example.com", body)


@pytest.fixture()
def two(proxy: Proxy, nodes: list[Backend]) -> Proxy:
    """A proxy with the balancers app and app-admin in one virtual host."""
    return proxy.start(site(nodes))


class Browser:
    """A client that keeps its cookies, by name; where each node is told by itself."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.jar: dict[str, str] = {}
        self.set: list[http.cookies.Morsel[str]] = []

    def get(self, path: str) -> str:
        """Return which node answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            cookie = "; ".join(f"{name}={value}" for name, value in self.jar.items())
            connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
            response = connection.getresponse()
            response.read()
            self.set = []
            for text in response.headers.get_all("Set-Cookie") or ():
                for morsel in http.cookies.SimpleCookie(text).values():
                    # The application's own cookie is not what this is about.
                    if morsel.key != "JSESSIONID":
                        self.jar[morsel.key] = morsel.value
                        self.set.append(morsel)
            return str(response.headers["X-Served-By"])
        finally:
            connection.close()


def stays(browser: Browser, path: str) -> bool:
    return len({browser.get(path) for dummy in range(6)}) == 1


def declare(proxy: Proxy, name: str, **options):
    return proxy.run("balancer", name=name, target="config", **options)


def test_two_balancers_of_one_virtual_host_have_their_own_cookies_and_both_stick(two: Proxy):
    assert not stays(Browser(two.httpd.port), "/app/api")
    for name in ("app", "app-admin"):
        assert declare(two, name, sticky_cookie={})["changed"] is True
    two.httpd.reload()
    for dummy in range(4):
        browser = Browser(two.httpd.port)
        app, admin = browser.get("/app/api"), browser.get("/app-admin/api")
        assert browser.jar == {"ROUTEID_APP": f".{app}", "ROUTEID_APP_ADMIN": f".{admin}"}
        assert stays(browser, "/app/api") and stays(browser, "/app-admin/api")
        assert (browser.get("/app/api"), browser.set) == (app, [])
    text = two.site.read_text()
    for name in ("app", "app-admin"):
        again = declare(two, name, sticky_cookie={})
        assert (again["changed"], again["changes"]) == (False, [])
    assert two.site.read_text() == text


def test_every_attribute_arrives(two: Proxy):
    options = {
        "name": "SID",
        "path": "/app/",
        "domain": "example.com",
        "secure": True,
        "samesite": "none",
        "max_age": 600,
    }
    declare(two, "app", sticky_cookie=options)
    two.httpd.reload()
    browser = Browser(two.httpd.port)
    node = browser.get("/app/api")
    (morsel,) = browser.set
    assert (morsel.key, morsel.value) == ("SID", f".{node}")
    assert {key: value for key, value in morsel.items() if value} == {
        "path": "/app/",
        "domain": "example.com",
        "max-age": "600",
        "secure": True,
        "httponly": True,
        "samesite": "None",
    }
    assert stays(browser, "/app/api")
    info = two.run("balancer_info", name="app")["balancers"][0]
    assert info["sticky_cookie"] == {**options, "httponly": True}


@pytest.mark.parametrize("separator", ["!", "Off", "%", "-"])
def test_sessions_stick_with_any_separator(two: Proxy, separator):
    declare(two, "app", sticky_cookie={}, proxy_set={"stickysessionsep": separator})
    two.httpd.reload()
    browser = Browser(two.httpd.port)
    node = browser.get("/app/api")
    assert browser.jar["ROUTEID_APP"].endswith(node)
    assert stays(browser, "/app/api")


def test_the_spelling_of_the_requests_decides(two: Proxy):
    two.site.write_text(
        two.site.read_text().replace("/app/ balancer://app/", "/app/ balancer://App/")
    )
    declare(two, "app", sticky_cookie={})
    two.httpd.reload()
    assert stays(Browser(two.httpd.port), "/app/api")


def test_a_session_that_has_to_move_gets_the_new_route(two: Proxy):
    declare(two, "app", sticky_cookie={})
    two.httpd.reload()
    browser = Browser(two.httpd.port)
    node = browser.get("/app/api")
    two.run("balancer_member", route=node, state="disabled", target="runtime")
    other = browser.get("/app/api")
    assert other != node and browser.jar["ROUTEID_APP"] == f".{other}"
    assert stays(browser, "/app/api")


def test_reset_takes_the_cookie_and_its_stickysession_out_again(two: Proxy):
    text = two.site.read_text()
    foretold = two.run(
        "balancer", name="app", sticky_cookie={}, target="config", check=True, diff=True
    )
    assert two.site.read_text() == text
    done = declare(two, "app", sticky_cookie={}, diff=True)
    assert (foretold["changes"], foretold["diff"]) == (done["changes"], done["diff"])
    gone = declare(two, "app", reset=["sticky_cookie"])
    assert {change["parameter"] for change in gone["changes"]} == {"stickysession", "sticky_cookie"}
    assert two.site.read_text() == text
    assert declare(two, "app", reset=["sticky_cookie"])["changed"] is False


def test_without_mod_headers_it_says_what_to_do(proxy: Proxy, nodes):
    proxy.start(site(nodes).replace(HEADERS, ""))
    text = proxy.site.read_text()
    refused = proxy.attempt("balancer", name="app", sticky_cookie={}, target="config")
    assert "sticky_cookie needs mod_headers" in refused["msg"]
    assert "modules: [{name: headers}]" in refused["msg"]
    assert proxy.site.read_text() == text


def test_members_without_a_route_are_refused(two: Proxy):
    two.site.write_text(two.site.read_text().replace(" route=n2", ""))
    refused = two.attempt("balancer", name="app", sticky_cookie={}, target="config")
    assert "AB325" in refused["msg"] and "has no route" in refused["msg"]


def by_hand(nodes, section: str, target: str = "balancer://app/") -> str:
    """A site whose cookie of app stands in a section named *section*."""
    line = 'Header add Set-Cookie "R=.%{BALANCER_WORKER_ROUTE}e; Path=/" env=BALANCER_ROUTE_CHANGED'
    text = site(nodes).replace("</Proxy>", "ProxySet stickysession=R\n</Proxy>")
    text = text.replace("/app/ balancer://app/", f"/app/ {target}")
    return text.replace("</VirtualHost>", f"<Proxy {section}>\n{line}\n</Proxy>\n</VirtualHost>")


@pytest.mark.parametrize(
    ("section", "target", "code", "issued"),
    [
        ("balancer://app", "balancer://app/", "AB320", {"/app/api", "/app-admin/api"}),
        ("balancer://App/", "balancer://app/", "AB321", set()),
        ("balancer://app/", "balancer://App/", "AB321", set()),
        ("balancer://app/", "balancer://app/", "", {"/app/api"}),
    ],
)
def test_the_findings_are_what_httpd_does(proxy: Proxy, nodes, section, target, code, issued):
    proxy.start(by_hand(nodes, section, target))
    info = proxy.run("balancer_info")
    assert [p["code"] for p in info["problems"] if p["code"] in ("AB320", "AB321")] == [
        code
    ] * bool(code)
    found = set()
    for path in ("/app/api", "/app-admin/api"):
        browser = Browser(proxy.httpd.port)
        browser.get(path)
        found |= {path} if browser.jar else set()
    assert found == issued
    declare(proxy, "app", sticky_cookie={"name": "R"})
    proxy.httpd.reload()
    assert stays(Browser(proxy.httpd.port), "/app/api")
    assert declare(proxy, "app", sticky_cookie={"name": "R"})["changed"] is False


@pytest.mark.parametrize(
    ("section", "issued"),
    [
        ("<Location /app/api/v1>\n{}\n</Location>", {"/app/api/v1"}),
        ('<If "%{{REQUEST_URI}} =~ m#/v1#">\n{}\n</If>', {"/app/api/v1"}),
        ("<Files nope>\n{}\n</Files>", set()),
        ("<Proxy balancer://app/api/v1>\n{}\n</Proxy>", {"/app/api/v1"}),
        ("<Proxy balancer://app/>\n<If false>\n{}\n</If>\n</Proxy>", set()),
        ("<ProxyMatch ^balancer://other/>\n{}\n</ProxyMatch>", set()),
        ("<Location /app>\n{}\n</Location>", {"/app/api", "/app/api/v1"}),
    ],
)
def test_a_cookie_of_a_part_of_the_requests_is_not_taken_for_one_of_all(
    proxy: Proxy, nodes, section, issued
):
    line = 'Header add Set-Cookie "R=.%{BALANCER_WORKER_ROUTE}e; Path=/; HttpOnly; SameSite=Lax"'
    text = by_hand(nodes, "balancer://none/")
    begin, end = text.index("<Proxy balancer://none/"), text.index("</VirtualHost>")
    hand_written = section.format(f"{line} env=BALANCER_ROUTE_CHANGED")
    proxy.start(f"{text[:begin]}{hand_written}\n{text[end:]}")

    def given() -> set[str]:
        found = set()
        for path in ("/app/api", "/app/api/v1"):
            browser = Browser(proxy.httpd.port)
            browser.get(path)
            found |= {path} if browser.jar else set()
        return found

    assert given() == issued
    done = declare(proxy, "app", sticky_cookie={"name": "R"})
    assert done["changed"] is (len(issued) < 2)
    proxy.httpd.reload()
    assert given() == {"/app/api", "/app/api/v1"}
    assert declare(proxy, "app", sticky_cookie={"name": "R"})["changed"] is False


@pytest.mark.parametrize("options", [{}, {"proxy_set": {"stickysession": "PHPSESSID"}}])
def test_a_cookie_that_would_overwrite_the_applications_own_is_refused(two: Proxy, options):
    text = two.site.read_text()
    cookie = {"name": "PHPSESSID"}
    refused = two.attempt("balancer", name="app", sticky_cookie=cookie, target="config", **options)
    assert "AB330" in refused["msg"] and "PHP keeps its own sessions" in refused["msg"]
    assert two.site.read_text() == text


@pytest.mark.parametrize(
    ("options", "code"), [({"domain": "example.org"}, "AB331"), ({"path": "/other"}, "AB332")]
)
def test_a_cookie_that_browsers_do_not_send_is_told_of(two: Proxy, options, code):
    result = declare(two, "app", sticky_cookie=options)
    assert code in [problem["code"] for problem in result["problems"]]


class TestBesideTheRunningHttpd:
    @pytest.mark.parametrize("sticky", ["PHPSESSID", "PHPSESSID|phpsessid"])
    def test_sessions_that_stuck_nowhere_by_the_cookie_of_their_application_stick_by_it(
        self, proxy: Proxy, nodes, sticky
    ):
        text = site(nodes).replace("</Proxy>", f"ProxySet stickysession={sticky}\n</Proxy>", 1)
        proxy.start(text)
        assert not stays(Browser(proxy.httpd.port), "/app/api")
        (problem,) = proxy.run("balancer_info")["problems"]
        line = text.partition("stickysession")[0].count("\n") + 1
        assert (problem["code"], problem["line"]) == ("AB334", line)
        result = proxy.run("balancer", name="app", sticky_cookie={})
        assert [(c["layer"], c["parameter"], c["before"]) for c in result["changes"]] == [
            ("config", "stickysession", sticky),
            ("config", "sticky_cookie", None),
        ]
        assert result["problems"] == []
        assert proxy.info(name="app")["runtime"]["stickysession"] == sticky
        proxy.run("graceful_reload")
        info = proxy.info(name="app")
        assert (info["runtime"]["stickysession"], info["drift"]) == ("ROUTEID_APP", [])
        assert stays(Browser(proxy.httpd.port), "/app/api")
        assert proxy.run("balancer", name="app", sticky_cookie={})["changed"] is False

    def test_nothing_is_given_before_the_reload_and_sessions_go_on(self, two: Proxy):
        generation = two.generation
        result = two.run("balancer", name="app", sticky_cookie={})
        assert {change["layer"] for change in result["changes"]} == {"config"}
        assert result["reload_required"] is True
        assert any(
            "comes by a reload, together with whatever cookie" in r
            for r in result["reload_reasons"]
        )
        assert any("sticky_cookie is set by a reload" in r for r in result["reload_reasons"])
        assert two.generation == generation
        again = two.run("balancer", name="app", sticky_cookie={})
        assert (again["changed"], again["reload_required"]) == (False, True)
        assert again["reload_reasons"] == result["reload_reasons"]
        info = two.run("balancer_info", name="app")
        assert info["reload_required"] is True
        (drift,) = info["balancers"][0]["drift"]
        assert (drift["parameter"], drift["config"], drift["runtime"]) == (
            "stickysession",
            "ROUTEID_APP",
            None,
        )
        two.run("graceful_reload")
        info = two.run("balancer_info", name="app")
        assert (info["reload_required"], info["balancers"][0]["drift"]) == (False, [])
        assert stays(Browser(two.httpd.port), "/app/api")

    def test_a_cookie_that_changes_its_name_keeps_the_sessions_until_the_reload(self, two: Proxy):
        two.run("balancer", name="app", sticky_cookie={})
        two.run("graceful_reload")
        browser = Browser(two.httpd.port)
        assert stays(browser, "/app/api")
        result = two.run(
            "balancer", name="app", sticky_cookie={"name": "R"}, proxy_set={"timeout": 3}
        )
        runtime = [c["parameter"] for c in result["changes"] if c["layer"] == "runtime"]
        assert runtime == ["timeout"]
        assert stays(browser, "/app/api") and set(browser.jar) == {"ROUTEID_APP"}
        two.run("graceful_reload")
        assert stays(browser, "/app/api") and browser.jar["R"]

    def test_dropping_it_keeps_the_sessions_until_the_reload_however_often_it_is_declared(
        self, two: Proxy
    ):
        two.run("balancer", name="app", sticky_cookie={})
        two.run("graceful_reload")
        browser = Browser(two.httpd.port)
        assert stays(browser, "/app/api")
        wish = {"proxy_set": {"stickysession": "S"}, "reset": ["sticky_cookie"]}
        result = two.run("balancer", name="app", **wish)
        assert {change["layer"] for change in result["changes"]} == {"config"}
        again = two.run("balancer", name="app", **wish)
        assert (again["changed"], again["changes"]) == (False, [])
        assert again["reload_reasons"] == result["reload_reasons"]
        assert stays(browser, "/app/api")
        two.run("graceful_reload")
        assert two.info()["runtime"]["stickysession"] == "S"
        result = two.run("balancer", name="app", proxy_set={"stickysession": "T"})
        assert {change["layer"] for change in result["changes"]} == {"config", "runtime"}

    def test_files_that_are_not_loaded_say_nothing_of_the_cookie_that_httpd_issues(
        self, two: Proxy
    ):
        two.run("balancer", name="app", sticky_cookie={})
        two.run("graceful_reload")
        browser = Browser(two.httpd.port)
        assert stays(browser, "/app/api")
        declare(two, "app", proxy_set={"stickysession": "S"}, reset=["sticky_cookie"])
        result = two.run("balancer", name="app", proxy_set={"stickysession": "S", "timeout": 3})
        runtime = [c["parameter"] for c in result["changes"] if c["layer"] == "runtime"]
        assert runtime == ["timeout"]
        assert stays(browser, "/app/api")

    def test_the_running_httpd_alone_cannot_be_given_one(self, two: Proxy):
        refused = two.attempt("balancer", name="app", sticky_cookie={}, target="runtime")
        assert "the cookie that httpd issues changes by a reload" in refused["msg"]
