# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.health import (
    checked,
    expression_name,
)

WELL = "(%{REQUEST_STATUS} -ge 200 && %{REQUEST_STATUS} -le 399)"


def test_a_check_of_which_nothing_is_declared_is_a_get_with_httpds_defaults():
    check = checked("app", {})
    assert {name: value for name, value in check.parameters.items() if value is not None} == {
        "hcmethod": "GET"
    }
    assert check.expression == ""


def test_every_option_is_a_parameter():
    options = {"method": "HEAD", "uri": "/up", "interval": "500ms", "passes": 2, "fails": 3}
    assert checked("app", options).parameters == {
        "hcmethod": "HEAD",
        "hcuri": "/up",
        "hcinterval": 500,
        "hcpasses": 2,
        "hcfails": 3,
        "hcexpr": None,
        "hctemplate": None,
    }


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("http://a:8080", "/up"),
        ("http://a:8080/shop", "up"),
        ("http://[::1]:80/shop", "up"),
        ("unix:/run/app.sock|http://app/shop", "up"),
    ],
)
def test_a_member_with_a_path_is_asked_below_it(url, uri):
    assert checked("app", {"uri": "/up"}).of(url)["hcuri"] == uri


@pytest.mark.parametrize(
    ("options", "url", "uri"),
    [
        ({}, "http://a:8080", "/"),
        ({"method": "OPTIONS"}, "unix:/run/app.sock|http://app", "/"),
        ({}, "http://a:8080/shop", None),
        # httpd would ask for /shop//.
        ({"uri": "/"}, "http://a:8080/shop", None),
        ({"uri": "/"}, "http://a:8080", "/"),
        ({"method": "TCP"}, "http://a:8080", None),
    ],
)
def test_without_a_uri_a_member_is_asked_for_its_path_and_else_for_the_root(options, url, uri):
    assert checked("app", options).of(url)["hcuri"] == uri


@pytest.mark.parametrize(
    ("statuses", "expression"),
    [
        (["200"], "%{REQUEST_STATUS} -eq 200"),
        (["2xx"], "(%{REQUEST_STATUS} -ge 200 && %{REQUEST_STATUS} -le 299)"),
        (
            ["200-204", "3XX", 401],
            "(%{REQUEST_STATUS} -ge 200 && %{REQUEST_STATUS} -le 204)"
            " || (%{REQUEST_STATUS} -ge 300 && %{REQUEST_STATUS} -le 399)"
            " || %{REQUEST_STATUS} -eq 401",
        ),
        (["100-599"], "(%{REQUEST_STATUS} -ge 100 && %{REQUEST_STATUS} -le 599)"),
        (["200-200"], "%{REQUEST_STATUS} -eq 200"),
    ],
)
def test_statuses_become_an_expression(statuses, expression):
    check = checked("app", {"expect_status": statuses})
    assert (check.expression, check.parameters["hcexpr"]) == (expression, "hc_app")


def test_a_text_becomes_a_regular_expression_of_nothing_but_plain_and_hexadecimal_characters():
    text = 'it\'s "fine" {ok} ${X} %{Y}e a/b\\c.* é'
    expression = checked("app", {"expect_body": text}).expression
    assert expression.startswith(f"({WELL}) && hc('body') =~ /")
    pattern = expression[len(f"({WELL}) && hc('body') =~ /") : -1]
    assert re.fullmatch(r"([A-Za-z0-9 _]|\\x[0-9a-f]{2})+", pattern)
    assert re.fullmatch(pattern.encode(), text.encode())
    assert checked("app", {"expect_body": "x" * 500}).expression.endswith("x" * 500 + "/")


def test_names_of_expressions_fit_and_differ():
    names = ["app", "a" * 12, "a" * 13, "a" * 14, "application-one", "application-two"]
    made = [expression_name(name) for name in names]
    assert len(set(made)) == len(made) and all(len(name) <= 15 for name in made)
    assert made == [expression_name(name) for name in names]


def test_names_of_expressions_stay_as_they_stand_in_files():
    assert expression_name("twelve-chars") == "hc_twelve-chars"
    assert expression_name("thirteen-char") == "hc_thirt~od0as8"
    assert expression_name("orders-of-the-north") == "hc_order~7plhy2"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"method": "PUT"}, "method: 'PUT' is not possible"),
        ({"interval": "10ms"}, "interval: '10ms' is not possible: it must be 100 ms or more"),
        ({"interval": "5 s"}, "interval: '5 s' is not possible"),
        ({"passes": 0}, "passes: 0 is not possible"),
        ({"fails": 0}, "fails: 0 is not possible"),
        ({"uri": "up"}, "uri: 'up' is not possible: it begins with '/'"),
        ({"uri": "/u p"}, "uri: '/u p' is not possible"),
        ({"uri": "/" + "u" * 63}, "64 bytes long; httpd keeps 63"),
        ({"method": "TCP", "uri": "/up"}, "uri: method TCP asks no URL"),
        ({"method": "CPING", "expect_status": ["200"]}, "expect_status: method CPING asks no URL"),
        (
            {"method": "HEAD", "expect_body": "x"},
            "expect_body: method HEAD gets no body; use GET or",
        ),
        ({"expect_status": []}, "expect_status is empty"),
        *[
            ({"expect_status": [text]}, "expect_status: .* is not possible; write a status")
            for text in (
                "",
                "20",
                "2000",
                "6xx",
                "099",
                "500-600",
                "299-200",
                "200-",
                "2xx-3xx",
                "200 || true",
                "\u0662\u0660\u0660",
            )
        ],
        ({"expect_body": ""}, "it is empty"),
        ({"expect_body": "a\nb"}, "control character"),
        ({"expect_body": "a\x00b"}, "control character"),
        ({"expect_body": "x" * 501}, "501 bytes long; use at most 500"),
    ],
)
def test_what_httpd_would_not_check_is_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        checked("app", options)
