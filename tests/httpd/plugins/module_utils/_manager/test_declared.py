# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where files declare a balancer-manager is where httpd has one, once it has loaded them."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from typing import Any, Iterator

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._access import Access
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import codec
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import Instance
from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.declared import (
    Declared,
    declared,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    PrivateHttpd,
)

HANDLER = "SetHandler balancer-manager"
PATHS = (
    "/",
    "/balancer-manager",
    "/balancer-manager/",
    "/balancer-manager/x",
    "/balancer-managers",
    "/a/balancer-manager",
    "/Balancer-Manager",
)


@pytest.fixture(scope="module")
def httpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateHttpd]:
    modules = (*BALANCER, "authz_host", "macro")
    with PrivateHttpd(tmp_path_factory.mktemp("declared"), *modules) as server:
        yield server


def ways(httpd: PrivateHttpd, name: str, path: str, host: str = "127.0.0.1") -> list[Declared]:
    """Return by which lines balancer-manager answers at *path* for the virtual host *name*."""
    instance = Instance.find(BINARY, str(httpd.root), str(httpd.config_file))
    view = instance.view()
    configuration = codec.read(view.root)
    (vhost,) = configuration.named(name)
    access = Access((f"http://{host}:{httpd.port}{path}",))
    return declared(view, configuration, access, vhost)


def answers(httpd: PrivateHttpd, name: str, path: str) -> bool:
    """Whether httpd has a balancer-manager there."""
    connection = http.client.HTTPConnection("127.0.0.1", httpd.port, timeout=10)
    connection.request("GET", path, headers={"Host": name})
    found = b"Load Balancer Manager" in connection.getresponse().read()
    connection.close()
    return found


@pytest.mark.parametrize(
    "text",
    [
        f"<Location /balancer-manager>\n{HANDLER}\n</Location>\n",
        f"<Location /balancer-manager/>\n{HANDLER}\n</Location>\n",
        f"<Location />\n{HANDLER}\n</Location>\n",
        f"<Location /*/balancer-manager>\n{HANDLER}\n</Location>\n",
        f"<Location ~ ^/balancer-m.*r$>\n{HANDLER}\n</Location>\n",
        f"<LocationMatch (?i)^/balancer-manager>\n{HANDLER}\n</LocationMatch>\n",
        f"<Location /balancer-manager>\n<If true>\n{HANDLER}\n</If>\n</Location>\n",
        "<Location /balancer-manager>\nSetHandler server-status\n</Location>\n",
        HANDLER,
    ],
)
def test_a_path_is_declared_where_httpd_has_it(httpd: PrivateHttpd, text: str):
    site = f"<VirtualHost *:*>\nServerName shop.example.com\n{text}\n</VirtualHost>\n"
    httpd.write("conf/site.conf", site)
    httpd.reload() if httpd.pid_file.exists() else httpd.start()
    for path in PATHS:
        found = bool(ways(httpd, "shop.example.com", path))
        assert found is answers(httpd, "shop.example.com", path), path


def test_the_lines_are_those_of_address_virtual_host_and_handler(httpd: PrivateHttpd):
    inner = httpd.write("manager.inc", f"<Location /m>\n{HANDLER}\n</Location>\n")
    macro = httpd.write(
        "macro.inc", f"<Macro M $p>\n<Location $p>\n{HANDLER}\n</Location>\n</Macro>\n"
    )
    site = httpd.write(
        "conf/site.conf",
        f"Include {macro}\n"
        f"<VirtualHost *:*>\nServerName one.example.com\nInclude {inner}\n</VirtualHost>\n"
        "<VirtualHost *:*>\nServerName two.example.com\nUse M /m\n</VirtualHost>\n"
        "<VirtualHost *:*>\nServerName bare.example.com\n</VirtualHost>\n",
    )
    main = str(httpd.config_file)
    (one,) = ways(httpd, "one.example.com", "/m")
    assert one == Declared(frozenset({main}), frozenset({main, str(site), str(inner)}))
    (two,) = ways(httpd, "two.example.com", "/m")
    assert two.files == {main, str(site), str(macro)}
    assert ways(httpd, "bare.example.com", "/m") == []
    # What the main server says, holds in each.
    httpd.write("httpd.conf", f"{httpd.config_file.read_text()}Include {inner}\n")
    assert [way.files for way in ways(httpd, "bare.example.com", "/m")] == [
        {main, str(site), str(inner)}
    ]
    assert ways(httpd, "_main", "/m") != []


def test_an_address_at_which_httpd_would_not_listen_declares_nothing(httpd: PrivateHttpd):
    site = f"<VirtualHost *:*>\nServerName shop.example.com\n{HANDLER}\n</VirtualHost>\n"
    httpd.write("conf/site.conf", site)
    before = httpd.config_file.read_text()
    assert ways(httpd, "shop.example.com", "/")
    assert ways(httpd, "shop.example.com", "/", "127.0.0.2") == []
    for listen in (f"{httpd.port}", f"*:{httpd.port}", f"0.0.0.0:{httpd.port}"):
        httpd.write(
            "httpd.conf", before.replace(f"Listen 127.0.0.1:{httpd.port}", f"Listen {listen}")
        )
        assert ways(httpd, "shop.example.com", "/", "127.0.0.2")
        # No address of this host.
        assert ways(httpd, "shop.example.com", "/", "192.0.2.1") == []
        assert ways(httpd, "shop.example.com", "/", "no-such-host.invalid") == []


def test_of_several_addresses_of_a_name_one_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = socket.getaddrinfo

    def both(host: str, port: int, **options: Any) -> list[Any]:
        hosts = ("::1", "127.0.0.1") if host == "localhost" else (host,)
        return [each for one in hosts for each in real(one, port, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    site = f"<VirtualHost *:*>\nServerName shop.example.com\n{HANDLER}\n</VirtualHost>\n"
    # It does not run, so nobody listens at either.
    with PrivateHttpd(tmp_path / "h", *BALANCER, "authz_host") as server:
        server.write("conf/site.conf", site)
        assert len(ways(server, "shop.example.com", "/", "localhost")) == 1
