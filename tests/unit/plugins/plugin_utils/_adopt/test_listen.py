# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._adopt.listen import (
    Listening,
    split,
)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("80", ("*", "80")),
        ("*:80", ("*", "80")),
        ("*", ("*", "*")),
        ("*:*", ("*", "*")),
        ("_Default_:443", ("*", "443")),
        ("0.0.0.0:80", ("*", "80")),
        ("[::]:80", ("*", "80")),
        ("[FD00::1]", ("[fd00::1]", "*")),
        ("[fd00::1]:80", ("[fd00::1]", "80")),
        ("10.0.0.1", ("10.0.0.1", "*")),
    ],
)
def test_an_address_is_a_host_and_a_port(address, parts):
    assert split(address) == parts


def test_a_port_is_that_of_http_where_httpd_listens_nowhere():
    assert Listening([]).of(["*"]) == ["80"]
