"""The environment is read once and strictly: every unknown name and every bad value is listed, no secret is shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from common.errors import ConfigError
from common.settings import ServiceSettings, load_settings, read_secret
from pydantic import Field


class PricerLikeSettings(ServiceSettings):
    """Settings of a made-up service with one list and one number of its own."""

    symbols: list[str] = Field(default_factory=lambda: ["btcusdt"])
    interval_ms: int = Field(default=100, ge=10)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MM_"):
            monkeypatch.delenv(name)


def faults(cls: type[ServiceSettings] = PricerLikeSettings) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        load_settings(cls, "pricer")
    return refused.value.faults


def test_an_empty_environment_gives_loopback_defaults() -> None:
    settings = load_settings(PricerLikeSettings, "pricer")
    assert settings.nats_url == "nats://127.0.0.1:4222"
    assert settings.admin_host == "127.0.0.1"
    assert settings.nats_password() is None
    assert settings.admin_token() is None


def test_two_processes_of_one_service_have_different_instance_names_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_settings(ServiceSettings, "pricer").instance.endswith(f"-{os.getpid()}")
    monkeypatch.setenv("MM_INSTANCE", "pricer-0")
    assert load_settings(ServiceSettings, "pricer").instance == "pricer-0"


def test_an_unknown_name_is_refused_with_its_name_and_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_NATS_ULR", "nats://elsewhere:4222")
    (fault,) = faults()
    assert fault.startswith("MM_NATS_ULR: not a setting of pricer; it knows ")
    assert "MM_NATS_URL" in fault
    assert "MM_INTERVAL_MS" in fault


def test_names_of_other_programs_are_none_of_our_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", "nats://elsewhere:4222")
    assert load_settings(PricerLikeSettings, "pricer").nats_url == "nats://127.0.0.1:4222"


def test_every_bad_value_is_listed_with_its_rule_and_so_is_every_unknown_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "MM_ADMIN_PORT": "70000",
        "MM_LOG_LEVEL": "loud",
        "MM_LEASE_TTL_MS": "soon",
        "MM_INTERVAL_MS": "1",
        "MM_COLOUR": "red",
    }.items():
        monkeypatch.setenv(name, value)
    found = faults()
    assert {fault.split(":")[0] for fault in found} == {
        "MM_ADMIN_PORT",
        "MM_LOG_LEVEL",
        "MM_LEASE_TTL_MS",
        "MM_INTERVAL_MS",
        "MM_COLOUR",
    }
    assert "MM_ADMIN_PORT: Input should be less than or equal to 65535" in found
    assert any(fault.startswith("MM_LEASE_TTL_MS: Input should be a valid integer") for fault in found)


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1", "127.0.0.1:4222", "nats://user:secret@127.0.0.1:4222", "nats://a b", "nats://a/b"]
)
def test_a_broker_address_of_another_kind_or_with_a_login_in_it_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MM_NATS_URL", url)
    [fault] = faults()
    assert fault.startswith("MM_NATS_URL: String should match pattern")
    assert "secret" not in fault


def test_a_list_that_is_no_list_is_a_fault_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_SYMBOLS", "btcusdt,ethusdt")
    monkeypatch.setenv("MM_COLOUR", "red")
    found = faults()
    assert any("symbols" in fault for fault in found)
    assert any(fault.startswith("MM_COLOUR: ") for fault in found)


def test_a_secret_comes_from_its_file_without_its_line_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "password"
    path.write_text("correct horse\n")
    monkeypatch.setenv("MM_NATS_PASSWORD_FILE", str(path))
    settings = load_settings(PricerLikeSettings, "pricer")
    password = settings.nats_password()
    assert password is not None
    assert password.get_secret_value() == "correct horse"
    assert "correct horse" not in repr(password)
    assert "correct horse" not in repr(settings)


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe sesame"])
def test_an_unusable_secret_file_is_a_fault_that_names_the_setting_and_never_the_content(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="MM_NATS_PASSWORD_FILE: ") as refused:
        read_secret(path, "MM_NATS_PASSWORD_FILE")
    assert str(path) in str(refused.value)
    assert "sesame" not in str(refused.value)
