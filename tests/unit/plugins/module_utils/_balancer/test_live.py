# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import codec
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.live import (
    drift,
    effective,
    plan_live,
    posts,
    reload_reasons,
    standing_by,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.model import (
    identity,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.parameters import (
    BALANCER,
    MEMBER,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.plan import (
    Declaration,
    DeclarationError,
    Flags,
    Percent,
    Restored,
    plan,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    from_document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.page import (
    LiveBalancer,
    LiveMember,
)

A, B, C = "http://a:1", "http://b:1", "http://c:1"
NONE = frozenset()
DEFAULTS = {
    name: MEMBER[name].default for name in ("loadfactor", "route", "redirect", "lbset", "status")
}


def running(*members, slots=5, **values):
    """A running balancer: members as (url, values)."""
    live = LiveBalancer("app")
    live.nonce, live.slots, live.used = "nonce", slots, len(members)
    live.values = {"lbmethod": "byrequests", "timeout": 0, "nofailover": False, **values}
    for url, own in members:
        shown = {**DEFAULTS, **own}
        flags = {"Init"} | ({"Ok"} if not shown["status"] & {"disabled", "stopped"} else set())
        live.members[identity(url)] = LiveMember(url, shown, frozenset(flags), {})
    return live


def declared(*members, **options):
    listed = [{"url": url, **own} for url, own in members] or None
    return Declaration("app", listed, **options)


def config(text):
    """The balancer app as a file says it."""
    body = f"<Proxy balancer://app>\n{text}\n</Proxy>\n"
    tree = codec.read(from_document(Document.parse(body, "/f")))
    return tree.main.balancers["app"]


def brief(changes):
    return [(change.member, change.parameter, change.before, change.after) for change in changes]


class TestAPlan:
    def test_is_empty_where_the_running_balancer_is_as_declared(self):
        live = running((A, {"route": "a", "loadfactor": 2.0}), (B, {}), lbmethod="bybusyness")
        wish = declared(
            (A, {"route": "a", "loadfactor": 2}), (B, {}), proxy_set={"lbmethod": "bybusyness"}
        )
        assert plan_live(live, wish) == ([], [])

    def test_leaves_alone_what_is_not_declared(self):
        live = running((A, {"lbset": 3, "status": frozenset({"drained"})}), (B, {}), timeout=9)
        assert (
            plan_live(live, declared((A, {"route": "a"}), (B, {}))).changes[0].parameter == "route"
        )
        assert len(plan_live(live, declared((A, {"route": "a"}), (B, {}))).changes) == 1

    def test_purges_parameters_that_are_not_declared_and_no_status(self):
        live = running((A, {"lbset": 3, "status": frozenset({"drained"})}), (B, {}), timeout=9)
        wish = declared((A, {}), (B, {}), proxy_set={}, purge=["parameters"])
        assert brief(plan_live(live, wish).changes) == [
            (A, "lbset", 3, 0),
            (None, "timeout", 9, 0),
        ]

    def test_does_not_purge_what_httpd_derives(self):
        live = running((A, {}), (B, {}), maxattempts=1)
        assert plan_live(live, declared((A, {}), (B, {}), proxy_set={}, purge=["parameters"])) == (
            [],
            [],
        )

    def test_resets_parameters_of_balancer_and_members(self):
        live = running((A, {"lbset": 3}), (B, {"lbset": 1}), stickysession="S")
        wish = Declaration("app", reset=["lbset", "stickysession", "retry"])
        assert brief(plan_live(live, wish).changes) == [
            (A, "lbset", 3, 0),
            (B, "lbset", 1, 0),
            (None, "stickysession", "S", None),
        ]

    def test_leaves_the_load_factor_of_a_single_member_alone(self):
        assert plan_live(running((A, {})), declared((A, {"loadfactor": 5}))) == ([], [])
        others = {"lbset": 1, "route": "a"}
        changes = plan_live(running((A, {})), declared((A, others))).changes
        assert {change.parameter: change.after for change in changes} == others

    def test_gives_a_member_that_is_alone_no_more_the_factor_of_the_file_declared_or_not(self):
        in_file = config(f"BalancerMember {A} loadfactor=5")
        live = running((A, {}), (B, {"status": frozenset({"disabled"})}))
        for wish in (declared((B, {}), purge=[]), declared((A, {}), (B, {}), purge=[])):
            changes = brief(plan_live(live, wish, in_file, added=[B]).changes)
            assert (A, "loadfactor", 1, 5) in changes, changes

    @pytest.mark.parametrize(("members", "added"), [((A, B, C), [C]), ((A, B), [A, B])])
    def test_leaves_the_factor_alone_of_one_that_was_not_alone(self, members, added):
        in_file = config(f"BalancerMember {A} loadfactor=5\nBalancerMember {B}")
        live = running(*((url, {}) for url in members))
        changes = plan_live(live, Declaration("app", purge=[]), in_file, added=added).changes
        assert changes == []

    def test_stops_members_that_are_not_declared(self):
        result = plan_live(
            running((A, {}), (B, {"status": frozenset({"drained"})})), declared((A, {}))
        )
        assert brief(result.changes) == [
            (B, "status", frozenset({"drained"}), frozenset({"drained", "stopped"}))
        ]
        assert [(left.member, left.until_reload) for left in result.left] == [(B, True)]
        again = plan_live(
            running((A, {}), (B, {"status": frozenset({"stopped"})})), declared((A, {}))
        )
        assert again.changes == [] and again.left == result.left

    def test_stops_a_member_that_is_to_be_absent(self):
        result = plan_live(running((A, {}), (B, {})), Declaration("app", absent=[A], purge=[]))
        assert brief(result.changes) == [(A, "status", NONE, frozenset({"stopped"}))]

    def test_adds_a_member_with_what_declaration_and_file_say(self):
        in_file = config(f"BalancerMember {A}\nBalancerMember {B} route=b lbset=2")
        wish = declared((A, {}), (B, {"loadfactor": 4}))
        result = plan_live(running((A, {})), wish, in_file)
        assert brief(result.changes) == [
            (B, None, None, {"route": "b", "lbset": 2, "loadfactor": 4.0})
        ]

    def test_adds_a_member_whose_parameters_are_purged_with_its_status_alone(self):
        in_file = config(f"BalancerMember {A}\nBalancerMember {B} lbset=2 ttl=3 status=+N")
        wish = declared((A, {}), (B, {"route": "b"}), purge=["parameters"])
        assert brief(plan_live(running((A, {})), wish, in_file).changes) == [
            (B, None, None, {"status": frozenset({"drained"}), "route": "b"})
        ]

    def test_gives_members_that_are_not_declared_the_declared_health_check(self):
        live = running((A, {"hcmethod": "GET", "hcpasses": 1, "hcfails": 1}), (B, {}))
        in_file = config(f"BalancerMember {A} hcmethod=GET\nBalancerMember {B}")
        wish = Declaration("app", health_check={"passes": 3}, purge=[])
        assert (A, "hcpasses", 1, 3) in brief(plan_live(live, wish, in_file).changes)

    @pytest.mark.parametrize(
        ("values", "slots", "reason"),
        [
            ({"retry": 3}, 5, "it has retry"),
            ({}, 1, "no free slot"),
            ({"secret": "x"}, 5, "it has secret"),
        ],
    )
    def test_does_not_add_what_it_cannot_make_whole(self, values, slots, reason):
        result = plan_live(running((A, {}), slots=slots), declared((A, {}), (B, values)))
        assert result.changes == [] and reason in result.left[0].reason
        assert not result.left[0].until_reload

    @pytest.mark.parametrize("values", [{"retry": 60}, {"iobuffersize": int("8192")}])
    def test_adds_a_member_whose_fixed_parameters_are_at_their_default(self, values):
        assert len(plan_live(running((A, {})), declared((A, {}), (B, values))).changes) == 1

    def test_fills_the_free_slots_and_no_more(self):
        result = plan_live(running((A, {}), slots=2), declared((A, {}), (B, {}), (C, {})))
        assert [change.member for change in result.changes] == [B]
        assert [left.member for left in result.left] == [C]
        assert "no free slot (2 of 2 used)" in result.left[0].reason

    @pytest.mark.parametrize(("slots", "added"), [(None, []), (0, []), (1, [A]), (2, [A, B])])
    def test_fills_a_balancer_without_members_as_far_as_it_goes(self, slots, added):
        changes = plan_live(running(slots=slots), declared((A, {}), (B, {}))).changes
        assert [change.member for change in changes] == added

    def test_adds_nothing_where_more_slots_are_used_than_there_are(self):
        assert plan_live(running((A, {}), slots=0), declared((A, {}), (B, {}))).changes == []

    def test_leaves_what_no_running_httpd_takes_to_the_reload_where_no_file_tells(self):
        live, wish = running((A, {}), (B, {})), declared((A, {}), (B, {"retry": 5}))
        (left,) = plan_live(live, wish).left
        assert left.reason == f"member {B}: retry is set by a reload"
        assert plan_live(live, wish, config(f"BalancerMember {A}")).left == [left]
        in_file = config(f"BalancerMember {A}\nBalancerMember {B}")
        assert plan_live(live, wish, in_file).left == []

    @pytest.mark.parametrize(("size", "left"), [(4096, 1), (int("8192"), 0), (16384, 1)])
    def test_leaves_nothing_to_the_reload_that_is_the_default(self, size, left):
        wish = declared((A, {"iobuffersize": size}), (B, {}))
        assert len(plan_live(running((A, {}), (B, {})), wish).left) == left

    def test_leaves_parameters_of_the_balancer_to_the_reload_where_no_file_tells(self):
        wish = declared((A, {}), proxy_set={"growth": 3, "forcerecovery": True})
        (left,) = plan_live(running((A, {})), wish).left
        assert left[:2] == (None, "growth")
        assert left.reason == "balancer://app: growth is set by a reload"

    def test_is_empty_where_text_is_the_same_in_another_place_of_memory(self):
        live = running((A, {}), stickysession="".join(["SESSION", "ID"]))
        assert plan_live(live, declared((A, {}), proxy_set={"stickysession": "SESSIONID"})) == (
            [],
            [],
        )

    @pytest.mark.parametrize(("vhost", "status"), [("one", {"stopped"}), ("two", None)])
    def test_puts_back_the_status_of_its_own_virtual_host(self, vhost, status):
        restored = Restored(frozenset(), {"one": frozenset({"stopped"})})
        wish = declared((A, {"status": restored}), (B, {}))
        changes = plan_live(running((A, {}), (B, {})), wish, vhost=vhost).changes
        assert [change.after for change in changes] == ([status] if status else [])

    def test_completes_a_member_that_was_just_added(self):
        live = running((A, {}), (B, {"status": frozenset({"disabled"})}))
        wish = declared((A, {}), (B, {"route": "b"}))
        assert [c.parameter for c in plan_live(live, wish).changes] == ["route"]
        assert brief(plan_live(live, wish, None, added={B}).changes) == [
            (B, "status", frozenset({"disabled"}), NONE),
            (B, "route", "", "b"),
        ]

    def test_gives_a_member_that_is_put_back_in_nothing_of_what_it_had_before(self):
        stopped = frozenset({"stopped"})
        live = running((A, {}), (B, {"status": stopped, "lbset": 3, "redirect": "a"}))
        result = plan_live(
            live, declared((A, {}), (B, {"route": "b"})), config(f"BalancerMember {A}")
        )
        assert sorted(brief(result.changes)) == [
            (B, "lbset", 3, 0),
            (B, "redirect", "a", ""),
            (B, "route", "", "b"),
            (B, "status", stopped, NONE),
        ]

    def test_leaves_another_socket_to_the_reload(self):
        live = running(("unix:/one|http://a/", {}))
        result = plan_live(live, declared(("unix:/two|http://a/", {})))
        assert (
            result.changes == []
            and "becomes unix:/two|http://a/ by a reload" in result.left[0].reason
        )

    @pytest.mark.parametrize(("name", "most"), [("timeout", 7200), ("maxattempts", 99)])
    def test_leaves_what_is_out_of_range_while_httpd_runs_to_the_reload(self, name, most):
        result = plan_live(running((A, {})), declared((A, {}), proxy_set={name: most + 1}))
        assert result.changes == []
        assert result.left[0].reason == (
            f"balancer://app: {name}={most + 1} needs a reload: while it runs, httpd takes no more than {most}"
        )

    def test_names_the_member_whose_value_a_running_httpd_does_not_take(self, monkeypatch):
        # No parameter of a member has another range there than in a file, as yet.
        narrow = MEMBER["lbset"]._replace(live=MEMBER["lbset"].live._replace(high=50))
        monkeypatch.setitem(MEMBER, "lbset", narrow)
        result = plan_live(running((A, {}), (B, {})), declared((A, {"lbset": 51}), (B, {})))
        assert result.changes == []
        assert result.left[0].reason.startswith(f"member {A}: lbset=51 needs a reload")

    def test_makes_what_is_just_in_range(self):
        most = {"timeout": 7200, "maxattempts": 99}
        wish = declared((A, {"lbset": 99}), (B, {}), proxy_set=most)
        assert brief(plan_live(running((A, {}), (B, {})), wish).changes) == [
            (A, "lbset", 0, 99),
            (None, "timeout", 0, 7200),
            (None, "maxattempts", None, 99),
        ]

    def test_leaves_health_checks_to_the_reload_where_their_module_is_not_loaded(self):
        result = plan_live(running((A, {}), (B, {})), declared((A, {"hcmethod": "GET"}), (B, {})))
        assert result.changes == [] and "proxy_hcheck_module" in result.left[0].reason

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ({"hcmethod": "NONE", "hcuri": ""}, {"hcmethod": "GET", "hcuri": "/up"}),
            ({"hcmethod": "TCP", "hcuri": ""}, {"hcmethod": "GET"}),
            ({"hcmethod": "GET", "hcuri": "/up"}, {"hcuri": "/well"}),
            ({"hcmethod": "GET", "hcuri": "/up"}, {"hcmethod": "NONE"}),
        ],
    )
    def test_leaves_a_health_check_that_asks_otherwise_to_the_reload(self, before, after):
        live = running((A, {"hcinterval": 30000, **before}), (B, {}))
        result = plan_live(live, declared((A, {**after, "hcinterval": "5"}), (B, {})))
        assert result.changes == [] and len(result.left) == 1
        assert "its health check changes by a reload" in result.left[0].reason
        assert result.left[0].parameter == next(iter(after))

    def test_changes_how_often_a_check_asks_that_asks_the_same(self):
        live = running((A, {"hcmethod": "GET", "hcuri": "/up", "hcinterval": 30000}), (B, {}))
        same = {"hcmethod": "GET", "hcuri": "".join(["/", "up"]), "hcinterval": "5"}
        result = plan_live(live, declared((A, same), (B, {})))
        assert [change.parameter for change in result.changes] == ["hcinterval"]
        assert result.left == []

    def test_leaves_alone_what_comes_from_a_template(self):
        live = running((A, {"hcmethod": "GET", "hcuri": "/up", "hcfails": 3}))
        wish = declared((A, {"hctemplate": "t"}), health_check={"method": "TCP"}, purge=[])
        assert plan_live(live, wish, config(f"BalancerMember {A} hctemplate=t")) == ([], [])
        wish = declared((A, {"hctemplate": "t", "hcfails": 4}), purge=[])
        assert brief(plan_live(live, wish, config(f"BalancerMember {A} hctemplate=t")).changes) == [
            (A, "hcfails", 3, 4)
        ]

    def test_adds_a_member_with_a_health_check_only_where_httpd_makes_some(self):
        checked = {"hcmethod": "GET", "hcuri": "", "hcexpr": "hc_app"}
        wish = declared((A, {}), (B, {}), health_check={"expect_status": ["200"]})
        live = running((A, checked))
        assert brief(plan_live(live, wish, config(f"BalancerMember {A}")).changes) == []
        in_file = config(f"BalancerMember {A} hcmethod=GET hcexpr=hc_app")
        (change,) = plan_live(live, wish, in_file).changes
        assert (change.member, change.after["hcexpr"]) == (B, "hc_app")
        live = running((A, {**checked, "hcexpr": ""}))
        assert (
            plan_live(live, wish, in_file)
            .left[-1]
            .reason.endswith("does not know the expression hc_app of its health check")
        )

    @pytest.mark.parametrize("method", ["TCP", "OPTIONS", "GET"])
    def test_adds_no_member_with_a_check_where_httpd_makes_none(self, method):
        wish = declared((A, {}), (B, {"hcmethod": method}))
        in_file = config(f"BalancerMember {A} hcmethod={method}")
        for made in ({}, {"hcmethod": "NONE"}):
            result = plan_live(running((A, made)), wish, in_file)
            assert [left.member for left in result.left] == [B]
            assert result.left[0].reason.endswith("makes no health checks here yet")
        result = plan_live(running((A, {"hcmethod": method})), wish, in_file)
        assert [change.member for change in result.changes] == [B]

    def test_changes_single_flags_of_what_runs(self):
        live = running((A, {"status": frozenset({"disabled"})}), (B, {}))
        flags = Flags(frozenset({"drained"}), frozenset({"stopped"}))
        wish = declared((A, {"status": flags}), purge=[], existing_only=True)
        assert plan_live(live, wish).changes[0].after == {"disabled", "drained"}

    def test_gives_a_new_member_the_flags_that_its_file_has_as_well(self):
        flags = Flags(frozenset({"ignore_errors"}), frozenset({"disabled"}))
        wish = declared((B, {"status": flags}), purge=[], existing_only=True)
        in_file = config(f"BalancerMember {A}\nBalancerMember {B} status=+DH")
        (change,) = plan_live(running((A, {})), wish, in_file).changes
        assert change.after["status"] == {"hot_standby", "ignore_errors"}
        live = running((A, {}), (B, {"status": frozenset({"disabled"})}))
        (change,) = plan_live(live, wish, in_file, added=[B]).changes
        assert (change.parameter, change.after) == ("status", {"hot_standby", "ignore_errors"})

    def test_leaves_out_members_that_the_balancer_does_not_have(self):
        wish = declared((C, {"lbset": 1}), purge=[], existing_only=True)
        assert plan_live(running((A, {})), wish) == ([], [])
        wish = declared((C, {"lbset": 1}), (A, {"lbset": 2}), purge=[], existing_only=True)
        assert brief(plan_live(running((A, {})), wish).changes) == [(A, "lbset", 0, 2)]

    def test_takes_a_percentage_of_the_number_in_the_file(self):
        in_file = config(f"BalancerMember {A} loadfactor=40\nBalancerMember {B}")
        live = running((A, {"loadfactor": 7.0}), (B, {}))
        wish = declared((A, {"loadfactor": Percent(25)}), purge=[], existing_only=True)
        assert brief(plan_live(live, wish, in_file).changes) == [(A, "loadfactor", 7.0, 10.0)]
        assert plan(in_file, wish) == []
        with pytest.raises(DeclarationError, match="25% of 1 is 0.25, and httpd takes 1 to 100"):
            plan_live(live, declared((B, {"loadfactor": Percent(25)}), purge=[]), in_file)


class TestThePosts:
    def fields(self, live, wish, **options):
        return [(p.member, p.fields) for p in posts(plan_live(live, wish, **options).changes, live)]

    def test_say_everything_in_the_words_of_balancer_manager(self):
        live = running(
            (A, {"hcmethod": "GET", "hcinterval": 30000, "hcuri": "/up"}),
            (B, {}),
            stickysession="X",
        )
        member = {
            "loadfactor": 2.5,
            "route": "a",
            "redirect": "b",
            "lbset": 1,
            "status": ["disabled", "hot_standby"],
            "hcmethod": "GET",
            "hcinterval": "5",
            "hcuri": "/up",
        }
        balancer = {
            "lbmethod": "bytraffic",
            "nofailover": True,
            "timeout": 3,
            "stickysession": "S|s",
            "maxattempts": 0,
        }
        found = self.fields(live, declared((A, member), (B, {}), proxy_set=balancer))
        assert found[0] == (
            None,
            [
                ("b_lbm", "bytraffic"),
                ("b_sforce", "1"),
                ("b_tmo", "3"),
                ("b_ss", "S|s"),
                ("b_max", "0"),
            ],
        )
        member_fields = [
            "w_lf=2.5",
            "w_wr=a",
            "w_rr=b",
            "w_ls=1",
            "w_hi=5000",
        ]
        assert (found[1][0], list(map("=".join, found[1][1]))) == (A, member_fields)
        assert found[2:] == [(A, [("w_status_D", "1"), ("w_status_H", "1")])]

    def test_say_of_a_status_what_changes_alone(self):
        live = running((A, {"status": frozenset({"disabled"})}), (B, {}))
        wish = declared((A, {"status": ["disabled", "drained"]}), (B, {}))
        assert self.fields(live, wish) == [(A, [("w_status_N", "1")])]

    def test_take_a_sticky_session_away(self):
        live = running((A, {}), stickysession="X")
        assert self.fields(live, Declaration("app", reset=["stickysession"])) == [
            (None, [("b_ss", "-")])
        ]

    def test_name_a_member_by_what_tells_it_from_others(self):
        live = running(("unix:/one|http://a/", {}), (B, {}))
        found = self.fields(live, declared(("unix:/one|http://a/", {"lbset": 1}), purge=[]))
        assert found == [("http://a/", [("w_ls", "1")])]

    def test_add_first_then_set_then_put_in_then_take_out(self):
        live = running((A, {}), (B, {"status": frozenset({"drained"})}))
        wish = declared(
            (A, {"status": ["disabled"], "lbset": 1}), (B, {"status": []}), (C, {"route": "c"})
        )
        assert [fields[0] for member, fields in self.fields(live, wish)] == [
            ("b_nwrkr", C),
            ("w_ls", "1"),
            ("w_status_N", "0"),
            ("w_status_D", "1"),
        ]

    def test_can_carry_every_parameter_that_the_table_calls_live(self):
        samples = {
            "lbmethod": "bytraffic",
            "stickysession": "S",
            "nofailover": True,
            "timeout": 3,
            "maxattempts": 2,
        }
        live = running((A, {}), (B, {}))
        found = self.fields(live, Declaration("app", proxy_set=samples))
        assert {field for post in found for field, text in post[1]} == {
            row.live.field for row in BALANCER.values() if row.live
        }


class TestTheDrift:
    def rows(self, text, live, wish=None):
        balancer = config(text)
        found = drift(balancer.members, balancer.values, live, wish)
        return [(d.member, d.parameter, d.declared, d.config, d.runtime) for d in found]

    def test_is_nothing_where_all_agree(self):
        text = f"BalancerMember {A} route=a retry=5\nBalancerMember {B}\nProxySet stickysession=S growth=3"
        live = running((A, {"route": "a"}), (B, {}), stickysession="S", maxattempts=1)
        assert self.rows(text, live) == []

    def test_names_parameter_file_and_running_value(self):
        text = f"BalancerMember {A} lbset=2\nBalancerMember {B}\nProxySet lbmethod=bytraffic"
        live = running((A, {"status": frozenset({"drained"})}), (B, {}))
        assert self.rows(text, live) == [
            (A, "status", None, NONE, frozenset({"drained"})),
            (A, "lbset", None, 2, 0),
            (None, "lbmethod", None, "bytraffic", "byrequests"),
        ]

    def test_names_members_that_only_one_has(self):
        found = self.rows(f"BalancerMember {A} route=a", running((B, {})))
        assert [row[:2] for row in found] == [(A, None), (B, None)]

    @pytest.mark.parametrize(("options", "named"), [({}, [(B, None)]), ({"purge": []}, [])])
    def test_names_members_that_are_not_declared_where_they_are_to_go(self, options, named):
        found = self.rows(
            f"BalancerMember {A}\nBalancerMember {B}",
            running((A, {}), (B, {})),
            declared((A, {}), **options),
        )
        assert [row[:2] for row in found] == named

    def test_names_the_load_factor_of_one_among_several(self):
        found = self.rows(
            f"BalancerMember {A} loadfactor=5\nBalancerMember {B}", running((A, {}), (B, {}))
        )
        assert found == [(A, "loadfactor", None, 5.0, 1.0)]

    def test_shows_what_is_declared_beside_the_others(self):
        text = f"BalancerMember {A} lbset=2 retry=5\nBalancerMember {B}"
        wish = declared((A, {"lbset": 1, "retry": 7}), (B, {}), (C, {}), proxy_set={"growth": 4})
        assert self.rows(text, running((A, {"lbset": 2}), (B, {})), wish) == [
            (A, "lbset", 1, 2, 2),
            (A, "retry", 7, 5, None),
            (C, None, {}, None, None),
            (None, "growth", 4, None, None),
        ]

    def test_is_known_between_declaration_and_file_alone(self):
        assert self.rows(f"BalancerMember {A}", None, declared((A, {"lbset": 1}))) == [
            (A, "lbset", 1, 0, None)
        ]

    def test_does_not_count_what_one_member_cannot_have(self):
        assert self.rows(f"BalancerMember {A} loadfactor=5", running((A, {}))) == []
        rows = self.rows(f"BalancerMember {A} lbset=1 route=a loadfactor=5", running((A, {})))
        assert {row[1] for row in rows} == {"lbset", "route"}

    def test_compares_what_httpd_derives_only_where_the_file_sets_it(self):
        live = running((A, {}), maxattempts=2)
        assert self.rows(f"BalancerMember {A}", live) == []
        text = f"BalancerMember {A}\nProxySet maxattempts=3"
        assert self.rows(text, live) == [(None, "maxattempts", None, 3, 2)]
        assert self.rows(text, running((A, {}))) == []

    def test_compares_health_checks(self):
        text = f"BalancerMember {A} hcpasses=3\nBalancerMember {B}"
        live = running((A, {"hcpasses": 1}), (B, {}))
        assert self.rows(text, live) == [(A, "hcpasses", None, 3, 1)]

    def test_does_not_compare_what_comes_from_a_template(self):
        text = f"BalancerMember {A} hctemplate=t\nBalancerMember {B}"
        assert self.rows(text, running((A, {"hcmethod": "GET"}), (B, {}))) == []


def test_a_reload_is_needed_for_what_is_left_and_for_what_no_running_httpd_takes():
    before = config(f"BalancerMember {A} route=a\nBalancerMember {B}\nProxySet maxattempts=3")
    wish = declared((A, {"route": "x", "retry": 5}), proxy_set={"growth": 3}, reset=["maxattempts"])
    result = plan_live(running((A, {"route": "a"}), (B, {}), maxattempts=3), wish, before)
    assert reload_reasons(plan(before, wish), result.left) == [
        f"member {A}: retry is set by a reload",
        "growth is set by a reload",
        "maxattempts gets its default by a reload",
        f"member {B} is removed by a reload; until then it is stopped",
    ]


def test_no_reload_is_needed_for_what_the_running_httpd_was_given():
    before = config(f"BalancerMember {A} lbset=2\nProxySet stickysession=S timeout=3")
    wish = Declaration("app", reset=["lbset", "stickysession"], proxy_set={"timeout": 4})
    assert reload_reasons(plan(before, wish), []) == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (["hot_standby"], True),
        (["hot_spare"], True),
        (["hot_spare", "drained"], False),
        ([], False),
    ],
)
def test_a_member_stands_by_where_it_waits_for_others(status, expected):
    member = running((A, {"status": frozenset(status)})).members[A]
    assert standing_by(member) is expected


class TestACookieThatHttpdIssues:
    ISSUED = (
        'ProxySet stickysession=R\nHeader add Set-Cookie "R=.%{BALANCER_WORKER_ROUTE}e"'
        " env=BALANCER_ROUTE_CHANGED"
    )

    def test_keeps_stickysession_back_until_it_is_there(self):
        live = running((A, {}))
        planned = plan_live(live, declared(sticky_cookie={}), config(f"BalancerMember {A}"))
        assert planned.changes == []
        (left,) = planned.left
        assert left.parameter == "stickysession"
        assert (
            "stickysession=ROUTEID_APP comes by a reload, together with whatever cookie"
            in left.reason
        )

    def test_keeps_it_back_still_once_the_files_have_both(self):
        planned = plan_live(
            running((A, {})), declared(sticky_cookie={"name": "R"}), config(self.ISSUED)
        )
        assert (planned.changes, [left.parameter for left in planned.left]) == (
            [],
            ["stickysession"],
        )

    def test_that_is_loaded_leaves_nothing_to_do(self):
        live = running((A, {}), stickysession="R")
        planned = plan_live(live, declared(sticky_cookie={"name": "R"}), config(self.ISSUED))
        assert planned == ([], [])

    def test_takes_stickysession_away_by_a_reload_too(self):
        live = running((A, {}), stickysession="R")
        planned = plan_live(live, declared(reset=["sticky_cookie"]), config(self.ISSUED))
        assert planned.changes == []
        assert ["stickysession goes by a reload" in left.reason for left in planned.left] == [True]

    def test_may_be_another_than_that_of_files_that_are_not_loaded(self):
        live = running((A, {}), stickysession="R")
        wish, in_file = declared(proxy_set={"stickysession": "S"}), config(f"BalancerMember {A}")
        assert brief(plan_live(live, wish, in_file).changes) == [(None, "stickysession", "R", "S")]
        planned = plan_live(live, wish, in_file, loaded=False)
        assert (planned.changes, [left.parameter for left in planned.left]) == (
            [],
            ["stickysession"],
        )

    def test_does_not_keep_other_parameters_back(self):
        wish = declared(sticky_cookie={"name": "R"}, proxy_set={"timeout": 3})
        planned = plan_live(running((A, {})), wish, config(self.ISSUED))
        assert brief(planned.changes) == [(None, "timeout", 0, 3)]
        wish = declared(sticky_cookie={"name": "R"}, proxy_set={"lbmethod": "bytraffic"})
        planned = plan_live(running((A, {})), wish, config(self.ISSUED))
        assert brief(planned.changes) == [(None, "lbmethod", "byrequests", "bytraffic")]

    def test_is_nothing_that_the_running_httpd_alone_can_be_given(self):
        planned = plan_live(
            running((A, {}), stickysession="R"), declared(sticky_cookie={"name": "R"})
        )
        assert [left.parameter for left in planned.left] == ["sticky_cookie"]


class TestTheParametersOfAVirtualHost:
    MAIN = "<Proxy balancer://app>\nBalancerMember http://a\nProxySet timeout=1 lbmethod=bytraffic growth=7\n</Proxy>\n"

    def values(self, inside, main=MAIN):
        """What the only virtual host has, whose lines are *inside*."""
        text = f"{main}<VirtualHost *:80>\n{inside}\n</VirtualHost>\n"
        configuration = codec.read(from_document(Document.parse(text, "/f")))
        return effective(configuration, configuration.vhosts[1], "app")

    def test_are_its_own_where_it_has_the_balancer(self):
        own = "<Proxy balancer://app>\nBalancerMember http://b\nProxySet timeout=2\n</Proxy>"
        assert self.values(own) == {"timeout": 2}

    def test_are_those_of_the_main_server_except_for_the_method(self):
        assert self.values("ProxyPass / balancer://app/") == {"timeout": 1, "growth": 7}
        assert self.values("") == {"timeout": 1, "growth": 7}

    def test_win_over_those_of_the_main_server(self):
        assert self.values("ProxyPass / balancer://app/ timeout=3 growth=2") == {
            "timeout": 3,
            "growth": 2,
        }

    def test_are_unknown_where_nobody_has_the_balancer(self):
        assert self.values("ProxyPass / balancer://app/", main="") is None
        assert self.values("", main="ProxyPass / balancer://app/\n") is None


def test_a_difference_is_shown_in_plain_types_and_without_secrets():
    text = f"BalancerMember {A} status=+N\nBalancerMember {B}"
    balancer = config(text)
    (found,) = drift(balancer.members, balancer.values, running((A, {}), (B, {})), None)
    assert found.result() == {
        "member": A,
        "parameter": "status",
        "declared": None,
        "config": ["drained"],
        "runtime": [],
    }
    (nonce,) = drift({}, {}, None, declared(proxy_set={"nonce": "hunter2"}))
    assert nonce.result()["member"] is None and "hunter2" not in str(nonce.result())


def test_a_balancer_that_is_made_or_removed_is_so_by_a_reload():
    wish = declared((A, {}))
    assert reload_reasons(plan(None, wish), []) == ["the balancer is made by a reload"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_member_whose_socket_changes_is_another_one_after_a_reload(order):
    old, new = ["unix:/run/a.sock|http://app/", "unix:/run/b.sock|http://app/"][::order]
    balancer = config(f"BalancerMember {new}")
    (found,) = drift(balancer.members, balancer.values, running((old, {})), None)
    assert (found.parameter, found.config, found.runtime) == ("url", new, old)
    (left,) = plan_live(running((old, {})), declared((new, {}))).left
    assert left.reason == f"member {old} becomes {new} by a reload"
    # Once is enough.
    changes = plan(config(f"BalancerMember {old}"), declared((new, {})))
    assert reload_reasons(changes, [left]) == [left.reason]


def test_a_line_that_httpd_merged_with_another_goes_by_a_reload():
    balancer = config(f"BalancerMember {A} route=a\nBalancerMember {A} retry=5")
    changes = plan(balancer, declared((A, {"route": "a"})))
    assert reload_reasons(changes, []) == [f"member {A}: the line at /f:3 is removed by a reload"]
