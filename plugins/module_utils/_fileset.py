# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The set of files of one change: what is read, and what would stand there afterwards.

Private to this collection. Nothing in here writes; that is the transaction's.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from typing import Callable, Iterator, NamedTuple

from ._httpd.errors import Expected

# The kernel's own limit on links followed in one path (path_resolution(7)).
_MAX_LINKS = 40
_BECOME = "run as a user who may (become: true)"


class FileProblem(Expected):
    """Something about one path keeps us from going on.

    ``path``: the path, ``problem``: what is wrong with it, ``advice``: what the user can do.
    """

    def __init__(self, path: str, problem: str, advice: str) -> None:
        super().__init__(f"{path}: {problem}; {advice}")
        self.path = path
        self.problem = problem
        self.advice = advice


class BadValue(FileProblem):
    """A path, owner or group that cannot be used."""


class DanglingLink(FileProblem):
    """A symbolic link that leads nowhere, or in a circle."""


class ForeignLink(FileProblem):
    """A symbolic link that somebody left where everybody may write."""


class NotAFile(FileProblem):
    """Something other than a regular file stands where a file is expected."""


class Unreadable(FileProblem):
    """The file is there and cannot be read."""


class State(NamedTuple):
    """What stands at a path: a file (``content``), a link (``link``), or nothing (neither)."""

    content: bytes | None = None
    link: str | None = None
    owner: int = -1
    group: int = -1
    mode: int = 0

    @property
    def absent(self) -> bool:
        return self.content is None and self.link is None


ABSENT = State()


def look(path: str) -> State:
    """Return what stands at ``path``, its last link not followed.

    Raises NotAFile for a directory or anything else that is no regular file, Unreadable if it
    may not be read.
    """
    try:
        info = os.lstat(path)
        if stat.S_ISLNK(info.st_mode):
            return State(None, os.readlink(path), info.st_uid, info.st_gid, 0o777)
        if not stat.S_ISREG(info.st_mode):
            what = "a directory" if stat.S_ISDIR(info.st_mode) else "not a regular file"
            raise NotAFile(path, f"is {what}", "name a regular file")
        with open(path, "rb", opener=_open_without_waiting) as stream:
            info = os.fstat(stream.fileno())
            mode = stat.S_IMODE(info.st_mode)
            return State(stream.read(), None, info.st_uid, info.st_gid, mode)
    except FileNotFoundError:
        return ABSENT
    except NotADirectoryError as error:
        raise NotAFile(
            path, "one of its parent directories is a file", "name a path below directories"
        ) from error
    except PermissionError as error:
        raise Unreadable(path, "may not be read", _BECOME) from error
    except OSError as error:
        raise Unreadable(
            path, f"cannot be read ({error.strerror})", "check the path and its filesystem"
        ) from error


def _open_without_waiting(path: str, flags: int) -> int:
    # Should a FIFO or a link take the file's place after the lstat: neither wait nor follow.
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


class Entry(NamedTuple):
    """What a set wants at one path: content or a link; both None: nothing.

    ``path`` is the real path. ``owner`` (uid), ``group`` (gid) and ``mode`` (permission bits)
    are None where they are to be kept, or left to the default for a new file. ``before`` is what
    stood there when the path was first read.
    """

    path: str
    content: bytes | None
    link: str | None
    owner: int | None
    group: int | None
    mode: int | None
    before: State

    @property
    def absent(self) -> bool:
        return self.content is None and self.link is None

    @property
    def changed(self) -> bool:
        """Whether content, link, owner, group or mode really differ from what stood there."""
        before = self.before
        if (self.content, self.link) != (before.content, before.link):
            return True
        return any(
            wanted is not None and wanted != current
            for wanted, current in (
                (self.owner, before.owner),
                (self.group, before.group),
                (self.mode, before.mode),
            )
        )


class FileSet:
    """The files of one change, over what stands on the disk.

    All paths are absolute. Symbolic links are followed, those of the set before those of the
    disk, so that a linked ``sites-enabled/x.conf`` and ``sites-available/x.conf`` are one file.
    Every path is read once: what was seen first stays what this set sees.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._seen: dict[str, State] = {}

    def __iter__(self) -> Iterator[Entry]:
        """Yield every entry, changed or not, ordered by path."""
        return (self._entries[path] for path in sorted(self._entries))

    def changed(self) -> list[Entry]:
        """Return the entries that differ from what was read, ordered by path.

        Raises DanglingLink for a link of the set that would lead nowhere.
        """
        changed = [entry for entry in self if entry.changed]
        for entry in changed:
            if entry.link is not None:
                self._arrive(entry.path)
        return changed

    def seen(self) -> dict[str, State]:
        """Return what was read, by path: every file looked at and every link followed."""
        return dict(self._seen)

    def real(self, path: str) -> str:
        """Return ``path`` with every link followed, also where the end does not exist.

        Raises DanglingLink if the links go in a circle.
        """
        return self._walk(path, follow_last=True)

    def state(self, path: str) -> State:
        """Return what the set has, or else the disk, at the end of the links of ``path``.

        Owner, group and mode are those of the disk where the entry leaves them open.
        """
        return self._now(self._arrive(path))

    def present(self, path: str) -> bool:
        """Return whether anything stands at ``path``, a link that leads nowhere included."""
        return not self._now(self._walk(path, follow_last=False)).absent

    def read(self, path: str) -> bytes | None:
        """Return the content at ``path``, candidate or else from the disk; None: no such file.

        Raises DanglingLink, NotAFile, Unreadable.
        """
        return self.state(path).content

    def write(
        self,
        path: str,
        content: bytes,
        owner: str | int | None = None,
        group: str | int | None = None,
        mode: int | None = None,
    ) -> Entry:
        """Let ``content`` stand in the file at the end of the links of ``path``; links stay.

        ``owner``, ``group``: name or number; ``mode``: permission bits, 0 to 0o7777; None keeps
        what the set has, or else what is there (new file: this process's user and group, 0644
        less the umask). Raises BadValue, DanglingLink, NotAFile, Unreadable.
        """
        if mode is not None and not 0 <= mode <= 0o7777:
            raise BadValue(path, f"mode {mode:o} is out of range", "use 0 to 7777")
        real = self._arrive(path)
        uid = _number(path, "owner", owner, lambda name: pwd.getpwnam(name).pw_uid)
        gid = _number(path, "group", group, lambda name: grp.getgrnam(name).gr_gid)
        had = self._entries.get(real)
        if had is not None:
            uid = had.owner if uid is None else uid
            gid = had.group if gid is None else gid
            mode = had.mode if mode is None else mode
        return self._put(Entry(real, content, None, uid, gid, mode, self._look(real)))

    def remove(self, path: str) -> Entry:
        """Let nothing stand at ``path``; of a link, the link itself goes. Raises NotAFile."""
        here = self._walk(path, follow_last=False)
        return self._put(Entry(here, None, None, None, None, None, self._look(here)))

    def link(self, path: str, target: str) -> Entry:
        """Let ``path`` be a symbolic link with the text ``target``.

        Raises NotAFile if a file stands there; the caller who means it calls ``remove`` first.
        """
        _check_plain(target)
        if not target:
            raise BadValue(path, "is to be a link to nothing", "name what it leads to")
        here = self._walk(path, follow_last=False)
        if self._now(here).content is not None:
            raise NotAFile(
                here,
                f"is a file where a link to {target} is wanted",
                "move the file away, or remove it",
            )
        return self._put(Entry(here, None, target, None, None, None, self._look(here)))

    def restore(self, path: str, state: State) -> Entry:
        """Let exactly ``state`` stand at the real path ``path``, its last link not followed."""
        before = self._look(path)
        if state.content is None:
            return self._put(Entry(path, None, state.link, None, None, None, before))
        return self._put(Entry(path, *state, before))

    def _put(self, entry: Entry) -> Entry:
        self._entries[entry.path] = entry
        return entry

    def _look(self, path: str) -> State:
        if path not in self._seen:
            self._seen[path] = look(path)
        return self._seen[path]

    def _now(self, path: str) -> State:
        entry = self._entries.get(path)
        if entry is None:
            return self._look(path)
        before = entry.before
        return State(
            entry.content,
            entry.link,
            before.owner if entry.owner is None else entry.owner,
            before.group if entry.group is None else entry.group,
            before.mode if entry.mode is None else entry.mode,
        )

    def _arrive(self, path: str) -> str:
        """Return the real path of ``path``; raises DanglingLink where a link leads nowhere."""
        real = self.real(path)
        here = self._walk(path, follow_last=False)
        if self._link_at(here) is not None and not self._exists(real):
            raise DanglingLink(
                here,
                f"is a link to {real}, which does not exist",
                "create that file, or remove the link",
            )
        return real

    def _exists(self, real: str) -> bool:
        entry = self._entries.get(real)
        return os.path.lexists(real) if entry is None else not entry.absent

    def _walk(self, path: str, follow_last: bool) -> str:
        _check(path)
        here, rest, links = "/", _parts(path), 0
        while rest:
            name = rest.pop()
            if name == "..":
                here = os.path.dirname(here)
                continue
            step = os.path.join(here, name)
            target = self._link_at(step) if rest or follow_last else None
            if target is None:
                here = step
                continue
            if step not in self._entries:
                _check_owner(step, self._look(step).owner)
            links += 1
            if links > _MAX_LINKS:
                raise DanglingLink(path, "its links go in a circle", "remove one of them")
            if rest and step not in self._entries and not os.path.isdir(step):
                raise DanglingLink(
                    step, f"is a link to {target}, which is no directory", "create that directory"
                )
            if target.startswith("/"):
                here = "/"
            rest += _parts(target)
        return here

    def _link_at(self, path: str) -> str | None:
        entry = self._entries.get(path)
        if entry is not None:
            return entry.link
        if path in self._seen:
            return self._seen[path].link
        try:
            is_link = stat.S_ISLNK(os.lstat(path).st_mode)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return None
            raise Unreadable(path, f"cannot be reached ({error.strerror})", _BECOME) from error
        return self._look(path).link if is_link else None


def _check_owner(link: str, owner: int) -> None:
    """Refuse to follow ``link`` where the kernel would (protected_symlinks in proc_sys_fs(5)): it is not asked, as we
    only look where the link leads."""
    folder = os.stat(os.path.dirname(link))
    if folder.st_mode & stat.S_IWOTH and owner not in (0, os.geteuid(), folder.st_uid):
        raise ForeignLink(
            link,
            f"is a link that user {owner} left where everybody may write",
            "look who made it, and remove it",
        )


def _parts(path: str) -> list[str]:
    """Return the components of ``path``, last first."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _check(path: str) -> None:
    _check_plain(path)
    if not path.startswith("/") or not _parts(path):
        raise BadValue(path or repr(path), "is not an absolute path", "use an absolute path")


def _check_plain(path: str) -> None:
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        raise BadValue(repr(path), "holds a control character", "use a plain path")


def _number(
    path: str, kind: str, value: str | int | None, find: Callable[[str], int]
) -> int | None:
    """Return the uid or gid meant by ``value``: a number, digits, or a name to look up."""
    if value is None or isinstance(value, int):
        return value
    try:
        return find(value)
    except (KeyError, ValueError):
        # A name of digits only was looked up first, as chown(1) does.
        if value.isascii() and value.isdigit():
            return int(value)
        raise BadValue(
            path, f"there is no {kind} {value!r}", f"create it, or name another {kind}"
        ) from None
