# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talks to balancer-manager.

Private to this collection.

What mod_proxy_balancer.c wants (``balancer_handler``, ``push2table``, ``safe_referer``): a Referer whose host
is the name of the server, the nonce of the balancer in the body of a POST, values encoded twice (or, by an old
httpd, once), and a body of at most 1024 bytes, of which it reads nothing more. It answers 200 to nearly
everything, so whether a POST had its effect is for the caller to read back.
"""

from __future__ import annotations

import functools
import http.client
import io
import re
import socket
import time
from typing import TYPE_CHECKING, Any, Sequence
from urllib.parse import quote

from .._access import shown, web_address
from .._httpd.errors import HttpdError
from .page import Page, PageError, parse, with_counters

if TYPE_CHECKING:
    import ssl

# mod_proxy_balancer.c reads the body once, with a buffer of this size.
_BODY = 1024
# As XML, each of 10,000 members has less than a kilobyte.
_LARGEST = 12 * 1024 * 1024
_CHUNK = 256 * 1024
# Of what a server says, a message has so many characters.
_SHOWN = 200
# From the one on, values are decoded twice; before the other, once (seen on 2.4.18 to 2.4.41, and from 2.4.52 on).
_TWICE = (2, 4, 52)
_ONCE = (2, 4, 49)
_SERVE = (
    'serve balancer-manager there, in the virtual host that proxies, and before any ProxyPass "/" say'
    ' ProxyPass /balancer-manager "!"'
)
_ADVICE = {
    401: "give manager_username and manager_password",
    403: "allow this host there (Require), use an address that it allows, or give the certificate that it asks for"
    " (manager_client_cert)",
    404: _SERVE,
    500: _SERVE,
    502: _SERVE,
    503: _SERVE,
}


class ManagerError(HttpdError):
    """balancer-manager could not be asked, or did not do what it was told."""


class Unreachable(ManagerError):
    """There is no answer of a balancer-manager at the address."""


class Silent(Unreachable):
    """There was no whole answer in time."""


class NobodyListens(Unreachable):
    """Nobody listens at *url*."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url}: connection refused; is httpd running, and does it listen there?")
        self.url = url


class NoManager(Unreachable):
    """What answers there is something else than a balancer-manager, for all that can be seen."""


class Refused(ManagerError):
    """httpd refuses a change."""


class Line:
    """The connection of all managers that share it, one at a time: of an httpd with the MPM prefork, each that is kept
    holds a process."""

    def __init__(self) -> None:
        self._kept: tuple[object, _Connection] | None = None

    def kept(self, to: object) -> _Connection | None:
        """Return the connection that is kept, if it leads *to* there."""
        return self._kept[1] if self._kept is not None and self._kept[0] == to else None

    def keep(self, to: object, connection: _Connection) -> None:
        """Keep *connection*, which leads *to* there, instead of the one before."""
        self.close()
        self._kept = (to, connection)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None


class Manager:
    """balancer-manager of one virtual host, asked at *url* under the name *server_name*.

    ``requests`` counts what was sent.
    """

    def __init__(
        self,
        url: str,
        server_name: str | None = None,
        username: str | None = None,
        password: str | None = None,
        validate_certs: bool = True,
        ca_path: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        timeout: float = 10.0,
        line: Line | None = None,
    ) -> None:
        """*url*: ``http://host[:port]/path`` or https. *server_name*: for ``Host``, SNI and ``Referer``; without it,
        the host of *url*. *ca_path*, *client_cert*, *client_key*: files. *timeout*: seconds for each answer.
        *line*: of the managers that share a connection; without it, of its own.

        Raises :class:`ManagerError` if *url* is no such address, or *timeout* no time.
        """
        try:
            parts, host = web_address(url)
        except ValueError as problem:
            raise ManagerError(f"manager_url: {problem}") from None
        port = parts.port
        if parts.query:
            raise ManagerError(f"manager_url: {shown(url)} is not possible; leave the query out")
        if parts.username is not None:
            raise ManagerError(
                f"manager_url: {shown(url)}: user and password belong in manager_username and manager_password"
            )
        if any(ord(mark) < 33 or ord(mark) > 126 for mark in url + (server_name or "")):
            raise ManagerError(
                "manager_url and manager_server_name may hold no white space, control or non-ASCII character"
            )
        if timeout <= 0:
            raise ManagerError(
                f"manager_timeout: {timeout} is not possible; write 1 second or more"
            )
        #: the address as it may be shown.
        self.url = shown(url)
        self.requests = 0
        self._options = (username, password, validate_certs, ca_path, client_cert, client_key)
        self._timeout = float(timeout)
        self._given = url
        self._tls = parts.scheme == "https"
        self._address = (host, port or (443 if self._tls else 80))
        self._path = parts.path or "/"
        own = f"[{host}]" if ":" in host else host
        self._host = server_name or own + (f":{port}" if port else "")
        #: what httpd calls the server; it says so on its page.
        self._name = _without_port(self._host)
        self._version: tuple[int, ...] = ()
        self._line = Line() if line is None else line
        # Where its connection leads: with TLS, a certificate is for a name.
        self._to = (self._address, (self._options, self._name) if self._tls else None)
        # Whether it asked for a password. What forwards the request to an application does not.
        self._wanted = False

    def named(self, server_name: str) -> Manager:
        """Return the same address asked under another name, on the same line; nothing is sent."""
        return Manager(self._given, server_name, *self._options, self._timeout, self._line)

    def page(self, counters: bool = False) -> Page:
        """Return the page as it is now, with exact *counters* (one more request) if wished.

        Raises :class:`Unreachable`.
        """
        # Without a parameter it needs no Referer, and says the name that one has to have.
        page = self._parsed(self._path)
        if re.fullmatch(r"[^\x00-\x20\x7f]+", page.server_name):
            self._name = page.server_name
        self._version = page.version
        if not counters or not page.balancers:
            return page
        xml = self._parsed(self._path + "?xml=1")
        return page if xml.server_name else with_counters(page, xml)

    def post(
        self,
        balancer: str,
        nonce: str,
        fields: Sequence[tuple[str, str]],
        member: str | None = None,
    ) -> None:
        """Send *fields* (names and texts as balancer-manager has them) for *balancer* or its *member*, which has to be
        the whole identity of one that is there: httpd takes the longest prefix.

        Raises :class:`Unreachable`; :class:`Refused` if the fields are too long, or httpd cannot add a member.
        """
        head = [("b", balancer)] + ([("w", member)] if member is not None else [])
        self._check_decoding([*head, *fields])
        start = "&".join(_encoded(field, self._decodes) for field in [*head, ("nonce", nonce)])
        bodies: list[str] = []
        for text in _encoded_all(fields, self._decodes):
            if bodies and len(bodies[-1]) + 1 + len(text) <= _BODY:
                bodies[-1] += "&" + text
            else:
                bodies.append(start + "&" + text)
        if any(len(body) > _BODY for body in bodies):
            raise Refused(
                f"what is to be set is longer than the {_BODY} bytes that balancer-manager reads"
            )
        for body in bodies:
            self._request("POST", self._path, body)

    def _check_decoding(self, fields: Sequence[tuple[str, str]]) -> None:
        """Refuse what an httpd would misread of which it is not known how often it decodes."""
        if _ONCE <= self._version < _TWICE:
            for field in fields:
                if _encoded(field, 1) != _encoded(field, 2):
                    raise Refused(
                        f"httpd {'.'.join(map(str, self._version))} may misread {field[1]!r}; change the files instead"
                    )

    @property
    def _decodes(self) -> int:
        return 1 if self._version and self._version < _TWICE else 2

    def close(self) -> None:
        """Close the connection of its line, if there is one."""
        self._line.close()

    def _parsed(self, path: str) -> Page:
        text = self._request("GET", path).decode("utf-8", "surrogateescape")
        try:
            return parse(text)
        except PageError as problem:
            raise NoManager(f"{self.url} (Host: {self._host}): {problem}; {_SERVE}") from None

    def _request(self, method: str, path: str, body: str | None = None) -> bytes:
        kept = self._line.kept(self._to) is not None
        try:
            try:
                return self._once(method, path, body)
            except (ConnectionError, http.client.BadStatusLine):
                # The server may close a kept connection between two requests, for one at a graceful reload.
                self.close()
                if not kept:
                    raise
                return self._once(method, path, body)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            # ValueError: the name of a host with an empty or a too long label.
            self.close()
            if isinstance(problem, ConnectionRefusedError):
                raise NobodyListens(self.url) from None
            raise _kind(problem)(f"{self.url}: {_said(problem, self._timeout)}") from None
        except ManagerError:
            self.close()
            raise

    def _once(self, method: str, path: str, body: str | None) -> bytes:
        deadline = time.monotonic() + self._timeout
        connection = self._line.kept(self._to)
        if connection is None:
            connection = _Connection(
                self._address, self._timeout, self._context, _without_port(self._host)
            )
            self._line.keep(self._to, connection)
        connection.response_class = functools.partial(_Response, deadline)  # type: ignore[assignment]
        if connection.sock is not None:
            connection.sock.settimeout(self._timeout)
        headers: dict[str, Any] = {"Host": self._host, "Referer": _referer(self._name)}
        username, password = self._options[:2]
        if username is not None and self._wanted:
            from base64 import b64encode

            pair = f"{username}:{password or ''}".encode("utf-8", "surrogateescape")
            headers["Authorization"] = "Basic " + b64encode(pair).decode("ascii")
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.requests += 1
        connection.request(method, path, body.encode("ascii") if body else None, headers)
        response = connection.getresponse()
        content = self._read(response)
        if username is not None and not self._wanted and _asks(response):
            self._wanted = True
            return self._request(method, path, body)
        if response.status == 400 and body is not None:
            raise Refused(
                "httpd refuses it: the member exists already, its URL is not possible, or no slot is free"
            )
        if response.status != 200:
            # Who asks for a password is there.
            kind = Unreachable if response.status == 401 else NoManager
            raise kind(f"{self.url} (Host: {self._host}): {self._status(response)}")
        return content

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            part = response.read1(_CHUNK)
            if not part:
                # For http.client the connection is free again only then.
                response.close()
                if response.length:
                    raise http.client.IncompleteRead(b"".join(parts), response.length)
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > _LARGEST:
                raise Unreachable(f"{self.url}: the answer is larger than {_LARGEST // 2**20} MiB")

    def _status(self, response: http.client.HTTPResponse) -> str:
        said = f"status {response.status} {response.reason[:_SHOWN]}"
        if 300 <= response.status < 400:
            target = shown(response.headers.get("Location", "nowhere"))[:_SHOWN]
            return f"{said}, to {target}; name that address in manager_url if balancer-manager is there"
        advice = _ADVICE.get(response.status, "")
        return said + (f"; {advice}" if advice else "")

    @functools.cached_property
    def _context(self) -> ssl.SSLContext | None:
        if not self._tls:
            return None
        # Imported late: it takes a while, and most managers are on loopback.
        import ssl

        validate, ca_path, certificate, key = self._options[2:]
        try:
            context = ssl.create_default_context(cafile=ca_path)
            if not validate:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if certificate:
                # Without a password, OpenSSL would ask on the terminal for that of an encrypted key.
                context.load_cert_chain(certificate, key, password="")
                # Where a path alone asks for it, TLS 1.3 asks after the handshake. None: this OpenSSL has no TLS 1.3.
                if context.post_handshake_auth is not None:
                    context.post_handshake_auth = True
        except (OSError, ValueError) as problem:
            files = ", ".join(str(path) for path in (ca_path, certificate, key) if path)
            raise Unreachable(
                f"{files}: {problem}; see manager_ca_path, manager_client_cert"
            ) from None
        return context


def _asks(response: http.client.HTTPResponse) -> bool:
    """Whether a password is asked for, by basic authentication."""
    offered = response.headers.get_all("WWW-Authenticate", [])
    return response.status == 401 and any(
        re.search(r"(?:^|,)\s*basic\b", one, re.IGNORECASE) for one in offered
    )


class _Response(http.client.HTTPResponse):
    """An answer that has to be complete, head and all, at a *deadline* of ``time.monotonic``."""

    def __init__(
        self, deadline: float, sock: socket.socket, debuglevel: int = 0, method: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method)
        self.fp.close()
        self.fp = io.BufferedReader(_Timed(sock, deadline))


class _Timed(io.RawIOBase):
    """What *sock* receives until *deadline*: a timeout of a socket starts anew with each byte."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._raw: Any = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout()
        self._sock.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Connection(http.client.HTTPConnection):
    """A connection, with TLS for a name that need not be the one connected to."""

    def __init__(
        self, address: tuple[str, int], timeout: float, context: ssl.SSLContext | None, name: str
    ) -> None:
        super().__init__(address[0], address[1], timeout=timeout)
        self._context = context
        self._name = name.strip("[]")

    def connect(self) -> None:
        """Connect, and speak TLS if that is meant."""
        super().connect()
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self._name)


def _encoded_all(fields: Sequence[tuple[str, str]], times: int) -> list[str]:
    """Return *fields* encoded; with what it confirms, ``b_wyes`` is one: a body without both adds nothing."""
    texts: list[str] = []
    for field in fields:
        if field[0] == "b_wyes" and texts:
            texts[-1] += "&" + _encoded(field, times)
        else:
            texts.append(_encoded(field, times))
    return texts


def _encoded(field: tuple[str, str], times: int) -> str:
    """Return ``key=value`` as a balancer-manager reads it that decodes values so many *times*: in ``push2table``, and
    newer ones in ``balancer_handler`` again."""
    key, value = field
    text = quote(value.encode("utf-8", "surrogateescape"), safe="/:")
    return f"{key}={text if times == 1 else quote(text, safe='/:')}"


def _referer(name: str) -> bytes:
    """Return an address at the server that httpd calls *name*; it calls ``[::1]`` ``::1``."""
    own = f"[{name}]" if ":" in name and name[:1] != "[" else name
    return f"http://{own}/".encode("utf-8", "surrogateescape")


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() and not (name.count(":") and name[:1] != "[") else host


def _kind(problem: Exception) -> type[Unreachable]:
    if isinstance(problem, socket.timeout):
        return Silent
    # A certificate may be that of somebody else.
    return NoManager if _is_of_certificate(problem) else Unreachable


def _is_of_certificate(problem: Exception) -> bool:
    # By its name: to import ssl takes a while.
    return type(problem).__name__ == "SSLCertVerificationError"


def _said(problem: Exception, timeout: float) -> str:
    if isinstance(problem, socket.timeout):
        return f"no complete answer within {timeout:g} s (manager_timeout)"
    if isinstance(problem, http.client.IncompleteRead):
        return "the answer breaks off"
    if isinstance(problem, http.client.RemoteDisconnected):
        return "the connection was ended without an answer"
    if _is_of_certificate(problem):
        return f"{problem}; see manager_ca_path, manager_server_name and manager_validate_certs"
    if isinstance(problem, http.client.HTTPException):
        return f"the answer is no HTTP ({type(problem).__name__})"
    return str(problem) or type(problem).__name__
