# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running half of a change: which running balancers a plan for the files is about, what they can be given
without a reload, and what the files then still need one for.

Private to this collection.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Callable, Iterable, NamedTuple, Sequence

from ._balancer import codec
from ._balancer.live import LivePlan, reload_reasons
from ._configuration import Plan, Target
from ._generation import TOO_CLOSE, UNKNOWN, Memory, fingerprint
from ._httpd.errors import HttpdError
from ._instance import Instance
from ._outcome import Done
from ._wishes import ConfigurationError

if TYPE_CHECKING:
    from ._access import Access
    from ._fileset import FileSet
    from ._httpd.dump import View
    from ._live import Missed, Running
    from ._process import Parent


class Part(NamedTuple):
    """One target, its balancers as they run, what they are to be given, and those that were not reached."""

    target: Target
    running: list[Running]
    plans: list[LivePlan]
    missed: list[Missed]

    @property
    def reasons(self) -> list[str]:
        """Why the files need a reload although the running httpd gets what it takes."""
        left = [each for plan in self.plans for each in plan.left]
        missed = [f"{m.vhost} was not reached: {m.reason}" for m in self.missed]
        changes = self.target.changes
        return reload_reasons(changes, left) + (missed if changes or not self.running else [])


class Layer:
    """The running balancers that one plan is about. Without any, it does nothing."""

    def __init__(self, plan: Plan, parts: Sequence[Part], pending: Sequence[str]) -> None:
        """*pending*: why the files need a reload already."""
        self._plan = plan
        self._parts = list(parts)
        self._pending = pending
        self.changes = _foreseen(self._parts)
        self.missed = [missed for part in parts for missed in part.missed]
        self.running = [running for part in parts for running in part.running]
        #: Why it was not carried out to its end; "" if it was.
        self.failure = ""

    @property
    def parts(self) -> Sequence[Part]:
        """The targets that were looked for in the running httpd."""
        return self._parts

    @property
    def to_do(self) -> bool:
        """Whether the running httpd is to be changed, or there is something to remember about it."""
        return bool(self.changes) or any(
            f"{path}: {reason}" not in self._pending
            for path, reasons in self.reasons([]).items()
            for reason in reasons
        )

    @property
    def files(self) -> list[str]:
        """The files that feed the running balancers."""
        return list(dict.fromkeys(path for part in self._parts for path in self._files(part)))

    def _files(self, part: Part) -> list[str]:
        real = self._plan.fileset.real
        files = [path for balancer in part.target.chosen for path in balancer.files]
        return list(dict.fromkeys(real(path) for path in files if path[:1] == "/"))

    def reasons(self, written: Iterable[str]) -> dict[str, list[str]]:
        """Return, of the files *written*, those that the running httpd needs no reload for except for what is
        listed, and other files that it needs one for all the same."""
        found: dict[str, list[str]] = {}
        written = set(written)
        reached = [part for part in self._parts if part.running]
        by_target = {id(part.target): part for part in reached}
        for path in written & self._plan.authored:
            targets = [
                target
                for target in self._plan.targets
                if target.changes and path in map(self._plan.fileset.real, _paths(target))
            ]
            if targets and all(id(target) in by_target for target in targets):
                reasons = [r for target in targets for r in by_target[id(target)].reasons]
                found[path] = list(dict.fromkeys(reasons))
        for part in reached:
            files = self._files(part)
            if part.reasons and files and not written & set(files):
                found.setdefault(files[0], []).extend(part.reasons)
        return found

    def why_not(self, target: Target) -> list[str]:
        """Return why the running httpd does not get all of *target* without a reload; nothing if it does."""
        for part in self._parts:
            if part.target is target:
                return part.reasons
        return ["no manager_url is given" if target.wish.access is None else "httpd does not run"]

    def carry_out(self, written: Sequence[str]) -> dict[str, list[str]]:
        """Give the running balancers what is declared; return what :meth:`reasons` then says.

        Where httpd stops taking it, ``failure`` says why, ``changes`` are those made until then, and as nothing is
        certain of the files any more, nothing is returned.
        """
        if not self.changes:
            return self.reasons(written)
        from ._live import apply_now

        self.changes = []
        for part in self._parts:
            for index, running in enumerate(part.running):
                try:
                    applied = apply_now(running, part.target.wish.declaration)
                except HttpdError as problem:
                    self.failure = f"balancer://{running.name} of {running.vhost}: {problem}"
                    return {}
                part.plans[index] = applied
                self.changes += [Done(running.name, c, running.vhost) for c in applied.changes]
                if applied.changes:
                    # Virtual hosts that use a balancer of the main server share its members.
                    for other in self.running:
                        other.source.forget()
        return self.reasons(written)


def _paths(target: Target) -> list[str]:
    return [path for balancer in target.chosen for path in balancer.files if path[:1] == "/"]


def _foreseen(parts: Iterable[Part]) -> list[Done]:
    found: dict[tuple[object, ...], Done] = {}
    for part in parts:
        for running, plan in zip(part.running, part.plans):
            for change in plan.changes:
                shared = "" if change.member else running.vhost
                key = (id(running.config), shared, change.member, change.parameter)
                found.setdefault(key, Done(running.name, change, running.vhost))
    return list(found.values())


def look(
    instance: Instance, plan: Plan, recorded: Callable[[Instance], tuple[FileSet, View] | None]
) -> Layer:
    """Return the running balancers that *plan* is about, as they are. Nothing is changed. *recorded*: tells what was
    loaded last, as far as there is a record.

    Raises :class:`ConfigurationError` where none of them is reached, unless the files declare what answers there and
    the running httpd has not loaded that yet, and LiveError where httpd would not let itself be changed.
    """
    # Imported late: a change of the files alone needs nothing of it.
    from ._live import Managers, check_ours, foresee, reach

    parent = instance.parent()
    if parent is None:
        return Layer(plan, [], [])
    managers = Managers(parent=parent)
    memory = Memory(instance)
    awaited = _Awaited(
        parent, memory, plan, functools.lru_cache(maxsize=None)(lambda: recorded(instance))
    )
    parts = []
    out_of_reach: list[Missed] = []
    for target in plan.targets:
        access = target.wish.access
        if access is None or not target.wish.present or not target.chosen:
            continue
        running, missed = reach(managers, access, plan.configuration, target.chosen)
        if not running:
            out_of_reach += [each for each in missed if not awaited(access, target, each)]
        reasons = memory.state(_paths(target)).reasons
        # What may have come too late for a load by somebody else was given to the running httpd as well.
        loaded = all(reason.endswith(TOO_CLOSE) for reason in reasons)
        running = [each._replace(loaded=loaded) for each in running]
        plans = [foresee(each, target.wish.declaration) for each in running]
        if any(each.changes for each in plans):
            check_ours(access, parent)
        parts.append(Part(target, running, plans, missed))
    # A proof may come next, which takes its time.
    managers.close()
    if out_of_reach and not any(part.running for part in parts):
        first = out_of_reach[0]
        raise ConfigurationError(f"balancer://{first.balancer} of {first.vhost}: {first.reason}")
    return Layer(plan, parts, memory.state(plan.files).reasons)


class _Awaited:
    """Tells what the running httpd cannot have yet: the files say that it will be there, and it has not loaded them.

    Any other failure to reach a balancer stays one: what is changed in the files alone is not so until a reload.
    """

    def __init__(
        self,
        parent: Parent,
        memory: Memory,
        plan: Plan,
        recorded: Callable[[], tuple[FileSet, View] | None],
    ) -> None:
        self._parent = parent
        self._memory, self._plan, self._recorded = memory, plan, recorded

    def __call__(self, access: Access, target: Target, missed: Missed) -> bool:
        """Whether that is so of what was *missed* of *target* at *access*."""
        from ._live import NotShown
        from ._manager.client import NobodyListens, NoManager
        from ._manager.declared import declared

        plan = self._plan
        if plan.view is None:
            return False
        ways = declared(plan.view, plan.configuration, access, missed.server)
        if isinstance(missed.problem, NotShown):
            place = missed.server.place
            return bool(ways) and self._is_newer(
                [*_paths(target), *([place.file] if place else [])]
            )
        if isinstance(missed.problem, NobodyListens):
            if self._listens_elsewhere(access):
                return bool(ways)
            needed = [way.listen for way in ways]
        elif isinstance(missed.problem, NoManager):
            needed = [way.files for way in ways]
        else:
            return False
        return bool(needed) and all(map(self._is_newer, needed)) and not self._had(access, missed)

    def _listens_elsewhere(self, access: Access) -> bool:
        """Whether the running httpd is seen to listen, and not there: so it has not loaded what lets it, such as a
        module that ``<IfModule>`` asks for. None of its addresses is given up alone."""
        from ._live import addresses_of, bound, held_by

        held = held_by(self._parent)
        asked = [address for url in access.url for address in addresses_of(url)]
        return bool(held) and not any(bound(address, held) for address in asked)

    def _is_newer(self, files: Iterable[str]) -> bool:
        """Whether one of *files* says something, beside what is declared of balancers, that the running httpd has
        neither loaded nor been given."""
        files = list(files)
        if any(reason.endswith(UNKNOWN) for reason in self._memory.state(files).reasons):
            return True
        paths = [path for path in files if path[:1] == "/"]
        # A link that is made now lets a file that was there be read.
        real = {*paths, *map(self._plan.fileset.real, paths)}
        return any(
            entry.path in real - self._plan.authored for entry in self._plan.fileset.changed()
        )

    def _had(self, access: Access, missed: Missed) -> bool:
        """Whether the running httpd has loaded a balancer-manager there, whatever the files say now."""
        from ._manager.declared import declared

        found = self._recorded()
        if found is None:
            return False
        fileset, view = found
        configuration = codec.read(view.root)
        return any(
            all(self._has(fileset, path) for path in way.files)
            for vhost in configuration.named(self._plan.configuration.label(missed.server))
            for way in declared(view, configuration, access, vhost)
        )

    def _has(self, fileset: FileSet, path: str) -> bool:
        real = fileset.real(path)
        content = fileset.read(real)
        known = fingerprint(None if content is None else b"file " + content)
        return self._memory.has(real, known)


def check_persist(plan: Plan, layer: Layer) -> None:
    """Refuse to change files that httpd would not go by: with ``BalancerPersist On`` it prefers what it has stored
    (mod_proxy_balancer.c ``balancer_post_config``), so only what it is given at once is true.

    Raises :class:`ConfigurationError`.
    """
    for target in plan.targets:
        kept = [balancer for balancer in target.chosen if balancer.vhost.persist]
        if not kept or not target.changes or not target.wish.present:
            continue
        reasons = layer.why_not(target)
        if reasons:
            raise ConfigurationError(
                f"balancer://{kept[0].name}: BalancerPersist is On in its virtual host, so a reload would go on with"
                f" the stored state instead of the file, and the running httpd cannot be given all of it: {reasons[0]}."
                " Set BalancerPersist Off"
            )
