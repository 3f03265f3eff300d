"""The whole opinion of a quote: models, phases, the dead side, the widest spread, live changes."""

from __future__ import annotations

from typing import Any

import pytest
from common.bots import BinaryBot, Inventory, Quoting
from common.clock import NS_PER_S
from common.pretrade import Held, MarketLimits
from hypothesis import given
from hypothesis import strategies as st
from quoter.binary.plan import Opinion
from quoter.signals.signals import CALM, Signals
from quoter.testing.binary import plan, terms_of
from quoter.testing.script import MARKET, MARKET_LIMITS, SECTIONS, START_NS, Script, config, market
from quoter.trading.strategy import Plan

TERMS = terms_of(market())
FLAT = Held(0, 0)


def quoted(
    fair: float = 0.5,
    held: Held = FLAT,
    *,
    elapsed: float = 0.1,
    limits: MarketLimits = MARKET_LIMITS,
    volatility: float = 0.5,
    uncertainty: float = 0.0,
    signals: Signals = CALM,
    quoting: dict[str, Any] | None = None,
    **inventory: Any,
) -> Plan:
    bot = BinaryBot(
        instrument=SECTIONS["instrument"], quoting=Quoting(**(quoting or {})), inventory=Inventory(**inventory)
    )
    now_ns = START_NS + int(elapsed * 300 * NS_PER_S)
    return plan(Opinion(fair, volatility, uncertainty, signals), held, now_ns, TERMS, bot, limits)


def best(found: Plan) -> tuple[int, int]:
    return found.bids[0].price_ticks, found.asks[0].price_ticks


@pytest.mark.parametrize("model", ["linear", "cara", "avellaneda_stoikov", "glft"])
def test_b6_every_model_moves_both_sides_down_when_long_and_up_when_short(model: str) -> None:
    flat, long, short = (
        best(quoted(held=held, model=model, risk_aversion=4e-4, fill_intensity=0.05, lean_net=2_000))
        for held in (Held(0, 0), Held(600, 0), Held(0, 600))
    )
    assert long[0] < flat[0] < short[0]
    assert long[1] < flat[1] < short[1]


@given(
    st.floats(0.01, 0.99),
    st.integers(0, 1_000),
    st.integers(0, 1_000),
    st.floats(0, 0.98),
    st.sampled_from(["linear", "cara", "avellaneda_stoikov", "glft"]),
    st.floats(0, 0.1),
)
def test_b12_own_bids_for_both_outcomes_never_add_up_to_more_than_one_less_the_least_spread(
    fair: float, yes: int, no: int, elapsed: float, model: str, uncertainty: float
) -> None:
    found = quoted(fair, Held(yes, no), elapsed=elapsed, uncertainty=uncertainty, model=model)
    if found.bids and found.asks:
        bid, ask = best(found)
        assert ask - bid >= 2
    assert all(0 < level.price_ticks < 100 for level in (*found.bids, *found.asks))
    assert len({level.price_ticks for level in found.bids}) == len(found.bids)


@pytest.mark.parametrize(
    ("fair", "elapsed", "held", "yes_bids", "no_bids"),
    [
        (0.92, 0.50, Held(0, 0), True, True),
        (0.92, 0.86, Held(0, 0), True, False),
        (0.08, 0.86, Held(0, 0), False, True),
        (0.92, 0.84, Held(0, 0), True, True),
        (0.85, 0.86, Held(0, 0), True, True),
    ],
)
def test_a4_the_side_that_has_all_but_lost_is_not_bid_for_near_the_end(
    fair: float, elapsed: float, held: Held, yes_bids: bool, no_bids: bool
) -> None:
    found = quoted(fair, held, elapsed=elapsed)
    assert (bool(found.bids), bool(found.asks)) == (yes_bids, no_bids)


def test_a4_what_only_pairs_off_a_holding_is_bid_for_on_the_dead_side_too() -> None:
    found = quoted(0.93, Held(150, 0), elapsed=0.86, max_position=10_000)
    assert sum(level.quantity_lots for level in found.asks) == 150


def test_a_spread_beyond_the_widest_is_not_quoted_but_a_holding_is_still_reduced() -> None:
    wide = {"max_spread": 0.10}
    assert quoted(uncertainty=0.02, quoting=wide).state == "quoting"
    found = quoted(uncertainty=0.04, quoting=wide)
    assert (found.state, found.wanted) == ("pulled", [])
    assert "0.120" in found.reason
    reducing = quoted(held=Held(100, 0), uncertainty=0.04, elapsed=0.9, quoting=wide)
    assert reducing.state == "reduce_only"
    assert reducing.asks


def test_f2_a_frozen_market_rests_nothing_and_says_why() -> None:
    found = quoted(signals=Signals(frozen="12 fills in 5 s"))
    assert (found.state, found.reason, found.wanted) == ("frozen", "12 fills in 5 s", [])


def test_f3_what_other_markets_hold_shifts_both_sides() -> None:
    calm, leaning = best(quoted()), best(quoted(signals=Signals(net_skew=0.02)))
    assert (calm[0] - leaning[0], calm[1] - leaning[1]) == (2, 2)


def test_a1_a2_spread_and_size_are_configuration_and_a_change_moves_resting_quotes_at_once() -> None:
    script = Script()
    script.quoting(0.50)
    assert script.venue.prices("yes") == ["0.46", "0.47", "0.48"]
    changed = config(2, quoting={"spread": 0.08, "size": 40, "levels": 2})
    script.carry(script.core.on_config(changed, script.receipt()))
    script.feed_inputs(revision=2)
    for _ in range(3):
        script.feed_inputs(revision=2)
        script.fair(0.50)
        script.now_ns += 50_000_000
        script.carry(script.core.on_timer(script.receipt()))
    assert script.venue.prices("yes") == ["0.45", "0.46"]
    assert {order.size for order in script.venue.open_orders()} == {40}


def test_the_parts_of_a_quote_are_told() -> None:
    parts = quoted(quoting={"staleness_ms": 100}, uncertainty=0.01).parts
    assert parts["floor"] == pytest.approx(0.02)
    assert parts["uncertainty"] == pytest.approx(0.01)
    assert parts["staleness"] > 0
    assert parts["reservation_bid"] == pytest.approx(0.5)


def test_a1_a2_spread_and_size_differ_by_underlying_and_by_market_and_only_what_changed_moves() -> None:
    later = "BTC-5M-1795223400"
    script = Script()
    overrides = {"by_underlying": {"BTC": {"quoting": {"size": 50}}}}
    script.start(config(overrides=overrides))
    script.carry(script.core.on_market(market(symbol=later), script.receipt(3)))

    def go_on(revision: int) -> None:
        for _ in range(15):
            script.now_ns += 50_000_000
            script.feed_inputs(revision=revision)
            for symbol in (MARKET, later):
                script.fair(0.50, symbol=symbol)
            script.carry(script.core.on_timer(script.receipt()))

    def resting(symbol: str) -> set[tuple[str, str, int]]:
        found = [order for order in script.venue.open_orders() if order.market == symbol]
        return {(order.client_order_id, order.price, order.size) for order in found if order.outcome == "yes"}

    go_on(1)
    before = resting(MARKET)
    assert {(price, size) for _, price, size in before} == {("0.48", 50), ("0.47", 50), ("0.46", 50)}
    changed = overrides | {"by_market": {later: {"quoting": {"spread": 0.10, "levels": 1}}}}
    script.carry(script.core.on_config(config(2, overrides=changed), script.receipt()))
    go_on(2)
    assert {(price, size) for _, price, size in resting(later)} == {("0.45", 50)}
    assert resting(MARKET) == before, "what did not change keeps its place in the queue"
