# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.parameters import (
    MEMBER,
    masked,
)
from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites.declared import (
    left_empty,
    misdeclared,
)

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


@pytest.mark.parametrize(
    ("declared", "place"),
    [
        (site(server_name=None), "server_name"),
        (site(balancers=None), "balancers"),
        (site(tls={"certificate": None}), "tls.certificate"),
        (site(session={"cookie": None}), "session.cookie"),
        (site(proxy_pass=[{"path": "/"}, {"path": None}]), "proxy_pass[1].path"),
        (site(balancers=[{"name": None, "members": []}]), "balancers[0].name"),
        (site({"url": None}), "balancers[0].members[1].url"),
    ],
)
def test_what_is_required_and_left_empty_is_named(declared, place):
    assert list(left_empty([site(), declared])) == [f"site shop: {place}: it is empty"]


def test_what_is_not_required_may_be_left_empty():
    declared = site({"route": None, "status": None}, tls=None, session=None, extra=None)
    declared["backend_tls"] = {"certificate": None}
    declared["balancers"][0].update(sticky_cookie={"name": None, "path": None}, proxy_set=None)
    assert list(left_empty([declared])) == []
