# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random walks through changes, reloads, drains and kills, by us and by others, under load and against a model.

Each walk begins anew from the seed after the last one's. A walk that fails says its seed, with which it is the first
one, and its steps, which it leaves in a file. The moments of its kills and crossings hang on how fast the machine was:
``--replay FILE`` takes them from there.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import time
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
    wait_for,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import Proxy
from ansible_collections.webtier.apache_balancer.tests.support.soak.steps import Plan, foreign_drift
from ansible_collections.webtier.apache_balancer.tests.support.soak.walk import (
    KILLED,
    Lost,
    Walk,
    moments,
)
from ansible_collections.webtier.apache_balancer.tests.support.traffic import Backend

MODULES = (*BALANCER, "authz_host", "lbmethod_bybusyness", "lbmethod_bytraffic")
#: Of a sample, and of each walk where there is time.
STEPS, MORE_STEPS = 10, 60
WALKS = 2


def processes(root: Path) -> list[str]:
    """Return the commands at work that are about *root*."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(file.read_text().replace("\0", " "))
    return [command for command in found if f"{root}/" in command or f"{root} " in command]


@contextlib.contextmanager
def walking(root: Path, seed: int, when: Iterable[float] = ()) -> Iterator[Walk]:
    """Yield a walk from *seed* on, with its first moments *when*; where it fails, the error says what was done."""
    with contextlib.ExitStack() as stack:
        nodes = {f"n{number}": Backend(f"n{number}") for number in range(1, 7)}
        httpd = stack.enter_context(PrivateHttpd(root, *MODULES))
        for node in nodes.values():
            node.__enter__()
        # Another one may stand in its place by then.
        stack.callback(lambda: [node.__exit__(None, None, None) for node in nodes.values()])
        httpd.enlarge()
        walk = stack.enter_context(Walk(Proxy(httpd), nodes, seed, when))
        try:
            yield walk
            walk.finish()
            httpd.stop()
            wait_for(lambda: not processes(root), f"the end of {processes(root)}")
        except Exception as error:
            steps = "\n".join(walk.story)
            file = root.with_name(f"{root.name}.steps")
            file.write_text(steps)
            again = f"--seed {seed} --replay {file}"
            raise Lost(f"{error}\nThe steps (once more: {again}):\n{steps}") from error


def test_random_walks_go_as_the_model_says(
    tmp_path: Path, pytestconfig: pytest.Config, full: bool, tally: Any
):
    replay = pytestconfig.option.replay
    minutes = 0 if replay else pytestconfig.option.soak_minutes or (60 if full else 0)
    end = time.monotonic() + 60 * minutes
    steps = MORE_STEPS if minutes or replay else STEPS
    when = moments(Path(replay).read_text()) if replay else ()
    walks = 0
    while walks < (1 if replay else WALKS) or time.monotonic() < end:
        seed = pytestconfig.option.seed + walks
        with walking(tmp_path / str(seed), seed, when) as walk:
            try:
                for number in range(steps):
                    walk.go(number)
            except Lost:
                tally.lost()
                raise
        walks += 1
        tally("random steps made", steps)
        tally("random steps killed and made again", walk.counts["killed"])
        tally("random steps foretold by check mode", walk.counts["check mode"])
        tally("random steps crossed by a reload", walk.counts["crossed by a reload"])
        tally("random steps repeated", walk.counts["repeated"])
        tally("requests sent", walk.load.requests)


class TestThisHarness:
    """What is above can fail."""

    def fails(self, root: Path, plan: Callable[[Walk], Plan]) -> str:
        """Return what a walk says that goes as *plan*, which is not what the model foretells."""
        with pytest.raises(Lost) as lost, walking(root, 1) as walk:
            walk.make(plan(walk), random.Random(1))
        return str(lost.value)

    def test_sees_what_the_running_httpd_should_not_have(self, tmp_path: Path):
        def drift(walk: Walk) -> Plan:
            plan = foreign_drift(walk.model, walk.site, random.Random(1))
            assert plan is not None
            return plan._replace(after=[walk.model])

        said = self.fails(tmp_path, drift)
        assert "running, n" in said and "drift" in said and "--seed 1 --replay" in said

    def test_kills_again_when_the_story_says_so(self, tmp_path: Path):
        killed = next(n for n in itertools.count() if random.Random(n).random() < KILLED)
        with walking(tmp_path / "one", 1) as walk:
            walk.make(Plan([walk.model], "balancer_info", rows=()), random.Random(killed))
            story = "\n".join(walk.story)
        assert len(moments(story)) == 1
        with walking(tmp_path / "other", 1, moments(story)) as walk:
            # The machine is slower.
            walk._took["balancer_info"] = 100.0
            walk.make(Plan([walk.model], "balancer_info", rows=()), random.Random(killed))
            assert "\n".join(walk.story) == story

    def test_sees_a_file_that_should_not_have_changed(self, tmp_path: Path):
        def edit(walk: Walk) -> Plan:
            return Plan([walk.model], hand="edit", arguments=(walk.site.urls["n1"], "loadfactor=4"))

        said = self.fails(tmp_path, edit)
        assert "httpd reads, members" in said and "reload_required: True" in said
        assert "# by hand: edit" in said

    def test_sees_a_module_that_does_more_than_it_should(self, tmp_path: Path):
        def drain(walk: Walk) -> Plan:
            options = {"route": "n1", "state": "drained", "target": "runtime"}
            return Plan([walk.model], "balancer_member", options)

        said = self.fails(tmp_path, drain)
        assert "running, n1" in said and '"state": "drained"' in said

    def test_sees_a_session_that_should_not_have_moved(self, tmp_path: Path):
        def end(walk: Walk) -> Plan:
            walk.nodes["n1"].kill()
            time.sleep(1)
            return Plan([walk.model], "balancer_info", again=False, rows=())

        assert "answered by the wrong one" in self.fails(tmp_path, end)
