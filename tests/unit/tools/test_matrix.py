# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make matrix` says of its combinations."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.webtier.apache_balancer.tools.matrix import (
    DOCUMENTATION,
    MATRIX,
    SANITY,
    UNITS,
    Cell,
    Failed,
    changed,
    find_python,
    table,
    version,
)

ROOT = Path(__file__).parents[3]
RECAP = "PLAY RECAP ***\nlb   : ok=7    changed={}    unreachable=0    failed=0\n"


def test_the_versions_that_are_run_are_those_that_are_said_to_work():
    cores = sorted(version(core.version)[:2] for core in MATRIX)
    targets = sorted({version(target) for core in MATRIX for target in core.targets})
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    assert runtime["requires_ansible"] == ">={}.{}.0".format(*cores[0])
    config = yaml.safe_load((ROOT / "tests/config.yml").read_text())
    (low, (major, minor)) = (targets[0], targets[-1])
    assert config["modules"]["python_requires"] == ">={}.{},<{}.{}".format(*low, major, minor + 1)


def spoken(pythons):
    low, *_rest, high = sorted(set(pythons), key=version)
    return f"Python {low} to {high}"


@pytest.mark.parametrize(
    ("path", "of_hosts", "of_controllers"),
    [
        ("README.md", 2, 1),
        ("docs/first-balancer.md", 0, 1),
        ("plugins/doc_fragments/attributes.py", 3, 0),
    ],
)
def test_users_read_which_pythons_are_run(path, of_hosts, of_controllers):
    text = (ROOT / path).read_text()
    targets = spoken(target for core in MATRIX for target in core.targets)
    controllers = spoken(controller for core in MATRIX for controller in core.controllers)
    assert (text.count(targets), text.count(controllers)) == (of_hosts, of_controllers)


def test_the_public_host_runs_each_ansible_core():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    shown = jobs["versions"]["strategy"]["matrix"]["core"]
    assert shown == [core.version.rpartition(".")[0] for core in MATRIX]


@pytest.mark.parametrize(("count", "expected"), [(0, False), (1, True), (10, True)])
def test_a_run_that_changed_something_says_so_in_its_recap(count, expected):
    assert changed(RECAP.format(count)) is expected


def test_a_run_without_a_recap_did_not_change_nothing():
    with pytest.raises(Failed):
        changed("PLAY [Declare] ***\n")


def test_a_python_that_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"No Python 3\.8\. Install it: pyenv install 3\.8"):
        find_python("3.8")


def test_a_python_of_another_version_is_none_of_this_name(monkeypatch, tmp_path):
    program = tmp_path / "versions" / "3.1.0" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho Python 3.13.0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(SystemExit, match=r"No Python 3\.1\."):
        find_python("3.1")


def test_the_table_has_a_row_for_each_controller_and_pythons_in_their_order():
    cells = [
        Cell(("2.16.19", "3.11"), DOCUMENTATION, "15 pages", 4.4),
        Cell(("2.16.19", "3.11"), SANITY, "24 tests", 60.2),
        Cell(("2.16.19", "3.11"), "3.10", "ok", 20.6),
        Cell(("2.16.19", "3.11"), "3.9", "FAILED", 1),
        Cell((UNITS, ""), "3.9", "2 passed", 3),
    ]
    assert table(cells).splitlines() == [
        "| ansible-core | controller | documentation | sanity | 3.9 | 3.10 |",
        "| --- | --- | --- | --- | --- | --- |",
        "| 2.16.19 | 3.11 | 15 pages, 4 s | 24 tests, 60 s | FAILED, 1 s | ok, 21 s |",
        "| unit tests |  |  |  | 2 passed, 3 s |  |",
    ]
