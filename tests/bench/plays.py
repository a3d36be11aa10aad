# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks by turns, as ansible-playbook runs them.

All of a comparison is one run of ansible-playbook. What a task takes is what its user waits for: templating its
arguments, a process for it, its module on the host, taking in its result. The start of ansible-playbook is not in it,
nor is what it does once for each module, since the first turn does not count. Pipelining is on.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any, Mapping, NamedTuple, Sequence

from ansible_collections.webtier.apache_balancer.tests.support import playbook

Hosts = Mapping[str, Mapping[str, Any]]

HERE: Hosts = MappingProxyType({"here": {}})
PING = {"tasks": [{"ansible.builtin.ping": {}}]}


class Turn(NamedTuple):
    """What one turn took in seconds, and the tasks it was."""

    seconds: float
    tasks: list[playbook.Task]

    @property
    def result(self) -> dict[str, Any]:
        """What its last task came to on the first host."""
        return next(iter(self.tasks[-1].results.values()))


def by_turns(
    folder: Path,
    plays: Mapping[str, Mapping[str, Any]],
    turns: int,
    hosts: Hosts = HERE,
    *arguments: str,
    before: Mapping[str, Any] | None = None,
    **environment: str,
) -> dict[str, list[Turn]]:
    """Return what each of *plays* took in so many *turns* of all of them, by name; one turn more is made first. The
    play *before* is run before each and does not count; ``{{ turn }}`` is another number in each turn. *arguments* and
    *environment* are ansible-playbook's."""
    book = []
    for number in range(turns + 1):
        # Which comes first changes, so that none always runs on what the same one left.
        first = number % len(plays)
        for name in [*plays, *plays][first : first + len(plays)]:
            each = [(name, plays[name])] if before is None else [("", before), (name, plays[name])]
            book += [_play(f"{play_name} {number}", body, number) for play_name, body in each]
    played = playbook.play(folder, book, hosts, *arguments, **environment)
    assert played.status == 0, played
    found: dict[str, list[Turn]] = {}
    for name in plays:
        for number in range(1, turns + 1):
            tasks = [task for task in played.tasks if task.play == f"{name} {number}"]
            turn = Turn(sum(task.seconds for task in tasks), tasks)
            found.setdefault(name, []).append(turn)
    return found


def _play(name: str, body: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    found = {"name": name, "hosts": "all", "gather_facts": False, **body}
    return {**found, "vars": {**found.get("vars", {}), "turn": number}}


def seconds(turns: Sequence[Turn]) -> list[float]:
    """Return what each of *turns* took."""
    return [turn.seconds for turn in turns]
