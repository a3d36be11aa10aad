#!/usr/bin/python
# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: balancer
short_description: Declare one mod_proxy_balancer balancer of Apache httpd
description:
  - Makes the configuration say what is declared about one balancer, its members and their parameters, in the file
    where it stands. Everything else in that file stays as it is, byte for byte.
  - With O(manager_url) the running httpd is changed as well, through its balancer-manager, and every change is read
    back. No reload is needed then, except for what httpd takes over at a reload only; RV(reload_reasons) names it.
  - Understands C(<Proxy>) sections with arguments on their line, several sections, members outside of sections,
    wrappers such as C(<IfModule>), and parameters on C(ProxyPass), and changes each of them where it stands.
  - Proves the whole configuration before anything is written, and refuses what would end httpd at its next reload.
  - Does not reload httpd. Finish the play with M(webtier.apache_balancer.graceful_reload), which reloads only if
    needed.
  - An option that is omitted is not managed.
extends_documentation_fragment:
  - webtier.apache_balancer.balancer
  - webtier.apache_balancer.manager
  - webtier.apache_balancer.write
  - webtier.apache_balancer.httpd
  - webtier.apache_balancer.attributes
seealso:
  - module: webtier.apache_balancer.balancer_member
  - module: webtier.apache_balancer.configuration
  - module: webtier.apache_balancer.balancer_info
  - module: webtier.apache_balancer.graceful_reload
  - name: mod_proxy_balancer
    description: httpd's own documentation.
    link: https://httpd.apache.org/docs/2.4/mod/mod_proxy_balancer.html
  - name: What is checked that httpd does not
    description: Every code with its cause and its fix.
    link: https://github.com/webtier/apache_balancer/blob/main/docs/problems.md
author:
  - The webtier.apache_balancer contributors (@webtier)
"""

EXAMPLES = r"""
- name: Two members, sessions stick by the cookie of the servlet container
  webtier.apache_balancer.balancer:
    name: shop
    vhost: shop.example.com
    members:
      - url: http://10.0.0.11:8080
        route: node1
      - url: http://10.0.0.12:8080
        route: node2
        loadfactor: 2
    proxy_set:
      stickysession: JSESSIONID|jsessionid
      scolonpathdelim: true

- name: Sessions of an application that knows no routes, by a cookie that httpd issues itself
  webtier.apache_balancer.balancer:
    name: forum
    vhost: forum.example.com
    members:
      - url: http://10.0.0.21:8080
        route: node1
      - url: http://10.0.0.22:8080
        route: node2
    sticky_cookie:
      secure: true

- name: Send nothing to members that do not say that they are well
  webtier.apache_balancer.balancer:
    name: forum
    health_check:
      uri: /health
      interval: 5
      fails: 2
      expect_status: ["200"]
      expect_body: "database: ok"

- name: Issue that cookie no more
  webtier.apache_balancer.balancer:
    name: forum
    reset: [sticky_cookie]

- name: Twice the share for node2, at once and without a reload
  webtier.apache_balancer.balancer:
    name: shop
    members:
      - url: http://10.0.0.12:8080
        loadfactor: 2
    purge: []
    manager_url: http://127.0.0.2:8008/balancer-manager

- name: Keep new sessions off node1, in a balancer that stands somewhere already
  webtier.apache_balancer.balancer:
    name: shop
    members:
      - url: http://10.0.0.11:8080
        status: [drained]
    purge: []

- name: Nothing but what is declared
  webtier.apache_balancer.balancer:
    name: shop
    path: /etc/apache2/load_balancer/shop.conf
    members:
      - url: http://10.0.0.11:8080
    proxy_set:
      lbmethod: bybusyness
    purge: [members, parameters]

- name: Remove a balancer that nothing refers to any more
  webtier.apache_balancer.balancer:
    name: shop
    state: absent

- name: Let httpd load what has changed, if anything has
  webtier.apache_balancer.graceful_reload:
"""

RETURN = r"""
changes:
  description:
    - What differs from what was declared, one element for each parameter, member or balancer.
  returned: success
  type: list
  elements: dict
  contains:
    balancer:
      description: Name of the balancer.
      type: str
      sample: shop
    vhost:
      description: The virtual host whose running balancer was changed; null for the files.
      type: str
      sample: shop.example.com
    layer:
      description: Where it differs; V(config) for the files, V(runtime) for the running httpd.
      type: str
      sample: config
    member:
      description: URL of the member; null for the balancer itself.
      type: str
      sample: http://10.0.0.11:8080
    parameter:
      description: Name of the parameter, or V(sticky_cookie), or V(health_check) for what judges the checks; null
        for a whole member or balancer.
      type: str
      sample: loadfactor
    before:
      description: What it was; null for something new. Secrets are masked.
      type: raw
      sample: 1.0
    after:
      description: What it is now; null for something removed. Secrets are masked.
      type: raw
      sample: 5.0
not_reached:
  description:
    - Running balancers that balancer-manager does not show at the addresses given, so only their files were changed.
      A warning names them. Where none is reached, although httpd has loaded what is to answer, the task fails.
  returned: success
  type: list
  elements: dict
  contains:
    balancer:
      description: Name of the balancer.
      type: str
    vhost:
      description: The virtual host.
      type: str
    reason:
      description: Why it was not reached, and what to do.
      type: str
validated:
  description:
    - How the new configuration was proven. V(rehearsed), httpd was started on it beside the running one; V(tested),
      httpd tested it (C(-t)) with the new files in place; V(no), not at all.
    - V(unchanged) where nothing was to be written.
  returned: success
  type: str
  sample: rehearsed
reload_required:
  description:
    - Whether the running httpd has not loaded what the files say now, and was not given it through balancer-manager
      either. False while httpd is stopped, and with O(target=runtime), as no file is looked at then.
  returned: success
  type: bool
  sample: true
reload_reasons:
  description:
    - Why RV(reload_required) is true.
  returned: success
  type: list
  elements: str
  sample: ["/etc/apache2/sites-available/shop.conf: written after httpd last loaded its configuration"]
running:
  description:
    - Whether this httpd runs.
  returned: success
  type: bool
  sample: true
problems:
  description:
    - What httpd accepts although it is not what it looks like, in the whole configuration.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: Code of the finding. V(AB1..) stops httpd at its next start, V(AB2..) breaks requests, V(AB3..) is
        silently not what was written.
      type: str
      sample: AB305
    message:
      description: What is wrong.
      type: str
    file:
      description: File of the finding.
      type: str
    line:
      description: Line of the finding.
      type: int
    fix:
      description: What to do.
      type: str
backup_files:
  description:
    - The copies that O(backup) made, by the path of the file.
  returned: when O(backup=true) and something changed
  type: dict
  sample:
    /etc/apache2/ports.conf: /etc/apache2/.apache_balancer/backup/20261122T100000Z-a1b2c3/etc/apache2/ports.conf
balancer:
  description:
    - The balancer as it is declared in the files now, one element for each virtual host that has it.
  returned: success
  type: list
  elements: dict
  sample:
    - name: shop
      vhost: shop.example.com
      file: /etc/apache2/sites-enabled/shop.conf
      line: 4
      parameters: {"stickysession": "JSESSIONID"}
      sticky_cookie: null
      members:
        - url: http://10.0.0.11:8080
          config: {"route": "node1"}
path:
  description:
    - The files the balancer stands in.
  returned: success
  type: list
  elements: str
  sample: [/etc/apache2/sites-enabled/shop.conf]
"""

from ansible_collections.webtier.apache_balancer.plugins.module_utils._ansible import Module
from ansible_collections.webtier.apache_balancer.plugins.module_utils._argspec import (
    balancer_options,
    httpd_options,
    manager_options,
    write_options,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._run import run


def main() -> None:
    module = Module(
        argument_spec={
            **balancer_options(),
            **manager_options(),
            **write_options(),
            **httpd_options(),
        },
        supports_check_mode=True,
    )
    # Imported late: until here, nothing of it is needed.
    from ansible_collections.webtier.apache_balancer.plugins.module_utils._declared import balancer

    run(module, balancer)


if __name__ == "__main__":
    main()
