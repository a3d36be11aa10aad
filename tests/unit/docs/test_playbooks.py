# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.options import (
    ROOT,
    playbook_variables,
)

# What is about the demo is in its own help.
PLAYBOOKS = sorted(set((ROOT / "playbooks").glob("*.yml")) - {ROOT / "playbooks" / "demo.yml"})
PAGE = (ROOT / "docs" / "playbooks.md").read_text()
SHOWN = set(re.findall(r"`(\w+)`", PAGE + (ROOT / "docs" / "verify.md").read_text()))


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda path: path.stem)
def test_every_variable_of_a_playbook_is_on_a_page(playbook):
    found = playbook_variables(playbook.stem)
    assert found - SHOWN == set() and found


def test_the_page_has_every_playbook_and_no_other():
    assert re.findall(r"(?m)^## (\w+)$", PAGE) != []
    assert set(re.findall(r"(?m)^## (\w+)$", PAGE)) == {path.stem for path in PLAYBOOKS}
