"""Chooses what drives the underlying prices: a recording, real venues, or the seeded model where neither answers."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import structlog
from common.clock import AnchoredClock

from exchange.config import Source
from exchange.market.lifecycle import ABSENCE_MAX_NS
from exchange.market.markets import NS_PER_S
from exchange.market.money import UNITS_PER_UNDERLYING
from exchange.market.tape import Json
from exchange.prices.live import FIRST_MESSAGE_WAIT_S, LiveFeed
from exchange.prices.model import FIRST_PRICES, ModelSettings, model_events
from exchange.prices.player import Player, asset_of
from exchange.prices.recording import read_recordings
from exchange.prices.replay import ReplayPlan, plan_replay, replay_events
from exchange.settings import ExchangeSettings
from exchange.shell import Shell

NS_PER_MS = 1_000_000

log = structlog.get_logger("exchange")


@dataclass(frozen=True, slots=True)
class Replaying:
    """A recording, how fast it plays and since when, so that a restart goes on where the prices would be by now."""

    plan: ReplayPlan
    paths: tuple[Path, ...]
    speed: float
    origin_ns: int

    def position(self, now_ns: int) -> Json:
        """Where the recording stands, for GET /info."""
        played_ns = max(0, now_ns - self.origin_ns) * self.speed
        return {
            "files": len(self.paths),
            "speed": self.speed,
            "loop": int(played_ns // self.plan.length_ns),
            "position_ms": int(played_ns % self.plan.length_ns) // NS_PER_MS,
            "length_ms": self.plan.length_ns // NS_PER_MS,
        }


def replaying(settings: ExchangeSettings, folder: Path, last_seen_ns: int | None, clock: AnchoredClock) -> Replaying:
    """Read the recordings once and decide when their present run began."""
    plan = plan_replay(read_recordings(settings.replay_files), settings.series_length_s * NS_PER_S)
    identity = json.dumps(
        [[path.name for path in settings.replay_files], plan.start_ns, plan.end_ns, settings.replay_speed]
    )
    fingerprint = hashlib.sha256(identity.encode()).hexdigest()
    kept = folder / "replay.json"
    # After the scan, so that a long recording does not begin in its middle.
    now_ns = origin_ns = clock.now_ns()
    if last_seen_ns is not None and now_ns - last_seen_ns <= ABSENCE_MAX_NS and kept.exists():
        body = json.loads(kept.read_text(encoding="utf-8"))
        if body.get("fingerprint") == fingerprint:
            origin_ns = int(body["origin_ns"])
    fresh = kept.with_suffix(".fresh")
    fresh.write_text(json.dumps({"fingerprint": fingerprint, "origin_ns": origin_ns}), encoding="utf-8")
    fresh.replace(kept)
    return Replaying(plan, settings.replay_files, settings.replay_speed, origin_ns)


def play_recording(shell: Shell, settings: ExchangeSettings, replay: Replaying) -> None:
    """Drive the recorded assets by the recording and the others by the model."""
    now_ns = shell.clock.now_ns()
    recorded = [asset_of(symbol) for symbol in replay.plan.symbols]
    missing = [asset for asset in settings.series_assets if asset not in recorded]
    events = replay_events(replay.plan, lambda: read_recordings(replay.paths), replay.origin_ns, replay.speed, now_ns)
    shell.add_player(Player(events, shell.exchange, shell.streams))
    if missing:
        shell.add_player(_model_player(shell, settings, missing))
    assets = {asset: "replay" if asset in recorded else "model" for asset in settings.series_assets}
    shell.exchange.take_source(Source("replay", assets))
    shell.exchange.replay_position = replay.position
    log.info("prices are replayed", assets=assets, **replay.position(now_ns))


def play_model(shell: Shell, settings: ExchangeSettings, fallback: str | None = None) -> None:
    """Drive every asset by the seeded model."""
    shell.add_player(_model_player(shell, settings, list(settings.series_assets)))
    shell.exchange.take_source(Source("model", dict.fromkeys(settings.series_assets, "model"), fallback))
    log.info("prices come from the model", seed=settings.seed, fallback=fallback)


async def play_live(shell: Shell, settings: ExchangeSettings) -> None:
    """Drive every asset by real prices for as long as the venue runs; by the model when none arrive at first."""
    assets = settings.series_assets
    shell.exchange.take_source(Source("live", dict.fromkeys(assets, "live")))
    feed = LiveFeed(
        settings.live_url,
        settings.live_rest_url,
        tuple(f"{asset}USDT" for asset in assets),
        shell.clock.now_ns,
        shell.on_live_message,
    )
    running = asyncio.create_task(feed.run())
    try:
        if await feed.answers():
            log.info("prices are live", url=settings.live_url)
            await running
        running.cancel()
        play_model(shell, settings, f"no live price from {settings.live_url} within {FIRST_MESSAGE_WAIT_S:.0f} s")
        await asyncio.Event().wait()
    finally:
        running.cancel()


def _model_player(shell: Shell, settings: ExchangeSettings, assets: list[str]) -> Player:
    start_ns = shell.clock.now_ns()
    mids = shell.exchange.lifecycle.mids
    # Prices of an earlier run go on where they were, so that its open markets see no jump.
    first_prices = {
        f"{asset}USDT": mids[asset].units / UNITS_PER_UNDERLYING
        if asset in mids
        else FIRST_PRICES.get(f"{asset}USDT", 100.0)
        for asset in assets
    }
    model = ModelSettings(ticks_per_s=settings.model_ticks_per_s)
    return Player(model_events(first_prices, model, settings.seed, start_ns), shell.exchange, shell.streams)
