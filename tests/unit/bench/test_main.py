# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.tests.bench.__main__ import line
from ansible_collections.webtier.apache_balancer.tests.bench.measure import (
    Goal,
    Measured,
    Row,
    paired,
)

MEASURED = paired([0.0012, 0.0011], [0.9, 0.9], ["2 changes"])


@pytest.mark.parametrize(
    ("goal", "measured", "shown"),
    [
        (Goal(0.5), MEASURED, "<= 0.5 x | 0.00128 (0.00122-0.00133)"),
        (Goal(0.001), MEASURED, "<= 0.001 x | 0.00128 (0.00122-0.00133), missed"),
        (Goal(none_fails=True), MEASURED, "0 failed requests | 0.00128 (0.00122-0.00133)"),
        (
            Goal(none_fails=True),
            MEASURED._replace(failed=1),
            "0 failed requests | 0.00128 (0.00122-0.00133), missed",
        ),
    ],
)
def test_a_row_says_what_was_reached_and_whether_it_is_missed(
    goal: Goal, measured: Measured, shown: str
) -> None:
    row = Row("live", "changes", "reloads", goal, lambda pairs: measured)
    assert line(row, measured) == f"| changes | reloads | {shown} | 1.15 ms / 900 ms | 2 changes |"
