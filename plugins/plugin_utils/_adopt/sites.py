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

from .directives import WRITTEN, Data, Directive, host_of, walk, without_balancers, words_of
from .site import Site


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
        if any("tls" in site for site in self._sites):
            # What its virtual hosts say of TLS is in "extra", and the rest where it was.
            variables["load_balancer_tls_profile"] = "system"
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
        return own or any("balancer://" in each["text"] for each in walk(vhost["directives"]))

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
            if here and without_balancers(directive, balancers) is not None:
                yield directive

    # One site

    def _site(self, vhost: Mapping[str, Any]) -> None:
        site = Site(vhost, self._note)
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

    def _redirect_to(self, vhost: Mapping[str, Any], site: Site) -> Mapping[str, Any] | None:
        """Return the virtual host that does nothing but send clients to *site*."""
        for other in self._info["vhosts"]:
            if other is not vhost and _only_redirects(other, site):
                return other  # type: ignore[no-any-return]
        return None


def _only_redirects(vhost: Mapping[str, Any], site: Site) -> bool:
    if host_of(vhost["server_name"]).lower() != site.server_name.lower():
        return False
    rest = [each for each in vhost["directives"] if each["name"].lower() not in WRITTEN]
    if len(rest) != 1 or rest[0]["name"].lower() not in ("redirect", "redirectpermanent"):
        return False
    words = words_of(rest[0])
    if rest[0]["name"].lower() == "redirect":
        if words[:1] not in (["permanent"], ["301"]):
            return False
        words = words[1:]
    port = site.listen[0].rpartition(":")[2] if site.listen else ""
    target = f"https://{site.server_name}{'' if port == '443' else ':' + port}/"
    return words == ["/", target] and list(vhost["server_aliases"]) == site.server_aliases
