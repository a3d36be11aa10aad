# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a set of files reads, wants and remembers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._fileset import (
    ABSENT,
    BadValue,
    DanglingLink,
    FileProblem,
    FileSet,
    NotAFile,
    Unreadable,
    look,
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A sites-available/x.conf with its link in sites-enabled."""
    root = Path(os.path.realpath(tmp_path)) / "apache2"
    (root / "sites-available").mkdir(parents=True)
    (root / "sites-enabled").mkdir()
    (root / "sites-available/x.conf").write_bytes(b"old\n")
    (root / "sites-enabled/x.conf").symlink_to("../sites-available/x.conf")
    return root


def test_reading_gives_the_bytes_on_the_disk_and_none_where_there_is_nothing(tree: Path) -> None:
    files = FileSet()
    assert files.read(f"{tree}/sites-available/x.conf") == b"old\n"
    assert files.read(f"{tree}/sites-available/y.conf") is None
    assert files.read(f"{tree}/no/such/directory/y.conf") is None
    assert files.changed() == []


def test_a_written_candidate_is_what_is_read_afterwards_and_the_disk_stays(tree: Path) -> None:
    files = FileSet()
    files.write(f"{tree}/sites-available/x.conf", b"new\n")
    assert files.read(f"{tree}/sites-available/x.conf") == b"new\n"
    assert (tree / "sites-available/x.conf").read_bytes() == b"old\n"


def test_a_linked_file_and_its_link_are_one_file(tree: Path) -> None:
    files = FileSet()
    files.write(f"{tree}/sites-enabled/x.conf", b"new\n")
    assert files.read(f"{tree}/sites-available/x.conf") == b"new\n"
    assert [entry.path for entry in files.changed()] == [f"{tree}/sites-available/x.conf"]


def test_links_of_the_set_are_followed_before_those_of_the_disk(tree: Path) -> None:
    (tree / "sites-available/y.conf").write_bytes(b"y\n")
    files = FileSet()
    files.link(f"{tree}/sites-enabled/x.conf", "../sites-available/y.conf")
    assert files.read(f"{tree}/sites-enabled/x.conf") == b"y\n"


def test_a_linked_directory_and_dots_in_a_path_lead_to_the_real_file(tree: Path) -> None:
    (tree / "current").symlink_to("sites-available")
    files = FileSet()
    assert files.real(f"{tree}/current/../sites-available/./x.conf") == (
        f"{tree}/sites-available/x.conf"
    )


def test_dots_after_a_linked_directory_start_from_where_the_link_leads(tree: Path) -> None:
    (tree / "elsewhere/deep").mkdir(parents=True)
    (tree / "current").symlink_to("elsewhere/deep")
    assert FileSet().real(f"{tree}/current/../x") == f"{tree}/elsewhere/x"


def test_writing_what_stands_there_already_is_no_change(tree: Path) -> None:
    path = tree / "sites-available/x.conf"
    info = path.stat()
    files = FileSet()
    files.write(str(path), b"old\n", info.st_uid, info.st_gid, info.st_mode & 0o7777)
    files.link(f"{tree}/sites-enabled/x.conf", "../sites-available/x.conf")
    files.remove(f"{tree}/sites-enabled/never-there.conf")
    assert files.changed() == []


@pytest.mark.parametrize(
    "wanted", [{"mode": 0o600}, {"owner": 4711}, {"owner": "4711"}, {"group": 4711}]
)
def test_another_owner_group_or_mode_alone_is_a_change(tree: Path, wanted: dict[str, int]) -> None:
    files = FileSet()
    os.chmod(tree / "sites-available/x.conf", 0o644)
    files.write(f"{tree}/sites-available/x.conf", b"old\n", **wanted)
    assert len(files.changed()) == 1


def test_owner_and_group_are_found_by_name(tree: Path) -> None:
    entry = FileSet().write(f"{tree}/new.conf", b"", owner="root", group="root")
    assert (entry.owner, entry.group) == (0, 0)


def test_what_an_earlier_write_said_of_a_file_holds_until_another_one_says_otherwise(
    tree: Path,
) -> None:
    files = FileSet()
    files.write(f"{tree}/new.conf", b"", owner=1, group=2, mode=0o600)
    entry = files.write(f"{tree}/new.conf", b"more\n", group=3)
    assert (entry.content, entry.owner, entry.group, entry.mode) == (b"more\n", 1, 3, 0o600)


def test_an_empty_file_is_not_a_missing_one(tree: Path) -> None:
    files = FileSet()
    files.write(f"{tree}/empty.conf", b"")
    assert [entry.content for entry in files.changed()] == [b""]
    assert files.read(f"{tree}/empty.conf") == b""


def test_removing_a_link_leaves_its_file(tree: Path) -> None:
    files = FileSet()
    files.remove(f"{tree}/sites-enabled/x.conf")
    (entry,) = files.changed()
    assert (entry.path, entry.absent) == (f"{tree}/sites-enabled/x.conf", True)
    assert files.read(f"{tree}/sites-enabled/x.conf") is None
    assert files.read(f"{tree}/sites-available/x.conf") == b"old\n"


def test_a_file_may_take_the_place_of_a_link_that_was_removed_first(tree: Path) -> None:
    files = FileSet()
    files.remove(f"{tree}/sites-enabled/x.conf")
    files.write(f"{tree}/sites-enabled/x.conf", b"own\n")
    assert files.read(f"{tree}/sites-enabled/x.conf") == b"own\n"
    assert files.read(f"{tree}/sites-available/x.conf") == b"old\n"


def test_a_link_does_not_take_the_place_of_a_file_unless_that_was_removed_first(tree: Path) -> None:
    (tree / "sites-enabled/own.conf").write_bytes(b"precious\n")
    files = FileSet()
    with pytest.raises(NotAFile, match="own.conf: is a file where a link .* is wanted"):
        files.link(f"{tree}/sites-enabled/own.conf", "../sites-available/x.conf")
    files.remove(f"{tree}/sites-enabled/own.conf")
    files.link(f"{tree}/sites-enabled/own.conf", "../sites-available/x.conf")
    assert files.read(f"{tree}/sites-enabled/own.conf") == b"old\n"


def test_a_new_link_and_its_new_file_may_come_in_any_order(tree: Path) -> None:
    files = FileSet()
    files.link(f"{tree}/sites-enabled/y.conf", "../sites-available/y.conf")
    files.write(f"{tree}/sites-available/y.conf", b"y\n")
    assert [entry.path for entry in files.changed()] == [
        f"{tree}/sites-available/y.conf",
        f"{tree}/sites-enabled/y.conf",
    ]


def test_a_new_link_that_leads_nowhere_is_refused(tree: Path) -> None:
    files = FileSet()
    files.link(f"{tree}/sites-enabled/y.conf", "../sites-available/y.conf")
    with pytest.raises(DanglingLink, match=r"y\.conf, which does not exist"):
        files.changed()


def test_a_dangling_link_is_named_with_what_it_points_to(tree: Path) -> None:
    (tree / "sites-available/x.conf").unlink()
    for use in (FileSet().read, lambda path: FileSet().write(path, b"")):
        with pytest.raises(DanglingLink) as caught:
            use(f"{tree}/sites-enabled/x.conf")
        assert caught.value.path == f"{tree}/sites-enabled/x.conf"
        assert f"{tree}/sites-available/x.conf" in caught.value.problem
        assert caught.value.advice


def test_a_dangling_link_is_mended_by_writing_its_target(tree: Path) -> None:
    (tree / "sites-available/x.conf").unlink()
    files = FileSet()
    files.write(f"{tree}/sites-available/x.conf", b"back\n")
    assert files.read(f"{tree}/sites-enabled/x.conf") == b"back\n"


def test_a_linked_directory_that_is_gone_is_a_dangling_link(tree: Path) -> None:
    (tree / "current").symlink_to("gone")
    with pytest.raises(DanglingLink, match="current: is a link to gone"):
        FileSet().write(f"{tree}/current/x.conf", b"")


def test_links_in_a_circle_are_refused(tree: Path) -> None:
    (tree / "a").symlink_to("b")
    (tree / "b").symlink_to("a")
    with pytest.raises(DanglingLink, match="circle"):
        FileSet().read(f"{tree}/a")


def test_a_directory_where_a_file_is_expected_is_refused(tree: Path) -> None:
    for use in (
        FileSet().read,
        FileSet().remove,
        lambda path: FileSet().write(path, b""),
        lambda path: FileSet().link(path, "x"),
    ):
        with pytest.raises(NotAFile, match="sites-enabled: is a directory"):
            use(f"{tree}/sites-enabled")


def test_a_fifo_is_refused_without_waiting_for_a_writer(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(NotAFile, match="not a regular file"):
        FileSet().read(f"{tree}/pipe")


def test_a_file_among_the_parents_is_refused(tree: Path) -> None:
    with pytest.raises(NotAFile, match="parent directories"):
        FileSet().write(f"{tree}/sites-available/x.conf/below.conf", b"")


def test_an_unreadable_file_is_named_and_become_advised(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(Unreadable, match=r"x\.conf: may not be read; .*become"):
        FileSet().read(f"{tree}/sites-available/x.conf")


@pytest.mark.parametrize("path", ["", "x.conf", "./x.conf", "/", "/a\nb", "/a\0b", "/a\x7fb"])
def test_a_path_that_is_not_absolute_and_plain_is_refused(path: str) -> None:
    with pytest.raises(BadValue):
        FileSet().write(path, b"")


def test_a_link_target_that_is_empty_or_holds_a_newline_is_refused(tree: Path) -> None:
    for target, said in (("", "link to nothing"), ("a\nb", r"'a\\nb': holds a control character")):
        with pytest.raises(BadValue, match=said):
            FileSet().link(f"{tree}/l", target)


@pytest.mark.parametrize(
    "wanted", [{"owner": "no-such-user"}, {"group": "no-such-group"}, {"mode": 0o10000}]
)
def test_an_unknown_owner_or_group_or_an_impossible_mode_is_refused(
    tree: Path, wanted: dict[str, int]
) -> None:
    with pytest.raises(BadValue):
        FileSet().write(f"{tree}/x.conf", b"", **wanted)


def test_what_was_read_first_stays_what_the_set_sees(tree: Path) -> None:
    files = FileSet()
    files.read(f"{tree}/sites-enabled/x.conf")
    (tree / "sites-available/x.conf").write_bytes(b"edited\n")
    assert files.read(f"{tree}/sites-enabled/x.conf") == b"old\n"
    seen = files.seen()
    assert seen[f"{tree}/sites-available/x.conf"].content == b"old\n"
    assert seen[f"{tree}/sites-enabled/x.conf"].link == "../sites-available/x.conf"


def test_restoring_puts_a_state_at_exactly_that_path(tree: Path) -> None:
    link = look(f"{tree}/sites-enabled/x.conf")
    files = FileSet()
    files.restore(f"{tree}/sites-enabled/x.conf", ABSENT)
    files.restore(f"{tree}/sites-enabled/y.conf", link)
    assert [(entry.path, entry.link) for entry in files.changed()] == [
        (f"{tree}/sites-enabled/x.conf", None),
        (f"{tree}/sites-enabled/y.conf", "../sites-available/x.conf"),
    ]


def test_every_problem_says_path_problem_and_advice() -> None:
    assert str(FileProblem("/x", "is bad", "mend it")) == "/x: is bad; mend it"


def test_a_name_that_is_not_text_is_kept(tree: Path) -> None:
    path = os.fsdecode(os.fsencode(str(tree)) + b"/caf\xe9.conf")
    Path(path).write_bytes(b"latin-1 name\n")
    assert FileSet().read(path) == b"latin-1 name\n"
