# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files the role stands in for, and may therefore remove.

Private to this collection. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .directives import Directive, walk, without_balancers

Note = Callable[[Mapping[str, Any], str], None]

#: What load_balancer_replaces may not name: roles/load_balancer/vars.
OF_THE_DISTRIBUTION = re.compile(
    r"/etc/apache2/(?:apache2\.conf|ports\.conf|(?:mods|conf)-(?:available|enabled)/.*)"
    r"|/etc/httpd/(?:conf/.*|conf\.modules\.d/.*|conf\.d/(?:(?:autoindex|ssl|userdir|welcome)\.conf|README))"
)


def replaced_files(
    info: Mapping[str, Any],
    taken: Sequence[Mapping[str, Any]],
    balancers: Collection[str],
    cookies: Sequence[Directive],
    note: Note,
) -> list[str]:
    """Return the files that say nothing but what was *taken*, virtual hosts, and *balancers* with lines of *cookies*,
    those outside of them.

    What keeps another file is told by *note*.
    """
    return _Files(info, taken, balancers, cookies, note).replaced()


class _Files:
    def __init__(
        self,
        info: Mapping[str, Any],
        taken: Sequence[Mapping[str, Any]],
        balancers: Collection[str],
        cookies: Sequence[Directive],
        note: Note,
    ) -> None:
        self._info = info
        self._note = note
        self._taken = taken
        self._others = [
            vhost for vhost in info["vhosts"] if not any(vhost is each for each in taken)
        ]
        # Outside of virtual hosts: what the sites say, and what they do not.
        self._said: list[Directive] = []
        self._left: list[Directive] = []
        for each in info["server_directives"]:
            if each["name"].lower() != "listen":
                said = without_balancers(each, balancers, cookies) is None
                (self._said if said else self._left).append(each)
        self._files = dict.fromkeys(each["file"] for each in [*taken, *self._said])
        self._kept: set[str] = set()

    def replaced(self) -> list[str]:
        """Return the files."""
        self._keep_what_the_role_refuses()
        for vhost in self._others:
            self._keep(
                vhost,
                f"the virtual host {vhost['vhost']} (without balancer, or without ServerName) is not taken over; move"
                " it to a file of its own, then its neighbours' file can be replaced",
            )
        for each in self._left:
            if each["file"] not in self._info["config_files"][:1]:
                self._keep(
                    each,
                    f"{each['name']} stands outside of the virtual hosts and holds for all of httpd; it is not taken"
                    " over. Move it to a file of its own, then this one can be replaced",
                )
        self._keep_definitions()
        self._tell()
        return [file for file in self._files if self._goes(file)]

    def _goes(self, file: str) -> bool:
        return file in self._files and file not in self._kept

    def _keep(self, where: Mapping[str, Any], reason: str) -> None:
        if where["file"] in self._files:
            self._kept.add(where["file"])
            self._note(where, reason)

    def _keep_what_the_role_refuses(self) -> None:
        main = self._info["config_files"][:1]
        for file in self._files:
            first = next(each for each in [*self._taken, *self._said] if each["file"] == file)
            if file in main or OF_THE_DISTRIBUTION.fullmatch(file):
                what = "httpd's main file" if file in main else "a file of the distribution"
                self._keep(
                    first,
                    f"it stands in {what}, which the role does not remove; take it out of it in the same change",
                )

    def _keep_definitions(self) -> None:
        """Keep the files with definitions that a file which stays uses; that may keep further ones."""
        unread = self._fragments()
        shared = [each for each in self._info["shared"] if each["file"] in self._files]
        needed = shared
        while needed:
            needed = []
            for each in shared:
                users = [
                    file for file in each["used_in"] if not self._goes(file) and file not in unread
                ]
                if users:
                    needed.append(each)
                    self._keep(
                        each,
                        f"{each['directive']} {each['name']} is used in {', '.join(users)}; move it to a file of its"
                        " own that is read before, then this one can be replaced",
                    )
            shared = [each for each in shared if each not in needed]

    def _fragments(self) -> set[str]:
        """Return the files that nothing reads any more but the virtual hosts that go."""
        rest = [
            *self._said,
            *self._left,
            *(e for vhost in self._others for e in vhost["directives"]),
        ]
        read = {each["file"] for each in [*walk(rest), *self._others]}
        return {each["file"] for vhost in self._taken for each in walk(vhost["directives"])} - read

    def _tell(self) -> None:
        for each in self._said:
            if not self._goes(each["file"]):
                self._note(
                    each,
                    "its file stays, and httpd would take these members instead of those of the site; take the balancer"
                    " out of it in the same change",
                )
        for each in self._info["inactive"]:
            if self._goes(each["file"]):
                self._note(
                    each,
                    f"{each['section']} is switched off here, and what is in it goes away with this file",
                )
