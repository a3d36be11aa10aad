# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make mutation` takes for a change, and for one that survived."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.webtier.apache_balancer.tools.mutation import annotated, result_of

CODE = "def half(number: int | None = 1) -> int | float:\n    other: int | str = 2 | 1\n"


def test_annotations_are_found_and_values_are_not():
    assert sorted(annotated(CODE)) == [((1, 17), (1, 27)), ((1, 36), (1, 47)), ((2, 11), (2, 20))]


def test_what_was_not_tried_yet_did_not_survive():
    lines = [
        [{"job_id": "1"}, {"test_outcome": "killed", "diff": "a"}],
        [{"job_id": "2"}, {"test_outcome": "survived", "diff": "b"}],
        [{"job_id": "3"}, None],
    ]
    file = Path("text.py")
    assert result_of(file, "\n".join(map(json.dumps, lines))) == (file, 3, 2, ["b"])
