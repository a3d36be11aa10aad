# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module costs before it does anything: what is sent for it, and what it imports."""

from __future__ import annotations

import tempfile
from pathlib import Path

import ansible.modules.uri

from ansible_collections.webtier.apache_balancer.plugins.modules import balancer
from ansible_collections.webtier.apache_balancer.tests.bench.measure import (
    Goal,
    Measured,
    Row,
    by_turns,
    paired,
    timed,
)
from ansible_collections.webtier.apache_balancer.tests.bench.payload import Payload, memory
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import BODY, Proxy, vhost

_OURS = "webtier.apache_balancer.balancer"
_OTHER = "ansible.builtin.uri"
_MAIN = "def main():\n"


def _size(_pairs: int) -> Measured:
    """Compare what Ansible sends for a task of ``balancer`` with what it sends for one of ``uri``: the modules with all
    that they may import, packed, and their arguments. Both work: one has nothing to do, one fetches a page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with PrivateHttpd(folder / "httpd", *BALANCER, "authz_host") as httpd:
            proxy = Proxy(httpd).start(vhost("127.0.0.1", BODY))
            ours = Payload(folder / "ours", {_OURS: proxy.options("balancer", name="app")})
            theirs = Payload(folder / "theirs", {_OTHER: {"url": proxy.manager_url}})
            note = (
                f"memory of the process {memory(ours.peak())}, of the other {memory(theirs.peak())}"
            )
    return paired([ours.size / 1024], [theirs.size / 1024], [note])._replace(unit="kB")


def _start(pairs: int) -> Measured:
    """Compare how long Python runs until the first line in ``main``: the start of Python, unpacking what Ansible sent,
    and importing what the module imports at its head. Both modules end there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        payloads = [
            _ended_at_main(folder, "ours", str(balancer.__file__)),
            _ended_at_main(folder, "theirs", ansible.modules.uri.__file__),
        ]
        ours, theirs = (lambda payload=payload: timed(payload.run) for payload in payloads)
        return by_turns(ours, theirs, pairs * 3)


def _ended_at_main(folder: Path, name: str, module: str) -> Payload:
    source = Path(module).read_text(encoding="utf-8").replace(" -> None:", ":")
    assert _MAIN in source
    ended = source.replace(_MAIN, _MAIN + "    import os\n    os._exit(0)\n")
    (folder / f"{name}_start.py").write_text(ended)
    return Payload(folder / name, {f"{name}_start": {}}, f"--module-path={folder}")


ROWS = (
    Row("payload", "what is sent for a `balancer` task", f"`{_OTHER}`", Goal(1.0), _size),
    Row("start", "time before its first line runs", "the same", Goal(0.8), _start),
)
