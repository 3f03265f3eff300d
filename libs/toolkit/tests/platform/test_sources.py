import tomllib
from pathlib import Path

import pytest
import websockets
from rich.console import Console
from toolkit.instance import CannotStartError
from toolkit.paths import CONFIG_DIR
from toolkit.platform import sources
from toolkit.platform.live_needs import Need, Stream, live_needs
from toolkit.platform.screen import Screen
from toolkit.platform.up import UpOptions, resolve_source
from toolkit.ports import port_map

SCREEN = Screen(Console(quiet=True))


def options(**changes: object) -> UpOptions:
    return UpOptions(data_dir=Path("/data"), ports=port_map(None), **changes)  # type: ignore[arg-type]


async def test_the_streams_that_speak_are_told_from_the_mute_and_the_dead() -> None:
    async def speak(socket: websockets.ServerConnection) -> None:
        assert await socket.recv() == "subscribe"
        await socket.send("{}")

    async def stay_silent(socket: websockets.ServerConnection) -> None:
        await socket.wait_closed()

    async with websockets.serve(speak, "127.0.0.1", 0) as good, websockets.serve(stay_silent, "127.0.0.1", 0) as mute:
        addresses = [f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}" for server in (mute, good)]
        silent, spoken = Stream("a", addresses[0]), Stream("b", addresses[1], "subscribe")
        dead = Stream("c", "ws://127.0.0.1:1")
        # Long enough for a busy machine; what speaks and what is dead do not wait for it.
        assert await sources.streams_that_speak([spoken, dead], timeout_s=60.0) == {spoken}
        assert await sources.streams_that_speak([silent], timeout_s=0.05) == frozenset()
        assert await sources.streams_that_speak([]) == frozenset()


BTC = Stream("binance", "wss://b/stream?streams=btcusdt@bookTicker")
SOL = Stream("binance", "wss://b/stream?streams=solusdt@bookTicker")
COINBASE_SOL = Stream("coinbase", "wss://c", "SOL-USD")


@pytest.mark.parametrize(
    ("speaking", "needs", "source", "said"),
    [
        ({BTC, SOL}, [Need("BTC", (BTC,)), Need("SOL", (SOL,))], "live", "live prices: binance"),
        (
            {COINBASE_SOL},
            [Need("BTC", (BTC,)), Need("SOL", (SOL, COINBASE_SOL))],
            "model",
            "no live price of BTC within 5 s (asked binance): prices come from the seeded model",
        ),
        ({SOL}, [Need("SOL", (SOL, COINBASE_SOL))], "live", "live prices: binance, coinbase"),
        (
            {SOL},
            [Need("SOL", (SOL, COINBASE_SOL), enough=2)],
            "model",
            "no live price of SOL within 5 s (asked binance, coinbase): prices come from the seeded model",
        ),
        (
            set(),
            [Need("GOLD", ())],
            "model",
            "no live price of GOLD within 5 s (asked nobody): prices come from the seeded model",
        ),
    ],
)
def test_r30_live_is_chosen_by_what_the_bots_price_from(
    monkeypatch: pytest.MonkeyPatch, speaking: set[Stream], needs: list[Need], source: str, said: str
) -> None:
    async def answer(streams: object) -> frozenset[Stream]:
        return frozenset(speaking)

    told: list[str] = []
    monkeypatch.setattr(sources, "streams_that_speak", answer)
    monkeypatch.setattr(sources, "live_needs", lambda config, profile: needs)
    assert sources.live_or_model(told.append, "demo") == source
    assert told[-1] == said


def test_r30_the_shipped_bots_need_what_they_price_from_and_the_exchange_needs_its_own() -> None:
    needs = {need.what: need for need in live_needs(CONFIG_DIR, "demo")}
    assert set(needs) == {"the exchange", "BTC", "ETH", "SOL"}
    first = tomllib.loads((CONFIG_DIR / "bots.toml").read_text())["bots"][0]["sections"]["instrument"]["sources"]
    for underlying, named in first.items():
        assert [stream.venue for stream in needs[underlying].streams] == [source["venue"] for source in named]
    assert needs["SOL"].streams[0].address.endswith("/stream?streams=solusdt@bookTicker")
    assert [need.what for need in live_needs(CONFIG_DIR, "bonds")] == ["the exchange"]


def test_r30_every_adapter_of_public_prices_can_be_asked(tmp_path: Path) -> None:
    (tmp_path / "venues.toml").write_text((CONFIG_DIR / "venues.toml").read_text())
    (tmp_path / "bots.toml").write_text(
        "[[bots]]\nrunning = true\n[bots.sections.combination]\nmin_agreeing = 2\n[bots.sections.instrument.sources]\n"
        'BTC = [{symbol = "BTCUSDT"}, {venue = "coinbase", symbol = "BTC-USD"}, {venue = "kraken", symbol = "BTC/USD"},'
        '{venue = "coinbase", symbol = "BTC-EUR", weight = 0}, {venue = "nowhere", symbol = "X"}]\n'
    )
    _, need = live_needs(tmp_path, "spot")
    assert (need.what, need.enough, len(need.streams)) == ("BTC", 2, 3)
    assert '"product_ids": ["BTC-USD"]' in need.streams[1].request
    assert '"symbol": ["BTC/USD"]' in need.streams[2].request


def test_r30_files_that_cannot_be_read_are_for_their_own_readers_to_tell(tmp_path: Path) -> None:
    for text in ("bots = 5", "bots = [5]", "[[bots]]\nrunning = true", "[[bots]]\nrunning = true\nsections = 5", "]"):
        (tmp_path / "bots.toml").write_text(text)
        assert [need.what for need in live_needs(tmp_path, "demo")] == ["the exchange"]


def test_named_recordings_are_replayed_and_a_missing_one_is_refused(tmp_path: Path) -> None:
    recording = tmp_path / "btc.jsonl.gz"
    recording.touch()
    assert resolve_source(options(source="replay", replay_files=(recording,)), SCREEN) == ("replay", (recording,))
    assert resolve_source(options(replay_files=(recording,)), SCREEN)[0] == "replay"
    with pytest.raises(sources.NoRecordingError, match="there is no such file"):
        resolve_source(options(source="replay", replay_files=(tmp_path / "none.gz",)), SCREEN)


def test_without_names_all_recordings_of_the_first_folder_that_has_any_are_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name in ("eth.jsonl.gz", "btc.jsonl.gz", "notes.txt"):
        (folder / name).touch()
    monkeypatch.setenv("MM_SHARED_DATA", str(tmp_path))
    assert [path.name for path in sources.recordings(())] == ["btc.jsonl.gz", "eth.jsonl.gz"]


def test_a_replay_without_any_recording_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "recording_folders", lambda: [tmp_path])
    with pytest.raises(sources.NoRecordingError, match=f"no .* in {tmp_path}; name recordings with --replay FILE"):
        sources.recordings(())


def test_recordings_with_another_source_are_refused() -> None:
    with pytest.raises(CannotStartError, match="--replay FILE needs --source replay"):
        resolve_source(options(source="model", replay_files=(Path("/a.gz"),)), SCREEN)
