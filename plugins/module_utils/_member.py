# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members wherever they are: found by URL, route or host in all balancers, put in and taken out, waited for.

Private to this collection.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, NamedTuple, Sequence

from ._balancer.live import OUT, standing_by
from ._balancer.model import Balancer, Configuration, identity
from ._balancer.parameters import Status, flags
from ._balancer.plan import (
    Declaration,
    DeclarationError,
    Flags,
    Restored,
    checked_name,
    checked_url,
)
from ._wishes import OF_MANAGER, BalancerWish, ConfigurationError

if TYPE_CHECKING:
    from ._access import Access
    from ._balancer.model import Member
    from ._configuration import Plan
    from ._layer import Layer
    from ._live import Managers, Running
    from ._manager.page import LiveBalancer, LiveMember

_NONE: frozenset[str] = frozenset()
#: What a state sets and clears; the other flags stay as they are.
STATES = {
    "enabled": Flags(_NONE, frozenset(("disabled", "stopped", "drained"))),
    "disabled": Flags(frozenset(("disabled",)), _NONE),
    "drained": Flags(frozenset(("drained",)), _NONE),
    "stopped": Flags(frozenset(("stopped",)), _NONE),
    "hot_standby": Flags(frozenset(("hot_standby",)), frozenset(("hot_spare",))),
    "hot_spare": Flags(frozenset(("hot_spare",)), frozenset(("hot_standby",))),
    "ignore_errors": Flags(frozenset(("ignore_errors",)), _NONE),
}
# The counter is not locked: after load it may stay at 1 or 2 on an idle server (seen on 2.4.71). It passes for that
# when it has not changed for so long (seconds); before, it may be a request that takes its time.
_BASELINE = 2
_AT_BASELINE = 30.0


class Selector(NamedTuple):
    """Which members are meant: the *value* of their ``url``, ``route`` or ``host`` (*by*), in which *balancer*
    and *vhost*, ``None`` for all."""

    by: str
    value: str
    balancer: str | None = None
    vhost: str | None = None

    def __str__(self) -> str:
        return f"member with {self.by} {self.value}"

    def picks(self, member: Member | LiveMember) -> bool:
        """Whether *member* is meant.

        By what follows the ``|`` of ``unix:/socket|URL`` httpd tells members of one balancer apart, and other balancers
        may have the same there: where both name a socket, it decides as well.
        """
        if self.by == "route":
            return member.values.get("route") == self.value
        key = identity(member.url)
        if self.by == "host":
            return host_of(key) == self.value.strip("[]").lower()
        url = checked_url(self.value)
        sockets = member.url.startswith("unix:") and url.startswith("unix:")
        return member.url == url if sockets else key == identity(url)

    def members(self, members: Mapping[str, Any]) -> list[str]:
        """Return the identities of those of *members* (of the model or of a page) that are meant."""
        return [key for key, member in members.items() if self.picks(member)]

    def running(self, running: Running) -> list[str]:
        """Return the identities of those members of *running* that are meant. The files decide where they know one:
        httpd may not have loaded its socket or route yet."""
        members = running.balancer.members
        known = self.members(running.config.members) if running.config else []
        return [key for key in known or self.members(members) if key in members]


def host_of(key: str) -> str:
    """Return the host of a member's identity, in lower case; IPv6 without brackets."""
    found = re.match(r"[^:/]+://(?:[^/@]*@)?(\[[^\]]*\]|[^/:]*)", key)
    return found.group(1).strip("[]").lower() if found else ""


class Wanted(NamedTuple):
    """What the members are to become: *state* (a key of STATES, ``present`` or ``absent``) and *values*."""

    state: str
    values: Mapping[str, Any]

    @property
    def options(self) -> dict[str, Any]:
        """The values as a :class:`Declaration` takes them."""
        status = {"status": STATES[self.state]} if self.state in STATES else {}
        return {**self.values, **status}

    @property
    def takes_out(self) -> bool:
        """Whether a member gets no new sessions afterwards."""
        added = STATES[self.state].add if self.state in STATES else _NONE
        given = self.values.get("status") or ()
        return self.state == "absent" or bool(OUT & {*added, *given})


def declaration(
    name: str, urls: Iterable[str], wanted: Wanted, existing_only: bool = True
) -> Declaration:
    """Return what is declared about the members *urls* of the balancer *name*, and nothing else."""
    if wanted.state == "absent":
        return Declaration(name, purge=[], absent=urls)
    members = [{"url": url, **wanted.options} for url in urls]
    return Declaration(name, members, purge=[], existing_only=existing_only)


def wishes(
    configuration: Configuration, selector: Selector, wanted: Wanted, access: Access | None
) -> list[BalancerWish]:
    """Return one wish for each text that holds members that are meant.

    Raises :class:`ConfigurationError` where there is none, naming those there are.
    """
    balancers = _narrowed(configuration, selector)
    groups: dict[tuple[object, ...], tuple[list[Balancer], list[str]]] = {}
    for balancer in balancers:
        keys = selector.members(balancer.members)
        urls = [balancer.members[key].url for key in keys] or [selector.value]
        places = [balancer.members[key].place for key in keys] or balancer.sections
        text = (bool(keys), balancer.name, *places)
        groups.setdefault(text, ([], urls))[0].append(balancer)
    there = any(text[0] for text in groups)
    adds = wanted.state == "present" and selector.by == "url" and selector.balancer is not None
    if there or wanted.state == "absent":
        everywhere = there and adds and selector.vhost == "all"
        if everywhere:
            _check_sockets(balancers, selector)
        return [
            BalancerWish(
                declaration(chosen[0].name, urls, wanted, existing_only=bool(text[0])),
                access=access,
                vhosts=tuple(configuration.label(balancer.vhost) for balancer in chosen),
            )
            for text, (chosen, urls) in groups.items()
            if text[0] or everywhere
        ]
    if not adds or selector.balancer is None:
        raise ConfigurationError(
            f"there is no {selector} in {_where(selector)}; {_members(balancers)}"
            + ("; to add it, name url and balancer" if wanted.state == "present" else "")
        )
    _check_sockets(balancers, selector)
    added = declaration(selector.balancer, [selector.value], wanted, existing_only=False)
    return [BalancerWish(added, vhost=selector.vhost, access=access)]


def _check_sockets(balancers: Iterable[Balancer], selector: Selector) -> None:
    """Refuse to add a member to *balancers* that httpd would take for one with another socket."""
    for balancer in balancers:
        other = balancer.members.get(identity(checked_url(selector.value)))
        if other is not None and not selector.picks(other):
            raise ConfigurationError(
                f"url: {selector.value} cannot be added to balancer://{balancer.name}: httpd takes it for {other.url}"
                f" ({other.place}). Give it another name behind the |, or change the socket there"
            )


def _narrowed(configuration: Configuration, selector: Selector) -> list[Balancer]:
    balancers = list(configuration.balancers)
    if selector.vhost not in (None, "all"):
        # Imported late: where no file is looked at, it is not needed.
        from ._configuration import server

        own = server(configuration, str(selector.vhost))
        balancers = [balancer for balancer in balancers if balancer.vhost is own]
    if selector.balancer is None:
        return balancers
    name = checked_name(selector.balancer)
    found = [balancer for balancer in balancers if balancer.name == name]
    if not found:
        names = ", ".join(dict.fromkeys(balancer.name for balancer in balancers)) or "none"
        raise ConfigurationError(
            f"there is no balancer {name} in {selector.vhost or 'the configuration'}; balancers there: {names}"
        )
    return found


def _where(selector: Selector) -> str:
    what = f"balancer://{selector.balancer}" if selector.balancer else "any balancer"
    return f"{what} of {selector.vhost}" if selector.vhost else what


def _members(balancers: Iterable[Any]) -> str:
    listed = [
        f"{member.url} (route {member.values.get('route') or 'none'})"
        for balancer in balancers
        for member in balancer.members.values()
    ]
    more = f" and {len(listed) - 10} more" if len(listed) > 10 else ""
    return "there are " + (", ".join(dict.fromkeys(listed[:10])) or "no members") + more


# Taking out


class Guard:
    """Keeps *min_usable* members in each balancer that accept new sessions or stand by for them."""

    def __init__(self, selector: Selector, min_usable: int) -> None:
        self._selector = selector
        self._min_usable = min_usable
        # The running balancers that have one less when it is done.
        self._concerned: set[tuple[str, str]] = set()

    def check(self, plan: Plan, layer: Layer) -> None:
        """Raise :class:`ConfigurationError` where *plan*, which takes members out, would leave fewer."""
        for part in layer.parts:
            for running in part.running:
                self.check_running(running)
        # They are what the next reload, whoever makes it, leaves in.
        for target in plan.targets:
            for balancer in target.chosen:
                self._check_files(plan.configuration.label(balancer.vhost), balancer)

    def check_running(self, running: Running) -> None:
        """Raise :class:`ConfigurationError` where too few of the balancer *running* would be left."""
        ready, states = _ready(running), _states(running)
        picked = self._selector.running(running)
        if self._check(running.vhost, running.name, ready, states, picked):
            self._concerned.add((running.vhost, running.name))

    def check_left(self, running: Running) -> None:
        """Raise :class:`ConfigurationError` where too few of the balancer *running* are left, as others went out at the
        same time. Each of those who take members out reads the page after what it has posted: the last one sees all."""
        ready = _ready(running)
        left = sum(ready.values())
        if (running.vhost, running.name) not in self._concerned or left >= self._min_usable:
            return
        states = [f"{key} is {state}" for key, state in _states(running).items() if state]
        raise ConfigurationError(
            f"balancer://{running.name} of {running.vhost}: others went out at the same time, so that there are {left}"
            f" members for new sessions, and min_usable is {self._min_usable} ({'; '.join(states)})"
        )

    def _check_files(self, vhost: str, balancer: Balancer) -> None:
        states: dict[str, str] = {}
        for key, member in balancer.members.items():
            out = flags(member.values) & OUT
            states[key] = ", ".join(word for word in Status.words if word in out)
        ready = {key: not state for key, state in states.items()}
        where = f"the files of {vhost}"
        self._check(where, balancer.name, ready, states, self._selector.members(balancer.members))

    def _check(
        self,
        vhost: str,
        name: str,
        ready: Mapping[str, bool],
        states: Mapping[str, str],
        picked: Sequence[str],
    ) -> bool:
        """Return whether *picked* changes how many are *ready*."""
        if not any(ready[key] for key in picked):
            return False
        left = [key for key in ready if ready[key] and key not in picked]
        if len(left) >= self._min_usable:
            return True
        others = [f"{key} is {states[key]}" for key in ready if key not in picked and states[key]]
        raise ConfigurationError(
            f"balancer://{name} of {vhost}: without {', '.join(picked)} there would be {len(left)} members for new"
            f" sessions, and min_usable is {self._min_usable}"
            + (f" ({'; '.join(others)})" if others else "")
            + ". Put another one back first, or use a lower min_usable"
        )


def _ready(running: Running) -> dict[str, bool]:
    """Return of each member by its identity whether it accepts new sessions, or stands by for them."""
    members = running.balancer.members
    return {key: member.accepts_new or standing_by(member) for key, member in members.items()}


def _states(running: Running) -> dict[str, str]:
    return {key: _state(member) for key, member in running.balancer.members.items()}


def _state(member: LiveMember) -> str:
    words = [word for word in Status.words if word in flags(member.values)]
    words += ["in error"] if "Err" in member.flags else []
    words += ["failing its health check"] if "HcFl" in member.flags else []
    return ", ".join(words)


# Waiting


class Idle:
    """Tells when a member that gets no new sessions has nothing to do any more: no request for *seconds*, and
    ``busy`` no more than what it is on an idle server."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None
        self._seen: tuple[int, int] | None = None

    def observe(self, now: float, elected: int, busy: int) -> bool:
        """Take the counters at *now* (seconds); return whether it is idle."""
        if (elected, busy) != self._seen or self._since is None:
            self._seen, self._since = (elected, busy), now
        needed = max(self._seconds, _AT_BASELINE) if busy else self._seconds
        return busy <= _BASELINE and now - self._since >= needed


class Waited(NamedTuple):
    """How a wait ended: whether all members are *done*, after how many *seconds*."""

    done: bool
    seconds: float


def wait(
    running: Sequence[Running],
    selector: Selector,
    takes_out: bool,
    timeout: float,
    interval: float,
    idle: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Waited:
    """Wait until the members are idle (*takes_out*) or usable, at most *timeout* seconds, looking every *interval*
    seconds; *idle* as in :class:`Idle`.

    Raises what reading the page raises once the time is over, and :class:`DeclarationError` where a member gets
    new sessions again: then somebody else put it back.
    """
    from ._live import LiveError
    from ._manager.client import ManagerError

    begin = clock()
    idles: dict[tuple[int, str], Idle] = {}
    while True:
        problem: Exception | None = None
        done = True
        for each in running:
            each.source.forget()
        try:
            for index, each in enumerate(running):
                members = each.balancer.members
                picked = selector.running(each)
                # A reload by someone else may have removed them.
                done = done and bool(picked)
                for key in picked:
                    member = members[key]
                    if not takes_out:
                        done = done and member.usable
                        continue
                    _still_out(each, member)
                    watch = idles.setdefault((index, key), Idle(idle))
                    counters = member.counters
                    now_idle = watch.observe(clock(), counters["elected"], counters["busy"])
                    done = done and now_idle
        except (ManagerError, LiveError) as error:
            # An httpd that is being reloaded may refuse a connection.
            problem, done = error, False
        passed = clock() - begin
        if done:
            return Waited(True, passed)
        if passed >= timeout:
            if problem is not None:
                raise problem
            return Waited(False, passed)
        for each in running:
            each.source.close()
        sleep(min(interval, max(0.0, timeout - passed)))


def _still_out(running: Running, member: LiveMember) -> None:
    if not flags(member.values) & OUT:
        raise DeclarationError(
            f"member {member.url} of {running.vhost} is no longer out: somebody put it back, or reloaded httpd while"
            " the files did not say so (target: runtime). Take it out with target: both"
        )


def restored(
    name: str,
    config: Mapping[str, frozenset[str]],
    runtime: Mapping[str, Mapping[str, frozenset[str]]],
) -> Declaration:
    """Return what puts the flags of members of the balancer *name* back: *config* by URL, *runtime* by URL and the
    label of the virtual host."""
    members = [
        {"url": url, "status": Restored(config.get(url), runtime.get(url, {}))}
        for url in dict.fromkeys([*config, *runtime])
    ]
    return Declaration(name, members, purge=[], existing_only=True)


def find_running(managers: Managers, access: Access, selector: Selector) -> list[Running]:
    """Return the running balancers with members that are meant, where no file is looked at.

    Raises :class:`ConfigurationError` if there is none, and what reading the page raises.
    """
    from . import _live

    if selector.vhost not in (None, "all"):
        raise ConfigurationError(OF_MANAGER)
    name = checked_name(selector.balancer) if selector.balancer else None
    shown: list[LiveBalancer] = []

    def has(balancer: LiveBalancer) -> bool:
        if name in (None, balancer.name):
            shown.append(balancer)
            return bool(selector.members(balancer.members))
        return False

    found = _live.find_running(managers, access, has)
    if not found:
        where = ", ".join(access.url)
        raise ConfigurationError(
            f"there is no {selector} in {_where(selector)} at {where}; {_members(shown)}"
        )
    return found
