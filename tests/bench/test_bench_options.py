"""No benchmark starts with an option it cannot use: it ends at once, names the option and says the rule."""

from __future__ import annotations

import argparse
import importlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolkit.checking.bench import names
from toolkit.checking.bench_options import number, whole_number

BENCHES = names(Path(__file__).parents[2] / "bench")
NO_NUMBERS = ("", "x", "nan", "-nan", "inf", "-inf", "1e400", "-1", "0x10", "1,5")


def main_of(bench: str) -> Callable[[list[str]], Any]:
    main: Callable[[list[str]], Any] = importlib.import_module(bench.replace("-", "_")).main
    return main


@pytest.mark.parametrize(
    ("bench", "options", "said"),
    [
        ("storing", ["--rounds", "0"], "--rounds: must be a whole number from 1 to"),
        ("storing", ["--rounds", "1.5"], "--rounds: must be a whole number from 1 to"),
        ("storing", ["--seconds", "0"], "--seconds: must be a number from 0.1 to 3600, is '0'"),
        ("storing", ["--seconds", "nan"], "--seconds: must be a number from 0.1 to 3600, is 'nan'"),
        ("storing", ["--seconds", "inf"], "--seconds: must be a number from 0.1 to 3600, is 'inf'"),
        ("storing", ["--seconds", "-3"], "--seconds: must be a number from 0.1 to 3600, is '-3'"),
        ("storing", ["--dir", "nowhere/at-all"], "--dir: cannot make a folder in nowhere/at-all: No such file"),
        ("storing", ["--dir", __file__], "test_bench_options.py: Not a directory"),
        ("tick-to-order", ["--rates", "100,0"], "--rates: must be a whole number from 1 to"),
        ("tick-to-order", ["--rates", "100,"], "is ''"),
        ("tick-to-order", ["--rounds", "0"], "--rounds: must be a whole number from 1 to"),
        ("tick-to-order", ["--seconds", "inf"], "--seconds: must be a number from 0.1 to 3600, is 'inf'"),
        ("core", ["--ticks", "0"], "--ticks: must be a whole number from 1 to"),
        ("core", ["--rounds", "x"], "--rounds: must be a whole number from 1 to"),
        ("core", ["--markets", "1,501"], "--markets: must be a whole number from 1 to 500, is '501'"),
        ("recovery", ["--rounds", "0"], "--rounds: must be a whole number from 1 to"),
        ("recovery", ["--victims"], "--victims: expected at least one argument"),
        ("simulate", ["--seeds", "0"], "--seeds: must be a whole number from 1 to"),
        ("simulate", ["--first", "-1"], "--first: must be a whole number from 0 to"),
        ("simulate", ["--resume"], "--resume: goes on with the file that --rows names"),
        ("simulate", ["--world", "flat"], "--world: invalid choice: 'flat'"),
        ("simulate", ["--workers", "0"], "--workers: must be a whole number from 1 to"),
        ("avellaneda-stoikov", ["--paths", "0"], "--paths: must be a whole number from 1 to"),
        ("avellaneda-stoikov", ["--seed", "-1"], "--seed: must be a whole number from 0 to"),
        ("binary-session", ["--markets", "0"], "--markets: must be a whole number from 1 to"),
        ("binary-session", ["--timer-ms", "0"], "--timer-ms: must be a whole number from 1 to"),
        ("binary-session", ["--cases", "0.1,nan"], "--cases: must be a number from 0 to 1, is 'nan'"),
        ("binary-session", ["--cases", "0.1,"], "--cases: must be a number from 0 to 1, is ''"),
        ("stomp-fuzz", ["--frames", "9"], "--frames: must be a whole number from 10 to"),
        ("thin-flow", ["--arrivals-per-s", "0"], "--arrivals-per-s: must be a number from 0.001 to"),
        ("convergence", ["--minutes", "nan"], "--minutes: must be a number from 0.1 to"),
        ("soak", ["--minutes", "0"], "--minutes: must be a number from 1 to"),
        ("attack", ["--seed", "x"], "--seed: must be a whole number from 0 to"),
        ("fair-value", ["--data", "nowhere.csv"], "--data: must be a file that is there, is 'nowhere.csv'"),
        ("fair-value", ["--data", __file__, "--seed", "-1"], "--seed: must be a whole number from 0 to"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_by_name_and_rule(
    bench: str, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main_of(bench)(options)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("bench", BENCHES)
def test_no_option_of_any_benchmark_takes_a_number_without_a_bound(bench: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Seen(Exception):
        pass

    parsers: list[argparse.ArgumentParser] = []

    def look(parser: argparse.ArgumentParser, *_: object) -> None:
        parsers.append(parser)
        raise Seen

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", look)
    with pytest.raises(Seen):
        main_of(bench)([])
    assert [action.dest for action in parsers[0]._actions if action.type in (int, float)] == []


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_within_the_bounds_is_none(text: str) -> None:
    for kind in (number(0.0, 10.0), whole_number(0, 10)):
        with pytest.raises(argparse.ArgumentTypeError, match=r"must be a (whole )?number from 0 to 10, is "):
            kind(text)


@given(st.floats())
def test_a_number_is_taken_just_when_it_lies_within_the_bounds(value: float) -> None:
    kind = number(0.5, 2.0)
    if math.isfinite(value) and 0.5 <= value <= 2.0:
        assert kind(repr(value)) == value
    else:
        with pytest.raises(argparse.ArgumentTypeError):
            kind(repr(value))
