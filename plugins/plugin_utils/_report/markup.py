# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTML that cannot be broken by what it shows: text is escaped unless it was made here.

Private to this collection. Pure: text in, text out. Python 3.8 or later, because the demo uses it too.
"""

from __future__ import annotations

import html
import re
from typing import Iterable

# What HTML forbids, and what turns the direction of the text that follows.
_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_VOID = ("br", "meta")


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Html:
    """Return *value* as HTML: as it is where it is that already, escaped otherwise. ``None`` is nothing, a list is
    its elements one after the other."""
    if isinstance(value, Html):
        return value
    if value is None:
        return Html("")
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return Html("".join(map(text, value)))
    return Html(html.escape(_ODD.sub("\ufffd", str(value))))


def tag(element: str, /, *content: object, **attributes: object) -> Html:
    """Return an element. Attributes are spelled as Python spells them: ``class_`` for ``class``, ``aria_label`` for
    ``aria-label``; ``None`` leaves one out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if element in _VOID:
        return Html(f"<{element}{written}>")
    return Html(f"<{element}{written}>{text(content)}</{element}>")


def count(number: int, noun: str, nouns: str = "") -> str:
    """Return *number* with its noun: ``1 session``, ``20 sessions``."""
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"
