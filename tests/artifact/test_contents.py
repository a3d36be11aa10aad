# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the artifact: all that is run or read, and nothing that only the repository needs."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
# With everything in them that git holds.
FOLDERS = ("LICENSES", "docs", "meta", "playbooks", "plugins", "roles")
FILES = {
    "CHANGELOG.rst",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "REUSE.toml",
    "SECURITY.md",
    "changelogs/config.yaml",
    # Reviewers lint the artifact, and run ansible-test sanity on it.
    ".ansible-lint",
    ".yamllint",
    "tests/config.yml",
}
# There from the first release on.
RELEASED = "changelogs/changelog.yaml"
# These make it an artifact.
WRITTEN = {"FILES.json", "MANIFEST.json"}


def test_it_holds_these_and_nothing_else(artifact: Path) -> None:
    with tarfile.open(artifact) as archive:
        held = {member.name for member in archive.getmembers() if not member.isdir()}
    copy = ROOT / ".build" / "copy" / "ansible_collections" / "webtier" / "apache_balancer"
    whole = {
        str(path.relative_to(copy))
        for folder in FOLDERS
        for path in (copy / folder).rglob("*")
        # The demo needs tools, which are not in it.
        if path.is_file() and not path.name.startswith(("demo.", "demo_"))
    }
    released = {RELEASED} if (copy / RELEASED).exists() else set()
    assert held == whole | FILES | WRITTEN | released


def test_what_is_built_in_the_folder_itself_holds_the_same(artifact: Path, tmp_path: Path) -> None:
    """Users install a clone by its path, and may have run something in it."""
    subprocess.run(
        ["ansible-galaxy", "collection", "build", f"--output-path={tmp_path}", str(ROOT)],
        check=True,
    )
    names = []
    for path in (artifact, *tmp_path.iterdir()):
        with tarfile.open(path) as archive:
            # Editors and Python leave what they like, only git knows about.
            names.append({m.name for m in archive.getmembers() if "__pycache__" not in m.name})
    assert names[0] == names[1]
