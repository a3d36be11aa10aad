# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import codec
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.outline import (
    listens,
    server_directives,
    virtual_hosts,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.secrets import (
    MASK,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    from_document,
    from_dump,
)

TEXT = """\
Listen 80
Listen 192.0.2.1:8443 https
<Proxy balancer://shared>
    BalancerMember http://a:1
    ProxySet timeout=5 lbmethod=bybusyness
</Proxy>
<VirtualHost *:80 [::1]:80>
    ServerName one.example.com
    ServerAlias www.one.example.com
    ProxyPass /shop balancer://shared/shop
    ProxyPass /own balancer://own/
    ProxyPass /none balancer://none/
    <Proxy balancer://own>
        BalancerMember http://b:1
    </Proxy>
</VirtualHost>
WatchdogInterval 1
RequestHeader set Authorization "Basic hunter2"
"""
ROOT = from_document(Document.parse(TEXT, "/f"))

OUTER = 'macro \'out\' (defined on line 5 of "/m") used on line 9 of "/h"'
INNER = f'macro \'in\' (defined on line 1 of "/m") used on line 2 of "{OUTER}"'


def test_each_address_that_httpd_listens_on_is_shown_with_its_place():
    assert listens(ROOT) == [
        {"address": "80", "file": "/f", "line": 1},
        {"address": "192.0.2.1:8443", "file": "/f", "line": 2},
    ]


def test_what_a_macro_says_stands_where_the_outermost_is_used():
    assert listens(from_dump(f"# In file: {INNER}\n#   1:\nListen 81\n")) == [
        {"address": "81", "file": "/h", "line": 9}
    ]


def test_server_directives_are_those_outside_of_virtual_hosts_without_secrets():
    found = server_directives(ROOT)
    assert [each["name"] for each in found] == [
        *("Listen", "Listen", "Proxy", "WatchdogInterval", "RequestHeader")
    ]
    assert found[-2:] == [
        {"name": "WatchdogInterval", "text": "1", "file": "/f", "line": 17},
        {
            "name": "RequestHeader",
            "text": f'set Authorization "{MASK}"',
            "file": "/f",
            "line": 18,
        },
    ]


def test_a_section_is_shown_with_what_is_in_it():
    section = server_directives(ROOT)[2]
    assert section == {
        "name": "Proxy",
        "text": "balancer://shared",
        "file": "/f",
        "line": 3,
        "directives": [
            {"name": "BalancerMember", "text": "http://a:1", "file": "/f", "line": 4},
            {"name": "ProxySet", "text": "timeout=5 lbmethod=bybusyness", "file": "/f", "line": 5},
        ],
    }


def test_a_virtual_host_is_shown_with_its_names_its_directives_and_what_it_inherits():
    (host,) = virtual_hosts(ROOT, codec.read(ROOT))
    directives = host.pop("directives")
    assert host == {
        "vhost": "one.example.com",
        "file": "/f",
        "line": 7,
        "addresses": ["*:80", "[::1]:80"],
        "server_name": "one.example.com",
        "server_aliases": ["www.one.example.com"],
        # Its own one is not inherited, and what nobody defines has nothing to hand down.
        "inherited": {"shared": {"timeout": 5}},
    }
    assert [each["name"] for each in directives] == [
        *("ServerName", "ServerAlias", "ProxyPass", "ProxyPass", "ProxyPass", "Proxy")
    ]
