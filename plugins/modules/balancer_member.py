#!/usr/bin/python
# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: balancer_member
short_description: Take members of mod_proxy_balancer balancers out, and put them back
description:
  - Finds members by URL, route or host in all balancers of an httpd, or in those that are named, and drains, disables,
    enables, adds, removes or changes them. With O(host) that is a whole node, on all its ports and in all balancers.
  - With O(manager_url) the files are changed first and then the running httpd, without a reload. Without, the files
    alone, see O(target).
  - Waits, if wished, until a member that was taken out has nothing to do any more.
  - Refuses to take out the last member that accepts new sessions, see O(min_usable).
extends_documentation_fragment:
  - webtier.apache_balancer.member
  - webtier.apache_balancer.manager
  - webtier.apache_balancer.write
  - webtier.apache_balancer.httpd
  - webtier.apache_balancer.attributes
options:
  url:
    description:
      - The member with this URL. With O(state=present) and O(balancer) it is added where it is missing.
      - Where it names a socket, as V(unix:/run/php/shop.sock|fcgi://localhost/) does, only members on that socket;
        without, whatever their socket is.
    type: str
  host:
    description:
      - All members on this host, whatever their scheme, port and path. As it is written in their URLs; IPv6 with or
        without brackets.
    type: str
  route:
    description:
      - Without O(url), all members with this route.
      - With O(url), the route that member is given. Letters, digits, C(_) and C(-), at most 63.
    type: str
  balancer:
    description:
      - Only members of this balancer.
    type: str
  vhost:
    description:
      - Only members of balancers of this virtual host. Its C(ServerName), C(ServerName:port), C(address:port) or
        C(file:line), or V(_main) for those outside of all virtual hosts. V(all), as when it is omitted, means those of
        every one; a member that is added to a balancer of several needs it.
    type: str
  state:
    description:
      - V(drained) keeps running sessions and accepts no new ones.
      - V(disabled) gets no requests, so its sessions move to other members; V(stopped) is not health-checked either.
      - V(enabled) takes back all three. A member that is disabled stays so when it is drained; enable it first.
      - V(hot_standby) waits until no other member can be used, V(hot_spare) until one cannot, V(ignore_errors) is never
        put in error.
      - V(present) leaves the flags alone, and makes the member have the parameters that are given.
      - V(absent) removes the member from the files. The running httpd cannot remove it, so it is stopped there until
        the next reload.
    type: str
    choices: [present, absent, enabled, disabled, drained, stopped, hot_standby, hot_spare, ignore_errors]
    default: present
  loadfactor:
    description:
      - Share of the requests, relative to the other members. V(1) to V(100), two decimals.
      - A percentage such as V(25%) is one of the number in the file, and is given to the running httpd alone, so it
        needs O(target=both). httpd takes V(1) at least, so for percentages all members need larger numbers, such as
        V(100).
    type: str
  wait:
    description:
      - Whether to wait. After V(drained), V(disabled) and V(stopped) until each member is idle, see O(wait_idle), else
        until each is usable. Needs O(manager_url).
    type: bool
    default: false
  wait_timeout:
    description:
      - Longest wait, in seconds; V(0) looks once. After V(drained), V(disabled) and V(stopped) it has to be longer than
        O(wait_idle).
    type: int
    default: 300
  wait_interval:
    description:
      - Seconds between two looks, V(0.05) or more.
    type: float
    default: 2
  wait_idle:
    description:
      - A member is idle after this many seconds without a request. Set it to the idle timeout of the application's
        sessions if they are to end by themselves.
      - Requests in flight count as well. One or two are overlooked when nothing has changed for 30 seconds, because
        httpd's counter may stay there.
    type: float
    default: 30
  on_timeout:
    description:
      - What to do when O(wait_timeout) is over.
      - V(fail) leaves the member as it is and fails, V(restore) puts its flags back and fails, V(continue) goes on with
        RV(drained) false, V(disable) disables it, which moves its sessions, and waits once more for the requests in
        flight, at most as long again; RV(drained) tells whether they have ended. For a member that is not taken out,
        V(disable) is V(continue).
    type: str
    choices: [fail, continue, disable, restore]
    default: fail
  min_usable:
    description:
      - How many members of each balancer have to be left that accept new sessions, or stand by for them. With fewer,
        nothing is changed and the task fails. V(0) allows taking out the last one.
      - Tasks that run at once may each leave enough of what they have seen. So each looks again afterwards; where too
        few are left by then, it puts back what it took out, and fails. For a moment there may have been fewer. What
        was removed stays so, and what is done in balancer-manager by hand asks nobody.
    type: int
    default: 1
seealso:
  - module: webtier.apache_balancer.balancer
  - module: webtier.apache_balancer.balancer_info
  - module: webtier.apache_balancer.graceful_reload
  - name: Changing a balancer while it runs
    description: What needs no reload, and how a drain ends.
    link: https://github.com/webtier/apache_balancer/blob/main/docs/live.md
author:
  - The webtier.apache_balancer contributors (@webtier)
"""

EXAMPLES = r"""
- name: Take a node out of all balancers, and wait until nobody uses it
  webtier.apache_balancer.balancer_member:
    host: 10.0.0.11
    state: drained
    manager_url: http://127.0.0.2:8008/balancer-manager
    wait: true
    wait_idle: 60
    wait_timeout: 1800
    on_timeout: disable

- name: Put it back
  webtier.apache_balancer.balancer_member:
    host: 10.0.0.11
    state: enabled
    manager_url: http://127.0.0.2:8008/balancer-manager

- name: Let it begin with a tenth of its requests
  webtier.apache_balancer.balancer_member:
    host: 10.0.0.11
    state: enabled
    loadfactor: 10%
    manager_url: http://127.0.0.2:8008/balancer-manager

- name: Add a member to the file and to the running balancer
  webtier.apache_balancer.balancer_member:
    balancer: shop
    url: http://10.0.0.13:8080
    route: node3
    manager_url: http://127.0.0.2:8008/balancer-manager

- name: Drain node2 in the running httpd only, from anywhere, until its next reload
  webtier.apache_balancer.balancer_member:
    route: node2
    state: drained
    target: runtime
    manager_url: https://lb1.example.com/balancer-manager
    manager_username: ops
    manager_password: "{{ manager_password }}"
  delegate_to: localhost

- name: Say once where balancer-manager is
  module_defaults:
    group/webtier.apache_balancer.balancer_manager:
      manager_url: http://127.0.0.2:8008/balancer-manager
  block:
    - name: Stop sending requests to a node
      webtier.apache_balancer.balancer_member:
        host: 10.0.0.11
        state: disabled

    - name: Let httpd load what is left, if anything is
      webtier.apache_balancer.graceful_reload:
"""

RETURN = r"""
changes:
  description:
    - What was changed, or in check mode would be.
  returned: success
  type: list
  elements: dict
  contains:
    balancer:
      description: Name of the balancer.
      type: str
    vhost:
      description: The virtual host whose running balancer was changed; none for the files.
      type: str
    layer:
      description: V(config) for the files, V(runtime) for the running httpd.
      type: str
    member:
      description: URL of the member.
      type: str
    parameter:
      description: The parameter; none for the member as a whole.
      type: str
    before:
      description: What it was; none if it was not set.
      type: raw
    after:
      description: What it is; none if it was removed.
      type: raw
  sample:
    - balancer: shop
      vhost: shop.example.com
      layer: runtime
      member: http://10.0.0.11:8080
      parameter: status
      before: []
      after: [drained]
members:
  description:
    - The members concerned, one element for each virtual host whose httpd has them.
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
    url:
      description: URL of the member.
      type: str
    route:
      description: Its route.
      type: str
    status:
      description: Its flags, in the running httpd where that was asked, else in the files.
      type: list
      elements: str
    usable:
      description: Whether httpd can use it; none where only the files were looked at.
      type: bool
    accepts_new:
      description: Whether it gets new sessions; none where only the files were looked at.
      type: bool
    elected:
      description: Requests it got since httpd loaded its configuration; none where only the files were looked at.
      type: int
    busy:
      description: Requests in flight, as httpd counts; none where only the files were looked at.
      type: int
  sample:
    - balancer: shop
      vhost: shop.example.com
      url: http://10.0.0.11:8080
      route: node1
      status: [drained]
      usable: true
      accepts_new: false
      elected: 1729
      busy: 0
waited:
  description:
    - Seconds waited.
  returned: success
  type: float
  sample: 42.1
drained:
  description:
    - Whether the wait ended before O(wait_timeout); false where nothing was waited for.
  returned: success
  type: bool
  sample: true
not_reached:
  description:
    - Running balancers that balancer-manager does not show at O(manager_url), so that only their files were changed.
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
running:
  description:
    - Whether this httpd runs.
  returned: success
  type: bool
reload_required:
  description:
    - Whether the running httpd has not loaded what the files say now, and was not given it otherwise. False with
      O(target=runtime), as no file is looked at then.
  returned: success
  type: bool
reload_reasons:
  description:
    - Why RV(reload_required) is true.
  returned: success
  type: list
  elements: str
  sample: ["/etc/apache2/sites-available/shop.conf: written after httpd last loaded its configuration"]
validated:
  description:
    - How the change of the files was proven, V(rehearsed) or V(tested); V(unchanged) where no file changes, V(no) where
      that was switched off.
  returned: success
  type: str
problems:
  description:
    - What httpd accepts although it is not what it looks like, in the whole configuration.
  returned: success
  type: list
  elements: dict
backup_files:
  description:
    - The copies that O(backup) made, by the path of the file.
  returned: when O(backup=true) and something changed
  type: dict
  sample:
    /etc/apache2/ports.conf: /etc/apache2/.apache_balancer/backup/20261122T100000Z-a1b2c3/etc/apache2/ports.conf
"""

from ansible_collections.webtier.apache_balancer.plugins.module_utils._ansible import Module
from ansible_collections.webtier.apache_balancer.plugins.module_utils._argspec import (
    httpd_options,
    manager_options,
    member_options,
    write_options,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._run import run


def main() -> None:
    module = Module(
        argument_spec={
            **member_options(),
            **manager_options(),
            **write_options(),
            **httpd_options(),
        },
        mutually_exclusive=[("url", "host"), ("route", "host")],
        required_one_of=[("url", "route", "host")],
        supports_check_mode=True,
    )
    # Imported late: until here, nothing of it is needed.
    from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer_member import (
        balancer_member,
    )

    run(module, balancer_member)


if __name__ == "__main__":
    main()
