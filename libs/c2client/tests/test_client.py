"""The client at a gateway that is served over real sockets: every topic, and what becomes of it when things break."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from c2client.client import C2Client
from c2client.errors import C2Error, Refused, Unreachable
from c2client.subscription import Subscription
from c2client.tokens import Login
from c2client.topics import BookKind
from c2wire.book import Book
from c2wire.dto import (
    Alert,
    Balance,
    ConfigUpdate,
    L2Package,
    Order,
    RiskStatistics,
    TradingStatistics,
)
from c2wire.enums import ConfigType
from common.instruments import Side
from gateway.testing.relay import Relay
from gateway.testing.served import CLIENT_SECRET, PASSWORD, MovedClock, Served

WAIT_S = 30


async def first(subscription: Subscription[Any]) -> Any:
    return await asyncio.wait_for(anext(subscription), WAIT_S)


def login(user_id: str, **changes: str) -> Login:
    return Login(**({"username": user_id, "password": PASSWORD, "client_secret": CLIENT_SECRET} | changes))


@pytest.mark.parametrize(
    ("ask", "cls"),
    [
        (lambda client: client.source_book(3), Book),
        (lambda client: client.target_book(3), Book),
        (lambda client: client.hedger_book(3), Book),
        (lambda client: client.fx_book(3), Book),
        (lambda client: client.quotes(3), Book),
        (lambda client: client.packages(BookKind.QUOTES, 3), L2Package),
        (lambda client: client.trading_statistics(), TradingStatistics),
        (lambda client: client.risk_statistics(), RiskStatistics),
        (lambda client: client.alerts(), Alert),
        (lambda client: client.orders(3), Order),
        (lambda client: client.balances(), Balance),
        (lambda client: client.balances(3), Balance),
    ],
)
async def test_each_topic_says_its_dtos(
    client: C2Client, ask: Callable[[C2Client], Subscription[Any]], cls: type
) -> None:
    found = await first(ask(client))
    for each in found if isinstance(found, list) else [found]:
        assert isinstance(each, cls)
    assert found


async def test_quotes_are_a_book_and_trades_an_empty_list(client: C2Client) -> None:
    book = await first(client.quotes(3))
    assert [level.price for level in book.bids] == [8_990_000, 8_980_000]
    assert [level.price for level in book.asks] == [9_010_000, 9_020_000]
    assert await first(client.trades(3)) == []


async def test_what_happens_is_told_as_it_happens(client: C2Client, served: Served) -> None:
    updates, orders, quotes = client.config_updates(), client.orders(3), client.quotes(3)
    assert len(await first(orders)) == 4
    await first(quotes)
    served.story.spot_bot(running=False)
    update = await first(updates)
    assert isinstance(update, ConfigUpdate)
    assert (update.config_type, update.config.running) == (ConfigType.INSTRUMENT, False)  # type: ignore[union-attr]
    served.story.quote(5, Side.BUY, 8_995_000)
    assert [order.correlation_id for order in await first(orders)] == ["5"]
    assert (await first(quotes)).bids[0].price == 8_995_000


async def test_subscriptions_outlive_a_server_that_starts_again(client: C2Client, served: Served) -> None:
    orders, quotes = client.orders(3), client.quotes(3)
    assert len(await first(orders)) == 4
    await first(quotes)
    await served.stop()
    served.story.quote(5, Side.BUY, 8_995_000)
    await served.start()
    assert "5" in [order.correlation_id for order in await first(orders)]
    assert orders.renewed == quotes.renewed == 1
    assert (await first(quotes)).bids[0].price == 8_995_000


async def test_a_cut_connection_comes_back_with_a_new_token(client: C2Client, relay: Relay, clock: MovedClock) -> None:
    orders = client.orders(3)
    await first(orders)
    clock.ahead_s += 400
    relay.cut()
    assert len(await first(orders)) == 4
    assert orders.renewed == 1


async def test_after_the_login_has_ended_the_password_opens_another(
    client: C2Client, relay: Relay, clock: MovedClock
) -> None:
    orders = client.orders(3)
    await first(orders)
    clock.ahead_s += 100_000
    relay.cut()
    assert len(await first(orders)) == 4


async def test_a_user_who_is_let_in_no_more_is_refused(client: C2Client, served: Served, relay: Relay) -> None:
    orders = client.orders(3)
    await first(orders)
    await served.user("viewer", "trader", "risk", "exchanges", disabled=True)
    relay.cut()
    with pytest.raises(Refused, match="username or password is wrong"):
        await first(orders)
    with pytest.raises(Refused):
        await first(client.alerts())


async def test_a_topic_that_cannot_be_had_is_refused_and_all_others_go_on(client: C2Client, served: Served) -> None:
    alerts = client.alerts()
    assert len(await first(alerts)) == 1
    with pytest.raises(Refused, match="99") as refused:
        await first(client.orders(99))
    assert refused.value.status == 404
    served.story.told("another")
    assert [alert.description for alert in await first(alerts)] == ["another"]


async def test_a_user_of_some_bots_is_refused_the_others(served: Served) -> None:
    user_id = await served.user("viewer", bots=("4",))
    async with C2Client(served.http_url, login(user_id)) as client:
        with pytest.raises(Refused) as refused:
            await first(client.orders(3))
        assert refused.value.status == 403


async def test_who_may_not_look_is_refused(served: Served) -> None:
    async with C2Client(served.http_url, login(await served.user("exchanges"))) as client:
        with pytest.raises(Refused, match="AccessDenied"):
            await first(client.alerts())


async def test_a_closed_subscription_ends_and_its_topic_is_read_no_more(client: C2Client, served: Served) -> None:
    other = client.alerts()
    async with client.orders(3) as orders:
        await first(orders)
    assert [each async for each in orders] == []
    await first(other)
    served.story.told("another")
    await first(other)
    assert served.readers == 1


async def test_a_client_that_leaves_ends_its_iterators_and_its_login(served: Served) -> None:
    async with C2Client(served.http_url, login(await served.user("viewer"))) as client:
        alerts = client.alerts()
        await first(alerts)
        token = await client.tokens.access()
    assert [each async for each in alerts] == []
    assert served.readers == 0
    assert await served.context.sessions.check(token) is None
    with pytest.raises(C2Error, match="closed"):
        await first(client.alerts())


async def test_a_client_leaves_a_server_that_is_gone(client: C2Client, served: Served) -> None:
    alerts = client.alerts()
    await first(alerts)
    await served.stop()
    await client.close()
    assert [each async for each in alerts] == []


async def test_a_wrong_password_and_a_server_that_is_not_there_are_said_at_once(served: Served) -> None:
    user_id = await served.user("viewer")
    with pytest.raises(Refused, match="username or password is wrong"):
        async with C2Client(served.http_url, login(user_id, password="another")):
            pass
    with pytest.raises(Refused, match="invalid_client"):
        async with C2Client(served.http_url, login(user_id, client_secret="another")):
            pass
    await served.stop()
    with pytest.raises(Unreachable, match="/oauth/token"):
        async with C2Client(served.http_url, login(user_id)):
            pass


async def test_no_secret_is_shown_or_logged(
    served: Served, clock: MovedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mine = login(await served.user("viewer"))
    async with C2Client(served.http_url, mine) as client:
        token = await client.tokens.access()
        await first(client.alerts())
        await client.rest.alerts()
        shown = f"{mine!r} {client.tokens!r} {client!r} {vars(client)!r}"
    assert "c2client.websocket" not in {record.name for record in caplog.records if record.levelno < logging.INFO}
    mine_alone = [record.getMessage() for record in caplog.records]
    for secret in (token, PASSWORD, CLIENT_SECRET):
        assert secret not in shown
        assert not [text for text in mine_alone if secret in text]
