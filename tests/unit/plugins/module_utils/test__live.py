# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import _live, _ports
from ansible_collections.webtier.apache_balancer.plugins.module_utils._access import Access
from ansible_collections.webtier.apache_balancer.plugins.module_utils._live import Managers
from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.client import (
    Manager,
    NobodyListens,
    Silent,
    Unreachable,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.page import Page
from ansible_collections.webtier.apache_balancer.plugins.module_utils._namespaces import Listener
from ansible_collections.webtier.apache_balancer.plugins.module_utils._process import Parent

URLS = ("http://127.0.0.1:1/m", "http://127.0.0.1:2/m")


@pytest.fixture()
def asked(monkeypatch):
    """Which pages were asked for, of managers that answer with what is in ``asked.answers``."""

    class Asked(list):
        answer = Unreachable("gone")

    found = Asked()

    def page(manager, counters=False):
        found.append((manager.url, manager._host))
        if isinstance(found.answer, Exception):
            raise found.answer
        return found.answer

    monkeypatch.setattr(Manager, "page", page)
    return found


def read(managers, url, name):
    return managers.source(url, Access(URLS), name).page


def test_a_page_that_cannot_be_read_is_asked_for_once(asked):
    managers = Managers()
    for name in ("one", "two", "one", "two"):
        with pytest.raises(Unreachable, match="gone"):
            read(managers, URLS[0], name)
    assert asked == [(URLS[0], "one"), (URLS[0], "two")]


def test_an_address_that_does_not_answer_in_time_is_not_asked_for_another_name(asked):
    asked.answer = Silent("no answer")
    managers = Managers()
    for url in URLS:
        for name in ("one", "two"):
            with pytest.raises(Silent, match="no answer"):
                read(managers, url, name)
    assert asked == [(URLS[0], "one"), (URLS[1], "one")]


@pytest.mark.parametrize("kind", [Silent, Unreachable])
def test_what_is_to_be_read_anew_is_asked_for_again(asked, kind):
    asked.answer = kind("not now")
    managers = Managers()
    with pytest.raises(kind):
        read(managers, URLS[0], "one")
    asked.answer = Page()
    managers.source(URLS[0], Access(URLS), "one").forget()
    assert read(managers, URLS[0], "one") is asked.answer


@pytest.mark.parametrize("listens", [True, False])
def test_of_several_addresses_of_a_name_the_one_where_somebody_listens_counts(monkeypatch, listens):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1] if listens else 1
        found = [(0, 0, 0, "", (host, port)) for host in ("192.0.2.1", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        address = _live.address_of(f"http://localhost:{port}/balancer-manager")
        assert address == ("127.0.0.1" if listens else "192.0.2.1", port)


@pytest.mark.parametrize(
    ("listens", "host", "bound"),
    [
        ("0.0.0.0", "127.0.0.1", True),
        ("0.0.0.0", "::1", False),
        ("::", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("0.0.0.0", "192.0.2.1", False),
    ],
)
def test_all_of_ipv4_is_nothing_of_ipv6_and_all_of_ipv6_may_be_all(
    monkeypatch, listens, host, bound
):
    # Not every machine has IPv6: ::1 stands for an address that is here.
    real = _ports.is_local
    monkeypatch.setattr(_ports, "is_local", lambda host: str(host) == "::1" or real(host))
    assert _live.bound((host, 80), [Listener(listens, 80, "1")]) is bound


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ([], ""),
        ([("127.0.0.2", 8008), ("::", 80)], "; this httpd listens at *:80, 127.0.0.2:8008"),
        ([("::", 80), ("0.0.0.0", 80)], "; this httpd listens at *:80"),
        ([("::1", 8008)], "; this httpd listens at [::1]:8008"),
    ],
)
def test_where_nobody_listens_it_is_said_where_httpd_does(monkeypatch, held, said):
    listeners = [Listener(*each, "1") for each in held]
    monkeypatch.setattr(_live, "held_by", lambda parent: listeners)
    told = Managers(parent=Parent(1, 1)).told(NobodyListens(URLS[0]))
    assert told == f"manager_url: nobody listens at {URLS[0]}{said}"
    assert Managers().told(NobodyListens(URLS[0])) == f"manager_url: nobody listens at {URLS[0]}"
    assert Managers().told(Silent("no answer")) == "no answer"
