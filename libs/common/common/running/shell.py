"""The live shell around a core: it feeds the inputs in, one at a time, and carries the effects out."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from structlog.stdlib import BoundLogger

from common.bus.durable import Acknowledge, DurablePuller
from common.bus.jetstream import JetStreamApi
from common.bus.nats import NatsConnection
from common.bus.ordered import OrderedReader
from common.bus.readers import NewestReader, SampledReader
from common.clock import AnchoredClock
from common.core import (
    Answered,
    AnswerLater,
    Close,
    Command,
    Core,
    Durable,
    Effects,
    Every,
    Http,
    HttpRequest,
    Input,
    Keep,
    Newest,
    Open,
    Ordered,
    Publish,
    Receipt,
    Sample,
    Send,
    Store,
    StreamLevels,
    Turn,
    Wire,
)
from common.errors import BusError, BusUnavailable, CommandUndone, ConfigError, ContractError
from common.events import Event, address_filter
from common.machine.disk import Documents
from common.machine.needs import Machine
from common.running.gate import Gate
from common.running.intake import Call, Handler, Intake
from common.running.outbox import Outbox
from common.running.periods import Guard, at_period
from common.running.promises import Order, Promises
from common.running.selfcheck import SelfCheck
from common.running.storing import Due, Storage, StoreLine
from common.running.telemetry import lines_lost
from common.running.wires import LiveHttp, LiveWire
from common.settings import ServiceSettings
from common.stores.memory import FILE
from common.stores.watch import StoreWatch
from common.streams import DURABLE_BY_NAME

READ_BACK_RETRY_S = 0.2
DRAIN_S = 2.0
EARLY_EVENTS_MAX = 1_000
"""Acked events of the time before the bus is there; beyond it the oldest go, what must not be lost is on disk."""
I = TypeVar("I")  # noqa: E741


class Shell:
    """One core, live. Everything that reaches the core passes `_turn`, so its handlers never interleave."""

    def __init__(
        self,
        name: str,
        core: Core,
        settings: ServiceSettings,
        connection: NatsConnection,
        log: BoundLogger,
        storage: Storage | None = None,
    ) -> None:
        self.name, self.core, self.settings, self.log = name, core, settings, log
        self.bus = connection
        self.api = JetStreamApi(connection)
        self.clock = AnchoredClock()
        self._guard = Guard()
        self.guarded, self.failed = self._guard.run, self._guard.failed
        if connection.keys is None:
            raise ConfigError(["MM_SIGNING_KEY_FILE: must be given: what is not signed is not obeyed"])
        self.gate = Gate(connection.keys, self.api, settings.data_dir / name / "obeyed", log)
        self.stores = StoreWatch(
            self.api, self.gate, settings.data_dir / name / FILE, settings.platform_id, self._stand_still, log
        )
        spool_dir = settings.data_dir / name / "spool"
        self._outbox = Outbox(connection, spool_dir, self._on_confirmed, self._on_refused, log, core.confirmed)
        machine = Machine(name, settings.data_dir, self.clock, lines_lost=lines_lost)
        self.checks = SelfCheck(machine, self.api, self._outbox, self._set_away)
        self._intake = Intake(
            name,
            settings.instance,
            self.gate,
            self.clock,
            self._outbox.send,
            self._take_turn,
            lambda: self._ended or self.failed.done(),
            log,
        )
        self._turn = asyncio.Lock()
        self._last_calls = (Call(core.after_burst),)
        """What ends every turn."""
        self._inputs: Sequence[Input] = core.inputs()
        self._newest: list[NewestReader] = []
        self._sampled: list[SampledReader] = []
        self._ordered: list[OrderedReader] = []
        self._pullers: list[DurablePuller] = []
        self._wires: dict[str, LiveWire] = {}
        self._https: dict[str, LiveHttp] = {}
        self._timers: set[asyncio.Task[None]] = set()
        self._storing = StoreLine(name, storage, log)
        self._handled = 0
        self._breaks = 0
        self._away: set[str] = set()
        """Why the core may not go on: 'bus' while the broker is away, 'lease' in doubt, 'disk' that takes no fills,
        'stores' that are not those it knew."""
        self.began = False
        """True once the core has started: from here on it must be stopped, not dropped."""
        self._ended = False
        self._early: deque[Event] | None = deque(maxlen=EARLY_EVENTS_MAX)
        """What is to be published once the bus is there; None from then on."""
        self._sending: asyncio.Task[None] | None = None
        self._promises = Promises(Documents(settings.data_dir / name / "kept"), log)

    # --- life ---------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Hand in what is kept on disk and begin what needs no bus: people's early commands, HTTP, early timers."""
        self.core.restore(self._promises.documents.all())
        for wire in self._of(Wire):
            self._wires[wire.name] = self._live_wire(wire)
        for http in self._of(Http):
            self._https[http.name] = self._live_http(http)
        for every in self._of(Every):
            if every.early:
                self.guarded(at_period(every.period_ms / 1000, partial(self._call, every.handler)), self._timers)

    async def begin_judging(self) -> None:
        """Know what was obeyed in these streams and follow the key files, before anything is read."""
        while True:
            try:
                await self.gate.begin(resumed=self.stores.resumed is not None)
                break
            except BusUnavailable as error:
                self.log.warning("cannot look at the streams yet", why=str(error))
                await asyncio.sleep(READ_BACK_RETRY_S)
        self.guarded(self.gate.run(), self._timers)

    async def bus_ready(self) -> None:
        """Publish what early commands had to say, now that the streams are there; the lease may still be waited for."""
        self._sending = self.guarded(self._outbox.run(), set())
        early, self._early = self._early or (), None
        for event in early:
            await self._outbox.send(event)

    async def start(self) -> None:
        """Subscribe, hand in the last values, start the core, then its durable inputs and timers."""
        self.bus.on_disconnect(self._after_break)
        self.bus.on_reconnect(self._after_reconnect)
        for kept in self._outbox.left_behind():
            await self._outbox.send(kept.event, kept=kept)
        for ordered in self._of(Ordered):
            await self._start_ordered(ordered)
        for newest in self._of(Newest):
            await self._start_newest(newest)
        self.began = True
        await self._call(self.core.start)
        if self._away:
            await self._call(self.core.on_disconnected)
        self.guarded(self._storing.run(), self._timers)
        for durable in self._of(Durable):
            reader = DURABLE_BY_NAME[durable.name]
            puller = DurablePuller(self.bus, self.api, reader, self._intake.durable(durable))
            self._pullers.append(puller)
            await puller.start()
        for every in self._of(Every):
            if not every.early:
                self.guarded(at_period(every.period_ms / 1000, partial(self._call, every.handler)), self._timers)
        for levels in self._of(StreamLevels):
            self.guarded(self._look_at_levels(levels), self._timers)
        self.guarded(self.checks.run(), self._timers)
        self.guarded(self.stores.run(), self._timers)
        self.stores.done()

    async def stop(self, timeout_s: float) -> bool:
        """Let the core end its business, at most so long; return whether it did."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        await self._call(self.core.stop)
        # The core is ordinary Python and knows no asyncio.Event, so it is asked.
        while not (self.core.stopped() or self.failed.done() or asyncio.get_running_loop().time() > deadline):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        self._ended = True
        for task in list(self._timers):
            task.cancel()
        for ordered in self._ordered:
            await ordered.stop()
        for puller in self._pullers:
            await puller.stop()
        await self._outbox.drain(DRAIN_S)
        await self.gate.save()
        await self.close()
        return self.core.stopped()

    async def close(self) -> None:
        """Let go of everything that `open` began, whether or not the core has started."""
        self._ended = True
        for task in [*self._timers, *([self._sending] if self._sending else [])]:
            task.cancel()
        for wire in self._wires.values():
            wire.end()
        for http in self._https.values():
            await http.close()

    # --- breaks -------------------------------------------------------------------------------------------------

    async def set_doubt(self, doubtful: bool) -> None:
        """Tell the core that its lease is in doubt, which is to it as if the bus were gone, or sure again."""
        await self._set_away("lease", doubtful)

    async def _stand_still(self, faults: Sequence[str]) -> None:
        """The stores are not those we knew: the core lets nothing rest, and hears of no bus until its next life."""
        await self._set_away("stores", True)
        await self._call(lambda receipt: self.core.on_stand_still(faults, receipt))

    async def tell(self, handler: Handler) -> None:
        """Give the core a turn for what becomes of a part of it."""
        await self._call(handler)

    async def _set_away(self, cause: str, away: bool) -> None:
        """Note one cause; the core hears of the first that comes and of the last that goes."""
        before = bool(self._away)
        if away:
            self._away.add(cause)
        else:
            self._away.discard(cause)
        if self.began and bool(self._away) != before:
            await self._call(self.core.on_disconnected if away else self.core.on_reconnected)

    async def _after_break(self) -> None:
        self._breaks += 1
        await self._set_away("bus", True)

    async def _after_reconnect(self) -> None:
        """Verify the streams and read everything back before the core hears that the bus is there again."""
        self.guarded(self._read_back(self._breaks), self._timers)

    async def _read_back(self, breaks: int) -> None:
        while breaks == self._breaks:
            try:
                missing = await self.api.verify_streams(self.settings.replicas)
                if missing:
                    raise BusUnavailable(f"not there after the break: {', '.join(missing)}")
                if not await self.stores.same():
                    # Nothing of another store is read: its sequences and last words are not what they seem.
                    raise BusUnavailable("the stores are not those we knew")
                await self.gate.begin()
                for puller in self._pullers:
                    await puller.renew()
                for ordered in self._ordered:
                    await ordered.renew()
                await self.read_back_newest()
            except BusError as error:
                self.log.warning("reading back after the reconnect failed, trying again", why=str(error))
                await asyncio.sleep(READ_BACK_RETRY_S)
                continue
            if breaks == self._breaks:
                await self._set_away("bus", False)
            return

    async def read_back_newest(self) -> None:
        """Hand in the last value of every subject that is read for its newest; BusError as the bus says."""
        readers: list[NewestReader | SampledReader] = [*self._newest, *self._sampled]
        for reader in readers:
            await reader.read_back()

    # --- inputs -------------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self.bus.connected

    async def publish_acked(self, event: Event, *, expected_last_sequence: int | None = None) -> int:
        """Publish for an application beside the core and return the sequence; raises as the bus does.

        What is expected is the last genuine message the caller knows of.
        """
        if expected_last_sequence is not None:
            expected_last_sequence = self.gate.behind(event.address(), expected_last_sequence)
        return await self.bus.publish_acked(event, expected_last_sequence=expected_last_sequence)

    def _of(self, cls: type[I]) -> list[I]:
        return [each for each in self._inputs if isinstance(each, cls)]

    async def command(self, name: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Carry a person's command out and return its answer.

        ValueError when the core refuses it, CommandUndone when it was not, or not surely, carried out.
        """
        command = next(each for each in self._of(Command) if each.name == name)
        if not (self.began or command.early):
            raise CommandUndone(f"{name}: {self.name} has not begun its work yet")
        return await self.order(name, lambda receipt: command.handler(document, receipt))

    async def order(self, name: str, handler: Handler) -> dict[str, Any]:
        """Give the core a turn for what a person orders and return the answer; raises as `command` does."""
        order = Order()
        await self._take_turn([Call(handler)], order=order)
        return await self._promises.outcome(name, order, self.failed)

    def commands(self) -> list[str]:
        return [command.name for command in self._of(Command)]

    async def _start_newest(self, newest: Newest) -> None:
        subject_filter, deliver = address_filter(newest.event, **newest.tokens), self._intake.burst(newest)
        if newest.sampled_ms:
            sampled = SampledReader(self.api, subject_filter, deliver)
            self._sampled.append(sampled)
            await sampled.read_back()
            self.guarded(sampled.keep_looking(newest.sampled_ms / 1000), self._timers)
            return
        reader = NewestReader(self.bus, self.api, subject_filter, deliver)
        self._newest.append(reader)
        await reader.start()

    async def _start_ordered(self, ordered: Ordered) -> None:
        reader = OrderedReader(
            self.bus,
            self.api,
            address_filter(ordered.event, **ordered.tokens),
            ordered.start,
            self._intake.ordered(ordered),
        )
        self._ordered.append(reader)
        await reader.start()

    def _live_http(self, http: Http) -> LiveHttp:
        def on_rebuilt(why: str) -> None:
            self.checks.machine.note("http_rebuilt", f"{http.name}: {why}")

        return LiveHttp(self._caller(http.on_answer), on_rebuilt)

    async def _look_at_levels(self, levels: StreamLevels) -> None:
        tell = self._caller(levels.handler)
        while True:
            with contextlib.suppress(BusError):
                await tell(await self.api.levels())
            await asyncio.sleep(levels.period_ms / 1000)

    def _live_wire(self, wire: Wire) -> LiveWire:
        def read(frames: list[bytes], receipt: Receipt) -> Effects:
            # One of them may make the core open another connection: those behind it are of the old one.
            opening = live.openings
            for frame in frames:
                if live.openings != opening:
                    return
                yield from wire.on_frame(frame, receipt)

        async def on_frames(frames: list[bytes]) -> None:
            await self._call(partial(read, frames))

        async def on_open() -> None:
            await self._call(wire.on_open)

        live = LiveWire(on_open, on_frames, self._caller(wire.on_close))
        return live

    def _caller(self, handler: Callable[[Any, Receipt], Effects]) -> Callable[[Any], Awaitable[None]]:
        async def call(argument: Any) -> None:
            await self._call(lambda receipt: handler(argument, receipt))

        return call

    async def _call(
        self,
        handler: Callable[[Receipt], Effects],
        *,
        age_ns: int = 0,
        sequence: int = 0,
        acknowledge: Acknowledge | None = None,
    ) -> None:
        await self._take_turn([Call(handler, age_ns, sequence)], acknowledge)

    async def _take_turn(
        self, calls: Iterable[Call], acknowledge: Acknowledge | None = None, *, order: Order | None = None
    ) -> None:
        """Give the core one turn for what arrived together and carry out what it asks for.

        A core that has failed or ended gets none. The documents to store go behind those of earlier turns, and the
        acknowledgement behind them. A ValueError in the turn of a person's order is his to hear.
        """
        async with self._turn:
            if self.failed.done() or self._ended:
                return
            stores: list[Store] = []
            sent: list[asyncio.Future[None]] = []
            turns: list[Turn] = []
            self._promises.order = order
            try:
                for call in chain(calls, self._last_calls):
                    for effect in call.handler(Receipt(self.clock.now_ns(), call.age_ns, call.sequence)):
                        if isinstance(effect, Store):
                            stores.append(effect)
                            continue
                        if isinstance(effect, Turn):
                            turns.append(effect)
                            continue
                        done = await self._carry_out(effect, watched=acknowledge is not None)
                        if done is not None:
                            sent.append(done)
            except Exception as error:
                if order is not None and isinstance(error, ValueError):
                    raise
                self._guard.fail(error)
                return
            finally:
                self._promises.order = None
            if order is not None:
                order.taken = True
            if stores or acknowledge is not None:
                self._storing.put(Due(stores, sent, acknowledge))
        for turn in turns:
            # What has arrived meanwhile is read here, and stands in line for its turn before this one does.
            await asyncio.sleep(0)
            await self._call(turn.handler)

    # --- effects ------------------------------------------------------------------------------------------------

    async def _carry_out(
        self,
        effect: Event | Open | Send | Close | HttpRequest | Publish | Keep | AnswerLater | Answered,
        *,
        watched: bool,
    ) -> asyncio.Future[None] | None:
        self._handled += 1
        if isinstance(effect, Event):
            if self._early is not None:
                if effect.acked:
                    self._early.append(effect)
                return None
            if effect.acked:
                return await self._outbox.send(effect, watched=watched)
            await self._publish_plain(effect)
        elif isinstance(effect, Send):
            await self._wires[effect.wire].send(effect.data)
        elif isinstance(effect, HttpRequest):
            self._https[effect.http].ask(effect)
        elif isinstance(effect, Open):
            self._wires[effect.wire].open(effect)
        elif isinstance(effect, Publish):
            return await self._outbox.send(effect.event, effect.expected_last_sequence, watched=watched)
        elif isinstance(effect, Keep | AnswerLater | Answered):
            self._promises.carry_out(effect)
        else:
            self._wires[effect.wire].close(effect)
        return None

    async def _publish_plain(self, event: Event) -> None:
        try:
            await self.bus.publish(event)
        except ContractError as error:
            # It concerns what this event is about and nothing else: a market with an impossible name ends no process.
            await self._intake.park_unsaid(error)

    async def _on_confirmed(self, event: Event, sequence: int) -> None:
        await self._call(lambda receipt: self.core.on_published(event, sequence, receipt))

    async def _on_refused(self, event: Event, reason: str) -> None:
        await self._call(lambda receipt: self.core.on_refused(event, reason, receipt))

    # --- for people ---------------------------------------------------------------------------------------------

    def samples(self) -> Iterable[Sample]:
        yield Sample("mm_bus_connected", "gauge", "1 when connected", {}, float(self.bus.connected))
        yield Sample("mm_bus_dropped", "counter", "Messages lost by slow subscriptions", {}, self.bus.dropped)
        yield Sample("mm_parked", "counter", "Messages that could not be handled", {}, self._intake.parked)
        yield Sample("mm_doubted", "counter", "Messages refused for their signature", {}, self._intake.doubted)
        yield Sample("mm_effects", "counter", "Effects carried out", {}, self._handled)
        yield from self._outbox.samples()
        yield Sample("mm_not_kept", "counter", "Documents that could not be written to disk", {}, self._promises.unkept)
        keys = self.bus.keys
        if keys is not None:
            # For whoever rotates keys: which one signs, and which list it believes.
            what = "Serial of the list of public keys believed, by the key that signs"
            yield Sample("mm_signing", "gauge", what, {"key_id": keys.key_id}, keys.verifier.keys.serial)
        conflated = sum(reader.conflated for reader in self._newest)
        yield Sample("mm_conflated", "counter", "Values superseded by a newer one", {}, conflated)
        for name, http in self._https.items():
            yield from http.samples(name)
        yield from self.checks.samples()
