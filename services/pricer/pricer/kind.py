"""The seam between pricing, which is the same for everybody, and what a kind of bot is priced by.

A kind is a `Kind` and one line in `pricer/kinds.py`. It says what it has to know of a market (its contract) and makes
the outputs of a bot: each states prices of some markets whenever one of its sources moves, or time does. `OwnMid`
(`pricer/own_mid.py`) is an output that any kind may choose.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from common.bots import Bot
from common.core import Sample
from common.events import FairValue, Market, SourcePrice
from common.instruments import InstrumentKind

from pricer.library import Library
from pricer.sources.aggregation import BookSource, Source, VenueFeed
from pricer.sources.spot import News
from pricer.sources.venues import Venues
from pricer.volatility import VolatilityParams


class Follow(Protocol):
    """Where an output gets what it prices from; ConfigError when there are too many venues to follow another one."""

    def source(self, venue: str, symbol: str) -> Source:
        """Return the best prices of a symbol."""
        ...

    def book(self, venue: str, symbol: str) -> BookSource:
        """Return the book of a symbol."""
        ...


class Output(ABC):
    """Prices of some markets for one bot."""

    silent: str
    """Why nothing goes out, for people; empty while prices do."""
    revision: int = 0
    """Of the configuration in force."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What they have in common, for people: an underlying, a symbol."""

    @property
    @abstractmethod
    def sources(self) -> Sequence[Source]:
        """What they are made from."""

    @property
    def books(self) -> Sequence[BookSource]:
        """What else they are made from, where depth counts."""
        return ()

    @abstractmethod
    def due(self, now_ns: int) -> bool:
        """Say whether time alone has moved the prices enough to state them again."""

    @abstractmethod
    def prices_from(self, source: Source) -> bool:
        """Say whether a new price of this source moves the prices."""

    @abstractmethod
    def values(self, now_ns: int, epoch: int) -> Sequence[FairValue | SourcePrice]:
        """Return the prices to state; nothing, and `silent`, without a fresh source."""

    @abstractmethod
    def forget(self) -> None:
        """Show no price that was stated before: the bot is halted."""

    @abstractmethod
    def picture(self, now_ns: int) -> dict[str, Any]:
        """Return a JSON-able view for people."""

    def volatility(self) -> VolatilityParams | None:
        """Return how the volatility of its sources is measured; None where nobody asks for it."""
        return None

    def news(self, now_ns: int) -> Sequence[News]:
        """Return what there is to tell people since the last time."""
        return ()

    def samples(self, labels: dict[str, str]) -> Iterable[Sample]:
        """Return the output's figures."""
        return ()


BotT = TypeVar("BotT", bound=Bot)
ContractT = TypeVar("ContractT")
OutputT = TypeVar("OutputT", bound=Output)


class Kind(ABC, Generic[BotT, ContractT, OutputT]):
    """How bots of one kind are priced."""

    model: ClassVar[type[Bot]]
    """Its configuration."""
    instruments: ClassVar[frozenset[InstrumentKind]]
    """What it prices; markets of anything else are not listened to for it."""
    own_books: ClassVar[bool] = False
    """Whether it is priced from the books of venues where bots quote; each of our own quotes moves those."""
    depth: ClassVar[bool] = False
    """Whether it is priced from whole books, not only from their best prices."""

    def __init__(self, library: Library, venues: Venues) -> None:
        self.library, self.venues = library, venues
        self.contracts: dict[tuple[str, str], ContractT] = {}
        """What it knows of the open markets, by venue and symbol."""

    @abstractmethod
    def contract_of(self, market: Market, feed: VenueFeed) -> ContractT | None:
        """Return what there is to price in an open market; None when it does not say enough."""

    @abstractmethod
    def outputs(self, algo_id: str, config: BotT, follow: Follow, before: Mapping[str, OutputT]) -> list[OutputT]:
        """Return the outputs of a bot; what those `before`, by name, have learnt stays where it still applies.

        ConfigError when something it needs cannot be used.
        """

    @abstractmethod
    def hand_out(self, config: BotT, outputs: Sequence[OutputT], follow: Follow) -> None:
        """Let the outputs price the contracts of now that are the bot's, and forget the others."""
