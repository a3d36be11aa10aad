# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the distributions put httpd and its files. Data only; nothing is looked up here.

Private to this collection.
"""

from __future__ import annotations

from typing import Callable, NamedTuple


class Layout(NamedTuple):
    """Where one distribution puts httpd and its files. Paths are absolute."""

    #: "debian", "redhat" or "source".
    name: str
    binary: str
    server_root: str
    config_file: str
    #: script with environment variables the configuration needs, read before httpd starts; None
    #: if there is none.
    envvars: str | None
    #: unit of the service manager; None if the distribution brings none.
    service: str | None
    #: where the loadable modules (``mod_*.so``) are.
    modules_dir: str
    #: how a module is enabled: "links" (from ``mods_enabled`` to ``mods_available``, dependencies
    #: in a ``# Depends:`` line of the ``.load`` file), or "drop-in" (a file with LoadModule lines
    #: in ``mods_enabled``), or "edit" (LoadModule lines of ``config_file``).
    module_style: str
    mods_available: str | None
    mods_enabled: str | None
    #: the file that holds the Listen lines.
    ports_file: str
    sites_available: str | None
    #: the folder whose ``*.conf`` files are read as sites; None if nothing is included by itself.
    sites_enabled: str | None
    pid_file: str
    runtime_dir: str
    log_dir: str


DEBIAN = Layout(
    name="debian",
    binary="/usr/sbin/apache2",
    server_root="/etc/apache2",
    config_file="/etc/apache2/apache2.conf",
    envvars="/etc/apache2/envvars",
    service="apache2",
    modules_dir="/usr/lib/apache2/modules",
    module_style="links",
    mods_available="/etc/apache2/mods-available",
    mods_enabled="/etc/apache2/mods-enabled",
    ports_file="/etc/apache2/ports.conf",
    sites_available="/etc/apache2/sites-available",
    sites_enabled="/etc/apache2/sites-enabled",
    pid_file="/var/run/apache2/apache2.pid",
    runtime_dir="/var/run/apache2",
    log_dir="/var/log/apache2",
)

REDHAT = Layout(
    name="redhat",
    binary="/usr/sbin/httpd",
    server_root="/etc/httpd",
    config_file="/etc/httpd/conf/httpd.conf",
    envvars=None,
    service="httpd",
    modules_dir="/etc/httpd/modules",
    module_style="drop-in",
    mods_available=None,
    mods_enabled="/etc/httpd/conf.modules.d",
    ports_file="/etc/httpd/conf/httpd.conf",
    sites_available=None,
    sites_enabled="/etc/httpd/conf.d",
    pid_file="/run/httpd/httpd.pid",
    runtime_dir="/run/httpd",
    log_dir="/var/log/httpd",
)

SOURCE = Layout(
    name="source",
    binary="/usr/local/apache2/bin/httpd",
    server_root="/usr/local/apache2",
    config_file="/usr/local/apache2/conf/httpd.conf",
    envvars="/usr/local/apache2/bin/envvars",
    service=None,
    modules_dir="/usr/local/apache2/modules",
    module_style="edit",
    mods_available=None,
    mods_enabled=None,
    ports_file="/usr/local/apache2/conf/httpd.conf",
    sites_available=None,
    sites_enabled=None,
    pid_file="/usr/local/apache2/logs/httpd.pid",
    runtime_dir="/usr/local/apache2/logs",
    log_dir="/usr/local/apache2/logs",
)

LAYOUTS = (DEBIAN, REDHAT, SOURCE)


def pick(exists: Callable[[str], bool]) -> Layout | None:
    """Choose the layout of a host.

    :param exists: tells whether a path exists there.
    :returns: the first layout whose binary is there; else the first whose main configuration file
        is, as left by a removed package; None if there is neither.
    """
    for layout in LAYOUTS:
        if exists(layout.binary):
            return layout
    for layout in LAYOUTS:
        if exists(layout.config_file):
            return layout
    return None


def of_binary(binary: str) -> Layout | None:
    """Give the layout a binary belongs to; None for one that no distribution put there."""
    for layout in LAYOUTS:
        if layout.binary == binary:
            return layout
    return None
