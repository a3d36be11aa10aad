# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Constant load of sticky sessions on several balancers, noted request by request, and what it says.

``load.py run URL...`` is that many clients with a cookie jar each. Half of them are residents, who
keep one session for ever, on one of the nodes that are named; the others are visitors, who end
their session after some seconds and begin another one. It goes on while a file exists. Each request
is one line of the log: begin, seconds, client, kind of client, session sent, status, node, session
afterwards (``-`` for none; the status is the name of the error where there was no answer).

``load.py report LOG`` holds the log against when each node was out, which it reads from its standard
input as JSON: ``[{"node": "node1", "began": 1.0, "out": 9.5, "in": 14.0}, ...]``. From *began* to *out*
a node was only draining, from *out* until *in* its sessions had to go elsewhere. No *in*: until its
next *in*, or until now.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import threading
import time
from collections import Counter
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Iterator, NamedTuple, TextIO
from urllib.parse import urlsplit

COOKIE = "JSESSIONID"
STARTED = time.monotonic()
LONGEST = 3600.0  # seconds, should nobody remove the file


class Log:
    """The log, which all clients write."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def note(self, *fields: object) -> None:
        """Write one line."""
        with self._lock:
            self._stream.write(" ".join(map(str, fields)) + "\n")
            self._stream.flush()


class Client:
    """One browser, with a kept connection."""

    def __init__(self, number: int, url: str, host: str, log: Log) -> None:
        self._number = number
        self._parts = urlsplit(url)
        self._host = host
        self._log = log
        self._connection = http.client.HTTPConnection(self._parts.netloc, timeout=30)
        self._session = "-"
        self._fresh = True

    def stay(self, nodes: set[str], interval: float, goes_on: Path) -> None:
        """Be a resident of one of *nodes*."""
        while _still(goes_on):
            node = self._ask("resident", interval)
            # Only a session that has just begun is given up for a better place.
            if self._fresh and node not in nodes:
                self._session = "-"

    def visit(self, seconds: float, interval: float, goes_on: Path) -> None:
        """Be one visitor after the other, each for so many *seconds*."""
        while _still(goes_on):
            self._session = "-"
            leaves = time.monotonic() + seconds
            while time.monotonic() < leaves and _still(goes_on):
                self._ask("visitor", interval)

    def _ask(self, kind: str, interval: float) -> str:
        begin, sent = time.time(), self._session
        node = "-"
        kept = self._connection.sock is not None
        try:
            try:
                status, node = self._request()
            except ConnectionError:
                # A server may close a kept connection between two requests; then, as every browser
                # does, once more on a new one.
                self._connection.close()
                if not kept:
                    raise
                status, node = self._request()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            status = type(error).__name__
        seconds = time.time() - begin
        self._fresh = sent == "-"
        fields = (sent, status, node, self._session)
        self._log.note(f"{begin:.3f}", f"{seconds:.3f}", self._number, kind, *fields)
        time.sleep(max(0.0, interval - seconds))
        return node

    def _request(self) -> tuple[str, str]:
        headers = {"Host": self._host}
        if self._session != "-":
            headers["Cookie"] = f"{COOKIE}={self._session}"
        self._connection.request("GET", self._parts.path or "/", headers=headers)
        response = self._connection.getresponse()
        response.read()
        for line in response.headers.get_all("Set-Cookie", []):
            morsel = SimpleCookie(line).get(COOKIE)
            if morsel:
                self._session = morsel.value
        return str(response.status), response.headers.get("X-Served-By") or "-"


def _still(goes_on: Path) -> bool:
    return goes_on.exists() and time.monotonic() - STARTED < LONGEST


def run(options: argparse.Namespace) -> None:
    """Be the clients."""
    residence = set(options.residence.split(","))
    with options.log.open("a") as stream:
        log = Log(stream)
        threads = []
        for number in range(options.clients):
            # Of each balancer's clients, every second one is a resident.
            url = options.url[number % len(options.url)]
            client = Client(number, url, options.host, log)
            what, how = (
                (client.stay, residence)
                if number // len(options.url) % 2
                else (client.visit, options.visit)
            )
            threads.append(
                threading.Thread(target=what, args=(how, options.interval, options.goes_on))
            )
        for thread in threads:
            thread.start()
            time.sleep(options.interval / options.clients)  # evenly spread
        for thread in threads:
            thread.join()


class Request(NamedTuple):
    """One line of the log; *sent* and *session*: the identifier sent, and the one kept afterwards."""

    begin: float
    seconds: float
    client: str
    kind: str
    sent: str
    status: str
    node: str
    session: str


class Out(NamedTuple):
    """When a node was draining, and out, in seconds since the epoch."""

    node: str
    began: float
    begin: float
    end: float


def requests(log: Path) -> Iterator[Request]:
    """Return the requests of *log*; the last line may not be written to its end yet."""
    for line in log.read_text().splitlines(keepends=True):
        fields = line.split()
        if line.endswith("\n"):
            yield Request(float(fields[0]), float(fields[1]), *fields[2:])


def outs(told: list[dict[str, Any]]) -> list[Out]:
    """Return *told* with an end each."""
    ends = sorted((each["in"], each["node"]) for each in told if each.get("in"))
    found = []
    for each in told:
        later = [time for time, node in ends if node == each["node"] and time > each["out"]]
        end = each.get("in") or (later[0] if later else time.time())
        found.append(Out(each["node"], each["began"], each["out"], end))
    return found


def report(options: argparse.Namespace) -> None:
    """Print what the log says, as JSON."""
    told = outs(json.load(sys.stdin))
    seen = list(requests(options.log))
    failed = [each for each in seen if each.status != "200"]
    moves = [each for each in seen if each.sent not in ("-", each.session)]
    began = [each for each in seen if each.sent == "-" and each.session != "-"]
    # The end of a session's identifier is its route, which is the name of its node.
    early = [each for each in moves if not _within(told, _route(each.sent), each.begin)]
    stray = [each for each in began if _within(told, each.node, each.begin)]
    for out in told:
        quiet = out.begin - options.quiet
        stray += [e for e in began if e.node == out.node and quiet <= e.begin < out.begin]
    result = {
        "requests": len(seen),
        "seconds": round(seen[-1].begin - seen[0].begin) if seen else 0,
        "failed": [" ".join(map(str, each)) for each in failed[:20]],
        "clients": len({each.client for each in seen}),
        "sessions": len(began),
        "by_node": Counter(each.node for each in seen),
        "slowest": max((each.seconds for each in seen), default=0),
        "moved": len(moves),
        "moved_from": Counter(_route(each.sent) for each in moves),
        # What must not be: moved from a node that was not out, begun on one that takes no new ones.
        "moved_early": [" ".join(map(str, each)) for each in early[:20]],
        "begun_while_out": [" ".join(map(str, each)) for each in stray[:20]],
        # How many requests of running sessions a node answered while it was only draining.
        "while_draining": [
            {
                "node": out.node,
                "requests": sum(
                    each.node == out.node
                    and each.sent == each.session
                    and out.began <= each.begin < out.begin
                    for each in seen
                ),
                "drained_for": round(out.begin - out.began, 1),
                "out_for": round(out.end - out.begin, 1),
            }
            for out in told
        ],
    }
    result["failures"] = len(failed)
    print(json.dumps(result, indent=2, sort_keys=True))


def _route(session: str) -> str:
    return session.rpartition(".")[2]


def _within(told: list[Out], node: str, time: float) -> bool:
    return any(out.node == node and out.begin <= time <= out.end for out in told)


def main() -> None:
    """Run, or report."""
    parser = argparse.ArgumentParser(description="Constant load of sticky sessions.")
    commands = parser.add_subparsers(required=True)
    runs = commands.add_parser("run", help="be the clients")
    runs.add_argument("url", nargs="+", help="of the balancers")
    runs.add_argument("--host", required=True, help="name of the site, sent as Host")
    runs.add_argument("--clients", type=int, required=True, help="how many, on all balancers")
    runs.add_argument("--interval", type=float, required=True, help="seconds between two requests")
    runs.add_argument("--visit", type=float, required=True, help="seconds a visitor stays")
    runs.add_argument("--residence", required=True, help="where residents live: node2,node3")
    runs.add_argument("--log", type=Path, required=True)
    runs.add_argument("--goes-on", type=Path, required=True, help="run while this file exists")
    runs.set_defaults(do=run)
    reports = commands.add_parser("report", help="say what the log says")
    reports.add_argument("log", type=Path)
    reports.add_argument(
        "--quiet",
        type=float,
        required=True,
        help="seconds before a node was out in which no session may begin there",
    )
    reports.set_defaults(do=report)
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    main()
