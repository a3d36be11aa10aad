# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the given requirements with the pip that comes with Python."""

from __future__ import annotations

import subprocess
import sys

# Options of the download this file stands in for; pip does not know them.
FOREIGN = ("--no-setuptools", "--no-wheel")

if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument not in FOREIGN]
    # In processes of their own: the caller has changed logging and the module search path.
    subprocess.run([sys.executable, "-m", "ensurepip"], check=True)
    subprocess.run([sys.executable, "-m", "pip", "install", *arguments], check=True)
