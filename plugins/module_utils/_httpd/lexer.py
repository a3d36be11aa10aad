# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""How httpd cuts configuration text into lines and words.

The rules are those of httpd's ``server/util.c`` (``ap_cfg_getline_core``, ``ap_getword_conf``,
``substring_conf``) and ``server/config.c`` (``ap_build_config_sub``); all were seen on 2.4.71:

* A physical line that ends in a backslash and LF, or a backslash, CR and LF, continues on the
  next one. Backslash and line end vanish, nothing takes their place, so a word may be cut in two.
  This comes before anything else: it also holds for comments and inside quotes.
* The look back for that backslash is made on what is joined so far. Hence after a line ending in
  two backslashes, which leaves one, an empty line continues as well.
* A line is a comment only if ``#`` is its first character that is not white space.
* A quote is special only as the first character of a word, and the word ends at the next quote
  of the same kind, or at the end of the line; what follows directly is a new word. Inside, a
  backslash escapes that quote and the backslash. Outside of quotes only ``\\`` is an escape.
* The argument of a section ends at the last ``>`` of its line; what follows that is ignored.

Nothing here fails: any text is some sequence of lines and words. httpd refuses logical lines of
more than 16 MiB; that is left to it.

Private to this collection.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from typing import NamedTuple

# isspace() of the C locale, in which httpd reads its configuration. Python's own idea of white
# space knows further characters, so strip() and split() never go without this.
SPACE = " \t\n\v\f\r"

DIRECTIVE = "directive"
OPEN = "open"
CLOSE = "close"
COMMENT = "comment"
BLANK = "blank"

# None of these can fail once its first character matched, so none ever tries twice.
_WORD = re.compile(
    r"""
    "(?P<double>[^"\\]*(?:\\.?[^"\\]*)*)"?
    | '(?P<single>[^'\\]*(?:\\.?[^'\\]*)*)'?
    | (?P<plain>[^ \t\n\v\f\r]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN_WORD = re.compile(r"[^ \t\n\v\f\r]+")
_GAP = re.compile(r"[ \t\n\v\f\r]*")
_ESCAPES = {
    "double": re.compile(r'\\([\\"])'),
    "single": re.compile(r"\\([\\'])"),
    "plain": re.compile(r"\\(\\)"),
}
_QUOTES = {"double": '"', "single": "'", "plain": ""}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NEEDS_QUOTES = re.compile(r"""\A\Z|\A["']|[ \t\n\v\f\r]|\\\Z""")
# Backslashes that httpd would take for the first half of an escape.
_TELLING_BACKSLASHES = re.compile(r"""\\\\+|\\(?=["']|\Z)""")


class Line(NamedTuple):
    """One logical line: what httpd reads as one directive, comment or blank line."""

    #: every character of it, with continuations and line end.
    raw: str
    #: its first physical line, counted from 1.
    first: int
    #: its last physical line. This is the number that httpd reports.
    last: int


class Word(NamedTuple):
    """One argument of a directive."""

    #: as httpd reads it: without quotes, escapes resolved.
    text: str
    #: where it starts in the raw line, quote included.
    start: int
    #: where it ends, quote and inner continuations included.
    end: int
    #: the quote around it: '"', "'" or "".
    quote: str


class Statement(NamedTuple):
    """What a logical line says."""

    #: "directive", "open" (a section starts), "close", "comment" or "blank".
    kind: str
    #: as spelled, without ``<``, ``</`` and ``>``; "" for comments and blank lines.
    name: str
    #: the arguments, not the name; for a section those up to its last ``>``.
    words: list[Word]
    #: the arguments as one text, continuations joined; for a section without the ``>``.
    args: str = ""
    #: where the name starts in the raw line.
    start: int = 0
    #: where the name ends in the raw line.
    name_end: int = 0
    #: why httpd would refuse the line whatever stands around it; "" if it would not.
    problem: str = ""

    @property
    def end(self) -> int:
        """Where the last word ends, or the name if there is none: the place for another word."""
        return self.words[-1].end if self.words else self.name_end


def logical_lines(text: str) -> list[Line]:
    """Cut text into logical lines; their ``raw`` joined is the text again."""
    lines: list[Line] = []
    size = len(text)
    start = number = 0
    while start < size:
        number += 1
        end = text.find("\n", start) + 1 or size
        if text.endswith(("\\\n", "\\\r\n"), start, end):
            first = number
            end, number = _last_continuation(text, start, end, number)
            lines.append(Line(text[start:end], first, number))
        else:
            lines.append(Line(text[start:end], number, number))
        start = end
    return lines


def is_finished(text: str) -> bool:
    """Whether the last line of a text ends by itself, so that another one may stand after it.

    False without a line end, and where the text ends within a continuation.
    """
    if "\\" not in text:
        return text[-1:] in ("", "\n")
    return logical_lines(text + "#")[-1].raw == "#"


def finished(text: str, newline: str) -> str:
    """Complete the last line of a text so that another one may follow, meaning unchanged.

    :param newline: the line end to use.
    """
    if is_finished(text):
        return text
    completed = text + newline
    # A backslash that ended the text is not to become a continuation: with a blank after it, it
    # stays the stray character it was.
    return completed if is_finished(completed) else text + " " + newline


def joined(raw: str) -> str:
    """Give a logical line as httpd sees it: continuations joined, outer white space gone."""
    return _join(raw)[0].strip(SPACE)


# Who changes a line asks for it again and again. What is returned is shared, so nobody may change it.
@functools.lru_cache(maxsize=16)
def statement(raw: str) -> Statement:
    """Say what a logical line means.

    :param raw: one logical line, as from ``logical_lines``; the line end may be missing.

    ``${VAR}`` stands as written: httpd replaces it in the whole line before it looks for words.
    """
    text, spans = _join(raw)
    begin = len(text) - len(text.lstrip(SPACE))
    if begin == len(text):
        return Statement(BLANK, "", [])
    end = len(text.rstrip(SPACE))
    origin = _Origin(spans)
    start = origin.start(begin)
    if text[begin] == "#":
        return Statement(COMMENT, "", [], "", start, origin.end(end))

    name, stop, quote = _word(text, begin, end)
    if not name:
        # httpd ignores a line that starts with "".
        return Statement(BLANK, "", [], "", start, origin.end(stop))
    begin = _skip_space(text, stop, end)
    if name[1:2] != "/" and name.endswith(">"):
        name = name[:-1]
        if begin == end and not quote:
            stop -= 1
    name_end = origin.end(stop)

    if not name.startswith("<"):
        words = _words(text, begin, end, origin)
        return Statement(DIRECTIVE, name, words, text[begin:end], start, name_end)

    if name.startswith("</"):
        problem = "" if name.endswith(">") else f"{name}> directive missing closing '>'"
        name = name[2:-1] if name.endswith(">") else name[2:]
        if not name:
            problem = "a section needs a name directly after '</'"
        return Statement(CLOSE, name, [], "", start, name_end, problem)

    name = name[1:]
    problem = "" if name else "a section needs a name directly after '<'"
    if begin < end:
        bracket = text.rfind(">", begin, end)
        if bracket >= 0:
            end = bracket
        elif not problem:
            problem = f"<{name}> directive missing closing '>'"
    words = _words(text, begin, end, origin)
    return Statement(OPEN, name, words, text[begin:end], start, name_end, problem)


def split_words(args: str) -> list[Word]:
    """Cut the arguments of a directive into words. The text holds no continuation."""
    return _words(args, 0, len(args), _Origin([]))


def word_texts(args: str) -> list[str]:
    """Give what the words of ``split_words`` read, without their places."""
    if '"' in args or "'" in args or "\\" in args:
        return [_read(match)[0] for match in _WORD.finditer(args)]
    return _PLAIN_WORD.findall(args)


def quoted(text: str, quote: str = "") -> str:
    """Write a word so that httpd reads exactly ``text``.

    :param text: the word. A ``${VAR}`` in it is still replaced by httpd; nothing prevents that.
    :param quote: '"' or "'" to have it quoted in any case; by default only where it must be.
    :raises ValueError: for control characters, which no directive needs.
    """
    control = _CONTROL.search(text)
    if control:
        # Without the word itself: it may be a secret.
        raise ValueError(f"control character {control.group()!r} in a word")
    return respelled(text, quote)


def respelled(text: str, quote: str) -> str:
    """The same for a word that httpd has read from a file already, whatever it is made of."""
    if not quote and _NEEDS_QUOTES.search(text):
        quote = '"'
    if not quote:
        return text.replace("\\\\", "\\\\\\\\")
    text = _TELLING_BACKSLASHES.sub(lambda run: run.group() * 2, text)
    return quote + text.replace(quote, "\\" + quote) + quote


def _last_continuation(text: str, start: int, end: int, number: int) -> tuple[int, int]:
    """Find end and number of the last physical line of a logical line that is continued."""
    kept = [(start, end)]
    while _continues(text, kept):
        # httpd counts the line it looks for in vain at the end of the text, too.
        number += 1
        if end == len(text):
            break
        start, end = end, text.find("\n", end) + 1 or len(text)
        kept.append((start, end))
    return end, number


def _continues(text: str, kept: list[tuple[int, int]]) -> bool:
    """Tell whether what is kept so far asks for another line; the request itself is taken off.

    :param kept: spans of the text, none empty.

    Where it does not ask, a line end may be gone all the same: white space that is cut off anyway.
    """
    if not _take(text, kept, "\n"):
        return False
    _take(text, kept, "\r")
    return _take(text, kept, "\\")


def _take(text: str, kept: list[tuple[int, int]], character: str) -> bool:
    if not kept or text[kept[-1][1] - 1] != character:
        return False
    start, end = kept.pop()
    if end - start > 1:
        kept.append((start, end - 1))
    return True


def _join(raw: str) -> tuple[str, list[tuple[int, int]]]:
    """Join continuations. The spans say which parts of ``raw`` were kept; none: all of it."""
    end = raw.find("\n") + 1
    if not end or end == len(raw) and not raw.endswith(("\\\n", "\\\r\n")):
        return raw, []
    kept = [(0, end)]
    while _continues(raw, kept) and end < len(raw):
        start, end = end, raw.find("\n", end) + 1 or len(raw)
        kept.append((start, end))
    return "".join([raw[start:end] for start, end in kept]), kept


class _Origin:
    """Where in the raw line a place of the joined text lies."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self.is_moved = bool(spans)
        self._spans = spans
        self._starts: list[int] = []
        length = 0
        for start, end in spans:
            self._starts.append(length)
            length += end - start

    def start(self, place: int) -> int:
        if not self.is_moved:
            return place
        index = bisect_right(self._starts, place) - 1
        return self._spans[index][0] + place - self._starts[index]

    def end(self, place: int) -> int:
        """The same for a place that ends something: right after its last character."""
        return self.start(place - 1) + 1


def _skip_space(text: str, begin: int, end: int) -> int:
    match = _GAP.match(text, begin, end)
    return match.end() if match else begin


def _word(text: str, begin: int, end: int) -> tuple[str, int, str]:
    """Read the word at ``begin``: what it says, where it ends, its quote."""
    match = _WORD.match(text, begin, end)
    if match is None:
        raise ValueError("no word here")
    word, quote = _read(match)
    return word, match.end(), quote


def _read(match: re.Match[str]) -> tuple[str, str]:
    """Give what a match of ``_WORD`` says, and its quote."""
    style = match.lastgroup or ""
    word: str = match[style]
    if "\\" in word:
        word = _ESCAPES[style].sub(r"\1", word)
    return word, _QUOTES[style]


def _words(text: str, begin: int, end: int, origin: _Origin) -> list[Word]:
    words = []
    # Between words there is white space at most: anything else is one.
    for match in _WORD.finditer(text, begin, end):
        word, quote = _read(match)
        start, stop = match.span()
        if origin.is_moved:
            start, stop = origin.start(start), origin.end(stop)
        words.append(Word(word, start, stop, quote))
    return words
