# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole role on a host with systemd, which is a container of the Molecule scenarios."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Iterator, Sequence

from ansible_collections.webtier.apache_balancer.tests.bench import plays
from ansible_collections.webtier.apache_balancer.tests.bench.measure import (
    Goal,
    Measured,
    Row,
    at_most,
    paired,
)
from ansible_collections.webtier.apache_balancer.tests.support import playbook

_CHECKOUT = next(p for p in Path(__file__).parents if (p / "galaxy.yml").exists())
_MOLECULE = _CHECKOUT / "molecule"
_WHERE = {"MOLECULE_PROJECT_DIRECTORY": str(_CHECKOUT), "MOLECULE_SCENARIO_NAME": "bench"}
_ARGUMENTS = (f"--inventory={_MOLECULE}/inventory", "--limit=balancer-bookworm")
# Actions that run no module on the host.
_HERE = ("assert", "include_tasks", "include_vars", "set_fact", "validate_argument_spec")
_PINGS = 4


def _site(name: str) -> dict[str, Any]:
    nodes = range(1, 4)
    members = [{"url": f"http://10.0.0.{node}:8080", "route": f"node{node}"} for node in nodes]
    return {
        "name": name,
        "server_name": f"{name}.example.com",
        "balancers": [{"name": name, "application": "tomcat", "members": members}],
    }


_ROLE: dict[str, Any] = {
    "roles": ["webtier.apache_balancer.load_balancer"],
    "vars": {"load_balancer_sites": [_site(name) for name in ("shop", "wiki", "mail")]},
}
# As a new run of ansible-playbook begins, unless the last one left its facts in a cache.
_FORGETFUL = {"pre_tasks": [{"ansible.builtin.meta": "clear_facts"}], **_ROLE}


@contextlib.contextmanager
def _host(folder: Path) -> Iterator[None]:
    """The container, for as long as it is needed."""
    for command in (["tools/engine", "start"], ["tools/images", "host:bookworm"]):
        subprocess.run(command, cwd=_CHECKOUT, check=True, stdout=subprocess.DEVNULL)

    def play(name: str) -> playbook.Played:
        return playbook.play(folder, _MOLECULE / name, {}, *_ARGUMENTS, **_WHERE)

    try:
        for name in ("create.yml", "prepare.yml"):
            done = play(name)
            assert done.status == 0, done
        yield
    finally:
        play("destroy.yml")


def _again(pairs: int) -> Measured:
    """Compare the role, on a host that it has configured, with as many pings of that host as it has tasks there.

    The host's facts are known, as in a play that gathers them or has them from a cache. What it is where the role has
    to gather them is in a note.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _host(folder):
            first = {"hosts": "all", "gather_facts": False, **_ROLE}
            played = playbook.play(folder, [first], {}, *_ARGUMENTS, **_WHERE)
            assert played.status == 0, played
            pings = {"tasks": plays.PING["tasks"] * _PINGS}
            sides = {"ours": _ROLE, "forgetful": _FORGETFUL, "ping": pings}
            turns = plays.by_turns(folder, sides, pairs, {}, *_ARGUMENTS, **_WHERE)
    ours, forgetful = (
        against_pings(turns[side], plays.seconds(turns["ping"])) for side in ("ours", "forgetful")
    )
    note = f"where its facts are not known yet: {forgetful.notes[0]}, {forgetful.ratio:.3g} x"
    return ours._replace(notes=(*ours.notes, note))


def against_pings(turns: Sequence[plays.Turn], pings: Sequence[float]) -> Measured:
    """Compare *turns* of the role with *pings* of _PINGS each."""
    (modules,) = {tuple(_modules(turn.tasks)) for turn in turns}
    tasks, distinct = len(modules), len(set(modules))
    note = (
        f"{tasks} host tasks (to reach: <= 8{at_most(tasks, 8)}),"
        f" {distinct} distinct modules (to reach: <= 4{at_most(distinct, 4)})"
    )
    return paired(plays.seconds(turns), [each / _PINGS * tasks for each in pings], [note])


def _modules(tasks: list[playbook.Task]) -> list[str]:
    """Return what ran on the host, task by task; nothing of it may have changed anything."""
    found = []
    for task in tasks:
        if not task.results:
            # meta, which is for Ansible itself.
            continue
        (result,) = task.results.values()
        assert not result.get("changed") and not result.get("failed"), task
        assert result.get("validated") in (None, "unchanged"), task
        if not result.get("skipped") and result["action"].rpartition(".")[2] not in _HERE:
            found.append(result["action"])
    return found


ROWS = (
    Row(
        "role",
        "the whole role `load_balancer`, second run, one host, three sites",
        "a ping x the number of its host tasks",
        Goal(1.3),
        _again,
    ),
)
