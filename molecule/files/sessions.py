# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients with a cookie jar each, all at the same time, and where their requests went, as JSON.

``requests``: how many were made. ``failed``: what went wrong, one text each. ``paths``: the nodes
a client met, in their order, with the number of clients: ``{"node1": 25, "node2 node1": 25}`` are
25 that stayed and 25 that moved once. ``cookies``: how many times a session cookie was issued.

With ``--jar`` the clients go on where those of the last run stopped, and their paths begin there.
"""

from __future__ import annotations

import argparse
import http.client
import json
import threading
from collections import Counter
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit


class Client:
    """One browser: a cookie jar, a kept connection, and the nodes it has met."""

    def __init__(self, cookies: dict[str, str], nodes: list[str]) -> None:
        self.cookies = cookies
        self.nodes = nodes
        self.issued = 0
        self.failed: list[str] = []

    def run(self, url: str, host: str, requests: int) -> None:
        """Make that many requests, one after the other."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        for _request in range(requests):
            kept = connection.sock is not None
            try:
                try:
                    self._ask(connection, parts.path or "/", host)
                except ConnectionError:
                    # A server may close a kept connection between two requests; then, as every
                    # browser does, once more on a new one.
                    connection.close()
                    if not kept:
                        raise
                    self._ask(connection, parts.path or "/", host)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self.failed.append(f"{type(error).__name__}: {error}")
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, path: str, host: str) -> None:
        headers = {"Host": host}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            self.failed.append(f"status {response.status}")
            return
        for line in response.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                self.issued += name == "JSESSIONID"
        node = response.headers["X-Served-By"]
        if self.nodes[-1:] != [node]:
            self.nodes.append(node)


def main() -> None:
    """Run the clients and print what they saw."""
    parser = argparse.ArgumentParser(description="Clients with a cookie jar each.")
    parser.add_argument("url")
    parser.add_argument("--host", required=True, help="name of the site, sent as Host")
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--requests", type=int, required=True, help="of each client")
    parser.add_argument("--jar", type=Path, required=True, help="where the sessions are kept")
    options = parser.parse_args()

    kept = json.loads(options.jar.read_text()) if options.jar.exists() else []
    clients = [Client(each["cookies"], [each["node"]]) for each in kept[: options.clients]]
    clients += [Client({}, []) for _missing in range(options.clients - len(clients))]

    threads = [
        threading.Thread(target=client.run, args=(options.url, options.host, options.requests))
        for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    options.jar.write_text(
        json.dumps(
            [{"cookies": each.cookies, "node": each.nodes[-1]} for each in clients if each.nodes]
        )
    )
    result = {
        "requests": len(clients) * options.requests,
        "failed": [text for client in clients for text in client.failed],
        "paths": Counter(" ".join(client.nodes) for client in clients),
        "cookies": sum(client.issued for client in clients),
    }
    print(json.dumps(result, indent=2, sort_keys=True))


if __name__ == "__main__":
    main()
