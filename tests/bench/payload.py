# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible makes of a module and its arguments, and sends to a host: one file for Python to run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Mapping

from ansible_collections.webtier.apache_balancer.tests.support import playbook

# The most memory it has had is asked for at its end: what the kernel tells who waits for it holds what it was forked
# from as well.
_RUN = """
import atexit, runpy, sys
def tell():
    with open("/proc/self/status") as stream:
        peak = next(line.split()[1] for line in stream if line.startswith("VmHWM"))
    sys.stderr.write("VmHWM " + peak)
atexit.register(tell)
runpy.run_path(sys.argv.pop(), run_name="__main__")
"""


class Payload:
    """What Ansible sends for *task*, left in the new *folder*; the task is run for that. *arguments* are
    ansible-playbook's."""

    def __init__(self, folder: Path, task: Mapping[str, Any], *arguments: str) -> None:
        folder.mkdir()
        host = {"here": {"ansible_remote_tmp": str(folder / "sent")}}
        plays = [{"hosts": "all", "gather_facts": False, "tasks": [task]}]
        # It is unpacked there as well: what ends in the middle of a module does not clear up.
        self._folder = str(folder)
        playbook.play(
            folder,
            plays,
            host,
            *arguments,
            ANSIBLE_KEEP_REMOTE_FILES="1",
            TMPDIR=self._folder,
        )
        (self.file,) = (folder / "sent").glob("*/AnsiballZ_*.py")
        self.size = self.file.stat().st_size

    def run(self) -> None:
        """Run it. Raises CalledProcessError where its exit status is not 0."""
        subprocess.run(
            [sys.executable, str(self.file)],
            env={**os.environ, "TMPDIR": self._folder},
            capture_output=True,
            check=True,
        )

    def peak(self, changed: bool = False) -> int:
        """Run it, which may not fail and has to say that it *changed* something or nothing, and return the most memory
        its process had, in bytes."""
        done = subprocess.run(
            [sys.executable, "-c", _RUN, str(self.file)],
            capture_output=True,
            text=True,
            check=False,
        )
        result = json.loads(done.stdout)
        assert not result.get("failed") and result["changed"] is changed, done
        return int(done.stderr.rpartition("VmHWM ")[2]) * 1024


def memory(size: int) -> str:
    """Return *size*, in bytes, as it is shown."""
    return f"{size / 2**20:.0f} MB"
