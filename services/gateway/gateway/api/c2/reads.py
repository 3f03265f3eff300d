"""What C2's topics say, to be had once: the same arrays of DTOs, newest first."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from gateway.api.access import ContextOf, Viewer, demand_visible
from gateway.api.c2.bodies import content_of, rows, visibility_of
from gateway.api.c2.examples import ALERT, BALANCE, EXPOSURE, ORDER, TRADE, TRADING, answers
from gateway.api.changing import existing_bot
from gateway.c2.channels import ROWS_MAX
from gateway.c2.topics import Topic, TopicKind

router = APIRouter(prefix="/api/v0", tags=["C2 figures"])


@router.get("/statistics/trading", responses=answers([TRADING], "TradingStatistics"))
async def get_trading(context: ContextOf, caller: Viewer) -> Response:
    """Return the figures of every spot bot since its cutoff."""
    return rows(content_of(context).trading_statistics(visibility_of(caller)))


@router.get("/statistics/risk", responses=answers([EXPOSURE], "RiskStatistics"))
async def get_risk(context: ContextOf, caller: Viewer) -> Response:
    """Return the exposure of every watched currency."""
    return rows(content_of(context).risk_statistics(visibility_of(caller)))


@router.get("/alerts", responses=answers([ALERT], "Alert"))
async def get_alerts(
    context: ContextOf,
    caller: Viewer,
    after_sequence: Annotated[int, Query(ge=0, description="only those with a higher sequence")] = 0,
) -> Response:
    """Return the last alerts, the highest sequence first."""
    blotter = context.view.blotter
    told = [*blotter.warnings.newest(ROWS_MAX), *blotter.notes.newest(ROWS_MAX)]
    later = [each for each in told if each[0] > after_sequence]
    return rows(content_of(context).alerts(later, visibility_of(caller)))


@router.get("/orders/{algo_id}", responses=answers([ORDER], "Order"))
async def get_orders(algo_id: str, context: ContextOf, caller: Viewer) -> Response:
    """Return the last orders of a bot, and every one that may still be filled."""
    existing_bot(context, algo_id)
    demand_visible(caller, algo_id)
    return rows(content_of(context).orders(context.view.blotter.orders[algo_id].newest(ROWS_MAX)))


@router.get("/trades/{algo_id}", responses=answers([TRADE], "Trade"))
async def get_trades(algo_id: str, context: ContextOf, caller: Viewer) -> Response:
    """Return the last executions of a bot."""
    existing_bot(context, algo_id)
    demand_visible(caller, algo_id)
    return rows(content_of(context).trades(context.view.blotter.trades[algo_id].newest(ROWS_MAX)))


@router.get("/balances", responses=answers([BALANCE], "Balance"))
async def get_balances(context: ContextOf, caller: Viewer) -> Response:
    """Return what there is of each currency at each exchange."""
    return rows(content_of(context).balances(Topic(TopicKind.BALANCES), visibility_of(caller)))
