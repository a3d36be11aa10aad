# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook node takes a node out on every load balancer, and says where it could not."""

from __future__ import annotations

from typing import Any

from ansible_collections.webtier.apache_balancer.tests.support.proxy import MANAGER

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
    # One after the other, as both have the same files.
    hosts = {"lb1": silent, "lb2": load_balancer.host()}
    played = play("node", hosts, "--forks=1", **OUT)
    assert played.status == 2, played
    said = played.of(SUMMARY)["lb1"]["msg"]
    why = f"node_manager_url: nobody listens at {nobody}balancer-manager; this httpd listens at"
    assert said[1].startswith(f"lb1: FAILED: balancer://shop of _main: {why} 127.0.0.1:")
    assert "lb2: changed" in said
    node = played.custom_stats["node"]
    assert (node["failed_on"], node["changed_on"]) == (["lb1"], ["lb2"])


def test_a_virtual_host_that_was_not_reached_is_a_failure_although_its_file_was_changed(
    load_balancer: Any, play: Any
) -> None:
    site = load_balancer.httpd.root / "conf/site.conf"
    text = site.read_text()
    hosts = [
        f"<VirtualHost *:*>\nServerName {name}.example.com\n{body}</VirtualHost>\n"
        for name, body in (("one", text), ("two", text.replace(MANAGER, "")))
    ]
    site.write_text("".join(hosts))
    load_balancer.httpd.start()
    played = play("node", {"lb1": load_balancer.host()}, **OUT)
    assert played.status == 2, played
    said = played.of(SUMMARY)["lb1"]["msg"]
    assert said[1] == "lb1: NOT REACHED, in the files changed"
    assert any("balancer://shop of two.example.com was not reached: " in line for line in said)
    assert any("? in flight, ? in all" in line for line in said)
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
