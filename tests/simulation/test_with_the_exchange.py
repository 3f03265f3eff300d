"""The quoter's frames at the real matching engine: whom it buys from, what it never sells, how it ends flat."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.events import Fill, Posting
from common.instruments import Outcome, Side
from exchange.testing.venue import MARKET
from quoter.testing.script import START_NS, S, Script, config, position

from tests.simulation.exchange_venue import ExchangeVenue, scripted


def tell_position(script: Script, yes: int, no: int) -> None:
    """Let risk say what is held, as of everything booked so far."""
    script.carry(script.core.on_position(position(script.fill_sequence, yes, no), script.receipt()))


def quoting_at(fair: float, **sections: Any) -> tuple[Script, ExchangeVenue]:
    script, venue = scripted()
    script.start(config(quoting={"levels": 1, "spread": 0.04}, **sections))
    script.wait(500, fair=fair)
    script.told.clear()
    return script, venue


def give(script: Script, venue: ExchangeVenue, outcome: str, price: str, size: int) -> None:
    """Let the other one hold shares to sell: bought from nobody, by splitting a pair."""
    answer = venue.other.rest("POST", "/positions/split", {"market": MARKET, "size": size})
    assert "position" in answer, answer


@pytest.mark.parametrize(
    ("fair", "side", "outcome", "price", "bought", "paid"),
    [
        (0.38, "bid", "yes", "0.40", Outcome.NO, 60),
        (0.40, "ask", "yes", "0.38", Outcome.YES, 38),
        (0.47, "bid", "no", "0.55", Outcome.YES, 45),
        (0.40, "ask", "no", "0.58", Outcome.NO, 58),
    ],
)
def test_s1_2_whatever_a_user_does_the_market_maker_buys(
    fair: float, side: str, outcome: str, price: str, bought: Outcome, paid: int
) -> None:
    script, venue = quoting_at(fair)
    if side == "ask":
        give(script, venue, outcome, price, 30)
    venue.trade(side, outcome, price, 30, time_in_force="ioc")
    (fill,) = script.of(Fill)
    assert (fill.side, fill.outcome, fill.price_ticks, fill.quantity_lots) == (Side.BUY, bought, paid, 30)
    assert venue.holding() == ((30, 0) if bought is Outcome.YES else (0, 30))


def test_b10_through_fills_on_both_sides_no_order_ever_sells() -> None:
    script, venue = quoting_at(0.50)
    venue.trade("bid", "yes", "0.52", 60, time_in_force="ioc")
    venue.trade("bid", "no", "0.53", 80, time_in_force="ioc")
    for fair in (0.45, 0.55, 0.60, 0.40):
        script.wait(500, fair=fair)
    account = venue.exchange.ledger.account("mm1")
    sides = {order.side for order in account.by_order_id.values()}
    assert sides == {"bid"}
    assert venue.holding() != (0, 0)


def test_b11_pairs_bought_from_users_become_cash_at_the_venue_and_in_our_books_alike() -> None:
    script, venue = quoting_at(0.50, unwind={"merge_pairs": 50})
    venue.trade("bid", "yes", "0.52", 60, time_in_force="ioc")
    venue.trade("bid", "no", "0.53", 60, time_in_force="ioc")
    assert venue.holding() == (60, 60)
    tell_position(script, 60, 60)
    script.wait(500, fair=0.50)
    assert venue.holding() == (0, 0)
    (posting,) = script.of(Posting)
    assert (posting.lots_of(Outcome.YES), posting.lots_of(Outcome.NO), posting.cash) == (-60, -60, {"USD": Decimal(60)})
    spent = sum(fill.price_ticks * fill.quantity_lots for fill in script.of(Fill)) / Decimal(100)
    fees = sum((fill.fee for fill in script.of(Fill)), start=Decimal(0))
    cash = Decimal(venue.exchange.ledger.account("mm1").cash_micros) / 1_000_000
    assert cash == 100_000 - spent - fees + posting.cash["USD"]
    assert script.core.trader.collateral.cash("USD") == cash


@pytest.mark.parametrize("sell_held", [False, True])
def test_a5_near_expiry_the_position_is_taken_flat_from_another_makers_book(sell_held: bool) -> None:
    script, venue = quoting_at(0.50, unwind={"sell_held": sell_held, "max_cross_cost": 0.08})
    for price in ("0.52", "0.53"):
        venue.trade("bid", "no", price, 90, time_in_force="ioc")
        script.wait(500, fair=0.50)
    yes, no = venue.holding()
    assert (yes > 80, no) == (True, 0)
    tell_position(script, yes, no)
    script.now_ns = START_NS + 285 * S
    script.wait(500, fair=0.50)
    venue.trade("bid", "yes", "0.48", 70, post_only=True)
    venue.trade("bid", "yes", "0.47", 500, post_only=True)
    script.told.clear()
    for _ in range(40):
        script.carry(script.core.on_book(venue.book(), script.receipt()))
        script.wait(200, fair=0.50)
    assert all(fill.liquidity.value == "taker" for fill in script.of(Fill))
    assert {fill.side for fill in script.of(Fill)} == {Side.SELL if sell_held else Side.BUY}
    held = venue.holding()
    assert abs(held[0] - held[1]) <= 10
    assert not venue.exchange.ledger.account("mm1").open_orders
