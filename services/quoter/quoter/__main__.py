"""Run the quoter: `python -m quoter`."""

from common.running.service import run

from quoter.wiring import Settings, wire

run("quoter", Settings, wire)
