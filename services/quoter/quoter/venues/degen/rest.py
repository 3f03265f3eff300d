"""The Degen Terminal's REST side as scripts: log in, ask again until an answer means something, page through lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import NamedTuple, TypeVar

import msgspec
from common.errors import ContractError
from common.events import AlertLevel, Balance, Holding

from quoter.venues.base import Conversion, Execution, HistoryLost, OrderReport, SessionAlert, Transferred
from quoter.venues.conversation import Backoff, Pause, Reply, Request, Script
from quoter.venues.degen.frames import (
    VENUE,
    Cancelled,
    ErrorDocument,
    FillPage,
    OneOrder,
    OrderPage,
    PositionsDocument,
    StatementPage,
    Token,
    order_report,
    parse_document,
    read_balance,
    read_balances,
    read_entry,
    read_fill,
    read_holdings,
    read_order,
)
from quoter.venues.degen.spot import Symbols, SymbolsDocument, read_symbol
from quoter.venues.rows import BadRow, Rows, read_rows

P = TypeVar("P", FillPage, StatementPage, OrderPage)
R = TypeVar("R")

PAGE_ITEMS = 1_000
PAGES_MAX = 1_000
BACKOFF_FIRST_MS = 50.0
BACKOFF_MOST_MS = 2_000.0
TOKEN_LIFETIME_S = 3_600
TRIES_TOLD = 8
"""Tries without a usable answer, some 10 s, after which a request causes an alert."""
READ_TRIES_MAX = 3
"""An answer that cannot be read is asked for so often where the caller can go on without it."""
FAULTS_AGAIN = 20
"""A kind of fault causes an alert the first time and every this many times."""


@dataclass(frozen=True)
class ApiKey:
    """One key of an account; its secret is shown nowhere."""

    name: str
    api_key: str
    api_secret: str = field(repr=False)
    scopes: tuple[str, ...] = ()


class DegenRest:
    """One login's REST calls. Each method is a script to be run by `Conversations`."""

    def __init__(self, key: ApiKey, random: Random, venue: str = VENUE) -> None:
        self._key, self._venue = key, venue
        self._random = random
        self._backoff = self._pauses()
        self._token = ""
        self.symbols = Symbols()
        self._read_order = partial(read_order, symbols=self.symbols)
        self._read_fill = partial(read_fill, symbols=self.symbols)
        self.logins = 0
        self.faults = 0
        """Answers that could not be used, since start."""
        self._told: dict[str, int] = {}

    @property
    def token(self) -> str:
        return self._token

    def headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self._token}"} if self._token else {}

    def forget_token(self) -> None:
        """The venue does not take it any more."""
        self._token = ""

    def login(self) -> Script[None]:
        """Get a token, trying until there is one, and the list of symbols, which needs none."""
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
                    yield from self.fault("bad_login_answer", str(error))
                else:
                    self._token = token.token
                    self.logins += 1
                    self._backoff.reset()
                    yield from self.list_symbols()
                    return
            elif reply.status in (401, 403, 422):
                yield from self.fault("bad_credentials", f"the venue refuses key {self._key.name}")
            yield Pause(self._backoff.next_ms())

    def call(self, method: str, path: str, body: bytes = b"") -> Script[Reply]:
        """Return an answer that means something: neither lost, nor put off, nor refused for lack of a login.

        Only for requests that may be repeated.
        """
        tries = 0
        while True:
            reply: Reply = yield Request(method, path, body)
            if reply.status == 401:
                yield from self.login()
                yield Pause(self._backoff.next_ms())
            elif reply.status in (0, 429) or reply.status >= 500:
                tries += 1
                if tries % TRIES_TOLD == 0:
                    text = f"{method} {path[:60]}: {tries} tries, the last with status {reply.status}"
                    yield from self.fault("no_answer", text)
                yield Pause(self._backoff.next_ms())
            else:
                self._backoff.reset()
                return reply

    def list_symbols(self) -> Script[None]:
        """Ask once for the venue's spot symbols; without an answer those known stay, and the next list asks again.

        So does what names another symbol. A venue may have none, and no such list.
        """
        # Missed until it is here: a session that is cut breaks off who asks.
        self.symbols.missed = True
        reply: Reply = yield Request("GET", "/symbols")
        if reply.status != 200:
            self.symbols.missed = reply.status in (0, 429) or reply.status >= 500
            return
        try:
            listed = read_rows(partial(read_symbol, self._venue), parse_document(SymbolsDocument, reply.body).symbols)
        except ContractError as error:
            yield from self.fault("bad_answer", str(error))
            return
        self.symbols.missed = False
        yield from self._tell_bad("GET /symbols", listed)
        self.symbols.take(listed.rows)

    def _symbols_known(self) -> Script[bool]:
        """Ask again for a list of symbols that is missed; say whether it has been answered."""
        if self.symbols.missed:
            yield from self.list_symbols()
        return not self.symbols.missed

    def cancel_below(self, below: int) -> Script[list[OrderReport]]:
        """Cancel every resting order with a client id below; return what was cancelled, as far as it can be read."""
        pauses = self._pauses()
        while True:
            reply = yield from self.call("DELETE", f"/orders?client_order_id_below={below}")
            try:
                if reply.status != 200:
                    raise ContractError("DELETE /orders", _said(reply))
                cancelled = parse_document(Cancelled, reply.body).cancelled
            except ContractError as error:
                yield from self.fault("bad_answer", str(error))
                yield Pause(pauses.next_ms())
                continue
            gone = yield from self._rows(self._read_order, cancelled)
            yield from self._tell_bad("DELETE /orders", gone)
            return gone.rows

    def cancel(self, order_id: int) -> Script[None]:
        """Cancel one order; whatever the answer, it is not asked twice."""
        yield from self.call("DELETE", f"/orders/by-client-id/{order_id}")

    def orders(self, status: str, after: int) -> Script[Rows[OrderReport]]:
        """Return orders in a status (`open`, `all`) that changed after a place in the private stream."""
        return self._list(f"/orders?status={status}&", after, OrderPage, lambda page: page.orders, self._read_order)

    def order(self, order_id: int) -> Script[OrderReport | None]:
        """Return the venue's snapshot of one order, or None when it does not know it.

        ContractError when it has one that stays unreadable.
        """
        pauses = self._pauses()
        for left in reversed(range(READ_TRIES_MAX)):
            reply = yield from self.call("GET", f"/orders/by-client-id/{order_id}")
            if reply.status == 404:
                return None
            try:
                if reply.status == 200:
                    return order_report(parse_document(OneOrder, reply.body).order, self.symbols)
                raise ContractError("GET /orders/by-client-id", _said(reply))
            except ContractError as error:
                yield from self.fault("bad_answer", str(error))
                if not left:
                    raise
                if self.symbols.missed:
                    yield from self.list_symbols()
                yield Pause(pauses.next_ms())
        raise AssertionError("the last try returns or raises")

    def fills(self, after: int) -> Script[Rows[Execution]]:
        """Return all fills after a place in the private stream, oldest first; says so when the venue has lost some."""
        return self._list("/fills?", after, FillPage, lambda page: page.fills, self._read_fill)

    def conversions(self, after: int) -> Script[Rows[Conversion]]:
        """Return all pairs made or merged after a place in the private stream, oldest first."""
        found = yield from self._statement("", after)
        return Rows([each for each in found.rows if isinstance(each, Conversion)], found.bad)

    def moved(self, after: int) -> Script[Rows[Conversion | Transferred]]:
        """Return all conversions and transfers after a place in the private stream: of dollars, then of others."""
        found = yield from self._statement("", after)
        pauses = self._pauses()
        while not (yield from self._symbols_known()):
            # Which currencies there are is said by the symbols: without them nobody would ever ask for theirs.
            yield Pause(pauses.next_ms())
        for currency in self.symbols.currencies():
            found.extend((yield from self._statement(f"currency={currency}&", after)))
        return Rows([each for each in found.rows if each is not None], found.bad)

    def _statement(self, which: str, after: int) -> Script[Rows[Conversion | Transferred | None]]:
        path = f"/statement?{which}"
        return self._list(path, after, StatementPage, lambda page: page.entries, read_entry)

    def _list(
        self,
        path: str,
        after: int,
        page_type: type[P],
        rows_of: Callable[[P], list[msgspec.Raw]],
        read: Callable[[bytes], R],
    ) -> Script[Rows[R]]:
        """Return what a list of the account holds after a place in its private stream, page by page."""
        found: Rows[R] = Rows([], [])
        pauses = self._pauses()
        pages = 0
        while True:
            reply = yield from self.call("GET", f"{path}after={after}&limit={PAGE_ITEMS}")
            try:
                if reply.status == 410:
                    error = parse_document(ErrorDocument, reply.body).error
                    what = path[1:].partition("?")[0]
                    yield HistoryLost(f"{what} after {after} are gone, the oldest kept follows {error.oldest_after}")
                    after = max(after + 1, error.oldest_after)
                    yield Pause(pauses.next_ms())
                    continue
                if reply.status != 200:
                    raise ContractError(f"GET {path}", _said(reply))
                page = parse_document(page_type, reply.body)
            except ContractError as fault:
                yield from self.fault("bad_answer", str(fault))
                yield Pause(pauses.next_ms())
                continue
            rows = yield from self._rows(read, rows_of(page))
            yield from self._tell_bad(f"GET {path}", rows)
            found.extend(rows)
            pages += 1
            if not page.has_more:
                return found
            if page.next_after <= after or pages >= PAGES_MAX:
                # What lies behind is not known: as it stands the list is not one to rely on.
                yield from self.fault("bad_pages", f"GET {path}: no end after {pages} pages, at {after}")
                found.bad.append(BadRow(b"", "the pages of the list have no end"))
                return found
            after = page.next_after

    def _rows(self, read: Callable[[bytes], R], raws: list[msgspec.Raw]) -> Script[Rows[R]]:
        """Read the rows of a list, again with a new list of symbols when one speaks of a symbol that is not known."""
        rows = read_rows(read, raws)
        if not self.symbols.missed:
            return rows
        yield from self.list_symbols()
        return read_rows(read, raws)

    def money(self) -> Script[AccountMoney | None]:
        """Return balances and positions, asked one after the other: their places in the stream may differ.

        None when either stays unreadable, or a row of the positions is.
        """
        pauses = self._pauses()
        for _ in range(READ_TRIES_MAX):
            if not (yield from self._symbols_known()):
                # Dollars alone would say that there is nothing of any other currency.
                yield Pause(pauses.next_ms())
                continue
            by_currency = bool(self.symbols)
            answer = yield from self.call("GET", "/balances" if by_currency else "/balance")
            positions = yield from self.call("GET", "/positions")
            try:
                shares = parse_document(PositionsDocument, positions.body)
                held = read_rows(read_holdings, shares.positions)
                money = (read_balances if by_currency else read_balance)(answer.body)
            except ContractError as error:
                yield from self.fault("bad_answer", str(error))
            else:
                yield from self._tell_bad("GET /positions", held)
                if not held.bad:
                    balances = [
                        Balance(currency=row.currency, total=row.total, available=row.available)
                        for row in money.balances
                    ]
                    holdings = [each for row in held.rows for each in row]
                    return AccountMoney(
                        balances, money.account_sequence, holdings, shares.account_sequence, shares.ts_ns
                    )
            yield Pause(pauses.next_ms())
        return None

    def _pauses(self) -> Backoff:
        return Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS, self._random)

    def _tell_bad(self, what: str, rows: Rows[R]) -> Script[None]:
        for bad in rows.bad:
            yield from self.fault("bad_row", f"{what}: {bad.why[:150]}")

    def fault(self, kind: str, text: str) -> Script[None]:
        """Count an unusable answer and tell people about the first of its kind, and again while they go on."""
        self.faults += 1
        told = self._told[kind] = self._told.get(kind, 0) + 1
        if told % FAULTS_AGAIN == 1:
            yield SessionAlert(AlertLevel.CRITICAL, kind, text[:400])


class AccountMoney(NamedTuple):
    """What an account has, the cash and the shares each as of one place in its private stream."""

    balances: list[Balance]
    """Cash by currency, dollars first."""
    cash_sequence: int
    holdings: list[Holding]
    account_sequence: int
    ts_ns: int

    @property
    def main(self) -> Balance:
        return self.balances[0]


def _said(reply: Reply) -> str:
    """Return what the venue said, cut to a readable length."""
    return f"status {reply.status}: {reply.body[:200].decode(errors='replace')}"
