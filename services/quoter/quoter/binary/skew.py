"""Lean quotes and sizes against what a bot holds, harder as a market's life runs out, until it is flat at expiry.

The life of a market has phases by fraction elapsed: `lean` tolerates a position, `ramp` turns up the pressure,
`aggressive` applies it in full; by seconds left, `reduce_only` lets only orders rest that pair off what is held, and
`closed` lets nothing rest.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import NamedTuple

from common.bots import Inventory
from common.instruments import OutcomePair
from common.pretrade import Held

from quoter.orders.diff import Headroom
from quoter.signals.reach import UNBOUNDED, Reach

CHEAPEST = 0.01
"""What a share is taken to cost at least, when headroom for more is computed from money."""
ONE_SIDED_FROM = 2.0
"""The adding side is down to a lot once |net| is this many times what its age allows."""
YIELDS_BESIDE, YIELDS_ALONE = (0.8, 1.0), (1.5, 2.5)
"""Of what will surely be taken in time, the part from which a net begins to be offered as a bargain, and that from
which it is offered as one altogether: where others offer the same beside us, and where takers have only us. There they
come at any price, and only those who know more are drawn by a better one."""
FULL_CONCESSION_AT = 0.5
"""Fraction of the reduce-only window after which what is left is offered at its full concession."""


class Phase(StrEnum):
    """What a market's age allows."""

    LEAN = "lean"
    RAMP = "ramp"
    AGGRESSIVE = "aggressive"
    REDUCE_ONLY = "reduce_only"
    CLOSED = "closed"


class Lean(NamedTuple):
    """How quotes answer to what is held."""

    phase: Phase
    skew: float
    """To subtract from both sides, in price: positive when long YES."""
    bid_share: float
    """Fraction of the configured size to bid for YES, 0 to 1."""
    ask_share: float
    bound: float
    """Shares of |net| that the age of the market allows."""
    reach: Reach = UNBOUNDED
    """Shares of net that will surely be taken before the end: no more is added, whatever the age allows."""


def phase_of(elapsed: float, seconds_left: float, inventory: Inventory) -> Phase:
    """Return the phase at a fraction of the life elapsed and some seconds before expiry."""
    if seconds_left <= inventory.close_threshold_s:
        return Phase.CLOSED
    if seconds_left <= inventory.reduce_only_s:
        return Phase.REDUCE_ONLY
    if elapsed >= inventory.aggressive_from:
        return Phase.AGGRESSIVE
    return Phase.LEAN if elapsed <= inventory.lean_until else Phase.RAMP


def lean(
    yes_lots: int,
    no_lots: int,
    elapsed: float,
    reduce_from: float,
    phase: Phase,
    inventory: Inventory,
    reach: Reach = UNBOUNDED,
) -> Lean:
    """Return skew and sizes for a holding at a fraction of the life elapsed; `reduce_from` is where reduce-only begins.

    skew = clamp((yes - no) / max_position, -1, 1) x factor, where the factor grows from `skew_factor` at `lean_until`
    to `late_skew_factor` at `aggressive_from`. With 500 YES, 100 NO, max_position 1,000 and skew_factor 0.02 the skew
    is 0.008: an ask of 0.52 becomes 0.512 and a bid of 0.48 becomes 0.472, before they are rounded to the grid.

    The side that adds shrinks with |net| towards a bound, which falls with age: `lean_net`, `late_net`, `final_net`;
    and towards what will surely be taken from us before the end, where that is less.
    """
    net = yes_lots - no_lots
    imbalance = max(-1.0, min(1.0, net / inventory.max_position))
    pressure = _pressure(elapsed, phase, inventory)
    factor = inventory.skew_factor + (inventory.late_skew_factor - inventory.skew_factor) * pressure
    bound = inventory.lean_net + (inventory.late_net - inventory.lean_net) * pressure
    if phase in (Phase.AGGRESSIVE, Phase.REDUCE_ONLY):
        way = reduce_from - inventory.aggressive_from
        done = min(1.0, (elapsed - inventory.aggressive_from) / way) if way > 0 else 1.0
        bound += (inventory.final_net - inventory.late_net) * done
    allowed = min(bound, reach.of(net))
    adding = max(0.0, 1.0 - abs(net) / allowed) if allowed > 0.0 else 0.0
    return Lean(phase, imbalance * factor, adding if net > 0 else 1.0, adding if net < 0 else 1.0, bound, reach)


def within(free: Headroom, held: Held, leaning: Lean, adding_min: int, lot: int = 1) -> Headroom:
    """Return the headroom that is left when |net| is to stay within what the market's age and its takers allow.

    Up to twice of what the age allows, `adding_min` shares are quoted all the same while they will surely be taken
    again, and beyond that `lot` shares, so that the market stays two-sided. That ends when perhaps nobody comes any
    more: what is added then may well be left. In doubt the net is what is worse for the side in question.
    """
    long = held.yes_lots - held.no_lots + held.unconfirmed_no_lots
    short = held.no_lots - held.yes_lots + held.unconfirmed_yes_lots
    bound, reach = leaning.bound, leaning.reach
    return Headroom(
        min(free.buy_lots, _adding(long, bound, reach.long, adding_min, lot if reach.long_comes else 0)),
        min(free.sell_lots, _adding(short, bound, reach.short, adding_min, lot if reach.short_comes else 0)),
    )


def _adding(net: int, bound: float, reach: float, adding_min: int, lot: int) -> int:
    """Return how many more shares may be bought of the outcome that `net` shares more are held of."""
    still = net < ONE_SIDED_FROM * bound and net + adding_min <= reach
    return max(int(min(bound, reach) - net), adding_min if still else min(lot, adding_min))


def yielding(net: int, reach: Reach) -> float:
    """Return how far to give in on price, 0 to 1, for a net that takers may not take in time.

    Beside others it is the better price that is taken. Alone it is who knows a little more than others that comes for a
    bargain, whichever side the rest come from.
    """
    surely = reach.of(net)
    if math.isinf(surely) or net == 0:
        return 0.0
    if surely <= 0.0:
        return 1.0
    begins, fully = YIELDS_BESIDE if (reach.others_ask if net > 0 else reach.others_bid) else YIELDS_ALONE
    return min(1.0, max(0.0, (abs(net) / surely - begins) / (fully - begins)))


def without_loss_beyond(
    free: Headroom, held: Held, cost: float, fair: float, loss_max: float, pair: OutcomePair
) -> Headroom:
    """Return the headroom that is left when the worst result of a market may cost so much money at most.

    A holding loses `cost` less what its YES pay when YES wins, and `cost` less what its NO pay when NO wins. A YES
    share bought at about its fair value adds that to the loss when NO is paid; what lessens the worse of the two has
    headroom all the same.
    """
    sure_yes, sure_no = held.yes_lots - held.unconfirmed_yes_lots, held.no_lots - held.unconfirmed_no_lots
    # What a lot of the outcome that wins is paid.
    payout = pair.yes.value(1, 1.0)
    spare_if_no, spare_if_yes = loss_max - (cost - sure_no * payout), loss_max - (cost - sure_yes * payout)
    yes_lot, no_lot = max(fair, CHEAPEST) * payout, max(1.0 - fair, CHEAPEST) * payout
    return Headroom(
        min(free.buy_lots, max(0, int(spare_if_no / yes_lot), sure_no - held.yes_lots)),
        min(free.sell_lots, max(0, int(spare_if_yes / no_lot), sure_yes - held.no_lots)),
    )


def concession(seconds_left: float, tick: float, inventory: Inventory) -> float:
    """Return how far beyond fair value to go for a share that is to be given up in the reduce-only window.

    One tick short of fair value at its start, `reduce_cost` beyond it from the middle on.
    """
    window_s = inventory.reduce_only_s - inventory.close_threshold_s
    gone = (inventory.reduce_only_s - seconds_left) / window_s if window_s > 0 else 1.0
    return (inventory.reduce_cost + tick) * min(1.0, max(0.0, gone) / FULL_CONCESSION_AT) - tick


def _pressure(elapsed: float, phase: Phase, inventory: Inventory) -> float:
    """Return 0 in the lean phase, 1 from the aggressive phase on, and the way between them on the ramp."""
    if phase is Phase.LEAN:
        return 0.0
    if phase is Phase.RAMP:
        return (elapsed - inventory.lean_until) / (inventory.aggressive_from - inventory.lean_until)
    return 1.0


def headroom(held: Held, phase: Phase, max_position_lots: int, max_net_lots: int) -> Headroom:
    """Return how many shares of each outcome may be bid for in all.

    Held shares of the other outcome may always be paired off, so a position at its limit on both sides is not stuck
    and one beyond a lowered limit can shrink. What is in doubt counts against an order, never for it.
    """
    if phase is Phase.CLOSED:
        return Headroom(0, 0)
    to_pair_yes = held.no_lots - held.unconfirmed_no_lots
    to_pair_no = held.yes_lots - held.unconfirmed_yes_lots
    if phase is Phase.REDUCE_ONLY:
        return Headroom(max(0, to_pair_yes - held.yes_lots), max(0, to_pair_no - held.no_lots))
    return Headroom(
        max(0, min(max(max_position_lots, to_pair_yes) - held.yes_lots, max_net_lots - held.yes_lots + to_pair_yes)),
        max(0, min(max(max_position_lots, to_pair_no) - held.no_lots, max_net_lots - held.no_lots + to_pair_no)),
    )
