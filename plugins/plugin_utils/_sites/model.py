# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites as the role load_balancer declares them, with nothing left out.

Private to this collection. Pure: plain data in, plain data out.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ...module_utils._balancer.cookie import header
from ...module_utils._httpd.document import Document
from ...module_utils._httpd.errors import HttpdError

#: What an omitted option means; roles/load_balancer/meta/argument_specs.yml says the same.
SITE: dict[str, Any] = {
    "server_aliases": [],
    "listen": ["80"],
    "preserve_host": True,
    "trusted_proxies": [],
    "error_pages": {},
    "access_log": True,
    "extra": "",
}
#: Of ``trusted_proxies``: what clients say of themselves is passed on as it comes.
EVERYBODY = "*"
TLS: dict[str, Any] = {"listen": ["443"], "redirect": True}
BACKEND_TLS: dict[str, Any] = {"check_name": True}
BALANCER: dict[str, Any] = {
    "members": [],
    "proxy_set": {},
    "purge": ["members", "parameters"],
}
#: httpd's own default leaves no room for members that are added while it runs.
PROXY_SET: dict[str, Any] = {"growth": 10}
#: By what the sessions of an application are told: servlet containers put the route into their own cookie, or into the
#: path after a semicolon; all others know none, so httpd issues a cookie.
SERVLET: dict[str, Any] = {"stickysession": "JSESSIONID|jsessionid", "scolonpathdelim": True}
APPLICATIONS: dict[str, dict[str, Any]] = {
    "tomcat": SERVLET,
    "jetty": SERVLET,
    "jboss": SERVLET,
    "spring": SERVLET,
    "php": {},
    "generic": {},
}

# Parameters that are lists.
_LISTS = ("status", "failonstatus", "expect_status")


class Forward(NamedTuple):
    """One path and the balancer that gets its requests; without one, the path is not forwarded."""

    path: str
    balancer: str
    backend_path: str


class Tls(NamedTuple):
    """Where a site speaks TLS, and with which files; no *key*: it is in the certificate's file."""

    certificate: str
    key: str
    listen: list[str]


class BackendTls(NamedTuple):
    """How backends are asked over TLS: by which *ca_certificate* theirs are signed, whether these have to be for the
    host names of the members, and the *certificate* with its key that httpd shows them; empty: none."""

    ca_certificate: str
    check_name: bool
    certificate: str


class Session(NamedTuple):
    """The session that mod_session keeps in a *cookie* of the client, for *max_age* seconds (0: no limit), encrypted by
    what is in the *passphrase_file*; empty: not encrypted."""

    cookie: str
    max_age: int
    passphrase_file: str


class Manager(NamedTuple):
    """Where balancer-manager answers: the loopback *address* is nothing else's, whatever the port; *port* is the
    first one used there."""

    address: str
    port: int


class Site(NamedTuple):
    """One site. *listen* is where plain HTTP is spoken: by the site itself, or where it has *tls*, by a
    redirect. *balancers* are dicts as the module ``configuration`` takes them, without a path. *manager* is
    the ``address:port`` at which its balancer-manager answers under its *server_name*; empty if it has none.
    *timeout*: seconds, 0 for httpd's own. *trusted_proxies*: addresses and networks whose ``X-Forwarded-*`` are
    believed. *error_pages*: a file by HTTP status."""

    name: str
    server_name: str
    server_aliases: list[str]
    listen: list[str]
    tls: Tls | None
    preserve_host: bool
    proxy_pass: list[Forward]
    balancers: list[dict[str, Any]]
    extra: str
    manager: str = ""
    session: Session | None = None
    timeout: int = 0
    backend_tls: BackendTls | None = None
    trusted_proxies: Sequence[str] = ()
    error_pages: Mapping[str, str] = {}
    access_log: bool = True

    @property
    def served_on(self) -> list[str]:
        """The addresses at which the site itself, and no redirect, answers."""
        return self.tls.listen if self.tls else self.listen

    @property
    def redirected_on(self) -> list[str]:
        """The addresses that send clients to the TLS ones."""
        return self.listen if self.tls else []

    @property
    def issues_cookies(self) -> bool:
        """Whether *extra* has a route cookie, which is then not ours to change."""
        try:
            headers = Document.parse(self.extra, "extra").named("Header")
        except HttpdError:
            # That is a problem of its own.
            return False
        return any(header([word.text for word in found.words]) for dummy, found in headers)

    @property
    def names(self) -> list[str]:
        """All its host names."""
        return [self.server_name, *self.server_aliases]

    @property
    def wildcards(self) -> list[str]:
        """Its host names that stand for others."""
        return [name for name in self.server_aliases if "*" in name or "?" in name]

    def answers_to(self, host: str) -> bool:
        """Whether *host* is one of its names, as httpd compares them (server/vhost.c ``matches_aliases``)."""
        return any(fnmatch.fnmatchcase(host.lower(), name.lower()) for name in self.names)

    @property
    def manager_url(self) -> str:
        """The address of its balancer-manager; empty if it has none."""
        return f"http://{self.manager}/balancer-manager" if self.manager else ""


def read_all(
    declared: Iterable[Mapping[str, Any]],
    member_defaults: Mapping[str, Any],
    manager: Manager | None = None,
) -> list[Site]:
    """Return what *declared*, ``load_balancer_sites``, means; see :func:`read`. With *manager*, each site has its
    balancer-manager there.

    At one address httpd tells sites apart by their host names only. A site whose ``server_name`` an earlier
    one answers to, on other ports, has its manager at the next port.
    """
    sites: list[Site] = []
    for each in declared:
        site = read(each, member_defaults)
        sites.append(site._replace(manager=_place(site, sites, manager)) if manager else site)
    return sites


def _place(site: Site, earlier: Sequence[Site], manager: Manager) -> str:
    taken = {other.manager for other in earlier if other.answers_to(site.server_name)}
    port = manager.port
    while f"{manager.address}:{port}" in taken:
        port += 1
    return f"{manager.address}:{port}"


def read(declared: Mapping[str, Any], member_defaults: Mapping[str, Any]) -> Site:
    """Return what *declared*, an element of ``load_balancer_sites``, means. Members get the parameters of
    *member_defaults* that they do not have."""
    given = {**SITE, **_given(declared)}
    tls_only = given.get("tls") is not None
    balancers = [_balancer(each, member_defaults, tls_only) for each in given["balancers"]]
    forwards = given.get("proxy_pass")
    if forwards is None:
        forwards = [{"path": "/", "balancer": each["name"]} for each in balancers[:1]]
    tls = {**TLS, **_given(given["tls"])} if "tls" in given else {}
    site = Site(
        name=str(given["name"]),
        server_name=str(given["server_name"]),
        server_aliases=[str(alias) for alias in elements(given["server_aliases"])],
        listen=addresses(given["listen"]) if truth(tls.get("redirect", True)) else [],
        tls=_tls(tls) if tls else None,
        preserve_host=truth(given["preserve_host"]),
        # httpd takes the first match; the longest path shall win.
        proxy_pass=sorted(map(_forward, forwards), key=lambda forward: -len(forward.path)),
        balancers=balancers,
        extra=str(given["extra"]),
        session=_session(_given(given["session"])) if "session" in given else None,
        timeout=int(given.get("timeout", 0)),
        backend_tls=_backend_tls(_given(given["backend_tls"])) if "backend_tls" in given else None,
        trusted_proxies=[str(network) for network in elements(given["trusted_proxies"])],
        error_pages={str(status): str(file) for status, file in given["error_pages"].items()},
        access_log=truth(given["access_log"]),
    )
    for balancer in balancers if site.issues_cookies else ():
        balancer["reset"] = [name for name in balancer.get("reset", ()) if name != "sticky_cookie"]
    return site


def addresses(listen: Any) -> list[str]:
    """Return ports and addresses, a list or what Ansible takes for one, as ``<VirtualHost>`` takes them: ``80`` is
    ``*:80``."""
    texts = [str(entry).lower() for entry in elements(listen)]
    return list(dict.fromkeys(text if ":" in text else f"*:{text}" for text in texts))


def _given(declared: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in declared.items() if value is not None}


def _parameters(declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return what *declared*, parameters of members, balancers or health checks, means. YAML reads on as a boolean."""
    given = _given(declared)
    given.update({name: elements(given[name]) for name in _LISTS if name in given})
    if isinstance(given.get("flushpackets"), bool):
        given["flushpackets"] = "on" if given["flushpackets"] else "off"
    return given


def elements(value: Any) -> list[Any]:
    """Return the elements of a role variable that is a list, or what Ansible takes for one: a text, split at commas, or
    a number. What checks the variables of a role leaves them as they are."""
    if isinstance(value, str):
        return [each.strip() for each in value.split(",")] if value else []
    return [value] if isinstance(value, (int, float)) else [e for e in value if e is not None]


def truth(value: Any) -> bool:
    """Return the boolean that a role variable means, which may be a text."""
    return str(value).lower() in ("true", "yes", "on", "1", "y", "t")


def _balancer(
    declared: Mapping[str, Any], member_defaults: Mapping[str, Any], tls_only: bool
) -> dict[str, Any]:
    given = {**BALANCER, **_given(declared)}
    given["name"] = str(given["name"])
    application = given.pop("application", None)
    given.pop("members_from", None)  # what it says is in members
    defaults = {**_parameters(member_defaults), **_parameters(given.pop("member_defaults", {}))}
    proxy_set = _parameters(given["proxy_set"])
    sticky = dict(APPLICATIONS.get(application or "", {}))
    if "sticky_cookie" in given or (application is not None and not sticky):
        # httpd's own cookie stands for all by which the application would tell its sessions.
        sticky = {}
        given["sticky_cookie"] = _cookie(given.get("sticky_cookie", {}), proxy_set, tls_only)
    if "health_check" in given:
        given["health_check"] = check = _parameters(given["health_check"])
        check.update({key: str(check[key]) for key in ("expect_body",) if key in check})
    given["proxy_set"] = {**PROXY_SET, **sticky, **proxy_set}
    if str(given["proxy_set"]["growth"]) == "0":
        # httpd has no word for its own default.
        del given["proxy_set"]["growth"]
    given["members"] = [{**defaults, **_parameters(member)} for member in given["members"]]
    if "parameters" in given["purge"]:
        given["reset"] = [name for name in ("sticky_cookie", "health_check") if name not in given]
    return given


def _cookie(
    declared: Mapping[str, Any], proxy_set: Mapping[str, Any], tls_only: bool
) -> dict[str, Any]:
    """Return the cookie that httpd issues, which has the name that stickysession may give it."""
    given = {"secure": tls_only, **_given(declared)}
    given.update({key: truth(given[key]) for key in ("secure", "httponly") if key in given})
    given.update({key: int(given[key]) for key in ("max_age",) if key in given})
    if "stickysession" in proxy_set:
        given.setdefault("name", str(proxy_set["stickysession"]).partition("|")[0])
    return given


def _tls(given: Mapping[str, Any]) -> Tls:
    return Tls(str(given["certificate"]), str(given.get("key", "")), addresses(given["listen"]))


def _backend_tls(given: Mapping[str, Any]) -> BackendTls:
    given = {**BACKEND_TLS, **given}
    ca_certificate, certificate = (
        str(given.get(name, "")) for name in ("ca_certificate", "certificate")
    )
    return BackendTls(ca_certificate, truth(given["check_name"]), certificate)


def _session(given: Mapping[str, Any]) -> Session:
    file = str(given.get("crypto_passphrase_file", ""))
    return Session(str(given["cookie"]), int(given.get("max_age", 0)), file)


def _forward(declared: Mapping[str, Any]) -> Forward:
    given = _given(declared)
    path = given["path"]
    texts = (path, given.get("balancer", ""), given.get("backend_path", path))
    return Forward(*map(str, texts))
