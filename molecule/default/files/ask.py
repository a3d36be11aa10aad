# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends a request as it is given, line by line, and prints the answer, or that the connection was refused.

ask.py SOURCE HOST PORT LINE...: SOURCE is the own address to ask from, or empty.
"""

from __future__ import annotations

import socket
import sys

source, host, port, *lines = sys.argv[1:]
own = (source, 0) if source else None
try:
    with socket.create_connection((host, int(port)), 10, own) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        while True:
            part = connection.recv(65536)
            if not part:
                break
            sys.stdout.write(part.decode("utf-8", "replace"))
except ConnectionRefusedError:
    print("refused")
