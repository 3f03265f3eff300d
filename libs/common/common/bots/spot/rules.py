"""What the sections of a spot bot must be to each other, beside what each field must be by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from common.bots.known import Known
from common.bots.spot.forms import rule
from common.bots.spot.sections import SpotHedger, SpotInstrument, SpotPricer
from common.bots.spot.values import QuoteSizes, SourceAggregation
from common.instruments import can_convert, is_inverse


def pricer_faults(pricer: SpotPricer) -> Iterator[str]:
    """Yield 'pricer.field: rule' for what contradicts itself among sizes, margins and modes."""
    buys, sells = pricer.buy_quote_sizes, pricer.sell_quote_sizes
    # A bot that C2 has made begins without: its INSTRUMENT is saved before its PRICER.
    if pricer.running and not buys.amounts and not sells.amounts:
        yield "pricer.buy_quote_sizes: must name a size, or sell_quote_sizes must"
    sides = (("buy", buys, pricer.buy_margins), ("sell", sells, pricer.sell_margins))
    for side, sizes, margins in sides:
        if len(margins) > 1 and len(margins) != len(sizes.amounts):
            yield (
                f"pricer.{side}_margins: must be one, or one for each of {side}_quote_sizes,"
                f" is {len(margins)} for {len(sizes.amounts)} sizes"
            )
        fault = _replication_fault(pricer.source_aggregation, sizes)
        if fault:
            yield f"pricer.{side}_quote_sizes: {fault}"
    if pricer.aggressive_mode and pricer.take_out is None:
        yield "pricer.aggressive_mode: must be false without take_out, or nothing would ever be sent, is true"


def _replication_fault(aggregation: SourceAggregation, sizes: QuoteSizes) -> str:
    if aggregation is not SourceAggregation.REPLICATION:
        return "" if sizes.levels is None else f"has levels in brackets, which {aggregation} does not copy"
    if len(sizes.amounts) > 1:
        return f"must be one size with REPLICATION, the most of all levels, is {len(sizes.amounts)}"
    return ""


def instrument_faults(instrument: SpotInstrument) -> Iterator[str]:
    """Yield 'instrument.field: rule' for what no currencies could make right."""
    if instrument.fx_leg is None:
        return
    if instrument.underlyings is None:
        yield f"instrument.fx_leg: must be left out without underlyings, is {instrument.fx_leg!r}"
    elif not can_convert(instrument.fx_leg, instrument.underlyings, instrument.instrument):
        yield (
            f"instrument.fx_leg: must convert the currency of {instrument.underlyings} into that of"
            f" {instrument.instrument}, directly or inversely, is {instrument.fx_leg!r}"
        )


def faults_among(instrument: SpotInstrument, hedger: SpotHedger | None, known: Known) -> Iterator[str]:
    """Yield 'section.field: rule' for exchanges that are none of ours, and currencies that do not fit."""
    venue, trading_venue = known.exchanges.venue, known.exchanges.trading_venue
    yield from exchange_faults("instrument.exchange", [instrument.exchange], trading_venue)
    yield from exchange_faults("instrument.source_exchange", instrument.source_exchange, venue)
    yield from exchange_faults("instrument.fx_exchange", instrument.fx_exchange, venue)
    yield from exchange_faults("hedger.venues_list", hedger.venues_list if hedger is not None else (), trading_venue)
    yield from _currency_faults(instrument, known)


def exchange_faults(field: str, exchanges: Iterable[str], venue: Callable[[str], str]) -> Iterator[str]:
    """Yield 'field: rule' for each exchange that has no venue."""
    for exchange in exchanges:
        try:
            venue(exchange)
        except ValueError as error:
            yield f"{field}: {error}"


def _currency_faults(instrument: SpotInstrument, known: Known) -> Iterator[str]:
    pair, underlying = known.pairs.of(instrument.instrument), known.pairs.of(instrument.underlying)
    if pair is None or underlying is None:
        return
    if pair.base != underlying.base:
        yield f"instrument.underlyings: must be of {pair.base}, as {pair} is, is {instrument.underlyings!r}"
    if instrument.fx_leg is None:
        if pair.term != underlying.term:
            yield f"instrument.fx_leg: must convert {underlying.term} into {pair.term}, in which {pair} is, is missing"
        return
    fx = known.pairs.of(instrument.fx_leg)
    if fx is None:
        return
    try:
        is_inverse(fx, underlying, pair)
    except ValueError as error:
        yield str(rule(f"instrument.fx_leg: {error}", instrument.fx_leg))
