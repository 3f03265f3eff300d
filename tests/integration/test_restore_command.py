"""`./mm restore`: what the streams hold is put aside, and put back when the broker will not have the backup."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from common.bus.accounts import STREAMS_ACCOUNT
from common.streams.backup import CONTENTS, KEPT
from toolkit.form import FORM, demand_known_form, form_of
from toolkit.instance import CannotStartError
from toolkit.layout import form_file, nats_store_dir
from toolkit.ports import Ports, port_map
from toolkit.servers import streams
from toolkit.servers.broker import broker_alone
from toolkit.servers.programs import AUTO, NATS, Origin
from toolkit.servers.restore import NotRestoredError, restore
from toolkit.setup import Addresses, prepare
from toolkit.testing.servers import server_here
from toolkit.testing.trial import free_port_base


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    """A platform that was set up, whose streams are made and saved, and that is stopped."""
    return saved(tmp_path, AUTO)


def saved(folder: Path, servers: str) -> Ports:
    server_here(NATS)
    ports = port_map(free_port_base())
    prepare(folder / "data", Addresses("127.0.0.1", ports.nats, ports.nats_monitor, ports.redis))
    with broker_alone(folder / "data", ports, print, servers):
        streams.ask([], folder / "data", ports)
        streams.ask(["backup", str(folder / "saved")], folder / "data", ports)
    return ports


def generation(data_dir: Path, ports: Ports) -> int:
    with broker_alone(data_dir, ports, print):
        return int(json.loads(streams.ask(["report"], data_dir, ports))["generation"])


def brought_back(tmp_path: Path, ports: Ports) -> list[str]:
    said: list[str] = []
    restore(tmp_path / "saved", tmp_path / "data", ports, "ann", "drill", said.append)
    return said


def test_r71_what_was_there_is_put_aside(tmp_path: Path, ports: Ports) -> None:
    said = brought_back(tmp_path, ports)
    assert said[1].endswith(", ".join(KEPT))
    [aside] = (tmp_path / "data" / "nats").glob("replaced-*")
    assert {path.name for path in aside.iterdir()} == set(KEPT)
    assert generation(tmp_path / "data", ports) == 2


def test_a_restore_by_an_older_build_is_the_way_back_from_a_newer_form(tmp_path: Path, ports: Ports) -> None:
    data_dir = tmp_path / "data"
    form_file(data_dir).write_text(json.dumps({"form": FORM + 1}))
    with pytest.raises(CannotStartError, match="is of form"):
        demand_known_form(data_dir)
    brought_back(tmp_path, ports)
    demand_known_form(data_dir)
    assert form_of(data_dir) == FORM


def test_r71_an_archive_that_the_broker_refuses_changes_nothing(tmp_path: Path, ports: Ports) -> None:
    archive, contents = tmp_path / "saved" / "FILL.archive", tmp_path / "saved" / CONTENTS
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    document = json.loads(contents.read_text())
    form_file(tmp_path / "data").write_text(json.dumps({"form": FORM + 1}))
    # Somebody has made the hash fit: only the broker sees that its own archive is damaged.
    document["archives"][-1]["sha256"] = hashlib.sha256(data).hexdigest()
    contents.write_text(json.dumps(document))
    with pytest.raises(NotRestoredError, match="what was there is in its place again"):
        brought_back(tmp_path, ports)
    assert all(any(path.iterdir()) for path in (tmp_path / "data" / "nats").glob("replaced-*"))
    held = nats_store_dir(tmp_path / "data") / "jetstream" / STREAMS_ACCOUNT / "streams"
    assert {path.name for path in held.iterdir()} >= set(KEPT)
    assert generation(tmp_path / "data", ports) == 1, "the stores are those of before"
    assert form_of(tmp_path / "data") == FORM + 1, "and so is who may start here"


def test_a_backup_of_a_newer_broker_is_refused_before_anything_is_changed(
    tmp_path: Path, ports: Ports, capfd: pytest.CaptureFixture[str]
) -> None:
    contents = tmp_path / "saved" / CONTENTS
    document = json.loads(contents.read_text())
    made_by = document["broker"]
    document["broker"] = "99.0.0"
    contents.write_text(json.dumps(document))
    with pytest.raises(NotRestoredError, match=f"was made by NATS 99.0.0, which NATS {made_by} cannot read"):
        brought_back(tmp_path, ports)
    assert list((tmp_path / "data" / "nats").glob("replaced-*")) == []
    with broker_alone(tmp_path / "data", ports, print):
        command = ["restore", str(tmp_path / "saved"), "--who", "ann", "--reason", "drill", "--replace"]
        assert streams.run(command, tmp_path / "data", ports) == 1
    assert f"was made by NATS 99.0.0, which NATS {made_by} cannot read" in capfd.readouterr().err
    assert generation(tmp_path / "data", ports) == 1


def test_where_the_broker_does_not_start_no_empty_folder_remains(
    tmp_path: Path, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*asked: object) -> None:
        raise CannotStartError("the broker does not start")

    monkeypatch.setattr("toolkit.servers.restore.prepared_broker", refuse)
    with pytest.raises(NotRestoredError, match="the broker does not start"):
        brought_back(tmp_path, ports)
    assert list((tmp_path / "data" / "nats").glob("replaced-*")) == []
    monkeypatch.undo()
    assert generation(tmp_path / "data", ports) == 1


def test_a_backup_of_our_own_broker_comes_back_where_the_systems_would_be_older(tmp_path: Path) -> None:
    ports = saved(tmp_path, Origin.WHEELS.value)
    shutil.rmtree(nats_store_dir(tmp_path / "data"))
    said: list[str] = []
    restore(tmp_path / "saved", tmp_path / "data", ports, "ann", "drill", said.append)
    assert generation(tmp_path / "data", ports) == 2


def test_r71_a_folder_without_a_platform_and_one_without_a_backup_are_refused(tmp_path: Path, ports: Ports) -> None:
    with pytest.raises(NotRestoredError, match="no platform was set up here"):
        restore(tmp_path / "saved", tmp_path / "nowhere", ports, "ann", "drill", print)
    with pytest.raises(NotRestoredError, match="there is no backup"):
        restore(tmp_path / "elsewhere", tmp_path / "data", ports, "ann", "drill", print)
