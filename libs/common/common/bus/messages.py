"""A message as the readers hand it on: its bytes, where they were found, and what travelled with them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class StoredMessage(Protocol):
    """A message as a stream holds it."""

    @property
    def subject(self) -> str: ...
    @property
    def data(self) -> bytes: ...
    @property
    def sequence(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


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


def message_of(stored: StoredMessage) -> Message:
    """Return a message of a stream's history as a reader would have handed it on."""
    return Message(stored.subject, stored.data, stored.sequence, headers=stored.headers)
