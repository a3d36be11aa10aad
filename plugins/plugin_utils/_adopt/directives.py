# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directives as the module ``balancer_info`` shows them: what they say, and how they are written.

Private to this collection. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...module_utils._httpd.lexer import split_words
from ...module_utils._httpd.secrets import HIDDEN, MASK

Directive = Mapping[str, Any]
Data = dict[str, Any]

# What the role writes itself, whatever the sites say.
WRITTEN = {"servername", "serveralias", "sslengine", "proxyrequests"}
TO_BALANCER = re.compile(r"(?i)balancer://([^/]+)(/.*)?")
# What stands for a secret in results.
_MASKS = (MASK, HIDDEN)


def lines_of(directive: Directive, indent: str = "") -> list[str]:
    """Return the lines that say *directive*."""
    if "directives" not in directive:
        return [f"{indent}{directive['name']} {directive['text']}".rstrip()]
    inside = [line for each in directive["directives"] for line in lines_of(each, indent + "    ")]
    head = f"{directive['name']} {directive['text']}".rstrip()
    return [f"{indent}<{head}>", *inside, f"{indent}</{directive['name']}>"]


def walk(directives: Iterable[Directive]) -> Iterator[Directive]:
    """Give *directives* and what is in them."""
    for each in directives:
        yield each
        yield from walk(each.get("directives", ()))


def words_of(directive: Directive) -> list[str]:
    """Return the arguments of *directive* as httpd reads them."""
    return [word.text for word in split_words(directive["text"])]


def host_of(server_name: str) -> str:
    """Return a ``ServerName`` without scheme and port."""
    return re.sub(r"^\w+://|:\d+$", "", server_name)


def last(directives: Iterable[Directive], name: str) -> str:
    """Return the argument of the last of *directives* that is called *name*; empty where there is none."""
    found = [each for each in directives if each["name"].lower() == name.lower()]
    return " ".join(words_of(found[-1])) if found else ""


def is_hidden(value: Any) -> bool:
    """Whether a secret was taken out of *value*."""
    return any(mask in str(value) for mask in _MASKS)


def without_balancers(
    directive: Directive, balancers: Collection[str], cookies: Sequence[Directive]
) -> Directive | None:
    """Return *directive* without what the *balancers* of the role say, these names, and without the lines of
    *cookies*; None if nothing is left."""
    name = directive["name"].lower()
    if name in ("balancermember", "proxyset") and any(map(TO_BALANCER.match, words_of(directive))):
        return None
    if is_among(directive, cookies):
        return None
    if "directives" not in directive or name != "proxy":
        return directive
    to = TO_BALANCER.match((words_of(directive) or [""])[0])
    if to is None or to[1].lower() not in balancers:
        return directive
    inside = [
        each
        for each in directive["directives"]
        if each["name"].lower() not in ("balancermember", "proxyset")
        and not is_among(each, cookies)
    ]
    if not inside:
        return None
    return {**directive, "text": f'"balancer://{to[1]}{to[2] or ""}"', "directives": inside}


def asked_by_tls(balancers: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a balancer has members for which the role switches TLS on by itself."""
    urls = (
        each["url"].rpartition("|")[2] for balancer in balancers for each in balancer["members"]
    )
    return any(url.partition("://")[0] in ("https", "wss", "h2") for url in urls)


def is_among(directive: Directive, directives: Iterable[Directive]) -> bool:
    """Whether *directive* is one of *directives*, and not only says the same."""
    return any(directive is each for each in directives)
