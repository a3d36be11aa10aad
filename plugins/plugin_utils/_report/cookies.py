# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a cookie, in words. The attributes are those of RFC 6265 and its successor (draft 6265bis).

Private to this collection. Pure: data in, sentences out.
"""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping
from urllib.parse import SplitResult

_ADDRESS = re.compile(r"[0-9.]+|.*:.*")


def wrong(cookie: Mapping[str, Any], url: SplitResult) -> list[str]:
    """Return why browsers would refuse *cookie*, or not send it back to *url*."""
    return list(_wrong(cookie, url))


def better(cookie: Mapping[str, Any], url: SplitResult) -> list[str]:
    """Return what would make *cookie* safer, although it works."""
    return list(_better(cookie, url))


def _wrong(cookie: Mapping[str, Any], url: SplitResult) -> Iterator[str]:
    secure, domain, path = cookie.get("secure"), cookie.get("domain"), cookie.get("path")
    name = str(cookie.get("name") or "")
    if secure and url.scheme == "http" and not _local(url):
        yield "Secure, but the site was asked over plain HTTP, where browsers neither take nor send it"
    if _samesite(cookie) == "none" and not secure:
        yield "SameSite=None without Secure: browsers refuse it"
    if path and not _covers(str(path), url.path or "/"):
        yield f"its path {path} does not cover {url.path or '/'}, so it is not sent back there"
    if domain and not _within(url.hostname or "", str(domain)):
        yield f"its domain {domain} is not that of {url.hostname}: browsers refuse it"
    if name.startswith("__Secure-") and not secure:
        yield "its name begins with __Secure-, but it is not Secure: browsers refuse it"
    if name.startswith("__Host-") and (not secure or domain or path != "/"):
        yield "its name begins with __Host-, so it has to have Secure, path=/ and no domain: browsers refuse it"


def _better(cookie: Mapping[str, Any], url: SplitResult) -> Iterator[str]:
    if not cookie.get("secure") and _samesite(cookie) != "none":
        if url.scheme == "https":
            yield "without Secure it is sent over plain HTTP too"
        else:
            yield "without Secure anybody on the way can read it; that needs HTTPS"
    if not cookie.get("httponly"):
        yield "without HttpOnly scripts can read it"
    if not _samesite(cookie):
        yield "without SameSite it is up to the browser which foreign sites' requests carry it"


def _samesite(cookie: Mapping[str, Any]) -> str:
    return str(cookie.get("samesite") or "").lower()


def _local(url: SplitResult) -> bool:
    """Browsers take plain HTTP for safe there."""
    host = url.hostname or ""
    return host in ("localhost", "::1") or host.endswith(".localhost") or host.startswith("127.")


def _covers(prefix: str, path: str) -> bool:
    """Section 5.1.4 of RFC 6265."""
    if not prefix.startswith("/"):
        return True  # the default path is used instead
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else prefix + "/")


def _within(host: str, domain: str) -> bool:
    """Section 5.1.3 of RFC 6265; an address is below nothing."""
    host, domain = host.lower(), domain.lower().lstrip(".")
    return host == domain or (host.endswith("." + domain) and not _ADDRESS.fullmatch(host))
