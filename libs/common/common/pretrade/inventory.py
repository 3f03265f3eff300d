"""What an order does to a position, by kind of instrument: the part of the pre-trade check that is not common.

`PairInventory` holds YES and NO of one market, which pair off; `SignedInventory` one position that may be long or
short. Either counts the most that may be held and everything open beside it, whichever way both turn out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from common.instruments import BUY, NO, NONE, SELL, YES, Instrument, Outcome, OutcomePair, Side
from common.pretrade.limits import MarketLimits
from common.pretrade.orders import NewOrder, Refusal, RejectReason


class Held(NamedTuple):
    """Lots of one market: between `yes_lots - unconfirmed_yes_lots` and `yes_lots` YES are held, and NO likewise."""

    yes_lots: int
    no_lots: int
    unconfirmed_yes_lots: int = 0
    """How much less it may be: own fills of which nobody can say yet whether risk's position contains them."""
    unconfirmed_no_lots: int = 0


NOTHING_HELD = Held(0, 0)


class Inventory(Protocol):
    """What is held and open in one market, and what an order would make of it."""

    def instrument(self, outcome: Outcome) -> Instrument:
        """Return what is traded here as an outcome; ValueError for one that is not."""
        ...

    def trades(self, instrument: Instrument) -> bool:
        """Say whether an instrument, on whatever grid, is one of those held here."""
        ...

    def position(self, order: NewOrder, limits: MarketLimits, *, reduce_only: bool) -> Refusal | None:
        """Return why the position that an order may lead to is too large, or larger where it may only shrink."""
        ...

    def net_position(self, order: NewOrder, limits: MarketLimits) -> Refusal | None:
        """Return why the net position that an order may lead to is too large."""
        ...

    def worst_case(self, order: NewOrder) -> int:
        """Return the lots of the order's instrument with it and all that is open in its direction executed.

        The most there may be behind a buying order, the least behind a selling one; below 0 is short.
        """
        ...

    def reduces(self, order: NewOrder) -> bool:
        """Say whether an order, with those open beside it, can only bring the position towards flat."""
        ...

    def sellable(self, outcome: Outcome) -> int:
        """Return the lots of an outcome that are certainly held and not offered yet."""
        ...

    def clear_open(self) -> None:
        """Forget what is open."""
        ...

    def add_open(self, outcome: Outcome, side: Side, lots: int) -> None:
        """Count what an order may still execute."""
        ...


@dataclass(slots=True)
class PairInventory:
    """YES and NO of one market. What is held of the other outcome may always be paired off."""

    pair: OutcomePair
    held: Held = NOTHING_HELD
    open_buy_yes_lots: int = 0
    open_buy_no_lots: int = 0
    open_sell_yes_lots: int = 0
    open_sell_no_lots: int = 0

    def instrument(self, outcome: Outcome) -> Instrument:
        return self.pair.of(outcome)

    def trades(self, instrument: Instrument) -> bool:
        yes, no = self.pair
        return instrument is yes or instrument is no or instrument.is_same(yes) or instrument.is_same(no)

    def position(self, order: NewOrder, limits: MarketLimits, *, reduce_only: bool) -> Refusal | None:
        """Worst-case lots of one outcome: held + open + new.

        A bid that pairs off the other outcome can only bring the position towards flat, whatever the limit; inside the
        reduce-only window that is the only one there is. What is sold has to be there.
        """
        held, outcome, worst = self.held, order.instrument.outcome, self.worst_case(order)
        yes = outcome is YES
        if order.side is SELL:
            other = held.no_lots if yes else held.yes_lots
            if worst < 0:
                return RejectReason.WORST_CASE_POSITION, f"sells {-worst} {outcome.value} more than are held"
            if reduce_only and worst < other:
                return RejectReason.CLOSE_TO_EXPIRY, f"reduce only: would leave {worst} {outcome.value}, least {other}"
            return None
        other = held.no_lots - held.unconfirmed_no_lots if yes else held.yes_lots - held.unconfirmed_yes_lots
        most = limits.max_position_lots
        if worst > (other if most and other > most else most):
            return RejectReason.WORST_CASE_POSITION, f"worst-case position {worst} {outcome.value}, limit {most}"
        if reduce_only and worst > other:
            return (
                RejectReason.CLOSE_TO_EXPIRY,
                f"reduce only: worst-case position {worst} {outcome.value}, limit {other}",
            )
        return None

    def net_position(self, order: NewOrder, limits: MarketLimits) -> Refusal | None:
        """Worst-case |YES - NO| in the direction of the order, with everything open on that side executed."""
        held = self.held
        if (order.side is BUY) is (order.instrument.outcome is YES):
            net = held.yes_lots - held.no_lots + held.unconfirmed_no_lots
            worst = net + self.open_buy_yes_lots + self.open_sell_no_lots + order.quantity_lots
        else:
            net = held.no_lots - held.yes_lots + held.unconfirmed_yes_lots
            worst = net + self.open_buy_no_lots + self.open_sell_yes_lots + order.quantity_lots
        if worst > limits.max_net_lots:
            return RejectReason.WORST_CASE_NET, f"worst-case net position {worst}, limit {limits.max_net_lots}"
        return None

    def worst_case(self, order: NewOrder) -> int:
        outcome = order.instrument.outcome
        if order.side is SELL:
            return self.sellable(outcome) - order.quantity_lots
        if outcome is YES:
            return self.held.yes_lots + self.open_buy_yes_lots + order.quantity_lots
        return self.held.no_lots + self.open_buy_no_lots + order.quantity_lots

    def reduces(self, order: NewOrder) -> bool:
        """Say so of any sale of what is held, and of a bid that only pairs off lots of the other outcome."""
        if order.side is SELL:
            return True
        held = self.held
        other = held.no_lots - held.unconfirmed_no_lots
        if order.instrument.outcome is not YES:
            other = held.yes_lots - held.unconfirmed_yes_lots
        return self.worst_case(order) <= other

    def sellable(self, outcome: Outcome) -> int:
        held = self.held
        if outcome is YES:
            return held.yes_lots - held.unconfirmed_yes_lots - self.open_sell_yes_lots
        return held.no_lots - held.unconfirmed_no_lots - self.open_sell_no_lots

    def clear_open(self) -> None:
        self.open_buy_yes_lots = self.open_buy_no_lots = self.open_sell_yes_lots = self.open_sell_no_lots = 0

    def add_open(self, outcome: Outcome, side: Side, lots: int) -> None:
        if outcome is YES:
            if side is BUY:
                self.open_buy_yes_lots += lots
            else:
                self.open_sell_yes_lots += lots
        elif outcome is NO:
            if side is BUY:
                self.open_buy_no_lots += lots
            else:
                self.open_sell_no_lots += lots
        else:
            raise ValueError(f"outcome: {self.pair.yes.symbol} is traded as yes or no, not as {outcome.value}")


@dataclass(slots=True)
class SignedInventory:
    """One position, long or short: of a spot instrument or a bond."""

    traded: Instrument
    held_lots: int = 0
    """The most that may be held; below 0 is short."""
    unconfirmed_lots: int = 0
    """How much less it may be."""
    max_short_lots: int = 0
    """How far below 0 the position may go; 0 where nothing can be borrowed, so that only what is held is sold."""
    open_buy_lots: int = 0
    open_sell_lots: int = 0

    def instrument(self, outcome: Outcome) -> Instrument:
        if outcome is not NONE:
            raise ValueError(f"outcome: {self.traded.symbol} has none, is {outcome.value}")
        return self.traded

    def trades(self, instrument: Instrument) -> bool:
        return instrument is self.traded or instrument.is_same(self.traded)

    def position(self, order: NewOrder, limits: MarketLimits, *, reduce_only: bool) -> Refusal | None:
        """Worst-case position: held + open + new, within `max_position_lots` long and `max_short_lots` short.

        A position beyond a lowered limit may always shrink. The limit on what is held bounds a short one too.
        """
        worst = self.worst_case(order)
        if reduce_only and not self.reduces(order):
            return RejectReason.CLOSE_TO_EXPIRY, f"reduce only: worst-case position {worst:+} lots, limit 0"
        buys = order.side is BUY
        most = limits.max_position_lots if buys else min(self.max_short_lots, limits.max_position_lots)
        beyond = worst if buys else -worst
        if beyond > most and not (limits.max_position_lots and self.reduces(order)):
            if not buys and not self.max_short_lots:
                return RejectReason.WORST_CASE_POSITION, f"sells {beyond} lots more than are held"
            return (
                RejectReason.WORST_CASE_POSITION,
                f"worst-case position {worst:+} lots, limit {most} {_SIDE_OF[order.side]}",
            )
        return None

    def net_position(self, order: NewOrder, limits: MarketLimits) -> Refusal | None:
        """|position|, which is its own net: nothing pairs off with it; and within what risk leaves beside it.

        Risk's bounds hold for orders towards flat too: what is flat here may be hedged elsewhere.
        """
        worst, bounds = self.worst_case(order), limits.net
        if bounds is not None:
            if order.side is BUY and worst > bounds.most:
                return (
                    RejectReason.WORST_CASE_NET,
                    f"worst-case {worst:+} lots, most {bounds.most:+}: {bounds.why_most}",
                )
            if order.side is SELL and worst < bounds.least:
                why = bounds.why_least
                return RejectReason.WORST_CASE_NET, f"worst-case {worst:+} lots, least {bounds.least:+}: {why}"
        net = worst if order.side is BUY else -worst
        if net > limits.max_net_lots:
            return RejectReason.WORST_CASE_NET, f"worst-case net position {net}, limit {limits.max_net_lots}"
        return None

    def worst_case(self, order: NewOrder) -> int:
        if order.side is BUY:
            return self.held_lots + self.open_buy_lots + order.quantity_lots
        return self.held_lots - self.unconfirmed_lots - self.open_sell_lots - order.quantity_lots

    def reduces(self, order: NewOrder) -> bool:
        """Say whether the position is on the other side of 0 and stays there with all of it executed."""
        worst = self.worst_case(order)
        return worst <= 0 if order.side is BUY else worst >= 0

    def sellable(self, outcome: Outcome) -> int:
        self.instrument(outcome)
        return max(0, self.held_lots - self.unconfirmed_lots - self.open_sell_lots)

    def clear_open(self) -> None:
        self.open_buy_lots = self.open_sell_lots = 0

    def add_open(self, outcome: Outcome, side: Side, lots: int) -> None:
        self.instrument(outcome)
        if side is BUY:
            self.open_buy_lots += lots
        else:
            self.open_sell_lots += lots


_SIDE_OF = {BUY: "long", SELL: "short"}
