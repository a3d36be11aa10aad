# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of the demo's application, and what they saw, as JSON.

Each client is a browser of its own: one cookie jar, one connection kept alive. Two ways:

``--requests N``: the clients arrive one after the other, then all go on at the same time until
each has made N requests.

``--while FILE``: live traffic as long as FILE exists. Newcomers without a cookie arrive all the
time and leave again; clients arrive one after the other, stay, and come back again and again; slow
clients have a request of half a second in flight nearly always. Each request is written down.

A request is lost when it gets no answer 200. A server may close a kept connection between two
requests; then, as every browser does, the client asks once more on a new connection, and this is
counted as a reconnect.

Python 3.8 or later, standard library only.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PAUSE = 0.4  # seconds between two requests of a client that stays
SLOW = 0.5  # seconds a slow request takes
OPENING = 1.0  # seconds before the first client that stays
ARRIVAL = 0.08  # seconds between two of them
LONGEST = 300.0  # seconds after which live traffic ends by itself


class Log:
    """The requests of all clients, in the order of their end."""

    def __init__(self) -> None:
        self.started = time.time()
        self.events: list[dict[str, Any]] = []

    def add(self, **event: Any) -> None:
        """Append one request (list.append is atomic)."""
        self.events.append(event)


class Client:
    """One browser."""

    def __init__(self, address: str, name: str, kind: str, log: Log) -> None:
        self.name = name
        self.kind = kind
        self._log = log
        self._connection = http.client.HTTPConnection(address, timeout=30)
        self._cookies: dict[str, str] = {}

    def get(self, path: str = "/api") -> None:
        """Make one request and write down what came of it."""
        begin = time.time()
        event: dict[str, Any] = {"reconnected": False, "status": None, "node": None}
        try:
            kept = self._connection.sock is not None
            try:
                event.update(self._ask(path))
            except ConnectionError:
                # http.client.RemoteDisconnected too: closed before the first byte of an answer.
                self._connection.close()
                if not kept:
                    raise
                event["reconnected"] = True
                event.update(self._ask(path))
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            event["error"] = f"{type(error).__name__}: {error}"
        self._log.add(
            client=self.name,
            kind=self.kind,
            t=round(begin - self._log.started, 4),
            ms=round((time.time() - begin) * 1000, 1),
            lost=event["status"] != 200,
            **event,
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, path: str) -> dict[str, Any]:
        headers = {"Accept": "application/json"}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self._cookies.items())
        self._connection.request("GET", path, headers=headers)
        response = self._connection.getresponse()
        body = response.read()
        for line in response.headers.get_all("Set-Cookie", []):
            name, dummy, value = line.partition(";")[0].strip().partition("=")
            self._cookies[name] = value
        if response.status != 200:
            return {"status": response.status}
        answer = json.loads(body)
        return {"status": 200, "node": answer["node"], "session": answer["session"]}


def summary(url: str, log: Log, seconds: float) -> dict[str, Any]:
    """What the clients saw: per client, per node, and in all."""
    clients: dict[str, dict[str, Any]] = {}
    nodes: dict[str, dict[str, Any]] = {}
    for event in log.events:
        seen = clients.setdefault(
            event["client"],
            {
                "client": event["client"],
                "kind": event["kind"],
                "requests": 0,
                "lost": 0,
                "reconnects": 0,
                "nodes": Counter(),
                "sessions": [],
            },
        )
        seen["requests"] += 1
        seen["lost"] += event["lost"]
        seen["reconnects"] += event["reconnected"]
        if not event["lost"]:
            seen["nodes"][event["node"]] += 1
            node = nodes.setdefault(event["node"], {"requests": 0, "sessions": 0})
            node["requests"] += 1
            if event["session"] not in seen["sessions"]:
                seen["sessions"].append(event["session"])
                node["sessions"] += 1
    return {
        "url": url,
        "started": log.started,
        "seconds": round(seconds, 3),
        "requests": len(log.events),
        "lost": sum(seen["lost"] for seen in clients.values()),
        "reconnects": sum(seen["reconnects"] for seen in clients.values()),
        # A session moved when its client got another one.
        "moved": sum(len(seen["sessions"]) > 1 for seen in clients.values()),
        "nodes": dict(sorted(nodes.items())),
        "clients": sorted(clients.values(), key=lambda seen: str(seen["client"])),
    }


def in_parallel(jobs: list[threading.Thread]) -> None:
    """Run threads to their end."""
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()


def count(address: str, clients: int, requests: int, log: Log) -> None:
    """A number of requests of each client."""

    def go_on(client: Client) -> None:
        for dummy in range(requests - 1):
            client.get()
        client.close()

    everyone = [Client(address, f"client {n:02}", "steady", log) for n in range(1, clients + 1)]
    for client in everyone:
        client.get()
    in_parallel([threading.Thread(target=go_on, args=(client,)) for client in everyone])


def traffic(address: str, clients: int, slow: int, newcomers: float, flag: Path, log: Log) -> None:
    """Live traffic while the file `flag` exists; `newcomers` a second."""

    def goes_on() -> bool:
        return flag.exists() and time.time() < log.started + LONGEST

    def newcomers_arrive() -> None:
        number = 0
        while goes_on():
            number += 1
            newcomer = Client(address, f"newcomer {number:03}", "new", log)
            newcomer.get()
            newcomer.close()
            time.sleep(1 / newcomers)

    def stay(number: int) -> None:
        time.sleep(OPENING + number * ARRIVAL)
        if number <= slow:
            client, pause = Client(address, f"slow {number:02}", "slow", log), 0.0
            path = f"/api?sleep={SLOW}"
        else:
            client, pause = Client(address, f"client {number - slow:02}", "steady", log), PAUSE
            path = "/api"
        while goes_on():
            client.get(path)
            time.sleep(pause)
        client.close()

    jobs = [threading.Thread(target=newcomers_arrive)]
    jobs += [threading.Thread(target=stay, args=(n,)) for n in range(1, slow + clients + 1)]
    in_parallel(jobs)


def main(arguments: list[str] | None = None) -> int:
    """Run the clients; 0 when no request was lost, else 1."""
    parser = argparse.ArgumentParser(description="Clients of the demo's application.")
    parser.add_argument("url", help="http://ADDRESS:PORT/")
    parser.add_argument("--clients", type=int, default=1)
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--requests", type=int, help="of each client")
    way.add_argument("--while", type=Path, dest="flag", metavar="FILE", help="live traffic")
    parser.add_argument("--slow", type=int, default=0, help="slow clients in live traffic")
    parser.add_argument("--newcomers", type=float, default=40, help="a second, in live traffic")
    parser.add_argument("--output", type=Path, help="write to a file, with every request")
    options = parser.parse_args(arguments)

    address = urlsplit(options.url).netloc
    log = Log()
    if options.requests:
        count(address, options.clients, options.requests, log)
    else:
        traffic(address, options.clients, options.slow, options.newcomers, options.flag, log)
    result = summary(options.url, log, time.time() - log.started)
    if options.output:
        full = {**result, "events": sorted(log.events, key=lambda event: event["t"])}
        options.output.write_text(json.dumps(full) + "\n", encoding="utf-8")
        del result["clients"]
    json.dump(result, sys.stdout, indent=2)
    print()
    return 1 if result["lost"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
