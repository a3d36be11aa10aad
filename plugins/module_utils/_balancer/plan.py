# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is declared, and what must change to get there.

Private to this collection.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, Mapping, NamedTuple

from .._httpd.errors import Expected
from .._httpd.secrets import masked, masked_url
from . import cookie, health, parameters
from .cookie import Cookie
from .health import HealthCheck, expression_name
from .model import Balancer, CookieLine, Place, absorbing_member, canonical_url, identity
from .parameters import BALANCER, CONTROL, INVERSE, MEMBER, Value

MEMBERS = "members"
PARAMETERS = "parameters"
# In a change and in reset: the cookie that httpd issues, which is no parameter of the balancer.
STICKY_COOKIE = "sticky_cookie"
# In a change: the expression that judges the health checks of the members; in reset: all about those.
HEALTH_CHECK = "health_check"
# In a change: the URL of a member, which is no parameter of it.
URL = "url"

_QUOTE = "a quote would change the words of the line"
# What a URL may not contain, beside control characters.
_REASONS = {
    " ": "white space ends a word",
    '"': _QUOTE,
    "'": _QUOTE,
    "\\": "a backslash would change the words of the line",
    "=": "httpd takes a word with = for a parameter",
    "${": "httpd would replace ${...} by a variable",
    ">": "a > would end the section",
    "<": "a < would open a section",
}
_IMPOSSIBLE = re.compile("|".join([CONTROL.pattern, *map(re.escape, _REASONS)]))
_PORT = re.compile(r"[^:/]+://(?:[^/@]*@)?(?:\[[^\]]*\]|[^/:\[@]*):([^/@]*)(?:/|$)")


class DeclarationError(Expected, ValueError):
    """A declaration that cannot be meant, or that httpd would read as something else."""


class Change(NamedTuple):
    """One difference between what is and what is declared.

    *member* is its URL, or ``None`` for the balancer itself; *parameter* ``None`` means the member or the
    balancer as a whole. *before* and *after* are canonical values (a dict of them for a whole member or
    balancer), ``None`` where there is nothing.
    """

    layer: str
    member: str | None
    parameter: str | None
    before: Any
    after: Any
    #: the line, where the member alone does not tell it: one that httpd merges with another.
    place: Place | None = None

    def result(self) -> dict[str, Any]:
        """Return it as it appears in the result of a module: JSON types, secrets masked."""
        return {
            "layer": self.layer,
            "member": None if self.member is None else masked(self.member),
            "parameter": self.parameter,
            "before": self._shown(self.before),
            "after": self._shown(self.after),
        }

    def _shown(self, value: Any) -> Any:
        if isinstance(value, Cookie):
            return value.shown()
        table = BALANCER if self.member is None else MEMBER
        if isinstance(value, dict):
            return parameters.shown(table, value)
        if self.parameter in table:
            return table[self.parameter].shown(value)
        return value


class Flags(NamedTuple):
    """A ``status`` that is declared flag by flag: those of *add* set, those of *remove* cleared, the others
    left as they are."""

    add: frozenset[str]
    remove: frozenset[str]

    def on(self, current: Any) -> frozenset[str]:
        """Return the status that *current* (a set of words, or nothing) becomes."""
        return frozenset(current or ()) - self.remove | self.add


class Restored(NamedTuple):
    """A ``status`` put back to what it was: in the files (*config*), and in the running httpd of each virtual host
    (*runtime*, by its label). What is not given is left alone."""

    config: frozenset[str] | None
    runtime: Mapping[str, frozenset[str]]


class Percent(NamedTuple):
    """A ``loadfactor`` as a percentage (above 0, at most 100) of the one in the file. It is for the running
    httpd alone: the file keeps the number it is a percentage of."""

    number: float

    def of(self, url: str, factor: float) -> float:
        """Return that part of *factor*, two decimals as httpd keeps them.

        Raises :class:`DeclarationError` if it is less than httpd takes.
        """
        part = int(factor * self.number + 1e-6) / 100
        if part < 1:
            raise DeclarationError(
                f"member {url}: loadfactor: {self.number:g}% of {factor:g} is {part:g}, and httpd takes 1 to 100. Give"
                " all members of the balancer larger load factors, such as 100; only their proportion matters"
            )
        return part


class Declaration:
    """One balancer as declared. ``None`` for *members*, *proxy_set*, *sticky_cookie* or *health_check* means: not
    managed.

    *members* maps the identity of each member to its URL and values, in the order declared. *absent* are the
    identities of members that shall go; *existing_only*: members that the balancer does not have are left
    out instead of added.
    """

    def __init__(
        self,
        name: str,
        members: Iterable[Mapping[str, Any]] | None = None,
        proxy_set: Mapping[str, Any] | None = None,
        purge: Iterable[str] = (MEMBERS,),
        reset: Iterable[str] = (),
        absent: Iterable[str] = (),
        existing_only: bool = False,
        sticky_cookie: Mapping[str, Any] | None = None,
        health_check: Mapping[str, Any] | None = None,
    ) -> None:
        """Check everything that can be checked without a configuration. ``status`` of a member may be
        :class:`Flags` or :class:`Restored`, ``loadfactor`` :class:`Percent`; *absent* are member URLs.

        Raises :class:`DeclarationError` with the offending value and what to do.
        """
        self.name = checked_name(name)
        self.absent = frozenset(identity(checked_url(url)) for url in absent)
        self.existing_only = existing_only
        self.urls: dict[str, str] = {}
        self._written: dict[str, str] = {}
        self.members: dict[str, dict[str, Any]] | None = None
        self.purge: frozenset[str] = frozenset(purge)
        self.reset = list(reset)
        self.proxy_set: dict[str, Value] | None = None
        #: the cookie that httpd shall issue; its separator is the balancer's.
        self.cookie: Cookie | None = None
        #: the health check of each member that has none of its own.
        self.health: HealthCheck | None = None
        if health_check is not None:
            try:
                self.health = health.checked(self.name, health_check)
            except ValueError as problem:
                raise DeclarationError(f"balancer {name}: health_check: {problem}") from None
        try:
            if members is not None:
                self.members = self._members(members)
            if proxy_set is not None:
                self.proxy_set = parameters.checked(BALANCER, dict(proxy_set))
        except ValueError as problem:
            raise DeclarationError(f"balancer {name}: {problem}") from None
        if sticky_cookie is not None:
            try:
                self.cookie = cookie.checked(self.name, sticky_cookie)
            except ValueError as problem:
                raise DeclarationError(f"balancer {name}: sticky_cookie: {problem}") from None
        self._check_reset()
        self._check_cookie()

    def _members(self, declared: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        members: dict[str, dict[str, Any]] = {}
        routes: dict[Value, str] = {}
        for options in declared:
            url = checked_url(str(options["url"]))
            into = absorbing_member(url, members) or (
                identity(url) if identity(url) in members else None
            )
            if into is not None:
                raise DeclarationError(
                    f"member {url}: httpd would take it for {self.urls[into]}, which is listed before it,"
                    " and drop it" + _other_order(url, self.urls[into])
                )
            try:
                given = {name: value for name, value in options.items() if name != "url"}
                relative = {
                    n: v for n, v in given.items() if isinstance(v, (Flags, Restored, Percent))
                }
                values: dict[str, Any] = parameters.checked(
                    MEMBER, {n: v for n, v in given.items() if n not in relative}
                )
                values.update(relative)
            except ValueError as problem:
                raise DeclarationError(f"member {url}: {problem}") from None
            for name in INVERSE:
                if name in values and INVERSE[name] in values:
                    raise DeclarationError(
                        f"member {url}: enablereuse and disablereuse are one setting; declare one of them"
                    )
            route = values.get("route")
            if route is not None and route in routes:
                raise DeclarationError(
                    f"member {url}: route {route} is also the route of {routes[route]}; sessions could not"
                    " be told apart"
                )
            if route is not None:
                routes[route] = url
            checked = self.health_values(url)
            if values.get(health.TEMPLATE):
                # A health check of its own, all of it.
                checked = dict.fromkeys(checked)
            members[identity(url)] = {**checked, **values}
            self.urls[identity(url)] = url
            self._written[identity(url)] = str(options["url"])
        if not members:
            raise DeclarationError(
                "members is empty; a balancer without members answers 503. To remove the balancer use"
                " state: absent, to leave its members alone omit the option"
            )
        return members

    def health_values(self, url: str) -> dict[str, Value | None]:
        """Return the parameters of the member *url* that come from health_check; ``None``: httpd's default."""
        return self.health.of(url) if self.health else {}

    @property
    def reset_parameters(self) -> list[str]:
        """The names of parameters to remove: those in reset, and those that an option in it stands for."""
        names = [name for name in self.reset if name not in (STICKY_COOKIE, HEALTH_CHECK)]
        return names + (list(health.NAMES) if HEALTH_CHECK in self.reset else [])

    def addition(self, key: str, layer: str) -> Change:
        """Return the change that adds the member *key* (an identity), its URL as it was declared."""
        values = {n: v for n, v in settled((self.members or {})[key]).items() if v is not None}
        return Change(layer, self._written[key], None, None, values)

    def _check_reset(self) -> None:
        for name in self.reset:
            options = {STICKY_COOKIE: self.cookie, HEALTH_CHECK: self.health}
            if name not in BALANCER and name not in MEMBER and name not in options:
                raise DeclarationError(f"balancer {self.name}: reset: {name} is no parameter")
            declared = (
                [self.proxy_set or {}] if name in BALANCER else list((self.members or {}).values())
            )
            if options.get(name) is not None or any(name in values for values in declared):
                raise DeclarationError(
                    f"balancer {self.name}: {name} is declared and listed in reset; choose one"
                )

    def _check_cookie(self) -> None:
        if self.cookie is None:
            return
        if "stickysession" in self.reset:
            raise DeclarationError(
                f"balancer {self.name}: sticky_cookie implies stickysession, which is listed in reset; choose one"
            )
        declared = (self.proxy_set or {}).get("stickysession")
        if declared is not None and str(declared).partition("|")[0] != self.cookie.name:
            raise DeclarationError(
                f"balancer {self.name}: stickysession is {declared}, but the sticky_cookie is called"
                f" {self.cookie.name}; omit stickysession" + _or_that_name(str(declared))
            )

    def parameters(self, balancer: Balancer | None) -> dict[str, Value | None]:
        """Return the parameters that *balancer* (``None``: it does not exist) is to have: those of proxy_set, and
        ``stickysession`` as far as it goes with the cookie (``None``: it goes with it).

        Raises :class:`DeclarationError` where ``stickysession`` is another cookie's.
        """
        values: dict[str, Value | None] = dict(self.proxy_set or {})
        lines = balancer.cookies if balancer else []
        current = str(balancer.values.get("stickysession", "")) if balancer else ""
        name, mark, parameter = current.partition("|")
        ours = name in [line.header.cookie.name for line in lines]
        if "stickysession" in values:
            return values
        if self.cookie is None:
            if STICKY_COOKIE in self.reset and ours and not mark:
                values["stickysession"] = None
            return values
        if PARAMETERS in self.purge and self.proxy_set is not None:
            current = mark = parameter = ""
        if balancer and balancer.sticks_nowhere:
            # No session moves when it goes.
            current = mark = parameter = ""
        if current and not ours and name != self.cookie.name and balancer:
            place = balancer.settings["stickysession"].place
            raise DeclarationError(
                f"balancer {self.name}: stickysession is {current} ({place}), but the sticky_cookie is called"
                f" {self.cookie.name}; declare stickysession: {self.cookie.name}"
                + _or_that_name(name)
            )
        values["stickysession"] = self.cookie.name + mark + parameter
        return values


def _or_that_name(stickysession: str) -> str:
    """Return the other way to let *stickysession* be that of the cookie: none, where the cookie would overwrite that of
    an application."""
    taken = stickysession.partition("|")[0] in cookie.OF_APPLICATIONS
    return "" if taken else ", or give the cookie that name"


def settled(
    values: Mapping[str, Any], current: Mapping[str, Any] | None = None
) -> dict[str, Value | None]:
    """Return declared *values* for a file that says *current*: single flags applied, what is for the running httpd
    alone left out. ``None``: it is not to be there."""
    found: dict[str, Value | None] = {}
    for name, value in values.items():
        if isinstance(value, Flags):
            found[name] = value.on((current or {}).get(name))
        elif isinstance(value, Restored):
            if value.config is not None:
                found[name] = value.config
        elif not isinstance(value, Percent):
            found[name] = value
    return found


def checked_name(name: str) -> str:
    """Return a balancer name in the spelling httpd uses; raise :class:`DeclarationError`.

    httpd lowers the case, cuts at the first slash and takes at most 84 bytes after ``balancer://``
    (proxy_util.c ``ap_proxy_define_balancer``).
    """
    bare = name[len("balancer://") :] if name.lower().startswith("balancer://") else name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", bare):
        raise DeclarationError(
            f"name: {name!r} is not possible: a balancer name consists of letters, digits, '.', '_' and '-'"
        )
    if len(bare) > 84:
        raise DeclarationError(f"name: {name!r} is {len(bare)} characters long; httpd takes 84")
    return bare.lower()


def checked_url(written: str) -> str:
    """Return a member URL as httpd names the member; raise :class:`DeclarationError`."""
    found = _IMPOSSIBLE.search(written)
    if found:
        mark = found.group()
        reason = (
            f"may not contain {mark!r}: {_REASONS[mark]}"
            if mark in _REASONS
            else "contains a control character"
        )
        raise DeclarationError(f"member {masked_url(written)!r}: the URL {reason}")
    try:
        url = canonical_url(written)
    except ValueError as problem:
        raise DeclarationError(f"member: {problem}") from None
    if url.startswith("balancer://"):
        raise DeclarationError(
            f"member {masked_url(written)!r}: a member is a server, not another balancer"
        )
    size = len(url) if url.isascii() else len(url.encode("utf-8", "surrogateescape"))
    if size > 383:
        raise DeclarationError(
            f"member {masked_url(written)!r}: the URL is {size} bytes long; httpd keeps 383"
        )
    port = _PORT.match(identity(url))
    if port and (not port.group(1).isdigit() or not 0 < int(port.group(1)) < 65536):
        raise DeclarationError(
            f"member {masked_url(written)!r}: port {port.group(1)} is not 1 to 65535"
        )
    return url


def _other_order(url: str, before: str) -> str:
    if url == before:
        return "; remove one of them"
    return "; list the longer URL first, or give each member its own port or host"


def plan(balancer: Balancer | None, declared: Declaration, layer: str = "config") -> list[Change]:
    """Return what must change in *balancer* (``None``: it does not exist) to be as *declared*."""
    if balancer is None or not balancer.defined:
        after: dict[str, Any] = declared.parameters(None)
        changes = [Change(layer, None, None, None, after)]
        changes += _plan_expression(balancer, declared, layer)
        changes += [declared.addition(key, layer) for key in declared.members or ()]
        return changes + _plan_cookie(balancer, declared, after, layer)
    changes = _plan_expression(balancer, declared, layer)
    if declared.members is not None:
        changes += _plan_members(balancer, declared, declared.members, layer)
    changes += _plan_health(balancer, declared, layer)
    for key in declared.absent:
        if key in balancer.members:
            member = balancer.members[key]
            changes.append(Change(layer, member.url, None, member.values, None))
    current, wanted = balancer.values, declared.parameters(balancer)
    for name, value in wanted.items():
        if current.get(name) != value:
            changes.append(Change(layer, None, name, current.get(name), value))
    removed = [n for n in declared.reset_parameters if n in BALANCER and n not in wanted]
    if declared.proxy_set is not None and PARAMETERS in declared.purge:
        removed += [name for name in current if name not in wanted]
    for name in dict.fromkeys(removed):
        if name in current:
            changes.append(Change(layer, None, name, current[name], None))
    for name in declared.reset_parameters:
        if name not in BALANCER:
            for key, member in balancer.members.items():
                if _goes(key, declared) or name in (declared.members or {}).get(key, {}):
                    continue
                change = Change(layer, member.url, name, member.values.get(name), None)
                if name in member.settings and change not in changes:
                    changes.append(change)
    after = {name: value for name, value in current.items() if name not in removed}
    return changes + _plan_cookie(balancer, declared, {**after, **wanted}, layer)


def removal(balancer: Balancer) -> Change:
    """Return the change that removes *balancer* from the files."""
    return Change("config", None, None, balancer.values, None)


def _goes(key: str, declared: Declaration) -> bool:
    """Whether the member *key* is removed as a whole."""
    purged = declared.members is not None and MEMBERS in declared.purge
    return (purged and key not in (declared.members or {})) or key in declared.absent


def _plan_health(balancer: Balancer, declared: Declaration, layer: str) -> list[Change]:
    """Return the changes of the health checks of members that are not declared themselves."""
    changes = []
    for key, member in balancer.members.items():
        if key in (declared.members or {}) or _goes(key, declared):
            continue
        for name, value in declared.health_values(member.url).items():
            before = member.values.get(name)
            if before != value:
                changes.append(Change(layer, member.url, name, before, value))
    return changes


def _plan_expression(balancer: Balancer | None, declared: Declaration, layer: str) -> list[Change]:
    """Return the change of the expression that judges the health checks of *balancer*."""
    if declared.health is None and HEALTH_CHECK not in declared.reset:
        return []
    name = expression_name(declared.name)
    current = balancer.vhost.expressions.get(name) if balancer else None
    before = current.text if current else None
    after = (declared.health.expression if declared.health else "") or None
    if before == after:
        return []
    users = balancer.vhost.judged_by(name, but=balancer) if balancer else []
    if users and current:
        raise DeclarationError(
            f"balancer {declared.name}: the expression {name} ({current.place}) judges the health check of"
            f" {users[0].url} ({users[0].place}) too; give it another one there"
        )
    return [Change(layer, None, HEALTH_CHECK, before, after)]


def _plan_cookie(
    balancer: Balancer | None, declared: Declaration, values: Mapping[str, Any], layer: str
) -> list[Change]:
    """Return the change of the cookie that *balancer* issues, once it has the parameters *values*."""
    lines = balancer.cookies if balancer else []
    wanted = declared.cookie
    if wanted is None:
        gone = lines if STICKY_COOKIE in declared.reset else []
        return [Change(layer, None, STICKY_COOKIE, _said(gone[-1]), None)] if gone else []
    separator = str(values.get("stickysessionsep", "."))
    wanted = wanted._replace(separator="" if separator == "Off" else separator)
    if balancer is not None:
        shared = [line for line in balancer.vhost.cookies if line.header.cookie.name == wanted.name]
        if shared and (shared[-1].header.cookie != wanted or not shared[-1].header.sound):
            raise DeclarationError(
                f"balancer {declared.name}: the cookie {wanted.name} is issued for other balancers too, by"
                f" {shared[-1].place}: {shared[-1].text}. Remove that line, or give the sticky_cookie another name"
            )
        sound = [line for line in lines if line.header.sound and balancer.holds(line)]
        if [line.header.cookie for line in sound] == [wanted] and sound == lines:
            return []
        if shared and not lines:
            return []
    return [Change(layer, None, STICKY_COOKIE, _said(lines[-1]) if lines else None, wanted)]


def _said(line: CookieLine) -> Cookie | str:
    """Return the cookie of *line*, or where it does not just issue it, the line."""
    return line.header.cookie if line.header.sound else line.text


def _plan_members(
    balancer: Balancer, declared: Declaration, members: dict[str, dict[str, Any]], layer: str
) -> list[Change]:
    changes = []
    for key, wanted in members.items():
        member = balancer.members.get(key)
        if member is None:
            if not declared.existing_only:
                changes.append(declared.addition(key, layer))
            continue
        if member.url != declared.urls[key]:
            # What is told apart by the part after the bar is one member, whatever its socket.
            changes.append(Change(layer, member.url, URL, member.url, declared.urls[key]))
        current = member.values
        values = settled(wanted, current)
        for name, value in values.items():
            opposite = INVERSE.get(name)
            if opposite in current:
                changes.append(Change(layer, member.url, opposite, current[opposite], None))
            before = current.get(name)
            if before != value and not (name == "status" and not before and not value):
                changes.append(Change(layer, member.url, name, before, value))
        if PARAMETERS in declared.purge:
            for name, before in current.items():
                if name not in values and INVERSE.get(name) not in values and name != "status":
                    changes.append(Change(layer, member.url, name, before, None))
    if MEMBERS in declared.purge:
        for key, member in balancer.members.items():
            if key not in members:
                changes.append(Change(layer, member.url, None, member.values, None))
        changes += [
            Change(layer, merged.url, None, {}, None, merged.place) for merged in balancer.merged
        ]
    return changes
