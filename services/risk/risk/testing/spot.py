"""Ready-made events of spot bots: fills of quotes and of hedges, cutoffs, on BTCJPY hedged in BTCUSD."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from common.events import Fill, InstrumentKey, InstrumentMove, Opening, Posting, PostingKind
from common.instruments import Outcome, Side

from risk.testing.events import NOW_NS, a_fill, a_posting

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
