# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a configuration that somebody wrote to the variables of the role load_balancer that mean the same.

Private to this collection. Pure: plain data in, plain data out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...module_utils._balancer.lint import is_ineffective
from .._sites.model import read_all
from .._sites.needs import MANAGER_NAME
from .._sites.problems import problems
from .cookies import Cookies
from .directives import WRITTEN, Data, Directive, host_of, is_among, walk, words_of
from .files import replaced_files
from .listen import Listening, listened, split
from .order import order_notes
from .site import Server, Site

#: The site of Debian's package, which the role takes out unless it is told to leave it.
_DEFAULT_SITE = "/etc/apache2/sites-enabled/000-default.conf"

#: What the role sets right: modules, TLS to backends, lines that httpd drops, balancers outside of the virtual host.
_MENDED = ("AB201", "AB202", "AB205", "AB301", "AB312", "AB314")
#: What is wrong with the variables as well, and told of there: routes.
_DECLARED = ("AB305", "AB306", "AB325")
#: What the role takes as httpd does, and nobody means: a value that is read as another one, a cookie without a route.
_MISTAKEN = ("AB304", "AB334")


class Adopted(NamedTuple):
    """The *variables*, and *notes*: sentences about what a person has to look at."""

    variables: Data
    notes: list[str]


def adopt(info: Mapping[str, Any]) -> Adopted:
    """Return the variables for what *info* tells, the result of ``balancer_info`` with ``directives: true``."""
    return _Adoption(info).result()


def _place(where: Mapping[str, Any]) -> tuple[str, int]:
    return where["file"], where["line"]


class _Adoption:
    def __init__(self, info: Mapping[str, Any]) -> None:
        self._info = info
        self._notes: list[str] = []
        self._server = Server(info["server_directives"], info["server_root"])
        self._listening = Listening(info["listen"])
        self._balancers: dict[tuple[str, str], Mapping[str, Any]] = {}
        for balancer in info["balancers"]:
            self._balancers.setdefault((balancer["vhost"], balancer["name"]), balancer)
        # The virtual hosts that become sites, each with the one that redirects to it.
        self._taken: list[list[Mapping[str, Any]]] = []
        self._sites: list[Data] = []
        # What became of the route cookies of each.
        self._cookies: list[Cookies] = []

    def result(self) -> Adopted:
        """Return what was made of it."""
        for vhost in self._info["vhosts"]:
            if self._forwards_to_balancers(vhost):
                self._site(vhost)
        self._tell_of_others()
        replaced = self._replaced()
        sites = [self._listening.bound(site, replaced) for site in self._sites]
        self._notes += order_notes(self._info, self._taken, replaced)
        self._tell_of_problems(sites)
        self._tell_of_findings()
        self._tell_of_neighbours(sites)
        variables: Data = {
            "load_balancer_sites": sites,
            "load_balancer_existing_listen": self._listening.kept(sites, replaced),
            "load_balancer_replaces": replaced,
        }
        if sites:
            # httpd keeps the name it has.
            variables["load_balancer_server_name"] = ""
        if _DEFAULT_SITE in self._info["config_files"] and _DEFAULT_SITE not in replaced:
            variables["load_balancer_default_site"] = True
        if any("tls" in site for site in sites):
            # What its virtual hosts say of TLS is in "extra", and the rest where it was.
            variables["load_balancer_tls_profile"] = "system"
        return Adopted(variables, list(dict.fromkeys(self._notes)))

    def _replaced(self) -> list[str]:
        """Return the files that the role may remove; its own are none of them."""
        own = self._made_by_the_role()
        sites = [vhosts for vhosts in self._taken if not is_among(vhosts[0], own)]
        taken = [vhost for vhosts in sites for vhost in vhosts]
        cookies = self._lines_of_cookies()
        return replaced_files(self._info, taken, self._alone(), cookies, self._note)

    def _note(self, where: Mapping[str, Any], text: str) -> None:
        self._notes.append(f"{where['file']}:{where['line']}: {text}")

    def _forwards_to_balancers(self, vhost: Mapping[str, Any]) -> bool:
        own = any(label == vhost["vhost"] for label, dummy in self._balancers)
        return own or any("balancer://" in each["text"] for each in walk(vhost["directives"]))

    def _used(self) -> dict[str, Mapping[str, Any]]:
        """Return the balancers outside of all virtual hosts that the sites stand in for, by name."""
        return {
            each["name"]: self._balancers["_main", each["name"]]
            for site in self._sites
            for each in site["balancers"]
            if ("_main", each["name"]) in self._balancers
        }

    def _alone(self) -> dict[str, Mapping[str, Any]]:
        """Return those of them that no other virtual host uses."""
        found = self._used()
        for vhost in self._others():
            for name in vhost["inherited"]:
                if found.pop(name, None):
                    self._note(
                        vhost,
                        f"{vhost['vhost']} is not taken over and uses balancer://{name} too, which therefore stays;"
                        " httpd would take its members instead of those of the sites. Rename one of them",
                    )
        return found

    def _lines_of_cookies(self) -> list[Directive]:
        """Return the lines of route cookies that are options wherever they hold."""
        kept = [line for cookies in self._cookies for line in cookies.kept]
        lines = [line for cookies in self._cookies for line in cookies.lines]
        return [line for line in lines if not is_among(line, kept)]

    def _made_by_the_role(self) -> list[Mapping[str, Any]]:
        """Return the virtual hosts that have their balancer-manager where the role has it, and tell of them."""
        managers = [each for each in self._info["vhosts"] if each["server_name"] == MANAGER_NAME]
        addresses = {address for manager in managers for address in manager["addresses"]}
        made = [vhosts[0] for vhosts in self._taken if addresses & set(vhosts[0]["addresses"])]
        for vhost in made:
            self._note(
                vhost,
                "the role has made this out of variables, which say more than is found here: the manager's address is"
                " in listen, and what the role does for it in extra. Take the site from there instead of this one",
            )
        return made

    def _others(self) -> list[Mapping[str, Any]]:
        """Return the virtual hosts that stay."""
        taken = [vhost for vhosts in self._taken for vhost in vhosts]
        vhosts: list[Mapping[str, Any]] = self._info["vhosts"]
        return [vhost for vhost in vhosts if not any(vhost is each for each in taken)]

    def _tell_of_others(self) -> None:
        used = self._used()
        for (label, name), balancer in self._balancers.items():
            if label == "_main" and name not in used:
                self._note(
                    balancer,
                    f"balancer://{name} stands outside of all virtual hosts and none of these uses it; not taken over",
                )

    def _tell_of_problems(self, sites: list[Data]) -> None:
        """Tell of what the role refuses."""
        places = {
            f"site {site['name']}: ": vhosts[0]
            for site, vhosts in zip(self._sites, self._taken, strict=True)
        }
        for problem in problems(read_all(sites, {})):
            for prefix, vhost in places.items():
                if problem.startswith(prefix):
                    text = problem[len(prefix) :]
                    self._note(vhost, f"the role refuses this as it is: {text}")

    def _tell_of_findings(self) -> None:
        """Tell of what has not the effect it says, most of which the role does not write."""
        taken = [vhost for vhosts in self._taken for vhost in vhosts]
        said = [each for vhost in taken for each in walk(vhost["directives"])]
        balancers = self._used().values()
        said += [each for balancer in balancers for each in [balancer, *balancer["members"]]]
        places = set(map(_place, said))
        sections = set(map(_place, balancers))
        outside = walk(each for each in self._info["server_directives"] if _place(each) in sections)
        moved = places | set(map(_place, outside))
        for each in self._info["problems"]:
            finding = f"{each['code']} {each['message']} {each['fix']}"
            stays = is_ineffective(each["code"]) and each["code"] not in _MENDED + _DECLARED
            if each["code"] in _MISTAKEN:
                if _place(each) in moved:
                    self._note(each, finding)
            elif stays and _place(each) in places:
                self._note(each, f"the role refuses this as it is: {finding}")

    def _tell_of_neighbours(self, sites: list[Data]) -> None:
        """Tell of virtual hosts for all addresses that are not asked any more where a site has some of its own."""
        others = self._others()
        for vhosts, before, after in zip(self._taken, self._sites, sites, strict=True):
            new = set(listened(after)) - set(listened(before))
            for other in others:
                asked = {
                    split(address)[1] for address in other["addresses"] if split(address)[0] == "*"
                }
                here = sorted(each for each in new if asked & {split(each)[1], "*"})
                if here:
                    self._note(
                        vhosts[0],
                        f"it is to stand at {', '.join(here)}, where httpd listens, and then {other['vhost']}"
                        f" ({other['file']}:{other['line']}) is not asked there any more; name these addresses"
                        " there too",
                    )

    # One site

    def _site(self, vhost: Mapping[str, Any]) -> None:
        site = Site(vhost, self._server, self._listening, self._note)
        if not site.server_name:
            self._note(
                vhost,
                "it has no ServerName, which a site of the role needs; give it one, then adopt it",
            )
            return
        redirect = self._redirect_to(vhost, site) if site.tls else None
        self._taken.append([vhost, redirect] if redirect is not None else [vhost])
        name = self._name(site.server_name)
        self._sites.append(site.described(name, self._of(vhost), redirect))
        self._cookies.append(site.cookies)

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
            for parameter in balancer["parameters"]:
                if parameter not in parameters:
                    self._note(
                        balancer,
                        f"{parameter} of balancer://{name} has no effect in virtual hosts that inherit it, so the site"
                        " has none; add it if it is meant",
                    )
        return found

    def _redirect_to(self, vhost: Mapping[str, Any], site: Site) -> Mapping[str, Any] | None:
        """Return the virtual host that does nothing but send clients to *site*."""
        vhosts: list[Mapping[str, Any]] = self._info["vhosts"]
        others = (each for each in vhosts if each is not vhost and _only_redirects(each, site))
        return next(others, None)


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
