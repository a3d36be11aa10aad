# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.modules import run
from ansible_collections.webtier.apache_balancer.tests.support.traffic import Backend

SITE = """\
Define NODE 127.0.0.1:1011
<Macro Balancer $name>
<Proxy balancer://$name>
BalancerMember http://127.0.0.1:1099 route=m
</Proxy>
</Macro>
<VirtualHost 127.0.0.1:{port}>
ServerName shop
Use Balancer macro
<IfModule mod_proxy.c>
Include {root}/fragments/app.conf
</IfModule>
<IfModule mod_nosuch.c>
<Proxy balancer://never>
BalancerMember http://127.0.0.1:1
</Proxy>
</IfModule>
ProxyPass "/" "balancer://app/"
</VirtualHost>
"""
FRAGMENT = """\
<Proxy balancer://app>
BalancerMember http://${NODE} route=n1 secret=hunter2 status=+D
ProxySet stickysession=SID maxattempts=2x
</Proxy>
"""


@pytest.fixture()
def shop(httpd):
    httpd.write("conf/shop.conf", SITE.format(port=httpd.port, root=httpd.root))
    httpd.write("fragments/app.conf", FRAGMENT)
    main = httpd.config_file.read_text()
    httpd.write(
        "httpd.conf", main.replace("LoadModule proxy_module", MACRO + "LoadModule proxy_module")
    )
    return httpd


MACRO = "LoadModule macro_module /usr/lib/apache2/modules/mod_macro.so\n"


def test_balancers_are_those_httpd_resolves(shop, balancer_info):
    result = balancer_info()
    names = [(balancer["name"], balancer["vhost"]) for balancer in result["balancers"]]
    assert names == [("macro", "shop"), ("app", "shop")]
    app = result["balancers"][1]
    assert (app["file"], app["line"]) == (f"{shop.root}/fragments/app.conf", 1)
    assert app["parameters"] == {"stickysession": "SID", "maxattempts": 2}
    (member,) = app["members"]
    assert (member["url"], member["line"]) == ("http://127.0.0.1:1011", 2)
    assert member["config"]["route"] == "n1" and member["config"]["status"] == ["disabled"]
    assert [reference["directive"] for reference in app["references"]] == ["ProxyPass"]


def test_secrets_are_not_shown(shop, balancer_info):
    assert "hunter2" not in str(balancer_info())


def test_problems_are_named_with_their_place(shop, balancer_info):
    problems = balancer_info()["problems"]
    assert [(p["code"], p["file"], p["line"]) for p in problems] == [
        ("AB304", f"{shop.root}/fragments/app.conf", 3)
    ]


def test_it_can_be_narrowed(shop, balancer_info):
    assert [b["name"] for b in balancer_info(name="APP")["balancers"]] == ["app"]
    assert balancer_info(vhost="_main")["balancers"] == []
    assert len(balancer_info(vhost="shop")["balancers"]) == 2


def test_a_virtual_host_that_is_not_there_is_an_error(shop, balancer_info):
    result = balancer_info(vhost="nowhere")
    assert result["failed"] is True and "there is no virtual host nowhere" in result["msg"]


def test_a_member_from_a_macro_is_not_changed_there(shop, balancer):
    result = balancer(name="macro", members=[{"url": "http://127.0.0.1:1099", "route": "x"}])
    assert result["failed"] is True and "macro" in result["msg"]


def test_a_running_httpd_says_so(shop, balancer_info):
    assert balancer_info()["running"] is False
    shop.start()
    assert balancer_info()["running"] is True


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"name": "a\0b"}, "name: 'a\\x00b'"),
        ({"httpd": {"config_file": "/a\0b"}}, "httpd.config_file: '/a\\x00b'"),
        ({"manager_url": ["http://u:pw@h/\0"]}, "manager_url: 'http://********@h/\\x00'"),
        ({"manager_password": "pw\0"}, "manager_password: its value"),
    ],
)
def test_a_nul_character_is_refused_wherever_it_is(options, name):
    message = run("balancer_info", **options)["msg"]
    assert message == f"{name} holds a NUL character"


@pytest.mark.parametrize("status, answer, codes", [("R", 503, ["AB208"]), ("H", 200, [])])
def test_members_that_are_all_spares_answer_nobody(httpd, balancer_info, status, answer, codes):
    with Backend("n1") as node:
        member = f"BalancerMember http://127.0.0.1:{node.port} status={status}"
        httpd.write(
            "conf/app.conf",
            f"<Proxy balancer://app>\n{member}\n</Proxy>\nProxyPass / balancer://app/\n",
        )
        httpd.start()
        assert httpd.get("/").status == answer
        found = [problem["code"] for problem in balancer_info()["problems"]]
    assert [code for code in found if code.startswith("AB2")] == codes


MAIN = """\
<Proxy balancer://main>
BalancerMember http://127.0.0.1:1021 route=n1
</Proxy>
<VirtualHost 127.0.0.1:{port}>
ServerName shop
ProxyPass "/" "balancer://main/"
</VirtualHost>
"""


@pytest.mark.parametrize("vhost", [None, "all", "_main"])
def test_what_is_declared_is_compared_wherever_it_is_said_to_be(httpd, balancer_info, vhost):
    httpd.write("conf/main.conf", MAIN.format(port=httpd.port))
    declared = {"name": "main", "vhost": vhost, "members": [{"url": "http://127.0.0.1:1022"}]}
    (balancer,) = balancer_info(declared=[declared])["balancers"]
    assert {row["member"] for row in balancer["drift"]} == {
        "http://127.0.0.1:1021",
        "http://127.0.0.1:1022",
    }


def test_a_virtual_host_that_is_not_there_is_no_place_for_what_is_declared(httpd, balancer_info):
    httpd.write("conf/main.conf", MAIN.format(port=httpd.port))
    result = balancer_info(declared=[{"name": "main", "vhost": "shpo", "members": []}])
    assert "there is no virtual host shpo; there are _main, shop" in result["msg"]
