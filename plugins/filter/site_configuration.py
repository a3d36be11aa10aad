# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter site_configuration; its documentation is in site_configuration.yml."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils._refusal import refusing
from ..plugin_utils._sites import needs, ports
from ..plugin_utils._sites.host import host_modules, main_name, read_host
from ..plugin_utils._sites.model import Manager, Site, elements, read_all
from ..plugin_utils._sites.problems import all_problems

# Members may have a secret, and so may the directives of a site.
_MODE = "0640"


def site_configuration(
    sites: Sequence[Mapping[str, Any]],
    *,
    folder: str,
    main_file: str,
    log_folder: str = "",
    server_name: Any = "",
    existing_listen: Any = (),
    member_defaults: Mapping[str, Any] | None = None,
    modules: Any = (),
    httpd: Mapping[str, Any] | None = None,
    manager_address: str = "",
    manager_port: int = 8008,
) -> dict[str, list[Any]]:
    """Return ``modules``, ``files``, ``balancers`` and ``purge`` as the module ``configuration`` takes them, and the
    ``ports`` that httpd listens on for the sites."""
    given = {
        "sites": sites,
        "member_defaults": member_defaults,
        "existing_listen": existing_listen,
        "modules": modules,
        "httpd": httpd,
    }
    with refusing("site_configuration", given, "are no variables of the role load_balancer"):
        manager = Manager(manager_address, manager_port) if manager_address else None
        found = all_problems(
            sites, member_defaults or {}, httpd or {}, manager, server_name, modules
        )
        if found:
            raise AnsibleFilterError("; ".join(found))
        read_sites = read_all(sites, member_defaults or {}, manager)
        host = read_host(httpd or {})
        balancers = [
            {
                **balancer,
                "path": needs.balancer_file(folder, site, balancer),
                "mode": _MODE,
                **_manager(site),
            }
            for site in read_sites
            for balancer in site.balancers
        ]
        name = main_name(server_name)
        main = needs.main_text(read_sites, folder, name, existing_listen, log_folder, host)
        texts = {main_file: main}
        for site in read_sites:
            text = needs.site_text(site, folder, log_folder, host.tls_profile)
            texts[needs.site_file(folder, site)] = text
        return {
            "modules": [
                *(
                    {"name": name}
                    for name in sorted(map(str, {*needs.modules(read_sites), *elements(modules)}))
                ),
                *host_modules(host),
            ],
            "files": [
                {"path": path, "content": text, "mode": _MODE} for path, text in texts.items()
            ],
            "balancers": balancers,
            "purge": needs.purge(folder),
            "ports": ports.listened(read_sites),
        }


def _manager(site: Site) -> dict[str, str]:
    if not site.manager:
        return {}
    return {"manager_url": site.manager_url, "manager_server_name": site.server_name}


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"site_configuration": site_configuration}
