"""How the quoter and its watchdog are put together: settings, keys, leases."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from common.bots import parse_bot
from common.errors import ConfigError
from pydantic import ValidationError
from quoter import wiring
from quoter.accounts.accounts import Accounts
from quoter.accounts.quoters import Quoters
from quoter.accounts.reached import accounts_of
from quoter.accounts.settings import AccountSettings
from quoter.keys import KEYS_FILE_BYTES_MAX, AccountKeys
from quoter.orders.own_orders import Orders
from quoter.venues import VENUES, VenueSettings
from quoter.venues.venue import OwnSettings
from quoter.watchdog import wiring as watchdog_wiring

ROWS: list[dict[str, Any]] = [
    {"name": "trade", "api_key": "k1", "api_secret": "very-secret", "scopes": ["read", "trade", "cancel"]},
    {"name": "watchdog", "api_key": "k2", "api_secret": "other-secret", "scopes": ["cancel"]},
]


WALLET = {
    "wallet_key": "0x" + "11" * 32,
    "api_key": "key-id",
    "api_secret": "c2VjcmV0",
    "api_passphrase": "very-secret",
}


@pytest.fixture
def keys_dir(tmp_path: Path) -> Path:
    (tmp_path / "mm1.json").write_text(json.dumps(ROWS))
    return tmp_path


def test_a_missing_or_huge_keys_file_is_named(tmp_path: Path) -> None:
    keys = AccountKeys({}, tmp_path, "mm1")
    with pytest.raises(ConfigError, match=r"MM_VENUE_KEYS_DIR: cannot read .*mm1.json"):
        keys.read("mm1.json")
    (tmp_path / "mm1.json").write_text(" " * (KEYS_FILE_BYTES_MAX + 1))
    with pytest.raises(ConfigError, match="is larger than"):
        keys.read("mm1.json")


def test_a_variable_that_is_not_set_is_empty(tmp_path: Path) -> None:
    keys = AccountKeys({"SOME_KEY": "k"}, tmp_path, "mm1")
    assert (keys.variable("SOME_KEY"), keys.variable("OTHER_KEY")) == ("k", "")


def test_one_quoter_per_account_holds_the_lease_and_any_number_of_watchdogs_none(keys_dir: Path) -> None:
    service = wiring.wire(wiring.Settings(venue_keys_dir=keys_dir))
    assert (list(service.leases), list(service.parts)) == ([], [("quoter", "mm1")])
    assert service.prepare_part is not None
    watchdog = watchdog_wiring.wire(watchdog_wiring.Settings(venue_keys_dir=keys_dir))
    assert [*watchdog.leases, *watchdog.parts] == []
    assert isinstance(watchdog.core, Accounts)
    session = watchdog.core.core_of("mm1").session
    assert (session.name, session.currency) == ("degen", "USD")


def test_several_accounts_are_one_process_with_a_lease_a_session_and_a_key_each(
    keys_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (keys_dir / "mm2.json").write_text(json.dumps(ROWS))
    (keys_dir / "poly.polymarket.json").write_text(json.dumps(WALLET))
    accounts = "mm1, mm2@degen, poly@polymarket"
    service = wiring.wire(wiring.Settings(accounts=accounts, venue_keys_dir=keys_dir))  # type: ignore[arg-type]
    assert list(service.parts) == [("quoter", "mm1"), ("quoter", "mm2"), ("quoter", "poly")]
    assert isinstance(service.core, Quoters)
    assert [(core.account, core.venue) for core in service.core.cores] == [
        ("mm1", "degen"),
        ("mm2", "degen"),
        ("poly", "polymarket"),
    ]
    two = watchdog_wiring.Settings(accounts="mm1,mm2", venue_keys_dir=keys_dir)  # type: ignore[arg-type]
    watchdogs = watchdog_wiring.wire(two).core
    assert isinstance(watchdogs, Accounts)
    assert [core.account for core in watchdogs.cores] == ["mm1", "mm2"]


def test_of_several_accounts_at_one_venue_a_variable_says_whose_key_it_is(tmp_path: Path) -> None:
    settings = AccountSettings(accounts="mm1,desk-2,poly@polymarket", venue_keys_dir=tmp_path)  # type: ignore[arg-type]
    variables = {"DEGEN_API_KEY_MM1": "one", "DEGEN_API_KEY_DESK_2": "two", "POLYMARKET_API_KEY": "three"}
    first, second, third = [each.keys for each in accounts_of(settings, tmp_path, variables)]
    assert (first.variable("DEGEN_API_KEY"), second.variable("DEGEN_API_KEY")) == ("one", "two")
    assert third.variable("POLYMARKET_API_KEY") == "three", "the only one there"
    nobodys = next(iter(accounts_of(settings, tmp_path, {"DEGEN_API_KEY": "whose"}))).keys
    with pytest.raises(ConfigError, match=r"DEGEN_API_KEY: .* say whose it is, such as DEGEN_API_KEY_MM1"):
        nobodys.variable("DEGEN_API_KEY")


NAMED = """
[venues.coinbase]
adapter = "coinbase"
quoted = true
symbols = ["BTCUSDT"]
websocket = "wss://binance/ws"
rest = "https://binance"

[venues.degen]
adapter = "degen"
symbols = []
websocket = "ws://{exchange}/ws"
rest = "http://{exchange}"

[venues.kraken_spot]
adapter = "degen"
quoted = true
symbols = []
websocket = "ws://{exchange}/venues/kraken/ws"
rest = "http://{exchange}/venues/kraken"

[venues.terminal]
adapter = "degen"
symbols = []
websocket = "wss://terminal/ws"
rest = "https://terminal"
"""


def test_an_account_at_a_named_venue_has_its_address_and_its_folder_of_keys(tmp_path: Path) -> None:
    (tmp_path / "venues.toml").write_text(NAMED)
    settings = AccountSettings(
        accounts="mm1,mm1-kraken@kraken_spot,mm2@terminal",  # type: ignore[arg-type]
        exchange_url="http://127.0.0.1:7001",
        venue_keys_dir=tmp_path / "keys",
        spot_keys_dir=tmp_path / "venues",
    )
    own, kraken, terminal = accounts_of(settings, tmp_path, {})
    assert [each.url for each in (own, kraken, terminal)] == [
        "http://127.0.0.1:7001",
        "http://127.0.0.1:7001/venues/kraken",
        "https://terminal",
    ]
    assert [(each.venue, each.contract) for each in (kraken, terminal)] == [
        ("kraken_spot", "degen"),
        ("terminal", "degen"),
    ]
    folders = {own: "keys", kraken: "venues/kraken/keys", terminal: "keys"}
    for each, folder in folders.items():
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / f"{each.keys.account}.json").write_text(json.dumps(ROWS))
        session = VENUES[each.contract].session(each.keys, each.venue, each.url, VenueSettings(), Orders(), 0)
        watching = VENUES[each.contract].cancel_session(each.keys, each.venue, 0)
        assert session.name == watching.name == each.venue


@pytest.mark.parametrize(
    ("venue", "fault"),
    [
        ("elsewhere", f"venue must be one of {', '.join(VENUES)}, coinbase, kraken_spot, terminal, is 'else"),
        ("coinbase", f"venues.toml: venues.coinbase.adapter: must be one of {', '.join(VENUES)} to be traded at"),
    ],
)
def test_a_venue_that_is_nowhere_is_refused_with_those_there_are(tmp_path: Path, venue: str, fault: str) -> None:
    (tmp_path / "venues.toml").write_text(NAMED)
    settings = AccountSettings(accounts=f"mm1,mm2@{venue}")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=re.escape(fault)):
        list(accounts_of(settings, tmp_path, {}))
    (tmp_path / "venues.toml").unlink()
    with pytest.raises(ConfigError, match=r"venues.toml: cannot be read: FileNotFoundError"):
        list(accounts_of(settings, tmp_path, {}))


def test_the_settings_are_those_of_every_venue_and_no_two_have_one_of_the_same_name() -> None:
    own = [set(base.model_fields) for base in VenueSettings.__bases__ if issubclass(base, OwnSettings)]
    assert len(own) == len(VENUES)
    assert sum(map(len, own)) == len(set().union(*own)) == len(VenueSettings.model_fields)
    assert set(VenueSettings.model_fields) <= set(wiring.Settings.model_fields)


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
    assert isinstance(service.core, Quoters)
    core = service.core.core_of("mm1")
    assert core.venue == core.session.name == "polymarket"


@pytest.mark.parametrize(
    "setting",
    [
        {"venue": "else where"},
        {"rest_fallback": "everything"},
        {"user_channel_url": "https://x/ws"},
        {"exchange_url": "ftp://x"},
        {"exchange_url": "http://user:pass@x"},
        {"account": "../etc"},
        {"accounts": "../etc@degen"},
        {"accounts": "mm1@else/where"},
        {"accounts": "mm1,mm2,mm1@degen"},
        {"accounts": "mm1,mm2", "venue": "degen"},
        {"accounts": ",".join(f"a{number}" for number in range(33))},
        {"deadman_ms": 1_000},
        {"messages_per_s": 0},
    ],
)
def test_settings_out_of_their_range_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        wiring.Settings(**setting)
