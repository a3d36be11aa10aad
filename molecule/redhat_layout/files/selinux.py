# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands for getsebool, setsebool and semanage: keeps what it is told in a file, and each change in a log."""

from __future__ import annotations

import json
import sys
from pathlib import Path

STATE, LOG = Path("/var/lib/selinux.json"), Path("/var/log/selinux.log")
name, arguments = Path(sys.argv[0]).name, sys.argv[1:]
state = {"connect": "off", "ports": {"http_port_t": "80, 81, 443, 488, 8008, 8009, 8443, 9000"}}
if STATE.exists():
    state = json.loads(STATE.read_text())

if name == "getsebool" and arguments == ["httpd_can_network_connect"]:
    print(f"httpd_can_network_connect --> {state['connect']}")
elif name == "semanage" and arguments == ["port", "--list", "--noheading"]:
    print("http_cache_port_t              tcp      8080, 8118, 8123, 10001-10010")
    print("http_cache_port_t              udp      3130")
    print(f"http_port_t                    tcp      {state['ports']['http_port_t']}")
    print("unreserved_port_t              tcp      61001-65535, 1024-32767")
elif name == "setsebool" and arguments == ["-P", "httpd_can_network_connect", "on"]:
    state["connect"] = "on"
elif name == "semanage" and " ".join(arguments[:-1]) == "port --add --type http_port_t --proto tcp":
    state["ports"]["http_port_t"] = f"{arguments[-1]}, {state['ports']['http_port_t']}"
else:
    sys.exit(f"{name}: unexpected arguments {arguments}")

if "--list" not in arguments and name != "getsebool":
    STATE.write_text(json.dumps(state))
    with LOG.open("a") as log:
        print(name, *arguments, file=log)
