# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Application servers with sessions, clients that hold on to theirs while something is changed, and what they may see.

with Backend("n1") as node, Load("127.0.0.1", port) as load:
    ...
assert load.failed == [] and load.moves == []

Sessions that have to move are foretold with a :class:`Timeline`; ``load.surprises(timeline)`` is what was not.
"""

from __future__ import annotations

import http.client
import random
import select
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Callable, NamedTuple

PROGRAM = Path(__file__).parents[2] / "playbooks" / "files" / "demo_backend.py"
# A kept connection that ends sooner than this after a request was sent had ended before it.
CROSSING = 0.1
LONGEST = 20.0


class Backend:
    """An application server in a process of its own (playbooks/files/demo_backend.py): the identifiers of the sessions
    it begins end in its route, it knows no others, and each answer says who gave it. *port*: 0 for a free one."""

    def __init__(self, route: str, port: int = 0) -> None:
        self.route = route
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "--name", route, "--port", str(port)],
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def port(self) -> int:
        """The port of 127.0.0.1 on which it listens; known once it was entered."""
        return self._port

    @property
    def url(self) -> str:
        """Its address as a member."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Backend:
        # Several start at a time when they are made first and entered then.
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert "listens on" in said, f"{self.route} did not start: {said!r}"
        self._port = int(said.rstrip("/\n").rpartition(":")[2])
        return self

    def kill(self) -> None:
        """End it at once, in the middle of what it does."""
        self._process.kill()
        self._process.wait()

    def __exit__(self, *_exc_info: object) -> None:
        self.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Request(NamedTuple):
    """One request as a client saw it. *session*: the number of the client, ``None`` for a newcomer. *begin*, *end*: in
    seconds of the load. *node*: who answered, ``""`` for nobody. *before*: who answered this session last. *issued*:
    a session began, also where one was at hand. *again*: it was sent a second time, because the kept connection had
    ended. *what*: "" for an answer 200."""

    session: int | None
    begin: float
    end: float
    node: str
    before: str
    issued: bool
    again: bool
    what: str

    @property
    def moved(self) -> bool:
        """Whether this request ended a session: it was answered elsewhere, or by one that did not know it."""
        return bool(self.node and self.before) and (self.issued or self.node != self.before)


class Takes(NamedTuple):
    """What a member does at a time: it *keeps* the sessions it has, it gets *new* ones."""

    keeps: bool
    new: bool


class Timeline:
    """Who was what at which time, in seconds of the load; what a change makes of it is uncertain while it is made."""

    def __init__(self, members: dict[str, Takes]) -> None:
        self._states = [(0.0, 0.0, members)]

    def change(self, begin: float, end: float, members: dict[str, Takes]) -> None:
        """From a moment between *begin* and *end* on, it is *members*."""
        self._states.append((begin, end, members))

    @property
    def now(self) -> dict[str, Takes]:
        """What the members are since the last change."""
        return dict(self._states[-1][2])

    def possible(self, begin: float, end: float) -> list[dict[str, Takes]]:
        """Return all that the members may have been between two moments."""
        ends = [*(until for dummy, until, dummy_members in self._states[1:]), float("inf")]
        return [
            members
            for (first, dummy, members), last in zip(self._states, ends)
            if first <= end and last >= begin
        ]

    def allows(self, request: Request) -> bool:
        """Whether an answered request may have been answered by that node."""
        other = Takes(keeps=False, new=False)
        for members in self.possible(request.begin, request.end):
            node, before = (
                members.get(name, other) for name in (request.node, request.before or request.node)
            )
            stays = request.before == request.node and not request.issued
            if node.keeps if stays else node.new and not (request.before and before.keeps):
                return True
        return False


class Load:
    """*sessions* clients, each with its own cookie and a kept connection, that ask *path* every *pause* seconds on
    average until the end of the block; the first *slow* of them have a request of half a second in flight nearly
    always. *newcomers* a second come without a cookie and go again.

    A request fails when its answer is not 200. As browsers do, a client asks once more when the server had ended the
    kept connection between two requests.
    """

    def __init__(
        self,
        host: str,
        port: int,
        sessions: int = 50,
        pause: float = 0.2,
        newcomers: float = 20,
        slow: int = 0,
        path: str = "/api",
    ) -> None:
        self._address = (host, port)
        self._pause = pause
        self._end = threading.Event()
        self._begun = time.monotonic()
        self.log: list[Request] = []  # list.append is atomic
        #: the node of each session, by its number.
        self.nodes: dict[int, str] = {}
        more = ("&" if "?" in path else "?") + "sleep=0.5"
        self._threads = [
            threading.Thread(
                target=self._stay,
                args=(number, path + more if number < slow else path),
                daemon=True,
            )
            for number in range(sessions)
        ]
        self._sessions = sessions
        if newcomers:
            arrivals = threading.Thread(target=self._arrive, args=(path, newcomers), daemon=True)
            self._threads.append(arrivals)

    def now(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self._begun

    def on(self, node: str) -> set[int]:
        """Return the sessions that *node* has."""
        return {number for number, where in dict(self.nodes).items() if where == node}

    @property
    def requests(self) -> int:
        """How many were made."""
        return len(self.log)

    @property
    def failed(self) -> list[Request]:
        """Those without an answer 200."""
        return [request for request in list(self.log) if request.what]

    @property
    def moves(self) -> list[Request]:
        """Those that ended a session: it was answered by another node than before, or not known any more."""
        return [request for request in list(self.log) if request.moved]

    @property
    def newcomers(self) -> list[Request]:
        """Those without a cookie."""
        return [request for request in list(self.log) if request.session is None]

    @property
    def reconnects(self) -> int:
        """How many kept connections the server had ended."""
        return sum(request.again for request in list(self.log))

    def surprises(self, timeline: Timeline) -> list[Request]:
        """Return the requests that were answered by a node that was not to answer them."""
        return [r for r in list(self.log) if not r.what and not timeline.allows(r)]

    def summary(self) -> dict[str, object]:
        """Return the counts, to be printed."""
        log = list(self.log)
        took = sorted(request.end - request.begin for request in log) or [0.0]
        return {
            "requests": len(log),
            "a second": round(len(log) / max(self.now(), 0.001)),
            "failed": len(self.failed),
            "moves": len(self.moves),
            "reconnects": self.reconnects,
            "ms, half": round(took[len(took) // 2] * 1000),
            "ms, slowest": round(took[-1] * 1000),
            "newcomers": dict(sorted(Counter(r.node for r in self.newcomers).items())),
        }

    def _stay(self, number: int, path: str) -> None:
        client = _Client(self._address)
        before = ""
        dice = random.Random(number)
        time.sleep(self._pause * dice.random())
        while not self._end.is_set():
            request = client.ask(path, number, before, self.now)
            self.log.append(request)
            if request.node:
                before = self.nodes[number] = request.node
            self._end.wait(self._pause * dice.uniform(0.5, 1.5))
        client.close()

    def _arrive(self, path: str, rate: float) -> None:
        while not self._end.is_set():
            client = _Client(self._address)
            self.log.append(client.ask(path, None, "", self.now))
            client.close()
            self._end.wait(1 / rate)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        deadline = time.monotonic() + LONGEST
        while len(self.nodes) < self._sessions:
            assert time.monotonic() < deadline, f"no sessions: {self.failed[:3]}"
            time.sleep(0.02)
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.end()

    def end(self) -> None:
        """Let every client finish its request, and no more begin."""
        self._end.set()
        for thread in self._threads:
            thread.join(timeout=LONGEST)
            assert not thread.is_alive()


class _Client:
    """One browser, with one cookie."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=LONGEST)
        self._cookie = ""

    def ask(self, path: str, session: int | None, before: str, now: Callable[[], float]) -> Request:
        """Make one request, and say what came of it."""
        begin = now()
        again = self._ended()
        if again:
            self._connection.close()
        status, node, issued = "", "", False
        try:
            try:
                response = self._send(path)
            except ConnectionError:
                if again or self._new or now() - begin > CROSSING:
                    raise
                again = True
                self._connection.close()
                response = self._send(path)
            response.read()
            if response.status == 200:
                node = response.headers["X-Served-By"]
                cookie = response.headers.get("Set-Cookie", "").partition(";")[0]
                issued = bool(cookie)
                self._cookie = cookie or self._cookie
            else:
                status = f"status {response.status}"
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            status = f"{type(error).__name__}: {error}"
        return Request(session, begin, now(), node, before, issued, again, status)

    def _ended(self) -> bool:
        """Whether the server has ended the kept connection."""
        sock = self._connection.sock
        return sock is not None and bool(select.select([sock], [], [], 0)[0])

    def _send(self, path: str) -> http.client.HTTPResponse:
        self._new = self._connection.sock is None
        headers = {"Cookie": self._cookie} if self._cookie else {}
        self._connection.request("GET", path, headers=headers)
        return self._connection.getresponse()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
