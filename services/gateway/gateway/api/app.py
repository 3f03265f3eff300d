"""The gateway's application: every door, one way to refuse, one guard at each route."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import APIRoute

from gateway.api import errors
from gateway.api.c2 import bots as c2_bots
from gateway.api.c2 import reads as c2_reads
from gateway.api.c2 import risks as c2_risks
from gateway.api.described import DescribedApi
from gateway.api.protection import BoundedBodies, SecurityHeaders
from gateway.api.routes import (
    adjustments,
    bots,
    documents,
    explain,
    halts,
    oauth,
    pages,
    reads,
    transfers,
    users,
)
from gateway.c2 import socket
from gateway.c2.hub import Hub
from gateway.context import Context

DESCRIPTION = """Monitor and control the market-making platform.

Get tokens at `POST /oauth/token`, then send `Authorization: Bearer <access token>` with every request. Roles: viewers
view, traders control bots and call halts, risk officers set limits and lift halts, admins do everything.

Times are ns since the epoch. Money is text with exact decimals; opinions (fair values, marks) are numbers. Every number
that ages carries `age_ms` and `stale`. Every command answers with a `command_id`, which is also in the audit.
A refusal is `{"error": {"code", "message", "fields": [{"field", "rule"}]}}`.
"""


DOORS = (oauth, reads, explain, bots, documents, halts, adjustments, transfers, users, pages)
C2_DOORS = (c2_risks, c2_bots, c2_reads)
ROUTERS = tuple(door.router for door in (*DOORS, *C2_DOORS))
"""Every route there is, beside the API's own description."""
SOCKETS = (socket.router,)
"""Websockets: who comes in shows his token within the protocol."""


def build_app(context: Context) -> FastAPI:
    """Return the application that serves the gateway's port."""
    app = DescribedApi(
        title="Market-making platform",
        version="0.1.0",
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context
    app.state.hub = Hub(context.view, socket.log_failure)
    app.state.sockets = 0
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.described = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    for door in SOCKETS:
        app.include_router(door)
    app.add_middleware(BoundedBodies)
    app.add_middleware(SecurityHeaders)
    return app
