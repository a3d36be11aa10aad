# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A walk: one random step after the other on an httpd that is used all the while, each held against the model."""

from __future__ import annotations

import itertools
import json
import random
import re
import socket
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any, Iterable, Iterator, NamedTuple

from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.client import Manager

from ..modules import Started, started
from ..private_httpd import MODULES
from ..proxy import Proxy, vhost
from ..traffic import Backend, Load, Request, Takes, Timeline
from .model import BALANCER, GROWTH, LETTERS, MEMBER, NO, PERHAPS, YES, Layer, Model, Values
from .steps import EXTRA, Plan, Site, draw

VHOST = "app.example.com"
#: Reloads that follow each other faster let a child process of httpd 2.4.71 end by a segmentation fault now and then.
BETWEEN_RELOADS = 2.0
#: A file written so long before a reload was loaded, however slow the machine.
SETTLED = 10.0
#: The child processes of before a reload answer what they have.
LINGER = 2.0
SESSIONS = 12
#: How many of the steps are killed, and how many are made in check mode first.
KILLED = 0.12
FORESEEN = 0.4
#: How many are crossed by a reload that somebody else makes.
CROSSED = 0.06
#: How long a module may take, in seconds, where it is not known yet.
LONGEST = 0.5
WHAT_CHECK_MODE_SAYS = ("changed", "changes", "reload_required", "reload_reasons", "diff")


class Lost(AssertionError):
    """The walk went otherwise than the model foretold."""


def moments(story: str) -> list[float]:
    """Return after how many seconds each kill and each crossing of *story* came."""
    return [float(seconds) for seconds in re.findall(r"  # .* after ([\d.]+) s$", story, re.M)]


class Crossing(NamedTuple):
    """A change while somebody else reloads httpd: what there may be in the end, and what members do meanwhile."""

    ends: list[Model]
    states: list[dict[str, Takes]]


class Walk:
    """Steps from *seed* on, on a *proxy* that is not started. The first three of the application servers *nodes* (by
    name) are members. In its block httpd runs and is in use. ``story``: the steps made, as somebody would make them;
    ``counts``: how many of each. *moments*: after how many seconds the first kills and crossings come, which depends
    on more than the seed; a ``story`` tells them (``moments``)."""

    def __init__(
        self, proxy: Proxy, nodes: dict[str, Backend], seed: int, moments: Iterable[float] = ()
    ) -> None:
        self.proxy, self.nodes, self.seed = proxy, nodes, seed
        self._moments = iter(moments)
        urls = {name: node.url for name, node in nodes.items()}
        # Half of them have another host name.
        for name in list(urls)[3:]:
            urls[name] = urls[name].replace("127.0.0.1", "localhost")
        self.site = Site(urls, VHOST)
        self.counts: Counter[str] = Counter()
        self.story: list[str] = []
        self._comments: list[str] = []
        self._required = False
        self._reloaded = 0.0
        self._answered = 0
        # Seconds that each module took last.
        self._took: dict[str, float] = {}
        # When an application server ended, from when to when.
        self._ends: list[tuple[str, float, float]] = []
        self._place = socket.socket()

    def __enter__(self) -> Walk:
        names = list(self.site.urls)[:3]
        lines = "".join(
            f"        BalancerMember {self.site.urls[name]} route={name} loadfactor=10 retry=1\n"
            for name in names
        )
        text = vhost(
            VHOST,
            f"    <Proxy balancer://app>\n{lines}"
            f"        ProxySet growth={GROWTH} stickysession=JSESSIONID\n"
            "    </Proxy>\n    ProxyPass / balancer://app/\n",
        )
        values = {"loadfactor": 10.0, "retry": 1, "status": frozenset()}
        members = {name: {"route": name, **values} for name in names}
        parameters = {"growth": GROWTH, "stickysession": "JSESSIONID"}
        self.proxy.start(text)
        self.model = Model(Layer(members, parameters), text)
        self.load = Load("127.0.0.1", self.proxy.httpd.port, SESSIONS, pause=0.3, newcomers=8)
        self.load.__enter__()
        self._timeline = Timeline(self.model.takes())
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.load.end()
        self._place.close()

    def finish(self) -> None:
        """Let the last requests be answered. Raises :class:`Lost`."""
        self.load.end()
        self._answers()

    def go(self, number: int) -> None:
        """Make step *number*. Raises :class:`Lost`."""
        # Dice of its own, as how the steps before went is not the same each time.
        dice = random.Random(f"{self.seed} {number}")
        name, plan = draw(self.model, self.site, dice)
        self.counts[name] += 1
        self.make(plan, dice)

    def make(self, plan: Plan, dice: random.Random) -> None:
        """Do what is planned. Raises :class:`Lost` where anything is otherwise than foretold."""
        if plan.reloads:
            time.sleep(max(0.0, self._reloaded + BETWEEN_RELOADS - time.monotonic()))
        generation = self.proxy.generation
        if plan.hand:
            begin = self.load.now()
            self.story.append(f"# by hand: {plan.hand} {' '.join(map(str, plan.arguments))}")
            getattr(self, "_" + plan.hand)(plan.after[0], *plan.arguments)
            self._check(plan.after, begin, plan.reloads)
        elif plan.killable and dice.random() < KILLED:
            self._killed(plan, self._moment(plan, dice))
        elif (
            plan.change
            and dice.random() < CROSSED
            and (crossing := self._crossing(plan)) is not None
        ):
            self._crossed(plan, crossing, self._moment(plan, dice))
        else:
            self._module(plan, foreseen=plan.again and dice.random() < FORESEEN)
        if self.proxy.generation != generation:
            self._reloaded = time.monotonic()
        self._answers()

    def _moment(self, plan: Plan, dice: random.Random) -> float:
        """Return after how many seconds something happens to the module: as told before, or while it is at work."""
        drawn = dice.random() * self._took.get(plan.module, LONGEST)
        return next(self._moments, drawn)

    # What we do

    def _module(self, plan: Plan, foreseen: bool) -> None:
        before = self.model
        said: dict[str, Any] = {}
        if foreseen:
            said = self._run(plan, "in check mode", check=True)
            self._check([before])
            self.counts["check mode"] += 1
        begin, generation = self.load.now(), self.proxy.generation
        result = self._run(plan)
        failed = str(result.get("msg", ""))
        expected = plan.fails in failed if plan.fails else not failed
        if not expected and not (plan.may and not failed):
            raise Lost(f"it said {failed!r}, not {plan.fails!r}")
        reloaded = self.proxy.generation != generation
        self._check(self._after(plan, reloaded), begin, plan.reloads)
        if failed:
            return
        for what in WHAT_CHECK_MODE_SAYS if said else ():
            if said.get(what) != result.get(what):
                raise Lost(f"in check mode {what} was {said.get(what)}, then {result.get(what)}")
        self._compare(plan, before, reloaded, result)
        if plan.again:
            again = self._run(plan, "")
            if again["changed"] or again.get("changes"):
                raise Lost(f"repeated, it changes something: {again['changes']}")
            self._check([self.model])
            self.counts["repeated"] += 1

    def _after(self, plan: Plan, reloaded: bool) -> list[Model]:
        """Return what may be after *plan*, now that it is known whether httpd was *reloaded* by it."""
        if not plan.reloads:
            return plan.after
        after = [model for model in plan.after if (model.reloads > self.model.reloads) is reloaded]
        if not after:
            raise Lost("httpd was reloaded" if reloaded else "httpd was not reloaded")
        return after

    def _compare(self, plan: Plan, before: Model, reloaded: bool, result: dict[str, Any]) -> None:
        """Hold what a module says of what it has changed against the model."""
        # Whoever changes the running httpd alone looks at no file.
        required = self._required and plan.options.get("target") != "runtime"
        if result.get("reload_required", required) is not required:
            raise Lost(f"it said reload_required: {result['reload_required']}, not {required}")
        if not plan.rows:
            return
        said = {(c["layer"], self._name(c["member"]), c["parameter"]) for c in result["changes"]}
        rows = {"config": self.model.file.rows(before.file)}
        if "runtime" in plan.rows:
            rows["runtime"] = self.model.live.rows(before.live)
        wanted = {(layer, *row) for layer, found in rows.items() for row in found}
        if said != wanted:
            raise Lost(f"changes: {sorted(map(str, said))}, not {sorted(map(str, wanted))}")
        changed = reloaded or bool(wanted)
        if result["changed"] is not changed:
            raise Lost(f"changed: {result['changed']}, not {changed}")

    def _killed(self, plan: Plan, seconds: float) -> None:
        """The module is killed after some time, and run once more."""
        before, begin, generation = self.model, self.load.now(), self.proxy.generation
        self.story.append(f"{_task(plan)}  # killed after {seconds:.3f} s")
        process = self._started(plan)
        time.sleep(seconds)
        process.kill()
        self.counts["killed"] += 1
        self._alive()
        file = self._file()[0]
        if file not in [_written(model.file) for model in (before, *plan.after)]:
            raise Lost(f"half a file was left: {file}")
        if plan.reloads:
            time.sleep(BETWEEN_RELOADS)
        self._succeed(plan)
        reloaded = self.proxy.generation != generation
        after = [model.copy() for model in self._after(plan, reloaded)]
        for model in after:
            model.unsure()
        if self._info()["reload_required"]:
            # It may have been killed while it gave a member to the running httpd.
            time.sleep(BETWEEN_RELOADS)
            self._succeed(Plan([], "graceful_reload", {"manager_url": []}))
            for model in after:
                self._timeline.change(begin, self.load.now() + LINGER, model.takes())
                model.reload()
                model.keep_proven()
        if plan.options.get("target") == "runtime":
            after += [each for model in after for each in self._left_out(plan, before, model)]
        self._check(after, begin, reloads=True)

    def _left_out(self, plan: Plan, before: Model, after: Model) -> Iterator[Model]:
        """Yield *after* with new members of the running httpd as httpd adds them: disabled. Who was killed then has
        left them so, and who reads no file cannot know that nobody wants it."""
        declared = plan.options.get("members", [plan.options])
        names = {self._name(member.get("url")) for member in declared if "status" not in member}
        new = sorted((names & after.live.members.keys()) - before.live.members.keys())
        for size in range(1, len(new) + 1):
            for left in itertools.combinations(new, size):
                model = after.copy()
                for name in left:
                    model.live.give(name, {"status": model.live.status(name) | {"disabled"}})
                yield model

    def _crossing(self, plan: Plan) -> Crossing | None:
        """Return what may come of *plan* while somebody else reloads httpd; None where nobody might take a session."""
        before, after = self.model, plan.after[0]
        reloaded, later = before.copy(), after.copy()
        reloaded.reload()
        later.reload()
        sooner = reloaded.copy()
        sooner.change(**plan.change)
        states = [
            state
            for old in (before, reloaded, after)
            for new in (reloaded, after, sooner, later)
            for state in new.between(old)
        ]
        sooner.unsure()
        later.unsure()
        served = all(any(takes.new for takes in state.values()) for state in states)
        return Crossing([sooner, later], states) if served else None

    def _crossed(self, plan: Plan, crossing: Crossing, seconds: float) -> None:
        """Somebody else reloads httpd while the module is at work."""
        time.sleep(max(0.0, self._reloaded + BETWEEN_RELOADS - time.monotonic()))
        begin = self.load.now()
        self.story.append(f"{_task(plan)}  # httpd is reloaded by hand after {seconds:.3f} s")
        process = self._started(plan)
        time.sleep(seconds)
        self.proxy.httpd.reload()
        result = process.wait()
        self.counts["crossed by a reload"] += 1
        if "msg" in result:
            raise Lost(f"with a reload meanwhile it failed: {result['msg']}")
        for state in crossing.states:
            self._timeline.change(begin, self.load.now() + LINGER, state)
        self._check(crossing.ends, begin, reloads=True)
        # Who reloads before the module writes loads the file as it was.
        self.model.touched = True

    def _succeed(self, plan: Plan) -> None:
        result = self._run(plan)
        if "msg" in result:
            raise Lost(f"after the kill it failed: {result['msg']}")

    def _run(self, plan: Plan, how: str | None = None, check: bool = False) -> dict[str, Any]:
        if how != "":
            self.story.append(_task(plan) + (f"  # {how}" if how else ""))
        begin = time.monotonic()
        result: dict[str, Any] = self._started(plan, check).wait()
        self._took[plan.module] = time.monotonic() - begin
        return result

    def _started(self, plan: Plan, check: bool = False) -> Started:
        options = self.proxy.options(plan.module, **plan.options)
        return started(plan.module, check, True, **options)

    # What others do

    def _reload(self, after: Model) -> None:
        age = time.time() - self.proxy.site.stat().st_ctime
        if age < SETTLED:
            after.pending = PERHAPS
        self.proxy.httpd.reload()

    def _edit(self, after: Model, url: str, text: str) -> None:
        path = self.proxy.site
        if url:
            line = rf"(BalancerMember {re.escape(url)} .*?){text.partition('=')[0]}=\S+"
            content, count = re.subn(line, rf"\g<1>{text}", path.read_text())
            assert count == 1, (url, content)
        else:
            content = path.read_text() + text + "\n"
            self._comments.append(text)
        path.write_text(content)

    def _post(self, after: Model, url: str, field: str, value: str) -> None:
        manager = Manager(self.proxy.manager_url).named(VHOST)
        nonce = manager.page().balancers["app"].nonce
        manager.post("app", nonce or "", [(field, value)], member=url)

    def _end(self, after: Model, name: str) -> None:
        begin = self.load.now()
        self.nodes[name].__exit__(None, None, None)
        self._ends.append((name, begin, self.load.now()))
        # Otherwise some connection may have its port by the time it starts again.
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", self.nodes[name].port))

    def _start(self, after: Model, name: str, retry: float) -> None:
        port = self.nodes[name].port
        self.nodes[name] = Backend(name, port).__enter__()
        self._place.close()
        # httpd does not ask it earlier.
        time.sleep(retry + 0.5)

    # What is seen

    def _file(self) -> tuple[dict[str, Any], bool]:
        """Return the balancer as httpd reads it, and whether it reads another one."""
        info = f"LoadModule info_module {MODULES}/mod_info.so"
        command = self.proxy.httpd.command("-C", info, "-t", "-D", "DUMP_CONFIG")
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        sections = re.findall(
            r'<Proxy "?balancer://(\w+)/?"?>(.*?)</Proxy>', done.stdout, re.DOTALL
        )
        members: dict[str | None, Values] = {}
        parameters: Values = {}
        for name, section in sections:
            for line in section.split("\n") if name == "app" else ():
                directive, *words = line.split() or [""]
                values = dict(word.split("=", 1) for word in words if "=" in word)
                if "status" in values:
                    values["status"] = "".join(c for c in LETTERS.values() if c in values["status"])
                if directive == "BalancerMember":
                    members[self._name(words[0])] = values
                elif directive == "ProxySet":
                    parameters.update(values)
        return {"members": members, "parameters": parameters}, EXTRA in dict(sections)

    def _info(self) -> dict[str, Any]:
        return self.proxy.run("balancer_info")

    def _name(self, url: str | None) -> str | None:
        return next((name for name, each in self.site.urls.items() if each == url), None)

    def _check(
        self, models: list[Model], begin: float | None = None, reloads: bool = False
    ) -> None:
        """Take the first of *models* that is what can be seen. Since *begin* it may have been so; if httpd *reloads*,
        its old child processes still answer what they have."""
        before = self.model
        self._alive()
        text = self.proxy.site.read_text()
        info = self._info()
        seen = self._shown_by(info)
        misses = []
        for model in models:
            model.settle(text)
            miss = _differences(self._shown_of(model), seen)
            required = info["reload_required"]
            if (required and model.pending == NO) or (not required and model.pending == YES):
                miss.append(f"reload_required: {required}, {info['reload_reasons']}")
            if not required and model.unloaded():
                miss.append("reload_required: False, and a reload would change something")
            if not miss:
                break
            misses.append(miss)
        else:
            raise Lost("\nor ".join("\n   ".join(miss) for miss in misses))
        missing = [line for line in self._comments if line not in text]
        if missing and text not in [each.text for each in model.proven]:
            raise Lost(f"a comment is gone: {missing}")
        self._comments = [line for line in self._comments if line not in missing]
        self.model, self._required = model, info["reload_required"]
        if begin is not None:
            until = self.load.now() + (LINGER if reloads else 0)
            # What is put back has been otherwise for a while: it is one of the others that it may have come to.
            states = [state for each in models for state in each.between(before)]
            for state in (*states, model.takes()):
                self._timeline.change(begin, until, state)

    def _shown_by(self, info: dict[str, Any]) -> dict[str, Any]:
        row = next(balancer for balancer in info["balancers"] if balancer["name"] == "app")
        by_name = {self._name(m["url"]): m for m in row["members"]}
        running = {name: m["runtime"] for name, m in by_name.items() if m["runtime"] is not None}
        config = {name: m["config"] for name, m in by_name.items() if m["config"] is not None}
        members = {}
        for name, values in running.items():
            members[name] = {key: values[key] for key in MEMBER if key != "status"}
            members[name]["status"] = {word for word in LETTERS if values[word]}
        file, extra = self._file()
        return {
            "httpd reads": file,
            "another": (extra, EXTRA in [balancer["name"] for balancer in info["balancers"]]),
            "file": {
                name: {**values, "status": set(values.get("status", ()))}
                for name, values in config.items()
            },
            "parameters": row["parameters"],
            "running": members,
            "its parameters": {key: row["runtime"].get(key) for key in BALANCER},
            "drift": {(self._name(each["member"]), each["parameter"]) for each in row["drift"]},
        }

    def _shown_of(self, model: Model) -> dict[str, Any]:
        return {
            "httpd reads": _written(model.file),
            "another": (model.extra, model.extra),
            "file": model.file.members,
            "parameters": model.file.parameters,
            "running": {
                name: {key: values[key] for key in MEMBER}
                for name, values in model.live.members.items()
            },
            "its parameters": {key: model.live.parameters[key] for key in BALANCER},
            "drift": model.drift(),
        }

    def _alive(self) -> None:
        log = self.proxy.httpd.log()
        if "Segmentation fault" in log or not Path(f"/proc/{self.proxy.httpd.pid}").exists():
            raise Lost(f"httpd is not well:\n{log[-2000:]}")

    def _answers(self) -> None:
        """No request since the last look got another answer than the model allows."""
        log = self.load.log[self._answered :]
        self._answered += len(log)
        failed = [r for r in log if r.what and not self._in_flight(r)]
        wrong = [
            r for r in log if not r.what and not self._timeline.allows(r) and not self._forgotten(r)
        ]
        if failed or wrong:
            raise Lost(f"failed: {failed[:5]}\nanswered by the wrong one: {wrong[:5]}")

    def _in_flight(self, request: Request) -> bool:
        """Whether an application server ended while *request* was under way."""
        return any(
            request.begin <= until and request.end >= begin for _n, begin, until in self._ends
        )

    def _forgotten(self, request: Request) -> bool:
        """Whether the server of this session ended since its last request, so that it knows it no more."""
        if request.node != request.before or not request.issued:
            return False
        since = [
            r.end for r in self.load.log if r.session == request.session and r.end < request.end
        ]
        return any(
            name == request.before and until > max(since, default=0.0)
            for name, dummy, until in self._ends
        )


def _written(layer: Layer) -> dict[str, Any]:
    """Return *layer* as httpd shows what it reads."""

    def word(value: Any) -> str:
        if isinstance(value, bool):
            return "On" if value else "Off"
        return f"{value:g}" if isinstance(value, float) else str(value)

    members = {}
    for name, values in layer.members.items():
        members[name] = {key: word(value) for key, value in values.items() if key != "status"}
        flags = "".join(letter for key, letter in LETTERS.items() if key in values["status"])
        if flags:
            members[name]["status"] = flags
    return {
        "members": members,
        "parameters": {key: word(value) for key, value in layer.parameters.items()},
    }


def _differences(wanted: dict[str, Any], seen: dict[str, Any]) -> list[str]:
    found = []
    for what, value in wanted.items():
        if value == seen[what]:
            continue
        if isinstance(value, dict):
            for key in {**value, **seen[what]}:
                if value.get(key) != seen[what].get(key):
                    found.append(f"{what}, {key}: {seen[what].get(key)}, not {value.get(key)}")
        else:
            found.append(f"{what}: {seen[what]}, not {value}")
    return found


def _task(plan: Plan) -> str:
    return f"- webtier.apache_balancer.{plan.module}: {json.dumps(plan.options)}"
