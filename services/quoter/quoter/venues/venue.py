"""What a venue has to say of itself before a quoter or a watchdog can be put together for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from quoter.venues.base import OwnOrders, Session
from quoter.venues.conversation import Script
from quoter.venues.sending import TransferSession


class OwnSettings(BaseModel):
    """Settings that one venue alone has; no two venues have one of the same name."""


class KeyFile(NamedTuple):
    """A file of keys, with its path for those who have to say what is wrong with it."""

    path: str
    data: bytes


class KeySource(Protocol):
    """Where the keys of one account are found. Nothing shows a key."""

    account: str

    def variable(self, name: str) -> str:
        """Return a variable of the environment, which comes before any file; empty when it is not set."""
        ...

    def read(self, name: str) -> KeyFile:
        """Return a file of the directory of keys; ConfigError when it cannot be read."""
        ...


class Swept(NamedTuple):
    """What came of cancelling."""

    gone: list[int]
    """Ids of the orders that were cancelled."""
    resting: list[int]
    """Ids of the orders that the venue shows since; below 0 for each row that cannot be read, because it may rest."""


class CancelSession(Protocol):
    """A venue as a watchdog uses it: over HTTP alone, with a key that can only cancel."""

    name: str
    currency: str

    def headers(self) -> Mapping[str, str]:
        """Return what proves every request."""
        ...

    def log_in(self) -> Script[None]:
        """Get ready to ask, trying until that is done; nothing where it has been done."""
        ...

    def sweep(self, below: int) -> Script[Swept]:
        """Cancel every order of the account with an id below, then ask what rests."""
        ...


SettingsT = TypeVar("SettingsT", contravariant=True)


class Venue(Protocol[SettingsT]):
    """One venue: which settings and keys it takes, and how its sessions are made of them.

    ConfigError of a missing key or of one that cannot be used names the variable, or the file and the rule.
    """

    def session(
        self, keys: KeySource, name: str, url: str, settings: SettingsT, orders: OwnOrders, seed: int
    ) -> Session:
        """Return the private session of an account; `name` is what the platform calls the venue at that address."""
        ...

    def cancel_session(self, keys: KeySource, name: str, seed: int) -> CancelSession:
        """Return a session that can only cancel; ConfigError where the venue has no such key."""
        ...


@runtime_checkable
class Sending(Protocol):
    """A venue from which money can be sent to others; at those that are none, nothing is asked of it."""

    def transfer_session(self, keys: KeySource, name: str, seed: int) -> TransferSession:
        """Return an account's right to send money; ConfigError where it has no such key."""
        ...
