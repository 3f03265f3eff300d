"""Where bots quote, and which venue is which exchange, by the fields of config/venues.toml.

The feed checks that file as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
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


EXCHANGE_RULE = "must be 1 to 32 of A-Z, 0-9 and _"
_EXCHANGE = re.compile(r"[A-Z0-9_]{1,32}")


class Exchanges:
    """The exchanges that spot bots name, and the venue that each of them is."""

    def __init__(self, venues: Mapping[str, str] | None = None, quoted: Collection[str] | None = None) -> None:
        """Take venues by exchange, e.g. {"KRAKEN": "kraken_spot"}, and those where bots quote, all where not said."""
        self._venues = dict(venues or {})
        self._names = {venue: exchange for exchange, venue in self._venues.items()}
        self._quoted = frozenset(self._names if quoted is None else quoted)

    @classmethod
    def of(cls, venues: Mapping[str, Mapping[str, Any]]) -> Exchanges:
        """Return what config/venues.toml says: the field `exchange`, or the venue's name in upper case without one.

        A field comes before a name: where `kraken_spot` is the exchange KRAKEN, the venue `kraken` is none. ValueError
        names a field that cannot be, or that two venues share.
        """
        stated: dict[str, str] = {}
        for name, venue in venues.items():
            if "exchange" not in venue:
                continue
            exchange = venue["exchange"]
            if not isinstance(exchange, str) or not _EXCHANGE.fullmatch(exchange):
                raise ValueError(f"venues.{name}.exchange: {EXCHANGE_RULE}, is {exchange!r}")
            if exchange in stated:
                raise ValueError(f"venues.{name}.exchange: {exchange} is the venue {stated[exchange]} already")
            stated[exchange] = name
        unnamed = {name.upper(): name for name, venue in venues.items() if "exchange" not in venue}
        return cls(unnamed | stated, [name for name, venue in venues.items() if is_quoted(name, venue)])

    def venue(self, exchange: str) -> str:
        """Return our venue of an exchange; ValueError names those there are."""
        return self._one_of(self._venues, exchange)

    def trading_venue(self, exchange: str) -> str:
        """Return our venue of an exchange where bots trade; ValueError names those there are."""
        return self._one_of({name: venue for name, venue in self._venues.items() if venue in self._quoted}, exchange)

    def _one_of(self, venues: Mapping[str, str], exchange: str) -> str:
        found = venues.get(exchange)
        if found is None:
            where = "one of" if venues is self._venues else "an exchange where bots trade, one of"
            raise ValueError(f"must be {where} {', '.join(sorted(venues)) or 'none'}, is {exchange!r}")
        return found

    def exchange(self, venue: str) -> str:
        """Return the exchange that a venue is; the venue's own name in upper case where it is none."""
        return self._names.get(venue, venue.upper())
