# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running balancer against what is declared and what stands in the files: what has to be posted to
balancer-manager, what only a reload can do, and where the two layers differ.

Private to this collection. What can be changed while httpd runs: mod_proxy_balancer.c
``balancer_process_balancer_worker``; which row of the table that is: ``Parameter.live``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Collection, Mapping, NamedTuple, Sequence

from .._httpd.secrets import masked
from . import health
from .model import Balancer, Configuration, Member, Vhost
from .parameters import BALANCER, MEMBER, Live, Parameter, Status, Value, flags
from .plan import (
    MEMBERS,
    PARAMETERS,
    STICKY_COOKIE,
    URL,
    Change,
    Declaration,
    Flags,
    Percent,
    Restored,
    settled,
)

if TYPE_CHECKING:
    from .._manager.page import LiveBalancer, LiveMember

RUNTIME = "runtime"
# What httpd derives from the number of members when it is not set.
_DERIVED = ("maxattempts",)
#: The flags that keep new sessions off a member.
OUT = frozenset(("disabled", "stopped", "drained"))


class Left(NamedTuple):
    """What the running httpd cannot be given: *reason* is a sentence. *until_reload*: it was done as far as
    it can be, and only a reload does the rest."""

    member: str | None
    parameter: str | None
    reason: str
    until_reload: bool = False


class LivePlan(NamedTuple):
    """What to post, and what only a reload can do."""

    changes: list[Change]
    left: list[Left]


class Post(NamedTuple):
    """One request to balancer-manager: *member* is an identity, ``None`` for the balancer itself."""

    member: str | None
    fields: list[tuple[str, str]]


def plan_live(
    live: LiveBalancer,
    declared: Declaration,
    config: Balancer | None = None,
    added: Collection[str] = (),
    vhost: str = "",
    loaded: bool = True,
) -> LivePlan:
    """Return what must be posted so that *live*, of *vhost* (its label), is as *declared*.

    *config* is the balancer as it stands in the files, from before the change; *loaded*: whether the running httpd has
    loaded that. *added* are the identities of
    members that were just added to *live* and are still as httpd adds them: disabled.
    """
    return _Planner(live, declared, config, added, vhost, loaded).plan()


class _Planner:
    def __init__(
        self,
        live: LiveBalancer,
        declared: Declaration,
        config: Balancer | None,
        added: Collection[str],
        vhost: str,
        loaded: bool,
    ) -> None:
        self.live, self.declared, self.config, self.added = live, declared, config, added
        self.vhost, self.loaded = vhost, loaded
        self.changes: list[Change] = []
        self.left: list[Left] = []
        self.used = live.used or 0

    def plan(self) -> LivePlan:
        members = self.declared.members or {}
        for key, wanted in members.items():
            if self.declared.existing_only and not self._known(key):
                continue
            member = self.live.members.get(key)
            if member is None:
                self._add(key, wanted)
            else:
                values = {**self._no_longer_alone(key), **self._wanted(key, wanted, member)}
                self._change(key, member, values)
        for key, member in self.live.members.items():
            if self._to_remove(key):
                self._take_out(member)
            elif key not in members:
                values = self._reset(MEMBER, set(BALANCER))
                values.update(_or_default(self.declared.health_values(member.url)))
                self._change(key, member, {**self._no_longer_alone(key), **values})
        current = self.live.values
        for name, value in self._of_balancer().items():
            before = current.get(name, BALANCER[name].default)
            if before == value:
                continue
            if name == "stickysession" and (self._cookie() or not self.loaded):
                # Given at once, no session would have that cookie yet. What files that are not loaded say of cookies
                # is not what httpd issues.
                text = "stickysession goes" if value is None else f"stickysession={value} comes"
                reason = f"balancer://{self.live.name}: {text} by a reload, together with whatever cookie httpd issues"
                self.left.append(Left(None, name, reason))
            else:
                self._set(None, BALANCER[name], before, value)
        if self.config is None:
            for name, value in (self.declared.proxy_set or {}).items():
                row = BALANCER[name]
                if row.live is None and value not in (None, row.default):
                    reason = f"balancer://{self.live.name}: {name} is set by a reload"
                    self.left.append(Left(None, name, reason))
        if self.config is None and (self._cookie() or STICKY_COOKIE in self.declared.reset):
            reason = (
                f"balancer://{self.live.name}: the cookie that httpd issues changes by a reload"
            )
            self.left.append(Left(None, STICKY_COOKIE, reason))
        return LivePlan(self.changes, self.left)

    def _known(self, key: str) -> bool:
        in_files = self.config is not None and key in self.config.members
        return in_files or (self.config is None and key in self.live.members)

    def _in_file(self, key: str) -> Member | None:
        return self.config.members.get(key) if self.config else None

    # Members

    def _no_longer_alone(self, key: str) -> dict[str, Any]:
        """Return the load factor that the files give a member which was the only one until now."""
        in_file = self._in_file(key)
        if in_file is None or not self.added or len(self.live.members) - len(self.added) != 1:
            return {}
        return {"loadfactor": in_file.values.get("loadfactor", MEMBER["loadfactor"].default)}

    def _add(self, key: str, wanted: Mapping[str, Any]) -> None:
        url = self.declared.urls[key]
        values = {**self._whole(key, wanted), **self._parts(key, wanted)}
        fixed = [
            name
            for name, value in values.items()
            if MEMBER[name].live is None and value != MEMBER[name].default
        ]
        unchecked = self._unchecked(values)
        if unchecked:
            reason = unchecked
        elif fixed:
            reason = f"it has {', '.join(fixed)}, which only a reload sets"
        elif self.used >= (self.live.slots or 0):
            reason = (
                f"the running balancer has no free slot ({self.used} of {self.live.slots} used); set growth for the"
                " next time"
            )
        else:
            self.used += 1
            posted = {name: value for name, value in values.items() if MEMBER[name].live}
            self.changes.append(Change(RUNTIME, url, None, None, posted))
            return
        self.left.append(Left(url, None, f"member {url} is added by a reload: {reason}"))

    def _whole(self, key: str, wanted: Mapping[str, Any]) -> dict[str, Value]:
        """Return all values that the member has in the files after the change."""
        member = self._in_file(key)
        current = member.values if member else {}
        if PARAMETERS in self.declared.purge:
            current = {name: value for name, value in current.items() if name == "status"}
        found = {**current, **settled(wanted, current)}
        return {name: value for name, value in found.items() if value is not None}

    def _parts(self, key: str, wanted: Mapping[str, Any]) -> dict[str, Value]:
        """Return what is *wanted* of the member as a percentage of its value in the files."""
        member = self._in_file(key)
        current = member.values if member else {}
        url = self.declared.urls[key]
        return {
            name: value.of(url, float(current.get(name, MEMBER[name].default)))  # type: ignore[arg-type]  # a Factor
            for name, value in wanted.items()
            if isinstance(value, Percent)
        }

    def _unchecked(self, values: Mapping[str, Any]) -> str:
        """Return why a new member cannot have the health check among *values* before a reload; "" if it can.

        A virtual host in which nothing was checked when httpd loaded it checks nothing at all (mod_proxy_hcheck.c
        ``hc_post_config``), and an expression that it has not loaded it does not take.
        """
        if values.get("hcmethod", "NONE") == "NONE":
            return ""
        in_files = self.config.members if self.config else {}
        loaded = [key for key, member in in_files.items() if "hcmethod" in member.values]
        checked = [member for key, member in self.live.members.items() if key in loaded]
        checked = [m for m in checked if m.values.get("hcmethod", "NONE") != "NONE"]
        expression = values.get("hcexpr", "")
        if expression and expression not in [m.values.get("hcexpr") for m in checked]:
            return (
                f"the running httpd does not know the expression {expression} of its health check"
            )
        return "" if checked else "the running httpd makes no health checks here yet"

    def _without_another_check(
        self, key: str, member: LiveMember, values: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return *values* without those of a health check that asks otherwise than the one httpd makes.

        It would go on to ask for the old URL, or fail a member that is well, or not use one again that had failed
        (seen on 2.4.71).
        """
        shown = {name: member.values[name] for name in health.NAMES if name in member.values}
        differs = [
            n for n in ("hcmethod", "hcuri") if n in values and shown.get(n, values[n]) != values[n]
        ]
        if not differs or key in self.added:
            return values
        reason = f"member {member.url}: its health check changes by a reload ({', '.join(differs)})"
        self.left.append(Left(member.url, differs[0], reason))
        return {name: value for name, value in values.items() if name not in shown}

    def _wanted(self, key: str, wanted: Mapping[str, Any], member: LiveMember) -> dict[str, Value]:
        """Return the values that the running member shall have, as far as they are managed."""
        fresh = self._fresh(key)
        if fresh:
            rest = {name for name, row in MEMBER.items() if row.live}
            values: dict[str, Any] = {"status": frozenset(), **_defaults(MEMBER, rest)}
            values.update(self._whole(key, wanted))
        else:
            values = self._reset(MEMBER, {"status", *BALANCER})
            if PARAMETERS in self.declared.purge:
                everything = {name for name, row in MEMBER.items() if row.live} - {"status"}
                values.update(_defaults(MEMBER, everything))
        if health.TEMPLATE in self._whole(key, wanted):
            # What it says is not known, and balancer-manager does not show it.
            values = {name: v for name, v in values.items() if name not in health.NAMES}
            wanted = {
                name: v for name, v in wanted.items() if name not in health.NAMES or v is not None
            }
        for name, value in wanted.items():
            if isinstance(value, Flags):
                values[name] = value.on((values if fresh else member.values).get(name))
            elif isinstance(value, Restored):
                if self.vhost in value.runtime:
                    values[name] = value.runtime[self.vhost]
            elif value is None:
                values[name] = MEMBER[name].default
            elif not isinstance(value, Percent):
                values[name] = value
        return {**values, **self._parts(key, wanted)}

    def _fresh(self, key: str) -> bool:
        """Whether the member is new: just added, or left over from before it was taken out of the files."""
        return key in self.added or (self.config is not None and key not in self.config.members)

    def _change(self, key: str, member: LiveMember, values: Mapping[str, Value]) -> None:
        url = self.declared.urls.get(key, member.url)
        if url != member.url:
            reason = f"member {member.url} becomes {url} by a reload"
            self.left.append(Left(member.url, URL, reason))
        alone = len(self.live.members) == 1
        values = self._without_another_check(key, member, values)
        for name, value in values.items():
            row = MEMBER[name]
            if (
                row.live is None
                and value != row.default
                and key not in self.added
                and (self.config is None or self._fresh(key))
            ):
                reason = f"member {member.url}: {name} is set by a reload"
                self.left.append(Left(member.url, name, reason))
            if row.live is None or (name == "loadfactor" and alone):
                # A balancer of one member makes any factor 1 (mod_proxy_balancer.c recalc_factors).
                continue
            before = member.values.get(name, row.default)
            if before == value:
                continue
            if name not in member.values:
                module = row.module or "mod_proxy"
                reason = f"member {member.url}: {name} needs a reload: the running httpd has not loaded {module}"
                self.left.append(Left(member.url, name, reason))
            else:
                self._set(member.url, row, before, value)

    def _to_remove(self, key: str) -> bool:
        if key in self.declared.absent:
            return True
        members = self.declared.members
        return members is not None and MEMBERS in self.declared.purge and key not in members

    def _take_out(self, member: LiveMember) -> None:
        """httpd cannot remove a member while it runs; stopped, it gets no request and no health check."""
        before = flags(member.values)
        if "stopped" not in before:
            self._set(member.url, MEMBER["status"], before, before | {"stopped"})
        reason = f"member {member.url} is removed by a reload; until then it is stopped"
        self.left.append(Left(member.url, None, reason, until_reload=True))

    # Parameters

    def _of_balancer(self) -> dict[str, Value | None]:
        declared = self.declared
        values: dict[str, Value | None] = dict(self._reset(BALANCER, set()))
        if declared.proxy_set is not None and PARAMETERS in declared.purge:
            values.update(_defaults(BALANCER, {n for n, row in BALANCER.items() if row.live}))
        wanted = declared.parameters(self.config)
        values.update({n: v for n, v in wanted.items() if BALANCER[n].live})
        return values

    def _cookie(self) -> bool:
        """Whether httpd issues the cookie of the sessions itself, or shall."""
        in_files = self.config is not None and self.config.sticky_cookie is not None
        return in_files or self.declared.cookie is not None

    def _reset(self, table: Mapping[str, Parameter], but: Collection[str]) -> dict[str, Any]:
        reset = self.declared.reset_parameters
        names = {name for name in reset if name in table and name not in but}
        return _defaults(table, {name for name in names if table[name].live})

    def _set(self, member: str | None, row: Parameter, before: Any, after: Any) -> None:
        live = _live(row)
        if live.high is not None and after > live.high:
            what = f"member {member}: " if member else f"balancer://{self.live.name}: "
            reason = (
                f"{what}{row.name}={row.kind.write(after)} needs a reload: while it runs, httpd takes no more than"
                f" {live.high}"
            )
            self.left.append(Left(member, row.name, reason))
        else:
            self.changes.append(Change(RUNTIME, member, row.name, before, after))


def _defaults(table: Mapping[str, Parameter], names: Collection[str]) -> dict[str, Any]:
    return {name: table[name].default for name in table if name in names and name not in _DERIVED}


def _or_default(values: Mapping[str, Value | None]) -> dict[str, Any]:
    return {n: MEMBER[n].default if value is None else value for n, value in values.items()}


def _live(row: Parameter) -> Live:
    if row.live is None:
        raise ValueError(f"{row.name} is not settable while httpd runs")
    return row.live


def posts(changes: Sequence[Change], live: LiveBalancer) -> list[Post]:
    """Return the requests that make *changes*, planned for *live*, in the order in which they have to be made:
    a new member gets its values before its requests, and members are put in before others are taken out."""
    found: list[Post] = []
    values: dict[str, list[tuple[str, str]]] = {}
    status: list[tuple[bool, Post]] = []
    keys = {member.url: key for key, member in live.members.items()}
    of_balancer: list[tuple[str, str]] = []
    for change in changes:
        if change.member is None:
            of_balancer += _fields(BALANCER[change.parameter or ""], change)
        elif change.parameter is None:
            found.append(Post(None, [("b_nwrkr", change.member), ("b_wyes", "1")]))
        elif change.parameter == "status":
            taken_out = bool(change.after - change.before)
            post = Post(keys[change.member], _fields(MEMBER["status"], change))
            status.append((taken_out, post))
        else:
            fields = _fields(MEMBER[change.parameter], change)
            values.setdefault(keys[change.member], []).extend(fields)
    if of_balancer:
        found.append(Post(None, of_balancer))
    found += [Post(key, fields) for key, fields in values.items()]
    return found + [post for dummy, post in sorted(status, key=lambda each: each[0])]


def _fields(row: Parameter, change: Change) -> list[tuple[str, str]]:
    live = _live(row)
    before, after = change.before, change.after
    if row.name == "status":
        changed = after ^ (before or frozenset())
        return [
            (live.field + letter, "1" if word in after else "0")
            for word, letter in Status.words.items()
            if word in changed
        ]
    if isinstance(after, bool):
        text = "1" if after else "0"
    elif row.name == "hcinterval":
        # In a file a bare number means seconds, here milliseconds.
        text = str(after)
    elif after is None:
        # Of those that can be set, stickysession alone may have no value.
        text = "-"
    else:
        text = row.kind.write(after)
    return [(live.field, text)]


def effective(configuration: Configuration, vhost: Vhost, name: str) -> dict[str, Value] | None:
    """Return the parameters that the balancer *name* of *vhost* has by the files; ``None`` if it has none.

    A virtual host that only uses a balancer of the main server has that one's parameters, except that its own
    win and that lbmethod is not handed down (mod_proxy.c ``merge_balancers``, seen on 2.4.71).
    """
    own = vhost.balancers.get(name)
    if own is not None and own.defined:
        return own.values
    shared = configuration.main.balancers.get(name)
    if shared is None or not shared.defined:
        return None
    values = {key: value for key, value in shared.values.items() if key != "lbmethod"}
    return {**values, **(own.values if own else {})}


class Difference(NamedTuple):
    """One thing in which declaration, files and running httpd differ: canonical values as in :class:`Change`,
    ``None`` for what is not there or not known. *member* ``None``: the balancer itself, *parameter* ``None``: the
    member as a whole."""

    member: str | None
    parameter: str | None
    declared: Any
    config: Any
    runtime: Any

    def result(self) -> dict[str, Any]:
        """Return it as it appears in the result of a module: JSON types, secrets masked."""
        shown = [
            Change("", self.member, self.parameter, value, None).result()["before"]
            for value in (self.declared, self.config, self.runtime)
        ]
        return {
            "member": None if self.member is None else masked(self.member),
            "parameter": self.parameter,
            **dict(zip(("declared", "config", "runtime"), shown)),
        }


def drift(
    members: Mapping[str, Member],
    values: Mapping[str, Value],
    live: LiveBalancer | None,
    declared: Declaration | None = None,
) -> list[Difference]:
    """Return where the files (*members* by identity, *values* of the balancer), the running balancer *live* and
    what is *declared* differ, as far as each of them is there."""
    found = []
    running = live.members if live else {}
    wanted = (declared.members if declared else None) or {}
    for key in dict.fromkeys([*members, *running, *wanted]):
        found += _drift_of_member(key, members.get(key), live, declared)
    of_balancer = dict(declared.proxy_set or {}) if declared else {}
    for name, row in BALANCER.items():
        known: list[Any] = [of_balancer[name]] if name in of_balancer else []
        known.append(values.get(name, row.default))
        at_work = live is not None and row.live is not None
        if name in _DERIVED and (name not in values or (live and name not in live.values)):
            at_work = False
        in_use = live.values.get(name, row.default) if live and at_work else None
        if at_work:
            known.append(in_use)
        if any(value != known[0] for value in known):
            found.append(Difference(None, name, of_balancer.get(name), values.get(name), in_use))
    return found


def _drift_of_member(
    key: str, member: Member | None, live: LiveBalancer | None, declared: Declaration | None
) -> list[Difference]:
    running = live.members.get(key) if live else None
    wanted = (declared.members or {}).get(key) if declared else None
    managed = declared is not None and declared.members is not None and MEMBERS in declared.purge
    there = [member is not None]
    there += [running is not None] if live else []
    there += [wanted is not None] if managed or wanted is not None else []
    url = member.url if member else running.url if running else declared.urls[key]  # type: ignore[union-attr]  # one of them has it
    if member is None or not all(there):
        config = member.values if member else None
        return [Difference(url, None, wanted, config, running.values if running else None)]
    found = []
    if running is not None and running.url != member.url:
        found.append(Difference(url, URL, None, member.url, running.url))
    alone = live is not None and len(live.members) == 1
    for name, row in MEMBER.items():
        known: list[Any] = [member.values.get(name, row.default)]
        if wanted and name in wanted:
            known.append(wanted[name])
        # What that says is not shown.
        from_template = name in health.NAMES and health.TEMPLATE in member.values
        shown = running is not None and name in running.values
        at_work = shown and not from_template and not (name == "loadfactor" and alone)
        in_use = running.values[name] if running is not None and at_work else None
        if at_work:
            known.append(in_use)
        if any(value != known[0] for value in known):
            in_file = member.values.get(name, row.default)
            found.append(Difference(url, name, (wanted or {}).get(name), in_file, in_use))
    return found


def reload_reasons(changes: Sequence[Change], left: Sequence[Left]) -> list[str]:
    """Return why a reload is needed although the running httpd was given what it takes: *changes* are those of
    the files, *left* what it could not be given."""
    reasons = []
    for change in changes:
        if change.parameter is None and change.member is not None and change.place is None:
            # A whole member: what httpd could not be given of it is among those left.
            continue
        table = BALANCER if change.member is None else MEMBER
        row = table.get(change.parameter or "")
        if row is not None and row.live is not None:
            if row.name in _DERIVED and change.after is None:
                reasons.append(f"{row.name} gets its default by a reload")
            continue
        what = f"member {change.member}: " if change.member else ""
        if change.parameter is None and change.member is None:
            reasons.append(
                f"the balancer is {'made' if change.before is None else 'removed'} by a reload"
            )
        elif change.parameter is None:
            reasons.append(f"{what}the line at {change.place} is removed by a reload")
        elif change.parameter != URL:
            reasons.append(f"{what}{change.parameter} is set by a reload")
    return list(dict.fromkeys([*reasons, *(each.reason for each in left)]))


def standing_by(live: LiveMember) -> bool:
    """Whether the member would take new sessions if others were gone: usable, a hot standby or a hot spare."""
    status = flags(live.values)
    return live.usable and bool(status & {"hot_standby", "hot_spare"}) and "drained" not in status
