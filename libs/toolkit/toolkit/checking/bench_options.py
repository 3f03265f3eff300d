"""Options of benchmarks: numbers and files that are refused before anything is measured, with the rule they break."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

COUNT_MAX = 1_000_000_000
"""Of whatever is counted: rounds, markets, seeds."""
WORKERS_MAX = 256
SECONDS_MAX = 3_600.0
MINUTES_MAX = 7 * 24 * 60.0


def number(least: float, most: float) -> Callable[[str], float]:
    """Return the type of an option that is a number within bounds, for argparse."""

    def parse(text: str) -> float:
        value = _read(float, text)
        if not least <= value <= most:  # nor is NaN within them
            raise argparse.ArgumentTypeError(f"must be a number from {least:g} to {most:g}, is {text!r}")
        return value

    return parse


def whole_number(least: int = 1, most: int = COUNT_MAX) -> Callable[[str], int]:
    """Return the type of an option that is a whole number within bounds, for argparse."""

    def parse(text: str) -> int:
        value = _read(int, text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}, is {text!r}")
        return int(value)

    return parse


def existing_file(text: str) -> Path:
    """Return the path of a file that is there, for argparse."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"must be a file that is there, is {text!r}")
    return path


def _read(kind: type[float], text: str) -> float:
    """Return the number a text is; NaN for none, which no bounds hold."""
    try:
        return kind(text)
    except ValueError:
        return math.nan


def shares(text: str) -> list[float]:
    """Return shares such as '0,0.1,0.4', each from 0 to 1."""
    return [number(0.0, 1.0)(part) for part in text.split(",")]
