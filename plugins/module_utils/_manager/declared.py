# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the files declare a balancer-manager: at which address, in which virtual host, at which path.

Private to this collection.
"""

from __future__ import annotations

import fnmatch
import re
from typing import Iterator, NamedTuple
from urllib.parse import SplitResult, urlsplit

from .._access import Access
from .._balancer.model import Configuration, Place, Vhost
from .._httpd.dump import View
from .._httpd.tree import MacroPosition, Node
from .._live import addresses_of, bound
from .._namespaces import Listener
from .._ports import addresses, literals


class Declared(NamedTuple):
    """One way to a balancer-manager: the files in which its ``Listen`` stands, and those of all that makes it."""

    listen: frozenset[str]
    files: frozenset[str]


def declared(
    view: View, configuration: Configuration, access: Access, vhost: Vhost
) -> list[Declared]:
    """Return by which lines balancer-manager would answer for *vhost* at *access*, once httpd has loaded them all;
    nothing where the files do not say that it would."""
    return [
        way
        for url in access.url
        for address in addresses_of(url)
        for way in _ways(view, configuration, access, urlsplit(url), address, vhost)
    ]


def _ways(
    view: View,
    configuration: Configuration,
    access: Access,
    parts: SplitResult,
    address: tuple[str, int],
    vhost: Vhost,
) -> Iterator[Declared]:
    asked = access.server_name or vhost.host or parts.hostname or ""
    serving = configuration.serving(*address, asked)
    # What the main server defines, every virtual host has.
    if serving is not vhost and vhost is not configuration.main:
        return
    where = _files(serving.place.file) if serving.place else frozenset()
    for one in addresses(view):
        if not bound(address, [Listener(host, one.port, "") for host in literals(one.host)]):
            continue
        for handler in _handlers(view.root, serving.place, parts.path or "/"):
            listen = _files(one.file)
            yield Declared(listen, listen | where | _files(handler.file))


def _handlers(root: Node, place: Place | None, path: str) -> Iterator[Node]:
    """Give each line that lets balancer-manager answer at *path* in the virtual host at *place*."""
    for node in root.find("SetHandler"):
        if [word.lower() for word in node.words] != ["balancer-manager"]:
            continue
        around = list(_around(node))
        server = [each for each in around if each.name.lower() == "virtualhost"]
        own = all((each.file, each.line) == place for each in server)
        if own and all(_covers(section, path) for section in around):
            yield node


def _around(node: Node) -> Iterator[Node]:
    while node.parent is not None and node.parent.name:
        node = node.parent
        yield node


def _covers(section: Node, path: str) -> bool:
    """Whether *section* holds for *path*, or may do so: conditions are those of a request (server/request.c
    ``ap_location_walk``)."""
    name, words = section.name.lower(), section.words
    if name not in ("location", "locationmatch") or not words:
        return True
    if name == "locationmatch" or words[0] == "~":
        try:
            return re.search(words[-1], path) is not None
        except re.error:
            # httpd has other expressions as well.
            return True
    if set(words[0]) & set("*?["):
        return fnmatch.fnmatchcase(path, words[0])
    return path == words[0] or path.startswith(f"{words[0].rstrip('/')}/")


def _files(name: str) -> frozenset[str]:
    """Return the files that make a line of the file *name*; for what a macro says, where it is defined and used."""
    position = MacroPosition.parse(name)
    if position is None:
        return frozenset((name,))
    return _files(position.used_file) | _files(position.defined_file)
