# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A load balancer that is a private httpd, and the playbooks of the collection run on it."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

import pytest

from ansible_collections.webtier.apache_balancer.tests.support import machine, playbook
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    PrivateHttpd,
    free_port,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import MANAGER
from ansible_collections.webtier.apache_balancer.tests.support.traffic import Backend

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
SITE = MANAGER + (
    "<Proxy balancer://shop>\n"
    "{members}"
    "    ProxySet stickysession=JSESSIONID\n"
    "</Proxy>\n"
    "ProxyPass / balancer://shop/\n"
)

# There is something to install; in check mode the package manager is not asked.
TO_INSTALL = {"load_balancer_package": ["a-package-that-no-list-has"]}
# /etc/apache2 is seen empty by whatever runs in it.
PYTHON = """#!/bin/sh
exec {unshare} sh -c '! [ -d /etc/apache2 ] || mount -t tmpfs none /etc/apache2; exec "$@"' - {python} "$@"
"""

Play = Callable[..., playbook.Played]


class LoadBalancer(NamedTuple):
    """A private httpd that balances two nodes, not started, and how it is declared to playbooks."""

    httpd: PrivateHttpd

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.httpd.port}/"

    @property
    def manager_url(self) -> str:
        return f"{self.url}balancer-manager"

    @property
    def instance(self) -> dict[str, str]:
        """The option ``httpd`` of modules."""
        root, config_file = str(self.httpd.root), str(self.httpd.config_file)
        return {"binary": BINARY, "server_root": root, "config_file": config_file}

    def host(self, **variables: Any) -> dict[str, Any]:
        """Its variables as a host of an inventory."""
        found = {
            "ansible_become": False,
            "load_balancer_manager_address": "127.0.0.1",
            "load_balancer_manager_port": self.httpd.port,
        }
        instances = {f"{book}_httpd": self.instance for book in ("status", "node", "verify")}
        return {**found, **instances, **variables}


@pytest.fixture()
def load_balancer(tmp_path: Path) -> Iterator[LoadBalancer]:
    with contextlib.ExitStack() as stack:
        httpd = stack.enter_context(PrivateHttpd(tmp_path / "httpd", *BALANCER, "authz_host"))
        nodes = [stack.enter_context(Backend(f"node{number}")) for number in (1, 2)]
        members = "".join(f"    BalancerMember {n.url} route={n.route}\n" for n in nodes)
        httpd.write("conf/site.conf", SITE.format(members=members))
        yield LoadBalancer(httpd)


@pytest.fixture()
def nobody() -> str:
    """An address at which nobody listens."""
    return f"http://127.0.0.1:{free_port()}/"


@pytest.fixture()
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Return a function that runs a playbook of the collection on hosts with their variables, with *extra* ones."""
    monkeypatch.setenv("ANSIBLE_SHOW_CUSTOM_STATS", "true")

    def run(
        name: str, hosts: dict[str, dict[str, Any]], *arguments: str, **extra: Any
    ) -> playbook.Played:
        given = json.dumps({"load_balancer_hosts": "all", **extra})
        options = (*arguments, f"--extra-vars={given}")
        return playbook.play(tmp_path, PLAYBOOKS / f"{name}.yml", hosts, *options)

    return run


@pytest.fixture()
def empty_host(tmp_path: Path) -> dict[str, Any]:
    """The variables of a host that has the binary of httpd and no file of its package."""
    python = tmp_path / "python"
    unshare = " ".join(machine.unshare("--mount"))
    python.write_text(PYTHON.format(unshare=unshare, python=sys.executable))
    python.chmod(0o755)
    return {"ansible_become": False, "ansible_python_interpreter": str(python)}
