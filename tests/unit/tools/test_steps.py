# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sum under `make test` is only worth something if a failure cannot get lost in it."""

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.tools.steps import Count, count, main

SANITY = ['Running sanity test "compile" on Python 3.11', 'Running sanity test "pylint"']
INTEGRATION = [
    "Running balancer integration test role",
    "Running balancer_info integration test role",
]
RECAP = "default : actions={0} successful={1}  disabled=0  skipped=0  missing={2}  failed={3}"


@pytest.mark.parametrize(
    ("output", "success", "expected"),
    [
        (["=== 3 passed in 0.01s ==="], True, (3, 0, 0)),
        (["== 2 failed, 3 passed, 1 skipped in 75.10s (0:01:15) =="], False, (3, 2, 1)),
        (["=== 1 passed, 2 errors in 0.5s ==="], False, (1, 2, 0)),
        (["=== 4 passed, 1 skipped, 2 deselected in 0.5s ==="], True, (4, 0, 3)),
        (["=== no tests ran in 0.01s ==="], False, (0, 1, 0)),
        (SANITY, True, (2, 0, 0)),
        ([*SANITY, "FATAL: Python does not have pip available.", *SANITY], True, (2, 0, 0)),
        ([*SANITY, "ERROR: Found 2 pylint issue(s) which need to be resolved:"], False, (1, 1, 0)),
        ([*SANITY, "FATAL: Command failed"], False, (1, 1, 0)),
        (
            [*INTEGRATION, "FATAL: The 1 integration test(s) listed below (out of 2) failed. See"],
            False,
            (1, 1, 0),
        ),
        ([RECAP.format(9, 9, 0, 0)], True, (9, 0, 0)),
        ([RECAP.format(9, 7, 1, 1)], False, (7, 1, 0)),
        ([RECAP.format(9, 9, 0, 0), RECAP.format(4, 3, 0, 1)], False, (12, 1, 0)),
        ([RECAP.format(9, 8, 1, 0)], True, (8, 1, 0)),
        (["All checks passed!"], True, (1, 0, 0)),
        (["error: something"], False, (0, 1, 0)),
        # Killed before its closing line, or dead after it: never without a failure.
        ([], False, (0, 1, 0)),
        (["=== 3 passed in 0.01s ==="], False, (3, 1, 0)),
    ],
)
def test_what_the_runners_say_is_counted(
    output: list[str], success: bool, expected: tuple[int, int, int]
) -> None:
    assert count(output, success) == Count(*expected)


def test_the_sum_is_the_last_line_and_decides(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(str(tmp_path))
    with open("Makefile", "w", encoding="utf-8") as makefile:
        makefile.write("good:\n\t@echo '== 4 passed in 0.1s =='\nbad:\n\t@false\n")

    assert main(["good"]) == 0
    assert capfd.readouterr().out.endswith("\n\n4 passed, 0 failed\n")
    assert main(["bad", "good"]) == 1
    assert capfd.readouterr().out.endswith("\n\n4 passed, 1 failed\n")
