# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import _process
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import (
    ConfigurationRefused,
    EndedBySignal,
    Instance,
    LacksPermission,
    NoInfoModule,
    NoMainFile,
    NoServerRoot,
    NotInstalled,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._process import Parent
from ansible_collections.webtier.apache_balancer.tests.support.modules import run
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BINARY,
    MODULES,
    PrivateHttpd,
    alive,
    free_port,
    wait_for,
)


@pytest.fixture
def httpd(tmp_path: Path) -> Iterator[PrivateHttpd]:
    with PrivateHttpd(tmp_path) as private:
        yield private


#: With these httpd reads its configuration, or not even that, and ends (server/main.c).
SAYS_ONLY = [
    ("-t",),
    ("-t", "-D", "DUMP_CONFIG"),
    ("-TtD", "EXTRA"),
    ("-S",),
    ("-M",),
    ("-L",),
    ("-DDUMP_VHOSTS",),
    ("-D", "DUMP_RUN_CFG"),
    ("-D", "DUMP_MODULES"),
    ("-D", "DUMP_INCLUDES"),
    ("-k", "stop"),
    ("-k", "graceful-stop"),
]
#: With these it serves, as soon as it has read its configuration.
SERVES = [
    ("-D", "FOREGROUND"),
    ("-D", "DUMP_CONFIG"),
    ("-D", "t"),
    ("-X",),
    ("-T",),
    ("-k", "start"),
    ("-k", "graceful"),
]


Held = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def held(httpd: PrivateHttpd) -> Iterator[Held]:
    """Start an httpd with further arguments on the same configuration, and hold it while it reads that."""
    fifo = httpd.root / "fifo"
    os.mkfifo(fifo)

    def writer() -> int | None:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return None

    with contextlib.ExitStack() as stack:

        def hold(*arguments: str) -> subprocess.Popen[bytes]:
            command = httpd.command("-C", f"LoadFile {fifo}", *arguments)
            process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
            # It waits for what we write, which is nothing; without us it ends.
            stack.callback(os.close, wait_for(writer, f"{command} to open {fifo}"))
            return process

        yield hold


def find(httpd: PrivateHttpd, *defines: str) -> Instance:
    return Instance.find(
        binary=BINARY,
        server_root=str(httpd.root),
        config_file=str(httpd.config_file),
        defines=defines,
    )


class TestTheView:
    def test_needs_the_main_file_and_says_where_it_was_looked_for(
        self, httpd: PrivateHttpd
    ) -> None:
        missing = str(httpd.root / "nowhere" / ".." / "gone.conf")
        instance = Instance.find(binary=BINARY, server_root=str(httpd.root), config_file=missing)
        with pytest.raises(NoMainFile, match=rf"httpd.config_file: .* {httpd.root}/gone.conf,"):
            instance.view()

    @pytest.mark.parametrize("length", [8, 5000])
    def test_names_a_server_root_that_is_not_there(self, httpd: PrivateHttpd, length: int) -> None:
        root = str(httpd.root / ("n" * length))
        instance = Instance.find(
            binary=BINARY, server_root=root, config_file=str(httpd.config_file)
        )
        httpd.write("conf/app.conf", "Nonsense\n")
        with pytest.raises(NoServerRoot, match=f"httpd.server_root: there is no folder {root}$"):
            instance.view()

    def test_shows_what_httpd_reads(self, httpd: PrivateHttpd) -> None:
        app = httpd.write("conf/app.conf", "Define NAME value\nTimeout ${NUMBER}\n")
        instance = Instance.find(
            binary=BINARY,
            server_root=str(httpd.root),
            config_file=str(httpd.config_file),
            defines=["EXTRA"],
        )
        instance.environment["NUMBER"] = "7"
        view = instance.view()
        assert view.includes == [str(httpd.config_file), str(app)]
        assert view.pid_file == str(httpd.pid_file)
        assert view.server_root == str(httpd.root)
        assert [node.args for node in view.root.find("Timeout")] == ["7"]
        assert view.defines["NAME"] == "value"
        assert "EXTRA" in view.defines
        assert not [name for name in view.defines if name.startswith("DUMP_")]

    def test_has_mod_info_only_where_the_configuration_loads_it(self, httpd: PrivateHttpd) -> None:
        view = find(httpd).view()
        assert "info_module" not in view.modules
        httpd.write("conf/info.conf", f"LoadModule info_module {MODULES}/mod_info.so\n")
        view = find(httpd).view()
        assert "info_module" in view.modules
        assert view.warnings == []

    def test_of_a_broken_configuration_is_its_message(self, httpd: PrivateHttpd) -> None:
        broken = httpd.write("conf/app.conf", "\n\nNonsense on\n")
        with pytest.raises(ConfigurationRefused) as caught:
            find(httpd).view()
        (message,) = caught.value.messages
        assert (message.file, message.line) == (str(broken), 3)
        assert str(caught.value).startswith(f"{broken}:3: ")

    def test_of_a_broken_configuration_names_the_main_file_where_httpd_names_none(
        self, httpd: PrivateHttpd
    ) -> None:
        httpd.config_file.write_text(f"ServerRoot {httpd.root}\n")
        with pytest.raises(ConfigurationRefused, match="No MPM loaded") as refused:
            find(httpd).view()
        assert str(refused.value).endswith(f" (in {httpd.config_file})")

    def test_of_a_broken_configuration_is_without_what_is_not_wrong(
        self, httpd: PrivateHttpd
    ) -> None:
        missing = httpd.root / "nowhere"
        httpd.write("conf/app.conf", f"ErrorLog {missing}/error.log\n")
        done = subprocess.run(
            find(httpd).command("-t"), env=_process.CLEAN, capture_output=True, check=False
        )
        assert b"AH00014" in done.stderr
        with pytest.raises(ConfigurationRefused) as caught:
            find(httpd).read(done.returncode, done.stdout, done.stderr)
        assert [message.code for message in caught.value.messages] == ["AH02291"]

    def test_is_not_known_of_a_httpd_that_was_killed(self, httpd: PrivateHttpd) -> None:
        # Which is no refusal: one would plan upon the files alone.
        with pytest.raises(EndedBySignal, match="signal 9"):
            find(httpd).read(-signal.SIGKILL, b"", b"")

    def test_needs_a_httpd(self, tmp_path: Path) -> None:
        instance = Instance.find(binary=str(tmp_path / "httpd"))
        assert not instance.installed
        assert instance.parent() is None
        with pytest.raises(NotInstalled):
            instance.view()

    def test_needs_mod_info_and_says_so(self, tmp_path: Path) -> None:
        binary = tmp_path / "bin" / "httpd"
        binary.parent.mkdir()
        os.symlink(BINARY, binary)
        with pytest.raises(NoInfoModule, match="modules/mod_info.so is missing"):
            Instance.find(binary=str(binary), config_file=str(tmp_path / "httpd.conf")).view()

    def test_that_permissions_forbid_is_told_as_that(
        self, httpd: PrivateHttpd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = httpd.write("conf/app.conf", "")
        error = f"AH00526: x: Could not open configuration file {app}: Permission denied\n"
        monkeypatch.setattr(os, "access", lambda path, mode: path != str(app))
        with pytest.raises(LacksPermission, match="become: true") as caught:
            find(httpd).read(1, b"", error.encode())
        assert caught.value.paths == [str(app)]


class TestTheParent:
    def test_is_found_with_arguments_and_environment_of_its_start(
        self, httpd: PrivateHttpd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        httpd.write("conf/app.conf", "<IfDefine EXTRA>\nTimeout ${NUMBER}\n</IfDefine>\n")
        monkeypatch.setenv("NUMBER", "7")
        monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
        httpd.start("-D", "EXTRA")
        instance = find(httpd)
        parent = instance.parent()
        assert parent is not None
        assert parent.pid == httpd.pid
        assert instance.arguments[-2:] == ["-D", "EXTRA"]
        assert "NOTIFY_SOCKET" not in instance.environment
        assert [node.args for node in instance.view().root.find("Timeout")] == ["7"]

    def test_is_none_when_it_is_stopped(self, httpd: PrivateHttpd) -> None:
        httpd.start()
        instance = find(httpd)
        assert instance.parent() is not None
        httpd.stop()
        assert instance.parent() is None

    def test_is_no_child_of_one_that_was_killed(self, httpd: PrivateHttpd) -> None:
        httpd.start()
        instance, children = find(httpd), httpd.children()
        assert children
        os.kill(httpd.pid, signal.SIGKILL)
        try:
            wait_for(lambda: instance.parent() is None, "the end of the parent")
            assert all(map(alive, children))
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)

    def test_is_not_that_of_another_httpd_of_the_same_binary(
        self, httpd: PrivateHttpd, tmp_path: Path
    ) -> None:
        httpd.start()
        with PrivateHttpd(tmp_path / "other") as other:
            assert find(other).parent() is None
            other.start()
            parent = find(other).parent()
            assert parent is not None
            assert parent.pid == other.pid

    def test_of_several_with_one_main_file_has_the_names_that_are_defined(
        self, httpd: PrivateHttpd
    ) -> None:
        # Where what is defined decides on PidFile and addresses, as distributions do it for instances.
        text = httpd.config_file.read_text().replace("PidFile run/httpd.pid\n", "")
        text = text.replace(f"127.0.0.1:{httpd.port}", "${ADDRESS}")
        one = f"Define ADDRESS 127.0.0.1:{httpd.port}\nPidFile run/httpd.pid\n"
        two = f"Define ADDRESS 127.0.0.1:{free_port()}\nPidFile run/two.pid\n"
        own = f"<IfDefine ONE>\n{one}</IfDefine>\n<IfDefine TWO>\n{two}</IfDefine>\n"
        httpd.config_file.write_text(own + text.replace("DefaultRuntimeDir", "#"))

        def found(*defines: str) -> list[int | None]:
            """The parent, before and after it is known what the configuration says."""
            instance = find(httpd, *defines)
            before = instance.parent()
            assert instance.view().pid_file.endswith("two.pid") is ("TWO" in defines)
            return [parent and parent.pid for parent in (before, instance.parent())]

        httpd.start("-D", "ONE")
        with subprocess.Popen(httpd.command("-D", "TWO", "-D", "FOREGROUND")) as other:
            try:
                wait_for((httpd.root / "run" / "two.pid").exists, f"the other one; {httpd.log()}")
                assert found("TWO") == [other.pid] * 2
                assert found("ONE") == [httpd.pid] * 2
            finally:
                other.terminate()
        assert found("TWO") == [None] * 2
        assert found("ONE") == [httpd.pid] * 2

    def test_of_several_with_one_main_file_has_the_root_that_is_meant(
        self, httpd: PrivateHttpd, tmp_path: Path
    ) -> None:
        with PrivateHttpd(tmp_path / "other") as other:
            text = httpd.config_file.read_text()
            for root, port in ((httpd.root, httpd.port), (other.root, other.port)):
                text = text.replace(str(root), ".").replace(f"Listen 127.0.0.1:{port}\n", "")
                (root / "conf" / "port.conf").write_text(f"Listen 127.0.0.1:{port}\n")
            text = text.replace("ServerRoot .\n", "")
            httpd.config_file.write_text(text)
            other.config_file = httpd.config_file
            httpd.start()
            assert find(other).parent() is None
            other.start()
            pids = [
                parent and parent.pid for parent in (find(httpd).parent(), find(other).parent())
            ]
            assert pids == [httpd.pid, other.pid]

    def test_is_not_another_httpd_that_has_the_number_of_one_that_died(
        self, httpd: PrivateHttpd, tmp_path: Path
    ) -> None:
        httpd.start()
        with PrivateHttpd(tmp_path / "other") as other:
            other.pid_file.write_text(f"{httpd.pid}\n")
            old = time.time() - 60
            os.utime(other.pid_file, (old, old))
            instance = find(other)
            instance.view()
            assert instance.parent() is None
            other.pid_file.unlink()

    def test_is_found_by_its_arguments_where_the_clock_was_set(self, httpd: PrivateHttpd) -> None:
        httpd.start()
        os.utime(httpd.pid_file, (0, 0))
        instance = find(httpd)
        instance.view()
        parent = instance.parent()
        assert parent is not None and parent.pid == httpd.pid

    def test_is_not_one_that_ends_gracefully_once_the_next_one_runs(
        self, httpd: PrivateHttpd
    ) -> None:
        httpd.start()
        ending = httpd.pid
        # A request that never comes to its end.
        with socket.create_connection(("127.0.0.1", httpd.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\n")
            subprocess.run(httpd.command("-k", "graceful-stop"), check=True, timeout=10)
            wait_for(lambda: not httpd.pid_file.exists(), "the end of PidFile")
            httpd.start()
            assert alive(ending)
            instance = find(httpd)
            instance.view()
            parent = instance.parent()
            assert parent is not None and parent.pid == httpd.pid

    @pytest.mark.parametrize("arguments", SAYS_ONLY, ids=" ".join)
    def test_is_not_a_httpd_that_only_says_something_and_ends(
        self, held: Held, httpd: PrivateHttpd, arguments: tuple[str, ...]
    ) -> None:
        other = held(*arguments)
        assert find(httpd).parent() is None
        httpd.start()
        parent = find(httpd).parent()
        assert parent is not None and parent.pid == httpd.pid
        assert other.poll() is None

    def test_is_not_one_that_got_the_number_of_a_httpd_that_died(
        self, held: Held, httpd: PrivateHttpd
    ) -> None:
        httpd.pid_file.write_text(f"{held('-t').pid}\n")
        instance = find(httpd)
        assert instance.view().pid_file == str(httpd.pid_file)
        assert instance.parent() is None
        httpd.pid_file.unlink()

    @pytest.mark.parametrize("arguments", SERVES, ids=" ".join)
    def test_is_one_with_other_options(
        self, held: Held, httpd: PrivateHttpd, arguments: tuple[str, ...]
    ) -> None:
        other = held(*arguments)
        parent = find(httpd).parent()
        assert parent is not None and parent.pid == other.pid

    def test_is_found_by_its_pid_file_when_its_arguments_are_strange(
        self, httpd: PrivateHttpd, tmp_path: Path
    ) -> None:
        link = tmp_path / "link.conf"
        link.write_text(f"Include {httpd.config_file}\n")
        real, httpd.config_file = httpd.config_file, link
        httpd.start()
        instance = Instance.find(server_root=str(httpd.root), config_file=str(real))
        assert instance.parent() is None
        instance.view()
        parent = instance.parent()
        assert parent is not None
        assert parent.pid == httpd.pid

    def test_gets_a_signal(self, httpd: PrivateHttpd) -> None:
        httpd.start()
        instance = find(httpd)
        parent = instance.parent()
        assert parent is not None
        before = httpd.pid_file.stat().st_mtime_ns
        assert instance.signal(parent, signal.SIGUSR1)
        wait_for(lambda: httpd.pid_file.stat().st_mtime_ns != before, "the graceful")

    def test_is_not_taken_for_a_later_process_of_the_same_number(self, httpd: PrivateHttpd) -> None:
        httpd.start()
        instance = find(httpd)
        parent = instance.parent()
        assert parent is not None
        assert not instance.signal(Parent(parent.pid, parent.started - 1), signal.SIGKILL)
        assert instance.parent() == parent


class TestTheStart:
    def test_of_debian_has_the_environment_of_envvars(self, tmp_path: Path) -> None:
        (tmp_path / "envvars").write_text(
            "unset HOME\nexport APACHE_LOG_DIR=/log$SUFFIX\n"
            'export APACHE_ARGUMENTS="-D ONE -DTWO -e debug"\n'
        )
        instance = Instance.find(binary=BINARY, server_root=str(tmp_path))
        assert instance.environment["APACHE_LOG_DIR"] == "/log"
        assert instance.environment["APACHE_CONFDIR"] == str(tmp_path)
        assert instance.arguments == ["-d", str(tmp_path), "-D", "ONE", "-D", "TWO"]

    def test_of_a_private_httpd_has_a_clean_environment(
        self, httpd: PrivateHttpd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SECRET", "x")
        assert find(httpd).environment == _process.CLEAN

    def test_arguments_are_those_that_decide_the_configuration(self) -> None:
        given = ["-k", "start", "-DONE", "-D", "TWO", "-f", "x.conf", "-X", "-e", "debug"]
        assert _process.kept_arguments(given) == ["-D", "ONE", "-D", "TWO", "-f", "x.conf"]

    @pytest.mark.parametrize("option", ["-v", "-V", "-l", "-h", "-?", "-Xv", "-ev -l"])
    def test_is_none_where_httpd_only_tells_about_itself(self, option: str) -> None:
        assert not _process.serves([BINARY, "-d", "/etc/apache2", *option.split()])

    @pytest.mark.parametrize("option", ["-d v", "-Dv", "-D -t", "-e v", "-E v", "-f -t"])
    def test_is_one_where_such_a_letter_is_a_value(self, option: str) -> None:
        assert _process.serves([BINARY, "-X", *option.split()])


class TestABuildFromSource:
    """A copy of Debian's binary with other words of the same length compiled in, so that it reads what a build with
    that prefix would."""

    @pytest.fixture
    def prefix(self) -> Iterator[Path]:
        # As long as "/etc/apache2".
        folder = Path("/tmp") / f"h{os.getpid() % 1000000:06d}"
        (folder / "bin").mkdir(parents=True)
        (folder / "modules").symlink_to(MODULES)
        content = Path(BINARY).read_bytes()
        assert b'HTTPD_ROOT="/etc/apache2"' in content
        for old, new in ((b"/etc/apache2", bytes(folder)), (b"apache2.conf", b"conf/ht.conf")):
            assert len(old) == len(new)
            content = content.replace(old, new)
        (folder / "bin" / "httpd").write_bytes(content)
        (folder / "bin" / "httpd").chmod(0o755)
        yield folder
        shutil.rmtree(folder)

    def test_says_itself_where_its_files_are(self, prefix: Path) -> None:
        instance = Instance.find(binary=str(prefix / "bin" / "httpd"))
        assert instance.main_file() == str(prefix / "conf" / "ht.conf")
        assert instance.root() == str(prefix)
        assert instance.layout.modules_dir == str(prefix / "modules")
        assert instance.layout.service is None
        # That of Debian, which is still compiled in.
        assert instance.layout.pid_file == "/run/apache2.pid"

    def test_is_asked_without_more_ado(self, prefix: Path) -> None:
        with PrivateHttpd(prefix) as httpd:
            httpd.write("conf/ht.conf", httpd.base().replace("IncludeOptional", "# "))
            view = Instance.find(binary=str(prefix / "bin" / "httpd")).view()
            assert view.includes == [str(prefix / "conf" / "ht.conf")]
            assert view.server_root == str(prefix)

    def test_keeps_its_modules_below_its_root_where_they_are_not_beside_it(
        self, prefix: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "sbin").mkdir()
        binary = shutil.copy(prefix / "bin" / "httpd", tmp_path / "sbin" / "httpd")
        assert Instance.find(binary=str(binary)).layout.modules_dir == str(prefix / "modules")

    def test_without_its_main_file_is_not_installed(self, prefix: Path) -> None:
        instance = Instance.find(binary=str(prefix / "bin" / "httpd"))
        assert not instance.installed
        with pytest.raises(NotInstalled, match=str(prefix / "conf" / "ht.conf")):
            instance.view()

    def test_without_its_main_file_is_planned_for_in_check_mode(self, prefix: Path) -> None:
        options: dict[str, Any] = {
            "httpd": {"binary": str(prefix / "bin" / "httpd")},
            "files": [{"path": str(prefix / "conf" / "site.conf"), "content": "# a site\n"}],
        }
        planned = run("configuration", check=True, **options)
        assert (planned["changed"], planned["validated"]) == (True, "no")
        assert str(prefix / "conf" / "ht.conf") in str(planned["warnings"])
        refused = run("configuration", **options)
        assert refused["msg"].endswith("; install it first")
        assert not (prefix / "conf" / "site.conf").exists()

    def test_that_runs_is_installed_whatever_became_of_its_main_file(self, prefix: Path) -> None:
        with PrivateHttpd(prefix) as httpd:
            main = httpd.write("conf/ht.conf", httpd.base().replace("IncludeOptional", "# "))
            binary = str(prefix / "bin" / "httpd")
            subprocess.run([binary, "-k", "start"], check=True)
            wait_for(httpd.pid_file.exists, "the PidFile")
            main.unlink()
            assert Instance.find(binary=binary).installed

    def test_that_is_missing_is_not_installed(self, tmp_path: Path) -> None:
        instance = Instance.find(binary=str(tmp_path / "bin" / "httpd"))
        assert instance.main_file() == str(tmp_path / "conf" / "httpd.conf")
        with pytest.raises(NotInstalled):
            instance.view()
