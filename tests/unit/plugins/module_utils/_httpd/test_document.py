# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.errors import (
    NotText,
    SyntaxProblem,
)

NESTED = """\
# comment
<VirtualHost *:80>
    ServerName a.test
    <Proxy "balancer://app">
        BalancerMember http://h:1 \\
            route=a
        <IfModule mod_proxy.c>
            ProxySet nofailover=On
        </IfModule>
    </Proxy>
    ProxyPass / balancer://app/
</VirtualHost>
Listen 80
"""


def test_a_physical_line_is_found_in_its_logical_line() -> None:
    document = Document.parse(NESTED)
    assert document.index_at(1) == 0
    assert document.index_at(5) == 4
    assert document.index_at(6) == 4
    assert document.index_at(7) == 5
    assert document.index_at(13) == 11


@pytest.mark.parametrize("number", [-1, 0, 14])
def test_a_line_that_is_not_there_is_an_error(number: int) -> None:
    with pytest.raises(IndexError, match=f"no line {number} in site.conf"):
        Document.parse(NESTED, "site.conf").index_at(number)


def test_no_line_is_found_in_an_empty_document() -> None:
    with pytest.raises(IndexError):
        Document.parse("").index_at(1)


def test_the_line_that_httpd_counts_after_a_last_continuation_is_found() -> None:
    document = Document.parse("one\ntwo \\\n")
    assert document.index_at(3) == 1


def test_each_section_knows_the_line_that_closes_it() -> None:
    document = Document.parse(NESTED)
    assert document.sections() == [1, 3, 5]
    assert [document.closing(index) for index in document.sections()] == [10, 8, 7]


@pytest.mark.parametrize("index", [0, 2, 8, 99])
def test_only_a_section_has_a_closing_line(index: int) -> None:
    with pytest.raises(KeyError):
        Document.parse(NESTED).closing(index)


def test_each_line_knows_the_innermost_section_around_it() -> None:
    document = Document.parse(NESTED)
    parents = [document.parent(index) for index in range(len(document.lines))]
    #       #     VHost Name Proxy BM If Set /If /Proxy Pass /VHost Listen
    assert parents == [None, None, 1, 1, 3, 3, 5, 3, 1, 1, None, None]


def test_siblings_have_the_same_parent() -> None:
    document = Document.parse("<A>\n<B>\n</B>\n<C>\none\n</C>\ntwo\n</A>\n<D>\n</D>\nthree\n")
    parents = [document.parent(index) for index in range(len(document.lines))]
    assert parents == [None, 0, 0, 0, 3, 0, 0, None, None, None, None]


def test_names_of_sections_match_in_any_case() -> None:
    assert Document.parse("<PROXY x>\n</pROXY>\n").closing(0) == 1


def test_sections_in_comments_do_not_count() -> None:
    document = Document.parse("# <Proxy x>\n#</Location>\n  # one \\\n<Proxy x>\n")
    assert document.sections() == []


def test_a_continuation_may_hide_a_section() -> None:
    document = Document.parse("one \\\n<Proxy x>\n\\\n<Location /x>\n\\\n</Location>\n")
    assert document.sections() == [1]
    assert document.closing(1) == 2


def test_a_bracket_within_a_line_opens_nothing() -> None:
    document = Document.parse('LogFormat "%<s %>s" x\n\'Name\' <b>\n"Name" </b>\n')
    assert document.sections() == []


def test_a_line_that_httpd_ignores_closes_nothing() -> None:
    document = Document.parse('<A>\n"" </B>\n"" </A>\n</A>\n')
    assert document.closing(0) == 3


@pytest.mark.parametrize("name", ["Macro M $x", "Perl", "LuaHookFixups name early"])
def test_a_free_body_may_open_and_close_what_it_likes(name: str) -> None:
    word = name.split()[0]
    document = Document.parse(
        f"<{name}>\n</Proxy>\n<Location /x>\n<Files y>\n</Files>\n</{word}>\n<A>\n</A>\none\n"
    )
    assert document.closing(0) == 5
    assert document.closing(3) == 4
    assert document.closing(6) == 7
    # The section that is left open in there ends with the body.
    assert document.sections() == [0, 3, 6]
    assert document.parent(8) is None
    assert document.parent(4) == 0


def test_a_free_body_does_not_close_what_stands_around_it() -> None:
    document = Document.parse("<A>\n<Macro M>\n</A>\n</Macro>\n</A>\n")
    assert (document.closing(0), document.closing(1)) == (4, 3)


def test_a_macro_within_a_macro_does_not_close_what_stands_around_it() -> None:
    document = Document.parse("<Macro M>\n<A>\n<Macro N>\n</A>\n</Macro>\n</A>\n</Macro>\n")
    assert [document.closing(index) for index in (0, 1, 2)] == [6, 5, 4]


def test_macros_nest() -> None:
    document = Document.parse("<Macro M>\n<Macro N>\n<X>\n</Macro>\n<Y>\n</Macro>\n")
    assert (document.closing(0), document.closing(1)) == (5, 3)


@pytest.mark.parametrize(
    "text, place",
    [
        ("one\n  <A>\n", (2, 3)),
        ("one \\\n two\n<A>\n \\\n\t</B>\n</A>\n", (5, 2)),
        ("one\n<A>\n \\\n\t</B>\n</A>\n", (4, 2)),
        ("<A>\n<B>\n</A>\n", (3, 1)),
        ("é\u2028ü\n\t\t</A>\n", (2, 3)),
    ],
)
def test_a_problem_is_placed_where_its_line_starts(text: str, place: tuple[int, int]) -> None:
    with pytest.raises(SyntaxProblem) as caught:
        Document.parse(text, "site.conf")
    assert caught.value.path == "site.conf"
    assert (caught.value.line, caught.value.column) == place


def test_the_innermost_section_left_open_is_named() -> None:
    with pytest.raises(SyntaxProblem, match="2:1: <B> was not closed"):
        Document.parse("<A>\n<B>\n")


def test_of_macros_left_open_the_outermost_is_named() -> None:
    with pytest.raises(SyntaxProblem, match="2:1: <Macro> was not closed"):
        Document.parse("<A>\n<Macro M>\n<Macro N>\n<B>\n")


def test_a_nul_byte_is_placed_too() -> None:
    with pytest.raises(NotText) as caught:
        Document.parse("one\ntwo\0\n", "site.conf")
    assert (caught.value.line, caught.value.column) == (2, 4)


@pytest.mark.parametrize(
    "text, newline",
    [
        ("", "\n"),
        ("one", "\n"),
        ("one\n", "\n"),
        ("one\r\n", "\r\n"),
        ("one\r\ntwo\r\nthree\n", "\r\n"),
        ("one\r\ntwo\n", "\n"),
        ("one\rtwo\n", "\n"),
    ],
)
def test_the_line_end_that_prevails_is_known(text: str, newline: str) -> None:
    assert Document.parse(text).newline == newline


def test_lines_are_found_by_name() -> None:
    text = (
        "BalancerMember one\n"
        "  balancermember two\n"
        "BalancerMembers three\n"
        "# BalancerMember four\n"
        "<BalancerMember five>\n"
        "</BalancerMember>\n"
        '"BalancerMember" six\n'
        "'balancerMember' seven\n"
        "Balancer\\\nMember eight\n"
        "\\\n BalancerMember nine\n"
        "Other BalancerMember ten\n"
        "BalancerMember\n"
        "ProxySet eleven\n"
    )
    found = list(Document.parse(text).named("BALANCERMEMBER", "proxyset"))
    assert [index for index, _found in found] == [0, 1, 4, 6, 7, 8, 9, 11, 12]
    assert [line.words[0].text if line.words else "" for _index, line in found] == [
        *("one", "two", "five", "six", "seven", "eight", "nine", "", "eleven")
    ]


def test_a_name_is_no_pattern() -> None:
    assert list(Document.parse("Axb\n").named("A.b")) == []


def test_no_name_finds_nothing() -> None:
    assert list(Document.parse("one\n\n").named()) == []
