"""A quoter and a risk of two releases: neither takes the other's limits for what they are not, and the halts hold."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from common.events import RiskState, decode, encode
from common.testing.limits import binary_limits, spot_limits

from tests.contract.golden_files import pairs


class OldBounds(msgspec.Struct, frozen=True):
    """Of the release before limits had kinds, as all of the following."""

    max_bid: float = 0.99
    min_ask: float = 0.01
    max_side_orders: int = 20
    min_life_ms: int = 0


class OldConduct(msgspec.Struct, frozen=True):
    """How often it may cancel and order."""

    max_cancels_per_s: int = 250
    max_orders_per_fill: int = 1_000_000


class OldLimits(msgspec.Struct, frozen=True):
    """Limits of a binary bot."""

    max_position_lots: int
    max_net_lots: int
    max_order_lots: int
    max_open_orders: int
    min_spread: float
    price_collar: float
    max_messages_per_s: int
    max_daily_loss: Decimal
    max_drawdown: Decimal = Decimal(1_000)
    max_order_notional: float = 1_000.0
    max_notional: float = 20_000.0
    max_account_notional: float = 50_000.0
    book_collar: float = 0.30
    quotes: OldBounds = OldBounds()
    conduct: OldConduct = OldConduct()


class OldRiskState(msgspec.Struct, frozen=True, kw_only=True):
    """What a quoter of then reads: `limits` has no default."""

    shard: str
    ledger_sequence: int
    limits: dict[str, OldLimits]
    config_revisions: dict[str, int]
    halts: list[str]
    daily_pnl: dict[str, Decimal] = {}
    max_clock_offset_ms: int = 2_000
    ts_ns: int
    epoch: int = 0


STATE = RiskState(
    shard="0",
    ledger_sequence=7,
    limits={},
    bot_limits={"1": binary_limits(), "2": spot_limits()},
    config_revisions={"1": 1, "2": 1},
    halts=["bot-1:daily_loss"],
    ts_ns=1,
)


def test_an_earlier_quoter_finds_no_limits_in_what_our_risk_says_and_still_hears_of_halts() -> None:
    read = msgspec.msgpack.decode(encode(STATE), type=OldRiskState)
    assert read.limits == {}, "'risk publishes no limits for this bot': it pulls its quotes"
    assert read.halts == ["bot-1:daily_loss"]


def test_our_quoter_reads_what_an_earlier_risk_said_and_finds_nothing_to_trade_by() -> None:
    for stem in ("RiskState", "RiskState.2", "RiskState.3"):
        read = decode(RiskState, pairs()[stem].data)
        assert read.bot_limits == {}
        assert set(read.limits) == {"limits-1", "limits-2"}


def test_what_an_earlier_quoter_reads_is_what_an_earlier_risk_wrote() -> None:
    """The classes above are no invention: they take every golden pair of then, and lose nothing of it."""
    for stem in ("RiskState", "RiskState.2", "RiskState.3"):
        pair = pairs()[stem]
        read = msgspec.msgpack.decode(pair.data, type=OldRiskState)
        assert read == msgspec.convert(pair.document, OldRiskState, strict=False)
        assert set(read.limits) == {"limits-1", "limits-2"}
