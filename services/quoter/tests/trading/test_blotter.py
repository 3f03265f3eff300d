"""Orders, holdings, halts, budget and conversations: the pieces the core stands on."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from common.core import HttpRequest, HttpResponse
from common.events import Fill, Halt, InstrumentTerms, Liquidity, Position
from common.instruments import InstrumentKind, Outcome, Side
from common.orders import OrderState
from common.pretrade import Held
from hypothesis import given
from hypothesis import strategies as st
from quoter.orders.budget import Budget, Use
from quoter.orders.halts import Halts
from quoter.orders.holdings import Holdings
from quoter.orders.own_orders import FINISHED_MAX, Order, Orders
from quoter.testing.binary import terms_of
from quoter.testing.script import market, position_line
from quoter.venues.base import Execution, OrderReport
from quoter.venues.conversation import CONVERSATIONS_MAX, Backoff, Conversations, Pause, Reply, Request, Script

S = 1_000_000_000


def an_order(order_id: int = 1, lots: int = 100) -> Order:
    return Order(order_id, "1", "M", Outcome.YES, Side.BUY, 48, lots)


def report(state: OrderState, sequence: int, executed: int = 0, order_id: int = 1) -> OrderReport:
    return OrderReport(order_id, "v", "M", Outcome.YES, Side.BUY, 48, 100, executed, state, "", sequence, 0)


def execution(trade: str, lots: int, sequence: int = 2, leaves: int = 0, order_id: int = 1) -> Execution:
    return Execution(
        order_id,
        "v",
        trade,
        "M",
        Outcome.YES,
        Side.BUY,
        48,
        lots,
        leaves,
        Liquidity.MAKER,
        Decimal(0),
        "",
        sequence,
        9,
        0,
        False,
    )


def test_an_older_snapshot_of_an_order_changes_nothing() -> None:
    orders = Orders()
    order = an_order()
    orders.add(order)
    assert orders.report(order, report(OrderState.CANCELLED, 3))
    assert not orders.report(order, report(OrderState.LIVE, 1))
    assert order.state is OrderState.CANCELLED
    assert len(orders) == 0


def test_an_order_id_is_never_used_twice() -> None:
    orders = Orders()
    orders.add(an_order())
    with pytest.raises(AssertionError, match="used twice"):
        orders.add(an_order())


def test_an_acknowledged_order_that_is_being_cancelled_stays_so() -> None:
    orders = Orders()
    order = an_order()
    orders.add(order)
    orders.step(order, OrderState.CANCELLING)
    orders.report(order, report(OrderState.LIVE, 1))
    assert order.state is OrderState.CANCELLING
    assert order.leaves_lots == 100


def test_ended_orders_are_remembered_up_to_a_bound() -> None:
    orders = Orders()
    for order_id in range(1, FINISHED_MAX + 12):
        order = an_order(order_id)
        orders.add(order)
        orders.step(order, OrderState.REJECTED)
    assert 1 not in orders
    assert FINISHED_MAX + 11 in orders


def test_a_market_is_forgotten_only_when_no_order_is_left() -> None:
    orders = Orders()
    order = an_order()
    orders.add(order)
    assert not orders.forget_market("M")
    orders.step(order, OrderState.REJECTED)
    assert orders.forget_market("M")
    assert orders.symbols_of("1") == []


steps = st.one_of(
    st.tuples(st.just("fill"), st.integers(0, 5), st.integers(1, 40)),
    st.tuples(st.just("report"), st.sampled_from([OrderState.LIVE, OrderState.CANCELLED]), st.integers(1, 9)),
    st.tuples(st.just("unknown"), st.just(0), st.just(0)),
    st.tuples(st.just("cancelling"), st.just(0), st.just(0)),
)


@given(st.lists(steps, max_size=25))
def test_only_fills_reduce_what_is_open_and_each_counts_once(story: list[tuple[str, Any, int]]) -> None:
    orders = Orders()
    order = an_order()
    orders.add(order)
    seen: dict[str, int] = {}
    for kind, first, second in story:
        if kind == "fill":
            trade = f"t{first}"
            lots = seen.get(trade, second)
            if sum(seen.values()) + (0 if trade in seen else lots) > 100:
                continue
            booked = orders.execution(execution(trade, lots))
            assert (booked is None) == (trade in seen)
            seen[trade] = lots
        elif kind == "report":
            orders.report(order, report(first, second, executed=sum(seen.values())))
        elif kind == "unknown":
            orders.step(order, OrderState.UNKNOWN)
        else:
            orders.step(order, OrderState.CANCELLING)
        assert order.filled_lots == sum(seen.values())
        if not order.state.terminal:
            assert order.leaves_lots == 100 - sum(seen.values())
        assert (1 in {each.order_id for each in orders.living()}) == (not order.state.terminal or order.leaves_lots > 0)
        assert orders.count("1") == len(orders)


# --- holdings -------------------------------------------------------------------------------------------------------


PAIR = terms_of(market(symbol="M")).pair


def a_fill(trade: str, lots: int, outcome: Outcome = Outcome.YES) -> Fill:
    return Fill(
        account="mm1",
        algo_id="1",
        instrument=InstrumentTerms(
            venue="degen",
            symbol="M",
            outcome=outcome,
            kind=InstrumentKind.BINARY,
            currency="USD",
            tick_size=Decimal("0.01"),
        ),
        order_id=1,
        order_sequence=1,
        venue_order_id="v",
        venue_trade_id=trade,
        side=Side.BUY,
        price_ticks=48,
        quantity_lots=lots,
        leaves_lots=0,
        liquidity=Liquidity.MAKER,
        rate=Decimal(1),
        fee_currency="USD",
        ts_event_ns=0,
        ts_received_ns=0,
    )


def a_position(sequence: int, yes: int) -> Position:
    line = position_line(yes, symbol="M")
    others = [position_line(77, outcome, "M", "mm2") for outcome in (Outcome.YES, Outcome.NO)]
    return Position(
        algo_id="1", lines=[line, *others], realized=Decimal(0), fees=Decimal(0), fill_sequence=sequence, ts_ns=0
    )


def test_an_own_fill_counts_until_risks_position_contains_it() -> None:
    holdings = Holdings("mm1")
    assert not holdings.known("1")
    holdings.on_position(a_position(5, 10))
    fill = a_fill("a", 30)
    assert holdings.on_fill(fill, PAIR.yes)
    assert not holdings.on_fill(fill, PAIR.yes)
    assert holdings.of("1", "M") == Held(40, 0, 30, 0)
    holdings.on_published(fill, 6)
    assert holdings.of("1", "M") == Held(40, 0)
    holdings.on_position(a_position(6, 40))
    assert holdings.of("1", "M") == Held(40, 0)
    assert holdings.unledgered == 0


def test_a_position_that_overtakes_the_ack_of_its_fill_leaves_a_doubt_not_a_double() -> None:
    holdings = Holdings("mm1")
    holdings.on_position(a_position(5, 10))
    fill = a_fill("a", 30)
    holdings.on_fill(fill, PAIR.yes)
    holdings.on_position(a_position(6, 40))
    assert holdings.of("1", "M") == Held(70, 0, 30, 0)
    holdings.on_published(fill, 6)
    assert holdings.of("1", "M") == Held(40, 0)


def test_an_older_position_is_not_taken() -> None:
    holdings = Holdings("mm1")
    assert holdings.on_position(a_position(9, 40))
    assert not holdings.on_position(a_position(8, 10))
    assert holdings.of("1", "M") == Held(40, 0)


@given(st.lists(st.tuples(st.sampled_from(["fill", "ack", "position"]), st.integers(0, 5)), max_size=40))
def test_the_real_holding_is_always_within_the_doubt(story: list[tuple[str, int]]) -> None:
    holdings = Holdings("mm1")
    holdings.on_position(a_position(0, 0))
    stored: list[Fill] = []
    acked = applied = 0
    for kind, number in story:
        if kind == "fill":
            fill = a_fill(f"t{len(stored)}", number + 1)
            holdings.on_fill(fill, PAIR.yes)
            stored.append(fill)
        elif kind == "ack" and acked < len(stored):
            holdings.on_published(stored[acked], acked + 1)
            acked += 1
        elif kind == "position" and applied < len(stored):
            applied = min(len(stored), applied + number + 1)
            holdings.on_position(a_position(applied, sum(fill.quantity_lots for fill in stored[:applied])))
        real = sum(fill.quantity_lots for fill in stored)
        found = holdings.of("1", "M")
        assert found.yes_lots - found.unconfirmed_yes_lots <= real <= found.yes_lots


# --- halts, budget, conversations -----------------------------------------------------------------------------------


def a_halt(scope: str = "global", reason: str = "x", *, halt_id: str = "h", **more: Any) -> Halt:
    return Halt(scope=scope, reason=reason, actor="a", halt_id=halt_id, ts_ns=0, **more)


def test_lifting_one_reason_leaves_the_others() -> None:
    halts = Halts()
    halts.on_halt(a_halt(reason="one"), 1)
    halts.on_halt(a_halt(reason="two"), 2)
    halts.on_halt(a_halt(reason="one", lifted=True), 3)
    assert halts.active == ("global:two",)


def test_what_risk_repeats_holds_until_risk_drops_it() -> None:
    halts = Halts()
    assert halts.on_risk("0", ["bot-1:daily_loss"])
    assert not halts.on_risk("0", ["bot-1:daily_loss"])
    assert halts.on_risk("0", [])
    assert halts.active == ()


def test_r13_what_only_risk_speaks_of_empties_its_scope_until_the_stream_says_otherwise() -> None:
    halts = Halts()
    halts.on_risk("0", ["bot-1:daily_loss", "venue-degen:manual"])
    assert halts.empties({"bot-1"})
    halts.on_halt(a_halt("venue-degen", "manual", cancels=True, keep_resting=True), 4)
    assert not halts.empties({"venue-degen"})
    assert not halts.empties({"bot-2"})


def test_r13_a_halt_stored_before_halts_cancelled_keeps_what_it_kept() -> None:
    halts = Halts()
    halts.on_halt(a_halt("bot-1", "manual"), 1)
    assert halts.active == ("bot-1:manual",)
    assert not halts.empties({"bot-1", "global"})
    halts.on_halt(a_halt("bot-1", "manual", cancels=True, halt_id="new"), 2)
    assert halts.empties({"bot-1", "global"})


def test_quotes_stop_at_half_the_budget_hedges_at_a_quarter_cancels_at_nothing() -> None:
    budget = Budget(10, 100)
    assert budget.take(Use.QUOTE, 50, 0)
    assert not budget.take(Use.QUOTE, 1, 0)
    assert budget.take(Use.HEDGE, 25, 0)
    assert not budget.take(Use.HEDGE, 1, 0)
    assert budget.take(Use.CANCEL, 25, 0)
    assert not budget.take(Use.CANCEL, 1, 0)
    assert budget.left(Use.CANCEL, S) == pytest.approx(10)
    assert budget.refused == 3


@given(st.lists(st.tuples(st.integers(0, S), st.integers(1, 30), st.sampled_from(list(Use))), max_size=60))
def test_no_more_is_ever_sent_than_burst_and_rate_allow(story: list[tuple[int, int, Use]]) -> None:
    budget = Budget(50, 40)
    now_ns = sent = 0
    for wait_ns, messages, use in story:
        now_ns += wait_ns
        sent += messages if budget.take(use, messages, now_ns) else 0
        assert sent <= 40 + 50 * now_ns / S + 1e-6


def asks(outputs: list[Any]) -> list[HttpRequest]:
    return [output for output in outputs if isinstance(output, HttpRequest)]


def test_a_script_goes_on_when_its_answer_comes_and_others_are_dropped() -> None:
    told: list[Reply] = []

    def script() -> Script[None]:
        told.append((yield Request("GET", "/one")))
        yield Pause(100)
        told.append((yield Request("POST", "/two", b"{}")))

    talks: Conversations[Any] = Conversations("venue", "http://v/", lambda: {"authorization": "Bearer t"})
    [first] = asks(talks.begin("talk", script(), 0))
    assert (first.url, first.headers["authorization"]) == ("http://v/one", "Bearer t")
    assert talks.on_answer(HttpResponse(99, 200, b"", {}), 0) == []
    assert talks.on_answer(HttpResponse(first.request_id, 200, b"x", {}), 0) == []
    assert talks.open("talk")
    assert talks.on_timer(99_000_000) == []
    [second] = asks(talks.on_timer(100_000_000))
    assert second.headers["content-type"] == "application/json"
    talks.on_answer(HttpResponse(second.request_id, 0, b"", {}), 0)
    assert told == [Reply(200, b"x"), Reply(0, b"")]
    assert not talks.open("talk")
    assert talks.unanswered == 1


def test_an_abandoned_conversation_hears_nothing_more() -> None:
    def script() -> Script[None]:
        yield Request("GET", "/one")
        raise AssertionError("abandoned")

    talks: Conversations[Any] = Conversations("venue", "http://v", dict)
    [ask] = asks(talks.begin("talk", script(), 0))
    talks.abandon("talk")
    assert talks.on_answer(HttpResponse(ask.request_id, 200, b"", {}), 0) == []


def test_the_number_of_open_conversations_has_a_bound() -> None:
    def script() -> Script[None]:
        yield Request("GET", "/one")

    talks: Conversations[Any] = Conversations("venue", "http://v", dict)
    begun = sum(bool(talks.begin(f"talk {number}", script(), 0)) for number in range(CONVERSATIONS_MAX + 5))
    assert begun == CONVERSATIONS_MAX


def test_pauses_grow_to_a_bound_with_jitter() -> None:
    backoff = Backoff(100, 1_000, Random(1))
    lengths = [backoff.next_ms() for _ in range(8)]
    assert all(50 <= length <= 1_000 for length in lengths)
    assert lengths[-1] >= 500
    backoff.reset()
    assert backoff.next_ms() <= 100
