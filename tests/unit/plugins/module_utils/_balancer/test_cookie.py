# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.cookie import (
    Cookie,
    Header,
    checked,
    default_name,
    header,
    read,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.lexer import (
    split_words,
)

ROUTE = "%{BALANCER_WORKER_ROUTE}e"


def said(args):
    return header([word.text for word in split_words(args)])


def test_a_cookie_of_which_nothing_is_declared_has_the_defaults():
    assert checked("app", {}).text == f"ROUTEID_APP=.{ROUTE}; Path=/; HttpOnly; SameSite=Lax"


def test_every_attribute_is_written():
    options = {
        "name": "SID",
        "path": "/shop",
        "domain": ".Example.com",
        "secure": True,
        "httponly": True,
        "samesite": "none",
        "max_age": 3600,
    }
    assert checked("app", options).text == (
        f"SID=.{ROUTE}; Path=/shop; Domain=example.com; Max-Age=3600; Secure; HttpOnly; SameSite=None"
    )


@pytest.mark.parametrize(
    ("balancer", "name"),
    [("app", "ROUTEID_APP"), ("app-admin", "ROUTEID_APP_ADMIN"), ("a.b_c", "ROUTEID_A_B_C")],
)
def test_the_default_name_has_only_characters_that_every_cookie_may_have(balancer, name):
    assert default_name(balancer) == name


@pytest.mark.parametrize("separator", [".", "!", "%", "", "$"])
def test_what_is_written_is_read_back(separator):
    cookie = Cookie("N", "/", "a.example", True, True, "strict", 5, separator, ("Partitioned",))
    assert read(cookie.text) == cookie


def test_attributes_are_read_without_regard_to_case_order_and_white_space():
    assert read(f"N=.{ROUTE};samesite=LAX ;  path=/ ; HTTPONLY") == Cookie(
        "N", "/", httponly=True, samesite="lax"
    )


def test_of_domain_and_path_the_domain_alone_has_no_case():
    assert read(f"N=.{ROUTE}; Path=/Shop; Domain=.A.Example") == Cookie("N", "/Shop", "a.example")


def test_an_attribute_that_no_option_declares_is_kept_as_it_stands():
    other = ("Age=5", "Priority=Strict", "SameSite=Maybe", "Tag=lax", "X=5")
    assert read("; ".join([f"N=.{ROUTE}", *other])) == Cookie("N", other=other)


def test_a_cookie_is_shown_by_the_names_of_its_options():
    absent = dict.fromkeys(["path", "domain", "samesite", "max_age"])
    assert Cookie("N").shown() == {"name": "N", "secure": False, "httponly": False, **absent}
    assert Cookie("N", "/a", "b.example", True, True, "lax", 5).shown() == {
        "name": "N",
        "path": "/a",
        "domain": "b.example",
        "secure": True,
        "httponly": True,
        "samesite": "lax",
        "max_age": 5,
    }


@pytest.mark.parametrize("age", ["9" * 400, "9" * 5000, "\u0663"])
def test_an_age_without_end_or_in_other_digits_is_no_number_and_no_crash(age):
    assert read(f"N=.{ROUTE}; Max-Age={age}") == Cookie("N", "", other=(f"Max-Age={age}",))


@pytest.mark.parametrize("value", ["N=1; Path=/", f"N; Path={ROUTE}", "N=%{UNIQUE_ID}e", ""])
def test_a_cookie_without_a_route_is_none_of_ours(value):
    assert read(value) is None


@pytest.mark.parametrize(
    ("args", "action", "always", "condition"),
    [
        (f'add Set-Cookie "N=.{ROUTE}" env=BALANCER_ROUTE_CHANGED', "add", False, True),
        (f'set Set-Cookie "N=.{ROUTE}" env=BALANCER_ROUTE_CHANGED', "set", False, True),
        (f'add Set-Cookie "N=.{ROUTE}"', "add", False, False),
        (f'add Set-Cookie "N=.{ROUTE}" expr=true', "add", False, False),
        (f'always set set-cookie: "N=.{ROUTE}" env=BALANCER_ROUTE_CHANGED', "set", True, True),
        (f'onsuccess Append Set-Cookie "N=.{ROUTE}"', "append", False, False),
        (f'merge Set-Cookie "N=.{ROUTE}" expr=true', "merge", False, False),
    ],
)
def test_hand_written_lines_are_recognised(args, action, always, condition):
    found = said(args)
    assert (found.action, found.always) == (action, always)
    assert (found.condition == "env=BALANCER_ROUTE_CHANGED") is condition
    assert found.sound is (action == "add" and not always and condition)


def test_a_line_is_written_with_the_words_it_was_read_from():
    cookie = f"N=.{ROUTE}"
    assert Header(Cookie("N")).words == ["add", "Set-Cookie", cookie, "env=BALANCER_ROUTE_CHANGED"]
    for words in (["always", "set", "Set-Cookie", cookie, "env=A"], ["add", "Set-Cookie", cookie]):
        found = header(words)
        assert found is not None and found.words == words


@pytest.mark.parametrize(
    "args",
    [
        "unset Set-Cookie",
        f'add X-Route "N=.{ROUTE}"',
        f'add Link "N=.{ROUTE}"',
        f'edit Set-Cookie "N=.{ROUTE}" x',
        *("", "add", "always", "add Set-Cookie", "always add Set-Cookie"),
    ],
)
def test_other_headers_are_not(args):
    assert said(args) is None


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        *[
            ({"name": f"a{mark}b"}, "name: .* is not possible")
            for mark in "\n\t\x00 ;,=\"'%$|\\(){}[]<>@?/é"
        ],
        ({"name": ""}, "name: '' is not possible"),
        ({"name": "n" * 64}, "64 characters long; httpd keeps 63"),
        ({"path": "shop"}, "path: 'shop' is not possible: it begins with '/'"),
        *[({"path": f"/a{mark}b"}, "path: .* is not possible") for mark in "\n;,\"'%$ \\"],
        *[
            ({"domain": text}, "domain: .* is not possible")
            for text in ("a b", "a;b", "a..b", "-a", "a/b")
        ],
        ({"samesite": "maybe"}, "use strict, lax or none"),
        ({"samesite": "none"}, "samesite: none needs secure: true"),
        ({"max_age": 0}, "max_age: 0 is not possible: it must be 1 s or more"),
        ({"name": "__Secure-R"}, "__Secure-R needs secure: true"),
        ({"name": "__Host-R"}, "__Host-R needs secure: true"),
        ({"name": "__Host-R", "secure": True, "path": "/a"}, "needs path: / and no domain"),
        ({"name": "__host-R", "secure": True, "domain": "a.b"}, "needs path: / and no domain"),
    ],
)
def test_what_no_cookie_can_be_is_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        checked("app", options)


@pytest.mark.parametrize("options", [{"name": "n" * 63}, {"max_age": 1}])
def test_what_is_just_possible_is_taken(options):
    assert checked("app", options).shown().items() >= options.items()


def test_only_a_cookie_for_all_sites_has_to_be_secure():
    assert checked("app", {"samesite": "Strict"}).samesite == "strict"


def test_a_prefixed_name_that_keeps_its_promise_is_fine():
    assert checked("app", {"name": "__Host-R", "secure": True}).name == "__Host-R"


def test_a_balancer_name_that_is_too_long_for_a_cookie_asks_for_a_name():
    with pytest.raises(ValueError, match="name: .* characters long"):
        checked("a" * 60, {})
