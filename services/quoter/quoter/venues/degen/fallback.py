"""Order entry over the Degen Terminal's REST side, for as long as no websocket can be had.

The venue's dead-man switch lives on the websocket; over REST there is none. So nothing that rests is ever placed this
way: with `CANCEL` orders are only cancelled, with `REDUCE` those that cannot rest (immediate or cancel) go out too, and
with `OFF` nothing is done before there is a websocket. Nobody tells what happens to the account meanwhile: its place in
the private stream is asked for every second, and whatever it moved by is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec
from common.clock import NS_PER_MS
from common.errors import ContractError

from quoter.venues.base import NotFound, Placement
from quoter.venues.conversation import Pause, Reply, Request, Script
from quoter.venues.degen.frames import (
    ErrorDocument,
    ItemResult,
    OneOrder,
    Result,
    WireError,
    WireOrder,
    order_report,
    parse_document,
    read_items,
)
from quoter.venues.degen.order_entry import BATCH_ITEMS_MAX, Waiting, outcomes, place_document
from quoter.venues.degen.rest import DegenRest
from quoter.venues.degen.stream import AccountStream
from quoter.venues.rounds import asked_until_final

FAILED_OPENS = 2
"""Connections in a row that could not be had after which REST takes over."""
POLL_MS = 1_000
FRESH_MS = 3_000
SILENT_MS = 15_000
REOPEN_MS = 3_000
FINAL_MS = 10_000
"""A request sent longer ago can no longer arrive."""
QUERY_PAUSE_MS = 250.0


class Fallback(StrEnum):
    """What may be sent over REST while there is no websocket."""

    OFF = "off"
    CANCEL = "cancel"
    REDUCE = "reduce"


class Refusal(ErrorDocument):
    """An error, with the order it is about where that is known."""

    order: WireOrder | None = None


class RestEntry:
    """Orders over REST, and what became of them."""

    def __init__(self, rest: DegenRest, stream: AccountStream, policy: Fallback, now_ns: Callable[[], int]) -> None:
        self._rest, self._stream, self._now_ns = rest, stream, now_ns
        self.policy = policy
        self._in_doubt_ns = -FINAL_MS * NS_PER_MS
        """When a request to place was last left without an answer."""
        self.polled_ns = 0
        self.requests = 0

    def wanted(self, failed_opens: int) -> bool:
        """Say whether REST is to take over after the connections that could not be had."""
        return self.policy is not Fallback.OFF and failed_opens >= FAILED_OPENS

    def may_place(self, place: Placement) -> bool:
        return self.policy is Fallback.REDUCE and place.immediate

    def fresh(self, now_ns: int) -> bool:
        """Say whether what we know of the account was asked for lately."""
        return self._stream.settled and now_ns - self.polled_ns <= FRESH_MS * NS_PER_MS

    def poll(self) -> Script[None]:
        """Ask where the account stands, and fetch what it moved by."""
        asked_ns = self._now_ns()
        yield from self._stream.snapshot("rest_fallback", on_wire=False)
        if self._stream.settled:
            self.polled_ns = asked_ns

    def take_over(self) -> Script[None]:
        """Cancel what older connections left, learn every order's end, and fetch what was missed."""
        yield from self.until_final()
        yield from self._stream.recover()
        yield from self.poll()

    def until_final(self) -> Script[None]:
        """Wait until no request of ours can still arrive: only then is "unknown order" final."""
        while self._now_ns() - self._in_doubt_ns < FINAL_MS * NS_PER_MS:
            yield Pause(QUERY_PAUSE_MS)

    def trade(self, cancels: Sequence[int], places: Sequence[Placement]) -> Script[None]:
        """Cancel and place, tell what became of each, and ask about those that nobody can say it of."""
        waiting = Waiting("batch", self._now_ns(), cancels, [place.order_id for place in places])
        items = yield from self.batch(cancels, places)
        doubtful: list[int] = []
        yield from outcomes(waiting, items, doubtful)
        yield from self.ask_about(doubtful)

    def batch(self, cancels: Sequence[int], places: Sequence[Placement]) -> Script[list[ItemResult]]:
        """Cancel one by one, then place at most fifty at once; return what became of each, in this order.

        No request is repeated. What has no answer, or one that does not say, is of unknown outcome.
        """
        items: list[ItemResult] = []
        for order_id in cancels:
            reply: Reply = yield self._request("DELETE", f"/orders/by-client-id/{order_id}")
            items.append((yield from self._of_cancel(reply)))
        for first in range(0, len(places), BATCH_ITEMS_MAX):
            some = places[first : first + BATCH_ITEMS_MAX]
            body = msgspec.json.encode({"orders": [place_document(place) for place in some]})
            reply = yield self._request("POST", "/orders", body)
            items += yield from self._of_places(reply, len(some))
        return items

    def _request(self, method: str, path: str, body: bytes = b"") -> Request:
        self.requests += 1
        return Request(method, path, body)

    def _of_cancel(self, reply: Reply) -> Script[ItemResult]:
        if reply.status == 200:
            try:
                return order_report(parse_document(OneOrder, reply.body).order, self._rest.symbols)
            except ContractError:
                return None
        item = yield from self._refusal(reply)
        if isinstance(item, WireError) and item.code == "unknown_order":
            # Its own request may still be on the way.
            return None
        return item

    def _of_places(self, reply: Reply, count: int) -> Script[list[ItemResult]]:
        if reply.status == 200:
            try:
                results = read_items(parse_document(Result, reply.body).results, self._rest.symbols)
            except ContractError:
                results = []
            if len(results) < count:
                self._in_doubt_ns = self._now_ns()
            return [*results, *[None] * (count - len(results))]
        item = yield from self._refusal(reply)
        if item is None:
            self._in_doubt_ns = self._now_ns()
        return [item] * count

    def _refusal(self, reply: Reply) -> Script[ItemResult]:
        """Return what a request that was not done comes to; a token that is not taken is renewed for the next one."""
        try:
            document = parse_document(Refusal, reply.body)
        except ContractError:
            document = None
        if reply.status == 401:
            self._rest.forget_token()
            yield from self._rest.login()
            return WireError("not_logged_in", "the token was not accepted")
        if document is not None and document.order is not None:
            try:
                return order_report(document.order, self._rest.symbols)
            except ContractError:
                return None
        if 400 <= reply.status < 500 or (document is not None and document.error.code == "unavailable"):
            return document.error if document else WireError(f"status_{reply.status}")
        return None

    def ask_about(self, order_ids: Sequence[int]) -> Script[None]:
        """Ask what became of orders, until each has an answer or its request can no longer arrive."""
        yield from asked_until_final(order_ids, self._ask, self._now_ns, lambda: QUERY_PAUSE_MS, final_ms=FINAL_MS)

    def _ask(self, order_id: int, final: bool) -> Script[bool]:
        try:
            report = yield from self._rest.order(order_id)
        except ContractError:
            # It is there, so it counts as resting: the next recovery asks again.
            return final
        if report is not None:
            yield report
        elif final:
            yield NotFound(order_id)
        return final or report is not None
