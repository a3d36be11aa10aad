# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation shows can be pasted: each block of its pages, and the examples of modules and filters.

Blocks of httpd are in tests/httpd/docs.
"""

from __future__ import annotations

import configparser
import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import jinja2
import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.webtier.apache_balancer.plugins.filter.members_from_groups import (
    members_from_groups,
)
from ansible_collections.webtier.apache_balancer.plugins.filter.site_problems import site_problems
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.parameters import (
    MEMBER,
    checked,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._options import (
    balancer_wish,
    file_wish,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.check import (
    make_plan,
)
from ansible_collections.webtier.apache_balancer.tests.support import documents
from ansible_collections.webtier.apache_balancer.tests.support.options import (
    ROOT,
    arguments_of,
    role_spec,
)

OURS = "webtier.apache_balancer."
HOME = re.compile(
    r"https://(?:github\.com/webtier/apache_balancer/(?:blob|tree)"
    r"|raw\.githubusercontent\.com/webtier/apache_balancer)/main/"
)
LANGUAGES = {"apache", "console", "ini", "jinja", "puppet", "text", "xml", "yaml"}
YAML = documents.blocks("yaml")
LISTS = [(block.data(), block.place) for block in YAML if isinstance(block.data(), list)]
# A playbook of the example for AWX, whose others import ours.
SETUP = "examples/awx/setup.yml"
LISTS.append((yaml.safe_load((ROOT / SETUP).read_text()), SETUP))
TASKS = [task for data, place in LISTS for task in documents.tasks(data, place)]
INVENTORIES = [block for block in YAML if isinstance(block.data(), dict) and "all" in block.data()]
OWN_TASKS = [task for task in TASKS if task.module.startswith(OURS)]
OTHER_TASKS = [task for task in TASKS if not task.module.startswith(OURS)]
ROLES = [path.name for path in sorted((ROOT / "roles").iterdir())]
ROLE_VARIABLES = {name: spec for role in ROLES for name, spec in role_spec(role).items()}
PLAYBOOKS = {path.stem: path.read_text() for path in sorted((ROOT / "playbooks").glob("*.yml"))}
# Variables that begin so are ours; an unknown one is a mistake.
PREFIXES = tuple(f"{name}_" for name in {*ROLES, *PLAYBOOKS})
# A host variable; its fields are those of a member, and a port.
OF_HOST = "load_balancer_member"
# What a value stands for that Ansible makes of a template.
SAMPLES = {"bool": True, "int": 1, "float": 1.0, "list": [], "dict": {}}
SHELL = documents.blocks("console")
COMMANDS = [
    pytest.param(block, command, id=f"{block.place} {command}"[:70])
    for command, block in {
        command: block
        for block in SHELL
        for command in block.text.replace("\\\n", " ").splitlines()
        if command.strip() and not command.startswith("#")
    }.items()
]
# What is run on a load balancer by hand; none of it is ours.
OF_THE_SYSTEM = {"apachectl", "apache2ctl", "curl", "git", "httpd", "journalctl", "setsebool", "ss"}
BIN = Path(sys.executable).parent


def run(folder, *command):
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build" / "collections"),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
    }
    program = [str(BIN / command[0]), *command[1:]]
    done = subprocess.run(
        program, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def validated(options, arguments):
    """Return *options* as Ansible hands them to a module, with a sample in the place of each template."""
    spec = arguments["argument_spec"]
    relations = {
        key: value for key, value in arguments.items() if key.startswith(("mutually", "required"))
    }
    result = ArgumentSpecValidator(spec, **relations).validate(sampled(options or {}, spec))
    assert result.error_messages == []
    return result.validated_parameters


def sampled(options, spec):
    return {name: sample(value, spec.get(name, {})) for name, value in options.items()}


def sample(value, option):
    if isinstance(value, str) and re.search("{[{%]", value):
        kind = option.get("type", "str")
        return (
            option["choices"][0]
            if "choices" in option
            else SAMPLES.get(kind, documents.filled_in(value))
        )
    if isinstance(value, dict) and option.get("options"):
        return sampled(value, option["options"])
    if isinstance(value, list):
        inner = {**option, "type": option.get("elements", "str")}
        return [sample(each, inner) for each in value]
    return value


def test_each_page_is_looked_at():
    names = {str(page.relative_to(ROOT)) for page in documents.PAGES}
    assert {"README.md", "docs/moving.md", "roles/load_balancer/README.md"} <= names
    assert len(OWN_TASKS) > 30 and len(COMMANDS) > 8


@pytest.mark.parametrize("page", documents.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_block_says_its_language_and_ends(page):
    fences = re.findall(r"(?m)^ *```.*$", page.read_text())
    assert len(fences) == 2 * len(documents.blocks_of(page)), fences
    assert {block.language for block in documents.blocks_of(page)} <= LANGUAGES


@pytest.mark.parametrize("block", YAML, ids=str)
def test_a_block_of_yaml_is_plays_or_tasks_or_variables_or_an_inventory_or_requirements(block):
    data = block.data()
    if isinstance(data, dict):
        whole = [*data] in (["all"], ["collections"])
        known = whole or all(str(key).startswith(PREFIXES) for key in data)
        assert data and known, list(data)
    else:
        assert documents.is_plays(data) or list(documents.tasks(data, block.place))


def test_ansible_takes_the_syntax_of_all_plays_and_tasks(tmp_path):
    files = []
    for number, block in enumerate(YAML):
        if isinstance(block.data(), list):
            plays = documents.is_plays(block.data())
            head = f"# {block.place}\n" + ("" if plays else "- hosts: all\n  tasks:\n")
            text = block.text if plays else re.sub("(?m)^(?=.)", "    ", block.text)
            files.append(f"{number}-{re.sub('[^A-Za-z0-9]+', '-', block.place)}.yml")
            (tmp_path / files[-1]).write_text(head + text)
    run(tmp_path, "ansible-playbook", "--inventory", "localhost,", "--syntax-check", *files)


@pytest.mark.parametrize("block", INVENTORIES, ids=str)
def test_ansible_reads_an_inventory(block, tmp_path):
    (tmp_path / "inventory.yml").write_text(block.text)
    read = json.loads(run(tmp_path, "ansible-inventory", "-i", "inventory.yml", "--list"))
    assert set(block.data()["all"]["children"]) <= set(read)


@pytest.mark.parametrize("task", OWN_TASKS, ids=str)
def test_a_task_has_options_and_values_that_the_module_takes(task):
    name = task.module[len(OURS) :]
    options = validated(task.options, arguments_of(name))
    if name == "balancer":
        balancer_wish(options)
    elif name == "balancer_member":
        share = str(options["loadfactor"] or "")
        given = {**options, "loadfactor": None} if share.endswith("%") else options
        checked(MEMBER, {key: value for key, value in given.items() if key in MEMBER})
    elif name == "sticky_check":
        make_plan(options)
    elif name == "configuration":
        for file in options["files"] or ():
            if file["src"] is None:
                file_wish(file)
        for each in options["balancers"] or ():
            assert each["name"]


def test_a_task_of_another_module_has_options_that_are_documented(tmp_path):
    names = sorted({task.module for task in OTHER_TASKS})
    assert all(name.count(".") == 2 for name in names), names
    documented = json.loads(run(tmp_path, "ansible-doc", "--json", "--type", "module", *names))
    for task in OTHER_TASKS:
        known = documented[task.module]["doc"]["options"]
        names = {alias for name in known for alias in (name, *known[name].get("aliases", ()))}
        if isinstance(task.options, dict) and task.module != "ansible.builtin.set_fact":
            assert set(task.options) <= names, task


@pytest.mark.parametrize("block", YAML, ids=str)
def test_variables_of_ours_are_known_and_have_values_that_they_take(block):
    for each in documents.variables(block.data()):
        for name, value in each.items():
            if not name.startswith(PREFIXES):
                continue
            if name in ROLE_VARIABLES:
                options = {"argument_spec": {name: ROLE_VARIABLES[name]}}
                validated({name: value}, options)
            elif name == OF_HOST:
                checked(MEMBER, {key: said for key, said in value.items() if key != "port"})
            else:
                assert in_a_playbook(name), name


@pytest.mark.parametrize("block", YAML, ids=str)
def test_sites_are_without_problems(block):
    for each in documents.variables(block.data()):
        sites = documents.filled_in(each.get("load_balancer_sites", []))
        groups = documents.groups_of(sites)
        assert site_problems(members_from_groups(sites, groups, documents.HOSTS)) == []


@pytest.mark.parametrize("block", YAML, ids=str)
def test_a_role_gets_all_that_it_requires(block):
    data = block.data()
    for play in data if isinstance(data, list) else ():
        for role in play.get("roles", []):
            name = role["role"].replace(OURS, "")
            given = {**play.get("vars", {}), **role.get("vars", {})}
            spec = role_spec(name)
            validated({key: given[key] for key in given if key in spec}, {"argument_spec": spec})


@pytest.mark.parametrize("block", documents.blocks("xml"), ids=str)
def test_a_block_of_xml_is_whole(block):
    ElementTree.fromstring(block.text)


def test_what_is_required_is_this_collection_in_a_version_that_there_is():
    changes = ROOT / "changelogs" / "changelog.yaml"
    released = yaml.safe_load(changes.read_text())["releases"] if changes.exists() else ()
    ((required,),) = [
        block.data()["collections"] for block in YAML if [*block.data()] == ["collections"]
    ]
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    assert required["name"] == f"{galaxy['namespace']}.{galaxy['name']}"
    # Until there is a release, the one that is being made.
    assert required["version"].removeprefix(">=") in (released or [galaxy["version"]])


@pytest.mark.parametrize("block", documents.blocks("ini"), ids=str)
def test_a_block_of_settings_has_nothing_but_settings(block):
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string("[PHP]\n" + block.text)
    assert settings.sections() == ["PHP"] and all(settings["PHP"].values())


@pytest.mark.parametrize("block", documents.blocks("yaml", "jinja"), ids=str)
def test_templates_are_templates(block):
    environment = jinja2.Environment()
    tree = environment.parse(block.text)
    filters = {node.name for node in tree.find_all(jinja2.nodes.Filter)}
    known = {path.stem for path in (ROOT / "plugins" / "filter").glob("*.yml")}
    assert {name[len(OURS) :] for name in filters if name.startswith(OURS)} <= known


@pytest.mark.parametrize(("block", "command"), COMMANDS)
def test_a_command_is_one_that_there_is(block, command, tmp_path):
    words = shlex.split(command, comments=True)
    if words[0] in OF_THE_SYSTEM:
        return
    if words[0] == "make":
        check_make(command)
        return
    if block.place.startswith("examples/awx/"):
        shutil.copytree(ROOT / "examples" / "awx", tmp_path, dirs_exist_ok=True)
    for name in ("inventory", "inventory.yml"):
        (tmp_path / name).write_text("all: {hosts: {localhost: {ansible_connection: local}}}\n")
    for word in words:
        if word.startswith("@"):
            (tmp_path / word[1:]).write_text("verify_url: http://shop.example.com/\n")
    if words[0] == "ansible-playbook":
        for name in re.findall(r"(\w+)=", " ".join(words[1:])):
            assert name in ROLE_VARIABLES or in_a_playbook(name), name
        run(tmp_path, *words, "--syntax-check")
    elif words[0] == "ansible-doc":
        run(tmp_path, *words)
    else:
        # Not run, since they install, ask other hosts or take long; the options are looked for.
        action = [word for word in words[1:3] if word.isalpha()]
        told = run(tmp_path, words[0], *action, "--help")
        for option in words[1:]:
            assert not option.startswith("-") or option in told, option


def in_a_playbook(variable):
    return any(re.search(rf"\b{variable}\b", text) for text in PLAYBOOKS.values())


def check_make(command):
    target = re.search(r"make (?:\w+='[^']*' )*([a-z-]+)", command)
    assert target, command
    assert re.search(rf"(?m)^{target[1]}( [a-z-]+)*:", (ROOT / "Makefile").read_text()), command


@pytest.mark.parametrize("page", documents.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_command_in_the_text_is_one_that_there_is(page):
    for words in re.findall(r"`((?:make|ansible-doc|ansible-playbook) [^`]+)`", page.read_text()):
        if words.startswith("make install"):
            # That of httpd's sources.
            continue
        if words.startswith("make "):
            check_make(words)
        for name in re.findall(r"webtier\.apache_balancer\.(\w+)", words):
            there = list(ROOT.glob(f"plugins/*/{name}.*")) + list(ROOT.glob(f"roles/{name}"))
            assert name in PLAYBOOKS if words.startswith("ansible-playbook") else there, words


def anchors(page):
    """Return the anchors that GitHub makes of the headings of *page*."""
    headings = re.findall(r"(?m)^#+ (.+)$", re.sub(r"(?ms)^```.*?^```", "", page.read_text()))
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", documents.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"(?ms)^ *```.*?^ *```", "", page.read_text())
    named = dict(re.findall(r"(?m)^\[([^\]]+)\]: (\S+)$", text))
    assert set(re.findall(r"\]\[([^\]]+)\]", text)) == set(named)
    for link in [*re.findall(r"\]\(([^)\s]+)\)", text), *named.values()]:
        own = HOME.match(link)
        if not own and re.match("https?:", link):
            continue
        path, _hash, anchor = link[own.end() if own else 0 :].partition("#")
        target = ((ROOT if own else page.parent) / path).resolve() if path else page
        assert target.exists(), link
        assert own or is_published(target) or not is_published(page), (
            f"{link} is not published: link to the public host"
        )
        assert not anchor or anchor in anchors(target), link


def is_published(file):
    """Whether *file* is in what is published (galaxy.yml)."""
    name = str(file.resolve().relative_to(ROOT.resolve()))
    ignored = yaml.safe_load((ROOT / "galaxy.yml").read_text())["build_ignore"]
    return not any(fnmatch.fnmatch(name, end) for each in ignored for end in (each, f"{each}/*"))


def test_the_first_page_has_no_links_that_lead_nowhere_on_galaxy():
    assert re.findall(r"\]\((?!https:|#)([^)\s]+)\)", (ROOT / "README.md").read_text()) == []


def test_the_list_of_pages_has_all_of_them():
    linked = set(re.findall(r"\]\((\S+\.md)\)", (ROOT / "docs" / "README.md").read_text()))
    assert linked == {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
