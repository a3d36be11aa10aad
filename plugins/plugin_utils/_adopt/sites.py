# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a configuration that somebody wrote to the variables of the role load_balancer that mean the same.

Private to this collection. Pure: plain data in, plain data out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ...module_utils._httpd.lexer import split_words

Directive = Mapping[str, Any]
Data = dict[str, Any]

# What the role writes itself, whatever the sites say.
_WRITTEN = {"servername", "serveralias", "sslengine", "proxyrequests"}
# Words of ProxyPass that are no parameters of a balancer (directive docs: ProxyPass).
_OWN_WORDS = {"nocanon", "interpolate", "noquery"}
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._~!$&()*+,;=:@/-]*")
_TO_BALANCER = re.compile(r"(?i)balancer://([^/]+)(/.*)?")
# What stands for a secret in results.
_MASKS = ("********", "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER")


class Adopted(NamedTuple):
    """The *variables*, and *notes*: sentences about what a person has to look at."""

    variables: Data
    notes: list[str]


def adopt(info: Mapping[str, Any]) -> Adopted:
    """Return the variables for what *info* tells, the result of ``balancer_info`` with ``directives: true``."""
    return _Adoption(info).result()


class _Adoption:
    def __init__(self, info: Mapping[str, Any]) -> None:
        self._info = info
        self._notes: list[str] = []
        self._balancers: dict[tuple[str, str], Mapping[str, Any]] = {}
        for balancer in info["balancers"]:
            self._balancers.setdefault((balancer["vhost"], balancer["name"]), balancer)
        self._taken: list[Mapping[str, Any]] = []
        self._sites: list[Data] = []

    def result(self) -> Adopted:
        for vhost in self._info["vhosts"]:
            if self._forwards_to_balancers(vhost):
                self._site(vhost)
        self._tell_of_others()
        replaced = self._replaced()
        listen = [each for each in self._info["listen"] if each["file"] not in replaced]
        self._sites = [self._bound(site, listen) for site in self._sites]
        variables: Data = {
            "load_balancer_sites": self._sites,
            "load_balancer_existing_listen": [each["address"] for each in listen],
            "load_balancer_replaces": replaced,
        }
        return Adopted(variables, list(dict.fromkeys(self._notes)))

    def _bound(self, site: Data, kept: Sequence[Mapping[str, Any]]) -> Data:
        """Return *site* with the addresses of the ``Listen`` lines that go with a replaced file, and are not *kept*."""
        gone = [each["address"] for each in self._info["listen"] if each not in kept]

        def bound(listen: Iterable[str]) -> list[str]:
            found = []
            for each in listen:
                of_port = [address for address in gone if address.rpartition(":")[2] == each]
                found += of_port or [each]
            return [address.removeprefix("*:") for address in dict.fromkeys(found)]

        site = {**site, "listen": bound(site["listen"])} if "listen" in site else site
        if "tls" in site:
            site["tls"] = {**site["tls"], "listen": bound(site["tls"]["listen"])}
        return site

    def _note(self, where: Mapping[str, Any], text: str) -> None:
        self._notes.append(f"{where['file']}:{where['line']}: {text}")

    # Which virtual hosts, which files

    def _forwards_to_balancers(self, vhost: Mapping[str, Any]) -> bool:
        own = any(label == vhost["vhost"] for label, dummy in self._balancers)
        return own or any("balancer://" in each["text"] for each in _walk(vhost["directives"]))

    def _tell_of_others(self) -> None:
        used = {each["name"] for site in self._sites for each in site["balancers"]}
        for (label, name), balancer in self._balancers.items():
            if label == "_main" and name not in used:
                self._note(
                    balancer,
                    f"balancer://{name} stands outside of all virtual hosts and none of these uses it; not taken over",
                )

    def _replaced(self) -> list[str]:
        """Return the files that say nothing but what was taken over."""
        taken = {(each["file"], each["line"]) for each in self._taken}
        files = dict.fromkeys(each["file"] for each in self._taken)
        kept = []
        for vhost in self._info["vhosts"]:
            if vhost["file"] in files and (vhost["file"], vhost["line"]) not in taken:
                kept.append(vhost["file"])
                self._note(
                    vhost,
                    f"the virtual host {vhost['vhost']} forwards to no balancer and is not taken over; move it to a"
                    " file of its own, then its neighbours' file can be replaced",
                )
        for each in self._left_outside(files):
            kept.append(each["file"])
            self._note(
                each,
                f"{each['name']} stands outside of the virtual hosts and holds for all of httpd; it is not taken over."
                " Move it to a file of its own, then this one can be replaced",
            )
        main = self._info["config_files"][:1]
        for file in files:
            if file in main:
                kept.append(file)
                where = next(each for each in self._taken if each["file"] == file)
                self._note(
                    where,
                    "it stands in httpd's main file, which the role does not remove; take the virtual host out of it in"
                    " the same change",
                )
        return [file for file in files if file not in kept]

    def _left_outside(self, files: Iterable[str]) -> Iterable[Directive]:
        """Return what stands in *files* beside virtual hosts and is not said by the sites."""
        used = {each["name"] for site in self._sites for each in site["balancers"]}
        balancers = {name: each for (dummy, name), each in self._balancers.items() if name in used}
        for directive in self._info["server_directives"]:
            here = directive["file"] in files and directive["name"].lower() != "listen"
            if here and _without_balancers(directive, balancers) is not None:
                yield directive

    # One site

    def _site(self, vhost: Mapping[str, Any]) -> None:
        site = _Site(vhost, self._note)
        if not site.server_name:
            self._note(
                vhost,
                "it has no ServerName, which a site of the role needs; give it one, then adopt it",
            )
            return
        if "://" in vhost["server_name"]:
            self._note(
                vhost,
                f"its ServerName has a scheme, {vhost['server_name']}, by which httpd names itself in redirects of its"
                " own; a site of the role has none",
            )
        redirect = self._redirect_to(vhost, site) if site.tls else None
        self._taken += [vhost, redirect] if redirect is not None else [vhost]
        name = self._name(site.server_name)
        self._sites.append(site.described(name, self._of(vhost), redirect))

    def _name(self, server_name: str) -> str:
        stem = re.sub(r"[^a-z0-9.-]", "-", server_name.lower()).strip(".-") or "site"
        name, number = stem, 1
        while name in (site["name"] for site in self._sites):
            number += 1
            name = f"{stem}-{number}"
        return name

    def _of(self, vhost: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """Return the balancers that requests of *vhost* may go to, by name."""
        found = {
            name: each for (label, name), each in self._balancers.items() if label == vhost["vhost"]
        }
        for name, parameters in vhost["inherited"].items():
            balancer = self._balancers["_main", name]
            found[name] = {**balancer, "parameters": parameters}
            self._note(
                balancer,
                f"balancer://{name} stands outside of the virtual host that uses it, {vhost['vhost']}; there it gets"
                " members of its own, which no other virtual host shares",
            )
        return found

    def _redirect_to(self, vhost: Mapping[str, Any], site: _Site) -> Mapping[str, Any] | None:
        """Return the virtual host that does nothing but send clients to *site*."""
        for other in self._info["vhosts"]:
            if other is not vhost and _only_redirects(other, site):
                return other  # type: ignore[no-any-return]
        return None


def _only_redirects(vhost: Mapping[str, Any], site: _Site) -> bool:
    if _host(vhost["server_name"]).lower() != site.server_name.lower():
        return False
    rest = [each for each in vhost["directives"] if each["name"].lower() not in _WRITTEN]
    if len(rest) != 1 or rest[0]["name"].lower() not in ("redirect", "redirectpermanent"):
        return False
    words = _words(rest[0])
    if rest[0]["name"].lower() == "redirect":
        if words[:1] not in (["permanent"], ["301"]):
            return False
        words = words[1:]
    port = site.listen[0].rpartition(":")[2] if site.listen else ""
    target = f"https://{site.server_name}{'' if port == '443' else ':' + port}/"
    return words == ["/", target] and list(vhost["server_aliases"]) == site.server_aliases


class _Site:
    """One virtual host on its way to be an element of ``load_balancer_sites``."""

    def __init__(self, vhost: Mapping[str, Any], note: Any) -> None:
        self._vhost = vhost
        self._note = note
        self.directives: list[Directive] = list(vhost["directives"])
        self.server_name = _host(vhost["server_name"])
        self.server_aliases = list(vhost["server_aliases"])
        self.listen = [_address(each) for each in vhost["addresses"]]
        self.tls = self._last("SSLEngine").lower() == "on"
        # Of the directives above, those that are said by options.
        self._said: set[int] = set()

    def described(
        self,
        name: str,
        balancers: Mapping[str, Mapping[str, Any]],
        redirect: Mapping[str, Any] | None,
    ) -> Data:
        """Return the element. *redirect*: the virtual host that sends clients here."""
        found: Data = {"name": name, "server_name": self.server_name}
        if self.server_aliases:
            found["server_aliases"] = self.server_aliases
        if self.tls:
            found.update(self._tls(redirect))
        else:
            found["listen"] = self.listen
        found["preserve_host"] = self._take("ProxyPreserveHost").lower() == "on"
        if self._last("ProxyTimeout").isdigit():
            found["timeout"] = int(self._take("ProxyTimeout"))
        if _asked_by_tls(balancers.values()):
            self._take("SSLProxyEngine")
        # The headers of clients are passed on as they were, the requests logged where they were.
        found.update(trusted_proxies=["*"], access_log=False)
        found["proxy_pass"] = self._forwards(balancers)
        found["balancers"] = [self._balancer(each) for each in balancers.values()]
        extra = self._extra(balancers)
        if extra:
            found["extra"] = extra
        return found

    # Directives

    def _last(self, name: str) -> str:
        found = [each for each in self.directives if each["name"].lower() == name.lower()]
        return " ".join(_words(found[-1])) if found else ""

    def _take(self, name: str) -> str:
        """Return the argument of a directive that the last one of its name decides; it is said then."""
        for index, each in enumerate(self.directives):
            if each["name"].lower() == name.lower():
                self._said.add(index)
        return self._last(name)

    def _tls(self, redirect: Mapping[str, Any] | None) -> Data:
        files = [each for each in self.directives if each["name"].lower() == "sslcertificatefile"]
        tls: Data = {}
        if len(files) == 1:
            tls["certificate"] = self._take("SSLCertificateFile")
            key = self._take("SSLCertificateKeyFile")
            tls.update({"key": key} if key else {})
        else:
            self._note(
                self._vhost,
                f"it has {len(files)} SSLCertificateFile, and a site of the role has one; the others stand in extra",
            )
            tls["certificate"] = _words(files[0])[0] if files else ""
        tls["listen"] = self.listen
        tls["redirect"] = redirect is not None
        if redirect is None:
            return {"tls": tls}
        return {"listen": [_address(each) for each in redirect["addresses"]], "tls": tls}

    def _forwards(self, balancers: Mapping[str, Mapping[str, Any]]) -> list[Data]:
        """Return the ProxyPass lines that options can say; their ProxyPassReverse goes with them."""
        found: list[Data] = []
        for index, each in enumerate(self.directives):
            if each["name"].lower() != "proxypass":
                continue
            forward = self._forward(each, balancers)
            if forward is None:
                continue
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

    def _forward(
        self, directive: Directive, balancers: Mapping[str, Mapping[str, Any]]
    ) -> Data | None:
        words = _words(directive)
        if len(words) < 2 or not _PLAIN_PATH.fullmatch(words[0]):
            return None
        path, target, *parameters = words
        if target == "!":
            return {"path": path} if not parameters else None
        to = _TO_BALANCER.fullmatch(target)
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
        found = {"path": path, "balancer": to[1].lower()}
        return {**found, "backend_path": backend_path} if backend_path != path else found

    def _reverses(self, forwards: Sequence[Mapping[str, Any]]) -> None:
        written = {
            (each["path"], f"balancer://{each['balancer']}{each.get('backend_path', each['path'])}")
            for each in forwards
            if "balancer" in each
        }
        cookies = {
            (each["backend_path"], each["path"]) for each in forwards if "backend_path" in each
        }
        for index, each in enumerate(self.directives):
            pair = tuple(_words(each))
            name = each["name"].lower()
            if name == "proxypassreverse" and (pair[0], pair[1].lower()) in written:
                self._said.add(index)
                written.discard((pair[0], pair[1].lower()))
            if name == "proxypassreversecookiepath" and pair in cookies:
                self._said.add(index)
        for path, dummy in sorted(written):
            self._note(
                self._vhost,
                f"{path} has no ProxyPassReverse; the role writes one, so that redirects of the backends lead back",
            )

    # Balancers

    def _balancer(self, balancer: Mapping[str, Any]) -> Data:
        name = f"balancer://{balancer['name']}"
        found: Data = {"name": balancer["name"]}
        # The role makes room for members by itself otherwise.
        found["proxy_set"] = self._open({"growth": 0, **balancer["parameters"]}, balancer, name)
        if _is_option(balancer.get("sticky_cookie")):
            cookie = balancer["sticky_cookie"].items()
            found["sticky_cookie"] = {key: value for key, value in cookie if value is not None}
        found["members"] = [
            {
                "url": each["url"],
                **self._open(each["config"] or {}, each, f"{each['url']} of {name}"),
            }
            for each in balancer["members"]
        ]
        return found

    def _open(
        self, values: Mapping[str, Any], where: Mapping[str, Any], owner: str
    ) -> dict[str, Any]:
        """Return *values* without those that are secret, which are not shown."""
        hidden = [name for name, value in values.items() if _is_hidden(value)]
        for name in hidden:
            self._note(where, f"{name} of {owner} is a secret and not shown here; add it")
        return {name: value for name, value in values.items() if name not in hidden}

    # The rest

    def _extra(self, balancers: Mapping[str, Mapping[str, Any]]) -> str:
        lines: list[str] = []
        for index, each in enumerate(self.directives):
            if index in self._said or each["name"].lower() in _WRITTEN:
                continue
            kept = _without_balancers(each, balancers)
            if kept is not None:
                lines += _text(kept, "")
                if any(_is_hidden(part["text"]) for part in _walk([kept])):
                    self._note(each, "it has a secret, which is not shown in extra; fill it in")
        return "".join(f"{line}\n" for line in lines)


def _without_balancers(
    directive: Directive, balancers: Mapping[str, Mapping[str, Any]]
) -> Directive | None:
    """Return *directive* without what the balancers of the role say; None if nothing is left."""
    name = directive["name"].lower()
    if name in ("balancermember", "proxyset") and _TO_BALANCER.match(
        directive["text"].strip("\"' ")
    ):
        return None
    if _is_route_cookie(directive) and any(map(_has_cookie, balancers.values())):
        return None
    if "directives" not in directive or name != "proxy":
        return directive
    to = _TO_BALANCER.match((_words(directive) or [""])[0])
    if to is None or to[1].lower() not in balancers:
        return directive
    inside = [
        each
        for each in directive["directives"]
        if each["name"].lower() not in ("balancermember", "proxyset")
        and not (_is_route_cookie(each) and _has_cookie(balancers[to[1].lower()]))
    ]
    if not inside:
        return None
    return {**directive, "text": f'"balancer://{to[1]}{to[2] or ""}"', "directives": inside}


def _asked_by_tls(balancers: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a balancer has members for which the role switches TLS on by itself."""
    urls = (
        each["url"].rpartition("|")[2] for balancer in balancers for each in balancer["members"]
    )
    return any(url.partition("://")[0] in ("https", "wss", "h2") for url in urls)


def _has_cookie(balancer: Mapping[str, Any]) -> bool:
    return _is_option(balancer.get("sticky_cookie"))


def _is_option(cookie: Mapping[str, Any] | None) -> bool:
    """Whether the option sticky_cookie can say this; it always says something of SameSite."""
    return bool(cookie and cookie.get("samesite"))


def _is_hidden(value: Any) -> bool:
    return any(mask in str(value) for mask in _MASKS)


def _is_route_cookie(directive: Directive) -> bool:
    text = directive["text"].lower()
    return directive["name"].lower() == "header" and "balancer_worker_route" in text


def _text(directive: Directive, indent: str) -> list[str]:
    """Return the lines that say *directive*."""
    if "directives" not in directive:
        return [f"{indent}{directive['name']} {directive['text']}".rstrip()]
    inside = [line for each in directive["directives"] for line in _text(each, indent + "    ")]
    head = f"{directive['name']} {directive['text']}".rstrip()
    return [f"{indent}<{head}>", *inside, f"{indent}</{directive['name']}>"]


def _walk(directives: Iterable[Directive]) -> Iterable[Directive]:
    for each in directives:
        yield each
        yield from _walk(each.get("directives", ()))


def _words(directive: Directive) -> list[str]:
    return [word.text for word in split_words(directive["text"])]


def _host(server_name: str) -> str:
    return re.sub(r"^\w+://|:\d+$", "", server_name)


def _address(address: str) -> str:
    """Return an address of a virtual host as ``listen`` of a site takes it."""
    address = address.lower()
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, "80"
    return port if host in ("*", "_default_", "") else f"{host}:{port}"
