# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook load_balancer in check mode, on a host that has the binary of httpd and no file of its package. What it
does for real is seen in containers (molecule)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.webtier.apache_balancer.tests.httpd.playbooks.conftest import TO_INSTALL

CONFIGURE = (
    "webtier.apache_balancer.load_balancer : Configure | Write modules, ports, sites and balancers,"
    " proven together"
)
SITES = [
    {
        "name": "shop",
        "server_name": "shop.example.com",
        "balancers": [
            {"name": "shop", "members": [{"url": "http://10.0.0.11:8080", "route": "node1"}]}
        ],
    }
]
REFUSED = "site a/b: the name becomes a file name; use letters, digits, '_', '.' and '-'"


@pytest.mark.namespaces
def test_in_check_mode_an_empty_host_is_planned_for_with_a_warning(
    play: Any, empty_host: dict[str, Any]
) -> None:
    played = play(
        "load_balancer",
        {"lb1": empty_host},
        "--check",
        "--diff",
        load_balancer_sites=SITES,
        **TO_INSTALL,
    )
    assert played.status == 0, played
    result = played.of(CONFIGURE)["lb1"]
    assert (result["changed"], result["validated"]) == (True, "no")
    assert "/etc/apache2/apache2.conf" in str(result["warnings"])
    shown = {diff["after_header"]: diff["after"] for diff in result["diff"]}
    assert "BalancerMember http://10.0.0.11:8080 route=node1" in str(shown)
    assert 'Include "/etc/apache2/load_balancer/shop.conf"' in str(shown)
    assert played.of("Say how it went")["lb1"]["msg"] == ["lb1: changed"]


@pytest.mark.namespaces
def test_check_mode_says_what_would_be_installed_and_needs_no_package_manager_for_it(
    play: Any, empty_host: dict[str, Any]
) -> None:
    wanted = {"load_balancer_sites": SITES, **TO_INSTALL}
    played = play("load_balancer", {"lb1": empty_host}, "--check", **wanted)
    assert played.status == 0, played
    said = played.of(
        "webtier.apache_balancer.load_balancer : Install | Say what would be installed"
    )["lb1"]
    assert (said["changed"], said["msg"]) == (True, TO_INSTALL["load_balancer_package"])
    assert played.of(CONFIGURE)["lb1"]["validated"] == "no"


def test_a_host_whose_variables_do_not_arrive_is_told_what_to_declare_and_keeps_its_sites(
    play: Any,
) -> None:
    played = play("load_balancer", {"lb1": {"ansible_become": False}}, "--check", **TO_INSTALL)
    assert played.status == 2, played
    assert played.of(CONFIGURE) == {}
    (said,) = played.of("Say how it went")["lb1"]["msg"]
    assert said.startswith("lb1: FAILED: ") and "load_balancer_sites" in said


@pytest.fixture()
def refused(empty_host: dict[str, Any]) -> dict[str, Any]:
    """The variables of a host that fails its preflight."""
    return {**empty_host, "load_balancer_sites": [{**SITES[0], "name": "a/b"}]}


@pytest.mark.namespaces
def test_one_that_fails_is_in_the_summary_beside_the_others(
    play: Any, empty_host: dict[str, Any], refused: dict[str, Any]
) -> None:
    fine = {**empty_host, "load_balancer_sites": SITES}
    hosts = {"lb1": refused, "lb2": fine}
    played = play("load_balancer", hosts, "--check", **TO_INSTALL)
    assert played.status == 2, played
    said = played.of("Say how it went")["lb1"]["msg"]
    assert said == [f"lb1: FAILED: {REFUSED}", "lb2: changed"]
    assert {name: stats["failures"] for name, stats in played.stats.items()} == {"lb1": 1, "lb2": 0}
    kept = played.custom_stats["load_balancer"]
    assert (kept["lb1"], kept["lb2"]["changed"]) == ({"failed": True, "msg": REFUSED}, True)


@pytest.mark.parametrize("serial", ["", "half", [1, "-1"]], ids=repr)
def test_a_batch_that_is_no_number_of_hosts_is_refused_by_its_name(play: Any, serial: Any) -> None:
    host = {"ansible_become": False}
    played = play("load_balancer", {"lb1": host}, "--check", load_balancer_serial=serial)
    said = played.of("See that batches are numbers of hosts")["lb1"]["msg"]
    assert said.startswith(f"load_balancer_serial: {serial}: say how many hosts at a time")
    assert played.status == 2 and set(played.stats) == {"lb1"}, played


def test_a_batch_that_fails_as_a_whole_is_the_last_and_is_summed_up_all_the_same(
    play: Any, refused: dict[str, Any]
) -> None:
    hosts = dict.fromkeys(("lb1", "lb2", "lb3", "lb4"), refused)
    played = play("load_balancer", hosts, "--check", load_balancer_serial=[2, 1], **TO_INSTALL)
    assert played.status == 2, played
    assert played.of("Say how it went")["lb1"]["msg"] == [
        f"lb1: FAILED: {REFUSED}",
        f"lb2: FAILED: {REFUSED}",
        "lb3: not begun, because all hosts before it failed",
        "lb4: not begun, because all hosts before it failed",
    ]
    assert {name for name, stats in played.stats.items() if stats["failures"]} == {"lb1", "lb2"}
    assert set(played.custom_stats["load_balancer"]) == {"lb1", "lb2"}
