# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbook rolling_update asks before it touches a node, on a host that is its own load balancer. Real rolls
are seen in containers (molecule)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.webtier.apache_balancer.tests.httpd.playbooks.conftest import PLAYBOOKS
from ansible_collections.webtier.apache_balancer.tests.support import playbook

ASK = "webtier.apache_balancer.rolling_update : Check | Ask whether it can be taken out"

FOUND = (
    "webtier.apache_balancer.rolling_update : Check | See that there are balancers and a task file"
)

SAID = "webtier.apache_balancer.rolling_update : Failed | Say what has happened and what to do"

MEANT = "webtier.apache_balancer.rolling_update : Check | See what is meant"


@pytest.fixture()
def roll(tmp_path: Path) -> dict[str, Any]:
    """Extra variables: what a roll needs at least."""
    tasks = tmp_path / "update.yml"
    tasks.write_text("- name: Update\n  ansible.builtin.meta: noop\n")
    return {
        "rolling_update_hosts": "all",
        "rolling_update_balancers": "all",
        "rolling_update_tasks": str(tasks),
    }


def real(load_balancer: Any) -> dict[str, Any]:
    """Extra variables: a roll that would take node1 out of the private httpd."""
    member = {"route": "node1"}
    where = {"httpd": load_balancer.instance, "manager_url": [load_balancer.manager_url]}
    return {"rolling_update_member": member, "__rolling_update_options": {**where, **member}}


@pytest.mark.namespaces
def test_without_a_health_check_the_balancers_are_asked_where_the_role_makes_their_manager(
    play: Any, empty_host: dict[str, Any], roll: dict[str, Any]
) -> None:
    place = {"load_balancer_manager_address": "127.0.0.3", "load_balancer_manager_port": 8009}
    played = play("rolling_update", {"lb1": {**empty_host, **place}}, **roll)
    (asked,) = played.of(ASK)["lb1"]["results"]
    assert asked["invocation"]["module_args"]["manager_url"] == [
        "http://127.0.0.3:8009/balancer-manager"
    ]
    # As far as it can go on a host without a balancer.
    assert "; there is no member with host lb1" in asked["msg"]


def test_a_health_check_without_an_address_is_refused(
    load_balancer: Any, play: Any, roll: dict[str, Any]
) -> None:
    check = {"status_code": [204]}
    played = play(
        "rolling_update", {"lb1": load_balancer.host()}, rolling_update_health_check=check, **roll
    )
    assert played.status == 2 and not played.of(ASK)
    (failed,) = [r for task in played.tasks for r in task.results.values() if r.get("failed")]
    assert failed["msg"].startswith("rolling_update_health_check: it needs a url")


def test_a_task_file_is_found_from_where_ansible_runs_whatever_the_shell_calls_it(
    load_balancer: Any,
    play: Any,
    roll: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A runner starts Ansible in the folder of the project, with the PWD of another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", "/")
    hosts = {"lb1": load_balancer.host()}
    played = play("rolling_update", hosts, **{**roll, "rolling_update_tasks": "update.yml"})
    assert "failed" not in played.of(FOUND)["lb1"] and played.of(ASK)
    # Nor is a folder one.
    for name in ("updates.yml", "", str(tmp_path)):
        missing = play("rolling_update", hosts, **{**roll, "rolling_update_tasks": name})
        assert missing.of(FOUND)["lb1"]["msg"] == (
            f"rolling_update_tasks: there is no file {name} in {PLAYBOOKS.resolve()} or {tmp_path}."
            " Give its full path, or one from there"
        )


def test_a_text_that_is_no_regular_expression_is_refused_before_the_node_is_taken_out(
    load_balancer: Any, play: Any, roll: dict[str, Any]
) -> None:
    check = {"url": "http://app1.example.com/", "contains": "version 2.0 (stable"}
    hosts = {"lb1": load_balancer.host()}
    played = play("rolling_update", hosts, rolling_update_health_check=check, **roll)
    assert played.status == 2 and not played.of(ASK)
    said = [r["msg"] for task in played.tasks for r in task.results.values() if r.get("failed")]
    assert said[-1] == (
        "rolling_update_health_check: contains: 'version 2.0 (stable' is no regular expression. A backslash"
        " lets a character stand for itself, as in 'a\\(b'"
    )


def test_a_drain_that_could_only_end_by_its_time_is_refused_before_the_node_is_taken_out(
    load_balancer: Any, play: Any, roll: dict[str, Any]
) -> None:
    hosts = {"lb1": load_balancer.host()}
    played = play("rolling_update", hosts, rolling_update_drain_idle=1800, **roll)
    assert played.status == 2 and not played.of(ASK)
    (failed,) = [r for task in played.tasks for r in task.results.values() if r.get("failed")]
    assert failed["msg"] == (
        "rolling_update_drain_timeout: 300 s are over before the node can have been idle for 1800 s"
        " (rolling_update_drain_idle), whoever uses it or not. Use a longer rolling_update_drain_timeout, or a shorter"
        " rolling_update_drain_idle"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- name: Update\n  ansible.builtin.comand: 'true'\n", "ansible.builtin.comand"),
        ("- name: Update\n bad: [\n", "update.yml"),
    ],
    ids=["a misspelled module", "no YAML"],
)
def test_a_task_file_that_cannot_be_read_is_found_before_the_node_is_taken_out(
    load_balancer: Any, play: Any, roll: dict[str, Any], text: str, said: str
) -> None:
    load_balancer.httpd.start()
    before = (load_balancer.httpd.root / "conf/site.conf").read_bytes()
    Path(roll["rolling_update_tasks"]).write_text(text)
    # No task says it: Ansible ends.
    with pytest.raises(AssertionError, match=said):
        play("rolling_update", {"lb1": load_balancer.host()}, **real(load_balancer), **roll)
    assert (load_balancer.httpd.root / "conf/site.conf").read_bytes() == before


def test_a_task_file_is_read_without_running_any_of_it(
    load_balancer: Any, play: Any, roll: dict[str, Any], tmp_path: Path
) -> None:
    tasks = [
        {"command": f"touch {tmp_path}/ran", "tags": "always"},
        # Known only when the tasks before have run.
        {"command": f"touch {tmp_path}/ran", "delegate_to": "{{ found.host }}"},
        {"meta": "end_play"},
    ]
    Path(roll["rolling_update_tasks"]).write_text(json.dumps(tasks))
    load_balancer.httpd.start()
    hosts = {"lb1": load_balancer.host()}
    played = play("rolling_update", hosts, "--check", **real(load_balancer), **roll)
    assert played.status == 0 and played.of(ASK)["lb1"]["results"][0]["changes"], played
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("given", [204, "204", "200,204", [204]], ids=repr)
def test_a_status_that_is_no_list_is_taken_as_one(
    load_balancer: Any, play: Any, roll: dict[str, Any], given: Any
) -> None:
    check = {"url": "http://app1.example.com/", "status_code": given}
    played = play(
        "rolling_update", {"lb1": load_balancer.host()}, rolling_update_health_check=check, **roll
    )
    meant = played.of(MEANT)["lb1"]["ansible_facts"]["__rolling_update_health"]
    assert meant["status_code"] in ([204], [200, 204])


@pytest.mark.parametrize(
    ("given", "text"), [({}, ""), ({"contains": None}, ""), ({"contains": 4.2}, "4.2")], ids=repr
)
def test_a_text_that_is_a_number_is_looked_for_as_it_is_written(
    load_balancer: Any, play: Any, roll: dict[str, Any], given: dict[str, Any], text: str
) -> None:
    check = {"url": "http://app1.example.com/", **given}
    played = play(
        "rolling_update", {"lb1": load_balancer.host()}, rolling_update_health_check=check, **roll
    )
    meant = played.of(MEANT)["lb1"]["ansible_facts"]["__rolling_update_health"]
    assert meant["contains"] == text


def test_a_node_of_an_earlier_roll_is_not_said_to_have_ended_in_this_one(
    load_balancer: Any, roll: dict[str, Any], tmp_path: Path
) -> None:
    ended = {"rolling_update_result": {"result": "updated", "times": {"ended": 1}}}
    role = {"name": "webtier.apache_balancer.rolling_update"}
    plays = [
        {"hosts": "all", "gather_facts": False, "tasks": [{"set_fact": ended}]},
        {
            "hosts": "all",
            "gather_facts": False,
            "serial": 1,
            "vars": roll,
            "tasks": [{"include_role": role}],
        },
    ]
    hosts = {name: load_balancer.host() for name in ("lb1", "lb2")}
    played = playbook.play(tmp_path, plays, hosts)
    assert played.status == 2
    said = played.of(SAID)["lb1"]["msg"]
    assert said[-3:-1] == ["Ended before: none", "Not updated: lb1, lb2"]
