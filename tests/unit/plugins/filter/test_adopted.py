# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.webtier.apache_balancer.plugins.filter.adopted import adopted

INFO = {
    "balancers": [],
    "vhosts": [],
    "listen": [],
    "config_files": [],
    "server_directives": [],
    "server_root": "/etc/httpd",
    "shared": [],
    "inactive": [],
    "problems": [],
}


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (None, "None"),
        ("text", "'text'"),
        ([INFO], "'vhosts': []"),
        ({"failed": True, "msg": "no httpd"}, "no httpd"),
        ({**INFO, "vhosts": "many"}, "vhosts: 'many'"),
        ({**INFO, "vhosts": [{"vhost": "shop"}]}, "{'vhost': 'shop'}"),
        ({**INFO, "listen": [80]}, "listen: [80]"),
    ],
)
def test_what_is_no_result_of_balancer_info_is_refused_with_what_it_is(info, said):
    with pytest.raises(AnsibleFilterError) as caught:
        adopted(info)
    assert said in str(caught.value) and "directives: true" in str(caught.value)


def test_a_result_that_was_narrowed_is_refused():
    vhost = {
        "vhost": "shop",
        "file": "/a",
        "line": 1,
        "addresses": ["*:80"],
        "server_name": "shop",
        "server_aliases": [],
        "inherited": {"app": {}},
        "directives": [{"name": "ProxyPass", "text": "/ balancer://app/", "file": "/a", "line": 2}],
    }
    with pytest.raises(AnsibleFilterError, match="without name and vhost"):
        adopted({**INFO, "vhosts": [vhost]})


def test_a_result_is_taken():
    assert adopted(INFO)["notes"] == []


def test_a_result_with_the_running_httpd_in_it_is_refused():
    running = [{"name": "shop", "vhost": "shop.example.com", "members": [], "runtime": {}}]
    with pytest.raises(AnsibleFilterError, match="leave manager_url out of balancer_info"):
        adopted({**INFO, "balancers": running})
