# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
from typing import Any, Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.lexer import (
    Line,
    Statement,
    Word,
    finished,
    is_finished,
    joined,
    logical_lines,
    quoted,
    split_words,
    statement,
    word_texts,
)

# Everything that means something to httpd, and a few things that do not.
NASTY = st.text(
    st.sampled_from("ab =/<>#\\\"'\t\r\n\v\f\x1c\x85\u00a0\u2028é\udce9${}"), max_size=30
)

no_deadline = settings(deadline=None)


def raws(text: str) -> list[str]:
    return [line.raw for line in logical_lines(text)]


def texts(raw: str) -> list[str]:
    return [word.text for word in statement(raw).words]


# Lines


def test_each_line_keeps_its_end_and_has_its_number() -> None:
    assert logical_lines("one\ntwo\r\n\nfour") == [
        Line("one\n", 1, 1),
        Line("two\r\n", 2, 2),
        Line("\n", 3, 3),
        Line("four", 4, 4),
    ]


def test_an_empty_text_has_no_lines() -> None:
    assert logical_lines("") == []


@pytest.mark.parametrize(
    "text",
    [
        "one \\\ntwo\nthree\n",
        "one \\\r\ntwo\nthree\n",
        "one\\\\\ntwo\nthree\n",
        "\\\ntwo\nthree\n",
        "# one \\\ntwo\nthree\n",
        "  # one\\\ntwo\nthree\n",
        "one '\\\ntwo\nthree\n",
    ],
)
def test_a_backslash_before_the_line_end_continues_whatever_stands_before_it(text: str) -> None:
    lines = logical_lines(text)
    assert [(line.first, line.last) for line in lines] == [(1, 2), (3, 3)]
    assert lines[1].raw == "three\n"


@pytest.mark.parametrize("text", ["one \\ \ntwo\n", "one \\\r\r\ntwo\n", "one \\\t\ntwo\n"])
def test_anything_between_backslash_and_line_end_prevents_a_continuation(text: str) -> None:
    assert len(logical_lines(text)) == 2


def test_so_it_does_in_a_line_that_is_continued_already() -> None:
    assert raws("one \\\ntwo \\\t\nthree\n") == ["one \\\ntwo \\\t\n", "three\n"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_second_backslash_continues_through_an_empty_line(end: str) -> None:
    assert raws(f"one \\\\{end}{end}two{end}three{end}") == [
        f"one \\\\{end}{end}two{end}",
        f"three{end}",
    ]
    assert len(raws(f"one \\{end}{end}two{end}")) == 2


def test_each_further_backslash_continues_through_one_more_empty_line() -> None:
    assert len(raws("one \\\\\\\\\n\n\n\ntwo\nthree\n")) == 2


def test_a_carriage_return_left_by_the_line_before_does_not_hide_its_backslash() -> None:
    # Joined so far: "one \" CR, then a line with nothing but a continuation.
    assert raws("one \\\\\r\\\n\ntwo\nthree\n") == ["one \\\\\r\\\n\ntwo\n", "three\n"]


def test_a_text_may_end_within_its_last_line() -> None:
    assert logical_lines("one \\\ntwo") == [Line("one \\\ntwo", 1, 2)]


def test_a_continuation_before_the_end_of_the_text_counts_the_line_that_is_not_there() -> None:
    assert logical_lines("one\ntwo \\\n") == [Line("one\n", 1, 1), Line("two \\\n", 2, 3)]


def test_a_second_backslash_at_the_end_of_a_long_text_counts_no_further_line() -> None:
    raw = "o" * 300 + "\\\\\n"
    assert logical_lines(raw) == [Line(raw, 1, 2)]


def test_a_backslash_at_the_end_of_the_text_continues_nothing() -> None:
    assert logical_lines("one\\") == [Line("one\\", 1, 1)]


@pytest.mark.parametrize("character", "\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")
def test_only_a_line_feed_ends_a_line(character: str) -> None:
    assert len(logical_lines(f"one{character}two")) == 1


@no_deadline
@given(NASTY)
@example("a \\\\\n\n")
def test_the_lines_of_any_text_join_to_that_text(text: str) -> None:
    assert "".join(raws(text)) == text


@no_deadline
@given(NASTY)
def test_a_logical_line_stays_one_when_it_is_cut_out(text: str) -> None:
    for raw in raws(text):
        assert raws(raw) == [raw]


@no_deadline
@given(NASTY)
def test_every_line_but_the_last_is_finished(text: str) -> None:
    assert all(is_finished(raw) for raw in raws(text)[:-1])


@no_deadline
@given(NASTY, st.sampled_from(["\n", "\r\n"]))
@example("a \\", "\n")
@example("a \\\r", "\n")
@example("a \\\\\n", "\r\n")
@example("a \\\n", "\n")
def test_a_finished_text_says_the_same_and_lets_another_line_follow(
    text: str, newline: str
) -> None:
    complete = finished(text, newline)
    assert complete.startswith(text)
    assert raws(complete + "next")[-1] == "next"
    was = [joined(raw) for raw in raws(text)]
    assert [joined(raw) for raw in raws(complete)] == was


def test_a_finished_text_is_left_alone() -> None:
    assert finished("one\n", "\r\n") == "one\n"


# Statements


@pytest.mark.parametrize(
    "raw", ["", "\n", " \t\r\n", "\v\f", "\\\n", " \\\n \\\r\n\n", " " * 300 + "\n"]
)
def test_white_space_and_continuations_alone_are_a_blank_line(raw: str) -> None:
    found = statement(raw)
    assert found == Statement("blank", "", [])
    assert (found.start, found.end) == (0, 0)


@pytest.mark.parametrize("raw", ['"" one\n', "''\n"])
def test_a_line_that_starts_with_an_empty_word_means_nothing(raw: str) -> None:
    assert statement(raw).kind == "blank"


@pytest.mark.parametrize("raw", ["# one", "#", " \t#one\r\n", "\\\n#one\n", "#\\\n<Proxy x>\n"])
def test_a_line_is_a_comment_if_a_hash_comes_first(raw: str) -> None:
    found = statement(raw)
    assert (found.kind, found.name, found.words) == ("comment", "", [])


def test_a_hash_elsewhere_is_part_of_a_word() -> None:
    assert texts("Name one # two#three '#four'\n") == ["one", "#", "two#three", "#four"]


def test_a_directive_has_a_name_and_words() -> None:
    raw = '  BalancerMember\t"http://h:1" route=a ttl=3  \r\n'
    found = statement(raw)
    assert (found.kind, found.name, found.problem) == ("directive", "BalancerMember", "")
    assert found.words == [
        Word("http://h:1", 17, 29, '"'),
        Word("route=a", 30, 37, ""),
        Word("ttl=3", 38, 43, ""),
    ]
    assert found.args == '"http://h:1" route=a ttl=3'
    assert (found.start, found.name_end, found.end) == (2, 16, 43)


def test_a_directive_may_have_no_words() -> None:
    found = statement(" Name \n")
    assert (found.kind, found.name, found.words, found.args) == ("directive", "Name", [], "")
    assert (found.start, found.end) == (1, 5)


@pytest.mark.parametrize("raw", ["Name>", "Name> one", '"Name" one', "'Name'one", 'Na\\\nme "one"'])
def test_a_name_is_read_like_a_word_and_loses_a_bracket(raw: str) -> None:
    assert statement(raw).name == "Name"


@pytest.mark.parametrize(
    "raw, name",
    [
        ("<RequireAll>", "<RequireAll"),
        (f"<{'N' * 300}>", f"<{'N' * 300}"),
        ("Name>", "Name"),
        ('"<RequireAll>"', '"<RequireAll>"'),
        ("<Location> /x>", "<Location>"),
        ("</Location>", "</Location>"),
    ],
)
def test_another_word_may_stand_where_a_name_ends(raw: str, name: str) -> None:
    assert raw[: statement(raw).name_end] == name


@pytest.mark.parametrize(
    "raw, name, words",
    [
        ("<Proxy balancer://app>\n", "Proxy", ["balancer://app"]),
        ('<Proxy "balancer://app" a=b>\n', "Proxy", ["balancer://app", "a=b"]),
        ("<proxy balancer://app >\n", "proxy", ["balancer://app"]),
        ("<Proxy balancer://app> # why\n", "Proxy", ["balancer://app"]),
        ("<Proxy balancer://app> # w>hy\n", "Proxy", ["balancer://app>", "#", "w"]),
        ('<Location "/a>b">\n', "Location", ["/a>b"]),
        ('<If "%{X} > 3">\n', "If", ["%{X} > 3"]),
        ('<Location "/x>\n', "Location", ["/x"]),
        ("<RequireAll>\n", "RequireAll", []),
        ("<RequireAll >\n", "RequireAll", []),
        ("<RequireAll\n", "RequireAll", []),
        ("<-x>\n", "-x", []),
        (f"<{'N' * 300}>\n", "N" * 300, []),
        ('"<RequireAll>"\n', "RequireAll", []),
        ("<Location> /x>\n", "Location", ["/x"]),
        ("<Loca\\\ntion \\\n  /x\\\n>\n", "Location", ["/x"]),
    ],
)
def test_a_section_has_words_up_to_its_last_bracket(raw: str, name: str, words: list[str]) -> None:
    found = statement(raw)
    assert (found.kind, found.name, found.problem) == ("open", name, "")
    assert [word.text for word in found.words] == words


@pytest.mark.parametrize("raw", ["</Proxy>", "\t</Proxy> why\n", '"</Proxy>"', "</Pro\\\nxy>\n"])
def test_a_closing_line_has_a_name_only(raw: str) -> None:
    found = statement(raw)
    assert (found.kind, found.name, found.words, found.problem) == ("close", "Proxy", [], "")


@pytest.mark.parametrize(
    "raw, kind, problem",
    [
        ("<Location /x\n", "open", "<Location> directive missing closing '>'"),
        ("<Location> /x\n", "open", "<Location> directive missing closing '>'"),
        ("< Location /x>\n", "open", "a section needs a name directly after '<'"),
        ("<>\n", "open", "a section needs a name directly after '<'"),
        ("<\n", "open", "a section needs a name directly after '<'"),
        ("</Location\n", "close", "</Location> directive missing closing '>'"),
        ("</Location >\n", "close", "</Location> directive missing closing '>'"),
        ("</>\n", "close", "a section needs a name directly after '</'"),
        ("</ Location>\n", "close", "a section needs a name directly after '</'"),
    ],
)
def test_a_malformed_section_line_says_what_is_wrong(raw: str, kind: str, problem: str) -> None:
    found = statement(raw)
    assert (found.kind, found.problem) == (kind, problem)


def test_a_section_line_that_lacks_its_bracket_has_its_name_all_the_same() -> None:
    for raw in ("<Location /x\n", "</Location\n"):
        assert statement(raw).name == "Location"


def test_places_are_those_of_the_raw_line_where_it_is_continued() -> None:
    raw = ' \\\n  Na\\\nme \\\r\n\t"a\\\nb" cd \\\n\n'
    found = statement(raw)
    assert raw[found.start : found.name_end] == "Na\\\nme"
    assert [raw[word.start : word.end] for word in found.words] == ['"a\\\nb"', "cd"]
    assert [word.text for word in found.words] == ["ab", "cd"]


@no_deadline
@given(NASTY)
def test_a_statement_is_found_in_any_line_and_its_parts_lie_in_order(text: str) -> None:
    for raw in raws(text):
        found = statement(raw)
        place = found.start
        assert place <= found.name_end <= len(raw) or found.kind == "comment"
        for word in found.words:
            assert found.name_end <= word.start
            assert place <= word.start < word.end <= len(raw)
            place = word.end


def test_a_line_is_joined_and_trimmed_as_httpd_sees_it() -> None:
    assert joined("\v\f Name  o\\\nne \\\r\n\ttwo \x1c \v\f\r\n") == "Name  one \ttwo \x1c"
    assert statement("Name one \v\f\r\n").args == "one"
    # No line follows that would take the other backslash.
    assert joined("o" * 300 + "\\\\\n") == "o" * 300 + "\\"


# Words


@pytest.mark.parametrize(
    "args, expected",
    [
        ("", []),
        (" \t ", []),
        ("one two\tthree\v\ffour\rfive", ["one", "two", "three", "four", "five"]),
        ("\"one two\" 'three four'", ["one two", "three four"]),
        ("\"'\" '\"'", ["'", '"']),
        ("\"\" ''", ["", ""]),
        (r'"a\"b" ' + r"'a\'b'", ['a"b', "a'b"]),
        (r'"a\'b" ' + r"'a\"b'", [r"a\'b", r"a\"b"]),
        (r'"a\\b" "a\b" a\\b a\b a\\\b', ["a\\b", "a\\b", "a\\b", "a\\b", "a\\\\b"]),
        (r"a\"b", [r"a\"b"]),
        ('route="n 1"', ['route="n', '1"']),
        ('"route"=n1', ["route", "=n1"]),
        ("'a''b'c\"d", ["a", "b", 'c"d']),
        ('"one two', ["one two"]),
        ('"one\\"', ['one"']),
        ('"one\\', ["one\\"]),
        ("one\\", ["one\\"]),
        ("one\x1ctwo\x85three\u00a0four\u2003five", ["one\x1ctwo\x85three\u00a0four\u2003five"]),
        ("\udce9 é", ["\udce9", "é"]),
        ("${A b}", ["${A", "b}"]),
    ],
)
def test_words_are_cut_as_httpd_cuts_them(args: str, expected: list[str]) -> None:
    assert [word.text for word in split_words(args)] == expected
    assert texts("Name " + args) == expected


@no_deadline
@given(NASTY)
def test_the_texts_of_words_are_the_same_without_their_places(args: str) -> None:
    assert word_texts(args) == [word.text for word in split_words(args)]


@no_deadline
@given(NASTY)
def test_a_text_is_finished_when_a_line_after_it_would_be_one_by_itself(text: str) -> None:
    assert is_finished(text) == (raws(text + "#")[-1] == "#")


def test_a_word_knows_its_quote_and_its_place() -> None:
    assert split_words("a \"b\" 'c'") == [
        Word("a", 0, 1, ""),
        Word("b", 2, 5, '"'),
        Word("c", 6, 9, "'"),
    ]


@pytest.mark.parametrize(
    "text, written",
    [
        ("http://h:1/x?y", "http://h:1/x?y"),
        ("a#b", "a#b"),
        ('route="n1"', 'route="n1"'),
        ("", '""'),
        ("two words", '"two words"'),
        ('"quoted"', r'"\"quoted\""'),
        ("'", '''"'"'''),
        (r"^/x\.php$", r"^/x\.php$"),
        (r"^/x \d$", r'"^/x \d$"'),
        (r"\\server\x", r"\\\\server\x"),
        ("ends in \\", r'"ends in \\"'),
        ("backslash\\", r'"backslash\\"'),
        ("${PORT}", "${PORT}"),
        ("caf\udce9", "caf\udce9"),
    ],
)
def test_a_word_is_quoted_only_where_it_must_be(text: str, written: str) -> None:
    assert quoted(text) == written


@no_deadline
@given(st.text(st.sampled_from("ab \\\"'>#=é\u2003\udce9")), st.sampled_from(["", '"', "'"]))
def test_a_quoted_word_reads_as_the_text_it_was_made_of(text: str, quote: str) -> None:
    for raw in (f"Name {quoted(text, quote)}\n", f"<Name x {quoted(text, quote)} y>\n"):
        assert text in texts(raw)
        assert raws(raw + "next") == [raw, "next"]


@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\0", "\x1b", "\x7f"])
def test_control_characters_are_never_written(character: str) -> None:
    with pytest.raises(ValueError, match="control character") as caught:
        quoted(f"secret{character}word")
    assert "secret" not in str(caught.value)


# Cost


def steps(function: Callable[[str], Any], text: str) -> int:
    """How many lines of Python a call takes."""
    count = 0

    def trace(*args: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "pattern",
    ["UnsetEnv one\n", "UnsetEnv one \\\n  two\n", "one \\\n", "<a>\n</a>\n", "\\\\\n\n"],
)
def test_the_cost_of_lines_grows_with_their_number_only(pattern: str) -> None:
    small, large = (steps(logical_lines, pattern * count) for count in (200, 400))
    assert large <= 2.1 * small


def test_the_cost_of_a_line_grows_with_its_length_only() -> None:
    for pattern in ("word ", '"word"', "word \\\n", "\\\n"):
        small, large = (steps(statement, "Name " + pattern * count) for count in (200, 400))
        assert large <= 2.1 * small


def test_lines_that_invite_a_second_try_are_read_at_once() -> None:
    # Quadratic reading would take hours.
    count = 400_000
    assert texts('Name "' + "\\a" * count) == ["\\a" * count]
    assert texts('Name "' + '\\"' * count) == ['"' * count]
    assert len(texts('Name "' + "\\" * count)) == 1
    assert statement("Name" + " " * count + "\\").words[0].text == "\\"
    assert len(logical_lines("\\" * count + "\n" * count)) == 1
    assert statement("<" * count + ">" * count).kind == "open"
