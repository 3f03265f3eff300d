"""What a bot has committed and how it has behaved: the figures themselves, and the quoter that keeps within them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.events import Book, BotLimits, Level, Market, MarketStatus
from common.instruments import InstrumentKind, Outcome, Side
from common.pretrade import Held
from common.testing.limits import changed
from hypothesis import given
from hypothesis import strategies as st
from quoter.orders.holdings import Holdings
from quoter.orders.inventory import unpaired_value
from quoter.orders.own_orders import Order
from quoter.orders.terms import Terms
from quoter.orders.terms import terms_of as any_terms_of
from quoter.testing.binary import terms_of
from quoter.testing.script import LIMITS, MARKET, MS, S, Script, market, position
from quoter.trading.activity import MINUTE_NS, Cancels, NotionalCommitted, OrdersPerFill, young_until


class Limited(Script):
    """A script in which risk deals out limits of one's own."""

    def __init__(self, **limits: Any) -> None:
        super().__init__()
        self.limits: BotLimits = changed(LIMITS, **limits)

    def feed_inputs(self, **risk: Any) -> None:
        super().feed_inputs(**({"limits": self.limits} | risk))

    def rejections(self) -> dict[str, int]:
        return self.core.trader.rejections

    def notional(self) -> float:
        return sum(float(order.price) * (order.size - order.filled) for order in self.venue.open_orders())


def an_order(outcome: Outcome, side: Side, sent_ns: int) -> Order:
    return Order(1, "1", MARKET, outcome, side, 40, 100, sent_ns=sent_ns)


def test_cancels_are_counted_for_a_second() -> None:
    cancels = Cancels()
    cancels.add(3, 10 * S)
    cancels.add(2, 10 * S + 500 * MS)
    assert cancels.recent(10 * S + 900 * MS) == 5
    assert cancels.recent(11 * S + 100 * MS) == 2
    assert cancels.recent(12 * S) == 0


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 20)), max_size=60))
def test_cancels_of_the_last_second_are_never_undercounted(steps: list[tuple[int, int]]) -> None:
    cancels, now_ns, sent = Cancels(), 100 * S, []
    for wait_ms, count in steps:
        now_ns += wait_ms * MS
        cancels.add(count, now_ns)
        sent.append((now_ns, count))
    last_second = sum(count for at_ns, count in sent if at_ns > now_ns - S)
    somewhat_longer = sum(count for at_ns, count in sent if at_ns > now_ns - S - 100 * MS)
    assert last_second <= cancels.recent(now_ns) <= somewhat_longer


def test_orders_per_fill_forget_what_is_more_than_an_hour_old() -> None:
    ratio = OrdersPerFill()
    ratio.update(0, 0, 0)
    ratio.update(600, 0, MINUTE_NS)
    assert ratio.ratio == 600
    ratio.update(600, 4, 2 * MINUTE_NS)
    assert ratio.ratio == 150
    ratio.update(700, 4, 61 * MINUTE_NS)
    assert ratio.ratio == pytest.approx(100 / 4)
    ratio.update(700, 5, 200 * MINUTE_NS)
    ratio.update(710, 5, 200 * MINUTE_NS + S)
    assert ratio.ratio == 10


def test_pairs_are_worth_nothing_at_risk_and_the_rest_its_fair_value() -> None:
    terms = terms_of(market())
    assert unpaired_value(Held(300, 100), terms, 0.60) == pytest.approx(120)
    assert unpaired_value(Held(100, 300), terms, 0.60) == pytest.approx(80)
    assert unpaired_value(Held(500, 500), terms, 0.60) == 0
    # Without an opinion each may pay 1.
    assert unpaired_value(Held(300, 100), terms, None) == unpaired_value(Held(100, 300), terms, None) == 200


def spot_terms(symbol: str, base: str, currency: str) -> Terms:
    listed = Market(
        venue="degen",
        symbol=symbol,
        kind=InstrumentKind.SPOT,
        status=MarketStatus.OPEN,
        base=base,
        currency=currency,
        tick_size=Decimal("0.0001"),
        lot_size=Decimal("0.01"),
        ts_received_ns=0,
    )
    return any_terms_of(listed)


SPOT = {"BTCUSD": spot_terms("BTCUSD", "BTC", "USD"), "ETHBTC": spot_terms("ETHBTC", "ETH", "BTC")}


def test_notional_is_added_up_by_the_currency_that_is_paid() -> None:
    money, holdings = NotionalCommitted(), Holdings("mm1")
    orders = [
        Order(1, "1", "BTCUSD", Outcome.NONE, Side.BUY, 600_000_000, 2),
        Order(2, "2", "BTCUSD", Outcome.NONE, Side.BUY, 600_000_000, 1),
        Order(3, "1", "ETHBTC", Outcome.NONE, Side.BUY, 500, 400),
        Order(4, "1", "ETHBTC", Outcome.NONE, Side.SELL, 500, 400),
    ]
    money.recompute([], orders, holdings, SPOT.__getitem__)
    assert (money.of("1", "USD"), money.of("1", "BTC")) == pytest.approx((1_200, 0.2))
    assert (money.total("USD"), money.total("BTC")) == pytest.approx((1_800, 0.2))
    assert money.locked == pytest.approx({"USD": 1_800, "BTC": 0.2, "ETH": 4.0}), "asks lock the coins they sell"
    money.add("2", "BTC", 0.1)
    assert (money.of("2", "BTC"), money.total("BTC"), money.total("USD")) == pytest.approx((0.1, 0.3, 1_800))
    assert (money.currencies_of("1"), money.of("3", "USD"), money.total("EUR")) == (["BTC", "USD"], 0, 0)


def test_a_coin_without_a_price_counts_what_it_cost() -> None:
    terms = SPOT["BTCUSD"]
    assert unpaired_value(Held(100, 0), terms, 60_000.0, cost=58_000.0) == pytest.approx(60_000)
    assert unpaired_value(Held(100, 0), terms, None, cost=58_000.0) == 58_000
    assert unpaired_value(Held(-100, 0), terms, None, cost=-58_000.0) == 58_000


def test_only_the_side_that_left_young_is_kept_waiting() -> None:
    young, old = an_order(Outcome.YES, Side.BUY, 100), an_order(Outcome.NO, Side.BUY, 20)
    assert young_until([young, old], 50, 120) == (150, 0)
    assert young_until([an_order(Outcome.NO, Side.SELL, 100)], 50, 120) == (150, 0)
    assert young_until([an_order(Outcome.YES, Side.SELL, 100)], 50, 120) == (0, 150)


def test_a_bot_never_has_more_money_in_the_market_than_its_limit() -> None:
    script = Limited(max_notional=110.0)
    script.quoting(0.50)
    assert 0 < script.notional() <= 110
    shown = {each.name: each.value for each in script.core.samples()}
    assert shown["mm_notional"] == pytest.approx(script.notional())
    assert shown["mm_orders_per_fill"] == len(script.venue.orders)
    assert script.rejections()["notional"] > 0
    # 100 YES held at 0.50 are 50 of the 110.
    script.carry(script.core.on_position(position(yes=100), script.receipt()))
    script.wait(500, fair=0.45)
    net_worth = 100 * 0.45
    against = sum(float(order.price) * order.size for order in script.venue.open_orders() if order.outcome == "yes")
    assert against + net_worth <= 110


def test_one_order_never_costs_more_than_its_limit() -> None:
    script = Limited(max_order_notional=47.5)
    script.quoting(0.50)
    assert script.venue.prices("yes") == ["0.46", "0.47"]
    assert script.rejections()["notional"] > 0


def test_a_side_has_no_more_orders_than_its_limit() -> None:
    script = Limited(max_side_orders=2)
    script.quoting(0.50)
    assert len(script.venue.prices("yes")) == len(script.venue.prices("no")) == 2
    assert script.rejections()["open_orders"] > 0


def test_no_quote_stands_beyond_the_absolute_bounds() -> None:
    script = Limited(max_bid=0.47, min_ask=0.53)
    script.quoting(0.50)
    assert script.venue.prices("yes") == ["0.46", "0.47"]
    assert script.venue.prices("no") == ["0.46", "0.47"]
    assert script.rejections()["price_bound"] > 0


def test_with_too_many_cancels_new_quotes_wait_and_cancels_do_not() -> None:
    script = Limited(max_cancels_per_s=8)
    script.quoting(0.50)
    for step in range(1, 8):
        script.now_ns += 20 * MS
        script.fair(0.50 + 0.02 * (step % 2))
    assert script.rejections()["cancel_rate"] > 0
    # What rested at prices that are no longer wanted is gone all the same.
    wanted = {"0.46", "0.47", "0.48", "0.49", "0.50"}
    assert set(script.venue.prices("yes")) <= wanted
    script.wait(1_500, fair=0.50)
    assert script.venue.prices("yes") == ["0.46", "0.47", "0.48"]


def test_who_orders_far_more_than_it_trades_sends_nothing_new_until_it_trades() -> None:
    script = Limited(max_orders_per_fill=30)
    script.quoting(0.50)
    for step in range(20):
        script.wait(50, fair=0.50 + 0.01 * (step % 3))
    assert script.rejections()["order_to_fill"] > 0
    sent = len(script.venue.orders)
    script.wait(500, fair=0.55)
    assert len(script.venue.orders) == sent


def test_a_quote_that_left_young_is_replaced_only_when_its_time_is_over() -> None:
    script = Limited(min_quote_life_ms=400)
    script.quoting(0.50)
    script.wait(500, fair=0.50)
    script.now_ns += MS
    script.fair(0.52)
    assert script.venue.prices("yes") == ["0.48", "0.49", "0.50"]
    script.now_ns += 100 * MS
    script.fair(0.50)
    assert script.rejections()["quote_life"] > 0
    assert "0.50" not in script.venue.prices("yes")
    script.wait(500, fair=0.50)
    assert script.venue.prices("yes") == ["0.46", "0.47", "0.48"]


def a_book(bid: float, ask: float) -> Book:
    return Book(
        venue="degen", symbol=MARKET, bids=[Level(bid, 500.0)], asks=[Level(ask, 500.0)], sequence=1, ts_received_ns=0
    )


def test_no_quote_reaches_far_into_the_other_side_of_the_public_book() -> None:
    script = Limited(book_collar=0.10)
    script.quoting(0.50)
    # Somebody bids 0.90 for what we would sell at 0.70: one of the two is badly wrong.
    script.carry(script.core.on_book(a_book(0.90, 0.95), script.receipt()))
    script.fair(0.68)
    assert script.venue.prices("no") == []
    assert script.venue.prices("yes") == ["0.64", "0.65", "0.66"]
    assert script.rejections()["book_collar"] > 0
    script.carry(script.core.on_book(a_book(0.66, 0.72), script.receipt()))
    script.wait(100, fair=0.68)
    assert script.venue.prices("no") == ["0.28", "0.29", "0.30"]


def test_an_empty_book_holds_nothing_back() -> None:
    script = Limited(book_collar=0.01)
    script.start()
    empty = Book(venue="degen", symbol=MARKET, bids=[], asks=[], sequence=1, ts_received_ns=0)
    script.carry(script.core.on_book(empty, script.receipt()))
    script.wait(500, fair=0.50)
    assert len(script.venue.open_orders()) == 6
