"""The topics of the API: the destination of each, what its messages say, and whether only the newest counts."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from c2wire.book import Book, Replay, SequenceGap
from c2wire.dto import (
    Alert,
    Balance,
    ConfigUpdate,
    L2Package,
    Order,
    RiskStatistics,
    Trade,
    TradingStatistics,
    decode_config_update,
)
from c2wire.wire import Dto, decode, decode_all

T = TypeVar("T")
D = TypeVar("D", bound=Dto)
Read = Callable[[bytes], T | None]


class BookKind(Enum):
    """Which book of a bot; the value is the path of its topic."""

    SOURCE = "/user/topic/source-market-data"
    TARGET = "/user/topic/target-market-data"
    HEDGER = "/user/topic/hedger-market-data"
    FX = "/user/topic/fx-market-data"
    QUOTES = "/topic/quotes"


class Topic(NamedTuple, Generic[T]):
    """One destination."""

    destination: str
    reader: Callable[[], Read[T]]
    """Makes what reads the bodies of one connection; None of a body that says nothing yet."""
    replaceable: bool
    """A message makes the ones before it worthless."""


def config_updates() -> Topic[ConfigUpdate]:
    return Topic("/topic/config", lambda: decode_config_update, replaceable=False)


def packages(kind: BookKind, algo_id: int) -> Topic[L2Package]:
    return Topic(f"{kind.value}/{algo_id}", lambda: lambda body: decode(body, L2Package), replaceable=False)


def book(kind: BookKind, algo_id: int) -> Topic[Book]:
    return Topic(f"{kind.value}/{algo_id}", lambda: BookReader().read, replaceable=True)


def trading_statistics() -> Topic[list[TradingStatistics]]:
    return _list("/topic/trading-statistics", TradingStatistics, replaceable=True)


def risk_statistics() -> Topic[list[RiskStatistics]]:
    return _list("/topic/risk-statistics", RiskStatistics, replaceable=True)


def alerts() -> Topic[list[Alert]]:
    return _list("/topic/alerts", Alert, replaceable=False)


def orders(algo_id: int) -> Topic[list[Order]]:
    return _list(f"/user/topic/orders/{algo_id}", Order, replaceable=False)


def trades(algo_id: int) -> Topic[list[Trade]]:
    return _list(f"/user/topic/trades/{algo_id}", Trade, replaceable=False)


def balances(algo_id: int | None) -> Topic[list[Balance]]:
    destination = "/topic/balances" if algo_id is None else f"/topic/balances/{algo_id}"
    return _list(destination, Balance, replaceable=True)


class BookReader:
    """A book as the packages of one connection make it."""

    def __init__(self) -> None:
        self._replay = Replay()

    def read(self, body: bytes) -> Book | None:
        """Return the book after a package; None from a gap until the next snapshot.

        msgspec.ValidationError or ValueError names what is wrong with a package; the next snapshot puts it right.
        """
        try:
            self._replay.apply(decode(body, L2Package))
        except SequenceGap:
            return None
        return self._replay.book


def _list(destination: str, cls: type[D], *, replaceable: bool) -> Topic[list[D]]:
    return Topic(destination, lambda: lambda body: decode_all(body, cls), replaceable)
