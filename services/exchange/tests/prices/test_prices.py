"""The Binance-shaped side: a client that follows Binance's rules always holds the right book."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exchange.entry.session import Send
from exchange.market.markets import NS_PER_S
from exchange.market.money import UNITS_PER_UNDERLYING
from exchange.prices.binance import FreshBook, Message, PublicStreams
from exchange.prices.depth import DepthBook
from exchange.prices.model import FIRST_PRICES, ModelSettings, model_events
from exchange.prices.player import Event, Player
from exchange.prices.recording import read_recordings
from exchange.prices.replay import IDS_PER_LOOP, RawFrame, UnusableRecording, plan_replay, replay_events
from exchange.testing.venue import OPEN_NS, config
from exchange.venue import Exchange

BOUNDARY_NS = 1_723_161_300 * NS_PER_S  # 23:55 UTC
OFFSET_NS = 1_272_000_000
ORIGIN_NS = 1_795_222_805 * NS_PER_S


class LocalBook:
    """A client's book by the venue's numbered rules; raises when the rules are broken."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[str, str]] = {}
        self.last_id: int | None = None
        self.resyncs = 0

    def on_depth(self, diff: dict[str, Any], streams: PublicStreams) -> None:
        if self.last_id is None or diff["U"] != self.last_id + 1:
            status, snapshot = streams.on_request(
                "GET", "/binance/api/v3/depth", {"symbol": diff["s"], "limit": "5000"}, 0
            )
            assert status == 200
            self.resyncs += 1
            self.sides = {"b": dict(snapshot["bids"]), "a": dict(snapshot["asks"])}
            self.last_id = snapshot["lastUpdateId"]
            if diff["u"] <= self.last_id:
                return
            assert diff["U"] <= self.last_id + 1 <= diff["u"]
        for side, rows in self.sides.items():
            for price, size in diff[side]:
                if float(size) == 0:
                    rows.pop(price, None)
                else:
                    rows[price] = size
        self.last_id = diff["u"]


def depth_line(local_ns: int, first: int, last: int, bids: list[list[str]], asks: list[list[str]]) -> RawFrame:
    stamp = (local_ns + OFFSET_NS) // 1_000_000
    data = {"e": "depthUpdate", "E": stamp, "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": asks}
    return local_ns, json.dumps({"stream": "btcusdt@depth@100ms", "data": data}, separators=(",", ":")).encode()


def ticker_line(local_ns: int, update_id: int, bid: str, ask: str) -> RawFrame:
    data = {"u": update_id, "s": "BTCUSDT", "b": bid, "B": "1.0", "a": ask, "A": "2.0"}
    return local_ns, json.dumps({"stream": "btcusdt@bookTicker", "data": data}, separators=(",", ":")).encode()


def trade_line(local_ns: int, trade_id: int) -> RawFrame:
    stamp = (local_ns + OFFSET_NS) // 1_000_000
    data = {
        "e": "trade",
        "E": stamp,
        "s": "BTCUSDT",
        "t": trade_id,
        "p": "1",
        "q": "1",
        "T": stamp,
        "m": True,
        "M": True,
    }
    return local_ns, json.dumps({"stream": "btcusdt@trade", "data": data}, separators=(",", ":")).encode()


def recorded(*, snapshot: bool) -> list[RawFrame]:
    """A small recording: from 20 s before a boundary to just before the next but one."""
    start_ns = BOUNDARY_NS - 20 * NS_PER_S
    lines: list[RawFrame] = []
    for step in range(620):
        local_ns = start_ns + step * NS_PER_S
        identity = 1_000 + 10 * step
        bid, ask = f"{60_000 + step % 50}.00", f"{60_001 + step % 50}.00"
        old = [[f"{60_000 + (step - 1) % 50}.00", "0.00"], [f"{60_001 + (step - 1) % 50}.00", "0.00"]]
        lines.append(depth_line(local_ns, identity, identity + 9, [old[0], [bid, "1.0"]], [old[1], [ask, "2.0"]]))
        if snapshot and step == 3:
            older = {"lastUpdateId": identity - 5, "bids": [["59000.00", "7.0"]], "asks": [["61000.00", "7.0"]]}
            lines.append((local_ns + 1, json.dumps(older).encode()))
        lines.append(ticker_line(local_ns + 2, identity + 9, bid, ask))
        lines.append(trade_line(local_ns + 3, 500 + step))
    return lines


def play(lines: list[RawFrame], speed: float, for_s: float, from_ns: int = ORIGIN_NS) -> Iterator[Event]:
    plan = plan_replay(lines, 300 * NS_PER_S)
    for event in replay_events(plan, lambda: iter(lines), ORIGIN_NS, speed, from_ns):
        if event.due_ns > from_ns + for_s * NS_PER_S:
            return
        yield event


def test_the_plan_finds_whole_markets_and_the_clock_offset() -> None:
    plan = plan_replay(recorded(snapshot=True), 300 * NS_PER_S)
    assert plan.boundaries == (
        (BOUNDARY_NS, BOUNDARY_NS + 300 * NS_PER_S),
        (BOUNDARY_NS + 300 * NS_PER_S, BOUNDARY_NS + 600 * NS_PER_S),
    )
    assert plan.start_ns == BOUNDARY_NS - 5 * NS_PER_S
    assert abs(plan.clock_offset_ns - OFFSET_NS) < 10
    calendar = plan.calendar(ORIGIN_NS, 10.0)
    assert calendar.first_window(ORIGIN_NS).open_ns == ORIGIN_NS + NS_PER_S // 2
    assert calendar.first_window(ORIGIN_NS).expiry_ns == ORIGIN_NS + 30 * NS_PER_S + NS_PER_S // 2


def test_a_recording_without_a_whole_market_is_refused_with_the_reason() -> None:
    with pytest.raises(UnusableRecording, match="no complete market of 300 s"):
        plan_replay(recorded(snapshot=False)[:200], 300 * NS_PER_S)
    with pytest.raises(UnusableRecording, match="no Binance stream messages"):
        plan_replay([(1, b"{}")], 300 * NS_PER_S)


@pytest.mark.parametrize("speed", [1.0, 10.0])
def test_stamps_move_to_the_venue_clock_without_the_recorded_offset(speed: float) -> None:
    trades = [
        e for e in play(recorded(snapshot=True), speed, 20 / speed) if isinstance(e, Message) and e.kind == "trade"
    ]
    for trade in trades:
        assert abs(trade.data["E"] * 1_000_000 - trade.due_ns) < 2_000_000
    assert trades[0].due_ns == ORIGIN_NS + int(3 / speed)
    assert trades[5].due_ns == ORIGIN_NS + int((5 * NS_PER_S + 3) / speed)


@pytest.mark.parametrize("snapshot", [True, False])
def test_a_client_that_joins_at_any_time_holds_the_replayed_book(snapshot: bool) -> None:
    streams = PublicStreams(("BTCUSDT",))
    joined = {0: LocalBook(), 50: LocalBook(), 600: LocalBook()}
    ids: list[int] = []
    for count, event in enumerate(play(recorded(snapshot=snapshot), 1.0, 1_300)):
        if isinstance(event, FreshBook):
            streams.books[event.symbol] = DepthBook()
            continue
        streams.publish(event)
        if event.kind == "depth" and not event.for_book_only:
            ids.append(event.data["u"])
            for start, book in joined.items():
                if count >= start:
                    book.on_depth(event.data, streams)
    kept = streams.books["BTCUSDT"].snapshot(5_000)
    for book in joined.values():
        assert {tuple(row) for row in kept["bids"]} == set(book.sides["b"].items())
        assert {tuple(row) for row in kept["asks"]} == set(book.sides["a"].items())
        assert book.resyncs <= 4
    assert ids == sorted(ids)
    assert ids[-1] > 2 * IDS_PER_LOOP
    assert (["59000.00", "7.0"] in kept["bids"]) == snapshot


def test_a_snapshot_older_than_the_diffs_before_it_is_brought_up_to_date_by_them() -> None:
    book = DepthBook()
    for first, price in ((1, "10"), (11, "11"), (21, "12")):
        book.on_diff({"U": first, "u": first + 9, "b": [[price, "1"]], "a": [["20", "1"]]})
    book.on_snapshot({"lastUpdateId": 15, "bids": [["9", "5"], ["10", "1"]], "asks": [["20", "1"]]})
    assert book.snapshot(10) == {
        "lastUpdateId": 30,
        "bids": [["12", "1"], ["11", "1"], ["10", "1"], ["9", "5"]],
        "asks": [["20", "1"]],
    }
    book.on_snapshot({"lastUpdateId": 40, "bids": [["8", "1"]], "asks": []})
    book.on_diff({"U": 31, "u": 40, "b": [["7", "1"]], "a": []})
    assert book.snapshot(10) == {"lastUpdateId": 40, "bids": [["8", "1"]], "asks": []}


def test_a_replay_that_is_taken_up_in_the_middle_stands_where_it_would_be() -> None:
    lines = recorded(snapshot=True)
    later_ns = ORIGIN_NS + 700 * NS_PER_S
    whole = [
        e for e in play(lines, 1.0, 720) if isinstance(e, Message) and not e.for_book_only and e.due_ns >= later_ns
    ]
    taken_up = [e for e in play(lines, 1.0, 20, later_ns) if isinstance(e, Message) and not e.for_book_only]
    assert taken_up == whole
    assert len(taken_up) > 50


def test_replayed_prices_open_and_settle_markets() -> None:
    lines = recorded(snapshot=True)
    plan = plan_replay(lines, 300 * NS_PER_S)
    made = config()
    venue = Exchange(made)
    venue.lifecycle.series = tuple(
        type(series)(series.name, series.asset, plan.calendar(ORIGIN_NS, 1.0)) for series in made.series
    )
    venue.start(ORIGIN_NS)
    streams = PublicStreams(("BTCUSDT",))
    player = Player(replay_events(plan, lambda: iter(lines), ORIGIN_NS, 1.0, ORIGIN_NS), venue, streams)
    for second in range(320):
        now_ns = ORIGIN_NS + second * NS_PER_S
        player.play(now_ns)
        venue.on_timer(now_ns)
    first, second_market = list(venue.trading.markets.values())[:2]
    # At the open the ticker of that second has not come yet, so the strike is the mid of the second before.
    step_at_open = 19
    assert first.strike_units == (60_000 + step_at_open % 50) * UNITS_PER_UNDERLYING + UNITS_PER_UNDERLYING // 2
    assert first.status == "RESOLVED"
    assert second_market.status == "OPEN"
    assert first.settlement_units == second_market.strike_units


def test_the_player_shows_informed_takers_what_is_to_come() -> None:
    lines = recorded(snapshot=False)
    plan = plan_replay(lines, 300 * NS_PER_S)
    venue = Exchange(config(takers=True))
    venue.start(ORIGIN_NS)
    seen: list[int] = []
    venue.takers.on_ahead = lambda asset, units: seen.append(units)  # type: ignore[method-assign]
    player = Player(replay_events(plan, lambda: iter(lines), ORIGIN_NS, 1.0, ORIGIN_NS), venue, PublicStreams(()))
    player.play(ORIGIN_NS + 2 * NS_PER_S + 800_000_000)
    published = venue.lifecycle.mids["BTC"].units
    assert seen[-1] == published + UNITS_PER_UNDERLYING


def test_the_model_is_a_function_of_its_seed() -> None:
    def first(seed: int) -> list[Message]:
        events = model_events(FIRST_PRICES, ModelSettings(), seed, OPEN_NS)
        return [next(events) for _ in range(500)]

    assert first(1) == first(1)
    assert first(1) != first(2)


def test_the_model_keeps_its_books_consistent_and_moves_as_told() -> None:
    streams = PublicStreams(tuple(FIRST_PRICES))
    books = {symbol: LocalBook() for symbol in FIRST_PRICES}
    tops: dict[str, tuple[float, float]] = {}
    last_ns = OPEN_NS
    events = model_events(FIRST_PRICES, ModelSettings(), 3, OPEN_NS)
    while last_ns < OPEN_NS + 120 * NS_PER_S:
        event = next(events)
        assert event.due_ns >= last_ns
        last_ns = event.due_ns
        streams.publish(event)
        if event.kind == "depth":
            books[event.symbol].on_depth(event.data, streams)
            best = streams.books[event.symbol].best()
            assert best is not None
            assert float(best[0]) < float(best[1])
        elif event.kind == "bookTicker":
            tops[event.symbol] = float(event.data["b"]), float(event.data["a"])
            assert tops[event.symbol][0] < tops[event.symbol][1]
    for symbol, book in books.items():
        assert book.resyncs == 1
        assert abs(tops[symbol][0] / FIRST_PRICES[symbol] - 1) < 0.02
        kept = streams.books[symbol].snapshot(100)
        assert {tuple(row) for row in kept["bids"]} == set(book.sides["b"].items())


def test_followers_receive_exactly_their_streams() -> None:
    streams = PublicStreams(("BTCUSDT",))
    streams.on_connect(1, "btcusdt@trade")
    streams.on_connect(2, "")
    ticker = Message(
        1, "BTCUSDT", "btcusdt@bookTicker", {"u": 1, "s": "BTCUSDT", "b": "1", "B": "1", "a": "2", "A": "1"}
    )
    assert streams.publish(ticker) == []
    answer = streams.on_frame(2, b'{"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 3}')
    assert answer == [Send(2, b'{"result":null,"id":3}')]
    frames = streams.publish(ticker)
    assert [(out.connection, json.loads(out.data)["stream"]) for out in frames if isinstance(out, Send)] == [
        (2, "btcusdt@bookTicker")
    ]
    listed = streams.on_frame(2, b'{"method": "LIST_SUBSCRIPTIONS", "id": 4}')
    assert json.loads(listed[0].data)["result"] == ["btcusdt@bookTicker"]  # type: ignore[union-attr]
    streams.on_frame(2, b'{"method": "UNSUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 5}')
    assert streams.publish(ticker) == []


@pytest.mark.parametrize("frame", [b"x", b"[]", b"{}", b'{"method": "SUBSCRIBE", "params": 5}', b"[" * 9_999])
def test_a_wrong_subscription_gets_an_error(frame: bytes) -> None:
    streams = PublicStreams(("BTCUSDT",))
    streams.on_connect(1, "")
    (answer,) = streams.on_frame(1, frame)
    assert isinstance(answer, Send)
    assert json.loads(answer.data)["error"]["msg"]


def test_wrong_rest_calls_get_errors_like_those_of_binance() -> None:
    streams = PublicStreams(("BTCUSDT",))
    for path, query, code in (
        ("depth", {}, -1102),
        ("depth", {"symbol": "XRPUSDT"}, -1121),
        ("depth", {"symbol": "BTCUSDT", "limit": "x"}, -1100),
        ("exchangeInfo", {"symbol": "XRPUSDT"}, -1121),
        ("nothing", {}, -1000),
    ):
        status, body = streams.on_request("GET", f"/binance/api/v3/{path}", query, 0)
        assert (status >= 400, body["code"]) == (True, code)
    assert streams.on_request("GET", "/binance/api/v3/time", {}, 5_000_000) == (200, {"serverTime": 5})


def test_the_terms_of_one_symbol_are_those_that_were_asked_for() -> None:
    streams = PublicStreams(("BTCUSDT", "ETHUSDT"))
    query = {"symbol": "ETHUSDT", "showPermissionSets": "false"}
    status, body = streams.on_request("GET", "/binance/api/v3/exchangeInfo", query, 0)
    assert (status, [row["symbol"] for row in body["symbols"]]) == (200, ["ETHUSDT"])
    assert {rule["filterType"] for rule in body["symbols"][0]["filters"]} == {"PRICE_FILTER", "LOT_SIZE", "NOTIONAL"}
    _, every = streams.on_request("GET", "/binance/api/v3/exchangeInfo", {}, 0)
    assert [row["symbol"] for row in every["symbols"]] == ["BTCUSDT", "ETHUSDT"]


def test_a_damaged_recording_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.jsonl.gz"
    path.write_bytes(gzip.compress(b'123 {"a": 1}\nnonsense\n'))
    with pytest.raises(UnusableRecording, match=r"broken.jsonl.gz line 2"):
        list(read_recordings([path]))


def shared_recordings() -> list[Path]:
    folder = Path(os.environ.get("MM_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data"))
    return sorted((folder / "recordings").glob("binance-spot-*usdt_*.jsonl.gz"))


@pytest.mark.skipif(not shared_recordings(), reason="the recordings are not on this machine")
def test_the_recorded_days_play_a_whole_market_and_keep_every_book() -> None:
    paths = shared_recordings()
    plan = plan_replay(read_recordings(paths), 300 * NS_PER_S)
    assert len(plan.boundaries) == 1
    assert abs(plan.clock_offset_ns - 1_272_000_000) < 10_000_000
    streams, venue = PublicStreams(plan.symbols), Exchange(config(assets=("BTC", "ETH")))
    calendar = plan.calendar(ORIGIN_NS, 1.0)
    venue.lifecycle.series = tuple(type(series)(series.name, series.asset, calendar) for series in venue.config.series)
    venue.start(ORIGIN_NS)
    player = Player(replay_events(plan, lambda: read_recordings(paths), ORIGIN_NS, 1.0, ORIGIN_NS), venue, streams)
    streams.on_connect(1, "btcusdt@depth@100ms/ethusdt@depth@100ms/btcusdt@bookTicker/ethusdt@bookTicker")
    books = {symbol: LocalBook() for symbol in plan.symbols}
    frames = 0
    for tenth in range(3_080):
        for out in player.play(ORIGIN_NS + tenth * NS_PER_S // 10):
            if not isinstance(out, Send):
                continue
            frames += 1
            body = json.loads(out.data)
            if "depth" in body["stream"]:
                books[body["data"]["s"]].on_depth(body["data"], streams)
        venue.on_timer(ORIGIN_NS + tenth * NS_PER_S // 10)
    assert frames > 40_000
    for book in books.values():
        # One join at the start, one more when the recording starts over.
        assert book.resyncs <= 2
        assert max(map(float, book.sides["b"])) < min(map(float, book.sides["a"]))
    results = {market.id[:3]: market.result for market in venue.trading.markets.values() if market.result}
    assert results == {"BTC": "no", "ETH": "no"}
