"""What rests at the Degen Terminal, and what happened there: asked over REST, needing no connection and no start."""

from __future__ import annotations

from common.orders import ORDER_ID_MAX

from quoter.venues.base import Resting, Since
from quoter.venues.conversation import Script
from quoter.venues.degen.rest import DegenRest


def asking_resting(rest: DegenRest, asked_at_ns: int, *, sweep: bool) -> Script[None]:
    """Tell what of the account rests, after cancelling all of it with `sweep`."""
    if not rest.token:
        yield from rest.login()
    gone = (yield from rest.cancel_below(ORDER_ID_MAX)) if sweep else []
    left = yield from rest.orders("open", 0)
    # What cannot be read may rest: it counts as an order that is not ours.
    unread = range(-len(left.bad), 0)
    found = frozenset([*(each.order_id for each in left.rows), *unread])
    yield Resting(found, frozenset(each.order_id for each in gone), asked_at_ns)


def asking_since(rest: DegenRest, after: int, asked_at_ns: int) -> Script[None]:
    """Tell executions, conversions and cash; nothing of it is reported as having happened."""
    if not rest.token:
        yield from rest.login()
    fills = yield from rest.fills(after)
    conversions = yield from rest.conversions(after)
    money = yield from rest.money()
    yield Since(
        after=after,
        fills=tuple(each for each in fills.rows if each.account_sequence > after),
        conversions=tuple(each for each in conversions.rows if each.account_sequence > after),
        unread=len(fills.bad) + len(conversions.bad),
        cash_total=money.main.total if money is not None else None,
        asked_at_ns=asked_at_ns,
    )
