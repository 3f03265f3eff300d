"""What goes wrong in a run, when and for how long: all of it drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from toolkit.simulation.bus import Faults
from toolkit.simulation.spot.venues import ACCOUNTS

KILLABLE = ("feed", "pricer", "quoter", "risk", "watchdog")
VENUE_FAULTS = (
    "drop_ack",
    "drop_private",
    "duplicate_fill",
    "delay_ms",
    "reject",
    "server_error_after_accept",
    "fill_after_cancel",
    "book_gap",
    "malformed_frame",
)

WHOLE_CALM_S = 15.0
WHOLE_KINDS = (
    *("kill",) * 4,
    *("clock", "cut_named", "named_fault") * 2,
    *("broker", "store", "prices", "prices_and_rest", "cut_venue", "cut_prices", "venue_fault"),
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that happens to the platform: at `at_s`, for `for_s` where it lasts."""

    kind: str
    at_s: float
    for_s: float = 0.0
    target: str = ""
    value: int = 0


@dataclass(slots=True)
class Scenario:
    """A whole run. Trouble ends at `calm_s`; from there on everything must come right again."""

    seed: int
    market_s: int = 60
    calm_s: float = 110.0
    end_s: float = 170.0
    volatility: float = 0.5
    jumps_per_hour: float = 0.0
    informed: bool = False
    rival: bool = False
    """Another maker quotes markets that are about to end, so that there is somebody to take from."""
    spot: bool = False
    """The venue has spot symbols as well, with a maker and takers of their own."""
    named: bool = False
    """Beside the venue there are named spot venues, with spot bots that quote and hedge there."""
    whole: bool = False
    """With `spot` and `named`: a currency has a hedger beside those of bots, and a bot quotes in its own source."""
    accounts: int = 1
    """Ours at the venue, mm1, mm2 and so on, in one quoter process; each has a bot of its own in the same markets."""
    faults: Faults = field(default_factory=Faults)
    troubles: list[Trouble] = field(default_factory=list)

    def __str__(self) -> str:
        troubles = ", ".join(
            f"{each.kind}{':' + each.target if each.target else ''}@{each.at_s:.1f}s" for each in self.troubles
        )
        return f"seed {self.seed}: {self.faults} [{troubles or 'no trouble'}]"


def calm(seed: int) -> Scenario:
    """A run in which nothing goes wrong."""
    return Scenario(seed)


def troubled(seed: int) -> Scenario:
    """A run with faults drawn from the seed: an unkind network and a few blows."""
    random = Random(f"scenario/{seed}")
    scenario = Scenario(
        seed,
        volatility=random.choice((0.3, 0.5, 1.0)),
        jumps_per_hour=random.choice((0.0, 60.0)),
        informed=random.random() < 0.5,
        faults=_faults(random),
    )
    for _ in range(random.randrange(2, 7)):
        scenario.troubles.append(_trouble(random, scenario.calm_s))
    scenario.troubles.sort(key=lambda each: each.at_s)
    return scenario


def whole(seed: int) -> Scenario:
    """A short run of bots of every kind at all venues, with hedgers, and with faults drawn from the seed."""
    random = Random(f"whole/{seed}")
    scenario = Scenario(
        seed,
        market_s=16,
        calm_s=WHOLE_CALM_S,
        end_s=27.0,
        volatility=random.choice((0.5, 1.0, 2.0)),
        jumps_per_hour=random.choice((0.0, 120.0)),
        informed=random.random() < 0.5,
        spot=True,
        named=True,
        whole=True,
        faults=_faults(random),
    )
    kinds = random.sample(WHOLE_KINDS, random.randrange(3, 6))
    scenario.troubles = sorted((_of_whole(random, kind) for kind in kinds), key=lambda each: each.at_s)
    return scenario


def _faults(random: Random) -> Faults:
    return Faults(
        drop=random.choice((0.0, 0.01, 0.05)),
        lost_ack=random.choice((0.0, 0.02, 0.1)),
        duplicate=random.choice((0.0, 0.05, 0.3)),
        slow=random.choice((0.0, 0.01, 0.03)),
        lost_answer=random.choice((0.0, 0.05, 0.2)),
        lost_request=random.choice((0.0, 0.05, 0.2)),
    )


def _of_whole(random: Random, kind: str) -> Trouble:
    at_s, for_s = round(random.uniform(4.0, WHOLE_CALM_S - 3.0), 3), round(random.uniform(0.2, 2.5), 3)
    if kind == "kill":
        return Trouble(kind, at_s, for_s, random.choice(KILLABLE))
    if kind == "clock":
        # Within what a venue's clock may differ from ours, and beyond it.
        return Trouble(kind, at_s, for_s, random.choice(KILLABLE), random.choice((-5_000, -1_500, 1_500, 5_000)))
    if kind == "cut_named":
        return Trouble(kind, at_s, target=random.choice(tuple(ACCOUNTS.values())))
    if kind in ("venue_fault", "named_fault"):
        fault = random.choice(VENUE_FAULTS)
        target = f"{random.choice(tuple(ACCOUNTS))}/{fault}" if kind == "named_fault" else fault
        return Trouble(kind, at_s, for_s, target, _fault_value(random, fault))
    return Trouble(kind, at_s, for_s)


def _fault_value(random: Random, fault: str) -> int:
    return {"delay_ms": random.randrange(50, 1_500), "fill_after_cancel": random.randrange(1, 50)}.get(fault, 0)


def _trouble(random: Random, calm_s: float) -> Trouble:
    at_s = round(random.uniform(8.0, calm_s - 15.0), 3)
    kind = random.choice(
        (
            "kill",
            "kill",
            "kill",
            "broker",
            "store",
            "prices",
            "prices_and_rest",
            "cut_venue",
            "cut_prices",
            "venue_fault",
            "venue_fault",
        )
    )
    if kind == "kill":
        return Trouble(kind, at_s, round(random.uniform(0.2, 4.0), 3), random.choice(KILLABLE))
    if kind == "venue_fault":
        fault = random.choice(VENUE_FAULTS)
        value = _fault_value(random, fault)
        return Trouble(kind, at_s, round(random.uniform(1.0, 8.0), 3), fault, value)
    return Trouble(kind, at_s, round(random.uniform(0.2, 8.0), 3))
