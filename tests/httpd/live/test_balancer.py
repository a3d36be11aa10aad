# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module balancer on files and running httpd."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import SMALL, free_port
from ansible_collections.webtier.apache_balancer.tests.support.proxy import (
    BODY,
    MANAGER,
    Proxy,
    vhost,
)

N1, N2, N3 = (f"http://127.0.0.1:{port}" for port in (1, 2, 3))


def layers(result):
    return {change["layer"] for change in result["changes"]}


def test_a_change_is_in_the_file_and_in_the_running_httpd_and_needs_no_reload(app: Proxy):
    before = app.generation
    declared = {
        "name": "app",
        "members": [
            {"url": N1, "loadfactor": 2.5, "lbset": 1, "route": "one", "redirect": "n2"},
            {"url": N2, "status": ["drained", "ignore_errors"]},
            {"url": N3, "status": ["hot_standby"]},
        ],
        "proxy_set": {
            "lbmethod": "bybusyness",
            "stickysession": "JSESSIONID|jsessionid",
            "nofailover": True,
            "timeout": 3,
            "maxattempts": 7,
        },
    }
    foreseen = app.run("balancer", check=True, diff=True, **declared)
    assert app.info()["drift"] == []
    result = app.run("balancer", diff=True, **declared)
    assert foreseen["changes"] == result["changes"] and foreseen["diff"] == result["diff"]
    assert layers(result) == {"config", "runtime"}
    assert len([c for c in result["changes"] if c["layer"] == "runtime"]) == 11
    assert (result["reload_required"], result["reload_reasons"]) == (False, [])
    again = app.run("balancer", **declared)
    assert (again["changed"], again["changes"], again["reload_required"]) == (False, [], False)
    shown = app.info()
    assert shown["drift"] == []
    assert shown["runtime"]["stickysession"] == "JSESSIONID|jsessionid"
    assert app.generation == before
    app.httpd.reload()
    assert app.info()["drift"] == []


def test_a_load_factor_that_httpd_would_cut_is_the_same_in_the_file_and_in_the_running_httpd(
    app: Proxy,
):
    declared = {"name": "app", "members": [{"url": N1, "loadfactor": 2.3}], "purge": []}
    assert app.run("balancer", **declared)["reload_required"] is False
    for step in (app.reload, lambda: None):
        again = app.run("balancer", **declared)
        assert (again["changed"], again["reload_required"]) == (False, False)
        member = app.member(N1)
        assert [member[layer]["loadfactor"] for layer in ("config", "runtime")] == [2.3, 2.3]
        assert app.info()["drift"] == []
        step()


def test_taking_a_change_back_leaves_nothing_to_do(app: Proxy):
    text = app.site.read_text()
    app.run("balancer", name="app", members=[{"url": N1, "lbset": 2}], purge=[])
    app.run("balancer", name="app", reset=["lbset"])
    assert app.site.read_text() == text
    assert app.member(N1)["runtime"]["lbset"] == 0
    assert app.info()["drift"] == []


def test_what_only_a_reload_can_do_is_left_to_it_with_the_reason(app: Proxy):
    members = [{"url": N1, "retry": 5, "loadfactor": 3}]
    result = app.run("balancer", name="app", members=members, purge=[])
    assert result["reload_required"] is True
    assert result["reload_reasons"] == [f"{app.site}: member {N1}: retry is set by a reload"]
    assert app.member(N1)["runtime"]["loadfactor"] == 3.0
    again = app.run("balancer", name="app", members=members, purge=[])
    assert (again["changed"], again["reload_reasons"]) == (False, result["reload_reasons"])
    app.run("graceful_reload")
    assert app.run("balancer", name="app", members=members, purge=[])["reload_required"] is False


def test_a_member_is_added_with_its_values_without_a_reload(app: Proxy):
    before = app.generation
    new = {"url": "http://127.0.0.1:4", "route": "n4", "loadfactor": 4, "status": ["hot_spare"]}
    result = app.run("balancer", name="app", members=[new], purge=[])
    assert result["reload_required"] is False
    running = app.member("http://127.0.0.1:4")["runtime"]
    assert (running["route"], running["loadfactor"], running["hot_spare"]) == ("n4", 4.0, True)
    assert running["disabled"] is False
    assert app.info()["drift"] == [] and app.generation == before
    app.httpd.reload()
    assert app.info()["drift"] == []


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [({"retry": 5}, "it has retry, which only a reload sets"), ({}, "no free slot")],
)
def test_a_member_that_cannot_be_added_while_httpd_runs_waits_for_the_reload(
    proxy: Proxy, parameters, reason
):
    body = BODY if parameters else BODY.replace("ProxySet growth=5", "")
    proxy.start(vhost("app.example.com", body))
    new = {"url": "http://127.0.0.1:4", "route": "n4", **parameters}
    result = proxy.run("balancer", name="app", members=[new], purge=[])
    assert layers(result) == {"config"} and reason in result["reload_reasons"][0]
    proxy.run("graceful_reload")
    assert proxy.info()["drift"] == []
    assert proxy.member("http://127.0.0.1:4")["runtime"]["route"] == "n4"


def test_a_removed_member_is_stopped_until_the_reload(app: Proxy):
    members = [{"url": N1}, {"url": N2}]
    result = app.run("balancer", name="app", members=members)
    assert (
        f"member {N3} is removed by a reload; until then it is stopped"
        in result["reload_reasons"][0]
    )
    assert app.member(N3)["runtime"]["stopped"] is True
    assert app.run("balancer", name="app", members=members)["changed"] is False
    app.run("graceful_reload")
    assert [member["url"] for member in app.info()["members"]] == [N1, N2]


def test_a_balancer_of_one_member_has_no_load_factor_until_there_is_a_second(proxy: Proxy):
    body = BODY.replace("        BalancerMember http://127.0.0.1:2 route=n2\n", "").replace(
        "        BalancerMember http://127.0.0.1:3 route=n3\n", ""
    )
    proxy.start(vhost("app.example.com", body))
    one = {"url": N1, "loadfactor": 3}
    first = proxy.run("balancer", name="app", members=[one])
    assert layers(first) == {"config"} and first["reload_required"] is False
    assert proxy.info()["drift"] == []
    proxy.run("balancer", name="app", members=[one, {"url": N2, "route": "n2", "loadfactor": 2}])
    shown = proxy.info()
    assert [m["runtime"]["loadfactor"] for m in shown["members"]] == [3.0, 2.0]
    assert shown["drift"] == []


def test_the_first_member_gets_its_load_factor_when_the_second_is_declared_alone(proxy: Proxy):
    lines = [line for line in BODY.splitlines(True) if ":2 " not in line and ":3 " not in line]
    proxy.start(vhost("app.example.com", "".join(lines)))
    proxy.run("balancer", name="app", members=[{"url": N1, "loadfactor": 3}])
    proxy.run("balancer", name="app", members=[{"url": N2, "route": "n2"}], purge=[])
    assert proxy.member(N1)["runtime"]["loadfactor"] == 3.0
    assert proxy.info()["drift"] == []


def test_a_member_that_only_runs_is_given_what_it_can_be_given(app: Proxy):
    new = {"url": "http://127.0.0.1:4", "route": "n4"}
    app.run("balancer", name="app", members=[new], purge=[], target="runtime")
    result = app.run("balancer", name="app", members=[{**new, "retry": 5, "lbset": 2}], purge=[])
    assert "member http://127.0.0.1:4: retry is set by a reload" in result["reload_reasons"][0]
    assert app.info()["drift"] == []


def test_what_somebody_changed_in_the_running_httpd_alone_is_put_right(app: Proxy):
    app.run("balancer", name="app", members=[{"url": N1, "lbset": 5}], purge=[], target="runtime")
    assert [(d["parameter"], d["config"], d["runtime"]) for d in app.info()["drift"]] == [
        ("lbset", 0, 5)
    ]
    result = app.run("balancer", name="app", members=[{"url": N1, "lbset": 0}], purge=[])
    assert layers(result) == {"config", "runtime"} and app.info()["drift"] == []


def test_the_running_httpd_alone_is_changed_without_its_files(app: Proxy):
    text = app.site.read_text()
    options = {
        "name": "app",
        "members": [{"url": N1, "loadfactor": 9}],
        "purge": [],
        "target": "runtime",
    }
    assert app.run("balancer", check=True, **options)["changed"] is True
    assert app.run("balancer", **options)["changed"] is True
    assert app.run("balancer", **options)["changed"] is False
    assert app.site.read_text() == text and app.member(N1)["runtime"]["loadfactor"] == 9.0


@pytest.mark.parametrize(
    "wanted, named",
    [
        (
            {"members": [{"url": N1, "loadfactor": 9, "retry": 5}], "purge": []},
            f"member {N1}: retry",
        ),
        ({"proxy_set": {"growth": 3, "maxattempts": 2}}, "balancer://app: growth"),
    ],
)
def test_what_only_a_reload_sets_is_refused_where_no_file_is_changed(app: Proxy, wanted, named):
    before = app.info()
    refused = app.attempt("balancer", name="app", target="runtime", **wanted)
    assert f"{named} is set by a reload. Change the files as well: target: both" in refused["msg"]
    assert app.info() == before


def test_what_the_running_httpd_was_only_given_is_not_what_a_roll_back_brings_back(app: Proxy):
    app.run("graceful_reload", only_if_needed=False)
    text = app.site.read_text()
    app.run("balancer", name="app", members=[{"url": N1, "loadfactor": 9}], purge=[])
    assert app.run("graceful_reload")["changed"] is False
    app.run("configuration", state="rolled_back")
    assert app.site.read_text() == text


def test_a_method_that_the_running_httpd_has_not_loaded_waits_for_the_reload(proxy: Proxy):
    conf = proxy.httpd.config_file
    lines = conf.read_text().splitlines(True)
    load = next(line for line in lines if "bytraffic" in line)
    conf.write_text("".join(line for line in lines if line != load))
    proxy.start(vhost("app.example.com", BODY))
    method = {"name": "app", "proxy_set": {"lbmethod": "bytraffic"}}
    refused = proxy.attempt("balancer", target="runtime", **method)
    assert "lbmethod needs a reload: the running httpd has not loaded that method" in refused["msg"]
    path = str(proxy.httpd.write("conf/a-module.conf", "# to be loaded\n"))
    proxy.reload()
    result = proxy.run(
        "configuration",
        files=[{"path": path, "content": load}],
        balancers=[method],
    )
    assert any("has not loaded that method" in reason for reason in result["reload_reasons"])
    proxy.run("graceful_reload")
    assert proxy.info()["runtime"]["lbmethod"] == "bytraffic"


class TestNothingIsWritten:
    def test_when_the_balancer_is_read_only_while_httpd_runs(self, proxy: Proxy):
        text = vhost("app.example.com", BODY.replace("growth=5", "nonce=None"))
        proxy.start(text)
        refused = proxy.attempt("balancer", name="app", members=[{"url": N1, "lbset": 1}], purge=[])
        assert "read-only while httpd runs: its nonce is None" in refused["msg"]
        assert proxy.site.read_text() == text
        # What needs no change in the running httpd is no reason to fail.
        assert (
            proxy.run("balancer", name="app", members=[{"url": N1}], purge=[])["changed"] is False
        )

    def test_when_balancer_manager_does_not_answer(self, app: Proxy):
        text = app.site.read_text()
        for url, what in (
            ("http://127.0.0.1:9/balancer-manager", "nobody listens at http://127.0.0.1:9/"),
            (app.manager_url.replace("/balancer-manager", "/nowhere"), "status 404"),
        ):
            refused = app.attempt(
                "balancer", name="app", members=[{"url": N1, "lbset": 1}], purge=[], manager_url=url
            )
            assert what in refused["msg"]
        assert app.site.read_text() == text

    def test_when_balancer_manager_is_that_of_another_httpd(self, app: Proxy, tmp_path):
        from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
            BALANCER,
            PrivateHttpd,
        )

        with PrivateHttpd(tmp_path / "other", *BALANCER, "authz_host") as other:
            (other.root / "conf" / "site.conf").write_text(vhost("app.example.com", BODY))
            other.start()
            refused = app.attempt(
                "balancer",
                name="app",
                members=[{"url": N1, "lbset": 1}],
                purge=[],
                manager_url=f"http://127.0.0.1:{other.port}/balancer-manager",
            )
            assert "is no address of this host's httpd" in refused["msg"]
        assert app.info()["drift"] == []

    def test_when_the_files_are_not_what_httpd_goes_by(self, proxy: Proxy):
        text = vhost("app.example.com", "    BalancerPersist On\n" + BODY)
        proxy.start(text)
        for options in ({"manager_url": []}, {}):
            refused = proxy.attempt(
                "balancer", name="app", members=[{"url": N1, "retry": 5}], purge=[], **options
            )
            assert "BalancerPersist is On" in refused["msg"]
        assert proxy.site.read_text() == text
        proxy.run("balancer", name="app", members=[{"url": N1, "lbset": 4}], purge=[])
        proxy.httpd.reload()
        assert proxy.info()["drift"] == []


def test_a_stopped_httpd_has_its_files_changed(app: Proxy):
    app.httpd.stop()
    result = app.run("balancer", name="app", members=[{"url": N1, "lbset": 1}], purge=[])
    assert (result["changed"], result["running"], result["reload_required"]) == (True, False, False)


def test_httpd_may_call_itself_by_a_name_of_its_own(proxy: Proxy):
    text = "UseCanonicalName On\n" + vhost("app.example.com", BODY)
    proxy.start(text)
    for name in (None, "app.example.com", "other.example.com"):
        lbset = len(name or "") % 7 + 1
        result = proxy.run(
            "balancer",
            name="app",
            members=[{"url": N1, "lbset": lbset}],
            purge=[],
            manager_server_name=name,
        )
        assert layers(result) == {"config", "runtime"}
    assert proxy.info()["drift"] == []


def test_every_kind_of_member_is_told_from_the_others(proxy: Proxy):
    urls = [
        "http://[::1]:8080",
        "http://[::1]:8081/a%20b",
        "http://127.0.0.1:8080",
        "http://127.0.0.1:8082",
        "unix:/run/one.sock|http://one/",
        "unix:/run/two.sock|http://two/",
        "ws://127.0.0.1:8083",
        "h2c://127.0.0.1:8084",
        "ajp://127.0.0.1:8009",
    ]
    lines = "".join(f'        BalancerMember "{url}"\n' for url in urls)
    others = BODY.replace("balancer://app", "balancer://other").replace(
        "ProxyPass /app ", "ProxyPass /o "
    )
    for name in ("proxy_http2", "proxy_ajp", "proxy_wstunnel"):
        conf = proxy.httpd.config_file
        load = f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
        conf.write_text(conf.read_text().replace("ServerLimit", load + "ServerLimit"))
    body = f"    <Proxy balancer://app>\n{lines}    </Proxy>\n    ProxyPass /p balancer://app\n"
    proxy.start(vhost("app.example.com", body + others))
    members = [{"url": url, "lbset": index + 1} for index, url in enumerate(urls)]
    result = proxy.run("balancer", name="app", members=members)
    assert result["reload_required"] is False
    shown = proxy.info(name="app")
    assert [m["runtime"]["lbset"] for m in shown["members"]] == list(range(1, len(urls) + 1))
    assert shown["drift"] == []
    assert all(m["runtime"]["lbset"] == 0 for m in proxy.info(name="other")["members"])


class TestTwoVirtualHosts:
    def test_with_balancers_of_one_name_are_two(self, proxy: Proxy):
        proxy.start(vhost("one.example.com", BODY) + vhost("two.example.com", BODY))
        change = {"name": "app", "members": [{"url": N1, "lbset": 1}], "purge": []}
        result = proxy.run("balancer", vhost="two.example.com", **change)
        assert {c["vhost"] for c in result["changes"]} == {None, "two.example.com"}
        rows = proxy.run("balancer_info")["balancers"]
        assert [row["members"][0]["runtime"]["lbset"] for row in rows] == [0, 1]
        assert [row["drift"] for row in rows] == [[], []]

    def test_with_one_file_are_changed_both(self, proxy: Proxy):
        shared = proxy.httpd.write("shared.conf", BODY)
        include = f"    Include {shared}\n"
        proxy.start(vhost("one.example.com", include) + vhost("two.example.com", include))
        change = {"name": "app", "members": [{"url": N1, "lbset": 1}], "purge": []}
        result = proxy.run("balancer", vhost="all", **change)
        assert [c["layer"] for c in result["changes"]] == ["config", "runtime", "runtime"]
        assert result["reload_required"] is False and result["not_reached"] == []
        assert [row["drift"] for row in proxy.run("balancer_info")["balancers"]] == [[], []]

    def test_with_one_file_say_which_was_not_reached(self, proxy: Proxy):
        shared = proxy.httpd.write("shared.conf", BODY)
        include = f"    Include {shared}\n"
        proxy.start(
            vhost("one.example.com", include) + vhost("two.example.com", include, manager="")
        )
        change = {"name": "app", "members": [{"url": N1, "lbset": 1}], "purge": []}
        result = proxy.run("balancer", vhost="all", **change)
        assert [row["vhost"] for row in result["not_reached"]] == ["two.example.com"]
        assert "serve balancer-manager there" in result["not_reached"][0]["reason"]
        assert result["reload_required"] is True
        assert "two.example.com was not reached" in result["reload_reasons"][0]

    def test_that_use_one_of_the_main_server_share_its_members(self, proxy: Proxy):
        section, _mark, use = BODY.partition("    ProxyPass")
        use = "    ProxyPass" + use
        text = section + vhost("one.example.com", use) + vhost("two.example.com", use)
        proxy.start(text)
        change = {"members": [{"url": N1, "lbset": 3}], "proxy_set": {"maxattempts": 5}}
        result = proxy.run("balancer", name="app", vhost="_main", purge=[], **change)
        runtime = [
            (c["vhost"], c["parameter"]) for c in result["changes"] if c["layer"] == "runtime"
        ]
        assert runtime == [
            ("one.example.com", "lbset"),
            ("one.example.com", "maxattempts"),
            ("two.example.com", "maxattempts"),
        ]
        rows = proxy.run("balancer_info")["balancers"]
        assert [row["drift"] for row in rows] == [[], []]

    def test_get_no_method_from_the_main_server(self, proxy: Proxy):
        section, _mark, _use = BODY.partition("    ProxyPass")
        text = section + vhost("one.example.com", "    ProxyPass /app balancer://app\n")
        proxy.start(text)
        change = {"name": "app", "vhost": "_main", "proxy_set": {"lbmethod": "bybusyness"}}
        refused = proxy.attempt("balancer", **change)
        assert "lbmethod=bybusyness would have no effect in one.example.com" in refused["msg"]
        assert proxy.site.read_text() == text


def test_a_virtual_host_that_is_not_loaded_yet_waits_for_the_reload(proxy: Proxy):
    proxy.start(vhost("app.example.com", BODY, manager=""))
    proxy.site.write_text(vhost("app.example.com", BODY))
    result = proxy.run("balancer", name="app", members=[{"url": N1, "lbset": 1}], purge=[])
    assert layers(result) == {"config"} and result["reload_required"] is True
    assert [row["vhost"] for row in result["not_reached"]] == ["app.example.com"]
    proxy.run("graceful_reload")
    assert proxy.info()["drift"] == []


def test_no_nonce_and_no_password_is_shown(proxy: Proxy):
    text = vhost("app.example.com", BODY.replace("growth=5", "nonce=hush-hush-nonce"), MANAGER)
    proxy.start(text)
    result = proxy.run(
        "balancer",
        name="app",
        members=[{"url": N1, "lbset": 1}],
        purge=[],
        manager_username="ops",
        manager_password="hush-hush-password",
        diff=True,
    )
    assert "hush-hush" not in str(result)
    assert "hush-hush" not in str(proxy.run("balancer_info"))


def test_two_at_a_time_lose_no_change_and_leave_nothing_to_reload(app: Proxy):
    def change(url: str) -> list[dict]:
        return [
            app.run("balancer_member", url=url, loadfactor=str(factor)) for factor in range(2, 10)
        ]

    with ThreadPoolExecutor() as pool:
        results = list(pool.map(change, (N1, N2)))
    assert all(result["changed"] and not result["reload_required"] for r in results for result in r)
    state = app.run("balancer_info")
    assert (state["reload_required"], state["reload_reasons"]) == (False, [])
    (balancer,) = state["balancers"]
    assert balancer["drift"] == []
    assert [m["runtime"]["loadfactor"] for m in balancer["members"]] == [9.0, 9.0, 1.0]


def test_what_was_done_before_an_error_is_told(proxy: Proxy):
    # The second virtual host lets its balancer be read, and not be changed.
    readable = MANAGER.replace(
        "Require local",
        "<Limit GET>\nRequire local\n</Limit>\n<LimitExcept GET>\nRequire all denied\n</LimitExcept>",
    )
    shared = proxy.httpd.write("shared.conf", BODY)
    include = f"    Include {shared}\n"
    proxy.start(
        vhost("one.example.com", include) + vhost("two.example.com", include, manager=readable)
    )
    wanted = {"url": N1, "state": "drained"}
    result = proxy.attempt("balancer_member", **wanted)
    assert "two.example.com" in result["msg"] and "403" in result["msg"]
    assert result["changed"] is True
    assert [(c["layer"], c["vhost"]) for c in result["changes"]] == [
        ("config", None),
        ("runtime", "one.example.com"),
    ]
    assert result["reload_required"] is True
    result = proxy.run("graceful_reload", manager_url=None)
    assert proxy.run("balancer_member", **wanted)["changed"] is False
    assert [row["drift"] for row in proxy.run("balancer_info")["balancers"]] == [[], []]


def test_one_process_of_httpd_is_enough_for_the_pages_of_all_virtual_hosts(proxy: Proxy):
    # With the MPM prefork each connection holds one, as long as it is kept.
    text = proxy.httpd.config_file.read_text().replace("mpm_event", "mpm_prefork")
    text = text.replace(SMALL, "StartServers 1\nServerLimit 1\nMaxRequestWorkers 1\n")
    proxy.httpd.write("httpd.conf", text)
    proxy.start("".join(vhost(f"{name}.example.com", BODY) for name in ("one", "two", "three")))
    change = {"name": "app", "vhost": "all", "members": [{"url": N1, "lbset": 1}], "purge": []}
    result = proxy.run("balancer", **change, manager_timeout=2)
    assert result["not_reached"] == [] and result["reload_required"] is False
    assert [c["layer"] for c in result["changes"]].count("runtime") == 3


def test_the_running_httpd_alone_is_changed_at_all_its_addresses(proxy: Proxy):
    port = free_port()
    with proxy.httpd.config_file.open("a") as stream:
        stream.write(f"Listen 127.0.0.1:{port}\n")
    ports = (proxy.httpd.port, port)
    names = ("one.example.com", "two.example.com")
    sites = [vhost(n, BODY).replace("*:*", f"*:{p}") for n, p in zip(names, ports)]
    proxy.start("".join(sites))
    urls = [f"http://127.0.0.1:{each}/balancer-manager" for each in ports]
    wanted = {"name": "app", "target": "runtime", "manager_url": urls, "purge": []}
    wanted["proxy_set"] = {"stickysession": "S"}
    result = proxy.run("balancer", **wanted)
    assert len(result["changes"]) == len(result["balancer"]) == 2
    rows = proxy.run("balancer_info", manager_url=urls)["balancers"]
    assert [row["runtime"]["stickysession"] for row in rows] == ["S", "S"]
    refused = proxy.attempt("balancer", **wanted, vhost="two.example.com")
    assert "name it with manager_server_name" in refused["msg"]
