# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._report.scale import (
    Scale,
    ticks,
)


def test_time_goes_from_left_to_right_and_never_beyond():
    scale = Scale(100, 10, 64)
    assert [scale.x(at) for at in (-5, 0, 50, 100, 200)] == [10, 10, 35, 60, 60]


@pytest.mark.parametrize(
    "end, first, last",
    [
        (0.5, "0 ms", "0 ms"),
        (9, "0 ms", "9 ms"),
        (1300, "0 ms", "1200 ms"),
        (5000, "0 s", "5 s"),
        (61000, "0 s", "60 s"),
    ],
)
def test_time_has_round_numbers_few_enough_to_be_read(end, first, last):
    marks = ticks(end)
    assert (marks[0][1], marks[-1][1]) == (first, last)
    assert len(marks) <= 11
