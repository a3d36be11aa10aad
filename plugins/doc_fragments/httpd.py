# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which httpd is meant. Mirrors ``httpd_options`` in module_utils/_argspec.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment ``httpd``."""

    DOCUMENTATION = r"""
requirements:
  - httpd 2.4 with the file C(mod_info.so), which need not be enabled
  - the rights to read the configuration of httpd, mostly root
options:
  httpd:
    description:
      - Which httpd is meant. Without it, the one of the distribution, as it runs or would be started by its
        service. Needed for private instances.
    type: dict
    suboptions:
      binary:
        description:
          - The httpd program.
        type: path
      server_root:
        description:
          - C(ServerRoot), as given to httpd by C(-d).
        type: path
      config_file:
        description:
          - The main configuration file, as given to httpd by C(-f).
        type: path
      defines:
        description:
          - Names given to httpd by C(-D). Of several with one main file, the httpd that was started with all of them
            is meant.
        type: list
        elements: str
        default: []
"""
