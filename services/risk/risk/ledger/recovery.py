"""Where the ledger starts from: the positions store, checked against FILL, and every message of FILL since."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from common.bus.messages import StoredMessage
from common.errors import ContractError

from risk.ledger import form_1
from risk.ledger.books import Ledger
from risk.ledger.entries import Check, check_entry
from risk.ledger.snapshot import FORMAT, WITHOUT_SIDES, differences, documents, form_of, restore, sequence_of
from risk.ledger.store import Loaded, RedisStore

EARLIER: Mapping[int, Callable[[Ledger], dict[str, bytes]]] = {
    form_1.FORMAT: form_1.documents,
    WITHOUT_SIDES: partial(documents, form=WITHOUT_SIDES),
}
"""How the ledger is said in the forms of earlier builds, by their number."""
LOAD_ATTEMPTS_MAX = 5
LOAD_RETRY_S = 0.3
NAMES_SHOWN_MAX = 5


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
    earlier = _earlier_form(loaded, platform_id) if loaded is not None else None
    if loaded is not None and earlier is not None:
        return await _migrate(store, stream, check, loaded.fields, earlier, resumed=resumed)
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


def _earlier_form(loaded: Loaded, platform_id: str) -> int | None:
    """Return the form of a store of ours that an earlier build wrote, None where there is nothing to prove."""
    try:
        form = form_of(loaded.fields)
        ours = loaded.platform_id == platform_id and form in EARLIER
        return form if ours and sequence_of(loaded.fields) > 0 else None
    except ContractError:
        return None


async def _migrate(
    store: RedisStore, stream: FillStream, check: Check, fields: Mapping[str, bytes], form: int, *, resumed: bool
) -> Recovered:
    """Fold FILL from its first message, prove the store of an earlier form by it, and put the ledger in its place.

    The store changes by one script: whoever dies before it finds the earlier form again, whoever dies after it ours.
    """
    found = Recovered(Ledger())
    ledger, proven, fault, holes = found.ledger, False, "", 0
    at = sequence_of(fields)
    async for message in stream.read("FILL", 0):
        ledger.fold(check_entry(message, check), message.sequence)
        if message.sequence == at:
            proven, holes = True, ledger.holes
            fault = _unlike(differences(EARLIER[form](ledger), fields), form, at)
    if not proven:
        fault = f"the positions store is at FILL sequence {at}, which FILL does not have: FILL has lost entries"
    if fault and not resumed:
        return Recovered(Ledger(), faults={"ledger_ahead": fault})
    if fault:
        found.notes.append(f"{fault}; a person has resumed: the ledger is rebuilt from FILL")
    else:
        found.notes.append(
            f"the positions store was of form {form} and says what FILL says: it is now of form {FORMAT}"
        )
    if not fault and ledger.holes > holes:
        found.halts["ledger_hole"] = f"FILL no longer has {ledger.holes - holes} of its messages"
    await _write(store, found, replace=bool(fault))
    return found


def _unlike(names: list[str], form: int, at: int) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:NAMES_SHOWN_MAX])
    return f"{len(names)} documents of the positions store, which is of form {form}, differ from FILL at {at}: {shown}"


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
            if hashlib.sha256(entry.data).digest() != tip:
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
