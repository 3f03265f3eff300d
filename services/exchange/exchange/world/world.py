"""One session of prices for all venues: values at steps of time, some driven from outside, the others with them.

Every price of a pair is a ratio of two values of the same moment, so triangles of exchange rates hold exactly.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from exchange.market.money import DOLLAR, UNITS_PER_UNDERLYING
from exchange.world.values import Currency, Values, Vector

NS_PER_S: Final = 1_000_000_000
PRICE_AGE_MAX_NS: Final = 10 * NS_PER_S
KEPT_STEPS: Final = 256


class World:
    """The values now, those of the last `KEPT_STEPS` steps, and as far as they are known those to come.

    Currencies in `driven` are worth what `on_price` says. Without any the world itself knows the next `lead_ns`.
    """

    def __init__(
        self,
        currencies: Sequence[Currency],
        seed: int,
        *,
        step_ns: int = 50_000_000,
        lead_ns: int = 0,
        driven: Collection[str] = (),
    ) -> None:
        self._values = Values(currencies, seed)
        self.place = self._values.place
        self.step_ns = step_ns
        self.driven = frozenset(driven) & self.place.keys()
        self._lead = 0 if self.driven else min(-(-lead_ns // step_ns), KEPT_STEPS // 2)
        self._rows = np.tile(self._values.log, (KEPT_STEPS, 1))
        self._origin_ns = 0
        self._last = 0
        """The step of the newest row, counted from the origin."""
        self._started = False
        self._prices: dict[str, tuple[float, int]] = {}
        """Of the driven currencies: the newest log price, and when it came."""
        self._based: set[str] = set()
        """Those that have been put on their price since it began."""
        self._ahead: dict[str, float] = {}

    def start(self, now_ns: int, values: Mapping[str, float] | None = None) -> None:
        """Begin, at the values of an earlier run where given; a second call changes nothing."""
        if self._started:
            return
        self._started = True
        self._origin_ns = now_ns
        for name, value in (values or {}).items():
            if name in self.place and name != DOLLAR and value > 0:
                self._values.log[self.place[name]] = np.log(value)
        self._rows[:] = self._values.log
        self._last = 0
        self.advance(now_ns)

    def advance(self, now_ns: int) -> None:
        """Bring the values up to a time; where nothing drives them the path does not depend on when it is called."""
        target = (now_ns - self._origin_ns) // self.step_ns + self._lead
        missing = target - self._last
        if missing <= 0:
            return
        if missing > KEPT_STEPS:
            # After a long pause in one stride: nobody can ask for what lies between.
            self._step(missing - KEPT_STEPS + 1)
        while self._last < target - 1:
            self._step(1, quiet=True)
        if self._last < target:
            self._step(1)

    def _step(self, steps: int, *, quiet: bool = False) -> None:
        self._values.step(steps * self.step_ns / NS_PER_S, self._moves(quiet=quiet))
        self._last += steps
        self._rows[self._last % KEPT_STEPS] = self._values.log

    def _moves(self, *, quiet: bool) -> dict[str, float]:
        """How far each driven currency is from its price; nothing for those without one, and none while quiet."""
        moves = dict.fromkeys(sorted(self.driven), 0.0)
        if quiet:
            return moves
        for name, (log_price, _) in self._prices.items():
            place = self.place[name]
            if name in self._based:
                moves[name] = log_price - float(self._values.log[place])
            else:
                # A first price is where the currency stands, not a move that the others should follow.
                self._values.log[place] = log_price
                self._based.add(name)
        return moves

    def row(self, at_ns: int) -> Vector:
        """The log values at a time, by `place`; the oldest or newest kept where that lies further off."""
        step = (at_ns - self._origin_ns) // self.step_ns
        row: Vector = self._rows[max(0, self._last - KEPT_STEPS + 1, min(step, self._last)) % KEPT_STEPS]
        return row

    def row_ahead(self, now_ns: int, lead_ns: int) -> Vector:
        """The log values that will be in `lead_ns`, as far as they are known: what informed takers see."""
        if not self._ahead:
            return self.row(now_ns + lead_ns)
        row = self.row(now_ns).copy()
        for name, log_price in self._ahead.items():
            row[self.place[name]] = log_price
        return row

    def price(self, base: str, quote: str, now_ns: int) -> float:
        """What one unit of base costs in quote."""
        row = self.row(now_ns)
        return float(np.exp(row[self.place[base]] - row[self.place[quote]]))

    def values(self, now_ns: int) -> dict[str, float]:
        """Dollars of one unit of each currency, for the next start."""
        row = self.row(now_ns)
        return {name: float(np.exp(row[place])) for name, place in self.place.items() if name != DOLLAR}

    def knows(self, currency: str, now_ns: int) -> bool:
        """Whether the value is fresh: that of a driven currency is only as good as its last price."""
        if currency not in self.driven:
            return True
        price = self._prices.get(currency)
        return price is not None and now_ns - price[1] <= PRICE_AGE_MAX_NS

    # --- what drives currencies -------------------------------------------------------------------------------

    def on_price(self, asset: str, bid_units: int, ask_units: int, now_ns: int) -> None:
        """A currency's best bid and ask in dollars, in units of 1e-8."""
        if asset in self.driven:
            self._prices[asset] = (float(np.log((bid_units + ask_units) / 2 / UNITS_PER_UNDERLYING)), now_ns)

    def on_fresh(self, asset: str) -> None:
        """A currency's prices begin again elsewhere, as those of a recording that starts over: no move to follow."""
        self._prices.pop(asset, None)
        self._based.discard(asset)
        self._ahead.pop(asset, None)

    def on_ahead(self, asset: str, units: int) -> None:
        """The mid a driven currency will soon have."""
        if asset in self.driven and units > 0:
            self._ahead[asset] = float(np.log(units / UNITS_PER_UNDERLYING))
