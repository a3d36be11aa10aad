# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private httpd with balancers that runs, and the modules told of it and of its balancer-manager."""

from __future__ import annotations

from typing import Any

from .modules import run
from .private_httpd import BINARY, PrivateHttpd

MANAGER = """
    <Location /balancer-manager>
        SetHandler balancer-manager
        Require local
    </Location>
    ProxyPass /balancer-manager !
"""
BODY = """
    <Proxy balancer://app>
        BalancerMember http://127.0.0.1:1 route=n1
        BalancerMember http://127.0.0.1:2 route=n2
        BalancerMember http://127.0.0.1:3 route=n3
        ProxySet growth=5
    </Proxy>
    ProxyPass /app balancer://app
"""


def vhost(name: str, body: str, manager: str = MANAGER) -> str:
    """Return a virtual host with its balancer-manager."""
    return f"<VirtualHost *:*>\n    ServerName {name}\n{manager}{body}</VirtualHost>\n"


class Proxy:
    """A private httpd that runs, and the modules told of it and of its balancer-manager."""

    def __init__(self, httpd: PrivateHttpd) -> None:
        self.httpd = httpd
        self.site = httpd.root / "conf" / "site.conf"
        self.manager_url = f"http://127.0.0.1:{httpd.port}/balancer-manager"

    def start(self, text: str) -> Proxy:
        """Start httpd on *text*, which is then beyond doubt what it has loaded."""
        self.site.write_text(text)
        self.httpd.start_on_old_files()
        return self

    def reload(self) -> None:
        """Let httpd load the files, which it then has beyond doubt."""
        self.run("graceful_reload", only_if_needed=False)

    def run(self, module: str, **options: Any) -> dict[str, Any]:
        """Return the result of *module*, which may not fail."""
        result = self.attempt(module, **options)
        assert "msg" not in result, result
        return result

    def attempt(self, module: str, **options: Any) -> dict[str, Any]:
        """Return the result of *module*, which may fail."""
        return run(module, **self.options(module, **options))

    def options(self, module: str, **options: Any) -> dict[str, Any]:
        """Return the options of *module*, with which httpd is meant, and where its balancer-manager is."""
        instance = {"server_root": str(self.httpd.root), "config_file": str(self.httpd.config_file)}
        manager = {"manager_url": self.manager_url}
        if module == "configuration":
            balancers = [{**manager, **balancer} for balancer in options.get("balancers", ())]
            options, manager = {**options, "balancers": balancers}, {}
        return {"httpd": {"binary": BINARY, **instance}, **manager, **options}

    def info(self, **options: Any) -> dict[str, Any]:
        """Return the first balancer as balancer_info shows it."""
        balancer: dict[str, Any] = self.run("balancer_info", **options)["balancers"][0]
        return balancer

    def member(self, url: str, **options: Any) -> dict[str, Any]:
        """Return one member of the first balancer."""
        return next(m for m in self.info(**options)["members"] if m["url"] == url)

    @property
    def generation(self) -> int:
        """What changes when httpd loads its configuration."""
        return self.httpd.pid_file.stat().st_mtime_ns
