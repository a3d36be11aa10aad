# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import codec
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.lint import lint
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


def found(text, modules=ALL):
    root = from_document(Document.parse(text, "/x.conf"))
    view = View(root, [], set(modules), "", "", "", {}, "", "", [])
    return lint(codec.read(root), view)


def test_a_good_configuration_has_no_findings():
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("code", "line", "text"),
    [
        (
            "AB104",
            4,
            "<Proxy balancer://a-1>\nBalancerMember http://a\n</Proxy>\n<Proxy balancer://a_1>\n"
            "BalancerMember http://b\n</Proxy>\n",
        ),
        ("AB202", 2, "<Proxy balancer://a>\nBalancerMember fcgi://a:9000\n</Proxy>\n"),
        ("AB203", 1, "<Proxy balancer://a>\n</Proxy>\n"),
        ("AB204", 2, "<Proxy balancer://a>\nBalancerMember http://a:70000\n</Proxy>\n"),
        ("AB205", 2, "<Proxy balancer://a>\nBalancerMember https://a\n</Proxy>\n"),
        ("AB206", 1, 'ProxyPass "/" "balancer://nowhere/"\n'),
        (
            "AB206",
            4,
            "<Proxy balancer://c>\nBalancerMember http://a\n</Proxy>\nProxyPass / balancer://cx\n",
        ),
        (
            "AB208",
            1,
            "<Proxy balancer://a>\nBalancerMember http://a status=R\nBalancerMember http://b status=HR\n</Proxy>\n",
        ),
        (
            "AB301",
            3,
            "<Proxy balancer://a>\nBalancerMember http://a\nBalancerMember http://a/ route=x\n</Proxy>\n",
        ),
        ("AB302", 2, "<Proxy balancer://a>\nBalancerMember http://a/" + "x" * 400 + "\n</Proxy>\n"),
        (
            "AB303",
            3,
            "<Proxy balancer://a>\nBalancerMember http://a route=a\nProxySet stickysession="
            + "S" * 64
            + "\n</Proxy>\n",
        ),
        ("AB304", 2, "<Proxy balancer://a>\nBalancerMember http://a timeout=500ms\n</Proxy>\n"),
        ("AB304", 2, '<Proxy balancer://a>\nBalancerMember http://a route="n1"\n</Proxy>\n'),
        (
            "AB305",
            3,
            "<Proxy balancer://a>\nBalancerMember http://a route=a\nBalancerMember http://b\n"
            "ProxySet stickysession=S\n</Proxy>\n",
        ),
        (
            "AB306",
            3,
            "<Proxy balancer://a>\nBalancerMember http://a route=a\nBalancerMember http://b route=a\n</Proxy>\n",
        ),
        ("AB307", 2, "<Proxy balancer://a>\nBalancerMember http://a route=a.b\n</Proxy>\n"),
        (
            "AB308",
            2,
            "<Proxy balancer://a>\nBalancerMember http://a/\n</Proxy>\nProxyPass / balancer://a/\n",
        ),
        ("AB309", 2, "<Proxy balancer://a>\nBalancerMember http://u:p@a\n</Proxy>\n"),
        ("AB310", 1, "<ProxyMatch ^balancer://a>\n</ProxyMatch>\n"),
        (
            "AB311",
            3,
            "<Proxy balancer://a timeout=1>\nBalancerMember http://a\nProxySet timeout=2\n</Proxy>\n",
        ),
        (
            "AB312",
            5,
            "<Proxy balancer://a>\nBalancerMember http://a\n</Proxy>\n<VirtualHost *:80>\n"
            "<Proxy balancer://a>\nBalancerMember http://b\n</Proxy>\n</VirtualHost>\n",
        ),
        (
            "AB313",
            1,
            "<VirtualHost *:80>\nBalancerPersist On\n<Proxy balancer://a>\nBalancerMember http://b\n"
            "</Proxy>\n</VirtualHost>\n",
        ),
        (
            "AB314",
            6,
            "<Proxy balancer://a>\nBalancerMember http://a\nProxySet lbmethod=bytraffic\n</Proxy>\n"
            "<VirtualHost *:80>\nProxyPass / balancer://a/\n</VirtualHost>\n",
        ),
        (
            "AB316",
            5,
            "<Proxy balancer://a>\nBalancerMember http://a\n</Proxy>\n<VirtualHost *:80>\n"
            "ProxyPass / balancer://a/ timeout=3\n</VirtualHost>\n",
        ),
        (
            "AB315",
            2,
            "<Proxy balancer://a>\nBalancerMember http://a route=a redirect=b\n</Proxy>\n",
        ),
        ("AB317", 7, cookie(LINE.replace("; Path", "; Secure; Path"))),
        ("AB318", 7, cookie(LINE.replace("Lax", "None"))),
        ("AB319", 7, cookie(LINE.replace("S=", "OTHER="))),
        ("AB319", 7, cookie(LINE.replace("S=.", "S=!"))),
        ("AB319", 7, cookie().replace("ProxySet stickysession=S", "ProxySet timeout=1")),
        (
            "AB320",
            6,
            cookie(section="balancer://app")
            + "<Proxy balancer://app-admin>\nBalancerMember http://b\n</Proxy>\n",
        ),
        ("AB321", 7, cookie(section="balancer://APP/")),
        ("AB321", 7, cookie().replace('"balancer://app/"', '"balancer://App/"')),
        (
            "AB321",
            7,
            cookie().replace('ProxyPass "/" "balancer://app/"', "SetHandler proxy:balancer://app/"),
        ),
        ("AB322", 7, cookie(LINE.replace("add", "set"))),
        ("AB322", 7, cookie(LINE.replace("add", "merge"))),
        ("AB323", 7, cookie(LINE.replace("add", "always add"))),
        (
            "AB324",
            1,
            LINE + GOOD + GOOD.replace("app", "other").replace("=a", "=b").replace('"/"', "/o/"),
        ),
        (
            "AB325",
            2,
            cookie().replace("BalancerMember http://a route=a", "BalancerMember http://a"),
        ),
        ("AB326", 5, cookie().replace('app/"', 'app"')),
        ("AB327", 7, cookie(LINE.replace(CHANGED, ""))),
        ("AB330", 7, cookie(LINE.replace("S=", "PHPSESSID="))),
        (
            "AB333",
            2,
            GOOD.replace("http://a route=a", "http://a/x/ route=a hcmethod=GET hcuri=up"),
        ),
        ("AB332", 7, cookie(LINE.replace("Path=/", "Path=/other"))),
        ("AB334", 3, GOOD.replace("stickysession=S", "stickysession=PHPSESSID")),
    ],
)
def test_each_finding_names_its_line_and_what_to_do(code, line, text):
    matching = [problem for problem in found(text) if problem.code == code]
    assert [problem.place.line for problem in matching] == [line]
    assert matching[0].message.endswith(".") and matching[0].fix.endswith((".", "?"))


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("AB101", "lbmethod_byrequests_module"),
        ("AB102", "slotmem_shm_module"),
        ("AB201", "proxy_balancer_module"),
        ("AB202", "proxy_http_module"),
    ],
)
def test_a_missing_module_is_named(code, missing):
    (problem,) = found(GOOD, ALL - {missing})
    assert problem.code == code
    assert missing.replace("_module", "") in problem.fix


def test_a_method_that_is_written_is_there_as_httpd_refuses_any_other():
    assert found(GOOD.replace("ProxySet", "ProxySet lbmethod=roundrobin")) == []


def test_pools_mean_nothing_where_each_process_has_one_connection():
    text = GOOD.replace("route=a", "route=a max=5 ttl=9", 1)
    assert found(text, ALL | {"mpm_event_module"}) == []
    (problem,) = found(text, ALL | {"mpm_prefork_module"})
    assert (problem.code, problem.place.line, problem.ineffective) == ("AB328", 2, False)
    assert "max has no effect" in problem.message


def test_websockets_by_the_old_way_over_tls_are_warned_of():
    text = GOOD.replace("http://", "wss://", 1)
    modules = ALL | {"proxy_wstunnel_module", "ssl_module"}
    (problem,) = [each for each in found(text, modules) if each.code == "AB329"]
    assert "upgrade=websocket" in problem.fix and problem.ineffective is False


def test_health_checks_without_a_watchdog_are_fatal():
    (problem,) = found(GOOD, (ALL | {"proxy_hcheck_module"}) - {"watchdog_module"})
    assert problem.code == "AB103" and problem.fatal


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


def test_tls_members_of_the_main_server_are_fine_with_sslproxyengine_in_each_virtual_host_that_uses_them():
    def vhost(name, *lines):
        body = "\n".join([f"ServerName {name}", *lines, "ProxyPass / balancer://a/"])
        return f"<VirtualHost *:80>\n{body}\n</VirtualHost>\n"

    one, two = vhost("one", "SSLProxyEngine On"), vhost("two", "SSLProxyEngine On")
    assert found(TLS + one + two) == []
    problems = found(TLS + one + vhost("two"))
    assert [problem.code for problem in problems] == ["AB205"]
    assert "is not On for it in two;" in problems[0].message


def test_tls_members_are_fine_with_sslproxyengine_in_their_virtual_host():
    assert (
        found(
            "<VirtualHost *:80>\nSSLProxyEngine On\n<Proxy balancer://a>\nBalancerMember https://a\n</Proxy>\n</VirtualHost>\n"
        )
        == []
    )


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
    """One route of several members, and a cookie in a section that requests spell otherwise."""
    members = "BalancerMember http://c route=r\nBalancerMember http://d route=r\n"
    text = cookie(section="balancer://APP/")
    old, new = (
        {problem.fault for problem in found(text.replace("ProxySet", f"{more}{members}ProxySet"))}
        for more in (before, after)
    )
    assert {code for code, *_rest in new} >= {"AB306", "AB321"}
    assert new <= old


def test_a_good_cookie_has_no_findings():
    assert found(cookie()) == []
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

    assert codes("hej.") == codes("hej-", "-") == codes("", "Off") == []
    assert codes("") == codes("..") == codes("hej.", "Off") == codes("hej.", "-") == ["AB319"]
    assert codes(".", route="a.b") == codes("", "Off", "Office") == []
    assert codes(".", route="a;b") == ["AB307"]


def test_a_route_may_hold_the_word_off_where_there_is_no_separator():
    sep = GOOD.replace("=S\n", "=S stickysessionsep=Off\n")
    assert found(sep.replace("route=a", "route=Office")) == []
    assert found(sep.replace("route=a", "route=a.b")) == []


def test_balancers_of_the_same_nodes_may_share_a_cookie():
    assert found(LINE + GOOD + GOOD.replace("app", "other").replace('"/"', "/o/")) == []


def test_a_section_that_is_not_about_the_balancer_defines_none():
    text = "<VirtualHost *:80>\n<Proxy balancer://app>\nRequire all granted\n</Proxy>\nProxyPass / balancer://app/\n</VirtualHost>\n"
    assert found(GOOD + text) == []
