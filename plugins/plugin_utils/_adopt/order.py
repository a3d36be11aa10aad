# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order virtual hosts stand before and after: of those at one address the first one answers where no other has
the name, and the first one that has it.

Private to this collection. Pure.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .directives import host_of
from .listen import split

Vhost = Mapping[str, Any]

# The file through which the role's sites are read: roles/load_balancer/vars.
_MAIN_FILE = "load_balancer.conf"
_FOLDERS = ("/etc/apache2/sites-enabled", "/etc/httpd/conf.d")


def order_notes(
    info: Mapping[str, Any], taken: Sequence[Sequence[Vhost]], replaced: Sequence[str]
) -> list[str]:
    """Return a sentence for each virtual host that would answer for another one. *taken* are those that become sites,
    in their order, each with what redirects to it."""
    before: list[Vhost] = info["vhosts"]
    after = _after(before, taken, info["config_files"], replaced)
    found = []
    addresses = dict.fromkeys(address for vhost in before for address in _addresses(vhost))
    for address in addresses:
        was = [vhost for vhost in before if _answers_at(vhost, address)]
        will = [vhost for vhost in after if _answers_at(vhost, address)]
        if was[0] is not will[0]:
            found.append(
                f"{_place(was[0])}: it is the first virtual host at {address} and answers there for names that no other"
                f" one has; with the role {_named(will[0])} does. Change the order of the sites, or of the files"
            )
        for first, second in _swapped(was, will):
            found.append(
                f"{_place(first)}: at {address} it stands before {_named(second)}, which has names of it too; with the"
                " role it comes after it. Change the order of the sites, or the aliases"
            )
    return list(dict.fromkeys(found))


def _after(
    before: Sequence[Vhost],
    taken: Sequence[Sequence[Vhost]],
    config_files: Sequence[str],
    replaced: Sequence[str],
) -> list[Vhost]:
    sites = [vhost for vhosts in taken for vhost in vhosts]
    kept = [vhost for vhost in before if not any(vhost is site for site in sites)]
    first = _read_before(config_files, replaced)
    return [
        *(vhost for vhost in kept if vhost["file"] in first),
        *sites,
        *(vhost for vhost in kept if vhost["file"] not in first),
    ]


def _read_before(config_files: Sequence[str], replaced: Sequence[str]) -> list[str]:
    """Return those of *config_files* that httpd reads before the file of the role."""
    folders = [file.rpartition("/")[0] for file in config_files]
    known = [folder for folder in _FOLDERS if folder in folders]
    known += [file.rpartition("/")[0] for file in replaced]
    if not known:
        return list(config_files)
    there = [index for index, folder in enumerate(folders) if folder == known[0]]
    later = [index for index in there if config_files[index] > f"{known[0]}/{_MAIN_FILE}"]
    end = later[0] if later else there[-1] + 1
    return list(config_files[:end])


def _swapped(was: Sequence[Vhost], will: Sequence[Vhost]) -> Iterator[tuple[Vhost, Vhost]]:
    """Give the pairs that have a name in common and change places."""
    for number, first in enumerate(was):
        for second in was[number + 1 :]:
            if _index(will, first) > _index(will, second) and _share_a_name(first, second):
                yield first, second


def _index(vhosts: Sequence[Vhost], vhost: Vhost) -> int:
    return next(index for index, each in enumerate(vhosts) if each is vhost)


def _share_a_name(first: Vhost, second: Vhost) -> bool:
    return any(
        fnmatch.fnmatchcase(one, other) or fnmatch.fnmatchcase(other, one)
        for one in _names(first)
        for other in _names(second)
    )


def _names(vhost: Vhost) -> Iterable[str]:
    return [
        name.lower() for name in (host_of(vhost["server_name"]), *vhost["server_aliases"]) if name
    ]


def _addresses(vhost: Vhost) -> list[str]:
    return [":".join(split(address)) for address in vhost["addresses"]]


def _answers_at(vhost: Vhost, address: str) -> bool:
    return address in _addresses(vhost)


def _place(vhost: Vhost) -> str:
    return f"{vhost['file']}:{vhost['line']}"


def _named(vhost: Vhost) -> str:
    return f"{vhost['vhost']} ({_place(vhost)})"
