"""Where bots quote, by the field `quoted` of each venue in config/venues.toml, which the feed checks as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BEFORE_THE_FIELD = frozenset({"degen"})
"""Adapters of the venues that were quoted at when the file had no such field: older files go on as they are."""


def is_quoted(name: str, venue: Mapping[str, Any]) -> bool:
    """Say whether bots quote at a venue: its books are shown, and no underlying is priced from its own quotes.

    ValueError names a field that is missing or neither true nor false.
    """
    if "adapter" not in venue:
        raise ValueError(f"venues.{name}.adapter: is missing")
    quoted = venue.get("quoted")
    if quoted is None:
        return venue["adapter"] in BEFORE_THE_FIELD
    if quoted is True or quoted is False:
        return quoted
    raise ValueError(f"venues.{name}.quoted: must be true or false, is {quoted!r}")
