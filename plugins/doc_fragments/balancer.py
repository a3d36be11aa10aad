# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that declare one balancer: those of the balancer module, and of each element of
``balancers`` of the configuration module. Mirrors ``balancer_options`` in module_utils/_argspec.py."""

from __future__ import annotations

import re
from textwrap import indent

from .manager import ModuleDocFragment as Manager

_ELEMENTS = """
options:
  balancers:
    description:
      - Balancers, each with the options of M(webtier.apache_balancer.balancer). C(module_defaults) of the action group
        do not reach these.
    type: list
    elements: dict
    default: []
    suboptions:
"""

_DECLARED = """
options:
  declared:
    description:
      - What is declared elsewhere about balancers, to be compared with the files and the running httpd. Nothing is
        changed.
    type: list
    elements: dict
    default: []
    suboptions:
"""


class ModuleDocFragment:
    """``balancer`` for a module of one balancer, ``balancer.elements`` for a list of them, ``balancer.declared`` for a
    list to compare with."""

    DECLARED: str
    ELEMENTS: str

    DOCUMENTATION = r"""
options:
  name:
    description:
      - Name of the balancer, with or without C(balancer://) in front. httpd reads it without regard to case.
    type: str
    required: true
  state:
    description:
      - V(present) makes the balancer what is declared.
      - V(absent) removes it. That is refused while a C(ProxyPass), C(RewriteRule) or C(SetHandler) still sends
        requests to it, unless O(force=true).
    type: str
    choices: [present, absent]
    default: present
  path:
    description:
      - File that holds the balancer. Needed (or O(vhost)) to create one; an existing balancer is found by itself.
      - A file that does not exist is created. httpd must read it, so something has to include it.
    type: path
  vhost:
    description:
      - Virtual host that owns the balancer. For httpd, one name in two virtual hosts is two balancers.
      - Its C(ServerName), C(ServerName:port), C(address:port) or C(file:line); V(_main) for outside of all
        virtual hosts, V(all) for every place where the balancer exists.
      - What other balancers read too, as a file that several virtual hosts include, is changed for all of them or not
        at all.
      - To create a balancer without O(path), it is written into this virtual host.
    type: str
  members:
    description:
      - The members of the balancer. Their order does not matter.
      - An empty list is refused.
      - Members that are not listed are removed, unless O(purge) says otherwise.
      - A parameter that is omitted is left as it is. Parameters carry httpd's own names.
    type: list
    elements: dict
    suboptions:
      url:
        description:
          - Where the member is, as C(scheme://host[:port][/path]), or C(unix:/socket|scheme://name/) for a socket. At
            most 383 bytes.
        type: str
        required: true
      loadfactor:
        description:
          - Share of the requests, relative to the other members. V(1) to V(100), two decimals. httpd's default is V(1).
        type: float
      route:
        description:
          - The word that marks a session as belonging to this member. Letters, digits, C(_) and C(-), at most 63.
        type: str
      redirect:
        description:
          - Route of the member that takes over the sessions of this one while it cannot be used.
        type: str
      status:
        description:
          - Flags of the member. C([]) clears them, omitting the option leaves them as they are.
          - V(drained) keeps running sessions and accepts no new ones, V(disabled) and V(stopped) move them,
            V(hot_standby) and V(hot_spare) wait until others cannot be used, V(ignore_errors) is never put in error.
          - V(stopped) needs httpd 2.4.23, V(hot_spare) 2.4.34.
        type: list
        elements: str
        choices: [disabled, stopped, ignore_errors, hot_standby, hot_spare, drained]
      lbset:
        description:
          - Set the member belongs to, V(0) to V(99). A higher set is used while no member of a lower one can be.
            httpd's default is V(0).
        type: int
      retry:
        description:
          - Seconds after which a member in error is tried again. V(0) always tries. httpd's default is V(60).
        type: int
      timeout:
        description:
          - Seconds to wait for the backend, V(1) or more. httpd's default is C(ProxyTimeout).
        type: int
      connectiontimeout:
        description:
          - Time to wait for a connection to the backend, in seconds or with a unit C(ms), C(s), C(mi), C(h). httpd's
            default is O(members[].timeout).
        type: str
      acquire:
        description:
          - Time to wait for a free connection of the pool, in milliseconds or with a unit C(ms), C(s), C(mi), C(h).
            httpd's default is to wait for ever.
        type: str
      ping:
        description:
          - Ask the backend before each request whether it answers, and wait this long, in seconds or with a unit C(ms),
            C(s), C(mi), C(h). httpd's default is not to ask.
        type: str
      ttl:
        description:
          - Seconds after which an unused connection is not used again, V(1) or more. httpd's default is to use it at
            any age.
        type: int
      min:
        description:
          - Connections that are kept open for each child process, V(0) or more. httpd's default is V(0).
        type: int
      smax:
        description:
          - Connections above this number are closed when O(members[].ttl) has passed, V(0) or more. httpd's default is
            O(members[].max).
        type: int
      max:
        description:
          - Most connections of each child process, V(0) or more. httpd's default is C(ThreadsPerChild). Without
            effect under the prefork MPM.
        type: int
      keepalive:
        description:
          - TCP keep-alive on the connection to the backend (not HTTP keep-alive). httpd's default is V(false).
        type: bool
      disablereuse:
        description:
          - Close the connection to the backend after each request. httpd's default is V(false).
        type: bool
      enablereuse:
        description:
          - Keep connections to the backend, the opposite of O(members[].disablereuse). Needs httpd 2.4.11. httpd's
            default is V(true).
        type: bool
      addressttl:
        description:
          - Seconds after which the name of the backend is looked up again, V(1) or more; V(-1) never. Needs httpd
            2.4.59. httpd's default is V(-1).
        type: int
      flushpackets:
        description:
          - Whether to send on at once what the backend sends (AJP and FastCGI). httpd's default is V(off).
        type: str
        choices: ["on", "off", auto]
      flushwait:
        description:
          - Milliseconds to wait for more before O(members[].flushpackets=auto) sends on, V(0) to V(1000). httpd's
            default is V(10).
        type: int
      flusher:
        description:
          - Name of the provider that mod_proxy_fdpass uses, at most 15 characters. httpd's default is V(flush).
        type: str
      iobuffersize:
        description:
          - Size of the I/O buffer in bytes, V(512) and more, or V(0) for the default. httpd's default is V(8192).
        type: int
      receivebuffersize:
        description:
          - Size of the TCP receive buffer in bytes, V(0) for the system's default or V(512) and more. httpd's default
            is V(0).
        type: int
      responsefieldsize:
        description:
          - Longest response header field in bytes, V(0) for the default. Needs httpd 2.4.34. httpd's default is
            V(8192).
        type: int
      upgrade:
        description:
          - Protocol that requests may upgrade to, at most 15 characters, such as V(websocket), or V(ANY). Needs
            httpd 2.4.26.
        type: str
      secret:
        description:
          - Shared secret of an AJP backend, at most 63 characters. Needs httpd 2.4.42.
        type: str
      hcmethod:
        description:
          - How mod_proxy_hcheck asks whether the backend is well. Needs httpd 2.4.21; V(GET11), V(HEAD11) and
            V(OPTIONS11) need httpd 2.4.55, V(CPING) needs mod_proxy_ajp. httpd's default is V(NONE).
        type: str
        choices: [NONE, TCP, OPTIONS, HEAD, GET, CPING, OPTIONS11, HEAD11, GET11]
      hcinterval:
        description:
          - Time between two health checks, in seconds or with a unit C(ms), C(s), C(mi), C(h); C(100ms) or more.
            httpd's default is 30 seconds.
        type: str
      hcpasses:
        description:
          - Successful checks after which a member is used again, V(1) or more. httpd's default is V(1).
        type: int
      hcfails:
        description:
          - Failed checks after which a member is no longer used, V(1) or more. httpd's default is V(1).
        type: int
      hcuri:
        description:
          - Path that a health check asks for, at most 63 characters.
        type: str
      hcexpr:
        description:
          - Name of a C(ProxyHCExpr) of the same server that judges the answer, at most 15 characters.
        type: str
      hctemplate:
        description:
          - Name of a C(ProxyHCTemplate) of the same server, at most 63 characters. It is the whole health check of the
            member, C(health_check) has no part in it; what is declared beside it holds instead of what it says.
        type: str
  proxy_set:
    description:
      - Parameters of the balancer itself. One that is omitted is left as it is.
    type: dict
    suboptions:
      lbmethod:
        description:
          - How a member is chosen for a new session, V(byrequests), V(bytraffic), V(bybusyness) or V(heartbeat). The
            module C(mod_lbmethod_...) must be loaded. httpd's default is V(byrequests).
        type: str
      stickysession:
        description:
          - Name of the cookie that carries the route, or cookie and URL parameter separated by C(|), such as
            V(JSESSIONID|jsessionid). At most 63 characters.
        type: str
      stickysessionsep:
        description:
          - Character that separates session and route, or V(Off) where the whole value is the route. httpd's default
            is V(.).
        type: str
      scolonpathdelim:
        description:
          - Whether C(;) ends a session in a URL, as in C(;jsessionid=). httpd's default is V(false).
        type: bool
      nofailover:
        description:
          - Answer 503 rather than move a session whose member cannot be used. httpd's default is V(false).
        type: bool
      timeout:
        description:
          - Seconds to wait for a free member, V(1) or more. httpd's default is not to wait.
        type: int
      maxattempts:
        description:
          - How many members to try before giving up, V(0) or more. httpd's default is one less than there are members.
        type: int
      failonstatus:
        description:
          - HTTP status codes that put the member in error, V(100) to V(599).
        type: list
        elements: int
      failontimeout:
        description:
          - Whether a timeout after the request was sent puts the member in error. httpd's default is V(false).
        type: bool
      forcerecovery:
        description:
          - Whether all members are tried again at once when all of them are in error. httpd's default is V(true).
        type: bool
      growth:
        description:
          - How many members may be added while httpd runs, V(1) to V(100). httpd's default is V(0).
        type: int
      nonce:
        description:
          - Fixed token of balancer-manager for this balancer, at most 36 characters. V(None) makes it read-only.
        type: str
  sticky_cookie:
    description:
      - A cookie that httpd issues itself and that carries the route of the member, for applications that put no route
        into a cookie of theirs. It is issued with the first answer, and anew when the member changes.
      - It implies O(proxy_set.stickysession), which need not be declared then. Where the running httpd is changed too,
        that parameter waits for the reload which brings the cookie.
      - It takes the place of a C(stickysession) by which no session sticks, such as C(PHPSESSID). One by which sessions
        may stick, such as C(JSESSIONID), is refused, since they would move, unless O(proxy_set.stickysession) names
        this cookie. Where the members append the route to a cookie such as C(PHPSESSID) themselves, leave it out.
      - Needs mod_headers, and a O(members[].route) for each member.
      - Suboptions that are omitted have their defaults. To remove the cookie, list V(sticky_cookie) in O(reset).
    type: dict
    suboptions:
      name:
        description:
          - Name of the cookie. Each balancer of a virtual host needs its own, unless they have the same routes.
          - Omitted, it is C(ROUTEID_) and the name of the balancer in upper case, every other character than a letter
            or a digit as C(_).
        type: str
      path:
        description:
          - Path below which browsers send it.
        type: str
        default: /
      domain:
        description:
          - Domain whose hosts get it. Omitted, only the host that was asked, which is what most want.
        type: str
      secure:
        description:
          - Whether browsers send it over TLS only. Use V(true) where the site speaks TLS only.
        type: bool
        default: false
      httponly:
        description:
          - Whether it is hidden from scripts.
        type: bool
        default: true
      samesite:
        description:
          - Whether browsers send it with requests that begin at other sites. V(none) needs
            O(sticky_cookie.secure=true).
        type: str
        choices: [strict, lax, none]
        default: lax
      max_age:
        description:
          - Seconds that browsers keep it, V(1) or more. Omitted, until they are closed.
          - They count from the answer that set it. Use does not make it last, so a session that is longer loses its
            member.
        type: int
  health_check:
    description:
      - Lets httpd ask each member by itself whether it is well; one that is not gets no requests until it is again.
      - Sets the parameters C(hcmethod), C(hcuri), C(hcinterval), C(hcpasses), C(hcfails) and C(hcexpr) of all members,
        also of those that O(members) does not list, in place of a C(hctemplate). What a member declares itself holds
        for that member.
      - Needs mod_proxy_hcheck and mod_watchdog.
      - Suboptions that are omitted have httpd's defaults. To check no more, list V(health_check) in O(reset).
    type: dict
    suboptions:
      method:
        description:
          - How to ask. V(GET11), V(HEAD11) and V(OPTIONS11) need httpd 2.4.55, V(CPING) needs mod_proxy_ajp.
        type: str
        choices: [NONE, TCP, OPTIONS, HEAD, GET, CPING, OPTIONS11, HEAD11, GET11]
        default: GET
      uri:
        description:
          - Path to ask for, at most 63 characters. It is added to the path of the member's URL. Omitted, that path is
            asked for, and V(/) where it has none.
        type: str
      interval:
        description:
          - Time between two checks, in seconds or with a unit C(ms), C(s), C(mi), C(h); C(100ms) or more. httpd's
            default is 30 seconds.
        type: str
      passes:
        description:
          - Successful checks after which a member is used again, V(1) or more. httpd's default is V(1).
        type: int
      fails:
        description:
          - Failed checks after which a member is no longer used, V(1) or more. httpd's default is V(1).
        type: int
      expect_status:
        description:
          - HTTP status codes of a member that is well, such as V('200'), V(2xx) or V(200-299). Omitted, V(200-399).
          - It is written as a C(ProxyHCExpr) before the balancer, and in force after a reload.
        type: list
        elements: str
      expect_body:
        description:
          - Text that the answer of a member that is well contains, at most 500 bytes, compared by case. Only with
            O(health_check.method=GET) or O(health_check.method=GET11).
        type: str
  purge:
    description:
      - What to remove that is not declared. V(members) removes members that O(members) does not list, V(parameters)
        removes parameters of listed members and of the balancer (only when O(proxy_set) is given) that are not
        declared. O(members[].status) is never removed this way.
      - An empty list removes nothing.
    type: list
    elements: str
    choices: [members, parameters]
    default: [members]
  reset:
    description:
      - Parameters to remove, so that httpd's default holds again. A name that only members have is removed from
        all members; V(timeout) is the one of the balancer.
      - V(health_check) removes the health checks of all members and what judges them.
      - V(sticky_cookie) removes the cookie that httpd issues, and C(stickysession) if it is the name of that cookie.
    type: list
    elements: str
    default: []
  force:
    description:
      - With O(state=absent), remove the balancer although a directive still refers to it.
    type: bool
    default: false
  owner:
    description:
      - Owner of O(path). Omitted, an existing file keeps its own.
    type: str
  group:
    description:
      - Group of O(path). Omitted, an existing file keeps its own.
    type: str
  mode:
    description:
      - Permissions of O(path), such as V('0640'). Omitted, an existing file keeps its own, and a new one has V('0600')
        if there is something secret in it, else V('0644') less the umask.
    type: raw
"""


# Not in the class: ansible-test reads documentation there without running it.
ModuleDocFragment.ELEMENTS = _ELEMENTS + "".join(
    indent(documentation.partition("options:\n")[2].replace("O(", "O(balancers[]."), "    ")
    for documentation in (ModuleDocFragment.DOCUMENTATION, Manager.DOCUMENTATION)
)


def _compared(option: str) -> str:
    """Return *option* for what is compared and not changed."""
    option = re.sub(r"(?m)^.*(?:O\((?:path|purge)\)|is refused).*\n", "", option)
    option = option.replace("omitted is left as it is", "omitted is not compared")
    option = option.replace(
        "C([]) clears them, omitting the option leaves them as they are.", "C([]) means none."
    )
    return option.replace("O(", "O(declared[].")


ModuleDocFragment.DECLARED = _DECLARED + "".join(
    indent(_compared(option), "    ")
    for option in re.split(r"(?m)^(?=  \w+:$)", ModuleDocFragment.DOCUMENTATION)
    if option.startswith(("  name:", "  vhost:", "  members:", "  proxy_set:"))
)
