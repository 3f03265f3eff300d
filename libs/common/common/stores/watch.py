"""A process's own look at the stores: before it begins, every second while it lives, and what it remembers on disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from structlog.stdlib import BoundLogger

from common.bus.jetstream import STREAM_NOT_FOUND, ApiError, JetStreamApi
from common.bus.messages import message_of
from common.errors import BusError, ContractError, MarketMakerError
from common.events import Lease, LeaseIdentity
from common.running.gate import Gate
from common.signing import Refusal
from common.stores import STANDS_STILL
from common.stores.judge import STORES, Found, Known, Standing, Verdict, forgotten, judge, remembered
from common.stores.memory import read_known, write_known

LOOK_S = 1.0
LOOK_AGAIN_S = 0.25
LOOKS = 3
"""Looks running that must find the same fault: a broker that changes its leader may answer oddly once."""
WRITE_S = 3.0
"""The highest sequences seen are written down at least this often."""
NEW_LIFE = "a newer generation of the stores was made: restarts with it"
KEEPS_PROMISES = frozenset({"quoter", "risk"})
"""Roles whose disk holds what nobody else has: fills under way, and halts."""

Leases = Sequence[tuple[str, str]]


class StoreWatch:
    """Tells when the stores are not those this process knew; from then on it stands still until a newer generation."""

    def __init__(
        self,
        api: JetStreamApi,
        gate: Gate,
        file: Path,
        platform_id: str,
        stand_still: Callable[[Sequence[str]], Awaitable[None]],
        log: BoundLogger,
    ) -> None:
        self._api, self._gate, self._file, self._log = api, gate, file, log
        self._stand_still = stand_still
        self._known = read_known(file, platform_id, log)
        self._written_s = 0.0
        self._identity: LeaseIdentity | None = None
        self._found: dict[str, Found | None] = {}
        self._stood = False
        self.renewed = asyncio.Event()
        """Set when a newer generation was made while we lived: all that is in memory is of the one before."""

    @property
    def generation(self) -> int:
        return self._known.generation

    @property
    def resumed(self) -> LeaseIdentity | None:
        """Return the person's word that this life is the first to follow; None in a first start or a mere restart."""
        return self._identity if self._known.renewed else None

    @property
    def faults(self) -> list[str]:
        """Why we stand still; empty when we do not."""
        return list(self._known.faults)

    async def admit(self, leases: Leases, instance: str, on_wait: Callable[[str], None]) -> None:
        """Return when the stores are proven ours; until then stand still and say why.

        MarketMakerError when a person has resumed what stood still: only a new life knows nothing of before.
        """
        while True:
            verdict = await self._confirmed(leases, instance)
            if verdict is not None and verdict.standing in (Standing.SAME, Standing.NEWER):
                assert self._identity is not None, "what is the same or newer has one"
                self._remember(remembered(self._known, self._identity, self._found))
                if self._stood:
                    raise MarketMakerError(NEW_LIFE)
                return
            if verdict is not None and verdict.standing is Standing.CHANGED:
                await self._latch(verdict.faults)
            # What stood still in its last life does so while nobody can tell it of a newer generation, too.
            await self._stand()
            waits = verdict.faults[0] if verdict is not None else "waiting for the streams"
            on_wait(STANDS_STILL if self.faults else waits)
            await asyncio.sleep(LOOK_AGAIN_S)

    async def run(self) -> None:
        """Look every second, for as long as the process lives or until a newer generation comes."""
        while not self.renewed.is_set():
            await asyncio.sleep(LOOK_S)
            verdict = await self._confirmed()
            if verdict is None or verdict.standing is Standing.UNMADE:
                continue
            if verdict.standing is Standing.NEWER:
                self.renewed.set()
            elif verdict.standing is Standing.CHANGED:
                await self._latch(verdict.faults)
            elif self._identity is not None and time.monotonic() - self._written_s >= WRITE_S:
                await self._go_along(remembered(self._known, self._identity, self._found))

    async def same(self) -> bool:
        """Say whether the stores are, at this moment and as far as can be seen, those we knew."""
        verdict = await self._confirmed()
        if verdict is not None and verdict.standing is Standing.CHANGED:
            await self._latch(verdict.faults)
        return verdict is not None and verdict.standing is Standing.SAME

    def done(self) -> None:
        """What follows from a person's word has been done: the next life is an ordinary one."""
        if self._known.renewed:
            self._remember(msgspec.structs.replace(self._known, renewed=False))

    def state(self) -> dict[str, Any]:
        seen = {stream: mark.last_sequence for stream, mark in self._known.stores.items()}
        return {"generation": self.generation, "faults": self.faults, "seen": seen}

    # --- looking ------------------------------------------------------------------------------------------------

    async def _confirmed(self, leases: Leases = (), instance: str = "") -> Verdict | None:
        """Look until it is sure; None while the broker does not answer."""
        verdict = None
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(LOOK_AGAIN_S)
            try:
                verdict = await self._look(leases, instance)
            except BusError:
                return None
            if verdict.standing is not Standing.CHANGED or verdict.faults == tuple(self._known.faults):
                return verdict
        return verdict

    async def _look(self, leases: Leases, instance: str) -> Verdict:
        self._found = await look_at_stores(self._api)
        identity, refusal = None, ""
        if self._found["LEASE"] is not None:
            identity, refusal = await self._read_identity()
        self._identity = identity
        verdict = judge(self._known, identity, self._found, refusal)
        if verdict.standing is Standing.NEWER and not self._known.generation and identity is not None:
            lost = [each for role, key in leases if (each := await self._lost(role, key, instance, identity))]
            if lost:
                return Verdict(Standing.CHANGED, tuple(lost))
        return verdict

    async def _read_identity(self) -> tuple[LeaseIdentity | None, str]:
        stored = await self._api.last("LEASE", LeaseIdentity.subject)
        if stored is None:
            return None, ""
        try:
            event, _ = self._gate.read(LeaseIdentity, message_of(stored))
        except ContractError as error:
            return None, f"the identity in LEASE cannot be read: {error}"
        if isinstance(event, Refusal):
            return None, f"the identity in LEASE is not this platform's: {event.reason}"
        assert isinstance(event, LeaseIdentity)
        return event, ""

    async def _lost(self, role: str, key: str, instance: str, identity: LeaseIdentity) -> str:
        if role not in KEEPS_PROMISES:
            return ""
        address = Lease(role=role, key=key, holder="", beat=0, ttl_ms=0).address()
        stored = await self._api.last("LEASE", address)
        if stored is None:
            return ""
        try:
            lease, _ = self._gate.read(Lease, message_of(stored))
        except ContractError:
            return ""
        holder = lease.holder if isinstance(lease, Lease) else ""
        return forgotten(role, key, holder, stored.sequence, identity, instance)

    # --- remembering --------------------------------------------------------------------------------------------

    async def _latch(self, faults: Sequence[str]) -> None:
        """Stand still, first on disk: whoever dies now stands still in his next life as well."""
        if not self._known.faults:
            self._log.error("the stores are not those we knew: stands still", faults=list(faults))
            self._remember(msgspec.structs.replace(self._known, faults=list(faults)))
        await self._stand()

    async def _stand(self) -> None:
        if self._known.faults and not self._stood:
            self._stood = True
            await self._stand_still(self._known.faults)

    def _remember(self, known: Known) -> None:
        """Have it on disk when this returns."""
        self._known, self._written_s = known, time.monotonic()
        write_known(self._file, known, self._log)

    async def _go_along(self, known: Known) -> None:
        """Write down how far the streams have come, without holding up whoever works meanwhile."""
        self._written_s = time.monotonic()
        if known != self._known:
            self._known = known
            await asyncio.to_thread(write_known, self._file, known, self._log)


async def look_at_stores(api: JetStreamApi) -> dict[str, Found | None]:
    """Return what the broker says of each store, None for one that is not there."""
    return {stream: await _look_at(api, stream) for stream in STORES}


async def _look_at(api: JetStreamApi, stream: str) -> Found | None:
    try:
        info = await api.call(f"STREAM.INFO.{stream}")
    except ApiError as error:
        if error.code != STREAM_NOT_FOUND:
            raise
        return None
    state = info["state"]
    return Found(str(info["created"]), int(state["messages"]), int(state["last_seq"]))
