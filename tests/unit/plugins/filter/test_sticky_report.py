# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import html.parser
import inspect
import json
import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.webtier.apache_balancer.plugins.filter.sticky_report import (
    FilterModule,
    sticky_report,
)

ROOT = Path(__file__).parents[4]
FIXTURES = ROOT / "tests" / "unit" / "fixtures" / "report"
URL = "http://shop.example/"
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'&\x00\u202e"
VOID = {"meta", "br"}
BLOCKS = {"p", "h1", "h2", "h3", "li", "th", "td", "caption", "pre", "text", "title", "desc"}


class Reader(html.parser.HTMLParser):
    """Reads a page, sees that each element that begins ends, and keeps elements and text."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.words, self.open = [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len(attrs) == len(dict(attrs))
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.words.append(" " if tag in BLOCKS else "")

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    def all(self, name):
        return [attributes for tag, attributes in self.elements if tag == name]


def recorded(name):
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def made(run, **options):
    return sticky_report(run["sticky"], url=URL, balancers=run["balancers"], **options)


@pytest.fixture(params=["healthy", "moved"])
def page(request):
    return made(recorded(request.param))["page"]


def test_a_good_run_has_no_problems():
    result = made(recorded("healthy"))
    assert (result["problems"], result["remarks"]) == ([], [])
    assert result["headline"] == "All 20 sessions stayed on their node."
    assert result["headline"] in Reader(result["page"]).text


def test_a_run_in_which_sessions_moved_says_so_with_cause_and_fix():
    result = made(recorded("moved"))
    text = Reader(result["page"]).text
    assert result["headline"] == "5 of 24 sessions moved to another node."
    assert "Not proven 5 of 24 sessions moved" in text
    assert "AB413 5 moved from route node2 because http://10.0.0.12:8080 could not be used" in text
    assert "What to do: Enable it; to take a node out without moving its sessions, drain it" in text
    assert "client 2 21 B node2 D node4" in text and "Moved: 5 sessions" in text
    assert "status not set none disabled" in text  # drift: declared, file, running


def test_where_when_and_from_where_are_told():
    result = made(recorded("healthy"), origin="ctl", time="2026-11-25 15:43 UTC")
    assert "from ctl, 2026-11-25 15:43 UTC." in Reader(result["page"]).text


def test_a_site_that_was_asked_at_another_address_is_told_by_its_name():
    run = recorded("healthy")
    run["sticky"]["cookies"][0]["domain"] = "shop.example"
    result = sticky_report(run["sticky"], url="http://10.0.0.5:81/cart", server_name="shop.example")
    text = Reader(result["page"]).text
    assert "Sticky sessions of http://shop.example/cart " in text
    assert "asked at 10.0.0.5:81" in text
    assert "is not that of" not in text  # its cookies are meant for that name


def test_the_page_loads_nothing_and_runs_nothing(page):
    reader = Reader(page)
    assert {tag for tag, dummy in reader.elements}.isdisjoint(
        {"script", "link", "img", "iframe", "object", "form", "a", "base"}
    )
    for dummy, attributes in reader.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.keys().isdisjoint({"src", "href", "srcset", "action"})
    assert "@import" not in page
    assert set(re.findall(r"url\((.*?)\)", page)) <= {f"#node{n}" for n in range(9)}


def test_names_of_elements_are_unique_and_what_refers_to_them_finds_them(page):
    elements = Reader(page).elements
    names = [attributes["id"] for dummy, attributes in elements if "id" in attributes]
    assert len(names) == len(set(names))
    for dummy, attributes in elements:
        for reference in ("aria-labelledby", "aria-describedby"):
            assert set(attributes.get(reference, "").split()) <= set(names)


def test_the_page_has_landmarks_one_title_and_headings_in_order(page):
    reader = Reader(page)
    assert reader.all("html") == [{"lang": "en"}]
    assert [len(reader.all(tag)) for tag in ("header", "main", "footer", "h1")] == [1, 1, 1, 1]
    levels = [int(tag[1]) for tag, dummy in reader.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:]))
    assert all(section["aria-labelledby"] for section in reader.all("section"))


def test_every_heading_of_a_table_says_what_it_is_of_and_every_table_is_named(page):
    reader = Reader(page)
    assert {attributes.get("scope") for attributes in reader.all("th")} == {"col", "row"}
    assert len(reader.all("caption")) == len(reader.all("table")) > 0


def test_every_drawing_is_described_or_hidden_from_who_cannot_see_it(page):
    for drawing in Reader(page).all("svg"):
        if drawing.get("aria-hidden") != "true":
            assert drawing["role"] == "img"
            assert drawing["aria-labelledby"] and drawing["aria-describedby"]


def poisoned(value):
    """*value* with every name in it made hostile; what has to be one of few words, and numbers, are left."""
    if isinstance(value, dict):
        return {key: poisoned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    return value + HOSTILE if isinstance(value, str) else value


def test_nothing_from_outside_becomes_a_part_of_the_page():
    run = poisoned(recorded("moved"))
    run["sticky"]["distribution"] = {
        name + HOSTILE: share for name, share in run["sticky"]["distribution"].items()
    }
    run["sticky"]["failures"] = [{"client": HOSTILE, "request": 1, "reason": HOSTILE}]
    info = run["balancers"].pop("lb1")
    info["problems"] = [
        {"code": HOSTILE, "message": HOSTILE, "file": HOSTILE, "line": 1, "fix": HOSTILE}
    ]
    info["reload_reasons"] = [HOSTILE]
    info["not_reached"] = [{"balancer": HOSTILE, "vhost": HOSTILE, "reason": HOSTILE}]
    run["balancers"] = {"lb1" + HOSTILE: info, HOSTILE: {"msg": HOSTILE}}
    result = sticky_report(
        run["sticky"],
        url=f"http://{HOSTILE}/{HOSTILE}",
        balancers=run["balancers"],
        origin=HOSTILE,
        time=HOSTILE,
    )
    tame = Reader(made(recorded("moved"))["page"])
    reader = Reader(result["page"])
    assert {tag for tag, dummy in reader.elements} <= {tag for tag, dummy in tame.elements} | {"br"}
    assert {name for dummy, attributes in reader.elements for name in attributes} <= {
        name for dummy, attributes in tame.elements for name in attributes
    }
    assert "<script>alert(1)</script>" in reader.text  # as words
    assert result["page"].count("\x00") == result["page"].count("\u202e") == 0


def test_a_secret_that_got_into_a_result_does_not_get_on_the_page():
    run = recorded("moved")
    run["sticky"]["cookies"][0]["value"] = "S3CRET"
    run["sticky"]["invocation"] = {"module_args": {"headers": {"Authorization": "S3CRET"}}}
    run["sticky"]["set_cookie"] = run["sticky"]["jar"] = "S3CRET"
    run["balancers"]["lb1"]["invocation"] = {"module_args": {"manager_password": "S3CRET"}}
    run["balancers"]["lb1"]["balancers"][0]["parameters"]["nonce"] = "S3CRET"
    run["balancers"]["lb1"]["balancers"][0]["members"][0]["config"]["secret"] = "S3CRET"
    result = sticky_report(
        run["sticky"],
        url="https://me:S3CRET@shop.example:8443/a;jsessionid=S3CRET?token=S3CRET#S3CRET",
        balancers=run["balancers"],
    )
    assert "S3CRET" not in json.dumps(result)
    assert result["url"] == "https://shop.example:8443/a"


def test_a_page_of_many_sessions_stays_small_enough_to_be_opened():
    run = recorded("healthy")
    rows = run["sticky"]["trace"]
    run["sticky"]["trace"] = [
        {"client": n, "visits": rows[n % 20]["visits"] * 30} for n in range(3000)
    ]
    page = made(run)["page"]
    assert "200 of 3000 sessions are drawn, none moved." in page
    assert len(page) < 2_000_000


@pytest.mark.parametrize(
    "key", ["trace", "violations", "failures", "cookies", "diagnosis", "distribution"]
)
def test_a_result_without_a_part_still_makes_a_page(key):
    run = recorded("moved")
    del run["sticky"][key]
    Reader(made(run)["page"])


def test_a_page_can_be_made_without_balancers():
    text = Reader(sticky_report(recorded("healthy")["sticky"], url=URL)["page"]).text
    assert "Balancers of" not in text


def test_a_host_that_could_not_be_read_is_told_with_the_reason():
    run = recorded("healthy")
    result = made({**run, "balancers": {"lb2": {"msg": "no route to host"}}})
    assert "They could not be read: no route to host." in Reader(result["page"]).text
    assert result["problems"] == []


def test_a_member_that_only_the_file_has_is_told_as_such():
    run = copy.deepcopy(recorded("healthy"))
    run["balancers"]["lb1"]["balancers"][0]["members"][0].update(
        runtime=None, usable=None, accepts_new=None
    )
    text = Reader(made(run)["page"]).text
    assert "not in the running httpd, or not asked not known 1 not known not known" in text


def test_the_documentation_names_the_options_and_what_comes_back():
    documented = yaml.safe_load(
        (ROOT / "plugins" / "filter" / "sticky_report.yml").read_text(encoding="utf-8")
    )
    options = list(inspect.signature(FilterModule().filters()["sticky_report"]).parameters)
    assert set(documented["DOCUMENTATION"]["options"]) == {"_input", *options[1:]}
    returned = (
        yaml.safe_load(documented["RETURN"])
        if isinstance(documented["RETURN"], str)
        else documented["RETURN"]
    )
    assert list(returned["_value"]["contains"]) == list(made(recorded("healthy")))
