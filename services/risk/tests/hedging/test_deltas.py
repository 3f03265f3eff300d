"""The delta of shares as exposure: by hand, never zero for old, capped, at rest near expiry, gone when settled."""

from __future__ import annotations

from decimal import Decimal

from common.bots.spot import Band
from common.events import FairValue
from common.instruments import Outcome
from hypothesis import given
from hypothesis import strategies as st
from risk.hedging.counting import Figure
from risk.hedging.deltas import Deltas
from risk.hedging.terms import DeltaTerms
from risk.ledger.positions import Line, LineKey, Stake
from risk.testing.events import NOW_NS, S

D = Decimal
TERMS = DeltaTerms(Band(D(1), D(0)), age_max_ns=S, stop_ns=20 * S, most=D(5))
MARKET = "BTC-5M-1"


def line(lots: int, outcome: Outcome = Outcome.YES, symbol: str = MARKET) -> Line:
    key = LineKey("1", "mm1", "degen", symbol, outcome)
    return Line(key, "USD", D(1), D(1), Stake(lots, D(0)))


def fair(delta: float, seconds_left: float = 200.0, symbol: str = MARKET, age_ns: int = 0) -> FairValue:
    return FairValue(
        algo_id="1",
        venue="degen",
        symbol=symbol,
        fair=0.5,
        delta=delta,
        volatility=0.5,
        spot=60_000.0,
        seconds_left=seconds_left,
        ready=True,
        age_ns=age_ns,
    )


def exposure(deltas: Deltas, *lines: Line, now_ns: int = NOW_NS) -> Figure:
    symbols = {each.key.symbol: "BTC" for each in lines}
    return deltas.exposures(lines, symbols, {"BTC": TERMS}, now_ns)["BTC"]


def priced(*fairs: FairValue) -> Deltas:
    deltas = Deltas()
    assert exposure(deltas, now_ns=NOW_NS - 1) == Figure(D(0))
    for each in fairs:
        deltas.on_fair(each, NOW_NS)
    return deltas


def test_shares_count_by_their_delta() -> None:
    # 500 YES and 100 NO at 0.004 a dollar: (500 - 100) x 0.004 = 1.6 BTC.
    deltas = priced(fair(0.004))
    assert exposure(deltas, line(500), line(100, Outcome.NO)) == Figure(D("1.6"))


def test_markets_of_one_underlying_are_added() -> None:
    deltas = priced(fair(0.004), fair(0.001, symbol="BTC-5M-2"))
    assert exposure(deltas, line(500), line(300, Outcome.NO, "BTC-5M-2")) == Figure(D("1.7"))


@given(st.integers(-1_000, 1_000), st.integers(-1_000, 1_000), st.floats(0.0, 0.01))
def test_a_pair_of_both_outcomes_has_no_exposure(yes: int, no: int, delta: float) -> None:
    value = exposure(priced(fair(delta)), line(yes), line(no, Outcome.NO)).value
    assert value is not None
    assert value == 0 or yes != no
    assert abs(value) <= TERMS.most
    assert exposure(priced(fair(delta)), line(-yes), line(-no, Outcome.NO)).value == -value


def test_an_old_delta_is_not_known_and_never_none() -> None:
    deltas = priced(fair(0.004, age_ns=S // 2))
    assert exposure(deltas, line(500), now_ns=NOW_NS + S // 2) == Figure(D(2))
    late = exposure(deltas, line(500), now_ns=NOW_NS + S)
    assert late == Figure(None, f"the delta of {MARKET} is 1500 ms old, limit 1000 ms")
    assert exposure(Deltas(), line(500)) == Figure(None, f"no delta of {MARKET} for bot 1")


def test_one_unknown_delta_makes_the_sum_unknown() -> None:
    found = exposure(priced(fair(0.004)), line(500), line(1, symbol="BTC-5M-2"))
    assert found == Figure(None, "no delta of BTC-5M-2 for bot 1")


def test_the_exposure_is_capped() -> None:
    assert exposure(priced(fair(0.04)), line(500)) == Figure(D(5))
    assert exposure(priced(fair(0.04)), line(-500)) == Figure(D(-5))


def test_near_expiry_it_stays_until_what_is_held_is_settled() -> None:
    deltas = priced(fair(0.004, seconds_left=21.0))
    assert exposure(deltas, line(500)) == Figure(D(2))
    deltas.on_fair(fair(0.02, seconds_left=19.0), NOW_NS + 2 * S)
    assert exposure(deltas, line(500), now_ns=NOW_NS + 2 * S) == Figure(D(2))
    # Nothing is priced after the expiry, and nothing is traded for it.
    assert exposure(deltas, line(400), now_ns=NOW_NS + 100 * S) == Figure(D(2))
    assert exposure(deltas, line(0), now_ns=NOW_NS + 100 * S) == Figure(D(0))


def test_what_was_only_bought_near_expiry_is_not_hedged() -> None:
    deltas = priced(fair(0.004, seconds_left=30.0))
    assert exposure(deltas) == Figure(D(0))
    assert exposure(deltas, line(500), now_ns=NOW_NS + 15 * S) == Figure(D(0))


def test_what_was_hedged_before_a_restart_near_expiry_is_not_known() -> None:
    deltas = Deltas()
    deltas.on_fair(fair(0.004, seconds_left=10.0), NOW_NS)
    found = exposure(deltas, line(500))
    assert found == Figure(None, f"what was hedged of {MARKET} before its last seconds is not known")


def test_what_has_no_outcomes_and_other_underlyings_do_not_count() -> None:
    deltas = priced(fair(0.004))
    coins = Line(LineKey("1", "mm1", "kraken_spot", MARKET, Outcome.NONE), "USD", D(1), D(1), Stake(5, D(0)))
    assert exposure(deltas, coins) == Figure(D(0))
    assert deltas.exposures([line(5)], {MARKET: "ETH"}, {"BTC": TERMS}, NOW_NS) == {"BTC": Figure(D(0))}
