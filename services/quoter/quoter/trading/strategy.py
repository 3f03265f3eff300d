"""The seam between trading, which is the same for everybody, and what a kind of bot wants.

A kind of bot is one package (`quoter/binary` is one) that implements three classes, and one line in `quoter/kinds.py`:
`Kind`, one per account; `BotStrategy`, one per bot; `MarketStrategy`, one per market that a bot works on, whose `plan`
is the path of a tick. Trading keeps instruments, orders, limits, the pre-trade check and what is published; everything
a kind has learnt or configured is its own. Prices are ticks of the market's axis, and an order buys or sells on it:
what that axis prices (a share, a coin) is said by the terms. docs/adding-a-kind.md walks through it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

import msgspec
from common import bots
from common.core import Sample
from common.events import Book, FairValue, Fill, QuoteLevel, SourcePrice
from common.instruments import Instrument, InstrumentKind, ceil_ticks
from common.pretrade import CheckContext, Closing

from quoter.orders.collateral import Collateral
from quoter.orders.diff import Changes, Headroom, TargetOrder, Tolerance, diff
from quoter.orders.holdings import Holdings
from quoter.orders.inventory import MarketInventory
from quoter.orders.own_orders import Order, Orders
from quoter.orders.terms import Terms
from quoter.venues.base import ConversionEnded, Outputs, Session

Price: TypeAlias = FairValue | SourcePrice
"""What a pricer says of a market: what a share is worth, or what a source costs."""

NOTHING = Headroom(0, 0)
REDUCE_TOLERANCE_TICKS = 2
"""An order that reduces near the end is left where it is while it is so close to its price."""


class Plan(msgspec.Struct, frozen=True):
    """What should rest in a market now, and why not more."""

    bids: list[QuoteLevel]
    """Buying on the market's axis, best first."""
    asks: list[QuoteLevel]
    wanted: list[TargetOrder]
    """The orders that make this ladder, in the order in which they go out."""
    headroom: Headroom
    skew: float
    state: str
    """quoting and reduce_only quote, crossing makes way for an order that takes; frozen and pulled rest nothing."""
    reason: str
    parts: Mapping[str, float] = MappingProxyType({})
    """What spread and skew are made of, by name, in price: for people who ask why."""


def pulled(reason: str, state: str = "pulled") -> Plan:
    """Return the plan in which nothing rests."""
    return Plan([], [], [], NOTHING, 0.0, state, reason)


class Choice(NamedTuple):
    """The markets to work on, and of every other candidate why not."""

    symbols: list[str]
    passed_over: dict[str, str]


class Trip(NamedTuple):
    """Protection has frozen something."""

    text: str
    whole_bot: bool
    until_lifted: bool
    """A person has to let it go; otherwise time does."""


class Particulars(Protocol):
    """What a strategy knew at a pass, kept as references: words are made of it when somebody asks."""

    def explained(self, plan: Plan, venue_now_ns: int) -> dict[str, Any]:
        """Return what the kind has to say of the pass that came to a plan, JSON-able."""
        ...

    def position(self) -> dict[str, int]:
        """Return the lots held, and those in doubt."""
        ...


class Position(NamedTuple):
    """The particulars of a kind that knows nothing but what is held."""

    lots: dict[str, int]

    def explained(self, plan: Plan, venue_now_ns: int) -> dict[str, Any]:
        return {}

    def position(self) -> dict[str, int]:
        return self.lots


@dataclass(slots=True)
class Inputs:
    """What trading knows of one market at the moment of a pass; a strategy reads it and changes nothing."""

    context: CheckContext
    """Limits, clocks and ages among it; its limits are there whenever something is planned."""
    selected: bool = True
    """Whether the bot works on the market, or only keeps what it cannot let go."""
    price: Price | None = None
    mark: float = 0.0
    """`price` on the market's axis."""
    ready: bool = False
    """Whether `price` may be quoted from."""
    fresh_at_ns: int = 0
    """When the oldest input of the price was fresh."""
    heard_at_ns: int = 0
    book: Book | None = None
    """What the venue's book showed last."""
    plan: Plan | None = None
    """What came of the last pass."""


class MarketStrategy(ABC):
    """What one bot wants in one market, and what it has learnt there."""

    terms: Terms
    inventory: MarketInventory
    """What is held and open; part of the context."""
    closing: Closing | None = None
    """When a market that expires lets less in."""
    price_tolerance_ticks: int = 0
    """How far a resting order may be from its price and still keep its place, while the plan is quoting."""
    size_tolerance: float = 0.0
    """The same for its size, as a fraction of it."""
    takes: bool = False
    """Whether it ever takes from the book: `to_take` and what follows it are only asked where it does."""
    takes_beside: bool = False
    """Whether it takes while its quotes rest, and adds to what is held: then it is asked at every pass, and a book that
    comes brings one. Otherwise it is asked by the timer, and everything of ours goes from the market first."""

    @abstractmethod
    def plan(self, inputs: Inputs) -> Plan:
        """Return what should rest now. Asked with a price that is ready and fresh, limits and a known position."""

    @abstractmethod
    def renew(self, terms: Terms) -> None:
        """Take in new terms or the bot's new configuration, with an inventory of nothing; what was learnt stays."""

    def changes(self, plan: Plan, working: Sequence[Order], inputs: Inputs) -> Changes[Order]:
        """Return the cancels and places that make the working orders what is planned."""
        return diff(plan.wanted, working, self._tolerance(plan, inputs), plan.headroom, self.terms)

    def _tolerance(self, plan: Plan, inputs: Inputs) -> Tolerance:
        if plan.state == "quoting":
            ticks = self.price_tolerance_ticks
        else:
            # When nothing is wanted there is no queue place worth keeping. What only reduces stands still a little: it
            # has all the room until the venue says that it is gone, and with each new price nothing would be there.
            ticks = REDUCE_TOLERANCE_TICKS if plan.state == "reduce_only" else 0
        limits = inputs.context.limits
        if limits is None or not ticks:
            return Tolerance(ticks, self.size_tolerance, 1)
        least, of_price = limits.min_spread
        least += of_price * (inputs.context.fair or 0.0)
        return Tolerance(ticks, self.size_tolerance, ceil_ticks(least, self.terms.tick))

    def on_fill(self, fill: Fill, instrument: Instrument, inputs: Inputs, now_ns: int) -> Trip | None:
        """Learn from an own fill; return what protection says to it."""
        return None

    def on_trade(self, signed: float, now_ns: int) -> None:
        """Learn from a public trade: the quantity, below 0 when the taker sold."""
        return

    def on_cancels(self, orders: Orders, now_ns: int) -> None:
        """Note that some of what rests is about to be cancelled; a book that comes next may still show it."""
        return

    def on_timer(self, inputs: Inputs, orders: Orders, venue_now_ns: int, now_ns: int) -> None:
        """Renew what is known of this market and is not worth the path of a tick; a pass follows."""
        return

    def refresh(self, now_ns: int) -> None:
        """Let time pass before a pass of the timer: what froze a market may have run out."""
        return

    def to_take(self, inputs: Inputs, orders: Orders, now_ns: int) -> TargetOrder | str:
        """Return the order that should take from the book now, or why there is none; empty: nothing to take for.

        While it is returned, `plan` makes way for it.
        """
        return ""

    def took(self, orders: int, now_ns: int) -> None:
        """Note how many orders went out to take, 0 when the pre-trade check kept it in."""
        return

    def let_be(self) -> None:
        """Note that nothing is taken for now, whatever `to_take` said."""
        return

    def particulars(self) -> Particulars:
        """Return what the strategy knows at this pass, in references."""
        return Position(self.inventory.shown())

    def status(self, inputs: Inputs, now_ns: int) -> dict[str, Any]:
        """Return what the kind adds to the market's row in the quoter's snapshot."""
        return {}

    def samples(self, labels: dict[str, str]) -> Iterable[Sample]:
        """Return the kind's figures of the market."""
        return ()


class BotStrategy(ABC):
    """One bot of a kind: its configuration, and what it has learnt over all its markets."""

    priced_by: ClassVar[type[FairValue] | type[SourcePrice]]
    """What its pricer states for it; the other is not listened to."""
    price_age_max_ns: int
    """With an older price nothing rests."""
    target_life_ns: int
    """An order that has not left by then is dead; a target is renewed at half of it."""

    def __init__(self, algo_id: str) -> None:
        self.algo_id = algo_id

    @abstractmethod
    def configure(self, config: bots.Bot) -> None:
        """Take in another configuration; every market is renewed after it."""

    @abstractmethod
    def choose(self, markets: Mapping[str, Inputs], venue_now_ns: int) -> Choice:
        """Return the markets to work on now, of all that the account knows; `markets` are those worked on already."""

    @abstractmethod
    def take_up(self, terms: Terms) -> MarketStrategy:
        """Begin to work on a market."""

    def drop(self, symbol: str) -> None:
        """Forget a market: nothing rests there and it is not worked on any more."""
        return

    def on_timer(self, markets: Mapping[str, Inputs], venue_now_ns: int, now_ns: int) -> None:
        """Renew what the markets have in common and is not worth the path of a tick; each one's own timer follows."""
        return

    def status(self, now_ns: int) -> dict[str, Any]:
        """Return what the kind adds to the quoter's snapshot for this bot, by name."""
        return {}

    def samples(self) -> Iterable[Sample]:
        """Return the kind's figures of the bot."""
        return ()


class GivenWay(NamedTuple):
    """Between which prices the quotes of a market stay while a hedge of ours is to trade there."""

    most_bid_ticks: int
    least_ask_ticks: int


ANYWHERE = GivenWay(1 << 62, 0)
"""Bounds that bound nothing."""


class Account(NamedTuple):
    """What a kind of bot may look at of the account that it trades through."""

    session: Session
    markets: Mapping[str, Terms]
    orders: Orders
    holdings: Holdings
    collateral: Collateral
    ways: Mapping[str, GivenWay] = MappingProxyType({})
    """By symbol, of markets where quotes make way for hedges."""


class Kind(ABC):
    """A kind of bot on one account."""

    model: ClassVar[type[bots.Bot]]
    """Its configuration."""
    instruments: ClassVar[frozenset[InstrumentKind]]
    """What it can quote; markets of anything else are not listened to for it."""

    def __init__(self, account: Account) -> None:
        self.account = account

    @abstractmethod
    def strategy(self, algo_id: str, config: bots.Bot) -> BotStrategy:
        """Return the strategy of a bot; its configuration is one of `model`."""

    def convert(self, working: Mapping[BotStrategy, Mapping[str, Inputs]], now_ns: int) -> Outputs:
        """Have the venue turn what is held into something else; `working` are the bots that may trade."""
        return ()

    def converted_for(self, symbol: str, pairs: int) -> str:
        """Return the bot whose request a conversion answers, or an empty text."""
        return ""

    def on_conversion_ended(self, ended: ConversionEnded, now_ns: int) -> str:
        """Take in how a request ended; return whose it was, or an empty text."""
        return ""

    def status(self) -> dict[str, Any]:
        """Return what the kind adds to the account's cash in the quoter's snapshot."""
        return {}

    def samples(self, labels: dict[str, str]) -> Iterable[Sample]:
        """Return the kind's figures of the account."""
        return ()
