# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report, opened from its file as a person would."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from ansible_collections.webtier.apache_balancer.plugins.filter.sticky_report import sticky_report
from ansible_collections.webtier.apache_balancer.tests.browser.conftest import SCREENSHOTS

FIXTURES = Path(__file__).parents[1] / "unit" / "fixtures" / "report"
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
TIME = "2026-11-25 15:49 UTC"

# Every element that shows words of its own, with their colour and that of the ground behind them.
COLOURS = """() => {
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")]
    .filter(e => !e.closest("svg") && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
    .map(e => ({ text: e.innerText, ink: rgb(getComputedStyle(e).color).slice(0, 3), ground: ground(e) }));
}"""


@pytest.fixture(params=["healthy", "moved"])
def name(request) -> str:
    return request.param


@pytest.fixture()
def report(tmp_path, name) -> str:
    """The address of a page made of what a real httpd did."""
    run = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    made = sticky_report(
        run["sticky"],
        url="http://shop.example/",
        balancers=run["balancers"],
        origin="localhost",
        time=TIME,
    )
    file = tmp_path / "report.html"
    file.write_text(made["page"], encoding="utf-8")
    return file.as_uri()


def contrast(one, other):
    """As WCAG 2.1 defines it, of two colours of 0 to 255."""

    def luminance(colour):
        parts = (part / 255 for part in colour)
        linear = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@SCHEMES
def test_it_opens_without_a_complaint_and_asks_for_nothing_but_itself(
    visitor, report, name, scheme
):
    with visitor(color_scheme=scheme, offline=True) as visit:
        visit.page.goto(report, wait_until="networkidle")
        visit.screenshot(f"report-{name}-{scheme}")
        assert visit.complaints == []
        assert visit.requests == [report]


@SCHEMES
@pytest.mark.parametrize("media", ["screen", "print"])
def test_every_word_can_be_read_on_its_ground(visitor, report, scheme, media):
    with visitor(color_scheme=scheme) as visit:
        visit.page.emulate_media(media=media, color_scheme=scheme)
        visit.page.goto(report)
        shown = visit.page.evaluate(COLOURS)
        assert len(shown) > 50
        dim = [each for each in shown if contrast(each["ink"], each["ground"]) < 4.5]
        assert dim == []


def test_dark_is_dark_and_paper_is_white_even_then(visitor, report, name):
    with visitor(color_scheme="dark") as visit:
        visit.page.goto(report)
        ground = "getComputedStyle(document.body).backgroundColor"
        assert visit.page.evaluate(ground) == "rgb(18, 22, 29)"
        visit.page.emulate_media(media="print", color_scheme="dark")
        assert visit.page.evaluate(ground) == "rgb(255, 255, 255)"
        visit.screenshot(f"report-{name}-print")


@pytest.mark.long
def test_it_can_be_printed(visitor, report, name):
    with visitor() as visit:
        visit.page.goto(report)
        paper = visit.page.pdf(path=SCREENSHOTS / f"report-{name}.pdf", format="A4")
        pages = len(re.findall(rb"/Type */Page\b", paper))
        assert 1 < pages < 6


@pytest.mark.parametrize("width", [360, pytest.param(768, marks=pytest.mark.long)])
def test_a_small_screen_scrolls_tables_and_drawings_but_not_the_page(visitor, report, name, width):
    with visitor(viewport={"width": width, "height": 800}) as visit:
        visit.page.goto(report)
        visit.screenshot(f"report-{name}-{width}")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_reader_of_the_screen_finds_landmarks_headings_tables_and_drawings(visitor, report, name):
    with visitor() as visit:
        page = visit.page
        page.goto(report)
        for landmark in ("banner", "main", "contentinfo"):
            expect(page.get_by_role(landmark)).to_have_count(1)
        expect(page.get_by_role("heading", level=1)).to_have_text("http://shop.example/")
        for heading in (
            "What was found",
            "Which session went where",
            "Load of each node",
            "Cookies",
            "Balancers of lb1",
        ):
            expect(page.get_by_role("heading", name=heading, level=2)).to_be_visible()
            expect(page.get_by_role("region", name=heading)).to_be_visible()
        for table, columns in (
            ("New sessions and requests of each node", 3),
            ("Cookies the site set, without their values", 9),
            ("Members of balancer://shop", 7),
        ):
            found = page.get_by_role("table", name=table)
            expect(found.get_by_role("columnheader")).to_have_count(columns)
            assert found.get_by_role("rowheader").count() > 0
        drawing = page.get_by_role("img", name="Which node answered which session, over time")
        stayed = {"healthy": 6, "moved": 5}[name]
        expect(drawing).to_have_accessible_description(
            re.compile(f"^{stayed} sessions stayed on node1;")
        )


def test_a_keyboard_reaches_everything_that_scrolls(visitor, report):
    with visitor(viewport={"width": 360, "height": 800}) as visit:
        visit.page.goto(report)
        reached = set()
        for dummy in range(visit.page.locator("[tabindex]").count()):
            visit.page.keyboard.press("Tab")
            reached.add(visit.page.evaluate("document.activeElement.getAttribute('aria-label')"))
        assert {
            "Which session went where",
            "Cookies the site set, without their values",
            "Members of balancer://shop",
        } <= reached


@pytest.mark.parametrize("name", ["healthy"])
def test_a_site_that_is_fine_is_said_to_be(visitor, report):
    with visitor() as visit:
        visit.page.goto(report)
        assert visit.page.title() == "Proven: sticky sessions of shop.example"
        for words in (
            "✓ Proven",
            "All 20 sessions stayed on their node.",
            f"20 clients made 200 requests in 1.209 s, from localhost, {TIME}.",
            "Nothing that is wrong.",
            "Files and running httpd agree, as far as both were read.",
        ):
            expect(visit.page.get_by_text(words, exact=True)).to_be_visible()
        expect(visit.page.locator("svg.sessions text", has_text="client 20")).to_be_visible()


@pytest.mark.parametrize("name", ["moved"])
def test_sessions_that_moved_are_shown_with_the_cause_and_a_fix_to_be_copied(visitor, report):
    with visitor() as visit:
        page = visit.page
        page.goto(report)
        expect(page.get_by_text("5 of 24 sessions moved to another node.")).to_be_visible()
        expect(page.locator("svg.sessions text", has_text="Moved: 5 sessions")).to_be_visible()
        expect(page.locator("svg.sessions text", has_text="B → D")).to_have_count(5)
        row = page.get_by_role("table", name="Sessions that moved").get_by_role("row")
        expect(row.nth(1)).to_contain_text("client 2")
        expect(page.get_by_role("heading", name="AB413")).to_be_visible()
        assert page.locator(".finding pre").inner_text().startswith("Enable it; ")
        drift = page.get_by_role("table", name="Drift of balancer://shop").get_by_role("row")
        expect(drift.nth(1)).to_have_text("http://10.0.0.12:8080statusnot setnonedisabled")


@pytest.mark.parametrize("name", ["moved"])
def test_a_picture_of_it_is_small_enough_for_a_readme(visitor, report):
    with visitor() as visit:
        visit.page.goto(report)
        drawing = visit.page.locator("svg.sessions").bounding_box()
        assert drawing is not None
        clip = {"x": 0, "y": 0, "width": 1180, "height": drawing["y"] + drawing["height"] + 16}
        assert visit.screenshot("report", clip=clip).stat().st_size < 200_000
