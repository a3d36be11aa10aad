# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages that list codes list all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UTILS = ROOT / "plugins" / "module_utils"


def codes(path: Path) -> set[str]:
    return set(re.findall(r"AB\d{3}", path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("source", "first", "last"),
    [
        (UTILS / "_balancer" / "lint.py", "AB317", "AB327"),
        (UTILS / "_balancer" / "lint.py", "AB330", "AB333"),
        (UTILS / "_sticky" / "diagnosis.py", "AB401", "AB499"),
    ],
)
def test_what_is_found_about_sticky_sessions_is_in_the_page_about_them(source, first, last):
    known = {code for code in codes(source) if first <= code <= last}
    assert known and known <= codes(ROOT / "docs" / "sticky.md")


def test_what_selinux_forbids_is_in_the_page_about_it():
    assert codes(UTILS / "_selinux.py") == codes(ROOT / "docs" / "redhat.md") == {"AB207"}
