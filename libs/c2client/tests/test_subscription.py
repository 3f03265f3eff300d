"""What waits to be read: the newest book, every row, and what comes of too many and of what is unreadable."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from c2client import topics
from c2client.errors import C2Error, Refused, TooSlow
from c2client.subscription import WAITING_MAX, Subscription
from c2client.topics import BookKind
from c2wire.book import Book, BookLevel
from c2wire.stream import INCREMENT_MS, SNAPSHOT_MS, L2Stream
from c2wire.wire import encode
from hypothesis import given
from hypothesis import strategies as st
from stompframes.client import Message

LEFT: list[Subscription[Any]] = []


def told(body: bytes, status: int | None = 200) -> Message:
    return Message("sub-0", "/topic/x", status, (), body)


def of(topic: topics.Topic[Any]) -> Subscription[Any]:
    LEFT.clear()
    subscription = Subscription(topic, LEFT.append)
    subscription.begin()
    return subscription


async def test_of_figures_only_the_newest_waits() -> None:
    figures = of(topics.balances(None))
    figures.take(told(b'[{"ccy":"ETH","src":"X","ts":1,"am":1,"av":1,"fr":0,"mr":0,"mra":0}]'))
    figures.take(told(b"[]"))
    figures.end(None)
    assert [each async for each in figures] == [[]]


async def test_rows_that_nobody_reads_end_the_subscription_and_none_is_lost_before() -> None:
    rows = of(topics.trades(3))
    for _ in range(WAITING_MAX + 5):
        rows.take(told(b"[]"))
    assert [rows] == LEFT
    for _ in range(WAITING_MAX):
        assert await anext(rows) == []
    with pytest.raises(TooSlow, match=r"/user/topic/trades/3: more than 1000 messages wait to be read"):
        await anext(rows)


async def test_an_unreadable_message_costs_itself_alone() -> None:
    rows = of(topics.orders(3))
    rows.take(told(b'[{"algo_id": 3}]'))
    rows.take(told(b"[]"))
    with pytest.raises(C2Error, match=r"/user/topic/orders/3: .*timestamp"):
        await anext(rows)
    assert await anext(rows) == []


@pytest.mark.parametrize(
    ("body", "name", "message"),
    [
        (b'{"name":"stomp_error","message":"there is no bot 9"}', "stomp_error", "there is no bot 9"),
        (b"<html>", "refused", "no reason was given"),
        (b"[]", "refused", "no reason was given"),
        (b"", "refused", "no reason was given"),
    ],
)
async def test_a_refusal_is_said_as_well_as_it_can_be(body: bytes, name: str, message: str) -> None:
    rows = of(topics.alerts())
    rows.take(told(body, 404))
    with pytest.raises(Refused) as refused:
        await anext(rows)
    assert (refused.value.status, refused.value.name, refused.value.message) == (404, name, message)
    assert [rows] == LEFT


prices = st.lists(st.integers(1, 30), unique=True, max_size=6)
books = st.builds(
    lambda bids, asks: Book.of(
        [BookLevel(Decimal(price), Decimal(1)) for price in bids],
        [BookLevel(Decimal(price + 30), Decimal(1)) for price in asks],
        20,
    ),
    prices,
    prices,
)


@given(st.lists(st.tuples(books, st.booleans()), min_size=1, max_size=20))
def test_whatever_packages_are_missing_a_book_is_right_or_not_there(days: list[tuple[Book, bool]]) -> None:
    stream, reader, now_ms = L2Stream("BTCJPY"), topics.BookReader(), SNAPSHOT_MS
    for book, arrives in days:
        for package in stream.tick(book, now_ms):
            read = reader.read(encode(package)) if arrives else None
            assert read is None or read == book
        now_ms += INCREMENT_MS
    now_ms += SNAPSHOT_MS
    last = [reader.read(encode(package)) for package in stream.tick(Book(), now_ms)]
    assert last[-1] == Book()


async def test_a_book_that_does_not_fit_is_an_error_and_the_next_snapshot_puts_it_right() -> None:
    stream = L2Stream("BTCJPY")
    quotes = of(topics.book(BookKind.QUOTES, 3))
    (snapshot,) = stream.tick(Book(), SNAPSHOT_MS)
    quotes.take(told(encode(snapshot)))
    assert await anext(quotes) == Book()
    wrong = b'{"timestamp":1,"security_id":"a","type":"incremental_update","sequence_number":2,"entries":[%s]}'
    quotes.take(told(wrong % b'{"side":"buy","action":"delete","level":7}'))
    with pytest.raises(C2Error, match=r"/topic/quotes/3: entries\[0\].level"):
        await anext(quotes)
    quotes.take(told(encode(snapshot)))
    assert await anext(quotes) == Book()
