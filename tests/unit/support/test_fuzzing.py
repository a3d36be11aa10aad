# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import random
import signal
from typing import Sequence

import pytest
from hypothesis import strategies as st

from ansible_collections.webtier.apache_balancer.tests.support import fuzzing


def endless(_given: object) -> None:
    while True:
        pass


@pytest.mark.parametrize("known", [[1], []], ids=["known", "found"])
def test_an_input_that_is_read_for_ever_is_a_failure(
    known: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzzing, "_ENDLESS", 0.2)
    before = signal.getsignal(signal.SIGPROF)
    with pytest.raises(AssertionError, match="of processor time"):
        fuzzing.fuzz(endless, st.just(1), random.Random(1), 1, known)
    assert signal.getsignal(signal.SIGPROF) is before
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
