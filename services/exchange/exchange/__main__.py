"""Run the simulated venue: python -m exchange."""

from __future__ import annotations

import socket
import sys

import uvloop
from common.errors import ConfigError, MarketMakerError
from common.running.telemetry import configure_logging
from common.settings import load_settings

from exchange.entry.keyfiles import KeyFileFault
from exchange.journal import CorruptJournal
from exchange.prices.replay import UnusableRecording
from exchange.settings import ExchangeSettings
from exchange.spot.trading import OtherGrid
from exchange.start import run_exchange


def main() -> int:
    """Start the venue; the exit code says whether it could."""
    try:
        settings = load_settings(ExchangeSettings, "exchange")
    except ConfigError as error:
        sys.stderr.write("".join(f"exchange: {fault}\n" for fault in error.faults))
        return 2
    configure_logging("exchange", settings.log_level)
    try:
        listener = socket.create_server((settings.exchange_host, settings.exchange_port))
    except OSError as error:
        sys.stderr.write(
            f"exchange: cannot listen on {settings.exchange_host}:{settings.exchange_port}: {error.strerror}\n"
        )
        return 2
    try:
        uvloop.run(run_exchange(settings, listener))
    except (ConfigError, CorruptJournal, KeyFileFault, OtherGrid, UnusableRecording, FileNotFoundError) as error:
        sys.stderr.write(f"exchange: {error}\n")
        return 2
    except MarketMakerError as error:
        # Another start may well work: the supervisor tries.
        sys.stderr.write(f"exchange: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
