# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release can be made of the tree as it is: its notes come from the fragments and from the documentation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture()
def copy(artifact: Path, tmp_path: Path) -> Path:
    """A copy of the tree that may be released."""
    folder = Path("ansible_collections", "webtier", "apache_balancer")
    # Building has left one of what git holds.
    shutil.copytree(ROOT / ".build" / "copy" / folder, tmp_path / folder)
    return tmp_path / folder


def since(path: Path) -> str:
    """The version that a module, a filter or a role says it came with; those of the first release need not."""
    found = re.search(r"(?m)^ *version_added: (\S+)$", path.read_text())
    return found[1] if found else ""


def test_the_notes_of_a_release_come_from_fragments_and_name_what_says_that_it_is_new(
    copy: Path, tmp_path: Path
) -> None:
    path = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}
    changelogs = copy / "changelogs"
    version = yaml.safe_load((copy / "galaxy.yml").read_text())["version"]
    # Also when the last release was made of this very tree.
    (changelogs / "changelog.yaml").unlink(missing_ok=True)
    route = copy / "plugins" / "filter" / "route.yml"
    lines = re.sub(r"\n  version_added: .*", "", route.read_text())
    route.write_text(
        lines.replace("  name: route\n", f"  name: route\n  version_added: {version}\n")
    )
    # A release takes all of them, and git keeps no empty folder.
    (changelogs / "fragments").mkdir(exist_ok=True)
    (changelogs / "fragments" / "one.yml").write_text("trivial: [There is one.]\n")
    fragments = {each.name for each in (changelogs / "fragments").glob("*.yml")}

    subprocess.run(["antsibull-changelog", "release"], cwd=copy, env=path, check=True)

    notes = (copy / "CHANGELOG.rst").read_text()
    released = yaml.safe_load((changelogs / "changelog.yaml").read_text())["releases"]
    assert f"v{version}\n" in notes and set(released[version]["fragments"]) == fragments
    documented = {
        **{each.stem: each for each in (copy / "plugins" / "modules").glob("*.py")},
        **{each.stem: each for each in (copy / "plugins" / "filter").glob("*.yml")},
        **{each.parents[1].name: each for each in copy.glob("roles/*/meta/argument_specs.yml")},
    }
    named = set(re.findall(r"(?m)^- webtier\.apache_balancer\.(\w+) - ", notes))
    assert "route" in named
    assert named == {name for name, each in documented.items() if since(each) == version}

    # What is checked of the tree goes for what is released.
    subprocess.run(["yamllint", "--strict", "changelogs"], cwd=copy, check=True)
    build = ["ansible-galaxy", "collection", "build", f"--output-path={tmp_path}"]
    subprocess.run(build, cwd=copy, env=path, check=True)
    with tarfile.open(tmp_path / f"webtier-apache_balancer-{version}.tar.gz") as archive:
        assert "changelogs/changelog.yaml" in archive.getnames()
