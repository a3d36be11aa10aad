# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example project for AWX: its surveys ask what the playbooks take, its inventory is what the role takes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.webtier.apache_balancer.plugins.filter.members_from_groups import (
    members_from_groups,
)
from ansible_collections.webtier.apache_balancer.plugins.filter.site_problems import site_problems
from ansible_collections.webtier.apache_balancer.plugins.module_utils._argspec import (
    member_options,
    sticky_check_options,
)

ROOT = Path(__file__).parents[3]
PROJECT = ROOT / "examples" / "awx"
TEMPLATES = yaml.safe_load((PROJECT / "job_templates.yml").read_text())["job_templates"]
QUESTIONS = [(template, question) for template in TEMPLATES for question in template["survey"]]
ENVIRONMENT = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build" / "collections")}
# What a variable of a survey is an option of.
OPTIONS = {"node_": member_options(), "verify_": sticky_check_options()}


def program(name):
    return str(Path(sys.executable).with_name(name))


def run(*command, cwd=PROJECT):
    done = subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def imported(template):
    """The playbook of the collection behind a job template."""
    (play,) = yaml.safe_load((PROJECT / template["playbook"]).read_text())
    return ROOT / "playbooks" / (play["import_playbook"].rpartition(".")[2] + ".yml")


def option(variable):
    """What is known of a variable: the option of a role or of a module."""
    for role in ("load_balancer", "rolling_update"):
        specs = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())
        if variable in specs["argument_specs"]["main"]["options"]:
            return specs["argument_specs"]["main"]["options"][variable]
    for prefix, options in OPTIONS.items():
        if variable.startswith(prefix):
            return options.get(variable[len(prefix) :], {})
    return {}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template["playbook"])
def test_the_playbook_of_a_job_template_is_one_that_ansible_takes(template):
    run(program("ansible-playbook"), "--syntax-check", template["playbook"])


@pytest.mark.parametrize(("template", "question"), QUESTIONS, ids=lambda each: each.get("variable"))
def test_what_a_survey_asks_is_used(template, question):
    texts = [imported(template).read_text()]
    texts += [path.read_text() for path in PROJECT.glob("tasks/*.yml")]
    variable = question["variable"]
    used = any(re.search(rf"\b{variable}\b", text) for text in texts)
    assert used or option(variable), variable


@pytest.mark.parametrize(("template", "question"), QUESTIONS, ids=lambda each: each.get("variable"))
def test_what_a_survey_offers_is_what_the_option_takes(template, question):
    known = option(question["variable"])
    if known.get("type") == "int":
        assert question["type"] == "integer"
    if "choices" in question:
        assert set(question["choices"]) <= set(known.get("choices", question["choices"]))
        assert question["default"] in question["choices"]
    assert set(question) >= {
        "question_name",
        "question_description",
        "variable",
        "type",
        "required",
    }
    if question["type"] in ("text", "integer"):
        assert question["min"] <= question["max"]


def test_the_tasks_that_update_a_node_are_found_from_the_folder_of_the_project():
    listed = run(program("ansible-inventory"), "--inventory", "inventories/production", "--list")
    for host in ("app1.example.com", "app2.example.com", "app3.example.com"):
        variables = json.loads(listed)["_meta"]["hostvars"][host]
        assert (PROJECT / variables["rolling_update_tasks"]).is_file()


def test_the_sites_of_its_inventory_are_without_problems():
    listed = json.loads(
        run(program("ansible-inventory"), "--inventory", "inventories/production", "--list")
    )
    hostvars = listed["_meta"]["hostvars"]
    groups = {name: group["hosts"] for name, group in listed.items() if "hosts" in group}
    sites = hostvars["lb1.example.com"]["load_balancer_sites"]
    declared = members_from_groups(sites, groups, hostvars)
    assert site_problems(declared, manager_address="127.0.0.2") == []
    urls = [member["url"] for member in declared[0]["balancers"][0]["members"]]
    assert urls == [f"http://10.0.0.{number}:8080" for number in (11, 12, 13)]


def test_an_execution_environment_can_be_described(tmp_path):
    file = ["--file", str(ROOT / "execution-environment.yml")]
    context = ["--context", str(tmp_path / "context")]
    run(program("ansible-builder"), "create", *file, *context, cwd=tmp_path)
    said = (tmp_path / "context" / "Dockerfile").read_text()
    assert "galaxy collection install" in said or "ansible-galaxy" in said
    # What ansible-builder finds in the collection itself, once it is installed there.
    script = tmp_path / "context" / "_build" / "scripts" / "introspect.py"
    root = ROOT / ".build" / "collections"
    found = run(sys.executable, str(script), "introspect", str(root), cwd=tmp_path)
    assert yaml.safe_load(found.partition("---")[2]) == {"python": [], "system": []}
