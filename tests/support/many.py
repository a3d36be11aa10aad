# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many private httpds, each a host of an inventory, and a task that configures one."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Dict, Iterator

from .private_httpd import BALANCER, BINARY, MODULES, PrivateHttpd
from .proxy import MANAGER

Proxies = Dict[str, PrivateHttpd]

HTTPD = {
    "binary": BINARY,
    "server_root": "{{ root }}",
    "config_file": "{{ root }}/httpd.conf",
}
BALANCER_OF_ALL = {
    "name": "app",
    "path": "{{ root }}/load_balancer/app.conf",
    "members": [
        {"url": "http://127.0.0.1:1", "route": "n1", "loadfactor": "{{ weight }}"},
        {"url": "http://127.0.0.1:2", "route": "n2"},
    ],
    "proxy_set": {"stickysession": "SID", "growth": 5},
    "manager_url": ["{{ manager_url }}"],
}
SITE = MANAGER + (
    "Include {{ root }}/load_balancer/app.conf\n"
    "ProxyPass / balancer://app/\n"
    "{% if listen is defined %}Listen 127.0.0.1:{{ listen }}\n{% endif %}"
    "{% if certificate is defined %}"
    f"LoadModule ssl_module {MODULES}/mod_ssl.so\n"
    "<VirtualHost *:*>\n    SSLEngine On\n    SSLCertificateFile {{ certificate }}\n</VirtualHost>\n"
    "{% endif %}"
)
CONFIGURE = {
    "name": "Configure",
    "webtier.apache_balancer.configuration": {
        "httpd": HTTPD,
        "files": [{"path": "{{ root }}/conf/site.conf", "content": SITE}],
        "balancers": [BALANCER_OF_ALL],
    },
}


@contextlib.contextmanager
def many(folder: Path, count: int) -> Iterator[Proxies]:
    """So many running proxies below *folder*, by host name, that balance nothing yet."""
    with contextlib.ExitStack() as stack:
        found = {}
        for number in range(count):
            httpd = stack.enter_context(
                PrivateHttpd(folder / f"p{number}", *BALANCER, "authz_host", "alias")
            )
            httpd.write("conf/site.conf", MANAGER)
            found[f"proxy{number:02}"] = httpd.start()
        yield found


def hosts_of(proxies: Proxies) -> dict[str, dict[str, Any]]:
    """Return the variables of each host."""
    return {
        name: {
            "root": str(httpd.root),
            "manager_url": f"http://127.0.0.1:{httpd.port}/balancer-manager",
            "weight": 1,
        }
        for name, httpd in proxies.items()
    }
