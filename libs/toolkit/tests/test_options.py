"""The same options on every command about a platform, and help texts that are true."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import typer
from toolkit import cli
from toolkit.instance import Running, own_start_ticks, write_control
from toolkit.keys import commands as keys_commands
from toolkit.platform.live_needs import profiles_in
from toolkit.ports import port_map
from typer.testing import CliRunner

NOT_ABOUT_A_PLATFORM = {"test", "bench", "lock", "import-config"}


def commands() -> dict[str, Any]:
    """Return every command by what is typed, groups opened."""
    top: Any = typer.main.get_command(cli.app)
    found: dict[str, Any] = {}
    for name, command in top.commands.items():
        inner = getattr(command, "commands", {"": command})
        found |= {f"{name} {inner_name}".strip(): each for inner_name, each in inner.items()}
    return found


@pytest.mark.parametrize("name", [name for name in commands() if name.split()[0] not in NOT_ABOUT_A_PLATFORM])
def test_r52_every_command_about_a_platform_takes_data_dir_and_port_base(name: str) -> None:
    options = {option for parameter in commands()[name].params for option in parameter.opts}
    assert {"--data-dir", "--port-base"} <= options


@pytest.mark.parametrize("name", list(commands()))
def test_r52_every_option_has_a_help_text_and_every_command_says_what_it_does(name: str) -> None:
    command = commands()[name]
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", "") or parameter.name in ("help", "arguments"), f"{name}: {parameter.name}"


def test_r52_help_names_a_setting_as_it_must_be_given() -> None:
    said = CliRunner().invoke(cli.app, ["up", "--help"], env={"COLUMNS": "200"}).output
    assert "PROCESS.MM_NAME=VALUE" in said
    assert "live|model|replay" in said


def test_r52_a_port_base_that_is_not_the_running_platforms_is_refused_by_name(tmp_path: Path) -> None:
    ours = Running(os.getpid(), own_start_ticks(), "", "ready", "model", port_map(20_000), {})
    write_control(tmp_path, ours)
    for command in (["down"], ["status"], ["explain"], ["streams", "list"], ["post", "list"], ["cancel-all"]):
        said = CliRunner().invoke(cli.app, [*command, "--data-dir", str(tmp_path), "--port-base", "30000"])
        assert said.exit_code == 2, command
        assert "has its gateway at 20000" in said.output


def test_r52_profiles_are_those_in_which_some_bot_runs(tmp_path: Path) -> None:
    assert profiles_in(tmp_path) == []
    bots: list[dict[str, list[object]]] = [{"run_in": ["demo", "night"]}, {"run_in": ["demo"]}, {}, {"run_in": [7]}]
    (tmp_path / "bots.toml").write_text("bots = [" + ", ".join(_inline(bot) for bot in bots) + "]")
    assert profiles_in(tmp_path) == ["demo", "night"]


def _inline(bot: dict[str, list[object]]) -> str:
    return "{" + ", ".join(f"{name} = {json.dumps(value)}" for name, value in bot.items()) + "}"


def test_a_user_whose_number_has_no_name_can_give_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 10_001)  # as in the images; no such user here
    assert keys_commands.user_name() == "uid-10001"
