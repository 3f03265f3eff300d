"""From what a hedger wants traded to what its holders are told: new parents, other quantities, cancels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec
from common.clock import NS_PER_S
from common.events import HedgeState, HedgeVenue, OrderCommand
from common.instruments import Side

from risk.hedging.amounts import ZERO, Touch, split, whole
from risk.hedging.obstacles import Funds, affordable_at, halt_of
from risk.hedging.parents import Parent
from risk.hedging.terms import Hedger, Place

LIFE_NS = 30 * NS_PER_S
"""A parent that has not ended by then is followed by another, whose bounds count from the price of then."""
PAUSE_NS = 10 * NS_PER_S
"""After a holder has refused a parent, or ended it without a trade, the next one waits this long."""
TERM_TOLERANCE = Decimal("0.001")
"""Where the price turns the quantity, what is too large by less than this part stays: prices move all the time."""


class Holding(NamedTuple):
    """The places of a hedger that one process holds: it is told one parent."""

    places: tuple[Place, ...]
    usable: tuple[Place, ...]
    """Those that no halt forbids."""

    @property
    def account(self) -> str:
        return self.places[0].account


class Moment(NamedTuple):
    """When and from which ledger something is decided, and what is known for it."""

    now_ns: int
    epoch: int
    ledger_sequence: int
    touch: Touch | None
    """Of the hedge instrument."""
    funds: Funds
    reason: str
    """Why it is decided: for people, beside the command."""
    term_rate: Decimal | None = None
    """Of the currency that the hedge is paid in to the bot's term currency; None where it is not known."""


class Said(NamedTuple):
    """What is to be told, and why it is not more."""

    commands: list[OrderCommand]
    why: list[str]


def holdings_of(hedger: Hedger, halts: Sequence[str]) -> tuple[list[Holding], list[str]]:
    """Return a hedger's places by holder, in its order, and what is wrong with the others."""
    held: dict[str, list[Place]] = {}
    why = []
    for place in hedger.places:
        if place.holder:
            held.setdefault(place.holder, []).append(place)
        else:
            why.append(f"nobody holds {place.account} at {place.instrument.venue}")
    found: dict[str, Holding] = {}
    for places in held.values():
        halted = {place: halt for place in places if (halt := halt_of(hedger, place, halts))}
        why += [f"{place.instrument.venue} is halted: {halt}" for place, halt in halted.items()]
        if places[0].account in found:
            # Commands and answers are filed by scope and account.
            why.append(f"two processes hold accounts called {places[0].account}, the first one hedges")
            continue
        found[places[0].account] = Holding(tuple(places), tuple(each for each in places if each not in halted))
    return list(found.values()), why


def adjusted(
    hedger: Hedger, quantity: Decimal, holdings: Sequence[Holding], parts: Sequence[Parent], moment: Moment
) -> Said:
    """Return what makes the open parents of a hedger those of a signed quantity that it wants traded in all.

    What is too much is taken back first, an opposite hedge has ended before its contrary begins, and what is missing
    is given to holders that have nothing open, else added to what they have. Each counts as open until it has ended.
    """
    sign = 1 if quantity > 0 else -1
    living = [part for part in parts if not part.over]
    if not quantity and not living:
        return Said([], [])
    able = {
        holding.account: _terms(_new(hedger, holding, sign, ZERO, None, moment))
        for holding in holdings
        if holding.usable
    }
    staying = [part for part in living if quantity and able.get(part.command.account) == _terms(part.command)]
    commands = [
        cancelled(part, moment.now_ns, moment.epoch, moment.reason)
        for part in living
        if part not in staying and is_cancellable(part)
    ]
    if not quantity:
        return Said(commands, [])
    if any(part.sign != sign for part in living):
        return Said(commands, ["waits until the opposite hedge has ended"])
    target = abs(quantity)
    too_much = sum((part.wanted for part in staying), start=ZERO) - target
    if too_much >= max(hedger.step, target * TERM_TOLERANCE if hedger.in_term else ZERO):
        return Said([*commands, *_lowered(hedger, too_much, staying, moment)], [])
    missing = whole(target - sum((part.open for part in living), start=ZERO), hedger.step)
    if missing < _smallest(hedger, moment, sign):
        return Said(commands, [])
    more = _added(hedger, sign, missing, holdings, parts, moment)
    return Said([*commands, *more.commands], more.why)


def _terms(command: OrderCommand) -> tuple[object, ...]:
    """Return what a parent is worked by: with another configuration it is another parent."""
    bounds = (command.max_offset, command.max_bid, command.min_ask)
    pace = (command.max_order_size, command.resend_ms)
    said = (command.instrument, command.side, command.style, command.custom_order_parameters)
    return command.venues, *bounds, *pace, *said


def _smallest(hedger: Hedger, moment: Moment, sign: int) -> Decimal:
    return hedger.smallest(moment.touch.paid(sign) if moment.touch is not None else None)


def _lowered(hedger: Hedger, too_much: Decimal, staying: Sequence[Parent], moment: Moment) -> Iterator[OrderCommand]:
    """Take back the most recent hedges first; one that would be too small is cancelled whole."""
    for part in reversed(staying):
        if too_much < hedger.step:
            return
        if part.unconfirmed or not part.wanted:
            continue
        left = part.wanted - min(too_much, part.wanted)
        too_much -= part.wanted - left
        if left < _smallest(hedger, moment, part.sign):
            yield cancelled(part, moment.now_ns, moment.epoch, moment.reason)
        else:
            yield _of_quantity(part, part.booked + left, moment)


def _added(
    hedger: Hedger,
    sign: int,
    missing: Decimal,
    holdings: Sequence[Holding],
    parts: Sequence[Parent],
    moment: Moment,
) -> Said:
    """Give what is missing to holders with nothing open; where there is none, raise what is open."""
    smallest = _smallest(hedger, moment, sign)
    known = {part.command.account: part for part in parts}
    why: list[str] = []
    most: dict[str, Decimal] = {}
    for holding in holdings:
        found = [affordable_at(hedger, place, sign, moment.touch, moment.funds) for place in holding.usable]
        most[holding.account] = sum((each.quantity for each in found), start=ZERO)
        if most[holding.account] < missing:
            why += [each.why for each in found]
    free = [each for each in holdings if each.usable and _is_free(known.get(each.account), moment.now_ns)]
    shares = split(missing, [most[each.account] for each in free], hedger.step, smallest)
    commands = [
        _new(hedger, holding, sign, share, known.get(holding.account), moment)
        for holding, share in zip(free, shares, strict=True)
        if share
    ]
    if commands:
        return Said(commands, why if sum(shares, start=ZERO) < missing else [])
    for part in parts:
        raisable = not (part.ended or part.command.cancelled or part.unconfirmed) and part.command.account in most
        extra = whole(min(missing, most[part.command.account]), hedger.step) if raisable else ZERO
        if extra >= smallest:
            return Said([_of_quantity(part, part.booked + part.wanted + extra, moment)], [])
    paused = [part.update.reason for part in parts if part.update is not None and _is_paused(part, moment.now_ns)]
    return Said([], [*why, *paused])


def _is_free(part: Parent | None, now_ns: int) -> bool:
    return part is None or (part.over and not _is_paused(part, now_ns))


def _is_paused(part: Parent, now_ns: int) -> bool:
    """Say whether its holder has just ended it without having been asked to, and without a trade."""
    update = part.update
    if update is None or not part.ended or part.command.cancelled or update.state is HedgeState.EXPIRED:
        return False
    in_vain = update.state is HedgeState.REFUSED or not update.done
    return in_vain and now_ns - part.ended_at_ns < PAUSE_NS


def _new(
    hedger: Hedger, holding: Holding, sign: int, quantity: Decimal, before: Parent | None, moment: Moment
) -> OrderCommand:
    section = hedger.section
    again = before is not None and before.command.ledger_sequence == moment.ledger_sequence
    return OrderCommand(
        scope=hedger.name,
        account=holding.account,
        ledger_sequence=moment.ledger_sequence,
        attempt=before.command.attempt + 1 if before is not None and again else 1,
        revision=1,
        venues=[HedgeVenue(each.account, each.instrument.venue, each.instrument.symbol) for each in holding.places],
        instrument=section.hedge_instrument,
        side=Side.BUY if sign > 0 else Side.SELL,
        quantity=quantity,
        style=section.execution_style,
        max_offset=section.max_offset,
        max_bid=section.max_bid,
        min_ask=section.min_ask,
        max_order_size=section.max_order_size,
        resend_ms=section.resend_time,
        custom_order_parameters=hedger.parameters,
        config_revision=hedger.revision,
        term_currency=hedger.term,
        term_rate=moment.term_rate,
        spared_halts=sorted(hedger.spared),
        expires_at_ns=moment.now_ns + LIFE_NS,
        reason=moment.reason,
        ts_ns=moment.now_ns,
        epoch=moment.epoch,
    )


def is_cancellable(part: Parent) -> bool:
    """Say whether a parent is to be told that it is not wanted: it has been said, has not ended, nor is all of it done.

    Of one whose quantity is in the ledger the holder is about to say that it has ended.
    """
    return bool(part.wanted) and not (part.ended or part.command.cancelled or part.unconfirmed)


def cancelled(part: Parent, now_ns: int, epoch: int, reason: str) -> OrderCommand:
    """Return the last revision of a parent: it is not wanted any more."""
    command = part.command
    return msgspec.structs.replace(
        command, revision=command.revision + 1, cancelled=True, reason=reason, ts_ns=now_ns, epoch=epoch
    )


def _of_quantity(part: Parent, quantity: Decimal, moment: Moment) -> OrderCommand:
    command = part.command
    return msgspec.structs.replace(
        command,
        revision=command.revision + 1,
        quantity=quantity,
        term_rate=moment.term_rate,
        reason=moment.reason,
        ts_ns=moment.now_ns,
        epoch=moment.epoch,
    )
