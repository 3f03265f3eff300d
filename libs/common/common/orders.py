"""The life of an order: its states, the legal steps between them, and ids that never repeat."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final


class OrderState(StrEnum):
    """Where an order stands, as far as we know.

    UNKNOWN is its own case: a request went out and no answer came. The order counts as resting until the venue
    has been asked.
    """

    SUBMITTING = "submitting"
    LIVE = "live"
    CANCELLING = "cancelling"
    UNKNOWN = "unknown"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"

    terminal: bool
    """It rests no more. An attribute, and the steps a tuple: both are asked for dozens of times per tick."""
    following: tuple[OrderState, ...]
    """Where it may go from here."""

    def __init__(self, value: str) -> None:
        self.terminal = value in ("filled", "cancelled", "rejected")


# As in `common.instruments.sides`: a member is asked of its class at many times the cost.
SUBMITTING: Final = OrderState.SUBMITTING
LIVE: Final = OrderState.LIVE
CANCELLING: Final = OrderState.CANCELLING
UNKNOWN: Final = OrderState.UNKNOWN
FILLED: Final = OrderState.FILLED

LEGAL_STEPS: dict[OrderState, frozenset[OrderState]] = {
    OrderState.SUBMITTING: frozenset(
        {
            OrderState.LIVE,
            OrderState.CANCELLING,
            OrderState.UNKNOWN,
            OrderState.FILLED,
            OrderState.CANCELLED,
            OrderState.REJECTED,
        }
    ),
    OrderState.LIVE: frozenset({OrderState.CANCELLING, OrderState.UNKNOWN, OrderState.FILLED, OrderState.CANCELLED}),
    # A refused cancel puts the order back to LIVE; the venue may also have filled it meanwhile.
    OrderState.CANCELLING: frozenset(
        {OrderState.LIVE, OrderState.UNKNOWN, OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED}
    ),
    OrderState.UNKNOWN: frozenset(
        {
            OrderState.LIVE,
            OrderState.CANCELLING,
            OrderState.FILLED,
            OrderState.CANCELLED,
            OrderState.REJECTED,
        }
    ),
    # A fill can overtake the news of a cancel, never the other way round at the venue: the order was filled.
    OrderState.CANCELLED: frozenset({OrderState.FILLED}),
    OrderState.FILLED: frozenset(),
    OrderState.REJECTED: frozenset(),
}


for _state, _steps in LEGAL_STEPS.items():
    _state.following = tuple(_steps)


def may_step(current: OrderState, following: OrderState) -> bool:
    """Say whether an order may go from one state to another; staying is always allowed."""
    return current is following or following in current.following


EPOCH_BITS = 20
TIME_BITS = 30
COUNTER_BITS = 13
EPOCH_MAX = (1 << EPOCH_BITS) - 1
ORDER_ID_MAX = (1 << (EPOCH_BITS + TIME_BITS + COUNTER_BITS)) - 1
# Seconds are counted from 2025-01-01 00:00 UTC; without their highest bit, which hedges have, they last until 2042.
ORDER_TIME_ORIGIN_S = 1_735_689_600
HEDGE_BIT = 1 << (TIME_BITS + COUNTER_BITS - 1)
CHILD_BITS = 12
CHILDREN_MAX = (1 << CHILD_BITS) - 1
"""Children of one hedge parent."""
_PARENT_BITS = TIME_BITS + COUNTER_BITS - 1 - CHILD_BITS


class OrderIds:
    """Hand out 63-bit order ids made of the lease epoch, the second and a counter.

    Ids of a later epoch are larger than all of an earlier one, so a watchdog can name the orders of an expired
    epoch as one range. More than 8,192 ids in a second borrow the next second: ids stay unique and increasing.
    """

    def __init__(self, epoch: int) -> None:
        if not 0 < epoch <= EPOCH_MAX:
            raise ValueError(f"epoch: must be 1 to {EPOCH_MAX}, is {epoch}")
        self.epoch = epoch
        self._low = 0

    def next(self, now_ns: int) -> int:
        low, from_second = self._low + 1, (now_ns // 1_000_000_000 - ORDER_TIME_ORIGIN_S) << COUNTER_BITS
        self._low = low if low > from_second else from_second
        if self._low >= HEDGE_BIT:
            raise OverflowError(f"order ids: {TIME_BITS - 1} bits of seconds are used up")
        return (self.epoch << (TIME_BITS + COUNTER_BITS)) | self._low


def epoch_of(order_id: int) -> int:
    """Return the lease epoch an order id was made in."""
    return order_id >> (TIME_BITS + COUNTER_BITS)


def first_id_of(epoch: int) -> int:
    """Return the smallest id an epoch can make: every id below belongs to an earlier epoch."""
    return epoch << (TIME_BITS + COUNTER_BITS)


def hedge_child_id(epoch: int, parent_id: str, child: int, salt: int = 0) -> int:
    """Return the order id of a hedge parent's child, the same whoever computes it; no other order has one like it.

    Children are counted from 1. Where another parent's child has the id, the next salt gives another one.
    """
    if not 0 < child <= CHILDREN_MAX:
        raise ValueError(f"child: must be 1 to {CHILDREN_MAX}, is {child}")
    digest = hashlib.blake2b(f"{parent_id}/{salt}".encode(), digest_size=8).digest()
    parent = int.from_bytes(digest, "big") >> (64 - _PARENT_BITS)
    return (epoch << (TIME_BITS + COUNTER_BITS)) | HEDGE_BIT | (parent << CHILD_BITS) | child


def child_of(order_id: int) -> int:
    """Return which child of its parent a hedge's order is, from 1; 0 for any other order."""
    return order_id & CHILDREN_MAX if order_id & HEDGE_BIT else 0
