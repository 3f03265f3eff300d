"""Rows of spot bots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.kinds.parts import Json


def bot_part(sections: Mapping[str, Any]) -> Json:
    """Return the instrument quoted; what may be held is said in its units, not in lots."""
    symbol = sections.get("instrument", {}).get("instrument")
    return {"series": [symbol] if symbol else []}
