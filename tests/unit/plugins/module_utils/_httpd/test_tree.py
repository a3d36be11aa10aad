# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    MacroPosition,
    Node,
    from_document,
    from_dump,
)

DUMP = r"""Included configuration files:
  (*) /etc/httpd.conf
# In file: /etc/httpd.conf
#   3:
Listen 127.0.0.1:80
#  12:
<VirtualHost 127.0.0.1:80>
  # 13:
  ServerName a.test
# In file: /etc/conf.d/app.conf
  #   1:
  <Proxy "balancer://app" lbmethod=byrequests>
    #   3:
    BalancerMember "http://h:1" 	"route=n 1"
    #1004:
    <Limit >
  </Proxy>
# In file: /etc/httpd.conf
  #  20:
  <Proxy "balancer://empty">
</VirtualHost>
# In file: macro 'bal' (defined on line 1 of "/etc/m.conf") used on line 26 of "/etc/httpd.conf"
#   1:
# odd name
#   2:
<odd # too>
# In file: -c/-C directives
#   1:
UnsetEnv # In file: x
ServerRoot: "/etc"
# In file: /not/part/of/it
#   1:
Other
"""


def shape(nodes: list[Node]) -> list:
    return [(node.name, node.words, *([shape(node.children)] * node.is_section)) for node in nodes]


def resolved(text: str, **options: dict) -> list:
    return shape(from_document(Document.parse(text, "site.conf"), **options).children)


def test_a_dump_is_read_with_its_sections() -> None:
    assert shape(from_dump(DUMP).children) == [
        ("Listen", ["127.0.0.1:80"]),
        (
            "VirtualHost",
            ["127.0.0.1:80"],
            [
                ("ServerName", ["a.test"]),
                (
                    "Proxy",
                    ["balancer://app", "lbmethod=byrequests"],
                    [
                        ("BalancerMember", ["http://h:1", "route=n 1"]),
                        ("Limit", [], []),
                    ],
                ),
                ("Proxy", ["balancer://empty"], []),
            ],
        ),
        ("#", ["odd", "name"]),
        ("odd", ["#", "too"], []),
        ("UnsetEnv", ["#", "In", "file:", "x"]),
    ]


def test_a_dump_places_every_directive() -> None:
    places = [(node.file, node.line) for node in from_dump(DUMP).find("Proxy", "LIMIT", "listen")]
    assert places == [
        ("/etc/httpd.conf", 3),
        ("/etc/conf.d/app.conf", 1),
        ("/etc/conf.d/app.conf", 1004),
        ("/etc/httpd.conf", 20),
    ]


def test_output_without_a_dump_is_an_empty_tree() -> None:
    for text in ("", "Syntax OK\n", "Included configuration files:\n  (*) /etc/httpd.conf\n"):
        root = from_dump(text)
        assert (root.name, root.args, root.children, root.parent) == ("", "", [], None)
        assert root.is_section and root.line == 0


def test_the_arguments_of_a_section_end_before_its_last_bracket() -> None:
    dump = '# In file: /a\n#   1:\n<If "%{X} > 3" > # why\n#   2:\n<Else >\n'
    assert [node.args for node in from_dump(dump).children] == ['"%{X} > 3" ', ""]


def test_a_node_knows_its_parent() -> None:
    root = from_dump(DUMP)
    (limit,) = root.find("Limit")
    names = []
    node: Node | None = limit
    while node is not None:
        names.append(node.name)
        node = node.parent
    assert names == ["Limit", "Proxy", "VirtualHost", ""]


def test_a_walk_goes_through_a_section_before_what_follows_it() -> None:
    names = [node.name for node in from_dump(DUMP).walk()]
    assert names[:6] == [
        *("Listen", "VirtualHost", "ServerName", "Proxy", "BalancerMember", "Limit")
    ]


def test_a_node_shows_what_it_is() -> None:
    assert (
        repr(from_dump(DUMP).children[0]) == "Node('Listen', '127.0.0.1:80', '/etc/httpd.conf', 3)"
    )


def test_the_place_of_a_macro_is_read() -> None:
    text = (
        'macro \'bal\' (defined on line 18 of "/etc/m.conf") used on line 26 of "/etc/httpd.conf"'
    )
    assert MacroPosition.parse(text) == ("bal", "/etc/m.conf", 18, "/etc/httpd.conf", 26)


def test_a_macro_used_in_a_macro_names_both() -> None:
    outer = 'macro \'out\' (defined on line 5 of "/m.conf") used on line 9 of "/h.conf"'
    inner = f'macro \'in\' (defined on line 1 of "/m.conf") used on line 2 of "{outer}"'
    position = MacroPosition.parse(inner)
    assert position == ("in", "/m.conf", 1, outer, 2)
    assert MacroPosition.parse(position.used_file) == ("out", "/m.conf", 5, "/h.conf", 9)


@pytest.mark.parametrize("file", ["/etc/httpd.conf", "-c/-C directives", "", "macro 'x'"])
def test_a_file_name_is_no_macro(file: str) -> None:
    assert MacroPosition.parse(file) is None


def test_a_document_is_resolved_with_places_in_it() -> None:
    text = "# one\nName a \\\n  b\n<Proxy x>\n  Name c\n</Proxy>\n"
    root = from_document(Document.parse(text, "site.conf"))
    assert [(node.name, node.file, node.line) for node in root.walk()] == [
        ("Name", "site.conf", 3),
        ("Proxy", "site.conf", 4),
        ("Name", "site.conf", 5),
    ]
    assert root.children[0].args == "a   b"


@pytest.mark.parametrize(
    "wrapper", ["IfModule mod_x.c", "ifmodule !x", "IfVersion < 2", "IfFile /x", "IfSection Y"]
)
def test_wrappers_are_taken_as_true_and_vanish(wrapper: str) -> None:
    name = wrapper.split()[0]
    text = f"<Proxy x>\n<{wrapper}>\none\n<If y>\ntwo\n</If>\n</{name}>\nthree\n</Proxy>\n"
    assert resolved(text) == [
        ("Proxy", ["x"], [("one", []), ("If", ["y"], [("two", [])]), ("three", [])])
    ]


def test_ifdefine_is_decided_by_what_is_known() -> None:
    text = "<IfDefine A>\none\n</IfDefine>\n<IfDefine !A>\ntwo\n</IfDefine>\n"
    assert resolved(text) == [("two", [])]
    assert resolved(text, defines={"A": ""}) == [("one", [])]
    assert resolved(text, defines={"a": "1"}) == [("two", [])]
    assert resolved("Define A\n" + text)[1:] == [("one", [])]
    assert resolved("Define A 1\n" + text)[1:] == [("one", [])]
    assert resolved("UnDefine A\n" + text, defines={"A": "1"})[1:] == [("two", [])]


@pytest.mark.parametrize("name", ["Alias", "ServerName", "Use"])
def test_no_other_directive_defines_or_undefines(name: str) -> None:
    text = f"{name} A\n<IfDefine A>\none\n</IfDefine>\n<IfDefine !A>\ntwo\n</IfDefine>\n"
    assert resolved(text)[1:] == [("two", [])]
    assert resolved("Define A\n" + text)[2:] == [("one", [])]


def test_a_line_after_a_section_stands_outside_of_it() -> None:
    expected = [("A", [], [("one", [])]), ("two", [])]
    assert resolved("<A>\none\n</A>\ntwo\n") == expected
    assert resolved("\n" * 300 + "<A>\none\n</A>\ntwo\n") == expected


def test_nothing_below_a_false_ifdefine_is_read() -> None:
    text = "<IfDefine A>\n<IfModule x>\nDefine B 1\n</IfModule>\n</IfDefine>\none ${B}\n"
    assert resolved(text) == [("one", ["${B}"])]


def test_variables_are_replaced_before_words_are_cut() -> None:
    text = "one ${a}\n<Proxy ${A}>\n</Proxy>\n#${A}\n"
    assert resolved(text, defines={"A": "x y"}) == [("one", ["x", "y"]), ("Proxy", ["x", "y"], [])]


def test_a_variable_has_the_value_of_the_last_define() -> None:
    text = 'one ${A}\nDefine a 2\none ${A}\nDefine A\nDefine A ""\none ${A}\nUndefine A\none ${A}\n'
    found = [node for node in resolved(text, defines={"A": "1"}) if node[0] == "one"]
    assert found == [("one", ["1"]), ("one", ["2"]), ("one", ["2"]), ("one", ["${A}"])]


def test_the_defines_given_are_left_alone() -> None:
    defines = {"A": "1"}
    resolved("Define B 2\nUnDefine A\n", defines=defines)
    assert defines == {"A": "1"}


def test_macro_definitions_are_left_out_and_their_use_stays() -> None:
    text = "<Macro M $x>\n<Proxy $x>\n</Proxy>\n</Macro>\nUse M app\n"
    assert resolved(text) == [("Use", ["M", "app"])]


def test_an_empty_document_is_an_empty_tree() -> None:
    assert resolved("") == []
