"""Polymarket's REST side as scripts: signed requests, asked again until an answer means something, and paged lists.

Every repetition has a pause that grows, and there is an alert when one goes on. A row of a list that cannot be read is
handed on beside those that can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import TypeVar

import msgspec
from common.clock import NS_PER_S
from common.errors import ContractError

from quoter.venues.base import SessionAlert
from quoter.venues.conversation import Backoff, Pause, Reply, Request, Script
from quoter.venues.faults import Faults
from quoter.venues.polymarket.numbers import text_of, whole_micros
from quoter.venues.polymarket.signing.ticket import Signer
from quoter.venues.polymarket.words import (
    CANCELS_MAX,
    FIRST_PAGE,
    LAST_PAGE,
    BalanceDocument,
    Beat,
    Cancelled,
    Details,
    ErrorDocument,
    MarketDocument,
    Page,
    VersionDocument,
    WireOrder,
    WirePosition,
    WireTrade,
    details_of,
    is_name,
    parse,
)
from quoter.venues.rows import BadRow, Rows, read_rows

PAGES_MAX = 200
POSITIONS_PER_PAGE = 500
POSITION_PAGES_MAX = 20
"""The venue's list of positions goes no further."""
BACKOFF_FIRST_MS = 100.0
BACKOFF_MOST_MS = 3_000.0
TRIES_TOLD = 8
"""Tries without a usable answer, some 15 s, after which a request causes an alert."""
ORDER_TRIES_MAX = 3
"""A single order's answer that cannot be read is asked for so often; then the caller goes on without."""
EXCHANGE_VERSION = 2
"""The contracts our orders are signed for."""
T = TypeVar("T")


class PolymarketRest:
    """One account's REST calls. Each method that is a script is run by `Conversations`."""

    def __init__(
        self,
        signer: Signer,
        now_ns: Callable[[], int],
        random: Random,
        positions_url: str,
        signature_type: int = 0,
    ) -> None:
        self._signer, self._now_ns, self._random = signer, now_ns, random
        self._positions_url = positions_url.rstrip("/")
        self._signature_type = signature_type
        self.faults = Faults(now_ns)
        """Answers that could not be used, since start."""
        self._told_ns: dict[str, int] = {}

    def pauses(self) -> Backoff:
        """Return the growing pauses of one request's repetitions."""
        return Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS, self._random)

    def request(self, method: str, path: str, query: str = "", body: bytes = b"") -> Request:
        """Return a signed request; the signature covers method, path and body."""
        headers = self._signer.headers(method, path, body, self._now_ns() // NS_PER_S)
        return Request(method, path + query, body, headers)

    def call(self, method: str, path: str, query: str = "", body: bytes = b"") -> Script[Reply]:
        """Return an answer that means something: neither lost, nor put off, nor refused for lack of a right key.

        Only for requests that may be repeated.
        """
        # Signed anew each time: a signature is good for a short while.
        return self._until_answered(lambda: self.request(method, path, query, body), f"{method} {path}")

    def _until_answered(self, request: Callable[[], Request], what: str) -> Script[Reply]:
        pauses = self.pauses()
        tries = 0
        while True:
            reply: Reply = yield request()
            if reply.status in (401, 403):
                yield from self.fault("bad_credentials", f"the venue refuses the API key: status {reply.status}")
            elif reply.status not in (0, 425, 429) and reply.status < 500:
                return reply
            tries += 1
            if tries >= TRIES_TOLD:
                yield from self.fault("no_answer", f"{what[:60]}: {tries} tries, the last with status {reply.status}")
            yield Pause(pauses.next_ms())

    def document(self, cls: type[T], method: str, path: str, query: str = "") -> Script[T]:
        """Return the document that answers a request, asked until it can be read."""
        return self._until_read(lambda: self.call(method, path, query), cls, f"{method} {path}")

    def _until_read(self, ask: Callable[[], Script[Reply]], cls: type[T], what: str) -> Script[T]:
        pauses = self.pauses()
        while True:
            reply = yield from ask()
            try:
                if reply.status != 200:
                    raise ContractError(what, said(reply))
                return parse(cls, reply.body)
            except ContractError as error:
                yield from self.fault("bad_answer", str(error))
                yield Pause(pauses.next_ms())

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

    # --- orders and trades --------------------------------------------------------------------------------------

    def cancel_all(self) -> Script[list[str]]:
        """Cancel whatever rests of the account; return what the venue says it cancelled, as far as it can be read.

        Whether all was done is seen in what rests then.
        """
        reply = yield from self.call("DELETE", "/cancel-all")
        try:
            if reply.status != 200:
                raise ContractError("DELETE /cancel-all", said(reply))
            return [each for each in parse(Cancelled, reply.body).canceled or [] if isinstance(each, str)]
        except ContractError as error:
            yield from self.fault("cancel_refused", str(error))
        return []

    def cancel(self, order_hashes: Sequence[str]) -> Script[None]:
        """Cancel orders, until the venue has taken the request; what became of them is asked for elsewhere."""
        for first in range(0, len(order_hashes), CANCELS_MAX):
            some = list(order_hashes[first : first + CANCELS_MAX])
            yield from self.call("DELETE", "/orders", body=msgspec.json.encode(some))

    def open_orders(self) -> Script[Rows[WireOrder]]:
        """Return everything of the account that rests."""
        return self._list(WireOrder, "/data/orders", "")

    def trades(self, after_s: int) -> Script[Rows[WireTrade]]:
        """Return the account's trades matched after a second, oldest first."""
        found = yield from self._list(WireTrade, "/data/trades", f"after={after_s}&")
        found.rows.sort(key=lambda trade: (trade.matched_s, trade.id))
        return found

    def _list(self, cls: type[T], path: str, filters: str) -> Script[Rows[T]]:
        """Return the rows of every page of a list."""
        found: Rows[T] = Rows([], [])
        cursor = FIRST_PAGE
        asked: set[str] = set()
        while cursor not in ("", LAST_PAGE):
            if cursor in asked or len(asked) >= PAGES_MAX or not is_cursor(cursor):
                # What lies behind is not known: as it stands the list is not one to rely on.
                yield from self.fault("bad_pages", f"GET {path}: no end after {len(asked)} pages, at {cursor[:20]!r}")
                found.bad.append(BadRow(b"", "the pages of the list have no end"))
                break
            asked.add(cursor)
            page = yield from self.document(Page, "GET", path, f"?{filters}next_cursor={cursor}")
            rows = read_rows(partial(parse, cls), page.data)
            yield from self._tell_bad(path, rows)
            found.extend(rows)
            cursor = page.next_cursor
        return found

    def _tell_bad(self, path: str, rows: Rows[T]) -> Iterator[SessionAlert]:
        for bad in rows.bad:
            yield from self.fault("bad_row", f"GET {path}: {bad.why[:150]}")

    def order(self, order_hash: str) -> Script[WireOrder | None]:
        """Return the venue's snapshot of one order, or None when it does not know it.

        ContractError when it has one that stays unreadable.
        """
        pauses = self.pauses()
        for left in reversed(range(ORDER_TRIES_MAX)):
            reply = yield from self.call("GET", f"/data/order/{order_hash}")
            if reply.status == 404 or reply.body.strip() in (b"", b"null", b"{}"):
                return None
            try:
                if reply.status == 200:
                    return parse(WireOrder, reply.body)
                raise ContractError("GET /data/order", said(reply))
            except ContractError as error:
                yield from self.fault("bad_answer", str(error))
                if not left:
                    raise
                yield Pause(pauses.next_ms())
        raise AssertionError("the last try returns or raises")

    # --- markets and money --------------------------------------------------------------------------------------

    def market(self, symbol: str) -> Script[Details | None]:
        """Return a market's details, None when the venue knows no such market or says of it what cannot be used."""
        if not is_name(symbol):
            return None
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
        pauses = self.pauses()
        while True:
            found = yield from self.document(BalanceDocument, "GET", "/balance-allowance", query)
            try:
                return whole_micros(found.balance, "balance")
            except ContractError as error:
                yield from self.fault("bad_answer", str(error))
                yield Pause(pauses.next_ms())

    def positions(self) -> Script[Rows[WirePosition]]:
        """Return the shares that the account's wallet holds, those of decided markets among them."""
        found: Rows[WirePosition] = Rows([], [])
        for page in range(POSITION_PAGES_MAX):
            query = f"user={self._signer.wallet}&sizeThreshold=0&limit={POSITIONS_PER_PAGE}"
            ask = partial(self._ask_positions, f"?{query}&offset={page * POSITIONS_PER_PAGE}")
            raws = yield from self._until_read(ask, list[msgspec.Raw], "GET /positions")
            rows = read_rows(partial(parse, WirePosition), raws)
            yield from self._tell_bad("/positions", rows)
            found.extend(rows)
            if len(raws) < POSITIONS_PER_PAGE:
                return found
        text = f"more than {POSITION_PAGES_MAX * POSITIONS_PER_PAGE} positions: redeem what is decided"
        yield from self.fault("too_many_positions", text)
        return found

    def _ask_positions(self, query: str) -> Script[Reply]:
        # Open to everybody, so nothing is signed: what proves who we are is not for another address.
        request = Request("GET", f"{self._positions_url}/positions{query}")
        return self._until_answered(lambda: request, "GET /positions")

    def fault(self, kind: str, text: str) -> Iterator[SessionAlert]:
        """Count an unusable answer and tell people about the first of its kind, and again while it lasts."""
        return self.faults.tell(kind, text)


def is_cursor(text: str) -> bool:
    """Say whether a page's name may stand in the query of a request."""
    return len(text) <= 128 and text.isascii() and text.replace("=", "").replace("-", "").replace("_", "").isalnum()


def said(reply: Reply) -> str:
    """Return what the venue said, cut to a readable length."""
    try:
        document = parse(ErrorDocument, reply.body)
        text = text_of(document.error) or text_of(document.errorMsg)
    except ContractError:
        text = ""
    return f"status {reply.status}: {text or reply.body[:200].decode(errors='replace')}"[:250]
