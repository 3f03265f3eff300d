"""Every venue's stage: how each tiny venue is made to do the faults of the conformance suite."""

from __future__ import annotations

from typing import Any

from quoter.orders import Orders
from quoter.rehearsal.polymarket import (
    CHANNEL_URL,
    MARKET,
    PASSPHRASE,
    SECRET,
    URL,
    YES_TOKEN,
    PaperKeys,
    PaperOrder,
    PolymarketVenue,
)
from quoter.rehearsal.stage import S, Stage
from quoter.rehearsal.venue import Venue, VenueOrder
from quoter.venues.degen import DegenSession
from quoter.venues.degen_rest import ApiKey
from quoter.venues.polymarket import PolymarketSession

DEGEN_SECRET = "very-secret"  # noqa: S105  of a venue that does not exist


class DegenStage(Stage):
    """The Degen Terminal."""

    symbol = "BTC-5M-1795223100"
    secrets = (DEGEN_SECRET, "t.t.t")

    def __init__(self, **settings: Any) -> None:
        self.venue = Venue()
        orders = Orders()
        key = ApiKey("trade", "mm1-trade", DEGEN_SECRET, ("read", "trade", "cancel"))
        super().__init__(DegenSession(key, "http://venue", orders, **settings), orders, self.venue)

    def _order(self, order_id: int) -> VenueOrder:
        return self.venue.orders[str(order_id)]

    def resting(self) -> set[int]:
        ours = set(map(str, self.placed))
        return {int(each.client_order_id) if each.client_order_id in ours else 0 for each in self.venue.open_orders()}

    def accepted(self) -> list[Any]:
        return list(self.venue.orders)

    def fill(self, order_id: int, lots: int, *, told: bool = True) -> None:
        waiting = len(self.venue.frames)
        self.venue.fill(self._order(order_id), lots)
        if not told:
            del self.venue.frames[waiting:]
        if not self.hold:
            self.deliver()

    def fault(self, name: str, on: bool = True) -> None:
        venue = self.venue
        if name == "answers_lost":
            venue.mute = on
        elif name == "requests_lost":
            venue.deaf = on
        elif name == "login_refused":
            venue.status = 401 if on else 200
        elif name == "rate_limited":
            venue.refuse = venue.refuse_cancels = "rate_limited" if on else ""
        elif name == "second_refused":
            venue.refuse_nth = 1 if on else None
        else:
            assert name == "beats_lost", name
            venue.no_beats = on

    def stranger(self) -> None:
        self.venue.orders["77"] = stray = VenueOrder("77", "77", self.symbol, "bid", "yes", "0.40", 10, True)
        self.venue.tell_order(stray)
        if not self.hold:
            self.deliver()

    def repeat(self) -> None:
        self.venue.tell_fill(self.venue.fills[-1])
        self.deliver()


class PolymarketStage(Stage):
    """Polymarket."""

    symbol = MARKET
    lots = 10_000
    secrets = (SECRET, PASSPHRASE)

    def __init__(self, **settings: Any) -> None:
        self.venue = PolymarketVenue()
        orders = Orders()
        super().__init__(PolymarketSession(PaperKeys(), URL, CHANNEL_URL, orders, **settings), orders, self.venue)

    def start(self) -> None:
        super().start()
        # A market is made known by the first order for it, which is refused.
        if self.session.reconciled:
            self.place(1)
            self.wait(100)
            self.placed.clear()
            self.told.clear()

    def on_time(self) -> None:
        self.venue.time_s = self.now_ns // S

    def name_of(self, order_id: int) -> str:
        assert isinstance(self.session, PolymarketSession)
        known = self.session.own_book.by_id(order_id)
        return known.order_hash if known else ""

    def order(self, order_id: int) -> PaperOrder:
        return self.venue.orders[self.name_of(order_id)]

    def resting(self) -> set[int]:
        names = {self.name_of(order_id): order_id for order_id in self.placed}
        return {names.get(order.order_id, 0) for order in self.venue.open_orders()}

    def accepted(self) -> list[Any]:
        return self.venue.accepted

    def fill(self, order_id: int, lots: int, *, told: bool = True) -> None:
        waiting = len(self.venue.frames)
        self.venue.fill(self.order(order_id), lots / 100)
        if not told:
            del self.venue.frames[waiting:]
        if not self.hold:
            self.deliver()

    def fault(self, name: str, on: bool = True) -> None:
        venue = self.venue
        if name == "answers_lost":
            venue.mute = on
        elif name == "requests_lost":
            venue.deaf = on
        elif name == "login_refused":
            venue.statuses = {"": 401} if on else {}
        elif name == "rate_limited":
            venue.statuses = {"/orders": 429} if on else {}
        elif name == "second_refused":
            venue.refuse = {1: "invalid post-only order: order crosses book"} if on else {}
        else:
            assert name == "beats_lost", name
            venue.no_beats = on

    def stranger(self) -> None:
        stray = PaperOrder("0x" + "77" * 32, YES_TOKEN, "BUY", "0.4", 10_000_000, "GTC")
        self.venue.orders[stray.order_id] = stray
        self.venue.tell_order(stray, "PLACEMENT")
        if not self.hold:
            self.deliver()

    def repeat(self) -> None:
        self.venue.tell(self.venue.trades[-1])
        self.deliver()
