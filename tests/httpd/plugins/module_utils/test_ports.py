# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import subprocess
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import _live as live
from ansible_collections.webtier.apache_balancer.plugins.module_utils import (
    _namespaces as namespaces,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils import _ports as ports
from ansible_collections.webtier.apache_balancer.plugins.module_utils._access import Access
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.dump import Message
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import Instance
from ansible_collections.webtier.apache_balancer.plugins.module_utils._process import Parent
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
    assert ports.literals(host.strip("[]")) == literals


# A pair of load balancers with an address that wanders between them, as keepalived keeps it: each may bind what the
# other one has. The second address of a network is not what the kernel calls itself there.
NETWORK = """
ip link set lo up
ip link add v0 type veth peer name v1
ip address add 198.18.5.1/24 dev v0
ip address add 198.18.5.9/24 dev v0
ip link set v0 up
ip link set v1 up
ip route add local 198.18.9.0/24 dev lo
echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind
"""


@pytest.mark.namespaces("user")
def test_an_address_is_of_this_host_where_the_kernel_keeps_what_is_sent_there() -> None:
    own = ["127.0.0.1", "127.0.0.2", "198.18.5.1", "198.18.5.9", "198.18.9.7"]
    others = ["198.18.5.2", "192.0.2.1", "2001:db8::1"]

    def work() -> list[str]:
        namespaces.own_user_namespace()
        namespaces.unshare(namespaces.NEWNET, "network namespace")
        subprocess.run(["sh", "-ec", NETWORK], check=True)
        return [each for each in [*own, *others] if ports.is_local(ipaddress.ip_address(each))]

    assert namespaces.in_child(work, 10) == own


@pytest.mark.namespaces("user")
def test_balancer_manager_of_the_other_load_balancer_is_not_taken_for_our_own() -> None:
    def work() -> list[str]:
        namespaces.own_user_namespace()
        namespaces.unshare(namespaces.NEWNET, "network namespace")
        subprocess.run(["sh", "-ec", NETWORK], check=True)
        refused = []
        # Stands for httpd: what counts is whose socket it is.
        with socket.create_server(("0.0.0.0", 80)):
            for host in ("198.18.5.1", "198.18.5.2", "198.18.5.9"):
                try:
                    live.check_ours(Access((f"http://{host}/m",)), Parent(os.getpid(), 0))
                except live.LiveError:
                    refused.append(host)
        return refused

    assert namespaces.in_child(work, 10) == ["198.18.5.2"]


def test_a_kernel_that_is_not_asked_for_routes_has_its_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "AF_NETLINK", -1)
    answers = [ports.is_local(ipaddress.ip_address(each)) for each in ("127.0.0.2", "192.0.2.1")]
    assert answers == [True, False]
