# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a configuration says about balancers: virtual hosts, balancers, members, and where each thing
stands.

Private to this collection.
"""

from __future__ import annotations

import fnmatch
import re
from typing import Iterable, Iterator, NamedTuple

from .._httpd.secrets import masked_url
from .cookie import Header, carries_no_route, puts_route
from .parameters import Value

MAIN = "_main"

# proxy_util.c ap_proxy_port_of_scheme; uwsgi is not in its table (seen on 2.4.71).
_DEFAULT_PORTS = {
    "http": "80",
    "https": "443",
    "ajp": "8009",
    "fcgi": "8000",
    "scgi": "4000",
    "h2": "443",
    "h2c": "80",
    "ws": "80",
    "wss": "443",
    "ftp": "21",
}

_URL = re.compile(
    r"(?s)([A-Za-z][A-Za-z0-9+.-]*)://((?:[^/@?#]*@)?)(\[[^\]/]*\]|[^/:?#]*)(?::([0-9]*))?((?:[/?#].*)?)"
)
_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*")


class Place(NamedTuple):
    """Where something stands: the file and the line that httpd reports for it (the last line of a
    continued directive)."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Setting(NamedTuple):
    """One ``key=value`` as it stands in the configuration, with what httpd reads from it."""

    value: Value
    text: str
    place: Place


def canonical_url(url: str) -> str:
    """Return a member URL as httpd names the member (proxy_util.c ``ap_proxy_define_worker``): scheme and
    host in lower case, no default port, everything else verbatim. ``unix:/socket|URL`` keeps its socket.

    Raises ``ValueError`` if it is not a URL that httpd takes for a member.
    """
    socket, stroke, rest = url.partition("|")
    if socket.lower().startswith("unix:") and stroke:
        return "unix:" + socket[5:] + "|" + _canonical(rest)
    return _canonical(url)


def _canonical(url: str) -> str:
    found = _URL.fullmatch(url)
    if not found or not found.group(3):
        raise ValueError(f"{masked_url(url)!r} is no member URL; write scheme://host[:port]")
    scheme, user, host, port, tail = found.groups()
    scheme = scheme.lower()
    number = (port.lstrip("0") or "0") if port else ""
    shown_port = ":" + number if number and number != _DEFAULT_PORTS.get(scheme) else ""
    return f"{scheme}://{user}{host.lower()}{shown_port}{tail}"


def identity(url: str) -> str:
    """Return the part of a canonical member URL by which httpd tells members apart: for
    ``unix:/socket|URL`` only what follows the stroke (proxy_util.c ``ap_proxy_get_worker_ex``)."""
    return url.partition("|")[2] if url.startswith("unix:") else url


def absorbing_member(url: str, members: Iterable[str]) -> str | None:
    """Return which of *members* (identities, in the order of the file) httpd takes *url* for, if any.

    httpd looks a new member up by the URL as written, scheme and host in lower case, and takes the longest
    existing name that is a prefix of it and covers at least scheme, host and port (proxy_util.c
    ``ap_proxy_get_worker_ex``). The new line is then dropped without being validated.
    """
    known = members if isinstance(members, (set, dict)) else set(members)
    written = url.partition("|")[2] if url.lower().startswith("unix:") else url
    found = _HOST.match(written)
    if not found:
        return None
    written = found.group(0).lower() + written[found.end() :]
    for end in range(len(written), found.end() - 1, -1):
        if written[:end] in known:
            return written[:end]
    return None


class Member:
    """One BalancerMember: its canonical *url*, the URL as *written*, its *place* and its settings by
    parameter name (the last one of a key decides)."""

    __slots__ = ("place", "settings", "url", "written")

    def __init__(self, url: str, written: str, place: Place) -> None:
        self.url = url
        self.written = written
        self.place = place
        self.settings: dict[str, Setting] = {}

    @property
    def values(self) -> dict[str, Value]:
        """The value of each parameter that is set."""
        return {name: setting.value for name, setting in self.settings.items()}


class Merged(NamedTuple):
    """A BalancerMember line that httpd drops because it takes it for an earlier member."""

    url: str
    place: Place
    into: str
    settings: tuple[str, ...]


class Reference(NamedTuple):
    """A directive that sends requests to a balancer."""

    place: Place
    directive: str
    text: str
    #: ``balancer://Name`` as it is spelled there.
    target: str = ""


class CookieLine(NamedTuple):
    """A ``Header`` directive that issues a route cookie. *section*: what the ``<Proxy>`` section around it names,
    "" outside of those; *around*: where that section begins; *alone*: whether it has nothing else in it."""

    header: Header
    text: str
    place: Place
    section: str = ""
    around: Place | None = None
    alone: bool = False


class Expression(NamedTuple):
    """A ``ProxyHCExpr``: its *text*, and its place."""

    text: str
    place: Place


class Balancer:
    """One balancer of one server: identified by its virtual host and its name."""

    def __init__(self, name: str, vhost: Vhost) -> None:
        self.name = name
        self.vhost = vhost
        self.members: dict[str, Member] = {}
        self.merged: list[Merged] = []
        self.history: dict[str, list[Setting]] = {}
        self.sections: list[Place] = []
        #: sections that say nothing about the balancer itself, such as who may use it.
        self.beside: list[Place] = []
        self.references: list[Reference] = []
        #: the lines that issue a cookie for it alone, in the order httpd reads them.
        self.cookies: list[CookieLine] = []
        #: how those that send requests to it spell ``balancer://Name``, the first one first.
        self.spellings: list[str] = []
        #: the arguments of the ``Header`` directives that may put the route into cookies of its answers.
        self.headers: list[list[str]] = []

    @property
    def defined(self) -> bool:
        """Whether the configuration says more of it than that requests go there."""
        return bool(self.sections or self.members or self.merged)

    @property
    def place(self) -> Place | None:
        """Where it begins."""
        if self.sections:
            return self.sections[0]
        for member in self.members.values():
            return member.place
        return None

    @property
    def settings(self) -> dict[str, Setting]:
        """The setting of each parameter that decides: the one executed last."""
        return {name: settings[-1] for name, settings in self.history.items()}

    @property
    def values(self) -> dict[str, Value]:
        """The value of each parameter that is set."""
        return {name: setting.value for name, setting in self.settings.items()}

    @property
    def files(self) -> list[str]:
        """The files that feed it (ProxyPass parameters excepted), in the order httpd reads them."""
        places = list(self.sections) + [member.place for member in self.members.values()]
        places += [merged.place for merged in self.merged]
        places += [line.place for line in self.cookies]
        return list(dict.fromkeys(place.file for place in places))

    @property
    def lines(self) -> set[Place]:
        """The lines that say something of it. One that httpd drops says nothing."""
        places = {member.place for member in self.members.values()}
        places.update(self.sections)
        places.update(setting.place for settings in self.history.values() for setting in settings)
        for line in [*self.cookies, *self.vhost.cookies]:
            places.update([line.place, *([line.around] if line.around else ())])
        if self.vhost.expressions:
            used = [m.settings["hcexpr"] for m in self.members.values() if "hcexpr" in m.settings]
            judges = self.vhost.expressions
            places.update(judges[each.text].place for each in used if each.text in judges)
        return places

    @property
    def section(self) -> str:
        """What a ``<Proxy>`` section has to name to hold for its requests and for no other balancer's: httpd compares
        the beginning of the URL, by case (mod_proxy.c ``proxy_walk``)."""
        return (self.spellings[0] if self.spellings else f"balancer://{self.name}") + "/"

    def holds(self, line: CookieLine) -> bool:
        """Whether *line*, one of its cookies, issues it with all answers of this balancer and with no others."""
        if line.section in ("", self.section, f"{self.section}*"):
            return True
        return self.section.startswith(line.section) and not self.caught(line)

    def caught(self, line: CookieLine) -> list[str]:
        """Return the names of other balancers of this server that *line*, one of its cookies, is issued for."""
        return [
            name
            for name, other in self.vhost.balancers.items()
            if line.section and other is not self and other.section.startswith(line.section)
        ]

    @property
    def sticky_cookie(self) -> CookieLine | None:
        """The line that issues the cookie of its sessions; the last one, where several do."""
        name = str(self.values.get("stickysession", "")).partition("|")[0]
        lines = [*self.vhost.cookies, *self.cookies]
        named = [line for line in lines if line.header.cookie.name == name]
        found = named or self.cookies
        return found[-1] if found else None

    @property
    def sticks_nowhere(self) -> bool:
        """Whether it looks for the route where neither an application nor httpd puts one."""
        sticky = str(self.values.get("stickysession", ""))
        return carries_no_route(sticky) and not any(
            puts_route(words, name) for words in self.headers for name in sticky.split("|")
        )

    def set(self, name: str, setting: Setting) -> None:
        """Record that *name* is set; a later call wins."""
        self.history.setdefault(name, []).append(setting)


class Vhost:
    """One server of httpd: a virtual host, or the main server (*place* is ``None``)."""

    def __init__(self, place: Place | None, addresses: tuple[str, ...] = ()) -> None:
        self.place = place
        self.addresses = addresses
        self.server_name = ""
        self.aliases: list[str] = []
        self.balancers: dict[str, Balancer] = {}
        #: lines that issue a cookie for several balancers.
        self.cookies: list[CookieLine] = []
        #: the expressions that judge health checks, by name; the last one of a name.
        self.expressions: dict[str, Expression] = {}
        self.persist = False
        self.inherit_off: dict[str, bool] = {}

    @property
    def names(self) -> list[str]:
        """Everything a user may call it, the shortest first."""
        if self.place is None:
            return [MAIN]
        names = []
        if self.server_name:
            host = self.server_name.partition("://")[2] or self.server_name
            bare = re.sub(r":\d+$", "", host)
            ports = [address.rpartition(":")[2] for address in self.addresses]
            names = list(dict.fromkeys([bare, host, *(f"{bare}:{port}" for port in ports)]))
        return [*names, *self.addresses, str(self.place)]

    @property
    def host(self) -> str:
        """Its ``ServerName`` without scheme and port; empty if it has none."""
        return self.names[0] if self.server_name and self.place is not None else ""

    def answers_to(self, host: str) -> bool:
        """Whether *host* is its ServerName or one of its aliases, in which ``*`` and ``?`` stand for others."""
        if host.lower() == self.host.lower():
            return True
        return any(fnmatch.fnmatch(host.lower(), alias.lower()) for alias in self.aliases)

    def judged_by(self, expression: str, but: Balancer | None = None) -> list[Member]:
        """Return the members, those of the balancer *but* left out, whose health checks *expression* judges."""
        others = [balancer for balancer in self.balancers.values() if balancer is not but]
        members = [member for other in others for member in other.members.values()]
        return [member for member in members if member.values.get("hcexpr") == expression]

    def balancer(self, name: str) -> Balancer:
        """Return the balancer *name* (lower case), made on first use."""
        if name not in self.balancers:
            self.balancers[name] = Balancer(name, self)
        return self.balancers[name]


def _is_address(written: str, address: str) -> bool:
    """Whether *written*, where a virtual host is, is the IP *address*, however that is written."""
    import ipaddress  # seldom needed, and slow to load

    try:
        return ipaddress.ip_address(written.strip("[]")) == ipaddress.ip_address(address)
    except ValueError:
        return False


class Configuration:
    """All servers of one httpd, the main server first."""

    def __init__(self, vhosts: list[Vhost]) -> None:
        self.vhosts = vhosts

    @property
    def main(self) -> Vhost:
        """The main server."""
        return self.vhosts[0]

    @property
    def balancers(self) -> Iterator[Balancer]:
        """All balancers that are defined somewhere, in the order of the servers."""
        for vhost in self.vhosts:
            for balancer in vhost.balancers.values():
                if balancer.defined:
                    yield balancer

    def shared(self) -> dict[Place, list[Balancer]]:
        """Return the lines that several balancers read, with these: such as those of a file that two virtual hosts
        include. What httpd drops for one of them may be a member of another."""
        first: dict[Place, Balancer] = {}
        found: dict[Place, list[Balancer]] = {}
        balancers = [b for vhost in self.vhosts for b in vhost.balancers.values()]
        for balancer in balancers if len(balancers) > 1 else ():
            for place in balancer.lines.union(merged.place for merged in balancer.merged):
                other = first.setdefault(place, balancer)
                if other is not balancer:
                    found.setdefault(place, [other]).append(balancer)
        return found

    def label(self, vhost: Vhost) -> str:
        """Return the shortest name that tells *vhost* from all others."""
        for name in vhost.names:
            if (
                sum(name.lower() in (other.lower() for other in each.names) for each in self.vhosts)
                == 1
            ):
                return name
        return vhost.names[-1]

    def named(self, name: str) -> list[Vhost]:
        """Return the servers that may be called *name*: ServerName, ServerName:port, address:port,
        file:line, or ``_main``."""
        return [
            vhost for vhost in self.vhosts if name.lower() in (each.lower() for each in vhost.names)
        ]

    def serving(self, address: str, port: int, host: str) -> Vhost:
        """Return the server that answers a request for *host* on a connection to *address* (an IP address) and
        *port*: of the virtual hosts with exactly that address, or else of those with a wildcard, the first one
        that has the name, or else the first one (server/vhost.c ``ap_update_vhost_given_ip``,
        ``update_server_from_aliases``)."""
        exact, wildcard = [], []
        for vhost in self.vhosts:
            for written in vhost.addresses:
                where, colon, its_port = written.rpartition(":")
                if not colon or (":" in written and written.endswith("]")):
                    where, its_port = written, "*"
                if its_port not in ("*", str(port)):
                    continue
                if where in ("*", "_default_"):
                    wildcard.append(vhost)
                elif _is_address(where, address):
                    exact.append(vhost)
        for vhost in exact or wildcard:
            if vhost.answers_to(host):
                return vhost
        return (exact or wildcard or [self.main])[0]

    def followers(self, balancer: Balancer) -> list[Vhost]:
        """Return the virtual hosts that send requests to *balancer* of the main server."""
        found = []
        for vhost in self.vhosts[1:] if balancer.vhost is self.main else ():
            other = vhost.balancers.get(balancer.name)
            if other is not None and not other.defined and other.references:
                found.append(vhost)
        return found

    def references(self, balancer: Balancer) -> list[Reference]:
        """Return all directives that send requests to *balancer*: those of its own server, and for one of
        the main server those of virtual hosts that define none of that name (mod_proxy.c
        ``merge_proxy_config``)."""
        found = list(balancer.references)
        if balancer.vhost is self.main:
            for vhost in self.vhosts[1:]:
                other = vhost.balancers.get(balancer.name)
                if other is not None and not other.defined:
                    found += other.references
        return found
