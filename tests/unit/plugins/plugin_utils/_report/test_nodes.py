# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._report.nodes import (
    COLOURS,
    PATTERNS,
    chip,
    letters,
    nodes_of,
    patterns,
)


def result(*names):
    return {"distribution": {name: {"requests": 1, "sessions": 1} for name in names}}


@pytest.mark.parametrize(
    "number, said", [(0, "A"), (25, "Z"), (26, "AA"), (27, "AB"), (702, "AAA")]
)
def test_letters_go_on_after_z(number, said):
    assert letters(number) == said


def test_nodes_stand_in_the_order_of_their_names_numbers_as_numbers():
    nodes = nodes_of(result("node10", "node2", "app"))
    assert [(node.name, node.letter) for node in nodes.values()] == [
        ("app", "A"),
        ("node2", "B"),
        ("node10", "C"),
    ]


def test_a_node_that_only_the_trace_has_is_one():
    trace = [{"client": 1, "visits": [[0, "b", 200], [1, None, None]]}]
    assert list(nodes_of({**result("a"), "trace": trace})) == ["a", "b"]


@pytest.mark.parametrize("name", ["", None])
def test_answers_that_told_no_node_are_named_and_stand_last(name):
    unknown = list(nodes_of(result(name, "a")).values())[-1]
    assert (unknown.letter, unknown.label) == ("?", "not told")


def test_colour_and_pattern_together_tell_fifty_nodes_apart_and_letters_any_number():
    nodes = list(nodes_of(result(*(f"n{n}" for n in range(200)))).values())
    assert len({(node.colour, node.pattern) for node in nodes[:50]}) == 50
    assert len({node.letter for node in nodes}) == 200


def test_neighbours_differ_in_their_pattern_too():
    assert len(set(PATTERNS)) == len(PATTERNS) > 4
    assert len(set(COLOURS)) == len(COLOURS)


def test_each_node_has_a_fill_of_its_own():
    nodes = nodes_of(result("a", "b"))
    made = patterns(nodes.values())
    for node in nodes.values():
        assert f'<pattern id="{node.fill[5:-1]}"' in made
    assert nodes["a"].fill != nodes["b"].fill


def test_a_chip_is_for_the_eye_only_as_the_name_stands_beside_it():
    assert 'aria-hidden="true"' in chip(nodes_of(result("a"))["a"])
