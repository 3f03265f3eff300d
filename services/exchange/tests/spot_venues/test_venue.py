"""A named venue has everything of its own: accounts, tokens, faults, rates, dead-man; and one seed is one history."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
from exchange.spot_venues.venue import SpotVenue
from exchange.testing.spot_venues import file_of, spot_venues
from exchange.testing.venue import NOW_NS, Client

MS = 1_000_000
S = 1_000 * MS


def pair(**own: Any) -> tuple[SpotVenue, SpotVenue]:
    """Two venues of the same configuration, started."""
    venues = spot_venues(file_of(KRAKEN=own, BITTREX=own)).by_name
    for venue in venues.values():
        venue.start(NOW_NS)
    return venues["KRAKEN"], venues["BITTREX"]


def test_the_same_account_name_at_two_venues_is_two_accounts() -> None:
    kraken, bittrex = pair()
    mine, other = Client(kraken, "mm1"), Client(bittrex, "mm1")
    for client in (mine, other):
        # The same client order id is used at both.
        assert client.spot("bid", "50000.0", "0.1", post_only=True)["order"]["client_order_id"] == "1"
    assert mine.rest("DELETE", "/orders")["open_orders_left"] == 0
    assert len(other.rest("GET", "/orders")["orders"]) == 1
    stranger = Client(bittrex, "mm1")
    stranger.token = mine.token
    assert stranger.rest("GET", "/balance")["error"]["code"] == "not_logged_in"


def test_a_fault_strikes_at_its_venue_alone() -> None:
    kraken, bittrex = pair()
    admin = Client(kraken, "admin", "admin")
    assert "fault" in admin.rest("POST", "/admin/faults", {"fault": "reject", "account": "mm1", "count": None})
    assert Client(kraken, "mm1").spot("bid", "50000.0", "0.1")["error"]["code"] == "unavailable"
    assert "order" in Client(bittrex, "mm1").spot("bid", "50000.0", "0.1")


def test_its_message_limits_are_those_of_the_configuration() -> None:
    kraken, _ = pair(orders_per_s=2)
    client = Client(kraken, "mm1")
    answers = [client.spot("bid", "50000.0", "0.001", post_only=True) for _ in range(5)]
    assert [answer.get("error", {}).get("code") for answer in answers] == [None] * 4 + ["rate_limited"]


def test_the_dead_man_switch_cancels_there_too() -> None:
    kraken, _ = pair(latency_in_ms=10)
    client = Client(kraken, "mm1")
    kraken.on_connect(1, NOW_NS)
    place = {
        "op": "place",
        "client_order_id": "9",
        "symbol": "BTCUSD",
        "side": "bid",
        "price": "50000.0",
        "size": "0.1",
    }
    for frame in ({"op": "login", "token": client.token, "deadman_ms": 1_000}, place):
        kraken.on_frame(1, msgspec.json.encode(frame), NOW_NS)
    kraken.on_timer(NOW_NS + 500 * MS)
    assert len(kraken.ledger.account("mm1").open_orders) == 1
    kraken.on_timer(NOW_NS + 1_500 * MS)
    assert not kraken.ledger.account("mm1").open_orders


def test_there_are_no_markets_and_nobody_else_trades_there() -> None:
    kraken, _ = pair()
    kraken.on_timer(NOW_NS + 5 * S)
    client = Client(kraken, "mm1")
    assert client.rest("GET", "/markets")["markets"] == []
    assert client.rest("GET", "/info")["venue"] == "KRAKEN"
    assert {name for name, account in kraken.ledger.accounts.items() if account.sequence} == {"mm1"}


HISTORY = """
import hashlib
from exchange.testing.spot_venues import file_of, spot_venues
from exchange.testing.venue import NOW_NS, Client

lively = {"takers": {"per_s": 5, "informed_share": 0.2}, "latency_in_ms": 20, "latency_out_ms": 10}
venues = spot_venues(file_of(KRAKEN=lively, BINANCE={**lively, "fee_currency": "BNB"}), seed=7)
digest = hashlib.sha256()
for venue in venues.by_name.values():
    for output in venue.start(NOW_NS):
        digest.update(repr(output).encode())
    client = Client(venue, "mm1")
    venue.on_connect(1, NOW_NS)
    channels = b'["symbols", "spot_orderbook", "spot_trades"]'
    venue.on_frame(1, b'{"op": "subscribe", "id": 1, "channels": ' + channels + b"}", NOW_NS)
for ms in range(0, 30_000, 50):
    for venue in venues.by_name.values():
        for output in venue.on_timer(NOW_NS + ms * 1_000_000):
            digest.update(repr(output).encode())
trades = sum(len(symbol.trades) for venue in venues.by_name.values() for symbol in venue.trading.symbols.values())
print(trades, digest.hexdigest())
"""


def test_one_seed_gives_one_history_byte_for_byte_under_two_hash_seeds() -> None:
    printed = {
        subprocess.run(
            [sys.executable, "-c", HISTORY],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(printed) == 1
    assert int(printed.pop().split()[0]) > 100
