"""Whatever is asked for in whatever instrument, what is let out goes beyond no limit: counted once more, exactly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from common.events import BotLimits, NotionalLimits, PositionLimits
from common.instruments import Instrument, InstrumentKind, Outcome, OutcomePair, Side
from common.pretrade import NewOrder
from common.testing.limits import BINARY, COMMON, SPOT, changed
from common.testing.pretrade import Before, a_pair, beyond, binary_context, let_out, spot_context
from hypothesis import given
from hypothesis import strategies as st

lot_sizes = st.sampled_from([Decimal(1), Decimal("0.01"), Decimal("0.0001"), Decimal(10)])
multipliers = st.sampled_from([Decimal(1), Decimal(100), Decimal("0.01")])
tick_sizes = st.sampled_from([Decimal("0.01"), Decimal("0.0025"), Decimal("0.5")])
bounds = st.sampled_from([0.0, 40.0, 300.0, 2_000.0, 9_000.0, 1e6])
units = st.sampled_from([Decimal(each) for each in ("0", "0.004", "0.5", "20", "900", "5000", "20000")])
lots = st.sampled_from([0, 15, 90, 300, 700, 1_500])
committed = st.sampled_from([0.0, 0.0, 35.0, 250.0])
sizes = st.integers(1, 30) | st.integers(1, 300)
BOTH = BotLimits(COMMON, [BINARY, SPOT])
# Mostly quotes that leave each other room: own orders that cross are refused for that alone.
QUOTES = [(Side.BUY, ticks) for ticks in range(30, 48)]
SALES = [(Side.SELL, ticks) for ticks in range(53, 60)]
below, above = st.integers(600, 980), st.integers(1_020, 1_400)


WIDE: dict[str, Any] = {
    "max_position_lots": 10**9,
    "max_net_lots": 10**9,
    "max_order_lots": 10**9,
    "max_order_notional": 1e9,
    "max_notional": 1e9,
    "max_account_notional": 1e9,
    "min_spread": 0.01,
    "min_spread_bps": 0.1,
    "price_collar": 0.5,
    "price_collar_bps": 5_000.0,
}
NARROW = {name: lots if name.endswith("lots") else bounds for name in WIDE if name.startswith("max_")}


@st.composite
def limits(draw: st.DrawFn) -> BotLimits:
    """Return limits of which a few are narrow, so that some orders pass and some do not."""
    narrow = {name: draw(NARROW[name]) for name in draw(st.sets(st.sampled_from(list(NARROW)), max_size=3))}
    euros = {name: float(draw(bounds)) for name in NotionalLimits.__struct_fields__}
    return changed(
        BOTH,
        **(WIDE | narrow),
        positions={"BTC": PositionLimits(draw(units), draw(units))},
        currencies={"EUR": NotionalLimits(**euros)},
    )


def new_order(number: int, instrument: Instrument, side: Side, ticks: int, lots: int) -> NewOrder:
    return NewOrder(number, "1", "mm1", instrument, side, ticks, lots, 2_000)


@given(st.builds(a_pair, st.just(1), lot_sizes, multipliers), limits(), st.data())
def test_no_order_of_a_yes_no_market_goes_beyond_a_limit(
    pair: OutcomePair, limits: BotLimits, data: st.DataObject
) -> None:
    held = st.integers(0, 300)
    yes, no = data.draw(held), data.draw(held)
    bot, account = data.draw(committed), data.draw(committed)
    context = binary_context(pair=pair, yes_lots=yes, no_lots=no, bot_notional=bot, account_notional=account)
    context.take_limits(limits, "USD")
    outcomes = st.sampled_from([Outcome.YES, Outcome.NO])
    asked = st.tuples(outcomes, st.sampled_from([*QUOTES, *SALES]), sizes)
    wanted = data.draw(st.lists(asked, min_size=1, max_size=10))
    orders = [new_order(number, pair.of(each), *place, size) for number, (each, place, size) in enumerate(wanted)]
    before = Before(pair.yes, yes, no, Decimal(bot), Decimal(account))
    assert list(beyond(let_out(orders, context), before, limits)) == []


@given(
    st.builds(
        Instrument,
        st.just("degen"),
        st.just("BTC/USD"),
        st.just(InstrumentKind.SPOT),
        st.sampled_from(["USD", "EUR"]),
        tick_sizes,
        base=st.just("BTC"),
        lot_size=lot_sizes,
        multiplier=st.just(Decimal(1)) | multipliers,
    ),
    limits(),
    st.data(),
)
def test_no_order_of_a_spot_market_goes_beyond_a_limit(
    spot: Instrument, limits: BotLimits, data: st.DataObject
) -> None:
    held, bot, account = data.draw(st.integers(-300, 300)), data.draw(committed), data.draw(committed)
    context = spot_context(
        traded=spot,
        limits=None,
        fair=spot.axis_price(1_000),
        held_lots=held,
        max_short_lots=data.draw(st.sampled_from([0, 0, 100, 2_000])),
        bot_notional=bot,
        account_notional=account,
    )
    context.take_limits(limits, "USD")
    bids, asks = (st.tuples(st.just(side), ticks) for side, ticks in ((Side.BUY, below), (Side.SELL, above)))
    wanted = data.draw(st.lists(st.tuples(bids | asks, sizes), min_size=1, max_size=10))
    orders = [new_order(number, spot, *place, size) for number, (place, size) in enumerate(wanted)]
    before = Before(spot, held, 0, Decimal(bot), Decimal(account))
    assert list(beyond(let_out(orders, context), before, limits)) == []
