# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where balancer-manager answers is said by two variables of the role load_balancer, and everything else follows."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.webtier.apache_balancer.plugins.filter.site_configuration import (
    site_configuration,
)
from ansible_collections.webtier.apache_balancer.plugins.filter.site_problems import site_problems
from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites.ports import to_label

ROOT = Path(__file__).parents[3]
DEFAULTS = yaml.safe_load((ROOT / "roles/load_balancer/defaults/main.yml").read_text())
ADDRESS = DEFAULTS["load_balancer_manager_address"]
PORT = DEFAULTS["load_balancer_manager_port"]
# Those of the targeted policy of the RedHat family.
LABELS = "http_port_t                    tcp      80, 81, 443, 488, 8008, 8009, 8443, 9000\n"
USERS = [
    *(ROOT / "playbooks" / f"{name}.yml" for name in ("status", "node", "verify")),
    ROOT / "roles/rolling_update/vars/main.yml",
]


@pytest.mark.parametrize("path", USERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_whoever_asks_it_takes_address_and_port_from_the_variables_of_the_role(path):
    text = path.read_text()
    addresses = re.findall(r"load_balancer_manager_address \| default\('([^']+)'\)", text)
    ports = re.findall(r"load_balancer_manager_port \| default\((\d+)\)", text)
    assert (set(addresses), set(ports)) == ({ADDRESS}, {str(PORT)})
    assert text.count(ADDRESS) == len(addresses) and text.count(str(PORT)) == len(ports)


@pytest.mark.parametrize("function", [site_configuration, site_problems])
def test_the_filters_have_the_same_default(function):
    assert inspect.signature(function).parameters["manager_port"].default == PORT


@pytest.mark.parametrize("path", ["README.md", "docs/live.md", "docs/verify.md", "docs/moving.md"])
def test_the_documentation_names_the_default(path):
    text = (ROOT / path).read_text()
    assert set(re.findall(r"//127\.0\.0\.2:(\d+)/", text)) == {str(PORT)}


def test_the_policy_of_selinux_lets_httpd_listen_there_and_at_the_next_port():
    assert to_label([PORT, PORT + 1], LABELS) == []
