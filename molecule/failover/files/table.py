# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the sessions of many sites go, those that run and new ones, held against a table.

table.py URL JAR PHASE reads the rows of ``failover_table`` as JSON; the site of each is ``<name>.example.com``. In the
PHASE ``well``, sessions begin; those on the node that the row is about are kept in JAR, and go on in the phases
``out`` and ``back``. In each, new sessions begin until every node that should get one has got one, for 20
seconds at most.

Prints rows ``{name, running, new}`` as JSON, where both are ``{expected, seen}``, lists of nodes and of statuses. A
session that did not stay where its first request went has its path there, such as ``node1 node2``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from sessions import Client  # molecule/files/sessions.py

NEW_SESSIONS = 12  # at least, so that a node that is not to get one would
PATIENCE = 20.0  # seconds
RUNNING_SESSIONS = 3  # at least


def expected(row: dict[str, Any], phase: str) -> tuple[list[str], list[str]]:
    """Where running sessions and new ones are to go."""
    well = row.get("well", [row["about"], "node2", "node3"])
    if phase == "well":
        return [row["about"]], well
    if phase == "out":
        return row["running"], row["new"]
    return row.get("back", row["running"]), well


def visit(client: Client, url: str, host: str) -> str:
    """Make two requests and return where they went."""
    before, client.nodes = client.nodes, []
    client.failed.clear()
    client.run(url, host, 2)
    went = client.nodes + sorted({text.replace("status ", "") for text in client.failed})
    client.nodes = client.nodes or before
    return " ".join(went)


def begin(
    url: str, host: str, new: list[str], about: str, least: int
) -> tuple[list[str], list[Client]]:
    """Begin sessions until each of `new` has got one, and the node `about` has `least`; return where they are,
    and those of that node."""
    deadline = time.monotonic() + PATIENCE
    clients: list[Client] = []
    seen: set[str] = set()
    kept: list[Client] = []
    while time.monotonic() < deadline:
        client = Client(f"client{len(clients)}", "JSESSIONID", links=False)
        clients.append(client)
        went = visit(client, url, host)
        seen.add(went)
        if went == about:
            kept.append(client)
        if len(clients) >= NEW_SESSIONS and seen >= set(new) and len(kept) >= least:
            break
    return sorted(seen), kept


def main() -> None:
    """Visit the site of each row and print what was seen."""
    url, jar, phase = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    kept = {} if phase == "well" else json.loads(jar.read_text())
    keep: dict[str, list[dict[str, Any]]] = {}
    table = []
    for row in json.load(sys.stdin):
        name = row["name"]
        host = f"{name}.example.com"
        to_run, to_begin = expected(row, phase)
        least = 0 if kept else RUNNING_SESSIONS
        begun, clients = begin(url, host, to_begin, row["about"], least)
        if kept:
            clients = [Client(each["name"], "JSESSIONID", links=False) for each in kept[name]]
            for client, resumed in zip(clients, kept[name]):
                client.resume(resumed)
        running = sorted({visit(client, url, host) for client in clients})
        keep[name] = [client.keep() for client in clients]
        table.append(
            {
                "name": name,
                "running": {"expected": sorted(to_run), "seen": running},
                "new": {"expected": sorted(to_begin), "seen": begun},
            }
        )
    jar.write_text(json.dumps(keep))
    print(json.dumps(table))


if __name__ == "__main__":
    main()
