"""Ready-made events for tests around the ledger: fills, postings, markets, snapshots of an account, configurations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from common.events import (
    AccountState,
    Balance,
    BotConfig,
    BotLimits,
    FairValue,
    FeedStatus,
    Fill,
    Halt,
    Holding,
    InstrumentKey,
    InstrumentMove,
    InstrumentTerms,
    Liquidity,
    Market,
    MarketStatus,
    NotionalLimits,
    Payout,
    PositionLimits,
    Posting,
    PostingKind,
    QuoteLevel,
    QuoteTarget,
)
from common.instruments import InstrumentKind, Outcome, Side
from common.testing.limits import BINARY, COMMON, SPOT, changed

from risk.monitoring.platform_limits import PlatformLimits, parse_platform_limits

S = 1_000_000_000
DAY_NS = 24 * 3600 * S
NOW_NS = 20_000 * DAY_NS + 12 * 3600 * S
"""Noon of a UTC day."""
SYMBOL = "BTC-5M-1795223100"
TICK = Decimal("0.01")
EUROS = NotionalLimits(max_order_notional=500.0, max_notional=900.0, max_account_notional=950.0)


def platform_limits(limits: BotLimits) -> PlatformLimits:
    """Return platform-wide limits with the figures of a bot's."""
    common = msgspec.to_builtins(limits.common)
    kinds = {kind.kind.value: msgspec.to_builtins(kind) for kind in limits.kinds}
    for kind in kinds.values():
        del kind["type"]
    kinds["spot"].setdefault("reference_bounds_bps", "none")
    return parse_platform_limits({**common.pop("notional"), **common, **kinds, "max_clock_offset_ms": 2_000})


PLATFORM_LIMITS = platform_limits(
    changed(
        BotLimits(COMMON, [BINARY, SPOT]),
        max_open_orders=60,
        max_side_orders=10,
        max_messages_per_s=50,
        max_cancels_per_s=40,
        max_orders_per_fill=10_000,
        min_quote_life_ms=5,
        max_order_notional=600.0,
        max_notional=5_000.0,
        max_account_notional=9_000.0,
        max_daily_loss=Decimal(500),
        max_drawdown=Decimal(500),
        max_position_lots=10_000,
        max_net_lots=800,
        max_order_lots=700,
        min_spread=0.03,
        min_spread_bps=2.0,
        price_collar_bps=100.0,
        book_collar_bps=50.0,
        positions={"BTC": PositionLimits(max_position=Decimal(2), max_order=Decimal("0.5"))},
        currencies={"EUR": EUROS},
    )
)


def a_fill(trade: int = 1, **changed: Any) -> Fill:
    """Return a fill of 100 YES at 0.40 by bot 1; `trade` makes it one of its own.

    `changed` names fields, terms of the instrument, or `fx_rate` for the rate of price and fee.
    """
    terms: dict[str, Any] = {
        "venue": "degen",
        "symbol": SYMBOL,
        "outcome": Outcome.YES,
        "currency": "USD",
        "tick_size": TICK,
    }
    terms |= {name: changed.pop(name) for name in InstrumentTerms.__struct_fields__ if name in changed}
    terms.setdefault("kind", InstrumentKind.SPOT if terms["outcome"] is Outcome.NONE else InstrumentKind.BINARY)
    rate = changed.pop("fx_rate", Decimal(1))
    fill = Fill(
        account="mm1",
        algo_id="1",
        instrument=InstrumentTerms(**terms),
        order_id=1_000 + trade,
        order_sequence=2,
        venue_order_id=str(trade),
        venue_trade_id=str(trade),
        side=Side.BUY,
        price_ticks=40,
        quantity_lots=100,
        leaves_lots=0,
        liquidity=Liquidity.MAKER,
        rate=rate,
        fee_currency=terms["currency"],
        fee_rate=rate,
        account_sequence=10 * trade,
        ts_event_ns=NOW_NS,
        ts_received_ns=NOW_NS,
    )
    return msgspec.structs.replace(fill, **changed)


def a_posting(entry_id: str, kind: PostingKind, **changed: Any) -> Posting:
    """Return a posting of bot 1 in account mm1 that moves nothing until told.

    `yes_lots`, `no_lots` and `lots` are moves of `symbol`; `cash` may be one amount, in `currency`.
    """
    symbol, currency = changed.pop("symbol", ""), changed.pop("currency", "USD")
    lots = {"yes_lots": Outcome.YES, "no_lots": Outcome.NO, "lots": Outcome.NONE}
    moves = [
        InstrumentMove(InstrumentKey("degen", symbol, outcome), changed.pop(name))
        for name, outcome in lots.items()
        if name in changed
    ]
    cash = changed.pop("cash", Decimal(0))
    posting = Posting(
        account="mm1",
        algo_id="1",
        entry_id=entry_id,
        kind=kind,
        venue="degen",
        moves=moves,
        cash=cash if isinstance(cash, dict) else {currency: cash},
        ts_event_ns=NOW_NS,
        ts_received_ns=NOW_NS,
    )
    return msgspec.structs.replace(posting, **changed)


def a_settlement(symbol: str = SYMBOL, result: str = "yes", entry_id: str = "", **changed: Any) -> Posting:
    """Return a settlement that pays as the venue does."""
    yes, no = {"yes": ("1", "0"), "no": ("0", "1"), "void": ("0.5", "0.5")}[result]
    return a_posting(
        entry_id or f"settlement:degen:{symbol}:1:0",
        PostingKind.SETTLEMENT,
        result=result,
        payouts=[
            Payout(InstrumentKey("degen", symbol, Outcome.YES), Decimal(yes)),
            Payout(InstrumentKey("degen", symbol, Outcome.NO), Decimal(no)),
        ],
        **changed,
    )


def a_market(status: MarketStatus = MarketStatus.OPEN, **changed: Any) -> Market:
    """Return a binary market of the series BTC-5M."""
    market = Market(
        venue="degen",
        symbol=SYMBOL,
        kind=InstrumentKind.BINARY,
        status=status,
        underlying="BTC",
        series="BTC-5M",
        strike=Decimal(60_000),
        tick_size=Decimal("0.01"),
        expiry_ns=NOW_NS + 300 * S,
        ts_event_ns=NOW_NS,
        ts_received_ns=NOW_NS,
    )
    return msgspec.structs.replace(market, **changed)


def a_resolved_market(result: str = "yes", **changed: Any) -> Market:
    """Return the market after its end, settled in accordance with its strike."""
    price = Decimal(60_001 if result == "yes" else 59_999)
    return a_market(MarketStatus.RESOLVED, **({"result": result, "settlement_price": price} | changed))


def held_of(symbol: str, yes_lots: int, no_lots: int) -> list[Holding]:
    """Return what a venue shows of both outcomes of a market."""
    lots = ((Outcome.YES, yes_lots), (Outcome.NO, no_lots))
    return [Holding(InstrumentKey("degen", symbol, outcome), held) for outcome, held in lots]


def a_snapshot(
    account_sequence: int, cash: str, holdings: dict[str, tuple[int, int]] | None = None, **changed: Any
) -> AccountState:
    """Return what the venue says account mm1 holds: YES and NO of each market, and cash in USD.

    `rounding_cash` and `redeemable_cash` are of that cash, `others` are balances in other currencies.
    """
    balance = Balance(
        currency="USD",
        total=Decimal(cash),
        available=Decimal(cash),
        redeemable=changed.pop("redeemable_cash", Decimal(0)),
        rounding=changed.pop("rounding_cash", Decimal(0)),
    )
    snapshot = AccountState(
        account="mm1",
        venue="degen",
        main=balance,
        holdings=[each for symbol, lots in (holdings or {}).items() for each in held_of(symbol, *lots)],
        open_orders=[],
        account_sequence=account_sequence,
        reason="timer",
        ts_event_ns=NOW_NS,
        ts_received_ns=NOW_NS,
    )
    return msgspec.structs.replace(snapshot, **changed)


def a_config(algo_id: str = "1", revision: int = 1, **sections: Any) -> BotConfig:
    """Return a running binary bot with limits; `risk_limits=None` takes them away."""
    document: dict[str, Any] = {
        "instrument": {"series": ["BTC-5M"], "sources": {"BTC": [{"symbol": "BTCUSDT"}]}},
        "risk_limits": {"max_daily_loss": "100"},
    } | sections
    document = {name: section for name, section in document.items() if section is not None}
    return BotConfig(
        algo_id=algo_id, kind="binary", revision=revision, running=True, sections=document, actor="test", ts_ns=NOW_NS
    )


def a_fair(fair: float, **changed: Any) -> FairValue:
    """Return bot 1's opinion of the market."""
    value = FairValue(
        algo_id="1",
        venue="degen",
        symbol=SYMBOL,
        fair=fair,
        delta=0.001,
        volatility=0.5,
        spot=60_000.0,
        seconds_left=200.0,
        ready=True,
        age_ns=0,
    )
    return msgspec.structs.replace(value, **changed)


def a_target(valid_until_ns: int, **changed: Any) -> QuoteTarget:
    """Return a two-sided target of bot 1."""
    target = QuoteTarget(
        algo_id="1",
        account="mm1",
        venue="degen",
        symbol=SYMBOL,
        bids=[QuoteLevel(48, 100)],
        asks=[QuoteLevel(52, 100)],
        fair=0.5,
        state="quoting",
        valid_until_ns=valid_until_ns,
    )
    return msgspec.structs.replace(target, **changed)


def a_feed_status(venue: str = "degen", **changed: Any) -> FeedStatus:
    """Return a healthy feed."""
    status = FeedStatus(venue=venue, connected=True, silent_ns=0, clock_offset_ns=0, clock_known=True)
    return msgspec.structs.replace(status, **changed)


def a_lift(halt: Halt) -> Halt:
    """Return a person's lift of a halt."""
    return msgspec.structs.replace(halt, lifted=True, actor="anna", halt_id=f"{halt.halt_id}-lift")
