# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual hosts as plain data, with every directive in them: for whoever writes them anew in another form.

Private to this collection. Pure.
"""

from __future__ import annotations

from typing import Any

from .._httpd.secrets import masked_arguments
from .._httpd.tree import MacroPosition, Node
from .live import effective
from .model import Configuration, Vhost
from .parameters import BALANCER, shown


def virtual_hosts(root: Node, configuration: Configuration) -> list[dict[str, Any]]:
    """Return each virtual host of *root*, with the label that *configuration* has for it, as the module
    ``balancer_info`` shows it."""
    vhosts = {vhost.place: vhost for vhost in configuration.vhosts if vhost.place is not None}
    sections = {(node.file, node.line): node for node in root.find("VirtualHost")}
    return [
        _virtual_host(configuration, vhost, sections[place])
        for place, vhost in vhosts.items()
        if place in sections
    ]


def server_directives(root: Node) -> list[dict[str, Any]]:
    """Return what stands outside of all virtual hosts."""
    return [_directive(node) for node in root.children if node.name.lower() != "virtualhost"]


def listens(root: Node) -> list[dict[str, Any]]:
    """Return each address that httpd listens on (directive docs: Listen), in order."""
    return [
        {"address": node.words[0], **_place(node)} for node in root.find("Listen") if node.words
    ]


def _virtual_host(configuration: Configuration, vhost: Vhost, node: Node) -> dict[str, Any]:
    inherited = {
        name: effective(configuration, vhost, name)
        for name, balancer in vhost.balancers.items()
        if not balancer.defined
    }
    return {
        "vhost": configuration.label(vhost),
        **_place(node),
        "addresses": list(vhost.addresses),
        "server_name": vhost.server_name,
        "server_aliases": list(vhost.aliases),
        "inherited": {
            name: shown(BALANCER, values)
            for name, values in inherited.items()
            if values is not None
        },
        "directives": [_directive(child) for child in node.children],
    }


def _directive(node: Node) -> dict[str, Any]:
    text = masked_arguments(node.name, node.args)
    found = {"name": node.name, "text": text, **_place(node)}
    if node.is_section:
        found["directives"] = [_directive(child) for child in node.children]
    return found


def _place(node: Node) -> dict[str, Any]:
    """Return ``file`` and ``line`` of *node*; for what a macro says those of its use."""
    file, line = node.file, node.line
    position = MacroPosition.parse(file)
    while position:
        file, line = position.used_file, position.used_line
        position = MacroPosition.parse(file)
    return {"file": file, "line": line}
