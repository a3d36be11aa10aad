# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artifact as users get it: built from the tree, installed where nothing else is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def artifact() -> Path:
    """The artifact that ``make build`` makes."""
    built = subprocess.run(
        [str(ROOT / "tools" / "build")], stdout=subprocess.PIPE, text=True, check=True
    )
    return Path(built.stdout.strip())


@pytest.fixture(scope="session")
def collections(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A path for collections with this one alone, installed from the artifact."""
    folder = tmp_path_factory.mktemp("collections")
    subprocess.run(
        ["ansible-galaxy", "collection", "install", "--offline", f"-p{folder}", str(artifact)],
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder)},
        check=True,
    )
    return folder
