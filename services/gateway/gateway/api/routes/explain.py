"""Why a quote or an order is there, or is not: the quoters know, and are asked."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response

from gateway.api.access import ContextOf, Viewer
from gateway.api.errors import ApiError, answer
from gateway.api.examples import example

router = APIRouter(prefix="/api", tags=["views"])


@router.get("/explain", responses=example("explained"))
async def get_explain(
    context: ContextOf,
    _caller: Viewer,
    order: Annotated[str, Query(pattern=r"^[0-9]{1,19}$", description="one order, by our id")] = "",
    market: Annotated[str, Query(max_length=128, description="one market: how it stands and its last passes")] = "",
) -> Response:
    """Return what was known when an order or a market's quotes were decided, and which check kept an order in.

    With neither parameter: every market that is remembered, with its state and the reason for it.
    """
    query = {name: text for name, text in (("order", order), ("market", market)) if text}
    ports = context.admin_ports
    found = await asyncio.gather(*(ports.ask(quoter, "explain", query) for quoter in ports.named("quoter")))
    told = [
        {"service": each.service, **row}
        for each in found
        if each.status == 200
        for row in each.document.get("explanations", [])
    ]
    if told:
        return answer({"explanations": told})
    if any(each.status == 404 for each in found):
        raise ApiError(404, "unknown", "no quoter knows it, or none remembers it")
    silent = ", ".join(f"{each.service} answered {each.status or 'nothing'}" for each in found) or "none is configured"
    raise ApiError(503, "not_answered", f"no quoter could be asked ({silent})")
