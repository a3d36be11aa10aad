# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members of balancers from the hosts of an inventory.

Private to this collection. Pure: plain data in, plain data out.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ...module_utils._httpd.secrets import masked

#: The host variable with the parameters of a host as a member, everywhere.
HOST_VARIABLE = "load_balancer_member"
#: Host variables with the address of a host, the first one that it has; without any, it is its name.
ADDRESSES = ("ansible_host",)
#: As many characters as a route may have (mod_proxy.h: PROXY_WORKER_MAX_ROUTE_SIZE, with its end).
LONGEST_ROUTE = 63

_ILLEGAL = re.compile("[^A-Za-z0-9_-]")


class InventoryError(ValueError):
    """The inventory has no such members; a sentence that begins with the site and the balancer."""


class Inventory(NamedTuple):
    """The hosts of each group, and the variables of each host, as Ansible has them."""

    groups: Mapping[str, Sequence[str]]
    hostvars: Mapping[str, Mapping[str, Any]]


def route(host: str) -> str:
    """Return the route of the member on *host*, a name in the inventory: letters, digits, ``_`` and ``-``, at most 63.

    It depends on nothing else, so that a session stays valid whatever is added to the inventory.
    """
    word = _ILLEGAL.sub("_", host)
    if not word:
        raise ValueError("it is empty")
    if len(word) <= LONGEST_ROUTE:
        return word
    digest = hashlib.sha256(host.encode()).hexdigest()[:8]
    return f"{word[: LONGEST_ROUTE - len(digest) - 1]}-{digest}"


def with_members(
    sites: Iterable[Mapping[str, Any]], inventory: Inventory
) -> list[Mapping[str, Any]]:
    """Return *sites* with the members that ``members_from`` of a balancer asks for, after those that are named.

    Raises :class:`InventoryError`.
    """
    return [
        {**site, "balancers": [_balancer(site, each, inventory) for each in site["balancers"]]}
        if site.get("balancers")
        else site
        for site in sites
    ]


def _balancer(
    site: Mapping[str, Any], balancer: Mapping[str, Any], inventory: Inventory
) -> Mapping[str, Any]:
    source = balancer.get("members_from")
    if source is None:
        return balancer
    where = f"site {site.get('name')}: balancer {balancer.get('name')}: members_from"
    group = source["group"]
    hosts = inventory.groups.get(group)
    if hosts is None:
        raise InventoryError(f"{where}: the inventory has no group {group!r}")
    if not hosts:
        raise InventoryError(f"{where}: the group {group!r} has no hosts")
    path = source.get("path") or "/"
    if not path.startswith("/"):
        raise InventoryError(f"{where}: path must begin with /, not {path!r}")
    members = [_member(host, source, inventory, where) for host in hosts]
    _check_routes(hosts, members, where)
    return {**balancer, "members": [*(balancer.get("members") or []), *members]}


def _member(
    host: str, source: Mapping[str, Any], inventory: Inventory, where: str
) -> dict[str, Any]:
    variables = inventory.hostvars[host]
    own = variables.get(HOST_VARIABLE) or {}
    if not isinstance(own, Mapping):
        raise InventoryError(f"{where}: {HOST_VARIABLE} of {host} is no dictionary")
    if "url" in own:
        raise InventoryError(
            f"{where}: {HOST_VARIABLE} of {host} has a url, {masked(str(own['url']))}, which is made of the address of"
            " the host and of scheme, port and path; let the variable that address names say another address, or"
            " name the member in members"
        )
    address = _address(host, variables, source.get("address"), where)
    port = own.get("port", source.get("port"))
    url = f"{source.get('scheme') or 'http'}://{address}"
    url += f":{port}" if port is not None else ""
    url += source.get("path") or ""
    rest = {key: value for key, value in own.items() if key != "port"}
    return {"url": url, "route": route(host), **rest}


def _address(host: str, variables: Mapping[str, Any], variable: str | None, where: str) -> str:
    names = (variable,) if variable else ADDRESSES
    found = next((str(variables[name]) for name in names if variables.get(name)), "")
    if not found and variable:
        raise InventoryError(f"{where}: {host} has no variable {variable!r}, which address names")
    address = found or host
    try:
        return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    except ValueError:
        return address


def _check_routes(hosts: Sequence[str], members: Sequence[Mapping[str, Any]], where: str) -> None:
    owners: dict[str, str] = {}
    for host, member in zip(hosts, members):
        other = owners.setdefault(member["route"], host)
        if other != host:
            raise InventoryError(
                f"{where}: {other} and {host} would both have the route {member['route']!r}; give one of them"
                f" another by its variable {HOST_VARIABLE}: {{route: ...}}"
            )
