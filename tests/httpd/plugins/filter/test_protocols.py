# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Members of every protocol, asked through a site as the role writes it."""

from __future__ import annotations

import itertools
import json
import os
import socket
import ssl
import tempfile
from pathlib import Path

import pytest

from ansible_collections.webtier.apache_balancer.tests.httpd.plugins.filter.conftest import site
from ansible_collections.webtier.apache_balancer.tests.support.backends import (
    Ajp,
    Backend,
    Fcgi,
    Scgi,
    Uwsgi,
    WebSocket,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    PrivateHttpd,
    free_port,
)

# The certificate of these tests is not for 127.0.0.1.
OTHER_NAME = {"check_name": False}


@pytest.fixture()
def answer(bring_up):
    """Ask for a path of a site whose balancer has the given member; return what is answered."""

    def ask(member, path, **options):
        port = free_port()
        balancers = [{"name": "app", "members": [member]}]
        httpd = bring_up(site(f"127.0.0.1:{port}", balancers=balancers, **options))
        httpd.port = port
        return httpd.get(path, {"Host": "shop.example.com"})

    return ask


@pytest.fixture()
def folder():
    """A folder that the user of httpd can enter, as those of pytest cannot be."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        yield Path(path)


def test_a_script_of_php_fpm_is_below_the_path_of_its_member(answer):
    with Backend(Fcgi) as backend:
        url = f"fcgi://127.0.0.1:{backend.port}/srv/php"
        told = json.loads(answer({"url": url}, "/shop/index.php?q=1").body)
    # PHP-FPM drops what stands before the path (fpm_main.c init_request_info).
    assert told["SCRIPT_FILENAME"] == f"proxy:{url}/shop/index.php"
    assert (told["SCRIPT_NAME"], told["QUERY_STRING"]) == ("/shop/index.php", "q=1")
    assert told["HTTP_HOST"] == "shop.example.com"


def test_php_fpm_on_a_socket_has_its_scripts_there_too(answer, folder):
    path = folder / "fpm.sock"
    with Backend(Fcgi, path):
        told = json.loads(answer({"url": f"unix:{path}|fcgi://php/srv/php"}, "/index.php").body)
    assert told["SCRIPT_FILENAME"] == "proxy:fcgi://php/srv/php/index.php"


def test_one_script_may_answer_for_every_path(answer):
    extra = (
        'ProxyFCGISetEnvIf "true" SCRIPT_FILENAME "/srv/php/index.php"\n'
        'ProxyFCGISetEnvIf "true" SCRIPT_NAME "/index.php"\n'
    )
    with Backend(Fcgi) as backend:
        member = {"url": f"fcgi://127.0.0.1:{backend.port}/srv/php"}
        told = json.loads(answer(member, "/basket/7", extra=extra).body)
    assert told["SCRIPT_FILENAME"] == "/srv/php/index.php"
    assert (told["SCRIPT_NAME"], told["REQUEST_URI"]) == ("/index.php", "/basket/7")


def test_ajp_tells_the_secret_and_the_name_the_client_asked_for(answer):
    with Backend(Ajp) as backend:
        member = {"url": f"ajp://127.0.0.1:{backend.port}", "secret": "s3cret", "ping": 2}
        told = json.loads(answer(member, "/shop").body)
    assert (told["method"], told["path"], told["secret"]) == ("GET", "/shop", "s3cret")
    assert told["host"] == told["server"] == "shop.example.com"


def test_http_2_without_tls(answer, tmp_path):
    with PrivateHttpd(tmp_path / "h2c", "http2", "headers") as backend:
        backend.write(
            "conf/h2c.conf",
            'Protocols h2c http/1.1\nHeader always set X-Spoken "expr=%{SERVER_PROTOCOL}"\n',
        )
        backend.start()
        found = answer({"url": f"h2c://127.0.0.1:{backend.port}"}, "/")
    assert (found.status, found.headers["X-Spoken"]) == (404, "HTTP/2.0")


def test_http_2_with_tls(answer, tmp_path, certificate):
    with PrivateHttpd(tmp_path / "h2", "http2", "headers", "ssl", "socache_shmcb") as backend:
        tls_port = free_port()
        backend.write(
            "conf/h2.conf",
            f"Listen 127.0.0.1:{tls_port}\nProtocols h2 http/1.1\n"
            f"<VirtualHost 127.0.0.1:{tls_port}>\n"
            f'SSLEngine On\nSSLCertificateFile "{certificate}"\n'
            'Header always set X-Spoken "expr=%{SERVER_PROTOCOL} %{HTTPS}"\n'
            "</VirtualHost>\n",
        )
        backend.start()
        found = answer({"url": f"h2://127.0.0.1:{tls_port}"}, "/", backend_tls=OTHER_NAME)
    assert (found.status, found.headers["X-Spoken"]) == (404, "HTTP/2.0 on")


@pytest.mark.parametrize(("backend_tls", "status"), [(None, 500), (OTHER_NAME, 200)])
def test_httpd_looks_at_the_name_in_a_certificate_although_anybody_may_have_signed_it(
    answer, certificate, backend_tls, status
):
    with Backend(WebSocket, certificate=certificate) as backend:
        member = {"url": f"https://127.0.0.1:{backend.port}"}
        assert answer(member, "/", backend_tls=backend_tls).status == status


@pytest.mark.parametrize(("scheme", "handler"), [("scgi", Scgi), ("uwsgi", Uwsgi)])
def test_applications_of_python_and_others_are_told_path_and_host_name(answer, scheme, handler):
    with Backend(handler) as backend:
        member = {"url": f"{scheme}://127.0.0.1:{backend.port}"}
        told = json.loads(answer(member, "/shop?q=1").body)
    assert told["REQUEST_URI"] == "/shop?q=1"
    assert told["HTTP_HOST"] == "shop.example.com"


def test_http_on_a_socket(answer, folder):
    path = folder / "app.sock"
    with Backend(WebSocket, path):
        found = answer({"url": f"unix:{path}|http://app"}, "/")
    assert (found.status, found.body) == (200, "plain")


@pytest.mark.parametrize(
    "member",
    [
        {"url": "http://127.0.0.1:{}", "upgrade": "websocket"},
        {"url": "https://127.0.0.1:{}", "upgrade": "websocket"},
        {"url": "ws://127.0.0.1:{}"},
        {"url": "wss://127.0.0.1:{}"},
    ],
)
def test_a_websocket_goes_through(bring_up, certificate, member):
    port = free_port()
    tls = member["url"].partition("://")[0] in ("https", "wss")
    # By wss:// the old module hangs with TLS 1.3 (AB329).
    newest = ssl.TLSVersion.TLSv1_2 if member["url"].startswith("wss:") else None
    with Backend(WebSocket, certificate=certificate if tls else "", newest=newest) as backend:
        member = {**member, "url": member["url"].format(backend.port)}
        bring_up(
            site(
                f"127.0.0.1:{port}",
                balancers=[{"name": "app", "members": [member]}],
                timeout=5,
                backend_tls=OTHER_NAME if tls else None,
            )
        )
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            head, said = talk(client, b"hello")
            assert head.startswith("HTTP/1.1 101 "), head
            assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
            assert said == b"HELLO"


def talk(client, text):
    """Open a websocket on the connection *client*, say a short *text*; return the head and what is said then."""
    client.sendall(
        b"GET /chat HTTP/1.1\r\nHost: shop.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        # The example of RFC 6455.
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    stream = client.makefile("rb")
    lines = iter(stream.readline, b"\r\n")
    head = "".join(line.decode() for line in itertools.takewhile(bool, lines))
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(text))
    client.sendall(bytes([0x81, 0x80 | len(text)]) + mask + masked)
    return head, stream.read(2 + len(text))[2:]
