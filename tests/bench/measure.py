# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a comparison is measured: ours and theirs by turns, in one run on one machine.

Absolute times drift with the machine; the ratio of two that ran next to each other does not. So each ratio is
taken pair by pair, and the median of several is quoted, with the lowest and the highest.
"""

from __future__ import annotations

import statistics
import time
from typing import Any, Callable, NamedTuple, Sequence

#: does it once and returns the seconds it took, without what had to be prepared for it.
Once = Callable[[], float]


class Spread(NamedTuple):
    """Several figures of the same thing."""

    figures: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.figures)

    def __format__(self, spec: str) -> str:
        """Return the median, and in brackets the lowest and the highest."""
        low, high = min(self.figures), max(self.figures)
        return f"{self.median:{spec}} ({low:{spec}}-{high:{spec}})"


class Measured(NamedTuple):
    """What came of a comparison. *ours*, *theirs*: seconds, or what *unit* says; *ratio*: ours / theirs, pair by pair.
    *notes*: what else there is to say, such as memory. *failed*: how many requests did while ours was at work."""

    ours: Spread
    theirs: Spread
    ratio: Spread
    notes: tuple[str, ...] = ()
    unit: str = "s"
    failed: int = 0


def paired(ours: Sequence[float], theirs: Sequence[float], notes: Sequence[str] = ()) -> Measured:
    """Return figures that were taken in pairs as a comparison."""
    return Measured(Spread(tuple(ours)), Spread(tuple(theirs)), ratios(ours, theirs), tuple(notes))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return *ours* / *theirs*, pair by pair."""
    return Spread(tuple(first / second for first, second in zip(ours, theirs)))


class Goal(NamedTuple):
    """What the median of the ratio is to reach: at most *ratio* where *ours* / *theirs* is compared, or with *faster*
    at least *ratio* times as fast. Without a ratio, it is only reported. *none_fails*, instead of a ratio: no request
    may fail."""

    ratio: float | None = None
    faster: bool = False
    none_fails: bool = False

    def __str__(self) -> str:
        if self.none_fails:
            return "0 failed requests"
        if self.ratio is None:
            return "reported"
        return f">= {self.ratio:g} x as fast" if self.faster else f"<= {self.ratio:g} x"

    def shown(self, ratio: Spread) -> Spread:
        """Return *ratio* as this goal counts it."""
        return Spread(tuple(1 / each for each in ratio.figures)) if self.faster else ratio

    def reached(self, measured: Measured) -> bool:
        """Whether *measured* is what it is to be."""
        if self.none_fails:
            return not measured.failed
        if self.ratio is None:
            return True
        median = self.shown(measured.ratio).median
        return median >= self.ratio if self.faster else median <= self.ratio


def at_most(figure: float, limit: float) -> str:
    """Return what a note says behind a *figure* that has a *limit* of its own: nothing, if it is kept."""
    return "" if figure <= limit else ", missed"


class Row(NamedTuple):
    """A line of the table. *name*: to choose it by; *measure* takes how many pairs."""

    name: str
    what: str
    against: str
    goal: Goal
    measure: Callable[[int], Measured]


def by_turns(ours: Once, theirs: Once, pairs: int, notes: Sequence[str] = ()) -> Measured:
    """Return *ours* compared with *theirs* in so many *pairs*, after one of each that does not count."""
    ours()
    theirs()
    figures = []
    for number in range(pairs):
        # Which comes first changes, so that neither always runs on what the other left.
        if number % 2:
            second, first = theirs(), ours()
        else:
            first, second = ours(), theirs()
        figures.append((first, second))
    return paired(*zip(*figures), notes=notes)


def timed(function: Callable[[], Any]) -> float:
    """Return the seconds that *function* takes."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun
