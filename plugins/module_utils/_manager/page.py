# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page of balancer-manager says.

Private to this collection.

The HTML page is read, because it alone shows all there is; XML adds exact counters. Both are printed by
mod_proxy_balancer.c ``balancer_display_page``. Columns are found by their headings: httpd added some over the
years, and changed quotes, escapes and units, but never a heading. Pages are cut at fixed marks, in one pass.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Callable, Sequence

from .._balancer.model import identity
from .._balancer.parameters import BALANCER, MEMBER, Value
from .._httpd.errors import HttpdError

# proxy_util.c proxy_worker status table; the words of the option status.
_FLAGS = {
    "Dis": "disabled",
    "Stop": "stopped",
    "Ign": "ignore_errors",
    "Stby": "hot_standby",
    "Spar": "hot_spare",
    "Drn": "drained",
}
_SECTION = "<h3>LoadBalancer Status for "
_MEMBER_COLUMNS = {
    "Route": "route",
    "RouteRedir": "redirect",
    "Factor": "loadfactor",
    "Set": "lbset",
    "HC Method": "hcmethod",
    "HC Interval": "hcinterval",
    "Passes": "hcpasses",
    "Fails": "hcfails",
    "HC uri": "hcuri",
    "HC Expr": "hcexpr",
}
_BALANCER_COLUMNS = {
    "DisableFailover": "nofailover",
    "Timeout": "timeout",
    "FailoverAttempts": "maxattempts",
    "Method": "lbmethod",
}
# Rows of tables, or members: what is made of one takes far more memory than its text.
_MOST = 10_000
_COUNTER_COLUMNS = {"Elected": "elected", "Busy": "busy", "Load": "lbstatus"}
_COUNTERS = ("elected", "busy", "lbstatus", "transferred", "read", "retries")
_TAG = re.compile(r"<[^<>]*>")
_NUMBER = re.compile(r"\s*-?\d{1,20}")


class PageError(HttpdError):
    """A text that is no page of balancer-manager, or not all of one."""


class LiveMember:
    """One member as httpd runs it: *url* as httpd names it, *values* of the parameters that the page shows (canonical,
    by name), *flags* in httpd's own words, *counters* by name."""

    __slots__ = ("counters", "flags", "url", "values")

    def __init__(
        self, url: str, values: dict[str, Value], flags: frozenset[str], counters: dict[str, int]
    ) -> None:
        self.url = url
        self.values = values
        self.flags = flags
        self.counters = counters

    @property
    def usable(self) -> bool:
        """Whether httpd calls it ``Ok`` (mod_proxy.h ``PROXY_WORKER_IS_USABLE``)."""
        return "Ok" in self.flags

    @property
    def accepts_new(self) -> bool:
        """Whether it would get a new session: usable, and neither draining nor waiting for others to fail."""
        return self.usable and not self.flags & {"Drn", "Stby", "Spar"}


class LiveBalancer:
    """One balancer as httpd runs it: *identifier* of its shared memory, *nonce* (``None``: not shown; empty: it lets
    nobody change it), *path* of its ``ProxyPass`` (empty: it has none), *values* of the parameters that are set,
    *slots* for members and how many are *used*, *members* by identity."""

    __slots__ = ("identifier", "members", "name", "nonce", "path", "slots", "used", "values")

    def __init__(self, name: str) -> None:
        self.name = name
        self.identifier = ""
        self.nonce: str | None = None
        self.path = ""
        self.values: dict[str, Value] = {}
        self.slots: int | None = None
        self.used: int | None = None
        self.members: dict[str, LiveMember] = {}


class Page:
    """What balancer-manager shows of one virtual host: *server_name* is the host that it expects in ``Referer``,
    *version* that of httpd, *persist* whether changes outlive a reload, *expressions* the names of ProxyHCExpr."""

    __slots__ = ("balancers", "expressions", "persist", "server_name", "version")

    def __init__(self) -> None:
        self.server_name = ""
        self.version: tuple[int, ...] = ()
        self.persist = False
        self.expressions: tuple[str, ...] = ()
        self.balancers: dict[str, LiveBalancer] = {}


def parse(text: str) -> Page:
    """Return what *text* (HTML or XML) says.

    Raises :class:`PageError` where it is no page of balancer-manager, or its end is missing.
    """
    if text.count("<tr") + text.count("<httpd:worker>") > _MOST:
        raise PageError(f"the page of balancer-manager has more than {_MOST} rows")
    try:
        return _parse_xml(text) if "<httpd:manager" in text[:300] else _parse_html(text)
    except (ValueError, OverflowError):
        raise PageError(
            "the page of balancer-manager shows a number that is not possible"
        ) from None


def _parse_html(text: str) -> Page:
    heading = re.search(r"<h1>Load Balancer Manager for ([^<\n]*)</h1>", text[:8192])
    if not heading:
        raise PageError(_looks_like(text))
    if "</html>" not in text[-64:]:
        raise PageError("the page of balancer-manager ends before its end")
    page = Page()
    page.server_name = _unescaped(heading.group(1)).strip()
    before, *sections = text.split(_SECTION)
    version = re.search(r"Server Version: Apache/(\d{1,9}(?:\.\d{1,9}){0,9})", before)
    page.version = tuple(map(int, version.group(1).split("."))) if version else ()
    page.persist = "changes will be persisted" in before
    for section in sections:
        balancer = _balancer(section)
        page.balancers[balancer.name] = balancer
    if sections:
        page.expressions = _expressions(sections[-1])
    return page


def _looks_like(text: str) -> str:
    title = re.search(r"<title>([^<]{0,200})", text[:65536], re.IGNORECASE)
    words = " ".join(re.sub(r"<[^<>]{0,1000}>", " ", text[:2000]).split())[:80]
    seen = (_unescaped(title.group(1)).strip() if title else words) or text.strip()[:80]
    return f"this is no page of balancer-manager, but {seen!r}" if seen else "the answer is empty"


def _balancer(section: str) -> LiveBalancer:
    heading, end, rest = section.partition("</h3>")
    name = re.search(r"balancer://([^<\s\]]+)", _shown(heading))
    if not end or not name:
        raise PageError("the page of balancer-manager has a balancer without a name")
    balancer = LiveBalancer(name.group(1).lower())
    _before, bracket, identifier = heading.rstrip().rpartition("[")
    balancer.identifier = identifier[:-1] if bracket and identifier.endswith("]") else ""
    nonce = re.search(r"nonce=([^\"'&]*)", heading)
    tables = [_table(part) for part in rest.split("<table")[1:]]
    for headings, rows in tables:
        if headings[:1] == ["MaxMembers"]:
            for row in rows:
                _settings(balancer, _row(headings, row))
        elif headings[:1] == ["Worker URL"]:
            links = (re.search(r"nonce=([^\"'&]*)", row[0]) for row in rows)
            nonce = nonce or next(filter(None, links), None)
            for member in _members(headings, rows) if rows else ():
                balancer.members[identity(member.url)] = member
    if not {"MaxMembers", "Worker URL"} <= {
        name for headings, _rows in tables for name in headings[:1]
    }:
        raise PageError(
            f"the page of balancer-manager breaks off in balancer://{balancer.name[:80]}"
        )
    balancer.nonce = _unescaped(nonce.group(1)) if nonce else None
    return balancer


def _table(part: str) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the rows of a table, as they are written."""
    inside, end, _rest = part.partition("</table>")
    if not end:
        raise PageError("the page of balancer-manager breaks off in a table")
    headings: list[str] = []
    rows = []
    for row in re.split(r"<tr[^<>]*>", inside)[1:]:
        if "<th>" in row:
            headings = [_text(cell) for cell in row.split("<th>")[1:]]
        elif "<td>" in row:
            # httpd 2.4.20 nests cells: what counts is where each begins.
            rows.append(row.split("<td>")[1:])
    return headings, rows


def _row(headings: list[str], row: list[str]) -> dict[str, str]:
    _check_fits(headings, row)
    return dict(zip(headings, row))


def _check_fits(headings: list[str], row: list[str]) -> None:
    # A URL may hold "<td>", and httpd shows it as it is: rather no value than that of another column.
    if len(row) != len(headings):
        raise PageError("the page of balancer-manager has a row that does not fit its headings")


def _shown(cell: str) -> str:
    """Return a cell without tags: httpd escapes neither URLs of members nor names of balancers."""
    text, _end, rest = cell.partition("</td>")
    return (_TAG.sub("", cell) if "<" in text or rest else text).strip()


def _text(cell: str) -> str:
    """Return what a reader sees of a cell."""
    return _unescaped(_shown(cell)).strip()


def _unescaped(text: str) -> str:
    if "&" not in text:
        return text
    # Imported late, as it is large and httpd escapes little.
    import html

    return html.unescape(text)


def _settings(balancer: LiveBalancer, row: dict[str, str]) -> None:
    sizes = re.match(r"(\d{1,9})(?: \[(\d{1,9}) Used\])?", _text(row.get("MaxMembers", "")))
    if sizes:
        balancer.slots = int(sizes.group(1))
        balancer.used = int(sizes.group(2)) if sizes.group(2) else None
    # With the name of a virtual host before it: "www.example.com -> /app".
    balancer.path = _text(row.get("Path", "")).rpartition("-> ")[2]
    for heading, name in _BALANCER_COLUMNS.items():
        if heading in row:
            balancer.values[name] = _setting(name, _text(row[heading]))
    cookie = "|".join(part.strip() for part in _text(row.get("StickySession", "")).split("|"))
    if cookie not in ("", "(None)"):
        balancer.values["stickysession"] = cookie


def _setting(name: str, text: str) -> Value:
    # 0 is what httpd shows for a timeout that is not set, and no file may say.
    return _number(text) if name in ("timeout", "maxattempts") else BALANCER[name].read(text)


def _members(headings: list[str], rows: list[list[str]]) -> list[LiveMember]:
    for row in rows:
        _check_fits(headings, row)
    columns = dict(zip(headings, zip(*rows)))
    missing = ("",) * len(rows)
    states = _read(columns.get("Status", missing), _state)
    values = {"status": [status for _flags, status in states]}
    for heading, name in _MEMBER_COLUMNS.items():
        if heading in columns:
            values[name] = _read(columns[heading], functools.partial(_value, name))
    counters = {
        name: _read(columns.get(heading, missing), _number)
        for heading, name in _COUNTER_COLUMNS.items()
    }
    return [
        LiveMember(_shown(url), dict(zip(values, its)), flags, dict(zip(counters, counts)))
        for url, (flags, _status), its, counts in zip(
            columns["Worker URL"], states, zip(*values.values()), zip(*counters.values())
        )
    ]


def _read(cells: Sequence[str], read: Callable[[str], Any]) -> list[Any]:
    """Return what *read* makes of each of *cells*, found out once for all that say the same: most of a column do."""
    known = {cell: read(_text(cell)) for cell in set(cells)}
    return [known[cell] for cell in cells]


def _state(text: str) -> tuple[frozenset[str], Value]:
    """Return the flags of a member, and its ``status``."""
    flags = frozenset(text.split())
    return flags, frozenset(_FLAGS[flag] for flag in flags if flag in _FLAGS)


def _value(name: str, text: str) -> Value:
    if name in ("hcpasses", "hcfails"):
        # With how often it passed or failed behind it: "1 (0)".
        text = text.partition(" ")[0]
    elif name == "loadfactor":
        # Here it is rounded; what httpd reads in a file it cuts.
        try:
            return MEMBER[name].check(text)
        except ValueError:
            return text
    return MEMBER[name].read(text)


def _number(text: str) -> int:
    found = _NUMBER.match(text)
    return int(found.group(0)) if found else 0


def _expressions(section: str) -> tuple[str, ...]:
    table = section.rfind("<table", 0, section.find("Health check cond. expressions") + 1)
    if table < 0:
        return ()
    _headings, rows = _table(section[table:])
    return tuple(_text(row[0]) for row in rows)


# XML


def _parse_xml(text: str) -> Page:
    if "</httpd:manager>" not in text[-64:]:
        raise PageError("the XML of balancer-manager ends before its end")
    page = Page()
    for section in text.split("<httpd:balancer>")[1:]:
        head, *workers = section.split("<httpd:worker>")
        fields = _fields(head)
        balancer = LiveBalancer(fields.pop("name", "").rpartition("balancer://")[2].lower())
        if "nonce" in fields:
            balancer.nonce = fields["nonce"]
        for name in ("nofailover", "timeout", "maxattempts", "lbmethod", "stickysession"):
            if name in fields:
                balancer.values[name] = _setting(name, fields[name])
        for worker in workers:
            member = _worker(worker)
            balancer.members[identity(member.url)] = member
        page.balancers[balancer.name] = balancer
    return page


def _fields(text: str) -> dict[str, str]:
    """Return the fields of *text*. httpd does not escape what it prints, so no XML parser will do."""
    found = {}
    for part in text.split("<httpd:")[1:]:
        name, _mark, rest = part.partition(">")
        value, end, _rest = rest.partition(f"</httpd:{name}>")
        if end:
            found[name] = value
    return found


def _worker(worker: str) -> LiveMember:
    text, end, _rest = worker.partition("</httpd:worker>")
    if not end or text.count("<httpd:") != text.count("</httpd:"):
        raise PageError("the XML of balancer-manager has a row that breaks off")
    fields = _fields(text)
    flags, status = _state(fields.get("status", ""))
    values: dict[str, Value] = {"status": status}
    for name in ("loadfactor", "route", "redirect", "lbset"):
        if name in fields:
            values[name] = _value(name, fields[name])
    counters = {name: _counter(fields[name]) for name in _COUNTERS if name in fields}
    return LiveMember(fields.get("name", ""), values, flags, counters)


def _counter(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise PageError("the XML of balancer-manager shows a counter that is no number")
    return int(text)


def with_counters(page: Page, xml: Page) -> Page:
    """Return *page* (of HTML) with the exact counters of *xml*: of members that both show. Everything else stays as
    HTML says: XML shows some values wrongly (milliseconds modulo 1000, half of stickysession)."""
    for name, balancer in page.balancers.items():
        other: Any = xml.balancers.get(name)
        for key, member in balancer.members.items():
            if other is not None and key in other.members:
                member.counters.update(other.members[key].counters)
    return page
