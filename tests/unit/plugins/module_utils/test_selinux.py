# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files stand for selinuxfs, which a test machine seldom has."""

from __future__ import annotations

import os

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import _selinux
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import codec
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.layout import REDHAT
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    from_document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import Instance
from ansible_collections.webtier.apache_balancer.plugins.module_utils._process import Parent

TEXT = """<Proxy "balancer://app">
BalancerMember http://10.0.0.1:8080 route=a
BalancerMember http://10.0.0.2:8080 route=b
</Proxy>
<Proxy "balancer://socket">
BalancerMember unix:/run/app.sock|http://app/
</Proxy>
"""


class Running(Instance):
    """An httpd of the distribution; *domain* is that of its process, empty where none runs."""

    def __init__(self, domain="", arguments=()):
        super().__init__("/usr/sbin/httpd", arguments, {}, REDHAT)
        self.domain = domain

    def parent(self):
        return Parent(os.getpid(), 1) if self.domain else None


def found(tmp_path, instance, enforce="1", connect="0 0", relay="0 0"):
    (tmp_path / "booleans").mkdir()
    (tmp_path / "enforce").write_text(enforce)
    (tmp_path / "booleans" / "httpd_can_network_connect").write_text(connect)
    (tmp_path / "booleans" / "httpd_can_network_relay").write_text(relay)
    attributes = tmp_path / "proc" / str(os.getpid()) / "attr"
    attributes.mkdir(parents=True)
    (attributes / "current").write_text(f"system_u:system_r:{instance.domain}:s0\0")
    configuration = codec.read(from_document(Document.parse(TEXT, "/etc/app.conf")))
    return _selinux.problems(instance, configuration, str(tmp_path), str(tmp_path / "proc"))


def test_a_balancer_whose_members_cannot_be_reached_is_named_with_what_to_do(tmp_path):
    (problem,) = found(tmp_path, Running())
    assert problem.result() == {
        "code": "AB207",
        "message": (
            "member http://10.0.0.1:8080 and 1 more of balancer://app cannot be reached: SELinux keeps httpd from"
            " connecting to other hosts and ports (AH00957, Permission denied)."
        ),
        "file": "/etc/app.conf",
        "line": 2,
        "fix": "As root run: setsebool -P httpd_can_network_connect on",
    }


def test_it_keeps_nobody_from_writing_the_balancer(tmp_path):
    (problem,) = found(tmp_path, Running())
    assert not problem.fatal and not problem.ineffective


@pytest.mark.parametrize(
    "state",
    [{"enforce": "0"}, {"enforce": ""}, {"connect": "1 1"}, {"relay": "1 1"}],
    ids=["permissive", "absent", "allowed", "depends on labels"],
)
def test_nothing_is_said_where_httpd_may_connect(tmp_path, state):
    assert found(tmp_path, Running(), **state) == []


def test_what_will_only_hold_after_a_commit_does_not_count(tmp_path):
    assert found(tmp_path, Running(), connect="0 1")


def test_a_running_httpd_is_confined_by_its_domain(tmp_path):
    assert found(tmp_path, Running("httpd_t"))


def test_one_in_another_domain_is_not(tmp_path):
    assert found(tmp_path, Running("unconfined_t")) == []


def test_a_private_one_that_does_not_run_is_not(tmp_path):
    assert found(tmp_path, Running(arguments=["-f", "/srv/own.conf"])) == []


def test_a_host_without_selinux_says_nothing(tmp_path):
    configuration = codec.read(from_document(Document.parse(TEXT, "/etc/app.conf")))
    assert _selinux.problems(Running(), configuration, str(tmp_path / "nowhere")) == []
