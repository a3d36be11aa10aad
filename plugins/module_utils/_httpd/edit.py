# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes to a document that leave everything else as it is, byte for byte.

The functions change one raw line; ``Edits`` collects changes to the lines of one document.

Private to this collection.
"""

from __future__ import annotations

from typing import Sequence

from .document import Document
from .lexer import (
    BLANK,
    COMMENT,
    SPACE,
    Statement,
    finished,
    is_finished,
    quoted,
    respelled,
    statement,
)

_DEFAULT_INDENT = "    "


class Edits:
    """Changes to one document, to be rendered together.

    Every index is one of the document as it was parsed, whatever was changed already. A raw line
    is one logical line; a missing line end is added where another line follows.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self._replaced: dict[int, str] = {}
        self._before: dict[int, list[str]] = {}
        self._after: dict[int, list[str]] = {}
        self._appended: list[str] = []

    def current(self, index: int) -> str:
        """Give the raw line at ``index`` with the changes so far; "" if it was removed."""
        line = self.document.lines[index]
        return self._replaced.get(index, line.raw)

    def replace(self, index: int, raw: str) -> None:
        """Put another line in the place of the one at ``index``."""
        if raw != self.document.lines[index].raw:
            self._replaced[index] = raw
        else:
            self._replaced.pop(index, None)

    def remove(self, start: int, stop: int) -> None:
        """Remove the lines from ``start`` up to, not including, ``stop``."""
        for index in range(start, stop):
            self.replace(index, "")

    def insert_before(self, index: int, raws: Sequence[str]) -> None:
        """Put lines before the one at ``index``, after those put there earlier."""
        if raws:
            self._before.setdefault(index, []).extend(raws)

    def insert_after(self, index: int, raws: Sequence[str]) -> None:
        """Put lines after the one at ``index``, after those put there earlier."""
        if raws:
            self._after.setdefault(index, []).extend(raws)

    def append(self, raws: Sequence[str]) -> None:
        """Put lines at the end of the document."""
        self._appended.extend(raws)

    @property
    def changed(self) -> bool:
        """Whether the document will differ."""
        return bool(self._replaced or self._before or self._after or self._appended)

    def render(self) -> str:
        """Give the text of the changed document."""
        pieces: list[str] = []
        doubtful: list[int] = []  # pieces that may lack an end

        def add(raws: Sequence[str]) -> None:
            for raw in filter(None, raws):
                doubtful.append(len(pieces))
                pieces.append(raw)

        lines = self.document.lines
        touched = {*self._before, *self._replaced, *self._after, len(lines) - 1}
        start = 0
        for index in sorted(touched - {-1}):
            pieces += [line.raw for line in lines[start:index]]
            start = index + 1
            add(self._before.get(index, ()))
            add([self.current(index)])
            add(self._after.get(index, ()))
        add(self._appended)

        for place in doubtful:
            if place < len(pieces) - 1:
                pieces[place] = finished(pieces[place], self.document.newline)
        return "".join(pieces)


def set_word(raw: str, i: int, text: str) -> str:
    """Let argument ``i`` of a line read ``text``; it keeps its quotes.

    :raises IndexError: if there is no such argument.
    :raises ValueError: if httpd cannot be made to read it, as with control characters.
    """
    found = statement(raw)
    word = found.words[i]
    if word.text == text:
        return raw
    words = [word.text for word in found.words]
    words[i] = text
    before, after = raw[: word.start], raw[word.end :]
    return _sound(raw, words, [before + quoted(text, quote) + after for quote in (word.quote, '"')])


def add_word(raw: str, text: str) -> str:
    """Add an argument after the last one, set off as that one is.

    :raises ValueError: if httpd cannot be made to read it, as with control characters.
    """
    found = statement(raw)
    words = [word.text for word in found.words] + [text]
    before, after = raw[: found.end], raw[found.end :]
    gap = _gap(raw, found, len(found.words) - 1) if found.words else " "
    word = quoted(text)
    candidates = [before + gap + word + after, before + " " + word + after]
    if found.words and found.words[-1].quote:
        # Its closing quote may be missing.
        last = found.words[-1]
        candidates.append(raw[: last.start] + respelled(last.text, last.quote) + " " + word + after)
    # A section without arguments may end without its ">".
    candidates.append(before + " " + word + ">" + after)
    return _sound(raw, words, candidates)


def remove_word(raw: str, i: int) -> str:
    """Remove argument ``i`` of a line and the white space before it.

    A word that has a line of a continued directive to itself goes with that line; one that starts
    such a line leaves its place to the next.

    :raises IndexError: if there is no such argument.
    """
    found = statement(raw)
    word = found.words[i]
    words = [word.text for word in found.words]
    del words[i]
    gap = _gap(raw, found, i)
    candidates = [raw[: word.start - len(gap)] + raw[word.end :]]
    rest = found.words[i + 1 :]
    if rest:
        candidates.append(raw[: word.start] + raw[rest[0].start :])
        if "\n" in gap and "\n" not in _gap(raw, found, i + 1):
            candidates.reverse()
    # Words, or a backslash and the line end, are not to meet.
    candidates += [raw[: word.start] + between + raw[word.end :] for between in ("", " ")]
    return _sound(raw, words, candidates)


def new_line(
    like_raw: str,
    name: str,
    words: Sequence[str],
    newline: str = "\n",
    indent: str | None = None,
) -> str:
    """Write a directive the way a neighbour is written.

    :param like_raw: the neighbour: its indentation, white space, quotes and case are taken over.
    :param name: name of the directive.
    :param words: its arguments, as httpd is to read them.
    :param newline: the line end to use.
    :param indent: another indentation than the neighbour's.
    :raises ValueError: for control characters in an argument.
    """
    like = statement(like_raw)
    same = like.name.lower() == name.lower()
    if same:
        name = like.name
    elif like.name.islower():
        name = name.lower()
    elif like.name.isupper():
        name = name.upper()
    gaps = [_gap(like_raw, like, i) for i in range(len(like.words))]
    if not same:
        # Columns of another directive are not ours.
        gaps = ["\t" if gaps and set(gaps[-1]) == {"\t"} else " "]
    gaps = [gap if gap and "\n" not in gap else " " for gap in gaps] or [" "]
    quotes = {word.quote for word in like.words}
    quote = quotes.pop() if len(quotes) == 1 else ""
    text = "".join(
        [gaps[min(i, len(gaps) - 1)] + quoted(word, quote) for i, word in enumerate(words)]
    )
    if indent is None:
        indent = indent_of(like_raw)
    return indent + name + text + newline


def indent_of(raw: str) -> str:
    """Give the white space a line starts with."""
    return raw[: len(raw) - len(raw.lstrip(SPACE.replace("\n", "")))]


def child_indent(document: Document, index: int) -> str:
    """Say how to indent a line of the section that starts at ``index``.

    As its first line is; in an empty section, deeper than the section by as much as elsewhere in
    the document, or by four blanks.
    """
    own = indent_of(document.lines[index].raw)
    inner = _first_child(document, index)
    if inner is not None:
        return indent_of(document.lines[inner].raw)
    if "\t" in own:
        return own + "\t"
    for other in document.sections():
        inner = _first_child(document, other)
        if inner is not None:
            outer = indent_of(document.lines[other].raw)
            indent = indent_of(document.lines[inner].raw)
            if indent != outer and indent.startswith(outer):
                return own + indent[len(outer) :]
    return own + _DEFAULT_INDENT


def _first_child(document: Document, index: int) -> int | None:
    """Find the first line in a section that is neither blank nor a comment."""
    for child in range(index + 1, document.closing(index)):
        if document.statement(child).kind not in (BLANK, COMMENT):
            return child
    return None


def _gap(raw: str, found: Statement, i: int) -> str:
    """Give what stands before argument ``i``: white space and continuations."""
    before = found.words[i - 1].end if i else found.name_end
    return raw[before : found.words[i].start]


def _sound(raw: str, words: list[str], candidates: list[str]) -> str:
    """Pick the first candidate that says the same as ``raw`` but with these words.

    Which way of writing that is depends on what stands around the word: a line may end in a
    backslash, lack a closing quote, or go on directly after one.
    """
    before = statement(raw)
    for candidate in candidates:
        after = statement(candidate)
        if (
            (after.kind, after.name, after.problem) == (before.kind, before.name, before.problem)
            and [word.text for word in after.words] == words
            and (is_finished(candidate) or not is_finished(raw))
        ):
            return candidate
    raise ValueError("the words of this line cannot be changed so")
