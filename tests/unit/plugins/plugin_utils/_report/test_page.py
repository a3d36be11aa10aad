# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._report.markup import (
    Html,
    tag,
)
from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._report.nodes import (
    COLOURS,
    UNKNOWN,
)
from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._report.page import (
    DARK,
    LIGHT,
    STYLE,
    document,
)

# WCAG 2.1: success criteria 1.4.3 (text) and 1.4.11 (graphics).
TEXT, GRAPHICS = 4.5, 3.0
ON_SURFACES = [
    (ink, surface) for ink in ("ink", "soft", "bad") for surface in ("card", "ground", "lane")
] + [("good", "card")]
ON_BADGES = [(ink, f"{level}-back") for level in ("good", "warn", "bad") for ink in ("ink", level)]
SCHEMES = pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])


def luminance(colour):
    """Relative luminance as WCAG 2.1 defines it."""
    assert re.fullmatch("#[0-9a-f]{6}", colour)
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_wcag_does():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@SCHEMES
@pytest.mark.parametrize("ink, surface", ON_SURFACES + ON_BADGES, ids=" on ".join)
def test_words_can_be_read(scheme, ink, surface):
    assert contrast(scheme[ink], scheme[surface]) >= TEXT


@pytest.mark.parametrize("colour", [*COLOURS, UNKNOWN])
def test_a_white_letter_can_be_read_on_the_colour_of_a_node(colour):
    assert contrast(colour, "#ffffff") >= TEXT


@SCHEMES
@pytest.mark.parametrize("colour", [*COLOURS, UNKNOWN])
def test_the_colour_of_a_node_stands_out_from_the_card(scheme, colour):
    assert contrast(colour, scheme["card"]) >= GRAPHICS


def test_both_schemes_say_the_same_names():
    assert LIGHT.keys() == DARK.keys()


def test_every_colour_of_the_style_is_one_of_the_schemes():
    assert set(re.findall(r"var\(--([a-z-]+)\)", STYLE)) <= LIGHT.keys()


def test_paper_is_light_whatever_the_screen_is():
    order = [STYLE.rindex(f"--ink: {scheme['ink']}") for scheme in (DARK, LIGHT)]
    assert order == sorted(order)
    assert "@media print" in STYLE


def test_a_page_says_its_language_and_title_and_allows_nothing_to_load_or_run():
    page = document("<a>", tag("main", "<b>"), style=".x > .y { margin: 0; }")
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "<title>&lt;a&gt;</title>" in page
    assert "<body><main>&lt;b&gt;</main></body>" in page
    assert ".x > .y { margin: 0; }" in page
    assert "default-src &#x27;none&#x27;; style-src &#x27;unsafe-inline&#x27;" in page


def test_a_page_takes_html_that_was_made_elsewhere():
    assert "<body><main></main></body>" in document("a", Html("<main></main>"))
