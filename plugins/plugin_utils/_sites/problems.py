# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with declared sites, beyond what argument specs refuse.

Private to this collection. Pure: plain data in, plain data out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...module_utils._balancer.plan import Declaration, DeclarationError
from ...module_utils._httpd.document import Document
from ...module_utils._httpd.errors import HttpdError
from ...module_utils._httpd.modules import misnamed
from ...module_utils._httpd.secrets import masked
from .declared import left_empty, misdeclared
from .host import host_problems, main_name, read_host
from .model import EVERYBODY, Manager, Session, Site, elements, read_all

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
# PATH_MAX of Linux, without its end.
_LONGEST_PATH = 4095
# A name with or without a port; empty: httpd has none.
_SERVER = re.compile(r"([A-Za-z0-9_.-]+(:[0-9]{1,5})?)?")
_COOKIE = re.compile(r"[A-Za-z0-9_.-]+")
_ALIAS = re.compile(r"[A-Za-z0-9_.*?-]+")
_ADDRESS = re.compile(r"(\*|[0-9.]+|\[[0-9a-f:.]+\]):([0-9]{1,5})")
# httpd compares decoded paths, but sends them as they are written when it rewrites a redirect or a cookie.
_URL_PATH = re.compile(r"/[A-Za-z0-9._~!$&()*+,;=:@/-]*")
# LimitRequestLine of httpd: nobody can ask for a longer one.
_LONGEST_URL = 8190
# Loopback, without the address that everybody uses.
_LOOPBACK = (ipaddress.IPv4Address("127.0.0.2"), ipaddress.IPv4Address("127.255.255.254"))
# A quote or a control character would end the word or the line, a variable would be replaced.
_ODD = re.compile(r"[\x00-\x1f\x7f\"'\\]|\$\{")


def all_problems(
    declared: Sequence[Mapping[str, Any]],
    member_defaults: Mapping[str, Any],
    httpd: Mapping[str, Any],
    manager: Manager | None,
    server_name: Any,
    modules: Any,
) -> list[str]:
    """Return a sentence for each thing that is wrong with what is *declared*: the variables of the role."""
    empty = list(left_empty(declared))
    if empty:
        return empty
    sites = read_all(declared, member_defaults, manager)
    return [
        *_of_name(main_name(server_name)),
        *host_problems(read_host(httpd)),
        *_of_modules(elements(modules)),
        *misdeclared(declared, member_defaults),
        *problems(sites, manager),
    ]


def problems(sites: Sequence[Site], manager: Manager | None = None) -> list[str]:
    """Return a sentence for each thing that is wrong with *sites*, or with *manager*, where all of them have their
    balancer-manager."""
    wrong = list(_of_manager(manager)) if manager else []
    found = [f"site {site.name}: {problem}" for site in sites for problem in _of_one(site)]
    several = [*_of_several(sites), *(_beside_manager(sites, manager) if manager else [])]
    found += [f"site {name}: {problem}" for name, problem in several]
    return list(map(masked, wrong + found))


def _of_name(server_name: str) -> Iterator[str]:
    if not _SERVER.fullmatch(server_name):
        yield f"load_balancer_server_name: {server_name!r} is no host name"


def _of_modules(modules: Sequence[Any]) -> Iterator[str]:
    for problem in map(misnamed, map(str, modules)):
        if problem:
            yield f"load_balancer_modules: {problem}"


def _of_manager(manager: Manager) -> Iterator[str]:
    """The site is not served at this address, so it must be one that nobody uses for anything else."""
    try:
        possible = _LOOPBACK[0] <= ipaddress.IPv4Address(manager.address) <= _LOOPBACK[1]
    except ValueError:
        possible = False
    if not possible:
        yield (
            f"load_balancer_manager_address: {manager.address!r} is not possible; use an address from"
            f" {_LOOPBACK[0]} to {_LOOPBACK[1]} at which nothing else is reached"
        )
    if not 1 <= manager.port <= 65535:
        yield f"load_balancer_manager_port: {manager.port} is no port"


def _beside_manager(sites: Sequence[Site], manager: Manager) -> Iterator[tuple[str, str]]:
    ports = {site.manager.rpartition(":")[2] for site in sites}
    for site in sites:
        for address in site.listen + (site.tls.listen if site.tls else []):
            host, dummy, port = address.rpartition(":")
            if host == manager.address:
                yield (
                    site.name,
                    f"listen: at {address} balancer-manager answers; see load_balancer_manager_address",
                )
            elif host in ("*", "0.0.0.0") and port in ports:
                yield (
                    site.name,
                    f"listen: balancer-manager has the port {port}; see load_balancer_manager_port",
                )


def _of_several(sites: Sequence[Site]) -> Iterator[tuple[str, str]]:
    names: set[str] = set()
    speakers: dict[str, tuple[bool, str]] = {}
    owners: dict[tuple[str, str], Site] = {}
    wild: dict[str, list[Site]] = {}
    for site in sites:
        if site.name in names:
            yield site.name, "there are two sites of this name"
        names.add(site.name)
        spoken = {address: False for address in site.listen}
        spoken.update((address, True) for address in (site.tls.listen if site.tls else []))
        for address, tls in spoken.items():
            other_tls, other = speakers.setdefault(address, (tls, site.name))
            if other_tls != tls:
                protocols = ("TLS", "plain HTTP") if tls else ("plain HTTP", "TLS")
                yield (
                    site.name,
                    f"it speaks {protocols[0]} on {address}, where site {other} speaks {protocols[1]}",
                )
            for name in dict.fromkeys(name.lower() for name in site.names):
                owner = owners.setdefault((address, name), site)
                message = f"requests for {name} on {address} already go to site"
                if owner is not site:
                    yield site.name, f"{message} {owner.name}"
                elif name not in map(str.lower, site.wildcards):
                    taker = next((s for s in wild.get(address, ()) if s.answers_to(name)), None)
                    if taker:
                        yield site.name, f"{message} {taker.name}; put this site before it"
            if site.wildcards:
                wild.setdefault(address, []).append(site)


def _of_one(site: Site) -> Iterator[str]:
    if not _NAME.fullmatch(site.name):
        yield "the name becomes a file name; use letters, digits, '_', '.' and '-'"
    if not _HOST.fullmatch(site.server_name):
        yield f"server_name: {site.server_name!r} is no host name"
    for alias in site.server_aliases:
        if not _ALIAS.fullmatch(alias):
            yield f"server_aliases: {alias!r} is no host name; '*' and '?' may stand for others"
    for address in site.listen + (site.tls.listen if site.tls else []):
        if not _is_address(address):
            yield f"listen: {address.removeprefix('*:')!r} is no port and no address:port"
    if not site.served_on:
        yield "listen: it is empty"
    if site.tls:
        yield from _file("tls.certificate", site.tls.certificate)
        if site.tls.key:
            yield from _file("tls.key", site.tls.key)
        for address in sorted(set(site.tls.listen) & set(site.listen)):
            yield f"listen: {address} is in tls.listen too"
    if site.session:
        yield from _session(site.session)
    if site.timeout < 0:
        yield f"timeout: {site.timeout} is less than 0"
    if site.backend_tls:
        for option in ("ca_certificate", "certificate"):
            path = getattr(site.backend_tls, option)
            yield from _file(f"backend_tls.{option}", path) if path else ()
    for network in site.trusted_proxies:
        if network == EVERYBODY:
            continue
        if "%" in network:
            yield f"trusted_proxies: {network!r}: httpd knows no zone of an address; leave out what begins with %"
            continue
        try:
            ipaddress.ip_network(network)
        except ValueError as problem:
            yield f"trusted_proxies: {network!r} is no address and no network: {problem}"
    for status, path in site.error_pages.items():
        if not re.fullmatch("[45][0-9][0-9]", status):
            yield f"error_pages: {status!r} is no HTTP status of an error"
        yield from _file(f"error_pages: {status}", path)
    yield from _balancers(site)
    yield from _forwards(site)
    cookies = [b["name"] for b in site.balancers if b.get("sticky_cookie") is not None]
    if cookies and site.issues_cookies:
        yield f"extra: it issues a route cookie, as does the balancer {cookies[0]}; remove the Header line there"
    yield from _extra(site.extra)


def _is_address(address: str) -> bool:
    found = _ADDRESS.fullmatch(address)
    if not found or not 1 <= int(found.group(2)) <= 65535:
        return False
    try:
        return found.group(1) == "*" or bool(ipaddress.ip_address(found.group(1).strip("[]")))
    except ValueError:
        return False


def _file(option: str, path: str) -> Iterator[str]:
    if not path.startswith("/"):
        yield f"{option}: {path!r} does not begin with '/'"
    elif len(path.encode("utf-8", "surrogateescape")) > _LONGEST_PATH:
        yield f"{option}: {path[:40]!r}... is longer than a path may be, {_LONGEST_PATH} bytes"
    elif _ODD.search(path):
        yield f"{option}: {path!r} has a quote, a backslash, a control character or a variable in it"


def _extra(text: str) -> Iterator[str]:
    if text.rstrip().endswith("\\"):
        yield "extra: the backslash at its end would swallow the directive that follows"
    try:
        document = Document.parse(text, "extra")
    except HttpdError as problem:
        yield str(problem)
        return
    for index, dummy in document.named("VirtualHost"):
        line = document.lines[index].first
        yield f"extra:{line}: <VirtualHost> cannot stand in another one; declare a second site"


def _session(session: Session) -> Iterator[str]:
    if not _COOKIE.fullmatch(session.cookie):
        yield f"session.cookie: {session.cookie!r} is no cookie name; use letters, digits, '_', '.' and '-'"
    if session.max_age < 0:
        yield f"session.max_age: {session.max_age} is less than 0"
    if session.passphrase_file:
        yield from _file("session.crypto_passphrase_file", session.passphrase_file)


def _balancers(site: Site) -> Iterator[str]:
    if not site.balancers:
        yield "balancers: it needs at least one"
    owners: dict[str, str] = {}
    for balancer in site.balancers:
        name = balancer["name"]
        # So httpd names the shared memory of a balancer (proxy_util.c ap_pstr2_alnum).
        memory = re.sub("[^a-z0-9]", "_", name.lower())
        if memory in owners:
            yield f"balancers: {owners[memory]} and {name} would share their state; rename one"
        owners[memory] = name
        if not _NAME.fullmatch(name):
            yield f"balancers: {name!r} becomes a file name; use letters, digits, '_', '.' and '-'"
        elif not balancer["members"]:
            yield f"balancer {name}: it has no members and would answer 503"
        else:
            yield from _declaration(balancer)


def _declaration(balancer: Mapping[str, Any]) -> Iterator[str]:
    name = balancer["name"]
    cookie = balancer.get("sticky_cookie")
    try:
        Declaration(
            name,
            balancer["members"],
            balancer["proxy_set"],
            balancer["purge"],
            balancer.get("reset", ()),
            sticky_cookie=cookie,
            health_check=balancer.get("health_check"),
        )
    except DeclarationError as problem:
        yield f"balancer {name}: " + str(problem).removeprefix(f"balancer {name}: ")
    sticky = balancer["proxy_set"].get("stickysession") or cookie is not None
    for member in balancer["members"]:
        if sticky and not member.get("route"):
            yield (
                f"balancer {name}: member {member['url']} has no route, so no session could stay there; a"
                " servlet container has to know that word too (Tomcat: jvmRoute)"
            )


def _forwards(site: Site) -> Iterator[str]:
    names = {balancer["name"].lower() for balancer in site.balancers}
    reached = {forward.balancer.lower() for forward in site.proxy_pass}
    for name in sorted(names - reached):
        if f"balancer://{name}" not in site.extra.lower():
            yield f"proxy_pass: no path goes to the balancer {name}"
    paths: set[str] = set()
    for forward in site.proxy_pass:
        for path in dict.fromkeys((forward.path, forward.backend_path)):
            if not _URL_PATH.fullmatch(path):
                yield (
                    f"proxy_pass: {path!r} is no plain path; it begins with '/' and has only letters,"
                    " digits and -._~!$&()*+,;=:@/ in it"
                )
            elif len(path) > _LONGEST_URL:
                yield f"proxy_pass: {path[:40]!r}... is longer than a URL may be, {_LONGEST_URL} bytes"
        if forward.path.endswith("/") != forward.backend_path.endswith("/"):
            paths_given = (forward.path, forward.backend_path)
            slashed = " and ".join(path.rstrip("/") + "/" for path in paths_given)
            ends = " and ".join(paths_given)
            yield f"proxy_pass: {ends} must both end in '/', or neither; write {slashed}"
        if forward.balancer and forward.balancer.lower() not in names:
            yield f"proxy_pass: {forward.path} goes to {forward.balancer}, which is not in balancers"
        if forward.path in paths:
            yield f"proxy_pass: {forward.path} is in it twice"
        paths.add(forward.path)
