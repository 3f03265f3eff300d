"""What is not signed may be forged by whoever publishes it: each has a bound that catches it (ADR 0010)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from common.bots import Flow
from common.clock import NS_PER_S
from common.core import Newest, Ordered
from common.events import REGISTRY, Event, OrderUpdate, OrderUpdates, OwnDepth, QuoteTarget, SourcePrice, Statistics
from common.instruments import Outcome, Side
from common.orders import OrderState, first_id_of
from common.pretrade import CheckContext, NewOrder, PairInventory, PreTradeCheck, Rejection, RejectReason
from common.streams import stream_of
from common.testing.pretrade import binary_context, limits_in_pair
from pricer.sources.consensus import combine
from quoter.signals.flow import MarketFlow, toxicity
from quoter.signals.markouts import Markouts
from quoter.testing.binary import terms_of
from quoter.testing.script import MARKET, Script, market
from risk.ledger.books import Ledger
from risk.monitoring.equity import HighWaterMarks

from tests.contract.cores import CORES

UNSIGNED = {
    "TopOfBook",
    "Book",
    "Trade",
    "FairValue",
    "SourcePrice",
    "QuoteTarget",
    "OwnDepth",
    "Statistics",
    "TradingStatistics",
    "RiskStatistics",
    "OrderUpdates",
}
BP = 1e-4
PAIR = terms_of(market()).pair
CONTEXT = binary_context(instrument=PAIR.yes, inventory=PairInventory(PAIR), limits=limits_in_pair(max_bid=0.99))


def bid(price_ticks: int) -> NewOrder:
    return NewOrder(7, "1", "mm1", PAIR.yes, Side.BUY, price_ticks, 10, 2_000)


def reason_of(order: NewOrder, context: CheckContext) -> RejectReason | None:
    found = PreTradeCheck(context).of(order)
    return found.reason if isinstance(found, Rejection) else None


def test_r70_the_decision_speaks_of_every_class_that_is_not_signed() -> None:
    assert {name for name, cls in REGISTRY.items() if not cls.signed} == UNSIGNED


def test_r70_a_forged_fair_value_sends_no_order_far_into_the_public_book() -> None:
    forged = replace(CONTEXT, fair=0.95, book_bid_ticks=48, book_ask_ticks=52)
    assert reason_of(bid(94), forged) is RejectReason.BOOK_COLLAR
    assert reason_of(bid(48), replace(CONTEXT, fair_age_ns=501)) is RejectReason.FAIR_STALE, "an old one sends none"


def test_r70_a_forged_book_moves_no_order_away_from_fair_value() -> None:
    forged = replace(CONTEXT, book_bid_ticks=88, book_ask_ticks=90)
    assert reason_of(bid(88), forged) is RejectReason.PRICE_COLLAR
    taking = msgspec.structs.replace(bid(48), post_only=False)
    assert reason_of(taking, forged) is RejectReason.POST_ONLY, "nor takes from it"


def test_r70_a_forged_top_of_book_does_not_move_the_consensus_of_the_others() -> None:
    honest = combine([11.0, 11.0 + 0.2 * BP], [BP**2] * 2, [1, 1], 4.0, 5 * BP)
    forged = combine([11.0, 11.0 + 0.2 * BP, 12.0], [BP**2] * 3, [1, 1, 1], 4.0, 5 * BP)
    assert forged.outside == [False, False, True]
    assert forged.price == pytest.approx(honest.price, abs=1e-12)


def test_r70_forged_trades_only_make_quotes_more_careful() -> None:
    flow, now_ns = MarketFlow(), 1_000 * NS_PER_S
    for _ in range(200):
        now_ns += NS_PER_S
        flow.on_trade(10_000, now_ns, Flow())
    cost = toxicity(flow, Markouts(), "S", 0.5, 150.0, now_ns, Flow())
    assert all(0.0 <= each <= Flow().max_toxicity for each in (cost.bid, cost.ask)), (
        "added to a half-spread, never taken off it"
    )


def test_r70_no_core_that_sends_orders_hears_what_is_for_people() -> None:
    heard = {each.event for each in CORES["quoter"]().inputs() if isinstance(each, Newest | Ordered)}
    assert QuoteTarget not in heard


@pytest.mark.parametrize("cls", [SourcePrice, QuoteTarget, OwnDepth])
def test_r70_a_forged_price_target_or_own_depth_leaves_within_a_minute(cls: type[Event]) -> None:
    assert 0 < stream_of(cls.subject).max_age_s <= 60


def test_r70_a_forged_statistic_lowers_no_profit_that_is_known() -> None:
    peaks = HighWaterMarks()
    peaks.restore("1", 0, Decimal(30))
    peaks.restore("1", 0, Decimal(1))
    assert peaks.update(Ledger(), "1", Decimal(1), 0) == 29
    assert Statistics.subject == "stats.{scope}"


def test_r70_a_forged_order_update_is_asked_of_the_venue() -> None:
    script = Script(epoch=3)
    order_id = first_id_of(2) + 5
    script.core.remember(forged_update(order_id))
    script.start()
    assert ("GET", "/orders?status=open&after=0&limit=1000") in script.venue.requests
    assert len(script.core.trader.orders) == 0, "the venue knows no such order"


def forged_update(order_id: int) -> OrderUpdates:
    order = OrderUpdate(
        account="mm1",
        algo_id="1",
        venue="degen",
        symbol=MARKET,
        order_id=order_id,
        order_sequence=2,
        outcome=Outcome.YES,
        side=Side.BUY,
        price_ticks=40,
        quantity_lots=100,
        leaves_lots=100,
        state=OrderState.LIVE,
        ts_received_ns=1,
    )
    return OrderUpdates(account="mm1", algo_id="1", update_sequence=2, orders=[order], epoch=2)
