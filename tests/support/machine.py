# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine permits its tests: found out with unshare(1), not with the code under test.

Root on a host may make namespaces, and so may most ordinary users, inside a user namespace. In a
container nobody may, unless it was started with more privileges than usual.
"""

from __future__ import annotations

import functools
import subprocess

ROOT = "root"
USER = "user"

_NAMESPACES = ("--mount", "--net", "--ipc", "--pid", "--fork")
_WAYS: dict[str, tuple[str, ...]] = {ROOT: (), USER: ("--user", "--map-root-user")}
# Of all that the namespaces are for: a mount, and the right to configure the network.
_ATTEMPT = "mount -t tmpfs none /tmp && grep ^CapEff: /proc/self/status"
_CAP_NET_ADMIN = 12


def refusals() -> dict[str, str]:
    """Return the ways to make namespaces (ROOT, USER) that this process has not, and why."""
    found = {}
    for way, options in _WAYS.items():
        done = subprocess.run(
            ["unshare", *options, *_NAMESPACES, "sh", "-c", _ATTEMPT],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            found[way] = done.stderr.strip()
        elif not int(done.stdout.split()[1], 16) >> _CAP_NET_ADMIN & 1:
            found[way] = "no CAP_NET_ADMIN in the new network namespace"
    return found


@functools.lru_cache(maxsize=None)
def refused() -> dict[str, str]:
    """Return ``refusals`` as of the first call."""
    return refusals()


def proof(without: dict[str, str]) -> str:
    """Return what a preflight says of a good configuration where these ways are refused."""
    return "tested" if set(without) == set(_WAYS) else "rehearsed"


def unshare(*options: str) -> list[str]:
    """Return the command that runs another one in new namespaces (``options`` of unshare(1))."""
    way = next(way for way in _WAYS if way not in refused())
    return ["unshare", *_WAYS[way], *options]
