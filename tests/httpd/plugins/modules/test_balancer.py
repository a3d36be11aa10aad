# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.webtier.apache_balancer.tests.httpd.conftest import module_for
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import MODULES

SEED = """\
# The shop, behind two Tomcats
<VirtualHost 127.0.0.1:{port}>
    ServerName   shop.example.com
    ProxyPreserveHost On

    <Proxy "balancer://shop">
        # the old machine
        BalancerMember  http://127.0.0.1:1011   route=node1
        BalancerMember  http://127.0.0.1:1012   route=node2
        ProxySet  lbmethod=byrequests   stickysession=JSESSIONID
    </Proxy>

    ProxyPass        "/"  "balancer://shop/"
    ProxyPassReverse "/"  "balancer://shop/"
</VirtualHost>
"""
NODES = [
    {"url": "http://127.0.0.1:1011", "route": "node1"},
    {"url": "http://127.0.0.1:1012", "route": "node2"},
]


@pytest.fixture()
def seed(httpd):
    """The file of the seed example, in an httpd that runs."""
    path = httpd.write("conf/shop.conf", SEED.format(port=httpd.port))
    httpd.start_on_old_files()
    return path


def difference(before, after):
    old, new = before.split("\n"), after.split("\n")
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_what_is_declared_already_changes_nothing(seed, balancer, httpd):
    before = seed.stat()
    result = balancer(name="shop", members=NODES, proxy_set={"stickysession": "JSESSIONID"})
    assert result["changed"] is False
    assert (result["running"], result["reload_required"], result["validated"]) == (
        True,
        False,
        "unchanged",
    )
    assert (seed.stat().st_mtime_ns, seed.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_third_member_is_exactly_one_new_line(seed, balancer, provable):
    text = seed.read_text()
    third = {"url": "http://127.0.0.1:1013", "route": "node3"}
    result = balancer(name="shop", members=[*NODES, third], diff=True)
    went, came = difference(text, seed.read_text())
    assert (went, came) == ([], ["        BalancerMember  http://127.0.0.1:1013   route=node3"])
    assert result["changed"] is True and result["reload_required"] is True
    assert result["validated"] == provable
    assert result["changes"] == [
        {
            "balancer": "shop",
            "vhost": None,
            "layer": "config",
            "member": "http://127.0.0.1:1013",
            "parameter": None,
            "before": None,
            "after": {"route": "node3"},
        }
    ]
    assert result["diff"][0]["after"] == seed.read_text()
    again = balancer(name="shop", members=[*NODES, third])
    assert again["changed"] is False and again["reload_required"] is True


def test_check_mode_says_the_same_and_writes_nothing(seed, balancer):
    text = seed.read_text()
    third = {"url": "http://127.0.0.1:1013", "route": "node3"}
    foretold = balancer(name="shop", members=[*NODES, third], diff=True, check=True)
    assert seed.read_text() == text
    done = balancer(name="shop", members=[*NODES, third], diff=True)
    for key in ("changed", "changes", "validated", "diff", "reload_required"):
        assert foretold[key] == done[key]


def test_a_changed_parameter_is_one_changed_word(seed, balancer):
    text = seed.read_text()
    balancer(name="shop", proxy_set={"stickysession": "JSESSIONID|jsessionid"})
    assert seed.read_text() == text.replace("=JSESSIONID", "=JSESSIONID|jsessionid")


def test_a_balancer_in_use_is_not_removed(seed, balancer):
    text = seed.read_text()
    result = balancer(name="shop", state="absent")
    assert result["failed"] and "still in use" in result["msg"]
    assert f"{seed}:13: ProxyPass " in result["msg"]
    assert seed.read_text() == text


def test_with_force_only_the_block_is_removed(seed, balancer, httpd):
    text = seed.read_text()
    result = balancer(name="shop", state="absent", force=True)
    assert result["changed"] is True
    start, stop = text.index("    <Proxy"), text.index("</Proxy>\n") + len("</Proxy>\n")
    assert seed.read_text() == text[:start] + text[stop:]
    assert balancer(name="shop", state="absent")["changed"] is False


def test_a_new_balancer_goes_into_the_virtual_host_named(seed, balancer):
    result = balancer(
        name="new", vhost="shop.example.com", members=[{"url": "http://127.0.0.1:1021"}]
    )
    assert result["changed"] is True
    assert [b["vhost"] for b in result["balancer"]] == ["shop.example.com"]


def test_a_new_balancer_needs_a_place(seed, balancer):
    result = balancer(name="new", members=[{"url": "http://127.0.0.1:1021"}])
    assert result["failed"] and "say where it belongs" in result["msg"]
    assert "shop.example.com" in result["msg"]


def test_a_new_file_must_be_read_by_httpd(seed, balancer, tmp_path):
    path = tmp_path / "elsewhere.conf"
    result = balancer(name="new", path=str(path), members=[{"url": "http://127.0.0.1:1021"}])
    assert result["failed"] and result["msg"] == (
        f"balancer://new: nothing includes {path}, so httpd would not read it, and nothing was written; write"
        f' Include "{path}" into the virtual host that uses the balancer'
    )
    assert not path.exists()


def test_a_new_file_must_be_read_where_its_balancer_is_to_be(seed, balancer, httpd):
    path = httpd.root / "new.conf"
    text = f"ServerName other.example.com\nIncludeOptional {path}*\n"
    httpd.write("conf/other.conf", f"<VirtualHost 127.0.0.1:{httpd.port}>\n{text}</VirtualHost>\n")
    members = [{"url": "http://127.0.0.1:1021"}]
    result = balancer(name="new", path=str(path), vhost="shop.example.com", members=members)
    assert result["failed"] and result["msg"] == (
        f"balancer://new: nothing in shop.example.com includes {path}, so httpd would not read it, and nothing was"
        f' written; write Include "{path}" into the virtual host that uses the balancer'
    )
    assert not path.exists()


def test_a_new_file_that_httpd_reads_is_created(seed, balancer, httpd):
    path = httpd.root / "conf" / "new.conf"
    result = balancer(
        name="new", path=str(path), members=[{"url": "http://127.0.0.1:1021"}], mode="0640"
    )
    assert result["changed"] is True
    assert path.read_text().startswith('<Proxy "balancer://new">\n')
    assert path.stat().st_mode & 0o7777 == 0o640


def test_an_unknown_virtual_host_is_told_with_those_there_are(seed, balancer):
    result = balancer(name="shop", vhost="nowhere", members=NODES)
    assert "there is no virtual host nowhere; there are _main, shop.example.com" in result["msg"]


def test_a_play_that_died_before_its_reload_is_noticed_and_healed(
    seed, balancer, graceful_reload, httpd
):
    declared = {"name": "shop", "members": NODES, "proxy_set": {"timeout": 3}}
    assert balancer(**declared)["changed"] is True
    again = balancer(**declared)
    assert (again["changed"], again["reload_required"]) == (False, True)
    assert any(str(seed) in reason for reason in again["reload_reasons"])
    pid = httpd.pid
    reloaded = graceful_reload()
    assert reloaded["changed"] is True and httpd.pid == pid
    after = balancer(**declared)
    assert (after["changed"], after["reload_required"]) == (False, False)
    assert graceful_reload()["changed"] is False


def test_a_stopped_httpd_needs_no_reload(seed, balancer, graceful_reload, httpd):
    httpd.stop()
    result = balancer(name="shop", proxy_set={"timeout": 3})
    assert (result["changed"], result["running"], result["reload_required"]) == (True, False, False)
    assert graceful_reload()["changed"] is False
    assert not httpd.pid_file.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"members": []}, "members is empty"),
        ({"members": [{"url": "http://a\nb"}]}, "control character"),
        ({"members": [{"url": "http://a", "route": "a.b"}]}, "a cookie must be able to carry it"),
        ({"members": [{"url": "http://a", "route": "a\nb"}]}, "control character"),
        ({"members": [{"url": "http://a", "connectiontimeout": "1.5"}]}, "whole number"),
        ({"members": [{"url": "http://a", "timeout": "500ms"}]}, "500ms"),
        ({"members": [{"url": "http://a", "lbset": 100}]}, "0 to 99"),
        ({"members": [{"url": "http://a", "weight": 1}]}, "weight"),
        (
            {
                "members": [
                    {"url": "http://a:1", "route": "a"},
                    {"url": "http://a:1/x", "route": "b"},
                ]
            },
            "would take it for",
        ),
        (
            {"members": [{"url": "http://a", "route": "a"}, {"url": "http://b", "route": "a"}]},
            "also the route of",
        ),
        ({"members": [{"url": "http://a"}]}, "has no route, but balancer://shop is sticky"),
        ({"members": [{"url": "http://a", "route": "node2"}], "purge": []}, "also the route of"),
        ({"proxy_set": {"stickysession": "A B"}}, "cookie name"),
        (
            {"proxy_set": {"lbmethod": "bybusyness"}},
            "balancer://shop: lbmethod bybusyness needs mod_lbmethod_bybusyness, which is not loaded; enable it with"
            " the module configuration: modules: [{name: lbmethod_bybusyness}]",
        ),
        (
            {"proxy_set": {"lbmethod": "byrequest"}},
            "unknown lbmethod lbmethod=byrequest; balancer://shop. httpd's own are byrequests, bytraffic, bybusyness"
            " and heartbeat, each in a module lbmethod_NAME; correct the name, or enable its module",
        ),
        ({"proxy_set": {"growth": 0}}, "1 to 100"),
        ({"name": "a\nb"}, "name: "),
        ({"path": "/nonexistent/dir/../../etc"}, "directory"),
        ({"mode": "0640"}, "mode needs path"),
        ({"path": "/dev/null", "mode": "rw"}, "octal number"),
        ({"path": "/dev/null", "mode": 640}, "octal number"),
        ({"path": "/dev/null", "mode": 440}, "octal number"),
    ],
)
def test_bad_input_is_refused_and_the_file_is_untouched(seed, balancer, httpd, options, message):
    text, listing = seed.read_bytes(), sorted(httpd.root.rglob("*"))
    result = balancer(**{"name": "shop", **options})
    assert result.get("failed") is True, result
    assert message in result["msg"]
    assert seed.read_bytes() == text
    assert sorted(httpd.root.rglob("*")) == listing
    assert httpd.get("/").status == 503


def test_a_method_of_a_module_with_another_name_is_for_httpd_to_know(
    seed, balancer, httpd, tmp_path
):
    module = Path(MODULES, "mod_lbmethod_bytraffic.so").read_bytes()
    other = tmp_path / "mod_other.so"
    other.write_bytes(module.replace(b"\0bytraffic\0", b"\0mytraffic\0"))
    load = f"LoadModule lbmethod_bytraffic_module {other}\n"
    httpd.write("httpd.conf", load + httpd.config_file.read_text())
    result = balancer(name="shop", proxy_set={"lbmethod": "mytraffic"})
    assert result["changed"] is True and result["problems"] == []


def test_a_bad_secret_is_not_shown(seed, balancer):
    result = balancer(
        name="shop", members=[{"url": "ajp://a", "secret": "hunter2" * 20, "route": "a"}]
    )
    assert result["failed"] and "hunter2" not in str(result)


def test_secrets_in_the_file_are_not_shown(seed, balancer):
    seed.write_text(seed.read_text().replace("route=node1", "route=node1 secret=hunter2"))
    result = balancer(name="shop", proxy_set={"timeout": 4}, diff=True)
    assert result["changed"] is True
    assert "hunter2" in seed.read_text() and "hunter2" not in str(result)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<Proxy balancer://shop>\nBalancerMember http://a\n", "not closed"),
        (b"</Proxy>\n", "without matching"),
        (b"Listen 80\0\n", "NUL byte"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused_with_its_line(
    httpd, balancer, content, message
):
    path = httpd.root / "conf" / "bad.conf"
    path.write_bytes(content)
    result = balancer(name="shop", path=str(path), members=[{"url": "http://127.0.0.1:1011"}])
    assert result["failed"] and message in result["msg"] and f"{path}:1" in result["msg"]
    assert path.read_bytes() == content


def test_a_dangling_link_and_a_directory_are_refused(seed, balancer, httpd):
    link = httpd.root / "conf" / "gone.conf"
    link.symlink_to("nowhere")
    for path, message in ((link, "does not exist"), (httpd.root / "conf", "directory")):
        result = balancer(name="new", path=str(path), members=[{"url": "http://127.0.0.1:1011"}])
        assert result["failed"] and message in result["msg"]


def test_a_file_in_two_virtual_hosts_is_two_balancers_and_one_text(httpd, balancer):
    fragment = httpd.write(
        "fragments/app.conf",
        "<Proxy balancer://app>\nBalancerMember http://127.0.0.1:1011 route=a\n</Proxy>\n",
    )
    for name in ("one", "two"):
        httpd.write(
            f"conf/{name}.conf",
            f"<VirtualHost 127.0.0.1:{httpd.port}>\nServerName {name}\nInclude {fragment}\n</VirtualHost>\n",
        )
    httpd.start()
    change = {"name": "app", "members": [{"url": "http://127.0.0.1:1011", "route": "b"}]}
    assert "exists 2 times: one" in balancer(**change)["msg"]
    assert "Use vhost: all" in balancer(**change, vhost="one")["msg"]
    result = balancer(**change, vhost="all")
    assert result["changed"] is True
    assert [b["vhost"] for b in result["balancer"]] == ["one", "two"]
    assert balancer(**change, path=str(fragment))["changed"] is False


def test_a_file_that_one_server_includes_twice_keeps_its_members(httpd, balancer):
    fragment = httpd.write(
        "fragments/app.conf",
        "<Proxy balancer://app>\nBalancerMember http://127.0.0.1:1011\nBalancerMember http://127.0.0.1:1012\n</Proxy>\n",
    )
    httpd.write("conf/twice.conf", f"Include {fragment}\nInclude {fragment}\n")
    httpd.start()
    one, two = {"url": "http://127.0.0.1:1011"}, {"url": "http://127.0.0.1:1012"}
    assert balancer(name="app", members=[one, two])["changed"] is False
    assert balancer(name="app", members=[{**one, "route": "a"}])["changed"] is True
    assert (
        fragment.read_text()
        == "<Proxy balancer://app>\nBalancerMember http://127.0.0.1:1011 route=a\n</Proxy>\n"
    )


def test_purge_leaves_parameters_in_other_files_alone_and_tells_of_them(httpd, balancer):
    member = {"url": "http://127.0.0.1:1011"}
    app = httpd.write(
        "conf/app.conf", "<Proxy balancer://app>\nBalancerMember http://127.0.0.1:1011\n</Proxy>\n"
    )
    text = "ProxyPass / balancer://app/ stickysession=S timeout=5\n"
    site = httpd.write("conf/site.conf", text)
    httpd.start()
    purge = {
        "name": "app",
        "path": str(app),
        "proxy_set": {"stickysession": "S"},
        "purge": ["parameters"],
    }
    result = balancer(**purge)
    assert (
        f"timeout of balancer://app stands in another file ({site}:1) than {app}" in result["msg"]
    )
    assert site.read_text() == text
    assert (
        balancer(**{**purge, "proxy_set": {"stickysession": "S", "timeout": 5}})["changed"] is False
    )
    assert balancer(**purge, reset=["timeout"])["changed"] is True
    site.write_text("")
    more = httpd.write(
        "conf/more.conf",
        "<Proxy balancer://app>\nBalancerMember http://127.0.0.1:1012 ttl=5\n</Proxy>\n",
    )
    result = balancer(
        name="app", members=[member, {"url": "http://127.0.0.1:1012"}], purge=["parameters"]
    )
    assert (
        f"ttl of member http://127.0.0.1:1012 of balancer://app stands in another file ({more}:2)"
        in result["msg"]
    )


def test_the_main_server_and_a_virtual_host_may_not_have_the_same_balancer(seed, balancer, httpd):
    path = httpd.write("conf/main.conf", "# nothing yet\n")
    result = balancer(name="shop", path=str(path), vhost="_main", members=NODES)
    assert result["failed"] and "Use another name" in result["msg"]


def test_a_parameter_that_a_virtual_host_overrides_is_refused_with_its_place(httpd, balancer):
    httpd.write(
        "conf/a.conf", "<Proxy balancer://x>\nBalancerMember http://127.0.0.1:1 route=a\n</Proxy>\n"
    )
    vhost = f"<VirtualHost 127.0.0.1:{httpd.port}>\nServerName b\nProxyPass /p balancer://x/ stickysession=OLD\n"
    path = httpd.write("conf/b.conf", vhost + "</VirtualHost>\n")
    for options in (
        {"proxy_set": {"stickysession": "NEW"}},
        {"reset": ["stickysession"]},
        {"proxy_set": {}, "purge": ["parameters"]},
    ):
        result = balancer(name="x", **options)
        assert (
            result["failed"] and f"{path}:3: stickysession=OLD stands here for b" in result["msg"]
        )
    assert balancer(name="x", proxy_set={"stickysession": "OLD"})["changed"] is True


def test_in_a_configuration_that_httpd_refuses_nothing_is_taken_for_absent(httpd, balancer):
    path = httpd.write(
        "conf/a.conf",
        "<Proxy balancer://x>\nBalancerMember http://127.0.0.1:1\n</Proxy>\nBogus on\n",
    )
    for options in (
        {"state": "absent"},
        {"path": str(path), "members": [{"url": "http://127.0.0.1:1"}]},
        {"members": [{"url": "http://127.0.0.1:1"}]},
    ):
        result = balancer(name="x", **options)
        assert result.get("failed") is True and f"{path}:4" in result["msg"]


def test_what_httpd_refuses_elsewhere_is_told_where_path_and_vhost_are_given(httpd, balancer):
    app = httpd.write(
        "fragments/app.conf",
        "<Proxy balancer://app>\nBalancerMember http://127.0.0.1:1\n</Proxy>\n",
    )
    vhost = f"<VirtualHost 127.0.0.1:{httpd.port}>\nServerName one\nInclude {app}\n</VirtualHost>\n"
    httpd.write("conf/one.conf", vhost)
    bad = httpd.write("conf/bad.conf", "Bogus on\n")
    where = {"name": "app", "path": str(app), "vhost": "one"}
    for options in (
        {"members": [{"url": "http://127.0.0.1:1", "route": "a"}]},
        {"proxy_set": {"timeout": 4}},
        {"state": "absent"},
    ):
        result = balancer(**where, **options)
        assert result.get("failed") is True and f"{bad}:1" in result["msg"], result["msg"]
    bad.unlink()
    assert balancer(**where, proxy_set={"timeout": 4})["changed"] is True


def test_bytes_that_are_no_text_reach_the_controller_as_text(seed, balancer):
    seed.write_bytes(seed.read_bytes().replace(b"route=node1", b"route=caf\xe9"))
    result = balancer(name="shop", proxy_set={"timeout": 4}, diff=True)
    assert result["changed"] is True
    str(result).encode("utf-8")
    assert b"route=caf\xe9" in seed.read_bytes()


def test_an_invocation_is_of_what_was_given(seed, balancer):
    member = {"url": "http://10.0.0.11:8080", "route": "node1"}
    result = balancer(name="shop", members=[member], purge=[])
    asked = result["invocation"]["module_args"]
    assert asked["members"] == [member]
    assert asked["state"] == "present" and asked["validate"] is True
    assert "vhost" not in asked


def test_the_password_in_a_url_is_shown_nowhere(seed, balancer):
    members = [*NODES, {"url": "http://user:hunter2@127.0.0.1:3", "route": "n3"}]
    for options in ({"members": members}, {"members": [*members, *members]}):
        assert "hunter2" not in str(balancer(name="shop", diff=True, **options))


def test_a_member_whose_scheme_no_module_serves_is_refused(seed, balancer):
    text = seed.read_text()
    result = balancer(
        name="shop", members=[*NODES, {"url": "uwsgi://127.0.0.1:3031", "route": "u"}]
    )
    assert result["failed"] and "Enable the module proxy_uwsgi" in result["msg"]
    assert seed.read_text() == text


def test_what_is_wrong_already_keeps_nobody_from_a_change_that_moves_it(httpd, balancer):
    # The section holds for none of the requests (AB321), and two members have one route (AB306).
    site = httpd.write(
        "conf/shop.conf",
        f"LoadModule headers_module {MODULES}/mod_headers.so\n"
        "<Proxy balancer://shop>\nBalancerMember http://127.0.0.1:1 route=a\n"
        "BalancerMember http://127.0.0.1:2 route=b\nBalancerMember http://127.0.0.1:3 route=b\n"
        "BalancerMember http://127.0.0.1:4 route=b\n"
        'ProxySet stickysession=R\n</Proxy>\n<Proxy "balancer://SHOP/">\n'
        'Header add Set-Cookie "R=.%{BALANCER_WORKER_ROUTE}e; Path=/" env=BALANCER_ROUTE_CHANGED\n</Proxy>\n'
        "ProxyPass / balancer://shop/\n",
    )
    more = {"url": "http://127.0.0.1:5", "route": "c"}
    done = balancer(name="shop", members=[more], purge=[])
    assert done["changed"] is True and "http://127.0.0.1:5" in site.read_text()
    assert {"AB306", "AB321"} <= {problem["code"] for problem in done["problems"]}
    member = module_for(httpd, "balancer_member")
    assert member(url="http://127.0.0.1:2", state="absent")["changed"] is True


def test_what_is_wrong_in_one_virtual_host_is_refused_in_another(httpd, balancer):
    member = "ajp://127.0.0.1:1"
    httpd.write(
        "conf/shop.conf",
        f"<VirtualHost *:1>\nServerName a\n<Proxy balancer://shop>\nBalancerMember {member}\n</Proxy>\n</VirtualHost>\n"
        "<VirtualHost *:1>\nServerName b\n</VirtualHost>\n",
    )
    assert balancer(name="shop", proxy_set={"timeout": 3})["changed"] is True
    result = balancer(name="shop", vhost="b", members=[{"url": member}])
    assert result["failed"] is True and "AB202" in result["msg"]


def test_absent_with_a_path_looks_into_a_file_that_httpd_does_not_read(seed, balancer, httpd):
    text = "<Proxy balancer://old>\nBalancerMember http://127.0.0.1:1\n</Proxy>\n# kept\n"
    path = httpd.write("old.inc", text)
    assert balancer(name="none", path=str(path), state="absent")["changed"] is False
    assert balancer(name="old", path=str(path), state="absent")["changed"] is True
    assert path.read_text() == "# kept\n"
    assert balancer(name="old", path=str(path), state="absent")["changed"] is False
    # What it reads and takes for nothing, as behind a condition, is left to who wrote that.
    off = httpd.write("conf/off.conf", f"<IfModule no_such_module>\n{text}</IfModule>\n")
    assert balancer(name="old", path=str(off), state="absent")["changed"] is False


def test_absent_with_a_path_does_not_reach_into_other_files(httpd, balancer):
    for name in "ab":
        httpd.write(
            f"conf/{name}.conf", f"<Proxy balancer://x>\nBalancerMember http://{name}\n</Proxy>\n"
        )
    result = balancer(name="x", state="absent", path=str(httpd.root / "conf/b.conf"))
    assert result["failed"] and f"{httpd.root}/conf/a.conf:1 too" in result["msg"]
