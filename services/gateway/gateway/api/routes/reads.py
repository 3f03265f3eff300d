"""What people look at over REST: status, positions, orders, fills, markets, alerts, health."""

from __future__ import annotations

from typing import Annotated, Literal

from common.clock import NS_PER_MS
from common.events import Market, MarketStatus
from fastapi import APIRouter, Query, Response

from gateway.api.access import ContextOf, Viewer
from gateway.api.errors import answer
from gateway.api.examples import example
from gateway.kinds.parts import Json, held_in
from gateway.kinds.registry import lots_part
from gateway.state.ages import POSITION_STALE_NS, aged
from gateway.state.picture import alert_row, fill_row, order_row, recent_alerts, recent_fills, venues
from gateway.state.status import status
from gateway.state.view import ALERTS_MAX, FILLS_MAX

ROWS_MAX = 1_000

router = APIRouter(prefix="/api", tags=["views"])

Limit = Annotated[int, Query(ge=1, le=ROWS_MAX, description="maximum number of rows")]
AlgoId = Annotated[str | None, Query(max_length=16, description="only of this bot")]
Symbol = Annotated[str | None, Query(max_length=128, description="only of this market")]
After = Annotated[int, Query(ge=0, description="only what came after this sequence")]


@router.get("/status", responses=example("status"))
async def get_status(context: ContextOf, _caller: Viewer) -> Response:
    """Return the platform on one page: services, a row per bot and market, halts."""
    return answer(status(context.view, context.now_ns()))


@router.get("/health", responses=example("health"))
async def get_health(context: ContextOf, _caller: Viewer) -> Response:
    """Return the health of every service and of every venue's market data."""
    now_ns = context.now_ns()
    return answer({"services": status(context.view, now_ns)["services"], "venues": venues(context.view, now_ns)})


@router.get("/positions", responses=example("positions"))
async def get_positions(context: ContextOf, _caller: Viewer, algo_id: AlgoId = None) -> Response:
    """Return each bot's positions and P&L after the fills up to `fill_sequence`, as exact decimals.

    Profit and fees are null where some are in currencies whose rate is not known: `unrated` names them.
    """
    now_ns = context.now_ns()
    positions = [
        {
            "algo_id": bot,
            "realized": None if position.event.unrated else position.event.realized,
            "fees": None if position.event.unrated else position.event.fees,
            "unrated": position.event.unrated,
            "fill_sequence": position.event.fill_sequence,
            "lines": [
                {
                    "account": held.account,
                    "venue": held.venue,
                    "symbol": held.symbol,
                    **lots_part(held),
                    "cost": held.cost,
                    "fees": held.fees,
                    "fills": held.fills,
                }
                for held in held_in(position.event)
            ],
            **aged(position.age_ns(now_ns), POSITION_STALE_NS),
        }
        for bot, position in sorted(context.view.positions.items())
        if algo_id in (None, bot)
    ]
    return answer({"positions": positions})


@router.get("/orders", responses=example("orders"))
async def get_orders(
    context: ContextOf,
    _caller: Viewer,
    state: Annotated[Literal["open", "finished"], Query(description="may still be filled, or ended")] = "open",
    algo_id: AlgoId = None,
    symbol: Symbol = None,
    limit: Limit = 200,
) -> Response:
    """Return orders that may be filled, or the last that ended; newest first."""
    orders = context.view.orders
    found = (
        list(orders.finished())
        if state == "finished"
        else sorted(context.view.open_orders(), key=lambda each: -each.order_id)
    )
    rows = [
        order_row(context.view, order, context.now_ns())
        for order in found
        if algo_id in (None, order.algo_id) and symbol in (None, order.symbol)
    ]
    return answer({"orders": rows[:limit], "total": len(rows)})


@router.get("/fills", responses=example("fills"))
async def get_fills(
    context: ContextOf,
    _caller: Viewer,
    algo_id: AlgoId = None,
    symbol: Symbol = None,
    after_sequence: After = 0,
    limit: Limit = 200,
) -> Response:
    """Return the last executions, newest first, each with its place in the ledger's stream."""
    rows = [
        fill_row(sequence, fill)
        for sequence, fill in recent_fills(context.view, FILLS_MAX)
        if sequence > after_sequence and algo_id in (None, fill.algo_id) and symbol in (None, fill.symbol)
    ]
    return answer({"fills": rows[:limit]})


@router.get("/markets", responses=example("markets"))
async def get_markets(
    context: ContextOf,
    _caller: Viewer,
    life: Annotated[
        MarketStatus | None, Query(alias="status", description="only markets at this point of their life")
    ] = None,
    limit: Limit = 200,
) -> Response:
    """Return the markets of the last day, next expiry first among those that live; times are the venue's."""
    now_ns = context.now_ns()
    markets = [market for market in context.view.markets.values() if life in (None, market.status)]
    markets.sort(key=_place_in_list)
    return answer({"markets": [_market_row(market, now_ns) for market in markets[:limit]]})


def _place_in_list(market: Market) -> tuple[int, int]:
    """Living markets by what is left of their life, those without an end, then what is over, the latest first."""
    if market.status.over:
        return 2, -market.expiry_ns
    return (0, market.expiry_ns) if market.expiry_ns else (1, 0)


@router.get("/alerts", responses=example("alerts"))
async def get_alerts(
    context: ContextOf, _caller: Viewer, after_sequence: After = 0, algo_id: AlgoId = None, limit: Limit = 200
) -> Response:
    """Return the last alerts, newest first."""
    rows = [
        alert_row(sequence, alert)
        for sequence, alert in recent_alerts(context.view, ALERTS_MAX)
        if sequence > after_sequence and algo_id in (None, alert.algo_id)
    ]
    return answer({"alerts": rows[:limit]})


def _market_row(market: Market, now_ns: int) -> Json:
    return {
        "venue": market.venue,
        "symbol": market.symbol,
        "kind": market.kind.value,
        "status": market.status.value,
        "title": market.title,
        "underlying": market.underlying,
        "series": market.series,
        "strike": market.strike,
        "tie_rule": market.tie_rule.value,
        "tick_size": market.tick_size,
        "currency": market.currency,
        "open_ns": market.open_ns,
        "expiry_ns": market.expiry_ns,
        "result": market.result or None,
        "settlement_price": market.settlement_price,
        "age_ms": max(0, now_ns - market.ts_received_ns) // NS_PER_MS,
    }
