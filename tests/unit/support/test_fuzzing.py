# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import random
import re
import signal
import time
from typing import Sequence

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from ansible_collections.webtier.apache_balancer.tests.support import fuzzing


def endless(_given: object) -> bool:
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


def test_an_input_is_counted_and_whether_it_came_to_what_is_tested() -> None:
    seen = []

    def is_even(number: int) -> bool:
        seen.append(number)
        return number % 2 == 0

    count, came = fuzzing.fuzz(is_even, st.integers(), random.Random(1), 0.1, [1, 2, 4])
    assert seen[:3] == [1, 2, 4]
    assert count == len(seen) > 3
    assert came == sum(number % 2 == 0 for number in seen)


@settings(database=None, deadline=None)
@given(fuzzing.mutated(st.sampled_from(["abc", "DEF"]), st.just("-")))
def test_a_mutated_text_is_made_of_the_originals_and_the_pieces(text: str) -> None:
    assert set(text) <= set("abcDEF-")


@pytest.mark.parametrize("kind", ["abc", "abc-", "a-c", "-", "abcabc", ".*-.*-.*"])
def test_a_text_is_mutated_in_this_way_too(kind: str) -> None:
    texts = fuzzing.mutated(st.sampled_from(["abc", "DEF"]), st.just("-"))
    find(texts, lambda text: re.fullmatch(kind, text) is not None)


@pytest.mark.parametrize(("power", "expected"), [(1.0, True), (1.5, False)], ids=["n", "n^1.5"])
def test_time_that_grows_faster_than_the_input_is_noticed(
    power: float, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def read(size: int) -> None:
        nonlocal now
        now += size**power / 1e6

    monkeypatch.setattr(time, "process_time", lambda: now)
    assert fuzzing.is_linear(read, int) is expected
