# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions through a real httpd: healthy ones raise no alarm, and each fault that exists is found."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import subprocess
import threading
import time
from typing import Any, Iterator

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.faulty import Faulty
from ansible_collections.webtier.apache_balancer.tests.support.modules import run
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    MODULES,
    PrivateHttpd,
    free_port,
)
from ansible_collections.webtier.apache_balancer.tests.support.traffic import Backend

MANAGER = """\
<Location /balancer-manager>
SetHandler balancer-manager
Require local
</Location>
ProxyPass /balancer-manager !
"""
ROUTE_COOKIE = (
    'Header add Set-Cookie "{}=.%{{BALANCER_WORKER_ROUTE}}e; path=/" env=BALANCER_ROUTE_CHANGED'
)
ROUTEID = ROUTE_COOKIE.format("ROUTEID")
HEADER = {"header": "X-Served-By"}
REGEX = {"regex": r"<b>(\w+)</b>"}
BY_ROUTE = {"served_by": None}


class Site:
    """A private httpd in front of nodes, and the checks of it."""

    def __init__(self, httpd: PrivateHttpd, stack: contextlib.ExitStack) -> None:
        self.httpd = httpd
        self._stack = stack
        self.scheme = "http"
        self.port = httpd.port

    def node(self, name: str, *cookies: str, **more: Any) -> Faulty:
        """Return a node that runs until the test ends."""
        return self._stack.enter_context(Faulty(name, *cookies, **more))

    def nodes(self, cookie: str, *names: str, **more: Any) -> list[Faulty]:
        """Return nodes that set *cookie*, in which {name} is their name."""
        return [self.node(name, cookie.replace("{name}", name), **more) for name in names]

    def another(self, name: str) -> PrivateHttpd:
        """Return another httpd, not yet started."""
        root = self.httpd.root.parent / name
        return self._stack.enter_context(PrivateHttpd(root, *BALANCER, "headers"))

    def start(self, *lines: str, more: str = "") -> Site:
        """Start httpd with a balancer of these lines."""
        text = "\n".join(lines)
        self.httpd.write(
            "conf/site.conf",
            f'{MANAGER}{more}\n<Proxy "balancer://app/">\n{text}\n</Proxy>\nProxyPass / balancer://app/\n',
        )
        self.httpd.start()
        return self

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/"

    def check(self, *, path: str = "", manager: bool = False, **options: Any) -> dict[str, Any]:
        """Return the result of a check of the site."""
        if manager:
            options["manager_url"] = f"http://127.0.0.1:{self.httpd.port}/balancer-manager"
        return run("sticky_check", **{"url": self.url + path, "served_by": HEADER, **options})

    def member(self, route: str, state: str) -> None:
        """Change the state of a running member."""
        done = run(
            "balancer_member",
            manager_url=[f"http://127.0.0.1:{self.httpd.port}/balancer-manager"],
            target="runtime",
            route=route,
            state=state,
            min_usable=0,
        )
        assert "msg" not in done, done


@pytest.fixture()
def site(tmp_path) -> Iterator[Site]:
    with contextlib.ExitStack() as stack:
        modules = (*BALANCER, "headers", "authz_host")
        httpd = stack.enter_context(PrivateHttpd(tmp_path / "httpd", *modules))
        yield Site(httpd, stack)


def codes(result: dict[str, Any]) -> list[str]:
    return [each["code"] for each in result["diagnosis"]]


def message(result: dict[str, Any], code: str) -> str:
    (found,) = [each["message"] for each in result["diagnosis"] if each["code"] == code]
    return str(found)


def remarks(result: dict[str, Any]) -> list[str]:
    warnings = result.get("warnings", [])
    assert len(warnings) == len(result["remarks"])
    for warning, each in zip(warnings, result["remarks"]):
        assert f"{each['code']}: {each['message']} {each['fix']}" in str(warning).replace(
            "\\'", "'"
        )
    return [each["code"] for each in result["remarks"]]


def is_well(result: dict[str, Any], *remarked: str) -> bool:
    assert "msg" not in result, result["msg"]
    # After sticky load, all new sessions may begin on one node, and are remarked not to be seen to move; or all but
    # one, whose route might be a part of its identifier then.
    unmoved = [["AB421"], ["AB420", "AB421"]] if len(result["distribution"]) == 1 else []
    assert remarks(result) in [[*remarked, *more] for more in ([], *unmoved)]
    assert result["diagnosis"] == [] and result["violations"] == [] and result["failures"] == []
    assert result["sessions"] == 20 and result["requests"] == 200 and result["failed_requests"] == 0
    assert sum(node["requests"] for node in result["distribution"].values()) == 200
    assert sum(node["sessions"] for node in result["distribution"].values()) == 20
    return result["changed"] is False


# Healthy.

WAYS: dict[str, dict[str, Any]] = {
    "by header": {},
    "by body": {"served_by": REGEX},
    "by route": {"served_by": None},
    "with the manager": {"manager": True, "expected_routes": ["n1", "n2"], "max_imbalance": 3},
    "with the manager, by route": {"manager": True, "served_by": None},
}
# Where an unchanged cookie alone tells the node, a remark says so.
ALONE = {"by route": ["AB416"], "with the manager, by route": ["AB416"]}
REMARKED = [(options, ALONE.get(way, [])) for way, options in WAYS.items()]


@pytest.mark.parametrize(("options", "remarked"), REMARKED, ids=WAYS)
def test_a_route_that_the_application_appends_is_well(site, options, remarked):
    a, b = site.nodes("SID={id}.{name}; Path=/; HttpOnly", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    result = site.check(**options)
    assert is_well(result, *remarked)
    assert set(result["distribution"]) == {"n1", "n2"}
    (cookie,) = result["cookies"]
    assert cookie == {
        "name": "SID",
        "path": "/",
        "domain": None,
        "secure": False,
        "httponly": True,
        "samesite": None,
        "max_age": None,
        "expires": False,
        "set_on": 20,
        "routes": ["n1", "n2"],
    }


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_a_cookie_that_httpd_sets_is_well(site, options):
    a, b = site.nodes("PHPSESSID={id}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=ROUTEID", ROUTEID)
    result = site.check(**options)
    assert is_well(result)
    assert {row["name"]: row["routes"] for row in result["cookies"]} == {
        "PHPSESSID": [],
        "ROUTEID": ["n1", "n2"],
    }


@pytest.mark.parametrize(("options", "remarked"), REMARKED, ids=WAYS)
def test_a_session_in_the_url_is_well(site, options, remarked):
    links = '<a href="/cart;jsessionid={id}.%s?x=1">cart</a>'
    a, b = (site.node(name, links=links % name) for name in ("n1", "n2"))
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=JSESSIONID|jsessionid")
    result = site.check(url_parameter="jsessionid", **options)
    assert is_well(result, *remarked)
    assert re.fullmatch(r"/;jsessionid=id\d{6}\.n[12]", a.paths[-1])


def test_a_link_to_another_host_begins_no_session(site):
    links = '<a href="http://other.example.com/;jsessionid=X.n9">other</a>'
    links += '<a href="/cart;jsessionid={id}.%s?x=1">cart</a>'
    a, b = (site.node(name, links=links % name) for name in ("n1", "n2"))
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=JSESSIONID|jsessionid")
    for manager in (False, True):
        assert is_well(site.check(url_parameter="jsessionid", manager=manager))


@pytest.mark.parametrize(("options", "remarked"), REMARKED, ids=WAYS)
def test_https_is_well(site, tmp_path, options, remarked):
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2"),
            *("-subj", "/CN=shop", "-addext", "subjectAltName=DNS:shop.example.com"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    port = free_port()
    a, b = site.nodes("SID={id}.{name}; Path=/; Secure; SameSite=Lax", "n1", "n2")
    site.start(
        a.member("n1"),
        b.member("n2"),
        "ProxySet stickysession=SID",
        more=f"LoadModule ssl_module {MODULES}/mod_ssl.so\nListen 127.0.0.1:{port} https\n"
        f"<VirtualHost *:{port}>\nServerName shop.example.com\nSSLEngine on\nSSLCertificateFile {certificate}\n"
        f"SSLCertificateKeyFile {key}\n</VirtualHost>\n",
    )
    site.scheme, site.port = "https", port
    named = {"server_name": "shop.example.com", **options}
    result = site.check(ca_path=certificate, **named)
    assert is_well(result, *remarked)
    assert result["cookies"][0]["secure"] is True and result["cookies"][0]["samesite"] == "Lax"
    # Shares of new sessions are only even before there was any load.
    again = {**options, "expected_routes": [], "max_imbalance": None}
    assert is_well(site.check(validate_certs=False, **again), *remarked)
    refused = site.check(**named)
    assert refused["failed"] is True and "certificate verify failed" in refused["msg"]
    refused = site.check(ca_path=certificate, **options)
    assert "localhost" in refused["msg"] and "server_name" in refused["msg"]


def test_the_demo_backend_is_well(site):
    with Backend("n1") as a, Backend("n2") as b:
        members = [f"BalancerMember {node.url} route={node.route}" for node in (a, b)]
        site.start(*members, "ProxySet stickysession=JSESSIONID")
        assert is_well(site.check(path="api"))
        assert is_well(site.check(path="api", interval=0.01, concurrency=3, manager=True))


def test_routes_with_balancers_that_share_cookie_and_routes_are_well(site):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    members = (a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    second = "\n".join(["<Proxy balancer://ws/>", *members, "</Proxy>"])
    site.start(*members, more=second + "\nProxyPass /ws balancer://ws/\n")
    assert is_well(site.check(manager=True, balancer="app"))
    refused = site.check(manager=True)
    assert "say with the option balancer which one" in refused["msg"]


@pytest.mark.parametrize(
    ("route", "state"),
    [("n1", "status=+H"), ("", "status=+H"), ("n3", "lbset=1"), ("n3", "status=+H lbset=1")],
)
def test_a_member_that_waits_for_others_to_fail_is_well(site, route, state):
    a, b, c = site.nodes("SID={id}.{name}; Path=/", "n1", "n2", "n3")
    last = f"{c.member(route) if route else c.member()} {state}"
    site.start(a.member("n1"), b.member("n2"), last, "ProxySet stickysession=SID")
    # No share is that of none.
    assert is_well(site.check(manager=True, max_imbalance=100))
    assert is_well(site.check(manager=True, **BY_ROUTE), "AB416")


@pytest.mark.parametrize(("state", "path"), [("", ""), ("status=+D", "/old/")])
def test_a_balancer_that_nobody_uses_shares_no_cookie(site, state, path):
    a, b, c = site.nodes("SID={id}.{name}; Path=/", "n1", "n2", "n3")
    old = [
        "<Proxy balancer://old/>",
        f"{c.member('n3')} {state}",
        "ProxySet stickysession=SID",
        "</Proxy>",
    ]
    old += [f"ProxyPass {path} balancer://old/"] if path else []
    site.start(
        a.member("n1"),
        b.member("n2"),
        "ProxySet stickysession=SID",
        more="\n".join(old) + "\n",
    )
    assert is_well(site.check(manager=True, balancer="app"))


def test_a_drained_member_keeps_its_sessions_and_is_well(site, tmp_path):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    kept = str(tmp_path / "sessions.json")
    first = site.check(session_file=kept, manager=True)
    site.member("n1", "drained")
    again = site.check(session_file=kept, manager=True)
    assert is_well(first) and is_well(again)
    assert again["distribution"] == first["distribution"]
    assert again["cookies"] == []


# Each fault.


def test_a_cookie_that_is_never_set_is_found(site):
    a, b = site.node("n1"), site.node("n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    result = site.check()
    assert codes(result) == ["AB401"] and result["failed"] is True
    assert result["violation_count"] > 20 and len(result["violations"]) == 20
    reason = result["violations"][0]["reason"]
    assert reason == "the request carried no cookie with a route"
    assert "AB401: a cookie was never set in 20 sessions with 200 answers." in result["msg"]
    assert "the cookie SID was never set" in message(site.check(cookie="SID"), "AB401")
    assert "the cookie SID was never set" in message(site.check(manager=True), "AB401")
    assert codes(site.check(served_by=None)) == ["AB401"]
    assert "jsessionid=" in message(site.check(url_parameter="jsessionid"), "AB401")


def test_a_cookie_without_a_route_is_found(site):
    a, b = site.nodes("PHPSESSID={id}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=PHPSESSID")
    for options in ({}, {"cookie": "PHPSESSID"}, {"manager": True}, {"served_by": None}):
        result = site.check(**options)
        assert codes(result) == ["AB402"] and "PHPSESSID" in message(result, "AB402")
        assert result["failed"] is True
        assert "id00" not in json.dumps({**result, "invocation": None})


@pytest.mark.parametrize("section", ["{}", "<Location />\n{}\n</Location>"])
def test_a_cookie_into_which_httpd_puts_the_route_is_fine(site, section):
    a, b = site.nodes("PHPSESSID={id}; Path=/", "n1", "n2")
    edit = 'Header edit Set-Cookie "^(PHPSESSID=[^;]+)" "$1.%{BALANCER_WORKER_ROUTE}e"'
    balancer = a.member("n1"), b.member("n2"), "ProxySet stickysession=PHPSESSID"
    site.start(*balancer, more=section.format(edit))
    assert is_well(site.check())
    instance = {
        "server_root": str(site.httpd.root),
        "config_file": str(site.httpd.config_file),
        "binary": BINARY,
    }
    assert run("balancer_info", httpd=instance)["problems"] == []
    site.httpd.stop()
    site.start(*balancer)
    assert codes(site.check()) == ["AB402"]
    (problem,) = run("balancer_info", httpd=instance)["problems"]
    assert problem["code"] == "AB334" and "PHP puts no route" in problem["message"]


def test_a_cookie_without_a_route_beside_stickysession_is_found(site):
    a, b = site.nodes("PHPSESSID={id}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=JSESSIONID")
    for options in ({"manager": True}, {"cookie": "JSESSIONID"}):
        result = site.check(**options)
        assert codes(result) == ["AB402"]
        said = message(result, "AB402")
        assert "JSESSIONID, which was never set" in said and "PHPSESSID was set without" in said


def test_a_node_that_forgets_its_route_is_found(site):
    a, b = site.node("n1", "SID={id}.n1; Path=/"), site.node("n2", "SID={id}; Path=/")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    result = site.check()
    assert codes(result) == ["AB402"] and "by n2" in message(result, "AB402")


def test_a_signature_is_no_route_and_stays_secret(site):
    signed = "SID={id}.{id}qBcDeFgHiJkLmNoPqRsTu; Path=/"
    a, b = site.nodes(signed, "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    for manager in (False, True):
        result = site.check(manager=manager)
        assert codes(result) == ["AB402"]
        assert "qBcDeFgHiJkLmNoPqRsTu" not in json.dumps(result)


@pytest.mark.parametrize("clients", [1, 2, 4, 5])
def test_what_only_one_session_has_is_no_node(site, clients):
    signed = "SID={id}.f00dbeef{id}; Path=/"
    a, b, c = site.nodes(signed, "n1", "n2", "n3")
    site.start(a.member("n1"), b.member("n2"), c.member("n3"))
    result = site.check(clients=clients, served_by=None)
    assert codes(result) == ["AB420"] and result["distribution"] == {}
    assert "f00dbeef" not in json.dumps(result)


@pytest.mark.parametrize("clients", [1, 4, 20])
@pytest.mark.parametrize("options", [{}, BY_ROUTE])
def test_a_secret_beside_the_cookie_with_the_route_is_not_shown(site, clients, options):
    a, b = (site.node(name, "auth=alice.f00dbeef{id}; Path=/") for name in ("n1", "n2"))
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=ROUTEID", ROUTEID)
    result = site.check(clients=clients, **options)
    assert "msg" not in result and result["diagnosis"] == []
    assert "f00dbeef" not in json.dumps(result)
    assert [row["routes"] for row in result["cookies"] if row["name"] == "auth"] == [[]]


@pytest.mark.parametrize("clients", [1, 3, 20])
def test_long_routes_are_well_with_few_clients_where_nodes_say_who_they_are(site, clients):
    routes = [f"AppServerNodeProduction{word}01" for word in ("East", "West", "North")]
    nodes = [site.node(f"n{n}", f"SID={{id}}.{route}; Path=/") for n, route in enumerate(routes)]
    members = [node.member(route) for node, route in zip(nodes, routes)]
    site.start(*members, "ProxySet stickysession=SID")
    for manager in (False, True):
        result = site.check(clients=clients, manager=manager)
        assert "msg" not in result and result["diagnosis"] == []


def test_a_separator_in_the_identifier_is_found(site):
    a, b = site.nodes("SID=v1.{id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    for options in ({}, {"manager": True}, {"served_by": None, "cookie": "SID"}):
        result = site.check(**options)
        assert codes(result) == ["AB403"] and "n1, n2" in message(result, "AB403")
        assert "id00" not in json.dumps({**result, "invocation": None})


@pytest.mark.parametrize("options", [{}, {"served_by": None}, {"manager": True}])
@pytest.mark.parametrize("cookie", ["SID={id}.{name}; Path=/", "PHPSESSID={id}; Path=/"])
def test_routes_with_a_dot_are_well_where_identifiers_have_none(site, cookie, options):
    a, b = site.nodes(cookie, "n1.eu", "n2.eu")
    own = cookie.startswith("SID")
    lines = ["ProxySet stickysession=SID"] if own else ["ProxySet stickysession=ROUTEID", ROUTEID]
    site.start(a.member("n1.eu"), b.member("n2.eu"), *lines)
    result = site.check(**options)
    assert is_well(result, *(["AB416"] if own and options == {"served_by": None} else []))
    assert set(result["distribution"]) == {"n1.eu", "n2.eu"}


def test_a_dot_at_the_begin_of_an_identifier_is_found(site):
    a, b = site.nodes("SID=.{id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    for options in ({}, {"served_by": None}, {"manager": True}):
        result = site.check(**options)
        assert codes(result) == ["AB403"]
        assert "id00" not in json.dumps({**result, "invocation": None})


def test_a_separator_that_the_check_was_not_told_is_no_fault(site):
    a, b = site.nodes("SID={id}!{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID stickysessionsep=!")
    for options in ({}, {"manager": True}):
        result = site.check(**options)
        assert is_well(result, "AB418")
        assert result["remarks"][0]["fix"] == "In the task, write separator: '!'"
    assert is_well(site.check(separator="!", manager=True))
    for manager in (False, True):
        result = site.check(served_by=None, manager=manager)
        assert codes(result) == ["AB402"] and "behind '!' are the routes n" in result["msg"]
        assert "separator: '!'" in result["diagnosis"][0]["fix"]


def test_a_separator_that_the_balancer_was_not_told_is_found(site):
    a, b = site.nodes("SID={id}!{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    for manager in (False, True):
        result = site.check(manager=manager)
        assert codes(result) == ["AB402"]
        assert "ProxySet stickysessionsep=!" in result["diagnosis"][0]["fix"]


@pytest.mark.parametrize("sticky", ["", "ProxySet stickysession=sid"])
def test_a_balancer_that_looks_at_another_cookie_is_one_of_the_causes(site, sticky):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), sticky)
    for options in ({}, {"served_by": None}):
        (found,) = site.check(**options)["diagnosis"]
        assert found["code"] == "AB404" and "another cookie" in found["message"]
        assert found["fix"].startswith("ProxySet stickysession=SID")


def test_a_route_that_the_balancer_does_not_know_is_found(site):
    a, b = site.node("a", "SID={id}.x1; Path=/"), site.node("b", "SID={id}.x2; Path=/")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    for options in ({}, {"manager": True}, {"served_by": None}):
        result = site.check(**options)
        assert set(codes(result)) == {"AB404"} and result["violation_count"] > 0
        assert "the route x1" in result["diagnosis"][0]["message"]
    assert "balancer://app knows n1, n2" in site.check(manager=True)["msg"]


def test_a_cookie_that_is_never_set_anew_tells_no_node(site):
    # All nodes know all sessions, so that none sets the cookie again.
    a, b = site.node("a", "SID={id}.x1; Path=/"), site.node("b", "SID={id}.x2; Path=/")
    b.known = a.known
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    for options in ({}, {"cookie": "SID"}):
        assert is_well(site.check(served_by=None, **options), "AB416")
    (remark,) = site.check(served_by=None)["remarks"]
    assert "the cookie SID alone" in remark["message"] and "served_by" in remark["fix"]
    assert set(codes(site.check())) == {"AB404"}
    assert set(codes(site.check(manager=True, served_by=None))) == {"AB404"}


def test_a_cookie_that_visitors_share_is_not_taken_for_a_session(site):
    theme = ["theme=x.dark; Path=/", "consent=v1.2.3; Path=/"]
    a, b = site.nodes("PHPSESSID={id}; Path=/", "n1", "n2", always=theme)
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=PHPSESSID")
    for options in ({}, {"manager": True}):
        result = site.check(**options)
        assert codes(result) == ["AB402"] and "PHPSESSID" in message(result, "AB402")
    # Each answer sets it again, but that tells no node.
    assert codes(site.check(served_by=None)) == ["AB402"]


def test_answers_that_do_not_name_their_node_are_told(site):
    a, b = site.nodes("JSESSIONID={id}.{name}; Path=/", "n1", "n2")
    b.name = ""
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=OTHER")
    for served_by in (HEADER, REGEX):
        result = site.check(served_by=served_by)
        assert remarks(result) == ["AB419"] and list(result["distribution"]) == ["n1"]
        nameless = 200 - result["distribution"]["n1"]["requests"]
        assert f"{nameless} of 200 answers do not say" in result["remarks"][0]["message"]
        both = re.search(r"(\d+) of 20 sessions had answers with a name and without", str(result))
        # httpd's turns may let a session meet one node only.
        assert both and int(both[1]) >= 10


def test_a_name_that_all_nodes_share_is_told(site):
    a, b = site.nodes("JSESSIONID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=OTHER")
    for options in ({"header": "Server"}, {"regex": "(b)>"}):
        result = site.check(served_by=options)
        assert remarks(result) == ["AB419"] and len(result["distribution"]) == 1
        assert "set the routes n1, n2 of JSESSIONID" in result["remarks"][0]["message"]


@pytest.mark.parametrize("constant", ["lang=en.US", "version=1.4"])
def test_a_constant_with_a_dot_is_no_route(site, constant):
    cookies = [f"{constant}; Path=/", "PHPSESSID={id}; Path=/"]
    a, b = (site.node(name, *cookies) for name in ("n1", "n2"))
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=ROUTEID")
    for options in ({}, {"served_by": None}, {"manager": True}, {"manager": True, **BY_ROUTE}):
        result = site.check(**options)
        assert codes(result) == ["AB402"] and result["failed"] is True and result["remarks"] == []
        assert "PHPSESSID" in message(result, "AB402")
        assert f"{constant.split('=')[0]} (the same for all)" in message(result, "AB402")
        assert all(row["routes"] == [] for row in result["cookies"])


def test_one_value_that_all_sessions_have_tells_no_node(site):
    a, b = (site.node(name, always=["SID=x.n1; Path=/"]) for name in ("n1", "n2"))
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=OTHER")
    assert codes(site.check(served_by=None)) == ["AB402"]


def test_a_cookie_that_stickysession_does_not_name_tells_no_node(site):
    a, b = site.nodes("jsessionid={id}.{name}; Path=/", "n1", "n2")
    b.known = a.known
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=JSESSIONID")
    assert is_well(site.check(served_by=None), "AB416")
    assert codes(site.check(served_by=None, manager=True)) == ["AB405"]
    assert site.check()["violation_count"] > 0


@pytest.mark.parametrize("options", [{}, {"served_by": None}, {"manager": True}])
def test_a_cookie_that_ends_in_mid_session_is_found(site, options):
    a, b = site.nodes("SID={id}.{name}; Path=/; Max-Age=1", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    result = site.check(clients=5, requests=3, interval=1.3, **options)
    assert codes(result) == ["AB406"] and result["failed"] is True
    assert "Max-Age=1" in message(result, "AB406")


def test_a_cookie_of_httpd_that_ends_in_mid_session_is_found(site):
    a, b = site.node("n1"), site.node("n2")
    cookie = ROUTEID.replace("path=/", "Path=/; Max-Age=1")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=ROUTEID", cookie)
    # Use does not make it last: the time begins with the first answer.
    result = site.check(clients=5, requests=8, interval=0.3)
    assert codes(result) == ["AB406"] and "ROUTEID ended" in message(result, "AB406")


def test_quotes_around_the_value_are_found(site):
    a, b = site.nodes('SID="{id}.{name}"; Path=/', "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    for manager in (False, True):
        result = site.check(manager=manager)
        assert set(codes(result)) == {"AB404"} and "quotes" in result["diagnosis"][0]["message"]


def test_another_cookie_than_stickysession_is_found(site):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=JSESSIONID")
    for options in (
        {"manager": True},
        {"cookie": "JSESSIONID"},
        {"manager": True, "cookie": "SID"},
    ):
        result = site.check(**options)
        assert codes(result) == ["AB405"]
        assert result["diagnosis"][0]["fix"] == "ProxySet stickysession=SID"


def test_a_balancer_that_does_not_serve_the_url_is_an_error(site):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    c, d = site.nodes("ADMIN={id}.{name}; Path=/", "m1", "m2")
    second = [c.member("m1"), d.member("m2"), "ProxySet stickysession=ADMIN"]
    more = "\n".join(["<Proxy balancer://admin/>", *second, "</Proxy>"])
    site.start(
        a.member("n1"),
        b.member("n2"),
        "ProxySet stickysession=SID",
        more=more + "\nProxyPass /admin/ balancer://admin/\n",
    )
    result = site.check(manager=True, balancer="admin")
    assert "balancer://admin chose no member" in result["msg"]
    assert "or balancer://app, which chose members" in result["msg"]
    assert "violation_count" not in result
    assert is_well(site.check(manager=True, balancer="app"))
    assert is_well(site.check(manager=True, balancer="admin", path="admin/"))


@pytest.mark.parametrize("options", [{}, BY_ROUTE])
def test_another_httpd_than_that_of_the_manager_is_an_error(site, options):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    members = (a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    other = site.another("other")
    other.write(
        "conf/site.conf",
        "\n".join(
            ["<Proxy balancer://app/>", *members[:2], "</Proxy>", "ProxyPass / balancer://app/"]
        ),
    )
    other.start()
    site.start(*members)
    url = f"http://localhost:{other.port}/"
    result = site.check(url=url, manager=True, **options)
    assert "balancer://app chose no member while 200 requests were answered" in result["msg"]
    assert "another httpd than that of url (manager_url)" in result["msg"]


@pytest.mark.parametrize("options", [{}, BY_ROUTE])
def test_answers_from_a_cache_are_no_proof(site, options):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    modules = ("cache", "cache_socache", "socache_shmcb")
    cache = [f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in modules]
    cache += ["CacheSocache shmcb", "CacheEnable socache /page", "CacheIgnoreNoLastMod On"]
    site.start(
        a.member("n1"),
        b.member("n2"),
        "ProxySet stickysession=SID",
        more="\n".join([*cache, ""]),
    )
    # The first answer is that of a node.
    result = site.check(path="page", manager=True, clients=1, **options)
    assert "msg" not in result and (a.paths + b.paths).count("/page") == 1
    assert remarks(result)[-2:] == ["AB421", "AB423"]
    assert "9 of 10 answers came from no member" in result["remarks"][-1]["message"]
    result = site.check(path="page", manager=True, **options)
    assert "balancer://app chose no member while 200 requests were answered" in result["msg"]
    assert "the answers came from elsewhere, as a cache" in result["msg"]
    assert (a.paths + b.paths).count("/page") == 1


@pytest.mark.parametrize("options", [{"concurrency": 1}, {"interval": 0.05}])
def test_sessions_do_not_stay_because_clients_and_members_take_turns(site, options):
    # 20 clients in one order, and two members in turn: each client would always meet the same.
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"))
    assert site.check(**options)["violation_count"] > 20


def test_a_name_that_was_given_wrongly_is_not_one_for_stickysession(site):
    links = '<a href="/cart;jsessionid={id}.%s">cart</a>'
    a, b = (site.node(n, f"SID={{id}}.{n}; Path=/", links=links % n) for n in ("n1", "n2"))
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID|jsessionid")
    for options, fix in (
        ({"url_parameter": "jsesionid"}, "write url_parameter: jsessionid"),
        ({"cookie": "SIID"}, "write cookie: SID"),
    ):
        result = site.check(manager=True, **options)
        assert codes(result) == ["AB405"] and fix in result["diagnosis"][0]["fix"]
        assert "ProxySet" not in result["diagnosis"][0]["fix"]
    # In the links it is another one than the balancer looks for.
    site.httpd.stop()
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID|sessionid")
    result = site.check(manager=True, url_parameter="jsessionid")
    assert result["diagnosis"][0]["fix"] == "ProxySet stickysession=SID|jsessionid"


def test_a_balancer_that_is_not_sticky_is_found(site):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"))
    result = site.check(manager=True)
    assert codes(result) == ["AB405"] and "has no stickysession" in message(result, "AB405")
    assert result["diagnosis"][0]["fix"] == "ProxySet stickysession=SID"


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ("Path=/shop", "Path=/shop"),
        ("Path=/; Domain=example.org", "Domain=example.org"),
        ("Path=/; Max-Age=0", "an end that has passed"),
        ("Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "an end that has passed"),
        ("Path=/; SameSite=None", "SameSite=None and without Secure"),
    ],
)
def test_an_attribute_that_keeps_the_cookie_from_being_sent_back_is_found(site, attributes, said):
    a, b = site.nodes("SID={id}.{name}; " + attributes, "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    for manager in (False, True):
        result = site.check(manager=manager)
        assert codes(result) == ["AB406"] and said in message(result, "AB406")


def test_a_cookie_of_httpd_that_browsers_drop_is_found(site):
    a, b = site.node("n1"), site.node("n2")
    cookie = ROUTEID.replace("path=/", "Path=/; SameSite=None")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=ROUTEID", cookie)
    for options in ({}, {"manager": True}, {"served_by": None}):
        result = site.check(**options)
        assert codes(result) == ["AB406"] and "SameSite=None" in message(result, "AB406")


def test_a_cookie_without_a_path_belongs_to_its_folder_and_is_well(site):
    a, b = site.nodes("SID={id}.{name}", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    assert is_well(site.check(path="shop/index"))


def test_a_secure_cookie_over_http_is_found(site):
    a, b = site.nodes("SID={id}.{name}; Path=/; Secure", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    for options in ({}, {"manager": True}, {"served_by": None}):
        assert codes(site.check(**options)) == ["AB407"]


def test_a_secure_cookie_over_http_leaves_the_one_before_alone(site):
    a, b = (
        site.node(name, f"SID={{id}}.{name}; Path=/", always=["SID=x.n9; Path=/; Secure"])
        for name in ("n1", "n2")
    )
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    result = site.check()
    assert result["violations"] == [] and result["diagnosis"] == []


def test_a_url_parameter_that_hides_the_cookie_is_found(site):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    for path in ("?SID=abc", "?XSID=1", ";SID=abc"):
        for manager in (False, True):
            result = site.check(path=path, manager=manager)
            assert codes(result) == ["AB408"], path
            assert "SID= without a route" in message(result, "AB408")
    assert codes(site.check(path="?sid=abc", manager=True)) == []
    assert codes(site.check(path="?sid=abc")) == []


def test_a_route_in_the_url_that_leads_to_one_member_is_well(site):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    assert codes(site.check(path=";SID=any.n3", manager=True)) == ["AB408"]
    for options in ({}, {"manager": True}, {"manager": True, "served_by": None}):
        result = site.check(path=";SID=any.n1", **options)
        assert result["diagnosis"] == [] and list(result["distribution"]) == ["n1"]


def test_links_that_hide_the_cookie_are_found(site):
    links = '<a href="/cart;jsessionid={id}">cart</a>'
    a, b = site.nodes("JSESSIONID={id}.{name}; Path=/", "n1", "n2", links=links)
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=JSESSIONID|jsessionid")
    result = site.check(url_parameter="jsessionid")
    assert codes(result) == ["AB408"]
    assert "the cookie JSESSIONID" in message(result, "AB408")


def test_a_route_of_two_nodes_is_found(site):
    a, b = site.node("a", "SID={id}.n1; Path=/"), site.node("b", "SID={id}.n1; Path=/")
    site.start(a.member("n1"), b.member("n1"), "ProxySet stickysession=SID")
    for manager in (False, True):
        result = site.check(manager=manager)
        assert codes(result) == ["AB409"] and "a, b set it" in message(result, "AB409")
    # Without a name of the node, only balancer-manager shows it.
    assert codes(site.check(manager=True, served_by=None)) == ["AB409"]


def test_routes_that_are_proposed_are_free(site):
    a, b, c = site.nodes("SID={id}.n3; Path=/", "a", "b", "c")
    site.start(a.member("n1"), b.member("n3"), c.member("n3"), "ProxySet stickysession=SID")
    (found,) = [each for each in site.check(manager=True)["diagnosis"] if each["code"] == "AB409"]
    assert "route=n3" in found["fix"] and "route=n2" in found["fix"]
    assert "route=n1" not in found["fix"]
    site.httpd.stop()
    site.start(a.member("n1"), b.member("n3"), c.member(), "ProxySet stickysession=SID")
    (found,) = [each for each in site.check(manager=True)["diagnosis"] if each["code"] == "AB411"]
    assert found["fix"] == f"Give it one: BalancerMember {c.url} route=n2"


def test_one_route_of_two_applications_is_told_from_one_of_two_members_by_the_manager(site):
    a, b = site.nodes("SID={id}.n1; Path=/", "a", "b")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    (found,) = site.check()["diagnosis"]
    assert found["code"] == "AB409" and "jvmRoute" in found["fix"]
    assert "a route=n1, b route=n2" in found["fix"] and "manager_url" in found["fix"]
    assert codes(site.check(manager=True)) == ["AB412"]


def test_a_cookie_of_applications_that_balancers_share_is_named_otherwise_by_them(site):
    a, b, c = site.nodes("SID={id}.{name}; Path=/", "n1", "n2", "n3")
    second = ["<Proxy balancer://two/>", c.member("n3"), "ProxySet stickysession=SID", "</Proxy>"]
    more = "\n".join([*second, "ProxyPass /two/ balancer://two/", ""])
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID", more=more)
    (found,) = site.check(manager=True, balancer="app")["diagnosis"]
    assert found["code"] == "AB410" and "the application of balancer://two" in found["fix"]
    assert "stickysession=SID_TWO" in found["fix"]


def test_a_name_in_the_url_stays_where_that_of_the_cookie_is_wrong(site):
    a, b = site.nodes("JSESSIONID={id}.{name}; Path=/", "n1", "n2")
    for wrong in ("jsessionid|JSESSIONID", "SID|jsessionid"):
        site.start(a.member("n1"), b.member("n2"), f"ProxySet stickysession={wrong}")
        for options in ({}, {"cookie": "JSESSIONID"}):
            (found,) = site.check(manager=True, **options)["diagnosis"]
            assert found["code"] == "AB405"
            assert found["fix"] == "ProxySet stickysession=JSESSIONID|jsessionid"
        site.httpd.stop()


def test_one_route_that_all_nodes_set_is_found(site):
    nodes = [site.node(name, "SID={id}.n1; Path=/") for name in "abc"]
    for node in nodes:
        node.known = nodes[0].known
    members = [node.member(f"n{number}") for number, node in enumerate(nodes, 1)]
    site.start(*members, "ProxySet stickysession=SID")
    for options in ({}, {"concurrency": 1}, {"clients": 5}, {"manager": True}):
        # After the first check, n1 has had so many requests that new sessions begin elsewhere.
        result = site.check(**options)
        assert result["violation_count"] > 0
        assert codes(result) in (["AB409"], ["AB412"])
        assert "the route n1" in result["diagnosis"][0]["message"]


def test_one_route_of_all_nodes_is_no_proof_without_their_names(site):
    nodes = [site.node(name, "SID={id}.n1; Path=/") for name in "ab"]
    site.start(*[node.member("n1") for node in nodes], "ProxySet stickysession=SID")
    result = site.check(served_by=None)
    assert codes(result) == [] and remarks(result) == ["AB416", "AB421"]


def test_two_balancers_with_one_cookie_are_found(site):
    a, b = site.nodes("PHPSESSID={id}; Path=/", "n1", "n2")
    c, d = site.nodes("PHPSESSID={id}; Path=/", "m1", "m2")
    second = "\n".join(
        [
            "<Proxy balancer://admin/>",
            c.member("m1"),
            d.member("m2"),
            "ProxySet stickysession=ROUTEID",
            ROUTEID,
            "</Proxy>",
            "ProxyPass /admin balancer://admin/",
        ]
    )
    site.start(
        a.member("n1"),
        b.member("n2"),
        "ProxySet stickysession=ROUTEID",
        ROUTEID,
        more=second + "\n",
    )
    result = site.check(manager=True, balancer="app")
    assert codes(result) == ["AB410"] and result["violations"] == []
    assert "balancer://admin (routes m1, m2) share the cookie ROUTEID" in message(result, "AB410")


def two_with_one_cookie(site: Site, app: tuple[str, str], admin: tuple[str, str]) -> None:
    """Start httpd with balancers app and admin, each with its URL and the path of its cookie."""
    text = MANAGER
    for name, place, path in (("app", *app), ("admin", *admin)):
        nodes = site.nodes("PHPSESSID={id}; Path=/", f"{name}1", f"{name}2")
        lines = [*(node.member(node.name) for node in nodes), "ProxySet stickysession=ROUTEID"]
        lines.append(ROUTEID.replace("path=/", f"Path={path}"))
        section = "\n".join([f"<Proxy balancer://{name}/>", *lines, "</Proxy>"])
        # The longer place goes first.
        text = f"{section}\n{text}\nProxyPass {place} balancer://{name}/\n"
    first, second = re.findall("ProxyPass /.* balancer.*", text)
    if app[0] == "/":
        text = text.replace(first, "").replace(second, f"{second}\n{first}")
    site.httpd.write("conf/site.conf", text)
    site.httpd.start()


def test_two_balancers_with_one_cookie_on_one_path_are_found(site, tmp_path):
    two_with_one_cookie(site, ("/shop/a/", "/shop"), ("/shop/b/", "/shop"))
    kept = str(tmp_path / "sessions.json")
    options = {"manager": True, "session_file": kept}
    result = site.check(path="shop/a/", balancer="app", **options)
    assert codes(result) == ["AB410"] and result["violations"] == []
    assert "on the path /shop" in message(result, "AB410")
    # A visitor of one goes on to the other.
    result = site.check(path="shop/b/", balancer="admin", **options)
    assert codes(result) == ["AB410"]


@pytest.mark.parametrize("app", [("/", "/"), ("/app/", "/app")])
def test_two_balancers_whose_cookies_have_paths_of_their_own_are_well(site, tmp_path, app):
    two_with_one_cookie(site, app, ("/admin/", "/admin"))
    for path, balancer in ((app[0][1:], "app"), ("admin/", "admin")):
        options = {"balancer": balancer, "session_file": str(tmp_path / balancer)}
        assert is_well(site.check(path=path, manager=True, **options))
        # The sessions go on, and no answer sets the cookie again.
        again = site.check(path=path, manager=True, **options)
        assert is_well(again) and "ROUTEID" not in [row["name"] for row in again["cookies"]]


def test_two_balancers_with_the_longer_path_on_the_wrong_one_are_found(site):
    two_with_one_cookie(site, ("/shop/a/", "/"), ("/b/", "/shop"))
    # The cookie of admin is not sent back to it, but goes to app before that of app.
    assert "AB406" in codes(site.check(path="b/", manager=True, balancer="admin"))
    assert codes(site.check(path="shop/a/", manager=True, balancer="app")) == ["AB410"]


@pytest.mark.parametrize("name", ["ROUTEID", "INNER"])
def test_balancers_behind_a_balancer_need_a_cookie_of_their_own(site, name):
    nodes = [site.node(letter) for letter in "abcd"]
    inner = site.another("inner")
    for number, pair in enumerate((nodes[:2], nodes[2:]), 1):
        lines = [node.member(f"m{each}") for each, node in enumerate(pair, 1)]
        lines += [f"ProxySet stickysession={name}", ROUTE_COOKIE.format(name)]
        inner.write(
            f"conf/in{number}.conf",
            "\n".join([f"<Proxy balancer://in{number}/>", *lines, "</Proxy>"])
            + f"\nProxyPass /in{number}/ balancer://in{number}/\n",
        )
    inner.start()
    site.start(
        # Without kept connections, which the inner one would end at its own time.
        *(
            f"BalancerMember http://127.0.0.1:{inner.port}/in{n} route=n{n} disablereuse=on"
            for n in (1, 2)
        ),
        "ProxySet stickysession=ROUTEID",
        ROUTEID,
    )
    for options in ({}, {"manager": True}, {"served_by": None}):
        result = site.check(concurrency=4, **options)
        if name == "INNER":
            assert is_well(result)
        else:
            assert codes(result) == ["AB410"] and "one behind the other" in result["msg"]


def test_a_member_without_a_route_is_found(site):
    a, b = site.node("n1"), site.node("n2")
    site.start(a.member("n1"), b.member(), "ProxySet stickysession=ROUTEID", ROUTEID)
    result = site.check()
    assert codes(result) == ["AB411"] and "ROUTEID=. was set without a route by n2" in result["msg"]
    assert codes(site.check(manager=True)) == ["AB411"]
    assert codes(site.check(served_by=None, cookie="ROUTEID")) == ["AB411"]


def test_no_session_is_said_to_come_from_a_member_without_a_route_that_is_out(site):
    a, b, c = (site.node(name) for name in ("n1", "n2", "n3"))
    out = f"{c.member()} status=+D"
    site.start(a.member("n1"), b.member("n2"), out, "ProxySet stickysession=SID")
    result = site.check(manager=True)
    assert codes(result) == ["AB401"] and result["violation_count"] > 0


def test_a_member_without_a_route_is_seen_in_the_manager(site):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member(), "ProxySet stickysession=SID")
    result = site.check(manager=True)
    assert "AB411" in codes(result) and b.url in message(result, "AB411")


def test_nodes_that_answer_under_the_routes_of_each_other_are_found(site):
    a, b = site.node("a", "SID={id}.n2; Path=/"), site.node("b", "SID={id}.n1; Path=/")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    for options in ({}, {"manager": True}, {"served_by": None}):
        result = site.check(**options)
        assert set(codes(result)) == {"AB412"}
    assert "b sets the route n1" in site.check()["diagnosis"][0]["message"]


def test_a_node_that_was_out_is_the_cause(site, tmp_path):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    kept = str(tmp_path / "sessions.json")
    first = site.check(session_file=kept)
    assert is_well(first)
    moving = first["distribution"]["n1"]["sessions"]
    saved = (tmp_path / "sessions.json").read_text()
    site.member("n1", "disabled")
    result = site.check(session_file=kept, manager=True)
    assert codes(result) == ["AB413"] and result["violation_count"] == moving
    assert result["violations"][0] == {
        "client": result["violations"][0]["client"],
        "request": 1,
        "before": "n1",
        "after": "n2",
        "reason": "SID carried the route n1",
    }
    assert a.url in message(result, "AB413")
    # Seen from outside it is a move without a cause.
    (tmp_path / "sessions.json").write_text(saved)
    result = site.check(session_file=kept)
    assert codes(result) == [] and result["failed"] is True
    assert f"{moving} sessions moved, {moving} times in all" in result["msg"]


@pytest.mark.parametrize("manager", [False, True])
def test_a_node_that_dies_is_the_only_cause_or_none(site, manager):
    with Backend("n1") as a, Backend("n2") as b, Backend("n3") as c:
        members = [f"BalancerMember {node.url} route={node.route}" for node in (a, b, c)]
        site.start(*members, "ProxySet stickysession=JSESSIONID")
        timer = threading.Timer(3, a.kill)
        timer.start()
        result = site.check(path="api", interval=0.3, requests=20, manager=manager)
        timer.join()
    assert result["violation_count"] > 0
    assert {each["before"] for each in result["violations"]} == {"n1"}
    assert codes(result) == (["AB413"] if manager else [])
    assert ("No cause was seen" in result["msg"]) is not manager


def test_an_imbalance_is_found(site):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1") + " loadfactor=9", b.member("n2"), "ProxySet stickysession=SID")
    for options in ({}, {"manager": True}, {"served_by": None}):
        # What went before is made up for, so that each asks with new members.
        result = site.check(clients=100, requests=1, max_imbalance=2, **options)
        assert codes(result) == ["AB414"] and "n1 (" in message(result, "AB414")
    assert codes(site.check(clients=100, requests=1)) == []
    site.member("n2", "disabled")
    assert codes(site.check(clients=10, requests=1, max_imbalance=2)) == []
    result = site.check(clients=10, requests=1, max_imbalance=2, expected_routes=["n1", "n2"])
    assert codes(result) == ["AB414", "AB415"]


def test_an_expected_route_that_is_never_seen_is_found(site):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    result = site.check(expected_routes=["n1", "n2", "n3"])
    assert codes(result) == ["AB415"]
    assert message(result, "AB415") == "never seen: n3; seen: n1, n2, in 20 new sessions."


@pytest.mark.parametrize("options", [{}, BY_ROUTE])
def test_an_expected_route_is_not_seen_by_requests_that_fail(site, tmp_path, options):
    a, b = site.nodes("PHPSESSID={id}; Path=/", "n1", "n2")
    sticky = "ProxySet stickysession=ROUTEID nofailover=On"
    site.start(a.member("n1"), b.member("n2"), sticky, ROUTEID)
    options = {"session_file": str(tmp_path / "sessions.json"), **options}
    assert is_well(site.check(expected_routes=["n1", "n2"], **options))
    assert is_well(site.check(expected_routes=["n1", "n2"], **options))
    site.member("n1", "disabled")
    result = site.check(expected_routes=["n1", "n2"], **options)
    assert result["failed_requests"] > 0 and set(result["distribution"]) == {"n2"}
    assert codes(result) == ["AB415", "AB422"]
    assert message(result, "AB415").startswith("never seen: n1; seen: n2,")


def test_a_member_that_had_many_requests_before_gets_no_new_session_and_is_well(site):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    for options in ({"expected_routes": ["n1", "n2"]}, {"max_imbalance": 2}):
        # byrequests counts requests of running sessions as well.
        site.check(path=";SID=any.n1", clients=40)
        result = site.check(manager=True, **options)
        assert set(result["distribution"]) == {"n2"}
        assert is_well(result, "AB417") and "byrequests" in result["remarks"][0]["message"]
    site.member("n1", "disabled")
    result = site.check(manager=True, expected_routes=["n1"])
    assert codes(result) == ["AB415"] and remarks(result) == []
    site.member("n1", "enabled")
    result = site.check(manager=True, expected_routes=["n3"])
    assert codes(result) == ["AB415"]


@pytest.mark.parametrize(
    "options",
    [{}, BY_ROUTE, {"manager": True}, {"manager": True, **BY_ROUTE}, {"url_parameter": "sid"}],
)
def test_a_site_that_only_redirects_elsewhere_is_told_from_one_without_sessions(site, options):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    away = "RewriteEngine On\nRewriteCond %{REQUEST_URI} !manager\n"
    away += "RewriteRule ^/(.*) https://shop.example.com/$1 [R=301,L]\n"
    rewrite = f"LoadModule rewrite_module {MODULES}/mod_rewrite.so\n"
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID", more=rewrite + away)
    result = site.check(path="cart?x=1", **options)
    assert codes(result) == ["AB401"] and a.paths == b.paths == []
    assert "all 200 answers are redirects to https://shop.example.com/cart" in result["msg"]
    assert "url: https://shop.example.com/cart" in result["diagnosis"][0]["fix"]


REDIRECTS = [{}, BY_ROUTE, {"manager": True}, {"cookie": "SID"}, {"url_parameter": "sid"}]


@pytest.mark.parametrize("options", REDIRECTS)
def test_a_page_that_only_redirects_within_the_site_is_told_with_the_one_to_ask(site, options):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    alias = f"LoadModule alias_module {MODULES}/mod_alias.so\nRedirectMatch ^/$ /shop/?x=1\n"
    # What is redirected must not be proxied before.
    site.start(
        a.member("n1"),
        b.member("n2"),
        "ProxySet stickysession=SID",
        more=alias + "ProxyPassMatch ^/$ !\n",
    )
    result = site.check(**options)
    assert codes(result) == ["AB401"] and a.paths == b.paths == []
    assert f"all 200 answers are redirects to {site.url}shop/, and no session" in result["msg"]
    assert result["diagnosis"][0]["fix"] == f"Ask that: url: {site.url}shop/"
    if "url_parameter" not in options:
        assert codes(site.check(path="shop/", **options)) == []


@pytest.mark.parametrize("options", REDIRECTS)
def test_nodes_that_only_redirect_are_told_with_the_page_to_ask(site, options):
    def respond(path: str) -> tuple[int, str]:
        return 302, ""

    a, b = (site.node(name, respond=respond) for name in ("n1", "n2"))
    site.start(
        a.member("n1"),
        b.member("n2"),
        "ProxySet stickysession=SID",
        more='Header set Location login?from=x "expr=%{REQUEST_STATUS} == 302"\n',
    )
    result = site.check(path="shop/cart", server_name="shop.example.com", **options)
    assert codes(result) == ["AB401"]
    assert result["diagnosis"][0]["fix"] == f"Ask that: url: {site.url}shop/login"


def test_a_cookie_that_only_the_task_names_is_no_fault_of_the_site(site):
    a, b = site.nodes("PHPSESSID={id}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=ROUTEID", ROUTEID)
    for options in ({}, BY_ROUTE, {"manager": True}, {"manager": True, **BY_ROUTE}):
        result = site.check(cookie="PHPSESSID", **options)
        assert codes(result) == ["AB405"] and result["violations"] == []
        assert result["diagnosis"][0]["fix"] == "In the task, write cookie: ROUTEID"


# What cannot have been seen.


def sharing(site: Site, *cookies: str) -> list[Faulty]:
    """Return nodes of which each knows the sessions of all."""
    nodes = [site.node(n, *(c.replace("{name}", n) for c in cookies)) for n in ("n1", "n2", "n3")]
    for node in nodes[1:]:
        node.known = nodes[0].known
    return nodes


@pytest.mark.parametrize(
    ("cookie", "lines", "options", "managers"),
    [
        # An application sets its route alone, and only when a session begins.
        ("NODE=.{name}; Path=/", ["ProxySet stickysession=OTHER"], {}, [False]),
        (
            "NODE={name}; Path=/",
            ["ProxySet stickysession=NODE"],
            {"separator": "Off"},
            [False, True],
        ),
        # As does httpd, where it was told so.
        (
            "A=b; Path=/",
            [
                "ProxySet stickysession=ROUTE_ID",
                'Header add Set-Cookie "ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/" "expr=! -n req(\'Cookie\')"',
            ],
            {},
            [False],
        ),
        # The balancer looks behind another character, which balancer-manager does not show.
        (
            "SID={id}.{name}; Path=/",
            ["ProxySet stickysession=SID stickysessionsep=!"],
            {},
            [False, True],
        ),
    ],
)
def test_a_route_that_is_not_set_anew_is_no_proof(site, cookie, lines, options, managers):
    nodes = sharing(site, cookie, "X={id}; Path=/")
    site.start(*(node.member(node.name) for node in nodes), *lines)
    for manager in managers:
        result = site.check(served_by=None, manager=manager, **options)
        assert is_well(result, "AB416")
    if managers == [False, True]:
        assert "stickysessionsep" in result["remarks"][0]["message"]
        assert "manager_url" not in result["remarks"][0]["fix"]
    assert site.check(**options)["violation_count"] > 0


@pytest.mark.parametrize("more", ["", " nofailover=On"])
def test_a_route_that_httpd_sets_is_asked_for_once_more(site, more):
    nodes = sharing(site, "X={id}; Path=/")
    site.start(
        *(node.member(node.name) for node in nodes),
        f"ProxySet stickysession=ROUTEID{more}",
        ROUTEID,
    )

    def asked() -> int:
        return sum("sticky-check" in str(h["Cookie"]) for node in nodes for h in node.headers)

    assert is_well(site.check()) and asked() == 0
    for manager in (False, True):
        before = asked()
        assert is_well(site.check(served_by=None, manager=manager)) and asked() > before
    # That one may be answered by a node that no session met.
    for dummy in range(3):
        assert is_well(site.check(served_by=None))


@pytest.mark.parametrize("sticky", ["SID", "OTHER"])
def test_httpd_itself_may_say_which_member_answered(site, sticky):
    nodes = sharing(site, "SID={id}.{name}; Path=/")
    members = [node.member(node.name) for node in nodes]
    told = 'Header set X-Member "%{BALANCER_WORKER_ROUTE}e"'
    site.start(*members, f"ProxySet stickysession={sticky}", more=told)
    result = site.check(served_by={"header": "X-Member"})
    assert set(result["distribution"]) == {"n1", "n2", "n3"}
    if sticky == "SID":
        assert is_well(result)
    else:
        assert codes(result) == ["AB404"] and result["violation_count"] > 20


def test_a_separator_that_the_manager_does_not_show_is_the_cause(site):
    nodes = sharing(site, "SID={id}.{name}; Path=/")
    members = [node.member(node.name) for node in nodes]
    site.start(*members, "ProxySet stickysession=SID stickysessionsep=!")
    result = site.check(manager=True)
    assert codes(result) == ["AB404"] and "stickysessionsep" in message(result, "AB404")


def test_a_site_that_hardly_answers_is_no_proof(site):
    nodes = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(*(node.member(node.name) for node in nodes), "ProxySet stickysession=SID")
    statuses = iter([200])
    for node in nodes:
        node.respond = lambda path: (next(statuses, 500), "")
    result = site.check()
    assert result["failed_requests"] == 199 and remarks(result) == ["AB421"]
    assert "no session has two answers" in result["remarks"][0]["message"]


def test_one_request_of_each_session_is_no_proof(site):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"))
    result = site.check(requests=1)
    assert result["diagnosis"] == [] and remarks(result) == ["AB421"]
    assert "(requests)" in result["remarks"][0]["fix"]


def test_a_site_with_one_node_is_no_proof(site):
    a = site.node("n1", "SID={id}.n1; Path=/")
    site.start(a.member("n1"), "ProxySet stickysession=SID")
    for options in ({}, {"manager": True}):
        result = site.check(**options)
        assert result["diagnosis"] == [] and remarks(result) == ["AB421"]
        assert "only n1 answered" in result["remarks"][0]["message"]


def test_resumed_sessions_that_only_get_errors_are_a_cause(site, tmp_path):
    a, b = site.node("n1"), site.node("n2")
    lines = ["ProxySet stickysession=ROUTEID nofailover=On", ROUTEID]
    site.start(a.member("n1"), b.member("n2"), *lines)
    kept = str(tmp_path / "sessions.json")
    first = site.check(session_file=kept)
    assert is_well(first)
    lost = first["distribution"]["n1"]["sessions"]
    site.member("n1", "disabled")
    for options in ({}, {"manager": True}, {"expect": "moved"}):
        result = site.check(session_file=kept, **options)
        assert result["failed"] is True and codes(result) == ["AB422"]
        assert f"{lost} of 20 resumed sessions got no answer" in message(result, "AB422")
        assert f"n1 ({lost})" in message(result, "AB422")


# Sessions that are kept for later.


def test_sessions_are_resumed_and_stay(site, tmp_path):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    kept = tmp_path / "sessions.json"
    first = site.check(session_file=str(kept), clients=6)
    assert kept.stat().st_mode & 0o777 == 0o600
    assert site.check(session_file=str(kept), clients=20, check=True)["cookies"][0]["set_on"] == 14
    assert len(json.loads(kept.read_text())["sessions"]) == 6
    again = site.check(session_file=str(kept), clients=4)
    assert again["violations"] == [] and again["cookies"] == []
    assert len(json.loads(kept.read_text())["sessions"]) == 6
    more = site.check(session_file=str(kept), clients=8)
    assert more["cookies"][0]["set_on"] == 2 and more["diagnosis"] == []
    assert "id0" not in json.dumps([first, again, more])


def test_sessions_are_resumed_by_url(site, tmp_path):
    links = '<a href="/cart;jsessionid={id}.%s">cart</a>'
    a, b = (site.node(name, links=links % name) for name in ("n1", "n2"))
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=JSESSIONID|jsessionid")
    options = {"session_file": str(tmp_path / "sessions.json"), "url_parameter": "jsessionid"}
    assert is_well(site.check(**options))
    before = len(a.known) + len(b.known)
    assert is_well(site.check(**options))
    assert len(a.known) + len(b.known) == before


@pytest.mark.parametrize(
    ("link", "path", "asked"),
    [
        ("/next?sid={id}.%s", "shop.php", r"/shop\.php\?sid=id\d{6}\.n[12]"),
        ("/next?x=1&amp;sid={id}.%s", "shop.php?y=2", r"/shop\.php\?y=2&sid=id\d{6}\.n[12]"),
        ("/next;sid={id}.%s?x=1", "shop?y=2", r"/shop;sid=id\d{6}\.n[12]\?y=2"),
    ],
)
def test_a_session_is_asked_for_where_links_have_it(site, tmp_path, link, path, asked):
    def respond(url: str) -> tuple[int, str]:
        return (200 if url == f"/{path}" or re.fullmatch(asked, url) else 404), ""

    links = f'<a href="{link}">next</a>'
    a, b = (site.node(name, links=links % name, respond=respond) for name in ("n1", "n2"))
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=NONE|sid")
    options = {"session_file": str(tmp_path / "sessions.json"), "url_parameter": "sid"}
    assert is_well(site.check(path=path, **options))
    before = len(a.known) + len(b.known)
    # They go on in the same place.
    assert is_well(site.check(path=path, **options))
    assert len(a.known) + len(b.known) == before


def test_sessions_of_a_node_that_was_taken_out_have_moved(site, tmp_path):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2") + " status=+D", "ProxySet stickysession=SID")
    kept = str(tmp_path / "sessions.json")
    first = site.check(session_file=kept)
    assert set(first["distribution"]) == {"n1"} and first["diagnosis"] == []
    stayed = site.check(session_file=kept, expect="moved")
    assert stayed["failed"] is True and stayed["violation_count"] == 20
    assert "20 sessions did not move" in stayed["msg"] and "No cause" not in stayed["msg"]
    assert stayed["violations"][0]["reason"] == "it was answered by the same node as before"
    site.member("n2", "enabled")
    site.member("n1", "disabled")
    moved = site.check(session_file=kept, expect="moved", manager=True)
    assert "msg" not in moved and moved["diagnosis"] == [] and set(moved["distribution"]) == {"n2"}
    assert is_well(site.check(session_file=kept, expect="same"))


@pytest.mark.parametrize("moves", [True, False])
def test_sessions_may_move_before_an_answer_names_the_node(site, tmp_path, moves):
    def respond(path: str) -> tuple[int, str]:
        return 200, "" if next(answers) < 20 else "served by"

    answers = itertools.count(20)
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2", respond=respond)
    # All nodes know all sessions, so that none sets the cookie again.
    b.known = a.known
    site.start(a.member("n1"), b.member("n2") + " status=+D", "ProxySet stickysession=SID")
    options = {"session_file": str(tmp_path / "s.json"), "served_by": {"regex": r"by<b>(\w+)"}}
    assert is_well(site.check(**options))
    if moves:
        site.member("n2", "enabled")
        site.member("n1", "disabled")
    # Each session begins with an answer without a name.
    answers = itertools.count()
    result = site.check(expect="moved", concurrency=1, **options)
    assert remarks(result) == ["AB419"] and result["violation_count"] == (0 if moves else 20)
    assert ("msg" not in result) is moves


@pytest.mark.parametrize(
    ("cookie", "lines"),
    [
        ("SID={id}.{name}; Path=/", ["ProxySet stickysession=SID"]),
        ("PHPSESSID={id}; Path=/", ["ProxySet stickysession=ROUTEID", ROUTEID]),
    ],
)
def test_a_node_that_was_removed_for_good_is_no_unknown_route(site, tmp_path, cookie, lines):
    a, b, c = site.nodes(cookie, "n1", "n2", "n3")
    site.start(a.member("n1"), *lines)
    kept = tmp_path / "sessions.json"
    assert is_well(site.check(session_file=str(kept)))
    before = kept.read_text()
    site.httpd.stop()
    site.start(b.member("n2"), c.member("n3"), *lines)
    for options in ({}, {"manager": True}, {"manager": True, **BY_ROUTE}):
        moved = kept.with_suffix(".moved")
        told_by = "the route in the cookie" if "served_by" in options else "the header X-Served-By"
        moved.write_text(before.replace("the header X-Served-By", told_by))
        moved.chmod(0o600)
        assert is_well(site.check(session_file=str(moved), expect="moved", **options))
        alone = ["AB416"] if "served_by" in options and cookie.startswith("SID") else []
        assert is_well(site.check(session_file=str(moved), expect="same", **options), *alone)
    result = site.check(session_file=str(kept), manager=True)
    assert codes(result) == ["AB413"] and result["violation_count"] == 20
    assert "which is that of no member any more" in message(result, "AB413")
    assert "expect: moved" in result["diagnosis"][0]["fix"]


@pytest.mark.parametrize("options", [{}, {"manager": True}])
def test_a_cookie_that_ended_between_two_checks_is_found(site, tmp_path, options):
    a, b = site.nodes("PHPSESSID={id}; Path=/", "n1", "n2")
    cookie = ROUTEID.replace("path=/", "Path=/; Max-Age=2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=ROUTEID", cookie)
    kept = str(tmp_path / "sessions.json")
    site.check(session_file=kept, requests=1)
    time.sleep(2.1)
    result = site.check(session_file=kept, requests=1, **options)
    assert codes(result) == ["AB406"] and result["violation_count"] > 0
    assert "Max-Age=2" in message(result, "AB406") and "20 times" in message(result, "AB406")


def test_a_cookie_that_stays_as_it_was_does_not_tell_whether_a_session_moved(site, tmp_path):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    # All nodes know all sessions, so that none sets the cookie again.
    b.known = a.known
    site.start(a.member("n1"), "ProxySet stickysession=SID")
    kept = str(tmp_path / "sessions.json")
    assert is_well(site.check(session_file=kept, **BY_ROUTE), "AB416")
    site.httpd.stop()
    site.start(b.member("n2"), "ProxySet stickysession=SID")
    result = site.check(session_file=kept, expect="moved", **BY_ROUTE)
    assert result["violation_count"] == 20 and len(b.paths) >= 200
    assert "did not move" not in result["msg"] and "served_by" in result["msg"]
    assert "20 sessions are not known to have moved" in result["msg"]


def test_moved_needs_sessions_that_were_answered(site, tmp_path):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    kept = str(tmp_path / "sessions.json")
    a.respond = b.respond = lambda path: (503, "")
    assert site.check(session_file=kept)["failed_requests"] == 200
    a.respond = b.respond = None
    result = site.check(session_file=kept, expect="moved")
    assert result["failed"] is True and "no session in it was ever answered" in result["msg"]


def test_a_session_that_keeps_the_route_of_a_removed_node_is_found(site, tmp_path):
    a, b, c = site.nodes("SID={id}.{name}; Path=/", "n1", "n2", "n3")
    # All nodes know all sessions, so that none sets the cookie again.
    b.known = c.known = a.known
    site.start(a.member("n1"), "ProxySet stickysession=SID")
    kept = str(tmp_path / "sessions.json")
    assert is_well(site.check(session_file=kept))
    site.httpd.stop()
    site.start(b.member("n2"), c.member("n3"), "ProxySet stickysession=SID")
    result = site.check(session_file=kept, expect="moved", manager=True)
    assert codes(result) == ["AB404"] and result["violation_count"] > 0


def test_moved_needs_sessions(site, tmp_path):
    a = site.node("n1")
    site.start(a.member("n1"))
    kept = str(tmp_path / "none.json")
    before = list(a.paths)
    assert f"{kept} does not exist" in site.check(expect="moved", session_file=kept)["msg"]
    assert "needs a session_file" in site.check(expect="moved")["msg"]
    assert a.paths == before


def test_a_session_file_that_is_not_ours_is_refused(site, tmp_path):
    kept, link = tmp_path / "sessions.json", tmp_path / "link.json"
    link.symlink_to(kept)
    assert "symbolic link" in site.check(session_file=str(link))["msg"]
    assert not kept.exists()
    kept.write_text("[]")
    assert "no file of sessions" in site.check(session_file=str(kept))["msg"]
    kept.chmod(0o666)
    assert "written by others" in site.check(session_file=str(kept))["msg"]
    assert "no regular file" in site.check(session_file=str(tmp_path))["msg"]
    for name in ("sessions", "../sessions", f"{tmp_path}/a\nb", f"{tmp_path}/a\0b"):
        assert f"session_file: {name!r}" in site.check(session_file=name)["msg"]
    away = str(tmp_path / "no" / ".." / "file")
    assert "is no folder" in site.check(session_file=away)["msg"]
    nowhere = site.check(session_file=str(tmp_path / "no" / "file"))
    assert f"{tmp_path}/no is no folder that can be written to" in nowhere["msg"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_session_file_of_another_user_is_refused(site, tmp_path):
    kept = tmp_path / "sessions.json"
    kept.write_text("{}")
    os.chown(kept, 12345, -1)
    assert "belongs to user 12345" in site.check(session_file=str(kept))["msg"]


def test_sessions_told_apart_in_another_way_are_refused(site, tmp_path):
    a = site.node("n1", "SID={id}.n1; Path=/")
    site.start(a.member("n1"), "ProxySet stickysession=SID")
    kept = str(tmp_path / "sessions.json")
    assert is_well(site.check(session_file=kept))
    refused = site.check(session_file=kept, served_by=REGEX)
    assert "told apart by the header X-Served-By" in refused["msg"]


def test_sessions_of_another_host_are_refused(site, tmp_path):
    a = site.node("n1", "SID={id}.n1; Path=/")
    site.start(a.member("n1"), "ProxySet stickysession=SID")
    kept = tmp_path / "sessions.json"
    assert is_well(site.check(session_file=str(kept), server_name="shop.example.com"))
    before, asked = kept.read_text(), len(a.paths)
    refused = site.check(session_file=str(kept))
    assert (
        f"the sessions in {kept} are those of shop.example.com:{site.port}, now it is localhost:{site.port}"
        in refused["msg"]
    )
    assert kept.read_text() == before and len(a.paths) == asked
    assert is_well(site.check(session_file=str(kept), server_name="SHOP.example.com"))
    other = free_port()
    moved = site.check(session_file=str(kept), url=f"http://SHOP.example.com:{other}/")
    assert f"now it is shop.example.com:{other}" in moved["msg"]
    kept.write_text(before.replace('"host"', '"other"'))
    refused = site.check(session_file=str(kept), server_name="shop.example.com")
    assert "is no file of sessions" in refused["msg"]


@pytest.mark.parametrize("manager", [False, True])
def test_sessions_from_before_the_cookie_had_another_name_are_told_apart(site, tmp_path, manager):
    a, b = site.nodes("PHPSESSID={id}; Path=/", "n1", "n2")
    members = (a.member("n1"), b.member("n2"))
    site.start(*members, "ProxySet stickysession=OLD", ROUTE_COOKIE.format("OLD"))
    kept = str(tmp_path / "sessions.json")
    assert is_well(site.check(session_file=kept))
    site.httpd.stop()
    site.start(*members, "ProxySet stickysession=NEW", ROUTE_COOKIE.format("NEW"))
    result = site.check(session_file=kept, manager=manager)
    assert result["violation_count"] > 0 and codes(result) == ["AB405"]
    assert "OLD" in message(result, "AB405") and "NEW" in message(result, "AB405")
    assert "ProxySet" not in result["diagnosis"][0]["fix"]
    # They moved once, and stay from then on.
    assert is_well(site.check(session_file=kept, manager=manager))


# Results.


def test_only_looking_never_fails(site):
    a, b = site.nodes("SID={id}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    result = site.check(fail_on_violation=False)
    assert not {"msg", "failed"} & set(result) and result["failed_requests"] == 0
    assert codes(result) == ["AB402"] and result["violation_count"] > 0


def test_check_mode_asks_as_always(site):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    assert is_well(site.check(check=True))


def test_headers_are_sent_and_their_secrets_hidden(site):
    a = site.node("n1", "SID={id}.n1; Path=/")
    site.start(a.member("n1"), "ProxySet stickysession=SID")
    result = site.check(headers={"Authorization": "Bearer hunter2-hunter2", "Accept": "text/html"})
    assert "hunter2" not in json.dumps(result) and "text/html" in json.dumps(result)
    assert a.headers[-1]["Authorization"] == "Bearer hunter2-hunter2"
    assert a.headers[-1]["Accept"] == "text/html"


def test_a_trace_shows_each_visit(site):
    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2")
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    assert "trace" not in site.check()
    for served_by in (HEADER, None):
        rows = site.check(trace=True, clients=4, requests=3, served_by=served_by)["trace"]
        assert [row["client"] for row in rows] == [1, 2, 3, 4]
        for row in rows:
            assert len(row["visits"]) == 3
            assert len({node for _ms, node, _status in row["visits"]}) == 1
            assert [ms for ms, *_rest in row["visits"]] == sorted(v[0] for v in row["visits"])
            assert {status for *_rest, status in row["visits"]} == {200}


def test_answers_that_are_errors_are_failures(site):
    def respond(path: str) -> tuple[int, str]:
        return (503 if "bad" in path else 302 if "away" in path else 200), ""

    a, b = site.nodes("SID={id}.{name}; Path=/", "n1", "n2", respond=respond)
    site.start(a.member("n1"), b.member("n2"), "ProxySet stickysession=SID")
    assert is_well(site.check(path="away"))
    result = site.check(path="bad")
    assert "no request was answered with 2xx or 3xx, the first: status 503" in result["msg"]
    looked = site.check(path="bad", fail_on_violation=False)
    assert looked["failed_requests"] == 200 and looked["diagnosis"] == []
    # A task with a true "failed" would be a failed one.
    assert "failed" not in looked
    assert looked["failures"][0] == {"client": 1, "request": 1, "reason": "status 503"}


def test_a_header_that_no_answer_has_is_an_error(site):
    a = site.node("n1", "SID={id}.n1; Path=/")
    site.start(a.member("n1"), "ProxySet stickysession=SID")
    result = site.check(served_by={"header": "X-Node"})
    assert "served_by: the header X-Node was in no answer" in result["msg"]


def test_an_address_where_nobody_listens_is_an_error(site):
    result = site.check(url="http://127.0.0.1:9/")
    assert result["failed"] is True and "connection refused" in result["msg"]


def test_a_graceful_reload_costs_nothing(site):
    reload = threading.Thread(target=site.httpd.reload)
    numbers = itertools.count()

    def respond(path):
        # Those of the check, without what asks whether httpd serves again.
        number = next(numbers) if path == "/api" else 0
        if number == 60:
            reload.start()
        if number == 120:
            reload.join()
        return 200, ""

    nodes = [site.node(name, f"JSESSIONID={{id}}.{name}", respond=respond) for name in ("n1", "n2")]
    site.start(*(node.member(node.name) for node in nodes), "ProxySet stickysession=JSESSIONID")
    assert is_well(site.check(path="api", interval=0.1))
    assert next(numbers) == 200


# Many.


@pytest.mark.long
def test_ten_thousand_sessions_raise_no_alarm(site, capsys):
    with Backend("n1") as a, Backend("n2") as b, Backend("n3") as c:
        members = [f"BalancerMember {node.url} route={node.route}" for node in (a, b, c)]
        site.start(*members, "ProxySet stickysession=JSESSIONID")
        result = site.check(
            path="api", clients=10_000, requests=10, concurrency=50, manager=True, patience=900
        )
    with capsys.disabled():
        print(f"\n{result['requests_per_second']} requests a second through httpd")
    assert "msg" not in result, result["msg"]
    assert result["sessions"] == 10_000 and result["requests"] == 100_000
    assert result["failures"] == [] and result["violations"] == [] and result["diagnosis"] == []
    assert sum(node["sessions"] for node in result["distribution"].values()) == 10_000
