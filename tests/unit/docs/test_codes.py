# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page about problems has each code, with its cause, its fix, and what comes of it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.lint import (
    is_ineffective,
)

ROOT = Path(__file__).parents[3]
UTILS = ROOT / "plugins" / "module_utils"
PAGE = (ROOT / "docs" / "problems.md").read_text(encoding="utf-8")
# One row of a table: code, cause, then, fix. A bar in code is written \|.
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.splitlines()
    if line.startswith("| AB")
]


def calls(name):
    """Yield the calls in the source that make a finding of this class."""
    for path in sorted(UTILS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = (
                isinstance(node, ast.Call) and ast.unparse(node.func).lower().rpartition(".")[2]
            )
            if called == name.lower():
                yield node


def codes(name):
    found = {
        argument.value
        for call in calls(name)
        for argument in call.args[:1]
        if isinstance(argument, ast.Constant)
    }
    return {code for code in found if re.fullmatch(r"AB\d{3}", str(code))}


LINT, DIAGNOSIS = codes("Problem"), codes("Finding")
# What is said of those that are remarks, always or where it is in doubt.
REMARKS = {
    call.args[0].value: "remark"
    if isinstance(keyword.value, ast.Constant)
    else "cause, or in doubt a remark"
    for call in calls("Finding")
    for keyword in call.keywords
    if keyword.arg == "remark"
}
# It concerns no balancer, so no change of one is refused for it.
OF_NOBODY = {"AB310"}


def test_each_code_has_a_row_and_each_row_a_code():
    written = {
        code
        for path in UTILS.rglob("*.py")
        for code in re.findall(r'"(AB\d{3})"', path.read_text(encoding="utf-8"))
    }
    assert [row[0] for row in ROWS] == sorted(written)
    assert sorted(written) == sorted(LINT | DIAGNOSIS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_has_a_cause_and_a_fix(row):
    _code, cause, _then, fix = row
    assert len(cause) > 20 and len(fix) > 4


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_says_what_comes_of_it(row):
    code, _cause, then, _fix = row
    if code in DIAGNOSIS:
        assert then == REMARKS.get(code, "cause")
    else:
        refused = code.startswith("AB1") or (is_ineffective(code) and code not in OF_NOBODY)
        assert then == ("refused" if refused else "told")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_httpd_says_is_said_where_the_code_says_it(row):
    """The numbers of httpd's own messages are those in the finding."""
    numbers = set(re.findall(r"AH\d{5}", row[1]))
    for path in (UTILS / "_balancer" / "lint.py", UTILS / "_selinux.py"):
        numbers -= set(re.findall(r"AH\d{5}", path.read_text(encoding="utf-8")))
    assert not numbers


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_a_page_names_no_code_that_there_is_not(page):
    named = set(re.findall(r"AB\d{3}", page.read_text(encoding="utf-8")))
    assert named <= {row[0] for row in ROWS}
