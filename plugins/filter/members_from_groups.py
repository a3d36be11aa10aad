# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter members_from_groups; its documentation is in members_from_groups.yml."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils._refusal import refusing
from ..plugin_utils._sites.inventory import Inventory, InventoryError, with_members


def members_from_groups(
    sites: Iterable[Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    hostvars: Mapping[str, Mapping[str, Any]],
) -> list[Mapping[str, Any]]:
    """Return *sites* with the members that their balancers have from groups of the inventory."""
    # What hosts have in their variables is nobody's business.
    given = {"sites": sites, "groups": groups, "hostvars": type(hostvars).__name__}
    with refusing("members_from_groups", given, "are no sites, groups and hostvars"):
        try:
            return with_members(sites, Inventory(groups, hostvars))
        except InventoryError as problem:
            raise AnsibleFilterError(str(problem)) from problem


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"members_from_groups": members_from_groups}
