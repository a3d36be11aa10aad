# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transaction: lock, journal, commit, roll-back. The only writer of configuration files.

Private to this collection.

How a commit survives a kill at any instant. Everything new, and a copy of everything old, is
first written to private folders on the filesystems of the targets; then the journal; then each
file changes by one rename or unlink. Roll-back is renames only, so it needs no space.

The state directory holds (0700, files 0600):

- ``lock``: held (flock) by the one transaction of this httpd instance; names its pid;
- ``journal``: a commit is under way. **Found by the next transaction: rolled back**;
- ``undo``: the same file, renamed when the commit was complete; what ``roll_back`` needs.
  **Found by the next transaction: the commit stands**, only its folders are swept;
- ``.webtier.apache_balancer-*``: staged files; on other filesystems in a directory of theirs;
- ``proven``: how the last proven generation left every file recorded or changed since;
- ``backup``: what the user asked to be kept, by time.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import shutil
import time
from typing import Any, Iterable, NamedTuple

from ._fileset import ABSENT, Entry, FileProblem, FileSet, NotAFile, State, Unreadable, look
from ._staging import (
    about,
    appear,
    exchange,
    inside,
    is_ours,
    make,
    make_private,
    mount_of,
    place,
    private_owner,
    standing,
    sync,
    wanted,
    without_links,
    write,
)

_FOLDER = ".webtier.apache_balancer-"
# The fingerprint of nothing.
_ABSENT = "absent"


class ChangedMeanwhile(FileProblem):
    """Somebody else changed a file after it was read."""


class Locked(FileProblem):
    """Another transaction of this httpd instance is under way."""


class Untrusted(FileProblem):
    """The state directory, or the journal in it, is not what we left there."""


class RollBackFailed(FileProblem):
    """A file could not be put back; the journal stays, and the next transaction tries again."""


class Step(NamedTuple):
    """One path of a commit. ``*_file``: staged file to rename there, None: nothing stands there.

    ``*_print``: the fingerprint of that state; only a file that has one of the two is touched.
    """

    path: str
    new_file: str | None
    new_print: str
    old_file: str | None
    old_print: str


class Journal(NamedTuple):
    """What a commit did or is about to do; ``folders`` are swept at its end, however it ends."""

    folders: list[str]
    backup: str | None
    made: list[str]
    steps: list[Step]


class Transaction:
    """One httpd instance's lock, and the commits made under it; a context manager.

    ``state_dir``: this instance's private folder, created if missing; ``timeout``: seconds to
    wait for the lock. Entering raises Locked, Untrusted, Unreadable, WriteFailed, RollBackFailed.
    ``recovered`` says in sentences what was found of an interrupted transaction and done about it.
    """

    def __init__(self, state_dir: str, timeout: float = 60.0) -> None:
        path = os.path.abspath(state_dir)
        self.state_dir = os.path.join(
            os.path.realpath(os.path.dirname(path)), os.path.basename(path)
        )
        self.recovered: list[str] = []
        self._timeout = timeout
        self._lock = -1

    def __enter__(self) -> Transaction:
        self._open()
        try:
            self._recover()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            # The commit stands. What cannot go now is found by the next transaction.
            with contextlib.suppress(FileProblem):
                self._sweep("undo")
        finally:
            self._close()

    # -- committing -----------------------------------------------------------------------------

    def commit(
        self, fileset: FileSet, backup: bool = False, reads: Iterable[str] = ()
    ) -> dict[str, str]:
        """Let what ``fileset`` wants stand on the disk: all of it, or after an error nothing.

        ``reads``: the files httpd reads, and the directories it includes as a whole (absolute
        paths); no staging folder is put where httpd would read it. ``backup``: keep a copy of
        every file replaced or removed. Owner, group, mode, ACL and SELinux context of an
        existing file stay; missing directories are made. Returns the backup by path. Raises
        ChangedMeanwhile, Unreadable, WriteFailed, RollBackFailed.
        """
        entries = sorted(fileset.changed(), key=_order)
        if not entries:
            return {}
        self._recover()
        for path, state in fileset.seen().items():
            _expect(path, state)
        folders = self._folders(entries, reads)
        stamp = time.strftime("%Y%m%dT%H%M%SZ-", time.gmtime()) + os.urandom(3).hex()
        kept = os.path.join(self.state_dir, "backup", stamp) if backup else None
        journal = Journal(sorted(set(folders.values())), kept, _missing_parents(entries), [])
        try:
            self._save("journal", journal)
            self._stage(entries, folders, journal)
            backups = _back_up(entries, kept)
            self._remember(entries)
            self._save("journal", journal)
            self._apply(entries, journal)
            self._rename("journal", "undo")
        except BaseException:
            self._undo(journal)
            raise
        return backups

    def roll_back(self) -> None:
        """Put everything back as it stood before this transaction's last commit, backups too.

        Raises ChangedMeanwhile if a file was changed since by somebody else: it is left alone,
        all others are put back. Raises RollBackFailed, Unreadable.
        """
        journal = self._load("undo")
        foreign = [] if journal is None else self._undo(journal)
        if foreign:
            raise ChangedMeanwhile(
                ", ".join(foreign), "was changed since the commit and left alone", "look at it"
            )

    def _stage(self, entries: list[Entry], folders: dict[str, str], journal: Journal) -> None:
        for folder in journal.folders:
            with about(folder):
                os.mkdir(folder, 0o700)
        for number, entry in enumerate(entries):
            folder = folders[entry.path]
            with about(entry.path, folder):
                journal.steps.append(_stage(entry, os.path.join(folder, str(number))))
        for folder in journal.folders:
            with about(folder):
                sync(folder)
                sync(os.path.dirname(folder))

    def _apply(self, entries: list[Entry], journal: Journal) -> None:
        for directory in journal.made:
            with about(directory), contextlib.suppress(FileExistsError):
                os.mkdir(directory, 0o755)
        for entry, step in zip(entries, journal.steps):
            _expect(entry.path, entry.before)
            with about(entry.path):
                _put(step.old_print, step.old_file, step.new_file, step.path)
        _sync_all(os.path.dirname(path) for path in _touched(journal))

    # -- the last proven generation ---------------------------------------------------------------

    def keep_proven(self, paths: Iterable[str] = ()) -> None:
        """Remember: what stands on the disk now is proven. The record before it is dropped.

        ``paths``: files to record as they are now (links on the way too). A commit adds, before
        it changes anything, every file it is going to change that is not recorded yet.
        """
        fileset = FileSet()
        for path in paths:
            fileset.state(path)
        self._save("proven", {path: _to_json(state) for path, state in fileset.seen().items()})

    def proven(self, upon: FileSet | None = None) -> FileSet | None:
        """Return the set (``upon``, or a new one) that puts every recorded file back as the last
        proven generation had it.

        Before the first ``keep_proven`` that is: as it stood before our first commit. None: there
        is no record. Raises Untrusted.
        """
        if not self._is_there():
            return None
        record = self._read("proven")
        if record is None:
            return None
        fileset = upon or FileSet()
        for path, state in record.items():
            fileset.restore(path, _from_json(state))
        return fileset

    def _remember(self, entries: list[Entry]) -> None:
        record = self._read("proven") or {}
        new = {entry.path: _to_json(entry.before) for entry in entries if entry.path not in record}
        if new:
            self._save("proven", {**record, **new})

    # -- undoing --------------------------------------------------------------------------------

    def foresee(self) -> tuple[list[str], FileSet]:
        """Return what ``recovered`` would say, and a set with the files as they would be put back.

        For who does not enter, and writes nothing. Another transaction that is under way will
        come to its end by itself. Raises Untrusted.
        """
        fileset = FileSet()
        if not self._is_there():
            return [], fileset
        journal = None if self._is_held() else self._load("journal")
        if journal is None:
            return [], fileset
        steps, foreign = _left_by(journal)
        for step in steps:
            fileset.restore(step.path, look(step.old_file) if step.old_file else ABSENT)
        return _told("is to be rolled back first", steps, foreign), fileset

    def _recover(self) -> None:
        self._sweep("undo")
        journal = self._load("journal")
        if journal is not None:
            self.recovered += _told("was rolled back", *_left_by(journal))
            self._undo(journal)
        # What an earlier sweep could not remove; nobody else is here.
        for name in os.listdir(self.state_dir):
            if name.startswith(_FOLDER):
                self._remove(os.path.join(self.state_dir, name))

    def _undo(self, journal: Journal) -> list[str]:
        """Put every file of ``journal`` back that is still as the commit left it.

        Returns the paths that are neither as before nor as the commit left them. Can be
        interrupted and repeated.
        """
        if os.path.lexists(os.path.join(self.state_dir, "undo")):
            self._rename("undo", "journal")
        steps, foreign = _left_by(journal)
        for step in reversed(steps):
            try:
                _put_back(step)
            except ChangedMeanwhile:
                foreign.append(step.path)
        for directory in reversed(journal.made):
            with contextlib.suppress(OSError):  # not made yet, or not empty: no longer ours alone
                os.rmdir(directory)
        _sync_all(os.path.dirname(path) for path in _touched(journal))
        if journal.backup:
            self._remove(journal.backup)
        self._sweep("journal")
        return foreign

    def _sweep(self, name: str) -> None:
        """End the journal called ``name``, if there is one: its folders go, then the file."""
        journal = self._load(name)
        if journal is None:
            return
        for folder in journal.folders:
            self._remove(folder)
        with about(self.state_dir):
            os.unlink(os.path.join(self.state_dir, name))
            sync(self.state_dir)

    @staticmethod
    def _remove(folder: str) -> None:
        # An error of close(2) is not among those that rmtree ignores.
        with contextlib.suppress(OSError):
            if is_ours(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def _folders(self, entries: list[Entry], reads: Iterable[str]) -> dict[str, str]:
        """Return for each entry's path the private folder, on the same mount, to stage it in."""
        read = {without_links(path) for path in reads}
        targets = {entry.path: standing(os.path.dirname(entry.path)) for entry in entries}
        by_mount = {}
        if not any(inside(self.state_dir, path) for path in read):
            by_mount[mount_of(self.state_dir)] = self.state_dir
        # Asked once: it need not say the same twice.
        mounts = {path: mount_of(directory) for path, directory in targets.items()}
        for path, mount in mounts.items():
            if mount not in by_mount:
                by_mount[mount] = place(targets[path], read, set(targets.values()))
        name = _FOLDER + os.urandom(8).hex()
        return {path: os.path.join(by_mount[mount], name) for path, mount in mounts.items()}

    # -- the state directory ----------------------------------------------------------------------

    def _open(self) -> None:
        with about(self.state_dir):
            os.makedirs(os.path.dirname(self.state_dir), 0o755, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.mkdir(self.state_dir, 0o700)
                sync(os.path.dirname(self.state_dir))
        self._check_ours()
        lock = os.path.join(self.state_dir, "lock")
        with about(lock):
            self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            end = time.monotonic() + self._timeout
            while not _locks(self._lock, fcntl.LOCK_EX):
                if time.monotonic() >= end:
                    holder = os.pread(self._lock, 20, 0).decode("ascii", "replace") or "unknown"
                    os.close(self._lock)
                    raise Locked(
                        lock,
                        f"another run (pid {holder}) is changing this httpd's files",
                        f"it did not end within {self._timeout:g} s: wait for it, or see what it waits for",
                    )
                time.sleep(0.05)
        with contextlib.suppress(OSError):  # the pid is for the message only
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, str(os.getpid()).encode("ascii"), 0)

    def _is_held(self) -> bool:
        """Return whether another transaction has the lock."""
        path = os.path.join(self.state_dir, "lock")
        with about(path):
            try:
                lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
            try:
                return not _locks(lock, fcntl.LOCK_SH)
            finally:
                os.close(lock)

    def _is_there(self) -> bool:
        if not os.path.lexists(self.state_dir):
            return False
        self._check_ours()
        return True

    def _check_ours(self) -> None:
        owner, user = private_owner(self.state_dir), os.geteuid()
        if owner == user:
            return
        if owner is not None and user != 0:
            fix = "run as that user (become: true)"
            if owner != 0:
                fix = "run as that user (become_user), or look at who made it, then move it away"
            raise Untrusted(self.state_dir, f"belongs to {_name(owner)}", fix)
        raise Untrusted(
            self.state_dir,
            f"is not a directory of uid {user} with mode 0700",
            "look at who made it, then move it away, or run as its owner (become: true)",
        )

    def _close(self) -> None:
        # What was done is done, and the lock is free whatever close(2) returns.
        with contextlib.suppress(OSError):
            os.ftruncate(self._lock, 0)
        with contextlib.suppress(OSError):
            os.close(self._lock)

    def _read(self, name: str) -> Any:
        path = os.path.join(self.state_dir, name)
        content = look(path).content
        try:
            return None if content is None else json.loads(content)
        except (ValueError, RecursionError) as error:
            raise _not_ours(path) from error

    def _load(self, name: str) -> Journal | None:
        data = self._read(name)
        if data is None:
            return None
        try:
            folders, backup, made, steps = data
            return Journal(folders, backup, made, [Step(*step) for step in steps])
        except (ValueError, TypeError) as error:
            raise _not_ours(os.path.join(self.state_dir, name)) from error

    def _save(self, name: str, data: object) -> None:
        path = os.path.join(self.state_dir, name)
        with about(path, self.state_dir):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + ".new")
            write(path + ".new", json.dumps(data).encode("ascii"))
            os.replace(path + ".new", path)
            sync(self.state_dir)

    def _rename(self, old: str, new: str) -> None:
        with about(self.state_dir):
            os.replace(os.path.join(self.state_dir, old), os.path.join(self.state_dir, new))
            sync(self.state_dir)


def _locks(descriptor: int, kind: int) -> bool:
    """Take a lock of this kind; return False where another has one."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _left_by(journal: Journal) -> tuple[list[Step], list[str]]:
    """Return the steps whose files are as the commit left them, and the paths of files that are
    neither that nor as before: somebody else changed them since. Raises RollBackFailed for one
    that cannot be read: it may still have to be put back."""
    steps, foreign = [], []
    for step in journal.steps:
        try:
            now = _print_at(step.path)
        except Unreadable as error:
            raise _not_put_back(step, error.problem) from error
        if now == step.new_print != step.old_print:
            steps.append(step)
        elif now != step.old_print:
            foreign.append(step.path)
    return steps, foreign


def _told(done: str, steps: list[Step], foreign: list[str]) -> list[str]:
    told = []
    if steps:
        told.append(f"an interrupted change {done}: {', '.join(step.path for step in steps)}")
    if foreign:
        told.append(f"changed by somebody else since, and left alone: {', '.join(foreign)}")
    return told


def _order(entry: Entry) -> tuple[int, str]:
    # So that whoever reads in the middle finds no link without its file, nor an Include.
    if entry.absent:
        return (3 if entry.before.link is not None else 4, entry.path)
    if entry.link is not None:
        return (2, entry.path)
    return (0 if entry.before.absent else 1, entry.path)


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"uid {user}"


def _not_ours(path: str) -> Untrusted:
    return Untrusted(
        path,
        "is not what we left there",
        "compare the configuration with its last backup, then move this file away",
    )


def _expect(path: str, state: State) -> None:
    """Raise ChangedMeanwhile unless exactly ``state`` stands at ``path``, or Unreadable."""
    try:
        changed = look(path) != state
    except NotAFile:
        changed = True
    if changed:
        raise _changed(path)


def _changed(path: str) -> ChangedMeanwhile:
    return ChangedMeanwhile(path, "was changed by somebody else since it was read", "run again")


def _fingerprint(state: State) -> str:
    if state.link is not None:
        return f"link {state.owner}:{state.group} {state.link}"
    if state.content is None:
        return _ABSENT
    digest = hashlib.sha256(state.content).hexdigest()
    return f"file {state.owner}:{state.group} {state.mode:o} {digest}"


def _print_at(path: str) -> str:
    """Return the fingerprint of what stands there. Raises Unreadable."""
    try:
        return _fingerprint(look(path))
    except NotAFile:
        return "something else"


def _check_displaced(place: str, now: str, path: str) -> None:
    """Raise ChangedMeanwhile unless what stood at ``path``, and is at ``place`` now, was ``now``
    (a fingerprint), or Unreadable."""
    try:
        same = _print_at(place) == now
    except Unreadable as error:
        raise Unreadable(path, error.problem, error.advice) from error
    if not same:
        raise _changed(path)


def _put(now: str, aside: str | None, staged: str | None, path: str) -> None:
    """One atomic step: ``staged`` takes the place of ``path``; None: ``path`` goes ``aside``.

    What is displaced is looked at afterwards, so that no change of somebody else gets lost in
    between: unless it is ``now`` (a fingerprint), it is put back. Raises ChangedMeanwhile then,
    or Unreadable.
    """
    if staged is None and aside is not None:
        os.rename(path, aside)
        try:
            _check_displaced(aside, now, path)
        except BaseException:
            with contextlib.suppress(FileExistsError):
                appear(aside, path)
            raise
    elif staged is not None and now == _ABSENT:
        try:
            appear(staged, path)
        except FileExistsError as error:
            raise _changed(path) from error
    elif staged is not None:
        if not exchange(staged, path):
            os.replace(staged, path)
            return
        try:
            _check_displaced(staged, now, path)
        except BaseException:
            exchange(staged, path)
            raise


def _put_back(step: Step) -> None:
    """Undo one step. Raises RollBackFailed; what was done before it then stays, as httpd may need
    the one for the other."""
    try:
        if step.old_file is not None and _print_at(step.old_file) != step.old_print:
            raise _not_put_back(step, f"its copy {step.old_file} is gone")
        _put(step.new_print, step.new_file, step.old_file, step.path)
    except OSError as error:
        raise _not_put_back(step, f"{error.strerror}; its copy is {step.old_file}") from error
    except Unreadable as error:
        why = f"{error.path} {error.problem}"
        raise _not_put_back(step, f"{why}; its copy is {step.old_file}") from error


def _not_put_back(step: Step, why: str) -> RollBackFailed:
    return RollBackFailed(
        step.path,
        f"could not be put back ({why}), nor what was changed before it",
        "remove the cause and run again: the next run puts everything back",
    )


def _stage(entry: Entry, stem: str) -> Step:
    """Write the new and a copy of the old state of ``entry`` to files called ``stem``.*."""
    path, before = entry.path, entry.before
    directory = standing(os.path.dirname(path))
    new_file = old_file = None
    if not before.absent:
        old_file = stem + ".old"
        make(old_file, before, path)
        info = os.lstat(path)
        os.utime(old_file, ns=(info.st_atime_ns, info.st_mtime_ns), follow_symlinks=False)
    if not entry.absent:
        new_file = stem + ".new"
        same_kind = not before.absent and (before.link is None) == (entry.link is None)
        make(new_file, wanted(entry, directory), path if same_kind else directory)
    new_print = _ABSENT if new_file is None else _print_at(new_file)
    return Step(path, new_file, new_print, old_file, _fingerprint(before))


def _back_up(entries: list[Entry], folder: str | None) -> dict[str, str]:
    """Copy every file that will be replaced or removed below ``folder``, 0600."""
    backups: dict[str, str] = {}
    for entry in entries:
        if folder is None or entry.before.content is None:
            continue
        copy = folder + entry.path
        with about(entry.path, folder):
            make_private(os.path.dirname(copy))
            write(copy, entry.before.content)
        backups[entry.path] = copy
    return backups


def _sync_all(directories: Iterable[str]) -> None:
    for directory in set(directories):
        with about(directory), contextlib.suppress(FileNotFoundError):
            sync(directory)


def _touched(journal: Journal) -> list[str]:
    """Return every path the commit makes, changes or removes."""
    return journal.made + [step.path for step in journal.steps]


def _missing_parents(entries: list[Entry]) -> list[str]:
    """Return the directories to make, each after the one it is in."""
    missing = set()
    for entry in entries:
        directory = os.path.dirname(entry.path)
        while not entry.absent and not os.path.lexists(directory):
            missing.add(directory)
            directory = os.path.dirname(directory)
    return sorted(missing)


def _to_json(state: State) -> list[Any]:
    content = None if state.content is None else state.content.decode("latin-1")
    return [content, *state[1:]]


def _from_json(data: list[Any]) -> State:
    content, *rest = data
    return State(None if content is None else content.encode("latin-1"), *rest)
