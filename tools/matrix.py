# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the collection on every ansible-core and Python that it is said to work with: matrix.py [--table FILE].

For each ansible-core and Python of the controller, the collection is built, installed and its documentation read, and
its ansible-test sanity is run; with each Python of a managed host, the playbooks of tests/matrix are run on a private
httpd. By each of these Pythons, module_utils are compiled and their unit tests run. What was printed on the way is in
.build/matrix/logs.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import functools
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterator, Mapping, NamedTuple, Sequence

HERE = Path.cwd()
BUILD = HERE / ".build" / "matrix"
LOGS = BUILD / "logs"
TESTS = HERE / "tests" / "matrix"
COLLECTION = "webtier.apache_balancer"


class Core(NamedTuple):
    """A version of ansible-core, the Pythons that run it, and those of managed hosts that it knows."""

    version: str
    controllers: tuple[str, ...]
    targets: tuple[str, ...]


MATRIX = (
    Core("2.16.19", ("3.11",), ("3.8", "3.9", "3.10", "3.11", "3.12")),
    Core("2.17.14", ("3.11",), ("3.11",)),
    Core("2.18.19", ("3.11",), ("3.11",)),
    Core("2.19.14", ("3.11",), ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")),
    Core("2.20.10", ("3.12",), ("3.12",)),
    Core("2.21.5", ("3.12", "3.13"), ("3.9", "3.10", "3.11", "3.12", "3.13")),
)

# In the table, the columns that are no Python, and the row that is no ansible-core.
DOCUMENTATION = "documentation"
SANITY = "sanity"
UNITS = "unit tests"

# What has the table: all from here on is written anew.
HEADING = "## The last run\n"

# /etc/apache2 is seen empty by whatever runs in it, as on a host before the package is installed.
EMPTY_PYTHON = """#!/bin/sh
exec unshare {user} --mount sh -c '! [ -d /etc/apache2 ] || mount -t tmpfs none /etc/apache2; exec "$@"' - {python} "$@"
"""
EMPTY = {
    "load_balancer_hosts": "empty_hosts",
    # As if the package manager had said that there is something to install.
    "load_balancer_package": [],
    "__load_balancer_empty_host": True,
}


class Failed(Exception):
    """A step of a combination failed."""


def version(text: str) -> tuple[int, ...]:
    """Return what orders versions."""
    return tuple(map(int, text.split(".")))


def find_python(wanted: str) -> Path:
    """Return the Python of this version: of pyenv, or on PATH."""
    root = os.environ.get("PYENV_ROOT", "")
    if not root and shutil.which("pyenv"):
        asked = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=True)
        root = asked.stdout.strip()
    found = [*Path(root or Path.home() / ".pyenv").glob(f"versions/{wanted}.*/bin/python")]
    on_path = shutil.which(f"python{wanted}")
    found = [*sorted(found, reverse=True), *([Path(on_path)] if on_path else [])]
    for candidate in found:
        # Asked, not only found: a version manager's stand-in may exist for a Python that does not.
        asked = subprocess.run([str(candidate), "-V"], capture_output=True, text=True, check=False)
        if f"{asked.stdout.strip()}.".startswith(f"Python {wanted}."):
            return candidate
    raise SystemExit(f"No Python {wanted}. Install it: pyenv install {wanted}")


def run(log: Path, command: Sequence[str | Path], **variables: str) -> str:
    """Return what *command* printed, which is added to *log*; raise Failed where it failed."""
    words = list(map(str, command))
    done = subprocess.run(
        words,
        env={**os.environ, "NO_COLOR": "1", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    with log.open("a") as file:
        file.write(f"$ {' '.join(words)}\n{done.stdout}\n")
    if done.returncode:
        raise Failed(f"{Path(words[0]).name} ended with {done.returncode}; see {log}")
    return done.stdout


def venv(name: str, python: Path, *requirements: str) -> Path:
    """Return the folder of programs of a virtual environment with *requirements*, made if it is not there as wanted."""
    folder = BUILD / name
    stamp = folder / "made-of"
    made_of = f"{python}\n" + "\n".join(requirements)
    if not stamp.exists() or stamp.read_text() != made_of:
        shutil.rmtree(folder, ignore_errors=True)
        log = LOGS / f"venv-{name}"
        run(log, [python, "-m", "venv", folder])
        pip = [f"{folder}/bin/python", "-m", "pip", "install", "--quiet"]
        run(log, [*pip, "--disable-pip-version-check", *requirements])
        stamp.write_text(made_of)
    return folder / "bin"


class Controller:
    """An ansible-core, run by one Python, that has the collection installed as users have it."""

    def __init__(self, core: Core, python: str, outside: Path) -> None:
        self.name = f"ansible-core-{core.version}-python-{python}"
        self._bin = venv(self.name, find_python(python), f"ansible-core=={core.version}")
        # Not in this tree, which may be in a folder ansible_collections: Ansible knows no path with two of them.
        self._collections = outside / self.name

    def ansible(self, log: Path, program: str, *arguments: str | Path, **variables: str) -> str:
        """Return what a program of Ansible printed."""
        roles = HERE / "tests" / "integration" / "targets"
        own = {
            "ANSIBLE_COLLECTIONS_PATH": str(self._collections),
            "ANSIBLE_HOME": str(BUILD / "ansible"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_ROLES_PATH": str(roles),
        }
        return run(log, [self._bin / program, *arguments], **own, **variables)

    def documentation(self) -> str:
        """Build and install the collection; read what is said of everything that has documentation."""
        log = LOGS / self.name
        copy = run(log, ["tools/collection", "copy"]).splitlines()[-1]
        galaxy = ("ansible-galaxy", "collection")
        self.ansible(log, *galaxy, "build", copy, "--output-path", self._collections)
        (archive,) = self._collections.glob("*.tar.gz")
        self.ansible(log, *galaxy, "install", "--offline", archive, "-p", self._collections)
        count = 0
        for kind, files in (
            ("module", "plugins/modules/*.py"),
            ("filter", "plugins/filter/*.py"),
            ("role", "roles/*"),
        ):
            names = {f"{COLLECTION}.{path.stem}" for path in HERE.glob(files)} - {"__init__"}
            listed = self.ansible(log, "ansible-doc", "-t", kind, "--list", "--json", COLLECTION)
            told = json.loads(listed[listed.index("{") :])
            if set(told) != names:
                raise Failed(f"ansible-doc --list: {sorted(set(told) ^ names)}; see {log}")
            text = self.ansible(log, "ansible-doc", "-t", kind, *sorted(names))
            # Older versions write names in capitals.
            if missing := [name for name in names if name not in text.lower()]:
                raise Failed(f"ansible-doc says nothing of {sorted(missing)}; see {log}")
            count += len(names)
        return f"{count} pages"

    def sanity(self) -> str:
        """Run ``ansible-test sanity`` of that ansible-core; return how many tests it has."""
        log = LOGS / f"{self.name}-sanity"
        programs = f"{self._bin}{os.pathsep}{os.environ['PATH']}"
        output = run(log, ["tools/sanity"], PATH=programs, ANSIBLE_HOME=str(BUILD / "ansible"))
        tests = set(re.findall('(?m)^Running sanity test "([^"]+)"', output))
        return f"{len(tests)} tests"

    def smoke(self, target: str) -> str:
        """Run the playbooks of tests/matrix with *target*, the Python of managed hosts."""
        name = f"{self.name}-target-{target}"
        log, folder = LOGS / name, BUILD / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        python, ports = find_python(target), free_ports(3)
        variables = {
            "smoke_folder": str(folder),
            "smoke_tests": str(TESTS),
            "smoke_ports": ports,
            "setup_private_httpd_port": ports[0],
            "smoke_python": str(python),
            "smoke_empty_python": str(empty_python(folder, python)),
        }
        given = ["-i", str(TESTS / "hosts.yml"), "--extra-vars"]

        def play(playbook: str | Path, *arguments: str, **more: object) -> str:
            said = json.dumps({**variables, **more})
            extra = {"ANSIBLE_ASYNC_DIR": str(folder / "async")}
            output = self.ansible(
                log, "ansible-playbook", playbook, *arguments, *given, said, **extra
            )
            if "[DEPRECATION WARNING]" in output:
                raise Failed(f"{playbook} does what will not work in later versions; see {log}")
            return output

        try:
            play(TESTS / "prepare.yml")
            if not changed(play(TESTS / "declare.yml")):
                raise Failed(f"the first run of declare.yml changed nothing; see {log}")
            if changed(play(TESTS / "declare.yml")):
                raise Failed(f"the second run of declare.yml changed something; see {log}")
            play(TESTS / "operate.yml")
            play(f"{COLLECTION}.load_balancer", "--check", "--diff", **EMPTY)
        finally:
            with contextlib.suppress(Failed):
                play(TESTS / "stop.yml")
        return "ok"


def changed(output: str) -> bool:
    """Whether the recap of a play tells of changes."""
    found = re.findall(r"^lb +: ok=\d+ +changed=(\d+) ", output, re.MULTILINE)
    if not found:
        raise Failed("no recap")
    return bool(found[-1] != "0")


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody holds, and that the kernel gives to no connection meanwhile."""
    found: list[int] = []
    for port in random.sample(range(12000, 32000), 1000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            break
    return found


def empty_python(folder: Path, python: Path) -> Path:
    """Return *python* as a program that sees no file of httpd's package."""
    user = "" if os.geteuid() == 0 else "--user --map-root-user"
    path = folder / "empty-python"
    path.write_text(EMPTY_PYTHON.format(user=user, python=python))
    path.chmod(0o755)
    return path


def units(target: str) -> str:
    """Compile module_utils and modules and run the tests of the former, by *target*; return how many passed."""
    python = find_python(target)
    programs = venv(f"target-{target}", python, "-r", "requirements/target.txt")
    log = LOGS / f"target-{target}"
    cache = {"PYTHONPYCACHEPREFIX": str(BUILD / f"target-{target}" / "pycache")}
    compiled = ["plugins/module_utils", "plugins/modules"]
    run(
        log,
        [programs / "python", "-W", "error", "-m", "compileall", "-q", "-f", *compiled],
        **cache,
    )
    tests = "tests/unit/plugins/module_utils"
    output = run(
        log,
        [programs / "python", "-m", "pytest", "-q", "--numprocesses=4", tests],
        **cache,
        PYTEST_ADDOPTS="",
    )
    return ", ".join(re.findall(r"\d+ (?:passed|skipped|deselected)", output.splitlines()[-1]))


class Cell(NamedTuple):
    """What came of one combination."""

    row: tuple[str, str]
    column: str
    result: str
    seconds: float


def cells(cores: Sequence[str], targets: Sequence[str], outside: Path) -> Iterator[Cell]:
    """Run every combination, narrowed to these; yield what came of each. Collections are installed *outside*."""
    jobs: list[tuple[tuple[str, str], str, Callable[[], str]]] = []
    for core in MATRIX:
        if cores and not any(f"{core.version}.".startswith(f"{each}.") for each in cores):
            continue
        for python in core.controllers:
            controller = Controller(core, python, outside)
            row = (core.version, python)
            jobs.append((row, DOCUMENTATION, controller.documentation))
            jobs.append((row, SANITY, controller.sanity))
            jobs += [
                (row, target, functools.partial(controller.smoke, target))
                for target in core.targets
                if not targets or target in targets
            ]
    known = sorted({target for core in MATRIX for target in core.targets}, key=version)
    jobs += [
        ((UNITS, ""), target, functools.partial(units, target))
        for target in known
        if not targets or target in targets
    ]
    for row, column, job in jobs:
        begin = time.monotonic()
        try:
            result = job()
        except Failed as problem:
            print(problem, flush=True)
            result = "FAILED"
        cell = Cell(row, column, result, time.monotonic() - begin)
        print(f"{' '.join(row):20} {column:14} {result}, {cell.seconds:.0f} s", flush=True)
        yield cell


def table(found: Sequence[Cell]) -> str:
    """Return what came of all combinations as a table."""
    targets = sorted({cell.column for cell in found} - {DOCUMENTATION, SANITY}, key=version)
    columns = [DOCUMENTATION, SANITY, *targets]
    said = {(cell.row, cell.column): f"{cell.result}, {cell.seconds:.0f} s" for cell in found}
    lines = [
        f"| ansible-core | controller | {' | '.join(columns)} |",
        f"|{' --- |' * (len(columns) + 2)}",
    ]
    for row in dict.fromkeys(cell.row for cell in found):
        each = [said.get((row, column), "") for column in columns]
        lines.append(f"| {' | '.join([*row, *each])} |")
    return "\n".join(lines) + "\n"


def circumstances(targets: Mapping[str, Path]) -> str:
    """Return when and with what the table was made."""
    httpd = subprocess.run(["/usr/sbin/apache2", "-v"], capture_output=True, text=True, check=True)
    exact = ", ".join(
        subprocess.run(
            [str(path), "-V"], capture_output=True, text=True, check=True
        ).stdout.split()[1]
        for path in targets.values()
    )
    today = datetime.date.today().isoformat()
    found = re.search(r"Apache/(\S+)", httpd.stdout)
    return f"{today}, httpd {found[1] if found else '?'}, Python {exact}.\n"


def main(arguments: Sequence[str]) -> int:
    """Run the matrix; 0 when nothing failed."""
    parser = argparse.ArgumentParser(
        prog="make matrix", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--core", action="append", help="only this ansible-core, such as 2.16")
    parser.add_argument("--target", action="append", help="only this Python of managed hosts")
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help=f"write {HEADING.strip()!r} of it"
    )
    options = parser.parse_args(arguments)
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    known = sorted({t for c in MATRIX for t in (*c.targets, *c.controllers)}, key=version)
    pythons = {each: find_python(each) for each in known}  # fails now where one is missing
    found: list[Cell] = []
    with tempfile.TemporaryDirectory() as outside:
        for cell in cells(options.core or (), options.target or (), Path(outside)):
            found.append(cell)
            made = f"{circumstances(pythons)}\n{table(found)}"
            if options.table:
                before = options.table.read_text() if options.table.exists() else ""
                options.table.write_text(f"{before.partition(HEADING)[0]}{HEADING}\n{made}")
    print(f"\n{made}")
    return 1 if any(cell.result == "FAILED" for cell in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
