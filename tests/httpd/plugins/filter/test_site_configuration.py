# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role writes, on a real httpd with the modules that the role asks for and no others."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import tempfile
import warnings
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.client import (
    Manager,
    Unreachable,
)
from ansible_collections.webtier.apache_balancer.tests.httpd.conftest import module_for
from ansible_collections.webtier.apache_balancer.tests.httpd.plugins.filter.conftest import (
    MANAGER,
    site,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    free_port,
    wait_for,
)


def said(request, address, port):
    """Return what is answered to *request*, the text of a whole request; empty if nobody is there."""
    try:
        with socket.create_connection((address, port), timeout=10) as connection:
            connection.sendall(request.encode())
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(partial(connection.recv, 65536), b"")).decode()
    except ConnectionRefusedError:
        return ""


def test_each_path_reaches_its_balancer_whatever_the_order(bring_up, backend):
    port = free_port()
    balancers = [{"name": name, "members": [{"url": backend(name)}]} for name in ("a-1", "b.2")]
    forwards = [
        {"path": "/", "balancer": "a-1"},
        {"path": "/my(shop)/", "balancer": "B.2", "backend_path": "/b/"},
        {"path": "/my(shop)/static"},
    ]
    httpd = bring_up(site(f"127.0.0.1:{port}", balancers=balancers, proxy_pass=forwards))
    httpd.port = port
    host = {"Host": "shop.example.com"}
    assert httpd.get("/x?y=1", host).body == "a-1 /x?y=1 shop.example.com http"
    assert httpd.get("/my(shop)/x", host).body == "b.2 /b/x shop.example.com http"
    assert httpd.get("/my(shop)/static", host).status == 404
    moved = httpd.get("/my(shop)/moved", host)
    assert moved.headers["Location"].endswith("/my(shop)/there"), moved
    assert moved.headers["Set-Cookie"] == "SID=1; Path=/my(shop)/"


def test_a_backend_whose_root_is_a_path_of_the_site_redirects_below_that(bring_up, backend):
    port = free_port()
    balancers = [{"name": "app", "members": [{"url": backend("n1")}]}]
    forwards = [{"path": "/reports/", "balancer": "app", "backend_path": "/"}]
    httpd = bring_up(site(f"127.0.0.1:{port}", balancers=balancers, proxy_pass=forwards))
    httpd.port = port
    host = {"Host": "shop.example.com"}
    assert httpd.get("/reports/x", host).body.startswith("n1 /x ")
    moved = httpd.get("/reports/moved", host)
    assert moved.headers["Location"] == "http://shop.example.com/reports/b/there"
    assert moved.headers["Set-Cookie"] == "SID=1; Path=/reports/b/"


@pytest.fixture()
def way_back(bring_up, backend, certificate):
    """Start a site with the given forwards and a backend for each of their balancers; return what asks for a path, and
    tells where a redirect and the path of a cookie lead then."""

    def start(*forwards, tls=False, below="", aliases=(), **options):
        port = free_port()
        names = dict.fromkeys(each["balancer"] for each in forwards if "balancer" in each)
        members = {name: [{"url": backend(name) + below, "route": name}] for name in names}
        address = f"127.0.0.1:{port}"
        spoken = {"certificate": certificate, "listen": [address], "redirect": False}
        httpd = bring_up(
            site(
                f"127.0.0.1:{free_port()}" if tls else address,
                balancers=[
                    {"name": name, "members": members[name], **options.pop(name, {})}
                    for name in names
                ],
                proxy_pass=forwards,
                server_aliases=aliases,
                **({"tls": spoken} if tls else {}),
                **options,
            )
        )
        httpd.port = port

        def ask(path, to="/", cookie="/", host="shop.example.com"):
            url = f"{path}moved?{urlencode({'to': to, 'path': cookie})}"
            request = f"GET {url} HTTP/1.0\r\nHost: {host}\r\n\r\n"
            answer = (said_by_tls if tls else said)(request, "127.0.0.1", port)
            (location,) = re.findall(r"(?m)^Location: (.*?)\r$", answer)
            paths = re.findall(r"(?m)^Set-Cookie: .*Path=([^;\r]*)", answer)
            return location, *paths

        return ask

    return start


def said_by_tls(request, address, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection((address, port), timeout=20)) as connection:
        connection.sendall(request.encode())
        return b"".join(iter(partial(connection.recv, 65536), b"")).decode()


# path, backend_path, what the backend says, what the client is told
WAYS_BACK = [
    ("/", "/app/", "/app/login?x=/app/", "/login?x=/app/"),
    ("/", "/app/", "/app/", "/"),
    ("/", "/app/", "/app", "/"),
    ("/", "/app/", "/app;jsessionid=1.n1", "/;jsessionid=1.n1"),
    ("/", "/app/", "/app?a=1", "/?a=1"),
    ("/", "/app/", "/apple", "/apple"),
    ("/", "/app/", "login", "login"),
    ("/shop/", "/app/", "/app/x", "/shop/x"),
    ("/shop/", "/app/", "/app", "/shop/"),
    ("/shop", "/app", "/app", "/shop"),
    ("/shop", "/app", "/app/x", "/shop/x"),
    ("/shop", "/app", "/apple", "/apple"),
    ("/shop/", "/", "/x", "/shop/x"),
    ("/shop/", "/", "/", "/shop/"),
    ("/shop/", "/", "?page=2", "?page=2"),
    # An application that knows the path of the site.
    ("/shop/", "/", "/shop/x", "/shop/x"),
    ("/shop/", "/", "/shopping", "/shop/shopping"),
    ("/a$1&b/", "/c(.*)/", "/c(.*)/x", "/a$1&b/x"),
]


@pytest.mark.parametrize(("path", "backend_path", "to", "told"), WAYS_BACK)
@pytest.mark.parametrize("preserve_host", [True, False])
def test_a_redirect_leads_to_the_path_of_the_site(
    way_back, path, backend_path, to, told, preserve_host
):
    ask = way_back(
        {"path": path, "balancer": "app", "backend_path": backend_path},
        preserve_host=preserve_host,
        aliases=["*.example.org", "127.0.0.1"],
    )
    here = path.rstrip("/") + "/"
    assert ask(here, to)[0] == told
    if not to.startswith("/"):
        return
    for scheme, name in (
        ("http", "shop.example.com"),
        ("https", "SHOP.example.com"),
        ("http", "x.y.example.org:8080"),
        ("https", "127.0.0.1:8443"),
    ):
        assert ask(here, f"{scheme}://{name}{to}")[0] == f"{scheme}://{name}{told}"
    for other in ("http://sso.example.com", "https://shop.example.com.example.net", "//a.example"):
        assert ask(here, other + to)[0] == other + to


def test_a_redirect_of_a_site_with_tls_leads_to_its_path_whatever_the_backend_speaks(way_back):
    ask = way_back({"path": "/", "balancer": "app", "backend_path": "/app/"}, tls=True)
    for scheme in ("http", "https"):
        told = ask("/", f"{scheme}://shop.example.com/app/login")[0]
        assert told == f"{scheme}://shop.example.com/login"


@pytest.mark.parametrize(
    ("path", "backend_path", "said_path", "told"),
    [
        ("/", "/app/", "/app", "/"),
        ("/", "/app/", "/app/", "/"),
        ("/", "/app/", "/app/x", "/x"),
        ("/", "/app/", "/apple", "/apple"),
        ("/shop/", "/app/", "/app", "/shop/"),
        ("/shop/", "/app/", "/app/x", "/shop/x"),
        ("/shop", "/app", "/app", "/shop"),
        ("/shop", "/app", "/app/x", "/shop/x"),
        ("/shop/", "/", "/", "/shop/"),
        ("/shop/", "/", "/x", "/shop/x"),
        ("/shop/", "/", "/shop", "/shop"),
    ],
)
def test_a_cookie_is_for_the_path_of_the_site(way_back, path, backend_path, said_path, told):
    ask = way_back({"path": path, "balancer": "app", "backend_path": backend_path})
    here = path.rstrip("/") + "/"
    assert ask(here, cookie=said_path)[1:] == (told,)


def test_the_path_of_a_member_is_one_that_clients_do_not_see(way_back):
    ask = way_back({"path": "/", "balancer": "app"}, below="/app")
    assert ask("/", "/app/login", "/app") == ("/login", "/")
    assert ask("/", "/login", "/") == ("/login", "/")


def test_what_the_backend_of_one_path_says_is_not_taken_for_another(way_back):
    ask = way_back(
        {"path": "/", "balancer": "app"},
        {"path": "/reports/", "balancer": "reports", "backend_path": "/"},
        {"path": "/reports/old", "balancer": "old", "backend_path": "/new"},
    )
    assert ask("/", "/login", "/") == ("/login", "/")
    assert ask("/reports/", "/login", "/") == ("/reports/login", "/reports/")
    assert ask("/reports/older", "/login", "/") == ("/reports/login", "/reports/")
    assert ask("/reports/old/", "/new/login", "/new") == ("/reports/old/login", "/reports/old")
    assert ask("/reports/old/", "/login", "/") == ("/login", "/")


def test_the_cookie_of_httpd_keeps_its_path(way_back):
    ask = way_back(
        {"path": "/reports/", "balancer": "app", "backend_path": "/"}, app={"application": "php"}
    )
    assert sorted(ask("/reports/", cookie="/x")[1:]) == ["/", "/reports/x"]


def test_sites_are_told_apart_by_name_and_the_first_one_takes_the_rest(bring_up, backend):
    port = free_port()
    sites = [
        {
            **site(f"127.0.0.1:{port}", server_aliases=["*.example.org"]),
            "name": name,
            "server_name": f"{name}.example.com",
            "balancers": [{"name": "app", "members": [{"url": backend(name)}]}],
            "preserve_host": False,
        }
        for name in ("zoo", "app")
    ]
    sites[1]["server_aliases"] = ["*.example.net"]
    httpd = bring_up(*sites)
    httpd.port = port

    def answering(host):
        return httpd.get("/", {"Host": host}).body.split()[0]

    assert answering("app.example.com") == answering("x.example.net") == "app"
    assert answering("zoo.example.com") == answering("nobody.example") == "zoo"


def test_a_name_that_a_wildcard_stands_for_stays_in_the_redirect_and_no_other(
    bring_up, backend, certificate
):
    port, tls_port = free_port(), free_port()
    httpd = bring_up(
        site(
            f"127.0.0.1:{port}",
            server_aliases=["www.example.com", "*.Example.net", "s?p.example.org"],
            tls={"certificate": certificate, "listen": [f"127.0.0.1:{tls_port}"]},
            balancers=[{"name": "app", "members": [{"url": backend("app")}]}],
        )
    )
    httpd.port = port

    def sent_to(host, path):
        answer = httpd.get(path, {"Host": host})
        assert answer.status == 301 and "X-Evil" not in answer.headers
        return answer.headers["Location"]

    odd = "/a%25%0d%0aX-Evil:%20y/%c3%a4?b=1&c=%20"
    for path in ("/", "/a?b=1", odd):
        for asked, host in {
            "One.example.net": "one.example.net",
            f"a.b.example.net:{port}": "a.b.example.net",
            "sap.example.org": "sap.example.org",
            "www.example.com": "shop.example.com",
            "evil.example": "shop.example.com",
            "one.example.net.evil.example": "shop.example.com",
            "oneXexample.net": "shop.example.com",
        }.items():
            assert sent_to(asked, path) == f"https://{host}:{tls_port}{path}"
    assert httpd.get("/", {"Host": "evil.example/.example.net"}).status == 400


def test_a_site_with_tls_redirects_to_it_and_tells_the_backends(bring_up, backend, certificate):
    port, tls_port = free_port(), free_port()
    httpd = bring_up(
        site(
            f"127.0.0.1:{port}",
            tls={"certificate": certificate, "listen": [f"127.0.0.1:{tls_port}"]},
            balancers=[{"name": "app", "members": [{"url": backend("app")}]}],
        )
    )
    httpd.port = port
    redirected = httpd.get("/a?b=1", {"Host": "shop.example.com"})
    assert redirected.status == 301
    assert redirected.headers["Location"] == f"https://shop.example.com:{tls_port}/a?b=1"
    answer = subprocess.run(
        ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{tls_port}"],
        input="GET /a HTTP/1.0\r\nHost: shop.example.com\r\nX-Forwarded-Proto: http\r\n\r\n",
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    assert answer.stdout.endswith("app /a shop.example.com https")


# What the distribution might say of TLS: everything is allowed.
ANYTHING = 'SSLProtocol all\nSSLCipherSuite "ALL:@SECLEVEL=0"\nSSLHonorCipherOrder On\n'
V1_1 = ssl.TLSVersion.TLSv1_1
V1_2 = ssl.TLSVersion.TLSv1_2
V1_3 = ssl.TLSVersion.TLSv1_3


@pytest.fixture()
def handshake(bring_up, backend, certificate):
    """Start a site with a profile of TLS; return what attempts a handshake with it: the connection, or None."""

    def start(profile, extra=""):
        port = free_port()
        bring_up(
            site(
                free_port(),
                tls={"certificate": certificate, "listen": [f"127.0.0.1:{port}"]},
                balancers=app(backend("app")),
                extra=extra,
            ),
            httpd={"tls_profile": profile} if profile else None,
            more=ANYTHING,
        )

        def attempt(version, ciphers="ALL:@SECLEVEL=0"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_ciphers(ciphers)
            with warnings.catch_warnings():
                # That 1.1 is out of date is why it is tried.
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = version
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                try:
                    return context.wrap_socket(connection, server_hostname="shop.example.com")
                except (ssl.SSLError, ConnectionResetError):
                    return None

        return attempt

    return start


def test_the_intermediate_profile_allows_good_ciphers_of_tls_1_2_and_all_of_tls_1_3(handshake):
    attempt = handshake("intermediate")
    assert attempt(V1_1) is None
    assert attempt(V1_3).version() == "TLSv1.3"
    every = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    every.set_ciphers("ALL:@SECLEVEL=0")
    names = [each["name"] for each in every.get_ciphers() if each["protocol"] != "TLSv1.3"]
    good = {
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-CHACHA20-POLY1305",
    }
    assert {name for name in names if attempt(V1_2, name + ":@SECLEVEL=0")} == good < set(names)
    # The client chooses, and nobody who gets at a key of httpd later can read what was said.
    for first in good:
        others = ":".join([first, *(good - {first})])
        agreed = attempt(V1_2, others)
        assert agreed.cipher()[0] == first and not agreed.session.has_ticket


def test_the_modern_profile_allows_tls_1_3_and_nothing_else(handshake):
    attempt = handshake("modern")
    assert attempt(V1_3).version() == "TLSv1.3"
    assert attempt(V1_2) is None and attempt(V1_1) is None


@pytest.mark.parametrize("profile", ["system", None])
def test_without_a_profile_of_ours_the_distribution_decides(handshake, profile):
    attempt = handshake(profile)
    assert attempt(V1_1).version() == "TLSv1.1"
    assert attempt(V1_2, "AES128-SHA:@SECLEVEL=0").session.has_ticket


def test_what_a_site_says_of_tls_itself_counts_more_than_the_profile(handshake):
    attempt = handshake("intermediate", extra="SSLProtocol -all +TLSv1.3\n")
    assert attempt(V1_2) is None and attempt(V1_3).version() == "TLSv1.3"


FORGED = {
    "X-Forwarded-For": "192.0.2.66",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Prefix": "/evil",
    "X-Real-IP": "192.0.2.66",
    "Forwarded": "for=192.0.2.66",
}


@pytest.mark.parametrize("networks", [[], ["192.0.2.0/24"]])
def test_what_a_client_says_of_itself_does_not_reach_the_backends(bring_up, backend, networks):
    port = free_port()
    options = {"balancers": app(backend("app")), "trusted_proxies": networks}
    httpd = bring_up(site(f"127.0.0.1:{port}", **options))
    httpd.port = port
    told = json.loads(httpd.get("/headers", {"Host": "shop.example.com", **FORGED}).body)
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["x-forwarded-host"] == "shop.example.com"
    assert told["x-forwarded-proto"] == "http"
    assert not {"x-forwarded-prefix", "x-real-ip", "forwarded"} & set(told)


def test_what_a_trusted_proxy_says_of_the_client_is_believed(bring_up, backend):
    port = free_port()
    options = {"balancers": app(backend("app")), "trusted_proxies": ["127.0.0.0/8", "fd00::/8"]}
    httpd = bring_up(site(f"127.0.0.1:{port}", **options))
    httpd.port = port
    told = json.loads(httpd.get("/headers", {"Host": "shop.example.com", **FORGED}).body)
    assert told["x-forwarded-for"] == "192.0.2.66"
    assert told["x-forwarded-proto"] == "gopher"
    assert told["x-real-ip"] == "192.0.2.66"
    log = httpd.root / "logs" / "shop_access.log"
    assert wait_for(log.read_text, "a line in the log").startswith("192.0.2.66 ")


@pytest.fixture()
def page():
    """A file that the user of httpd can read, as the folders of pytest cannot be."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "my busy page.html"
        path.write_text("<p>Back soon</p>")
        yield path


def test_httpd_answers_with_a_page_of_the_site_when_no_backend_does(bring_up, page):
    port = free_port()
    gone = f"http://127.0.0.1:{free_port()}"
    httpd = bring_up(
        site(f"127.0.0.1:{port}", balancers=app(gone), error_pages={503: str(page)}),
        more="<Directory />\n    Require all denied\n</Directory>\n",
    )
    httpd.port = port
    answer = httpd.get("/shop/basket", {"Host": "shop.example.com"})
    assert (answer.status, answer.body) == (503, "<p>Back soon</p>")
    assert httpd.get("/.load_balancer/error/../../etc/passwd").status != 200


def test_a_request_is_logged_with_its_member_and_what_became_of_its_session(bring_up, backend):
    port = free_port()
    members = [{"url": backend(name), "route": name} for name in ("n1", "n2")]
    balancers = [{"name": "app", "application": "php", "members": members}]
    httpd = bring_up(site(f"127.0.0.1:{port}", balancers=balancers))
    httpd.port = port
    cookie = {"Host": "shop.example.com", "Cookie": "ROUTEID_APP=.n2"}
    httpd.get("/first", cookie)
    httpd.get("/second", {**cookie, "Cookie": "ROUTEID_APP=.n9"})
    log = httpd.root / "logs" / "shop_access.log"
    first, second = wait_for(
        lambda: log.read_text().splitlines()[1:] and log.read_text(), "lines"
    ).splitlines()
    url = members[1]["url"]
    assert '"GET /first HTTP/1.1" 200' in first
    assert (
        f" balancer=balancer://app member={url} route=n2 session_route=n2 route_changed=-" in first
    )
    assert " session_route=n9 route_changed=1" in second


def test_a_backend_is_asked_over_tls_if_its_certificate_is_signed_by_whom_it_should_be(
    setup, bring_up, backend, certificate, tmp_path
):
    port = free_port()
    options = {"balancers": app(backend("app", certificate)), "timeout": 5}
    tls = {"ca_certificate": certificate, "check_name": False}
    httpd = bring_up(site(f"127.0.0.1:{port}", backend_tls=tls, **options))
    own, httpd.port = httpd.port, port
    host = {"Host": "shop.example.com"}
    assert httpd.get("/", host).body.startswith("app / ")
    # The same certificate is for another name than that of the member.
    httpd.port = own
    setup.declare(site(f"127.0.0.1:{port}", backend_tls={**tls, "check_name": True}, **options))
    httpd.reload().port = port
    assert httpd.get("/", host).status >= 500


def app(*urls):
    return [{"name": "app", "members": [{"url": url} for url in urls]}]


def test_each_site_shows_its_own_balancers_under_its_name_at_one_address(
    setup, bring_up, backend, certificate
):
    shop, zoo, secure = map(backend, ("shop", "zoo", "secure"))
    port = free_port()
    bring_up(
        site(f"127.0.0.1:{port}", balancers=app(shop)),
        {
            **site(f"127.0.0.1:{port}", balancers=app(zoo)),
            "name": "zoo",
            "server_name": "zoo.example.com",
        },
        {
            "name": "secure",
            "server_name": "secure.example.com",
            # Nothing of it holds where its manager is asked.
            "extra": f'SSLVerifyClient require\nSSLCACertificateFile "{certificate}"\n',
            "tls": {
                "certificate": certificate,
                "listen": [f"127.0.0.1:{free_port()}"],
                "redirect": False,
            },
            "balancers": app(secure),
        },
    )
    assert setup.balancers("shop.example.com") == {"app": [shop]}
    assert setup.balancers("zoo.example.com") == {"app": [zoo]}
    assert setup.balancers("secure.example.com") == {"app": [secure]}
    for unknown in ("nobody.example", MANAGER):
        with pytest.raises(Unreachable, match="status 403"):
            setup.balancers(unknown)
    nameless = said("GET /balancer-manager HTTP/1.0\r\n\r\n", MANAGER, setup.manager_port)
    assert nameless.startswith("HTTP/1.1 403 ")


def test_sites_with_one_name_on_two_ports_show_their_balancers_at_two(setup, bring_up, backend):
    urls = [backend(name) for name in ("one", "two")]
    bring_up(
        *(
            {**site(f"127.0.0.1:{free_port()}", balancers=app(url)), "name": f"shop{index}"}
            for index, url in enumerate(urls)
        )
    )
    assert setup.balancers("shop.example.com") == {"app": urls[:1]}
    assert setup.balancers("shop.example.com", setup.manager_port + 1) == {"app": urls[1:]}


# What somebody may try who wants to get at balancer-manager from outside.
REQUESTS = [
    ("GET /balancer-manager HTTP/1.1", "Host: shop.example.com"),
    (
        "GET /balancer-manager?b=app&xml=1 HTTP/1.1",
        "Host: shop.example.com",
        "Referer: http://shop.example.com/",
    ),
    ("GET / HTTP/1.1", "Host: balancer-manager.invalid"),
    ("GET /balancer-manager HTTP/1.1", "Host: 127.0.0.2"),
    ("GET /balancer-manager HTTP/1.1", "Host: 127.0.0.2:{port}"),
    ("GET http://127.0.0.2:{port}/balancer-manager HTTP/1.1", "Host: shop.example.com"),
    ("GET /balancer-manager HTTP/1.1", "Host: shop.example.com", "X-Forwarded-For: 127.0.0.1"),
    (
        "GET /balancer-manager HTTP/1.1",
        "Host: shop.example.com",
        "X-Forwarded-For: 127.0.0.2",
        "X-Forwarded-Host: 127.0.0.2",
        "Forwarded: for=127.0.0.2;host=127.0.0.2",
    ),
    (
        "GET /balancer-manager HTTP/1.1",
        "Host: shop.example.com",
        "no-proxy: 1",
        "balancer_manager: 1",
        "Server_Addr: 127.0.0.2",
    ),
    ("GET /balancer-manager HTTP/1.0",),
    ("GET /%62alancer-manager/../balancer-manager HTTP/1.0",),
]


def test_at_the_address_of_the_site_every_request_goes_to_its_backend(setup, bring_up, backend):
    port = free_port()
    # It believes everybody who says who asks.
    trusting = "RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.0/8\n"
    bring_up(site(port, balancers=app(backend("app"))), more=trusting, other_modules=["remoteip"])
    for lines in REQUESTS:
        request = "\r\n".join([*lines, "Connection: close", "", ""])
        request = request.format(port=setup.manager_port)
        answer = said(request, "127.0.0.1", port)
        assert answer.startswith("HTTP/1.1 200 "), (request, answer)
        assert answer.rpartition("\r\n\r\n")[2].startswith("app /"), (request, answer)
        assert said(request, "127.0.0.1", setup.manager_port) == "", request


def test_the_address_of_the_manager_is_its_own_whatever_the_port_and_the_path(
    setup, bring_up, backend
):
    port = free_port()
    url = backend("app")
    bring_up(site(port, balancers=app(url)))
    assert setup.balancers("shop.example.com", port) == {"app": [url]}
    assert setup.balancers("shop.example.com", path="/some/path") == {"app": [url]}


@pytest.mark.parametrize(
    ("extra", "other_modules"),
    [
        ('RewriteEngine On\nRewriteRule "^/(.*)" "balancer://app/$1" [P]\n', ["rewrite"]),
        (
            "RewriteEngine On\n"
            'RewriteCond "%{HTTP_HOST}" "!^www"\n'
            'RewriteRule "^" "https://www.example.com%{REQUEST_URI}" [R=301]\n',
            ["rewrite"],
        ),
        ('<Location "/">\n    ProxyPass "balancer://app/"\n</Location>\n', []),
        ('<Location "/">\n    SetHandler "proxy:balancer://app"\n</Location>\n', []),
        ('<Location "/">\n    Require ip 192.0.2.1\n</Location>\n', ["authz_host"]),
        ('<If "true">\n    SetHandler "proxy:balancer://app"\n</If>\n', []),
        ("SetEnvIf Request_URI / !no-proxy !balancer_manager\n", []),
    ],
)
def test_what_a_site_says_itself_does_not_get_in_the_way_of_its_manager(
    setup, bring_up, backend, extra, other_modules
):
    url = backend("app")
    options = {"extra": extra, "balancers": app(url)}
    bring_up(site(f"127.0.0.1:{free_port()}", **options), other_modules=other_modules)
    assert setup.balancers("shop.example.com") == {"app": [url]}


def test_what_httpd_does_is_told_at_the_address_of_the_manager_and_nowhere_else(
    setup, bring_up, backend
):
    port = free_port()
    url = backend("app")
    # What Debian enables by itself.
    more = '<Location "/server-status">\n    SetHandler server-status\n    Require local\n</Location>\n'
    bring_up(
        site(port, balancers=app(url), trusted_proxies=["127.0.0.0/8"]),
        more=more,
        other_modules=["authz_host"],
    )

    def status(host, address, at, *more):
        lines = ["GET /server-status?auto HTTP/1.1", f"Host: {host}", *more, "Connection: close"]
        return said("\r\n".join([*lines, "", ""]), address, at)

    shown = status("shop.example.com", MANAGER, setup.manager_port)
    assert "BusyWorkers: " in shown and "ProxyBalancer[0]Name: balancer://app" in shown
    assert f"Worker[0]Name: {url}" in shown
    assert "BusyWorkers: " in status("monitor", MANAGER, setup.manager_port)
    outside = status("shop.example.com", "127.0.0.1", port, "X-Forwarded-For: 192.0.2.1")
    assert "BusyWorkers" not in outside and "ProxyBalancer" not in outside, outside


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_httpd_takes_the_limits_that_are_declared(setup, backend, mpm):
    numbers = {"mpm": mpm, "max_request_workers": 120}
    if mpm != "prefork":
        numbers["threads_per_child"] = 60
    wanted = {**numbers, "keepalive": True, "keepalive_timeout": 1, "max_keepalive_requests": 2}
    base = setup.httpd.base

    def as_the_distribution_has_it(*names):
        """Another MPM, and no limits."""
        text = base(*names).replace("mpm_event", f"mpm_{mpm}")
        return re.sub(
            r"(?m)^(ServerLimit|ThreadsPerChild|MaxRequestWorkers|M..SpareThreads) .*\n", "", text
        )

    setup.httpd.base = as_the_distribution_has_it
    port = free_port()
    balancers = [{"name": "app", "members": [{"url": backend("app"), "max": 5}]}]
    told = setup.declare(site(f"127.0.0.1:{port}", balancers=balancers), httpd=wanted)
    # What a limit of connections is worth where each process has one.
    codes = [problem["code"] for problem in told["problems"]]
    assert codes == (["AB328"] if mpm == "prefork" else [])
    httpd = setup.httpd.start()
    assert "exceed" not in httpd.log() and "multiple" not in httpd.log(), httpd.log()
    httpd.port = port
    answer = httpd.get("/", {"Host": "shop.example.com", "Connection": "Keep-Alive"})
    assert answer.headers["Keep-Alive"] == "timeout=1, max=2"
    request = "GET /server-status?auto HTTP/1.0\r\n\r\n"
    page = said(request, MANAGER, setup.manager_port)
    assert len(page.partition("Scoreboard: ")[2].splitlines()[0]) >= 120, page
    assert f"ServerMPM: {mpm}" in page


def test_without_a_manager_there_is_none(setup, bring_up, backend):
    port = free_port()
    httpd = bring_up(site(port, balancers=app(backend("app"))), manager=False)
    httpd.port = port
    assert httpd.get("/balancer-manager").body.startswith("app /balancer-manager ")
    request = "GET /balancer-manager HTTP/1.0\r\n\r\n"
    assert said(request, MANAGER, setup.manager_port) == ""
    assert "app /balancer-manager" in said(request, MANAGER, port)


def test_a_site_gets_its_manager_by_one_reload_and_changes_without_one_from_then_on(
    setup, bring_up, backend
):
    port = free_port()
    one, two = backend("one"), backend("two")
    httpd = bring_up(site(f"127.0.0.1:{port}", balancers=app(one)), manager=False)
    # The running httpd knows nothing of the manager yet: the change is left to the reload.
    heavy = [{"name": "app", "members": [{"url": one, "loadfactor": 2}]}]
    told = setup.declare(site(f"127.0.0.1:{port}", balancers=heavy))
    assert told["reload_required"] is True
    assert module_for(httpd, "graceful_reload")()["changed"] is True
    assert setup.balancers("shop.example.com") == {"app": [one]}

    told = setup.declare(site(f"127.0.0.1:{port}", balancers=app(one, two)))
    assert told["changed"] is True
    assert told["reload_required"] is False, told["reload_reasons"]
    assert setup.balancers("shop.example.com") == {"app": [one, two]}
    httpd.port = port

    def answering():
        return httpd.get("/", {"Host": "shop.example.com"}).body.split()[0]

    wait_for(lambda: answering() == "two", "a request for the added member")
    httpd.reload()
    assert setup.balancers("shop.example.com") == {"app": [one, two]}


def test_ten_members_can_be_added_while_httpd_runs(setup, bring_up, backend):
    port = free_port()
    first = backend("first")
    httpd = bring_up(site(f"127.0.0.1:{port}", balancers=app(first)))
    # On a slow machine the files are not old enough to be known as loaded.
    assert module_for(httpd, "graceful_reload")().get("failed") is not True
    more = [f"http://127.0.0.1:{number}" for number in range(1, 12)]
    told = setup.declare(site(f"127.0.0.1:{port}", balancers=app(first, *more[:10])))
    assert told["reload_required"] is False, told["reload_reasons"]
    assert len(setup.balancers("shop.example.com")["app"]) == 11
    told = setup.declare(site(f"127.0.0.1:{port}", balancers=app(first, *more)))
    assert told["reload_required"] is True
    assert "no free slot" in " ".join(told["reload_reasons"])


def cookies_of(port, path="/", cookie=""):
    """Return the cookies that the site sets in answer to a request with *cookie*, and which backend answered."""
    lines = [
        f"GET {path} HTTP/1.0",
        "Host: shop.example.com",
        *([f"Cookie: {cookie}"] if cookie else []),
    ]
    answer = said("\r\n".join([*lines, "", ""]), "127.0.0.1", port)
    head, dummy, body = answer.partition("\r\n\r\n")
    found = [
        line.partition(": ")[2] for line in head.split("\r\n") if line.startswith("Set-Cookie")
    ]
    return found, body.split()[0]


def test_applications_without_routes_stick_by_a_cookie_of_httpd_for_each(bring_up, backend):
    port = free_port()
    balancers = [
        {
            "name": name,
            "application": "php",
            "members": [{"url": backend(f"{name}{i}"), "route": f"{name}{i}"} for i in (1, 2)],
        }
        for name in ("app", "app-admin")
    ]
    forwards = [{"path": "/", "balancer": "app"}, {"path": "/admin/", "balancer": "App-Admin"}]
    bring_up(site(f"127.0.0.1:{port}", balancers=balancers, proxy_pass=forwards))
    for path, name, cookie in (
        ("/", "app", "ROUTEID_APP"),
        ("/admin/", "app-admin", "ROUTEID_APP_ADMIN"),
    ):
        found, node = cookies_of(port, path)
        assert found[1:] == [f"{cookie}=.{node}; Path=/; HttpOnly; SameSite=Lax"], found
        other = f"{name}{3 - int(node[-1])}"
        for wanted in (node, other) * 3:
            assert cookies_of(port, path, f"{cookie}=.{wanted}") == (["SID=1; Path=/b/"], wanted)


def test_a_servlet_container_sticks_by_its_own_cookie_and_by_the_path(bring_up, backend):
    port = free_port()
    members = [{"url": backend(name), "route": name} for name in ("n1", "n2")]
    app = [{"name": "app", "application": "tomcat", "members": members}]
    bring_up(site(f"127.0.0.1:{port}", balancers=app))
    for node in ("n1", "n2") * 3:
        assert cookies_of(port, "/", f"JSESSIONID=0A1B.{node}")[1] == node
        assert cookies_of(port, f"/x;jsessionid=0A1B.{node};y=1")[1] == node
        assert len(cookies_of(port)[0]) == 1


def test_the_cookie_is_secure_where_the_site_speaks_tls(setup, backend, certificate):
    members = [{"url": backend("n1"), "route": "n1"}]
    app = [{"name": "app", "application": "generic", "members": members}]
    options = {"balancers": app, "tls": {"certificate": certificate, "listen": [free_port()]}}
    result = setup.declare(site(free_port(), **options))
    assert result["problems"] == []
    assert "; Secure; HttpOnly" in (setup.httpd.root / "sites" / "shop+app.conf").read_text()


def test_the_cookie_of_the_application_never_becomes_that_of_httpd(setup, backend):
    members = [{"url": backend("n1"), "route": "n1"}]
    app = {"name": "app", "application": "php", "proxy_set": {"stickysession": "PHPSESSID"}}
    with pytest.raises(AssertionError, match="AB330"):
        setup.declare(site(f"127.0.0.1:{free_port()}", balancers=[{**app, "members": members}]))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"proxy_set": {"stickysession": "PHPSESSID"}}, ["AB334"]),
        ({"application": "php"}, []),
        ({"application": "generic"}, []),
        ({"application": "tomcat"}, []),
        ({"sticky_cookie": {}}, []),
        ({"application": "tomcat", "proxy_set": {"stickysession": "PHPSESSID"}}, ["AB334"]),
    ],
)
def test_a_cookie_of_the_application_that_carries_no_route_is_told_of(
    setup, backend, options, told
):
    members = [{"url": backend(name), "route": name} for name in ("n1", "n2")]
    app = {"name": "app", "members": members, **options}
    address = f"127.0.0.1:{free_port()}"
    result = setup.declare(site(address, balancers=[app]))
    assert [problem["code"] for problem in result["problems"]] == told
    cured = {"name": "app", "members": members, "application": "php"}
    assert setup.declare(site(address, balancers=[cured]))["problems"] == []
    text = (setup.httpd.root / "sites" / "shop+app.conf").read_text()
    assert "stickysession=ROUTEID_APP" in text


@pytest.fixture()
def drained(setup, backend):
    """A site whose second member is drained in the running httpd alone."""
    members = [{"url": backend(name), "route": name} for name in ("n1", "n2")]
    declared = site(f"127.0.0.1:{free_port()}", balancers=[{"name": "app", "members": members}])
    setup.declare(declared)
    setup.httpd.start_on_old_files()
    assert reloaded(setup)["changed"] is False
    drain(setup, "n2")
    return declared


def drain(setup, route, name="shop.example.com"):
    """Drain a member in the running httpd of the site *name* alone."""
    result = module_for(setup.httpd, "balancer_member")(
        route=route,
        state="drained",
        target="runtime",
        manager_url=setup.manager_url,
        manager_server_name=name,
    )
    assert result["changed"] is True, result


def reloaded(setup):
    """Do as the role does at its end; return what graceful_reload said."""
    result = module_for(setup.httpd, "graceful_reload")(manager_url=setup.manager_url)
    assert "failed" not in result, result
    return result


def states(setup, name="shop.example.com"):
    """Return by route whether each member of the balancer is drained in the running httpd."""
    page = Manager(setup.manager_url, name).page()
    assert page.server_name == name
    members = page.balancers["app"].members.values()
    return {each.values["route"]: "drained" in each.values["status"] for each in members}


class TestAMemberThatOnlyTheRunningHttpdKeepsOut:
    """... stays out, whatever of its site changes."""

    def check(self, setup, declared):
        setup.declare(declared)
        result = reloaded(setup)
        assert result["changed"] is True and result.get("warnings", []) == []
        assert [change["after"] for change in result["changes"]] == [["drained"]]
        assert states(setup, declared["server_name"]) == {"n1": False, "n2": True}
        assert reloaded(setup)["changed"] is False

    def test_when_the_site_changes(self, setup, drained):
        self.check(setup, {**drained, "timeout": 5})

    def test_when_balancer_manager_gets_another_port(self, setup, drained):
        setup.manager_port = free_port()
        self.check(setup, drained)

    def test_when_the_site_gets_another_host_name(self, setup, drained):
        self.check(setup, {**drained, "server_name": "www.example.com"})

    def test_when_the_site_gets_both(self, setup, drained):
        setup.manager_port = free_port()
        self.check(setup, {**drained, "server_name": "www.example.com"})

    def test_when_the_site_gets_another_name(self, setup, drained):
        self.check(setup, {**drained, "name": "store"})

    def test_in_its_own_site_and_not_in_another_one_with_the_same_members(self, setup, drained):
        # httpd shows the first of its virtual hosts to who asks for a name that it does not know.
        first = {**drained, "name": "first", "server_name": "first.example.com"}
        setup.declare(first, drained)
        reloaded(setup)
        drain(setup, "n1", "first.example.com")
        www = {**drained, "server_name": "www.example.com"}
        new = {**drained, "name": "new", "server_name": "new.example.com"}
        setup.declare(first, www, new)
        reloaded(setup)
        assert states(setup, "first.example.com") == {"n1": True, "n2": False}
        assert states(setup, "www.example.com") == {"n1": False, "n2": True}
        assert states(setup, "new.example.com") == {"n1": False, "n2": False}

    def test_and_if_it_cannot_be_asked_that_is_said(self, setup, drained):
        setup.manager_port = free_port()
        setup.declare(drained)
        (setup.httpd.root / ".apache_balancer" / "proven").unlink()
        (warning,) = reloaded(setup)["warnings"]
        warning = str(warning)
        assert "may get requests again" in warning and str(setup.manager_port) in warning

    def test_is_not_looked_for_in_a_balancer_that_is_new(self, setup, drained, backend):
        other = {"name": "new", "members": [{"url": backend("n3")}]}
        new = site(free_port(), balancers=[other])
        setup.declare(drained, {**new, "name": "new", "server_name": "new.example.com"})
        assert reloaded(setup).get("warnings", []) == []


def test_what_an_application_brought_goes_with_it(setup, backend):
    members = [{"url": backend("n1"), "route": "n1"}]
    port = free_port()
    more = {"application": "php", "health_check": {"uri": "/up", "expect_status": ["200"]}}
    setup.declare(site(port, balancers=[{"name": "app", "members": members}]))
    file = setup.httpd.root / "sites" / "shop+app.conf"
    plain = file.read_text()
    setup.declare(site(port, balancers=[{"name": "app", "members": members, **more}]))
    assert "ProxyHCExpr" in file.read_text() and "Header add" in file.read_text()
    setup.declare(
        site(port, balancers=[{"name": "app", "members": members}]),
        other_modules=("headers", "proxy_hcheck"),
    )
    assert file.read_text() == plain


def test_a_cookie_that_a_site_issues_itself_stays(setup, backend):
    members = [{"url": backend("n1"), "route": "n1"}]
    app = [{"name": "app", "members": members, "proxy_set": {"stickysession": "R"}}]
    line = 'Header add Set-Cookie "R=.%{BALANCER_WORKER_ROUTE}e; Path=/" env=BALANCER_ROUTE_CHANGED'
    setup.declare(site(free_port(), balancers=app, extra=line), other_modules=("headers",))
    assert line in (setup.httpd.root / "sites" / "shop.conf").read_text()


BY_HAND = {
    "office.conf": "# Made by hand\n",
    "acl+office.conf": '# Made by hand\n<Proxy "*">\n    Require ip 192.0.2.0/24\n</Proxy>\n',
    "first+office.conf": '<Proxy "*">\n    Require all granted\n</Proxy>\n',
    "app+by-hand.conf": (
        "# Made by hand\n"
        '<Proxy "balancer://by-hand">\n'
        '    BalancerMember "http://192.0.2.1"\n'
        "</Proxy>\n"
    ),
}


def test_what_the_role_has_written_goes_with_its_site_and_nothing_else_does(setup, backend):
    folder = setup.httpd.root / "sites"
    members = [{"url": backend("n1"), "route": "n1"}]
    more = {"application": "php", "health_check": {"uri": "/up", "expect_status": ["200"]}}
    apps = [{"name": "plain", "members": members}, {"name": "rich", "members": members, **more}]
    forwards = [{"path": f"/{name}/", "balancer": name} for name in ("plain", "rich")]
    setup.declare(site(free_port(), balancers=apps, proxy_pass=forwards))
    ours = {path.name for path in folder.iterdir()}
    assert {"shop.conf", "shop+plain.conf", "shop+rich.conf"} <= ours
    for name, text in BY_HAND.items():
        (folder / name).write_text(text)
    other = {"name": "zoo", "balancers": app("http://127.0.0.1:1")}
    setup.declare({**site(free_port()), **other}, other_modules=("headers", "proxy_hcheck"))
    left = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    assert {"zoo.conf", "zoo+app.conf"} == left.keys() - BY_HAND.keys()
    assert {name: left.get(name) for name in BY_HAND} == BY_HAND


def test_the_session_of_httpd_itself_is_for_the_whole_site(bring_up, backend):
    port = free_port()
    forwards = [{"path": "/reports/", "balancer": "app", "backend_path": "/"}]
    options = {"extra": "SessionHeader X-In\nHeader set X-In user=me\n", "proxy_pass": forwards}
    bring_up(
        site(
            f"127.0.0.1:{port}",
            balancers=app(backend("app")),
            session={"cookie": "SESS", "max_age": 600},
            **options,
        ),
        other_modules=("headers",),
    )
    found, dummy = cookies_of(port, "/reports/x?path=/")
    assert "SID=1; Path=/reports/" in found
    sessions = [cookie for cookie in found if cookie.startswith("SESS=")]
    assert sessions and all("path=/;" in cookie for cookie in sessions), found


def test_a_site_that_logs_the_route_has_the_cookie_of_its_balancer(bring_up, backend):
    port = free_port()
    members = [{"url": backend("n1"), "route": "n1"}]
    app = [{"name": "app", "application": "generic", "members": members}]
    extra = 'CustomLog logs/routes.log "route=%{BALANCER_WORKER_ROUTE}e"'
    httpd = bring_up(site(f"127.0.0.1:{port}", balancers=app, extra=extra))
    assert cookies_of(port)[0][1:] == ["ROUTEID_APP=.n1; Path=/; HttpOnly; SameSite=Lax"]
    log = httpd.root / "logs" / "routes.log"
    assert wait_for(log.read_text, "a line in the log") == "route=n1\n"


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_site_has_a_session_of_httpd_itself(bring_up, backend, tmp_path, encrypted):
    port = free_port()
    secret = tmp_path / "my secret"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    session = {"cookie": "SESS", "max_age": 600}
    session.update({"crypto_passphrase_file": str(secret)} if encrypted else {})
    # Something has to be in it.
    options = {"extra": "SessionHeader X-In\nHeader set X-In user=me\n", "session": session}
    bring_up(
        site(f"127.0.0.1:{port}", balancers=app(backend("app")), **options),
        other_modules=("headers",),
    )
    (found,) = (cookie for cookie in cookies_of(port)[0] if cookie.startswith("SESS="))
    value, *attributes = found.split(";")
    assert attributes == ["Max-Age=600", "path=/", "HttpOnly", "SameSite=Lax"]
    assert ("expiry" in value) is not encrypted


@pytest.mark.parametrize("name", ["lb1", "lb1:8080", "10.0.0.1", "2001:db8::10", "::1", ""])
def test_httpd_takes_the_name_of_a_host_whatever_the_inventory_calls_it(setup, name):
    balancers = [{"name": "app", "members": [{"url": "http://127.0.0.1:1"}]}]
    declared = site(f"127.0.0.1:{free_port()}", balancers=balancers)
    assert setup.declare(declared, server_name=name)["validated"] != "no"
