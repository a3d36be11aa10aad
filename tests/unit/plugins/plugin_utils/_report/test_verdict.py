# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._report.verdict import (
    status,
    verdict,
)

FINE = {
    "sessions": 3,
    "requests": 6,
    "failed_requests": 0,
    "violations": [],
    "violation_count": 0,
    "distribution": {
        "a": {"sessions": 2, "requests": 4},
        "b": {"sessions": 1, "requests": 2},
    },
    "diagnosis": [],
    "trace": [],
}
MOVED = {"client": 2, "request": 2, "before": "a", "after": "b", "reason": "moved"}
INFO = {
    "balancers": [
        {
            "name": "shop",
            "members": [
                {"url": "http://n1", "runtime": {"drained": False}, "usable": True},
                {"url": "http://n2", "runtime": None, "usable": None},
            ],
            "drift": [],
        }
    ],
    "not_reached": [],
    "problems": [],
    "running": True,
    "reload_required": False,
}


def judge(expect="same", info=None, **changes):
    return verdict({**FINE, **changes}, {"lb1": info} if info else {}, expect)


def test_sessions_that_stayed_on_several_nodes_are_a_proof():
    judged = judge(info=INFO)
    assert judged[:3] == ("All 3 sessions stayed on their node.", [], [])
    assert judged.level == "good" and judged.proven


def test_a_remark_of_the_check_is_one_here():
    told = {"code": "AB418", "message": "routes are behind '!'.", "fix": "Write it."}
    judged = judge(remarks=[told])
    assert judged.remarks == ["AB418: routes are behind '!'. Write it."]
    assert judged.problems == [] and judged.level == "warn"


def test_a_check_that_failed_is_no_proof_and_says_why():
    said = "No session was made, so nothing was proven: nobody is there."
    judged = verdict({"msg": "nobody is there.", "changed": False}, {})
    assert judged[:3] == (said, [said], []) and not judged.proven


def test_a_violation_is_a_moved_session_and_counts_once():
    judged = judge(violations=[MOVED, {**MOVED, "request": 3}], violation_count=2)
    assert judged.headline == "1 of 3 sessions moved to another node."
    assert judged.problems == [judged.headline]
    assert judged.level == "bad"


def test_a_moved_session_beyond_the_violations_that_are_shown_is_counted_from_the_trace():
    trace = [{"client": n, "visits": [[0, "a", 200], [1, "b", 200]]} for n in (2, 3)]
    assert judge(violations=[MOVED], trace=trace).headline.startswith("2 of 3 sessions moved")


def test_sessions_that_had_to_move_and_did_not_are_a_problem():
    stayed = {**MOVED, "after": "a"}
    assert judge("moved", violations=[stayed]).problems == [
        "1 of 3 sessions did not move, although they had to."
    ]
    assert judge("moved").headline == "All 3 sessions moved, as they had to."


STAYED = {"client": 1, "request": 1, "before": "a", "after": "a", "reason": "stayed"}


def resumed(client, before, *nodes):
    return {
        "client": client,
        "before": before,
        "visits": [[n, node, 200] for n, node in enumerate(nodes)],
    }


def test_a_session_that_was_resumed_on_another_node_has_moved():
    trace = [resumed(1, "a", "b", "b"), resumed(2, "a", "a"), resumed(3, "a", "b")]
    assert judge(trace=trace).problems == ["2 of 3 sessions moved to another node."]


def test_a_session_that_moved_as_it_had_to_and_then_once_more_did_not_stay():
    trace = [resumed(1, "a", "a"), resumed(2, "a", "b", "c"), resumed(3, "a", "b")]
    violations = [STAYED, {**MOVED, "before": "b", "after": "c"}]
    assert judge("moved", trace=trace, violations=violations).problems == [
        "1 of 3 sessions moved to another node once more, after they had.",
        "1 of 3 sessions did not move, although they had to.",
    ]


def test_without_a_trace_a_list_that_ends_before_is_the_least():
    judged = judge(violations=[MOVED], violation_count=3)
    assert judged.headline == "At least 1 of 3 sessions moved to another node."


def test_a_request_without_an_answer_is_a_problem_although_no_session_moved():
    judged = judge(failed_requests=1)
    assert judged.problems == ["1 of 6 requests got no answer 2xx or 3xx."]
    assert judged.headline == (
        "All 3 sessions stayed on their node, but 1 of 6 requests got no answer 2xx or 3xx."
    )


def test_a_diagnosis_is_a_problem_although_no_session_moved():
    judged = judge(diagnosis=[{"code": "AB402", "message": "no route", "fix": "x"}])
    assert judged.problems == ["AB402: no route"]
    assert "but 1 finding says" in judged.headline


def test_no_session_is_no_proof():
    assert judge(sessions=0, requests=0).problems == ["No session was made, so nothing was proven."]


@pytest.mark.parametrize("distribution", [{}, {"": {}}, None])
def test_answers_that_tell_no_node_prove_nothing(distribution):
    judged = judge(distribution=distribution)
    assert judged.headline == (
        "No answer told which node gave it, so nothing was proven: say how to tell them apart (served_by)."
    )
    assert judged.problems == [judged.headline]


def test_a_site_that_never_answers_is_blamed_for_that_only():
    judged = judge(distribution={}, failed_requests=6)
    assert judged.problems == ["6 of 6 requests got no answer 2xx or 3xx."]
    assert judged.headline == judged.problems[0]


def remark(code):
    return {"code": code, "message": "It was so.", "fix": "Do that."}


@pytest.mark.parametrize("code", ["AB416", "AB419", "AB420", "AB421", "AB423"])
def test_what_cannot_have_been_seen_is_no_proof_and_no_problem(code):
    judged = judge(remarks=[remark(code)])
    assert judged.problems == [] and judged.remarks == [f"{code}: It was so. Do that."]
    assert judged.level == "open" and not judged.proven
    assert judged.headline == (
        "Not proven: none of 3 sessions was seen to move, but not every move could be seen."
    )
    assert judge("moved", remarks=[remark(code)]).headline == (
        "Not proven: all 3 sessions were seen to move, as they had to, but not every move could be seen."
    )
    assert judge(sessions=1, remarks=[remark(code)]).headline.startswith(
        "Not proven: the one session was not seen to move, but"
    )
    # Beside that, a problem is one.
    assert judge(remarks=[remark(code)], failed_requests=1).level == "bad"
    assert "stayed" not in judge(remarks=[remark(code)], failed_requests=1).headline


def test_what_was_seen_beside_leaves_a_proof_one():
    judged = judge(remarks=[remark("AB417")])
    assert judged.level == "warn" and judged.proven
    assert judged.headline == (
        "All 3 sessions stayed on their node; 1 remark on what was found beside."
    )


def with_balancer(**changes):
    info = copy.deepcopy(INFO)
    info["balancers"][0].update(changes)
    return info


@pytest.mark.parametrize(
    "info, said",
    [
        ({"msg": "no route to host"}, "lb1: the balancers could not be read: no route to host."),
        ({"msg": "Use root."}, "lb1: the balancers could not be read: Use root."),
        ({}, "could not be read: not asked."),
        (
            with_balancer(members=[{"url": "u", "runtime": {"in_error": True}, "usable": False}]),
            "lb1: balancer://shop: u cannot be used: in error.",
        ),
        (with_balancer(drift=[{}, {}]), "differ in 2 places"),
        (
            {**INFO, "not_reached": [{"balancer": "x", "vhost": "v", "reason": "r"}]},
            "lb1: balancer://x was not reached: r",
        ),
        ({**INFO, "running": False}, "lb1: httpd does not run."),
        ({**INFO, "reload_required": True}, "lb1: a reload is needed."),
        ({**INFO, "problems": [{}]}, "1 finding in the configuration"),
    ],
)
def test_what_is_wrong_with_balancers_is_a_remark_and_no_problem(info, said):
    judged = verdict(FINE, {"lb1": info})
    assert said in judged.remarks[0]
    assert judged.problems == []


@pytest.mark.parametrize(
    "runtime, said",
    [
        (None, "not in the running httpd, or not asked"),
        ({"drained": False, "in_error": False}, "in service"),
        ({"drained": True, "in_error": True}, "drained, in error"),
    ],
)
def test_the_state_of_a_member_is_told_in_words(runtime, said):
    assert status({"runtime": runtime}) == said
