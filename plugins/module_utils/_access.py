# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the running httpd is reached.

Private to this collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from urllib.parse import SplitResult


class Access(NamedTuple):
    """How balancer-manager is reached: the ``manager_*`` options, *url* one address or more; *timeout* in seconds."""

    url: tuple[str, ...]
    server_name: str | None = None
    username: str | None = None
    password: str | None = None
    validate_certs: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    timeout: float = 10.0


def web_address(url: str) -> tuple[SplitResult, str]:
    """Return the parts of *url*, which has to be an address of a web server, and its host.

    Raises ValueError, with a sentence that begins with *url*, without user and password.
    """
    # Imported late: without an address there is none to look at.
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        # It is looked at when it is asked for.
        dummy = parts.port
    except ValueError as problem:
        raise ValueError(f"{shown(url)} is not possible: {problem}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            f"{shown(url)} is not possible; write http://host[:port]/path or https://..."
        )
    return parts, parts.hostname


def shown(url: str) -> str:
    """Return *url* without user and password."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"
