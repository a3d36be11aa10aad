# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back of paths that backends know under another name: redirects and cookies.

Private to this collection. Pure: plain data in, plain data out. Sites must be free of problems.

ProxyPassReverse knows redirects to the address of a member, and those to a path, but the latter whatever their host is:
a login elsewhere would be taken for one here. ProxyPassReverseCookiePath gives all cookies below a path the same one.
Both hold for every path of the site. mod_headers knows better.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ...module_utils._balancer.model import canonical_url, identity
from .model import Forward, Site

# Where a path ends, or one of its parts, in a redirect as well as in a cookie.
_END = r"(?=[/?#;\s]|$)"
# Their applications are told the path of the site.
_CGI = {"fcgi", "scgi", "uwsgi"}


def translations(site: Site, forward: Forward) -> list[tuple[str, ...]]:
    """Return the arguments of the directives ``Header`` by which redirects and cookies from behind *forward* lead to
    its path. ProxyPassReverse comes first: what it has translated is left alone."""
    condition = f"expr=%{{REQUEST_URI}} =~ m#^{_requests(site, forward)}#"
    own = rf"((?i:(?:https?:)?//(?:{_names(site)})(?::[0-9]+)?)?)"
    back = "$1" + re.sub(r"([\\$&])", r"\\\1", forward.path)
    found: list[tuple[str, ...]] = []
    for root in _roots(site, forward):
        path = _below(root, forward.path)
        found.append(("edit", "Location", f"^{own}{path}", back, condition))
        found.append(("edit", "Set-Cookie", rf"(;\s*(?i:path)=){path}", back, condition))
    return found


def _roots(site: Site, forward: Forward) -> list[str]:
    """Return what backends see instead of the path: that of each member and then ``backend_path``."""
    (members,) = (
        each["members"]
        for each in site.balancers
        if each["name"].lower() == forward.balancer.lower()
    )
    urls = [urlsplit(identity(canonical_url(str(member["url"])))) for member in members]
    roots = {url.path.rstrip("/") + forward.backend_path for url in urls if url.scheme not in _CGI}
    return sorted(roots - {forward.path}, key=lambda root: (-len(root), root))


def _below(root: str, path: str) -> str:
    """Return the expression for the begin of all that is below *root*, and not below *path* already."""
    base = re.escape(root.rstrip("/"))
    if not base:
        # Two slashes are followed by a host.
        found = "/(?!/)"
    elif path.endswith("/"):
        found = f"{base}(?:/|{_END})"
    else:
        found = base + _END
    return (f"(?!{re.escape(path.rstrip('/'))}{_END})" if path.startswith(root) else "") + found


def _requests(site: Site, forward: Forward) -> str:
    """Return the expression for the paths that *forward* gets: no longer path of the site matches."""
    others = (each.path for each in site.proxy_pass if len(each.path) > len(forward.path))
    return "".join(f"(?!{_prefix(path)})" for path in others) + _prefix(forward.path)


def _prefix(path: str) -> str:
    """Return the expression for what ProxyPass takes as *path* (mod_proxy.c ``alias_match``)."""
    return re.escape(path) if path.endswith("/") else f"{re.escape(path)}(?:/|$)"


def _names(site: Site) -> str:
    names = (re.escape(name) for name in site.names)
    return "|".join(name.replace(r"\*", "[^/:]*").replace(r"\?", "[^/:]") for name in names)
