# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of ``Listen``, and who holds them in the real network.

Private to this collection.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import struct
from typing import NamedTuple

from ._httpd.dump import Message, View
from ._namespaces import Listener, listening

# Kinds of addresses, and after which others they cannot be bound at the same port (seen on 2.4.71).
# Left out is what depends on how httpd was built (whether all of IPv6 holds IPv4 as well) and on
# the host (whether no address stands for all of IPv6 or, where there is none, of IPv4).
_BLOCKING = {
    "any": ("one IPv4", "all IPv4"),
    "all IPv4": ("one IPv4",),
    "all IPv6": ("one IPv6",),
    "one IPv4": ("any", "all IPv4"),
    "one IPv6": ("any", "all IPv6"),
}


# linux/netlink.h, linux/rtnetlink.h
_REQUEST, _NEWROUTE, _GETROUTE, _DESTINATION, _LOCAL = 1, 24, 26, 1, 2
_MESSAGE, _ROUTE, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=8BI"), struct.Struct("=HH")


class Address(NamedTuple):
    """One ``Listen``: ``host`` is "" for every address, else a literal or a name."""

    host: str
    port: int
    file: str
    line: int


def addresses(view: View) -> list[Address]:
    """Return every ``Listen`` of the configuration, in order (directive docs: Listen)."""
    found = []
    for node in view.root.children:
        if node.name.lower() == "listen" and node.words:
            host, dummy, port = node.words[0].rpartition(":")
            host = "" if host == "*" else host.strip("[]")
            if port.isdigit():
                found.append(Address(host, int(port), node.file, node.line))
    return found


def conflicts(view: View, parent: int | None) -> list[Message]:
    """Return what keeps httpd from binding the addresses of ``view`` in the real network.

    What the running httpd (``parent``) holds already it keeps (server/listen.c: alloc_listener);
    a new address it binds while it still holds the old ones, so its own sockets count as well.
    """
    held = listening()
    ours = sockets_of(parent) if parent is not None else set()
    kept = {(one.address, one.port) for one in held if one.inode in ours}
    found = []
    for address in addresses(view):
        if any((host, address.port) in kept for host in literals(address.host)):
            continue
        why = _cannot_bind(address)
        if why is None:
            continue
        if why == errno.EADDRNOTAVAIL:
            text = f"Listen {_shown(address)}: this host has no such address"
        elif why == errno.EADDRINUSE and (ours or parent is None):
            # Of another user's httpd we cannot see which sockets it holds.
            text = f"Listen {_shown(address)}: the port is held by {_holder(address, held, ours)}"
        else:
            continue
        found.append(Message(file=address.file, line=address.line, code=None, text=text))
    return found


def overlaps(view: View) -> list[Message]:
    """Return each ``Listen`` that cannot be bound because of an earlier one of the same port.

    httpd listens at each address before it binds the next (server/listen.c: make_sock). Twice the
    same address is refused by ``-t`` already; names are left out.
    """
    found = []
    seen: list[Address] = []
    for address in addresses(view):
        blocking = _BLOCKING.get(_kind(address.host), ())
        for other in seen:
            if other.port == address.port and _kind(other.host) in blocking:
                place = f"{other.file}:{other.line}"
                text = f"Listen {_shown(address)}: overlaps Listen {_shown(other)} ({place})"
                found.append(Message(file=address.file, line=address.line, code=None, text=text))
                break
        seen.append(address)
    return found


def _kind(host: str) -> str:
    if not host:
        return "any"
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "name"
    return f"{'all' if address.is_unspecified else 'one'} IPv{address.version}"


def literals(host: str) -> set[str]:
    """Return the IP addresses that the ``host`` of a ``Listen`` stands for, as :func:`listening` writes them."""
    if not host:
        return {"::", "0.0.0.0"}
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError, ValueError):
            return {socket.inet_ntop(family, socket.inet_pton(family, host.partition("%")[0]))}
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {str(each[4][0]).partition("%")[0] for each in found}


def _shown(address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host or "*"
    return f"{host}:{address.port}"


def _cannot_bind(address: Address) -> int | None:
    """Try as httpd would (SO_REUSEADDR, server/listen.c: make_sock); return the errno if not."""
    families = [socket.AF_INET6, socket.AF_INET]
    if address.host:
        families = [socket.AF_INET6 if ":" in address.host else socket.AF_INET]
    for family in families:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address.host, address.port))
                return None
        except socket.gaierror:
            return None
        except OSError as error:
            # A kernel without IPv6: httpd takes IPv4 then.
            if error.errno != errno.EAFNOSUPPORT:
                return error.errno
    return None


def _holder(address: Address, held: list[Listener], ours: set[str]) -> str:
    inodes = {one.inode for one in held if one.port == address.port}
    if inodes & ours:
        return (
            "this httpd itself under another address; a reload binds the new address before it "
            "gives up the old one: stop it and start it again"
        )
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if inodes & sockets_of(int(pid)):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", "rb") as stream:
                name = stream.read().decode("utf-8", "replace").strip()
                return f"process {pid} ({name})"
    return "another process"


def sockets_of(pid: int) -> set[str]:
    """Return the inodes of the sockets that process ``pid`` holds, as far as we may look."""
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def is_local(host: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether what is sent to *host* stays on this host, by the routes of the kernel (rtnetlink(7)).

    What can be bound says less: with ``ip_nonlocal_bind``, as of a pair with an address that wanders, that is anything.
    """
    family = socket.AF_INET6 if host.version == 6 else socket.AF_INET
    size = len(host.packed)
    asked = _ROUTE.pack(family, 8 * size, 0, 0, 0, 0, 0, 0, 0)
    asked += _ATTRIBUTE.pack(_ATTRIBUTE.size + size, _DESTINATION) + host.packed
    head = _MESSAGE.pack(_MESSAGE.size + len(asked), _GETROUTE, _REQUEST, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as kernel:
            kernel.send(head + asked)
            answer = kernel.recv(8192)
    except OSError:
        return host.is_loopback
    kind: int = _MESSAGE.unpack_from(answer)[1]
    route: int = _ROUTE.unpack_from(answer, _MESSAGE.size)[7]
    return (kind, route) == (_NEWROUTE, _LOCAL)
