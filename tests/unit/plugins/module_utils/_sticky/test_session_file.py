# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.cookies import Jar
from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.driver import (
    StickyError,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.session_file import (
    Kept,
    read,
    write,
)


def kept(path: Path, sessions: list[Kept]) -> list[tuple[str, str, bool]]:
    """Write *sessions*, and return what is read then."""
    write(str(path), "shop:80", "the header X-Node", sessions)
    found = read(str(path), "shop:80", "the header X-Node")
    return [(each.node, each.value, each.in_query) for each in found]


def change(path: Path, **values: Any) -> None:
    """Change the first session in *path*; ``...`` takes a value away."""
    text = json.loads(path.read_text())
    row = {**text["sessions"][0], **values}
    text["sessions"][0] = {name: value for name, value in row.items() if value is not ...}
    path.write_text(json.dumps(text))


def test_a_session_is_kept_with_the_place_it_has_in_the_url(tmp_path):
    sessions = [Kept("n1", Jar(), "a.n1", False), Kept("n2", Jar(), "b.n2", True)]
    expected = [("n1", "a.n1", False), ("n2", "b.n2", True)]
    assert kept(tmp_path / "sessions.json", sessions) == expected


def test_a_file_from_before_that_place_was_kept_is_read(tmp_path):
    path = tmp_path / "sessions.json"
    kept(path, [Kept("n1", Jar(), "a.n1", True)])
    change(path, in_query=...)
    (found,) = read(str(path), "shop:80", "the header X-Node")
    assert (found.value, found.in_query) == ("a.n1", False)


@pytest.mark.parametrize("values", [{"in_query": "?"}, {"value": "a\nb"}, {"node": ...}])
def test_a_session_that_is_none_is_refused(tmp_path, values):
    path = tmp_path / "sessions.json"
    kept(path, [Kept("n1", Jar(), "a.n1", True)])
    change(path, **values)
    with pytest.raises(StickyError, match="is no file of sessions"):
        read(str(path), "shop:80", "the header X-Node")
