# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change the code of a pure package in small ways, one at a time, and list the changes that no test notices.

Without FILE all of _balancer and _httpd are taken. A change has to be noticed by the tests of its own file or, failing
that, by those of both packages. No file is changed: each change is made in the memory of a process of its own. Where
the time is short, each file gets its share of it, and as many changes as that is enough for, chosen at random. What was
tried stands in .build/mutation, so that the next run goes on there, until the file or its tests change.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import hashlib
import importlib
import importlib.abc
import importlib.util
import os
import random
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from types import ModuleType
from typing import Any, Iterable, NamedTuple, Sequence

import pytest

HERE = Path.cwd()
BUILD = HERE / ".build" / "mutation"
CODE = Path("plugins/module_utils")
TESTS = Path("tests/unit") / CODE
PACKAGES = ("_balancer", "_httpd")
COLLECTION = "ansible_collections.webtier.apache_balancer"


class Tried(NamedTuple):
    """What came of one file: how many changes there are, how many were tried, and those that no test noticed, each as
    the difference it makes."""

    file: Path
    changes: int
    tried: int
    survivors: list[str]


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports *file* with another *code* than it has."""

    def __init__(self, file: Path, code: str) -> None:
        self._name = ".".join([COLLECTION, *file.with_suffix("").parts])
        self._file, self._code = file, code

    def find_spec(self, fullname: str, path: object, target: object = None) -> Any:
        """Return where *fullname* comes from if it is that file."""
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(HERE / self._file))

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed code as *module*."""
        exec(compile(self._code, str(HERE / self._file), "exec"), module.__dict__)


def notices(file: Path, code: str, tests: Iterable[Path], patience: int = 60) -> bool:
    """Whether *tests* fail, or have no end, where *file* has this *code*: none within *patience* seconds of processor
    time."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] != 0
    failed = 1
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        resource.setrlimit(resource.RLIMIT_CPU, (patience, patience))
        sys.meta_path.insert(0, Changed(file, code))
        failed = int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *map(str, tests)]))
    finally:
        os._exit(failed)


def session_of(file: Path, tests: Sequence[Path]) -> Path:
    """Return where the session of *file* is kept, as long as neither it nor its *tests* change."""
    content = b"".join(path.read_bytes() for path in (file, *tests))
    name = f"{file.parent.name}-{file.stem}-{hashlib.sha256(content).hexdigest()[:12]}.sqlite"
    return BUILD / name


def mutate(file: Path, deadline: float) -> Tried:
    """Try the changes of *file* until *deadline*.

    Raises :class:`SystemExit` where its tests fail without any change.
    """
    # Imported late: it has an environment of its own.
    from cosmic_ray.commands import init
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator
    from cosmic_ray.work_db import use_db
    from cosmic_ray.work_item import WorkResult

    own = TESTS / file.parent.name / f"test_{file.name}"
    steps = [[own if own.exists() else own.parent], [TESTS / package for package in PACKAGES]]
    source = file.read_text()
    session = session_of(file, sorted(own.parent.glob("*.py")))
    begun = session.exists()
    with use_db(session) as database:
        if not begun:
            if any(notices(file, source, tests) for tests in steps):
                raise SystemExit(f"{file}: its tests fail as it is")
            init([file], database, {})
        annotations = annotated(source)
        changes = [
            item
            for item in database.work_items
            if not any(begin <= item.mutations[0].start_pos < end for begin, end in annotations)
        ]
        done = {job for job, dummy in database.results}
        left = [item for item in changes if item.job_id not in done]
        random.shuffle(left)
        for item in left:
            if time.monotonic() >= deadline:
                break
            change = item.mutations[0]
            operator = get_operator(change.operator_name)(**change.operator_args)
            code = mutate_code(source, operator, change.occurrence)
            noticed = code is None or any(notices(file, code, tests) for tests in steps)
            outcome, diff = (
                ("killed", "") if noticed else ("survived", difference(file, source, code))
            )
            database.set_result(item.job_id, WorkResult("normal", None, outcome, diff))
        results = [result for dummy, result in database.results]
    survivors = [str(result.diff) for result in results if not result.is_killed]
    return Tried(file, len(changes), len(results), survivors)


def difference(file: Path, before: str, after: str) -> str:
    """Return what makes *after* of *before*, as a unified difference."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), str(file), str(file), lineterm="", n=1
    )
    return "\n".join(lines)


def annotated(code: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where the annotations of *code* begin and end: nothing evaluates them, so no change of them is one."""
    found = []
    for node in ast.walk(ast.parse(code)):
        for name in ("annotation", "returns"):
            each = getattr(node, name, None)
            if isinstance(each, ast.expr):
                end = each.end_lineno or each.lineno, each.end_col_offset or each.col_offset
                found.append(((each.lineno, each.col_offset), end))
    return found


def attempt(files: Sequence[Path], deadline: float) -> list[Tried]:
    """Try the changes of *files*, one file after the other; they share what is left of the time."""
    tried = []
    for number, file in enumerate(files):
        now = time.monotonic()
        tried.append(mutate(file, now + (deadline - now) / (len(files) - number)))
        print(row(tried[-1]), flush=True)
    return tried


def row(tried: Tried) -> str:
    """Return what came of a file as a row of the table."""
    name = f"{tried.file.parent.name}/{tried.file.name}"
    return f"| `{name}` | {tried.changes} | {tried.tried} | {len(tried.survivors)} |"


def main(arguments: Sequence[str]) -> int:
    """Try changes; 0 whatever survives, since some changes are none."""
    parser = argparse.ArgumentParser(
        prog="make mutation", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help=f"such as {CODE}/_httpd/text.py"
    )
    parser.add_argument(
        "--minutes", type=float, default=60, help="end after this time (default: 60)"
    )
    parser.add_argument(
        "--processes", type=int, default=2, help="how many files at once (default: 2)"
    )
    options = parser.parse_args(arguments)
    files = options.files or sorted(f for p in PACKAGES for f in (CODE / p).glob("*.py"))
    BUILD.mkdir(parents=True, exist_ok=True)
    # What Hypothesis finds out about a change is of no use afterwards.
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(BUILD / "hypothesis")
    sys.dont_write_bytecode = True
    # What each process needs is imported once.
    importlib.import_module("hypothesis")
    deadline = time.monotonic() + options.minutes * 60
    with ProcessPoolExecutor(options.processes) as pool:
        parts = [files[number :: options.processes] for number in range(options.processes)]
        running = [pool.submit(attempt, part, deadline) for part in parts]
        everything = sorted(tried for each in as_completed(running) for tried in each.result())
    survivors = BUILD / "survivors.diff"
    survivors.write_text("\n".join(each for tried in everything for each in tried.survivors))
    print("\n| file | changes | tried | not noticed |\n| --- | --- | --- | --- |")
    print("\n".join(map(row, everything)))
    print(f"\nWhat was not noticed: {survivors}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
