# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between AnsibleModule and everything else: options in, result out, one place that fails.

Private to this collection.
"""

from __future__ import annotations

import traceback
from typing import Any, Callable, Mapping, Sequence

from ansible.module_utils.basic import AnsibleModule

from ._apply import Outcome, carry_out, diffs, roll_back
from ._balancer import codec
from ._balancer.author import NotEditable
from ._balancer.lint import lint
from ._balancer.model import Balancer, Configuration
from ._balancer.parameters import BALANCER, MEMBER, masked, secrets, shown
from ._balancer.plan import Declaration, DeclarationError
from ._configuration import (
    BalancerWish,
    ConfigurationError,
    FileWish,
    Request,
    server,
)
from ._fileset import FileProblem
from ._generation import Loaded, Memory
from ._httpd.errors import HttpdError
from ._httpd.text import display, encode
from ._instance import Instance, InstanceError
from ._modules import ModuleError, ModuleWish

Params = Mapping[str, Any]


def run_configuration(module: AnsibleModule) -> None:
    """Run the module ``configuration``."""
    _run(module, _configuration)


def run_balancer(module: AnsibleModule) -> None:
    """Run the module ``balancer``: ``configuration`` with one balancer."""
    _run(module, _balancer)


def run_balancer_info(module: AnsibleModule) -> None:
    """Run the module ``balancer_info``."""
    _run(module, _balancer_info)


def run_graceful_reload(module: AnsibleModule) -> None:
    """Run the module ``graceful_reload``."""
    _run(module, _graceful_reload)


def _run(module: AnsibleModule, work: Callable[[AnsibleModule], dict[str, Any]]) -> None:
    try:
        _hide(module)
        result = work(module)
    except _EXPECTED as problem:
        module.fail_json(msg="\n".join(masked(display(line)) for line in str(problem).split("\n")))
    except OSError as problem:
        module.fail_json(
            msg=f"{problem.filename or 'httpd'}: {problem.strerror}",
            exception=traceback.format_exc(),
        )
    else:
        module.exit_json(**_text(result))


def _hide(module: AnsibleModule) -> None:
    """Let Ansible mask the secrets in the options, wherever they appear in the result."""
    params = module.params
    members = list(params.get("members") or ())
    for balancer in params.get("balancers") or ():
        members += balancer["members"] or ()
    contents = [file["content"] for file in params.get("files") or () if file["content"]]
    for text in [member["url"] for member in members] + contents:
        module.no_log_values.update(secrets(text))
    # Hidden from the log, but the file before and after is what diff mode is for.
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


# The modules


def _configuration(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    request = Request(
        files=[_file_wish(options) for options in params["files"]],
        modules=[ModuleWish(m["name"], m["state"] == "present") for m in params["modules"]],
        balancers=[_balancer_wish(options) for options in params["balancers"]],
    )
    instance = _instance(params)
    if params["state"] == "rolled_back":
        if request != Request([], [], []):
            raise ConfigurationError("state rolled_back takes no files, modules or balancers")
        outcome = _warned(module, roll_back(instance, **_how(module)))
    else:
        outcome = _warned(module, carry_out(instance, request, **_how(module)))
    result = _result(module, outcome)
    names = [wish.declaration.name for wish in request.balancers]
    result["balancers"] = _described(outcome.configuration, names)
    return result


def _balancer(module: AnsibleModule) -> dict[str, Any]:
    wish = _balancer_wish(module.params)
    request = Request(balancers=[wish])
    outcome = _warned(module, carry_out(_instance(module.params), request, **_how(module)))
    result = _result(module, outcome)
    result["balancer"] = _described(outcome.configuration, [wish.declaration.name])
    result["path"] = list(dict.fromkeys(path for b in result["balancer"] for path in b["files"]))
    return result


def _balancer_info(module: AnsibleModule) -> dict[str, Any]:
    instance = _instance(module.params)
    view = instance.view()
    configuration = codec.read(view.root)
    name, vhost = module.params["name"], module.params["vhost"]
    names = [Declaration(name).name] if name else None
    balancers = _described(configuration, names)
    if vhost:
        label = configuration.label(server(configuration, vhost))
        balancers = [balancer for balancer in balancers if balancer["vhost"] == label]
    memory = Memory(instance)
    result = _loaded(memory.state(dict.fromkeys([*view.includes, *memory.files])))
    result.update(
        changed=False,
        balancers=balancers,
        problems=[problem.result() for problem in lint(configuration, view)],
    )
    return result


def _graceful_reload(module: AnsibleModule) -> dict[str, Any]:
    from ._reload import graceful_reload

    instance = _instance(module.params)
    done = graceful_reload(
        instance,
        only_if_needed=module.params["only_if_needed"],
        timeout=max(1.0, float(module.params["timeout"])),
        check_mode=module.check_mode,
    )
    for warning in done.warnings:
        module.warn(masked(display(warning)))
    return done.result()


# Options


def _instance(params: Params) -> Instance:
    options = params["httpd"] or {}
    return Instance.find(
        binary=options.get("binary"),
        server_root=options.get("server_root"),
        config_file=options.get("config_file"),
        defines=options.get("defines") or (),
    )


def _balancer_wish(options: Params) -> BalancerWish:
    if options["mode"] is not None and not options["path"]:
        raise ConfigurationError("mode needs path")
    return BalancerWish(
        Declaration(
            options["name"],
            options["members"],
            options["proxy_set"],
            options["purge"],
            options["reset"],
        ),
        present=options["state"] == "present",
        path=options["path"],
        vhost=options["vhost"],
        force=options["force"],
        owner=options["owner"],
        group=options["group"],
        mode=_mode(options),
    )


def _file_wish(options: Params) -> FileWish:
    path, wanted = options["path"], options["state"]
    given = [name for name in ("content", "src", "link") if options[name] is not None]
    allowed = {"present": ("content", "src"), "link": ("link",), "absent": ()}[wanted]
    if len(given) != (0 if wanted == "absent" else 1) or any(name not in allowed for name in given):
        needed = {
            "present": "content or src",
            "link": "link",
            "absent": "none of content, src, link",
        }
        raise ConfigurationError(f"files: {path}: state {wanted} needs {needed[wanted]}")
    if wanted == "absent":
        return FileWish(path)
    if wanted == "link":
        return FileWish(path, link=options["link"])
    if options["src"] is not None:
        with open(options["src"], "rb") as stream:
            content = stream.read()
    else:
        content = encode(options["content"])
    return FileWish(path, content, None, options["owner"], options["group"], _mode(options))


def _mode(options: Params) -> int | None:
    mode = options["mode"]
    if mode is None:
        return None
    try:
        # YAML reads 0640 as an octal number, and 640 as a decimal one that nobody means.
        if not isinstance(mode, int):
            return int(str(mode), 8)
        if mode <= 0o777:
            return mode
        raise ValueError
    except ValueError:
        raise ConfigurationError(
            f"mode: {mode!r} is not possible; write an octal number in quotes, such as '0640'"
        ) from None


# Results


def _how(module: AnsibleModule) -> dict[str, bool]:
    return {
        "validate": module.params["validate"],
        "backup": module.params["backup"],
        "check_mode": module.check_mode,
    }


def _warned(module: AnsibleModule, outcome: Outcome) -> Outcome:
    for warning in outcome.warnings:
        module.warn(masked(display(warning)))
    return outcome


def _result(module: AnsibleModule, outcome: Outcome) -> dict[str, Any]:
    result = _loaded(outcome.loaded)
    result.update(
        changed=outcome.changed,
        changes=[{"balancer": name, **change.result()} for name, change in outcome.changes],
        validated=outcome.validated,
        problems=[problem.result() for problem in outcome.problems],
    )
    if outcome.backup_files:
        result["backup_files"] = outcome.backup_files
    if module._diff:
        result["diff"] = diffs(outcome.entries)
    return result


def _loaded(loaded: Loaded) -> dict[str, Any]:
    return {
        "running": loaded.running,
        "reload_required": loaded.reload_required,
        "reload_reasons": list(loaded.reasons),
    }


def _described(configuration: Configuration, names: Sequence[str] | None) -> list[dict[str, Any]]:
    return [
        _description(configuration, balancer)
        for balancer in configuration.balancers
        if names is None or balancer.name in names
    ]


def _description(configuration: Configuration, balancer: Balancer) -> dict[str, Any]:
    place = balancer.place
    return {
        "name": balancer.name,
        "vhost": configuration.label(balancer.vhost),
        "file": place.file if place else None,
        "line": place.line if place else None,
        "files": balancer.files,
        "parameters": shown(BALANCER, balancer.values),
        "references": [
            {
                "file": r.place.file,
                "line": r.place.line,
                "directive": r.directive,
                "text": masked(r.text),
            }
            for r in configuration.references(balancer)
        ],
        "members": [
            {
                "url": masked(member.url),
                "file": member.place.file,
                "line": member.place.line,
                "config": shown(MEMBER, member.values),
            }
            for member in balancer.members.values()
        ],
    }
