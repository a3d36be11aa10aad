# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's clients, against scripted servers on a free loopback port."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator

CLIENTS = Path(__file__).parents[4] / "playbooks" / "files" / "demo_sessions.py"

# Gets the number of the request on its connection, and its Cookie header; answers a status, a node
# and a session, or None to close the connection without an answer.
Script = Callable[[int, str], "tuple[int, str, str] | None"]


@contextmanager
def server(script: Script) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        count = 0

        def do_GET(self) -> None:
            self.count += 1
            answer = script(self.count, self.headers.get("Cookie", ""))
            if answer is None:
                self.close_connection = True
                return
            status, node, session = answer
            body = json.dumps({"node": node, "session": session}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Set-Cookie", f"SID={session}; Path=/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}/"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(CLIENTS), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def loyal(dummy: int, cookie: str) -> tuple[int, str, str]:
    """A server that keeps the session it is sent, and names a new one after the time."""
    return 200, "node1", cookie.partition("=")[2] or f"{time.monotonic_ns()}.node1"


def test_each_client_keeps_its_own_cookies() -> None:
    with server(loyal) as url:
        code, seen = run(url, "--clients=4", "--requests=5")
    assert code == 0
    assert seen["nodes"] == {"node1": {"requests": 20, "sessions": 4}}
    assert (seen["requests"], seen["moved"], seen["lost"], seen["reconnects"]) == (20, 0, 0, 0)
    assert [c["client"] for c in seen["clients"]] == [f"client {n:02}" for n in range(1, 5)]


def test_a_client_whose_session_changes_has_moved() -> None:
    def forgetful(count: int, dummy: str) -> tuple[int, str, str]:
        return 200, f"node{count}", f"{count}.node{count}"

    with server(forgetful) as url:
        code, seen = run(url, "--requests=2")
    assert code == 0
    assert seen["moved"] == 1
    assert seen["clients"][0]["nodes"] == {"node1": 1, "node2": 1}
    assert seen["clients"][0]["sessions"] == ["1.node1", "2.node2"]


def test_an_answer_other_than_200_is_a_lost_request() -> None:
    def failing(count: int, cookie: str) -> tuple[int, str, str]:
        return (503 if count == 2 else 200), "node1", "a.node1"

    with server(failing) as url:
        code, seen = run(url, "--requests=3")
    assert (code, seen["requests"], seen["lost"]) == (1, 3, 1)
    assert seen["nodes"] == {"node1": {"requests": 2, "sessions": 1}}


def test_a_kept_connection_that_was_closed_is_renewed_once() -> None:
    def tired(count: int, cookie: str) -> tuple[int, str, str] | None:
        return None if count == 3 else loyal(count, cookie)

    with server(tired) as url:
        code, seen = run(url, "--requests=6")
    assert (code, seen["lost"], seen["moved"]) == (0, 0, 0)
    assert seen["reconnects"] == 2  # at the third request of the first and of the second connection


def test_a_new_connection_without_an_answer_is_a_lost_request() -> None:
    with server(lambda count, cookie: None) as url:
        code, seen = run(url, "--requests=2")
    assert (code, seen["lost"], seen["reconnects"]) == (1, 2, 0)
    assert seen["nodes"] == {}


def test_nobody_listening_loses_every_request() -> None:
    with server(loyal) as url:
        pass
    code, seen = run(url, "--clients=2", "--requests=1")
    assert (code, seen["requests"], seen["lost"]) == (1, 2, 2)


def test_live_traffic_ends_with_its_file_and_is_written_down(tmp_path: Path) -> None:
    flag, output = tmp_path / "flag", tmp_path / "out.json"
    flag.touch()
    timer = threading.Timer(3, flag.unlink)
    timer.start()
    with server(loyal) as url:
        code, seen = run(url, "--clients=2", "--slow=1", f"--while={flag}", f"--output={output}")
    timer.join()
    assert code == 0
    assert "events" not in seen
    full = json.loads(output.read_text(encoding="utf-8"))
    assert full["requests"] == len(full["events"]) == seen["requests"]
    assert {e["kind"] for e in full["events"]} == {"new", "slow", "steady"}
    times = [e["t"] for e in full["events"]]
    assert times == sorted(times)
    # Until the file was gone, three seconds after the process was started.
    assert 1 < max(times) < 6
    newcomers = [c for c in full["clients"] if c["kind"] == "new"]
    assert len(newcomers) > 20
    assert all(c["requests"] == 1 for c in newcomers)
    assert full["nodes"]["node1"]["sessions"] == len(newcomers) + 3
