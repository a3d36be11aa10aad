# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites.inventory import (
    Inventory,
    InventoryError,
    route,
    with_members,
)


def members(hostvars, named=None, **source):
    """What becomes of a balancer whose members are all hosts of *hostvars*."""
    balancer = {"name": "app", "members_from": {"group": "nodes", **source}}
    if named is not None:
        balancer["members"] = named
    inventory = Inventory({"nodes": list(hostvars), "empty": []}, hostvars)
    (site,) = with_members([{"name": "shop", "balancers": [balancer]}], inventory)
    return site["balancers"][0]["members"]


def test_each_host_of_the_group_is_a_member_with_its_name_as_route():
    assert members({"n1": {}, "n2": {}}, port=8080) == [
        {"url": "http://n1:8080", "route": "n1"},
        {"url": "http://n2:8080", "route": "n2"},
    ]


def test_named_members_come_first():
    assert members({"n1": {}}, named=[{"url": "http://x"}])[0] == {"url": "http://x"}


def test_the_address_is_that_by_which_ansible_reaches_the_host_or_another_variable():
    hostvars = {"n1": {"ansible_host": "10.0.0.1", "backend_ip": "10.9.0.1"}}
    assert members(hostvars)[0]["url"] == "http://10.0.0.1"
    assert members(hostvars, address="backend_ip")[0]["url"] == "http://10.9.0.1"
    with pytest.raises(InventoryError, match="n1 has no variable 'nowhere', which address names"):
        members(hostvars, address="nowhere")


def test_an_address_of_ipv6_gets_brackets():
    hostvars = {"n1": {"ansible_host": "fd00::1"}}
    assert members(hostvars, scheme="ajp", port=8009)[0]["url"] == "ajp://[fd00::1]:8009"


def test_a_path_ends_the_url():
    assert members({"n1": {}}, scheme="fcgi", path="/srv/app")[0]["url"] == "fcgi://n1/srv/app"


@pytest.mark.parametrize("path", ["--help", "#x", "app", " /app"])
def test_a_path_without_a_slash_would_be_part_of_the_name_of_the_host(path):
    with pytest.raises(
        InventoryError,
        match=f"site shop: balancer app: members_from: path must begin with /, not '{path}'",
    ):
        members({"n1": {}}, path=path)


def test_a_host_says_itself_what_is_special_about_it():
    own = {"loadfactor": 3, "route": "blue", "port": 81}
    assert members({"n1": {"load_balancer_member": own}}, port=80) == [
        {"url": "http://n1:81", "route": "blue", "loadfactor": 3}
    ]
    with pytest.raises(InventoryError, match="load_balancer_member of n1 is no dictionary"):
        members({"n1": {"load_balancer_member": "blue"}})


def test_a_host_does_not_say_its_url_which_is_made_of_its_address():
    own = {"url": "http://me:S3CRET@elsewhere:81"}
    with pytest.raises(InventoryError) as caught:
        members({"n1": {"load_balancer_member": own}}, port=80)
    said = str(caught.value)
    assert "load_balancer_member of n1 has a url, http://" in said and "@elsewhere:81" in said
    assert "S3CRET" not in said


def test_a_group_that_is_not_there_or_empty_is_an_error():
    with pytest.raises(
        InventoryError, match="site shop: balancer app: members_from: .* no group 'x'"
    ):
        members({"n1": {}}, group="x")
    with pytest.raises(InventoryError, match="the group 'empty' has no hosts"):
        members({"n1": {}}, group="empty")


def test_two_hosts_with_one_route_are_an_error_that_says_how_to_tell_them_apart():
    with pytest.raises(
        InventoryError, match=r"n\.1 and n_1 would both have the route 'n_1'.*{route:"
    ):
        members({"n.1": {}, "n_1": {}})
    assert members({"n.1": {}, "n_1": {"load_balancer_member": {"route": "other"}}})


def test_a_balancer_that_names_its_members_is_left_alone():
    site = {"name": "shop", "balancers": [{"name": "app", "members": [{"url": "http://x"}]}]}
    assert with_members([site, {"name": "odd"}], Inventory({}, {})) == [site, {"name": "odd"}]


@pytest.mark.parametrize(
    "host", ["n1", "app-1.example.com", "2001:db8::1", "n1;x", "é", "a" * 63, "a" * 64, "b.c" * 99]
)
def test_a_route_is_what_a_cookie_can_carry_and_depends_on_the_name_alone(host):
    assert re.fullmatch("[A-Za-z0-9_-]{1,63}", route(host))
    assert route(host) == route(host)


def test_long_names_that_begin_alike_have_routes_of_their_own():
    assert route("a" * 64) != route("a" * 65)
