"""The Degen Terminal's keys: from the environment or the account's file, and which process takes which."""

from __future__ import annotations

import json
from typing import Any

import pytest
from common.errors import ConfigError
from quoter.testing.venue import GivenKeys
from quoter.venues.degen.venue import API_KEY, WALLET_KEY, cancelling_key, read_keys, trading_key

ROWS: list[dict[str, Any]] = [
    {"name": "trade", "api_key": "k1", "api_secret": "very-secret", "scopes": ["read", "trade", "cancel"]},
    {"name": "watchdog", "api_key": "k2", "api_secret": "other-secret", "scopes": ["cancel"]},
]


def keys(rows: list[dict[str, Any]] = ROWS, **variables: str) -> GivenKeys:
    return GivenKeys("mm1", variables, {"mm1.json": json.dumps(rows).encode()})


def test_each_process_takes_the_key_that_can_do_just_its_work() -> None:
    assert trading_key(keys()).name == "trade"
    assert cancelling_key(keys()).name == "watchdog"
    assert "secret'" not in repr(read_keys(keys()))
    assert "very-secret" not in repr(read_keys(keys()))


@pytest.mark.parametrize(
    "content",
    [b"{", b'[{"name": "x"}]', b'{"name": "x"}', b'[{"name":"x","api_key":"very-secret","api_secret":1,"scopes":[]}]'],
)
def test_a_keys_file_of_another_shape_is_refused_without_showing_it(content: bytes) -> None:
    with pytest.raises(ConfigError, match="must be a list of") as caught:
        read_keys(GivenKeys("mm1", files={"mm1.json": content}))
    assert "very-secret" not in str(caught.value)


def test_a_key_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match="no key of mm1 has the scopes trade and read"):
        trading_key(keys(ROWS[1:]))
    with pytest.raises(ConfigError, match="no key of mm1 has the scope cancel alone"):
        cancelling_key(keys(ROWS[:1]))


def test_b30_the_names_of_the_source_are_taken_from_the_environment_before_the_file() -> None:
    key = trading_key(keys(DEGEN_API_KEY="k9", DEGEN_WALLET_KEY="wallet-secret"))
    assert (key.api_key, key.api_secret) == ("k9", "wallet-secret")
    assert "wallet-secret" not in repr(key)
    assert trading_key(keys()).api_key == "k1"


@pytest.mark.parametrize(("set_one", "named"), [(API_KEY, WALLET_KEY), (WALLET_KEY, API_KEY)])
def test_b30_half_a_key_in_the_environment_is_refused_by_name_and_not_shown(set_one: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as refused:
        trading_key(GivenKeys("mm1", {set_one: "very-secret"}))
    assert "very-secret" not in str(refused.value)
