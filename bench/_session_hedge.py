"""The delta of what our maker holds, hedged in the underlying: the decision is risk's own, the venue is a cost.

Each price of the underlying may bring a hedge. It is decided from the newest delta and what is held then, counting what
is on its way, and executed `ORDER_NS` later at the price of that moment, for a cost in proportion to its money.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from _session_venue import EXPIRY_NS, OPEN_NS, Schedule
from _session_world import NS_PER_S, ORDER_NS, World
from common.bots.spot import Band
from common.events import FairValue
from common.instruments import Outcome
from risk.hedging.amounts import beyond, change_to_norm, whole
from risk.hedging.deltas import Deltas
from risk.hedging.terms import DeltaTerms
from risk.ledger.positions import Line, LineKey, Stake

LOT = Decimal("0.0001")
AGE_MAX_NS = NS_PER_S
MOST = Decimal(100)
ASSET = "BTC"


@dataclass(frozen=True, slots=True)
class HedgeTerms:
    """How the delta is hedged."""

    max_coins: float
    """Beyond this exposure, strictly, it is brought to `norm_coins`."""
    norm_coins: float
    cost_bps: float
    """Of the money of a hedge: half the spread and the fee."""
    stop_s: float
    """Within so much of its expiry the exposure stays as it is, and is given up when the shares are paid."""


@dataclass(frozen=True, slots=True)
class Hedged:
    """What the hedges of a market came to; in dollars."""

    gain: float
    """Costs included."""
    cost: float
    trades: int
    coins: float


class Hedge:
    """The hedger of one market."""

    def __init__(self, terms: HedgeTerms, world: World, schedule: Schedule) -> None:
        self._terms, self._world, self._schedule = terms, world, schedule
        band = Band(Decimal(str(terms.max_coins)), Decimal(str(terms.norm_coins)))
        self._delta_terms = {ASSET: DeltaTerms(band, AGE_MAX_NS, round(terms.stop_s * NS_PER_S), MOST)}
        self._band = band
        self._deltas = Deltas()
        self._lines: list[Line] = []
        self._symbol = ""
        self._wanted = Decimal(0)
        """Coins bought by hedges, those on their way included."""
        self._cash = self._cost = self._coins = self._traded = 0.0
        self._trades = 0
        schedule.at(EXPIRY_NS + NS_PER_S, self._end)

    def on_held(self, symbol: str, yes: int, no: int) -> None:
        """Take in what is held now, in lots."""
        self._symbol = symbol
        self._lines = [
            Line(LineKey("1", "mm1", "degen", symbol, outcome), "USD", Decimal(1), Decimal(1), Stake(lots, Decimal(0)))
            for outcome, lots in ((Outcome.YES, yes), (Outcome.NO, no))
        ]

    def on_fair(self, fair: FairValue) -> None:
        """Take in a delta and trade where the exposure asks for it."""
        now_ns = self._schedule.now_ns
        if now_ns >= EXPIRY_NS:
            return
        self._deltas.on_fair(fair, now_ns)
        symbols = {self._symbol: ASSET}
        exposure = self._deltas.exposures(self._lines, symbols, self._delta_terms, now_ns)[ASSET].value
        if exposure is None:
            return
        figure = exposure + self._wanted
        quantity = whole(change_to_norm(figure, self._band), LOT) if beyond(figure, self._band) else Decimal(0)
        if quantity:
            self._trade(quantity)

    def _trade(self, quantity: Decimal) -> None:
        self._wanted += quantity
        self._schedule.at(self._schedule.now_ns + ORDER_NS, lambda: self._execute(float(quantity)))

    def _execute(self, coins: float) -> None:
        price = float(self._world.spots[self._world.step(self._schedule.now_ns - OPEN_NS)])
        money = coins * price
        cost = abs(money) * self._terms.cost_bps * 1e-4
        self._coins += coins
        self._cash -= money + cost
        self._cost += cost
        self._traded += abs(coins)
        self._trades += 1

    def _end(self) -> None:
        """Give up what is left at the last price: the shares have been paid."""
        if abs(self._coins) > 1e-9:
            self._execute(-self._coins)

    def result(self) -> Hedged:
        return Hedged(self._cash, self._cost, self._trades, self._traded)
