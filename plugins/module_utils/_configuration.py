# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a declared configuration to the set of files that brings it about, and whether it really would.

Private to this collection. Reads files and asks httpd; writes nothing.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
from collections import Counter
from operator import methodcaller
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Mapping, NamedTuple, Sequence

from ._balancer import codec
from ._balancer.health import expression_name
from ._balancer.lint import Problem, lint
from ._balancer.model import MAIN, Balancer, Configuration, Expression, Place, Vhost
from ._balancer.parameters import INVERSE
from ._balancer.plan import (
    MEMBERS,
    PARAMETERS,
    Change,
    Declaration,
    DeclarationError,
    plan,
    removal,
)
from ._fileset import FileSet
from ._httpd.dump import View
from ._httpd.errors import Expected
from ._httpd.modules import LBMETHODS
from ._httpd.secrets import secrets
from ._httpd.text import decode, encode
from ._httpd.tree import Node, from_document
from ._instance import ConfigurationRefused, Instance
from ._wishes import BalancerWish, ConfigurationError, FileWish, Request

if TYPE_CHECKING:
    from ._balancer.author import Author
    from ._httpd.document import Document

    # What is to be done to the texts for a balancer of this name, and tells the changes.
    Edit = tuple[str, Callable[[Author], Sequence[Change]]]

# Of a new file with a secret: the user who made it, and root, as whom httpd reads it.
_SECRET_MODE = 0o600


class Target(NamedTuple):
    """What a wish is about: the balancers *chosen* as they stand in the files, and what changes there."""

    wish: BalancerWish
    chosen: list[Balancer]
    changes: list[Change]


class Plan(NamedTuple):
    """What a request comes to: the set of files, the target of each wish, the configuration they were planned on
    with the *view* it was read from (``None`` where no httpd could be asked), the *files* the request is about,
    changed or not, those of them that change by nothing but what is declared about balancers (*authored*), and the
    *changes* of the files, each with the name of its balancer: one where several balancers read the same line."""

    fileset: FileSet
    targets: list[Target]
    configuration: Configuration
    view: View | None
    files: list[str]
    authored: frozenset[str] = frozenset()
    changes: Sequence[tuple[str, Change]] = ()


def prepare(instance: Instance, request: Request, fileset: FileSet) -> Plan:
    """Return the plan for *request* upon *fileset*, which becomes that of the plan.

    Raises :class:`ConfigurationError`, :class:`DeclarationError`, NotEditable, and what reading the files
    raises.
    """
    _check_once(fileset, request)
    for file in request.files:
        _put(fileset, file)
    _purge(fileset, request)
    view, refusal = _view(instance, fileset, request) if instance.installed else (None, None)
    root = view.root if view else _documents(fileset, request)
    configuration = codec.read(root)
    edits: list[Edit] = []
    targets: list[Target] = []
    files: list[str] = []
    given = {entry.path for entry in fileset}
    wishes = [*request.balancers, *(request.select(configuration) if request.select else ())]
    with _rather(refusal):
        for wish in wishes:
            on = configuration
            planned = wish if view else _by_path(wish, on)
            chosen = _existing(fileset, on, planned)
            if view and wish.path and not wish.present and not chosen:
                on = _unread(fileset, view, wish.path)
                planned = _by_path(wish, on)
                chosen = _existing(fileset, on, planned)
            files += [path for balancer in chosen for path in balancer.files]
            if wish.present and view is not None:
                _check_modules(wish.declaration, view.modules)
            found = _plan_balancer(fileset, on, edits, planned, chosen)
            targets.append(Target(wish, chosen, found))
        texts, changes = _edited(fileset, configuration, edits)
        _check_apart(fileset, request, texts)
    for path, text in texts.items():
        fileset.write(path, encode(text))
    for wish in wishes:
        _own(fileset, wish)
    _keep_secret(fileset)
    if refusal is not None and not fileset.changed():
        # Nothing here mends it, so nothing can be said about what httpd makes of it.
        raise refusal
    files += [entry.path for entry in fileset]
    authored = frozenset(texts) - given
    files = list(dict.fromkeys(files))
    return Plan(fileset, targets, configuration, view, files, authored, changes)


@contextlib.contextmanager
def _rather(refusal: ConfigurationRefused | None) -> Iterator[None]:
    """Raise *refusal*, if there is one, instead of a problem that may be but its consequence."""
    try:
        yield
    except Expected as problem:
        if refusal is None:
            raise
        raise refusal from problem


def _by_path(wish: BalancerWish, configuration: Configuration) -> BalancerWish:
    """Return *wish* for a *configuration* of its own file alone, which need not have the virtual host around it."""
    known = not wish.vhost or not wish.path or configuration.named(wish.vhost)
    return wish if known else wish._replace(vhost=None)


def _check_apart(fileset: FileSet, request: Request, texts: Mapping[str, str]) -> None:
    """Refuse to write balancers, as *texts* have them, into a file that is declared too: each run would make them
    anew, without what they were given meanwhile, such as the ``status`` of a drained member."""
    for file in request.files:
        if file.link is None and fileset.real(file.path) in texts:
            raise ConfigurationError(
                f"{file.path}: what a balancer has been given since, such as a drained member, would be lost each time"
                " that this file is written as it is declared; give the balancer a path of its own, and Include that"
            )


def _edited(
    fileset: FileSet, configuration: Configuration, edits: Sequence[Edit]
) -> tuple[dict[str, str], Sequence[tuple[str, Change]]]:
    """Return the new text of each file that *edits* change, by path, and the changes."""
    if not edits:
        return {}, ()
    # Imported late, as all that most runs have no need of: what is imported takes longer than what it does.
    from ._balancer.author import Author

    author = Author(lambda path: load(fileset, path), configuration)
    changes = [(name, change) for name, edit in edits for change in edit(author)]
    return author.texts(), changes


def load(fileset: FileSet, path: str) -> Document:
    """Return the document at *path*, of the set or else of the disk; it must exist."""
    from ._httpd.document import Document

    content = fileset.read(path)
    if content is None:
        raise ConfigurationError(f"{path}: there is no such file")
    return Document.parse(decode(content), fileset.real(path))


def verify(instance: Instance, plan_: Plan, view: View) -> list[Problem]:
    """Return the findings about *view* (what httpd makes of the new files).

    Raises :class:`ConfigurationError` where a declared balancer would not be what was declared, or the change
    itself brings a finding that makes it ineffective.
    """
    configuration = codec.read(view.root)
    problems = lint(configuration, view)
    wishes = [target.wish for target in plan_.targets]
    names = {wish.declaration.name for wish in wishes}
    doubtful = [p for p in problems if p.ineffective and p.balancer and p.balancer.name in names]
    known = Counter(problem.fault for problem in (_before(instance, plan_) if doubtful else ()))
    for problem in doubtful:
        known[problem.fault] -= 1
        if known[problem.fault] < 0:
            raise ConfigurationError(str(problem))
    for wish in wishes:
        if wish.present:
            there = _moved(wish, plan_.configuration, configuration) if plan_.view else wish
            _verify_balancer(plan_.fileset, configuration, there)
    return problems


def _moved(wish: BalancerWish, before: Configuration, after: Configuration) -> BalancerWish:
    """Return *wish* with the names of its virtual hosts *after* the change of balancers: those without one of their
    own are called by their line, which may be another one."""
    now = dict(zip(before.vhosts, after.vhosts))

    def names(name: str) -> list[str]:
        return [after.label(now[vhost]) for vhost in before.named(name) if vhost in now]

    if wish.vhost and len(names(wish.vhost)) == 1:
        wish = wish._replace(vhost=names(wish.vhost)[0])
    return wish._replace(vhosts=tuple(new for name in wish.vhosts for new in names(name)))


def _before(instance: Instance, plan_: Plan) -> list[Problem]:
    """Return the findings about what httpd reads before the change."""
    view, configuration = plan_.view, plan_.configuration
    if not plan_.authored.issuperset(entry.path for entry in plan_.fileset.changed()):
        # The plan was made with those files and modules in place.
        with contextlib.suppress(ConfigurationRefused):
            view = instance.view()
            configuration = codec.read(view.root)
    return lint(configuration, view) if view else []


def _verify_balancer(fileset: FileSet, configuration: Configuration, wish: BalancerWish) -> None:
    name = wish.declaration.name
    chosen = _existing(fileset, configuration, wish)
    if not chosen:
        where = f" in {wish.vhost}" if wish.vhost else ""
        if not wish.path:
            raise ConfigurationError(
                f"balancer://{name}: httpd would not read it{where}, and nothing was written"
            )
        raise ConfigurationError(
            f"balancer://{name}: nothing{where} includes {wish.path}, so httpd would not read it, and nothing was"
            f' written; write Include "{wish.path}" into the virtual host that uses the balancer'
        )
    for balancer in chosen:
        left = plan(balancer, wish.declaration)
        if left:
            change = left[0]
            what = f"member {change.member}" if change.member else f"balancer://{name}"
            setting = (
                balancer.settings.get(change.parameter or "") if change.member is None else None
            )
            raise ConfigurationError(
                f"{what}: {change.parameter or 'it'} would not become what is declared in"
                f" {configuration.label(balancer.vhost)}"
                + (f"; {setting.place} decides" if setting else "")
            )


# Files and modules


def _put(fileset: FileSet, wish: FileWish) -> None:
    if wish.link is not None:
        fileset.link(wish.path, wish.link)
    elif wish.content is not None:
        fileset.write(wish.path, wish.content, wish.owner, wish.group, wish.mode)
    else:
        fileset.remove(wish.path)


def _purge(fileset: FileSet, request: Request) -> None:
    declared = {wish.path for wish in request.files}
    declared |= {wish.path for wish in request.balancers if wish.path}
    kept = {fileset.real(path) for path in declared}
    for wish in request.purge:
        contains = _pattern(wish.contains)
        if not os.path.isabs(wish.folder):
            raise ConfigurationError(f"purge: {wish.folder} is no absolute path")
        with contextlib.suppress(FileNotFoundError):
            for name in sorted(os.listdir(wish.folder)):
                path = os.path.join(wish.folder, name)
                if not any(fnmatch.fnmatchcase(name, pattern) for pattern in wish.patterns):
                    continue
                if os.path.isfile(path) and fileset.real(path) not in kept:
                    content = fileset.read(path)
                    if content is not None and contains.search(decode(content)):
                        fileset.remove(path)


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.MULTILINE)
    except re.error as problem:
        raise ConfigurationError(
            f"purge: contains: {text!r} is no regular expression: {problem}"
        ) from None


def _own(fileset: FileSet, wish: BalancerWish) -> None:
    if wish.path and wish.present:
        content = fileset.read(wish.path)
        if content is not None:
            fileset.write(wish.path, content, wish.owner, wish.group, wish.mode)


def _keep_secret(fileset: FileSet) -> None:
    """Let nobody else read the new files that have a secret, where nothing is said of who may."""
    for entry in fileset:
        if entry.content is None or entry.mode is not None or entry.before.content is not None:
            continue
        if secrets(decode(entry.content)):
            fileset.write(entry.path, entry.content, mode=_SECRET_MODE)


def _check_once(fileset: FileSet, request: Request) -> None:
    """Refuse what is declared twice: which one is meant is not known."""
    seen: set[object] = set()
    for file in request.files:
        real = (
            file.path if file.link is not None or file.content is None else fileset.real(file.path)
        )
        if real in seen:
            raise ConfigurationError(f"files: {file.path} is declared twice")
        seen.add(real)
    for wish in request.balancers:
        path = wish.path and fileset.real(wish.path)
        key = (wish.declaration.name, wish.vhost, path, wish.vhosts)
        if key in seen:
            raise ConfigurationError(f"balancers: {wish.declaration.name} is declared twice")
        seen.add(key)


def _view(
    instance: Instance, fileset: FileSet, request: Request
) -> tuple[View | None, ConfigurationRefused | None]:
    """Return what httpd reads once files and modules are in place, the balancers not yet; or why it refuses
    that."""
    for wish in request.balancers:
        # So that an Include of a file that is still to be written does not fail.
        if wish.path and wish.present and fileset.read(wish.path) is None:
            fileset.write(wish.path, b"")
    try:
        if not request.modules:
            return _candidate_view(instance, fileset), None
        from ._modules import check_switched, switch_modules

        before = instance.view()
        switch_modules(instance, fileset, request.modules, before.modules)
        if not fileset.changed():
            return before, None
        view = _candidate_view(instance, fileset)
        check_switched(instance, fileset, view.modules)
        return view, None
    except ConfigurationRefused as refusal:
        # A broken configuration must not keep anyone from mending it. The files alone have to do for
        # planning; the proof before the commit decides.
        if request.select or any(wish.path is None for wish in request.balancers):
            raise
        if request.modules:
            from ._modules import switch_modules

            with _rather(refusal):
                switch_modules(instance, fileset, request.modules, None)
        return None, refusal


def _candidate_view(instance: Instance, fileset: FileSet) -> View:
    if not fileset.changed():
        return instance.view()
    from ._preflight import candidate_view

    return candidate_view(instance, fileset)


def _documents(fileset: FileSet, request: Request) -> Node:
    """Return what the files of the request themselves say, where no httpd can be asked."""
    root = Node.root()
    for wish in request.balancers:
        if wish.path and wish.present and fileset.read(wish.path) is None:
            fileset.write(wish.path, b"")
    for path in dict.fromkeys(wish.path for wish in request.balancers if wish.path):
        if fileset.read(path) is not None:
            root.children += from_document(load(fileset, path)).children
    return root


def _unread(fileset: FileSet, view: View, path: str) -> Configuration:
    """Return what the file *path* says if httpd does not read it, as when its site goes; else nothing."""
    real = fileset.real(path)
    read = {fileset.real(include) for include in view.includes}
    there = real not in read and fileset.present(real)
    return codec.read(from_document(load(fileset, path)) if there else Node.root())


# Balancers


def _check_modules(declaration: Declaration, modules: set[str]) -> None:
    """Refuse what needs a module that is not loaded, before httpd refuses the directive."""
    needed = {"headers": "sticky_cookie"} if declaration.cookie is not None else {}
    if declaration.health is not None:
        needed.update(proxy_hcheck="health_check", watchdog="health_check")
    method = (declaration.proxy_set or {}).get("lbmethod")
    # One of another name may be in a module of any name; httpd knows.
    if method in LBMETHODS:
        needed[f"lbmethod_{method}"] = f"lbmethod {method}"
    missing = [name for name in needed if f"{name}_module" not in modules]
    if missing:
        enabled = ", ".join(f"{{name: {name}}}" for name in missing)
        raise ConfigurationError(
            f"balancer://{declaration.name}: {needed[missing[0]]} needs mod_{missing[0]}, which is not loaded; enable"
            f" it with the module configuration: modules: [{enabled}]"
        )


def _plan_balancer(
    fileset: FileSet,
    configuration: Configuration,
    edits: list[Edit],
    wish: BalancerWish,
    chosen: Sequence[Balancer],
) -> list[Change]:
    declaration = wish.declaration
    if not wish.present:
        return _plan_removal(fileset, configuration, edits, wish, chosen)
    if not chosen:
        return _plan_creation(fileset, configuration, edits, wish)
    found: list[Change] = []
    for balancer in chosen:
        _check_purge(fileset, wish, balancer)
        changes = plan(balancer, declaration)
        _check_emptied(balancer, changes)
        _check_followers(configuration, balancer, declaration)
        if changes:
            edits.append((balancer.name, methodcaller("apply", balancer, changes, chosen)))
        found += changes
        _check_stickiness(balancer, declaration)
    return found


def _plan_creation(
    fileset: FileSet, configuration: Configuration, edits: list[Edit], wish: BalancerWish
) -> list[Change]:
    declaration = wish.declaration
    name = declaration.name
    if not declaration.members:
        raise DeclarationError(
            f"balancer://{name} does not exist, and without members it would answer 503; declare members"
        )
    if wish.vhost == "all":
        raise ConfigurationError(
            f"balancer://{name} exists nowhere; vhost: all changes existing ones. Name a virtual host or a path"
        )
    vhost = server(configuration, wish.vhost) if wish.vhost and not wish.path else None
    if wish.vhost and wish.path:
        named = configuration.named(wish.vhost)
        at_home = [
            v for v in named if v.place and fileset.real(v.place.file) == fileset.real(wish.path)
        ]
        vhost = at_home[0] if len(at_home) == 1 else None
    if not wish.path and vhost is None:
        raise ConfigurationError(
            f"balancer://{name} does not exist yet; say where it belongs: a path, or a vhost"
            f" ({_labels(configuration, configuration.vhosts)})"
        )
    if not wish.path and vhost is configuration.main:
        raise ConfigurationError(
            f"balancer://{name} does not exist yet; name the path to write it to"
        )
    _check_stickiness(None, declaration)
    place = vhost.place if vhost else None
    same = [v for v in configuration.vhosts if place and v.place == place]
    if len(same) > 1:
        raise ConfigurationError(
            f"{place} is where {_labels(configuration, same)} begin; balancer://{name} would be in all of them. Name a"
            " path that is included in one of them"
        )
    changes = plan(None, declaration)
    path = place.file if place else str(wish.path)
    if fileset.read(path) is None:
        fileset.write(path, b"")
    section = _section(configuration, vhost, declaration)
    edits.append((name, methodcaller("create", path, changes, name, place, section)))
    if declaration.health is not None:
        left = _left_expression(fileset, configuration, path, name)
        edits += [(name, methodcaller("forget", left))] if left else []
    return changes


def _left_expression(
    fileset: FileSet, configuration: Configuration, path: str, name: str
) -> Expression | None:
    """Return the expression that an earlier balancer *name* left in the file *path*, and nothing uses."""
    called = expression_name(name)
    left = None
    for vhost in configuration.vhosts:
        found = vhost.expressions.get(called)
        if (
            found
            and found.place.file[:1] == "/"
            and fileset.real(found.place.file) == fileset.real(path)
        ):
            if vhost.judged_by(called):
                return None
            left = found
    return left


def _section(configuration: Configuration, vhost: Vhost | None, declaration: Declaration) -> str:
    """Return what the section of a new balancer's cookie has to name; see ``Balancer.section``."""
    vhosts = [vhost] if vhost else configuration.vhosts
    named = [v.balancers[declaration.name] for v in vhosts if declaration.name in v.balancers]
    spelled = [balancer.section for balancer in named if balancer.spellings]
    return spelled[0] if spelled else ""


def _plan_removal(
    fileset: FileSet,
    configuration: Configuration,
    edits: list[Edit],
    wish: BalancerWish,
    chosen: Sequence[Balancer],
) -> list[Change]:
    found: list[Change] = []
    for balancer in chosen:
        elsewhere = [
            place
            for place in balancer.sections
            if wish.path
            and place.file[:1] == "/"
            and fileset.real(place.file) != fileset.real(wish.path)
        ]
        if elsewhere:
            raise ConfigurationError(
                f"balancer://{balancer.name} stands at {elsewhere[0]} too, not only in {wish.path}; omit path to"
                " remove all of it"
            )
        references = configuration.references(balancer)
        if references and not wish.force:
            listed = "; ".join(f"{r.place}: {r.directive} {r.text}" for r in references[:5])
            raise ConfigurationError(
                f"balancer://{balancer.name} is still in use: {listed}. Remove that first, or use force: true"
                " (requests will then answer 503)"
            )
        edits.append((balancer.name, methodcaller("remove", balancer, chosen)))
        found.append(removal(balancer))
    return found


def _existing(fileset: FileSet, configuration: Configuration, wish: BalancerWish) -> list[Balancer]:
    """Return the balancers of the configuration that are meant."""
    name = wish.declaration.name
    candidates = [b for b in configuration.balancers if b.name == name]
    names: set[str] = set()
    if wish.vhosts:
        return [b for b in candidates if configuration.label(b.vhost) in wish.vhosts]
    if wish.vhost and wish.vhost != "all" and (candidates or not wish.path):
        own = server(configuration, wish.vhost)
        others = [
            b for b in candidates if (b.vhost is configuration.main) != (own is configuration.main)
        ]
        if others and wish.present:
            raise ConfigurationError(
                f"balancer://{name} is defined in {configuration.label(others[0].vhost)} ({others[0].place});"
                f" defined in {configuration.label(own)} too, httpd would use the members of the main server"
                " in both. Use another name"
            )
        candidates = [b for b in candidates if b.vhost is own]
    if wish.path:
        real = fileset.real(wish.path)
        names = {f for b in candidates for f in b.files if f[:1] == "/" and fileset.real(f) == real}
        inside = [b for b in candidates if names.intersection(b.files)]
        if wish.vhost and candidates and not inside:
            raise ConfigurationError(
                f"balancer://{name} of {wish.vhost} stands at {candidates[0].place}, not in {wish.path};"
                " name that file, or omit path"
            )
        candidates = inside
    if len(candidates) > 1 and not wish.vhost and not (wish.path and _same(candidates, names)):
        places = ", ".join(f"{configuration.label(b.vhost)} ({b.place})" for b in candidates)
        raise ConfigurationError(
            f"balancer://{name} exists {len(candidates)} times: {places}. Name one with vhost, or vhost: all"
        )
    return candidates


def _same(balancers: Sequence[Balancer], files: set[str]) -> bool:
    """Whether *files* say the same of all *balancers*, in the same lines."""
    lines = {frozenset(place for place in b.lines if place.file in files) for b in balancers}
    return len(lines) == 1


def server(configuration: Configuration, name: str) -> Vhost:
    """Return the one server called *name*; raise :class:`ConfigurationError` naming those there are."""
    found = configuration.named(name)
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigurationError(
            f"vhost: {name} is the name of {len(found)} virtual hosts: {_labels(configuration, found)}; use one of"
            " these"
        )
    raise ConfigurationError(
        f"vhost: there is no virtual host {name}; there are {_labels(configuration, configuration.vhosts)}"
    )


def _labels(configuration: Configuration, vhosts: Iterable[Vhost]) -> str:
    return ", ".join(
        f"{configuration.label(vhost)} ({vhost.place})" if vhost.place else MAIN for vhost in vhosts
    )


def _check_emptied(balancer: Balancer, changes: Sequence[Change]) -> None:
    """Refuse to take the last member away."""
    whole = [change for change in changes if change.parameter is None and change.place is None]
    gone = [change for change in whole if change.after is None]
    if balancer.members and len(gone) == len(balancer.members) and len(whole) == len(gone):
        raise DeclarationError(
            f"balancer://{balancer.name}: member {gone[0].member} is the last one, and without members it would answer"
            " 503. Remove the balancer instead"
        )


def _check_followers(
    configuration: Configuration, balancer: Balancer, declared: Declaration
) -> None:
    """Refuse what would have no effect in a virtual host that only uses a balancer of the main server: the
    parameters of its ProxyPass win there (mod_proxy.c ``merge_proxy_config``)."""
    if balancer.vhost is not configuration.main:
        return
    wanted = declared.parameters(balancer)
    for vhost in configuration.vhosts[1:]:
        follower = vhost.balancers.get(balancer.name)
        if follower is None or follower.defined:
            continue
        used = follower.values.get("lbmethod", "byrequests")
        if follower.references and wanted.get("lbmethod", used) != used:
            reference = follower.references[0]
            raise ConfigurationError(
                f"{reference.place}: lbmethod={wanted['lbmethod']} would have no effect in"
                f" {configuration.label(vhost)}: httpd does not hand it down from the main server. Put it on this"
                f" {reference.directive}, or define the balancer in that virtual host"
            )
        for name, setting in follower.settings.items():
            managed = name in wanted or name in declared.reset
            purged = declared.proxy_set is not None and PARAMETERS in declared.purge
            if (managed or purged) and setting.value != wanted.get(name):
                raise ConfigurationError(
                    f"{setting.place}: {name}={setting.text} stands here for {configuration.label(vhost)}, which uses"
                    f" balancer://{balancer.name} of the main server, and wins there. Remove it here, or define the"
                    " balancer in that virtual host"
                )


def _check_purge(fileset: FileSet, wish: BalancerWish, balancer: Balancer) -> None:
    """Refuse to remove what stands in another file than the balancer itself."""
    for what, place in _purged(balancer, wish.declaration):
        home = wish.path or (balancer.sections[0].file if balancer.sections else balancer.files[0])
        if place.file[:1] == "/" and fileset.real(place.file) != fileset.real(home):
            raise ConfigurationError(
                f"{what} of balancer://{balancer.name} stands in another file ({place}) than {home}; list it, remove it"
                " there, or use purge: []"
            )


def _purged(balancer: Balancer, declared: Declaration) -> Iterator[tuple[str, Place]]:
    """Return what goes because it is not declared, and where each of it stands."""
    if declared.members is not None and MEMBERS in declared.purge:
        for key, member in balancer.members.items():
            if key not in declared.members:
                yield f"member {member.url}", member.place
    if PARAMETERS not in declared.purge:
        return
    for key, values in (declared.members or {}).items():
        if key in balancer.members:
            member = balancer.members[key]
            kept = {
                "status",
                *values,
                *(INVERSE.get(name) for name in values),
                *declared.reset_parameters,
            }
            for name in member.settings:
                if name not in kept:
                    yield f"{name} of member {member.url}", member.place
    if declared.proxy_set is not None:
        kept = {*declared.parameters(balancer), *declared.reset_parameters}
        for name, settings in balancer.history.items():
            for setting in settings if name not in kept else ():
                yield name, setting.place


def _check_stickiness(balancer: Balancer | None, declared: Declaration) -> None:
    """Refuse members that no session can stay on, and routes that two members would share."""
    values: dict[str, object] = dict(balancer.values) if balancer else {}
    values.update(declared.parameters(balancer))
    if "stickysession" in declared.reset:
        values.pop("stickysession", None)
    owners: dict[object, str] = {}
    for key, member in (balancer.members if balancer else {}).items():
        kept = declared.members is None or MEMBERS not in declared.purge
        if kept and key not in (declared.members or {}) and member.values.get("route"):
            owners[member.values["route"]] = member.url
    for key, wanted in (declared.members or {}).items():
        if declared.existing_only and not (balancer and key in balancer.members):
            continue
        url = declared.urls[key]
        current = balancer.members[key].values if balancer and key in balancer.members else {}
        route = wanted.get("route", current.get("route"))
        if not route and values.get("stickysession"):
            raise DeclarationError(
                f"member {url} has no route, but balancer://{declared.name} is sticky"
                f" (stickysession={values['stickysession']}): no session could stay there. Give it a route"
            )
        if route and route in owners:
            raise DeclarationError(
                f"member {url}: route {route} is also the route of {owners[route]}; sessions could not be told"
                " apart"
            )
        if route:
            owners[route] = url
