# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one run is to bring about, as far as it is about files: data alone.

Private to this collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Sequence

from ._httpd.errors import Expected

if TYPE_CHECKING:
    from ._access import Access
    from ._balancer.model import Configuration
    from ._balancer.plan import Declaration
    from ._configuration import Plan
    from ._httpd.modules import ModuleWish
    from ._layer import Layer


class ConfigurationError(Expected):
    """The declaration and the configuration do not fit together."""


class FileWish(NamedTuple):
    """One file as declared: *content* (``None``: none), *link* (its target), owner, group, mode."""

    path: str
    content: bytes | None = None
    link: str | None = None
    owner: str | int | None = None
    group: str | int | None = None
    mode: int | None = None


class PurgeWish(NamedTuple):
    """Files to remove: those in *folder*, not below it, whose name matches one of *patterns* (fnmatch) and in which
    *contains*, a regular expression, is found, as far as nothing else is declared about them."""

    folder: str
    patterns: Sequence[str]
    contains: str


#: Why the option ``vhost`` says nothing about the running httpd alone.
OF_MANAGER = "vhost: with target: runtime the virtual host is the one that answers; name it with manager_server_name"


class BalancerWish(NamedTuple):
    """One balancer as declared, and where it belongs: *vhosts* are exactly those of these labels. With *access* the
    running httpd is changed as well."""

    declaration: Declaration
    present: bool = True
    path: str | None = None
    vhost: str | None = None
    force: bool = False
    owner: str | int | None = None
    group: str | int | None = None
    mode: int | None = None
    access: Access | None = None
    vhosts: tuple[str, ...] = ()


class Request(NamedTuple):
    """Everything that one change of the configuration is to bring about.

    *select* returns further wishes, which depend on the configuration as it stands. *guard* is asked before
    anything is changed and raises what forbids it.
    """

    files: Sequence[FileWish] = ()
    modules: Sequence[ModuleWish] = ()
    balancers: Sequence[BalancerWish] = ()
    purge: Sequence[PurgeWish] = ()
    select: Callable[[Configuration], Sequence[BalancerWish]] | None = None
    guard: Callable[[Plan, Layer], None] | None = None
