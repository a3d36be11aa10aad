# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries a change of the configuration out: plan, prove, write, remember.

Private to this collection.

Plan and proof are made without a lock first; where nothing is to be done, or something is wrong, nothing was
touched. Then the plan is made again under the lock, so that no change of another run gets lost, and proven
again only if it came out differently.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Callable, NamedTuple

from ._balancer import codec
from ._balancer.lint import Problem, lint
from ._balancer.model import Configuration
from ._configuration import Plan, prepare, verify
from ._fileset import FileProblem, FileSet
from ._generation import Loaded, Memory
from ._httpd.dump import View
from ._httpd.errors import Expected
from ._httpd.tree import Node
from ._instance import ConfigurationRefused, Instance, InstanceError, NotInstalled, said
from ._layer import Layer, check_persist, look
from ._outcome import UNCHANGED, Done, Outcome
from ._selinux import problems as selinux_problems
from ._wishes import ConfigurationError, Request

if TYPE_CHECKING:
    from ._preflight import Proof
    from ._transaction import Transaction

# What a transaction has in the state folder while it writes, and until it has tidied up.
_JOURNALS = ("journal", "undo")
# What a main file is called, where a folder has but one.
_USUAL = ("apache2.conf", "httpd.conf")
NOT_VALIDATED = "no"


class _Proof(NamedTuple):
    validated: str
    problems: list[Problem]
    configuration: Configuration
    warnings: list[str]


def state_folder(instance: Instance) -> str:
    """Return the private folder of this httpd for lock, journal, backups, and what it has loaded."""
    folder, name = os.path.split(instance.main_file())
    # Others may have their main file beside it: conf/NAME.conf for httpd@NAME.service of the RedHat family.
    own = "" if name in _USUAL else f"-{name}"
    return os.path.join(folder, f".apache_balancer{own}")


def recover(instance: Instance, check_mode: bool = False) -> tuple[list[str], FileSet]:
    """Put right what a run left that was killed while it wrote; return what was done, in sentences, and a set to plan
    upon. In *check_mode* it is that set, and not the disk, that holds the files as they would be put right."""
    folder = state_folder(instance)
    if not any(os.path.exists(os.path.join(folder, name)) for name in _JOURNALS):
        return [], FileSet()
    transaction = _transaction(folder)
    if check_mode:
        return transaction.foresee()
    with transaction:
        return transaction.recovered, FileSet()


def carry_out(
    instance: Instance, request: Request, validate: bool, backup: bool, check_mode: bool
) -> Outcome:
    """Bring about what *request* declares; in *check_mode* do everything except the writing.

    Raises whatever keeps it from being done; then nothing was changed.
    """
    work = _Work(instance, request, lambda on: prepare(instance, request, on), validate, backup)
    return work.run(check_mode)


def roll_back(instance: Instance, validate: bool, backup: bool, check_mode: bool) -> Outcome:
    """Put every file back as the last graceful reload that went well left it; *check_mode* as above.

    Raises :class:`ConfigurationError` if there is no record of such a reload.
    """
    work = _Work(instance, Request(), lambda on: _proven(instance, on), validate, backup)
    return work.run(check_mode)


class _Work(NamedTuple):
    """One change: *planner* says what is to be written, upon a set of files."""

    instance: Instance
    request: Request
    planner: Callable[[FileSet], Plan]
    validate: bool
    backup: bool

    def run(self, check_mode: bool) -> Outcome:
        instance = self.instance
        lacking = instance.lacking
        if lacking and not check_mode:
            raise NotInstalled(f"{lacking}; install it first")
        recovered, files = recover(instance, check_mode)
        try:
            plan = self.planner(files)
            live = self.look(plan)
        except Expected as problem:
            if lacking:
                # What is wrong may be that alone.
                raise NotInstalled(f"{lacking}; {problem}") from problem
            raise
        if not plan.fileset.changed() and not live.to_do:
            return _nothing(instance, plan, live, recovered)
        proof = self.prove(plan)
        if check_mode:
            foretold = _foretold(instance, plan, live)
            return _outcome(plan, proof, live, foretold, recovered)
        proved = (plan.fileset.changed(), stamp(plan.view))
        with _transaction(state_folder(instance)) as transaction:
            plan = self.planner(FileSet())
            recovered += transaction.recovered
            live = self.look(plan)
            if not plan.fileset.changed() and not live.to_do:
                return _nothing(instance, plan, live, recovered)
            if (plan.fileset.changed(), stamp(plan.view)) != proved:
                # Somebody changed the configuration since: what was proven is not what would be written.
                proof = self.prove(plan)
            backups = self.write(plan, live, transaction)
            return _outcome(plan, proof, live, _state(instance, plan), recovered, backups)

    def look(self, plan: Plan) -> Layer:
        """Return the running balancers that are to be changed; nothing is changed yet."""
        asked = any(target.wish.access for target in plan.targets)
        layer = look(self.instance, plan, recorded) if asked else Layer(plan, [], [])
        check_persist(plan, layer)
        if self.request.guard is not None:
            self.request.guard(plan, layer)
        return layer

    def prove(self, plan: Plan) -> _Proof:
        if not plan.fileset.changed():
            return _unchanged(self.instance, plan)
        return _prove(self.instance, plan, self.validate)

    def write(self, plan: Plan, live: Layer, transaction: Transaction) -> dict[str, str]:
        """Write the files, then change the running httpd; remember what it has not loaded."""
        memory = Memory(self.instance)
        written = [entry.path for entry in plan.fileset.changed()]
        memory.about_to_write([*written, *live.files])
        reads = plan.view.includes if plan.view else ()
        backups: dict[str, str] = {}
        if written:
            backups = transaction.commit(plan.fileset, backup=self.backup, reads=reads)
            given = live.reasons(written) if live.changes else {}
            try:
                memory.note_written([path for path in written if path not in given])
                memory.note_written([path for path in written if path in given], given=True)
            except BaseException:
                transaction.roll_back()
                raise
        for path, reasons in live.carry_out(written).items():
            memory.note_applied([path], reasons)
        return backups


def recorded(instance: Instance) -> tuple[FileSet, View] | None:
    """Return what the last graceful reload that went well has loaded, as files and as httpd read them; ``None`` where
    there is no record of it that can be read. Before the first one, it is what was there before our first change."""
    from ._preflight import candidate_view

    with contextlib.suppress(InstanceError, FileProblem):
        fileset = _transaction(state_folder(instance)).proven()
        return None if fileset is None else (fileset, candidate_view(instance, fileset))
    return None


def _proven(instance: Instance, files: FileSet) -> Plan:
    fileset = _transaction(state_folder(instance)).proven(files)
    if fileset is None:
        raise ConfigurationError(
            "there is nothing to roll back to: this httpd was never reloaded by graceful_reload"
        )
    view = None
    with contextlib.suppress(ConfigurationRefused):
        view = instance.view()
    configuration = codec.read(view.root if view else Node.root())
    return Plan(fileset, [], configuration, view, [entry.path for entry in fileset])


def stamp(view: View | None) -> list[tuple[str, int, int]]:
    """Return what changes when somebody changes a file that httpd reads."""
    found = []
    for path in view.includes if view else ():
        with contextlib.suppress(OSError):
            info = os.stat(path)
            found.append((path, info.st_ino, info.st_ctime_ns))
    return found


def _transaction(folder: str) -> Transaction:
    # Imported late: most runs write nothing.
    from ._transaction import Transaction

    return Transaction(folder)


def _unchanged(instance: Instance, plan: Plan) -> _Proof:
    problems = lint(plan.configuration, plan.view) if plan.view else []
    problems += selinux_problems(instance, plan.configuration)
    return _Proof(UNCHANGED, problems, plan.configuration, [])


def _nothing(instance: Instance, plan: Plan, live: Layer, recovered: list[str]) -> Outcome:
    return _outcome(plan, _unchanged(instance, plan), live, _state(instance, plan), recovered)


def _state(instance: Instance, plan: Plan) -> Loaded:
    """Return whether httpd has loaded everything: what was planned, and what others have left behind."""
    memory = Memory(instance)
    return memory.state(_files(plan, memory))


def _files(plan: Plan, memory: Memory) -> list[str]:
    includes = plan.view.includes if plan.view else ()
    return list(dict.fromkeys([*plan.files, *includes, *memory.files]))


def _foretold(instance: Instance, plan: Plan, live: Layer) -> Loaded:
    """Return what would be loaded once the change was made."""
    contents: dict[str, bytes | None] = {}
    for entry in plan.fileset.changed():
        if entry.link is not None:
            contents[entry.path] = b"link " + os.fsencode(entry.link)
        else:
            contents[entry.path] = None if entry.content is None else b"file " + entry.content
    memory = Memory(instance)
    return memory.foretold(_files(plan, memory), contents, live.reasons(contents))


def _outcome(
    plan: Plan,
    proof: _Proof,
    live: Layer,
    loaded: Loaded,
    recovered: list[str],
    backups: dict[str, str] | None = None,
) -> Outcome:
    return Outcome(
        [*(Done(name, change) for name, change in plan.changes), *live.changes],
        plan.fileset.changed(),
        proof.validated,
        proof.problems,
        proof.configuration,
        loaded,
        backups or {},
        proof.warnings,
        live.missed,
        live.running,
        plan.targets,
        live.failure,
        recovered,
    )


def _prove(instance: Instance, plan: Plan, validate: bool) -> _Proof:
    lacking = instance.lacking
    if lacking:
        warning = f"{lacking}; the configuration could not be proven"
        return _Proof(NOT_VALIDATED, [], plan.configuration, [warning])
    if not validate:
        return _Proof(NOT_VALIDATED, [], plan.configuration, [])
    proof = proven(instance, plan.fileset)
    problems = verify(instance, plan, proof.view)
    warnings = [said(warning) for warning in proof.warnings]
    configuration = codec.read(proof.view.root)
    problems += selinux_problems(instance, configuration)
    return _Proof(proof.validated, problems, configuration, warnings)


def proven(instance: Instance, fileset: FileSet) -> Proof:
    """Return the proof that httpd starts with *fileset*; raise :class:`ConfigurationError` that says what the
    lint knows about the reason."""
    from ._preflight import RehearsalFailed, candidate_view, prove

    try:
        proof = prove(instance, fileset)
    except RehearsalFailed as failure:
        # httpd says that it cannot start; the lint says what that means.
        fatal = _fatal(candidate_view(instance, fileset))
        raise ConfigurationError("\n".join([str(failure), *fatal])) from None
    fatal = _fatal(proof.view)
    if fatal and proof.validated != "rehearsed":
        raise ConfigurationError("httpd would not start: " + "\n".join(fatal))
    return proof


def _fatal(view: View) -> list[str]:
    return [str(problem) for problem in lint(codec.read(view.root), view) if problem.fatal]
