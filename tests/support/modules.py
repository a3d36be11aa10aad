# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module of the collection with arguments, in a process of its own as Ansible does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from typing import Any, NamedTuple

# The peak is that of the module's own memory: ru_maxrss would have that of the process that started it.
_CODE = """
import importlib, sys
from ansible.module_utils.testing import patch_module_args
import json
name, arguments = sys.argv[1], json.load(sys.stdin)
module = importlib.import_module(
    "ansible_collections.webtier.apache_balancer.plugins.modules." + name
)
with patch_module_args(arguments):
    try:
        module.main()
    finally:
        sys.stderr.write(open("/proc/self/status").read())
"""


class Measured(NamedTuple):
    """The result of a module, the *seconds* it took, and the most memory it had, in bytes."""

    result: dict[str, Any]
    seconds: float
    peak: int


def run(module: str, /, **options: Any) -> dict[str, Any]:
    """Return the result of *module* with *options*; see :func:`measured`."""
    return measured(module, **options).result


def measured(
    module: str, /, check: bool = False, diff: bool = False, patience: float = 120, **options: Any
) -> Measured:
    """Return the result of *module* with *options*, after *patience* seconds at the latest, and what it took; a
    traceback is an AssertionError."""
    begun = time.monotonic()
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
    peak = re.findall(r"(?m)^VmHWM:\s+(\d+) kB$", done.stderr)
    return Measured(result, time.monotonic() - begun, int(peak[-1]) * 1024)
