# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A series of changes of two balancers, ``app`` with sessions and ``quiet`` without: what each is asked for, what the
configuration then says, and who then answers whom."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any, Dict, Iterator, NamedTuple, Sequence

from ansible_collections.webtier.apache_balancer.tests.support.proxy import vhost
from ansible_collections.webtier.apache_balancer.tests.support.traffic import Takes

LETTERS = {"drained": "N", "disabled": "D", "stopped": "S"}
WEIGHTS = (1.0, 2.5, 10.0, 50.0)
METHODS = ("byrequests", "bytraffic", "bybusyness")
#: How many times each is asked for; the first two change three members at a time, so these are 200 changes.
KINDS = Counter(
    {
        "weights": 15,
        "lbsets": 10,
        "weight": 5,
        "drain": 24,
        "take out": 8,
        "enable": 36,
        "lbmethod": 20,
        "add a member": 10,
        "route": 10,
        "stickysession": 12,
    }
)
#: A quarter of them.
FEW = Counter({kind: max(2, number // 4) for kind, number in KINDS.items()})
#: That many of the added members belong to `app`; they are drained and have a wrong route at first.
ADDED = 4


State = Dict[str, Takes]


class Call(NamedTuple):
    """One change: its *kind*, and the module with its options. *between*: what the members may do while it is made,
    if that is more than before and after; httpd is given one member after the other."""

    kind: str
    module: str
    options: dict[str, Any]
    between: Sequence[State] = ()


class Member:
    """One member as it is declared."""

    def __init__(self, url: str, route: str, status: str = "") -> None:
        self.url = url
        self.route = route
        self.loadfactor = 1.0
        self.lbset = 0
        self.status = status

    @property
    def line(self) -> str:
        """Its BalancerMember."""
        words = [self.url, f"route={self.route}", f"loadfactor={self.loadfactor:g}"]
        words += [f"lbset={self.lbset}"] if self.lbset else []
        words += [f"status=+{LETTERS[self.status]}"] if self.status else []
        return "BalancerMember " + " ".join(words)


class Cluster:
    """The balancers as they are declared. *nodes*: the addresses of all application servers by name (which is the route
    they give); *first*: how many of them are members of `app` from the beginning."""

    def __init__(self, nodes: dict[str, str], first: int, seed: int = 1) -> None:
        self._nodes = nodes
        names = list(nodes)
        self.app = {name: Member(nodes[name], name) for name in names[:first]}
        self.quiet = {names[0]: Member(nodes[names[0]], "q")}
        self.values = {"lbmethod": METHODS[0], "stickysession": "QUIET"}
        #: The configuration and what its members do, after each single change.
        self.history: list[tuple[str, State]] = []
        self._dice = random.Random(seed)

    def text(self) -> str:
        """Return the configuration that says all this."""
        body = ""
        for name, path, members in (
            ("quiet", "/quiet", self.quiet.values()),
            ("app", "", self.app.values()),
        ):
            values = {"stickysession": "JSESSIONID", "lbmethod": self.values["lbmethod"]}
            if name == "quiet":
                values = {"stickysession": self.values["stickysession"]}
            lines = [member.line for member in members]
            lines += [f"ProxySet {key}={value}" for key, value in values.items()]
            inside = "".join(f"        {line}\n" for line in [*lines, "ProxySet growth=20"])
            body += f"    <Proxy balancer://{name}>\n{inside}    </Proxy>\n"
            body += f"    ProxyPass {path}/ balancer://{name}/\n"
        return vhost("app.example.com", body)

    def takes(self) -> State:
        """Return what each member of `app` does with sessions: those of the lowest set that has any get new ones."""
        open_ = [member for member in self.app.values() if not member.status]
        lowest = min(member.lbset for member in open_)
        return {
            name: Takes(
                keeps=member.status in ("", "drained"),
                new=not member.status and member.lbset == lowest,
            )
            for name, member in self.app.items()
        }

    def _wrong(self) -> list[str]:
        return [name for name, member in self.app.items() if member.route != name]

    def possible(self, kind: str, left: list[str]) -> bool:
        """Whether a change of this kind can be made now, *left* being all kinds that are still to be made."""
        if self._wrong():
            # No session may begin there before the route is right.
            return kind == "route"
        still_open = [name for name, member in self.app.items() if not member.status]
        if kind in ("drain", "take out"):
            return len(still_open) > 2
        if kind == "route":
            # Each member that is added to `app` needs one.
            return left.count("route") > len(self._nodes) - len(self.app)
        if kind == "enable":
            return len(still_open) < len(self.app)
        return True

    def change(self, kind: str) -> Call:
        """Make a change of this kind, and return how it is asked for."""
        made: Call = getattr(self, "_" + kind.replace(" ", "_"))()
        self.history.append((self.text(), self.takes()))
        return made

    def _any(self, count: int, *statuses: str) -> list[str]:
        names = [name for name, member in self.app.items() if member.status in statuses]
        return self._dice.sample(names, count)

    def _member(self, name: str, **options: Any) -> dict[str, Any]:
        members = [{"url": self.app[name].url, **options}]
        return {"name": "app", "members": members, "purge": []}

    def _three(self, parameter: str, choices: tuple[Any, ...]) -> list[dict[str, Any]]:
        members = []
        for member in (self.app[name] for name in self._any(3, "", *LETTERS)):
            before = getattr(member, parameter)
            value = self._dice.choice([choice for choice in choices if choice != before])
            setattr(member, parameter, value)
            members.append({"url": member.url, parameter: value})
            if len(members) < 3:
                self.history.append((self.text(), self.takes()))
        return members

    def _weights(self) -> Call:
        members = self._three("loadfactor", WEIGHTS)
        return Call("weights", "balancer", {"name": "app", "members": members, "purge": []})

    def _lbsets(self) -> Call:
        before = {member.url: member.lbset for member in self.app.values()}
        members = self._three("lbset", (0, 1, 2))
        after = {member.url: member.lbset for member in self.app.values()}
        between = []
        for some in itertools.product((before, after), repeat=3):
            for values, changed in zip(some, members):
                member = next(m for m in self.app.values() if m.url == changed["url"])
                member.lbset = values[member.url]
            between.append(self.takes())
        wanted = {"name": "app", "members": members, "purge": []}
        return Call("lbsets", "configuration", {"balancers": [wanted]}, between)

    def _weight(self) -> Call:
        member = self.app[self._any(1, "", *LETTERS)[0]]
        member.loadfactor = self._dice.choice([w for w in WEIGHTS if w != member.loadfactor])
        wanted = {"url": member.url, "balancer": "app", "loadfactor": f"{member.loadfactor:g}"}
        return Call("weight", "balancer_member", wanted)

    def _state(self, kind: str, name: str, status: str, state: str) -> Call:
        self.app[name].status = status
        return Call(kind, "balancer_member", {"route": name, "balancer": "app", "state": state})

    def _drain(self) -> Call:
        return self._state("drain", self._any(1, "")[0], "drained", "drained")

    def _take_out(self) -> Call:
        status = self._dice.choice(("disabled", "stopped"))
        return self._state("take out", self._any(1, "")[0], status, status)

    def _enable(self) -> Call:
        return self._state("enable", self._any(1, *LETTERS)[0], "", "enabled")

    def _lbmethod(self) -> Call:
        others = [method for method in METHODS if method != self.values["lbmethod"]]
        self.values["lbmethod"] = self._dice.choice(others)
        wanted = {"name": "app", "proxy_set": {"lbmethod": self.values["lbmethod"]}}
        return Call("lbmethod", "balancer", wanted)

    def _add_a_member(self) -> Call:
        missing = [name for name in self._nodes if name not in self.app]
        if missing:
            name = missing[0]
            self.app[name] = Member(self._nodes[name], f"not-{name}", "drained")
            wanted = self._member(name, route=f"not-{name}", status=["drained"], loadfactor=1)
            return Call("add a member", "balancer", wanted)
        name = next(name for name in self._nodes if name not in self.quiet)
        self.quiet[name] = Member(self._nodes[name], f"q-{name}")
        wanted = {"url": self._nodes[name], "route": f"q-{name}", "loadfactor": "1"}
        return Call("add a member", "balancer_member", {"balancer": "quiet", **wanted})

    def _route(self) -> Call:
        for name in self._wrong():
            self.app[name].route = name
            return Call("route", "balancer", self._member(name, route=name))
        member = self._dice.choice(list(self.quiet.values()))
        member.route += "x"
        wanted = {"url": member.url, "balancer": "quiet", "route": member.route}
        return Call("route", "balancer_member", wanted)

    def _stickysession(self) -> Call:
        name = self.values["stickysession"] + "X"
        self.values["stickysession"] = name
        return Call(
            "stickysession", "balancer", {"name": "quiet", "proxy_set": {"stickysession": name}}
        )


def plan(cluster: Cluster, kinds: Counter[str], seed: int = 1) -> Iterator[Call]:
    """Yield the changes of these *kinds*, mixed; a change is made when it is asked for."""
    dice = random.Random(seed)
    left = list(kinds.elements())
    dice.shuffle(left)
    while left:
        possible = [kind for kind in left if cluster.possible(kind, left)]
        kind = possible[0]
        left.remove(kind)
        yield cluster.change(kind)
