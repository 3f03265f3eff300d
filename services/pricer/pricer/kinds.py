"""The kinds of bot that are priced: one line each. Bots of others are ignored."""

from typing import Any

from pricer.binary.kind import Binary
from pricer.fixed import Fixed
from pricer.kind import Kind

KINDS: tuple[type[Kind[Any, Any, Any]], ...] = (Binary, Fixed)
