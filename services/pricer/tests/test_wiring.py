"""What the pricer reads of its surroundings."""

from pathlib import Path

import pytest
from common.bots import parse_bot
from common.errors import ConfigError
from pricer.service import Pricer
from pricer.wiring import Settings, read_model, read_venues, wire


def test_prices_come_from_every_venue_but_those_where_markets_trade(tmp_path: Path) -> None:
    (tmp_path / "venues.toml").write_text('[venues.binance]\nadapter = "binance"\n[venues.degen]\nadapter = "degen"\n')
    assert read_venues(tmp_path)[:2] == (["binance"], ["degen"])


def test_prices_come_from_no_venue_that_is_quoted_at(tmp_path: Path) -> None:
    text = '[venues.a]\nadapter = "degen"\nquoted = false\n[venues.b]\nadapter = "polymarket"\nquoted = true\n'
    (tmp_path / "venues.toml").write_text(text)
    assert read_venues(tmp_path)[:2] == (["a"], ["b"])


def test_symbols_are_found_however_they_are_written_or_called(tmp_path: Path) -> None:
    text = """
[venues.kraken]
adapter = "kraken"
exchange = "KRAKEN"
symbols = ["BTC/USD"]
[venues.binance]
adapter = "binance"
symbols = ["BTCUSDT"]
names = { BTCUSD = "BTCUSDT" }
"""
    (tmp_path / "venues.toml").write_text(text)
    venues = read_venues(tmp_path).venues
    assert venues.symbol("kraken", "BTCUSD") == "BTC/USD"
    assert venues.symbol("binance", "BTCUSD") == venues.symbol("binance", "BTCUSDT") == "BTCUSDT"
    assert venues.symbol("elsewhere", "BTCUSD") == "BTCUSD"
    assert venues.exchanges.venue("BINANCE") == "binance"


def test_without_a_list_of_venues_all_are_listened_to(tmp_path: Path) -> None:
    assert read_venues(tmp_path)[:2] == ([], [])


@pytest.mark.parametrize(
    "broken",
    [
        "venues = [",
        "venues = 3",
        "[venues]\nbinance = 1",
        "[venues.binance]\nquoted = 1",
        '[venues.a]\nadapter = "b"\nsymbols = 3',
    ],
)
def test_a_broken_list_of_venues_is_refused_with_its_path(tmp_path: Path, broken: str) -> None:
    (tmp_path / "venues.toml").write_text(broken)
    with pytest.raises(ConfigError, match=r"venues\.toml"):
        read_venues(tmp_path)


def test_one_pricer_of_quotes_works_at_a_time(tmp_path: Path) -> None:
    service = wire(Settings(config_dir=tmp_path))
    assert isinstance(service.core, Pricer)
    assert list(service.leases) == [("pricer", "quotes-0")]


def test_models_are_read_from_their_directory_and_nowhere_else(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "day.json").write_bytes(b"{}")
    (tmp_path / "secret").write_bytes(b"password")
    (models / "link.json").symlink_to(tmp_path / "secret")
    assert read_model(models, "day.json") == b"{}"
    for elsewhere in ("../secret", "link.json", "absent.json"):
        with pytest.raises(OSError):
            read_model(models, elsewhere)


def test_a_bot_can_name_a_file_and_no_path() -> None:
    document = {"instrument": {"series": ["A"], "sources": {}}, "pricing": {"smiles": {"BTC": "../secret"}}}
    with pytest.raises(ConfigError, match=r"pricing\.smiles\.BTC"):
        parse_bot("binary", document)
