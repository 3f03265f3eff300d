"""Instruments without outcomes in the books: lines of their own, never a market's YES or NO."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.events import Adjustment, AdjustmentState, Alert, Fill, Halt, Market, Posting, PostingKind, SourcePrice
from common.instruments import InstrumentKind, Outcome, Side
from risk.ledger.books import FoldStatus, Ledger
from risk.ledger.positions import LineKey, MarketKey
from risk.monitoring.equity import Marks, earnings
from risk.testing.events import NOW_NS, SYMBOL, a_fair, a_fill, a_market, a_posting, a_settlement, a_snapshot
from risk.testing.harness import Harness, fold_of, of, stored

BTC = "BTCUSD"
MARKET = MarketKey("1", "mm1", "degen", BTC)
COIN = LineKey(*MARKET, Outcome.NONE)


def spot(trade: int = 1, **changed: Any) -> Fill:
    """Return a purchase of 0.250 BTC at 60,000.50: 15,000.125."""
    terms: dict[str, Any] = {
        "symbol": BTC,
        "outcome": Outcome.NONE,
        "price_ticks": 6_000_050,
        "quantity_lots": 250,
        "lot_size": Decimal("0.001"),
    }
    return a_fill(trade, **(terms | changed))


def test_a_spot_fill_is_a_line_of_its_own_and_never_yes_or_no() -> None:
    ledger = fold_of(spot(fee=Decimal("1.5")), spot(2, side=Side.SELL, price_ticks=6_100_000, quantity_lots=400))
    assert list(ledger.lines) == [COIN]
    line = ledger.lines[COIN]
    # 250 lots close with 15,250 - 15,000.125; 150 are sold beyond that, at 61,000.
    assert (line.lots, line.cost) == (-150, Decimal(-9_150))
    assert ledger.bots["1"].realized == Decimal("249.875") - Decimal("1.5")
    assert (line.fees, line.fills) == (Decimal("1.5"), 2)


def test_a_spot_position_is_published_signed_in_the_yes_lots() -> None:
    harness = Harness()
    harness.book(spot(side=Side.SELL))
    (row,) = harness.risk.state(NOW_NS)["bots"][0]["lines"]
    assert (row["symbol"], row["position"]) == (BTC, -250)
    figures = {each.name: each.value for each in harness.risk.samples() if each.labels.get("symbol") == BTC}
    assert figures["mm_position"] == -250
    assert "mm_position_yes" not in figures


def test_a_spot_mark_may_be_any_price_above_0() -> None:
    ledger, marks = fold_of(spot()), Marks()
    marks.put(a_fair(60_000.0, symbol=BTC))
    assert earnings(ledger, "1", marks).unrealized is None, "a fair value is a probability"
    for wrong in (0.0, -1.0, float("inf"), float("nan")):
        marks.put(a_source_price(wrong, wrong))
    marks.put(a_source_price(61_001.0, 61_000.0))
    assert marks.mark("1", BTC) is None
    marks.put(a_source_price(61_000.0, 61_001.0))
    assert earnings(ledger, "1", marks).unrealized == 250


def test_a_coin_is_marked_by_what_its_bot_is_priced_by() -> None:
    harness = Harness()
    harness.book(spot())
    harness.tell(a_source_price(61_000.0, 61_001.0))
    assert harness.risk.marks.mark("1", BTC) == 61_000.5


def a_source_price(bid: float, ask: float) -> SourcePrice:
    return SourcePrice(algo_id="1", venue="degen", symbol=BTC, bid=bid, ask=ask, age_ns=0)


def test_one_fair_value_marks_both_outcomes_of_a_market() -> None:
    ledger, marks = fold_of(a_fill(1), a_fill(2, outcome=Outcome.NO, price_ticks=55)), Marks()
    marks.put(a_fair(0.70))
    assert earnings(ledger, "1", marks).unrealized == 70 - 40 + 30 - 55


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (spot(), spot(2, outcome=Outcome.YES, price_ticks=40), f"outcome: {BTC} is held as {BTC}, and either"),
        (a_fill(1), a_fill(2, outcome=Outcome.NONE), f"outcome: {SYMBOL} is held as {SYMBOL} YES, and either"),
        (spot(), a_settlement(BTC), f"symbol: {BTC} has no outcomes, so there is nothing to settle"),
        (spot(), a_posting("m", PostingKind.MERGE, symbol=BTC, yes_lots=-1), "has no NO shares and no pairs"),
        (spot(), a_posting("a", PostingKind.ADJUSTMENT, symbol=BTC, no_lots=1), "has no NO shares and no pairs"),
        (a_fill(1), a_fill(2, tick_size=Decimal("0.03"), price_ticks=1), "tick_size: must divide 1, is 0.03"),
    ],
)
def test_what_would_mix_the_two_is_disputed(first: Fill, second: Fill | Posting, why: str) -> None:
    ledger = fold_of(first)
    lines = {key: (line.lots, line.cost) for key, line in ledger.lines.items()}
    folded = ledger.fold(stored(second), 2)
    assert folded.status is FoldStatus.DISPUTED
    assert why in folded.reason
    assert {key: (line.lots, line.cost) for key, line in ledger.lines.items()} == lines


def test_a_correction_of_a_spot_position_moves_it() -> None:
    ledger = fold_of(spot(), a_posting("a", PostingKind.ADJUSTMENT, symbol=BTC, yes_lots=-50, cash=Decimal(3_010)))
    assert (ledger.lines[COIN].lots, ledger.lines[COIN].cost) == (200, Decimal("12000.1"))
    assert ledger.bots["1"].realized == Decimal("9.975")


def test_the_ledger_and_the_venue_are_compared_by_instrument() -> None:
    harness = Harness()
    harness.tell(a_snapshot(5, "100000"))
    harness.wait(5)
    harness.book(spot())
    harness.book(a_fill(2))
    harness.wait(5)
    shown = {BTC: (250, 0), SYMBOL: (100, 0)}
    harness.tell(a_snapshot(20, "84959.875", shown))
    harness.wait(5)
    assert harness.risk.reconciliation.state(harness.now_ns)["mm1"]["differences"] == []
    harness.tell(a_snapshot(10, "84999.875", {BTC: (250, 0)}, epoch=1))
    harness.wait(5)
    assert harness.risk.reconciliation.state(harness.now_ns)["mm1"]["differences"] == [], "what came later is taken off"
    for _ in range(2):
        harness.tell(a_snapshot(20, "84959.875", {BTC: (240, 0), SYMBOL: (100, 7)}, epoch=2))
        harness.wait(5)
    (halt,) = of(Halt, harness.said)
    assert halt.detail == f"{SYMBOL} NO: venue 7, ledger 0; {BTC}: venue 240, ledger 250"


def test_a_spot_holding_that_no_fill_explains_is_a_difference_of_its_instrument() -> None:
    harness = Harness()
    harness.tell(a_snapshot(5, "100000"))
    harness.wait(5)
    harness.tell(a_market(symbol=BTC, kind=InstrumentKind.SPOT))
    for _ in range(2):
        harness.tell(a_snapshot(20, "100000", {BTC: (-3, 0)}))
        harness.wait(5)
    assert [halt.detail for halt in of(Halt, harness.said)] == [f"{BTC}: venue -3, ledger 0"]


def test_a_spot_market_that_is_over_is_neither_settled_nor_undecided() -> None:
    harness = Harness()
    harness.book(spot())
    over: Market = a_market(a_market().status.RESOLVED, symbol=BTC, kind=InstrumentKind.SPOT, result="yes")
    assert of(Posting, harness.tell(over)) == []
    assert of(Alert, harness.wait(5)) == []
    assert harness.risk.ledger.lines[COIN].lots == 250


def test_an_adjustment_that_the_ledger_would_dispute_is_refused_before() -> None:
    harness = Harness()
    harness.book(spot())
    harness.tell(a_market(symbol="ETHUSD", kind=InstrumentKind.SPOT))
    wrong: list[dict[str, Any]] = [{"symbol": BTC, "no_lots": 1}, {"symbol": "ETHUSD", "yes_lots": 1}]
    for number, changed in enumerate(wrong):
        adjustment = Adjustment(
            account="mm1",
            adjustment_id=f"a{number}",
            algo_id="1",
            venue="degen",
            currency="USD",
            cash=Decimal(1),
            reason="shares the venue shows",
            state=AdjustmentState.APPROVED,
            proposed_by="anna",
            proposed_ns=NOW_NS,
            decided_by="bert",
            decided_ns=NOW_NS + 1,
            **changed,
        )
        harness.tell(adjustment)
    texts = [alert.text for alert in of(Alert, harness.wait(2)) if alert.kind == "adjustment_refused"]
    assert "no_lots: BTCUSD has no outcomes" in texts[0]
    assert "lots: ETHUSD has no outcomes, say lots" in texts[1]
    assert harness.risk.ledger.disputes == 0


def test_a_ledger_holds_a_line_for_each_outcome_only_when_it_was_traded() -> None:
    ledger = Ledger()
    ledger.fold(stored(a_fill(1, outcome=Outcome.NO)), 1)
    assert [key.instrument for key in ledger.lines] == [f"{SYMBOL} NO"]
