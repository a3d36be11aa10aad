# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook verify on a real httpd, and the page it writes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from playwright.sync_api import expect

from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import BINARY
from ansible_collections.webtier.apache_balancer.tests.support.traffic import Backend

BUILD = Path(__file__).parents[2] / ".build"
SITE = """
<Location /balancer-manager>
    SetHandler balancer-manager
    Require all granted
</Location>
ProxyPass /balancer-manager !
<Proxy balancer://shop>
    {members}
    {sticky}
</Proxy>
ProxyPass / balancer://shop/
"""
STICKY = "ProxySet stickysession=JSESSIONID"
Verify = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture()
def page(tmp_path) -> Path:
    """Where the page is written."""
    return tmp_path / "page.html"


@pytest.fixture()
def verify(httpd, tmp_path, page) -> Iterator[Verify]:
    """Return a function that serves a site, with a line for its balancer, and runs the playbook on it."""
    inventory = tmp_path / "hosts.json"
    host = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ansible_become": False,
    }
    inventory.write_text(json.dumps({"load_balancers": {"hosts": {"lb1": host}}}), "utf-8")
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(Backend(f"node{n}")) for n in (1, 2)]
        members = "\n".join(f"BalancerMember {node.url} route={node.route}" for node in nodes)

        def run(sticky: str, **variables: Any) -> subprocess.CompletedProcess[str]:
            httpd.write("conf/shop.conf", SITE.format(members=members, sticky=sticky))
            httpd.start()
            address = f"http://127.0.0.1:{httpd.port}"
            given = {
                "verify_url": f"{address}/?token=S3CRET",
                "verify_host": "lb1",
                "verify_balancer": "shop",
                "verify_manager_url": f"{address}/balancer-manager",
                "verify_served_by": {"header": "X-Served-By"},
                "verify_httpd": {
                    "binary": BINARY,
                    "server_root": str(httpd.root),
                    "config_file": str(httpd.config_file),
                },
                "verify_report": str(page),
                **variables,
            }
            return subprocess.run(
                [
                    "ansible-playbook",
                    "webtier.apache_balancer.verify",
                    f"--inventory={inventory}",
                    f"--extra-vars={json.dumps(given)}",
                ],
                env={
                    **os.environ,
                    "ANSIBLE_COLLECTIONS_PATH": str(BUILD / "collections"),
                    "ANSIBLE_HOME": str(BUILD / "ansible"),
                    "ANSIBLE_SHOW_CUSTOM_STATS": "true",
                },
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )

        yield run


def test_a_site_whose_sessions_stick_passes_and_its_page_shows_sessions_and_members(
    visitor, verify, page
):
    done = verify(STICKY, verify_clients=6)
    assert done.returncode == 0, done.stdout
    assert '"headline": "All 6 sessions stayed on their node' in done.stdout
    with visitor() as visit:
        visit.page.goto(page.as_uri())
        visit.screenshot("verify")
        expect(visit.page.get_by_text("All 6 sessions stayed on their node")).to_be_visible()
        expect(
            visit.page.locator("svg.sessions text", has_text="Stayed: 6 sessions")
        ).to_be_visible()
        members = visit.page.get_by_role("table", name="Members of balancer://shop")
        expect(members.get_by_role("row")).to_have_count(3)
        expect(members.get_by_text("in service")).to_have_count(2)
        assert "S3CRET" not in visit.page.content()
        assert visit.complaints == []


def test_a_site_whose_sessions_move_fails_with_the_cause_after_the_page_is_written(
    visitor, verify, page
):
    done = verify("", verify_clients=6)
    assert done.returncode == 2, done.stdout
    assert "AB405" in done.stdout
    with visitor() as visit:
        visit.page.goto(page.as_uri())
        expect(visit.page.get_by_text("6 of 6 sessions moved to another node.")).to_be_visible()
        expect(visit.page.get_by_role("heading", name="AB405")).to_be_visible()


@pytest.mark.long
def test_a_site_whose_sessions_move_fails_nothing_where_that_is_told(verify, page):
    done = verify("", verify_fail=False)
    assert done.returncode == 0, done.stdout
    assert page.exists()
