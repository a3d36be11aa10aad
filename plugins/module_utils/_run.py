# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between AnsibleModule and everything else: options in, result out, one place that fails.

Private to this collection.
"""

from __future__ import annotations

import traceback
from typing import Any, Callable, Container

from ansible.module_utils.basic import AnsibleModule

from ._apply import carry_out, roll_back
from ._balancer.author import NotEditable
from ._balancer.live import RUNTIME
from ._balancer.plan import DeclarationError
from ._configuration import ConfigurationError, PurgeWish, Request
from ._descriptions import described, running_description
from ._fileset import FileProblem
from ._httpd.errors import HttpdError
from ._httpd.secrets import HIDDEN, masked, secrets
from ._httpd.text import display
from ._instance import InstanceError
from ._layer import Done
from ._modules import ModuleError, ModuleWish
from ._options import (
    Call,
    access_needed,
    access_of,
    balancer_wish,
    file_wish,
    how,
    instance_of,
    target_of,
)
from ._results import change_result, check_possible, message, result_of, running_result

# Everything that is wrong with the input, the files or the httpd, as opposed to with us. The errors of rooms
# that are imported late derive from one of these.
_EXPECTED = (
    ConfigurationError,
    DeclarationError,
    FileProblem,
    HttpdError,
    InstanceError,
    ModuleError,
    NotEditable,
)


class Module(AnsibleModule):
    """What Ansible gives every module, but for what it tells the system's log: no value that may hold a secret."""

    def _log_invocation(self) -> None:
        """Say what is asked for: simple values, and of all others the names.

        What Ansible itself writes there are all options as Python spells them. In that spelling it does not find a
        secret with a quote or a line end, and of those in texts and headers it does not know yet.
        """
        words = []
        for name, value in self.params.items():
            if isinstance(value, (bool, int, float, str)):
                hidden = self.argument_spec[name].get("no_log")
                words.append(name if hidden else f"{name}={display(masked(str(value)))}")
            elif value is not None:
                words.append(name)
        self.log(f"Invoked with {' '.join(words)}")


def run_configuration(module: AnsibleModule) -> None:
    """Run the module ``configuration``."""
    _run(module, _configuration)


def run_balancer(module: AnsibleModule) -> None:
    """Run the module ``balancer``: ``configuration`` with one balancer."""
    _run(module, _balancer)


def run_balancer_member(module: AnsibleModule) -> None:
    """Run the module ``balancer_member``."""
    from ._balancer_member import balancer_member

    _run(module, balancer_member)


def run_balancer_info(module: AnsibleModule) -> None:
    """Run the module ``balancer_info``."""
    from ._balancer_info import balancer_info

    _run(module, balancer_info)


def run_graceful_reload(module: AnsibleModule) -> None:
    """Run the module ``graceful_reload``."""
    _run(module, _graceful_reload)


def run_sticky_check(module: AnsibleModule) -> None:
    """Run the module ``sticky_check``."""
    _run(module, _sticky_check)


def _run(module: AnsibleModule, work: Callable[[Call], dict[str, Any]]) -> None:
    call = Call(
        module.params,
        module.check_mode,
        module._diff,
        warn=lambda text: module.warn(masked(display(text))),
        hide=module.no_log_values.update,
    )
    try:
        result = _discreetly(module, call, work)
    except _EXPECTED as problem:
        module.fail_json(msg=message(problem))
    except OSError as problem:
        module.fail_json(
            msg=f"{problem.filename or 'httpd'}: {problem.strerror}",
            exception=traceback.format_exc(),
        )
    else:
        if "msg" in result:
            module.fail_json(**_text(result))
        module.exit_json(**_text(result))


def _discreetly(
    module: AnsibleModule, call: Call, work: Callable[[Call], dict[str, Any]]
) -> dict[str, Any]:
    """Return the result of *work*. No secret in the options gets out, and no content of a file but in a diff."""
    try:
        _check_nul(module.params, module.no_log_values)
        _hide(module)
        return work(call)
    finally:
        for file in module.params.get("files") or ():
            if file["content"] is not None:
                file["content"] = HIDDEN


def _check_nul(value: Any, secret: Container[str], name: str = "") -> None:
    """Refuse a NUL character in any option: no file, no path and no argument of a command can have one."""
    if isinstance(value, dict):
        for key, item in value.items():
            _check_nul(key, secret, name)
            _check_nul(item, secret, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_nul(item, secret, name)
    elif isinstance(value, str) and "\0" in value:
        shown = "its value" if value in secret else repr(value)
        raise ConfigurationError(f"{name}: {shown} holds a NUL character")


def _hide(module: AnsibleModule) -> None:
    """Let Ansible mask the secrets in the options, wherever they appear in the result."""
    params = module.params
    members = list(params.get("members") or ())
    for balancer in params.get("balancers") or ():
        members += balancer["members"] or ()
    contents = [file["content"] for file in params.get("files") or () if file["content"]]
    urls = [member["url"] for member in members]
    for options in (params, *(params.get("balancers") or ())):
        urls += options.get("manager_url") or ()
    urls += [params["url"]] if params.get("url") else []
    for text in urls + contents:
        module.no_log_values.update(secrets(text))
    # The file before and after is what diff mode is for.
    module.no_log_values.difference_update(contents)


def _text(value: Any) -> Any:
    """Return *value* with bytes that are no text written out, which a controller would refuse."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {_text(key): _text(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_text(item) for item in value]
    return value


def _configuration(call: Call) -> dict[str, Any]:
    params = call.params
    for options in params["balancers"]:
        if target_of(options) == RUNTIME:
            raise ConfigurationError(
                f"balancers: {options['name']}: target: runtime is for the module balancer; here files are changed"
            )
    request = Request(
        files=[file_wish(options) for options in params["files"]],
        modules=[ModuleWish(m["name"], m["state"] == "present") for m in params["modules"]],
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


def _balancer(call: Call) -> dict[str, Any]:
    if target_of(call.params) == RUNTIME:
        return _running_balancer(call)
    wish = balancer_wish(call.params)
    request = Request(balancers=[wish])
    outcome = carry_out(instance_of(call.params), request, **how(call))
    result = result_of(call, outcome)
    result["balancer"] = described(outcome.configuration, [wish.declaration.name])
    result["path"] = list(dict.fromkeys(path for b in result["balancer"] for path in b["files"]))
    return result


def _running_balancer(call: Call) -> dict[str, Any]:
    """The module ``balancer`` with ``target: runtime``: no file is looked at."""
    from . import _live

    declared = balancer_wish(call.params).declaration
    access = access_needed(call.params)
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
    running = found[0]
    plan = _live.foresee(running, declared)
    check_possible(plan)
    if plan.changes and not call.check_mode:
        plan = _live.apply_now(running, declared)
        check_possible(plan)
    changes = [Done(running.name, change, running.vhost) for change in plan.changes]
    result = running_result(call, changes)
    result.update(balancer=[running_description(running)], path=[])
    return result


def _graceful_reload(call: Call) -> dict[str, Any]:
    from ._reload import graceful_reload

    instance = instance_of(call.params)
    done = graceful_reload(
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


def _sticky_check(call: Call) -> dict[str, Any]:
    from ._sticky.check import check, secret_headers

    call.hide(secret_headers(call.params))
    result = check(call.params, write=not call.check_mode, access=access_of(call.params))
    for warning in result.pop("warnings"):
        call.warn(warning)
    return result
