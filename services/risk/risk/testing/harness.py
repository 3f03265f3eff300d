"""Risk's core on a bench of its own: it is told events, its postings come back, and what it says is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

from common.core import Effect, Keep, Newest, Ordered, Receipt
from common.events import (
    Alert,
    Event,
    Fill,
    Halt,
    Posting,
    RiskState,
    encode,
)
from common.testing.spot import EXCHANGES

from risk.ledger.books import Ledger
from risk.ledger.entries import Entry, StoredEntry
from risk.ledger.snapshot import StoreHealth
from risk.monitoring.days import DayRecord
from risk.monitoring.platform_limits import PlatformLimits
from risk.service import Risk
from risk.testing.events import NOW_NS, PLATFORM_LIMITS, S, a_config

E = TypeVar("E", bound=Event)


class Harness:
    """A started core, its clock, and a FILL stream that takes its postings and hands them back in order."""

    def __init__(
        self,
        *configs: Event,
        ledger: Ledger | None = None,
        faults: Mapping[str, str] | None = None,
        days: DayRecord | None = None,
        epoch: int = 3,
        now_ns: int = NOW_NS,
        platform: PlatformLimits = PLATFORM_LIMITS,
        documents: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        """`documents` are on disk from an earlier life."""
        self.now_ns = now_ns
        self.health = StoreHealth()
        self.risk = Risk(platform, store=self.health, exchanges=EXCHANGES)
        self.risk.epoch = epoch
        self.risk.restore(documents)
        self.risk.recover(ledger or Ledger(), faults, days=days, now_ns=now_ns)
        self.sequence = self.risk.ledger.sequence
        self.said: list[Effect] = []
        self.words = 0
        """Halts and lifts in their stream."""
        self.kept: dict[str, bytes] = dict(documents)
        """Documents on disk."""
        for config in configs or (a_config(),):
            self.tell(config)
        self.do(self.risk.start(self.receipt()))

    def receipt(self, sequence: int = 0, age_ns: int = 0) -> Receipt:
        return Receipt(self.now_ns, age_ns, sequence)

    def do(self, effects: Iterable[Effect]) -> list[Effect]:
        done = list(effects)
        self.said += done
        for keep in [each for each in done if isinstance(each, Keep)]:
            self.kept.pop(keep.name, None)
            if keep.data:
                self.kept[keep.name] = keep.data
        for halt in [each for each in done if isinstance(each, Halt)]:
            self.words += 1
            self.do(self.risk.on_published(halt, self.words, self.receipt()))
        for posting in [each for each in done if isinstance(each, Posting)]:
            done += self.book(posting)
        return done

    def tell(self, event: Event, age_ns: int = 0) -> list[Effect]:
        handlers = {each.event: each.handler for each in self.risk.inputs() if isinstance(each, Newest | Ordered)}
        if isinstance(event, Halt):
            self.words += 1
        sequence = self.words if isinstance(event, Halt) else 0
        return self.do(handlers[type(event)](event, self.receipt(sequence, age_ns)))

    def book(self, entry: Fill | Posting) -> list[Effect]:
        """Give an entry the next place in FILL and deliver it."""
        self.sequence += 1
        return self.deliver(entry, self.sequence)

    def deliver(self, entry: Fill | Posting, sequence: int) -> list[Effect]:
        return self.do(self.risk.on_entry(entry, encode(entry), self.receipt(sequence)))

    def wait(self, seconds: float) -> list[Effect]:
        """Let the timers run as the shell would."""
        done: list[Effect] = []
        for _ in range(int(seconds * 4)):
            self.now_ns += S // 4
            done += self.do(self.risk.on_risk_state_due(self.receipt()))
            if self.now_ns % S == NOW_NS % S:
                done += self.do(self.risk.on_look_due(self.receipt()))
            if self.now_ns % (5 * S) == NOW_NS % (5 * S):
                done += self.do(self.risk.on_positions_due(self.receipt()))
        return done

    def risk_state(self) -> RiskState:
        return of(RiskState, self.do(self.risk.on_risk_state_due(self.receipt())))[-1]


def stored(entry: Fill | Posting | Entry) -> Entry:
    """Return an entry as FILL holds it."""
    return StoredEntry(entry, encode(entry)) if isinstance(entry, Fill | Posting) else entry


def fold_of(*entries: Fill | Posting) -> Ledger:
    ledger = Ledger()
    for sequence, entry in enumerate(entries, 1):
        ledger.fold(stored(entry), sequence)
    return ledger


def of(cls: type[E], effects: Iterable[Effect]) -> list[E]:
    return [effect for effect in effects if isinstance(effect, cls)]


def kinds(effects: Iterable[Effect]) -> list[tuple[str, str]]:
    return [(alert.level.value, alert.kind) for alert in of(Alert, effects)]
