# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._adopt.sites import adopt

FILE = "/etc/httpd/conf.d/shop.conf"
MAIN = "/etc/httpd/conf/httpd.conf"


def directive(name, text, line=9, *inside):
    found = {"name": name, "text": text, "file": FILE, "line": line}
    return {**found, "directives": list(inside)} if inside else found


def vhost(*directives, **options):
    return {
        "vhost": "shop.example.com",
        "file": FILE,
        "line": 1,
        "addresses": ["*:80"],
        "server_name": "shop.example.com",
        "server_aliases": [],
        "inherited": {},
        "directives": list(directives),
        **options,
    }


def balancer(**options):
    return {
        "name": "shop",
        "vhost": "shop.example.com",
        "file": FILE,
        "line": 3,
        "parameters": {},
        "sticky_cookie": None,
        "members": [{"url": "http://n1", "config": {}, "file": FILE, "line": 4}],
        **options,
    }


def adopted(*vhosts, balancers=(), listen=(), files=(MAIN, FILE), outside=()):
    return adopt(
        {
            "balancers": list(balancers) or [balancer()],
            "vhosts": list(vhosts),
            "listen": [{"address": each, "file": MAIN, "line": 2} for each in listen],
            "config_files": list(files),
            "server_directives": list(outside),
        }
    )


FORWARD = directive("ProxyPass", "/ balancer://shop/")


def test_a_host_without_balancers_has_nothing_to_adopt():
    found = adopt(
        {
            "balancers": [],
            "vhosts": [],
            "listen": [],
            "config_files": [],
            "server_directives": [],
        }
    )
    assert found.variables == {
        "load_balancer_sites": [],
        "load_balancer_existing_listen": [],
        "load_balancer_replaces": [],
    }
    assert found.notes == []


def test_a_virtual_host_without_a_name_is_not_adopted():
    found = adopted(vhost(FORWARD, server_name="", vhost="*:80"))
    assert found.variables["load_balancer_sites"] == []
    assert found.variables["load_balancer_replaces"] == []
    assert f"{FILE}:1: it has no ServerName" in found.notes[0]


def test_httpds_main_file_is_not_replaced():
    found = adopted(vhost(FORWARD), files=[FILE])
    assert found.variables["load_balancer_replaces"] == []
    assert "it stands in httpd's main file" in found.notes[-1]


def test_listen_lines_that_stay_are_named():
    found = adopted(vhost(FORWARD), listen=["80", "10.0.0.1:443"])
    assert found.variables["load_balancer_existing_listen"] == ["80", "10.0.0.1:443"]


def test_how_tls_is_spoken_stays_as_it_was():
    certificate = directive("SSLCertificateFile", "/etc/ssl/shop.pem")
    tls = [directive("SSLEngine", "on"), certificate, directive("SSLProtocol", "all -SSLv3")]
    secure = adopted(vhost(*tls, FORWARD, addresses=["*:443"])).variables
    assert secure["load_balancer_tls_profile"] == "system"
    assert secure["load_balancer_sites"][0]["extra"] == "SSLProtocol all -SSLv3\n"
    assert "load_balancer_tls_profile" not in adopted(vhost(FORWARD)).variables


@pytest.mark.parametrize(
    ("address", "listen"),
    [
        ("*:8080", "8080"),
        ("_default_:443", "443"),
        ("10.0.0.1:80", "10.0.0.1:80"),
        ("[fd00::1]:80", "[fd00::1]:80"),
    ],
)
def test_an_address_is_one_to_listen_on(address, listen):
    (site,) = adopted(vhost(FORWARD, addresses=[address])).variables["load_balancer_sites"]
    assert site["listen"] == [listen]


@pytest.mark.parametrize(
    "text",
    [
        "/ balancer://shop",  # the slashes do not match
        "/x/ balancer://shop/x/ nocanon",
        '"/a b/" balancer://shop/a/',
        "/x/ http://other/",
        "/x/ balancer://elsewhere/x/",
    ],
)
def test_a_line_that_no_option_can_say_stays_as_it_is(text):
    (site,) = adopted(vhost(directive("ProxyPass", text))).variables["load_balancer_sites"]
    assert site["proxy_pass"] == []
    assert site["extra"] == f"ProxyPass {text}\n"


def test_sections_stay_in_order_with_what_is_in_them():
    rule = directive("Require", "local", 21)
    (site,) = adopted(
        vhost(directive("Header", "set X-A b"), FORWARD, directive("Location", '"/x"', 20, rule))
    ).variables["load_balancer_sites"]
    assert site["extra"] == 'Header set X-A b\n<Location "/x">\n    Require local\n</Location>\n'


def test_what_else_stands_in_the_section_of_a_balancer_stays():
    member = directive("BalancerMember", "http://n1", 4)
    section = directive(
        "Proxy", '"balancer://shop"', 3, member, directive("Require", "all granted")
    )
    (site,) = adopted(vhost(section, FORWARD)).variables["load_balancer_sites"]
    assert site["extra"] == '<Proxy "balancer://shop">\n    Require all granted\n</Proxy>\n'


def test_two_virtual_hosts_of_one_name_are_two_sites():
    first = vhost(FORWARD)
    second = vhost(FORWARD, addresses=["*:8080"], line=30, vhost="shop.example.com:8080")
    both = [balancer(), balancer(vhost="shop.example.com:8080")]
    sites = adopted(first, second, balancers=both).variables["load_balancer_sites"]
    assert [site["name"] for site in sites] == ["shop.example.com", "shop.example.com-2"]


def test_a_balancer_that_nobody_uses_is_told_of():
    found = adopted(vhost(FORWARD), balancers=[balancer(), balancer(name="old", vhost="_main")])
    assert any("balancer://old stands outside" in note for note in found.notes)


def test_several_certificates_are_told_of():
    files = [directive("SSLCertificateFile", f"/etc/{kind}.pem") for kind in ("rsa", "ecdsa")]
    found = adopted(vhost(directive("SSLEngine", "On"), *files, FORWARD, addresses=["*:443"]))
    assert any("it has 2 SSLCertificateFile" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "said"), [("60", {"timeout": 60}), ("60s", {"extra": "ProxyTimeout 60s\n"})]
)
def test_a_timeout_with_a_unit_stays_as_it_is(text, said):
    (site,) = adopted(vhost(directive("ProxyTimeout", text), FORWARD)).variables[
        "load_balancer_sites"
    ]
    assert {key: site[key] for key in ("timeout", "extra") if key in site} == said


def test_a_file_with_more_than_virtual_hosts_stays_and_that_is_said():
    found = adopted(vhost(FORWARD), outside=[directive("LogFormat", '"%h" mine', 2)])
    assert found.variables["load_balancer_replaces"] == []
    assert found.notes[-1].startswith(f"{FILE}:2: LogFormat stands outside of the virtual hosts")


@pytest.mark.parametrize(("url", "kept"), [("http://n1", True), ("https://n1", False)])
def test_tls_to_backends_stays_on_where_the_role_does_not_switch_it_on(url, kept):
    member = {"url": url, "config": {}, "file": FILE, "line": 4}
    engine = directive("SSLProxyEngine", "On")
    found = adopted(vhost(engine, FORWARD), balancers=[balancer(members=[member])])
    (site,) = found.variables["load_balancer_sites"]
    assert ("SSLProxyEngine On\n" in site.get("extra", "")) is kept


def test_a_server_name_with_a_scheme_is_told_of():
    found = adopted(vhost(FORWARD, server_name="https://shop.example.com"))
    assert "its ServerName has a scheme" in found.notes[0]
    assert found.variables["load_balancer_sites"][0]["server_name"] == "shop.example.com"
