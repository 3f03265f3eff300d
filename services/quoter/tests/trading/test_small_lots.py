"""Money of markets whose lot is not one share: the same before and after a fill is booked, wherever it counts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.bots import Unwind
from common.events import BotConfig, BotLimits, Fill, Market, Posting, PostingKind
from common.instruments import Outcome
from common.pretrade import Held
from common.testing.limits import changed
from msgspec.structs import replace
from quoter.binary.market import BinaryMarket
from quoter.binary.plan import Opinion
from quoter.signals.signals import CALM
from quoter.testing.binary import market_of, plan, strategy_of, terms_of
from quoter.testing.ending import crossings, near_expiry, show
from quoter.testing.script import (
    LIMITS,
    MARKET,
    MARKET_LIMITS,
    START_NS,
    S,
    Script,
    config,
    fair_value,
    market,
    position,
)
from quoter.venues.base import CashBalance

HUNDREDTH = Decimal("0.01")


def of_lots(lot_size: Decimal = HUNDREDTH, multiplier: Decimal = Decimal(1)) -> Market:
    return replace(market(), lot_size=lot_size, multiplier=multiplier, ts_event_ns=1)


class Limited(Script):
    """A script in which risk deals out limits of one's own."""

    limits = LIMITS

    def feed_inputs(self, **risk: Any) -> None:
        super().feed_inputs(**({"limits": self.limits} | risk))


def quoting(
    lot_size: Decimal = HUNDREDTH,
    multiplier: Decimal = Decimal(1),
    *,
    bot: BotConfig | None = None,
    limits: BotLimits = LIMITS,
    fair: float = 0.505,
) -> Script:
    script = Limited()
    script.limits = limits
    script.start(bot or config())
    script.carry(script.core.on_market(of_lots(lot_size, multiplier), script.receipt(3)))
    script.wait(500, fair=fair)
    return script


def shown(script: Script) -> dict[str, float]:
    return {sample.name: sample.value for sample in script.core.samples()}


def filled(script: Script) -> Fill:
    """Let the best bid for YES, 100 lots at 0.48, be executed."""
    best = next(order for order in script.venue.open_orders() if order.outcome == "yes" and order.price == "0.48")
    script.venue.fill(best, 100)
    script.deliver()
    return script.of(Fill)[-1]


@pytest.mark.parametrize(
    ("lot_size", "multiplier", "unit"),
    [(HUNDREDTH, Decimal(1), 0.01), (Decimal(1), Decimal(100), 100.0), (HUNDREDTH, Decimal(100), 1.0)],
)
def test_r10_bids_lock_and_commit_what_they_would_cost(lot_size: Decimal, multiplier: Decimal, unit: float) -> None:
    wide = changed(LIMITS, max_order_notional=1e6, max_notional=1e6, max_account_notional=1e6)
    script = quoting(lot_size, multiplier, limits=wide)
    lots_at_prices = sum(float(order.price) * order.size for order in script.venue.open_orders())
    assert lots_at_prices > 0
    assert script.core.state(script.now_ns)["cash"]["locked_by_bids"] == pytest.approx(lots_at_prices * unit)
    assert shown(script)["mm_notional"] == pytest.approx(lots_at_prices * unit)


def test_a_new_bid_is_counted_as_the_timer_counts_it() -> None:
    script = quoting()
    script.fair(0.525)
    trader = script.core.trader
    locked, committed = trader.collateral.locked("USD"), trader.activity.money.total("USD")
    script.wait(100, fair=0.525)
    open_money = sum(float(order.price) * order.size for order in script.venue.open_orders()) * 0.01
    assert trader.collateral.locked("USD") == pytest.approx(open_money)
    # Until the timer reckons anew what was cancelled counts too, and never more than that.
    assert open_money <= locked <= 2 * open_money
    assert open_money <= committed <= 2 * open_money


def test_a_fill_costs_the_same_before_and_after_it_is_booked() -> None:
    script = quoting()
    script.confirm = False
    fill = filled(script)
    holdings = script.core.trader.holdings
    before = holdings.cost_of("1", MARKET)
    assert before == pytest.approx(0.48)
    profit = script.core.state(script.now_ns)["bots"][0]["pnl"]
    assert profit == pytest.approx(1.00 * 0.505 - 0.48)
    script.confirm_fill(fill)
    booked = position(script.fill_sequence, yes=100)
    booked = replace(booked, lines=[replace(booked.lines[0], cost=Decimal("0.48"))])
    script.carry(script.core.on_position(booked, script.receipt()))
    assert holdings.unledgered == 0
    assert holdings.cost_of("1", MARKET) == pytest.approx(before)
    script.wait(50, fair=0.505)
    assert script.core.state(script.now_ns)["bots"][0]["pnl"] == pytest.approx(profit)


def test_what_is_held_counts_for_its_worth_in_what_is_committed() -> None:
    script = quoting()
    script.carry(script.core.on_position(position(yes=500), script.receipt()))
    script.wait(100, fair=0.505)
    bids = sum(float(order.price) * order.size for order in script.venue.open_orders()) * 0.01
    assert shown(script)["mm_notional"] == pytest.approx(bids + 5 * 0.505)


def test_the_worst_result_of_a_market_is_bounded_in_money() -> None:
    terms = terms_of(of_lots())
    script = Script()
    script.start(config(inventory={"max_settlement_loss": 1.0}))
    here = BinaryMarket(strategy_of(script).shared, terms)
    rooms = {}
    for lots, cost in ((0, 0.0), (100, 0.5), (200, 1.0)):
        opinion = Opinion(0.5, 0.5, 0.0, CALM, cost)
        found = plan(opinion, Held(lots, 0), START_NS + 10 * S, here.terms, here.config, MARKET_LIMITS)
        rooms[lots] = sum(level.quantity_lots for level in found.bids), sum(level.quantity_lots for level in found.asks)
    # Two shares at 0.50 are 1.00: so much may be lost, and then the side that adds is empty.
    assert rooms[0][0] == 200
    assert 0 < rooms[100][0] <= 100
    assert rooms[200][0] == 0
    assert all(asks > 0 for _, asks in rooms.values())


def test_exposure_over_markets_is_money() -> None:
    script = quoting()
    script.carry(script.core.on_position(position(yes=1_000), script.receipt()))
    moved = replace(fair_value(0.505), delta=0.0005)
    script.carry(script.core.on_fair(moved, script.receipt()))
    script.now_ns += 600_000_000
    script.feed_inputs()
    script.carry(script.core.on_fair(moved, script.receipt()))
    script.carry(script.core.on_timer(script.receipt()))
    # 10 shares x 0.0005 a dollar x 600 dollars, which are one per cent.
    assert strategy_of(script).exposures["BTC"].per_percent == pytest.approx(3.0)


def test_the_limit_on_an_order_is_in_money() -> None:
    script = quoting(limits=changed(LIMITS, max_order_notional=0.475), fair=0.50)
    assert script.venue.prices("yes") == ["0.46", "0.47"]


def test_cash_that_is_free_is_not_used_up_by_a_hundredth_of_it() -> None:
    script = quoting()
    script.core.trader.collateral.on_money(CashBalance("USD", Decimal(5), 10_000))
    script.wait(500, fair=0.525)
    assert len(script.venue.open_orders()) == 6
    assert "collateral" not in script.core.trader.rejections


def test_a_book_is_counted_in_lots_and_what_crossing_costs_in_money() -> None:
    script = near_expiry(100, 0)
    script.carry(script.core.on_market(replace(of_lots(), ts_event_ns=2), script.receipt(4)))
    script.venue.takeable = 100
    show(script, [(0.50, 1.0)], [])
    script.wait(400, fair=0.50)
    assert [item["size"] for item in crossings(script)] == [100]
    # One share at its fair value costs its fee and nothing beyond it.
    fees = float(sum(fill.fee for fill in script.of(Fill)))
    assert market_of(script).crossing.spent == pytest.approx(fees)


def test_a_pair_of_lots_is_split_for_what_it_costs() -> None:
    # Of the venue's 100,000 all but 5 have to stay free: room for 100 pairs of a hundredth, not for 100 whole ones.
    unwind = Unwind(sell_held=True, seed_pairs=100, merge_below_cash=99_995.0)
    script = quoting(bot=config(unwind=unwind.model_dump()))
    first = script.of(Posting)[0]
    assert (first.kind, first.lots_of(Outcome.YES), first.lots_of(Outcome.NO)) == (PostingKind.SPLIT, 100, 100)
