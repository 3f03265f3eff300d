"""The kinds of bot that are quoted: one line each. Bots of others are ignored."""

from quoter.binary.strategy import Binary
from quoter.fixed.strategy import Fixed
from quoter.spot.strategy import Spot
from quoter.trading.strategy import Kind

KINDS: tuple[type[Kind], ...] = (Binary, Fixed, Spot)
