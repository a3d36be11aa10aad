# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's application server, started for real on a free loopback port."""

from __future__ import annotations

import http.client
import json
import re
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest

BACKEND = Path(__file__).parents[4] / "playbooks" / "files" / "demo_backend.py"


class Node:
    """A running backend and how to talk to it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.announced = process.stdout.readline()
        found = re.search(r":(\d+)/$", self.announced.strip())
        assert found, f"no address announced: {self.announced!r}"
        self.port = int(found.group(1))

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def get(self, path: str, cookie: str = "", method: str = "GET") -> Reply:
        connection = self.connect()
        try:
            return ask(connection, path, cookie, method)
        finally:
            connection.close()


class Reply:
    """One answer, read to its end."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read().decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookie(self) -> str:
        """The name=value pair of the Set-Cookie header, or an empty string."""
        return (self.headers["Set-Cookie"] or "").partition(";")[0]


def ask(
    connection: http.client.HTTPConnection, path: str, cookie: str = "", method: str = "GET"
) -> Reply:
    connection.request(method, path, headers={"Cookie": cookie} if cookie else {})
    return Reply(connection.getresponse())


@contextmanager
def backend(*options: str) -> Iterator[Node]:
    process = subprocess.Popen(
        [sys.executable, str(BACKEND), "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Node(process)
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture(name="node")
def _node() -> Iterator[Node]:
    with backend("--name", "node2") as node:
        yield node


def test_a_request_without_a_cookie_starts_a_session_named_after_the_route(node: Node) -> None:
    reply = node.get("/api")
    assert reply.status == 200
    assert reply.headers["X-Served-By"] == "node2"
    assert re.fullmatch(
        r"JSESSIONID=[0-9A-F]{32}\.node2; Path=/; HttpOnly", reply.headers["Set-Cookie"]
    )
    assert reply.json["node"] == "node2"
    assert reply.json["session"] == reply.cookie.partition("=")[2]
    assert (reply.json["visits"], reply.json["new"]) == (1, True)


def test_a_known_session_goes_on_and_its_visits_are_counted(node: Node) -> None:
    first = node.get("/api")
    second = node.get("/api", "theme=dark; " + first.cookie + "; lang=en")
    third = node.get("/", first.cookie)
    assert second.json == {**first.json, "visits": 2, "new": False}
    assert second.headers["Set-Cookie"] is None
    assert third.headers["Set-Cookie"] is None
    assert node.get("/api", first.cookie).json["visits"] == 4


def test_a_session_of_another_node_is_not_known_here(node: Node) -> None:
    reply = node.get("/api", "JSESSIONID=0123456789ABCDEF0123456789ABCDEF.node1")
    assert reply.json["new"] is True
    assert reply.json["session"].endswith(".node2")
    assert reply.cookie == "JSESSIONID=" + reply.json["session"]


def test_only_a_cookie_of_exactly_that_name_counts(node: Node) -> None:
    session = node.get("/api").json["session"]
    assert node.get("/api", f"XJSESSIONID={session}").json["new"] is True
    assert node.get("/api", f"jsessionid={session}").json["new"] is True


def test_a_session_in_the_url_is_known_too(node: Node) -> None:
    session = node.get("/api").json["session"]
    reply = node.get(f"/api;jsessionid={session}?x=1")
    assert (reply.json["session"], reply.json["new"]) == (session, False)


def test_route_and_cookie_can_be_named() -> None:
    with backend("--name", "n1.example", "--route", "blue-1", "--cookie", "SID") as node:
        reply = node.get("/api")
    assert re.fullmatch(r"SID=[0-9A-F]{32}\.blue-1", reply.cookie)
    assert reply.json["node"] == "n1.example"


def test_without_a_route_the_session_is_the_bare_id() -> None:
    with backend("--no-route") as node:
        assert re.fullmatch(r"JSESSIONID=[0-9A-F]{32}", node.get("/api").cookie)
        assert node.get("/stats").json["route"] is None


def test_the_page_shows_node_session_and_visits(node: Node) -> None:
    session = node.get("/api").json["session"]
    page = node.get("/", "JSESSIONID=" + session)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>node2</h1>" in page.body
    assert f"<code>{session}</code>" in page.body
    assert '<dd class="visits">2</dd>' in page.body
    assert not re.search(r"@[A-Z]+@", page.body), "a placeholder was left"
    assert not re.search(r"(src|href)=\"(https?:)?//", page.body), "the page loads something"


def test_what_a_client_sends_cannot_become_markup(node: Node) -> None:
    connection = node.connect()
    connection.request("GET", "/", headers={"X-Forwarded-Host": "<script>alert(1)</script>"})
    page = connection.getresponse().read().decode()
    connection.close()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_new_session_ends_the_old_one(node: Node) -> None:
    session = node.get("/api").cookie
    reply = node.get("/new", session)
    assert (reply.status, reply.headers["Location"]) == (303, "./")
    assert reply.headers["Set-Cookie"] == "JSESSIONID=; Path=/; HttpOnly; Max-Age=0"
    assert node.get("/api", session).json["new"] is True


def test_stats_count_sessions_and_requests_but_not_health_checks(node: Node) -> None:
    cookie = node.get("/api").cookie
    node.get("/", cookie)
    node.get("/api")
    assert node.get("/health").status == 200
    assert node.get("/stats").json == {
        "node": "node2",
        "route": "node2",
        "sessions": 2,
        "requests": 3,
    }


def test_an_unknown_path_is_404_and_starts_no_session(node: Node) -> None:
    reply = node.get("/favicon.ico")
    assert (reply.status, reply.cookie) == (404, "")
    assert node.get("/stats").json["sessions"] == 0


def test_head_answers_without_a_body_and_the_connection_stays_usable(node: Node) -> None:
    connection = node.connect()
    head = ask(connection, "/", method="HEAD")
    kept = connection.sock
    assert (head.status, head.body) == (200, "")
    assert int(head.headers["Content-Length"]) > 500
    assert ask(connection, "/api").status == 200
    assert connection.sock is kept is not None
    connection.close()


def test_requests_are_served_at_the_same_time(node: Node) -> None:
    slow = [node.connect() for dummy in range(8)]
    for connection in slow:
        connection.request("GET", "/api?sleep=2")
    assert node.get("/health").status == 200
    # Those that came before are not answered yet.
    assert select.select([connection.sock for connection in slow], [], [], 0)[0] == []
    assert [Reply(connection.getresponse()).status for connection in slow] == [200] * 8


def test_sessions_started_at_once_are_all_different(node: Node) -> None:
    seen: list[str] = []
    threads = [
        threading.Thread(target=lambda: seen.append(node.get("/api").json["session"]))
        for dummy in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == len(set(seen)) == 20
    assert node.get("/stats").json["sessions"] == 20


def test_sigterm_answers_the_request_in_flight_and_exits_cleanly() -> None:
    with backend() as node:
        connection = node.connect()
        connection.request("GET", "/api?sleep=1")
        while node.get("/health").status != 200:  # the slow request has a thread of its own
            pass
        node.process.send_signal(signal.SIGTERM)
        reply = Reply(connection.getresponse())
        assert reply.status == 200
        assert reply.headers["Connection"] == "close"
        assert node.process.wait(timeout=20) == 0
        assert node.process.stderr is not None
        assert node.process.stderr.read() == ""
        with pytest.raises(ConnectionRefusedError):
            node.get("/health")


def test_a_client_that_goes_away_leaves_no_traceback() -> None:
    with backend() as node:
        connection = node.connect()
        connection.request("GET", "/api?sleep=0.3")
        connection.close()
        time.sleep(0.5)
        assert node.get("/health").status == 200
        node.process.terminate()
        assert node.process.communicate(timeout=20)[1] == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--route", "a.b"], "use 1 to 63 letters, digits, '_' or '-'"),
        (["--name", 'x"y'], "use 1 to 63 letters, digits, '.', '_' or '-'"),
        (["--name", "n1.example"], "give a --route without one"),
        (["--no-route", "--route", "n1"], "exclude each other"),
    ],
)
def test_a_route_no_cookie_can_carry_is_refused(options: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, str(BACKEND), *options],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert message in done.stderr
