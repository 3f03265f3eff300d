"""Puts the venue together: memory from disk, prices from a source, sockets around it; runs until told to stop."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
import uvicorn
from common.clock import AnchoredClock
from common.machine.needs import Machine
from common.network.door import Bounds, Door, NameGuard, names_of
from common.running.telemetry import lines_lost
from fastapi import FastAPI

from exchange.api import make_app
from exchange.config import ExchangeConfig
from exchange.entry.keyfiles import load_keys, load_transfer_keys, maker_keys
from exchange.entry.keys import Rates
from exchange.entry.parse import FRAME_BYTES_MAX
from exchange.journal import Journal
from exchange.market.ledger import FeeSchedule
from exchange.market.lifecycle import Series
from exchange.market.markets import NS_PER_S, Calendar, RollingCalendar
from exchange.market.money import MICROS_PER_DOLLAR
from exchange.participants.rival import RivalSettings
from exchange.participants.spot import SpotMakerSettings, SpotTakerSettings
from exchange.participants.takers import Informed, Noise, TakerSettings
from exchange.prices.binance import PublicStreams
from exchange.prices.model import FIRST_PRICES
from exchange.prices.sources import play_live, play_model, play_recording, replaying
from exchange.settings import ExchangeSettings
from exchange.shell import Shell
from exchange.spot.terms import SpotTerms, dollar_symbol
from exchange.venue import Exchange

if TYPE_CHECKING:
    from exchange.spot_venues.hosting import Hosting

BOUNDS: Final = Bounds(
    connections=512, connections_per_address=512, head_bytes=FRAME_BYTES_MAX, message_bytes=FRAME_BYTES_MAX
)
"""All of one machine's bots and feeds come from one address."""

log = structlog.get_logger("exchange")


def config_of(settings: ExchangeSettings, folder: Path) -> ExchangeConfig:
    """The core's configuration; keys come from their files, the signing secret is new at each start."""
    keys = load_keys(folder / "keys", maker_keys(settings.makers_at()))
    makers = sorted({key.account for key in keys if "trade" in key.scopes})
    if settings.spot_venues:
        keys += load_transfer_keys(folder, makers)
    symbols = symbols_of(settings)
    per_s = settings.orders_per_s
    return ExchangeConfig(
        seed=settings.seed,
        signing_secret=secrets.token_bytes(32),
        keys=tuple(keys),
        deposits=dict.fromkeys(makers, settings.deposit * MICROS_PER_DOLLAR),
        symbols=symbols,
        spot_deposits={
            name: {terms.base: _deposit_units(terms, settings.spot_deposit) for terms in symbols} for name in makers
        },
        fees=FeeSchedule(settings.taker_fee_ppm, settings.maker_rebate_ppm),
        orders_kept=settings.orders_kept,
        markets_kept=settings.markets_kept,
        rates=Rates(orders_per_s=per_s, orders_burst=2 * per_s, cancels_per_s=2 * per_s, cancels_burst=4 * per_s),
        takers=TakerSettings(
            enabled=settings.takers,
            noise=Noise(rate_per_s=settings.taker_noise_per_s),
            informed=Informed(edge_ticks=settings.taker_informed_edge_ticks, lead_ms=settings.taker_informed_lead_ms),
        ),
        rival=RivalSettings(
            enabled=settings.rival, half_spread_ticks=settings.rival_half_spread_ticks, late_ms=settings.rival_late_ms
        ),
        spot_maker=SpotMakerSettings(enabled=settings.rival),
        spot_takers=SpotTakerSettings(enabled=settings.takers),
    )


def symbols_of(settings: ExchangeSettings) -> tuple[SpotTerms, ...]:
    """The spot symbols: one per asset that has a price here, BTCUSD and so on."""
    priced = [asset for asset in settings.spot_assets if asset in settings.series_assets]
    return tuple(dollar_symbol(asset, settings.spot_maker_fee_ppm, settings.spot_taker_fee_ppm) for asset in priced)


def _deposit_units(terms: SpotTerms, dollars: int) -> int:
    """A currency's units for an amount of dollars, in whole lots at the price the model starts with."""
    first = FIRST_PRICES.get(f"{terms.underlying}USDT")
    return 0 if first is None else int(dollars / float(first) / float(terms.lot)) * terms.lot_units


def series_of(settings: ExchangeSettings, calendar: Calendar) -> tuple[Series, ...]:
    """One rolling series per asset: BTC-5M and so on."""
    length_s = settings.series_length_s
    length = f"{length_s // 60}M" if length_s % 60 == 0 else f"{length_s}S"
    return tuple(
        Series(f"{asset}-{length}", asset, calendar, settings.series_listed_ahead, settings.series_tie)
        for asset in settings.series_assets
    )


async def run_exchange(settings: ExchangeSettings, listener: socket.socket) -> None:
    """Serve the venue on a bound socket until SIGTERM or SIGINT."""
    folder = settings.data_dir / "exchange"
    folder.mkdir(parents=True, exist_ok=True)
    clock, journal = AnchoredClock(), Journal(folder / "journal.log")
    exchange = Exchange(config_of(settings, folder))
    for line in journal.read():
        exchange.restore(line)

    replay = None
    calendar: Calendar = RollingCalendar(settings.series_length_s * NS_PER_S)
    if settings.source == "replay":
        replay = replaying(settings, folder, exchange.last_seen_ns, clock)
        calendar = replay.plan.calendar(replay.origin_ns, replay.speed)
    exchange.lifecycle.series = series_of(settings, calendar)

    shell = Shell(exchange, PublicStreams(tuple(f"{asset}USDT" for asset in settings.series_assets)), journal, clock)
    hosting = _hosting(settings, folder, clock, shell) if settings.spot_venues else None
    named = {} if hosting is None else hosting.shells
    journal.begin(exchange.state_lines())
    shell.deliver(exchange.start(clock.now_ns()))
    machine = Machine("exchange", folder, clock, lines_lost=lines_lost)
    work = [shell.keep_watch(machine)]
    if hosting is not None:
        hosting.start()
        work.append(hosting.keep_on())
    for each in (shell, *named.values()):
        work += [each.keep_time(), each.keep_journal()]
    if replay is not None:
        play_recording(shell, settings, replay)
    elif settings.source == "live":
        work.append(play_live(shell, settings))
    else:
        play_model(shell, settings)
    log.info("venue is open", address=":".join(map(str, listener.getsockname()[:2])), source=settings.source)
    try:
        names = (settings.exchange_host, "exchange", *names_of(settings.allowed_hosts))
        app = make_app(shell, named)
        await _serve(app, listener, names, [asyncio.create_task(each) for each in work])
    finally:
        journal.close()
        if hosting is not None:
            hosting.close()
    log.info("venue is closed")


def _hosting(settings: ExchangeSettings, folder: Path, clock: AnchoredClock, shell: Shell) -> Hosting:
    # Its arithmetic takes memory and time to load, which an exchange without named venues does not spend.
    from exchange.spot_venues.hosting import Hosting

    hosting = Hosting(settings, folder, clock, shell.streams)
    shell.exchange.followers.append(hosting.venues)
    hosting.venues.connect(shell.exchange)
    return hosting


async def _serve(app: FastAPI, listener: socket.socket, names: Iterable[str], work: list[asyncio.Task[None]]) -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            NameGuard(app, names),
            log_config=None,
            access_log=False,
            proxy_headers=False,
            ws_ping_interval=20,
            timeout_graceful_shutdown=3,
            **Door(BOUNDS).uvicorn_options(),
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    done, _ = await asyncio.wait([serving, *work], return_when=asyncio.FIRST_COMPLETED)
    # Work never ends by itself: when it does, it has failed, and the venue must end with it.
    server.should_exit = True
    await serving
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    for task in done:
        task.result()
