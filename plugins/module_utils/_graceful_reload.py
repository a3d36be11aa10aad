# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``graceful_reload``.

Private to this collection.
"""

from __future__ import annotations

from typing import Any

from . import _reload
from ._options import Call, access_of, instance_of
from ._results import change_result


def graceful_reload(call: Call) -> dict[str, Any]:
    """Do what the module ``graceful_reload`` does; return its result."""
    instance = instance_of(call.params)
    done = _reload.graceful_reload(
        instance,
        only_if_needed=call.params["only_if_needed"],
        timeout=max(1.0, float(call.params["timeout"])),
        check_mode=call.check_mode,
        access=access_of(call.params),
        restart=call.params["restart"],
    )
    for warning in done.warnings:
        call.warn(warning)
    return {**done.result(), "changes": list(map(change_result, done.changes))}
