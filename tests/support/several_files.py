# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of several files, as the role makes it: one of each kind, and each needs the others."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any, Mapping

from .private_httpd import BINARY, PrivateHttpd
from .traced import untraced

Picture = dict[str, tuple[str, object]]

MEMBERS = "<Proxy balancer://app>\n    BalancerMember http://127.0.0.1:1{}\n</Proxy>\n"
STATE = ".apache_balancer"
MEMORY = ".httpd.pid.apache_balancer"


class SeveralFiles:
    """The files of *httpd*; ``old`` and ``new`` are what stands there before and after the ``change``, a declaration
    for the module configuration. ``nothing``: another one, of what stands there anyway."""

    def __init__(self, httpd: PrivateHttpd) -> None:
        self.httpd = httpd
        self.root = httpd.root
        httpd.config_file.write_text(
            httpd.config_file.read_text() + "IncludeOptional enabled/*.conf\n"
        )
        httpd.write("conf/keep.conf", "# kept\n")
        httpd.write("conf/app.conf", MEMBERS.format(" route=a"))
        httpd.write("conf/gone.conf", "# gone\n")
        httpd.write("conf/secret.conf", "# secret\n")
        httpd.write("available/old.conf", "# old\n")
        (self.root / "enabled").mkdir()
        (self.root / "enabled/old.conf").symlink_to("../available/old.conf")
        self._trial = PrivateHttpd(self.root.with_name("trial"))
        self._started: list[Picture] = []
        self._copy = self.root.with_name("copy")
        shutil.copytree(self.root, self._copy, symlinks=True)
        instance = {"server_root": str(self.root), "config_file": str(httpd.config_file)}
        common = {"httpd": {"binary": BINARY, **instance}}
        keep = self.file("conf/keep.conf", content="# kept\n")
        self.nothing: dict[str, Any] = {**common, "files": [keep]}
        self.change: dict[str, Any] = {
            **common,
            "files": [
                self.file("conf/app.conf", content="# new\nInclude members/app.conf\n"),
                self.file("members/app.conf", content=MEMBERS.format(" route=b")),
                self.file("conf/secret.conf", content="# secret\n", mode="0600"),
                self.file("conf/gone.conf", state="absent"),
                self.file("enabled/old.conf", state="absent"),
                self.file("available/old.conf", state="absent"),
                self.file("available/new.conf", content="# new site\n"),
                self.file("enabled/new.conf", state="link", link="../available/new.conf"),
            ],
        }
        self.old = self.picture()
        assert self.run({**self.change, "validate": False})["changed"] is True
        self.new = self.picture()
        assert self.old != self.new
        self.reset()

    def file(self, name: str, **options: Any) -> dict[str, Any]:
        """Return the declaration of the file *name*."""
        return {"path": str(self.root / name), **options}

    def run(self, declared: Mapping[str, Any], check: bool = False) -> dict[str, Any]:
        """Return the result of the module configuration, which may not fail."""
        result = untraced("configuration", {**declared, "_ansible_check_mode": check})
        assert "msg" not in result, result
        return result

    def reset(self) -> None:
        """Let everything be as at the beginning; the log of the httpd that runs and its PidFile stay."""
        (self.root / "run" / MEMORY).unlink(missing_ok=True)
        for path in self.root.iterdir():
            if path.name in ("run", "logs"):
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        shutil.copytree(
            self._copy,
            self.root,
            symlinks=True,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("run", "logs"),
        )

    def picture(self) -> Picture:
        """Return all that stands there, hidden files too, but what the collection keeps for itself: mode and owner,
        content or target."""
        found: Picture = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if name.partition("/")[0] in ("run", "logs", STATE):
                continue
            info = path.lstat()
            content: object = None
            if path.is_symlink():
                content = os.readlink(path)
            elif path.is_file():
                content = path.read_bytes()
            found[name] = (f"{stat.filemode(info.st_mode)} {info.st_uid}:{info.st_gid}", content)
        return found

    def files(self, picture: Picture) -> Picture:
        """Return *picture* without its directories."""
        return {path: what for path, what in picture.items() if what[0][0] != "d"}

    def check_each(self) -> None:
        """Hold that at each path there is what was there before the change, or what it makes of it."""
        now = self.picture()
        for path in {*self.old, *self.new, *now}:
            assert now.get(path) in (self.old.get(path), self.new.get(path)), path

    def check_start(self) -> None:
        """Hold that httpd starts on what stands there, and reads nothing else. What it started on before is only read
        again."""
        done = subprocess.run(
            self.httpd.command("-t", "-D", "DUMP_INCLUDES"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert STATE not in done.stdout
        now = self.picture()
        if now not in self._started:
            self._start()
            self._started.append(now)

    def _start(self) -> None:
        """Start another httpd on these very files, beside the one that may run, and end it."""
        trial = self._trial
        main = self.httpd.config_file.read_text()
        listen = f"Listen 127.0.0.1:{self.httpd.port}\n"
        assert listen in main
        trial.config_file.write_text(main.replace(listen, f"Listen 127.0.0.1:{trial.port}\n"))
        # Where it writes.
        own = {
            "DefaultRuntimeDir": trial.pid_file.parent,
            "PidFile": trial.pid_file,
            "ErrorLog": trial.error_log,
        }
        given = (word for name, path in own.items() for word in ("-c", f"{name} {path}"))
        try:
            trial.start(*given)
        except subprocess.CalledProcessError:
            raise AssertionError(trial.log()) from None
        finally:
            trial.stop()

    def remains(self) -> set[str]:
        """Return what is left where the collection and the running httpd keep things, but what belongs there, and what
        the next run that writes takes the name of."""
        names = {path.name for path in (self.root / STATE).iterdir()}
        names |= {path.name for path in (self.root / "run").iterdir()}
        names = {name for name in names if not name.endswith(".new")}
        return names - {"lock", "proven", "httpd.pid", MEMORY}

    def processes(self) -> list[str]:
        """Return the command lines of the processes that use these files, but those of the running httpd."""
        own = {self.httpd.pid, *self.httpd.children()}
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.root) in line and int(path.parent.name) not in own:
                found.append(line)
        return found
