#!/usr/bin/python
# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: balancer_info
short_description: Show the balancers of Apache httpd
description:
  - Reads the configuration as httpd resolves it, with includes, macros, variables and conditions, and returns every
    balancer with its virtual host, its members, their parameters and where each stands.
  - Names what httpd accepts although it is not what it looks like.
  - With O(manager_url) it shows beside the files what the running httpd has, member by member with its counters, and
    where the two differ.
extends_documentation_fragment:
  - webtier.apache_balancer.balancer.declared
  - webtier.apache_balancer.manager.connection
  - webtier.apache_balancer.httpd
  - webtier.apache_balancer.attributes.info
options:
  name:
    description:
      - Only balancers of this name.
    type: str
  vhost:
    description:
      - Only balancers of this virtual host. Its C(ServerName), C(ServerName:port), C(address:port) or C(file:line),
        or V(_main) for those outside of all virtual hosts.
    type: str
  directives:
    description:
      - Whether to return all virtual hosts with every directive in them as well, and where httpd listens. The playbook
        C(webtier.apache_balancer.adopt) makes the variables of a role out of that.
      - What is secret by its name is masked, be it a parameter, a header, a variable or an option of a command, and so
        are credentials in URLs. Look for other secrets before you show the result to others.
    type: bool
    default: false
seealso:
  - module: webtier.apache_balancer.balancer
  - name: What is checked that httpd does not
    description: Every code with its cause and its fix.
    link: https://github.com/webtier/apache_balancer/blob/main/docs/problems.md
author:
  - The webtier.apache_balancer contributors (@webtier)
"""

EXAMPLES = r"""
- name: Read all balancers
  webtier.apache_balancer.balancer_info:
  register: balancers

- name: Read files and running httpd
  webtier.apache_balancer.balancer_info:
    manager_url: http://127.0.0.2:8008/balancer-manager
  register: balancers

- name: Stop where the running httpd is not what the files say
  ansible.builtin.assert:
    that: balancers.balancers | rejectattr('drift', 'equalto', []) | length == 0

- name: Show what is wrong with the configuration, although httpd calls it fine
  ansible.builtin.debug:
    var: balancers.problems
"""

RETURN = r"""
balancers:
  description:
    - The balancers, in the order httpd reads them.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the balancer, in lower case as httpd reads it.
      type: str
      sample: shop
    vhost:
      description: The virtual host that owns it, or V(_main).
      type: str
      sample: shop.example.com
    file:
      description: File where it begins.
      type: str
      sample: /etc/apache2/sites-enabled/shop.conf
    line:
      description: Line where it begins.
      type: int
      sample: 4
    files:
      description: All files that feed it.
      type: list
      elements: str
    parameters:
      description: Its parameters that are set, as httpd reads them. Secrets are masked.
      type: dict
      sample: {"stickysession": "JSESSIONID"}
    sticky_cookie:
      description:
        - The cookie by which httpd itself marks the sessions of this balancer, under the names of the options of
          M(webtier.apache_balancer.balancer). Null if it issues none.
      type: dict
      sample:
        name: ROUTEID_SHOP
        path: /
        domain: null
        secure: true
        httponly: true
        samesite: lax
        max_age: null
    references:
      description: The directives that send requests to it.
      type: list
      elements: dict
      sample: [{"file": "/etc/apache2/sites-enabled/shop.conf", "line": 3, "directive": "ProxyPass", "text": "/ balancer://shop/"}]
    members:
      description: Its members.
      type: list
      elements: dict
      contains:
        url:
          description: URL of the member as httpd names it.
          type: str
          sample: http://10.0.0.11:8080
        file:
          description: File of the member.
          type: str
        line:
          description: Line of the member.
          type: int
        config:
          description: Its parameters that are set, as httpd reads them. Secrets are masked. Null where only the running
            httpd has it.
          type: dict
          sample: {"route": "node1"}
        runtime:
          description:
            - What the running httpd has. Its parameters, each status flag as a boolean, whether it is C(in_error) or
              C(health_check_failed), and the counters C(elected), C(busy), C(transferred) and C(read) (bytes to and
              from it), C(lbstatus) and C(retries). Null where the running httpd was not asked, or does not have it.
          type: dict
          sample: {"route": "node1", "loadfactor": 1.0, "drained": false, "in_error": false, "elected": 1205, "busy": 3}
        usable:
          description: Whether the running httpd can use it.
          type: bool
        accepts_new:
          description: Whether it gets new sessions. A member that is drained, or stands by, is usable and does not.
          type: bool
    runtime:
      description:
        - The parameters of the balancer in the running httpd, with C(slots) for members and how many are C(used). Only
          where the running httpd was asked.
      type: dict
      sample: {"lbmethod": "byrequests", "stickysession": "JSESSIONID", "slots": 12, "used": 2}
    drift:
      description:
        - Where O(declared), files and running httpd differ. Empty where they agree, as far as each was looked at.
      type: list
      elements: dict
      contains:
        member:
          description: URL of the member; null for the balancer itself.
          type: str
        parameter:
          description: Name of the parameter; null for a whole member.
          type: str
        declared:
          description: What is declared; null where it is not.
          type: raw
        config:
          description: What the files say.
          type: raw
        runtime:
          description: What the running httpd has; null where it was not asked.
          type: raw
      sample:
        - member: http://10.0.0.11:8080
          parameter: status
          declared: null
          config: []
          runtime: [drained]
not_reached:
  description:
    - Running balancers that balancer-manager does not show at the addresses given, so only their files are shown. A
      warning names them.
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
problems:
  description:
    - What httpd accepts although it is not what it looks like, in the whole configuration.
  returned: success
  type: list
  elements: dict
  sample:
    - code: AB305
      message: >-
        member http://10.0.0.11:8080 has no route, but balancer://shop is sticky: no session can stay there.
      file: /etc/apache2/sites-enabled/shop.conf
      line: 5
      fix: Give it a route.
vhosts:
  description:
    - All virtual hosts, in the order httpd reads them, after includes, macros and conditions.
  returned: when O(directives=true)
  type: list
  elements: dict
  contains:
    vhost:
      description: The name by which it can be told from all others.
      type: str
      sample: shop.example.com
    file:
      description: File where it begins; where a macro makes it, the one that uses the macro.
      type: str
    line:
      description: Line where it begins.
      type: int
    addresses:
      description: Its addresses, as they are written.
      type: list
      elements: str
      sample: ["*:80"]
    server_name:
      description: Its C(ServerName); empty if it has none.
      type: str
    server_aliases:
      description: Its aliases.
      type: list
      elements: str
    inherited:
      description:
        - The balancers outside of all virtual hosts that it uses, by name, each with the parameters it has here.
      type: dict
      sample: {"shop": {"stickysession": "JSESSIONID"}}
    directives:
      description:
        - Each directive with C(name), C(text) (what follows the name; secrets are masked), C(file) and C(line), and
          where it is a section the C(directives) in it.
      type: list
      elements: dict
      sample: [{"name": "ProxyPass", "text": "/ balancer://shop/", "file": "/etc/httpd/shop.conf", "line": 3}]
server_directives:
  description:
    - What stands outside of all virtual hosts, as in RV(vhosts[].directives).
  returned: when O(directives=true)
  type: list
  elements: dict
listen:
  description:
    - Where httpd listens, with C(address), C(file) and C(line).
  returned: when O(directives=true)
  type: list
  elements: dict
  sample: [{"address": "80", "file": "/etc/apache2/ports.conf", "line": 5}]
config_files:
  description:
    - The files httpd reads, in their order.
  returned: when O(directives=true)
  type: list
  elements: str
server_root:
  description:
    - C(ServerRoot), to which relative paths refer.
  returned: when O(directives=true)
  type: str
  sample: /etc/apache2
shared:
  description:
    - What is defined in one file and used in others, by C(directive) (C(Define) or C(Macro)) and C(name), with C(file)
      and C(line) of the definition and the files it is C(used_in).
  returned: when O(directives=true)
  type: list
  elements: dict
  sample:
    - directive: Define
      name: NODE
      file: /etc/httpd/conf.d/shop.conf
      line: 1
      used_in: [/etc/httpd/conf.d/blog.conf]
inactive:
  description:
    - Each C(section), such as C(IfDefine), of whose content httpd has read nothing, with C(file) and C(line).
  returned: when O(directives=true)
  type: list
  elements: dict
  sample: [{"section": "<IfDefine SPARE>", "file": "/etc/httpd/shop.conf", "line": 9}]
running:
  description:
    - Whether this httpd runs.
  returned: success
  type: bool
reload_required:
  description:
    - Whether the running httpd has not loaded what the files say now. False while httpd is stopped.
  returned: success
  type: bool
reload_reasons:
  description:
    - Why RV(reload_required) is true.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.webtier.apache_balancer.plugins.module_utils._ansible import Module
from ansible_collections.webtier.apache_balancer.plugins.module_utils._argspec import (
    httpd_options,
    info_options,
    manager_connection_options,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._run import run


def main() -> None:
    module = Module(
        argument_spec={
            **info_options(),
            **manager_connection_options(),
            **httpd_options(),
        },
        supports_check_mode=True,
    )
    # Imported late: until here, nothing of it is needed.
    from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer_info import (
        balancer_info,
    )

    run(module, balancer_info)


if __name__ == "__main__":
    main()
