# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.errors import (
    HttpdError,
    NotText,
    SyntaxProblem,
)


@pytest.mark.parametrize(
    "place, text",
    [
        ({}, "it is wrong"),
        ({"path": "a.conf"}, "a.conf: it is wrong"),
        ({"path": "a.conf", "line": 3}, "a.conf:3: it is wrong"),
        ({"path": "a.conf", "line": 3, "column": 7}, "a.conf:3:7: it is wrong"),
        ({"line": 3, "column": 7}, "3:7: it is wrong"),
    ],
)
def test_an_error_names_the_place_as_far_as_it_is_known(place: dict, text: str) -> None:
    assert str(HttpdError("it is wrong", **place)) == text


def test_every_error_is_an_httpd_error_with_its_parts() -> None:
    for kind in (SyntaxProblem, NotText):
        error = kind("it is wrong", "a.conf", 3, 7)
        assert isinstance(error, HttpdError)
        assert (error.message, error.path, error.line, error.column) == (
            "it is wrong",
            "a.conf",
            3,
            7,
        )
