# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._argspec import (
    sticky_check_options,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.check import (
    Plan,
    check_routes,
    check_serves,
    elected_meanwhile,
    make_plan,
    secret_headers,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.cookies import Origin
from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.driver import (
    StickyError,
)


def plan(url: str = "http://shop.example.com", **options: Any) -> Plan:
    defaults = {name: row.get("default") for name, row in sticky_check_options().items()}
    return make_plan({**defaults, "url": url, **options})


@pytest.mark.parametrize(
    ("url", "options", "origin", "address", "host", "target"),
    [
        (
            "http://Shop.example.com",
            {},
            Origin("shop.example.com", "/", False),
            ("shop.example.com", 80),
            "shop.example.com",
            "/",
        ),
        (
            "https://[::1]:8443/a?b=c#d",
            {"validate_certs": False},
            Origin("::1", "/a", True),
            ("::1", 8443),
            "[::1]:8443",
            "/a?b=c",
        ),
        (
            "http://127.0.0.1:8080/a",
            {"server_name": "shop.example.com"},
            Origin("shop.example.com", "/a", False),
            ("127.0.0.1", 8080),
            "shop.example.com",
            "/a",
        ),
    ],
)
def test_a_url_says_where_to_connect_and_what_to_ask_for(
    url, options, origin, address, host, target
):
    made = plan(url, **options).target
    assert (made.origin, made.address, made.host, made.target) == (origin, address, host, target)
    assert (made.context is not None) == origin.https


def test_concurrency_follows_the_clients():
    assert [plan(clients=n).concurrency for n in (1, 20, 500)] == [1, 20, 50]
    assert plan(clients=3, concurrency=10).concurrency == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "ftp://shop"}, "url: ftp://shop is not possible"),
        ({"url": "shop"}, "url: shop is not possible"),
        ({"url": "http://shop:99999"}, "url: http://shop:99999 is not possible"),
        ({"url": "http://a:hunter2@shop"}, "user and password belong in headers"),
        ({"url": "http://shop/a b"}, "no white space"),
        ({"url": "http://shop/\u00e4"}, "percent-encoded"),
        ({"server_name": "a\r\nb"}, "control"),
        ({"clients": 0}, "clients: 0 is less than 1"),
        ({"requests": 0}, "requests: 0 is less than 1"),
        ({"interval": -1}, "interval: -1 is less than 0"),
        ({"interval": float("nan")}, "interval: nan is not possible; write a number of seconds"),
        ({"interval": float("inf")}, "interval: inf is not possible; write a number of seconds"),
        ({"timeout": float("nan")}, "timeout: nan is not possible"),
        ({"max_imbalance": float("nan")}, "max_imbalance: nan is not possible; write 1 or more"),
        ({"concurrency": 1001}, "concurrency: 1001 is not possible; write 1 to 1000"),
        ({"timeout": 0}, "timeout: 0 is not possible"),
        ({"max_imbalance": 0.5}, "max_imbalance: 0.5 is less than 1"),
        ({"separator": ".."}, "separator: '..' is not possible; write one character, or Off"),
        ({"cookie": "a b"}, "cookie: 'a b' is no possible name"),
        ({"url_parameter": "a;b"}, "url_parameter: 'a;b' is no possible name"),
        ({"cookie": "a", "url_parameter": "a"}, "choose one"),
        ({"served_by": {"header": "a b"}}, "served_by: 'a b' is no possible name"),
        ({"served_by": {"regex": "("}}, "served_by: regex '(' is not possible"),
        ({"served_by": {"regex": "(a)(b)"}}, "has 2 groups; put the name of the node in one"),
        ({"headers": {"Host": "x"}}, "headers: Host is set by the check itself; use server_name"),
        ({"headers": {"cookie": "x"}}, "headers: cookie is set by the check itself"),
        ({"headers": {"A": "x\r\nB: y"}}, "'A' is not possible, or holds a control character"),
        ({"headers": {"A:": "x"}}, "'A:' is not possible"),
        ({"url": "https://shop", "ca_path": "/no/such"}, "ca_path: /no/such"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_value(options, said):
    with pytest.raises(StickyError) as caught:
        plan(**options)
    assert said in str(caught.value) and "hunter2" not in str(caught.value)


@pytest.mark.parametrize("elected", [{"app": 200, "admin": 200}, {"app": 180}, {"admin": 200}])
def test_a_balancer_that_chose_a_member_for_each_answer_serves_the_url(elected):
    assert check_serves("app", elected, 200) == 0


@pytest.mark.parametrize("elected", [{"app": -50, "admin": 200}, {"app": 0}])
def test_nothing_is_known_of_a_balancer_that_was_loaded_anew_or_had_no_answer(elected):
    assert check_serves("app", elected, 0) == 0
    assert check_serves("app", {**elected, "app": -50}, 200) == 0


def test_counts_from_before_a_reload_say_nothing():
    def balancers(nonce: str, elected: int) -> Any:
        member = SimpleNamespace(counters={"elected": elected})
        return {"app": SimpleNamespace(nonce=nonce, members={"u": member})}

    assert elected_meanwhile(balancers("a", 5), balancers("a", 205)) == {"app": 200}
    # httpd counts anew, and makes a new nonce.
    assert elected_meanwhile(balancers("a", 0), balancers("b", 0)) == {"app": -1}


def test_a_balancer_that_chose_few_members_gave_not_all_answers():
    # Counts of httpd are not exact, so that a few may be missing.
    assert check_serves("app", {"app": 3, "admin": 200}, 200) == 197
    assert check_serves("app", {"app": 179}, 200) == 21


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({}, "a cache, another virtual host"),
        ({"admin": 199}, "another httpd"),
        ({"admin": 200, "shop": 0}, "or balancer://admin, which chose members 200 times meanwhile"),
        ({"admin": 350}, "or balancer://admin, which chose members 350 times meanwhile"),
    ],
)
def test_a_balancer_that_chose_no_member_does_not_serve_the_url(others, said):
    with pytest.raises(StickyError) as caught:
        check_serves("app", {**others, "app": 0}, 200)
    assert "balancer://app chose no member while 200 requests were answered" in str(caught.value)
    assert said in str(caught.value) and "write balancer" not in str(caught.value)
    assert ("balancer://admin" in str(caught.value)) is (others.get("admin", 0) >= 200)


def test_headers_that_are_secrets_by_name_are_known():
    headers = {"Authorization": "Basic x", "X-Api-Key": "k", "Accept": "text/html", "X-Token": ""}
    assert secret_headers({"headers": headers}) == {"Basic x", "k"}


@pytest.mark.parametrize("given", ["Off", "off", "False", "false"])
def test_off_is_the_separator_off_also_as_yaml_reads_it(given):
    assert plan(separator=given).separator.lower() == "off"


@pytest.mark.parametrize(
    ("chose", "routes", "refused"),
    [
        (0, ["b1", "b2"], True),
        (0, ["a1", "b1"], False),
        (0, [], False),
        (90, ["b1"], False),
        # httpd was loaded meanwhile.
        (-5, ["b1"], False),
    ],
)
def test_a_balancer_that_chose_nobody_is_not_the_one_whose_routes_were_seen(chose, routes, refused):
    known = frozenset(["a1", "a2"])
    expected = (
        pytest.raises(StickyError, match="name the virtual host") if refused else nullcontext()
    )
    with expected:
        check_routes("app", {"app": chose}, 90, routes, known)
