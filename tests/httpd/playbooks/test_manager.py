# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks use a balancer-manager that asks for a password."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any, Iterator

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import MODULES

PASSWORD = "planted-4711"
LOADS = "".join(
    f"LoadModule {name}_module {MODULES}/mod_{name}.so\n"
    for name in ("authn_core", "authn_file", "auth_basic", "authz_user")
)
#: What is asked of each playbook, and the task in which it asks.
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "status": ("Read the files and the running httpd", {}),
    "node": (
        "Change its members",
        {"node_host": "127.0.0.1", "node_min_usable": 0, "node_wait": False},
    ),
    "verify": ("Read the files and the running httpd", {"verify_clients": 6, "verify_requests": 2}),
}


@pytest.fixture()
def only_ops() -> Iterator[str]:
    """What lets ops alone in."""
    # The children of httpd read the file, and have no way into the directories of pytest.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        command = ["htpasswd", "-ics", f"{folder}/users", "ops"]
        subprocess.run(command, input=PASSWORD, text=True, check=True, capture_output=True)
        yield f"AuthType Basic\nAuthName x\nAuthUserFile {folder}/users\nRequire user ops"


@pytest.mark.parametrize("book", ASKED)
def test_a_password_is_taken_for_balancer_manager_and_not_said(
    load_balancer: Any, play: Any, tmp_path: Any, only_ops: str, book: str
) -> None:
    site = load_balancer.httpd.root / "conf/site.conf"
    site.write_text(LOADS + site.read_text().replace("Require local", only_ops))
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
    # What only looks says it beside the rest.
    said = refused["msg"] if book == "node" else str(refused["not_reached"])
    assert "balancer-manager (Host: " in said and "status 401" in said
    manager = {"manager_username": "ops", "manager_password": PASSWORD}
    played = play(book, {"lb1": {**host, f"{book}_manager": manager}}, **asked)
    assert played.status == 0, played
    assert played.of(task)["lb1"]["not_reached"] == []
    assert PASSWORD not in str(played)
