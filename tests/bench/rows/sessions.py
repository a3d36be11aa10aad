# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that are followed from node to node, and requests that are only made."""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Iterator

from ansible_collections.webtier.apache_balancer.tests.bench.measure import (
    Goal,
    Measured,
    Row,
    Spread,
    by_turns,
    timed,
)
from ansible_collections.webtier.apache_balancer.tests.bench.memory import note
from ansible_collections.webtier.apache_balancer.tests.support.modules import started
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
    free_port,
)

_CLIENTS = 10_000
_REQUESTS = 10
_CONCURRENCY = 50
# One process, with a thread for each kept connection: none is ended to make room for others, or with a process that is
# one too many.
_SIZE = (
    "ThreadLimit {0}\nThreadsPerChild {0}\nMaxRequestWorkers {0}\nMaxSpareThreads {0}\n"
    "MaxKeepAliveRequests 0\n"
)
_COOKIE = 'Header add Set-Cookie "ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/" env=BALANCER_ROUTE_CHANGED\n'


@contextlib.contextmanager
def _site() -> Iterator[str]:
    """The address of a page of two nodes, which another httpd serves, behind a balancer with a route cookie."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        Path(folder).chmod(0o755)
        nodes = stack.enter_context(PrivateHttpd(Path(folder, "nodes"), "headers"))
        ports = {name: free_port() for name in ("n1", "n2")}
        nodes.write("htdocs/page", "A page.\n" * 32)
        nodes.write(
            "conf/nodes.conf",
            f"DocumentRoot {nodes.root}/htdocs\n{_SIZE.format(4 * _CONCURRENCY)}"
            + "".join(
                f"Listen 127.0.0.1:{port}\n<VirtualHost 127.0.0.1:{port}>\n"
                f"Header set X-Served-By {name}\n</VirtualHost>\n"
                for name, port in ports.items()
            ),
        )
        proxy = stack.enter_context(PrivateHttpd(Path(folder, "proxy"), *BALANCER, "headers"))
        members = "".join(
            f"BalancerMember http://127.0.0.1:{port} route={name}\n" for name, port in ports.items()
        )
        proxy.write(
            "conf/site.conf",
            f"<Proxy balancer://app>\n{members}ProxySet stickysession=ROUTEID\n</Proxy>\n"
            f"{_COOKIE}ProxyPass / balancer://app/\n{_SIZE.format(2 * _CONCURRENCY)}",
        )
        for httpd in (nodes, proxy):
            httpd.start()
        yield f"http://127.0.0.1:{proxy.port}/page"


def _check(url: str, clients: int) -> tuple[dict[str, Any], int]:
    """Return the result of sticky_check with so many *clients*, and the memory its process took."""
    task = started(
        "sticky_check",
        url=url,
        clients=clients,
        requests=_REQUESTS,
        concurrency=_CONCURRENCY,
        served_by={"header": "X-Served-By"},
    )
    result = task.wait(patience=600)
    if result.get("failed") or result["failed_requests"] or result["violations"]:
        raise AssertionError(result.get("msg", result["violations"]))
    return result, task.peak


def _ab(url: str) -> float:
    """Return the seconds that ab says it needs for as many requests."""
    number = str(_CLIENTS * _REQUESTS)
    command = ["ab", "-q", "-k", "-n", number, "-c", str(_CONCURRENCY), url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    counts = dict(re.findall(r"(Failed|Non-2xx|Time taken).*?:\s+([\d.]+)", said))
    if int(counts["Failed"]) or "Non-2xx" in counts:
        raise AssertionError(said)
    return float(counts["Time taken"])


def _sessions(pairs: int) -> Measured:
    whole = []
    with _site() as url:

        def ours() -> float:
            found: list[dict[str, Any]] = []
            whole.append(timed(lambda: found.append(_check(url, _CLIENTS)[0])))
            return float(found[0]["seconds"])

        measured = by_turns(ours, lambda: _ab(url), pairs)
        memory = {f"{clients:,} clients": _check(url, clients)[1] for clients in (100, _CLIENTS)}
    requests = _CLIENTS * _REQUESTS
    rates = [f"{requests / side.median:,.0f}" for side in (measured.ours, measured.theirs)]
    task = Spread(tuple(seconds / part for seconds, part in zip(whole[1:], measured.ours.figures)))
    notes = [
        f"{' and '.join(rates)} requests a second",
        f"with what is made of the answers: {task:.3g} x the time",
        note(memory) + " (the module's whole process)",
    ]
    return measured._replace(notes=tuple(notes))


ROWS = (
    Row(
        "sessions",
        f"`sticky_check`, {_CLIENTS:,} sessions of {_REQUESTS} requests, proxied",
        "as many requests of `ab -k`, with the same concurrency",
        Goal(0.7, faster=True),
        _sessions,
    ),
)
