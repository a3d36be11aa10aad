# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bytes of a configuration file as text, without loss.

httpd reads bytes. Python works on text: UTF-8 where it is UTF-8, and any other byte as a lone
surrogate, which turns back into the same byte.

Private to this collection.
"""

from __future__ import annotations

import re

_NOT_DISPLAYABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def decode(content: bytes) -> str:
    """Turn the bytes of a file into text. Never fails; ``encode`` gives the same bytes back."""
    return content.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Turn text from ``decode`` back into the bytes of a file.

    :raises UnicodeEncodeError: if the text holds a surrogate that stands for no byte.
    """
    return text.encode("utf-8", "surrogateescape")


def display(text: str) -> str:
    r"""Make text safe for a message: control characters and bytes not UTF-8 as ``\xNN``."""
    return _NOT_DISPLAYABLE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
