"""Coins beside the venue's balance of their currency: in lines of symbols, and as what the account had before."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from common.events import AccountState, Balance, Fill, Halt, Posting, PostingKind
from common.instruments import InstrumentKind, Outcome, Side
from risk.corrections.opening import Opening
from risk.ledger.books import Ledger
from risk.testing.events import a_fill, a_market, a_posting, a_snapshot
from risk.testing.harness import Harness, of, stored

BTC = "BTCUSD"


def spot(trade: int = 1, **changed: Any) -> Fill:
    """Return a purchase of 0.0250 BTC at 60,000: 1,500."""
    terms: dict[str, Any] = {
        "symbol": BTC,
        "outcome": Outcome.NONE,
        "price_ticks": 6_000_000,
        "quantity_lots": 250,
        "lot_size": Decimal("0.0001"),
    }
    return a_fill(trade, **(terms | changed))


def shown(sequence: int, cash: str, coins: str | None, **changed: Any) -> AccountState:
    total = None if coins is None else Decimal(coins)
    others = [] if total is None else [Balance(currency="BTC", total=total, available=total)]
    return a_snapshot(sequence, cash, others=others, **changed)


def desk(coins: str | None = "0.5", *, listed: bool = True) -> Harness:
    harness = Harness()
    if listed:
        harness.tell(a_market(symbol=BTC, kind=InstrumentKind.SPOT, base="BTC"))
    harness.tell(shown(5, "100000", coins))
    harness.wait(5)
    return harness


def differences(harness: Harness) -> object:
    return harness.risk.reconciliation.state(harness.now_ns)["mm1"]["differences"]


def test_coins_bought_are_set_against_the_balance_of_their_currency() -> None:
    harness = desk()
    opened = [posting.cash for posting in of(Posting, harness.said)]
    assert opened == [{"USD": Decimal(100_000)}, {"BTC": Decimal("0.5")}]
    harness.book(spot())
    harness.book(spot(2, side=Side.SELL, quantity_lots=100))
    harness.wait(5)
    harness.tell(shown(20, "99100", "0.5150"))
    harness.wait(5)
    assert differences(harness) == []
    harness.tell(shown(10, "98500", "0.5250", epoch=1))
    harness.wait(5)
    assert differences(harness) == [], "what came later is taken off"


def test_a_coin_too_few_halts_the_account_naming_both_numbers() -> None:
    harness = desk()
    harness.book(spot())
    harness.wait(5)
    for _ in range(2):
        harness.tell(shown(20, "98500", "0.5249"))
        harness.wait(5)
    (halt,) = of(Halt, harness.said)
    assert halt.detail == "cash in BTC: venue 0.5249, ledger 0.5250"


def test_a_currency_that_the_venue_shows_for_the_first_time_is_opened_once() -> None:
    harness = desk(None)
    harness.said.clear()
    for _ in range(2):
        harness.tell(shown(20, "100000", "0.25"))
        harness.wait(5)
    (posting,) = of(Posting, harness.said)
    assert (posting.kind, posting.entry_id, posting.cash) == (
        PostingKind.DEPOSIT,
        "opening:BTC",
        {"BTC": Decimal("0.25")},
    )
    assert (differences(harness), of(Halt, harness.said)) == ([], [])


def test_coins_first_shown_beside_a_line_of_them_are_no_opening() -> None:
    harness = desk(None)
    harness.book(spot())
    harness.wait(5)
    harness.said.clear()
    for _ in range(2):
        harness.tell(shown(20, "98500", "0.0300"))
        harness.wait(5)
    assert of(Posting, harness.said) == []
    assert [halt.detail for halt in of(Halt, harness.said)] == ["cash in BTC: venue 0.0300, ledger 0.0250"]


def test_nothing_is_judged_before_it_is_said_what_a_symbol_buys() -> None:
    harness = desk(listed=False)
    harness.book(spot())
    harness.wait(5)
    for _ in range(3):
        harness.tell(shown(20, "98500", "0.5"))
        harness.wait(5)
    assert of(Halt, harness.said) == []
    harness.tell(a_market(symbol=BTC, kind=InstrumentKind.SPOT, base="BTC"))
    harness.tell(shown(20, "98500", "0.5"))
    harness.wait(5)
    assert differences(harness) == ["cash in BTC: venue 0.5, ledger 0.5250"]


def test_a_coin_taken_back_is_no_difference() -> None:
    harness = desk()
    harness.book(spot())
    taken_back = a_posting(
        "reversal", PostingKind.REVERSAL, symbol=BTC, yes_lots=-250, cash=Decimal(1_500), account_sequence=11
    )
    harness.book(taken_back)
    harness.wait(5)
    harness.tell(shown(20, "100000", "0.5"))
    harness.wait(5)
    assert differences(harness) == []


def test_r71_coins_told_again_after_a_fill_that_began_anew_stay_in_their_line() -> None:
    ledger = Ledger()
    ledger.fold(stored(spot(account_sequence=2)), 1)
    harness = Harness(ledger=ledger)
    harness.risk.opening = Opening(2, "ann", "disk replaced")
    harness.tell(a_market(symbol=BTC, kind=InstrumentKind.SPOT, base="BTC"))
    for number in range(2):
        harness.tell(shown(50 + number, "98500", "0.5250"))
        harness.wait(6)
    postings = of(Posting, harness.said)
    assert [(posting.entry_id, posting.cash) for posting in postings] == [
        ("resumed:2:USD", {"USD": Decimal(100_000)}),
        ("resumed:2:BTC", {"BTC": Decimal("0.5000")}),
    ]
    assert [line.lots for line in ledger.lines.values()] == [250]
    assert (differences(harness), of(Halt, harness.said)) == ([], [])


def test_r71_a_currency_that_comes_later_to_books_that_a_person_opened_takes_nothing_out_of_them() -> None:
    harness = Harness()
    harness.risk.opening = Opening(2, "ann", "disk replaced")
    harness.tell(shown(5, "100000", None))
    harness.wait(5)
    harness.book(a_fill(1))
    harness.wait(5)
    harness.said.clear()
    harness.tell(shown(20, "99960", "0.5"))
    harness.wait(5)
    assert [posting.entry_id for posting in of(Posting, harness.said)] == ["opening:BTC"]


def sent(sequence: int, transfer_id: str, **cash: str) -> Posting:
    amounts = {currency: Decimal(amount) for currency, amount in cash.items()}
    return a_posting(
        kind=PostingKind.TRANSFER,
        algo_id="unassigned",
        entry_id=f"transfer:{transfer_id}",
        cash=amounts,
        moves=[],
        account_sequence=sequence,
    )


def test_money_sent_elsewhere_is_neither_a_difference_nor_a_loss_while_it_is_on_its_way() -> None:
    harness = desk()
    harness.book(sent(6, "KRAKEN-DLTXMM-1", BTC="-0.2"))
    harness.tell(shown(6, "100000", "0.3"))
    harness.wait(5)
    assert differences(harness) == []
    balances = harness.risk.ledger.bots["unassigned"].balances
    assert {key[1]: (each.cash, each.profit) for key, each in balances.items()} == {
        "USD": (Decimal(100_000), Decimal(0)),
        "BTC": (Decimal("0.3"), Decimal(0)),
    }
    assert harness.risk.ledger.accounts["mm1"].currency == "USD"
    # It came back: a currency of which the account had nothing before is no deposit.
    harness.book(sent(7, "DLTXMM-KRAKEN-1", JPY="1000"))
    held = {"BTC": Decimal("0.3"), "JPY": Decimal(1000)}
    both = [Balance(currency=name, total=total, available=total) for name, total in held.items()]
    harness.tell(a_snapshot(7, "100000", others=both))
    harness.wait(5)
    assert differences(harness) == []
    assert [posting.kind for posting in of(Posting, harness.said)].count(PostingKind.DEPOSIT) == 2, "the first two"


def test_money_that_nobody_has_booked_as_sent_is_a_difference() -> None:
    harness = desk()
    for _ in range(2):
        harness.tell(shown(6, "100000", "0.3"))
        harness.wait(5)
    (halt,) = of(Halt, harness.said)
    assert halt.detail == "cash in BTC: venue 0.3, ledger 0.5"
