# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A shadow of the configuration: a copy in a private folder, with the candidates in it.

Private to this collection. For hosts where no namespace is permitted, such as most containers.
httpd reads the copy through ``-d`` and ``-f``; every absolute path that leads to a copied file is
rewritten to the copy, and what httpd says is mapped back. Lines keep their numbers.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import shutil
import stat
import tempfile
from typing import Iterator, Sequence

from . import _process as process
from ._fileset import Entry, FileProblem, FileSet, State
from ._httpd.dump import View
from ._httpd.edit import set_word
from ._httpd.lexer import logical_lines, statement
from ._httpd.text import decode, encode
from ._instance import TEST_TIMEOUT, Instance
from ._staging import is_ours

_NAME = re.compile(r"httpd-shadow-(\d+)-\d+-")
_INCLUDES = ("include", "includeoptional")
_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_WILDCARD = re.compile(r"[*?\[]")


def view(instance: Instance, candidates: Sequence[Entry]) -> View:
    """Return what httpd makes of the configuration with ``candidates`` in it, by a shadow.

    Raises what ``Instance.view`` raises. All files named are the real ones.
    """
    with _home() as home:
        shadow = Shadow(home, instance, candidates)
        shadow.build()
        arguments = shadow.arguments()
        commands = [
            [instance.binary, *arguments, "-t"],
            instance.dump_command(arguments),
        ]
        status, out, err = process.run_all(commands, instance.environment, TEST_TIMEOUT)
        real = os.fsencode(home)
        return instance.read(status, out.replace(real, b""), err.replace(real, b""))


def sweep() -> None:
    """Remove the copies that runs have left which were killed."""
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as listing:
        for entry in listing:
            found = _NAME.match(entry.name)
            if found and found[0] != _name(int(found[1])) and is_ours(entry.path):
                shutil.rmtree(entry.path, ignore_errors=True)


@contextlib.contextmanager
def _home() -> Iterator[str]:
    """A private folder, named after our process."""
    # mkdtemp makes it for this user alone (0700): candidates may hold secrets.
    home = tempfile.mkdtemp(prefix=_name(os.getpid()))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _name(pid: int) -> str:
    return f"httpd-shadow-{pid}-{process.started(pid)}-"


class Shadow:
    """The copy below ``home``: of the file ``/a/b`` there is ``home/a/b``."""

    def __init__(self, home: str, instance: Instance, candidates: Sequence[Entry]) -> None:
        self.home = home
        self._instance = instance
        # A set of our own over the same disk: it follows links through the candidates.
        self._files = FileSet()
        for entry in candidates:
            state = State(entry.content, entry.link, mode=entry.mode or entry.before.mode)
            self._files.restore(entry.path, state)
        self._candidates = {entry.path: entry for entry in candidates}
        # By their names in lower case, as httpd knows them; the environment knows names as they are spelled.
        self._defined: dict[str, str] = {}
        self._main_file = instance.main_file()
        self._main_root = instance.root()
        # Where relative paths start: as of the line being read, and wherever that has been.
        self._root = self._main_root
        self._roots = {self._root}
        self._copied: set[str] = set()

    def build(self) -> None:
        """Write the copy: the configuration files, and links to all else below ServerRoot."""
        self._copy(self._main_file)
        for path, entry in self._candidates.items():
            if path in self._copied:
                continue
            if entry.content is not None:
                self._write(path, entry.content, entry.mode)
            elif entry.link is not None:
                self._link(path, self._candidate(path) or path)
            else:
                # With its directory copied, the file itself is missing in the copy.
                os.makedirs(self.home + os.path.dirname(path), exist_ok=True)
        self._link_the_rest()

    def arguments(self) -> list[str]:
        """Return the arguments with which httpd reads the copy."""
        arguments = ["-d", self.home + self._main_root, "-f", self.home + self._main_file]
        for name, value in _pairs(self._instance.arguments):
            if name in ("-C", "-c"):
                value = self._rewritten(value)
            if name not in ("-d", "-f"):
                arguments += [name, value]
        return arguments

    def _copy(self, path: str) -> None:
        """Copy a configuration file, rewritten, and those that it includes.

        The copy is a plain file, also where ``path`` is a link, so no link can lead out of it.
        """
        if path in self._copied:
            return
        self._copied.add(path)
        try:
            content = self._files.read(path)
        except FileProblem:
            # httpd shall say what is wrong with it.
            self._link(path, path)
            return
        if content is None:
            return
        if b"\0" in content:
            self._write(path, content, None)
            return
        lines = [self._rewritten(line.raw) for line in logical_lines(decode(content))]
        self._write(path, encode("".join(lines)), None)

    def _rewritten(self, raw: str) -> str:
        """Return one logical line with the paths of copied files led to the copies."""
        found = statement(raw)
        name = found.name.lower()
        words = [word.text for word in found.words]
        if name == "define" and len(words) == 2:
            self._defined[words[0].lower()] = self._expanded(words[1])
        elif name == "undefine" and words:
            self._defined.pop(words[0].lower(), None)
        for number, text in enumerate(words):
            led = self._led(name, text)
            if led is not None:
                # Refused for a control character, which no path that matters has.
                with contextlib.suppress(ValueError):
                    raw = set_word(raw, number, led)
        return raw

    def _led(self, name: str, text: str) -> str | None:
        """Return what the argument ``text`` of directive ``name`` becomes; None: it stays.

        Copies what it includes. The prefix goes before a variable, which keeps its meaning.
        """
        expanded = self._expanded(text)
        path = os.path.join(self._root, expanded)
        if name == "serverroot":
            self._root = path
            self._roots.add(path)
            return self.home + text
        if name in _INCLUDES:
            for included in self._included(path):
                self._copy(included)
            return self.home + text if os.path.isabs(expanded) else None
        copy = self._candidate(path) if "/" in expanded else None
        # A relative path without links leads to its copy by itself.
        return copy if copy != self.home + path or os.path.isabs(expanded) else None

    def _expanded(self, text: str) -> str:
        def value(found: re.Match[str]) -> str:
            known = self._instance.environment.get(found[1], found[0])
            return self._defined.get(found[1].lower(), known)

        return _VARIABLE.sub(value, text)

    def _candidate(self, path: str) -> str | None:
        """Return where the copy of ``path`` is, if that leads to a candidate; else None."""
        try:
            real = self._files.real(path)
        except FileProblem:
            return None
        if real in self._candidates:
            return self.home + real
        return self.home + path if path in self._candidates else None

    # --- includes --------------------------------------------------------------------------

    def _included(self, pattern: str) -> Iterator[str]:
        """Give the files that ``Include`` reads (server/config.c: ap_process_fnmatch_configs)."""
        paths = ["/"]
        for part in pattern.split("/"):
            if part in ("", "."):
                continue
            if _WILDCARD.search(part):
                paths = [
                    os.path.join(path, name)
                    for path in paths
                    for name in self._names(path)
                    if fnmatch.fnmatchcase(name, part)
                ]
            else:
                paths = [os.path.join(path, part) for path in paths]
        for path in paths:
            yield from self._below(path)

    def _below(self, path: str) -> Iterator[str]:
        if not self._is_directory(path):
            yield path
            return
        for name in self._names(path):
            yield from self._below(os.path.join(path, name))

    def _is_directory(self, path: str) -> bool:
        try:
            real = self._files.real(path)
        except FileProblem:
            return False
        return os.path.isdir(real) or any(
            entry.startswith(real + "/") for entry in self._candidates
        )

    def _names(self, directory: str) -> list[str]:
        try:
            real = self._files.real(directory)
            names = set(os.listdir(real)) if os.path.isdir(real) else set()
        except (FileProblem, OSError):
            return []
        for path, entry in self._candidates.items():
            if entry.absent and os.path.dirname(path) == real:
                names.discard(os.path.basename(path))
            elif not entry.absent and path.startswith(real.rstrip("/") + "/"):
                names.add(path[len(real.rstrip("/")) + 1 :].split("/")[0])
        return sorted(names)

    # --- writing ---------------------------------------------------------------------------

    def _write(self, path: str, content: bytes, mode: int | None) -> None:
        target = self.home + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as stream:
            stream.write(content)
        os.chmod(target, stat.S_IMODE(mode or 0o600) | stat.S_IRUSR)

    def _link(self, path: str, target: str) -> None:
        """Let the copy of ``path`` be a link to ``target``, if nothing stands there."""
        here = self.home + path
        os.makedirs(os.path.dirname(here), exist_ok=True)
        if not os.path.lexists(here) and here != target:
            os.symlink(target, here)

    def _link_the_rest(self) -> None:
        """Let relative paths find everything else that lies below a ServerRoot."""
        for root in self._roots:
            os.makedirs(self.home + root, exist_ok=True)
            for directory, dummy, dummy in os.walk(self.home + root):
                real = directory[len(self.home) :]
                for name in self._names(real):
                    path = os.path.join(real, name)
                    if path not in self._candidates:
                        self._link(path, path)


def _pairs(arguments: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(arguments[::2], arguments[1::2]))
