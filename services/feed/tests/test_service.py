"""The feed as a whole: venues that cannot disturb each other, its state for people, its settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from common.core import Close, Effect, Every, Http, HttpRequest, Open, Receipt, Wire
from common.errors import ConfigError
from common.events import Alert, Book, FeedStatus, Market, TopOfBook, encode
from common.settings import load_settings
from feed.config import Source, parse_venues, places
from feed.messages import Message
from feed.service import Feed
from feed.testing.harness import START_NS, only
from feed.venue import VenueFeed
from feed.venues.binance import Binance
from feed.venues.coinbase import Coinbase
from feed.venues.degen import Degen
from feed.wiring import Settings, wire

Frame = Callable[[str], bytes]
S = 1_000_000_000
NOW = Receipt(START_NS)
CONFIG = Path(__file__).parents[3] / "config"
VENUES = (CONFIG / "venues.toml").read_text(encoding="utf-8")


class Faulty(Binance):
    """An adapter with a programming error in it."""

    def parse(self, frame: bytes) -> Sequence[Message]:
        if b"trade" in frame:
            raise AttributeError("no such thing")
        return super().parse(frame)


def two_venues() -> Feed:
    feed = Feed(
        [
            VenueFeed("binance", Faulty(["BTCUSDT"], "ws://b", "http://b"), Random(1)),
            VenueFeed("coinbase", Coinbase(["BTC-USD"], "ws://c", "http://c"), Random(2)),
        ]
    )
    feed.epoch = 5
    return feed


def wires(feed: Feed) -> dict[str, Wire]:
    return {each.name: each for each in feed.inputs() if isinstance(each, Wire)}


def test_its_inputs_name_every_wire_and_rest_interface_once() -> None:
    inputs = two_venues().inputs()
    assert [each.name for each in inputs if isinstance(each, Wire)] == [
        "binance-0-a",
        "binance-0-b",
        "coinbase-0-a",
        "coinbase-0-b",
    ]
    assert [each.name for each in inputs if isinstance(each, Http)] == ["binance", "coinbase"]
    assert [each.period_ms for each in inputs if isinstance(each, Every)] == [50, 200, 1_000]


def test_it_connects_everything_and_says_at_once_that_nothing_can_be_believed() -> None:
    feed = two_venues()
    effects = list(feed.start(NOW))
    assert [each.wire for each in only(effects, Open)] == ["binance-0-a", "coinbase-0-a"]
    assert [(each.venue, each.connected, each.epoch) for each in only(effects, FeedStatus)] == [
        ("binance", False, 5),
        ("coinbase", False, 5),
    ]
    assert feed.unready(START_NS) == ["binance: not connected (connecting)", "coinbase: not connected (connecting)"]


def test_our_own_failure_on_one_venue_starts_it_over_and_leaves_the_others_alone(frame: Frame) -> None:
    feed = two_venues()
    list(feed.start(NOW))
    by_name = wires(feed)
    list(by_name["binance-0-a"].on_open(NOW))
    list(by_name["coinbase-0-a"].on_open(NOW))
    effects = list(by_name["binance-0-a"].on_frame(frame("binance/trade"), NOW))
    (alert,) = only(effects, Alert)
    assert (alert.level, alert.kind, alert.source) == ("critical", "feed_fault_binance", "feed")
    assert "AttributeError" in alert.text
    assert [each.wire for each in only(effects, Close)] == ["binance-0-a"]
    assert [each.connected for each in only(effects, FeedStatus)] == [False]
    (top,) = only(by_name["coinbase-0-a"].on_frame(frame("coinbase/snapshot"), NOW), TopOfBook)
    assert top.venue == "coinbase"
    assert [reason.split(":")[0] for reason in feed.unready(START_NS)] == ["binance", "coinbase"]
    assert {each.name: each.value for each in feed.samples() if not each.labels} == {"mm_feed_faults": 1}


def test_repeated_failures_alert_once_a_minute(frame: Frame) -> None:
    feed = two_venues()
    list(feed.start(NOW))
    list(wires(feed)["binance-0-a"].on_open(NOW))
    alerts = 0
    for second in range(125):
        receipt = Receipt(START_NS + second * S)
        effects: list[Effect] = list(feed.on_timer(receipt))
        for opened in only(effects, Open):
            wires(feed)[opened.wire].on_open(receipt)
        for name in ("binance-0-a", "binance-0-b"):
            effects += wires(feed)[name].on_frame(frame("binance/trade"), receipt)
        alerts += len(only(effects, Alert))
    assert feed.faults > 10
    assert alerts == 3


def test_r74_every_venue_reports_with_every_beat() -> None:
    feed = two_venues()
    list(feed.start(NOW))
    assert [each.venue for each in only(feed.on_beat(NOW), FeedStatus)] == ["binance", "coinbase"]
    assert [
        every.period_ms for every in feed.inputs() if isinstance(every, Every) and every.handler == feed.on_beat
    ] == [200]


def test_its_end_closes_everything_and_tells_that_it_is_not_connected() -> None:
    feed = two_venues()
    list(feed.start(NOW))
    list(wires(feed)["binance-0-a"].on_open(NOW))
    effects = list(feed.stop(NOW))
    assert [each.wire for each in only(effects, Close)] == ["binance-0-a", "coinbase-0-a"]
    assert [(each.connected, each.note) for each in only(effects, FeedStatus)] == [(False, "stopping")] * 2
    assert feed.stopped()
    later = [effect for second in range(60) for effect in feed.on_timer(Receipt(START_NS + second * S))]
    assert only(later, Open) == []


def test_after_a_break_of_the_bus_what_holds_is_told_again(frame: Frame) -> None:
    feed = two_venues()
    list(feed.start(NOW))
    list(wires(feed)["coinbase-0-a"].on_open(NOW))
    list(wires(feed)["coinbase-0-a"].on_frame(frame("coinbase/snapshot"), NOW))
    effects = list(feed.on_reconnected(Receipt(START_NS + S)))
    assert [(top.venue, top.bid) for top in only(effects, TopOfBook)] == [("coinbase", 10101.1)]
    assert [(book.venue, len(book.bids)) for book in only(effects, Book)] == [("coinbase", 2)]
    assert [status.venue for status in only(effects, FeedStatus)] == ["binance", "coinbase"]


def test_a_market_the_broker_refused_is_told_again_from_the_next_list(frame: Frame) -> None:
    feed = Feed([VenueFeed("degen", Degen([], "ws://d", "http://d"), Random(1))])
    list(feed.start(NOW))
    wire_a = wires(feed)["degen-0-a"]
    list(wire_a.on_open(NOW))
    (market,) = only(wire_a.on_frame(frame("degen/market"), NOW), Market)
    assert only(wire_a.on_frame(frame("degen/market"), NOW), Market) == []
    assert list(feed.on_refused(market, "stream full", NOW)) == []
    assert only(wire_a.on_frame(frame("degen/market"), NOW), Market) == [market]


def test_its_state_is_json_and_its_samples_have_their_venue(frame: Frame) -> None:
    feed = two_venues()
    list(feed.start(NOW))
    list(wires(feed)["coinbase-0-a"].on_open(NOW))
    list(wires(feed)["coinbase-0-a"].on_frame(frame("coinbase/snapshot"), NOW))
    state = json.loads(json.dumps(feed.state(START_NS)))
    assert state["venues"]["coinbase"]["symbols"] == {"BTC-USD": {"bid": 10101.1, "ask": 10102.55, "synced": True}}
    assert state["venues"]["binance"]["connected"] is False
    samples = {(each.name, each.labels.get("venue")): each.value for each in feed.samples()}
    assert samples["mm_feed_tops", "coinbase"] == 1
    assert samples["mm_feed_symbols_unsynced", "binance"] == 1


def test_the_same_script_gives_the_same_history_byte_for_byte(frame: Frame) -> None:
    def history() -> list[bytes | Effect]:
        feed = two_venues()
        effects = list(feed.start(NOW))
        for step in range(400):
            receipt = Receipt(START_NS + step * 50_000_000)
            for name, each in wires(feed).items():
                if step % 100 == 3:
                    effects += each.on_close("cut", receipt)
                if step % 100 == 30:
                    effects += each.on_open(receipt)
                venue = name.split("-")[0]
                for kind in {"binance": ["book_ticker", "depth"], "coinbase": ["snapshot", "l2update"]}[venue]:
                    effects += each.on_frame(frame(f"{venue}/{kind}"), receipt)
            effects += feed.on_timer(receipt)
        return [encode(effect) if isinstance(effect, FeedStatus | TopOfBook) else effect for effect in effects]

    first = history()
    assert first == history()
    assert any(isinstance(effect, HttpRequest) for effect in first)


def test_the_shipped_venues_are_followed_live_and_two_of_them_in_simulation() -> None:
    venues = parse_venues(VENUES)
    live = places(venues, Source.LIVE, "", "http://127.0.0.1:9000")
    assert [place.venue for place in live] == ["binance", "coinbase", "kraken", "degen"]
    assert live[0].websocket == "wss://stream.binance.com:9443/stream"
    assert live[3].websocket == "ws://127.0.0.1:9000/ws"
    for source in (Source.MODEL, Source.REPLAY):
        simulated = places(venues, source, "", "http://127.0.0.1:9123")
        assert [(place.venue, place.websocket, place.rest) for place in simulated] == [
            ("binance", "ws://127.0.0.1:9123/binance/stream", "http://127.0.0.1:9123/binance"),
            ("degen", "ws://127.0.0.1:9123/ws", "http://127.0.0.1:9123"),
        ]
    assert [place.venue for place in places(venues, Source.LIVE, "kraken, binance", "http://x:1")] == [
        "binance",
        "kraken",
    ]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("[venues", ["venues.toml"]),
        ("", ["venues: Field required"]),
        (
            '[venues.x]\nadapter = "ftx"\nsymbols = ["A B"]\nwebsocket = "http://x"\nrest = "http://u:p@x"\nkey = 1\n',
            ["ftx", "symbols.0", "ws:// or wss://", "no user", "key"],
        ),
        (
            '[venues.x]\nadapter = "binance"\nsymbols = ["A", "A"]\nwebsocket = "ws://{host}"\nrest = "http://x?a=b"\n',
            ["twice", "no other braces", "query"],
        ),
    ],
)
def test_a_wrong_venues_file_is_refused_with_every_fault(text: str, faults: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        parse_venues(text)
    told = "\n".join(error.value.faults)
    for fault in faults:
        assert fault in told


@pytest.mark.parametrize(
    ("source", "wanted", "exchange_url", "fault"),
    [
        (Source.LIVE, "binance,ftx", "http://127.0.0.1:9000", "MM_VENUES: 'ftx' is not in venues.toml"),
        (Source.MODEL, "coinbase", "http://127.0.0.1:9000", "MM_VENUES: coinbase has no simulated_websocket"),
        (Source.LIVE, "", "127.0.0.1:9000", "MM_EXCHANGE_URL: must be like http://127.0.0.1:9000"),
        (Source.LIVE, "", "http://user:pass@127.0.0.1:9000", "MM_EXCHANGE_URL"),
    ],
)
def test_settings_that_name_what_is_not_there_are_refused(
    source: Source, wanted: str, exchange_url: str, fault: str
) -> None:
    with pytest.raises(ConfigError, match=fault):
        places(parse_venues(VENUES), source, wanted, exchange_url)


def test_named_spot_venues_of_the_exchange_are_followed_where_they_are_hosted() -> None:
    venues = parse_venues(VENUES)
    for source in (Source.LIVE, Source.MODEL, Source.REPLAY):
        found = {place.venue: place for place in places(venues, source, "", "http://127.0.0.1:9123", "KRAKEN, DLTXMM")}
        named = {name for name in found if name.endswith("_spot")}
        assert named == {"kraken_spot", "dltxmm_spot"}
        kraken = found["kraken_spot"]
        assert kraken.websocket == "ws://127.0.0.1:9123/venues/kraken/ws"
        assert kraken.rest == "http://127.0.0.1:9123/venues/kraken"
    assert not [place for place in places(venues, Source.LIVE, "", "http://x:1") if place.venue.endswith("_spot")]
    with pytest.raises(ConfigError, match="MM_VENUES: kraken_spot is KRAKEN of the exchange, not in MM_SPOT_VENUES"):
        places(venues, Source.MODEL, "degen,kraken_spot", "http://x:1", "DLTXMM")


def test_a_venue_without_symbols_is_refused_where_it_lists_none() -> None:
    text = '[venues.b]\nadapter = "binance"\nsymbols = []\nwebsocket = "ws://x"\nrest = "http://x"\n'
    with pytest.raises(ConfigError, match=r"venues\.b\.symbols"):
        places(parse_venues(text), Source.LIVE, "", "http://127.0.0.1:9000")


def test_the_environment_decides_what_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_SOURCE", "replay")
    monkeypatch.setenv("MM_EXCHANGE_URL", "http://127.0.0.1:9001")
    monkeypatch.setenv("MM_CONFIG_DIR", str(CONFIG))
    service = wire(load_settings(Settings, "feed"))
    assert service.leases == [("feed", "binance"), ("feed", "degen")]
    assert isinstance(service.core, Feed)
    assert list(service.core.venues) == ["binance", "degen"]


def test_an_unknown_setting_or_source_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_SOURCE", "guess")
    monkeypatch.setenv("MM_VENUE", "binance")
    with pytest.raises(ConfigError) as error:
        load_settings(Settings, "feed")
    assert any("MM_SOURCE" in fault for fault in error.value.faults)
    assert any("MM_VENUE:" in fault for fault in error.value.faults)


def test_a_missing_venues_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"venues\.toml: cannot be read"):
        wire(Settings(config_dir=tmp_path))
