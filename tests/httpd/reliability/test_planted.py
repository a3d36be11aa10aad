# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another user has put something in the way, at each path that can be foretold: it is neither followed nor written
through, nobody waits for it, and the message says where it is.

As root, what is planted belongs to nobody; else to who runs this, whom the same protects against his own links.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.webtier.apache_balancer.tests.httpd.conftest import module_for
from ansible_collections.webtier.apache_balancer.tests.support.modules import run
from ansible_collections.webtier.apache_balancer.tests.support.playbook import play
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    PrivateHttpd,
)

NOBODY = 65534
SECRET = "the file of somebody else\n"
PLANTS = (
    "link to a file",
    "link to a folder",
    "link to nothing",
    "hard link",
    "folder",
    "fifo",
    "file",
)
BALANCER = {
    "name": "app",
    "members": [{"url": "http://127.0.0.1:1"}, {"url": "http://127.0.0.1:2"}],
}
ROOT = os.geteuid() == 0


class Victim:
    """A file and a folder that nobody may touch."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "folder"
        self.folder.mkdir(parents=True, mode=0o700)
        self.file = root / "file"
        self.file.write_text(SECRET)
        self.file.chmod(0o600)

    @property
    def whole(self) -> bool:
        """Whether it is as it was made: content, mode, owner, and nothing new beside it."""
        info, inside = self.file.stat(), self.folder.stat()
        return (
            self.file.read_text() == SECRET
            and (info.st_mode & 0o777, inside.st_mode & 0o777) == (0o600, 0o700)
            and {info.st_uid, inside.st_uid} == {os.geteuid()}
            and sorted(self.root.iterdir()) == [self.file, self.folder]
            and not list(self.folder.iterdir())
        )


@pytest.fixture()
def victim(tmp_path: Path) -> Victim:
    return Victim(tmp_path / "victim")


@pytest.fixture()
def plant(victim: Victim) -> Callable[[Path, str], None]:
    """Put something in the way."""

    def planted(path: Path, what: str) -> None:
        targets = {
            "link to a file": victim.file,
            "link to a folder": victim.folder,
            "link to nothing": victim.root / "new",
        }
        if what in targets:
            path.symlink_to(targets[what])
        elif what == "hard link":
            os.link(victim.file, path)
            return
        elif what == "folder":
            path.mkdir(mode=0o777)
        elif what == "fifo":
            os.mkfifo(path, 0o666)
        else:
            path.write_text("planted\n")
            path.chmod(0o666)
        if ROOT:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    return planted


@pytest.fixture()
def open_folder(tmp_path: Path) -> Path:
    """A folder like /tmp, where everybody may put things and only remove his own."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def declare(httpd: PrivateHttpd, **options: Any) -> dict[str, Any]:
    path = str(httpd.root / "conf" / "app.conf")
    return module_for(httpd, "balancer")(patience=60, **{**BALANCER, "path": path, **options})


@pytest.fixture()
def loaded(httpd: PrivateHttpd) -> PrivateHttpd:
    """An httpd that runs."""
    return httpd.start()


@pytest.mark.parametrize("what", PLANTS)
def test_the_folder_of_lock_and_journal_is_ours_or_nothing_is_written(
    loaded, victim, plant, tally, what
):
    state = loaded.root / ".apache_balancer"
    plant(state, what)
    result = declare(loaded, backup=True)
    assert victim.whole
    assert str(state) in result["msg"] and "is not a directory of uid" in result["msg"]
    assert not (loaded.root / "conf" / "app.conf").exists()
    tally("things planted")


def test_a_record_of_somebody_else_is_neither_restored_nor_even_tried(loaded, tmp_path, tally):
    """Going back to what is planted there would let httpd run, as root, what somebody else wishes."""
    canary, state = tmp_path / "canary", loaded.root / ".apache_balancer"
    state.mkdir(mode=0o777)
    state.chmod(0o777)
    evil = f'ErrorLog "|/usr/bin/touch {canary}"\n'
    states = {str(loaded.root / "conf" / "evil.conf"): [evil, None, os.geteuid(), 0, 0o644]}
    (state / "proven").write_text(json.dumps(states))
    if ROOT:
        os.chown(state, NOBODY, NOBODY)
    for check in (True, False):
        result = module_for(loaded, "configuration")(state="rolled_back", check=check)
        assert "is not a directory of uid" in result["msg"] and str(state) in result["msg"]
    assert not canary.exists() and not (loaded.root / "conf" / "evil.conf").exists()
    tally("things planted", 2)


@pytest.mark.parametrize("what", PLANTS)
def test_the_memory_of_what_httpd_has_loaded_is_ours_or_none(loaded, victim, plant, tally, what):
    record = loaded.root / "run" / ".httpd.pid.apache_balancer"
    plant(record, what)
    result = declare(loaded)
    assert victim.whole
    if what == "folder":
        assert str(record) in result["msg"] and "is a directory" in result["msg"]
        assert not (loaded.root / "conf" / "app.conf").exists()
    else:
        assert result["changed"] is True and result["reload_required"] is True
        assert not record.is_symlink() and record.is_file() and record.stat().st_nlink == 1
        assert (record.stat().st_uid, record.stat().st_mode & 0o777) == (os.geteuid(), 0o600)
    tally("things planted")


@pytest.mark.parametrize("what", PLANTS)
def test_a_file_of_sessions_is_ours_or_refused(open_folder, victim, plant, tally, what):
    kept = open_folder / "sessions"
    plant(kept, what)
    before = sorted(os.listdir(open_folder))
    result = run(
        "sticky_check",
        url="http://127.0.0.1:1/",
        clients=1,
        requests=1,
        session_file=str(kept),
        patience=60,
    )
    assert str(kept) in result["msg"], result
    assert victim.whole and sorted(os.listdir(open_folder)) == before
    tally("things planted")


@pytest.mark.parametrize("what", ["link to a file", "link to nothing"])
def test_a_link_that_somebody_left_where_everybody_may_is_not_followed(
    loaded, open_folder, victim, plant, tally, what
):
    """The kernel protects who opens such a link (protected_symlinks), not who asks where it leads."""
    path = open_folder / "app.conf"
    plant(path, what)
    file = {"path": str(path), "content": "# ours\n"}
    result = module_for(loaded, "configuration")(files=[file], patience=60)
    assert victim.whole or not ROOT
    if ROOT:
        assert str(path) in result["msg"] and f"a link that user {NOBODY} left" in result["msg"]
    tally("things planted")


# In a folder a page could only be laid down.
REPLACED = [what for what in PLANTS if what not in ("folder", "link to a folder")]


def test_the_page_of_verify_replaces_what_lies_there(open_folder, victim, plant, tally, full, dice):
    """With ``--full`` each thing, else one of them."""
    page = open_folder / "report.html"
    host = {"ansible_become": False}
    more = {"verify_url": "http://127.0.0.1:1/", "verify_report": str(page), "verify_host": "lb1"}
    playbook = Path(__file__).parents[3] / "playbooks" / "verify.yml"
    for what in REPLACED if full else dice.sample(REPLACED, 1):
        plant(page, what)
        play(open_folder.parent, playbook, {"lb1": host}, "--extra-vars", json.dumps(more))
        assert victim.whole
        assert page.is_file() and not page.is_symlink() and page.stat().st_nlink == 1
        page.unlink()
        tally("things planted")
