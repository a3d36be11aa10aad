# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module balancer_member on files and running httpd."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._access import Access
from ansible_collections.webtier.apache_balancer.plugins.module_utils._live import Managers, Running
from ansible_collections.webtier.apache_balancer.plugins.module_utils._member import Selector, wait
from ansible_collections.webtier.apache_balancer.tests.support.between import (
    Between,
    Talk,
    honest,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
    connections,
    free_port,
    wait_for,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import (
    BODY,
    MANAGER,
    Proxy,
    vhost,
)
from ansible_collections.webtier.apache_balancer.tests.support.traffic import Backend

N1, N2, N3, NEW = (f"http://127.0.0.1:{port}" for port in (1, 2, 3, 4))
WAIT = {"wait": True, "wait_interval": 0.1, "wait_idle": 0.4, "wait_timeout": 5}


@contextlib.contextmanager
def in_flight(proxy: Proxy):
    """Start the proxy, whose first member has a request that is not answered until the function that is returned is
    called: the member's URL, the answer to come, and that function."""
    finish = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self):
            finish.wait(60)
            self.send_response(204)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Slow) as node, ThreadPoolExecutor() as pool:
        pool.submit(node.serve_forever)
        url = f"http://127.0.0.1:{node.server_port}"
        body = BODY.replace(f"{N1} ", f"{url} ").replace("growth=5", "stickysession=S")
        proxy.start(vhost("app.example.com", body))
        slow = pool.submit(proxy.httpd.get, "/app", {"Cookie": "S=x.n1"})
        try:
            wait_for(lambda: proxy.member(url)["runtime"]["busy"], "a request in flight")
            yield url, slow, finish.set
        finally:
            finish.set()
            slow.result()
            node.shutdown()


def status(app: Proxy, url: str = N1):
    """The flags of a member in the file and in the running httpd."""
    member = app.member(url)
    words = ("disabled", "stopped", "ignore_errors", "hot_standby", "hot_spare", "drained")
    return (
        member["config"].get("status", []),
        [word for word in words if member["runtime"][word]],
    )


@pytest.mark.parametrize(
    ("state", "flags"),
    [
        ("drained", ["drained"]),
        ("disabled", ["disabled"]),
        ("stopped", ["stopped"]),
        ("hot_standby", ["hot_standby"]),
        ("hot_spare", ["hot_spare"]),
        ("ignore_errors", ["ignore_errors"]),
    ],
)
def test_a_state_is_set_on_both_layers_and_outlives_a_reload(app: Proxy, state, flags):
    before = app.generation
    foreseen = app.run("balancer_member", url=N1, state=state, check=True)
    assert status(app) == ([], [])
    result = app.run("balancer_member", url=N1, state=state)
    assert result["changes"] == foreseen["changes"] and result["reload_required"] is False
    assert [(m["url"], m["status"]) for m in result["members"]] == [(N1, flags)]
    assert status(app) == (flags, flags) and app.generation == before
    assert app.run("balancer_member", url=N1, state=state)["changed"] is False
    app.httpd.reload()
    assert status(app) == (flags, flags) and app.info()["drift"] == []


def test_enabled_takes_back_what_keeps_a_member_out_and_nothing_else(app: Proxy):
    flags = ["disabled", "stopped", "ignore_errors", "drained"]
    app.run("balancer_member", url=N1, status=flags)
    app.run("balancer_member", url=N1, state="enabled")
    assert status(app) == (["ignore_errors"], ["ignore_errors"])


def test_a_disabled_member_does_not_come_back_by_being_drained(app: Proxy):
    app.run("balancer_member", url=N1, state="disabled", target="runtime")
    app.run("balancer_member", url=N1, state="drained")
    assert status(app) == (["drained"], ["disabled", "drained"])


class TestAMemberIsFound:
    SITES = {
        "one.example.com": ["http://10.0.0.1:8080 route=a", "http://10.0.0.2:8080 route=b"],
        "two.example.com": [
            "http://10.0.0.1:8080 route=x",
            "https://10.0.0.1:8443 route=y",
            "http://[2001:DB8::1]:80 route=z",
            "unix:/run/s.sock|http://node9/ route=s",
        ],
    }

    @pytest.fixture()
    def sites(self, proxy: Proxy) -> Proxy:
        text = ""
        for name, members in self.SITES.items():
            lines = "".join(
                f'        BalancerMember "{m.split()[0]}" {m.split()[1]}\n' for m in members
            )
            body = f"    <Proxy balancer://app>\n{lines}    </Proxy>\n    ProxyPass /x balancer://app/\n"
            text += vhost(name, body)
        return proxy.start(text)

    def found(self, sites: Proxy, **options):
        result = sites.run("balancer_member", state="ignore_errors", check=True, **options)
        return [(m["vhost"][:3], m["route"]) for m in result["members"]]

    def test_by_host_on_all_ports_in_all_balancers(self, sites: Proxy):
        assert self.found(sites, host="10.0.0.1") == [("one", "a"), ("two", "x"), ("two", "y")]

    def test_by_an_ipv6_host_with_or_without_brackets(self, sites: Proxy):
        for host in ("2001:db8::1", "[2001:DB8::1]"):
            assert self.found(sites, host=host) == [("two", "z")]

    def test_by_the_host_that_stands_for_a_socket(self, sites: Proxy):
        assert self.found(sites, host="node9") == [("two", "s")]

    def test_by_url_and_by_route(self, sites: Proxy):
        assert "msg" in sites.attempt(
            "balancer_member", url="http://10.0.0.1:8080/", state="drained"
        )
        assert self.found(sites, url="http://10.0.0.1:8080") == [("one", "a"), ("two", "x")]
        assert self.found(sites, route="y") == [("two", "y")]

    def test_in_one_virtual_host_or_one_balancer_alone(self, sites: Proxy):
        assert self.found(sites, host="10.0.0.1", vhost="one.example.com") == [("one", "a")]
        assert self.found(sites, host="10.0.0.1", balancer="app", vhost="two.example.com") == [
            ("two", "x"),
            ("two", "y"),
        ]

    def test_and_all_of_them_are_taken_out_by_one_task(self, sites: Proxy):
        result = sites.run("balancer_member", host="10.0.0.1", state="drained")
        assert [c["layer"] for c in result["changes"]] == ["config"] * 3 + ["runtime"] * 3
        assert result["reload_required"] is False
        assert [row["drift"] for row in sites.run("balancer_info")["balancers"]] == [[], []]

    def test_or_it_is_said_which_ones_there_are(self, sites: Proxy):
        refused = sites.attempt("balancer_member", route="nobody", state="drained")
        assert "there is no member with route nobody" in refused["msg"]
        assert "http://10.0.0.2:8080 (route b)" in refused["msg"]
        refused = sites.attempt("balancer_member", url=N1, balancer="ap", state="drained")
        assert "there is no balancer ap" in refused["msg"] and "app" in refused["msg"]


class TestAMemberOnASocket:
    """Of ``unix:/socket|URL`` httpd goes by the URL alone within one balancer. Pools of several sites have the same."""

    SHOP, BLOG, OTHER = (
        f"unix:/run/php/{name}.sock|http://localhost/" for name in ("shop", "blog", "other")
    )

    @pytest.fixture()
    def pools(self, proxy: Proxy) -> Proxy:
        text = ""
        for name, url in (("shop", self.SHOP), ("blog", self.BLOG)):
            body = (
                f'    <Proxy balancer://{name}>\n        BalancerMember "{url}" route=n1\n'
                f"        BalancerMember {N2} route=n2\n    </Proxy>\n    ProxyPass /x balancer://{name}/\n"
            )
            text += vhost(f"{name}.example.com", body)
        return proxy.start(text)

    def test_is_not_taken_for_that_of_another_site(self, pools: Proxy):
        result = pools.run("balancer_member", url=self.SHOP, state="drained")
        assert [(c["layer"], c["balancer"], c["member"]) for c in result["changes"]] == [
            ("config", "shop", self.SHOP),
            ("runtime", "shop", self.SHOP),
        ]
        runtime = pools.run(
            "balancer_member",
            url=self.BLOG,
            state="disabled",
            target="runtime",
            manager_server_name="blog.example.com",
        )
        assert [c["member"] for c in runtime["changes"]] == [self.BLOG]
        pools.run("balancer_member", url=self.SHOP, state="absent")
        assert self.SHOP not in pools.site.read_text() and self.BLOG in pools.site.read_text()

    @pytest.mark.parametrize("target", ["both", "runtime"])
    def test_that_there_is_not_is_not_another_one(self, pools: Proxy, target):
        name = {"manager_server_name": "shop.example.com"} if target == "runtime" else {}
        refused = pools.attempt(
            "balancer_member", url=self.OTHER, state="enabled", target=target, **name
        )
        assert f"there is no member with url {self.OTHER}" in refused["msg"]
        assert f"{self.SHOP} (route n1)" in refused["msg"]
        if target == "both":
            gone = pools.run("balancer_member", url=self.OTHER, state="absent")
            assert gone["changed"] is False

    def test_is_meant_without_its_socket_too(self, pools: Proxy):
        result = pools.run("balancer_member", url="http://localhost/", state="drained", check=True)
        assert [m["url"] for m in result["members"]] == [self.SHOP, self.BLOG]

    def test_is_not_added_beside_one_that_httpd_takes_it_for(self, pools: Proxy):
        before = pools.site.read_text()
        refused = pools.attempt("balancer_member", balancer="shop", url=self.OTHER, route="n9")
        assert f"httpd takes it for {self.SHOP}" in refused["msg"]
        assert "another name behind the |" in refused["msg"]
        assert pools.site.read_text() == before
        added = pools.run(
            "balancer_member", balancer="shop", url="unix:/run/php/other.sock|http://other/"
        )
        assert added["changes"][0]["member"] == "unix:/run/php/other.sock|http://other/"

    def test_is_out_by_the_socket_that_the_files_name(self, pools: Proxy):
        pools.site.write_text(pools.site.read_text().replace(self.SHOP, self.OTHER))
        result = pools.run("balancer_member", url=self.OTHER, state="drained", **WAIT)
        assert [(c["layer"], c["member"]) for c in result["changes"]] == [
            ("config", self.OTHER),
            ("runtime", self.SHOP),
        ]
        assert result["drained"] is True

    def test_is_counted_by_the_socket_that_the_files_name(self, pools: Proxy):
        pools.site.write_text(pools.site.read_text().replace(self.SHOP, self.OTHER))
        name = {"manager_server_name": "shop.example.com", "target": "runtime"}
        pools.run("balancer_member", url=N2, state="disabled", **name)
        refused = pools.attempt("balancer_member", url=self.OTHER, state="drained")
        assert "shop.example.com: without" in refused["msg"] and "0 members" in refused["msg"]


def test_one_file_of_two_virtual_hosts_is_drained_in_both(proxy: Proxy):
    include = f"    Include {proxy.httpd.write('shared.conf', BODY)}\n"
    proxy.start(vhost("one.example.com", include) + vhost("two.example.com", include))
    result = proxy.run("balancer_member", url=N1, state="drained")
    assert [c["layer"] for c in result["changes"]] == ["config", "runtime", "runtime"]
    assert [(m["vhost"], m["status"]) for m in result["members"]] == [
        ("one.example.com", ["drained"]),
        ("two.example.com", ["drained"]),
    ]
    assert result["not_reached"] == []


def test_one_file_of_two_virtual_hosts_says_which_is_not_drained(proxy: Proxy):
    include = f"    Include {proxy.httpd.write('shared.conf', BODY)}\n"
    proxy.start(vhost("one.example.com", include) + vhost("two.example.com", include, manager=""))
    result = proxy.run("balancer_member", url=N1, state="drained")
    assert [row["vhost"] for row in result["not_reached"]] == ["two.example.com"]
    assert result["reload_required"] is True
    waited = proxy.attempt("balancer_member", url=N1, state="drained", **WAIT)
    assert "nobody can tell when the members are idle" in waited["msg"]
    assert "two.example.com" in waited["msg"] and waited["drained"] is False


def test_a_virtual_host_without_balancer_manager_does_not_keep_the_others_waiting(proxy: Proxy):
    proxy.start(vhost("one.example.com", BODY) + vhost("two.example.com", BODY, manager=""))
    result = proxy.run("balancer_member", url=N1, state="drained")
    assert [c["layer"] for c in result["changes"]] == ["config", "config", "runtime"]
    assert [row["vhost"] for row in result["not_reached"]] == ["two.example.com"]


class TestAMember:
    def test_is_added_and_removed(self, app: Proxy):
        new = {"url": "http://127.0.0.1:4", "route": "n4", "loadfactor": "2", "balancer": "app"}
        result = app.run("balancer_member", **new)
        assert [c["layer"] for c in result["changes"]] == ["config", "runtime"]
        assert result["reload_required"] is False
        assert app.run("balancer_member", **new)["changed"] is False
        gone = app.run("balancer_member", url="http://127.0.0.1:4", state="absent")
        assert "removed by a reload" in gone["reload_reasons"][0]
        assert app.member("http://127.0.0.1:4")["runtime"]["stopped"] is True
        app.run("graceful_reload")
        assert app.info()["drift"] == []
        assert (
            app.run("balancer_member", url="http://127.0.0.1:4", state="absent")["changed"] is False
        )

    @pytest.mark.parametrize(
        ("letters", "state", "flags"),
        [
            ("HI", "ignore_errors", ["ignore_errors", "hot_standby"]),
            ("D", "ignore_errors", ["disabled", "ignore_errors"]),
            ("N", "hot_standby", ["hot_standby", "drained"]),
            ("H", "enabled", ["hot_standby"]),
            ("DH", "enabled", ["hot_standby"]),
        ],
    )
    def test_that_only_the_files_have_runs_with_their_flags_as_well(
        self, app: Proxy, letters, state, flags
    ):
        line = f"BalancerMember {NEW} route=n4 status=+{letters}"
        app.site.write_text(app.site.read_text().replace("ProxySet", f"{line}\nProxySet"))
        app.run("balancer_member", url=NEW, state=state)
        assert status(app, NEW) == (flags, flags)
        assert app.info()["drift"] == []

    def test_that_was_removed_is_whole_again_when_it_is_added_before_the_reload(self, app: Proxy):
        text = app.site.read_text()
        app.run("balancer_member", url=N3, state="absent")
        result = app.run("balancer_member", url=N3, balancer="app", route="n3")
        member = result["members"][0]
        assert (member["status"], member["usable"]) == ([], True)
        # As it was loaded, but for the order of its lines.
        assert sorted(app.site.read_text().splitlines()) == sorted(text.splitlines())
        assert app.info()["drift"] == []
        app.run("graceful_reload", only_if_needed=False)
        assert status(app, N3) == ([], [])

    def test_that_is_the_last_one_is_not_removed(self, app: Proxy):
        for url in (N1, N2):
            app.run("balancer_member", url=url, state="absent", min_usable=0)
        refused = app.attempt("balancer_member", url=N3, state="absent", min_usable=0)
        assert "is the last one" in refused["msg"]

    def test_is_not_added_to_a_balancer_that_does_not_exist(self, app: Proxy):
        refused = app.attempt("balancer_member", url="http://127.0.0.1:4", balancer="nobody")
        assert "there is no balancer nobody" in refused["msg"]

    def test_gets_a_part_of_its_load_factor_for_a_while(self, app: Proxy):
        app.run("balancer_member", url=N1, loadfactor="40")
        text = app.site.read_text()
        result = app.run("balancer_member", url=N1, state="enabled", loadfactor="25%")
        assert [(c["layer"], c["after"]) for c in result["changes"]] == [("runtime", 10.0)]
        app.run("balancer_member", url=N1, loadfactor="50%")
        assert app.member(N1)["runtime"]["loadfactor"] == 20.0 and app.site.read_text() == text
        app.run("balancer_member", url=N1, loadfactor="100%")
        assert app.info()["drift"] == []
        refused = app.attempt("balancer_member", url=N2, loadfactor="50%")
        assert "50% of 1 is 0.5, and httpd takes 1 to 100" in refused["msg"]

    def test_is_not_added_to_the_running_httpd_for_a_part_that_httpd_does_not_take(
        self, app: Proxy
    ):
        new = {"url": "http://127.0.0.1:4", "balancer": "app", "route": "n4", "status": ["drained"]}
        app.run("balancer_member", target="config", **new)
        text = app.site.read_text()
        refused = app.attempt("balancer_member", route="n4", state="enabled", loadfactor="50%")
        assert "50% of 1 is 0.5, and httpd takes 1 to 100" in refused["msg"]
        assert app.site.read_text() == text and app.member(new["url"])["runtime"] is None

    def test_is_added_to_the_running_httpd_with_a_part_of_its_load_factor(self, app: Proxy):
        new = {"url": "http://127.0.0.1:4", "balancer": "app", "route": "n4", "loadfactor": "40"}
        app.run("balancer_member", target="config", **new)
        result = app.run("balancer_member", route="n4", loadfactor="25%")
        assert [(c["layer"], c["after"]["loadfactor"]) for c in result["changes"]] == [
            ("runtime", 10.0)
        ]
        assert app.member(new["url"])["runtime"]["loadfactor"] == 10.0

    def test_may_change_in_the_running_httpd_alone(self, app: Proxy):
        text = app.site.read_text()
        options = {"route": "n2", "target": "runtime"}
        assert (
            app.run("balancer_member", state="disabled", check=True, **options)["changed"] is True
        )
        app.run("balancer_member", state="disabled", **options)
        assert status(app, N2) == ([], ["disabled"]) and app.site.read_text() == text
        app.run("balancer_member", state="enabled", **options)
        assert status(app, N2) == ([], [])

    def test_may_change_in_the_files_alone(self, app: Proxy):
        result = app.run("balancer_member", url=N1, state="drained", target="config")
        assert status(app) == (["drained"], []) and result["reload_required"] is True
        member = result["members"][0]
        assert (member["status"], member["usable"], member["elected"]) == (["drained"], None, None)


class TestTheLastUsableMember:
    def test_is_not_taken_out(self, app: Proxy):
        text = app.site.read_text()
        refused = app.attempt("balancer_member", host="127.0.0.1", state="drained")
        assert "there would be 0 members for new sessions, and min_usable is 1" in refused["msg"]
        assert app.site.read_text() == text and status(app) == ([], [])
        app.run("balancer_member", host="127.0.0.1", state="drained", min_usable=0)

    def test_is_counted_as_httpd_runs_it(self, app: Proxy):
        app.run("balancer_member", url=N1, state="disabled", target="runtime")
        app.run("balancer_member", url=N2, state="drained")
        for target in ("both", "runtime"):
            for how in ({"state": "disabled"}, {"status": ["disabled"]}):
                refused = app.attempt("balancer_member", url=N3, target=target, **how)
                assert f"{N1} is disabled; {N2} is drained" in refused["msg"]

    def test_may_stand_by(self, app: Proxy):
        app.run("balancer_member", url=N3, state="hot_standby")
        app.run("balancer_member", url=N2, state="drained")
        app.run("balancer_member", url=N1, state="drained")
        assert "msg" in app.attempt("balancer_member", url=N3, state="drained")

    @pytest.fixture()
    def meanwhile(self, proxy: Proxy):
        """Options of a task about N3: when it has looked at the others and is about to take it out, they go out."""
        others = [N1, N2]

        def last(talk: Talk) -> None:
            while talk.is_post and others:
                proxy.run("balancer_member", url=others.pop(), state="drained", target="runtime")
            honest(talk)

        with Between() as between:
            proxy.site.write_text(vhost("app.example.com", BODY))
            proxy.httpd.start_on_old_files(pass_fds=[between.fileno])
            between.behind, between.fault = proxy.httpd.port, last
            yield {"manager_url": between.url(), "url": N3, "diff": True}
        assert not others

    @pytest.mark.parametrize("target", ["both", "runtime"])
    def test_is_put_back_when_others_went_out_at_the_same_time(
        self, proxy: Proxy, meanwhile, target
    ):
        text = proxy.site.read_text()
        refused = proxy.attempt("balancer_member", state="drained", target=target, **meanwhile)
        assert "there are 0 members for new sessions, and min_usable is 1" in refused["msg"]
        assert f"{N1} is drained; {N2} is drained" in refused["msg"]
        assert "What this task took out was put back" in refused["msg"]
        assert (status(proxy, N3), proxy.site.read_text()) == (([], []), text)
        layers = ["config", "runtime"] if target == "both" else ["runtime"]
        assert [(c["layer"], c["after"] or []) for c in refused["changes"]] == [
            *((layer, ["drained"]) for layer in layers),
            *((layer, []) for layer in layers),
        ]
        assert len(refused["diff"]) == 2 * len(layers)

    def test_that_was_removed_when_others_went_out_at_the_same_time_is_told_of(
        self, proxy: Proxy, meanwhile
    ):
        refused = proxy.attempt("balancer_member", state="absent", **meanwhile)
        assert "min_usable is 1" in refused["msg"] and "Put another one back in" in refused["msg"]
        assert [c["layer"] for c in refused["changes"]] == ["config", "runtime"]
        assert proxy.member(N3)["runtime"]["route"] == "n3"

    def test_that_is_in_error_may_be_taken_out_with_nobody_left(self, app: Proxy):
        # Nobody listens there: httpd has each in error that it has tried.
        app.httpd.get("/app")
        for url in (N1, N2, N3):
            app.run("balancer_member", url=url, state="drained", target="runtime")
            assert status(app, url) == ([], ["drained"])

    def test_is_counted_in_the_files_where_only_these_are_changed(self, app: Proxy):
        for url in (N1, N2):
            app.run("balancer_member", url=url, state="drained", target="config")
        assert "msg" in app.attempt("balancer_member", url=N3, state="disabled", target="config")


class TestAWait:
    def test_ends_when_the_member_is_idle(self, app: Proxy):
        result = app.run("balancer_member", url=N1, state="drained", **WAIT)
        assert result["drained"] is True and result["waited"] >= 0.4

    def test_keeps_no_connection_while_it_does_nothing(self, proxy: Proxy):
        names = ("one.example.com", "two.example.com")
        body = BODY.replace("route=n1", "route=n1 status=+D")
        proxy.start("".join(vhost(name, body) for name in names))
        managers, url = Managers(), proxy.manager_url
        pages = [managers.source(url, Access((url,)), name) for name in names]
        running = [Running("app", name, page) for name, page in zip(names, pages)]
        kept = []

        def sleep(dummy: float) -> None:
            kept.append(connections(proxy.httpd.port))

        waited = wait(running, Selector("url", N1), False, 0.1, 0.01, 1.0, sleep=sleep)
        assert not waited.done and kept and not any(kept)

    def test_begins_anew_with_each_request(self, proxy: Proxy):
        with Backend("n1") as node:
            body = BODY.replace(N1, node.url).replace("growth=5", "stickysession=JSESSIONID")
            proxy.start(vhost("app.example.com", body))
            ended = threading.Event()

            def ask() -> None:
                while "status=+N" not in proxy.site.read_text():
                    time.sleep(0.02)
                for dummy in range(20):
                    proxy.httpd.get("/app", {"Cookie": "JSESSIONID=x.n1"})
                    time.sleep(0.1)
                ended.set()

            client = threading.Thread(target=ask)
            client.start()
            result = proxy.run("balancer_member", route="n1", state="drained", **WAIT)
            assert ended.is_set() and result["drained"] is True and result["waited"] > 1
            client.join()

    @pytest.mark.parametrize("what", ["fail", "restore", "disable", "continue"])
    def test_that_takes_too_long_ends_as_declared(self, proxy: Proxy, what):
        options = {**WAIT, "wait_timeout": 1, "on_timeout": what}
        with in_flight(proxy) as (url, *_rest):
            result = proxy.attempt("balancer_member", url=url, state="drained", **options)
            flags = {"restore": [], "disable": ["disabled", "drained"]}.get(what, ["drained"])
            assert status(proxy, url) == (flags, flags)
        # While the request was in flight; once disabled, it is waited for that, at most as long again.
        assert result["drained"] is False and result["waited"] >= 1
        assert ("msg" in result) == (what in ("fail", "restore"))
        if what in ("fail", "restore"):
            assert re.match(r"not idle after [\d.]+ s \(wait_timeout\)", result["msg"])
            assert "requests in flight" in result["msg"]

    @pytest.mark.parametrize("what", ["fail", "restore", "disable", "continue"])
    def test_that_could_only_take_too_long_is_refused(self, app: Proxy, what):
        options = {"wait": True, "wait_idle": 1800, "on_timeout": what}
        for state in ("drained", "disabled", "stopped"):
            for check in (True, False):
                refused = app.attempt(
                    "balancer_member", url=N1, state=state, check=check, **options
                )
                assert refused["msg"] == (
                    "wait_timeout: 300 s are over before a member can have been idle for 1800 s (wait_idle), whoever"
                    " uses it or not. Use a longer wait_timeout, or a shorter wait_idle"
                )
        assert status(app) == ([], [])

    def test_that_only_looks_or_is_for_a_member_to_come_back_may_be_as_short_as_one_likes(
        self, app: Proxy
    ):
        options = {"wait": True, "wait_idle": 60, "on_timeout": "continue"}
        looked = app.run("balancer_member", url=N1, state="drained", wait_timeout=0, **options)
        assert looked["drained"] is False and looked["waited"] < 5
        back = app.run("balancer_member", url=N1, state="enabled", wait_timeout=5, **options)
        assert back["drained"] is True

    @pytest.mark.parametrize("target", ["both", "runtime"])
    def test_for_a_member_to_come_back_does_not_take_it_out_again(self, app: Proxy, target):
        # Nobody listens there: httpd has the member in error.
        app.httpd.get("/app")
        app.run("balancer_member", url=N1, state="drained", target=target)
        options = {**WAIT, "wait_timeout": 1, "on_timeout": "disable", "target": target}
        result = app.run("balancer_member", url=N1, state="enabled", **options)
        assert result["drained"] is False
        assert status(app) == ([], [])

    def test_puts_back_only_what_it_has_changed(self, proxy: Proxy):
        section, _mark, _rest = BODY.partition("    ProxyPass")
        other = section.replace("balancer://app", "balancer://two").replace(
            "route=n1", "route=n1 status=N"
        )
        proxy.start(vhost("app.example.com", section + other))
        text = proxy.site.read_text()
        proxy.run("balancer_member", url=N1, balancer="app", state="disabled", target="runtime")
        options = {**WAIT, "wait_timeout": 0, "on_timeout": "restore"}
        result = proxy.attempt("balancer_member", url=N1, state="drained", **options)
        assert "its flags were put back" in result["msg"]
        rows = proxy.run("balancer_info")["balancers"]
        flags = [
            [word for word in ("disabled", "drained") if row["members"][0]["runtime"][word]]
            for row in rows
        ]
        assert flags == [["disabled"], ["drained"]] and proxy.site.read_text() == text
        assert result["reload_required"] is False

    def test_in_the_running_httpd_alone_is_put_back_there(self, app: Proxy):
        options = {**WAIT, "wait_timeout": 0, "on_timeout": "restore"}
        app.attempt("balancer_member", url=N1, state="drained", target="runtime", **options)
        assert status(app) == ([], [])

    def test_is_not_for_a_member_that_is_removed(self, app: Proxy):
        refused = app.attempt("balancer_member", url=N1, state="absent", wait=True)
        assert "drain the member first" in refused["msg"] and status(app) == ([], [])

    def test_notices_that_somebody_put_the_member_back(self, app: Proxy):
        def put_back() -> None:
            wait_for(lambda: app.member(N1)["runtime"]["drained"], "a drained member")
            # What was set is read back first.
            time.sleep(1)
            app.run("balancer_member", url=N1, state="enabled", target="runtime")

        other = threading.Thread(target=put_back)
        other.start()
        options = {**WAIT, "wait_idle": 20, "wait_timeout": 60}
        result = app.attempt("balancer_member", url=N1, state="drained", **options)
        other.join()
        assert "is no longer out: somebody put it back" in result["msg"]

    def test_outlives_a_reload_by_someone_else(self, app: Proxy):
        def reload() -> None:
            time.sleep(1.0)
            app.httpd.reload()

        other = threading.Thread(target=reload)
        other.start()
        options = {**WAIT, "wait_idle": 2, "wait_timeout": 20}
        result = app.run("balancer_member", url=N1, state="drained", **options)
        other.join()
        assert result["drained"] is True and status(app) == (["drained"], ["drained"])

    def test_needs_the_running_httpd(self, app: Proxy):
        refused = app.attempt(
            "balancer_member", url=N1, state="drained", wait=True, target="config"
        )
        assert "wait: only the running httpd counts requests" in refused["msg"]


class TestAGracefulReload:
    def test_keeps_out_what_only_the_running_httpd_kept_out(self, app: Proxy):
        app.run("balancer_member", url=N1, state="drained", target="runtime")
        app.run("balancer_member", url=N2, state="disabled", target="runtime")
        # What the running httpd alone has is no reason for a reload.
        assert app.run("graceful_reload")["changed"] is False
        app.run("balancer", name="app", members=[{"url": N3, "retry": 5}], purge=[])
        foreseen = app.run("graceful_reload", check=True)
        result = app.run("graceful_reload")
        assert [(c["member"], c["after"]) for c in result["changes"]] == [
            (N1, ["drained"]),
            (N2, ["disabled"]),
        ]
        assert foreseen["changes"] == result["changes"]
        assert status(app, N1) == (["drained"], ["drained"])
        assert status(app, N2) == (["disabled"], ["disabled"])
        assert app.info()["drift"] == []

    def test_looks_at_a_virtual_host_by_the_name_that_is_loaded(self, proxy: Proxy):
        # httpd shows its first virtual host to who asks for a name that it does not know.
        one, two = (proxy.httpd.write(f"{name}.inc", BODY) for name in ("one", "two"))
        first = vhost("one.example.com", f"    Include {one}\n")
        second = vhost("two.example.com", f"    Include {two}\n")
        proxy.start(first + second)
        proxy.reload()
        for name, url in (("one.example.com", N1), ("two.example.com", N2)):
            alone = {"target": "runtime", "manager_server_name": name}
            proxy.run("balancer_member", url=url, state="drained", **alone)
        proxy.site.write_text(first + second.replace("two.example", "new.example"))
        result = proxy.run("graceful_reload")
        assert [c["member"] for c in result["changes"]] == [N1, N2]
        drained = [
            [m["url"] for m in balancer["members"] if m["config"].get("status")]
            for balancer in proxy.run("balancer_info")["balancers"]
        ]
        assert drained == [[N1], [N2]]

    def test_says_what_it_could_not_look_at(self, proxy: Proxy):
        proxy.start(vhost("one.example.com", BODY) + vhost("two.example.com", BODY, manager=""))
        result = proxy.run("graceful_reload", only_if_needed=False)
        assert ["two.example.com" in str(warning) for warning in result["warnings"]] == [True]


@pytest.mark.parametrize("check", [False, True])
def test_a_binary_that_there_is_not_is_named_in_check_mode_too(app: Proxy, check):
    """There it may be still to be installed, and then it has no members."""
    instance = {**app.options("balancer_member")["httpd"], "binary": "/usr/sbin/no-such-httpd"}
    result = app.attempt("balancer_member", url=N1, state="drained", httpd=instance, check=check)
    assert result["msg"].startswith("there is no httpd at /usr/sbin/no-such-httpd; ")


def test_a_state_and_a_status_are_not_both_declared(app: Proxy):
    refused = app.attempt("balancer_member", url=N1, state="drained", status=["disabled"])
    assert "choose one" in refused["msg"]


def test_a_manager_in_the_main_server_reaches_its_balancers(proxy: Proxy):
    proxy.start(MANAGER + BODY)
    result = proxy.run("balancer_member", url=N1, state="drained")
    assert [c["layer"] for c in result["changes"]] == ["config", "runtime"]
    assert result["members"][0]["vhost"] == "_main"


class TestWhatTheFilesSay:
    """A reload, whoever makes it, leaves in and out what they say."""

    def test_counts_too_when_the_last_member_is_taken_out(self, app: Proxy):
        for url in (N2, N3):
            app.run("balancer_member", url=url, state="drained", target="config")
        refused = app.attempt("balancer_member", url=N1, state="drained")
        assert "the files of app.example.com" in refused["msg"]

    def test_is_not_undone_by_the_reload_that_loads_it(self, app: Proxy):
        app.run("balancer_member", url=N2, state="drained")
        app.run("balancer_member", url=N2, state="enabled", target="config")
        text = app.site.read_text()
        result = app.run("graceful_reload")
        assert "gets requests again" in str(result["warnings"])
        assert (result["changes"], app.site.read_text()) == ([], text)
        assert app.member(N2)["runtime"]["drained"] is False
        assert app.run("graceful_reload")["changed"] is False

    def test_is_not_undone_when_somebody_put_a_file_back(self, app: Proxy):
        text = app.site.read_text()
        app.run("balancer_member", url=N2, state="drained")
        app.site.write_text(text)
        app.run("graceful_reload")
        assert app.site.read_text() == text
        assert app.member(N2)["runtime"]["drained"] is False

    def test_is_what_a_member_that_is_put_back_in_becomes(self, app: Proxy):
        app.run("balancer_member", url=N2, state="absent")
        app.run("balancer_member", url=N2, balancer="app", route="n2", target="config")
        app.run("graceful_reload")
        assert app.member(N2)["runtime"]["stopped"] is False

    def test_does_not_change_for_one_virtual_host_so_that_another_has_nobody_left(
        self, proxy: Proxy
    ):
        shared = proxy.httpd.write("shared.conf", BODY)
        include = f"    Include {shared}\n"
        one, two = "one.example.com", "two.example.com"
        proxy.start(vhost(one, include) + vhost(two, include))
        for name, url in ((one, N1), (one, N2)):
            alone = {"target": "runtime", "manager_server_name": name}
            proxy.run("balancer_member", url=url, state="drained", **alone)
        warned = proxy.run("graceful_reload", only_if_needed=False, check=True)["warnings"]
        assert f"{N1} of balancer://app is out in {two} as well" in str(warned)
        alone = {"target": "runtime", "manager_server_name": two}
        proxy.run("balancer_member", url=N3, state="drained", **alone)
        before = shared.read_text()
        refused = proxy.attempt("graceful_reload", only_if_needed=False)
        assert "no member would be left for new sessions" in refused["msg"]
        assert shared.read_text() == before

    def test_is_kept_out_in_each_balancer_that_reads_its_line(self, proxy: Proxy):
        nodes = proxy.httpd.write("nodes.conf", re.sub(r"(?m)^(?!.*Member).*\n", "", BODY))
        use = "    <Proxy balancer://{0}>\n    Include {1}\n{2}    </Proxy>\n    ProxyPass /p balancer://{0}\n"
        own = "    BalancerMember http://127.0.0.1:4 route=n4\n"
        one, two = "one.example.com", "two.example.com"
        proxy.start(
            vhost(one, use.format("app", nodes, "")) + vhost(two, use.format("other", nodes, own))
        )
        before = nodes.read_text()
        alone = {"target": "runtime", "manager_server_name": one}
        proxy.run("balancer_member", url=N1, state="drained", **alone)
        kept = proxy.run("graceful_reload", only_if_needed=False)
        assert f"{N1} of balancer://other is out in {two} as well" in str(kept["warnings"])
        assert nodes.read_text() == before.replace("route=n1", "route=n1 status=+N")
        rows = proxy.run("balancer_info")["balancers"]
        assert [row["members"][0]["runtime"]["drained"] for row in rows] == [True, True]


def test_the_running_httpd_alone_is_changed_at_all_its_addresses(proxy: Proxy):
    port = free_port()
    with proxy.httpd.config_file.open("a") as stream:
        stream.write(f"Listen 127.0.0.1:{port}\n")
    first = vhost("one.example.com", BODY).replace("*:*", f"*:{proxy.httpd.port}")
    second = vhost("two.example.com", BODY).replace("*:*", f"*:{port}")
    proxy.start(first + second)
    urls = [f"http://127.0.0.1:{each}/balancer-manager" for each in (proxy.httpd.port, port)]
    wanted = {"url": N1, "state": "drained", "target": "runtime", "manager_url": [*urls, urls[0]]}
    result = proxy.run("balancer_member", **wanted)
    assert len(result["changes"]) == len(result["members"]) == 2
    rows = proxy.run("balancer_info", manager_url=urls)["balancers"]
    assert [row["members"][0]["runtime"]["drained"] for row in rows] == [True, True]


@pytest.mark.parametrize("nonce", ["", "nonce=11111111-2222-3333-4444-555555555555", "nonce=hush"])
def test_a_balancer_that_several_addresses_show_is_changed_once(proxy: Proxy, nonce):
    ports, hosts = (proxy.httpd.port, free_port()), ("127.0.0.1", "127.0.0.2")
    listen = [f"{host}:{port}" for host in hosts for port in ports][1:]
    with proxy.httpd.config_file.open("a") as stream:
        stream.write("".join(f"Listen {each}\n" for each in listen))
    # One file for both virtual hosts, so that a declared nonce is that of both.
    shared = proxy.httpd.write("shared.conf", BODY.replace("growth=5", f"growth=5 {nonce}"))
    site = vhost("app.example.com", f"    Include {shared}\n")
    proxy.start("".join(site.replace("*:*", f"*:{port}") for port in ports))
    urls = [f"http://{host}:{port}/balancer-manager" for host in hosts for port in ports]
    alone = {"target": "runtime", "manager_url": urls}
    result = proxy.run("balancer_member", url=N1, state="drained", **alone)
    if nonce != "nonce=hush":
        assert len(result["members"]) == len(result["changes"]) == 2
        proxy.run("balancer", name="app", purge=[], members=[{"url": NEW}], **alone)
    rows = proxy.run("balancer_info", manager_url=urls)["balancers"]
    assert [row["members"][0]["runtime"]["drained"] for row in rows] == [True, True]


def test_a_member_that_was_disabled_after_a_wait_still_finishes_its_requests(proxy: Proxy):
    with in_flight(proxy) as (url, slow, finish):
        wait = {"wait": True, "wait_idle": 1, "wait_timeout": 4, "on_timeout": "disable"}
        with ThreadPoolExecutor() as pool:
            done = pool.submit(proxy.run, "balancer_member", url=url, state="drained", **wait)
            wait_for(lambda: "status=+ND" in proxy.site.read_text().replace("DN", "ND"), "disabled")
            assert not done.done()
            finish()
        result = done.result()
        assert slow.result().status == 204
    assert result["drained"] is True
    assert result["members"][0]["status"] == ["disabled", "drained"]


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"target": "config", "loadfactor": "50%"}, "target: config leaves it alone"),
        ({"target": "runtime", "loadfactor": "50%"}, "target: runtime does not read"),
        ({"target": "config", "wait": True}, "target: config leaves it alone"),
        ({"manager_url": None, "wait": True}, "manager_url is missing"),
    ],
)
def test_what_needs_a_layer_is_refused_without_it(app: Proxy, options, reason):
    assert reason in app.attempt("balancer_member", url=N1, state="drained", **options)["msg"]


def test_a_reload_is_required_until_it_is_done_whatever_is_asked(app: Proxy):
    removal = {"url": N2, "state": "absent"}
    assert app.run("balancer_member", **removal)["reload_required"] is True
    again = app.run("balancer_member", **removal)
    assert (again["changed"], again["reload_required"]) == (False, True)


def test_what_was_taken_back_in_a_file_that_was_not_reached_needs_no_reload(proxy: Proxy):
    one = proxy.httpd.write("one.conf", vhost("one.example.com", BODY))
    two = proxy.httpd.write("two.conf", vhost("two.example.com", BODY, manager=""))
    proxy.start(f"Include {one}\nInclude {two}\n")
    for state, required in (("drained", True), ("enabled", False)):
        result = proxy.run("balancer_member", url=N1, state=state)
        assert result["not_reached"] and result["reload_required"] is required


def test_a_password_in_a_url_is_not_shown_and_not_in_the_way(proxy: Proxy):
    body = BODY.replace("http://127.0.0.1:1 ", "http://user:pw12345@APP.localhost:80/ ")
    proxy.start(vhost("app.example.com", body))
    for target in ("runtime", "both"):
        result = proxy.run("balancer_member", route="n1", state="drained", target=target)
        assert result["members"][0]["status"] == ["drained"]
        assert "pw12345" not in str(result)


@pytest.mark.parametrize("option", ["url", "host", "route"])
def test_an_empty_word_names_no_member(app: Proxy, option):
    result = app.attempt("balancer_member", state="drained", **{option: ""})
    assert result["msg"] == f"{option}: '' names no member"


def test_a_configuration_that_httpd_cannot_read_is_told_of(app: Proxy):
    app.site.write_text(app.site.read_text() + "Nonsense\n")
    message = app.attempt("balancer_member", url=N1, state="drained")["msg"]
    assert f"{app.site}:" in message and "Invalid command 'Nonsense'" in message


@pytest.mark.parametrize("order", [1, -1], ids=["the first has it", "the last has it"])
def test_a_member_that_one_virtual_host_has_is_added_to_the_others_as_well(proxy: Proxy, order):
    bodies = [BODY, BODY.replace(f"        BalancerMember {N2} route=n2\n", "")][::order]
    proxy.start(vhost("one.example.com", bodies[0]) + vhost("two.example.com", bodies[1]))
    options = {"url": N2, "balancer": "app", "vhost": "all", "route": "n2", "state": "present"}
    result = proxy.run("balancer_member", **options)
    shown = sorted((member["vhost"], member["usable"]) for member in result["members"])
    assert shown == [("one.example.com", True), ("two.example.com", True)]
    assert proxy.site.read_text().count(f"BalancerMember {N2} ") == 2
    assert proxy.run("balancer_member", **options)["changed"] is False


@pytest.mark.parametrize("target", ["both", "runtime"])
def test_what_was_so_before_a_wait_is_not_said_to_have_been_put_back(proxy: Proxy, target):
    with Backend("n1") as node:
        body = BODY.replace(f"{N1} ", f"{node.url} ").replace("growth=5", "stickysession=S")
        app = proxy.start(vhost("app.example.com", body))
        drained = {"route": "n1", "state": "drained", "target": target}
        app.run("balancer_member", **drained)
        app.httpd.get("/app", {"Cookie": "S=x.n1"})
        wait = {"wait": True, "wait_timeout": 0, "on_timeout": "restore"}
        result = app.attempt("balancer_member", **drained, **wait)
        assert "it stays as it is now: " in result["msg"] and "None" not in result["msg"]
        assert result["changed"] is False
        assert app.member(node.url)["runtime"]["drained"] is True


def test_what_another_httpd_keeps_out_is_not_kept_out_here(app: Proxy, tmp_path):
    with PrivateHttpd(tmp_path / "other", *BALANCER, "authz_host") as httpd:
        other = Proxy(httpd).start(vhost("app.example.com", BODY))
        other.run("balancer_member", url=N1, state="drained", target="runtime")
        before = app.site.read_text()
        options = {"only_if_needed": False, "manager_url": other.manager_url}
        result = app.attempt("graceful_reload", **options)
        assert "is no address of this host's httpd" in result["msg"]
    assert app.site.read_text() == before


def test_flags_are_put_back_where_a_virtual_host_uses_a_balancer_of_the_main_server(proxy: Proxy):
    with Backend("n1") as node:
        body = BODY.replace(f"{N1} ", f"{node.url} ").replace("growth=5", "stickysession=S")
        balancer, dummy, use = body.partition("    ProxyPass /app")
        app = proxy.start(balancer + vhost("app.example.com", dummy + use))
        app.httpd.get("/app", {"Cookie": "S=x.n1"})
        wait = {"wait": True, "wait_timeout": 0, "on_timeout": "restore"}
        result = app.attempt("balancer_member", route="n1", state="drained", **wait)
        assert "its flags were put back: " in result["msg"]
        assert status(app, node.url) == ([], [])


def test_both_steps_of_a_wait_that_ends_by_disabling_are_in_copies_and_diff(app: Proxy):
    before = app.site.read_text()
    wait = {"wait": True, "wait_timeout": 0, "on_timeout": "disable"}
    options = {"route": "n1", "state": "drained", "backup": True, "diff": True}
    result = app.run("balancer_member", **options, **wait)
    (copy,) = result["backup_files"].values()
    assert Path(copy).read_text() == before
    assert "+N" in str(result["diff"]) and "+D" in str(result["diff"])


def test_a_drain_in_one_virtual_host_is_not_kept_in_another_with_lines_of_its_own(proxy: Proxy):
    lines = f"BalancerMember balancer://app {N1} route=n1\nBalancerMember balancer://app {N2} route=n2\n"
    body = lines + "ProxyPass /app balancer://app\n"
    proxy.start(vhost("a.example.com", body) + vhost("b.example.com", body))
    options = {"manager_server_name": "a.example.com", "target": "runtime"}
    proxy.run("balancer_member", route="n1", state="drained", **options)
    proxy.run("graceful_reload", only_if_needed=False)
    first, second = proxy.site.read_text().split("</VirtualHost>", 1)
    assert "status=+N" in first and "status" not in second


@pytest.mark.parametrize(
    "address", ["127.0.0.1:--help", "127.0.0.1:80x", "127.0.0.1:99999", "[::1", "[x]"]
)
@pytest.mark.parametrize("module", ["balancer_member", "balancer"])
def test_an_address_of_the_manager_that_is_none_is_refused_by_its_name(app: Proxy, module, address):
    options = {
        "balancer_member": {"url": N1, "state": "drained"},
        "balancer": {"name": "app", "members": [{"url": N1, "loadfactor": 3}], "purge": []},
    }
    url = f"http://{address}/balancer-manager"
    refused = app.attempt(module, **options[module], manager_url=url)
    assert f"manager_url: {url} is not possible" in refused["msg"]
