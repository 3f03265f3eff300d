"""From a fair value and a holding to the orders that should rest: the whole opinion of a quote, as one function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from common.bots import BinaryBot, Inventory, Quoting
from common.events import QuoteLevel
from common.pretrade import Held, MarketLimits

from quoter.binary.glft import leans_for
from quoter.binary.ladder import as_buys, levels, prices
from quoter.binary.reservation import avellaneda_stoikov_price, reservation_ask, reservation_bid
from quoter.binary.skew import (
    Phase,
    concession,
    headroom,
    lean,
    phase_of,
    within,
    without_loss_beyond,
    yielding,
)
from quoter.binary.spread import distances
from quoter.binary.terms import BinaryTerms, Grid
from quoter.orders.diff import Headroom
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


def plan(
    opinion: Opinion, held: Held, venue_now_ns: int, terms: BinaryTerms, config: BinaryBot, limits: MarketLimits
) -> Plan:
    """Return the ladder for a fair value of YES, leaned against the holding, within limits and phase."""
    inventory, quoting, signals = config.inventory, config.quoting, opinion.signals
    if signals.frozen:
        return pulled(signals.frozen, "frozen")
    fair = opinion.fair
    elapsed, seconds_left = terms.elapsed(venue_now_ns), terms.seconds_left(venue_now_ns)
    phase = phase_of(elapsed, seconds_left, inventory)
    if phase is Phase.CLOSED:
        return pulled("close to expiry")
    max_position = min(inventory.max_position, limits.max_position_lots)
    free = headroom(held, phase, max_position, limits.max_net_lots)
    reduce_from = 1.0 - inventory.reduce_only_s / terms.life_s
    leaning = lean(held.yes_lots, held.no_lots, elapsed, reduce_from, phase, inventory, signals.reach)
    reducing = phase is Phase.REDUCE_ONLY
    size, min_lots = min(quoting.size, limits.max_order_lots), terms.min_lots
    min_spread = limits.min_spread.price
    away = distances(fair, seconds_left, opinion.volatility, opinion.uncertainty, min_spread, quoting, signals)
    bid_from, ask_from = _reservation(fair, held, size, leaning.skew, seconds_left, terms, inventory)
    best_bid = bid_from - signals.net_skew - away.bid
    best_ask = ask_from - signals.net_skew + away.ask
    if best_ask - best_bid > quoting.max_spread and not reducing:
        return pulled(f"the spread would be {best_ask - best_bid:.3f}")
    net = held.yes_lots - held.no_lots
    yields = yielding(net, signals.reach)
    if reducing:
        best_bid, best_ask = _giving_up(fair, best_bid, best_ask, held, seconds_left, yields, terms.grid, inventory)
    elif yields:
        best_bid, best_ask = _tempting(fair, best_bid, best_ask, net, yields, signals.reach, terms.grid, inventory)
    aimed = best_bid, best_ask
    best_bid, best_ask = _on_grid(fair, best_bid, best_ask, net, terms.grid, inventory)
    through = reducing or yields > 0.0 or (best_bid, best_ask) != aimed
    rungs = prices(fair, best_bid, best_ask, quoting, min_spread, terms.grid, through_fair=through)
    least = min(size, inventory.adding_min)
    bid_size = size if reducing else max(int(size * leaning.bid_share), least)
    ask_size = size if reducing else max(int(size * leaning.ask_share), least)
    left = free if reducing else within(free, held, leaning, inventory.adding_min, min_lots)
    left = without_loss_beyond(left, held, opinion.cost, fair, inventory.max_settlement_loss, terms.pair)
    yes_headroom, no_headroom = _alive(fair, elapsed, held, left, quoting, signals)
    bids = levels(rungs.bids, bid_size, yes_headroom, min_lots)
    asks = levels(rungs.asks, ask_size, no_headroom, min_lots)
    wanted = as_buys(bids, asks, terms.grid.ticks_per_unit)
    parts = away.parts | {"reservation_bid": bid_from, "reservation_ask": ask_from, "net_skew": signals.net_skew}
    return Plan(
        bids,
        asks,
        wanted,
        free,
        fair - (bid_from + ask_from) / 2 + signals.net_skew,
        "reduce_only" if reducing else "quoting",
        _missing(bids, asks, rungs.bids, rungs.asks, signals),
        parts,
    )


def _reservation(
    fair: float, held: Held, size: int, skew: float, seconds_left: float, terms: BinaryTerms, inventory: Inventory
) -> tuple[float, float]:
    """Return what a further share is worth to somebody who holds this, bought and sold."""
    if inventory.model == "linear":
        return fair - skew, fair - skew
    # Of a lot: risk aversion is per unit of money.
    net, lot_money = held.yes_lots - held.no_lots, terms.pair.yes.value(1, 1.0)
    gamma = inventory.risk_aversion * lot_money
    if inventory.model == "cara":
        return reservation_bid(fair, net, size, gamma), reservation_ask(fair, net, size, gamma)
    if inventory.model == "glft":
        leans = leans_for(inventory, lot_money)
        return fair - leans.bid_lean(fair, seconds_left, net), fair + leans.ask_lean(fair, seconds_left, net)
    # Of a settling share the variance that is left is that of the result, whatever the time.
    price = avellaneda_stoikov_price(fair, net, gamma, fair * (1.0 - fair))
    return price, price


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


def _alive(
    fair: float, elapsed: float, held: Held, free: Headroom, quoting: Quoting, signals: Signals
) -> tuple[int, int]:
    """Return the headroom for YES and NO bids without the side that has all but lost near the end.

    Nor is there any for what would add to an exposure over all markets that is beyond its limit. What would only pair
    off shares of the other outcome is bid for all the same: it makes this market riskless.
    """
    yes_lots, no_lots = free.buy_lots, free.sell_lots
    late = elapsed >= quoting.dead_side_from
    if signals.closed_side == "bid" or (late and fair <= quoting.dead_side_below):
        yes_lots = min(yes_lots, max(0, held.no_lots - held.unconfirmed_no_lots - held.yes_lots))
    if signals.closed_side == "ask" or (late and 1.0 - fair <= quoting.dead_side_below):
        no_lots = min(no_lots, max(0, held.yes_lots - held.unconfirmed_yes_lots - held.no_lots))
    return yes_lots, no_lots


def giving_way(plan: Plan) -> Plan:
    """Return the plan while an order that takes is on its way: nothing of ours rests beside it."""
    return replace(plan, bids=[], asks=[], wanted=[], state="crossing", reason="taking from the book to be flat")


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
