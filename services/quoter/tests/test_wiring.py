"""How the quoter and its watchdog are put together: settings, keys, leases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from common.bots import parse_bot
from common.errors import ConfigError
from pydantic import ValidationError
from quoter import wiring
from quoter.keys import KEYS_FILE_BYTES_MAX, cancelling_key, degen_key, polymarket_key, read_keys, trading_key
from quoter.service import Quoter
from quoter.watchdog import wiring as watchdog_wiring

ROWS: list[dict[str, Any]] = [
    {"name": "trade", "api_key": "k1", "api_secret": "very-secret", "scopes": ["read", "trade", "cancel"]},
    {"name": "watchdog", "api_key": "k2", "api_secret": "other-secret", "scopes": ["cancel"]},
]


@pytest.fixture
def keys_dir(tmp_path: Path) -> Path:
    (tmp_path / "mm1.json").write_text(json.dumps(ROWS))
    return tmp_path


def test_each_process_takes_the_key_that_can_do_just_its_work(keys_dir: Path) -> None:
    keys = read_keys(keys_dir, "mm1")
    assert trading_key(keys, "mm1").name == "trade"
    assert cancelling_key(keys, "mm1").name == "watchdog"
    assert "secret'" not in repr(keys)
    assert "very-secret" not in repr(keys)


@pytest.mark.parametrize(
    "content",
    ["{", '[{"name": "x"}]', '{"name": "x"}', '[{"name":"x","api_key":"very-secret","api_secret":1,"scopes":[]}]'],
)
def test_a_keys_file_of_another_shape_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "mm1.json").write_text(content)
    with pytest.raises(ConfigError, match="must be a list of") as caught:
        read_keys(tmp_path, "mm1")
    assert "very-secret" not in str(caught.value)


def test_a_missing_or_huge_keys_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"MM_VENUE_KEYS_DIR: cannot read .*mm1.json"):
        read_keys(tmp_path, "mm1")
    (tmp_path / "mm1.json").write_text(" " * (KEYS_FILE_BYTES_MAX + 1))
    with pytest.raises(ConfigError, match="is larger than"):
        read_keys(tmp_path, "mm1")


def test_a_key_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "mm1.json").write_text(json.dumps(ROWS[1:]))
    with pytest.raises(ConfigError, match="no key of mm1 has the scopes trade and read"):
        trading_key(read_keys(tmp_path, "mm1"), "mm1")
    (tmp_path / "mm1.json").write_text(json.dumps(ROWS[:1]))
    with pytest.raises(ConfigError, match="no key of mm1 has the scope cancel alone"):
        cancelling_key(read_keys(tmp_path, "mm1"), "mm1")


def test_one_quoter_per_account_holds_the_lease_and_any_number_of_watchdogs_none(keys_dir: Path) -> None:
    service = wiring.wire(wiring.Settings(venue_keys_dir=keys_dir))
    assert list(service.leases) == [("quoter", "mm1")]
    assert service.prepare is not None
    watchdog = watchdog_wiring.wire(watchdog_wiring.Settings(venue_keys_dir=keys_dir))
    assert list(watchdog.leases) == []


WALLET = {
    "wallet_key": "0x" + "11" * 32,
    "api_key": "key-id",
    "api_secret": "c2VjcmV0",
    "api_passphrase": "very-secret",
}


def test_b30_the_names_of_the_source_are_taken_from_the_environment_before_the_file(keys_dir: Path) -> None:
    given = {"DEGEN_API_KEY": "k9", "DEGEN_WALLET_KEY": "wallet-secret"}
    key = degen_key(given, keys_dir, "mm1")
    assert (key.api_key, key.api_secret) == ("k9", "wallet-secret")
    assert "wallet-secret" not in repr(key)
    assert degen_key({}, keys_dir, "mm1").api_key == "k1"


@pytest.mark.parametrize(
    ("set_one", "named"), [("DEGEN_API_KEY", "DEGEN_WALLET_KEY"), ("DEGEN_WALLET_KEY", "DEGEN_API_KEY")]
)
def test_b30_half_a_key_in_the_environment_is_refused_by_name_and_not_shown(
    keys_dir: Path, set_one: str, named: str
) -> None:
    with pytest.raises(ConfigError, match=named) as refused:
        degen_key({set_one: "very-secret"}, keys_dir, "mm1")
    assert "very-secret" not in str(refused.value)


def test_b30_keys_at_polymarket_come_from_the_environment_or_a_file_of_their_own(tmp_path: Path) -> None:
    given = {f"POLYMARKET_{name.upper()}": value for name, value in WALLET.items()}
    key = polymarket_key(given | {"POLYMARKET_SIGNATURE_TYPE": "2", "POLYMARKET_FUNDER": "0xabc"}, tmp_path, "mm1")
    assert (key.wallet_key, key.signature_type, key.funder) == (WALLET["wallet_key"], 2, "0xabc")
    (tmp_path / "mm1.polymarket.json").write_text(json.dumps(WALLET))
    assert polymarket_key({}, tmp_path, "mm1").api_passphrase == "very-secret"
    del given["POLYMARKET_API_SECRET"]
    with pytest.raises(ConfigError, match="POLYMARKET_API_SECRET: is not set") as refused:
        polymarket_key(given, tmp_path, "mm1")
    assert "very-secret" not in str(refused.value)


@pytest.mark.parametrize("content", ["{", "[]", '{"wallet_key": "very-secret"}', '{"wallet_key": 1}'])
def test_b30_a_key_file_of_another_shape_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "mm1.polymarket.json").write_text(content)
    with pytest.raises(ConfigError, match="must hold wallet_key") as refused:
        polymarket_key({}, tmp_path, "mm1")
    assert "very-secret" not in str(refused.value)


def test_b30_no_configuration_file_has_a_place_for_a_key() -> None:
    sections = {"instrument": {"series": ["BTC-5M"], "sources": {"BTC": [{"symbol": "BTCUSDT"}]}}, "risk_limits": {}}
    parse_bot("binary", sections)
    with pytest.raises(ConfigError, match="api_key") as refused:
        parse_bot("binary", sections | {"api_key": "very-secret"})
    assert "very-secret" not in str(refused.value)


def test_a_quoter_at_polymarket_is_wired_by_its_setting(tmp_path: Path) -> None:
    (tmp_path / "mm1.polymarket.json").write_text(json.dumps(WALLET))
    settings = wiring.Settings(venue="polymarket", exchange_url="https://clob.polymarket.com", venue_keys_dir=tmp_path)
    service = wiring.wire(settings)
    assert isinstance(service.core, Quoter)
    assert service.core.venue == service.core.session.name == "polymarket"


@pytest.mark.parametrize(
    "setting",
    [
        {"venue": "elsewhere"},
        {"rest_fallback": "everything"},
        {"user_channel_url": "https://x/ws"},
        {"exchange_url": "ftp://x"},
        {"exchange_url": "http://user:pass@x"},
        {"account": "../etc"},
        {"deadman_ms": 1_000},
        {"messages_per_s": 0},
    ],
)
def test_settings_out_of_their_range_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        wiring.Settings(**setting)
