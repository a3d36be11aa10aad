# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role writes, on a real httpd with the modules that the role asks for and no others."""

from __future__ import annotations

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ansible_collections.webtier.apache_balancer.plugins.filter.site_configuration import (
    site_configuration,
)
from ansible_collections.webtier.apache_balancer.tests.httpd.conftest import module_for
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    PrivateHttpd,
    free_port,
)


class Echo(BaseHTTPRequestHandler):
    """Answers with the path it was asked for and the host names it was told."""

    def do_GET(self):
        told = [self.headers.get(name, "-") for name in ("Host", "X-Forwarded-Proto")]
        body = " ".join([self.server.name, self.path, *told]).encode()
        self.send_response(302 if "moved" in self.path else 200)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/b/there")
        self.send_header("Set-Cookie", "SID=1; Path=/b/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture()
def backend():
    """Start a backend of a given name; return its URL."""
    servers = []

    def start(name):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        server.name = name
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture()
def bring_up(tmp_path):
    """Write declared sites through the module configuration and start httpd on them."""
    servers = []

    def start(*sites):
        root = tmp_path / "httpd"
        httpd = PrivateHttpd(root)
        servers.append(httpd)
        declared = site_configuration(
            sites,
            folder=str(root / "sites"),
            main_file=str(root / "conf" / "load_balancer.conf"),
            existing_listen=[f"127.0.0.1:{httpd.port}"],
        )
        names = [module["name"] for module in declared["modules"]]
        # What Debian's links bring into order, LoadModule lines must have: what others need first.
        first = [name for name in ("proxy", "slotmem_shm", "proxy_balancer") if name in names]
        httpd.write("httpd.conf", httpd.base(*first, *(set(names) - set(first))))
        changes = {key: declared[key] for key in ("files", "balancers")}
        result = module_for(httpd, "configuration")(**changes)
        assert result.get("failed") is not True, result
        assert result["validated"] != "no"
        assert module_for(httpd, "configuration")(**changes)["changed"] is False
        return httpd.start()

    yield start
    for httpd in servers:
        httpd.stop()


def site(listen, **options):
    return {"name": "shop", "server_name": "shop.example.com", "listen": [listen], **options}


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
    assert httpd.get("/x?y=1", host).body == "a-1 /x?y=1 shop.example.com -"
    assert httpd.get("/my(shop)/x", host).body == "b.2 /b/x shop.example.com -"
    assert httpd.get("/my(shop)/static", host).status == 404
    moved = httpd.get("/my(shop)/moved", host)
    assert moved.headers["Location"].endswith("/my(shop)/there"), moved
    assert moved.headers["Set-Cookie"] == "SID=1; Path=/my(shop)/"


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


def test_a_site_with_tls_redirects_to_it_and_tells_the_backends(bring_up, backend, tmp_path):
    port, tls_port = free_port(), free_port()
    certificate = tmp_path / "my certificate.pem"
    key = tmp_path / "key.pem"
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=x"]
    subprocess.run(
        ["openssl", *request, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    certificate.write_text(certificate.read_text() + key.read_text())
    httpd = bring_up(
        site(
            f"127.0.0.1:{port}",
            tls={"certificate": str(certificate), "listen": [f"127.0.0.1:{tls_port}"]},
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
