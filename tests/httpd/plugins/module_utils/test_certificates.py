# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of certificates and keys is what httpd says when it is started on them."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._certificates import (
    mismatches,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._fileset import FileSet
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.dump import Message
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import Instance
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    PrivateHttpd,
)

KINDS = {"rsa": "-newkey rsa:2048", "ec": "-newkey ec -pkeyopt ec_paramgen_curve:P-256"}


@pytest.fixture(scope="session")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """rsa1, rsa2, ec1, ec2: .crt and .key; rsa1.pem: both in one; locked.key: rsa2.key encrypted."""
    folder = tmp_path_factory.mktemp("pems")
    for name in ("rsa1", "rsa2", "ec1", "ec2"):
        request = f"openssl req -x509 {KINDS[name[:-1]]} -nodes -days 9 -subj /CN=localhost"
        files = f"-addext basicConstraints=CA:FALSE -keyout {name}.key -out {name}.crt"
        command = [*request.split(), *files.split()]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    both = (folder / "rsa1.crt").read_text() + (folder / "rsa1.key").read_text()
    (folder / "rsa1.pem").write_text(both)
    lock = "openssl rsa -aes256 -passout pass:secret -in rsa2.key -out locked.key"
    subprocess.run(lock.split(), cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def httpd(tmp_path: Path) -> PrivateHttpd:
    return PrivateHttpd(tmp_path / "httpd", "ssl", "socache_shmcb")


def found(httpd: PrivateHttpd, files: FileSet | None = None) -> list[Message]:
    instance = Instance.find(server_root=str(httpd.root), config_file=str(httpd.config_file))
    return mismatches(instance.view(), (files or FileSet()).changed())


def pair(certificate: str, key: str) -> str:
    return f"SSLCertificateFile {certificate}\nSSLCertificateKeyFile {key}\n"


def vhost(text: str) -> str:
    return f"<VirtualHost *:1>\nServerName vhost.test\n{text}</VirtualHost>\n"


GOOD = pair("rsa1.crt", "rsa1.key")
BAD = pair("rsa1.crt", "rsa2.key")


@pytest.mark.parametrize(
    "text, line",
    [
        ("SSLEngine on\n" + GOOD, None),
        ("SSLEngine on\n" + BAD, 2),
        ("SSLEngine on\n" + pair("ec1.crt", "ec2.key"), 2),
        ("SSLEngine on\n" + pair("rsa1.crt", "ec1.key"), 2),
        ("SSLEngine on\nSSLCertificateFile rsa1.pem\n", None),
        ("SSLEngine on\nSSLCertificateFile rsa1.crt\n", 2),
        # The first key is that of the first certificate.
        ("SSLEngine on\n" + GOOD + pair("ec1.crt", "ec1.key"), None),
        (
            "SSLEngine on\nSSLCertificateFile rsa1.crt\n" + pair("ec1.crt", "ec1.key"),
            2,
        ),
        ("SSLEngine on\n" + GOOD + pair("ec1.crt", "ec2.key"), 4),
        # Without TLS nobody looks at them.
        (BAD, None),
        (vhost(BAD), None),
        ("SSLEngine off\n" + BAD + vhost("SSLEngine on\n" + GOOD), None),
        ("SSLEngine on\n" + GOOD + vhost("SSLEngine off\n" + BAD), None),
        # A virtual host has what the main server has, entry by entry.
        (vhost("SSLEngine On\n" + BAD), 4),
        (BAD + vhost("SSLEngine on\n" + GOOD), None),
        (BAD + vhost("SSLEngine on\n"), 1),
        ("SSLEngine on\n" + GOOD + vhost("SSLCertificateKeyFile rsa2.key\n"), 2),
        ("SSLEngine on\n" + GOOD + pair("ec1.crt", "ec1.key") + vhost(GOOD), None),
        ("SSLEngine on\n" + GOOD + pair("ec1.crt", "ec1.key") + vhost(BAD), 8),
    ],
)
def test_a_mismatch_is_told_where_httpd_would_not_start(
    httpd: PrivateHttpd, pems: Path, text: str, line: int | None
) -> None:
    for file in pems.iterdir():
        (httpd.root / file.name).write_bytes(file.read_bytes())
    httpd.write("conf/tls.conf", text)
    expected = [] if line is None else [(str(httpd.root / "conf/tls.conf"), line)]
    # httpd stops at the first.
    assert [(message.file, message.line) for message in found(httpd)[:1]] == expected
    with httpd, contextlib.nullcontext() if line is None else pytest.raises(CalledProcessError):
        httpd.start()
    assert ("AH02565" in httpd.log() or "AH02579" in httpd.log()) == (line is not None)


def test_candidates_count_and_not_what_they_replace(httpd: PrivateHttpd, pems: Path) -> None:
    certificate, key = httpd.root / "x.crt", httpd.root / "x.key"
    certificate.write_bytes((pems / "rsa1.crt").read_bytes())
    key.write_bytes((pems / "rsa1.key").read_bytes())
    httpd.write("conf/tls.conf", "SSLEngine on\n" + pair(str(certificate), str(key)))
    assert found(httpd) == []
    files = FileSet()
    files.write(str(key), (pems / "rsa2.key").read_bytes())
    (message,) = found(httpd, files)
    assert message.text == f"certificate and private key from {certificate} and {key} do not match"
    files.write(str(certificate), (pems / "rsa2.crt").read_bytes())
    assert found(httpd, files) == []


def test_an_encrypted_key_is_left_out_and_nobody_is_asked(httpd: PrivateHttpd, pems: Path) -> None:
    httpd.write("conf/tls.conf", "SSLEngine on\n" + pair(f"{pems}/rsa1.crt", f"{pems}/locked.key"))
    assert found(httpd) == []


def test_what_is_no_file_is_left_out(httpd: PrivateHttpd, pems: Path) -> None:
    text = "SSLEngine on\n" + pair(f"{pems}/rsa1.crt", f"{pems}/rsa1.key")
    httpd.write("conf/tls.conf", text)
    instance = Instance.find(server_root=str(httpd.root), config_file=str(httpd.config_file))
    view = instance.view()
    for node in view.root.find("SSLCertificateKeyFile"):
        node.args = "pkcs11:token=x"
    assert mismatches(view, []) == []
