# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where httpd listens, and what that means for the addresses of virtual hosts.

Private to this collection. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from .directives import Data

_EVERYWHERE = ("*", "0.0.0.0", "[::]", "_default_")
_HTTP = "80"


def split(address: str) -> tuple[str, str]:
    """Return host and port of an address of a ``Listen`` or a virtual host; ``*``: all of them."""
    host, colon, port = address.lower().rpartition(":")
    if address.isdigit():
        return "*", address
    if not colon or address.endswith("]"):
        host, port = address.lower(), "*"
    return "*" if host in _EVERYWHERE else host, port


def listened(site: Data) -> list[str]:
    """Return all addresses of *site*."""
    return [*site.get("listen", ()), *site.get("tls", {}).get("listen", ())]


class Listening:
    """The *lines* of ``Listen``, as ``balancer_info`` shows them."""

    def __init__(self, lines: Sequence[Mapping[str, Any]]) -> None:
        self._lines = [(*split(line["address"]), line["file"]) for line in lines]

    def of(self, addresses: Iterable[str]) -> list[str]:
        """Return *addresses* of a virtual host as ``listen`` of a site takes them."""
        ports = list(dict.fromkeys(port for dummy, port, file in self._lines)) or [_HTTP]
        found = []
        for host, port in map(split, addresses):
            found += [_written(host, each) for each in (ports if port == "*" else [port])]
        return list(dict.fromkeys(found))

    def bound(self, site: Data, replaced: Collection[str]) -> Data:
        """Return *site* with the addresses of the ``Listen`` lines that go with the files *replaced*."""
        bound = dict(site)
        if "listen" in site:
            bound["listen"] = self._bound(site["listen"], replaced)
        if "tls" in site:
            bound["tls"] = {**site["tls"], "listen": self._bound(site["tls"]["listen"], replaced)}
        return bound

    def _bound(self, listen: Iterable[str], replaced: Collection[str]) -> list[str]:
        found: list[str] = []
        for each in listen:
            hosts = self._hosts(each)
            goes = any(file in replaced for host, port, file in self._lines if port == each)
            wanted = goes and "*" not in hosts
            found += [_written(host, each) for host in hosts] if wanted else [each]
        return list(dict.fromkeys(found))

    def kept(self, sites: Iterable[Data], replaced: Collection[str]) -> list[str]:
        """Return what the role has not to listen on any more: what the files listen on that stay.

        A virtual host for all addresses of a port may stand where httpd listens on some of them only.
        """
        kept = [_written(host, port) for host, port, file in self._lines if file not in replaced]
        wanted = [address for site in sites for address in listened(site)]
        covered = [each for each in wanted if self._hosts(each) and "*" not in self._hosts(each)]
        return list(dict.fromkeys([*kept, *covered]))

    def _hosts(self, port: str) -> list[str]:
        return [host for host, its_port, dummy in self._lines if its_port == port]


def _written(host: str, port: str) -> str:
    return port if host == "*" else f"{host}:{port}"
