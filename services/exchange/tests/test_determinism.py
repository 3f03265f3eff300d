"""One seed gives one history of the venue, whatever the hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "exchange"

HISTORY = """
import hashlib, random
from exchange.prices.model import FIRST_PRICES, ModelSettings, model_events
from exchange.prices.binance import PublicStreams
from exchange.prices.player import Player
from exchange.testing.venue import OPEN_NS, Client, config
from exchange.venue import Exchange

venue = Exchange(config(takers=True, assets=("BTC", "ETH", "SOL"), spot=("BTC", "ETH"), lively=True))
outputs = venue.start(OPEN_NS)
streams = PublicStreams(tuple(FIRST_PRICES))
streams.on_connect(50, "btcusdt@trade/ethusdt@bookTicker/solusdt@depth@100ms")
player = Player(model_events(FIRST_PRICES, ModelSettings(), 7, OPEN_NS), venue, streams)
maker = Client(venue, "mm1", connection=1)
maker.connect()
channels = ["orderbook", "trades", "markets", "symbols", "spot_orderbook", "spot_trades"]
maker.ws({"op": "subscribe", "id": 3, "channels": channels})
rng = random.Random(1)
for step in range(1, 400):
    now_ns = OPEN_NS + step * 500_000_000
    outputs += player.play(now_ns)
    outputs += venue.on_timer(now_ns)
    maker.now_ns = now_ns
    maker.ws({"op": "cancel_all", "id": step})
    for market in [m.id for m in venue.lifecycle.live() if m.status == "OPEN"]:
        for outcome in ("yes", "no"):
            number = str(venue.ids.last["order"] + 1)
            maker.ws({"op": "place", "id": number, "client_order_id": number, "market": market, "side": "bid",
                      "outcome": outcome, "price": f"0.{rng.randint(30, 48)}", "size": 20})
digest = hashlib.sha256()
for output in outputs + maker.outputs:
    digest.update(repr(output).encode())
print(min(len(symbol.trades) for symbol in venue.trading.symbols.values()), digest.hexdigest())
"""


def test_one_seed_gives_one_history_byte_for_byte_under_two_hash_seeds() -> None:
    printed = {
        subprocess.run(
            [sys.executable, "-c", HISTORY],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(PACKAGE.parent)},
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(printed) == 1
    assert int(printed.pop().split()[0]) > 20
