"""Where the ledger starts from: the positions store, checked against FILL, and every message of FILL since."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

from common.bus.messages import StoredMessage
from common.errors import ContractError

from risk.ledger.books import Ledger
from risk.ledger.entries import Check, canonical_bytes, check_entry
from risk.ledger.snapshot import restore
from risk.ledger.store import Loaded, RedisStore

LOAD_ATTEMPTS_MAX = 5
LOAD_RETRY_S = 0.3


class FillStream(Protocol):
    """The part of the bus that reads a stream from a sequence to its end."""

    def read(self, stream: str, after_sequence: int) -> AsyncIterator[StoredMessage]: ...


@dataclass(slots=True)
class Recovered:
    """The ledger a start has, and what must be said about it."""

    ledger: Ledger
    faults: dict[str, str] = field(default_factory=dict)
    """The ledger cannot be trusted: nothing is folded until a person has acted and risk is started again."""
    halts: dict[str, str] = field(default_factory=dict)
    """The ledger is what FILL says, but a person must look before trading goes on."""
    notes: list[str] = field(default_factory=list)


async def recover(
    store: RedisStore, stream: FillStream, platform_id: str, check: Check, *, resumed: bool = False
) -> Recovered:
    """Load, check and catch up; the store then holds the same ledger, unless it is away or not ours.

    `check` says of each message of FILL whether it is its owner's. `resumed`: a person has looked at FILL and answers
    for it, so a positions store that is not made from it gives way.
    """
    loaded = await _load(store)
    found = _restored(loaded, platform_id)
    if found.faults:
        return found
    ledger = found.ledger
    begun_at, holes_before = ledger.sequence, ledger.holes
    fault = await _catch_up(ledger, stream, check)
    if fault and resumed:
        return await _begin_anew(store, stream, check, fault)
    if fault:
        found.faults["ledger_ahead"] = fault
        return found
    if ledger.holes > holes_before:
        found.halts["ledger_hole"] = f"FILL no longer has {ledger.holes - holes_before} of its messages"
    if loaded is not None and not begun_at and ledger.entries:
        found.notes.append(f"the positions store held no ledger: rebuilt from FILL up to sequence {ledger.sequence}")
    if ledger.sequence > begun_at or loaded is None:
        await _write(store, found)
    return found


async def _begin_anew(store: RedisStore, stream: FillStream, check: Check, fault: str) -> Recovered:
    """Take FILL for the truth, from its first message on, and put it in place of what the positions store holds."""
    found = Recovered(Ledger(), notes=[f"{fault}; a person has resumed: the ledger is rebuilt from FILL"])
    again = await _catch_up(found.ledger, stream, check)
    assert not again, "an empty ledger follows from any stream"
    await _write(store, found, replace=True)
    return found


async def _load(store: RedisStore) -> Loaded | None:
    for _ in range(LOAD_ATTEMPTS_MAX):
        try:
            return await store.load()
        except OSError:
            await asyncio.sleep(LOAD_RETRY_S)
    return None


def _restored(loaded: Loaded | None, platform_id: str) -> Recovered:
    if loaded is None:
        return Recovered(Ledger(), notes=["the positions store does not answer: the ledger is rebuilt from FILL"])
    if (loaded.fields or loaded.platform_id) and loaded.platform_id != platform_id:
        text = f"the positions store belongs to platform {loaded.platform_id!r}, this is {platform_id!r}"
        return Recovered(Ledger(), faults={"platform_id": text})
    try:
        return Recovered(restore(loaded.fields))
    except ContractError as error:
        return Recovered(Ledger(), notes=[f"the positions store cannot be read ({error}): rebuilt from FILL"])


async def _catch_up(ledger: Ledger, stream: FillStream, check: Check) -> str:
    """Fold what FILL has beyond the ledger; return why FILL is not the stream the ledger came from, '' when it is."""
    at, tip = ledger.sequence, ledger.tip
    confirmed = at == 0
    async for message in stream.read("FILL", max(0, at - 1)):
        entry = check_entry(message, check)
        if not confirmed:
            if message.sequence != at:
                return f"the positions store is at FILL sequence {at}, which FILL does not have: FILL has lost entries"
            if hashlib.sha256(canonical_bytes(entry)).digest() != tip:
                return f"FILL has another message at sequence {at} than the one the positions store was made from"
            confirmed = True
            continue
        ledger.fold(entry, message.sequence)
    if not confirmed:
        return f"the positions store is at FILL sequence {at}, FILL ends before it: FILL has lost entries"
    return ""


async def _write(store: RedisStore, found: Recovered, *, replace: bool = False) -> None:
    try:
        await store.write_whole(found.ledger, replace=replace)
    except OSError as error:
        found.notes.append(f"the recovered ledger could not be stored yet: {error}")
