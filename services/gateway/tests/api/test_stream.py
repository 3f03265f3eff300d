"""The live stream: the chart's past, then pictures, for as long as the token is good."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest
from common.core import Receipt
from common.events import User
from gateway.api.errors import ApiError
from gateway.api.routes import stream as stream_module
from gateway.api.routes.stream import STREAMS_PER_USER_MAX, PatientStream, Streams, _lines
from gateway.context import Context
from gateway.testing.platform import SYMBOL, Story
from starlette.types import Message


async def opened(context: Context, story: Story) -> tuple[AsyncGenerator[bytes, None], str]:
    user: User = story.user("tess", "viewer", password_hash="h")
    grant = await context.sessions.open(user)
    caller = await context.sessions.check(grant.access_token)
    assert caller is not None
    return _lines(context, Streams(), grant.access_token, caller.token_expires_ns), grant.access_token


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "PERIOD_S", 0.0)


async def test_the_past_of_the_charts_comes_first_and_then_pictures(context: Context, story: Story) -> None:
    story.quoting()
    list(story.view.on_sample(Receipt(story.now_ns)))
    lines, _ = await opened(context, story)
    history = json.loads(await anext(lines))
    assert history["type"] == "history"
    assert history["lines"][0]["symbol"] == SYMBOL
    assert history["lines"][0]["points"] == [[story.now_ns // 1_000_000, 0.52, 0.50, 0.54]]
    picture = json.loads(await anext(lines))
    assert picture["type"] == "picture"
    assert picture["markets"][0]["fair"]["value"] == 0.52


async def test_the_stream_ends_with_the_token(context: Context, story: Story) -> None:
    lines, _ = await opened(context, story)
    await anext(lines)
    await anext(lines)
    story.later(300)
    with pytest.raises(StopAsyncIteration):
        await anext(lines)


async def test_a_revoked_token_ends_the_stream_within_a_bounded_number_of_lines(context: Context, story: Story) -> None:
    lines, token = await opened(context, story)
    await anext(lines)
    await context.sessions.revoke(token)
    count = 0
    async for _ in lines:
        count += 1
    assert count < stream_module.RECHECK_LINES


async def test_a_stopping_gateway_lets_its_readers_go(context: Context, story: Story) -> None:
    lines, _ = await opened(context, story)
    await anext(lines)
    list(story.view.stop(Receipt(story.now_ns)))
    with pytest.raises(StopAsyncIteration):
        await anext(lines)


def test_one_user_cannot_take_every_place() -> None:
    streams = Streams()
    for _ in range(STREAMS_PER_USER_MAX):
        streams.enter("tess")
    with pytest.raises(ApiError, match="at most"):
        streams.enter("tess")
    streams.enter("vera")
    streams.leave("tess")
    streams.enter("tess")


async def endless(closed: list[bool]) -> AsyncGenerator[bytes, None]:
    try:
        while True:
            yield b"x"
    finally:
        closed.append(True)


async def quiet() -> Message:
    """A client that says nothing more."""
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_reader_who_takes_nothing_is_let_go_and_his_place_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "STALLED_S", 0.01)
    closed: list[bool] = []
    released: list[bool] = []

    async def stuck(_message: Message) -> None:
        await asyncio.Event().wait()

    stream = PatientStream(endless(closed), lambda: released.append(True))
    await stream({"type": "http", "method": "GET", "asgi": {"spec_version": "2.3"}}, quiet, stuck)
    assert released == [True]


async def test_a_reader_who_goes_away_gives_his_place_back() -> None:
    closed: list[bool] = []
    released: list[bool] = []
    taken = asyncio.Event()

    async def gone() -> Message:
        await taken.wait()
        return {"type": "http.disconnect"}

    async def take(message: Message) -> None:
        if message["type"] == "http.response.body":
            taken.set()
        await asyncio.sleep(0)

    stream = PatientStream(endless(closed), lambda: released.append(True))
    await stream({"type": "http", "method": "GET", "asgi": {"spec_version": "2.3"}}, gone, take)
    assert (closed, released) == ([True], [True])


def test_readers_at_the_same_moment_share_one_picture(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "PERIOD_S", 0.25)
    story.quoting()
    streams = Streams()
    first = streams.line(story.view, story.now_ns)
    assert streams.line(story.view, story.now_ns + 100_000_000) is first
    assert streams.line(story.view, story.now_ns + 200_000_000) is not first
