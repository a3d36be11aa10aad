# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that nobody has signed but themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path


def made_certificate(path: Path) -> Path:
    """Make a file with a certificate and its key."""
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=x"]
    key = path.with_suffix(".key")
    files = ["-keyout", str(key), "-out", str(path)]
    subprocess.run(["openssl", *request, *files], check=True, capture_output=True, timeout=60)
    path.write_text(path.read_text() + key.read_text())
    return path
