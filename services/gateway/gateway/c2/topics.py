"""The topics there are, those of the C2 API and ours, and what a destination asks for."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

_NUMBER = re.compile(r"[0-9]{1,18}")


class TopicKind(Enum):
    """What a topic carries; the value is its path without the id."""

    CONFIG = "/topic/config"
    SOURCE = "/user/topic/source-market-data"
    TARGET = "/user/topic/target-market-data"
    HEDGER = "/user/topic/hedger-market-data"
    FX = "/user/topic/fx-market-data"
    QUOTES = "/topic/quotes"
    TRADING_STATISTICS = "/topic/trading-statistics"
    RISK_STATISTICS = "/topic/risk-statistics"
    ALERTS = "/topic/alerts"
    ORDERS = "/user/topic/orders"
    TRADES = "/user/topic/trades"
    BALANCES = "/topic/balances"
    RESPONSES = "/user/topic/responses"
    """Where what was wrong with requests is repeated."""
    OWN = "/topic/v1"
    """Ours: what C2 does not know."""


BOOKS = (TopicKind.SOURCE, TopicKind.TARGET, TopicKind.HEDGER, TopicKind.FX, TopicKind.QUOTES)
"""Topics of L2 packages."""
OF_A_BOT = (*BOOKS, TopicKind.ORDERS, TopicKind.TRADES)
"""Topics that need a bot's id."""
PICTURE, CHARTS = "picture", "charts"
OWN_PARTS = frozenset(
    {
        *(PICTURE, CHARTS, "services", "venues", "risk", "streams", "halts", "bots", "markets", "spot", "hedges"),
        *("exposures", "accounts", "fills", "adjustments", "alerts", "transfers", "provenance"),
    }
)
"""The whole picture, the past of its charts, and each part of it by itself."""
_KINDS = {kind.value: kind for kind in TopicKind} | {"/user/topic/quotes": TopicKind.QUOTES}


class Topic(NamedTuple):
    """What is asked for: a kind, and of which bot where it is one bot's."""

    kind: TopicKind
    algo_id: str = ""
    """'' for all."""
    part: str = ""
    """Of our own topics: which."""


class TopicError(Exception):
    """A destination that cannot be had; `status` is that of HTTP."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)


def topic_of(destination: str) -> Topic:
    """Return what a destination asks for.

    TopicError 404 for a path that is no topic, 400 for one whose id is missing or no number.
    """
    kind = _KINDS.get(destination)
    if kind is not None and kind is not TopicKind.OWN:
        if kind in OF_A_BOT:
            raise TopicError(400, f"destination: {destination} needs the id of a bot, as {destination}/1")
        return Topic(kind)
    path, _, last = destination.rpartition("/")
    kind = _KINDS.get(path)
    if kind is TopicKind.OWN and last in OWN_PARTS:
        return Topic(kind, part=last)
    if kind is None or kind not in (*OF_A_BOT, TopicKind.BALANCES):
        raise TopicError(404, f"destination: there is no topic {destination[:200]}")
    if not _NUMBER.fullmatch(last):
        raise TopicError(400, f"algo_id: must be a number of up to 18 digits, is {last[:50]!r}")
    return Topic(kind, last.lstrip("0") or "0")
