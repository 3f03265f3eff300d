import asyncio
from pathlib import Path

import pytest
import websockets
from rich.console import Console
from toolkit import sources
from toolkit.instance import CannotStartError
from toolkit.ports import port_map
from toolkit.screen import Screen
from toolkit.up import UpOptions, resolve_source

SCREEN = Screen(Console(quiet=True))


def options(**changes: object) -> UpOptions:
    return UpOptions(data_dir=Path("/data"), ports=port_map(None), **changes)  # type: ignore[arg-type]


async def test_the_first_stream_that_speaks_is_the_answer() -> None:
    async def speak(socket: websockets.ServerConnection) -> None:
        assert await socket.recv() == "subscribe"
        await socket.send("{}")

    async def stay_silent(socket: websockets.ServerConnection) -> None:
        await socket.wait_closed()

    async with websockets.serve(speak, "127.0.0.1", 0) as good, websockets.serve(stay_silent, "127.0.0.1", 0) as mute:
        addresses = [f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}" for server in (mute, good)]
        answered = await sources.first_to_answer([(addresses[0], None), (addresses[1], "subscribe")], timeout_s=20.0)
    assert answered == addresses[1]


async def test_silence_until_the_timeout_is_no_answer() -> None:
    async def stay_silent(socket: websockets.ServerConnection) -> None:
        await socket.wait_closed()

    async with websockets.serve(stay_silent, "127.0.0.1", 0) as server:
        address = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        assert await sources.first_to_answer([(address, None)], timeout_s=0.05) is None


async def test_refused_connections_are_no_answer_at_once() -> None:
    async with asyncio.timeout(20.0):
        assert await sources.first_to_answer([("ws://127.0.0.1:1", None)], timeout_s=60.0) is None


def test_without_live_prices_the_model_is_used_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(sources, "LIVE_STREAMS", (("ws://127.0.0.1:1", None),))
    assert sources.live_or_model(said.append) == "model"
    assert said[-1] == "no live venue answered within 5 s: prices come from the seeded model"


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
