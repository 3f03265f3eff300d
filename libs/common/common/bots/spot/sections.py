"""The four sections of a spot bot's document, under the names that the source gives their fields.

A field holds what its text means; what was sent is kept by whoever stores it (`SpotBot.document`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import AliasChoices, Field, PlainValidator

from common.bots.bot import Place
from common.bots.section import Section
from common.bots.spot.forms import (
    one_of,
    optional,
    otherwise,
    read_band,
    read_bps,
    read_comments,
    read_distance,
    read_exchange,
    read_exchanges,
    read_factor,
    read_flag,
    read_limit,
    read_margins,
    read_min_spread,
    read_parameters,
    read_positive,
    read_sizes,
    read_some_exchanges,
    read_symbol,
    read_take_out,
    time_limit,
    whole,
)
from common.bots.spot.values import (
    Band,
    FxAggregation,
    HedgeStrategy,
    MinSpread,
    OnDayLoss,
    QuoteSizes,
    SourceAggregation,
    TakeOut,
)
from common.events import Distance, ExecutionStyle
from common.venues import Exchanges

ONE = Decimal(1)
RESEND_MS = 1_000
HOUR_MS = 3_600_000
NO_OFFSET = Distance(Decimal(0), in_bps=True)

Flag = Annotated[bool, PlainValidator(read_flag)]
Number = Annotated[Decimal | None, PlainValidator(optional(read_positive))]
Limit = Annotated[Decimal | None, PlainValidator(read_limit)]
Factor = Annotated[Decimal, PlainValidator(otherwise(read_positive, ONE))]
Bps = Annotated[Decimal | None, PlainValidator(optional(read_bps))]
Sizes = Annotated[QuoteSizes, PlainValidator(read_sizes)]
Margins = Annotated[tuple[Decimal, ...], PlainValidator(read_margins)]
Symbol = Annotated[str, PlainValidator(read_symbol)]
NoSymbol = Annotated[str | None, PlainValidator(optional(read_symbol))]
ActiveTime = Annotated[int | None, PlainValidator(time_limit(HOUR_MS))]


class SpotPlace(Place):
    """Where a spot bot quotes."""

    exchange: Annotated[str, PlainValidator(read_exchange)]

    def venue_by(self, exchanges: Exchanges) -> str:
        return exchanges.venue(self.exchange)


class SpotInstrument(SpotPlace):
    """INSTRUMENT: what is quoted where, and from which books its price comes.

    Whether it runs is the document's `running`: without it nothing of the bot works.
    """

    instrument: Symbol
    source_exchange: Annotated[tuple[str, ...], PlainValidator(read_some_exchanges)]
    underlyings: NoSymbol = None
    """What is looked up there; None is the instrument itself."""
    fx_leg: NoSymbol = None
    """The pair between the underlying's term currency and the instrument's."""
    fx_exchange: Annotated[tuple[str, ...], PlainValidator(read_exchanges)] = ()
    """None named is the source exchanges."""
    comments: Annotated[str, PlainValidator(read_comments)] = ""

    @property
    def underlying(self) -> str:
        """Return what the source exchanges are asked the price of."""
        return self.underlyings or self.instrument

    @property
    def fx_exchanges(self) -> tuple[str, ...]:
        """Return where the FX pair is looked up; nowhere without one."""
        if self.fx_leg is None:
            return ()
        return self.fx_exchange or self.source_exchange


class SpotPricer(Section):
    """PRICER: which quotes are made of the source price, and what is taken from others."""

    buy_quote_sizes: Sizes = QuoteSizes()
    sell_quote_sizes: Sizes = QuoteSizes()
    buy_margins: Margins = ()
    """One for each size, or one for all; none is 0."""
    sell_margins: Margins = ()
    source_aggregation: Annotated[
        SourceAggregation,
        PlainValidator(one_of(SourceAggregation)),
        Field(validation_alias=AliasChoices("source_aggregation", "aggregation_method")),
    ]
    fx_aggregation: Annotated[FxAggregation, PlainValidator(otherwise(one_of(FxAggregation), FxAggregation.BBO))] = (
        FxAggregation.BBO
    )
    min_price_change: Bps = None
    """Of the working price, beyond which a quote is replaced; None is any change."""
    min_size_change: Bps = None
    min_spread: Annotated[MinSpread | None, PlainValidator(optional(read_min_spread))] = None
    take_out: Annotated[TakeOut | None, PlainValidator(optional(read_take_out))] = None
    bid_price_factor: Factor = ONE
    ask_price_factor: Factor = ONE
    max_bid: Number = None
    """No order buys higher."""
    min_ask: Number = None
    """No order sells lower."""
    aggressive_mode: Flag = False
    """Only what the take-out rule takes is sent, nothing rests."""
    running: Flag = False
    """Off: quotes and take-outs are cancelled, and the hedger goes on."""

    @property
    def buy_margins_bps(self) -> tuple[Decimal, ...]:
        """Return the margin of each size to buy."""
        return _for_each(self.buy_margins, self.buy_quote_sizes)

    @property
    def sell_margins_bps(self) -> tuple[Decimal, ...]:
        """Return the margin of each size to sell."""
        return _for_each(self.sell_margins, self.sell_quote_sizes)


def _for_each(margins: tuple[Decimal, ...], sizes: QuoteSizes) -> tuple[Decimal, ...]:
    if len(margins) > 1:
        return margins
    return (margins or (Decimal(0),)) * len(sizes.amounts)


class HedgeSection(Section):
    """What hedgers of bots and of currencies have in common."""

    position_max_norm_size: Annotated[Band, PlainValidator(read_band)]
    hedge_strategy: Annotated[HedgeStrategy, PlainValidator(otherwise(one_of(HedgeStrategy), HedgeStrategy.LIMIT))] = (
        HedgeStrategy.LIMIT
    )
    execution_style: Annotated[ExecutionStyle, PlainValidator(one_of(ExecutionStyle))]
    venues_list: Annotated[tuple[str, ...], PlainValidator(read_some_exchanges)]
    max_order_size: Limit = None
    """Of one child, in units of the hedge instrument's base currency; None is all of it."""
    resend_time: Annotated[int, PlainValidator(otherwise(whole(10, HOUR_MS), RESEND_MS))] = RESEND_MS
    """Between two children, in ms."""
    hedge_instrument: Symbol
    max_offset: Annotated[Distance, PlainValidator(otherwise(read_distance, NO_OFFSET))] = NO_OFFSET
    """From the first price, the farthest that a child's limit may go."""
    max_bid: Number = None
    """No child buys higher."""
    min_ask: Number = None
    """No child sells lower."""
    running: Flag = False
    """Off: children are cancelled and the parent closed; quotes go on."""


class SpotHedger(HedgeSection):
    """HEDGER: how the position of one bot is brought back."""

    hedge_qty_factor: Annotated[Decimal, PlainValidator(otherwise(read_factor, ONE))] = ONE
    """How much of the bot's position a unit hedged offsets; below 0 it is hedged on the same side."""
    custom_order_parameters: Annotated[dict[str, str], PlainValidator(read_parameters)] = Field(default_factory=dict)
    """Handed to the venue with every child."""


class SpotBotLimits(Section):
    """RISK_LIMITS: what one bot may hold and lose; None is the platform's limit of that name."""

    max_long_exposure: Limit = None
    """Position and open bids, in units of the base currency."""
    max_short_exposure: Limit = None
    """Open asks less the position."""
    max_quoter_position_size: Limit = None
    max_hedger_position_size: Limit = None
    min_buy_quote_active_time: ActiveTime = None
    """Least time that a bid stays, in ms; what is not safe is cancelled all the same."""
    min_sell_quote_active_time: ActiveTime = None
    max_day_loss: Limit = None
    """In the term currency, since the cutoff."""
    max_drawdown: Limit = None
    """Ours: how far `net_pnl` may be below its highest since the cutoff, in the term currency."""
    on_day_loss: Annotated[OnDayLoss, PlainValidator(otherwise(one_of(OnDayLoss), OnDayLoss.STOP))] = OnDayLoss.STOP
