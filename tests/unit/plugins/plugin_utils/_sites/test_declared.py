# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.parameters import (
    MEMBER,
    masked,
)
from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites.declared import (
    left_empty,
    misdeclared,
)
from ansible_collections.webtier.apache_balancer.tests.support.options import role_spec

SECRET = "S3CRET"


def site(member=None, **options):
    app = {"name": "app", "members": [{"url": "http://n1"}, {"url": "http://n2", **(member or {})}]}
    return {"name": "shop", "server_name": "shop.example.com", "balancers": [app], **options}


@pytest.mark.parametrize(
    ("declared", "place"),
    [
        (site({"secret": MEMBER["secret"].shown(SECRET)}), "balancers[0].members[1].secret"),
        (site({"url": masked(f"http://u:{SECRET}@n2")}), "balancers[0].members[1].url"),
        (site(extra=masked(f"ProxySet http://n1 secret={SECRET}")), "extra"),
        (site(extra=f"#\n{masked(f'ProxySet http://n1 secret={SECRET}')}\n"), "extra, line 2"),
    ],
)
def test_what_results_show_instead_of_a_secret_is_refused_with_its_place(declared, place):
    assert SECRET not in str(declared)
    (problem,) = misdeclared([declared], {})
    assert problem.startswith(f"site shop: {place}: ")
    assert problem.endswith(
        "only stands for a secret, which was not shown; write the secret itself"
    )


@pytest.mark.parametrize(
    "extra", ["# ******** Our rules ********\n", "*" * 9, "*" * 7, "secret=****\n"]
)
def test_other_stars_are_just_stars(extra):
    assert list(misdeclared([site(extra=extra)], {})) == []


@pytest.mark.parametrize("application", ["Tomcat", "django", ""])
def test_an_application_that_is_not_known_is_refused_naming_those_that_are(application):
    declared = site()
    declared["balancers"][0]["application"] = application
    assert list(misdeclared([declared], {})) == [
        f"site shop: balancer app: application: {application!r} is none of tomcat, jetty, jboss, spring, php, generic;"
        " generic stands for any other"
    ]


def options_below(spec, above=()):
    """Yield the path of each option of *spec*, where 0 is the first of a list, and whether it is required."""
    for name, option in spec.get("options", {}).items():
        path = (*above, name)
        yield path, option.get("required", False)
        yield from options_below(option, (*path, 0) if option["type"] == "list" else path)


OPTIONS = dict(options_below(role_spec("load_balancer")["load_balancer_sites"]))


def nothing_at(path):
    """Return a site that has nothing at *path*, and no more than leads there."""
    value = None
    for word in reversed(path):
        value = [value] if word == 0 else {word: value}
    return {"name": "shop", **value}


def place_of(path):
    return re.sub(r"\.0\b", "[0]", ".".join(str(word) for word in path))


@pytest.mark.parametrize("path", [pytest.param(p, id=place_of(p)) for p in OPTIONS])
def test_what_is_left_empty_is_named_if_the_role_requires_it(path):
    place = place_of(path)
    name = None if place == "name" else "shop"
    expected = [f"site {name}: {place}: it is empty"] if OPTIONS[path] else []
    assert list(left_empty([site(), nothing_at(path)])) == expected


def test_each_of_several_is_looked_at():
    declared = site({"url": None}, proxy_pass=[{"path": "/"}, {"path": None}])
    assert list(left_empty([declared])) == [
        "site shop: balancers[0].members[1].url: it is empty",
        "site shop: proxy_pass[1].path: it is empty",
    ]


def test_what_is_not_required_may_be_left_empty():
    declared = site({"route": None, "status": None}, tls=None, session=None, extra=None)
    declared["backend_tls"] = {"certificate": None}
    declared["balancers"][0].update(sticky_cookie={"name": None, "path": None}, proxy_set=None)
    assert list(left_empty([declared])) == []
