# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""websocket.py HOST TEXT: opens a websocket over TLS, says TEXT and prints what is said then."""

from __future__ import annotations

import os
import socket
import ssl
import sys


def main(host: str, text: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(
        socket.create_connection((host, 443), timeout=10), server_hostname=host
    ) as client:
        client.sendall(
            f"GET /chat HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        stream = client.makefile("rb")
        status = stream.readline()
        if b" 101 " not in status:
            raise SystemExit(status.decode())
        while stream.readline() not in (b"\r\n", b""):
            pass
        mask = os.urandom(4)
        said = bytes(byte ^ mask[index % 4] for index, byte in enumerate(text.encode()))
        client.sendall(bytes([0x81, 0x80 | len(said)]) + mask + said)
        print(stream.read(2 + len(said))[2:].decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
