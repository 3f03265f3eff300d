"""What rests at the Degen Terminal: asked over REST, with no connection and no start needed."""

from __future__ import annotations

from common.orders import ORDER_ID_MAX

from quoter.venues.base import Resting
from quoter.venues.conversation import Script
from quoter.venues.degen_rest import DegenRest


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
