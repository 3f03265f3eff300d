"""Start the pricer: `python -m pricer`."""

from common.running.service import run

from pricer.wiring import Settings, wire

if __name__ == "__main__":
    run("pricer", Settings, wire)
