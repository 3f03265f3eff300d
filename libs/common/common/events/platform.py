"""What runs the platform itself: configuration, users, leases, audit and what could not be handled."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from common.events.base import Event, joined_id, register


@register
class BotConfig(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The whole configuration of one bot, who changed it and why."""

    subject: ClassVar[str] = "config.bot.{algo_id}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    algo_id: str
    kind: str
    """Which section models apply; `common.bots` knows the kinds."""
    revision: int
    """Counts the changes of this bot from 1."""
    running: bool
    sections: dict[str, Any]
    """One document per section, validated by `common.bots`."""
    changed: list[str] = msgspec.field(default_factory=list)
    removed: bool = False
    """True in the last word on a bot; its algo_id is never used again."""
    actor: str
    reason: str = ""
    ts_ns: int

    def message_id(self) -> str:
        # Two people who change the same revision at once must not look like one publish repeated: the broker
        # recognises a repeat before it compares sequences and would answer the loser with the winner's success.
        return joined_id("bot", self.algo_id, self.revision, self.ts_ns)


@register
class PlatformConfig(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A document that concerns the whole platform: risk limits, currencies and how they are hedged."""

    subject: ClassVar[str] = "config.platform.{type}.{id}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    type: str
    id: str
    revision: int
    document: dict[str, Any]
    changed: list[str] = msgspec.field(default_factory=list)
    """Fields that differ from the revision before."""
    removed: bool = False
    """True in the last word on a document; its id is never used again."""
    actor: str
    reason: str = ""
    ts_ns: int

    def message_id(self) -> str:
        return joined_id("platform", self.type, self.id, self.revision, self.ts_ns)


@register
class User(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A person or program that may use the gateway; only the gateway reads these."""

    subject: ClassVar[str] = "user.{id}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    id: str
    name: str
    password_hash: str
    """argon2id; empty when the user may not log in by password."""
    roles: list[str]
    bots: list[str] = msgspec.field(default_factory=list)
    """The only bots that the user may see; none named is all."""
    disabled: bool = False
    revision: int
    actor: str
    ts_ns: int

    def message_id(self) -> str:
        return joined_id("user", self.id, self.revision, self.ts_ns)


@register
class Lease(Event, frozen=True, kw_only=True, omit_defaults=True):
    """One process holds a role for a key; each new holder gets the next epoch."""

    subject: ClassVar[str] = "lease.{role}.{key}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    role: str
    key: str
    holder: str
    """Instance name; empty when released."""
    beat: int
    """Counts renewals within the epoch."""
    ttl_ms: int

    def message_id(self) -> str:
        return joined_id("lease", self.role, self.key, self.epoch, self.beat, self.holder)


@register
class Audit(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody did, or tried, something that changes what the platform does."""

    subject: ClassVar[str] = "audit.{service}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True

    service: str
    audit_id: str
    actor: str
    action: str
    target: str = ""
    detail: dict[str, Any] = msgspec.field(default_factory=dict)
    outcome: str = "done"
    ts_ns: int

    def message_id(self) -> str:
        return joined_id("audit", self.service, self.audit_id)


@register
class Parked(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A message that could not be handled, kept with its reason."""

    subject: ClassVar[str] = "parked.{service}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True

    service: str
    parked_id: str
    from_subject: str
    reason: str
    data: bytes
    """The original bytes, cut at 64 KiB."""
    ts_ns: int

    def message_id(self) -> str:
        return joined_id("parked", self.service, self.parked_id)
