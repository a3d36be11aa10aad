# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of a test that mounts and unmounts as it likes: in a process with a mount namespace of its own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import traceback
from typing import Callable

_NEWNS = 0x00020000


def apart(work: Callable[[], None]) -> None:
    """Do *work* in a fork of this process, whose mounts go with it; what it raises is an AssertionError here."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            assert ctypes.CDLL(None, use_errno=True).unshare(_NEWNS) == 0, ctypes.get_errno()
            mount("--make-rprivate", "/")
            work()
        except BaseException:
            os.write(writing, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8", errors="replace") as stream:
        said = stream.read()
    os.waitpid(pid, 0)
    assert not said, said


def mount(*arguments: object) -> None:
    """mount(8)."""
    subprocess.run(["mount", *map(str, arguments)], check=True)
