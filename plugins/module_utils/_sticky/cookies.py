# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cookies as browsers keep them (RFC 6265), and routes as httpd finds them in cookies and URLs.

Private to this collection.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, NamedTuple, Sequence

# What browsers take of a name with its value (RFC 6265bis, 5.6).
_LONGEST = 4096
# How many a browser keeps for one host (Chromium).
_MOST = 180
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NEVER = float("inf")

#: Why a cookie is not sent back to where it came from.
PATH, DOMAIN, SECURE, PREFIX, SAMESITE = "path", "domain", "secure", "prefix", "samesite"
#: It had ended when it came, or it ended later.
ENDED, OVER = "ended", "over"


class Origin(NamedTuple):
    """Where requests go, as a browser sees it: *host* in lower case without port, *path* without query."""

    host: str
    path: str
    https: bool


class SetCookie(NamedTuple):
    """One ``Set-Cookie``: *path* and *domain* (lower case, no leading dot) are ``None`` where the header leaves them to
    the browser, *max_age* is in seconds, *expires* in seconds since 1970."""

    name: str
    value: str
    path: str | None = None
    domain: str | None = None
    secure: bool = False
    httponly: bool = False
    samesite: str | None = None
    max_age: int | None = None
    expires: float | None = None


def parse_set_cookie(text: str) -> SetCookie | None:
    """Return what a browser reads in the value of a ``Set-Cookie``; ``None`` where it ignores the whole.

    Lenient as browsers are: an attribute that makes no sense is left out, the last of a kind counts, quotes belong to
    the value, and a text without ``=`` is a value without a name (RFC 6265 5.2, 6265bis 5.6).
    """
    if _CONTROLS.search(text):
        return None
    pair, *attributes = text.split(";")
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", name
    name, value = name.strip(" \t"), value.strip(" \t")
    if not (name or value) or len(name) + len(value) > _LONGEST:
        return None
    found: dict[str, Any] = {}
    for attribute in attributes:
        key, dummy, setting = attribute.partition("=")
        key, setting = key.strip(" \t").lower(), setting.strip(" \t")
        if key == "path":
            found["path"] = setting if setting.startswith("/") else None
        elif key == "domain":
            found["domain"] = setting.lower()[setting.startswith(".") :] or None
        elif key in ("secure", "httponly"):
            found[key] = True
        elif key == "samesite":
            word = setting.capitalize()
            found["samesite"] = word if word in ("Strict", "Lax", "None") else None
        elif key == "max-age" and re.fullmatch(r"-?[0-9]+", setting):
            # More than this many seconds are longer than anybody waits, and floats can hold them.
            found["max_age"] = max(-1, min(int(setting[:18]), 10**12))
        elif key == "expires":
            found["expires"] = parse_date(setting)
    return SetCookie(name, value, **found)


def parse_date(text: str) -> float | None:
    """Return the seconds since 1970 of a date as RFC 6265 5.1.1 reads it; ``None`` where it is none."""
    time: list[int] = []
    day = month = year = None
    for token in re.split(r"[\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+", text):
        clock = re.match(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])", token)
        if not time and clock:
            time = [int(number) for number in clock.groups()]
        elif day is None and re.match(r"[0-9]{1,2}(?![0-9])", token):
            day = _leading(token)
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and re.match(r"[0-9]{2,4}(?![0-9])", token):
            year = _leading(token)
    if not time or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    hour, minute, second = time
    if not (1 <= day <= 31 and year >= 1601 and hour <= 23 and minute <= 59 and second <= 59):
        return None
    return float(_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second)


def _leading(token: str) -> int:
    return int(re.split(r"[^0-9]", token)[0])


def _days(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 on, in the Gregorian calendar."""
    # Years from March on, so that the leap day is the last.
    year -= month < 3
    in_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + in_year - 719468


class _Cookie(NamedTuple):
    name: str
    value: str
    domain: str
    host_only: bool
    path: str
    secure: bool
    expires: float
    number: int


class Jar:
    """The cookies of one browser. Times are seconds since 1970."""

    __slots__ = ("_cookies", "_number")

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], _Cookie] = {}
        self._number = 0

    def store(self, cookie: SetCookie, origin: Origin, now: float) -> str:
        """Keep *cookie*, which came from *origin*. Return ``""`` if it is sent back there, else why not.

        RFC 6265 5.3: an older one of that name, domain and path is replaced and keeps its age; one that has ended
        removes it. Of too many, the one goes that was not set for the longest time. A domain without a dot inside is
        taken for a public suffix, which no list is needed to know. What RFC 6265bis 5.7 adds: ``SameSite=None``
        without ``Secure`` is dropped, and so is ``Secure`` over http.
        """
        domain, host_only = cookie.domain or origin.host, cookie.domain is None
        if not host_only and (not domain_match(origin.host, domain) or _is_suffix(domain)):
            if domain != origin.host:
                return DOMAIN
            host_only = True
        path = cookie.path or default_path(origin.path)
        if not _prefix_allows(cookie, origin):
            return PREFIX
        if cookie.samesite == "None" and not cookie.secure:
            return SAMESITE
        if cookie.secure and not origin.https:
            return SECURE
        expires = _NEVER if cookie.expires is None else cookie.expires
        if cookie.max_age is not None:
            expires = now + cookie.max_age if cookie.max_age > 0 else 0.0
        key = (cookie.name, domain, path)
        older = self._cookies.pop(key, None)
        if expires <= now:
            return ENDED
        self._number += 1
        self._cookies[key] = _Cookie(
            cookie.name,
            cookie.value,
            domain,
            host_only,
            path,
            cookie.secure,
            expires,
            older.number if older else self._number,
        )
        if len(self._cookies) > _MOST:
            del self._cookies[next(iter(self._cookies))]
        return "" if path_match(origin.path, path) else PATH

    def sent(self, origin: Origin, now: float) -> list[tuple[str, str]]:
        """Return names and values in the order they are sent to *origin*: longer paths first, then older ones
        (RFC 6265 5.4)."""
        return [(cookie.name, cookie.value) for cookie in self._matching(origin, now)]

    def path(self, name: str, origin: Origin, now: float) -> str | None:
        """Return the path of the cookie *name* that is sent to *origin*, of several the first; ``None``: none is."""
        paths = (cookie.path for cookie in self._matching(origin, now) if cookie.name == name)
        return next(paths, None)

    def _matching(self, origin: Origin, now: float) -> list[_Cookie]:
        found = [
            cookie
            for cookie in self._cookies.values()
            if (origin.https or not cookie.secure)
            and cookie.expires > now
            and path_match(origin.path, cookie.path)
            and (
                origin.host == cookie.domain
                or (not cookie.host_only and domain_match(origin.host, cookie.domain))
            )
        ]
        return sorted(found, key=lambda cookie: (-len(cookie.path), cookie.number))

    def with_value(self, name: str, value: str) -> Jar:
        """Return a jar that holds the same, but *value* in each cookie *name*."""
        jar = Jar()
        jar._number = self._number
        jar._cookies = {
            key: cookie._replace(value=value) if cookie.name == name else cookie
            for key, cookie in self._cookies.items()
        }
        return jar

    def next_end(self, now: float) -> float:
        """Return when the next cookie ends; infinity where none does."""
        return min((c.expires for c in self._cookies.values() if c.expires > now), default=_NEVER)

    def ended(self, now: float) -> frozenset[str]:
        """Return the names of the cookies that have ended."""
        return frozenset(c.name for c in self._cookies.values() if c.expires <= now)

    def dump(self) -> list[list[Any]]:
        """Return the cookies as JSON can hold them; :meth:`load` takes it. They are secrets."""
        return [
            [None if value == _NEVER else value for value in cookie]
            for cookie in self._cookies.values()
        ]

    @classmethod
    def load(cls, rows: Iterable[Sequence[Any]]) -> Jar:
        """Return the jar that was dumped as *rows*. Raises ValueError and TypeError if they are nothing of ours."""
        jar = cls()
        for name, value, domain, host_only, path, secure, expires, number in rows:
            end = _NEVER if expires is None else float(expires)
            texts = [name, value, domain, path]
            if not all(isinstance(text, str) and not _CONTROLS.search(text) for text in texts):
                raise ValueError("a cookie that is none")
            jar._cookies[name, domain, path] = _Cookie(
                name, value, domain, bool(host_only), path, bool(secure), end, int(number)
            )
            jar._number = max(jar._number, int(number))
        return jar


def header(cookies: Iterable[tuple[str, str]]) -> str:
    """Return the value of ``Cookie`` that sends *cookies*."""
    return "; ".join(f"{name}={value}" if name else value for name, value in cookies)


def domain_match(host: str, domain: str) -> bool:
    """Whether *host* is *domain* or below it; an address is below nothing (RFC 6265 5.1.3)."""
    if host == domain:
        return True
    return host.endswith("." + domain) and not re.fullmatch(r"[0-9.]+|.*:.*", host)


def _is_suffix(domain: str) -> bool:
    return "." not in domain


def _prefix_allows(cookie: SetCookie, origin: Origin) -> bool:
    """Whether the name keeps what it promises (RFC 6265bis 4.1.3)."""
    name = cookie.name.lower()
    if name.startswith("__host-"):
        whole = cookie.domain is None and cookie.path == "/"
        return cookie.secure and origin.https and whole
    return not name.startswith("__secure-") or (cookie.secure and origin.https)


def default_path(path: str) -> str:
    """Return the path of a cookie that names none and comes from *path* (RFC 6265 5.1.4)."""
    return path[: path.rfind("/")] if path.startswith("/") and path.count("/") > 1 else "/"


def path_match(path: str, cookie_path: str) -> bool:
    """Whether a request for *path* carries a cookie of *cookie_path* (RFC 6265 5.1.4)."""
    if path == cookie_path:
        return True
    return path.startswith(cookie_path) and (
        cookie_path.endswith("/") or path[len(cookie_path)] == "/"
    )


# What httpd makes of it: mod_proxy_balancer.c find_session_route, get_path_param, get_cookie_param.


def route_in(value: str, separator: str) -> str | None:
    """Return the route in the *value* of a cookie or URL parameter; ``None`` without *separator*.

    httpd takes all that follows the first separator. ``Off`` as separator: the whole value is the route. Quotes are
    not taken off; a cookie ends at a comma as well.
    """
    value = re.split("[;,]", value, maxsplit=1)[0]
    if separator.lower() == "off":
        return value
    dummy, found, route = value.partition(separator)
    return route if found else None


def url_value(target: str, parameter: str) -> str | None:
    """Return the value that httpd finds for *parameter* in the path and query *target*; ``None`` without.

    It looks for ``NAME=`` anywhere, also at the end of another name; the value ends at ``?`` or ``&``.
    """
    dummy, found, rest = target.partition(parameter + "=")
    return re.split("[?&]", rest.lstrip("?&"), maxsplit=1)[0] if found else None


def with_parameter(target: str, parameter: str, value: str, in_query: bool) -> str:
    """Return *target* with ``parameter=value`` in its query, or behind its path, as servlet containers write it."""
    path, question, query = target.partition("?")
    if in_query:
        return f"{path}?{query}{'&' if query else ''}{parameter}={value}"
    return f"{path};{parameter}={value}{question}{query}"


def parameter_in(text: str, parameter: str, host: str) -> tuple[str, bool] | None:
    """Return the first value of ``parameter=`` in the links of *text*, a page or a ``Location``, that lead to *host*,
    and whether it is in the query there; ``None`` without."""
    for found in re.finditer(r"([;?&])" + re.escape(parameter) + r"=([^\s\"'<>?&#;]+)", text):
        link = re.split(r"[\s\"'<>]", text[max(0, found.start() - _LONGEST) : found.start()])[-1]
        if re.sub(r":[0-9]+$", "", place(link)[1]).strip("[]") in ("", host):
            return found.group(2), "?" in link + found.group(1)
    return None


def place(link: str) -> tuple[str, str]:
    """Return scheme and host with port that *link* names, in lower case; each is ``""`` where it leaves them out.

    ``url=`` before it, as in an element ``meta``, is no part of it.
    """
    found = re.match(r"(?:[0-9;\s]*url=)?(?:(https?):)?//([^/?#;\s]+)", link, re.I)
    return ((found.group(1) or "").lower(), found.group(2).lower()) if found else ("", "")
