# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook of somebody who knows nothing of the repository, and has installed the artifact."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any, Iterator

import pytest

from ansible_collections.webtier.apache_balancer.tests.support import playbook
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    PrivateHttpd,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import MANAGER
from ansible_collections.webtier.apache_balancer.tests.support.traffic import Backend

OURS = "webtier.apache_balancer"
# Where plays are looked for, and all that may be needed when they run.
NEEDED = {"meta", "playbooks", "plugins", "roles", "FILES.json", "MANIFEST.json"}


@pytest.fixture()
def bare(collections: Path, tmp_path: Path) -> Path:
    """The installed collection without what is only read."""
    copy = tmp_path / "collections"
    shutil.copytree(collections, copy)
    for path in (copy / "ansible_collections" / "webtier" / "apache_balancer").iterdir():
        if path.name not in NEEDED:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return copy


@pytest.fixture()
def site(tmp_path: Path) -> Iterator[tuple[PrivateHttpd, list[Backend]]]:
    """An httpd that runs, with a site for a balancer that is still missing, and two nodes."""
    with contextlib.ExitStack() as stack:
        httpd = PrivateHttpd(tmp_path / "httpd", *BALANCER, "authz_host")
        stack.callback(httpd.stop)
        nodes = [stack.enter_context(Backend(f"node{number}")) for number in (1, 2)]
        httpd.write("conf/site.conf", MANAGER + "ProxyPass / balancer://shop/\n")
        httpd.write(
            "conf/shop.conf", f"<Proxy balancer://shop>\n    {member(nodes[0])}\n</Proxy>\n"
        )
        yield httpd.start_on_old_files(), nodes


def member(node: Backend) -> str:
    return f"BalancerMember {node.url} route={node.route}"


def task(module: str, **options: Any) -> dict[str, Any]:
    return {"name": module, f"{OURS}.{module}": options}


def play_of(httpd: PrivateHttpd, nodes: list[Backend]) -> list[dict[str, Any]]:
    """The playbook: every module, with its connection said once, and a playbook of the collection."""
    root, config = str(httpd.root), str(httpd.config_file)
    instance = {"httpd": {"binary": BINARY, "server_root": root, "config_file": config}}
    url = f"http://127.0.0.1:{httpd.port}/"
    modules = ("balancer", "balancer_info", "balancer_member", "configuration", "graceful_reload")
    book = f"{OURS}.verify"
    return [
        {
            "hosts": "all",
            "gather_facts": False,
            "module_defaults": {
                f"group/{OURS}.balancer_manager": {"manager_url": f"{url}balancer-manager"},
                **{f"{OURS}.{name}": instance for name in modules},
            },
            "tasks": [
                task("configuration", files=[{"path": f"{root}/conf/note.conf", "content": "#\n"}]),
                task(
                    "balancer",
                    name="shop",
                    members=[{"url": node.url, "route": node.route} for node in nodes],
                    proxy_set={"stickysession": "JSESSIONID", "growth": 5},
                ),
                task("graceful_reload"),
                task("sticky_check", url=url, clients=4, requests=3),
                task("balancer_member", route="node1", state="drained"),
                task("balancer_member", route="node1", state="enabled"),
                task("balancer_info"),
            ],
        },
        {
            "import_playbook": book,
            "vars": {
                "load_balancer_hosts": "all",
                "verify_url": url,
                "verify_httpd": instance["httpd"],
                "verify_report": f"{root}/report.html",
                "verify_clients": 3,
                "verify_requests": 2,
                "load_balancer_manager_address": "127.0.0.1",
                "load_balancer_manager_port": httpd.port,
            },
        },
    ]


def test_every_module_and_a_playbook_work(
    bare: Path, tmp_path: Path, site: tuple[PrivateHttpd, list[Backend]]
) -> None:
    httpd, nodes = site
    plays = play_of(httpd, nodes)
    hosts = {"lb1": {"ansible_become": False}}

    first = playbook.play(tmp_path, plays, hosts, collections=bare)
    assert first.status == 0, first.tasks[-1]
    assert first.of("sticky_check")["lb1"]["violation_count"] == 0
    assert first.of("balancer_info")["lb1"]["balancers"][0]["drift"] == []
    assert "<html" in (httpd.root / "report.html").read_text()

    again = playbook.play(tmp_path, plays, hosts, collections=bare)
    assert again.status == 0, again.tasks[-1]
    for name in ("configuration", "balancer", "graceful_reload"):
        assert not again.of(name)["lb1"]["changed"], name


def test_without_the_artifact_nothing_of_it_is_found(
    tmp_path: Path, site: tuple[PrivateHttpd, list[Backend]]
) -> None:
    """Else the test above might have found the repository."""
    with pytest.raises(AssertionError, match=f"could not resolve .*{OURS}"):
        playbook.play(tmp_path, play_of(*site), {"lb1": {}}, collections=tmp_path / "nothing")


def test_the_role_says_what_is_wrong_with_its_variables(bare: Path, tmp_path: Path) -> None:
    """It would go on to /etc; what it does there, containers show."""
    balancer = {"name": "shop", "members": []}
    site = {"name": "shop", "server_name": "shop.example.com", "balancers": [balancer]}
    plays = [{"hosts": "all", "gather_facts": False, "roles": [{"name": f"{OURS}.load_balancer"}]}]
    hosts = {"lb1": {"load_balancer_sites": [site]}}
    played = playbook.play(tmp_path, plays, hosts, collections=bare)
    assert played.status == 2
    said = played.tasks[-1].results["lb1"]["msg"]
    assert said == "site shop: balancer shop: it has no members and would answer 503"
