"""One hour of the spot session with one of the makers, and what is to be said of it afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field

from _core_run import calm_collector
from _session_venue import Schedule
from _spot_flow import Flow
from _spot_maker import BEYOND_COINS
from _spot_makers import make
from _spot_market import BEGIN_NS, HedgeVenue, Target
from _spot_parts import NAMES, Parts
from _spot_rival import Rival
from _spot_world import HOUR_S, STEP_NS, STEPS, STEPS_PER_S, make_world

STYLES = ("LEAN", "PASSIVE", "CROSS_MARKET")
FIXED = "fixed"
"""The maker that ours is compared with: the kind of bot of that name, on the same hours."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to run: one hour of one case with one maker."""

    seed: int
    hour: int
    informed: float
    maker: str
    """One of `STYLES`, or `FIXED`."""
    flow: Flow
    """Recorded; the target's is made of it."""
    settings: tuple[str, ...] = ()
    """Of the spot bot, e.g. 'pricer.buy_margins=4'."""
    minutes: int = 60
    """How much of the hour is run."""


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one hour; money in yen."""

    hour: int
    pnl: float
    """What the accounts have gained, at the prices of the end."""
    parts: dict[str, float]
    """By name, see `_spot_parts`; they add up to `pnl`."""
    quoter_fills: int
    hedge_fills: int
    quoter_coins: float
    hedge_coins: float
    hedge_dollars: float
    orders: int
    cancels: int
    refused: int
    books: int
    """Updates of books that the maker was told."""
    two_sided: float
    """Share of the hour with a bid and an ask of the maker at the target."""
    beyond: float
    """Share of the hour in which |net| was beyond the hedger's maximum."""
    nets: tuple[float, ...]
    """Coins held at the end of each minute."""
    alerts: dict[str, int] = field(default_factory=dict)


class Hour:
    """What happens step by step, whoever makes the market."""

    def __init__(self, task: Task) -> None:
        self._world = make_world(task.seed, task.hour, task.flow)
        self.schedule = Schedule(BEGIN_NS)
        self.parts = Parts(float(self._world.spots[0]), float(self._world.yens[0]), BEYOND_COINS)
        self.target = Target(self._world, self.schedule, self.parts, task.informed)
        self.hedge = HedgeVenue(self._world, self.schedule, self.parts, (task.seed, task.hour))
        self.target.start()
        self.hedge.start()
        # Its book is there when the makers come.
        self.hedge.on_step(0)
        self.two_sided_steps = 0
        self._last = min(STEPS, task.minutes * 60 * STEPS_PER_S)
        self._rival = Rival(self.target, self.schedule, task.seed, task.hour)

    def run(self) -> None:
        self._rival.start()
        self.schedule.at(BEGIN_NS, lambda: self._step(0))
        self.schedule.run()

    def _step(self, step: int) -> None:
        parts, world = self.parts, self._world
        parts.on_move(float(world.spots[step]), float(world.yens[step]))
        self.hedge.on_step(step)
        mine = {order.side for order in self.target.account.open_orders.values()}
        self.two_sided_steps += len(mine) == 2
        if step % (60 * STEPS_PER_S) == 0 and step:
            parts.nets.append(round(parts.coins, 6))
        if step == self._last < STEPS:
            self.schedule.end()
        elif step < STEPS:
            self.schedule.at(BEGIN_NS + (step + 1) * STEP_NS, lambda: self._step(step + 1))


def run(task: Task) -> Row:
    """Run one hour; a function of the task alone."""
    hour = Hour(task)
    maker = make(task.maker, task.settings, hour.target, hour.hedge, hour.schedule)
    with calm_collector():
        maker.start()
        hour.run()
    parts, venues = hour.parts, (hour.target, hour.hedge)
    return Row(
        task.hour,
        round(parts.wealth, 2),
        {name: round(getattr(parts, name), 2) for name in NAMES},
        parts.quoter_fills,
        parts.hedge_fills,
        round(parts.quoter_coins, 6),
        round(parts.hedge_coins, 6),
        round(parts.hedge_dollars, 2),
        sum(venue.orders for venue in venues),
        sum(venue.cancels for venue in venues),
        sum(venue.refused for venue in venues),
        maker.books,
        hour.two_sided_steps / parts.steps,
        parts.steps_beyond / parts.steps,
        tuple(parts.nets),
        maker.alerts,
    )


def updates_per_s(row: Row) -> float:
    """Return how many books a second the maker was told."""
    return row.books / HOUR_S
