# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the report: load, cookies, members, drift, moves.

Private to this collection. Pure: data in, HTML out.
"""

from __future__ import annotations

import json
from typing import Any, Iterable, Mapping, Sequence
from urllib.parse import SplitResult

from . import cookies
from .markup import Html, tag
from .nodes import Node, chip, named
from .verdict import status

BAR = 200  # SVG units


def table(caption: object, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """Return a table; the first cell of each row is its heading. It scrolls where it is wider than the screen, which
    a keyboard can do too."""
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption),
            tag("thead", tag("tr", [tag("th", title, scope="col") for title in head])),
            tag(
                "tbody",
                [
                    tag("tr", tag("th", row[0], scope="row"), [tag("td", cell) for cell in row[1:]])
                    for row in rows
                ],
            ),
        ),
        class_="scroll",
        tabindex="0",
        role="group",
        aria_label=caption,
    )


def code(value: object) -> Html:
    """Return a word of httpd's or of a cookie's as it is written."""
    return tag("code", tag("bdi", value))


def load(result: Mapping[str, Any], nodes: Mapping[str, Node]) -> Html:
    """Return sessions and requests of each node, as numbers and as bars."""
    shares = {str(name or ""): share for name, share in (result.get("distribution") or {}).items()}
    numbers = {
        what: {name: int(shares.get(name, {}).get(what) or 0) for name in nodes}
        for what in ("sessions", "requests")
    }

    def cell(what: str, node: Node) -> list[object]:
        all_of = sum(numbers[what].values()) or 1
        number = numbers[what][node.name]
        width = number / (max(numbers[what].values()) or 1) * BAR
        return [
            tag("span", number, class_="number"),
            tag(
                "svg",
                tag("rect", width=BAR, height=14, rx=3, class_="lane"),
                tag("rect", width=f"{width:.1f}", height=14, rx=3, fill=node.fill),
                viewBox=f"0 0 {BAR} 14",
                width=BAR,
                height=14,
                class_="bar",
                aria_hidden="true",
                focusable="false",
            ),
            tag("span", f"{100 * number / all_of:.0f} %", class_="soft"),
        ]

    rows = [
        [named(node), cell("sessions", node), cell("requests", node)] for node in nodes.values()
    ]
    return table("New sessions and requests of each node", ("Node", "Sessions", "Requests"), rows)


def moves(result: Mapping[str, Any], nodes: Mapping[str, Node], expect: str) -> Html:
    """Return the violations, as many as the result has."""

    def node(name: object) -> object:
        found = nodes.get(str(name or ""))
        return named(found) if found else tag("bdi", name or "none")

    return table(
        "Sessions that moved" if expect == "same" else "Sessions that did not move, or moved again",
        ("Client", "At request", "Before", "After", "Why"),
        [
            [
                f"client {each['client']}",
                each["request"],
                node(each.get("before")),
                node(each.get("after")),
                each.get("reason"),
            ]
            for each in result.get("violations") or ()
        ],
    )


def failures(result: Mapping[str, Any]) -> Html:
    """Return the first requests without an answer."""
    return table(
        "The first requests without an answer",
        ("Client", "Request", "Why"),
        [
            [f"client {each['client']}", each["request"], each["reason"]]
            for each in result.get("failures") or ()
        ],
    )


def flags(result: Mapping[str, Any], url: SplitResult) -> Html:
    """Return the cookies with their flags, and what is wrong with them."""

    def advice(cookie: Mapping[str, Any]) -> list[Html]:
        wrong, better = cookies.wrong(cookie, url), cookies.better(cookie, url)
        said = [tag("li", tag("strong", "Wrong: "), each, class_="bad") for each in wrong]
        said += [tag("li", tag("strong", "Better: "), each) for each in better]
        return [tag("ul", said)] if said else [tag("span", "nothing", class_="good")]

    return table(
        "Cookies the site set, without their values",
        (
            "Name",
            "Path",
            "Domain",
            "Secure",
            "HttpOnly",
            "SameSite",
            "Lifetime",
            "Set by",
            "What is wrong",
        ),
        [
            [
                code(cookie["name"]),
                code(cookie["path"]) if cookie.get("path") else "that of the request",
                code(cookie["domain"]) if cookie.get("domain") else "this host only",
                "yes" if cookie.get("secure") else "no",
                "yes" if cookie.get("httponly") else "no",
                cookie.get("samesite") or "not set",
                f"{cookie['max_age']} s"
                if cookie.get("max_age") is not None
                else "until a date (Expires)"
                if cookie.get("expires")
                else "the browser's session",
                f"{cookie.get('set_on', 0)} of {result.get('requests', 0)} answers",
                advice(cookie),
            ]
            for cookie in result.get("cookies") or ()
        ],
    )


def members(balancer: Mapping[str, Any], nodes: Mapping[str, Node]) -> Html:
    """Return the members of a balancer of ``balancer_info``, as the running httpd has them."""

    def row(member: Mapping[str, Any]) -> list[object]:
        config, runtime = member.get("config") or {}, member.get("runtime") or {}
        route = runtime.get("route") or config.get("route") or ""
        new = "yes" if member.get("accepts_new") else "no"
        return [
            code(member["url"]),
            tag("span", chip(nodes[route]), " ", code(route), class_="node")
            if route in nodes
            else code(route)
            if route
            else "none",
            tag(
                "span",
                status(member),
                class_=None if member.get("usable") or not runtime else "bad",
            ),
            new if runtime else "not known",
            f"{runtime.get('loadfactor', config.get('loadfactor', 1)):g}",
            runtime.get("elected", "not known"),
            runtime.get("busy", "not known"),
        ]

    return table(
        f"Members of balancer://{balancer['name']}",
        ("Member", "Route", "Running httpd", "New sessions", "Weight", "Elected", "Busy"),
        [row(member) for member in balancer["members"]],
    )


def drift(balancer: Mapping[str, Any]) -> Html:
    """Return where declaration, files and running httpd differ."""
    return table(
        f"Drift of balancer://{balancer['name']}",
        ("Where", "Parameter", "Declared", "File", "Running httpd"),
        [
            [
                code(each["member"]) if each.get("member") else "the balancer",
                code(each["parameter"]) if each.get("parameter") else "the whole member",
                *(_value(each.get(layer)) for layer in ("declared", "config", "runtime")),
            ]
            for each in balancer.get("drift") or ()
        ],
    )


def _value(value: Any) -> object:
    if value is None:
        return "not set"
    if value in ([], ""):
        return "none"
    if isinstance(value, list):
        return code(" ".join(map(str, value)))
    return code(value if isinstance(value, str) else json.dumps(value))
