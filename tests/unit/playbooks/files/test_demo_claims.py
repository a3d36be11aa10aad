# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's claims and report, from made-up results: a broken promise must not pass as kept."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest

REPORT = Path(__file__).parents[4] / "playbooks" / "files" / "demo_report.py"
NODES = ("node1", "node2", "node3")


def event(t: float, node: str, kind: str, client: str, ms: float = 2.0) -> dict[str, Any]:
    return {
        "client": client,
        "kind": kind,
        "t": t,
        "ms": ms,
        "lost": False,
        "reconnected": False,
        "status": 200,
        "node": node,
        "session": f"{client}.{node}",
    }


def client(name: str, kind: str, node: str, requests: int) -> dict[str, Any]:
    return {
        "client": name,
        "kind": kind,
        "requests": requests,
        "lost": 0,
        "reconnects": 0,
        "nodes": {node: requests},
        "sessions": [f"{name}.{node}"],
    }


@pytest.fixture(name="results")
def _results() -> dict[str, Any]:
    """A run in which every promise was kept."""
    twenty = [client(f"client {n:02}", "steady", NODES[n % 3], 10) for n in range(20)]
    events = [event(t / 4, NODES[t % 3], "new", f"newcomer {t}") for t in range(12)]
    events += [event(4 + t / 4, NODES[t % 2 * 2], "new", f"newcomer {12 + t}") for t in range(8)]
    events += [event(7 + t / 4, NODES[t % 3], "new", f"newcomer {20 + t}") for t in range(8)]
    events += [event(t * 0.5, "node2", "slow", "slow 01", 510.0) for t in range(18)]
    return {
        "play": {
            "url": "http://127.0.0.1:8080/",
            "site": "/demo/sites/shop.conf",
            "httpd": {"version": "2.4.71"},
            "nodes": [
                {"name": name, "url": f"http://127.0.0.1:{8081 + n}"}
                for n, name in enumerate(NODES)
            ],
            "before": "<VirtualHost *:80>\n</VirtualHost>\n",
            "after": '<VirtualHost *:80>\n<Proxy "balancer://shop">\n</Proxy>\n</VirtualHost>\n',
            "declared": {"changed": True, "validated": "rehearsed"},
            "again": {"changed": False},
            "one": {
                "requests": 20,
                "lost": 0,
                "moved": 0,
                "nodes": {"node1": {"requests": 20, "sessions": 1}},
            },
            "twenty": {
                "requests": 200,
                "lost": 0,
                "moved": 0,
                "clients": twenty,
                "nodes": {name: {"requests": 70, "sessions": 7} for name in NODES},
            },
            "stats": [{"node": name, "sessions": 7, "requests": 73} for name in NODES],
            "configtest": {"rc": 0, "stderr": "Syntax OK"},
            "trial": {"rc": 1, "stderr": "[proxy:crit] AH02432: Cannot find LB Method\nAH00020"},
            "refused": {"msg": "lbmethod byrequests needs <mod_lbmethod_byrequests>"},
            "untouched": True,
            "alive": {"status": 200},
            "drained": {"changed": True},
            "drain_loaded": {"changed": True},
            "back": {"changed": True},
            "back_loaded": {"changed": True},
            "times": {
                "drain_begins": 1003.0,
                "reload": 1003.4,
                "drain_holds": 1003.9,
                "drain_ends": 1006.0,
                "back_holds": 1006.9,
            },
        },
        "drain": {
            "started": 1000.0,
            "seconds": 9.0,
            "requests": len(events),
            "lost": 0,
            "moved": 0,
            "reconnects": 1,
            "clients": [client("slow 01", "slow", "node2", 18)],
            "nodes": {name: {"requests": 9, "sessions": 9} for name in NODES},
            "events": events,
        },
    }


def report(directory: Path, results: dict[str, Any]) -> tuple[int, str, str]:
    """Run the report on these results: exit code, summary, page."""
    (directory / "results").mkdir()
    for name, content in results.items():
        (directory / "results" / f"{name}.json").write_text(json.dumps(content))
    done = subprocess.run(
        [sys.executable, str(REPORT), str(directory)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    summary = (directory / "results" / "summary.txt").read_text(encoding="utf-8")
    assert done.stdout == summary
    return done.returncode, summary, (directory / "report.html").read_text(encoding="utf-8")


def test_a_run_that_kept_every_promise_ends_with_0(tmp_path: Path, results: Any) -> None:
    code, summary, page = report(tmp_path, results)
    assert "NO  " not in summary
    assert code == 0
    summary = " ".join(summary.split())  # as if the lines were not broken
    assert "9 claims, all measured true" in page
    assert "new sessions on node2: 4 before, 0 while drained (8 elsewhere), 3 after" in summary
    assert "0 lost, 1 in flight at the reload" in summary
    assert "1 running sessions of node2: 4 requests there while drained" in summary


def test_the_summary_names_every_address_and_fits_a_screen(tmp_path: Path, results: Any) -> None:
    dummy, summary, dummy = report(tmp_path, results)
    for address in ("8080/", "8081/", "8082/", "8083/"):
        assert f"http://127.0.0.1:{address}\n" in summary
    assert (tmp_path / "report.html").as_uri() in summary
    assert 15 <= len(summary.strip().splitlines()) <= 20


def test_the_report_loads_nothing_and_escapes_what_it_shows(tmp_path: Path, results: Any) -> None:
    dummy, dummy, page = report(tmp_path, results)
    assert "&lt;mod_lbmethod_byrequests&gt;" in page
    assert "&lt;VirtualHost *:80&gt;" in page
    assert '<span class="add">+&lt;Proxy &quot;balancer://shop&quot;&gt;</span>' in page
    for outside in ("<script", "<link", "<img", "src=", "@import", "url("):
        assert outside not in page


def change(*path: str | int) -> Callable[[dict[str, Any], Any], None]:
    """A function that sets the value at this path of the results."""

    def setter(results: dict[str, Any], value: Any) -> None:
        place: Any = results
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return setter


@pytest.mark.parametrize(
    ("claim", "where", "value"),
    [
        ("declares", ("play", "declared", "changed"), False),
        ("declares", ("play", "after"), "<VirtualHost *:80>\n</VirtualHost>\n"),
        ("declares", ("play", "after"), "<VirtualHost *:81>\n<Proxy>\n</VirtualHost>\n"),
        ("balances", ("play", "twenty", "moved"), 1),
        ("balances", ("play", "twenty", "lost"), 1),
        ("balances", ("play", "twenty", "nodes"), {"node1": {"sessions": 20}}),
        ("balances", ("play", "twenty", "clients", 3, "nodes"), {"node1": 9, "node2": 1}),
        ("sticks", ("play", "one", "lost"), 1),
        ("sticks", ("play", "one", "nodes"), {"node1": {"sessions": 2}}),
        ("sticks", ("play", "one", "nodes"), {n: {"sessions": 1} for n in NODES}),
        ("witnessed", ("play", "stats", 0, "sessions"), 8),
        ("repeats", ("play", "again", "changed"), True),
        ("refuses", ("play", "configtest", "rc"), 1),
        ("refuses", ("play", "trial", "rc"), 124),
        ("refuses", ("play", "trial", "stderr"), "AH00072: could not bind"),
        ("refuses", ("play", "refused"), {"changed": True}),
        ("refuses", ("play", "untouched"), False),
        ("refuses", ("play", "alive"), {"status": -1}),
        ("drains", ("drain", "lost"), 1),
        ("drains", ("play", "drain_loaded", "changed"), False),
        ("drains", ("play", "times", "reload"), 1099.0),
        ("keeps", ("drain", "moved"), 1),
        ("keeps", ("drain", "clients"), []),
        ("diverts", ("play", "times", "drain_begins"), 1000.0),
        ("diverts", ("play", "times", "back_holds"), 1099.0),
    ],
)
def test_a_broken_promise_is_named_and_fails(
    tmp_path: Path, results: dict[str, Any], claim: str, where: tuple[str | int, ...], value: Any
) -> None:
    broken = copy.deepcopy(results)
    change(*where)(broken, value)
    code, summary, page = report(tmp_path, broken)
    assert code == 1
    assert f"  NO  {claim}" in summary
    assert f"NOT TRUE here: {claim}\n" in summary
    assert f'<li class="broken"><b>{claim}</b>' in page


def test_a_new_session_on_the_drained_node_breaks_the_claim(tmp_path: Path, results: Any) -> None:
    results["drain"]["events"].append(event(5.0, "node2", "new", "newcomer 99"))
    code, summary, dummy = report(tmp_path, results)
    assert code == 1
    assert "1 while drained (8 elsewhere)" in summary
    assert "NOT TRUE here: diverts\n" in summary


def test_a_lost_request_is_drawn_and_breaks_the_drain(tmp_path: Path, results: Any) -> None:
    results["drain"]["events"].append(
        {**event(3.5, "node1", "new", "newcomer 99"), "lost": True, "node": None, "status": 503}
    )
    results["drain"]["lost"] = 1
    code, summary, page = report(tmp_path, results)
    assert code == 1
    assert "NOT TRUE here: drains\n" in summary
    assert 'class="lost">×</text>' in page
