"""The source price of one spot bot, stated as its books move and again before it gets old."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from common.bots.spot import SourceAggregation, SpotBot
from common.clock import NS_PER_MS, NS_PER_S
from common.core import Sample
from common.events import BasePrice, Book, FxRate, SizedPrices, SourceBook, SourcePrice

from pricer.kind import Output
from pricer.sources.aggregation import BookSource, Source
from pricer.sources.episodes import Episode, Turn
from pricer.sources.spot import News, name_of
from pricer.spot.aggregation import depth
from pricer.spot.pricing import Priced, Pricing, Quotes, Recipe

RENEWED_NS = 200 * NS_PER_MS
"""A price that does not move is stated again this often, so that it does not get old."""
LASTS_NS = NS_PER_S
"""What is wrong with a price is told to people when it has lasted so long, and so is its end."""
LOOKED_NS = 100 * NS_PER_MS
"""How often it is looked for what there is to tell."""
NO_MARKET = "no open market"


class Known(NamedTuple):
    """The best prices that were usable last."""

    bid: float = 0.0
    ask: float = 0.0
    held_at_ns: int = 0
    """When the oldest of the books they are from was known to hold; 0 where there never were any."""
    ts_event_ns: int = 0
    ts_received_ns: int = 0
    """Of the newest of them."""


class SpotSource(Output):
    """What one bot's source costs, for every size it quotes."""

    def __init__(self, algo_id: str, config: SpotBot) -> None:
        self.algo_id = algo_id
        self.silent = NO_MARKET
        self._at: tuple[str, str] | None = None
        """Venue and symbol that the bot quotes; None while that market is not open."""
        self._refused = ""
        """Why no price can be made, whatever the books say."""
        self._books: tuple[BookSource, ...] = ()
        self._fx_books: tuple[BookSource, ...] = ()
        self._followed: tuple[BookSource, ...] = ()
        """Both."""
        self._inverse = False
        self._priced = Priced([], NO_MARKET)
        """As stated last."""
        self._known = Known()
        self._seen: list[int] = []
        self._stated_at_ns = 0
        self._looked_at_ns = 0
        self._unusable, self._thin = Episode(LASTS_NS), Episode(LASTS_NS)
        self._left_out: dict[BookSource, Episode] = {}
        self.configure(config)

    def configure(self, config: SpotBot) -> None:
        """Price so from now on."""
        self._name, self._pricing = config.instrument.instrument, Pricing(Recipe.of(config.pricer))
        self._stated_at_ns = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def sources(self) -> Sequence[Source]:
        return ()

    @property
    def books(self) -> Sequence[BookSource]:
        return self._followed

    # --- what it is made from ---------------------------------------------------------------------------------------

    def wait(self) -> None:
        """State nothing: what the bot quotes is not open."""
        self._at, self.silent = None, NO_MARKET
        self._follow((), ())

    def refuse(self, at: tuple[str, str], why: str) -> None:
        """State of a market that it cannot be priced, and why."""
        self._at, self._refused = at, why
        self._follow((), ())

    def hold(
        self, at: tuple[str, str], books: Iterable[BookSource], fx_books: Iterable[BookSource], *, inverse: bool
    ) -> None:
        """Price a market from these books from now on, converted by the best prices of these of the FX pair."""
        self._at, self._refused, self._inverse = at, "", inverse
        self._follow(tuple(books), tuple(fx_books))

    def _follow(self, books: tuple[BookSource, ...], fx_books: tuple[BookSource, ...]) -> None:
        if (*books, *fx_books) != self._followed:
            self._known = Known()
        self._books, self._fx_books, self._followed = books, fx_books, (*books, *fx_books)
        self._left_out = {book: self._left_out.get(book) or Episode(LASTS_NS) for book in self._followed}
        self._seen = []

    # --- prices -----------------------------------------------------------------------------------------------------

    def due(self, now_ns: int) -> bool:
        if self._at is None:
            return False
        return now_ns - self._stated_at_ns >= RENEWED_NS or self._versions() != self._seen

    def _versions(self) -> list[int]:
        return [book.version for book in self._followed]

    def prices_from(self, source: Source) -> bool:
        return False

    def values(self, now_ns: int, epoch: int) -> Sequence[SourcePrice]:
        """Return the price when it has moved, or is to be stated again."""
        if self._at is None:
            return ()
        self._seen = self._versions()
        if self._refused:
            priced = Priced([], self._refused)
        else:
            priced = self._pricing.price(self._books, self._fx_books, self._inverse, now_ns)
        if priced == self._priced and now_ns - self._stated_at_ns < RENEWED_NS:
            return ()
        self._priced, self._stated_at_ns, self.silent = priced, now_ns, priced.unusable
        # Each is looked up several times below.
        ages_ns = {book: _age_ns(book, now_ns) for book in self._followed}
        if not priced.unusable:
            used = self._used(priced)
            newest = max((each.book for each in used if each.book is not None), key=_received)
            oldest_ns = max([ages_ns[book] for book in used])
            self._known = Known(priced.bid, priced.ask, now_ns - oldest_ns, newest.ts_event_ns, newest.ts_received_ns)
        return (self._statement(self._at, priced, ages_ns, now_ns, epoch),)

    def forget(self) -> None:
        self._priced = Priced([], "halted")

    # --- the event --------------------------------------------------------------------------------------------------

    def _statement(
        self, at: tuple[str, str], priced: Priced, ages_ns: Mapping[BookSource, int], now_ns: int, epoch: int
    ) -> SourcePrice:
        known = self._known
        return SourcePrice(
            algo_id=self.algo_id,
            venue=at[0],
            symbol=at[1],
            bid=known.bid,
            ask=known.ask,
            fx_rate=1.0 if priced.rate is None else priced.rate.middle,
            age_ns=now_ns - known.held_at_ns if known.held_at_ns else 0,
            ts_event_ns=known.ts_event_ns,
            ts_received_ns=known.ts_received_ns,
            unusable=priced.unusable,
            sizes=SizedPrices(
                self.revision, self._based(priced, priced.bids, bids=True), self._based(priced, priced.asks, bids=False)
            ),
            books=[
                SourceBook(book.feed.venue, book.symbol, ages_ns[book], book.own_bids, book.own_asks, reason)
                for book, reason in zip(self._books, priced.reasons, strict=False)
            ],
            fx=self._fx(priced, ages_ns),
            epoch=epoch,
        )

    def _used(self, priced: Priced) -> list[BookSource]:
        return [book for book, reason in zip(self._followed, priced.reasons, strict=False) if not reason]

    def _based(self, priced: Priced, quotes: Quotes, *, bids: bool) -> list[BasePrice]:
        if None not in quotes.prices:
            return [BasePrice(each, amount) for each, amount in zip(quotes.prices, quotes.amounts, strict=True)]
        verb = "bid" if bids else "offered"
        recipe = self._pricing.recipe
        if recipe.how is SourceAggregation.REPLICATION:
            least = (recipe.buys if bids else recipe.sells).least
            return [BasePrice(None, amount, f"fewer than {least} levels are {verb}") for amount in quotes.amounts]
        used = [book for book, reason in zip(self._books, priced.reasons, strict=False) if not reason]
        shown = sum(depth(book.bids if bids else book.asks) for book in used)
        return [
            BasePrice(each, amount, "" if each is not None else f"{shown:g} are {verb}, up to {needed:g} are needed")
            for each, amount, needed in zip(quotes.prices, quotes.amounts, accumulate(quotes.amounts), strict=True)
        ]

    def _fx(self, priced: Priced, ages_ns: Mapping[BookSource, int]) -> FxRate | None:
        rate = priced.rate
        if rate is None:
            return None
        reasons = priced.reasons[len(self._books) :]
        used = [book for book, reason in zip(self._fx_books, reasons, strict=True) if not reason]
        bid_at = next(book for book in used if book.bids and book.bids[0].price == rate.bid)
        ask_at = next(book for book in used if book.asks and book.asks[0].price == rate.ask)
        return FxRate(
            symbol=bid_at.symbol,
            bid=rate.bid,
            ask=rate.ask,
            bid_venue=bid_at.feed.venue,
            ask_venue=ask_at.feed.venue,
            inverse=rate.inverse,
            age_ns=max(ages_ns[bid_at], ages_ns[ask_at]),
        )

    # --- for people -------------------------------------------------------------------------------------------------

    def news(self, now_ns: int) -> Sequence[News]:
        if self._at is None or now_ns - self._looked_at_ns < LOOKED_NS:
            return ()
        self._looked_at_ns = now_ns
        return list(self._news(self._priced, now_ns))

    def _news(self, priced: Priced, now_ns: int) -> Iterator[News]:
        turn = self._unusable.see(bool(priced.unusable), now_ns)
        if turn is not None:
            text = f"not priced: {priced.unusable}" if turn is Turn.BEGUN else "priced again"
            yield News("source_unusable", text, turn is Turn.ENDED)
        if priced.unusable:
            # The books it is short of, or does without, are told with the rest of it when there is a price again.
            return
        missing = _missing(priced)
        turn = self._thin.see(bool(missing), now_ns)
        if turn is not None:
            text = f"books are too thin for {missing}" if turn is Turn.BEGUN else "books suffice for all sizes again"
            yield News("source_thin", text, turn is Turn.ENDED)
        for book, reason in zip(self._followed, priced.reasons, strict=False):
            turn = self._left_out[book].see(bool(reason), now_ns)
            if turn is not None:
                text = (
                    f"{name_of(book)} is left out: {reason}" if turn is Turn.BEGUN else f"{name_of(book)} is used again"
                )
                yield News("source_left_out", text, turn is Turn.ENDED)

    def picture(self, now_ns: int) -> dict[str, Any]:
        priced = self._priced
        return {
            "silent": self.silent,
            "bid": self._known.bid,
            "ask": self._known.ask,
            "bids": [list(each) for each in zip(priced.bids.amounts, priced.bids.prices, strict=False)],
            "asks": [list(each) for each in zip(priced.asks.amounts, priced.asks.prices, strict=False)],
            "fx": None if priced.rate is None else priced.rate._asdict(),
            "books": {
                name_of(book): {
                    "age_ms": round(_age_ns(book, now_ns) / NS_PER_MS, 3),
                    "reason": reason,
                    "own": [book.own_bids, book.own_asks],
                }
                for book, reason in zip(self._followed, priced.reasons, strict=False)
            },
        }

    def samples(self, labels: dict[str, str]) -> Iterable[Sample]:
        priced = self._priced
        yield Sample("mm_spot_source_usable", "gauge", "1 while a spot bot has a source price", labels, not self.silent)
        short = sum(each is None for each in (*priced.bids.prices, *priced.asks.prices))
        yield Sample("mm_spot_source_sizes_missing", "gauge", "Sizes that books do not fill", labels, short)
        for book, reason in zip(self._followed, priced.reasons, strict=False):
            named = labels | {"source": name_of(book)}
            yield Sample("mm_source_up", "gauge", "1 while a source has a price", named, not reason)


def _received(book: Book) -> int:
    return book.ts_received_ns


def _age_ns(book: BookSource, now_ns: int) -> int:
    """Return how long it is since a book was known to hold; of one that is not to be used, since it arrived."""
    age_ns = book.age_ns(now_ns)
    if age_ns is None:
        return now_ns - book.arrived_at_ns if book.arrived_at_ns else 0
    return age_ns


def _missing(priced: Priced) -> str:
    """Return which sizes have no price, '' when all have one: 'buy 3, 4 and sell 4'."""
    sides = (("buy", priced.bids.prices), ("sell", priced.asks.prices))
    places = [(side, [str(place) for place, each in enumerate(prices, 1) if each is None]) for side, prices in sides]
    return " and ".join(f"{side} {', '.join(which)}" for side, which in places if which)
