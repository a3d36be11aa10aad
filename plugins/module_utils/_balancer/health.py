# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health checks as they are declared, and the expression by which httpd judges what the backend answers.

Private to this collection.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Iterable, Mapping, NamedTuple

from .model import identity
from .parameters import CONTROL, MEMBER, Value

#: The parameters of a member that a health check consists of, by the option that declares each.
PARAMETERS = {
    "method": "hcmethod",
    "uri": "hcuri",
    "interval": "hcinterval",
    "passes": "hcpasses",
    "fails": "hcfails",
}
EXPRESSION = "hcexpr"
#: Where all of them may come from. On a line httpd copies them when it gets there, so that those before it have no
#: effect (mod_proxy_hcheck.c ``set_worker_hc_param``).
TEMPLATE = "hctemplate"
NAMES = (*PARAMETERS.values(), EXPRESSION, TEMPLATE)
_HTTP = ("GET", "HEAD", "OPTIONS", "GET11", "HEAD11", "OPTIONS11")
_WITH_BODY = ("GET", "GET11")
# mod_proxy_hcheck.c hc_check_http: without an expression these are well.
_WELL = ("200-399",)
_LONGEST = 500


class HealthCheck(NamedTuple):
    """The *parameters* of each member (``None``: httpd's default holds), and the *expression*; "": none is needed."""

    parameters: dict[str, Value | None]
    expression: str

    def of(self, url: str) -> dict[str, Value | None]:
        """Return the parameters of the member *url*. httpd puts a slash between the path of that and ``hcuri``, if
        it has one; a member with neither it asks for nothing, which no backend understands (mod_proxy_hcheck.c
        ``create_hcheck_req``)."""
        uri = self.parameters["hcuri"]
        path = re.match(r"[^:]+://[^/]*/", identity(url))
        if uri is None:
            uri = "/" if self.parameters["hcmethod"] in _HTTP and not path else None
        elif path:
            # Of "/" nothing is left: the path of the member itself is asked for.
            uri = str(uri)[1:] or None
        return {**self.parameters, "hcuri": uri}


def expression_name(balancer: str) -> str:
    """Return the name of the expression of *balancer*: at most 15 characters, and the same each time
    (mod_proxy_hcheck.c ``set_hc_condition``)."""
    if len(balancer) <= 12:
        return "hc_" + balancer
    number = functools.reduce(lambda sum_, c: sum_ * 31 + ord(c), balancer, 0)
    digits = ""
    for dummy in range(6):
        number, digit = divmod(number, 36)
        digits += "0123456789abcdefghijklmnopqrstuvwxyz"[digit]
    return f"hc_{balancer[:5]}~{digits}"


def checked(balancer: str, options: Mapping[str, Any]) -> HealthCheck:
    """Return the health check that *options* declare for *balancer*; ``None`` and what is omitted stand for httpd's
    default, for ``method`` for GET.

    Raises ``ValueError`` with the offending value and what to do.
    """
    given = {"method": "GET", **{key: value for key, value in options.items() if value is not None}}
    values: dict[str, Value | None] = dict.fromkeys(NAMES)
    for option, name in PARAMETERS.items():
        if option in given:
            try:
                values[name] = MEMBER[name].kind.check(given[option])
            except ValueError as problem:
                raise ValueError(
                    f"{option}: {given[option]!r} is not possible: {problem}"
                ) from None
    method = str(values["hcmethod"])
    for option in ("uri", "expect_status", "expect_body"):
        if option in given and method not in _HTTP:
            raise ValueError(f"{option}: method {method} asks no URL; use {', '.join(_HTTP)}")
    if "expect_body" in given and method not in _WITH_BODY:
        raise ValueError(
            f"expect_body: method {method} gets no body; use {' or '.join(_WITH_BODY)}"
        )
    if "uri" in given and not str(given["uri"]).startswith("/"):
        raise ValueError(f"uri: {given['uri']!r} is not possible: it begins with '/'")
    text = ""
    if "expect_status" in given or "expect_body" in given:
        text = _expression(given.get("expect_status", _WELL), given.get("expect_body"))
        values[EXPRESSION] = expression_name(balancer)
    return HealthCheck(values, text)


def _expression(statuses: Iterable[Any], body: str | None) -> str:
    conditions = [_status(str(status)) for status in statuses]
    if not conditions:
        raise ValueError("expect_status is empty; omit it to expect 200 to 399")
    # Strings of an expression have escapes and variables of their own; a regular expression of plain characters and
    # hexadecimal ones has none.
    text = " || ".join(conditions)
    if body is None:
        return text
    return f"({text}) && hc('body') =~ /{_literal(body)}/"


def _status(text: str) -> str:
    found = re.fullmatch(r"([1-5])xx|([0-9]{3})(?:-([0-9]{3}))?", text.strip().lower())
    if found and found.group(1):
        low, high = int(found.group(1)) * 100, int(found.group(1)) * 100 + 99
    elif found:
        low, high = int(found.group(2)), int(found.group(3) or found.group(2))
    if not found or not 100 <= low <= high <= 599:
        raise ValueError(
            f"expect_status: {text!r} is not possible; write a status such as 200, 2xx, or a range such as 200-299"
        )
    if low == high:
        return f"%{{REQUEST_STATUS}} -eq {low}"
    return f"(%{{REQUEST_STATUS}} -ge {low} && %{{REQUEST_STATUS}} -le {high})"


def _literal(text: str) -> str:
    """Return the regular expression that matches *text* and nothing else."""
    data = text.encode("utf-8", "surrogateescape")
    if not text or CONTROL.search(text):
        reason = "it contains a control character" if text else "it is empty"
        raise ValueError(f"expect_body: {text!r} is not possible: {reason}")
    if len(data) > _LONGEST:
        raise ValueError(f"expect_body: it is {len(data)} bytes long; use at most {_LONGEST}")
    plain = re.compile(rb"[A-Za-z0-9 _]")
    return "".join(chr(byte) if plain.match(bytes((byte,))) else f"\\x{byte:02x}" for byte in data)
