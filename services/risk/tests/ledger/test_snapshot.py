"""The documents of the ledger: a torn, edited or foreign store is noticed, never believed."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from common.errors import ContractError
from common.instruments import Outcome
from risk.ledger.books import Ledger
from risk.ledger.snapshot import documents, restore
from risk.testing.events import SYMBOL, a_fill
from risk.testing.harness import stored

LINE = f"line:1.mm1.degen.{SYMBOL}.yes"


@pytest.fixture
def fields() -> dict[str, bytes]:
    ledger = Ledger()
    ledger.fold(stored(a_fill(1, fee=Decimal("0.5"))), 1)
    ledger.fold(stored(a_fill(2, outcome=Outcome.NO, symbol="BTC/USD now", algo_id="é")), 2)
    return documents(ledger)


def test_nothing_stored_is_an_empty_ledger() -> None:
    assert documents(restore({})) == documents(Ledger())


def test_names_of_documents_are_plain_whatever_the_market_is_called(fields: dict[str, bytes]) -> None:
    assert "line:_C3_A9.mm1.degen.BTC_2FUSD_20now.no" in fields
    assert restore(fields).lines.keys() == restore(dict(reversed(fields.items()))).lines.keys()


@pytest.mark.parametrize("name", ["meta", "bot:1", "account:mm1", LINE, "seen:00000000"])
def test_a_missing_document_is_noticed(fields: dict[str, bytes], name: str) -> None:
    del fields[name]
    with pytest.raises(ContractError):
        restore(fields)


@pytest.mark.parametrize("name", ["meta", "bot:1", "account:mm1", LINE])
def test_a_broken_document_is_named(fields: dict[str, bytes], name: str) -> None:
    fields[name] = fields[name][:-3]
    with pytest.raises(ContractError, match=name):
        restore(fields)


def test_edited_money_is_noticed(fields: dict[str, bytes]) -> None:
    account = msgspec.msgpack.decode(fields["account:mm1"])
    account["cash"][0][1] = "1000000"
    fields["account:mm1"] = msgspec.msgpack.encode(account)
    with pytest.raises(ContractError, match="account:mm1: cash"):
        restore(fields)


def test_a_foreign_document_and_a_later_format_are_refused(fields: dict[str, bytes]) -> None:
    with pytest.raises(ContractError, match="rumours:1"):
        restore(fields | {"rumours:1": b""})
    meta = msgspec.msgpack.decode(fields["meta"]) | {"format": 4}
    with pytest.raises(ContractError, match="format: must be 3, is 4"):
        restore(fields | {"meta": msgspec.msgpack.encode(meta)})


def test_sides_that_are_missing_are_noticed() -> None:
    ledger = Ledger()
    coin = {"outcome": Outcome.NONE, "symbol": "BTCUSD", "base": "BTC"}
    ledger.fold(stored(a_fill(1, **coin)), 1)
    fields = documents(ledger)
    assert documents(restore(fields)) == fields
    del fields["sides:1"]
    with pytest.raises(ContractError, match="those of 1 are missing"):
        restore(fields)
