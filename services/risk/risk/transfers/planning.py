"""How much of a currency is to be sent, and from where to where: a function of what accounts have and should have.

An account's deviation is what it has less its target. Something is sent when one is beyond its band: from the account
with the largest deviation to the one with the smallest, so much that neither passes its target. So every transfer
brings both nearer, and none is ever sent back for what another has done.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

ZERO = Decimal(0)


class Stock(NamedTuple):
    """What an account has of the currency and should have, in units of it."""

    account: str
    total: Decimal
    available: Decimal
    """Without what open orders reserve."""
    target: Decimal
    band: Decimal

    @property
    def deviation(self) -> Decimal:
        return self.total - self.target

    @property
    def beyond(self) -> bool:
        """Whether it has too much or too little by more than its band."""
        return abs(self.deviation) > self.band


class Bounds(NamedTuple):
    """How much may be sent at once, in units of the currency."""

    smallest: Decimal
    largest: Decimal
    left_today: Decimal
    kept: Decimal
    """What stays available in the account that pays."""
    unit: Decimal
    """The smallest part that both venues count."""


class Plan(NamedTuple):
    """What is to be sent, or why nothing is: `amount` is 0 then."""

    source: str = ""
    target: str = ""
    amount: Decimal = ZERO
    why: str = ""


def plan(stocks: Sequence[Stock], bounds: Bounds) -> Plan:
    """Return what brings the accounts nearest to their targets by one transfer."""
    if not any(each.beyond for each in stocks):
        return Plan(why="every account is within its band")
    source = max(stocks, key=lambda each: each.deviation)
    target = min(stocks, key=lambda each: each.deviation)
    if source.deviation <= 0 or target.deviation >= 0:
        side = "more" if source.deviation <= 0 else "less"
        return Plan(why=f"no account has {side} than its target")
    free = source.available - bounds.kept
    reasons = (
        (min(source.deviation, -target.deviation), "what is missing or left over"),
        (bounds.largest, "the largest transfer"),
        (bounds.left_today, "what the daily limit leaves"),
        (free, f"what {source.account} has available above what it keeps"),
    )
    least, because = min(reasons, key=lambda each: each[0])
    amount = floored(max(ZERO, least), bounds.unit)
    if amount < bounds.smallest:
        return Plan(why=f"{because}, {least:f}, is less than the smallest transfer, {bounds.smallest:f}")
    return Plan(source.account, target.account, amount)


def floored(amount: Decimal, unit: Decimal) -> Decimal:
    """Return an amount in whole units, rounded down."""
    return ((amount / unit).to_integral_value(ROUND_FLOOR) * unit).quantize(unit)
