"""The table of leans: against a solver of the same equation, its limits, and what it does to quotes near the end."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from common.bots import BinaryBot, Inventory
from common.clock import NS_PER_S
from common.pretrade import Held
from hypothesis import given
from hypothesis import strategies as st
from quoter.binary.models.glft import BOUND, Leans, _solved, leans_for
from quoter.binary.plan import Opinion
from quoter.signals.signals import CALM
from quoter.testing.binary import plan, strategy_of, terms_of
from quoter.testing.script import MARKET_LIMITS, SECTIONS, START_NS, Script, config, market
from quoter.trading.strategy import Plan
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.stats import norm

GAMMA, K, INTENSITY, PENALTY, MOST, STOP_S = 1e-4, 50.0, 0.5, 0.10, 1_000.0, 5.0
LEANS = Leans(GAMMA, K, INTENSITY, PENALTY, MOST, STOP_S)
STATES = np.arange(-BOUND, BOUND + 1)
BEGIN = np.exp(-K * PENALTY * STATES**2 / (2 * BOUND))
TICK = 0.01


def beside() -> float:
    risk = GAMMA * MOST / BOUND
    return float(INTENSITY * (1 + risk / K) ** -(1 + K / risk))


def leans(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.log(values[:-1] / values[1:]) / K


@pytest.mark.parametrize("fair", [0.5, 0.2, 0.9, 0.99])
@pytest.mark.parametrize("left_s", [STOP_S * 1.2**3, STOP_S * 1.2**8, STOP_S * 1.2**20])
def test_s3_4_the_table_agrees_with_a_solver_of_the_same_equation(fair: float, left_s: float) -> None:
    s = norm.pdf(norm.ppf(fair))
    quadratic = K * GAMMA * MOST / BOUND / 2

    def slope(tau: float, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        found = -(quadratic * s * s / tau) * STATES**2 * values
        found[:-1] += beside() * values[1:]
        found[1:] += beside() * values[:-1]
        return np.asarray(found)

    solved = solve_ivp(slope, (STOP_S, left_s), BEGIN, method="LSODA", rtol=1e-8, atol=1e-30)
    expected = leans(solved.y[:, -1])
    for place, lean in enumerate(expected):
        found = LEANS.bid_lean(fair, left_s, (place - BOUND) * LEANS.unit)
        assert found == pytest.approx(float(lean), abs=0.5 * TICK)
    assert max(abs(expected)) > TICK, "there is something to agree with"


@pytest.mark.parametrize("gamma", [1e-9, 1.0])
@pytest.mark.parametrize("k", [1e-3, 10_000.0])
@pytest.mark.parametrize("intensity", [1e-6, 1_000.0])
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_r67_no_parameters_that_a_bot_may_have_break_the_table(
    gamma: float, k: float, intensity: float, penalty: float
) -> None:
    found = Leans(gamma, k, intensity, penalty, 10_000_000.0, 0.0)
    for left_s in (0.0, 3_600.0, 86_400.0, 1e9):
        row = [found.bid_lean(0.5, left_s, q * found.unit) for q in range(-BOUND, BOUND)]
        assert all(np.isfinite(row))
        assert row == pytest.approx(sorted(row), abs=1e-6), "who holds more never bids more"


def test_without_risk_of_the_price_it_is_the_matrix_exponential() -> None:
    left_s = STOP_S * 1.2**10
    matrix = beside() * (np.eye(2 * BOUND + 1, k=1) + np.eye(2 * BOUND + 1, k=-1))
    expected = leans(expm(matrix * (left_s - STOP_S)) @ BEGIN)
    found = [LEANS.bid_lean(1.0, left_s, q * LEANS.unit) for q in range(-BOUND, BOUND)]
    assert found == pytest.approx(list(expected), abs=0.002)


def test_a5_when_quoting_stops_the_last_share_of_a_full_position_is_given_up_for_the_penalty() -> None:
    assert LEANS.bid_lean(0.5, STOP_S, MOST) == pytest.approx(PENALTY, rel=0.06)
    assert LEANS.bid_lean(0.5, 0.0, 500) == pytest.approx(PENALTY * 0.55)


@given(st.floats(0.02, 0.98), st.floats(0, 4_000), st.floats(-1_000, 1_000), st.floats(0, 300))
def test_the_more_is_held_the_lower_are_both_quotes(fair: float, left_s: float, net: float, more: float) -> None:
    assert LEANS.bid_lean(fair, left_s, net + more) >= LEANS.bid_lean(fair, left_s, net) - 1e-9
    assert LEANS.ask_lean(fair, left_s, net + more) <= LEANS.ask_lean(fair, left_s, net) + 1e-9
    # Never a bid above an ask: the lean alone leaves a spread.
    assert LEANS.bid_lean(fair, left_s, net) + LEANS.ask_lean(fair, left_s, net) >= -1e-9


@given(st.floats(0, 4_000), st.floats(-1_000, 1_000), st.floats(0.001, 0.999))
def test_yes_and_no_are_treated_alike_and_a_small_move_moves_it_little(left_s: float, net: float, fair: float) -> None:
    assert LEANS.bid_lean(fair, left_s, net) == pytest.approx(LEANS.bid_lean(1 - fair, left_s, net), abs=1e-9)
    near = min(0.999, fair + 1e-6)
    assert LEANS.bid_lean(near, left_s, net) == pytest.approx(LEANS.bid_lean(fair, left_s, net), abs=1e-4)


def test_a5_the_same_holding_is_leaned_against_harder_as_the_end_comes_near() -> None:
    found = [LEANS.bid_lean(0.5, left_s, 300) for left_s in (300, 120, 60, 30, 15, 5)]
    assert found == sorted(found)
    assert found[-1] > 10 * found[0]


@pytest.mark.parametrize("bad", [{"k": 0.0}, {"penalty": -0.1}, {"max_position": 0.0}])
def test_parameters_without_a_solution_are_refused(bad: dict[str, float]) -> None:
    good = {"gamma": 1e-4, "k": 50.0, "intensity": 0.5, "penalty": 0.1, "max_position": 100.0, "stop_s": 5.0}
    with pytest.raises(ValueError, match="must be above 0"):
        Leans(**(good | bad))


def quoted(elapsed: float, held: Held) -> Plan:
    bot = BinaryBot(
        instrument=SECTIONS["instrument"],
        inventory=Inventory(model="glft", reduce_only_s=20.0, late_net=300, final_net=300),
    )
    now_ns = START_NS + int(elapsed * 300 * NS_PER_S)
    return plan(Opinion(0.5, 0.5, 0.0, CALM), held, now_ns, terms_of(market()), bot, MARKET_LIMITS)


def test_a5_glft_quotes_of_a_long_holder_fall_with_time() -> None:
    bids = [quoted(elapsed, Held(120, 0)).bids[0].price_ticks for elapsed in (0.1, 0.6, 0.8)]
    asks = [quoted(elapsed, Held(120, 0)).asks[0].price_ticks for elapsed in (0.1, 0.6, 0.8)]
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks, reverse=True)
    assert asks[-1] < quoted(0.8, Held(0, 0)).asks[0].price_ticks


def test_the_table_is_solved_when_a_market_is_taken_up_and_not_by_the_first_tick() -> None:
    script = Script()
    script.start(config(inventory={"model": "glft", "fill_decay": 61.0}))
    script.wait(600)
    solved = _solved.cache_info().misses
    script.wait(600, fair=0.5)
    assert script.venue.open_orders()
    assert _solved.cache_info().misses == solved
    bot = strategy_of(script)
    bot.take_up(terms_of(market(symbol="BTC-5M-1795223400")))
    assert _solved.cache_info().misses == solved, "markets of the same configuration share one"
    assert leans_for(bot.config.inventory, 1.0).unit == 100.0
