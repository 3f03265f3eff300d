"""The client: one login, REST, and one websocket whose subscriptions outlive its connections."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from http import HTTPStatus
from types import TracebackType
from typing import Any, TypeVar

import httpx
from c2wire.book import Book
from c2wire.dto import Alert, Balance, ConfigUpdate, L2Package, Order, RiskStatistics, Trade, TradingStatistics
from stompframes.client import ClientSettings, Message

from c2client import topics
from c2client.connection import DENIED, Connection, Denied, Lost
from c2client.errors import C2Error, Refused, Unreachable
from c2client.rest import Rest
from c2client.subscription import Subscription
from c2client.tokens import Login, Tokens
from c2client.topics import BookKind, Topic

SOCKET_PATH = "/websocket/v0"
FIRST_PAUSE_S = 0.25
PAUSE_MAX_S = 20.0
"""After a connection that lived longer the first pause counts again."""
PASSING = frozenset((429, *range(500, 600)))
"""Refusals of a login that another try may not meet."""

log = logging.getLogger("c2client")
T = TypeVar("T")


class C2Client:
    """A client of the server at one address, logged in within its `async with`.

    Entering raises Refused where the login is, and Unreachable. The websocket is opened by the first subscription and
    opened again, with a longer pause each time, whenever it is lost; a login that the server takes no more ends every
    subscription with Refused.
    """

    def __init__(self, url: str, login: Login, settings: ClientSettings | None = None) -> None:
        self._http = httpx.AsyncClient(base_url=url)
        self.tokens = Tokens(self._http, login)
        self.rest = Rest(self._http, self.tokens)
        self._socket_url = "ws" + url.rstrip("/").removeprefix("http") + SOCKET_PATH
        self._settings = settings or ClientSettings()
        self._subscriptions: dict[Subscription[Any], str] = {}
        """With the id that each has in the connection, '' while it has none."""
        self._by_id: dict[str, Subscription[Any]] = {}
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._end: C2Error | None = None
        self._closed = False

    async def __aenter__(self) -> C2Client:
        try:
            await self.tokens.access()
        except BaseException:
            await self._http.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave in order: every iterator ends, the websocket by DISCONNECT, the login by its revocation."""
        self._closed = True
        try:
            if self._task is not None:
                if self._connection is not None and self._connection.is_open:
                    self._connection.disconnect()
                else:
                    self._task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._task
            with contextlib.suppress(Unreachable):
                await self.tokens.logout()
        finally:
            for subscription in list(self._subscriptions):
                subscription.end(None)
            await self._http.aclose()

    def config_updates(self) -> Subscription[ConfigUpdate]:
        """Return each configuration as it is changed or removed."""
        return self._subscribe(topics.config_updates())

    def source_book(self, algo_id: int) -> Subscription[Book]:
        """Return the book that a bot takes its price from."""
        return self._subscribe(topics.book(BookKind.SOURCE, algo_id))

    def target_book(self, algo_id: int) -> Subscription[Book]:
        """Return the book of the instrument that a bot quotes."""
        return self._subscribe(topics.book(BookKind.TARGET, algo_id))

    def hedger_book(self, algo_id: int) -> Subscription[Book]:
        """Return the book that a bot hedges in."""
        return self._subscribe(topics.book(BookKind.HEDGER, algo_id))

    def fx_book(self, algo_id: int) -> Subscription[Book]:
        """Return the book of a bot's FX pair."""
        return self._subscribe(topics.book(BookKind.FX, algo_id))

    def quotes(self, algo_id: int) -> Subscription[Book]:
        """Return a bot's own orders as a book, one level per order."""
        return self._subscribe(topics.book(BookKind.QUOTES, algo_id))

    def packages(self, kind: BookKind, algo_id: int) -> Subscription[L2Package]:
        """Return a book's packages as they come, to be replayed by who wants them."""
        return self._subscribe(topics.packages(kind, algo_id))

    def trading_statistics(self) -> Subscription[list[TradingStatistics]]:
        """Return the figures of every spot bot, all at a time."""
        return self._subscribe(topics.trading_statistics())

    def risk_statistics(self) -> Subscription[list[RiskStatistics]]:
        """Return the exposure of every watched currency, all at a time."""
        return self._subscribe(topics.risk_statistics())

    def alerts(self) -> Subscription[list[Alert]]:
        """Return the last alerts, then the new ones."""
        return self._subscribe(topics.alerts())

    def orders(self, algo_id: int) -> Subscription[list[Order]]:
        """Return a bot's last and open orders, then those that changed."""
        return self._subscribe(topics.orders(algo_id))

    def trades(self, algo_id: int) -> Subscription[list[Trade]]:
        """Return a bot's last executions, then the new ones."""
        return self._subscribe(topics.trades(algo_id))

    def balances(self, algo_id: int | None = None) -> Subscription[list[Balance]]:
        """Return what there is of each currency, all at a time; of one bot's where it is named."""
        return self._subscribe(topics.balances(algo_id))

    def _subscribe(self, topic: Topic[T]) -> Subscription[T]:
        subscription = Subscription(topic, self._leave)
        if self._closed or self._end is not None:
            subscription.end(self._end or C2Error("the client is closed"))
            return subscription
        self._subscriptions[subscription] = ""
        if self._task is None:
            self._task = asyncio.create_task(self._stay_connected())
        elif self._connection is not None and self._connection.is_open:
            self._ask(self._connection, subscription)
        return subscription

    def _ask(self, connection: Connection, subscription: Subscription[Any]) -> None:
        subscription.begin()
        id_ = self._subscriptions[subscription] = connection.subscribe(subscription.destination)
        self._by_id[id_] = subscription

    def _leave(self, subscription: Subscription[Any]) -> None:
        id_ = self._subscriptions.pop(subscription, "")
        if self._by_id.pop(id_, None) is not None and self._connection is not None and self._connection.is_open:
            self._connection.unsubscribe(id_)

    async def _stay_connected(self) -> None:
        """Connect again and again until we leave, or the login is taken no more."""
        try:
            await self._connect_again()
        except Refused as error:
            self._fail(error)
        except Exception as error:
            # Whoever waits for a message would wait forever.
            self._fail(C2Error(f"{type(error).__name__}: {error}"))
            raise

    async def _connect_again(self) -> None:
        denied, pause_s, loop = "", FIRST_PAUSE_S, asyncio.get_running_loop()
        while not self._closed:
            began_s = loop.time()
            try:
                token = await self.tokens.access(denied)
                denied = await self._converse(token, was_denied=bool(denied))
                continue
            except Refused as error:
                if error.status not in PASSING:
                    raise
                why = str(error)
            except (Lost, C2Error) as error:
                why = str(error)
            denied = ""
            pause_s = FIRST_PAUSE_S if loop.time() - began_s > PAUSE_MAX_S else pause_s
            jittered_s = pause_s * random.uniform(0.5, 1)
            pause_s = min(pause_s * 2, PAUSE_MAX_S)
            log.warning("%s: connection lost, the next try is in %.1f s: %s", self._socket_url, jittered_s, why)
            await asyncio.sleep(jittered_s)

    async def _converse(self, token: str, *, was_denied: bool) -> str:
        """Serve one connection and return the token that it was not let in with, '' when we have left."""
        connection = self._connection = Connection(self._socket_url, self._settings, self._opened, self._took)
        try:
            await connection.run(token)
        except Denied as error:
            if was_denied:
                # The token was new: it is the user who may not.
                raise Refused(HTTPStatus.FORBIDDEN, DENIED, str(error)) from None
            return token
        finally:
            self._connection = None
            self._by_id.clear()
        return ""

    def _opened(self) -> None:
        assert self._connection is not None, "who is let in has a connection"
        for subscription in self._subscriptions:
            self._ask(self._connection, subscription)

    def _took(self, message: Message) -> None:
        subscription = self._by_id.get(message.subscription or "")
        if subscription is not None:
            subscription.take(message)

    def _fail(self, error: C2Error) -> None:
        self._end = error
        for subscription in list(self._subscriptions):
            subscription.end(error)
