# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._report.markup import (
    Html,
    count,
    tag,
    text,
)


def test_text_is_escaped_and_html_is_not():
    assert text("<b>&\"'") == "&lt;b&gt;&amp;&quot;&#x27;"
    assert text(Html("<b>")) == "<b>"


def test_content_of_an_element_is_escaped_once():
    assert tag("p", "<", tag("b", "<")) == "<p>&lt;<b>&lt;</b></p>"


def test_an_attribute_cannot_be_left():
    assert tag("p", title='"><script>') == '<p title="&quot;&gt;&lt;script&gt;"></p>'


def test_attributes_are_spelled_as_html_spells_them_and_none_is_left_out():
    assert tag("p", class_="a", aria_label="b", viewBox="0 0 1 1", id=None) == (
        '<p class="a" aria-label="b" viewBox="0 0 1 1"></p>'
    )


def test_an_element_without_content_has_no_end():
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_a_list_is_its_elements_and_none_is_nothing():
    assert text(["a", None, ["<", Html("<br>")], 1]) == "a&lt;<br>1"


@pytest.mark.parametrize("odd", ["\x00", "\x1b", "\x7f", "\x85", "\u202e", "\u2066", "\ud800"])
def test_what_no_page_may_hold_is_replaced(odd):
    assert text(f"a{odd}b") == "a\ufffdb"
    text(f"a{odd}b").encode()


@pytest.mark.parametrize("number, said", [(0, "0 nodes"), (1, "1 node"), (2, "2 nodes")])
def test_a_number_goes_with_its_noun(number, said):
    assert count(number, "node") == said
