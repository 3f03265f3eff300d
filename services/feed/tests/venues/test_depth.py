"""The depth of each venue that source prices come from: 20 levels a side, kept by its own rules, told as configured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from common.core import Effect
from common.errors import ConfigError
from common.events import Book, TopOfBook
from feed.books.book import LocalBook
from feed.config import Source, parse_venues, places
from feed.followed import EVERYTHING, Depth
from feed.testing.harness import Rehearsal, only
from feed.venues.adapter import BOOK_LEVELS
from feed.venues.binance import Binance
from feed.venues.coinbase import Coinbase
from feed.venues.degen import Degen
from feed.venues.kraken import Kraken, checksum

LEVELS = 25
BIDS = [(f"{1000 - place}.5", f"{place + 1}.25") for place in range(LEVELS)]
ASKS = [(f"{1001 + place}.5", f"{place + 1}.75") for place in range(LEVELS)]
GONE_BID, NEW_ASK = BIDS[3][0], ("1001.4", "9.5")


def json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def rows(levels: list[tuple[str, str]]) -> list[list[str]]:
    return [list(level) for level in levels]


def binance(depth: Depth) -> tuple[Rehearsal, bytes]:
    """Return a venue with a whole book, and the frame that takes a bid away and puts a better ask in."""
    rehearsal = Rehearsal(Binance(["BTCUSDT"], "ws://stream", "http://rest"), depth=depth)
    rehearsal.open()

    def change(number: int, bids: list[list[str]], asks: list[list[str]]) -> bytes:
        data = {"e": "depthUpdate", "E": 1_795_222_800_000, "s": "BTCUSDT", "U": number, "u": number}
        return json({"stream": "btcusdt@depth@100ms", "data": {**data, "b": bids, "a": asks}})

    rehearsal.frame(change(11, [], []))
    rehearsal.wait(50)
    whole = {"lastUpdateId": 10, "bids": rows(BIDS), "asks": rows(ASKS)}
    rehearsal.answer(rehearsal.asked("limit=1000")[-1], json(whole))
    return rehearsal, change(12, [[GONE_BID, "0"]], [list(NEW_ASK)])


def coinbase(depth: Depth) -> tuple[Rehearsal, bytes]:
    rehearsal = Rehearsal(Coinbase(["BTC-USD"], "wss://feed", "https://rest"), depth=depth)
    rehearsal.open()
    rehearsal.frame(json({"type": "snapshot", "product_id": "BTC-USD", "bids": rows(BIDS), "asks": rows(ASKS)}))
    changes = [["buy", GONE_BID, "0"], ["sell", *NEW_ASK]]
    stamp = "2022-08-04T15:25:05.010758Z"
    return rehearsal, json({"type": "l2update", "product_id": "BTC-USD", "changes": changes, "time": stamp})


def kraken(depth: Depth) -> tuple[Rehearsal, bytes]:
    rehearsal = Rehearsal(Kraken(["BTC/USD"], "wss://ws", "https://rest"), depth=depth)
    rehearsal.open()
    pair = {"symbol": "BTC/USD", "price_precision": 1, "qty_precision": 8}
    rehearsal.frame(json({"channel": "instrument", "type": "snapshot", "data": {"pairs": [pair]}}))
    theirs = LocalBook(LEVELS)

    def frame(kind: str, bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> bytes:
        sides = [[(float(price), float(size)) for price, size in side] for side in (bids, asks)]
        theirs.apply(*sides)
        told = [[{"price": price, "qty": size} for price, size in side] for side in sides]
        row = {"symbol": "BTC/USD", "bids": told[0], "asks": told[1], "checksum": checksum(theirs, 1, 8)}
        return json({"channel": "book", "type": kind, "data": [row]})

    rehearsal.frame(frame("snapshot", BIDS, ASKS))
    return rehearsal, frame("update", [(GONE_BID, "0")], [NEW_ASK])


def degen(depth: Depth) -> tuple[Rehearsal, bytes]:
    rehearsal = Rehearsal(Degen((), "ws://venue/ws", "http://venue"), depth=depth)
    rehearsal.open()

    def frame(number: int, bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> bytes:
        levels = {"bids": rows(bids[:BOOK_LEVELS]), "asks": rows(asks[:BOOK_LEVELS])}
        book = {"type": "spot_orderbook", "symbol": "BTCUSD", "sequence": number, "snapshot": number == 1}
        return json({**book, **levels, "ts_ns": 1_795_222_805_000_000_000 + number})

    rehearsal.frame(frame(1, BIDS, ASKS))
    return rehearsal, frame(2, [level for level in BIDS if level[0] != GONE_BID], [NEW_ASK, *ASKS])


VENUES: dict[str, Callable[[Depth], tuple[Rehearsal, bytes]]] = {
    "binance": binance,
    "coinbase": coinbase,
    "kraken": kraken,
    "degen": degen,
}


def told(effects: list[Effect]) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    last = only(effects, Book)[-1]
    return [(level.price, level.size) for level in last.bids], [(level.price, level.size) for level in last.asks]


def numbers(levels: list[tuple[str, str]]) -> list[tuple[float, float]]:
    return [(float(price), float(size)) for price, size in levels][:BOOK_LEVELS]


@pytest.mark.parametrize("venue", VENUES)
def test_a_book_is_told_20_levels_deep_and_again_when_it_changes(venue: str) -> None:
    rehearsal, change = VENUES[venue](EVERYTHING)
    assert told(rehearsal.effects) == (numbers(BIDS), numbers(ASKS))
    assert rehearsal.status().stale_symbols == []
    changed = [*rehearsal.frame(change), *rehearsal.wait(100)]
    left = [level for level in BIDS if level[0] != GONE_BID]
    assert told(changed) == (numbers(left), numbers([NEW_ASK, *ASKS]))


@pytest.mark.parametrize("venue", VENUES)
def test_only_best_prices_are_told_of_symbols_whose_depth_nobody_needs(venue: str) -> None:
    rehearsal, change = VENUES[venue](Depth(frozenset()))
    rehearsal.frame(change)
    rehearsal.wait(1_000)
    assert only(rehearsal.effects, Book) == []
    assert only(rehearsal.effects, TopOfBook)
    assert rehearsal.status().stale_symbols == [], "it is kept all the same, to prove the best prices by"
    again = rehearsal.feed.again(rehearsal.now_ns)
    assert [type(each) for each in again if isinstance(each, Book | TopOfBook)] == [TopOfBook]


@pytest.mark.parametrize(("every_ms", "count"), [(0, 10), (100, 5), (250, 2)])
def test_books_are_told_as_often_as_configured(every_ms: int, count: int) -> None:
    rehearsal, _ = degen(Depth(every_ms=every_ms))
    before = len(rehearsal.effects)
    for number in range(2, 12):
        book = {"type": "spot_orderbook", "symbol": "BTCUSD", "sequence": number, "bids": [], "asks": [list(NEW_ASK)]}
        rehearsal.wait(50)
        rehearsal.frame(json({**book, "ts_ns": number}))
    assert len(only(rehearsal.effects[before:], Book)) == count


def test_depth_and_names_are_of_symbols_that_are_followed() -> None:
    text = '[venues.b]\nadapter = "binance"\nsymbols = ["BTCUSDT"]\nwebsocket = "ws://x"\nrest = "http://x"\n'
    venue = places(
        parse_venues(text + 'depth = ["BTCUSDT"]\ndepth_every_ms = 20\nnames = { BTCUSD = "BTCUSDT" }\n'),
        Source.LIVE,
        "",
        "http://x:1",
    )[0]
    assert (venue.depth.symbols, venue.depth.every_ms) == (frozenset({"BTCUSDT"}), 20)
    for wrong, fault in (('depth = ["X"]', "depth: 'X' is none"), ('names = { A = "Y" }', "names: 'Y' is none")):
        with pytest.raises(ConfigError, match=fault):
            parse_venues(text + wrong)
    with pytest.raises(ConfigError, match="depth_every_ms"):
        parse_venues(text + "depth_every_ms = 5000")
