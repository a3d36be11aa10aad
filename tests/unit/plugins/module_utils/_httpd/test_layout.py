# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.layout import (
    DEBIAN,
    LAYOUTS,
    REDHAT,
    SOURCE,
    Layout,
    of_binary,
    pick,
)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_layout_is_picked_by_its_binary(layout: Layout) -> None:
    assert pick(lambda path: path == layout.binary) is layout


def test_an_installed_binary_counts_more_than_a_configuration_left_behind() -> None:
    left_behind = {DEBIAN.config_file, REDHAT.binary}
    assert pick(lambda path: path in left_behind) is REDHAT


def test_a_configuration_left_behind_counts_where_there_is_no_binary() -> None:
    assert pick(lambda path: path == REDHAT.config_file) is REDHAT


def test_nothing_is_picked_on_a_host_without_httpd() -> None:
    assert pick(lambda path: False) is None


def test_a_binary_belongs_to_the_layout_that_put_it_there() -> None:
    assert of_binary("/usr/sbin/httpd") is REDHAT
    assert of_binary("/usr/local/apache2/bin/httpd") is SOURCE
    assert of_binary("/opt/httpd/bin/httpd") is None


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_path_of_a_layout_is_absolute(layout: Layout) -> None:
    no_paths = ("name", "service", "module_style")
    for field, value in layout._asdict().items():
        assert field in no_paths or value is None or value.startswith("/"), field


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_layout_has_the_folders_its_way_to_enable_modules_needs(layout: Layout) -> None:
    folders = {
        "links": (True, True),
        "drop-in": (False, True),
        "edit": (False, False),
    }
    has = (layout.mods_available is not None, layout.mods_enabled is not None)
    assert has == folders[layout.module_style]
