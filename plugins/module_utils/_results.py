# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of it, as modules return it.

Private to this collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Sequence

from ._balancer.live import RUNTIME
from ._httpd.secrets import masked, masked_file
from ._httpd.text import display
from ._outcome import UNCHANGED, Done, Outcome
from ._wishes import ConfigurationError

if TYPE_CHECKING:
    from ._balancer.live import LivePlan
    from ._fileset import Entry
    from ._generation import Loaded
    from ._live import Missed
    from ._options import Call


# What it means for a change that a running balancer was not reached.
_UNTIL_RELOAD = "the running httpd goes on as before until this is run again, or graceful_reload loads the files"


def message(problem: Exception | str) -> str:
    """Return what a user may read of *problem*."""
    return "\n".join(masked(display(line)) for line in str(problem).split("\n"))


def result_of(call: Call, outcome: Outcome) -> dict[str, Any]:
    """Return the result of a change of the files, with ``msg`` where it is a failure; give its warnings."""
    for warning in [*outcome.recovered, *outcome.warnings]:
        call.warn(warning)
    result = loaded_result(call, outcome.loaded)
    result.update(
        changed=outcome.changed,
        changes=list(map(change_result, outcome.changes)),
        not_reached=missed_results(call, outcome.not_reached, _UNTIL_RELOAD),
        validated=outcome.validated,
        problems=[problem.result() for problem in outcome.problems],
    )
    if outcome.failure:
        result["msg"] = message(outcome.failure)
    if outcome.backup_files:
        result["backup_files"] = outcome.backup_files
    if call.diff:
        result["diff"] = _diffs(outcome.entries) + _live_diffs(outcome.changes)
    return result


def running_result(call: Call, changes: Sequence[Done]) -> dict[str, Any]:
    """Return the result of a change of the running httpd alone."""
    result: dict[str, Any] = {
        "running": True,
        "reload_required": False,
        "reload_reasons": [],
        "changed": bool(changes),
        "changes": list(map(change_result, changes)),
        "validated": UNCHANGED,
        "problems": [],
        "not_reached": [],
    }
    if call.diff:
        result["diff"] = _live_diffs(changes)
    return result


def loaded_result(call: Call, loaded: Loaded) -> dict[str, Any]:
    """Return of a result what is about the reload."""
    if loaded.doubt:
        call.warn(loaded.doubt)
    return {
        "running": loaded.running,
        "reload_required": loaded.reload_required,
        "reload_reasons": list(map(masked, loaded.reasons)),
    }


def change_result(done: Done) -> dict[str, Any]:
    """Return one element of ``changes``."""
    return {"balancer": done.balancer, "vhost": done.vhost, **done.change.result()}


def missed_results(call: Call, missed: Iterable[Missed], meaning: str) -> list[dict[str, str]]:
    """Return ``not_reached``; warn of each reason, with the balancers that it holds for and with what it means."""
    found: dict[str, list[str]] = {}
    rows = []
    for balancer, vhost, reason, *dummy in missed:
        found.setdefault(reason, []).append(f"balancer://{balancer} of {vhost}")
        rows.append({"balancer": balancer, "vhost": vhost, "reason": masked(display(reason))})
    for reason, balancers in found.items():
        call.warn(f"{', '.join(balancers)}: {meaning}, as it was not reached: {reason}")
    return rows


def _diffs(entries: Sequence[Entry]) -> list[dict[str, str]]:
    """Return the files before and after as Ansible shows them, secrets masked."""
    found = []
    for entry in entries:
        before, after = entry.before, entry
        found.append(
            {
                "before_header": entry.path,
                "after_header": entry.path,
                "before": _shown(before.content, before.link),
                "after": _shown(after.content, after.link),
            }
        )
    return found


def _shown(content: bytes | None, link: str | None) -> str:
    if link is not None:
        return f"link to {link}\n"
    # Bytes that are no text would not survive the way to the controller.
    return "" if content is None else masked_file(content.decode("utf-8", "backslashreplace"))


def _live_diffs(changes: Sequence[Done]) -> list[dict[str, str]]:
    """Return what changes in each running balancer as Ansible shows it, one line for each parameter."""
    found: dict[str, list[dict[str, Any]]] = {}
    for done in changes:
        if done.change.layer == RUNTIME:
            header = f"balancer://{done.balancer} of {done.vhost} (running)"
            found.setdefault(header, []).append(done.change.result())
    return [
        {
            "before_header": header,
            "after_header": header,
            "before": "".join(_line(change, change["before"]) for change in changes),
            "after": "".join(_line(change, change["after"]) for change in changes),
        }
        for header, changes in found.items()
    ]


def _line(change: dict[str, Any], value: Any) -> str:
    if value is None and change["parameter"] is None:
        return ""
    what = [change["member"] or "", change["parameter"] or ""]
    return f"{' '.join(filter(None, what))}: {value}\n"


def check_possible(plan: LivePlan) -> None:
    """Raise ConfigurationError where the running httpd alone cannot be given all of it."""
    impossible = [each.reason for each in plan.left if not each.until_reload]
    if impossible:
        raise ConfigurationError("; ".join(impossible) + ". Change the files as well: target: both")
