"""Polymarket's keys: from the environment or the account's file of them."""

from __future__ import annotations

import json

import pytest
from common.errors import ConfigError
from quoter.testing.venue import GivenKeys
from quoter.venues.polymarket.venue import Polymarket, wallet_of

WALLET = {
    "wallet_key": "0x" + "11" * 32,
    "api_key": "key-id",
    "api_secret": "c2VjcmV0",
    "api_passphrase": "very-secret",
}
FILE = "mm1.polymarket.json"


def test_b30_keys_at_polymarket_come_from_the_environment_or_a_file_of_their_own() -> None:
    given = {f"POLYMARKET_{name.upper()}": value for name, value in WALLET.items()}
    key = wallet_of(GivenKeys("mm1", given | {"POLYMARKET_SIGNATURE_TYPE": "2", "POLYMARKET_FUNDER": "0xabc"}))
    assert (key.wallet_key, key.signature_type, key.funder) == (WALLET["wallet_key"], 2, "0xabc")
    assert wallet_of(GivenKeys("mm1", files={FILE: json.dumps(WALLET).encode()})).api_passphrase == "very-secret"
    del given["POLYMARKET_API_SECRET"]
    with pytest.raises(ConfigError, match="POLYMARKET_API_SECRET: is not set") as refused:
        wallet_of(GivenKeys("mm1", given))
    assert "very-secret" not in str(refused.value)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"wallet_key": "very-secret"}', b'{"wallet_key": 1}'])
def test_b30_a_key_file_of_another_shape_is_refused_without_showing_it(content: bytes) -> None:
    with pytest.raises(ConfigError, match="must hold wallet_key") as refused:
        wallet_of(GivenKeys("mm1", files={FILE: content}))
    assert "very-secret" not in str(refused.value)


def test_a_watchdog_is_refused_with_the_reason_because_no_key_can_only_cancel() -> None:
    with pytest.raises(ConfigError, match="MM_VENUE: polymarket has no key that can only cancel"):
        Polymarket().cancel_session(GivenKeys(), "polymarket", 0)
