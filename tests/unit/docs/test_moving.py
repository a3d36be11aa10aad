# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page about moving shows can be used as it stands."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.webtier.apache_balancer.plugins.filter.members_from_groups import (
    members_from_groups,
)
from ansible_collections.webtier.apache_balancer.plugins.filter.site_problems import site_problems

PAGE = Path(__file__).parents[3] / "docs" / "moving.md"
# What adopting does not show, a person has filled in.
BLOCKS = [
    yaml.safe_load(block.replace("********", "filled-in"))
    for block in re.findall(r"(?ms)^```yaml\n(.*?)^```", PAGE.read_text())
]
OURS = "webtier.apache_balancer."
TASKS = [
    (key[len(OURS) :], options)
    for block in BLOCKS
    if isinstance(block, list)
    for task in block
    for key, options in task.items()
    if key.startswith(OURS)
]
VARIABLES = [block for block in BLOCKS if "load_balancer_sites" in block]
NODES = {f"app{number}": {"ansible_host": f"10.0.0.{number}"} for number in (1, 2)}


class Specified(Exception):
    """What a module says of itself to Ansible."""


@pytest.mark.parametrize(("module", "options"), TASKS, ids=lambda each: str(each)[:30])
def test_a_task_has_options_that_the_module_takes(module, options, monkeypatch):
    found = importlib.import_module(f"ansible_collections.{OURS}plugins.modules.{module}")

    def said(**arguments):
        raise Specified(arguments["argument_spec"])

    monkeypatch.setattr(found, "Module", said)
    with pytest.raises(Specified) as caught:
        found.main()
    assert ArgumentSpecValidator(caught.value.args[0]).validate(options).error_messages == []


@pytest.mark.parametrize("variables", VARIABLES)
def test_sites_are_without_problems(variables):
    groups = {"shop": list(NODES)}
    sites = members_from_groups(variables["load_balancer_sites"], groups, NODES)
    assert site_problems(sites) == []


def test_there_is_something_to_look_at():
    assert len(TASKS) >= 4 and len(VARIABLES) == 2
