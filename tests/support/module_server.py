# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process with Ansible and the collection imported that forks one for each module to run: see modules.py.

A request is a message with four file descriptors: the standard streams of the module, and where its process id is to
be written, and when it has ended its exit status and the most memory it had. What is to be run comes through its
standard input.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from ansible.module_utils.testing import patch_module_args

PLUGINS = "ansible_collections.webtier.apache_balancer.plugins"


def import_all() -> None:
    """Import what modules import, early or late; nothing of it keeps a state."""
    root = Path(__file__).parents[2] / "plugins"
    for folder in ("module_utils", "modules"):
        for file in (root / folder).rglob("*.py"):
            parts = file.relative_to(root).with_suffix("").parts
            importlib.import_module(".".join((PLUGINS, *parts)))


def serve(requests: socket.socket) -> bool:
    """Fork for each request. Return True in each child, its standard streams in place; False when nobody asks more."""
    with selectors.DefaultSelector() as events:
        events.register(requests, selectors.EVENT_READ)
        while True:
            for key, dummy in events.select():
                if key.fileobj is not requests:
                    events.unregister(key.fileobj)
                    reap(key.fd, *key.data)
                    continue
                message, given, *_rest = socket.recv_fds(requests, 1, 4)
                if not message:
                    for pid, dummy in (key.data for key in events.get_map().values() if key.data):
                        os.killpg(pid, signal.SIGKILL)
                    return False
                *streams, status = given
                pid = os.fork()
                if not pid:
                    # Whoever of the two comes first: what it starts is to be of its group.
                    os.setpgid(0, 0)
                    for number, stream in enumerate(streams):
                        os.dup2(stream, number)
                    return True
                for stream in streams:
                    os.close(stream)
                os.setpgid(pid, pid)
                events.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, status))
                say(status, pid)


def reap(descriptor: int, pid: int, status: int) -> None:
    dummy, ended, usage = os.wait4(pid, 0)
    say(status, os.waitstatus_to_exitcode(ended), usage.ru_maxrss * 1024)
    os.close(status)
    os.close(descriptor)


def say(status: int, *numbers: int) -> None:
    # Who asked may be gone.
    with contextlib.suppress(BrokenPipeError):
        os.write(status, b" ".join(b"%d" % number for number in numbers) + b"\n")


def work() -> None:
    """Run the module that standard input asks for."""
    call = json.load(sys.stdin)
    os.environ.clear()
    os.environ.update(call["environment"])
    os.chdir(call["directory"])
    os.umask(call["umask"])
    module = importlib.import_module(f"{PLUGINS}.modules.{call['module']}")
    try:
        with patch_module_args(call["arguments"]):
            module.main()
    except SystemExit as end:
        leave(end.code)


def leave(code: Any) -> None:
    """End as Python does, without freeing all that was imported: that takes longer than what most modules do."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    import_all()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        forked = serve(listening)
    if forked:
        # Nothing of the server is left to the module.
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        work()
