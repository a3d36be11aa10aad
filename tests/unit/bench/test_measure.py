# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.tests.bench.measure import (
    Goal,
    at_most,
    by_turns,
    paired,
)


@pytest.mark.parametrize(
    ("goal", "ours", "reached"),
    [
        (Goal(1.5), 15, True),
        (Goal(1.5), 16, False),
        (Goal(0.5, faster=True), 20, True),
        (Goal(0.5, faster=True), 21, False),
        (Goal(), 1000, True),
    ],
)
def test_a_goal_is_about_the_median_of_the_ratio(goal: Goal, ours: float, reached: bool) -> None:
    assert goal.reached(paired([1, ours, 1000], [10, 10, 10])) is reached


def test_one_failed_request_misses_the_goal_that_none_fails_however_fast_it_was() -> None:
    goal, measured = Goal(none_fails=True), paired([1], [1000])
    assert str(goal) == "0 failed requests"
    assert goal.reached(measured)
    assert not goal.reached(measured._replace(failed=1))


def test_a_note_tells_a_limit_that_was_not_kept() -> None:
    assert [at_most(figure, 4) for figure in (3, 4, 5)] == ["", "", ", missed"]


def test_each_of_two_is_first_by_turns_and_the_first_of_each_does_not_count() -> None:
    order: list[str] = []

    def once(name: str) -> float:
        order.append(name)
        return float(len(order))

    measured = by_turns(lambda: once("ours"), lambda: once("theirs"), 2)
    assert order == ["ours", "theirs", "ours", "theirs", "theirs", "ours"]
    assert (measured.ours.figures, measured.theirs.figures) == ((3, 6), (4, 5))
