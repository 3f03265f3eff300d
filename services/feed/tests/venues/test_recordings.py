"""Recorded days of Binance played through the adapter: a small one made here, and the shared ones where present."""

from __future__ import annotations

import gzip
import os
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from common.core import HttpRequest
from common.events import Book, TopOfBook, Trade
from feed.testing.harness import STEP_MS, Rehearsal, only
from feed.venues.binance import Binance

MS = 1_000_000
SHARED = Path(os.environ.get("MM_SHARED_DATA") or Path(__file__).parents[5] / "shared" / "data") / "recordings"


def made_here(directory: Path) -> Path:
    """Write a recording of changes, tickers and trades that belong together, with a snapshot among them."""
    start_ns, path = 1_723_161_253_000_000_000, directory / "binance-spot-btcusdt_made.jsonl.gz"
    lines: list[bytes] = []
    for number in range(200):
        at_ns = start_ns + number * 100 * MS
        bid, size = f"{100 + number % 7}.00", f"{1 + number}.0"
        gone = [[f"{100 + other}.00", "0.0"] for other in range(7) if other > number % 7]
        update = {"E": at_ns // MS + 1_270, "s": "BTCUSDT", "U": 10 + number, "u": 10 + number}
        events = [
            ("bookTicker", {"u": 10 + number, "s": "BTCUSDT", "b": bid, "B": size, "a": "110.00", "A": "1.0"}),
            ("depth@100ms", {"e": "depthUpdate", **update, "b": [*gone, [bid, size]], "a": [["110.00", "1.0"]]}),
            ("trade", {"e": "trade", "s": "BTCUSDT", "t": number, "p": bid, "q": "1", "T": at_ns // MS, "m": True}),
        ]
        for offset, (stream, data) in enumerate(events):
            frame = msgspec.json.encode({"stream": f"btcusdt@{stream}", "data": data})
            lines.append(b"%d %b\n" % (at_ns + offset, frame))
        if number == 3:
            whole = {"lastUpdateId": 11, "bids": [["101.00", "2.0"], ["100.00", "1.0"]], "asks": [["110.00", "1.0"]]}
            lines.append(b"%d %b\n" % (at_ns + 9, msgspec.json.encode(whole)))
    path.write_bytes(gzip.compress(b"".join(lines)))
    return path


def recordings() -> list[str]:
    """Name every recording to play: the one made here, and what lies in the shared data."""
    return ["made here", *(str(path) for path in sorted(SHARED.glob("binance-spot-*.jsonl.gz")))]


@pytest.mark.parametrize("name", recordings(), ids=lambda name: Path(name).name)
def test_a_recorded_day_has_no_gap_and_its_book_agrees_with_its_ticker(name: str, tmp_path: Path) -> None:
    path = made_here(tmp_path) if name == "made here" else Path(name)
    symbol = path.name.split("-")[2].split("_")[0].upper()
    recorded = [line.split(b" ", 1) for line in gzip.decompress(path.read_bytes()).splitlines()]
    rehearsal = Rehearsal(Binance([symbol], "ws://b", "http://b"), start_ns=int(recorded[0][0]))
    rehearsal.open()
    followed = rehearsal.feed.followed[symbol]
    compared = differing = 0
    tickers = trades = 0
    for received, frame in recorded:
        while rehearsal.now_ns + STEP_MS * MS <= int(received):
            rehearsal.wait(STEP_MS)
        rehearsal.now_ns = int(received)
        if frame.startswith(b'{"lastUpdateId"'):
            (ask,) = rehearsal.asked("limit=1000")
            rehearsal.answer(ask, frame)
            continue
        tickers += b"@bookTicker" in frame[:40]
        trades += b"@trade" in frame[:40]
        rehearsal.frame(frame)
        # Both speak of the same state when the last change applied and the last ticker carry the same update id.
        if b"@depth" in frame[:40] and followed.sync.synced and followed.split_ids[0] == followed.split_ids[1]:
            compared += 1
            differing += followed.sync.book.best() != followed.best
    status = rehearsal.status()
    assert (status.gaps, status.malformed, status.reconnects) == (0, 0, 0)
    assert status.stale_symbols == []
    assert compared > 100
    assert differing == 0
    assert len(only(rehearsal.effects, Trade)) == trades
    tops, books = only(rehearsal.effects, TopOfBook), only(rehearsal.effects, Book)
    assert tickers - 5 <= len(tops) <= tickers
    assert all(top.bid < top.ask for top in tops)
    assert all(book.bids[0].price < book.asks[0].price for book in books)
    assert all(after.ts_received_ns - before.ts_received_ns >= 100 * MS for before, after in pairwise(books))
    assert len(only(rehearsal.effects, HttpRequest)) > 2
    # The local clock of the shared recordings ran 1.27 s behind the venue's.
    assert status.clock_offset_ns == pytest.approx(1_270 * MS, abs=10 * MS)
