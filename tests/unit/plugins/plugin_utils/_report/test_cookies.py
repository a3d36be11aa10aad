# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._report.cookies import (
    better,
    wrong,
)

HTTP, HTTPS = urlsplit("http://shop.example/cart/1"), urlsplit("https://shop.example/cart/1")
GOOD = {
    "name": "SID",
    "path": "/",
    "domain": None,
    "secure": True,
    "httponly": True,
    "samesite": "Lax",
}


def cookie(**changes):
    return {**GOOD, **changes}


def test_a_good_cookie_is_left_in_peace():
    assert wrong(GOOD, HTTPS) == better(GOOD, HTTPS) == []


@pytest.mark.parametrize(
    "changes, url, said",
    [
        ({}, HTTP, "Secure, but the site was asked over plain HTTP"),
        ({"secure": False, "samesite": "None"}, HTTPS, "SameSite=None without Secure"),
        ({"path": "/admin"}, HTTPS, "path /admin does not cover /cart/1"),
        ({"path": "/car"}, HTTPS, "path /car does not cover"),
        ({"domain": "other.example"}, HTTPS, "domain other.example is not that of shop.example"),
        ({"domain": "op.example"}, HTTPS, "domain op.example is not"),
        ({"name": "__Secure-SID", "secure": False}, HTTPS, "begins with __Secure-"),
        ({"name": "__Host-SID", "path": "/cart"}, HTTPS, "begins with __Host-"),
        ({"name": "__Host-SID", "domain": "shop.example"}, HTTPS, "begins with __Host-"),
    ],
)
def test_what_browsers_refuse_or_do_not_send_back_is_said(changes, url, said):
    (sentence,) = wrong(cookie(**changes), url)
    assert said in sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "/cart"},
        {"path": "/cart/"},
        {"path": "/cart/1"},
        {"path": "relative"},
        {"path": None},
        {"domain": ".example"},
        {"domain": "SHOP.example"},
        {"name": "__Host-SID"},
    ],
)
def test_what_browsers_take_is_not_blamed(changes):
    assert wrong(cookie(**changes), HTTPS) == []


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:80", "a.localhost"])
def test_a_secure_cookie_works_over_plain_http_on_this_machine(host):
    assert wrong(GOOD, urlsplit(f"http://{host}/")) == []


@pytest.mark.parametrize(
    "changes, url, said",
    [
        ({"secure": False}, HTTPS, "sent over plain HTTP too"),
        ({"secure": False}, HTTP, "that needs HTTPS"),
        ({"httponly": False}, HTTPS, "scripts can read it"),
        ({"samesite": None}, HTTPS, "without SameSite"),
    ],
)
def test_what_would_make_it_safer_is_said(changes, url, said):
    (sentence,) = better(cookie(**changes), url)
    assert said in sentence


def test_an_address_is_below_no_domain():
    assert wrong(cookie(domain="0.0.1"), urlsplit("https://10.0.0.1/"))
