"""From a fair value and a holding to the orders that should rest: the whole opinion of a quote, as one function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from common.bots import BinaryBot, Inventory
from common.events import QuoteLevel
from common.instruments import ceil_ticks, floor_ticks
from common.pretrade import Held, MarketLimits

from quoter.binary.ladder import as_buys, levels, not_beyond, prices
from quoter.binary.models.glft import leans_for
from quoter.binary.models.reservation import avellaneda_stoikov_price, reservation_ask, reservation_bid
from quoter.binary.skew import Phase, concession
from quoter.binary.spread import distances
from quoter.binary.stance import Stance, stance_of
from quoter.binary.terms import BinaryTerms, Grid
from quoter.orders.diff import TargetOrder
from quoter.signals.reach import Reach
from quoter.signals.signals import Signals
from quoter.trading.strategy import Plan, pulled


class Opinion(NamedTuple):
    """What is believed of a market now."""

    fair: float
    volatility: float
    uncertainty: float
    signals: Signals
    cost: float = 0.0
    """What was paid for what is held."""


class Ladder(NamedTuple):
    """What rests when prices and sizes are these, and what becomes of it in orders."""

    key: tuple[int, ...]
    """Best bid and ask in ticks, headroom in lots: what may differ from one ladder to the next of the same stance."""
    bids: list[QuoteLevel]
    asks: list[QuoteLevel]
    wanted: list[TargetOrder]
    missing: str


class Planner:
    """Plans one market for one bot.

    What a fair value does not change is worked out once and stands until one of its inputs changes (`Stance`), and a
    ladder stands while prices and sizes round to the same lots and ticks.
    """

    __slots__ = ("_ladder", "_stance")

    def __init__(self) -> None:
        self._stance: Stance | None = None
        self._ladder: Ladder | None = None

    def plan(
        self,
        opinion: Opinion,
        held: Held,
        venue_now_ns: int,
        terms: BinaryTerms,
        config: BinaryBot,
        limits: MarketLimits,
    ) -> Plan:
        """Return the ladder for a fair value of YES, leaned against the holding, within limits and phase."""
        signals = opinion.signals
        if signals.frozen:
            return pulled(signals.frozen, "frozen")
        stance = self._stance
        if stance is None or not stance.stands(held, opinion.cost, venue_now_ns, terms, config, limits, signals):
            stance = self._stance = stance_of(held, opinion.cost, venue_now_ns, terms, config, limits, signals)
            self._ladder = None
        if stance.phase is Phase.CLOSED:
            return pulled("close to expiry")
        fair, quoting, reducing = opinion.fair, config.quoting, stance.reducing
        seconds_left = terms.seconds_left(venue_now_ns)
        away = distances(
            fair, seconds_left, opinion.volatility, opinion.uncertainty, limits.min_spread.price, quoting, signals
        )
        bid_from, ask_from = _reservation(fair, seconds_left, stance)
        best_bid = bid_from - signals.net_skew - away.bid
        best_ask = ask_from - signals.net_skew + away.ask
        if best_ask - best_bid > quoting.max_spread and not reducing:
            return pulled(f"the spread would be {best_ask - best_bid:.3f}")
        through_fair = reducing
        if stance.net or reducing:
            best_bid, best_ask, through_fair = _given_up(fair, best_bid, best_ask, seconds_left, stance)
        if not through_fair:
            best_bid, best_ask = not_beyond(fair, best_bid, best_ask)
        ladder = self._laddered(fair, best_bid, best_ask, stance)
        return Plan(
            ladder.bids,
            ladder.asks,
            ladder.wanted,
            stance.free,
            fair - (bid_from + ask_from) / 2 + signals.net_skew,
            "reduce_only" if reducing else "quoting",
            ladder.missing,
            away.parts | {"reservation_bid": bid_from, "reservation_ask": ask_from, "net_skew": signals.net_skew},
        )

    def _laddered(self, fair: float, best_bid: float, best_ask: float, stance: Stance) -> Ladder:
        """Return the ladder from the best prices on; the one of before where it would be the same."""
        headroom = stance.headroom_at(fair)
        tick = stance.terms.grid.tick_size
        key = (floor_ticks(best_bid, tick), ceil_ticks(best_ask, tick), headroom.buy_lots, headroom.sell_lots)
        known = self._ladder
        if known is not None and known.key == key and stance.spacing_is_whole:
            return known
        grid, min_lots = stance.terms.grid, stance.terms.min_lots
        rungs = prices(best_bid, best_ask, stance.config.quoting, stance.limits.min_spread.price, grid)
        bids = levels(rungs.bids, stance.bid_size, headroom.buy_lots, min_lots)
        asks = levels(rungs.asks, stance.ask_size, headroom.sell_lots, min_lots)
        wanted = as_buys(bids, asks, grid.ticks_per_unit)
        missing = _missing(bids, asks, rungs.bids, rungs.asks, stance.signals)
        self._ladder = Ladder(key, bids, asks, wanted, missing)
        return self._ladder


def _reservation(fair: float, seconds_left: float, stance: Stance) -> tuple[float, float]:
    """Return what a further share is worth to somebody who holds this, bought and sold."""
    inventory = stance.config.inventory
    if inventory.model == "linear":
        price = fair - stance.leaning.skew
        return price, price
    # Of a lot: risk aversion is per unit of money.
    net, lot_money = stance.net, stance.terms.pair.yes.value(1, 1.0)
    gamma = inventory.risk_aversion * lot_money
    if inventory.model == "cara":
        return reservation_bid(fair, net, stance.size, gamma), reservation_ask(fair, net, stance.size, gamma)
    if inventory.model == "glft":
        leans = leans_for(inventory, lot_money)
        return fair - leans.bid_lean(fair, seconds_left, net), fair + leans.ask_lean(fair, seconds_left, net)
    # Of a settling share the variance that is left is that of the result, whatever the time.
    price = avellaneda_stoikov_price(fair, net, gamma, fair * (1.0 - fair))
    return price, price


def _given_up(fair: float, bid: float, ask: float, seconds_left: float, stance: Stance) -> tuple[float, float, bool]:
    """Return the best prices where a net is to go, and whether they may lie beyond fair value for that."""
    yields, grid, inventory = stance.yields, stance.terms.grid, stance.config.inventory
    if stance.reducing:
        bid, ask = _giving_up(fair, bid, ask, stance.held, seconds_left, yields, grid, inventory)
    elif yields:
        bid, ask = _tempting(fair, bid, ask, stance.net, yields, stance.signals.reach, grid, inventory)
    aimed = bid, ask
    bid, ask = _on_grid(fair, bid, ask, stance.net, grid, inventory)
    return bid, ask, stance.reducing or yields > 0.0 or (bid, ask) != aimed


def _giving_up(
    fair: float,
    bid: float,
    ask: float,
    held: Held,
    seconds_left: float,
    yields: float,
    grid: Grid,
    inventory: Inventory,
) -> tuple[float, float]:
    """Return the best prices once what is left is to go: better ones there, up to `reduce_cost` beyond fair."""
    tick = grid.tick_size
    beyond = max(concession(seconds_left, tick, inventory), yields * inventory.reduce_cost)
    if held.no_lots > held.yes_lots:
        return min(1.0 - tick, max(bid, fair + beyond)), ask
    return bid, max(tick, min(ask, fair - beyond))


def _on_grid(fair: float, bid: float, ask: float, net: int, grid: Grid, inventory: Inventory) -> tuple[float, float]:
    """Return the best prices with the side that gives up a net on the grid, even where a share is all but dead."""
    tick = grid.tick_size
    if net < 0 and bid < tick <= fair + inventory.reduce_cost:
        return tick, ask
    if net > 0 and ask > 1.0 - tick >= fair - inventory.reduce_cost:
        return bid, 1.0 - tick
    return bid, ask


def _tempting(
    fair: float, bid: float, ask: float, net: int, yields: float, reach: Reach, grid: Grid, inventory: Inventory
) -> tuple[float, float]:
    """Return the best prices that offer a net as a bargain: both move, so that adding gets dearer as giving gets
    cheaper.

    Beside others a tick better than theirs is a bargain; alone only what who knows more would take.
    """
    tick = grid.tick_size
    if net > 0:
        least = max(fair - inventory.reduce_cost, reach.others_ask - tick if reach.others_ask else 0.0)
        moved = yields * max(0.0, ask - least)
        return bid - moved, max(tick, ask - moved)
    most = min(fair + inventory.reduce_cost, reach.others_bid + tick if reach.others_bid else 1.0)
    moved = yields * max(0.0, most - bid)
    return min(1.0 - tick, bid + moved), ask + moved


def giving_way(plan: Plan) -> Plan:
    """Return the plan while an order that takes is on its way: no other order of ours remains open."""
    reason = "taking from the book to be flat"
    return msgspec.structs.replace(plan, bids=[], asks=[], wanted=[], state="crossing", reason=reason)


def _missing(
    bids: Sequence[QuoteLevel],
    asks: Sequence[QuoteLevel],
    bid_ticks: Sequence[int],
    ask_ticks: Sequence[int],
    signals: Signals,
) -> str:
    """Say why a side is missing, for people."""
    if bids and asks:
        return ""
    reasons = []
    for name, side, ticks in (("bid", bids, bid_ticks), ("ask", asks, ask_ticks)):
        if not side:
            no_headroom = "exposure over all markets" if signals.closed_side == name else "no room"
            reasons.append(f"no {name}s: {no_headroom if ticks else 'worth less than a tick'}")
    return ", ".join(reasons)
