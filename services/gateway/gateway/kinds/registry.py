"""Which part of a row belongs to which kind: one line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.events import FairValue, SourcePrice
from common.instruments import InstrumentKind

from gateway.kinds.binary import Pair
from gateway.kinds.binary import bot_part as binary_part
from gateway.kinds.fixed import bot_part as fixed_part
from gateway.kinds.parts import BotPart, Held, Json, PositionPart
from gateway.kinds.signed import Signed
from gateway.kinds.spot import bot_part as spot_part

MARKETS: dict[InstrumentKind, PositionPart] = {
    InstrumentKind.BINARY: Pair(),
    InstrumentKind.SPOT: Signed(),
    InstrumentKind.BOND: Signed(),
}
BOTS: dict[str, BotPart] = {
    "binary": binary_part,
    "fixed": fixed_part,
    "spot": spot_part,
}
NO_PART: Json = {"series": [], "max_position": None}
"""Of a kind of bot that nobody knows here."""


def bot_part(kind: str, sections: Mapping[str, Any]) -> Json:
    """Return what a bot's row says of its kind."""
    part = BOTS.get(kind)
    return NO_PART if part is None else NO_PART | part(sections)


def lots_part(held: Held) -> Json:
    """Return the lots held by name, where nobody has to know the market."""
    return MARKETS[InstrumentKind.BINARY if held.has_outcomes else InstrumentKind.SPOT].lots(held)


def price_part(price: FairValue | SourcePrice) -> Json:
    """Return a price of a market as rows show it; `value` is that on the market's axis."""
    if isinstance(price, SourcePrice):
        return {
            "value": 0.5 * (price.bid + price.ask),
            "delta": None,
            "volatility": None,
            "spot": None,
            "ready": not price.unusable,
        }
    return {
        "value": price.fair,
        "delta": price.delta,
        "volatility": price.volatility,
        "spot": price.spot,
        "ready": price.ready,
    }


def axis_price(price: FairValue | SourcePrice) -> float:
    """Return a price on the axis of its market."""
    return 0.5 * (price.bid + price.ask) if isinstance(price, SourcePrice) else price.fair
