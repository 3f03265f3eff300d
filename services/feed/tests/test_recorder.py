"""Recordings have the form that replays read, and an end."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from random import Random

from common.core import HttpRequest, HttpResponse, Receipt, Wire
from feed.recorder import RecordedFeed, Recorder
from feed.testing.harness import START_NS, only
from feed.venue import VenueFeed
from feed.venues.binance import Binance
from feed.venues.degen import Degen

Frame = Callable[[str], bytes]


def lines(directory: Path, prefix: str) -> list[tuple[int, bytes]]:
    """Return receive times and frames of all files whose name begins so."""
    found: list[tuple[int, bytes]] = []
    for path in sorted(directory.glob(f"{prefix}_*.jsonl.gz")):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            received, _, frame = line.partition(b" ")
            found.append((int(received), frame))
    return found


def test_what_is_heard_is_kept_per_symbol_with_its_snapshot(tmp_path: Path, frame: Frame) -> None:
    binance = VenueFeed("binance", Binance(["BTCUSDT"], "ws://b", "http://b"), Random(1))
    degen = VenueFeed("degen", Degen([], "ws://d", "http://d"), Random(1))
    feed = RecordedFeed([binance, degen], Recorder(tmp_path, 1_000_000))
    list(feed.start(Receipt(START_NS)))
    for wire in [each for each in feed.inputs() if isinstance(each, Wire) and each.name.endswith("-a")]:
        list(wire.on_open(Receipt(START_NS)))
        names = ["depth", "trade"] if wire.name.startswith("binance") else ["market", "orderbook"]
        for number, name in enumerate(names):
            list(wire.on_frame(frame(f"{wire.name.split('-')[0]}/{name}"), Receipt(START_NS + number)))
    for ask in only(feed.on_timer(Receipt(START_NS + 50_000_000)), HttpRequest):
        if "limit=1000" in ask.url:
            answer = HttpResponse(ask.request_id, 200, frame("binance/depth_answer"), {})
            list(feed.on_answer(binance, answer, Receipt(START_NS + 60_000_000)))
    assert binance.followed["BTCUSDT"].sync.synced, "recording changes nothing"
    list(feed.stop(Receipt(START_NS + 1)))
    assert lines(tmp_path, "binance-btcusdt") == [
        (START_NS, frame("binance/depth")),
        (START_NS + 1, frame("binance/trade")),
        (START_NS + 60_000_000, frame("binance/depth_answer")),
    ]
    assert [received for received, _ in lines(tmp_path, "degen-all")] == [START_NS, START_NS + 1]
    assert feed.state(START_NS)["recording"]["dropped"] == 0
    assert any(sample.name == "mm_feed_recorded_bytes" and sample.value > 0 for sample in feed.samples())


def test_a_recording_ends_at_its_bound(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 200)
    for number in range(50):
        recorder.put("x", START_NS + number, b"0123456789")
    recorder.close()
    kept = lines(tmp_path, "x")
    assert 0 < len(kept) < 50
    assert recorder.written_bytes <= 200
    assert recorder.dropped == 50 - len(kept)


def test_a_frame_is_one_line_and_a_name_stays_in_its_directory(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 1_000)
    recorder.put("../../etc/x", START_NS, b'{\n"a":\r\n1}')
    recorder.close()
    (path,) = tmp_path.rglob("*.gz")
    assert path.parent == tmp_path
    assert gzip.decompress(path.read_bytes()) == b'%d { "a":  1}\n' % START_NS
