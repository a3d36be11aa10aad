# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter site_problems; its documentation is in site_problems.yml."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..plugin_utils._refusal import refusing
from ..plugin_utils._sites.model import Manager
from ..plugin_utils._sites.problems import all_problems


def site_problems(
    sites: Sequence[Mapping[str, Any]],
    member_defaults: Mapping[str, Any] | None = None,
    *,
    server_name: Any = "",
    modules: Any = (),
    manager_address: str = "",
    manager_port: int = 8008,
    httpd: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return a sentence for each thing that is wrong with *sites*, or with *httpd* itself."""
    manager = Manager(manager_address, manager_port) if manager_address else None
    given = {
        "sites": sites,
        "member_defaults": member_defaults,
        "modules": modules,
        "httpd": httpd,
    }
    with refusing("site_problems", given, "are no variables of the role load_balancer"):
        return all_problems(
            sites, member_defaults or {}, httpd or {}, manager, server_name, modules
        )


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"site_problems": site_problems}
