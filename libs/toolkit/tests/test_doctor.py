import gzip
import importlib.machinery
import socket
import sys
import types
from pathlib import Path

import pytest
from common.errors import ConfigError
from toolkit import doctor
from toolkit.keys.private_files import write_private
from toolkit.layout import owner_token_file
from toolkit.ports import port_map
from toolkit.setup import Addresses, prepare


def findings_of_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nats: str, wish: str = "auto") -> list[str]:
    program = tmp_path / "nats-server"
    program.write_text(f"#!/bin/sh\necho 'nats-server: v{nats}'\n")
    program.chmod(0o755)
    monkeypatch.setattr("toolkit.servers.programs.SEARCH_PATH", str(tmp_path))
    found = doctor.check_servers(tmp_path, wish)
    return [f"{finding.state} {finding.what}: {finding.text}" for finding in found]


def test_each_server_is_named_with_what_it_is_good_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nats, redis = findings_of_servers(tmp_path, monkeypatch, "2.12.0")
    assert nats == "ok NATS: NATS 2.12.0 (system): good for production"
    assert redis.startswith("ok Redis: Valkey 9.")
    assert redis.endswith("(wheels): good for production")


def test_what_a_power_cut_takes_is_told_of_one_that_is_good_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nats, _ = findings_of_servers(tmp_path, monkeypatch, "2.10.23")
    assert nats.endswith("good for production, but a power cut loses up to a second of acknowledged writes")


def test_a_server_for_demos_is_warned_of_with_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nats, _ = findings_of_servers(tmp_path, monkeypatch, "2.9.10")
    assert nats.startswith("warn NATS: NATS 2.9.10 (system): good for a demo, a power cut loses up to two minutes")
    assert nats.endswith("for real trading ./mm up --servers wheels, or a newer one of your own")


def test_a_server_that_may_not_run_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nats, redis = findings_of_servers(tmp_path, monkeypatch, "2.10.1", "system")
    assert nats.startswith("fail NATS: nats-server may not run: NATS 2.10.1 (system): kill -9 can lose a whole stream")
    assert redis == "fail Redis: needs redis-server: install with 'apt-get install redis-server' (as root), then retry"


def test_too_little_memory_comes_with_a_remedy() -> None:
    assert doctor.enough("memory", 1.0, 2.0, "stop other programs") == doctor.Finding(
        "memory", doctor.WARN, "1.0 GB free, 2 GB wanted: stop other programs"
    )
    assert doctor.enough("memory", 3.0, 2.0, "").state == doctor.OK


@pytest.mark.parametrize("loose_at", ["secrets/redis", "secrets/root-key", "quoter/signing-key", "gateway/owner-token"])
def test_a_secret_that_others_can_read_fails_and_is_named(tmp_path: Path, loose_at: str) -> None:
    prepare(tmp_path, Addresses("127.0.0.1", 4222, 8222, 6379))
    write_private(owner_token_file(tmp_path), "token")
    assert [finding.state for finding in doctor.check_secrets(tmp_path)] == [doctor.OK]
    loose = tmp_path / loose_at
    loose.chmod(0o644)
    (finding,) = doctor.check_secrets(tmp_path)
    assert finding.state == doctor.FAIL
    assert "chmod 600" in finding.text
    assert str(loose) in finding.text


def test_a_configuration_file_that_cannot_be_read_fails_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text("[[desks]]\nname = \n")
    (tmp_path / "notes.toml").write_text("[notes]\n")
    desk, notes = doctor.check_config(tmp_path)
    assert (desk.state, notes.state) == (doctor.FAIL, doctor.OK)
    assert "desk.toml" in desk.text
    assert "line 2" in desk.text


def test_a_value_that_the_owning_service_refuses_fails_with_its_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse_venues(text: str) -> None:
        raise ConfigError(["venues.toml: venues.binance.symbols: must name at least one symbol"])

    feed = types.ModuleType("feed")
    config = types.ModuleType("feed.config")
    config.parse_venues = parse_venues  # type: ignore[attr-defined]
    feed.__spec__ = importlib.machinery.ModuleSpec("feed", None)
    monkeypatch.setitem(sys.modules, "feed", feed)
    monkeypatch.setitem(sys.modules, "feed.config", config)
    (tmp_path / "venues.toml").write_text("[venues.binance]\nsymbols = []\n")
    (finding,) = doctor.check_config(tmp_path)
    assert finding.state == doctor.FAIL
    assert "venues.binance.symbols: must name at least one symbol" in finding.text


def test_a_port_in_use_fails_and_its_holder_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        base = server.getsockname()[1]
        if base > 65_000:
            pytest.fail(f"the kernel gave port {base}, beyond any base")
        findings = list(doctor.check_ports(tmp_path, port_map(base)))
    assert findings[0].state == doctor.FAIL
    assert f"port {base} (gateway) is in use by " in findings[0].text


def recording(path: Path, *lines: str) -> Path:
    with gzip.open(path, "wt") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


def test_r83_a_damaged_recording_is_a_finding(tmp_path: Path) -> None:
    path = recording(
        tmp_path / "damaged.gz", *(f'{number} {{"a":{number * 7919 % 1_000_003}}}' for number in range(500))
    )
    damaged = bytearray(path.read_bytes())
    damaged[20:60] = b"\xff" * 40
    path.write_bytes(damaged)
    found = doctor.judge_recording(path)
    assert (found.state, str(path) in found.text) == (doctor.FAIL, True)


def test_a_recording_is_recognised_by_its_lines(tmp_path: Path) -> None:
    good = recording(tmp_path / "good.gz", '1723161254000000000 {"stream":"btcusdt@trade"}')
    bad = recording(tmp_path / "bad.gz", '1723161254000000000 {"a":1}', '{"a":1}')
    torn = tmp_path / "torn.gz"
    torn.write_bytes(good.read_bytes()[:15])
    assert doctor.judge_recording(good).state == doctor.OK
    assert "line 2" in doctor.judge_recording(bad).text
    assert doctor.judge_recording(torn).state == doctor.FAIL
    assert doctor.judge_recording(tmp_path / "none.gz").state == doctor.FAIL


def test_the_exit_code_is_one_only_when_something_fails() -> None:
    good, doubtful, bad = (doctor.Finding("x", state, "") for state in (doctor.OK, doctor.WARN, doctor.FAIL))
    assert doctor.exit_code([good, doubtful]) == 0
    assert doctor.exit_code([good, bad]) == 1


def test_this_machine_can_be_examined(tmp_path: Path) -> None:
    findings = list(doctor.examine(tmp_path, port_map(None)))
    assert {"Python", "memory", "disk", "clock", "NATS", "Redis", "ports", "secrets", "config", "locks"} <= {
        finding.what for finding in findings
    }
