# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What files say and the configuration that httpd made of them does not: names that one file defines and another uses,
and sections that are switched off.

Private to this collection.
"""

from __future__ import annotations

import re
from typing import Iterable, Iterator, NamedTuple

from .document import Document
from .lexer import BLANK, CLOSE, COMMENT, Statement
from .tree import WRAPPERS, Node

# httpd obeys them while it reads and keeps them in no tree (EXEC_ON_READ).
_OBEYED = WRAPPERS.union(
    [
        "define",
        "error",
        "include",
        "includeoptional",
        "loadfile",
        "loadmodule",
        "serverroot",
        "undefine",
        "use",
    ]
)
_DEFINITIONS = ("define", "macro")
_VARIABLE = re.compile(r"\$\{([^}:]*)\}")


class Shared(NamedTuple):
    """A ``Define`` or ``Macro`` of a file that other files use."""

    directive: str
    name: str
    file: str
    line: int
    used_in: list[str]


class Inactive(NamedTuple):
    """A section, such as ``<IfDefine SPARE>``, of whose content httpd has read nothing."""

    section: str
    file: str
    line: int


def shared(documents: Iterable[Document]) -> list[Shared]:
    """Return what one of *documents* defines and others use."""
    documents = list(documents)
    used = {document.path: set(_used(document)) for document in documents}
    found = []
    for document in documents:
        for index, each in document.named(*_DEFINITIONS):
            if not each.words:
                continue
            name = each.words[0].text
            key = (each.name.lower(), name.lower())
            users = [path for path, names in used.items() if path != document.path and key in names]
            if users:
                line = document.lines[index].last
                found.append(Shared(each.name, name, document.path, line, users))
    return found


def _used(document: Document) -> Iterator[tuple[str, str]]:
    """Give what *document* uses: the directive that defines it, and its name in lower case."""
    for index, line in enumerate(document.lines):
        for match in _VARIABLE.finditer(line.raw):
            yield "define", match[1].lower()
        each = document.statement(index)
        words = [word.text for word in each.words]
        if words and each.name.lower() == "ifdefine":
            yield "define", words[0].lstrip("!").lower()
        elif words and each.name.lower() == "use":
            yield "macro", words[0].lower()


def inactive(documents: Iterable[Document], root: Node) -> list[Inactive]:
    """Return the sections of *documents* of which nothing is in *root*, what httpd has read."""
    read = {(node.file, node.line) for node in root.walk()}
    return [each for document in documents for each in _inactive(document, read)]


def _inactive(document: Document, read: set[tuple[str, int]]) -> Iterator[Inactive]:
    end = 0
    for index in document.sections():
        each = document.statement(index)
        if index < end:
            continue
        closing = document.closing(index)
        if each.name.lower() == "macro":
            end = closing
        elif each.name.lower() in WRAPPERS:
            lines = [
                document.lines[inside].last
                for inside in range(index, closing)
                if _is_kept(document.statement(inside))
            ]
            if lines and not any((document.path, line) in read for line in lines):
                end = closing
                section = f"<{each.name} {each.args}>"
                yield Inactive(section, document.path, document.lines[index].last)


def _is_kept(statement: Statement) -> bool:
    """Whether httpd keeps *statement* in its tree, where it reads it."""
    name = statement.name.lower()
    return statement.kind not in (BLANK, CLOSE, COMMENT) and name not in _OBEYED
