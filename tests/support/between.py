# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands between the modules and balancer-manager, and lets whatever is wished go wrong there.

with Between() as between:
    httpd.start(pass_fds=[between.fileno])  # its address is one of this httpd now
    between.behind = httpd.port
    between.fault = reset
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
from typing import Callable, Iterator, NamedTuple


class Talk(NamedTuple):
    """One *request* that came in on a *connection*. ``ask()``: what httpd answers to it. *over* is set at the end of
    the test."""

    connection: socket.socket
    request: bytes
    ask: Callable[[], bytes]
    over: threading.Event

    @property
    def is_post(self) -> bool:
        return self.request.startswith(b"POST ")

    def say(self, answer: bytes) -> None:
        self.connection.sendall(answer)

    def reset(self) -> None:
        """Break the connection off: the client gets a RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


Fault = Callable[[Talk], None]


def honest(talk: Talk) -> None:
    """Pass on what httpd says."""
    talk.say(talk.ask())


class Between:
    """A server on loopback. Each connection has one request, with which it does what ``fault`` says. With ``tls`` it
    speaks TLS."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self.behind = 0
        self.fault: Fault = honest
        self.tls: ssl.SSLContext | None = None
        self.connections = 0

    @property
    def fileno(self) -> int:
        return self._listener.fileno()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def url(self, scheme: str = "http") -> str:
        """Return the address of balancer-manager by this way."""
        return f"{scheme}://127.0.0.1:{self.port}/balancer-manager"

    @contextlib.contextmanager
    def doing(self, fault: Fault) -> Iterator[None]:
        """Let every request go wrong like that, and count the connections from 0."""
        self.fault, self.connections = fault, 0
        yield
        self.fault = honest

    def _serve(self) -> None:
        while True:
            connection, dummy = self._listener.accept()
            if self._over.is_set():
                connection.close()
                return
            self.connections += 1
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        # The client may hang up at any time.
        with contextlib.suppress(OSError), contextlib.closing(connection):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            request = _request(connection)
            if request:
                self.fault(Talk(connection, request, lambda: self._ask(request), self._over))

    def _ask(self, request: bytes) -> bytes:
        # As HTTP/1.0, so that the answer is one piece and has an end.
        with socket.create_connection(("127.0.0.1", self.behind)) as httpd:
            httpd.sendall(request.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1))
            return b"".join(iter(lambda: httpd.recv(65536), b""))

    def __enter__(self) -> Between:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._over.set()
        # accept() does not notice when its socket is closed.
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()


def _request(connection: socket.socket) -> bytes:
    """Return one whole request; nothing if there is none."""
    request = b""
    while True:
        head, end, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if end and len(body) >= (int(length.group(1)) if length else 0):
            return request
        part = connection.recv(65536)
        if not part:
            return b""
        request += part
