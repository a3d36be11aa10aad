# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which module of httpd needs which others, and which package of the RedHat family has it.

Private to this collection. Names are without ``mod_`` and ``_module``.
"""

from __future__ import annotations

import re
from typing import AbstractSet, Iterable, NamedTuple

#: What must be loaded before a module, so that httpd starts with it: symbols of another module, or what its hooks ask
#: for. Where nothing of this kind distinguishes a distribution (Debian has a line ``# Depends:`` for each module).
NEEDS: dict[str, tuple[str, ...]] = {
    "auth_basic": ("authn_core",),
    "auth_form": ("session", "request", "authn_core"),
    "authn_dbd": ("dbd",),
    "authnz_ldap": ("ldap",),
    "authz_dbd": ("dbd", "authz_core"),
    "cache_disk": ("cache",),
    "cache_socache": ("cache",),
    "dav_fs": ("dav",),
    "deflate": ("filter",),
    "heartbeat": ("watchdog",),
    "heartmonitor": ("watchdog",),
    "lbmethod_bybusyness": ("proxy_balancer",),
    "lbmethod_byrequests": ("proxy_balancer",),
    "lbmethod_bytraffic": ("proxy_balancer",),
    "lbmethod_heartbeat": ("proxy_balancer",),
    "md": ("watchdog",),
    "proxy_ajp": ("proxy",),
    "proxy_balancer": ("proxy", "alias", "slotmem_shm"),
    "proxy_connect": ("proxy",),
    "proxy_express": ("proxy",),
    "proxy_fcgi": ("proxy",),
    "proxy_fdpass": ("proxy",),
    "proxy_ftp": ("proxy",),
    "proxy_hcheck": ("proxy", "watchdog"),
    "proxy_html": ("proxy", "xml2enc"),
    "proxy_http": ("proxy",),
    "proxy_http2": ("proxy", "http2"),
    "proxy_scgi": ("proxy",),
    "proxy_uwsgi": ("proxy",),
    "proxy_wstunnel": ("proxy",),
    "session_cookie": ("session",),
    "session_crypto": ("session",),
    "session_dbd": ("session", "dbd"),
    "ssl": ("setenvif", "mime", "socache_shmcb"),
}

#: The values of ``lbmethod`` that httpd itself has, each in a module lbmethod_NAME. Modules of others may bring more.
LBMETHODS = ("byrequests", "bytraffic", "bybusyness", "heartbeat")

#: The package of the RedHat family that has a module which the package httpd lacks.
PACKAGES: dict[str, str] = {
    "auth_form": "mod_session",
    "authnz_ldap": "mod_ldap",
    "http2": "mod_http2",
    "ldap": "mod_ldap",
    "lua": "mod_lua",
    "md": "mod_md",
    "proxy_html": "mod_proxy_html",
    "proxy_http2": "mod_http2",
    "session": "mod_session",
    "session_cookie": "mod_session",
    "session_crypto": "mod_session",
    "session_dbd": "mod_session",
    "ssl": "mod_ssl",
    "xml2enc": "mod_proxy_html",
}


class ModuleWish(NamedTuple):
    """One module as declared: *name* without ``mod_`` and ``_module``, such as ``proxy_balancer``."""

    name: str
    present: bool = True


def misnamed(name: str) -> str | None:
    """Return a sentence where *name* is none of a module, with the one that is meant if that is known."""
    found = re.fullmatch(r"(?:mod_)?([A-Za-z0-9_.-]+?)(?:_module)?", name)
    meant = found.group(1) if found else ""
    if meant in ("", "mod_", "_module"):
        return (
            f"{name!r} is no module name; write it without mod_ and _module, such as proxy_balancer"
        )
    return None if meant == name else f"{name}: write {meant}"


def own_lbmethods(before: str = "") -> str:
    """Return the sentence that names the lbmethods of httpd, each with *before* before its name."""
    names = [before + name for name in LBMETHODS]
    return f"httpd's own are {', '.join(names[:-1])} and {names[-1]}"


def in_order(names: Iterable[str], present: AbstractSet[str] = frozenset()) -> list[str]:
    """Return *names* and all that they need, each once and after what it needs; without those *present*."""
    found: dict[str, None] = {}

    def add(name: str) -> None:
        if name not in found and name not in present:
            for needed in NEEDS.get(name, ()):
                add(needed)
            found[name] = None

    for name in names:
        add(name)
    return list(found)


def needed_by(name: str, others: Iterable[str]) -> list[str]:
    """Return those of *others* that need *name* directly."""
    return [other for other in others if name in NEEDS.get(other, ())]
