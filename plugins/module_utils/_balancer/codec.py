# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the directives that httpd resolved to the model.

Private to this collection.

The order of execution decides which setting of a key wins, so this follows httpd: a ``<Proxy>`` section
runs its body first and the arguments on its own line last (mod_proxy.c ``proxysection``).
"""

from __future__ import annotations

import re
from typing import Iterable, Iterator, Sequence

from .._httpd.tree import Node
from .cookie import header
from .health import NAMES, TEMPLATE
from .model import (
    Balancer,
    Configuration,
    CookieLine,
    Expression,
    Member,
    Merged,
    Place,
    Reference,
    Setting,
    Vhost,
    absorbing_member,
    canonical_url,
    identity,
)
from .parameters import BALANCER, MEMBER

_BALANCER_NAME = re.compile(r"balancer://([^/\s$?%]+)", re.IGNORECASE)
_IN_SECTION = ("balancermember", "proxyset")
_SECTIONS = ("proxy", "proxymatch", "location")
# Words of ProxyPass that are no parameters of the balancer (mod_proxy.c add_pass).
_PASS_WORDS = ("mapping",)
_REFERENCES = ("proxypass", "proxypassmatch", "rewriterule", "sethandler")


def balancer_name(word: str) -> str | None:
    """Return the balancer that *word* (``balancer://Name/path``) names, in lower case, or ``None``."""
    found = _BALANCER_NAME.match(word)
    return found.group(1).lower() if found else None


def read(root: Node) -> Configuration:
    """Return what *root* (the tree of :mod:`.._httpd.tree`) says about balancers."""
    main = Vhost(None)
    vhosts = [main]
    outside = []
    headers = {}
    for node in root.children:
        if node.name.lower() == "virtualhost":
            vhost = Vhost(_place(node), tuple(node.words))
            vhosts.append(vhost)
            _walk(vhost, node.children)
            headers[vhost] = _headers(node.children)
        else:
            outside.append(node)
    _walk(main, outside)
    headers[main] = _headers(outside)
    configuration = Configuration(vhosts)
    for vhost in vhosts:
        around = headers[main] if vhost is not main else []
        own = around + headers[vhost]
        for balancer in vhost.balancers.values():
            _spelled(configuration, balancer)
            users = configuration.followers(balancer)
            balancer.headers = own + [words for user in users for words in headers[user]]
    _share_out(configuration)
    for vhost in vhosts:
        for balancer in vhost.balancers.values():
            # A line of a file that is included twice is one, where httpd reads it last.
            balancer.cookies = list(dict.fromkeys(balancer.cookies[::-1]))[::-1]
    return configuration


def _spelled(configuration: Configuration, balancer: Balancer) -> None:
    """Note how requests that go to *balancer* spell it. No ``<Proxy>`` section holds for those of a handler: they are
    matched before there is a handler (seen on 2.4.71)."""
    spelled = [r.target for r in configuration.references(balancer) if _maps(r)]
    balancer.spellings = list(dict.fromkeys(spelled))


def _headers(nodes: Iterable[Node]) -> list[list[str]]:
    """Return the arguments of the ``Header`` directives in *nodes*, also in sections, that have to do with routes."""
    return [
        node.words
        for top in nodes
        for node in (top, *top.walk())
        if node.name.lower() == "header" and "balancer_worker_route" in node.args.lower()
    ]


def _maps(reference: Reference) -> bool:
    return reference.directive.lower() != "sethandler"


def _share_out(configuration: Configuration) -> None:
    """Give cookies that are issued outside of ``<Proxy>`` sections to the one balancer that they are for."""
    main = configuration.main
    for vhost in configuration.vhosts[::-1]:
        servers = configuration.vhosts if vhost is main else [vhost]
        balancers = [b for server in servers for b in server.balancers.values() if b.defined]
        names = {name for server in servers for name in server.balancers}
        if len(balancers) == len(names) == 1:
            balancers[0].cookies[:0] = vhost.cookies
            vhost.cookies = []
        elif vhost is main:
            for other in configuration.vhosts[1:]:
                other.cookies[:0] = main.cookies


def _place(node: Node) -> Place:
    return Place(node.file, node.line)


def _walk(vhost: Vhost, nodes: Sequence[Node]) -> None:
    headers: list[Node] = []
    references: list[tuple[Balancer, Node]] = []
    stack = list(reversed(nodes))
    while stack:
        node = stack.pop()
        name = node.name.lower()
        if node.is_section:
            words = node.words
            named = balancer_name(words[0]) if words and name in _SECTIONS else None
            if named is None:
                stack += reversed(node.children)
            else:
                _section(vhost.balancer(named), node, words)
        elif name == "proxyhcexpr":
            _expression(vhost, node)
        elif name == "header":
            headers.append(node)
        elif name == "balancermember":
            names, settings = _named(node)
            named = balancer_name(names[0]) if names else None
            if named is not None and len(names) > 1:
                _member(vhost.balancer(named), names[1], settings, _place(node))
        elif name == "proxyset":
            words = node.words
            named = balancer_name(words[0]) if words else None
            if named is not None:
                _settings(vhost.balancer(named), words[1:], _place(node))
        elif name in _REFERENCES:
            balancer = _reference(vhost, node, name)
            references += [(balancer, node)] if balancer else []
        elif name == "servername":
            vhost.server_name = "".join(node.words)
        elif name == "serveralias":
            vhost.aliases += node.words
        elif name == "balancerpersist":
            vhost.persist = _on(node)
        elif name in ("balancerinherit", "proxypassinherit"):
            vhost.inherit_off[name] = not _on(node)
    for node in headers:
        line = _cookie_lines([node])
        sections = _partial(node) if line else []
        owners = _sole_users(sections, references) if sections else []
        if len(owners) == 1 and owners[0].defined:
            owners[0].cookies += line
        elif owners or not sections:
            vhost.cookies += line


def _partial(node: Node) -> list[Node]:
    """Return the sections around *node* that do not hold for all requests of the server."""
    return [
        section
        for section in _around(node)
        if (section.name.lower(), section.words) not in (("location", ["/"]), ("proxy", ["*"]))
    ]


def _around(node: Node) -> Iterator[Node]:
    section = node.parent
    while section is not None and section.name.lower() not in ("", "virtualhost"):
        yield section
        section = section.parent


def _sole_users(
    sections: Sequence[Node], references: Sequence[tuple[Balancer, Node]]
) -> list[Balancer]:
    """Return the balancers of which all requests are in all of *sections*; none if there are some of others."""
    taken = [_path(node) for dummy, node in references]
    inside, outside = {}, {}
    for balancer, node in references:
        if all(_within(node, section) for section in sections):
            inside[balancer.name] = balancer
        elif not any(_apart(node, section, taken) for section in sections):
            return []
        else:
            outside[balancer.name] = balancer
    return [] if set(inside) & set(outside) else list(inside.values())


def _within(reference: Node, section: Node) -> bool:
    """Whether all requests that *reference* sends to a balancer are in *section*."""
    location = _location(section)
    return section in _around(reference) or bool(location and _path(reference).startswith(location))


def _apart(reference: Node, section: Node, taken: Sequence[str]) -> bool:
    """Whether no request that *reference* sends to a balancer is in *section*; *taken* are the paths of which other
    references send all."""
    location = _location(section)
    return bool(location) and (location in taken or not location.startswith(_path(reference)))


def _path(reference: Node) -> str:
    """Return the path, with a slash at its end, of the requests that *reference* is for, as far as that is known."""
    first = reference.words[0]
    if reference.name.lower() == "proxypass" and first.startswith("/"):
        return first.rstrip("/") + "/"
    return next(filter(None, map(_location, _around(reference))), "/")


def _location(section: Node) -> str:
    """Return the path of *section*, with a slash at its end; "" if it is none that holds for a path and all below."""
    path = "".join(section.words) if section.name.lower() == "location" else ""
    plain = path.startswith("/") and not re.search(r"[*?[]", path)
    return path.rstrip("/") + "/" if plain else ""


def _expression(vhost: Vhost, node: Node) -> None:
    words = node.words
    if len(words) > 1:
        vhost.expressions[words[0]] = Expression(" ".join(words[1:]), _place(node))


def _on(node: Node) -> bool:
    return [word.lower() for word in node.words] == ["on"]


def _cookie_lines(nodes: Iterable[Node], around: Node | None = None) -> list[CookieLine]:
    """Return those of *nodes* that issue a route cookie; *around* is the ``<Proxy>`` section they stand in."""
    found = []
    for node in nodes:
        said = header(node.words) if node.name.lower() == "header" else None
        if said is None:
            continue
        line = CookieLine(said, f"{node.name} {node.args}", _place(node))
        if around is not None:
            alone = around.children == [node] and len(around.words) == 1
            line = line._replace(section=around.words[0], around=_place(around), alone=alone)
        found.append(line)
    return found


def _section(balancer: Balancer, node: Node, words: list[str]) -> None:
    own = [child for child in node.children if child.name.lower() in _IN_SECTION]
    only_others = bool(node.children) and not own and len(words) == 1
    (balancer.beside if only_others else balancer.sections).append(_place(node))
    if node.name.lower() == "proxy":
        balancer.cookies += _cookie_lines(node.children, node)
    for child in node.children:
        name = child.name.lower()
        if name == "balancermember":
            # Inside of a section httpd refuses a line that names both.
            names, settings = _named(child)
            if names and balancer_name(names[0]) is None:
                _member(balancer, names[0], settings, _place(child))
        elif name == "proxyset":
            _settings(balancer, child.words, _place(child))
        elif name == "proxyhcexpr":
            _expression(balancer.vhost, child)
    _settings(balancer, words[1:], _place(node))


def _key_value(word: str) -> tuple[str, str]:
    key, _equals, value = word.partition("=")
    return key.lower(), value


def _named(node: Node) -> tuple[list[str], list[tuple[str, str]]]:
    """Return what a BalancerMember names and what it sets, which httpd takes in any order (mod_proxy.c
    ``add_member``)."""
    words = node.words
    return [w for w in words if "=" not in w], [_key_value(w) for w in words if "=" in w]


def _member(
    balancer: Balancer, written: str, settings: Sequence[tuple[str, str]], place: Place
) -> None:
    try:
        url = canonical_url(written)
    except ValueError:
        url = written
    into = absorbing_member(written, balancer.members)
    if into is None and identity(url) in balancer.members:
        # The default port written out: httpd makes two entries that share one state.
        into = identity(url)
    if into is not None:
        # A file that is included twice drops nothing.
        if place not in [balancer.members[into].place, *(each.place for each in balancer.merged)]:
            balancer.merged.append(Merged(url, place, into, tuple(key for key, _value in settings)))
        return
    member = Member(url, written, place)
    for key, text in settings:
        for overridden in NAMES if key == TEMPLATE else ():
            member.settings.pop(overridden, None)
        member.settings[key] = Setting(
            MEMBER[key].read(text) if key in MEMBER else text, text, place
        )
    balancer.members[identity(url)] = member


def _settings(balancer: Balancer, words: Iterable[str], place: Place) -> None:
    for word in words:
        if "=" in word:
            key, text = _key_value(word)
            if key not in _PASS_WORDS:
                value = BALANCER[key].read(text) if key in BALANCER else text
                balancer.set(key, Setting(value, text, place))


def _reference(vhost: Vhost, node: Node, name: str) -> Balancer | None:
    words = node.words
    for index, word in enumerate(words):
        found = _BALANCER_NAME.search(word)
        if found:
            balancer = vhost.balancer(found.group(1).lower())
            reference = Reference(_place(node), node.name, node.args.strip(), found.group(0))
            balancer.references.append(reference)
            if name in ("proxypass", "proxypassmatch"):
                _settings(balancer, words[index + 1 :], _place(node))
            return balancer
    return None
