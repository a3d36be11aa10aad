# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of the running httpd alone (``target: runtime``).

Private to this collection.
"""

from __future__ import annotations

from typing import Any, Sequence

from ._balancer.plan import Declaration
from ._httpd.errors import HttpdError
from ._live import Running, apply_now, foresee
from ._options import Call
from ._outcome import Done
from ._results import check_possible, message, running_result
from ._wishes import ConfigurationError


def carry_out(
    call: Call, work: Sequence[tuple[Running, Declaration]]
) -> tuple[list[Done], dict[str, Any]]:
    """Make each running balancer what is declared of it; return what was done, and the result, in which ``msg`` says
    what came in between.

    Raises :class:`ConfigurationError`, with nothing done, where httpd would not let one of them be so.
    """
    plans = [foresee(running, declared) for running, declared in work]
    for plan in plans:
        check_possible(plan)
    changes: list[Done] = []
    failed = {}
    for (running, declared), plan in zip(work, plans):
        try:
            if plan.changes and not call.check_mode:
                plan = apply_now(running, declared)
                check_possible(plan)
        except (HttpdError, ConfigurationError) as problem:
            failed = {"msg": message(f"balancer://{running.name} of {running.vhost}: {problem}")}
            break
        changes += [Done(running.name, change, running.vhost) for change in plan.changes]
    return changes, {**running_result(call, changes), **failed}
