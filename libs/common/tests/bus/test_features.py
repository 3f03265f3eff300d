"""What a broker is asked for by its version."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.bus.accounts import render_server_config
from common.bus.features import ALWAYS, OLDEST, ONCE_A_SECOND, features_in, features_of
from common.bus.nats import ack_headers
from common.bus.permissions import USERS
from common.events import Lease, Market, MarketStatus
from common.instruments import InstrumentKind
from common.versions import Version
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

versions = st.tuples(st.integers(0, 4), st.integers(0, 30), st.integers(0, 30))


@pytest.mark.parametrize(
    ("text", "sync", "loses"),
    [
        ("2.9.10", "", "up to two minutes of acknowledged writes"),
        ("v2.10.23", ONCE_A_SECOND, "up to a second of acknowledged writes"),
        ("2.11.4", ONCE_A_SECOND, "up to a second of acknowledged writes"),
        ("2.12.0", ALWAYS, ""),
        ("2.16.0-RC.1", ALWAYS, ""),
        ("who knows", "", "up to two minutes of acknowledged writes"),
    ],
)
def test_a_version_says_how_it_syncs_and_what_a_power_cut_takes(text: str, sync: str, loses: str) -> None:
    features = features_in(text)
    assert (features.sync_interval, features.power_cut_loses) == (sync, loses)


@given(versions)
def test_no_tick_ever_waits_for_the_disk(version: Version) -> None:
    features = features_of(version)
    assert features.sync_interval != ALWAYS or features.async_persistence


@given(versions, versions)
def test_a_newer_version_does_what_an_older_one_did(one: Version, other: Version) -> None:
    old, new = features_of(min(one, other)), features_of(max(one, other))
    assert old.many_answers <= new.many_answers
    assert old.message_ttl <= new.message_ttl
    assert old.async_persistence <= new.async_persistence


@pytest.mark.parametrize("version", [None, (2, 9, 10), (2, 10, 23), (2, 15, 1)])
def test_a_configuration_holds_only_what_its_reader_knows(version: Version | None) -> None:
    features = features_of(version)
    text = render_server_config(dict.fromkeys(USERS, "secret"), store_dir="/store", features=features)
    assert ("sync_interval" in text) == (version is not None and version >= (2, 10, 0))
    assert (f'sync_interval: "{ALWAYS}"' in text) == (version == (2, 15, 1))
    assert '"$JS.API.DIRECT.GET.FILL", "response_type": "stream"' in text, "whoever reads goes by the broker's version"


def test_a_market_that_is_over_is_kept_a_day_and_everything_else_as_long_as_its_stream_says() -> None:
    newest = features_of((2, 15, 1))
    living = Market(
        venue="v",
        symbol="S",
        kind=InstrumentKind.BINARY,
        status=MarketStatus.OPEN,
        tick_size=Decimal("0.01"),
        ts_received_ns=1,
    )
    over = replace(living, status=MarketStatus.RESOLVED, result="yes")
    assert ack_headers(over, None, newest)["Nats-TTL"] == "86400s"
    assert "Nats-TTL" not in ack_headers(living, None, newest)
    assert "Nats-TTL" not in ack_headers(over, None, OLDEST), "an old broker would store it and never mind"
    lease = Lease(role="feed", key="v", holder="h", ttl_ms=1_000, beat=1)
    assert "Nats-TTL" not in ack_headers(lease, None, newest)
