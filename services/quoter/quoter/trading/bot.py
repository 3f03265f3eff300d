"""What the quoter knows of a bot and of each market it works on, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from common import bots
from common.clock import NS_PER_S
from common.events import Book, QuoteLevel, Trade
from common.pretrade import CheckContext

from quoter.orders.budget import Budget
from quoter.orders.inventory import MarketInventory
from quoter.orders.own_orders import Orders
from quoter.orders.refusals import MarketRefusals
from quoter.orders.terms import Terms
from quoter.trading.strategy import BotStrategy, Choice, Inputs, Kind, MarketStrategy

FORGET_NS = 3_600 * NS_PER_S
"""A market that is over is remembered this long after its expiry, for late fills."""

Shown: TypeAlias = tuple[list[QuoteLevel], list[QuoteLevel], str, str]
"""Bids, asks, state and reason of a target."""


@dataclass(slots=True, kw_only=True)
class QuotedMarket(Inputs):
    """One bot's business in one market."""

    terms: Terms
    strategy: MarketStrategy
    inventory: MarketInventory
    """The strategy's, and part of the context."""
    stale_at_ns: int | None = None
    """When an input was last found stale; quoting waits a while after that."""
    done_version: int = -1
    """Version of the open orders at which nothing was left to do for `plan`."""
    again: bool = False
    """Something was refused that may pass soon."""
    refusals: MarketRefusals = field(default_factory=MarketRefusals)
    """What the venue has lately refused here."""
    not_taking: str = ""
    """Why nothing is taken from the book although something is to be given up."""
    published: Shown | None = None
    """The target last published."""
    published_until_ns: int = 0
    quote_updates: int = 0


@dataclass(slots=True)
class Bot:
    """One bot on our account."""

    algo_id: str
    revision: int
    running: bool
    config: bots.Bot
    scopes: frozenset[str]
    strategy: BotStrategy
    quoted: dict[str, QuotedMarket] = field(default_factory=dict)
    passed_over: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Open markets of its series that it does not take up: why, and when that was told."""
    budget: Budget | None = None

    def budget_of(self, messages_per_s: int) -> Budget:
        """Return the bot's own budget for a number of messages a second."""
        if self.budget is None or self.budget.messages_per_s != messages_per_s:
            self.budget = Budget(messages_per_s, messages_per_s)
        return self.budget

    def reconfigure(self, revision: int, running: bool, config: bots.Bot, kind: Kind) -> None:
        """Take in a configuration; a bot that has become one of another kind starts afresh where that one can quote."""
        changed = config.kind != self.config.kind
        self.revision, self.running, self.config = revision, running, config
        if not changed:
            self.strategy.configure(config)
            return
        self.strategy = kind.strategy(self.algo_id, config)
        for quoted in self.quoted.values():
            # What the new kind cannot quote is wound up by the old one's inventory.
            quoted.price, quoted.ready = None, False
            if quoted.terms.instrument.kind in kind.instruments:
                quoted.strategy = self.strategy.take_up(quoted.terms)
            else:
                quoted.selected = False

    def drop(self, symbol: str) -> None:
        """Let go of a market where nothing rests any more."""
        del self.quoted[symbol]
        self.strategy.drop(symbol)


def new_quoted(bot: Bot, terms: Terms) -> QuotedMarket:
    """Return the business of a bot in a market it begins to work on."""
    strategy = bot.strategy.take_up(terms)
    return QuotedMarket(terms=terms, strategy=strategy, inventory=strategy.inventory, context=_context(terms, strategy))


def renew_quoted(quoted: QuotedMarket, terms: Terms) -> None:
    """Take in new terms or a new configuration; the next pass looks at everything again."""
    strategy = quoted.strategy
    strategy.renew(terms)
    quoted.terms, quoted.plan, quoted.inventory = terms, None, strategy.inventory
    quoted.context = _context(terms, strategy)
    if quoted.book is not None:
        # A quiet book may not be told again for long.
        _enter_book(quoted.context, terms, quoted.book)


def choose_markets(
    bot: Bot, markets: Mapping[str, Terms], orders: Orders, venue_now_ns: int
) -> tuple[list[QuotedMarket], dict[str, str]]:
    """Choose a bot's markets anew; return those to let go of, and why it works on none of the others."""
    choice = bot.strategy.choose(bot.quoted, venue_now_ns) if bot.running else Choice([], {})
    wanted, left = set(choice.symbols), []
    for symbol in sorted(wanted - bot.quoted.keys()):
        bot.quoted[symbol] = new_quoted(bot, markets[symbol])
    for symbol, quoted in bot.quoted.items():
        quoted.selected = symbol in wanted
        if not quoted.selected and not orders.of(bot.algo_id, symbol):
            left.append(quoted)
    staying = bot.quoted.keys() - {quoted.terms.symbol for quoted in left}
    return left, {symbol: why for symbol, why in choice.passed_over.items() if symbol not in staying}


def note_book(bots: Iterable[Bot], book: Book) -> list[Bot]:
    """Take in what the venue's book shows: to keep prices from reaching far into it, and to take from it.

    Return the bots that look at once whether there is something to take.
    """
    looking = []
    for bot in bots:
        quoted = bot.quoted.get(book.symbol)
        if quoted is not None:
            quoted.book = book
            _enter_book(quoted.context, quoted.terms, book)
            if quoted.strategy.takes_beside:
                looking.append(bot)
    return looking


def _enter_book(context: CheckContext, terms: Terms, book: Book) -> None:
    """Enter the best public prices; the reference is their middle, which the pricer has no say in."""
    bid, ask = (side[0].price if side else 0.0 for side in (book.bids, book.asks))
    context.book_bid_ticks, context.book_ask_ticks = round(bid / terms.tick), round(ask / terms.tick)
    context.reference = 0.5 * (bid + ask) if bid > 0.0 and ask > 0.0 else None


def note_trade(bots: Iterable[Bot], trade: Trade, now_ns: int) -> None:
    """Take in a public trade at our venue."""
    signed = -trade.size if trade.buyer_is_maker else trade.size
    for bot in bots:
        quoted = bot.quoted.get(trade.symbol)
        if quoted is not None:
            quoted.strategy.on_trade(signed, now_ns)


def forget_over(markets: dict[str, Terms], orders: Orders, venue_now_ns: int) -> None:
    """Let go of markets that have been over for long and whose orders have all ended."""
    for symbol, terms in list(markets.items()):
        over = terms.status.over and (terms.expiry_ns or 0) + FORGET_NS < venue_now_ns
        if over and orders.forget_market(symbol):
            del markets[symbol]


def _context(terms: Terms, strategy: MarketStrategy) -> CheckContext:
    return CheckContext(
        now_ns=0,
        venue_now_ns=0,
        instrument=terms.instrument,
        inventory=strategy.inventory,
        closing=strategy.closing,
        bid_fees=terms.bid_fees,
    )
