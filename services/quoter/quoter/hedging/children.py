"""The children of a hedge parent: orders that it was sliced into, and what each of them has executed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from common.events import HedgeVenue, OrderUpdate
from common.instruments import Side
from common.orders import OrderState, child_of


class PlaceChild(NamedTuple):
    """An order to send, once the pre-trade check has passed it."""

    order_id: int
    algo_id: str
    """Under whom it appears."""
    parent_id: str
    venue: HedgeVenue
    side: Side
    price_ticks: int
    quantity_lots: int
    post_only: bool
    immediate: bool
    parameters: dict[str, str]
    """For the venue, as the configuration has them."""


class CancelChild(NamedTuple):
    """An order to cancel."""

    order_id: int
    venue: HedgeVenue


@dataclass(slots=True)
class Child:
    """One order of a parent, as far as we know."""

    order_id: int
    number: int
    """Which child of its parent, from 1."""
    venue: HedgeVenue
    side: Side
    price_ticks: int
    quantity_lots: int
    lot_size: Decimal | None
    """Units of a lot; None of a predecessor's in a market that is not known yet."""
    immediate: bool = False
    post_only: bool = False
    executed_lots: int = 0
    """In all, by fills and by the venue's word."""
    state: OrderState = OrderState.SUBMITTING
    cancelled: bool = False
    """Whether its cancel has been asked for."""
    cancel_asked_ns: int = 0
    """When it was, because of its price."""

    @property
    def key(self) -> tuple[str, int]:
        """Return what tells it from all other orders: ids are an account's own."""
        return self.venue.account, self.order_id

    @property
    def living(self) -> bool:
        return not self.state.terminal

    @property
    def leaves_lots(self) -> int:
        return max(0, self.quantity_lots - self.executed_lots) if self.living else 0

    @property
    def executed(self) -> Decimal:
        """Return what it has executed, in units of the base currency."""
        return self.executed_lots * self.lot_size if self.lot_size is not None else Decimal(0)

    @property
    def leaves(self) -> Decimal:
        return self.leaves_lots * self.lot_size if self.lot_size is not None else Decimal(0)


def inherited(update: OrderUpdate) -> Child:
    """Return a predecessor's child: where its end was not told, what became of it is for the venue to say."""
    return Child(
        update.order_id,
        child_of(update.order_id),
        HedgeVenue(update.account, update.venue, update.symbol),
        update.side,
        update.price_ticks,
        update.quantity_lots,
        None,
        executed_lots=update.executed_lots,
        state=update.state if update.state.terminal else OrderState.UNKNOWN,
    )
