"""Give the stores their identity: the first at the first start, every later one because a person says so."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import structlog

from common.bus.jetstream import CONSUMER_NOT_FOUND, ApiError, JetStreamApi, Stored
from common.bus.messages import message_of
from common.bus.nats import NatsConnection
from common.errors import ContractError, MarketMakerError
from common.events import IDENTITIES, Fill, Posting, StoreIdentity, StoreMark, address_filter
from common.signing import Verifier
from common.signing.judge import read
from common.stores.judge import STORES, Found, Known, Standing, judge, remembered
from common.stores.memory import read_known, write_known
from common.stores.watch import look_at_stores
from common.streams import DURABLES, STREAM_BY_NAME

FIRST = "first start"
UPGRADED = "found by the first start that gives stores an identity"
STEP = "streams"

log = structlog.get_logger()


class Sealing:
    """One look at the stores as their administrator, and what may be written into them."""

    def __init__(self, connection: NatsConnection, platform_id: str, file: Path) -> None:
        self._connection, self._api = connection, JetStreamApi(connection)
        self._platform_id, self._file = platform_id, file
        if connection.keys is None:
            raise MarketMakerError("MM_SIGNING_KEY_FILE: must be given: an identity that is not signed is none")
        self.verifier = connection.keys.verifier

    async def first(self) -> str:
        """Give new stores their first identity and return a line for people; stores of before keep theirs."""
        known, found, identity, _ = await self._look()
        if identity is None and not known.generation:
            held = sum(each.messages for each in found.values() if each is not None)
            identity = await self._write(1, found, STEP, UPGRADED if held else FIRST)
            found = await look_at_stores(self._api)
        verdict = judge(known, identity, found)
        if identity is None or verdict.standing is Standing.CHANGED:
            return f"stores: NOT those we knew, services stand still, see ./mm resume: {'; '.join(verdict.faults)}"
        write_known(self._file, remembered(known, identity, found), log)
        return f"stores: generation {identity.generation}"

    async def report(self) -> dict[str, Any]:
        """Return per store what the administrator remembers and what is there now, and where every stream ends.

        And how far FILL, ours or not, has each account's entries.
        """
        known, found, identity, refusal = await self._look()
        stores = {}
        for stream in STORES:
            mark, now = known.stores.get(stream), found[stream]
            made = identity.stores.get(stream) if identity is not None else None
            stores[stream] = {
                "made": made.created if made else mark.created if mark else None,
                "seen_sequence": mark.last_sequence if mark else None,
                "created": now.created if now else None,
                "messages": now.messages if now else None,
                "last_sequence": now.last_sequence if now else None,
            }
        verdict = judge(known, identity, found, refusal)
        return {
            "generation": identity.generation if identity is not None else None,
            "known_generation": known.generation,
            "standing": verdict.standing.value,
            "faults": list(verdict.faults),
            "stores": stores,
            "booked": await booked_places(self._api, self.verifier) if found["FILL"] is not None else {},
            "ends": {level.stream: level.last_sequence for level in await self._api.levels()},
        }

    async def proven(self) -> tuple[Stored, StoreIdentity]:
        """Return the identity in LEASE and what it says; MarketMakerError when the stores are not those we knew."""
        known, found, identity, refusal = await self._look()
        verdict = judge(known, identity, found, refusal)
        stored = await self._api.last("LEASE", IDENTITIES["LEASE"].subject)
        if identity is None or stored is None or verdict.standing not in (Standing.SAME, Standing.NEWER):
            raise MarketMakerError(f"the stores are not those we knew, see ./mm resume: {'; '.join(verdict.faults)}")
        return stored, identity

    async def renew(self, who: str, reason: str, *, restored: str = "") -> int:
        """Write the next generation, which a person answers for, and return it; the ledger's reader is recreated.

        `restored` names the backup that the stores were brought back from: then everybody stands still, and what was
        known of the stores stays known, until a generation follows that was not.
        """
        known, found, identity, _ = await self._look()
        for reader in DURABLES:
            # Where it stood says nothing of this stream; who reads through it knows by itself what is booked.
            try:
                await self._api.call(f"CONSUMER.DELETE.{reader.stream}.{reader.name}")
            except ApiError as error:
                if error.code != CONSUMER_NOT_FOUND:
                    raise
            await self._api.ensure_durable(reader)
        generation = max(known.generation, identity.generation if identity is not None else 0) + 1
        made = await self._write(generation, found, who, reason, restored)
        if not restored:
            write_known(self._file, remembered(known, made, await look_at_stores(self._api)), log)
        return generation

    async def _look(self) -> tuple[Known, dict[str, Found | None], StoreIdentity | None, str]:
        known = read_known(self._file, self._platform_id, log)
        found = await look_at_stores(self._api)
        if found["LEASE"] is None:
            return known, found, None, ""
        stored = await self._api.last("LEASE", IDENTITIES["LEASE"].subject)
        identity = self._genuine(stored) if stored is not None else None
        refusal = "" if stored is None or identity is not None else "the identity in LEASE is not this platform's"
        return known, found, identity, refusal

    def _genuine(self, stored: Stored) -> StoreIdentity | None:
        try:
            event, _ = read(self.verifier, IDENTITIES["LEASE"], message_of(stored))
        except ContractError:
            return None
        return event if isinstance(event, StoreIdentity) else None

    async def _write(
        self, generation: int, found: dict[str, Found | None], who: str, reason: str, restored: str = ""
    ) -> StoreIdentity:
        """Write one generation into every store, LEASE last: whoever reads it there finds the others written."""
        missing = [stream for stream in STORES if found[stream] is None]
        if missing:
            raise MarketMakerError(f"{', '.join(missing)}: not there; the streams are made first")
        marks = {stream: StoreMark(each.created, each.last_sequence) for stream, each in found.items() if each}
        written: StoreIdentity | None = None
        for stream in STORES:
            cls = IDENTITIES[stream]
            before = await self._api.last(stream, cls.subject)
            written = cls(
                platform_id=self._platform_id,
                stream=stream,
                generation=generation,
                stores=marks,
                who=who,
                reason=reason,
                made_ns=time.time_ns(),
                follows=hashlib.sha256(before.data).hexdigest() if before is not None else "",
                restored=restored,
            )
            await self._connection.publish_acked(
                written, expected_last_sequence=before.sequence if before is not None else 0
            )
        assert written is not None, "there are stores"
        return written


async def booked_places(api: JetStreamApi, verifier: Verifier) -> dict[str, int]:
    """Return by account the newest place in its private stream that FILL has a genuine entry of.

    The last entry of every bot is enough: an account's entries are published in the order of their places.
    """
    places: dict[str, int] = {}
    for cls in (Fill, Posting):
        async for stored in api.last_values("FILL", address_filter(cls)):
            try:
                entry, _ = read(verifier, cls, message_of(stored))
            except ContractError:
                continue
            if isinstance(entry, Fill | Posting) and entry.account_sequence:
                places[entry.account] = max(places.get(entry.account, 0), entry.account_sequence)
    return places


assert STORES[-1] == "LEASE", "what readers look at is written last"
assert set(STORES) <= set(STREAM_BY_NAME), "every store is a stream"
