import subprocess
import sys
from pathlib import Path

import pytest
from common.bus.permissions import USERS
from toolkit.keys.private_files import write_private
from toolkit.layout import (
    admin_token_file,
    nats_config_file,
    nats_password_file,
    redis_config_file,
    redis_password_file,
    secrets_dir,
)
from toolkit.setup import Addresses, main, prepare

ADDRESSES = Addresses("127.0.0.1", 4222, 8222, 6379)


def test_every_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    data_dir = tmp_path / "platform"
    platform_id = prepare(data_dir, ADDRESSES)
    secrets = {path.name: path.read_text() for path in secrets_dir(data_dir).iterdir()}
    assert set(secrets) == {f"nats-{user}" for user in USERS} | {"redis", "admin-token", "root-key"}
    assert len(set(secrets.values())) == len(secrets)
    assert prepare(data_dir, ADDRESSES) == platform_id
    assert {path.name: path.read_text() for path in secrets_dir(data_dir).iterdir()} == secrets
    for path in [*secrets_dir(data_dir).iterdir(), nats_config_file(data_dir), redis_config_file(data_dir)]:
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert data_dir.stat().st_mode & 0o777 == 0o700


def test_the_server_configuration_follows_the_ports_and_holds_the_passwords(tmp_path: Path) -> None:
    prepare(tmp_path, ADDRESSES)
    prepare(tmp_path, Addresses("127.0.0.1", 20_020, 20_021, 20_022))
    nats, redis = nats_config_file(tmp_path).read_text(), redis_config_file(tmp_path).read_text()
    assert "127.0.0.1:20020" in nats
    assert "127.0.0.1:20021" in nats
    assert all(nats_password_file(tmp_path, user).read_text() in nats for user in USERS)
    assert "bind 127.0.0.1\nport 20022\n" in redis
    assert f"requirepass {redis_password_file(tmp_path).read_text()}\n" in redis
    assert "appendonly yes\nappendfsync everysec\n" in redis


def test_two_platforms_share_neither_identity_nor_password(tmp_path: Path) -> None:
    assert prepare(tmp_path / "a", ADDRESSES) != prepare(tmp_path / "b", ADDRESSES)
    assert admin_token_file(tmp_path / "a").read_text() != admin_token_file(tmp_path / "b").read_text()


def test_a_data_directory_keeps_its_identity_and_refuses_another(tmp_path: Path) -> None:
    assert prepare(tmp_path, ADDRESSES, "desk-1") == "desk-1"
    assert prepare(tmp_path, ADDRESSES) == "desk-1"
    with pytest.raises(ValueError, match=r"platform-id desk-2: .* belongs to platform desk-1"):
        prepare(tmp_path, ADDRESSES, "desk-2")


def test_a_private_file_that_others_could_read_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)


@pytest.mark.parametrize("option", [[], ["--host", "0.0.0.0"]])
def test_the_set_up_runs_as_a_step_of_its_own_and_prints_no_secret(tmp_path: Path, option: list[str]) -> None:
    command = [sys.executable, "-m", "toolkit.setup", "--data-dir", str(tmp_path), *option]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "is set up" in said
    assert not any(path.read_text() in said for path in secrets_dir(tmp_path).iterdir())
    assert (option[1] if option else "127.0.0.1") in nats_config_file(tmp_path).read_text()


def test_a_version_of_the_broker_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["setup", "--data-dir", str(tmp_path / "data"), "--nats-version", "2.14"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--nats-version: must be three numbers such as 2.14.0, is '2.14'" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
