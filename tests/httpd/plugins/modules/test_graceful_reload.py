# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import (
    _namespaces,
    _ports,
    _process,
    _reload,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import Instance
from ansible_collections.webtier.apache_balancer.plugins.module_utils._preflight import Proof
from ansible_collections.webtier.apache_balancer.tests.httpd.conftest import module_for
from ansible_collections.webtier.apache_balancer.tests.support.faulty import Faulty
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BINARY,
    PrivateHttpd,
    wait_for,
)

GOOD = '<Proxy balancer://app>\nBalancerMember http://127.0.0.1:1011\n</Proxy>\nProxyPass "/" "balancer://app/"\n'


@pytest.fixture()
def running(httpd):
    """An httpd that has loaded everything beyond doubt."""
    httpd.write("conf/app.conf", GOOD)
    return httpd.start_on_old_files()


def without_lbmethod(httpd):
    """A main file with which httpd cannot start, although ``-t`` likes it."""
    lines = httpd.config_file.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if "lbmethod" not in line)


def test_nothing_happens_where_everything_is_loaded(running, graceful_reload):
    before = running.pid_file.stat().st_mtime_ns
    result = graceful_reload()
    assert result == {**result, "changed": False, "running": True, "validated": "unchanged"}
    assert running.pid_file.stat().st_mtime_ns == before


def test_no_process_of_the_old_generation_takes_connections_afterwards(
    httpd, graceful_reload, provable
):
    httpd.write("conf/app.conf", GOOD)
    httpd.enlarge()
    httpd.start_on_old_files()
    old = wait_for(lambda: len(httpd.children()) > 1 and httpd.children(), "children")[0]
    os.kill(old, signal.SIGSTOP)
    late = threading.Timer(2.0, os.kill, [old, signal.SIGCONT])
    late.start()
    result = graceful_reload(only_if_needed=False)
    listening = {one.inode for one in _namespaces.listening()}
    assert listening & _ports.sockets_of(httpd.pid)
    assert not listening & _ports.sockets_of(old)
    late.join()
    assert result == {**result, "changed": True, "validated": provable}


@contextlib.contextmanager
def in_flight(httpd):
    """Start httpd, and yield a request that is answered only after the block."""
    asked, ended = threading.Event(), threading.Event()

    def slowly(path):
        asked.set()
        assert ended.wait(60)
        return 200, "at last"

    with Faulty("n1", respond=slowly) as node, ThreadPoolExecutor() as pool:
        httpd.write("conf/app.conf", GOOD.replace("http://127.0.0.1:1011", node.url))
        # The answer to what asks whether it serves is not waited for.
        ended.set()
        httpd.start_on_old_files()
        asked.clear()
        ended.clear()
        request = pool.submit(httpd.get, "/")
        assert asked.wait(60)
        try:
            yield request
            assert not request.done()
        finally:
            ended.set()
        assert "at last" in request.result().body


def test_a_request_that_takes_long_does_not_hold_a_reload_up(httpd, graceful_reload):
    # With prefork, a process keeps its sockets while it answers its last request.
    text = httpd.config_file.read_text().replace("mpm_event", "mpm_prefork")
    text = re.sub("(?:Threads|MinSpare|MaxSpare).*\n", "", text)
    httpd.config_file.write_text(text.replace("ServerLimit 1\n", "ServerLimit 8\n"))
    with in_flight(httpd):
        assert graceful_reload(only_if_needed=False)["changed"] is True


def test_requests_that_leave_no_room_for_a_new_process_are_told_of(httpd, graceful_reload):
    with in_flight(httpd):
        before = httpd.pid_file.stat().st_mtime_ns
        refused = graceful_reload(only_if_needed=False, timeout=2)
        assert httpd.pid_file.stat().st_mtime_ns != before
        assert "httpd loaded its configuration" in refused["msg"], refused
        assert "Processes of before that still answer requests: 1." in refused["msg"], refused
        assert "ServerLimit" in refused["msg"]
    assert graceful_reload()["changed"] is False


def test_new_processes_that_do_not_stay_are_told_of(running, monkeypatch):
    # As where each ends when it begins.
    monkeypatch.setattr(_reload, "_children", lambda *_: set())
    instance = Instance.find(BINARY, str(running.root), str(running.config_file))
    with pytest.raises(_reload.ReloadFailed, match="no process that serves it has stayed"):
        _reload.graceful_reload(instance, only_if_needed=False, timeout=2, check_mode=False)


def test_what_somebody_else_let_httpd_load_is_what_a_roll_back_brings_back(
    running, configuration, graceful_reload
):
    path = str(running.root / "conf" / "app.conf")

    def change(text):
        configuration(files=[{"path": path, "content": GOOD + text}])

    change("# one\n")
    graceful_reload()
    change("# two\n")
    time.sleep(1.5)
    running.reload()
    assert graceful_reload()["changed"] is False
    change("# three\n")
    configuration(state="rolled_back")
    assert (running.root / "conf" / "app.conf").read_text() == GOOD + "# two\n"


def test_it_reloads_all_the_same_if_told_to(running, graceful_reload, provable):
    before, pid = running.pid_file.stat().st_mtime_ns, running.pid
    result = graceful_reload(only_if_needed=False)
    assert result["changed"] is True and result["validated"] == provable
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


def test_a_key_that_does_not_match_its_certificate_is_not_loaded(tmp_path):
    with PrivateHttpd(tmp_path / "tls", "ssl", "socache_shmcb") as httpd:
        httpd.start()
        pid = httpd.pid
        for name in ("one", "two"):
            request = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
            keys = ["-keyout", f"{httpd.root}/{name}.key", "-out", f"{httpd.root}/{name}.crt"]
            subprocess.run([*request.split(), *keys], check=True, capture_output=True)
        tls = "SSLEngine On\nSSLCertificateFile one.crt\nSSLCertificateKeyFile two.key\n"
        httpd.write("conf/tls.conf", tls)
        result = module_for(httpd, "graceful_reload")()
        assert result["failed"] is True and "do not match" in result["msg"]
        assert f"{httpd.root}/conf/tls.conf:2" in result["msg"]
        assert httpd.pid == pid and httpd.get("/").status == 404


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


def fatal_reload(running, graceful_reload, configuration, monkeypatch):
    """The failure of a reload that a preflight wrongly took for good, after one that was."""
    assert graceful_reload(only_if_needed=False)["changed"] is True
    configuration(
        files=[{"path": str(running.config_file), "content": without_lbmethod(running)}],
        validate=False,
    )
    instance = Instance.find(BINARY, str(running.root), str(running.config_file))
    # A preflight that is wrong: what it says of this configuration is not so.
    monkeypatch.setattr(_reload, "proven", lambda *_: Proof("rehearsed", instance.view(), []))
    with pytest.raises(_reload.ReloadFailed) as failure:
        _reload.graceful_reload(instance, only_if_needed=True, timeout=20, check_mode=False)
    return failure


def test_if_httpd_ends_all_the_same_the_last_proven_files_come_back(
    running, graceful_reload, configuration, monkeypatch
):
    good, pid = running.config_file.read_text(), running.pid
    failure = fatal_reload(running, graceful_reload, configuration, monkeypatch)
    assert "put back" in str(failure.value) and "started it again" in str(failure.value)
    assert "AH02432" in str(failure.value)
    assert running.config_file.read_text() == good
    assert running.pid != pid and running.get("/").status == 503


def test_if_httpd_ends_all_the_same_the_requests_in_flight_are_answered(
    httpd, graceful_reload, configuration, monkeypatch
):
    # Room for those that end slowly.
    text = httpd.config_file.read_text()
    httpd.config_file.write_text(text.replace("ServerLimit 1\n", "ServerLimit 4\n"))
    with in_flight(httpd):
        failure = fatal_reload(httpd, graceful_reload, configuration, monkeypatch)
        assert "started it again" in str(failure.value), failure.value.args[0][:300]


def test_it_was_started_again_only_when_it_serves(
    running, graceful_reload, configuration, monkeypatch
):
    really, aside = _process.run, running.root / "aside"
    late = threading.Timer(0.7, lambda: os.rename(aside, running.pid_file))

    def run(command, *arguments):
        """As it is, but the PidFile of a start appears late."""
        done = really(command, *arguments)
        if command[-2:] == ["-k", "start"]:
            wait_for(running.pid_file.exists, "the PidFile")
            os.rename(running.pid_file, aside)
            late.start()
        return done

    monkeypatch.setattr(_process, "run", run)
    failure = fatal_reload(running, graceful_reload, configuration, monkeypatch)
    assert "started it again" in str(failure.value)
    assert running.pid_file.exists() and running.children()


def test_if_it_cannot_be_started_again_that_is_said(
    running, graceful_reload, configuration, monkeypatch
):
    really = _process.run

    def run(command, *arguments):
        """As it is, but nothing can be started."""
        if command[-2:] == ["-k", "start"]:
            return 1, b"", b"not today"
        return really(command, *arguments)

    monkeypatch.setattr(_process, "run", run)
    failure = fatal_reload(running, graceful_reload, configuration, monkeypatch)
    assert "could not be started again: not today" in str(failure.value)
    assert not running.pid_file.exists()


@pytest.fixture()
def other_mpm(running):
    """A running httpd whose main file has another MPM than it was started with."""
    text = running.config_file.read_text().replace("mpm_event", "mpm_worker")
    running.config_file.write_text(text)
    return running


def test_another_mpm_is_not_loaded_because_httpd_would_end(other_mpm, graceful_reload):
    before, pid = other_mpm.pid_file.stat().st_mtime_ns, other_mpm.pid
    for check in (True, False):
        result = graceful_reload(check=check)
        assert result["failed"] and "restart: true" in result["msg"], result
        assert (
            "runs with mpm_event, and would end if it were told to go on with mpm_worker"
            in result["msg"]
        )
    assert other_mpm.pid == pid and other_mpm.pid_file.stat().st_mtime_ns == before


def test_another_mpm_is_loaded_by_a_restart_if_that_is_allowed(other_mpm, graceful_reload):
    pid = other_mpm.pid
    foretold = graceful_reload(restart=True, check=True)
    assert foretold["changed"] is True and other_mpm.pid == pid
    result = graceful_reload(restart=True)
    assert result["changed"] is True and result["method"] == f"restart of process {pid}", result
    assert other_mpm.pid != pid
    assert "mod_mpm_worker.so" in _process.mapped(other_mpm.pid)
    assert other_mpm.get("/").status == 503
    again = graceful_reload(restart=True)
    assert (again["changed"], again["reload_reasons"]) == (False, [])


def test_a_httpd_that_may_be_restarted_is_reloaded_where_that_is_enough(running, graceful_reload):
    pid = running.pid
    result = graceful_reload(restart=True, only_if_needed=False)
    assert result["method"] == f"SIGUSR1 to process {pid}" and running.pid == pid


@pytest.mark.parametrize("restart", [False, True])
def test_limits_that_a_reload_leaves_as_they_were_need_a_restart(running, graceful_reload, restart):
    pid = running.pid
    text = running.config_file.read_text()
    running.write("httpd.conf", text.replace("ServerLimit 1\n", "ServerLimit 3\n"))
    result = graceful_reload(restart=restart)
    told = "changing ServerLimit to 3 from original value of 1"
    assert (told in str(result.get("warnings"))) is not restart, result
    assert (running.pid != pid) is restart is result["restarted"]
    assert running.get("/").status == 503
    assert graceful_reload(restart=restart)["changed"] is False


@pytest.fixture()
def in_foreground(httpd):
    """An httpd that was started as supervisors and containers start it."""
    httpd.write("conf/app.conf", GOOD)
    time.sleep(0.2)  # older than its start beyond the doubt of clocks
    with subprocess.Popen(httpd.command("-D", "FOREGROUND")) as process:
        wait_for(lambda: httpd.pid_file.exists() and httpd.children(), "httpd")
        yield httpd
        process.terminate()


def test_what_stays_in_the_foreground_is_not_restarted_behind_the_back_of_who_looks_after_it(
    in_foreground, graceful_reload
):
    good, pid = in_foreground.config_file.read_text(), in_foreground.pid
    in_foreground.write("httpd.conf", good.replace("ServerLimit 1\n", "ServerLimit 3\n"))
    limits = graceful_reload(restart=True)
    assert "restart it by what looks after it" in str(limits["warnings"]), limits
    in_foreground.write("httpd.conf", good.replace("mpm_event", "mpm_worker"))
    result = graceful_reload(restart=True)
    assert "nothing was done, as httpd" in result["msg"] and in_foreground.pid == pid
    assert in_foreground.get("/").status == 503


def test_what_stayed_in_the_foreground_and_ended_is_started_so_that_it_serves(
    in_foreground, graceful_reload, configuration, monkeypatch
):
    pid = in_foreground.pid
    failure = fatal_reload(in_foreground, graceful_reload, configuration, monkeypatch)
    assert "started it again" in str(failure.value)
    assert in_foreground.pid != pid and in_foreground.get("/").status == 503
