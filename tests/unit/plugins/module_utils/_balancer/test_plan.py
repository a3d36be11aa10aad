# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import codec
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.plan import (
    Declaration,
    DeclarationError,
    Flags,
    Percent,
    Restored,
    checked_name,
    checked_url,
    plan,
    settled,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    from_document,
)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("HTTP://Node1.Example.COM/App", "http://node1.example.com/App"),
        ("http://node1:80", "http://node1"),
        ("https://node1:443/x", "https://node1/x"),
        ("ajp://node1:8009", "ajp://node1"),
        ("uwsgi://node1:3031", "uwsgi://node1:3031"),
        ("h2c://node1:8080", "h2c://node1:8080"),
        ("http://[2001:DB8::1]:8080", "http://[2001:db8::1]:8080"),
        ("http://[2001:DB8::1]", "http://[2001:db8::1]"),
        ("http://[2001:DB8::1]:80/a", "http://[2001:db8::1]/a"),
        ("unix:/run/app.sock|http://App/", "unix:/run/app.sock|http://app/"),
        ("fcgi://127.0.0.1:9000//srv//www", "fcgi://127.0.0.1:9000//srv//www"),
        ("http://a:65535", "http://a:65535"),
        ("http://a/" + "x" * 374, "http://a/" + "x" * 374),
    ],
)
def test_a_member_url_is_named_as_httpd_names_it(url, name):
    assert checked_url(url) == name


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("node1:8080", "no member URL"),
        ("http://", "no member URL"),
        ("http://a b", "white space"),
        ("http://a\nBalancerMember http://b", "control character"),
        ("http://a\x00", "control character"),
        ('http://a"b', "quote"),
        ("http://a'b", "quote"),
        ("http://a\\", "backslash"),
        ("http://a/?x=y", "parameter"),
        ("http://a/${X}", "variable"),
        ("http://a>", "section"),
        ("http://a:0", "port 0 is not 1 to 65535"),
        ("http://a:65536", "port 65536 is not 1 to 65535"),
        ("http://a:70000", "port 70000 is not 1 to 65535"),
        ("http://a:80x", "no member URL"),
        ("balancer://other", "not another balancer"),
        ("http://a/" + "x" * 375, "384 bytes long; httpd keeps 383"),
        ("http://a/" + "é" * 190, "389 bytes long; httpd keeps 383"),
    ],
)
def test_a_member_url_that_httpd_would_misread_is_refused(url, reason):
    with pytest.raises(DeclarationError, match=reason):
        checked_url(url)


def test_a_refused_url_does_not_show_its_credentials():
    with pytest.raises(DeclarationError) as refusal:
        checked_url("http://user:hunter2@a b")
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "read"),
    [("App", "app"), ("balancer://App", "app"), ("app-1.x_y", "app-1.x_y"), ("a" * 84, "a" * 84)],
)
def test_a_balancer_name_is_read_as_httpd_reads_it(name, read):
    assert checked_name(name) == read


@pytest.mark.parametrize(
    "name", ["", "a/b", "a b", 'a"', "a\n", "a>b", "${x}", "-a", "a" * 85, "é"]
)
def test_an_impossible_balancer_name_is_refused(name):
    with pytest.raises(DeclarationError, match="^name: "):
        checked_name(name)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "members is empty"),
        ([{"url": "http://a"}, {"url": "HTTP://A:80/"}], "httpd would take it for http://a"),
        ([{"url": "http://a"}, {"url": "http://A"}], "remove one of them"),
        ([{"url": "http://a"}, {"url": "http://a:80"}], "remove one of them"),
        ([{"url": "http://a:1"}, {"url": "http://a:1/app"}], "list the longer URL first"),
        (
            [
                {"url": "unix:/run/a.sock|http://localhost/"},
                {"url": "unix:/run/b.sock|http://localhost/"},
            ],
            "httpd would take it for unix:/run/a.sock",
        ),
        (
            [
                {"url": "unix:/run/b.sock|http://localhost/"},
                {"url": "unix:/run/a.sock|http://localhost/"},
            ],
            "list the longer URL first",
        ),
        (
            [{"url": "http://a", "route": "x"}, {"url": "http://b", "route": "x"}],
            "route x is also the route of http://a",
        ),
        ([{"url": "http://a", "loadfactor": 0}], "member http://a: loadfactor: 0 is not possible"),
        ([{"url": "http://a", "enablereuse": True, "disablereuse": True}], "one setting"),
    ],
)
def test_members_that_httpd_would_merge_or_misread_are_refused(members, message):
    with pytest.raises(DeclarationError) as refusal:
        Declaration("app", members=members)
    assert message in str(refusal.value)


def test_the_longer_url_first_keeps_both():
    declared = Declaration("app", members=[{"url": "http://a:1/app"}, {"url": "http://a:1"}])
    assert list(declared.members) == ["http://a:1/app", "http://a:1"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"proxy_set": {"growth": 0}}, "growth: 0 is not possible"),
        ({"reset": ["weight"]}, "weight is no parameter"),
        ({"reset": ["timeout"], "proxy_set": {"timeout": 3}}, "declared and listed in reset"),
        (
            {"reset": ["route"], "members": [{"url": "http://a", "route": "x"}]},
            "declared and listed in reset",
        ),
    ],
)
def test_options_that_contradict_are_refused(options, message):
    with pytest.raises(DeclarationError) as refusal:
        Declaration("app", **options)
    assert message in str(refusal.value)


class TestTheCookieAndStickysession:
    def text(self, more="", cookie=""):
        return (
            "<Proxy balancer://app>\nBalancerMember http://a route=a\n"
            + (f"ProxySet {more}\n" if more else "")
            + "</Proxy>\n"
            + (
                f'<Proxy balancer://app/>\nHeader add Set-Cookie "{cookie}=.%{{BALANCER_WORKER_ROUTE}}e"'
                " env=BALANCER_ROUTE_CHANGED\n</Proxy>\n"
                if cookie
                else ""
            )
        )

    def planned(self, text, **options):
        (balancer,) = codec.read(from_document(Document.parse(text, "/f"))).balancers
        changes = plan(balancer, Declaration("app", **options))
        return {change.parameter: change.after for change in changes}

    def test_go_together(self):
        planned = self.planned(self.text(), sticky_cookie={})
        assert planned["stickysession"] == planned["sticky_cookie"].name == "ROUTEID_APP"

    @pytest.mark.parametrize("declared", ["ROUTE", "ROUTE|sid"])
    def test_may_be_declared_both(self, declared):
        options = {"sticky_cookie": {"name": "ROUTE"}, "proxy_set": {"stickysession": declared}}
        assert self.planned(self.text(), **options)["stickysession"] == declared

    @pytest.mark.parametrize(
        "options", [{}, {"proxy_set": {"timeout": 3}}, {"purge": ["parameters"]}]
    )
    def test_that_agree_already_leave_the_url_parameter_alone(self, options):
        text = self.text("stickysession=ROUTE|sid")
        planned = self.planned(text, sticky_cookie={"name": "ROUTE"}, **options)
        assert "stickysession" not in planned

    @pytest.mark.parametrize("separator", ["!", ".", "_", "Off"])
    def test_have_one_separator(self, separator):
        text = self.text(f"stickysessionsep={separator}")
        cookie = self.planned(text, sticky_cookie={})["sticky_cookie"]
        assert cookie.separator == ("" if separator == "Off" else separator)

    def test_that_are_so_already_stay(self):
        text = self.text("stickysession=R", cookie="R")
        declared = {"sticky_cookie": {"name": "R", "path": "/", "samesite": None}}
        text = text.replace("ROUTE}e", "ROUTE}e; Path=/; HttpOnly; SameSite=Lax")
        assert self.planned(text, **declared) == {}
        # Another line for the same balancer, or another name, does not.
        for name in ("Q", "S"):
            line = f'Header add Set-Cookie "{name}=.%{{BALANCER_WORKER_ROUTE}}e" env=NEVER\n'
            (planned,) = self.planned(text.replace("Header", line + "Header"), **declared)
            assert planned == "sticky_cookie"
            renamed = self.planned(text.replace("R=.", f"{name}=."), **declared)
            assert renamed["sticky_cookie"].name == "R"

    @pytest.mark.parametrize(
        ("before", "after"),
        # Always: with what httpd answers itself, too.
        [("Header add", "Header always add"), ("app/", "app/admin/")],
    )
    def test_are_changed_where_the_line_is_not_for_just_the_answers_of_the_balancer(
        self, before, after
    ):
        text = self.text("stickysession=R", cookie="R").replace(
            "ROUTE}e", "ROUTE}e; Path=/; HttpOnly; SameSite=Lax"
        )
        assert self.planned(text, sticky_cookie={"name": "R"}) == {}
        planned = self.planned(text.replace(before, after), sticky_cookie={"name": "R"})
        assert list(planned) == ["sticky_cookie"]

    def test_that_are_declared_to_differ_are_refused(self):
        with pytest.raises(
            DeclarationError, match="stickysession is S, but the sticky_cookie is called R"
        ):
            Declaration("app", sticky_cookie={"name": "R"}, proxy_set={"stickysession": "S"})
        with pytest.raises(DeclarationError, match="stickysession is Q"):
            Declaration("app", sticky_cookie={"name": "R"}, proxy_set={"stickysession": "Q"})

    def test_are_refused_where_another_one_remains(self):
        with pytest.raises(
            DeclarationError, match=r"is S \(/f:3\), but the sticky_cookie is called R"
        ):
            self.planned(self.text("stickysession=S"), sticky_cookie={"name": "R"})
        with pytest.raises(DeclarationError, match="stickysession is Q"):
            self.planned(self.text("stickysession=Q"), sticky_cookie={"name": "R"})

    @pytest.mark.parametrize(
        "current",
        ["PHPSESSID", "PHPSESSID|phpsessid", "connect.sid", "sessionid", "ASP.NET_SessionId"],
    )
    def test_take_the_place_of_an_applications_cookie_by_which_no_session_stuck(self, current):
        planned = self.planned(self.text(f"stickysession={current}"), sticky_cookie={})
        assert planned["stickysession"] == planned["sticky_cookie"].name == "ROUTEID_APP"

    @pytest.mark.parametrize("current", ["JSESSIONID|jsessionid", "SESSION", "PHPSESSID|sid"])
    def test_are_refused_where_an_applications_session_may_carry_a_route(self, current):
        with pytest.raises(DeclarationError) as refusal:
            self.planned(self.text(f"stickysession={current}"), sticky_cookie={})
        # The cookie of httpd may not have the name of the application's.
        assert str(refusal.value).endswith("ROUTEID_APP; declare stickysession: ROUTEID_APP")

    def test_are_refused_where_httpd_puts_the_route_into_the_cookie_of_the_application(self):
        edit = "Header edit Set-Cookie ^(PHPSESSID=[^;]+) $1.%{BALANCER_WORKER_ROUTE}e\n"
        text = self.text("stickysession=PHPSESSID")
        with pytest.raises(DeclarationError, match="stickysession is PHPSESSID"):
            self.planned(text + edit, sticky_cookie={})
        other = edit.replace("BALANCER_WORKER_ROUTE", "UNIQUE_ID")
        planned = self.planned(text + other, sticky_cookie={})
        assert planned["stickysession"] == "ROUTEID_APP"

    @pytest.mark.parametrize("declared", ["PHPSESSID", "JSESSIONID|jsessionid"])
    def test_no_advice_leads_to_a_cookie_that_overwrites_the_applications(self, declared):
        with pytest.raises(DeclarationError) as refusal:
            Declaration("app", sticky_cookie={}, proxy_set={"stickysession": declared})
        assert str(refusal.value).endswith("ROUTEID_APP; omit stickysession")

    def test_are_fine_where_the_other_one_is_purged(self):
        options = {"sticky_cookie": {"name": "R"}, "proxy_set": {}, "purge": ["parameters"]}
        planned = self.planned(self.text("stickysession=S timeout=3"), **options)
        assert planned.pop("sticky_cookie").name == "R"
        assert planned == {"stickysession": "R", "timeout": None}

    @pytest.mark.parametrize("reset", ["sticky_cookie", "stickysession"])
    def test_are_not_declared_and_reset(self, reset):
        with pytest.raises(DeclarationError, match="choose one"):
            Declaration("app", sticky_cookie={}, reset=[reset])

    def test_of_another_application_stays_when_a_cookie_is_reset(self):
        planned = self.planned(self.text("stickysession=S", cookie="R"), reset=["sticky_cookie"])
        assert planned == {"sticky_cookie": None}

    def test_go_together_when_the_cookie_is_reset(self):
        for current, others in (("R", {"stickysession": None}), ("R|sid", {})):
            text = self.text(f"stickysession={current}", cookie="R")
            planned = self.planned(text, reset=["sticky_cookie"])
            assert planned == {**others, "sticky_cookie": None}

    def test_go_once_where_both_are_reset(self):
        balancer = the_balancer(self.text("stickysession=R", cookie="R"))
        changes = plan(balancer, Declaration("app", reset=["sticky_cookie", "stickysession"]))
        assert [change.parameter for change in changes] == ["stickysession", "sticky_cookie"]

    @pytest.mark.parametrize("options", [{"reset": ["sticky_cookie"]}, {"sticky_cookie": {}}])
    def test_are_shown_as_the_last_line_has_them(self, options):
        cookie = 'Header add Set-Cookie "Q=.%{BALANCER_WORKER_ROUTE}e" env=BALANCER_ROUTE_CHANGED\n'
        text = self.text(cookie="R").replace("Header", cookie + "Header")
        *dummy, change = plan(the_balancer(text), Declaration("app", **options))
        assert change.before.name == "R"
        # Where it does not just issue the cookie, the line is shown.
        text = text.replace("ROUTE_CHANGED\n</", "NEVER\n</")
        *dummy, change = plan(the_balancer(text), Declaration("app", **options))
        assert (
            change.before
            == 'Header add Set-Cookie "R=.%{BALANCER_WORKER_ROUTE}e" env=BALANCER_NEVER'
        )

    def test_are_not_looked_at_unless_declared(self):
        for current in "SR":
            text = self.text(f"stickysession={current}", cookie="R")
            assert self.planned(text, proxy_set={"timeout": 3}) == {"timeout": 3}

    LINE = (
        'Header add Set-Cookie "ROUTE=.%{BALANCER_WORKER_ROUTE}e; Path=/; HttpOnly; SameSite=Lax"'
        " env=BALANCER_ROUTE_CHANGED\n"
    )

    def planned_beside_another(self, lines, **cookie):
        text = lines + self.text() + self.text().replace("app", "other")
        balancer = codec.read(from_document(Document.parse(text, "/f"))).main.balancers["app"]
        changes = plan(balancer, Declaration("app", sticky_cookie=cookie))
        return [change.parameter for change in changes]

    def test_a_cookie_that_is_issued_for_several_is_left_alone_or_refused(self):
        assert self.planned_beside_another(self.LINE, name="ROUTE") == ["stickysession"]
        secure = self.LINE.replace("; Http", "; Secure; Http")
        for line, declared in ((self.LINE, True), (secure, False)):
            with pytest.raises(DeclarationError, match="issued for other balancers too, by /f:1"):
                self.planned_beside_another(line, name="ROUTE", secure=declared)
        for name in ("A", "Z"):
            planned = self.planned_beside_another(self.LINE, name=name)
            assert planned == ["stickysession", "sticky_cookie"]

    def test_of_several_lines_for_several_balancers_the_last_one_counts(self):
        other = self.LINE.replace("; Path=/", "")
        for first in (other, self.LINE.replace("add", "set")):
            planned = self.planned_beside_another(first + self.LINE, name="ROUTE")
            assert planned == ["stickysession"]
            with pytest.raises(DeclarationError) as refusal:
                self.planned_beside_another(self.LINE + first, name="ROUTE")
            assert f"by /f:2: {first.strip()}" in str(refusal.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sticky_cookie": {"name": "a b"}}, "balancer app: sticky_cookie: "),
        ({"health_check": {"method": "PUT"}}, "balancer app: health_check: "),
    ],
)
def test_what_is_wrong_with_a_part_names_the_balancer_and_the_part(options, message):
    with pytest.raises(DeclarationError) as refusal:
        Declaration("app", **options)
    assert str(refusal.value).startswith(message)


def the_balancer(text):
    (balancer,) = codec.read(from_document(Document.parse(text, "/f"))).balancers
    return balancer


MEMBERS = "<Proxy balancer://app>\nBalancerMember http://a route=a lbset=1\nBalancerMember http://b\n</Proxy>\n"


def test_a_parameter_that_is_reset_goes_from_every_member_that_sets_it():
    changes = plan(the_balancer(MEMBERS), Declaration("app", reset=["lbset", "retry"]))
    assert [(c.member, c.parameter, c.before, c.after) for c in changes] == [
        ("http://a", "lbset", 1, None)
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"members": [{"url": "http://a"}, {"url": "http://b"}]}, ["http://a", "http://b"]),
        ({"absent": ["http://a"]}, ["http://b"]),
    ],
)
def test_a_parameter_that_is_reset_goes_from_each_member_that_stays(options, expected):
    text = MEMBERS.replace("//b", "//b lbset=2")
    changes = plan(the_balancer(text), Declaration("app", reset=["lbset"], **options))
    assert [change.member for change in changes if change.parameter == "lbset"] == expected


def test_a_parameter_that_is_reset_goes_with_a_member_that_goes_altogether():
    declared = Declaration("app", members=[{"url": "http://b"}], reset=["lbset"])
    changes = plan(the_balancer(MEMBERS), declared)
    assert [(c.member, c.parameter) for c in changes] == [("http://a", None)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [("http://c", None)]),
        ({"existing_only": True}, []),
        ({"existing_only": True, "absent": ["http://b", "http://d"]}, [("http://b", None)]),
    ],
)
def test_members_that_are_not_there_are_added_or_left_out(options, expected):
    declared = Declaration("app", members=[{"url": "http://c"}], purge=[], **options)
    changes = plan(the_balancer(MEMBERS), declared)
    assert [(change.member, change.parameter) for change in changes] == expected


def test_a_change_is_shown_in_plain_types_and_without_secrets():
    declared = Declaration(
        "app",
        members=[{"url": "http://a", "retry": 5, "secret": "hunter2", "status": ["drained"]}],
        proxy_set={"nonce": "hunter2"},
        sticky_cookie={"name": "R", "secure": True},
    )
    whole = [change.result() for change in plan(None, declared)]
    assert "hunter2" not in str(whole) and whole[0]["layer"] == "config"
    assert whole[1]["member"] == "http://a"
    assert {**whole[1]["after"], "secret": ""} == {"retry": 5, "secret": "", "status": ["drained"]}
    assert (whole[2]["after"]["name"], whole[2]["after"]["secure"]) == ("R", True)
    single = [change.result() for change in plan(the_balancer(MEMBERS), declared)]
    shown = {(each["member"], each["parameter"]): each["after"] for each in single}
    assert shown["http://a", "status"] == ["drained"]
    assert "hunter2" not in str(single)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Flags(frozenset(["drained"]), frozenset(["stopped"])), {"x": {"disabled", "drained"}}),
        # What is set already stays so, and what is not set is not set by being cleared.
        (Flags(frozenset(["disabled"]), frozenset(["drained"])), {"x": {"disabled", "stopped"}}),
        (Restored(frozenset(["stopped"]), {}), {"x": {"stopped"}}),
        (Restored(None, {}), {}),
        (Percent(50), {}),
        (None, {"x": None}),
        (3, {"x": 3}),
    ],
)
def test_a_file_gets_what_is_for_files(value, expected):
    current = {"x": frozenset(["disabled", "stopped"])}
    assert settled({"x": value}, current) == expected


@pytest.mark.parametrize(
    ("percent", "factor", "part"),
    # 1.15 * 100 is 114.99999999999999.
    [(50, 10, 5), (33, 10, 3.3), (1, 100, 1), (100, 1.15, 1.15), (50, 3.99, 1.99)],
)
def test_a_percentage_of_a_load_factor_has_two_decimals(percent, factor, part):
    assert Percent(percent).of("http://a", factor) == part


def test_a_percentage_that_httpd_does_not_take_is_refused():
    with pytest.raises(DeclarationError, match=r"http://a: loadfactor: 50% of 1.98 is 0.99"):
        Percent(50).of("http://a", 1.98)


def planned(text, **options):
    changes = plan(the_balancer(text), Declaration("app", **options))
    return [(each.member, each.parameter, each.before, each.after) for each in changes]


def test_a_member_that_is_there_is_changed_whatever_is_added_before_it():
    members = [{"url": "http://c"}, {"url": "http://b", "lbset": 2}]
    assert planned(MEMBERS, members=members, purge=[]) == [
        ("http://c", None, None, {}),
        ("http://b", "lbset", None, 2),
    ]


def test_a_status_without_flags_is_none_and_any_other_value_is_one():
    others = {"disablereuse": False, "upgrade": ""}
    members = [{"url": "http://a", "status": [], **others}, {"url": "http://b"}]
    assert planned(MEMBERS, members=members) == [
        ("http://a", "disablereuse", None, False),
        ("http://a", "upgrade", None, ""),
    ]


def test_parameters_of_a_member_are_purged_except_its_status():
    text = MEMBERS.replace("lbset=1", "lbset=1 status=+D ttl=3 disablereuse=On")
    members = [{"url": "http://a", "route": "a", "enablereuse": True}, {"url": "http://b"}]
    assert planned(text, members=members, purge=["parameters"]) == [
        ("http://a", "disablereuse", True, None),
        ("http://a", "enablereuse", None, True),
        ("http://a", "lbset", 1, None),
        ("http://a", "ttl", 3, None),
    ]


@pytest.mark.parametrize("socket", ["a", "z"])
def test_a_member_whose_socket_is_another_gets_another_url(socket):
    text = "<Proxy balancer://app>\nBalancerMember unix:/run/m.sock|http://a/\n</Proxy>\n"
    url = f"unix:/run/{socket}.sock|http://a/"
    changes = planned(text, members=[{"url": url}])
    assert changes == [("unix:/run/m.sock|http://a/", "url", "unix:/run/m.sock|http://a/", url)]


class TestAHealthCheck:
    EXPRESSION = "%{REQUEST_STATUS} -eq 204"
    TEXT = (
        f'ProxyHCExpr hc_app "{EXPRESSION}"\n<Proxy balancer://app>\n'
        "BalancerMember http://a hcmethod=GET hcuri=/ hcexpr=hc_app\n</Proxy>\n"
    )

    def test_that_is_there_already_stays(self):
        assert planned(self.TEXT, health_check={"expect_status": ["204"]}) == []

    @pytest.mark.parametrize("status", ["200", "500"])
    def test_that_expects_something_else_changes_its_expression(self, status):
        expected = (None, "health_check", self.EXPRESSION, f"%{{REQUEST_STATUS}} -eq {status}")
        assert planned(self.TEXT, health_check={"expect_status": [status]}) == [expected]

    def test_that_is_new_comes_with_its_expression(self):
        changes = planned(MEMBERS, health_check={"expect_status": ["204"]})
        assert changes[0] == (None, "health_check", None, self.EXPRESSION)
        assert ("http://b", "hcexpr", None, "hc_app") in changes

    def test_that_expects_nothing_loses_its_expression(self):
        assert planned(self.TEXT, health_check={}) == [
            (None, "health_check", self.EXPRESSION, None),
            ("http://a", "hcexpr", "hc_app", None),
        ]

    def test_is_for_each_member_that_has_no_template_of_its_own(self):
        members = [{"url": "http://a", "hctemplate": "own"}, {"url": "http://b"}]
        declared = Declaration("app", members=members, health_check={})
        methods = {url: values["hcmethod"] for url, values in declared.members.items()}
        assert methods == {"http://a": None, "http://b": "GET"}

    def test_is_also_for_members_that_are_not_declared(self):
        options = {"members": [{"url": "http://a"}], "purge": [], "health_check": {}}
        changes = planned(MEMBERS, **options)
        asked = [member for member, parameter, *dummy in changes if parameter == "hcmethod"]
        assert asked == ["http://a", "http://b"]

    def test_changes_what_each_member_is_asked(self):
        for method in ("CPING", "TCP"):
            changes = planned(self.TEXT, health_check={"method": method})
            assert ("http://a", "hcmethod", "GET", method) in changes

    @pytest.mark.parametrize("options", [{"health_check": {}}, {"reset": ["health_check"]}])
    def test_whose_expression_another_member_needs_is_left(self, options):
        members = "".join(f"BalancerMember http://{name} hcexpr=hc_app\n" for name in "cd")
        other = f"<Proxy balancer://other>\n{members}</Proxy>\n"
        root = from_document(Document.parse(self.TEXT + other, "/f"))
        balancer = codec.read(root).main.balancers["app"]
        assert plan(balancer, Declaration("app", health_check={"expect_status": ["204"]})) == []
        with pytest.raises(DeclarationError, match=r"hc_app \(/f:1\) judges .* http://c \(/f:6\)"):
            plan(balancer, Declaration("app", **options))
