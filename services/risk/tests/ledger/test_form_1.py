"""Stores of form 1, in which a line was a whole market's: proven by FILL, then put in today's form.

`golden/fill.json` is a history as FILL holds it: subject and bytes of each message. `golden/form-1.json` is what the
last build of form 1 had stored at some of its sequences. Both were written by that build and never change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from common.errors import ContractError
from common.instruments import Outcome
from risk.ledger import form_1
from risk.ledger.books import Ledger
from risk.ledger.entries import read_entry
from risk.ledger.positions import MarketKey
from risk.ledger.snapshot import documents, form_of, restore
from risk.testing.events import a_fill
from risk.testing.stores import Setting, Stream, a_setting
from toolkit.testing.servers import LocalRedis

GOLDEN = Path(__file__).parent / "golden"
FILL: list[tuple[str, bytes]] = [
    (subject, bytes.fromhex(data)) for subject, data in json.loads((GOLDEN / "fill.json").read_text())
]
STORES: dict[int, dict[str, bytes]] = {
    int(sequence): {name: bytes.fromhex(data) for name, data in fields.items()}
    for sequence, fields in json.loads((GOLDEN / "form-1.json").read_text()).items()
}
MIDDLE, END = 30, len(FILL)


def rebuilt(sequence: int = END) -> Ledger:
    """Return the ledger that the first messages of FILL make."""
    ledger = Ledger()
    for number, (subject, data) in enumerate(FILL[:sequence], 1):
        ledger.fold(read_entry(subject, data), number)
    return ledger


@pytest.mark.parametrize("sequence", STORES)
def test_the_ledger_by_instrument_says_in_form_1_what_was_stored_then(sequence: int) -> None:
    ledger = rebuilt(sequence)
    assert form_1.documents(ledger) == STORES[sequence]
    stored = msgspec.msgpack.decode(STORES[sequence]["meta"])
    assert (ledger.tip, ledger.chain) == (stored["tip"], stored["chain"]), "the hashes are over stored bytes"


@pytest.mark.parametrize("sequence", STORES)
async def test_a_store_of_form_1_becomes_the_ledger_rebuilt_from_fill_to_the_byte(
    redis_server: LocalRedis, sequence: int
) -> None:
    async with a_setting(redis_server) as setting:
        await setting.put(STORES[sequence], sequence)
        found = await setting.recover(Stream(*FILL))
        assert (found.faults, found.halts) == ({}, {})
        assert found.notes == ["the positions store was of form 1 and says what FILL says: it is now of form 3"]
        assert documents(found.ledger) == documents(rebuilt())
        assert await setting.stored() == setting.expected(), "nothing of form 1 is left"
        again = await setting.recover(Stream(*FILL))
        assert (again.notes, documents(again.ledger)) == ([], documents(found.ledger))


def test_what_form_1_did_not_tell_comes_from_fill() -> None:
    ledger = rebuilt(MIDDLE)
    eth = ledger.lines_in(MarketKey("2", "mm1", "degen", "ETH-5M-1795223100"))
    assert [(line.key.outcome, line.fills) for line in eth] == [(Outcome.NO, 1)]
    (spot,) = ledger.lines_in(MarketKey("1", "mm1", "degen", "BTC/USD"))
    assert (spot.key.outcome, spot.lots) == (Outcome.NONE, -50)


def edited(fields: Mapping[str, bytes], name: str, **changed: Any) -> dict[str, bytes]:
    document = msgspec.msgpack.decode(fields[name]) | changed
    return dict(fields) | {name: msgspec.msgpack.encode(document)}


async def refused(setting: Setting, fields: Mapping[str, bytes], stream: Stream) -> str:
    """Return why a start with a store of form 1 stands still; the store must be as it was."""
    await setting.put(fields, MIDDLE)
    before = await setting.stored()
    found = await setting.recover(stream)
    assert list(found.faults) == ["ledger_ahead"]
    assert await setting.stored() == before
    return found.faults["ledger_ahead"]


async def test_a_store_of_form_1_that_fill_does_not_make_is_a_fault_and_left_alone(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as setting:
        fields = edited(STORES[MIDDLE], "bot:1", fills=7)
        fault = await refused(setting, fields, Stream(*FILL))
        assert fault == "1 documents of the positions store, which is of form 1, differ from FILL at 30: bot:1"

        found = await setting.recover(Stream(*FILL), resumed=True)
        assert "a person has resumed: the ledger is rebuilt from FILL" in found.notes[0]
        assert await setting.stored() == setting.expected()


async def test_a_fill_that_ends_before_a_store_of_form_1_is_a_fault(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as setting:
        fault = await refused(setting, STORES[MIDDLE], Stream(*FILL[: MIDDLE - 1]))
        assert fault == "the positions store is at FILL sequence 30, which FILL does not have: FILL has lost entries"


async def test_a_store_of_form_1_of_another_platform_is_not_touched(redis_server: LocalRedis) -> None:
    async with a_setting(redis_server) as before, a_setting(redis_server, "p2") as after:
        await before.put(STORES[MIDDLE], MIDDLE)
        stored = await before.stored()
        assert list((await after.recover(Stream(*FILL))).faults) == ["platform_id"]
        assert await before.stored() == stored


async def test_whoever_dies_before_the_new_form_is_written_finds_form_1_again(
    redis_server: LocalRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_setting(redis_server) as dying, a_setting(redis_server) as next_one:
        await dying.put(STORES[MIDDLE], MIDDLE)
        stored = await dying.stored()

        async def dead(*_: object, **__: object) -> None:
            raise OSError("redis: gone")

        monkeypatch.setattr(dying.store, "_run", dead)
        found = await dying.recover(Stream(*FILL[:MIDDLE]))
        assert "could not be stored yet" in found.notes[-1]
        assert await dying.stored() == stored
        await next_one.recover(Stream(*FILL[:MIDDLE]))
        assert await next_one.stored() == next_one.expected()


async def test_changes_are_never_mixed_with_documents_of_form_1(
    redis_server: LocalRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_setting(redis_server) as setting:
        await setting.put(STORES[MIDDLE], MIDDLE)
        with monkeypatch.context() as patched:

            async def away(*_: object, **__: object) -> None:
                raise OSError("redis: away")

            patched.setattr(setting.store, "_run", away)
            await setting.recover(Stream(*FILL[:MIDDLE]))
        # The next change would follow the stored sequence: it must not go into documents of form 1.
        await setting.store.apply(setting.fold(a_fill(900)))
        assert await setting.stored() == setting.expected()
        await setting.store.apply(setting.fold(a_fill(901)))
        assert await setting.stored() == setting.expected()


# --- the way back -----------------------------------------------------------------------------------------------


class MetaOfForm1(msgspec.Struct, frozen=True):
    """`meta` as the last build of form 1 read it."""

    format: int
    sequence: int
    tip: bytes
    chain: bytes
    entries: int
    repeats: int
    disputes: int
    holes: int
    marks: int


def restore_of_form_1(fields: Mapping[str, bytes]) -> None:
    """The first steps of `restore` in the last build of form 1."""
    meta = msgspec.msgpack.decode(fields["meta"], type=MetaOfForm1)
    if meta.format != 1:
        raise ContractError("meta", f"format: must be 1, is {meta.format}")
    for name in fields:
        if name.startswith("line:"):
            msgspec.msgpack.decode(fields[name], type=form_1.LineDocument)


def test_a_build_of_form_1_refuses_todays_documents_and_would_rebuild_from_fill() -> None:
    with pytest.raises(ContractError, match="format: must be 1, is 3"):
        restore_of_form_1(documents(rebuilt()))
    # Even a `meta` of then over our lines, as an old build that goes on writing would leave it, is not misread.
    mixed = documents(rebuilt()) | {"meta": STORES[END]["meta"]}
    with pytest.raises(msgspec.ValidationError):
        restore_of_form_1(mixed)
    with pytest.raises(ContractError, match="format: must be 3, is 1"):
        restore(STORES[END])
    with pytest.raises(ContractError, match="missing required field"):
        restore(STORES[MIDDLE] | {"meta": documents(rebuilt(MIDDLE))["meta"]})


def test_the_number_of_a_form_is_read_from_any_store() -> None:
    assert [form_of({}), form_of(STORES[END]), form_of(documents(Ledger()))] == [0, 1, 3]
    with pytest.raises(ContractError, match="meta"):
        form_of({"line:1": b""})
    assert Decimal(1) == rebuilt().bots["1"].balances["mm1", "USD"].fx_rate
