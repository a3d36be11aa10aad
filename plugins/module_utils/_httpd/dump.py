# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``httpd -t`` and its dumps say about a configuration.

One command answers everything::

    httpd -t -C "LoadModule info_module MODULES/mod_info.so"
        -D DUMP_CONFIG -D DUMP_RUN_CFG -D DUMP_INCLUDES -D DUMP_MODULES

Its dumps go to stdout, warnings and errors to stderr. Without ``-t`` it would start a server.
Formats as seen on 2.4.71.

Private to this collection.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Sequence

from .text import decode, encode
from .tree import Node, read_dump

_INCLUDE = re.compile(r" +\((?:\*|\d+)\) (.*)")
_MODULE = re.compile(r" (\w+) \((?:static|shared)\)")
_SETTING = re.compile(r'(ServerRoot|PidFile|Main ErrorLog): "(.*)"')
_OWNER = re.compile(r'(User|Group): name="(.*)" id=\d+.*')
_DEFINE = re.compile(r"Define: ([^=]*)(?:=(.*))?")

# "[time] [module:level] [pid 1:tid 2] " before a message of the log.
_LOG_PREFIX = re.compile(r"\A\[[^\]]*\] \[[\w-]*:\w+\] (?:\[pid [^\]]*\] )?(?:\[client [^\]]*\] )?")
_PROGRAM = re.compile(r"\A(?!AH\d)[^\s:]+: (?=Syntax error on line )")
_CODE = re.compile(r"\b(AH\d{5}): ")
_SYNTAX_ERROR = re.compile(r"Syntax error on line (\d+) of (.*?):(?: |\Z)", re.DOTALL)
# What httpd escapes in its messages (ap_escape_errorlog_item), as far as a file name may hold it.
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|(\\))")
# Where warnings carry their place: mod_macro, mod_alias, core.
_PLACES = (
    re.compile(r"\bon line (?P<line>\d+) of (?P<file>/\S+?):?(?=\s|\Z)"),
    re.compile(r"\bin (?P<file>/\S+) at line (?P<line>\d+)\b"),
    re.compile(r"(?:\A|\s)(?P<file>/[^\s:]+):(?P<line>\d+)(?=[\s:]|\Z)"),
)


class Message(NamedTuple):
    """One message of httpd."""

    #: the file it is about, or the macro it was found in; None if httpd names none.
    file: str | None
    #: the line there; None if httpd names none.
    line: int | None
    #: its number, such as "AH00526"; None if it has none.
    code: str | None
    #: what it says, without place and number; for warnings the place stays in the sentence.
    text: str


class View(NamedTuple):
    """A configuration as httpd understood it."""

    #: the directives, conditions decided, files included, macros expanded.
    root: Node
    #: the files that were read, in order of their first reading.
    includes: list[str]
    #: the modules loaded, as "proxy_module".
    modules: set[str]
    server_root: str
    pid_file: str
    #: of the main server, as httpd resolved it: a path, or "syslog…", or "|program".
    error_log: str
    #: by name: "" where there is no value. ``-D`` parameters are among them.
    defines: dict[str, str]
    #: the user children run as; "#-1" if none was set and httpd cannot tell.
    user: str
    group: str
    warnings: list[Message]


def parse(stdout: str, stderr: str) -> View:
    """Read the output of a successful run.

    :param stdout: decoded as by ``text.decode``.
    :param stderr: likewise.
    """
    includes: list[str] = []
    modules: set[str] = set()
    defines: dict[str, str] = {}
    settings: dict[str, str] = {}
    lines = stdout.split("\n")
    root, start, stop = read_dump(lines)
    for line in lines[:start] + lines[stop:]:
        include = _INCLUDE.fullmatch(line)
        module = _MODULE.fullmatch(line)
        define = _DEFINE.fullmatch(line)
        setting = _SETTING.fullmatch(line) or _OWNER.fullmatch(line)
        if include:
            includes.append(include[1])
        elif module:
            modules.add(module[1])
        elif define:
            defines[define[1]] = define[2] or ""
        elif setting:
            settings[setting[1]] = setting[2]
    return View(
        root=root,
        includes=list(dict.fromkeys(includes)),
        modules=modules,
        server_root=settings.get("ServerRoot", ""),
        pid_file=settings.get("PidFile", ""),
        error_log=settings.get("Main ErrorLog", ""),
        defines=defines,
        user=settings.get("User", ""),
        group=settings.get("Group", ""),
        warnings=messages(stderr),
    )


def messages(stderr: str) -> list[Message]:
    """Read what httpd wrote to stderr, each error or warning as one message, in order."""
    # The lines of each; joined at the end, so that many take no longer than they must.
    blocks: list[list[str]] = []
    for line in stderr.split("\n"):
        line = line.rstrip("\r")
        if not line.strip() or line == "Syntax OK":
            continue
        # A place alone is followed by what happened there; an indented line goes on.
        if blocks and line.startswith("\t"):
            blocks[-1].append(line.strip())
        elif blocks and _ends_in_place(blocks[-1]):
            blocks[-1].append(line)
        else:
            blocks.append([_LOG_PREFIX.sub("", line)])
    return [_message(" ".join(block)) for block in blocks]


def _ends_in_place(block: Sequence[str]) -> bool:
    """Whether the lines of a message are only the place of what the next line says."""
    return block[-1].endswith(":") and "Syntax error on line " in block[0]


def _message(block: str) -> Message:
    text = _PROGRAM.sub("", block)
    codes = _CODE.findall(text)
    text = _CODE.sub("", text)
    file: str | None = None
    line: int | None = None
    # An error in an included file names the places of all Includes above it first.
    end = 0
    match = _SYNTAX_ERROR.match(text)
    while match:
        line, file, end = int(match[1]), match[2], match.end()
        match = _SYNTAX_ERROR.match(text, end)
    text = text[end:]
    if file is None:
        for pattern in _PLACES:
            place = pattern.search(text)
            if place:
                file, line = place["file"], int(place["line"])
                break
    else:
        # The opening line of a section that was not closed comes once more.
        repeated = re.match(re.escape(file) + r":(\d+): ", text)
        if repeated:
            line = int(repeated[1])
            text = text[repeated.end() :]
    if file is not None:
        # Escaped bytes that belong together are one character again.
        file = decode(encode(_ESCAPE.sub(_unescape, file)))
    return Message(file, line, codes[0] if codes else None, text)


def _unescape(escape: re.Match[str]) -> str:
    return escape[2] or decode(bytes([int(escape[1], 16)]))
