# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules as tests/support/modules.py does, each in a process of its own, but one that begins with Ansible and the
modules imported: for tests that run hundreds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import TracebackType
from typing import Any

MODULES = ("balancer", "balancer_info", "balancer_member", "configuration", "graceful_reload")
_CODE = """
import importlib, json, os, pathlib, sys
from ansible.module_utils.testing import patch_module_args
package = "ansible_collections.webtier.apache_balancer.plugins."
# The modules import some of it only when they need it.
utils = importlib.import_module(package + "module_utils")
for root in map(pathlib.Path, utils.__path__):
    for file in root.rglob("*.py"):
        parts = file.relative_to(root).with_suffix("").parts
        importlib.import_module(".".join((utils.__name__, *parts)))
modules = {name: importlib.import_module(package + "modules." + name) for name in sys.argv[1:]}
for line in sys.stdin:
    name, arguments = json.loads(line)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        os.dup2(writer, 1)
        with patch_module_args(arguments):
            modules[name].main()
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    print(json.dumps(text), flush=True)
"""


class Warm:
    """Modules, ready to run one after the other until the end of the block."""

    def __enter__(self) -> Warm:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CODE, *MODULES],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        return self

    def run(
        self, module: str, /, check: bool = False, diff: bool = False, **options: Any
    ) -> dict[str, Any]:
        """Return the result of *module* with *options*; a traceback is an AssertionError."""
        arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": diff}
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps([module, arguments]), file=self._process.stdin, flush=True)
        text = json.loads(self._process.stdout.readline())
        try:
            result: dict[str, Any] = json.loads(text)
        except ValueError:
            raise AssertionError(f"no result: {text}") from None
        assert "Traceback" not in str(result.get("exception", "")), result["exception"]
        return result

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=60)
