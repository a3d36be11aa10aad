# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites.model import (
    Manager,
    read,
    read_all,
)
from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites.problems import (
    problems,
)

APP = {"name": "app", "members": [{"url": "http://n1"}]}
ADMIN = {"name": "admin", "members": [{"url": "http://n2"}]}
SITE = {"name": "shop", "server_name": "shop.example.com", "balancers": [APP]}
TLS = {"certificate": "/etc/ssl/shop.pem"}


def found(*declared):
    return problems([read(site, {}) for site in declared])


def site(**options):
    return {**SITE, **options}


def test_a_plain_site_has_no_problems():
    assert found(SITE) == []


def test_a_site_with_everything_has_no_problems():
    everything = site(
        name="shop.example.com",
        server_aliases=["*.example.com", "sh?p", "under_score.example.com"],
        listen=[80, "*:8080", "10.0.0.1:8081", "[2001:db8::1]:80"],
        tls={**TLS, "key": "/etc/ssl/private/my key.pem", "listen": [443, "10.0.0.1:8443"]},
        balancers=[APP, ADMIN],
        proxy_pass=[
            {"path": "/", "balancer": "APP"},
            {"path": "/static"},
            {"path": "/my-admin/", "balancer": "admin", "backend_path": "/"},
        ],
        extra='ErrorDocument 503 "not now"\n',
    )
    assert found(everything) == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"name": "a/b"}, "site a/b: the name becomes a file name"),
        ({"name": ".."}, "the name becomes a file name"),
        ({"name": "a+b"}, "the name becomes a file name"),
        ({"name": "a\nb"}, "the name becomes a file name"),
        ({"server_name": "shop example"}, "server_name: 'shop example' is no host name"),
        ({"server_name": "${HOST}"}, "server_name: '${HOST}' is no host name"),
        ({"server_name": "*.example.com"}, "server_name: '*.example.com' is no host name"),
        ({"tls": {"certificate": "/" * 4096}}, "longer than a path may be, 4095 bytes"),
        # Python takes anything for the zone of an address.
        ({"trusted_proxies": ["fe80::1%x'\nListen 1"]}, '\\nListen 1": httpd knows no zone'),
        ({"server_aliases": ['a"b']}, "server_aliases: 'a\"b' is no host name"),
        ({"server_aliases": ["a\nListen 1"]}, "server_aliases: 'a\\nListen 1' is no host name"),
        ({"listen": [0]}, "listen: '0' is no port and no address:port"),
        ({"listen": ["65536"]}, "listen: '65536' is no port"),
        ({"listen": ["80 https"]}, "listen: '80 https' is no port"),
        ({"listen": ["300.0.0.1:80"]}, "listen: '300.0.0.1:80' is no port"),
        ({"listen": ["[::g]:80"]}, "listen: '[::g]:80' is no port"),
        ({"listen": ["localhost:80"]}, "listen: 'localhost:80' is no port"),
        ({"listen": []}, "listen: it is empty"),
        ({"tls": {**TLS, "listen": []}}, "listen: it is empty"),
        ({"tls": {**TLS, "listen": ["80"]}}, "listen: *:80 is in tls.listen too"),
        ({"tls": {"certificate": "shop.pem"}}, "tls.certificate: 'shop.pem' does not begin"),
        ({"tls": {"certificate": "/a'b"}}, 'tls.certificate: "/a\'b" has a quote'),
        ({"tls": {**TLS, "key": "/a\\b"}}, "tls.key: '/a\\\\b' has a quote, a backslash"),
        ({"tls": {**TLS, "key": "/${KEY}"}}, "tls.key: '/${KEY}' has a quote"),
        ({"proxy_pass": [{"path": "a", "balancer": "app"}]}, "proxy_pass: 'a' is no plain path"),
        (
            {"proxy_pass": [{"path": "/" + "a" * 8190, "balancer": "app"}]},
            f"proxy_pass: '/{'a' * 39}'... is longer than a URL may be, 8190 bytes",
        ),
        ({"proxy_pass": [{"path": "/a b", "balancer": "app"}]}, "proxy_pass: '/a b' is no plain"),
        ({"proxy_pass": [{"path": "/%20", "balancer": "app"}]}, "proxy_pass: '/%20' is no plain"),
        ({"proxy_pass": [{"path": "/?a", "balancer": "app"}]}, "proxy_pass: '/?a' is no plain"),
        ({"proxy_pass": [{"path": '/"', "balancer": "app"}]}, "proxy_pass: '/\"' is no plain"),
        ({"proxy_pass": [{"path": "/${A}", "balancer": "app"}]}, "proxy_pass: '/${A}' is no plain"),
        (
            {"proxy_pass": [{"path": "/", "balancer": "app", "backend_path": "/\n"}]},
            "proxy_pass: '/\\n' is no plain path",
        ),
        (
            {"proxy_pass": [{"path": "/a/", "balancer": "app", "backend_path": "/b"}]},
            "proxy_pass: /a/ and /b must both end in '/', or neither; write /a/ and /b/",
        ),
        (
            {"proxy_pass": [{"path": "/", "balancer": "app", "backend_path": "/b"}]},
            "proxy_pass: / and /b must both end in '/', or neither; write / and /b/",
        ),
        (
            {"proxy_pass": [{"path": "/", "balancer": "ap"}]},
            "proxy_pass: / goes to ap, which is not in balancers",
        ),
        (
            {"proxy_pass": [{"path": "/", "balancer": "app"}, {"path": "/"}]},
            "proxy_pass: / is in it twice",
        ),
        ({"balancers": []}, "balancers: it needs at least one"),
        ({"balancers": [APP, ADMIN]}, "proxy_pass: no path goes to the balancer admin"),
        ({"balancers": [{**APP, "name": "a b"}]}, "balancers: 'a b' becomes a file name"),
        ({"balancers": [{**APP, "members": []}]}, "balancer app: it has no members"),
        (
            {"balancers": [{**APP, "name": "app-1"}, {**APP, "name": "App_1"}]},
            "balancers: app-1 and App_1 would share their state",
        ),
        (
            {"balancers": [{**APP, "members": [{"url": "n1:80"}]}]},
            "balancer app: member: 'n1:80' is no member URL",
        ),
        (
            {"balancers": [{**APP, "members": [{"url": "http://n1", "timeout": "500ms"}]}]},
            "balancer app: member http://n1: timeout: '500ms' is not possible: it must be a whole number without a unit"
            " (1 s or more)",
        ),
        (
            {"balancers": [{**APP, "proxy_set": {"growth": 101}}]},
            "balancer app: growth: 101 is not possible: it must be 1 to 100",
        ),
        ({"extra": "ProxyTimeout 5 \\\n"}, "extra: the backslash at its end would swallow"),
        (
            {"extra": "#\n</VirtualHost>\n"},
            "extra:2:1: </VirtualHost> without matching <VirtualHost>",
        ),
        ({"extra": "</VirtualHost>\n<VirtualHost *:81>\n"}, "extra:1:1: </VirtualHost> without"),
        ({"extra": "<Location /a>\n"}, "extra:1:1: <Location> was not closed"),
        (
            {"extra": "#\n<VirtualHost *:81>\n</VirtualHost>\n"},
            "extra:2: <VirtualHost> cannot stand in another one; declare a second site",
        ),
        ({"listen": ["*"]}, "listen: '*' is no port"),
        ({"tls": {**TLS, "listen": ["*:*"]}}, "listen: '*' is no port"),
        ({"tls": {**TLS, "key": "key.pem"}}, "tls.key: 'key.pem' does not begin with '/'"),
    ],
)
def test_a_problem_is_a_sentence_that_names_site_option_and_value(options, problem):
    sentences = found(site(**options))
    assert any(problem in sentence for sentence in sentences), sentences
    assert all(sentence.startswith("site ") for sentence in sentences)


def test_a_balancer_that_only_extra_refers_to_is_in_use():
    extra = 'RewriteRule "^/(admin/.*)" "balancer://admin/$1" [P]'
    assert found(site(balancers=[APP, ADMIN], extra=extra)) == []


def test_two_sites_of_one_name_would_share_their_files():
    other = site(server_name="other.example.com")
    assert found(SITE, other) == ["site shop: there are two sites of this name"]


def test_a_second_site_for_the_same_requests_would_never_see_one():
    other = site(name="other", server_name="www.example.com", server_aliases=["SHOP.example.com"])
    assert found(SITE, other) == [
        "site other: requests for shop.example.com on *:80 already go to site shop"
    ]


def test_a_redirect_takes_requests_too():
    assert found(SITE, site(name="other", tls=TLS)) == [
        "site other: requests for shop.example.com on *:80 already go to site shop"
    ]


def test_a_site_behind_the_wildcard_of_another_one_would_never_be_reached():
    wild = site(name="wild", server_name="example.com", server_aliases=["*.Example.com"])
    assert found(wild, SITE) == [
        "site shop: requests for shop.example.com on *:80 already go to site wild; put this site before it"
    ]
    assert found(SITE, wild) == []
    assert found(wild, site(listen=[8080])) == []
    # Which names two wildcards share is not looked at.
    assert found(wild, site(server_name="shop", server_aliases=["*.shop.example.com"])) == []


def test_the_same_name_on_another_port_is_another_site():
    assert found(SITE, site(name="other", listen=[8080])) == []


MANAGER = Manager("127.0.0.2", 8008)


def found_with(manager, *declared):
    return problems(read_all(declared, {}, manager), manager)


def test_sites_with_one_name_on_two_ports_both_have_a_manager():
    assert found_with(MANAGER, SITE, site(name="other", listen=[8080])) == []


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.0", "10.0.0.1", "::1", "localhost", "*"])
def test_a_manager_is_at_a_loopback_address_of_its_own(address):
    assert found_with(Manager(address, 8008), SITE)[0] == (
        f"load_balancer_manager_address: {address!r} is not possible; use an address from 127.0.0.2 to"
        " 127.255.255.254 at which nothing else is reached"
    )


@pytest.mark.parametrize("port", [0, 65536])
def test_a_manager_is_at_a_port(port):
    assert found_with(Manager("127.0.0.2", port), SITE) == [
        f"load_balancer_manager_port: {port} is no port"
    ]


def test_a_site_is_not_served_where_its_manager_is():
    assert found_with(MANAGER, site(listen=["127.0.0.2:80", "127.0.0.1:8008"])) == [
        "site shop: listen: at 127.0.0.2:80 balancer-manager answers; see load_balancer_manager_address"
    ]


def test_a_site_leaves_the_port_of_the_managers_to_them():
    sites = [site(listen=[8008]), site(name="tls", tls={**TLS, "listen": [8009]})]
    assert found_with(MANAGER, *sites) == [
        "site shop: listen: balancer-manager has the port 8008; see load_balancer_manager_port",
        "site tls: listen: balancer-manager has the port 8009; see load_balancer_manager_port",
    ]
    assert found(sites[0]) == []


def test_one_port_speaks_plain_http_or_tls():
    plain = site(name="plain", server_name="plain.example.com", listen=[443])
    assert found(site(tls=TLS), plain) == [
        "site plain: it speaks plain HTTP on *:443, where site shop speaks TLS"
    ]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"application": "tomcat"}, "member http://n1 has no route"),
        ({"application": "php"}, "member http://n1 has no route"),
        ({"sticky_cookie": {"name": "a b"}}, "sticky_cookie: name: 'a b' is not possible"),
        ({"sticky_cookie": {"samesite": "none"}}, "samesite: none needs secure: true"),
        ({"health_check": {"expect_status": ["ok"]}}, "health_check: expect_status: 'ok'"),
    ],
)
def test_sticky_sessions_and_health_checks_are_looked_at(options, problem):
    assert problem in " ".join(found(site(balancers=[{**APP, **options}])))


@pytest.mark.parametrize(
    ("session", "problem"),
    [
        ({"cookie": "a;b"}, "session.cookie: 'a;b' is no cookie name"),
        ({"cookie": "S", "max_age": -1}, "session.max_age: -1 is less than 0"),
        (
            {"cookie": "S", "crypto_passphrase_file": "key"},
            "crypto_passphrase_file: 'key' does not",
        ),
        ({"cookie": "S", "crypto_passphrase_file": "/a\nb"}, "a control character or a variable"),
    ],
)
def test_a_session_of_httpd_itself_is_looked_at(session, problem):
    assert problem in " ".join(found(site(session=session)))


def test_a_cookie_of_httpd_is_not_issued_twice():
    extra = 'Header add Set-Cookie "R=.%{BALANCER_WORKER_ROUTE}e" env=BALANCER_ROUTE_CHANGED'
    app = {"name": "app", "members": [{"url": "http://n1", "route": "n1"}]}
    assert found(site(extra=extra, balancers=[app])) == []
    for spelled in (extra, f'<If "true">\n    header always set set-cookie{extra[21:]}\n</If>'):
        assert "extra: it issues a route cookie, as does the balancer app" in " ".join(
            found(site(extra=spelled, balancers=[{**app, "application": "php"}]))
        )


@pytest.mark.parametrize(
    "extra",
    [
        'CustomLog /var/log/x.log "%h %{BALANCER_WORKER_ROUTE}e"',
        'LogFormat "%h %{BALANCER_WORKER_ROUTE}e" mine',
        "RequestHeader set X-Route %{BALANCER_WORKER_ROUTE}e",
        "Header set X-Route %{BALANCER_WORKER_ROUTE}e",
        "# Header add Set-Cookie R=.%{BALANCER_WORKER_ROUTE}e",
        'Header edit Set-Cookie "^R=(.*)" "R=$1; Secure"',
    ],
)
def test_whoever_mentions_the_route_issues_no_cookie(extra):
    app = {"name": "app", "members": [{"url": "http://n1", "route": "n1"}], "application": "php"}
    assert found(site(extra=extra, balancers=[app])) == []


HIDDEN_URL = "http://u:hunter2@n1"


@pytest.mark.parametrize(
    "options",
    [
        {"members": [{"url": HIDDEN_URL}, {"url": HIDDEN_URL}]},
        {"members": [{"url": HIDDEN_URL, "route": "a"}, {"url": "http://n2", "route": "a"}]},
        {"members": [{"url": HIDDEN_URL, "nosuch": 1}]},
        {"members": [{"url": HIDDEN_URL}], "application": "php"},
        {"members": [{"url": "http//u:hunter2@n1"}]},
        {"members": [{"url": "http://u:my hunter2@n1"}]},
        {"members": [{"url": "http://u:my/hunter2@n1"}]},
        {"members": [{"url": "http://n1", "hcuri": "/up?token=hunter2" + "x" * 90}]},
        {
            "members": [{"url": "http://n1"}],
            "health_check": {"uri": "/up?token=hunter2" + "x" * 90},
        },
    ],
)
def test_what_is_wrong_with_a_balancer_is_said_without_its_secrets(options):
    (said,) = found(site(balancers=[{"name": "app", **options}]))
    assert "hunter2" not in said and "********" in said
