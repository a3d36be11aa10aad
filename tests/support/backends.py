# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small backends that speak other protocols than HTTP. Each answers with what it was told."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import socketserver
import ssl
import struct
import threading
from pathlib import Path

# The words of AJP13 that a request may have instead of names and methods.
_AJP_METHODS = {1: "OPTIONS", 2: "GET", 3: "HEAD", 4: "POST"}
_AJP_HEADERS = {0xA00B: "host", 0xA00E: "user-agent"}
_AJP_SECRET = 0x0C
_WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Fcgi(socketserver.StreamRequestHandler):
    """FastCGI: answers with the variables of the request, as JSON."""

    def handle(self) -> None:
        pairs = b""
        number = 0
        while True:
            head = self.rfile.read(8)
            if len(head) < 8:
                return
            _version, kind, number, length, padding, _reserved = struct.unpack(">BBHHBB", head)
            content = self.rfile.read(length + padding)[:length]
            if kind == 4:  # PARAMS
                pairs += content
            if kind == 5 and not content:  # the end of STDIN
                break
        body = json.dumps(_variables(pairs)).encode()
        self._send(6, number, b"Content-Type: application/json\r\n\r\n" + body)
        self._send(6, number, b"")
        self._send(3, number, bytes(8))  # END_REQUEST

    def _send(self, kind: int, number: int, content: bytes) -> None:
        self.wfile.write(struct.pack(">BBHHBB", 1, kind, number, len(content), 0, 0) + content)


def _variables(pairs: bytes) -> dict[str, str]:
    found = {}
    while pairs:
        sizes = []
        for _part in ("name", "value"):
            size, pairs = pairs[0], pairs[1:]
            if size > 127:
                size, pairs = struct.unpack(">I", bytes([size & 127]) + pairs[:3])[0], pairs[3:]
            sizes.append(size)
        name, value = pairs[: sizes[0]], pairs[sizes[0] : sum(sizes)]
        found[name.decode()] = value.decode()
        pairs = pairs[sum(sizes) :]
    return found


class Scgi(socketserver.StreamRequestHandler):
    """SCGI: answers with the variables of the request, as JSON."""

    def handle(self) -> None:
        size = b"".join(iter(lambda: self.rfile.read(1), b":"))
        words = self.rfile.read(int(size)).decode().split("\0")
        body = json.dumps(dict(zip(words[::2], words[1::2])))
        self.wfile.write(f"Status: 200 OK\r\n\r\n{body}".encode())


class Uwsgi(socketserver.StreamRequestHandler):
    """The protocol of uWSGI: answers with the variables of the request, as JSON."""

    def handle(self) -> None:
        _modifier, size, _second = struct.unpack("<BHB", self.rfile.read(4))
        rest, words = self.rfile.read(size), []
        while rest:
            (length,) = struct.unpack("<H", rest[:2])
            words.append(rest[2 : 2 + length].decode())
            rest = rest[2 + length :]
        body = json.dumps(dict(zip(words[::2], words[1::2])))
        self.wfile.write(f"HTTP/1.0 200 OK\r\n\r\n{body}".encode())


class Ajp(socketserver.StreamRequestHandler):
    """AJP13: answers with method, path, host name and secret of each request, as JSON."""

    def handle(self) -> None:
        while True:
            head = self.rfile.read(4)
            if len(head) < 4:
                return
            packet = self.rfile.read(struct.unpack(">H", head[2:])[0])
            if packet[0] == 10:  # CPING
                self._send(b"\x09")
            else:
                body = json.dumps(self._request(packet)).encode()
                headers = struct.pack(">H", 1) + b"\xa0\x01" + _text(b"application/json")
                self._send(b"\x04" + struct.pack(">H", 200) + _text(b"OK") + headers)
                self._send(b"\x03" + struct.pack(">H", len(body)) + body + b"\0")
                self._send(b"\x05\x01")

    def _request(self, packet: bytes) -> dict[str, str]:
        told = {"method": _AJP_METHODS[packet[1]]}
        rest = packet[2:]
        for name in ("protocol", "path", "address", "client", "server"):
            told[name], rest = _taken(rest)
        (count,) = struct.unpack(">H", rest[3:5])  # after the port and whether it is TLS
        rest = rest[5:]
        for _number in range(count):
            (code,) = struct.unpack(">H", rest[:2])
            if code >> 8 == 0xA0:
                name, rest = _AJP_HEADERS.get(code, hex(code)), rest[2:]
            else:
                name, rest = _taken(rest)
            told[name.lower()], rest = _taken(rest)
        while rest[0] != 0xFF:
            code, rest = rest[0], rest[1:]
            name = "secret" if code == _AJP_SECRET else hex(code)
            if code == 0x0A:
                name, rest = _taken(rest)
            told[name], rest = _taken(rest)
        return told

    def _send(self, content: bytes) -> None:
        self.wfile.write(b"AB" + struct.pack(">H", len(content)) + content)


def _text(text: bytes) -> bytes:
    return struct.pack(">H", len(text)) + text + b"\0"


def _taken(rest: bytes) -> tuple[str, bytes]:
    (size,) = struct.unpack(">H", rest[:2])
    if size == 0xFFFF:
        return "", rest[2:]
    return rest[2 : 2 + size].decode(), rest[3 + size :]


class WebSocket(socketserver.StreamRequestHandler):
    """HTTP that becomes a websocket: says each short text again, in capitals. Anything else answers 200."""

    def handle(self) -> None:
        head: dict[str, str] = {}
        for line in itertools.takewhile(bool, iter(self.rfile.readline, b"\r\n")):
            name, _colon, value = line.decode().partition(": ")
            head[name.lower()] = value.strip()
        if head.get("upgrade", "").lower() != "websocket":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain")
            return
        digest = hashlib.sha1(head["sec-websocket-key"].encode() + _WEBSOCKET).digest()
        answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        accept = base64.b64encode(digest).decode()
        self.wfile.write(f"{answer}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        while True:
            start = self.rfile.read(2)
            if len(start) < 2 or start[0] & 15 == 8:
                return
            mask = self.rfile.read(4)
            said = self.rfile.read(start[1] & 127)
            text = bytes(byte ^ mask[index % 4] for index, byte in enumerate(said)).upper()
            self.wfile.write(bytes([0x81, len(text)]) + text)


class Backend:
    """A server with one of the handlers above, on a port of 127.0.0.1, or on the socket *path*; it speaks TLS with the
    *certificate*, a file with its key, and at most the *newest* version."""

    def __init__(
        self,
        handler: type[socketserver.StreamRequestHandler],
        path: Path | None = None,
        certificate: str = "",
        newest: ssl.TLSVersion | None = None,
    ) -> None:
        self.server: socketserver.BaseServer
        if path is None:
            self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        else:
            self.server = socketserver.ThreadingUnixStreamServer(str(path), handler)
            path.chmod(0o666)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            context.maximum_version = newest or context.maximum_version
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        port: int = self.server.server_address[1]  # type: ignore[index, assignment]
        return port

    def __enter__(self) -> Backend:
        self.thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.server.shutdown()
        self.server.server_close()
