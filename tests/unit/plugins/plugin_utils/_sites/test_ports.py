# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites.model import (
    Manager,
    read_all,
)
from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites.ports import (
    listened,
    to_label,
)

# Lines as semanage prints them.
LABELS = """afs3_callback_port_t           tcp      7001
http_cache_port_t              tcp      8080, 8118, 8123, 10001-10010
http_cache_port_t              udp      3130
http_port_t                    tcp      80, 81, 443, 488, 8008, 8009, 8443, 9000
unreserved_port_t              tcp      61001-65535, 1024-32767
"""


def test_a_site_listens_on_its_own_ports_and_on_that_of_its_manager():
    balancers = [{"name": "app", "members": [{"url": "http://a:1"}]}]
    declared = [
        {"name": "a", "server_name": "a", "listen": ["10.0.0.1:81"], "balancers": balancers},
        {"name": "b", "server_name": "b", "balancers": balancers, "tls": {"certificate": "/c"}},
        {"name": "c", "server_name": "c", "listen": ["[::1]:82"], "balancers": balancers},
    ]
    assert listened(read_all(declared, {})) == [80, 81, 82, 443]
    assert listened(read_all(declared, {}, Manager("127.0.0.2", 8008))) == [80, 81, 82, 443, 8008]


@pytest.mark.parametrize("port", [80, 8008, 8080, 10001, 10005, 10010])
def test_what_httpd_may_listen_on_needs_no_label(port):
    assert to_label([port], LABELS) == []


@pytest.mark.parametrize("port", [8406, 3130, 10011, 8010])
def test_a_port_without_a_type_of_its_own_is_added(port):
    assert to_label([port], LABELS) == [{"port": port, "action": "--add"}]


def test_a_port_of_another_type_is_changed():
    assert to_label([7001], LABELS) == [{"port": 7001, "action": "--modify"}]


def test_what_was_labelled_is_labelled_once():
    assert to_label([8406], LABELS.replace("tcp      80", "tcp      8406, 80")) == []
