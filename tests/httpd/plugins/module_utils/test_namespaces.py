# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import (
    _namespaces as namespaces,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._namespaces import (
    ChildFailed,
    Killed,
    NamespaceError,
    TimedOut,
    in_child,
)


def _root() -> None:
    namespaces.private_read_only_files()


def _user() -> None:
    namespaces.own_user_namespace()
    namespaces.private_read_only_files()


both = pytest.mark.parametrize(
    "enter",
    [
        pytest.param(_root, id="root", marks=pytest.mark.namespaces("root")),
        pytest.param(_user, id="user namespace", marks=pytest.mark.namespaces("user")),
    ],
)


class TestAChild:
    def test_returns_what_its_work_returned(self) -> None:
        assert in_child(lambda: {"a": [1, None, "\udcff" * 100_000]}, 10) == {
            "a": [1, None, "\udcff" * 100_000]
        }

    def test_is_killed_when_its_time_is_up(self, tmp_path: Path) -> None:
        def work() -> None:
            (tmp_path / "pid").write_text(str(os.getpid()))
            # For ever, as far as this test is concerned.
            signal.pause()

        with pytest.raises(TimedOut):
            in_child(work, 0.5)
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 0)

    def test_that_fails_says_how(self) -> None:
        with pytest.raises(ChildFailed, match="ZeroDivisionError"):
            in_child(lambda: 1 // 0, 10)

    def test_that_dies_is_a_failure(self) -> None:
        with pytest.raises(ChildFailed, match="without an answer"):
            in_child(lambda: os._exit(3), 10)

    @pytest.mark.parametrize("depth", [1, 2, 3])
    def test_that_is_killed_is_told_of_however_deep(self, depth: int) -> None:
        def work(depth: int) -> Any:
            if depth > 1:
                return in_child(lambda: work(depth - 1), 10)
            os.kill(os.getpid(), signal.SIGKILL)

        with pytest.raises(Killed):
            in_child(lambda: work(depth), 10)

    def test_that_is_killed_while_it_answers_has_not_answered(self) -> None:
        def work() -> str:
            write = os.write

            def begin(descriptor: int, data: bytes) -> None:
                write(descriptor, data[:9])
                os.kill(os.getpid(), signal.SIGKILL)

            os.write = begin
            return "a long answer"

        with pytest.raises(Killed):
            in_child(work, 10)

    def test_hands_on_the_error_of_the_system(self) -> None:
        with pytest.raises(FileNotFoundError) as caught:
            in_child(lambda: os.stat("/nowhere"), 10)
        assert caught.value.filename == "/nowhere"

    def test_hands_on_what_was_attempted_in_a_namespace(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        # There is no such flag, which a container may not even look at.
        assert libc.unshare(1) == -1
        number = ctypes.get_errno()
        assert number in (errno.EINVAL, errno.EPERM)
        with pytest.raises(NamespaceError, match=f"nonsense.*{os.strerror(number)}") as caught:
            in_child(lambda: namespaces.unshare(1, "nonsense"), 10)
        assert caught.value.errno == number
        assert caught.value.attempted == "unshare(nonsense)"


@both
class TestPrivateFiles:
    def test_cannot_be_written(self, enter: Callable[[], None], tmp_path: Path) -> None:
        def work() -> None:
            enter()
            (tmp_path / "new").write_text("")

        with pytest.raises(OSError) as caught:
            in_child(work, 10)
        assert caught.value.errno == errno.EROFS

    def test_are_covered_by_a_directory_that_can(
        self, enter: Callable[[], None], tmp_path: Path
    ) -> None:
        tmp_path.chmod(0o751)
        (tmp_path / "kept").write_text("kept")
        (tmp_path / "hidden").write_text("hidden")
        (tmp_path / "below").mkdir()
        (tmp_path / "below/file").write_text("below")
        (tmp_path / "link").symlink_to("kept")

        def work() -> Any:
            enter()
            namespaces.cover(str(tmp_path), lambda name: name != "hidden")
            (tmp_path / "new").write_text("")
            texts = [(tmp_path / name).read_text() for name in ("link", "below/file")]
            return [sorted(os.listdir(tmp_path)), texts, oct(tmp_path.stat().st_mode)]

        names, texts, mode = in_child(work, 10)
        assert names == ["below", "kept", "link", "new"]
        assert texts == ["kept", "below"]
        assert mode.endswith("751")
        assert sorted(os.listdir(tmp_path)) == ["below", "hidden", "kept", "link"]

    def test_stay_read_only_where_they_are_shown(
        self, enter: Callable[[], None], tmp_path: Path
    ) -> None:
        (tmp_path / "kept").write_text("kept")

        def work() -> None:
            enter()
            namespaces.cover(str(tmp_path), lambda name: True)
            (tmp_path / "kept").write_text("changed")

        with pytest.raises(OSError) as caught:
            in_child(work, 10)
        assert caught.value.errno == errno.EROFS

    def test_keep_their_owners(self, enter: Callable[[], None], tmp_path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(tmp_path, 12, 34)
        owners = [tmp_path.stat().st_uid, tmp_path.stat().st_gid]

        def work() -> list[int]:
            enter()
            namespaces.cover(str(tmp_path), lambda name: True)
            return [tmp_path.stat().st_uid, tmp_path.stat().st_gid]

        assert in_child(work, 10) == owners


@both
def test_a_private_network_has_the_addresses_it_was_given(enter: Callable[[], None]) -> None:
    given = ["192.0.2.7", "198.51.100.3", "127.0.0.5", "2001:db8::7", "::1"]

    def work() -> list[Any]:
        enter()
        namespaces.unshare(namespaces.NEWNET, "network namespace")
        namespaces.loopback_with(given)
        held = []
        for address in given:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            server = socket.socket(family)
            server.bind((address, 80))
            server.listen()
            held.append(server)
            with socket.socket(family) as client:
                client.connect((address, 80))
        return [[one.address, one.port] for one in namespaces.listening()]

    assert sorted(in_child(work, 10)) == sorted([address, 80] for address in given)


def test_the_listening_sockets_of_this_host_are_seen() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        inode = os.readlink(f"/proc/self/fd/{server.fileno()}")
        port = server.getsockname()[1]
        assert ("127.0.0.1", port, inode[8:-1]) in namespaces.listening()
