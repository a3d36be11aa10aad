# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from what sessions saw. Each row of a session is one visit: the node, and what the client holds then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.cookies import (
    DOMAIN,
    ENDED,
    PATH,
    PREFIX,
    SAMESITE,
    SECURE,
    Origin,
    parse_set_cookie,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.diagnosis import (
    Balancing,
    Case,
    Member,
    Other,
    balancing,
    diagnose,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.visits import (
    Evidence,
    Issue,
    Session,
    Visit,
)

CASE = Case(Origin("shop", "/", False), "/")
OTHER = Other("other", frozenset(["m1"]))


def session(
    number: int, *visits: tuple[str, str], name: str = "SID", node: str = "", held: str = ""
) -> Session:
    """A session whose visits are (node, value held afterwards); *node* and *held*: it is resumed so."""
    made = Session(number, node)
    before = {name: held} if held else {}
    for at, (who, value) in enumerate(visits):
        made.visits.append(Visit(number * 100 + at, 200, who, before, (), ""))
        before = {name: value} if value else {}
    made.held = before
    return made


def seen(*sessions: Session, **options: Any) -> Evidence:
    return Evidence(sessions, **{"named": True, **options})


def codes(evidence: Evidence, case: Case = CASE, balancer: Balancing | None = None) -> list[str]:
    return [found.code for found in diagnose(evidence, case, balancer)]


def app(*routes: str, sticky: str = "SID", out: tuple[str, ...] = (), **more: Any) -> Balancing:
    """A balancer whose members are named as their routes."""
    members = tuple(Member(f"http://{i}", route, True, True) for i, route in enumerate(routes))
    urls = frozenset(m.url for m in members if m.route in out)
    return Balancing("app", sticky, members, urls, **more)


def stuck(count: int = 6, names: tuple[str, ...] = ("n1", "n2")) -> list[Session]:
    found = []
    for number in range(count):
        name = names[number % len(names)]
        found.append(session(number, *[(name, f"id{number}.{name}")] * 3))
    return found


# Who moved.


def test_sessions_that_stay_are_no_violation():
    evidence = seen(*stuck())
    assert evidence.violations == [] and codes(evidence) == []
    assert codes(evidence, balancer=app("n1", "n2")) == []
    assert evidence.nodes == {"n1": [9, 3], "n2": [9, 3]} and evidence.new == {"n1": 3, "n2": 3}


def test_each_move_is_one_violation():
    evidence = seen(session(1, ("n1", "a.n1"), ("n2", "b.n2"), ("n2", "b.n2"), ("n1", "c.n1")))
    assert [(v.request, v.before, v.after, v.route) for v in evidence.violations] == [
        (2, "n1", "n2", "n1"),
        (4, "n2", "n1", "n2"),
    ]
    assert evidence.violations[0].reason == "SID carried the route n1"


def test_without_names_the_route_stands_for_the_node():
    routes = {"named": False, "known": frozenset(["n1", "n2"])}
    evidence = seen(session(1, ("", "a.n1"), ("", "a.n1"), ("", "b.n2")), **routes)
    assert not evidence.alone
    # Another identifier with the route of before may be that of another node.
    assert seen(session(1, ("", "a.n1"), ("", "b.n1"), ("", "b.n1")), **routes).alone
    assert [(v.request, v.before, v.after) for v in evidence.violations] == [(3, "n1", "n2")]


@pytest.mark.parametrize("values", [("a.n1", "b.n2"), (".n1", ".n2"), ("a.n1", ".n2")])
@pytest.mark.parametrize("balancer", [None, app("n1", "n2")])
@pytest.mark.parametrize("anew", [False, True])
def test_what_stays_the_same_tells_a_node_only_where_it_is_set_anew(values, balancer, anew):
    sessions = [session(n, *[("", value)] * 3) for n, value in enumerate(values * 2)]
    evidence = seen(*sessions, named=False)
    evidence.is_set_anew = anew
    assert evidence.alone is not anew
    assert not seen(*sessions).alone
    remarks = diagnose(evidence, CASE, balancer)
    assert [(each.code, each.remark) for each in remarks] == [("AB416", True)] * (not anew)
    if not anew:
        assert ("'.' is the separator" in remarks[0].message) is (balancer is not None)
        assert "served_by" in remarks[0].fix


def test_routes_that_nobody_follows_are_behind_another_separator_where_the_manager_knows_them():
    # Each node sets its own, and httpd spreads what carries it over all.
    nodes = ("n1", "n2", "n3")
    sessions = [
        session(n, *[(who, f"{n}x{at}.{who}") for at in range(6) for who in [nodes[(n + at) % 3]]])
        for n in range(6)
    ] + [
        session(n, *[(who, f"{n}x{at}.{who}") for at in range(6) for who in [nodes[(n - at) % 3]]])
        for n in range(6, 12)
    ]
    balancer = app(*nodes)
    (found,) = diagnose(seen(*sessions, name="SID", known=balancer.routes), CASE, balancer)
    assert found.code == "AB404" and "stickysessionsep" in found.message
    assert "none of them is followed" in found.message and "jvmRoute" not in found.fix


def test_a_failed_request_tells_nothing():
    made = session(1, ("n1", "a.n1"), ("n2", "a.n1"), ("n1", "a.n1"))
    made.visits[1] = made.visits[1]._replace(status=503, reason="status 503")
    evidence = seen(made)
    assert evidence.violations == [] and evidence.failed == 1
    assert evidence.failures == [{"client": 1, "request": 2, "reason": "status 503"}]


@pytest.mark.parametrize(
    ("expect", "node", "violations"),
    [("same", "n1", 0), ("same", "n2", 1), ("moved", "n1", 1), ("moved", "n2", 0)],
)
def test_a_resumed_session_is_held_against_what_is_expected(expect, node, violations):
    made = session(1, (node, f"x.{node}"), (node, f"x.{node}"), node="n1", held="a.n1")
    assert len(seen(made, expect=expect).violations) == violations


def test_a_resumed_session_that_moved_as_expected_has_to_stay_then():
    made = session(1, ("n2", "b.n2"), ("n3", "c.n3"), node="n1", held="a.n1")
    assert [v.after for v in seen(made, expect="moved").violations] == ["n3"]


@pytest.mark.parametrize(("node", "violations"), [("n1", 1), ("n2", 0)])
def test_a_resumed_session_has_to_move_by_the_first_answer_that_names_its_node(node, violations):
    answers = [("", "a.n1"), (node, f"b.{node}"), (node, f"b.{node}")]
    made = session(1, *answers, node="n1", held="a.n1")
    assert len(seen(made, expect="moved").violations) == violations


# What cannot have been seen.


def remarked(evidence: Evidence) -> dict[str, bool]:
    return {found.code: found.remark for found in diagnose(evidence, CASE)}


def test_one_answer_to_each_session_proves_nothing():
    sessions = [session(n, (f"n{n % 2}", f"{n}.n{n % 2}")) for n in range(4)]
    (found,) = diagnose(seen(*sessions), CASE)
    assert (found.code, found.remark) == ("AB421", True)
    assert "no session has two answers that tell their node" in found.message
    # The one before it was resumed is the other.
    for made in sessions:
        made.node = made.visits[0].node
    assert codes(seen(*sessions)) == []


def test_answers_that_fail_are_none():
    sessions = stuck()
    for made in sessions:
        made.visits[1:] = [v._replace(status=500, reason="status 500") for v in made.visits[1:]]
    assert remarked(seen(*sessions)) == {"AB421": True}
    # One that is followed is enough to see whether sessions move.
    assert codes(seen(*sessions, *stuck(7)[6:])) == []


def test_one_node_proves_nothing():
    (found,) = diagnose(seen(*stuck(4, ("n1",))), CASE)
    assert (found.code, found.remark) == ("AB421", True) and "only n1 answered" in found.message
    resumed = [session(n, *[("n2", f"{n}.n2")] * 2, node="n1") for n in range(4)]
    assert codes(seen(*resumed, expect="moved")) == []


def test_a_resumed_session_that_nobody_answers_is_a_cause():
    lost, kept = (session(n, *[(f"n{n}", f"{n}.n{n}")] * 2, node=f"n{n}") for n in (1, 2))
    lost.visits = [v._replace(node="", status=503, reason="status 503") for v in lost.visits]
    for expect in ("same", "moved"):
        evidence = seen(lost, kept, expect=expect)
        (found,) = [each for each in diagnose(evidence, CASE) if each.code == "AB422"]
        assert not found.remark and "1 of 2 resumed sessions" in found.message
        assert "n1 (1)" in found.message


# What is a route, and what a secret.


def test_the_cookie_with_routes_is_guessed():
    made = session(1, ("n1", "a.n1"))
    made.held = {"lang": "en.US", "_ga": "GA1.2.123.456", "SID": "a.n1", "jwt": "eyJ.eyJ.sig"}
    assert seen(made).name == "SID"
    made.held = {"lang": "en.US", "ROUTEID": ".n7"}
    assert seen(made, named=False).name == "ROUTEID"


def test_a_cookie_that_each_node_sets_with_any_route_is_none_of_stickiness():
    sessions = []
    for number in range(8):
        made = session(number, *[(f"host{number % 2}", "")] * 2)
        group, route = "AB"[number // 2 % 2], f"n{number % 2}"
        texts = (f"test=v.{group}", f"SID=id{number}.{route}")
        issues = tuple(Issue(parse_set_cookie(text), "") for text in texts)
        made.visits[0] = made.visits[0]._replace(issues=issues)
        made.held = {issue.cookie.name: issue.cookie.value for issue in issues}
        sessions.append(made)
    assert seen(*sessions).name == "SID"


def test_a_text_that_differs_in_each_value_is_no_route():
    sessions = [session(n, ("n1", f"id{n}.sig{n}")) for n in range(20)]
    evidence = seen(*sessions)
    assert evidence.routes("SID") == [] and evidence.name == ""


def test_a_constant_with_dots_is_no_route_and_a_route_with_dots_may_be_bare():
    sessions = [session(n, ("n1", "v1.2.3"), ("n1", "v1.2.3")) for n in range(6)]
    assert seen(*sessions).routes("SID") == []
    sessions = [session(n, *[("n1", f".n{n % 2}.eu")] * 2) for n in range(6)]
    assert seen(*sessions).routes("SID") == ["n0.eu", "n1.eu"]
    sessions = [session(n, *[("n1", f".id{n}.eu")] * 2) for n in range(6)]
    assert seen(*sessions).routes("SID") == []


@pytest.mark.parametrize(
    ("values", "elsewhere"),
    [
        (["a!n1", "b!n1", "c!n2", "d!n2"], ("SID", "!", ["n1", "n2"])),
        (["a-n1", "b-n1", "c-x"], None),
        (["550e-84", "551f-85", "5520-86"], None),
        (["a", "b"], None),
    ],
)
def test_routes_behind_another_separator_are_seen(values, elsewhere):
    sessions = [session(n, *[("", value)] * 2) for n, value in enumerate(values)]
    assert seen(*sessions, named=False).elsewhere() == elsewhere


def test_a_known_route_may_be_the_whole_value():
    sessions = [session(n, *[("", f"n{n % 2}")] * 2) for n in range(4)]
    evidence = seen(*sessions, named=False, known=frozenset(["n0", "n1"]))
    assert evidence.elsewhere() == ("SID", "Off", ["n0", "n1"])


def test_values_are_not_in_results():
    sessions = [session(n, ("n1", f"secret{n}.n1")) for n in range(3)]
    sessions[0].visits[0] = (
        sessions[0]
        .visits[0]
        ._replace(issues=(Issue(parse_set_cookie("SID=secret0.n1; Path=/"), ""),))
    )
    evidence = seen(*sessions)
    assert "secret" not in str([evidence.result(), evidence.trace()])
    assert evidence.result()["cookies"][0]["routes"] == ["n1"]


# Causes.


def moving(*cycle: tuple[str, str], clients: int = 6) -> list[Session]:
    """Sessions that go through *cycle* again and again, each from another place on and with its own identifiers."""
    return [
        session(
            n,
            *[
                (who, f"id{n}{value}")
                for at in range(6)
                for who, value in [cycle[(n + at) % len(cycle)]]
            ],
        )
        for n in range(clients)
    ]


UNKNOWN = moving(("a", "1.x1"), ("b", "1.x1"), ("c", "1.x1"))
DOUBLE = [session(1, ("a", "1.n1"), ("a", "1.n1")), session(2, ("b", "2.n1"), ("a", "3.n1"))]
SWAPPED = moving(("a", "1.n2"), ("b", "2.n1"))
NO_ROUTE = [session(n, ("a", f"id{n}"), ("b", f"id{n}")) for n in range(4)]
EMPTY = [session(n, ("b", "."), ("a", ".n1"), ("a", ".n1")) for n in range(4)]
DOTS = [session(n, ("n1", f"v.{n}.n1"), ("n2", f"v.{n}.n1"), ("n2", f"w.{n}.n2")) for n in range(4)]
NOTHING = [session(n, ("a", ""), ("b", "")) for n in range(4)]


@pytest.mark.parametrize(
    ("sessions", "code"),
    [
        (NOTHING, "AB401"),
        (NO_ROUTE, "AB402"),
        (DOTS, "AB403"),
        (UNKNOWN, "AB404"),
        (DOUBLE, "AB409"),
        (EMPTY, "AB411"),
        (SWAPPED, "AB412"),
    ],
)
def test_a_cause_is_seen_from_outside(sessions, code):
    assert set(codes(seen(*sessions))) == {code}


@pytest.mark.parametrize(
    ("sessions", "balancer", "code"),
    [
        (NOTHING, app("n1", "n2"), "AB401"),
        (NO_ROUTE, app("n1", "n2"), "AB402"),
        (DOTS, app("n1", "n2"), "AB403"),
        (UNKNOWN, app("n1", "n2", "n3"), "AB404"),
        (stuck(), app("n1", "n2", sticky="OTHER"), "AB405"),
        (stuck(), app("n1", "n2", sticky=""), "AB405"),
        (DOUBLE, app("n1", "n1"), "AB409"),
        (stuck(), app("n1", "n2", "n2"), "AB409"),
        (stuck(), app("n1", "n2", others=(OTHER,)), "AB410"),
        (stuck(), app("n1", "n2", ""), "AB411"),
        (EMPTY, app("n1", ""), "AB411"),
        (SWAPPED, app("n1", "n2"), "AB412"),
        (
            [*stuck(), session(9, ("n1", "a.n1"), ("n2", "b.n2"))],
            app("n1", "n2", out=("n1",)),
            "AB413",
        ),
    ],
)
def test_a_cause_is_seen_with_the_manager(sessions, balancer, code):
    evidence = seen(*sessions, name=balancer.cookie, known=balancer.routes)
    assert set(codes(evidence, balancer=balancer)) == {code}


def test_a_node_that_ends_is_no_cause_of_its_own():
    # All of n1 go elsewhere, and n1 answers nobody any more.
    sessions = [
        session(
            n,
            ("n1", f"{n}.n1"),
            (f"n{2 + n % 2}", f"x.n{2 + n % 2}"),
            (f"n{2 + n % 2}", f"x.n{2 + n % 2}"),
        )
        for n in range(4)
    ]
    for at, made in enumerate(sessions):
        made.visits = [v._replace(ms=i * 1000 + at) for i, v in enumerate(made.visits)]
    evidence = seen(*sessions)
    assert len(evidence.violations) == 4 and codes(evidence) == []


def test_a_node_that_was_away_for_a_while_is_no_cause_of_its_own():
    # All nodes know all sessions, so that none sets a cookie again; n1 is away in between.
    sessions = stuck(6, ("n2", "n3"))
    for number in range(10, 14):
        made = session(number, *[(node, f"{number}.n1") for node in ("n1", "n2", "n3", "n1")])
        made.visits = [v._replace(ms=i * 1000 + number) for i, v in enumerate(made.visits)]
        sessions.append(made)
    assert len(seen(*sessions).violations) == 12
    assert codes(seen(*sessions)) == []
    routes = app("n1", "n2", "n3")
    assert codes(seen(*sessions, name="SID", known=routes.routes), balancer=routes) == []


def test_a_route_that_several_nodes_set_is_a_cause_although_they_answer_no_more():
    # As after many sticky requests of a: new sessions begin on the others.
    sessions = [
        session(n, (f"{'bc'[n % 2]}", f"{n}.n1"), *[("a", f"{n}.n1")] * 2) for n in range(4)
    ]
    for at, made in enumerate(sessions):
        made.visits = [v._replace(ms=i * 1000 + at) for i, v in enumerate(made.visits)]
    assert codes(seen(*sessions)) == ["AB412"]


@pytest.mark.parametrize(
    ("url", "path", "other_url", "other_path", "found"),
    [
        ("/", "/", "/admin/", "/", [("AB410", False)]),
        ("/shop/a/", "/shop", "/shop/b/", "/shop", [("AB410", False)]),
        # The longer path goes first, and is only sent to its own.
        ("/", "/", "/admin/", "/admin", []),
        ("/admin/", "/admin", "/", "/", []),
        ("/a/", "/a", "/b/", "/b", []),
        # It goes first to the other one as well.
        ("/shop/a/", "/", "/b/", "/shop", [("AB410", False)]),
        ("/a/", "/b", "/b/", "/", [("AB406", False), ("AB410", False)]),
        # Where the other one sets it, nobody knows.
        ("/", "/", "", None, [("AB410", False)]),
        ("/shop/", "/shop", "", None, [("AB410", True)]),
    ],
)
def test_balancers_share_a_cookie_by_its_paths(url, path, other_url, other_path, found):
    other = OTHER._replace(path=other_url, cookies=frozenset([other_path] if other_path else []))
    sessions = stuck()
    unsent = PATH if not url.startswith(path) else ""
    issue = Issue(parse_set_cookie(f"SID=id0.n1; Path={path}"), unsent)
    sessions[0].visits[0] = sessions[0].visits[0]._replace(issues=(issue,))
    if unsent:
        sessions[0].visits[1:] = []
        sessions[0].held = {}
    case = Case(Origin("shop", url, False), url)
    evidence = seen(*sessions, name="SID")
    said = diagnose(evidence, case, app("n1", "n2", others=(other,)))
    assert [(each.code, each.remark) for each in said] == found


@pytest.mark.parametrize(
    ("held", "other_path", "found"),
    [
        ("/app1", "/app2", []),
        ("/app1", None, [("AB410", True)]),
        ("/", "/", [("AB410", False)]),
        ("/", None, [("AB410", False)]),
        # Nobody has it.
        (None, "/", [("AB410", True)]),
    ],
)
def test_the_path_of_a_cookie_is_that_of_before_where_no_answer_sets_it(held, other_path, found):
    other = OTHER._replace(path="/app2/", cookies=frozenset([other_path] if other_path else []))
    balancer = app("n1", "n2", others=(other,), cookies=frozenset([held] if held else []))
    case = CASE._replace(origin=Origin("shop", "/app1/", False), target="/app1/")
    said = diagnose(seen(*stuck(), name="SID"), case, balancer)
    assert [(each.code, each.remark) for each in said] == found


def test_a_route_of_the_balancer_beside_is_one_of_a_shared_cookie():
    sessions = [session(n, *[("n1", f"{n}.n1")] * 2, node="m1", held=f"{n}.m1") for n in range(3)]
    balancer = app("n1", "n2", others=(OTHER,))
    assert codes(seen(*sessions, name="SID"), CASE, balancer) == ["AB410"]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (("SID=.m1; Path=/", "SID=.n1; Path=/"), ["AB410"]),
        (("SID=a.n1; Path=/", "SID=b.n1; Path=/"), []),
        (("SID=; Path=/; Max-Age=0", "SID=b.n1; Path=/"), []),
        (("SID=b.m1; Path=/other", "SID=b.n1; Path=/"), []),
    ],
)
def test_a_cookie_that_one_answer_sets_twice_is_that_of_two_balancers(texts, found):
    sessions = stuck()
    reasons = {"Path=/other": PATH, "Max-Age=0": ENDED}
    issues = tuple(
        Issue(parse_set_cookie(text), reasons.get(text.rpartition("; ")[2], "")) for text in texts
    )
    sessions[0].visits[0] = sessions[0].visits[0]._replace(issues=issues)
    assert codes(seen(*sessions, name="SID")) == found


@pytest.mark.parametrize(
    "route", ["node1", "appserver-prod-eu-1", "BACKEND_A_01", "aVeryLongRouteInOneWord"]
)
def test_one_client_alone_raises_no_alarm(route):
    made = session(1, ("n1", f"abc.{route}"), ("n1", f"abc.{route}"))
    assert remarked(seen(made, name="SID")) == {"AB421": True}


def test_the_whole_value_may_be_the_route():
    sessions = [
        session(n, (f"n{n % 2}", f"r{n % 2}"), (f"n{n % 2}", f"r{n % 2}")) for n in range(4)
    ]
    assert codes(seen(*sessions, separator="Off", name="SID")) == []


@pytest.mark.parametrize(
    ("why", "text", "code", "said"),
    [
        (PATH, "SID=a.n1; Path=/other", "AB406", "Path=/other"),
        (DOMAIN, "SID=a.n1; Domain=example.org", "AB406", "Domain=example.org"),
        (PREFIX, "SID=a.n1", "AB406", "beginning of its name"),
        (ENDED, "SID=a.n1; Max-Age=0", "AB406", "an end that has passed"),
        (SAMESITE, "SID=a.n1; SameSite=None", "AB406", "SameSite=None"),
        (SECURE, "SID=a.n1; Secure", "AB407", "http"),
    ],
)
def test_a_cookie_that_is_not_sent_back_says_why(why, text, code, said):
    sessions = [session(n, ("n1", ""), ("n2", "")) for n in range(3)]
    for made in sessions:
        issue = Issue(parse_set_cookie(text), why)
        made.visits = [visit._replace(issues=(issue,)) for visit in made.visits]
    (found,) = diagnose(seen(*sessions, name="SID"), CASE)
    assert found.code == code and said in found.message and "SID was set 6 times" in found.message


@pytest.mark.parametrize(
    ("attributes", "said"), [("Max-Age=1", "(Max-Age=1)"), ("Expires=now", "(Expires)")]
)
def test_a_cookie_that_ends_while_its_session_goes_on_says_so(attributes, said):
    # The second request finds it ended; the last answer sets one that nobody asks with.
    made = session(1, ("n1", ""), ("n2", ""))
    issue = Issue(parse_set_cookie(f"SID=a.n1; {attributes}"), "")
    made.visits = [visit._replace(issues=(issue,)) for visit in made.visits]
    made.held = {"SID": "a.n1"}
    (found,) = diagnose(seen(made, name="SID"), CASE)
    assert found.code == "AB406" and said in found.message and "1 times" in found.message


def test_a_cookie_that_another_one_replaced_did_not_end():
    made = session(1, ("n1", "a.n1"), ("n1", ""))
    replaced = Issue(parse_set_cookie("SID=b.n1; Secure"), SECURE)
    made.visits[1] = made.visits[1]._replace(issues=(replaced,))
    assert codes(seen(made, name="SID")) == ["AB407"]


def test_a_cookie_that_is_removed_once_is_no_cause():
    sessions = stuck()
    gone = Issue(parse_set_cookie("SID=; Max-Age=0"), ENDED)
    sessions[0].visits[-1] = sessions[0].visits[-1]._replace(issues=(gone,))
    sessions[0].held = {}
    assert codes(seen(*sessions, name="SID")) == []


@pytest.mark.parametrize(
    ("target", "sticky", "expected"),
    [
        ("/?SID=abc", "SID", ["AB408"]),
        ("/?SID=abc.n3", "SID", ["AB408"]),
        ("/?SID=abc.n1", "SID", ["AB416"]),
        ("/?SID=abc", "SID|sid", ["AB416"]),
        ("/?xsid=abc", "SID|sid", ["AB408"]),
        ("/", "SID", ["AB416"]),
    ],
)
def test_a_url_hides_the_cookie_as_httpd_searches_it(target, sticky, expected):
    case = CASE._replace(target=target)
    evidence = seen(*stuck(), named=False)
    assert codes(evidence, case, app("n1", "n2", sticky=sticky)) == expected


def test_a_url_hides_no_cookie_where_sessions_are_seen_to_stay():
    case = CASE._replace(target="/?SID=abc")
    assert codes(seen(*stuck()), case) == []
    assert codes(seen(*stuck()), case, app("n1", "n2")) == []
    sessions = [session(n, ("n1", "a.n1"), ("n2", "b.n2"), ("n1", "a.n1")) for n in range(3)]
    assert codes(seen(*sessions), case) == ["AB408"]


@pytest.mark.parametrize(
    ("limit", "balancer", "expected", "found"),
    [
        (None, None, ("n1",), []),
        (2, None, (), []),
        (1.4, None, (), ["AB414"]),
        (1.5, None, (), []),
        (2, app("n1", "n2", "n3"), (), ["AB414"]),
        (2, None, ("n1", "n2", "n3"), ["AB414", "AB415"]),
        (None, None, ("n1", "n3"), ["AB415"]),
    ],
)
def test_shares_of_new_sessions_are_judged(limit, balancer, expected, found):
    # Three sessions on n1, two on n2.
    case = CASE._replace(max_imbalance=limit, expected=expected)
    assert codes(seen(*stuck(5)), case, balancer) == found


@pytest.mark.parametrize("named", [True, False])
def test_an_expected_route_is_not_seen_where_only_sessions_from_before_bring_it(named):
    case = CASE._replace(expected=("n1", "n2"))
    unanswered = session(9, *[("n1", "a.n1")] * 3, node="n1", held="a.n1")
    failed = {"node": "", "status": 503, "reason": "status 503"}
    unanswered.visits[:] = [visit._replace(**failed) for visit in unanswered.visits]
    sessions = [*stuck(3, ("n2",)), unanswered]
    found = diagnose(seen(*sessions, named=named), case)
    missing, lost = [each for each in found if not each.remark]
    assert missing.code == "AB415" and "never seen: n1; seen: n2" in missing.message
    assert lost.code == "AB422"


def test_an_expected_route_is_not_seen_where_its_sessions_moved_away():
    case = CASE._replace(expected=("n1", "n2"))
    moved = [session(n, *[("n2", f"{n}.n2")] * 3, node="n1", held=f"{n}.n1") for n in range(3)]
    (missing,) = diagnose(seen(*moved, expect="moved"), case)
    assert missing.code == "AB415" and "never seen: n1; seen: n2" in missing.message


@pytest.mark.parametrize("held", ["", "{n}.n1"])
def test_an_expected_route_is_seen_with_the_node_that_has_it(held):
    case = CASE._replace(expected=("n1", "alpha"))
    sessions = [
        session(n, *[("alpha", f"{n}.n1")] * 3, node="alpha" if held else "", held=held.format(n=n))
        for n in range(3)
    ]
    assert codes(seen(*sessions), case) == ["AB421"]
    # One that browsers do not send back was set all the same.
    sessions = [session(n, ("alpha", "")) for n in range(3)]
    issue = Issue(parse_set_cookie("SID=a.n1; Secure"), SECURE)
    for each in sessions:
        each.visits[:] = [visit._replace(issues=(issue,)) for visit in each.visits]
    assert codes(seen(*sessions, name="SID", known=frozenset(["n1"])), case) == ["AB407"]


@pytest.mark.parametrize(
    ("member", "found"),
    [
        (Member("u", "n3", True, True, elected=50, load=-4000), [("AB417", True)]),
        (Member("u", "n3", True, True, elected=0, load=0), [("AB415", False)]),
        (Member("u", "n3", True, False, elected=50, load=-4000), [("AB415", False)]),
        (Member("u", "n3", False, False, elected=50, load=-4000), [("AB415", False)]),
    ],
)
def test_an_expected_route_may_have_had_its_share_before(member, found):
    balancer = app("n1", "n2")
    balancer = balancer._replace(members=(*balancer.members, member))
    case = CASE._replace(expected=("n3",))
    assert [(each.code, each.remark) for each in diagnose(seen(*stuck()), case, balancer)] == found


@pytest.mark.parametrize(
    ("loads", "found"),
    [((-1000, 1000), ["AB417"]), ((-100, 100), ["AB414"]), ((900, -900), ["AB414"])],
)
def test_shares_are_not_judged_where_one_member_is_owed_new_sessions(loads, found):
    # One session on n1, five on n2.
    sessions = [
        session(n, *[(name, f"{n}.{name}")] * 2) for n, name in enumerate(["n1", *["n2"] * 5])
    ]
    balancer = app("n1", "n2")
    members = [m._replace(load=load) for m, load in zip(balancer.members, loads)]
    balancer = balancer._replace(members=tuple(members))
    assert codes(seen(*sessions), CASE._replace(max_imbalance=2), balancer) == found


def test_every_finding_has_a_sentence_and_a_fix():
    for sessions in (NOTHING, NO_ROUTE, DOTS, UNKNOWN, DOUBLE, EMPTY, SWAPPED):
        for found in diagnose(seen(*sessions), CASE):
            assert found.message.rstrip().endswith(".") and found.fix
            assert found.result() == {
                "code": found.code,
                "message": found.message,
                "fix": found.fix,
            }


def test_a_page_of_the_manager_says_who_was_out_before_or_after():
    def member(url: str, route: str, usable: bool = True) -> Any:
        counters = {"elected": 3, "lbstatus": -100}
        return SimpleNamespace(
            url=url, values={"route": route}, usable=usable, accepts_new=usable, counters=counters
        )

    def balancer(name: str, sticky: str, *members: Any) -> Any:
        return SimpleNamespace(
            name=name,
            values={"stickysession": sticky},
            members={m.url: m for m in members},
            path=f"/{name}",
        )

    before = {"app": balancer("app", "A|a", member("u1", "n1", False), member("u2", "n2"))}
    after = {
        "app": balancer("app", "A|a", member("u1", "n1"), member("u2", "n2"), member("u3", "n2")),
        "same": balancer("same", "A", member("u4", "m1")),
        # As two schemes of one application have it.
        "twin": balancer("twin", "A", member("u6", "n2"), member("u7", "n1")),
        "other": balancer("other", "B", member("u5", "m2")),
    }
    found = balancing("app", after, before)
    assert (found.cookie, found.parameter) == ("A", "a")
    assert found.serving == {"n2"} and found.method == "byrequests"
    assert [(m.elected, m.load) for m in found.members] == [(3, -100), (3, -100), (3, 0)]
    assert found.is_out("n1") and not found.is_out("n2") and not found.is_out("n9")
    assert found.others == (Other("same", frozenset(["m1"]), "/same"),)


# What the check looks at, and what httpd does.


def told(evidence: Evidence, case: Case, balancer: Balancing | None = None) -> tuple[str, str, str]:
    """The only finding: its code, its message and what to do."""
    (found,) = diagnose(evidence, case, balancer)
    return found.code, found.message, found.fix


def named(sessions: list[Session], name: str, **options: Any) -> Evidence:
    return seen(*sessions, name=name, known=frozenset(["n1", "n2"]), **options)


def test_a_check_that_looks_at_another_cookie_than_httpd_is_the_one_to_change():
    case = CASE._replace(cookie="OTHER")
    code, message, fix = told(named(stuck(), "OTHER"), case, app("n1", "n2"))
    assert (code, fix) == ("AB405", "In the task, write cookie: SID")
    assert "the check at OTHER (cookie), which was never there in 6 sessions" in message


def test_httpd_that_looks_at_another_cookie_than_carries_routes_is_the_one_to_change():
    case = CASE._replace(cookie="SID")
    balancer = app("n1", "n2", sticky="sid|jsessionid")
    code, message, fix = told(named(stuck(), "SID"), case, balancer)
    assert (code, fix) == ("AB405", "ProxySet stickysession=SID|jsessionid")
    assert "the sessions are in SID. It tells upper from lower case" in message


def test_a_cookie_without_a_route_is_not_what_to_look_at_beside_one_that_has_it():
    sessions = stuck()
    for each in sessions:
        each.visits[:] = [v._replace(sent={**v.sent, "THEME": "dark"}) for v in each.visits]
        each.held = {**each.held, "THEME": "dark"}
    case = CASE._replace(cookie="THEME")
    code, message, fix = told(named(sessions, "THEME"), case)
    assert (code, fix) == ("AB405", "In the task, write cookie: SID")
    assert "THEME (cookie), which carries no route; SID carries the routes n1, n2" in message


def test_sessions_without_a_link_that_keeps_them_have_not_begun():
    case = CASE._replace(parameter="sid")
    code, message, fix = told(named(NOTHING, "sid", url=True), case)
    assert code == "AB401" and "no link and no redirect in 4 sessions" in message
    assert fix.startswith("Let the application write its session into URLs, or let httpd set")


def test_a_member_that_is_gone_is_told_of_with_the_sessions_it_had():
    sessions = [session(n, ("n2", f"{n}.n2"), node="n9", held=f"{n}.n9") for n in range(3)]
    found = diagnose(named(sessions, "SID", expect="same"), CASE, app("n1", "n2"))
    (gone,) = [each for each in found if each.code == "AB413"]
    assert gone.message == "3 moved from route n9, which is that of no member any more."


@pytest.mark.parametrize("out", [(), ("",)])
def test_no_session_moved_from_a_member_without_a_route(out):
    moving = [session(n, ("n1", ""), ("n2", ""), ("n1", "")) for n in range(3)]
    empty = [session(n, ("n1", "."), ("n2", "."), ("n1", ".")) for n in range(3)]
    balancer = app("n1", "n2", "", out=out)
    for sessions in (moving, empty):
        assert "AB413" not in codes(named(sessions, "SID"), CASE, balancer)


def redirected(*values: str, **options: Any) -> list[Session]:
    """Sessions whose answers are redirects, and that hold a cookie of these values."""
    sessions = [session(n, *[("n1", value)] * 2, **options) for n, value in enumerate(values)]
    for each in sessions:
        each.visits[:] = [v._replace(location="https://shop/?token=x") for v in each.visits]
    return sessions


@pytest.mark.parametrize("values", [("", ""), ("dark.v1", "dark.v1")])
def test_redirects_that_begin_no_session_are_told_with_the_address_to_ask(values):
    for name in ("", "SID"):
        sessions = redirected(*values, name="THEME")
        code, message, fix = told(seen(*sessions, name=name), CASE)
        assert code == "AB401" and "all 4 answers are redirects to https://shop/," in message
        assert fix == "Ask that: url: https://shop/"


def test_redirects_that_begin_a_session_are_answers_as_any():
    assert codes(seen(*redirected("a.n1", "b.n1", name="SID"))) == ["AB421"]
    assert codes(seen(*redirected("a", "b", name="PHPSESSID"))) == ["AB402"]
    sessions = redirected("", "")
    sessions[0].visits[0] = sessions[0].visits[0]._replace(location="")
    assert codes(seen(*sessions)) == ["AB401"] and seen(*sessions).redirect == ""


@pytest.mark.parametrize(("moves", "code"), [(False, "AB418"), (True, "AB402")])
def test_routes_behind_another_separator_are_a_remark_while_sessions_stay(moves, code):
    nodes = [("n1", "n2") if moves else (name, name) for name in ("n1", "n2", "n1", "n2")]
    sessions = [
        session(n, *[(node, f"id{n}!{first}") for node in (first, second)])
        for n, (first, second) in enumerate(nodes)
    ]
    (found,) = diagnose(named(sessions, "SID"), CASE)
    assert (found.code, found.remark) == (code, not moves)
    assert "separator: '!'" in found.fix and "behind '!' are the routes n1" in found.message


# Routes or identifiers.

SECRETS = [f"{0x9E3779B97F4A7C15 * (n + 3) % 2**64:016x}" for n in range(20)]


@pytest.mark.parametrize("clients", [1, 2, 4, 5, 20])
@pytest.mark.parametrize("visits", [1, 3])
def test_what_only_one_session_has_is_a_secret_with_few_clients_as_with_many(clients, visits):
    # Each answer of a session may set another identifier before the same random text.
    sessions = [
        session(n, *[("", f"{n}x{visit}.{SECRETS[n]}") for visit in range(visits)])
        for n in range(clients)
    ]
    evidence = seen(*sessions, named=False)
    assert codes(evidence) == ["AB420"] and evidence.nodes == {}
    said = str([evidence.result(), evidence.trace(), diagnose(evidence, CASE)])
    assert not [secret for secret in SECRETS if secret in said]


@pytest.mark.parametrize("clients", [1, 4, 20])
def test_secrets_behind_a_later_separator_are_no_routes(clients):
    sessions = [
        session(n, *[("", f"v1.{n}x{visit}.{SECRETS[n]}") for visit in range(3)])
        for n in range(clients)
    ]
    evidence = seen(*sessions, named=False)
    said = str([evidence.result(), evidence.trace(), diagnose(evidence, CASE)])
    assert not [secret for secret in SECRETS if secret in said]


@pytest.mark.parametrize("clients", [1, 3, 4, 20])
@pytest.mark.parametrize("named", [True, False])
def test_a_cookie_beside_the_one_in_question_shows_no_text_of_one_session(clients, named):
    sessions = []
    for n in range(clients):
        texts = (f"auth=.{SECRETS[n]}", f"user=alice.{SECRETS[n]}", f"ROUTEID=.n{n % 3}")
        made = session(n, *[(f"n{n % 3}", f".n{n % 3}")] * 3, name="ROUTEID")
        issues = tuple(Issue(parse_set_cookie(text), "") for text in texts)
        made.visits[0] = made.visits[0]._replace(issues=issues)
        sessions.append(made)
    evidence = seen(*sessions, named=named, name="ROUTEID")
    assert evidence.nodes.keys() == {f"n{n % 3}" for n in range(clients)}
    rows = {row["name"]: row["routes"] for row in evidence.result()["cookies"]}
    assert rows["user"] == rows["auth"] == [] and rows["ROUTEID"]


@pytest.mark.parametrize("clients", [1, 3, 20])
def test_routes_of_any_form_raise_no_alarm_where_nodes_say_that_sessions_stay(clients):
    routes = [f"AppServerNode{place}01" for place in ("ProductionEast", "ProductionWest", "Test")]
    sessions = [session(n, *[(f"n{n % 3}", f"id{n}.{routes[n % 3]}")] * 3) for n in range(clients)]
    assert [each for each in diagnose(seen(*sessions), CASE) if not each.remark] == []
    balancer = app(*routes)
    known = seen(*sessions, known=balancer.routes)
    assert [each for each in diagnose(known, CASE, balancer) if not each.remark] == []


def test_what_one_node_signs_is_no_route_beside_those_of_others():
    # Those sessions are not followed, which is said.
    texts = ["n1", "n2", "n1", "n2", "n1", "n2", *SECRETS[:2]]
    sessions = [session(n, *[("", f"id{n}.{text}")] * 3) for n, text in enumerate(texts)]
    evidence = seen(*sessions, named=False)
    found = diagnose(evidence, CASE)
    assert evidence.nodes.keys() == {"n1", "n2"}
    assert [(each.code, each.remark) for each in found] == [("AB416", True), ("AB420", True)]
    assert not [s for s in SECRETS if s in str([evidence.result(), found])]


def test_a_value_that_sessions_share_has_its_route_for_any_number_of_nodes():
    sessions = [session(n, *[("", f"balancer.http{n % 8}")] * 3) for n in range(24)]
    evidence = seen(*sessions, named=False)
    assert evidence.nodes.keys() == {f"http{n}" for n in range(8)} and "AB402" not in codes(
        evidence
    )


def test_a_cookie_without_a_route_is_a_remark_where_nodes_say_that_sessions_stay():
    sessions = [session(n, *[(f"n{n % 2}", f"id{n}")] * 3) for n in range(6)]
    for name in ("", "SID"):
        (found,) = diagnose(seen(*sessions, name=name), CASE)
        assert (found.code, found.remark) == ("AB402", True)
    # One node says nothing about that.
    alone = [session(n, *[("n1", f"id{n}")] * 3) for n in range(6)]
    assert ("AB402", False) in [(f.code, f.remark) for f in diagnose(seen(*alone), CASE)]


def test_a_node_without_a_route_beside_others_with_one_is_a_cause_though_sessions_stayed():
    sessions = [session(n, *[("n1", f"id{n}.n1")] * 3) for n in range(3)]
    sessions += [session(n, *[("n2", f"id{n}")] * 3) for n in range(3, 6)]
    (found,) = diagnose(seen(*sessions), CASE)
    assert (found.code, found.remark) == ("AB402", False) and "by n2" in found.message


@pytest.mark.parametrize("given", ["", "SID"])
def test_texts_that_are_all_different_may_be_routes_and_are_no_missing_ones(given):
    nodes = [f"node{number}" for number in range(6)]
    sessions = [session(n, *[("", f"ID{n}.{node}")] * 3) for n, node in enumerate(nodes)]
    evidence = seen(*sessions, named=False, name=given)
    assert codes(evidence) == ["AB420"] and evidence.nodes == {}
    known = seen(*sessions, named=False, name=given, known=frozenset(nodes))
    assert "AB420" not in codes(known) and len(known.nodes) == 6


def test_where_some_texts_are_shared_the_others_may_be_routes_too():
    names = tuple(f"node{number}" for number in range(12))
    nodeless = [session(n, *[("", f"id{n}.{names[n % 12]}")] * 3) for n in range(20)]
    evidence = seen(*nodeless, named=False)
    assert set(evidence.nodes) == set(names[:8])
    (remark,) = [each for each in diagnose(evidence, CASE) if each.code == "AB420"]
    assert remark.remark and "4 of 20 sessions have a text" in remark.message
    assert set(seen(*nodeless, named=False, known=frozenset(names)).nodes) == set(names)


@pytest.mark.parametrize("count", [1, 5, 10])
def test_without_a_separator_a_value_that_sessions_share_is_a_route(count):
    nodes = [f"node{number}" for number in range(count)]
    sessions = [session(n, *[("", nodes[n % count])] * 3) for n in range(20)]
    evidence = seen(*sessions, named=False, separator="Off")
    assert codes(evidence) == ["AB416", *(["AB421"] if count == 1 else [])]
    assert set(evidence.nodes) == set(nodes)


def test_without_a_separator_an_identifier_is_no_route():
    sessions = [session(n, *[("", f"{n:032x}")] * 3) for n in range(8)]
    assert seen(*sessions, named=False, separator="Off").nodes == {}


def test_a_route_of_one_session_is_one_behind_another_separator_too():
    nodes = ["n1"] * 19 + ["n2"]
    sessions = [session(n, *[("", f"id{n}!{node}")] * 3) for n, node in enumerate(nodes)]
    (found,) = diagnose(seen(*sessions, named=False), CASE, None)
    assert "behind '!' are the routes n1." in found.message
    # Parts of identifiers, two of which are the same by chance.
    sessions = [session(n, *[("", f"id{n}!{max(n, 1):02x}")] * 3) for n in range(12)]
    assert "behind '!'" not in str(diagnose(seen(*sessions, named=False), CASE, None))
