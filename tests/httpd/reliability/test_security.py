# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody gets in through what the role sets up, and nobody reads what is secret."""

from __future__ import annotations

import itertools
import os
import stat
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from ansible_collections.webtier.apache_balancer.tests.httpd.conftest import module_for
from ansible_collections.webtier.apache_balancer.tests.httpd.plugins.filter.conftest import (
    MANAGER,
    Echo,
    Setup,
    site,
)
from ansible_collections.webtier.apache_balancer.tests.httpd.plugins.filter.test_site_configuration import (
    said,
)
from ansible_collections.webtier.apache_balancer.tests.support.modules import run
from ansible_collections.webtier.apache_balancer.tests.support.other_host import OtherHost
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import free_port

# Only balancer-manager and mod_status say such things.
TELLTALES = (
    b"Load Balancer Manager for",
    b"nonce=",
    b"httpd:manager",
    b"BusyWorkers",
    b"Server Status for",
)
# What Debian's mods-available/status.conf has: a handler for every site.
DEBIANS_STATUS = (
    '<Location "/server-status">\n    SetHandler server-status\n    Require local\n</Location>\n'
)
PATHS = (
    "/balancer-manager",
    "//balancer-manager",
    "/%62alancer-manager",
    "/app/../balancer-manager",
    "/balancer-manager/",
    "/balancer-manager?xml=1",
    "/;/balancer-manager",
    "/server-status",
    "/server-status?auto",
    "//server-status",
    "/%73erver-status",
    "/app/../server-status",
    "/.load_balancer/error/../../balancer-manager",
)
HOSTS = (
    "shop.example.com",
    "zoo.example.com",
    "127.0.0.2",
    "localhost",
    "nobody",
    "127.0.0.2:{manager}",
)
CLAIMS = (
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-For: 127.0.0.2\r\nX-Forwarded-Host: 127.0.0.2\r\nForwarded: for=127.0.0.1",
    "X-Real-IP: 127.0.0.1\r\nRemoteIP: 127.0.0.1\r\nbalancer_manager: 1\r\nno-proxy: 1",
    "X-Forwarded-For: ::1\r\nProxy: http://127.0.0.2/",
)


def requests(manager_port: int) -> list[bytes]:
    """Return what somebody may send who wants to get at balancer-manager or at the status."""
    found = []
    for path, host in itertools.product(PATHS, HOSTS):
        found += [
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\n",
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\n",
        ]
        found.append(f"GET http://{host}{path} HTTP/1.1\r\nHost: shop.example.com\r\n")
    for path, claim in itertools.product(PATHS, CLAIMS):
        found.append(f"GET {path} HTTP/1.1\r\nHost: shop.example.com\r\n{claim}\r\n")
    found += [f"GET {path} HTTP/1.0\r\n" for path in PATHS]
    found += ["GET /balancer-manager HTTP/1.1\r\nHost:\r\n", "GET /balancer-manager HTTP/1.1\r\n"]
    found += ["OPTIONS * HTTP/1.1\r\nHost: 127.0.0.2\r\n", "TRACE /balancer-manager HTTP/1.0\r\n"]
    end = "Content-Length: 0\r\nConnection: close\r\n\r\n"
    return [(text.replace("{manager}", str(manager_port)) + end).encode() for text in found]


def tells(answer: bytes) -> bool:
    """Whether *answer* comes from balancer-manager or mod_status."""
    return any(telltale in answer for telltale in TELLTALES)


@pytest.fixture()
def backend() -> Iterator[Callable[[str], ThreadingHTTPServer]]:
    """Start a backend of a given name, which counts its requests."""
    servers = []

    class Counting(Echo):
        def do_GET(self) -> None:
            self.server.count += 1
            super().do_GET()

        do_POST = do_GET
        do_OPTIONS = do_GET

    def start(name: str) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
        server.name, server.count = name, 0
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def url(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def app(server: ThreadingHTTPServer) -> list[dict[str, Any]]:
    return [{"name": "app", "members": [{"url": url(server)}]}]


@pytest.fixture()
def setup(tmp_path: Path) -> Iterator[Setup]:
    made = Setup(tmp_path / "httpd")
    yield made
    made.httpd.stop()


@pytest.mark.namespaces("root")
@pytest.mark.parametrize("trusted", [False, True], ids=["stranger", "trusted"])
@pytest.mark.parametrize("path", ["/", "/app/"])
def test_no_other_host_gets_at_the_manager_or_the_status(
    setup: Setup, backend, trusted, path, tally
):
    port = free_port()
    own = backend("app")
    with OtherHost() as other:
        # The other host may even be one that is believed what it says of clients.
        options = {
            "balancers": app(own),
            "proxy_pass": [{"path": path, "balancer": "app"}],
            "trusted_proxies": [other.network] if trusted else [],
        }
        setup.declare(
            site(port, **options),
            {**site(port, **options), "name": "zoo", "server_name": "zoo.example.com"},
            more=DEBIANS_STATUS,
            other_modules=["authz_host"],
        )
        setup.httpd.start()
        # There is something to get at.
        assert setup.balancers("shop.example.com") == {"app": [url(own)]}
        chosen = requests(setup.manager_port)
        answers = other.ask((other.gateway, port, request) for request in chosen)
        for request, answer in zip(chosen, answers):
            assert answer.startswith(b"HTTP/1.1 ") and not tells(answer), (request, answer)
        if path == "/":
            assert sum(b"\r\n\r\napp /" in answer for answer in answers) > len(chosen) / 2
        # Its own address is closed there, and our loopback is behind no route.
        closed = [(other.gateway, setup.manager_port), (MANAGER, setup.manager_port)]
        assert other.ask((*each, chosen[0]) for each in closed) == [b"", b""]
        # Where it is let through all the same (route_localnet, as Kubernetes sets it), the client's address counts.
        other.route(MANAGER)
        for at in (setup.manager_port, port):
            answers = other.ask((MANAGER, at, request) for request in chosen)
            for request, answer in zip(chosen, answers):
                assert not tells(answer), (request, answer)
            assert any(b"403 Forbidden" in answer for answer in answers), answers
        tally("requests sent", 3 * len(chosen) + 2)


@pytest.mark.parametrize("number", [1, 2])
def test_nobody_can_use_it_as_a_proxy_to_anywhere(setup: Setup, backend, number, tally):
    port = free_port()
    own, victim = backend("app"), backend("victim")
    # Whatever somebody else has enabled: the modules that an open proxy needs are there.
    setup.declare(
        *(
            {
                **site(port, balancers=app(own)),
                "name": f"site{each}",
                "server_name": f"site{each}.example.com",
            }
            for each in range(number)
        ),
        other_modules=["proxy_connect", "proxy_ftp"],
    )
    setup.httpd.start()
    to = f"127.0.0.1:{victim.server_port}"
    lines = [
        (f"GET {scheme}{to}/x HTTP/1.{minor}", host)
        for scheme in ("http://", "HTTP://", "//", "http://site0.example.com@", "ftp://")
        for minor in (0, 1)
        for host in (to, "site0.example.com", "nobody")
    ]
    lines += [(f"CONNECT {to} HTTP/1.1", host) for host in (to, "site0.example.com")]
    lines += [("GET /x HTTP/1.1", f"{to}"), (f"GET /@{to}/ HTTP/1.1", "site0.example.com")]
    lines += [(f"GET @{to}/ HTTP/1.1", "site0.example.com"), (f"GET :@{to} HTTP/1.0", to)]
    for line, host in lines:
        request = f"{line}\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        answer = said(request, "127.0.0.1", port)
        status, dummy, body = answer.partition("\r\n")[0], *answer.split("\r\n\r\n", 1)
        assert "victim" not in answer, (request, answer)
        assert body.startswith("app /") if " 200 " in status else status[9] in "45", answer
    assert victim.count == 0 and own.count > 0
    tally("requests sent", len(lines))


def modes(*folders: Path) -> dict[str, int]:
    """Return the permissions of every file and folder below *folders*, these included."""
    found = [path for folder in folders for path in (folder, *folder.rglob("*"))]
    return {
        str(path): stat.S_IMODE(path.lstat().st_mode) for path in found if not path.is_symlink()
    }


@pytest.fixture(params=[0o000, 0o022, 0o077], ids="umask {:03o}".format)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_nobody_else_reads_or_writes_what_is_written(setup: Setup, backend, umask, tmp_path, tally):
    root = setup.httpd.root
    secret = {"url": "ajp://127.0.0.1:8009", "route": "n1", "secret": "hush-hush"}
    balancers = [{"name": "app", "members": [secret]}]
    port = free_port()
    key = "RequestHeader set X-Api-Key hush-hush\n"
    setup.declare(site(f"127.0.0.1:{port}", balancers=balancers, extra=key))
    setup.httpd.start()
    balancer = module_for(setup.httpd, "balancer")
    for name, member in (("mine", secret), ("plain", {"url": "ajp://127.0.0.1:8011"})):
        made = balancer(name=name, path=str(root / "conf" / f"{name}.conf"), members=[member])
        assert "msg" not in made, made["msg"]
    balancers[0]["members"].append({"url": "ajp://127.0.0.1:8010", "route": "n2"})
    texts = {"key": key, "open": key, "log": "LogLevel warn\n"}
    files = [
        {"path": str(root / "conf" / f"{name}.conf"), "content": text}
        for name, text in texts.items()
    ]
    files[1]["mode"] = "0604"
    written = module_for(setup.httpd, "configuration")(files=files)
    assert "msg" not in written, written["msg"]
    setup.declare(site(f"127.0.0.1:{port}", balancers=balancers, extra=key), backup=True)
    reloaded = module_for(setup.httpd, "graceful_reload")(only_if_needed=False)
    assert "msg" not in reloaded, reloaded
    sessions = tmp_path / "sessions"
    checked = run(
        "sticky_check",
        url=url(backend("app")),
        clients=1,
        requests=1,
        served_by={"regex": "^(app)"},
        session_file=str(sessions),
        fail_on_violation=False,
    )
    assert "msg" not in checked, checked["msg"]

    private = modes(root / ".apache_balancer", sessions)
    assert any("/backup/" in path and path.endswith("shop+app.conf") for path in private), private
    assert {f"{root}/.apache_balancer/{name}" for name in ("lock", "proven")} < set(private)
    for path, mode in private.items():
        assert mode == (0o700 if Path(path).is_dir() else 0o600), path
    readable = 0o644 & ~umask
    wanted = {
        root / "sites" / "shop+app.conf": 0o640,
        root / "sites" / "shop.conf": 0o640,
        root / "conf" / "mine.conf": 0o600,
        root / "conf" / "key.conf": 0o600,
        root / "conf" / "open.conf": 0o604,
        root / "conf" / "log.conf": readable,
        root / "conf" / "plain.conf": readable,
        root / "run" / ".httpd.pid.apache_balancer": 0o600,
    }
    found = modes(root)
    assert {str(path): mode for path, mode in wanted.items()}.items() <= found.items(), found
    secrets = [
        path for path in found if Path(path).is_file() and "hush-hush" in Path(path).read_text()
    ]
    assert len(secrets) >= 6
    # As somebody wanted it.
    secrets.remove(str(root / "conf" / "open.conf"))
    for path in secrets:
        assert not found[path] & 0o007, path
    tally("files looked at", len(found) + 1)
