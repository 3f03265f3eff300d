"""A message as the readers hand it on: its bytes, where they were found, and what travelled with them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Message(NamedTuple):
    """One message of a stream, not yet decoded."""

    subject: str
    data: bytes
    sequence: int = 0
    """In its stream; 0 for a newest value that has just arrived, which is read without it."""
    age_ns: int = 0
    """How long a newest value that was read back had been stored."""
    headers: Mapping[str, str] = NO_HEADERS
    """Everything its publisher and the broker wrote beside the bytes."""
