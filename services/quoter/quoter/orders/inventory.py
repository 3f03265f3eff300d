"""What a bot holds in one market, by what is traded there: the inventory of the pre-trade check, with its lots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from common.instruments import OutcomePair
from common.pretrade import Held, Inventory, PairInventory, SignedInventory

from quoter.orders.holdings import Holdings
from quoter.orders.terms import Terms


class MarketInventory(Inventory, Protocol):
    """An inventory that knows where its lots come from and what they are worth."""

    cost: float
    """Cash paid for what is held."""

    def load(self, holdings: Holdings, algo_id: str, symbol: str) -> None:
        """Take in what a bot holds now."""
        ...

    @property
    def net_lots(self) -> int:
        """By how much the position is long on the market's axis, below 0 when it is short; what is in doubt counts."""
        ...

    @property
    def net_bounds(self) -> tuple[int, int]:
        """The least and the most by which the position may be long, with what is in doubt counted either way."""
        ...

    def worth(self, mark: float) -> float:
        """Return what is held at a mark price of the market's axis, in its currency."""
        ...

    def shown(self) -> dict[str, int]:
        """Return the lots held, for people; `net` is by how much the position is long."""
        ...


@dataclass(slots=True)
class PairHeld(PairInventory):
    """YES and NO of one market."""

    cost: float = 0.0

    def load(self, holdings: Holdings, algo_id: str, symbol: str) -> None:
        self.held = holdings.of(algo_id, symbol)
        self.cost = holdings.cost_of(algo_id, symbol)

    @property
    def net_lots(self) -> int:
        return self.held.yes_lots - self.held.no_lots

    @property
    def net_bounds(self) -> tuple[int, int]:
        held, net = self.held, self.net_lots
        return net - held.unconfirmed_yes_lots, net + held.unconfirmed_no_lots

    def worth(self, mark: float) -> float:
        return self.pair.yes.value(self.held.yes_lots, mark) + self.pair.no.value(self.held.no_lots, mark)

    def shown(self) -> dict[str, int]:
        yes, no = self.held.yes_lots, self.held.no_lots
        return {"yes": yes, "no": no, "net": self.net_lots}


@dataclass(slots=True)
class SignedHeld(SignedInventory):
    """One position, long or short."""

    cost: float = 0.0

    def load(self, holdings: Holdings, algo_id: str, symbol: str) -> None:
        self.held_lots, _, self.unconfirmed_lots, _ = holdings.of(algo_id, symbol)
        self.cost = holdings.cost_of(algo_id, symbol)

    @property
    def net_lots(self) -> int:
        return self.held_lots

    @property
    def net_bounds(self) -> tuple[int, int]:
        return self.held_lots - self.unconfirmed_lots, self.held_lots

    def worth(self, mark: float) -> float:
        return self.traded.value(self.held_lots, mark)

    def shown(self) -> dict[str, int]:
        return {"net": self.net_lots}


def inventory_of(terms: Terms, max_short_lots: int = 0) -> PairHeld | SignedHeld:
    """Return the inventory that a market's instruments have, with nothing in it."""
    if terms.opposite is None:
        return SignedHeld(terms.instrument, max_short_lots=max_short_lots)
    return PairHeld(OutcomePair(terms.instrument, terms.opposite))


def unpaired_value(held: Held, terms: Terms, mark: float | None, cost: float = 0.0) -> float:
    """Return what the lots that pair off with nothing are worth: 300 YES and 100 NO at 0.60 are 200 x 0.60.

    Without an opinion, None, shares count as if each were worth as much as it can pay, coins what they `cost`.
    """
    net = held.yes_lots - held.no_lots
    if terms.opposite is None:
        return abs(cost if mark is None else terms.instrument.value(net, mark))
    if net > 0:
        return terms.instrument.value(net, 1.0 if mark is None else mark)
    return terms.opposite.value(-net, 0.0 if mark is None else mark)
