# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook load_balancer in check mode, on a host that has the binary of httpd and no file of its package. What it
does for real is seen in containers (molecule)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.webtier.apache_balancer.tests.support import machine

CONFIGURE = (
    "webtier.apache_balancer.load_balancer : Configure | Write modules, ports, sites and balancers,"
    " proven together"
)
SITES = [
    {
        "name": "shop",
        "server_name": "shop.example.com",
        "balancers": [
            {"name": "shop", "members": [{"url": "http://10.0.0.11:8080", "route": "node1"}]}
        ],
    }
]
# The package manager has no part in this: it is as if it had said that there is something to install.
TO_INSTALL = {"load_balancer_package": [], "__load_balancer_empty_host": True}
# /etc/apache2 is seen empty by whatever runs in it.
PYTHON = """#!/bin/sh
exec {unshare} sh -c '! [ -d /etc/apache2 ] || mount -t tmpfs none /etc/apache2; exec "$@"' - {python} "$@"
"""


@pytest.fixture()
def empty_host(tmp_path: Path) -> dict[str, Any]:
    """The variables of such a host."""
    python = tmp_path / "python"
    unshare = " ".join(machine.unshare("--mount"))
    python.write_text(PYTHON.format(unshare=unshare, python=sys.executable))
    python.chmod(0o755)
    return {"ansible_become": False, "ansible_python_interpreter": str(python)}


@pytest.mark.namespaces
def test_in_check_mode_an_empty_host_is_planned_for_with_a_warning(
    play: Any, empty_host: dict[str, Any]
) -> None:
    played = play(
        "load_balancer",
        {"lb1": empty_host},
        "--check",
        "--diff",
        load_balancer_sites=SITES,
        **TO_INSTALL,
    )
    assert played.status == 0, played
    result = played.of(CONFIGURE)["lb1"]
    assert (result["changed"], result["validated"]) == (True, "no")
    assert "/etc/apache2/apache2.conf" in str(result["warnings"])
    shown = {diff["after_header"]: diff["after"] for diff in result["diff"]}
    assert "BalancerMember http://10.0.0.11:8080 route=node1" in str(shown)
    assert 'Include "/etc/apache2/load_balancer/shop.conf"' in str(shown)
    assert played.of("Say how it went")["lb1"]["msg"] == ["lb1: changed"]
