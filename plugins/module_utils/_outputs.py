# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What httpd writes when it starts: logs, PidFile, sockets, shared memory.

Private to this collection.
"""

from __future__ import annotations

import os
import shlex
from typing import Iterator, Mapping, NamedTuple

from ._httpd.dump import View

# Directives whose argument (by number) is a file that httpd or a module writes.
_FILES = {
    "authncachesocache": 0,
    "cookielog": 0,
    "customlog": 0,
    "davlockdb": 0,
    "errorlog": 0,
    "fcgidprocesstablefile": 0,
    "forensiclog": 0,
    "globallog": 0,
    "heartbeatstorage": 0,
    "jklogfile": 0,
    "jkshmfile": 0,
    "ldapsharedcachefile": 0,
    "mutex": 0,
    "pidfile": 0,
    "scoreboardfile": 0,
    "scriptlog": 0,
    "scriptsock": 0,
    "secauditlog": 0,
    "secauditlog2": 0,
    "secdebuglog": 0,
    "sslsessioncache": 0,
    "sslstaplingcache": 0,
    "transferlog": 0,
    "wsgisocketprefix": 0,
}

# The same, where it is a directory.
_DIRECTORIES = {
    "cacheroot": 0,
    "fcgidipcdir": 0,
    "mdstoredir": 0,
    "passengerinstanceregistrydir": 0,
    "secdatadir": 0,
    "sectmpdir": 0,
}

# A start script makes these (Debian: apache2ctl, envvars).
_MADE = ("APACHE_RUN_DIR", "APACHE_LOCK_DIR")
_SCRATCH = ("/tmp", "/var/tmp")


class Outputs(NamedTuple):
    """What a start writes, and what it must still see there. All paths are absolute.

    ``directories``: where something is written. ``patterned``: where a logger makes directories
    by a pattern such as ``%Y``. ``made``: made by the start script where missing. ``files``: the
    files written, as far as they are known. ``needed``: files that the configuration names.
    ``configuration``: directories that configuration is read from.
    """

    directories: frozenset[str] = frozenset()
    patterned: frozenset[str] = frozenset()
    made: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()
    configuration: frozenset[str] = frozenset()


def outputs(view: View, environment: Mapping[str, str]) -> Outputs:
    """Return what a start with the configuration ``view`` writes."""
    files: set[str] = set()
    directories: set[str] = set(_SCRATCH)
    patterned: set[str] = set()
    needed: set[str] = set()
    made = {environment[name] for name in _MADE if environment.get(name)}
    # DefaultRuntimeDir is gone from the dump; PidFile is in it but for rare cases.
    runtime = os.path.dirname(view.pid_file)
    bases = [view.server_root, *{runtime, environment.get("APACHE_RUN_DIR", runtime)}]
    files.add(view.pid_file)
    for node in view.root.walk():
        name = node.name.lower()
        words = node.words
        number = _FILES.get(name, _DIRECTORIES.get(name))
        if number is None or number >= len(words):
            needed.update(os.path.join(view.server_root, word) for word in words)
            continue
        for path in _paths(words[number], bases):
            if "%" in path:
                patterned |= _before_pattern(path)
            elif name in _DIRECTORIES or name == "mutex" or path.endswith("/"):
                directories.add(path)
            else:
                files.add(path)
    directories |= made | {os.path.dirname(path) for path in files}
    directories |= {path for path in bases[1:] if path}
    return Outputs(
        frozenset(directories - {"/"}),
        frozenset(patterned - {"/"}),
        frozenset(made),
        frozenset(files),
        frozenset(needed),
        frozenset(os.path.dirname(path) for path in view.includes),
    )


def _paths(word: str, bases: list[str]) -> Iterator[str]:
    """Give the paths that ``word`` may stand for: ``path``, ``type:path(size)``, ``|program``.

    A relative one is relative to ServerRoot or to the runtime directory, as the directive has it.
    """
    if word.startswith("|"):
        try:
            pieces = shlex.split(word.lstrip("|$"))[1:]
        except ValueError:
            pieces = word.split()[1:]
        texts = [piece for piece in pieces if "/" in piece]
    else:
        kind, colon, rest = word.partition(":")
        texts = [(rest if colon and "/" not in kind else word).partition("(")[0]]
    for text in texts:
        if text and text != "/dev/null" and not word.startswith(("syslog", "journald")):
            for base in bases:
                yield os.path.normpath(os.path.join(base, text)) + "/" * text.endswith("/")


def _before_pattern(path: str) -> set[str]:
    """Return the directory in which the first part with a ``%`` is made."""
    return {path.partition("%")[0].rpartition("/")[0]}
