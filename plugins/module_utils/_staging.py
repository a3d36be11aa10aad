# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Staging for the transaction: where files may be prepared, and how they are made.

Private to this collection.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import BinaryIO, Callable, Iterator, TypeVar

from ._fileset import Entry, FileProblem, State

_T = TypeVar("_T")

_BECOME = "run as a user who may (become: true)"
_NO_SPACE = "free some space on the filesystem of {folder} and run again"
_REASONS = {
    errno.EACCES: ("may not be written", _BECOME),
    errno.EPERM: (
        "may not be changed: it or its directory is immutable, or belongs to somebody else",
        "look at it with lsattr -d and ls -l; clear the attribute (chattr -i), or become its owner",
    ),
    errno.EROFS: ("is on a read-only filesystem", "mount it writable"),
    errno.EBUSY: (
        "is a mount of its own (a file mounted into a container?) and cannot be replaced",
        "mount the directory it is in, or change the file where it comes from",
    ),
    errno.ENOSPC: ("cannot be written: no space left", _NO_SPACE),
    errno.EDQUOT: ("cannot be written: the disk quota is used up", _NO_SPACE),
}
# linux/fcntl.h, linux/fs.h
_AT_FDCWD = -100
_NOREPLACE, _EXCHANGE = 1, 2
# Made by the kernel from the content; not ours to copy.
_COMPUTED = ("security.ima", "security.evm")
_CONTEXT = "security.selinux"
_ACL, _DEFAULT_ACL = "system.posix_acl_access", "system.posix_acl_default"


class WriteFailed(FileProblem):
    """Something could not be written; everything is as it was before."""


@contextlib.contextmanager
def about(path: str, folder: str = "") -> Iterator[None]:
    """Turn an OSError into words about ``path``; ``folder``: where the space is needed."""
    try:
        yield
    except OSError as error:
        problem, advice = _REASONS.get(
            error.errno or 0,
            (f"cannot be written ({error.strerror})", "look at the path and its filesystem"),
        )
        raise WriteFailed(path, problem, advice.format(folder=folder or path)) from error


def wanted(entry: Entry, directory: str) -> State:
    """Return what shall stand there, with what the entry leaves open filled in."""
    owner, group, mode = entry.before[2:]
    if entry.before.absent:
        info = os.stat(directory)
        owner, group = os.geteuid(), info.st_gid if info.st_mode & stat.S_ISGID else os.getegid()
    if entry.before.content is None:
        umask = os.umask(0o077)
        os.umask(umask)
        mode = 0o644 & ~umask
    return State(
        entry.content,
        entry.link,
        owner if entry.owner is None else entry.owner,
        group if entry.group is None else entry.group,
        mode if entry.mode is None else entry.mode,
    )


def make(path: str, state: State, like: str) -> None:
    """Make the file or link ``state`` at ``path``, with the extended attributes of ``like``."""
    if state.link is not None:
        os.symlink(state.link, path)
        _dress(path, state, like)
        return
    with _create(path) as stream:
        stream.write(state.content or b"")
        stream.flush()
        _dress(path, state, like)
        os.chmod(path, state.mode)
        os.fsync(stream.fileno())


def make_private(directory: str) -> None:
    """Make *directory*, 0700, with each one above that is missing."""
    if not os.path.isdir(directory):
        make_private(os.path.dirname(directory))
        os.mkdir(directory, 0o700)


def write(path: str, content: bytes) -> None:
    """Write a new file of ours, 0600, and flush it."""
    with _create(path) as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _create(path: str) -> BinaryIO:
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _dress(path: str, state: State, like: str) -> None:
    info = os.lstat(path)
    if (info.st_uid, info.st_gid) != (state.owner, state.group):
        os.chown(path, state.owner, state.group, follow_symlinks=False)
    _copy_attributes(like, path)


def _copy_attributes(source: str, path: str) -> None:
    """Give ``path`` the extended attributes of ``source``: SELinux context, ACL and others.

    ``source`` may be the directory of a new file: then the context, and the ACL it has for such
    files, as the kernel would. One that ``path`` inherited from where it was made goes.
    """
    whole = os.path.islink(source) or not os.path.isdir(source)
    names = (_attempt(os.listxattr, source) or []) if whole else [_CONTEXT]
    for name in names:
        value = None if name in _COMPUTED else _attempt(os.getxattr, source, name)
        if value is not None and value != _attempt(os.getxattr, path, name):
            _attempt(os.setxattr, path, name, value)
    given = None if whole else _attempt(os.getxattr, source, _DEFAULT_ACL)
    if given is not None:
        _attempt(os.setxattr, path, _ACL, given)
    elif _ACL not in names:
        _attempt(os.removexattr, path, _ACL)


def _attempt(call: Callable[..., _T], *arguments: object) -> _T | None:
    """Return what an xattr call returns; None where there is no such attribute.

    EPERM is how an unprivileged container answers for attributes that only its host uses.
    """
    try:
        return call(*arguments, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.ENODATA, errno.EPERM):
            raise
        return None


def exchange(one: str, other: str) -> bool:
    """Let two files change places in one step; return whether that can be done here."""
    return _renameat2(one, other, _EXCHANGE)


def appear(staged: str, path: str) -> None:
    """Rename ``staged`` to ``path``; raises FileExistsError if something stands there."""
    if not _renameat2(staged, path, _NOREPLACE):
        os.replace(staged, path)


def _renameat2(old: str, new: str, flag: int) -> bool:
    """renameat2(2), which Python lacks; False where system or filesystem lack it."""
    try:
        # Imported late: most runs write nothing.
        import ctypes

        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (ImportError, AttributeError):
        return False
    if call(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), flag) == 0:
        return True
    code = ctypes.get_errno()
    if code not in (errno.ENOSYS, errno.EINVAL):
        raise OSError(code, os.strerror(code), new)
    return False


def sync(directory: str) -> None:
    """Flush the entries of ``directory``."""
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a filesystem that cannot flush directories
            raise
    finally:
        os.close(fd)


def standing(directory: str) -> str:
    """Return ``directory``, or the nearest one above it that exists."""
    while not os.path.lexists(directory):
        directory = os.path.dirname(directory)
    return directory


def is_ours(directory: str) -> bool:
    """Return whether this is a directory (no link to one) that is ours and closed to others."""
    return private_owner(directory) == os.geteuid()


def private_owner(directory: str) -> int | None:
    """Return whose directory this is if it is one (no link to one) and closed to others."""
    try:
        info = os.lstat(directory)
    except OSError:
        return None
    private = stat.S_ISDIR(info.st_mode) and not info.st_mode & 0o077
    return info.st_uid if private else None


def without_links(path: str) -> str:
    """Return ``path`` with the links before its last component followed; a directory's too."""
    if os.path.isdir(path):
        return os.path.realpath(path)
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def inside(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def mount_of(directory: str) -> str:
    """Return what identifies the mount of ``directory``: rename(2) does not leave a mount.

    The device alone does not tell: a bind mount has that of its origin.
    """
    with about(directory):
        fd = os.open(directory, os.O_PATH | os.O_CLOEXEC)
        try:
            device = str(os.fstat(fd).st_dev)
            with contextlib.suppress(OSError), open(f"/proc/self/fdinfo/{fd}") as stream:
                for line in stream:
                    if line.startswith("mnt_id:"):
                        return device + " " + line.split()[1]
            return device
        finally:
            os.close(fd)


def place(directory: str, read: set[str], targets: set[str]) -> str:
    """Return where on the mount of ``directory`` a folder can be that httpd does not read.

    That is: outside the directories in ``read``, and rather not below one that holds files httpd
    reads or will. Where there is no other: below one that also holds a file httpd does not read.
    An Include of a whole directory would read that too (ap_process_resource_config in httpd's
    server/config.c), and a pattern leaves out names that begin with a dot (APR_FNM_PERIOD).
    """
    mount, above, here = mount_of(directory), [], directory
    while mount_of(here) == mount:
        if os.access(here, os.W_OK | os.X_OK):
            above.append(here)
        if here == "/":
            break
        here = os.path.dirname(here)
    if not above:
        read_only = os.statvfs(directory).f_flag & os.ST_RDONLY
        with about(directory):
            raise OSError(errno.EROFS if read_only else errno.EACCES, "not writable")
    whole = {path for path in read if os.path.isdir(path)}
    holding = {os.path.dirname(path) for path in read - whole} | targets
    for avoided in (whole | holding, whole | {path for path in holding if not _spares(path, read)}):
        for candidate in above:
            if not any(inside(candidate, path) for path in avoided):
                return candidate
    raise WriteFailed(
        directory,
        "there is no place on its filesystem for temporary files that httpd would not read",
        "mount a directory further up, or run as a user who may write there (become: true)",
    )


def _spares(directory: str, read: set[str]) -> bool:
    """Return whether there is a file in or below ``directory`` that httpd does not read."""
    return any(
        os.path.join(where, name) not in read
        for where, _folders, names in os.walk(directory)
        for name in names
    )
