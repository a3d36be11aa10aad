# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running httpd, in process: its balancer-manager read, and its members changed while clients use them."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Callable, Iterator

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.plan import (
    Declaration,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._live import (
    Access,
    Managers,
    apply_now,
    find_running,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.client import (
    Manager,
)
from ansible_collections.webtier.apache_balancer.tests.bench.measure import (
    Goal,
    Measured,
    Row,
    by_turns,
    timed,
)
from ansible_collections.webtier.apache_balancer.tests.bench.memory import note, peak
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import Proxy, vhost
from ansible_collections.webtier.apache_balancer.tests.support.traffic import Backend, Load

_MEMBERS = 1_000
_READS = 20
_CHANGES = 1_000
#: of each turn; one takes that much longer than a change.
_RELOADS = 10
_NODES = ("n1", "n2", "n3")
_SESSIONS = 50


@contextlib.contextmanager
def _proxy(text: str) -> Iterator[Proxy]:
    """A proxy that runs with *text* as its virtual host."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        httpd = stack.enter_context(PrivateHttpd(Path(folder), *BALANCER, "authz_host"))
        httpd.enlarge()
        httpd.write("conf/clients.conf", "MaxKeepAliveRequests 0\n")
        yield Proxy(httpd).start(text)


# Reading


def _many(members: int) -> str:
    lines = "".join(
        f"        BalancerMember http://10.0.{i >> 8}.{i & 255}:8080 route=n{i}\n"
        for i in range(members)
    )
    body = f"    <Proxy balancer://app>\n{lines}    </Proxy>\n    ProxyPass /app balancer://app\n"
    return vhost("app.example.com", body)


def read_page(url: str, counters: bool = False) -> None:
    """Read what balancer-manager at *url* shows, over a connection of its own."""
    manager = Manager(url)
    page = manager.page(counters)
    manager.close()
    if not page.balancers["app"].members:
        raise AssertionError("no member is shown")


def _fetch(url: str) -> float:
    """Return the seconds that curl needs for its transfer of *url*, its own start not counted."""
    command = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{time_total}", url]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _several(once: Callable[[], float]) -> float:
    return statistics.median(once() for dummy in range(_READS))


def _reading(pairs: int) -> Measured:
    with _proxy(_many(100)) as proxy:
        memory = {"100 members": peak(read_page, proxy.manager_url)}
    with _proxy(_many(_MEMBERS)) as proxy:
        memory[f"{_MEMBERS:,} members"] = peak(read_page, proxy.manager_url)
        measured = _against_curl(proxy.manager_url, pairs)
    return measured._replace(notes=(*measured.notes, note(memory)))


def _against_curl(url: str, pairs: int) -> Measured:
    exact = by_turns(
        lambda: _several(lambda: timed(lambda: read_page(url, counters=True))),
        lambda: _several(lambda: _fetch(url) + _fetch(url + "?xml=1")),
        pairs,
    )
    return by_turns(
        lambda: _several(lambda: timed(lambda: read_page(url))),
        lambda: _several(lambda: _fetch(url)),
        pairs,
        [f"with exact counters, from HTML and XML: {exact.ratio:.3g} x both transfers"],
    )


# Changing


class Clients:
    """Clients with sessions, in a process of their own: it is not for them to slow down what is measured."""

    def __init__(self, port: int) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._ours, theirs = spawning.Pipe()
        self._process = spawning.Process(target=_use, args=(port, theirs), daemon=True)

    def seen(self) -> Counter[str]:
        """Return how many requests they made until now, how many failed, and how often httpd had ended a kept
        connection."""
        self._ours.send(True)
        counts: Counter[str] = self._ours.recv()
        return counts

    def __enter__(self) -> Clients:
        self._process.start()
        self.seen()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._ours.send(False)
        self._process.join()


def _use(port: int, pipe: Connection) -> None:
    with Load("127.0.0.1", port, sessions=_SESSIONS, pause=0.05) as load:
        while pipe.recv():
            failed, ended = len(load.failed), load.reconnects
            pipe.send(Counter(requests=load.requests, failed=failed, ended=ended))


def _changing(pairs: int) -> Measured:
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(Backend(name)) for name in _NODES]
        weights = itertools.cycle([1, 2])

        def text() -> str:
            factor = next(weights)
            lines = "".join(
                f"        BalancerMember {node.url} route={node.route} loadfactor={factor}\n"
                for node in nodes
            )
            return vhost(
                "app.example.com",
                f"    <Proxy balancer://app>\n{lines}        ProxySet stickysession=JSESSIONID\n"
                "    </Proxy>\n    ProxyPass / balancer://app/\n",
            )

        proxy = stack.enter_context(_proxy(text()))
        clients = stack.enter_context(Clients(proxy.httpd.port))
        running = find_running(Managers(), Access((proxy.manager_url,)), lambda each: True)[0]
        factors = itertools.cycle([3, 4])
        during: dict[str, Counter[str]] = {"changes": Counter(), "reloads": Counter()}

        def change() -> None:
            # As a task does it: read, change, read back.
            running.source.forget()
            member = {"url": nodes[0].url, "loadfactor": next(factors)}
            done = apply_now(running, Declaration("app", members=[member], purge=[]))
            if len(done.changes) != 1 or done.left:
                raise AssertionError(f"not changed: {done}")

        def reload() -> None:
            proxy.site.write_text(text())
            proxy.httpd.reload()

        def each(kind: str, once: Callable[[], None], count: int) -> float:
            # Clients find only now that the last reload has ended their connections.
            time.sleep(1)
            before = clients.seen()
            seconds = timed(lambda: [once() for dummy in range(count)])
            during[kind] += clients.seen() - before + Counter({kind: count})
            return seconds / count

        measured = by_turns(
            lambda: each("changes", change, _CHANGES // pairs),
            lambda: each("reloads", reload, _RELOADS),
            pairs,
        )
    notes = [
        f"{counts[kind]:,} {kind}: {counts['failed']} of {counts['requests']:,} requests failed,"
        f" {counts['ended']} kept connections ended"
        for kind, counts in during.items()
    ]
    return measured._replace(notes=tuple(notes), failed=during["changes"]["failed"])


ROWS = (
    Row(
        "page",
        f"a live balancer of {_MEMBERS:,} members, read",
        "curl's transfer of the page",
        Goal(2),
        _reading,
    ),
    Row(
        "live",
        f"{_CHANGES:,} live changes under load, each read back: time of one",
        f"one graceful reload each ({_RELOADS} a turn are made)",
        Goal(none_fails=True),
        _changing,
    ),
)
