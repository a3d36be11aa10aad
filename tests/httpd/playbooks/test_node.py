# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook node takes a node out on every load balancer, and says where it could not."""

from __future__ import annotations

from typing import Any

SUMMARY = "Say how it went"
# All members of the load balancers of these tests are on this host, hence the option to take out the last one.
OUT = {"node_host": "127.0.0.1", "node_min_usable": 0, "node_wait": False}


def test_a_node_is_taken_out_and_put_back(load_balancer: Any, play: Any) -> None:
    load_balancer.httpd.start()
    hosts = {"lb1": load_balancer.host()}
    out = play("node", hosts, **OUT, node_reason="new disk")
    assert out.status == 0, out
    assert out.of(SUMMARY)["lb1"]["msg"][:2] == ["127.0.0.1: drained (new disk)", "lb1: changed"]
    assert out.custom_stats["node"]["changed_on"] == ["lb1"]
    assert "status=+N" in (load_balancer.httpd.root / "conf/site.conf").read_text()
    back = play("node", hosts, **OUT, node_state="enabled")
    assert back.status == 0 and back.custom_stats["node"]["changed_on"] == ["lb1"]


def test_where_nobody_listens_is_said_and_the_others_are_changed(
    load_balancer: Any, play: Any, nobody: str
) -> None:
    load_balancer.httpd.start()
    silent = load_balancer.host(node_manager_url=f"{nobody}balancer-manager")
    # One after the other: here both have the same files, and the first one changes them.
    hosts = {"lb1": silent, "lb2": load_balancer.host()}
    played = play("node", hosts, "--forks=1", **OUT)
    assert played.status == 2, played
    said = played.of(SUMMARY)["lb1"]["msg"]
    assert said[1] == "lb1: NOT REACHED, in the files changed" and "lb2: changed" in said
    assert f"  balancer://shop of _main was not reached: {nobody}" in "\n".join(said)
    assert "? in flight, ? in all" in said[2]
    assert played.custom_stats["node"]["failed_on"] == ["lb1"]


def test_without_a_node_it_says_what_is_missing_and_changes_nothing(
    load_balancer: Any, play: Any
) -> None:
    load_balancer.httpd.start()
    before = (load_balancer.httpd.root / "conf/site.conf").read_bytes()
    for given in ({}, {"node_host": ""}):
        played = play("node", {"lb1": load_balancer.host(), "lb2": load_balancer.host()}, **given)
        assert played.status == 2, played
        assert played.tasks[-1].name == "Check that a node is named"
        said = {result["msg"] for result in played.tasks[-1].results.values()}
        assert len(said) == 1 and said.pop().startswith("node_host: say which node")
    assert (load_balancer.httpd.root / "conf/site.conf").read_bytes() == before
