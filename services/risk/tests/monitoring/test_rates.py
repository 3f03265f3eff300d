"""Money in a currency whose rate to the account's is not known: unknown, never nothing, and the bot stops."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from common.events import Halt, Posting, PostingKind, Statistics
from risk.ledger.snapshot import documents, restore
from risk.monitoring.days import Days
from risk.monitoring.equity import Earnings, Marks, Unknown, earnings
from risk.testing.events import DAY_NS, NOW_NS, S, a_config, a_fair, a_fill, a_posting
from risk.testing.harness import Harness, fold_of, of, stored

DEPOSIT = a_posting("opening:USD", PostingKind.DEPOSIT, algo_id="unassigned", cash=Decimal(1_000))
EURO_FEE = a_posting("fee:eur", PostingKind.FEE, currency="EUR", cash=Decimal("-0.5"))


def euro_fill(trade: int = 9, **changed: Any) -> Any:
    return a_fill(trade, symbol="EUR-5M-1", currency="EUR", fx_rate=Decimal("1.08"), **changed)


def test_what_an_account_counts_in_needs_no_rate() -> None:
    ledger = fold_of(DEPOSIT, a_posting("fee:usd", PostingKind.FEE, cash=Decimal("-0.5")))
    assert ledger.accounts["mm1"].currency == "USD"
    assert ledger.bots["1"].realized == Decimal("-0.5")


def test_a_fee_in_a_currency_without_a_rate_makes_profit_unknown() -> None:
    ledger = fold_of(DEPOSIT, a_fill(1), EURO_FEE)
    book = ledger.bots["1"]
    assert (book.realized, book.fees, book.unrated) == (None, None, ["EUR"])
    assert (book.realized_known, book.fees_known) == (Decimal(0), Decimal(0))
    assert earnings(ledger, "1", Marks()) == Earnings(None, Decimal(0), None, None, (Unknown("rate", "EUR"),))
    assert ledger.bots["unassigned"].realized == 0, "nothing is nothing at any rate"
    ledger.fold(stored(euro_fill()), 4)
    assert ledger.bots["1"].realized == Decimal("-0.54"), "a fill brings the rate"


def test_an_account_that_begins_in_another_currency_counts_in_the_first_without_a_rate() -> None:
    ledger = fold_of(euro_fill(), DEPOSIT, a_posting("fee:usd", PostingKind.FEE, cash=Decimal(-1)))
    assert ledger.accounts["mm1"].currency == "USD"
    assert ledger.bots["1"].realized == -1


def test_the_unknown_is_kept_over_a_restart() -> None:
    ledger = fold_of(DEPOSIT, EURO_FEE)
    again = restore(documents(ledger))
    assert again.bots["1"].realized is None
    assert documents(again) == documents(ledger)


def unrated() -> Harness:
    harness = Harness(a_config(), a_config("2"))
    for entry in (DEPOSIT, a_fill(1), a_fill(2, algo_id="2"), EURO_FEE):
        harness.book(entry)
    return harness


def test_a_bot_whose_loss_cannot_be_judged_halts_and_says_why() -> None:
    harness = unrated()
    (halt,) = of(Halt, harness.wait(2))
    assert (halt.scope, halt.reason) == ("bot-1", "no_rate")
    assert halt.detail == "the day's loss cannot be judged: no rate of EUR to the account's currency"
    state = harness.risk_state()
    assert state.daily_pnl == {"2": Decimal(0)}, "what is not known is not stated"
    assert state.halts == ["bot-1:no_rate"]


def test_figures_that_are_not_known_are_left_out_and_those_of_others_stand() -> None:
    harness = unrated()
    told = {each.scope: each.figures for each in of(Statistics, harness.wait(2))}
    assert not {"pnl_realized", "daily_pnl", "fees"} & told["bot-1"].keys()
    assert not {"pnl_realized", "daily_pnl", "fees"} & told["platform"].keys()
    assert told["bot-2"]["daily_pnl"] == 0
    names = {(each.name, each.labels.get("algo_id")) for each in harness.risk.samples()}
    assert ("mm_pnl_daily", "1") not in names
    assert ("mm_pnl_daily", "2") in names
    assert harness.risk.state(harness.now_ns)["bots"][0]["daily_pnl"] == "unknown: no rate of EUR"


def test_a_day_does_not_begin_before_it_is_known_with_what() -> None:
    harness = unrated()
    harness.now_ns = (NOW_NS // DAY_NS + 1) * DAY_NS
    begun = [each.algo_id for each in of(Posting, harness.wait(2)) if each.kind is PostingKind.CUTOFF]
    assert sorted(begun) == ["2", "unassigned"]
    harness.book(euro_fill())
    begun = [each.algo_id for each in of(Posting, harness.wait(2)) if each.kind is PostingKind.CUTOFF]
    assert begun == ["1"]


def test_the_record_of_the_day_keeps_what_was_known_last() -> None:
    days, marks = Days(), Marks()
    marks.put(a_fair(0.10))
    ledger = fold_of(DEPOSIT, a_fill(1))
    known = days.record(ledger, ["1"], marks, NOW_NS)
    assert known.bots["1"].daily == -30
    ledger.fold(stored(EURO_FEE), 3)
    later = days.record(ledger, ["1"], marks, NOW_NS + S)
    assert later.bots == known.bots
    started = Days()
    started.carry_over(later, ledger, NOW_NS + S)
    assert started.record(ledger, ["1"], Marks(), NOW_NS + S).bots == known.bots
