# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils import (
    _namespaces as namespaces,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils import _preflight
from ansible_collections.webtier.apache_balancer.plugins.module_utils._fileset import FileSet
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import (
    ConfigurationRefused,
    Instance,
    LacksPermission,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._preflight import (
    RehearsalFailed,
)
from ansible_collections.webtier.apache_balancer.tests.support import machine
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
    free_port,
    wait_for,
)

MODULES = (*BALANCER, "ssl", "socache_shmcb")
APP = """\
<Proxy balancer://app>
    BalancerMember http://127.0.0.1:9
</Proxy>
ProxyPass /app balancer://app/
"""


@pytest.fixture
def httpd(tmp_path: Path) -> Iterator[PrivateHttpd]:
    """A running httpd with one balancer."""
    with PrivateHttpd(tmp_path, *MODULES) as running:
        running.write("conf/app.conf", APP)
        yield running.start()


@pytest.fixture
def untouched(httpd: PrivateHttpd) -> Iterator[None]:
    """Holds that the running httpd serves on, and that nothing of it has changed."""
    before = _traces(httpd)
    yield
    assert _traces(httpd) == before
    assert httpd.get("/").status == 404


def _traces(httpd: PrivateHttpd) -> dict[str, object]:
    """Everything by which a start could be noticed."""
    maps = Path(f"/proc/{httpd.pid}/maps").read_text().split()
    shared = {Path(word) for word in maps if word.startswith("/dev/shm/")}
    assert shared, "the shared memory of the balancer"
    files = [httpd.root, *httpd.root.rglob("*"), *shared]
    traces: dict[str, object] = {}
    for path in files:
        info = path.lstat()
        traces[str(path)] = (info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
    traces["parent"] = httpd.pid
    traces["children"] = httpd.children()
    return traces


def instance(httpd: PrivateHttpd) -> Instance:
    return Instance.find(
        binary=httpd.command()[0],
        server_root=str(httpd.root),
        config_file=str(httpd.config_file),
    )


def prove(httpd: PrivateHttpd, name: str, text: str, timeout: float = 20.0) -> _preflight.Proof:
    files = FileSet()
    files.write(str(httpd.root / name), text.encode())
    return _preflight.prove(instance(httpd), files, timeout=timeout)


def refusal(httpd: PrivateHttpd, name: str, text: str, timeout: float = 20.0) -> RehearsalFailed:
    with pytest.raises(RehearsalFailed) as caught:
        prove(httpd, name, text, timeout)
    return caught.value


def codes(failed: RehearsalFailed) -> list[str | None]:
    return [message.code for message in failed.messages]


@pytest.mark.usefixtures("untouched")
class TestTheLiveServerIsUntouched:
    def test_a_good_candidate_is_proven_and_its_view_shows_it(
        self, httpd: PrivateHttpd, provable: str
    ) -> None:
        port = free_port()
        proof = prove(httpd, "conf/new.conf", f"# new\nListen 127.0.0.1:{port}\n")
        assert proof.validated == provable
        new = str(httpd.root / "conf/new.conf")
        assert new in proof.view.includes
        listens = {(node.file, node.line, node.args) for node in proof.view.root.find("Listen")}
        assert (new, 2, f"127.0.0.1:{port}") in listens
        assert not Path(new).exists()

    def test_a_syntax_error_is_refused_with_its_real_place(self, httpd: PrivateHttpd) -> None:
        with pytest.raises(ConfigurationRefused) as caught:
            prove(httpd, "conf/new.conf", "# one\nNonsense on\n")
        (message,) = caught.value.messages
        assert (message.file, message.line) == (str(httpd.root / "conf/new.conf"), 2)
        assert "Nonsense" in message.text

    @pytest.mark.namespaces
    def test_a_missing_lbmethod_module_is_refused(self, httpd: PrivateHttpd) -> None:
        modules = [name for name in MODULES if name != "lbmethod_byrequests"]
        failed = refusal(httpd, "httpd.conf", httpd.base(*modules))
        assert "AH02432" in codes(failed)

    @pytest.mark.namespaces
    def test_a_missing_slotmem_module_is_refused(self, httpd: PrivateHttpd) -> None:
        modules = [name for name in MODULES if name != "slotmem_shm"]
        failed = refusal(httpd, "httpd.conf", httpd.base(*modules))
        assert "AH01177" in codes(failed)

    @pytest.mark.namespaces
    def test_balancers_whose_names_collide_in_shared_memory_are_refused(
        self, httpd: PrivateHttpd
    ) -> None:
        text = APP.replace("app", "app-1") + APP.replace("app", "app_1").replace(
            "</Proxy>", "    BalancerMember http://127.0.0.1:10\n</Proxy>"
        )
        assert "AH01186" in codes(refusal(httpd, "conf/new.conf", text))

    def test_a_key_that_does_not_match_its_certificate_is_refused_with_its_line(
        self, httpd: PrivateHttpd, certificates: Path, provable: str
    ) -> None:
        failed = refusal(httpd, "conf/tls.conf", _tls(certificates, "a.pem", "b.key"))
        (message,) = failed.messages
        assert message.code == {"rehearsed": "AH02565", "tested": None}[provable]
        assert f"{certificates}/a.pem and {certificates}/b.key do not match" in message.text
        assert (message.file, message.line) == (str(httpd.root / "conf/tls.conf"), 4)

    @pytest.mark.parametrize("first, second", [("127.0.0.1:", ""), ("*:", "127.0.0.1:")])
    def test_a_listen_that_overlaps_another_is_refused_with_its_line(
        self, httpd: PrivateHttpd, provable: str, first: str, second: str
    ) -> None:
        port = free_port()
        text = f"Listen {first}{port}\nListen {second}{port}\n"
        failed = refusal(httpd, "conf/new.conf", text)
        assert codes(failed)[0] == {"rehearsed": "AH00072", "tested": None}[provable]
        message = failed.messages[0]
        assert (message.file, message.line) == (str(httpd.root / "conf/new.conf"), 2)

    def test_a_listen_on_the_port_of_another_process_is_refused_naming_it(
        self, httpd: PrivateHttpd
    ) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            failed = refusal(httpd, "conf/new.conf", f"Listen {other.getsockname()[1]}\n")
        assert f"held by process {os.getpid()} " in str(failed)
        assert f"{httpd.root}/conf/new.conf:1" in str(failed)

    def test_a_listen_on_an_address_of_another_host_is_refused(self, httpd: PrivateHttpd) -> None:
        failed = refusal(httpd, "conf/new.conf", f"Listen 192.0.2.1:{free_port()}\n")
        assert "no such address" in str(failed)

    def test_moving_a_port_to_another_address_is_refused_as_a_reload_would_end_httpd(
        self, httpd: PrivateHttpd
    ) -> None:
        text = httpd.base(*MODULES).replace(f"127.0.0.1:{httpd.port}", str(httpd.port))
        assert "held by this httpd itself" in str(refusal(httpd, "httpd.conf", text))

    @pytest.mark.parametrize(
        "way",
        [
            pytest.param(way, id=way.name, marks=pytest.mark.namespaces(kind))
            for way, kind in zip(_preflight._WAYS, (machine.ROOT, machine.USER))
        ],
    )
    def test_each_kind_of_namespace_proves_and_refuses(
        self, httpd: PrivateHttpd, way: _preflight._Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_preflight, "_WAYS", (way,))
        assert prove(httpd, "conf/new.conf", "Define NEW\n").validated == "rehearsed"
        modules = [name for name in MODULES if name != "slotmem_shm"]
        assert "AH01177" in codes(refusal(httpd, "httpd.conf", httpd.base(*modules)))

    def test_without_namespaces_the_shadow_tests_and_says_that_it_did_not_rehearse(
        self, httpd: PrivateHttpd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_preflight, "_WAYS", ())
        proof = prove(httpd, "conf/new.conf", "Define NEW\n")
        assert proof.validated == "tested"
        assert "NEW" in proof.view.defines
        assert "not rehearsed" in proof.warnings[-1].text
        with pytest.raises(ConfigurationRefused):
            prove(httpd, "conf/new.conf", "Nonsense on\n")

    @pytest.mark.namespaces
    def test_what_a_piped_logger_writes_stays_private_and_is_read(
        self, httpd: PrivateHttpd
    ) -> None:
        log = f'ErrorLog "|/usr/bin/rotatelogs {httpd.root}/logs/piped.%Y 86400"\n'
        modules = [name for name in MODULES if name != "slotmem_shm"]
        failed = refusal(httpd, "httpd.conf", httpd.base(*modules) + log)
        assert "AH01177" in codes(failed)

    @pytest.mark.namespaces
    def test_what_is_said_to_syslog_stays_private_and_is_read(self, httpd: PrivateHttpd) -> None:
        modules = [name for name in MODULES if name != "slotmem_shm"]
        failed = refusal(httpd, "httpd.conf", httpd.base(*modules) + "ErrorLog syslog\n")
        assert failed.messages

    @pytest.mark.namespaces
    def test_a_start_that_hangs_is_ended_and_reported(
        self, httpd: PrivateHttpd, certificates: Path
    ) -> None:
        text = f"SSLPassPhraseDialog exec:{certificates}/dialog\n" + _tls(
            certificates, "c.pem", "c.key"
        )
        failed = refusal(httpd, "conf/tls.conf", text, timeout=1.0)
        assert "did not serve in time" in str(failed)
        marker = f"sleep {_PATIENCE}"
        found = subprocess.run(["pgrep", "-f", marker], capture_output=True, check=False)
        assert found.stdout == b""

    def test_a_program_of_the_configuration_cannot_write_to_real_files(
        self, httpd: PrivateHttpd, tmp_path_factory: pytest.TempPathFactory, provable: str
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        program = elsewhere / "program"
        program.write_text(f"#!/bin/sh\necho started >{elsewhere}/mark\nexec cat\n")
        program.chmod(0o755)
        text = (
            "LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so\n"
            f"RewriteEngine on\nRewriteMap m prg:{program}\n"
        )
        assert prove(httpd, "conf/new.conf", text).validated == provable
        assert list(elsewhere.iterdir()) == [program]

    @pytest.mark.namespaces
    def test_an_unforeseen_place_to_write_makes_it_tested_only(
        self, httpd: PrivateHttpd, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        # Only a rehearsal defines it, so nobody knows of this log before.
        text = f'<IfDefine NO_DETACH>\nCustomLog {elsewhere}/log "%h"\n</IfDefine>\n'
        proof = prove(httpd, "conf/new.conf", text)
        assert proof.validated == "tested"
        assert "Read-only file system" in proof.warnings[-1].text
        assert list(elsewhere.iterdir()) == []

    def test_a_candidate_outside_of_server_root_is_covered_as_well(
        self, httpd: PrivateHttpd, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        outside = tmp_path_factory.mktemp("outside")
        files = FileSet()
        files.write(str(outside / "new/site.conf"), b"Define SEEN\n")
        files.write(str(httpd.root / "conf/new.conf"), f"Include {outside}/new/*.conf\n".encode())
        proof = _preflight.prove(instance(httpd), files)
        assert "SEEN" in proof.view.defines
        assert list(outside.iterdir()) == []

    def test_a_removed_file_and_a_new_link_are_seen_as_such(self, httpd: PrivateHttpd) -> None:
        files = FileSet()
        files.remove(str(httpd.root / "conf/app.conf"))
        files.write(str(httpd.root / "available/x.conf"), b"Define SEEN\n")
        files.link(str(httpd.root / "conf/x.conf"), "../available/x.conf")
        proof = _preflight.prove(instance(httpd), files)
        assert list(proof.view.root.find("Proxy")) == []
        assert "SEEN" in proof.view.defines


def test_a_broken_configuration_does_not_keep_its_repair_from_being_proven(
    httpd: PrivateHttpd, provable: str
) -> None:
    httpd.write("conf/app.conf", "Nonsense\n")
    with pytest.raises(ConfigurationRefused):
        instance(httpd).view()
    assert prove(httpd, "conf/app.conf", APP).validated == provable


def test_the_configuration_of_a_stopped_httpd_is_proven_as_well(
    httpd: PrivateHttpd, provable: str
) -> None:
    httpd.stop()
    assert prove(httpd, "conf/new.conf", "Define NEW\n").validated == provable
    assert not httpd.pid_file.exists()


def test_without_a_rehearsal_it_is_tested_only(httpd: PrivateHttpd) -> None:
    files = FileSet()
    files.write(str(httpd.root / "conf/new.conf"), b"Define NEW\n")
    proof = _preflight.prove(instance(httpd), files, rehearse=False)
    assert proof.validated == "tested"


def test_a_key_unlocked_by_the_running_httpd_alone_is_tested_only(
    httpd: PrivateHttpd, certificates: Path, provable: str
) -> None:
    dialog = certificates / "dialog"
    dialog.write_text("#!/bin/sh\necho secret\n")
    tls = f"SSLPassPhraseDialog exec:{dialog}\n" + _tls(certificates, "c.pem", "c.key")
    httpd.write("conf/tls.conf", tls)
    httpd.stop()
    httpd.start()
    dialog.write_text("#!/bin/sh\nexit 1\n")
    proof = prove(httpd, "conf/new.conf", "Define NEW\n")
    assert proof.validated == "tested"
    why = {"rehearsed": "pass phrase", "tested": "no private namespaces"}[provable]
    assert why in proof.warnings[-1].text


def test_nothing_is_imported_where_our_files_are_out_of_sight(
    httpd: PrivateHttpd, provable: str
) -> None:
    # In an interpreter of its own, in which nobody else has imported anything before.
    script = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from {FileSet.__module__} import FileSet
from {Instance.__module__} import ConfigurationRefused, Instance
from {_preflight.__name__} import prove

class Refuses:
    @staticmethod
    def find_spec(name, *_):
        if os.getpid() != us:
            os.write(2, ("imported in the child: " + name).encode())
            os._exit(1)

us = os.getpid()
sys.meta_path.insert(0, Refuses)
instance = Instance.find(config_file={str(httpd.config_file)!r})
files = FileSet()
files.write({str(httpd.root / "conf/new.conf")!r}, b"Define NEW")
print(prove(instance, files).validated)
files.write({str(httpd.root / "conf/new.conf")!r}, b"Nonsense")
try:
    prove(instance, files)
except ConfigurationRefused:
    print("refused")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.stdout) == ("", f"{provable}\nrefused\n")


def test_an_ordinary_user_proves_the_configuration_of_its_own_httpd() -> None:
    with tempfile.TemporaryDirectory() as folder:
        _give_to_nobody(folder)

        def work() -> list[object]:
            with PrivateHttpd(Path(folder), *MODULES) as httpd:
                httpd.start()
                provable = machine.proof(machine.refusals())
                proof = prove(httpd, "conf/new.conf", "Define NEW\n")
                port = free_port()
                text = f"Listen 127.0.0.1:{port}\nListen {port}\n"
                failed = refusal(httpd, "conf/new.conf", text)
                found = [proof.validated, codes(failed)[0], failed.messages[0].line]
                return [provable, *found, httpd.get("/").status]

        provable, *found = _as_nobody(work)
        code = {"rehearsed": "AH00072", "tested": None}[provable]
        assert found == [provable, code, 2, 404]


def test_an_ordinary_user_is_advised_to_become_another_where_a_key_is_out_of_reach() -> None:
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys"
        keys.mkdir()
        (keys / "a.key").write_text("key\n")
        home = Path(folder) / "httpd"
        home.mkdir()
        _give_to_nobody(str(home))
        os.chmod(folder, 0o755)

        def work() -> str:
            httpd = PrivateHttpd(home, *MODULES)
            tls = f"<VirtualHost *:1>\nSSLCertificateKeyFile {keys}/a.key\n</VirtualHost>\n"
            with pytest.raises(LacksPermission) as caught:
                prove(httpd, "conf/tls.conf", tls)
            return str(caught.value)

        # Shut for its owner as well, who may be the one that runs this.
        keys.chmod(0)
        said = _as_nobody(work)
        keys.chmod(0o700)
        assert f"no permission to read {keys}/a.key" in said
        assert "become: true" in said


_NOBODY = 65534
_PR_SET_DUMPABLE = 4


def _give_to_nobody(path: str) -> None:
    if os.geteuid() == 0:
        os.chown(path, _NOBODY, _NOBODY)


def _as_nobody(work: Callable[[], Any]) -> Any:
    """Return what ``work`` returns in a process of an ordinary user, who may be the present one."""

    # A codec that an ordinary user may be unable to read from this Python.
    "localhost".encode("idna")

    def child() -> Any:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
            # As after an exec, which gives /proc/self back to the user of the process.
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        return work()

    return namespaces.in_child(child, 60.0)


@pytest.mark.namespaces
def test_a_killed_preflight_leaves_no_process(httpd: PrivateHttpd, certificates: Path) -> None:
    text = f"SSLPassPhraseDialog exec:{certificates}/dialog\n" + _tls(
        certificates, "c.pem", "c.key"
    )
    sleeper = f"sleep {_PATIENCE}"

    def sleeping() -> bool:
        found = subprocess.run(["pgrep", "-f", sleeper], capture_output=True, check=False)
        return bool(found.stdout)

    pid = os.fork()
    if pid == 0:
        try:
            prove(httpd, "conf/tls.conf", text)
        finally:
            os._exit(0)
    wait_for(sleeping, "the start that hangs")
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    wait_for(lambda: not sleeping(), "the end of what the killed preflight started")


# --- certificates --------------------------------------------------------------------------

# A number that no other sleep on this machine has.
_PATIENCE = 10_000 + os.getpid()


@pytest.fixture
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """a and b: certificates with their keys; c: one whose key is encrypted ("secret")."""
    folder = tmp_path_factory.mktemp("certificates")
    for name, protection in (("a", ["-nodes"]), ("b", ["-nodes"]), ("c", [])):
        request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 9"
        request += f" -subj /CN=localhost -passout pass:secret -keyout {name}.key -out {name}.pem"
        subprocess.run([*request.split(), *protection], cwd=folder, check=True, capture_output=True)
    dialog = folder / "dialog"
    dialog.write_text(f"#!/bin/sh\nexec sleep {_PATIENCE}\n")
    dialog.chmod(0o755)
    return folder


def _tls(certificates: Path, certificate: str, key: str) -> str:
    return (
        "<VirtualHost *:1>\n"
        "    ServerName localhost\n"
        "    SSLEngine on\n"
        f"    SSLCertificateFile {certificates}/{certificate}\n"
        f"    SSLCertificateKeyFile {certificates}/{key}\n"
        "</VirtualHost>\n"
    )
