"""No order of one account trades with an order of another: the check looks at all of ours at the venue."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from quoter.testing.script import MARKET, MS, fair_value
from quoter.testing.several import Several
from quoter.testing.venue import VenueOrder
from quoter.venues.base import Outputs


def axis_ticks(order: VenueOrder) -> tuple[bool, int]:
    """Return whether an order bids for YES, and its price as one of YES."""
    ticks = round(float(order.price) * 100)
    bids = (order.side == "bid") == (order.outcome == "yes")
    return bids, ticks if order.outcome == "yes" else 100 - ticks


def crossing(several: Several) -> list[tuple[str, str]]:
    """Return the pairs of resting orders of two accounts that would trade with each other."""
    resting = [
        (account, *axis_ticks(order)) for account, venue in several.venues.items() for order in venue.open_orders()
    ]
    return [
        (one, other)
        for one, bids, bid in resting
        for other, other_bids, ask in resting
        if one != other and bids and not other_bids and bid >= ask
    ]


def broken(now_ns: int) -> Outputs:
    raise KeyError(now_ns)


def refusals(several: Several, account: str) -> int:
    return several.quoter(account).trader.rejections.get("self_cross", 0)


def test_an_order_that_would_trade_with_another_accounts_is_refused_by_the_check() -> None:
    several = Several()
    several.start()
    for _ in range(10):
        several.wait(50)
        several.tell(fair_value(0.50, "1"))
    assert several.resting() == {"mm1": 6, "mm2": 0}
    for _ in range(10):
        several.wait(50)
        several.tell(fair_value(0.50, "1"))
        several.tell(fair_value(0.60, "2"))
    assert crossing(several) == []
    assert refusals(several, "mm2") > 0
    assert refusals(several, "mm1") == 0
    assert 0 < several.resting()["mm2"] < 6, "its offers rest, and the bids that are low enough"


def test_an_order_whose_cancel_is_on_its_way_still_counts_for_the_other_account() -> None:
    several = Several()
    several.quoting()
    trader = several.quoter("mm1").trader
    several.hold = True
    several.tell(fair_value(0.40, "1"))
    terms = trader.markets[MARKET]
    asks = [trader.orders.best(MARKET, terms.of)[1]]
    assert {order.state.value for order in trader.orders.living()} >= {"cancelling"}
    assert several.traders.best_of_others("mm2", "degen", MARKET, terms.of)[1] == asks[0]
    several.let_go()
    several.wait(500, fair=0.40)
    assert several.traders.best_of_others("mm2", "degen", MARKET, terms.of) == trader.orders.best(MARKET, terms.of)


def test_what_a_failed_quoter_left_counts_until_the_venue_shows_none_of_it() -> None:
    several = Several()
    several.quoting()
    terms = several.quoter("mm1").trader.markets[MARKET]
    before = several.traders.best_of_others("mm1", "degen", MARKET, terms.of)
    assert before[0] > 0
    several.venues["mm2"].status = 503
    several.quoter("mm2").session.on_timer = broken  # type: ignore[method-assign]
    several.wait(50)
    several.wait(500)
    assert several.traders.best_of_others("mm1", "degen", MARKET, terms.of) == before
    several.venues["mm2"].status = 200
    several.wait(1_000)
    assert several.traders.best_of_others("mm1", "degen", MARKET, terms.of) == (0, 0)


def test_an_account_alone_at_its_venue_has_no_others() -> None:
    assert Several(1).quoter("mm1").trader.orders.others is None


@settings(max_examples=30, deadline=None)
@given(
    moves=st.lists(
        st.tuples(st.sampled_from(["1", "2", "3"]), st.integers(20, 80), st.integers(1, 4), st.booleans()),
        min_size=5,
        max_size=40,
    )
)
def test_whatever_their_fair_values_no_two_accounts_have_orders_that_would_trade(
    moves: list[tuple[str, int, int, bool]],
) -> None:
    several = Several(3)
    several.start()
    several.wait(500, fair=0.50)
    for algo_id, cents, steps, fill in moves:
        several.now_ns += steps * 10 * MS
        several.feed()
        several.tell(fair_value(cents / 100, algo_id))
        venue = several.venues[f"mm{algo_id}"]
        if fill and venue.open_orders():
            venue.fill(venue.open_orders()[0], 5)
            several.carry(())
        assert crossing(several) == []
