"""One market from its opening to its payout with one of the makers, and what is to be said of it afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from _session_hedge import Hedge, Hedged, HedgeTerms
from _session_ours import TIMER_MS, Ours, sections_with
from _session_rival import HALF_SPREADS, Rival
from _session_sketch import Sketch
from _session_venue import EXPIRY_NS, FREE, OPEN_NS, Schedule, Trade, Venue
from _session_world import KINDS, NS_PER_S, World, make_world
from exchange.market.ledger import FeeSchedule

Maker = Literal["ours", "sketch"]
MARKOUTS_S = (0.1, 1.0, 5.0, 30.0)
MICROS = 1_000_000
NO_RIVALS = "none"


@dataclass(frozen=True, slots=True)
class Task:
    """What to run: one market of one case with one maker."""

    seed: int
    market: int
    informed: float
    world: str
    """One of `KINDS`."""
    rivals: str
    """'none', or one of `HALF_SPREADS`."""
    maker: Maker
    settings: tuple[str, ...] = ()
    """For ours, e.g. 'quoting.spread=0.03'."""
    fees: bool = False
    """With the exchange's taker fee and rebate; without, nobody pays anything."""
    timer_ms: int = TIMER_MS
    hedge: HedgeTerms | None = None
    """How the delta of ours is hedged; not at all without."""


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one market; money in dollars, sums over shares."""

    market: int
    pnl: float
    """By the exchange's statement."""
    fills: int
    shares: int
    orders: int
    cancels: int
    refused: int
    edge: float
    """Of each share its true probability at the fill less what it cost, summed."""
    markouts: tuple[float, ...]
    """The same against the true probability some seconds after the fill, or the result if that comes first."""
    two_sided: float
    """Share of the life before the reduce-only window with a bid and an ask at the venue."""
    spread: float
    """Mean distance between them while both were there."""
    net: int
    max_net: int
    nets: tuple[int, ...] = ()
    alerts: dict[str, int] = field(default_factory=dict)
    hedged: Hedged | None = None
    """Not part of `pnl`."""


def run(task: Task) -> Row:
    """Run one market; a function of the task alone."""
    world = make_world(task.seed, task.market, KINDS[task.world])
    sections = sections_with(task.settings)
    window_end_ns = EXPIRY_NS - round(sections.inventory.reduce_only_s * NS_PER_S)
    schedule = Schedule(OPEN_NS)
    venue = Venue(world, task.informed, schedule, window_end_ns, FeeSchedule() if task.fees else FREE)
    venue.start()
    hedge = Hedge(task.hedge, world, schedule) if task.hedge is not None and task.maker == "ours" else None
    maker = Ours(sections, venue, schedule, task.timer_ms, hedge) if task.maker == "ours" else Sketch(venue, schedule)
    maker.start()
    if task.rivals != NO_RIVALS:
        Rival(venue, schedule, HALF_SPREADS[task.rivals], task.seed, task.market).start()
    schedule.run()
    return _row(task, world, venue, maker.alerts, hedge.result() if hedge is not None else None)


def _row(task: Task, world: World, venue: Venue, alerts: dict[str, int], hedged: Hedged | None) -> Row:
    seen = venue.seen
    assert not venue.account.positions.get(venue.market.id), "everything is paid out"
    return Row(
        task.market,
        venue.won_micros / MICROS,
        len(seen.trades),
        sum(trade.size for trade in seen.trades),
        seen.orders,
        seen.cancels,
        seen.refused,
        markout(world, seen.trades, 0.0),
        tuple(markout(world, seen.trades, after_s) for after_s in MARKOUTS_S),
        seen.two_sided_ns / (seen.window_end_ns - OPEN_NS),
        seen.spread_tick_ns / seen.two_sided_ns / 100 if seen.two_sided_ns else 0.0,
        seen.net,
        seen.max_net,
        tuple(seen.nets),
        alerts,
        hedged,
    )


def markout(world: World, trades: list[Trade], after_s: float) -> float:
    """Return what the trades have gained a while later, valued at the true probability, in dollars."""
    after_ns = round(after_s * NS_PER_S) - OPEN_NS
    return sum(
        trade.sign * trade.size * (world.truth(trade.at_ns + after_ns) - trade.yes_ticks / 100) for trade in trades
    )
