# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fixture is one quirk. Each is read and written back unchanged; malformed ones say where.

Files with bytes that a text file must not hold are called in.bin.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.errors import (
    HttpdError,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.lexer import (
    logical_lines,
    statement,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.text import (
    decode,
    encode,
)

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "httpd"


def fixtures(malformed: bool) -> list:
    """The directories of the malformed fixtures, or of all others, as parameters."""
    return [
        pytest.param(directory, id=directory.name)
        for directory in sorted(FIXTURES.iterdir())
        if (directory / "problem.txt").exists() == malformed
    ]


def content(directory: Path) -> bytes:
    (file,) = directory.glob("in.*")
    return file.read_bytes()


@pytest.mark.parametrize("directory", fixtures(malformed=False))
def test_a_document_renders_to_the_bytes_it_was_read_from(directory: Path) -> None:
    original = content(directory)
    assert encode(Document.parse(decode(original)).render()) == original


@pytest.mark.parametrize("directory", fixtures(malformed=True))
def test_a_malformed_document_is_refused_with_line_and_column(directory: Path) -> None:
    with pytest.raises(HttpdError) as caught:
        Document.parse(decode(content(directory)), "site.conf")
    problem = (directory / "problem.txt").read_text(encoding="utf-8").strip()
    assert str(caught.value) == f"site.conf:{problem}"


@pytest.mark.parametrize("directory", fixtures(malformed=False) + fixtures(malformed=True))
def test_the_lines_of_any_text_join_to_that_text_and_are_numbered_without_gaps(
    directory: Path,
) -> None:
    text = decode(content(directory))
    lines = logical_lines(text)
    assert "".join(line.raw for line in lines) == text
    following = 1
    for line in lines:
        assert line.first == following
        following = line.last + 1


@pytest.mark.parametrize("directory", fixtures(malformed=False) + fixtures(malformed=True))
def test_the_words_of_a_line_lie_in_order_where_they_say(directory: Path) -> None:
    for line in logical_lines(decode(content(directory))):
        found = statement(line.raw)
        place = found.start
        for word in found.words:
            assert place <= word.start < word.end <= len(line.raw)
            assert line.raw[word.start] == (word.quote or line.raw[word.start])
            place = word.end


def test_names_of_fixtures_tell_the_malformed_ones() -> None:
    for directory in FIXTURES.iterdir():
        assert directory.name.startswith("malformed-") == (directory / "problem.txt").exists()
