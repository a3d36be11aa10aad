# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application server whose sessions have whatever fault is wished.

with Faulty("n1", "SID={id}.n1; Path=/; Secure") as node:
    ...
"""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import threading
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Iterable

_NUMBERS = itertools.count(1)


class Faulty:
    """Answers each request with ``X-Served-By: NAME``. To a request without a session that it began itself, it begins
    one and sets *cookies*, in which ``{id}`` is its identifier. *links*: what the body says, with ``{id}`` as well; a
    session is then known by the URL too. *always*: cookies set with every answer."""

    def __init__(
        self,
        name: str,
        *cookies: str,
        links: str = "",
        always: Iterable[str] = (),
        respond: Callable[[str], tuple[int, str]] | None = None,
    ) -> None:
        self.name = name
        self.cookies = cookies
        self.links = links
        self.always = tuple(always)
        self.respond = respond
        self.known: set[str] = set()
        self.paths: list[str] = []
        self.headers: list[Message] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.node = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    @property
    def url(self) -> str:
        """Its address as a member."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def member(self, route: str | None = None) -> str:
        """Return the line that makes it a member."""
        return f"BalancerMember {self.url}" + (f" route={route}" if route is not None else "")

    def session(self, text: str) -> tuple[str, bool]:
        """Return the session in a request, and whether it is a new one."""
        for known in re.findall(r"id[0-9]{6}", text):
            if known in self.known:
                return known, False
        new = f"id{next(_NUMBERS):06d}"
        self.known.add(new)
        return new, True

    def __enter__(self) -> Faulty:
        self._thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    node: Faulty


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        node = self.server.node
        node.paths.append(self.path)
        node.headers.append(self.headers)
        session, new = node.session(f"{self.headers.get('Cookie', '')} {self.path}")
        status, body = node.respond(self.path) if node.respond else (200, "")
        body += node.links.format(id=session) + f"<b>{node.name}</b>\n"
        self.send_response(status)
        self.send_header("X-Served-By", node.name)
        for cookie in (*(node.cookies if new else ()), *node.always):
            self.send_header("Set-Cookie", cookie.format(id=session))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


class Raw:
    """A server that gives each request the next of *answers* as it is, *step* bytes at a time; ``None`` ends the
    connection instead, as does the end of them, and *linger* seconds without a request. ``requests`` are those it
    answered, ``connections`` how many there were."""

    def __init__(self, *answers: bytes | None, step: int = 100_000, linger: float = 5) -> None:
        self._answers = list(answers)
        self._step, self._linger = step, linger
        self.requests: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def _serve(self) -> None:
        while not self._end.is_set():
            try:
                connection, dummy = self._listener.accept()
            except socket.timeout:  # a TimeoutError since Python 3.10
                continue
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(self._linger)
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        text = b""
        while True:
            if self._answers[:1] == [None] and self.requests and not text:
                # The next thing is the end, whether or not there is another request.
                del self._answers[0]
                return
            data = connection.recv(65536)
            if not data:
                return
            text += data
            if not text.endswith(b"\r\n\r\n"):
                continue
            answer = self._answers.pop(0) if self._answers else None
            if answer is None:
                return
            self.requests.append(text)
            text = b""
            for at in range(0, len(answer), self._step):
                connection.sendall(answer[at : at + self._step])

    def __enter__(self) -> Raw:
        self._thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._end.set()
        self._thread.join()
        self._listener.close()
