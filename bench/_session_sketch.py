"""The source's own sketch of a market maker (its sections 3 to 6), transcribed, with the repairs it needs to run.

Formulas, constants, the order of steps and their names are the source's. Repaired, and nothing else:

1. `price_history` is undefined in the source: prices are kept once a second, as its volatility assumes.
2. `seconds_to_expiry` is a stored number there; it is reckoned from the expiry at each pass.
3. A YES ask at p is sent as a NO bid at 1 - p: the venue refuses to sell what is not held.
4. Prices are rounded to the cent after the skew too (0.512 is refused) and kept within 0.01 to 0.99.
5. `positions` is filled by the private fills (the source's `fill_handler_loop` has no body).
6. `should_quote` is never called there and never matches its own words ('BID' against 'bid'): it is asked before each
   order, so that the position has the limit of 1,000 that the comparison demands. It still counts fills only.
7. Cancels of orders that are gone, and orders that are refused, are passed over; the source would stop its loop.

Kept is what the source does wrong without failing: clamped prices pile up levels at 0.01, everything is cancelled and
placed anew each time, waiting for both answers, and nothing is done in the last 30 seconds.
"""

from __future__ import annotations

import math
import statistics
from itertools import count, pairwise
from typing import Any

from _session_venue import EXPIRY_NS, OPEN_NS, Fact, HttpRequest, Schedule, Venue
from _session_world import FEED_NS, NS_PER_S, STEP_NS, STEPS
from exchange.market.trading import Ticket

PAUSE_NS = 100_000_000
CLOSE_THRESHOLD_S = 30
CONFIG: dict[str, Any] = {
    "quoting": {"spread": 0.04, "size": 100, "levels": 3, "spacing": 0.01},
    "inventory": {"max_position": 1000, "skew_factor": 0.02},
}


def calculate_fair_value(current_price: float, strike_price: float, time_to_expiry: float, volatility: float) -> float:
    """The source's section 3.1."""
    if time_to_expiry <= 0:
        return 1.0 if current_price > strike_price else 0.0
    years = time_to_expiry / (365 * 24 * 60 * 60)
    d2 = math.log(current_price / strike_price) / (volatility * math.sqrt(years))
    return max(0.01, min(0.99, 0.5 * math.erfc(-d2 / math.sqrt(2.0))))


def estimate_volatility(price_history: list[float], window: int = 100) -> float:
    """The source's section 3.2."""
    prices = price_history[-window - 1 :]
    returns = [math.log(after / before) for before, after in pairwise(prices)]
    return statistics.stdev(returns) * math.sqrt(365 * 24 * 60 * 60)


class QuoteCalculator:
    """The source's section 4.1."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.base_spread = config["spread"]
        self.size_per_level = config["size"]
        self.num_levels = config["levels"]
        self.level_spacing = config["spacing"]

    def calculate_quotes(self, fair_value: float) -> dict[str, list[dict[str, Any]]]:
        half_spread = self.base_spread / 2
        bids, asks = [], []
        for i in range(self.num_levels):
            offset = i * self.level_spacing
            bid_price = fair_value - half_spread - offset
            ask_price = fair_value + half_spread + offset
            bids.append({"price": max(0.01, round(bid_price, 2)), "size": self.size_per_level})
            asks.append({"price": min(0.99, round(ask_price, 2)), "size": self.size_per_level})
        return {"bids": bids, "asks": asks}


class SketchInventory:
    """The source's sections 5.2 and 5.3."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.max_position: int = config["max_position"]
        self.skew_factor: float = config["skew_factor"]
        self.yes_shares = self.no_shares = 0

    def calculate_skew(self, yes_shares: int, no_shares: int) -> float:
        return (yes_shares - no_shares) / self.max_position * self.skew_factor

    def apply_skew(self, quotes: dict[str, list[dict[str, Any]]], skew: float) -> dict[str, list[dict[str, Any]]]:
        for bid in quotes["bids"]:
            bid["price"] = max(0.01, bid["price"] - skew)
        for ask in quotes["asks"]:
            ask["price"] = min(0.99, ask["price"] - skew)
        return quotes

    def should_quote(self, side: str, outcome: str) -> bool:
        own, other = (self.yes_shares, self.no_shares) if outcome == "yes" else (self.no_shares, self.yes_shares)
        return (own if side == "bid" else other) < self.max_position


class Sketch:
    """The source's section 6.1 in virtual time: one pass after the other, each waiting for the venue's answers."""

    def __init__(self, venue: Venue, schedule: Schedule) -> None:
        self._venue, self._schedule = venue, schedule
        self.quote_calc = QuoteCalculator(CONFIG["quoting"])
        self.inventory = SketchInventory(CONFIG["inventory"])
        self.orders: list[int] = []
        self.alerts: dict[str, int] = {}
        self._ids = count(1)
        self._history = [float(price) for price in venue.world.warm[-101:]]
        self._price = self._history[-1]
        self._spots = venue.world.spots
        venue.on_facts = self._on_facts

    def start(self) -> None:
        # Prices are looked at when they are needed; only those of whole seconds are kept.
        self._schedule.at(OPEN_NS + FEED_NS, self._pass)

    def _look(self) -> float:
        """Return the newest price that the feed has brought, after keeping those of the seconds before it."""
        step = min(STEPS, (self._schedule.now_ns - OPEN_NS - FEED_NS) // STEP_NS)
        per_second = NS_PER_S // STEP_NS
        kept = len(self._history) - 101
        for second in range(kept, step // per_second + 1):
            self._history.append(float(self._spots[second * per_second]))
        return float(self._spots[step])

    def _pass(self) -> None:
        """`update_all_quotes` for the one market, then sleep; the loop ends with the market."""
        now_ns = self._schedule.now_ns
        if now_ns >= EXPIRY_NS:
            return
        left_s = (EXPIRY_NS - now_ns) / NS_PER_S
        price = self._look()
        if left_s < CLOSE_THRESHOLD_S:
            cancels, self.orders = self.orders, []
            self._venue.send(cancels, [], self._sleep)
            return
        fair_value = calculate_fair_value(price, float(self._spots[0]), left_s, estimate_volatility(self._history))
        inventory = self.inventory
        skew = inventory.calculate_skew(inventory.yes_shares, inventory.no_shares)
        quotes = inventory.apply_skew(self.quote_calc.calculate_quotes(fair_value), skew)
        self._update_market_orders(quotes)

    def _update_market_orders(self, quotes: dict[str, list[dict[str, Any]]]) -> None:
        """Cancel all, wait, place all, wait."""
        places = [self._order("bid", bid) for bid in quotes["bids"] if self.inventory.should_quote("bid", "yes")]
        places += [self._order("ask", ask) for ask in quotes["asks"] if self.inventory.should_quote("ask", "yes")]

        def place() -> None:
            self.orders = [ticket.client_order_id for ticket in places]
            self._venue.send([], places, self._sleep)

        cancels, self.orders = self.orders, []
        if cancels:
            self._venue.send(cancels, [], place)
        else:
            place()

    def _order(self, side: str, level: dict[str, Any]) -> Ticket:
        ticks = min(99, max(1, round(level["price"] * 100)))
        market = self._venue.market.id
        if side == "bid":
            return Ticket(next(self._ids), market, "bid", "yes", ticks, level["size"])
        return Ticket(next(self._ids), market, "bid", "no", 100 - ticks, level["size"])

    def _sleep(self) -> None:
        self._schedule.at(self._schedule.now_ns + PAUSE_NS, self._pass)

    def _on_facts(self, facts: list[Fact], refused: list[HttpRequest]) -> None:
        for fact in facts:
            if fact["type"] == "fill":
                fill = fact["fill"]
                if fill["outcome"] == "yes":
                    self.inventory.yes_shares += fill["size"]
                else:
                    self.inventory.no_shares += fill["size"]
