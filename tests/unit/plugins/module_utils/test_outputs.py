# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.dump import View
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    from_document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._outputs import (
    Outputs,
    outputs,
)


def of(text: str, **environment: str) -> Outputs:
    view = View(
        root=from_document(Document.parse(text)),
        includes=["/etc/h/h.conf", "/srv/sites/a.conf"],
        modules=set(),
        server_root="/etc/h",
        pid_file="/run/h/h.pid",
        error_log="",
        defines={},
        user="",
        group="",
        warnings=[],
    )
    return outputs(view, environment)


def test_the_directory_of_the_pid_file_is_always_written() -> None:
    found = of("")
    assert "/run/h" in found.directories
    assert found.files == {"/run/h/h.pid"}
    assert found.configuration == {"/etc/h", "/srv/sites"}


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("ErrorLog /var/log/h/e.log", "/var/log/h/e.log"),
        ("CustomLog logs/a.log combined", "/etc/h/logs/a.log"),
        ("SSLSessionCache shmcb:/run/x/cache(512000)", "/run/x/cache"),
        ("ScriptSock sock/cgi", "/run/h/sock/cgi"),
        ('TransferLog "|/usr/bin/rotatelogs -l /var/log/r/a.log 86400"', "/var/log/r/a.log"),
        ("<VirtualHost *:80>\nErrorLog /var/log/v/e.log\n</VirtualHost>", "/var/log/v/e.log"),
    ],
)
def test_a_file_that_is_written_and_its_directory_are_known(line: str, path: str) -> None:
    found = of(line + "\n")
    assert path in found.files
    assert path.rpartition("/")[0] in found.directories


@pytest.mark.parametrize("log", ["syslog", "syslog:local1", "journald", "/dev/null"])
def test_a_log_that_is_no_file_adds_nothing(log: str) -> None:
    assert of(f"ErrorLog {log}\n") == of("")


def test_a_mutex_names_a_directory() -> None:
    assert "/run/mutex" in of("Mutex file:/run/mutex default\n").directories


def test_a_program_is_not_taken_for_a_log() -> None:
    found = of('ErrorLog "|/usr/bin/rotatelogs /var/log/r/a.log 5"\n')
    assert "/usr/bin" not in found.directories


def test_below_a_pattern_nothing_is_shown() -> None:
    found = of('CustomLog "|cronolog /var/log/c/%Y/%m/a.log" x\n')
    assert found.patterned == {"/var/log/c"}


def test_what_the_configuration_reads_is_needed() -> None:
    found = of("SSLCertificateFile tls/a.pem\nErrorLog /var/log/h/e.log\n")
    assert "/etc/h/tls/a.pem" in found.needed
    assert "/var/log/h/e.log" not in found.needed


def test_what_the_start_script_makes_is_made() -> None:
    found = of("", APACHE_RUN_DIR="/run/apache2", APACHE_LOCK_DIR="/run/lock/apache2")
    assert found.made == {"/run/apache2", "/run/lock/apache2"}
    assert found.made <= found.directories


def test_the_root_directory_is_never_covered() -> None:
    found = of("ErrorLog /e.log\n")
    assert "/" not in found.directories
