# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import _preflight, _shadow
from ansible_collections.webtier.apache_balancer.plugins.module_utils import _process as process
from ansible_collections.webtier.apache_balancer.plugins.module_utils._fileset import FileSet
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.dump import View
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import Node
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import (
    ConfigurationRefused,
    Instance,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
)


@pytest.fixture(autouse=True)
def nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the shadow stand in a folder of the test, and hold that it goes."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))


@pytest.fixture
def httpd(tmp_path: Path) -> PrivateHttpd:
    return PrivateHttpd(tmp_path / "httpd", *BALANCER)


def view(httpd: PrivateHttpd, files: FileSet) -> View:
    """Return the view by the shadow, which must be the one with the files in their places.

    Afterwards they do stand there.
    """
    instance = Instance.find(server_root=str(httpd.root), config_file=str(httpd.config_file))
    before = sorted(httpd.root.rglob("*"))
    shadow = _shadow.view(instance, files.changed())
    assert _shape(shadow) == _shape(_preflight.candidate_view(instance, files))
    assert sorted(httpd.root.rglob("*")) == before
    assert os.listdir(tempfile.gettempdir()) == []
    _write(files)
    assert _shape(shadow) == _shape(instance.view())
    return shadow


def _write(files: FileSet) -> None:
    for entry in files.changed():
        path = Path(entry.path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.link is not None:
            path.symlink_to(entry.link)
        elif entry.content is not None:
            path.write_bytes(entry.content)


def _shape(view: View) -> object:
    def lines(node: Node) -> list[tuple[str, str, str, int]]:
        return [(node.name, node.args, node.file, node.line) for node in node.walk()]

    return {**view._asdict(), "root": lines(view.root)}


def _set(httpd: PrivateHttpd, **files: str) -> FileSet:
    found = FileSet()
    for name, text in files.items():
        found.write(str(httpd.root / "conf" / f"{name}.conf"), text.encode())
    return found


def test_a_new_file_is_read_through_a_wildcard(httpd: PrivateHttpd) -> None:
    shown = view(httpd, _set(httpd, new="Define NEW\n"))
    assert "NEW" in shown.defines
    assert str(httpd.root / "conf/new.conf") in shown.includes


def test_a_changed_file_is_read_instead_of_the_real_one(httpd: PrivateHttpd) -> None:
    httpd.write("conf/app.conf", "Define OLD\n")
    shown = view(httpd, _set(httpd, app="Define NEW\n"))
    assert "NEW" in shown.defines
    assert "OLD" not in shown.defines


def test_a_removed_file_is_not_read(httpd: PrivateHttpd) -> None:
    app = httpd.write("conf/app.conf", "Define OLD\n")
    files = FileSet()
    files.remove(str(app))
    assert "OLD" not in view(httpd, files).defines


def test_absolute_includes_lead_to_the_candidates(httpd: PrivateHttpd, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "old").mkdir(parents=True)
    (outside / "old/x.conf").write_text("Define OLD\n")
    httpd.write(
        "conf/app.conf",
        f"Define BASE {outside}\n"
        f'Include "{outside}/new.conf"\n'
        "IncludeOptional ${BASE}/*/*.conf\n"
        f"Include \\\n  {outside}/old/\n",
    )
    files = FileSet()
    files.write(str(outside / "new.conf"), b"Define NEW\n")
    files.write(str(outside / "new/y.conf"), b"Define DEEP\n")
    defines = view(httpd, files).defines
    assert {"NEW", "DEEP", "OLD"} <= set(defines)
    assert defines["BASE"] == str(outside)


@pytest.mark.parametrize("name", ["ConfDir", "CONFDIR", "PLACE"])
def test_a_variable_leads_to_the_candidates_as_httpd_reads_it(
    httpd: PrivateHttpd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Defines are known in any case; one of the environment as it is spelled, unless there is a Define."""
    monkeypatch.setitem(process.CLEAN, "PLACE", str(tmp_path / "place"))
    for folder in ("gone", "place"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.conf").write_text("Define OLD\n")
    httpd.write(
        "conf/app.conf",
        f"Define ConfDir {tmp_path}/place\nDefine Place {tmp_path}/gone\nUnDefine PLACE\n"
        f"Include ${{{name}}}/x.conf\n",
    )
    files = FileSet()
    files.write(str(tmp_path / "place/x.conf"), b"Define NEW\n")
    assert "NEW" in view(httpd, files).defines


def test_links_are_followed_wherever_they_lead(httpd: PrivateHttpd, tmp_path: Path) -> None:
    httpd.write("available/a.conf", "Define OLD_A\n")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.conf").write_text("Define B\n")
    (httpd.root / "conf/a.conf").symlink_to("../available/a.conf")
    (httpd.root / "conf/b.conf").symlink_to("../../outside/b.conf")
    files = FileSet()
    files.write(str(httpd.root / "conf/a.conf"), b"Define NEW_A\n")
    files.write(str(httpd.root / "available/c.conf"), b"Define C\n")
    files.link(str(httpd.root / "conf/c.conf"), "../available/c.conf")
    defines = view(httpd, files).defines
    assert {"NEW_A", "B", "C"} <= set(defines)
    assert "OLD_A" not in defines


def test_a_directory_that_is_a_link_is_followed(httpd: PrivateHttpd, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (httpd.root / "sites").symlink_to(outside)
    httpd.write("conf/app.conf", "IncludeOptional sites/*.conf\n")
    files = FileSet()
    files.write(str(httpd.root / "sites/new.conf"), b"Define NEW\n")
    shown = view(httpd, files)
    assert "NEW" in shown.defines
    assert str(httpd.root / "sites/new.conf") in shown.includes


def test_relative_paths_find_what_was_not_copied(httpd: PrivateHttpd) -> None:
    (httpd.root / "modules").symlink_to("/usr/lib/apache2/modules")
    view(httpd, _set(httpd, new="LoadModule alias_module modules/mod_alias.so\n"))


def test_a_word_that_names_a_candidate_leads_to_it(httpd: PrivateHttpd, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    files = _set(httpd, new=f"<IfFile {marker}>\nDefine SEEN\n</IfFile>\n")
    assert "SEEN" not in view(httpd, files).defines
    files.write(str(marker), b"here\n")
    assert "SEEN" in view(httpd, files).defines


def test_a_candidate_behind_a_link_is_found_by_either_path(
    httpd: PrivateHttpd, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (httpd.root / "linked").symlink_to(tmp_path / "real")
    texts = [
        f"<IfFile {path}>\nDefine {name}\n</IfFile>\n"
        for name, path in (
            ("REAL", tmp_path / "real/new"),
            ("ABSOLUTE", httpd.root / "linked/new"),
            ("RELATIVE", "linked/new"),
            ("LINK", "links/new"),
        )
    ]
    files = _set(httpd, app="".join(texts))
    files.write(str(tmp_path / "real/new"), b"here\n")
    files.link(str(httpd.root / "links/new"), "../linked/new")
    assert {"REAL", "ABSOLUTE", "RELATIVE", "LINK"} <= set(view(httpd, files).defines)


def test_a_mistake_is_told_with_its_real_place(httpd: PrivateHttpd) -> None:
    files = _set(httpd, new="# one\nInclude \\\n  /nowhere/at/all.conf\n")
    with pytest.raises(ConfigurationRefused) as caught:
        view(httpd, files)
    (message,) = caught.value.messages
    assert (message.file, message.line) == (str(httpd.root / "conf/new.conf"), 3)
    assert "/nowhere/at/all.conf" in message.text
    assert "shadow" not in message.text
    assert os.listdir(tempfile.gettempdir()) == []


def test_a_main_file_by_itself_may_be_the_candidate(httpd: PrivateHttpd) -> None:
    text = httpd.base(*BALANCER) + "Define MAIN\n"
    httpd.config_file.unlink()
    files = FileSet()
    files.write(str(httpd.config_file), text.encode())
    assert "MAIN" in view(httpd, files).defines


def test_bytes_that_are_no_text_stay_what_they_are(httpd: PrivateHttpd) -> None:
    files = FileSet()
    files.write(str(httpd.root / "conf/new.conf"), b'Define LATIN "caf\xe9"\r\n')
    assert view(httpd, files).defines["LATIN"].encode("utf-8", "surrogateescape") == b"caf\xe9"


def test_what_a_killed_run_left_goes_and_what_others_use_stays(
    httpd: PrivateHttpd, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        # Before it can tidy up.
        patch.setattr(_shadow.Shadow, "build", lambda self: os.kill(os.getpid(), signal.SIGKILL))
        pid = os.fork()
        if pid == 0:
            try:
                view(httpd, _set(httpd, new="# new\n"))
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    folder = Path(tempfile.gettempdir())
    (left,) = folder.iterdir()
    with _shadow._home() as used:
        others = {Path(used), folder / "httpd-shadow-1", folder / left.name.replace("h", "x", 1)}
        for path in others:
            path.mkdir(exist_ok=True)
        # Also where the change can be proven without a copy.
        instance = Instance.find(server_root=str(httpd.root), config_file=str(httpd.config_file))
        _preflight.candidate_view(instance, _set(httpd, new="# newer\n"))
        assert set(folder.iterdir()) == others
