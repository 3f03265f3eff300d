"""How long what rests at a venue differs from what should rest: two histories of a market, laid over each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from common.events import QuoteTarget

TICKS_PER_UNIT = 100
WAITING = "waiting"
"""State of a target that does not say what should rest: what rests may stay, but nothing new is sent."""


class Level(NamedTuple):
    """An order in YES terms."""

    bid: bool
    ticks: int
    lots: int


class Tolerance(NamedTuple):
    ticks: int
    size: float
    """Fraction of the wanted size."""


class Change(NamedTuple):
    """From `at_ns` on these are the levels; None where nobody says what they should be."""

    at_ns: int
    levels: tuple[Level, ...] | None


class Differing(NamedTuple):
    """Times in ns."""

    judged_ns: int
    """Time in which a target said what should rest."""
    late_ns: int
    """Of it, time in stretches of difference that lasted longer than is allowed, each counted whole."""
    any_ns: int
    """Of it, time in which they differed at all: an order needs its way to the venue."""
    longest_ns: int


def fits(wanted: Sequence[Level], resting: Sequence[Level], tolerance: Tolerance) -> bool:
    """Say whether every wanted level rests within tolerance, and nothing else does."""
    left = list(resting)
    for want in wanted:
        near = [
            each
            for each in left
            if each.bid is want.bid
            and abs(each.ticks - want.ticks) <= tolerance.ticks
            and abs(each.lots - want.lots) <= tolerance.size * want.lots
        ]
        if not near:
            return False
        left.remove(min(near, key=lambda each: abs(each.ticks - want.ticks)))
    return not left


def differing(
    targets: Sequence[Change],
    resting: Sequence[Change],
    tolerance: Tolerance,
    allowed_ns: int,
    begin_ns: int,
    end_ns: int,
) -> Differing:
    """Return for how long the two histories differed between two times; both are in order of time."""
    judged_ns = late_ns = any_ns = longest_ns = 0
    since_ns: int | None = None
    for from_ns, to_ns, wanted, found in _stretches(targets, resting, begin_ns, end_ns):
        if wanted is not None:
            judged_ns += to_ns - from_ns
        if wanted is None or fits(wanted, found, tolerance):
            if since_ns is not None:
                lasted_ns = from_ns - since_ns
                any_ns, longest_ns = any_ns + lasted_ns, max(longest_ns, lasted_ns)
                late_ns += lasted_ns if lasted_ns > allowed_ns else 0
            since_ns = None
        elif since_ns is None:
            since_ns = from_ns
    if since_ns is not None:
        lasted_ns = end_ns - since_ns
        any_ns, longest_ns = any_ns + lasted_ns, max(longest_ns, lasted_ns)
        late_ns += lasted_ns if lasted_ns > allowed_ns else 0
    return Differing(judged_ns, late_ns, any_ns, longest_ns)


def _stretches(
    targets: Sequence[Change], resting: Sequence[Change], begin_ns: int, end_ns: int
) -> Iterator[tuple[int, int, tuple[Level, ...] | None, tuple[Level, ...]]]:
    """Yield (from, to, wanted, resting) for every time in which neither changes."""
    times = sorted({begin_ns, *(each.at_ns for each in [*targets, *resting] if begin_ns < each.at_ns < end_ns), end_ns})
    place = [0, 0]
    wanted: tuple[Level, ...] | None = None
    found: tuple[Level, ...] = ()
    for from_ns, to_ns in pairwise(times):
        while place[0] < len(targets) and targets[place[0]].at_ns <= from_ns:
            wanted = targets[place[0]].levels
            place[0] += 1
        while place[1] < len(resting) and resting[place[1]].at_ns <= from_ns:
            found = resting[place[1]].levels or ()
            place[1] += 1
        yield from_ns, to_ns, wanted, found


def target_change(target: QuoteTarget, life_ns: int) -> Change:
    """Return a target as the levels that should rest from the moment it was made."""
    at_ns = target.valid_until_ns - life_ns
    if target.state == WAITING:
        return Change(at_ns, None)
    bids = [Level(True, each.price_ticks, each.quantity_lots) for each in target.bids]
    asks = [Level(False, each.price_ticks, each.quantity_lots) for each in target.asks]
    return Change(at_ns, tuple(bids + asks))


def levels_changed(targets: Iterable[Change], tolerance: Tolerance) -> int:
    """Return how many levels came into the targets that were not in the one before, within tolerance of its size."""
    changed = 0
    before: tuple[Level, ...] = ()
    for change in targets:
        if change.levels is None:
            continue
        for level in change.levels:
            known = [each for each in before if (each.bid, each.ticks) == (level.bid, level.ticks)]
            changed += not any(abs(each.lots - level.lots) <= tolerance.size * level.lots for each in known)
        before = change.levels
    return changed


class VenueHistory:
    """What rested of one account, market by market, out of the venue's own journal."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._open: dict[str, dict[str, Level]] = {}
        self.changes: dict[str, list[Change]] = {}
        self.messages: list[int] = []
        """When each order and each cancel of the account took effect."""

    def on_frame(self, frame: Mapping[str, Any]) -> None:
        """Take in a journal frame; only orders of the account matter."""
        if frame.get("type") != "order" or frame.get("account") != self._account:
            return
        order = frame["order"]
        market, at_ns = order["market"], int(order["ts_ns"])
        if order["order_sequence"] == 1 or order["reason"] == "requested":
            self.messages.append(at_ns)
        resting = self._open.setdefault(market, {})
        if order["status"] == "open" and order["leaves"]:
            ticks = round(float(order["price"]) * TICKS_PER_UNIT)
            yes = order["outcome"] == "yes"
            bid = yes == (order["side"] == "bid")
            resting[order["order_id"]] = Level(bid, ticks if yes else TICKS_PER_UNIT - ticks, order["leaves"])
        else:
            resting.pop(order["order_id"], None)
        changes = self.changes.setdefault(market, [])
        change = Change(at_ns, tuple(resting.values()))
        if changes and changes[-1].at_ns == at_ns:
            changes[-1] = change
        else:
            changes.append(change)
