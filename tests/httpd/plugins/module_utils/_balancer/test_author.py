# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that several balancers read: edited once, and for all of them or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import BALANCER

A, B, C = (f"http://127.0.0.1:{port}" for port in (1011, 1012, 1013))
NODES = f"BalancerMember {A} route=a timeout=3\nBalancerMember {B} route=b\n"
SECTION = f"<Proxy balancer://app>\n{NODES}</Proxy>\n"


def site(host: str, name: str, body: str) -> str:
    """A virtual host that sends its requests to the balancer *name*."""
    return f"<VirtualHost *:80>\nServerName {host}\n{body}ProxyPass / balancer://{name}/\n</VirtualHost>\n"


def including(host: str, name: str, file: Any, more: str = "") -> str:
    """A virtual host whose balancer *name* has its members from *file*."""
    return site(host, name, f"<Proxy balancer://{name}>\nInclude {file}\n{more}</Proxy>\n")


class Lines:
    """A file that several balancers read."""

    def __init__(self, httpd: Any) -> None:
        self.httpd = httpd
        self.file = httpd.write("parts/nodes.inc", NODES)
        self.others = httpd.root / "conf"

    @property
    def text(self) -> str:
        return self.file.read_text()

    def names(self, first: str, second: str, more: str = "") -> None:
        """Let two virtual hosts have a balancer each with the members of the file; *more* is the second one's."""
        text = including("one", first, self.file) + including("two", second, self.file, more)
        self.httpd.write("conf/sites.conf", text)

    def template(self) -> None:
        """Let the file be a template of two sites."""
        body = site("${APP}", "${APP}", SECTION.replace("app", "${APP}"))
        self.file = self.httpd.write("parts/site.inc", body)
        each = "".join(
            f"Define APP {name}\nInclude {self.file}\nUnDefine APP\n" for name in ("shop", "blog")
        )
        self.httpd.write("conf/sites.conf", each)

    def whole(self, more: str = "") -> None:
        """Let two virtual hosts read the whole balancer from the file; *more* is the second one's."""
        self.file = self.httpd.write("parts/app.inc", SECTION)
        text = site("one", "app", f"Include {self.file}\n")
        self.httpd.write(
            "conf/sites.conf", text + site("two", "app", f"Include {self.file}\n{more}")
        )


@pytest.fixture()
def lines(httpd):
    return Lines(httpd)


def differing(lines: Lines) -> None:
    lines.names("app1", "app2")


def same_name(lines: Lines) -> None:
    lines.names("app", "app")


def one_more_section(lines: Lines) -> None:
    lines.whole('<Proxy "balancer://app">\nProxySet nofailover=On\n</Proxy>\n')


SHAPES = [differing, same_name, one_more_section, Lines.template]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_member_of_several_balancers_is_taken_out_and_put_back_once(
    lines, balancer_member, shape
):
    shape(lines)
    before = lines.text
    drained = balancer_member(route="a", state="drained")
    assert drained["changed"] is True, drained
    assert lines.text == before.replace("timeout=3", "timeout=3 status=+N")
    balancers = {change["balancer"] for change in drained["changes"]}
    assert len(drained["changes"]) == len(balancers)
    enabled = balancer_member(route="a", state="enabled")
    assert enabled["changed"] is True, enabled
    assert lines.text == before


def test_a_parameter_of_several_balancers_is_changed_once(lines, balancer_member):
    differing(lines)
    assert balancer_member(route="a", state="present", timeout=5)["changed"] is True
    assert lines.text == NODES.replace("timeout=3", "timeout=5")


def declared(name: str, **more: Any) -> dict[str, Any]:
    members = [{"url": A, "route": "a", **more}, {"url": B, "route": "b"}]
    return {"name": name, "members": members}


def test_several_balancers_are_declared_in_one_change(lines, configuration):
    differing(lines)
    both = [declared("app1", timeout=5), declared("app2", timeout=5)]
    assert configuration(balancers=both)["changed"] is True
    assert lines.text == NODES.replace("timeout=3", "timeout=5")
    assert configuration(balancers=both)["changed"] is False
    for each in both:
        each["members"].append({"url": C, "route": "c"})
    assert configuration(balancers=both)["changed"] is True
    assert lines.text.count(C) == 1


@pytest.mark.parametrize("timeout", [7, None])
def test_but_not_what_differs(lines, configuration, timeout):
    differing(lines)
    other = {"timeout": timeout} if timeout else {}
    refused = configuration(balancers=[declared("app1", timeout=5), declared("app2", **other)])
    assert f"{lines.file}:1: " in refused["msg"] and "balancer://app2" in refused["msg"]
    assert lines.text == NODES


@pytest.mark.parametrize("shape", [same_name, one_more_section])
def test_a_new_member_for_all_of_them_is_one_line(lines, balancer, shape):
    shape(lines)
    before = lines.text
    third = f"BalancerMember {C} route=c\n"
    new = {"name": "app", "members": [{"url": C, "route": "c"}], "purge": [], "vhost": "all"}
    assert balancer(**new)["changed"] is True
    assert lines.text.replace(third, "") == before and third in lines.text
    assert balancer(**new)["changed"] is False


def test_a_new_member_for_all_of_them_stands_where_all_of_them_read_it(lines, balancer):
    lines.names("app", "app", f"BalancerMember {C} route=c\n")
    more = "http://127.0.0.1:1014"
    new = {"name": "app", "members": [{"url": more, "route": "d"}], "purge": [], "vhost": "all"}
    result = balancer(**new)
    assert result["changed"] is True, result
    assert lines.text == NODES + f"BalancerMember {more} route=d\n"


@pytest.mark.parametrize(
    "options",
    [
        {"members": [{"url": A, "timeout": 5}]},
        {"members": [{"url": C, "route": "c"}]},
        {"proxy_set": {"growth": 3}},
        {"reset": ["growth"]},
    ],
)
@pytest.mark.parametrize(("first", "second"), [("app1", "app2"), ("app", "app")])
def test_a_change_for_one_that_would_change_another_is_refused(
    lines, balancer, options, first, second
):
    lines.names(first, second)
    lines.file.write_text(NODES + "ProxySet growth=2\n")
    refused = balancer(**{"name": first, "vhost": "one", "purge": [], **options})
    assert f"balancer://{second} of two" in refused["msg"], refused
    assert "a change for one would change the others" in refused["msg"]
    assert lines.text == NODES + "ProxySet growth=2\n"


def test_a_new_member_for_one_stands_where_only_this_one_reads_it(lines, balancer, httpd):
    lines.names("app1", "app2", f"BalancerMember {C} route=c\n")
    new = {"url": "http://127.0.0.1:1014", "route": "d"}
    result = balancer(name="app2", members=[new], purge=[])
    assert result["changed"] is True, result
    assert lines.text == NODES
    text = (httpd.root / "conf/sites.conf").read_text()
    assert f"{C} route=c\nBalancerMember {new['url']} route=d\n" in text


def test_a_member_is_not_drained_for_one_virtual_host_alone(lines, balancer_member):
    same_name(lines)
    refused = balancer_member(route="a", state="drained", vhost="one")
    assert "balancer://app of two" in refused["msg"] and lines.text == NODES


@pytest.mark.parametrize("second", ["app", "app2"])
def test_a_balancer_goes_and_the_lines_that_another_one_reads_stay(lines, balancer, httpd, second):
    lines.names("app", second)
    result = balancer(name="app", vhost="one", state="absent", force=True)
    assert result["changed"] is True, result
    assert lines.text == NODES
    text = (httpd.root / "conf/sites.conf").read_text()
    assert text.count("<Proxy ") == 1 and f"<Proxy balancer://{second}>" in text
    (left,) = (b for b in balancer(name=second, proxy_set={})["balancer"] if b["name"] == second)
    assert len(left["members"]) == 2


@pytest.mark.parametrize(
    "options", [{"state": "absent", "force": True}, {"members": [{"url": A, "route": "a"}]}]
)
def test_lines_that_make_several_balancers_are_not_removed_for_one(lines, balancer, options):
    lines.template()
    before = lines.text
    refused = balancer(name="shop", **options)
    assert "balancer://blog of blog" in refused["msg"] and lines.text == before


def test_lines_that_name_the_balancer_are_not_removed_for_one(lines, balancer, httpd):
    named = NODES.replace("BalancerMember ", "BalancerMember balancer://app ")
    lines.file.write_text(named)
    include = f"Include {lines.file}\n"
    httpd.write("conf/sites.conf", site("one", "app", include) + site("two", "app", include))
    gone = {"name": "app", "state": "absent", "force": True}
    refused = balancer(**gone, vhost="one")
    assert "balancer://app of two" in refused["msg"] and lines.text == named
    assert balancer(**gone, vhost="all")["changed"] is True
    assert lines.text == ""


def test_a_new_balancer_is_not_put_into_the_lines_of_two_virtual_hosts(lines, balancer):
    lines.template()
    refused = balancer(name="new", vhost="shop", members=[{"url": C}])
    assert "blog" in refused["msg"] and "balancer://new" not in lines.text


def test_what_each_virtual_host_says_by_itself_is_changed_in_each(lines, balancer, httpd):
    lines.whole()
    sites = httpd.root / "conf/sites.conf"
    text = sites.read_text()
    for host, name in (("one", "X"), ("two", "Y")):
        old = f"ServerName {host}\nInclude {lines.file}\nProxyPass / balancer://app/"
        text = text.replace(old, f"{old} stickysession={name}")
    sites.write_text(text)
    wanted = {"name": "app", "vhost": "all", "proxy_set": {"stickysession": "Z"}}
    result = balancer(**wanted)
    assert len(result["changes"]) == 2, result
    assert sites.read_text().count("stickysession=Z") == 2
    assert balancer(**wanted)["changed"] is False


def test_the_cookie_that_each_virtual_host_issues_is_changed_in_each(lines, balancer, httpd):
    lines.whole()
    httpd.write("httpd.conf", httpd.base(*BALANCER, "headers"))
    sites = httpd.root / "conf/sites.conf"
    cookie = (
        '<Proxy "balancer://app/">\nHeader add Set-Cookie "R=.%{BALANCER_WORKER_ROUTE}e; path=/OPTION"'
        " env=BALANCER_ROUTE_CHANGED\n</Proxy>\n"
    )
    text = sites.read_text()
    for host, option in (("one", ""), ("two", "; Secure")):
        old = f"ServerName {host}\n"
        text = text.replace(old, old + cookie.replace("OPTION", option))
    sites.write_text(text)
    wanted = {"name": "app", "vhost": "all", "sticky_cookie": {"name": "R", "samesite": "strict"}}
    result = balancer(**wanted)
    assert result["changed"] is True, result
    assert sites.read_text().count("SameSite=Strict") == 2
    assert lines.text.count("ProxySet") == 1
    assert balancer(**wanted)["changed"] is False


def test_a_file_that_is_read_under_two_names_is_one_file(httpd, balancer, balancer_member):
    file = httpd.write("available/a.conf", site("one", "app", SECTION))
    for name in ("1.conf", "2.conf"):
        (httpd.root / "conf" / name).symlink_to(file)
    new = [{"url": A, "route": "a", "timeout": 5}, {"url": C, "route": "c"}]
    result = balancer(name="app", members=new, vhost="all")
    assert result["changed"] is True, result
    assert f"{A} route=a timeout=5\nBalancerMember {C} route=c\n" in file.read_text()
    assert balancer_member(route="a", state="drained")["changed"] is True
    assert balancer_member(route="a", state="enabled")["changed"] is True
    assert "status" not in file.read_text()


def test_also_in_the_main_server(httpd, balancer):
    file = httpd.write("available/a.conf", SECTION)
    for name in ("1.conf", "2.conf"):
        (httpd.root / "conf" / name).symlink_to(file)
    result = balancer(name="app", members=[{"url": A}, {"url": C, "route": "c"}])
    assert result["changed"] is True, result
    assert file.read_text().count("BalancerMember") == 2
