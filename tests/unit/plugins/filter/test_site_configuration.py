# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fnmatch
import re

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.webtier.apache_balancer.plugins.filter.site_configuration import (
    site_configuration,
)
from ansible_collections.webtier.apache_balancer.plugins.filter.site_problems import site_problems
from ansible_collections.webtier.apache_balancer.plugins.module_utils._argspec import (
    configuration_options,
)

PLACES = {"folder": "/etc/lb", "main_file": "/etc/main.conf"}
SITES = [
    {
        "name": "shop",
        "server_name": "shop.example.com",
        "balancers": [
            {
                "name": "app",
                "members": [{"url": "http://n1", "route": "n1"}],
                "proxy_set": {"stickysession": "SID"},
            }
        ],
    }
]


def paths(declared):
    return [file["path"] for file in declared["files"]]


def test_everything_a_site_needs_comes_back_for_one_call():
    declared = site_configuration(SITES, **PLACES)
    assert [module["name"] for module in declared["modules"]] == [
        "headers",
        "lbmethod_byrequests",
        "proxy",
        "proxy_balancer",
        "proxy_http",
        "slotmem_shm",
    ]
    assert paths(declared) == ["/etc/main.conf", "/etc/lb/shop.conf"]
    assert declared["balancers"] == [
        {
            "name": "app",
            "path": "/etc/lb/shop+app.conf",
            "mode": "0640",
            "members": [{"url": "http://n1", "route": "n1"}],
            "proxy_set": {"growth": 10, "stickysession": "SID"},
            "purge": ["members", "parameters"],
            "reset": ["sticky_cookie", "health_check"],
        }
    ]


def test_files_of_sites_and_balancers_are_known_by_what_stands_in_them():
    made, balancers = site_configuration(SITES, **PLACES)["purge"]
    texts = {file["path"]: file["content"] for file in site_configuration(SITES, **PLACES)["files"]}
    assert made["folder"] == balancers["folder"] == "/etc/lb"
    assert re.match(made["contains"], texts["/etc/lb/shop.conf"])
    assert not re.search(made["contains"], "# Made by hand")
    assert fnmatch.fnmatch("shop+app.conf", balancers["patterns"][0])
    assert not re.search(balancers["contains"], '<Proxy "*">\n</Proxy>\n', re.MULTILINE)
    assert set(made) | set(balancers) == set(configuration_options()["purge"]["options"])


def test_modules_come_beside_those_that_are_needed_and_once():
    declared = site_configuration(SITES, **PLACES, modules=["rewrite", "proxy"])
    names = [module["name"] for module in declared["modules"]]
    assert names.count("proxy") == 1
    assert "rewrite" in names


@pytest.mark.parametrize("given", [5, [5], ["5", None]], ids=repr)
def test_a_module_may_be_any_word(given):
    declared = site_configuration(SITES, **PLACES, modules=given)
    assert [module["name"] for module in declared["modules"]][:2] == ["5", "headers"]


def test_a_module_by_another_name_is_a_problem():
    problem = "load_balancer_modules: mod_rewrite: write rewrite"
    assert site_problems(SITES, modules=["mod_rewrite", "headers"]) == [problem]
    with pytest.raises(AnsibleFilterError, match=problem):
        site_configuration(SITES, **PLACES, modules="mod_rewrite")


def test_a_value_that_is_required_and_empty_is_a_problem():
    problem = "site shop: server_name: it is empty"
    sites = [{**SITES[0], "server_name": None}]
    assert site_problems(sites) == [problem]
    with pytest.raises(AnsibleFilterError, match=problem):
        site_configuration(sites, **PLACES)


def test_members_get_their_defaults():
    declared = site_configuration(SITES, **PLACES, member_defaults={"retry": 5})
    assert declared["balancers"][0]["members"] == [{"url": "http://n1", "route": "n1", "retry": 5}]
    wrong = site_problems(SITES, {"retry": -1})
    assert wrong == [
        "site shop: balancer app: member http://n1: retry: -1 is not possible:"
        " it must be 0 s or more"
    ]


def test_balancers_say_where_they_run():
    declared = site_configuration(SITES, **PLACES, manager_address="127.0.0.2")
    assert {key: text for key, text in declared["balancers"][0].items() if "manager" in key} == {
        "manager_url": "http://127.0.0.2:8008/balancer-manager",
        "manager_server_name": "shop.example.com",
    }
    assert set(declared["balancers"][0]) <= set(configuration_options()["balancers"]["options"])


def test_a_manager_in_the_way_of_a_site_is_a_problem():
    options = {"manager_address": "127.0.0.2", "manager_port": 80}
    problem = "site shop: listen: balancer-manager has the port 80; see load_balancer_manager_port"
    assert site_problems(SITES, **options) == [problem]
    with pytest.raises(AnsibleFilterError, match=problem):
        site_configuration(SITES, **PLACES, **options)


def test_sites_with_problems_become_no_configuration():
    with pytest.raises(AnsibleFilterError, match="there are two sites of this name"):
        site_configuration(SITES * 2, **PLACES)


def test_what_only_stands_for_a_secret_becomes_no_configuration():
    masked = [{**SITES[0], "extra": 'RequestHeader set Authorization "********"\n'}]
    with pytest.raises(AnsibleFilterError, match="site shop: extra: .* only stands for a secret"):
        site_configuration(masked, **PLACES)
    (problem,) = site_problems(SITES, {"secret": "********"})
    assert problem.startswith("load_balancer_member_defaults: secret: ******** only stands for")


@pytest.mark.parametrize("name", ["a b", "a\nListen 1", "a\n", "${A}", "a:b", "a:1:2", "[::1]"])
def test_a_name_of_httpd_that_is_none_becomes_no_configuration(name):
    problem = f"load_balancer_server_name: {name!r} is no host name"
    assert site_problems(SITES, server_name=name) == [problem]
    with pytest.raises(AnsibleFilterError, match=re.escape(problem)):
        site_configuration(SITES, **PLACES, server_name=name)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("lb1", "ServerName lb1\n"),
        ("lb1:8080", "ServerName lb1:8080\n"),
        (5, "ServerName 5\n"),
        # httpd would take what follows the first colon for a port.
        ("2001:db8::10", ""),
        ("fe80::1%eth0", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_httpd_has_the_name_of_the_host_unless_that_is_an_address_it_cannot_take(name, line):
    assert site_problems(SITES, server_name=name) == []
    text = site_configuration(SITES, **PLACES, server_name=name)["files"][0]["content"]
    assert re.findall("ServerName.*\n", text) == ([line] if line else [])


def test_one_module_and_one_port_need_no_list():
    alone = site_configuration(SITES, **PLACES, modules="rewrite", existing_listen=8080)
    assert alone == site_configuration(
        SITES, **PLACES, modules=["rewrite"], existing_listen=["8080"]
    )
