# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time along a drawing. Shared with the demo's report.

Private to this collection. Pure: numbers in, numbers out. Python 3.8 or later, because the demo uses it too.
"""

from __future__ import annotations

from typing import NamedTuple


class Scale(NamedTuple):
    """Time as it is drawn: from 0 at *left* to *end* (ms) at *right*, in SVG units."""

    end: float
    left: float
    right: float

    def x(self, at: float) -> float:
        """Return where a time (ms) is."""
        return round(
            self.left + min(max(at / self.end, 0.0), 1.0) * (self.right - self.left - 4), 1
        )


def ticks(end: float) -> list[tuple[float, str]]:
    """Return round times from 0 to *end* (ms), four to ten of them, each with what to write there."""
    step = 1.0
    while end / step > 10:
        step *= 2.5 if str(step).startswith("2") else 2
    unit, word = (1000.0, "s") if end >= 2000 else (1.0, "ms")
    return [(n * step, f"{n * step / unit:g} {word}") for n in range(int(end / step) + 1)]
