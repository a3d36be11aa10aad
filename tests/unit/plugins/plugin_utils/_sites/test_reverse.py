# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites.model import read
from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites.reverse import (
    translations,
)


def said(*urls, path="/", **forward):
    site = read(
        {
            "name": "shop",
            "server_name": "shop.example.com",
            "balancers": [{"name": "App", "members": [{"url": url} for url in urls]}],
            "proxy_pass": [{"path": path, "balancer": "app", **forward}],
        },
        {},
    )
    return [(name, match) for dummy, name, match, *rest in translations(site, site.proxy_pass[0])]


@pytest.mark.parametrize("url", ["http://n1", "http://n1/", "unix:/run/app.sock|http://app/"])
def test_where_backends_see_the_path_of_the_site_there_is_nothing_to_translate(url):
    assert said(url) == []
    assert said(url, path="/a/", backend_path="/a/") == []


@pytest.mark.parametrize(
    "url", ["fcgi://n1/srv/www", "scgi://n1/", "uwsgi://n1/", "unix:/run/php.sock|fcgi://n1/srv"]
)
def test_an_application_that_is_told_the_path_of_the_site_needs_no_translation(url):
    assert said(url, path="/reports/", backend_path="/") == []


def test_the_path_of_each_member_comes_before_that_of_the_backends():
    found = said("http://n1/one", "http://n2/one/", "unix:/run/two|ajp://n3/longer", path="/a/")
    assert [match for name, match in found if name == "Set-Cookie"] == [
        rf"(;\s*(?i:path)=)/{context}/a(?:/|(?=[/?#;\s]|$))" for context in ("longer", "one")
    ]
