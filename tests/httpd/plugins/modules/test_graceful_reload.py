# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import _reload
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import Instance
from ansible_collections.webtier.apache_balancer.plugins.module_utils._preflight import Proof
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import BINARY

GOOD = '<Proxy balancer://app>\nBalancerMember http://127.0.0.1:1011\n</Proxy>\nProxyPass "/" "balancer://app/"\n'


@pytest.fixture()
def running(httpd):
    """A httpd that has loaded everything beyond doubt."""
    httpd.write("conf/app.conf", GOOD)
    time.sleep(1.1)
    return httpd.start()


def without_lbmethod(httpd):
    """A main file with which httpd cannot start, although ``-t`` likes it."""
    lines = httpd.config_file.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if "lbmethod" not in line)


def test_nothing_happens_where_everything_is_loaded(running, graceful_reload):
    before = running.pid_file.stat().st_mtime_ns
    result = graceful_reload()
    assert result == {**result, "changed": False, "running": True, "validated": "unchanged"}
    assert running.pid_file.stat().st_mtime_ns == before


def test_it_reloads_all_the_same_if_told_to(running, graceful_reload):
    before, pid = running.pid_file.stat().st_mtime_ns, running.pid
    result = graceful_reload(only_if_needed=False)
    assert result["changed"] is True and result["validated"] == "rehearsed"
    assert result["method"] == f"SIGUSR1 to process {pid}" and result["seconds"] > 0
    assert running.pid == pid and running.pid_file.stat().st_mtime_ns != before


def test_check_mode_only_says_so(running, graceful_reload):
    before = running.pid_file.stat().st_mtime_ns
    assert graceful_reload(only_if_needed=False, check=True)["changed"] is True
    assert running.pid_file.stat().st_mtime_ns == before


def test_a_change_while_it_reloads_does_not_count_as_loaded(running, monkeypatch):
    instance = Instance.find(BINARY, str(running.root), str(running.config_file))
    tell = _reload._tell

    def tell_and_change(*arguments):
        told = tell(*arguments)
        time.sleep(0.3)
        running.write("conf/app.conf", GOOD + "# too late\n")
        return told

    monkeypatch.setattr(_reload, "_tell", tell_and_change)
    _reload.graceful_reload(instance, only_if_needed=False, timeout=20, check_mode=False)
    monkeypatch.undo()
    again = _reload.graceful_reload(instance, only_if_needed=True, timeout=20, check_mode=False)
    assert again.changed and any("conf/app.conf" in reason for reason in again.reasons)


def test_a_httpd_that_is_not_installed_is_not_running(graceful_reload, tmp_path):
    result = graceful_reload(httpd={"binary": str(tmp_path / "httpd")})
    assert (result["changed"], result["running"]) == (False, False)


def test_a_change_by_hand_is_loaded(running, graceful_reload, balancer_info):
    running.write("conf/app.conf", GOOD + "# by hand\n")
    result = graceful_reload()
    assert result["changed"] is True
    assert any("conf/app.conf" in reason for reason in result["reload_reasons"])
    assert graceful_reload()["changed"] is False
    assert balancer_info()["reload_required"] is False


@pytest.mark.parametrize("only_if_needed", [True, False])
def test_a_configuration_that_would_end_httpd_is_not_loaded(
    running, graceful_reload, only_if_needed
):
    pid = running.pid
    running.write("httpd.conf", without_lbmethod(running))
    result = graceful_reload(only_if_needed=only_if_needed)
    assert result["failed"] is True and "AH02432" in result["msg"]
    assert running.pid == pid and running.get("/").status == 503


def test_a_configuration_with_a_mistake_is_not_loaded(running, graceful_reload):
    pid = running.pid
    running.write("conf/bad.conf", "NoSuchDirective On\n")
    result = graceful_reload()
    assert result["failed"] is True
    assert f"{running.root}/conf/bad.conf:1" in result["msg"]
    assert running.pid == pid and running.get("/").status == 503


def test_a_stopped_httpd_stays_stopped(httpd, graceful_reload):
    httpd.write("conf/app.conf", GOOD)
    result = graceful_reload(only_if_needed=False)
    assert (result["changed"], result["running"]) == (False, False)
    assert not httpd.pid_file.exists()


def test_if_httpd_ends_all_the_same_the_last_proven_files_come_back(
    running, graceful_reload, configuration, monkeypatch
):
    assert graceful_reload(only_if_needed=False)["changed"] is True
    good = running.config_file.read_text()
    configuration(
        files=[{"path": str(running.config_file), "content": without_lbmethod(running)}],
        validate=False,
    )
    assert running.config_file.read_text() != good
    instance = Instance.find(BINARY, str(running.root), str(running.config_file))
    # A preflight that is wrong: what it says of this configuration is not so.
    monkeypatch.setattr(_reload, "prove", lambda *_: Proof("rehearsed", instance.view(), []))
    pid = running.pid
    with pytest.raises(_reload.ReloadFailed) as failure:
        _reload.graceful_reload(instance, only_if_needed=True, timeout=20, check_mode=False)
    assert "put back" in str(failure.value) and "started it again" in str(failure.value)
    assert "AH02432" in str(failure.value)
    assert running.config_file.read_text() == good
    assert running.pid != pid and running.get("/").status == 503
