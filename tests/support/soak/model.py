# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one balancer is to be after each change, as docs/live.md promises it: in the file, in the running httpd, and
whether a reload is left to do. Members go by the name of their application server, which is their route as well."""

from __future__ import annotations

import copy
import itertools
from typing import Any, Dict, Iterator, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..traffic import Takes

Values = Dict[str, Any]
#: What the running httpd takes, with httpd's defaults; everything else comes by a reload.
MEMBER: Values = {"route": "", "loadfactor": 1.0, "lbset": 0, "status": frozenset()}
BALANCER: Values = {
    "lbmethod": "byrequests",
    "timeout": 0,
    "stickysession": None,
    # One less than there are members; what the running httpd has is no drift then.
    "maxattempts": None,
}
LETTERS = {
    "disabled": "D",
    "stopped": "S",
    "ignore_errors": "I",
    "hot_standby": "H",
    "hot_spare": "R",
    "drained": "N",
}
#: The flags that keep new sessions off a member.
OUT = frozenset(("disabled", "stopped", "drained"))
#: What a state adds to the flags, and what it takes away.
STATES = {
    "enabled": (frozenset(), OUT),
    "drained": (frozenset(("drained",)), frozenset()),
    "disabled": (frozenset(("disabled",)), frozenset()),
    "stopped": (frozenset(("stopped",)), frozenset()),
    "ignore_errors": (frozenset(("ignore_errors",)), frozenset()),
    "hot_standby": (frozenset(("hot_standby",)), frozenset(("hot_spare",))),
    "hot_spare": (frozenset(("hot_spare",)), frozenset(("hot_standby",))),
}
GROWTH = 2
#: A member and a parameter; ``None`` for the balancer itself, and for a member as a whole.
Row = Tuple[Optional[str], Optional[str]]
NO, YES, PERHAPS = "no", "yes", "perhaps"


class Proven(NamedTuple):
    """The file as graceful_reload last left it."""

    text: str
    file: Layer
    extra: bool


class Layer:
    """The balancer in the file, or in the running httpd: the values of each member, and its own *parameters*."""

    def __init__(self, members: Mapping[str, Values], parameters: Values) -> None:
        self.members: dict[str, Values] = copy.deepcopy(dict(members))
        self.parameters = dict(parameters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layer) and vars(self) == vars(other)

    def status(self, name: str) -> frozenset[str]:
        """Return the flags of a member."""
        flags: frozenset[str] = self.members[name]["status"]
        return flags

    def in_use(self) -> list[str]:
        """Return the members that nothing keeps new sessions off."""
        return [name for name in self.members if not self.status(name) & OUT]

    def give(self, name: str, values: Values) -> None:
        """Give a member *values*, after those it has; the status may be one of the STATES."""
        member = self.members.setdefault(name, {"status": frozenset()})
        status = values.get("status")
        if isinstance(status, str):
            added, removed = STATES[status]
            values = {**values, "status": self.status(name) - removed | added}
        member.update(values)

    def rows(self, before: Layer) -> set[Row]:
        """Return what differs."""
        rows: set[Row] = {(name, None) for name in self.members.keys() ^ before.members.keys()}
        for name in self.members.keys() & before.members.keys():
            rows |= {(name, key) for key in _differing(self.members[name], before.members[name])}
        return rows | {(None, key) for key in _differing(self.parameters, before.parameters)}


def _differing(one: Values, other: Values) -> list[str]:
    return [key for key in {**one, **other} if one.get(key) != other.get(key)]


def by_reload(rows: set[Row]) -> set[Row]:
    """Return the parameters among *rows* that only a reload sets."""
    return {(name, key) for name, key in rows if key and key not in (MEMBER if name else BALANCER)}


def loaded(file: Layer) -> Layer:
    """Return what httpd makes of *file* when it loads it."""
    members = {name: {**MEMBER, **values} for name, values in file.members.items()}
    attempts = {"maxattempts": len(members) - 1}
    return Layer(members, {**BALANCER, **attempts, **file.parameters})


class Model:
    """The balancer on both layers, with what is known of reloads.

    *extra*, *extra_live*: whether there is another balancer, in the file and in the running httpd.
    *pending*: whether a reload is left to do (NO, YES, PERHAPS).
    *newer*: whether that is so because the file says what the running httpd was not given.
    *texts*: what the file has held since it was loaded, while nothing was left to a reload.
    *proven*: what ``state: rolled_back`` may bring back.
    *loaded*: what the file held when it was loaded; *touched*: whether it has held something else since.
    *reloads*: how often httpd has loaded the file.
    *down*: the application server that does not run; *shaky*: those that did not, so that httpd may not know better.
    """

    def __init__(self, file: Layer, text: str) -> None:
        self.file, self.text = file, text
        self.extra = False
        self.down = ""
        self.shaky: set[str] = set()
        self.proven: list[Proven] = []
        self.reloads = 0
        self.reload()

    def copy(self) -> Model:
        """Return one that can be changed on its own."""
        return copy.deepcopy(self)

    # What happens

    def reload(self) -> None:
        """httpd loads the file."""
        self.reloads += 1
        self.live = loaded(self.file)
        self.extra_live = self.extra
        self.members_loaded = set(self.file.members)
        self.slots = len(self.file.members) + GROWTH
        self.pending = self.newer = NO
        self.texts = {self.text}
        # It may be written just before; settle() tells.
        self.loaded, self.touched = "", False
        self.shaky = {self.down} - {""}

    def leave(self, newer: bool) -> None:
        """Something is left to a reload."""
        self.pending = YES
        self.newer = YES if newer else self.newer

    def unsure(self) -> None:
        """Nobody can tell whether a reload is needed; then the modules may say that it is."""
        self.pending = self.newer = PERHAPS

    def settle(self, text: str) -> None:
        """The file holds *text* now."""
        self.touched = self.touched or (text != self.text and bool(self.loaded))
        self.loaded = self.loaded or text
        self.text = text
        self.proven = [each if each.text else each._replace(text=text) for each in self.proven]
        if self.pending != YES:
            self.texts.add(text)
        elif text in self.texts:
            self.unsure()

    def keep_proven(self) -> None:
        """httpd was reloaded by graceful_reload, which may have written the file before."""
        self.proven = [Proven("", copy.deepcopy(self.file), self.extra)]

    def nothing_to_load(self) -> None:
        """graceful_reload had nothing to do; what httpd has loaded is what it goes back to from now on."""
        if self.proven and self.text == self.loaded:
            now = Proven(self.text, copy.deepcopy(self.file), self.extra)
            self.proven = [now, *(self.proven if self.touched else ())]

    def change(
        self,
        target: str,
        wanted: Mapping[str, Values] | None = None,
        add: bool = False,
        purge: bool = False,
        absent: Sequence[str] = (),
        parameters: Values | None = None,
        bare: bool = False,
    ) -> None:
        """A declaration is brought about on the layers of *target*. *add*: members that are missing are added; *purge*:
        those that are not *wanted* go, as those do that are *absent*. *bare*: what is wanted has no other values than
        these, save flags."""
        wanted, parameters = wanted or {}, parameters or {}
        before = copy.deepcopy(self.file)
        if target != "runtime":
            for name in [n for n in wanted if add or n in self.file.members]:
                if bare and name in self.file.members:
                    self.file.members[name] = {"status": self.file.status(name)}
                self.file.give(name, wanted[name])
            for name in self._gone(self.file, wanted, purge, absent):
                del self.file.members[name]
            self.file.parameters = {**({} if bare else self.file.parameters), **parameters}
        if target == "config":
            if self.file != before:
                self.leave(newer=True)
            return
        for name, values in wanted.items():
            if bare:
                flags = {"status": self.live.status(name)} if name in self.live.members else {}
                values = {**MEMBER, **flags, **values}
            self._give(name, values, before, target == "both", add)
        for name in self._gone(self.live, wanted, purge, absent):
            self.live.give(name, {"status": "stopped"})
            self.leave(newer=False)
        taken = {key: value for key, value in parameters.items() if key in BALANCER}
        self._set_parameters({**(BALANCER if bare else {}), **taken})
        self._leave_of(before)

    def reset(self, target: str, name: str) -> None:
        """A parameter gets its default, of the balancer or of all members."""
        before = copy.deepcopy(self.file)
        if target != "runtime":
            for values in (self.file.parameters, *self.file.members.values()):
                values.pop(name, None)
        if target == "config":
            if self.file != before:
                self.leave(newer=True)
            return
        if name in MEMBER:
            for values in self.live.members.values():
                values[name] = MEMBER[name]
        if name in BALANCER:
            self._set_parameters({name: BALANCER[name]})
        self._leave_of(before)

    def _leave_of(self, before: Layer) -> None:
        """What the running httpd was not given of the change of the file from *before*."""
        rows = self.file.rows(before)
        derived = (None, "maxattempts") in rows and "maxattempts" not in self.file.parameters
        if derived or by_reload(rows):
            self.leave(newer=False)

    def _set_parameters(self, values: Values) -> None:
        # httpd cannot be told to derive it again.
        derived = {"maxattempts"} if values.get("maxattempts", 0) is None else set()
        self.live.parameters.update({k: v for k, v in values.items() if k not in derived})

    @staticmethod
    def _gone(
        layer: Layer, wanted: Mapping[str, Values], purge: bool, absent: Sequence[str]
    ) -> list[str]:
        return [n for n in layer.members if n in absent or (purge and n not in wanted)]

    def _give(self, name: str, values: Values, before: Layer, both: bool, add: bool) -> None:
        """The running httpd is given a member, or *values* of one."""
        running = name in self.live.members
        if not running and not (name in self.file.members if both else add):
            return
        if both and (not running or name not in before.members):
            # All that the file says of it, whatever was left of it in the running httpd.
            values = {**MEMBER, **self.file.members[name]}
        taken = {key: value for key, value in values.items() if key in MEMBER}
        if running or (taken == values and len(self.live.members) < self.slots):
            self.live.give(name, taken if running else {**MEMBER, **taken})
        if len(taken) < len(values) and (not running or name not in before.members):
            self.leave(newer=False)
        if name not in self.live.members:
            self.leave(newer=False)

    def moves_out(self) -> dict[str, frozenset[str]]:
        """Return what keeps members out in the running httpd alone, which graceful_reload writes to the file."""
        both = self.live.members.keys() & self.file.members.keys()
        out = {name: (self.live.status(name) - self.file.status(name)) & OUT for name in both}
        return {name: flags for name, flags in out.items() if flags}

    def doubtful(self) -> set[str]:
        """Return the members that httpd may hold for broken."""
        return {self.down, *self.shaky}

    # What it looks like

    def drift(self) -> set[Row]:
        """Return where the running httpd is not what the file says, as far as it can be seen."""
        rows = self.live.rows(loaded(self.file))
        if "maxattempts" not in self.file.parameters:
            rows.discard((None, "maxattempts"))
        return rows - by_reload(rows)

    def unloaded(self) -> bool:
        """Whether the file says what only a reload brings about."""
        rows = self.live.rows(loaded(self.file))
        removed = self.members_loaded - self.file.members.keys()
        missing = self.file.members.keys() - self.live.members.keys()
        return bool(by_reload(rows) or removed or missing) or self.extra != self.extra_live

    # Who answers whom

    def takes(self, layer: Layer | None = None) -> dict[str, Takes]:
        """Return what each member does with sessions."""
        layer = layer or self.live
        status = {name: layer.status(name) for name in layer.members}
        usable = {
            name
            for name, flags in status.items()
            if not flags & {"disabled", "stopped"} and name != self.down
        }
        new: set[str] = set()
        for number in sorted({values.get("lbset", 0) for values in layer.members.values()}):
            inside = {n for n in status if layer.members[n].get("lbset", 0) == number}
            new = self._elected(inside & usable, inside, status)
            if new:
                break
        return {name: Takes(keeps=name in usable, new=name in new) for name in status}

    @staticmethod
    def _elected(
        usable: set[str], inside: set[str], status: Mapping[str, frozenset[str]]
    ) -> set[str]:
        """Return the members of one set that get new sessions."""
        ready = {name for name in usable if "drained" not in status[name]}
        spare = {name for name in ready if "hot_spare" in status[name]}
        # What is both is a spare (proxy_util.c ap_proxy_balancer_get_best_worker).
        waits = {name for name in ready if "hot_standby" in status[name]} - spare
        first = {name for name in inside if not status[name] & {"hot_spare", "hot_standby"}}
        plain = ready & first
        chosen = plain | (spare if first - plain else set())
        return chosen or waits

    def between(self, before: Model) -> Iterator[dict[str, Takes]]:
        """Yield what the members may do while *before* becomes this: httpd is given one member after the other."""
        changed = [
            name
            for name in self.live.members.keys() | before.live.members.keys()
            if self.live.members.get(name) != before.live.members.get(name)
        ]
        for picked in itertools.product(*(self._meanwhile(before, name) for name in changed)):
            layer = Layer(before.live.members, {})
            for name, values in zip(changed, picked):
                layer.members.pop(name, None)
                if values is not None:
                    layer.members[name] = values
            yield self.takes(layer)

    def _meanwhile(self, before: Model, name: str) -> list[Values | None]:
        """Return what a member may be while *before* becomes this."""
        old, new = before.live.members.get(name), self.live.members.get(name)
        if old is None and new is not None:
            # httpd adds it disabled (mod_proxy_balancer.c), and spares stand in for one that is disabled.
            return [old, {**new, "status": new["status"] | {"disabled"}}, new]
        return [old, new]
