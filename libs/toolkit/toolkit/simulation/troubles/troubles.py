"""What is done to a run when one of its troubles begins, and what ends it again."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.events import BotConfig, Event, Lease, decode

from toolkit.simulation.bus import MS, MemoryBus
from toolkit.simulation.checks import Findings
from toolkit.simulation.network import MemoryNetwork
from toolkit.simulation.node import LEASE_TTL_MS, Node
from toolkit.simulation.scenario import Trouble
from toolkit.simulation.signing import Hand
from toolkit.simulation.spot.side import SpotSide
from toolkit.simulation.stores import MemoryStore, Stores

NS_PER_S = 1_000_000_000
PROBABILITY = 0.3
"""With which a fault of a venue strikes."""
STORE_LOSSES = {"lose_bus", "lose_fills"}
OF_NETWORK = ("drop", "lost_ack", "duplicate", "slow", "lost_answer", "lost_request")

End = Callable[[], None] | None
"""What ends a trouble that lasts."""


@dataclass(slots=True)
class Troubles:
    """Everything that can be broken in a run, and mended."""

    bus: MemoryBus
    network: MemoryNetwork
    store: MemoryStore
    stores: Stores
    nodes: Mapping[str, Node]
    venue: Any
    account: str
    """Whose orders the venue's faults strike."""
    named: SpotSide
    findings: Findings
    bots: Callable[[], Sequence[BotConfig]]
    say_as: Callable[[Hand, Event], None]
    gateway: Hand
    check_rest: Callable[[str], None]

    def begin(self, trouble: Trouble) -> None:
        """Begin one; what lasts ends by itself."""
        end = {
            "kill": self._kill,
            "clock": self._step_clock,
            "broker": self._break_broker,
            "store": self._break_store,
            "prices": self._stop_prices,
            "prices_and_rest": self._stop_prices_and_rest,
            "cut_venue": self._cut_venue,
            "cut_named": self._cut_named,
            "cut_prices": self._cut_prices,
            "venue_fault": self._fault_venue,
            "named_fault": self._fault_named,
            "lose_bus": self._lose_bus,
            "lose_fills": self._lose_fills,
            "flush_store": self._flush_store,
            "cut_account": self._cut_account,
            "take_lease": self._take_lease,
        }[trouble.kind](trouble)
        if end is not None:
            self.bus.schedule.after(int(trouble.for_s * NS_PER_S), end)

    def calm(self) -> None:
        """Everything comes back: from here on the platform has to come right by itself."""
        for name in OF_NETWORK:
            setattr(self.bus.faults, name, 0.0)
        self._mend_broker()
        self._mend_store()
        self._start_prices()
        for venue in (self.venue, *self.named.venues.values()):
            venue.faults.remove(None)
        for node in self.nodes.values():
            node.clock_off_ns = 0
            if not node.alive:
                node.start()

    # --- processes ----------------------------------------------------------------------------------------------

    def _kill(self, trouble: Trouble) -> End:
        node = self.nodes[trouble.target]
        node.kill()
        return lambda: None if node.alive else node.start()

    def _step_clock(self, trouble: Trouble) -> End:
        """A process starts again on a machine whose clock is off by some ms, and once more when it has been set."""
        node = self.nodes[trouble.target]

        def start_again(off_ms: int) -> None:
            node.kill()
            node.clock_off_ns = off_ms * MS
            node.start()

        start_again(trouble.value)
        return lambda: start_again(0)

    def _take_lease(self, trouble: Trouble) -> End:
        """Another process takes the lease of an account, trades nothing, and gives it back."""
        last = self.bus.last(Lease(role="quoter", key=trouble.target, holder="", beat=0, ttl_ms=0).address())
        assert last is not None, "somebody holds it"
        epoch = decode(Lease, last.data).epoch + 1
        hand, beats = Hand("quoter"), itertools.count(1)
        schedule = self.bus.schedule
        begun_ns = schedule.now_ns

        def say(holder: str) -> None:
            lease = Lease(
                role="quoter", key=trouble.target, holder=holder, beat=next(beats), ttl_ms=LEASE_TTL_MS, epoch=epoch
            )
            self.say_as(hand, lease)

        def beat() -> None:
            if schedule.now_ns < begun_ns + int(trouble.for_s * NS_PER_S):
                say("another")
                schedule.after(500 * MS, beat)

        beat()
        return lambda: say("")

    # --- stores -------------------------------------------------------------------------------------------------

    def _break_broker(self, _trouble: Trouble) -> End:
        self.bus.available = False
        for node in self.nodes.values():
            node.bus_away()
        return self._mend_broker

    def _mend_broker(self) -> None:
        if self.bus.available:
            return
        self.bus.available = True
        for node in self.nodes.values():
            node.bus_back()

    def _break_store(self, _trouble: Trouble) -> End:
        self.store.available = False
        return self._mend_store

    def _mend_store(self) -> None:
        self.store.available = True

    def _lose_bus(self, _trouble: Trouble) -> End:
        """The broker's files are gone: every stream is recreated, and after a while a person resumes."""
        self.bus.lose()
        return self._resume

    def _lose_fills(self, trouble: Trouble) -> End:
        """FILL is brought back to what it was some seconds ago, and after a while a person resumes."""
        self.bus.bring_back("FILL", self.bus.schedule.now_ns - trouble.value * NS_PER_S)
        return self._resume

    def _resume(self) -> None:
        standing = [node.name for node in self.nodes.values() if node.stands_still]
        if len(standing) < len(self.nodes):
            self.findings.add("stood", f"of {', '.join(self.nodes)} only {', '.join(standing) or 'nobody'} stood still")
        self.check_rest("while the platform stood still")
        self.stores.write("a person", "looked at it")
        for config in self.bots():
            if self.bus.last(config.address()) is None:
                self.say_as(self.gateway, config)

    def _flush_store(self, _trouble: Trouble) -> None:
        self.store.fields, self.store.sequence = {}, 0

    # --- wires and venues ---------------------------------------------------------------------------------------

    def _stop_prices(self, _trouble: Trouble) -> End:
        self.network.prices_flow = False
        return self._start_prices

    def _stop_prices_and_rest(self, _trouble: Trouble) -> End:
        self.network.prices_flow = self.network.public_answers = False
        return self._start_prices

    def _start_prices(self) -> None:
        self.network.prices_flow = self.network.public_answers = True

    def _cut_venue(self, _trouble: Trouble) -> None:
        self.network.cut_all(public=False)

    def _cut_named(self, trouble: Trouble) -> None:
        """The connections to one named venue are cut."""
        self.network.cut_place(trouble.target.lower())

    def _cut_prices(self, _trouble: Trouble) -> None:
        self.network.cut_all(public=True)

    def _cut_account(self, trouble: Trouble) -> None:
        """The session of one account is cut."""
        self.network.cut_wire(f"degen/{trouble.target}")

    def _fault_venue(self, trouble: Trouble) -> End:
        return _fault(self.venue, self.account, trouble)

    def _fault_named(self, trouble: Trouble) -> End:
        """The venue of an account does something to it."""
        account, _, fault = trouble.target.partition("/")
        venue = self.named.venues[self.named.places[account]]
        return _fault(venue, account, Trouble(trouble.kind, trouble.at_s, trouble.for_s, fault, trouble.value))


def _fault(venue: Any, account: str, trouble: Trouble) -> End:
    body: dict[str, Any] = {"fault": trouble.target, "account": account, "probability": PROBABILITY, "count": None}
    if trouble.value:
        body["value"] = trouble.value
    if trouble.target in ("book_gap", "malformed_frame"):
        body["account"] = None
    fault = venue.faults.add(body)
    return lambda: venue.faults.remove(fault.fault_id)
