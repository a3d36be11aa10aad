# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
import yaml

from ansible_collections.webtier.apache_balancer.plugins.doc_fragments.balancer import (
    ModuleDocFragment,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._argspec import (
    balancer_options,
    manager_options,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.parameters import (
    BALANCER,
    MEMBER,
    Integer,
)

OPTIONS = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
ELEMENTS = yaml.safe_load(ModuleDocFragment.ELEMENTS)["options"]["balancers"]["suboptions"]
TABLES = {"members": MEMBER, "proxy_set": BALANCER}
# What the table does not know, since it depends on others.
WITHOUT = {
    "acquire": "to wait for ever",
    "connectiontimeout": "timeout",
    "max": "ThreadsPerChild",
    "maxattempts": "one less than there are members",
    "ping": "not to ask",
    "smax": "max",
    "timeout": "",
    "ttl": "to use it",
}
ROWS = [(option, row) for option, table in TABLES.items() for row in table.values()]


def described(option, name):
    return OPTIONS[option]["suboptions"][name]


@pytest.mark.parametrize("option", TABLES)
def test_the_documentation_has_exactly_the_parameters_of_the_table(option):
    assert set(OPTIONS[option]["suboptions"]) - {"url"} == set(TABLES[option])


@pytest.mark.parametrize(("option", "row"), ROWS)
def test_types_and_choices_are_those_of_the_table(option, row):
    documented = {
        key: value for key, value in described(option, row.name).items() if key != "description"
    }
    assert documented == row.kind.argument


@pytest.mark.parametrize(("option", "row"), ROWS)
def test_a_range_is_told_with_its_unit(option, row):
    text = " ".join(described(option, row.name)["description"])
    if isinstance(row.kind, Integer):
        for number in (row.kind.high, *row.kind.also):
            assert number is None or f"V({number})" in text
        unit = {"s": "econds", "ms": "illiseconds", "bytes": "bytes", "": ""}[row.kind.unit]
        assert unit in text


@pytest.mark.parametrize(("option", "row"), ROWS)
def test_what_holds_without_it_is_told(option, row):
    text = " ".join(described(option, row.name)["description"])
    # Nothing at all where there is no text, no flag, no template.
    if row.default not in ("", None, frozenset()) or row.name in WITHOUT:
        # 30000 are milliseconds; loadfactor is 1.0.
        said = {"False": "false", "True": "true", "1.0": "1", "30000": "30 seconds"}
        value = WITHOUT.get(row.name, said.get(str(row.default), str(row.default)))
        assert re.search(rf"default is .*{re.escape(value)}", text), text


@pytest.mark.parametrize(("option", "row"), ROWS)
def test_a_parameter_that_not_every_httpd_knows_says_since_when(option, row):
    group = described(option, "hcmethod") if row.name.startswith("hc") else {}
    text = " ".join(described(option, row.name)["description"] + group.get("description", []))
    if tuple(map(int, row.since.split("."))) > (2, 4, 10):
        assert f"httpd {row.since}" in text


def test_every_option_of_the_spec_is_described():
    assert set(OPTIONS) == set(balancer_options())


def test_the_options_of_an_element_are_those_of_the_module():
    assert set(ELEMENTS) == {*balancer_options(), *manager_options()}
