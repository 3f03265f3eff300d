"""A build of before the ledger knew instruments, started on today's data: it parks and halts, and books no zeros."""

from __future__ import annotations

import json
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from common.events import Event, PostingKind, encode
from common.events.earlier import EarlierFill
from risk.testing.events import a_fill, a_posting, a_settlement

from tests.integration.before import needs_history, version_of_before

pytestmark = pytest.mark.timeout(120)

# Runs on the packages of before: reads each message as its shell did, and has the ledger's core take it in.
DRIVER = """
import json, sys
from common.events import Halt
from risk.entries import Undecodable, read_entry
from risk.rehearsal import Desk, of

desk = Desk()
for subject, data in json.load(sys.stdin):
    entry = read_entry(subject, bytes.fromhex(data))
    desk.sequence += 1
    if isinstance(entry, Undecodable):
        desk.do(desk.risk.on_undecodable(subject, entry.reason, entry.data, desk.receipt(desk.sequence)))
    else:
        desk.deliver(entry, desk.sequence)
ledger = desk.risk.ledger
print(json.dumps({
    "sequence": ledger.sequence,
    "lines": [[line.yes.lots, line.no.lots] for line in ledger.lines.values()],
    "cash": [[name, float(cash)] for book in ledger.accounts.values() for name, cash in book.cash.items()],
    "halts": [[halt.scope, halt.reason, halt.detail] for halt in of(Halt, desk.said)],
}))
"""


def stored(event: Event) -> tuple[str, str]:
    return event.address(), encode(event).hex()


def stored_then() -> tuple[str, str]:
    """Return a message that the build of before has written itself: 100 YES bought at 0.40."""
    fill = a_fill(1)
    earlier = EarlierFill(
        account=fill.account,
        algo_id=fill.algo_id,
        venue=fill.venue,
        symbol=fill.symbol,
        order_id=fill.order_id,
        order_sequence=1,
        venue_order_id="1",
        venue_trade_id="1",
        outcome=fill.outcome,
        side=fill.side,
        price_ticks=fill.price_ticks,
        quantity_lots=fill.quantity_lots,
        leaves_lots=0,
        liquidity=fill.liquidity,
        currency=fill.currency,
        tick_size=fill.instrument.tick_size,
        ts_event_ns=fill.ts_event_ns,
        ts_received_ns=fill.ts_received_ns,
    )
    return fill.address(), msgspec.msgpack.Encoder(decimal_format="string").encode(earlier).hex()


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the build of before makes of a fill of its own and of today's fills and postings behind it."""
    folder: Path = tmp_path_factory.mktemp("downgrade")
    today = [
        a_fill(2),
        a_fill(3, fee=Decimal("0.5")),
        a_posting("d1", PostingKind.DEPOSIT, cash=Decimal(1_000)),
        a_posting("m1", PostingKind.MERGE, symbol="BTC-5M-1795223100", yes_lots=-10, no_lots=-10, cash=Decimal(10)),
        a_settlement(),
    ]
    done = subprocess.run(
        [str(version_of_before(folder / "before")), "-c", DRIVER],
        input=json.dumps([stored_then(), *map(stored, today)]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@needs_history
def test_a_build_of_before_books_its_own_entries_and_none_of_todays(taken_in: dict[str, Any]) -> None:
    assert taken_in["sequence"] == 6, "each has its place"
    assert taken_in["lines"] == [[100, 0]]
    assert taken_in["cash"] == [["USD", -40.0]]


@needs_history
def test_it_halts_the_account_for_each_of_them_and_says_what_is_missing(taken_in: dict[str, Any]) -> None:
    halts = {reason: detail for scope, reason, detail in taken_in["halts"] if scope == "account-mm1"}
    assert list(halts) == [f"disputed-{sequence}" for sequence in range(2, 7)]
    assert all("was not booked: " in detail for detail in halts.values())
    assert "Fill: Object missing required field" in halts["disputed-2"]
