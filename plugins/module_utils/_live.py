# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The balancers of a running httpd: where its balancer-manager shows them, and how they become what is
declared.

Private to this collection.

httpd shows each virtual host its own balancers, so one address is asked under the ServerName of each. What
was posted is read back before it counts as done: httpd answers 200 to what it refuses. A graceful reload by
someone else in the middle makes a new nonce and forgets what was posted; then it is posted anew.
"""

from __future__ import annotations

import functools
import ipaddress
import socket
from typing import TYPE_CHECKING, Callable, Collection, Iterable, NamedTuple, Sequence
from urllib.parse import urlsplit

from ._access import Access, shown
from ._balancer.live import Left, LivePlan, plan_live, posts
from ._balancer.model import Balancer, Configuration, Vhost
from ._balancer.plan import Change, Declaration
from ._httpd.errors import HttpdError
from ._manager.client import Line, Manager, ManagerError, NobodyListens, Refused, Silent
from ._manager.page import LiveBalancer, Page

if TYPE_CHECKING:
    from ._namespaces import Listener
    from ._process import Parent

_ROUNDS = 5
# Characters of a nonce that httpd has made itself.
_UUID = 36


class LiveError(HttpdError):
    """The running httpd cannot be asked or changed as it is meant."""


class NotShown(LiveError):
    """A balancer-manager answers, and does not show the balancer."""


class Missed(NamedTuple):
    """A balancer that runs (or should) and was not reached: of which virtual host, and why not. The *server* is that
    virtual host as the files have it, the *problem* what *reason* tells."""

    balancer: str
    vhost: str
    reason: str
    server: Vhost
    problem: HttpdError


class Source:
    """One page of balancer-manager: all balancers of one virtual host, as last read. What kept it from being read is
    remembered as well; where no answer came in time, for every page of that address: *silent* has these."""

    def __init__(
        self, manager: Manager, counters: bool = False, silent: dict[str, Silent] | None = None
    ) -> None:
        self.manager = manager
        self._counters = counters
        self._silent = {} if silent is None else silent
        self._page: Page | None = None
        self._failure: ManagerError | None = None

    @property
    def page(self) -> Page:
        """The page; read on first use. Raises what reading it raises."""
        if self._page is None:
            self._page = self._read()
        return self._page

    def _read(self) -> Page:
        failure = self._failure or self._silent.get(self.manager.url)
        if failure is not None:
            raise failure
        try:
            return self.manager.page(counters=self._counters)
        except Silent as problem:
            self._silent[self.manager.url] = problem
            raise
        except ManagerError as problem:
            self._failure = problem
            raise

    def forget(self) -> None:
        """Read it anew when it is needed next."""
        self._page = self._failure = None
        self._silent.pop(self.manager.url, None)

    def close(self) -> None:
        """Keep no connection until it is asked again."""
        self.manager.close()


class Managers:
    """The pages that one run reads: each address and name once, over one connection at a time, with exact *counters* if
    wished. *parent*: the httpd that is meant, as far as it is one of this host."""

    def __init__(self, counters: bool = False, parent: Parent | None = None) -> None:
        self._counters = counters
        self._parent = parent
        self._silent: dict[str, Silent] = {}
        self._line = Line()
        self._sources: dict[tuple[str, Access, str | None], Source] = {}

    def source(self, url: str, access: Access, name: str | None) -> Source:
        """Return the page at *url*, one of *access*, for the host *name* (``None``: that of the address)."""
        key = (url, access, name)
        if key not in self._sources:
            manager = Manager(url, *access[1:], line=self._line)
            manager = manager.named(name) if name else manager
            self._sources[key] = Source(manager, self._counters, self._silent)
        return self._sources[key]

    def told(self, problem: HttpdError) -> str:
        """Return what to say of *problem*: where nobody listens, also where this httpd does."""
        if not isinstance(problem, NobodyListens):
            return str(problem)
        text = f"manager_url: nobody listens at {problem.url}"
        return f"{text}; this httpd listens at {self._own}" if self._own else text

    @functools.cached_property
    def _own(self) -> str:
        """Where the httpd that is meant listens, as ``Listen`` would say it."""
        held = held_by(self._parent) if self._parent else []
        return ", ".join(dict.fromkeys(map(_as_listen, sorted(held, key=lambda one: one.port))))

    def close(self) -> None:
        """Keep no connection until something is asked again."""
        self._line.close()


class Running(NamedTuple):
    """One running balancer: the name of its virtual host, the page that shows it, and what the files say of it
    and of that *server* (``None`` where no file is looked at). *loaded*: whether it runs by these files."""

    name: str
    vhost: str
    source: Source
    config: Balancer | None = None
    server: Vhost | None = None
    loaded: bool = True

    @property
    def balancer(self) -> LiveBalancer:
        """The balancer as last read. Raises :class:`LiveError` if the page does not have it."""
        found = self.source.page.balancers.get(self.name)
        if found is None:
            raise NotShown(_not_shown(self.name, self.source))
        return found


def _not_shown(name: str, source: Source) -> str:
    others = ", ".join(source.page.balancers) or "no balancer"
    return (
        f"balancer://{name}: {source.manager.url} shows {others} for {source.page.server_name}; name the virtual host"
        " that has it with manager_server_name"
    )


def reach(
    managers: Managers, access: Access, configuration: Configuration, balancers: Iterable[Balancer]
) -> tuple[list[Running], list[Missed]]:
    """Return *balancers* as they run, and those that balancer-manager at *access* does not show.

    A balancer of the main server runs in each virtual host that uses it. Each page is read.
    """
    reached: list[Running] = []
    missed: list[Missed] = []
    for balancer in balancers:
        for vhost in configuration.followers(balancer) or [balancer.vhost]:
            label = configuration.label(vhost)
            try:
                source = _source(managers, access, configuration, vhost)
                running = Running(balancer.name, label, source, balancer, vhost)
                dummy = running.balancer
            except (ManagerError, LiveError) as problem:
                missed.append(Missed(balancer.name, label, managers.told(problem), vhost, problem))
            else:
                reached.append(running)
    return reached, missed


def reach_loaded(
    managers: Managers, access: Access, loaded: Configuration, balancers: Iterable[Balancer]
) -> tuple[list[Running], list[Missed]]:
    """As :func:`reach`, where *access* is about files that httpd has not loaded yet: it is asked for *balancers* by the
    names and at the addresses that their virtual hosts have in the configuration it has *loaded*."""
    reached: list[Running] = []
    missed: list[Missed] = []
    for balancer in balancers:
        found: list[Running] = []
        lost: list[Missed] = []
        for url in _candidates(access, balancer.vhost):
            there = access._replace(url=(url,), server_name=None)
            found, lost = reach(managers, there, loaded, [balancer])
            if found:
                break
        reached += found
        missed += lost
    return reached, missed


def _candidates(access: Access, vhost: Vhost) -> list[str]:
    """Return where balancer-manager may answer in *vhost*, those that are most like *access* first: other addresses may
    be forwarded to a backend."""
    given = access.url
    moved = [(_at(url, address), url) for url in given for address in vhost.addresses]
    moved.sort(key=lambda pair: urlsplit(pair[0]).hostname != urlsplit(pair[1]).hostname)
    return list(dict.fromkeys([*(url for url, dummy in moved if url), *given]))


def _at(url: str, address: str) -> str:
    """Return *url* at the *address* of a virtual host; "" if that is for any port."""
    parts = urlsplit(url)
    host, dummy, port = address.rpartition(":")
    if not port.isdigit():
        return ""
    host = (parts.hostname or "") if host in ("*", "_default_") else host
    return parts._replace(netloc=f"{host}:{port}").geturl()


def _source(
    managers: Managers, access: Access, configuration: Configuration, vhost: Vhost
) -> Source:
    """Return the page of *vhost*; raise :class:`LiveError` if each address belongs to another one."""
    name = access.server_name or vhost.host or None
    others, silent = [], []
    for url in access.url:
        address = address_of(url)
        if address is None:
            return managers.source(url, access, name)
        asked = name or urlsplit(url).hostname or ""
        serving = configuration.serving(*address, asked)
        # What the main server defines, every virtual host has.
        if serving is vhost or vhost is configuration.main:
            return managers.source(url, access, name)
        if _nobody_listens(address):
            silent.append(url)
            continue
        label = configuration.label(serving)
        others.append(f"{url} answers for the virtual host {label} when asked for {asked}")
    if not others:
        raise NobodyListens(", ".join(map(shown, silent)))
    others += [f"nobody listens at {shown(url)}" for url in silent]
    label = configuration.label(vhost)
    fix = (
        f"Leave manager_server_name out, to ask for {vhost.host}"
        if access.server_name and vhost.host and access.server_name.lower() != vhost.host.lower()
        else f"Serve balancer-manager in {label} too"
    )
    raise LiveError("; ".join(others) + f". {fix}")


def address_of(url: str) -> tuple[str, int] | None:
    """Return IP address and port at which *url* is reached; ``None`` where the name is not known here, or it is none.

    Of several addresses of a name, as ``localhost`` has, it is the first one of this host at which somebody listens:
    at the others no connection is made.
    """
    addresses = addresses_of(url)
    if len(addresses) > 1:
        # Imported late: most names have one address.
        from ._namespaces import listening

        held = listening()
        addresses = [each for each in addresses if bound(each, held)] or addresses
    return addresses[0] if addresses else None


def addresses_of(url: str) -> list[tuple[str, int]]:
    """Return each IP address of *url*, with its port; nothing where the name is not known here, or it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return []
    return list(dict.fromkeys((str(each[4][0]), port) for each in found))


def check_ours(access: Access, parent: Parent) -> None:
    """Raise :class:`LiveError` unless the socket of balancer-manager belongs to the httpd *parent*.

    Where sockets and their owners cannot be seen, nothing is said.
    """
    # Imported late: it is only needed before something is changed.
    from ._ports import sockets_of

    if not sockets_of(parent.pid):
        return
    held = held_by(parent)
    for url in access.url:
        address = address_of(url)
        if address is not None and not bound(address, held):
            break
    else:
        return
    raise LiveError(
        f"manager_url: {url} is no address of this host's httpd (process {parent.pid}), so files and running"
        " httpd would not belong together; use an address on which it listens, or target: runtime"
    )


def held_by(parent: Parent) -> list[Listener]:
    """Return where the httpd *parent* listens; nothing where its sockets cannot be seen."""
    # Imported late: most runs that change nothing have no need of it.
    from ._namespaces import listening
    from ._ports import sockets_of

    ours = sockets_of(parent.pid)
    return [one for one in listening() if one.inode in ours]


def _as_listen(one: Listener) -> str:
    host = "*" if one.address in ("::", "0.0.0.0") else one.address
    return f"[{host}]:{one.port}" if ":" in host else f"{host}:{one.port}"


def _nobody_listens(address: tuple[str, int]) -> bool:
    """Whether *address* is one of this host, and nobody is there."""
    # Imported late, as above.
    from ._namespaces import listening
    from ._ports import is_local

    host = ipaddress.ip_address(address[0].partition("%")[0])
    return is_local(host) and not bound(address, listening())


def bound(address: tuple[str, int], listeners: Sequence[Listener]) -> bool:
    """Whether one of *listeners* is at *address*, which is one of this host."""
    # Imported late, as above.
    from ._ports import is_local

    host, port = ipaddress.ip_address(address[0].partition("%")[0]), address[1]
    for one in listeners:
        there = ipaddress.ip_address(one.address)
        # All of IPv6 may hold all of IPv4 as well, which depends on how httpd was built.
        whole = there.is_unspecified and there.version >= host.version
        if one.port == port and (there == host or whole) and is_local(host):
            return True
    return False


def foresee(running: Running, declared: Declaration) -> LivePlan:
    """Return what :func:`apply_now` would do. Raises :class:`LiveError` if httpd would not let it."""
    plan = _plan(running, declared, ())
    if plan.changes:
        _check_writable(running)
    return plan


def _plan(running: Running, declared: Declaration, added: Collection[str]) -> LivePlan:
    return plan_live(
        running.balancer, declared, running.config, added, running.vhost, running.loaded
    )


def _check_writable(running: Running) -> None:
    if running.balancer.nonce == "":
        raise LiveError(
            f"balancer://{running.name} of {running.vhost} is read-only while httpd runs: its nonce is None. Remove"
            " that parameter and reload, or use target: config"
        )


def apply_now(running: Running, declared: Declaration) -> LivePlan:
    """Make the running balancer what is *declared*, as far as it can be without a reload, read it back, and
    return what was changed and what is left.

    Raises :class:`LiveError` and what the client raises; some of it may be done then.
    """
    done: dict[tuple[str | None, str | None], Change] = {}
    refused: dict[tuple[str | None, str | None], Left] = {}
    added: set[str] = set()
    before: tuple[str | None, list[Change]] | None = None
    plan = LivePlan([], [])
    for dummy in range(_ROUNDS):
        balancer = running.balancer
        plan = _plan(running, declared, added)
        changes = [change for change in plan.changes if _key(change) not in refused]
        if before == (balancer.nonce, changes):
            # Posted with the right nonce, read back, and still not so.
            for change in changes:
                refused[_key(change)] = _not_taken(running, change)
            changes = []
        if not changes:
            break
        _check_writable(running)
        before = (balancer.nonce, changes)
        for change in changes:
            if not _is_of(change, added, balancer):
                done.setdefault(_key(change), change)
        _post(running, changes, refused)
        running.source.forget()
        there = running.balancer.members
        added |= {key for key in declared.urls if key not in balancer.members and key in there}
    else:
        raise LiveError(
            f"balancer://{running.name} of {running.vhost}: somebody else keeps changing it, or reloading httpd; gave"
            f" up after {_ROUNDS} attempts. Run it again"
        )
    changes = [change for key, change in done.items() if key not in refused]
    return LivePlan(changes, [*plan.left, *refused.values()])


def _key(change: Change) -> tuple[str | None, str | None]:
    return change.member, change.parameter


def _is_of(change: Change, added: set[str], balancer: LiveBalancer) -> bool:
    """Whether *change* only completes the addition of a member."""
    return any(
        balancer.members[key].url == change.member for key in added if key in balancer.members
    )


def _post(
    running: Running, changes: Sequence[Change], refused: dict[tuple[str | None, str | None], Left]
) -> None:
    balancer = running.balancer
    for post in posts(changes, balancer):
        try:
            running.source.manager.post(
                balancer.name, balancer.nonce or "", post.fields, member=post.member
            )
        except Refused as problem:
            if post.fields[0][0] != "b_nwrkr":
                raise
            url = post.fields[0][1]
            refused[(url, None)] = Left(url, None, f"member {url} is added by a reload: {problem}")


def _not_taken(running: Running, change: Change) -> Left:
    """Return what to say of a change that httpd answered with 200 and did not make."""
    what = f"member {change.member}: " if change.member else f"balancer://{running.name}: "
    reason = {
        "lbmethod": "the running httpd has not loaded that method",
        "hcexpr": "the running httpd knows no such expression",
        "stickysession": "this httpd does not take it while it runs",
    }.get(change.parameter or "", "balancer-manager answered, but did not do it")
    name = change.parameter or "it"
    return Left(change.member, change.parameter, f"{what}{name} needs a reload: {reason}")


def find_running(
    managers: Managers, access: Access, has: Callable[[LiveBalancer], bool]
) -> list[Running]:
    """Return the running balancers that *has* accepts, where no file is looked at, each once although several
    addresses may show it; with a nonce that is declared, once for each name that it is shown under. Raises what reading
    the pages raises."""
    found: dict[tuple[str | None, ...], Running] = {}
    for url in access.url:
        source = managers.source(url, access, access.server_name)
        page = source.page
        for name, balancer in page.balancers.items():
            if has(balancer):
                # httpd tells its virtual hosts apart by the identifier, and makes a new nonce for each balancer. Where
                # one is declared, another httpd may have the same; and these have their names.
                own = len(balancer.nonce or "") == _UUID
                asked = None if own else page.server_name
                key = (name, balancer.identifier, balancer.nonce, asked)
                found.setdefault(key, Running(name, page.server_name, source))
    return list(found.values())
