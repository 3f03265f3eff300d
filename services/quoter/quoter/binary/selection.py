"""Choose the markets a bot works on: those it holds shares of, then the ones with most life left and least held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from typing import NamedTuple

from common.bots import BinaryBot, Selection
from common.clock import NS_PER_S
from common.events import MarketStatus

from quoter.trading.strategy import Account, Choice

NO_CAPS = Selection()


class Candidate(NamedTuple):
    """A market a bot may quote."""

    symbol: str
    seconds_left: float
    life_s: float
    exposure_lots: int
    """|YES - NO| held in all markets of its underlying together, plus what rests here unless it is worked on."""
    managed: bool
    """True when the bot holds shares there, or protection has frozen it: such a market always stays."""
    working: bool = False
    """True when it is one of those worked on now."""
    series: str = ""
    underlying: str = ""


def select(
    candidates: Iterable[Candidate],
    max_markets: int,
    min_life_s: float,
    max_position_lots: int,
    rules: Selection = NO_CAPS,
    close_threshold_s: float = 0.0,
) -> Choice:
    """Return the symbols to work on, at most `max_markets` besides those that must stay, and why not the others.

    All are scored before any is taken. Ties go to the earlier expiry, then to the name. Markets that stay count
    towards the number and the caps, except when they are so close to expiry that nothing may rest there any more. One
    that is worked on without holding anything keeps its place until another is better by `keep_bonus` of a life.
    """
    candidates = list(candidates)
    staying = [each for each in candidates if each.managed]
    counted = [each for each in staying if each.seconds_left > close_threshold_s]
    by_series = Counter(each.series for each in counted)
    by_underlying = Counter(each.underlying for each in counted)
    others, passed_over = [], {}
    for each in candidates:
        least_s = close_threshold_s if each.working else min_life_s
        if each.managed:
            continue
        if each.seconds_left >= least_s:
            others.append(each)
        else:
            passed_over[each.symbol] = f"{each.seconds_left:.0f} s are left, a new market needs {least_s:g}"
    others.sort(
        key=lambda each: (
            -score(each, max_position_lots) - (rules.keep_bonus if each.working else 0.0),
            each.seconds_left,
            each.symbol,
        )
    )
    taken: list[str] = []
    places = max_markets - len(counted)
    for each in others:
        if max_markets <= 0:
            passed_over[each.symbol] = "the bot has no risk_limits"
        elif len(taken) >= places:
            passed_over[each.symbol] = f"max_markets is {max_markets}, and others are worth more"
        elif not _below(by_series[each.series], rules.max_per_series):
            passed_over[each.symbol] = f"max_per_series is {rules.max_per_series}, and others are worth more"
        elif not _below(by_underlying[each.underlying], rules.max_per_underlying):
            passed_over[each.symbol] = f"max_per_underlying is {rules.max_per_underlying}, and others are worth more"
        if each.symbol in passed_over:
            continue
        by_series[each.series] += 1
        by_underlying[each.underlying] += 1
        taken.append(each.symbol)
    return Choice(sorted(each.symbol for each in staying) + taken, passed_over)


def _below(count: int, cap: int) -> bool:
    return not cap or count < cap


def score(candidate: Candidate, max_position_lots: int) -> float:
    """Return the attraction of a market, at most 1: the share of its life left minus the exposure there is already."""
    left = min(1.0, candidate.seconds_left / candidate.life_s) if candidate.life_s > 0 else 0.0
    return left - candidate.exposure_lots / max_position_lots


def chosen(
    algo_id: str,
    config: BinaryBot,
    account: Account,
    worked_on: Container[str],
    frozen: Container[str],
    venue_now_ns: int,
) -> Choice:
    """Return the symbols a bot is to work on now, of the open markets of its series, and why not the others."""
    usable = [
        (terms, terms.expiry_ns, account.holdings.of(algo_id, terms.symbol))
        for terms in account.markets.values()
        if terms.status is MarketStatus.OPEN
        and terms.series in config.instrument.series
        and terms.opposite is not None
        and terms.expiry_ns is not None
    ]
    net_lots = Counter[str]()
    for terms, _, held in usable:
        net_lots[terms.underlying] += held.yes_lots - held.no_lots
    candidates = []
    for terms, expiry_ns, held in usable:
        working = terms.symbol in worked_on
        # Of a market that is worked on, being quoted does not speak against it.
        open_lots = 0 if working else sum(order.leaves_lots for order in account.orders.of(algo_id, terms.symbol))
        candidates.append(
            Candidate(
                terms.symbol,
                (expiry_ns - venue_now_ns) / NS_PER_S,
                (expiry_ns - terms.open_ns) / NS_PER_S,
                abs(net_lots[terms.underlying]) + open_lots,
                bool(held.yes_lots or held.no_lots or terms.symbol in frozen),
                working,
                terms.series,
                terms.underlying,
            )
        )
    limits, inventory = config.risk_limits, config.inventory
    return select(
        candidates,
        limits.max_markets if limits else 0,
        inventory.min_life_s,
        inventory.max_position,
        config.selection,
        inventory.close_threshold_s,
    )
