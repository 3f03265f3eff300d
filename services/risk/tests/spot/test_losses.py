"""The loss of a spot bot's day: warned of, stopped at its limit, and unknown is never none."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.events import Halt, RiskState, Statistics
from msgspec.structs import replace
from risk.ledger.books import Ledger
from risk.testing.events import a_lift
from risk.testing.harness import Harness, kinds, of
from risk.testing.spot import (
    BTCJPY_MARKET,
    BTCUSD_MARKET,
    DLTXMM,
    SPOT_PLATFORM,
    USDJPY_MARKET,
    a_cutoff,
    a_hedge,
    a_quote,
    a_spot_bot,
    a_top,
)

D = Decimal
EXECUTED = {("info", "execution")}


def a_harness(mark: float = 9_000_000, ledger: Ledger | None = None, **limits: Any) -> Harness:
    """Return risk with bot 3, whose limit is 100,000 JPY a day."""
    harness = Harness(
        a_spot_bot(risk_limits=limits),
        BTCJPY_MARKET,
        BTCUSD_MARKET,
        USDJPY_MARKET,
        platform=SPOT_PLATFORM,
        ledger=ledger,
    )
    price(harness, mark)
    return harness


def price(harness: Harness, mark: float) -> None:
    for market, mid in ((BTCUSD_MARKET, 60_000), (USDJPY_MARKET, 150), (BTCJPY_MARKET, mark)):
        harness.tell(a_top(market.venue, market.symbol, mid))


def judged(harness: Harness) -> list[Any]:
    return harness.do(harness.risk.on_risk_state_due(harness.receipt()))


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        (8_950_000, set()),
        (8_949_999, {("warning", "daily_loss_warning")}),
        (8_900_001, {("warning", "daily_loss_warning")}),
        (8_900_000, {("critical", "daily_loss")}),
    ],
)
def test_half_the_days_loss_warns_and_all_of_it_stops(mark: float, told: set[tuple[str, str]]) -> None:
    """1 BTC bought at 9,000,000 JPY; the limit of 100,000 is reached where the mark is 8,900,000."""
    harness = a_harness(mark)
    harness.book(a_quote(1, 1_000))
    said = judged(harness)
    assert set(kinds(said)) - EXECUTED == told
    assert bool(of(Halt, said)) is (("critical", "daily_loss") in told)


def test_the_halt_says_loss_and_limit_and_is_in_the_same_state() -> None:
    harness = a_harness(8_899_000)
    harness.book(a_quote(1, 1_000))
    said = judged(harness)
    (halt,) = of(Halt, said)
    assert (halt.scope, halt.reason, halt.actor) == ("bot-3", "daily_loss", "risk")
    assert halt.detail == "lost 101000 JPY since the cutoff, limit 100000"
    (state,) = of(RiskState, said)
    assert state.halts == ["bot-3:daily_loss"]
    assert state.daily_pnl == {"3": D("-101000.000000")}
    assert state.bot_limits["3"].common.max_daily_loss == 100_000
    assert of(Halt, judged(harness)) == [], "once"


def test_fees_and_hedges_are_part_of_the_loss() -> None:
    harness = a_harness()
    harness.book(a_quote(1, 1_000, fee=D(40_000)))
    harness.book(a_hedge(2, -1_000, 59_600))
    (halt,) = of(Halt, judged(harness))
    assert halt.detail == "lost 100000 JPY since the cutoff, limit 100000", "40,000 and 400 x 150"


@pytest.mark.parametrize("way", ["limit", "cutoff"])
def test_a_lift_holds_once_the_limit_is_raised_or_a_period_has_begun(way: str) -> None:
    harness = a_harness(8_900_000)
    harness.book(a_quote(1, 1_000))
    (halt,) = of(Halt, judged(harness))
    lift = a_lift(halt)
    harness.tell(lift)
    assert len(of(Halt, judged(harness))) == 1, "lifted alone it stops again"
    if way == "limit":
        harness.tell(a_spot_bot(revision=2, risk_limits={"max_day_loss": 150_000}))
    else:
        harness.book(a_cutoff(price="8900000"))
    harness.tell(lift)
    assert of(Halt, judged(harness)) == []


def test_0_is_the_platforms_limit_and_a_bot_without_limits_is_not_judged() -> None:
    harness = a_harness(8_700_000, max_day_loss=0)
    harness.book(a_quote(1, 1_000))
    assert set(kinds(judged(harness))) - EXECUTED == {("warning", "daily_loss_warning")}, "300,000 of 400,000"
    without = Harness(a_spot_bot(risk_limits=None), BTCJPY_MARKET, platform=SPOT_PLATFORM)
    without.tell(a_top(DLTXMM, "BTCJPY", 1))
    without.book(a_quote(1, 1_000))
    assert of(Halt, judged(without)) == []


def test_an_unknown_loss_is_waited_for_and_then_counts_as_reached() -> None:
    harness = Harness(a_spot_bot(), BTCJPY_MARKET, platform=SPOT_PLATFORM)
    harness.book(a_quote(1, 1_000))
    assert of(Halt, harness.wait(59)) == []
    assert "3" not in harness.risk_state().daily_pnl, "what is not known is not said to be 0"
    (halt,) = of(Halt, harness.wait(2))
    assert (halt.scope, halt.reason) == ("bot-3", "no_price")
    assert halt.detail == "the day's loss cannot be judged: no price of BTC in JPY for 60 s"


def test_a_rate_that_comes_in_time_is_a_loss_that_can_be_judged() -> None:
    harness = a_harness()
    harness.book(a_quote(1, 1_000, fee=D(1), fee_currency="XYZ", fee_rate=None))
    assert of(Halt, harness.wait(20)) == []
    assert harness.risk_state().daily_pnl == {}
    harness.book(a_cutoff(price="9000000"))
    assert of(Halt, harness.wait(5)) == []
    assert harness.risk_state().daily_pnl == {"3": D(0)}


def test_the_loss_is_in_the_ledger_and_survives_a_restart() -> None:
    harness = a_harness(8_899_000)
    harness.book(a_quote(1, 1_000))
    restarted = a_harness(8_899_000, harness.risk.ledger)
    assert len(of(Halt, judged(restarted))) == 1


def test_a_bot_too_far_below_its_highest_profit_is_stopped_as_a_binary_one_is() -> None:
    """1 BTC bought at 9,000,000 JPY earned 60,000; at a mark of 9,009,999 it is 50,001 below that."""
    harness = a_harness(9_060_000, max_drawdown=50_000)
    harness.book(a_quote(1, 1_000))
    assert of(Halt, judged(harness)) == []
    price(harness, 9_010_000)
    assert of(Halt, judged(harness)) == [], "at the limit is not beyond it"
    price(harness, 9_009_999)
    (halt,) = of(Halt, judged(harness))
    assert (halt.scope, halt.reason) == ("bot-3", "drawdown")
    assert halt.detail == "50001 JPY below its highest profit since the cutoff, limit 50000"
    assert of(Halt, judged(harness)) == [], "once"


def test_the_highest_profit_ends_with_the_period_and_outlives_a_restart() -> None:
    harness = a_harness(9_060_000, max_drawdown=50_000)
    harness.book(a_quote(1, 1_000))
    judged(harness)
    told = [each for each in of(Statistics, harness.wait(1)) if each.scope == "bot-3"]
    assert (told[-1].figures["daily_peak"], told[-1].figures["max_drawdown"]) == (60_000, 50_000)
    restarted = a_harness(9_060_000, harness.risk.ledger, max_drawdown=50_000)
    list(restarted.risk.on_statistics(replace(told[-1], epoch=0), restarted.receipt()))
    price(restarted, 9_009_999)
    assert [halt.reason for halt in of(Halt, judged(restarted))] == ["drawdown"]
    harness.book(a_cutoff(price="9060000", start_ns=harness.now_ns))
    price(harness, 9_010_001)
    assert of(Halt, judged(harness)) == [], "a new period has its own highest"


def test_without_a_limit_of_its_own_a_drawdown_has_the_platforms() -> None:
    own = a_harness(max_drawdown=7).risk_state().bot_limits["3"]
    platforms = a_harness().risk_state().bot_limits["3"]
    assert own.common.max_drawdown == 7
    assert platforms.common.max_drawdown == 400_000, "max_day_loss of the platform, whose document says no drawdown"
