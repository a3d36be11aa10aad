# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook verify writes its page, whatever became of the sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture()
def page(tmp_path: Path) -> Path:
    return tmp_path / "page.html"


@pytest.fixture()
def asked(load_balancer: Any, page: Path) -> dict[str, Any]:
    """Extra variables: what is asked, and where the page is written."""
    return {
        "verify_url": load_balancer.url,
        "verify_host": "lb1",
        "verify_report": str(page),
        "verify_clients": 3,
        "verify_requests": 2,
        "verify_served_by": {"header": "X-Served-By"},
    }


@pytest.mark.parametrize("present", [False, True], ids=["no page yet", "a page that would change"])
def test_check_mode_proves_the_sessions_and_leaves_the_page_as_it_is(
    load_balancer: Any, play: Any, asked: dict[str, Any], page: Path, present: bool
) -> None:
    load_balancer.httpd.start()
    if present:
        page.write_text("of yesterday")
    played = play("verify", {"lb1": load_balancer.host()}, "--check", **asked)
    assert played.status == 0, played
    assert page.exists() == present and (not present or page.read_text() == "of yesterday")
    said = played.of("Say how it went")["lb1"]["msg"]
    assert said[0].startswith("All 3 sessions stayed on their node")
    assert said[-1] == f"page: lb1:{page}, which check mode does not write"
    kept = played.custom_stats["verify"]
    assert kept["report"] == f"lb1:{page}" and kept["proven"] is True


def test_relative_paths_on_this_host_begin_where_ansible_was_called(
    load_balancer: Any,
    play: Any,
    asked: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load_balancer.httpd.start()
    monkeypatch.chdir(tmp_path)
    files = {"verify_report": "shop.html", "verify_session_file": "shop.sessions"}
    there = {"verify_host": "localhost"}
    hosts = {"lb1": load_balancer.host(), "localhost": {}}
    played = play("verify", hosts, **{**asked, **there, "verify_ca_path": "no-ca.pem"})
    (made,) = played.of("Make sessions, and see which node answers them").values()
    assert made["invocation"]["module_args"]["ca_path"] == f"{tmp_path}/no-ca.pem"
    played = play("verify", hosts, **{**asked, **there, **files})
    assert played.status == 0, played
    assert {"shop.html", "shop.sessions"} <= {path.name for path in tmp_path.iterdir()}
    assert played.custom_stats["verify"]["report"] == f"localhost:{tmp_path}/shop.html"


def test_a_site_whose_nodes_nobody_tells_is_not_proven_and_does_not_fail(
    load_balancer: Any, play: Any, asked: dict[str, Any], page: Path
) -> None:
    load_balancer.httpd.start()
    del asked["verify_served_by"]
    played = play("verify", {"lb1": load_balancer.host()}, **{**asked, "verify_clients": 8})
    assert played.status == 0, played
    kept = played.custom_stats["verify"]
    assert kept["headline"].startswith("Not proven: none of 8 sessions was seen to move")
    assert kept["proven"] is False and kept["problems"] == []
    assert any(each.startswith("AB416: ") for each in kept["remarks"])
    text = page.read_text()
    assert "Not seen to move: not proven" in text and "stayed on their node" not in text


def test_a_site_that_nobody_serves_fails_and_the_page_says_so(
    load_balancer: Any, play: Any, asked: dict[str, Any], page: Path, nobody: str
) -> None:
    asked["verify_url"] = nobody
    played = play("verify", {"lb1": load_balancer.host()}, **asked)
    assert played.status == 2, played
    reason = played.of("Fail where something is wrong")["lb1"]["msg"]
    assert reason.startswith("No session was made, so nothing was proven: ")
    assert "connection refused; is httpd running" in reason
    assert "connection refused; is httpd running" in page.read_text()
    kept = played.custom_stats["verify"]
    assert kept["sessions"] == 0 and kept["problems"] == [reason]


@pytest.mark.parametrize("url", [None, ""])
def test_without_an_address_nobody_is_asked(
    load_balancer: Any, play: Any, asked: dict[str, Any], page: Path, url: str | None
) -> None:
    asked["verify_url"] = url
    hosts = {"lb1": load_balancer.host(), "lb2": load_balancer.host()}
    played = play("verify", hosts, **{**asked, "verify_host": "all"})
    assert played.status == 2 and played.tasks[-1].name == "Check that an address is named"
    said = {result["msg"] for result in played.tasks[-1].results.values()}
    assert len(said) == 1 and said.pop().startswith("verify_url: say which address to ask")
    assert not page.exists()


@pytest.mark.parametrize("asking", ["localhost", "lb2"])
def test_a_limit_that_leaves_out_the_host_that_asks_is_a_failure(
    load_balancer: Any, play: Any, asked: dict[str, Any], page: Path, asking: str
) -> None:
    asked.update(verify_host=asking)
    hosts = {name: load_balancer.host() for name in ("lb1", "lb2")}
    played = play("verify", hosts, "--limit=lb1", **asked)
    assert played.status == 2 and not page.exists(), played
    (task,) = played.tasks
    assert task.results["lb1"]["msg"] == (
        f"verify_host: no host that --limit lb1 leaves matches {asking}, so nothing was done. Name others, as in"
        " -e verify_host=NAME, or these in --limit as well"
    )


def test_a_host_for_the_page_that_the_inventory_does_not_have_is_refused_before_anything_is_asked(
    load_balancer: Any, play: Any, asked: dict[str, Any], tmp_path: Path
) -> None:
    load_balancer.httpd.start()
    # To ssh, an option.
    asked["verify_report_host"] = f"-E{tmp_path}/canary"
    played = play("verify", {"lb1": load_balancer.host()}, **asked)
    assert played.status == 2 and not (tmp_path / "canary").exists(), played
    said = played.of("Check that the page has a host")["lb1"]["msg"]
    assert said == f"verify_report_host: the inventory has no host -E{tmp_path}/canary"
    assert not played.of("Make sessions, and see which node answers them")
