# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cookie by which httpd itself keeps sessions on their member: what it carries is the route and nothing else.

Private to this collection.

mod_headers issues it. For each proxied request mod_proxy_balancer leaves the route of the member in the
environment, and whether it is another than the client asked for (mod_proxy_balancer.c ``proxy_balancer_pre_request``).
"""

from __future__ import annotations

import re
from typing import Any, Mapping, NamedTuple, Sequence

from .parameters import CONTROL

#: The condition under which the cookie is issued.
ROUTE_CHANGED = "env=BALANCER_ROUTE_CHANGED"
_ROUTE = "%{BALANCER_WORKER_ROUTE}e"
_VALUE = re.compile(
    r"\s*([^=;\s]+)\s*=([^;]*)" + re.escape(_ROUTE) + r"([^;]*)(?:;(.*))?", re.DOTALL
)
#: Cookies in which applications keep their own sessions, and whose they are.
OF_APPLICATIONS = {
    "PHPSESSID": "PHP",
    "JSESSIONID": "servlet containers",
    "SESSION": "Spring Session",
    "connect.sid": "Express",
    "sessionid": "Django",
    "laravel_session": "Laravel",
    "ASP.NET_SessionId": "ASP.NET",
    ".AspNetCore.Session": "ASP.NET Core",
}
# Those into which the application puts the route, where it is told one.
_WITH_ROUTE = ("JSESSIONID", "SESSION")
_ACTIONS = ("add", "append", "merge", "set", "setifempty")
_SAMESITE = ("strict", "lax", "none")
# What RFC 6265 lets a name be, without what httpd or stickysession would take for something else.
_NAME = re.compile(r"[A-Za-z0-9!#&*+.^_`~-]+")
_PATH = re.compile(r"/[A-Za-z0-9._~!&()*+:=@/-]*")
_DOMAIN = re.compile(
    r"\.?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)


class Cookie(NamedTuple):
    """A route cookie: its *name*, its attributes (empty or ``None``: not set), the *separator* before the route, and
    *other* attributes that nobody declares."""

    name: str
    path: str = ""
    domain: str = ""
    secure: bool = False
    httponly: bool = False
    samesite: str = ""
    max_age: int | None = None
    separator: str = "."
    other: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The value as mod_headers takes it."""
        attributes = [f"Path={self.path}"] if self.path else []
        attributes += [f"Domain={self.domain}"] if self.domain else []
        attributes += [f"Max-Age={self.max_age}"] if self.max_age is not None else []
        attributes += ["Secure"] if self.secure else []
        attributes += ["HttpOnly"] if self.httponly else []
        attributes += [f"SameSite={self.samesite.capitalize()}"] if self.samesite else []
        separator = self.separator.replace("%", "%%")
        return "; ".join([f"{self.name}={separator}{_ROUTE}", *attributes, *self.other])

    def shown(self) -> dict[str, Any]:
        """Return it as it appears in results, under the names of the options."""
        return {
            "name": self.name,
            "path": self.path or None,
            "domain": self.domain or None,
            "secure": self.secure,
            "httponly": self.httponly,
            "samesite": self.samesite or None,
            "max_age": self.max_age,
        }


class Header(NamedTuple):
    """What a ``Header`` directive says that issues a route cookie: its *cookie*, what it does with other cookies
    (*action*: ``add`` leaves them alone), whether *always*, also with answers of httpd itself, and the *condition*."""

    cookie: Cookie
    action: str = "add"
    always: bool = False
    condition: str = ROUTE_CHANGED

    @property
    def sound(self) -> bool:
        """Whether it issues the cookie when it has to, and does nothing else."""
        return (
            self.action == "add"
            and not self.always
            and self.condition.lower() == ROUTE_CHANGED.lower()
        )

    @property
    def words(self) -> list[str]:
        """The arguments of the directive."""
        condition = self.condition.split() if self.condition else []
        first = ["always"] if self.always else []
        return [*first, self.action, "Set-Cookie", self.cookie.text, *condition]


def header(words: Sequence[str]) -> Header | None:
    """Return what a ``Header`` directive with the arguments *words* does about a route cookie; ``None`` for nothing
    (mod_headers.c ``header_cmd``)."""
    said = _of_cookies(words)
    if not said or said[0].lower() not in _ACTIONS:
        return None
    cookie = read(said[2])
    if cookie is None:
        return None
    always = words[0].lower() == "always"
    return Header(cookie, said[0].lower(), always, " ".join(said[3:]))


def puts_route(words: Sequence[str], name: str) -> bool:
    """Return whether a ``Header`` directive with the arguments *words* may put the route into the cookie *name*, also
    one that an application sets: an ``edit`` may be of any."""
    said = _of_cookies(words)
    if "balancer_worker_route" not in " ".join(said).lower():
        return False
    return said[0].lower().startswith("edit") or name in " ".join(said[2:])


def _of_cookies(words: Sequence[str]) -> Sequence[str]:
    """Return *words*, the arguments of a ``Header`` directive, from its action on; nothing if it sets no cookies."""
    first = words[0].lower() if words else ""
    said = words[1:] if first in ("always", "onsuccess") else words
    return said if len(said) > 2 and said[1].rstrip(":").lower() == "set-cookie" else ()


def read(value: str) -> Cookie | None:
    """Return the cookie of a ``Set-Cookie`` *value* as mod_headers takes it; ``None`` if it carries no route."""
    found = _VALUE.fullmatch(value)
    if not found:
        return None
    name, separator, rest, attributes = found.groups()
    values: dict[str, Any] = {"separator": separator.lstrip().replace("%%", "%")}
    other = [rest.strip()] if rest.strip() else []
    for attribute in (attributes or "").split(";"):
        key, equals, text = (part.strip() for part in attribute.strip().partition("="))
        word = key.lower()
        if word in ("path", "domain") and text:
            values[word] = text.lstrip(".").lower() if word == "domain" else text
        elif word in ("secure", "httponly") and not equals:
            values[word] = True
        elif word == "samesite" and text.lower() in _SAMESITE:
            values[word] = text.lower()
        elif word == "max-age" and re.fullmatch(r"[0-9]{1,18}", text):
            values["max_age"] = int(text)
        elif key:
            other.append(attribute.strip())
    return Cookie(name, other=tuple(other), **values)


def carries_no_route(sticky: str) -> bool:
    """Return whether no application puts a route into what *sticky*, a value of ``stickysession``, names: a cookie, and
    perhaps a parameter of the URL, of PHP and the like."""
    name, dummy, parameter = sticky.partition("|")
    names = {name} if parameter.lower() in ("", name.lower()) else {name, parameter}
    return names <= set(OF_APPLICATIONS) - set(_WITH_ROUTE)


def default_name(balancer: str) -> str:
    """Return the name of the cookie of *balancer* where none is declared."""
    return "ROUTEID_" + re.sub(r"[^A-Z0-9_]", "_", balancer.upper())


def checked(balancer: str, options: Mapping[str, Any]) -> Cookie:
    """Return the cookie that *options* declare for *balancer*; ``None`` and what is omitted stand for the default.

    Raises ``ValueError`` with the offending value and what to do.
    """
    given = {key: value for key, value in options.items() if value is not None}
    cookie = Cookie(
        name=_plain("name", given.get("name", default_name(balancer))),
        path=_plain("path", given.get("path", "/")),
        domain=_plain("domain", given.get("domain", "")).lstrip(".").lower(),
        secure=bool(given.get("secure", False)),
        httponly=bool(given.get("httponly", True)),
        samesite=_plain("samesite", given.get("samesite", "lax")).lower(),
        max_age=given.get("max_age"),
    )
    if not _NAME.fullmatch(cookie.name):
        _refuse("name", cookie.name, "use letters, digits, '_', '-' and '.'")
    if len(cookie.name) > 63:
        _refuse("name", cookie.name, f"it is {len(cookie.name)} characters long; httpd keeps 63")
    if not _PATH.fullmatch(cookie.path):
        _refuse(
            "path",
            cookie.path,
            "it begins with '/' and has only letters, digits and -._~!&()*+:=@/ in it",
        )
    if cookie.domain and not _DOMAIN.fullmatch(cookie.domain):
        _refuse("domain", cookie.domain, "it is no host name")
    if cookie.samesite not in _SAMESITE:
        _refuse("samesite", cookie.samesite, "use strict, lax or none")
    if cookie.max_age is not None and cookie.max_age < 1:
        _refuse(
            "max_age",
            cookie.max_age,
            "it must be 1 s or more; omit it for a cookie of the browser session",
        )
    if cookie.samesite == "none" and not cookie.secure:
        raise ValueError("samesite: none needs secure: true; browsers drop the cookie otherwise")
    _check_prefix(cookie)
    return cookie


def _check_prefix(cookie: Cookie) -> None:
    """Browsers drop a cookie whose name promises what its attributes do not keep (RFC 6265bis, 4.1.3)."""
    host = cookie.name.lower().startswith("__host-")
    if (host or cookie.name.lower().startswith("__secure-")) and not cookie.secure:
        raise ValueError(
            f"name: {cookie.name} needs secure: true; browsers drop the cookie otherwise"
        )
    if host and (cookie.domain or cookie.path != "/"):
        raise ValueError(
            f"name: {cookie.name} needs path: / and no domain; browsers drop the cookie otherwise"
        )


def _plain(option: str, value: Any) -> str:
    text = str(value)
    if CONTROL.search(text):
        _refuse(option, text, "it contains a control character")
    return text


def _refuse(option: str, value: object, reason: str) -> None:
    raise ValueError(f"{option}: {value!r} is not possible: {reason}")
