"""What config/exchange.toml may say; every fault names the field and the rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from common.errors import ConfigError
from exchange.spot_venues.hosting import parse_file, read_file
from pydantic import ValidationError

FILE = Path(__file__).parents[4] / "config" / "exchange.toml"
TEXT = FILE.read_text(encoding="utf-8")


def test_the_file_that_ships_is_right_and_has_the_venues_of_the_spot_profile() -> None:
    file = read_file(FILE)
    assert {"BINANCE", "KRAKEN", "BITTREX", "DLTXMM", "COINBASE"} <= file.venues.keys()
    for name, venue in file.venues.items():
        assert venue.makers.levels >= 20, name
        assert venue.makers.look_ms <= 200, f"{name}: five books a second"
        assert venue.takers.informed_share == 0, name


@pytest.mark.parametrize(
    ("present", "other", "fault"),
    [
        ("step_ms = 50", "step_ms = 5", r"world\.step_ms: .*greater than or equal to 10"),
        ("step_ms = 50", "stepms = 50", r"world\.stepms: "),
        ("[world.currencies]", "[world.currencies]\nUSD = { value = 1 }", r"world\.currencies: .*must not name USD"),
        ("volatility = 0.1", "volatility = 0", r"world\.currencies\.JPY\.volatility: .*greater than 0"),
        ("market = 0.9", "market = 1.0", r"world\.currencies\.BTC\.market: .*less than or equal to 0.99"),
        ("[venues.KRAKEN]", "[venues.kraken]", r"venues\.kraken"),
        ('tick = "0.1"', 'tick = "0"', r"venues\.KRAKEN: .*symbols\.BTCUSD\.tick: must be above 0"),
        ('tick = "0.1"', 'tick = "0.001"', r"venues\.KRAKEN: .*symbols\.BTCUSD\.tick: must come to whole units of USD"),
        (
            'base = "ADA", quote = "ETH"',
            'base = "XRP", quote = "ETH"',
            r"BITTREX\.symbols\.ADAETH\.base: must be a currency",
        ),
        ('fee_currency = "BNB"', 'fee_currency = "XRP"', r"BINANCE\.fee_currency: must be a currency of the world"),
        (
            'fee_currency = "BNB"',
            'fee_currency = "BNB"\naccounts = ["makers"]',
            r"BINANCE\.accounts: .*must not name makers",
        ),
        (
            'fee_currency = "BNB"',
            'fee_currency = "BNB"\naccounts = ["a", "a"]',
            r"accounts: .*must not name an account twice",
        ),
        ("maker_fee_ppm = 0\n", "maker_fee_ppm = 900\n", r"DLTXMM: .*maker_fee_ppm: must be at most the taker's 500"),
        ('BNB = "20"', 'BNB = "-1"', r"BINANCE\.deposits: .*BNB must be 0 or more"),
        ('BNB = "20"', 'BNB = "0.123456789"', r"BINANCE\.deposits: .*at most 8 decimals, is 0.123456789"),
        ('BNB = "20"', 'XRP = "20"', r"BINANCE\.deposits: must be currencies of the world, names XRP"),
        ("half_spread_bps = 12.0", "half_spread_bps = -1", r"makers\.half_spread_bps: .*greater than 0"),
        ("reach_bps = 12.0", "informed_share = 1.5", r"takers\.informed_share: .*less than or equal to 1"),
        ("[world]", "[world", r"exchange\.toml: "),
    ],
)
def test_a_fault_names_the_field_and_the_rule(present: str, other: str, fault: str) -> None:
    assert present in TEXT
    with pytest.raises(ConfigError, match=fault):
        parse_file(TEXT.replace(present, other, 1))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"exchange\.toml: cannot be read: FileNotFoundError"):
        read_file(tmp_path / "exchange.toml")


def test_accounts_that_are_told_are_opened_in_place_of_the_files() -> None:
    kraken = read_file(FILE).venues["KRAKEN"]
    assert kraken.opening(()).accounts == ("mm1",)
    assert kraken.opening(("mm1-kraken", "mm2")).accounts == ("mm1-kraken", "mm2")
    with pytest.raises(ValidationError, match=r"(?s)accounts.*must not name takers"):
        kraken.opening(("takers",))
