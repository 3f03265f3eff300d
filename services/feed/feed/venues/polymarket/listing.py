"""One market of Polymarket's list in our words: by names, never by positions, and only under rules that we know.

What decides a market stands in its row:

1. `outcomes` names what `clobTokenIds` and `outcomePrices` list in the same order: Up and Down, or Yes and No.
2. `resolutionSource` names whose price decides, `cryptoMarketConfig` whether it is a time-weighted average and of how
   many seconds; where both say something they must agree. A row that says neither is under no rule that we know.
3. `description` says who wins a tie: "greater than or equal to" is Up, "50-50" is half each.
4. A closed market is decided when its prices are whole and `umaResolutionStatus`, where there is one, says `resolved`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, NamedTuple

import msgspec
from common.clock import NS_PER_S
from common.errors import ContractError
from common.events import MarketStatus, SettlementRule, TieRule

from feed.messages import PRICE_MAX, Instant, Listing, stamp_ns
from feed.venues.polymarket.series import Series, Window

LOT_SIZE = Decimal("0.01")
AVERAGE_MAX_S = 3_600
OUTCOMES = {"up": "yes", "yes": "yes", "down": "no", "no": "no"}

Token = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,80}$")]
Condition = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-fA-F]{1,64}$")]
Text = Annotated[str, msgspec.Meta(max_length=300)]
Prose = Annotated[str, msgspec.Meta(max_length=20_000)]

_CHAINLINK = re.compile(r"https://data\.chain\.link/streams/([a-z]+)-usd(?:-twap-(\d{1,4})s-streams)?/?")
_BINANCE = re.compile(r"https://www\.binance\.com/en/trade/([A-Z]+)_USDT/?")
_TEXTS = msgspec.json.Decoder(list[str], strict=False)


class Metadata(msgspec.Struct, rename="camel"):
    """What the list knows of an event."""

    price_to_beat: Decimal | None = None
    final_price: Decimal | None = None


class EventFields(msgspec.Struct, rename="camel"):
    """The event a market belongs to."""

    event_metadata: Metadata | None = None


class AverageFields(msgspec.Struct, rename="camel"):
    """Whether an average decides."""

    twap_enabled: bool
    twap_lookback_seconds: int | None = None
    asset: Text | None = None


class MarketFields(msgspec.Struct, rename="camel"):
    """A market as listed; lists inside it are texts that hold JSON."""

    condition_id: Condition
    slug: Text
    clob_token_ids: str
    outcomes: str
    end_date: Instant
    order_price_min_tick_size: Decimal
    order_min_size: Decimal
    accepting_orders: bool
    closed: bool
    question: Text | None = None
    outcome_prices: str | None = None
    event_start_time: Instant | None = None
    events: list[EventFields] | None = None
    description: Prose | None = None
    resolution_source: Text | None = None
    crypto_market_config: AverageFields | None = None
    uma_resolution_status: Text | None = None


class UnknownRule(ContractError):
    """A market whose row can be read, and is decided by a rule that we have no word for."""


class Rule(NamedTuple):
    """Which price decides, and who wins a tie."""

    settlement: SettlementRule
    window_s: float
    source: str
    tie: TieRule


class Tokens(NamedTuple):
    """The two tokens of a market."""

    yes: str
    no: str


def tokens_of(fields: MarketFields) -> Tokens:
    """Return the tokens by the names of their outcomes; UnknownRule where the names are none that we know."""
    named = _named(fields, fields.clob_token_ids, "clobTokenIds")
    if named["yes"] == named["no"] or not all(token.isascii() and token.isdecimal() for token in named.values()):
        raise ContractError(fields.condition_id, "clobTokenIds: must hold two different tokens")
    return Tokens(named["yes"], named["no"])


def listing_of(fields: MarketFields, series: Series, window: Window, now_ns: int) -> Listing:
    """Return a market in our words; ContractError names the member at fault, UnknownRule what we have no word for."""
    symbol = fields.condition_id
    open_ns = stamp_ns(fields.event_start_time) if fields.event_start_time else window.open_s * NS_PER_S
    expiry_ns = stamp_ns(fields.end_date)
    # A day of New York on which the clock is changed has one stretch of four hours that is an hour off.
    off_ns = abs(expiry_ns - window.end_s * NS_PER_S)
    if expiry_ns <= open_ns or off_ns > (3_600 * NS_PER_S if series.form == "4h" else 0):
        raise ContractError(symbol, f"endDate: is not the end of {fields.slug}")
    metadata = next((event.event_metadata for event in fields.events or () if event.event_metadata), None)
    strike = _price(symbol, metadata.price_to_beat if metadata else None)
    min_size = fields.order_min_size
    if not (min_size.is_finite() and 0 < min_size <= 10**9):
        raise ContractError(symbol, f"orderMinSize: must be above 0, is {min_size}")
    rule = rule_of(fields, series)
    result = result_of(fields)
    return Listing(
        symbol=symbol,
        status=_status(fields, result, strike, open_ns, expiry_ns, now_ns),
        underlying=series.underlying,
        series=series.name,
        title=fields.question or fields.slug,
        strike=strike,
        tie_rule=rule.tie,
        tick_size=checked_tick(symbol, fields.order_price_min_tick_size),
        min_lots=max(1, int(min_size / LOT_SIZE)),
        open_ns=open_ns,
        expiry_ns=expiry_ns + series.decided_after_s * NS_PER_S,
        result="" if result == "void" else result,
        settlement_price=_price(symbol, metadata.final_price if metadata and result else None),
        ts_event_ns=now_ns,
        settlement=rule.settlement,
        settlement_window_s=rule.window_s,
        settlement_source=rule.source,
        lot_size=LOT_SIZE,
    )


def rule_of(fields: MarketFields, series: Series) -> Rule:
    """Return what decides a market; UnknownRule names the member that says something we do not know."""
    tie = _tie(fields)
    config, source = fields.crypto_market_config, fields.resolution_source or ""
    if config is not None and config.asset is not None and config.asset.upper() != series.underlying:
        raise UnknownRule(fields.condition_id, f"cryptoMarketConfig.asset: {config.asset!r} is not of {series.name}")
    averaged_s = _averaged_s(fields.condition_id, config)
    if chainlink := _CHAINLINK.fullmatch(source):
        streamed_s = int(chainlink[2] or 0)
        if chainlink[1].upper() != series.underlying:
            raise UnknownRule(fields.condition_id, f"resolutionSource: {source!r} is not of {series.name}")
        if averaged_s is not None and averaged_s != streamed_s:
            raise UnknownRule(
                fields.condition_id, f"cryptoMarketConfig says {averaged_s} s, resolutionSource {streamed_s} s"
            )
        averaged_s = streamed_s
        if averaged_s > AVERAGE_MAX_S:
            raise UnknownRule(fields.condition_id, f"resolutionSource: an average of {averaged_s} s")
    elif binance := _BINANCE.fullmatch(source):
        if averaged_s or binance[1] != series.underlying or series.form not in ("hourly", "daily"):
            raise UnknownRule(fields.condition_id, f"resolutionSource: {source!r} does not decide {series.name}")
        return Rule(SettlementRule.LAST, 0.0, f"binance:{binance[1]}USDT", tie)
    elif source or averaged_s is None:
        raise UnknownRule(fields.condition_id, f"resolutionSource: {source[:100]!r} is not known")
    if series.form in ("hourly", "daily"):
        raise UnknownRule(fields.condition_id, f"resolutionSource: {source[:100]!r} does not decide {series.name}")
    if averaged_s:
        return Rule(SettlementRule.AVERAGE, float(averaged_s), "chainlink", tie)
    return Rule(SettlementRule.ORACLE, 0.0, "chainlink", tie)


def result_of(fields: MarketFields) -> str:
    """Return how a closed market was decided: yes, no or void; empty while it is not."""
    final = fields.uma_resolution_status in (None, "", "resolved")
    if not (fields.closed and final and fields.outcome_prices):
        return ""
    prices = {
        outcome: Decimal(text) for outcome, text in _named(fields, fields.outcome_prices, "outcomePrices").items()
    }
    if not all(price.is_finite() for price in prices.values()) or sum(prices.values()) != 1:
        return ""
    return {Decimal(1): "yes", Decimal(0): "no", Decimal("0.5"): "void"}.get(prices["yes"], "")


def checked_tick(symbol: str, tick_size: Decimal) -> Decimal:
    """Return a tick that a dollar is made of; ContractError for any other."""
    if not tick_size.is_finite() or not Decimal("1e-6") <= tick_size < 1 or 1 % tick_size:
        raise ContractError(symbol, f"tick size: must divide 1, is {tick_size}")
    return tick_size


def _named(fields: MarketFields, text: str, member: str) -> dict[str, str]:
    """Return what a list of a row holds for yes and for no."""
    names, values = _TEXTS.decode(fields.outcomes), _TEXTS.decode(text)
    if len(values) != len(names):
        raise ContractError(fields.condition_id, f"{member}: must hold one entry for each of outcomes")
    found = {OUTCOMES.get(name.strip().lower(), ""): value for name, value in zip(names, values, strict=True)}
    if len(names) != 2 or set(found) != {"yes", "no"}:
        raise UnknownRule(fields.condition_id, f"outcomes: {', '.join(names)[:80]} is not Up and Down")
    return found


def _averaged_s(symbol: str, config: AverageFields | None) -> int | None:
    """Return the seconds an average is made of, 0 for none; None where the row does not say."""
    if config is None:
        return None
    if not config.twap_enabled:
        return 0
    seconds = config.twap_lookback_seconds
    if seconds is None or not 0 < seconds <= AVERAGE_MAX_S:
        raise UnknownRule(symbol, f"cryptoMarketConfig.twapLookbackSeconds: {seconds} is no average that we know")
    return seconds


def _tie(fields: MarketFields) -> TieRule:
    words = (fields.description or "").lower()
    if "greater than or equal to" in words:
        return TieRule.AT_OR_ABOVE
    if "50-50" in words:
        return TieRule.SPLIT
    raise UnknownRule(fields.condition_id, "description: states no tie rule that we know")


def _status(
    fields: MarketFields, result: str, strike: Decimal | None, open_ns: int, expiry_ns: int, now_ns: int
) -> MarketStatus:
    if result:
        return MarketStatus.VOIDED if result == "void" else MarketStatus.RESOLVED
    if fields.closed or not fields.accepting_orders or now_ns >= expiry_ns:
        return MarketStatus.CLOSED
    if now_ns < open_ns or strike is None:
        return MarketStatus.LISTED
    return MarketStatus.OPEN


def _price(symbol: str, value: Decimal | None) -> Decimal | None:
    if value is not None and not (value.is_finite() and 0 <= value < Decimal(PRICE_MAX)):
        raise ContractError(symbol, f"price: must be finite, is {value}")
    return value
