# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What client sessions saw, and what follows from it: who moved, how requests were distributed, which routes led where.

Private to this collection. Values of cookies are secrets: what is returned for results has none, and a text behind a
separator counts as a route only where it cannot be part of an identifier.
"""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

from .cookies import ENDED, OVER, Origin, SetCookie, default_path, route_in

SAME, MOVED = "same", "moved"
#: A route that any cookie can carry.
ROUTE = re.compile(r"[A-Za-z0-9_-]{1,63}")
# httpd takes any character; a cookie ends at some, and identifiers are made of others.
_SEPARATORS = "!#$%&'()*+-./:<=>?@[]^_`{|}~"
#: Why a session that should have moved has not.
STAYED = "it was answered by the same node as before"
_SHOWN_VIOLATIONS, _SHOWN_FAILURES, _SHOWN_COOKIES = 20, 5, 50

Counts = Mapping[str, int]


class Issue(NamedTuple):
    """One ``Set-Cookie``, and why it is not sent back where it came from (``""``: it is)."""

    cookie: SetCookie
    unsent: str


class Visit(NamedTuple):
    """One request and its answer. *ms*: since the begin, when it was over. *status*: 0 without an answer. *node*: who
    says to have answered, ``""`` where nobody does. *sent*: values by name, of cookies or of the URL parameter, as
    httpd finds them. *issues*: what was set. *reason*: why it failed; ``""`` for an answer 2xx or 3xx. *location*:
    where it is a redirect, the address it leads to."""

    ms: int
    status: int
    node: str
    sent: Mapping[str, str]
    issues: Sequence[Issue]
    reason: str
    location: str = ""


class Session:
    """One client: its number from 1, its *visits*, what it holds after the last (*held*), and where it is resumed, the
    *node* that answered last, and the names of the cookies that *ended* since then."""

    __slots__ = ("ended", "held", "node", "number", "visits")

    def __init__(self, number: int, node: str = "", ended: frozenset[str] = frozenset()) -> None:
        self.number = number
        self.ended = ended
        self.node = node
        self.visits: list[Visit] = []
        self.held: Mapping[str, str] = {}

    def steps(self) -> Iterator[tuple[Visit, Mapping[str, str]]]:
        """Yield each visit with what the client held after it."""
        for visit, following in zip(self.visits, self.visits[1:]):
            yield visit, following.sent
        if self.visits:
            yield self.visits[-1], self.held


class Violation(NamedTuple):
    """A session that did not stay (or, with ``expect: moved``, did not move): at its *request*, counted from 1, *after*
    answered instead of *before*. *route*: the one that was sent, ``None`` without."""

    client: int
    request: int
    before: str
    after: str
    reason: str
    route: str | None

    @property
    def moved(self) -> bool:
        """Whether the session changed its node."""
        return self.before != self.after


class Carried:
    """The values of one cookie or URL parameter, as far as routes are concerned."""

    def __init__(self, separator: str) -> None:
        self._separator = separator
        #: the session that had each value first.
        self._values: dict[str, int] = {}
        #: how many values have it behind the first separator; ``None``: no separator.
        self.texts: dict[str | None, int] = {}
        #: the sessions that have it there.
        self._holders: dict[str | None, set[int]] = {}
        self._bare: set[str] = set()
        #: with the separator inside, and no part of an identifier.
        self._dotted: set[str] = set()
        self._setters: dict[str | None, set[str]] = {}
        self._is_common = False

    def add(self, value: str, session: int, node: str = "") -> None:
        """Take note of *value*, which the session of this number has, set by *node* if that is known."""
        text = route_in(value, self._separator)
        if node:
            self._setters.setdefault(text, set()).add(node)
        off = self._separator.lower() == "off"
        is_bare = text is not None and value == ("" if off else self._separator) + text
        is_new = value not in self._values
        is_again = self._values.setdefault(value, session) != session
        holders = self._holders.setdefault(text, set())
        holders.add(session)
        if is_new:
            self.texts[text] = self.texts.get(text, 0) + 1
        self._is_common |= not is_bare and is_again
        # Where the whole value is the route, it is shared, or it may be an identifier.
        if text is not None and is_bare and (is_again or not off):
            self._bare.add(text)
        is_shared = len(holders) > 1 if is_new else is_bare and is_again
        if text is not None and is_shared and self._separator in text:
            self._dotted.add(text)

    def is_route(self, text: str | None, known: frozenset[str]) -> bool:
        """Whether *text* is a route: one of *known*, or several sessions share it, or it stands alone. Anything else
        may be a secret."""
        if text is None or text in known:
            return text is not None
        if self.is_constant:
            return False
        word = self._word(text)
        if not ROUTE.fullmatch(word):
            return False
        return self.is_shared(text) or text in self._bare or word in known

    def is_shared(self, text: str | None) -> bool:
        """Whether several sessions have *text*, so that it is no secret of one."""
        return len(self._holders.get(text, ())) > 1

    def may_be_routes(self, known: frozenset[str]) -> bool:
        """Whether all that stands behind the separator looks like a route, whatever it is."""
        return not self.is_constant and all(
            text is not None and (text in known or ROUTE.fullmatch(self._word(text)))
            for text in self.texts
        )

    def undecided(self, known: frozenset[str]) -> int:
        """Return how many sessions have a text of their own behind the separator, which may be a route as well as an
        identifier; 0 also where others have what is neither."""
        if not self.may_be_routes(known):
            return 0
        own = [
            self._holders[text]
            for text in self.texts
            if text is not None and not self.is_route(text, known)
        ]
        return len(set().union(*own))

    def _word(self, text: str) -> str:
        """Return *text* without what is no part of a name but may be in a route."""
        word = text[:-1] if text.endswith('"') else text
        return word.replace(self._separator, "") if text in self._dotted else word

    @property
    def is_constant(self) -> bool:
        """Whether several sessions have the one value there is, with more in it than a route: it tells nothing."""
        return self._is_common and len(self._values) == 1

    def tells_nodes(self, known: frozenset[str]) -> bool:
        """Whether there are routes, and not only values that sessions share and any node sets."""
        routes = self.routes(known)
        any_node = all(len(self._setters.get(route, ())) > 1 for route in routes)
        return bool(routes) and not (self._is_common and any_node)

    def is_bare(self, known: frozenset[str]) -> bool:
        """Whether there are values that are a route and nothing else."""
        return any(self.is_route(text, known) for text in self._bare)

    def elsewhere(self, known: frozenset[str]) -> tuple[str, list[str]] | None:
        """Return another separator behind which each value has a route, and the routes; ``None``: there is none."""
        if known.issuperset(self._values):
            return "Off", sorted(self._values)
        for separator in sorted(set(_SEPARATORS).intersection(*self._values)):
            other = Carried(separator)
            for value, session in self._values.items():
                other.add(value, session)
            routes = other.routes(known)
            with_route = sum(other.texts[text] for text in routes)
            # What few sessions have alone is one beside many that are shared; else a part of an identifier.
            if len(self._values) <= with_route * 1.25 and other.may_be_routes(known):
                return separator, routes
        return None

    def routes(self, known: frozenset[str]) -> list[str]:
        """Return the routes, sorted."""
        return sorted(
            text for text in self.texts if text is not None and self.is_route(text, known)
        )

    def last_parts(self, known: frozenset[str]) -> list[str]:
        """Return what follows the last separator where the first one stands inside the identifier."""
        lasts: dict[str, int] = {}
        holders: dict[str, set[int]] = {}
        if len(self._separator) > 1:
            return []
        for text, count in self.texts.items():
            if text is None or text in known or text in self._dotted:
                continue
            if self._separator in text:
                last = text.rpartition(self._separator)[2]
                lasts[last] = lasts.get(last, 0) + count
                holders.setdefault(last, set()).update(self._holders[text])
        return sorted(
            last
            for last, count in lasts.items()
            if last in known
            or (
                ROUTE.fullmatch(last)
                and count > 1
                and len(holders[last]) > 1
                and len(lasts) < count * 4
            )
        )

    def rank(self, known: frozenset[str]) -> tuple[Any, ...]:
        """Return how likely this carries the routes: to be compared, greater is likelier."""
        routes = self.routes(known)
        with_route = sum(self.texts[route] for route in routes)
        return (
            bool(known.intersection(routes)),
            # What any node sets is no matter of nodes.
            all(len(self._setters.get(route, ())) < 2 for route in routes),
            bool(self._bare.intersection(routes)),
            min(len(routes), 2),
            with_route / max(1, len(self._values)),
        )


class Evidence:
    """What *sessions* saw.

    *name*: of the cookie (or URL parameter) with the route; ``""``: the likeliest is taken. *named*: nodes say who they
    are; else the route a session holds stands for the node. *known*: routes that are known from elsewhere. *url*: the
    sessions were kept in the URL.
    """

    def __init__(
        self,
        sessions: Sequence[Session],
        name: str = "",
        separator: str = ".",
        named: bool = False,
        expect: str = SAME,
        known: frozenset[str] = frozenset(),
        url: bool = False,
    ) -> None:
        self.sessions = sessions
        self.separator = separator
        self.named = named
        self.url = url
        self._expect = expect
        self.requests = 0
        self.failures: list[dict[str, Any]] = []
        self.failed = 0
        self.violations: list[Violation] = []
        self.nodes: dict[str, list[int]] = {}
        #: answers that do not name their node, and sessions that had such and others.
        self.nameless = 0
        self.half_named = 0
        #: first answers of new sessions, by node and by the route that they set.
        self.new: dict[str, int] = {}
        self.new_routes: dict[str, int] = {}
        #: by route: how often which node set it, and how often which node answered what carried it.
        self.issued: dict[str | None, dict[str, int]] = {}
        self.landed: dict[str, dict[str, int]] = {}
        #: by route: how many sessions were resumed with it, and given another one by the first answer.
        self.replaced_at_once: dict[str, int] = {}
        #: by route: when it first led away from its session's node; by node: when it was seen last. In ms.
        self.astray: dict[str, int] = {}
        self.seen: dict[str, int] = {}
        #: by why: cookies of this name that no client could send back, and one of them.
        self.lost: dict[str, int] = {}
        self.example: dict[str, SetCookie] = {}
        #: routes that one answer set with the cookie in question, where there are several; how often.
        self.double: dict[tuple[str, ...], int] = {}
        self.held = False
        self._renewed = False
        #: whether a request with a route that there is not had the cookie in question set anew.
        self.is_set_anew = False
        self._rows: dict[tuple[Any, ...], int] = {}
        self.carried: dict[str, Carried] = {}
        # Most cookies that end at once were only removed.
        self._ended: dict[str, Carried] = {}
        names = {visit.node for each in sessions for visit in each.visits} if named else set()
        self._likely = known | (names - {""})
        self._collect()
        self.name = name or self._guess()
        for session in sessions:
            self._follow(session)

    # What was carried.

    def _collect(self) -> None:
        for session in self.sessions:
            before: Mapping[str, str] | None = None
            for visit, held in session.steps():
                for holding in (visit.sent, held):
                    if holding is not before:
                        for name, value in holding.items():
                            self._carried(name).add(value, session.number)
                    before = holding
                for issue in visit.issues:
                    cookie = issue.cookie
                    row = (cookie.name, *cookie[2:8], cookie.expires is not None)
                    self._rows[row] = self._rows.get(row, 0) + 1
                    if issue.unsent == ENDED:
                        self._ended.setdefault(cookie.name, Carried(self.separator)).add(
                            cookie.value, session.number
                        )
                    elif cookie.name:
                        carried = self._carried(cookie.name)
                        carried.add(cookie.value, session.number, visit.node)

    def _carried(self, name: str) -> Carried:
        if name not in self.carried:
            self.carried[name] = Carried(self.separator)
        return self.carried[name]

    def _guess(self) -> str:
        carriers = self.carriers()
        # A route that httpd does not find, behind a later separator, is better than none.
        carriers += [
            name for name, carried in self.carried.items() if carried.last_parts(self._likely)
        ]
        carriers += [name for name, ended in self._ended.items() if ended.routes(self._likely)]
        for name in carriers:
            if name in self.replaced(carriers[0]):
                return name
        return carriers[0] if carriers else ""

    def _is_issued(self, name: str) -> bool:
        return any(row[0] == name for row in self._rows)

    def replaced(self, old: str) -> list[str]:
        """Return the names that are set with the routes of *old* now, while *old* is set no more."""
        if self._is_issued(old):
            return []
        routes = set(self.routes(old))
        return [
            name
            for name in self.carriers()
            if name != old and self._is_issued(name) and routes.intersection(self.routes(name))
        ]

    def renamed(self) -> dict[str, int]:
        """Return what was the cookie in question before, and how many sessions were resumed with it alone."""
        first = [each.visits[0].sent for each in self.sessions if each.node and each.visits]
        counts = {
            old: sum(old in sent and self.name not in sent for sent in first)
            for old in self.carried
            if self.name in self.replaced(old)
        }
        return {old: count for old, count in counts.items() if count}

    def carriers(self) -> list[str]:
        """Return the names whose values carry routes, the likeliest first."""
        found = [name for name, each in self.carried.items() if each.tells_nodes(self._likely)]
        found.sort(key=lambda name: self.carried[name].rank(self._likely), reverse=True)
        return found

    def routes(self, name: str) -> list[str]:
        """Return the routes that the values of *name* carry."""
        return self.carried[name].routes(self._likely) if name in self.carried else []

    def is_route(self, text: str | None) -> bool:
        """Whether *text*, carried by the cookie in question, is a route."""
        carried = self.carried.get(self.name)
        return carried is not None and carried.is_route(text, self._likely)

    def undecided(self) -> dict[str, int]:
        """Return the names, or the one in question, whose values may carry routes as well as identifiers, and of how
        many sessions."""
        names = [self.name] if self.name in self.carried else sorted(self.carried)
        counts = {name: self.carried[name].undecided(self._likely) for name in names}
        return {name: count for name, count in counts.items() if count}

    def last_parts(self) -> list[str]:
        """Return what follows the last separator in the cookie in question, where identifiers hold one."""
        carried = self.carried.get(self.name)
        return carried.last_parts(self._likely) if carried else []

    def elsewhere(self) -> tuple[str, str, list[str]] | None:
        """Return a name whose values have routes behind another separator than the check was told, that separator, and
        the routes; ``None``: there is none."""
        names = [self.name] if self.name in self.carried else sorted(self.carried)
        for name in names:
            found = self.carried[name].elsewhere(self._likely)
            if found:
                return (name, *found)
        return None

    # Who answered.

    def _follow(self, session: Session) -> None:
        before, resumed = session.node, bool(session.node)
        awaited = resumed and self._expect == MOVED
        first, met, nameless = True, set(), self.nameless
        if self.name in session.ended and self.name not in session.visits[0].sent:
            self.lost[OVER] = self.lost.get(OVER, 0) + 1
        for number, (visit, held) in enumerate(session.steps(), 1):
            self.requests += 1
            self._lost(visit, held)
            self._double(visit)
            if visit.reason:
                self._fail(session, number, visit)
                continue
            sent, holds = visit.sent.get(self.name), self._holds(visit, held)
            self.held = self.held or holds is not None
            route = None if sent is None else route_in(sent, self.separator)
            own = None if holds is None else route_in(holds, self.separator)
            self._renewed |= bool(sent and holds) and route != own
            node = self._node(visit, held)
            if first and resumed and route is not None:
                self._count(self.issued, route, before)
                self.replaced_at_once[route] = self.replaced_at_once.get(route, 0) + (own != route)
            if holds is not None and (holds != sent or (not self.named and first)):
                self._count(self.issued, own, node)
            if first and not resumed:
                if node:
                    self.new[node] = self.new.get(node, 0) + 1
                if own and self.is_route(own):
                    self.new_routes[own] = self.new_routes.get(own, 0) + 1
            if not node:
                self.nameless += self.named
                first = False
                continue
            tally = self.nodes.setdefault(node, [0, 0])
            tally[0] += 1
            tally[1] += node not in met
            met.add(node)
            self.seen[node] = max(self.seen.get(node, 0), visit.ms)
            if route is not None:
                self._count(self.landed, route, node)
                if before and node != before:
                    self.astray[route] = min(self.astray.get(route, visit.ms), visit.ms)
            if before and (node == before) is awaited:
                if node != before:
                    reason = self._why(sent, route)
                elif self.named or self.is_bare(self.name) or holds != sent:
                    reason = STAYED
                else:
                    reason = f"{self.name} stayed as it was, which any node may leave; served_by tells them apart"
                self.violations.append(
                    Violation(session.number, number, before, node, reason, route)
                )
            before, first, awaited = node, False, False
        self.half_named += bool(met) and self.nameless > nameless

    @property
    def could_move(self) -> bool:
        """Whether a session could have been seen to move: there are several nodes, and one has two answers that tell
        theirs."""
        return len(self.met) > 1 and self.is_any_followed

    @property
    def met(self) -> set[str]:
        """The nodes that answered, now or before the sessions were resumed."""
        return {*self.nodes, *(each.node for each in self.sessions if each.node)}

    @property
    def is_any_followed(self) -> bool:
        """Whether a session has two answers that tell their node; that before it was resumed is one."""
        return any(len([*self._told(each)]) + bool(each.node) >= 2 for each in self.sessions)

    def unanswered(self) -> dict[str, int]:
        """Return by node how many sessions were resumed with it and have no answer that tells its node."""
        counts: dict[str, int] = {}
        for session in self.sessions:
            if session.node and not any(self._told(session)):
                counts[session.node] = counts.get(session.node, 0) + 1
        return counts

    def _told(self, session: Session) -> Iterator[str]:
        """Yield the node of each answer that tells it."""
        for visit, held in session.steps():
            node = "" if visit.reason else self._node(visit, held)
            if node:
                yield node

    @property
    def is_proven(self) -> bool:
        """Whether nodes say who they are, and no session moved that could have been seen to."""
        return self.named and self.could_move and not self.violations

    @property
    def redirect(self) -> str:
        """Where all answers lead, if each is a redirect and no session began, without what may be a secret."""
        answers = [visit for each in self.sessions for visit in each.visits if not visit.reason]
        # What all sessions have alike is none.
        own = [name for name, each in self.carried.items() if not (self.url or each.is_constant)]
        began = own or self.lost or self.name in self.carried
        if began or not all(visit.location for visit in answers):
            return ""
        return re.split("[?#;]", answers[0].location, maxsplit=1)[0] if answers else ""

    def _node(self, visit: Visit, held: Mapping[str, str]) -> str:
        """Return who answered, ``""`` where nobody knows."""
        if self.named:
            return visit.node
        holds = self._holds(visit, held)
        own = None if holds is None else route_in(holds, self.separator)
        return own if own and self.is_route(own) else ""

    def _holds(self, visit: Visit, held: Mapping[str, str]) -> str | None:
        """Return the value that the client had after *visit*, also where it ended before the next one."""
        kept = self._kept(visit)
        return held.get(self.name, kept.value if kept else None)

    def _kept(self, visit: Visit) -> SetCookie | None:
        """Return the cookie in question as *visit* set it last, if it is sent back."""
        for issue in reversed(visit.issues):
            if issue.cookie.name == self.name and not issue.unsent:
                return issue.cookie
        return None

    @property
    def alone(self) -> bool:
        """Whether nothing but a route that stays the same told the nodes apart."""
        told = self.named or self._renewed or self.is_set_anew
        return not told and self.name in self.carried

    @property
    def may_be_set_anew(self) -> bool:
        """Whether the cookie in question may be one that httpd sets anew for each other node, which nobody has seen:
        it is a route and no more."""
        return self.alone and not self.url and self.is_bare(self.name)

    def is_bare(self, name: str) -> bool:
        """Whether *name* has values that are a route and nothing else."""
        return name in self.carried and self.carried[name].is_bare(self._likely)

    def _why(self, sent: str | None, route: str | None) -> str:
        name = self.name
        if sent is None:
            return f"the request carried no {name or 'cookie with a route'}"
        if route is None or not (self.is_route(route) or not route):
            return f"{name} carried no route"
        return f"{name} carried the route {route}" if route else f"{name} carried an empty route"

    @staticmethod
    def _count(table: dict[Any, dict[str, int]], route: str | None, node: str) -> None:
        row = table.setdefault(route, {})
        row[node] = row.get(node, 0) + 1

    def _lost(self, visit: Visit, held: Mapping[str, str]) -> None:
        if self.url:
            return
        for issue in visit.issues:
            # Without a name to look for, any cookie might have been the one.
            if issue.unsent and issue.cookie.name == self.name and self.name not in held:
                self.lost[issue.unsent] = self.lost.get(issue.unsent, 0) + 1
                self.example[issue.unsent] = issue.cookie
        kept = self._kept(visit)
        gone = any(i.cookie.name == self.name and i.unsent for i in visit.issues)
        if self.name not in held and (kept or (self.name in visit.sent and not gone)):
            self.lost[OVER] = self.lost.get(OVER, 0) + 1
        if kept:
            self.example[OVER] = kept

    def _double(self, visit: Visit) -> None:
        if len(visit.issues) < 2:
            return
        values = [
            i.cookie.value for i in visit.issues if i.cookie.name == self.name and not i.unsent
        ]
        found = [route_in(value, self.separator) for value in values]
        routes = tuple(dict.fromkeys(route for route in found if route and self.is_route(route)))
        if len(routes) > 1:
            self.double[routes] = self.double.get(routes, 0) + 1

    def _fail(self, session: Session, number: int, visit: Visit) -> None:
        self.failed += 1
        if len(self.failures) < _SHOWN_FAILURES:
            self.failures.append(
                {"client": session.number, "request": number, "reason": visit.reason}
            )

    def paths(self, origin: Origin) -> set[str]:
        """Return the paths of the cookie in question, as it was set by what *origin* is."""
        return {row[1] or default_path(origin.path) for row in self._rows if row[0] == self.name}

    def is_there(self, node: str, route: str) -> bool:
        """Whether *node* answered while others got what carries its *route*. A few answers were still on their way."""
        visits = [
            (
                visit.ms,
                self._node(visit, held),
                route_in(visit.sent.get(self.name, ""), self.separator),
            )
            for session in self.sessions
            for visit, held in session.steps()
            if not visit.reason
        ]
        strayed = [ms for ms, who, carried in visits if carried == route and who not in ("", node)]
        if not strayed:
            return True
        first, last = min(strayed), max(strayed)
        answers = sum(who == node and first < ms < last for ms, who, _carried in visits)
        return answers * 50 > len(strayed)

    # For results.

    def result(self) -> dict[str, Any]:
        """Return what was seen, as it appears in the result of the module."""
        return {
            "sessions": len(self.sessions),
            "requests": self.requests,
            # Not "failed", by which Ansible knows a failed task.
            "failed_requests": self.failed,
            "failures": self.failures,
            "violation_count": len(self.violations),
            "violations": [
                {key: value for key, value in each._asdict().items() if key != "route"}
                for each in self.violations[:_SHOWN_VIOLATIONS]
            ],
            "distribution": {
                node: {"requests": requests, "sessions": sessions}
                for node, (requests, sessions) in sorted(self.nodes.items())
            },
            "cookies": self._cookies(),
        }

    def _cookies(self) -> list[dict[str, Any]]:
        fields = ("name", "path", "domain", "secure", "httponly", "samesite", "max_age", "expires")
        rows = sorted(self._rows.items(), key=lambda row: (row[0][0], -row[1], str(row[0])))
        return [
            {**dict(zip(fields, row)), "set_on": count, "routes": self._shown_routes(row[0])}
            for row, count in rows[:_SHOWN_COOKIES]
        ]

    def _shown_routes(self, name: str) -> list[str]:
        """Return the routes of *name*; of another cookie than that in question those that are no secret of one
        session."""
        routes = self.routes(name)
        if name == self.name:
            return routes
        return [r for r in routes if r in self._likely or self.carried[name].is_shared(r)]

    def trace(self) -> list[dict[str, Any]]:
        """Return each visit of each session: when, who answered, and the status; of one that was resumed also who had
        answered *before*."""
        rows = []
        for session in self.sessions:
            visits = [
                [visit.ms, self._node(visit, held) or None, visit.status or None]
                for visit, held in session.steps()
            ]
            before = {"before": session.node} if session.node else {}
            rows.append({"client": session.number, "visits": visits, **before})
        return rows

    def last_node(self, session: Session) -> str:
        """Return who answered *session* last; ``""`` where nobody did."""
        for visit, held in reversed(list(session.steps())):
            node = "" if visit.reason else self._node(visit, held)
            if node:
                return node
        return session.node
