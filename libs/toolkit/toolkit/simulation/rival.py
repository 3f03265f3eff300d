"""Another maker at the venue, who quotes markets that are about to end: from him one can take."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

NAME = "rival"
QUOTES_LAST_S = 15
EVERY_MS = 1_000
SIZE = 60
AWAY_TICKS = 3
TOKEN_S = 86_400
NS_PER_S = 1_000_000_000

Request = Callable[[str, str, dict[str, str], dict[str, str], bytes], Any]


class Rival:
    """Bids for YES and NO around the last price of each market that has little time left, over REST alone."""

    def __init__(self, venue: Any, secret: str) -> None:
        self._venue, self._secret = venue, secret
        self._token = ""
        self._next_id = 1

    def quote(self, now_ns: int) -> list[object]:
        """Replace every quote; return what leaves the venue because of it."""
        outputs: list[object] = []

        def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
            headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
            data = json.dumps(body).encode() if body is not None else b""
            response = self._venue.on_request(method, path, {}, headers, data, now_ns)
            outputs.extend(response.outputs)
            return json.loads(response.body)

        if not self._token:
            login = {"api_key": f"{NAME}-trade", "api_secret": self._secret, "lifetime_s": TOKEN_S}
            self._token = call("POST", "/auth/login", login).get("token", "")
            if not self._token:
                # A venue that is told to fail lets nobody in; he comes again.
                return outputs
        call("DELETE", "/orders")
        for market in call("GET", "/markets").get("markets", []):
            left_s = (market["expiry_ns"] - now_ns) / NS_PER_S
            if market["status"] == "OPEN" and market["last_price"] and 0 < left_s <= QUOTES_LAST_S:
                last = round(float(market["last_price"]) * 100)
                for outcome, ticks in (("yes", last - AWAY_TICKS), ("no", 100 - last - AWAY_TICKS)):
                    if 0 < ticks < 100:
                        order = {"client_order_id": str(self._next_id), "market": market["id"], "side": "bid"}
                        order |= {"outcome": outcome, "price": f"0.{ticks:02d}", "size": SIZE, "post_only": True}
                        self._next_id += 1
                        call("POST", "/orders", order)
        return outputs
