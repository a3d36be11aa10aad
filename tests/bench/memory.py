# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory something takes."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Callable, Mapping


def peak(function: Callable[..., Any], *arguments: Any) -> int:
    """Return the most memory, in bytes, that a fresh process takes for *function*, a global one, beyond what it had
    with everything imported. *arguments* count as far as *function* makes something of them."""
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawning) as process:
        return process.submit(_peak, function, *arguments).result()


def _peak(function: Callable[..., Any], *arguments: Any) -> int:
    before = _most()
    function(*arguments)
    return _most() - before


def _most() -> int:
    # What getrusage says is that of the parent, where the parent was larger.
    with open("/proc/self/status", encoding="utf-8") as stream:
        return next(int(line.split()[1]) * 1024 for line in stream if line.startswith("VmHWM:"))


def note(sizes: Mapping[str, float]) -> str:
    """Return how much memory, in bytes, each of *sizes* takes."""
    return "memory: " + ", ".join(f"{what} {size / 2**20:.3g} MiB" for what, size in sizes.items())
