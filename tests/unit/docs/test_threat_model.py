# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page about threats promises is shown by tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
PAGE = TESTS.parent / "docs" / "threat-model.md"
PROMISED, _HEADING, NOT_PROTECTED = PAGE.read_text().partition("## What is not protected")
NAMED = sorted(set(re.findall(r"(?m)^  - `(.+)`$", PROMISED)))


def functions(tree: ast.Module | ast.ClassDef, prefix: str = "") -> set[str]:
    """Return the names of the tests in *tree*, with those of their classes."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found.add(prefix + node.name)
        elif isinstance(node, ast.ClassDef):
            found |= functions(node, f"{prefix}{node.name}::")
    return found


@pytest.mark.parametrize("named", NAMED)
def test_the_test_that_a_promise_names_is_there(named):
    file, mark, name = named.partition("::")
    assert mark and name.rpartition("::")[2].startswith("test_")
    assert name in functions(ast.parse((TESTS / file).read_text()))


def test_each_promise_names_a_test():
    promises = re.split(r"(?m)^- ", PROMISED)[1:]
    assert len(promises) > 20
    for promise in promises:
        assert "\n  - `" in promise, promise


def test_what_is_not_protected_is_said():
    assert len(re.findall(r"(?m)^- ", NOT_PROTECTED)) > 5


def test_the_page_can_be_found():
    assert "/docs/threat-model.md" in (TESTS.parent / "README.md").read_text()
