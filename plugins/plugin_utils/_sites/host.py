# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How httpd itself works on a host: its MPM, its limits, the connections of clients and their TLS.

Private to this collection. Pure: plain data in, plain data out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .model import truth

#: One of them is loaded.
MPMS = ("event", "worker", "prefork")
#: httpd's own ThreadsPerChild, and its ServerLimit, with worker and event.
THREADS, SERVERS = 25, 16
#: The most that either may be (MAX_THREAD_LIMIT and MAX_SERVER_LIMIT of worker and event).
MOST = 20_000

_TLS_WITHOUT_LEGACY = {"SSLHonorCipherOrder": "Off", "SSLSessionTickets": "Off"}
#: What sites with TLS say of it. The first two are the profiles of Mozilla (Server Side TLS 5.7), the first without the
#: ciphers with DHE, which RFC 9325 advises against; the last leaves it to what the distribution says.
TLS_PROFILES: Mapping[str, Mapping[str, str]] = {
    "intermediate": {
        "SSLProtocol": "-all +TLSv1.2 +TLSv1.3",
        "SSLCipherSuite": ":".join(
            f"ECDHE-{key}-{cipher}"
            for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
            for key in ("ECDSA", "RSA")
        ),
        **_TLS_WITHOUT_LEGACY,
    },
    "modern": {"SSLProtocol": "-all +TLSv1.3", **_TLS_WITHOUT_LEGACY},
    "system": {},
}

_READ: Mapping[str, Callable[[Any], Any]] = {
    "mpm": str,
    "max_request_workers": int,
    "threads_per_child": int,
    "tls_profile": str,
}
_KEEPALIVE = {
    "keepalive": "KeepAlive",
    "keepalive_timeout": "KeepAliveTimeout",
    "max_keepalive_requests": "MaxKeepAliveRequests",
}


class Host(NamedTuple):
    """What is declared of the host; ``None`` or empty: as it is there. *keepalive* are directives with their values."""

    mpm: str = ""
    max_request_workers: int | None = None
    threads_per_child: int | None = None
    keepalive: Mapping[str, Any] = {}
    tls_profile: str = "system"


def read_host(declared: Mapping[str, Any]) -> Host:
    """Return what *declared* means: the variables of the role, without ``load_balancer_``."""
    # Of None, templates make an empty text before ansible-core 2.19.
    given = {key: value for key, value in declared.items() if value not in (None, "")}
    keepalive = {_KEEPALIVE[key]: given[key] for key in _KEEPALIVE if key in given}
    if "KeepAlive" in keepalive:
        keepalive["KeepAlive"] = "On" if truth(keepalive["KeepAlive"]) else "Off"
    own: dict[str, Any] = {name: read(given[name]) for name, read in _READ.items() if name in given}
    return Host(keepalive=keepalive, **own)


def main_name(declared: Any) -> str:
    """Return the name of httpd outside of all sites that *declared*, by itself the name of the host in the inventory,
    comes to; empty: none. Of an IPv6 address, httpd takes what follows the first colon for a port."""
    name = "" if declared is None else str(declared)
    try:
        return "" if ipaddress.ip_address(name).version == 6 else name
    except ValueError:
        return name


def host_problems(host: Host) -> list[str]:
    """Return a sentence for each thing that is wrong with *host*."""
    found = []
    if host.mpm and host.mpm not in MPMS:
        found.append(f"load_balancer_mpm: {host.mpm!r} is none of {', '.join(MPMS)}")
    if host.tls_profile not in TLS_PROFILES:
        found.append(
            f"load_balancer_tls_profile: {host.tls_profile!r} is none of {', '.join(TLS_PROFILES)}"
        )
    workers, threads = host.max_request_workers, host.threads_per_child
    for name, number in (("max_request_workers", workers), ("threads_per_child", threads)):
        if number is not None and not 1 <= number <= MOST:
            found.append(f"load_balancer_{name}: {number} is not from 1 to {MOST}")
    if threads is not None and host.mpm == "prefork":
        found.append(
            "load_balancer_threads_per_child: prefork has no threads; leave it out, or use the MPM event"
        )
    elif threads is not None and workers is None:
        found.append(
            "load_balancer_threads_per_child: it needs load_balancer_max_request_workers, which must be a multiple"
            " of it"
        )
    if not found and workers is not None and host.mpm != "prefork":
        each = threads or THREADS
        if workers % each:
            found.append(
                f"load_balancer_max_request_workers: {workers} is no multiple of {each}"
                f" (load_balancer_threads_per_child); httpd would use {workers // each * each or each}"
            )
    for name, directive in _KEEPALIVE.items():
        value = host.keepalive.get(directive)
        if name != "keepalive" and value is not None and int(value) < 0:
            found.append(f"load_balancer_{name}: {value} is less than 0")
    return found


def host_modules(host: Host) -> list[dict[str, str]]:
    """Return the modules to switch, as the module ``configuration`` takes them, so that *host* has its MPM."""
    if not host.mpm:
        return []
    others = [{"name": f"mpm_{mpm}", "state": "absent"} for mpm in MPMS if mpm != host.mpm]
    return [{"name": f"mpm_{host.mpm}"}, *others]


def host_text(host: Host) -> str:
    """Return the directives for *host*, which hold for the whole httpd.

    A reload cannot change ServerLimit and ThreadLimit. Processes that end slowly, after a reload, take places of
    ServerLimit as well, hence twice as many (mpm_event: AH03490).
    """
    lines = [f"{name} {value}\n" for name, value in host.keepalive.items()]
    if host.max_request_workers is not None:
        threads = host.threads_per_child or THREADS
        servers = max(SERVERS, 2 * (host.max_request_workers // threads))
        lines += [
            "<IfModule mpm_prefork_module>\n",
            f"    ServerLimit {host.max_request_workers}\n",
            "</IfModule>\n",
            "<IfModule !mpm_prefork_module>\n",
            f"    ServerLimit {min(servers, MOST)}\n",
            f"    ThreadLimit {max(threads, 64)}\n",
            f"    ThreadsPerChild {threads}\n",
            "</IfModule>\n",
            f"MaxRequestWorkers {host.max_request_workers}\n",
        ]
    return "".join(lines)
