# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task on many hosts, which are private httpds on this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ansible_collections.webtier.apache_balancer.tests.bench import plays
from ansible_collections.webtier.apache_balancer.tests.bench.measure import (
    Goal,
    Measured,
    Row,
    paired,
)
from ansible_collections.webtier.apache_balancer.tests.bench.payload import Payload, memory
from ansible_collections.webtier.apache_balancer.tests.support import playbook
from ansible_collections.webtier.apache_balancer.tests.support.many import CONFIGURE, hosts_of, many

_PROXIES = 50
_FORKS = "--forks=10"


def _configuration(pairs: int) -> Measured:
    """Compare a task of ``configuration`` that finds all proxies as declared with a ping of them. The first task, which
    changes all of them, each proven by a start of httpd, is told in a note."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with many(folder / "proxies", _PROXIES) as proxies:
            hosts = hosts_of(proxies)
            body = {"tasks": [CONFIGURE]}
            first = playbook.play(
                folder, [{"hosts": "all", "gather_facts": False, **body}], hosts, _FORKS
            )
            results = first.of("Configure").values()
            assert [result["validated"] for result in results] == ["rehearsed"] * _PROXIES, first
            sides = {"ours": body, "theirs": plays.PING}
            turns = plays.by_turns(folder, sides, pairs, hosts, _FORKS)
            for turn in turns["ours"]:
                said = [task["validated"] for task in turn.tasks[0].results.values()]
                assert said == ["unchanged"] * _PROXIES, turn
            one = {**CONFIGURE, "vars": next(iter(hosts.values()))}
            notes = [
                f"the first one, with a rehearsed start of each httpd, {first.tasks[0].seconds:.1f} s",
                f"memory of the process on each {memory(Payload(folder / 'payload', one).peak())}",
            ]
            return paired(*(plays.seconds(turns[side]) for side in sides), notes=notes)


ROWS = (
    Row(
        "many",
        f"one `configuration` task over {_PROXIES} proxies, nothing to do",
        "a ping of them",
        Goal(1.5),
        _configuration,
    ),
)
