"""The kinds of bot that are priced: one line each. Bots of others are ignored."""

from typing import Any

from pricer.binary.kind import Binary
from pricer.fixed import Fixed
from pricer.kind import Kind
from pricer.spot.kind import Spot

KINDS: tuple[type[Kind[Any, Any, Any]], ...] = (Binary, Fixed, Spot)
