#!/usr/bin/python
# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: graceful_reload
short_description: Let Apache httpd load its configuration, if it has to
description:
  - Reloads httpd gracefully when the running one has not loaded what the files say, and does nothing otherwise. Use it
    as the last task of a play; unlike a handler it notices a reload that an earlier play did not reach.
  - The configuration is proven first. httpd ends by itself when it is told to reload a configuration it cannot start
    with, so an unproven reload is refused.
  - Waits until the new generation serves. If httpd should end all the same, the files of the last reload that went
    well are put back, httpd is started again and the task fails with what httpd said.
  - With O(manager_url), members that only the running httpd keeps out (drained, disabled or stopped there, and not in
    the files) are kept out by the files first. Without it a reload puts them back.
  - Where balancer-manager gets another address or host name by this very reload, the running httpd is asked at the one
    that it has loaded. A balancer that could not be asked all the same is warned of.
  - A stopped httpd stays stopped.
extends_documentation_fragment:
  - webtier.apache_balancer.manager.connection
  - webtier.apache_balancer.httpd
  - webtier.apache_balancer.attributes.reload
options:
  only_if_needed:
    description:
      - With V(false), reload although httpd has loaded everything.
    type: bool
    default: true
  restart:
    description:
      - Whether to restart httpd, which breaks off the requests in flight, where it cannot load its configuration
        otherwise. That is so after a change of its MPM; httpd would end if it were told to reload then. With V(false)
        the task fails and httpd goes on with what it has loaded.
      - C(ServerLimit) and C(ThreadLimit) are left as they were by a reload. With V(true) httpd is restarted for them as
        well, with V(false) the task warns.
    type: bool
    default: false
  timeout:
    description:
      - Seconds to wait for the new generation, V(1) or more.
    type: int
    default: 30
seealso:
  - module: webtier.apache_balancer.configuration
  - module: webtier.apache_balancer.balancer
  - name: Changing a balancer while it runs
    description: What needs no reload, and how a drain ends.
    link: https://github.com/webtier/apache_balancer/blob/main/docs/live.md
author:
  - The webtier.apache_balancer contributors (@webtier)
"""

EXAMPLES = r"""
- name: Let httpd load what has changed, if anything has
  webtier.apache_balancer.graceful_reload:

- name: The same, and whoever was drained by hand in balancer-manager stays drained
  webtier.apache_balancer.graceful_reload:
    manager_url: http://127.0.0.2:8008/balancer-manager

- name: Load a renewed certificate, which is in none of the configuration files
  webtier.apache_balancer.graceful_reload:
    only_if_needed: false

- name: Restart httpd where it cannot load its configuration in any other way
  webtier.apache_balancer.graceful_reload:
    restart: true
"""

RETURN = r"""
running:
  description:
    - Whether this httpd runs.
  returned: success
  type: bool
changes:
  description:
    - Flags that were written to the files because only the running httpd had them.
  returned: success
  type: list
  elements: dict
  sample:
    - balancer: shop
      vhost: null
      layer: config
      member: http://10.0.0.11:8080
      parameter: status
      before: null
      after: [drained]
reload_reasons:
  description:
    - What the running httpd had not loaded before the task.
  returned: success
  type: list
  elements: str
  sample: ["/etc/apache2/sites-available/shop.conf: written after httpd last loaded its configuration"]
validated:
  description:
    - How the configuration was proven before the reload, V(rehearsed) or V(tested); V(unchanged) without a reload.
  returned: success
  type: str
  sample: rehearsed
restarted:
  description:
    - Whether httpd was restarted, see O(restart).
  returned: success
  type: bool
method:
  description:
    - How httpd was told, by the service manager or by a signal.
  returned: when something changed
  type: str
  sample: systemctl reload apache2.service
seconds:
  description:
    - Time until the new generation served.
  returned: when something changed
  type: float
  sample: 0.12
"""

from ansible_collections.webtier.apache_balancer.plugins.module_utils._ansible import Module
from ansible_collections.webtier.apache_balancer.plugins.module_utils._argspec import (
    httpd_options,
    manager_connection_options,
    reload_options,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._run import run


def main() -> None:
    module = Module(
        argument_spec={
            **reload_options(),
            **manager_connection_options(),
            **httpd_options(),
        },
        supports_check_mode=True,
    )
    # Imported late: until here, nothing of it is needed.
    from ansible_collections.webtier.apache_balancer.plugins.module_utils._graceful_reload import (
        graceful_reload,
    )

    run(module, graceful_reload)


if __name__ == "__main__":
    main()
