# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Job templates of examples/awx, run by ansible-runner with answers to their surveys as AWX does, on a private httpd.
No event may say a secret, however much is asked to be said."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Mapping, NamedTuple

import ansible_runner
import pytest
import yaml

from ansible_collections.webtier.apache_balancer.tests.httpd.playbooks.conftest import TO_INSTALL

ROOT = Path(__file__).parents[3]
PROJECT = ROOT / "examples" / "awx"
TEMPLATES = {
    Path(template["playbook"]).stem: template
    for template in yaml.safe_load((PROJECT / "job_templates.yml").read_text())["job_templates"]
}
SECRET = "planted-4711"


class Job(NamedTuple):
    """What came of a job: its status, its events, and all that it printed."""

    status: str
    events: list[Mapping[str, Any]]
    output: str

    @property
    def artifacts(self) -> Any:
        """What it leaves for others, as AWX shows it."""
        (stats,) = [e["event_data"] for e in self.events if e["event"] == "playbook_on_stats"]
        return stats["artifact_data"]

    @property
    def summary(self) -> list[str]:
        """What the one task says that sums it up."""
        (said,) = [
            event["event_data"]["res"]["msg"]
            for event in self.events
            if event["event"] == "runner_on_ok"
            and event["event_data"]["task_action"].endswith("debug")
        ]
        return list(said)


Launch = Callable[..., Job]


def answers(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the survey of a job template comes to: the defaults where nothing is *given*."""
    asked = {each["variable"]: each["default"] for each in TEMPLATES[name]["survey"]}
    assert set(given) <= set(asked)
    return {**asked, **given}


@pytest.fixture()
def launch(tmp_path: Path) -> Launch:
    """Return a function that runs a job template on hosts with their variables. *cmdline*: options of ansible-playbook,
    *extra*: variables of the template itself."""

    def run(
        name: str,
        hosts: Mapping[str, Any],
        given: Mapping[str, Any],
        cmdline: str = "",
        **extra: Any,
    ) -> Job:
        here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        each = {host: {**here, **variables} for host, variables in hosts.items()}
        environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build" / "collections"),
            "ANSIBLE_HOME": str(tmp_path / "ansible"),
        }
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        done = ansible_runner.run(
            private_data_dir=str(folder),
            project_dir=str(PROJECT),
            playbook=TEMPLATES[name]["playbook"],
            inventory={"load_balancers": {"hosts": each}},
            extravars={**extra, **answers(name, given)},
            envvars=environment,
            cmdline=cmdline,
            verbosity=3,
            quiet=True,
        )
        return Job(done.status, list(done.events), done.stdout.read())

    return run


@pytest.fixture()
def guarded(load_balancer: Any) -> Any:
    """A load balancer that runs, one of whose members has a secret."""
    site = load_balancer.httpd.root / "conf/site.conf"
    site.write_text(site.read_text().replace("route=node1", f"route=node1 secret={SECRET}"))
    load_balancer.httpd.start()
    return load_balancer


def says_nothing(job: Job) -> None:
    for said in (json.dumps(job.events), job.output):
        assert len(said) > 1000 and SECRET not in said


def test_a_node_is_taken_out_as_the_survey_was_answered(guarded: Any, launch: Launch) -> None:
    given = {"node_host": "127.0.0.1", "node_wait_timeout": 1, "node_reason": "new disk"}
    hosts = {"lb1": guarded.host(node_min_usable=0, node_wait_idle=0)}
    out = launch("node", hosts, given)
    assert out.status == "successful", out.output
    assert out.artifacts["node"]["changed_on"] == ["lb1"]
    assert out.summary[0] == "127.0.0.1: drained (new disk)"
    says_nothing(out)
    shown = launch("status", hosts, {})
    assert shown.status == "successful", shown.output
    (balancer,) = shown.artifacts["status"]["lb1"]["balancers"]
    assert [member["runtime"]["drained"] for member in balancer["members"]] == [True, True]
    assert "running drained" in "\n".join(shown.summary)
    says_nothing(shown)


def test_stickiness_is_proven_as_the_survey_was_answered(
    guarded: Any, launch: Launch, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    given = {"verify_url": guarded.url, "verify_clients": 3, "verify_requests": 2}
    job = launch(
        "verify", {"lb1": guarded.host()}, given, verify_host="lb1", verify_report=str(page)
    )
    assert job.status == "successful", job.output
    kept = job.artifacts["verify"]
    assert (kept["sessions"], kept["violations"], kept["report"]) == (3, 0, f"lb1:{page}")
    assert "BalancerMember" not in page.read_text() and SECRET not in page.read_text()
    says_nothing(job)


def test_a_password_in_the_address_of_balancer_manager_is_not_said(
    guarded: Any, launch: Launch, nobody: str
) -> None:
    hosts = {
        name: guarded.host(
            status_manager_url=f"{url}balancer-manager".replace("//", f"//u:{SECRET}@")
        )
        for name, url in (("lb1", guarded.url), ("lb2", nobody))
    }
    job = launch("status", hosts, {})
    for name in hosts:
        why = f"{name}: could not be read: status_manager_url: http://127.0.0.1:"
        (line,) = [each for each in job.summary if each.startswith(why)]
        assert "user and password belong in manager_username and manager_password" in line
    says_nothing(job)


@pytest.mark.namespaces
def test_the_secrets_of_a_site_are_not_said_and_what_its_extra_says_only_in_a_diff(
    empty_host: dict[str, Any], launch: Launch
) -> None:
    member = {"url": "ajp://10.0.0.11:8009", "route": "node1", "secret": SECRET}
    site = {
        "name": "shop",
        "server_name": "shop.example.com",
        "balancers": [{"name": "shop", "members": [member]}],
        "extra": f'RequestHeader set X-Tenant known-to-diff\nRequestHeader set Authorization "Basic {SECRET}"',
    }
    for cmdline in ("--check", "--check --diff"):
        job = launch(
            "deploy", {"lb1": empty_host}, {}, cmdline, load_balancer_sites=[site], **TO_INSTALL
        )
        assert job.status == "successful", job.output
        assert job.artifacts["load_balancer"]["lb1"]["changed"] is True
        says_nothing(job)
        assert ("known-to-diff" in job.output) is ("--diff" in cmdline)
