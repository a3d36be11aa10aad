# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a playbook by ansible-playbook, on hosts that are all this machine, and returns what each task came to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Sequence

_CHECKOUT = next(p for p in Path(__file__).parents if (p / "galaxy.yml").exists())
COLLECTIONS = _CHECKOUT / ".build" / "collections"


class Task(NamedTuple):
    """One task: its name and its play's, the seconds it took on all hosts together, its result on each of them."""

    name: str
    play: str
    seconds: float
    results: dict[str, dict[str, Any]]


class Played(NamedTuple):
    """What came of a playbook. *stats*: per host how many tasks were ``ok``, ``changed``, ``failures`` and so on.
    *custom_stats*: what its tasks ``set_stats`` said."""

    status: int
    tasks: list[Task]
    stats: dict[str, dict[str, int]]
    custom_stats: dict[str, Any]

    def of(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the results of the task called *name*."""
        return {
            host: result
            for task in self.tasks
            if task.name == name
            for host, result in task.results.items()
        }


def play(
    folder: Path,
    playbook: Path | Sequence[Mapping[str, Any]],
    hosts: Mapping[str, Mapping[str, Any]],
    *arguments: str,
    collections: Path = COLLECTIONS,
    **environment: str,
) -> Played:
    """Run *playbook*, a file or plays, with *arguments* of ansible-playbook, on *hosts* with their variables. *folder*
    is for what is needed on the way, *collections* where collections are; *environment* is added to what it is run
    in."""
    book = playbook
    if not isinstance(book, Path):
        book = folder / "playbook.json"
        book.write_text(json.dumps(playbook))
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = folder / "inventory.json"
    each = {name: {**here, **variables} for name, variables in hosts.items()}
    inventory.write_text(json.dumps({"all": {"hosts": each}}))
    environment = {
        **os.environ,
        **environment,
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [str(program), "--inventory", str(inventory), *arguments, str(book)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert "{" in done.stdout, done.stdout + done.stderr
    said = json.loads(done.stdout[done.stdout.index("{") :])
    tasks = [_task(each, task) for each in said["plays"] for task in each["tasks"]]
    stats = said["global_custom_stats"]
    return Played(done.returncode, tasks, said["stats"], stats)


def _task(play: Mapping[str, Any], task: Mapping[str, Any]) -> Task:
    duration = task["task"]["duration"]
    begin, end = (
        datetime.fromisoformat(duration[key].rstrip("Z")) if key in duration else None
        for key in ("start", "end")
    )
    seconds = (end - begin).total_seconds() if begin and end else 0.0
    return Task(task["task"]["name"], play["play"]["name"], seconds, task["hosts"])
