# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What filters say to values of another shape than they take."""

from __future__ import annotations

from functools import partial

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.webtier.apache_balancer.plugins.filter.members_from_groups import (
    members_from_groups,
)
from ansible_collections.webtier.apache_balancer.plugins.filter.ports_to_label import ports_to_label
from ansible_collections.webtier.apache_balancer.plugins.filter.route import route
from ansible_collections.webtier.apache_balancer.plugins.filter.site_configuration import (
    site_configuration,
)
from ansible_collections.webtier.apache_balancer.plugins.filter.site_problems import site_problems
from ansible_collections.webtier.apache_balancer.plugins.filter.sticky_report import sticky_report

configured = partial(site_configuration, folder="/etc/lb", main_file="/etc/lb.conf")
LABELS = "http_port_t  tcp  80, 443"
ASKED = [{"name": "shop", "balancers": [{"name": "app", "members_from": {"group": "nodes"}}]}]


def with_balancers(balancers):
    return [{"name": "shop", "server_name": "shop.example.com", "balancers": balancers}]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (partial(route, None), "route: None is no name of a host"),
        (partial(route, 5), "route: 5 is no name of a host"),
        (partial(route, ["n1"]), "route: ['n1'] is no"),
        (partial(route, ""), "route: '' is no"),
        (
            partial(ports_to_label, None, LABELS),
            "ports_to_label: ports: None; labels: 'http_port_t",
        ),
        (partial(ports_to_label, "80", LABELS), "ports: '80'"),
        (partial(ports_to_label, ["http"], ""), "ports: ['http']"),
        (partial(ports_to_label, [8406], None), "labels: None"),
        (partial(sticky_report, None, url="http://a/"), "sticky_report: result: None; url"),
        (partial(sticky_report, "failed", url="http://a/"), "result: 'failed'"),
        (partial(sticky_report, {}, url=5), "url: 5"),
        (partial(sticky_report, {}, url="http://a/", balancers=["lb1"]), "balancers: ['lb1']"),
        (partial(sticky_report, {"trace": 3}, url="http://a/"), "result: {'trace': 3}"),
        (partial(sticky_report, {}, url="http://a/", expect="moves"), "expect: 'moves'"),
        (partial(members_from_groups, "shop", {}, {}), "members_from_groups: sites: 'shop'"),
        (partial(members_from_groups, None, {}, {}), "sites: None"),
        (partial(members_from_groups, ASKED, None, {}), "groups: None"),
        (partial(members_from_groups, ASKED, {"nodes": ["n1"]}, None), "hostvars: 'NoneType'"),
        (partial(members_from_groups, ASKED, {"nodes": ["n1"]}, {}), "KeyError: 'n1'"),
        (
            partial(
                members_from_groups, [{"balancers": [{"members_from": {}}]}], {"nodes": []}, {}
            ),
            "KeyError: 'group'",
        ),
        *(
            (partial(function, value), said)
            for function in (configured, site_problems)
            for value, said in (
                (None, "sites: None"),
                ("shop", "sites: 'shop'"),
                (["shop"], "sites: ['shop']"),
                ([{"name": "shop"}], "sites: [{'name': 'shop'}]"),
                (with_balancers({"app": {}}), "'balancers': {'app': {}}"),
                (with_balancers([{"members": []}]), "KeyError: 'name'"),
                (with_balancers([{"name": "app", "members": "http://n1"}]), "'http://n1'"),
                (with_balancers([{"name": "app", "members": [{"route": "n1"}]}]), "'url'"),
            )
        ),
        (partial(configured, [], existing_listen=object), "existing_listen: "),
        (partial(configured, [], modules=[[]]), "load_balancer_modules: '[]' is no module name"),
        (partial(configured, [], modules=object), "modules: "),
        (partial(site_problems, [], modules=object), "modules: "),
        (partial(configured, [], httpd=["mpm"]), "httpd: ['mpm']"),
        (
            partial(
                configured,
                with_balancers([{"name": "app", "members": [{"url": "http://n1"}]}]),
                member_defaults="retry",
            ),
            "member_defaults: 'retry'",
        ),
    ],
)
def test_a_value_of_another_shape_is_refused_with_what_it_is(call, said):
    with pytest.raises(AnsibleFilterError) as caught:
        call()
    assert said in str(caught.value)


@pytest.mark.parametrize("function", [configured, site_problems])
def test_a_refusal_shows_no_secret(function):
    members = [{"url": "ajp://n1", "secret": "S3CRET", "x": "http://me:S3CRET@n1/?token=S3CRET"}]
    for wrong in ({"app": {"members": members}}, [{"members": members}]):
        with pytest.raises(AnsibleFilterError) as caught:
            function(with_balancers(wrong))
        assert "ajp://n1" in str(caught.value) and "S3CRET" not in str(caught.value)
    with pytest.raises(AnsibleFilterError) as caught:
        members_from_groups(ASKED, {"nodes": ["n1"]}, {"n1": "S3CRET"})
    assert "S3CRET" not in str(caught.value)
