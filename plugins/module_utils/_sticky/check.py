# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One check from its options to its result.

Private to this collection.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Sequence

from .._access import web_address
from . import session_file
from .cookies import Origin, default_path
from .diagnosis import Balancing, Case, Finding, Other, balancing, diagnose
from .driver import Client, Driver, StickyError, Target
from .visits import MOVED, STAYED, Evidence, Session, Violation

if TYPE_CHECKING:
    import ssl

    from .._access import Access
    from .._manager.page import LiveBalancer

    Balancers = dict[str, LiveBalancer]

_OURS = ("host", "cookie", "connection", "content-length", "transfer-encoding", "accept-encoding")
# No member has it.
_NO_ROUTE = "sticky-check"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Plan(NamedTuple):
    """What is to be done, from options that make sense together. *told_by*: how nodes are told apart."""

    target: Target
    case: Case
    separator: str
    clients: int
    requests: int
    concurrency: int
    interval: float
    told_by: str


def check(params: Mapping[str, Any], write: bool, access: Access | None) -> dict[str, Any]:
    """Return the result of the check that the options *params* mean, with ``msg`` where it is a failure.

    *write*: whether ``session_file`` is written. *access*: to balancer-manager; ``None``: it is not asked.
    Raises :class:`StickyError` where nothing can be said, and what asking balancer-manager raises.
    """
    plan = make_plan(params)
    path = params["session_file"]
    site = f"{plan.case.origin.host}:{plan.target.address[1]}"
    kept = session_file.read(path, site, plan.told_by) if path else []
    if params["expect"] == MOVED and not kept:
        raise StickyError(
            "expect: moved needs a session_file with the sessions of an earlier check"
            + (f"; {path} does not exist" if path else "")
        )
    if params["expect"] == MOVED and not any(each.node for each in kept[: plan.clients]):
        raise StickyError(
            f"expect: moved: {path} tells no node, since no session in it was ever answered; make them anew while the"
            " site answers"
        )
    name = _name(params["balancer"])
    if name and access is None:
        raise StickyError("balancer needs manager_url")
    before = _shown(access, name) if access else {}
    name = _chosen(before, name) if access else ""
    now = time.time()
    clients = [
        Client(Session(number, each.node, each.jar.ended(now)), each.jar, each.value, each.in_query)
        for number, each in enumerate(kept[: plan.clients], 1)
    ]
    clients += [Client(Session(number)) for number in range(len(clients) + 1, plan.clients + 1)]
    seconds = Driver(plan.target, clients, plan.requests, plan.concurrency, plan.interval).run()
    live, elected, answered = None, {}, 0
    if access:
        after = _shown(access, name)
        live = balancing(_chosen(after, name), after, before)
        answered = sum(not visit.reason for each in clients for visit in each.session.visits)
        elected = elected_meanwhile(before, after)
        live = live._replace(
            others=_others(plan, live, access), cookies=_held(plan, live.cookie, clients)
        )
    evidence = Evidence(
        [client.session for client in clients],
        plan.case.parameter or plan.case.cookie or (live.cookie if live else ""),
        plan.separator,
        named=bool(params["served_by"]),
        expect=params["expect"],
        known=frozenset(plan.case.expected) | (live.routes if live else frozenset()),
        url=bool(plan.case.parameter),
    )
    if live:
        # Redirects without a session may be those of httpd itself, whatever balancers there are.
        missed = 0 if evidence.redirect else check_serves(name, elected, answered)
        live = live._replace(missed=missed)
        check_routes(name, elected, answered, evidence.routes(evidence.name), live.routes)
    if evidence.may_be_set_anew:
        evidence.is_set_anew = _is_set_anew(plan, clients, evidence)
    if path and write:
        sessions = [
            session_file.Kept(
                evidence.last_node(client.session), client.jar, client.value, client.in_query
            )
            for client in clients
        ]
        sessions += kept[plan.clients :]
        session_file.write(path, site, plan.told_by, sessions)
    return _result(params, plan, evidence, live, seconds)


def _result(
    params: Mapping[str, Any],
    plan: Plan,
    evidence: Evidence,
    live: Balancing | None,
    seconds: float,
) -> dict[str, Any]:
    """Return the result: what was seen, and what it means."""
    answered = evidence.requests > evidence.failed
    told = diagnose(evidence, plan.case, live) if answered else []
    findings = [finding for finding in told if not finding.remark]
    result = {
        "changed": False,
        **evidence.result(),
        "diagnosis": [finding.result() for finding in findings],
        "remarks": [finding.result() for finding in told if finding.remark],
        "warnings": [str(finding) for finding in told if finding.remark],
        "requests_per_second": round(evidence.requests / max(seconds, 0.001), 1),
        "seconds": round(seconds, 3),
    }
    if params["trace"]:
        result["trace"] = evidence.trace()
    if params["fail_on_violation"]:
        if not answered:
            reason = evidence.failures[0]["reason"]
            result["msg"] = (
                f"{params['url']}: no request was answered with 2xx or 3xx, the first: {reason}"
            )
        elif not (evidence.nodes or findings and (evidence.redirect or not params["served_by"])):
            result["msg"] = (
                f"served_by: {plan.told_by} was in no answer, so nobody knows who gave it"
            )
        elif findings or evidence.violations:
            result["msg"] = _message(findings, evidence.violations, bool(live))
    return result


def _message(findings: list[Finding], violations: list[Violation], asked: bool) -> str:
    lines = list(map(str, findings))
    if violations:
        stayed = [each.reason for each in violations if not each.moved]
        untold = len(stayed) - stayed.count(STAYED)
        told = [f"{len(stayed) - untold} sessions did not move"] if len(stayed) > untold else []
        told += [f"{untold} sessions are not known to have moved"] if untold else []
        if len(stayed) < len(violations):
            moved = {each.client for each in violations if each.moved}
            told.append(
                f"{len(moved)} sessions moved, {len(violations) - len(stayed)} times in all"
            )
        lines.append("; ".join(told) + ", for one:")
        lines += [
            f"client {each.client}, request {each.request}: from {each.before} to {each.after}, {each.reason}"
            for each in violations[:3]
        ]
        if not findings and len(stayed) < len(violations):
            more = (
                "" if asked else "; with manager_url, the state of the members is looked at as well"
            )
            lines.append(
                f"No cause was seen. A node that is restarted or out loses its sessions{more}."
            )
    return "\n".join(lines)


def _name(option: str | None) -> str:
    return (option or "").rpartition("balancer://")[2].strip("/").lower()


def _shown(access: Access, name: str) -> Balancers:
    """Return all balancers of the virtual host that has the balancer *name* (``""``: any)."""
    from .. import _live

    found = _live.find_running(_live.Managers(), access, lambda each: not name or each.name == name)
    return found[0].source.page.balancers if found else {}


def _chosen(balancers: Balancers, name: str) -> str:
    """Return *name*, or that of the only one of *balancers*. Raises :class:`StickyError` where that is none."""
    if name in balancers:
        return name
    if name or not balancers:
        raise StickyError(
            f"balancer-manager does not show balancer://{name}; name the virtual host that has it with"
            " manager_server_name"
            if name
            else "balancer-manager shows no balancer; name the virtual host with manager_server_name"
        )
    if len(balancers) > 1:
        raise StickyError(
            f"balancer-manager shows {', '.join(balancers)}; say with the option balancer which one serves url"
        )
    return next(iter(balancers))


def _others(plan: Plan, live: Balancing, access: Access) -> tuple[Other, ...]:
    """Return those of the others of *live* that had requests since httpd was loaded, if only the one that is made here,
    with the paths of their cookies. A balancer without ProxyPass has none."""
    others = [other._replace(cookies=_paths(plan, other.path, live)) for other in live.others]
    page = _shown(access, live.name) if others else {}
    return tuple(each for each in others if each.name in page and _total(page[each.name]))


def _total(balancer: LiveBalancer) -> int:
    return sum(member.counters.get("elected", 0) for member in balancer.members.values())


def _paths(plan: Plan, path: str, live: Balancing) -> frozenset[str]:
    """Return the paths with which the cookie of *live* is set where *path* is asked for, once and without a session."""
    if not re.fullmatch(r"/[!-~]*", path) or plan.target.parameter:
        return frozenset()
    origin = plan.case.origin._replace(path=path)
    session = Session(1)
    with contextlib.suppress(StickyError):
        Driver(plan.target._replace(origin=origin, target=path), [Client(session)], 1, 1).run()
    return frozenset(
        issue.cookie.path or default_path(path)
        for visit in session.visits
        for issue in visit.issues
        if issue.cookie.name == live.cookie
    )


def _held(plan: Plan, cookie: str, clients: Sequence[Client]) -> frozenset[str]:
    """Return the paths of *cookie* as *clients* send it."""
    now = time.time()
    paths = (client.jar.path(cookie, plan.case.origin, now) for client in clients)
    return frozenset(path for path in paths if path is not None)


def _is_set_anew(plan: Plan, clients: Sequence[Client], evidence: Evidence) -> bool:
    """Whether the cookie in question is set anew where it carries a route that there is not: one client asks once more
    with such a one. That is how httpd sets its own (BALANCER_ROUTE_CHANGED), and then no session moves without it."""
    name = evidence.name
    holder = next((each for each in clients if name in each.session.held), None)
    if holder is None:
        return False
    before = "" if plan.separator.lower() == "off" else plan.separator
    value = before + _NO_ROUTE
    session = Session(1)
    with contextlib.suppress(StickyError):
        Driver(plan.target, [Client(session, holder.jar.with_value(name, value))], 1, 1).run()
    # A node may answer that no session met.
    return any(
        issue.cookie.name == name
        and not issue.unsent
        and issue.cookie.value not in (value, before)
        and issue.cookie.value.startswith(before)
        for visit in session.visits
        for issue in visit.issues
    )


def elected_meanwhile(before: Balancers, after: Balancers) -> dict[str, int]:
    """Return how many times each balancer chose a member between the two pages; less than nothing after a reload."""
    return {
        name: _total(after[name]) - _total(before[name])
        if after[name].nonce == before[name].nonce
        else -1
        for name in before.keys() & after.keys()
    }


def check_serves(name: str, elected: Mapping[str, int], answered: int) -> int:
    """Return how many of the *answered* requests the balancer *name* gave to none of its members; 0 where that is not
    known. Raises :class:`StickyError` where that are all."""
    chosen = elected.get(name, -1)
    if not chosen and answered:
        others = sorted(other for other, count in elected.items() if count >= answered)
        guess = [
            f"balancer://{other}, which chose members {elected[other]} times meanwhile (balancer)"
            for other in others
        ]
        places = ["a cache", "another virtual host (manager_server_name)"]
        places += ["another httpd than that of url (manager_url)", *guess]
        raise StickyError(
            f"balancer: balancer://{name} chose no member while {answered} requests were answered: the answers came"
            f" from elsewhere, as {', '.join(places[:-1])} or {places[-1]}"
        )
    # Processes count without locks, so that a few may be missing.
    is_most = chosen < 0 or chosen * 10 >= answered * 9
    return 0 if is_most else answered - chosen


def check_routes(
    name: str,
    elected: Mapping[str, int],
    answered: int,
    routes: Sequence[str],
    known: frozenset[str],
) -> None:
    """Raise :class:`StickyError` where the balancer *name* gave none of the *answered* requests to its members, and all
    *routes* that were seen are those of others than *known*: another virtual host has one of the same name."""
    if answered and elected.get(name) == 0 and routes and known.isdisjoint(routes):
        raise StickyError(
            f"balancer: balancer://{name} chose no member while {answered} requests were answered with the routes"
            f" {', '.join(routes[:8])}, of which it has none: name the virtual host that serves url with"
            " manager_server_name"
        )


def make_plan(params: Mapping[str, Any]) -> Plan:
    """Return what the options *params* mean. Raises :class:`StickyError` for what is not possible."""
    for option, least in (("clients", 1), ("requests", 1), ("interval", 0)):
        if params[option] < least:
            raise StickyError(f"{option}: {params[option]} is less than {least}")
    if not math.isfinite(params["interval"]):
        raise StickyError(
            f"interval: {params['interval']} is not possible; write a number of seconds"
        )
    concurrency = params["concurrency"]
    if concurrency is None:
        concurrency = min(params["clients"], 50)
    if not 1 <= concurrency <= 1000:
        raise StickyError(f"concurrency: {concurrency} is not possible; write 1 to 1000")
    if not 0 < params["timeout"] <= 3600:
        raise StickyError(
            f"timeout: {params['timeout']:g} is not possible; write up to 3600 seconds"
        )
    limit = params["max_imbalance"]
    if limit is not None and not limit >= 1:
        wrong = "is less than 1" if limit < 1 else "is not possible; write 1 or more"
        raise StickyError(f"max_imbalance: {limit:g} {wrong}")
    # YAML makes a boolean of Off.
    separator = "Off" if params["separator"].lower() == "false" else params["separator"]
    if separator.lower() != "off" and not re.fullmatch(r"[!-~]", separator):
        raise StickyError(f"separator: {separator!r} is not possible; write one character, or Off")
    for option in ("cookie", "url_parameter"):
        if params[option] is not None and not _TOKEN.fullmatch(params[option]):
            raise StickyError(f"{option}: {params[option]!r} is no possible name")
    if params["cookie"] and params["url_parameter"]:
        raise StickyError("cookie and url_parameter both say what keeps the sessions; choose one")
    header, pattern = _served_by(params["served_by"] or {})
    origin, address, host, target = _place(params["url"], params["server_name"])
    parameter = params["url_parameter"] or ""
    if header:
        told_by = f"the header {header}"
    elif pattern is not None:
        told_by = f"the pattern {pattern.pattern}"
    else:
        told_by = f"the route in {parameter or params['cookie'] or 'the cookie'}"
    return Plan(
        Target(
            address,
            origin,
            host,
            target,
            _headers(params["headers"] or {}),
            params["timeout"],
            _context(params) if origin.https else None,
            header,
            pattern,
            parameter,
        ),
        Case(
            origin,
            target,
            params["cookie"] or "",
            parameter,
            tuple(params["expected_routes"] or ()),
            params["max_imbalance"],
        ),
        separator,
        params["clients"],
        params["requests"],
        min(concurrency, params["clients"]),
        params["interval"],
        told_by,
    )


def _served_by(options: Mapping[str, Any]) -> tuple[str, re.Pattern[str] | None]:
    header, regex = options.get("header") or "", options.get("regex")
    if header and not _TOKEN.fullmatch(header):
        raise StickyError(f"served_by: {header!r} is no possible name of a header")
    if regex is None:
        return header, None
    try:
        pattern = re.compile(regex)
    except re.error as problem:
        raise StickyError(f"served_by: regex {regex!r} is not possible: {problem}") from None
    if pattern.groups != 1:
        raise StickyError(
            f"served_by: regex {regex!r} has {pattern.groups} groups; put the name of the node in one"
        )
    return "", pattern


def _place(url: str, server_name: str | None) -> tuple[Origin, tuple[str, int], str, str]:
    """Return where requests go as browsers see it, where to connect to, ``Host``, and path with query."""
    try:
        parts, connected = web_address(url)
    except ValueError as problem:
        raise StickyError(f"url: {problem}") from None
    if parts.username is not None:
        raise StickyError("url: user and password belong in headers, as Authorization")
    if re.search(r"[^!-~]", url + (server_name or "")):
        raise StickyError(
            "url and server_name may hold no white space, control or non-ASCII character; write it percent-encoded"
        )
    port, https = parts.port, parts.scheme == "https"
    own = f"[{connected}]" if ":" in connected else connected
    host = server_name or own + (f":{port}" if port else "")
    path = parts.path or "/"
    name = re.sub(r":[0-9]+$", "", host).strip("[]").lower()
    return (
        Origin(name, path, https),
        (connected, port or (443 if https else 80)),
        host,
        path + (f"?{parts.query}" if parts.query else ""),
    )


def _headers(headers: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    found = []
    for name, value in headers.items():
        text = str(value)
        if name.lower() in _OURS:
            hint = "; use server_name" if name.lower() == "host" else ""
            raise StickyError(f"headers: {name} is set by the check itself{hint}")
        if not _TOKEN.fullmatch(name) or re.search(r"[^\t -~\xa0-\xff]", text):
            raise StickyError(f"headers: {name!r} is not possible, or holds a control character")
        found.append((name, text))
    return tuple(found)


def _context(params: Mapping[str, Any]) -> ssl.SSLContext:
    # Imported late: it takes a while, and not every site needs it.
    import ssl

    ca_path = params["ca_path"]
    try:
        context = ssl.create_default_context(cafile=ca_path)
    except (OSError, ValueError) as problem:
        raise StickyError(f"ca_path: {ca_path}: {problem}") from None
    if not params["validate_certs"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def secret_headers(params: Mapping[str, Any]) -> set[str]:
    """Return the values of ``headers`` that are secrets by their names."""
    return {
        str(value)
        for name, value in (params["headers"] or {}).items()
        if value and re.search("auth|token|key|secret", str(name), re.I)
    }
