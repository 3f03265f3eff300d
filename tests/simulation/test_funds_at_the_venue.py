"""What the pre-trade check approves of a spot market is never refused for funds by the exchange's own computation."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

import pytest
from common.events import FeeCurrency, FeeTerms, Market, MarketStatus, NotionalLimits
from common.instruments import InstrumentKind, Outcome, Side
from common.pretrade import Approved, Distance, NewOrder, PreTradeCheck, Rejection, RejectReason, SignedInventory
from common.testing.pretrade import limits_in_spot, spot_context
from exchange.market.accounts import Account
from exchange.market.money import decimals_of
from exchange.market.orders import OPEN
from exchange.market.refusals import Refusal
from exchange.spot.orders import SpotOrder, SpotTicket
from exchange.spot.terms import SpotTerms
from exchange.testing.venue import NOW_NS, config, opened
from hypothesis import given, settings
from hypothesis import strategies as st
from quoter.orders.collateral import Collateral
from quoter.orders.own_orders import Order
from quoter.orders.terms import Terms, terms_of
from quoter.trading.activity import open_cost
from quoter.venues.base import CashBalance

PPM = Decimal(1_000_000)
ENOUGH = 1e15
WIDE = replace(
    limits_in_spot(),
    notional=NotionalLimits(ENOUGH, ENOUGH, ENOUGH),
    max_position_lots=10**12,
    max_net_lots=10**12,
    max_order_lots=10**12,
    min_spread=Distance(),
    price_collar=Distance(of_price=ENOUGH),
    bounds=None,
)


class Wish(NamedTuple):
    """A bid that somebody wants to send, and how much of it is executed while it rests."""

    ticks: int
    lots: int
    immediate: bool
    executed: int


@st.composite
def symbols(draw: st.DrawFn) -> SpotTerms:
    """A symbol with whatever grid and fees the exchange lists."""
    quote = draw(st.sampled_from(("USD", "EUR")))
    unit = Decimal(1).scaleb(-decimals_of(quote))
    lot = draw(st.sampled_from((Decimal("0.0001"), Decimal("0.01"), Decimal(1))))
    # The money of a tick of a lot is a whole number of units: what the exchange demands.
    tick = unit / lot * draw(st.sampled_from((1, 5, 1_000)))
    maker = draw(st.integers(-500, 5_000))
    taker = draw(st.integers(abs(maker), 10_000))
    return SpotTerms("COINX", "COIN", "COIN", tick, lot, lot, Decimal(0), maker, taker, quote=quote)


wishes = st.builds(
    Wish, st.integers(1, 10**7), st.integers(1, 10**4), st.booleans(), st.sampled_from((0, 0, 1, 3, 10**4))
)


class Both:
    """The exchange with one symbol, and what the quoter would say of the same account."""

    def __init__(self, symbol: SpotTerms, units: int) -> None:
        self.symbol, self.now_ns = symbol, NOW_NS
        exchange = opened(config(deposit=0))
        self.venue = exchange.order_entry.spot
        self.venue.list_symbols((symbol,), NOW_NS)
        self.account: Account = exchange.ledger.account("mm1")
        self.other: Account = exchange.ledger.account("taker1")
        self.venue.books.post(self.account, "deposit", symbol.quote, units, NOW_NS)
        self.terms: Terms = terms_of(listed(symbol))
        self.collateral = Collateral()
        self.orders: list[tuple[Order, SpotOrder]] = []

    def look(self) -> None:
        """Take in what the venue's frames and the timer would have said by now."""
        units = self.account.total(self.symbol.quote)
        cash = Decimal(units).scaleb(-decimals_of(self.symbol.quote))
        self.collateral.on_money(CashBalance(self.symbol.quote, cash, self.account.sequence))
        locked = 0.0
        for ours, theirs in self.orders:
            if theirs.status == OPEN:
                ours.filled_lots = theirs.filled
                locked += open_cost(ours, self.terms)[1]
        self.collateral.relock({self.symbol.quote: locked})

    def checked(self, number: int, wish: Wish) -> Approved | Rejection:
        instrument = self.terms.instrument
        context = replace(
            spot_context(traded=instrument),
            inventory=SignedInventory(instrument, held_lots=-wish.lots if wish.immediate else 0),
            limits=WIDE,
            fair=instrument.axis_price(wish.ticks),
            free_cash=self.collateral.free(instrument.currency),
            bid_fees=self.terms.bid_fees,
            may_take=True,
        )
        order = NewOrder(
            number, "1", "mm1", instrument, Side.BUY, wish.ticks, wish.lots, 2_000, post_only=not wish.immediate
        )
        return PreTradeCheck(context).of(order)

    def place(self, number: int, wish: Wish) -> None:
        """Place it at the exchange, and execute what is to be executed of it; Refusal as it would answer."""
        life, post_only = ("ioc", False) if wish.immediate else ("gtc", True)
        ticket = SpotTicket(number, self.symbol.symbol, "bid", wish.ticks, wish.lots, life, post_only)  # type: ignore[arg-type]
        theirs = self.venue.place(self.account, ticket, self.now_ns)
        if theirs.status != OPEN:
            return
        ours = Order(number, "1", self.symbol.symbol, Outcome.NONE, Side.BUY, wish.ticks, wish.lots)
        self.orders.append((ours, theirs))
        if wish.executed:
            self.venue.fill_at_own_price(theirs, self.other, wish.executed, self.now_ns)


def listed(symbol: SpotTerms) -> Market:
    """Return the market as the feed makes it of the exchange's list."""
    return Market(
        venue="degen",
        symbol=symbol.symbol,
        kind=InstrumentKind.SPOT,
        status=MarketStatus.OPEN,
        base=symbol.base,
        currency=symbol.quote,
        tick_size=symbol.tick,
        lot_size=symbol.lot,
        fees=FeeTerms(
            maker_rate=symbol.maker_fee_ppm / PPM, taker_rate=symbol.taker_fee_ppm / PPM, currency=FeeCurrency.PRICE
        ),
        ts_received_ns=0,
    )


def needed_units(symbol: SpotTerms, wish: Wish) -> int:
    ppm = symbol.taker_fee_ppm if wish.immediate else symbol.maker_fee_ppm
    return symbol.cover_units(wish.ticks, wish.lots, ppm)


@settings(max_examples=60)
@given(symbols(), st.lists(wishes, min_size=1, max_size=6), st.integers(0, 6), st.integers(-2, 2))
def test_an_approved_bid_is_never_refused_for_funds(
    symbol: SpotTerms, wanted: list[Wish], covered: int, more: int
) -> None:
    # Cash for the first of them to a unit, where rounding decides.
    units = max(0, sum(needed_units(symbol, wish) for wish in wanted[:covered]) + more)
    both = Both(symbol, units)
    for number, wish in enumerate(wanted, 1):
        both.look()
        available = both.account.available(symbol.quote)
        found = both.checked(number, wish)
        if isinstance(found, Approved):
            try:
                both.place(number, wish)
            except Refusal as refusal:
                pytest.fail(f"{refusal.code}: {refusal.message}")
            continue
        assert found.reason is RejectReason.COLLATERAL, found
        spare = symbol.tick_units * (wish.lots + sum(theirs.leaves for _, theirs in both.orders))
        assert needed_units(symbol, wish) + spare > available, "no more is kept than a tick a lot"


def test_the_fee_of_a_resting_bid_is_kept_free() -> None:
    symbol = SpotTerms(
        "COINX", "COIN", "COIN", Decimal("0.01"), Decimal("0.0001"), Decimal("0.0001"), Decimal(0), 100, 500
    )
    wish = Wish(6_000_000, 1_000, immediate=False, executed=0)
    for units, passes in ((6_000_600_000, True), (6_000_599_999, False)):
        both = Both(symbol, units)
        both.look()
        assert isinstance(both.checked(1, wish), Approved) is passes, "6,000 dollars and a fee of 0.60"
        if passes:
            both.place(1, wish)
            both.look()
            assert both.account.available("USD") == 0
            assert both.collateral.free("USD") == pytest.approx(0.0, abs=1e-9)
