# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Iterator

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import _generation, _reload
from ansible_collections.webtier.apache_balancer.plugins.module_utils._generation import (
    Loaded,
    Memory,
    fingerprint,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import Instance
from ansible_collections.webtier.apache_balancer.tests.support.apart import apart, mount
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    PrivateHttpd,
    wait_for,
)

CURRENT = Loaded(running=True, reload_required=False, reasons=[])


@pytest.fixture(autouse=True)
def short_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time pass quickly; tests of the margin itself set their own."""
    monkeypatch.setattr(_generation, "_LEAST_MARGIN", 0.05)


@pytest.fixture
def httpd(tmp_path: Path) -> Iterator[PrivateHttpd]:
    """A running httpd that has loaded conf/app.conf, so long ago that there is no doubt."""
    with PrivateHttpd(tmp_path) as running:
        running.write("conf/app.conf", "# first\n")
        running.start()
        _age(running)
        yield running


@pytest.fixture
def app(httpd: PrivateHttpd) -> str:
    return str(httpd.root / "conf/app.conf")


def _age(httpd: PrivateHttpd) -> None:
    """Let httpd have loaded its configuration later than it did, by more than the margin.

    The time of a change (ctime) cannot be set, so that of the loading is moved instead, and time
    is waited for until now is later.
    """
    moved = httpd.pid_file.stat().st_mtime_ns + 100_000_000
    os.utime(httpd.pid_file, ns=(moved, moved))
    wait_for(lambda: time.time_ns() > moved + 10_000_000, "the moved time")


def find(httpd: PrivateHttpd) -> Instance:
    return Instance.find(
        binary=httpd.command()[0],
        server_root=str(httpd.root),
        config_file=str(httpd.config_file),
    )


def memory(httpd: PrivateHttpd, test_seconds: float = 0.0) -> Memory:
    instance = find(httpd)
    instance.view()
    instance.test_seconds = test_seconds
    return Memory(instance)


def state(httpd: PrivateHttpd, *files: str) -> Loaded:
    return memory(httpd).state(files)


def written(httpd: PrivateHttpd, app: str, text: str, *reasons: str) -> None:
    """Change the file as a run of ours does."""
    ours = memory(httpd)
    ours.about_to_write([app])
    Path(app).write_text(text)
    ours.note_written([app], reasons or ["not loaded"])


def applied(httpd: PrivateHttpd, app: str, text: str, *left: str) -> None:
    """Change the file, and the running httpd except for what is left, as a run of ours does."""
    ours = memory(httpd)
    ours.about_to_write([app])
    Path(app).write_text(text)
    ours.note_written([app], ["not loaded"])
    ours.note_applied([app], left)


class TestAGeneration:
    def test_changes_with_a_graceful_restart_and_a_start(self, httpd: PrivateHttpd) -> None:
        seen = [memory(httpd).generation]
        httpd.reload()
        seen.append(memory(httpd).generation)
        httpd.reload(signal.SIGHUP)
        seen.append(memory(httpd).generation)
        httpd.stop()
        httpd.start()
        seen.append(memory(httpd).generation)
        assert len(set(seen)) == 4

    def test_stays_when_a_child_dies(self, httpd: PrivateHttpd) -> None:
        before = memory(httpd).generation
        children = httpd.children()
        os.kill(children[0], signal.SIGKILL)
        wait_for(lambda: set(httpd.children()) - set(children), "another child")
        assert memory(httpd).generation == before

    def test_stays_when_a_graceful_is_refused(self, httpd: PrivateHttpd) -> None:
        before = memory(httpd).generation
        bad = httpd.write("conf/bad.conf", "Nonsense\n")
        refused = subprocess.run(httpd.command("-k", "graceful"), capture_output=True, check=False)
        bad.unlink()
        assert refused.returncode == 1
        assert memory(httpd).generation == before

    def test_is_none_without_a_running_httpd(self, httpd: PrivateHttpd) -> None:
        httpd.stop()
        assert memory(httpd).generation is None

    def test_is_none_with_a_pid_file_left_behind(self, httpd: PrivateHttpd) -> None:
        pid = httpd.pid
        httpd.stop()
        httpd.pid_file.write_text(f"{pid}\n")
        assert memory(httpd).generation is None

    def test_is_known_without_a_pid_file(self, httpd: PrivateHttpd) -> None:
        content = httpd.pid_file.read_text()
        httpd.pid_file.unlink()
        first, second = memory(httpd).generation, memory(httpd).generation
        httpd.pid_file.write_text(content)
        assert first is not None
        assert first == second


class TestWhatWeDidNotWrite:
    def test_is_loaded_when_it_was_there_before(self, httpd: PrivateHttpd, app: str) -> None:
        assert state(httpd, app) == CURRENT

    def test_is_not_loaded_when_it_is_newer(self, httpd: PrivateHttpd, app: str) -> None:
        Path(app).write_text("# second\n")
        loaded = state(httpd, app)
        assert loaded.reload_required
        assert loaded.reasons == [f"{app}: {_generation.NEWER}"]

    def test_is_not_loaded_when_cp_gave_it_an_old_time(
        self, httpd: PrivateHttpd, app: str, tmp_path: Path
    ) -> None:
        old = tmp_path / "old"
        old.write_text("# old\n")
        os.utime(old, (1_000_000_000, 1_000_000_000))
        shutil.copy2(old, app)
        assert Path(app).stat().st_mtime == 1_000_000_000
        assert state(httpd, app).reasons == [f"{app}: {_generation.NEWER}"]

    def test_is_loaded_after_a_graceful_by_someone_else(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        Path(app).write_text("# second\n")
        httpd.reload()
        _age(httpd)
        assert state(httpd, app) == CURRENT

    def test_is_not_trusted_to_be_loaded_when_written_just_before(
        self, httpd: PrivateHttpd, app: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_generation, "_LEAST_MARGIN", 60.0)
        Path(app).write_text("# second\n")
        httpd.reload()
        assert state(httpd, app).reasons == [f"{app}: {_generation.TOO_CLOSE}"]

    @pytest.mark.namespaces("root")
    def test_is_not_trusted_more_where_a_container_shows_an_uptime_of_its_own(
        self, httpd: PrivateHttpd, app: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # As lxcfs does; what /proc tells of a process counts from the boot of the host.
        monkeypatch.setattr(_generation, "_LEAST_MARGIN", 60.0)
        httpd.write("uptime", "0.50 0.50\n")
        Path(app).write_text("# second\n")
        httpd.reload()

        def work() -> None:
            mount("--bind", httpd.root / "uptime", "/proc/uptime")
            now = memory(httpd)
            assert now.state([app]).reasons == [f"{app}: {_generation.TOO_CLOSE}"]
            parent = find(httpd).parent()
            assert parent and now.generation
            assert _reload._children(parent, now.generation) == set(httpd.children())
            later = now.generation._replace(loaded=time.time_ns() + 1_000_000_000)
            assert _reload._children(parent, later) == set()

        apart(work)

    def test_is_trusted_less_the_longer_a_test_of_the_configuration_takes(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        Path(app).write_text("# second\n")
        httpd.reload()
        _age(httpd)
        assert state(httpd, app) == CURRENT
        loaded = memory(httpd, test_seconds=30.0).state([app])
        assert loaded.reasons == [f"{app}: {_generation.TOO_CLOSE}"]

    def test_is_loaded_when_it_was_written_just_before_and_that_is_proven(
        self, httpd: PrivateHttpd, app: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_generation, "_LEAST_MARGIN", 60.0)
        Path(app).write_text("# second\n")
        httpd.reload()
        memory(httpd).note_loaded([app])
        assert state(httpd, app) == CURRENT

    def test_is_loaded_when_it_was_written_just_before_a_start(
        self, httpd: PrivateHttpd, app: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_generation, "_LEAST_MARGIN", 60.0)
        httpd.stop()
        Path(app).write_text("# second\n")
        time.sleep(0.2)
        httpd.start()
        assert state(httpd, app) == CURRENT

    def test_is_seen_through_a_link(self, httpd: PrivateHttpd, app: str) -> None:
        link = str(httpd.root / "link.conf")
        os.symlink(app, link)
        memory(httpd).note_loaded([link])
        assert state(httpd, link) == CURRENT
        Path(app).write_text("# second\n")
        assert state(httpd, link).reasons == [f"{app}: {_generation.CHANGED_OUTSIDE}"]

    def test_is_reported_where_a_link_cannot_be_read(
        self, httpd: PrivateHttpd, app: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        link = str(httpd.root / "link.conf")
        os.symlink(app, link)
        memory(httpd).note_loaded([link])
        ours, read = memory(httpd), os.readlink

        def readlink(path: str) -> str:
            if path == link:
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)
            return read(path)

        monkeypatch.setattr(os, "readlink", readlink)
        assert ours.state([link]).reasons == [f"{link}: {_generation.CHANGED_OUTSIDE}"]

    def test_is_not_reported_of_a_stopped_httpd(self, httpd: PrivateHttpd, app: str) -> None:
        Path(app).write_text("# second\n")
        httpd.stop()
        assert state(httpd, app) == Loaded(False, False, [])


class TestWhatWeWrote:
    def test_needs_no_reload_when_httpd_was_given_it_otherwise(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        applied(httpd, app, "# second\n")
        assert state(httpd, app) == CURRENT

    def test_needs_the_reload_that_was_lost(self, httpd: PrivateHttpd, app: str) -> None:
        written(httpd, app, "# second\n", "a member was added")
        assert state(httpd, app).reasons == [f"{app}: a member was added"]

    def test_is_loaded_after_a_graceful_by_someone_else(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        written(httpd, app, "# second\n", "a member was added")
        httpd.reload()
        _age(httpd)
        assert state(httpd, app) == CURRENT

    def test_still_needs_the_reload_after_a_refused_graceful(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        written(httpd, app, "# second\n", "a member was added")
        bad = httpd.write("conf/bad.conf", "Nonsense\n")
        subprocess.run(httpd.command("-k", "graceful"), capture_output=True, check=False)
        bad.unlink()
        assert state(httpd, app).reasons == [f"{app}: a member was added"]

    def test_keeps_what_was_pending_when_it_is_written_again(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        written(httpd, app, "# second\n", "a member was added")
        applied(httpd, app, "# third\n")
        assert state(httpd, app).reasons == [f"{app}: a member was added"]

    def test_is_changed_outside_when_its_content_is_another(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        applied(httpd, app, "# second\n")
        Path(app).write_text("# by hand\n")
        assert state(httpd, app).reasons == [f"{app}: {_generation.CHANGED_OUTSIDE}"]

    def test_stays_changed_outside_when_we_write_it_again(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        applied(httpd, app, "# second\n")
        Path(app).write_text("# by hand\n")
        applied(httpd, app, "# third\n")
        assert state(httpd, app).reasons == [f"{app}: {_generation.CHANGED_OUTSIDE}"]

    def test_is_not_changed_by_new_permissions(self, httpd: PrivateHttpd, app: str) -> None:
        applied(httpd, app, "# second\n")
        os.chmod(app, 0o600)
        assert state(httpd, app) == CURRENT

    def test_is_changed_outside_when_it_is_gone(self, httpd: PrivateHttpd, app: str) -> None:
        applied(httpd, app, "# second\n")
        os.unlink(app)
        assert state(httpd, app).reasons == [f"{app}: {_generation.CHANGED_OUTSIDE}"]

    def test_needs_nothing_once_it_is_again_what_was_loaded(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        loaded = Path(app).read_text()
        written(httpd, app, "# second\n", "a member was added")
        written(httpd, app, loaded, "a member was removed")
        assert state(httpd, app) == CURRENT

    def test_needs_nothing_once_somebody_put_back_what_was_loaded(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        loaded = Path(app).read_text()
        written(httpd, app, "# second\n", "a member was added")
        Path(app).write_text(loaded)
        assert state(httpd, app) == CURRENT

    def test_needs_nothing_where_a_new_file_is_gone_again(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        new = str(Path(app).with_name("new.conf"))
        written(httpd, new, "# new\n", "a balancer was added")
        assert state(httpd, new).reload_required
        ours = memory(httpd)
        ours.about_to_write([new])
        os.unlink(new)
        ours.note_written([new], ["a balancer was removed"])
        assert state(httpd, new) == CURRENT

    def test_needs_nothing_where_a_new_link_is_gone_again(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        link = str(httpd.root / "link.conf")
        for step, reasons in (
            (partial(os.symlink, app, link), [f"{link}: not loaded"]),
            (partial(os.unlink, link), []),
        ):
            ours = memory(httpd)
            ours.about_to_write([link])
            step()
            ours.note_written([link], ["not loaded"])
            ours = memory(httpd)
            assert ours.state([app, *ours.files]).reasons == reasons

    def test_may_be_a_removal(self, httpd: PrivateHttpd, app: str) -> None:
        ours = memory(httpd)
        ours.about_to_write([app])
        os.unlink(app)
        ours.note_written([app], ["a balancer was removed"])
        assert state(httpd, app).reasons == [f"{app}: a balancer was removed"]
        httpd.reload()
        assert state(httpd, app) == CURRENT

    def test_is_of_the_generation_in_which_it_was_planned(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        ours = memory(httpd)
        ours.about_to_write([app])
        Path(app).write_text("# second\n")
        # Somebody reloads between our write and our note.
        httpd.reload()
        _age(httpd)
        ours.note_written([app], ["a member was added"])
        assert state(httpd, app) == CURRENT


class TestAChangeThatTheRunningHttpdWasGiven:
    def test_needs_no_reload(self, httpd: PrivateHttpd, app: str) -> None:
        applied(httpd, app, "# second\n")
        assert state(httpd, app) == CURRENT

    def test_needs_one_for_what_is_left(self, httpd: PrivateHttpd, app: str) -> None:
        applied(httpd, app, "# second\n", "timeout is set by a reload")
        assert state(httpd, app).reasons == [f"{app}: timeout is set by a reload"]

    def test_keeps_what_was_pending_before(self, httpd: PrivateHttpd, app: str) -> None:
        written(httpd, app, "# second\n", "a member was added")
        applied(httpd, app, "# third\n")
        applied(httpd, app, "# fourth\n")
        assert state(httpd, app).reasons == [f"{app}: a member was added"]

    def test_is_what_the_file_has_to_be_again_to_need_nothing(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        loaded = Path(app).read_text()
        applied(httpd, app, "# second\n")
        written(httpd, app, loaded, "taken back in the file alone")
        assert state(httpd, app).reasons == [f"{app}: taken back in the file alone"]
        written(httpd, app, "# second\n", "and again")
        assert state(httpd, app) == CURRENT

    def test_leaves_no_content_to_go_back_to_when_something_is_left(
        self, httpd: PrivateHttpd, app: str
    ) -> None:
        loaded = Path(app).read_text()
        applied(httpd, app, "# second\n", "timeout is set by a reload")
        written(httpd, app, loaded, "taken back in the file alone")
        assert state(httpd, app).reload_required

    def test_is_loaded_by_a_reload_of_someone_else(self, httpd: PrivateHttpd, app: str) -> None:
        applied(httpd, app, "# second\n", "timeout is set by a reload")
        httpd.reload()
        _age(httpd)
        assert state(httpd, app) == CURRENT
        applied(httpd, app, "# third\n")
        assert state(httpd, app) == CURRENT


class TestTheRecord:
    def test_is_for_its_owner_alone(self, httpd: PrivateHttpd, app: str) -> None:
        memory(httpd).note_loaded([app])
        (record,) = httpd.pid_file.parent.glob(".httpd.pid*")
        assert stat.S_IMODE(record.stat().st_mode) == 0o600

    def test_holds_no_file_of_an_earlier_generation(self, httpd: PrivateHttpd, app: str) -> None:
        memory(httpd).note_loaded([app])
        httpd.reload()
        memory(httpd).note_loaded([str(httpd.config_file)])
        (record,) = httpd.pid_file.parent.glob(".httpd.pid*")
        assert app not in record.read_text()

    @pytest.mark.parametrize("content", ["", "[]", '{"version": 1}', '{"version": 9}', "\xff"])
    def test_is_ignored_when_it_is_damaged(
        self, httpd: PrivateHttpd, app: str, content: str
    ) -> None:
        memory(httpd).note_loaded([app])
        (record,) = httpd.pid_file.parent.glob(".httpd.pid*")
        record.write_bytes(content.encode("latin-1"))
        assert state(httpd, app) == CURRENT

    def test_of_a_stranger_is_ignored(
        self, httpd: PrivateHttpd, app: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written(httpd, app, "# second\n")
        (record,) = httpd.pid_file.parent.glob(".httpd.pid*")
        if os.geteuid() == 0:
            os.chown(record, 65534, 65534)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: record.stat().st_uid + 1)
        assert state(httpd, app).reasons == [f"{app}: {_generation.NEWER}"]


def test_says_that_it_may_be_wrong_where_the_clock_was_set_back(
    httpd: PrivateHttpd, app: str
) -> None:
    assert state(httpd, app).doubt == ""
    later = time.time_ns() + 3600 * 10**9
    os.utime(httpd.pid_file, ns=(later, later))
    assert "clock was set back" in state(httpd, app).doubt
    httpd.reload()
    assert state(httpd, app).doubt == ""


def test_says_that_it_may_be_wrong_to_one_who_may_not_read_the_memory(
    httpd: PrivateHttpd, app: str
) -> None:
    written(httpd, app, "# second\n")
    known = memory(httpd)
    known.note_applied([app], [])
    assert state(httpd, app) == CURRENT
    instance = Instance.find(
        binary=httpd.command()[0],
        server_root=str(httpd.root),
        config_file=str(httpd.config_file),
    )
    instance.view()
    Path(_generation.record_path(instance)).chmod(0)
    if os.geteuid() == 0:
        for folder in (httpd.root, *httpd.root.parents[:3]):
            folder.chmod(folder.stat().st_mode | 0o111)
        os.seteuid(65534)
    try:
        found = Memory(instance).state([app])
    finally:
        os.seteuid(os.getuid())
    assert found.reload_required and "use become" in found.doubt


def test_what_httpd_has_is_known_as_long_as_nobody_else_reloads_it(
    httpd: PrivateHttpd, app: str
) -> None:
    def has(text: str) -> bool:
        return memory(httpd).has(app, fingerprint(b"file " + text.encode()))

    assert has("# first\n") and not has("# second\n")
    Path(app).write_text("# second\n")
    # By its time alone it is not known what it was before.
    assert not has("# first\n") and not has("# second\n")
    httpd.reload()
    _age(httpd)
    memory(httpd).note_loaded([app])
    Path(app).write_text("# third\n")
    assert has("# second\n") and not has("# third\n")
    httpd.reload()
    _age(httpd)
    assert has("# third\n") and not has("# second\n")
    httpd.stop()
    assert not has("# third\n")
