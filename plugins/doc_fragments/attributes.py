# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules support."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment ``attributes`` for modules that change, ``attributes.info`` for those that only read,
    ``attributes.reload`` for the one that reloads."""

    DOCUMENTATION = r"""
requirements:
  - Python 3.8 to 3.13 on the managed host
options: {}
attributes:
  check_mode:
    support: full
    description: Does everything except write; the new configuration is proven as well.
  diff_mode:
    support: full
    description: Returns the files before and after as text, and each change of the running httpd.
  platform:
    support: full
    description: The operating systems this runs on.
    platforms: posix
"""

    RELOAD = r"""
requirements:
  - Python 3.8 to 3.13 on the managed host
options: {}
attributes:
  check_mode:
    support: full
    description: Proves the configuration and says whether httpd would be reloaded.
  diff_mode:
    support: none
    description: Shows no difference; C(changes) lists the flags that were written to files.
  platform:
    support: full
    description: The operating systems this runs on.
    platforms: posix
"""

    INFO = r"""
requirements:
  - Python 3.8 to 3.13 on the managed host
options: {}
attributes:
  check_mode:
    support: full
    description: Only reads, so that it does the same in check mode.
  diff_mode:
    support: N/A
    description: Changes nothing.
  platform:
    support: full
    description: The operating systems this runs on.
    platforms: posix
"""
