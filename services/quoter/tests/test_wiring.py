"""How the quoter and its watchdog are put together: settings, keys, leases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from common.errors import ConfigError
from pydantic import ValidationError
from quoter import wiring
from quoter.keys import KEYS_FILE_BYTES_MAX, cancelling_key, read_keys, trading_key
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


@pytest.mark.parametrize(
    "setting",
    [
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
