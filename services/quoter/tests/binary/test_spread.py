"""How far from fair value to quote: each component, its direction and its bound."""

from __future__ import annotations

import pytest
from common.bots import Quoting
from hypothesis import given
from hypothesis import strategies as st
from quoter.binary.spread import distances, volatility_factor
from quoter.signals.signals import CALM, Signals

fairs = st.floats(0.001, 0.999)
lives_s = st.floats(0.5, 3_600)


def test_f4_wild_markets_are_quoted_wider_and_quiet_ones_tighter_within_bounds() -> None:
    quoting = Quoting(volatility_reference=0.5, tightest_factor=0.8, widest_factor=2.0)
    assert [volatility_factor(level, quoting) for level in (0.1, 0.45, 0.5, 0.8, 3.0)] == [0.8, 0.9, 1.0, 1.6, 2.0]
    assert volatility_factor(3.0, Quoting()) == 1.0


@given(fairs, st.floats(1, 300), st.floats(1, 300))
def test_f4_the_nearer_the_end_the_wider(fair: float, one: float, other: float) -> None:
    quoting = Quoting(staleness_ms=150)
    near, far = sorted((one, other))
    assert (
        distances(fair, near, 0.5, 0.0, 0.02, quoting, CALM).bid
        >= distances(fair, far, 0.5, 0.0, 0.02, quoting, CALM).bid - 1e-12
    )


def test_f2_toxicity_moves_only_the_side_it_was_seen_on() -> None:
    calm = distances(0.5, 100, 0.5, 0.0, 0.02, Quoting(), CALM)
    bitten = distances(0.5, 100, 0.5, 0.0, 0.02, Quoting(), Signals(bid_toxicity=0.015))
    assert bitten.bid == pytest.approx(calm.bid + 0.015)
    assert bitten.ask == calm.ask
    assert bitten.parts["bid_toxicity"] == 0.015


def test_f5_a_rebate_is_handed_on_but_never_below_the_least_spread() -> None:
    assert distances(0.5, 100, 0.5, 0.0, 0.02, Quoting(maker_rebate=0.02), CALM).bid == pytest.approx(0.02 - 0.005)
    assert distances(0.5, 100, 0.5, 0.0, 0.03, Quoting(maker_rebate=0.5), CALM).bid == pytest.approx(0.015)


@given(
    fairs,
    lives_s,
    st.floats(0.05, 3),
    st.floats(0, 0.1),
    st.floats(0.01, 0.2),
    st.floats(0, 0.1),
    st.floats(0, 0.1),
    st.builds(Quoting, spread=st.floats(0.005, 0.3), staleness_ms=st.floats(0, 500), maker_rebate=st.floats(0, 0.1)),
)
def test_the_sides_together_are_never_closer_than_the_least_spread_and_are_the_sum_of_their_parts(
    fair: float,
    left_s: float,
    volatility: float,
    uncertainty: float,
    least: float,
    bid_toxicity: float,
    ask_toxicity: float,
    quoting: Quoting,
) -> None:
    found = distances(fair, left_s, volatility, uncertainty, least, quoting, Signals(bid_toxicity, ask_toxicity))
    assert found.bid + found.ask >= least - 1e-12
    parts = found.parts
    common = parts["floor"] + parts["staleness"] + parts["uncertainty"] + parts["rebate"]
    assert found.bid == pytest.approx(max(least / 2, common + bid_toxicity))
    assert found.ask == pytest.approx(max(least / 2, common + ask_toxicity))
