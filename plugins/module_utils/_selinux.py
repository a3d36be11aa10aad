# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether SELinux keeps httpd from connecting to its backends. Read from files; no program is run.

Private to this collection.
"""

from __future__ import annotations

import os
from typing import Iterator

from ._balancer.lint import Problem
from ._balancer.model import Configuration
from ._instance import Instance

ROOT = "/sys/fs/selinux"
#: The domain of the policy's httpd; another one is not confined by these booleans.
_DOMAIN = "httpd_t"
_CONNECT = "httpd_can_network_connect"
#: Lets httpd connect to the ports that the policy has labelled for web servers, proxies and caches.
_RELAY = "httpd_can_network_relay"


def problems(
    instance: Instance, configuration: Configuration, root: str = ROOT, proc: str = "/proc"
) -> list[Problem]:
    """Return what SELinux, mounted at *root*, keeps from working in *configuration* (``AB207``).

    With ``httpd_can_network_relay`` it depends on how the port of a member is labelled, so nothing is said then.
    """
    if _read(f"{root}/enforce") != "1" or _is_on(root, _CONNECT) or _is_on(root, _RELAY):
        return []
    if not _confined(instance, proc):
        return []
    return list(_kept(configuration))


def _kept(configuration: Configuration) -> Iterator[Problem]:
    for balancer in configuration.balancers:
        members = [m for m in balancer.members.values() if not m.url.startswith("unix:")]
        if not members:
            continue
        others = f" and {len(members) - 1} more" if len(members) > 1 else ""
        yield Problem(
            "AB207",
            f"member {members[0].url}{others} of balancer://{balancer.name} cannot be reached: SELinux keeps httpd from"
            " connecting to other hosts and ports (AH00957, Permission denied).",
            members[0].place,
            f"As root run: setsebool -P {_CONNECT} on",
            balancer,
        )


def _confined(instance: Instance, proc: str) -> bool:
    """Whether the policy for httpd holds for this one: a private one runs in the domain of who started it."""
    parent = instance.parent()
    if parent is not None:
        context = _read(f"{proc}/{parent.pid}/attr/current").rstrip("\0").split(":")
        return len(context) > 2 and context[2] == _DOMAIN
    layout = instance.layout
    return layout.service is not None and instance.main_file() == layout.config_file


def _is_on(root: str, boolean: str) -> bool:
    # "current pending" (selinuxfs, sel_read_bool).
    return _read(os.path.join(root, "booleans", boolean)).split(" ")[0] == "1"


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""
