# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys

import pytest

IMPORTED = """
import importlib, sys
importlib.import_module("ansible_collections.webtier.apache_balancer.plugins.module_utils.{name}")
print(*(name.rpartition(".")[2] for name in sys.modules if ".module_utils." in name))
"""
OF_FILES = {"_apply", "_configuration", "_fileset", "_instance", "lint", "tree"}


@pytest.mark.parametrize("name", ["_declared", "_balancer_member", "_live"])
def test_what_changes_the_running_httpd_alone_does_without_what_is_about_files(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED.format(name=name)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(done.stdout.split())
    assert "live" in imported
    assert not imported & OF_FILES
