# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import calendar
import datetime
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.cookies import (
    DOMAIN,
    ENDED,
    PATH,
    PREFIX,
    SAMESITE,
    SECURE,
    Jar,
    Origin,
    SetCookie,
    default_path,
    domain_match,
    header,
    parameter_in,
    parse_date,
    parse_set_cookie,
    path_match,
    route_in,
    url_value,
    with_parameter,
)

SHOP = Origin("shop.example.com", "/cart/list", True)
NOW = 1_000_000.0


def stored(jar: Jar, text: str, origin: Origin = SHOP, now: float = NOW) -> str:
    cookie = parse_set_cookie(text)
    assert cookie is not None
    return jar.store(cookie, origin, now)


def sent(jar: Jar, origin: Origin = SHOP, now: float = NOW) -> str:
    return header(jar.sent(origin, now))


# What is read.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SID=abc.n1", SetCookie("SID", "abc.n1")),
        ("  SID \t= abc ; Path=/ ", SetCookie("SID", "abc", path="/")),
        ('SID="a b"; path=/shop', SetCookie("SID", '"a b"', path="/shop")),
        ("SID=a=b", SetCookie("SID", "a=b")),
        ("SID=", SetCookie("SID", "")),
        ("just text", SetCookie("", "just text")),
        ("=text", SetCookie("", "text")),
        ("S=1; Path=relative", SetCookie("S", "1")),
        ("S=1; Path=/a; Path=/b", SetCookie("S", "1", path="/b")),
        ("S=1; Path=/a; Path", SetCookie("S", "1")),
        ("S=1; Domain=.Example.COM", SetCookie("S", "1", domain="example.com")),
        ("S=1; Domain=", SetCookie("S", "1")),
        ("S=1; SECURE; httpOnly=yes", SetCookie("S", "1", secure=True, httponly=True)),
        ("S=1; SameSite=LAX", SetCookie("S", "1", samesite="Lax")),
        ("S=1; SameSite=odd", SetCookie("S", "1")),
        ("S=1; Max-Age=60", SetCookie("S", "1", max_age=60)),
        ("S=1; Max-Age=-5", SetCookie("S", "1", max_age=-1)),
        ("S=1; Max-Age=soon", SetCookie("S", "1")),
        ("S=1; Max-Age=" + "9" * 5000, SetCookie("S", "1", max_age=10**12)),
        ("S=1; Expires=never", SetCookie("S", "1")),
        ("S=1; Unknown=x; ;", SetCookie("S", "1")),
    ],
)
def test_a_header_is_read_as_browsers_read_it(text, expected):
    assert parse_set_cookie(text) == expected


@pytest.mark.parametrize("text", ["", "=", " ; Path=/", "S=a\nb", "S=a\0b", "S=" + "x" * 4096])
def test_what_browsers_ignore_is_ignored(text):
    assert parse_set_cookie(text) is None


@given(st.text(max_size=200))
def test_any_text_is_read_without_an_error(text):
    parse_set_cookie(text)
    parse_date(text)


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "6 nov 94 8:49:37",
        "08:49:37 1994 November 6th",
    ],
)
def test_a_date_is_read_in_any_form(text):
    assert parse_date(text) == 784111777


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "06 Nov 1994",
        "32 Nov 1994 00:00:00",
        "1 Nov 1600 00:00:00",
        "1 Nov 99 24:00:00",
    ],
)
def test_what_is_no_date_is_none(text):
    assert parse_date(text) is None


@given(st.datetimes(min_value=datetime.datetime(1970, 1, 1)))
def test_days_are_counted_as_the_calendar_has_them(moment):
    moment = moment.replace(microsecond=0)
    text = f"{moment.day:02} {calendar.month_abbr[moment.month]} {moment.year} {moment:%H:%M:%S}"
    assert parse_date(text) == calendar.timegm(moment.timetuple())


# What is kept and sent back.


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("S=1", ""),
        ("S=1; Path=/", ""),
        ("S=1; Path=/cart", ""),
        ("S=1; Path=/car", PATH),
        ("S=1; Path=/other", PATH),
        ("S=1; Domain=example.com", ""),
        ("S=1; Domain=shop.example.com", ""),
        ("S=1; Domain=other.example.com", DOMAIN),
        ("S=1; Domain=le.com", DOMAIN),
        ("S=1; Domain=com", DOMAIN),
        ("S=1; Secure", ""),
        ("S=1; Max-Age=0", ENDED),
        ("S=1; Max-Age=5; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ""),
        ("S=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ENDED),
        ("__Host-S=1; Secure; Path=/", ""),
        ("__Host-S=1; Secure; Path=/cart", PREFIX),
        ("__Host-S=1; Secure; Path=/; Domain=example.com", PREFIX),
        ("__Secure-S=1", PREFIX),
        ("S=1; SameSite=None", SAMESITE),
        ("S=1; SameSite=None; Secure", ""),
        ("S=1; SameSite=Strict", ""),
        ("S=1; SameSite=odd", ""),
    ],
)
def test_a_cookie_is_sent_back_or_it_is_said_why_not(text, why):
    jar = Jar()
    assert stored(jar, text) == why
    assert bool(jar.sent(SHOP, NOW)) == (why == "")


def test_a_secure_cookie_is_neither_taken_nor_sent_over_http():
    jar = Jar()
    plain = SHOP._replace(https=False)
    assert stored(jar, "S=1", plain) == "" and stored(jar, "S=2; Secure", plain) == SECURE
    assert sent(jar, plain) == sent(jar, SHOP) == "S=1"
    assert stored(jar, "S=3; Secure") == ""
    assert sent(jar, plain) == "" and sent(jar, SHOP) == "S=3"


def test_a_cookie_without_domain_is_of_this_host_alone():
    jar = Jar()
    stored(jar, "own=1; Path=/")
    stored(jar, "all=1; Path=/; Domain=example.com")
    assert sent(jar, Origin("example.com", "/", True)) == "all=1"
    assert sent(jar, Origin("a.shop.example.com", "/", True)) == "all=1"
    assert sent(jar) == "own=1; all=1"


def test_a_name_without_dots_may_name_itself():
    jar, local = Jar(), Origin("localhost", "/", False)
    assert stored(jar, "S=1; Domain=localhost", local) == ""
    assert sent(jar, Origin("a.localhost", "/", False)) == ""


def test_longer_paths_come_first_and_then_older_cookies():
    jar = Jar()
    for text in ("a=1; Path=/", "b=1; Path=/", "c=1; Path=/cart", "a=2; Path=/"):
        stored(jar, text)
    assert sent(jar) == "c=1; a=2; b=1"


def test_of_several_with_one_name_the_one_with_the_longest_path_counts():
    jar = Jar()
    assert jar.path("a", SHOP, NOW) is None
    for text in ("a=1; Path=/", "a=2; Path=/cart; Max-Age=10", "a=3; Path=/other"):
        stored(jar, text)
    assert jar.path("a", SHOP, NOW) == "/cart"
    assert jar.path("a", SHOP, NOW + 10) == "/" and jar.path("b", SHOP, NOW) is None


def test_name_domain_and_path_make_a_cookie():
    jar = Jar()
    stored(jar, "a=1; Path=/")
    stored(jar, "a=2; Path=/cart")
    stored(jar, "a=3; Path=/; Domain=example.com")
    assert sent(jar) == "a=2; a=1; a=3"
    stored(jar, "a=; Path=/; Max-Age=0")
    assert sent(jar) == "a=2; a=3"


def test_a_jar_holds_so_many_cookies_and_the_oldest_goes():
    jar = Jar()
    for number in range(1000):
        stored(jar, f"c{number}=1")
    names = [name for name, dummy in jar.sent(SHOP, NOW)]
    assert names == [f"c{number}" for number in range(820, 1000)]


def test_a_cookie_ends_in_time():
    jar = Jar()
    stored(jar, "a=1; Max-Age=10")
    stored(jar, "b=1")
    assert jar.next_end(NOW) == NOW + 10
    assert sent(jar, now=NOW + 9) == "a=1; b=1" and sent(jar, now=NOW + 10) == "b=1"
    assert jar.next_end(NOW + 10) == float("inf")


def test_a_value_without_a_name_is_sent_alone():
    jar = Jar()
    stored(jar, "text")
    assert sent(jar) == "text"


def test_another_value_is_given_to_a_cookie_in_a_jar_of_its_own():
    jar = Jar()
    stored(jar, "r=.n1; Path=/")
    stored(jar, "other=x; Path=/")
    assert sent(jar.with_value("r", ".n2")) == "r=.n2; other=x"
    assert sent(jar) == "r=.n1; other=x"


def test_a_jar_survives_json():
    jar = Jar()
    for text in ("a=1; Max-Age=10", "b=2; Path=/; Secure; Domain=example.com", "c=3"):
        stored(jar, text)
    again = Jar.load(json.loads(json.dumps(jar.dump())))
    assert sent(again) == sent(jar) and again.dump() == jar.dump()
    stored(again, "d=4; Path=/cart")
    assert sent(again).endswith("d=4; b=2")


@pytest.mark.parametrize("rows", [[[]], [["a"]], [["a\r\n", "b", "c", 1, "/", 0, None, 1]], 7])
def test_a_jar_that_is_none_is_an_error(rows):
    with pytest.raises((ValueError, TypeError)):
        Jar.load(rows)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/", "/"), ("", "/"), ("/a", "/"), ("/a/", "/a"), ("/a/b", "/a"), ("a/b", "/")],
)
def test_a_cookie_without_path_belongs_to_its_folder(path, expected):
    assert default_path(path) == expected


@pytest.mark.parametrize(
    ("path", "cookie_path", "matches"),
    [
        ("/a", "/a", True),
        ("/a/b", "/a", True),
        ("/a/b", "/a/", True),
        ("/ab", "/a", False),
        ("/a", "/a/", False),
    ],
)
def test_paths_match_at_slashes(path, cookie_path, matches):
    assert path_match(path, cookie_path) is matches


@pytest.mark.parametrize(
    ("host", "domain", "matches"),
    [
        ("a.b.c", "b.c", True),
        ("a.b.c", "a.b.c", True),
        ("ab.c", "b.c", False),
        ("127.0.0.1", "0.0.1", False),
        ("::1", ":1", False),
    ],
)
def test_domains_match_at_dots_and_addresses_never(host, domain, matches):
    assert domain_match(host, domain) is matches


# What httpd finds.


@pytest.mark.parametrize(
    ("value", "separator", "route"),
    [
        ("abc.n1", ".", "n1"),
        (".n1", ".", "n1"),
        ("abc", ".", None),
        ("abc.", ".", ""),
        ("a.b.n1", ".", "b.n1"),
        ('"abc.n1"', ".", 'n1"'),
        ("abc.n1,x", ".", "n1"),
        ("abc!n.1", "!", "n.1"),
        ("n1", "Off", "n1"),
    ],
)
def test_a_route_is_what_follows_the_first_separator(value, separator, route):
    assert route_in(value, separator) == route


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("/;SID=a.n1?x=1", "a.n1"),
        ("/?SID=a.n1&x=1", "a.n1"),
        ("/?XSID=1", "1"),
        ("/a/SID=x/y", "x/y"),
        ("/;SID=a.n1;x=1", "a.n1;x=1"),
        ("/?sid=1", None),
        ("/SID", None),
    ],
)
def test_a_url_is_searched_for_the_name(target, value):
    assert url_value(target, "SID") == value


def test_a_session_goes_where_it_was_found():
    assert with_parameter("/cart?x=1", "sid", "a.n1", False) == "/cart;sid=a.n1?x=1"
    assert with_parameter("/", "sid", "a.n1", False) == "/;sid=a.n1"
    assert with_parameter("/cart?x=1", "sid", "a.n1", True) == "/cart?x=1&sid=a.n1"
    assert with_parameter("/cart?", "sid", "a.n1", True) == "/cart?sid=a.n1"
    assert with_parameter("/", "sid", "a.n1", True) == "/?sid=a.n1"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<a href="/cart;sid=a.n1?x=1">', ("a.n1", False)),
        ("<a href='/cart?y=1&amp;sid=a.n1#top'>", ("a.n1", True)),
        ("<a href='/cart?sid=a.n1&y=1'>", ("a.n1", True)),
        ("/cart?y=1&sid=a.n1", ("a.n1", True)),
        ("/cart?y=1;sid=a.n1", ("a.n1", True)),
        ("http://shop/;sid=a.n1", ("a.n1", False)),
        ("http://SHOP:8080/;sid=a.n1", ("a.n1", False)),
        ("//other/;sid=a.n1", None),
        (
            '<a href="https://other/;sid=a.n9">other</a> <a href="/;sid=a.n1">',
            ("a.n1", False),
        ),
        ('<a href="/?x=1">x</a> <a href="/;sid=a.n1">', ("a.n1", False)),
        ('<meta content="0; url=http://other/;sid=a.n1">', None),
        ('<meta content="0;url=/away?to=//other/&sid=a.n1">', ("a.n1", True)),
        ("sid=a.n1", None),
        ("/?xsid=1", None),
    ],
)
def test_a_session_is_found_in_links(text, found):
    assert parameter_in(text, "sid", "shop") == found
