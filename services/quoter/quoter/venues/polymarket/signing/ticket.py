"""An order as Polymarket takes it: exact amounts, and an identity that follows from our own order id alone.

The venue knows no client order id. It names an order by the hash of its terms, and the terms hold a salt and a time
that are the maker's to choose. Both are taken from our order id, one to one, so that the venue's name of an order is
known before it is sent, can be asked for after a lost answer, and can be computed again after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from common.instruments import Side
from common.orders import COUNTER_BITS, ORDER_TIME_ORIGIN_S, TIME_BITS, epoch_of

from quoter.venues.base import Placement
from quoter.venues.polymarket.numbers import MICROS, MICROS_PER_LOT, MICROS_PER_PRICE_UNIT, PRICE_UNITS
from quoter.venues.polymarket.words import Details

POLYGON = 137
MARKETABLE_MIN_MICROS = 1 * MICROS
"""An order that takes must be worth a dollar."""
CENT_MICROS = MICROS // 100
TAKEN_STEP_MICROS = 100
"""An order that takes may count its shares in ten-thousandths."""
EXPIRY_MARGIN_S = 60
"""The venue ends a dated order a minute before its date."""


@dataclass(frozen=True)
class PolymarketKey:
    """What an account at Polymarket consists of; what is secret is shown nowhere."""

    wallet_key: str = field(repr=False)
    """The private key that signs orders."""
    api_key: str
    api_secret: str = field(repr=False)
    api_passphrase: str = field(repr=False)
    funder: str = ""
    """The wallet that holds the money, when it is not the signing key's own."""
    signature_type: int = 0
    """0 own wallet, 1 and 2 proxy wallets, 3 contract wallet, as the client library numbers them."""
    chain_id: int = POLYGON


class Ticket(NamedTuple):
    """The terms of one order; amounts in millionths of a dollar and of a share."""

    order_id: int
    token_id: str
    side: Side
    maker_amount: int
    """What we give: dollars of a bid, shares of an ask."""
    taker_amount: int
    neg_risk: bool
    order_type: str
    """GTC, GTD or FAK."""
    post_only: bool
    expiration_s: int = 0

    @property
    def salt(self) -> int:
        """Epoch and counter of the order id: 33 bits, so that readers who count in floats keep every digit."""
        return epoch_of(self.order_id) << COUNTER_BITS | self.order_id & ((1 << COUNTER_BITS) - 1)

    @property
    def timestamp_ms(self) -> int:
        """The second inside the order id."""
        return 1_000 * sent_s(self.order_id)


class SignedOrder(NamedTuple):
    """An order ready to be sent."""

    order_hash: str
    """The venue's name of it."""
    document: bytes
    """The JSON object that places it."""


class Signer(Protocol):
    """Whoever holds the account's keys: signs orders and requests, and shows none of them."""

    owner: str
    """Id of the API key, by which the venue names whose an order is; no secret."""
    address: str
    wallet: str
    """The address that holds money and shares."""

    def sign(self, ticket: Ticket) -> SignedOrder:
        """Sign an order."""
        ...

    def order_hash(self, ticket: Ticket) -> str:
        """Return the venue's name of an order, without signing it."""
        ...

    def headers(self, method: str, path: str, body: bytes, now_s: int) -> Mapping[str, str]:
        """Return the headers that prove a request; `path` is without its query."""
        ...

    def user_channel(self) -> bytes:
        """Return the frame that logs in to the user channel; it holds secrets."""
        ...


def sent_s(order_id: int) -> int:
    """Return the second in which an order id was made."""
    return ORDER_TIME_ORIGIN_S + (order_id >> COUNTER_BITS & ((1 << TIME_BITS) - 1))


def write(place: Placement, details: Details, lifetime_s: int = 0) -> Ticket | str:
    """Return the ticket of a placement, or why the venue would refuse it.

    A bid that takes gives whole cents, and its shares follow, rounded down: never more than was asked for.
    """
    units = place.price_ticks * details.tick_units
    shares = place.quantity_lots * MICROS_PER_LOT
    if not 0 < units < PRICE_UNITS:
        return "invalid_price"
    dollars = units * MICROS_PER_PRICE_UNIT * place.quantity_lots // (MICROS // MICROS_PER_LOT)
    if place.immediate:
        if place.side is Side.BUY:
            dollars -= dollars % CENT_MICROS
            shares = dollars * PRICE_UNITS // units
            shares -= shares % TAKEN_STEP_MICROS
        if dollars < MARKETABLE_MIN_MICROS:
            return "below_marketable_minimum"
    elif place.quantity_lots < details.min_lots:
        return "below_minimum_size"
    gives, takes = (dollars, shares) if place.side is Side.BUY else (shares, dollars)
    dated = lifetime_s > 0 and not place.immediate
    return Ticket(
        place.order_id,
        details.token(place.outcome),
        place.side,
        gives,
        takes,
        details.neg_risk,
        "FAK" if place.immediate else "GTD" if dated else "GTC",
        place.post_only and not place.immediate,
        sent_s(place.order_id) + EXPIRY_MARGIN_S + lifetime_s if dated else 0,
    )
