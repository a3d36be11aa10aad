# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make mutation` takes for a change, and for one that survived."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.webtier.apache_balancer.tools import mutation
from ansible_collections.webtier.apache_balancer.tools.mutation import (
    annotated,
    difference,
)

FILE = Path("plugins/module_utils/_httpd/text.py")
TESTS = Path("tests/unit/plugins/module_utils/_httpd/test_text.py")
CODE = "def half(number: int | None = 1) -> int | float:\n    other: int | str = 2 | 1\n"


def test_annotations_are_found_and_values_are_not():
    assert sorted(annotated(CODE)) == [((1, 17), (1, 27)), ((1, 36), (1, 47)), ((2, 11), (2, 20))]


def test_what_survived_is_shown_as_the_difference_it_makes():
    lines = difference(Path("a.py"), "a = 1\nb = 2\n", "a = 1\nb = 3\n").splitlines()
    assert lines == ["--- a.py", "+++ a.py", "@@ -1,2 +1,2 @@", " a = 1", "-b = 2", "+b = 3"]


@pytest.mark.parametrize(
    ("code", "noticed"),
    [
        (None, False),
        ("from .lexer import nothing_of_the_kind\n", True),
        ("while True:\n    pass\n", True),
    ],
    ids=["as it is", "fails", "has no end"],
)
def test_a_change_is_noticed_where_its_tests_fail_or_have_no_end(code, noticed):
    # In a process that has imported neither the file nor its tests.
    script = f"""
from pathlib import Path
from {mutation.__name__} import notices
print(notices(Path({str(FILE)!r}), {code or FILE.read_text()!r}, [Path({str(TESTS)!r})], patience=5))
"""
    environment = {**os.environ, "PYTHONPATH": ".build/collections"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{noticed}\n"
