# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._report.nodes import nodes_of
from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._report.sessions import (
    MARKS,
    chart,
    chosen,
    in_words,
    sessions_of,
    way,
)


def row(client, *visits):
    """A session; visits are names of nodes, or None for a request without an answer."""
    return {
        "client": client,
        "visits": [[100 * n, node, 200 if node else 503] for n, node in enumerate(visits)],
    }


def draw(*rows):
    drawn = sessions_of(rows)
    return chart(drawn, nodes_of({"trace": rows}))


def test_requests_in_succession_to_one_node_are_one_run():
    (session,) = sessions_of([row(1, "a", "a", "b", "a")])
    assert [(run.node, run.visits) for run in session.runs] == [
        ("a", (0.0, 100.0)),
        ("b", (200.0,)),
        ("a", (300.0,)),
    ]
    assert session.moved


def test_a_request_without_an_answer_moves_nobody():
    (session,) = sessions_of([row(1, "a", None, "a")])
    assert not session.moved
    assert session.lost == (100.0,)


def test_an_answer_that_does_not_tell_its_node_moves_nobody_but_is_seen():
    trace = [{"client": 1, "visits": [[0, None, 200], [1, "a", 200], [2, "", 200]]}]
    (session,) = sessions_of(trace)
    assert (session.moved, session.home) == (False, "a")
    assert way(session, nodes_of({"trace": trace})) == "not told → a → not told"
    assert "1 session stayed on a." in chart([session], nodes_of({"trace": trace}))


@pytest.mark.parametrize(
    "status, lost", [(200, 0), (302, 0), (399, 0), (400, 1), (503, 1), (None, 1)]
)
def test_an_answer_has_a_status_from_200_to_399(status, lost):
    (session,) = sessions_of([{"client": 1, "visits": [[0, "a", status]]}])
    assert len(session.lost) == lost


def test_few_sessions_are_all_drawn_and_nothing_is_said():
    sessions = sessions_of([row(n, "a") for n in range(200)])
    assert chosen(sessions) == sessions
    assert in_words(sessions, chosen(sessions)) == ""


def test_of_many_sessions_those_that_moved_or_lost_a_request_are_drawn_for_sure():
    rows = [row(n, "a", "a") for n in range(5000)]
    rows[4321], rows[77], rows[4999] = row(4321, "a", "b"), row(77, "b", "a"), row(4999, "a", None)
    sessions = sessions_of(rows)
    drawn = chosen(sessions)
    assert len(drawn) == 200
    assert {"4321", "77", "4999"} <= {session.client for session in drawn}
    assert in_words(sessions, drawn) == (
        "200 of 5000 sessions are drawn, all that moved among them."
    )


def test_the_others_are_chosen_evenly_and_once_each():
    sessions = sessions_of([row(n, "a") for n in range(1000)])
    clients = [int(session.client) for session in chosen(sessions)]
    assert clients == list(range(0, 1000, 5))


def test_more_moved_sessions_than_are_drawn_are_counted_in_words():
    sessions = sessions_of([row(n, "a", "b") for n in range(300)])
    assert in_words(sessions, chosen(sessions)) == (
        "200 of 300 sessions are drawn, 200 of the 300 that moved."
    )


def test_sessions_that_moved_come_first_under_a_heading():
    drawn = draw(row(1, "a", "a"), row(2, "a", "b"), row(3, None))
    assert (
        drawn.index("Moved: 1 session<")
        < drawn.index(">client 2<")
        < drawn.index("Stayed: 1 session<")
        < drawn.index(">client 1<")
        < drawn.index("Never answered: 1 session<")
        < drawn.index(">client 3<")
    )


def test_where_a_session_went_is_told_in_letters_and_in_words():
    drawn = draw(row(1, "a", "b", "a", None))
    assert ">A → B → A ×1<" in drawn
    assert "client 1: a → b → a, 3 requests answered, 1 without an answer" in drawn
    assert drawn.count(">×<") == 1
    assert "client 1 went a → b → a" in drawn[: drawn.index("</desc>")]


def test_a_session_that_never_rests_is_told_by_its_beginning_and_its_end():
    rows = [row(1, *"abcabcabc")]
    (session,) = sessions_of(rows)
    assert way(session, nodes_of({"trace": rows}), letters=True) == "A → B → C → A → … → C"


def test_a_drawing_is_bounded_whatever_the_sessions_do():
    rows = [row(n, *("ab" * 2000)) for n in range(200)]
    assert draw(*rows).count("<rect") < 3 * MARKS


def test_a_node_is_drawn_by_fill_and_by_letter():
    drawn = draw(row(1, "a", "a", "a"))
    assert 'fill="url(#node0)"' in drawn
    assert re.search(r'class="on"[^>]*>A<', drawn)


def test_a_session_of_one_request_at_the_beginning_can_be_drawn():
    assert 'fill="url(#node0)"' in draw(row(1, "a"))
