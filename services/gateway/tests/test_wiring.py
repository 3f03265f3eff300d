"""Settings and the whole gateway put together, without anything around it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from common.core import Http, Newest
from common.errors import ConfigError
from common.events import TopOfBook
from common.settings import load_settings
from gateway.wiring import Settings, parse_urls, read_venues, wire

CONFIG_DIR = Path(__file__).parents[3] / "config"
QUOTED = ["degen", "binance_spot", "kraken_spot", "coinbase_spot", "bittrex_spot", "dltxmm_spot"]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MM_"):
            monkeypatch.delenv(name)


def test_the_gateway_is_wired_from_settings_alone() -> None:
    settings = Settings(config_dir=CONFIG_DIR, admin_urls="feed=http://127.0.0.1:8101", gateway_port=8123)
    service = wire(settings)
    assert (service.app_host, service.app_port) == ("127.0.0.1", 8123)
    assert service.leases == (), "any number of replicas"
    inputs = service.core.inputs()
    tops = [each for each in inputs if isinstance(each, Newest) and each.event is TopOfBook]
    assert [each.tokens for each in tops] == [{"venue": venue} for venue in QUOTED]
    assert [each.name for each in inputs if isinstance(each, Http)] == ["admin"]


def test_admin_addresses_are_named_and_checked() -> None:
    assert parse_urls("") == {}
    assert parse_urls("feed=http://a:1, risk=http://b:2") == {"feed": "http://a:1", "risk": "http://b:2"}
    for text in ("feed", "=http://a", "feed=ftp://a", "feed=http://a,feed=http://b"):
        with pytest.raises(ValueError, match=r"must be name=|names feed twice"):
            parse_urls(text)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MM_ADMIN_URLS", "feed", "MM_ADMIN_URLS"),
        ("MM_GATEWAY_PORT", "70000", "MM_GATEWAY_PORT"),
        ("MM_GATEWAY_PROT", "8080", "MM_GATEWAY_PROT"),
    ],
)
def test_a_bad_environment_names_the_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=said):
        load_settings(Settings, "gateway")


def test_the_redis_password_is_read_from_its_file_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "redis"
    path.write_text("very-secret\n")
    settings = Settings(redis_password_file=path)
    password = settings.redis_password()
    assert password is not None
    assert password.get_secret_value() == "very-secret"
    assert "very-secret" not in repr(settings) + repr(password)


def test_r52_a_profile_that_no_bot_names_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    wire(Settings(config_dir=CONFIG_DIR, profile="demo"))
    text = r"MM_PROFILE: no bot of bots\.toml runs in 'demmo'; there is all, demo, spot"
    with pytest.raises(ConfigError, match=text):
        wire(Settings(config_dir=CONFIG_DIR, profile="demmo"))
    bots = (CONFIG_DIR / "bots.toml").read_text()
    (tmp_path / "venues.toml").write_text((CONFIG_DIR / "venues.toml").read_text())
    (tmp_path / "bots.toml").write_text(bots.replace('run_in = ["demo", "all"]', 'run_in = ["night", "paper"]'))
    for profile in ("night", "paper", "demo"):
        wire(Settings(config_dir=tmp_path, profile=profile))
    with pytest.raises(ConfigError, match="there is all, demo, night, paper, spot"):
        wire(Settings(config_dir=tmp_path, profile="nights"))


def test_a_venues_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    quoted, exchanges = read_venues(CONFIG_DIR)
    assert quoted == QUOTED
    assert [exchanges.venue(name) for name in ("DEGEN", "KRAKEN")] == ["degen", "kraken_spot"]
    twice = '[venues.a]\nadapter = "degen"\nexchange = "X"\n[venues.b]\nadapter = "degen"\nexchange = "X"'
    for text in ("venues = 3", "[venues.a]", "x =", '[venues.a]\nadapter = "degen"\nquoted = 1', twice):
        (tmp_path / "venues.toml").write_text(text)
        with pytest.raises(ConfigError, match=r"venues\.toml"):
            read_venues(tmp_path)
