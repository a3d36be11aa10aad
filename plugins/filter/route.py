# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter route; its documentation is in route.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plugin_utils._refusal import refusing
from ..plugin_utils._sites import inventory


def route(host: str) -> str:
    """Return the route of the member on *host*; see :func:`inventory.route`."""
    with refusing("route", host, "is no name of a host"):
        return inventory.route(host)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"route": route}
