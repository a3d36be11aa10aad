# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small application server with sessions, to stand behind a sticky balancer.

It treats sessions as a servlet container with a jvmRoute does: a request whose session
identifier it knows goes on with that session, any other request gets a new one, named
``<random id>.<route>``. Sessions live in the memory of this process and nowhere else, so a
request that reaches the wrong node loses its session visibly.

Paths: ``/`` a page for a person, ``/api`` the same as JSON, ``/new`` ends the session,
``/stats`` counters, ``/health`` 200 for health checks. ``?sleep=SECONDS`` on ``/`` and
``/api`` delays the answer, to have requests in flight. Every answer says ``X-Served-By``.

Python 3.8 or later, standard library only.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import secrets
import signal
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

MAX_SESSIONS = 100_000  # the oldest are forgotten, so that a load test cannot fill the memory
MAX_SLEEP = 60.0  # seconds
SHUTDOWN_GRACE = 10.0  # seconds for requests in flight at SIGTERM


class Application:
    """The sessions and counters of one node. Safe to use from several threads."""

    def __init__(self, name: str, route: str | None, cookie: str) -> None:
        self.name = name
        self.route = route
        self.cookie = cookie
        self._lock = threading.Lock()
        self._visits: dict[str, int] = {}
        self._sessions = 0
        self._requests = 0

    def visit(self, session: str) -> tuple[str, int, bool]:
        """Count one request; return its session, the visits of that session, and if it is new."""
        with self._lock:
            self._requests += 1
            new = session not in self._visits
            if new:
                session = secrets.token_hex(16).upper()
                if self.route:
                    session += "." + self.route
                self._sessions += 1
                if len(self._visits) >= MAX_SESSIONS:
                    del self._visits[next(iter(self._visits))]
            self._visits[session] = self._visits.get(session, 0) + 1
            return session, self._visits[session], new

    def end(self, session: str) -> None:
        """Forget a session, if it is one of ours."""
        with self._lock:
            self._visits.pop(session, None)

    def stats(self) -> dict[str, Any]:
        """Sessions started and requests served since the start of this process."""
        with self._lock:
            return {
                "node": self.name,
                "route": self.route,
                "sessions": self._sessions,
                "requests": self._requests,
            }


def cookie_value(header: str, name: str) -> str:
    """The value of the first cookie called exactly `name` in a Cookie header, or ``""``."""
    for part in header.split(";"):
        key, dummy, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def colour(name: str) -> str:
    """A CSS colour for a node: always the same, far apart for node1, node2, node3."""
    number = re.search(r"\d+$", name)
    step = int(number.group()) if number else zlib.crc32(name.encode())
    return f"hsl({(step * 137 + 70) % 360} 55% 42%)"


class Server(ThreadingHTTPServer):
    """One thread a connection; knows how many requests are in flight."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], application: Application) -> None:
        super().__init__(address, Handler)
        self.application = application
        self.stopping = False
        self._busy = 0
        self._idle = threading.Condition()

    def begin(self) -> None:
        """A request arrived."""
        with self._idle:
            self._busy += 1

    def done(self) -> None:
        """A request was answered."""
        with self._idle:
            self._busy -= 1
            self._idle.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news; anything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def stop(self, grace: float) -> None:
        """Accept no more connections; wait up to `grace` seconds for requests in flight."""
        self.stopping = True
        self.shutdown()
        self.server_close()
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0, timeout=grace)


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive between requests."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 300  # idle seconds, longer than a proxy keeps a connection it may use again
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer GET, and HEAD without a body."""
        self.server.begin()
        try:
            self._answer()
            self.wfile.flush()
        finally:
            self.server.done()

    do_HEAD = do_GET

    def _answer(self) -> None:
        application = self.server.application
        target, dummy, query = self.path.partition("?")
        path, *parameters = target.split(";")
        session = cookie_value(self.headers.get("Cookie", ""), application.cookie)
        for parameter in parameters:  # /;jsessionid=ID as a servlet container rewrites URLs
            key, dummy, value = parameter.partition("=")
            if key == application.cookie.lower():
                session = session or value
        if path in ("/", "/api"):
            self._pause(query)
            session, visits, new = application.visit(session)
            cookie = f"{application.cookie}={session}; Path=/; HttpOnly" if new else None
            answer = {
                "node": application.name,
                "session": session,
                "visits": visits,
                "new": new,
                "colour": colour(application.name),
            }
            if path == "/api":
                self._json(200, answer, cookie)
            else:
                self._send(200, "text/html", self._page(answer), cookie)
        elif path == "/new":
            application.end(session)
            gone = f"{application.cookie}=; Path=/; HttpOnly; Max-Age=0"
            self._send(303, "text/plain", "The session has ended.\n", gone, location="./")
        elif path == "/stats":
            self._json(200, application.stats())
        elif path == "/health":
            self._send(200, "text/plain", "ok\n")
        else:
            self._json(404, {"node": application.name, "error": "not found"})

    @staticmethod
    def _pause(query: str) -> None:
        for value in parse_qs(query).get("sleep", []):
            if re.fullmatch(r"\d+(\.\d+)?", value):
                time.sleep(min(float(value), MAX_SLEEP))

    def _json(self, status: int, answer: dict[str, Any], cookie: str | None = None) -> None:
        self._send(status, "application/json", json.dumps(answer) + "\n", cookie)

    def _send(
        self, status: int, kind: str, text: str, cookie: str | None = None, location: str = ""
    ) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind + "; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Served-By", self.server.application.name)
        if cookie:
            self.send_header("Set-Cookie", cookie)
        if location:
            self.send_header("Location", location)
        if self.server.stopping:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _page(self, answer: dict[str, Any]) -> str:
        via = self.headers.get("X-Forwarded-Host")
        values = {
            "NODE": answer["node"],
            "COLOUR": answer["colour"],
            "SESSION": answer["session"],
            "COOKIE": self.server.application.cookie,
            "STATE": "started by this request" if answer["new"] else "known here",
            "VISITS": str(answer["visits"]),
            "VIA": f"through the balancer at {via}" if via else "directly, without a balancer",
        }
        return re.sub(r"@([A-Z]+)@", lambda found: html.escape(values[found.group(1)]), PAGE)

    def version_string(self) -> str:
        """What the Server header says."""
        return "demo_backend"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the balancer in front writes the access log."""


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@NODE@</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; --node: @COLOUR@; --ink: #1c2330; --soft: #667085;
  --card: #fff; --ground: #eef1f5; --line: #dfe4ea; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --soft: #98a2b3; --card: #1d232d;
  --ground: #12161d; --line: #303846; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { width: min(34rem, 100%); background: var(--card); border-radius: 14px; overflow: hidden;
  box-shadow: 0 10px 40px rgb(0 0 0 / .12); }
header { background: var(--node); color: #fff; padding: 1.6rem 2rem 1.4rem; }
header p { margin: 0; opacity: .85; }
h1 { margin: 0; font-size: 2.6rem; line-height: 1.15; letter-spacing: -.02em; }
section { padding: 1.5rem 2rem 1.75rem; }
dl { display: grid; grid-template-columns: 6.5rem 1fr; gap: .5rem 1rem; margin: 0 0 1.5rem; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
code { font: .86em/1.5 ui-monospace, monospace; }
.visits { font-size: 1.6rem; font-weight: 650; line-height: 1.1; }
nav { display: flex; flex-wrap: wrap; gap: .6rem; }
nav a, nav button { font: inherit; padding: .5rem .95rem; border-radius: 8px; cursor: pointer;
  border: 1px solid var(--line); background: none; color: inherit; text-decoration: none; }
nav .first { background: var(--node); border-color: var(--node); color: #fff; }
#dots { display: flex; flex-wrap: wrap; gap: 6px; margin-top: 1.1rem; }
#dots i { width: 18px; height: 18px; border-radius: 50%; }
#said { margin: .6rem 0 0; color: var(--soft); min-height: 1.5em; }
footer { border-top: 1px solid var(--line); padding: .8rem 2rem; font-size: .85rem;
  color: var(--soft); }
footer a { color: inherit; }
</style>
</head>
<body>
<main>
<header><p>This page was made by</p><h1>@NODE@</h1></header>
<section>
<dl>
<dt>Visits</dt><dd class="visits">@VISITS@</dd>
<dt>Session</dt><dd><code>@SESSION@</code><br>@STATE@, in the cookie <code>@COOKIE@</code></dd>
<dt>Reached</dt><dd>@VIA@</dd>
</dl>
<nav>
<a class="first" href="./">Reload</a>
<a href="new">New session</a>
<button type="button" data-with="same-origin">20 requests, this session</button>
<button type="button" data-with="omit">20 new sessions</button>
</nav>
<div id="dots"></div>
<p id="said" role="status"></p>
</section>
<footer>For programs: <a href="api">api</a> · <a href="stats">stats</a> ·
<a href="health">health</a></footer>
</main>
<script>
for (const button of document.querySelectorAll("button")) button.onclick = async () => {
  const dots = document.getElementById("dots"), said = document.getElementById("said");
  const seen = {};
  dots.textContent = said.textContent = "";
  for (let i = 0; i < 20; i++) {
    const reply = await fetch("api", { credentials: button.dataset.with, cache: "no-store" });
    if (!reply.ok) { said.textContent = "The balancer answered " + reply.status; return; }
    const answer = await reply.json(), dot = document.createElement("i");
    dot.style.background = answer.colour;
    dot.title = answer.node + " " + answer.session;
    dots.append(dot);
    seen[answer.node] = (seen[answer.node] || 0) + 1;
  }
  said.textContent = Object.entries(seen).sort().map(e => e[0] + ": " + e[1]).join(", ");
};
</script>
</body>
</html>
"""


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,63}", text):
        raise argparse.ArgumentTypeError("use 1 to 63 letters, digits, '.', '_' or '-'")
    return text


def _route(text: str) -> str:
    # httpd takes everything after the first separator (a dot) for the route.
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,63}", text):
        raise argparse.ArgumentTypeError("use 1 to 63 letters, digits, '_' or '-'")
    return text


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; requests in flight are answered before the end."""
    parser = argparse.ArgumentParser(
        description="A small application server with sessions, for a sticky balancer."
    )
    parser.add_argument("--name", type=_name, default="node1", help="sent as X-Served-By")
    parser.add_argument("--route", type=_route, help="suffix of session ids; default: the name")
    parser.add_argument("--no-route", action="store_true", help="session ids without a route")
    parser.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS")
    parser.add_argument("--port", type=int, default=8080, help="0: a free one, which is printed")
    parser.add_argument("--cookie", type=_name, default="JSESSIONID", help="session cookie")
    options = parser.parse_args(arguments)
    if options.no_route and options.route:
        parser.error("--route and --no-route exclude each other")
    if not options.no_route and not options.route and "." in options.name:
        parser.error("--name has a dot, so give a --route without one")

    route = None if options.no_route else options.route or options.name
    application = Application(options.name, route, options.cookie)
    server = Server((options.bind, options.port), application)
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    host, port = server.server_address[:2]
    print(f"{options.name} listens on http://{host!s}:{port}/", flush=True)
    end.wait()
    server.stop(SHUTDOWN_GRACE)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
