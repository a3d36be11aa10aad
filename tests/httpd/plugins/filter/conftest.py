# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from ansible_collections.webtier.apache_balancer.plugins.filter.site_configuration import (
    site_configuration,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.client import (
    Manager,
)
from ansible_collections.webtier.apache_balancer.tests.httpd.conftest import module_for
from ansible_collections.webtier.apache_balancer.tests.support.certificates import (
    made_certificate,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    PrivateHttpd,
    free_port,
)

MANAGER = "127.0.0.2"


class Echo(BaseHTTPRequestHandler):
    """Answers with the path it was asked for and the host names it was told; at /headers with all it was told. *to* in
    the query is where it redirects to, each *path* that of a cookie."""

    def do_GET(self):
        told = [self.headers.get(name, "-") for name in ("Host", "X-Forwarded-Proto")]
        body = " ".join([self.server.name, self.path, *told]).encode()
        if self.path == "/headers":
            body = json.dumps({key.lower(): value for key, value in self.headers.items()}).encode()
        query = parse_qs(urlsplit(self.path).query)
        there = f"http://127.0.0.1:{self.server.server_port}/b/there"
        self.send_response(302 if "moved" in self.path else 200)
        self.send_header("Location", query.get("to", [there])[0])
        for path in query.get("path", ["/b/"]):
            self.send_header("Set-Cookie", f"SID=1; Path={path}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture()
def backend():
    """Start a backend of a given name; return its URL."""
    servers = []

    def start(name, certificate=None):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        server.name = name
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Setup:
    """Declared sites on a private httpd, brought there by the module configuration."""

    def __init__(self, root):
        self.httpd = PrivateHttpd(root)
        self.manager_port = free_port()

    @property
    def manager_url(self):
        """Where balancer-manager answers by what is declared."""
        return f"http://{MANAGER}:{self.manager_port}/balancer-manager"

    def declare(
        self, *sites, manager=True, more="", other_modules=(), httpd=None, server_name="", **options
    ):
        """Write what the sites need; return what the module said."""
        root = self.httpd.root
        declared = site_configuration(
            sites,
            folder=str(root / "sites"),
            main_file=str(root / "conf" / "load_balancer.conf"),
            log_folder=str(root / "logs"),
            server_name=server_name,
            existing_listen=[f"127.0.0.1:{self.httpd.port}"],
            manager_address=MANAGER if manager else "",
            manager_port=self.manager_port,
            httpd=httpd,
        )
        # Which MPM is loaded is a matter of the main file here.
        declared["modules"] = [m for m in declared["modules"] if not m["name"].startswith("mpm_")]
        names = {module["name"] for module in declared["modules"]} | set(other_modules)
        # What Debian's links bring into order, LoadModule lines must have: what others need first.
        first = [name for name in ("proxy", "slotmem_shm", "proxy_balancer") if name in names]
        rest = sorted(names - {*first, "authz_core"})
        text = self.httpd.base(*first, *rest) + more
        if self.httpd.config_file.read_text() != text:
            self.httpd.write("httpd.conf", text)
        changes = {key: declared[key] for key in ("files", "balancers", "purge")}
        result = module_for(self.httpd, "configuration")(**changes, **options)
        assert result.get("failed") is not True, result
        again = module_for(self.httpd, "configuration")(**changes)
        assert again["changed"] is False, again
        return result

    def balancers(self, name, port=0, path="/balancer-manager"):
        """Return what the balancer-manager of *name* shows: the members of each balancer."""
        manager = Manager(f"http://{MANAGER}:{port or self.manager_port}{path}", name)
        try:
            page = manager.page()
        finally:
            manager.close()
        assert page.server_name == name
        return {balancer.name: list(balancer.members) for balancer in page.balancers.values()}


@pytest.fixture()
def setup(tmp_path):
    """Declared sites on a private httpd, which is ended afterwards."""
    made = Setup(tmp_path / "httpd")
    yield made
    made.httpd.stop()


@pytest.fixture()
def bring_up(setup):
    """Write declared sites and start httpd on them."""

    def start(*sites, **options):
        assert setup.declare(*sites, **options)["validated"] != "no"
        return setup.httpd.start_on_old_files()

    return start


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a certificate and its key."""
    return str(made_certificate(tmp_path_factory.mktemp("tls") / "my certificate.pem"))


def site(listen, **options):
    return {"name": "shop", "server_name": "shop.example.com", "listen": [listen], **options}
