# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why sessions do not stick: from what client sessions saw, and from the routes that balancer-manager shows.

Private to this collection.

Codes ``AB401`` to ``AB423``. Seen from outside, a cause is told from its marks: a route that leads to several nodes is
not known to the balancer, one that two nodes set and only one answers is theirs both. A node that stopped answering is
no such mark, since its sessions have to go elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Iterator, NamedTuple, Sequence

from .cookies import (
    DOMAIN,
    ENDED,
    OVER,
    PATH,
    PREFIX,
    SAMESITE,
    SECURE,
    Origin,
    SetCookie,
    path_match,
    route_in,
    url_value,
)
from .visits import Counts, Evidence

if TYPE_CHECKING:
    from .._manager.page import LiveBalancer, LiveMember


class Finding(NamedTuple):
    """One cause: *message* is a sentence with what was seen, *fix* what to do. A *remark* is no fault of the site, but
    a person should know it."""

    code: str
    message: str
    fix: str
    remark: bool = False

    def result(self) -> dict[str, Any]:
        """Return it as it appears in the result of the module."""
        return {"code": self.code, "message": self.message, "fix": self.fix}

    def __str__(self) -> str:
        return f"{self.code}: {self.message} {self.fix}"


class Member(NamedTuple):
    """One member as balancer-manager shows it; *usable* as httpd means it, *accepts_new*: while all is well, which no
    standby does, and no member of a higher ``lbset``. *elected*: how often it
    was chosen since httpd was loaded. *load*: what its ``lbmethod`` owed it before the sessions, in hundredths of
    requests, and less than nothing where it had more than its share; *factor* is its share."""

    url: str
    route: str
    usable: bool
    accepts_new: bool
    elected: int = 0
    load: int = 0
    factor: float = 1.0


class Other(NamedTuple):
    """A balancer beside it that looks at the same cookie: the *routes* of its members, the *path* of its URL (``""``:
    unknown), and the paths with which that cookie is set there, as far as they are known (*cookies*)."""

    name: str
    routes: frozenset[str]
    path: str = ""
    cookies: frozenset[str] = frozenset()


class Balancing(NamedTuple):
    """One balancer as balancer-manager shows it: *sticky* is its ``stickysession``, *members* as they are now, *out*
    the URLs of those that could not be used before or after, *others* the balancers beside it that look at the
    same cookie for other routes, *method* its ``lbmethod``, *cookies* the paths of the cookie that clients hold after
    the sessions, *missed* how many answers came from none of its members."""

    name: str
    sticky: str
    members: tuple[Member, ...]
    out: frozenset[str] = frozenset()
    others: tuple[Other, ...] = ()
    method: str = "byrequests"
    cookies: frozenset[str] = frozenset()
    missed: int = 0

    @property
    def cookie(self) -> str:
        """The cookie httpd looks at."""
        return self.sticky.partition("|")[0]

    @property
    def parameter(self) -> str:
        """The URL parameter httpd looks at."""
        return self.sticky.rpartition("|")[2]

    @property
    def routes(self) -> frozenset[str]:
        """The routes of the members."""
        return frozenset(member.route for member in self.members if member.route)

    @property
    def serving(self) -> frozenset[str]:
        """The routes of members that were in all the time, take new sessions, and had requests."""
        return frozenset(
            member.route
            for member in self.members
            if member.accepts_new and member.elected and not self.is_out(member.route)
        )

    def is_out(self, route: str) -> bool:
        """Whether no member of *route* could be used all the time."""
        urls = [member.url for member in self.members if member.route == route]
        return bool(urls) and all(url in self.out for url in urls)


def balancing(
    name: str, after: dict[str, LiveBalancer], before: dict[str, LiveBalancer]
) -> Balancing:
    """Return the balancer *name* of the page with the balancers *after* the sessions; *before* is the same page from
    before them."""
    balancer = after[name]
    sticky = _sticky(balancer)
    own = sticky.partition("|")[0]
    out = {
        member.url
        for page in (before, after)
        for member in (page[name].members.values() if name in page else ())
        if not member.usable
    }
    others = [
        Other(each.name, _routes_of(each), each.path)
        for each in after.values()
        # With the same routes, as two schemes of one application have, either finds the node.
        if own
        and any(member.usable for member in each.members.values())
        and _sticky(each).partition("|")[0] == own
        and _routes_of(each) != _routes_of(balancer)
    ]
    loads = {
        member.url: member.counters.get("lbstatus", 0)
        for member in (before[name].members.values() if name in before else ())
    }
    members = [each._replace(load=loads.get(each.url, 0)) for each in _members(balancer)]
    method = str(balancer.values.get("lbmethod") or "byrequests")
    return Balancing(name, sticky, tuple(members), frozenset(out), tuple(others), method)


def _sticky(balancer: LiveBalancer) -> str:
    return str(balancer.values.get("stickysession") or "")


def _routes_of(balancer: LiveBalancer) -> frozenset[str]:
    return frozenset(member.route for member in _members(balancer) if member.route)


def _members(balancer: LiveBalancer) -> Iterator[Member]:
    sets = [_set_of(member) for member in balancer.members.values() if member.accepts_new]
    for member in balancer.members.values():
        route = str(member.values.get("route") or "")
        yield Member(
            member.url,
            route,
            member.usable,
            member.accepts_new and _set_of(member) == min(sets),
            member.counters.get("elected", 0),
            factor=float(str(member.values.get("loadfactor") or 1)),
        )


def _set_of(member: LiveMember) -> int:
    return int(str(member.values.get("lbset") or 0))


class Case(NamedTuple):
    """What was asked: *origin* and *target* (path and query) of the requests, *cookie* as the user named it (``""``:
    not), *parameter* the URL parameter that keeps the sessions (``""``: a cookie does), *expected* routes,
    *max_imbalance* (``None``: not judged)."""

    origin: Origin
    target: str
    cookie: str = ""
    parameter: str = ""
    expected: Sequence[str] = ()
    max_imbalance: float | None = None


def diagnose(evidence: Evidence, case: Case, balancer: Balancing | None = None) -> list[Finding]:
    """Return what keeps the sessions from sticking, by code; nothing if all is well."""
    doctor = _Doctor(evidence, case, balancer)
    found = list(doctor.findings())
    if all(each.remark for each in found):
        found += doctor.limits()
    return sorted(found, key=lambda each: each.code)


def route_cookie(balancer: str) -> str:
    """Return how httpd itself is made to set a cookie with the route."""
    return (
        f"sticky_cookie: {{}} of the module balancer for {balancer} (in the role: application: generic); by hand, in"
        f' <Proxy "balancer://{balancer}/">: Header add Set-Cookie'
        ' "ROUTEID=.%{BALANCER_WORKER_ROUTE}e; Path=/; HttpOnly; SameSite=Lax" env=BALANCER_ROUTE_CHANGED'
        " and ProxySet stickysession=ROUTEID"
    )


class _Doctor:
    def __init__(self, evidence: Evidence, case: Case, balancer: Balancing | None) -> None:
        self._seen = evidence
        self._case = case
        self._balancer = balancer
        self._name = evidence.name
        self._routes = evidence.routes(evidence.name)
        self._shown = balancer.name if balancer else "NAME"
        self._what = (
            f"the URL parameter {self._name}" if evidence.url else f"the cookie {self._name}"
        )

    def findings(self) -> Iterator[Finding]:
        if self._seen.double:
            yield self._chained()
        else:
            yield from self._cookie()
            yield from self._shared()
        yield from self._members()
        yield from self._out()
        yield from self._shares()
        yield from self._expected()
        yield from self._unanswered()
        yield from self._names_of_nodes()

    def limits(self) -> Iterator[Finding]:
        """Return what the sessions cannot have shown, where they showed no fault: AB416, AB421, AB423."""
        yield from self._alone()
        yield from self._missed()
        if not list(self._names_of_nodes()):
            yield from self._unseen()

    def _cookie(self) -> Iterator[Finding]:
        """What is wrong with the cookie; else with what it carries; else with where that led."""
        found = [*self._names(), *self._lost()]
        if not found:
            found = list(self._carried())
            if not any(each.code == "AB408" for each in found):
                found += self._led()
        yield from found

    def _never(self) -> bool:
        """Whether the cookie in question was never there."""
        return self._name not in self._seen.carried and not self._seen.lost

    def _sessions(self) -> str:
        seen = self._seen
        return f"{len(seen.sessions)} sessions with {seen.requests - seen.failed} answers"

    def _names(self) -> Iterator[Finding]:
        """AB405, AB401."""
        case, balancer, seen = self._case, self._balancer, self._seen
        carriers = [name for name in seen.carriers() if name != self._name]
        carrying = " and ".join(
            f"{name} carries the routes {_list(seen.routes(name))}" for name in carriers[:2]
        )
        given = case.parameter or case.cookie
        if balancer and not balancer.sticky:
            name = given or self._name or "ROUTEID"
            yield Finding(
                "AB405",
                f"balancer://{balancer.name} has no stickysession, so httpd looks at no cookie and no URL"
                + (
                    f"; {self._name} carries the routes {_list(self._routes)}."
                    if self._routes
                    else "."
                ),
                f"ProxySet stickysession={name}",
            )
        elif (
            balancer
            and given
            and given != (balancer.parameter if case.parameter else balancer.cookie)
        ):
            yield self._other_name(given, balancer)
        elif case.cookie and carriers and not self._routes and self._is_well(carriers[0]):
            yield Finding(
                "AB405",
                f"the check looks at {given} (cookie), which carries no route; {carrying}.",
                f"In the task, write cookie: {carriers[0]}",
            )
        elif self._never() and carriers and not seen.url:
            yield Finding(
                "AB405",
                f"{self._who} looks at the cookie {self._name}, which was never set in {self._sessions()}; {carrying}.",
                f"ProxySet stickysession={self._with_parameter(carriers[0])}",
            )
        elif self._never():
            if not (self._are_nodes_told and seen.undecided() and not seen.violations):
                yield self._never_set()
        elif seen.violations:
            for old, count in seen.renamed().items():
                yield self._renamed(old, count)

    @property
    def _are_nodes_told(self) -> bool:
        """Whether answers say which node gave them, whatever a cookie carries."""
        return self._seen.named and bool(self._seen.nodes)

    def _is_well(self, carrier: str) -> bool:
        """Whether no session moved, as far as is known, so that *carrier* may be what the balancer looks at."""
        seen = self._seen
        told = bool(seen.nodes) if seen.named else seen.is_bare(carrier)
        return told and not seen.violations

    def _other_name(self, given: str, balancer: Balancing) -> Finding:
        looks = f"httpd looks at {balancer.sticky} (stickysession of balancer://{balancer.name}),"
        option = "url_parameter" if self._case.parameter else "cookie"
        name = balancer.parameter if self._case.parameter else balancer.cookie
        if self._never() or self._seen.routes(name):
            never = f", which was never there in {self._sessions()}" if self._never() else ""
            return Finding(
                "AB405",
                f"{looks} the check at {given} ({option}){never}.",
                f"In the task, write {option}: {name}",
            )
        return Finding(
            "AB405",
            f"{looks} the sessions are in {given}. It tells upper from lower case.",
            "ProxySet stickysession="
            + (
                f"{balancer.cookie}|{given}"
                if self._case.parameter
                else self._with_parameter(given)
            ),
        )

    def _with_parameter(self, cookie: str) -> str:
        """Return the ``stickysession`` that looks at *cookie*, and at the URL parameter as it does now."""
        names = self._balancer.sticky.split("|") if self._balancer else []
        # Somebody may have mistaken the one for the other.
        other = [name for name in names[::-1] if name != cookie]
        return f"{cookie}|{other[0]}" if len(names) == 2 and other else cookie

    def _renamed(self, old: str, count: int) -> Finding:
        return Finding(
            "AB405",
            f"{count} sessions were resumed with the cookie {old}, which is set no more: now it is {self._name}, and"
            " httpd does not look at the old one.",
            "They have a new node now, and stay there. A change of the name moves every running session once: make it"
            " when there are few, and resume none from before (session_file).",
        )

    def _never_set(self) -> Finding:
        case, seen = self._case, self._seen
        if seen.redirect:
            return Finding(
                "AB401",
                f"all {seen.requests - seen.failed} answers are redirects to {seen.redirect}, and no session began.",
                f"Ask that: url: {seen.redirect}",
            )
        if seen.url:
            return Finding(
                "AB401",
                f"no link and no redirect in {self._sessions()} has {case.parameter}=, so no session began.",
                "Let the application write its session into URLs, or let httpd set a cookie, "
                + route_cookie(self._shown),
            )
        others = sorted(
            f"{name} (the same for all)" if carried.is_constant else name
            for name, carried in seen.carried.items()
            if name != self._name
        )
        what = f"the cookie {self._name}" if self._name else "a cookie"
        undecided = {} if self._name else seen.undecided()
        if undecided and not self._are_nodes_told:
            return self._undecided(undecided)
        if others:
            looked = f"{self._who} looks at {what}, which was never set; " if self._name else ""
            return self._no_route(looked + _list(others))
        return Finding(
            "AB401",
            f"{what} was never set in {self._sessions()}.",
            f"Let httpd set one, {route_cookie(self._shown)}",
        )

    @property
    def _who(self) -> str:
        return f"balancer://{self._balancer.name}" if self._balancer else "the check"

    def _no_route(self, names: str, nodes: str = "") -> Finding:
        seen = self._seen
        elsewhere = seen.elsewhere()
        if elsewhere:
            name, separator, routes = elsewhere
            behind = f"behind {separator!r} are the routes {_list(routes)}"
            if seen.named and seen.nodes and not seen.violations:
                return Finding(
                    "AB418",
                    f"the check looked at {name} for routes behind {self._separator}, but {behind}.",
                    f"In the task, write separator: {separator!r}",
                    remark=True,
                )
            return Finding(
                "AB402",
                f"{names} was set{nodes} without a route behind {self._separator}, but {behind}.",
                f"Where that is stickysessionsep of the balancer, write separator: {separator!r} in the task; else:"
                f" ProxySet stickysessionsep={separator}",
            )
        return Finding(
            "AB402",
            f"{names} was set{nodes} without a route behind {self._separator}: httpd spreads such requests over all"
            " members.",
            "Let the application append it (Tomcat: jvmRoute), or httpd set a cookie of its own, "
            + route_cookie(self._shown),
            # Where others carry one, sessions without may stay by chance: byrequests makes up for those that do.
            remark=seen.is_proven and not self._routes,
        )

    @property
    def _separator(self) -> str:
        return f"the separator {self._seen.separator!r}"

    def _lost(self) -> Iterator[Finding]:
        """AB406, AB407."""
        seen, origin = self._seen, self._case.origin
        for why, count in sorted(seen.lost.items()):
            cookie = seen.example.get(why) or SetCookie(self._name, "")
            if why == ENDED and seen.held:
                continue
            if why == OVER:
                yield self._over(cookie, count)
                continue
            was = f"{cookie.name} was set {count} times"
            if why == SECURE:
                yield Finding(
                    "AB407",
                    f"{was} with Secure, but the URL is http: browsers do not send it back.",
                    "Offer the site over https only, or leave out Secure.",
                )
                continue
            reason = {
                PATH: f"with Path={cookie.path}, but the URL has the path {origin.path}",
                DOMAIN: f"with Domain={cookie.domain}, but the host is {origin.host}",
                PREFIX: "without what the beginning of its name promises (Secure over https, __Host- also Path=/ and no"
                " Domain)",
                SAMESITE: "with SameSite=None and without Secure",
                ENDED: "with an end that has passed (Max-Age or Expires)",
            }[why]
            yield Finding(
                "AB406",
                f"{was} {reason}: browsers do not send it back.",
                {
                    PATH: "Let it be set with Path=/; where the proxy adds or cuts a path: ProxyPassReverseCookiePath"
                    f" {cookie.path} /",
                    DOMAIN: "Let it be set without Domain; or let the proxy change it: ProxyPassReverseCookieDomain"
                    f" {cookie.domain} {origin.host}",
                    PREFIX: f"Set it as its name says, or rename it to {cookie.name.split('-')[-1]}.",
                    SAMESITE: "Let it be set with SameSite=Lax; or, where other sites embed this one, with Secure over"
                    " https.",
                    ENDED: "Let it be set without Max-Age and Expires.",
                }[why],
            )

    @staticmethod
    def _over(cookie: SetCookie, count: int) -> Finding:
        end = "Expires" if cookie.max_age is None else f"Max-Age={cookie.max_age}"
        return Finding(
            "AB406",
            f"{cookie.name} ended in mid-session, {count} times ({end}): browsers send it no more, and httpd chooses a"
            " node anew.",
            "Let it be set without Max-Age and Expires, or with an end that no session reaches. Use does not make"
            " httpd's own cookie last: it is set anew only where the node changes.",
        )

    def _carried(self) -> Iterator[Finding]:
        """AB402, AB403, AB408, AB411."""
        seen = self._seen
        carried = seen.carried.get(self._name)
        if carried is None:
            return
        hidden = self._hidden()
        if hidden:
            yield hidden
            return
        lasts = seen.last_parts()
        if lasts and (seen.violations or self._configured or not seen.nodes):
            example = max((str(text).count(seen.separator) for text in carried.texts), default=0)
            yield Finding(
                "AB403",
                f"{self._what}: the identifier itself holds {self._separator} (up to {example} times) before the"
                f" routes {_list(lasts)}; httpd takes all that follows the first one for the route.",
                "ProxySet stickysessionsep=! and let the application append its route behind a '!'; or let httpd set a"
                f" cookie of its own, {route_cookie(self._shown)}",
            )
        if "" in carried.texts:
            nodes = [node for node in sorted(seen.issued.get("", {})) if node]
            yield Finding(
                "AB411",
                f"{self._name}={seen.separator} was set without a route"
                + (f" by {_list(nodes)}" if nodes else "")
                + ": a member has none, and no session stays there.",
                f"Give it one: BalancerMember URL route={self._free()[0]}",
            )
        elif not lasts and seen.undecided() and not (self._are_nodes_told and seen.violations):
            if not self._are_nodes_told:
                yield self._undecided(seen.undecided())
        elif not lasts:
            unrouted = {
                text: seen.issued.get(text, {}) for text in carried.texts if not self._is_any(text)
            }
            if unrouted:
                nodes = sorted({node for row in unrouted.values() for node in row if node})
                yield self._no_route(self._name, f" by {_list(nodes)}" if nodes else "")

    def _undecided(self, counts: Counts) -> Finding:
        """AB420."""
        return Finding(
            "AB420",
            f"{max(counts.values())} of {len(self._seen.sessions)} sessions have a text behind {self._separator} in"
            f" {_list(counts)} that no other session has, so that routes cannot be told from identifiers, and nobody"
            " knows which node answered.",
            "Make more sessions than there are nodes (clients), or say which routes there are: expected_routes, or"
            " manager_url, which shows them; or let each node name itself (served_by).",
            # The others have been followed.
            remark=bool(self._seen.nodes),
        )

    def _is_any(self, text: str | None) -> bool:
        return self._seen.is_route(text)

    @property
    def _configured(self) -> frozenset[str]:
        return self._balancer.routes if self._balancer else frozenset()

    def _hidden(self) -> Finding | None:
        """AB408."""
        seen, case, balancer = self._seen, self._case, self._balancer
        if seen.url:
            with_route = [
                name
                for name in seen.carriers()
                if name != self._name and name.lower() == self._name.lower()
            ]
            # The parameter is only looked at before the cookie where it says nothing itself.
            if not with_route or self._routes:
                return None
            return Finding(
                "AB408",
                f"links hold {self._name}= without a route, which httpd looks at before the cookie {with_route[0]} with"
                f" the routes {_list(seen.routes(with_route[0]))}.",
                f"Let the application append its route there as well, or: ProxySet stickysession={with_route[0]}|NONE",
            )
        names = [balancer.parameter] if balancer else [self._name, self._name.lower()]
        for name in names:
            value = url_value(case.target, name)
            if value is None:
                continue
            route = route_in(value, seen.separator)
            # Where nobody tells the nodes, sessions are not seen to move.
            moves = balancer is not None and not seen.named and route not in balancer.routes
            if seen.violations or moves:
                return Finding(
                    "AB408",
                    f"the URL holds {name}= "
                    + (
                        f"with the route {route}"
                        if route and seen.is_route(route)
                        else "without a route"
                    )
                    + f": httpd looks there first, and then not at the cookie {self._name}.",
                    f"Take {name}= out of the URL, or let httpd look for a parameter that no URL has: ProxySet"
                    f" stickysession={self._name}|NONE",
                )
        return None

    def _led(self) -> Iterator[Finding]:
        """AB404, AB409, AB412: where the routes led."""
        found = list(self._routes_led())
        unknown = {finding.code for finding in found} == {"AB404"}
        quoted = any(route.endswith('"') for route in self._routes)
        known = [route for route in self._seen.landed if route in self._configured]
        spread = all(len(self._seen.landed[route]) > 1 for route in known)
        if unknown and not (quoted or self._balancer) and len(found) == len(self._routes):
            yield self._looks_elsewhere()
        elif spread and len(known) > 1 and {finding.code for finding in found} == {"AB412"}:
            yield self._looks_behind(known)
        else:
            yield from found

    def _nobody_follows(self, routes: Sequence[str]) -> str:
        led = "; ".join(
            f"what carries the route {route} was answered by {_counts(self._seen.landed[route])}"
            for route in routes[:3]
        )
        return (
            f"{self._what} carries the routes {_list(routes)}, and none of them is followed: {led}."
        )

    def _looks_behind(self, routes: Sequence[str]) -> Finding:
        """AB404, where the balancer knows the routes and looks at what carries them, and none led anywhere."""
        return Finding(
            "AB404",
            f"{self._nobody_follows(sorted(routes))} The balancer knows them, so its separator is another one than"
            f" {self._seen.separator!r} (stickysessionsep, which balancer-manager does not show).",
            f"ProxySet stickysessionsep={self._seen.separator}; or let the application append its route behind the"
            " character that the balancer has there.",
        )

    def _looks_elsewhere(self) -> Finding:
        """AB404, where no route led anywhere, and nobody knows what the balancer looks at."""
        return Finding(
            "AB404",
            f"{self._nobody_follows(self._routes)} The balancer"
            " looks at another cookie or behind another separator, or knows none of these routes.",
            f"ProxySet stickysession={self._name}, in this spelling; where that is so already, give each member the"
            " route that its node sets (Tomcat: jvmRoute): BalancerMember URL route="
            f"{self._routes[0]}. With manager_url the check tells which it is.",
        )

    def _routes_led(self) -> Iterator[Finding]:
        seen, balancer = self._seen, self._balancer
        lasts = seen.last_parts()
        for route, landed in sorted(seen.landed.items()):
            known = route in self._configured
            if not self._is_any(route) or (lasts and not known and seen.separator in route):
                continue
            if balancer and not known and balancer.sticky:
                if not (self._is_removed(route) or self._is_beside(route)):
                    yield self._unknown(route, landed)
                continue
            issued = [node for node in seen.issued.get(route, {}) if node]
            if route not in seen.astray or not issued or (balancer and balancer.is_out(route)):
                continue
            several = len(issued) > 1
            alive = any(seen.seen.get(node, -1) >= seen.astray[route] for node in issued)
            strangers = [node for node in landed if node not in issued]
            if not several and not (alive and seen.is_there(issued[0], route)):
                # It was out, and its sessions had to go elsewhere.
                continue
            if several and not strangers:
                if len(landed) == 1 and not known or self._is_double(route):
                    yield self._double(route, issued, landed)
                elif not known:
                    yield self._unknown(route, landed)
                else:
                    yield self._other(route, issued, landed)
            elif len(landed) > 1 and not known:
                yield self._unknown(route, landed)
            elif known or several or not self._stays(strangers):
                yield self._other(route, issued, landed)

    def _is_removed(self, route: str) -> bool:
        """Whether *route* is that of no member, and only sessions from before brought it, which had another one at
        once."""
        seen = self._seen
        if not self._balancer or route in self._configured or self._is_beside(route):
            return False
        return sum(seen.landed.get(route, {}).values()) == seen.replaced_at_once.get(route, 0) > 0

    def _is_beside(self, route: str) -> bool:
        """Whether *route* is that of a balancer beside it, which is a matter of the cookie they share."""
        others = self._balancer.others if self._balancer else ()
        return any(route in other.routes for other in others)

    def _is_double(self, route: str) -> bool:
        members = self._balancer.members if self._balancer else ()
        return sum(member.route == route for member in members) > 1

    def _stays(self, nodes: Iterable[str]) -> bool:
        """Whether what *nodes* set leads back to them."""
        for node in nodes:
            for route, setters in self._seen.issued.items():
                if node in setters and route is not None:
                    landed = self._seen.landed.get(route, {})
                    if landed and node not in landed:
                        return False
        return True

    def _unknown(self, route: str, landed: Counts) -> Finding:
        quotes = (
            " httpd does not take quotes off: they belong to the route."
            if route.endswith('"')
            else ""
        )
        if self._balancer:
            routes = _list(self._configured) if self._configured else "none"
            known = f"balancer://{self._balancer.name} knows {routes}"
        else:
            known = "so the balancer knows no such route"
        return Finding(
            "AB404",
            f"{self._what} carries the route {route}, which was answered by {_counts(landed)}; {known}.{quotes}",
            "Let the application set the cookie without quotes."
            if quotes
            else f"Give the member of that node route={route}, or the application the route of its member (Tomcat:"
            " jvmRoute).",
        )

    def _own_routes(self, route: str, names: Iterable[str]) -> str:
        """Return a proposal: the first of *names* keeps *route*, the others get what is free."""
        ordered = sorted(names)
        own = [route, *self._free(len(ordered) - 1)]
        return ", ".join(f"{name} route={word}" for name, word in zip(ordered, own))

    def _free(self, count: int = 1) -> list[str]:
        """Return the first *count* routes that nobody has."""
        taken = {*self._configured, *self._routes}
        words = [f"n{number}" for number in range(1, len(taken) + count + 1)]
        return [word for word in words if word not in taken][:count]

    def _double(self, route: str, issued: Sequence[str], landed: Counts) -> Finding:
        members = self._balancer.members if self._balancer else ()
        urls = [member.url for member in members if member.route == route]
        return Finding(
            "AB409",
            f"the route {route} is that of several nodes: {_list(issued)} set it, and {_counts(landed)} answered what"
            " carries it. httpd takes the first usable member of a route.",
            f"Give each member a route of its own: {self._own_routes(route, urls)}"
            if urls
            else "Where members have it in common, give each a route of its own, such as"
            f" {self._own_routes(route, issued)}; where only their applications do (Tomcat: jvmRoute), let each set the"
            " route of its member. With manager_url the check tells which it is.",
        )

    def _other(self, route: str, issued: Sequence[str], landed: Counts) -> Finding:
        return Finding(
            "AB412",
            f"{_list(issued)} set{'s' if len(issued) == 1 else ''} the route {route}, but what carries it is answered"
            f" by {_counts(landed)}: application and balancer do not call that node the same.",
            "Make the route of each member that of its application (Tomcat: jvmRoute), for one BalancerMember URL"
            f" route={route} on the node that sets it.",
        )

    def _members(self) -> Iterator[Finding]:
        """AB409, AB411 as balancer-manager shows them."""
        balancer = self._balancer
        if balancer is None or not balancer.sticky:
            return
        serving = [m for m in balancer.members if m.accepts_new or (m.usable and m.elected)]
        told = (
            "" in self._seen.carried[self._name].texts
            if self._name in self._seen.carried
            else False
        )
        without = [member.url for member in serving if not member.route]
        if without and not told:
            yield Finding(
                "AB411",
                f"balancer://{balancer.name} is sticky, but {_list(without)} has no route: no session stays there.",
                f"Give it one: BalancerMember {without[0]} route={self._free()[0]}",
            )
        for route in sorted(balancer.routes):
            urls = [m.url for m in balancer.members if m.route == route and m.accepts_new]
            if len(urls) > 1 and route not in self._seen.astray:
                yield Finding(
                    "AB409",
                    f"the route {route} is that of {_list(urls)} in balancer://{balancer.name}; httpd takes the first"
                    " usable member of a route.",
                    f"Give each member a route of its own: {self._own_routes(route, urls)}",
                )

    def _shared(self) -> Iterator[Finding]:
        """AB410."""
        balancer, seen = self._balancer, self._seen
        if balancer is None or seen.url:
            return
        origin = self._case.origin
        # Sessions from before may go on without a new cookie.
        paths = seen.paths(origin) or balancer.cookies
        for other in balancer.others:
            taken = any(route in other.routes - balancer.routes for route in seen.landed)
            # Most cookies have the path /, so that nothing has to be known of the other one.
            unknown = not (paths and other.cookies)
            meet = sorted(
                path
                for path in paths
                for there in other.cookies
                if _meet(origin.path, path, other.path, there)
            )
            if taken or meet or paths == {"/"}:
                where, doubt = (f" on the path {_list(meet)}" if meet else ""), False
            else:
                where, doubt = ", if it is set with the same path there", True
            if taken or meet or unknown:
                yield Finding(
                    "AB410",
                    f"balancer://{balancer.name} (routes {_list(balancer.routes)}) and balancer://{other.name} (routes"
                    f" {_list(other.routes)}) share the cookie {balancer.cookie}{where}: each overwrites the route of"
                    " the other.",
                    f"Let each have a cookie of its own, such as {self._renaming(balancer.cookie, other.name)}; or a"
                    " Path of its own.",
                    remark=doubt,
                )

    def _renaming(self, cookie: str, other: str) -> str:
        """Return how the balancer *other* gets another cookie than *cookie*."""
        name = f"{cookie}_{other.upper().replace('-', '_')}"
        setter = (
            "Set-Cookie" if self._seen.is_bare(cookie) else f"the application of balancer://{other}"
        )
        return (
            f"the name {name} in {setter} and ProxySet stickysession={name} in balancer://{other}"
        )

    def _chained(self) -> Finding:
        """AB410, by one answer."""
        double = self._seen.double
        routes = [" and ".join(pair) for pair in double]
        return Finding(
            "AB410",
            f"{sum(double.values())} answers set {self._name} twice, with different routes ({_list(routes)}): two"
            " balancers, one behind the other, have this cookie, and each overwrites the route of the other.",
            "Let each have a cookie of its own, as with sticky_cookie: {} of the module balancer, which names it after"
            f" its balancer; by hand: another word than {self._name} in Set-Cookie and stickysession of one of them.",
        )

    def _out(self) -> Iterator[Finding]:
        """AB413."""
        balancer = self._balancer
        if balancer is None:
            return
        gone: dict[str, int] = {}
        for each in self._seen.violations:
            route = each.route
            if each.moved and route and (balancer.is_out(route) or self._is_removed(route)):
                gone[route] = gone.get(route, 0) + 1
        for route, count in sorted(gone.items()):
            urls = [member.url for member in balancer.members if member.route == route]
            if not urls:
                yield Finding(
                    "AB413",
                    f"{count} moved from route {route}, which is that of no member any more.",
                    "Where its node was removed for good, check with expect: moved; else give its member that route"
                    f" again: BalancerMember URL route={route}",
                )
                continue
            yield Finding(
                "AB413",
                f"{count} moved from route {route} because {_list(urls)} could not be used (disabled, stopped, or in"
                " error).",
                "Enable it; to take a node out without moving its sessions, drain it: balancer_member with"
                " state=drained and wait=true",
            )

    def _shares(self) -> Iterator[Finding]:
        """AB414, AB417."""
        seen, limit = self._seen, self._case.max_imbalance
        shares = dict(seen.new_routes or seen.new)
        if limit is None or not shares:
            return
        if seen.new_routes:
            members = self._balancer.members if self._balancer else ()
            awaited = [member.route for member in members if member.accepts_new and member.route]
            for route in [*awaited, *self._case.expected]:
                shares.setdefault(route, 0)
        least, most = min(shares.values()), max(shares.values())
        if most > limit * least and self._owed(shares) * 2 >= most - least:
            yield self._made_up_for(f"new sessions: {_counts(shares)}")
        elif most > limit * least:
            ratio = f"{most / least:.2f}".rstrip("0").rstrip(".") if least else "no number"
            yield Finding(
                "AB414",
                f"new sessions: {_counts(shares)}; the largest share to the smallest is {ratio}, more than {limit:g}"
                " (max_imbalance).",
                "See loadfactor, lbset and status of the members. After sticky load, byrequests makes up for it first;"
                " with manager_url that is told from an imbalance.",
            )

    def _owed(self, shares: Counts) -> float:
        """Return how many sessions more the member with the most of *shares* was owed than the one with the least."""
        members = (
            [member for member in self._balancer.members if member.usable] if self._balancer else []
        )
        loads = {member.route: member.load for member in members if member.accepts_new}
        ordered = sorted(shares, key=lambda route: shares[route])
        if not loads.keys() >= {ordered[0], ordered[-1]}:
            return 0.0
        gap = loads[ordered[-1]] - loads[ordered[0]]
        return gap / (100 * sum(member.factor for member in members))

    def _made_up_for(self, seen: str) -> Finding:
        method = self._balancer.method if self._balancer else ""
        return Finding(
            "AB417",
            f"{seen}. Requests of running sessions count as well: after many of them {method} leaves their members out"
            " until the others have had as many, so that nothing is said by this.",
            "Look again later, or right after a reload, which begins to count anew.",
            remark=True,
        )

    def _expected(self) -> Iterator[Finding]:
        """AB415, AB417."""
        seen = {*self._seen.nodes, *self._answered()}
        unseen = [route for route in self._case.expected if route not in seen]
        serving = self._balancer.serving if self._balancer else frozenset()
        waiting = [route for route in unseen if route in serving]
        missing = [route for route in unseen if route not in serving]
        if waiting:
            yield self._made_up_for(
                f"none of {sum(self._seen.new.values())} new sessions began on {_list(waiting)}, which balancer-manager"
                " shows in service, with requests that it got before"
            )
        if missing:
            yield Finding(
                "AB415",
                f"never seen: {_list(missing)}; seen: {_list(sorted(seen)) or 'none'}, in"
                f" {sum(self._seen.new.values())} new sessions.",
                "See whether these members can be used and get new sessions (module balancer_info); with few clients,"
                " ask with more. After sticky load, byrequests leaves a member out for a while: with manager_url that"
                " is told from a fault.",
            )

    def _answered(self) -> Iterator[str]:
        """Yield the routes whose nodes answered, and not only those that sessions from before bring. What browsers do
        not send back was set at least."""
        seen = self._seen
        nodes = {"", *seen.nodes}
        for route in self._routes:
            if seen.lost or nodes.intersection(seen.issued.get(route, ())):
                yield route

    def _unanswered(self) -> Iterator[Finding]:
        """AB422."""
        seen = self._seen
        resumed = sum(1 for each in seen.sessions if each.node)
        unanswered = seen.unanswered()
        if unanswered:
            yield Finding(
                "AB422",
                f"{sum(unanswered.values())} of {resumed} resumed sessions got no answer that tells its node; they were"
                f" those of {_counts(unanswered)}.",
                "See why their requests fail (failures), or which node does not name itself. With nofailover, httpd"
                " answers 503 to the sessions of a member that is out: drain it instead.",
            )

    def _unseen(self) -> Iterator[Finding]:
        """AB421."""
        seen = self._seen
        if seen.could_move or seen.violations or not seen.nodes:
            return
        if not seen.is_any_followed:
            message = (
                "no session has two answers that tell their node, so that none can be seen to move."
            )
            fix = "Let each client ask more often (requests)"
            fix += ", and see why requests fail (failures)." if seen.failed else "."
        else:
            message = (
                f"only {_list(seen.met)} answered: with one node, no session can be seen to move."
            )
            fix = (
                "Make more sessions (clients), and see whether other members can be used (module balancer_info). After"
                " sticky load, byrequests leaves a member out for a while; a balancer with one member has nothing to"
                " prove."
            )
        yield Finding("AB421", message, fix, remark=True)

    def _alone(self) -> Iterator[Finding]:
        """AB416."""
        seen = self._seen
        if not seen.alone or not seen.nodes:
            return
        unseen = (
            f"whether {seen.separator!r} is the separator of the balancer (stickysessionsep), which balancer-manager"
            " does not show"
            if self._balancer
            else f"whether the balancer knows {self._name} and the routes {_list(self._routes)}"
        )
        yield Finding(
            "AB416",
            f"nodes were told apart by {self._what} alone, and no answer changed it: a session that moves and keeps it"
            f" is not seen, nor {unseen}.",
            "Let answers tell their node (served_by). httpd itself can: Header set X-Member"
            ' "%{BALANCER_WORKER_ROUTE}e", and served_by: {header: X-Member} in the task.',
            remark=True,
        )

    def _missed(self) -> Iterator[Finding]:
        """AB423."""
        balancer, seen = self._balancer, self._seen
        if balancer and balancer.missed:
            answered = seen.requests - seen.failed
            yield Finding(
                "AB423",
                f"{balancer.missed} of {answered} answers came from no member that balancer://{balancer.name} chose:"
                " with them, no session can be seen to move.",
                "Ask for what no cache and not httpd itself answers (url), and see that balancer-manager is that of url"
                " (manager_url, manager_server_name, balancer).",
                remark=True,
            )

    def _names_of_nodes(self) -> Iterator[Finding]:
        """AB419."""
        seen = self._seen
        routes = [r for r in self._routes if seen.issued.get(r, {}).keys() == seen.nodes.keys()]
        if seen.nameless and seen.nodes:
            yield self._not_told(
                f"{seen.nameless} of {seen.requests - seen.failed} answers do not say which node gave them, and"
                f" {seen.half_named} of {len(seen.sessions)} sessions had answers with a name and without (served_by):"
                " a session that moves to such a node is not seen."
            )
        if seen.named and len(seen.nodes) == 1 and len(routes) > 1:
            yield self._not_told(
                f"all answers name the node {_list(seen.nodes)} (served_by), but they set the routes {_list(routes)} of"
                f" {self._name}: several nodes share that name, and a session that moves between them is not seen."
            )

    @staticmethod
    def _not_told(message: str) -> Finding:
        fix = "Let each node name itself in every answer, or leave out served_by: then the cookie's route tells it."
        return Finding("AB419", message, fix, remark=True)


def _meet(url: str, path: str, other_url: str, other_path: str) -> bool:
    """Whether a cookie with *path* set at *url* and one of the same name with *other_path* set at *other_url* get into
    the way of each other: a browser sends the one with the longer path first, and httpd takes the first."""
    return (
        path == other_path
        or (len(other_path) > len(path) and path_match(url, other_path))
        or (len(path) > len(other_path) and path_match(other_url, path))
    )


def _list(words: Iterable[str]) -> str:
    shown = sorted(words)
    more = f" and {len(shown) - 8} more" if len(shown) > 8 else ""
    return ", ".join(shown[:8]) + more


def _counts(counts: Counts) -> str:
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    more = f" and {len(rows) - 8} more" if len(rows) > 8 else ""
    return ", ".join(f"{name} ({count})" for name, count in rows[:8]) + more
