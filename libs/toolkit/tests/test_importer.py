"""The first sketch's settings: taken over whole, refused by name, and never a secret from a file."""

from __future__ import annotations

import json
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from common.bots import BinaryBot, parse_bot
from common.errors import ConfigError
from hypothesis import given
from hypothesis import strategies as st
from toolkit import cli
from toolkit.importer import add_bot, bot_text, convert, import_config, keys_in, read_source, write_keys
from typer.testing import CliRunner

SKETCH = """\
feeds:
  binance:
    ws_url: wss://stream.binance.com:9443/ws
    symbols: [btcusdt, ethusdt, solusdt]
quoting:
  spread: 0.05
  size: 120
  levels: 4
  spacing: 0.02
inventory:
  max_position: 900
  skew_factor: 0.03
  close_threshold: 30
risk:
  max_markets: 7
  max_daily_loss: 500
  min_spread: 0.03
"""
KEYS = {"DEGEN_API_KEY": "key-of-mm1", "DEGEN_WALLET_KEY": "wallet-secret"}


def written(tmp_path: Path, text: str, name: str = "config.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def refused(document: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as error:
        convert(document)
    return "; ".join(error.value.faults)


def test_s1_6_every_key_of_the_sketch_reaches_the_bot(tmp_path: Path) -> None:
    bot = BinaryBot.parse(convert(read_source(written(tmp_path, SKETCH))).sections)
    quoting, inventory, limits = bot.quoting, bot.inventory, bot.risk_limits
    assert (quoting.spread, quoting.size, quoting.levels, quoting.spacing) == (0.05, 120, 4, 0.02)
    assert (inventory.max_position, inventory.skew_factor, inventory.close_threshold_s) == (900, 0.03, 30.0)
    assert limits is not None
    assert (limits.max_markets, limits.max_daily_loss, limits.min_spread) == (7, Decimal(500), 0.03)
    assert {
        asset: [(each.venue, each.symbol) for each in found] for asset, found in bot.instrument.sources.items()
    } == {
        "BTC": [("binance", "BTCUSDT")],
        "ETH": [("binance", "ETHUSDT")],
        "SOL": [("binance", "SOLUSDT")],
    }
    assert bot.instrument.series == ["BTC-5M", "ETH-5M", "SOL-5M"]


def test_s1_6_what_the_sketch_leaves_out_has_its_own_defaults_and_they_are_told() -> None:
    found = convert({"feeds": {"binance": {"symbols": ["btcusdt"]}}})
    bot = BinaryBot.parse(found.sections)
    assert (bot.quoting.spread, bot.quoting.size, bot.inventory.close_threshold_s) == (0.04, 100, 30.0)
    assert [note.partition(":")[0] for note in found.notes] == ["inventory.close_threshold"]


def test_s1_6_the_dictionary_of_a_python_file_is_read_and_nothing_of_it_is_run(tmp_path: Path) -> None:
    text = "import os\nos.abort()\nCONFIG = {'feeds': {'binance': {'symbols': ['btcusdt']}}}\n"
    assert read_source(written(tmp_path, text, "mm_bot.py")) == {"feeds": {"binance": {"symbols": ["btcusdt"]}}}
    with pytest.raises(ConfigError, match="ValueError"):
        read_source(written(tmp_path, "CONFIG = open('x')", "mm_bot.py"))


def test_b24_a_second_feed_may_be_named_and_an_unknown_key_is_refused_with_its_path() -> None:
    feeds = {"binance": {"symbols": ["btcusdt"]}, "coinbase": {"symbols": ["BTC-USD"]}}
    sources = convert({"feeds": feeds}).sections["instrument"]["sources"]
    assert sources == {"BTC": [{"venue": "binance", "symbol": "BTCUSDT"}, {"venue": "coinbase", "symbol": "BTC-USD"}]}
    found = refused({"feeds": feeds, "quoting": {"spred": 0.04}, "risk": {"max_markts": 1}, "fees": {}})
    assert all(name in found for name in ("quoting.spred:", "risk.max_markts:", "fees:"))


def test_b24_a_value_out_of_range_is_refused_by_the_one_schema_of_bots() -> None:
    feeds = {"binance": {"symbols": ["btcusdt"]}}
    assert "quoting.spread" in refused({"feeds": feeds, "quoting": {"spread": 1.5}})
    assert "inventory.max_position" in refused({"feeds": feeds, "inventory": {"max_position": 0}})
    assert "feeds" in refused({})
    assert "'btcxyz'" in refused({"feeds": {"binance": {"symbols": ["btcxyz"]}}})


@pytest.mark.parametrize("path", ["api_key", "feeds.api_key", "risk.private_key", "WALLET_KEY"])
def test_b30_a_secret_in_the_file_is_refused_with_advice_and_not_shown(path: str) -> None:
    document: dict[str, Any] = {"feeds": {"binance": {"symbols": ["btcusdt"]}}, "risk": {}}
    *outer, name = path.split(".")
    inner = document[outer[0]] if outer else document
    inner[name] = "very-secret"
    found = refused(document)
    assert found.startswith(f"{path}: ")
    assert "DEGEN_API_KEY" in found
    assert "very-secret" not in found


@pytest.mark.parametrize("text", ["api_key: 'very-secret", "a: [1", "- very-secret", "risk: {x: 1}\nrisk: {x: 2}"])
def test_b30_a_file_that_cannot_be_read_is_named_without_its_content(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_source(written(tmp_path, text))
    assert "config.yaml" in str(error.value)
    assert "very-secret" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("quoting: {size: 0100}", "quoting.size"),
        ("quoting: {size: 1_00}", "quoting.size"),
        ("quoting: {size: 0x64}", "quoting.size"),
        ("quoting: {spread: 0:04.5}", "quoting.spread"),
        ("quoting: {levels: yes}", "quoting.levels"),
        ("quoting: {levels: OFF}", "quoting.levels"),
        ("risk: {max_daily_loss: 1:30}", "risk.max_daily_loss"),
        ("risk: {max_daily_loss: .inf}", "risk.max_daily_loss"),
        ("inventory: {close_threshold: 2026-11-26}", "inventory.close_threshold"),
        ("feeds: {binance: {symbols: [btcusdt, NO]}}", "feeds.binance.symbols[1]"),
    ],
)
def test_r54_what_yaml_reads_otherwise_than_it_looks_is_refused_by_name(tmp_path: Path, line: str, field: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{field}: YAML reads this value as ")):
        read_source(written(tmp_path, f"{line}\n"))


def test_r54_values_that_look_like_what_they_are_and_quoted_texts_are_read(tmp_path: Path) -> None:
    text = "quoting: {spread: 4.0e-2, size: 100, levels: -1}\nfeeds: {binance: {symbols: ['NO', btcusdt]}}\n"
    document = read_source(written(tmp_path, text))
    assert document["quoting"] == {"spread": 0.04, "size": 100, "levels": -1}
    assert document["feeds"] == {"binance": {"symbols": ["NO", "btcusdt"]}}


@pytest.mark.parametrize("value", [True, False])
def test_r54_true_and_false_are_no_numbers_wherever_a_configuration_comes_from(value: bool) -> None:
    assert "quoting.levels: must not be true or false" in refused({"quoting": {"levels": value}})
    sections = convert({"feeds": {"binance": {"symbols": ["btcusdt"]}}}).sections
    with pytest.raises(ConfigError, match=r"quoting.levels: .*true or false"):
        parse_bot("binary", sections | {"quoting": {"levels": value}})


def test_a_key_given_twice_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="max_daily_loss: is given twice"):
        read_source(written(tmp_path, "risk:\n  max_daily_loss: 1\n  max_daily_loss: 100\n"))


def test_b30_keys_come_from_the_environment_into_a_file_of_their_own(tmp_path: Path) -> None:
    rows = keys_in(KEYS)
    assert rows is not None
    path = write_keys(tmp_path / "keys", "mm1", rows)
    assert path.stat().st_mode & 0o077 == 0
    assert json.loads(path.read_text()) == [
        {
            "name": "imported",
            "api_key": "key-of-mm1",
            "api_secret": "wallet-secret",
            "scopes": ["read", "trade", "cancel"],
        }
    ]
    with pytest.raises(ConfigError, match="exists already"):
        write_keys(tmp_path / "keys", "mm1", rows)


def test_b30_half_the_keys_or_a_token_that_ends_are_refused_and_none_is_none() -> None:
    assert keys_in({}) is None
    for name in KEYS:
        with pytest.raises(ConfigError, match=f"{next(iter(KEYS.keys() - {name}))}: is not set"):
            keys_in({name: KEYS[name]})
    with pytest.raises(ConfigError, match="DEGEN_API_KEY: is a token"):
        keys_in(KEYS | {"DEGEN_API_KEY": "eyJhbGciOi.eyJzdWIi.c2ln"})


def test_s1_11_the_two_variables_and_the_file_make_a_stopped_bot_and_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    config = written(tmp_path, SKETCH)
    bots = tmp_path / "bots.toml"
    bots.write_text('[[bots]]\nalgo_id = "4"\nkind = "binary"\n[bots.sections.quoting]\nspread = 0.04\n')
    keys = tmp_path / "keys"
    dry = import_config(config, bots, keys, "mm1", ("5M",), dry_run=True)
    assert 'algo_id = "N"' in dry[0]
    assert not keys.exists()
    said = import_config(config, bots, keys, "mm1", ("5M",), dry_run=False)
    assert any("bot 5 added" in line for line in said)
    added = tomllib.loads(bots.read_text())["bots"][1]
    assert (added["algo_id"], added["running"]) == ("5", False)
    parse_bot(added["kind"], added["sections"])
    assert not any(secret in line for line in said + dry for secret in KEYS.values())
    with pytest.raises(ConfigError, match="exists already"):
        import_config(config, bots, keys, "mm1", ("5M",), dry_run=False)
    assert len(tomllib.loads(bots.read_text())["bots"]) == 2


def test_s1_11_the_command_prints_the_bot_and_refuses_what_it_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEGEN_API_KEY", raising=False)
    monkeypatch.delenv("DEGEN_WALLET_KEY", raising=False)
    config = str(written(tmp_path, SKETCH))
    printed = CliRunner().invoke(cli.app, ["import-config", config, "--dry-run", "--life", "5M", "--life", "15M"])
    assert printed.exit_code == 0
    text = printed.output[: printed.output.index("keys:")]
    assert "BTC-15M" in tomllib.loads(text)["bots"][0]["sections"]["instrument"]["series"]
    wrong = CliRunner().invoke(cli.app, ["import-config", str(written(tmp_path, "quotng: {}")), "--dry-run"])
    assert wrong.exit_code == 2
    assert "quotng" in wrong.output


def test_another_address_of_a_feed_is_not_taken_over_silently() -> None:
    feeds = {"binance": {"symbols": ["btcusdt"], "ws_url": "wss://stream.binance.us:9443/ws"}}
    assert any(note.startswith("feeds.binance.ws_url") for note in convert({"feeds": feeds}).notes)


@given(
    spread=st.floats(0.001, 0.999),
    size=st.integers(1, 1_000_000),
    skew=st.floats(0, 0.5),
    close_s=st.floats(0, 86_400),
    loss=st.decimals(0, 10**9, places=2),
)
def test_whatever_usable_figures_are_taken_over_come_back_unchanged(
    spread: float, size: int, skew: float, close_s: float, loss: Decimal
) -> None:
    source = {
        "feeds": {"binance": {"symbols": ["btcusdt"]}},
        "quoting": {"spread": spread, "size": size},
        "inventory": {"skew_factor": skew, "close_threshold": close_s},
        "risk": {"max_daily_loss": str(loss)},
    }
    found = tomllib.loads(bot_text(convert(source), "1"))["bots"][0]
    bot = BinaryBot.parse(found["sections"])
    assert bot.risk_limits is not None
    figures = (bot.quoting.spread, bot.quoting.size, bot.inventory.skew_factor, bot.inventory.close_threshold_s)
    assert figures == (spread, size, skew, close_s)
    assert bot.risk_limits.max_daily_loss == loss
    assert bot.inventory.reduce_only_s >= close_s


def test_a_file_that_is_not_of_bots_is_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path, "bots = 3\n", "bots.toml")
    with pytest.raises(ConfigError, match=re.escape("is not a file of bots")):
        add_bot(path, convert({"feeds": {"binance": {"symbols": ["btcusdt"]}}}))
    assert path.read_text() == "bots = 3\n"
