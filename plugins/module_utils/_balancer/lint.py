# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``httpd -t`` calls "Syntax OK" although it is not.

Private to this collection.

Codes: ``AB1..`` ends the running server at its next start or graceful reload, ``AB2..`` breaks requests,
``AB3..`` is silently something else than what was written. The lint explains; whether httpd starts is
decided by starting it.
"""

from __future__ import annotations

import fnmatch
import re
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Sequence

from .._httpd.dump import View
from .._httpd.secrets import masked
from .._httpd.tree import Node
from .cookie import OF_APPLICATIONS
from .model import (
    Balancer,
    Configuration,
    CookieLine,
    Member,
    Place,
    Reference,
    Vhost,
    identity,
)
from .parameters import BALANCER, MEMBER, Parameter, flags

# The module that serves members of a scheme.
SCHEME_MODULES: dict[str, str] = {
    "http": "proxy_http_module",
    "https": "proxy_http_module",
    "ws": "proxy_wstunnel_module",
    "wss": "proxy_wstunnel_module",
    "ajp": "proxy_ajp_module",
    "fcgi": "proxy_fcgi_module",
    "scgi": "proxy_scgi_module",
    "uwsgi": "proxy_uwsgi_module",
    "h2": "proxy_http2_module",
    "h2c": "proxy_http2_module",
    "ftp": "proxy_ftp_module",
}
# The path of a ProxyPass, which one in a <Location> does not have.
_URL_PATH = re.compile(r"[\"']?(/[^\s\"']*)")
_TLS_SCHEMES = ("https", "wss", "h2")
# What becomes of the cookies of backends where a Header directive does not add its own to them.
_EFFECTS = {
    "append": "are joined with it into one",
    "merge": "are joined with it into one",
    "set": "are lost",
    "setifempty": "keep it from being set",
}
# A place in a message.
_PLACE = re.compile(r" \([^()]*:[0-9]+\)")


class Problem(NamedTuple):
    """One finding: what is wrong (*message*), where (*place*), what to do (*fix*), and which balancer it
    concerns (``None``: the whole server)."""

    code: str
    message: str
    place: Place | None
    fix: str
    balancer: Balancer | None = None

    @property
    def fatal(self) -> bool:
        """Whether httpd would not start."""
        return self.code.startswith("AB1")

    @property
    def ineffective(self) -> bool:
        """Whether what was written has not the effect it says (and httpd starts all the same)."""
        return is_ineffective(self.code)

    @property
    def fault(self) -> tuple[str, str, str]:
        """What is wrong with which balancer, in whatever lines that stands."""
        name = self.balancer.name if self.balancer else ""
        return self.code, name, _PLACE.sub("", self.message)

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{self.code} {where}{self.message} {self.fix}"

    def result(self) -> dict[str, Any]:
        """Return it as it appears in the result of a module."""
        return {
            "code": self.code,
            "message": masked(self.message),
            "file": self.place.file if self.place else None,
            "line": self.place.line if self.place else None,
            "fix": self.fix,
        }


# Findings that say something may be wrong, but leave what was declared in force.
_ADVICE = (
    "AB308",
    "AB309",
    "AB311",
    "AB316",
    "AB317",
    "AB326",
    "AB327",
    "AB328",
    "AB329",
    "AB331",
    "AB332",
    "AB333",
    "AB334",
)
# Members that answer no request.
_INEFFECTIVE = ("AB201", "AB202", "AB204", "AB205")


def is_ineffective(code: str) -> bool:
    """Whether a finding of this *code* says that what was written has not the effect it says."""
    return code in _INEFFECTIVE or (code.startswith("AB3") and code not in _ADVICE)


def lint(configuration: Configuration, view: View) -> list[Problem]:
    """Return all findings about *configuration*, which was read from *view*; the worst first."""
    found: list[Problem] = []
    for vhost in configuration.vhosts:
        found += _names(vhost)
        found += _server(vhost, configuration)
        found += _shared_cookies(vhost)
        found += _stuck_nowhere(vhost)
    for balancer in configuration.balancers:
        found += _modules(balancer, view.modules)
        found += _pools(balancer, view.modules)
        found += _old_websockets(balancer)
        found += _members(balancer)
        found += _checked_paths(balancer)
        found += _values(balancer)
        found += _routes(balancer)
        found += _tls(configuration, balancer, view)
        found += _cookies(configuration, balancer, view)
    found += _references(configuration)
    found += _misplaced(view.root)
    # A file that several servers include is told of once.
    once: dict[tuple[str, str, Place | None], Problem] = {}
    for problem in found:
        once.setdefault((problem.code, problem.message, problem.place), problem)
    return sorted(once.values(), key=lambda each: (each.code, each.place or ()))


def _names(vhost: Vhost) -> Iterator[Problem]:
    seen: dict[str, Balancer] = {}
    for balancer in vhost.balancers.values():
        # mod_proxy_balancer names its shared memory by the name with every other character as _.
        key = re.sub(r"[^a-z0-9]", "_", balancer.name)
        if key in seen and (balancer.defined or seen[key].defined):
            other = seen[key].name
            yield Problem(
                "AB104",
                f"balancer://{balancer.name} and balancer://{other} share one piece of shared memory: a member"
                " disabled in one is disabled in the other, and httpd may not start (AH01186).",
                balancer.place or seen[key].place,
                "Rename one so that they differ in letters and digits.",
                balancer,
            )
        seen.setdefault(key, balancer)


def _server(vhost: Vhost, configuration: Configuration) -> Iterator[Problem]:
    if vhost.persist and any(balancer.defined for balancer in vhost.balancers.values()):
        yield Problem(
            "AB313",
            "BalancerPersist is On: what was set at run time beats the file, so edits of existing members and"
            " parameters have no effect, not even after a restart.",
            vhost.place,
            "Set BalancerPersist Off in this server.",
        )
    if vhost is configuration.main:
        return
    for balancer in vhost.balancers.values():
        main = configuration.main.balancers.get(balancer.name)
        if main is None or not main.defined:
            continue
        if balancer.defined:
            yield Problem(
                "AB312",
                f"balancer://{balancer.name} is defined in the main server ({main.place}) and here: httpd takes"
                " the members of the main server and drops these.",
                balancer.place,
                "Use another name, or define it in one place only.",
                balancer,
            )
        for name, setting in balancer.settings.items():
            if not balancer.defined and setting.value != main.values.get(name):
                yield Problem(
                    "AB316",
                    f"{name}={setting.text} holds in this virtual host only, which uses balancer://{balancer.name}"
                    f" of the main server ({main.place}).",
                    setting.place,
                    "Define the balancer in the virtual host that uses it.",
                    balancer,
                )
        if not balancer.defined and _loses_lbmethod(main, balancer):
            yield Problem(
                "AB314",
                f"this virtual host uses balancer://{balancer.name} of the main server; httpd falls back to"
                " lbmethod=byrequests here.",
                balancer.references[0].place,
                "Define the balancer in the virtual host that uses it.",
                balancer,
            )


def _loses_lbmethod(main: Balancer, balancer: Balancer) -> bool:
    default = BALANCER["lbmethod"].default
    declared = main.values.get("lbmethod", default)
    return bool(balancer.references) and declared != balancer.values.get("lbmethod", default)


def _modules(balancer: Balancer, modules: set[str]) -> Iterator[Problem]:
    if not modules:
        return
    place = balancer.place
    # One that is written httpd has, in a module of whatever name, or it refuses the line.
    if "lbmethod" not in balancer.values and "lbmethod_byrequests_module" not in modules:
        yield Problem(
            "AB101",
            f"balancer://{balancer.name} uses lbmethod byrequests, but mod_lbmethod_byrequests is not loaded:"
            " httpd ends at its next start or reload (AH02432, AH01183).",
            place,
            "Enable the module lbmethod_byrequests.",
            balancer,
        )
    if "slotmem_shm_module" not in modules:
        yield Problem(
            "AB102",
            f"balancer://{balancer.name} needs mod_slotmem_shm, which is not loaded: httpd ends at its next"
            " start or reload (AH01177).",
            place,
            "Enable the module slotmem_shm.",
            balancer,
        )
    if "proxy_hcheck_module" in modules and "watchdog_module" not in modules:
        yield Problem(
            "AB103",
            "mod_proxy_hcheck is loaded without mod_watchdog: httpd ends at its next start or reload"
            " (AH03262).",
            place,
            "Enable the module watchdog.",
        )
    if "proxy_balancer_module" not in modules:
        yield Problem(
            "AB201",
            f"balancer://{balancer.name}: mod_proxy_balancer is not loaded; requests answer 500 (AH01144).",
            place,
            "Enable the module proxy_balancer.",
            balancer,
        )
    told: set[str] = set()
    for member in balancer.members.values():
        scheme = identity(member.url).partition("://")[0]
        needed = SCHEME_MODULES.get(scheme, f"proxy_{scheme}_module")
        tls = scheme in _TLS_SCHEMES and "ssl_module" not in modules
        # mod_proxy_http upgrades to websocket by itself since 2.4.47.
        served = needed in modules or (scheme in ("ws", "wss") and "proxy_http_module" in modules)
        for missing in ([] if served else [needed]) + (["ssl_module"] if tls else []):
            if missing not in told:
                told.add(missing)
                yield Problem(
                    "AB202",
                    f"member {member.url}: {missing} is not loaded; requests to {scheme} members fail.",
                    member.place,
                    f"Enable the module {missing[: -len('_module')]}.",
                    balancer,
                )


def _pools(balancer: Balancer, modules: set[str]) -> Iterator[Problem]:
    """With prefork each process has one connection to a member (proxy_util.c ap_proxy_initialize_worker)."""
    if "mpm_prefork_module" not in modules:
        return
    for member in balancer.members.values():
        for name in ("max", "smax", "min"):
            if name in member.settings:
                yield Problem(
                    "AB328",
                    f"member {masked(member.url)}: {name} has no effect with the MPM prefork, where each process has"
                    " one connection to a member.",
                    member.settings[name].place,
                    "Use the MPM event, or limit MaxRequestWorkers.",
                    balancer,
                )


def _old_websockets(balancer: Balancer) -> Iterator[Problem]:
    """mod_proxy_wstunnel waits for data that it has got already (seen on 2.4.71, in most connections)."""
    for member in balancer.members.values():
        if identity(member.url).startswith("wss://"):
            yield Problem(
                "AB329",
                f"member {masked(member.url)}: websockets by wss:// hang where the backend speaks TLS 1.3.",
                member.place,
                "Write https:// and upgrade=websocket, which needs httpd 2.4.47.",
                balancer,
            )


def _members(balancer: Balancer) -> Iterator[Problem]:
    if not balancer.members:
        yield Problem(
            "AB203",
            f"balancer://{balancer.name} has no members; requests answer 503 (AH01171).",
            balancer.place,
            "Add members, or remove the balancer.",
            balancer,
        )
    elif all("hot_spare" in flags(member.values) for member in balancer.members.values()):
        # proxy_util.c ap_proxy_balancer_get_best_worker: as many spares as there are others that cannot be used.
        yield Problem(
            "AB208",
            f"all members of balancer://{balancer.name} are hot spares, each of which httpd uses only in place of"
            " another member that cannot be used; requests answer 503 (AH01170).",
            balancer.place,
            "Take hot_spare from at least one; a member for the time when all others are gone is a hot_standby.",
            balancer,
        )
    for merged in balancer.merged:
        lost = f" and ignores {', '.join(merged.settings)}" if merged.settings else ""
        yield Problem(
            "AB301",
            f"httpd takes member {merged.url} for {merged.into}, which stands before it,{lost or ' and drops it'}"
            " (AH01149, AH01150); with a default port written out it counts twice.",
            merged.place,
            "Remove it, or give each member its own host or port; a longer URL must stand first.",
            balancer,
        )
    for member in balancer.members.values():
        yield from _member(balancer, member)


def _member(balancer: Balancer, member: Member) -> Iterator[Problem]:
    host = re.match(
        r"[^:]+://(?:([^/@]*)@)?(?:\[[^\]]*\]|[^/:]*)(?::([^/]*))?", identity(member.url)
    )
    if host and host.group(1):
        yield Problem(
            "AB309",
            f"member {masked(member.url)} carries credentials, which balancer-manager shows to everybody who"
            " can read it.",
            member.place,
            "Let the backend trust the proxy by address or client certificate.",
            balancer,
        )
    port = (host.group(2) or "") if host else ""
    # Compared as text, as there may be more digits than Python makes a number of.
    if re.fullmatch("[0-9]+", port) and (len(port), port) > (5, "65535"):
        yield Problem(
            "AB204",
            f"member {member.url}: port {port} is no port; every request answers 400.",
            member.place,
            "Use a port from 1 to 65535.",
            balancer,
        )
    if len(member.url) > 383:
        yield Problem(
            "AB302",
            f"member {member.url[:60]}...: the URL is longer than 383 bytes; httpd cuts it (AH10366).",
            member.place,
            "Use a shorter URL.",
            balancer,
        )
    if member.url.endswith("/") and not member.url.startswith("unix:"):
        slashed = [r for r in balancer.references if re.search(r"balancer://[^/\s\"']+/", r.text)]
        if slashed:
            yield Problem(
                "AB308",
                f"member {member.url} ends with a slash and so does the target of {slashed[0].directive}"
                f" ({slashed[0].place}): backends are asked for //path.",
                member.place,
                "Remove the slash at the end of the member.",
                balancer,
            )


def _checked_paths(balancer: Balancer) -> Iterator[Problem]:
    """httpd puts a slash between the path of a member and hcuri, also where that ends with one (mod_proxy_hcheck.c
    ``create_hcheck_req``)."""
    for member in balancer.members.values():
        path = re.fullmatch(r"[^:]+://[^/]*(/.+/)", identity(member.url))
        uri = str(member.values.get("hcuri", ""))
        if path and uri:
            yield Problem(
                "AB333",
                f"the health check of member {member.url} asks for {path.group(1)}/{uri}.",
                member.place,
                "Leave out the slash at the end of the member's URL, unless the backend takes two slashes for one.",
                balancer,
            )


def _values(balancer: Balancer) -> Iterator[Problem]:
    for name, settings in balancer.history.items():
        for setting in settings:
            yield from _value(balancer, "", BALANCER.get(name), setting.text, setting.place)
        last, earlier = settings[-1], [s for s in settings[:-1] if s.value != settings[-1].value]
        if earlier:
            yield Problem(
                "AB311",
                f"balancer://{balancer.name}: {name} is set more than once; httpd uses another value"
                f" ({last.place}), not the one here.",
                earlier[0].place,
                "Set it in one place.",
                balancer,
            )
    sticky = str(balancer.values.get("stickysession", ""))
    if len(sticky) > 63:
        yield Problem(
            "AB303",
            f"balancer://{balancer.name}: stickysession is longer than 63 characters; httpd cuts it.",
            balancer.settings["stickysession"].place,
            "Use a shorter cookie name.",
            balancer,
        )
    for member in balancer.members.values():
        for name, setting in member.settings.items():
            yield from _value(balancer, member.url, MEMBER.get(name), setting.text, setting.place)


def _value(
    balancer: Balancer, url: str, parameter: Parameter | None, text: str, place: Place
) -> Iterator[Problem]:
    if parameter is None:
        return
    reason = parameter.kind.misread(text)
    if reason:
        owner = f"member {url}" if url else f"balancer://{balancer.name}"
        shown = "..." if parameter.secret else text
        yield Problem(
            "AB304",
            f"{owner}: {parameter.name}={shown}: {reason}.",
            place,
            "Write the value that is meant.",
            balancer,
        )


def _routes(balancer: Balancer) -> Iterator[Problem]:
    owners: dict[str, Member] = {}
    # Where httpd issues the cookie itself, that says more.
    sticky = bool(balancer.values.get("stickysession")) and not balancer.sticky_cookie
    for member in balancer.members.values():
        route = str(member.values.get("route", ""))
        if not route:
            if sticky:
                yield Problem(
                    "AB305",
                    f"member {member.url} has no route, but balancer://{balancer.name} is sticky: no session"
                    " can stay there.",
                    member.place,
                    "Give it a route.",
                    balancer,
                )
            continue
        if route in owners:
            yield Problem(
                "AB306",
                f"member {member.url} has the route {route} of one before it"
                f" ({owners[route].settings['route'].place}), which takes the sessions of both.",
                member.settings["route"].place,
                "Give each member its own route.",
                balancer,
            )
        owners.setdefault(route, member)
        separator = _separator(balancer)
        # In a cookie of httpd itself the first separator is the one before the route.
        cut = separator and separator in route and not balancer.sticky_cookie
        if re.search(r"[;,\"' ]", route) or cut:
            reason = f" (httpd cuts the value at the first {separator!r})" if cut else ""
            yield Problem(
                "AB307",
                f"member {member.url}: no cookie can carry the route {route!r}{reason}.",
                member.settings["route"].place,
                "Use letters, digits, _ and - only.",
                balancer,
            )
    for member in balancer.members.values():
        redirect = str(member.values.get("redirect", ""))
        if redirect and redirect not in owners:
            yield Problem(
                "AB315",
                f"member {member.url}: redirect={redirect} names no route of balancer://{balancer.name}.",
                member.settings["redirect"].place,
                "Name the route of another member.",
                balancer,
            )


def _separator(balancer: Balancer) -> str:
    """Return what stands before the route in a session id of *balancer*; "" for nothing."""
    separator = str(balancer.values.get("stickysessionsep", "."))
    return "" if separator == "Off" else separator


def _tls(configuration: Configuration, balancer: Balancer, view: View) -> Iterator[Problem]:
    for member in balancer.members.values():
        if identity(member.url).partition("://")[0] not in _TLS_SCHEMES:
            continue
        users = configuration.followers(balancer)
        if balancer.references or not users:
            users.append(balancer.vhost)
        for vhost in users:
            if not _is_on(view.root.children, "sslproxyengine", _sections(balancer, vhost)):
                where = "" if vhost is balancer.vhost else f" (in {configuration.label(vhost)})"
                yield Problem(
                    "AB205",
                    f"member {member.url} speaks TLS, but SSLProxyEngine is not On for it{where}; requests answer 500"
                    " (AH01961).",
                    member.place,
                    "Add SSLProxyEngine On to the virtual host.",
                    balancer,
                )
                return
        return


def _sections(balancer: Balancer, vhost: Vhost) -> Callable[[Node], bool]:
    """Return whether a section holds for the requests that *vhost* sends to *balancer*: the virtual host, those of the
    balancer, and each ``<Proxy>`` that names its URL by a pattern or by its beginning (mod_proxy.c ``proxy_walk``)."""
    places = [vhost.place, *balancer.sections, *balancer.beside]
    user = vhost.balancers.get(balancer.name, balancer)
    spelled = [reference.target for reference in user.references]
    urls = [f"{url}/" for url in spelled or [f"balancer://{balancer.name}"]]

    def names(section: str) -> bool:
        if re.search(r"[*?[]", section):
            return any(fnmatch.fnmatchcase(url, section) for url in urls)
        return any(url.startswith(section) or section.startswith(url) for url in urls)

    def holds(node: Node) -> bool:
        if Place(node.file, node.line) in places:
            return True
        return node.name.lower() == "proxy" and any(map(names, node.words[:1]))

    return holds


def _is_on(nodes: Iterable[Node], name: str, holds: Callable[[Node], bool]) -> bool:
    """Whether the switch *name* is on in the main server or in a section that *holds*."""
    for node in nodes:
        # SSLEngine may also be "optional".
        if node.name.lower() == name and [w.lower() for w in node.words] != ["off"]:
            return True
        if node.is_section and holds(node) and _is_on(node.children, name, holds):
            return True
    return False


def _cookies(configuration: Configuration, balancer: Balancer, view: View) -> Iterator[Problem]:
    """The cookies that httpd issues for *balancer*."""
    used = balancer.sticky_cookie
    for line in balancer.cookies:
        yield from _placed(configuration, balancer, line)
    for line in {**dict.fromkeys(balancer.cookies), **({used: None} if used else {})}:
        yield from _cookie_line(balancer, line)
    if used is None:
        return
    vhosts = [*configuration.followers(balancer), balancer.vhost]
    yield from _not_sent(used, balancer, vhosts, configuration.references(balancer))
    own = [vhost.place for vhost in vhosts]
    speaks = _is_on(view.root.children, "sslengine", lambda n: Place(n.file, n.line) in own)
    if used.header.cookie.secure and not speaks:
        yield Problem(
            "AB317",
            f"the cookie {used.header.cookie.name} is Secure, but this server does not speak TLS: browsers send it only"
            " if something in front does.",
            used.place,
            "Leave Secure out, or ignore this where TLS ends in front of httpd.",
            balancer,
        )
    for member in balancer.members.values():
        if not member.values.get("route"):
            yield Problem(
                "AB325",
                f"member {member.url} has no route, but balancer://{balancer.name} marks sessions by the cookie"
                f" {used.header.cookie.name}: this member sets it to nothing, and no session can stay there.",
                member.place,
                "Give it a route.",
                balancer,
            )


def _not_sent(
    line: CookieLine,
    balancer: Balancer,
    vhosts: Sequence[Vhost],
    references: Iterable[Reference],
) -> Iterator[Problem]:
    """Whether browsers take the cookie of *line* and send it with the requests that *balancer* gets."""
    cookie = line.header.cookie
    names = [name for vhost in vhosts for name in (vhost.host, *vhost.aliases) if name]
    if cookie.domain and names and not any(_covers(cookie.domain, name) for name in names):
        yield Problem(
            "AB331",
            f"browsers drop the cookie {cookie.name}: Domain={cookie.domain} is not that of {names[0]}.",
            line.place,
            "Leave Domain out, or name one that the host name ends with.",
            balancer,
        )
    for reference in references:
        found = _URL_PATH.match(reference.text)
        path = found.group(1) if found else ""
        below = cookie.path.rstrip("/") + "/"
        if path and cookie.path and not f"{path}/".startswith(below):
            enough = dict.fromkeys(["Path=/", f"Path={path}"])
            yield Problem(
                "AB332",
                f"browsers send the cookie {cookie.name} only to Path={cookie.path}, but {reference.directive}"
                f" ({reference.place}) is for {path}: no session stays elsewhere.",
                line.place,
                f"Say {' or '.join(enough)}, or ignore this where something in front adds to the path.",
                balancer,
            )


def _covers(domain: str, name: str) -> bool:
    """Whether a cookie of *domain* is one for the host *name*, in which ``*`` and ``?`` may stand for others."""
    name = name.lower()
    last = re.split(r"[*?]", name)[-1]
    return f".{name}".endswith(f".{domain}") or (last != name and domain.endswith(last))


def _cookie_line(balancer: Balancer, line: CookieLine) -> Iterator[Problem]:
    header, cookie = line.header, line.header.cookie

    def problem(code: str, message: str, fix: str) -> Problem:
        return Problem(code, message, line.place, fix, balancer)

    if cookie.samesite == "none" and not cookie.secure:
        yield problem(
            "AB318",
            f"the cookie {cookie.name} is SameSite=None without Secure: browsers drop it.",
            "Add Secure, or use SameSite=Lax.",
        )
    if cookie.name in OF_APPLICATIONS:
        yield problem(
            "AB330",
            f"the cookie {cookie.name} is that in which {OF_APPLICATIONS[cookie.name]} keeps its own sessions, and"
            " httpd overwrites it with the route: each visitor would lose the session.",
            "Give the cookie of httpd a name of its own in sticky_cookie, and in stickysession; without either it has"
            " one.",
        )
    sticky = str(balancer.values.get("stickysession", ""))
    if sticky.partition("|")[0] != cookie.name:
        says = f"stickysession={sticky}" if sticky else "no stickysession"
        yield problem(
            "AB319",
            f"httpd issues the cookie {cookie.name} for balancer://{balancer.name}, which has {says} and does not read"
            " it.",
            f"Set stickysession={cookie.name}, or remove the cookie (reset: [sticky_cookie]).",
        )
    separator = _separator(balancer)
    # httpd takes what follows the first one.
    behind = cookie.separator.split(separator)[1:] if separator else [cookie.separator]
    if behind != [""]:
        has = repr(cookie.separator) if cookie.separator else "nothing"
        wants = repr(separator) if separator else "nothing"
        yield problem(
            "AB319",
            f"the cookie {cookie.name} has {has} before the route, but balancer://{balancer.name} looks for {wants}"
            " there: no route is found in it.",
            f"Let {wants} stand before the route.",
        )
    effect = _EFFECTS.get(header.action)
    if effect:
        yield problem(
            "AB322",
            f"Header {header.action} Set-Cookie: cookies that the backend sets {effect}.",
            "Write Header add.",
        )
    if header.always:
        yield problem(
            "AB323",
            f"Header always: when a member dies under a request, httpd's own answer sets the cookie {cookie.name} to"
            " the route of the dead one.",
            "Remove the word always.",
        )
    if not header._replace(action="add", always=False).sound:
        yield problem(
            "AB327",
            f"the cookie {cookie.name} is set at other times than when the member changes"
            f" ({header.condition or 'it has no condition'}).",
            "End the line with env=BALANCER_ROUTE_CHANGED.",
        )


def _placed(
    configuration: Configuration, balancer: Balancer, line: CookieLine
) -> Iterator[Problem]:
    """Whether *line* is executed for the requests of *balancer*, and for no others."""
    name = line.header.cookie.name
    caught = balancer.caught(line)
    if caught:
        yield Problem(
            "AB320",
            f"<Proxy {line.section}> holds for all balancers whose names begin so: balancer://{caught[0]} gets the"
            f" cookie {name} too.",
            line.around,
            f'Write the line into a section <Proxy "{balancer.section}">, with the slash.',
            balancer,
        )
    if not line.section:
        return
    for reference in configuration.references(balancer):
        url = reference.target + "/"
        handler = reference.directive.lower() == "sethandler"
        if handler or not (url.startswith(line.section) or line.section.startswith(url)):
            why = "a handler" if handler else f"{reference.target}, which is spelled otherwise"
            yield Problem(
                "AB321",
                f"the cookie {name} is never set: <Proxy {line.section}> does not hold for requests that"
                f" {reference.directive} ({reference.place}) sends to {why}.",
                line.place,
                "Use ProxyPass instead of the handler."
                if handler
                else f'Name the section as it does: <Proxy "{url}">.',
                balancer,
            )
        elif line.section.endswith("/") and _is_bare(reference):
            yield Problem(
                "AB326",
                f"{reference.directive} {reference.text}: the answer to exactly that path sets no cookie {name}, as the"
                " target does not end with a slash.",
                reference.place,
                "End both the path and the target with a slash.",
                balancer,
            )


def _is_bare(reference: Reference) -> bool:
    """Whether there are requests whose URL is that of the balancer without a slash."""
    ends = re.search(re.escape(reference.target) + r"[\"']?(\s|$)", reference.text)
    return reference.directive.lower() == "proxypass" and ends is not None


def _shared_cookies(vhost: Vhost) -> Iterator[Problem]:
    """Balancers of one server that take each other's sessions."""
    owners: dict[tuple[str, str, str], Balancer] = {}
    for balancer in vhost.balancers.values():
        line = balancer.sticky_cookie if balancer.defined else None
        if line is None:
            continue
        cookie = line.header.cookie
        if cookie.name != str(balancer.values.get("stickysession", "")).partition("|")[0]:
            continue
        other = owners.setdefault((cookie.name, cookie.path, cookie.domain), balancer)
        if other is not balancer and _all_routes(other) != _all_routes(balancer):
            yield Problem(
                "AB324",
                f"balancer://{other.name} and balancer://{balancer.name} mark sessions by one cookie {cookie.name}, but"
                " their members have other routes: each takes the sessions of the other.",
                line.place,
                "Give each its own cookie, or their members the same routes.",
                balancer,
            )


def _stuck_nowhere(vhost: Vhost) -> Iterator[Problem]:
    """Balancers that look for the route where there is none, be it that one of the main server does so here alone."""
    for balancer in vhost.balancers.values():
        if balancer.sticks_nowhere:
            sticky = str(balancer.values["stickysession"])
            application = OF_APPLICATIONS[sticky.partition("|")[0]]
            yield Problem(
                "AB334",
                f"balancer://{balancer.name} has stickysession={sticky}, and {application} puts no route into its"
                " session id: each request of a session may go to another member.",
                balancer.settings["stickysession"].place,
                "Use sticky_cookie instead of stickysession, unless the members themselves append the route.",
                balancer,
            )


def _all_routes(balancer: Balancer) -> set[object]:
    return {member.values.get("route") for member in balancer.members.values()}


def _references(configuration: Configuration) -> Iterator[Problem]:
    for vhost in configuration.vhosts:
        for balancer in vhost.balancers.values():
            if balancer.references and not balancer.defined:
                yield from _undefined(configuration, vhost, balancer)


def _undefined(configuration: Configuration, vhost: Vhost, balancer: Balancer) -> Iterator[Problem]:
    main = configuration.main.balancers.get(balancer.name)
    # What the main server has is seen unless both BalancerInherit and ProxyPassInherit are off.
    cut_off = sum(vhost.inherit_off.values()) > 1
    if main is not None and main.defined and not cut_off:
        return
    reference = balancer.references[0]
    begun = [
        n for n, other in vhost.balancers.items() if other.defined and balancer.name.startswith(n)
    ]
    meant = max(begun, key=len, default="")
    elsewhere = next((b for b in configuration.balancers if b.name == balancer.name), None)
    where = (
        f"; it is defined in {configuration.label(elsewhere.vhost)} ({elsewhere.place}), which this server"
        " does not see"
        if elsewhere
        else ""
    )
    hint = f": did you mean balancer://{meant}/?" if meant else "."
    yield Problem(
        "AB206",
        f"{reference.directive} sends requests to balancer://{balancer.name}, which has no members in this"
        f" server{where}: requests answer 503 (AH01171).",
        reference.place,
        f"Define the balancer in this virtual host, or correct the name{hint}",
        balancer,
    )


def _misplaced(root: Node) -> Iterator[Problem]:
    for node in root.children:
        name = node.name.lower()
        words = node.words
        if name == "proxymatch" and words and words[0].lower().startswith("^balancer://"):
            yield Problem(
                "AB310",
                f"<ProxyMatch {words[0]}> defines a balancer of that very name, which nothing uses.",
                Place(node.file, node.line),
                'Write <Proxy "balancer://name">.',
            )
        if node.is_section:
            yield from _misplaced(node)
