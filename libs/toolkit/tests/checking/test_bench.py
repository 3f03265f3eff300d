import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from toolkit.checking import bench

MODULE = """
import argparse
from toolkit.checking.bench import Figure, at_least, at_most

def main(options):
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1)
    seeds = parser.parse_args(options).seeds
    print("progress")
    return [at_most("p99", 1.5, "ms", 1.0), at_least("seeds", seeds, "", 3), Figure("bare p50", 0.9, "ms")]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tick_to_order.py").write_text(MODULE)
    (tmp_path / "_pipeline.py").write_text("def main(options): return []\n")
    (tmp_path / "shared.py").write_text("X = 1\n")
    return tmp_path


def test_a_benchmark_is_named_after_its_file_and_shared_code_is_none(folder: Path) -> None:
    assert bench.names(folder) == ["tick-to-order"]


def test_an_unknown_benchmark_is_refused_with_those_there_are(folder: Path) -> None:
    with pytest.raises(bench.NoSuchBenchError, match="bench speed: must be one of tick-to-order"):
        bench.load(folder, "speed")


def test_a_report_has_the_promised_shape_and_options_reach_the_benchmark(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = bench.run(bench.load(folder, "tick-to-order"), "tick-to-order", ["--seeds", "5"])
    decoded = json.loads(bench.as_json(report))
    assert set(decoded) == {"name", "environment", "figures"}
    assert decoded["figures"] == [
        {"name": "p99", "value": 1.5, "unit": "ms", "aim": "≤ 1", "met": False},
        {"name": "seeds", "value": 5, "unit": "", "aim": "≥ 3", "met": True},
        {"name": "bare p50", "value": 0.9, "unit": "ms", "aim": None, "met": None},
    ]
    assert {"cpu", "cores", "python", "nats", "load_average"} <= set(decoded["environment"])
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "progress\n")


def test_a_person_sees_which_aims_were_missed(folder: Path) -> None:
    report = bench.run(bench.load(folder, "tick-to-order"), "tick-to-order", [])
    screen = io.StringIO()
    bench.show(report, Console(file=screen, width=120))
    rows = {line.split()[0]: line for line in screen.getvalue().splitlines() if line.split()}
    assert "missed" in rows["p99"]
    assert "missed" in rows["seeds"]


def test_the_cpu_is_named_by_its_model() -> None:
    assert bench.cpu_model("processor : 0\nmodel name\t: AMD EPYC 7B13\n") == "AMD EPYC 7B13"


def test_the_command_passes_options_it_does_not_know_on() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "toolkit", "bench", "no-such-bench", "--seeds", "3", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 2
    assert asked.stderr.startswith("mm: bench no-such-bench: must be one of")


def test_servers_that_there_are_none_of_are_refused_in_one_sentence() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "toolkit", "bench", "storing"],
        env={**os.environ, "MM_SERVERS": "nonsense"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 2
    assert asked.stderr == "mm: MM_SERVERS=nonsense: must be one of auto, system, wheels, containers\n"
