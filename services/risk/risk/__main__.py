"""Start the risk service: python -m risk."""

from common.running.service import run

from risk.wiring import Settings, wire

run("risk", Settings, wire)
