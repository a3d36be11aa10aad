# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import codec
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.author import (
    Author,
    NotEditable,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.model import (
    Configuration,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.plan import (
    Declaration,
    plan,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    Node,
    from_document,
)

PATH = "/etc/httpd/site.conf"

SEED = """\
# The shop, behind two Tomcats
<VirtualHost *:80>
    ServerName   shop.example.com
    ProxyPreserveHost On

    <Proxy "balancer://shop">
        # the old machine
        BalancerMember  http://192.168.0.11:8080   route=node1
        BalancerMember  http://192.168.0.12:8080   route=node2
        ProxySet  lbmethod=byrequests   stickysession=JSESSIONID
    </Proxy>

    ProxyPass        "/"  "balancer://shop/"
    ProxyPassReverse "/"  "balancer://shop/"
</VirtualHost>
"""
NODES = [
    {"url": "http://192.168.0.11:8080", "route": "node1"},
    {"url": "http://192.168.0.12:8080", "route": "node2"},
]


def read(text):
    return codec.read(from_document(Document.parse(text, PATH)))


def the_balancer(text):
    (balancer,) = read(text).balancers
    return balancer


def written(text, **declared):
    """The text after the only balancer in it was made what is declared."""
    return written_of(text, the_balancer(text).name, **declared)


def written_of(text, name, **declared):
    """The text after the balancer *name* in it was made what is declared."""

    def the_one(text):
        (balancer,) = (balancer for balancer in read(text).balancers if balancer.name == name)
        return balancer

    balancer = the_one(text)
    # As modules get it: read from JSON.
    declaration = Declaration(name, **json.loads(json.dumps(declared)))
    author = Author(lambda path: Document.parse(text, path))
    author.apply(balancer, plan(balancer, declaration))
    new = author.texts().get(PATH, text)
    assert plan(the_one(new), declaration) == []
    return new


def difference(before, after):
    """The lines that went and the lines that came."""
    old, new = before.split("\n"), after.split("\n")
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_what_is_declared_already_changes_nothing():
    assert written(SEED, members=NODES, proxy_set={"lbmethod": "byrequests"}) == SEED


def test_a_third_member_is_exactly_one_new_line_laid_out_like_its_neighbours():
    after = written(SEED, members=[*NODES, {"url": "http://192.168.0.13:8080", "route": "node3"}])
    went, came = difference(SEED, after)
    assert went == []
    assert came == ["        BalancerMember  http://192.168.0.13:8080   route=node3"]
    assert after.index("node2") < after.index("node3") < after.index("ProxySet")


def test_a_changed_parameter_is_one_changed_word():
    after = written(SEED, proxy_set={"stickysession": "JSESSIONID|jsessionid"})
    assert after == SEED.replace("stickysession=JSESSIONID", "stickysession=JSESSIONID|jsessionid")


def test_a_member_that_is_not_declared_goes_with_its_line():
    after = written(SEED, members=NODES[1:])
    assert difference(SEED, after) == (
        ["        BalancerMember  http://192.168.0.11:8080   route=node1"],
        [],
    )


def test_all_members_can_be_replaced_at_once():
    after = written(SEED, members=[{"url": "http://192.168.0.21", "route": "new"}])
    assert "        BalancerMember  http://192.168.0.21   route=new\n" in after
    assert "node1" not in after and "node2" not in after


def test_a_new_parameter_of_a_member_is_added_to_its_line():
    after = written(SEED, members=[{**NODES[0], "retry": 5}, NODES[1]])
    assert after == SEED.replace("route=node1", "route=node1   retry=5")


def test_a_new_parameter_of_the_balancer_is_added_to_its_proxyset():
    after = written(SEED, proxy_set={"timeout": 3})
    assert after == SEED.replace("stickysession=JSESSIONID", "stickysession=JSESSIONID   timeout=3")


def test_proxyset_lines_with_one_word_each_get_another_such_line():
    text = SEED.replace(
        "ProxySet  lbmethod=byrequests   stickysession=JSESSIONID",
        "ProxySet  lbmethod=byrequests\n        ProxySet  stickysession=JSESSIONID",
    )
    after = written(text, proxy_set={"timeout": 3})
    assert difference(text, after) == ([], ["        ProxySet  timeout=3"])


@pytest.mark.parametrize(
    ("sets", "after"),
    [
        (["growth=2"], ["growth=2 timeout=3"]),
        (["growth=2", ""], ["growth=2", "timeout=3 "]),
        (
            ["growth=2 nofailover=On", "lbmethod=x"],
            ["growth=2 nofailover=On", "lbmethod=x timeout=3"],
        ),
        (["growth=2", "lbmethod=x", "nonce=y"], ["growth=2", "lbmethod=x", "nonce=y", "timeout=3"]),
        (
            ["growth=2", "lbmethod=x nofailover=On", "nonce=y"],
            ["growth=2", "lbmethod=x nofailover=On", "nonce=y timeout=3"],
        ),
    ],
)
def test_a_new_parameter_of_the_balancer_stands_last_and_as_the_others_do(sets, after):
    def text(sets):
        lines = "".join(f"    ProxySet {words}\n" for words in sets)
        return f"<Proxy balancer://app>\n{lines}    BalancerMember http://a:1\n</Proxy>\n"

    assert written(text(sets), proxy_set={"timeout": 3}, purge=[]) == text(after)


def test_a_new_parameter_of_the_balancer_depends_on_no_condition():
    text = (
        "# A long file\n" * 300
        + "<Proxy balancer://app>\n    BalancerMember http://a:1\n"
        + "    <IfModule mod_x.c>\n        ProxySet growth=2\n    </IfModule>\n"
        + "    Require all granted\n</Proxy>\n"
    )
    after = written(text, proxy_set={"timeout": 3})
    assert after == text.replace("</Proxy>", "    ProxySet timeout=3\n</Proxy>")
    again = written(after, proxy_set={"nofailover": True})
    assert again == after.replace("timeout=3", "timeout=3 nofailover=On")


def test_of_a_parameter_that_a_line_sets_twice_the_last_one_counts():
    text = (
        "<Proxy balancer://app>\n    BalancerMember http://a:1 retry=3 route=x retry=4\n"
        "    ProxySet timeout=5 growth=2 timeout=6\n</Proxy>\n"
    )
    after = written(text, members=[{"url": "http://a:1", "retry": 7}], proxy_set={"timeout": 8})
    assert after == text.replace("retry=4", "retry=7").replace("timeout=6", "timeout=8")
    gone = written(text, reset=["retry", "timeout"])
    assert gone == (
        "<Proxy balancer://app>\n    BalancerMember http://a:1 route=x\n"
        "    ProxySet growth=2\n</Proxy>\n"
    )


def test_a_reset_parameter_goes_and_an_empty_proxyset_goes_with_it():
    after = written(SEED, reset=["lbmethod"])
    assert after == SEED.replace("  lbmethod=byrequests", "")
    after = written(after, reset=["stickysession"])
    assert "ProxySet" not in after


def test_a_reset_member_parameter_goes_from_all_members():
    after = written(SEED, reset=["route"])
    assert after == SEED.replace("   route=node1", "").replace("   route=node2", "")


def test_purged_parameters_go_except_the_status():
    text = SEED.replace("route=node1", "route=node1 retry=5 status=+D")
    after = written(text, members=NODES, proxy_set={"lbmethod": "byrequests"}, purge=["parameters"])
    assert "retry" not in after and "stickysession" not in after
    assert "route=node1 status=+D" in after


def test_an_empty_status_is_cleared_and_an_omitted_one_is_left():
    text = SEED.replace("route=node1", "route=node1 status=+D")
    assert written(text, members=NODES) == text
    assert written(text, members=[{**NODES[0], "status": []}, NODES[1]]) == SEED


def test_a_status_and_what_is_zero_are_written():
    numbers = {"lbset": 0, "retry": 0, "keepalive": False}
    values = {**numbers, "status": ["disabled", "drained"], "upgrade": ""}
    words = "status=+DN lbset=0 retry=0 keepalive=Off upgrade="
    text = "<Proxy balancer://app>\n    BalancerMember http://a:1\n</Proxy>\n"
    after = written(text, members=[{"url": "http://a:1", **values}])
    assert sorted(after.split("\n")[1].split()[2:]) == sorted(words.split())
    more = {"url": "http://b:1", **values}
    after = written(
        text, members=[{"url": "http://a:1"}, more, {"url": "http://c:1", "status": []}]
    )
    assert difference(text, after)[1] == [
        f"    BalancerMember http://b:1 {words}",
        "    BalancerMember http://c:1",
    ]


def test_an_argument_on_the_section_line_is_changed_there():
    text = SEED.replace('"balancer://shop">', '"balancer://shop" timeout=3>').replace(
        "lbmethod=byrequests", "lbmethod=byrequests timeout=9"
    )
    assert the_balancer(text).values["timeout"] == 3
    assert written(text, proxy_set={"timeout": 4}) == text.replace("timeout=3", "timeout=4")


def test_a_parameter_on_proxypass_is_changed_there():
    text = SEED.replace(
        '"/"  "balancer://shop/"\n    ProxyPassR',
        '"/"  "balancer://shop/" timeout=3\n    ProxyPassR',
    )
    assert written(text, proxy_set={"timeout": 4}) == text.replace("timeout=3", "timeout=4")


def test_members_outside_of_sections_are_changed_where_they_stand():
    text = "<Proxy balancer://app>\n</Proxy>\nBalancerMember balancer://app http://a route=x\n"
    after = written(
        text, members=[{"url": "http://a", "route": "y"}, {"url": "http://b", "route": "z"}]
    )
    assert after == (
        "<Proxy balancer://app>\n</Proxy>\nBalancerMember balancer://app http://a route=y\n"
        "BalancerMember balancer://app http://b route=z\n"
    )


def test_a_member_inside_a_wrapper_is_changed_there_and_a_new_one_stands_outside_of_it():
    text = (
        "<Proxy balancer://app>\n  BalancerMember http://a route=a\n  <IfModule mod_proxy.c>\n"
        "    BalancerMember http://b route=b\n  </IfModule>\n</Proxy>\n"
    )
    members = [{"url": f"http://{name}", "route": name} for name in "abc"]
    members[1]["lbset"] = 1
    assert written(text, members=members) == (
        "<Proxy balancer://app>\n  BalancerMember http://a route=a\n  BalancerMember http://c route=c\n"
        "  <IfModule mod_proxy.c>\n    BalancerMember http://b route=b lbset=1\n  </IfModule>\n</Proxy>\n"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("BalancerMember balancer://app http://a\nBalancerMember balancer://app http://c\n", 2),
        ("<Proxy balancer://app>\n</Proxy>\n<Proxy balancer://app/x>\n</Proxy>\n", 1),
        ("BalancerMember balancer://app balancer://other\n", 1),
    ],
)
def test_a_new_member_stands_after_the_last_one_else_in_the_first_section(text, line):
    after = written(text, members=[{"url": "http://b"}], purge=[])
    inside = text.startswith("<Proxy")
    came = "    BalancerMember http://b" if inside else "BalancerMember balancer://app http://b"
    lines = text.split("\n")
    assert after == "\n".join([*lines[:line], came, *lines[line:]])


def test_several_sections_of_one_balancer_are_each_changed_where_they_stand():
    text = (
        "<Proxy balancer://app>\n  BalancerMember http://a route=a\n</Proxy>\n"
        "<Proxy balancer://APP/>\n  BalancerMember http://b route=b\n</Proxy>\n"
    )
    members = [{"url": "http://a", "route": "a1"}, {"url": "http://b", "route": "b1"}]
    assert written(text, members=members) == text.replace("route=a", "route=a1").replace(
        "route=b", "route=b1"
    )


def test_a_continued_line_stays_continued():
    text = "<Proxy balancer://app>\n  BalancerMember http://a \\\n     route=a \\\n     retry=3\n</Proxy>\n"
    after = written(text, members=[{"url": "http://a", "route": "b"}])
    assert after == text.replace("route=a", "route=b")


@pytest.mark.parametrize("value", ["node1", "!1"])
def test_a_value_from_a_variable_is_not_overwritten(value):
    text = (
        f"Define R {value}\n<Proxy balancer://app>\n"
        "  BalancerMember http://a route=${R}\n</Proxy>\n"
    )
    assert the_balancer(text).members["http://a"].values == {"route": value}
    with pytest.raises(NotEditable, match=r"site\.conf:3: route is set here through a variable"):
        written(text, members=[{"url": "http://a", "route": "node2"}])


def test_line_ends_and_tabs_are_those_of_the_file():
    text = SEED.replace("        B", "\t\tB").replace("\n", "\r\n")
    after = written(text, members=[*NODES, {"url": "http://192.168.0.13:8080", "route": "node3"}])
    assert "\r\n\t\tBalancerMember  http://192.168.0.13:8080   route=node3\r\n" in after
    assert after.count("\n") == after.count("\r\n")


def test_enablereuse_and_disablereuse_are_one_setting():
    text = "<Proxy balancer://app>\n  BalancerMember http://a route=a disablereuse=On\n</Proxy>\n"
    after = written(text, members=[{"url": "http://a", "enablereuse": True}])
    assert after == text.replace("disablereuse=On", "enablereuse=On")


def test_a_line_with_its_parameters_before_the_url_is_changed_in_place():
    text = (
        "<Proxy balancer://a>\n    BalancerMember route=n1 loadfactor=3 http://h:8080\n</Proxy>\n"
    )
    member = {"url": "http://h:8080", "loadfactor": 4}
    assert written(text, members=[member]) == text.replace("=3", "=4")
    assert written(text, members=[member], reset=["route"]) == text.replace(
        "route=n1 ", ""
    ).replace("=3", "=4")
    outside = "BalancerMember route=n1 balancer://a http://h:8080\n"
    new = written(outside, members=[{"url": "http://h:8080"}, {"url": "http://h:8081"}])
    assert new == outside + "BalancerMember balancer://a http://h:8081\n"


def test_another_socket_of_a_member_is_written():
    text = "<Proxy balancer://app>\n  BalancerMember unix:/run/a.sock|http://a/ route=b\n</Proxy>\n"
    after = written(text, members=[{"url": "unix:/run/c.sock|http://a/", "route": "b"}])
    assert after == text.replace("a.sock", "c.sock")


def test_lines_that_httpd_merges_with_another_member_go_with_those_not_declared():
    text = (
        "<Proxy balancer://app>\n  BalancerMember http://a:80 route=a\n  BalancerMember http://a:80 route=x\n"
        "  BalancerMember http://b\n  BalancerMember http://b/\n</Proxy>\n"
    )
    after = written(text, members=[{"url": "http://a:80", "route": "a"}])
    assert after == "<Proxy balancer://app>\n  BalancerMember http://a:80 route=a\n</Proxy>\n"


def created(text, vhost=None, **declared):
    author = Author(lambda path: Document.parse(text, path))
    place = read(text).named(vhost)[0].place if vhost else None
    declaration = Declaration("new", **declared)
    author.create(PATH, plan(None, declaration), "new", place)
    after = author.texts()[PATH]
    (balancer,) = [b for b in read(after).balancers if b.name == "new"]
    assert plan(balancer, declaration) == []
    return after


def test_a_new_balancer_in_an_empty_file_is_the_whole_file():
    assert created(
        "", members=[{"url": "http://a", "route": "a"}], proxy_set={"stickysession": "S"}
    ) == (
        '<Proxy "balancer://new">\n    BalancerMember http://a route=a\n    ProxySet stickysession=S\n</Proxy>\n'
    )


def test_a_member_is_written_as_it_was_declared():
    text = created("", members=[{"url": "AJP://Node1:8009"}])
    assert "BalancerMember AJP://Node1:8009\n" in text


def test_a_new_balancer_follows_what_is_there_after_an_empty_line():
    assert created("Listen 80", members=[{"url": "http://a"}]).startswith("Listen 80\n\n<Proxy ")


def test_a_new_balancer_in_a_virtual_host_stands_before_what_refers_to_it():
    text = '<VirtualHost *:80>\n\tServerName a\n\tProxyPass "/" "balancer://new/"\n</VirtualHost>\n'
    assert created(text, vhost="a", members=[{"url": "http://a"}]) == (
        '<VirtualHost *:80>\n\tServerName a\n\t<Proxy "balancer://new">\n\t    BalancerMember http://a\n'
        '\t</Proxy>\n\n\tProxyPass "/" "balancer://new/"\n</VirtualHost>\n'
    )


@pytest.mark.parametrize("end", ["\n", " \n", "\n\n"])
def test_a_new_balancer_follows_an_empty_line_that_is_there(end):
    text = f"Listen 80\n{end}"
    assert created(text, members=[{"url": "http://a"}]).startswith(f"{text}<Proxy ")


def test_a_new_balancer_in_a_virtual_host_stands_outside_of_other_sections():
    text = (
        "# A long file\n" * 300
        + "<VirtualHost *:80>\n    ServerName a\n    <Location />\n"
        + "        ProxyPass balancer://new/\n    </Location>\n"
    )
    after = created(text + "</VirtualHost>\n", vhost="a", members=[{"url": "http://a"}])
    assert after.startswith(text + '    <Proxy "balancer://new">\n')


def test_removing_a_balancer_removes_its_sections_and_nothing_else():
    author = Author(lambda path: Document.parse(SEED, path))
    author.remove(the_balancer(SEED))
    start, stop = SEED.index("    <Proxy"), SEED.index("</Proxy>\n") + len("</Proxy>\n")
    assert author.texts()[PATH] == SEED[:start] + SEED[stop:]


def test_removing_a_balancer_removes_what_feeds_it_from_outside():
    text = (
        "<Proxy balancer://app>\n</Proxy>\nBalancerMember balancer://app http://a\n"
        "ProxySet balancer://app timeout=3\nListen 80\n"
    )
    author = Author(lambda path: Document.parse(text, path))
    author.remove(the_balancer(text))
    assert author.texts()[PATH] == "Listen 80\n"


def test_ten_thousand_members_are_planned_and_written_with_effort_that_grows_linearly():
    counts = []
    for size in (1000, 2000):
        lines = [
            f"BalancerMember http://10.0.{i // 250}.{i % 250}:80{i % 10} route=r{i}"
            for i in range(size)
        ]
        text = "<Proxy balancer://app>\n" + "\n".join(lines) + "\n</Proxy>\n"
        members = [
            {
                "url": f"http://10.0.{i // 250}.{i % 250}:80{i % 10}",
                "route": f"r{i}",
                "lbset": i % 7 or None,
            }
            for i in range(size)
        ]
        counts.append(calls(lambda text=text, members=members: written(text, members=members)))
    assert counts[1] < 2.2 * counts[0]


def calls(work):
    """The number of Python function calls *work* makes: a measure that no busy machine disturbs."""
    import sys

    number = 0

    def count(frame, event, argument):
        nonlocal number
        number += event == "call"

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return number


ROUTE = "%{BALANCER_WORKER_ROUTE}e"
COOKIE = f"""\
    <Proxy "balancer://shop/">
        Header add Set-Cookie "ROUTEID_SHOP=.{ROUTE}; Path=/; HttpOnly; SameSite=Lax" env=BALANCER_ROUTE_CHANGED
    </Proxy>
"""
PLAIN = SEED.replace("   stickysession=JSESSIONID", "")
STICKY = PLAIN.replace("lbmethod=byrequests", "lbmethod=byrequests  stickysession=ROUTEID_SHOP")
WITH_COOKIE = STICKY.replace("    </Proxy>\n", "    </Proxy>\n" + COOKIE)


class TestACookie:
    def test_gets_a_section_of_its_own_right_after_the_balancer(self):
        assert written(PLAIN, sticky_cookie={}) == WITH_COOKIE

    def test_that_is_declared_already_changes_nothing(self):
        assert written(WITH_COOKIE, sticky_cookie={}) == WITH_COOKIE
        assert written(WITH_COOKIE, members=NODES) == WITH_COOKIE

    def test_goes_with_what_came_with_it(self):
        assert written(WITH_COOKIE, reset=["sticky_cookie"]) == PLAIN

    def test_is_gone_without_a_trace_in_the_url_parameter_that_somebody_declared(self):
        text = WITH_COOKIE.replace("session=ROUTEID_SHOP", "session=ROUTEID_SHOP|sid")
        after = written(text, reset=["sticky_cookie"])
        assert after == text.replace(COOKIE, "")

    def test_section_is_spelled_as_the_requests_spell_it(self):
        text = PLAIN.replace('"/"  "balancer://shop/"', '"/"  "balancer://Shop/"')
        after = written(text, sticky_cookie={})
        assert '    <Proxy "balancer://Shop/">\n' in after

    def test_section_that_is_spelled_otherwise_is_put_right(self):
        text = WITH_COOKIE.replace('<Proxy "balancer://shop/">', '<Proxy "balancer://SHOP/">')
        assert written(text, sticky_cookie={}) == WITH_COOKIE

    def test_section_stays_where_it_is_and_with_its_layout(self):
        section = COOKIE.replace("        Header ", "\tHeader   ")
        text = STICKY.replace("</VirtualHost>", section + "</VirtualHost>")
        misspelled = text.replace('"balancer://shop/">', '"balancer://SHOP/">')
        assert written(misspelled, sticky_cookie={}) == text

    def test_section_keeps_what_else_it_says(self):
        text = WITH_COOKIE.replace('"balancer://shop/">', '"balancer://shop/" timeout=3>')
        gone = text.replace(COOKIE.split("\n")[1] + "\n", "").replace(
            "  stickysession=ROUTEID_SHOP", ""
        )
        assert written(text, reset=["sticky_cookie"]) == gone

    def test_comes_after_the_last_section_of_the_balancer(self):
        more = "    <Proxy balancer://shop>\n        ProxySet growth=2\n    </Proxy>\n"
        text = PLAIN.replace("</VirtualHost>", more + "</VirtualHost>")
        after = written(text, sticky_cookie={})
        assert more.replace("growth=2", "growth=2 stickysession=ROUTEID_SHOP") + COOKIE in after

    VALUE = f"ROUTEID_SHOP=.{ROUTE}; Path=/; HttpOnly; SameSite=Lax"

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            (f"ADD Set-Cookie ROUTEID_SHOP=.{ROUTE}", f'ADD Set-Cookie "{VALUE}"'),
            (
                f"Set set-cookie: 'ROUTEID_SHOP=.{ROUTE};samesite=LAX;path=/ ;HTTPOnly'",
                f"add set-cookie: 'ROUTEID_SHOP=.{ROUTE};samesite=LAX;path=/ ;HTTPOnly'",
            ),
            (f"Always add Set-Cookie '{VALUE}'", f"add Set-Cookie '{VALUE}'"),
            (
                f"OnSuccess add Set-Cookie 'ROUTEID_SHOP=.{ROUTE}'",
                f"OnSuccess add Set-Cookie '{VALUE}'",
            ),
        ],
    )
    def test_changes_only_the_words_that_differ(self, line, words):
        within = '    <Proxy "balancer://shop">\n        Header {} env=Balancer_Route_Changed\n'
        text, after = (
            STICKY.replace('    <Proxy "balancer://shop">\n', within.format(each))
            for each in (line, words)
        )
        assert written(text, sticky_cookie={}) == after

    @pytest.mark.parametrize(
        ("names", "kept"),
        [
            ("ROUTEID_SHOP A", 0),
            ("ROUTEID_SHOP Z", 0),
            ("A ROUTEID_SHOP Z", 1),
            ("ROUTEID_SHOP ROUTEID_SHOP A", 1),
            ("A Z B", 2),
        ],
    )
    def test_is_that_of_the_last_line_with_its_name_else_of_the_last_line(self, names, kept):
        before = '    <Proxy "balancer://shop">\n'
        lines = [
            f'        {directive} add Set-Cookie "{self.VALUE}" env=BALANCER_ROUTE_CHANGED\n'
            for directive in ("Header", "header", "HEADER")
        ]
        issued = [line.replace("ROUTEID_SHOP", name) for line, name in zip(lines, names.split())]
        text = STICKY.replace(before, before + "".join(issued))
        assert written(text, sticky_cookie={}) == STICKY.replace(before, before + lines[kept])

    def test_takes_stickysession_along_when_its_name_changes(self):
        text = WITH_COOKIE.replace("session=ROUTEID_SHOP", "session=ROUTEID_SHOP|sid")
        after = written(text, sticky_cookie={"name": "R"})
        assert after == text.replace("ROUTEID_SHOP", "R")

    @pytest.mark.parametrize(
        "line",
        [
            f"Header set Set-Cookie 'ROUTEID_SHOP=.{ROUTE}; Path=/; HttpOnly; SameSite=Lax' env=BALANCER_ROUTE_CHANGED",
            f"header  Always  Append  set-cookie  'ROUTEID_SHOP=.{ROUTE}'   env=OTHER",
            f"Header onsuccess merge Set-Cookie ROUTEID_SHOP=.{ROUTE};path=/x",
        ],
    )
    @pytest.mark.parametrize("outside", [True, False])
    def test_line_that_somebody_wrote_is_put_right_where_it_stands(self, line, outside):
        before = '    <Proxy "balancer://shop">\n'
        within = before + f"        {line}\n"
        text = STICKY.replace(before, f"    {line}\n{before}" if outside else within)
        after = written(text, sticky_cookie={})
        went, came = difference(text, after)
        assert len(went) == len(came) == 1
        assert "ROUTEID_SHOP=." + ROUTE + "; Path=/; HttpOnly; SameSite=Lax" in came[0]
        assert "always" not in came[0].lower()

    def test_in_a_section_that_reaches_another_balancer_moves_to_its_own(self):
        other = "    <Proxy balancer://shop-admin>\n    </Proxy>\n</VirtualHost>\n"
        line = COOKIE.split("\n")[1] + "\n"
        text = STICKY.replace(
            '    <Proxy "balancer://shop">\n', '    <Proxy "balancer://shop">\n' + line
        )
        after = written_of(text.replace("</VirtualHost>\n", other), "shop", sticky_cookie={})
        assert after == WITH_COOKIE.replace("</VirtualHost>\n", other)

    @pytest.mark.parametrize("section", ["Location /admin", "Files index.php"])
    def test_of_a_part_of_the_requests_stays_beside_it(self, section):
        line = COOKIE.split("\n")[1] + "\n"
        part = f"    <{section}>\n{line}    </{section.split()[0]}>\n</VirtualHost>\n"
        text = PLAIN.replace("</VirtualHost>\n", part)
        after = written(text, sticky_cookie={})
        assert after == WITH_COOKIE.replace("</VirtualHost>\n", part)
        assert written(after, reset=["sticky_cookie"]) == text

    def test_in_a_section_for_a_part_of_the_url_is_put_right(self):
        text = WITH_COOKIE.replace('<Proxy "balancer://shop/">', '<Proxy "balancer://shop/a/">')
        assert written(text, sticky_cookie={}) == WITH_COOKIE

    def test_is_written_once_where_two_lines_issue_one(self):
        text = WITH_COOKIE.replace(COOKIE, COOKIE.replace("ROUTEID_SHOP", "OLD") + COOKIE)
        assert written(text, sticky_cookie={}) == WITH_COOKIE

    def test_of_a_file_that_is_included_twice_is_changed_once(self):
        root = from_document(Document.parse(WITH_COOKIE, PATH))
        (server,) = (node for node in root.children if node.is_section)
        server.children *= 2
        (balancer,) = codec.read(root).balancers
        assert plan(balancer, Declaration("shop", sticky_cookie={})) == []
        author = Author(lambda path: Document.parse(WITH_COOKIE, path))
        author.apply(balancer, plan(balancer, Declaration("shop", sticky_cookie={"path": "/a"})))
        assert author.texts() == {PATH: WITH_COOKIE.replace("Path=/;", "Path=/a;")}

    def test_has_the_separator_of_the_balancer(self):
        for separator, before in (("!", "=!%{"), ("Off", "=%{")):
            after = written(
                PLAIN, sticky_cookie={}, proxy_set={"stickysessionsep": separator}, purge=[]
            )
            assert "ROUTEID_SHOP" + before in after

    @pytest.mark.parametrize(
        ("value", "from_it"),
        [("X", "ROUTEID_SHOP"), (f"'X=.{ROUTE}'", f"ROUTEID_SHOP=.{ROUTE}; Path=/; HttpOnly")],
    )
    def test_that_comes_from_a_variable_is_not_touched(self, value, from_it):
        text = f"Define ROUTE_COOKIE {value}\n" + WITH_COOKIE.replace(
            f'"{from_it}', '"${ROUTE_COOKIE}'
        )
        with pytest.raises(NotEditable, match="variable"):
            written(text, sticky_cookie={}, proxy_set={"stickysession": "ROUTEID_SHOP"}, purge=[])

    def test_goes_with_the_balancer(self):
        author = Author(lambda path: Document.parse(WITH_COOKIE, path))
        author.remove(the_balancer(WITH_COOKIE))
        assert "Proxy " not in author.texts()[PATH] and "Header" not in author.texts()[PATH]

    def test_goes_with_the_balancer_alone_where_its_section_says_more(self):
        more = COOKIE.replace("    </Proxy>", "        Require all granted\n    </Proxy>")
        text = WITH_COOKIE.replace(COOKIE, more)
        author = Author(lambda path: Document.parse(text, path))
        author.remove(the_balancer(text))
        assert more in author.texts()[PATH]

    def test_comes_with_a_new_balancer(self):
        declaration = Declaration("shop", NODES, sticky_cookie={})
        author = Author(lambda path: Document.parse("", path))
        author.create(PATH, plan(None, declaration), "shop", None)
        assert author.texts()[PATH] == (
            '<Proxy "balancer://shop">\n'
            "    BalancerMember http://192.168.0.11:8080 route=node1\n"
            "    BalancerMember http://192.168.0.12:8080 route=node2\n"
            "    ProxySet stickysession=ROUTEID_SHOP\n"
            "</Proxy>\n"
            + COOKIE.replace("        ", "----").replace("    ", "").replace("----", "    ")
        )


class TestAHealthCheck:
    CHECKED = PLAIN.replace("route=node1", "route=node1   hcmethod=GET   hcuri=/up").replace(
        "route=node2", "route=node2   hcmethod=GET   hcuri=/up"
    )
    JUDGED = CHECKED.replace("hcuri=/up", "hcuri=/up   hcexpr=hc_shop").replace(
        '    <Proxy "balancer',
        '    ProxyHCExpr hc_shop "%{REQUEST_STATUS} -eq 200"\n    <Proxy "balancer',
    )

    def test_is_made_of_members_that_are_not_declared(self):
        assert written(PLAIN, health_check={"uri": "/up"}) == self.CHECKED

    def test_is_made_of_members_that_are_declared(self):
        after = written(PLAIN, members=NODES, health_check={"uri": "/up"})
        assert after == self.CHECKED

    def test_of_a_member_itself_goes_before_that_of_all(self):
        members = [{**NODES[0], "hcuri": "/own"}, NODES[1]]
        after = written(PLAIN, members=members, health_check={"uri": "/up"})
        assert after == self.CHECKED.replace("hcuri=/up", "hcuri=/own", 1)

    def test_that_expects_something_has_an_expression_before_the_members(self):
        declared = {"uri": "/up", "expect_status": ["200"]}
        assert written(PLAIN, health_check=declared) == self.JUDGED
        assert written(self.JUDGED, health_check=declared) == self.JUDGED

    def test_expression_stands_before_a_member_that_stands_before_the_section(self):
        text = "BalancerMember balancer://app http://a:1\n<Proxy balancer://app>\n</Proxy>\n"
        after = written(text, health_check={"expect_status": ["200"]})
        assert after.startswith("ProxyHCExpr hc_app ")

    @pytest.mark.parametrize("names", ["ab", "ba"])
    def test_expression_stands_in_the_file_of_the_first_section(self, names):
        first, second = (f"/etc/httpd/{name}.conf" for name in names)
        texts = {
            first: "Listen 80\n<Proxy balancer://app>\n</Proxy>\n",
            second: "BalancerMember balancer://app http://a:1\n",
        }
        root = Node.root()
        for path, text in texts.items():
            root.children += from_document(Document.parse(text, path)).children
        (balancer,) = codec.read(root).balancers
        author = Author(lambda path: Document.parse(texts[path], path))
        changes = plan(balancer, Declaration("app", health_check={"expect_status": ["200"]}))
        author.apply(balancer, changes)
        assert author.texts()[first].startswith("Listen 80\nProxyHCExpr hc_app ")

    def test_changes_the_words_of_its_expression(self):
        after = written(self.JUDGED, health_check={"uri": "/up", "expect_status": ["204"]})
        assert after == self.JUDGED.replace("-eq 200", "-eq 204")

    def test_that_expects_nothing_any_more_has_none(self):
        assert written(self.JUDGED, health_check={"uri": "/up"}) == self.CHECKED

    def test_goes_without_a_trace(self):
        assert written(self.JUDGED, reset=["health_check"]) == PLAIN

    def test_goes_with_its_balancer(self):
        author = Author(lambda path: Document.parse(self.JUDGED, path))
        author.remove(the_balancer(self.JUDGED))
        assert "hc_shop" not in author.texts()[PATH]

    def test_that_another_balancer_has_a_use_for_stays(self):
        other = "    <Proxy balancer://b>\n        BalancerMember http://b hcexpr=hc_shop\n    </Proxy>\n</VirtualHost>"
        text = self.JUDGED.replace("</VirtualHost>", other)
        author = Author(lambda path: Document.parse(text, path))
        author.remove(next(b for b in read(text).balancers if b.name == "shop"))
        assert "ProxyHCExpr hc_shop" in author.texts()[PATH]

    def test_is_made_of_a_new_member_too(self):
        more = {"url": "http://192.168.0.13:8080", "route": "node3"}
        after = written(self.CHECKED, members=[*NODES, more], health_check={"uri": "/up"})
        assert "192.168.0.13:8080   route=node3   hcmethod=GET   hcuri=/up\n" in after

    def test_comes_with_a_new_balancer(self):
        declaration = Declaration("shop", NODES, health_check={"expect_status": ["200"]})
        author = Author(lambda path: Document.parse("", path))
        author.create(PATH, plan(None, declaration), "shop", None)
        assert author.texts()[PATH].split("\n")[:3] == [
            'ProxyHCExpr hc_shop "%{REQUEST_STATUS} -eq 200"',
            '<Proxy "balancer://shop">',
            "    BalancerMember http://192.168.0.11:8080 route=node1 hcmethod=GET hcuri=/ hcexpr=hc_shop",
        ]

    TEMPLATE = PLAIN.replace("route=node1", "route=node1   hcfails=9   hctemplate=t")

    def test_takes_the_place_of_a_template(self):
        assert written(self.TEMPLATE, health_check={"uri": "/up"}) == self.CHECKED

    def test_goes_with_the_template_it_came_from_and_what_that_overrides(self):
        assert written(self.TEMPLATE, reset=["health_check"]) == PLAIN
        assert written(self.TEMPLATE, reset=["hctemplate"]) == PLAIN

    def test_template_goes_with_what_it_overrides_and_no_more(self):
        words = "hcuri=/x   hctemplate=t   hcfails=2   hctemplate=u"
        text = PLAIN.replace("route=node1", f"{words}   route=node1   hcpasses=3")
        after = written(text, reset=["hctemplate"])
        assert after == PLAIN.replace("route=node1", "route=node1   hcpasses=3")

    def test_of_a_template_is_left_to_the_member_that_declares_it(self):
        members = [{**NODES[0], "hctemplate": "t"}, NODES[1]]
        text = self.CHECKED.replace("hcmethod=GET   hcuri=/up", "hctemplate=t", 1)
        assert written(PLAIN, members=members, health_check={"uri": "/up"}) == text
        assert written(self.CHECKED, members=members, health_check={"uri": "/up"}) == text

    @pytest.mark.parametrize(("name", "value"), [("hcfails", 8), ("hcuri", "/new")])
    def test_parameter_is_written_behind_the_template_of_its_line(self, name, value):
        text = self.TEMPLATE.replace("hcfails=9", f"{name}=7")
        members = [{"url": NODES[0]["url"], name: value}]
        after = written(text, members=members, purge=[])
        assert after == text.replace(f"{name}=7   hctemplate=t", f"hctemplate=t   {name}={value}")

    def test_template_is_written_before_the_parameters_of_its_line(self):
        text = PLAIN.replace("route=node1", "route=node1   hcmethod=GET   hcfails=9")
        members = [{"url": NODES[0]["url"], "hctemplate": "t", "hcfails": 8}]
        assert written(text, members=members, purge=[]) == PLAIN.replace(
            "route=node1", "route=node1   hctemplate=t   hcmethod=GET   hcfails=8"
        )

    def test_template_of_a_new_member_stands_before_its_parameters(self):
        more = {"url": "http://192.168.0.13:8080", "hcfails": 2, "hctemplate": "t"}
        after = written(PLAIN, members=[*NODES, {**more, "route": "node3"}])
        assert "192.168.0.13:8080   route=node3   hctemplate=t   hcfails=2\n" in after

    @pytest.mark.parametrize("written_so", ["{%{REQUEST_STATUS} -eq 200}", '"${WELL}"'])
    def test_expression_in_braces_or_from_a_variable_is_not_ours(self, written_so):
        text = "Define WELL '! %{REQUEST_STATUS} -ge 300'\n" + self.JUDGED.replace(
            '"%{REQUEST_STATUS} -eq 200"', written_so
        )
        with pytest.raises(
            NotEditable, match="hc_shop is not in quotes here, or comes from a variable"
        ):
            written(text, health_check={"uri": "/up", "expect_status": ["204"]})


def test_a_balancer_without_members_gets_them_after_the_line_that_opens_it():
    text = "<Proxy balancer://app>\n    ProxySet timeout=3\n</Proxy>\n"
    after = written(text, members=[{"url": "http://a:1", "route": "n1"}, {"url": "http://b:1"}])
    assert after == text.replace(
        "    ProxySet",
        "    BalancerMember http://a:1 route=n1\n    BalancerMember http://b:1\n    ProxySet",
    )


def test_no_member_is_written_like_one_whose_balancer_is_spelled_with_a_control_character():
    text = "BalancerMember balancer://app/\x08 http://a:1\n"
    with pytest.raises(NotEditable, match=r"site\.conf:1: .* control character"):
        written(text, members=[{"url": "http://a:1"}, {"url": "http://b:1"}])


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"proxy_set": {"timeout": 3}}, "there is no <Proxy> section"),
        ({"members": [{"url": "http://b:1"}]}, "there is no <Proxy> section"),
        ({"sticky_cookie": {}}, "this comes from a macro or the command line; there is no place"),
    ],
)
@pytest.mark.parametrize("servers", [1, 2])
def test_what_a_macro_or_the_command_line_says_is_left_to_who_wrote_it(declared, message, servers):
    text = (
        "BalancerMember balancer://app http://a:1\n"
        "ProxySet balancer://app stickysession=ROUTEID_APP\n"
    )
    root = Node.root()
    for number in range(servers):
        server = Node("VirtualHost", f"*:{80 + number}", "/f", 1, True, root)
        tree = from_document(Document.parse(text, "Macro pool on line 1 of /f"))
        server.children = tree.children
    configuration = codec.read(root)
    author = Author(lambda path: Document.parse(text, path), configuration)
    balancer = next(configuration.balancers)
    declaration = Declaration("app", purge=[], **declared)
    with pytest.raises(NotEditable) as refusal:
        author.apply(balancer, plan(balancer, declaration))
    assert str(refusal.value).startswith(f"Macro pool on line 1 of /f:1: {message}")
    assert author.texts() == {}


def test_a_balancer_without_a_proxyset_gets_one_at_the_end_of_its_section():
    text = "<Proxy balancer://app>\n    BalancerMember http://a:1\n</Proxy>\n"
    assert written(text, proxy_set={"timeout": 3}) == text.replace(
        "</Proxy>", "    ProxySet timeout=3\n</Proxy>"
    )


def test_a_balancer_without_a_section_gets_its_cookie_after_its_last_member():
    members = (
        "BalancerMember balancer://app http://a:1 route=a\n"
        "BalancerMember balancer://app http://b:1 route=b\n"
    )
    set_ = "ProxySet balancer://app stickysession=R\n"
    after = written(members + set_, sticky_cookie={"name": "R"})
    assert after.startswith(members + '<Proxy "balancer://app/">\n')
    assert after.endswith("</Proxy>\n" + set_)


class TestLinesOfSeveralBalancers:
    TEXT = (
        "<Proxy balancer://app>\n    BalancerMember http://a:1 route=a\n    ProxySet timeout=5\n"
        "</Proxy>\n"
    )

    def shared(self, *more, before=""):
        """The configuration of two virtual hosts that read the text, and what each has beside it; and its author.
        *before*: what the first one reads before the text."""
        root = Node.root()
        for number, text in enumerate(more):
            server = Node("VirtualHost", f"*:{80 + number}", "/etc/httpd/sites.conf", 1, True, root)
            own = from_document(Document.parse(text, f"/etc/httpd/{number}.conf"))
            both = from_document(Document.parse(self.TEXT, PATH))
            ahead = from_document(
                Document.parse("" if number else before, "/etc/httpd/before.conf")
            )
            server.children += [*ahead.children, *both.children, *own.children]
        configuration = codec.read(root)
        texts = {PATH: self.TEXT, "/etc/httpd/before.conf": before}
        texts.update({f"/etc/httpd/{n}.conf": text for n, text in enumerate(more)})
        author = Author(lambda path: Document.parse(texts[path], path), configuration)
        return list(configuration.balancers), author

    def test_are_known_with_these(self):
        balancers, dummy = self.shared("", "ProxyPass / balancer://app/ timeout=6\n")
        configuration = Configuration([balancer.vhost for balancer in balancers])
        shared = configuration.shared()
        assert {place.line for place in shared} == {1, 2, 3}
        assert all(readers == balancers for readers in shared.values())

    def test_are_edited_once_and_told_once(self):
        balancers, author = self.shared("", "")
        declared = Declaration(
            "app", [{"url": "http://a:1", "timeout": 3}, {"url": "http://b:1"}], {"timeout": 7}
        )
        changes = plan(balancers[0], declared)
        told = [author.apply(b, plan(b, declared), balancers) for b in balancers]
        (text,) = author.texts().values()
        assert told == [changes, []]
        assert text == self.TEXT.replace("route=a", "route=a timeout=3").replace(
            "    ProxySet timeout=5", "    BalancerMember http://b:1\n    ProxySet timeout=7"
        )

    def test_are_told_with_what_changes_in_a_file_of_its_own(self):
        own = "<Proxy balancer://app>\n    BalancerMember http://b:1\n</Proxy>\n"
        balancers, author = self.shared(own, own)
        members = [{"url": "http://a:1", "retry": 3}, {"url": "http://b:1", "retry": 4}]
        changes = plan(balancers[0], Declaration("app", members, purge=[]))
        told = [author.apply(balancer, changes, balancers) for balancer in balancers]
        assert told == [changes, changes[1:]]

    def test_are_not_changed_for_one_of_them(self):
        (first, second), author = self.shared("", "")
        author.apply(first, plan(first, Declaration("app", proxy_set={"timeout": 7})))
        with pytest.raises(NotEditable, match=":3: .*balancer://app of [*]:80, .* of [*]:81"):
            author.texts()

    def test_are_not_removed_where_httpd_drops_them_for_one_of_them(self):
        before = "<Proxy balancer://app>\n    BalancerMember http://a:1 route=a\n</Proxy>\n"
        (first, second), author = self.shared("", "", before=before)
        author.apply(first, plan(first, Declaration("app", [{"url": "http://a:1"}])))
        with pytest.raises(NotEditable, match=":2: .*balancer://app of [*]:80, .* of [*]:81"):
            author.texts()

    def test_go_with_all_of_them_which_is_told_once(self):
        cookie = f'Header add Set-Cookie "R=.{ROUTE}" env=BALANCER_ROUTE_CHANGED'
        self.TEXT = (
            'ProxyHCExpr hc_app "%{REQUEST_STATUS} -eq 200"\n'
            + self.TEXT.replace("</Proxy>", "    BalancerMember http://a:1\n</Proxy>")
            + f"<Proxy balancer://app/>\n    {cookie}\n</Proxy>\n"
            + "BalancerMember balancer://app http://b:1 hcexpr=hc_app\nListen 80\n"
        )
        balancers, author = self.shared("", "")
        told = [author.remove(balancer, balancers) for balancer in balancers]
        assert [len(changes) for changes in told] == [1, 0]
        assert author.texts() == {PATH: "Listen 80\n"}

    def test_are_changed_if_each_one_asks_for_the_same(self):
        balancers, author = self.shared("", "")
        for balancer in balancers:
            author.apply(balancer, plan(balancer, Declaration("app", proxy_set={"timeout": 7})))
        assert author.texts() == {PATH: self.TEXT.replace("timeout=5", "timeout=7")}

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"proxy_set": {"timeout": 7}}, {"proxy_set": {"timeout": 8}}),
            ({"proxy_set": {"growth": 2}, "purge": []}, {"proxy_set": {"growth": 3}, "purge": []}),
            ({"absent": ["http://a:1"]}, {"members": [{"url": "http://a:1", "retry": 1}]}),
            (
                {"members": [{"url": "http://b:1"}], "purge": []},
                {"members": [{"url": "http://b:1", "retry": 1}], "purge": []},
            ),
        ],
    )
    def test_do_not_become_two_things(self, one, other):
        (first, second), author = self.shared("", "")
        author.apply(first, plan(first, Declaration("app", **one)))
        with pytest.raises(NotEditable, match="in different ways"):
            author.apply(second, plan(second, Declaration("app", **other)))

    def test_stay_where_one_of_them_goes(self):
        body = "<Proxy balancer://app>\nProxySet nofailover=On\n</Proxy>\n"
        (first, second), author = self.shared(body, "")
        first.sections = [place for place in first.sections if place.file != PATH]
        author.remove(first)
        assert author.texts() == {"/etc/httpd/0.conf": ""}

    def test_take_what_is_added_for_all_of_them(self):
        own = "<Proxy balancer://app>\nBalancerMember http://c:1\n</Proxy>\n"
        balancers, author = self.shared(own, "")
        added = {"growth": 2, "maxattempts": 1}
        declared = Declaration("app", [{"url": "http://b:1"}], added, purge=[])
        for balancer in balancers:
            author.apply(balancer, plan(balancer, declared), balancers)
        (text,) = author.texts().values()
        assert text == self.TEXT.replace(
            "route=a\n", "route=a\n    BalancerMember http://b:1\n"
        ).replace("timeout=5", "timeout=5 growth=2 maxattempts=1")

    def test_take_a_new_member_beside_the_last_one_that_depends_on_no_condition(self):
        wrapped = (
            "    <IfModule mod_x.c>\n        BalancerMember http://c:1 route=c\n    </IfModule>\n"
        )
        text = self.TEXT.replace("    ProxySet", f"{wrapped}    ProxySet")
        self.TEXT = text
        balancers, author = self.shared("", "")
        declared = Declaration("app", [{"url": "http://b:1"}], purge=[])
        for balancer in balancers:
            author.apply(balancer, plan(balancer, declared), balancers)
        new = "    BalancerMember http://b:1\n"
        assert author.texts() == {PATH: text.replace(wrapped, new + wrapped)}

    def test_take_nothing_that_is_added_for_one_of_them(self):
        own = "<Proxy balancer://app>\nBalancerMember http://c:1\n</Proxy>\n"
        (first, second), author = self.shared(own, "")
        declared = Declaration("app", [{"url": "http://b:1"}], {"growth": 2}, purge=[])
        author.apply(first, plan(first, declared))
        assert list(author.texts()) == ["/etc/httpd/0.conf"]
