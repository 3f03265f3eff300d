"""A pricer on a bench: told what tests tell it, at the times they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import count
from typing import Any

from common.clock import NS_PER_MS, NS_PER_S
from common.core import Effect, Receipt
from common.events import (
    Book,
    BotConfig,
    FeedStatus,
    Level,
    Market,
    MarketStatus,
    OwnDepth,
    QuoteLevel,
    SourcePrice,
    TopOfBook,
)
from common.instruments import InstrumentKind

from pricer.library import Library
from pricer.service import Pricer
from pricer.sources.venues import Venues

T0_NS = 1_795_222_800 * NS_PER_S
EXPIRY_NS = T0_NS + 300 * NS_PER_S
OFFSET_NS = 250 * NS_PER_MS


class Harness:
    """A pricer and the shortest way to tell it things; time moves only when told."""

    def __init__(self, library: Library | None = None, venues: Venues | None = None) -> None:
        self.pricer = Pricer(library=library, venues=venues)
        self.pricer.epoch = 3
        self.now_ns = T0_NS
        self._numbers = count(1)

    def receipt(self, age_ns: int = 0) -> Receipt:
        return Receipt(self.now_ns, age_ns)

    def wait(self, seconds: float) -> Harness:
        self.now_ns += round(seconds * NS_PER_S)
        return self

    def bot(
        self,
        algo_id: str = "1",
        *,
        kind: str = "binary",
        revision: int = 1,
        removed: bool = False,
        **sections: Any,
    ) -> list[Effect]:
        document = {
            "instrument": {
                "venue": "degen",
                "series": ["BTC-5M", "ETH-5M"],
                "sources": {"BTC": [{"symbol": "BTCUSDT"}], "ETH": [{"symbol": "ETHUSDT"}]},
            }
        } | sections
        config = BotConfig(
            algo_id=algo_id,
            kind=kind,
            revision=revision,
            running=True,
            sections=document,
            removed=removed,
            actor="test",
            ts_ns=self.now_ns,
        )
        return list(self.pricer.on_bot(config, self.receipt()))

    def market(
        self, symbol: str = "BTC-5M-1", *, status: MarketStatus = MarketStatus.OPEN, epoch: int = 0, **changes: Any
    ) -> list[Effect]:
        fields: dict[str, Any] = {
            "underlying": symbol[:3],
            "series": symbol[:6],
            "strike": Decimal(60_000),
            "expiry_ns": EXPIRY_NS,
        } | changes
        market = Market(
            venue="degen",
            symbol=symbol,
            kind=InstrumentKind.BINARY,
            status=status,
            tick_size=Decimal("0.01"),
            ts_received_ns=self.now_ns,
            epoch=epoch,
            **fields,
        )
        return list(self.pricer.on_market(market, self.receipt()))

    def status(self, venue: str, *, epoch: int = 0, **changes: Any) -> None:
        fields: dict[str, Any] = {
            "connected": True,
            "silent_ns": 0,
            "clock_offset_ns": 0,
            "clock_known": True,
        } | changes
        self.pricer.on_status(FeedStatus(venue=venue, epoch=epoch, **fields), self.receipt())

    def statuses(self) -> None:
        self.status("binance")
        self.status("degen", clock_offset_ns=OFFSET_NS)

    def top(
        self,
        price: float = 60_000.0,
        symbol: str = "BTCUSDT",
        *,
        venue: str = "binance",
        epoch: int = 0,
        half_spread: float = 0.5,
    ) -> list[Effect]:
        top = TopOfBook(
            venue=venue,
            symbol=symbol,
            bid=price - half_spread,
            ask=price + half_spread,
            bid_size=1.0,
            ask_size=3.0,
            ts_event_ns=self.now_ns - 7,
            ts_received_ns=self.now_ns - 5,
            epoch=epoch,
        )
        return list(self.pricer.on_top(top, self.receipt()))

    def timer(self) -> list[Effect]:
        return list(self.pricer.on_timer(self.receipt()))

    def coin(
        self, venue: str, symbol: str, base: str, currency: str, status: MarketStatus = MarketStatus.OPEN
    ) -> list[Effect]:
        """Let a venue list a spot market."""
        market = Market(
            venue=venue,
            symbol=symbol,
            kind=InstrumentKind.SPOT,
            status=status,
            base=base,
            currency=currency,
            tick_size=Decimal("0.01"),
            ts_received_ns=self.now_ns,
        )
        return list(self.pricer.on_market(market, self.receipt()))

    def book(
        self,
        venue: str,
        symbol: str,
        bids: Iterable[tuple[float, float]],
        asks: Iterable[tuple[float, float]],
        *,
        age_ns: int = 0,
    ) -> list[SourcePrice]:
        """Hand a book in, prices and sizes best first, and return what is stated at the end of its burst."""
        self.hand_in(self.made(venue, symbol, bids, asks), age_ns=age_ns)
        return self.burst()

    def made(
        self, venue: str, symbol: str, bids: Iterable[tuple[float, float]], asks: Iterable[tuple[float, float]]
    ) -> Book:
        return Book(
            venue=venue,
            symbol=symbol,
            bids=[Level(*level) for level in bids],
            asks=[Level(*level) for level in asks],
            ts_event_ns=self.now_ns - 7,
            ts_received_ns=self.now_ns - 5,
        )

    def hand_in(self, book: Book, *, age_ns: int = 0) -> None:
        assert list(self.pricer.on_book(book, self.receipt(age_ns))) == [], "prices wait for the end of the burst"

    def burst(self) -> list[SourcePrice]:
        """End a burst."""
        return [each for each in self.pricer.after_burst(self.receipt()) if isinstance(each, SourcePrice)]

    def own(
        self, venue: str, symbol: str, bids: Mapping[int, int], asks: Mapping[int, int], *, too_many: bool = False
    ) -> list[SourcePrice]:
        """State own lots of a hundredth by price in ticks of a cent."""
        levels: Sequence[list[QuoteLevel]] = [
            [QuoteLevel(ticks, lots) for ticks, lots in side.items()] for side in (bids, asks)
        ]
        statement = OwnDepth(
            account="mm1",
            venue=venue,
            symbol=symbol,
            bids=levels[0],
            asks=levels[1],
            tick_size=Decimal("0.01"),
            lot_size=Decimal("0.01"),
            number=next(self._numbers),
            too_many=too_many,
        )
        list(self.pricer.on_own_depth(statement, self.receipt()))
        return self.burst()
