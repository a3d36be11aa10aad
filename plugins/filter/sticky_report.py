# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter sticky_report; its documentation is in sticky_report.yml."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..plugin_utils._refusal import refusing
from ..plugin_utils._report.report import plain, report
from ..plugin_utils._report.verdict import verdict


def sticky_report(
    result: Mapping[str, Any],
    *,
    url: str,
    balancers: Mapping[str, Mapping[str, Any]] | None = None,
    server_name: str = "",
    expect: str = "same",
    origin: str = "",
    time: str = "",
) -> dict[str, Any]:
    """Return the verdict on *result* and the page that shows it."""
    given = {"result": result, "url": url, "balancers": balancers, "expect": expect}
    with refusing("sticky_report", given, "are not what sticky_check and balancer_info return"):
        if expect not in ("same", "moved"):
            raise ValueError("expect is same or moved")
        known = balancers or {}
        judged = verdict(result, known, expect)
        page = report(
            result,
            known,
            judged,
            url=url,
            server_name=server_name,
            origin=origin,
            time=time,
            expect=expect,
        )
        return {
            "url": plain(url).geturl(),
            "headline": judged.headline,
            "proven": judged.proven,
            "problems": judged.problems,
            "remarks": judged.remarks,
            "page": page,
        }


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"sticky_report": sticky_report}
