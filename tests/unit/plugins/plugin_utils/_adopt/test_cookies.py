# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._adopt.cookies import (
    route_cookies,
)


def header(text):
    return {"name": "Header", "text": text}


def section(name, text, *inside):
    return {"name": name, "text": text, "directives": list(inside)}


def cookie(name="R", attributes="Path=/; SameSite=Lax"):
    value = f"{name}=.%{{BALANCER_WORKER_ROUTE}}e; {attributes}"
    return header(f'add Set-Cookie "{value}" env=BALANCER_ROUTE_CHANGED')


def balancer(stickysession="R", **options):
    parameters = {"stickysession": stickysession} if stickysession else {}
    return {"parameters": parameters, "references": [], **options}


EDIT = header("edit Set-Cookie Lax Strict")
SHOP = {"shop": balancer()}


def options(*directives, server=(), balancers=None):
    found = route_cookies(directives, server, balancers or SHOP)
    assert bool(found.lines) == bool(found.options) and not (found.lines and found.kept)
    return sorted(found.options)


@pytest.mark.parametrize(
    "directives",
    [
        [cookie()],
        [section("Proxy", "balancer://shop", cookie())],
        [section("Proxy", '"balancer://Shop/"', cookie())],
        [cookie(attributes="Domain=.Example.com; SameSite=none; Max-Age=5; secure; path=/a")],
        [cookie(), section("Location", "/", EDIT)],
        [cookie(), header("set X-Served-By %{BALANCER_WORKER_ROUTE}e")],
    ],
)
def test_a_line_that_the_option_says_becomes_the_option(directives):
    assert options(*directives) == ["shop"]


@pytest.mark.parametrize(
    "directives",
    [
        [cookie("OTHER")],
        [cookie(), cookie()],
        [cookie(), EDIT],
        [EDIT, cookie()],
        [cookie(), section("Proxy", "*", EDIT)],
        [section("Location", "/", cookie())],
        [section("Proxy", "balancer://shop", section("If", "true", cookie()))],
        [section("Proxy", "balancer://shop/sub", cookie())],
        [cookie(attributes="SameSite=Lax")],
        [cookie(attributes="Path=/")],
        [cookie(attributes="Path=/; SameSite=Lax; Partitioned")],
        [cookie(attributes="Path=/; SameSite=None")],
    ],
)
def test_a_line_stays_that_the_option_would_not_say_as_it_is(directives):
    assert options(*directives) == []


@pytest.mark.parametrize(
    ("directive", "text"),
    [
        ("SetHandler", '"proxy:balancer://shop/"'),
        ("ProxyPass", "/app balancer://shop"),
        ("ProxyPass", '"/app" "balancer://shop" nocanon'),
    ],
)
def test_a_line_stays_where_requests_are_that_the_section_of_the_option_does_not_hold_for(
    directive, text
):
    references = [{"directive": directive, "text": text}]
    assert options(cookie(), balancers={"shop": balancer(references=references)}) == []


def test_a_line_for_several_balancers_becomes_an_option_of_each_or_of_none():
    assert options(cookie(), balancers={"a": balancer(), "b": balancer()}) == ["a", "b"]
    assert options(cookie(), balancers={"a": balancer(), "b": balancer("JSESSIONID")}) == []
    assert options(cookie(), balancers={"a": balancer(), "b": balancer("")}) == ["a"]
    prefix = section("Proxy", "balancer://app", cookie())
    names = {"app": balancer(), "app-admin": balancer("JSESSIONID")}
    assert options(prefix, balancers=names) == []


def test_what_the_main_server_says_of_cookies_counts_as_far_as_it_holds():
    own = section("Proxy", "balancer://shop", cookie())
    assert options(server=[own]) == ["shop"]
    assert options(server=[cookie()]) == ["shop"]
    assert options(cookie(), server=[EDIT]) == []
    assert options(cookie(), server=[section("Proxy", "balancer://other", EDIT)]) == ["shop"]
