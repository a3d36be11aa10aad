# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.webtier.apache_balancer.plugins.module_utils._argspec import (
    manager_connection_options,
    member_options,
)

ROLE = Path(__file__).parents[3] / "roles" / "rolling_update"


def load(path):
    return yaml.safe_load((ROLE / path).read_text())


SPECS = load("meta/argument_specs.yml")["argument_specs"]
SPEC = SPECS["main"]["options"]


def defaults_of(options):
    return {name: option["default"] for name, option in options.items() if "default" in option}


def test_the_defaults_are_those_the_specification_names():
    assert load("defaults/main.yml") == defaults_of(SPEC)


def test_a_look_beforehand_takes_the_same_variables():
    assert SPECS["check"]["options"] == SPEC


def test_the_defaults_of_the_health_check_are_those_the_specification_names():
    options = dict(SPEC["rolling_update_health_check"]["options"])
    # Without a default, any answer is good.
    assert "default" not in options["contains"]
    named = {**defaults_of(options), "contains": ""}
    assert load("vars/main.yml")["__rolling_update_health_defaults"] == named


def test_the_manager_is_reached_with_the_options_of_the_modules():
    spec = SPEC["rolling_update_manager"]["options"]
    options = manager_connection_options()
    keys = ("type", "elements", "no_log")
    assert {
        name: {key: option[key] for key in keys if key in option} for name, option in spec.items()
    } == {
        name: {key: option[key] for key in keys if key in option}
        for name, option in options.items()
    }
    for name, option in options.items():
        assert name == "manager_url" or spec[name].get("default") == option.get("default")


def test_a_node_is_found_with_the_options_of_the_module():
    spec = SPEC["rolling_update_member"]["options"]
    options = member_options()
    assert {name: option["type"] for name, option in spec.items()} == {
        name: options[name]["type"] for name in ("host", "route", "url", "balancer", "vhost")
    }


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("update.yml", "play/update.yml"),
        ("here.yml", "here/here.yml"),
        ("{root}/here/here.yml", "here/here.yml"),
        ("folder/b,c.yml", "play/folder/b,c.yml"),
        # In the first place a folder.
        ("both", "here/both"),
        ("gone.yml", ""),
        ("folder", ""),
        ("{root}", ""),
        ("", ""),
    ],
)
def test_the_task_file_is_a_file_beside_the_playbook_or_where_ansible_was_called(
    tmp_path, monkeypatch, given, found
):
    for name in ("play/update.yml", "here/here.yml", "play/folder/b,c.yml", "here/both"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "play" / "both").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    variables = {
        "playbook_dir": str(tmp_path / "play"),
        "rolling_update_tasks": given.format(root=tmp_path),
    }
    expression = trust_as_template(load("vars/main.yml")["__rolling_update_file"])
    file = Templar(DataLoader(), variables=variables).template(expression)
    assert file == (str(tmp_path / found) if found else "")
