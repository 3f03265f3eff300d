"""Recordings as they come: cut off, damaged, of futures, of odd symbols, begun a moment too late."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exchange.market.lifecycle import Series
from exchange.market.markets import NS_PER_S
from exchange.market.money import UNITS_PER_UNDERLYING
from exchange.prices.binance import Message, PublicStreams
from exchange.prices.frames import is_snapshot, spot_event
from exchange.prices.live import read_message
from exchange.prices.player import Player
from exchange.prices.recording import read_recordings
from exchange.prices.replay import RawFrame, UnusableRecording, plan_replay, replay_events
from exchange.testing.venue import config
from exchange.venue import Exchange
from hypothesis import given
from hypothesis import strategies as st

BOUNDARY_NS = 1_723_161_300 * NS_PER_S
LENGTH_NS = 300 * NS_PER_S
ORIGIN_NS = 1_795_222_805 * NS_PER_S
TICKER = {"u": 5, "s": "BTCUSDT", "b": "60000.00", "B": "1.0", "a": "60001.00", "A": "2.0"}
TRADE = {"e": "trade", "E": 1, "s": "BTCUSDT", "t": 5, "p": "60000.00", "q": "1.0", "T": 1, "m": True}
DEPTH = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": 4, "u": 5, "b": [["60000.00", "1.0"]], "a": []}
SNAPSHOT = {"lastUpdateId": 5, "bids": [["60000.00", "1.0"]], "asks": [["60001.00", "1.0"]]}


def line(local_ns: int, stream: str, data: dict[str, Any]) -> RawFrame:
    return local_ns, json.dumps({"stream": f"btcusdt@{stream}", "data": data}, separators=(",", ":")).encode()


def tickers(start_ns: int, seconds: int, price: int = 60_000, **changed: Any) -> list[RawFrame]:
    return [
        line(
            start_ns + second * NS_PER_S,
            "bookTicker",
            {**TICKER, "u": 5 + second, "b": f"{price + second}.00", "a": f"{price + second + 1}.00", **changed},
        )
        for second in range(seconds)
    ]


def test_r62_a_recording_of_futures_is_refused_by_its_name() -> None:
    stamp = BOUNDARY_NS // 1_000_000
    data = {"e": "depthUpdate", "E": stamp, "T": stamp, "s": "BTCUSDT", "U": 1, "u": 9, "pu": 0, "b": [], "a": []}
    with pytest.raises(UnusableRecording, match=r"Binance futures \(BTCUSDT: 'pu'"):
        plan_replay([line(BOUNDARY_NS, "depth@0ms", data)], LENGTH_NS)
    with pytest.raises(UnusableRecording, match="only spot can be replayed"):
        plan_replay([line(BOUNDARY_NS, "depth@100ms", data)], LENGTH_NS)
    assert read_message(line(0, "depth@0ms", data)[1], 1) is None, "nor does a live stream of futures drive the venue"


def test_r63_a_symbol_that_is_none_of_spot_is_named() -> None:
    with pytest.raises(UnusableRecording, match="holds 'BTCUSDT_250926', which is the name of no spot symbol"):
        plan_replay(tickers(BOUNDARY_NS, 400, s="BTCUSDT_250926"), LENGTH_NS)


def test_r63_a_symbol_that_begins_late_in_a_long_recording_is_found() -> None:
    stamped = [line(BOUNDARY_NS + number, "trade", {**TRADE, "E": 1_723_161_300_000}) for number in range(10_001)]
    late = tickers(BOUNDARY_NS + NS_PER_S, 400, s="ETHUSDT")
    assert plan_replay([*stamped, *tickers(BOUNDARY_NS + NS_PER_S, 2), *late], LENGTH_NS).symbols == (
        "BTCUSDT",
        "ETHUSDT",
    )


def test_r63_a_recording_that_begins_a_moment_after_a_boundary_holds_that_market() -> None:
    plan = plan_replay(tickers(BOUNDARY_NS + 1_700_000, 300), LENGTH_NS)
    assert plan.boundaries == ((BOUNDARY_NS, BOUNDARY_NS + LENGTH_NS),)
    with pytest.raises(UnusableRecording, match="no complete market"):
        plan_replay(tickers(BOUNDARY_NS + 1_001_000_000, 300), LENGTH_NS)


def test_r63_its_market_opens_on_its_own_first_price_in_every_loop() -> None:
    lines = tickers(BOUNDARY_NS + 1_700_000, 300)
    plan = plan_replay(lines, LENGTH_NS)
    venue = Exchange(config(assets=("BTC",)))
    calendar = plan.calendar(ORIGIN_NS, 1.0)
    venue.lifecycle.series = tuple(Series(each.name, each.asset, calendar) for each in venue.config.series)
    venue.start(ORIGIN_NS)
    player = Player(
        replay_events(plan, lambda: iter(lines), ORIGIN_NS, 1.0, ORIGIN_NS), venue, PublicStreams(("BTCUSDT",))
    )
    for tenth in range(6_300):
        player.play(ORIGIN_NS + tenth * NS_PER_S // 10)
        venue.on_timer(ORIGIN_NS + tenth * NS_PER_S // 10)
    strikes = [market.strike_units for market in venue.trading.markets.values() if market.strike_units]
    assert strikes == [60_000 * UNITS_PER_UNDERLYING + UNITS_PER_UNDERLYING // 2] * 3


def written(path: Path, count: int) -> bytes:
    return gzip.compress(b"".join(b"%d %b\n" % each for each in tickers(BOUNDARY_NS, count)))


def test_r83_a_recording_that_was_cut_off_is_read_up_to_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl.gz"
    whole = written(path, 2_000)
    path.write_bytes(whole[: len(whole) * 2 // 3])
    read = list(read_recordings([path]))
    assert 500 < len(read) < 2_000
    assert [(at, raw.rstrip()) for at, raw in read] == tickers(BOUNDARY_NS, 2_000)[: len(read)]
    assert list(read_recordings([path])) == read, "the same in every loop"


def test_r83_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_bytes(b'1 {}\n2 {"stream": "btc')
    assert list(read_recordings([path])) == [(1, b"{}\n")]
    path.write_bytes(b"1 {}\n2 {}")
    assert [at for at, _ in read_recordings([path])] == [1, 2]


@pytest.mark.parametrize("damage", ["header", "middle", "checksum", "not gzip"])
def test_r83_a_damaged_recording_is_refused_with_its_name(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "damaged.jsonl.gz"
    whole = bytearray(written(path, 2_000))
    if damage == "header":
        whole[2] = 0xFF
    elif damage == "middle":
        whole[len(whole) // 2 : len(whole) // 2 + 40] = b"\xff" * 40
    elif damage == "checksum":
        whole[-8] ^= 0xFF
    else:
        whole = bytearray(b"this is no recording")
    path.write_bytes(whole)
    with pytest.raises(UnusableRecording, match=r"damaged.jsonl.gz(: damaged after)? line \d+"):
        list(read_recordings([path]))


def test_r83_a_folder_in_place_of_a_recording_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises((UnusableRecording, OSError)):
        list(read_recordings([tmp_path]))


DOCUMENTS = [("bookTicker", TICKER), ("trade", TRADE), ("depth@100ms", DEPTH)]
WRONG: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", [], {}, "x", -1, 1.5, True, "1e999", 10**30, [[1]], [["1"]], "9" * 400]
)


@given(st.data())
def test_r21_a_damaged_frame_of_a_recording_or_of_the_live_stream_costs_itself(data: st.DataObject) -> None:
    stream, document = data.draw(st.sampled_from(DOCUMENTS))
    member = data.draw(st.sampled_from(sorted(document)))
    damaged = {**document, member: data.draw(WRONG)}
    if data.draw(st.booleans()):
        del damaged[member]
    lines = [
        *tickers(BOUNDARY_NS, 3),
        line(BOUNDARY_NS + NS_PER_S, stream, damaged),
        *tickers(BOUNDARY_NS + NS_PER_S, 305),
    ]
    plan = plan_replay(tickers(BOUNDARY_NS, 310), LENGTH_NS)

    def again() -> Iterator[RawFrame]:
        return iter(lines)

    venue, streams = Exchange(config(assets=("BTC",))), PublicStreams(("BTCUSDT",))
    venue.start(ORIGIN_NS)
    player = Player(replay_events(plan, again, ORIGIN_NS, 1.0, ORIGIN_NS), venue, streams)
    player.play(ORIGIN_NS + 20 * NS_PER_S)
    assert venue.lifecycle.mids["BTC"].units // UNITS_PER_UNDERLYING == 60_014
    live = read_message(line(0, stream, damaged)[1], 1)
    if live is not None:
        streams.publish(live)


@pytest.mark.parametrize("member", sorted(SNAPSHOT))
def test_r21_a_book_that_lacks_a_member_is_no_book(member: str) -> None:
    assert is_snapshot(SNAPSHOT)
    assert not is_snapshot({**SNAPSHOT, member: None})
    assert not is_snapshot([SNAPSHOT])
    assert spot_event(SNAPSHOT) is None
    assert isinstance(read_message(line(0, "trade", TRADE)[1], 1), Message)
