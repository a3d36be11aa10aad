# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An httpd that reads a configuration (``-t``) and tells what it saw. No server is started.

Two of its answers are used:

* its dump of the configuration shows the lines it saw, joined and numbered, and the sections;
* mod_macro cuts the arguments of ``Use`` into words the way every directive has them cut, and
  the expansion shows them one by one. This is asked for with ``UnsetEnv``, which takes anything.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.dump import View, parse
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.lexer import (
    finished,
    statement,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.text import (
    decode,
    encode,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    MacroPosition,
)

BINARY = "/usr/sbin/apache2"
MODULES = "/usr/lib/apache2/modules"

LOADED = (
    *("mpm_event", "authz_core", "authz_host", "alias", "env", "headers", "macro"),
    *("proxy", "proxy_http", "proxy_balancer", "slotmem_shm", "lbmethod_byrequests"),
)


class Answer(NamedTuple):
    status: int
    stdout: str
    stderr: str

    @property
    def view(self) -> View:
        assert self.status == 0, self.stderr
        return parse(self.stdout, self.stderr)


class Reader:
    """An httpd that reads one file, included by a main configuration of its own."""

    def __init__(self, root: Path) -> None:
        self.file = root / "candidate.conf"
        self.main = root / "httpd.conf"
        lines = [
            f'ServerRoot "{root}"',
            f'DefaultRuntimeDir "{root}"',
            "PidFile httpd.pid",
            "ErrorLog error.log",
            "Listen 127.0.0.1:80",
            "ServerName main.test",
            *(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in LOADED),
            "Include candidate.conf",
        ]
        self.main.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def read(self, content: bytes) -> Answer:
        self.file.write_bytes(content)
        command = [BINARY, "-t", "-f", str(self.main)]
        command += ["-C", f"LoadModule info_module {MODULES}/mod_info.so"]
        for dump in ("CONFIG", "RUN_CFG", "INCLUDES", "MODULES"):
            command += ["-D", f"DUMP_{dump}"]
        # Nothing in the environment, since ${VAR} would read it.
        done = subprocess.run(command, capture_output=True, env={}, check=False, timeout=60)
        return Answer(done.returncode, decode(done.stdout), decode(done.stderr))

    def directives(self, text: str) -> list[tuple[int, str, str]]:
        """Line, name and arguments of what httpd found in a text."""
        root = self.read(encode(text)).view.root
        return [
            (node.line, node.name, node.args) for node in root.walk() if node.file == str(self.file)
        ]

    def words(self, texts: list[str]) -> list[list[str]]:
        """The words httpd finds in each text, which follows directly after the name of a macro.

        Only texts of one logical line each, without "%", of which the marks are made.
        """
        content = []
        for number, text in enumerate(texts):
            # mod_macro wants to know how many words there are; another number is an error.
            count = len(statement("Use x" + text).words) - 1
            marks = [f"%{i}%" for i in range(count)]
            content += [
                f"<Macro M{number} {' '.join(marks)}>\n",
                "".join(f"UnsetEnv |{mark}|\n" for mark in marks),
                "</Macro>\n",
                finished(f"Use M{number}" + text, "\n"),
            ]
        root = self.read(encode("".join(content))).view.root
        words: list[list[str]] = [[] for text in texts]
        for node in root.walk():
            position = MacroPosition.parse(node.file)
            if position is not None:
                words[int(position.name[1:])].append(node.args[1:-1])
        return words
