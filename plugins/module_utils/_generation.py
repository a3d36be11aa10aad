# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the running httpd has loaded: its generation, and our memory of what we wrote in it.

Private to this collection.

A generation is one loading of the configuration by a running httpd. httpd writes PidFile anew at
each start, graceful and restart, when everything is read, and not at the death of a child nor at
a refused graceful (server/mpm: ap_log_pid; seen on 2.4.71). Hence parent and time of PidFile tell
generations apart. The memory is a file beside PidFile: it goes when the runtime directory goes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from . import _process as process
from ._instance import Instance, InstanceError
from ._process import Parent

CHANGED_OUTSIDE = "changed outside since httpd last loaded it"
NEWER = "changed after httpd last loaded its configuration"
WRITTEN = "written after httpd last loaded its configuration"
TOO_CLOSE = "changed just before httpd last loaded its configuration, perhaps too late for it"
#: Reasons for a reload by which a file may say anything that the running httpd does not know.
UNKNOWN = (CHANGED_OUTSIDE, NEWER, WRITTEN, TOO_CLOSE)

_VERSION = 3
_KEYS = ("generation", "sha256", "reasons", "running", "loaded")
# Instead of a digest, for a file that is not there.
ABSENT = "absent"
# A file may be written after httpd read it and before httpd wrote PidFile.
_LEAST_MARGIN = 1.0


class Generation(NamedTuple):
    """One loading: ``pid`` of the parent and ``loaded``, the time of PidFile in nanoseconds."""

    pid: int
    loaded: int


class Loaded(NamedTuple):
    """Whether httpd is ``running``, and whether it has not loaded what the files say now.

    ``doubt``: why the answer may be wrong; "" where it is certain.
    """

    running: bool
    reload_required: bool
    reasons: list[str]
    doubt: str = ""


class Memory:
    """What one httpd has loaded, as known at the time of making this.

    Who writes holds the lock of the instance, calls ``about_to_write`` before and ``note_written`` after it, and,
    if the running httpd was given the same change another way, then ``note_applied``.

    Remembered per file are the content we left (``sha256``), why it needs a reload (``reasons``), and the content
    that the running httpd behaves by (``running``), as far as there is one: what it loaded, or what it was made to
    be since. A file that is that content again needs no reload. As long as the running httpd was given every change,
    the content it loaded is known as well (``loaded``): back there, and given that too, it needs none either.
    """

    def __init__(self, instance: Instance) -> None:
        parent = instance.parent()
        self.generation = _generation(instance, parent) if parent else None
        self._begun = int((process.begun(parent) - process.CLOCKS) * 1e9) if parent else 0
        self._path = record_path(instance)
        self._margin = int(max(_LEAST_MARGIN, 2 * instance.test_seconds) * 1e9)
        self._before: dict[str, tuple[list[str], str | None, str | None]] = {}
        self._doubt = ""
        known: dict[str, Any] = {}
        if self.generation and self._path:
            try:
                known = _read(self._path)
            except PermissionError:
                self._doubt = (
                    f"Whether httpd has loaded the files was told by their times alone, as {self._path} may not be"
                    " read. A change that needs no reload looks like one that does then; use become."
                )
        if self.generation and self.generation.loaded > time.time_ns() + self._margin:
            self._doubt = (
                f"Whether httpd has loaded what others wrote is not known, as the clock was set back since it wrote"
                f" {instance.pid_file}. A reload ends the doubt."
            )
        # Of another generation there is nothing to remember: the times of the files decide.
        self._record = {
            path: entry
            for path, entry in known.items()
            if entry["generation"] == list(self.generation or ())
        }

    @property
    def files(self) -> list[str]:
        """The files remembered in this generation; one that was removed is still among them."""
        return list(self._record)

    def state(self, files: Iterable[str]) -> Loaded:
        """Return whether the running httpd has loaded what stands in ``files`` (paths)."""
        if self.generation is None:
            return Loaded(False, False, [])
        reasons = []
        for path in _ends(files):
            pending = self._look(path, self.generation)
            reasons += [f"{path}: {reason}" for reason in pending]
        return Loaded(True, bool(reasons), reasons, self._doubt)

    def has_loaded(self, files: Iterable[str]) -> bool:
        """Return whether an httpd runs that has loaded ``files`` as they stand, instead of being given some of it."""
        return self.generation is not None and all(
            self._record[path]["loaded"] == (_digest(path) or ABSENT)
            if path in self._record
            else not self._look(path, self.generation)
            for path in _ends(files)
        )

    def has(self, path: str, content: str) -> bool:
        """Return whether the running httpd has loaded *path*, or been given it, as it was with that *content* (see
        :func:`fingerprint`), whatever stands there now."""
        if self.generation is None:
            return False
        if path in self._record:
            return content in (self._record[path]["loaded"], self._record[path]["running"])
        return not self._look(path, self.generation) and content == (_digest(path) or ABSENT)

    def overrides(self, files: Iterable[str]) -> str:
        """Return why what *files* say is newer than what the running httpd was given, as a sentence without its end;
        "" where it is the same, except for what only a reload can give, and where a file is new as a whole."""
        if self.generation is not None:
            for path in _ends(files):
                if self._record.get(path, {}).get("running") == ABSENT:
                    continue
                for reason in self._look(path, self.generation):
                    if reason in (WRITTEN, NEWER, CHANGED_OUTSIDE):
                        return f"{path} was {reason}"
        return ""

    def about_to_write(self, files: Iterable[str]) -> None:
        """Keep in mind what is pending for ``files``, and what httpd has loaded of them."""
        if self.generation is None:
            return
        for path in _ends(files):
            pending = self._look(path, self.generation)
            if path in self._record:
                running = self._record[path]["running"]
                loaded = self._record[path]["loaded"]
            else:
                running = loaded = None if pending else _digest(path) or ABSENT
            self._before[path] = (pending, running, loaded)

    def foretold(
        self,
        files: Iterable[str],
        contents: Mapping[str, bytes | None],
        left: Mapping[str, list[str]],
    ) -> Loaded:
        """Return what ``state`` of ``files`` would be once those of *contents* held these (``None``: were gone).

        *contents*: as :func:`fingerprint` takes them. *left*: as ``note_applied`` takes them, by file; a file that is
        not in it is only written.
        """
        if self.generation is None:
            return Loaded(False, False, [])
        reasons = []
        for path in _ends([*files, *contents]):
            pending = self._look(path, self.generation)
            if path in left or path in contents:
                self.about_to_write([path])
                dummy, running, loaded = self._before[path]
                after = fingerprint(contents[path]) if path in contents else _digest(path) or ABSENT
                if path in left:
                    pending = [] if after == loaded and not left[path] else [*pending, *left[path]]
                else:
                    pending = [] if after == running else [*pending, WRITTEN]
            reasons += [f"{path}: {reason}" for reason in dict.fromkeys(pending)]
        return Loaded(True, bool(reasons), reasons, self._doubt)

    def note_written(
        self, files: Iterable[str], reasons: Sequence[str] = (WRITTEN,), given: bool = False
    ) -> None:
        """Remember that ``files`` hold what we just wrote, and why that needs a reload (sentences).

        What was pending for these files before stays pending, unless they are again what httpd runs by. *given*: the
        running httpd is about to be given it; what it runs by is known again after ``note_applied``.
        """
        for path in self._touched(files):
            before, running, dummy = self._before.get(path, ([], None, None))
            running = None if given else running
            loaded = running is not None and running == (_digest(path) or ABSENT)
            pending = [] if loaded else list(dict.fromkeys([*before, *reasons]))
            # Of what was loaded, the running httpd has this change not: unless note_applied follows.
            self._remember(path, pending, running, None)
        self._save()

    def note_applied(self, files: Iterable[str], reasons: Sequence[str]) -> None:
        """Remember that the running httpd was given what we wrote to ``files``, except for what ``reasons``
        (sentences) say. What was pending for these files before the change stays pending."""
        for path in self._touched(files):
            before, dummy, loaded = self._before.get(path, ([], None, None))
            now = _digest(path) or ABSENT
            back = now == loaded and not reasons
            pending = [] if back else list(dict.fromkeys([*before, *reasons]))
            self._remember(path, pending, None if pending else now, loaded)
        self._save()

    def _touched(self, files: Iterable[str]) -> list[str]:
        """Return *files*, and what the links among them lead to; not that behind a new link, which nobody wrote."""
        given = list(files)
        return [path for path in _ends(given) if path in given or path in self._before]

    def note_loaded(self, files: Iterable[str]) -> None:
        """Remember that the running httpd has loaded ``files`` as they stand, beyond doubt.

        For the one who made it load them and saw that nobody wrote them meanwhile.
        """
        for path in _ends(files):
            now = _digest(path) or ABSENT
            self._remember(path, [], now, now)
        self._save()

    def _look(self, path: str, now: Generation) -> list[str]:
        """Return why ``path`` is not loaded, if it is not."""
        entry = self._record.get(path)
        if entry is not None:
            digest = _digest(path)
            if (digest or ABSENT) == entry["running"]:
                return []
            if entry["sha256"] == digest:
                return [str(reason) for reason in entry["reasons"]]
            return [CHANGED_OUTSIDE]
        try:
            # Not the time of the content, which cp -p and tar set back.
            changed = os.lstat(path).st_ctime_ns
        except OSError:
            return []
        if changed > now.loaded:
            return [NEWER]
        if changed < now.loaded - self._margin or changed < self._begun:
            return []
        return [TOO_CLOSE]

    def _remember(
        self, path: str, reasons: list[str], running: str | None, loaded: str | None
    ) -> None:
        if self.generation is not None:
            self._record[path] = {
                "generation": list(self.generation),
                "sha256": _digest(path),
                "reasons": reasons,
                "running": running,
                "loaded": loaded,
            }

    def _save(self) -> None:
        if self.generation is None or not self._path:
            return
        text = json.dumps({"version": _VERSION, "files": self._record})
        # Imported late: most runs remember nothing new.
        from ._staging import about, write

        # One name, so that what a killed run left is found; whoever writes holds the lock.
        temporary = self._path + ".new"
        with about(self._path, os.path.dirname(self._path)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            write(temporary, text.encode("ascii"))
            os.replace(temporary, self._path)


def current(instance: Instance) -> Generation | None:
    """Return the generation of the running httpd; None if it does not run."""
    parent = instance.parent()
    return _generation(instance, parent) if parent else None


def _generation(instance: Instance, parent: Parent) -> Generation:
    try:
        return Generation(parent.pid, os.stat(instance.pid_file).st_mtime_ns)
    except OSError:
        # Somebody removed PidFile: the start of the parent stands for it, rounded, as it is
        # computed anew each time.
        return Generation(parent.pid, round(process.begun(parent)) * 1_000_000_000)


def record_path(instance: Instance) -> str:
    """Return the path of the memory; "" where PidFile is not known."""
    directory, name = os.path.split(instance.pid_file)
    return os.path.join(directory, f".{name}.apache_balancer") if name else ""


def _ends(files: Iterable[str]) -> list[str]:
    """Return each path and, where it is a link, also the file that it leads to."""
    paths: dict[str, None] = {}
    for path in files:
        paths[path] = None
        # A link that cannot be read has no digest either.
        with contextlib.suppress(OSError):
            if os.path.islink(path):
                paths[os.path.realpath(path)] = None
    return list(paths)


def _digest(path: str) -> str | None:
    """Return what identifies the content of a file, or the target of a link; None without one."""
    try:
        if os.path.islink(path):
            content = b"link " + os.fsencode(os.readlink(path))
        else:
            with open(path, "rb") as stream:
                content = b"file " + stream.read()
    except OSError:
        return None
    return fingerprint(content)


def fingerprint(content: bytes | None) -> str:
    """Return what identifies a file (``b"file "`` and its content) or a link (``b"link "`` and its target); ``None``:
    nothing is there."""
    return ABSENT if content is None else hashlib.sha256(content).hexdigest()


def _read(path: str) -> dict[str, Any]:
    """Return the remembered files; nothing where there is no record, or one that is not ours.

    Raises PermissionError, and InstanceError for a directory, which no record can replace.
    """
    if os.path.isdir(path) and not os.path.islink(path):
        raise InstanceError(
            f"{path} is a directory, where we remember what httpd has loaded; remove it"
        )
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, encoding="utf-8") as stream:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode) or info.st_uid not in (0, os.geteuid()):
                return {}
            found = json.load(stream)
        if found["version"] != _VERSION:
            return {}
        return {
            str(name): {key: entry[key] for key in _KEYS} for name, entry in found["files"].items()
        }
    except PermissionError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
