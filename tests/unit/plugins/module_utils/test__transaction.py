# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commit, roll-back and recovery: all of it or nothing, killed at any instant."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import json
import os
import pwd
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import (
    _fileset,
    _staging,
    _transaction,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._fileset import (
    FileProblem,
    FileSet,
    State,
    Unreadable,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._staging import WriteFailed
from ansible_collections.webtier.apache_balancer.plugins.module_utils._transaction import (
    ChangedMeanwhile,
    Locked,
    RollBackFailed,
    Transaction,
    Untrusted,
)
from ansible_collections.webtier.apache_balancer.tests.support import machine

Picture = dict


class Host:
    """A small Debian-like tree, and a state directory beside it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.etc = base / "etc/apache2"
        self.state = base / "var/state"
        for name in ("sites-available", "sites-enabled", "conf.d"):
            (self.etc / name).mkdir(parents=True)
        (self.etc / "apache2.conf").write_bytes(b"Include conf.d\n")
        (self.etc / "conf.d/keep.conf").write_bytes(b"keep\n")
        (self.etc / "conf.d/gone.conf").write_bytes(b"gone\n")
        (self.etc / "sites-available/x.conf").write_bytes(b"old x\n")
        (self.etc / "sites-available/y.conf").write_bytes(b"old y\n")
        os.chmod(self.etc / "sites-available/x.conf", 0o640)
        (self.etc / "sites-enabled/x.conf").symlink_to("../sites-available/x.conf")
        (self.etc / "sites-enabled/stale.conf").symlink_to("../sites-available/y.conf")

    def transaction(self, timeout: float = 5.0) -> Transaction:
        return Transaction(str(self.state), timeout)

    def reads(self) -> list[str]:
        names = ("apache2.conf", "conf.d", "sites-enabled/x.conf")
        return [f"{self.etc}/{name}" for name in names]

    def change(self) -> FileSet:
        """One of everything: through a link, mode, new directories, removals, links."""
        files = FileSet()
        files.write(f"{self.etc}/sites-enabled/x.conf", b"new x\n")
        files.write(f"{self.etc}/sites-available/y.conf", b"old y\n", mode=0o600)
        files.write(f"{self.etc}/balancers/deep/z.conf", b"new z\n")
        files.remove(f"{self.etc}/conf.d/gone.conf")
        files.remove(f"{self.etc}/sites-enabled/stale.conf")
        files.link(f"{self.etc}/sites-enabled/z.conf", "../balancers/deep/z.conf")
        return files

    def picture(self) -> Picture:
        """Everything below etc, hidden files too: type, owner, mode, content or target."""
        picture: Picture = {}
        for path in sorted((self.base / "etc").rglob("*")):
            info = path.lstat()
            if path.is_symlink():
                content: object = os.readlink(path)
            else:
                content = path.read_bytes() if path.is_file() else None
            mode, owner = stat.filemode(info.st_mode), (info.st_uid, info.st_gid)
            picture[str(path.relative_to(self.base))] = (mode, owner, content)
        return picture

    def state_files(self) -> list[str]:
        return sorted(os.listdir(self.state))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(Path(os.path.realpath(tmp_path)))


@pytest.fixture
def two_filesystems(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """The same, with the state directory on another mount than etc."""

    def mount_of(directory: str) -> str:
        return "etc" if "/etc/" in directory + "/" else "other"

    monkeypatch.setattr(_staging, "mount_of", mount_of)
    monkeypatch.setattr(_transaction, "mount_of", mount_of)
    return host


# -- what a commit does ---------------------------------------------------------------------------


def test_a_commit_makes_replaces_links_and_removes(host: Host) -> None:
    with host.transaction() as t:
        assert t.commit(host.change()) == {}
    etc = host.etc
    assert (etc / "sites-available/x.conf").read_bytes() == b"new x\n"
    assert (etc / "balancers/deep/z.conf").read_bytes() == b"new z\n"
    assert os.readlink(etc / "sites-enabled/z.conf") == "../balancers/deep/z.conf"
    assert not (etc / "conf.d/gone.conf").exists()
    assert not (etc / "sites-enabled/stale.conf").is_symlink()
    assert stat.S_IMODE((etc / "sites-available/y.conf").stat().st_mode) == 0o600


def test_a_commit_keeps_mode_and_the_link_to_the_file(host: Host) -> None:
    with host.transaction() as t:
        t.commit(host.change())
    assert os.readlink(host.etc / "sites-enabled/x.conf") == "../sites-available/x.conf"
    assert stat.S_IMODE((host.etc / "sites-available/x.conf").stat().st_mode) == 0o640


def test_a_commit_keeps_extended_attributes(host: Host) -> None:
    path = host.etc / "sites-available/x.conf"
    os.setxattr(path, "user.note", b"mine")
    with host.transaction() as t:
        t.commit(host.change())
        assert os.getxattr(path, "user.note") == b"mine"
        t.roll_back()
    assert os.getxattr(path, "user.note") == b"mine"


def acl(mask: int) -> bytes:
    """Return an access control list by which user 65534 has what *mask* allows (linux/posix_acl_xattr.h)."""
    none = 0xFFFFFFFF
    entries = [(1, 6, none), (2, 6, 65534), (4, 4, none), (16, mask, none), (32, 0, none)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"


def test_a_file_gets_no_access_list_from_the_folder_in_which_it_is_prepared(host: Host) -> None:
    # What is made in there inherits it.
    for folder in (host.base, host.state):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.setxattr(folder, DEFAULT, acl(6))
    with host.transaction() as t:
        t.commit(host.change())
        for name in ("sites-available/x.conf", "sites-available/y.conf", "balancers/deep/z.conf"):
            assert ACCESS not in os.listxattr(host.etc / name), name
        t.roll_back()
    assert ACCESS not in os.listxattr(host.etc / "sites-available/x.conf")


def test_a_new_file_gets_the_access_list_of_its_directory_within_its_mode(host: Host) -> None:
    os.setxattr(host.etc, DEFAULT, acl(6))
    files = FileSet()
    files.write(f"{host.etc}/new.conf", b"new", mode=0o640)
    files.write(f"{host.etc}/secret.conf", b"new", mode=0o600)
    with host.transaction() as t:
        t.commit(files)
    assert os.getxattr(host.etc / "new.conf", ACCESS) == acl(4)
    assert os.getxattr(host.etc / "secret.conf", ACCESS) == acl(0)


def test_a_commit_keeps_the_security_context_and_gives_a_new_file_that_of_its_directory(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Stands for SELinux, which a test machine seldom has.
    contexts = {f"{host.etc}/sites-available/x.conf": b"special_t", f"{host.etc}": b"config_t"}

    def get(path: str, name: str, follow_symlinks: bool = True) -> bytes:
        if path not in contexts or name != "security.selinux":
            raise OSError(errno.ENODATA, "No data available")
        return contexts[path]

    def put(path: str, name: str, value: bytes, follow_symlinks: bool = True) -> None:
        contexts[Path(path).read_bytes().decode()] = value

    monkeypatch.setattr(os, "listxattr", lambda *_, **__: ["security.selinux", "security.ima"])
    monkeypatch.setattr(os, "getxattr", get)
    monkeypatch.setattr(os, "setxattr", put)
    files = FileSet()
    files.write(f"{host.etc}/sites-available/x.conf", b"x")
    files.write(f"{host.etc}/new/z.conf", b"z")
    with host.transaction() as t:
        t.commit(files)
    assert (contexts["x"], contexts["z"]) == (b"special_t", b"config_t")


def test_a_filesystem_without_extended_attributes_is_fine(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    for name in ("listxattr", "getxattr", "setxattr", "removexattr"):
        monkeypatch.setattr(os, name, refuse)
    with host.transaction() as t:
        t.commit(host.change())
    assert (host.etc / "sites-available/x.conf").read_bytes() == b"new x\n"


def test_a_new_file_is_0644_less_the_umask_or_as_asked(host: Host) -> None:
    files = FileSet()
    files.write(f"{host.etc}/a.conf", b"")
    files.write(f"{host.etc}/b.conf", b"", mode=0o400)
    before = os.umask(0o027)
    try:
        with host.transaction() as t:
            t.commit(files)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((host.etc / name).stat().st_mode) for name in ("a.conf", "b.conf")]
    assert modes == [0o640, 0o400]


def test_a_file_may_take_the_place_of_a_link_and_a_link_that_of_a_file(host: Host) -> None:
    old = host.picture()
    files = FileSet()
    files.remove(f"{host.etc}/sites-enabled/x.conf")
    files.write(f"{host.etc}/sites-enabled/x.conf", b"own\n")
    files.remove(f"{host.etc}/conf.d/keep.conf")
    files.link(f"{host.etc}/conf.d/keep.conf", "../sites-available/x.conf")
    with host.transaction() as t:
        t.commit(files)
        assert (host.etc / "sites-enabled/x.conf").read_bytes() == b"own\n"
        assert (host.etc / "conf.d/keep.conf").read_bytes() == b"old x\n"
        t.roll_back()
    assert host.picture() == old


def test_a_name_that_is_not_text_survives_commit_and_roll_back(host: Host) -> None:
    path = os.fsdecode(os.fsencode(str(host.etc)) + b"/caf\xe9.conf")
    Path(path).write_bytes(b"\xff\xfe old")
    files = FileSet()
    files.write(path, b"\xff new")
    with host.transaction() as t:
        t.commit(files)
        t.roll_back()
    assert Path(path).read_bytes() == b"\xff\xfe old"


def test_nothing_to_change_writes_nothing(host: Host) -> None:
    files = FileSet()
    files.write(f"{host.etc}/conf.d/keep.conf", b"keep\n")
    with host.transaction() as t:
        assert t.commit(files, backup=True) == {}
    assert host.state_files() == ["lock"]


def test_nothing_but_the_lock_and_the_proven_record_remains(two_filesystems: Host) -> None:
    host = two_filesystems
    with host.transaction() as t:
        t.commit(host.change(), reads=host.reads())
    assert host.state_files() == ["lock", "proven"]
    assert not [path for path in host.picture() if ".webtier" in path]


def test_staged_files_are_private_and_where_httpd_does_not_read(two_filesystems: Host) -> None:
    host, folders = two_filesystems, []
    with host.transaction() as t:
        t.commit(host.change(), reads=host.reads())
        for path in (host.base / "etc").rglob(".webtier*"):
            folders.append(path)
        assert [path.parent for path in folders] == [host.base / "etc"]
        assert stat.S_IMODE(folders[0].stat().st_mode) == 0o700


def test_a_change_of_a_hidden_owner_keeps_what_the_entry_leaves_open(host: Host) -> None:
    files = FileSet()
    files.write(f"{host.etc}/sites-available/x.conf", b"n\n", group=os.getegid())
    with host.transaction() as t:
        t.commit(files)
    info = (host.etc / "sites-available/x.conf").stat()
    assert (info.st_gid, stat.S_IMODE(info.st_mode)) == (os.getegid(), 0o640)


def test_owner_and_group_go_on_before_the_file_is_seen(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: dict[bytes, tuple[int, int]] = {}

    def chown(path: str, owner: int, group: int, follow_symlinks: bool = True) -> None:
        assert ".webtier" in path
        owners[Path(path).read_bytes()] = (owner, group)

    monkeypatch.setattr(os, "chown", chown)
    files = FileSet()
    files.write(f"{host.etc}/a.conf", b"a", owner=4711, group=4712)
    files.write(f"{host.etc}/sites-available/x.conf", b"x", group=4712)
    with host.transaction() as t:
        t.commit(files)
    assert owners == {b"a": (4711, 4712), b"x": (os.geteuid(), 4712)}


# -- backups --------------------------------------------------------------------------------------


def test_a_backup_goes_to_the_private_folder_and_never_beside_the_file(host: Host) -> None:
    with host.transaction() as t:
        backups = t.commit(host.change(), backup=True)
    x, gone = f"{host.etc}/sites-available/x.conf", f"{host.etc}/conf.d/gone.conf"
    assert set(backups) == {x, gone, f"{host.etc}/sites-available/y.conf"}
    assert Path(backups[x]).read_bytes() == b"old x\n"
    assert Path(backups[gone]).read_bytes() == b"gone\n"
    for copy in backups.values():
        assert copy.startswith(f"{host.state}/backup/2")
        assert stat.S_IMODE(os.stat(copy).st_mode) == 0o600


def test_backups_of_a_change_rolled_back_go_too_and_earlier_ones_stay(host: Host) -> None:
    with host.transaction() as t:
        files = FileSet()
        files.write(f"{host.etc}/conf.d/keep.conf", b"kept\n")
        (first,) = t.commit(files, backup=True).values()
        (second, *dummy) = t.commit(host.change(), backup=True).values()
        t.roll_back()
    assert Path(first).read_bytes() == b"keep\n"
    assert not Path(second).exists()


# -- roll-back ------------------------------------------------------------------------------------


def test_roll_back_restores_everything_with_its_times(host: Host) -> None:
    old = host.picture()
    path = host.etc / "sites-available/x.conf"
    os.utime(path, ns=(1_000_000_000, 2_000_000_000))
    with host.transaction() as t:
        t.commit(host.change())
        t.roll_back()
    assert host.picture() == old
    assert path.stat().st_mtime_ns == 2_000_000_000


def test_roll_back_undoes_the_last_commit_only_and_only_once(host: Host) -> None:
    with host.transaction() as t:
        t.commit(host.change())
        first = host.picture()
        files = FileSet()
        files.write(f"{host.etc}/conf.d/keep.conf", b"second\n")
        t.commit(files)
        t.roll_back()
        assert host.picture() == first
        t.roll_back()
        assert host.picture() == first


def test_a_complete_commit_is_not_rolled_back_by_the_next_transaction(host: Host) -> None:
    with host.transaction() as t:
        t.commit(host.change())
        new = host.picture()
    with host.transaction() as t:
        assert t.recovered == []
        t.roll_back()
    assert host.picture() == new


def test_roll_back_leaves_what_somebody_else_changed_since(host: Host) -> None:
    with host.transaction() as t:
        t.commit(host.change())
        (host.etc / "sites-available/x.conf").write_bytes(b"by hand\n")
        with pytest.raises(ChangedMeanwhile, match=r"x\.conf"):
            t.roll_back()
    assert (host.etc / "sites-available/x.conf").read_bytes() == b"by hand\n"
    assert (host.etc / "conf.d/gone.conf").read_bytes() == b"gone\n"


def test_roll_back_keeps_a_new_directory_that_somebody_else_uses(host: Host) -> None:
    with host.transaction() as t:
        t.commit(host.change())
        (host.etc / "balancers/theirs.conf").write_bytes(b"")
        t.roll_back()
    assert [path.name for path in (host.etc / "balancers").iterdir()] == ["theirs.conf"]


def test_what_cannot_be_put_back_now_is_put_back_by_the_next_transaction(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = host.picture()
    with contextlib.ExitStack() as stack:
        t = stack.enter_context(host.transaction())
        t.commit(host.change())
        with monkeypatch.context() as patch:
            patch.setattr(_transaction, "_put", failing(_transaction._put, "x.conf", errno.EIO))
            with pytest.raises(RollBackFailed, match=r"x\.conf"):
                t.roll_back()
    with host.transaction() as t:
        assert "rolled back" in t.recovered[0]
    assert host.picture() == old


# -- refusals and failures: everything as before --------------------------------------------------


@pytest.mark.parametrize("touch", ["content", "mode", "removed", "directory", "link"])
def test_a_file_changed_since_it_was_read_is_refused_by_name(host: Host, touch: str) -> None:
    files = host.change()
    path = host.etc / "sites-available/x.conf"
    if touch == "content":
        path.write_bytes(b"by hand\n")
    elif touch == "mode":
        path.chmod(0o600)
    else:
        path.unlink()
    if touch == "directory":
        path.mkdir()
    elif touch == "link":
        path.symlink_to("y.conf")
    before = host.picture()
    with host.transaction() as t, pytest.raises(ChangedMeanwhile, match=r"x\.conf"):
        t.commit(files)
    assert host.picture() == before


def test_a_file_only_read_and_changed_since_is_refused_too(host: Host) -> None:
    files = host.change()
    files.read(f"{host.etc}/conf.d/keep.conf")
    (host.etc / "conf.d/keep.conf").write_bytes(b"by hand\n")
    before = host.picture()
    with host.transaction() as t, pytest.raises(ChangedMeanwhile, match=r"keep\.conf"):
        t.commit(files)
    assert host.picture() == before


def test_a_file_that_appeared_since_is_refused(host: Host) -> None:
    files = host.change()
    (host.etc / "balancers/deep").mkdir(parents=True)
    (host.etc / "balancers/deep/z.conf").write_bytes(b"theirs\n")
    before = host.picture()
    with host.transaction() as t, pytest.raises(ChangedMeanwhile, match=r"z\.conf"):
        t.commit(files)
    assert host.picture() == before


def test_a_file_changed_in_the_middle_of_the_commit_is_left_alone_and_the_rest_as_before(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, late = _transaction._put, host.etc / "sites-enabled/stale.conf"

    def put_and_edit(*step: Any) -> None:
        put(*step)
        if step[-1].endswith("/z.conf") and late.is_symlink():
            late.unlink()

    old = host.picture()
    monkeypatch.setattr(_transaction, "_put", put_and_edit)
    with host.transaction() as t, pytest.raises(ChangedMeanwhile, match=r"stale\.conf"):
        t.commit(host.change())
    del old[str(late.relative_to(host.base))]
    assert host.picture() == old


@pytest.fixture(params=["in place", "by another file"])
def edit(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    """What a person does to a file."""

    def done(path: Path) -> None:
        if request.param == "by another file":
            path.with_name("edited").write_bytes(b"")
            path.with_name("edited").rename(path)
        path.write_bytes(b"by hand\n")

    return done


LATE = ["sites-available/x.conf", "conf.d/gone.conf", "balancers/deep/z.conf"]


@pytest.mark.parametrize("name", LATE, ids=["changed", "removed", "new"])
def test_what_somebody_writes_at_the_last_moment_is_put_back_and_the_rest_is_as_before(
    host: Host, monkeypatch: pytest.MonkeyPatch, edit: Callable[[Path], None], name: str
) -> None:
    expect, edited = _transaction._expect, []

    def expect_and_edit(path: str, state: State) -> None:
        expect(path, state)
        # First all are looked at, then each before it is changed.
        edited.append(path)
        if path == f"{host.etc}/{name}" and edited.count(path) == 2:
            edit(Path(path))

    old = host.picture()
    monkeypatch.setattr(_transaction, "_expect", expect_and_edit)
    with host.transaction() as t, pytest.raises(ChangedMeanwhile, match=name):
        t.commit(host.change())
    assert (host.etc / name).read_bytes() == b"by hand\n"
    new = host.picture()
    assert {path for path in old.keys() | new if old.get(path) != new.get(path)} <= {
        f"etc/apache2/{name}",
        "etc/apache2/balancers",
        "etc/apache2/balancers/deep",
    }


@pytest.mark.parametrize("name", LATE, ids=["changed", "removed", "new"])
def test_what_somebody_writes_at_the_last_moment_of_a_roll_back_is_put_back_too(
    host: Host, monkeypatch: pytest.MonkeyPatch, edit: Callable[[Path], None], name: str
) -> None:
    put_back = _transaction._put_back

    def edit_and_put_back(step: Any) -> None:
        if step.path == f"{host.etc}/{name}":
            edit(Path(step.path))
        put_back(step)

    monkeypatch.setattr(_transaction, "_put_back", edit_and_put_back)
    with host.transaction() as t:
        t.commit(host.change())
        with pytest.raises(ChangedMeanwhile, match=name):
            t.roll_back()
    assert (host.etc / name).read_bytes() == b"by hand\n"
    others = [other for other in LATE[:2] if other != name]
    assert [(host.etc / other).read_bytes()[:4] for other in others] == [
        b"old " if other == LATE[0] else b"gone" for other in others
    ]


def test_where_files_cannot_be_exchanged_they_are_replaced(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_staging, "_renameat2", lambda *_: False)
    old = host.picture()
    with host.transaction() as t:
        t.commit(host.change())
        assert (host.etc / "sites-available/x.conf").read_bytes() == b"new x\n"
        assert (host.etc / "balancers/deep/z.conf").read_bytes() == b"new z\n"
        assert not (host.etc / "conf.d/gone.conf").exists()
        t.roll_back()
    assert host.picture() == old


def failing(call: Callable[..., Any], name: str, code: int) -> Callable[..., Any]:
    """Return ``call`` failing with ``code`` once its last argument is a path ending in ``name``."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if str(args[-1]).endswith(name):
            raise OSError(code, os.strerror(code))
        return call(*args, **kwargs)

    return wrapped


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EBUSY, "mount of its own"),
        (errno.EROFS, "read-only"),
        (errno.EPERM, "lsattr"),
        (errno.EACCES, "become"),
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_an_error_of_the_system_is_told_with_path_and_advice_and_all_is_as_before(
    host: Host, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    old = host.picture()
    # The last file to be changed, when all others have been already.
    fails = failing(_transaction._put, "apache2/conf.d/gone.conf", code)
    monkeypatch.setattr(_transaction, "_put", fails)
    with host.transaction() as t, pytest.raises(WriteFailed, match=words) as caught:
        t.commit(host.change(), backup=True)
    assert caught.value.path == f"{host.etc}/conf.d/gone.conf"
    assert host.picture() == old
    assert host.state_files() == ["backup", "lock", "proven"]
    assert os.listdir(host.state / "backup") == []


@contextlib.contextmanager
def unreadable(number: int) -> Iterator[None]:
    """Let the look with that *number* find that the file cannot be read."""
    looks = itertools.count()

    def look(path: str) -> State:
        if next(looks) == number:
            raise Unreadable(path, "cannot be read (Input/output error)", "look at its filesystem")
        return _fileset.look(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_transaction, "look", look)
        yield


def test_a_file_that_cannot_be_read_is_told_as_that_and_all_is_as_before(host: Host) -> None:
    old = host.picture()
    for number in itertools.count():
        try:
            with unreadable(number), host.transaction() as t:
                t.commit(host.change())
            break
        except FileProblem as error:
            assert str(host.base) in error.path
            assert "Input/output error" in str(error)
            assert host.picture() == old
    # At least each is looked at before all, before its change, and after it.
    assert number > 3 * len(host.change().changed())
    assert host.picture() != old


def test_a_file_that_cannot_be_read_to_be_put_back_is_told_and_put_back_by_the_next_transaction(
    tmp_path: Path,
) -> None:
    for number in itertools.count():
        host = Host(Path(os.path.realpath(tmp_path)) / str(number))
        old = host.picture()
        with host.transaction() as t:
            t.commit(host.change())
            new = host.picture()
            try:
                with unreadable(number):
                    t.roll_back()
                break
            except FileProblem as error:
                assert str(host.base) in error.path
                assert "Input/output error" in str(error)
        with host.transaction():
            pass
        # The first look is for what there is to put back.
        assert host.picture() == (old if number else new), number
        assert [name for name in host.state_files() if name not in ("lock", "proven")] == []
    assert number > len(host.change().changed())


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Unreadable("", "cannot be read", "")])
@pytest.mark.parametrize("name", LATE[:2], ids=["changed", "removed"])
def test_what_cannot_be_looked_at_after_the_change_may_be_of_somebody_else_and_is_put_back(
    host: Host, monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException
) -> None:
    print_at, before = _transaction._print_at, (host.etc / name).read_bytes()

    def edited(path: str) -> str:
        # Where it was put aside, and before its copy is looked at.
        aside = Path(path)
        if host.etc not in aside.parents and aside.is_file() and aside.read_bytes() == before:
            aside.write_bytes(b"by hand\n")
            monkeypatch.undo()
            raise error
        return print_at(path)

    monkeypatch.setattr(_transaction, "_print_at", edited)
    with host.transaction() as t, pytest.raises(type(error)):
        t.commit(host.change())
    assert (host.etc / name).read_bytes() == b"by hand\n"


def test_an_interrupt_by_the_user_rolls_back_too(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = _transaction._put

    def put_until_interrupted(*step: Any) -> None:
        put(*step)
        if step[-1].endswith("enabled/z.conf"):
            monkeypatch.undo()
            raise KeyboardInterrupt

    old = host.picture()
    monkeypatch.setattr(_transaction, "_put", put_until_interrupted)
    with pytest.raises(KeyboardInterrupt), host.transaction() as t:
        t.commit(host.change())
    with host.transaction() as t:
        assert t.recovered == []
    assert host.picture() == old


def test_a_parent_that_becomes_a_file_is_refused(host: Host) -> None:
    files = host.change()
    files.write(f"{host.etc}/more/below.conf", b"")
    (host.etc / "more").write_bytes(b"in the way")
    old = host.picture()
    with host.transaction() as t, pytest.raises(ChangedMeanwhile, match="below.conf"):
        t.commit(files)
    assert host.picture() == old


def in_child(work: Callable[[], None], user: int | None = None) -> int:
    """Run ``work`` in a forked child (as ``user``); returns the wait status."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            if user is not None and os.geteuid() == 0:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            work()
            os._exit(0)
        os._exit(1)
    return os.waitpid(pid, 0)[1]


@pytest.fixture
def open_host() -> Iterator[Host]:
    """A host in a directory that every user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        os.chmod(name, 0o755)
        yield Host(Path(os.path.realpath(name)))


def test_without_permission_nothing_changes_and_become_is_advised(open_host: Host) -> None:
    host = open_host
    report = host.base / "report"
    report.touch()
    report.chmod(0o666)
    (host.base / "free").mkdir()
    (host.base / "free").chmod(0o777)
    (host.etc / "conf.d").chmod(0o555)
    old = host.picture()

    def work() -> None:
        files = FileSet()
        files.write(f"{host.etc}/conf.d/keep.conf", b"mine\n")
        try:
            with Transaction(f"{host.base}/free/state") as t:
                t.commit(files)
        except WriteFailed as error:
            report.write_text(str(error))

    assert in_child(work, user=65534) == 0
    assert "keep.conf" in report.read_text()
    assert "become" in report.read_text()
    assert host.picture() == old


# -- killed at any instant ------------------------------------------------------------------------

CALLS = (
    *("open", "mkdir", "rmdir", "unlink", "rename", "replace", "symlink", "link", "fsync"),
    *("chmod", "chown", "utime", "setxattr", "truncate", "ftruncate"),
)


Work = Callable[[Callable[[], None]], None]


def killed_at(instant: int, work: Work) -> bool:
    """Run ``work`` in a child killed just before its n-th call to the system.

    ``work`` gets a function that starts the counting. Returns whether the child was killed;
    False: it came to its end before.
    """
    left = instant

    def count(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return wrapped

    def start() -> None:
        for name in CALLS:
            setattr(os, name, count(getattr(os, name)))

    status = in_child(lambda: work(start))
    assert status in (0, signal.SIGKILL), "the child failed by itself"
    return status == signal.SIGKILL


def killed_hosts(base: Path, work: Callable[[Host], Work]) -> Iterator[Host]:
    """Yield a new host for each instant at which ``work`` can be killed, killed there."""
    for instant in range(10_000):
        host = Host(base / str(instant))
        if not killed_at(instant, work(host)):
            assert instant > 10, "too few calls counted: this no longer tests anything"
            return
        yield host


def pictures(base: Path) -> tuple[Picture, Picture]:
    """Return what stands there before and after an undisturbed commit."""
    host = Host(base / "undisturbed")
    old = host.picture()
    with host.transaction() as t:
        t.commit(host.change())
    return old, host.picture()


def recovered(host: Host, old: Picture, new: Picture) -> str:
    """Check ``host`` after a kill, recover it, check it again; returns what the recovery told."""
    now = host.picture()
    strays = {path for path in now if ".webtier" in path}
    for path in {*old, *new, *now} - strays:
        assert now.get(path) in (old.get(path), new.get(path)), path
    assert all(path.startswith("etc/.webtier") for path in strays), "httpd would read these"
    with host.transaction() as t:
        told = " ".join(t.recovered)
    assert "left alone" not in told
    files = [
        {path: value for path, value in picture.items() if value[0][0] != "d"}
        for picture in (now, old, new)
    ]
    for path in strays:
        files[0].pop(path, None)
    if files[0] not in files[1:]:
        assert "an interrupted change was rolled back" in told
    assert host.picture() == (old if told else host.picture())
    assert host.picture() in (old, new)
    left = [name for name in host.state_files() if not name.endswith(".new")]
    assert set(left) <= {"lock", "proven", "backup"}
    with host.transaction() as t:
        assert t.recovered == []
        t.commit(host.change() if host.picture() == old else FileSet())
    assert host.picture() == new
    return told


@pytest.fixture(params=["one filesystem", "two filesystems"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "two filesystems":
        request.getfixturevalue("two_filesystems")
    return Path(os.path.realpath(tmp_path)) / "hosts"


def test_a_commit_killed_at_any_instant_is_rolled_back_or_complete(base: Path) -> None:
    old, new = pictures(base)

    def work(host: Host) -> Work:
        def commit(start: Callable[[], None]) -> None:
            start()
            with host.transaction() as t:
                t.commit(host.change(), backup=True, reads=host.reads())

        return commit

    told = [recovered(host, old, new) for host in killed_hosts(base, work)]
    assert sum(bool(sentence) for sentence in told) > 6  # at least between any two files
    assert not told[0]
    assert not told[-1]  # killed while sweeping: the commit stands


def test_a_roll_back_killed_at_any_instant_is_completed_or_not_begun(base: Path) -> None:
    old, new = pictures(base)

    def work(host: Host) -> Work:
        def roll_back(start: Callable[[], None]) -> None:
            with host.transaction() as t:
                t.commit(host.change(), reads=host.reads())
                start()
                t.roll_back()

        return roll_back

    told = [recovered(host, old, new) for host in killed_hosts(base, work)]
    assert not told[0]
    assert sum(bool(sentence) for sentence in told) > 6


def test_a_recovery_killed_at_any_instant_is_completed_by_the_next(base: Path) -> None:
    old, new = pictures(base)

    def work(host: Host) -> Work:
        def recover(start: Callable[[], None]) -> None:
            put, left = _transaction._put, 4

            def interrupted(*step: Any) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                put(*step)

            def commit() -> None:
                _transaction._put = interrupted
                with host.transaction() as t:
                    t.commit(host.change(), reads=host.reads())

            if in_child(commit) != signal.SIGKILL:
                raise RuntimeError("was not interrupted")
            start()
            with host.transaction():
                pass

        return recover

    for host in killed_hosts(base, work):
        recovered(host, old, new)


def test_a_folder_that_could_not_be_removed_goes_with_the_next_transaction(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise OSError("no")

    with monkeypatch.context() as patch, host.transaction() as t:
        t.commit(host.change())
        patch.setattr(os, "rmdir", refuse)
    assert list(host.state.glob(".webtier*"))
    with host.transaction():
        pass
    assert not list(host.state.glob(".webtier*"))


def test_recovery_leaves_a_file_somebody_mended_by_hand_and_says_so(host: Host) -> None:
    def work(start: Callable[[], None]) -> None:
        with host.transaction() as t:
            _transaction._sync_all = lambda _: os.kill(os.getpid(), signal.SIGKILL)
            t.commit(host.change())

    assert killed_at(10_000, work)
    (host.etc / "sites-available/x.conf").write_bytes(b"by hand\n")
    with host.transaction() as t:
        assert len(t.recovered) == 2
        assert f"left alone: {host.etc}/sites-available/x.conf" in t.recovered[1]
    assert (host.etc / "sites-available/x.conf").read_bytes() == b"by hand\n"
    assert (host.etc / "conf.d/gone.conf").read_bytes() == b"gone\n"


def test_recovery_does_not_restore_a_copy_that_is_not_the_old_file(host: Host) -> None:
    def work(start: Callable[[], None]) -> None:
        with host.transaction() as t:
            _transaction._sync_all = lambda _: os.kill(os.getpid(), signal.SIGKILL)
            t.commit(host.change())

    assert killed_at(10_000, work)
    for copy in host.state.glob(".webtier*/*.old"):
        if copy.is_file() and copy.read_bytes() == b"gone\n":
            copy.write_bytes(b"forged\n")
    with pytest.raises(RollBackFailed, match=r"gone\.conf"), host.transaction():
        pass
    assert not (host.etc / "conf.d/gone.conf").exists()
    assert "journal" in host.state_files()


def test_what_the_next_transaction_will_put_back_is_foreseen(host: Host) -> None:
    def work(start: Callable[[], None]) -> None:
        with host.transaction() as t:
            _transaction._sync_all = lambda _: os.kill(os.getpid(), signal.SIGKILL)
            t.commit(host.change())

    old = host.picture()
    assert killed_at(10_000, work)
    (host.etc / "sites-available/y.conf").write_bytes(b"by hand\n")
    between, state = host.picture(), host.state_files()
    told, files = host.transaction().foresee()
    assert (host.picture(), host.state_files()) == (between, state)
    assert "is to be rolled back first" in told[0] and "left alone" in told[1]
    foreseen = {entry.path: (entry.content, entry.link) for entry in files.changed()}
    with host.transaction() as t:
        assert [sentence.partition(":")[2] for sentence in told] == [
            sentence.partition(":")[2] for sentence in t.recovered
        ]
    etc = {f"{host.base}/{name}": what for name, what in old.items()}
    assert len(foreseen) == 5
    for path, (content, link) in foreseen.items():
        assert (content or link) == etc.get(path, (0, 0, None))[2]


def test_what_another_transaction_is_about_to_write_is_not_foreseen_to_be_put_back(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, seen = _transaction._put, []

    def look_and_put(*step: Any) -> None:
        put(*step)
        seen.append(host.transaction().foresee()[0])

    monkeypatch.setattr(_transaction, "_put", look_and_put)
    with host.transaction() as t:
        t.commit(host.change())
    assert seen == [[]] * 6


@pytest.fixture
def calls(two_filesystems: Host, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every call of a commit to the system that counts, in order: "flush etc/apache2" …"""
    host, calls = two_filesystems, []

    def note(where: Any, name: str, verb: str, which: int) -> None:
        call = getattr(where, name)

        def noted(*args: Any, **kwargs: Any) -> Any:
            path = args[which]
            if isinstance(path, int):
                path = os.readlink(f"/proc/self/fd/{path}")
            calls.append(f"{verb} {os.path.relpath(path, host.base)}")
            return call(*args, **kwargs)

        monkeypatch.setattr(where, name, noted)

    note(os, "fsync", "flush", 0)
    note(os, "mkdir", "make", 0)
    note(os, "rename", "remove", 0)
    note(os, "replace", "put", 1)
    note(_transaction, "exchange", "put", 1)
    note(_transaction, "appear", "put", 1)
    with host.transaction() as t:
        t.commit(host.change(), reads=host.reads())
    return calls


def test_everything_is_flushed_before_what_relies_on_it(calls: list[str]) -> None:
    # A power failure cannot be tested by a kill; the order of the calls can.
    prepared, written = (i for i, call in enumerate(calls) if call == "put var/state/journal")
    complete = calls.index("put var/state/undo")
    (folder,) = (call[5:] for call in calls if call.startswith("make etc/.webtier"))

    assert "flush var/state" in calls[prepared : calls.index(f"make {folder}")]
    staging = calls[prepared:written]
    files = {call.split("/")[-1] for call in staging if call.startswith(f"flush {folder}/")}
    assert files == {"0.new", "1.new", "1.old", "2.new", "2.old", "5.old"}  # 3 and 4: links
    for call in (f"flush {folder}", "flush etc", "flush var/state/journal.new"):
        assert call in staging
    assert calls[written + 1] == "flush var/state"

    assert set(calls[complete - 6 : complete]) == {
        "flush etc/apache2",
        "flush etc/apache2/balancers",
        "flush etc/apache2/balancers/deep",
        "flush etc/apache2/conf.d",
        "flush etc/apache2/sites-available",
        "flush etc/apache2/sites-enabled",
    }
    assert calls[complete + 1] == "flush var/state"


def test_who_reads_in_the_middle_of_a_commit_finds_no_link_without_its_file(
    calls: list[str],
) -> None:
    changes = [call for call in calls if call.startswith(("put etc/apache2", "remove etc/apache2"))]
    assert changes == [
        "put etc/apache2/balancers/deep/z.conf",
        "put etc/apache2/sites-available/x.conf",
        "put etc/apache2/sites-available/y.conf",
        "put etc/apache2/sites-enabled/z.conf",
        "remove etc/apache2/sites-enabled/stale.conf",
        "remove etc/apache2/conf.d/gone.conf",
    ]


def test_a_file_that_includes_a_new_one_is_changed_after_that(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, order = _transaction._put, []

    def note(*step: Any) -> None:
        order.append(os.path.basename(step[-1]))
        put(*step)

    monkeypatch.setattr(_transaction, "_put", note)
    files = FileSet()
    files.write(f"{host.etc}/conf.d/keep.conf", b"Include new.conf\n")
    files.write(f"{host.etc}/new.conf", b"")
    with host.transaction() as t:
        t.commit(files)
    assert order == ["new.conf", "keep.conf"]


# -- the lock -------------------------------------------------------------------------------------


def test_a_second_transaction_is_told_the_pid_of_the_first(host: Host) -> None:
    second = host.transaction(timeout=0.1)
    with host.transaction(), pytest.raises(Locked, match=f"pid {os.getpid()}"), second:
        pass


@pytest.mark.parametrize("call", [Transaction.__enter__, Transaction.foresee])
def test_a_lock_that_cannot_be_had_at_all_is_told_with_its_path(
    host: Host, monkeypatch: pytest.MonkeyPatch, call: Callable[[Transaction], Any]
) -> None:
    with host.transaction():
        pass

    def flock(_descriptor: int, _kind: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(WriteFailed, match="No locks available") as caught:
        call(host.transaction())
    assert caught.value.path == f"{host.state}/lock"


def test_a_second_transaction_waits_for_the_first(host: Host) -> None:
    order = []

    def second() -> None:
        with host.transaction():
            order.append("second")

    with host.transaction():
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_the_lock_of_a_killed_transaction_is_free(host: Host) -> None:
    def work(start: Callable[[], None]) -> None:
        with host.transaction():
            os.kill(os.getpid(), signal.SIGKILL)

    assert killed_at(0, work)
    with host.transaction(timeout=0.0):
        pass


def test_the_lock_is_free_after_an_error(host: Host) -> None:
    with contextlib.suppress(RuntimeError), host.transaction():
        raise RuntimeError
    with host.transaction(timeout=0.0):
        pass


# -- trust ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0, 0o022, 0o077], ids="{:03o}".format)
def test_what_is_kept_and_what_is_prepared_is_private_whatever_the_umask(
    host: Host, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    seen: dict[Path, int] = {}

    def look() -> None:
        for path in [host.state, *host.state.rglob("*")]:
            seen[path] = path.lstat().st_mode

    put = _transaction._put

    def put_and_look(*arguments: Any) -> Any:
        look()
        return put(*arguments)

    monkeypatch.setattr(_transaction, "_put", put_and_look)
    before = os.umask(umask)
    try:
        with host.transaction() as t:
            t.commit(host.change(), backup=True)
            look()
    finally:
        os.umask(before)
    # What is prepared has the permissions that it will have, in a folder that nobody else can enter.
    staged = ".webtier.apache_balancer-"
    own = {path: mode for path, mode in seen.items() if staged not in path.parent.name}
    assert any(path.name.startswith(staged) for path in own)
    names = {path.name for path in own}
    assert {"journal", "proven", "lock"} <= names, names
    assert any("backup" in str(path) and stat.S_ISREG(mode) for path, mode in own.items())
    for path, mode in own.items():
        assert stat.S_IMODE(mode) == (0o700 if stat.S_ISDIR(mode) else 0o600), path


@pytest.mark.parametrize("kind", ["link", "open to others", "file"])
def test_a_state_directory_that_is_not_ours_is_refused(host: Host, kind: str) -> None:
    host.state.parent.mkdir()
    if kind == "link":
        (host.base / "theirs").mkdir(mode=0o700)
        host.state.symlink_to(host.base / "theirs")
    elif kind == "file":
        host.state.touch()
    else:
        host.state.mkdir(mode=0o700)
    if kind == "open to others":
        host.state.chmod(0o750)
    with pytest.raises(Untrusted, match="0700"), host.transaction():
        pass


@pytest.mark.parametrize(
    ("owner", "user", "said"),
    [
        (0, 65534, "belongs to root; run as that user (become: true)"),
        (4711, 65534, "belongs to shop; run as that user (become_user), or look at who made it"),
        (
            4712,
            65534,
            "belongs to uid 4712; run as that user (become_user), or look at who made it",
        ),
        # Whoever made it, it was not us.
        (4711, 0, "is not a directory of uid 0 with mode 0700; look at who made it"),
    ],
)
def test_who_the_owner_of_the_state_directory_has_to_be_is_told(
    host: Host, monkeypatch: pytest.MonkeyPatch, owner: int, user: int, said: str
) -> None:
    with host.transaction():
        pass
    real, state = os.lstat, os.path.realpath(host.state)

    def lstat(path: Any, **options: Any) -> os.stat_result:
        there = real(path, **options)
        return os.stat_result((*there[:4], owner, *there[5:])) if path == state else there

    names = {0: "root", 4711: "shop"}
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "lstat", lstat)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: pwd.struct_passwd((names[uid],) * 7))
    with pytest.raises(Untrusted) as caught, host.transaction():
        pass
    assert str(caught.value).startswith(f"{state}: {said}")


def test_a_trailing_slash_does_not_hide_that_the_state_directory_is_a_link(host: Host) -> None:
    host.state.parent.mkdir()
    (host.base / "theirs").mkdir(mode=0o700)
    host.state.symlink_to(host.base / "theirs")
    with pytest.raises(Untrusted), Transaction(f"{host.state}/"):
        pass


@pytest.mark.parametrize(
    "text", ["", "[", "{}", "7", "[1, 2, 3]", '[[], null, [], [["x"]]]', "\u00ff"]
)
def test_a_journal_that_is_not_ours_is_refused_and_stays(host: Host, text: str) -> None:
    with host.transaction():
        pass
    (host.state / "journal").write_text(text)
    with pytest.raises(Untrusted, match="journal"), host.transaction():
        pass
    assert (host.state / "journal").read_text() == text


def test_a_folder_in_the_journal_that_is_no_private_folder_of_ours_is_not_swept(host: Host) -> None:
    with host.transaction():
        pass
    (host.state / "undo").write_text(json.dumps([[str(host.etc)], None, [], []]))
    before = host.picture()
    with host.transaction():
        pass
    assert host.picture() == before


# -- where staging folders may be -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        ([], "etc/apache2"),
        (["etc/apache2/apache2.conf"], "etc"),
        (["etc/apache2/conf.d"], "etc/apache2"),
        (["etc/apache2"], "etc"),
        # Only when there is nothing better: beside a file httpd is known not to read.
        (["etc", "etc/apache2/apache2.conf"], None),
        (["etc/x", "etc/apache2/apache2.conf"], "etc/apache2/sites-available"),
    ],
)
def test_the_staging_folder_is_where_httpd_does_not_read(
    two_filesystems: Host, reads: list[str], expected: str | None
) -> None:
    host = two_filesystems
    (host.base / "etc/x").touch()
    target = f"{host.etc}/sites-available"

    def find() -> str:
        return _staging.place(target, {f"{host.base}/{path}" for path in reads}, {target})

    if expected is None:
        with pytest.raises(WriteFailed, match="no place on its filesystem"):
            find()
    else:
        assert find() == f"{host.base}/{expected}"


@pytest.mark.parametrize("times", range(1, 14))
def test_a_mount_may_be_told_with_less_later_on(
    host: Host, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    # As where no more files can be opened.
    said = itertools.chain(itertools.repeat("8 21", times), itertools.repeat("8"))
    monkeypatch.setattr(_transaction, "mount_of", lambda directory: next(said))
    with host.transaction() as t:
        t.commit(host.change(), reads=host.reads())
    assert (host.etc / "sites-available/x.conf").read_bytes() == b"new x\n"


def test_a_state_directory_inside_an_included_directory_is_not_used_for_staging(host: Host) -> None:
    inside = host.etc / "conf.d/state"
    with Transaction(str(inside)) as t:
        t.commit(host.change(), reads=host.reads())
        assert not list(inside.glob(".webtier*"))


# -- the last proven generation -------------------------------------------------------------------


def test_without_any_commit_there_is_no_proven_set(host: Host) -> None:
    with host.transaction() as t:
        assert t.proven() is None


def test_the_proven_set_is_what_stood_there_before_all_commits_since(host: Host) -> None:
    old = host.picture()
    with host.transaction() as t:
        t.keep_proven([f"{host.etc}/sites-enabled/x.conf"])
        t.commit(host.change())
    with host.transaction() as t:
        files = FileSet()
        files.write(f"{host.etc}/sites-enabled/x.conf", b"third\n")
        files.write(f"{host.etc}/conf.d/keep.conf", b"third\n")
        t.commit(files)
    with host.transaction() as t:
        proven = t.proven()
        assert proven is not None
        t.commit(proven)
        assert t.proven() is not None
        assert t.proven().changed() == []  # type: ignore[union-attr]
    (host.etc / "balancers/deep").rmdir()
    (host.etc / "balancers").rmdir()
    assert host.picture() == old


def test_a_recorded_file_that_somebody_else_broke_is_in_the_proven_set(host: Host) -> None:
    with host.transaction() as t:
        t.keep_proven([f"{host.etc}/sites-enabled/x.conf"])
    (host.etc / "sites-available/x.conf").write_bytes(b"broken\n")
    with host.transaction() as t:
        proven = t.proven()
    assert proven is not None
    assert [entry.content for entry in proven.changed()] == [b"old x\n"]


def test_keeping_the_proven_set_forgets_the_one_before(host: Host) -> None:
    with host.transaction() as t:
        t.commit(host.change())
        t.keep_proven()
        proven = t.proven()
    assert proven is not None
    assert proven.changed() == []


# -- real mounts ----------------------------------------------------------------------------------

MOUNTS = """
import os, subprocess, sys
from ansible_collections.webtier.apache_balancer.plugins.module_utils import _fileset, _transaction

etc, state, case = sys.argv[1:]
big = b"#" * 300_000
files = _fileset.FileSet()
if case == "full":
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", etc], check=True)
    os.mkdir(etc + "/a")
    with open(etc + "/a/x.conf", "wb") as stream:
        stream.write(big)
    files.write(etc + "/a/first.conf", b"new")
    files.write(etc + "/a/x.conf", big + b"#")
elif case == "busy":
    keep = etc + "/conf.d/keep.conf"
    subprocess.run(["mount", "--bind", etc + "/apache2.conf", keep], check=True)
    files.write(etc + "/conf.d/first.conf", b"new")
    files.write(etc + "/conf.d/keep.conf", b"new")
elif case == "read-only":
    subprocess.run(["mount", "--bind", "-o", "ro", etc, etc], check=True)
    files.write(etc + "/conf.d/keep.conf", b"new")
elif case == "same device":
    subprocess.run(["mount", "--bind", etc, etc], check=True)
    files.write(etc + "/conf.d/keep.conf", b"new")

def picture():
    return sorted(
        (os.path.join(where, name), os.path.isfile(os.path.join(where, name)) and
         open(os.path.join(where, name), "rb").read())
        for where, folders, names in os.walk(etc) for name in folders + names
    )

before = picture()
try:
    with _transaction.Transaction(state) as t:
        t.commit(files)
        t.roll_back()
except Exception as error:
    print(type(error).__name__, error)
else:
    print("done")
print("as before" if picture() == before else "different")
"""


@pytest.mark.namespaces
@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("full", "WriteFailed {etc}/a/x.conf: cannot be written: no space left; free some space"),
        ("busy", "WriteFailed {etc}/conf.d/keep.conf: is a mount of its own"),
        ("read-only", "WriteFailed {etc}/conf.d: is on a read-only filesystem"),
        ("same device", "done"),
    ],
)
def test_on_real_mounts_a_commit_works_or_says_why_and_leaves_all_as_before(
    host: Host, case: str, words: str
) -> None:
    done = subprocess.run(
        [
            *machine.unshare("--mount"),
            sys.executable,
            "-c",
            MOUNTS,
            str(host.etc),
            str(host.state),
            case,
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.stdout.startswith(words.format(etc=host.etc)), done.stdout
    assert done.stdout.endswith("as before\n"), done.stdout
