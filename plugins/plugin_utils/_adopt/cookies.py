# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which route cookies of a virtual host the option ``sticky_cookie`` says just as they are.

Private to this collection. Pure.

The role writes them into a ``<Proxy>`` section behind all that ``extra`` says. What else changes cookies may then come
at another time (mod_headers.c ``merge_headers_config``: what is around a section first, then the sections in their
order), so that all of them stay as they are, or none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...module_utils._balancer.cookie import Header, checked, header
from .directives import Data, Directive, words_of

# A section that is left after those of mod_proxy.
_LATER = "later"
_ANYWHERE = ""
# Requests that no <Proxy "balancer://NAME/"> holds for.
_BARE = re.compile(r"(?i)balancer://[^/$\s\"']+[\"']?(?:\s|\Z)")


class Cookies(NamedTuple):
    """The *options* by the names of balancers, the *lines* they stand for, and those that are *kept*."""

    options: dict[str, Data]
    lines: list[Directive]
    kept: list[Directive]


class _Line(NamedTuple):
    """A *directive* that changes cookies in a ``<Proxy>`` *section*; *issues*: the route cookie, if it is one."""

    directive: Directive
    section: str
    issues: Header | None

    def holds(self, balancer: str) -> bool:
        return f"balancer://{balancer}/".startswith(self.section.lower())


def route_cookies(
    directives: Iterable[Directive],
    server: Iterable[Directive],
    balancers: Mapping[str, Mapping[str, Any]],
) -> Cookies:
    """Return what of the route cookies among *directives*, a virtual host, and *server*, what is around it, becomes
    options of its *balancers*."""
    inside = _lines(directives, _ANYWHERE)
    lines = [line for line in inside if line.issues or line.section != _LATER]
    around = _lines(server, _ANYWHERE)
    lines += [line for line in around if any(map(line.holds, balancers))]
    all_lines = [line.directive for line in lines]
    # httpd sets the cookie only where a balancer is sticky.
    held = {
        name: [line for line in lines if line.holds(name)]
        for name, balancer in balancers.items()
        if balancer["parameters"].get("stickysession")
    }
    options = {name: _option(name, balancers[name], held[name]) for name in held if held[name]}
    said = {name: option for name, option in options.items() if option}
    unused = [line for line in lines if not any(map(line.holds, options))]
    if unused or said != options:
        return Cookies({}, [], all_lines)
    return Cookies(said, all_lines, [])


def _lines(directives: Iterable[Directive], section: str) -> Iterator[_Line]:
    for each in directives:
        words = words_of(each)
        if "directives" in each:
            proxy = each["name"].lower() in ("proxy", "proxymatch") and words
            yield from _lines(each["directives"], words[0] if proxy else _LATER)
        elif each["name"].lower() == "header" and _is_of_cookies(words):
            yield _Line(each, section, header(words))


def _is_of_cookies(words: Sequence[str]) -> bool:
    return any(word.rstrip(":").lower() == "set-cookie" for word in words[1:3])


def _option(name: str, balancer: Mapping[str, Any], held: Sequence[_Line]) -> Data | None:
    """Return the option of the balancer *name* that says all of *held* and nothing else."""
    issues = held[0].issues
    if len(held) > 1 or issues is None or not issues.sound or not _in_sections(balancer):
        return None
    cookie = issues.cookie
    option = {key: value for key, value in cookie.shown().items() if value is not None}
    try:
        said = checked(name, option)
    except ValueError:
        return None
    parameters = balancer["parameters"]
    separator = str(parameters.get("stickysessionsep", "."))
    said = said._replace(separator="" if separator == "Off" else separator)
    named = parameters["stickysession"].partition("|")[0] == cookie.name
    return option if named and said == cookie else None


def _in_sections(balancer: Mapping[str, Any]) -> bool:
    """Whether sections of mod_proxy hold for all requests that go to *balancer*."""
    return not any(
        each["directive"].lower() == "sethandler" or _BARE.search(each["text"])
        for each in balancer["references"]
    )
