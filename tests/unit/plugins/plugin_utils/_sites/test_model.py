# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites.model import (
    Forward,
    Manager,
    addresses,
    read,
    read_all,
)

APP = {"name": "app", "members": [{"url": "http://n1"}]}
SITE = {"name": "shop", "server_name": "shop.example.com", "balancers": [APP]}
TLS = {"certificate": "/etc/ssl/shop.pem"}
MANAGER = Manager("127.0.0.2", 8008)


def site(**options):
    return read({**SITE, **options}, {})


def test_the_only_balancer_of_a_site_gets_all_its_requests():
    assert site().proxy_pass == [Forward("/", "app", "/")]


def test_an_empty_list_of_paths_is_not_an_omitted_one():
    assert site(proxy_pass=[]).proxy_pass == []


def test_the_longest_path_comes_first_because_httpd_takes_the_first_match():
    paths = [{"path": path, "balancer": "app"} for path in ("/", "/a/", "/a/b/")]
    assert [forward.path for forward in site(proxy_pass=paths).proxy_pass] == ["/a/b/", "/a/", "/"]


def test_a_site_without_tls_answers_where_it_listens():
    assert (site().served_on, site().redirected_on) == (["*:80"], [])


def test_a_site_with_tls_redirects_plain_requests():
    assert (site(tls=TLS).served_on, site(tls=TLS).redirected_on) == (["*:443"], ["*:80"])


@pytest.mark.parametrize("no", [False, "false", "no", "Off"])
def test_a_site_with_tls_that_does_not_redirect_does_not_speak_plain_http(no):
    silent = site(tls={**TLS, "redirect": no})
    assert (silent.listen, silent.served_on, silent.redirected_on) == ([], ["*:443"], [])


def test_a_null_is_an_omitted_option():
    assert site(server_aliases=None, listen=None, tls=None, extra=None) == site()


@pytest.mark.parametrize(
    ("option", "alone", "meant"),
    [
        ("server_aliases", "www.example.com", ["www.example.com"]),
        ("server_aliases", "www.example.com, example.com", ["www.example.com", "example.com"]),
        ("listen", "8080", ["8080"]),
        ("listen", 8080, ["8080"]),
        ("listen", "80,8080", ["80", "8080"]),
        ("tls", {**TLS, "listen": 8443}, {**TLS, "listen": ["8443"]}),
        ("trusted_proxies", "10.0.0.0/8", ["10.0.0.0/8"]),
    ],
)
def test_what_ansible_takes_for_a_list_is_one(option, alone, meant):
    assert site(**{option: alone}) == site(**{option: meant})


@pytest.mark.parametrize(
    ("alone", "meant"),
    [
        ({"proxy_set": {"failonstatus": 503}}, {"proxy_set": {"failonstatus": [503]}}),
        (
            {"proxy_set": {"failonstatus": "500,503"}},
            {"proxy_set": {"failonstatus": ["500", "503"]}},
        ),
        ({"health_check": {"expect_status": 200}}, {"health_check": {"expect_status": [200]}}),
        (
            {"health_check": {"expect_status": "200, 3xx"}},
            {"health_check": {"expect_status": ["200", "3xx"]}},
        ),
        (
            {"members": [{"url": "http://n1", "status": "drained,disabled"}]},
            {"members": [{"url": "http://n1", "status": ["drained", "disabled"]}]},
        ),
        (
            {"member_defaults": {"status": "drained"}, "members": [{"url": "http://n1"}]},
            {"members": [{"url": "http://n1", "status": ["drained"]}]},
        ),
        # A YAML file says on and off without quotes.
        (
            {"members": [{"url": "http://n1", "flushpackets": True}]},
            {"members": [{"url": "http://n1", "flushpackets": "on"}]},
        ),
        (
            {"members": [{"url": "http://n1", "flushpackets": False}]},
            {"members": [{"url": "http://n1", "flushpackets": "off"}]},
        ),
    ],
)
def test_what_ansible_takes_for_the_parameters_of_a_balancer_they_are(alone, meant):
    assert site(balancers=[{**APP, **alone}]) == site(balancers=[{**APP, **meant}])


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"proxy_pass": [{"path": 1}]}, {"proxy_pass": [{"path": "1"}]}),
        (
            {"proxy_pass": [{"path": "/", "balancer": 1}]},
            {"proxy_pass": [{"path": "/", "balancer": "1"}]},
        ),
        (
            {"proxy_pass": [{"path": "/", "balancer": "app", "backend_path": 1}]},
            {"proxy_pass": [{"path": "/", "balancer": "app", "backend_path": "1"}]},
        ),
        ({"tls": {"certificate": 1, "key": 2}}, {"tls": {"certificate": "1", "key": "2"}}),
        ({"extra": 1.5}, {"extra": "1.5"}),
        (
            {"balancers": [{**APP, "health_check": {"expect_body": True}}]},
            {"balancers": [{**APP, "health_check": {"expect_body": "True"}}]},
        ),
        ({"server_aliases": [None, "www"]}, {"server_aliases": ["www"]}),
    ],
)
def test_what_ansible_takes_for_a_text_is_one(given, meant):
    assert site(**given) == site(**meant)


def test_a_member_gets_the_defaults_it_does_not_have():
    members = [{"url": "http://n1", "retry": 5, "ttl": None}, {"url": "http://n2"}]
    balancer = {"name": "app", "members": members}
    read_site = read({**SITE, "balancers": [balancer]}, {"retry": 1, "ttl": 9, "ping": None})
    assert read_site.balancers[0]["members"] == [
        {"url": "http://n1", "retry": 5, "ttl": 9},
        {"url": "http://n2", "retry": 1, "ttl": 9},
    ]


def test_what_is_declared_is_not_changed_by_reading_it():
    member = {"url": "http://n1"}
    read({**SITE, "balancers": [{"name": "app", "members": [member]}]}, {"retry": 1})
    assert member == {"url": "http://n1"}


def test_a_balancer_has_room_for_members_that_are_added_while_httpd_runs():
    assert site().balancers[0]["proxy_set"] == {"growth": 10}
    own = {**APP, "proxy_set": {"growth": 3, "lbmethod": "bytraffic", "timeout": None}}
    assert site(balancers=[own]).balancers[0]["proxy_set"] == {"growth": 3, "lbmethod": "bytraffic"}


def managers(*declared):
    sites = read_all([{**SITE, **options} for options in declared], {}, MANAGER)
    return [each.manager for each in sites]


def test_a_site_has_no_manager_unless_there_is_a_place_for_it():
    (plain,) = read_all([SITE], {})
    assert (plain.manager, plain.manager_url) == ("", "")
    (managed,) = read_all([SITE], {}, MANAGER)
    assert managed.manager_url == "http://127.0.0.2:8008/balancer-manager"


def test_sites_that_are_told_apart_by_name_have_their_manager_at_one_address():
    names = [{"server_name": name} for name in ("shop.example.com", "zoo.example.com")]
    assert managers(*names, {"server_name": "tls.example.com", "tls": TLS}) == [
        "127.0.0.2:8008",
        "127.0.0.2:8008",
        "127.0.0.2:8008",
    ]


def test_a_site_whose_name_an_earlier_one_answers_to_has_its_manager_at_the_next_port():
    assert managers(
        {"server_aliases": ["*.example.org", "sh?p"]},
        {"listen": [8080], "server_name": "SHOP.example.com"},
        {"listen": [8081]},
        {"listen": [8080], "server_name": "a.example.org"},
        {"server_name": "example.org"},
        {"listen": [8080], "server_name": "shop"},
        {"server_name": "shoop"},
    ) == [
        "127.0.0.2:8008",
        "127.0.0.2:8009",
        "127.0.0.2:8010",
        "127.0.0.2:8009",
        "127.0.0.2:8008",
        "127.0.0.2:8009",
        "127.0.0.2:8008",
    ]


def test_a_name_that_a_later_site_answers_to_is_still_told_apart():
    later = {"server_name": "other.example.com", "server_aliases": ["*.example.com"]}
    assert managers({}, later) == ["127.0.0.2:8008", "127.0.0.2:8008"]


def test_an_address_is_written_once_and_as_virtual_hosts_write_it():
    listen = [80, "80", "*:80", "10.0.0.1:80", "[2001:DB8::1]:80"]
    assert addresses(listen) == ["*:80", "10.0.0.1:80", "[2001:db8::1]:80"]


def balancer(tls=None, **options):
    (found,) = site(tls=tls, balancers=[{**APP, **options}]).balancers
    return found


@pytest.mark.parametrize("application", ["tomcat", "jetty", "jboss", "spring"])
def test_a_servlet_container_has_its_own_cookie(application):
    found = balancer(application=application)
    assert found["proxy_set"]["stickysession"] == "JSESSIONID|jsessionid"
    assert found["proxy_set"]["scolonpathdelim"] is True
    assert "sticky_cookie" not in found and "application" not in found


@pytest.mark.parametrize("application", ["php", "generic"])
@pytest.mark.parametrize("tls", [None, TLS])
def test_other_applications_get_one_of_httpd(application, tls):
    found = balancer(application=application, tls=tls)
    assert found["sticky_cookie"] == {"secure": tls is not None}
    assert "stickysession" not in found["proxy_set"]


def test_each_field_of_an_application_may_be_declared_otherwise():
    found = balancer(
        application="tomcat", proxy_set={"stickysession": "SID", "scolonpathdelim": None}
    )
    assert found["proxy_set"] == {"growth": 10, "stickysession": "SID", "scolonpathdelim": True}
    found = balancer(application="php", tls=TLS, sticky_cookie={"secure": "no", "max_age": "5"})
    assert found["sticky_cookie"] == {"secure": False, "max_age": 5}
    found = balancer(application="php", proxy_set={"stickysession": "R|r"})
    assert found["sticky_cookie"]["name"] == "R"
    found = balancer(application="tomcat", sticky_cookie={"name": "R"})
    assert found["proxy_set"] == {"growth": 10} and found["sticky_cookie"]["name"] == "R"


def test_what_is_not_declared_any_more_is_taken_back():
    assert balancer()["reset"] == ["sticky_cookie", "health_check"]
    assert balancer(application="php", health_check={"uri": "/up"})["reset"] == []
    assert "reset" not in balancer(purge=["members"])


def test_a_cookie_that_a_site_issues_itself_is_left_alone():
    extra = 'Header add Set-Cookie "R=.%{BALANCER_WORKER_ROUTE}e" env=BALANCER_ROUTE_CHANGED'
    assert site(extra=extra).balancers[0]["reset"] == ["health_check"]
