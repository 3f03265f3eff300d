"""Run the watchdog: `python -m quoter.watchdog`."""

from common.running.service import run

from quoter.watchdog.wiring import Settings, wire

run("watchdog", Settings, wire)
