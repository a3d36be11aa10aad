# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites.host import (
    Host,
    host_modules,
    host_problems,
    host_text,
    read_host,
)


def test_what_is_omitted_stays_as_it_is():
    host = read_host({"mpm": None, "keepalive": None, "max_request_workers": None})
    assert (host_text(host), host_modules(host), host_problems(host)) == ("", [], [])


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_one_mpm_takes_the_place_of_the_others(mpm):
    first, *others = host_modules(read_host({"mpm": mpm}))
    assert first == {"name": f"mpm_{mpm}"}
    assert {other["state"] for other in others} == {"absent"}
    names = {first["name"], *(other["name"] for other in others)}
    assert names == {"mpm_event", "mpm_worker", "mpm_prefork"}


def test_the_limits_of_processes_follow_the_number_of_requests():
    assert host_text(read_host({"max_request_workers": 1000, "threads_per_child": "100"})) == (
        "<IfModule mpm_prefork_module>\n"
        "    ServerLimit 1000\n"
        "</IfModule>\n"
        "<IfModule !mpm_prefork_module>\n"
        "    ServerLimit 20\n"
        "    ThreadLimit 100\n"
        "    ThreadsPerChild 100\n"
        "</IfModule>\n"
        "MaxRequestWorkers 1000\n"
    )


def test_no_limit_is_below_that_of_httpd_itself():
    text = host_text(read_host({"max_request_workers": 50}))
    assert "ServerLimit 16\n" in text and "ThreadLimit 64\n" in text
    assert "ThreadsPerChild 25\n" in text


@pytest.mark.parametrize("no", [False, "false", "no"])
def test_connections_of_clients_are_kept_or_not(no):
    assert host_text(read_host({"keepalive": no})) == "KeepAlive Off\n"
    kept = {"keepalive": True, "keepalive_timeout": 2, "max_keepalive_requests": 0}
    text = "KeepAlive On\nKeepAliveTimeout 2\nMaxKeepAliveRequests 0\n"
    assert host_text(read_host(kept)) == text


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        (
            {"tls_profile": "old"},
            "load_balancer_tls_profile: 'old' is none of intermediate, modern, system",
        ),
        ({"mpm": "itk"}, "load_balancer_mpm: 'itk' is none of event, worker, prefork"),
        (
            {"max_request_workers": 110},
            "load_balancer_max_request_workers: 110 is no multiple of 25 (load_balancer_threads_per_child); httpd would"
            " use 100",
        ),
        (
            {"max_request_workers": 10, "threads_per_child": 64},
            "load_balancer_max_request_workers: 10 is no multiple of 64 (load_balancer_threads_per_child); httpd would"
            " use 64",
        ),
        ({"max_request_workers": 0}, "load_balancer_max_request_workers: 0 is not from 1 to 20000"),
        (
            {"threads_per_child": 64},
            "load_balancer_threads_per_child: it needs load_balancer_max_request_workers, which must be a multiple of"
            " it",
        ),
        (
            {"mpm": "prefork", "max_request_workers": 110, "threads_per_child": 5},
            "load_balancer_threads_per_child: prefork has no threads; leave it out, or use the MPM event",
        ),
        ({"keepalive_timeout": -1}, "load_balancer_keepalive_timeout: -1 is less than 0"),
    ],
)
def test_a_problem_is_a_sentence_that_names_variable_and_value(declared, problem):
    assert host_problems(read_host(declared)) == [problem]


def test_processes_without_threads_may_be_any_number():
    assert host_problems(read_host({"mpm": "prefork", "max_request_workers": 110})) == []


def test_what_older_versions_of_ansible_make_of_none_is_none():
    declared = dict.fromkeys(("mpm", "max_request_workers", "threads_per_child", "keepalive"), "")
    assert read_host({**declared, "tls_profile": "modern"}) == Host(tls_profile="modern")
