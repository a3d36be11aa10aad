# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook status shows every load balancer, those too that cannot be read."""

from __future__ import annotations

from typing import Any

import pytest

SUMMARY = "Show the members"


def test_members_are_shown_as_the_files_say_and_as_they_run(load_balancer: Any, play: Any) -> None:
    load_balancer.httpd.start()
    played = play("status", {"lb1": load_balancer.host()})
    assert played.status == 0, played
    said = played.of(SUMMARY)["lb1"]["msg"]
    assert said[0] == "lb1:"
    members = [line for line in said if line.startswith("http://")]
    assert len(members) == 2
    assert all(": file in; running in, weight 1" in line for line in members), said
    kept = played.custom_stats["status"]["lb1"]
    assert [len(balancer["members"]) for balancer in kept["balancers"]] == [2]


def test_a_manager_at_which_nobody_listens_is_one_line_and_hides_no_other_load_balancer(
    load_balancer: Any, play: Any, nobody: str
) -> None:
    load_balancer.httpd.start()
    silent = load_balancer.host(status_manager_url=f"{nobody}balancer-manager")
    played = play("status", {"lb1": silent, "lb2": load_balancer.host()})
    assert played.status == 0, played
    said = played.of(SUMMARY)["lb1"]["msg"]
    (line,) = [each for each in said if "not reached" in each]
    why = f"status_manager_url: nobody listens at {nobody}balancer-manager; this httpd listens at"
    assert line.startswith(f"balancer://shop of _main was not reached: {why} 127.0.0.1:")
    members = [each for each in said if each.startswith("http://")]
    assert [": file in" in each for each in members] == [True] * 4
    assert ["; running in" in each for each in members] == [False, False, True, True]


@pytest.mark.parametrize("also", [False, True], ids=["alone", "beside another one"])
def test_a_host_that_cannot_be_read_is_one_line_and_fails_after_the_others_were_shown(
    load_balancer: Any, play: Any, also: bool
) -> None:
    load_balancer.httpd.start()
    away = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    hosts = {
        "away": load_balancer.host(**away),
        "bare": load_balancer.host(status_httpd={"binary": "/nowhere/httpd"}),
        **({"lb1": load_balancer.host()} if also else {}),
    }
    played = play("status", hosts)
    assert played.status == 2, played
    (result,) = played.of(SUMMARY).values()
    assert result["msg"][0].startswith("away: could not be read: ")
    assert result["msg"][1] == "bare: could not be read: there is no httpd at /nowhere/httpd"
    assert ("lb1:" in result["msg"]) is also
    (failed,) = played.of("Fail where a host could not be read").values()
    assert failed["msg"] == "away, bare: the balancers could not be read"
    assert played.custom_stats["status"]["bare"]["msg"] == "there is no httpd at /nowhere/httpd"
