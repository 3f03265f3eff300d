"""An order of one account from its acceptance to its end, whatever it is an order for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

Side = Literal["bid", "ask"]
Outcome = Literal["yes", "no"]

OPEN: Final = "open"
FILLED: Final = "filled"
CANCELLED: Final = "cancelled"


class Hold(NamedTuple):
    """What a resting order keeps from being spent: units of a currency, or shares of an outcome of its market."""

    units: int
    currency: str = ""
    """Empty where it is shares."""
    outcome: Outcome = "yes"


@dataclass(slots=True, eq=False, kw_only=True)
class AnyOrder:
    """What every order has; sizes are whole shares or whole lots, prices whole ticks."""

    order_id: int
    account: str
    client_order_id: int
    market: str
    """The market or the symbol it is in."""
    side: Side
    price_ticks: int  # as the owner stated it
    size: int
    leaves: int
    time_in_force: Literal["gtc", "ioc"]
    post_only: bool
    created_ns: int
    ts_ns: int
    connection: int | None = None  # the websocket session whose end cancels it
    filled: int = 0
    status: str = OPEN
    reason: str | None = None
    order_sequence: int = 1
    account_sequence: int = 0

    @property
    def axis_bid(self) -> bool:
        """Whether it buys what its market's price axis prices."""
        raise NotImplementedError

    @property
    def axis_ticks(self) -> int:
        """Its price on that axis."""
        raise NotImplementedError

    def hold(self, size: int) -> Hold:
        """What a resting part of this size keeps from being spent."""
        raise NotImplementedError

    def as_json(self) -> dict[str, Any]:
        """The order object of the API page."""
        raise NotImplementedError
