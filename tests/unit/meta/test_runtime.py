# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action group holds the modules that share the options to reach balancer-manager, and they say so."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.webtier.apache_balancer.plugins.module_utils._argspec import (
    manager_connection_options,
)

ROOT = Path(__file__).parents[3]
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
COLLECTION = "webtier.apache_balancer"
GROUP = "balancer_manager"
MEMBERS = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"][GROUP]


@pytest.fixture(scope="module")
def documented() -> dict[str, Any]:
    """What ansible-doc knows of each module."""
    names = [f"{COLLECTION}.{name}" for name in MODULES]
    said = subprocess.run(
        ["ansible-doc", "--json", *names], capture_output=True, text=True, check=True
    )
    return {name.rpartition(".")[2]: each["doc"] for name, each in json.loads(said.stdout).items()}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_in_the_group_if_it_takes_the_options_and_says_so(
    module: str, documented: dict[str, Any]
) -> None:
    doc = documented[module]
    takes = set(manager_connection_options()) <= set(doc["options"])
    assert (module in MEMBERS) == takes
    attribute = doc["attributes"].get("action_group", {"membership": []})
    assert attribute["membership"] == ([f"{COLLECTION}.{GROUP}"] if takes else [])
    if takes:
        assert f"C(group/{COLLECTION}.{GROUP})" in " ".join(attribute["description"])


def test_the_group_is_in_the_order_of_the_alphabet_and_has_no_other_members() -> None:
    assert sorted(set(MEMBERS) & set(MODULES)) == MEMBERS
