# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes modules start faster."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

# Where Python is that of a managed host, Ansible is not installed.
IMPORT = """
import importlib, sys, types
for name in ("ansible", "ansible.module_utils", "ansible.module_utils.basic"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["ansible.module_utils.basic"].AnsibleModule = object
import ansible_collections.webtier.apache_balancer.plugins.module_utils._ansible

compiled = []
sys.addaudithook(lambda event, given: compiled.append(given[1]) if event == "compile" else None)
sys.path.insert(0, {archive!r})
for name in ("alone", "package", "package.part"):
    module = importlib.import_module(name)
    assert module.NAME == name and module.__file__.startswith({archive!r}), module
print(*sorted(file for file in compiled if str(file).startswith({archive!r})), sep="\\n")
"""


# Older ones import by load_module, which does not ask get_code.
TIMES = 1 if sys.version_info >= (3, 10) else 2


def test_what_is_imported_from_a_zip_file_is_compiled_once(tmp_path: Path) -> None:
    archive = tmp_path / "sent.zip"
    files = {
        "alone.py": "alone",
        "package/__init__.py": "package",
        "package/part.py": "package.part",
    }
    with zipfile.ZipFile(archive, "w") as sent:
        for file, name in files.items():
            sent.writestr(file, f"NAME = {name!r}\n")
    done = subprocess.run(
        [sys.executable, "-c", IMPORT.format(archive=str(archive))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [f"{archive}/{file}" for file in files for dummy in range(TIMES)]
