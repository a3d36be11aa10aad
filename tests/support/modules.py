# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module of the collection with arguments, in a process of its own as Ansible does.

The processes are forked by one that has Ansible and the collection imported (module_server.py), as a start of Python
costs more than what most modules do. They share nothing but these imports.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

_SERVER = "ansible_collections.webtier.apache_balancer.tests.support.module_server"


def run(
    module: str, /, check: bool = False, diff: bool = False, patience: float = 120, **options: Any
) -> dict[str, Any]:
    """Return the result of *module* with *options*, after *patience* seconds at the latest; a traceback is an
    AssertionError, and so is what later versions of Ansible will not take."""
    return started(module, check, diff, **options).wait(patience)


def started(module: str, /, check: bool = False, diff: bool = False, **options: Any) -> Started:
    """Start *module* with *options* and return at once."""
    return Started(module, {**options, "_ansible_check_mode": check, "_ansible_diff": diff})


class Started:
    """A module at work, in the environment and the directory of who starts it; ``pid`` leads a process group. At its
    end ``peak`` is the most memory that it had, in bytes."""

    def __init__(self, module: str, arguments: dict[str, Any]) -> None:
        self._module = module
        self._out, theirs_out = _pipe()
        self._err, theirs_err = _pipe()
        self._status, theirs_status = _pipe()
        theirs_in, stdin = _pipe()
        with theirs_in, theirs_out, theirs_err, theirs_status:
            theirs = [file.fileno() for file in (theirs_in, theirs_out, theirs_err, theirs_status)]
            socket.send_fds(_server(), [b"."], theirs)
        with stdin:
            stdin.write(json.dumps(_call(module, arguments)).encode())
        pid = self._status.readline()
        assert pid, f"{_SERVER} ended; what it said is on standard error"
        self.pid = int(pid)

    def wait(self, patience: float = 120) -> dict[str, Any]:
        """Return its result. What is not at its end after *patience* seconds is killed, and is a TimeoutExpired; a
        traceback, no result, or what later versions of Ansible will not take, is an AssertionError."""
        pipes = [self._out, self._err, self._status]
        try:
            out, err, status = _read(pipes, time.monotonic() + patience)
        except TimeoutError:
            self.kill()
            raise subprocess.TimeoutExpired(self._module, patience) from None
        # Who was killed from here has told it before.
        code, self.peak = map(int, status.split()) if status else (-signal.SIGKILL, 0)
        try:
            result: dict[str, Any] = json.loads(out)
        except ValueError:
            end = f"{self._module} ended with status {code}"
            raise AssertionError(f"no result, {end}: {out.decode()}\n{err.decode()}") from None
        if "Traceback" in str(result.get("exception", "")):
            raise AssertionError(result["exception"])
        if "deprecations" in result:
            raise AssertionError(result["deprecations"])
        return result

    def kill(self) -> None:
        """Kill its process group, and wait until it is gone itself."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        if not self._status.closed:
            self._status.read()


def _call(module: str, arguments: dict[str, Any]) -> dict[str, Any]:
    # os.umask tells it only by changing it, for all threads.
    umask = Path("/proc/self/status").read_text().partition("Umask:")[2].split()[0]
    return {
        "module": module,
        "arguments": arguments,
        "environment": dict(os.environ),
        "directory": os.getcwd(),
        "umask": int(umask, 8),
    }


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    reader, writer = os.pipe()
    return os.fdopen(reader, "rb", buffering=0), os.fdopen(writer, "wb")


def _read(files: list[IO[bytes]], deadline: float) -> list[bytes]:
    """Return what comes from each of *files* until its end, and close them. Raises TimeoutError."""
    texts = {file: b"" for file in files}
    with selectors.DefaultSelector() as selector:
        for file in files:
            selector.register(file, selectors.EVENT_READ, file)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, dummy in ready:
                part = key.data.read(1 << 16)
                texts[key.data] += part
                if not part:
                    selector.unregister(key.data)
                    key.data.close()
    return list(texts.values())


_requests: list[socket.socket] = []
_starting = threading.Lock()


def _server() -> socket.socket:
    """Return where module_server.py, started at the first call and ended with this process, takes requests."""
    with _starting:
        if not _requests:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-m", _SERVER, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            _requests.append(ours)
            atexit.register(process.wait)
            atexit.register(ours.close)
        return _requests[0]
