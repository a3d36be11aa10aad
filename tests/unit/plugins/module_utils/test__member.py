# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._live import Running
from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.client import (
    Unreachable,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.page import (
    LiveBalancer,
    LiveMember,
    Page,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._member import (
    Idle,
    Selector,
    Wanted,
    host_of,
    wait,
)

URL = "http://a:1"


def member(url: str) -> LiveMember:
    return LiveMember(url, {}, frozenset(), {})


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://node1:8080", "node1"),
        ("http://user:secret@Node1/path", "node1"),
        ("https://[2001:DB8::1]:8443/a", "2001:db8::1"),
        ("ajp://10.0.0.1", "10.0.0.1"),
        ("http://a.example.com/http://b/", "a.example.com"),
    ],
)
def test_a_host_is_found_in_every_kind_of_url(url, host):
    assert host_of(url) == host
    assert Selector("host", f"[{host}]").picks(member(url))
    assert not Selector("host", host[:-1]).picks(member(url))


@pytest.mark.parametrize(
    ("url", "shown", "meant"),
    [
        ("unix:/run/a|fcgi://php/", "unix:/run/a|fcgi://php/", True),
        ("unix:/run/a|FCGI://php:8000/", "unix:/run/a|fcgi://php/", True),
        ("unix:/run/a|fcgi://php/", "unix:/run/b|fcgi://php/", False),
        ("unix:/run/a|fcgi://php/", "unix:/run/a|fcgi://py/", False),
        # A page may leave the socket out, and so may a user.
        ("unix:/run/a|fcgi://php/", "fcgi://php/", True),
        ("fcgi://php/", "unix:/run/a|fcgi://php/", True),
    ],
)
def test_a_socket_is_meant_where_both_name_one(url, shown, meant):
    assert Selector("url", url).picks(member(shown)) is meant


class TestIdle:
    def test_is_a_member_without_a_request_for_a_while(self):
        idle = Idle(10)
        assert [idle.observe(now, 7, 0) for now in (0, 5, 9.9, 10)] == [False, False, False, True]

    def test_begins_anew_with_each_request(self):
        idle = Idle(10)
        assert [idle.observe(*seen) for seen in ((0, 7, 0), (9, 8, 0), (18, 8, 0), (19, 8, 0))] == [
            False,
            False,
            False,
            True,
        ]

    def test_is_none_with_requests_in_flight(self):
        idle = Idle(10)
        assert not any(idle.observe(now, 7, 3) for now in (0, 20, 40))
        assert not idle.observe(50, 7, 2)
        # Where httpd's counter may stay; or a request takes its time.
        assert not idle.observe(60, 7, 2)
        assert idle.observe(80, 7, 2)

    def test_is_not_confused_by_counters_that_begin_anew(self):
        idle = Idle(10)
        assert not idle.observe(0, 700, 0)
        assert not idle.observe(11, 0, 0)
        assert idle.observe(21, 0, 0)


@pytest.mark.parametrize(
    ("state", "values", "expected"),
    [
        ("drained", {}, True),
        ("absent", {}, True),
        ("enabled", {}, False),
        ("present", {"status": ["hot_standby"]}, False),
        ("present", {"status": ["stopped", "hot_standby"]}, True),
    ],
)
def test_a_member_is_taken_out_by_state_or_by_status(state, values, expected):
    assert Wanted(state, values).takes_out is expected


class Clock:
    """Time that passes by sleeping, and what a page shows meanwhile: elected, or an error."""

    def __init__(self, *shown):
        self.now = 0.0
        self.shown = list(shown)

    def sleep(self, seconds):
        self.now += seconds

    def running(self, status=frozenset({"drained"}), flags=frozenset({"Ok"})):
        clock = self

        class Source:
            def forget(self):
                self.__dict__.pop("page", None)

            close = forget

            @functools.cached_property
            def page(self):
                seen = clock.shown.pop(0) if len(clock.shown) > 1 else clock.shown[0]
                if isinstance(seen, Exception):
                    raise seen
                page, balancer = Page(), LiveBalancer("app")
                counters = {"elected": seen, "busy": 0}
                balancer.members[URL] = LiveMember(URL, {"status": status}, flags, counters)
                page.balancers["app"] = balancer
                return page

        return [Running("app", "app.example.com", Source())]

    def wait(self, running, **options):
        values = {"takes_out": True, "timeout": 60.0, "interval": 2.0, "idle": 10.0, **options}
        return wait(
            running, Selector("url", URL), clock=lambda: self.now, sleep=self.sleep, **values
        )


class TestAWait:
    def test_ends_with_the_last_request(self):
        clock = Clock(1, 2, 3, 4)
        assert clock.wait(clock.running()) == (True, 16.0)

    def test_ends_when_its_time_is_over(self):
        clock = Clock(*range(100))
        assert clock.wait(clock.running(), timeout=15.0) == (False, 15.0)

    def test_goes_on_while_httpd_does_not_answer(self):
        clock = Clock(1, Unreachable("gone"), Unreachable("gone"), 1)
        assert clock.wait(clock.running()).done

    def test_says_in_the_end_that_httpd_did_not_answer(self):
        clock = Clock(Unreachable("gone"))
        with pytest.raises(Unreachable, match="gone"):
            clock.wait(clock.running(), timeout=5.0)
        assert clock.now == 5.0

    def test_for_a_member_that_is_put_in_ends_when_it_is_usable(self):
        clock = Clock(1)
        assert clock.wait(clock.running(frozenset()), takes_out=False) == (True, 0.0)
        failing = clock.running(frozenset(), frozenset({"Err"}))
        assert clock.wait(failing, takes_out=False, timeout=4.0) == (False, 4.0)

    def test_ends_at_once_when_the_member_is_no_longer_out(self):
        clock = Clock(1)
        with pytest.raises(ValueError, match="no longer out"):
            clock.wait(clock.running(frozenset()))
