"""What the quoter knows of a bot and of each market it works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from common.bots import BinaryBot
from common.clock import NS_PER_S
from common.events import FairValue, Market, MarketStatus, QuoteLevel
from common.instruments import Instrument, InstrumentKind, Outcome, OutcomePair
from common.pretrade import CheckContext, Closing, Held, PairInventory

from quoter.binary.crossing import Crossing
from quoter.binary.exposure import Summary
from quoter.binary.glft import leans_for
from quoter.binary.ladder import Grid
from quoter.binary.skew import Headroom
from quoter.orders.budget import Budget
from quoter.orders.diff import TargetOrder
from quoter.orders.refusals import MarketRefusals
from quoter.signals.flow import UNTOUCHED, MarketFlow, Toxicity
from quoter.signals.markouts import Markouts
from quoter.signals.protection import Window
from quoter.signals.reach import Comers
from quoter.signals.signals import CALM, Signals
from quoter.venues.base import Session

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the orders of one market have to obey."""

    symbol: str
    series: str
    status: MarketStatus
    pair: OutcomePair
    """What is traded there; made once per Market."""
    grid: Grid
    open_ns: int
    """Venue time."""
    expiry_ns: int
    underlying: str = ""

    @property
    def tick_size(self) -> Decimal:
        return self.pair.yes.tick_size

    @property
    def min_lots(self) -> int:
        return self.pair.yes.min_lots

    @property
    def life_s(self) -> float:
        return (self.expiry_ns - self.open_ns) / NS_PER_S

    def seconds_left(self, venue_now_ns: int) -> float:
        return (self.expiry_ns - venue_now_ns) / NS_PER_S

    def elapsed(self, venue_now_ns: int) -> float:
        """Return the fraction of the market's life that is over, 0 to 1."""
        life_ns = self.expiry_ns - self.open_ns
        return min(1.0, max(0.0, (venue_now_ns - self.open_ns) / life_ns)) if life_ns > 0 else 1.0


def terms_of(market: Market) -> Terms:
    """Return the terms of a binary market; ValueError names what makes it unusable."""
    pair = _pair(
        market.venue,
        market.symbol,
        market.currency,
        market.tick_size,
        market.lot_size,
        market.multiplier,
        max(1, market.min_lots),
        market.underlying,
    )
    if market.expiry_ns <= 0:
        raise ValueError("expiry_ns: a binary market must have one")
    return Terms(
        market.symbol,
        market.series,
        market.status,
        pair,
        Grid(float(market.tick_size), pair.yes.max_ticks),
        market.open_ns,
        market.expiry_ns,
        market.underlying,
    )


def unlisted_pair(venue: str, session: Session) -> OutcomePair:
    """Return what stands for the instruments of a market that we were not told about."""
    return _pair(venue, "", session.currency, session.tick_size, session.lot_size)


def _pair(
    venue: str,
    symbol: str,
    currency: str,
    tick_size: Decimal,
    lot_size: Decimal,
    multiplier: Decimal = _ONE,
    min_lots: int = 1,
    base: str = "",
) -> OutcomePair:
    yes = Instrument(
        venue,
        symbol,
        InstrumentKind.BINARY,
        currency,
        tick_size,
        Outcome.YES,
        base,
        lot_size,
        multiplier,
        min_lots,
        price_max=_ONE,
    )
    return OutcomePair(yes, yes.opposite())


@dataclass(frozen=True, slots=True)
class Plan:
    """What should rest in a market now, and why not more."""

    bids: list[QuoteLevel]
    asks: list[QuoteLevel]
    wanted: list[TargetOrder]
    headroom: Headroom
    skew: float
    state: str
    reason: str
    parts: Mapping[str, float] = field(default_factory=dict)
    """What spread and skew are made of, by name, in price: for people who ask why."""


@dataclass(slots=True)
class QuotedMarket:
    """One bot's business in one market."""

    terms: Terms
    inventory: PairInventory
    """Part of the context."""
    context: CheckContext
    config: BinaryBot
    """The bot's, as it is for this market."""
    selected: bool = True
    fair: FairValue | None = None
    fresh_at_ns: int = 0
    """When the oldest input of the fair value was fresh."""
    heard_at_ns: int = 0
    stale_at_ns: int | None = None
    """When an input was last found stale; quoting waits a while after that."""
    plan: Plan | None = None
    done_version: int = -1
    """Version of the shelf at which nothing was left to do for `plan`."""
    again: bool = False
    """Something was refused that may pass soon."""
    refusals: MarketRefusals = field(default_factory=MarketRefusals)
    """What the venue has lately refused here."""
    published: tuple[list[QuoteLevel], list[QuoteLevel], str, str] | None = None
    """The target last published."""
    published_until_ns: int = 0
    quote_updates: int = 0
    window: Window = field(default_factory=Window)
    """Own fills of the last seconds."""
    cost: float = 0.0
    """Cash paid for what is held."""
    signals: Signals = CALM
    """What flow and other markets say; renewed outside the path of a tick."""
    crossing: Crossing = field(default_factory=Crossing)
    comers: Comers = field(default_factory=Comers)
    """Who has taken from our quotes here."""
    traded: MarketFlow = field(default_factory=MarketFlow)
    toxicity: Toxicity = UNTOUCHED
    """As of the last timer."""

    @property
    def held(self) -> Held:
        """What is held here, as of the last pass."""
        return self.inventory.held


@dataclass(slots=True)
class Bot:
    """One bot on our account."""

    algo_id: str
    revision: int
    running: bool
    config: BinaryBot
    scopes: frozenset[str]
    quoted: dict[str, QuotedMarket] = field(default_factory=dict)
    passed_over: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Open markets of its series that it does not take up: why, and when that was told."""
    budget: Budget | None = None
    exposures: dict[str, Summary] = field(default_factory=dict)
    """By underlying, as of the last timer."""
    leaned_at_ns: int = 0
    window: Window = field(default_factory=Window)
    """Own fills of the last seconds, in all markets."""
    markouts: Markouts = field(default_factory=Markouts)
    looked_at_ns: int = 0
    """When the markouts were last looked at."""

    def max_source_age_ns(self) -> int:
        return self.config.pricing.max_source_age_ms * 1_000_000

    def target_life_ns(self) -> int:
        return self.config.quoting.target_life_ms * 1_000_000


def new_quoted(bot: Bot, terms: Terms) -> QuotedMarket:
    """Return the business of a bot in a market it begins to work on."""
    config = _prepared(bot.config.in_market(terms.underlying, terms.symbol), terms)
    inventory = PairInventory(terms.pair)
    return QuotedMarket(terms, inventory, _context(config, terms, inventory), config)


def renew_quoted(bot: Bot, quoted: QuotedMarket, terms: Terms) -> None:
    """Take in new terms or a new configuration; the next pass looks at everything again."""
    config = _prepared(bot.config.in_market(terms.underlying, terms.symbol), terms)
    quoted.terms, quoted.config, quoted.plan, quoted.inventory = terms, config, None, PairInventory(terms.pair)
    quoted.context = _context(config, terms, quoted.inventory)


def _prepared(config: BinaryBot, terms: Terms) -> BinaryBot:
    """Solve what passes will only look up."""
    if config.inventory.model == "glft":
        leans_for(config.inventory, terms.pair.yes.value(1, 1.0))
    return config


def _context(config: BinaryBot, terms: Terms, inventory: PairInventory) -> CheckContext:
    bounds = config.inventory
    return CheckContext(
        now_ns=0,
        venue_now_ns=0,
        instrument=terms.pair.yes,
        inventory=inventory,
        closing=Closing(
            terms.expiry_ns - round(bounds.reduce_only_s * NS_PER_S),
            terms.expiry_ns - round(bounds.close_threshold_s * NS_PER_S),
        ),
    )
