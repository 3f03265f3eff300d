"""What an attack does, as a function of its seed: segments of scenarios, each segment on a platform of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

PROCESSES = ("feed", "pricer", "quoter", "risk", "watchdog", "gateway", "exchange", "nats", "redis")
ON_THE_BUS = ("feed", "pricer", "quoter", "risk", "watchdog", "gateway")
SCENARIOS_PER_SEGMENT = 25
DOUBLE_SHARE = 0.25
"""Of the kills: two processes at once."""
DURING_START_SHARE = 0.25
"""Of the kills: again as soon as the successor has begun to start."""
UNDER_HALT_SHARE = 0.1
"""Of the kills and freezes: with a halt in force, which must outlive them."""
FREEZE_S = (0.5, 6.0)
CUT_S = (0.5, 6.0)


class Kind(StrEnum):
    """A way to hurt a platform."""

    KILL = "kill"
    FREEZE = "freeze"
    PARTITION = "partition"
    STORE = "store"
    DISK = "disk"


class Loss(StrEnum):
    """What is lost of the stores, and how."""

    NATS_STOPPED = "nats emptied while stopped"
    NATS_LIVING = "nats emptied while living"
    FILL_BACK = "fill rolled back"
    BOTH = "nats and redis emptied"
    QUOTER_DIR = "data directory of the quoter lost"
    REDIS = "redis flushed"


class Disk(StrEnum):
    """Which disk is full for a while."""

    NATS = "nats"
    SPOOL = "quoter"
    LOGS = "logs"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One blow. Times in s."""

    kind: Kind
    what: str
    """A loss, a disk, or the word for the blow."""
    victims: tuple[str, ...] = ()
    lasts_s: float = 0.0
    again_after_s: float | None = None
    """Kill the successor of the first victim this long after it has begun to start."""
    half_open: bool = False
    """A partition in which connections stay and carry nothing, instead of being closed."""
    under_halt: bool = False

    @property
    def needs_person(self) -> bool:
        """Say whether the platform stands still after it until somebody resumes."""
        return self.kind is Kind.STORE and self.what != Loss.REDIS

    def __str__(self) -> str:
        parts = [self.what, *self.victims]
        if self.lasts_s:
            parts.append(f"{self.lasts_s:.1f} s")
        if self.again_after_s is not None:
            parts.append("again during start")
        return " ".join(parts + ["half open"] * self.half_open + ["under a halt"] * self.under_halt)


@dataclass(frozen=True, slots=True)
class Segment:
    """Scenarios that one platform goes through; it is what a resumed attack does not do again."""

    name: str
    kind: Kind
    scenarios: tuple[Scenario, ...]


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many of each."""

    kills: int
    freezes: int
    partitions: int
    losses: int
    """Of each kind of loss."""
    disk_full_s: float


FULL = Amounts(kills=200, freezes=45, partitions=24, losses=2, disk_full_s=60.0)
QUICK = Amounts(kills=36, freezes=9, partitions=6, losses=1, disk_full_s=15.0)


def plan(seed: int, amounts: Amounts, only: Kind | None = None) -> list[Segment]:
    """Return the whole attack; the same seed and amounts give the same one, whatever `only` leaves out of it."""
    random = Random(seed)
    by_kind = {
        Kind.KILL: _kills(random, amounts.kills),
        Kind.FREEZE: _freezes(random, amounts.freezes),
        Kind.PARTITION: _partitions(random, amounts.partitions),
        Kind.STORE: [Scenario(Kind.STORE, loss) for loss in Loss for _ in range(amounts.losses)],
        Kind.DISK: [Scenario(Kind.DISK, disk, lasts_s=amounts.disk_full_s) for disk in Disk],
    }
    segments = []
    for kind, scenarios in by_kind.items():
        size = 1 if kind is Kind.DISK else SCENARIOS_PER_SEGMENT
        for place, begin in enumerate(range(0, len(scenarios), size), start=1):
            segments.append(Segment(f"{kind}-{place}", kind, tuple(scenarios[begin : begin + size])))
    return [segment for segment in segments if only in (None, segment.kind)]


def _kills(random: Random, count: int) -> list[Scenario]:
    kills = []
    for victim in _in_turn(random, PROCESSES, count):
        also = tuple(random.sample([each for each in PROCESSES if each != victim], int(random.random() < DOUBLE_SHARE)))
        again = random.uniform(0.0, 1.5) if random.random() < DURING_START_SHARE else None
        halted = random.random() < UNDER_HALT_SHARE
        kills.append(Scenario(Kind.KILL, "kill", (victim, *also), again_after_s=again, under_halt=halted))
    return kills


def _freezes(random: Random, count: int) -> list[Scenario]:
    return [
        Scenario(
            Kind.FREEZE,
            "freeze",
            (victim,),
            lasts_s=random.uniform(*FREEZE_S),
            under_halt=random.random() < UNDER_HALT_SHARE,
        )
        for victim in _in_turn(random, PROCESSES, count)
    ]


def _partitions(random: Random, count: int) -> list[Scenario]:
    return [
        Scenario(Kind.PARTITION, "cut from the bus", (victim,), random.uniform(*CUT_S), half_open=random.random() < 0.5)
        for victim in _in_turn(random, ON_THE_BUS, count)
    ]


def _in_turn(random: Random, names: Sequence[str], count: int) -> list[str]:
    """Return so many names in a random order in which none is hit much more often than another."""
    found: list[str] = []
    while len(found) < count:
        found += random.sample(list(names), len(names))
    return found[:count]
