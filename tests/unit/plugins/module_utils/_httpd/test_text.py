# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.text import (
    decode,
    display,
    encode,
)


def test_any_bytes_survive() -> None:
    every_byte = bytes(range(256)) + "ü€😀".encode()
    assert encode(decode(every_byte)) == every_byte


def test_utf_8_reads_as_text() -> None:
    assert decode("café ☕".encode()) == "café ☕"


def test_a_surrogate_that_stands_for_no_byte_cannot_be_written() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode("\ud800")


def test_messages_show_bytes_and_control_characters_as_escapes() -> None:
    assert display(decode(b"caf\xe9 \x1b[1m\n\x7f")) == r"caf\xe9 \x1b[1m\x0a\x7f"


def test_messages_keep_readable_text() -> None:
    assert display('café "☕" \\') == 'café "☕" \\'


def test_what_is_displayed_can_always_be_encoded() -> None:
    assert display("\ud800\udcff").encode() == rb"\ud800\xff"


@pytest.mark.parametrize(
    ("character", "shown"),
    [("\udc7f", r"\udc7f"), ("\udc80", r"\x80"), ("\udcff", r"\xff"), ("\udd00", r"\udd00")],
)
def test_only_surrogates_that_stand_for_bytes_are_displayed_as_bytes(character, shown) -> None:
    assert display(character) == shown
