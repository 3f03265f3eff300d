"""The binary kind's part of a scripted quoter."""

from __future__ import annotations

from common.bots import BinaryBot
from common.events import Market
from common.pretrade import Held, MarketLimits

from quoter.binary.conversions import Converter
from quoter.binary.market import BinaryMarket
from quoter.binary.plan import Opinion, Planner
from quoter.binary.strategy import Binary, BinaryStrategy
from quoter.binary.terms import BinaryTerms, binary_terms
from quoter.orders import terms
from quoter.testing.script import MARKET, Script
from quoter.trading.strategy import Plan


def terms_of(market: Market) -> BinaryTerms:
    """Return the terms of a YES/NO market."""
    return binary_terms(terms.terms_of(market))


def plan(
    opinion: Opinion, held: Held, venue_now_ns: int, terms: BinaryTerms, config: BinaryBot, limits: MarketLimits
) -> Plan:
    """Return what is planned of a market that nothing is known of."""
    return Planner().plan(opinion, held, venue_now_ns, terms, config, limits)


def strategy_of(script: Script, algo_id: str = "1") -> BinaryStrategy:
    """Return a bot's strategy."""
    found = script.core.bots[algo_id].strategy
    assert isinstance(found, BinaryStrategy)
    return found


def market_of(script: Script, symbol: str = MARKET, algo_id: str = "1") -> BinaryMarket:
    """Return a bot's strategy in a market that it works on."""
    return strategy_of(script, algo_id).markets[symbol]


def converter_of(script: Script) -> Converter:
    """Return what converts the account's pairs."""
    kind = script.core.trader.kinds["binary"]
    assert isinstance(kind, Binary)
    return kind.converter
