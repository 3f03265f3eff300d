"""What goes wrong in a run, when and for how long: all of it drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from toolkit.simulation.bus import Faults

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
        faults=Faults(
            drop=random.choice((0.0, 0.01, 0.05)),
            lost_ack=random.choice((0.0, 0.02, 0.1)),
            duplicate=random.choice((0.0, 0.05, 0.3)),
            slow=random.choice((0.0, 0.01, 0.03)),
            lost_answer=random.choice((0.0, 0.05, 0.2)),
            lost_request=random.choice((0.0, 0.05, 0.2)),
        ),
    )
    for _ in range(random.randrange(2, 7)):
        scenario.troubles.append(_trouble(random, scenario.calm_s))
    scenario.troubles.sort(key=lambda each: each.at_s)
    return scenario


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
        value = {"delay_ms": random.randrange(50, 1_500), "fill_after_cancel": random.randrange(1, 50)}.get(fault, 0)
        return Trouble(kind, at_s, round(random.uniform(1.0, 8.0), 3), fault, value)
    return Trouble(kind, at_s, round(random.uniform(0.2, 8.0), 3))
