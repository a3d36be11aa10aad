# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed, side by side with what one would use instead: measures the rows of the table and prints it.

Nothing is judged: the exit status says only whether all rows could be measured. A goal that is missed stands in the
table as such.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from ansible.release import __version__ as ansible_version

from ansible_collections.webtier.apache_balancer.tests.bench.measure import Measured, Row
from ansible_collections.webtier.apache_balancer.tests.bench.rows import (
    documents,
    live,
    many,
    modules,
    payloads,
    roles,
    sessions,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import BINARY

#: the rows of the table, in their order.
ROWS: tuple[Row, ...] = (
    *modules.ROWS,
    *documents.ROWS,
    *live.ROWS,
    *roles.ROWS,
    *many.ROWS,
    *sessions.ROWS,
    *payloads.ROWS,
)


def machine() -> str:
    """Return date, versions and hardware in a line."""
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (
        f"{datetime.date.today()}, {_said(BINARY, '-v').split()[2]}, ansible-core {ansible_version}, Python"
        f" {platform.python_version()}, {', '.join(_others())}, {_processor()},"
        f" {len(os.sched_getaffinity(0))} processors, {pages / 2**30:.0f} GiB"
    )


def _others() -> list[str]:
    """Return what is measured beside us, with its versions."""
    # As the package ansible brings it.
    where = Path(sysconfig.get_path("purelib"), "ansible_collections", "community", "general")
    manifest = json.loads((where / "MANIFEST.json").read_text(encoding="utf-8"))
    ab = re.findall(r"Version (\S+)", _said("ab", "-V"))[0]
    return [
        f"community.general {manifest['collection_info']['version']}",
        f"ab {ab}",
        f"curl {_said('curl', '--version').split()[1]}",
    ]


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        names = [line.partition(":")[2].strip() for line in stream if line.startswith("model name")]
    return names[0] if names else platform.machine()


def line(row: Row, measured: Measured) -> str:
    """Return *row* as a line of Markdown."""
    ratio = row.goal.shown(measured.ratio)
    cells = [
        row.what,
        row.against,
        str(row.goal),
        f"{ratio:.3g}" + ("" if row.goal.reached(measured) else ", missed"),
        " / ".join(_shown(side.median, measured.unit) for side in (measured.ours, measured.theirs)),
        "; ".join(measured.notes),
    ]
    return "| " + " | ".join(cells) + " |"


def _shown(figure: float, unit: str) -> str:
    if unit != "s" or figure >= 1:
        return f"{figure:.3g} {unit}"
    return f"{figure * 1000:.3g} ms" if figure >= 1e-4 else f"{figure * 1e6:.3g} µs"


def main() -> int:
    """Measure what the arguments choose, and print the table; return the exit status."""
    known = {row.name: row for row in ROWS}
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="ROW", help=", ".join(known))
    parser.add_argument("--pairs", type=int, default=5, help="how many of each (default: 5)")
    parser.add_argument("--table", metavar="FILE", help="write the table to this file as well")
    options = parser.parse_args()
    unknown = set(options.names) - set(known)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    lines = [
        f"{machine()}:",
        "",
        "| what | against | to reach | reached: median (lowest-highest) | ours / theirs | notes |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    print(*lines, sep="\n", flush=True)
    for name in options.names or known:
        text = line(known[name], known[name].measure(options.pairs))
        print(text, flush=True)
        lines.append(text)
    if options.table:
        Path(options.table).write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
