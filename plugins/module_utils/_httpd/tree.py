# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration as httpd resolved it: a tree of directives, each with its place.

Private to this collection.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Iterator, Mapping, NamedTuple

from .lexer import BLANK, CLOSE, COMMENT, OPEN, joined, statement, word_texts

if TYPE_CHECKING:
    from .document import Document

_IN_FILE = "# In file: "
_LINE_MARK = re.compile(r"( *)# *([0-9]+):")
_MACRO = re.compile(
    r"macro '(?P<name>[^']*)'"
    r" \(defined on line (?P<defined_line>\d+) of \"(?P<defined_file>.*?)\"\)"
    r" used on line (?P<used_line>\d+) of \"(?P<used_file>.*)\"",
    re.DOTALL,
)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")

#: Sections that httpd evaluates while it reads; their content stands where they stand.
WRAPPERS = frozenset(
    ["ifmodule", "ifdefine", "ifversion", "iffile", "ifdirective", "ifsection"],
)


class Node:
    """One directive or section.

    :ivar name: as spelled, without the ``<`` of a section; "" for the root.
    :ivar args: what follows the name, as one text, variables replaced; for a section without the
        closing ``>``.
    :ivar file: the file it stands in. In the expansion of a macro httpd names the macro instead;
        ``MacroPosition.parse`` reads that.
    :ivar line: number of its last physical line there; 0 for the root. In a macro logical lines
        are counted from the definition on, comments left out (seen on 2.4.71).
    :ivar is_section: whether it is a section, be it empty; the root counts as one.
    """

    __slots__ = ("args", "children", "file", "is_section", "line", "name", "parent")

    def __init__(
        self, name: str, args: str, file: str, line: int, is_section: bool, parent: Node | None
    ) -> None:
        self.name = name
        self.args = args
        self.file = file
        self.line = line
        self.is_section = is_section
        self.parent = parent
        self.children: list[Node] = []
        if parent is not None:
            parent.children.append(self)

    @classmethod
    def root(cls) -> Node:
        """Give the root of an empty tree."""
        return cls("", "", "", 0, True, None)

    def __repr__(self) -> str:
        return f"Node({self.name!r}, {self.args!r}, {self.file!r}, {self.line})"

    @property
    def words(self) -> list[str]:
        """The arguments as httpd reads them."""
        return word_texts(self.args)

    def walk(self) -> Iterator[Node]:
        """Give everything below this node, each section before its content, in file order."""
        stack = self.children[::-1]
        while stack:
            node = stack.pop()
            yield node
            stack += node.children[::-1]

    def find(self, *names: str) -> Iterator[Node]:
        """Give the nodes below this one that have one of these names, in any case."""
        wanted = {name.lower() for name in names}
        return (node for node in self.walk() if node.name.lower() in wanted)


class MacroPosition(NamedTuple):
    """A place in the expansion of a macro, as ``Node.file`` gives it."""

    name: str
    defined_file: str
    defined_line: int
    used_file: str
    used_line: int

    @classmethod
    def parse(cls, file: str) -> MacroPosition | None:
        """Read what httpd writes instead of a file name (mod_macro); None for a file name.

        The file a macro is used in may be a macro again.
        """
        match = _MACRO.fullmatch(file)
        if match is None:
            return None
        return cls(
            match["name"],
            match["defined_file"],
            int(match["defined_line"]),
            match["used_file"],
            int(match["used_line"]),
        )


def from_dump(text: str) -> Node:
    """Read what ``httpd -t -D DUMP_CONFIG`` prints (``mod_info``); other output may surround it."""
    return read_dump(text.split("\n"))[0]


def read_dump(lines: list[str]) -> tuple[Node, int, int]:
    """Find and read the dump of a configuration among the lines of some output.

    :returns: the root, and from where up to, not including, where the dump reaches.

    Depth is taken from the indentation: a section without content is printed without its end.
    """
    root = Node.root()
    stack = [root]
    file = ""
    mark: re.Match[str] | None = None
    start = stop = len(lines)
    for number, line in enumerate(lines):
        if mark is not None:
            indent = len(mark[1])
            name, dummy, args = line[indent:].partition(" ")
            is_section = name.startswith("<")
            if is_section:
                name = name[1:]
                args = args.rpartition(">")[0]
            del stack[indent // 2 + 1 :]
            node = Node(name, args, file, int(mark[2]), is_section, stack[-1])
            stack.append(node)
            mark = None
        elif line.startswith(_IN_FILE):
            start = min(start, number)
            file = line[len(_IN_FILE) :]
        elif file:
            mark = _LINE_MARK.fullmatch(line)
            if mark is None and not line.lstrip(" ").startswith("</"):
                stop = number
                break
    return root, start, stop


def from_document(document: Document, defines: Mapping[str, str] | None = None) -> Node:
    """Resolve one document without an httpd, as far as that goes.

    :param defines: variables known before, such as those of ``-D``; the ``Define`` and
        ``UnDefine`` lines of the document are followed.

    ``<IfDefine>`` is decided; every other condition is taken as true. Macro definitions are left
    out; ``Use`` and ``Include`` stay as they are. Environment variables are not replaced.
    """
    # A Define without a value, or with an empty one, only makes <IfDefine> true.
    variables = {name.lower(): value for name, value in (defines or {}).items() if value}
    known = set(defines or ())
    root = Node.root()
    stack = [(root, len(document.lines))]
    skip_to = 0
    for index, line in enumerate(document.lines):
        if index < skip_to:
            continue
        if index == stack[-1][1]:
            stack.pop()
            continue
        raw = line.raw
        found = statement(raw)
        if found.kind in (BLANK, COMMENT, CLOSE):
            continue
        if "${" in raw:
            found = statement(_replace_variables(joined(raw), variables))
        name = found.name.lower()
        parent = stack[-1][0]
        if found.kind == OPEN:
            closing = document.closing(index)
            words = [word.text for word in found.words]
            if name == "macro" or name == "ifdefine" and not _is_defined(words, known):
                skip_to = closing
            elif name not in WRAPPERS:
                node = Node(found.name, found.args, document.path, line.last, True, parent)
                stack.append((node, closing))
            continue
        Node(found.name, found.args, document.path, line.last, False, parent)
        words = [word.text for word in found.words]
        if name == "define" and words:
            known.add(words[0])
            if len(words) > 1 and words[1]:
                variables[words[0].lower()] = words[1]
        elif name == "undefine" and words:
            known.discard(words[0])
            variables.pop(words[0].lower(), None)
    return root


def _replace_variables(text: str, variables: Mapping[str, str]) -> str:
    """Replace variables as httpd does (``ap_resolve_env``): names in any case, unknown ones stay.

    A value is not searched again. Seen on 2.4.71.
    """
    return _VARIABLE.sub(lambda found: variables.get(found[1].lower(), found[0]), text)


def _is_defined(words: list[str], known: set[str]) -> bool:
    """Decide an ``<IfDefine>``; unlike in ``${VAR}``, case matters here. Seen on 2.4.71."""
    name = words[0] if words else ""
    return name[1:] not in known if name.startswith("!") else name in known
