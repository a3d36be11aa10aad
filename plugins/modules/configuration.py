#!/usr/bin/python
# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: configuration
short_description: Change files, modules and balancers of Apache httpd as one
description:
  - Takes everything that one change of httpd's configuration consists of. All of it is proven together and written
    together; when one part is bad, nothing is written.
  - Does not reload httpd. Finish the play with M(webtier.apache_balancer.graceful_reload), which reloads only if
    needed.
extends_documentation_fragment:
  - webtier.apache_balancer.balancer.elements
  - webtier.apache_balancer.write
  - webtier.apache_balancer.httpd
  - webtier.apache_balancer.attributes
options:
  state:
    description:
      - V(present) brings about what is declared.
      - V(rolled_back) puts every file back as the running httpd had loaded it when
        M(webtier.apache_balancer.graceful_reload) last went well or, before that, as it stood before the first change.
        Nothing else may be declared then.
    type: str
    choices: [present, rolled_back]
    default: present
  files:
    description:
      - Files of the configuration.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - Absolute path. A link is followed, so that the file is replaced and the link stays.
        type: path
        required: true
      state:
        description:
          - V(present) needs O(files[].content) or O(files[].src), V(link) needs O(files[].link), V(absent) removes
            the file or the link.
        type: str
        choices: [present, absent, link]
        default: present
      content:
        description:
          - The whole content. A balancer is declared here, as text, or in O(balancers), and then has a file of its own
            for an C(Include).
        type: str
      src:
        description:
          - A file on the managed host to take the content from.
        type: path
      link:
        description:
          - The target of the symbolic link.
        type: str
      owner:
        description:
          - Owner. Omitted, an existing file keeps its own.
        type: str
      group:
        description:
          - Group. Omitted, an existing file keeps its own.
        type: str
      mode:
        description:
          - Permissions, such as V('0640'). Omitted, an existing file keeps its own, and a new one has V('0600')
            if there is something secret in it, else V('0644') less the umask.
        type: raw
  modules:
    description:
      - Modules of httpd, with what they depend on. On Debian they are enabled as C(a2enmod) does it. On the RedHat
        family those that no other file loads are loaded by C(conf.modules.d/99-apache_balancer.conf). For an httpd from
        source, and for a private one, what is missing is refused with the C(LoadModule) lines to write.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name without C(mod_) and C(_module), such as V(proxy_balancer).
        type: str
        required: true
      state:
        description:
          - Whether the module is enabled.
        type: str
        choices: [present, absent]
        default: present
  purge:
    description:
      - Files to remove that an earlier task has made and that this one no longer declares.
    type: list
    elements: dict
    default: []
    suboptions:
      folder:
        description:
          - Absolute path of the folder that they are in. The folders in it are left alone.
        type: path
        required: true
      patterns:
        description:
          - What their names look like, one of these is enough; V(*) and V(?) stand for other characters.
        type: list
        elements: str
        default: ["*.conf"]
      contains:
        description:
          - A regular expression by which the files are known that may be removed, such as a comment that says who
            has made them. C(^) is the begin of each line.
        type: str
        required: true
seealso:
  - module: webtier.apache_balancer.balancer
  - module: webtier.apache_balancer.graceful_reload
  - name: What is checked that httpd does not
    description: Every code with its cause and its fix.
    link: https://github.com/webtier/apache_balancer/blob/main/docs/problems.md
author:
  - The webtier.apache_balancer contributors (@webtier)
"""

EXAMPLES = r"""
- name: A site, the modules it needs and its balancer, together or not at all
  webtier.apache_balancer.configuration:
    modules:
      - name: proxy_http
      - name: proxy_balancer
      - name: lbmethod_byrequests
      - name: headers
    files:
      - path: /etc/apache2/sites-available/shop.conf
        content: |
          <VirtualHost *:80>
            ServerName shop.example.com
            ProxyPass "/" "balancer://shop/"
            ProxyPassReverse "/" "balancer://shop/"
            Include /etc/apache2/load_balancer/shop.conf
          </VirtualHost>
      - path: /etc/apache2/sites-enabled/shop.conf
        state: link
        link: ../sites-available/shop.conf
      - path: /etc/apache2/sites-enabled/000-default.conf
        state: absent
    balancers:
      - name: shop
        path: /etc/apache2/load_balancer/shop.conf
        members:
          - url: http://10.0.0.11:8080
            route: node1
          - url: http://10.0.0.12:8080
            route: node2
        sticky_cookie: {}

- name: Let httpd load what has changed, if anything has
  webtier.apache_balancer.graceful_reload:

- name: These balancers and no others that a play has made
  webtier.apache_balancer.configuration:
    files:
      - path: /etc/apache2/load_balancer/shop.conf
        content: |
          # Made by Ansible
          <Proxy "balancer://shop">
            BalancerMember http://10.0.0.11:8080
          </Proxy>
    purge:
      - folder: /etc/apache2/load_balancer
        contains: ^# Made by Ansible

- name: Go back to what was loaded last
  webtier.apache_balancer.configuration:
    state: rolled_back
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
      description: Name of the parameter; null for a whole member or balancer.
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
      either. False while httpd is stopped.
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
balancers:
  description:
    - The declared balancers as they stand in the files now.
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
"""

from ansible_collections.webtier.apache_balancer.plugins.module_utils._ansible import Module
from ansible_collections.webtier.apache_balancer.plugins.module_utils._argspec import (
    configuration_options,
    httpd_options,
    write_options,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._run import run


def main() -> None:
    module = Module(
        argument_spec={**configuration_options(), **write_options(), **httpd_options()},
        supports_check_mode=True,
    )
    # Imported late: until here, nothing of it is needed.
    from ansible_collections.webtier.apache_balancer.plugins.module_utils._declared import (
        configuration,
    )

    run(module, configuration)


if __name__ == "__main__":
    main()
