"""A service in the simulation: the shell around one core, which can be killed and started again."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from common.core import (
    Answered,
    AnswerLater,
    Close,
    Core,
    Durable,
    Effect,
    Effects,
    Every,
    Http,
    HttpRequest,
    Keep,
    Newest,
    Open,
    Ordered,
    Publish,
    Receipt,
    Send,
    Start,
    Store,
    StreamLevels,
    Turn,
    Wire,
)
from common.events import Event, Lease, address_filter, class_of
from common.leases.lease import LeaseKeeper, LeaseState
from common.leases.parts import Next, Part
from common.stores.judge import Standing
from common.streams import DURABLE_BY_NAME

from toolkit.simulation.bus import MS, MemoryBus, Message, PlainHops, Refused
from toolkit.simulation.schedule import Schedule
from toolkit.simulation.signing import Hand, Letter
from toolkit.simulation.stores import Disk, MemoryStore, Stores

ACK_TIMEOUT_MS = 300
LEASE_TTL_MS = 2_000
LOOK_MS = 1_000
RESTART_MS = 1_000
STORE_RETRY_MS = 200


class Network(Protocol):
    """Where websocket connections and HTTP requests of a node go."""

    def open(self, node: Node, wire: Wire, effect: Open) -> None: ...
    def send(self, node: Node, effect: Send) -> None: ...
    def close(self, node: Node, wire: Wire, effect: Close) -> None: ...
    def ask(self, node: Node, http: Http, effect: HttpRequest) -> None: ...
    def cut(self, node: Node) -> None: ...


class Node:
    """One process: its core while it lives, and what survives it (spool, the durable's position)."""

    def __init__(
        self,
        name: str,
        build: Callable[[], Core],
        bus: MemoryBus,
        network: Network,
        *,
        leases: Sequence[tuple[str, str]] = (),
        parts: Sequence[tuple[str, str]] = (),
        prepare: Callable[[Node], None] | None = None,
        prepare_part: Callable[[Node, str], None] | None = None,
        store: MemoryStore | None = None,
    ) -> None:
        self.name, self._build, self.bus, self.network = name, build, bus, network
        self.schedule: Schedule = bus.schedule
        self._leases, self._prepare, self.store = leases, prepare, store
        self._part_leases, self._prepare_part = parts, prepare_part
        self.core: Core = build()
        self.alive = False
        self.running = False
        self.life = 0
        """Counts starts; what was planned for an earlier life finds out that it is over."""
        self.spool: dict[str, Letter] = {}
        self._plain = PlainHops(bus)
        self.kept: dict[str, bytes] = {}
        """Documents on its disk."""
        self.hand = Hand(name)
        self.acknowledged: dict[str, set[int]] = {}
        self.disk = Disk()
        self.stores: Stores | None = None
        """Where it looks whether the streams are those it knew; None where nobody loses any."""
        self.stands_still = False
        self._epochs: dict[tuple[str, str], int] = {}
        self._keepers: list[LeaseKeeper] = []
        self._parts: list[Part] = []
        self._wires: dict[str, Wire] = {}
        self._https: dict[str, Http] = {}
        self._heard: list[Callable[[Message], None]] = []
        self._readers: list[Any] = []
        self.crashes: list[str] = []
        self.clock_off_ns = 0
        """By how much the clock of its machine is off."""

    @property
    def now_ns(self) -> int:
        return self.schedule.now_ns + self.clock_off_ns

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the process: wait for the leases, then run."""
        assert not self.alive
        self.alive, self.life, self.stands_still = True, self.life + 1, False
        self.core = self._build()
        self.core.restore(self.kept)
        self.hand.begin_life(self.life)
        self._keepers = [self._keeper(role, key) for role, key in self._leases]
        self._parts = [Part(partial(self._keeper, role, key)) for role, key in self._part_leases]
        self._beat()

    def _keeper(self, role: str, key: str) -> LeaseKeeper:
        # Each life is its own instance here: a take-over must wait for the ttl, as after a machine's death.
        instance = f"{self.name}-{self.life}"
        return LeaseKeeper(role, key, instance, LEASE_TTL_MS, self._epochs.get((role, key), 0))

    def kill(self) -> None:
        """Die at once: connections are cut, nothing is said to anybody."""
        if not self.alive:
            return
        self.alive = self.running = False
        self.life += 1
        for listener in self._heard:
            self.bus.forget(listener)
        self._heard.clear()
        self._readers.clear()
        self.network.cut(self)

    def stop(self) -> None:
        """Ask the core to end its business; the world goes on until `core.stopped()`."""
        if self.running:
            self.call(self.core.stop)

    def _beat(self) -> None:
        if not self.alive:
            return
        if not self._admitted():
            self.later(LOOK_MS * MS, self._beat)
            return
        for keeper in self._keepers:
            self._beat_one(keeper)
        renounced = {part.key: self.core.renounces(part.key, self.now_ns) for part in self._parts}
        for part in self._parts:
            if part.contends(renounced=renounced[part.key]):
                self._beat_one(part.keeper)
        late = self.running
        held = all(keeper.state is LeaseState.HELD for keeper in self._keepers)
        some = not self._parts or any(part.held for part in self._parts)
        if held and some and not self.running:
            self._run()
        lost = [part.keeper for part in self._parts] if not some else self._keepers
        if any(keeper.state is LeaseState.LOST for keeper in lost):
            self.kill()
            self.later(1_000 * MS, self.start, always=True)
            return
        for part in self._parts if self.running else ():
            self._go_on(part, part.next(renounced=renounced[part.key]), late)
        leased = bool(self._keepers or self._parts)
        if leased or self.stores is not None:
            self.later((LEASE_TTL_MS // 3 if leased else LOOK_MS) * MS, self._beat)

    def _go_on(self, part: Part, due: Next, late: bool) -> None:
        """Do for a part what is due; one that begins late has heard nothing of what was told before."""
        if due is Next.BEGIN:
            part.begun = True
            self._epochs[part.role, part.key] = part.keeper.epoch
            if self._prepare_part is not None:
                self._prepare_part(self, part.key)
            self.call(lambda receipt: self.core.on_held(part.key, part.keeper.epoch, receipt))
            for wake in list(self._readers) if late else ():
                wake()
        elif due is not Next.NOTHING:
            release = part.keeper.release()
            if release is not None:
                self._send_acked(self.hand.letter(release.event, release.expected_last_sequence))
            part.renew()
            self.call(lambda receipt: self.core.on_lost(part.key, receipt))

    def _admitted(self) -> bool:
        """Look whether the stores are those we knew; who lived through a loss begins a new life."""
        if self.stores is None or not self.bus.available:
            return self.running or self.stores is None
        verdict = self.stores.look(self.disk, self.hand, lived=self.running or self.stands_still)
        if verdict.standing is Standing.CHANGED and not self.stands_still:
            self.stands_still = True
            self.call(lambda receipt: self.core.on_stand_still(verdict.faults, receipt))
        elif verdict.standing is Standing.NEWER:
            self.kill()
            self.later(RESTART_MS * MS, self.start, always=True)
        return verdict.standing is Standing.SAME

    def _beat_one(self, keeper: LeaseKeeper) -> None:
        if not self.bus.available:
            return
        now_ns = self.now_ns
        if keeper.state is LeaseState.WAITING:
            address = Lease(role=keeper.role, key=keeper.key, holder="", beat=0, ttl_ms=0).address()
            stored = self.bus.last(address)
            lease = self.hand.read(Lease, stored) if stored else None
            assert lease is None or isinstance(lease, Lease)
            keeper.observe(lease, stored.sequence if stored else 0, now_ns)
        due = keeper.beat(now_ns)
        if due is None:
            return
        assert isinstance(due.event, Lease)
        try:
            keeper.won(due.event, self._store(self.hand.letter(due.event, due.expected_last_sequence)))
        except Refused:
            keeper.refused()

    def _run(self) -> None:
        self.running = True
        self.core.epoch = max((keeper.epoch for keeper in self._keepers), default=0)
        self._epochs |= {(keeper.role, keeper.key): keeper.epoch for keeper in self._keepers}
        inputs = self.core.inputs()
        self._wires = {each.name: each for each in inputs if isinstance(each, Wire)}
        self._https = {each.name: each for each in inputs if isinstance(each, Http)}
        for letter in list(self.spool.values()):
            self._send_acked(letter)
        if self._prepare is not None:
            self._prepare(self)
        for each in inputs:
            if isinstance(each, Ordered):
                self._start_ordered(each)
        for each in inputs:
            if isinstance(each, Newest):
                self._start_newest(each)
        self.call(self.core.start)
        if self.disk.resumed is not None:
            # Where the ledger's reader stood says nothing of these streams.
            self.acknowledged.clear()
            self.disk.done()
        for each in inputs:
            if isinstance(each, Durable):
                self._start_durable(each)
            elif isinstance(each, Every):
                self._start_timer(each)
            elif isinstance(each, StreamLevels):
                self._start_levels(each)

    def bus_away(self) -> None:
        if self.running:
            self.call(self.core.on_disconnected)

    def bus_back(self) -> None:
        """The broker is there again: read everything back before the core hears of it."""
        if not self.running:
            return
        for wake in list(self._readers):
            wake()
        self.call(self.core.on_reconnected)

    def later(self, delay_ns: int, action: Callable[[], None], *, always: bool = False) -> None:
        """Plan something for this life of the process; `always` for what its supervisor does."""
        life = self.life
        self.schedule.after(delay_ns, lambda: action() if always or self.life == life else None)

    # --- inputs -------------------------------------------------------------------------------------------------

    def call(self, handler: Callable[[Receipt], Effects], age_ns: int = 0, sequence: int = 0) -> None:
        """Hand an input to the core and carry its effects out; an error ends the process, as it does live."""
        self._take_turn([(handler, Receipt(self.now_ns, age_ns, sequence))])

    def _take_turn(self, calls: Sequence[tuple[Callable[[Receipt], Effects], Receipt]]) -> None:
        if not self.running:
            return
        try:
            for handler, receipt in [*calls, (self.core.after_burst, Receipt(self.now_ns))]:
                for effect in handler(receipt):
                    self._carry_out(effect)
        except Exception:
            self.crashes.append(traceback.format_exc(limit=-4))
            self.kill()
            self.schedule.after(RESTART_MS * MS, lambda: None if self.alive else self.start())

    def feed(self, handler: Callable[[Any, Receipt], Effects], argument: Any) -> None:
        """Hand something from outside (a frame, an answer) to the core."""
        self.call(lambda receipt: handler(argument, receipt))

    def _start_newest(self, newest: Newest) -> None:
        pattern = address_filter(newest.event, **newest.tokens)
        waiting: dict[str, Message] = {}

        def drain() -> None:
            ready = dict(waiting)
            waiting.clear()
            read = [self.hand.read(newest.event, message) for message in ready.values()]
            events = [event for event in read if event is not None]
            receipt = Receipt(self.now_ns)
            self._take_turn([(partial(newest.handler, event), receipt) for event in events])

        def heard(message: Message) -> None:
            if self.bus.faults.drop and self.bus.random.random() < self.bus.faults.drop:
                return
            # A burst that arrives before the reader gets to work is overtaken by its newest value.
            planned = bool(waiting)
            waiting[message.subject] = message
            if not planned:
                self.later(self.bus.hop_ns(), drain)

        def look() -> None:
            if self.bus.available:
                read_back()
            self.later(newest.sampled_ms * MS, look)

        def read_back() -> None:
            for message in self.bus.last_per_subject(pattern):
                event = self.hand.read(newest.event, message)
                if event is None:
                    continue
                age_ns = self.schedule.now_ns - message.stored_ns
                self.call(partial(newest.handler, event), age_ns, message.sequence)

        self._readers.append(read_back)
        read_back()
        if newest.sampled_ms:
            self.later(newest.sampled_ms * MS, look)
        else:
            self._listen(pattern, heard)

    def _start_ordered(self, ordered: Ordered) -> None:
        pattern = address_filter(ordered.event, **ordered.tokens)
        position = [0]

        def deliver(message: Message) -> None:
            if message.sequence <= position[0]:
                return
            position[0] = message.sequence
            event = self.hand.read(ordered.event, message)
            if event is None:
                return
            self.call(lambda receipt: ordered.handler(event, receipt), 0, message.sequence)

        def wake() -> None:
            for message in self.bus.stored(pattern, position[0]):
                deliver(message)

        def heard(_message: Message) -> None:
            self.later(self.bus.hop_ns(), wake)

        if ordered.start is Start.LAST_PER_SUBJECT:
            for message in self.bus.last_per_subject(pattern):
                deliver(message)
        elif ordered.start is Start.ALL:
            wake()
        else:
            stored = self.bus.stored(pattern)
            position[0] = stored[-1].sequence if stored else 0
        self._listen(pattern, heard)
        self._readers.append(wake)

    def _start_durable(self, durable: Durable) -> None:
        reader = DURABLE_BY_NAME[durable.name]
        done = self.acknowledged.setdefault(durable.name, set())
        delivered: set[int] = set()
        handled: deque[tuple[list[Store], int]] = deque()

        def deliver(message: Message) -> None:
            delivered.add(message.sequence)
            cls = class_of(message.subject)
            assert cls is not None
            event = self.hand.read(cls, message)
            stores: list[Store] = []

            def handle(receipt: Receipt) -> Effects:
                for effect in durable.handler(event, message.data, receipt):
                    if isinstance(effect, Store):
                        stores.append(effect)
                    else:
                        yield effect

            self.call(handle, 0, message.sequence)
            handled.append((stores, message.sequence))
            self.later(self.bus.hop_ns(), acknowledge)

        def acknowledge() -> None:
            """Store and acknowledge what was handled first, as the shell does; the others wait behind it."""
            if self.store is not None and not self.store.available:
                self.later(STORE_RETRY_MS * MS, acknowledge)
                return
            stores, sequence = handled.popleft()
            for store in stores:
                assert self.store is not None, f"{self.name}: a Store effect needs a store"
                self.store.apply(store)
            done.add(sequence)

        def wake() -> None:
            if not self.bus.available:
                return
            for message in self.bus.stored(reader.filter_subject):
                if message.sequence not in done and message.sequence not in delivered:
                    deliver(message)

        def heard(message: Message) -> None:
            self.later(self.bus.hop_ns(), wake)
            if self.bus.faults.duplicate and self.bus.random.random() < self.bus.faults.duplicate:
                self.later(self.bus.hop_ns() * 3, lambda: deliver(message))

        self._listen(reader.filter_subject, heard)
        self._readers.append(wake)
        wake()

    def _start_timer(self, every: Every) -> None:
        def tick() -> None:
            self.call(every.handler)
            self.later(every.period_ms * MS, tick)

        self.later(self.bus.random.randrange(1, every.period_ms * MS), tick)

    def _start_levels(self, levels: StreamLevels) -> None:
        def look() -> None:
            if self.bus.available:
                self.feed(levels.handler, self.bus.levels())
            self.later(levels.period_ms * MS, look)

        self.later(levels.period_ms * MS, look)

    def _listen(self, pattern: str, listener: Callable[[Message], None]) -> None:
        def if_available(message: Message) -> None:
            if self.bus.available:
                listener(message)

        self._heard.append(if_available)
        self.bus.listen(pattern, if_available)

    # --- effects ------------------------------------------------------------------------------------------------

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, Event):
            if effect.acked:
                self._send_acked(self.hand.letter(effect))
            elif self.bus.available:
                letter = self.hand.letter(effect)
                self.later(self._plain.delay_ns(effect.address()), lambda: self._store_plain(letter))
        elif isinstance(effect, Send):
            self.network.send(self, effect)
        elif isinstance(effect, HttpRequest):
            self.network.ask(self, self._https[effect.http], effect)
        elif isinstance(effect, Open):
            self.network.open(self, self._wires[effect.wire], effect)
        elif isinstance(effect, Close):
            self.network.close(self, self._wires[effect.wire], effect)
        elif isinstance(effect, Keep):
            self.kept.pop(effect.name, None)
            if effect.data:
                self.kept[effect.name] = effect.data
        elif isinstance(effect, AnswerLater | Answered):
            pass  # nobody stands at a door here
        elif isinstance(effect, Turn):
            self.later(0, lambda: self.call(effect.handler))
        else:
            assert isinstance(effect, Publish), "only what a durable message causes is stored"
            self._send_acked(self.hand.letter(effect.event, effect.expected_last_sequence))

    def _store_plain(self, letter: Letter) -> None:
        if self.bus.available:
            self.bus.store(letter.event.address(), letter.data, headers=letter.headers)

    def _store(self, letter: Letter) -> int:
        event = letter.event
        return self.bus.store(event.address(), letter.data, event.message_id(), letter.after, letter.headers)

    def _send_acked(self, letter: Letter) -> None:
        if letter.event.spooled:
            self.spool[letter.event.message_id()] = letter
        self.later(self.bus.hop_ns(), lambda: self._try_acked(letter))

    def _try_acked(self, letter: Letter) -> None:
        lost = not self.bus.available
        if not lost:
            try:
                sequence = self._store(letter)
            except Refused as error:
                reason = str(error)
                self.call(lambda receipt: self.core.on_refused(letter.event, reason, receipt))
                return
            lost = bool(self.bus.faults.lost_ack) and self.bus.random.random() < self.bus.faults.lost_ack
        if lost:
            self.later(ACK_TIMEOUT_MS * MS, lambda: self._try_acked(letter))
            return
        self.later(self.bus.hop_ns(), lambda: self._confirmed(letter.event, sequence))

    def _confirmed(self, event: Event, sequence: int) -> None:
        self.spool.pop(event.message_id(), None)
        if isinstance(event, self.core.confirmed):
            self.call(lambda receipt: self.core.on_published(event, sequence, receipt))
