# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another host on a network with this one: a namespace with a cable to ours, as a container has it. Needs root.

with OtherHost() as other:
    assert other.ask([(other.gateway, 80, b"GET / HTTP/1.0\\r\\n\\r\\n")]) == [b"HTTP/1.1 200 OK..."]
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Iterable

from .private_httpd import wait_for

# Sends each request and answers with what comes back until the end; empty where nobody is there.
_CODE = """
import base64, json, socket, sys

def ask(address, port, request):
    try:
        with socket.create_connection((address, port), timeout=1) as connection:
            connection.settimeout(30)
            connection.sendall(base64.b64decode(request))
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))
    except OSError:
        return b""

answers = [ask(*each) for each in json.load(sys.stdin)]
json.dump([base64.b64encode(answer).decode() for answer in answers], sys.stdout)
"""


class OtherHost:
    """``address`` is its own, ``gateway`` that of this host where it looks from there."""

    def __init__(self) -> None:
        # Of 198.18.0.0/15, which is for tests of networks (RFC 2544), another one for each process.
        number = os.getpid() % 2**14 * 4
        self.network = f"198.18.{number // 256}.{number % 256}/30"
        self.gateway = f"198.18.{number // 256}.{number % 256 + 1}"
        self.address = f"198.18.{number // 256}.{number % 256 + 2}"
        self.cable = f"test{os.getpid()}"

    def ask(self, requests: Iterable[tuple[str, int, bytes]]) -> list[bytes]:
        """Return the answer to each request that it makes: to which address, at which port, what."""
        asked = [[a, p, base64.b64encode(request).decode()] for a, p, request in requests]
        done = subprocess.run(
            [*self._inside, sys.executable, "-c", _CODE],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        return [base64.b64decode(answer) for answer in json.loads(done.stdout)]

    def route(self, address: str) -> None:
        """Let it believe that *address*, one of loopback, is here; and let our kernel take what comes for it."""
        self._do("sysctl", "-qw", "net.ipv4.conf.eth0.route_localnet=1")
        self._do("ip", "link", "set", "lo", "down")
        self._do("ip", "route", "add", address, "via", self.gateway)
        Path(f"/proc/sys/net/ipv4/conf/{self.cable}/route_localnet").write_text("1")

    @property
    def _inside(self) -> list[str]:
        return ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]

    def _do(self, *command: str, here: bool = False) -> None:
        subprocess.run([*([] if here else self._inside), *command], check=True, timeout=30)

    def __enter__(self) -> OtherHost:
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        ours, theirs = "/proc/self/ns/net", f"/proc/{self._holder.pid}/ns/net"
        wait_for(lambda: os.readlink(ours) != os.readlink(theirs), "a namespace")
        peer = ("peer", "name", "eth0", "netns", str(self._holder.pid))
        self._do("ip", "link", "add", self.cable, "type", "veth", *peer, here=True)
        for address, device, here in (
            (self.gateway, self.cable, True),
            (self.address, "eth0", False),
        ):
            self._do("ip", "address", "add", f"{address}/30", "dev", device, here=here)
            self._do("ip", "link", "set", device, "up", here=here)
        self._do("ip", "link", "set", "lo", "up")
        self._do("ip", "route", "add", "default", "via", self.gateway)
        return self

    def __exit__(self, *_exc_info: object) -> None:
        # The cable goes with its end.
        self._holder.kill()
        self._holder.wait()
