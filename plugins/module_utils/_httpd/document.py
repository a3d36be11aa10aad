# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One configuration file as a list of logical lines, with every byte kept.

A document knows where its lines are and which section holds them, nothing of what they mean.

Private to this collection.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import Iterator

from .errors import NotText, SyntaxProblem
from .lexer import CLOSE, DIRECTIVE, OPEN, SPACE, Line, Statement, logical_lines, statement
from .text import display

_BYTE_ORDER_MARK = "\ufeff"

# The modules behind these sections read the lines up to the closing one by themselves: a macro
# body may open a section that another macro closes, a script may start a line with "<".
_FREE_BODIES = ("macro", "perl", "lua")


class Document:
    """One configuration file.

    :ivar path: the file it was read from; only for messages.
    :ivar lines: its logical lines, in order. An *index* is always one into this list.
    :ivar newline: the line end that prevails in it.
    """

    __slots__ = ("_closings", "_firsts", "_opens", "_parents", "lines", "newline", "path")

    def __init__(self, path: str, lines: list[Line], newline: str) -> None:
        """Take over lines as they are; ``parse`` is what callers want."""
        self.path = path
        self.lines = lines
        self.newline = newline
        self._firsts: list[int] = []
        # Lines that open a section in order; by each, the one around it and the one that closes it.
        self._opens: list[int] = []
        self._parents: dict[int, int | None] = {}
        self._closings: dict[int, int] = {}

    @classmethod
    def parse(cls, text: str, path: str = "") -> Document:
        """Read a document.

        :param text: content of the file, as from ``text.decode``.
        :param path: where it came from, for messages.
        :raises NotText: if there is a NUL byte in it.
        :raises SyntaxProblem: if sections are not closed in order, or their lines are malformed.
            httpd itself reads an ``<IfModule>`` that is true to the end of the file if it is never
            closed (seen on 2.4.71), which is a mistake all the same.
        """
        if "\0" in text:
            before = text[: text.index("\0")]
            raise NotText("holds a NUL byte, so it is not a text file", path, *_place(before))
        if text.startswith(_BYTE_ORDER_MARK):
            raise SyntaxProblem(
                "starts with a byte order mark, which httpd takes for part of the first name",
                path,
                1,
                1,
            )
        crlf = text.count("\r\n")
        newline = "\r\n" if crlf * 2 > text.count("\n") else "\n"
        document = cls(path, logical_lines(text), newline)
        document._match_sections()
        return document

    def render(self) -> str:
        """Give the text that was parsed."""
        return "".join([line.raw for line in self.lines])

    def statement(self, index: int) -> Statement:
        """Say what the line at ``index`` means."""
        return statement(self.lines[index].raw)

    def named(self, *names: str) -> Iterator[tuple[int, Statement]]:
        """Find directives and section starts by name, without reading the other lines closely.

        :param names: directive or section names, in any case.
        """
        wanted = {name.lower() for name in names}
        starts = "|".join([re.escape(name) for name in wanted])
        start = re.compile(f"[ \\t\\v\\f\\r]*[\"']?<?(?:{starts})", re.IGNORECASE).match
        for index, line in enumerate(self.lines):
            # A name can be cut by a continuation.
            if start(line.raw) or line.first != line.last:
                found = statement(line.raw)
                if found.kind in (DIRECTIVE, OPEN) and found.name.lower() in wanted:
                    yield index, found

    def sections(self) -> list[int]:
        """Give the lines that open a section, in order."""
        return [index for index in self._opens if index in self._closings]

    def index_at(self, line_number: int) -> int:
        """Find the logical line that holds a physical line.

        :param line_number: counted from 1, as httpd reports it.
        :raises IndexError: if the document has no such line.
        """
        if not self._firsts:
            self._firsts = [line.first for line in self.lines]
        index = bisect_right(self._firsts, line_number) - 1
        if index < 0 or line_number > self.lines[index].last:
            raise IndexError(f"no line {line_number} in {self.path or 'the document'}")
        return index

    def closing(self, index: int) -> int:
        """Find the line that closes the section opened at ``index``.

        :raises KeyError: if no section that is closed starts there.
        """
        return self._closings[index]

    def parent(self, index: int) -> int | None:
        """Find the line that opens the innermost section around a line; None at the top.

        The lines that open and close a section stand beside each other, outside of it.
        """
        position = bisect_left(self._opens, index) - 1
        around = self._opens[position] if position >= 0 else None
        while around is not None and self._closings.get(around, -1) <= index:
            around = self._parents[around]
        return around

    def _match_sections(self) -> None:
        """Pair the lines that open and close sections."""
        stack: list[tuple[int, Statement]] = []
        free: list[int] = []  # depths of the sections with a free body
        for index, line in enumerate(self.lines):
            raw = line.raw
            if "<" not in raw:
                continue
            if line.first == line.last and raw.lstrip(SPACE)[:1] not in ("<", '"', "'"):
                continue
            found = statement(raw)
            if found.problem:
                if not free:
                    raise self._problem(found.problem, index, found)
            elif found.kind == OPEN:
                self._opens.append(index)
                self._parents[index] = stack[-1][0] if stack else None
                if found.name.lower().startswith(_FREE_BODIES):
                    free.append(len(stack))
                stack.append((index, found))
            elif found.kind == CLOSE:
                # In a free body other sections need not be closed, nor have been opened.
                lowest = free[-1] if free else max(len(stack) - 1, 0)
                depth = len(stack) - 1
                while depth >= lowest and stack[depth][1].name.lower() != found.name.lower():
                    depth -= 1
                if depth >= lowest:
                    self._closings[stack[depth][0]] = index
                    del stack[depth:]
                    while free and free[-1] >= depth:
                        free.pop()
                elif not free:
                    raise self._problem(self._mismatch(found, stack), index, found)
        if stack:
            # A macro within one is a part of it.
            index, found = stack[free[0] if free else -1]
            raise self._problem(f"<{found.name}> was not closed", index, found)

    def _mismatch(self, found: Statement, stack: list[tuple[int, Statement]]) -> str:
        if not stack:
            return f"</{found.name}> without matching <{found.name}> section"
        index, opening = stack[-1]
        return (
            f"expected </{opening.name}> for line {self.lines[index].last} but saw </{found.name}>"
        )

    def _problem(self, message: str, index: int, found: Statement) -> SyntaxProblem:
        line = self.lines[index]
        lines, column = _place(line.raw[: found.start])
        return SyntaxProblem(display(message), self.path, line.first + lines - 1, column)


def _place(before: str) -> tuple[int, int]:
    """Line and column, counted from 1, of what follows some text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")
