# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One httpd: where it is, how it was started, what its configuration says, its signals.

Private to this collection. Nothing in here writes a file of the configuration.
"""

from __future__ import annotations

import os
import re
import signal
import time
from typing import Sequence

from . import _process as process
from ._httpd import dump, layout
from ._httpd.dump import Message, View
from ._httpd.errors import Expected
from ._httpd.modules import own_lbmethods
from ._httpd.text import decode, display
from ._process import Parent

# -t takes milliseconds; what may make it long is a name server that does not answer.
TEST_TIMEOUT = 20.0

_DUMPS = ("DUMP_CONFIG", "DUMP_RUN_CFG", "DUMP_INCLUDES", "DUMP_MODULES")
# "Configuration check failed", and that the host has no full name: not what is wrong.
_ASIDE = frozenset(("AH00014", "AH00557", "AH00558"))
_COMPILED_IN = re.compile(r'^ -D ([A-Z_]+)="(.*)"', re.M)
_PATH = re.compile(r"/[^\s'\",:;()<>]+")


class InstanceError(Expected):
    """Something keeps us from asking this httpd."""


class NotInstalled(InstanceError):
    """There is no httpd binary."""


class NoInfoModule(InstanceError):
    """This httpd has no mod_info.so, which shows the configuration as httpd understood it."""


class NoMainFile(InstanceError):
    """There is no main configuration file."""


class NoServerRoot(InstanceError):
    """There is no folder that paths start from."""


class TookTooLong(InstanceError):
    """httpd did not answer in time."""


class EndedBySignal(InstanceError):
    """httpd was killed, or crashed, before it had said what it makes of its configuration."""


class LacksPermission(InstanceError):
    """This user may not do what httpd must, such as reading a key.

    ``paths``: what may not be read, as far as it is known; ``messages``: what httpd said.
    """

    def __init__(self, paths: Sequence[str], messages: Sequence[Message] = ()) -> None:
        what = "no permission to read " + ", ".join(map(display, paths))
        if not paths:
            what = "no permission: " + "; ".join(map(said, messages))
        super().__init__(f"{what}; run as a user who may (become: true)")
        self.paths = list(paths)
        self.messages = list(messages)


class ConfigurationRefused(InstanceError):
    """``httpd -t`` refuses the configuration of ``main_file``. ``messages``: why, with file and line."""

    def __init__(self, messages: Sequence[Message], main_file: str) -> None:
        what = "; ".join(map(said, messages)) or "refused without a message"
        # Of what is missing, httpd does not say where.
        where = "" if any(one.file for one in messages) else f" (in {display(main_file)})"
        advice = ""
        if any("unknown lbmethod" in one.text for one in messages):
            advice = f". {own_lbmethods()}, each in a module lbmethod_NAME; correct the name, or enable its module"
        super().__init__(what + where + advice)
        self.messages = list(messages)


def said(message: Message) -> str:
    """Return ``message`` as one line of text: where, number, and what httpd said."""
    where = f"{message.file}:{message.line}: " if message.file else ""
    code = f"{message.code}: " if message.code else ""
    return display(f"{where}{code}{message.text}")


class Instance:
    """One httpd: ``binary``, ``arguments`` (-d -f -D -C -c) and ``environment`` of its start."""

    def __init__(
        self,
        binary: str,
        arguments: Sequence[str],
        environment: dict[str, str],
        facts: layout.Layout,
    ) -> None:
        self.binary = binary
        self.arguments = list(arguments)
        self._given = list(arguments)
        self.environment = environment
        self.layout = facts
        #: how long the last ``view`` took, in seconds.
        self.test_seconds = 0.0
        self._pid_file = ""

    @classmethod
    def find(
        cls,
        binary: str | None = None,
        server_root: str | None = None,
        config_file: str | None = None,
        defines: Sequence[str] = (),
    ) -> Instance:
        """Return the httpd meant: with no arguments, the distribution's.

        ``server_root`` (-d), ``config_file`` (-f) and ``defines`` (-D) are those a private
        instance is started with. Where its parent runs, arguments and environment are the
        parent's: with these it reads its configuration anew at a reload.
        """
        facts = _layout_of(binary)
        arguments: list[str] = []
        for option, values in (("-d", [server_root]), ("-f", [config_file]), ("-D", defines)):
            for value in values:
                arguments += [option, value] if value else []
        instance = cls(binary or facts.binary, arguments, {}, facts)
        parent = instance.parent()
        if parent is not None:
            instance.arguments = process.start_arguments(parent.pid) or arguments
            instance.environment = process.environment(parent.pid)
        if not instance.environment:
            instance._read_environment(server_root, private=bool(config_file))
        return instance

    def _read_environment(self, server_root: str | None, private: bool) -> None:
        """Take the environment that the start script or the service gives a stopped httpd."""
        root = server_root or self.layout.server_root
        environment = dict(process.CLEAN)
        if not private:
            environment["APACHE_CONFDIR"] = root
            script = self.layout.envvars or f"/etc/sysconfig/{self.layout.service}"
            own = os.path.join(root, os.path.basename(script))
            environment = process.sourced(own if os.path.exists(own) else script, environment)
            for name in ("APACHE_ARGUMENTS", "OPTIONS"):
                self.arguments += process.kept_arguments(environment.get(name, "").split())
        self.environment = environment
        # The start script makes it (apache2ctl); after a boot -t alone would miss it.
        runtime = environment.get("APACHE_RUN_DIR")
        if runtime and not os.path.isdir(runtime) and os.geteuid() == 0:
            os.makedirs(runtime, mode=0o755, exist_ok=True)

    # --- asking it -------------------------------------------------------------------------

    @property
    def lacking(self) -> str:
        """Say what is missing of an httpd that is not installed; empty if it is.

        Debian has the binary in a package of its own (apache2-bin), without any configuration.
        """
        if not _may_run(self.binary):
            return f"there is no httpd at {self.binary}"
        main = self.layout.config_file
        if self.main_file() == main and not os.path.exists(main) and self.parent() is None:
            return f"there is no {main} for {self.binary} to read (Debian has it in the package apache2)"
        return ""

    @property
    def installed(self) -> bool:
        """Whether there is a binary that may be run, and something for it to read."""
        return not self.lacking

    def command(self, *arguments: str) -> list[str]:
        """Return the command that runs this httpd as it is started, then ``arguments``."""
        return [self.binary, *self.arguments, *arguments]

    def dump_command(self, arguments: Sequence[str] | None = None) -> list[str]:
        """Return the one command that reads the configuration and shows all of it.

        With a dump httpd looks for fewer mistakes than with ``-t`` alone: files of certificates,
        for one, may be missing (AP_SQ_RM_CONFIG_DUMP, modules/ssl: ssl_cmd_check_file).
        ``arguments``: to be used instead of its own. Raises NotInstalled, NoInfoModule.
        """
        info = self.info_module()
        command = [self.binary, *(self.arguments if arguments is None else arguments)]
        command += ["-t", "-C", f"LoadModule info_module {info}"]
        for name in _DUMPS:
            command += ["-D", name]
        return command

    def info_module(self) -> str:
        """Return the path of mod_info.so. Raises NotInstalled, NoInfoModule."""
        lacking = self.lacking
        if lacking:
            raise NotInstalled(lacking)
        path = os.path.join(self.layout.modules_dir, "mod_info.so")
        if not os.path.exists(path):
            raise NoInfoModule(
                f"{path} is missing, by which httpd shows its configuration as it understood it; "
                "install that module (it need not be enabled)"
            )
        return path

    def view(self) -> View:
        """Return what httpd makes of its configuration as it stands.

        Raises NotInstalled, NoInfoModule, and what ``read`` raises.
        """
        command = self.dump_command()
        begin = time.monotonic()
        status, out, err = process.run(command, self.environment, TEST_TIMEOUT)
        self.test_seconds = time.monotonic() - begin
        return self.read(status, out, err)

    def read(self, status: int | None, stdout: bytes, stderr: bytes) -> View:
        """Return the View that ``dump_command`` printed; ``status`` None: it did not end in time.

        Raises NoMainFile, NoServerRoot, ConfigurationRefused, LacksPermission, TookTooLong, EndedBySignal.
        """
        if status is None:
            raise TookTooLong(f"httpd -t did not end within {TEST_TIMEOUT:g} s and was killed")
        errors = decode(stderr)
        if status < 0:
            raise EndedBySignal(
                f"httpd -t was ended by signal {-status}, so what it makes of its configuration is not known; run"
                " again"
            )
        if status == 0:
            view = dump.parse(decode(stdout), errors)
            for name in _DUMPS:
                view.defines.pop(name, None)
            theirs = [warning for warning in view.warnings if _loads_info_too(warning)]
            if theirs:
                view = view._replace(warnings=[w for w in view.warnings if w not in theirs])
            else:
                view.modules.discard("info_module")
            self._pid_file = view.pid_file
            _name_once(view)
            return view
        messages = dump.messages(errors)
        messages = [one for one in messages if one.code not in _ASIDE] or messages
        paths = out_of_reach(errors)
        if paths:
            raise LacksPermission(paths, messages)
        main = self.main_file()
        if f"Could not open configuration file {main}" in errors:
            raise NoMainFile(f"httpd.config_file: there is no {main}, which this httpd is to read")
        root = process.last(self.arguments, "-d")
        if root and not os.path.isdir(root):
            raise NoServerRoot(f"httpd.server_root: there is no folder {root}")
        raise ConfigurationRefused(messages, main)

    # --- the running one -------------------------------------------------------------------

    def parent(self) -> Parent | None:
        """Return the running parent process of this httpd, or None.

        It is the one that the PidFile of the last ``view`` names, if it is an httpd; else one that was started with
        the same binary and main file, and with the root and the names (-D) that were given: with the fewest others.
        """
        if not _may_run(self.binary):
            return None
        named = process.named_by(self._pid_file, self.binary) if self._pid_file else None
        if named:
            return named
        ours = filter(self._is_ours, process.parents(self.binary))
        return min(ours, key=lambda each: len(_names(each)), default=None)

    def _is_ours(self, parent: Parent) -> bool:
        theirs = process.start_arguments(parent.pid)
        pairs = [(self._main_file(theirs), self.main_file())]
        if process.last(self._given, "-d"):
            pairs.append((self._root(theirs), self._root(self._given)))
        same = all(os.path.realpath(a) == os.path.realpath(b) for a, b in pairs)
        return same and _names(parent).issuperset(process.values(self._given, "-D"))

    @property
    def pid_file(self) -> str:
        """The absolute path of PidFile, as of the last ``view``; before, as far as it is known."""
        if self._pid_file:
            return self._pid_file
        from_start = self.environment.get("APACHE_PID_FILE", "")
        if from_start or self.main_file() != self.layout.config_file:
            return from_start
        return self.layout.pid_file

    def signal(self, parent: Parent, number: signal.Signals) -> bool:
        """Send a signal to ``parent``; False if that process is no more."""
        if process.started(parent.pid) != parent.started:
            return False
        try:
            os.kill(parent.pid, number)
        except ProcessLookupError:
            return False
        return True

    def root(self) -> str:
        """Return the ServerRoot that it is started with (httpd(8): -d)."""
        return self._root(self.arguments)

    def _root(self, arguments: Sequence[str]) -> str:
        return os.path.abspath(process.last(arguments, "-d") or self.layout.server_root)

    def main_file(self) -> str:
        """Return the absolute path of the main configuration file."""
        return self._main_file(self.arguments)

    def _main_file(self, arguments: Sequence[str]) -> str:
        """Return the main file that httpd reads with these arguments (httpd(8): -d, -f)."""
        root = self._root(arguments)
        default = os.path.relpath(self.layout.config_file, self.layout.server_root)
        name = process.last(arguments, "-f") or default
        return os.path.abspath(os.path.join(root, name))


def _layout_of(binary: str | None) -> layout.Layout:
    """Return the layout of ``binary``, or of this host.

    A distribution's is known. Of any other, httpd itself says what it was built with.
    """
    known = layout.of_binary(binary) if binary else layout.pick(os.path.exists) or layout.DEBIAN
    if known is layout.DEBIAN:
        return known
    # Others put their httpd at the same path.
    if known is layout.REDHAT and os.path.exists(known.config_file):
        return known
    path = binary or (known or layout.SOURCE).binary
    if not _may_run(path):
        return known or _as_built(path, "")
    # What is compiled in; the configuration has no part in it and is not read.
    answer = process.run([path, "-V", "-f", "/dev/null"], process.CLEAN, TEST_TIMEOUT)
    return _as_built(path, decode(answer[1]))


def _names(parent: Parent) -> set[str]:
    """Return the names that ``parent`` was started with (-D)."""
    return set(process.values(process.start_arguments(parent.pid), "-D"))


def _may_run(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _as_built(binary: str, settings: str) -> layout.Layout:
    """Return the layout of a build from source, whose ``httpd -V`` says ``settings`` (server/main.c
    ``show_compile_settings``). That leaves out where the modules are: below the prefix, or else the ServerRoot."""
    built = dict(_COMPILED_IN.findall(settings))
    prefix = os.path.dirname(os.path.dirname(binary))
    root = built.get("HTTPD_ROOT") or prefix

    def path(name: str, default: str) -> str:
        return os.path.normpath(os.path.join(root, built.get(name) or default))

    config_file = path("SERVER_CONFIG_FILE", "conf/httpd.conf")
    pid_file = path("DEFAULT_PIDLOG", "logs/httpd.pid")
    folders = [os.path.join(base, "modules") for base in (prefix, root)]
    return layout.SOURCE._replace(
        binary=binary,
        server_root=root,
        config_file=config_file,
        envvars=os.path.join(os.path.dirname(binary), "envvars"),
        modules_dir=next(filter(os.path.exists, folders), folders[0]),
        ports_file=config_file,
        pid_file=pid_file,
        runtime_dir=os.path.dirname(pid_file),
        log_dir=os.path.dirname(path("DEFAULT_ERRORLOG", "logs/error_log")),
    )


def _name_once(view: View) -> None:
    """Let what was read under several names of one file, as links make them, stand under the first of these."""
    if len({_inode(path) for path in view.includes}) == len(view.includes):
        return
    first: dict[str, str] = {}
    names = {path: first.setdefault(os.path.realpath(path), path) for path in view.includes}
    for node in view.root.walk():
        node.file = names.get(node.file, node.file)


def _inode(path: str) -> object:
    try:
        info = os.stat(path)
    except OSError:
        return path
    return info.st_dev, info.st_ino


def _loads_info_too(warning: Message) -> bool:
    """Whether it says that the configuration itself loads mod_info, as ``dump_command`` does before."""
    return warning.code == "AH01574" and "info_module" in warning.text


def out_of_reach(text: str) -> list[str]:
    """Return the paths in ``text`` that exist, for all we know, and may not be read by us."""
    found = []
    for path in dict.fromkeys(_PATH.findall(text)):
        try:
            os.stat(path)
            if not os.access(path, os.R_OK):
                found.append(path)
        except PermissionError:
            found.append(path)
        except OSError:
            continue
    return found
