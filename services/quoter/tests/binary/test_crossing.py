"""Taking from the book to be flat: how much, at what price, at what cost, and never twice over."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.bots import Unwind
from common.events import Fill, InstrumentTerms, Level, Liquidity
from common.instruments import InstrumentKind, Outcome, Side
from common.pretrade import Held
from hypothesis import given
from hypothesis import strategies as st
from quoter.binary.crossing import bound, offers, paid_beyond, taking, to_give_up
from quoter.signals.share import Offer, taker_fee
from quoter.testing.binary import market_of, terms_of
from quoter.testing.ending import crossings, near_expiry, show
from quoter.testing.script import MARKET, market

PAIR = terms_of(market()).pair
UNWIND = Unwind(cross_tolerance=10, max_cross_cost=0.05, taker_fee=0.072)
FREE = Unwind(cross_tolerance=0, taker_fee=0.0)
books = st.lists(
    st.builds(Offer, st.integers(1, 99), st.integers(1, 300)), max_size=6, unique_by=lambda offer: offer[0]
)


def take(net: int, fair: float, book: list[Offer], unwind: Unwind = UNWIND, **more: Any) -> Any:
    given_in: dict[str, Any] = {"cost_max": 0.05, "budget": 50.0, "lots_max": 500, "sellable_lots": 0}
    return taking(net, fair, book, PAIR.yes, **(given_in | more), unwind=unwind)


def test_a5_long_yes_is_given_up_by_buying_no_from_the_best_bids_for_yes() -> None:
    found = take(120, 0.50, [Offer(49, 80), Offer(48, 100), Offer(40, 500)])
    assert (found.outcome, found.side, found.price_ticks, found.quantity_lots) == (Outcome.NO, Side.BUY, 52, 120)
    assert found.cost == pytest.approx(80 * (0.01 + taker_fee(0.49, 0.072)) + 40 * (0.02 + taker_fee(0.48, 0.072)))


def test_a5_long_no_is_given_up_by_buying_yes_from_the_best_asks() -> None:
    found = take(-120, 0.50, [Offer(51, 80), Offer(60, 500)])
    assert (found.outcome, found.side, found.price_ticks, found.quantity_lots) == (Outcome.YES, Side.BUY, 51, 80)


def test_b10_held_shares_are_sold_only_where_that_is_wanted_and_only_as_many_as_are_held() -> None:
    selling = UNWIND.model_copy(update={"sell_held": True})
    found = take(120, 0.50, [Offer(49, 200)], selling, sellable_lots=120)
    assert (found.outcome, found.side, found.price_ticks, found.quantity_lots) == (Outcome.YES, Side.SELL, 49, 120)
    assert take(120, 0.50, [Offer(49, 200)], selling, sellable_lots=119).side is Side.BUY
    found = take(-120, 0.50, [Offer(51, 200)], selling, sellable_lots=120)
    assert (found.outcome, found.side, found.price_ticks) == (Outcome.NO, Side.SELL, 49)


@given(
    st.integers(-500, 500),
    st.floats(0.01, 0.99),
    books,
    st.floats(0, 0.1),
    st.floats(0, 60),
    st.integers(1, 400),
    st.booleans(),
)
def test_a5_crossing_never_turns_the_position_or_costs_more_than_its_bounds(
    net: int, fair: float, book: list[Offer], cost_max: float, budget: float, lots_max: int, selling: bool
) -> None:
    book = sorted(book, reverse=net > 0)
    unwind = UNWIND.model_copy(update={"sell_held": selling})
    found = take(net, fair, book, unwind, cost_max=cost_max, budget=budget, lots_max=lots_max, sellable_lots=abs(net))
    if abs(net) <= unwind.cross_tolerance:
        assert found is None
    if found is None:
        return
    assert 0 < found.quantity_lots <= min(abs(net), lots_max)
    towards_yes = (found.side is Side.BUY) == (found.outcome is Outcome.YES)
    assert towards_yes == (net < 0)
    yes_ticks = found.price_ticks if found.outcome is Outcome.YES else 100 - found.price_ticks
    offered = [offer for offer in book if (offer.yes_ticks >= yes_ticks if net > 0 else offer.yes_ticks <= yes_ticks)]
    assert found.quantity_lots <= sum(offer.lots for offer in offered)
    for offer in offered:
        price = offer.yes_ticks / 100
        assert (fair - price if net > 0 else price - fair) + taker_fee(price, 0.072) <= cost_max + 1e-6
    assert found.cost <= budget + 1e-6


def test_the_bound_grows_from_nothing_to_its_full_size_and_is_closed_outside_its_window() -> None:
    unwind = Unwind(cross_from_s=30.0, max_cross_cost=0.05)
    assert bound(30.1, 5.0, unwind) < 0
    assert bound(30.0, 5.0, unwind) == 0.0
    assert bound(17.5, 5.0, unwind) == pytest.approx(0.025)
    assert bound(5.1, 5.0, unwind) == pytest.approx(0.05, abs=0.001)
    assert bound(5.0, 5.0, unwind) < 0
    assert bound(20.0, 30.0, unwind) < 0


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_what_is_given_up_is_certainly_held_too_much(
    yes: int, no: int, unconfirmed_yes: int, unconfirmed_no: int
) -> None:
    unconfirmed_yes, unconfirmed_no = min(yes, unconfirmed_yes), min(no, unconfirmed_no)
    found = to_give_up(Held(yes, no, unconfirmed_yes, unconfirmed_no))
    for really_yes in (yes, yes - unconfirmed_yes):
        for really_no in (no, no - unconfirmed_no):
            net = really_yes - really_no
            assert abs(net - found) <= abs(net)


def test_own_shares_in_the_book_are_not_for_the_taking() -> None:
    levels = [Level(0.49, 100.0), Level(0.48, 50.0), Level(0.0, 5.0)]
    assert offers(levels, PAIR.yes, {49: 100, 48: 20}) == [Offer(48, 30)]


@pytest.mark.parametrize(
    ("outcome", "side", "ticks", "beyond"),
    [
        (Outcome.NO, Side.BUY, 53, 100 * 0.03 + 1.5),
        (Outcome.YES, Side.BUY, 49, -100 * 0.01 + 1.5),
        (Outcome.YES, Side.SELL, 47, 100 * 0.03 + 1.5),
    ],
)
def test_what_a_fill_cost_beyond_its_worth(outcome: Outcome, side: Side, ticks: int, beyond: float) -> None:
    fill = Fill(
        account="mm1",
        algo_id="1",
        instrument=InstrumentTerms(
            venue="degen",
            symbol=MARKET,
            outcome=outcome,
            kind=InstrumentKind.BINARY,
            currency="USD",
            tick_size=Decimal("0.01"),
        ),
        order_id=1,
        order_sequence=1,
        venue_order_id="1",
        venue_trade_id="1",
        side=side,
        price_ticks=ticks,
        quantity_lots=100,
        leaves_lots=0,
        liquidity=Liquidity.TAKER,
        fee=Decimal("1.5"),
        rate=Decimal(1),
        fee_currency="USD",
        ts_event_ns=0,
        ts_received_ns=0,
    )
    assert paid_beyond(fill, PAIR.of(outcome), 0.50) == pytest.approx(beyond)


# --- in the quoter ----------------------------------------------------------------------------------------------


def test_a5_what_is_left_near_expiry_is_taken_from_the_book_until_the_position_is_flat() -> None:
    script = near_expiry(100, 0)
    script.venue.takeable = 60
    show(script, [(0.49, 60)], [(0.52, 50)])
    script.wait(200, fair=0.50)
    (order,) = crossings(script)
    assert (order["side"], order["outcome"], order["price"], order["size"]) == ("bid", "no", "0.51", 60)
    assert order["post_only"] is False
    assert [fill.liquidity for fill in script.of(Fill)] == [Liquidity.TAKER]
    assert script.core.trader.holdings.of("1", MARKET)[:2] == (100, 60)
    script.venue.takeable = 500
    show(script, [(0.48, 500)], [])
    script.wait(400, fair=0.50)
    assert [item["size"] for item in crossings(script)] == [60, 40]
    assert script.core.trader.holdings.of("1", MARKET)[:2] == (100, 100)


def test_a5_nothing_of_ours_rests_beside_an_order_that_takes_so_that_none_is_executed_twice_over() -> None:
    script = near_expiry(100, 0)
    assert script.venue.prices("no"), "the waiting quotes that reduce"
    script.hold_frames = True
    show(script, [(0.49, 100)], [])
    script.wait(200, fair=0.50)
    assert crossings(script) == [], "their cancels are not confirmed yet"
    script.hold_frames = False
    script.venue.takeable = 100
    script.deliver()
    script.wait(100, fair=0.50)
    assert [item["size"] for item in crossings(script)] == [100]
    assert script.core.trader.holdings.of("1", MARKET)[:2] == (100, 100)


def test_an_order_that_takes_and_finds_nothing_is_over_and_the_next_one_waits() -> None:
    script = near_expiry(100, 0)
    show(script, [(0.49, 100)], [])
    script.wait(1_000, fair=0.50)
    assert 2 <= len(crossings(script)) <= 4
    assert script.of(Fill) == []
    show(script, [], [])
    script.wait(200, fair=0.50)
    assert script.venue.prices("no"), "waiting quotes come back"


@pytest.mark.parametrize(
    ("seconds_left", "bids", "sections"),
    [
        (40.0, [(0.49, 100)], {}),
        (10.0, [(0.40, 100)], {}),
        (10.0, [], {}),
        (29.0, [(0.49, 100)], {}),
        (10.0, [(0.49, 100)], {"unwind": {"cross_from_s": 0}}),
        (10.0, [(0.49, 100)], {"unwind": {"cross_budget": 0.0}}),
        (10.0, [(0.49, 100)], {"unwind": {"cross_tolerance": 100}}),
        (4.0, [(0.49, 100)], {}),
    ],
)
def test_nothing_is_taken_too_early_too_dear_too_late_or_where_it_is_turned_off(
    seconds_left: float, bids: list[tuple[float, float]], sections: dict[str, Any]
) -> None:
    script = near_expiry(100, 0, seconds_left, **sections)
    show(script, bids, [])
    script.wait(300, fair=0.50)
    assert crossings(script) == []


def test_what_crossing_has_cost_uses_up_the_markets_budget() -> None:
    script = near_expiry(100, 0, unwind={"cross_budget": 1.0})
    script.venue.takeable = 1_000
    show(script, [(0.49, 1_000)], [])
    script.wait(2_000, fair=0.50)
    taken = sum(fill.quantity_lots for fill in script.of(Fill))
    per_share = 0.01 + taker_fee(0.49, 0.072)
    assert 1.0 - per_share <= taken * per_share <= 1.0
    assert market_of(script).crossing.spent == pytest.approx(taken * per_share, abs=0.01)


def test_b10_in_the_waiting_quotes_held_shares_are_offered_only_where_that_is_wanted() -> None:
    plain, selling = near_expiry(100, 0, 29.0), near_expiry(100, 0, 29.0, unwind={"sell_held": True})
    assert {order.side for order in plain.venue.open_orders()} == {"bid"}
    assert [(order.side, order.outcome) for order in selling.venue.open_orders()] == [("ask", "yes")]
    (bid,), (ask,) = plain.venue.open_orders(), selling.venue.open_orders()
    assert Decimal(bid.price) == 1 - Decimal(ask.price)
    selling.venue.fill(ask, 100)
    selling.deliver()
    assert [(fill.side, fill.outcome) for fill in selling.of(Fill)] == [(Side.SELL, Outcome.YES)]
    assert selling.core.trader.holdings.of("1", MARKET)[:2] == (0, 0)


def test_r66_what_reduces_near_the_end_stays_while_the_price_moves_a_little() -> None:
    script = near_expiry(100, 0, 28.0)
    (resting,) = script.venue.open_orders()
    there = 0
    for step in range(40):
        script.hold_frames = True
        script.wait(50, fair=0.50 + 0.005 * (step % 3))
        there += bool(script.venue.open_orders())
        script.hold_frames = False
        script.deliver()
    assert there == 40, "with each tick it went, and came back two round trips later"
    assert resting in script.venue.open_orders()
    script.wait(200, fair=0.60)
    assert resting not in script.venue.open_orders()
