"""Events of before the ledger was kept by instrument: read as what they meant, and never taken for today's.

`golden/` holds bytes that builds of then have written, and beside them the values they stand for. They never change.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
from common.errors import ContractError
from common.events import REGISTRY, Fill, InstrumentKey, Posting, PostingKind, decode, encode, received
from common.events.base import joined_id
from common.events.earlier import (
    EarlierAccountState,
    EarlierFill,
    EarlierPosition,
    EarlierPosting,
    account_state_of,
    fill_of,
    position_of,
    posting_of,
)
from common.instruments import InstrumentKind, Outcome, Side, escape_token
from hypothesis import given, settings
from hypothesis import strategies as st
from toolkit.testing.strategies import structs_of

GOLDEN = Path(__file__).with_name("golden")
TODAY = Path(__file__).parents[4] / "tests" / "contract" / "golden"
EXACT_DIGITS = 100
"""More than sums of generated amounts have."""
ENCODER = msgspec.msgpack.Encoder(decimal_format="string")
EARLIER: dict[str, type[msgspec.Struct]] = {
    "Fill": EarlierFill,
    "Posting": EarlierPosting,
    "Position": EarlierPosition,
    "AccountState": EarlierAccountState,
}
"""What builds of then knew, by the name of its event."""
NAMES = sorted(path.stem for path in GOLDEN.glob("*.msgpack"))


def bytes_of(name: str) -> bytes:
    return (GOLDEN / f"{name}.msgpack").read_bytes()


def values_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode((GOLDEN / f"{name}.json").read_bytes())
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_earlier_form_is_known_to_the_byte(name: str) -> None:
    earlier = msgspec.msgpack.decode(bytes_of(name), type=EARLIER[name.split(".")[0]])
    assert ENCODER.encode(earlier) == bytes_of(name)
    assert msgpack.unpackb(bytes_of(name)) == values_of(name)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_stored_then_is_read_from_where_it_was_stored(name: str) -> None:
    cls, values = REGISTRY[name.split(".")[0]], values_of(name)
    tokens = cls.subject.split(".")
    said = [escape_token(values[token[1:-1]]) if token.startswith("{") else token for token in tokens]
    subject = ".".join(said)
    event = received(cls, bytes_of(name), subject)
    assert type(event) is cls
    assert decode(cls, encode(event)) == event
    assert event.epoch == values["epoch"]


@pytest.mark.parametrize("name", sorted(EARLIER))
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_no_bytes_are_of_both_forms(name: str, data: st.DataObject) -> None:
    """A build that knows only the earlier form parks today's: it must not book zeros in their place."""
    cls, earlier = REGISTRY[name], EARLIER[name]
    for written, reader in ((cls, earlier), (earlier, cls)):
        # A position that holds nothing is the same in both.
        event = data.draw(structs_of(written).filter(lambda event: getattr(event, "lines", None) != []))
        with pytest.raises(msgspec.ValidationError):
            msgspec.msgpack.decode(ENCODER.encode(event), type=reader)


@pytest.mark.parametrize("name", sorted(EARLIER))
def test_a_build_of_before_misses_a_field_in_todays_bytes(name: str) -> None:
    missing = {"Fill": "venue", "Posting": "posting_id", "Position": "venue", "AccountState": "currency"}
    document = msgpack.unpackb((TODAY / f"{name}.msgpack").read_bytes())
    if name == "Posting":
        # Its type has changed as well, so that what is missing would not be reached.
        del document["cash"]
    if name == "AccountState":
        del document["holdings"], document["redeemable"]
    with pytest.raises(msgspec.ValidationError, match=f"missing required field `{missing[name]}`"):
        msgspec.msgpack.decode(msgpack.packb(document), type=EARLIER[name])


def test_a_fill_of_then_is_the_same_execution() -> None:
    fill, then = decode(Fill, bytes_of("Fill")), values_of("Fill")
    assert (fill.venue, fill.symbol, fill.outcome) == ("venue-4", "symbol-5", Outcome.YES)
    assert (fill.instrument.kind, fill.currency, fill.fee_currency) == (
        InstrumentKind.BINARY,
        "currency-14",
        "currency-14",
    )
    assert (fill.rate, fill.fee_rate, fill.fee) == (Decimal("2.25"), Decimal("2.25"), Decimal("1.625"))
    assert fill.price == 10010 * Decimal("1.875")
    assert (fill.instrument.lot_size, fill.instrument.multiplier) == (Decimal(2), Decimal("2.125"))
    kept = set(then) - {"venue", "symbol", "outcome", "currency", "tick_size", "lot_size", "multiplier", "fx_rate"}
    today = msgspec.to_builtins(fill)
    assert {name: today[name] for name in kept} == {name: then[name] for name in kept}


def test_a_fill_of_then_that_said_no_rate_was_in_the_accounts_currency() -> None:
    then = {name: value for name, value in values_of("Fill").items() if name not in ("fx_rate", "outcome")}
    fill = decode(Fill, msgpack.packb(then))
    assert (fill.rate, fill.fee_rate, fill.instrument.kind) == (Decimal(1), Decimal(1), InstrumentKind.SPOT)


def test_a_posting_of_then_moves_yes_and_no() -> None:
    posting = decode(Posting, bytes_of("Posting.2"))
    assert posting.message_id() == "posting:account-2:posting_id-4"
    assert [(move.instrument, move.lots) for move in posting.moves] == [
        (InstrumentKey("venue-5", "symbol-6", Outcome.YES), 7007),
        (InstrumentKey("venue-5", "symbol-6", Outcome.NO), 8008),
    ]
    assert posting.cash == {"currency-10": Decimal("1.125")}
    assert [posting.payout_of(each) for each in (Outcome.YES, Outcome.NO)] == [Decimal("1.5"), Decimal("1.625")]
    assert (posting.result, posting.equity, posting.account_sequence) == ("result-11", Decimal("1.75"), 18018)


@settings(max_examples=50, deadline=None)
@given(structs_of(EarlierFill))
def test_every_fill_of_then_costs_what_it_cost(earlier: EarlierFill) -> None:
    fill = fill_of(earlier)
    assert fill.message_id() == fill.message_id()
    sign = 1 if earlier.side is Side.BUY else -1
    terms = fill.instrument
    assert fill.price * terms.lot_size * terms.multiplier * sign * fill.quantity_lots == (
        earlier.price_ticks * earlier.tick_size * earlier.lot_size * earlier.multiplier * sign * earlier.quantity_lots
    )
    assert (fill.fee, fill.fee_currency, terms.currency) == (earlier.fee, earlier.currency, earlier.currency)
    assert (terms.outcome is Outcome.NONE) is (terms.kind is InstrumentKind.SPOT)


@settings(max_examples=50, deadline=None)
@given(structs_of(EarlierPosting))
def test_every_posting_of_then_moves_what_it_moved(earlier: EarlierPosting) -> None:
    posting = posting_of(earlier)
    assert (posting.lots_of(Outcome.YES), posting.lots_of(Outcome.NO)) == (earlier.yes_lots, earlier.no_lots)
    assert posting.cash == {earlier.currency: earlier.cash}
    assert posting.payout_of(Outcome.YES) == earlier.payout_yes
    assert posting.payout_of(Outcome.NO) == earlier.payout_no
    if earlier.symbol or posting.moves:
        assert posting.symbol == earlier.symbol
    assert posting.kind is not PostingKind.SETTLEMENT or len(posting.payouts) == 2


@settings(max_examples=50, deadline=None)
@given(structs_of(EarlierPosition))
def test_every_position_of_then_holds_what_it_held(earlier: EarlierPosition) -> None:
    position = position_of(earlier)
    for outcome, lots in (
        (Outcome.YES, sum(each.yes_lots for each in earlier.lines)),
        (Outcome.NO, sum(each.no_lots for each in earlier.lines)),
    ):
        assert sum(line.lots for line in position.lines if line.instrument.outcome is outcome) == lots
    with localcontext() as exact:
        exact.prec = EXACT_DIGITS
        for name in ("cost", "fees", "fills"):
            then, today = (sum(getattr(line, name) for line in each.lines) for each in (earlier, position))
            assert today == then
    assert (position.fill_sequence, position.realized) == (earlier.fill_sequence, earlier.realized)


@settings(max_examples=50, deadline=None)
@given(structs_of(EarlierAccountState))
def test_every_account_of_then_holds_what_it_held(earlier: EarlierAccountState) -> None:
    account = account_state_of(earlier)
    assert account.message_id() == f"{joined_id(earlier.account, earlier.epoch, earlier.ts_received_ns)}"
    (balance,) = account.balances
    assert (balance.currency, balance.total, balance.borrowed) == (earlier.currency, earlier.cash_total, Decimal(0))
    assert (balance.available, balance.redeemable, balance.rounding) == (
        earlier.cash_available,
        earlier.redeemable_cash,
        earlier.rounding_cash,
    )
    held = [(each.instrument.symbol, each.instrument.outcome, each.lots) for each in account.holdings]
    assert held == [
        (each.symbol, outcome, lots)
        for each in earlier.holdings
        for outcome, lots in ((Outcome.YES, each.yes_lots), (Outcome.NO, each.no_lots))
    ]
    assert [each.cash for each in account.redeemable] == [each.cash for each in earlier.redeemable]


def test_bytes_of_neither_form_say_what_each_lacks() -> None:
    then = values_of("Fill")
    del then["currency"]
    with pytest.raises(ContractError, match=r"field `instrument`.*; in its earlier form: .*field `currency`"):
        decode(Fill, msgpack.packb(then))
