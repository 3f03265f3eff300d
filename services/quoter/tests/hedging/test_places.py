"""Which place a child goes to: the best price after fees, of those that can take it now."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.events import ExecutionStyle, OrderCommand
from common.instruments import Side
from quoter.hedging.depth import Depth
from quoter.hedging.places import Chosen, HedgePlace, Way, Wish, choose, smallest_lots, smallest_quantity, way_of
from quoter.testing.hedging import BINANCE, KRAKEN, a_command, a_place, depth, instrument

D = Decimal


def chosen(command: OrderCommand, *places: HedgePlace, left: str = "1", replacing: bool = False) -> Chosen | str:
    wish = Wish(command, D(left), None, passive_first=False, replacing=replacing)
    return choose(wish, dict(zip((KRAKEN, BINANCE), places, strict=False)))


def both(**changed: object) -> OrderCommand:
    return a_command(venues=[KRAKEN, BINANCE], **changed)


def venue_of(found: Chosen | str) -> str:
    assert isinstance(found, Chosen), found
    return found.venue.venue


@pytest.mark.parametrize(
    ("side", "fee", "venue"),
    [(Side.BUY, 0.0, KRAKEN), (Side.BUY, 0.001, BINANCE), (Side.SELL, 0.0, KRAKEN), (Side.SELL, 0.001, BINANCE)],
)
def test_the_best_price_after_fees_is_taken(side: Side, fee: float, venue: object) -> None:
    # Kraken is 30 better on both sides; a fee of 10 bps there is 60.
    here = a_place(depth(59_990, 60_000), taker_rate=fee)
    there = a_place(depth(59_960, 60_030), instrument=instrument(BINANCE.venue))
    assert venue_of(chosen(both(side=side), here, there)) == (KRAKEN if venue is KRAKEN else BINANCE).venue


def given(command: OrderCommand, *places: HedgePlace, before: Way | None = None) -> Way | None:
    wish = Wish(command, D(1), None, passive_first=False)
    return way_of(wish, dict(zip((KRAKEN, BINANCE), places, strict=False)), before)


@pytest.mark.parametrize(
    ("style", "side", "ticks"),
    [
        (ExecutionStyle.LEAN, Side.BUY, 60_000),
        (ExecutionStyle.LEAN, Side.SELL, 59_990),
        (ExecutionStyle.CROSS_MARKET, Side.BUY, 60_120),
        (ExecutionStyle.CROSS_MARKET, Side.SELL, 59_871),
    ],
)
def test_a_quote_of_ours_gives_way_where_no_other_place_takes_the_hedge(
    style: ExecutionStyle, side: Side, ticks: int
) -> None:
    own = {"own_ask_ticks": 59_998} if side is Side.BUY else {"own_bid_ticks": 59_992}
    here, command = a_place(depth(**own)), both(style=style, side=side)
    way = Way(KRAKEN, side, ticks)
    assert given(command, here) == way
    assert given(command, a_place()) is None, "nothing of ours is there"
    assert given(command, a_place(), before=way) == way, "and still gives way once it has"
    worse = depth(59_900, 60_060) if style is ExecutionStyle.LEAN else depth(59_900, 60_100)
    there = a_place(worse, instrument=instrument(BINANCE.venue))
    assert given(command, here, there) is None
    assert venue_of(chosen(command, here, there)) == BINANCE.venue, "the other place takes it, though it costs more"


def test_a_passive_hedge_asks_nobody_to_give_way() -> None:
    assert given(both(style=ExecutionStyle.PASSIVE), a_place(depth(59_990, 59_992, own_ask_ticks=59_991))) is None


def test_nobody_gives_way_to_what_cannot_be_paid() -> None:
    assert given(both(), a_place(depth(own_ask_ticks=59_998), most_bought_lots=0)) is None


def test_ticks_of_two_venues_are_compared_as_prices() -> None:
    there = a_place(depth(599_000, 599_990), instrument=instrument(BINANCE.venue, tick_size=D("0.1")))
    assert venue_of(chosen(both(), a_place(), there)) == BINANCE.venue


def test_a_large_child_goes_where_there_is_depth_for_it() -> None:
    # 0.1 at 60,000 and the rest at the bound of 60,120: 60,108 on average. All of it at 60,050 is better.
    here = a_place(Depth(((59_990, 1_000),), ((60_000, 100),)))
    there = a_place(Depth(((59_990, 1_000),), ((60_050, 1_000),)), instrument=instrument(BINANCE.venue))
    command = both(style=ExecutionStyle.CROSS_MARKET)
    assert venue_of(chosen(command, here, there)) == BINANCE.venue
    assert venue_of(chosen(command, here, there, left="0.1")) == KRAKEN.venue


def test_a_child_is_a_slice_in_whole_lots_within_what_is_allowed() -> None:
    command = a_command(max_order_size=D("0.25"))
    found = chosen(command, a_place())
    assert isinstance(found, Chosen)
    assert (found.lots, found.first) == (250, D(60_000))
    found = chosen(command, a_place(), left="0.0759")
    assert isinstance(found, Chosen)
    assert found.lots == 75
    found = chosen(command, a_place(most_bought_lots=40))
    assert isinstance(found, Chosen)
    assert found.lots == 40


def test_what_keeps_every_place_from_taking_it_is_told() -> None:
    shut = a_place(shut_by="halted: venue-kraken_spot:clock")
    assert chosen(both(), shut) == ("kraken_spot: halted: venue-kraken_spot:clock; binance_spot: BTCUSD is not known")
    assert chosen(a_command(), HedgePlace(instrument(), None)) == "kraken_spot: no book to trade on"
    assert chosen(a_command(), a_place(most_bought_lots=0)) == "kraken_spot: funds or limits allow 0"
    small = a_place(instrument=instrument(min_lots=10))
    assert chosen(a_command(), small, left="0.005") == ("kraken_spot: 0.005 is less than the smallest order, 0.01")


def test_what_an_open_child_ties_up_does_not_keep_it_from_being_replaced() -> None:
    found = chosen(a_command(), a_place(most_bought_lots=0), replacing=True)
    assert isinstance(found, Chosen)
    assert found.lots == 1_000


def test_the_smallest_order_is_of_lots_and_of_money() -> None:
    # 10 USD at 60,000 are 0.000167: one lot of 0.001 is 60 USD. At a tick of 1 and 2,000 USD, 5 lots.
    assert smallest_lots(instrument(min_notional=D(10)), 60_000) == 1
    assert smallest_lots(instrument(min_notional=D(10)), 2_000) == 5
    assert smallest_lots(instrument(min_lots=7, min_notional=D(10)), 2_000) == 7
    assert smallest_lots(instrument(min_notional=D(10)), 0) == 1


def test_a_parent_is_done_within_the_smallest_order_of_its_places() -> None:
    here = a_place(instrument=instrument(min_lots=10))
    there = a_place(instrument=instrument(BINANCE.venue, lot_size=D("0.1")))
    assert smallest_quantity(both(), {KRAKEN: here, BINANCE: there}) == D("0.01")
    assert smallest_quantity(both(), {}) is None
