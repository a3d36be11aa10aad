# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of one run: data alone.

Private to this collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._balancer.live import RUNTIME

if TYPE_CHECKING:
    from ._balancer.lint import Problem
    from ._balancer.model import Configuration
    from ._balancer.plan import Change
    from ._configuration import Target
    from ._fileset import Entry
    from ._generation import Loaded
    from ._live import Missed, Running

#: Of what is not written, nothing is to be proven.
UNCHANGED = "unchanged"


class Done(NamedTuple):
    """One change, and of which balancer it is; *vhost* where it is one of the running httpd."""

    balancer: str
    change: Change
    vhost: str | None = None


class Outcome(NamedTuple):
    """What came of a request. *not_reached*: running balancers that were to be changed and were not. *failure*: why the
    running httpd was not given all of it, after files were written; "" otherwise. *recovered*: what was put right
    beforehand, see :func:`recover`."""

    changes: list[Done]
    entries: list[Entry]
    validated: str
    problems: list[Problem]
    configuration: Configuration
    loaded: Loaded
    backup_files: dict[str, str]
    warnings: list[str]
    not_reached: list[Missed]
    reached: list[Running]
    targets: list[Target]
    failure: str
    recovered: list[str]

    @property
    def changed(self) -> bool:
        """Whether anything is, or in check mode would be, changed."""
        if self.entries or self.recovered:
            return True
        return any(each.change.layer == RUNTIME for each in self.changes)
