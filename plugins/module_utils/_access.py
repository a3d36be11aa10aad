# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the running httpd is reached.

Private to this collection.
"""

from __future__ import annotations

from typing import NamedTuple


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
