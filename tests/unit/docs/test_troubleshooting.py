# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page about troubleshooting quotes is what the modules say, so that it can be found by it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
QUOTED = re.findall(
    r'"([^"\n]+)"', re.sub(r"(?s)`[^`]*`", "", re.sub(r"(?ms)^```.*?^```", "", PAGE))
)
# Messages may go on in the next line of the source.
SOURCE = "".join(
    re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "plugins" / "module_utils").rglob("*.py"))
)


@pytest.mark.parametrize("quoted", QUOTED)
def test_what_is_quoted_is_said(quoted):
    assert quoted in SOURCE


def test_there_is_something_quoted():
    assert len(QUOTED) > 5
