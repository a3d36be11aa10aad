# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change the code of a pure package in small ways, one at a time, and list the changes that no test notices.

Without FILE all of _balancer and _httpd are taken. A change has to be noticed by the tests of its own file or, failing
that, by those of both packages. All happens on copies of the tree. Where the time is short, each file gets its share of
it, and as many changes as that is enough for, chosen at random. What was tried stands in .build/mutation, so that the
next run goes on there, until the file or its tests change.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Sequence

HERE = Path.cwd()
BUILD = HERE / ".build" / "mutation"
PROGRAM = HERE / ".build" / "venv-mutation" / "bin" / "cosmic-ray"
CODE = Path("plugins/module_utils")
TESTS = Path("tests/unit") / CODE
PACKAGES = ("_balancer", "_httpd")

# One pytest for each change. A test that takes longer than this hangs because of it.
CONFIGURATION = """\
[cosmic-ray]
module-path = "{file}"
timeout = 300.0
excluded-modules = []
test-command = "sh {test}"

[cosmic-ray.distributor]
name = "local"
"""
TEST = """\
set -e
export PYTHONPATH={parent} PYTHONDONTWRITEBYTECODE=1
run="{python} -m pytest -q -x -p no:cacheprovider"
$run {own}
$run {all}
"""


class Tried(NamedTuple):
    """What came of one file: how many changes there are, how many were tried, and those that no test noticed, each as
    the difference it makes."""

    file: Path
    changes: int
    tried: int
    survivors: list[str]


def copies(number: int) -> list[Path]:
    """Return *number* copies of the tree, each in a folder that Python finds it in."""
    made = subprocess.run(["tools/collection", "copy"], capture_output=True, text=True, check=True)
    source = HERE / made.stdout.split()[-1]
    name = source.relative_to(HERE / ".build" / "copy")
    shutil.rmtree(BUILD / "tree", ignore_errors=True)
    return [shutil.copytree(source, BUILD / "tree" / str(n) / name) for n in range(number)]


def session_of(file: Path, tests: Sequence[Path]) -> Path:
    """Return where the session of *file* is kept, as long as neither it nor its *tests* change."""
    content = b"".join(path.read_bytes() for path in (file, *tests))
    return (
        BUILD / f"{file.parent.name}-{file.stem}-{hashlib.sha256(content).hexdigest()[:12]}.sqlite"
    )


def call(tree: Path, *arguments: str | Path, patience: float | None = None) -> str:
    """Return what cosmic-ray printed; what it has not done after *patience* seconds is left for another time."""
    environment = {**os.environ, "PYTHONPATH": str(tree.parents[2])}
    with subprocess.Popen(
        [str(PROGRAM), *map(str, arguments)],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, dummy = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)  # with the tests that it runs
            return ""
    if process.returncode:
        raise SystemExit(f"cosmic-ray {arguments[0]} ended with {process.returncode}")
    return output


def mutate(tree: Path, file: Path, deadline: float) -> Tried:
    """Try the changes of *file* until *deadline*."""
    tests = TESTS / file.parent.name / f"test_{file.name}"
    own = [tests] if tests.exists() else [tests.parent]
    session = session_of(file, sorted(tests.parent.glob("*.py")))
    config, test = tree / "mutation.toml", tree / "mutation.sh"
    config.write_text(CONFIGURATION.format(file=file, test=test.name))
    test.write_text(
        TEST.format(
            parent=tree.parents[2],
            python=PROGRAM.with_name("python"),
            own=" ".join(map(str, own)),
            all=" ".join(str(TESTS / package) for package in PACKAGES),
        )
    )
    if not session.exists():
        # Else every change would be noticed, by a test that fails anyway.
        call(tree, "baseline", config.name)
        call(tree, "init", config.name, session)
        leave_out(session, annotated(file.read_text()))
    left = deadline - time.monotonic()
    if left > 0:
        call(tree, "exec", config.name, session, patience=left)
        # Where the time was over in the middle of one, it is changed still.
        shutil.copy(file, tree / file)
    return result_of(file, call(tree, "dump", session))


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


def leave_out(session: Path, places: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    """Remove the changes at *places* from *session*."""
    with contextlib.closing(sqlite3.connect(session)) as database:
        specs = database.execute("SELECT job_id, start_pos_row, start_pos_col FROM mutation_specs")
        for job, row, column in specs.fetchall():
            if any(begin <= (row, column) < end for begin, end in places):
                database.execute("DELETE FROM mutation_specs WHERE job_id = ?", (job,))
                database.execute("DELETE FROM work_items WHERE job_id = ?", (job,))
        database.commit()


def result_of(file: Path, dumped: str) -> Tried:
    """Return what a dump of cosmic-ray says."""
    items: list[tuple[dict[str, Any], dict[str, Any] | None]] = [
        json.loads(line) for line in dumped.splitlines()
    ]
    done = [result for dummy, result in items if result is not None]
    survivors = [str(r["diff"]) for r in done if r["test_outcome"] == "survived"]
    return Tried(file, len(items), len(done), survivors)


def attempt(tree: Path, files: Sequence[Path], deadline: float) -> Iterator[Tried]:
    """Try the changes of *files* in *tree*, one file after the other; they share what is left of the time."""
    for number, file in enumerate(files):
        now = time.monotonic()
        yield mutate(tree, file, now + (deadline - now) / (len(files) - number))


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
    trees = copies(options.processes)
    deadline = time.monotonic() + options.minutes * 60
    all_tried: list[Tried] = []

    def process(number: int) -> None:
        for tried in attempt(trees[number], files[number :: options.processes], deadline):
            all_tried.append(tried)
            print(row(tried), flush=True)

    with ThreadPoolExecutor(options.processes) as pool:
        list(pool.map(process, range(options.processes)))
    all_tried.sort()
    survivors = BUILD / "survivors.diff"
    survivors.write_text("\n".join(each for tried in all_tried for each in tried.survivors))
    print("\n| file | changes | tried | not noticed |\n| --- | --- | --- | --- |")
    print("\n".join(map(row, all_tried)))
    print(f"\nWhat was not noticed: {survivors}")
    return 0


def row(tried: Tried) -> str:
    """Return what came of a file as a row of the table."""
    name = f"{tried.file.parent.name}/{tried.file.name}"
    return f"| `{name}` | {tried.changes} | {tried.tried} | {len(tried.survivors)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
