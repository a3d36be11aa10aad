# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter adopted; its documentation is in adopted.yml."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils._adopt.sites import adopt
from ..plugin_utils._adopt.written import written
from ..plugin_utils._refusal import refusing


def adopted(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``variables`` of the role for the configuration that *info* tells of, ``notes``, and both as the
    ``text`` of a file."""
    with refusing(
        "adopted",
        info,
        "is no result of balancer_info with directives: true, and without name and vhost",
    ):
        # There balancers are described once for each virtual host in which they run.
        if any("runtime" in balancer for balancer in info["balancers"]):
            raise AnsibleFilterError(
                "adopted: the running httpd is in this result too; leave manager_url out of balancer_info"
            )
        variables, notes = adopt(info)
    return {"variables": variables, "notes": notes, "text": written(variables, notes)}


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"adopted": adopted}
