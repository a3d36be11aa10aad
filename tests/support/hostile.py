# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that would become more than values if anything were put together from texts without care, and whether they
did."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Callable, Iterable, NamedTuple

# The name of the file that a command would make.
CANARY = "canary"

LONG = 100_000
# Each by a name for messages; {value} is what would be harmless.
ATTACKS = {
    "newline": "{value}\nRedirect / http://evil.example/",
    "CR": "{value}\rRedirect / http://evil.example/",
    "CRLF": "{value}\r\nRedirect / http://evil.example/",
    "NUL": "{value}\0x",
    "escape": "{value}\x1b[2J",
    "bracket": "{value}>",
    "end of section": '{value}"></Proxy>',
    "section": '{value}\n<Proxy "balancer://evil">',
    "quote": '{value}"',
    "quoted word": '{value}" evil="1',
    "apostrophe": "{value}' evil='1",
    "blank": "{value} evil=1",
    "tab": "{value}\tevil=1",
    "variable": "{value}${{PATH}}",
    "expression": "{value}%{{PATH}}e",
    "backslash": "{value}\\",
    "continued": "{value}\\\n",
    "comment": "#{value}",
    "hyphen": "-{value}",
    "options": "--help",
    "option with a command": "--eval=%(touch {canary})",
    "option with a pipe": "--pipe=touch {canary}",
    "zone": "{value}%x'\nProxyRequests On",
    "pipe": "|touch {canary}",
    "substitution": "{value}$(touch {canary})",
    "backticks": "{value}`touch {canary}`",
    "commands": "{value}; touch {canary} #",
    "template": "{value}{{{{ lookup('pipe', 'touch {canary}') }}}}",
    "upwards": "{value}/../../../canary",
    "line separator": "{value}\u2028Redirect / http://evil.example/",
    "next line": "{value}\x85Redirect / http://evil.example/",
    "right to left": "{value}\u202egnp",
    "no-break space": "{value}\u00a0evil=1",
    "full width": "{value}\uff1e\uff02\uff1c",
    "long": "{value}" + "x" * LONG,
    "empty": "",
    "blanks": "   ",
}


class Lost(str):
    """What is wrong, in words, where something was lost: a command was run, a secret shown, or a file made or changed
    that should not be."""


class Seen(NamedTuple):
    """Some words that somebody was given: *where*, and which."""

    where: tuple[str, ...]
    words: list[str]


def _in_replacement(text: str) -> str:
    """Return *text* as mod_headers takes it for what replaces something."""
    return re.sub(r"([\\$&])", r"\\\1", text)


def _in_bytes(text: str) -> str:
    """Return the regular expression of *text* that has no character with a meaning."""
    plain = re.compile("[A-Za-z0-9 _]")
    each = ((char, char.encode("utf-8", "surrogateescape")) for char in text)
    return "".join(
        char if plain.match(char) else "".join(f"\\x{byte:02x}" for byte in data)
        for char, data in each
    )


def _path(url: str) -> str:
    """Return the regular expression of the path of *url*."""
    return re.escape(re.sub(r"\A[a-z]+://[^/]*", "", url))


#: How a value may be written where more than a word is made of it.
FORMS: tuple[Callable[[str], str], ...] = (str, re.escape, _in_replacement, _in_bytes, _path)


def attack(name: str, harmless: str, canary: Path) -> str:
    """Return the attack called *name* by a value that would else be *harmless*; a command that it has run would make
    the file *canary*."""
    return ATTACKS[name].format(value=harmless, canary=canary)


def difference(now: Iterable[Seen], before: Iterable[Seen], harmless: str, value: str) -> str:
    """Return in which words *now* is not what was seen *before*, with *value* instead of *harmless*; nothing where it
    is just that."""
    now, before = list(now), list(before)
    shapes = ([(seen.where, len(seen.words)) for seen in each] for each in (now, before))
    if next(shapes) != next(shapes):
        return f"other words: {now}"
    for new, old in zip(now, before):
        for word, plain in zip(new.words, old.words):
            if word != plain and not any(
                _replaced(plain, form(harmless), form(value)).fullmatch(word) for form in FORMS
            ):
                return f"{' '.join(new.where)} is given {word!r}, where {plain!r} was harmless"
    return ""


def _replaced(text: str, harmless: str, value: str) -> re.Pattern[str]:
    """Return the expression for *text* with *value* instead of *harmless*, anywhere: that may as well be the same by
    chance."""
    either = f"(?:{re.escape(harmless)}|{re.escape(value)})"
    return re.compile(either.join(map(re.escape, text.split(harmless))))


def head(value: str) -> str:
    """Return the beginning of *value*, as far as it is shown as it is."""
    return re.split(r"[^ -~]|[$\\\\'\"]", value.strip())[0][:40]
