"""The Degen Terminal's REST side as scripts: log in, ask again until an answer means something, page through lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

import msgspec
from common.errors import ContractError
from common.events import AlertLevel

from quoter.venues.base import Conversion, Execution, HistoryLost, OrderReport, Trouble
from quoter.venues.conversation import Backoff, Pause, Reply, Request, Script
from quoter.venues.degen_frames import (
    BalanceDocument,
    Cancelled,
    ErrorDocument,
    FillPage,
    OneOrder,
    OrderPage,
    PositionsDocument,
    StatementPage,
    Token,
    conversion,
    execution,
    order_report,
    parse_document,
)

P = TypeVar("P", FillPage, StatementPage)
R = TypeVar("R")

PAGE_ITEMS = 1_000
PAGES_MAX = 1_000
BACKOFF_FIRST_MS = 50.0
BACKOFF_MOST_MS = 2_000.0
TOKEN_LIFETIME_S = 3_600


@dataclass(frozen=True)
class ApiKey:
    """One key of an account; its secret is shown nowhere."""

    name: str
    api_key: str
    api_secret: str = field(repr=False)
    scopes: tuple[str, ...] = ()


class DegenRest:
    """One login's REST calls. Each method is a script to be run by `Conversations`."""

    def __init__(self, key: ApiKey, random: Random) -> None:
        self._key = key
        self._backoff = Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS, random)
        self._token = ""
        self.logins = 0
        self.faults = 0
        """Answers that could not be used, since start."""
        self._told: set[str] = set()

    @property
    def token(self) -> str:
        return self._token

    def headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self._token}"} if self._token else {}

    def forget_token(self) -> None:
        """The venue does not take it any more."""
        self._token = ""

    def login(self) -> Script[None]:
        """Get a token, trying until there is one."""
        credentials = {
            "api_key": self._key.api_key,
            "api_secret": self._key.api_secret,
            "lifetime_s": TOKEN_LIFETIME_S,
        }
        while True:
            reply: Reply = yield Request("POST", "/auth/login", msgspec.json.encode(credentials))
            if reply.status == 200:
                try:
                    token = parse_document(Token, reply.body)
                except ContractError as error:
                    yield from self._fault("bad_login_answer", str(error))
                else:
                    self._token = token.token
                    self.logins += 1
                    self._backoff.reset()
                    return
            elif reply.status in (401, 403, 422):
                yield from self._fault("bad_credentials", f"the venue refuses key {self._key.name}")
            yield Pause(self._backoff.next_ms())

    def call(self, method: str, path: str, body: bytes = b"") -> Script[Reply]:
        """Return an answer that means something: neither lost, nor put off, nor refused for want of a login.

        Only for requests that may be repeated.
        """
        while True:
            reply: Reply = yield Request(method, path, body)
            if reply.status == 401:
                yield from self.login()
            elif reply.status in (0, 429) or reply.status >= 500:
                yield Pause(self._backoff.next_ms())
            else:
                self._backoff.reset()
                return reply

    def cancel_below(self, below: int) -> Script[list[OrderReport]]:
        """Cancel every resting order with a client id below; return what was cancelled."""
        while True:
            reply = yield from self.call("DELETE", f"/orders?client_order_id_below={below}")
            try:
                if reply.status == 200:
                    return [order_report(order) for order in parse_document(Cancelled, reply.body).cancelled]
                raise ContractError("DELETE /orders", _said(reply))
            except ContractError as error:
                yield from self._fault("bad_answer", str(error))
                yield Pause(self._backoff.next_ms())

    def cancel(self, order_id: int) -> Script[None]:
        """Cancel one order; whatever the answer, it is not asked twice."""
        yield from self.call("DELETE", f"/orders/by-client-id/{order_id}")

    def orders(self, status: str, after: int) -> Script[list[OrderReport]]:
        """Return orders in a status (`open`, `all`) that changed after a place in the private stream."""
        found: list[OrderReport] = []
        for _ in range(PAGES_MAX):
            reply = yield from self.call("GET", f"/orders?status={status}&after={after}&limit={PAGE_ITEMS}")
            try:
                if reply.status != 200:
                    raise ContractError("GET /orders", _said(reply))
                page = parse_document(OrderPage, reply.body)
                found += [order_report(order) for order in page.orders]
            except ContractError as error:
                yield from self._fault("bad_answer", str(error))
                yield Pause(self._backoff.next_ms())
                continue
            if not page.has_more:
                break
            after = page.next_after
        return found

    def order(self, order_id: int) -> Script[OrderReport | None]:
        """Return the venue's picture of one order, or None when it does not know it."""
        while True:
            reply = yield from self.call("GET", f"/orders/by-client-id/{order_id}")
            if reply.status == 404:
                return None
            try:
                if reply.status == 200:
                    return order_report(parse_document(OneOrder, reply.body).order)
                raise ContractError("GET /orders/by-client-id", _said(reply))
            except ContractError as error:
                yield from self._fault("bad_answer", str(error))
                yield Pause(self._backoff.next_ms())

    def fills(self, after: int) -> Script[list[Execution]]:
        """Return all fills after a place in the private stream, oldest first; says so when the venue has lost some."""
        return self._history("fills", "/fills", after, FillPage, _executions)

    def conversions(self, after: int) -> Script[list[Conversion]]:
        """Return all pairs made or merged after a place in the private stream, oldest first."""
        return self._history("entries", "/statement", after, StatementPage, _conversions)

    def _history(
        self, what: str, route: str, after: int, page_type: type[P], read: Callable[[P], list[R]]
    ) -> Script[list[R]]:
        """Return what a list of the account holds after a place in its private stream, page by page."""
        found: list[R] = []
        for _ in range(PAGES_MAX):
            reply = yield from self.call("GET", f"{route}?after={after}&limit={PAGE_ITEMS}")
            try:
                if reply.status == 410:
                    error = parse_document(ErrorDocument, reply.body).error
                    yield HistoryLost(f"{what} after {after} are gone, the oldest kept follows {error.oldest_after}")
                    after = max(after + 1, error.oldest_after)
                    continue
                if reply.status != 200:
                    raise ContractError(f"GET {route}", _said(reply))
                page = parse_document(page_type, reply.body)
                found += read(page)
            except ContractError as fault:
                yield from self._fault("bad_answer", str(fault))
                yield Pause(self._backoff.next_ms())
                continue
            if not page.has_more:
                break
            after = page.next_after
        return found

    def money(self) -> Script[tuple[BalanceDocument, PositionsDocument]]:
        """Return balance and positions, asked one after the other: their places in the stream may differ."""
        while True:
            balance = yield from self.call("GET", "/balance")
            positions = yield from self.call("GET", "/positions")
            try:
                return (
                    parse_document(BalanceDocument, balance.body),
                    parse_document(PositionsDocument, positions.body),
                )
            except ContractError as error:
                yield from self._fault("bad_answer", str(error))
                yield Pause(self._backoff.next_ms())

    def _fault(self, kind: str, text: str) -> Script[None]:
        """Count an unusable answer and tell people about the first of its kind."""
        self.faults += 1
        if kind not in self._told:
            self._told.add(kind)
            yield Trouble(AlertLevel.CRITICAL, kind, text)


def _said(reply: Reply) -> str:
    """Return what the venue said, cut to a readable length."""
    return f"status {reply.status}: {reply.body[:200].decode(errors='replace')}"


def _executions(page: FillPage) -> list[Execution]:
    return [execution(fill, recovered=True) for fill in page.fills]


def _conversions(page: StatementPage) -> list[Conversion]:
    return [each for entry in page.entries if (each := conversion(entry, recovered=True)) is not None]
