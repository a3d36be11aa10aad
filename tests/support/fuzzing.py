# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs without end, for a given time, made anew or by mutation of others, and none may take long; whether a reader's
time grows as its input does."""

from __future__ import annotations

import contextlib
import gc
import random
import signal
import time
from typing import Any, Callable, Iterable, Iterator

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

# Twice the input may take twice the time, four times is the beginning of never. As one measurement tells little, the
# input is made eight times as long: linear is 8, quadratic 64, and what lies in the middle (n ** 1.5) 22.6.
_TIMES, _MOST = 8, 16.0
_LEAST = 0.004
_LONG = 100_000
# Seconds of the processor that one input may take; what is linear takes a few hundredths of one.
_ENDLESS = 10


@contextlib.contextmanager
def no_endless_work() -> Iterator[None]:
    """End what takes many seconds of the processor, with an AssertionError."""

    def end(*dummy: object) -> None:
        raise AssertionError(f"it took {_ENDLESS} s of processor time")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, _ENDLESS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@st.composite
def mutated(draw: st.DrawFn, originals: SearchStrategy[str], pieces: SearchStrategy[str]) -> str:
    """One of *originals*, as it is or with up to three parts of it, of some length or none, replaced: by one of
    *pieces*, or by a part of another original."""

    def part(text: str) -> tuple[int, int]:
        start = draw(st.integers(0, len(text)))
        return start, start + draw(st.sampled_from([0, 1, 9, 99]))

    text = draw(originals)
    for dummy in range(draw(st.integers(0, 3))):
        start, stop = part(text)
        if draw(st.booleans()):
            new = draw(pieces)
        else:
            other = draw(originals)
            new = other[slice(*part(other))]
        text = text[:start] + new + text[stop:]
    return text


def fuzz(
    check: Callable[[Any], bool],
    inputs: SearchStrategy[Any],
    dice: random.Random,
    seconds: float,
    known: Iterable[Any] = (),
    batch: int = 25,
) -> tuple[int, int]:
    """Give *check* first what is *known* to be hard, then *inputs*, a *batch* at a time, until *seconds* are over.
    Return how many it was, and how many of them came to what is tested, as *check* says. The input that a failure is
    about is made as small as possible and shown; to take many seconds of the processor is one."""
    count = came = 0

    def counted(given_input: Any) -> None:
        nonlocal count, came
        count += 1
        with no_endless_work():
            came += check(given_input)

    for each in known:
        counted(each)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        run = settings(
            max_examples=batch,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(given(inputs)(counted))
        hypothesis.seed(dice.getrandbits(64))(run)()
    return count, came


def growth(read: Callable[[Any], object], make: Callable[[int], Any], size: int = 2000) -> float:
    """Return how many times the time of *read* is, when the input that *make* makes of a size is eight times as long.
    The input is made larger until its time can be measured."""
    while True:
        short = _spent(read, make(size))
        if short >= _LEAST or size > _LONG:
            break
        size *= 4
    return _spent(read, make(size * _TIMES)) / max(short, _LEAST)


def is_linear(read: Callable[[Any], object], make: Callable[[int], Any], size: int = 2000) -> bool:
    """Whether the time of *read* grows as its input does; measured again before it is denied."""
    return any(growth(read, make, size) < _MOST for dummy in range(3))


def _spent(read: Callable[[Any], object], given_input: Any) -> float:
    """Return the least time of the processor that *read* takes in two attempts, in seconds. Garbage is collected before
    and not meanwhile: how often that is done, and how long it takes, hangs on all that is in memory."""
    taken = []
    for dummy in range(2):
        gc.collect()
        gc.disable()
        try:
            begin = time.process_time()
            with no_endless_work():
                read(given_input)
            taken.append(time.process_time() - begin)
        finally:
            gc.enable()
    return min(taken)
