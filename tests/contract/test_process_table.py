"""What `./mm up` and the containers tell each service is what the service's settings take, no name more or less."""

import importlib
import os
from pathlib import Path

import pytest
from common.settings import ServiceSettings, load_settings
from toolkit.instance import Instance
from toolkit.platform.processes import Process, ServerCommands, process_table
from toolkit.ports import port_map
from toolkit.setup import Addresses, prepare

SETTINGS = {
    "exchange": ("exchange.settings", "ExchangeSettings"),
    "streams": ("common.settings", "ServiceSettings"),
    "feed": ("feed.wiring", "Settings"),
    "pricer": ("pricer.wiring", "Settings"),
    "quoter": ("quoter.wiring", "Settings"),
    "watchdog": ("quoter.watchdog.wiring", "Settings"),
    "risk": ("risk.wiring", "Settings"),
    "gateway": ("gateway.wiring", "Settings"),
}


def table(data_dir: Path) -> dict[str, Process]:
    platform_id = prepare(data_dir, Addresses("127.0.0.1", 4222, 8222, 6379))
    recording = data_dir / "btc.jsonl.gz"
    recording.touch()
    instance = Instance(data_dir, port_map(None), platform_id, source="replay", replay_files=(recording,))
    return {
        process.name: process
        for process in process_table(instance, ServerCommands(("nats-server",), ("redis-server",)))
    }


def test_every_process_of_ours_is_held_to_this_contract(tmp_path: Path) -> None:
    assert set(SETTINGS) == set(table(tmp_path)) - {"nats", "redis"}


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_service_takes_everything_it_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = table(tmp_path)[name].environment
    for variable in [variable for variable in os.environ if variable.startswith("MM_")]:
        monkeypatch.delenv(variable)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    module, class_name = SETTINGS[name]
    settings_class: type[ServiceSettings] = getattr(importlib.import_module(module), class_name)
    settings = load_settings(settings_class, name)
    for variable in environment:
        assert hasattr(settings, variable.removeprefix("MM_").lower())
