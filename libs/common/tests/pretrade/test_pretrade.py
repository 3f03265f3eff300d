"""The pre-trade check: one test per refusal, and properties that nothing beyond a limit ever passes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from common.events import BotLimits, Conduct, QuoteBounds
from common.instruments import Instrument, InstrumentKind, Outcome, OutcomePair, Side
from common.pretrade import (
    FEED_AGE_MAX_NS,
    LIMITS_AGE_MAX_NS,
    Approved,
    CheckContext,
    Closing,
    Held,
    NewOrder,
    PairInventory,
    Rejection,
    RejectReason,
    check,
    closed,
    first_halt,
    scopes_of,
    shut,
    stale,
)
from hypothesis import given
from hypothesis import strategies as st

CENT = Decimal("0.01")


def a_pair(min_lots: int = 1) -> OutcomePair:
    yes = Instrument(
        "degen",
        "BTC-5M-1",
        InstrumentKind.BINARY,
        "USD",
        CENT,
        Outcome.YES,
        min_lots=min_lots,
        price_max=Decimal(1),
    )
    return OutcomePair(yes, yes.opposite())


PAIR = a_pair()
LIMITS = BotLimits(
    max_position_lots=1_000,
    max_net_lots=800,
    max_order_lots=200,
    max_open_orders=12,
    min_spread=0.02,
    price_collar=0.10,
    max_messages_per_s=100,
    max_daily_loss=Decimal(1_000),
    max_order_notional=60.0,
    max_notional=500.0,
    max_account_notional=900.0,
    book_collar=0.30,
    quotes=QuoteBounds(max_bid=0.90, min_ask=0.05, max_side_orders=6),
    conduct=Conduct(max_cancels_per_s=20, max_orders_per_fill=50),
)


def an_order(*, outcome: Outcome = Outcome.YES, tick_size: Decimal = CENT, **changes: Any) -> NewOrder:
    order = NewOrder(7, "1", "mm1", PAIR.of(outcome).with_tick(tick_size), Side.BUY, 48, 100, 2_000)
    return order._replace(**changes)


def an_inventory(pair: OutcomePair = PAIR, **changes: int) -> PairInventory:
    held = {name: changes.pop(name) for name in Held._fields if name in changes}
    return PairInventory(pair, Held(0, 0)._replace(**held), **changes)


def a_context(**changes: Any) -> CheckContext:
    names = [*Held._fields, "pair", *(name for name in PairInventory.__slots__ if name.startswith("open_"))]
    inventory = an_inventory(**{name: changes.pop(name) for name in names if name in changes})
    context = CheckContext(
        now_ns=1_000,
        venue_now_ns=1_000,
        instrument=inventory.pair.yes,
        inventory=inventory,
        closing=Closing(reduce_only_from_ns=5_000, close_from_ns=6_000),
        bus_up=True,
        reconciled=True,
        deadman_armed=True,
        limits=LIMITS,
        limits_revision=3,
        config_revision=3,
        clock_known=True,
        fair=0.50,
        fair_age_max_ns=500,
        position_known=True,
        messages_left=10.0,
    )
    return replace(context, **changes)


def rejected(order: NewOrder, context: CheckContext) -> Rejection | None:
    found = check(order, context)
    return found if isinstance(found, Rejection) else None


def test_an_order_within_every_limit_passes() -> None:
    assert rejected(an_order(), a_context()) is None


@pytest.mark.parametrize(
    ("reason", "order", "context"),
    [
        (RejectReason.HALTED, {}, {"halt": "bot-1:daily_loss"}),
        (RejectReason.BUS_DOWN, {}, {"bus_up": False}),
        (RejectReason.NOT_RECONCILED, {}, {"reconciled": False}),
        (RejectReason.DEADMAN_NOT_ARMED, {}, {"deadman_armed": False}),
        (RejectReason.NO_LIMITS, {}, {"limits": None}),
        (RejectReason.LIMITS_STALE, {}, {"limits_age_ns": LIMITS_AGE_MAX_NS + 1}),
        (RejectReason.CONFIG_BEHIND, {}, {"limits_revision": 2}),
        (RejectReason.POSITION_UNKNOWN, {}, {"position_known": False}),
        (RejectReason.CLOCK_UNKNOWN, {}, {"clock_known": False}),
        (RejectReason.FEED_SILENT, {}, {"feed_age_ns": FEED_AGE_MAX_NS + 1}),
        (RejectReason.VENUE_SILENT, {}, {"venue_age_ns": 1_000_000_001}),
        (RejectReason.VENUE_SILENT, {}, {"venue_age_ns": 2_501, "venue_age_max_ns": 2_500}),
        (RejectReason.CLOCK_OFFSET, {}, {"clock_offset_ns": 2_000_000_001}),
        (RejectReason.CLOCK_OFFSET, {}, {"clock_offset_ns": -10_000_000_000}),
        (RejectReason.FAIR_STALE, {}, {"fair": None}),
        (RejectReason.FAIR_STALE, {}, {"fair_age_ns": 501}),
        (RejectReason.BOOK_STALE, {}, {"book_stale": True}),
        (RejectReason.CLOSE_TO_EXPIRY, {}, {"venue_now_ns": 6_000}),
        (RejectReason.CLOSE_TO_EXPIRY, {}, {"venue_now_ns": 5_000}),
        (RejectReason.CLOSE_TO_EXPIRY, {}, {"venue_now_ns": 5_000, "yes_lots": 200, "no_lots": 250}),
        (
            RejectReason.CLOSE_TO_EXPIRY,
            {"side": Side.SELL, "price_ticks": 52},
            {"venue_now_ns": 5_000, "yes_lots": 150, "no_lots": 100},
        ),
        (RejectReason.EXPIRED, {"expires_at_ns": 1_000}, {}),
        (RejectReason.DUPLICATE, {}, {"known_ids": {7}}),
        (RejectReason.OFF_TICK, {"tick_size": Decimal("0.001")}, {}),
        (RejectReason.OFF_RANGE, {"price_ticks": 0}, {"fair": 0.01}),
        (RejectReason.OFF_RANGE, {"price_ticks": 100}, {"fair": 0.99}),
        (RejectReason.SIZE, {"quantity_lots": 0}, {}),
        (RejectReason.SIZE, {"quantity_lots": 201}, {}),
        (RejectReason.SIZE, {"quantity_lots": -5}, {}),
        (RejectReason.PRICE_COLLAR, {"price_ticks": 39}, {}),
        (RejectReason.PRICE_COLLAR, {"outcome": Outcome.NO, "price_ticks": 39}, {}),
        (RejectReason.SELF_CROSS, {}, {"best_ask_ticks": 48}),
        (RejectReason.SELF_CROSS, {"outcome": Outcome.NO, "price_ticks": 52}, {"best_bid_ticks": 49}),
        (RejectReason.MIN_SPREAD, {}, {"best_ask_ticks": 49}),
        (RejectReason.MIN_SPREAD, {"outcome": Outcome.NO, "price_ticks": 51}, {"best_bid_ticks": 48}),
        (RejectReason.WORST_CASE_POSITION, {}, {"yes_lots": 901, "no_lots": 901}),
        (RejectReason.WORST_CASE_POSITION, {}, {"yes_lots": 600, "no_lots": 600, "open_buy_yes_lots": 301}),
        (RejectReason.WORST_CASE_POSITION, {"side": Side.SELL, "price_ticks": 52}, {"yes_lots": 99}),
        (
            RejectReason.WORST_CASE_POSITION,
            {"side": Side.SELL, "price_ticks": 52},
            {"yes_lots": 150, "open_sell_yes_lots": 51},
        ),
        (RejectReason.WORST_CASE_NET, {}, {"yes_lots": 701}),
        (RejectReason.WORST_CASE_NET, {"outcome": Outcome.NO}, {"no_lots": 500, "open_buy_no_lots": 201}),
        (RejectReason.OPEN_ORDERS, {}, {"open_orders": 12}),
        (RejectReason.MESSAGE_RATE, {}, {"messages_left": 0.99}),
        (RejectReason.DUPLICATE, {}, {"own_places": {(Outcome.YES, Side.BUY, 48)}}),
        (RejectReason.OPEN_ORDERS, {}, {"open_bids": 6}),
        (RejectReason.OPEN_ORDERS, {"outcome": Outcome.NO}, {"open_asks": 6}),
        (RejectReason.BOOK_COLLAR, {}, {"book_ask_ticks": 17, "book_bid_ticks": 15}),
        (RejectReason.BOOK_COLLAR, {"outcome": Outcome.NO}, {"book_bid_ticks": 83}),
        (
            RejectReason.BOOK_COLLAR,
            {"side": Side.SELL, "price_ticks": 52},
            {"book_bid_ticks": 83, "yes_lots": 100},
        ),
        (RejectReason.PRICE_BOUND, {"price_ticks": 91}, {"fair": 0.90}),
        (RejectReason.PRICE_BOUND, {"outcome": Outcome.NO, "price_ticks": 96}, {"fair": 0.05}),
        (RejectReason.NOTIONAL, {"quantity_lots": 126}, {}),
        (RejectReason.NOTIONAL, {}, {"bot_notional": 452.1}),
        (RejectReason.NOTIONAL, {}, {"account_notional": 852.1}),
        (RejectReason.POST_ONLY, {"post_only": False}, {}),
        (RejectReason.POST_ONLY, {"post_only": False}, {"may_take": True, "no_lots": 99}),
        (RejectReason.POST_ONLY, {"post_only": False}, {"no_lots": 200}),
        (RejectReason.POST_ONLY, {"post_only": False}, {"may_take": True, "no_lots": 100, "unconfirmed_no_lots": 1}),
        (
            RejectReason.POST_ONLY,
            {"post_only": False, "outcome": Outcome.NO},
            {"may_take": True, "yes_lots": 100, "unconfirmed_yes_lots": 1},
        ),
        (RejectReason.CLOSE_TO_EXPIRY, {}, {"venue_now_ns": 6_000, "no_lots": 200}),
        (RejectReason.COLLATERAL, {}, {"free_cash": 47.99}),
        (RejectReason.WORST_CASE_NET, {}, {"yes_lots": 600, "open_buy_yes_lots": 101}),
        (RejectReason.WORST_CASE_NET, {}, {"yes_lots": 600, "open_sell_no_lots": 101, "no_lots": 0}),
        (RejectReason.WORST_CASE_NET, {"outcome": Outcome.NO}, {"no_lots": 600, "open_sell_yes_lots": 101}),
        (RejectReason.WORST_CASE_NET, {}, {"yes_lots": 701, "no_lots": 100, "unconfirmed_no_lots": 100}),
        (
            RejectReason.WORST_CASE_NET,
            {"outcome": Outcome.NO},
            {"no_lots": 701, "yes_lots": 100, "unconfirmed_yes_lots": 100},
        ),
        (
            RejectReason.WORST_CASE_POSITION,
            {},
            {"yes_lots": 1_000, "no_lots": 1_101, "unconfirmed_no_lots": 2},
        ),
        (RejectReason.QUOTE_LIFE, {}, {"bid_free_from_ns": 1_001}),
        (RejectReason.QUOTE_LIFE, {"outcome": Outcome.NO}, {"ask_free_from_ns": 1_001}),
        (RejectReason.CANCEL_RATE, {}, {"cancels_left": 0.0}),
        (RejectReason.ORDER_TO_FILL, {}, {"orders_per_fill": 51.0}),
    ],
)
def test_each_refusal_has_its_reason(reason: RejectReason, order: dict[str, Any], context: dict[str, Any]) -> None:
    rejection = rejected(an_order(**order), a_context(**context))
    assert rejection is not None
    assert rejection.reason is reason
    assert rejection.order_id == 7
    assert rejection.detail


@pytest.mark.parametrize(
    ("detail", "context"),
    [
        ("2.0 ms longer", {"bid_free_from_ns": 2_001_000}),
        ("account would have 900.50, limit 900.00", {"account_notional": 852.5, "bot_notional": 452.0}),
        ("bot would have 500.50, limit 500.00", {"account_notional": 900.0, "bot_notional": 452.5}),
        ("1 ticks through it", {"best_ask_ticks": 47}),
        ("limits are 1500 ms old", {"limits_age_ns": 1_500_000_000}),
    ],
)
def test_a_refusal_says_by_how_much(detail: str, context: dict[str, Any]) -> None:
    rejection = rejected(an_order(), a_context(**context))
    assert rejection is not None
    assert detail in rejection.detail


def test_what_shuts_the_door_is_said_before_that_the_market_is_closing() -> None:
    late = {"venue_now_ns": 6_000}
    assert closed(a_context(bus_up=False, **late)) == shut(a_context(bus_up=False))
    assert closed(a_context(fair=None, **late)) == stale(a_context(fair=None))
    assert closed(a_context()) is None


def test_what_is_held_of_the_other_outcome_may_be_paired_off_beyond_the_position_limit() -> None:
    lowered = replace_limits(max_position_lots=100)
    pairing = a_context(limits=lowered, yes_lots=300, no_lots=200)
    assert rejected(an_order(outcome=Outcome.NO, price_ticks=48), pairing) is None
    more = rejected(an_order(outcome=Outcome.NO, price_ticks=48, quantity_lots=101), pairing)
    assert more is not None
    assert more.reason is RejectReason.WORST_CASE_POSITION


def test_in_the_reduce_only_window_pairing_off_passes() -> None:
    assert rejected(an_order(), a_context(venue_now_ns=5_999, yes_lots=100, no_lots=200)) is None


@pytest.mark.parametrize("name", ["max_position_lots", "max_net_lots", "max_order_lots", "max_open_orders"])
def test_a_limit_of_zero_is_no_room(name: str) -> None:
    assert rejected(an_order(), a_context(limits=replace_limits(**{name: 0}))) is not None


def test_a_halt_counts_in_its_own_scopes_only() -> None:
    scopes = scopes_of("mm1", "degen", "1", "USD")
    assert first_halt(["bot-2:loss", "venue-binance:down"], scopes) == ""
    for scope in ("global", "venue-degen", "account-mm1", "bot-1", "currency-USD"):
        assert first_halt(["bot-2:loss", f"{scope}:why"], scopes) == f"{scope}:why"


def replace_limits(**changes: Any) -> BotLimits:
    fields = {name: getattr(LIMITS, name) for name in LIMITS.__struct_fields__}
    return BotLimits(**(fields | changes))


lots = st.integers(0, 600)
orders = st.builds(
    NewOrder,
    order_id=st.integers(1, 5),
    algo_id=st.just("1"),
    account=st.just("mm1"),
    instrument=st.builds(
        lambda outcome, tick: PAIR.of(outcome).with_tick(tick),
        st.sampled_from([Outcome.YES, Outcome.NO]),
        st.sampled_from([CENT, CENT, CENT, Decimal("0.001")]),
    ),
    side=st.sampled_from([Side.BUY, Side.BUY, Side.SELL]),
    price_ticks=st.integers(-1, 101),
    quantity_lots=st.integers(-1, 250),
    expires_at_ns=st.sampled_from([900, 1_000, 1_001, 5_000]),
)
limits = st.builds(
    BotLimits,
    max_position_lots=st.integers(0, 700),
    max_net_lots=st.integers(0, 700),
    max_order_lots=st.integers(0, 250),
    max_open_orders=st.integers(0, 5),
    min_spread=st.sampled_from([0.0, 0.01, 0.02, 0.05]),
    price_collar=st.sampled_from([0.0, 0.05, 0.3, 0.9]),
    max_messages_per_s=st.just(10),
    max_daily_loss=st.just(Decimal(1)),
)
contexts = st.builds(
    CheckContext,
    now_ns=st.just(1_000),
    venue_now_ns=st.sampled_from([1_000, 1_000, 5_000, 6_000]),
    instrument=st.just(PAIR.yes),
    inventory=st.builds(
        an_inventory,
        yes_lots=lots,
        no_lots=lots,
        open_buy_yes_lots=lots,
        open_buy_no_lots=lots,
        open_sell_yes_lots=lots,
        open_sell_no_lots=lots,
    ),
    closing=st.sampled_from([Closing(5_000, 6_000), Closing(5_000, 6_000), None]),
    halt=st.sampled_from(["", "", "", "global:x"]),
    bus_up=st.sampled_from([True, True, True, False]),
    reconciled=st.sampled_from([True, True, True, False]),
    deadman_armed=st.sampled_from([True, True, True, False]),
    limits=st.one_of(limits, limits, limits, st.none()),
    limits_age_ns=st.sampled_from([0, LIMITS_AGE_MAX_NS, LIMITS_AGE_MAX_NS + 1]),
    limits_revision=st.sampled_from([2, 3, 4]),
    config_revision=st.just(3),
    clock_known=st.sampled_from([True, True, True, False]),
    clock_offset_ns=st.sampled_from([0, 2_000_000_000, -2_000_000_001]),
    feed_age_ns=st.sampled_from([0, FEED_AGE_MAX_NS + 1]),
    venue_age_ns=st.sampled_from([0, 1_000_000_000, 1_000_000_001]),
    fair=st.one_of(st.floats(0, 1), st.floats(0, 1), st.none()),
    fair_age_ns=st.sampled_from([0, 500, 501]),
    fair_age_max_ns=st.just(500),
    book_stale=st.sampled_from([False, False, True]),
    position_known=st.sampled_from([True, True, False]),
    best_bid_ticks=st.integers(0, 99),
    best_ask_ticks=st.integers(0, 99),
    open_orders=st.integers(0, 6),
    messages_left=st.floats(0, 3),
    known_ids=st.sampled_from([frozenset(), frozenset({1, 2})]),
)


@given(orders, contexts)
def test_nothing_passes_through_a_closed_door(order: NewOrder, context: CheckContext) -> None:
    if rejected(order, context) is not None:
        return
    assert not context.halt
    assert context.bus_up
    assert context.reconciled
    assert context.deadman_armed
    assert context.position_known
    assert context.clock_known
    assert abs(context.clock_offset_ns) <= context.clock_offset_max_ns
    assert context.feed_age_ns <= FEED_AGE_MAX_NS
    assert context.venue_age_ns <= context.venue_age_max_ns
    assert context.limits is not None
    assert context.limits_age_ns <= LIMITS_AGE_MAX_NS
    assert context.limits_revision >= context.config_revision
    assert context.fair is not None
    assert context.fair_age_ns <= context.fair_age_max_ns
    assert not context.book_stale
    assert context.closing is None or context.venue_now_ns < context.closing.close_from_ns
    assert order.expires_at_ns > context.now_ns
    assert order.order_id not in context.known_ids


def open_contexts(**changes: Any) -> st.SearchStrategy[CheckContext]:
    """Views whose door is open, so that the limits decide."""
    return st.builds(
        lambda held_yes, held_no, buy_yes, buy_no, ask, bid, limits, now, fair: a_context(
            limits=limits,
            venue_now_ns=now,
            fair=fair,
            yes_lots=held_yes,
            no_lots=held_no,
            open_buy_yes_lots=buy_yes,
            open_buy_no_lots=buy_no,
            best_ask_ticks=ask,
            best_bid_ticks=bid,
            messages_left=20.0,
            **changes,
        ),
        st.integers(0, 600),
        st.integers(0, 600),
        st.integers(0, 100),
        st.integers(0, 100),
        st.integers(0, 99),
        st.integers(0, 99),
        limits,
        st.sampled_from([1_000, 5_000]),
        st.floats(0, 1),
    )


buys = st.builds(
    an_order,
    outcome=st.sampled_from([Outcome.YES, Outcome.NO]),
    price_ticks=st.integers(1, 99),
    quantity_lots=st.integers(1, 200),
)


@given(st.lists(buys, max_size=12), open_contexts())
def test_whatever_is_admitted_one_after_another_no_worst_case_passes_its_limit(
    orders: list[NewOrder], context: CheckContext
) -> None:
    limits = context.limits
    assert limits is not None
    assert isinstance(context.inventory, PairInventory)
    yes, no, _, _ = context.inventory.held
    admitted: list[NewOrder] = []
    for order in orders:
        found = check(order, context)
        if isinstance(found, Approved):
            context.admit(found)
            admitted.append(found.order)
    assert len(admitted) <= limits.max_open_orders
    assert len(admitted) <= 20
    for outcome, held, other in ((Outcome.YES, yes, no), (Outcome.NO, no, yes)):
        sizes = [order.quantity_lots for order in admitted if order.outcome is outcome]
        prices = [order.price_ticks for order in admitted if order.outcome is outcome]
        if not sizes:
            continue
        assert max(sizes) <= limits.max_order_lots
        worst = held + sum(sizes)
        assert worst <= max(limits.max_position_lots, other)
        assert worst - other <= limits.max_net_lots
        if context.reduce_only:
            assert worst <= other
        fair = context.fair if outcome is Outcome.YES else 1 - (context.fair or 0.0)
        assert fair is not None
        assert all(abs(price / 100 - fair) <= limits.price_collar + 1e-6 for price in prices)
    bids = [order.price_ticks for order in admitted if order.outcome is Outcome.YES]
    no_bids = [order.price_ticks for order in admitted if order.outcome is Outcome.NO]
    if bids and no_bids:
        assert max(bids) + max(no_bids) <= 100 - max(1, round(limits.min_spread * 100))


def test_a_doubt_about_what_is_held_counts_against_an_order_whichever_way_it_resolves() -> None:
    # 308 YES if the last fill is not in the position yet, 300 if it is: NO may be paired off up to 300 only.
    doubtful = a_context(
        yes_lots=308, unconfirmed_yes_lots=8, no_lots=284, limits=replace_limits(max_position_lots=300)
    )
    pairing = rejected(an_order(outcome=Outcome.NO, price_ticks=48, quantity_lots=24), doubtful)
    assert pairing is not None
    assert pairing.reason is RejectReason.WORST_CASE_POSITION
    assert rejected(an_order(outcome=Outcome.NO, price_ticks=48, quantity_lots=16), doubtful) is None
    one_sided = a_context(no_lots=100, unconfirmed_no_lots=50, limits=replace_limits(max_net_lots=40))
    adding = rejected(an_order(quantity_lots=100), one_sided)
    assert adding is not None
    assert adding.reason is RejectReason.WORST_CASE_NET


@pytest.mark.parametrize(
    ("order", "context"),
    [
        # A price is judged against the side it could execute with, and only when it reaches into it.
        ({}, {"book_ask_ticks": 18}),
        ({}, {"book_bid_ticks": 1, "book_ask_ticks": 99}),
        ({}, {"book_bid_ticks": 99}),
        ({"outcome": Outcome.NO}, {"book_bid_ticks": 82}),
        # The other side's quotes neither count nor wait.
        ({}, {"open_asks": 6, "ask_free_from_ns": 9_000}),
        ({}, {"bid_free_from_ns": 1_000, "orders_per_fill": 50.0, "cancels_left": 1.0}),
        ({"price_ticks": 90, "quantity_lots": 50}, {"fair": 0.90}),
        ({"outcome": Outcome.NO, "price_ticks": 95, "quantity_lots": 50}, {"fair": 0.05}),
        ({"quantity_lots": 125}, {}),
        ({}, {"bot_notional": 452.0, "account_notional": 852.0}),
        # What pairs off a holding frees money, and may take where taking is allowed.
        ({}, {"bot_notional": 9_999.0, "account_notional": 9_999.0, "no_lots": 100}),
        ({"post_only": False}, {"may_take": True, "no_lots": 100}),
        ({"post_only": False, "outcome": Outcome.NO}, {"may_take": True, "yes_lots": 100}),
        # Exactly at a limit is within it.
        ({}, {"limits_age_ns": LIMITS_AGE_MAX_NS, "feed_age_ns": FEED_AGE_MAX_NS, "fair_age_ns": 500}),
        ({}, {"pair": a_pair(100), "messages_left": 1.0, "free_cash": 48.0}),
        ({"price_ticks": 25, "quantity_lots": 200}, {"fair": 0.25}),
        ({"price_ticks": 40}, {}),
        ({}, {"best_ask_ticks": 50}),
        ({}, {"yes_lots": 700}),
        ({}, {"yes_lots": 750, "no_lots": 100}),
        ({"outcome": Outcome.NO}, {"no_lots": 750, "yes_lots": 100}),
        ({"outcome": Outcome.NO}, {"no_lots": 500, "open_buy_no_lots": 200}),
        ({"side": Side.SELL}, {"venue_now_ns": 5_000, "yes_lots": 200, "no_lots": 100}),
        # Selling needs no cash, and before the window it may turn the position.
        ({"side": Side.SELL}, {"yes_lots": 150, "no_lots": 100, "free_cash": 0.0}),
        ({"post_only": False, "side": Side.SELL, "price_ticks": 52}, {"may_take": True, "yes_lots": 100}),
        ({}, {"own_places": {(Outcome.YES, Side.BUY, 47), (Outcome.NO, Side.BUY, 48)}}),
        ({}, {"own_places": {(Outcome.YES, Side.SELL, 48), (Outcome.NO, Side.SELL, 48)}}),
    ],
)
def test_what_is_just_within_a_bound_passes(order: dict[str, Any], context: dict[str, Any]) -> None:
    assert rejected(an_order(**order), a_context(**context)) is None


@given(st.lists(buys, max_size=15), st.integers(0, 99), st.integers(0, 99), st.floats(0, 600), st.floats(0, 1_000))
def test_whatever_is_admitted_keeps_to_the_bounds_of_money_place_and_number(
    orders: list[NewOrder], book_bid: int, book_ask: int, bot: float, account: float
) -> None:
    wide = replace_limits(price_collar=0.99, max_open_orders=50, max_net_lots=5_000, max_position_lots=5_000)
    context = a_context(
        limits=wide,
        book_bid_ticks=book_bid,
        book_ask_ticks=book_ask,
        bot_notional=bot,
        account_notional=account,
        messages_left=50.0,
    )
    admitted: list[NewOrder] = []
    for order in orders:
        found = check(order, context)
        if isinstance(found, Approved):
            context.admit(found)
            admitted.append(found.order)
    costs = [order.price_ticks * order.quantity_lots / 100 for order in admitted]
    assert all(cost <= wide.max_order_notional for cost in costs)
    if admitted:
        assert bot + sum(costs) <= wide.max_notional + 1e-6
        assert account + sum(costs) <= wide.max_account_notional + 1e-6
    places = [(order.outcome, order.price_ticks) for order in admitted]
    assert len(set(places)) == len(places)
    for outcome in (Outcome.YES, Outcome.NO):
        prices = [ticks for each, ticks in places if each is outcome]
        assert len(prices) <= wide.quotes.max_side_orders
        if not prices:
            continue
        if outcome is Outcome.YES:
            assert max(prices) <= 90
            assert not book_ask or max(prices) - book_ask <= 30
        else:
            assert max(prices) <= 95
            assert not book_bid or book_bid - (100 - max(prices)) <= 30


@given(buys, st.integers(0, 300), st.integers(0, 300), st.integers(0, 300), st.booleans())
def test_an_order_that_takes_only_ever_makes_the_position_smaller(
    order: NewOrder, held_yes: int, held_no: int, being_bought: int, may_take: bool
) -> None:
    yes = order.outcome is Outcome.YES
    context = a_context(
        limits=replace_limits(price_collar=0.99),
        yes_lots=held_yes,
        no_lots=held_no,
        may_take=may_take,
        **{"open_buy_yes_lots" if yes else "open_buy_no_lots": being_bought},
    )
    if rejected(order._replace(post_only=False), context) is None:
        own, other = (held_yes, held_no) if yes else (held_no, held_yes)
        assert may_take
        assert own + being_bought + order.quantity_lots <= other


def test_what_may_not_be_held_cannot_be_sold() -> None:
    doubtful = a_context(yes_lots=100, unconfirmed_yes_lots=1)
    selling = rejected(an_order(side=Side.SELL, price_ticks=52), doubtful)
    assert selling is not None
    assert selling.reason is RejectReason.WORST_CASE_POSITION


@pytest.mark.parametrize(
    "other",
    [
        replace(PAIR.yes, symbol="BTC-5M-2"),
        replace(PAIR.yes, lot_size=CENT),
        replace(PAIR.yes, kind=InstrumentKind.SPOT, outcome=Outcome.NONE, price_max=None),
    ],
)
def test_an_order_for_another_instrument_is_refused_by_its_name(other: Instrument) -> None:
    rejection = rejected(an_order(instrument=other), a_context())
    assert rejection is not None
    assert rejection.reason is RejectReason.WRONG_INSTRUMENT
    assert rejection.detail == f"{other.symbol} ({other.outcome.value}) is not traded here"


def test_what_never_expires_never_closes() -> None:
    assert rejected(an_order(), a_context(venue_now_ns=2**62, closing=None)) is None


@given(st.sampled_from([Outcome.YES, Outcome.NO]), lots, lots, st.integers(0, 50), lots, st.integers(1, 200))
def test_what_is_sellable_is_certainly_held_and_not_offered(
    outcome: Outcome, yes: int, no: int, doubt: int, offered: int, size: int
) -> None:
    inventory = an_inventory(
        yes_lots=yes, no_lots=no, unconfirmed_yes_lots=min(doubt, yes), unconfirmed_no_lots=min(doubt, no)
    )
    inventory.add_open(outcome, Side.SELL, offered)
    held = yes if outcome is Outcome.YES else no
    assert inventory.sellable(outcome) == held - min(doubt, held) - offered
    order = an_order(outcome=outcome, side=Side.SELL, quantity_lots=size)
    assert inventory.worst_case(order) == inventory.sellable(outcome) - size
    with pytest.raises(ValueError, match="outcome: BTC-5M-1 is traded as yes or no, not as none"):
        inventory.add_open(Outcome.NONE, Side.BUY, 1)
