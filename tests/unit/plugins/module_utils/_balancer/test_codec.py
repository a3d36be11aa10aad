# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import codec
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.model import (
    absorbing_member,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    Node,
    from_document,
)


def read(text):
    return codec.read(from_document(Document.parse(text, "/x.conf")))


def one(text):
    (balancer,) = read(text).balancers
    return balancer


def test_the_last_setting_executed_wins_and_the_section_line_is_executed_last():
    balancer = one(
        "<Proxy balancer://a timeout=1>\nBalancerMember http://h\nProxySet timeout=2\n</Proxy>\n"
    )
    assert balancer.values["timeout"] == 1
    balancer = one(
        "<Proxy balancer://a timeout=1>\nBalancerMember http://h\n</Proxy>\nProxyPass / balancer://a/ timeout=3\n"
    )
    assert balancer.values["timeout"] == 3


def test_words_of_proxypass_that_are_no_parameters_are_none():
    balancer = one(
        "<Proxy balancer://a>\nBalancerMember http://h\n</Proxy>\nProxyPass / balancer://a/ nocanon mapping=servlet\n"
    )
    assert balancer.values == {}


@pytest.mark.parametrize(
    "lines",
    [
        "ProxySet balancer://app/a=b {}",
        "ProxyPass /a=b balancer://app/c?d=e {}",
        "<Location /a=b>\nProxyPass balancer://app/c?d=e {}\n</Location>",
        "<Proxy balancer://app/a=b {}>\nBalancerMember http://h\n</Proxy>",
    ],
)
def test_what_stands_before_the_parameters_sets_none(lines):
    assert one(APP + lines.format("timeout=3") + "\n").values == {"timeout": 3}


def test_other_directives_of_a_section_say_nothing_of_its_balancer():
    lines = "AuthType Basic\nHeader set X a=b\nRequestHeader set X a=b\nRequire ip 10.0.0.1\n"
    balancer = one(APP.replace("</Proxy>", lines + "</Proxy>"))
    assert list(balancer.members) == ["http://a"]
    assert balancer.values == balancer.vhost.expressions == {}


def test_a_name_is_read_without_case_path_and_quotes():
    for word in ("balancer://APP", '"balancer://App/"', "BALANCER://app/any/path"):
        assert one(f"<Proxy {word}>\nBalancerMember http://h\n</Proxy>\n").name == "app"


def test_one_name_in_two_virtual_hosts_is_two_balancers():
    text = "".join(
        f"<VirtualHost *:80>\nServerName {name}\n<Proxy balancer://app>\nBalancerMember http://{name}\n</Proxy>\n</VirtualHost>\n"
        for name in ("one", "two")
    )
    configuration = read(text)
    assert [(configuration.label(b.vhost), list(b.members)) for b in configuration.balancers] == [
        ("one", ["http://one"]),
        ("two", ["http://two"]),
    ]


def test_a_virtual_host_is_called_by_its_name_port_address_or_position():
    text = (
        "<VirtualHost *:80>\nServerName a\n</VirtualHost>\n"
        "<VirtualHost *:443>\nServerName a\n</VirtualHost>\n"
        "<VirtualHost 10.0.0.1:81>\n</VirtualHost>\n"
    )
    configuration = read(text)
    assert [configuration.label(vhost) for vhost in configuration.vhosts] == [
        "_main",
        "a:80",
        "a:443",
        "10.0.0.1:81",
    ]
    assert len(configuration.named("A")) == 2
    assert configuration.named("a:443") == configuration.named("/x.conf:4")
    assert configuration.named("nowhere") == []


def test_a_virtual_host_has_the_names_that_its_own_lines_give_it():
    text = (
        "VirtualScriptAlias /srv\n<VirtualHost *:80>\nServerName a\nServerAlias b\n"
        "ServerSignature off\nSSLEngine on\n</VirtualHost>\n"
    )
    dummy, vhost = read(text).vhosts
    assert (vhost.host, vhost.aliases) == ("a", ["b"])


def test_references_are_found_wherever_requests_are_sent_from():
    text = (
        "<VirtualHost *:80>\n<Proxy balancer://a>\nBalancerMember http://h\n</Proxy>\n"
        "ProxyPass / balancer://a/\n<Location /x>\nProxyPass balancer://a/x\n</Location>\n"
        'RewriteRule "^/r(.*)" "balancer://a/$1" [P]\n<FilesMatch php$>\nSetHandler "proxy:balancer://a/"\n</FilesMatch>\n'
        "</VirtualHost>\n"
    )
    configuration = read(text)
    (balancer,) = configuration.balancers
    assert [r.place.line for r in configuration.references(balancer)] == [5, 7, 9, 11]


def test_a_rewrite_rule_may_go_on_with_a_variable():
    text = (
        "<Proxy balancer://a>\nBalancerMember http://h\n</Proxy>\n"
        "RewriteRule ^/(.*) balancer://a%{REQUEST_URI} [P,L]\n"
    )
    configuration = read(text)
    (balancer,) = configuration.balancers
    assert [r.directive for r in configuration.references(balancer)] == ["RewriteRule"]


def test_a_virtual_host_that_defines_none_refers_to_the_balancer_of_the_main_server():
    text = (
        "<Proxy balancer://a>\nBalancerMember http://h\n</Proxy>\n"
        "<VirtualHost *:80>\nProxyPass / balancer://a/\n</VirtualHost>\n"
    )
    configuration = read(text)
    (balancer,) = configuration.balancers
    assert [str(r.place) for r in configuration.references(balancer)] == ["/x.conf:5"]


@pytest.mark.parametrize(
    ("lines", "members", "merged"),
    [
        (["http://h:1", "http://h:1/"], ["http://h:1"], 1),
        (["http://h:1/", "http://h:1"], ["http://h:1/", "http://h:1"], 0),
        (["http://h", "http://h:80"], ["http://h"], 1),
        (["http://h:1", "http://h:12"], ["http://h:1", "http://h:12"], 0),
        (["http://H/a", "http://h/A"], ["http://h/a", "http://h/A"], 0),
        (["unix:/a|http://l/", "unix:/b|http://l/"], ["http://l/"], 1),
        (["unix:/a|http://l/", "unix:/b|http://l/x"], ["http://l/"], 1),
    ],
)
def test_members_are_merged_as_httpd_merges_them(lines, members, merged):
    body = "".join(f"BalancerMember {line}\n" for line in lines)
    balancer = one(f"<Proxy balancer://a>\n{body}</Proxy>\n")
    assert list(balancer.members) == members
    assert len(balancer.merged) == merged


def test_a_member_whose_url_is_in_a_variable_is_called_as_it_is_written():
    (member,) = one("<Proxy balancer://a>\nBalancerMember ${BACKEND}\n</Proxy>\n").members.values()
    assert member.url == "${BACKEND}"


@pytest.mark.parametrize(
    "text",
    [
        "<Proxy balancer://a>\nBalancerMember route=n1 loadfactor=3 http://h:8080\n</Proxy>\n",
        "<Proxy balancer://a>\nBalancerMember route=n1 http://h:8080 loadfactor=3\n</Proxy>\n",
        "BalancerMember route=n1 balancer://a loadfactor=3 http://h:8080\n",
    ],
)
def test_the_parameters_of_a_member_may_stand_before_its_url(text):
    (member,) = one(text).members.values()
    assert (member.url, member.written) == ("http://h:8080", "http://h:8080")
    assert member.values == {"route": "n1", "loadfactor": 3.0}


def test_a_file_that_is_included_twice_says_the_same_once_more():
    body = "".join(
        f"BalancerMember {url}\n" for url in ("http://h:1", "http://h:1/x", "http://g:80")
    )
    root = from_document(Document.parse(f"<Proxy balancer://a>\n{body}</Proxy>\n", "/x.conf"))
    root.children *= 2
    (balancer,) = codec.read(root).balancers
    assert list(balancer.members) == ["http://h:1", "http://g"]
    assert [str(merged.place) for merged in balancer.merged] == ["/x.conf:3"]


def test_a_file_that_is_included_twice_issues_one_cookie():
    def issued(name):
        text = f'Header add Set-Cookie "{name}=.%{{BALANCER_WORKER_ROUTE}}e"\n'
        text = f"<Proxy balancer://a>\n    {text}</Proxy>\n"
        return from_document(Document.parse(text, f"/{name}.conf")).children

    root = Node.root()
    root.children = [child for name in "xyzx" for child in issued(name)]
    (balancer,) = (each for vhost in codec.read(root).vhosts for each in vhost.balancers.values())
    assert [line.header.cookie.name for line in balancer.cookies] == ["y", "z", "x"]


def test_the_longest_name_absorbs():
    assert absorbing_member("http://h/a/b", ["http://h", "http://h/a"]) == "http://h/a"


ROUTE = "%{BALANCER_WORKER_ROUTE}e"
LINE = f'Header add Set-Cookie "R=.{ROUTE}; path=/" env=BALANCER_ROUTE_CHANGED\n'
APP = "<Proxy balancer://app>\nBalancerMember http://a\n</Proxy>\n"


@pytest.mark.parametrize(
    "text",
    [
        APP + f"<Proxy balancer://app/>\n{LINE}</Proxy>\n",
        APP + f"<Proxy balancer://APP/>\n{LINE}</Proxy>\n",
        APP.replace("app>\n", "app>\n" + LINE),
        LINE + APP,
        f"<Location />\n{LINE}</Location>\n" + APP,
        f"<Proxy *>\n{LINE}</Proxy>\n" + APP,
        # Where all that is sent to the balancer is in the section.
        APP + f"<Location /x>\nProxyPass balancer://app/\n{LINE}</Location>\n",
        APP + f"ProxyPass /x/y balancer://app/\n<Location /x/>\n{LINE}</Location>\n",
        APP
        + "<Location /x>\nProxyPass balancer://app/\n</Location>\n"
        + f"<Location /x>\n{LINE}</Location>\n",
        APP + f'<FilesMatch jsp$>\nSetHandler "proxy:balancer://app/"\n{LINE}</FilesMatch>\n',
    ],
)
def test_the_cookie_that_httpd_issues_belongs_to_its_balancer(text):
    balancer = one(text)
    (line,) = balancer.cookies
    assert line.header.cookie.name == "R" and balancer.sticky_cookie is line
    assert len(balancer.sections) == 1


@pytest.mark.parametrize(
    "section",
    [
        f"<Location /admin>\n{LINE}</Location>\n",
        f"<LocationMatch ^/admin>\n{LINE}</LocationMatch>\n",
        f"<Location />\n<If true>\n{LINE}</If>\n</Location>\n",
        f"<Files index.php>\n{LINE}</Files>\n",
        f"<Proxy http://elsewhere/>\n{LINE}</Proxy>\n",
        f"<ProxyMatch ^balancer://other/>\n{LINE}</ProxyMatch>\n",
        f"<ProxyMatch balancer://app/[0-9]>\n{LINE}</ProxyMatch>\n",
        f"<Location balancer://app/>\n{LINE}</Location>\n",
        f"<Location>\n{LINE}</Location>\n",
        f"<Proxy balancer://app>\n<If true>\n{LINE}</If>\n</Proxy>\n",
        f"<Location /x>\nProxyPass balancer://app/\n{LINE}</Location>\n",
    ],
)
def test_a_cookie_of_a_part_of_the_requests_is_not_that_of_the_balancer(section):
    balancer = one(APP + section + "ProxyPass / balancer://app/\n")
    assert balancer.cookies == balancer.vhost.cookies == []
    assert balancer.sticky_cookie is None


@pytest.mark.parametrize(
    ("reference", "section"),
    [
        # Patterns, which match /other/x as well.
        ("ProxyPassMatch /x/ balancer://app/", "Location /x"),
        ("RewriteRule /x/ balancer://app/ [P]", "Location /x"),
        ("ProxyPass /x balancer://app/", "LocationMatch /x"),
        ("ProxyPass /x balancer://app/", "Location ~ /x"),
        # A folder, where nothing is sent on from.
        ("ProxyPass /x balancer://app/", "Directory /x"),
    ],
)
def test_a_section_that_may_not_hold_for_exactly_the_requests_of_a_balancer_issues_it_no_cookie(
    reference, section
):
    other = APP.replace("app", "other") + "ProxyPass /other balancer://other/\n"
    text = APP + other + f"{reference}\n<{section}>\n{LINE}</{section.split()[0]}>\n"
    assert [balancer.cookies for balancer in read(text).balancers] == [[], []]


def test_a_section_that_other_requests_may_meet_as_well_issues_no_cookie_of_one_balancer():
    text = f"<If true>\nSetHandler proxy:balancer://app/\n{LINE}</If>\nProxyPass /x balancer://other/\n"
    configuration = read(APP + APP.replace("app", "other") + text)
    assert [balancer.cookies for balancer in configuration.balancers] == [[], []]


def test_a_section_for_all_requests_of_two_balancers_issues_the_cookie_of_both():
    passes = "ProxyPass /x/a balancer://app/\nProxyPass /x/b balancer://other/\n"
    text = APP + APP.replace("app", "other") + passes + f"<Location /x>\n{LINE}</Location>\n"
    configuration = read(text)
    assert [balancer.cookies for balancer in configuration.balancers] == [[], []]
    assert len(configuration.main.cookies) == 1


def test_a_line_about_the_request_issues_no_cookie():
    line = "Request" + LINE
    assert one(APP.replace("</Proxy>", line + "</Proxy>")).cookies == []


def test_a_section_for_all_requests_of_one_balancer_issues_the_cookie_of_that_one():
    other = APP.replace("app", "other") + "ProxyPass / balancer://other/\n"
    text = APP + other + "ProxyPass /x balancer://app\n" + f"<Location /x>\n{LINE}</Location>\n"
    configuration = read(text)
    assert [len(balancer.cookies) for balancer in configuration.balancers] == [1, 0]
    assert configuration.main.cookies == []
    # The requests of other are a part of those.
    assert [len(b.cookies) for b in read(text.replace("/x b", "/x/y b")).balancers] == [0, 0]


def test_a_section_for_a_part_of_the_url_of_the_balancer_is_too_narrow():
    for section, holds in (("/", True), ("/*", True), ("", True), ("/admin/", False)):
        for parameter in ("", " timeout=3"):
            balancer = one(APP + f"<Proxy balancer://app{section}{parameter}>\n{LINE}</Proxy>\n")
            assert balancer.holds(balancer.cookies[0]) is holds


def test_a_cookie_outside_of_sections_belongs_to_all_balancers_of_the_server():
    configuration = read(LINE + APP + APP.replace("app", "other") + "ProxyPass / balancer://app/\n")
    assert [len(balancer.cookies) for balancer in configuration.balancers] == [0, 0]
    assert [line.place.line for line in configuration.main.cookies] == [1]
    for name in ("app", "other"):
        second = APP.replace("app", name)
        host = (
            f"<VirtualHost *:80>\n{APP}</VirtualHost>\n<VirtualHost *:81>\n{second}</VirtualHost>\n"
        )
        assert [len(v.cookies) for v in read(LINE + host).vhosts] == [1, 1, 1]


def test_the_cookie_of_a_server_belongs_to_the_one_balancer_that_gets_its_requests():
    host = "<VirtualHost *:{}>\n{}" + APP + "</VirtualHost>\n"
    for text in (LINE + host.format(80, ""), host.format(80, LINE) + host.format(81, LINE)):
        configuration = read(text)
        assert [len(balancer.cookies) for balancer in configuration.balancers] == [1] * (
            len(configuration.vhosts) - 1
        )
        assert [vhost.cookies for vhost in configuration.vhosts if vhost.cookies] == []


def test_the_cookies_of_the_main_server_come_before_those_of_a_virtual_host():
    host = APP + APP.replace("app", "other") + LINE + LINE.replace("R=", "S=")
    configuration = read(LINE + f"<VirtualHost *:80>\n{host}</VirtualHost>\n")
    names = [line.header.cookie.name for line in configuration.vhosts[1].cookies]
    assert names == ["R", "R", "S"]


def test_a_section_that_sets_a_parameter_is_one_of_its_balancer_whatever_else_it_says():
    for parameter, found in ((" timeout=3", 2), ("", 1)):
        text = APP + f"<Proxy balancer://app{parameter}>\nRequire ip 10.0.0.1\n</Proxy>\n"
        assert len(one(text).sections) == found


def test_the_section_of_a_cookie_is_spelled_as_the_requests_are():
    assert one(APP).section == "balancer://app/"
    balancer = one(
        APP
        + "SetHandler proxy:balancer://aPP/\nProxyPass /a Balancer://App\nProxyPass /b balancer://app/\n"
    )
    assert balancer.spellings == ["Balancer://App", "balancer://app"]
    assert balancer.section == "Balancer://App/"


def test_sections_may_be_nested_as_deep_as_anybody_likes():
    (balancer,) = read(
        "<Location /a>\n" * 3000
        + "BalancerMember balancer://app http://a:1\n"
        + "</Location>\n" * 3000
    ).balancers
    assert balancer.name == "app"


@pytest.mark.parametrize(
    "line",
    [
        "BalancerMember balancer://app http://a route=n1",
        "<Proxy balancer://app>\nBalancerMember http://a route=n1\n</Proxy>",
    ],
)
def test_a_member_may_stand_in_the_section_of_its_balancer_and_outside(line):
    (member,) = one(line + "\n").members.values()
    assert (member.url, member.values) == ("http://a", {"route": "n1"})


def test_parameters_may_stand_in_the_section_of_their_balancer_and_outside():
    for line in (
        "ProxySet balancer://app timeout=3\n",
        "<Proxy balancer://app>\nProxySet timeout=3\n</Proxy>\n",
    ):
        assert one(APP + line).values == {"timeout": 3}


@pytest.mark.parametrize(
    "line",
    [
        "BalancerMember",
        "BalancerMember http://a",
        "BalancerMember balancer://app",
        "ProxySet timeout=3",
        "ProxySet http://a timeout=3",
        "ProxyHCExpr",
        "ProxyHCExpr ok",
        "<Proxy>\n</Proxy>",
        "<Proxy http://a>\nProxySet timeout=3\n</Proxy>",
        "ProxyPass / http://a/",
    ],
)
def test_what_names_no_balancer_makes_none(line):
    configuration = read(line + "\n")
    assert configuration.main.balancers == {} and configuration.main.expressions == {}


def test_an_expression_may_stand_in_the_section_of_a_balancer():
    text = "<Proxy balancer://app>\nBalancerMember http://a\nProxyHCExpr ok {%{REQUEST_STATUS} =~ /^2/}\n</Proxy>\n"
    assert "ok" in read(text).main.expressions


@pytest.mark.parametrize(("value", "off"), [("On", False), ("off", True)])
def test_what_a_virtual_host_inherits_is_told(value, off):
    vhost = (
        f"<VirtualHost *:80>\nBalancerInherit {value}\nProxyPassInherit {value}\n</VirtualHost>\n"
    )
    assert read(vhost).vhosts[1].inherit_off == {"balancerinherit": off, "proxypassinherit": off}


def test_a_line_of_a_section_that_names_a_balancer_and_no_member_makes_none():
    text = (
        "<Proxy balancer://app>\nBalancerMember balancer://app\nBalancerMember http://a\n</Proxy>\n"
    )
    assert list(one(text).members) == ["http://a"]
