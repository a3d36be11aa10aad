# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2] / "plugins" / "module_utils"
PURE = sorted(
    [
        *ROOT.glob("_httpd/*.py"),
        *ROOT.glob("_balancer/*.py"),
        ROOT / "_manager" / "page.py",
        *(ROOT / "_sticky" / name for name in ("cookies.py", "diagnosis.py", "visits.py")),
    ]
)
ALLOWED = {"__future__", "bisect", "fnmatch", "functools", "html", "ipaddress", "re", "typing"}
REPORT = sorted((ROOT.parent / "plugin_utils" / "_report").glob("*.py"))
ALLOWED_IN_REPORT = {"__future__", "collections", "html", "json", "re", "typing", "urllib"}
ROOMS = (".._httpd", ".._balancer", ".._manager.page")
GLUE = "_ansible.py"
FORBIDDEN = {"open", "print", "input", "exec", "eval"}


def imports(path):
    """The absolute and the relative modules that *path* imports."""
    absolute, relative = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            absolute.update(name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                relative.add("." * node.level + (node.module or ""))
            else:
                absolute.add((node.module or "").split(".")[0])
    return absolute, relative


def calls(path):
    """The names of the functions that *path* calls."""
    return {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def name(path):
    return str(path.relative_to(ROOT))


def test_there_are_pure_packages():
    assert {path.parent.name for path in PURE} == {"_httpd", "_balancer", "_manager", "_sticky"}


@pytest.mark.parametrize("path", PURE, ids=name)
def test_a_pure_package_does_no_input_or_output(path):
    absolute, relative = imports(path)
    assert absolute <= ALLOWED
    outside = {module for module in relative if module.startswith("..")}
    assert all(module.startswith(ROOMS) for module in outside)
    assert not calls(path) & FORBIDDEN


@pytest.mark.parametrize("path", REPORT, ids=lambda path: path.name)
def test_the_report_does_no_input_or_output_and_needs_nobody(path):
    absolute, relative = imports(path)
    assert absolute <= ALLOWED_IN_REPORT
    # The demo's report finds it by its folder, outside of any collection.
    assert not any(module.startswith("..") for module in relative)
    assert not calls(path) & FORBIDDEN


def test_there_is_a_report():
    assert REPORT


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=name)
def test_only_the_glue_knows_ansible(path):
    absolute, _relative = imports(path)
    assert ("ansible" in absolute) == (path.name == GLUE)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=name)
def test_a_private_file_says_that_it_is(path):
    assert any(part.startswith("_") for part in path.relative_to(ROOT).parts)
    assert "Private to this collection." in (
        ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    )
