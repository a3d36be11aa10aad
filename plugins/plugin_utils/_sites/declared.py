# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of the role load_balancer as they stand there, before they are read.

Private to this collection. Pure: plain data in, plain data out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...module_utils._httpd.secrets import HIDDEN, MASK
from .model import APPLICATIONS

# Other rows of stars are no masks.
_MASK = re.compile(rf"(?<!\*){re.escape(MASK)}(?!\*)|{HIDDEN}")
# What argument specs ask for, which is there for them without a value too.
_REQUIRED = re.compile(
    r"name|server_name|balancers|tls\.certificate|session\.cookie|proxy_pass\[\d+\]\.path"
    r"|balancers\[\d+\]\.(?:name|members\[\d+\]\.url|members_from\.group)"
)


def left_empty(sites: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Return a sentence for each value in *sites*, ``load_balancer_sites``, that is required and has only its name."""
    for site in sites:
        for place, value in _places(site):
            if value is None and _REQUIRED.fullmatch(place):
                yield f"site {site.get('name')}: {place}: it is empty"


def misdeclared(
    sites: Iterable[Mapping[str, Any]], member_defaults: Mapping[str, Any]
) -> Iterator[str]:
    """Return a sentence for each value in *sites*, ``load_balancer_sites``, and *member_defaults* that cannot be
    meant."""
    yield from (f"load_balancer_member_defaults: {each}" for each in _unfilled(member_defaults))
    for site in sites:
        yield from (f"site {site.get('name')}: {each}" for each in _of_one(site))


def _of_one(site: Mapping[str, Any]) -> Iterator[str]:
    yield from _unfilled(site)
    for balancer in site.get("balancers") or ():
        application = balancer.get("application")
        if application is not None and application not in APPLICATIONS:
            yield (
                f"balancer {balancer.get('name')}: application: {application!r} is none of {', '.join(APPLICATIONS)};"
                " generic stands for any other"
            )


def _unfilled(declared: Mapping[str, Any]) -> Iterator[str]:
    for place, mask in _masks(declared):
        yield f"{place}: {mask} only stands for a secret, which was not shown; write the secret itself"


def _masks(value: Any) -> Iterator[tuple[str, str]]:
    """Return the place of each mask in *value*, with the mask. Comments may say what they like."""
    for place, text in _places(value):
        lines = text.splitlines() if isinstance(text, str) else []
        for number, line in enumerate(lines, 1):
            found = _MASK.search(line)
            if found and not line.lstrip().startswith("#"):
                yield place + (f", line {number}" if len(lines) > 1 else ""), found.group()


def _places(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Return each value within *value*, which is at *place*, with its own place."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _places(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _places(item, f"{place}[{index}]")
    else:
        yield place, value
