"""The terms of configured symbols at real spot venues: asked symbol by symbol, and told as markets."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from common.core import Effect, HttpRequest
from common.errors import ContractError
from common.events import Alert, FeeCurrency, FeeTerms, Market, MarketStatus
from common.instruments import InstrumentKind
from feed.testing.harness import only
from feed.testing.stages import STAGES, Stage, dumped
from feed.upkeep import TERMS_EVERY_MS
from feed.venues.terms import AMOUNT_MAX, spot_listing
from hypothesis import given, settings
from hypothesis import strategies as st

VENUES = ("binance", "coinbase", "kraken")
ADDRESSES = {
    "binance": "https://x/api/v3/exchangeInfo?symbol=BTCUSDT&showPermissionSets=false",
    "coinbase": "https://x/products/BTC-USD",
    "kraken": "https://x/0/public/AssetPairs?pair=BTC%2FUSD",
}
TERMS = {
    "binance": ("USDT", "0.01", "0.00001", 1, "5", None),
    "coinbase": ("USD", "0.01", "0.00000001", 1, "1", None),
    "kraken": ("USD", "0.1", "0.00000001", 5_000, "0.5", ("0.0025", "0.004")),
}
ROUND_MS = 2 * TERMS_EVERY_MS
"""In which each of two symbols is asked about."""


class Lists:
    """A venue that answers about its first symbol what it is told to."""

    def __init__(self, venue: str) -> None:
        self.stage = STAGES[venue]()
        self.first, self.second = self.stage.symbols
        self._terms = self.stage.terms
        self.stage.terms = self._answer  # type: ignore[method-assign]
        self.change: Callable[[Any], None] = lambda document: None
        self.stage.serve(2_000)

    def now(self, change: Callable[[Any], None]) -> list[Effect]:
        """Let both symbols be asked about while the first one's answer is changed."""
        self.change = change
        return self.stage.serve(ROUND_MS)

    def _answer(self, symbol: str) -> Any:
        document = copy.deepcopy(self._terms(symbol))
        if symbol == self.first:
            self.change(document)
        return document


def told(effects: list[Effect]) -> list[tuple[str, MarketStatus]]:
    return [(market.symbol, market.status) for market in only(effects, Market)]


def row(document: Any) -> Any:
    """Return what an answer says of its symbol."""
    if "symbols" in document:
        return document["symbols"][0]
    return next(iter(document["result"].values())) if "result" in document else document


@pytest.mark.parametrize("venue", VENUES)
def test_each_configured_symbol_is_told_with_its_terms(venue: str) -> None:
    stage = STAGES[venue]()
    stage.serve(2_000)
    markets = {market.symbol: market for market in only(stage.rehearsal.effects, Market)}
    assert tuple(markets) == stage.symbols
    assert ADDRESSES[venue] in [ask.url for ask in only(stage.rehearsal.effects, HttpRequest)]
    market = markets[stage.symbols[0]]
    currency, tick, lot, min_lots, min_notional, fees = TERMS[venue]
    assert (market.kind, market.status, market.underlying) == (InstrumentKind.SPOT, MarketStatus.OPEN, "BTC")
    assert (market.base, market.currency, market.expiry_ns) == ("BTC", currency, 0)
    assert (market.tick_size, market.lot_size, market.min_lots) == (Decimal(tick), Decimal(lot), min_lots)
    assert market.min_notional == Decimal(min_notional)
    rates = [Decimal(rate) for rate in fees] if fees else []
    assert market.fees == (
        FeeTerms(maker_rate=rates[0], taker_rate=rates[1], currency=FeeCurrency.PRICE) if fees else None
    )
    assert market.instrument().quantity(min_lots) == Decimal(lot) * min_lots


@pytest.mark.parametrize("venue", VENUES)
def test_terms_are_asked_again_and_again_and_told_when_they_change(venue: str) -> None:
    lists = Lists(venue)
    assert told(lists.now(lambda document: None)) == [], "the same again is no news"
    tick = {"binance": "tickSize", "coinbase": "quote_increment", "kraken": "tick_size"}[venue]

    def coarser(document: Any) -> None:
        found = row(document)
        (found["filters"][0] if "filters" in found else found)[tick] = "0.5"

    (changed,) = only(lists.now(coarser), Market)
    assert (changed.symbol, changed.tick_size) == (lists.first, Decimal("0.5"))
    assert told(lists.now(coarser)) == []


HALTS: list[tuple[str, dict[str, Any]]] = [
    ("binance", {"status": "BREAK"}),
    ("binance", {"isSpotTradingAllowed": False}),
    ("coinbase", {"status": "delisted"}),
    *(("coinbase", {flag: True}) for flag in ("trading_disabled", "cancel_only", "post_only", "auction_mode")),
    *(("kraken", {"status": status}) for status in ("cancel_only", "post_only", "maintenance")),
]


@pytest.mark.parametrize(("venue", "changes"), HALTS)
def test_a_symbol_that_does_not_trade_is_not_open_and_its_book_is_followed_on(
    venue: str, changes: dict[str, Any]
) -> None:
    lists = Lists(venue)
    assert told(lists.now(lambda document: row(document).update(changes))) == [(lists.first, MarketStatus.LISTED)]
    assert lists.first in lists.stage.rehearsal.feed.followed
    assert lists.stage.rehearsal.status().stale_symbols == []
    assert told(lists.now(lambda document: None)) == [(lists.first, MarketStatus.OPEN)]


NO_SUCH_SYMBOL = {
    "binance": (400, b'{"code":-1121,"msg":"Invalid symbol."}'),
    "coinbase": (404, b'{"message":"NotFound"}'),
    "kraken": (200, b'{"error":["EQuery:Unknown asset pair"]}'),
}


def answered(lists: Lists, status: int, body: bytes) -> list[Effect]:
    """Let the venue answer so about its first symbol, and in its usual way about everything else."""
    stage, effects = lists.stage, list[Effect]()
    usual = stage._answer_question
    path = ADDRESSES[next(name for name in VENUES if type(stage) is STAGES[name])]

    def question(ask: HttpRequest) -> list[Effect]:
        return stage.rehearsal.answer(ask, body, status) if ask.url == path else usual(ask)

    stage._answer_question = question  # type: ignore[method-assign]
    effects += stage.serve(ROUND_MS)
    stage._answer_question = usual  # type: ignore[method-assign]
    return effects


@pytest.mark.parametrize("venue", VENUES)
def test_a_symbol_that_the_venue_lists_no_more_is_closed_and_may_come_back(venue: str) -> None:
    lists = Lists(venue)
    assert told(answered(lists, *NO_SUCH_SYMBOL[venue])) == [(lists.first, MarketStatus.CLOSED)]
    assert told(answered(lists, *NO_SUCH_SYMBOL[venue])) == [], "once"
    assert told(lists.now(lambda document: None)) == [(lists.first, MarketStatus.OPEN)]


@pytest.mark.parametrize("venue", VENUES)
def test_a_configured_symbol_that_was_never_listed_is_told_to_a_person_and_leaves_out_no_other(venue: str) -> None:
    stage_type: Any = STAGES[venue]

    class Without(stage_type):  # type: ignore[misc]
        """The venue without its first symbol."""

        def _answer_question(self, ask: HttpRequest) -> list[Effect]:
            if ask.url == ADDRESSES[venue]:
                status, body = NO_SUCH_SYMBOL[venue]
                return list(self.rehearsal.answer(ask, body, status))
            return list(super()._answer_question(ask))

    stage: Stage = Without()
    stage.serve(2_000)
    assert told(stage.rehearsal.effects) == [(stage.symbols[1], MarketStatus.OPEN)]
    (alert,) = only(stage.rehearsal.effects, Alert)
    assert alert.text == f"here: {stage.symbols[0]} is left out: the venue lists no such symbol"


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(
    ("status", "body"), [(0, b""), (500, b""), (400, b"{}"), (400, b"oops"), (200, b'{"error":["EService:Busy"]}')]
)
def test_an_answer_without_terms_closes_nothing(venue: str, status: int, body: bytes) -> None:
    lists = Lists(venue)
    assert told(answered(lists, status, body)) == []
    assert lists.stage.rehearsal.feed.listings.markets.status(lists.first) is MarketStatus.OPEN


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(document, dict | list):
        for key, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield (*path, key)
            yield from places(value, (*path, key))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_spoilt_terms_leave_out_their_own_symbol_at_most(data: st.DataObject) -> None:
    venue = data.draw(st.sampled_from(VENUES))
    lists = Lists(venue)
    path = data.draw(st.sampled_from(list(places(lists._terms(lists.first)))))
    values = [None, [], {}, "", "x", "-1", "NaN", "1e400", -1, 0, 10**30, ["0"], {"a": 1}, "9" * 5_000]
    value = data.draw(st.sampled_from(values))

    def spoil(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    effects = lists.now(spoil)
    assert {symbol for symbol, _ in told(effects)} <= {lists.first}
    assert lists.stage.rehearsal.feed.listings.markets.status(lists.second) is MarketStatus.OPEN
    assert lists.stage.rehearsal.status().stale_symbols == []
    assert lists.stage.rehearsal.feed.reconnects == 0


amounts = st.decimals(0, 10**16, places=8)


@given(tick=amounts, lot=amounts, smallest=amounts, notional=amounts)
def test_terms_are_an_instrument_or_are_refused_and_the_smallest_order_never_falls_short(
    tick: Decimal, lot: Decimal, smallest: Decimal, notional: Decimal
) -> None:
    try:
        listing = spot_listing(
            "X", base="BTC", quote="USD", tick=tick, lot=lot, smallest=smallest, min_notional=notional, trading=True,
            ts_ns=1,
        )  # fmt: skip
    except ContractError:
        assert min(tick, lot) == 0 or max(tick, lot, smallest, notional, smallest / lot) >= AMOUNT_MAX
        return
    assert (listing.tick_size, listing.lot_size, listing.min_notional) == (tick, lot, notional)
    assert listing.min_lots * lot >= smallest
    assert (listing.min_lots - 1) * lot < smallest or listing.min_lots == 1


def test_a_name_that_is_no_currency_is_refused() -> None:
    zero = Decimal(1)
    for name in ("", "B C", "É", "A" * 21):
        with pytest.raises(ContractError, match="base"):
            spot_listing(
                "X",
                base=name,
                quote="USD",
                tick=zero,
                lot=zero,
                smallest=zero,
                min_notional=zero,
                trading=True,
                ts_ns=1,
            )


def test_krakens_older_names_are_read_as_the_symbol_that_was_asked_for() -> None:
    adapter = STAGES["kraken"]().adapter()
    answer = {"error": [], "result": {"XDGUSD": {
        "wsname": "XDG/USD", "lot_decimals": 8, "tick_size": "0.0000001", "ordermin": "50", "costmin": "0.5",
        "status": "online",
    }}}  # fmt: skip
    listing = adapter.parse_terms("DOGE/USD", json.dumps(answer).encode(), 1)
    assert listing is not None
    assert (listing.base, listing.currency, listing.fees) == ("DOGE", "USD", None)
    with pytest.raises(ContractError, match="wsname"):
        adapter.parse_terms("BTC/USD", dumped(answer), 1)
