# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import codec
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.model import (
    canonical_url,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    from_document,
)

TEXT = """
<Proxy balancer://shared>
    BalancerMember http://a:1
</Proxy>
<VirtualHost *:80 127.0.0.2:8008>
    ServerName one.example.com
    ServerAlias *.one.example.com
    ProxyPass / balancer://shared/
</VirtualHost>
<VirtualHost *:80 127.0.0.2:8008>
    ServerName https://two.example.com:443
    ProxyPass / balancer://shared/
    ProxyPass /b balancer://shared/b
</VirtualHost>
<VirtualHost 192.0.2.1:80>
    ServerName three.example.com
</VirtualHost>
<VirtualHost [2001:DB8:0::1]:80 _default_:81>
    ServerName four.example.com
</VirtualHost>
<VirtualHost 192.0.2.2 [2001:db8::2] backend.example.com:80>
    ServerName six.example.com
</VirtualHost>
<VirtualHost *:*>
    ServerName five.example.com
</VirtualHost>
"""


@pytest.fixture(scope="module")
def configuration():
    return codec.read(from_document(Document.parse(TEXT, "/f")))


@pytest.mark.parametrize(
    ("address", "port", "host", "expected"),
    [
        ("127.0.0.2", 8008, "two.example.com", "two.example.com"),
        ("127.0.0.2", 8008, "TWO.example.com", "two.example.com"),
        ("127.0.0.2", 8008, "nobody.example.com", "one.example.com"),
        ("127.0.0.1", 80, "x.one.example.com", "one.example.com"),
        ("127.0.0.1", 80, "five.example.com", "five.example.com"),
        # The exact address goes before any wildcard, whatever the name.
        ("192.0.2.1", 80, "one.example.com", "three.example.com"),
        ("2001:db8::1", 80, "one.example.com", "four.example.com"),
        ("127.0.0.1", 81, "whatever", "four.example.com"),
        # Without a port it is any.
        ("192.0.2.2", 8008, "whatever", "six.example.com"),
        ("2001:db8::2", 8008, "whatever", "six.example.com"),
        ("127.0.0.1", 9999, "one.example.com", "five.example.com"),
    ],
)
def test_a_request_is_served_as_httpd_would_serve_it(configuration, address, port, host, expected):
    assert configuration.serving(address, port, host).host == expected


def test_what_no_virtual_host_serves_is_for_the_main_server():
    configuration = codec.read(from_document(Document.parse(TEXT.replace("*:*", "*:82"), "/f")))
    assert configuration.serving("127.0.0.1", 9999, "one.example.com") is configuration.main


def test_followers_are_the_virtual_hosts_that_use_a_balancer_of_the_main_server(configuration):
    balancer = configuration.main.balancers["shared"]
    assert [vhost.host for vhost in configuration.followers(balancer)] == [
        "one.example.com",
        "two.example.com",
    ]


def test_a_server_that_only_sends_requests_to_a_balancer_does_so_once_and_does_not_follow_itself():
    configuration = codec.read(from_document(Document.parse("ProxyPass / balancer://app/\n", "/f")))
    balancer = configuration.main.balancers["app"]
    assert configuration.followers(balancer) == []
    assert configuration.references(balancer) == balancer.references
    assert len(balancer.references) == 1


def test_a_virtual_host_has_a_name_for_each_port_that_it_is_asked_at():
    for name, names in (("a", ["a"]), ("http://a:8443", ["a", "a:8443"])):
        text = f"<VirtualHost *:80 10.0.0.1:80>\nServerName {name}\n</VirtualHost>\n"
        dummy, vhost = codec.read(from_document(Document.parse(text, "/f"))).vhosts
        assert vhost.names == [*names, "a:80", "*:80", "10.0.0.1:80", "/f:1"]


def test_a_stroke_in_a_path_follows_no_socket():
    assert canonical_url("http://A/b|c") == "http://a/b|c"


def test_what_follows_a_socket_is_a_url_and_no_other_socket():
    with pytest.raises(ValueError, match="is no member URL"):
        canonical_url("unix:/a|" * 5000 + "http://b/")


def test_a_port_has_the_digits_that_it_has():
    assert canonical_url("http://a:" + "0" * 5000 + "80/") == "http://a/"
    with pytest.raises(ValueError, match="is no member URL"):
        canonical_url("http://a:\u0668\u0660/")


def balancer_of(text):
    (balancer,) = codec.read(from_document(Document.parse(text, "/f"))).balancers
    return balancer


def test_a_balancer_is_where_it_begins():
    section = "<Proxy balancer://app>\nBalancerMember http://a\n</Proxy>\n"
    assert str(balancer_of(section * 2).place) == "/f:1"
    assert str(balancer_of("\nBalancerMember balancer://app http://a\n").place) == "/f:2"


def test_a_balancer_that_requests_only_go_to_is_nowhere_and_fed_by_no_file():
    text = "ProxyPass / balancer://app/\n"
    configuration = codec.read(from_document(Document.parse(text, "/f")))
    balancer = configuration.main.balancers["app"]
    assert (balancer.place, balancer.files, balancer.defined) == (None, [], False)


def test_every_line_that_feeds_a_balancer_names_its_file_once():
    text = (
        "<Proxy balancer://app>\nBalancerMember http://a\nBalancerMember http://a:80\n</Proxy>\n"
        '<Proxy balancer://app/>\nHeader add Set-Cookie "R=.%{BALANCER_WORKER_ROUTE}e"'
        " env=BALANCER_ROUTE_CHANGED\n</Proxy>\n"
    )
    assert balancer_of(text).files == ["/f"]


def test_only_members_that_name_an_expression_are_judged_by_it():
    members = "".join(f"BalancerMember http://{name} hcexpr={name}\n" for name in "abc")
    text = f"<Proxy balancer://app>\nBalancerMember http://d\n{members}</Proxy>\n"
    vhost = balancer_of(text).vhost
    assert [member.url for member in vhost.judged_by("b")] == ["http://b"]


@pytest.mark.parametrize("other", ["A", "Z"])
def test_the_cookie_of_the_sessions_is_the_last_one_with_the_name_of_stickysession(other):
    issued = "".join(
        f'Header add Set-Cookie "{name}=.%{{BALANCER_WORKER_ROUTE}}e" env=BALANCER_ROUTE_CHANGED\n'
        for name in ("ROUTE", "ROUTE", other)
    )
    text = (
        f"<Proxy balancer://app stickysession=ROUTE>\nBalancerMember http://a\n{issued}</Proxy>\n"
    )
    assert balancer_of(text).sticky_cookie.place.line == 4
    # Without the name it is the last one.
    assert balancer_of(text.replace(" stickysession=ROUTE", "")).sticky_cookie.place.line == 5


def test_the_lines_of_a_file_that_two_virtual_hosts_include_are_shared():
    text = (
        "ProxyHCExpr used ok\nProxyHCExpr spare ok\n"
        "<Proxy balancer://app>\nBalancerMember http://a hcexpr=used\nBalancerMember http://a:80\n"
        "ProxySet timeout=3\n</Proxy>\n<Proxy balancer://app/>\n"
        'Header add Set-Cookie "R=.%{BALANCER_WORKER_ROUTE}e" env=BALANCER_ROUTE_CHANGED\n</Proxy>\n'
    )
    hosts = "<VirtualHost *:{}>\n</VirtualHost>\n"
    root = from_document(Document.parse(hosts.format(80) + hosts.format(81), "/f"))
    for vhost in root.children:
        vhost.children = from_document(Document.parse(text, "/g")).children
    configuration = codec.read(root)
    shared = configuration.shared()
    assert sorted(map(str, shared)) == ["/g:1", "/g:3", "/g:4", "/g:5", "/g:6", "/g:8", "/g:9"]
    assert all(found == list(configuration.balancers) for found in shared.values())


def test_a_virtual_host_that_is_read_twice_is_called_by_its_line():
    root = from_document(Document.parse("<VirtualHost *:80>\nServerName a\n</VirtualHost>\n", "/f"))
    root.children *= 2
    configuration = codec.read(root)
    assert [configuration.label(each) for each in configuration.vhosts[1:]] == ["/f:1", "/f:1"]


def test_virtual_hosts_that_share_their_name_are_told_apart_by_their_line():
    text = "<VirtualHost *:80>\nServerName a\n</VirtualHost>\n" * 2
    configuration = codec.read(from_document(Document.parse(text, "/f")))
    assert [configuration.label(each) for each in configuration.vhosts[1:]] == ["/f:1", "/f:4"]
    assert len(configuration.named("A")) == 2 and len(configuration.named("/f:4")) == 1
