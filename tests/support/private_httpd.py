# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private httpd on loopback: own ServerRoot, own port, own process; ended by its pid.

with PrivateHttpd(tmp_path, "proxy", "proxy_http") as httpd:
    httpd.write("conf/app.conf", "ProxyPass / http://127.0.0.1:1/")
    httpd.start()
    assert httpd.get("/").status == 503
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from ansible_collections.webtier.apache_balancer.plugins.module_utils._namespaces import listening
from ansible_collections.webtier.apache_balancer.plugins.module_utils._ports import sockets_of

BINARY = "/usr/sbin/apache2"
MODULES = "/usr/lib/apache2/modules"
PATIENCE = 10.0

# Ports for servers: below those that connections get (ip_local_port_range). Each process begins elsewhere.
_FIRST_PORT, _PORTS = 12000, 20000
_NUMBERS = itertools.count(random.randrange(_PORTS))

# What one balancer needs to start.
BALANCER = ("proxy", "proxy_http", "proxy_balancer", "slotmem_shm", "lbmethod_byrequests")

SMALL = (
    "ServerLimit 1\nStartServers 1\nThreadsPerChild 8\nMaxRequestWorkers 8\n"
    "MinSpareThreads 1\nMaxSpareThreads 8\n"
)
LARGE = (
    "ServerLimit 16\nStartServers 2\nThreadsPerChild 25\nMaxRequestWorkers 100\n"
    "MinSpareThreads 25\nMaxSpareThreads 100\n"
)


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: str


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody holds now, and that the kernel gives to no connection meanwhile."""
    while True:
        port = _FIRST_PORT + next(_NUMBERS) % _PORTS
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_for(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Return the first true value of ``condition``; AssertionError naming ``what`` otherwise."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {patience} s in vain: {what}")


class PrivateHttpd:
    """One httpd below the directory ``root``.

    ``modules``: names without ``mod_`` to load beside the few that any httpd needs. The main
    file includes ``conf/*.conf``; write your directives there, or a whole ``httpd.conf``.
    """

    def __init__(self, root: Path, *modules: str) -> None:
        self.root = root
        self.port = free_port()
        self.config_file = root / "httpd.conf"
        self.pid_file = root / "run" / "httpd.pid"
        self.error_log = root / "logs" / "error.log"
        for directory in ("conf", "run", "logs"):
            (root / directory).mkdir(parents=True, exist_ok=True)
        self.write("httpd.conf", self.base(*modules))

    def base(self, *modules: str) -> str:
        """Return a main file that starts: listens on ``port`` and includes ``conf/*.conf``."""
        loads = "".join(
            f"LoadModule {name}_module {MODULES}/mod_{name}.so\n"
            for name in ("mpm_event", "authz_core", *modules)
        )
        user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
        return (
            f"ServerRoot {self.root}\n"
            "ServerName localhost\n"
            f"DefaultRuntimeDir {self.root}/run\n"
            "PidFile run/httpd.pid\n"
            "ErrorLog logs/error.log\n"
            f"Listen 127.0.0.1:{self.port}\n"
            f"{loads}{user}"
            f"{SMALL}"
            "IncludeOptional conf/*.conf\n"
        )

    def enlarge(self) -> None:
        """Let it have more than one child process, and threads for many clients."""
        self.write("httpd.conf", self.config_file.read_text().replace(SMALL, LARGE))

    def write(self, name: str, text: str) -> Path:
        """Write ``text`` to the file ``name`` below ``root`` and return its path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def command(self, *arguments: str) -> list[str]:
        return [BINARY, "-d", str(self.root), "-f", str(self.config_file), *arguments]

    def start(self, *arguments: str, pass_fds: Sequence[int] = ()) -> PrivateHttpd:
        """Start it and wait until it answers. *pass_fds* become its own."""
        command = self.command(*arguments, "-k", "start")
        subprocess.run(command, check=True, timeout=PATIENCE, pass_fds=pass_fds)
        wait_for(self._answers, f"an answer; {self.log()}")
        return self

    def start_on_old_files(self, **options: Any) -> PrivateHttpd:
        """Start it when what was written is older beyond the doubt of clocks, so that it is known as loaded."""
        time.sleep(0.2)
        return self.start(**options)

    @property
    def pid(self) -> int:
        """The process id of the parent."""
        return int(self.pid_file.read_text())

    def children(self) -> list[int]:
        """Return the process ids of its child processes."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def reload(self, sign: signal.Signals = signal.SIGUSR1) -> PrivateHttpd:
        """Let it read its configuration anew (SIGUSR1: graceful, SIGHUP: restart)."""
        before, old = self.pid_file.stat().st_mtime_ns, self.children()
        os.kill(self.pid, sign)
        wait_for(
            lambda: self.pid_file.exists() and self.pid_file.stat().st_mtime_ns != before,
            f"a new generation; {self.log()}",
        )
        wait_for(lambda: not _listening(old), f"the end of the old generation; {self.log()}")
        wait_for(self._answers, f"an answer; {self.log()}")
        return self

    def stop(self) -> None:
        """End it, if it runs, and wait until it is gone."""
        if not self.pid_file.exists():
            return
        pid = self.pid
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        wait_for(lambda: not alive(pid), f"the end of {pid}")

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to one GET on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            response = connection.getresponse()
            body = response.read().decode("utf-8", "replace")
            return Answer(response.status, dict(response.getheaders()), body)
        finally:
            connection.close()

    def log(self) -> str:
        """Return the error log."""
        return self.error_log.read_text() if self.error_log.exists() else "(no error log)"

    def _answers(self) -> bool:
        try:
            self.get("/")
        except OSError:
            return False
        return self.pid_file.exists()

    def __enter__(self) -> PrivateHttpd:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.stop()


def _listening(pids: Sequence[int]) -> bool:
    """Whether one of *pids* may be given a connection."""
    sockets = {one.inode for one in listening()}
    return any(sockets & sockets_of(pid) for pid in pids)


def connections(port: int) -> list[str]:
    """Return the connections to *port* that this process has open: the inode of each."""
    own = sockets_of(os.getpid())
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return [row[9] for row in rows if row[2].endswith(f":{port:04X}") and row[9] in own]


def alive(pid: int) -> bool:
    """Whether *pid* runs; a zombie is gone, as far as we are concerned."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
