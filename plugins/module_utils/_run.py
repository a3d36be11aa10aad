# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between AnsibleModule and everything else: options in, result out, one place that fails.

Private to this collection.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence

from ansible.module_utils.basic import AnsibleModule

from ._apply import UNCHANGED, Outcome, carry_out, diffs, roll_back
from ._balancer import codec
from ._balancer.author import NotEditable
from ._balancer.lint import lint
from ._balancer.live import RUNTIME, drift, effective
from ._balancer.model import Balancer, Configuration, Vhost
from ._balancer.parameters import BALANCER, MEMBER, Status, flags, shown
from ._balancer.plan import Change, Declaration, DeclarationError, Percent
from ._configuration import (
    BalancerWish,
    ConfigurationError,
    FileWish,
    PurgeWish,
    Request,
    server,
)
from ._fileset import FileProblem
from ._generation import Loaded, Memory
from ._httpd.errors import HttpdError
from ._httpd.secrets import masked, masked_arguments, secret_values, secrets
from ._httpd.text import display, encode
from ._instance import Instance, InstanceError
from ._layer import Done
from ._modules import ModuleError, ModuleWish
from ._selinux import problems as selinux_problems

if TYPE_CHECKING:
    from ._balancer.live import LivePlan
    from ._live import Access, Missed, Running
    from ._manager.page import LiveBalancer, LiveMember
    from ._member import Guard, Selector, Waited, Wanted

Params = Mapping[str, Any]

# Seconds without a request: a disabled member has no sessions left to wait for, only requests in flight.
_AFTER_DISABLING = 2.0


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
    _run(module, _balancer_member)


def run_balancer_info(module: AnsibleModule) -> None:
    """Run the module ``balancer_info``."""
    _run(module, _balancer_info)


def run_graceful_reload(module: AnsibleModule) -> None:
    """Run the module ``graceful_reload``."""
    _run(module, _graceful_reload)


def run_sticky_check(module: AnsibleModule) -> None:
    """Run the module ``sticky_check``."""
    _run(module, _sticky_check)


def _run(module: AnsibleModule, work: Callable[[AnsibleModule], dict[str, Any]]) -> None:
    try:
        _hide(module)
        result = work(module)
    except _EXPECTED as problem:
        module.fail_json(msg=_message(problem))
    except OSError as problem:
        module.fail_json(
            msg=f"{problem.filename or 'httpd'}: {problem.strerror}",
            exception=traceback.format_exc(),
        )
    else:
        if "msg" in result:
            module.fail_json(**_text(result))
        module.exit_json(**_text(result))


def _message(problem: Exception | str) -> str:
    return "\n".join(masked(display(line)) for line in str(problem).split("\n"))


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
    for options in params["balancers"]:
        if _target(options) == RUNTIME:
            raise ConfigurationError(
                f"balancers: {options['name']}: target: runtime is for the module balancer; here files are changed"
            )
    request = Request(
        files=[_file_wish(options) for options in params["files"]],
        modules=[ModuleWish(m["name"], m["state"] == "present") for m in params["modules"]],
        balancers=[_balancer_wish(options) for options in params["balancers"]],
        purge=[PurgeWish(p["folder"], p["patterns"], p["contains"]) for p in params["purge"]],
    )
    instance = _instance(params)
    if params["state"] == "rolled_back":
        if any(request):
            raise ConfigurationError(
                "state rolled_back takes no files, modules, balancers or purge"
            )
        outcome = _warned(module, roll_back(instance, **_how(module)))
    else:
        outcome = _warned(module, carry_out(instance, request, **_how(module)))
    result = _result(module, outcome)
    names = [wish.declaration.name for wish in request.balancers]
    result["balancers"] = _described(outcome.configuration, names)
    return result


def _balancer(module: AnsibleModule) -> dict[str, Any]:
    if _target(module.params) == RUNTIME:
        return _running_balancer(module)
    wish = _balancer_wish(module.params)
    request = Request(balancers=[wish])
    outcome = _warned(module, carry_out(_instance(module.params), request, **_how(module)))
    result = _result(module, outcome)
    result["balancer"] = _described(outcome.configuration, [wish.declaration.name])
    result["path"] = list(dict.fromkeys(path for b in result["balancer"] for path in b["files"]))
    return result


def _running_balancer(module: AnsibleModule) -> dict[str, Any]:
    """The module ``balancer`` with ``target: runtime``: no file is looked at."""
    from . import _live

    declared = _balancer_wish(module.params).declaration
    access = _access_needed(module.params)
    if module.params["state"] == "absent":
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
    _check_possible(plan)
    if plan.changes and not module.check_mode:
        plan = _live.apply_now(running, declared)
        _check_possible(plan)
    changes = [Done(running.name, change, running.vhost) for change in plan.changes]
    result = _running_result(module, changes)
    result.update(balancer=[_running_description(running)], path=[])
    return result


def _balancer_member(module: AnsibleModule) -> dict[str, Any]:
    from . import _member

    params = module.params
    selector, wanted = _selector(params), _wanted(params)
    access = _access(params)
    _check_layers(params, wanted)
    guard = _member.Guard(wanted, selector, params["min_usable"])
    if _target(params) == RUNTIME:
        work: Any = _RunningMembers(module, selector, guard)
    else:
        work = _Members(module, selector, guard, access)
    result: dict[str, Any] = work.change(wanted)
    if "msg" in result:
        return result
    result.update(waited=0.0, drained=False)
    if params["wait"] and not module.check_mode and result["running"]:
        unknown = result["not_reached"]
        if params["on_timeout"] != "continue" and (unknown or not work.running):
            reasons = [
                f"balancer://{m['balancer']} of {m['vhost']}: {m['reason']}" for m in unknown
            ]
            result["members"] = work.described()
            module.fail_json(
                msg="nobody can tell when the members are idle or usable: "
                + ("; ".join(reasons) or "httpd has not loaded them"),
                **_text(result),
            )
    if params["wait"] and not module.check_mode and work.running:
        waited = _wait(module, work, wanted.takes_out, params["wait_idle"])
        done = waited.done and not result["not_reached"]
        result.update(waited=round(waited.seconds, 1), drained=done)
        if not waited.done:
            _timed_out(module, work, wanted, result)
    result["members"] = work.described()
    return result


def _check_layers(params: Params, wanted: Wanted) -> None:
    """Refuse what needs a layer that ``target`` leaves out."""
    target = _target(params)
    why = "target: config leaves it alone" if params["manager_url"] else "manager_url is missing"
    if target == "config" and params["wait"]:
        raise ConfigurationError(f"wait: only the running httpd counts requests, and {why}")
    if isinstance(wanted.values.get("loadfactor"), Percent):
        percent = f"loadfactor: {params['loadfactor']}"
        if target == "config":
            raise ConfigurationError(f"{percent} is for the running httpd, and {why}")
        if target == RUNTIME:
            raise ConfigurationError(
                f"{percent} is one of the number in the file, which target: runtime does not read; give a number"
            )


def _wait(module: AnsibleModule, work: Any, takes_out: bool, idle: float) -> Waited:
    from . import _member

    params = module.params
    interval = max(0.05, params["wait_interval"])
    return _member.wait(
        work.running, _selector(params), takes_out, params["wait_timeout"], interval, idle
    )


def _timed_out(module: AnsibleModule, work: Any, wanted: Wanted, result: dict[str, Any]) -> None:
    """Do what ``on_timeout`` says."""
    from ._member import Wanted

    what = module.params["on_timeout"]
    if what == "continue":
        return
    further = work.change(Wanted("disabled", {})) if what == "disable" else {}
    further = work.restore() if what == "restore" else further
    if further:
        changes = [*result["changes"], *further["changes"]]
        result.update({**further, "changes": changes, "changed": bool(changes)})
    if "msg" in result:
        return
    if what == "disable":
        waited = _wait(module, work, True, min(module.params["wait_idle"], _AFTER_DISABLING))
        result["waited"] = round(result["waited"] + waited.seconds, 1)
        result["drained"] = waited.done and not result["not_reached"]
        if not waited.done:
            module.warn(
                f"the members are disabled, and after {waited.seconds:g} s more there are still requests in flight"
            )
        return
    busy = "; ".join(
        f"{member['url']} of {member['vhost']}: {member['busy']} requests in flight, {member['elected']} in all"
        for member in work.described()
    )
    left = "its flags were put back" if what == "restore" else "it stays as it is now"
    goal = "idle" if wanted.takes_out else "usable"
    result["members"] = work.described()
    module.fail_json(
        msg=f"not {goal} after {result['waited']:g} s (wait_timeout), {left}: {busy}",
        **_text(result),
    )


class _Members:
    """Members in the files, and with *access* in the running httpd."""

    def __init__(
        self, module: AnsibleModule, selector: Selector, guard: Guard, access: Access | None
    ) -> None:
        self._module, self._selector, self._guard, self._access = module, selector, guard, access
        self._instance = _instance(module.params)
        self._configuration = Configuration([])
        self._outcome: Outcome | None = None
        self.running: list[Running] = []

    def change(self, wanted: Wanted) -> dict[str, Any]:
        """Make the members what is *wanted* and return the result, without its members."""
        from ._member import wishes

        def select(configuration: Configuration) -> Sequence[BalancerWish]:
            return wishes(configuration, self._selector, wanted, self._access)

        return self._carry_out(
            Request(select=select, guard=self._guard._replace(wanted=wanted).check)
        )

    def restore(self) -> dict[str, Any]:
        """Put the flags back that the last change has changed, and return the result."""
        from ._member import restored

        wishes = []
        for target in self._outcome.targets if self._outcome else ():
            name = target.wish.declaration.name
            config = _flags_before(target.changes)
            runtime: dict[str, dict[str, frozenset[str]]] = {}
            for done in self._outcome.changes if self._outcome else ():
                if done.balancer == name and done.vhost in target.wish.vhosts:
                    for url, before in _flags_before([done.change]).items():
                        runtime.setdefault(url, {})[str(done.vhost)] = before
            if config or runtime:
                declared = restored(name, config, runtime)
                wishes.append(target.wish._replace(declaration=declared))
        return self._carry_out(Request(balancers=wishes))

    def _carry_out(self, request: Request) -> dict[str, Any]:
        outcome = carry_out(self._instance, request, **_how(self._module))
        _warned(self._module, outcome)
        self._outcome = outcome
        self._configuration, self.running = outcome.configuration, outcome.reached
        return _result(self._module, outcome)

    def described(self) -> list[dict[str, Any]]:
        """Return the members concerned as they are now."""
        found = [row for each in self.running for row in _selected(each, self._selector)]
        reached = [(each.name, each.config.vhost.place) for each in self.running if each.config]
        for balancer in self._configuration.balancers:
            if (balancer.name, balancer.vhost.place) in reached or not self._concerns(balancer):
                continue
            for key in self._selector.members(balancer.members):
                member = balancer.members[key]
                row = _member_row(balancer.name, self._configuration.label(balancer.vhost), member)
                found.append(
                    {**row, "usable": None, "accepts_new": None, "elected": None, "busy": None}
                )
        return found

    def _concerns(self, balancer: Balancer) -> bool:
        selector, configuration = self._selector, self._configuration
        name = Declaration(selector.balancer).name if selector.balancer else balancer.name
        vhosts = (
            configuration.vhosts
            if selector.vhost in (None, "all")
            else configuration.named(str(selector.vhost))
        )
        return balancer.name == name and balancer.vhost in vhosts


class _RunningMembers:
    """Members of the running httpd alone."""

    def __init__(self, module: AnsibleModule, selector: Selector, guard: Guard) -> None:
        from ._live import Managers
        from ._member import find_running

        self._module, self._selector, self._guard = module, selector, guard
        access = _access_needed(module.params)
        self._changes: list[Done] = []
        self.running: list[Running] = find_running(Managers(), access, selector)

    def change(self, wanted: Wanted) -> dict[str, Any]:
        """Make the members what is *wanted* and return the result, without its members."""
        from ._live import apply_now, foresee
        from ._member import declaration

        if wanted.state == "absent":
            raise ConfigurationError(
                "state: absent: httpd cannot remove a member while it runs; use stopped, or target: both"
            )
        work = []
        for each in self.running:
            if wanted.takes_out:
                self._guard.check_running(each.vhost, each.balancer)
            urls = [
                each.balancer.members[key].url
                for key in self._selector.members(each.balancer.members)
            ]
            declared = declaration(each.name, urls, wanted)
            plan = foresee(each, declared)
            _check_possible(plan)
            work.append((each, declared, plan))
        self._changes = []
        try:
            for each, declared, plan in work:
                if plan.changes and not self._module.check_mode:
                    plan = apply_now(each, declared)
                    _check_possible(plan)
                self._changes += [Done(each.name, change, each.vhost) for change in plan.changes]
        except (HttpdError, ConfigurationError) as problem:
            failed = {"msg": _message(f"balancer://{each.name} of {each.vhost}: {problem}")}
            return {**_running_result(self._module, self._changes), **failed}
        return _running_result(self._module, self._changes)

    def restore(self) -> dict[str, Any]:
        """Put the flags back that the last change has changed, and return the result."""
        from ._live import apply_now
        from ._member import restored

        changes = []
        for each in self.running:
            runtime = {
                url: {each.vhost: before}
                for done in self._changes
                if (done.balancer, done.vhost) == (each.name, each.vhost)
                for url, before in _flags_before([done.change]).items()
            }
            if runtime:
                plan = apply_now(each, restored(each.name, {}, runtime))
                changes += [Done(each.name, change, each.vhost) for change in plan.changes]
        return _running_result(self._module, changes)

    def described(self) -> list[dict[str, Any]]:
        """Return the members concerned as they are now."""
        return [row for each in self.running for row in _selected(each, self._selector)]


def _flags_before(changes: Sequence[Change]) -> dict[str, frozenset[str]]:
    """Return by URL the flags that members had before *changes*."""
    return {
        change.member: frozenset(change.before or ())
        for change in changes
        if change.member is not None and change.parameter == "status"
    }


def _selected(running: Running, selector: Selector) -> list[dict[str, Any]]:
    found = []
    members = running.balancer.members
    for key in selector.members(members):
        member = members[key]
        row = _member_row(running.name, running.vhost, member)
        row.update(usable=member.usable, accepts_new=member.accepts_new)
        row.update(elected=member.counters["elected"], busy=member.counters["busy"])
        found.append(row)
    return found


def _member_row(balancer: str, vhost: str, member: Any) -> dict[str, Any]:
    return {
        "balancer": balancer,
        "vhost": vhost,
        "url": masked(member.url),
        "route": member.values.get("route") or None,
        "status": MEMBER["status"].shown(member.values.get("status", frozenset())),
    }


def _selector(params: Params) -> Selector:
    from ._member import Selector

    given = [name for name in ("url", "host", "route") if params[name] is not None]
    by = next((name for name in given if params[name]), "")
    if not by:
        raise ConfigurationError(f"{given[0]}: '' names no member")
    return Selector(by, params[by], params["balancer"], params["vhost"])


def _wanted(params: Params) -> Wanted:
    """Return what the members are to become."""
    from ._member import STATES, Wanted

    values = {name: params[name] for name in MEMBER if params[name] is not None}
    if not params["url"]:
        values.pop("route", None)
    factor = str(params["loadfactor"] or "").strip()
    if factor.endswith("%"):
        values["loadfactor"] = _percent(factor)
    if params["state"] in STATES and "status" in values:
        raise ConfigurationError(
            f"state: {params['state']} and status say both what the flags are; choose one"
        )
    if params["state"] == "absent" and params["wait"]:
        raise ConfigurationError(
            "state: absent: there is nothing left to wait for; drain the member first"
        )
    if params["state"] == "absent" and values:
        raise ConfigurationError(f"state: absent: {', '.join(values)} would have no effect")
    return Wanted(params["state"], values)


def _percent(text: str) -> Percent:
    try:
        number = float(text[:-1])
    except ValueError:
        number = 0
    if not 0 < number <= 100:
        raise ConfigurationError(
            f"loadfactor: {text} is not possible; write 1 to 100, or more than 0% up to 100%"
        )
    return Percent(number)


def _check_possible(plan: LivePlan) -> None:
    impossible = [each.reason for each in plan.left if not each.until_reload]
    if impossible:
        raise ConfigurationError("; ".join(impossible) + ". Change the files as well: target: both")


def _running_result(module: AnsibleModule, changes: Sequence[Done]) -> dict[str, Any]:
    result = _loaded(module, Loaded(True, False, []))
    result.update(
        changed=bool(changes),
        changes=list(map(_change, changes)),
        validated=UNCHANGED,
        problems=[],
        not_reached=[],
    )
    if module._diff:
        result["diff"] = _live_diffs(changes)
    return result


def _balancer_info(module: AnsibleModule) -> dict[str, Any]:
    instance = _instance(module.params)
    view = instance.view()
    # httpd shows directives with their variables replaced.
    module.no_log_values.update(secret_values({**instance.environment, **view.defines}))
    configuration = codec.read(view.root)
    name, vhost = module.params["name"], module.params["vhost"]
    names = [Declaration(name).name] if name else None
    balancers = [b for b in configuration.balancers if names is None or b.name in names]
    if vhost:
        own = server(configuration, vhost)
        balancers = [balancer for balancer in balancers if balancer.vhost is own]
    memory = Memory(instance)
    result = _loaded(module, memory.state(dict.fromkeys([*view.includes, *memory.files])))
    described = _Described(module.params, configuration, result["running"])
    problems = [*lint(configuration, view), *selinux_problems(instance, configuration)]
    result.update(
        changed=False,
        balancers=[each for b in balancers for each in described.all(b)],
        not_reached=described.missed,
        problems=[problem.result() for problem in problems],
    )
    if module.params["directives"]:
        from ._balancer.outline import listens, server_directives, virtual_hosts

        result.update(
            vhosts=virtual_hosts(view.root, configuration),
            server_directives=server_directives(view.root),
            listen=listens(view.root),
            config_files=view.includes,
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
        access=_access(module.params),
        restart=module.params["restart"],
    )
    for warning in done.warnings:
        module.warn(masked(display(warning)))
    return {**done.result(), "changes": list(map(_change, done.changes))}


def _sticky_check(module: AnsibleModule) -> dict[str, Any]:
    from ._sticky.check import check, secret_headers

    module.no_log_values.update(secret_headers(module.params))
    return check(module.params, write=not module.check_mode, access=_access(module.params))


# Options


def _instance(params: Params) -> Instance:
    options = params["httpd"] or {}
    return Instance.find(
        binary=options.get("binary"),
        server_root=options.get("server_root"),
        config_file=options.get("config_file"),
        defines=options.get("defines") or (),
    )


def _target(options: Params) -> str:
    """Return the layers that are meant: "config", "runtime" or "both"."""
    target = options["target"] or ("both" if options["manager_url"] else "config")
    if target != "config" and not options["manager_url"]:
        raise ConfigurationError(f"target: {target} needs manager_url")
    return str(target)


def _access(options: Params) -> Access | None:
    """Return how balancer-manager is reached; ``None`` if that is not wished."""
    if not options["manager_url"] or options.get("target") == "config":
        return None
    from ._live import Access

    access = Access(*(options[f"manager_{name}"] for name in Access._fields))
    return access._replace(url=tuple(access.url))


def _access_needed(options: Params) -> Access:
    access = _access(options)
    if access is None:
        raise ConfigurationError("target: runtime needs manager_url")
    return access


def _balancer_wish(options: Params) -> BalancerWish:
    _target(options)
    if options["mode"] is not None and not options["path"]:
        raise ConfigurationError("mode needs path")
    return BalancerWish(
        Declaration(
            options["name"],
            options["members"],
            options["proxy_set"],
            options["purge"],
            options["reset"],
            sticky_cookie=options["sticky_cookie"],
            health_check=options["health_check"],
        ),
        present=options["state"] == "present",
        path=options["path"],
        vhost=options["vhost"],
        force=options["force"],
        owner=options["owner"],
        group=options["group"],
        mode=_mode(options),
        access=_access(options),
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
    result = _loaded(module, outcome.loaded)
    result.update(
        changed=outcome.changed,
        changes=list(map(_change, outcome.changes)),
        not_reached=list(map(_not_reached, outcome.not_reached)),
        validated=outcome.validated,
        problems=[problem.result() for problem in outcome.problems],
    )
    if outcome.failure:
        result["msg"] = _message(outcome.failure)
    if outcome.backup_files:
        result["backup_files"] = outcome.backup_files
    if module._diff:
        result["diff"] = diffs(outcome.entries) + _live_diffs(outcome.changes)
    return result


def _change(done: Done) -> dict[str, Any]:
    return {"balancer": done.balancer, "vhost": done.vhost, **done.change.result()}


def _not_reached(missed: Missed) -> dict[str, Any]:
    return {**missed._asdict(), "reason": masked(display(missed.reason))}


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


def _loaded(module: AnsibleModule, loaded: Loaded) -> dict[str, Any]:
    if loaded.doubt:
        module.warn(loaded.doubt)
    return {
        "running": loaded.running,
        "reload_required": loaded.reload_required,
        "reload_reasons": list(map(masked, loaded.reasons)),
    }


def _described(configuration: Configuration, names: Sequence[str] | None) -> list[dict[str, Any]]:
    return [
        _description(configuration, balancer)
        for balancer in configuration.balancers
        if names is None or balancer.name in names
    ]


class _Described:
    """Descriptions of balancers with what the running httpd has of them."""

    def __init__(self, params: Params, configuration: Configuration, running: bool) -> None:
        self._configuration = configuration
        self._access = _access(params) if running else None
        self._declared = [(options["vhost"], _declared(options)) for options in params["declared"]]
        self._managers: Any = None
        self.missed: list[dict[str, Any]] = []

    def all(self, balancer: Balancer) -> list[dict[str, Any]]:
        """Return one description for each virtual host in which *balancer* runs; one where none is reached."""
        reached = self._reach(balancer)
        if not reached:
            return [self._one(balancer, balancer.vhost, None)]
        return [self._one(balancer, vhost, live) for vhost, live in reached]

    def _reach(self, balancer: Balancer) -> list[tuple[Vhost, LiveBalancer]]:
        if self._access is None:
            return []
        from ._live import Managers, reach

        self._managers = self._managers or Managers(counters=True)
        running, missed = reach(self._managers, self._access, self._configuration, [balancer])
        self.missed += map(_not_reached, missed)
        return [(each.server, each.balancer) for each in running if each.server]

    def _one(self, balancer: Balancer, vhost: Vhost, live: LiveBalancer | None) -> dict[str, Any]:
        found = _description(self._configuration, balancer)
        found["vhost"] = self._configuration.label(vhost)
        declared = [
            each
            for where, each in self._declared
            if each.name == balancer.name
            and (where is None or vhost in self._configuration.named(where))
        ]
        values = effective(self._configuration, vhost, balancer.name) or {}
        for member in found["members"]:
            member.update(runtime=None, usable=None, accepts_new=None)
        if live is not None:
            _add_runtime(found, balancer, live)
        rows = drift(balancer.members, values, live, declared[0] if declared else None)
        found["drift"] = [row.result() for row in rows]
        return found


def _declared(options: Params) -> Declaration:
    return Declaration(options["name"], options["members"], options["proxy_set"])


def _add_runtime(found: dict[str, Any], balancer: Balancer, live: LiveBalancer) -> None:
    """Add to the description *found* what the running httpd has: of the balancer and of each member."""
    found["runtime"] = {**shown(BALANCER, live.values), "slots": live.slots, "used": live.used}
    for member, key in zip(found["members"], balancer.members):
        if key in live.members:
            member.update(_running_member(live.members[key]))
    for key, running in live.members.items():
        if key not in balancer.members:
            url = masked(running.url)
            found["members"].append(
                {"url": url, "file": None, "line": None, "config": None, **_running_member(running)}
            )


def _running_member(member: LiveMember) -> dict[str, Any]:
    values = {name: value for name, value in member.values.items() if name != "status"}
    set_flags = {word: word in flags(member.values) for word in Status.words}
    return {
        "runtime": {
            **shown(MEMBER, values),
            **set_flags,
            "in_error": "Err" in member.flags,
            "health_check_failed": "HcFl" in member.flags,
            **member.counters,
        },
        "usable": member.usable,
        "accepts_new": member.accepts_new,
    }


def _running_description(running: Running) -> dict[str, Any]:
    live = running.balancer
    return {
        "name": live.name,
        "vhost": running.vhost,
        "runtime": {**shown(BALANCER, live.values), "slots": live.slots, "used": live.used},
        "members": [
            {"url": masked(member.url), **_running_member(member)}
            for member in live.members.values()
        ],
    }


def _description(configuration: Configuration, balancer: Balancer) -> dict[str, Any]:
    place = balancer.place
    cookie = balancer.sticky_cookie
    return {
        "name": balancer.name,
        "vhost": configuration.label(balancer.vhost),
        "file": place.file if place else None,
        "line": place.line if place else None,
        "files": balancer.files,
        "parameters": shown(BALANCER, balancer.values),
        "sticky_cookie": cookie.header.cookie.shown() if cookie else None,
        "references": [
            {
                "file": r.place.file,
                "line": r.place.line,
                "directive": r.directive,
                "text": masked_arguments(r.directive, r.text),
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
