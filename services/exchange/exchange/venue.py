"""The whole venue without a socket: its core, and REST requests from their path to their answer."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from exchange.core import Core
from exchange.entry.parse import FRAME_BYTES_MAX
from exchange.entry.session import Output
from exchange.market.refusals import Refusal
from exchange.rest.request import Call, bearer
from exchange.rest.routes import find_route


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to a REST request, and what it caused elsewhere."""

    status: int
    headers: dict[str, str]
    body: bytes
    outputs: list[Output]


class Exchange(Core):
    """A deterministic function of its seed and inputs; every method runs to its end and returns what must leave."""

    latency_in_s = 0.0
    """How long a REST request is on its way here; its shell waits for it, a simulation's wire has its own."""
    latency_out_s = 0.0

    def on_request(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes, now_ns: int
    ) -> Response:
        """Answer a request; a refusal is an answer too."""
        self.advance(now_ns)
        extra: dict[str, str] = {}
        account = None
        try:
            route, names = find_route(method, path)
            grant = None
            if route.scopes:
                grant = self.keyring.grant(bearer(headers), self.now_ns)
                account = grant.key.account
                grant.need(*route.scopes)
                if route.budget is not None:
                    self.order_entry.budgets.spend(grant.key, route.budget, 1, self.now_ns)
            if len(body) > FRAME_BYTES_MAX:
                raise Refusal("too_large", f"a body has at most {FRAME_BYTES_MAX} bytes")
            status, document = route.answer(Call(self, grant, names, query, body, self.now_ns))
            if method != "GET" and path.startswith("/orders") and self.breaks("server_error_after_accept", account):
                raise Refusal("internal_error", "outcome unknown: ask by client order id")
        except Refusal as refusal:
            status, document = refusal.http_status, {"error": refusal.error(), **refusal.beside}
            if refusal.retry_after_ms is not None:
                extra["Retry-After"] = str(-(-refusal.retry_after_ms // 1_000))
        headers_out = {"Content-Type": "application/json", **extra}
        return Response(status, headers_out, msgspec.json.encode(document), self.outputs())
