"""Decide what drives the prices: live venues when what is priced from answers, else the model; or recordings."""

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import websockets

from toolkit.paths import CONFIG_DIR, ROOT
from toolkit.platform.live_needs import Need, Stream, live_needs

SOURCES = ("live", "model", "replay")

LIVE_ANSWER_TIMEOUT_S = 5.0

RECORDING_GLOB = "*.jsonl.gz"


class NoRecordingError(Exception):
    """Replay was asked for and there is nothing to replay; the message says where recordings are looked for."""


def recordings(given: Iterable[Path]) -> tuple[Path, ...]:
    """Return the recordings to replay: those named, else all of the first folder that holds any."""
    named = tuple(path.resolve() for path in given)
    for path in named:
        if not path.is_file():
            raise NoRecordingError(f"--replay {path}: there is no such file")
    if named:
        return named
    folders = recording_folders()
    for folder in folders:
        found = tuple(sorted(folder.glob(RECORDING_GLOB)))
        if found:
            return found
    looked = ", ".join(str(folder) for folder in folders)
    raise NoRecordingError(f"--source replay: no {RECORDING_GLOB} in {looked}; name recordings with --replay FILE")


def recording_folders() -> list[Path]:
    """Return where recordings may lie, the first folder first."""
    shared = os.environ.get("MM_SHARED_DATA")
    folders = [ROOT / "data" / "recordings", ROOT.parent / "shared" / "data" / "recordings"]
    return [Path(shared) / "recordings", *folders] if shared else folders


def live_or_model(report: Callable[[str], None], profile: str) -> str:
    """Return `live` when everything that the profile's bots price from speaks within 5 s, else `model`, and say why."""
    report("asking the live venues for prices")
    needs = live_needs(CONFIG_DIR, profile)
    speaking = asyncio.run(streams_that_speak([stream for need in needs for stream in need.streams]))
    missing = [need for need in needs if not need.met_by(speaking)]
    if missing:
        report(
            f"no live price of {', '.join(need.what for need in missing)} within {LIVE_ANSWER_TIMEOUT_S:.0f} s "
            f"(asked {_asked(missing)}): prices come from the seeded model"
        )
        return "model"
    report(f"live prices: {_asked(needs)}")
    return "live"


async def streams_that_speak(streams: Iterable[Stream], timeout_s: float = LIVE_ANSWER_TIMEOUT_S) -> frozenset[Stream]:
    """Return the streams that send anything in time, each asked once."""
    asked = {stream: asyncio.create_task(_speaks(stream)) for stream in dict.fromkeys(streams)}
    if not asked:
        return frozenset()
    try:
        await asyncio.wait(asked.values(), timeout=timeout_s)
        return frozenset(stream for stream, task in asked.items() if task.done() and task.result())
    finally:
        for task in asked.values():
            task.cancel()
        await asyncio.gather(*asked.values(), return_exceptions=True)


async def _speaks(stream: Stream) -> bool:
    try:
        async with websockets.connect(stream.address, open_timeout=LIVE_ANSWER_TIMEOUT_S) as socket:
            if stream.request:
                await socket.send(stream.request)
            await socket.recv()
            return True
    except (OSError, TimeoutError, ValueError, websockets.WebSocketException):
        return False


def _asked(needs: Sequence[Need]) -> str:
    return ", ".join(dict.fromkeys(stream.venue for need in needs for stream in need.streams)) or "nobody"
