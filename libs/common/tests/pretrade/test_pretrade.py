"""The pre-trade check: one test per refusal, and properties that nothing beyond a limit ever passes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from common.instruments import Instrument, InstrumentKind, Outcome, Side
from common.pretrade import (
    FEED_AGE_MAX_NS,
    LIMITS_AGE_MAX_NS,
    CheckContext,
    Closing,
    NewOrder,
    PairInventory,
    RejectReason,
    closed,
    first_halt,
    scopes_of,
    shut,
    stale,
)
from common.testing.pretrade import (
    CENT,
    PAIR,
    a_pair,
    a_pair_inventory,
    binary_context,
    binary_order,
    let_out,
    limits_in_pair,
    rejected,
)
from hypothesis import given
from hypothesis import strategies as st


def test_an_order_within_every_limit_passes() -> None:
    assert rejected(binary_order(), binary_context()) is None


@pytest.mark.parametrize(
    ("reason", "order", "context"),
    [
        (RejectReason.CLOSE_TO_EXPIRY, {}, {"venue_now_ns": 6_000}),
        (RejectReason.CLOSE_TO_EXPIRY, {}, {"venue_now_ns": 5_000}),
        (RejectReason.CLOSE_TO_EXPIRY, {}, {"venue_now_ns": 5_000, "yes_lots": 200, "no_lots": 250}),
        (
            RejectReason.CLOSE_TO_EXPIRY,
            {"side": Side.SELL, "price_ticks": 52},
            {"venue_now_ns": 5_000, "yes_lots": 150, "no_lots": 100},
        ),
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
        (RejectReason.SELF_CROSS, {}, {"others_ask_ticks": 48}),
        (RejectReason.SELF_CROSS, {"outcome": Outcome.NO, "price_ticks": 52}, {"others_bid_ticks": 48}),
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
        (RejectReason.DUPLICATE, {}, {"own_places": {(Outcome.YES, Side.BUY, 48)}}),
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
        (RejectReason.QUOTE_LIFE, {"outcome": Outcome.NO}, {"ask_free_from_ns": 1_001}),
    ],
)
def test_each_refusal_has_its_reason(reason: RejectReason, order: dict[str, Any], context: dict[str, Any]) -> None:
    rejection = rejected(binary_order(**order), binary_context(**context))
    assert rejection is not None
    assert rejection.reason is reason
    assert rejection.order_id == 7
    assert rejection.detail


def test_what_forbids_all_orders_is_said_before_that_the_market_is_closing() -> None:
    late = {"venue_now_ns": 6_000}
    assert closed(binary_context(bus_up=False, **late)) == shut(binary_context(bus_up=False))
    assert closed(binary_context(fair=None, **late)) == stale(binary_context(fair=None))
    assert closed(binary_context()) is None


def test_what_is_held_of_the_other_outcome_may_be_paired_off_beyond_the_position_limit() -> None:
    lowered = limits_in_pair(max_position_lots=100)
    pairing = binary_context(limits=lowered, yes_lots=300, no_lots=200)
    assert rejected(binary_order(outcome=Outcome.NO, price_ticks=48), pairing) is None
    more = rejected(binary_order(outcome=Outcome.NO, price_ticks=48, quantity_lots=101), pairing)
    assert more is not None
    assert more.reason is RejectReason.WORST_CASE_POSITION


def test_in_the_reduce_only_window_pairing_off_passes() -> None:
    assert rejected(binary_order(), binary_context(venue_now_ns=5_999, yes_lots=100, no_lots=200)) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("max_position_lots", RejectReason.WORST_CASE_POSITION),
        ("max_net_lots", RejectReason.WORST_CASE_NET),
        ("max_order_lots", RejectReason.SIZE),
        ("max_open_orders", RejectReason.OPEN_ORDERS),
        ("max_side_orders", RejectReason.OPEN_ORDERS),
        ("max_orders_per_fill", RejectReason.ORDER_TO_FILL),
        ("price_collar", RejectReason.PRICE_COLLAR),
        ("book_collar", RejectReason.BOOK_COLLAR),
        ("max_bid", RejectReason.PRICE_BOUND),
        ("max_order_notional", RejectReason.NOTIONAL),
        ("max_notional", RejectReason.NOTIONAL),
        ("max_account_notional", RejectReason.NOTIONAL),
    ],
)
def test_a_limit_of_zero_is_no_room(name: str, reason: RejectReason) -> None:
    context = binary_context(limits=limits_in_pair(**{name: 0}), book_ask_ticks=47, orders_per_fill=1.0)
    rejection = rejected(binary_order(), context)
    assert rejection is not None
    assert rejection.reason is reason


def test_a_halt_counts_in_its_own_scopes_only() -> None:
    scopes = scopes_of("mm1", "degen", "1", "USD")
    assert first_halt(["bot-2:loss", "venue-binance:down"], scopes) == ""
    for scope in ("global", "venue-degen", "account-mm1", "bot-1", "currency-USD"):
        assert first_halt(["bot-2:loss", f"{scope}:why"], scopes) == f"{scope}:why"


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
    limits_in_pair,
    max_position_lots=st.integers(0, 700),
    max_net_lots=st.integers(0, 700),
    max_order_lots=st.integers(0, 250),
    max_open_orders=st.integers(0, 5),
    min_spread=st.sampled_from([0.0, 0.01, 0.02, 0.05]),
    price_collar=st.sampled_from([0.0, 0.05, 0.3, 0.9]),
    max_bid=st.just(0.99),
    min_ask=st.just(0.01),
    max_order_notional=st.just(1_000.0),
    max_notional=st.just(20_000.0),
)
contexts = st.builds(
    CheckContext,
    now_ns=st.just(1_000),
    venue_now_ns=st.sampled_from([1_000, 1_000, 5_000, 6_000]),
    instrument=st.just(PAIR.yes),
    inventory=st.builds(
        a_pair_inventory,
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
        lambda held_yes, held_no, buy_yes, buy_no, ask, bid, limits, now, fair: binary_context(
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
    binary_order,
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
    admitted = let_out(orders, context)
    assert len(admitted) <= limits.common.max_open_orders
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
        assert all(abs(price / 100 - fair) <= limits.price_collar.price + 1e-6 for price in prices)
    bids = [order.price_ticks for order in admitted if order.outcome is Outcome.YES]
    no_bids = [order.price_ticks for order in admitted if order.outcome is Outcome.NO]
    if bids and no_bids:
        assert max(bids) + max(no_bids) <= 100 - max(1, round(limits.min_spread.price * 100))


def test_a_doubt_about_what_is_held_counts_against_an_order_whichever_way_it_resolves() -> None:
    # 308 YES if the last fill is not in the position yet, 300 if it is: NO may be paired off up to 300 only.
    doubtful = binary_context(
        yes_lots=308, unconfirmed_yes_lots=8, no_lots=284, limits=limits_in_pair(max_position_lots=300)
    )
    pairing = rejected(binary_order(outcome=Outcome.NO, price_ticks=48, quantity_lots=24), doubtful)
    assert pairing is not None
    assert pairing.reason is RejectReason.WORST_CASE_POSITION
    assert rejected(binary_order(outcome=Outcome.NO, price_ticks=48, quantity_lots=16), doubtful) is None
    one_sided = binary_context(no_lots=100, unconfirmed_no_lots=50, limits=limits_in_pair(max_net_lots=40))
    adding = rejected(binary_order(quantity_lots=100), one_sided)
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
        # With another account nothing must trade, and no spread is kept.
        ({}, {"others_ask_ticks": 49, "others_bid_ticks": 60}),
        ({"outcome": Outcome.NO, "price_ticks": 52}, {"others_bid_ticks": 47}),
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
    assert rejected(binary_order(**order), binary_context(**context)) is None


@given(st.lists(buys, max_size=15), st.integers(0, 99), st.integers(0, 99), st.floats(0, 600), st.floats(0, 1_000))
def test_whatever_is_admitted_keeps_to_the_bounds_of_money_place_and_number(
    orders: list[NewOrder], book_bid: int, book_ask: int, bot: float, account: float
) -> None:
    wide = limits_in_pair(price_collar=0.99, max_open_orders=50, max_net_lots=5_000, max_position_lots=5_000)
    context = binary_context(
        limits=wide,
        book_bid_ticks=book_bid,
        book_ask_ticks=book_ask,
        bot_notional=bot,
        account_notional=account,
        messages_left=50.0,
    )
    admitted = let_out(orders, context)
    costs = [order.price_ticks * order.quantity_lots / 100 for order in admitted]
    assert all(cost <= wide.notional.max_order_notional for cost in costs)
    if admitted:
        assert bot + sum(costs) <= wide.notional.max_notional + 1e-6
        assert account + sum(costs) <= wide.notional.max_account_notional + 1e-6
    places = [(order.outcome, order.price_ticks) for order in admitted]
    assert len(set(places)) == len(places)
    for outcome in (Outcome.YES, Outcome.NO):
        prices = [ticks for each, ticks in places if each is outcome]
        assert len(prices) <= wide.common.max_side_orders
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
    context = binary_context(
        limits=limits_in_pair(price_collar=0.99),
        yes_lots=held_yes,
        no_lots=held_no,
        may_take=may_take,
        **{"open_buy_yes_lots" if yes else "open_buy_no_lots": being_bought},
    )
    if rejected(msgspec.structs.replace(order, post_only=False), context) is None:
        own, other = (held_yes, held_no) if yes else (held_no, held_yes)
        assert may_take
        assert own + being_bought + order.quantity_lots <= other


def test_what_may_not_be_held_cannot_be_sold() -> None:
    doubtful = binary_context(yes_lots=100, unconfirmed_yes_lots=1)
    selling = rejected(binary_order(side=Side.SELL, price_ticks=52), doubtful)
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
    rejection = rejected(binary_order(instrument=other), binary_context())
    assert rejection is not None
    assert rejection.reason is RejectReason.WRONG_INSTRUMENT
    assert rejection.detail == f"{other.symbol} ({other.outcome.value}) is not traded here"


def test_what_never_expires_never_closes() -> None:
    assert rejected(binary_order(), binary_context(venue_now_ns=2**62, closing=None)) is None


@given(st.sampled_from([Outcome.YES, Outcome.NO]), lots, lots, st.integers(0, 50), lots, st.integers(1, 200))
def test_what_is_sellable_is_certainly_held_and_not_offered(
    outcome: Outcome, yes: int, no: int, doubt: int, offered: int, size: int
) -> None:
    inventory = a_pair_inventory(
        yes_lots=yes, no_lots=no, unconfirmed_yes_lots=min(doubt, yes), unconfirmed_no_lots=min(doubt, no)
    )
    inventory.add_open(outcome, Side.SELL, offered)
    held = yes if outcome is Outcome.YES else no
    assert inventory.sellable(outcome) == held - min(doubt, held) - offered
    order = binary_order(outcome=outcome, side=Side.SELL, quantity_lots=size)
    assert inventory.worst_case(order) == inventory.sellable(outcome) - size
    with pytest.raises(ValueError, match="outcome: BTC-5M-1 is traded as yes or no, not as none"):
        inventory.add_open(Outcome.NONE, Side.BUY, 1)
