# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import codec
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.lint import (
    Problem,
    is_ineffective,
    lint,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.dump import View
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    from_document,
)

ALL = {
    f"{name}_module"
    for name in (
        [
            "proxy",
            "proxy_http",
            "proxy_balancer",
            "slotmem_shm",
            "lbmethod_byrequests",
            "lbmethod_bytraffic",
            "watchdog",
            "ssl",
        ]
    )
}
GOOD = (
    "<Proxy balancer://app>\nBalancerMember http://a route=a\nProxySet stickysession=S\n</Proxy>\n"
    'ProxyPass "/" "balancer://app/"\n'
)

ROUTE = "%{BALANCER_WORKER_ROUTE}e"
CHANGED = "env=BALANCER_ROUTE_CHANGED"
LINE = f'Header add Set-Cookie "S=.{ROUTE}; Path=/; SameSite=Lax" {CHANGED}\n'


def cookie(line=LINE, section="balancer://app/"):
    """A good configuration whose balancer issues a cookie by *line*, the 7th of the text."""
    return GOOD + f"<Proxy {section}>\n{line}</Proxy>\n"


def balancer(name, *lines, member="http://a"):
    """A section of a balancer with one *member* and what else stands there."""
    return "\n".join(
        [f"<Proxy balancer://{name}>", f"BalancerMember {member}", *lines, "</Proxy>\n"]
    )


def vhost(*parts, name=""):
    """A virtual host of *parts*, with a *name* or without."""
    named = f"ServerName {name}\n" if name else ""
    return f"<VirtualHost *:80>\n{named}{''.join(parts)}</VirtualHost>\n"


def found(text, modules=ALL):
    root = from_document(Document.parse(text, "/x.conf"))
    view = View(root, [], set(modules), "", "", "", {}, "", "", [])
    return lint(codec.read(root), view)


def says(text, modules=ALL):
    """What a user reads of each finding about *text*."""
    return [str(problem) for problem in found(text, modules)]


def test_a_good_configuration_has_no_findings():
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (
            "AB104 /x.conf:4: balancer://a_1 and balancer://a-1 share one piece of shared memory: a"
            " member disabled in one is disabled in the other, and httpd may not start (AH01186)."
            " Rename one so that they differ in letters and digits.",
            "<Proxy balancer://a-1>\nBalancerMember http://a\n</Proxy>\n<Proxy balancer://a_1>\n"
            "BalancerMember http://b\n</Proxy>\n",
        ),
        (
            "AB202 /x.conf:2: member fcgi://a:9000: proxy_fcgi_module is not loaded; requests to fcgi"
            " members fail. Enable the module proxy_fcgi.",
            "<Proxy balancer://a>\nBalancerMember fcgi://a:9000\n</Proxy>\n",
        ),
        (
            "AB203 /x.conf:1: balancer://a has no members; requests answer 503 (AH01171). Add"
            " members, or remove the balancer.",
            "<Proxy balancer://a>\n</Proxy>\n",
        ),
        (
            "AB204 /x.conf:2: member http://a:70000: port 70000 is no port; every request answers"
            " 400. Use a port from 1 to 65535.",
            "<Proxy balancer://a>\nBalancerMember http://a:70000\n</Proxy>\n",
        ),
        (
            "AB205 /x.conf:2: member https://a speaks TLS, but SSLProxyEngine is not On for it;"
            " requests answer 500 (AH01961). Add SSLProxyEngine On to the virtual host.",
            "<Proxy balancer://a>\nBalancerMember https://a\n</Proxy>\n",
        ),
        (
            "AB206 /x.conf:1: ProxyPass sends requests to balancer://nowhere, which has no members in"
            " this server: requests answer 503 (AH01171). Define the balancer in this virtual host, or"
            " correct the name.",
            'ProxyPass "/" "balancer://nowhere/"\n',
        ),
        (
            "AB206 /x.conf:4: ProxyPass sends requests to balancer://cx, which has no members in this"
            " server: requests answer 503 (AH01171). Define the balancer in this virtual host, or"
            " correct the name: did you mean balancer://c/?",
            "<Proxy balancer://c>\nBalancerMember http://a\n</Proxy>\nProxyPass / balancer://cx\n",
        ),
        (
            "AB208 /x.conf:1: all members of balancer://a are hot spares, each of which httpd uses"
            " only in place of another member that cannot be used; requests answer 503 (AH01170). Take"
            " hot_spare from at least one; a member for the time when all others are gone is a"
            " hot_standby.",
            "<Proxy balancer://a>\nBalancerMember http://a status=R\nBalancerMember http://b status=HR\n</Proxy>\n",
        ),
        (
            "AB301 /x.conf:3: httpd takes member http://a/ for http://a, which stands before it, and"
            " ignores route (AH01149, AH01150); with a default port written out it counts twice."
            " Remove it, or give each member its own host or port; a longer URL must stand first.",
            "<Proxy balancer://a>\nBalancerMember http://a\nBalancerMember http://a/ route=x\n</Proxy>\n",
        ),
        (
            "AB301 /x.conf:3: httpd takes member http://a/ for http://a, which stands before it, and"
            " drops it (AH01149, AH01150); with a default port written out it counts twice. Remove it,"
            " or give each member its own host or port; a longer URL must stand first.",
            "<Proxy balancer://a>\nBalancerMember http://a\nBalancerMember http://a/\n</Proxy>\n",
        ),
        (
            f"AB302 /x.conf:2: member http://a/{'x' * 51}...: the URL is longer than 383 bytes; httpd"
            " cuts it (AH10366). Use a shorter URL.",
            "<Proxy balancer://a>\nBalancerMember http://a/" + "x" * 375 + "\n</Proxy>\n",
        ),
        (
            "AB303 /x.conf:3: balancer://a: stickysession is longer than 63 characters; httpd cuts"
            " it. Use a shorter cookie name.",
            "<Proxy balancer://a>\nBalancerMember http://a route=a\nProxySet stickysession="
            + "S" * 64
            + "\n</Proxy>\n",
        ),
        (
            "AB304 /x.conf:2: member http://a: timeout=500ms: httpd reads it as 500 s. Write the"
            " value that is meant.",
            "<Proxy balancer://a>\nBalancerMember http://a timeout=500ms\n</Proxy>\n",
        ),
        (
            'AB304 /x.conf:3: balancer://app: stickysession="S": the quotes are part of the value;'
            ' write "key=value". Write the value that is meant.',
            GOOD.replace("=S", '="S"'),
        ),
        (
            "AB304 /x.conf:3: balancer://app: timeout=5s: httpd reads it as 5 s. Write the value that"
            " is meant.",
            GOOD.replace("=S", "=S timeout=5s"),
        ),
        (
            "AB305 /x.conf:3: member http://b has no route, but balancer://a is sticky: no session"
            " can stay there. Give it a route.",
            "<Proxy balancer://a>\nBalancerMember http://a route=a\nBalancerMember http://b\n"
            "ProxySet stickysession=S\n</Proxy>\n",
        ),
        (
            "AB306 /x.conf:3: member http://b has the route a of one before it (/x.conf:2), which"
            " takes the sessions of both. Give each member its own route.",
            "<Proxy balancer://a>\nBalancerMember http://a route=a\nBalancerMember http://b route=a\n</Proxy>\n",
        ),
        (
            "AB307 /x.conf:2: member http://a: no cookie can carry the route 'a.b' (httpd cuts the"
            " value at the first '.'). Use letters, digits, _ and - only.",
            "<Proxy balancer://a>\nBalancerMember http://a route=a.b\n</Proxy>\n",
        ),
        (
            "AB308 /x.conf:2: member http://a/ ends with a slash and so does the target of ProxyPass"
            " (/x.conf:4): backends are asked for //path. Remove the slash at the end of the member.",
            "<Proxy balancer://a>\nBalancerMember http://a/\n</Proxy>\nProxyPass / balancer://a/\n",
        ),
        (
            "AB309 /x.conf:2: member http://********@a carries credentials, which balancer-manager"
            " shows to everybody who can read it. Let the backend trust the proxy by address or client"
            " certificate.",
            "<Proxy balancer://a>\nBalancerMember http://u:p@a\n</Proxy>\n",
        ),
        (
            "AB310 /x.conf:1: <ProxyMatch ^balancer://a> defines a balancer of that very name, which"
            ' nothing uses. Write <Proxy "balancer://name">.',
            "<ProxyMatch ^balancer://a>\n</ProxyMatch>\n",
        ),
        (
            "AB310 /x.conf:2: <ProxyMatch ^balancer://b> defines a balancer of that very name, which"
            ' nothing uses. Write <Proxy "balancer://name">.',
            "<VirtualHost *:80>\n<ProxyMatch ^balancer://b x>\n</ProxyMatch>\n</VirtualHost>\n",
        ),
        (
            "AB311 /x.conf:3: balancer://a: timeout is set more than once; httpd uses another"
            " value (/x.conf:1), not the one here. Set it in one place.",
            "<Proxy balancer://a timeout=1>\nBalancerMember http://a\nProxySet timeout=2\n</Proxy>\n",
        ),
        (
            "AB311 /x.conf:3: balancer://a: timeout is set more than once; httpd uses another"
            " value (/x.conf:5), not the one here. Set it in one place.",
            "<Proxy balancer://a>\nBalancerMember http://a\nProxySet timeout=1\nProxySet timeout=2\n"
            "ProxySet timeout=3\n</Proxy>\n",
        ),
        (
            "AB312 /x.conf:5: balancer://a is defined in the main server (/x.conf:1) and here: httpd"
            " takes the members of the main server and drops these. Use another name, or define it in"
            " one place only.",
            "<Proxy balancer://a>\nBalancerMember http://a\n</Proxy>\n<VirtualHost *:80>\n"
            "<Proxy balancer://a>\nBalancerMember http://b\n</Proxy>\n</VirtualHost>\n",
        ),
        (
            "AB313 /x.conf:1: BalancerPersist is On: what was set at run time beats the file, so"
            " edits of existing members and parameters have no effect, not even after a restart. Set"
            " BalancerPersist Off in this server.",
            "<VirtualHost *:80>\nBalancerPersist On\n<Proxy balancer://a>\nBalancerMember http://b\n"
            "</Proxy>\n</VirtualHost>\n",
        ),
        (
            "AB314 /x.conf:6: this virtual host uses balancer://a of the main server; httpd falls"
            " back to lbmethod=byrequests here. Define the balancer in the virtual host that uses it.",
            "<Proxy balancer://a>\nBalancerMember http://a\nProxySet lbmethod=bytraffic\n</Proxy>\n"
            "<VirtualHost *:80>\nProxyPass / balancer://a/\n</VirtualHost>\n",
        ),
        (
            "AB316 /x.conf:5: timeout=3 holds in this virtual host only, which uses balancer://a of"
            " the main server (/x.conf:1). Define the balancer in the virtual host that uses it.",
            "<Proxy balancer://a>\nBalancerMember http://a\n</Proxy>\n<VirtualHost *:80>\n"
            "ProxyPass / balancer://a/ timeout=3\n</VirtualHost>\n",
        ),
        (
            "AB315 /x.conf:2: member http://a: redirect=b names no route of balancer://a. Name the"
            " route of another member.",
            "<Proxy balancer://a>\nBalancerMember http://a route=a redirect=b\n</Proxy>\n",
        ),
        (
            "AB317 /x.conf:7: the cookie S is Secure, but this server does not speak TLS: browsers"
            " send it only if something in front does. Leave Secure out, or ignore this where TLS ends"
            " in front of httpd.",
            cookie(LINE.replace("; Path", "; Secure; Path")),
        ),
        (
            "AB318 /x.conf:7: the cookie S is SameSite=None without Secure: browsers drop it. Add"
            " Secure, or use SameSite=Lax.",
            cookie(LINE.replace("Lax", "None")),
        ),
        (
            "AB319 /x.conf:7: httpd issues the cookie OTHER for balancer://app, which has"
            " stickysession=S and does not read it. Set stickysession=OTHER, or remove the cookie"
            " (reset: [sticky_cookie]).",
            cookie(LINE.replace("S=", "OTHER=")),
        ),
        (
            "AB319 /x.conf:7: the cookie S has '!' before the route, but balancer://app looks for '.'"
            " there: no route is found in it. Let '.' stand before the route.",
            cookie(LINE.replace("S=.", "S=!")),
        ),
        (
            "AB319 /x.conf:7: the cookie S has nothing before the route, but balancer://app looks for"
            " '.' there: no route is found in it. Let '.' stand before the route.",
            cookie(LINE.replace("S=.", "S=")),
        ),
        (
            "AB319 /x.conf:7: the cookie S has '.' before the route, but balancer://app looks for"
            " nothing there: no route is found in it. Let nothing stand before the route.",
            cookie().replace("=S\n", "=S stickysessionsep=Off\n"),
        ),
        (
            "AB319 /x.conf:7: httpd issues the cookie S for balancer://app, which has no"
            " stickysession and does not read it. Set stickysession=S, or remove the cookie (reset:"
            " [sticky_cookie]).",
            cookie().replace("ProxySet stickysession=S", "ProxySet timeout=1"),
        ),
        (
            "AB320 /x.conf:6: <Proxy balancer://app> holds for all balancers whose names begin so:"
            " balancer://app-admin gets the cookie S too. Write the line into a section <Proxy"
            ' "balancer://app/">, with the slash.',
            cookie(section="balancer://app")
            + "<Proxy balancer://app-admin>\nBalancerMember http://b\n</Proxy>\n"
            + "<Proxy balancer://app-old>\nBalancerMember http://c\n</Proxy>\n",
        ),
        (
            "AB321 /x.conf:7: the cookie S is never set: <Proxy balancer://APP/> does not hold for"
            " requests that ProxyPass (/x.conf:5) sends to balancer://app, which is spelled otherwise."
            ' Name the section as it does: <Proxy "balancer://app/">.',
            cookie(section="balancer://APP/"),
        ),
        (
            "AB321 /x.conf:7: the cookie S is never set: <Proxy balancer://app/> does not hold for"
            " requests that ProxyPass (/x.conf:5) sends to balancer://App, which is spelled otherwise."
            ' Name the section as it does: <Proxy "balancer://App/">.',
            cookie().replace('"balancer://app/"', '"balancer://App/"'),
        ),
        (
            "AB321 /x.conf:7: the cookie S is never set: <Proxy balancer://app/> does not hold for"
            " requests that SetHandler (/x.conf:5) sends to a handler. Use ProxyPass instead of the"
            " handler.",
            cookie().replace('ProxyPass "/" "balancer://app/"', "SetHandler proxy:balancer://app/"),
        ),
        (
            "AB322 /x.conf:7: Header set Set-Cookie: cookies that the backend sets are lost. Write"
            " Header add.",
            cookie(LINE.replace("add", "set")),
        ),
        (
            "AB322 /x.conf:7: Header merge Set-Cookie: cookies that the backend sets are joined with"
            " it into one. Write Header add.",
            cookie(LINE.replace("add", "merge")),
        ),
        (
            "AB322 /x.conf:7: Header append Set-Cookie: cookies that the backend sets are joined with"
            " it into one. Write Header add.",
            cookie(LINE.replace("add", "append")),
        ),
        (
            "AB322 /x.conf:7: Header setifempty Set-Cookie: cookies that the backend sets keep it from"
            " being set. Write Header add.",
            cookie(LINE.replace("add", "setifempty")),
        ),
        (
            "AB323 /x.conf:7: Header always: when a member dies under a request, httpd's own answer"
            " sets the cookie S to the route of the dead one. Remove the word always.",
            cookie(LINE.replace("add", "always add")),
        ),
        (
            "AB324 /x.conf:1: balancer://app and balancer://other mark sessions by one cookie S, but"
            " their members have other routes: each takes the sessions of the other. Give each its own"
            " cookie, or their members the same routes.",
            LINE + GOOD + GOOD.replace("app", "other").replace("=a", "=b").replace('"/"', "/o/"),
        ),
        (
            "AB325 /x.conf:2: member http://a has no route, but balancer://app marks sessions by the"
            " cookie S: this member sets it to nothing, and no session can stay there. Give it a"
            " route.",
            cookie().replace("BalancerMember http://a route=a", "BalancerMember http://a"),
        ),
        (
            'AB326 /x.conf:5: ProxyPass "/" "balancer://app": the answer to exactly that path sets no'
            " cookie S, as the target does not end with a slash. End both the path and the target with"
            " a slash.",
            cookie().replace('app/"', 'app"'),
        ),
        (
            "AB327 /x.conf:7: the cookie S is set at other times than when the member changes (it has"
            " no condition). End the line with env=BALANCER_ROUTE_CHANGED.",
            cookie(LINE.replace(CHANGED, "")),
        ),
        (
            "AB327 /x.conf:7: the cookie S is set at other times than when the member changes"
            " (env=NEW). End the line with env=BALANCER_ROUTE_CHANGED.",
            cookie(LINE.replace(CHANGED, "env=NEW")),
        ),
        (
            "AB330 /x.conf:7: the cookie PHPSESSID is that in which PHP keeps its own sessions, and"
            " httpd overwrites it with the route: each visitor would lose the session. Give the cookie"
            " of httpd a name of its own in sticky_cookie, and in stickysession; without either it has"
            " one.",
            cookie(LINE.replace("S=", "PHPSESSID=")).replace("=S\n", "=PHPSESSID\n"),
        ),
        (
            "AB333 /x.conf:2: the health check of member http://a/x/ asks for /x//up. Leave out the"
            " slash at the end of the member's URL, unless the backend takes two slashes for one.",
            "<Proxy balancer://a>\nBalancerMember http://a/x/ hcmethod=GET hcuri=up\n</Proxy>\n",
        ),
        (
            "AB332 /x.conf:7: browsers send the cookie S only to Path=/other, but ProxyPass"
            " (/x.conf:5) is for /: no session stays elsewhere. Say Path=/, or ignore this where"
            " something in front adds to the path.",
            cookie(LINE.replace("Path=/", "Path=/other")),
        ),
        (
            "AB332 /x.conf:7: browsers send the cookie S only to Path=/other, but ProxyPass"
            " (/x.conf:5) is for /app: no session stays elsewhere. Say Path=/ or Path=/app, or ignore"
            " this where something in front adds to the path.",
            cookie(LINE.replace("Path=/", "Path=/other")).replace(
                'ProxyPass "/"', "ProxyPass /app"
            ),
        ),
        (
            "AB331 /x.conf:9: browsers drop the cookie S: Domain=example.org is not that of"
            " shop.example.com. Leave Domain out, or name one that the host name ends with.",
            "<VirtualHost *:80>\nServerName shop.example.com\n"
            + cookie(LINE.replace("; Path", "; Domain=example.org; Path"))
            + "ServerAlias www.example.com\n</VirtualHost>\n",
        ),
        (
            "AB334 /x.conf:3: balancer://app has stickysession=PHPSESSID, and PHP puts no route into"
            " its session id: each request of a session may go to another member. Use sticky_cookie"
            " instead of stickysession, unless the members themselves append the route.",
            GOOD.replace("stickysession=S", "stickysession=PHPSESSID"),
        ),
    ],
)
def test_each_finding_tells_what_is_wrong_where_and_what_to_do(told, text):
    assert says(text) == [told]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (balancer("a-1") + "ProxyPass / balancer://a_1/\n", [("AB104", 1), ("AB206", 4)]),
        ("ProxyPass / balancer://a_1/\n" + balancer("a-1"), [("AB104", 2), ("AB206", 1)]),
        (
            "ProxyPass /1 balancer://a-1/\nProxyPass /2 balancer://a_1/\n",
            [("AB206", 1), ("AB206", 2)],
        ),
        (balancer("a-1") + vhost(balancer("a_1")), []),
        (balancer("a-1") + balancer("b-1"), []),
    ],
)
def test_names_that_differ_in_other_characters_only_share_memory_in_one_server(text, told):
    assert [(each.code, each.place.line) for each in found(text)] == told


def test_three_names_that_share_memory_are_all_told_of():
    problems = found(balancer("a-1") + balancer("a_1") + balancer("a.1"))
    assert [each.message.partition(" share")[0] for each in problems] == [
        "balancer://a_1 and balancer://a-1",
        "balancer://a.1 and balancer://a-1",
    ]


def test_what_is_set_at_run_time_matters_where_there_are_balancers():
    persist = "BalancerPersist On\n"
    assert found(vhost(persist)) == []
    assert found(balancer("a") + vhost(persist, "ProxyPass / balancer://a/\n")) == []
    (problem,) = found(persist + balancer("a"))
    assert str(problem).startswith("AB313 BalancerPersist is On: ")
    assert [
        each.code for each in found(vhost(persist, "ProxyPass / balancer://b/\n", balancer("a")))
    ] == [
        "AB206",
        "AB313",
    ]


MAIN = balancer("a", "ProxySet timeout=1 lbmethod=bytraffic")


@pytest.mark.parametrize(
    ("inside", "told"),
    [
        (balancer("own") + balancer("a", "ProxySet timeout=2"), [("AB312", 9)]),
        ("ProxyPass / balancer://a/ lbmethod=bytraffic\n", []),
        ("ProxyPass / balancer://a/ lbmethod=bytraffic timeout=1\n", []),
        ("ProxyPass / balancer://a/ lbmethod=bytraffic timeout=2\n", [("AB316", 6)]),
        (
            "ProxyPass / balancer://own/\nProxyPass / balancer://a/\n" + balancer("own"),
            [("AB314", 7)],
        ),
        ("ProxyPass / balancer://a/ lbmethod=bybusyness\n", [("AB314", 6), ("AB316", 6)]),
        ("ProxyPass /2 balancer://a/\nProxyPass /1 balancer://a/\n", [("AB314", 6)]),
    ],
)
def test_what_a_virtual_host_makes_of_a_balancer_of_the_main_server(inside, told):
    problems = found(MAIN + vhost(inside))
    assert [(each.code, each.place.line) for each in problems] == told


def test_the_method_that_httpd_falls_back_to_is_not_lost():
    uses = "ProxyPass / balancer://a/\n"
    assert found(balancer("a", "ProxySet lbmethod=byrequests") + vhost(uses)) == []
    (problem,) = found(balancer("a", "ProxySet lbmethod=bybusyness") + vhost(uses))
    assert problem.code == "AB314"
    assert found(balancer("a") + vhost(uses)) == []


def test_a_virtual_host_that_is_cut_off_from_the_main_server_has_none_of_its_balancers():
    def told(*lines):
        return [
            each.code
            for each in found(balancer("a") + vhost("ProxyPass / balancer://a/\n", *lines))
        ]

    no_balancers, no_passes = "BalancerInherit Off\n", "ProxyPassInherit Off\n"
    assert told(no_balancers) == told(no_passes) == []
    assert told(no_balancers, "ProxyPassInherit On\n") == []
    assert told(no_balancers, no_passes) == ["AB206"]


def test_a_balancer_that_is_not_there_is_told_of_where_it_is_used_first():
    problems = found("ProxyPass /1 balancer://a/\nProxyPass /2 balancer://a/\n")
    assert [(each.code, each.place.line) for each in problems] == [("AB206", 1)]


def test_a_balancer_that_another_virtual_host_defines_is_named():
    others = vhost(balancer("b"), balancer("abc"), name="one") + vhost(
        balancer("abc"), name="three"
    )
    assert says(others + vhost("ProxyPass / balancer://abc/\n", name="two") + balancer("z")) == [
        "AB206 /x.conf:18: ProxyPass sends requests to balancer://abc, which has no members in this"
        " server; it is defined in one (/x.conf:6), which this server does not see: requests answer 503"
        " (AH01171). Define the balancer in this virtual host, or correct the name."
    ]


def test_the_name_that_is_meant_is_the_longest_with_which_the_one_used_begins():
    text = balancer("a") + balancer("app") + balancer("ap") + balancer("zoo")
    (problem,) = found(f"{text}ProxyPass / balancer://application\n")
    assert problem.fix.endswith("correct the name: did you mean balancer://app/?")
    problems = found("ProxyPass /1 balancer://app/\nProxyPass /2 balancer://application/\n")
    assert {each.fix for each in problems} == {
        "Define the balancer in this virtual host, or correct the name."
    }


@pytest.mark.parametrize(
    "text",
    [
        "<ProxyMatch>\n</ProxyMatch>\n",
        "<ProxyMatch ^http://a>\n</ProxyMatch>\n",
        "<ProxyMatch x ^balancer://a>\n</ProxyMatch>\n",
        "<Location ^balancer://a>\n</Location>\n",
        "ProxyRemoteMatch ^balancer://a http://b\n",
    ],
)
def test_other_patterns_define_no_balancer(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://a:65535", []),
        ("http://a:65536", ["AB204"]),
        ("http://a:100000", ["AB204"]),
        ("http://a:99999", ["AB204"]),
        ("http://a:9999", []),
        ("http://a:" + "9" * 5000, ["AB204", "AB302"]),
        ("http://[::1]:65536", ["AB204"]),
        ("http://[::1]:80", []),
        ("http://@a", []),
        ("http://a/@b:65536", []),
        ("http://a/" + "x" * 374, []),
        ("http://a/" + "x" * 375, ["AB302"]),
        ("http://a/", ["AB308"]),
        ("unix:/x.sock|http://a/", []),
    ],
)
def test_urls_of_members(url, told):
    uses = 'ProxyPassMatch /x balancer://a\nProxyPass / "balancer://a/"\n'
    assert [each.code for each in found(balancer("a", member=url) + uses)] == told


def test_a_slash_too_many_is_told_with_the_line_that_has_the_other():
    uses = "ProxyPassMatch /1 balancer://a\nProxyPass /2 balancer://a/\nProxyPassMatch /3 balancer://a/\n"
    (problem,) = found(balancer("a", member="http://a/") + uses)
    assert "so does the target of ProxyPass (/x.conf:5): " in problem.message


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1, 1], []),
        ([1, 2], [3]),
        ([2, 1], [3]),
        ([1, 1, 2], [3]),
        ([2, 1, 2], [4]),
        ([2, 2, 1, 2], [5]),
    ],
)
def test_a_parameter_that_is_set_twice_is_told_where_the_first_other_value_stands(values, told):
    text = balancer("a", *[f"ProxySet timeout={value}" for value in values])
    assert [each.place.line for each in found(text)] == told


def test_a_parameter_that_is_set_twice_to_one_text_is_fine():
    assert found(GOOD.replace("=S\n", "=SESSIONS\nProxySet stickysession=SESSIONS\n")) == []


def test_httpd_keeps_63_characters_of_stickysession():
    assert found(GOOD.replace("=S", "=" + "S" * 63)) == []


@pytest.mark.parametrize(
    ("routes", "told"),
    [
        ("a b a a", [("AB306", 4, "(/x.conf:2)"), ("AB306", 5, "(/x.conf:2)")]),
        ("a a.b", [("AB307", 3, "'a.b' (httpd cuts")]),
        ("a a,b", [("AB307", 3, "'a,b'.")]),
        ("a a_b", []),
    ],
)
def test_routes(routes, told):
    lines = [f"BalancerMember http://{n} route={route}" for n, route in enumerate(routes.split())]
    problems = found(GOOD.replace("BalancerMember http://a route=a", "\n".join(lines)))
    assert [(each.code, each.place.line) for each in problems] == [each[:2] for each in told]
    assert all(words in problems[n].message for n, (*_rest, words) in enumerate(told))


@pytest.mark.parametrize("member", ["http://a hcuri=/up", "http://a/x hcuri=/up", "http://a/x/"])
def test_a_health_check_asks_for_no_two_slashes(member):
    assert found(balancer("a", member=member)) == []


def test_a_redirect_to_a_route_that_there_is_is_fine():
    more = "redirect=b\nBalancerMember http://b route=b\n"
    assert found(GOOD.replace("route=a\n", f"route=a {more}")) == []
    assert [each.code for each in found(GOOD.replace("route=a", "route=a redirect=c"))] == ["AB315"]


def test_each_member_without_a_route_is_told_of():
    more = "BalancerMember http://b\nBalancerMember http://c\nBalancerMember http://d route=a\n"
    text = GOOD.replace("ProxySet", f"{more}ProxySet")
    told = [(each.code, each.place.line) for each in found(text)]
    assert told == [("AB305", 3), ("AB305", 4), ("AB306", 5)]


def test_members_without_a_route_are_fine_where_nothing_is_sticky():
    assert found(balancer("a")) == []


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        (
            "AB101 /x.conf:1: balancer://app uses lbmethod byrequests, but mod_lbmethod_byrequests is"
            " not loaded: httpd ends at its next start or reload (AH02432, AH01183). Enable the module"
            " lbmethod_byrequests.",
            "lbmethod_byrequests",
        ),
        (
            "AB102 /x.conf:1: balancer://app needs mod_slotmem_shm, which is not loaded: httpd ends at"
            " its next start or reload (AH01177). Enable the module slotmem_shm.",
            "slotmem_shm",
        ),
        (
            "AB201 /x.conf:1: balancer://app: mod_proxy_balancer is not loaded; requests answer 500"
            " (AH01144). Enable the module proxy_balancer.",
            "proxy_balancer",
        ),
        (
            "AB202 /x.conf:2: member http://a: proxy_http_module is not loaded; requests to http"
            " members fail. Enable the module proxy_http.",
            "proxy_http",
        ),
    ],
)
def test_a_missing_module_is_named(told, missing):
    assert says(GOOD, ALL - {f"{missing}_module"}) == [told]


def test_where_the_modules_are_not_known_none_is_missing():
    assert found(GOOD, ()) == []


@pytest.mark.parametrize(
    ("url", "missing"),
    [
        ("ws://a", []),
        ("wss://a", []),
        ("http://a", []),
        ("other://a", ["proxy_other"]),
        ("unix:/x.sock|fcgi://a", ["proxy_fcgi"]),
        ("h2://a", ["proxy_http2"]),
    ],
)
def test_each_scheme_needs_its_module(url, missing):
    text = GOOD.replace("http://a", url) + "SSLProxyEngine On\n"
    told = [each.fix for each in found(text) if each.code == "AB202"]
    assert told == [f"Enable the module {name}." for name in missing]
    elsewhere = [
        each.fix for each in found(text, ALL - {"proxy_http_module"} | {"proxy_wstunnel_module"})
    ]
    assert ("Enable the module proxy_http." in elsewhere) is (url == "http://a")


def test_a_module_that_several_members_need_is_told_of_once():
    text = GOOD.replace(
        "=a\n", "=a\nBalancerMember https://b route=b\nBalancerMember https://c route=c\n", 1
    )
    without = ALL - {"proxy_http_module", "ssl_module"}
    assert says(text + "SSLProxyEngine On\n", without) == [
        "AB202 /x.conf:2: member http://a: proxy_http_module is not loaded; requests to http members"
        " fail. Enable the module proxy_http.",
        "AB202 /x.conf:3: member https://b: ssl_module is not loaded; requests to https members fail."
        " Enable the module ssl.",
    ]


def test_a_method_that_is_written_is_there_as_httpd_refuses_any_other():
    assert found(GOOD.replace("ProxySet", "ProxySet lbmethod=roundrobin")) == []


def test_pools_mean_nothing_where_each_process_has_one_connection():
    text = GOOD.replace("http://a route=a", "http://u:p@a route=a ttl=9 min=1 smax=4 max=5", 1)
    assert [each.code for each in found(text, ALL | {"mpm_event_module"})] == ["AB309"]
    problems = found(text, ALL | {"mpm_prefork_module"})[1:]
    assert [problem.ineffective for problem in problems] == [False] * 3
    assert list(map(str, problems)) == [
        f"AB328 /x.conf:2: member http://********@a: {name} has no effect with the MPM prefork, where"
        " each process has one connection to a member. Use the MPM event, or limit MaxRequestWorkers."
        for name in ("max", "smax", "min")
    ]


def test_websockets_by_the_old_way_over_tls_are_warned_of():
    text = GOOD.replace("http://", "wss://u:p@", 1) + "SSLProxyEngine On\n"
    problem = found(text)[-1]
    assert problem.ineffective is problem.fatal is False
    assert str(problem) == (
        "AB329 /x.conf:2: member wss://********@a: websockets by wss:// hang where the backend speaks"
        " TLS 1.3. Write https:// and upgrade=websocket, which needs httpd 2.4.47."
    )


def test_health_checks_without_a_watchdog_are_fatal():
    (problem,) = found(GOOD, (ALL | {"proxy_hcheck_module"}) - {"watchdog_module"})
    assert problem.fatal is True and problem.balancer is None
    assert str(problem) == (
        "AB103 /x.conf:1: mod_proxy_hcheck is loaded without mod_watchdog: httpd ends at its next start"
        " or reload (AH03262). Enable the module watchdog."
    )
    assert (
        found(GOOD, ALL | {"proxy_hcheck_module"}) == found(GOOD, ALL - {"watchdog_module"}) == []
    )


TLS = "<Proxy balancer://a>\nBalancerMember https://a\n</Proxy>\n"


@pytest.mark.parametrize(
    "section",
    ["*", "balancer:*", "balancer://*", "balancer://", "balancer://a/", "balancer://a/app"],
)
def test_tls_members_are_fine_with_sslproxyengine_in_any_proxy_section_that_holds_for_them(section):
    body = f"<Proxy {section}>\nSSLProxyEngine On\n</Proxy>\nProxyPass / balancer://a/\n"
    assert found(TLS + body) == []
    assert found(f"<VirtualHost *:80>\n{TLS}{body}</VirtualHost>\n") == []
    assert found(f"{TLS}<VirtualHost *:80>\n{body}</VirtualHost>\n") == []


@pytest.mark.parametrize("section", ["http:*", "balancer://b", "https://a"])
def test_a_proxy_section_for_others_does_not_help_tls_members(section):
    text = f"{TLS}<Proxy {section}>\nSSLProxyEngine On\n</Proxy>\nProxyPass / balancer://a/\n"
    assert [problem.code for problem in found(text)] == ["AB205"]


@pytest.mark.parametrize(
    ("line", "told"),
    [("SSLProxyEngine Off", ["AB205"]), ("sslproxyengine on", []), ("SSLEngine On", ["AB205"])],
)
def test_tls_members_need_the_switch_on(line, told):
    assert [each.code for each in found(f"{TLS}{line}\n")] == told
    assert [each.code for each in found(vhost(f"{line}\n", TLS))] == told


@pytest.mark.parametrize("section", ["Location", "VirtualHost"])
def test_a_section_that_is_none_of_proxy_does_not_help_tls_members(section):
    text = f"{TLS}<{section} *>\nSSLProxyEngine On\n</{section}>\n"
    assert [each.code for each in found(text)] == ["AB205"]


def test_a_proxy_section_holds_for_the_balancer_as_the_requests_spell_it():
    section = "<Proxy balancer://[A]/>\nSSLProxyEngine On\n</Proxy>\n"
    assert found(f"{TLS}{section}ProxyPass / balancer://A/\n") == []
    assert [each.code for each in found(f"{TLS}{section}ProxyPass / balancer://a/\n")] == ["AB205"]
    assert [each.code for each in found(TLS + section)] == ["AB205"]


def test_tls_members_are_told_of_once_for_each_balancer():
    both = balancer("a", "BalancerMember https://b", member="http://x")
    (problem,) = found(both.replace("https://b", "https://b\nBalancerMember https://c"))
    assert problem.place.line == 3


def test_tls_members_of_the_main_server_are_fine_with_sslproxyengine_in_each_virtual_host_that_uses_them():
    uses, on = "ProxyPass / balancer://a/\n", "SSLProxyEngine On\n"
    one, two = vhost(uses, on, name="one"), vhost(uses, on, name="two")
    assert found(TLS + one + two) == []
    assert says(TLS + one + vhost(uses, name="two")) == [
        "AB205 /x.conf:2: member https://a speaks TLS, but SSLProxyEngine is not On for it (in two);"
        " requests answer 500 (AH01961). Add SSLProxyEngine On to the virtual host."
    ]


def test_tls_members_are_fine_with_sslproxyengine_in_their_virtual_host():
    assert (
        found(
            "<VirtualHost *:80>\nSSLProxyEngine On\n<Proxy balancer://a>\nBalancerMember https://a\n</Proxy>\n</VirtualHost>\n"
        )
        == []
    )


def test_a_finding_may_concern_the_whole_server_and_no_place():
    problem = Problem("AB103", "Message.", None, "Fix.")
    assert str(problem) == "AB103 Message. Fix."
    assert problem.fault == ("AB103", "", "Message.")
    assert problem.result() == {
        "code": "AB103",
        "message": "Message.",
        "file": None,
        "line": None,
        "fix": "Fix.",
    }


def test_the_result_has_the_parts_of_a_finding():
    text = GOOD.replace("http://a", "http://u:p@a:70000")
    assert found(text)[0].result() == {
        "code": "AB204",
        "message": "member http://********@a:70000: port 70000 is no port; every request answers 400.",
        "file": "/x.conf",
        "line": 2,
        "fix": "Use a port from 1 to 65535.",
    }


@pytest.mark.parametrize(
    ("code", "ineffective"),
    [
        ("AB101", False),
        ("AB201", True),
        ("AB203", False),
        ("AB205", True),
        ("AB206", False),
        ("AB301", True),
        ("AB311", False),
        ("AB312", True),
        ("AB334", False),
    ],
)
def test_what_keeps_a_declaration_from_its_effect(code, ineffective):
    assert is_ineffective(code) is ineffective


def test_the_worst_findings_are_the_first_then_those_that_stand_first():
    member = "BalancerMember http://{0} route={0} timeout=1s\n"
    members = "".join(map(member.format, "bcdefghij"))
    members += "BalancerMember http://k:70000 route=k\n"
    text = GOOD.replace("ProxySet", f"{members}ProxySet timeout=1s")
    told = [(each.code, each.place.line) for each in found(text)]
    assert told == [("AB204", 12)] + [("AB304", line) for line in (*range(3, 12), 13)]


def test_a_finding_never_shows_a_secret():
    text = '<Proxy balancer://a>\nBalancerMember ajp://a secret="hunter2" route=a\n</Proxy>\n'
    problems = found(text, ALL | {"proxy_ajp_module"})
    assert problems and all("hunter2" not in str(problem) for problem in problems)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "# what follows moves by a line\n"),
        ("BalancerMember http://b route=r\n", ""),
        ("", "ProxySet timeout=3\n"),
    ],
)
def test_a_fault_is_the_same_wherever_it_stands_and_whatever_else_is_there(before, after):
    """One route of several members, a cookie in a section that requests spell otherwise, a value that another one
    replaces, and TLS that is not on in a virtual host that has no name."""
    members = "BalancerMember https://c route=r\nBalancerMember http://d route=r\n"
    members += "ProxySet nofailover=On\nProxySet nofailover=Off\n"
    unnamed = "<VirtualHost *:80>\nProxyPass / balancer://app/\n</VirtualHost>\n" * 2
    text = cookie(section="balancer://APP/") + unnamed
    old, new = (
        {problem.fault for problem in found(text.replace("ProxySet", f"{more}{members}ProxySet"))}
        for more in (before, after)
    )
    assert {code for code, *_rest in new} >= {"AB205", "AB306", "AB311", "AB321"}
    assert new <= old


def test_a_good_cookie_has_no_findings():
    assert found(cookie()) == []
    assert found(cookie(LINE.replace("Lax", "Strict"))) == []
    assert found(cookie(section="balancer://app")) == []
    assert found(LINE + GOOD) == []


@pytest.mark.parametrize(
    ("sticky", "told"),
    [
        ("PHPSESSID", True),
        ("PHPSESSID|phpsessid", True),
        ("PHPSESSID|sessionid", True),
        ("connect.sid", True),
        ("sessionid", True),
        ("laravel_session", True),
        ("ASP.NET_SessionId", True),
        (".AspNetCore.Session", True),
        # The application puts the route into these, or can be told to.
        ("JSESSIONID", False),
        ("JSESSIONID|PHPSESSID", False),
        ("SESSION", False),
        ("PHPSESSID|sid", False),
        ("phpsessid", False),
        ("SHOPSESSION", False),
    ],
)
def test_a_cookie_of_an_application_that_puts_no_route_into_it_is_told_of(sticky, told):
    problems = found(GOOD.replace("stickysession=S", f"stickysession={sticky}"))
    assert [(each.code, each.ineffective) for each in problems] == [("AB334", False)] * told
    assert all(f"stickysession={sticky}" in each.message for each in problems)


PHP = GOOD.replace("stickysession=S", "stickysession=PHPSESSID|sessionid")


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (f'edit Set-Cookie "^(PHPSESSID=[^;]+)" "$1.{ROUTE}"', False),
        (f"always edit* Set-Cookie: ^([^=]+=[^;]+) $1.{ROUTE.lower()}", False),
        (f'set Set-Cookie "PHPSESSID=x.{ROUTE}"', False),
        (f'onsuccess add Set-Cookie "sessionid=.{ROUTE}; Path=/"', False),
        ('add Set-Cookie "expr=PHPSESSID=.%{reqenv:BALANCER_WORKER_ROUTE}"', False),
        # None of these puts a route into it.
        (f'add Set-Cookie "OTHER=.{ROUTE}"', True),
        ('edit Set-Cookie "^(PHPSESSID=.*)" "$1; Secure"', True),
        (f'set X-Member "PHPSESSID.{ROUTE}"', True),
        ("unset Set-Cookie", True),
    ],
)
@pytest.mark.parametrize("section", ["{}", "<Location /app>\n{}</Location>\n", None])
def test_a_cookie_of_an_application_into_which_httpd_puts_the_route_is_fine(header, told, section):
    line = f"Header {header}\n"
    inside = PHP.replace("Member", f"Member http://b route=b\n{line}BalancerMember", 1)
    text = PHP + section.format(line) if section else inside
    for server in (text, f"<VirtualHost *:80>\n{text}</VirtualHost>\n"):
        assert ("AB334" in [each.code for each in found(server)]) is told


def test_the_route_may_be_put_in_around_the_virtual_host_and_not_in_another_one():
    edit = f"Header edit Set-Cookie ^(PHPSESSID=[^;]+) $1.{ROUTE}\n"

    def told(outside, inside=""):
        uses = f'ProxyPass "/" "balancer://app/"\n{inside}'
        text = f"{outside}<VirtualHost *:80>\n{uses}</VirtualHost>\n"
        return ("AB334", 3) in [(each.code, each.place.line) for each in found(text)]

    main = PHP.replace('ProxyPass "/" "balancer://app/"\n', "")
    other = f"<VirtualHost *:81>\n{edit}</VirtualHost>\n"
    assert told(main) and told(main + other)
    assert not told(main + edit) and not told(main, edit)
    assert [each.code for each in found(f"{other}<VirtualHost *:80>\n{PHP}</VirtualHost>\n")] == [
        "AB334"
    ]
    assert found(f"{edit}<VirtualHost *:80>\n{PHP}</VirtualHost>\n") == []


def test_stickiness_of_one_virtual_host_alone_is_looked_at_too():
    text = (
        "<Proxy balancer://a>\nBalancerMember http://a route=a\n</Proxy>\n<VirtualHost *:80>\n"
        "ProxyPass / balancer://a/ stickysession=PHPSESSID\n</VirtualHost>\n"
    )
    assert [(each.code, each.place.line) for each in found(text)] == [("AB316", 5), ("AB334", 5)]


@pytest.mark.parametrize(
    ("domain", "names", "dropped"),
    [
        ("example.org", "ServerName shop.example.com", True),
        ("op.example.com", "ServerName shop.example.com", True),
        ("www.shop.example.com", "ServerName shop.example.com", True),
        ("example.com", "ServerName shop.example.com", False),
        ("Shop.Example.com", "ServerName shop.example.com:80", False),
        ("example.org", "ServerName shop.example.com\nServerAlias www.example.org", False),
        ("example.org", "ServerName shop.example.com\nServerAlias *.org", False),
        ("example.org", "ServerName shop.example.com\nServerAlias *.com", True),
        ("example.org", "ServerName shop.example.com\nServerAlias ?.org", False),
        ("example.org", "ServerName shop.example.com\nServerAlias *e.?rg", False),
        ("www.shop.example.com", "ServerName Shop.Example.com", True),
        ("example.org", "ServerAdmin a@example.com", False),
    ],
)
def test_a_cookie_of_a_domain_that_is_not_the_hosts_is_dropped_by_browsers(domain, names, dropped):
    text = cookie(LINE.replace("; Path", f"; Domain={domain}; Path"))
    problems = found(f"<VirtualHost *:80>\n{names}\n{text}</VirtualHost>\n")
    assert [(each.code, each.ineffective) for each in problems] == [("AB331", False)] * dropped


@pytest.mark.parametrize(
    ("cookie_path", "path", "sent"),
    [
        ("/", "/app/", True),
        ("/app", "/app/", True),
        ("/app/", "/app", True),
        ("/ap", "/app", False),
    ],
)
def test_a_cookie_is_sent_below_its_path(cookie_path, path, sent):
    text = cookie(LINE.replace("Path=/", f"Path={cookie_path}"))
    problems = found(text.replace('ProxyPass "/"', f'ProxyPass "{path}"'))
    assert ("AB332" in [each.code for each in problems]) is not sent


def test_a_secure_cookie_is_fine_where_tls_is_spoken():
    text = cookie(LINE.replace("; Path", "; Secure; Path"))
    assert found(f"<VirtualHost *:443>\nSSLEngine On\n{text}</VirtualHost>\n") == []


def test_a_separator_and_the_words_around_it_are_those_that_httpd_reads():
    def codes(value, separator=".", route="a"):
        text = cookie(LINE.replace(f".{ROUTE}", value + ROUTE))
        text = text.replace("=S\n", f"=S stickysessionsep={separator}\n").replace(
            "route=a", f"route={route}"
        )
        return [problem.code for problem in found(text)]

    assert codes("hej.") == codes("hej-", "-") == codes("hej_", "_") == codes("", "Off") == []
    assert (
        codes("")
        == codes("..")
        == codes("hej.", "Off")
        == codes("hej.", "-")
        == codes("", "_")
        == ["AB319"]
    )
    assert codes(".", route="a.b") == codes("", "Off", "Office") == []
    assert codes(".", route="a;b") == ["AB307"]


def test_a_route_is_cut_at_any_separator():
    text = GOOD.replace("=S\n", "=S stickysessionsep=_\n").replace("route=a", "route=a_b")
    assert [each.code for each in found(text)] == ["AB307"]


def test_a_route_may_hold_the_word_off_where_there_is_no_separator():
    sep = GOOD.replace("=S\n", "=S stickysessionsep=Off\n")
    assert found(sep.replace("route=a", "route=Office")) == []
    assert found(sep.replace("route=a", "route=a.b")) == []


def test_balancers_whose_cookies_are_not_the_same_take_no_sessions_of_each_other():
    def told(line, other, sticky="ROUTE"):
        two = GOOD.replace("app", "other").replace("=a", "=b").replace('"/"', "/o/")
        own = [
            f"<Proxy balancer://{name}/>\n{each}</Proxy>\n"
            for name, each in (("app", line), ("other", other))
        ]
        text = (GOOD + two).replace("=S\n", f"={sticky}\n")
        return [each.code for each in found(balancer("first") + text + "".join(own))]

    line = LINE.replace("S=", "ROUTE=")
    assert told(line, line) == ["AB324"]
    assert told(line, line.replace("Path=/", "Path=/o")) == []
    assert told(line, line.replace("; Path", "; Domain=example.org; Path")) == []
    # One that nobody reads takes nothing.
    assert told(line, line, "A") == told(line, line, "Z") == ["AB319"] * 2


def test_a_cookie_that_nobody_reads_hides_no_other():
    first = balancer("first") + LINE.join(["<Proxy balancer://first/>\n", "</Proxy>\n"])
    two = GOOD.replace("app", "other").replace("=a", "=b").replace('"/"', "/o/")
    assert [each.code for each in found(first + LINE + GOOD + two)] == ["AB319", "AB324", "AB325"]


@pytest.mark.parametrize(
    "text", ["ProxyPassMatch / balancer://app", "RewriteRule / balancer://app [P]"]
)
def test_only_a_path_that_stands_for_what_is_below_it_has_an_answer_without_the_cookie(text):
    assert found(cookie().replace('ProxyPass "/" "balancer://app/"', text)) == []


def test_balancers_of_the_same_nodes_may_share_a_cookie():
    assert found(LINE + GOOD + GOOD.replace("app", "other").replace('"/"', "/o/")) == []


def test_a_section_that_is_not_about_the_balancer_defines_none():
    text = "<VirtualHost *:80>\n<Proxy balancer://app>\nRequire all granted\n</Proxy>\nProxyPass / balancer://app/\n</VirtualHost>\n"
    assert found(GOOD + text) == []
