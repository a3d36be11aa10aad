# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run make targets one after the other, then say what passed: steps.py TARGET...

Every target is run, also after one that failed. The tests are counted in what the runners say at
their end; a target that says nothing countable is one test. The last line is the sum.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from typing import NamedTuple

# The closing lines of pytest, ansible-test and Molecule.
PYTEST = re.compile(r"=+ (.*) in [\d.]+s.* =+$")
PYTEST_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|deselected)")
ANSIBLE_TEST = re.compile(r'Running (sanity test ".*|\S+ integration test role)')
ANSIBLE_TEST_FAILED = re.compile(r"\w+: The (\d+) \w+ test\(s\) listed below \(out of \d+\) failed")
ANSIBLE_TEST_SKIPPED = re.compile(r"WARNING: Skipping .*test '?(\S+?)'? ")
MOLECULE = re.compile(r"\S+ +: actions=\d+ .*")
MOLECULE_COUNT = re.compile(r"(successful|failed|missing|skipped)=(\d+)")


class Count(NamedTuple):
    """How many tests of a step passed, failed and were skipped (not run, for a reason it gives)."""

    passed: int
    failed: int
    skipped: int


def count(output: list[str], success: bool) -> Count:
    """Count the tests in the output of one step."""
    said: dict[str, int] = {}
    names: list[str] = []
    bad: set[str] = set()
    passed_over: set[str] = set()
    for line in output:
        pairs: list[tuple[str, str]] = []
        if match := PYTEST.match(line):
            pairs = [(word, number) for number, word in PYTEST_COUNT.findall(match[1])]
        elif MOLECULE.match(line):
            pairs = MOLECULE_COUNT.findall(line)
        elif match := ANSIBLE_TEST_FAILED.match(line):
            pairs = [("failed", match[1])]
        elif match := ANSIBLE_TEST_SKIPPED.match(line):
            passed_over.add(match[1])
        elif match := ANSIBLE_TEST.match(line):
            names.append(match[1])
            bad.discard(match[1])  # tools/sanity may run all of them once more
        elif names and line.startswith(("ERROR: ", "FATAL: ")):
            bad.add(names[-1])
        for word, number in pairs:
            said[word] = said.get(word, 0) + int(number)

    failed = said.get("failed", 0) + said.get("error", 0) + said.get("errors", 0)
    # Molecule passes over a playbook it does not find; here it is there to be run.
    failed = max(failed, len(bad), 0 if failed else said.get("missing", 0), 0 if success else 1)
    skipped = said.get("skipped", 0) + said.get("deselected", 0) + len(passed_over)
    if names:
        passed = max(len(set(names)) - failed - len(passed_over), 0)
    elif said:
        passed = said.get("passed", 0) + said.get("successful", 0)
    else:
        passed = int(success)
    return Count(passed, failed, skipped)


def run(target: str) -> Count:
    """Run one target, show what it says, count its tests."""
    print(f"\n----- {target} " + "-" * (70 - len(target)), flush=True)
    output: list[str] = []
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    command = ["make", "--no-print-directory", target]
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            output.append(line.rstrip())
    return count(output, process.returncode == 0)


def said(number: Count) -> str:
    """The closing line."""
    line = f"{number.passed} passed, {number.failed} failed"
    return f"{line}, {number.skipped} skipped" if number.skipped else line


def main(targets: list[str]) -> int:
    """Run the targets; 0 when nothing failed."""
    rows: list[str] = []
    total = Count(0, 0, 0)
    for target in targets:
        start = time.monotonic()
        result = run(target)
        rows.append(f"{target:14} {time.monotonic() - start:5.0f} s   {said(result)}")
        total = Count(*map(sum, zip(total, result)))
    print("\n" + "-" * 77)
    print("\n".join(rows))
    print(f"\n{said(total)}")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
