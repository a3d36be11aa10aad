# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks are the targets of the Makefile, wherever they are run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"(?m)^([a-z-]+):", MAKEFILE))


def listed(variable: str) -> set[str]:
    """The targets in a variable of the Makefile."""
    found = re.search(rf"(?m)^{variable} := (.*)$", MAKEFILE)
    assert found
    return {word for word in found[1].split() if not word.startswith("$")}


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def test_every_check_runs_on_the_public_host() -> None:
    jobs = read(".github/workflows/ci.yml")["jobs"]
    assert set(jobs["check"]["strategy"]["matrix"]["target"]) == {"lint", *listed("tests")}


@pytest.mark.parametrize("name", [".github/workflows/ci.yml", ".pre-commit-config.yaml"])
def test_what_is_made_there_can_be_made(name: str) -> None:
    named = re.findall(r"make (?:--no-print-directory )?([a-z-]+)", (ROOT / name).read_text())
    assert named and set(named) <= TARGETS


def test_hooks_before_a_commit_are_checks_of_style() -> None:
    (repository,) = read(".pre-commit-config.yaml")["repos"]
    assert {hook["entry"].split()[-1] for hook in repository["hooks"]} <= listed("lint")


def test_every_target_with_a_description_is_told_of() -> None:
    described = set(re.findall(r"(?m)^([a-z-]+):.*## ", MAKEFILE))
    told = (ROOT / "CONTRIBUTING.md").read_text() + (ROOT / "README.md").read_text()
    assert described - set(re.findall(r"`?make ([a-z-]+)", told)) == set()
