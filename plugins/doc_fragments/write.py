# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a change is proven and written. Mirrors ``write_options`` in module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment ``write``."""

    DOCUMENTATION = r"""
options:
  validate:
    description:
      - Whether to prove the whole configuration before anything is written. httpd is tested with the new files in
        place and, where namespaces are allowed, really started on them beside the running one.
      - With V(false) the files are written unproven. Use it only where no httpd can be run.
    type: bool
    default: true
  backup:
    description:
      - Whether to keep a copy of each file as it was. Backups lie in a private folder that httpd does not read.
    type: bool
    default: false
"""
