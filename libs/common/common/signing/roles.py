"""Which role may sign which event, and what it may say in it."""

from __future__ import annotations

from collections.abc import Mapping

from common.events import (
    AccountState,
    Adjustment,
    Alert,
    Audit,
    BotConfig,
    Event,
    FeedStatus,
    Fill,
    Halt,
    HedgeUpdate,
    Lease,
    Market,
    OrderCommand,
    Parked,
    PlatformConfig,
    Position,
    Posting,
    PostingKind,
    RiskState,
    TransferCommand,
    TransferUpdate,
    User,
)
from common.events.stores import IDENTITIES, StoreIdentity

FEED, PRICER, QUOTER, WATCHDOG, RISK, GATEWAY = "feed", "pricer", "quoter", "watchdog", "risk", "gateway"
SERVICES = (FEED, PRICER, QUOTER, WATCHDOG, RISK, GATEWAY)
STREAMS = "streams"
"""The step that makes the streams, and the person who resumes through it: says whose the stores are, nothing else."""
ROLES = (*SERVICES, STREAMS)
EVERYONE = frozenset(SERVICES)

SIGNERS: Mapping[type[Event], frozenset[str]] = {
    Market: frozenset({FEED}),
    FeedStatus: frozenset({FEED}),
    OrderCommand: frozenset({RISK}),
    HedgeUpdate: frozenset({QUOTER}),
    TransferCommand: frozenset({GATEWAY, RISK}),
    TransferUpdate: frozenset({QUOTER}),
    Fill: frozenset({QUOTER}),
    Posting: frozenset({QUOTER, RISK}),
    AccountState: frozenset({QUOTER}),
    Position: frozenset({RISK}),
    RiskState: frozenset({RISK}),
    Halt: frozenset({PRICER, QUOTER, WATCHDOG, RISK, GATEWAY}),
    Adjustment: frozenset({GATEWAY}),
    BotConfig: frozenset({GATEWAY}),
    PlatformConfig: frozenset({GATEWAY}),
    User: frozenset({GATEWAY}),
    Lease: frozenset({FEED, PRICER, QUOTER, RISK}),
    Alert: EVERYONE,
    Audit: EVERYONE,
    Parked: EVERYONE,
    **dict.fromkeys(IDENTITIES.values(), frozenset({STREAMS})),
}
"""Every signed class; a role that is not named may not sign it whatever the broker let it publish."""

CHAINED = (Adjustment, BotConfig, PlatformConfig, User, Lease, StoreIdentity, TransferCommand)
"""What names its predecessor."""

QUOTER_POSTINGS = frozenset({PostingKind.MERGE, PostingKind.SPLIT, PostingKind.REVERSAL, PostingKind.TRANSFER})
"""What the venue did to an account's shares and money, and a trade that it took back; every other posting is risk's
decision or a person's through risk."""


def entitled(role: str, event: type[Event]) -> bool:
    """Say whether a role may sign a class at all."""
    return role in SIGNERS.get(event, ())


def fault_in(role: str, event: Event, *, chained: bool) -> str:
    """Return what a role says that is not its to say, '' when all is well; `chained` when it names its predecessor."""
    if not entitled(role, type(event)):
        return f"{role} may not sign a {type(event).__name__}"
    if isinstance(event, Posting) and (role == QUOTER) != (event.kind in QUOTER_POSTINGS):
        return f"{role} may not post a {event.kind}"
    if isinstance(event, Halt) and event.lifted:
        if role != GATEWAY:
            return f"{role} may not lift a halt"
        if not chained:
            return "a lift names the halt it lifts"
    if isinstance(event, CHAINED) and not chained:
        return f"a {type(event).__name__} names the one it follows"
    if isinstance(event, TransferCommand) and event.automatic != (role == RISK):
        return f"{role} may not transfer as {event.actor}"
    said_by = _said_by(event)
    if said_by not in ("", role):
        return f"{role} speaks as {said_by}"
    return ""


def _said_by(event: Event) -> str:
    if isinstance(event, Lease):
        return event.role
    if isinstance(event, Alert):
        return event.source
    return event.service if isinstance(event, Audit | Parked) else ""
