"""Hedgers as they are configured: by documents of bots and currencies, markets, and who holds which account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from common.bots.spot import CurrencyHedger, CurrencyScope, HedgeSection, OnDayLoss, SpotBot
from common.clock import NS_PER_MS
from common.events import BOT_SCOPE, CURRENCY_SCOPE, Market
from common.halts import DAILY_LOSS, DRAWDOWN
from common.instruments import InstrumentKind
from common.venues import Exchanges

from risk.hedging.amounts import ZERO
from risk.hedging.terms import DeltaTerms, Hedger, Place, Scope


class HeldAccount(NamedTuple):
    """An account and who holds it; it is at one venue."""

    account: str
    venue: str
    holder: str
    """As its lease names the process; '' while none does."""


class Surroundings(NamedTuple):
    """What a hedger's places are found by."""

    exchanges: Exchanges
    accounts: Sequence[HeldAccount]
    market_of: Callable[[str, str], Market | None]
    """A market by venue and the name that a configuration gives it; None of one that is not known."""


def hedger_of_bot(
    algo_id: str, bot: SpotBot, revision: int, surroundings: Surroundings, *, running: bool
) -> Hedger | None:
    """Return the hedger of a bot, None of one without; `running` is the bot's."""
    section = bot.hedger
    if section is None:
        return None
    own = _market(bot.instrument.exchange, bot.instrument.instrument, surroundings)
    limits = bot.risk_limits
    reduces = limits is not None and limits.on_day_loss is OnDayLoss.REDUCE
    return Hedger(
        Scope(BOT_SCOPE + algo_id, own.base if own is not None else "", algo_id=algo_id),
        section,
        # What its position is of is said by its own market: before that nothing can be hedged.
        tuple(places_of(section, surroundings)) if own is not None else (),
        revision,
        running=running and section.running,
        term=own.currency if own is not None else "",
        spared=frozenset({DAILY_LOSS, DRAWDOWN}) if reduces else frozenset(),
    )


def hedger_of_currency(
    currency_id: str,
    watched: CurrencyScope,
    section: CurrencyHedger,
    revision: int,
    surroundings: Surroundings,
    delta: DeltaTerms | None = None,
) -> Hedger:
    """Return the hedger of a currency document; with `delta` it counts shares of YES/NO markets too."""
    venue = "" if watched.exchange is None else _venue(watched.exchange, surroundings)
    scope = Scope(CURRENCY_SCOPE + currency_id, watched.currency, venue or "", watched.algo_id or "")
    places = tuple(places_of(section, surroundings)) if venue is not None else ()
    return Hedger(scope, section, places, revision, running=section.running, delta=delta)


def delta_terms_of(section: CurrencyHedger) -> DeltaTerms | None:
    """Return how a currency's hedger counts shares of YES/NO markets; None of one that does not."""
    if not section.binary_delta:
        return None
    band, most = section.binary_position_max_norm_size, section.binary_delta_max
    assert band is not None, "the model asks for a band"
    assert most is not None, "and for a cap"
    age_ms, stop_ms = section.binary_delta_max_age, section.binary_delta_stop
    return DeltaTerms(band, age_ms * NS_PER_MS, stop_ms * NS_PER_MS, most)


def places_of(section: HedgeSection, surroundings: Surroundings) -> Iterator[Place]:
    """Yield the markets of the hedge instrument at its venues, in their order, through each of our accounts there."""
    for exchange in section.venues_list:
        market = _market(exchange, section.hedge_instrument, surroundings)
        if market is None:
            continue
        rate = max(ZERO, market.fees.taker_rate) if market.fees is not None else ZERO
        for held in sorted(surroundings.accounts):
            if held.venue == market.venue:
                yield Place(held.account, market.instrument(), held.holder, rate)


def _market(exchange: str, name: str, surroundings: Surroundings) -> Market | None:
    """Return a market that something is bought in; None where the venue has no such one, as far as we know."""
    venue = _venue(exchange, surroundings)
    market = surroundings.market_of(venue, name) if venue is not None else None
    return market if market is not None and market.kind is InstrumentKind.SPOT else None


def _venue(exchange: str, surroundings: Surroundings) -> str | None:
    """Return our venue of an exchange; None of one that was ours when the document was written and is no more."""
    try:
        return surroundings.exchanges.venue(exchange)
    except ValueError:
        return None
