"""What own flow, public flow and other markets say of a market, kept in its signals outside the path of a tick."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from common.clock import NS_PER_MS
from common.events import Book, Fill, Liquidity, Trade
from common.instruments import Instrument

from quoter.binary.crossing import offers
from quoter.binary.exposure import Leg, closed_side, net_skews, summary
from quoter.orders.holdings import Holdings
from quoter.orders.own_orders import Orders
from quoter.signals.flow import toxicity
from quoter.signals.markouts import QuoteSide
from quoter.signals.reach import Reach, bearable
from quoter.trading.bot import Bot, QuotedMarket

STEP = 0.0005
"""Leans and distances are changed in steps of this, so that they do not move quotes all the time."""

LEAN_NS = 500 * NS_PER_MS
"""Exposure over all markets is reckoned this often."""


class Trip(NamedTuple):
    """Protection has frozen something."""

    text: str
    whole_bot: bool
    until_lifted: bool
    """A person has to let it go; otherwise time does."""


def note_fill(bot: Bot, quoted: QuotedMarket, fill: Fill, instrument: Instrument, now_ns: int) -> Trip | None:
    """Take in a new fill: its flow, its markout to come, and what protection says to it.

    Orders of ours that took from others were our own idea: they say nothing of who trades with us.
    """
    if fill.liquidity is Liquidity.TAKER:
        return None
    bids, ticks = instrument.on_axis(fill.side, fill.price_ticks)
    side = QuoteSide.BID if bids else QuoteSide.ASK
    lots, towards_yes = fill.quantity_lots, side * fill.quantity_lots
    quoted.traded.on_own(-instrument.units(towards_yes), now_ns, bot.config.flow)
    quoted.comers.on_fill(towards_yes, now_ns)
    if quoted.fair is not None and now_ns - quoted.fresh_at_ns <= bot.max_source_age_ns():
        series, price, shares = quoted.terms.series, float(instrument.price(ticks)), instrument.units(lots)
        bot.markouts.on_fill(fill.symbol, series, side, price, quoted.fair.fair, shares, now_ns)
    limits, bot_limits = bot.config.protection, bot.config.bot_protection
    why = quoted.window.on_fill(lots, towards_yes, now_ns, limits)
    bot_why = bot.window.on_fill(lots, towards_yes, now_ns, bot_limits)
    refresh_freeze(bot, quoted, now_ns)
    if bot_why:
        return Trip(f"all markets: {bot_why}", whole_bot=True, until_lifted=not bot_limits.freeze_s)
    return Trip(f"{fill.symbol}: {why}", whole_bot=False, until_lifted=not limits.freeze_s) if why else None


def note_book(quoted: QuotedMarket, book: Book) -> None:
    """Take in what the venue's book shows: to keep prices from reaching far into it, and to take from it."""
    units = quoted.terms.grid.ticks_per_unit
    quoted.crossing.book = book
    quoted.context.book_bid_ticks = round(book.bids[0].price * units) if book.bids else 0
    quoted.context.book_ask_ticks = round(book.asks[0].price * units) if book.asks else 0


def note_trade(bots: Iterable[Bot], trade: Trade, now_ns: int) -> None:
    """Take in a public trade at our venue."""
    signed = -trade.size if trade.buyer_is_maker else trade.size
    for bot in bots:
        quoted = bot.quoted.get(trade.symbol)
        if quoted is not None:
            quoted.traded.on_trade(signed, now_ns, bot.config.flow)


def refresh_freeze(bot: Bot, quoted: QuotedMarket, now_ns: int) -> None:
    """Freeze a market whose protection, or whose bot's, is in force; let it go when that has run out."""
    frozen = ""
    if bot.window.frozen(now_ns):
        frozen = bot.window.why
    elif quoted.window.frozen(now_ns):
        frozen = quoted.window.why
    if quoted.signals.frozen != frozen:
        quoted.signals = quoted.signals._replace(frozen=frozen)


def refresh_signals(bot: Bot, holdings: Holdings, orders: Orders, venue_now_ns: int, now_ns: int) -> None:
    """Renew what flow and other markets say of every market of a bot; called by the timer."""
    _stand_back(bot, venue_now_ns, now_ns)
    for quoted in bot.quoted.values():
        _recompute_reach(quoted, orders, venue_now_ns, now_ns)
    if now_ns - bot.leaned_at_ns >= LEAN_NS:
        bot.leaned_at_ns = now_ns
        _lean_against_others(bot, holdings)


def _stand_back(bot: Bot, venue_now_ns: int, now_ns: int) -> None:
    """Judge the fills whose time has come, and say of each market how far its quotes stand back."""
    flow = bot.config.flow
    oldest_ns = now_ns - bot.max_source_age_ns()

    def fair_of(symbol: str) -> float | None:
        quoted = bot.quoted.get(symbol)
        return quoted.fair.fair if quoted and quoted.fair and quoted.fresh_at_ns >= oldest_ns else None

    bot.looked_at_ns = now_ns
    bot.markouts.update(now_ns, fair_of, flow.markout_half_life_s)
    for symbol, quoted in bot.quoted.items():
        fair = fair_of(symbol)
        if fair is None:
            # Nothing is quoted then either.
            continue
        left_s = quoted.terms.seconds_left(venue_now_ns)
        found = toxicity(quoted.traded, bot.markouts, quoted.terms.series, fair, left_s, now_ns, flow)
        quoted.toxicity, signals = found, quoted.signals
        bid = found.bid if abs(found.bid - signals.bid_toxicity) > STEP else signals.bid_toxicity
        ask = found.ask if abs(found.ask - signals.ask_toxicity) > STEP else signals.ask_toxicity
        if bid != signals.bid_toxicity or ask != signals.ask_toxicity:
            quoted.signals = signals._replace(bid_toxicity=bid, ask_toxicity=ask)


def _recompute_reach(quoted: QuotedMarket, orders: Orders, venue_now_ns: int, now_ns: int) -> None:
    """Say how much of a net will surely be taken before nothing may rest any more."""
    inventory, unwind = quoted.config.inventory, quoted.config.unwind
    if quoted.plan is not None and quoted.plan.wanted:
        quoted.comers.update(now_ns)
    else:
        quoted.comers.rest(now_ns)
    shown, yes = Reach(0.0, 0.0), quoted.terms.pair.yes
    own_bids, own_asks = quoted.comers.update_own(orders.levels(quoted.terms.pair), now_ns)
    book = quoted.crossing.book
    if unwind.cross_from_s and book is not None and quoted.fair is not None:
        fair, tick = quoted.fair.fair, quoted.terms.grid.tick_size
        bids, asks = offers(book.bids, yes, own_bids), offers(book.asks, yes, own_asks)
        long = bearable(bids, fair, yes, selling=True, unwind=unwind)
        short = bearable(asks, fair, yes, selling=False, unwind=unwind)
        best_bid, best_ask = (bids[0].yes_ticks * tick if long else 0.0), (asks[0].yes_ticks * tick if short else 0.0)
        shown = Reach(long, short, others_bid=best_bid, others_ask=best_ask)
    left_s = quoted.terms.seconds_left(venue_now_ns) - inventory.close_threshold_s
    shown = quoted.comers.mean_shown(shown, now_ns)
    reach = quoted.comers.reach(left_s, inventory, shown, unwind.cross_tolerance)
    if reach != quoted.signals.reach:
        quoted.signals = quoted.signals._replace(reach=reach)


def _lean_against_others(bot: Bot, holdings: Holdings) -> None:
    """Look at what a bot holds over the markets of each underlying, and lean its quotes against it."""
    legs: dict[str, list[Leg]] = {}
    for symbol, quoted in bot.quoted.items():
        fair = quoted.fair
        if fair is not None:
            held = holdings.of(bot.algo_id, symbol)
            net = quoted.terms.pair.yes.value(held.yes_lots - held.no_lots, 1.0)
            leg = Leg(symbol, net, fair.fair, fair.delta, fair.spot)
            legs.setdefault(quoted.terms.underlying, []).append(leg)
    limits = bot.config.exposure
    bot.exposures = {underlying: summary(found, limits.shocks) for underlying, found in legs.items()}
    for underlying, found in legs.items():
        before = next((side for leg in found if (side := bot.quoted[leg.symbol].signals.closed_side)), "")
        closed = closed_side(bot.exposures[underlying], limits, before)
        for symbol, skew in net_skews(found, limits).items():
            quoted = bot.quoted[symbol]
            if abs(quoted.signals.net_skew - skew) > STEP or quoted.signals.closed_side != closed:
                quoted.signals = quoted.signals._replace(net_skew=skew, closed_side=closed)
