"""Ready-made events of spot bots: fills of quotes and of hedges, cutoffs, on BTCJPY hedged in BTCUSD."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from common.events import (
    BotConfig,
    Fill,
    InstrumentKey,
    InstrumentMove,
    Market,
    Opening,
    PlatformConfig,
    Posting,
    PostingKind,
    TopOfBook,
)
from common.instruments import InstrumentKind, Outcome, Side
from common.testing.spot import BTCJPY

from risk.monitoring.platform_limits import parse_platform_limits
from risk.testing.events import NOW_NS, PLATFORM_LIMITS, a_fill, a_market, a_posting

SPOT_BOTS: dict[str, Any] = {
    "min_buy_quote_active_ms": 0,
    "min_sell_quote_active_ms": 7,
    "bases": {
        "BTC": {
            "max_position": "50",
            "max_order": "2",
            "max_long_exposure": "6",
            "max_short_exposure": "4",
            "max_quoter_position_size": "8",
            "max_hedger_position_size": "9",
        }
    },
    "terms": {
        "JPY": {"max_day_loss": "400000", "max_order_notional": 1e8, "max_notional": 1e9, "max_account_notional": 1e9}
    },
    "exposures": {
        "BTC": {"max_long_exposure": "20", "max_short_exposure": "20"},
        "JPY": {"max_long_exposure": "9e7", "max_short_exposure": "9e7"},
    },
    "low_funds": {"USD": "1000"},
}
SPOT_PLATFORM = parse_platform_limits(
    PLATFORM_LIMITS.model_dump(mode="json", exclude_none=True) | {"spot_bots": SPOT_BOTS}
)
"""Platform-wide limits with those of spot bots."""
DLTXMM, KRAKEN = "dltxmm_spot", "kraken_spot"
LOT = Decimal("0.001")
VENUES = {"mm1": DLTXMM, "mm2": KRAKEN}


def base_of(venue: str, symbol: str) -> str:
    """Return what a symbol of six letters buys."""
    return symbol[:3]


def venue_of(account: str) -> str:
    return VENUES.get(account, "")


def a_quote(trade: int, lots: int, price: int | str = 9_000_000, **changed: Any) -> Fill:
    """Return a fill of a quote of bot 3 in BTCJPY; `lots` of 0.001, below 0 for a sale."""
    tick = changed.setdefault("tick_size", Decimal(1))
    known = {
        "algo_id": "3",
        "venue": DLTXMM,
        "symbol": "BTCJPY",
        "base": "BTC",
        "outcome": Outcome.NONE,
        "currency": "JPY",
        "lot_size": LOT,
        "side": Side.BUY if lots > 0 else Side.SELL,
        "quantity_lots": abs(lots),
        "price_ticks": int(Decimal(price) / tick),
    }
    return a_fill(trade, **(known | changed))


def a_hedge(trade: int, lots: int, price: int | str = 60_000, term_rate: str | None = "150", **changed: Any) -> Fill:
    """Return a fill of a hedge for bot 3 in BTCUSD at KRAKEN, through account mm2."""
    known = {
        "account": "mm2",
        "venue": KRAKEN,
        "symbol": "BTCUSD",
        "currency": "USD",
        "parent_id": "bot-3:mm2:1:1",
        "term_currency": "JPY",
        "term_rate": None if term_rate is None else Decimal(term_rate),
    }
    return a_quote(trade, lots, price, **(known | changed))


def a_pair(venue: str, symbol: str, **changed: Any) -> Market:
    """Return a spot market of the two currencies that its symbol names."""
    known: dict[str, Any] = {
        "kind": InstrumentKind.SPOT,
        "underlying": "",
        "series": "",
        "strike": None,
        "expiry_ns": 0,
    }
    known |= {"base": symbol[:3], "currency": symbol[3:], "lot_size": LOT, "tick_size": Decimal(1)}
    return a_market(venue=venue, symbol=symbol, **(known | changed))


BTCJPY_MARKET, BTCUSD_MARKET = a_pair(DLTXMM, "BTCJPY"), a_pair(KRAKEN, "BTCUSD")
USDJPY_MARKET = a_pair(KRAKEN, "USDJPY", tick_size=Decimal("0.01"))


def a_spot_bot(
    algo_id: str = "3", document: Mapping[str, Any] = BTCJPY, revision: int = 1, **changed: Any
) -> BotConfig:
    """Return a running spot bot; `changed` names sections, of which what is not named stays, or None for none."""
    sections = {name: dict(section) for name, section in document.items()}
    for name, section in changed.items():
        if section is None:
            del sections[name]
        else:
            sections[name] = sections.get(name, {}) | section
    return BotConfig(
        algo_id=algo_id, kind="spot", revision=revision, running=True, sections=sections, actor="test", ts_ns=NOW_NS
    )


def a_document(type_: str, id_: str, document: Mapping[str, Any], revision: int = 1) -> PlatformConfig:
    return PlatformConfig(type=type_, id=id_, revision=revision, document=dict(document), actor="test", ts_ns=NOW_NS)


def a_top(venue: str, symbol: str, mid: float) -> TopOfBook:
    """Return best prices one unit around a middle."""
    half = min(1.0, mid / 10)
    return TopOfBook(
        venue=venue, symbol=symbol, bid=mid - half, ask=mid + half, bid_size=1.0, ask_size=1.0, ts_received_ns=NOW_NS
    )


def a_cutoff(entry_id: str = "a", price: str | None = "9000000", factor: str = "1", **changed: Any) -> Posting:
    """Return a cutoff of bot 3."""
    opening = Opening(
        base="BTC",
        currency="JPY",
        price=None if price is None else Decimal(price),
        factor=Decimal(factor),
        start_ns=changed.pop("start_ns", NOW_NS),
    )
    known: dict[str, Any] = {
        "algo_id": "3",
        "venue": DLTXMM,
        "currency": "JPY",
        "moves": [InstrumentMove(InstrumentKey(DLTXMM, "BTCJPY"), 0, opening=opening)],
    }
    return a_posting(f"cutoff:3:{entry_id}", PostingKind.CUTOFF, **(known | changed))
