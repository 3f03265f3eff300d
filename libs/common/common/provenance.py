"""What the numbers are, in words that stand wherever numbers are shown: whose account, and what drives the prices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from common.events import Money

UNKNOWN = Money.UNKNOWN.value
_GRAVEST_FIRST = (Money.REAL.value, UNKNOWN, Money.PAPER.value)


class Provenance(TypedDict):
    """Money ('paper', 'real', 'unknown'), price sources ('live', 'replay', 'model', 'unknown'), both as one text."""

    money: str
    prices: list[str]
    label: str


def provenance(money: Iterable[str], prices: Iterable[str]) -> Provenance:
    """Return what is said of several venues together.

    `provenance(["paper"], ["replay", "model"])["label"]` is "PAPER · MODEL, REPLAY". One venue with real money makes it
    all real, one that says nothing makes it unknown; what nobody has said is UNKNOWN and never LIVE.
    """
    told = set(money)
    gravest = next((each for each in _GRAVEST_FIRST if each in told), UNKNOWN)
    sources = sorted(set(prices)) or [UNKNOWN]
    return {"money": gravest, "prices": sources, "label": f"{gravest.upper()} · {', '.join(sources).upper()}"}
