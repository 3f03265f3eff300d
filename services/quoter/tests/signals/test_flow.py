"""Signed flow, VPIN and what they move: against sums by hand, against chance, and against takers who know."""

from __future__ import annotations

import math
from random import Random

import pytest
from common.bots import Flow
from common.clock import NS_PER_MS, NS_PER_S
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from quoter.signals.flow import BUCKETS_MIN, MarketFlow, SignedFlow, Toxicity, Vpin, informed_cost, toxicity
from quoter.signals.markouts import Markouts, QuoteSide

START_NS = 1_000 * NS_PER_S
CONFIG = Flow()
trades = st.lists(st.tuples(st.integers(0, 20_000), st.integers(-500, 500).filter(bool)), min_size=1, max_size=40)


@given(trades)
def test_signed_flow_is_the_faded_sum_of_what_takers_bought_less_what_they_sold(story: list[tuple[int, int]]) -> None:
    flow, now_ns, told = SignedFlow(), START_NS, []
    for wait_ms, signed in story:
        now_ns += wait_ms * NS_PER_MS
        flow.on_trade(signed, now_ns, 7.0)
        told.append((now_ns, signed))
    now_ns += NS_PER_S
    weighted = [(signed, 0.5 ** ((now_ns - at_ns) / NS_PER_S / 7.0)) for at_ns, signed in told]
    expected = sum(s * w for s, w in weighted) / (sum(abs(s) * w for s, w in weighted) + 50.0)
    assert flow.imbalance(now_ns, 7.0, 50.0) == pytest.approx(expected, abs=1e-9)
    assert -1.0 <= flow.imbalance(now_ns, 7.0, 50.0) <= 1.0
    excess = flow.excess(now_ns, 7.0, 50.0, 1.5)
    assert abs(excess) <= abs(expected) + 1e-12
    assert excess * expected >= 0.0


@given(trades, st.integers(50, 600), st.integers(BUCKETS_MIN, 12))
def test_vpin_is_the_mean_imbalance_of_the_last_buckets_of_volume(
    story: list[tuple[int, int]], bucket: int, keep: int
) -> None:
    vpin, shares = Vpin(), list[int]()
    for _, signed in story:
        vpin.on_trade(signed, bucket, keep)
        shares += [1 if signed > 0 else -1] * abs(signed)
    full = [shares[start : start + bucket] for start in range(0, len(shares) - bucket + 1, bucket)][-keep:]
    if len(full) < BUCKETS_MIN:
        assert vpin.value() is None
    else:
        assert vpin.value() == pytest.approx(sum(abs(sum(each)) / bucket for each in full) / len(full))
        assert 0.0 <= vpin.excess(1.0) <= vpin.excess(0.0) <= (vpin.value() or 0.0)


def test_a_trade_of_any_size_takes_bounded_work() -> None:
    vpin = Vpin()
    vpin.on_trade(1e9, 1.0, 10)
    assert vpin.value() == 1.0


def test_balanced_flow_is_hardly_ever_called_toxic_and_one_sided_flow_is() -> None:
    random = Random(5)

    def mean_cost(buys: float) -> tuple[float, float]:
        """Return the mean toxicity of bid and ask when this share of the takers buys."""
        bid = ask = 0.0
        for _ in range(60):
            traded, now_ns = MarketFlow(), START_NS
            for _ in range(120):
                now_ns += round(random.expovariate(0.5) * NS_PER_S)
                size = random.lognormvariate(math.log(20), 1.2)
                traded.on_trade(size if random.random() < buys else -size, now_ns, CONFIG)
            found = toxicity(traded, Markouts(), "S", 0.5, 150.0, now_ns, CONFIG)
            bid, ask = bid + found.bid / 60, ask + found.ask / 60
        return bid, ask

    balanced, bought = mean_cost(0.5), mean_cost(0.95)
    assert max(balanced) < 0.002
    assert bought[1] > 5 * max(balanced)
    assert bought[1] > bought[0]


def fills(adverse: list[float], side: QuoteSide = QuoteSide.BID) -> tuple[Markouts, int]:
    """Return the markouts of fills of 100 shares after which the fair value went against us so far each."""
    markouts, now_ns = Markouts(), START_NS
    for each in adverse:
        markouts.on_fill("M", "S", side, 0.5 - 0.02 * side, 0.50, 100, now_ns)
        now_ns += NS_PER_S
        markouts.update(now_ns, lambda _, each=each: 0.50 - side * each, CONFIG.markout_half_life_s)  # type: ignore[misc]
    return markouts, now_ns


def cost(markouts: Markouts, now_ns: int, config: Flow = CONFIG) -> Toxicity:
    return toxicity(MarketFlow(), markouts, "S", 0.5, 150.0, now_ns, config)


def test_f2_a_side_whose_fills_keep_losing_moves_away_and_the_other_stays() -> None:
    random = Random(1)
    markouts, now_ns = fills([0.015 + random.gauss(0, 0.01) for _ in range(60)])
    found = cost(markouts, now_ns)
    assert 0.008 < found.bid <= 0.02
    assert (found.ask, found.bid_by) == (0.0, "markouts")
    sold, now_ns = fills([0.015 + random.gauss(0, 0.01) for _ in range(60)], QuoteSide.ASK)
    assert cost(sold, now_ns).ask > 0.008
    assert cost(sold, now_ns).bid == 0.0


def test_fills_after_which_the_price_only_wanders_say_nothing() -> None:
    costs = []
    for seed in range(40):
        random = Random(seed)
        markouts, now_ns = fills([random.gauss(0, 0.03) for _ in range(60)])
        costs.append(cost(markouts, now_ns).bid)
    assert sum(costs) / len(costs) < 0.0005


def test_f2_what_was_toxic_is_forgotten_when_it_is_quiet() -> None:
    markouts, now_ns = fills([0.02] * 50)
    hasty = Flow(markout_half_life_s=600.0)
    at_once = cost(markouts, now_ns, hasty).bid
    later = [cost(markouts, now_ns + minutes * 60 * NS_PER_S, hasty).bid for minutes in (10, 30, 60, 180)]
    assert at_once > later[0] > later[1] > later[2] > later[3]
    assert later[3] < at_once / 100
    traded = MarketFlow()
    for second in range(20):
        traded.on_trade(200.0, START_NS + second * NS_PER_S, CONFIG)
    now_ns = START_NS + 20 * NS_PER_S
    found = [toxicity(traded, Markouts(), "S", 0.5, 150.0, now_ns + s * NS_PER_S, CONFIG).ask for s in (0, 20, 120)]
    assert found[0] > 0.005
    assert found[0] > found[1] > found[2]
    assert found[2] < 0.001


@given(trades, st.floats(0.0, 1.0), st.floats(0.01, 300.0), st.floats(0.0, 0.05))
def test_toxicity_is_bounded_never_negative_and_can_be_turned_off(
    story: list[tuple[int, int]], fair: float, seconds_left: float, most: float
) -> None:
    config = Flow(max_toxicity=most, confidence=0.0)
    traded, now_ns = MarketFlow(), START_NS
    markouts, _ = fills([0.03] * 10)
    for wait_ms, signed in story:
        now_ns += wait_ms * NS_PER_MS
        traded.on_trade(signed, now_ns, config)
        traded.on_own(-signed, now_ns, config)
    found = toxicity(traded, markouts, "S", fair, seconds_left, now_ns, config)
    assert 0.0 <= found.bid <= most
    assert 0.0 <= found.ask <= most


def test_when_takers_know_the_result_the_cost_is_that_of_glosten_and_milgrom() -> None:
    share = 0.3
    assert informed_cost(share, 0.5, 0.5, 1.0) == pytest.approx(share / 2)
    ask = 0.5 * (1 + share) / (1 + share * (2 * 0.5 - 1))
    assert informed_cost(share, 0.5, 0.5, 1.0) == pytest.approx(ask - 0.5)
    assert informed_cost(share, 0.5, 300.0, 1.0) == pytest.approx(share * 0.023, rel=0.01)


def test_a_horizon_that_is_not_kept_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"must be one of 0\.1, 1, 5, 30"):
        Flow(markout_horizon_s=2.0)
