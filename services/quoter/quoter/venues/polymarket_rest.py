"""Polymarket's REST side as scripts: signed requests, asked again until an answer means something, and paged lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

import msgspec
from common.errors import ContractError
from common.events import AlertLevel

from quoter.venues.base import Trouble
from quoter.venues.conversation import Backoff, Pause, Reply, Request, Script
from quoter.venues.polymarket_ticket import Signer
from quoter.venues.polymarket_words import (
    FIRST_PAGE,
    LAST_PAGE,
    BalanceDocument,
    Beat,
    Cancelled,
    Details,
    ErrorDocument,
    MarketDocument,
    OrderPage,
    TradePage,
    VersionDocument,
    WireOrder,
    WireTrade,
    details_of,
    micros,
    parse,
)

PAGES_MAX = 1_000
BACKOFF_FIRST_MS = 100.0
BACKOFF_MOST_MS = 3_000.0
EXCHANGE_VERSION = 2
"""The contracts our orders are signed for."""
T = TypeVar("T")


class PolymarketRest:
    """One account's REST calls. Each method that is a script is run by `Conversations`."""

    def __init__(self, signer: Signer, now_s: Callable[[], int], random: Random, signature_type: int = 0) -> None:
        self._signer, self._now_s = signer, now_s
        self._signature_type = signature_type
        self._backoff = Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS, random)
        self.faults = 0
        """Answers that could not be used, since start."""
        self._told: set[str] = set()

    def request(self, method: str, path: str, query: str = "", body: bytes = b"") -> Request:
        """Return a signed request; the signature covers method, path and body."""
        headers = self._signer.headers(method, path, body, self._now_s())
        return Request(method, path + query, body, headers)

    def call(self, method: str, path: str, query: str = "", body: bytes = b"") -> Script[Reply]:
        """Return an answer that means something: neither lost, nor put off, nor refused for want of a right key.

        Only for requests that may be repeated.
        """
        while True:
            # Signed anew each time: a signature is good for a short while.
            reply: Reply = yield self.request(method, path, query, body)
            if reply.status in (401, 403):
                yield from self.fault("bad_credentials", f"the venue refuses the API key: status {reply.status}")
            elif reply.status not in (0, 425, 429) and reply.status < 500:
                self._backoff.reset()
                return reply
            yield Pause(self._backoff.next_ms())

    def document(self, cls: type[T], method: str, path: str, query: str = "") -> Script[T]:
        """Return the document that answers a request, asked until it can be read."""
        while True:
            reply = yield from self.call(method, path, query)
            try:
                if reply.status != 200:
                    raise ContractError(f"{method} {path}", said(reply))
                return parse(cls, reply.body)
            except ContractError as error:
                yield from self.fault("bad_answer", str(error))
                yield Pause(self._backoff.next_ms())

    def check_version(self) -> Script[None]:
        """Ask which contracts orders are matched by, until they are those we sign for."""
        while True:
            version = (yield from self.document(VersionDocument, "GET", "/version")).version
            if version == EXCHANGE_VERSION:
                return
            yield from self.fault("exchange_version", f"the venue matches by contracts {version}, we sign for 2")
            yield Pause(BACKOFF_MOST_MS)

    def beat(self, beat_id: str) -> Script[str | None]:
        """Send one heartbeat, and once more when the venue names another id; the next id, None when it did not take."""
        for _ in range(2):
            reply: Reply = yield self.request(
                "POST", "/v1/heartbeats", body=msgspec.json.encode({"heartbeat_id": beat_id})
            )
            if reply.status in (401, 403):
                yield from self.fault("bad_credentials", f"the venue refuses the API key: status {reply.status}")
                return None
            if reply.status not in (200, 400):
                return None
            try:
                beat_id = parse(Beat, reply.body).heartbeat_id
            except ContractError as error:
                yield from self.fault("bad_answer", str(error))
                return None
            if reply.status == 200:
                return beat_id
        return None

    def cancel_all(self) -> Script[Cancelled]:
        """Cancel whatever rests of the account."""
        return self.document(Cancelled, "DELETE", "/cancel-all")

    def cancel(self, order_hashes: Sequence[str]) -> Script[None]:
        """Cancel orders, until the venue has taken the request; what became of them is asked for elsewhere."""
        yield from self.call("DELETE", "/orders", body=msgspec.json.encode(list(order_hashes)))

    def open_orders(self) -> Script[list[WireOrder]]:
        """Return everything of the account that rests."""
        found: list[WireOrder] = []
        cursor = FIRST_PAGE
        for _ in range(PAGES_MAX):
            page = yield from self.document(OrderPage, "GET", "/data/orders", f"?next_cursor={cursor}")
            found += page.data
            cursor = page.next_cursor
            if cursor in ("", LAST_PAGE):
                break
        return found

    def trades(self, after_s: int) -> Script[list[WireTrade]]:
        """Return the account's trades matched after a second, oldest first."""
        found: list[WireTrade] = []
        cursor = FIRST_PAGE
        for _ in range(PAGES_MAX):
            query = f"?after={after_s}&next_cursor={cursor}"
            page = yield from self.document(TradePage, "GET", "/data/trades", query)
            found += page.data
            cursor = page.next_cursor
            if cursor in ("", LAST_PAGE):
                break
        return sorted(found, key=lambda trade: (trade.matched_s, trade.id))

    def order(self, order_hash: str) -> Script[WireOrder | None]:
        """Return the venue's picture of one order, or None when it does not know it."""
        while True:
            reply = yield from self.call("GET", f"/data/order/{order_hash}")
            if reply.status == 404 or reply.body.strip() in (b"", b"null", b"{}"):
                return None
            try:
                if reply.status == 200:
                    return parse(WireOrder, reply.body)
                raise ContractError("GET /data/order", said(reply))
            except ContractError as error:
                yield from self.fault("bad_answer", str(error))
                yield Pause(self._backoff.next_ms())

    def market(self, symbol: str) -> Script[Details | None]:
        """Return a market's details, None when the venue knows no such market."""
        reply = yield from self.call("GET", f"/clob-markets/{symbol}")
        try:
            if reply.status == 200:
                return details_of(symbol, parse(MarketDocument, reply.body))
        except ContractError as error:
            yield from self.fault("bad_market", str(error))
        return None

    def balance(self, token_id: str = "") -> Script[int]:
        """Return what the account holds of a token, or of dollars, in millionths."""
        asset = f"asset_type=CONDITIONAL&token_id={token_id}" if token_id else "asset_type=COLLATERAL"
        query = f"?signature_type={self._signature_type}&{asset}"
        while True:
            found = yield from self.document(BalanceDocument, "GET", "/balance-allowance", query)
            try:
                # The venue counts it in millionths already.
                return micros(found.balance, "balance") // 1_000_000
            except ContractError as error:
                yield from self.fault("bad_answer", str(error))
                yield Pause(self._backoff.next_ms())

    def fault(self, kind: str, text: str) -> Script[None]:
        """Count an unusable answer and tell people about the first of its kind."""
        self.faults += 1
        if kind not in self._told:
            self._told.add(kind)
            yield Trouble(AlertLevel.CRITICAL, kind, text)


def said(reply: Reply) -> str:
    """Return what the venue said, cut to a readable length."""
    try:
        document = parse(ErrorDocument, reply.body)
        text = document.error or document.errorMsg
    except ContractError:
        text = ""
    return f"status {reply.status}: {text or reply.body[:200].decode(errors='replace')}"[:250]
