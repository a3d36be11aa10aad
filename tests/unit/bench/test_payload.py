# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.webtier.apache_balancer.tests.bench.payload import Payload

WORKS = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule

AnsibleModule(argument_spec={}).exit_json(changed=False)
"""


def sent(folder: Path, source: str) -> Payload:
    """What Ansible sends for a module with *source*."""
    (folder / "empty.py").write_text(source)
    return Payload(folder / "payload", {"empty": {}}, f"--module-path={folder}")


def test_what_is_sent_is_run_again_for_its_time_and_for_its_memory(tmp_path: Path) -> None:
    payload = sent(tmp_path, WORKS)
    payload.run()
    assert payload.size == payload.file.stat().st_size
    assert 10 * 2**20 < payload.peak() < 100 * 2**20


def test_a_module_that_cannot_be_imported_has_no_time(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        sent(tmp_path, WORKS.replace("import Ansible", "import No")).run()


def test_a_module_that_ends_without_clearing_up_leaves_nothing_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    sent(
        tmp_path, WORKS.replace("AnsibleModule(", "import os\n\nos._exit(0)\nAnsibleModule(")
    ).run()
    assert not list(elsewhere.iterdir())
