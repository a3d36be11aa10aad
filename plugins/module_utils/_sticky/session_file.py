# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of a check, kept in a file for a later one.

Private to this collection. They are secrets: the file is ours alone (0600), and never somebody else's.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from typing import Any, NamedTuple, Sequence

from .._balancer.parameters import CONTROL
from .cookies import Jar
from .driver import StickyError

_VERSION = 2
_LARGEST = 256 * 2**20


class Kept(NamedTuple):
    """One session: who answered last, its cookies, or its value of the URL parameter, and whether that is *in_query* or
    behind the path."""

    node: str
    jar: Jar
    value: str
    in_query: bool


def read(path: str, host: str, told_by: str) -> list[Kept]:
    """Return the sessions in *path*; none where there is no file. *host* (with port) is whose they have to be,
    *told_by* says how nodes are told apart.

    Raises :class:`StickyError` where *path* is no plain absolute one, the file is a link, in no folder of ours,
    somebody else's, open to others, none of ours, or of sessions with another host, or whose nodes were told apart in
    another way.
    """
    if CONTROL.search(path):
        raise StickyError(f"session_file: {path!r} holds a control character; use a plain path")
    if not os.path.isabs(path):
        raise StickyError(f"session_file: {path!r} is no absolute path; name one")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        folder = os.path.dirname(path)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StickyError(
                f"session_file: {folder} is no folder that can be written to; name another one, or make it first"
            ) from None
        return []
    except OSError as problem:
        if os.path.islink(path):
            raise StickyError(f"session_file: {path} is a symbolic link; name the file") from None
        raise StickyError(f"session_file: {path}: {problem.strerror}") from None
    try:
        _check_ours(path, os.fstat(descriptor))
    except StickyError:
        os.close(descriptor)
        raise
    with open(descriptor, encoding="utf-8") as stream:
        try:
            found = json.loads(stream.read(_LARGEST))
            if found["version"] != _VERSION:
                raise ValueError
            host_before, told_before = str(found["host"]), str(found["told_by"])
            kept = [_kept(row) for row in found["sessions"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise StickyError(
                f"session_file: {path} is no file of sessions; remove it, or name another one"
            ) from None
    if host_before != host:
        raise StickyError(
            f"session_file: the sessions in {path} are those of {host_before}, now it is {host} (url, server_name);"
            " name another file"
        )
    if told_before != told_by:
        raise StickyError(
            f"session_file: the nodes in {path} were told apart by {told_before}, now it is {told_by}; use the same"
            " served_by, cookie and url_parameter, or another file"
        )
    return kept


def _check_ours(path: str, info: os.stat_result) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise StickyError(f"session_file: {path} is no regular file")
    if info.st_uid != os.geteuid():
        raise StickyError(
            f"session_file: {path} belongs to user {info.st_uid}, this runs as {os.geteuid()}; name another one"
        )
    if info.st_mode & 0o022:
        raise StickyError(
            f"session_file: {path} can be written by others, so these may not be the sessions that were kept; remove it"
        )


def _kept(row: dict[str, Any]) -> Kept:
    node, value, in_query = row["node"], row["value"], row.get("in_query", False)
    if not isinstance(node, str) or not isinstance(value, str) or not value.isprintable():
        raise ValueError
    if not isinstance(in_query, bool):
        raise ValueError
    return Kept(node, Jar.load(row["cookies"]), value, in_query)


def write(path: str, host: str, told_by: str, sessions: Sequence[Kept]) -> None:
    """Keep *sessions* with *host* in *path*, at once or not at all. Raises OSError."""
    rows = [
        {"node": s.node, "value": s.value, "in_query": s.in_query, "cookies": s.jar.dump()}
        for s in sessions
    ]
    directory, name = os.path.split(path)
    # mkstemp makes it 0600.
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=directory)
    try:
        with open(descriptor, "w", encoding="utf-8") as stream:
            json.dump(
                {"version": _VERSION, "host": host, "told_by": told_by, "sessions": rows}, stream
            )
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
