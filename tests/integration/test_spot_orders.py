"""Spot orders of the quoter's session at the simulated exchange: a process of its own, over real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from common.core import Effect, Open, Receipt
from common.events import AccountState, Fill
from common.instruments import Outcome, Side
from common.orders import ORDER_ID_MAX, OrderState
from quoter.orders.own_orders import Order, Orders
from quoter.testing.live import LiveClient
from quoter.venues.base import Placement
from quoter.venues.degen.cancelling import DegenCancelSession
from quoter.venues.degen.fallback import Fallback
from quoter.venues.degen.session import DegenSession

from tests.integration.exchange_process import STATE_MOST_S, ExchangeProcess, balances, carried_out

SYMBOL, TICK, LOT = "BTCUSD", Decimal("0.01"), Decimal("0.0001")
USER = {"name": "trade", "api_key": "user", "api_secret": "of the tests", "scopes": ["read", "trade", "cancel"]}
E = TypeVar("E")


class Venue(ExchangeProcess):
    """The exchange as a process, with one market maker and one user."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        keys = folder / "exchange" / "keys"
        keys.mkdir(parents=True)
        (keys / "user1.json").write_text(json.dumps([USER]))

    async def until_ready(self) -> None:
        await self.until("/symbols", lambda document: bool(document["symbols"]))

    @asynccontextmanager
    async def user(self, account: str = "user1", scope: str = "trade") -> AsyncIterator[httpx.AsyncClient]:
        async with self.customer(self.key_of(account, scope)) as http:
            yield http

    async def trade(self, number: int, side: str, price: str, size: str) -> None:
        """Let the user take from the book."""
        async with self.user() as http:
            order = {"client_order_id": str(number), "symbol": SYMBOL, "side": side, "price": price, "size": size}
            answer = await http.post("/orders", json={**order, "time_in_force": "ioc"})
            assert answer.status_code == 201, answer.text

    async def account(self) -> dict[str, Any]:
        """Return what the maker has by the venue's own statements, by currency, and what rests."""
        async with self.user("mm1", "read") as http:
            held = await balances(http)
            for currency, total in held.items():
                entries = (await http.get(f"/statement?currency={currency}&limit=1000")).json()["entries"]
                assert sum(Decimal(entry["amount"]) for entry in entries) == total
            resting = (await http.get("/orders?status=open")).json()["orders"]
            return {"balances": held, "resting": [order["client_order_id"] for order in resting]}


@contextmanager
def running(folder: Path) -> Iterator[Venue]:
    venue = Venue(folder)
    venue.start()
    try:
        yield venue
    finally:
        venue.kill()


class Client(LiveClient):
    """A quoter with its session and its sockets, as the shell runs it."""

    def __init__(self, venue: Venue, epoch: int, fallback: Fallback = Fallback.CANCEL) -> None:
        orders = Orders()
        self.session = DegenSession(venue.key_of("mm1"), venue.url, orders, fallback=fallback)
        super().__init__("degen", self.session, orders, epoch, STATE_MOST_S)
        self.cut = False
        """No websocket can be had."""
        self._fill_sequence = 0

    async def start(self, known: int = 0) -> None:
        await self.relay(self.session.start(self.core.epoch, known, self.now_ns))

    async def carry_one(self, effect: Effect) -> None:
        if isinstance(effect, Open) and self.cut:
            await self.on_close("no websocket")
            return
        await super().carry_one(effect)
        if isinstance(effect, Fill):
            self._fill_sequence += 1
            await self.carry(self.core.on_published(effect, self._fill_sequence, Receipt(self.now_ns)))

    async def place(self, side: Side, ticks: int, lots: int, *, immediate: bool = False) -> int:
        order_id = self.ids.next(self.now_ns)
        self.orders.add(Order(order_id, "1", SYMBOL, Outcome.NONE, side, ticks, lots, immediate=immediate))
        place = Placement(order_id, SYMBOL, Outcome.NONE, side, ticks, lots, not immediate, immediate, TICK, LOT)
        await self.carry(self.session.send([], [place], self.now_ns))
        return order_id

    async def cancel(self, order_id: int) -> None:
        order = self.orders.get(order_id)
        assert order is not None, "it was placed"
        self.orders.step(order, OrderState.CANCELLING)
        await self.carry(self.session.send([order_id], [], self.now_ns))

    def state(self, order_id: int) -> OrderState:
        order = self.orders.get(order_id)
        assert order is not None, "it was placed"
        return order.state

    def of(self, cls: type[E]) -> list[E]:
        return [event for event in self.told if isinstance(event, cls)]

    async def end(self) -> None:
        self.wire.end()
        await self.http.close()


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Venue, Client]]:
    with running(tmp_path) as venue:
        await venue.until_ready()
        client = Client(venue, 3)
        await client.start()
        await client.until(lambda: client.session.reconciled)
        yield venue, client
        await client.end()


def spent(fills: list[Fill]) -> dict[str, Decimal]:
    """Return what fills did to the account, by currency."""
    dollars = sum((-fill.side.sign * fill.price * fill.quantity_lots * LOT - fill.fee for fill in fills), Decimal(0))
    coins = sum((fill.side.sign * fill.quantity_lots * LOT for fill in fills), Decimal(0))
    return {"USD": dollars, "BTC": coins}


async def test_a_spot_order_lives_from_placing_to_fill_and_cancel(pair: tuple[Venue, Client]) -> None:
    venue, client = pair
    before = (await venue.account())["balances"]
    ask = await client.place(Side.SELL, 6_001_000, 2_000)
    bid = await client.place(Side.BUY, 5_999_000, 1_000)
    await client.until(lambda: client.state(ask) is client.state(bid) is OrderState.LIVE)
    await venue.trade(1, "bid", "60020.00", "0.05")
    await client.until(lambda: bool(client.of(Fill)))
    (fill,) = client.of(Fill)
    assert (fill.order_id, fill.side, fill.price_ticks, fill.quantity_lots) == (ask, Side.SELL, 6_001_000, 500)
    assert (fill.instrument.base, fill.instrument.lot_size, fill.instrument.tick_size) == ("BTC", LOT, TICK)
    one = Decimal(1)
    assert (fill.fee, fill.fee_currency, fill.fee_rate, fill.rate) == (Decimal("0.300050"), "USD", one, one)
    crossing = await client.place(Side.BUY, 6_001_000, 100)
    await client.until(lambda: client.state(crossing) is OrderState.REJECTED)
    for order_id in (ask, bid):
        await client.cancel(order_id)
    await client.until(lambda: client.state(ask) is client.state(bid) is OrderState.CANCELLED)
    after = await venue.account()
    assert after["resting"] == []
    moved = spent(client.of(Fill))
    assert {name: after["balances"][name] - before[name] for name in moved} == moved


async def test_an_order_that_takes_never_rests(pair: tuple[Venue, Client]) -> None:
    venue, client = pair
    async with venue.user("admin", "admin") as admin:
        coins = {"amount": "1.00000000", "currency": "BTC"}
        assert (await admin.post("/admin/accounts/user1/deposit", json=coins)).status_code == 200
    async with venue.user() as user:
        order = {"client_order_id": "1", "symbol": SYMBOL, "side": "ask", "price": "60000.00", "size": "0.01"}
        assert (await user.post("/orders", json=order)).status_code == 201
    taking = await client.place(Side.BUY, 6_000_000, 250, immediate=True)
    await client.until(lambda: client.state(taking).terminal and bool(client.of(Fill)))
    (fill,) = client.of(Fill)
    assert (fill.quantity_lots, fill.liquidity.value, fill.fee) == (100, "taker", Decimal("0.300000"))
    assert (await venue.account())["resting"] == []


async def test_what_happened_while_the_connection_was_down_is_read_back(pair: tuple[Venue, Client]) -> None:
    venue, client = pair
    ask = await client.place(Side.SELL, 6_001_000, 2_000)
    await client.until(lambda: client.state(ask) is OrderState.LIVE)
    async with venue.user("admin", "admin") as admin:
        lost = {"fault": "drop_private", "account": "mm1", "count": 5}
        assert (await admin.post("/admin/faults", json=lost)).status_code == 201
        await venue.trade(1, "bid", "60020.00", "0.05")
        assert (await admin.post("/admin/faults", json={"fault": "disconnect", "account": "mm1"})).status_code == 201
    await client.until(lambda: not client.session.reconciled)
    await client.until(lambda: client.session.reconciled and bool(client.of(Fill)))
    assert [fill.quantity_lots for fill in client.of(Fill)] == [500]
    assert (client.state(ask), (await venue.account())["resting"]) == (OrderState.CANCELLED, [])
    states = len(client.of(AccountState))
    await client.relay(client.session.request_snapshot("test", client.now_ns))
    await client.until(lambda: len(client.of(AccountState)) > states)
    state = client.of(AccountState)[-1]
    held = (await venue.account())["balances"]
    assert {balance.currency: balance.total for balance in state.balances} == held
    assert {"USD", "BTC"} <= held.keys()


async def test_a_successor_cancels_and_counts_what_a_dead_quoter_left(pair: tuple[Venue, Client]) -> None:
    venue, dead = pair
    ask = await dead.place(Side.SELL, 6_001_000, 2_000)
    await dead.until(lambda: dead.state(ask) is OrderState.LIVE)
    await venue.trade(1, "bid", "60020.00", "0.05")
    client = Client(venue, 4)
    client.orders.add(Order(ask, "1", SYMBOL, Outcome.NONE, Side.SELL, 6_001_000, 2_000, OrderState.UNKNOWN))
    await client.start()
    await client.until(lambda: client.session.reconciled)
    assert [(fill.order_id, fill.quantity_lots) for fill in client.of(Fill)] == [(ask, 500)]
    assert (client.state(ask), (await venue.account())["resting"]) == (OrderState.CANCELLED, [])
    await client.end()


async def test_nothing_rests_and_no_fill_is_lost_when_the_exchange_is_killed(
    pair: tuple[Venue, Client],
) -> None:
    venue, client = pair
    ask = await client.place(Side.SELL, 6_001_000, 2_000)
    await client.until(lambda: client.state(ask) is OrderState.LIVE)
    await venue.trade(1, "bid", "60020.00", "0.05")
    venue.kill()
    await client.until(lambda: not client.session.reconciled)
    venue.start()
    await client.until(lambda: client.session.reconciled and client.state(ask).terminal)
    assert sum(fill.quantity_lots for fill in client.of(Fill)) == 500
    account = await venue.account()
    assert account["resting"] == []
    states = len(client.of(AccountState))
    await client.relay(client.session.request_snapshot("test", client.now_ns))
    await client.until(lambda: len(client.of(AccountState)) > states)
    state = client.of(AccountState)[-1]
    assert {balance.currency: balance.total for balance in state.balances} == account["balances"]


async def test_without_a_websocket_spot_orders_are_taken_and_cancelled_over_rest(tmp_path: Path) -> None:
    with running(tmp_path) as venue:
        await venue.until_ready()
        client = Client(venue, 3, Fallback.REDUCE)
        client.cut = True
        await client.start()
        await client.until(lambda: client.session.connected and client.session.reconciled)
        async with venue.user() as user:
            order = {"client_order_id": "1", "symbol": SYMBOL, "side": "bid", "price": "60000.00", "size": "0.01"}
            assert (await user.post("/orders", json=order)).status_code == 201
        taking = await client.place(Side.SELL, 6_000_000, 250, immediate=True)
        await client.until(lambda: client.state(taking).terminal and bool(client.of(Fill)))
        (fill,) = client.of(Fill)
        assert (fill.side, fill.quantity_lots, fill.fee_currency) == (Side.SELL, 100, "USD")
        assert (await venue.account())["resting"] == []
        await client.end()


async def test_a_watchdogs_key_cancels_spot_orders_too(pair: tuple[Venue, Client]) -> None:
    venue, client = pair
    ask = await client.place(Side.SELL, 6_001_000, 2_000)
    await client.until(lambda: client.state(ask) is OrderState.LIVE)
    watchdog = DegenCancelSession(venue.key_of("mm1", "cancel", alone=True))
    async with httpx.AsyncClient(base_url=venue.url) as http:
        await carried_out(watchdog.log_in(), watchdog, http)
        swept = await carried_out(watchdog.sweep(ORDER_ID_MAX), watchdog, http)
    assert (swept.gone, swept.resting) == ([ask], [])
    await client.until(lambda: client.state(ask) is OrderState.CANCELLED)
