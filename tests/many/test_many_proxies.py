# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many proxies in one play: all of them become what is declared, and one that cannot stays as it was and stops none of
the others."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, Iterator

import pytest

from ansible_collections.webtier.apache_balancer.tests.support import playbook
from ansible_collections.webtier.apache_balancer.tests.support.many import (
    CONFIGURE,
    HTTPD,
    Proxies,
    hosts_of,
    many,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import PrivateHttpd
from ansible_collections.webtier.apache_balancer.tests.support.proxy import MANAGER

CONVERGE = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            CONFIGURE,
            {
                "name": "Reload",
                "webtier.apache_balancer.graceful_reload": {
                    "httpd": HTTPD,
                    "manager_url": ["{{ manager_url }}"],
                },
            },
        ],
    }
]
ROLL_BACK = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Roll back",
                "webtier.apache_balancer.configuration": {"httpd": HTTPD, "state": "rolled_back"},
            }
        ],
    }
]


@pytest.fixture(
    scope="module", params=[8, pytest.param(50, marks=pytest.mark.long)], ids="{} proxies".format
)
def proxies(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[Proxies]:
    with many(tmp_path_factory.mktemp("proxies"), request.param) as found:
        yield found


@pytest.fixture(scope="module")
def hosts(proxies: Proxies) -> dict[str, dict[str, Any]]:
    return hosts_of(proxies)


def weight_of(httpd: PrivateHttpd) -> str:
    """What the running httpd says of the first member: its weight."""
    page = httpd.get("/balancer-manager", {"Host": "localhost"}).body
    row = page[page.index(">http://127.0.0.1:1<") :]
    return row.split("<td>")[3].partition("<")[0]


def picture(httpd: PrivateHttpd) -> dict[str, bytes]:
    """Every file of its configuration."""
    found = [httpd.config_file]
    for folder in ("conf", "load_balancer"):
        found += sorted((httpd.root / folder).glob("*"))
    return {str(path): path.read_bytes() for path in found}


def test_all_of_them_become_what_is_declared_and_then_nothing_changes(
    proxies: Proxies, hosts, tmp_path: Path
) -> None:
    first = playbook.play(tmp_path, CONVERGE, hosts, "--forks=10")
    assert first.status == 0, first
    configured = first.of("Configure")
    assert set(configured) == set(proxies)
    for result in configured.values():
        assert result["changed"] and result["validated"] == "rehearsed", result
    assert {weight_of(httpd) for httpd in proxies.values()} == {"1.00"}
    again = playbook.play(tmp_path, CONVERGE, hosts, "--forks=10")
    assert {name: stats["changed"] for name, stats in again.stats.items()} == dict.fromkeys(
        proxies, 0
    )


@pytest.fixture(params=["a port that is held", "a broken certificate"])
def failing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Variables of a host with which it fails its preflight, and what is said of it then."""
    if request.param == "a port that is held":
        with socket.create_server(("127.0.0.1", 0)) as holder:
            yield {"listen": holder.getsockname()[1]}, "the port is held by"
    else:
        certificate = tmp_path / "shop.pem"
        certificate.write_text("-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n")
        yield {"certificate": str(certificate)}, str(certificate)


def test_one_that_fails_its_preflight_stays_as_it_was_and_stops_none_of_the_others(
    proxies: Proxies, hosts, failing, tmp_path: Path
) -> None:
    bad, *good = proxies
    why, message = failing
    weight = float(weight_of(proxies[good[0]])) + 6
    before, generation = picture(proxies[bad]), proxies[bad].pid_file.stat().st_mtime_ns
    changed = {name: {**variables, "weight": int(weight)} for name, variables in hosts.items()}
    changed[bad].update(why)
    played = playbook.play(tmp_path, CONVERGE, changed, "--forks=10")
    assert played.status != 0
    result = played.of("Configure")[bad]
    assert result["failed"] and message in result["msg"], result
    assert {name for name, stats in played.stats.items() if stats["failures"]} == {bad}
    assert {weight_of(proxies[name]) for name in good} == {f"{weight:.2f}"}
    assert picture(proxies[bad]) == before
    assert weight_of(proxies[bad]) == "1.00"
    assert proxies[bad].pid_file.stat().st_mtime_ns == generation
    # Weights are changed live, so nobody had to load anything.
    assert not any(result["changed"] for result in played.of("Reload").values())


def test_one_of_them_is_rolled_back_to_what_it_had_loaded_last(
    proxies: Proxies, hosts, tmp_path: Path
) -> None:
    name, httpd = next(iter(proxies.items()))
    only = {name: hosts[name]}
    assert playbook.play(tmp_path, CONVERGE, only).status == 0
    proven = picture(httpd)
    site = httpd.root / "conf/site.conf"
    tasks = [
        {
            "name": "Configure",
            "webtier.apache_balancer.configuration": {
                "httpd": HTTPD,
                "files": [{"path": str(site), "content": MANAGER + "# all gone\n"}],
            },
        }
    ]
    changed = playbook.play(
        tmp_path, [{"hosts": "all", "gather_facts": False, "tasks": tasks}], only
    )
    assert changed.of("Configure")[name]["reload_required"], changed
    rolled_back = playbook.play(tmp_path, ROLL_BACK, only).of("Roll back")[name]
    assert rolled_back["changed"] is True, rolled_back
    assert picture(httpd) == proven
    assert playbook.play(tmp_path, CONVERGE, only).stats[name]["failures"] == 0
