# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.edit import (
    Edits,
    add_word,
    child_indent,
    indent_of,
    new_line,
    remove_word,
    set_word,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.lexer import (
    is_finished,
    logical_lines,
    statement,
)

no_deadline = settings(deadline=None)

ODD_LINES = st.builds(
    lambda name, parts, end: name + "".join(parts) + end,
    st.sampled_from(["Name ", "\t<Name> ", "<Name ", '"Name"', "Name \\\n"]),
    st.lists(
        st.sampled_from(
            ["a", "=", " ", "\t", "\r", '"', "'", "\\", "#", ">", "é", "\\\n", "\\\r\n", "\\\\"]
        ),
        max_size=12,
    ),
    st.sampled_from([">\n", "\n", "\r\n", "", "> # why\n"]),
)
NEW_WORDS = st.text(st.sampled_from("ab =\\\"'#>é\udce9"), max_size=6)


def texts(raw: str) -> list[str]:
    return [word.text for word in statement(raw).words]


# One word


@pytest.mark.parametrize(
    "raw, i, text, expected",
    [
        ("Name one two three\n", 1, "2", "Name one 2 three\n"),
        ("\tName  one\ttwo  \r\n", 1, "2", "\tName  one\t2  \r\n"),
        ('Name "one" two\n', 0, "1", 'Name "1" two\n'),
        ("Name 'one' two\n", 0, "it's", "Name 'it\\'s' two\n"),
        ("Name one two\n", 0, "two words", 'Name "two words" two\n'),
        ("Name one two\n", 1, "ends in \\", 'Name one "ends in \\\\"\n'),
        ("Name one two", 1, "2\\", 'Name one "2\\\\"'),
        ('Name one "two three\n', 1, "2", 'Name one "2"\n'),
        ('Name "one"two\n', 1, "2", 'Name "one"2\n'),
        ('Name "one"two\n', 0, "1", 'Name "1"two\n'),
        ("Name on\\\ne two\n", 0, "1", "Name 1 two\n"),
        ("Name one \\\n  two \\\n  three\n", 1, "2", "Name one \\\n  2 \\\n  three\n"),
        ("<Name one>\n", 0, "1", "<Name 1>\n"),
        ("<Name one > # why\n", 0, "1", "<Name 1 > # why\n"),
        ('<Name "one">\n', 0, "a>b", '<Name "a>b">\n'),
        ("Name one two\n", 1, "", 'Name one ""\n'),
    ],
)
def test_a_word_is_set_and_nothing_else_changes(raw: str, i: int, text: str, expected: str) -> None:
    assert set_word(raw, i, text) == expected


@pytest.mark.parametrize(
    "raw", ['Name "a\\b"\n', "Name 'a\\b'\n", "Name a\\\\b\n", "Name a\\\n\\b\n"]
)
def test_a_word_that_reads_so_already_keeps_its_spelling(raw: str) -> None:
    assert set_word(raw, 0, "a\\b") == raw


@pytest.mark.parametrize(
    "raw, text, expected",
    [
        ("Name one\n", "two", "Name one two\n"),
        ("Name one  \r\n", "two", "Name one two  \r\n"),
        ("Name one", "two words", 'Name one "two words"'),
        ("Name\tone\ttwo\n", "three", "Name\tone\ttwo\tthree\n"),
        ("Name  one     two\n", "three", "Name  one     two     three\n"),
        ("Name\n", "one", "Name one\n"),
        ("Name one \\\n  two\n", "three", "Name one \\\n  two \\\n  three\n"),
        ("Name one \\\r\n\ttwo\r\n", "three", "Name one \\\r\n\ttwo \\\r\n\tthree\r\n"),
        ("Name \\\n  one\n", "two", "Name \\\n  one \\\n  two\n"),
        ("Name one \\\n  two \\\n\n", "three", "Name one \\\n  two \\\n  three \\\n\n"),
        ("Name one \\\n  two three\n", "four", "Name one \\\n  two three four\n"),
        ('Name "one\n', "two", 'Name "one" two\n'),
        ('Name "one\\"\n', "two", 'Name "one\\"" two\n'),
        ('Name "one', "two\\", 'Name "one" "two\\\\"'),
        ("Name one\\", "two", "Name one\\ two"),
        ("Name \\ \n", "two", "Name \\ two \n"),
        ("<Name one>\n", "two", "<Name one two>\n"),
        ("<Name one >\n", "two", "<Name one two >\n"),
        ("<Name one> # why\n", "two", "<Name one two> # why\n"),
        ('<Name "one>\n', "two", '<Name "one" two>\n'),
        ("<Name>\n", "one", "<Name one>\n"),
        ("<Name >\n", "one", "<Name one >\n"),
        ("<Name\n", "one", "<Name one>\n"),
        ('"<Name>"\n', "one", '"<Name>" one>\n'),
        ("<Name> one>\n", "two", "<Name> one two>\n"),
    ],
)
def test_a_word_is_added_the_way_the_last_one_stands(raw: str, text: str, expected: str) -> None:
    assert add_word(raw, text) == expected
    assert texts(expected) == [*texts(raw), text]


@pytest.mark.parametrize(
    "raw, i, expected",
    [
        ("Name one two three\n", 1, "Name one three\n"),
        ("Name one two\n", 1, "Name one\n"),
        ("Name one two  \r\n", 1, "Name one  \r\n"),
        ("Name\tone  two\n", 0, "Name  two\n"),
        ("Name one\n", 0, "Name\n"),
        ("Name one \\\n  two \\\n  three\n", 1, "Name one \\\n  three\n"),
        ("Name one \\\n  two \\\n  three\n", 2, "Name one \\\n  two\n"),
        ("Name one \\\r\n\ttwo\r\n", 1, "Name one\r\n"),
        ("Name one \\\n  two three\n", 1, "Name one \\\n  three\n"),
        ("Name one \\\n  two three\n", 2, "Name one \\\n  two\n"),
        ("Name \\\n  one two\n", 0, "Name \\\n  two\n"),
        (
            "Name \\\n  one \\\n  two three four\n",
            1,
            "Name \\\n  one \\\n  three four\n",
        ),
        ("Name on\\\ne two\n", 0, "Name two\n"),
        ('Name "one"two\n', 0, "Name two\n"),
        ('Name "one""two"three\n', 1, 'Name "one"three\n'),
        ('Name one "two\n', 1, "Name one\n"),
        ("<Name one two>\n", 1, "<Name one>\n"),
        ("<Name one>\n", 0, "<Name>\n"),
        ("<Name one > # why\n", 0, "<Name > # why\n"),
        ("Name \\\rone\n", 1, "Name \\\r \n"),
        ("Name one\\\\ two\n", 1, "Name one\\\\ \n"),
    ],
)
def test_a_word_is_removed_with_the_white_space_before_it(raw: str, i: int, expected: str) -> None:
    assert remove_word(raw, i) == expected


@pytest.mark.parametrize(
    "change", [lambda raw: set_word(raw, 1, "x"), lambda raw: remove_word(raw, 1)]
)
@pytest.mark.parametrize("raw", ["Name one\n", "# one two\n", "\n", "</Name>\n"])
def test_a_word_that_is_not_there_is_an_error(change, raw: str) -> None:
    with pytest.raises(IndexError):
        change(raw)


@pytest.mark.parametrize("raw", ["# one\n", "\n", "</Name>\n", '"Name\n'])
def test_a_line_that_takes_no_words_is_an_error(raw: str) -> None:
    with pytest.raises(ValueError, match="cannot be changed so"):
        add_word(raw, "two")


def test_control_characters_are_refused_and_those_already_there_are_kept() -> None:
    with pytest.raises(ValueError, match="control character"):
        set_word("Name one\n", 0, "a\nb")
    with pytest.raises(ValueError, match="control character"):
        add_word("Name one\n", "a\tb")
    assert add_word('Name "a\tb\n', "c") == 'Name "a\tb" c\n'
    assert remove_word('Name "a\tb" c\n', 1) == 'Name "a\tb"\n'


@no_deadline
@given(ODD_LINES, NEW_WORDS, st.data())
def test_in_any_line_only_the_words_meant_change(raw: str, text: str, data: st.DataObject) -> None:
    assume(len(logical_lines(raw)) == 1)
    before = statement(raw)
    assume(not before.problem)
    words = texts(raw)

    added = add_word(raw, text)
    assert texts(added) == [*words, text]
    changed = [added]
    if words:
        i = data.draw(st.integers(0, len(words) - 1))
        assert texts(set_word(raw, i, text)) == [*words[:i], text, *words[i + 1 :]]
        assert texts(remove_word(raw, i)) == words[:i] + words[i + 1 :]
        changed += [set_word(raw, i, text), remove_word(raw, i)]
    for line in changed:
        assert len(logical_lines(line)) == 1
        assert statement(line).name == before.name
        assert is_finished(line) >= is_finished(raw)


@no_deadline
@given(ODD_LINES, NEW_WORDS)
def test_what_was_added_can_be_removed_again(raw: str, text: str) -> None:
    assume(len(logical_lines(raw)) == 1 and not statement(raw).problem)
    added = add_word(raw, text)
    assert texts(remove_word(added, len(texts(raw)))) == texts(raw)


# New lines


@pytest.mark.parametrize(
    "like, name, words, expected",
    [
        ("    Name one\n", "Name", ["a", "b c"], '    Name a "b c"\n'),
        ("\tname\tone\ttwo\n", "Name", ["a", "b"], "\tname\ta\tb\n"),
        ("Name   one     two\n", "Name", ["a", "b"], "Name   a     b\n"),
        ("Name one  two   three\n", "Name", ["a", "b", "c"], "Name a  b   c\n"),
        ("Name   one\n", "Other", ["a"], "Other a\n"),
        ("Name  one\ttwo\n", "Other", ["a", "b"], "Other\ta\tb\n"),
        ("Name\tone two\n", "Other", ["a"], "Other a\n"),
        ("Name\t one\n", "Other", ["a"], "Other a\n"),
        ('Name "one""two"\n', "Other", ["a"], 'Other "a"\n'),
        ("other one\n", "Name", ["a"], "name a\n"),
        ("OTHER one\n", "Name", ["a"], "NAME a\n"),
        ('Name "one" "two"\n', "Name", ["a", "b"], 'Name "a" "b"\n'),
        ("Name 'one'\n", "Name", ["it's"], "Name 'it\\'s'\n"),
        ('Name "one" two\n', "Name", ["a", "b"], "Name a b\n"),
        ("Name \"one\" 'two'\n", "Name", ["a", "b"], "Name a b\n"),
        ("  Name \\\n    one \\\n    two\n", "Name", ["a", "b"], "  Name a b\n"),
        ("  # comment\n", "Name", ["a"], "  Name a\n"),
        ("", "Name", [], "Name\n"),
    ],
)
def test_a_new_line_looks_like_its_neighbour(
    like: str, name: str, words: list[str], expected: str
) -> None:
    assert new_line(like, name, words) == expected


def test_a_new_line_may_have_its_own_indentation_and_line_end() -> None:
    assert new_line("  Name one\n", "Name", ["a"], "\r\n", "\t") == "\tName a\r\n"


@no_deadline
@given(ODD_LINES, st.lists(NEW_WORDS))
def test_a_new_line_reads_as_it_was_meant_beside_any_neighbour(like: str, words: list[str]) -> None:
    assert texts(new_line(like, "Name", words)) == words
    assert is_finished(new_line(like, "Name", words))


@pytest.mark.parametrize(
    "raw, indent",
    [("Name", ""), ("  \tName one", "  \t"), ("  \n", "  "), ("\\\n  Name", ""), ("", "")],
)
def test_the_indentation_of_a_line_is_the_white_space_it_starts_with(raw: str, indent: str) -> None:
    assert indent_of(raw) == indent


@pytest.mark.parametrize(
    "text, indent",
    [
        ("<A>\n   one\n</A>\n", "   "),
        ("<A>\n\n# no\n  one\n</A>\n", "  "),
        ("<A>\n<B>\n</B>\n</A>\n", ""),
        ("<A>\n</A>\n", "    "),
        ("  <A>\n  </A>\n<B>\n  one\n</B>\n", "    "),
        ("  <A>\n  </A>\n<B>\none\n</B>\n", "      "),
        ("  <A>\n  </A>\n  <B>\n  one\n  </B>\n", "      "),
        ("\t<A>\n\t</A>\n", "\t\t"),
        ("<A>\n</A>\n<B>\n\tone\n</B>\n", "\t"),
        ("<A>\n# only a comment\n</A>\n", "    "),
    ],
)
def test_a_line_in_a_section_is_indented_like_the_others(text: str, indent: str) -> None:
    assert child_indent(Document.parse(text), 0) == indent


# Many lines


def test_edits_use_the_indices_of_the_document_as_it_was() -> None:
    edits = Edits(Document.parse("one\ntwo\nthree\nfour\n"))
    edits.remove(0, 2)
    edits.insert_before(3, ["before four\n"])
    edits.insert_after(1, ["after two\n"])
    edits.replace(2, "THREE\n")
    edits.insert_after(3, ["after four\n"])
    edits.insert_before(0, ["first\n"])
    edits.append(["last\n"])
    assert edits.render() == ("first\nafter two\nTHREE\nbefore four\nfour\nafter four\nlast\n")


def test_lines_put_at_the_same_place_stand_in_the_order_they_were_put() -> None:
    edits = Edits(Document.parse("one\n"))
    for number in "23":
        edits.insert_before(0, [f"before {number}\n"])
        edits.insert_after(0, [f"after {number}\n"])
        edits.append([f"end {number}\n"])
    assert edits.render() == "before 2\nbefore 3\none\nafter 2\nafter 3\nend 2\nend 3\n"


def test_the_current_line_shows_what_was_done_to_it() -> None:
    edits = Edits(Document.parse("one\ntwo\n"))
    assert edits.current(0) == "one\n"
    edits.replace(0, "1\n")
    edits.remove(1, 2)
    assert (edits.current(0), edits.current(1)) == ("1\n", "")


def test_nothing_has_changed_until_something_differs() -> None:
    edits = Edits(Document.parse("one\ntwo\n"))
    assert not edits.changed
    edits.replace(0, "one\n")
    edits.insert_after(0, [])
    edits.append([])
    assert not edits.changed
    edits.replace(0, "1\n")
    assert edits.changed
    edits.replace(0, "one\n")
    assert not edits.changed
    assert edits.render() == "one\ntwo\n"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "new\n"),
        ("one", "one\nnew\n"),
        ("one\n", "one\nnew\n"),
        ("one\r\ntwo", "one\r\ntwo\r\nnew\n"),
        ("one \\", "one \\ \nnew\n"),
        ("one \\\r", "one \\\r \nnew\n"),
        ("one \\\n", "one \\\n\nnew\n"),
        ("one \\\\\n", "one \\\\\n \nnew\n"),
        ("# one \\\n", "# one \\\n\nnew\n"),
    ],
)
def test_an_unfinished_last_line_is_completed_before_another_one_follows(
    text: str, expected: str
) -> None:
    appended = Edits(Document.parse(text))
    appended.append(["new\n"])
    assert appended.render() == expected
    if text:
        document = Document.parse(text)
        inserted = Edits(document)
        inserted.insert_after(len(document.lines) - 1, ["new\n"])
        assert inserted.render() == expected


def test_an_unfinished_last_line_stays_so_where_none_follows() -> None:
    edits = Edits(Document.parse("one\ntwo"))
    edits.replace(0, "1\n")
    edits.insert_before(1, ["between\n"])
    assert edits.render() == "1\nbetween\ntwo"
    edits.append(["last"])
    assert edits.render() == "1\nbetween\ntwo\nlast"


def test_a_new_line_without_an_end_gets_the_one_that_prevails() -> None:
    edits = Edits(Document.parse("one\r\ntwo\r\n"))
    edits.insert_after(0, ["between", "and \\"])
    edits.replace(1, "2")
    assert edits.render() == "one\r\nbetween\r\nand \\ \r\n2"


def test_a_whole_section_can_be_removed() -> None:
    document = Document.parse("one\n<A>\ntwo\n</A>\nthree\n")
    edits = Edits(document)
    edits.remove(1, document.closing(1) + 1)
    assert edits.render() == "one\nthree\n"


@no_deadline
@given(st.lists(ODD_LINES, max_size=4), st.data())
def test_lines_that_no_edit_touches_keep_every_byte(lines: list[str], data: st.DataObject) -> None:
    document = Document("", logical_lines("".join(lines)), "\n")
    places = st.sampled_from(range(len(document.lines)))
    edits = Edits(document)
    assume(document.lines)
    touched = data.draw(places)
    edits.replace(touched, "New line\n")
    edits.insert_after(data.draw(places), ["Added line\n"])
    after = [line.raw for line in logical_lines(edits.render())]
    after.remove("Added line\n")
    before = [line.raw for line in document.lines]
    before[touched] = "New line\n"
    # The last one may have been completed.
    assert [raw.rstrip() for raw in after] == [raw.rstrip() for raw in before]
    assert after[:-1] == before[:-1]
