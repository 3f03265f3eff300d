"""File descriptors: the bound is raised, and some are kept for what must be written."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator

import pytest
from common.machine.descriptors import RESERVED, Reserve, raise_limit


@pytest.fixture
def few_descriptors() -> Iterator[list[int]]:
    """A process that has opened every file it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 40, hard))
    taken: list[int] = []
    yield taken
    for each in taken:
        os.close(each)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def take_all(taken: list[int]) -> None:
    with contextlib.suppress(OSError):
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))


def test_r77_the_reserve_is_lent_and_held_again(few_descriptors: list[int]) -> None:
    reserve = Reserve()
    take_all(few_descriptors)
    with reserve.lent():
        opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(RESERVED)]
        for each in opened:
            os.close(each)
    with pytest.raises(OSError, match="Too many open files"):
        os.open(os.devnull, os.O_RDONLY)
    reserve.close()


def test_r77_the_bound_on_open_files_is_raised_as_far_as_it_goes() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
        assert raise_limit() == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
