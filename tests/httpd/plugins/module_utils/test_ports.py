# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import _ports as ports
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.dump import Message
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import Instance
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    PrivateHttpd,
    free_port,
)


def overlaps(httpd: PrivateHttpd) -> list[Message]:
    instance = Instance.find(server_root=str(httpd.root), config_file=str(httpd.config_file))
    return ports.overlaps(instance.view())


@pytest.mark.parametrize(
    "first, second, overlap",
    [
        ("127.0.0.1:", "", True),
        ("", "127.0.0.1:", True),
        ("*:", "127.0.0.1:", True),
        ("127.0.0.1:", "0.0.0.0:", True),
        ("0.0.0.0:", "127.0.0.1:", True),
        ("0.0.0.0:", "", True),
        ("127.0.0.1:", "127.0.0.2:", False),
    ],
)
def test_addresses_overlap_where_httpd_would_not_start(
    tmp_path: Path, first: str, second: str, overlap: bool
) -> None:
    port = free_port()
    with PrivateHttpd(tmp_path) as httpd:
        httpd.write("conf/listen.conf", f"Listen {first}{port}\nListen {second}{port}\n")
        found = [(message.file, message.line) for message in overlaps(httpd)]
        assert found == ([(str(httpd.root / "conf/listen.conf"), 2)] if overlap else [])
        with pytest.raises(CalledProcessError) if overlap else contextlib.nullcontext():
            httpd.start()


def test_another_port_does_not_overlap(tmp_path: Path) -> None:
    httpd = PrivateHttpd(tmp_path)
    httpd.write("conf/listen.conf", f"Listen 127.0.0.1:{free_port()}\nListen {free_port()}\n")
    assert overlaps(httpd) == []


# Not every machine has an address of IPv6 on which httpd could be started.
@pytest.mark.parametrize(
    "first, second, overlap",
    [
        ("[::1]", "[::]", True),
        ("[::]", "[::1]", True),
        ("*", "[2001:db8::1]", True),
        # Then httpd makes do with all of IPv4.
        ("[::1]", "*", False),
        ("[::]", "*", False),
        ("[::1]", "0.0.0.0", False),
        ("[::1]", "127.0.0.1", False),
        # That depends on how httpd was built, and on the host.
        ("127.0.0.1", "[::]", False),
        ("*", "[::]", False),
        ("*", "0.0.0.0", False),
        ("localhost", "*", False),
    ],
)
def test_addresses_of_ipv6_overlap_only_where_that_is_certain(
    tmp_path: Path, first: str, second: str, overlap: bool
) -> None:
    httpd = PrivateHttpd(tmp_path)
    httpd.write("conf/listen.conf", f"Listen {first}:7\nListen {second}:7\n")
    assert [message.text for message in overlaps(httpd)] == (
        [f"Listen {second}:7: overlaps Listen {first}:7 ({httpd.root}/conf/listen.conf:1)"]
        if overlap
        else []
    )


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_what_this_httpd_holds_is_its_own_however_it_is_written(tmp_path: Path, host: str) -> None:
    with PrivateHttpd(tmp_path) as httpd:
        httpd.write("httpd.conf", httpd.base().replace("Listen 127.0.0.1:", f"Listen {host}:"))
        httpd.start()
        instance = Instance.find(server_root=str(httpd.root), config_file=str(httpd.config_file))
        assert ports.conflicts(instance.view(), httpd.pid) == []


@pytest.mark.parametrize(
    ("host", "literals"),
    [
        ("", {"::", "0.0.0.0"}),
        ("[2001:DB8::1]", {"2001:db8::1"}),
        ("[0:0:0:0:0:0:0:1]", {"::1"}),
        ("[fe80::1%lo]", {"fe80::1"}),
        ("192.0.2.1", {"192.0.2.1"}),
        ("no.such.host.invalid", set()),
    ],
)
def test_an_address_is_compared_as_the_kernel_writes_it(host: str, literals: set[str]) -> None:
    assert ports._literals(host.strip("[]")) == literals
