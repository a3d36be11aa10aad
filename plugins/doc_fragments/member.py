# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parameters of a member as options of a module, those excepted that it describes itself. Mirrors
``member_options`` in module_utils/_argspec.py."""

from __future__ import annotations

import re
from textwrap import dedent, indent

from .balancer import ModuleDocFragment as Balancer


class ModuleDocFragment:
    """Fragment ``member``."""

    DOCUMENTATION: str


_BEFORE, _MARK, _MEMBERS = Balancer.DOCUMENTATION.partition("    suboptions:\n")
_MEMBERS, _MARK, _AFTER = _MEMBERS.partition("  proxy_set:\n")
_EACH = re.split(r"(?m)^(?=\w+:$)", dedent(_MEMBERS))

# Not in the class: ansible-test reads documentation there without running it.
ModuleDocFragment.DOCUMENTATION = "options:\n" + "".join(
    indent(text.replace("O(members[].", "O("), "  ")
    for text in _EACH
    if text and not text.startswith(("url:", "route:", "loadfactor:"))
)
