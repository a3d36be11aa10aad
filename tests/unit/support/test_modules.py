# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.modules import (
    Started,
    run,
    started,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import wait_for

NO_HTTPD = "there is no httpd at /nowhere/httpd"


@pytest.fixture()
def script(tmp_path: Path) -> Callable[[str], Path]:
    """Write what a module takes for an httpd, and runs to ask it."""

    def write(commands: str) -> Path:
        path = tmp_path / "httpd"
        path.write_text(f"#!/bin/sh\ncd {tmp_path}\n{commands}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture()
def slow(script: Callable[[str], Path], tmp_path: Path) -> Started:
    """A module that asks an httpd which does not answer."""
    path = script("echo $$ > pid.new; mv pid.new pid; exec sleep 60")
    begun = started("balancer_info", httpd={"binary": str(path)})
    wait_for((tmp_path / "pid").exists, "an httpd that was asked")
    return begun


def gone(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def ask(number: int) -> str:
    result = run("balancer_info", name=f"b{number}", httpd={"binary": f"/nowhere/{number}"})
    return str(result["msg"])


def test_the_result_of_a_module_is_returned():
    result = run("balancer", name="app", httpd={"binary": "/nowhere/httpd"})
    assert result["failed"] and NO_HTTPD in result["msg"]
    assert result["invocation"]["module_args"]["name"] == "app"


def test_20_modules_at_once_get_their_own_arguments_and_results():
    with ThreadPoolExecutor(20) as pool:
        messages = list(pool.map(ask, range(20)))
    assert messages == [f"there is no httpd at /nowhere/{number}" for number in range(20)]


def test_more_arguments_and_a_longer_result_than_a_pipe_holds():
    members = [{"url": f"http://10.0.{n // 250}.{n % 250 + 1}:8080"} for n in range(3000)]
    result = run("balancer", name="app", members=members, httpd={"binary": "/nowhere/httpd"})
    assert len(result["invocation"]["module_args"]["members"]) == 3000


def test_a_module_has_the_environment_directory_and_umask_of_who_starts_it(
    script: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    script("readlink /proc/$PPID/cwd > directory; grep ^Umask: /proc/$PPID/status > umask")
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setenv("FOLDER", str(tmp_path))
    monkeypatch.chdir(folder)
    before = os.umask(0o027)
    try:
        run("balancer_info", httpd={"binary": "$FOLDER/httpd"})
    finally:
        os.umask(before)
    assert (tmp_path / "directory").read_text() == f"{folder}\n"
    assert (tmp_path / "umask").read_text() == "Umask:\t0027\n"


def test_the_most_memory_that_a_module_had_is_told():
    begun = started("balancer_info", name="x" * 2**25, httpd={"binary": "/nowhere/httpd"})
    begun.wait()
    assert 2**26 < begun.peak < 2**30


def test_a_module_has_nothing_open_but_its_standard_streams_and_what_it_opens(
    script: Callable[[str], Path], tmp_path: Path, slow: Started
):
    # It closes what it opened for the script when that may have begun already.
    script(
        "i=0; while [ $i -lt 500 ] && [ $(ls /proc/$PPID/fd | wc -l) -gt 5 ]; do i=$((i + 1)); sleep 0.01; done;"
        " readlink /proc/$PPID/fd/* > open"
    )
    run("balancer_info", httpd={"binary": str(tmp_path / "httpd")})
    slow.kill()
    # Its streams, and through which it reads what the script says.
    kinds = [line.partition(":")[0] for line in (tmp_path / "open").read_text().splitlines()]
    assert kinds == ["pipe"] * 5


def test_a_killed_module_is_gone_with_what_it_started_and_has_no_result(
    slow: Started, tmp_path: Path
):
    asked = int((tmp_path / "pid").read_text())
    assert os.getpgid(asked) == slow.pid
    slow.kill()
    assert not Path(f"/proc/{slow.pid}").exists()
    wait_for(lambda: gone(asked), "the end of what it started")
    with pytest.raises(AssertionError, match="no result"):
        slow.wait()


def test_a_module_that_takes_too_long_is_killed(slow: Started):
    with pytest.raises(subprocess.TimeoutExpired):
        slow.wait(0.1)
    assert not Path(f"/proc/{slow.pid}").exists()


def test_a_module_that_does_not_end_as_it_should_is_an_error():
    with pytest.raises(
        AssertionError, match="(?s)no result, nothing ended with status 1:.*ModuleNotFound"
    ):
        run("nothing")


def test_whatever_still_works_ends_with_who_started_it(
    script: Callable[[str], Path], tmp_path: Path
):
    path = script("echo $$ $PPID > pids.new; mv pids.new pids; exec sleep 60")
    code = (
        "import os, sys, time\n"
        f"from {started.__module__} import started\n"
        "started('balancer_info', httpd={'binary': sys.argv[1]})\n"
        "while not os.path.exists(sys.argv[2]): time.sleep(0.01)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(path), str(tmp_path / "pids")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
        check=False,
    )
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        wait_for(lambda pid=pid: gone(pid), f"the end of {pid}")
