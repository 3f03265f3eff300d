"""Simulated customers: noise that comes at random with its own idea of value, and informed ones who know more."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from random import Random
from typing import Any, Final

from exchange.entry.parse import only
from exchange.market.accounts import Account
from exchange.market.lifecycle import NEVER_NS, Lifecycle
from exchange.market.markets import NS_PER_S, Market
from exchange.market.money import MICROS_PER_DOLLAR, TICKS_PER_DOLLAR
from exchange.market.orders import Outcome, Side
from exchange.market.refusals import Refusal
from exchange.market.tape import Json
from exchange.market.trading import Ticket, Trading

NOISE_ACCOUNT: Final = "taker-noise"
INFORMED_ACCOUNT: Final = "taker-informed"
CASH_MICROS: Final = 1_000_000 * MICROS_PER_DOLLAR
YEAR_S: Final = 365 * 86_400
SIZE_MAX_SHARES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Noise:
    """Customers without information: Poisson arrivals per market, lognormal size, a private value around fair."""

    rate_per_s: float = 0.5
    size_median: float = 15.0
    size_sigma: float = 0.8
    value_sd_ticks: float = 6.0
    sell_share: float = 0.3


@dataclass(frozen=True, slots=True)
class Informed:
    """Customers who see the price `lead_ms` ahead and take what is mispriced by more than `edge_ticks`."""

    lead_ms: float = 300.0
    edge_ticks: float = 3.0
    size: float = 40.0
    pause_s: float = 4.0
    look_per_s: float = 5.0


@dataclass(frozen=True, slots=True)
class TakerSettings:
    """Who trades besides the participants that log in."""

    enabled: bool = True
    noise: Noise = Noise()
    informed: Informed = Informed()
    volatility: float = 0.6  # annual, what these customers believe


def probability_above(spot: float, strike: float, left_s: float, volatility: float) -> float:
    """Chance that the underlying ends above the strike: N(ln(S/K) / (σ √T)).

    At the strike it is 0.5; 0.154 % above it, with 300 s left and σ = 0.5, it is 0.84 (one standard deviation).
    """
    if left_s <= 0:
        return 1.0 if spot > strike else 0.0
    distance = math.log(spot / strike) / (volatility * math.sqrt(left_s / YEAR_S))
    return 0.5 * math.erfc(-distance / math.sqrt(2.0))


class Takers:
    """Trades for the simulated customers through ordinary accounts, from a seed."""

    def __init__(self, trading: Trading, lifecycle: Lifecycle, settings: TakerSettings, seed: int) -> None:
        self.trading, self.lifecycle, self.settings = trading, lifecycle, settings
        self._random = Random(f"takers/{seed}")
        self._ahead_units: dict[str, int] = {}
        self._paused_until_ns: dict[str, int] = {}
        self._noise_due_ns = NEVER_NS
        self._informed_due_ns = NEVER_NS

    def start(self, now_ns: int) -> None:
        self._noise_due_ns = self._informed_due_ns = NEVER_NS
        if self.settings.enabled:
            self._noise_due_ns = now_ns + self._wait_ns(self.settings.noise.rate_per_s)
            self._informed_due_ns = now_ns + self._wait_ns(self.settings.informed.look_per_s)

    def sit_out(self, now_ns: int) -> None:
        """Let everybody's turn that has come pass."""
        if self._noise_due_ns <= now_ns:
            self._noise_due_ns = now_ns + self._wait_ns(self.settings.noise.rate_per_s)
        if self._informed_due_ns <= now_ns:
            self._informed_due_ns = now_ns + self._wait_ns(self.settings.informed.look_per_s)

    def next_due_ns(self) -> int:
        return min(self._noise_due_ns, self._informed_due_ns)

    def on_ahead(self, asset: str, units: int) -> None:
        """The price the underlying will have `lead_ms` from now, for those who know."""
        self._ahead_units[asset] = units

    def advance(self, now_ns: int) -> None:
        """Trade for everybody who is due."""
        while self._noise_due_ns <= now_ns:
            markets = self._open_markets()
            if markets:
                self._noise_trade(self._random.choice(markets), now_ns)
            # One clock for all markets: the sum of n Poisson processes is one of n times the rate.
            rate = self.settings.noise.rate_per_s * max(1, len(markets))
            self._noise_due_ns += self._wait_ns(rate)
        while self._informed_due_ns <= now_ns:
            for market in self._open_markets():
                self._informed_trade(market, now_ns)
            self._informed_due_ns += self._wait_ns(self.settings.informed.look_per_s)

    def _wait_ns(self, rate_per_s: float) -> int:
        return NEVER_NS if rate_per_s <= 0 else max(1, int(self._random.expovariate(rate_per_s) * NS_PER_S))

    def _open_markets(self) -> list[Market]:
        return [market for market in self.lifecycle.live() if market.status == "OPEN"]

    def _fair_ticks(self, market: Market, units: int, now_ns: int) -> float:
        assert market.strike_units is not None
        left_s = (market.expiry_ns - now_ns) / NS_PER_S
        return TICKS_PER_DOLLAR * probability_above(units, market.strike_units, left_s, self.settings.volatility)

    def _noise_trade(self, market: Market, now_ns: int) -> None:
        noise = self.settings.noise
        # Always the same number of draws, so that one market's state does not shift the fate of the others.
        lean, size_draw = self._random.gauss(0.0, 1.0), self._random.lognormvariate(0.0, noise.size_sigma)
        buys_yes, sells = self._random.random() < 0.5, self._random.random() < noise.sell_share
        mid = self.lifecycle.mids.get(market.asset)
        if mid is None:
            return
        value = self._fair_ticks(market, mid.units, now_ns) + lean * noise.value_sd_ticks
        size = min(SIZE_MAX_SHARES, max(1, round(noise.size_median * size_draw)))
        best = market.book.best_ask_ticks() if buys_yes else market.book.best_bid_ticks()
        if best is None or (best > value if buys_yes else best < value):
            return
        self._trade(NOISE_ACCOUNT, market, buys_yes, best, size, sells, now_ns)

    def _informed_trade(self, market: Market, now_ns: int) -> None:
        informed = self.settings.informed
        mid = self.lifecycle.mids.get(market.asset)
        units = self._ahead_units.get(market.asset, None if mid is None else mid.units)
        if units is None or now_ns < self._paused_until_ns.get(market.id, 0):
            return
        fair = self._fair_ticks(market, units, now_ns)
        ask, bid = market.book.best_ask_ticks(), market.book.best_bid_ticks()
        fee_rate = self.trading.ledger.fees.taker_rate_ppm / 1_000_000
        for best, buys_yes in ((ask, True), (bid, False)):
            if best is None:
                continue
            fee_ticks = fee_rate * best * (TICKS_PER_DOLLAR - best) / TICKS_PER_DOLLAR
            edge = (fair - best if buys_yes else best - fair) - fee_ticks
            if edge > informed.edge_ticks:
                self._paused_until_ns[market.id] = now_ns + int(informed.pause_s * NS_PER_S)
                self._trade(INFORMED_ACCOUNT, market, buys_yes, best, max(1, round(informed.size)), False, now_ns)
                return

    def _trade(
        self, name: str, market: Market, buys_yes: bool, yes_ticks: int, size: int, sells: bool, now_ns: int
    ) -> None:
        account = self.trading.ledger.account(name)
        if account.available_micros < size * 2 * MICROS_PER_DOLLAR:
            self.trading.ledger.post(account, "deposit", CASH_MICROS, now_ns)
        side, outcome, size = _way(account, market, buys_yes, size, sells)
        price = yes_ticks if outcome == "yes" else TICKS_PER_DOLLAR - yes_ticks
        ticket = Ticket(self.trading.ledger.ids.last["order"] + 1, market.id, side, outcome, price, size, "ioc")
        self.trading.place(account, ticket, now_ns)

    def as_json(self) -> Json:
        return asdict(self.settings)

    def change(self, body: Json, now_ns: int) -> None:
        """Take new settings from an administrator; members left out keep their value."""
        only(body, frozenset({"enabled", "noise", "informed", "volatility"}))
        enabled = body.get("enabled", self.settings.enabled)
        if not isinstance(enabled, bool):
            raise Refusal("invalid_field", "enabled must be true or false", "enabled")
        self.settings = replace(
            self.settings,
            enabled=enabled,
            volatility=_number(body, "volatility", self.settings.volatility, low=0.01),
            noise=Noise(**dict(_numbers(body, "noise", self.settings.noise))),
            informed=Informed(**dict(_numbers(body, "informed", self.settings.informed))),
        )
        self.start(now_ns)


def _way(account: Account, market: Market, buys_yes: bool, size: int, sells: bool) -> tuple[Side, Outcome, int]:
    # Gaining from YES is buying YES or selling NO that one holds.
    position = account.positions.get(market.id)
    sold: Outcome = "no" if buys_yes else "yes"
    if sells and position is not None and position.free(sold) > 0:
        return "ask", sold, min(size, position.free(sold))
    return "bid", "yes" if buys_yes else "no", size


def _numbers(body: Json, name: str, present: Noise | Informed) -> Iterator[tuple[str, Any]]:
    part = body.get(name, {})
    if not isinstance(part, dict):
        raise Refusal("invalid_field", f"{name} must be an object", name)
    only(part, frozenset(field.name for field in fields(present)))
    for field in fields(present):
        yield field.name, _number(part, field.name, getattr(present, field.name), low=0.0)


def _number(body: Json, field: str, present: float, low: float) -> float:
    value = body.get(field, present)
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= 1e6:
        raise Refusal("invalid_field", f"{field} must be a number from {low} to 1000000", field)
    return float(value)
