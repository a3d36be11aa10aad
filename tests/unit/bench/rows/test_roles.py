# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.webtier.apache_balancer.tests.bench.plays import Turn
from ansible_collections.webtier.apache_balancer.tests.bench.rows import roles
from ansible_collections.webtier.apache_balancer.tests.support.playbook import Task

ROLE = [
    {"action": "ansible.builtin.validate_argument_spec"},
    {"action": "ansible.builtin.command"},
    {"action": "ansible.builtin.package", "skipped": True},
    {"action": "webtier.apache_balancer.configuration", "validated": "unchanged"},
    {"action": "ansible.builtin.systemd_service"},
    {"action": "webtier.apache_balancer.graceful_reload"},
]
SETUP = {"action": "ansible.builtin.setup"}


def turn(*results: dict[str, Any]) -> Turn:
    """A turn of the role whose tasks came to *results*, one empty for what is no task of a host."""
    return Turn(2.0, [Task("", "", 0.5, {"host": each} if each else {}) for each in results])


@pytest.mark.parametrize(
    ("results", "counted", "ratio"),
    [
        (ROLE, "4 host tasks (to reach: <= 8), 4 distinct modules (to reach: <= 4)", 2.5),
        (
            [{}, SETUP, *ROLE],
            "5 host tasks (to reach: <= 8), 5 distinct modules (to reach: <= 4, missed)",
            2.0,
        ),
    ],
)
def test_what_runs_on_the_host_is_counted_and_compared_with_as_many_pings(
    results: list[dict[str, Any]], counted: str, ratio: float
) -> None:
    # Four pings are measured.
    measured = roles.against_pings([turn(*results)], [0.8])
    assert measured.notes == (counted,)
    assert measured.ratio.figures == pytest.approx((ratio,))


@pytest.mark.parametrize(
    "result",
    [
        {"action": "ansible.builtin.command", "changed": True},
        {"action": "ansible.builtin.command", "failed": True},
        {"action": "webtier.apache_balancer.configuration", "validated": "rehearsed"},
    ],
)
def test_a_run_that_found_something_to_do_is_not_the_one_to_measure(result: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        roles.against_pings([turn(*ROLE, result)], [0.8])
