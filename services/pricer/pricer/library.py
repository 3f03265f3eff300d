"""What was measured elsewhere and is loaded by name: curves of the day, quotes of options."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from common.errors import ConfigError

from pricer import time_of_day
from pricer.binary import smiles
from pricer.binary.smiles import Smiles
from pricer.sources import deribit
from pricer.time_of_day import DayCurve

T = TypeVar("T")


def _none(name: str) -> bytes:
    raise FileNotFoundError(name)


class Library:
    """Files by name, read once and kept in the form that is used; `read` returns a file's bytes or OSError."""

    def __init__(self, read: Callable[[str], bytes] = _none) -> None:
        self._read = read
        self._curves: dict[str, DayCurve] = {}
        self._smiles: dict[str, Smiles] = {}

    def curve(self, name: str) -> DayCurve:
        """Return a curve of the day; ConfigError names the file and what is wrong with it."""
        if name not in self._curves:
            self._curves[name] = _parsed(name, self._bytes(name), time_of_day.parse_curve)
        return self._curves[name]

    def smiles(self, name: str) -> Smiles:
        """Return the smiles fitted to a file of quotes; ConfigError names the file and what is wrong with it."""
        if name not in self._smiles:
            self._smiles[name] = _parsed(name, self._bytes(name), _fitted)
        return self._smiles[name]

    def put_quotes(self, name: str, data: bytes) -> Smiles:
        """Use these quotes under a name from now on, until it is read again; ConfigError leaves what was there."""
        if name not in self._smiles:
            raise ConfigError([f"{name}: no bot takes a smile from it"])
        self._smiles[name] = _parsed(name, data, _fitted)
        return self._smiles[name]

    def reread(self, name: str) -> None:
        """Read a file again that is in use; ConfigError leaves what was there."""
        if name not in self._curves and name not in self._smiles:
            raise ConfigError([f"{name}: not in use, no bot has a curve or a smile from it"])
        data = self._bytes(name)
        if name in self._curves:
            self._curves[name] = _parsed(name, data, time_of_day.parse_curve)
        if name in self._smiles:
            self._smiles[name] = _parsed(name, data, _fitted)

    def _bytes(self, name: str) -> bytes:
        try:
            return self._read(name)
        except OSError as error:
            raise ConfigError([f"{name}: cannot be read: {type(error).__name__}"]) from None


def _fitted(data: bytes) -> Smiles:
    return smiles.fitted(deribit.parse_quotes(data))


def _parsed(name: str, data: bytes, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(data)
    except ValueError as error:
        raise ConfigError([f"{name}: {error}"]) from None
