from common.running.service import run

from gateway.wiring import Settings, wire

run("gateway", Settings, wire)
