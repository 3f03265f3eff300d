"""Rows of the bots that quote a fixed spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.kinds.parts import Json


def bot_part(sections: Mapping[str, Any]) -> Json:
    """Return the series and symbols quoted; what may be held differs by kind of instrument."""
    where = sections.get("instrument", {})
    return {"series": [*where.get("series", []), *where.get("symbols", [])]}
