"""Daily loss, drawdown and the day they count in."""

from __future__ import annotations

from decimal import Decimal

from common.core import Effect, Receipt
from common.events import (
    Halt,
    Posting,
    PostingKind,
    RiskState,
    Statistics,
)
from hypothesis import given
from hypothesis import strategies as st
from risk.ledger.books import Ledger
from risk.ledger.snapshot import documents, restore
from risk.monitoring.equity import HighWaterMarks
from risk.service import Risk
from risk.testing.events import DAY_NS, NOW_NS, PLATFORM_LIMITS, S, a_config, a_fair, a_fill, a_lift, a_resolved_market
from risk.testing.harness import Harness, kinds, of


def test_b15_half_the_daily_loss_warns_once_and_all_of_it_halts_the_bot() -> None:
    harness = Harness()
    harness.book(a_fill(1, quantity_lots=250))
    harness.tell(a_fair(0.19))
    warned = harness.wait(3)
    assert kinds(warned).count(("warning", "daily_loss_warning")) == 1
    assert of(Halt, warned) == []
    harness.tell(a_fair(0.0))
    assert harness.risk_state().halts == []
    harness.book(a_fill(2, quantity_lots=1))
    stopped = harness.wait(1)
    halt = of(Halt, stopped)[0]
    assert (halt.scope, halt.reason, halt.actor, halt.epoch) == ("bot-1", "daily_loss", "risk", 3)
    assert of(RiskState, stopped)[0].halts == ["bot-1:daily_loss"]
    assert ("critical", "daily_loss") in kinds(stopped)
    assert of(Halt, harness.wait(5)) == []


def test_realized_losses_count_as_much_as_marked_ones() -> None:
    harness = Harness()
    harness.book(a_fill(1, quantity_lots=300))
    harness.tell(a_resolved_market("no"))
    assert harness.risk_state().daily_pnl == {"1": Decimal(-120)}
    assert of(Halt, harness.said)[0].scope == "bot-1"


def test_a_lift_holds_until_the_loss_is_looked_at_again() -> None:
    harness = Harness()
    harness.book(a_fill(1, quantity_lots=300))
    harness.tell(a_resolved_market("no"))
    halt = of(Halt, harness.wait(1))[0]
    assert of(RiskState, harness.tell(a_lift(halt)))[0].halts == []
    again = of(Halt, harness.wait(0.25))
    assert [each.halt_id != halt.halt_id for each in again] == [True]
    harness.tell(a_config(revision=2, risk_limits={"max_daily_loss": "1000"}))
    harness.tell(a_lift(again[0]))
    assert of(Halt, harness.wait(2)) == []


def test_b16_the_day_rolls_at_midnight_utc_and_the_opening_equity_survives_a_restart() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    harness.tell(a_fair(0.30))
    assert harness.risk_state().daily_pnl == {"1": Decimal(-10)}
    harness.now_ns = (NOW_NS // DAY_NS + 1) * DAY_NS - S
    harness.risk.on_price(a_fair(0.25), harness.receipt())
    assert harness.risk_state().daily_pnl == {"1": Decimal(-15)}
    rolled = harness.wait(1)
    assert [(posting.kind, posting.equity) for posting in of(Posting, rolled)] == [(PostingKind.CUTOFF, Decimal(-15))]
    assert harness.risk_state().daily_pnl == {"1": Decimal(0)}
    assert of(Posting, harness.wait(30)) == []
    again = Risk(PLATFORM_LIMITS)
    again.recover(restore(documents(harness.risk.ledger)))
    assert again.ledger.bots["1"].opening_equity == -15


def test_a_new_bot_loses_from_zero_on_its_first_day() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    assert of(Posting, harness.wait(5)) == []
    harness.tell(a_fair(0.10))
    assert harness.risk_state().daily_pnl == {"1": Decimal(-30)}


def falling(harness: Harness) -> list[Effect]:
    """Gain 30 with 100 YES bought at 0.40, then give 29 of it back."""
    harness.book(a_fill(1))
    harness.tell(a_fair(0.70))
    harness.wait(1)
    harness.tell(a_fair(0.41))
    return harness.wait(1)


def test_b16_a_fall_from_the_days_highest_profit_halts_although_the_day_is_in_profit() -> None:
    harness = Harness(a_config(risk_limits={"max_drawdown": "28"}))
    halts = of(Halt, falling(harness))
    assert [(halt.scope, halt.reason) for halt in halts] == [("bot-1", "drawdown")]
    assert harness.risk_state().daily_pnl == {"1": Decimal(1)}
    allowed = Harness(a_config(risk_limits={"max_drawdown": "29"}))
    assert of(Halt, falling(allowed)) == []


def test_b16_the_days_highest_profit_survives_a_restart() -> None:
    before = Harness(a_config(risk_limits={"max_drawdown": "50"}))
    falling(before)
    told = [each for each in of(Statistics, before.said) if each.scope == "bot-1"][-1]
    assert told.figures["daily_peak"] == 30
    risk = Risk(PLATFORM_LIMITS)
    risk.epoch = 4
    risk.recover(restore(documents(before.risk.ledger)))
    list(risk.on_bot_config(a_config(risk_limits={"max_drawdown": "28"}), Receipt(before.now_ns)))
    list(risk.on_statistics(told, Receipt(before.now_ns)))
    list(risk.on_price(a_fair(0.41), Receipt(before.now_ns)))
    list(risk.start(Receipt(before.now_ns)))
    assert [halt.reason for halt in of(Halt, risk.on_risk_state_due(Receipt(before.now_ns)))] == ["drawdown"]


def test_b16_a_new_day_begins_without_yesterdays_highest_profit() -> None:
    harness = Harness(a_config(risk_limits={"max_drawdown": "28"}))
    harness.book(a_fill(1))
    harness.tell(a_fair(0.70))
    harness.wait(1)
    harness.now_ns = (NOW_NS // DAY_NS + 1) * DAY_NS
    harness.wait(2)
    harness.tell(a_fair(0.45))
    assert of(Halt, harness.wait(1)) == []
    harness.tell(a_fair(0.41))
    assert [halt.reason for halt in of(Halt, harness.wait(1))] == ["drawdown"]


@given(st.lists(st.decimals(-1_000, 1_000, places=2), min_size=1, max_size=30))
def test_a_drawdown_is_never_negative_and_never_less_than_the_loss(profits: list[Decimal]) -> None:
    high_water, ledger = HighWaterMarks(), Ledger()
    for at, profit in enumerate(profits):
        drawdown = high_water.update(ledger, "1", profit, NOW_NS)
        assert drawdown == max(Decimal(0), *profits[: at + 1]) - profit
        assert drawdown >= max(Decimal(0), -profit)


def test_b15_a_loss_limit_once_hit_stays_until_a_person_lifts_it_even_when_the_loss_is_made_good() -> None:
    harness = Harness()
    harness.book(a_fill(1, quantity_lots=300))
    harness.tell(a_fair(0.05))
    (halt,) = of(Halt, harness.wait(1))
    harness.tell(a_fair(0.60))
    harness.wait(60)
    assert harness.risk_state().halts == ["bot-1:daily_loss"]
    harness.tell(a_lift(halt))
    harness.wait(5)
    assert harness.risk_state().halts == []


def test_b16_the_days_highest_profit_is_shown() -> None:
    harness = Harness(a_config(risk_limits={"max_drawdown": "50"}))
    falling(harness)
    shown = {each.labels["algo_id"]: each.value for each in harness.risk.samples() if each.name == "mm_daily_peak"}
    assert shown == {"1": 30.0}
