# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables as a file that Ansible reads as they are, whatever is in them.

Private to this collection. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# What Ansible takes for the beginning of a template.
_MARKS = ("{{", "{%", "{#")
# A text that needs no quotes, unless YAML has a meaning for it.
_PLAIN = re.compile(r"[A-Za-z/](?:[\w./|?=+-]|:(?=[\w/]))*", re.ASCII)
_WORDS = frozenset(["false", "n", "no", "null", "off", "on", "true", "y", "yes"])


def written(variables: Mapping[str, Any], notes: Iterable[str]) -> str:
    """Return the text of a file with *variables*, below *notes*, which a person has to look at."""
    lines = [*(f"# TODO {note}" for note in notes), "---", *_lines(variables)]
    return "".join(f"{line}\n" for line in lines)


def _lines(value: Any) -> Iterator[str]:
    """Give the lines of a mapping or a list."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _entry(f"{key}:", item)
        return
    for item in value:
        if item and isinstance(item, Mapping):
            first, *rest = _lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
        else:
            yield from _entry("-", item)


def _entry(head: str, value: Any) -> Iterator[str]:
    if value and isinstance(value, (Mapping, list, tuple)):
        yield head
        yield from (f"  {line}" for line in _lines(value))
    elif isinstance(value, str) and _is_block(value):
        yield f"{head} {_tag(value)}|"
        yield from (f"  {line}" for line in value.split("\n")[:-1])
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        return _tag(value) + '"' + "".join(map(_escaped, value)) + '"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{}"
    return "[]" if isinstance(value, (list, tuple)) else str(value)


def _tag(value: str) -> str:
    return "!unsafe " if any(mark in value for mark in _MARKS) else ""


def _is_block(value: str) -> bool:
    """Whether *value* is several lines, or one with its end, that can stand as they are."""
    *lines, end = value.split("\n")
    plain = all(line.isprintable() and line.strip() for line in lines)
    return lines != [] and end == "" and plain and not lines[0].startswith(" ")


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"
