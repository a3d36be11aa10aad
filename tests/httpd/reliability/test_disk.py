# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is full, broken, read-only or not ours: the error says what is wrong, and nothing was changed."""

from __future__ import annotations

import collections
import contextlib
import importlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, NamedTuple

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import (
    _namespaces,
    _transaction,
)
from ansible_collections.webtier.apache_balancer.tests.support.apart import apart, mount
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
)
from ansible_collections.webtier.apache_balancer.tests.support.several_files import (
    STATE,
    SeveralFiles,
)
from ansible_collections.webtier.apache_balancer.tests.support.traced import (
    STOP,
    Call,
    Since,
    Traced,
    about,
    output,
    until_freed,
    untraced,
)

from .conftest import Tally

NOBODY = 65534
PLUGINS = Path(__file__).parents[3] / "plugins"
NAME = "ansible_collections.webtier.apache_balancer.plugins"
# What each error is called, in words of ours or of the system; no other words say it.
ERRORS = {
    "ENOSPC": "no space left",
    "EDQUOT": "quota",
    "EIO": "input/output error",
    "EROFS": "read-only",
    "EACCES": "may not be (written|read)|permission denied",
    "EPERM": "immutable|not permitted",
    "EBUSY": "is a mount of its own|busy",
    "EFBIG": "file too large",
    "EMFILE": "too many open files",
    "ENOLCK": "no locks available",
}
ALWAYS = ("rename", "renameat2", "write")
OTHERS = ("mkdir", "rmdir", "unlink", "symlink", "fsync", "chmod", "utimensat")
# Those that there are many of, each with errors that it may return.
MANY = {
    "openat": ("EIO", "EACCES", "EMFILE", "ENOSPC"),
    "read": ("EIO",),
    "readlink": ("EIO", "EACCES"),
    "getdents64": ("EIO",),
    "close": ("EIO", "ENOSPC", "EDQUOT"),
    "flock": ("EIO", "ENOLCK"),
    "ftruncate": ("EIO",),
    "pwrite64": ("EIO", "ENOSPC"),
    "unlinkat": ("EIO", "EBUSY", "EPERM"),
}
# When it is about to make its folder, and take the lock in there.
BEGINS = Since(_transaction, "about")


@pytest.fixture()
def site(tmp_path: Path) -> Iterator[SeveralFiles]:
    """An httpd that runs, and a change of several of its files, which is not proven first."""
    with PrivateHttpd(tmp_path / "httpd", *BALANCER) as httpd:
        files = SeveralFiles(httpd)
        files.change["validate"] = False
        httpd.start()
        yield files


class Place(NamedTuple):
    """A call of the change about one of its files; *number*: which it is of those of this name about this very file;
    *begun*: whether something of the configuration may have been changed by then."""

    call: Call
    number: int
    begun: bool


def places(site: SeveralFiles) -> list[Place]:
    """Return the calls of the change, from when it makes its folder until it gives the lock back."""
    calls = until_freed(Traced("configuration", site.change, since=BEGINS).calls())
    site.reset()
    targets = [f'"{site.root / path}"' for path in {*site.old, *site.new}]
    made: collections.Counter[tuple[str, str]] = collections.Counter()
    begun, found = False, []
    for call in calls:
        made[call.name, about(call)] += 1
        if call.name in (*ALWAYS, *OTHERS) and any(target in call.text for target in targets):
            begun = True
        # What a process says may name these files as well.
        where = about(call) if call.name in MANY else call.text
        if str(site.root) in where and " = -1 " not in call.text:
            found.append(Place(call, made[call.name, about(call)], begun))
    return found


def fails(site: SeveralFiles, error: str, place: Place, lasting: bool) -> None:
    """Hold that the change with that error (*lasting*: in all such calls from then on) is refused in words of it, and
    comes to nothing, as far as what was begun can be taken back, and that it is made when the error is gone."""
    site.reset()
    call, file = place.call, None
    if lasting and call.name in MANY:
        # In all that are about this file: without those about others not even Python can work.
        call, file = call._replace(number=place.number), about(call)
    do = f"error={error}"
    traced = Traced(
        "configuration", site.change, call, do, lasting=lasting, file=file, since=BEGINS
    )
    assert traced.came_to
    result, now = traced.result, site.picture()
    if "msg" not in result:
        assert now == site.new
    else:
        assert re.search(ERRORS[error], result["msg"], re.IGNORECASE), result["msg"]
        assert str(site.root) in result["msg"]
        if lasting and place.begun:
            site.check_each()
        else:
            assert now == site.old, result["msg"]
    site.check_start()
    result = site.run(site.change)
    assert site.picture() == site.new
    if site.remains():
        # A folder that could not be removed goes with the next run that writes.
        site.httpd.write("conf/gone.conf", "# gone\n")
        site.run(site.change)
    assert site.remains() == set()


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_an_error_in_any_call_of_a_commit_is_told_and_changes_nothing(
    site: SeveralFiles,
    tally: Tally,
    full: bool,
    dice: random.Random,
    monkeypatch: pytest.MonkeyPatch,
    lasting: bool,
) -> None:
    # So that a folder has the same name in each run.
    monkeypatch.setattr(os, "urandom", bytes)
    by_name: dict[str, list[Place]] = collections.defaultdict(list)
    for place in places(site):
        by_name[place.call.name].append(place)
    assert by_name.keys() >= {*ALWAYS, *OTHERS, *MANY}
    chosen = [place for name in ALWAYS for place in by_name[name]]
    assert len(chosen) > 15
    others = [place for name in OTHERS for place in by_name[name]]
    chosen += others if full else dice.sample(others, 6)
    for name in MANY:
        chosen += by_name[name] if full else [dice.choice(by_name[name])]
    for place in chosen:
        errors = [*MANY.get(place.call.name, ERRORS)]
        for error in errors if full else [dice.choice(errors)]:
            tally("faults injected")
            try:
                fails(site, error, place, lasting)
            except Exception:
                tally.lost()
                print(f"{error} at {place}")
                raise


# -- on real filesystems --------------------------------------------------------------------------


def refused(site: SeveralFiles, words: str) -> None:
    """Hold that the change is refused with these words about a file of it, and that nothing was changed."""
    before = site.picture()
    result = untraced("configuration", site.change)
    assert words in result.get("msg", ""), result
    assert str(site.root) in result["msg"]
    assert site.picture() == before
    site.check_start()


def made(site: SeveralFiles) -> None:
    """Hold that the change can be made now."""
    site.run(site.change)
    assert site.picture() == site.new
    assert site.remains() == set()


def on_a_small_disk(root: Path) -> SeveralFiles:
    """Return the change on a filesystem of its own, of 1 MiB."""
    root.mkdir()
    mount("-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", root)
    return SeveralFiles(PrivateHttpd(root, *BALANCER))


@pytest.mark.namespaces("root")
def test_a_disk_that_gets_full_at_any_moment_is_told_and_changes_nothing(
    tmp_path: Path, tally: Tally
) -> None:
    most, step = 160, 16

    def work() -> None:
        site = on_a_small_disk(tmp_path / "httpd")
        filler = site.root / "logs" / "filler"
        for left in range(0, most, step):
            site.reset()
            with open(filler, "wb") as stream:
                free = os.statvfs(site.root).f_bavail * 4 - left
                stream.write(bytes(free << 10))
            if left < most - step:
                result = untraced("configuration", site.change)
                assert site.picture() == (site.old if "msg" in result else site.new), (left, result)
                assert "no space left" in result.get("msg", "no space left"), result
                # At first there is not even space for a journal, at last there is for everything.
                assert "msg" in result or left > step, left
            else:
                made(site)
            filler.unlink()
            made(site)

    tally("faults injected", most // step)
    apart(work)


@pytest.mark.namespaces("root")
@pytest.mark.parametrize("killed", [False, True], ids=["by the run itself", "by the next one"])
def test_what_was_begun_is_taken_back_on_a_disk_without_space(tmp_path: Path, killed: bool) -> None:
    def work() -> None:
        site = on_a_small_disk(tmp_path / "httpd")
        last = site.root / "available/old.conf"
        traced = Traced("configuration", site.change, Call("renameat2", 4, ""), STOP).stopped()
        assert site.picture() != site.old
        with open(site.root / "logs/filler", "wb", buffering=0) as filler, contextlib.suppress(
            OSError
        ):
            while True:
                filler.write(bytes(4096))
        if killed:
            os.kill(traced.pid, signal.SIGKILL)
            assert traced.status == signal.SIGKILL
            assert "was rolled back" in str(site.run(site.nothing)["warnings"])
        else:
            last.chmod(0o600)
            assert f"{last}: was changed by somebody else" in traced.go_on().result["msg"]
            last.chmod(0o644)
        assert site.picture() == site.old

    apart(work)


@pytest.mark.namespaces("root")
@pytest.mark.parametrize("what", ["conf", ".", STATE])
def test_a_read_only_filesystem_is_told_and_changes_nothing(tmp_path: Path, what: str) -> None:
    def work() -> None:
        site = SeveralFiles(PrivateHttpd(tmp_path / "httpd", *BALANCER))
        place = site.root / what
        place.mkdir(mode=0o700, exist_ok=True)
        mount("--bind", place, place)
        mount("-o", "remount,bind,ro", place)
        refused(site, "read-only")
        subprocess.run(["umount", place], check=True)
        made(site)

    apart(work)


@pytest.mark.namespaces("root")
def test_a_full_folder_for_temporary_files_is_told_where_a_copy_is_to_be_tested_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(_namespaces, "_libc", None)

    def work() -> None:
        site = SeveralFiles(PrivateHttpd(tmp_path / "httpd", *BALANCER))
        mount("-t", "tmpfs", "-o", "size=16k", "tmpfs", temporary)
        said = untraced("configuration", site.change)["msg"]
        assert f"a shadow copy in {temporary}" in said and "No space left on device" in said
        assert site.picture() == site.old
        assert list(temporary.iterdir()) == []
        mount("-o", "remount,size=1m", temporary)
        made(site)

    apart(work)


@pytest.mark.namespaces("root")
def test_a_file_that_is_a_mount_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    def work() -> None:
        site = SeveralFiles(PrivateHttpd(tmp_path / "httpd", *BALANCER))
        place = site.root / "conf/gone.conf"
        mount("--bind", place, place)
        refused(site, "gone.conf: is a mount of its own")
        subprocess.run(["umount", place], check=True)
        made(site)

    apart(work)


@pytest.mark.namespaces("root")
@pytest.mark.parametrize("what", ["conf/app.conf", "conf/gone.conf", "enabled"])
def test_what_is_immutable_is_told_and_nothing_is_changed(tmp_path: Path, what: str) -> None:
    with PrivateHttpd(tmp_path / "httpd", *BALANCER) as httpd:
        site = SeveralFiles(httpd)
        subprocess.run(["chattr", "+i", site.root / what], check=True)
        try:
            refused(site, "immutable")
        finally:
            subprocess.run(["chattr", "-i", site.root / what], check=True)
        made(site)


@pytest.mark.namespaces("root")
def test_folders_that_are_links_to_another_filesystem_stay_links(tmp_path: Path) -> None:
    def work() -> None:
        other = tmp_path / "other"
        other.mkdir()
        mount("-t", "tmpfs", "tmpfs", other)
        site = SeveralFiles(PrivateHttpd(tmp_path / "httpd", *BALANCER))
        for name in ("conf", "enabled", "available"):
            shutil.move(site.root / name, other / name)
            (site.root / name).symlink_to(other / name)
        site.run(site.change)
        site.check_start()
        for name in ("conf", "enabled", "available"):
            assert (site.root / name).readlink() == other / name
            (site.root / name).unlink()
            shutil.move(other / name, site.root / name)
        assert site.picture() == site.new
        assert list(other.iterdir()) == []

    apart(work)


@pytest.mark.namespaces("root")
def test_without_permission_become_is_advised_and_nothing_is_changed(tmp_path: Path) -> None:
    def work() -> None:
        # Where everybody may come to, which the folders of the test are not.
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/mnt")
        tempfile.tempdir = "/mnt/temporary"
        Path(tempfile.tempdir).mkdir()
        Path(tempfile.tempdir).chmod(0o1777)
        site = SeveralFiles(PrivateHttpd(Path("/mnt/httpd"), *BALANCER))
        shutil.rmtree(site.root / STATE, ignore_errors=True)
        for path in (PLUGINS / "module_utils").rglob("*.py"):
            parts = path.relative_to(PLUGINS).with_suffix("").parts
            importlib.import_module(".".join([NAME, *parts]))
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        said = json.loads(output("configuration", site.change))["msg"]
        assert str(site.root / STATE) in said and "become: true" in said
        assert site.picture() == site.old

    apart(work)
