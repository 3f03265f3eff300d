"""Start the feed: `python -m feed`."""

from common.running.service import run

from feed.wiring import Settings, wire

if __name__ == "__main__":
    run("feed", Settings, wire)
