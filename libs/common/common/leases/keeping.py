"""Winning, renewing and giving back the leases of a live process, and what becomes of it when one is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from structlog.stdlib import BoundLogger

from common.bus.jetstream import Stored
from common.bus.messages import message_of
from common.errors import BusError, BusUnavailable, MarketMakerError, PublishRefused
from common.events import Lease
from common.leases.epochs import LastEpochs
from common.leases.lease import LeaseKeeper, LeaseState
from common.leases.parts import Next, Part
from common.running.shell import Shell
from common.settings import ServiceSettings

WAIT_S = 0.25
LOOK_S = 0.02
DOUBT_LOOKS_PER_TTL = 20
"""How often within a ttl it is asked whether a lease is still sure."""

Leases = Sequence[tuple[str, str]]
"""(role, key) pairs."""
Prepare = Callable[[Shell, str], Awaitable[None]]


class Keeping:
    """The leases of one process: those that the whole core needs, and those that each let a part of it begin."""

    def __init__(
        self,
        leases: Leases,
        parts: Leases,
        prepare: Prepare | None,
        settings: ServiceSettings,
        shell: Shell,
        log: BoundLogger,
    ) -> None:
        """`prepare` is the recovery that a part needs before it begins; it is told the part's key."""
        self._settings, self._shell, self._prepare, self._log = settings, shell, prepare, log
        self._epochs = LastEpochs(settings.data_dir / shell.name / "epochs.json")
        self._whole = [self._keeper(role, key) for role, key in leases]
        self._parts = [Part(partial(self._keeper, role, key)) for role, key in parts]
        self._ending = asyncio.Event()
        self._keeping: set[asyncio.Task[None]] = set()
        self._doubting: set[asyncio.Task[None]] = set()

    def _keeper(self, role: str, key: str) -> LeaseKeeper:
        settings = self._settings
        return LeaseKeeper(role, key, settings.instance, settings.lease_ttl_ms, self._epochs.of(role, key))

    @property
    def keepers(self) -> list[LeaseKeeper]:
        return [*self._whole, *[part.keeper for part in self._parts]]

    # --- life ---------------------------------------------------------------------------------------------------

    async def begin(self, on_wait: Callable[[LeaseKeeper], None]) -> int:
        """Wait until all leases of the whole and one of the parts' are held; return the highest epoch of those held.

        `on_wait` is told, again and again, what is waited for.
        """
        for keeper in self._whole:
            self._shell.guarded(self._keep(keeper), self._keeping)
        for part in self._parts:
            self._shell.guarded(self._keep_part(part), self._keeping)
        while (waited := self._waited()) is not None:
            if self._shell.failed.done():
                self._shell.failed.result()
            on_wait(waited)
            await asyncio.sleep(LOOK_S)
        for keeper in self._whole:
            self._note(keeper)
        if self.keepers:
            self._shell.guarded(self._watch_doubt(), self._doubting)
        return max((keeper.epoch for keeper in self.keepers if keeper.state is LeaseState.HELD), default=0)

    def _waited(self) -> LeaseKeeper | None:
        for keeper in self._whole:
            if keeper.state is not LeaseState.HELD:
                return keeper
        return None if not self._parts or any(part.held for part in self._parts) else self._parts[0].keeper

    async def begin_parts(self) -> None:
        """Begin the parts whose leases are held, now that the core has started; the others follow when theirs are."""
        for part in self._parts:
            if part.held and not part.begun:
                await self._begin(part)

    async def end(self) -> None:
        """Give all leases back after an orderly end."""
        for task in list(self._doubting):
            task.cancel()
        # A beat on its way is waited for: giving back is refused when it does not follow the newest beat.
        self._ending.set()
        if self._keeping:
            await asyncio.wait(list(self._keeping), timeout=WAIT_S * 4)
        for task in list(self._keeping):
            task.cancel()
        for keeper in self.keepers:
            await self._give_back(keeper)

    def _note(self, keeper: LeaseKeeper) -> None:
        self._epochs.note(keeper.role, keeper.key, keeper.epoch)
        self._epochs.save()

    # --- one lease ----------------------------------------------------------------------------------------------

    async def _keep(self, keeper: LeaseKeeper) -> None:
        """Win one lease and renew it until the end; losing it ends the process."""
        while not self._ending.is_set():
            await self._beat(keeper)
            if keeper.state is LeaseState.LOST:
                if await self._store_is_gone():
                    return
                raise MarketMakerError(f"lost the lease {keeper.role}/{keeper.key}: another instance took over")
            await self._pause(keeper)

    async def _store_is_gone(self) -> bool:
        """Say whether a lease was lost to nobody: who has lost it so stands still, in doubt of his lease."""
        return not await self._shell.stores.same() and bool(self._shell.stores.faults)

    async def _pause(self, keeper: LeaseKeeper) -> None:
        pause_s = keeper.beat_ms / 1000 / (1 if keeper.state is LeaseState.HELD else 2)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), pause_s)

    async def _keep_part(self, part: Part) -> None:
        """Win a part's lease, let the part begin, and wait for it again when it is lost.

        Without any lease left nothing is done here, and the process ends, as with the only one.
        """
        while not self._ending.is_set():
            renounced = self._shell.core.renounces(part.key, self._shell.clock.now_ns())
            if part.contends(renounced=renounced):
                await self._beat(part.keeper)
            due = part.next(renounced=renounced)
            if due is Next.BEGIN and self._shell.began:
                # Apart: what has to be read first may take longer than a beat is waited for.
                self._shell.guarded(self._begin_late(part), self._keeping)
            elif due is Next.GIVE_BACK:
                await self._give_back(part.keeper)
                await self._leave(part)
            elif due is Next.LEAVE:
                if await self._store_is_gone():
                    return
                if not any(other.held for other in self._parts):
                    raise MarketMakerError(f"lost the lease {part.role}/{part.key}: another instance took over")
                self._log.warning("lost a lease, the others go on", role=part.role, key=part.key)
                await self._leave(part)
            await self._pause(part.keeper)

    async def _begin(self, part: Part) -> None:
        part.begun = True
        shell, keeper = self._shell, part.keeper
        self._note(keeper)
        if self._prepare is not None:
            try:
                await self._prepare(shell, part.key)
            except BusError as error:
                self._log.warning("cannot begin yet", role=part.role, key=part.key, why=str(error))
                part.begun = False
                return
        if part.keeper is keeper:
            await shell.tell(lambda receipt: shell.core.on_held(part.key, keeper.epoch, receipt))
            self._log.info("holds a lease", role=part.role, key=part.key, epoch=keeper.epoch)

    async def _begin_late(self, part: Part) -> None:
        """Let a part begin that may be another than before, which has heard nothing of what was said until now."""
        await self._begin(part)
        # Where the bus is down, everything is read again when it comes back.
        with contextlib.suppress(BusError):
            await self._shell.read_back_newest()

    async def _leave(self, part: Part) -> None:
        part.renew()
        await self._shell.tell(lambda receipt: self._shell.core.on_lost(part.key, receipt))

    async def _watch_doubt(self) -> None:
        """Tell the core when a lease has not been renewed for half its ttl.

        Apart from the renewing: a beat that gets no answer takes longer than that to give up.
        """
        period_s = self._settings.lease_ttl_ms / 1000 / DOUBT_LOOKS_PER_TTL
        doubted = False
        while True:
            now_ns = self._shell.clock.now_ns()
            doubtful = any(keeper.doubtful(now_ns) for keeper in self._whole)
            if doubtful != doubted:
                doubted = doubtful
                await self._shell.set_doubt(doubtful)
            for part in self._parts:
                await self._doubt(part, now_ns)
            await asyncio.sleep(period_s)

    async def _doubt(self, part: Part, now_ns: int) -> None:
        doubtful = part.keeper.doubtful(now_ns)
        if not part.begun or doubtful == part.doubted:
            return
        part.doubted = doubtful
        await self._shell.tell(lambda receipt: self._shell.core.on_doubt(part.key, doubtful, receipt))

    # --- the broker ---------------------------------------------------------------------------------------------

    async def _give_back(self, keeper: LeaseKeeper) -> None:
        shell, release = self._shell, keeper.release()
        if release is None or not shell.bus.connected or shell.failed.done():
            return
        try:
            await shell.bus.publish_acked(release.event, expected_last_sequence=release.expected_last_sequence)
        except BusError as error:
            self._log.warning("lease not released, it will expire", why=str(error))

    async def _believed(self, stored: Stored | None) -> Lease | None:
        """Return the newest lease that a holder has signed; whatever is stored behind it only has to be followed."""
        if stored is None:
            return None
        found = await self._shell.gate.admit(Lease, message_of(stored))
        if found.refusal is not None:
            self._log.error("a lease was rejected", subject=stored.subject, why=found.refusal.reason)
        return found.event if isinstance(found.event, Lease) else None

    async def _follows_nobody(self, keeper: LeaseKeeper) -> bool:
        """Say whether our beat was refused only for a message that is no lease; the next beat then follows that one."""
        if keeper.state is not LeaseState.HELD:
            return False
        stored = await self._shell.api.last("LEASE", _address(keeper))
        if stored is None or self._shell.gate.check_stored(stored) is None:
            return False
        keeper.follow(stored.sequence)
        return True

    async def _beat(self, keeper: LeaseKeeper) -> None:
        """Look at the lease and publish what is due; a broker that is down changes nothing."""
        shell = self._shell
        try:
            if keeper.state is LeaseState.WAITING:
                stored = await shell.api.last("LEASE", _address(keeper))
                keeper.observe(await self._believed(stored), stored.sequence if stored else 0, shell.clock.now_ns())
            due = keeper.beat(shell.clock.now_ns())
            if due is None:
                return
            assert isinstance(due.event, Lease)
            sequence = await shell.bus.publish_acked(due.event, expected_last_sequence=due.expected_last_sequence)
            keeper.won(due.event, sequence)
        except PublishRefused:
            # What nobody with a key has said takes no lease away.
            if not await self._follows_nobody(keeper):
                keeper.refused()
        except BusUnavailable:
            pass


def _address(keeper: LeaseKeeper) -> str:
    return Lease(role=keeper.role, key=keeper.key, holder="", beat=0, ttl_ms=0).address()
