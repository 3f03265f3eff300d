"""Answers to questions asked ahead are taken as far as they can be trusted."""

from __future__ import annotations

import pytest
from common.bus.jetstream import Stored, in_order


def answers(*sequences: int | None) -> list[Stored | None]:
    return [None if sequence is None else Stored("s", b"", sequence, 0) for sequence in sequences]


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ([], []),
        ([None, None], []),
        ([5, 6, 7, 8], [5, 6, 7, 8]),
        ([5, 9, 9, 9], [5, 9]),
        ([5, 6, None, None], [5, 6]),
        ([5, 8, 6, 7], [5]),
        ([5, None, 6, 7], [5]),
        ([None, 6], []),
    ],
)
def test_what_comes_after_a_replica_that_lags_is_left_for_the_next_look(
    asked: list[int | None], taken: list[int]
) -> None:
    assert [stored.sequence for stored in in_order(answers(*asked))] == taken
