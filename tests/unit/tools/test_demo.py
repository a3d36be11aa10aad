# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo does around its playbook: ports, processes, and what it says without httpd."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

SOURCE = Path(__file__).parents[3] / "tools" / "demo.py"


@pytest.fixture(name="demo")
def _demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """tools/demo.py with its folder in a temporary place."""
    spec = importlib.util.spec_from_file_location("demo_under_test", SOURCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "DEMO", tmp_path / ".build" / "demo")
    monkeypatch.setattr(module.ours, "__defaults__", (tmp_path,))
    (tmp_path / ".build" / "demo" / "run").mkdir(parents=True)
    return module


def sleeper(*words: str) -> subprocess.Popen[bytes]:
    """A process that does nothing, with these words on its command line."""
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", *words])


def test_a_port_in_use_is_passed_over_also_if_taken_on_every_address(demo: ModuleType) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert next(demo.free_ports(port)) > port


def test_ports_are_given_out_once(demo: ModuleType) -> None:
    ports = demo.free_ports(20000)
    assert len({next(ports) for dummy in range(5)}) == 5


def test_no_port_left_is_said(demo: ModuleType) -> None:
    with pytest.raises(demo.Failure, match="No free port from 65536"):
        next(demo.free_ports(65536))


def test_stop_ends_what_was_started_here_and_nothing_else(demo: ModuleType) -> None:
    mine, other = sleeper(str(demo.ROOT / "backend")), sleeper("elsewhere")
    try:
        (demo.DEMO / "run" / "node1.pid").write_text(f"{mine.pid}\n")
        (demo.DEMO / "run" / "node2.pid").write_text(f"{other.pid}\n")  # a number used anew
        (demo.DEMO / "run" / "node3.pid").write_text("")
        assert demo.stop() == ["node1"]
        assert mine.wait(timeout=5) != 0
        assert other.poll() is None
        assert demo.stop() == []
    finally:
        for process in (mine, other):
            process.kill()
            process.wait()


def test_stop_without_a_demo_does_nothing(demo: ModuleType) -> None:
    (demo.DEMO / "run").rmdir()
    assert demo.stop() == []


@pytest.mark.parametrize(
    ("release", "uid", "advice"),
    [
        ("ID=debian\n", 1000, "As root run: apt-get install --no-install-recommends apache2-bin"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', 0, "As root run: dnf install httpd"),
        ("ID=alpine\n", 0, "As root run: apk add apache2 apache2-proxy"),
        ("ID=plan9\n", 0, "install it and try again"),
    ],
)
def test_without_httpd_the_exact_command_is_said(
    demo: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    release: str,
    uid: int,
    advice: str,
) -> None:
    file = tmp_path / "os-release"
    file.write_text(release)
    monkeypatch.setattr(demo, "OS_RELEASE", file)
    monkeypatch.setattr(demo.os, "geteuid", lambda: uid)
    monkeypatch.setattr(demo, "find_httpd", lambda: None)
    with pytest.raises(demo.Failure, match=advice):
        demo.install_httpd()


def test_on_debian_root_installs_the_package(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "os-release"
    file.write_text("ID=ubuntu\nID_LIKE=debian\n")
    commands: list[list[Any]] = []

    def run(command: list[Any], **_: Any) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(demo, "OS_RELEASE", file)
    monkeypatch.setattr(demo.os, "geteuid", lambda: 0)
    monkeypatch.setattr(demo, "find_httpd", lambda: "/usr/sbin/apache2" if commands else None)
    monkeypatch.setattr(demo.subprocess, "run", run)
    assert demo.install_httpd() == "/usr/sbin/apache2"
    assert commands == [[tmp_path / "tools" / "debian-packages", "apache2-bin"]]
