# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``balancer_info``.

Private to this collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Iterator

from ._balancer import codec
from ._balancer.lint import lint
from ._balancer.live import drift, effective
from ._balancer.model import Balancer, Configuration, Vhost
from ._balancer.parameters import BALANCER, shown
from ._balancer.plan import Declaration
from ._configuration import server
from ._descriptions import description, running_member
from ._fileset import FileSet
from ._generation import Memory
from ._httpd.document import Document
from ._httpd.dump import View
from ._httpd.errors import HttpdError
from ._httpd.secrets import masked, secret_values
from ._httpd.text import decode
from ._options import Call, Params, access_of, instance_of
from ._results import loaded_result, missed_results
from ._selinux import problems as selinux_problems

if TYPE_CHECKING:
    from ._live import Missed
    from ._manager.page import LiveBalancer
    from ._process import Parent


def balancer_info(call: Call) -> dict[str, Any]:
    """Return the result of the module ``balancer_info``."""
    instance = instance_of(call.params)
    view = instance.view()
    # httpd shows directives with their variables replaced.
    call.hide(secret_values({**instance.environment, **view.defines}))
    configuration = codec.read(view.root)
    name, vhost = call.params["name"], call.params["vhost"]
    names = [Declaration(name).name] if name else None
    balancers = [b for b in configuration.balancers if names is None or b.name in names]
    if vhost:
        own = server(configuration, vhost)
        balancers = [balancer for balancer in balancers if balancer.vhost is own]
    memory = Memory(instance)
    result = loaded_result(call, memory.state(dict.fromkeys([*view.includes, *memory.files])))
    described = _Described(call.params, configuration, instance.parent())
    problems = [*lint(configuration, view), *selinux_problems(instance, configuration)]
    result.update(
        changed=False,
        balancers=[each for b in balancers for each in described.all(b)],
        not_reached=missed_results(call, described.missed, "how it runs is not known"),
        problems=[problem.result() for problem in problems],
    )
    if call.params["directives"]:
        result.update(_directives(view, configuration))
    return result


def _directives(view: View, configuration: Configuration) -> dict[str, Any]:
    from ._balancer.outline import listens, server_directives, virtual_hosts
    from ._httpd.unread import inactive, shared

    documents = list(_documents(view.includes))
    return {
        "vhosts": virtual_hosts(view.root, configuration),
        "server_directives": server_directives(view.root),
        "listen": listens(view.root),
        "config_files": view.includes,
        "server_root": view.server_root,
        "shared": [each._asdict() for each in shared(documents)],
        "inactive": [each._asdict() for each in inactive(documents, view.root)],
    }


def _documents(paths: Iterable[str]) -> Iterator[Document]:
    """Give the files at *paths*, as far as each is a document by itself."""
    fileset = FileSet()
    for path in paths:
        try:
            yield Document.parse(decode(fileset.read(path) or b""), path)
        except HttpdError:
            continue


class _Described:
    """Descriptions of balancers with what the running httpd has of them."""

    def __init__(self, params: Params, configuration: Configuration, parent: Parent | None) -> None:
        self._configuration = configuration
        self._parent = parent
        access = access_of(params)
        self._access = access if parent else None
        self._declared = [
            (self._servers(options["vhost"]), _declared(options)) for options in params["declared"]
        ]
        self._managers: Any = None
        self.missed: list[Missed] = []

    def _servers(self, vhost: str | None) -> list[Vhost] | None:
        """Return the virtual host called *vhost*; ``None``: all."""
        return None if vhost in (None, "all") else [server(self._configuration, str(vhost))]

    def all(self, balancer: Balancer) -> list[dict[str, Any]]:
        """Return one description for each virtual host in which *balancer* runs; one where none is reached."""
        reached = self._reach(balancer)
        if not reached:
            return [self._one(balancer, balancer.vhost, None)]
        return [self._one(balancer, vhost, live) for vhost, live in reached]

    def _reach(self, balancer: Balancer) -> list[tuple[Vhost, LiveBalancer]]:
        if self._access is None:
            return []
        from ._live import Managers, reach

        self._managers = self._managers or Managers(counters=True, parent=self._parent)
        running, missed = reach(self._managers, self._access, self._configuration, [balancer])
        self.missed += missed
        return [(each.server, each.balancer) for each in running if each.server]

    def _one(self, balancer: Balancer, vhost: Vhost, live: LiveBalancer | None) -> dict[str, Any]:
        found = description(self._configuration, balancer)
        found["vhost"] = self._configuration.label(vhost)
        declared = [
            each
            for where, each in self._declared
            if each.name == balancer.name
            and (where is None or vhost in where or balancer.vhost in where)
        ]
        values = effective(self._configuration, vhost, balancer.name) or {}
        for member in found["members"]:
            member.update(runtime=None, usable=None, accepts_new=None)
        if live is not None:
            _add_runtime(found, balancer, live)
        rows = drift(balancer.members, values, live, declared[0] if declared else None)
        found["drift"] = [row.result() for row in rows]
        return found


def _declared(options: Params) -> Declaration:
    return Declaration(options["name"], options["members"], options["proxy_set"])


def _add_runtime(found: dict[str, Any], balancer: Balancer, live: LiveBalancer) -> None:
    """Add to the description *found* what the running httpd has: of the balancer and of each member."""
    found["runtime"] = {**shown(BALANCER, live.values), "slots": live.slots, "used": live.used}
    for member, key in zip(found["members"], balancer.members):
        if key in live.members:
            member.update(running_member(live.members[key]))
    for key, running in live.members.items():
        if key not in balancer.members:
            url = masked(running.url)
            found["members"].append(
                {"url": url, "file": None, "line": None, "config": None, **running_member(running)}
            )
