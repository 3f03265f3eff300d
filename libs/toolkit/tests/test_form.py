"""The number of a data directory's form: who may start on it, and the way back."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from toolkit import form
from toolkit.form import FORM, demand_known_form, form_of
from toolkit.instance import CannotStartError
from toolkit.layout import form_file
from toolkit.platform.screen import Screen
from toolkit.platform.up import UpOptions, plan, up
from toolkit.ports import port_map
from toolkit.testing.trial import free_port_base


def say(data_dir: Path, number: object) -> None:
    form_file(data_dir).write_text(json.dumps({"form": number}))


def test_a_directory_without_a_number_is_of_form_1_and_may_be_started(tmp_path: Path) -> None:
    assert form_of(tmp_path) == 1
    demand_known_form(tmp_path)


def test_a_start_writes_its_number_once_it_knows_that_it_can_start(tmp_path: Path) -> None:
    for before in (None, 1, FORM):
        if before is not None:
            say(tmp_path, before)
        plan(UpOptions(tmp_path, port_map(free_port_base()), source="model"), Screen(Console(quiet=True)))
        assert json.loads(form_file(tmp_path).read_text()) == {"form": FORM}


def test_an_older_build_refuses_a_newer_directory_before_it_touches_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(tmp_path, FORM)
    before = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.setattr(form, "FORM", FORM - 1)
    with pytest.raises(CannotStartError, match=f"is of form {FORM}, this build knows forms up to {FORM - 1}: "):
        up(UpOptions(tmp_path, port_map(free_port_base()), source="model"), Screen(Console(file=io.StringIO())))
    assert form_of(tmp_path) == FORM
    assert {path.name for path in tmp_path.iterdir()} - set(before) <= {"up.lock"}


def test_the_command_refuses_a_newer_directory_in_one_line_with_the_way_back(tmp_path: Path) -> None:
    say(tmp_path, FORM + 1)
    asked = subprocess.run(
        [sys.executable, "-m", "toolkit", "up", "--data-dir", str(tmp_path), "--port-base", str(free_port_base())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 2
    (line,) = asked.stderr.splitlines()
    assert line.startswith(f"mm: {tmp_path} is of form {FORM + 1}, this build knows forms up to {FORM}: ")
    assert "bring back the backup made before the upgrade with ./mm restore DIR" in line


@pytest.mark.parametrize("text", ["", "[]", '{"form": "2"}', '{"form": true}', '{"form": 0}', '{"shape": 2}'])
def test_a_number_that_cannot_be_read_is_refused_with_the_rule(tmp_path: Path, text: str) -> None:
    form_file(tmp_path).write_text(text)
    with pytest.raises(CannotStartError, match=r"form\.json: (form: )?must be"):
        demand_known_form(tmp_path)
