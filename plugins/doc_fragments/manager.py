# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the running balancer is reached. Mirrors ``manager_options`` in module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment ``manager``; ``manager.connection`` without the choice of a layer."""

    CONNECTION: str

    DOCUMENTATION = r"""
attributes:
  action_group:
    description:
      - In C(module_defaults), C(group/webtier.apache_balancer.balancer_manager) takes the options that begin with
        C(manager_), once for all modules of the group.
    support: full
    membership:
      - webtier.apache_balancer.balancer_manager
options:
  target:
    description:
      - V(config) changes the files, V(runtime) the running httpd through its balancer-manager, V(both) first the files,
        then the running httpd, so that nothing has to be reloaded and the next reload changes nothing.
      - V(both) is the default with O(manager_url), V(config) without. What httpd takes over at a reload only is left to
        the reload, see RV(reload_reasons).
      - With V(both) the balancer-manager has to be the one of this host's httpd. V(runtime) needs neither an httpd on
        the managed host nor root; what it changes is lost at the next reload.
    type: str
    choices: [config, runtime, both]
  manager_url:
    description:
      - Address of C(balancer-manager) in the virtual host that proxies, such as
        V(http://127.0.0.2:8008/balancer-manager).
      - httpd shows each virtual host its own balancers. Several virtual hosts are reached at one address, each under
        its C(ServerName), see O(manager_server_name). Where they do not share an address, list all.
    type: list
    elements: str
  manager_server_name:
    description:
      - Host name to ask O(manager_url) for, in C(Host), C(Referer) and, with TLS, as the name of the server.
      - Omitted, each virtual host that owns a balancer concerned is asked for by its C(ServerName); where the files are
        not looked at, it is the host of O(manager_url).
    type: str
  manager_username:
    description:
      - User name where balancer-manager asks for one (basic authentication).
    type: str
  manager_password:
    description:
      - Password of O(manager_username). It is sent where it is asked for (basic authentication), not before.
    type: str
  manager_validate_certs:
    description:
      - Whether the certificate of an C(https) address is checked.
    type: bool
    default: true
  manager_ca_path:
    description:
      - File with the certificates of the authorities to trust, on the managed host. Omitted, those of the system.
    type: path
  manager_client_cert:
    description:
      - File with the client certificate to present, on the managed host; it may hold the key as well.
    type: path
  manager_client_key:
    description:
      - File with the key of O(manager_client_cert).
    type: path
  manager_timeout:
    description:
      - How long to wait for an answer, in seconds, V(1) or more. An address that gives none in that time is not asked
        for another virtual host.
    type: int
    default: 10
"""


# Not in the class: ansible-test reads documentation there without running it.
_ATTRIBUTES, _OPTIONS, _ALL = ModuleDocFragment.DOCUMENTATION.partition("options:\n")
_TARGET, _FIRST, _REST = _ALL.partition("  manager_url:\n")
ModuleDocFragment.CONNECTION = _ATTRIBUTES + _OPTIONS + _FIRST + _REST
