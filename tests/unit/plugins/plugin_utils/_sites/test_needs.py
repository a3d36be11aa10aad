# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import lint
from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites.model import (
    Manager,
    read,
    read_all,
)
from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites.needs import (
    ERROR_PAGES,
    FORWARDED,
    listens,
    main_text,
    modules,
    site_text,
)

SITE = {"name": "shop", "server_name": "shop.example.com"}
TLS = {"certificate": "/etc/ssl/shop.pem"}
HTTP = {"headers", "lbmethod_byrequests", "proxy", "proxy_balancer", "proxy_http", "slotmem_shm"}
UNSET = "".join(f"    RequestHeader unset {name}\n" for name in FORWARDED)


def managed(*sites):
    """Return declared *sites*, each with its balancer-manager."""
    app = {"name": "app", "members": [{"url": "http://n1"}]}
    declared = [{**SITE, "balancers": [app], **options} for options in sites]
    return read_all(declared, {}, Manager("127.0.0.2", 8008))


def site(*members, proxy_set=None, **options):
    balancer = {"name": "app", "members": members or [{"url": "http://n1"}]}
    if proxy_set:
        balancer["proxy_set"] = proxy_set
    return read({**SITE, "balancers": [balancer], **options}, {})


def test_a_balancer_over_http_needs_six_modules():
    assert set(modules([site()])) == HTTP


def test_no_sites_need_no_modules():
    assert modules([]) == []


@pytest.mark.parametrize(
    ("url", "needed"),
    [
        ("https://n1", {"proxy_http", "ssl"}),
        ("ws://n1", {"proxy_wstunnel"}),
        ("wss://n1", {"proxy_wstunnel", "ssl"}),
        ("h2://n1", {"proxy_http2", "ssl"}),
        ("h2c://n1", {"proxy_http2"}),
        ("ajp://n1", {"proxy_ajp"}),
        ("fcgi://n1", {"proxy_fcgi"}),
        ("uwsgi://n1:3031", {"proxy_uwsgi"}),
        ("unix:/run/app.sock|fcgi://app/", {"proxy_fcgi"}),
        ("HTTP://N1", {"proxy_http"}),
    ],
)
def test_a_scheme_needs_its_module(url, needed):
    assert set(modules([site({"url": url})])) == HTTP - {"proxy_http"} | needed


def test_the_modules_of_schemes_are_those_the_lint_looks_for():
    for scheme, needed in lint.SCHEME_MODULES.items():
        assert needed.removesuffix("_module") in modules([site({"url": f"{scheme}://n1"})])


@pytest.mark.parametrize(
    ("method", "needed"),
    [
        ("byrequests", {"lbmethod_byrequests"}),
        ("bybusyness", {"lbmethod_bybusyness"}),
        ("heartbeat", {"lbmethod_heartbeat", "heartmonitor"}),
    ],
)
def test_a_method_needs_its_module_and_no_other(method, needed):
    found = set(modules([site(proxy_set={"lbmethod": method})]))
    assert found == HTTP - {"lbmethod_byrequests"} | needed


def test_a_health_check_needs_the_module_that_knows_its_parameters():
    assert set(modules([site({"url": "http://n1", "hcmethod": "GET"})])) == HTTP | {"proxy_hcheck"}
    cping = modules([site({"url": "http://n1", "hcmethod": "CPING"})])
    assert set(cping) == HTTP | {"proxy_hcheck", "proxy_ajp"}


def test_tls_needs_ssl_and_a_header_for_the_backends_and_a_redirect():
    assert set(modules([site(tls=TLS)])) == HTTP | {"ssl", "alias"}
    silent = {**TLS, "redirect": False}
    assert set(modules([site(tls=silent)])) == HTTP | {"ssl"}


def test_a_redirect_that_keeps_the_name_needs_rewrite():
    wild = {"server_aliases": ["*.example.org"]}
    assert set(modules([site(tls=TLS, **wild)])) == HTTP | {"ssl", "alias", "rewrite"}
    assert set(modules([site(**wild)])) == HTTP


def test_a_manager_needs_to_know_at_which_address_it_is_asked():
    assert set(modules(managed({}))) == HTTP | {"authz_core", "setenvif", "status"}


def test_the_address_of_the_managers_is_listened_on_once():
    sites = managed({}, {"name": "zoo", "server_name": "zoo.example.com"})
    assert listens(sites, ["80"]) == [("127.0.0.2:8008", False)]
    assert listens(sites, ["80", "8008"]) == []


def test_ports_that_are_listened_on_already_are_left_alone():
    assert listens([site(listen=[80, 8080], tls=TLS)], ["80", 443]) == [("*:8080", False)]


def test_a_port_of_all_addresses_covers_each_address():
    sites = [site(listen=["10.0.0.1:80", "10.0.0.1:81", "10.0.0.1:82", 82])]
    assert listens(sites, ["80"]) == [("10.0.0.1:81", False), ("*:82", False)]


def test_an_address_does_not_cover_the_port():
    assert listens([site(listen=[80])], ["127.0.0.1:80"]) == [("*:80", False)]


def test_two_sites_on_one_port_listen_once():
    assert listens([site(listen=[81]), site(listen=[81])], []) == [("*:81", False)]


def test_the_main_file_has_the_sites_in_their_order():
    sites = [site(name="shop"), site(name="app", listen=[8080], tls={**TLS, "listen": [8443]})]
    assert main_text(sites, "/etc/httpd/lb", "host1", ["80"]) == (
        "# Made by the role webtier.apache_balancer.load_balancer; changes to this file are lost.\n"
        "ServerName host1\n"
        "Listen 8080\n"
        "Listen 8443 https\n"
        'Include "/etc/httpd/lb/shop.conf"\n'
        'Include "/etc/httpd/lb/app.conf"\n'
    )


def test_the_main_file_of_no_sites_says_nothing():
    assert main_text([], "/etc/httpd/lb", "", ["80"]).count("\n") == 1


def test_managers_answer_without_tls_and_to_no_other_name():
    sites = managed({}, {"name": "tls", "listen": [8080], "tls": TLS})
    assert main_text(sites, "/etc/httpd/lb", "", [80, 443, 8080]).partition("\n")[2] == (
        "Listen 127.0.0.2:8008\n"
        "Listen 127.0.0.2:8009\n"
        "ProxyStatus On\n"
        "\n"
        "# The first virtual host here: sites with TLS answer here without it, other names are refused.\n"
        "<VirtualHost 127.0.0.2:8008 127.0.0.2:8009>\n"
        "    ServerName balancer-manager.invalid\n"
        "    SSLEngine Off\n"
        '    <Location "/">\n'
        "        Require all denied\n"
        "    </Location>\n"
        '    <Location "/server-status">\n'
        "        SetHandler server-status\n"
        "        Require expr \"%{CONN_REMOTE_ADDR} -ipmatch '127.0.0.0/8'\"\n"
        "    </Location>\n"
        "</VirtualHost>\n"
        "\n"
        'Include "/etc/httpd/lb/shop.conf"\n'
        'Include "/etc/httpd/lb/tls.conf"\n'
    )
    assert "SSLEngine" not in main_text(managed({}), "/etc/httpd/lb", "", [])


def test_a_site_answers_with_its_manager_at_one_address_and_rules_of_its_own_do_not_get_there():
    (plain,) = managed({"extra": "RewriteEngine On"})
    assert site_text(plain, "/etc/httpd/lb").partition("\n")[2] == (
        "<VirtualHost *:80 127.0.0.2:8008>\n"
        "    ServerName shop.example.com\n"
        "\n" + UNSET + "    RequestHeader setifempty X-Forwarded-Proto http\n"
        "\n"
        "    ProxyRequests Off\n"
        "    ProxyPreserveHost On\n"
        '    <Directory "/">\n'
        "        AllowOverride None\n"
        "    </Directory>\n"
        '    <Location "/server-status">\n'
        "        SetHandler none\n"
        "    </Location>\n"
        "\n"
        '    <IfModule "rewrite_module">\n'
        '        RewriteCond "%{SERVER_ADDR}" "=127.0.0.2"\n'
        '        RewriteRule "^" "-" [END]\n'
        "    </IfModule>\n"
        "    RewriteEngine On\n"
        "\n"
        '    SetEnvIf Server_Addr "^127\\.0\\.0\\.2$" no-proxy balancer_manager\n'
        "    <If \"-T reqenv('balancer_manager')\">\n"
        "        SetHandler balancer-manager\n"
        "        Require expr \"%{CONN_REMOTE_ADDR} -ipmatch '127.0.0.0/8'\"\n"
        "    </If>\n"
        "    <If \"-T reqenv('balancer_manager') && %{REQUEST_URI} == '/server-status'\">\n"
        "        SetHandler server-status\n"
        "    </If>\n"
        "\n"
        '    Include "/etc/httpd/lb/shop+app.conf"\n'
        '    ProxyPass "/" "balancer://app/"\n'
        '    ProxyPassReverse "/" "balancer://app/"\n'
        "</VirtualHost>\n"
    )


def test_a_site_with_tls_has_its_manager_where_it_is_served_and_not_where_it_redirects():
    (secure,) = managed({"tls": TLS})
    text = site_text(secure, "/etc/httpd/lb")
    assert "<VirtualHost *:443 127.0.0.2:8008>\n" in text
    assert "<VirtualHost *:80>\n" in text


def test_a_plain_site_is_one_virtual_host():
    assert site_text(site(), "/etc/httpd/lb") == (
        "# Made by the role webtier.apache_balancer.load_balancer; changes to this file are lost.\n"
        "<VirtualHost *:80>\n"
        "    ServerName shop.example.com\n"
        "\n" + UNSET + "    RequestHeader setifempty X-Forwarded-Proto http\n"
        "\n"
        "    ProxyRequests Off\n"
        "    ProxyPreserveHost On\n"
        '    <Directory "/">\n'
        "        AllowOverride None\n"
        "    </Directory>\n"
        '    <Location "/server-status">\n'
        "        SetHandler none\n"
        "    </Location>\n"
        "\n"
        '    Include "/etc/httpd/lb/shop+app.conf"\n'
        '    ProxyPass "/" "balancer://app/"\n'
        '    ProxyPassReverse "/" "balancer://app/"\n'
        "</VirtualHost>\n"
    )


def test_a_site_with_tls_is_two_virtual_hosts():
    text = site_text(
        site(
            {"url": "https://n1"},
            server_aliases=["www.example.com", "*.example.org"],
            listen=[80, 8080],
            tls={**TLS, "key": "/etc/ssl/my key.pem", "listen": ["10.0.0.1:8443"]},
            preserve_host=False,
            proxy_pass=[
                {"path": "/", "balancer": "app"},
                {"path": "/my-app/", "balancer": "app", "backend_path": "/app/"},
                {"path": "/static"},
            ],
            extra='ProxyTimeout 5\n\nErrorDocument 503 "a \\\nb"\n\n',
        ),
        "/etc/httpd/lb",
    )
    assert text.partition("\n")[2] == (
        "<VirtualHost 10.0.0.1:8443>\n"
        "    ServerName shop.example.com\n"
        "    ServerAlias www.example.com *.example.org\n"
        "\n"
        "    SSLEngine On\n"
        '    SSLCertificateFile "/etc/ssl/shop.pem"\n'
        '    SSLCertificateKeyFile "/etc/ssl/my key.pem"\n'
        "\n" + UNSET + "    RequestHeader setifempty X-Forwarded-Proto https\n"
        "\n"
        "    ProxyRequests Off\n"
        "    ProxyPreserveHost Off\n"
        "    SSLProxyEngine On\n"
        '    <Directory "/">\n'
        "        AllowOverride None\n"
        "    </Directory>\n"
        '    <Location "/server-status">\n'
        "        SetHandler none\n"
        "    </Location>\n"
        "\n"
        "    ProxyTimeout 5\n"
        "\n"
        '    ErrorDocument 503 "a \\\n'
        'b"\n'
        "\n"
        '    Include "/etc/httpd/lb/shop+app.conf"\n'
        '    ProxyPass "/my-app/" "balancer://app/app/"\n'
        '    ProxyPassReverse "/my-app/" "balancer://app/app/"\n'
        r'    Header edit Location "^((?i:(?:https?:)?//(?:'
        r"shop\.example\.com|www\.example\.com|[^/:]*\.example\.org"
        r')(?::[0-9]+)?)?)/app(?:/|(?=[/?#;\s]|$))" "$1/my-app/" '
        r'"expr=%{REQUEST_URI} =~ m#^/my\-app/#"'
        "\n"
        r'    Header edit Set-Cookie "(;\s*(?i:path)=)/app(?:/|(?=[/?#;\s]|$))" "$1/my-app/" '
        r'"expr=%{REQUEST_URI} =~ m#^/my\-app/#"'
        "\n"
        '    ProxyPass "/static" "!"\n'
        '    ProxyPass "/" "balancer://app/"\n'
        '    ProxyPassReverse "/" "balancer://app/"\n'
        "</VirtualHost>\n"
        "\n"
        "<VirtualHost *:80 *:8080>\n"
        "    ServerName shop.example.com\n"
        "    ServerAlias www.example.com *.example.org\n"
        "\n"
        "    RewriteEngine On\n"
        r'    RewriteCond "%{SERVER_NAME}" "^(?:[a-z0-9._-]*\.example\.org)$" [NC]'
        "\n"
        '    RewriteRule "^" "https://%{SERVER_NAME}:8443%{REQUEST_URI}" [R=301,L]\n'
        "    Redirect permanent / https://shop.example.com:8443/\n"
        "</VirtualHost>\n"
    )


def test_a_cookie_of_httpd_and_health_checks_need_their_modules():
    def needed(**options):
        app = {"name": "app", "members": [{"url": "http://n1", "route": "n1"}], **options}
        return set(modules([read({**SITE, "balancers": [app]}, {})])) - HTTP

    assert needed(application="tomcat") == set()
    assert needed(application="php") == needed(sticky_cookie={}) == set()
    assert needed(health_check={"uri": "/up"}) == {"proxy_hcheck"}
    assert needed(health_check={"method": "CPING"}) == {"proxy_hcheck", "proxy_ajp"}


def test_backends_hear_of_the_client_from_httpd_and_trusted_proxies_only():
    networks = ["10.0.0.0/8", "192.0.2.1"]
    trusting = site(trusted_proxies=networks)
    text = site_text(trusting, "/etc/lb")
    assert set(modules([trusting])) - HTTP == {"remoteip"}
    assert [line.split()[-1] for line in text.splitlines() if "InternalProxy" in line] == networks
    condition = "expr=!(%{CONN_REMOTE_ADDR} -ipmatch '10.0.0.0/8' || %{CONN_REMOTE_ADDR} -ipmatch '192.0.2.1')"
    assert f'RequestHeader unset X-Real-IP "{condition}"\n' in text


def test_an_error_page_is_served_by_httpd_whatever_goes_to_the_backends():
    paged = site(error_pages={503: "/srv/pages/busy.html"})
    assert set(modules([paged])) - HTTP == {"alias"}
    lines = [line.strip() for line in site_text(paged, "/etc/lb").splitlines()]
    assert f"ErrorDocument 503 {ERROR_PAGES}503" in lines
    assert f'Alias {ERROR_PAGES}503 "/srv/pages/busy.html"' in lines
    assert lines.index(f'ProxyPass {ERROR_PAGES} "!"') < lines.index(
        'ProxyPass "/" "balancer://app/"'
    )


def test_requests_are_logged_where_there_is_a_folder_for_it():
    assert "LogFormat" in main_text([site()], "/etc/lb", "", [], "/var/log/httpd")
    assert 'CustomLog "/var/log/httpd/shop_access.log" load_balancer\n' in site_text(
        site(), "/etc/lb", "/var/log/httpd"
    )
    assert "Log" not in main_text([site()], "/etc/lb", "", [])
    silent = site(access_log=False)
    assert "Log" not in main_text([silent], "/etc/lb", "", [], "/var/log/httpd")
    assert "Log" not in site_text(silent, "/etc/lb", "/var/log/httpd")


def test_certificates_of_backends_are_verified_where_it_is_known_who_signs_them():
    def said(url="https://n1", **options):
        text = site_text(site({"url": url}, **options), "/etc/lb")
        return [line.strip() for line in text.splitlines() if "SSLProxy" in line]

    assert said() == ["SSLProxyEngine On"]
    tls = {"ca_certificate": "/etc/ca.pem", "certificate": "/etc/me.pem", "check_name": False}
    assert said(backend_tls=tls) == [
        "SSLProxyEngine On",
        'SSLProxyCACertificateFile "/etc/ca.pem"',
        "SSLProxyVerify require",
        "SSLProxyCheckPeerName Off",
        'SSLProxyMachineCertificateFile "/etc/me.pem"',
    ]
    assert said("http://n1", backend_tls=tls) == []


def test_a_session_of_httpd_itself_needs_its_modules():
    session = {"cookie": "SESS"}
    plain = {"request", "session", "session_cookie"}
    assert set(modules([site(session=session)])) - HTTP == plain
    encrypted = site(session={**session, "crypto_passphrase_file": "/etc/secret"})
    assert set(modules([encrypted])) - HTTP == plain | {"session_crypto"}
    assert "SessionCookieName SESS path=/;HttpOnly;Secure;SameSite=Lax\n" in site_text(
        site(session=session, tls=TLS), "/etc/lb"
    )
