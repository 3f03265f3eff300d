"""What own flow and other markets say of a market, kept in its signals outside the path of a tick."""

from __future__ import annotations

from common.events import Fill
from common.instruments import Outcome, Side

from quoter.bot import Bot, Line
from quoter.exposure import Leg, net_skews, summary
from quoter.holdings import Holdings

NET_SKEW_STEP = 0.0005
"""A lean against other markets is changed in steps of this, so that it does not move quotes all the time."""


def note_fill(bot: Bot, line: Line, fill: Fill, now_ns: int) -> str:
    """Count a fill against its market's protection; return why the market is frozen from now on, if it is."""
    bought_yes = (fill.side is Side.BUY) == (fill.outcome is not Outcome.NO)
    lots = fill.quantity_lots
    why = line.window.on_fill(lots, lots if bought_yes else -lots, now_ns, bot.config.protection)
    if why:
        line.signals = line.signals._replace(frozen=why)
    return why


def thaw(line: Line, now_ns: int) -> None:
    """Let a market go whose freeze has run out."""
    if line.signals.frozen and not line.window.frozen(now_ns):
        line.signals = line.signals._replace(frozen="")


def lean_against_others(bot: Bot, holdings: Holdings) -> None:
    """Look at what a bot holds over the markets of each underlying, and lean its quotes against it."""
    legs: dict[str, list[Leg]] = {}
    for symbol, line in bot.lines.items():
        fair = line.fair
        if fair is not None:
            held = holdings.of(bot.algo_id, symbol)
            leg = Leg(symbol, held.yes_lots - held.no_lots, fair.fair, fair.delta, fair.spot)
            legs.setdefault(line.terms.underlying, []).append(leg)
    limits = bot.config.exposure
    bot.exposures = {underlying: summary(found, limits.shocks) for underlying, found in legs.items()}
    for found in legs.values():
        for symbol, skew in net_skews(found, limits).items():
            line = bot.lines[symbol]
            if abs(line.signals.net_skew - skew) > NET_SKEW_STEP:
                line.signals = line.signals._replace(net_skew=skew)
