# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes as a reader tells them apart: by a letter, by a pattern and by a colour, each of which is enough.

Private to this collection. Pure: data in, HTML out.
"""

from __future__ import annotations

from typing import Any, Iterable, Mapping, NamedTuple

from .markup import Html, tag

# All of the same lightness, so that white letters can be read on them and they stand out from either background: the
# pattern, not the shade, tells them apart where there is no colour. None is the red that means "wrong".
COLOURS = (
    "#1e71d1",
    "#b8550f",
    "#0a8164",
    "#d02c7e",
    "#855acf",
    "#4c7f12",
    "#0c7d93",
    "#896f07",
)
UNKNOWN = "#6a7280"
# Drawn in white on a tile of 8 by 8; the first one is plain, none has upright lines, which are requests. As many as are
# coprime to the colours, so that the two together are told apart longest.
PATTERNS = (
    "",
    "M-2 2L2 -2M0 8L8 0M6 10L10 6",
    "M2 2h.01M6 6h.01",
    "M4 2a2 2 0 1 0 .01 0",
    "M-2 6L2 10M0 0L8 8M6 -2L10 2",
    "M4 2V6M2 4H6",
    "M0 0L8 8M8 0L0 8",
)


class Node(NamedTuple):
    """One node. *name*: empty for answers that did not tell who gave them."""

    name: str
    letter: str
    colour: str
    pattern: str
    number: int

    @property
    def fill(self) -> str:
        """What SVG fills its areas with; needs :func:`patterns` on the page."""
        return f"url(#node{self.number})"

    @property
    def label(self) -> str:
        """Its name, in words where it has none."""
        return self.name or "not told"


def letters(number: int) -> str:
    """Return A to Z for 0 to 25, then AA, AB and so on."""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text


def answered(status: Any) -> bool:
    """Return whether a visit of the trace has an answer 2xx or 3xx."""
    return bool(status) and 200 <= int(status) < 400


def nodes_of(result: Mapping[str, Any]) -> dict[str, Node]:
    """Return the nodes in the result of ``sticky_check``, by name, those that answered most often not before others:
    the order is that of their names, so that two reports of one site agree."""
    names = {str(name or "") for name in result.get("distribution") or ()}
    for row in result.get("trace") or ():
        # A request that failed has no node to tell, whatever it says.
        names.update(str(node or "") for dummy, node, status in row["visits"] if answered(status))
    found = {
        name: Node(
            name,
            letters(number),
            COLOURS[number % len(COLOURS)],
            PATTERNS[number % len(PATTERNS)],
            number,
        )
        for number, name in enumerate(sorted(names - {""}, key=_natural))
    }
    if "" in names:
        found[""] = Node("", "?", UNKNOWN, "", len(found))
    return found


def _natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """node2 before node10."""
    parts: list[tuple[int, int, str]] = []
    digits = ""
    for sign in [*name, ""]:
        if sign.isdecimal():
            digits += sign
            continue
        if digits:
            parts.append((0, int(digits), ""))
            digits = ""
        parts.append((1, 0, sign))
    return parts, name


def patterns(nodes: Iterable[Node]) -> Html:
    """Return what the areas of *nodes* are filled with, for once on a page."""
    return tag(
        "svg",
        tag("defs", [_tile(node) for node in nodes]),
        width=0,
        height=0,
        class_="hidden",
        aria_hidden="true",
        focusable="false",
    )


def _tile(node: Node) -> Html:
    drawn = tag(
        "path",
        d=node.pattern,
        stroke="#fff",
        stroke_width="2" if "h.01" in node.pattern else "1.3",
        stroke_linecap="round" if "h.01" in node.pattern else None,
        stroke_opacity=".5",
        fill="none",
    )
    return tag(
        "pattern",
        tag("rect", width=8, height=8, fill=node.colour),
        drawn if node.pattern else None,
        id=f"node{node.number}",
        width=8,
        height=8,
        patternUnits="userSpaceOnUse",
    )


def chip(node: Node) -> Html:
    """Return the letter of a node beside its pattern: the name has to stand next to it."""
    left = 8 + 9 * len(node.letter)
    return tag(
        "svg",
        tag("rect", width=left + 16, height=18, rx=4, fill=node.fill),
        tag("rect", width=left, height=18, rx=4, fill=node.colour),
        tag("text", node.letter, x=left / 2, y=13.5, text_anchor="middle", class_="on"),
        viewBox=f"0 0 {left + 16} 18",
        width=left + 16,
        height=18,
        class_="chip",
        aria_hidden="true",
        focusable="false",
    )


def named(node: Node) -> Html:
    """Return the chip and the name of a node."""
    return tag("span", chip(node), " ", tag("bdi", node.label), class_="node")
