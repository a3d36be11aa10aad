#!/usr/bin/python
# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sticky_check
short_description: Prove that sessions stick to their nodes, and say why where they do not
description:
  - Lets real client sessions ask a site again and again, each with cookies of its own as a browser keeps them, and
    looks whether each session is always answered by the same node.
  - Where sessions move, or can only stick by chance, it names the cause with what was seen and what to do. Where it
    could not have seen a session move, RV(remarks) say so (AB416, AB419, AB420, AB421, AB423). Nothing is proven then,
    although the task does not fail.
  - With O(manager_url) the routes that were seen are held against those of the running balancer. Where another balancer
    looks at the same cookie, its path is asked for once as well, to see with which path the cookie is set there. One
    without a usable member, or that never had a request, shares nothing.
  - The clients share O(concurrency) kept connections and take turns on them, each round in another order, so that what
    has to stick is the session and not a connection.
  - Redirects are answers and are not followed. Where all answers are redirects and no session began, AB401 says where
    they lead. A request is sent again, once, where the server had ended a kept
    connection between two requests.
  - Needs neither httpd nor root, so that it runs on any host that reaches O(url), the controller included
    (C(delegate_to=localhost)).
extends_documentation_fragment:
  - webtier.apache_balancer.manager.connection
  - webtier.apache_balancer.attributes.info
attributes:
  check_mode:
    details: Asks as always, but leaves O(session_file) as it is.
options:
  url:
    description:
      - What to ask for, V(http://) or V(https://), in the part of the site that the balancer serves.
    type: str
    required: true
  clients:
    description:
      - How many clients there are, each with a session of its own, V(1) or more.
    type: int
    default: 20
  requests:
    description:
      - How many requests each client makes, V(1) or more.
    type: int
    default: 10
  concurrency:
    description:
      - How many requests are in flight at most, V(1) to V(1000). Omitted, as many as O(clients), up to 50.
    type: int
  interval:
    description:
      - How long each client waits between two requests, in seconds, give or take a tenth. V(0) does not wait.
    type: float
    default: 0
  served_by:
    description:
      - How answers tell which node gave them. Omitted, the route in the cookie (or in O(url_parameter)) stands for the
        node, which cannot tell two nodes of one route apart.
      - That is enough for a cookie of httpd itself, which is set anew as soon as another node answers. To see that it
        is, one client asks once more, with a route that no member has. The cookie of an application may stay the same
        while its session moves; RV(remarks) then say that nothing else was seen (AB416).
      - Answers without a name, and nodes that share one, are remarks as well (AB419).
    type: dict
    suboptions:
      header:
        description:
          - Name of a header of the answer whose value is the node.
        type: str
      regex:
        description:
          - Python regular expression with one group, the node, that is searched for in the first 64 KiB of the answer.
        type: str
  cookie:
    description:
      - Name of the cookie with the route. Omitted, it is the one that O(manager_url) shows as C(stickysession), else
        the one whose values carry routes.
    type: str
  url_parameter:
    description:
      - Name of the URL parameter that keeps the session instead of a cookie, such as V(jsessionid). The clients take
        its value from the redirects and links of the answers (C(;name=value), C(?name=value)), ask for O(url) with it
        in the same place, behind the path or in the query, and send no cookies.
    type: str
  separator:
    description:
      - The character before the route, C(stickysessionsep) of the balancer; V(Off) where the whole value is the route.
    type: str
    default: "."
  expected_routes:
    description:
      - Routes (or nodes) that have to be seen. A route is seen where its node answered, and not only because sessions
        from a O(session_file) have it.
      - A member that had many requests of running sessions gets no new ones for a while, since C(lbmethod) counts both.
        With O(manager_url) that is a remark (AB417); without, it looks like a member that is out.
    type: list
    elements: str
    default: []
  max_imbalance:
    description:
      - The largest share of the new sessions may be this many times the smallest one, V(1) or more; V(2) lets a node
        have twice as many as another. With O(manager_url) and O(expected_routes), a route without any session counts
        as well. Omitted, shares are not judged.
      - With O(manager_url), an imbalance that C(lbmethod) is only making up for is a remark (AB417).
    type: float
  session_file:
    description:
      - Absolute path of a file on the host that runs this, in which the sessions are kept for a later task. Where it
        exists, they are resumed, the first O(clients) of them; further clients begin new ones.
      - It is written with mode V(0600), since sessions are secrets. A symbolic link, a file of another user, and
        sessions with another host (that of O(url), or O(server_name)) or another port are refused.
    type: path
  expect:
    description:
      - Whether resumed sessions are to be answered by the node that answered last (V(same)), or each by another one,
        where they have to stay from then on (V(moved)). What counts is the first answer that tells its node. V(moved)
        needs a O(session_file) that exists, and O(served_by) where nodes take over the cookie of an application as it
        is.
    type: str
    choices: [same, moved]
    default: same
  fail_on_violation:
    description:
      - Whether the task fails where a session moved, a cause is found, or no request was answered.
    type: bool
    default: true
  headers:
    description:
      - Further headers of each request. C(Cookie) and C(Host) are not possible, see O(server_name).
      - Values of headers whose name speaks of authorization, a token, a key or a secret are hidden in results.
    type: dict
    default: {}
  server_name:
    description:
      - Host name to ask O(url) for, in C(Host), with TLS as the name of the server, and for the domains of cookies.
        Omitted, that of O(url).
    type: str
  validate_certs:
    description:
      - Whether the certificate of an C(https) site is checked.
    type: bool
    default: true
  ca_path:
    description:
      - File with the certificates of the authorities to trust, on the host that runs this. Omitted, the system's.
    type: path
  timeout:
    description:
      - How long to wait for the complete answer to a request, in seconds, at most V(3600).
    type: float
    default: 10
  trace:
    description:
      - Whether RV(trace) is returned.
    type: bool
    default: false
  balancer:
    description:
      - Name of the balancer that serves O(url). Needed where O(manager_url) shows several. One that chose a member for
        none of the requests that were answered is an error; for a part of them only, a remark (AB423).
    type: str
notes:
  - The causes are AB401 a cookie that is never set, or nothing but redirects,
    AB402 a cookie without a route,
    AB403 an identifier that holds the separator,
    AB404 a route that the balancer does not know, or looks for behind another separator,
    AB405 another cookie than C(stickysession),
    AB406 a path, domain, end or C(SameSite) that keeps browsers from sending the cookie back,
    AB407 C(Secure) over http,
    AB408 a URL parameter that hides the cookie,
    AB409 a route of several nodes,
    AB410 two balancers with one cookie,
    AB411 a member without a route,
    AB412 a node that sets the route of another one,
    AB413 a node that was out or removed,
    AB414 an imbalance above O(max_imbalance),
    AB415 an expected route that was never seen,
    AB420 texts of which nobody knows whether they are routes, as no two sessions have the same,
    AB422 resumed sessions without an answer that tells its node.
    The remarks are AB416 nodes that were told apart by an unchanged cookie alone,
    AB417 new sessions that were kept from a node by the requests it had before,
    AB418 routes behind another character than O(separator),
    AB419 answers that do not tell their node, or nodes that share one name,
    AB421 that no session could be seen to move, as only one node answered or no session has two answers,
    AB423 answers that came from no member of the balancer.
    AB402 and AB420 are remarks where other sessions, or the nodes themselves, tell the nodes.
    AB413, AB423, and AB410 for balancers beside each other, need O(manager_url).
  - O(manager_url) is asked by the host that the task runs on. Where C(module_defaults) sets it for the load balancers,
    say V([]) in a task that is delegated to another host.
  - A task that fails because of what it saw returns all of it as well.
  - Each answer with 2xx or 3xx counts; others are RV(failed_requests), and nothing is concluded from them.
seealso:
  - module: webtier.apache_balancer.balancer_info
  - module: webtier.apache_balancer.balancer_member
  - name: What is checked that httpd does not
    description: Every code with its cause and its fix.
    link: https://github.com/webtier/apache_balancer/blob/main/docs/problems.md
author:
  - The webtier.apache_balancer contributors (@webtier)
"""

EXAMPLES = r"""
- name: Prove that sessions stick
  webtier.apache_balancer.sticky_check:
    url: https://shop.example.com/
    served_by:
      header: X-Served-By
    expected_routes: [node1, node2, node3]

- name: Ask the proxy itself, and hold the routes against its balancer
  webtier.apache_balancer.sticky_check:
    url: http://127.0.0.1/
    server_name: shop.example.com
    clients: 200
    manager_url: http://127.0.0.2:8008/balancer-manager
    balancer: shop

- name: Begin sessions before a change
  webtier.apache_balancer.sticky_check:
    url: https://shop.example.com/
    session_file: /home/deploy/shop.sessions
  delegate_to: localhost

- name: Prove after it that they are where they were
  webtier.apache_balancer.sticky_check:
    url: https://shop.example.com/
    session_file: /home/deploy/shop.sessions
    expect: same
  delegate_to: localhost

- name: Sessions in the URL
  webtier.apache_balancer.sticky_check:
    url: https://shop.example.com/cart
    url_parameter: jsessionid
    served_by:
      regex: 'served by <b>(\w+)</b>'

- name: Only look, and show what was seen
  webtier.apache_balancer.sticky_check:
    url: https://shop.example.com/
    fail_on_violation: false
  register: sessions
"""

RETURN = r"""
sessions:
  description: How many clients there were.
  returned: success
  type: int
  sample: 20
requests:
  description: How many requests were made.
  returned: success
  type: int
  sample: 200
failed_requests:
  description: How many requests had no answer of 2xx or 3xx.
  returned: success
  type: int
  sample: 0
failures:
  description: The first failed requests, each with the number of its client and of the request, from 1.
  returned: success
  type: list
  elements: dict
  sample: [{"client": 3, "request": 7, "reason": "status 503"}]
violation_count:
  description: How many times a session moved, or with O(expect=moved) did not.
  returned: success
  type: int
  sample: 0
violations:
  description: The first 20 violations.
  returned: success
  type: list
  elements: dict
  contains:
    client:
      description: Number of the client, from 1.
      type: int
      sample: 4
    request:
      description: Number of its request, from 1.
      type: int
      sample: 2
    before:
      description: The node that answered before.
      type: str
      sample: node1
    after:
      description: The node that answered now.
      type: str
      sample: node3
    reason:
      description: What the request carried.
      type: str
      sample: the request carried no JSESSIONID
distribution:
  description: By node, how many requests it answered, and of how many sessions.
  returned: success
  type: dict
  sample: {"node1": {"requests": 100, "sessions": 10}, "node2": {"requests": 100, "sessions": 10}}
cookies:
  description:
    - The cookies that were set, without their values. One row for each name with one set of attributes; an attribute
      that was not given is null.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the cookie.
      type: str
      sample: JSESSIONID
    path:
      description: Its C(Path).
      type: str
      sample: /
    domain:
      description: Its C(Domain).
      type: str
      sample: shop.example.com
    secure:
      description: Whether it is C(Secure).
      type: bool
      sample: true
    httponly:
      description: Whether it is C(HttpOnly).
      type: bool
      sample: true
    samesite:
      description: Its C(SameSite).
      type: str
      sample: Lax
    max_age:
      description: Its C(Max-Age) in seconds.
      type: int
      sample: 3600
    expires:
      description: Whether it has C(Expires), which counts where there is no C(Max-Age).
      type: bool
      sample: false
    set_on:
      description: How many times it was set.
      type: int
      sample: 20
    routes:
      description: The routes in the values of this name, in all rows.
      type: list
      elements: str
      sample: [node1, node2]
diagnosis:
  description: What keeps sessions from sticking. Empty where all is well.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: What it is, see the notes.
      type: str
      sample: AB401
    message:
      description: A sentence with what was seen.
      type: str
      sample: the cookie ROUTEID was never set in 20 sessions with 200 answers.
    fix:
      description: What to do.
      type: str
      sample: >-
        Let httpd set one, inside <Proxy "balancer://shop/">: Header add Set-Cookie
        "ROUTEID=.%{BALANCER_WORKER_ROUTE}e; Path=/; HttpOnly; SameSite=Lax" env=BALANCER_ROUTE_CHANGED and ProxySet
        stickysession=ROUTEID
remarks:
  description: What keeps this check from saying more. They are shown as warnings, and the task does not fail for them.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: What it is, see the notes.
      type: str
      sample: AB416
    message:
      description: A sentence with what was seen.
      type: str
      sample: >-
        nodes were told apart by the cookie JSESSIONID alone, and no answer changed it: a session that moves and keeps
        it is not seen, nor whether the balancer knows JSESSIONID and the routes node1, node2.
    fix:
      description: What to do.
      type: str
      sample: >-
        Let answers tell their node (served_by). httpd itself can: Header set X-Member "%{BALANCER_WORKER_ROUTE}e", and
        served_by: {header: X-Member} in the task.
requests_per_second:
  description: How many requests there were in a second.
  returned: success
  type: float
  sample: 2450.5
seconds:
  description: How long all of them took.
  returned: success
  type: float
  sample: 0.082
trace:
  description:
    - One row for each session, with one list for each visit - the milliseconds since the begin, the node, and the
      status. Node and status are null where they are not known. C(before), in rows of sessions from a O(session_file),
      is the node that had answered last.
  returned: when O(trace) is true
  type: list
  elements: dict
  sample: [{"client": 1, "visits": [[3, "node1", 200], [5, "node1", 200]]}]
"""

from ansible_collections.webtier.apache_balancer.plugins.module_utils._ansible import Module
from ansible_collections.webtier.apache_balancer.plugins.module_utils._argspec import (
    manager_connection_options,
    sticky_check_options,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._run import run


def main() -> None:
    module = Module(
        argument_spec={**sticky_check_options(), **manager_connection_options()},
        supports_check_mode=True,
    )
    # Imported late: until here, nothing of it is needed.
    from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky_check import (
        sticky_check,
    )

    run(module, sticky_check)


if __name__ == "__main__":
    main()
