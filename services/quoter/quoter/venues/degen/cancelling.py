"""The Degen Terminal as a watchdog uses it: log in with a key that can only cancel, cancel, and look."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from quoter.venues.conversation import Script
from quoter.venues.degen.frames import CURRENCY, VENUE
from quoter.venues.degen.rest import ApiKey, DegenRest
from quoter.venues.venue import Swept


class DegenCancelSession:
    """One account's cancel-only session."""

    currency = CURRENCY

    def __init__(self, key: ApiKey, seed: int = 0, venue: str = VENUE) -> None:
        """`venue` is the name under which the platform knows the place."""
        self.name = venue
        self._rest = DegenRest(key, Random(seed), venue)

    def headers(self) -> Mapping[str, str]:
        return self._rest.headers()

    def log_in(self) -> Script[None]:
        if not self._rest.token:
            yield from self._rest.login()

    def sweep(self, below: int) -> Script[Swept]:
        gone = yield from self._rest.cancel_below(below)
        page = yield from self._rest.orders("open", 0)
        # What cannot be read may rest: each such row counts as an order without a number of its own.
        unread = range(-len(page.bad), 0)
        return Swept([each.order_id for each in gone], [*(each.order_id for each in page.rows), *unread])
