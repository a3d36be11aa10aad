# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was done to the collection and to httpd, counted, and said in one table at the end.

A test counts what it did: ``tally("points killed", 12)``. What was lost is counted by ``tally.lost``;
a test that loses anything fails as well. By default each test does a sample of its work;
``--full`` does all of it. Whatever is random starts from ``--seed``, which is always said: in a sample always
the same, so that it says the same of the same code, else another one each time.
"""

from __future__ import annotations

import collections
import datetime
import platform
import random
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest
from ansible.release import __version__ as ansible_version

from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import BINARY

LOST = "lost"
# The files whose tests take longest in full.
LONGEST = ("test_soak", "test_killed", "test_injection_by_plays", "test_fuzz")
COUNTS = pytest.StashKey["collections.Counter[str]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("reliability")
    group.addoption("--full", action="store_true", help="all of the work instead of a sample")
    group.addoption(
        "--seed",
        type=int,
        help="where randomness starts (default: 1, with --full another one each time)",
    )
    group.addoption(
        "--soak-minutes",
        type=float,
        metavar="N",
        help="how long the random walks go on (default: 60 with --full, else some steps)",
    )
    group.addoption(
        "--replay",
        metavar="FILE",
        help="the random walk whose steps are in this file, with its --seed",
    )
    group.addoption("--table", metavar="FILE", help="write the table to this file as well")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[COUNTS] = collections.Counter()
    if hasattr(config, "workerinput"):
        config.option.seed = config.workerinput["seed"]
    elif config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(2**32) if config.option.full else 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.full:
        # What takes longest begins first, and the others are done meanwhile.
        items.sort(key=lambda item: (*LONGEST, item.path.stem).index(item.path.stem))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["seed"] = node.config.option.seed


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tally"] = dict(session.config.stash[COUNTS])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[COUNTS].update(getattr(node, "workeroutput", {}).get("tally", {}))


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed: {config.option.seed} (the same again: --seed {config.option.seed})"


def table(config: pytest.Config) -> list[str]:
    """Return the table as lines of Markdown, losses last."""
    counts = config.stash[COUNTS]
    httpd = subprocess.run([BINARY, "-v"], capture_output=True, text=True, check=True, timeout=10)
    rows = sorted((what, number) for what, number in counts.items() if what != LOST)
    return [
        f"{datetime.date.today()}, {httpd.stdout.split()[2]}, ansible-core {ansible_version},"
        f" Python {platform.python_version()}, seed {config.option.seed}:",
        "",
        "| what | number |",
        "| --- | ---: |",
        *(f"| {what} | {number:,} |" for what, number in [*rows, (LOST, counts[LOST])]),
    ]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or not config.stash[COUNTS]:
        return
    lines = table(config)
    terminalreporter.section("reliability")
    for line in lines:
        terminalreporter.line(line)
    if config.option.table:
        Path(config.option.table).write_text("\n".join(lines) + "\n")


class Tally:
    """Counts into the table."""

    def __init__(self, counts: collections.Counter[str]) -> None:
        self._counts = counts

    def __call__(self, what: str, number: int = 1) -> None:
        """Count *number* more of *what* (plural, with a verb: "points killed")."""
        self._counts[what] += number

    def lost(self, number: int = 1) -> None:
        """Count what should not have been lost: an update, a file, a request, a secret."""
        self._counts[LOST] += number


@pytest.fixture(scope="session")
def tally(pytestconfig: pytest.Config) -> Tally:
    return Tally(pytestconfig.stash[COUNTS])


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether all of the work is wanted, not a sample."""
    return bool(pytestconfig.option.full)


@pytest.fixture()
def dice(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Iterator[random.Random]:
    """Randomness of this very test, the same again for the same seed."""
    yield random.Random(f"{pytestconfig.option.seed} {request.node.nodeid}")
