# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files the role stands in for, and may therefore remove.

Private to this collection. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .directives import Directive, without_balancers

Note = Callable[[Mapping[str, Any], str], None]

# What load_balancer_replaces may not name: roles/load_balancer/vars.
_OF_THE_DISTRIBUTION = re.compile(
    r"/etc/apache2/(?:apache2\.conf|ports\.conf|(?:mods|conf)-(?:available|enabled)/.*)"
    r"|/etc/httpd/(?:conf/.*|conf\.modules\.d/.*|conf\.d/(?:autoindex|ssl|userdir|welcome|README).*)"
)


def replaced_files(
    info: Mapping[str, Any],
    taken: Sequence[Mapping[str, Any]],
    balancers: Mapping[str, Mapping[str, Any]],
    note: Note,
) -> list[str]:
    """Return the files that say nothing but what was *taken*, virtual hosts, and *balancers*, those outside of them.

    What keeps another file is told by *note*.
    """
    outside = [each for each in info["server_directives"] if each["name"].lower() != "listen"]
    said = [each for each in outside if without_balancers(each, balancers) is None]
    files = dict.fromkeys(each["file"] for each in [*taken, *said])
    kept: dict[str, None] = {}

    def keep(where: Mapping[str, Any], text: str) -> None:
        kept[where["file"]] = None
        note(where, text)

    for file in files:
        first = next(each for each in [*taken, *said] if each["file"] == file)
        if file in info["config_files"][:1]:
            keep(
                first,
                "it stands in httpd's main file, which the role does not remove; take it out of it in the same change",
            )
        elif _OF_THE_DISTRIBUTION.fullmatch(file):
            keep(
                first,
                "it stands in a file of the distribution, which the role does not remove; take it out of it in the same"
                " change",
            )
    for vhost in info["vhosts"]:
        if vhost["file"] in files and not any(vhost is each for each in taken):
            keep(
                vhost,
                f"the virtual host {vhost['vhost']} (without balancer, or without ServerName) is not"
                " taken over; move it to a file of its own, then its neighbours' file can be replaced",
            )
    for each in outside:
        if each["file"] in files and each["file"] not in info["config_files"][:1]:
            left = not any(each is one for one in said)
            if left:
                keep(each, _left(each))
    _keep_definitions(info, files, kept, keep)
    for each in said:
        if each["file"] in kept:
            note(
                each,
                "its file stays, and httpd would take these members instead of those of the site; take the balancer out"
                " of it in the same change",
            )
    for each in info["inactive"]:
        if each["file"] in files and each["file"] not in kept:
            note(
                each,
                f"{each['section']} is switched off here, and what is in it goes away with this file",
            )
    return [file for file in files if file not in kept]


def _left(directive: Directive) -> str:
    return (
        f"{directive['name']} stands outside of the virtual hosts and holds for all of httpd; it is not taken over."
        " Move it to a file of its own, then this one can be replaced"
    )


def _keep_definitions(
    info: Mapping[str, Any], files: Mapping[str, None], kept: Mapping[str, None], keep: Note
) -> None:
    """Keep the files with definitions that a file which stays uses; that may keep further ones."""
    open_ones = [each for each in info["shared"] if each["file"] in files]
    while open_ones:
        users = {
            id(each): [file for file in each["used_in"] if file not in files or file in kept]
            for each in open_ones
        }
        needed = [each for each in open_ones if users[id(each)]]
        for each in needed:
            keep(
                each,
                f"{each['directive']} {each['name']} is used in {', '.join(users[id(each)])}; move it to a file of its"
                " own that is read before, then this one can be replaced",
            )
        if not needed:
            return
        open_ones = [each for each in open_ones if not users[id(each)]]
