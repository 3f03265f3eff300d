"""Everything a request may use: the picture, the bus, the tokens and the services' admin ports."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

from common.clock import Clock
from common.core import Effects, Receipt
from common.errors import BusUnavailable
from common.events import Audit, Event
from pydantic import SecretStr

from gateway.auth.clients import OAuthClients
from gateway.auth.passwords import Passwords
from gateway.auth.sessions import Sessions
from gateway.auth.throttle import Throttle
from gateway.changes.admin_ports import AdminPorts
from gateway.changes.rates import Rates
from gateway.state.view import View

E = TypeVar("E", bound=Event)
Handler: TypeAlias = Callable[[Receipt], Effects]
Turn: TypeAlias = Callable[[Handler], Awaitable[Any]]
Past: TypeAlias = Callable[[type[E], Mapping[str, str]], Awaitable[list[E]]]
"""Reads back what a stream holds of one class under some tokens of its subject, oldest first."""


class Publisher(Protocol):
    """The bus, as far as people's changes need it."""

    @property
    def connected(self) -> bool: ...

    async def publish_acked(self, event: Event, *, expected_last_sequence: int | None = None) -> int:
        """Return the sequence; raises PublishRefused or BusUnavailable."""
        ...


@dataclass(slots=True)
class Context:
    """What the handlers of requests share."""

    view: View
    clock: Clock
    sessions: Sessions
    throttle: Throttle
    passwords: Passwords
    admin_ports: AdminPorts
    clients: OAuthClients = field(default_factory=OAuthClients)
    bus: Publisher | None = None
    """Given by the shell once it is connected."""
    rates: Rates = field(default_factory=Rates)
    turn: Turn | None = None
    """Gives the core a turn and returns when what it keeps is on disk; given by the shell."""
    past: Past[Any] | None = None
    """Reads streams back; given by the shell."""
    owner_token: SecretStr | None = None
    """Opens halt, lift and cancel-all for the machine's owner, from this machine only."""

    def now_ns(self) -> int:
        return self.clock.now_ns()

    @property
    def connected(self) -> bool:
        return self.bus is not None and self.bus.connected

    async def publish(self, event: Event, *, expected_last_sequence: int | None = None) -> int:
        """Publish a change and return its sequence; raises as the bus does."""
        if self.bus is None:
            raise BusUnavailable("the gateway is not connected to the bus yet")
        return await self.bus.publish_acked(event, expected_last_sequence=expected_last_sequence)

    async def stored(self, cls: type[E], **tokens: str) -> list[E]:
        """Return what a stream still holds of a class under some tokens of its subject, oldest first."""
        if self.past is None:
            raise BusUnavailable("the gateway is not connected to the bus yet")
        return list(await self.past(cls, tokens))

    async def obey(self, handler: Handler) -> None:
        """Let the picture take in a halt or lift; CommandUndone when the disk does not take it."""
        if self.turn is not None:
            await self.turn(handler)
        else:
            list(handler(Receipt(self.now_ns())))

    async def audit(
        self,
        actor: str,
        action: str,
        target: str,
        detail: dict[str, Any] | None = None,
        *,
        outcome: str = "requested",
        audit_id: str = "",
    ) -> str:
        """Record that somebody does something, before it takes effect; return the id of the command."""
        audit_id = audit_id or uuid.uuid4().hex
        await self.publish(
            Audit(
                service="gateway",
                audit_id=audit_id,
                actor=actor,
                action=action,
                target=target,
                detail=detail or {},
                outcome=outcome,
                ts_ns=self.now_ns(),
            )
        )
        return audit_id
