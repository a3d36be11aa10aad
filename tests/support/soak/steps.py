# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may happen to a load balancer, by us and by others: each step says what is done, and what is to be afterwards.

``TABLE`` has name, weight and function of each. A function is given the model, the application servers and dice; it
returns ``None`` where its step makes no sense now.
"""

from __future__ import annotations

import copy
import random
from typing import Any, Callable, Mapping, NamedTuple, Optional, Sequence

from .model import GROWTH, LETTERS, NO, OUT, STATES, YES, Layer, Model, Values

#: Shorter than any session of the load pauses.
WAIT = {"wait": True, "wait_timeout": 1, "wait_idle": 0.3, "wait_interval": 0.1}
LOADFACTORS = (1.0, 4.0, 10.0, 40.0)
EXTRA = "spare"


class Plan(NamedTuple):
    """One step: *module* with *options*, or what somebody else does by *hand*, with its *arguments*.

    *after*: what may be afterwards, most likely first.
    *fails*: what the module says when it fails, which it *may* or has to.
    *again*: whether it finds nothing to do when it is repeated.
    *rows*: the layers of which it names what it changes.
    *reloads*: whether httpd may load its configuration.
    *change*: what is changed, as :meth:`Model.change` takes it, where that is all.
    """

    after: list[Model]
    module: str = ""
    options: dict[str, Any] = {}
    hand: str = ""
    arguments: Sequence[Any] = ()
    fails: str = ""
    may: bool = False
    again: bool = True
    rows: Sequence[str] = ("config", "runtime")
    reloads: bool = False
    change: dict[str, Any] = {}

    @property
    def killable(self) -> bool:
        """Whether it comes to the same when it is killed and then done once more."""
        return not self.fails and (self.again or self.reloads)


class Site(NamedTuple):
    """The addresses of the application servers by name, and the hosts they are on."""

    urls: Mapping[str, str]
    vhost: str

    def on(self, host: str) -> list[str]:
        """Return the names of those on *host*."""
        return [name for name, url in self.urls.items() if f"://{host}:" in url]


Draw = Callable[[Model, Site, random.Random], Optional[Plan]]


def _plan(model: Model, module: str, options: dict[str, Any], change: dict[str, Any]) -> Plan:
    after = model.copy()
    after.change(**change)
    return Plan([after], module, options, change=change)


def fit(model: Model) -> bool:
    """Whether new sessions are served, now and after a reload, and there are enough members to go on with.

    A server that has ended stays one that httpd tries again soon, as it was when it ended, and that others can stand in
    for: where errors are ignored, requests go to it and fail (mod_proxy.c ``proxy_handler``).
    """
    return all(
        len(layer.members) > 1
        and any(takes.new for takes in model.takes(layer).values())
        and (model.down not in layer.members or _may_end(layer.members[model.down]))
        for layer in (model.live, model.file)
    )


def _may_end(values: Values) -> bool:
    """Whether httpd tries a member with these *values* again soon, and takes others as long as it cannot be reached."""
    return bool(values.get("retry")) and "ignore_errors" not in values["status"]


def _target(dice: random.Random) -> str:
    return dice.choices(("both", "config", "runtime"), (7, 1, 2))[0]


def _values(dice: random.Random, target: str) -> Values:
    """Return some values of a member."""
    values: Values = {}
    if dice.random() < 0.6:
        values["loadfactor"] = dice.choice(LOADFACTORS)
    if dice.random() < 0.2:
        values["lbset"] = dice.choice((0, 0, 1))
    if dice.random() < 0.3:
        words = dice.sample(list(LETTERS), dice.choice((0, 0, 1, 1, 2)))
        values["status"] = frozenset(words)
    if target != "runtime" and dice.random() < 0.15:
        values["retry"] = dice.choice((1, 2))
    return values


def _option(site: Site, name: str, values: Values) -> dict[str, Any]:
    """Return a member as the modules take it."""
    option = {"url": site.urls[name], **values}
    if "status" in values:
        option["status"] = [word for word in LETTERS if word in values["status"]]
    return option


# What the modules of the collection do


def declare(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """Some members and parameters are declared, or all members but those that are to go, or all there is to say."""
    target = _target(dice)
    layer = model.live if target == "runtime" else model.file
    purge = [word for word in ("members", "parameters") if dice.random() < 0.4]
    if target == "runtime":
        purge = []
    missing = [name for name in site.urls if name not in layer.members]
    names = dice.sample(list(layer.members), dice.randint(1, min(3, len(layer.members))))
    if "members" in purge:
        count = max(2, len(layer.members) - dice.choice((0, 0, 1)))
        names = dice.sample(list(layer.members), count)
    wanted = {name: _values(dice, target) for name in names}
    if missing and dice.random() < 0.3:
        wanted[missing[0]] = _values(dice, target)
    for name, values in wanted.items():
        if "parameters" in purge or name in missing:
            values["route"] = name
    parameters = _parameters(dice, target)
    if "parameters" in purge:
        parameters.update(growth=GROWTH, stickysession="JSESSIONID")
    change = {
        "target": target,
        "wanted": wanted,
        "add": True,
        "purge": "members" in purge,
        "parameters": parameters,
        "bare": "parameters" in purge,
    }
    options: dict[str, Any] = {
        "name": "app",
        "members": [_option(site, name, values) for name, values in wanted.items()],
        "target": target,
        "purge": purge,
    }
    if parameters:
        options["proxy_set"] = parameters
    plan = _plan(model, "balancer", options, change)
    if target == "runtime" and not wanted.keys() <= plan.after[0].live.members.keys():
        return Plan([model], "balancer", options, fails="no free slot")
    if target != "runtime" and dice.random() < 0.2:
        return plan._replace(module="configuration", options={"balancers": [options]})
    return plan


def _parameters(dice: random.Random, target: str) -> Values:
    """Return some parameters of the balancer."""
    parameters: Values = {}
    if dice.random() < 0.3:
        parameters["lbmethod"] = dice.choice(("byrequests", "bybusyness", "bytraffic"))
    if dice.random() < 0.15:
        parameters["timeout"] = dice.choice((1, 2))
    if dice.random() < 0.15:
        parameters["maxattempts"] = dice.choice((2, 3, 4))
    if target != "runtime" and dice.random() < 0.1:
        parameters["failontimeout"] = dice.random() < 0.5
    return parameters


def default(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """A parameter of all members, or of the balancer, gets its default again."""
    name = dice.choice(
        ("loadfactor", "lbset", "retry", "lbmethod", "timeout", "maxattempts", "failontimeout")
    )
    target = _target(dice)
    after = model.copy()
    after.reset(target, name)
    return Plan([after], "balancer", {"name": "app", "reset": [name], "target": target})


def nothing(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """The file is declared as it is."""
    members = [_option(site, name, values) for name, values in model.file.members.items()]
    options = {"name": "app", "members": members, "proxy_set": dict(model.file.parameters)}
    return Plan([model], "balancer", {**options, "target": "config"})


def _who(
    model: Model, site: Site, dice: random.Random, layer: Layer
) -> tuple[dict[str, Any], list[str]]:
    """Return how some members of *layer* are named, and who that is among all application servers."""
    name = dice.choice(list(layer.members))
    by = dice.choice(("url", "route", "route", "host"))
    host = site.urls[name].split("/")[2].split(":")[0]
    if by == "host":
        return {"host": host}, site.on(host)
    return {by: site.urls[name] if by == "url" else name}, [name]


def _guarded(model: Model, target: str, who: list[str]) -> bool | None:
    """Whether it is refused to take *who* out, as nobody would be left; ``None``: that depends."""
    layers = {"both": [model.live, model.file], "config": [model.file], "runtime": [model.live]}
    verdict: bool | None = False
    for layer in layers[target]:
        in_use = set(layer.in_use())
        if not in_use & set(who):
            continue
        if not in_use - set(who):
            return True
        if not in_use - set(who) - model.doubtful():
            verdict = None
    return verdict


def state(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """Members are taken out, or put back, or are given flags."""
    target = _target(dice)
    options, who = _who(model, site, dice, model.live if target == "runtime" else model.file)
    options["target"] = target
    status: str | frozenset[str]
    if dice.random() < 0.2:
        options["status"] = dice.sample(list(LETTERS), dice.choice((0, 1, 2)))
        added = status = frozenset(options["status"])
    else:
        options["state"] = status = dice.choices(list(STATES), (8, 5, 3, 2, 1, 2, 1))[0]
        added = STATES[options["state"]][0]
    there = model.live if target == "runtime" else model.file
    wanted = {name: {"status": status} for name in who if name in there.members}
    if added & OUT:
        refused = _guarded(model, target, who)
        if refused is None:
            return None
        if refused:
            return Plan([model], "balancer_member", options, fails="min_usable")
    return _plan(model, "balancer_member", options, {"target": target, "wanted": wanted})


def waiting(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """A member is drained, and waited for."""
    name = dice.choice(list(model.file.members))
    if name not in model.live.members or _guarded(model, "both", [name]) is not False:
        return None
    on_timeout = dice.choice(("fail", "continue", "restore", "disable"))
    drained = model.copy()
    drained.change("both", {name: {"status": "drained"}})
    after = [drained]
    if on_timeout == "restore":
        # Nobody can tell here whether it was in the file for a while.
        after.append(model.copy())
        after[1].unsure()
    if on_timeout == "disable":
        after.append(drained.copy())
        after[1].change("both", {name: {"status": "disabled"}})
    options = {"route": name, "state": "drained", "on_timeout": on_timeout, **WAIT}
    fails = "not idle after" if on_timeout in ("fail", "restore") else ""
    return Plan(after, "balancer_member", options, fails=fails, may=True, again=False, rows=())


def waiting_for(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """A member is put back, and waited for until it can be used."""
    name = dice.choice(list(model.file.members))
    if name not in model.live.members or name in model.doubtful():
        return None
    after = model.copy()
    after.change("both", {name: {"status": "enabled"}})
    return Plan([after], "balancer_member", {"route": name, "state": "enabled", **WAIT})


def weight(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """A member gets a load factor, or for a while a part of its own."""
    name = dice.choice(list(model.file.members))
    after = model.copy()
    if dice.random() < 0.5:
        factor = dice.choice(LOADFACTORS)
        target = dice.choice(("both", "config"))
        after.change(target, {name: {"loadfactor": factor}})
        options = {"url": site.urls[name], "loadfactor": f"{factor:g}", "target": target}
        return Plan([after], "balancer_member", options)
    percent = dice.choice((25, 50, 100))
    part = model.file.members[name].get("loadfactor", 1.0) * percent / 100
    options = {"route": name, "loadfactor": f"{percent}%", "state": "enabled"}
    if part < 1:
        return Plan([model], "balancer_member", options, fails="httpd takes 1 to 100")
    after.change("both", {name: {"status": "enabled"}})
    if name in after.live.members:
        after.live.members[name]["loadfactor"] = part
    return Plan([after], "balancer_member", options)


def add(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """A member is added."""
    missing = [name for name in site.urls if name not in model.file.members]
    if not missing:
        return None
    name = dice.choice(missing)
    values: Values = {"route": name}
    if dice.random() < 0.5:
        values["loadfactor"] = dice.choice(LOADFACTORS)
    if dice.random() < 0.3:
        values["retry"] = 1
    target = dice.choice(("both", "both", "config"))
    options = {"url": site.urls[name], "balancer": "app", "target": target, **values}
    if "loadfactor" in values:
        options["loadfactor"] = f"{values['loadfactor']:g}"
    change = {"target": target, "wanted": {name: values}, "add": True}
    return _plan(model, "balancer_member", options, change)


def remove(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """A member is removed."""
    name = dice.choice(list(model.file.members))
    target = dice.choice(("both", "both", "config"))
    options = {"url": site.urls[name], "state": "absent", "target": target}
    refused = _guarded(model, target, [name])
    if refused is None or len(model.file.members) < 3:
        return None
    if refused:
        return Plan([model], "balancer_member", options, fails="min_usable")
    return _plan(model, "balancer_member", options, {"target": target, "absent": [name]})


def reload(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """httpd loads its configuration, if it has to or in any case; who is only out while it runs may stay out."""
    options: dict[str, Any] = {
        "only_if_needed": dice.random() < (0.3 if model.moves_out() else 0.7)
    }
    keeps = dice.random() < 0.7
    if not keeps:
        options["manager_url"] = []
    after = []
    if model.pending != YES and options["only_if_needed"]:
        after.append(model.copy())
        after[-1].nothing_to_load()
    if model.pending != NO or not options["only_if_needed"]:
        moved = model.moves_out() if keeps else {}
        for kept in (moved, {}) if model.newer != YES else ({},):
            if kept is moved or model.newer != NO:
                after.append(model.copy())
                for name, flags in kept.items():
                    after[-1].file.give(name, {"status": after[-1].file.status(name) | flags})
                after[-1].reload()
                after[-1].keep_proven()
    only = {**options, "only_if_needed": True}
    return Plan(
        after,
        "graceful_reload",
        options,
        again=only == options,
        rows=("config",),
        reloads=True,
    )


def roll_back(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """The file becomes what it was when graceful_reload last went well."""
    options = {"state": "rolled_back"}
    after = []
    for text, file, extra in model.proven:
        after.append(model.copy())
        after[-1].file, after[-1].extra = copy.deepcopy(file), extra
        if text != model.text:
            after[-1].leave(newer=True)
    return Plan(after, "configuration", options, rows=()) if after else None


def another(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """Another balancer, that nobody uses, comes or goes."""
    after = model.copy()
    after.extra = not model.extra
    after.leave(newer=True)
    options: dict[str, Any] = {"name": EXTRA, "state": "absent"}
    if not model.extra:
        members = [{"url": "http://127.0.0.2:9", "route": "x"}]
        options = {"name": EXTRA, "vhost": site.vhost, "members": members}
    return Plan([after], "balancer", options, rows=())


def absent(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """The balancer is in use, so it is not removed."""
    return Plan([model], "balancer", {"name": "app", "state": "absent"}, fails="still in use")


# What others do


def foreign_reload(model: Model, site: Site, dice: random.Random) -> Plan | None:
    after = model.copy()
    after.reload()
    return Plan([after], hand="reload", reloads=True)


def foreign_comment(model: Model, site: Site, dice: random.Random) -> Plan | None:
    after = model.copy()
    after.leave(newer=True)
    return Plan([after], hand="edit", arguments=("", f"# {dice.getrandbits(32):x}"))


def foreign_edit(model: Model, site: Site, dice: random.Random) -> Plan | None:
    named = [name for name, values in model.file.members.items() if "loadfactor" in values]
    if not named:
        return None
    name = dice.choice(named)
    before = model.file.members[name]["loadfactor"]
    factor = dice.choice([number for number in LOADFACTORS if number != before])
    after = model.copy()
    after.file.give(name, {"loadfactor": factor})
    after.leave(newer=True)
    return Plan([after], hand="edit", arguments=(site.urls[name], f"loadfactor={factor:g}"))


def foreign_drift(model: Model, site: Site, dice: random.Random) -> Plan | None:
    name = dice.choice(list(model.live.members))
    after = model.copy()
    word = dice.choice(("loadfactor", "lbset", "drained", "drained", "disabled", "stopped"))
    if word in ("loadfactor", "lbset"):
        value = dice.choice(LOADFACTORS if word == "loadfactor" else (0, 1))
        after.live.give(name, {word: value})
        fields = {"loadfactor": "w_lf", "lbset": "w_ls"}[word], f"{value:g}"
    else:
        on = word not in model.live.status(name)
        after.live.give(name, {"status": model.live.status(name) ^ {word}})
        fields = f"w_status_{LETTERS[word]}", str(int(on))
    return Plan([after], hand="post", arguments=(site.urls[name], *fields))


def server_ends(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """An application server ends, one that httpd tries again soon, and that others can stand in for."""
    names = [
        name
        for name, values in model.live.members.items()
        if not model.down
        and name in model.file.members
        and _may_end(values)
        and _may_end(model.file.members[name])
    ]
    if not names:
        return None
    after = model.copy()
    after.down = dice.choice(names)
    after.shaky.add(after.down)
    return Plan([after], hand="end", arguments=(after.down,))


def server_starts(model: Model, site: Site, dice: random.Random) -> Plan | None:
    """It starts again, and knows its sessions no more."""
    if not model.down:
        return None
    after = model.copy()
    after.down = ""
    values = model.live.members.get(model.down, {})
    return Plan([after], hand="start", arguments=(model.down, values.get("retry", 0)))


#: Name, weight and function.
TABLE: Sequence[tuple[str, int, Draw]] = (
    ("declare", 16, declare),
    ("state", 16, state),
    ("add", 5, add),
    ("remove", 5, remove),
    ("weight", 5, weight),
    ("default", 3, default),
    ("wait", 2, waiting),
    ("wait for", 2, waiting_for),
    ("nothing", 3, nothing),
    ("reload", 12, reload),
    ("roll back", 4, roll_back),
    ("another", 3, another),
    ("absent", 1, absent),
    ("foreign reload", 4, foreign_reload),
    ("foreign comment", 2, foreign_comment),
    ("foreign edit", 2, foreign_edit),
    ("foreign drift", 8, foreign_drift),
    ("server ends", 3, server_ends),
    ("server starts", 12, server_starts),
)


def draw(model: Model, site: Site, dice: random.Random) -> tuple[str, Plan]:
    """Return one of the steps that make sense now, and its name."""
    while True:
        name, dummy, function = dice.choices(TABLE, [weight for dummy, weight, _f in TABLE])[0]
        plan = function(model, site, dice)
        if plan and all(map(fit, plan.after)):
            return name, plan
