"""What Polymarket says, read as it is meant: labels, ends, stamps, half rows, wallets, and what that costs to ask."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.errors import ContractError
from common.events import AccountState
from common.instruments import Outcome
from common.orders import OrderState
from hypothesis import given, settings
from hypothesis import strategies as st
from quoter.testing.polymarket import MARKET, MICROS, NO_TOKEN, OWNER, YES_TOKEN, position
from quoter.testing.stages import PolymarketStage
from quoter.venues.base import pair_holdings
from quoter.venues.polymarket.numbers import stamp_s
from quoter.venues.polymarket.words import MarketDocument, details_of, parse


def started() -> PolymarketStage:
    stage = PolymarketStage()
    stage.start()
    assert stage.session.reconciled
    return stage


@pytest.fixture
def stage() -> PolymarketStage:
    return started()


def reconciled(stage: PolymarketStage) -> bool:
    return stage.session.reconciled


def last_snapshot(stage: PolymarketStage) -> AccountState:
    return stage.snapshots()[-1]


# --- labels -----------------------------------------------------------------------------------------------------


def market_body(*labels: str) -> bytes:
    tokens = ",".join(f'{{"t":"10{number}","o":"{label}"}}' for number, label in enumerate(labels))
    return f'{{"t":[{tokens}],"mts":0.01}}'.encode()


@pytest.mark.parametrize(
    ("labels", "yes"),
    [(("Up", "Down"), "100"), (("Down", "Up"), "101"), (("No", "Yes"), "101"), (("YES", "no"), "100")],
)
def test_r3_a_token_is_that_of_yes_by_its_label_alone(labels: tuple[str, str], yes: str) -> None:
    details = details_of("0xm", parse(MarketDocument, market_body(*labels)))
    assert details.token(Outcome.YES) == yes
    assert details.outcome(yes) is Outcome.YES


@pytest.mark.parametrize("labels", [("Yes", "Maybe"), ("Heat", "Celtics"), ("", ""), ("Yes", "Yes"), ("Up", "Yes")])
def test_r3_labels_we_do_not_know_are_refused_by_name(labels: tuple[str, str]) -> None:
    with pytest.raises(ContractError, match=r"polymarket (outcome|market)"):
        details_of("0xm", parse(MarketDocument, market_body(*labels)))


def test_r3_orders_go_to_the_token_of_their_outcome_also_where_down_is_listed_first() -> None:
    made = PolymarketStage()

    def swapped(route: str, document: Any) -> Any:
        if route.startswith("/clob-markets/"):
            return document | {"t": [{"t": NO_TOKEN, "o": "Down"}, {"t": YES_TOKEN, "o": "Up"}]}
        return document

    made.venue.change = swapped
    made.start()
    (order_id,) = made.place(40)
    assert made.order(order_id).token == YES_TOKEN


# --- the end of an order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matched", "state", "filled"),
    [(99_997_714, OrderState.FILLED, 9_999), (7_000_000, OrderState.CANCELLED, 700)],
    ids=["all but a rounding", "seven of a hundred"],
)
def test_r4_matched_for_less_than_its_size_is_the_end_of_an_order(
    stage: PolymarketStage, matched: int, state: OrderState, filled: int
) -> None:
    (order_id,) = stage.place(40)
    order = stage.order(order_id)
    trade = stage.venue.fill(order, matched / MICROS)
    order.status = "MATCHED"
    stage.venue.frames.clear()
    stage.venue.tell(trade)
    stage.venue.tell_order(order, "UPDATE")
    stage.deliver()
    assert (stage.state(order_id), stage.filled(order_id)) == (state, filled)
    known = stage.orders.get(order_id)
    assert known is not None and known.leaves_lots == 0
    stage.cut()
    stage.wait(20_000)
    assert stage.session.reconciled
    assert len(stage.fills(order_id)) == 1


def test_r4_a_venue_that_contradicts_itself_is_asked_ever_less_often_and_people_are_told(
    stage: PolymarketStage,
) -> None:
    (order_id,) = stage.place(40)
    order = stage.order(order_id)

    def lying(route: str, document: Any) -> Any:
        # It rests by its own word and is in no list.
        if route == "/data/orders":
            return {"data": [], "next_cursor": "LTE="}
        return document | {"status": "LIVE"} if route.startswith("/data/order/") else document

    stage.venue.change = lying
    order.status = "CANCELED"
    stage.cut()
    stage.wait(20_000)
    assert not reconciled(stage)
    assert "recovery_stuck" in stage.alerts()
    asked = stage.asked()
    stage.wait(60_000)
    assert stage.asked() - asked < 100
    stage.venue.change = None
    stage.wait(60_000)
    assert reconciled(stage)
    assert stage.state(order_id) is OrderState.CANCELLED


@pytest.mark.parametrize(
    "status", ["CANCELED", "CANCELED_MARKET_RESOLVED", "CANCELED_no match", "ORDER_STATUS_CANCELED"]
)
@pytest.mark.parametrize("amount", ["", None, "0"])
def test_r64_every_status_that_begins_with_canceled_is_an_end_and_an_empty_amount_none(
    stage: PolymarketStage, status: str, amount: str | None
) -> None:
    (order_id,) = stage.place(40)
    order = stage.order(order_id)
    order.status = status
    stage.venue.tell_order(order, "UPDATE", size_matched=amount)
    stage.deliver()
    assert stage.state(order_id) is OrderState.CANCELLED
    assert stage.session.describe(stage.now_ns)["malformed"] == 0


def test_r64_the_same_words_over_rest_are_the_same_end(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    order = stage.order(order_id)
    order.status = "CANCELED_order couldn't be fully filled"

    def empty(route: str, document: Any) -> Any:
        return document | {"size_matched": ""} if route.startswith("/data/order/") else document

    stage.venue.change = empty
    stage.wait(12_000)
    assert stage.state(order_id) is OrderState.CANCELLED


@pytest.mark.parametrize(
    "text",
    ["2026-11-21T00:20:10Z", "2026-11-21T00:20:10.250Z", "2026-11-21T01:20:10+01:00", "2026-11-21 00:20:10"],
)
def test_r64_iso_stamps_are_read(text: str) -> None:
    assert stamp_s(text) == 1_795_220_410


def test_r64_a_trade_stamped_in_iso_stands_at_its_second(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    trade = stage.venue.fill(stage.order(order_id), 25)
    trade |= {"match_time": "2026-11-21T01:00:10Z", "last_update": "2026-11-21T01:00:10Z"}
    stage.venue.frames.clear()
    stage.venue.tell(trade)
    stage.deliver()
    (fill,) = stage.fills(order_id)
    assert fill.account_sequence == stamp_s("2026-11-21T01:00:10Z")


def test_r64_a_trade_without_a_time_counts_as_matched_now_and_not_in_the_year_of_the_epoch(
    stage: PolymarketStage,
) -> None:
    (order_id,) = stage.place(40)
    trade = stage.venue.fill(stage.order(order_id), 25)
    stage.venue.frames.clear()
    stage.venue.tell(trade | {"match_time": None, "last_update": "soon"})
    stage.deliver()
    (fill,) = stage.fills(order_id)
    assert fill.account_sequence == stage.now_ns // 1_000_000_000
    stage.wait(6_000)
    after = [path for _, path, _ in stage.venue.requests if path.startswith("/data/trades")][-1]
    assert "after=0&" not in after, "one unread stamp does not ask for all of history"


# --- half rows --------------------------------------------------------------------------------------------------


def test_r5_makers_that_are_null_cost_only_their_row_and_a_fill_is_not_passed_over(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    trade = stage.venue.fill(stage.order(order_id), 25)
    stage.venue.frames.clear()
    stage.venue.trades.append({**trade, "id": "other", "maker_orders": None, "taker_order_id": "0x" + "12" * 32})
    stage.wait(30_000)
    assert stage.filled(order_id) == 2_500
    assert stage.session.describe(stage.now_ns)["trades_unread"] == 1
    stage.venue.trades[-1]["maker_orders"] = [trade["maker_orders"][0] | {"matched_amount": "5"}]
    stage.wait(6_000)
    assert stage.filled(order_id) == 3_000
    assert stage.session.describe(stage.now_ns)["trades_unread"] == 0


def test_r5_a_taker_is_not_asked_for_a_price_that_its_makers_say(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    trade = stage.venue.fill(stage.order(order_id), 25, taker=True)
    stage.venue.frames.clear()
    stage.venue.tell(trade | {"price": "0.386666666"})
    stage.deliver()
    assert stage.filled(order_id) == 2_500


def test_dust_counts_once_through_all_the_states_of_its_trade(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    dusty = stage.venue.fill(stage.order(order_id), 0.004)
    for status in ("MATCHED", "MINED", "CONFIRMED"):
        stage.venue.step(dusty, status)
    stage.venue.fill(stage.order(order_id), 10)
    stage.deliver()
    assert [fill.quantity_lots for fill in stage.fills(order_id)] == [1_000]


def test_what_a_taker_paid_is_exact_with_its_average_and_its_fee(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    trade = stage.venue.fill(stage.order(order_id), 30, taker=True)
    maker = trade["maker_orders"][0]
    trade["maker_orders"] = [
        maker | {"matched_amount": "10", "price": "0.38"},
        maker | {"matched_amount": "20", "price": "0.39"},
    ]
    stage.venue.frames.clear()
    stage.venue.tell(trade)
    stage.deliver()
    (fill,) = stage.fills(order_id)
    price = fill.price
    curve = Decimal("0.072") * price * (1 - price) * 30
    # 10 x 0.38 + 20 x 0.39 = 11.60, of which 30 x 0.3867 says a tenth of a cent too much.
    assert price * 30 + fill.fee - curve == pytest.approx(Decimal("11.60"), abs=Decimal("0.000002"))


# --- open orders ------------------------------------------------------------------------------------------------


def test_r7_an_order_the_venue_no_longer_knows_at_all_is_over(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    del stage.venue.orders[stage.name_of(order_id)]
    stage.wait(30_000)
    assert stage.state(order_id) is OrderState.CANCELLED


def test_r7_open_orders_are_compared_also_while_trades_are_on_their_way_to_the_chain(stage: PolymarketStage) -> None:
    (filled, ended) = stage.place(40, 39)
    stage.venue.fill(stage.order(filled), 25)
    stage.deliver()
    stage.order(ended).status = "CANCELED"
    stage.wait(12_000)
    assert stage.state(ended) is OrderState.CANCELLED
    assert stage.state(filled) is OrderState.LIVE


# --- wallets ----------------------------------------------------------------------------------------------------


def test_r8_the_list_of_positions_may_be_behind_and_the_tokens_are_asked_then(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    stage.fill(order_id, 2_500)
    stage.settle()
    # The chain has it, the list does not yet.
    stage.venue.balances |= {YES_TOKEN: 25 * MICROS}
    stage.venue.change = lambda route, document: [] if route == "/positions" else document
    stage.wait(12_000)
    assert last_snapshot(stage).holdings == pair_holdings("polymarket", stage.symbol, 2_500, 0)
    stage.venue.change = None
    asked = len(stage.venue.requests)
    stage.wait(30_000)
    tokens = [path for _, path, _ in stage.venue.requests[asked:] if "token_id" in path]
    assert not tokens, "where both say the same nobody is asked one by one"
    assert last_snapshot(stage).holdings == pair_holdings("polymarket", stage.symbol, 2_500, 0)


def test_r6_what_is_redeemable_is_named_with_its_worth_and_what_lost_is_not(stage: PolymarketStage) -> None:
    other, lost = "0x" + "ab" * 32, "0x" + "cd" * 32
    stage.venue.others = [
        position(other, "11", "Down", 99.997714, redeemable=True) | {"curPrice": 1},
        position(other, "12", "Up", 3, redeemable=True) | {"curPrice": 0},
        position(lost, "21", "Up", 500, redeemable=True) | {"curPrice": 0.0},
        position("0x" + "ee" * 32, "31", "Celtics", 5),
    ]
    stage.wait(12_000)
    snapshot = last_snapshot(stage)
    assert snapshot.holdings == []
    (won,) = snapshot.redeemable
    assert (won.symbol, won.cash) == (other, Decimal("99.997714"))
    assert won.holdings == pair_holdings("polymarket", other, 300, 9_999)
    assert won.since_ns == stamp_s("2026-11-21") * 1_000_000_000
    assert snapshot.main.redeemable == Decimal("99.997714")
    assert snapshot.main.rounding >= Decimal("0.01"), "parts of lots are paid too"
    assert stage.alerts().count("foreign_holding") == 1


def test_r6_what_was_redeemed_is_not_counted_twice_while_the_list_is_behind(stage: PolymarketStage) -> None:
    stage.own(700, 300)
    stage.wait(12_000)
    stage.decide()
    stage.wait(12_000)
    assert last_snapshot(stage).main.redeemable == 7
    listed = stage.venue.positions()
    stage.venue.balances |= {"": stage.venue.balances[""] + 7 * MICROS, YES_TOKEN: 0, NO_TOKEN: 0}
    stage.venue.change = lambda route, document: listed if route == "/positions" else document
    stage.wait(60_000)
    for snapshot in stage.snapshots()[-3:]:
        assert (snapshot.main.total, snapshot.main.redeemable) == (Decimal(100_007), Decimal(0))
        assert snapshot.holdings == []


def test_r6_what_bids_reserve_is_named(stage: PolymarketStage) -> None:
    stage.place(40, 30)
    stage.wait(12_000)
    snapshot = last_snapshot(stage)
    assert snapshot.main.reserved == 70
    assert snapshot.main.available == snapshot.main.total - 70


@settings(max_examples=12, derandomize=True, deadline=None)
@given(traded=st.integers(0, 300), lost=st.integers(0, 300), won=st.integers(0, 100))
def test_r26_a_minute_costs_the_same_whatever_the_account_did_before(traded: int, lost: int, won: int) -> None:
    made = PolymarketStage()
    made.trade_elsewhere(traded)
    for number in range(lost + won):
        row = position(f"0xdd{number:062x}", str(number), "Yes", 10, redeemable=True)
        made.venue.others.append(row | {"curPrice": 0 if number < lost else 1})
    made.start()
    made.wait(60_000)
    assert made.session.reconciled
    asked = made.asked()
    made.wait(60_000)
    # 12 heartbeats, 12 looks for trades, and 6 snapshots of four requests each.
    assert made.asked() - asked == 48


def test_r14_numbers_beyond_arithmetic_are_refused_and_there_is_no_snapshot(stage: PolymarketStage) -> None:
    stage.venue.balances[""] = 10**30
    stage.wait(12_000)
    stage.told.clear()
    stage.wait(30_000)
    assert not stage.snapshots()
    stage.venue.balances[""] = 5 * MICROS
    stage.wait(12_000)
    assert last_snapshot(stage).main.total == 5


def test_a_market_that_is_not_the_venues_is_asked_for_now_and_then_and_no_path_is_made_of_it(
    stage: PolymarketStage,
) -> None:
    (order_id,) = stage.place(40)
    trade = stage.venue.fill(stage.order(order_id), 25)
    stage.venue.frames.clear()
    for number, name in enumerate(("../../version", "0xnowhere", "a?b=c")):
        odd = {"id": f"odd-{number}", "market": name, "taker_order_id": "0x12"}
        maker = trade["maker_orders"][0] | {"order_id": "0x13", "owner": OWNER}
        stage.venue.trades.append(trade | odd | {"maker_orders": [maker]})
    asked = len(stage.venue.requests)
    stage.wait(60_000)
    assert stage.filled(order_id) == 2_500
    markets = [path for _, path, _ in stage.venue.requests[asked:] if path.startswith("/clob-markets/")]
    assert set(markets) == {"/clob-markets/0xnowhere"}
    assert len(markets) <= 7
    assert stage.session.describe(stage.now_ns)["trades_unread"] == 3
    assert MARKET in stage.venue.markets
