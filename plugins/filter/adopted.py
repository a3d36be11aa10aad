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


def adopted(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``variables`` of the role for the configuration that *info* tells of, ``notes``, and both as the
    ``text`` of a file."""
    try:
        variables, notes = adopt(info)
    except (AttributeError, LookupError, TypeError, ValueError) as problem:
        raise AnsibleFilterError(
            f"adopted: {_shown(info)} is no result of balancer_info with directives: true, and without name and vhost"
            f" ({type(problem).__name__}: {problem})"
        ) from None
    return {"variables": variables, "notes": notes, "text": written(variables, notes)}


def _shown(info: Any) -> str:
    """Return *info* for a message; of a result, what it has of virtual hosts and the like."""
    if isinstance(info, Mapping):
        return "; ".join(f"{key}: {str([value])[1:-1][:80]}" for key, value in info.items())
    return repr(info)[:400]


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"adopted": adopted}
