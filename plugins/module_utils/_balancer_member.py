# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``balancer_member``.

Private to this collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

from ._balancer.live import RUNTIME
from ._balancer.model import Balancer, Configuration
from ._balancer.parameters import MEMBER
from ._balancer.plan import Change, Declaration, DeclarationError, Percent
from ._httpd.errors import HttpdError
from ._httpd.secrets import masked
from ._member import (
    STATES,
    Guard,
    Selector,
    Wanted,
    declaration,
    find_running,
    restored,
    wait,
    wishes,
)
from ._options import Call, Params, access_needed, access_of, how, instance_of, target_of
from ._outcome import Done
from ._results import message, result_of, running_result
from ._wishes import BalancerWish, ConfigurationError, Request

if TYPE_CHECKING:
    from ._access import Access
    from ._live import Running
    from ._member import Waited
    from ._outcome import Outcome

# Seconds without a request: a disabled member has no sessions left to wait for, only requests in flight.
_AFTER_DISABLING = 2.0


def balancer_member(call: Call) -> dict[str, Any]:
    """Return the result of the module ``balancer_member``."""
    params = call.params
    selector, wanted = _selector(params), _wanted(params)
    access = access_of(params)
    _check_layers(params, wanted)
    _check_times(params, wanted)
    guard = Guard(selector, params["min_usable"])
    if target_of(params) == RUNTIME:
        work: Any = _RunningMembers(call, selector, guard)
    else:
        work = _Members(call, selector, guard, access)
    result: dict[str, Any] = work.change(wanted)
    if "msg" in result:
        return result
    result.update(waited=0.0, drained=False)
    try:
        _check_left(work, guard, wanted, result)
        if "msg" not in result:
            _after_change(call, work, wanted, result)
    except (HttpdError, ConfigurationError, DeclarationError) as problem:
        # What was done until then is in the result.
        result["msg"] = message(problem)
    return result


def _check_left(work: Any, guard: Guard, wanted: Wanted, result: dict[str, Any]) -> None:
    """Put back what was taken out, and say so in *result*, where too few are left."""
    try:
        for each in work.running:
            guard.check_left(each)
    except ConfigurationError as problem:
        # What is gone from the files has no flags to put back.
        gone = wanted.state == "absent"
        _add(result, {} if gone else work.restore())
        end = "Put another one back in" if gone else "What this task took out was put back"
        result.setdefault("msg", message(f"{problem}. {end}"))
        result["members"] = work.described()


def _after_change(call: Call, work: Any, wanted: Wanted, result: dict[str, Any]) -> None:
    """Wait if that is wished, and add to *result* what came of it and the members as they are then."""
    params = call.params
    if params["wait"] and not call.check_mode and result["running"]:
        unknown = result["not_reached"]
        if params["on_timeout"] != "continue" and (unknown or not work.running):
            reasons = [
                f"balancer://{m['balancer']} of {m['vhost']}: {m['reason']}" for m in unknown
            ]
            result["members"] = work.described()
            result["msg"] = "nobody can tell when the members are idle or usable: " + (
                "; ".join(reasons) or "httpd has not loaded them"
            )
            return
    if params["wait"] and not call.check_mode and work.running:
        waited = _wait(call, work, wanted.takes_out, params["wait_idle"])
        done = waited.done and not result["not_reached"]
        result.update(waited=round(waited.seconds, 1), drained=done)
        if not waited.done:
            _timed_out(call, work, wanted, result)
    result["members"] = work.described()


def _check_layers(params: Params, wanted: Wanted) -> None:
    """Refuse what needs a layer that ``target`` leaves out."""
    target = target_of(params)
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


def _check_times(params: Params, wanted: Wanted) -> None:
    """Refuse a wait that cannot but end by its time: what comes then would meet a member that nobody uses, too."""
    timeout, idle = params["wait_timeout"], params["wait_idle"]
    if params["wait"] and wanted.takes_out and 0 < timeout <= idle:
        raise ConfigurationError(
            f"wait_timeout: {timeout} s are over before a member can have been idle for {idle:g} s (wait_idle), whoever"
            " uses it or not. Use a longer wait_timeout, or a shorter wait_idle"
        )


def _wait(call: Call, work: Any, takes_out: bool, idle: float) -> Waited:
    params = call.params
    interval = max(0.05, params["wait_interval"])
    return wait(work.running, _selector(params), takes_out, params["wait_timeout"], interval, idle)


def _timed_out(call: Call, work: Any, wanted: Wanted, result: dict[str, Any]) -> None:
    """Do what ``on_timeout`` says."""
    what = call.params["on_timeout"]
    # A member that is to come back has nothing that disabling could end.
    if what == "continue" or (what == "disable" and not wanted.takes_out):
        return
    further = work.change(Wanted("disabled", {})) if what == "disable" else {}
    further = work.restore() if what == "restore" else further
    _add(result, further)
    if "msg" in result:
        return
    if what == "disable":
        waited = _wait(call, work, True, min(call.params["wait_idle"], _AFTER_DISABLING))
        result["waited"] = round(result["waited"] + waited.seconds, 1)
        result["drained"] = waited.done and not result["not_reached"]
        if not waited.done:
            call.warn(
                f"the members are disabled, and after {waited.seconds:g} s more there are still requests in flight"
            )
        return
    busy = "; ".join(
        f"{member['url']} of {member['vhost']}: {member['busy']} requests in flight, {member['elected']} in all"
        for member in work.described()
    )
    left = "its flags were put back" if further else "it stays as it is now"
    goal = "idle" if wanted.takes_out else "usable"
    result["msg"] = f"not {goal} after {result['waited']:g} s (wait_timeout), {left}: {busy}"


def _add(result: dict[str, Any], further: dict[str, Any]) -> None:
    """Let *result* be that of both, the change that it is of and a *further* one, if there was one."""
    if not further:
        return
    changes = [*result["changes"], *further["changes"]]
    both: dict[str, Any] = {"changes": changes, "changed": bool(changes)}
    if "diff" in further:
        both["diff"] = [*result.get("diff", ()), *further["diff"]]
    # The first copy of a file is that from before all of this.
    if "backup_files" in further:
        both["backup_files"] = {**further["backup_files"], **result.get("backup_files", {})}
    result.update({**further, **both})


class _Members:
    """Members in the files, and with *access* in the running httpd."""

    def __init__(self, call: Call, selector: Selector, guard: Guard, access: Access | None) -> None:
        self._call, self._selector, self._guard, self._access = call, selector, guard, access
        self._instance = instance_of(call.params)
        self._configuration = Configuration([])
        self._outcome: Outcome | None = None
        self.running: list[Running] = []

    def change(self, wanted: Wanted) -> dict[str, Any]:
        """Make the members what is *wanted* and return the result, without its members."""

        def select(configuration: Configuration) -> Sequence[BalancerWish]:
            return wishes(configuration, self._selector, wanted, self._access)

        guard = self._guard.check if wanted.takes_out else None
        return self._carry_out(Request(select=select, guard=guard))

    def restore(self) -> dict[str, Any]:
        """Put the flags back that the last change has changed, and return the result."""
        declared = []
        for target in self._outcome.targets if self._outcome else ():
            name = target.wish.declaration.name
            config = _flags_before(target.changes)
            runtime: dict[str, dict[str, frozenset[str]]] = {}
            for done in self._outcome.changes if self._outcome else ():
                # The flags of a running member, in whatever virtual host it runs.
                if done.balancer == name and done.change.layer == RUNTIME:
                    for url, set_before in _flags_before([done.change]).items():
                        runtime.setdefault(url, {})[str(done.vhost)] = set_before
            if config or runtime:
                before = restored(name, config, runtime)
                declared.append(target.wish._replace(declaration=before))
        return self._carry_out(Request(balancers=declared)) if declared else {}

    def _carry_out(self, request: Request) -> dict[str, Any]:
        # Imported late: where no file is looked at, it is not needed.
        from ._apply import carry_out

        outcome = carry_out(self._instance, request, **how(self._call))
        self._outcome = outcome
        self._configuration, self.running = outcome.configuration, outcome.reached
        return result_of(self._call, outcome)

    def described(self) -> list[dict[str, Any]]:
        """Return the members concerned as they are now."""
        found = [row for each in self.running for row in _selected(each, self._selector)]
        # By its label: what is above it may have moved its virtual host meanwhile.
        reached = {(each.name, each.vhost) for each in self.running}
        for balancer in self._configuration.balancers:
            vhosts = [balancer.vhost, *self._configuration.followers(balancer)]
            shown = {(balancer.name, self._configuration.label(vhost)) for vhost in vhosts}
            if shown & reached or not self._concerns(balancer):
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

    def __init__(self, call: Call, selector: Selector, guard: Guard) -> None:
        from ._live import Managers

        self._call, self._selector, self._guard = call, selector, guard
        access = access_needed(call.params)
        self._changes: list[Done] = []
        self.running: list[Running] = find_running(Managers(), access, selector)

    def change(self, wanted: Wanted) -> dict[str, Any]:
        """Make the members what is *wanted* and return the result, without its members."""
        from . import _runtime

        if wanted.state == "absent":
            raise ConfigurationError(
                "state: absent: httpd cannot remove a member while it runs; use stopped, or target: both"
            )
        work = []
        for each in self.running:
            if wanted.takes_out:
                self._guard.check_running(each)
            urls = [each.balancer.members[key].url for key in self._selector.running(each)]
            work.append((each, declaration(each.name, urls, wanted)))
        self._changes, result = _runtime.carry_out(self._call, work)
        return result

    def restore(self) -> dict[str, Any]:
        """Put the flags back that the last change has changed, and return the result."""
        from ._live import apply_now

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
        return running_result(self._call, changes) if changes else {}

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
    for key in selector.running(running):
        member = running.balancer.members[key]
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
    given = [name for name in ("url", "host", "route") if params[name] is not None]
    by = next((name for name in given if params[name]), "")
    if not by:
        raise ConfigurationError(f"{given[0]}: '' names no member")
    return Selector(by, params[by], params["balancer"], params["vhost"])


def _wanted(params: Params) -> Wanted:
    """Return what the members are to become."""
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
