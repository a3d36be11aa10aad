# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of ``make bench`` about live changes under load: it tells when a request failed meanwhile."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.webtier.apache_balancer.tests.bench.rows import live
from ansible_collections.webtier.apache_balancer.tests.support.traffic import Backend

ROW = next(row for row in live.ROWS if row.name == "live")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a turn be a few changes and a reload."""
    monkeypatch.setattr(live, "_CHANGES", 4)
    monkeypatch.setattr(live, "_RELOADS", 1)


def test_nothing_fails() -> None:
    measured = ROW.measure(1)
    assert measured.failed == 0 and ROW.goal.reached(measured), measured.notes


def test_requests_that_fail_during_the_changes_miss_the_goal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nodes: list[Backend] = []

    class Node(Backend):
        def __enter__(self) -> Backend:
            nodes.append(self)
            return super().__enter__()

    def without_nodes(*arguments: Any) -> Any:
        for node in nodes:
            node.kill()
        done = apply_now(*arguments)
        time.sleep(0.5)
        return done

    apply_now = live.apply_now
    monkeypatch.setattr(live, "Backend", Node)
    monkeypatch.setattr(live, "apply_now", without_nodes)
    measured = ROW.measure(1)
    assert f"{measured.failed} of " in measured.notes[0], measured.notes
    assert measured.failed > 0 and not ROW.goal.reached(measured), measured.notes
