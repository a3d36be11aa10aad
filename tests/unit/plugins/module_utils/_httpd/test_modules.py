# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.modules import (
    NEEDS,
    PACKAGES,
    in_order,
    misnamed,
    needed_by,
)


def test_what_a_module_needs_stands_before_it():
    assert in_order(["lbmethod_byrequests"]) == [
        "proxy",
        "alias",
        "slotmem_shm",
        "proxy_balancer",
        "lbmethod_byrequests",
    ]


def test_what_two_modules_need_is_there_once():
    assert in_order(["proxy_http", "proxy_ajp"]) == ["proxy", "proxy_http", "proxy_ajp"]


def test_what_is_present_is_left_out_with_all_that_it_needs():
    assert in_order(["proxy_http2", "proxy"], {"proxy", "http2"}) == ["proxy_http2"]


def test_those_that_need_a_module_are_told():
    assert needed_by("session", ["session_cookie", "proxy", "auth_form"]) == [
        "session_cookie",
        "auth_form",
    ]


@pytest.mark.parametrize("name", ["mod_headers", "headers_module", "mod_headers_module"])
def test_a_name_as_documents_or_loadmodule_have_it_is_told_as_it_is_to_be_written(name):
    assert misnamed(name) == f"{name}: write headers"


@pytest.mark.parametrize("name", ["mod proxy", "../x", "", "mod_", "_module", "mod_../x", "x\n"])
def test_what_is_no_name_is_told(name):
    assert (misnamed(name) or "").startswith(f"{name!r} is no module name; write it without mod_")


@pytest.mark.parametrize("name", [*NEEDS, "modern", "auth-x.2"])
def test_a_name_of_a_module_is_one(name):
    assert misnamed(name) is None


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_no_module_needs_itself(name):
    assert in_order([name])[-1] == name


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_a_package_is_named_for_a_module_and_not_for_its_file(name):
    assert not name.startswith("mod_") and not name.endswith("_module")
