# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ports_to_label; its documentation is in ports_to_label.yml."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..plugin_utils._refusal import refusing
from ..plugin_utils._sites.ports import to_label


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"ports_to_label": ports_to_label}


def ports_to_label(ports: Iterable[Any], labels: str) -> list[dict[str, Any]]:
    """Return the ports that SELinux would keep httpd from listening on; see :func:`to_label`."""
    given = {"ports": ports, "labels": labels}
    with refusing("ports_to_label", given, "are no list of ports and the text that lists labels"):
        if isinstance(ports, str):
            raise TypeError("ports is a text")
        return to_label([int(port) for port in ports], labels)
