# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many clients with a session each, over a few kept connections: one thread, non-blocking sockets.

Private to this collection.

The clients take turns, each round in another order, and any of them takes any free connection: what has to stick is the
session, not the connection, and not a client whose turn always meets that of the same member.
What is done for each request is little, so that the balancer is the slower of the two.
"""

from __future__ import annotations

import heapq
import os
import random
import re
import selectors
import socket
import time
from typing import TYPE_CHECKING, Any, Callable, Mapping, NamedTuple, Sequence
from urllib.parse import urljoin, urlsplit

from .._httpd.errors import HttpdError
from .cookies import (
    Jar,
    Origin,
    header,
    parameter_in,
    parse_set_cookie,
    with_parameter,
)
from .visits import Issue, Session, Visit

if TYPE_CHECKING:
    import ssl

_CHUNK = 65536
_HEAD = 65536
_KEPT = 65536
_LARGEST = 64 * 2**20
_PATIENCE = 0.1
_NO_ANSWER = "the server ended the connection before it answered"
_BROKEN = "the answer breaks off"
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_CONNECTING, _GREETING, _SENDING, _READING = range(4)


class StickyError(HttpdError):
    """The check cannot be made as it is meant."""


class _Broken(Exception):
    """An answer that is no HTTP, or not all of it."""


class Target(NamedTuple):
    """What is asked.

    *address*: host and port to connect to. *origin*: as the browser sees it. *host*: what ``Host`` says. *target*: path
    and query. *headers*: further ones. *timeout*: seconds for each request. *context*: for TLS; ``None``: without.
    *node_header* or *node_pattern* (one group, on the body) say who answered. *parameter*: sessions are kept in the URL
    by that name, ``""``: in cookies.
    """

    address: tuple[str, int]
    origin: Origin
    host: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    timeout: float = 10.0
    context: ssl.SSLContext | None = None
    node_header: str = ""
    node_pattern: re.Pattern[str] | None = None
    parameter: str = ""


class Client:
    """One browser: its cookies, or what it found in the URL, and what it saw."""

    __slots__ = ("ends", "in_query", "jar", "left", "request", "sent", "session", "value")

    def __init__(
        self, session: Session, jar: Jar | None = None, value: str = "", in_query: bool = False
    ) -> None:
        self.session = session
        self.jar = jar or Jar()
        #: of the URL parameter, and whether it was in the query or behind the path.
        self.value = value
        self.in_query = in_query
        self.left = 0
        self.request = b""
        self.sent: Mapping[str, str] = {}
        #: when the next cookie ends, in seconds since 1970.
        self.ends = 0.0


class _Turns:
    """The clients that may ask now. Each has its turn once in a round, and each round has another order."""

    def __init__(self) -> None:
        self._round: list[Client] = []
        self._next: list[Client] = []

    def __bool__(self) -> bool:
        return bool(self._round or self._next)

    def add(self, client: Client) -> None:
        """Let *client* have its turn in the next round."""
        self._next.append(client)

    def take(self) -> Client:
        """Return whose turn it is."""
        if not self._round:
            self._round, self._next = self._next, []
            random.shuffle(self._round)
        return self._round.pop()


class Driver:
    """Lets *clients* make their requests: *requests* each, *interval* seconds apart, *concurrency* at a time."""

    def __init__(
        self,
        target: Target,
        clients: Sequence[Client],
        requests: int,
        concurrency: int,
        interval: float = 0.0,
    ) -> None:
        self.target = target
        self._interval = interval
        self._clients = clients
        self._requests = requests
        self._concurrency = concurrency
        self._start = self._first_lines()
        fields = ["set-cookie", "content-length", "transfer-encoding", "connection", "location"]
        if target.node_header:
            fields.append(target.node_header)
        names = "|".join(re.escape(name) for name in fields)
        #: finds the fields of a head that matter.
        self.fields = re.compile(rf"\n({names})[ \t]*:[ \t]*([^\r\n]*)".encode("latin-1"), re.I)
        self.node_header = target.node_header.lower().encode("latin-1")
        #: whether bodies are looked into.
        self.keeps = target.node_pattern is not None or bool(target.parameter)
        self.again, self.later = _would_block(target.context)
        self.selector = selectors.DefaultSelector()
        self.addresses: list[Any] = []
        self.answered = False
        self.fatal: str | None = None
        self._ready = _Turns()
        self._due: list[tuple[float, int, Client]] = []
        self._idle: list[_Connection] = []
        self._open = 0
        self._begun = 0.0

    def run(self) -> float:
        """Make the requests and return how many seconds they took.

        Raises :class:`StickyError` if nobody is there: the first connection fails before anything was answered.
        """
        self.addresses = _resolve(self.target.address)
        for client in self._clients:
            client.left = self._requests
            self.compose(client)
        for client in self._clients:
            self._ready.add(client)
        self._open = len(self._clients)
        connections = [_Connection(self) for dummy in range(self._concurrency)]
        self._idle = connections[::-1]
        self._begun = time.monotonic()
        looked = 0.0
        try:
            while self._open:
                now = time.monotonic()
                while self._due and self._due[0][0] <= now:
                    self._ready.add(heapq.heappop(self._due)[2])
                while self._ready and self._idle:
                    client = self._ready.take()
                    if client.ends <= time.time():
                        self.compose(client)
                    self._idle.pop().ask(client, now)
                if self.fatal is not None:
                    break
                for key, dummy in self.selector.select(self._wait(now)):
                    key.data.event()
                if now - looked >= _PATIENCE:
                    looked = now
                    for connection in connections:
                        if connection.client is not None and connection.deadline <= now:
                            connection.timed_out()
            if self.fatal is not None:
                raise StickyError(self.fatal)
            return time.monotonic() - self._begun
        finally:
            for connection in connections:
                connection.close()
            self.selector.close()

    def _wait(self, now: float) -> float:
        if self._ready and self._idle:
            return 0
        return min(_PATIENCE, max(0.0, self._due[0][0] - now)) if self._due else _PATIENCE

    def _first_lines(self) -> str:
        lines = [f"Host: {self.target.host}"]
        lines += [f"{name}: {value}" for name, value in self.target.headers]
        given = {name.lower() for name, dummy in self.target.headers}
        if "user-agent" not in given:
            lines.append("User-Agent: webtier.apache_balancer")
        if "accept" not in given:
            lines.append("Accept: */*")
        return "".join(line + "\r\n" for line in lines)

    def compose(self, client: Client) -> None:
        """Write the next request of *client*."""
        target, now = self.target.target, time.time()
        lines = self._start
        if self.target.parameter:
            client.ends = float("inf")
            client.sent = {self.target.parameter: client.value} if client.value else {}
            if client.value:
                parameter = self.target.parameter
                target = with_parameter(target, parameter, client.value, client.in_query)
        else:
            cookies = client.jar.sent(self.target.origin, now)
            client.ends = client.jar.next_end(now)
            if cookies:
                lines += f"Cookie: {header(cookies)}\r\n"
            # Of several with one name, httpd takes the first.
            client.sent = {name: value for name, value in reversed(cookies) if name}
        client.request = f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1", "replace")

    # What connections tell.

    def answer(
        self,
        connection: _Connection,
        status: int,
        fields: Sequence[tuple[bytes, bytes]],
        body: bytes,
    ) -> None:
        """The client of *connection* has its answer."""
        client = connection.client
        if client is None:
            return
        self.answered = True
        sent, node, text, cookies = client.sent, "", "", []
        location = ""
        for name, value in fields:
            name = name.lower()
            if name == b"set-cookie":
                cookies.append(value)
            elif name == b"location":
                location = value.decode("latin-1").strip()
            if name == self.node_header:
                node = value.decode("utf-8", "replace").strip()[:200]
        if self.keeps:
            text = body.decode("utf-8", "replace")
            if self.target.node_pattern is not None:
                found = self.target.node_pattern.search(text)
                node = (found.group(1) or "").strip()[:200] if found else ""
        issues: Sequence[Issue] = ()
        if cookies:
            issues = self._issues(client, cookies)
        if self.target.parameter:
            self._look_for_parameter(client, location, text)
        elif issues:
            self.compose(client)
        reason = "" if 200 <= status < 400 else f"status {status}"
        leads = self._led(location) if location and 300 <= status < 400 else ""
        visit = Visit(self._ms(), status, node, sent, issues, reason, leads)
        self._over(connection, client, visit)

    def _led(self, location: str) -> str:
        """Return the address that *location* leads to; within the site, it is there where the site is asked."""
        scheme, (name, port) = "https" if self.target.origin.https else "http", self.target.address
        try:
            there = urlsplit(
                urljoin(f"{scheme}://{self.target.host}{self.target.target}", location)
            )
        except ValueError:
            return location
        host = there.netloc.rpartition("@")[2]
        if (there.scheme, _without_port(host)) == (scheme, _without_port(self.target.host)):
            host = f"[{name}]" if ":" in name else name
            host += "" if port == (443 if scheme == "https" else 80) else f":{port}"
        return there._replace(netloc=host).geturl()

    def _issues(self, client: Client, cookies: Sequence[bytes]) -> Sequence[Issue]:
        found, now = [], time.time()
        for value in cookies:
            cookie = parse_set_cookie(value.decode("latin-1").strip(" \t"))
            if cookie is not None:
                found.append(Issue(cookie, client.jar.store(cookie, self.target.origin, now)))
        return tuple(found)

    def _look_for_parameter(self, client: Client, location: str, text: str) -> None:
        parameter = self.target.parameter
        host = self.target.origin.host
        found = parameter_in(location, parameter, host) or parameter_in(text, parameter, host)
        if found and found != (client.value, client.in_query):
            client.value, client.in_query = found
            self.compose(client)

    def fail(self, connection: _Connection, reason: str) -> None:
        """The client of *connection* gets no answer."""
        client = connection.client
        if client is None:
            return
        if not self.answered and connection.is_opening:
            self.fatal = f"{self.target.host}: {reason}"
        self._over(connection, client, Visit(self._ms(), 0, "", client.sent, (), reason))

    def _over(self, connection: _Connection, client: Client, visit: Visit) -> None:
        client.session.visits.append(visit)
        client.session.held = client.sent
        client.left -= 1
        if not client.left:
            self._open -= 1
        elif self._interval:
            due = time.monotonic() + self._interval * random.uniform(0.9, 1.1)
            heapq.heappush(self._due, (due, client.session.number, client))
        else:
            self._ready.add(client)
        connection.client = None
        self._idle.append(connection)
        if not client.left and not self._ready and not self._due:
            # Nobody needs it any more, and a server with few threads may have no room for others beside it.
            connection.close()

    def _ms(self) -> int:
        return int((time.monotonic() - self._begun) * 1000)


class _Connection:
    """One kept connection, free or with the request of a client."""

    __slots__ = (
        "_again",
        "_body",
        "_driver",
        "_events",
        "_fields",
        "_in",
        "_keep",
        "_left",
        "_sock",
        "_state",
        "_status",
        "_step",
        "_tries",
        "_used",
        "client",
        "deadline",
    )

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._sock: Any = None
        self._events = 0
        self.client: Client | None = None
        self.deadline = 0.0
        self._state = _READING
        self._used = False
        self._again = False
        self._tries = 0
        self._left = b""
        self._in = b""
        self._body: _Body | None = None
        self._status = 0
        self._keep = False
        self._fields: Sequence[tuple[bytes, bytes]] = ()
        self._step: dict[int, Callable[[], None]] = {
            _CONNECTING: self._connected,
            _GREETING: self._greet,
            _SENDING: self._send,
            _READING: self._receive,
        }

    @property
    def is_opening(self) -> bool:
        """Whether it has not come to the request yet."""
        return self._state in (_CONNECTING, _GREETING)

    @property
    def _may_ask_again(self) -> bool:
        """Whether the server ended a kept connection between two requests: browsers ask again then, once."""
        return self._used and not self._again and not self._in and self._body is None

    def ask(self, client: Client, now: float) -> None:
        """Send the request of *client*."""
        self.client = client
        self.deadline = now + self._driver.target.timeout
        self._again = False
        self._begin(client.request)

    def _begin(self, request: bytes) -> None:
        self._left = request
        self._in = b""
        self._body = None
        if self._sock is None:
            self._tries = 0
            self._state = _CONNECTING
            self._run(self._connect)
        else:
            self._state = _SENDING
            self._run(self._send)

    def event(self) -> None:
        """Something can be done."""
        if self.client is None:
            # A server ends a connection that nobody used for a while, or all of them at a graceful reload.
            self.close()
        else:
            self._run(self._step[self._state])

    def timed_out(self) -> None:
        """The time for the request is over."""
        self._fail(f"no complete answer within {self._driver.target.timeout:g} s (timeout)")

    def _run(self, step: Callable[[], None]) -> None:
        try:
            step()
        except self._driver.again:
            self._want(_READ)
        except self._driver.later:
            self._want(_WRITE)
        except (OSError, ValueError, _Broken) as problem:
            # ValueError: a name of a server that TLS cannot ask for.
            self._trouble(problem)

    def _want(self, events: int) -> None:
        # A plain socket says only that it would block: what for, the state tells.
        if self._driver.target.context is None:
            events = _READ if self._state == _READING else _WRITE
        if events != self._events:
            if self._events:
                self._driver.selector.modify(self._sock, events, self)
            else:
                self._driver.selector.register(self._sock, events, self)
            self._events = events

    def _trouble(self, problem: Exception) -> None:
        if self._state == _CONNECTING and self._tries < len(self._driver.addresses):
            self.close()
            self._run(self._connect)
        elif self.client is not None and self._may_ask_again:
            self.close()
            self._again = True
            self._begin(self.client.request)
        else:
            self._fail(_said(problem, bool(self._in) or self._body is not None))

    def _fail(self, reason: str) -> None:
        self._driver.fail(self, reason)
        self.close()

    def close(self) -> None:
        """Close it, if it is open."""
        if self._sock is not None:
            if self._events:
                self._driver.selector.unregister(self._sock)
                self._events = 0
            self._sock.close()
            self._sock = None
            self._used = False

    def _connect(self) -> None:
        family, kind, protocol, dummy, address = self._driver.addresses[self._tries]
        self._tries += 1
        self._sock = socket.socket(family, kind, protocol)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.connect(address)
        self._connected()

    def _connected(self) -> None:
        error = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        driver = self._driver
        if driver.target.context is None:
            self._state = _SENDING
            self._send()
            return
        if self._events:
            driver.selector.unregister(self._sock)
            self._events = 0
        self._state = _GREETING
        self._sock = driver.target.context.wrap_socket(
            self._sock, do_handshake_on_connect=False, server_hostname=driver.target.origin.host
        )
        self._greet()

    def _greet(self) -> None:
        self._sock.do_handshake()
        self._state = _SENDING
        self._send()

    def _send(self) -> None:
        while self._left:
            self._left = self._left[self._sock.send(self._left) :]
        self._state = _READING
        self._want(_READ)

    def _receive(self) -> None:
        sock = self._sock
        self._take(sock.recv(_CHUNK))
        # TLS has read more from the socket than it gave, and nothing will tell of that.
        while (
            self.client is not None
            and self._sock is sock
            and self._driver.target.context
            and sock.pending()
        ):
            self._take(sock.recv(_CHUNK))

    def _take(self, data: bytes) -> None:
        if self._body is not None:
            if self._body.end() if not data else self._body.feed(data):
                self._done(self._body.text(), self._keep and not self._body.rest)
            return
        if not data:
            raise _Broken(_NO_ANSWER)
        self._in = self._in + data if self._in else data
        while True:
            text = self._in
            end, skip = text.find(b"\r\n\r\n"), 4
            if end < 0:
                end, skip = text.find(b"\n\n"), 2
            if end < 0:
                if len(text) > _HEAD:
                    raise _Broken("the head of the answer is longer than 64 KiB")
                return
            if not text.startswith(b"HTTP/1.") or not text[9:12].isdigit():
                raise _Broken("the answer is no HTTP")
            if text[9:10] != b"1":
                self._head(text[:end], text[end + skip :])
                return
            # It only announces the answer.
            self._in = text[end + skip :]

    def _head(self, head: bytes, rest: bytes) -> None:
        status = int(head[9:12])
        fields = self._driver.fields.findall(head)
        length, chunked, keep = -1, False, head[5:8] == b"1.1"
        for name, value in fields:
            first = name[:10].lower()
            if first == b"content-le":
                if not re.fullmatch(rb"[0-9]{1,18}", value.strip()):
                    raise _Broken("the answer has a length that is none")
                length = int(value)
            elif first == b"transfer-e":
                chunked = b"chunked" in value.lower()
            elif first == b"connection":
                words = value.lower()
                keep = b"close" not in words and (keep or b"keep-alive" in words)
        self._status, self._fields = status, fields
        if status in (204, 304):
            length, chunked = 0, False
        if not chunked and length == len(rest):
            self._done(rest[:_KEPT], keep)
            return
        if chunked:
            self._body = _Chunked(self._driver.keeps)
        elif length >= 0:
            self._body = _Sized(self._driver.keeps, length)
        else:
            keep = False
            self._body = _Endless(self._driver.keeps)
        self._keep = keep
        if rest:
            self._take(rest)

    def _done(self, body: bytes, keep: bool) -> None:
        self._used = True
        if not keep:
            self.close()
        self._in = b""
        self._body = None
        self._driver.answer(self, self._status, self._fields, body)


class _Body:
    """The body of an answer: its first 64 KiB, if they are wanted."""

    def __init__(self, keeps: bool) -> None:
        self._room = _KEPT if keeps else 0
        self._parts: list[bytes] = []
        self._size = 0
        #: what came behind the end.
        self.rest = b""

    def feed(self, data: bytes) -> bool:
        """Take *data*; return whether the body is complete."""
        raise NotImplementedError

    def end(self) -> bool:
        """The connection has ended: return that the body is complete, or raise."""
        raise _Broken(_BROKEN)

    def text(self) -> bytes:
        """Return what was kept."""
        return b"".join(self._parts)

    def _add(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > _LARGEST:
            raise _Broken(f"the answer is larger than {_LARGEST // 2**20} MiB")
        if self._room:
            self._parts.append(data[: self._room])
            self._room -= len(self._parts[-1])


class _Sized(_Body):
    def __init__(self, keeps: bool, length: int) -> None:
        super().__init__(keeps)
        self._left = length

    def feed(self, data: bytes) -> bool:
        self._add(data[: self._left])
        self.rest = data[self._left :]
        self._left -= min(self._left, len(data))
        return not self._left


class _Endless(_Body):
    """A body that ends with the connection."""

    def feed(self, data: bytes) -> bool:
        self._add(data)
        return False

    def end(self) -> bool:
        return True


class _Chunked(_Body):
    def __init__(self, keeps: bool) -> None:
        super().__init__(keeps)
        self._left = 0
        self._over = False
        self._line = b""

    def feed(self, data: bytes) -> bool:
        data, at = self._line + data, 0
        self._line = b""
        while True:
            if self._left:
                part = data[at : at + self._left]
                self._add(part)
                at += len(part)
                self._left -= len(part)
                if self._left:
                    return False
            end = data.find(b"\n", at)
            if end < 0:
                self._line = data[at:]
                if len(self._line) > _HEAD:
                    raise _Broken("a line of the chunked answer is longer than 64 KiB")
                return False
            line, at = data[at:end].strip(), end + 1
            if self._over:
                if not line:
                    self.rest = data[at:]
                    return True
            elif line:
                size = line.partition(b";")[0].strip()
                if not re.fullmatch(rb"[0-9a-fA-F]{1,15}", size):
                    raise _Broken("the answer has a chunk without a size")
                self._left = int(size, 16)
                self._over = not self._left


def _without_port(host: str) -> str:
    """Return *host* in lower case, without a port that goes without saying."""
    return re.sub(":(80|443)$", "", host.lower())


def _resolve(address: tuple[str, int]) -> list[Any]:
    try:
        return socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise StickyError(f"url: {address[0]} is not known: {problem}") from None


def _would_block(context: ssl.SSLContext | None) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the exceptions that ask to wait until something can be read, or written."""
    if context is None:
        return (), (BlockingIOError,)
    import ssl

    return (ssl.SSLWantReadError,), (ssl.SSLWantWriteError, BlockingIOError)


def _said(problem: Exception, answering: bool) -> str:
    if isinstance(problem, ConnectionRefusedError):
        return "connection refused; is httpd running, and does it listen there?"
    if type(problem).__name__ == "SSLCertVerificationError":
        return f"{problem}; see ca_path, server_name and validate_certs"
    if isinstance(problem, ConnectionError):
        return _BROKEN if answering else _NO_ANSWER
    return getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
