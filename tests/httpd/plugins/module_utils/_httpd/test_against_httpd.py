# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this room says about configuration text is what a real httpd says about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.edit import (
    Edits,
    add_word,
    new_line,
    remove_word,
    set_word,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.lexer import (
    DIRECTIVE,
    logical_lines,
    quoted,
    statement,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.text import (
    decode,
    encode,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    Node,
    from_document,
)
from ansible_collections.webtier.apache_balancer.tests.support.httpd_reader import Reader

FIXTURES = Path(__file__).resolve().parents[4] / "unit" / "fixtures" / "httpd"

# Executed while httpd reads, so that no dump shows them.
NOT_DUMPED = ("define", "undefine", "use", "include", "includeoptional")

# httpd reads these, but the document refuses them.
ONLY_WE_REFUSE = ("malformed-wrapper-never-closed", "malformed-nul-byte")


def often(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


def shape(nodes: list[Node], file: str) -> list:
    """What a tree says, as far as it stands in one file and httpd dumps it."""
    return [
        (node.line, name, node.is_section, node.args, node.words, shape(node.children, file))
        for node in nodes
        for name in [node.name.lower()]  # the dump has it as httpd spells it
        if node.file == file and name not in NOT_DUMPED
    ]


# What a line may be made of. A line feed stands only where it continues the line.
ODD = [
    *"ab=/ \t\v\f\r\x1c\x85\u2003\udceeé\"'\\#<>",
    *("  ", "\\\\", "\\ ", '\\"', "\\'", "\\\n", "\\\r\n", "\\\n\\\n"),
]
odd_text = st.lists(st.sampled_from(ODD), max_size=12).map("".join)
odd_lines = st.lists(
    st.tuples(
        st.sampled_from(["UnsetEnv x", "\t UnsetEnv\tx", '"UnsetEnv"x', "# ", "  #", ""]),
        odd_text,
        st.sampled_from(["\n", "\n", "\r\n", " \n", "\\\n"]),
    ).map(lambda parts: "".join(parts) if parts[0] else parts[2]),
    max_size=12,
).map("".join)
plain_words = st.text(st.sampled_from("ab =/\\\"'#<>é \u2003\udce9@{}|"), max_size=8)


def directories(malformed: bool) -> list:
    return [
        pytest.param(directory, id=directory.name)
        for directory in sorted(FIXTURES.iterdir())
        if directory.name.startswith("malformed-") == malformed
    ]


def content(directory: Path) -> bytes:
    (file,) = directory.glob("in.*")
    return file.read_bytes()


@pytest.mark.parametrize("directory", directories(malformed=False))
def test_httpd_sees_the_tree_that_a_fixture_resolves_to(reader: Reader, directory: Path) -> None:
    answer = reader.read(content(directory))
    document = Document.parse(decode(content(directory)), str(reader.file))
    assert shape(from_document(document).children, document.path) == shape(
        answer.view.root.children, document.path
    )


@pytest.mark.parametrize("directory", directories(malformed=True))
def test_httpd_refuses_what_the_document_refuses(reader: Reader, directory: Path) -> None:
    answer = reader.read(content(directory))
    assert (answer.status == 0) == (directory.name in ONLY_WE_REFUSE), answer.stderr


@often(200)
@given(lines=odd_lines, last=odd_text.map(lambda text: "UnsetEnv x" + text) | st.just(""))
@example(lines="UnsetEnv x \\\\\n\nUnsetEnv x\n", last="")
@example(lines="UnsetEnv x\\\n", last="")
@example(lines="", last="UnsetEnv x\\")
def test_httpd_sees_the_same_lines_with_the_same_numbers(
    reader: Reader, lines: str, last: str
) -> None:
    ours = []
    for line in logical_lines(lines + last):
        found = statement(line.raw)
        if found.kind == DIRECTIVE:
            ours.append((line.last, found.name, found.args))
    assert reader.directives(lines + last) == ours


@often(200)
@given(texts=st.lists(odd_text.map(lambda text: " " + text), min_size=1, max_size=15))
@example(texts=[' "a"b "c', " 'a\\'b' \"a\\\\\" \\", " a\\\\\nb", " \\"])
def test_httpd_finds_the_same_words(reader: Reader, texts: list[str]) -> None:
    ours = [[word.text for word in statement("Use x" + text).words[1:]] for text in texts]
    assert reader.words(texts) == ours


@often(100)
@given(words=st.lists(plain_words, min_size=1, max_size=30))
def test_httpd_reads_a_quoted_word_as_it_was_meant(reader: Reader, words: list[str]) -> None:
    for quote in ("", '"', "'"):
        assert reader.words([" " + quoted(word, quote) for word in words]) == [
            [word] for word in words
        ]


@often(150)
@given(data=st.data())
def test_httpd_reads_edited_lines_as_they_were_meant(reader: Reader, data: st.DataObject) -> None:
    raws, expected = [], []
    for text in data.draw(st.lists(odd_text, min_size=1, max_size=10)):
        raw = "Use x " + text
        words = [word.text for word in statement(raw).words]
        new = data.draw(plain_words)
        what = data.draw(st.sampled_from(["set", "add", "remove", "line"]))
        if what == "line":
            raws.append(new_line(raw, "Use", ["x", new, new]))
            expected.append([new, new])
            continue
        if what == "add" or len(words) < 2:
            raws.append(add_word(raw, new))
            words.append(new)
        else:
            i = data.draw(st.integers(1, len(words) - 1))
            if what == "set":
                raws.append(set_word(raw, i, new))
                words[i] = new
            else:
                raws.append(remove_word(raw, i))
                del words[i]
        expected.append(words[1:])
    assert reader.words([raw[len("Use x") :] for raw in raws]) == expected


wrapper_lines = [
    ("IfModule", " proxy_module>"),
    ("IfModule", "\tmod_proxy.c >"),
    ("IfModule", " !no_such_module> why"),
    ("IfDefine", " HERE>"),
    ("IfDefine", " !GONE >"),
    ("IfDefine", " GONE>"),
    ("IfVersion", " >= 2.4>"),
    ("IfFile", ' "/">'),
    ("IfDirective", " ProxyPass>"),
    ("IfSection", " Proxy>"),
]
# What may stand in what, from the outside to the inside.
section_lines = [
    [("VirtualHost", " 127.0.0.1:80>"), ("VirtualHost", "\t*:81 >")],
    [("Location", ' "/a>b">'), ("Location", " \\\n/x\\\n>"), ("LocationMatch", " ^/x> why")],
    [("If", ' "%{HTTP:X} > 3">'), ("Limit", "\tGET  POST>"), ("limitexcept", " GET >")],
]


@st.composite
def documents(draw: st.DrawFn, depth: int = 4, level: int = 0) -> str:
    """Sections and wrappers in each other, in odd spelling."""
    space = st.sampled_from(["", " ", "\t", "\f "])
    end = st.sampled_from(["\n", "\r\n", " \n", "\n\n", "\n# <Location /comment>\n"])
    spelled = st.sampled_from([str, str.lower, str.upper, str.swapcase])
    text = ""
    for dummy in range(draw(st.integers(0, 3))):
        kinds = ["directive"]
        if depth:
            kinds.append("wrapper")
            kinds += ["section"] * (level < len(section_lines))
        kind = draw(st.sampled_from(kinds))
        if kind == "directive":
            text += draw(space) + draw(spelled)("UnsetEnv") + " x ${Var} ${none}" + draw(end)
            continue
        wrapper = kind == "wrapper"
        name, rest = draw(st.sampled_from(wrapper_lines if wrapper else section_lines[level]))
        text += draw(space) + "<" + draw(spelled)(name) + rest + draw(end)
        text += draw(documents(depth - 1, level + (not wrapper)))
        # httpd takes nothing after the end of a wrapper.
        trailing = "" if wrapper else draw(st.sampled_from(["", " # why", "\t>"]))
        text += draw(space) + "</" + draw(spelled)(name) + ">" + trailing + draw(end)
    return text


@often(150)
@given(text=documents())
def test_httpd_sees_the_same_tree(reader: Reader, text: str) -> None:
    text = 'Define HERE\nDefine VAR "two words"\n' + text
    answer = reader.read(encode(text))
    document = Document.parse(text, str(reader.file))
    assert document.render() == text
    assert shape(from_document(document).children, document.path) == shape(
        answer.view.root.children, document.path
    )


UNFINISHED = [
    "",
    " \\",
    "\\",
    "\\\\",
    " \\\r",
    " \\\n",
    " \\\\\n",
    " \\\\\\\n\n",
    " \\\r\n",
    ' "a',
    " '\\",
]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", UNFINISHED)
def test_what_is_appended_leaves_the_last_line_as_it_was(
    reader: Reader, end: str, newline: str
) -> None:
    text = f"UnsetEnv one{newline}UnsetEnv two{newline}UnsetEnv x{end}"
    edits = Edits(Document.parse(text))
    edits.append(["UnsetEnv new" + newline])
    # A line number may grow by the line that httpd looked for in vain before.
    before = [directive[1:] for directive in reader.directives(text)]
    after = [directive[1:] for directive in reader.directives(edits.render())]
    assert after == [*before, ("UnsetEnv", "new")]
