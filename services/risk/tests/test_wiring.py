"""Settings and wiring: clear errors, no secret in an address."""

from __future__ import annotations

from pathlib import Path

import pytest
from common.errors import ConfigError
from common.settings import load_settings
from risk.service import Risk
from risk.wiring import Settings, wire

CONFIG_DIR = Path(__file__).parents[3] / "config"


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("redis://:hunter2@127.0.0.1/0", "address only"),
        ("redis://127.0.0.1/0?password=hunter2", "address only"),
        ("http://127.0.0.1", "must begin with redis://"),
    ],
)
def test_a_redis_address_with_a_secret_or_of_another_kind_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str, rule: str
) -> None:
    monkeypatch.setenv("MM_REDIS_URL", url)
    with pytest.raises(ConfigError) as refused:
        load_settings(Settings, "risk")
    assert rule in str(refused.value)
    assert "MM_REDIS_URL" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_password_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = Settings(config_dir=CONFIG_DIR, redis_password_file=tmp_path / "none")
    with pytest.raises(ConfigError, match="MM_REDIS_PASSWORD_FILE"):
        wire(settings)


def test_the_service_is_one_shard_under_its_lease() -> None:
    service = wire(Settings(config_dir=CONFIG_DIR, shard="7"))
    assert service.leases == [("risk", "7")]
    assert isinstance(service.core, Risk)
    assert service.core.shard == "7"
    assert service.storage is not None
    assert service.prepare is not None
