# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from pages of balancer-manager.

fixtures/manager has one page for each way in which a release of httpd prints it; those of 2.4.71 come from a
running httpd.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.page import (
    Page,
    PageError,
    parse,
    with_counters,
)
from ansible_collections.webtier.apache_balancer.tests.support.fuzzing import no_endless_work

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "manager"
PAGES = ["2.4.6", "2.4.20", "2.4.25", "2.4.41", "2.4.62", "2.4.71"]
WITH_HEALTH_CHECKS = ["2.4.25", "2.4.62", "2.4.71"]
HUGE = 100_000


def text(name: str) -> str:
    return (FIXTURES / name).read_text(encoding="utf-8")


def page(version: str) -> Page:
    return parse(text(f"{version}.html"))


def member_values(version: str, identity: str) -> dict[str, Any]:
    return page(version).balancers["app"].members[identity].values


def long_page(members: int) -> str:
    """Return the page of 2.4.71 with *members* members in its first balancer."""
    whole = text("2.4.71.html")
    rows = whole.index("</th></tr>\n<tr>\n<td><a href=") + len("</th></tr>\n")
    after = whole.index("</table>", rows)
    row = whole[rows : whole.index("<tr>\n", rows + 1)]
    many = "".join(row.replace("127.0.0.1:1", f"127.0.0.1:{1000 + n}") for n in range(members))
    return whole[:rows] + many + whole[after:]


def calls(task: Callable[[], object]) -> int:
    """Return how many functions *task* calls."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        task()
    finally:
        sys.setprofile(before)
    return count


# Each format.


@pytest.mark.parametrize("version", PAGES)
def test_every_release_shows_its_version_and_its_balancers(version):
    found = page(version)
    assert ".".join(map(str, found.version)) == version
    assert found.server_name in ("localhost", "127.0.0.1") or found.server_name.endswith(
        ".example.com"
    )
    app = found.balancers["app"]
    assert app.identifier.startswith("p") and app.identifier.endswith("_app")
    assert len(app.nonce) == 36
    assert app.used == len(app.members) <= app.slots


@pytest.mark.parametrize("version", PAGES)
def test_every_release_shows_the_same_parameters_of_a_member(version):
    expected = {"status", "route", "redirect", "loadfactor", "lbset"}
    if version in WITH_HEALTH_CHECKS:
        expected |= {"hcmethod", "hcinterval", "hcpasses", "hcfails", "hcuri", "hcexpr"}
    for balancer in page(version).balancers.values():
        for member in balancer.members.values():
            assert set(member.values) == expected


@pytest.mark.parametrize("version", PAGES)
def test_every_release_shows_the_same_parameters_of_a_balancer(version):
    values = page(version).balancers["app"].values
    assert set(values) == {"nofailover", "timeout", "maxattempts", "lbmethod", "stickysession"}


@pytest.mark.parametrize("version", PAGES)
def test_every_release_shows_the_path_of_the_requests(version):
    assert page(version).balancers["app"].path == ("/app" if version == "2.4.6" else "/")


def test_the_raw_links_of_2_4_6_give_the_nonce_and_the_members():
    found = page("2.4.6")
    app = found.balancers["app"]
    assert app.nonce == "0f4e8f5c-0b1c-4d4e-9d86-0a4f1b1a2c01"
    assert list(app.members) == ["http://10.0.0.1:8080", "ajp://10.0.0.2:8009/app"]
    assert (app.slots, app.used) == (12, 2)
    assert found.persist
    assert found.server_name == "www.example.com"


def test_a_factor_is_the_number_that_is_shown():
    shown = parse(text("2.4.71.html").replace(">2.50<", ">2.30<")).balancers["app"]
    assert 2.3 in [member.values["loadfactor"] for member in shown.members.values()]


def test_a_factor_without_decimals_is_the_same_number():
    assert member_values("2.4.6", "ajp://10.0.0.2:8009/app")["loadfactor"] == 40.0
    assert member_values("2.4.25", "http://10.0.0.2:8080")["loadfactor"] == 2.5
    assert member_values("2.4.62", "http://[2001:db8::1]:8080/a%20b")["loadfactor"] == 100.0


def test_nested_cells_do_not_shift_the_settings_of_a_balancer():
    assert "<td>JSESSIONID<td>Off</td></td>" in text("2.4.6.html")
    assert page("2.4.6").balancers["app"].values == {
        "stickysession": "JSESSIONID",
        "nofailover": False,
        "timeout": 30,
        "maxattempts": 1,
        "lbmethod": "byrequests",
    }
    values = page("2.4.20").balancers["app"].values
    assert (values["stickysession"], values["nofailover"]) == ("JSESSIONID|sid", True)
    assert (values["timeout"], values["maxattempts"]) == (0, 1)


def test_single_quoted_links_give_the_nonce():
    assert "<a href='/balancer-manager?b=app&amp;nonce=" in text("2.4.25.html")
    assert page("2.4.25").balancers["app"].nonce == "a97262e3-e2e0-4fa4-8b70-5805ffe49867"


def test_a_balancer_row_without_its_end_is_read():
    assert "<td>Yes</td>\n</table>" in text("2.4.41.html")
    assert page("2.4.41").balancers["app"].values["stickysession"] == "JSESSIONID"


def test_a_cookie_and_a_parameter_are_one_value_without_blanks():
    assert "JSESSIONID | jsessionid" in text("2.4.62.html")
    assert page("2.4.62").balancers["app"].values["stickysession"] == "JSESSIONID|jsessionid"
    assert page("2.4.71").balancers["app"].values["stickysession"] == "S|s"


def test_a_balancer_without_sticky_sessions_has_no_such_value():
    assert "stickysession" not in page("2.4.20").balancers["other"].values
    assert "stickysession" not in page("2.4.71").balancers["one"].values


def test_a_timeout_that_is_not_set_is_0():
    assert page("2.4.71").balancers["one"].values["timeout"] == 0
    assert page("2.4.71").balancers["app"].values["timeout"] == 3


def test_health_checks_are_read_without_their_state():
    values = member_values("2.4.25", "http://10.0.0.1:8080")
    assert {name: value for name, value in values.items() if name.startswith("hc")} == {
        "hcmethod": "GET",
        "hcinterval": 5000,
        "hcpasses": 1,
        "hcfails": 2,
        "hcuri": "/health?a=1&b=2",
        "hcexpr": "ok",
    }
    assert member_values("2.4.25", "http://10.0.0.3:8080")["hcinterval"] == 1000
    assert "<td>5</td>" in text("2.4.25.html")  # seconds there, milliseconds later
    assert member_values("2.4.71", "http://127.0.0.1:1")["hcinterval"] == 5000
    assert page("2.4.71").expressions == ("ok",)
    assert page("2.4.62").expressions == ()


def test_flags_are_the_words_of_the_option_status():
    found = page("2.4.25").balancers["app"].members
    assert {url: member.values["status"] for url, member in found.items()} == {
        "http://10.0.0.1:8080": frozenset(),
        "http://10.0.0.2:8080": frozenset({"ignore_errors", "hot_spare"}),
        "http://10.0.0.3:8080": frozenset({"stopped"}),
    }
    statuses = [m.values["status"] for m in page("2.4.71").balancers["app"].members.values()]
    words = [set(), {"drained"}, {"hot_standby"}, {"hot_spare"}, {"disabled"}]
    assert statuses == [frozenset(each) for each in words]


def test_a_member_accepts_new_sessions_unless_it_drains_or_waits():
    members = page("2.4.71").balancers["app"].members
    shown = {url: (each.usable, each.accepts_new) for url, each in members.items()}
    assert shown == {
        "http://127.0.0.1:1": (False, False),
        "http://[::1]:2/a%20b": (True, False),
        "http://sock/": (False, False),
        "h2c://127.0.0.1:4": (True, False),
        "http://u:p@127.0.0.1:5": (False, False),
    }
    assert page("2.4.6").balancers["app"].members["http://10.0.0.1:8080"].accepts_new


def test_a_member_on_a_unix_socket_is_known_by_what_follows_the_stroke():
    member = page("2.4.20").balancers["app"].members["http://app/"]
    assert member.url == "unix:/run/app.sock|http://app/"
    assert page("2.4.71").balancers["app"].members["http://sock/"].url.startswith("unix:/tmp/")


def test_an_ipv6_address_and_a_percent_sign_are_as_httpd_names_them():
    assert "http://[2001:db8::1]:8080/a%20b" in page("2.4.62").balancers["app"].members


def test_counters_of_html_are_those_it_shows_exactly():
    members = page("2.4.62").balancers["app"].members
    assert members["http://10.0.0.1:8080"].counters == {
        "elected": 12345678901,
        "busy": 17,
        "lbstatus": -100,
    }


def test_a_balancer_that_lets_nobody_change_it_has_an_empty_nonce():
    assert page("2.4.71").balancers["locked"].nonce == ""


def test_names_of_balancers_are_in_lower_case():
    shouted = text("2.4.20.html").replace("balancer://app<", "balancer://App<")
    assert list(parse(shouted).balancers) == ["app", "other"]


def test_a_server_that_hides_its_version_has_none():
    hidden = text("2.4.71.html").replace("Apache/2.4.71 (Debian)", "Apache")
    assert parse(hidden).version == ()


def test_a_page_without_balancers_is_a_page():
    whole = text("2.4.71.html")
    empty = whole[: whole.index("<h3>")] + "<hr />\n</body></html>\n"
    assert parse(empty).balancers == {}


def test_a_balancer_without_members_is_a_balancer():
    assert parse(long_page(0)).balancers["app"].members == {}


def test_a_column_that_nobody_knows_changes_nothing():
    more = (
        text("2.4.41.html")
        .replace("<th>Route</th>", "<th>New</th><th>Route</th>")
        .replace("</a></td><td>", "</a></td><td>x</td><td>")
    )
    assert parse(more).balancers["app"].members["http://10.0.0.2:8080"].values == member_values(
        "2.4.41", "http://10.0.0.2:8080"
    )


def test_names_are_taken_as_they_stand_and_values_as_they_read():
    # Seen on 2.4.71: httpd escapes routes, cookies and URIs, but no URL and no name.
    shown = (
        text("2.4.41.html")
        .replace(">balancer://app<", ">balancer://a&copy;b<")
        .replace(">http://10.0.0.1:8080<", ">http://10.0.0.1:8080/a&copy=&lt;b<")
        .replace("<td>n1<", "<td>&lt;b&gt;&amp;lt;<")
        .replace("<td>JSESSIONID<", "<td>S&amp;copy;<")
    )
    balancer = parse(shown).balancers["a&copy;b"]
    assert balancer.values["stickysession"] == "S&copy;"
    member = balancer.members["http://10.0.0.1:8080/a&copy=&lt;b"]
    assert member.values["route"] == "<b>&lt;"


# XML.


def test_xml_has_the_exact_counters():
    members = parse(text("2.4.71.xml")).balancers["app"].members
    assert members["http://127.0.0.1:1"].counters == {
        "elected": 1,
        "busy": 0,
        "lbstatus": 0,
        "transferred": 0,
        "read": 0,
        "retries": 0,
    }
    assert list(members) == list(page("2.4.71").balancers["app"].members)


def test_exact_counters_are_added_and_nothing_else():
    xml = text("2.4.71.xml").replace("<httpd:read>0<", "<httpd:read>18446744073709551615<")
    both = with_counters(page("2.4.71"), parse(xml))
    alone = page("2.4.71")
    for name, balancer in both.balancers.items():
        assert balancer.values == alone.balancers[name].values
        for url, member in balancer.members.items():
            assert member.values == alone.balancers[name].members[url].values
            assert member.counters["read"] == 18446744073709551615


def test_a_member_that_only_one_page_shows_keeps_its_counters():
    xml = text("2.4.71.xml")
    both = with_counters(page("2.4.71"), parse(xml.replace("h2c://127.0.0.1:4<", "h2c://gone<")))
    assert "read" not in both.balancers["app"].members["h2c://127.0.0.1:4"].counters
    both = with_counters(page("2.4.71"), parse(xml.replace("balancer://one<", "balancer://two<")))
    assert "read" not in both.balancers["one"].members["http://127.0.0.1:1"].counters


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("</httpd:worker>", "", "a row that breaks off"),
        ("</httpd:elected>", "", "a row that breaks off"),
        ("<httpd:elected>1<", "<httpd:elected>x<", "a counter that is no number"),
        ("<httpd:elected>1<", "<httpd:elected>1x<", "a counter that is no number"),
        ("<httpd:busy>0<", "<httpd:busy><", "a counter that is no number"),
        ("<httpd:read>0<", f"<httpd:read>{'9' * 21}<", "a counter that is no number"),
    ],
)
def test_a_row_of_xml_that_cannot_be_read_is_no_row_without_counters(before, after, why):
    with pytest.raises(PageError, match=why):
        parse(text("2.4.71.xml").replace(before, after, 1))


def test_a_counter_may_be_below_zero_or_not_be_there():
    whole = text("2.4.71.xml").replace("<httpd:lbstatus>0<", "<httpd:lbstatus>-50<", 1)
    member = parse(whole.replace("<httpd:busy>0</httpd:busy>", "", 1)).balancers["app"].members
    counters = member["http://127.0.0.1:1"].counters
    assert counters["lbstatus"] == -50 and "busy" not in counters


def test_xml_says_that_a_balancer_has_no_nonce_to_show():
    older = "".join(
        line for line in text("2.4.71.xml").splitlines(True) if "<httpd:nonce>" not in line
    )
    assert parse(older).balancers["app"].nonce is None


# What is refused.


@pytest.mark.parametrize("version", PAGES)
def test_no_beginning_of_a_page_is_taken_for_a_page(version):
    whole = text(f"{version}.html").rstrip()
    for end in range(0, len(whole), 7):
        with pytest.raises(PageError):
            parse(whole[:end])


def test_no_beginning_of_xml_is_taken_for_xml():
    whole = text("2.4.71.xml")
    for end in range(0, len(whole), 11):
        with pytest.raises(PageError):
            parse(whole[:end])


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("<td>Yes</td>", "<table><tr><th>Worker URL"),
        ("<table><tr><th>Worker URL", "<hr />"),
        ("<table><tr><th>MaxMembers", "<table><tr><th>Worker URL"),
        ("127.0.0.1:4</a>", "<hr />"),
        ("</td><td>n3", "</td></tr>"),
        ("balancer://app</a>", "[p"),
    ],
)
def test_a_page_with_a_hole_is_refused(begin, end):
    whole = text("2.4.71.html")
    start = whole.index(begin)
    with pytest.raises(PageError):
        parse(whole[:start] + whole[whole.index(end, start) :])


def test_the_table_of_expressions_does_not_stand_for_the_members():
    whole = text("2.4.71.html")
    start = whole.rindex("<table><tr><th>Worker URL")
    with pytest.raises(PageError, match="breaks off in balancer://locked"):
        parse(whole[:start] + whole[whole.index("<hr />", start) :])


@pytest.mark.parametrize(
    ("foreign", "said"),
    [
        ("", "the answer is empty"),
        ("   \n", "the answer is empty"),
        ("<html><head><TITLE>It &amp; works</TITLE></head></html>", "It & works"),
        ("<html><body><h1>It works!</h1></body></html>", "It works!"),
        ('{"status": "up"}', '{"status": "up"}'),
        ("<h1>Apache Server Status for localhost</h1></html>", "Apache Server Status"),
        ("<?xml version='1.0'?><other/>", "this is no page of balancer-manager"),
        ("\x00\udcff\x1b[2J", "this is no page of balancer-manager"),
    ],
)
def test_a_foreign_page_is_refused_with_what_it_is(foreign, said):
    with pytest.raises(PageError) as caught:
        parse(foreign)
    assert said in str(caught.value)


def test_what_is_said_of_a_foreign_page_is_one_short_printable_line():
    for foreign in ("x" * HUGE, "<title>" + "\n\x1b" * HUGE, "\r\n\x07 a" * HUGE):
        with pytest.raises(PageError) as caught:
            parse(foreign)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1000


def test_a_url_that_looks_like_a_cell_is_refused_not_misread():
    # Seen on 2.4.71, which shows the URL of BalancerMember "http://127.0.0.1:1/<td>x" so.
    with pytest.raises(PageError, match="headings"):
        parse(text("2.4.41.html").replace(">http://10.0.0.1:8080<", ">http://10.0.0.1/<td>x<"))


# Size and time.


def test_a_thousand_members_are_all_read():
    members = parse(long_page(1000)).balancers["app"].members
    assert list(members) == [f"http://127.0.0.1:{1000 + n}" for n in range(1000)]


@pytest.mark.parametrize(
    "whole", [long_page(10_000), "<httpd:manager>" + "<httpd:worker>" * 10_001]
)
def test_more_members_than_anybody_has_are_not_read(whole):
    with pytest.raises(PageError, match="more than 10000 rows"):
        parse(whole)


def test_twice_the_members_take_twice_the_calls():
    def needed(members: int) -> int:
        whole = long_page(members)
        return calls(lambda: parse(whole))

    needed(1)  # compiles the expressions
    # Now and then a few more, when the cache of expressions is emptied meanwhile.
    assert needed(1000) - needed(0) <= 2.01 * (needed(500) - needed(0))


def test_twice_the_members_in_xml_take_twice_the_calls():
    whole = text("2.4.71.xml")
    start = whole.index("        <httpd:worker>")
    worker = whole[start : whole.index("</httpd:worker>\n", start) + len("</httpd:worker>\n")]

    def needed(members: int) -> int:
        many = whole[:start] + worker * members + whole[start:]
        return calls(lambda: parse(many))

    needed(1)  # compiles the expressions
    assert needed(1000) - needed(0) <= 2 * (needed(500) - needed(0))


HOSTILE = {
    "open tags": "<" * HUGE,
    "a tag without end": "<a " * HUGE,
    "brackets": "[" * HUGE + "x",
    "closed brackets": "[]" * HUGE + "x",
    "blanks": "a" + " " * HUGE + "b",
    "blanks and strokes": (" |" + " " * 100) * (HUGE // 100) + "b",
    "digits": "9" * HUGE,
    "digits and dots": "1." * HUGE,
    "references": "&amp;" * HUGE,
    "half references": "&#" * HUGE,
    "nonces": "nonce=" * HUGE,
    "names": "balancer://" * HUGE,
    "titles": "<title>" * HUGE,
    "headings": "<h1>Load Balancer Manager for " * (HUGE // 30),
    "rows": "<tr" * HUGE,
    "cells": "<td>" * HUGE,
    "tables": "<table" * HUGE,
    "balancers": "<h3>LoadBalancer Status for " * (HUGE // 30),
    "xml": "<httpd:worker>" * (HUGE // 10),
    "xml fields": "<httpd:" * HUGE,
}
PLACES = {
    "everything": (None, ""),
    "server name": ("127.0.0.1</h1>", "</h1>"),
    "version": ("2.4.71 (Debian)", ""),
    "heading": ("balancer://app</a>", "balancer://app</a>"),
    "behind the heading": ("[p60efdd64_app]", ""),
    "identifier": ("p60efdd64_app", ""),
    "sizes": ("10 [5 Used]", ""),
    "cookie": ("S|s", ""),
    "timeout": ("<td>3</td>", "</td>"),
    "method": ("byrequests", ""),
    "url": ("http://127.0.0.1:1</a>", "</a>"),
    "factor": ("2.50", ""),
    "status": ("Init Err", ""),
    "elected": ("<td>1</td><td>0</td><td>0</td>", "</td><td>0</td><td>0</td>"),
    "interval": ("5000ms", ""),
    "passes": ("1 (0)", ""),
    "expression": ("%{REQUEST_STATUS}", ""),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_page_is_read_or_refused_in_no_time(place, hostile):
    mark, rest = PLACES[place]
    whole = text("2.4.71.html")
    if mark is None:
        page_text = HOSTILE[hostile]
    else:
        assert mark in whole
        page_text = whole.replace(mark, HOSTILE[hostile] + rest, 1)
    with no_endless_work():
        try:
            parse(page_text)
        except PageError as problem:
            assert len(str(problem)) < 1000


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_xml_is_read_or_refused_in_no_time(hostile):
    whole = text("2.4.71.xml")
    for mark in ("2.50", "http://127.0.0.1:1<", "<httpd:worker>", "balancer://app"):
        with no_endless_work(), suppress(PageError):
            parse(whole.replace(mark, HOSTILE[hostile], 1))


@given(st.text(), st.sampled_from(PAGES), st.integers(0, 10_000), st.integers(0, 200))
@example("\u0660", "2.4.71", 1500, 1)
@example("9" * 5000, "2.4.71", 1500, 1)
def test_a_page_with_anything_in_it_is_read_or_refused(junk, version, place, length):
    whole = text(f"{version}.html")
    place %= len(whole)
    with suppress(PageError):
        parse(whole[:place] + junk + whole[place + length :])


def test_a_number_without_end_is_no_crash():
    for digits in ("9" * 400, "9" * 5000, "9" * HUGE):
        try:
            found = parse(text("2.4.71.html").replace("2.50", digits))
        except PageError as problem:
            assert "number" in str(problem)
        else:
            assert found.balancers["app"]
