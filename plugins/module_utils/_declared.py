# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that are told what shall be: ``configuration``, and ``balancer``, which is that with one balancer.

Private to this collection.
"""

from __future__ import annotations

from typing import Any

from ._balancer.live import RUNTIME
from ._descriptions import described, running_description
from ._options import (
    Call,
    access_needed,
    balancer_wish,
    file_wish,
    how,
    instance_of,
    module_wish,
    target_of,
)
from ._results import result_of
from ._wishes import OF_MANAGER, ConfigurationError, PurgeWish, Request


def configuration(call: Call) -> dict[str, Any]:
    """Do what the module ``configuration`` does; return its result."""
    from ._apply import carry_out, roll_back

    params = call.params
    for options in params["balancers"]:
        if target_of(options) == RUNTIME:
            raise ConfigurationError(
                f"balancers: {options['name']}: target: runtime is for the module balancer; here files are changed"
            )
    request = Request(
        files=[file_wish(options) for options in params["files"]],
        modules=[module_wish(options) for options in params["modules"]],
        balancers=[balancer_wish(options) for options in params["balancers"]],
        purge=[PurgeWish(p["folder"], p["patterns"], p["contains"]) for p in params["purge"]],
    )
    instance = instance_of(params)
    if params["state"] == "rolled_back":
        if any(request):
            raise ConfigurationError(
                "state rolled_back takes no files, modules, balancers or purge"
            )
        outcome = roll_back(instance, **how(call))
    else:
        outcome = carry_out(instance, request, **how(call))
    result = result_of(call, outcome)
    names = [wish.declaration.name for wish in request.balancers]
    result["balancers"] = described(outcome.configuration, names)
    return result


def balancer(call: Call) -> dict[str, Any]:
    """Do what the module ``balancer`` does; return its result."""
    if target_of(call.params) == RUNTIME:
        return _running_balancer(call)
    # Imported late: where no file is looked at, it is not needed.
    from ._apply import carry_out

    wish = balancer_wish(call.params)
    request = Request(balancers=[wish])
    outcome = carry_out(instance_of(call.params), request, **how(call))
    result = result_of(call, outcome)
    result["balancer"] = described(outcome.configuration, [wish.declaration.name])
    result["path"] = list(dict.fromkeys(path for b in result["balancer"] for path in b["files"]))
    return result


def _running_balancer(call: Call) -> dict[str, Any]:
    """The module ``balancer`` with ``target: runtime``: no file is looked at."""
    from . import _live, _runtime

    declared = balancer_wish(call.params).declaration
    access = access_needed(call.params)
    if call.params["vhost"] is not None:
        raise ConfigurationError(OF_MANAGER)
    if call.params["state"] == "absent":
        raise ConfigurationError(
            f"balancer://{declared.name}: httpd cannot remove a balancer while it runs; use target: both or config"
        )
    found = _live.find_running(_live.Managers(), access, lambda each: each.name == declared.name)
    if not found:
        raise ConfigurationError(
            f"balancer://{declared.name}: {', '.join(access.url)} shows no such balancer; name the virtual host that"
            " has it with manager_server_name"
        )
    dummy, result = _runtime.carry_out(call, [(running, declared) for running in found])
    result.update(balancer=[running_description(running) for running in found], path=[])
    return result
