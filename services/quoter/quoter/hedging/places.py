"""Where the next child of a hedge goes: of the places that can take it now, the one with the best price after fees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple, TypeAlias

from common.events import HedgeVenue, OrderCommand
from common.instruments import Instrument, Side

from quoter.hedging.depth import Depth
from quoter.hedging.pricing import Limit, bound_of, cost_of, first_ticks, limit_of


@dataclass(frozen=True, slots=True)
class HedgePlace:
    """A market of one of our accounts, as it is now."""

    instrument: Instrument
    depth: Depth | None
    """None while there is no book that may be traded on."""
    shut_by: str = ""
    """Why no order may go there at all: a halt, a session that is down; '' where it may."""
    maker_rate: float = 0.0
    """Fees, of an order's money; below 0 for a rebate."""
    taker_rate: float = 0.0
    most_bought_lots: int | None = None
    """What funds and limits allow now; None is no bound."""
    most_sold_lots: int | None = None

    def most_lots(self, side: Side) -> int | None:
        return self.most_bought_lots if side is Side.BUY else self.most_sold_lots


Places: TypeAlias = Mapping[HedgeVenue, HedgePlace]


class Chosen(NamedTuple):
    """Where the next child goes, and how."""

    venue: HedgeVenue
    limit: Limit
    lots: int
    first: Decimal
    """The first price of the parent, were it to begin with this child."""


def smallest_lots(instrument: Instrument, ticks: int) -> int:
    """Return the lots of the smallest order at a price: by lots and by money."""
    if not instrument.min_notional or ticks < 1:
        return instrument.min_lots
    of_lot = instrument.notional(ticks, 1)
    return max(instrument.min_lots, int((instrument.min_notional / of_lot).to_integral_value(ROUND_CEILING)))


def smallest_quantity(command: OrderCommand, places: Places) -> Decimal | None:
    """Return the smallest order that one of a parent's places takes, in units; None while none is known."""
    found = []
    for venue in command.venues:
        place = places.get(venue)
        if place is not None:
            depth = place.depth
            levels = depth.against(command.side) or depth.of(command.side) if depth is not None else ()
            lots = smallest_lots(place.instrument, levels[0][0] if levels else 0)
            found.append(place.instrument.quantity(lots))
    return min(found, default=None)


class Wish(NamedTuple):
    """What the next child is wanted for."""

    command: OrderCommand
    left: Decimal
    """Of the parent; a child is at most a slice of it."""
    first: Decimal | None
    """The parent's first price; None before its first child."""
    passive_first: bool
    replacing: bool = False
    """Whether it would take the place of one that is open: what that one ties up is free then."""


class Way(NamedTuple):
    """Where quotes of ours are in a hedge's way, and the price that it goes to without them."""

    venue: HedgeVenue
    side: Side
    """Of the hedge."""
    price_ticks: int


def way_of(wish: Wish, places: Places, given: Way | None) -> Way | None:
    """Return where quotes of ours have to give way to a hedge; None while a place takes it as it is.

    Where they have given way they do until the parent ends, or another place takes it: quotes that came back between
    two children would be cancelled for each of them.
    """
    command = wish.command
    best, best_cost = None, 0.0
    for venue in command.venues:
        place = places.get(venue)
        if place is None or place.depth is None:
            continue
        found, own = _at(wish, venue, place), place.depth.own_against(command.side)
        stays = given is not None and given.venue == venue
        if not isinstance(found, str) and not found[0].limit.behind_own and not stays:
            return None
        alone = replace(place, depth=place.depth._replace(own_bid_ticks=0, own_ask_ticks=0))
        free = _at(wish, venue, alone) if own or stays else ""
        if not isinstance(free, str) and (best is None or command.side.sign * (free[1] - best_cost) < 0):
            best, best_cost = Way(venue, command.side, free[0].limit.price_ticks), free[1]
    return best


def choose(wish: Wish, places: Places) -> Chosen | str:
    """Return where the next child goes now, or why nowhere, for people.

    A place where an order of our own keeps it from its price is the last choice.
    """
    best: Chosen | None = None
    best_cost = 0.0
    reasons: list[str] = []
    for venue in wish.command.venues:
        found = _at(wish, venue, places.get(venue))
        if isinstance(found, str):
            reasons.append(f"{venue.venue}: {found}")
            continue
        chosen, cost = found
        behind = chosen.limit.behind_own
        if best is None or (behind, wish.command.side.sign * (cost - best_cost)) < (best.limit.behind_own, 0.0):
            best, best_cost = chosen, cost
    return best if best is not None else "; ".join(reasons)


def _at(wish: Wish, venue: HedgeVenue, place: HedgePlace | None) -> tuple[Chosen, float] | str:
    """Return the child for a place and what a unit of it costs after fees, or why there is none."""
    if place is None:
        return f"{venue.symbol} is not known"
    if place.shut_by or place.depth is None:
        return place.shut_by or "no book to trade on"
    command, instrument, depth = wish.command, place.instrument, place.depth
    first = wish.first
    if first is None:
        first = instrument.price(first_ticks(command.style, command.side, depth))
    bound = bound_of(command, first, instrument)
    limit = limit_of(command, depth, bound, instrument, passive_first=wish.passive_first)
    if isinstance(limit, str):
        return limit
    lots = _lots(wish, place, smallest_lots(instrument, limit.price_ticks))
    if isinstance(lots, str):
        return lots
    unit = cost_of(limit, lots, command.side, depth, place.maker_rate, place.taker_rate) * instrument.axis_price(1)
    return Chosen(venue, limit, lots, first), unit


def _lots(wish: Wish, place: HedgePlace, smallest: int) -> int | str:
    """Return the lots of a slice: what is left, within the size of one child and what is allowed there."""
    command, instrument = wish.command, place.instrument
    slice_ = wish.left if command.max_order_size is None else min(wish.left, command.max_order_size)
    lots = instrument.lots_within(slice_)
    if lots < smallest:
        return f"{slice_.normalize():f} is less than the smallest order, {instrument.quantity(smallest).normalize():f}"
    most = None if wish.replacing else place.most_lots(command.side)
    if most is None or lots <= most:
        return lots
    if most < smallest:
        return f"funds or limits allow {instrument.quantity(max(0, most)).normalize():f}"
    return most
