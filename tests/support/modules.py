# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module of the collection with arguments, in a process of its own as Ansible does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

_CODE = """
import importlib, sys
from ansible.module_utils.testing import patch_module_args
import json
name, arguments = sys.argv[1], json.load(sys.stdin)
module = importlib.import_module(
    "ansible_collections.webtier.apache_balancer.plugins.modules." + name
)
with patch_module_args(arguments):
    module.main()
"""


def run(
    module: str, /, check: bool = False, diff: bool = False, patience: float = 120, **options: Any
) -> dict[str, Any]:
    """Return the result of *module* with *options*, after *patience* seconds at the latest; a traceback is an
    AssertionError."""
    arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": diff}
    done = subprocess.run(
        [sys.executable, "-c", _CODE, module],
        input=json.dumps(arguments),
        capture_output=True,
        text=True,
        timeout=patience,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    try:
        result: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise AssertionError(f"no result: {done.stdout}\n{done.stderr}") from None
    if "Traceback" in str(result.get("exception", "")):
        raise AssertionError(result["exception"])
    return result
