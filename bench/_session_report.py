"""What the markets of a case say together: means with standard errors, and the aims they are measured against."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from _session_market import MARKOUTS_S, Row, Task
from toolkit.checking.bench import Figure, at_least, at_most

NET_MAX = 20
NET_SHARE_MIN, HARD_NET_SHARE_MIN = 0.98, 0.97
HARD_WORLDS = ("thin", "one-sided")
"""Where hardly anybody comes, or hardly anybody who takes what is held, a little less is asked for."""
TWO_SIDED_MIN, FILLS_MIN = 0.80, 0.50
INFORMED_MAX = 0.2
"""Up to this share of informed takers the profit is to be above zero, or not clearly below it where volatility
changes."""
ERRORS = 2.0
HEDGED_DEVIATION_MAX, HEDGE_LOSS_MAX = 0.80, 0.10


class Mean(NamedTuple):
    value: float
    error: float
    """Standard error."""


def mean(values: Sequence[float]) -> Mean:
    """Return the mean of independent values with its standard error."""
    if len(values) < 2:
        return Mean(float(values[0]), math.inf)
    return Mean(float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values)))


def per_share(rows: Sequence[Row], sums: Callable[[Row], float]) -> Mean:
    """Return the ratio of a sum to the shares traded, in cents, with the error that differing markets give it."""
    shares = sum(row.shares for row in rows)
    if not shares:
        return Mean(0.0, math.inf)
    ratio = sum(map(sums, rows)) / shares
    off = math.sqrt(sum((sums(row) - ratio * row.shares) ** 2 for row in rows))
    return Mean(100 * ratio, 100 * off / shares)


def deviation(rows: Sequence[Row]) -> float:
    """Return the standard deviation of the profit of one market."""
    return float(np.std([row.pnl for row in rows], ddof=1)) if len(rows) > 1 else math.inf


def flat(rows: Sequence[Row]) -> float:
    """Return the share of markets that ended with at most `NET_MAX` shares net."""
    return sum(abs(row.net) <= NET_MAX for row in rows) / len(rows)


def of_maker(name: str, rows: Sequence[Row]) -> list[Figure]:
    """Return what one maker did in one case, without judging it."""
    fills, orders = sum(row.fills for row in rows), sum(row.orders for row in rows)
    nets = sorted(abs(row.net) for row in rows)
    found = [
        *_of(name, "P&L per market", mean([row.pnl for row in rows]), "$"),
        Figure(f"{name}: deviation of P&L", round(deviation(rows), 2), "$"),
        *_of(name, "P&L per share", per_share(rows, lambda row: row.pnl), "c"),
        *_of(name, "edge per share", per_share(rows, lambda row: row.edge), "c"),
    ]
    for place, after_s in enumerate(MARKOUTS_S):
        marked = per_share(rows, lambda row, at=place: row.markouts[at])  # type: ignore[misc]
        found += _of(name, f"markout {after_s:g} s", marked, "c")
    found += [
        Figure(f"{name}: two-sided", round(float(np.mean([row.two_sided for row in rows])), 4), "of life"),
        Figure(f"{name}: own spread", round(100 * float(np.mean([row.spread for row in rows])), 2), "c"),
        Figure(f"{name}: fills", round(fills / len(rows), 1), "per market"),
        Figure(f"{name}: volume", round(sum(row.shares for row in rows) / len(rows)), "shares per market"),
        Figure(f"{name}: orders per fill", round(orders / max(1, fills), 1), ""),
        Figure(f"{name}: orders refused", sum(row.refused for row in rows), "orders"),
        Figure(f"{name}: final |net| at most {NET_MAX}", round(flat(rows), 4), "of markets"),
    ]
    for percent in (50, 90, 99):
        found.append(Figure(f"{name}: final |net|, {percent} %", float(np.percentile(nets, percent)), "shares"))
    found.append(Figure(f"{name}: final |net|, worst", nets[-1], "shares"))
    found.append(Figure(f"{name}: |net|, worst in life", max(row.max_net for row in rows), "shares"))
    return found


def of_hedges(case: str, rows: Sequence[Row]) -> list[Figure]:
    """Return what hedging the delta did to the same markets' profit; nothing where it was not hedged."""
    both = [(row, row.hedged) for row in rows if row.hedged is not None]
    if len(both) < 2:
        return []
    without, hedged = mean([row.pnl for row, _ in both]), [row.pnl + hedge.gain for row, hedge in both]
    lost = without.value - mean(hedged).value
    spread = float(np.std(hedged, ddof=1)) / deviation([row for row, _ in both])
    count = len(both)
    return [
        at_most(f"{case}: deviation of P&L with hedges", round(spread, 4), "of that without", HEDGED_DEVIATION_MAX),
        at_most(f"{case}: P&L given up for hedges", round(lost / without.value, 4), "of the mean", HEDGE_LOSS_MAX),
        *_of(case, "gain of hedges", mean([hedge.gain for _, hedge in both]), "$"),
        Figure(f"{case}: cost of hedges", round(sum(hedge.cost for _, hedge in both) / count, 3), "$ per market"),
        Figure(f"{case}: hedges", round(sum(hedge.trades for _, hedge in both) / count, 2), "per market"),
        Figure(f"{case}: hedged", round(sum(hedge.coins for _, hedge in both) / count, 4), "coins per market"),
    ]


def _of(name: str, what: str, found: Mean, unit: str) -> list[Figure]:
    return [
        Figure(f"{name}: {what}", round(found.value, 4), unit),
        Figure(f"{name}: {what}, error", round(found.error, 4), unit),
    ]


def compared(case: str, task: Task, ours: Sequence[Row], sketch: Sequence[Row]) -> list[Figure]:
    """Return the aims of a case, of which `task` is a market: our own, then ours against the sketch's."""
    net_share_min = HARD_NET_SHARE_MIN if task.world in HARD_WORLDS else NET_SHARE_MIN
    found = [
        at_least(f"{case}: ended with |net| at most {NET_MAX}", flat(ours), "of markets", net_share_min),
        at_least(f"{case}: two-sided", float(np.mean([row.two_sided for row in ours])), "of life", TWO_SIDED_MIN),
    ]
    profit = mean([row.pnl for row in ours])
    if task.world == "regime":
        below = profit.value + ERRORS * profit.error
        found.append(at_least(f"{case}: P&L plus two errors", round(below, 3), "$ per market", 0.0))
    else:
        above = profit.value - ERRORS * profit.error
        asked = task.informed <= INFORMED_MAX and task.rivals == "none"
        aim, met = ("> 0", above > 0.0) if asked else (None, None)
        found.append(Figure(f"{case}: P&L less two errors", round(above, 3), "$ per market", aim, met))
    if not sketch:
        return found
    fills = sum(row.fills for row in ours) / max(1, sum(row.fills for row in sketch))
    ahead = mean([mine.pnl - theirs.pnl for mine, theirs in zip(ours, sketch, strict=True)])
    spread = deviation(ours) / deviation(sketch)
    nets = [float(np.mean([abs(row.net) for row in rows])) for rows in (ours, sketch)]
    return [
        *found,
        at_least(f"{case}: fills of the sketch's", fills, "of them", FILLS_MIN),
        Figure(f"{case}: P&L ahead of the sketch", round(ahead.value, 3), "$ per market", "> 0", ahead.value > 0.0),
        Figure(f"{case}: P&L ahead of the sketch, error", round(ahead.error, 3), "$ per market"),
        Figure(f"{case}: deviation of P&L of the sketch's", round(spread, 3), "of it", "< 1", spread < 1.0),
        Figure(f"{case}: mean final |net|", nets[0], "shares", f"< {nets[1]:g}", nets[0] < nets[1]),
    ]
