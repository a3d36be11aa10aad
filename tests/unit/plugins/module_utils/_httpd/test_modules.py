# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.modules import (
    NEEDS,
    PACKAGES,
    in_order,
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


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_no_module_needs_itself(name):
    assert in_order([name])[-1] == name


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_a_package_is_named_for_a_module_and_not_for_its_file(name):
    assert not name.startswith("mod_") and not name.endswith("_module")
