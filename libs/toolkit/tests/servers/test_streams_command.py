"""`./mm streams`: the step runs as its own user, with the data directory's secrets and nobody's settings."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from toolkit import cli
from toolkit.layout import platform_id_file
from toolkit.ports import port_map
from toolkit.servers import streams
from toolkit.setup import Addresses, prepare
from typer.testing import CliRunner


def test_r52_r81_a_folder_without_a_platform_is_refused_by_name(tmp_path: Path) -> None:
    said = CliRunner().invoke(cli.app, ["streams", "list", "--data-dir", str(tmp_path), "--port-base", "20000"])
    assert said.exit_code == 2
    assert f"{tmp_path}: no platform was set up here" in said.stderr


def test_r81_the_step_is_told_where_the_bus_is_and_who_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = port_map(20_000)
    prepare(tmp_path, Addresses("127.0.0.1", ports.nats, ports.nats_monitor, ports.redis))
    monkeypatch.setenv("MM_OF_ANOTHER", "1")
    ran: dict[str, Any] = {}

    def run(command: list[str], *, env: dict[str, str], check: bool) -> subprocess.CompletedProcess[str]:
        ran.update(command=command[1:], env=env, check=check)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", run)
    assert streams.run(["resize", "FILL", "1024"], tmp_path, ports) == 1
    assert ran["command"] == ["-m", "common.streams", "resize", "FILL", "1024"]
    assert {name: value for name, value in ran["env"].items() if name.startswith("MM_")} == {
        "MM_NATS_URL": "nats://127.0.0.1:20020",
        "MM_NATS_USER": "streams",
        "MM_NATS_PASSWORD_FILE": str(tmp_path / "secrets" / "nats-streams"),
        "MM_DATA_DIR": str(tmp_path),
        "MM_PLATFORM_ID_FILE": str(platform_id_file(tmp_path)),
        "MM_LOG_LEVEL": "warning",
        "MM_SIGNING_KEY_FILE": str(tmp_path / "streams" / "signing-key"),
        "MM_PUBLIC_KEYS_FILE": str(tmp_path / "keys" / "public-keys"),
        "MM_ROOT_KEY_FILE": str(tmp_path / "keys" / "root-key.public"),
    }
