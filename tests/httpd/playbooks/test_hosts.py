# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook that is for no host says so, where Ansible itself would skip it and be content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.webtier.apache_balancer.tests.httpd.playbooks.conftest import PLAYBOOKS
from ansible_collections.webtier.apache_balancer.tests.support import playbook

OF_LOAD_BALANCERS = ("adopt", "load_balancer", "node", "status")
HOSTS = {"app1": {"ansible_become": False}, "app2": {"ansible_become": False}}
NOBODY = {"status_httpd": {"binary": "/nowhere/httpd"}}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *((name, "load_balancer_hosts: {} matches load_balancers, ") for name in OF_LOAD_BALANCERS),
        ("rolling_update", "rolling_update_hosts: {} matches backends, "),
    ],
)
@pytest.mark.parametrize(
    ("limit", "left"),
    [((), "no host of the inventory"), (("--limit=app2",), "no host that --limit app2 leaves")],
    ids=["everywhere", "limited"],
)
def test_a_group_that_the_inventory_does_not_have_is_a_failure(
    tmp_path: Path, name: str, said: str, limit: tuple[str, ...], left: str
) -> None:
    played = playbook.play(tmp_path, PLAYBOOKS / f"{name}.yml", HOSTS, *limit)
    assert played.status == 2, played
    (task,) = played.tasks
    (message,) = {result["msg"] for result in task.results.values()}
    assert message.startswith(said.format(left))


def test_a_limit_that_leaves_none_of_its_hosts_is_a_failure(tmp_path: Path) -> None:
    hosts = "--extra-vars=load_balancer_hosts=app1"
    played = playbook.play(tmp_path, PLAYBOOKS / "node.yml", HOSTS, hosts, "--limit=app2")
    assert played.status == 2, played
    (task,) = played.tasks
    assert task.results["app2"]["msg"] == (
        "load_balancer_hosts: no host that --limit app2 leaves matches app1, so nothing was done. Name others, as in"
        " -e load_balancer_hosts=NAME, or these in --limit as well"
    )


def test_a_variable_that_names_hosts_does_not_count_in_the_inventory_and_that_is_not_passed_over(
    tmp_path: Path,
) -> None:
    hosts = {name: {**own, "load_balancer_hosts": "all"} for name, own in HOSTS.items()}
    played = playbook.play(tmp_path, PLAYBOOKS / "status.yml", hosts)
    assert played.status == 2, played
    (task,) = played.tasks
    assert "no host of the inventory matches load_balancers" in task.results["app1"]["msg"]


@pytest.mark.parametrize(
    ("pattern", "reached"),
    [
        ("app2", ["app2"]),
        (["app1", "app2"], ["app1", "app2"]),
        ("all:!app1", ["app2"]),
        ("app1, app2", ["app1", "app2"]),
        ("localhost", ["localhost"]),
    ],
    ids=str,
)
def test_hosts_are_named_by_any_pattern_or_a_localhost_that_the_inventory_does_not_have(
    tmp_path: Path, pattern: str | list[str], reached: list[str]
) -> None:
    extra = {**NOBODY, "load_balancer_hosts": pattern, "ansible_become": False}
    played = playbook.play(
        tmp_path, PLAYBOOKS / "status.yml", HOSTS, f"--extra-vars={json.dumps(extra)}"
    )
    results = played.of("Read the files and the running httpd")
    assert sorted(results) == reached, played
    assert {result["msg"] for result in results.values()} == {"there is no httpd at /nowhere/httpd"}
