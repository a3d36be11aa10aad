# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports that sites listen on, and which of them the policy of SELinux keeps httpd from.

Private to this collection. Pure: plain data in, plain data out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from .model import Site

#: Types of ports that the policy lets httpd listen on by itself (refpolicy, apache.te: corenet_tcp_bind_...).
_ALLOWED = ("http_port_t", "http_cache_port_t")
# What "semanage port --list" prints: "http_port_t    tcp    80, 81, 443, 488, 8008-8009".
_LABEL = re.compile(r"(?m)^(\S+)[ \t]+tcp[ \t]+([0-9, \t-]+)$")


def listened(sites: Iterable[Site]) -> list[int]:
    """Return each port that one of *sites* listens on, that of its balancer-manager included."""
    found: set[int] = set()
    for site in sites:
        tls = site.tls.listen if site.tls else []
        for address in [*site.listen, *tls, *([site.manager] if site.manager else [])]:
            found.add(int(address.rpartition(":")[2]))
    return sorted(found)


def to_label(ports: Iterable[int], labels: str) -> list[dict[str, Any]]:
    """Return those of *ports* that need the type ``http_port_t``, and by which *action* of ``semanage port`` they get
    it: ``--add``, or ``--modify`` where another type has exactly that port. *labels* is what that command lists."""
    given = list(_ranges(labels))
    allowed = [(first, last) for kind, first, last in given if kind in _ALLOWED]
    exact = {first for dummy, first, last in given if first == last}
    return [
        {"port": port, "action": "--modify" if port in exact else "--add"}
        for port in ports
        if not any(first <= port <= last for first, last in allowed)
    ]


def _ranges(labels: str) -> Iterator[tuple[str, int, int]]:
    for kind, listing in _LABEL.findall(labels):
        for each in re.findall(r"[0-9-]+", listing):
            first, dummy, last = each.partition("-")
            yield kind, int(first), int(last or first)
