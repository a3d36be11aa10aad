# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One virtual host on its way to be an element of ``load_balancer_sites``.

Private to this collection. Pure.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...module_utils._balancer.cookie import header
from ...module_utils._httpd.secrets import MASK
from .cookies import Cookies, route_cookies
from .directives import (
    TO_BALANCER,
    WRITTEN,
    Data,
    Directive,
    asked_by_tls,
    host_of,
    is_among,
    is_hidden,
    last,
    lines_of,
    walk,
    without_balancers,
    words_of,
)
from .listen import Listening, split

# Words of ProxyPass that are no parameters of a balancer (directive docs: ProxyPass).
_OWN_WORDS = {"nocanon", "interpolate", "noquery"}
# How balancer_info shows bytes that are no text.
_BYTES = re.compile(r"\\x[89a-f][0-9a-f]")
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._~!$&()*+,;=:@/-]*")


# A line that changes what backends say of themselves: its name and its arguments.
_Reversal = tuple[str, str, str]


class Server:
    """The main server, of which virtual hosts inherit: its *directives*, and the *root* of relative paths."""

    def __init__(self, directives: Sequence[Directive], root: str) -> None:
        self.directives = directives
        self._root = root

    def last(self, name: str) -> str:
        """Return the argument of the directive *name*; empty where there is none."""
        return last(self.directives, name)

    def path(self, path: str) -> str:
        """Return the absolute path that *path* stands for."""
        return posixpath.join(self._root, path) if path else ""

    def overrides(self) -> str:
        """Return which directives of ``.htaccess`` files are obeyed everywhere; empty: none."""
        inside = [
            directive
            for each in self.directives
            if each["name"].lower() == "directory" and words_of(each) == ["/"]
            for directive in each["directives"]
        ]
        found = last(inside, "AllowOverride")
        return "" if found.lower() == "none" else found


class Site:
    """One virtual host of *server* on its way to be an element of ``load_balancer_sites``."""

    def __init__(
        self, vhost: Mapping[str, Any], server: Server, listening: Listening, note: Any
    ) -> None:
        self._vhost = vhost
        self._server = server
        self._listening = listening
        self._note = note
        self.directives: list[Directive] = list(vhost["directives"])
        self.server_name = host_of(vhost["server_name"])
        self.server_aliases = list(vhost["server_aliases"])
        self.listen = listening.of(vhost["addresses"])
        self.tls = self._setting("SSLEngine").lower() == "on"
        # Of the directives above, those that are said by options.
        self._said: set[int] = set()
        self.cookies = Cookies({}, [], [])

    def described(
        self,
        name: str,
        balancers: Mapping[str, Mapping[str, Any]],
        redirect: Mapping[str, Any] | None,
    ) -> Data:
        """Return the element. *redirect*: the virtual host that sends clients here."""
        self._tell_of_names()
        self._tell_of_certificates()
        found: Data = {"name": name, "server_name": self.server_name}
        if self.server_aliases:
            found["server_aliases"] = self.server_aliases
        if self.tls:
            found.update(self._tls(redirect))
        else:
            found["listen"] = self.listen
        found["preserve_host"] = self._take("ProxyPreserveHost").lower() == "on"
        if last(self.directives, "ProxyTimeout").isdigit():
            found["timeout"] = int(self._take("ProxyTimeout"))
        if asked_by_tls(balancers.values()):
            self._take("SSLProxyEngine")
        self.cookies = route_cookies(self.directives, self._server.directives, balancers)
        self._tell_of_cookies()
        # The headers of clients are passed on as they were, the requests logged where they were.
        found.update(trusted_proxies=["*"], access_log=False)
        found["proxy_pass"] = self._forwards(balancers)
        found["balancers"] = [self._balancer(each) for each in balancers.values()]
        extra = self._extra(balancers)
        if extra:
            found["extra"] = extra
        return found

    # Directives

    def _setting(self, name: str) -> str:
        """Return the argument of the last directive *name*, here or else in the main server."""
        return last(self.directives, name) or self._server.last(name)

    def _take(self, name: str) -> str:
        """Return the argument of a directive that the last one of its name decides; it is said then."""
        for index, each in enumerate(self.directives):
            if each["name"].lower() == name.lower():
                self._said.add(index)
        return self._setting(name)

    def _tell_of_names(self) -> None:
        """Tell of what the role does not say of names and addresses."""
        written = self._vhost["server_name"]
        if "://" in written:
            self._note(
                self._vhost,
                f"its ServerName has a scheme, {written}, by which httpd names itself in redirects of its own; a site"
                " of the role has none",
            )
        port = written.rpartition(":")[2]
        if port.isdigit() and port != self.listen[0].rpartition(":")[2]:
            self._note(
                self._vhost,
                f"its ServerName has a port, {written}, by which httpd names itself in redirects of its own; a site of"
                " the role has the one it listens on",
            )
        for address in self._vhost["addresses"]:
            if split(address)[1] == "*":
                self._note(
                    self._vhost,
                    f"its address {address} stands for each port that httpd listens on; the role names them:"
                    f" {', '.join(self.listen)}",
                )
        if self._setting("ProxyRequests").lower() == "on":
            self._note(
                self._vhost,
                "ProxyRequests On makes it an open proxy, by which everybody reaches whatever it does; the role"
                " switches that off. If it is meant, keep it in a virtual host of its own, and say who may use it",
            )

    def _tell_of_certificates(self) -> None:
        """Tell of certificates that nothing uses: ``Listen ... https`` switches nothing on."""
        for each in self.directives:
            if each["name"].lower() == "sslcertificatefile" and not self._setting("SSLEngine"):
                self._note(
                    each,
                    "it has a certificate, but no SSLEngine On, so httpd speaks plain HTTP here; write it if TLS is"
                    " meant, then adopt it",
                )

    def _tell_of_cookies(self) -> None:
        """Tell of route cookies that the main server issues; the role lets a balancer issue those that it declares."""
        for each in self.cookies.kept:
            if is_among(each, self._server.directives) and header(words_of(each)):
                self._note(
                    each,
                    "it issues a route cookie in all virtual hosts, and not just as the option sticky_cookie would;"
                    " write it into the virtual hosts that need it, then adopt them",
                )

    def _tls(self, redirect: Mapping[str, Any] | None) -> Data:
        tls: Data = {"certificate": self._first_path("SSLCertificateFile")}
        key = self._first_path("SSLCertificateKeyFile")
        tls.update({"key": key} if key else {})
        tls["listen"] = self.listen
        tls["redirect"] = redirect is not None
        if redirect is None:
            return {"tls": tls}
        return {"listen": self._listening.of(redirect["addresses"]), "tls": tls}

    def _first_path(self, name: str) -> str:
        """Return the path that the first directive *name* has; further ones stay in extra."""
        found = [
            i for i, each in enumerate(self.directives) if each["name"].lower() == name.lower()
        ]
        if not found:
            return self._server.path(self._server.last(name))
        self._said.add(found[0])
        if len(found) > 1:
            self._note(
                self._vhost,
                f"it has {len(found)} {name}, and a site of the role has one; the others stand in extra",
            )
        return self._server.path(words_of(self.directives[found[0]])[0])

    def _forwards(self, balancers: Mapping[str, Mapping[str, Any]]) -> list[Data]:
        """Return the ProxyPass lines that options can say; their ProxyPassReverse goes with them."""
        found: list[Data] = []
        for index, forward in self._options(balancers).items():
            each = self.directives[index]
            for earlier in found:
                if (
                    forward["path"].startswith(earlier["path"])
                    and forward["path"] != earlier["path"]
                ):
                    self._note(
                        each,
                        f"ProxyPass {earlier['path']} comes first and took these requests, so this line did nothing;"
                        f" with the role the longer path decides. Remove {forward['path']} if that is not meant",
                    )
            if any(forward["path"] == earlier["path"] for earlier in found):
                self._note(
                    each,
                    "an earlier line takes these requests; this one did nothing and is left out",
                )
                self._said.add(index)
                continue
            found.append(forward)
            self._said.add(index)
        self._reverses(found)
        return found

    def _options(self, balancers: Mapping[str, Mapping[str, Any]]) -> dict[int, Data]:
        """Return by number the directives that an element of proxy_pass can say.

        The first line that has a path takes its requests, and extra comes first: none at all, where one of them would
        have to stand before a line that stays.
        """
        found: dict[int, Data] = {}
        for index, each in enumerate(self.directives):
            name = each["name"].lower()
            forward = self._forward(each, balancers) if name == "proxypass" else None
            if forward is not None:
                found[index] = forward
            elif name in ("proxypass", "proxypassmatch") and found:
                return {}
        return found

    def _forward(
        self, directive: Directive, balancers: Mapping[str, Mapping[str, Any]]
    ) -> Data | None:
        words = words_of(directive)
        if len(words) < 2 or not _PLAIN_PATH.fullmatch(words[0]):
            return None
        path, target, *parameters = words
        if target == "!":
            return {"path": path} if not parameters else None
        to = TO_BALANCER.fullmatch(target)
        if to is None or to[1].lower() not in balancers:
            return None
        # The parameters are those of the balancer, which has them already.
        if any(word.partition("=")[0].lower() in _OWN_WORDS | {"mapping"} for word in parameters):
            return None
        backend_path = to[2] or ""
        if not _PLAIN_PATH.fullmatch(backend_path) or path.endswith("/") != backend_path.endswith(
            "/"
        ):
            return None
        # As it is spelled: so <Proxy> sections compare it.
        found = {"path": path, "balancer": to[1]}
        return {**found, "backend_path": backend_path} if backend_path != path else found

    def _reverses(self, forwards: Iterable[Mapping[str, Any]]) -> None:
        """Take the lines that the role writes beside *forwards*, and tell of those that it adds."""
        written: list[_Reversal] = []
        for each in forwards:
            if "balancer" in each:
                path, backend_path = each["path"], each.get("backend_path", each["path"])
                target = f"balancer://{each['balancer'].lower()}{backend_path}"
                written.append(("ProxyPassReverse", path, target))
                if backend_path != path:
                    written.append(_cookie_path(backend_path, path))
        for index, each in enumerate(self.directives):
            if "directives" not in each and set(_reversals(each)) & set(written):
                self._said.add(index)
        there = {reversal for each in self.directives for reversal in _reversals(each)}
        for reversal in written:
            if reversal not in there:
                self._note(
                    self._vhost,
                    f"it has no {' '.join(reversal)}, and the role lets redirects and cookies of backends lead back"
                    " as with one; if that is not meant, write the ProxyPass lines into extra, and proxy_pass: []",
                )

    # Balancers

    def _balancer(self, balancer: Mapping[str, Any]) -> Data:
        name = f"balancer://{balancer['name']}"
        found: Data = {"name": balancer["name"]}
        # The role makes room for members by itself otherwise.
        found["proxy_set"] = self._open({"growth": 0, **balancer["parameters"]}, balancer, name)
        if balancer["name"] in self.cookies.options:
            found["sticky_cookie"] = self.cookies.options[balancer["name"]]
        found["members"] = [self._member(each, name) for each in balancer["members"]]
        return found

    def _member(self, member: Mapping[str, Any], balancer: str) -> Data:
        url = member["url"]
        if is_hidden(url):
            self._note(
                member, f"the URL of {url} of {balancer} has a secret, which is {MASK}; fill it in"
            )
        return {"url": url, **self._open(member["config"] or {}, member, f"{url} of {balancer}")}

    def _open(
        self, values: Mapping[str, Any], where: Mapping[str, Any], owner: str
    ) -> dict[str, Any]:
        """Return *values* without those that are secret, which are not shown."""
        hidden = [name for name, value in values.items() if is_hidden(value)]
        for name in hidden:
            self._note(where, f"{name} of {owner} is a secret and not shown here; add it")
        return {name: value for name, value in values.items() if name not in hidden}

    # The rest

    def _extra(self, balancers: Mapping[str, Mapping[str, Any]]) -> str:
        lines: list[str] = []
        overrides = self._server.overrides()
        if overrides:
            # The role says None.
            lines += ['<Directory "/">', f"    AllowOverride {overrides}", "</Directory>"]
        for index, each in enumerate(self.directives):
            if index in self._said or self._is_written(each):
                continue
            kept = without_balancers(each, balancers, self.cookies.lines)
            if kept is not None:
                lines += lines_of(kept)
                self._tell_of_text(kept)
        return "".join(f"{line}\n" for line in lines)

    def _is_written(self, directive: Directive) -> bool:
        """Whether the role writes *directive*; it does not switch TLS off that is on in the main server."""
        name = directive["name"].lower()
        inherited = self._server.last(name).lower() == "on"
        return name in WRITTEN and not (name == "sslengine" and inherited and not self.tls)

    def _tell_of_text(self, directive: Directive) -> None:
        """Tell of what is not in extra as it was."""
        for part in walk([directive]):
            if is_hidden(part["text"]):
                self._note(
                    part, f"{part['name']} has a secret, which is {MASK} in extra; fill it in"
                )
            if _BYTES.search(part["text"]):
                self._note(
                    part,
                    f"{part['name']} has bytes that are no UTF-8, which are \\xNN in extra; write them as UTF-8",
                )


def _cookie_path(theirs: str, ours: str) -> _Reversal:
    # The role writes what does for both spellings.
    return "ProxyPassReverseCookiePath", theirs.rstrip("/") or "/", ours.rstrip("/") or "/"


def _reversals(directive: Directive, path: str = "") -> Iterator[_Reversal]:
    """Give what *directive*, in a section for *path*, says of answers of the backends."""
    name, words = directive["name"].lower(), words_of(directive)
    if name == "location" and words:
        for each in directive["directives"]:
            yield from _reversals(each, words[0])
    elif name == "proxypassreverse":
        path, target = words[:2] if len(words) > 1 else (path, words[0])
        to = TO_BALANCER.fullmatch(target)
        yield "ProxyPassReverse", path, f"balancer://{to[1].lower()}{to[2] or ''}" if to else target
    elif name == "proxypassreversecookiepath":
        yield _cookie_path(*words[:2])
