# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What httpd needs for declared sites: modules, addresses to listen on, files.

Private to this collection. Pure: plain data in, plain data out. Sites must be free of problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...module_utils._balancer.model import canonical_url, identity
from ...module_utils._balancer.parameters import MEMBER
from ...module_utils._httpd.lexer import quoted
from .host import TLS_PROFILES, Host, host_text
from .model import EVERYBODY, Forward, Site, addresses
from .reverse import translations

_MADE_BY = (
    "# Made by the role webtier.apache_balancer.load_balancer; changes to this file are lost.\n"
)

# How a file of a balancer begins, as module_utils/_balancer/author.py writes it: there is no line that says who did.
_BALANCER_FILE = r'\A(?:ProxyHCExpr .*\n)?<Proxy "balancer://[A-Za-z0-9_.-]+">\n'

# a2enmod proxy_balancer leaves the method out; nothing leaves the shared memory to chance.
_BALANCER_MODULES = ("proxy", "proxy_balancer", "slotmem_shm")
SCHEME_MODULES = {
    "https": "proxy_http",
    "ws": "proxy_wstunnel",
    "wss": "proxy_wstunnel",
    "h2": "proxy_http2",
    "h2c": "proxy_http2",
}
_TLS_SCHEMES = {"https", "wss", "h2"}

#: What tells backends about the client and the way it came, and what a client can just as well write itself.
FORWARDED = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Real-IP",
)
#: Below it the error pages of a site are served, and nothing else.
ERROR_PAGES = "/.load_balancer/error/"
#: The name of the virtual host at the addresses of balancer-manager that nobody asks for.
MANAGER_NAME = "balancer-manager.invalid"
#: Where mod_status answers, at the address of balancer-manager.
SERVER_STATUS = "/server-status"
_FROM_LOOPBACK = "Require expr \"%{CONN_REMOTE_ADDR} -ipmatch '127.0.0.0/8'\"\n"
_LOG_FORMAT = (
    r'"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" ms=%{ms}T balancer=%{BALANCER_NAME}e'
    r" member=%{BALANCER_WORKER_NAME}e route=%{BALANCER_WORKER_ROUTE}e session_route=%{BALANCER_SESSION_ROUTE}e"
    r' route_changed=%{BALANCER_ROUTE_CHANGED}e"'
)


def purge(folder: str) -> list[dict[str, Any]]:
    """Return how the files of sites and balancers in *folder* are known, as the module ``configuration`` takes it.
    Whatever else lies there was made by somebody else."""
    return [
        {"folder": folder, "contains": f"^{re.escape(_MADE_BY.partition(';')[0])}"},
        {"folder": folder, "patterns": ["*+*.conf"], "contains": _BALANCER_FILE},
    ]


def balancer_file(folder: str, site: Site, balancer: Mapping[str, Any]) -> str:
    """Return the path of a balancer's file. No name contains a ``+``, so each path is unique."""
    return f"{folder}/{site.name}+{balancer['name']}.conf"


def site_file(folder: str, site: Site) -> str:
    """Return the path of a site's file."""
    return f"{folder}/{site.name}.conf"


# Modules


def modules(sites: Iterable[Site]) -> list[str]:
    """Return the names, without ``mod_`` and ``_module``, of the modules that *sites* need; those that one of
    them depends on are left to it."""
    found: set[str] = set()
    for site in sites:
        if site.manager:
            found |= {"setenvif", "authz_core", "status"}
        found.add("headers")
        found |= {"ssl"} if site.tls else set()
        if site.trusted_proxies and EVERYBODY not in site.trusted_proxies:
            found.add("remoteip")
        if site.redirected_on or site.error_pages:
            found.add("alias")
        if site.redirected_on and site.wildcards:
            found.add("rewrite")
        if site.session:
            found |= {"request", "session", "session_cookie"}
            found |= {"session_crypto"} if site.session.passphrase_file else set()
        for balancer in site.balancers:
            found |= _balancer_modules(balancer)
    return sorted(found)


def _balancer_modules(balancer: Mapping[str, Any]) -> set[str]:
    method = balancer["proxy_set"].get("lbmethod") or "byrequests"
    found = {*_BALANCER_MODULES, f"lbmethod_{method}"}
    if method == "heartbeat":
        found.add("heartmonitor")
    check = balancer.get("health_check")
    if check is not None:
        # The watchdog it needs is compiled in on Debian, and loaded on the RedHat family.
        found.add("proxy_hcheck")
        found |= {"proxy_ajp"} if check.get("method") == "CPING" else set()
    for member in balancer["members"]:
        scheme = _scheme(member)
        found.add(SCHEME_MODULES.get(scheme, f"proxy_{scheme}"))
        found.update(MEMBER[key].module[: -len("_module")] for key in member if _needy(key))
        if scheme in _TLS_SCHEMES:
            found.add("ssl")
        if member.get("hcmethod") == "CPING":
            found.add("proxy_ajp")
    return found


def _needy(key: str) -> bool:
    return key in MEMBER and MEMBER[key].module != ""


def _scheme(member: Mapping[str, Any]) -> str:
    return identity(canonical_url(member["url"])).partition("://")[0]


# Addresses


def listens(sites: Sequence[Site], existing: Any) -> list[tuple[str, bool]]:
    """Return each address to listen on and whether TLS is spoken there, as far as *existing*, what the rest
    of the configuration listens on, does not cover it."""
    wanted: dict[str, bool] = {}
    for site in sites:
        wanted.update((address, False) for address in site.listen)
        wanted.update((address, True) for address in (site.tls.listen if site.tls else []))
    wanted.update((address, False) for address in _managers(sites))
    covered = set(addresses(existing))
    everywhere = {address for address in {*covered, *wanted} if address.startswith("*:")}
    return [
        (address, tls)
        for address, tls in wanted.items()
        if address not in covered
        and (address in everywhere or "*:" + address.rpartition(":")[2] not in everywhere)
    ]


def _managers(sites: Iterable[Site]) -> list[str]:
    """Return the addresses at which balancer-manager answers."""
    return list(dict.fromkeys(site.manager for site in sites if site.manager))


# Files


def main_text(
    sites: Sequence[Site],
    folder: str,
    server_name: str,
    existing_listen: Any,
    log_folder: str = "",
    host: Host | None = None,
) -> str:
    """Return the text of the file through which httpd reads all of *sites*, in their order, and what is declared of the
    *host*. Requests are logged in *log_folder*; empty: nowhere."""
    lines = [_line("ServerName", server_name)] if server_name else []
    lines += [host_text(host)] if host else []
    for address, tls in listens(sites, existing_listen):
        protocol = ["https"] if tls and not address.endswith(":443") else []
        lines.append(_line("Listen", address.removeprefix("*:"), *protocol))
    if any(_log(site, log_folder) for site in sites):
        lines.append(_line("LogFormat", _LOG_FORMAT, "load_balancer"))
    lines += _manager_host(sites)
    lines += [_line("Include", _in_quotes(site_file(folder, site))) for site in sites]
    return _MADE_BY + "".join(lines)


def _manager_host(sites: Sequence[Site]) -> list[str]:
    """Return the virtual host that stands before those of *sites* at the addresses of balancer-manager.

    httpd decides by the first one at an address whether TLS is spoken there (``c->base_server`` in mod_ssl.c
    ``ssl_engine_status``), and gives it the requests for unknown names.
    """
    managers = _managers(sites)
    if not managers:
        return []
    return [
        _line("ProxyStatus", "On"),
        "\n# The first virtual host here: sites with TLS answer here without it, other names are refused.\n",
        f"<VirtualHost {' '.join(managers)}>\n",
        f"    ServerName {MANAGER_NAME}\n",
        *(["    SSLEngine Off\n"] if any(site.tls for site in sites) else []),
        '    <Location "/">\n',
        "        Require all denied\n",
        "    </Location>\n",
        f'    <Location "{SERVER_STATUS}">\n',
        "        SetHandler server-status\n",
        f"        {_FROM_LOOPBACK}",
        "    </Location>\n",
        "</VirtualHost>\n\n",
    ]


def site_text(
    site: Site, folder: str, log_folder: str = "", tls_profile: str = Host().tls_profile
) -> str:
    """Return the text of a site's file: its virtual host, and the one that redirects to it."""
    host = _virtual_host(site, folder, log_folder, tls_profile)
    return _MADE_BY + "\n".join([host, *_redirects(site)])


def _virtual_host(site: Site, folder: str, log_folder: str, tls_profile: str) -> str:
    lines = [*_log(site, log_folder), *_tls(site, tls_profile), *_forwarded(site)]
    lines += ["\n"] if lines else []
    lines.append(_line("ProxyRequests", "Off"))
    lines.append(_line("ProxyPreserveHost", "On" if site.preserve_host else "Off"))
    lines += [_line("ProxyTimeout", str(site.timeout))] if site.timeout else []
    lines += _backend_tls(site)
    lines += _session(site)
    lines += ['<Directory "/">\n', "    AllowOverride None\n", "</Directory>\n"]
    # Debian's status.conf shows it in every site to who comes from this host, or says so by mod_remoteip.
    lines += [f'<Location "{SERVER_STATUS}">\n', "    SetHandler none\n", "</Location>\n"]
    if site.extra.strip():
        lines += ["\n", *_no_rewriting(site), *_lines(site.extra)]
    lines += ["\n", *_manager(site), *_error_pages(site)]
    for balancer in site.balancers:
        lines.append(_line("Include", _in_quotes(balancer_file(folder, site, balancer))))
    for forward in site.proxy_pass:
        lines += _forward(site, forward)
    return _section(site, [*site.served_on, *_managers([site])], lines)


def _session(site: Site) -> list[str]:
    """Return what lets httpd keep sessions of its own. Quotes around the attributes would become part of the cookie
    (seen on 2.4.71)."""
    session = site.session
    if not session:
        return []
    attributes = ["path=/", "HttpOnly", *(["Secure"] if site.tls else []), "SameSite=Lax"]
    lines = [_line("Session", "On")]
    lines.append(_line("SessionCookieName", session.cookie, ";".join(attributes)))
    if session.max_age:
        lines.append(_line("SessionMaxAge", str(session.max_age)))
    if session.passphrase_file:
        lines.append(_line("SessionCryptoPassphraseFile", _in_quotes(session.passphrase_file)))
    return lines


def _manager(site: Site) -> list[str]:
    """Return what makes the address of balancer-manager, and no other, its own.

    That address is the connection's (mod_setenvif.c ``Server_Addr``, ``c->local_ip``) and so is the client's
    (``CONN_REMOTE_ADDR``, ``c->client_ip``): no header has a part in it, not even with mod_remoteip.
    """
    if not site.manager:
        return []
    address = re.escape(_address(site.manager))
    return [
        _line("SetEnvIf", "Server_Addr", f'"^{address}$"', "no-proxy", "balancer_manager"),
        "<If \"-T reqenv('balancer_manager')\">\n",
        "    SetHandler balancer-manager\n",
        f"    {_FROM_LOOPBACK}",
        "</If>\n",
        # It shows the balancers of the virtual host that answers (mod_proxy.c proxy_status_hook).
        f"<If \"-T reqenv('balancer_manager') && %{{REQUEST_URI}} == '{SERVER_STATUS}'\">\n",
        "    SetHandler server-status\n",
        "</If>\n",
        "\n",
    ]


def _no_rewriting(site: Site) -> list[str]:
    """Return what keeps the rules of mod_rewrite that may follow from the requests for balancer-manager:
    they come before ``no-proxy`` is looked at, and before any handler."""
    if not site.manager:
        return []
    return [
        '<IfModule "rewrite_module">\n',
        f'    RewriteCond "%{{SERVER_ADDR}}" "={_address(site.manager)}"\n',
        '    RewriteRule "^" "-" [END]\n',
        "</IfModule>\n",
    ]


def _address(manager: str) -> str:
    return manager.rpartition(":")[0]


def _tls(site: Site, profile: str) -> list[str]:
    if not site.tls:
        return []
    lines = [_line("SSLEngine", "On")]
    lines.append(_line("SSLCertificateFile", _in_quotes(site.tls.certificate)))
    if site.tls.key:
        lines.append(_line("SSLCertificateKeyFile", _in_quotes(site.tls.key)))
    lines += [_line(name, value) for name, value in TLS_PROFILES[profile].items()]
    return [*lines, "\n"]


def _forwarded(site: Site) -> list[str]:
    """Return what makes backends hear of the client from httpd and from *trusted_proxies* only.

    mod_proxy adds to the headers that are there already (proxy_util.c ``ap_proxy_create_hdrbrgd``). Who is asked is the
    other end of the connection, whatever mod_remoteip has made of the client.
    """
    if EVERYBODY in site.trusted_proxies:
        return []
    lines = [_line("RemoteIPHeader", "X-Forwarded-For")] if site.trusted_proxies else []
    lines += [_line("RemoteIPInternalProxy", network) for network in site.trusted_proxies]
    trusted = " || ".join(
        f"%{{CONN_REMOTE_ADDR}} -ipmatch '{network}'" for network in site.trusted_proxies
    )
    unless = [f'"expr=!({trusted})"'] if trusted else []
    lines += [_line("RequestHeader", "unset", name, *unless) for name in FORWARDED]
    scheme = "https" if site.tls else "http"
    return [*lines, _line("RequestHeader", "setifempty", "X-Forwarded-Proto", scheme)]


def _log(site: Site, log_folder: str) -> list[str]:
    if not site.access_log or not log_folder:
        return []
    return [_line("CustomLog", _in_quotes(f"{log_folder}/{site.name}_access.log"), "load_balancer")]


def _backend_tls(site: Site) -> list[str]:
    members = (member for balancer in site.balancers for member in balancer["members"])
    if not _TLS_SCHEMES & set(map(_scheme, members)):
        return []
    lines = [_line("SSLProxyEngine", "On")]
    if site.backend_tls:
        ca_certificate, check_name, certificate = site.backend_tls
        if ca_certificate:
            lines.append(_line("SSLProxyCACertificateFile", _in_quotes(ca_certificate)))
            lines.append(_line("SSLProxyVerify", "require"))
        lines.append(_line("SSLProxyCheckPeerName", "On" if check_name else "Off"))
        if certificate:
            lines.append(_line("SSLProxyMachineCertificateFile", _in_quotes(certificate)))
    return lines


def _error_pages(site: Site) -> list[str]:
    """Return what lets httpd itself answer with the files, which lie where it may not serve anything else."""
    if not site.error_pages:
        return []
    lines = []
    for status, file in site.error_pages.items():
        path = ERROR_PAGES + status
        lines += [_line("ErrorDocument", status, path), _line("Alias", path, _in_quotes(file))]
    lines.append(_line("ProxyPass", ERROR_PAGES, '"!"'))
    lines += [f'<Location "{ERROR_PAGES}">\n', "    Require all granted\n", "</Location>\n"]
    return [*lines, "\n"]


def _forward(site: Site, forward: Forward) -> list[str]:
    path = _in_quotes(forward.path)
    if not forward.balancer:
        return [_line("ProxyPass", path, '"!"')]
    target = _in_quotes(f"balancer://{forward.balancer}{forward.backend_path}")
    return [
        _line("ProxyPass", path, target),
        _line("ProxyPassReverse", _reversed(forward), target),
        *(
            _line("Header", action, name, *map(_in_quotes, rest))
            for action, name, *rest in translations(site, forward)
        ),
    ]


def _reversed(forward: Forward) -> str:
    """Return what stands for the address of a member in redirects. Behind the root of a balancer httpd leaves the slash
    to what follows, except where the path is just ``/`` (proxy_util.c ``ap_proxy_location_reverse_map``)."""
    if forward.backend_path == "/":
        return _in_quotes(forward.path.rstrip("/") or "/")
    return _in_quotes(forward.path)


def _redirects(site: Site) -> list[str]:
    if not site.tls or not site.redirected_on:
        return []
    number = site.tls.listen[0].rpartition(":")[2]
    port = "" if number == "443" else ":" + number
    lines = [_line("Redirect", "permanent", "/", f"https://{site.server_name}{port}/")]
    return [_section(site, site.redirected_on, [*_same_name(site, port), *lines])]


def _same_name(site: Site, port: str) -> list[str]:
    """Return what lets clients keep a name that a wildcard of *site* stands for: another one may be another shop."""
    if not site.wildcards:
        return []
    # Without a slash or the like: by no Host can a client be sent elsewhere.
    letter = "[a-z0-9._-]"
    patterns = (
        re.escape(name.lower()).replace(r"\*", f"{letter}*").replace(r"\?", letter)
        for name in site.wildcards
    )
    target = f"https://%{{SERVER_NAME}}{port}%{{REQUEST_URI}}"
    return [
        _line("RewriteEngine", "On"),
        _line("RewriteCond", '"%{SERVER_NAME}"', f'"^(?:{"|".join(patterns)})$"', "[NC]"),
        _line("RewriteRule", '"^"', f'"{target}"', "[R=301,L]"),
    ]


def _section(site: Site, listen: Sequence[str], lines: Iterable[str]) -> str:
    """Return a virtual host of *site*, its own lines indented."""
    names = [_line("ServerName", site.server_name)]
    if site.server_aliases:
        names.append(_line("ServerAlias", *site.server_aliases))
    inside = [line if line == "\n" else f"    {line}" for line in [*names, "\n", *lines]]
    return "".join([f"<VirtualHost {' '.join(listen)}>\n", *inside, "</VirtualHost>\n"])


def _lines(text: str) -> list[str]:
    """Return the lines of *text*, each with those it continues on: they are not for us to indent."""
    return [found.group(0) + "\n" for found in re.finditer(r"(?:\\\n|.)+|^$", text.rstrip(), re.M)]


def _line(*words: str) -> str:
    return " ".join(words) + "\n"


def _in_quotes(text: str) -> str:
    return quoted(text, '"')
