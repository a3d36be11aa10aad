# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients with a cookie jar each, and where their requests went, as JSON.

They begin one after the other, so that each node gets its share of them, and go on all at the same time.

``requests``: how many were made. ``failed``: what went wrong, one text each. ``paths``: the nodes
a client met, in their order, with the number of clients: ``{"node1": 25, "node2 node1": 25}`` are
25 that stayed and 25 that moved once. ``cookies``: how many times a session cookie was issued.
``lost``: how many times a session was not the one it had been: it counts its visits, and knows the
name that the client told it, which tells it again when it was forgotten.

With ``--jar`` the clients go on where those of the last run stopped, and their paths begin there.
With ``--links`` they refuse cookies and follow the link ``next`` of each answer, as a browser
without cookies does.
"""

from __future__ import annotations

import argparse
import http.client
import json
import threading
from collections import Counter
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit


class Client:
    """One browser: a cookie jar, a kept connection, and the nodes it has met."""

    def __init__(self, name: str, cookie: str, links: bool) -> None:
        self.name = name
        self.cookie = cookie  # the session's
        self.links = links
        self.cookies: dict[str, str] = {}
        self.link = ""
        self.visits = 0
        self.known = False  # to the application, by its name
        self.nodes: list[str] = []
        self.issued = 0
        self.lost = 0
        self.failed: list[str] = []

    def keep(self) -> dict[str, Any]:
        """What it needs to go on, for :meth:`resume`."""
        return {
            "name": self.name,
            "cookies": self.cookies,
            "link": self.link,
            "visits": self.visits,
            "known": self.known,
            "node": self.nodes[-1],
        }

    def resume(self, kept: dict[str, Any]) -> None:
        """Go on where another run stopped."""
        self.name = kept["name"]
        self.cookies = kept["cookies"]
        self.link = kept["link"]
        self.visits = kept["visits"]
        self.known = kept["known"]
        self.nodes = [kept["node"]]

    def run(self, url: str, host: str, requests: int) -> None:
        """Make that many requests, one after the other."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        for _request in range(requests):
            kept = connection.sock is not None
            try:
                try:
                    self._ask(connection, parts.path, host)
                except ConnectionError:
                    # A server may close a kept connection between two requests; then, as every
                    # browser does, once more on a new one.
                    connection.close()
                    if not kept:
                        raise
                    self._ask(connection, parts.path, host)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self.failed.append(f"{type(error).__name__}: {error}")
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, path: str, host: str) -> None:
        headers = {"Host": host}
        if self.cookies and not self.links:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        target = path if self.known else f"{path}?name={self.name}"
        if self.links and self.link:
            target = urljoin(path, self.link)
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            self.failed.append(f"status {response.status}")
            return
        for line in response.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                self.issued += name == self.cookie
        answer = json.loads(body)
        self.known = answer.get("name", self.name) == self.name
        self.lost += answer["visits"] <= self.visits or not self.known
        self.visits = answer["visits"]
        self.link = answer.get("next", "")
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
    parser.add_argument("--cookie", default="JSESSIONID", help="name of the session's")
    parser.add_argument("--links", action="store_true", help="refuse cookies, follow links")
    options = parser.parse_args()

    kept = json.loads(options.jar.read_text()) if options.jar.exists() else []
    clients = [
        Client(f"client{number}", options.cookie, options.links)
        for number in range(options.clients)
    ]
    for client, resumed in zip(clients, kept):
        client.resume(resumed)

    left = {client: options.requests for client in clients}
    for client in clients:
        if not client.nodes:
            client.run(options.url, options.host, 1)
            left[client] -= 1
    threads = [
        threading.Thread(target=client.run, args=(options.url, options.host, left[client]))
        for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    options.jar.write_text(json.dumps([client.keep() for client in clients if client.nodes]))
    result = {
        "requests": len(clients) * options.requests,
        "failed": [text for client in clients for text in client.failed],
        "paths": Counter(" ".join(client.nodes) for client in clients),
        "cookies": sum(client.issued for client in clients),
        "lost": sum(client.lost for client in clients),
    }
    print(json.dumps(result, indent=2, sort_keys=True))


if __name__ == "__main__":
    main()
