# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
import yaml

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._adopt.written import written


@pytest.mark.parametrize(
    "value",
    ["80", "off", "a: b # c", "ä", " x\n  y\n", "a\n\tb\n", "trailing \nblank\n", "q\"'\\n", ""],
)
def test_a_text_is_read_back_as_it_was(value):
    text = written({"key": [value, {"inner": value}]}, [])
    assert yaml.safe_load(text) == {"key": [value, {"inner": value}]}
    assert "!unsafe" not in text


@pytest.mark.parametrize("mark", ["{{ a }}", "{% if %}", "{# c", "a\n{{ b }}\n"])
def test_what_looks_like_a_template_is_marked(mark):
    text = written({"key": mark, "other": "{a}"}, [])
    assert text.startswith("---\nkey: !unsafe ") and text.count("!unsafe") == 1


def test_values_of_all_kinds_are_read_back():
    assert written({"name": ""}, []) == '---\nname: ""\n'
    value = {
        "a": [],
        "b": {},
        "c": [True, False, 3, 0.5],
        "d": [{"e": [{"f": "g"}], "h": {"i": 1}}, {}],
    }
    assert yaml.safe_load(written(value, [])) == value


def test_several_lines_are_several_lines_below_the_notes():
    text = written({"extra": "A b\nC d\n", "port": 80}, ["look here"])
    assert text == "# TODO look here\n---\nextra: |\n  A b\n  C d\nport: 80\n"
