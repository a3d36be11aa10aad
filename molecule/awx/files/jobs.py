# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs each job template of examples/awx by ansible-runner, on the hosts of this scenario: jobs.py CHECKOUT

The answers to the surveys are extra variables, with the types that AWX gives them. Ends with an AssertionError where a
job does not come to what its template promises, or says a secret.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType
from typing import Any, Mapping

import ansible_runner
import yaml

SECRETS = ("planted-4711",)
CHECKOUT = Path(sys.argv[1])
FOLDER = CHECKOUT / ".build" / "awx"
TEMPLATES = {
    template["playbook"].split("/")[-1].partition(".")[0]: template
    for template in yaml.safe_load((CHECKOUT / "examples/awx/job_templates.yml").read_text())[
        "job_templates"
    ]
}
KINDS = {"text": str, "multiplechoice": str, "integer": int}


class Job:
    """One run of a job template."""

    def __init__(self, name: str, status: str, events: list[Mapping[str, Any]]) -> None:
        self.name, self.events = name, events
        assert status == "successful", (name, status, self.said("runner_on_failed"))
        said = json.dumps(events)
        for secret in SECRETS:
            assert secret not in said, f"{name} says {secret}"

    def said(self, kind: str) -> list[Mapping[str, Any]]:
        return [event["event_data"] for event in self.events if event["event"] == kind]

    @property
    def artifacts(self) -> Any:
        """What the job leaves for others, as AWX shows it."""
        (stats,) = self.said("playbook_on_stats")
        return stats["artifact_data"]

    @property
    def changed(self) -> dict[str, int]:
        (stats,) = self.said("playbook_on_stats")
        return dict(stats["changed"])

    @property
    def summary(self) -> list[str]:
        """What the one task says that sums the job up."""
        shown = [e for e in self.said("runner_on_ok") if e["task_action"].endswith("debug")]
        (summary,) = [e["res"]["msg"] for e in shown]
        return list(summary)


def answers(name: str, **given: Any) -> dict[str, Any]:
    """Return what the survey of a job template comes to: its defaults, and what is given."""
    found: dict[str, Any] = {}
    for question in TEMPLATES[name]["survey"]:
        variable = question["variable"]
        value = given.pop(variable, question["default"])
        assert isinstance(value, KINDS[question["type"]]), question
        assert value in question.get("choices", [value]), question
        if question["required"] or value != "":
            found[variable] = value
    assert not given, f"the survey of {name} does not ask for {', '.join(given)}"
    return found


def data(name: str) -> Path:
    """Make a private data folder: project, inventory, environment."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CHECKOUT / "examples/awx", folder / "project")
    for name_, source in (("all", "molecule/inventory"), ("awx", "molecule/awx/inventory")):
        _add_inventory(CHECKOUT / source, name_, folder / "inventory")
    kept = ("PATH", "HOME", "DOCKER_HOST", "MOLECULE_PROJECT_DIRECTORY", "MOLECULE_SCENARIO_NAME")
    environment = {key: os.environ[key] for key in kept if key in os.environ}
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(CHECKOUT / ".build" / "collections")
    (folder / "env").mkdir()
    (folder / "env" / "envvars").write_text(json.dumps(environment))
    return folder


def _add_inventory(source: Path, name: str, target: Path) -> None:
    """Make *source* a part of one inventory, with the variables that others have for the same groups."""
    target.mkdir(exist_ok=True)
    shutil.copy(source / "hosts.yml", target / f"{name}.yml")
    for variables in (source / "group_vars").glob("*.yml"):
        group = target / "group_vars" / variables.stem
        group.mkdir(parents=True, exist_ok=True)
        shutil.copy(variables, group / f"{name}.yml")


def run(name: str, extra: Mapping[str, Any] = MappingProxyType({}), **given: Any) -> Job:
    """Run a job template with answers to its survey, and *extra* variables of its own."""
    folder = data(name)
    done = ansible_runner.run(
        private_data_dir=str(folder),
        playbook=TEMPLATES[name]["playbook"],
        extravars={**extra, **answers(name, **given)},
        verbosity=3,
        quiet=True,
    )
    job = Job(name, done.status, list(done.events))
    print(f"{name}: {json.dumps(given)}: {job.summary}", flush=True)
    return job


def run_by_pipe(name: str, **given: Any) -> Job:
    """Run a job template in the form in which AWX spreads work: transmit, worker, process."""
    source, target = data(name), FOLDER / f"{name}-processed"
    shutil.rmtree(target, ignore_errors=True)
    extra = answers(name, **given)
    (source / "env" / "extravars").write_text(json.dumps(extra))
    command = [sys.executable, "-m", "ansible_runner"]
    playbook = ["--playbook", TEMPLATES[name]["playbook"]]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    sent = subprocess.run(
        [*command, "transmit", str(source), *playbook], stdout=subprocess.PIPE, check=True
    )
    worked = subprocess.run(
        [*command, "worker", "--private-data-dir", str(FOLDER / f"{name}-worker")],
        input=sent.stdout,
        stdout=subprocess.PIPE,
        env=environment,
        check=False,
    )
    assert worked.returncode == 0, worked.stdout.decode(errors="replace")[-4000:]
    subprocess.run(
        [*command, "process", str(target)], input=worked.stdout, capture_output=True, check=True
    )
    artifacts = target / "artifacts"
    events = [json.loads(path.read_text()) for path in artifacts.rglob("job_events/*.json")]
    (status,) = artifacts.rglob("status")
    job = Job(name, status.read_text(), events)
    print(f"{name} by pipe: {job.summary}", flush=True)
    return job


def flags(job: Job, node: str) -> set[tuple[str, ...]]:
    """Return the flags that the member on *node* has in the files and in the running httpd of each balancer."""
    found = set()
    for host in job.artifacts["status"].values():
        for member in host["balancers"][0]["members"]:
            if f"//{node}:" in member["url"]:
                found.add(tuple(member["config"].get("status", [])))
                found.add(("drained",) if member["runtime"]["drained"] else ())
    return found


def main() -> None:
    deployed = run("deploy", load_balancer_serial="1")
    balancers = {"balancer-bookworm", "balancer-trixie"}
    assert set(deployed.artifacts["load_balancer"]) == balancers, deployed.artifacts
    assert all(each["reloaded"] for each in deployed.artifacts["load_balancer"].values())
    again = run("deploy", load_balancer_serial="100%")
    assert not any(again.changed.values()), again.changed

    drained = run("node", node_host="node1", node_wait_timeout=20, node_reason="new disk")
    assert drained.artifacts["node"]["reason"] == "new disk", drained.artifacts
    assert set(drained.artifacts["node"]["changed_on"]) == balancers
    assert drained.artifacts["node"]["unfinished_on"] == []
    assert flags(run("status"), "node1") == {("drained",)}
    back = run("node", node_host="node1", node_state="enabled")
    assert set(back.artifacts["node"]["changed_on"]) == balancers
    assert flags(run_by_pipe("status"), "node1") == {()}

    updated = run("rolling_update", shop_release="2", rolling_update_drain_timeout=20)
    results = updated.artifacts["rolling_update"]
    assert "updated" in json.dumps(results), results
    sticky = run(
        "verify",
        # There the names of the containers are known.
        {"verify_host": "client"},
        verify_url="http://balancer-trixie/api",
        verify_clients=10,
        verify_requests=5,
    )
    assert sticky.artifacts["verify"]["violations"] == 0, sticky.artifacts
    assert (FOLDER / "report.html").stat().st_size > 10_000


if __name__ == "__main__":
    main()
