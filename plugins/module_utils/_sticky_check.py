# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``sticky_check``.

Private to this collection.
"""

from __future__ import annotations

from typing import Any

from ._options import Call, access_of
from ._sticky.check import check, secret_headers


def sticky_check(call: Call) -> dict[str, Any]:
    """Do what the module ``sticky_check`` does; return its result."""
    call.hide(secret_headers(call.params))
    result = check(call.params, write=not call.check_mode, access=access_of(call.params))
    for warning in result.pop("warnings"):
        call.warn(warning)
    return result
