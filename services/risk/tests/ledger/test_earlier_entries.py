"""FILL of before its events named instruments: the same books, and told again in today's form the same facts.

`golden/fill.json` was written then; `golden/form-2.json` is what the last build that wrote it had stored at some of its
sequences. Neither ever changes.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from common.events import InstrumentKey, InstrumentMove, Posting, PostingKind, encode
from common.instruments import Outcome
from risk.ledger.books import FoldStatus, Ledger
from risk.ledger.entries import StoredEntry, read_entry
from risk.ledger.snapshot import WITHOUT_SIDES, documents, restore
from risk.testing.events import SYMBOL, a_fill
from risk.testing.harness import Harness, stored
from risk.testing.stores import Stream, a_setting
from toolkit.testing.servers import LocalRedis

GOLDEN = Path(__file__).parent / "golden"
FILL: list[tuple[str, bytes]] = [
    (subject, bytes.fromhex(data)) for subject, data in json.loads((GOLDEN / "fill.json").read_text())
]
STORES: dict[int, dict[str, bytes]] = {
    int(sequence): {name: bytes.fromhex(data) for name, data in fields.items()}
    for sequence, fields in json.loads((GOLDEN / "form-2.json").read_text()).items()
}
HASHES = "meta"


def rebuilt(sequence: int = len(FILL)) -> Ledger:
    """Return the ledger that the first messages of FILL make."""
    ledger = Ledger()
    for number, (subject, data) in enumerate(FILL[:sequence], 1):
        ledger.fold(read_entry(subject, data), number)
    return ledger


@pytest.mark.parametrize("sequence", STORES)
def test_the_ledger_of_an_earlier_fill_is_what_was_stored_then_to_the_byte(sequence: int) -> None:
    assert documents(rebuilt(sequence), WITHOUT_SIDES) == STORES[sequence]


@pytest.mark.parametrize("sequence", STORES)
async def test_a_start_on_what_was_stored_then_proves_it_and_adds_the_sides(
    redis_server: LocalRedis, sequence: int
) -> None:
    async with a_setting(redis_server) as setting:
        await setting.put(STORES[sequence], sequence)
        found = await setting.recover(Stream(*FILL))
        note = "the positions store was of form 2 and says what FILL says: it is now of form 3"
        assert (found.faults, found.halts, found.notes) == ({}, {}, [note])
        assert documents(found.ledger) == documents(rebuilt())
        assert await setting.stored() == setting.expected()


async def test_a_store_without_sides_that_fill_does_not_make_is_left_alone(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as setting:
        fields = STORES[30] | {"bot:1": STORES[22]["bot:1"]}
        await setting.put(fields, 30)
        before = await setting.stored()
        found = await setting.recover(Stream(*FILL))
        fault = "1 documents of the positions store, which is of form 2, differ from FILL at 30: bot:1"
        assert found.faults == {"ledger_ahead": fault}
        assert await setting.stored() == before


def test_today_and_then_book_the_same() -> None:
    """The same history with every readable entry written anew in today's form differs in its hashes alone."""
    today = Ledger()
    for number, (subject, data) in enumerate(FILL, 1):
        entry = read_entry(subject, data)
        today.fold(stored(entry.event) if isinstance(entry, StoredEntry) else entry, number)
    then, now = documents(rebuilt()), documents(today)
    assert then.pop(HASHES) != now.pop(HASHES)
    assert then == now


def test_an_entry_told_again_in_todays_form_is_known() -> None:
    ledger, booked = Ledger(), []
    for number, (subject, data) in enumerate(FILL, 1):
        entry = read_entry(subject, data)
        if ledger.fold(entry, number).status is FoldStatus.BOOKED and isinstance(entry, StoredEntry):
            booked.append(entry.event)
    assert len(booked) > len(FILL) // 2
    for event in booked:
        assert ledger.fold(stored(event), ledger.sequence + 1).status is FoldStatus.REPEAT


def test_what_an_earlier_quoter_still_publishes_is_hashed_as_it_came() -> None:
    """Its spool outlives the upgrade: the bytes in FILL are of the earlier form although risk is of today's."""
    subject, data = next(each for each in FILL if each[0].startswith("fill.trade."))
    entry = read_entry(subject, data)
    assert isinstance(entry, StoredEntry)
    harness, folded = Harness(), Ledger()
    harness.do(harness.risk.on_entry(entry.event, data, harness.receipt(1)))
    folded.fold(entry, 1)
    assert (harness.risk.ledger.tip, harness.risk.ledger.chain) == (folded.tip, folded.chain)
    assert encode(entry.event) != data


def test_a_fee_in_another_currency_is_that_currencys_and_unknown_without_a_rate() -> None:
    ledger = Ledger()
    ledger.fold(stored(a_fill(1)), 1)
    ledger.fold(stored(a_fill(2, fee=Decimal("0.001"), fee_currency="BTC", fee_rate=None)), 2)
    book = ledger.bots["1"]
    assert ledger.accounts["mm1"].cash == {"USD": Decimal(-80), "BTC": Decimal("-0.001")}
    assert (book.fees, book.realized, book.unrated) == (None, None, ["BTC"])
    ledger.fold(stored(a_fill(3, fee=Decimal("0.001"), fee_currency="BTC", fee_rate=Decimal(60_000))), 3)
    assert (book.fees, book.realized) == (Decimal(120), Decimal(-120))
    (line,) = ledger.lines.values()
    assert (line.fees, line.fills) == (Decimal(0), 3), "the line counts fees in its own currency"
    assert documents(restore(documents(ledger))) == documents(ledger)


def test_a_price_in_a_currency_without_a_rate_makes_its_profit_unknown_until_one_comes() -> None:
    ledger = Ledger()
    ledger.fold(stored(a_fill(1)), 1)
    euros = {"symbol": "EUR-5M-1", "currency": "EUR"}
    ledger.fold(stored(a_fill(2, fee=Decimal(1), fx_rate=None, **euros)), 2)
    assert ledger.bots["1"].realized is None
    assert ledger.accounts["mm1"].currency == "USD"
    ledger.fold(stored(a_fill(3, fx_rate=Decimal("1.1"), **euros)), 3)
    ledger.fold(stored(a_fill(4, fx_rate=None, **euros)), 4)
    assert ledger.bots["1"].realized == Decimal("-1.1"), "the rate that was known last holds"


def test_a_posting_of_one_outcome_names_its_instrument() -> None:
    moved = Posting(
        account="mm1",
        algo_id="1",
        entry_id="a",
        kind=PostingKind.ADJUSTMENT,
        venue="degen",
        moves=[InstrumentMove(InstrumentKey("degen", SYMBOL, Outcome.NO), 5)],
        cash={"USD": Decimal(-2)},
        ts_received_ns=1,
    )
    ledger = Ledger()
    assert ledger.fold(stored(moved), 1).status is FoldStatus.BOOKED
    assert [(key.outcome, line.lots, line.cost) for key, line in ledger.lines.items()] == [(Outcome.NO, 5, Decimal(2))]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"cash": {}}, "cash: must name one currency at least"),
        ({"moves": [(("paper", SYMBOL), 1)]}, "moves: all must be of one market of degen"),
        ({"moves": [(("degen", SYMBOL), 1), (("degen", "OTHER"), 1)]}, "moves: all must be of one market of degen"),
        ({"moves": [(("degen", SYMBOL), 1), (("degen", SYMBOL), 1)]}, "moves: an instrument is named twice"),
        (
            {"cash": {"USD": Decimal(1), "EUR": Decimal(1)}},
            f"cash: {SYMBOL} is not held, so it must be in one",
        ),
    ],
)
def test_a_posting_that_cannot_be_meant_is_disputed(changed: dict[str, Any], why: str) -> None:
    moves = changed.get("moves", [(("degen", SYMBOL), 1)])
    posting = Posting(
        account="mm1",
        algo_id="1",
        entry_id="a",
        kind=PostingKind.ADJUSTMENT,
        venue="degen",
        moves=[InstrumentMove(InstrumentKey(venue, symbol, Outcome.YES), lots) for (venue, symbol), lots in moves],
        cash=changed.get("cash", {"USD": Decimal(1)}),
        ts_received_ns=1,
    )
    folded = Ledger().fold(stored(posting), 1)
    assert folded.status is FoldStatus.DISPUTED
    assert folded.reason.startswith(why)
