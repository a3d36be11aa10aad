# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same work by this collection and by community.general.apache2_mod_proxy, on the same httpd: where the other one
goes wrong. How long it takes is measured by ``make bench``.

Both run as tasks of ansible-playbook on this machine. What the other one does wrong is asserted too: should a newer
release do it right, then what is said about it has to change.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

import pytest

from ansible_collections.webtier.apache_balancer.tests.support import playbook
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    PrivateHttpd,
    free_port,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import vhost

OTHER = "community.general.apache2_mod_proxy"
HERE = "webtier.apache_balancer."


class Done(NamedTuple):
    """One task: its name and its result."""

    name: str
    result: dict[str, Any]

    @property
    def said(self) -> str:
        """What it ended with, in some words."""
        if not self.result.get("failed"):
            return f"changed: {str(self.result['changed']).lower()}"
        return "failed: " + str(self.result["msg"])


def play(folder: Path, tasks: list[dict[str, Any]]) -> list[Done]:
    """Run *tasks* by ansible-playbook on this machine, and go on where one fails."""
    tasks = [{**task, "ignore_errors": True} for task in tasks]
    plays = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
    played = playbook.play(folder, plays, {"here": {}})
    assert played.status == 0, played
    return [Done(task.name, task.results["here"]) for task in played.tasks]


def statuses(httpd: PrivateHttpd, port: int, host: str = "") -> dict[str, list[str]]:
    """Return the flags of each member by its URL, one for each balancer, as the page of httpd at *port* has them."""
    first, httpd.port = httpd.port, port
    try:
        page = httpd.get("/balancer-manager", {"Host": host} if host else {}).body
    finally:
        httpd.port = first
    rows: dict[str, list[str]] = {}
    for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL):
        cells = [html.unescape(re.sub(r"<.*?>", "", c)) for c in re.findall("<td>(.*?)</td>", row)]
        if cells and "://" in cells[0] and "balancer://" not in cells[0]:
            rows.setdefault(cells[0], []).append(cells[5].strip())
    return rows


@pytest.fixture()
def say(capsys) -> Callable[[str], None]:
    """Print in spite of pytest."""

    def out(text: str) -> None:
        with capsys.disabled():
            print(text)

    return out


def body(*members: str, name: str = "app", more: str = "") -> str:
    lines = "".join(f'        BalancerMember "{url}"\n' for url in members) + more
    return f"    <Proxy balancer://{name}>\n{lines}    </Proxy>\n    ProxyPass /{name} balancer://{name}\n"


def ours(httpd: PrivateHttpd, port: int, module: str, **options: Any) -> dict[str, Any]:
    instance = {"server_root": str(httpd.root), "config_file": str(httpd.config_file)}
    manager = f"http://127.0.0.1:{port}/balancer-manager"
    return {
        HERE + module: {"manager_url": manager, "httpd": {"binary": BINARY, **instance}, **options}
    }


def theirs(port: int, host: str) -> dict[str, Any]:
    where = {"balancer_vhost": f"127.0.0.1:{port}", "balancer_url_suffix": "/balancer-manager"}
    return {OTHER: {**where, "member_host": host, "state": "drained"}}


class Case(NamedTuple):
    """One configuration, what has to be drained in it, and by which task of each."""

    name: str
    text: str
    wanted: set[str]
    theirs: str
    ours: dict[str, Any]
    #: what the other one says, to begin with, and what it has done.
    said: str
    outcome: str


A, B, C = (f"http://127.0.2.{number}:8080" for number in (1, 2, 3))
SIX = "http://[::1]:8080"
CASES = (
    Case(
        "the second balancer of a virtual host",
        body(A, B, name="one") + body(B, C, name="two"),
        {C},
        "127.0.2.3",
        {"host": "127.0.2.3"},
        "failed: Module failed with exception: 'NoneType' object is not subscriptable",
        "nothing drained",
    ),
    Case(
        "a member with an IPv6 address",
        body(SIX, A),
        {SIX},
        "::1",
        {"host": "::1"},
        "failed: ::1 is not a member of the balancer ",
        "nothing drained",
    ),
    Case(
        "two ports of one host",
        body("http://127.0.2.1:8081", "http://127.0.2.1:8082", B),
        {"http://127.0.2.1:8081"},
        "127.0.2.1",
        {"url": "http://127.0.2.1:8081"},
        "changed: true",
        "drained: http://127.0.2.1:8081, http://127.0.2.1:8082",
    ),
    Case(
        "UseCanonicalName On",
        "    UseCanonicalName On\n" + body(A, B),
        {A},
        "127.0.2.1",
        {"host": "127.0.2.1"},
        "changed: true",
        "nothing drained",
    ),
    Case(
        "nonce=None",
        body(A, B, more="        ProxySet nonce=None\n"),
        set(),
        "127.0.2.1",
        {"host": "127.0.2.1"},
        "changed: true",
        "nothing drained",
    ),
)


class Seen(NamedTuple):
    """What one did in one case: what it said, and which members were drained then."""

    said: str
    drained: set[str]

    @property
    def outcome(self) -> str:
        return "drained: " + ", ".join(sorted(self.drained)) if self.drained else "nothing drained"


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> Iterator[dict[str, tuple[Seen, Seen]]]:
    """What the other one did and what was done here, by the name of the case."""
    folder = tmp_path_factory.mktemp("cases")
    folder.chmod(0o755)
    with PrivateHttpd(folder / "httpd", *BALANCER, "authz_host") as httpd:
        ports = [free_port() for dummy in CASES]
        for number, (case, port) in enumerate(zip(CASES, ports)):
            text = vhost(f"case{number}.example.com", case.text).replace("*:*", f"*:{port}")
            httpd.write(f"conf/case{number}.conf", f"Listen 127.0.0.1:{port}\n{text}")
        httpd.start()

        def run(tasks: list[dict[str, Any]]) -> list[Seen]:
            done = play(folder, [{"name": case.name, **t} for case, t in zip(CASES, tasks)])
            found = []
            for task, port in zip(done, ports):
                rows = statuses(httpd, port)
                assert rows
                drained = {u for u, flags in rows.items() if all("Drn" in flag for flag in flags)}
                some = {u for u, flags in rows.items() if any("Drn" in flag for flag in flags)}
                assert drained == some
                found.append(Seen(task.said, drained))
            return found

        other = run([theirs(port, case.theirs) for case, port in zip(CASES, ports)])
        httpd.reload()
        assert all("Drn" not in str(statuses(httpd, port)) for port in ports)
        state = {"state": "drained", "target": "runtime"}
        here = run(
            [
                ours(httpd, port, "balancer_member", **case.ours, **state)
                for case, port in zip(CASES, ports)
            ]
        )
        yield {case.name: pair for case, pair in zip(CASES, zip(other, here))}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_correct_where_the_other_is_not(
    case: Case, cases: dict[str, tuple[Seen, Seen]], say: Callable[[str], None]
):
    other, here = cases[case.name]
    say(
        f"\n{case.name}, {case.ours} to be drained:\n"
        f"  {OTHER}: {other.said}; {other.outcome}\n"
        f"  {HERE}balancer_member: {here.said}; {here.outcome}"
    )
    assert here.drained == case.wanted
    if case.name == "nonce=None":
        assert here.said.startswith("failed: ") and "its nonce is None" in here.said
    else:
        assert here.said == "changed: true"
    assert other.said.startswith(case.said) and other.outcome == case.outcome
