"""What the hours of a case say together: profit by part with standard errors, and the aims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from _session_report import ERRORS, Mean, mean
from _spot_hour import FIXED, Row, Task, updates_per_s
from _spot_parts import NAMES
from toolkit.checking.bench import Figure, at_least, at_most

FILLS_MIN, HOURS_MIN, UPDATES_MIN = 5_000, 20, 5.0
BEYOND_MAX = 0.01
INFORMED_MAX = 0.1
"""Up to this share of informed takers the profit is to be above zero."""
WHOLE = 1.0
"""Yen by which the parts may miss the whole: they are rounded."""
YEN = "yen per hour"


def case_of(task: Task) -> str:
    """Return how people name a case, e.g. 'LEAN, 10 % informed'."""
    return f"{task.maker}, {100 * task.informed:g} % informed"


def of_maker(case: str, rows: Sequence[Row]) -> list[Figure]:
    """Return what one maker did in one case."""
    coins = sum(row.quoter_coins for row in rows)
    found = [*_mean(case, "P&L", mean([row.pnl for row in rows]))]
    for name in NAMES:
        found += _mean(case, name, mean([row.parts[name] for row in rows]))
    turnover = sum(row.pnl for row in rows) / coins if coins else 0.0
    found += [
        Figure(f"{case}: P&L per coin quoted", round(turnover, 1), "yen"),
        Figure(f"{case}: coins quoted", round(coins / len(rows), 3), "per hour"),
        Figure(f"{case}: coins hedged", round(sum(row.hedge_coins for row in rows) / len(rows), 3), "per hour"),
        Figure(f"{case}: dollars hedged", round(sum(row.hedge_dollars for row in rows) / len(rows)), "per hour"),
        Figure(f"{case}: hedge fills", sum(row.hedge_fills for row in rows), "fills"),
        Figure(f"{case}: two-sided", round(mean([row.two_sided for row in rows]).value, 4), "of the time"),
        Figure(f"{case}: orders", sum(row.orders for row in rows), "orders"),
        Figure(f"{case}: orders refused", sum(row.refused for row in rows), "orders"),
    ]
    missed = max(abs(row.pnl - sum(row.parts.values())) for row in rows)
    found.append(at_most(f"{case}: whole less parts", round(missed, 3), "yen", WHOLE))
    return found


def aims_of(case: str, task: Task, rows: Sequence[Row], fixed: Sequence[Row]) -> list[Figure]:
    """Return the aims of a case of ours, of which `task` is an hour; `fixed` are the same hours of the other maker."""
    fills = sum(row.quoter_fills for row in rows)
    beyond = mean([row.beyond for row in rows]).value
    found = [
        at_least(f"{case}: virtual time", len(rows), "h", HOURS_MIN),
        at_least(f"{case}: quoter fills", fills, "fills", FILLS_MIN),
        at_least(f"{case}: book updates", round(min(map(updates_per_s, rows)), 2), "per s", UPDATES_MIN),
        Figure(f"{case}: |net| beyond the maximum", round(beyond, 5), "of the time", "< 0.01", beyond < BEYOND_MAX),
    ]
    profit = mean([row.pnl for row in rows])
    above = profit.value - ERRORS * profit.error
    aim, met = ("> 0", above > 0.0) if task.informed <= INFORMED_MAX else (None, None)
    found.append(Figure(f"{case}: P&L less two errors", round(above, 1), YEN, aim, met))
    if fixed:
        ahead = mean([mine.pnl - theirs.pnl for mine, theirs in zip(rows, fixed, strict=True)])
        surely = ahead.value - ERRORS * ahead.error
        found += _mean(case, f"P&L ahead of {FIXED}, paired", ahead)
        found.append(Figure(f"{case}: ahead less two errors", round(surely, 1), YEN, "> 0", surely > 0.0))
    return found


def report(by_case: Mapping[str, Sequence[Row]], first: Mapping[str, Task]) -> list[Figure]:
    """Return every figure of the cases, the aims of each first."""
    figures = []
    for case, rows in by_case.items():
        task = first[case]
        if task.maker != FIXED:
            theirs = [each for name, each in by_case.items() if _same(first[name], task)]
            figures += aims_of(case, task, rows, theirs[0] if theirs else ())
        figures += of_maker(case, rows)
    return figures


def _same(other: Task, task: Task) -> bool:
    return other.maker == FIXED and other.informed == task.informed


def _mean(case: str, what: str, found: Mean) -> list[Figure]:
    return [
        Figure(f"{case}: {what}", round(found.value, 1), YEN),
        Figure(f"{case}: {what}, error", round(found.error, 1), YEN),
    ]
