"""Why a quote or an order is there, or is not: what was known when it was decided, in words for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from common.clock import NS_PER_MS
from common.events import FeeTerms, SourcePrice
from common.instruments import InstrumentKind
from common.pretrade import NewOrder, RejectReason

from quoter.orders.own_orders import Order
from quoter.orders.terms import Terms
from quoter.trading.memory import NOTHING_SENT, Record, record_of
from quoter.trading.strategy import Price
from quoter.trading.trader import Trader

SHOWN_MAX = 20
PASSED = [reason.value for reason in RejectReason]
"""An order that was placed has been held against every one of them."""
ID_DIGITS_MAX = 19
DIGITS = 12
"""Of a figure that is shown."""


def described(record: Record, now_ns: int) -> dict[str, Any]:
    """Return a JSON-able account of one pass."""
    plan, tick_size = record.plan, record.terms.tick_size
    seconds_left = record.terms.seconds_left(record.venue_now_ns)
    return {
        **record.particulars.explained(plan, record.venue_now_ns),
        "ago_ms": (now_ns - record.now_ns) // NS_PER_MS,
        "at_ns": record.now_ns,
        "state": plan.state,
        "reason": plan.reason,
        "waiting_for": record.waiting,
        "not_taking": record.not_taking,
        "seconds_left": None if seconds_left is None else round(seconds_left, 3),
        "inputs": _inputs(record),
        "parts": {name: rounded(value) for name, value in plan.parts.items()},
        "skew": round(plan.skew, 6),
        **counted_in(record.terms),
        "bids": [[float(level.price_ticks * tick_size), level.quantity_lots] for level in plan.bids],
        "asks": [[float(level.price_ticks * tick_size), level.quantity_lots] for level in plan.asks],
        "room": _room(record),
        "cancelled": [str(order_id) for order_id in record.cancelled],
        "placed": [_order(order, tick_size, taking=record.taking) | {"passed": PASSED} for order in record.placed],
        "refused": [
            _order(order, tick_size, taking=record.taking)
            | {"check": rejection.reason.value, "detail": rejection.detail}
            for order, rejection in record.refused
        ],
    }


def counted_in(terms: Terms) -> dict[str, Any]:
    """Return what one lot is, and of which coin; no coin's name for shares."""
    instrument = terms.instrument
    base = instrument.base if instrument.kind is InstrumentKind.SPOT else ""
    return {"lot": float(instrument.lot_size), "base": base}


def rounded(value: float) -> float:
    """Return a figure without a float's last bits, however small it is."""
    return float(f"{value:.{DIGITS}g}")


def _room(record: Record) -> dict[str, int]:
    """Return the headroom by direction; buying YES and buying NO are the two directions of a binary market."""
    buy_lots, sell_lots = record.plan.headroom
    found = {"buy_lots": buy_lots, "sell_lots": sell_lots}
    return found if record.terms.opposite is None else found | {"yes_lots": buy_lots, "no_lots": sell_lots}


def _inputs(record: Record) -> dict[str, Any]:
    """Return what was known, each with its age at that moment."""
    book, now_ns, free = record.book, record.now_ns, record.free_cash
    ages = {
        "age_ms": (now_ns - record.fresh_at_ns) // NS_PER_MS,
        "heard_ms_ago": (now_ns - record.heard_at_ns) // NS_PER_MS,
    }
    return {
        **_price(record.price, ages),
        "book": None
        if book is None
        else {
            "bid": book.bid,
            "ask": book.ask,
            "age_ms": max(0, now_ns - book.ts_received_ns) // NS_PER_MS,
        },
        "limits": {"age_ms": record.limits_age_ns // NS_PER_MS, "revision": record.limits_revision},
        "feed": {"age_ms": record.feed_age_ns // NS_PER_MS},
        "venue_heard": {"age_ms": record.venue_age_ns // NS_PER_MS},
        "position": record.particulars.position(),
        "fees": _fees(record.terms.fees),
        "free_cash": None if free is None or math.isinf(free) else round(free, 2),
    }


def _fees(fees: FeeTerms | None) -> dict[str, str] | None:
    """Return what the venue takes of a fill, None where it does not say; no kind of bot prices it in by itself."""
    if fees is None:
        return None
    return {"maker": f"{fees.maker_rate:f}", "taker": f"{fees.taker_rate:f}", "in": fees.currency.value}


def _price(price: Price | None, ages: dict[str, int]) -> dict[str, Any]:
    if isinstance(price, SourcePrice):
        return {"source_price": {"bid": price.bid, "ask": price.ask, "fx_rate": price.fx_rate, **ages}}
    if price is None:
        return {"fair_value": None}
    fair = {
        "fair": price.fair,
        "volatility": price.volatility,
        "uncertainty": price.uncertainty,
        "spot": price.spot,
        "delta": price.delta,
        "ready": price.ready,
    }
    return {"fair_value": fair | ages}


def _order(order: NewOrder, tick_size: Decimal, *, taking: bool) -> dict[str, Any]:
    return {
        "order_id": str(order.order_id),
        "side": order.side.value,
        "outcome": order.outcome.value,
        "price": float(order.price_ticks * tick_size),
        "size": order.quantity_lots,
        "takes": taking,
    }


def explanation(trader: Trader, query: Mapping[str, str], now_ns: int) -> dict[str, Any] | None:
    """Answer `order=`, `market=` or nothing at all (what there is); None for what is not known (any more)."""
    unknown = sorted(query.keys() - {"order", "market"})
    if unknown:
        raise ValueError(f"{unknown[0]}: unknown parameter; known are market, order")
    if query.get("order"):
        return _explained_order(trader, query["order"], now_ns)
    memory = trader.memory
    if not query.get("market"):
        rows = [
            {
                "algo_id": algo_id,
                "market": record.terms.symbol,
                "state": record.plan.state,
                "reason": record.waiting or record.plan.reason,
                "ago_ms": (now_ns - record.now_ns) // NS_PER_MS,
            }
            for algo_id, record in memory.newest()
        ]
        return {"account": trader.account, "markets": rows}
    symbol = query["market"]
    bots = [
        {"algo_id": algo_id, "now": _now(trader, algo_id, symbol, now_ns), "passes": _told(records, now_ns)}
        for algo_id, records in memory.of(symbol)
    ]
    return {"account": trader.account, "market": symbol, "bots": bots} if bots else None


def _told(records: Sequence[Record], now_ns: int) -> list[dict[str, Any]]:
    return [described(record, now_ns) for record in records[:SHOWN_MAX]]


def _now(trader: Trader, algo_id: str, symbol: str, now_ns: int) -> dict[str, Any] | None:
    """Return how a market stands: the last look at it, and what rests there."""
    bot = trader.bots.get(algo_id)
    quoted = bot.quoted.get(symbol) if bot else None
    if quoted is None or quoted.plan is None:
        return None
    waiting = quoted.published[3] if quoted.published and quoted.published[2] == "waiting" else ""
    orders = trader.orders.of(algo_id, symbol)
    tick_size = quoted.terms.tick_size
    return described(record_of(quoted, waiting, *NOTHING_SENT), now_ns) | {
        "orders": [_working(order, tick_size, now_ns) for order in orders]
    }


def _working(order: Order, tick_size: Decimal, now_ns: int) -> dict[str, Any]:
    return {
        "order_id": str(order.order_id),
        "side": order.side.value,
        "outcome": order.outcome.value,
        "price": float(order.price_ticks * tick_size),
        "size": order.quantity_lots,
        "filled": order.filled_lots,
        "state": order.state.value,
        "reason": order.reason,
        "age_ms": (now_ns - order.sent_ns) // NS_PER_MS if order.sent_ns else None,
    }


def _explained_order(trader: Trader, text: str, now_ns: int) -> dict[str, Any] | None:
    if not text.isdecimal() or len(text) > ID_DIGITS_MAX:
        raise ValueError(f"order: must be an order id of up to {ID_DIGITS_MAX} digits")
    order_id = int(text)
    order = trader.orders.get(order_id)
    algo_id, records = trader.memory.of_order(order_id)
    if order is None and not records:
        return None
    found: dict[str, Any] = {"account": trader.account, "order_id": text, "algo_id": algo_id}
    if order is not None:
        terms = trader.markets.get(order.symbol)
        tick_size = terms.tick_size if terms else trader.session.tick_size
        found |= {"algo_id": order.algo_id, "market": order.symbol, "order": _working(order, tick_size, now_ns)}
        found |= counted_in(terms) if terms else {}
    return found | {"passes": _told(records, now_ns)}
