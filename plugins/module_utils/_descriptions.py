# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Balancers and members, in the files and in the running httpd, as modules return them.

Private to this collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

from ._balancer.model import Balancer, Configuration
from ._balancer.parameters import BALANCER, MEMBER, Status, flags, shown
from ._httpd.secrets import masked, masked_arguments

if TYPE_CHECKING:
    from ._live import Running
    from ._manager.page import LiveMember


def described(configuration: Configuration, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the balancers with these *names* as the files have them."""
    return [
        description(configuration, balancer)
        for balancer in configuration.balancers
        if balancer.name in names
    ]


def description(configuration: Configuration, balancer: Balancer) -> dict[str, Any]:
    """Return a balancer as the files have it."""
    place = balancer.place
    cookie = balancer.sticky_cookie
    return {
        "name": balancer.name,
        "vhost": configuration.label(balancer.vhost),
        "file": place.file if place else None,
        "line": place.line if place else None,
        "files": balancer.files,
        "parameters": shown(BALANCER, balancer.values),
        "sticky_cookie": cookie.header.cookie.shown() if cookie else None,
        "references": [
            {
                "file": r.place.file,
                "line": r.place.line,
                "directive": r.directive,
                "text": masked_arguments(r.directive, r.text),
            }
            for r in configuration.references(balancer)
        ],
        "members": [
            {
                "url": masked(member.url),
                "file": member.place.file,
                "line": member.place.line,
                "config": shown(MEMBER, member.values),
            }
            for member in balancer.members.values()
        ],
    }


def running_description(running: Running) -> dict[str, Any]:
    """Return a balancer as it runs, where no file is looked at."""
    live = running.balancer
    return {
        "name": live.name,
        "vhost": running.vhost,
        "runtime": {**shown(BALANCER, live.values), "slots": live.slots, "used": live.used},
        "members": [
            {"url": masked(member.url), **running_member(member)}
            for member in live.members.values()
        ],
    }


def running_member(member: LiveMember) -> dict[str, Any]:
    """Return what the running httpd has of a member."""
    values = {name: value for name, value in member.values.items() if name != "status"}
    set_flags = {word: word in flags(member.values) for word in Status.words}
    return {
        "runtime": {
            **shown(MEMBER, values),
            **set_flags,
            "in_error": "Err" in member.flags,
            "health_check_failed": "HcFl" in member.flags,
            **member.counters,
        },
        "usable": member.usable,
        "accepts_new": member.accepts_new,
    }
