"""What the stores that must not be lost say of themselves: whose they are, and since when."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from common.events.base import Event, joined_id, register


class StoreMark(msgspec.Struct, frozen=True):
    """What tells one life of a stream from another."""

    created: str
    """When the stream was made, as the broker writes it."""
    last_sequence: int
    """Of the newest message it had stored."""


class StoreIdentity(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The stores belong to this platform and are of this generation; a person answers for every one after the first.

    The same words stand in each of the streams without age, so that each can be recognised alone.
    """

    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True

    platform_id: str
    stream: str
    generation: int
    """1 at the first start; stores that were restored or began anew get the next."""
    stores: dict[str, StoreMark]
    """By stream, as they were when this generation was made."""
    who: str
    reason: str
    made_ns: int
    follows: str = ""
    """SHA-256 of the bytes that the generation before said in this stream; empty where there were none."""
    restored: str = ""
    """Which backup the stores were brought back from; everybody stands still until a person has seen what that changed
    and made the next generation."""

    def message_id(self) -> str:
        return joined_id("store", self.stream, self.generation, self.made_ns)


@register
class FillIdentity(StoreIdentity, frozen=True, kw_only=True, omit_defaults=True):
    """Whose ledger FILL is: its first message; it moves no money."""

    subject: ClassVar[str] = "fill.identity"


@register
class RiskIdentity(StoreIdentity, frozen=True, kw_only=True, omit_defaults=True):
    """Whose halts RISK keeps."""

    subject: ClassVar[str] = "risk.identity"


@register
class ConfigIdentity(StoreIdentity, frozen=True, kw_only=True, omit_defaults=True):
    """Whose configurations CONFIG keeps."""

    subject: ClassVar[str] = "config.identity"


@register
class UserIdentity(StoreIdentity, frozen=True, kw_only=True, omit_defaults=True):
    """Whose users USER keeps."""

    # Three tokens: with two it would look like a user of this name.
    subject: ClassVar[str] = "user.store.identity"


@register
class LeaseIdentity(StoreIdentity, frozen=True, kw_only=True, omit_defaults=True):
    """Whose leases LEASE keeps; every service reads this one."""

    subject: ClassVar[str] = "lease.identity"


IDENTITIES: dict[str, type[StoreIdentity]] = {
    "FILL": FillIdentity,
    "RISK": RiskIdentity,
    "CONFIG": ConfigIdentity,
    "USER": UserIdentity,
    "LEASE": LeaseIdentity,
}
"""By stream. LEASE is written last: what readers see is complete."""
