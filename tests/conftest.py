# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that are about namespaces do not apply where none can be made; that is said, and counted.

All others run everywhere. Tests choose with the marker ``namespaces``: of any kind, or
``namespaces("root")``, ``namespaces("user")`` for one (see tests/support/machine.py).
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.webtier.apache_balancer.tests.support import machine

LEFT_OUT = pytest.StashKey["list[pytest.Item]"]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "namespaces(kind): is about namespaces, of this kind or any")
    config.stash[LEFT_OUT] = []


def applies(item: pytest.Item) -> bool:
    """Whether this machine has the namespaces that the test is about."""
    for marker in item.iter_markers("namespaces"):
        if all(kind in machine.refused() for kind in marker.args or (machine.ROOT, machine.USER)):
            return False
    return True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if not applies(item)]
    if left_out:
        config.stash[LEFT_OUT] += left_out
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_report_header() -> list[str]:
    refused = machine.refused()
    return [
        f"namespaces: {kind}: {refused.get(kind, 'can be made')}"
        for kind in (machine.ROOT, machine.USER)
    ]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    left_out = config.stash[LEFT_OUT]
    if left_out:
        terminalreporter.section("not run here")
        terminalreporter.line(
            f"{len(left_out)} tests are about namespaces that this machine does not permit"
            f" ({'; '.join(sorted(set(machine.refused().values())))}):"
        )
        for item in left_out:
            terminalreporter.line(f"  {item.nodeid}")
