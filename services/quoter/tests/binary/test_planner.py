"""What stands between fair values: a planner says what a fresh look would, and notices every input that changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from common.bots import BinaryBot, Inventory, Quoting
from common.clock import NS_PER_S
from common.pretrade import Held
from hypothesis import given
from hypothesis import strategies as st
from quoter.binary.plan import Opinion, Planner
from quoter.binary.stance import AGE_NS
from quoter.signals.reach import Reach
from quoter.signals.signals import CALM, Signals
from quoter.testing.binary import plan, terms_of
from quoter.testing.script import MARKET_LIMITS, SECTIONS, START_NS, market

TERMS = terms_of(market())
LIFE_S = 300


def a_bot(model: str = "linear", spacing: float = 0.01, **inventory: float) -> BinaryBot:
    return BinaryBot(
        instrument=SECTIONS["instrument"],
        quoting=Quoting(spacing=spacing),
        inventory=Inventory(model=model, **inventory),  # type: ignore[arg-type]
    )


BOT = a_bot()
SIGNALS = [
    CALM,
    Signals(net_skew=0.01, bid_toxicity=0.005),
    Signals(closed_side="bid"),
    Signals(closed_side="ask", reach=Reach(long=40.0, short=25.0, others_bid=0.4)),
    Signals(frozen="too many fills"),
]
steps = st.tuples(
    st.floats(0.01, 0.99),
    st.sampled_from([Held(0, 0), Held(120, 0), Held(0, 480, 0, 20), Held(900, 905, 10, 0)]),
    st.sampled_from([0.0, 40.0, 300.0]),
    st.sampled_from(SIGNALS),
    st.sampled_from([0, AGE_NS, 20 * NS_PER_S]),
)


@pytest.mark.parametrize("model", ["linear", "cara", "glft", "avellaneda_stoikov"])
@given(seen=st.lists(steps, min_size=1, max_size=12), spacing=st.sampled_from([0.01, 0.02, 0.0137]))
def test_a_planner_says_what_a_fresh_look_says(
    model: str, seen: list[tuple[float, Held, float, Signals, int]], spacing: float
) -> None:
    planner, bot, now_ns = Planner(), a_bot(model, spacing, max_settlement_loss=350.0), START_NS
    for fair, held, cost, signals, later_ns in seen:
        now_ns += later_ns
        opinion = Opinion(fair, 0.5, 0.001, signals, cost)
        fresh = plan(opinion, held, now_ns, TERMS, bot, MARKET_LIMITS)
        assert planner.plan(opinion, held, now_ns, TERMS, bot, MARKET_LIMITS) == fresh


def test_an_unchanged_ladder_is_the_very_one_of_before() -> None:
    planner = Planner()
    nearby = [Opinion(fair, 0.5, 0.0, CALM) for fair in (0.501, 0.502)]
    first, second = (planner.plan(each, Held(0, 0), START_NS, TERMS, BOT, MARKET_LIMITS) for each in nearby)
    assert second.wanted is first.wanted
    assert second.skew == first.skew == 0.0


def test_every_input_that_changes_is_noticed() -> None:
    planner = Planner()
    opinion, held = Opinion(0.5, 0.5, 0.0, CALM), Held(0, 0)
    first = planner.plan(opinion, held, START_NS, TERMS, BOT, MARKET_LIMITS)
    wider = BOT.model_copy(update={"quoting": Quoting(spread=0.2)})
    assert planner.plan(opinion, held, START_NS, TERMS, wider, MARKET_LIMITS) != first
    fewer = replace(MARKET_LIMITS, max_order_lots=7)
    assert planner.plan(opinion, held, START_NS, TERMS, BOT, fewer).bids[0].quantity_lots == 7
    coarse = replace(TERMS, grid=TERMS.grid._replace(tick_size=0.05, ticks_per_unit=20))
    assert planner.plan(opinion, held, START_NS, coarse, BOT, MARKET_LIMITS).bids[0].price_ticks < 20
    assert planner.plan(opinion, Held(500, 0), START_NS, TERMS, BOT, MARKET_LIMITS).skew > 0.0
    assert planner.plan(opinion, held, START_NS, TERMS, BOT, MARKET_LIMITS) == first


@pytest.mark.parametrize(("left_s", "state"), [("reduce_only_s", "reduce_only"), ("close_threshold_s", "pulled")])
def test_a_phase_in_which_less_may_rest_begins_on_time(left_s: str, state: str) -> None:
    planner, opinion = Planner(), Opinion(0.5, 0.5, 0.0, CALM)
    begins_ns = TERMS.expiry_ns - int(getattr(BOT.inventory, left_s) * NS_PER_S)
    before = planner.plan(opinion, Held(100, 0), begins_ns - 1_000, TERMS, BOT, MARKET_LIMITS)
    assert before.state != state
    assert planner.plan(opinion, Held(100, 0), begins_ns, TERMS, BOT, MARKET_LIMITS).state == state


def test_a_clock_that_goes_back_is_no_age() -> None:
    planner, opinion = Planner(), Opinion(0.5, 0.5, 0.0, CALM)
    late_ns = TERMS.expiry_ns - NS_PER_S
    assert planner.plan(opinion, Held(0, 0), late_ns, TERMS, BOT, MARKET_LIMITS).state == "pulled"
    assert planner.plan(opinion, Held(0, 0), START_NS, TERMS, BOT, MARKET_LIMITS).state == "quoting"
