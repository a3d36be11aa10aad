# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks use a balancer-manager that asks for a password."""

from __future__ import annotations

import base64
from typing import Any

import pytest

PASSWORD = "planted-4711"
ONLY_OPS = (
    "Require expr \"%{HTTP:Authorization} == 'Basic "
    + base64.b64encode(f"ops:{PASSWORD}".encode()).decode()
    + "'\""
)
#: What is asked of each playbook, and the task in which it asks.
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "status": ("Read the files and the running httpd", {}),
    "node": (
        "Change its members",
        {"node_host": "127.0.0.1", "node_min_usable": 0, "node_wait": False},
    ),
    "verify": ("Read the files and the running httpd", {"verify_clients": 2, "verify_requests": 2}),
}


@pytest.mark.parametrize("book", ASKED)
def test_a_password_is_taken_for_balancer_manager_and_not_said(
    load_balancer: Any, play: Any, tmp_path: Any, book: str
) -> None:
    site = load_balancer.httpd.root / "conf/site.conf"
    site.write_text(site.read_text().replace("Require local", ONLY_OPS))
    load_balancer.httpd.start()
    task, asked = ASKED[book]
    if book == "verify":
        asked = {
            **asked,
            "verify_url": load_balancer.url,
            "verify_host": "lb1",
            "verify_report": str(tmp_path / "page.html"),
        }
    host = load_balancer.host()
    refused = play(book, {"lb1": host}, **asked).of(task)["lb1"]
    assert {each["balancer"] for each in refused["not_reached"]} == {"shop"}
    manager = {"manager_username": "ops", "manager_password": PASSWORD}
    played = play(book, {"lb1": {**host, f"{book}_manager": manager}}, **asked)
    assert played.status == 0, played
    assert played.of(task)["lb1"]["not_reached"] == []
    assert PASSWORD not in str(played)
