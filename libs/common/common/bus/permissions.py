"""Who may say and hear what on the bus: the ownership rules of the design as subjects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from common.events import (
    AccountState,
    Adjustment,
    Alert,
    Audit,
    Book,
    BotConfig,
    Event,
    FairValue,
    FeedStatus,
    Fill,
    Halt,
    HedgeUpdate,
    Lease,
    Market,
    OrderCommand,
    OrderUpdates,
    OwnDepth,
    Parked,
    PlatformConfig,
    Position,
    Posting,
    QuoteTarget,
    RiskState,
    RiskStatistics,
    SourcePrice,
    Statistics,
    TopOfBook,
    Trade,
    TradingStatistics,
    TransferCommand,
    TransferUpdate,
    User,
    address_filter,
)
from common.events.stores import IDENTITIES
from common.streams import DURABLES, JETSTREAM_API, OTHERS, SERVER_API, STREAMS, stream_of

EVERYONE_SAYS: tuple[type[Event], ...] = (Alert,)
OPERATOR = "operator"
"""A person with the NATS CLI: read-only, and may read everything but the users' password hashes."""
ADMINISTRATOR = "streams"
"""The `streams` step: the only user that may create or change streams and durable readers."""


@dataclass(frozen=True, slots=True)
class Duties:
    """What a service publishes, reads, and which leases it may hold."""

    says: tuple[type[Event], ...]
    hears: tuple[type[Event], ...]
    leases: tuple[str, ...] = ()


DUTIES: dict[str, Duties] = {
    "feed": Duties((TopOfBook, Book, FeedStatus, Trade, Market), (Market,), ("feed",)),
    "pricer": Duties(
        (FairValue, SourcePrice, Halt),
        (TopOfBook, FeedStatus, Book, OwnDepth, Trade, Market, BotConfig, Halt, Lease),
        ("pricer",),
    ),
    "quoter": Duties(
        (QuoteTarget, OwnDepth, OrderUpdates, HedgeUpdate, TransferUpdate, Fill, Posting, AccountState, Halt),
        (
            FairValue,
            SourcePrice,
            TopOfBook,
            Book,
            Position,
            RiskState,
            FeedStatus,
            Market,
            BotConfig,
            Halt,
            AccountState,
            OrderUpdates,
            OrderCommand,
            HedgeUpdate,
            TransferCommand,
            TransferUpdate,
            Fill,
            Trade,
            Lease,
        ),
        ("quoter",),
    ),
    "watchdog": Duties((Halt,), (Lease, Halt)),
    "risk": Duties(
        (
            Posting,
            Position,
            Statistics,
            TradingStatistics,
            RiskStatistics,
            RiskState,
            Halt,
            OrderCommand,
            TransferCommand,
        ),
        (
            Fill,
            Posting,
            Market,
            BotConfig,
            PlatformConfig,
            Halt,
            FairValue,
            SourcePrice,
            TopOfBook,
            AccountState,
            FeedStatus,
            QuoteTarget,
            OrderUpdates,
            OrderCommand,
            HedgeUpdate,
            TransferCommand,
            TransferUpdate,
            Statistics,
            Lease,
            Adjustment,
        ),
        ("risk",),
    ),
    "gateway": Duties(
        (BotConfig, PlatformConfig, User, Halt, Adjustment, TransferCommand),
        (
            TopOfBook,
            Book,
            FeedStatus,
            Trade,
            Market,
            FairValue,
            SourcePrice,
            QuoteTarget,
            OrderUpdates,
            OrderCommand,
            HedgeUpdate,
            Fill,
            Posting,
            AccountState,
            Position,
            Statistics,
            TradingStatistics,
            RiskStatistics,
            RiskState,
            Halt,
            Alert,
            BotConfig,
            PlatformConfig,
            User,
            Lease,
            Audit,
            Parked,
            Adjustment,
            TransferCommand,
            TransferUpdate,
        ),
    ),
}

USERS = (*DUTIES, ADMINISTRATOR, OPERATOR)


class Saying(NamedTuple):
    """Subjects a service publishes, as narrow as its name and roles make them."""

    event: type[Event]
    subject: str


def sayings(service: str) -> Iterator[Saying]:
    """Yield what a service publishes: 'fill.trade.*.*' for the quoter, 'audit.risk' for risk alone."""
    duties = DUTIES[service]
    for event in (*duties.says, *EVERYONE_SAYS):
        yield Saying(event, address_filter(event))
    yield Saying(Audit, address_filter(Audit, service=service))
    yield Saying(Parked, address_filter(Parked, service=service))
    for role in duties.leases:
        yield Saying(Lease, address_filter(Lease, role=role))


def speakers_of(event: type[Event]) -> Iterator[tuple[str, str]]:
    """Yield the services that publish an event, each with the subjects it uses for it."""
    for service in DUTIES:
        for saying in sayings(service):
            if saying.event is event:
                yield service, saying.subject


def api_requests(user: str) -> list[str]:
    """Return the JetStream API requests a user may make, without the prefix: 'DIRECT.GET.RISK'.

    None of them names where the answer goes but the request's own reply, which stays in the user's account. So no
    user but the administrator may create consumers: those name a subject of their own to deliver to.
    """
    if user == ADMINISTRATOR:
        return ["STREAM.*.*", "CONSUMER.>", *[f"DIRECT.GET.{stream}" for stream in IDENTITIES]]
    info = [f"STREAM.INFO.{stream.name}" for stream in STREAMS]
    if user == OPERATOR:
        # No CONSUMER.MSG.NEXT: a person who pulls from the ledger's reader takes fills away from it.
        readable = [stream.name for stream in STREAMS if stream.name != "USER"]
        return [
            "INFO",
            "STREAM.NAMES",
            "STREAM.LIST",
            *[f"{verb}.{stream.name}" for verb in ("CONSUMER.NAMES", "CONSUMER.LIST") for stream in STREAMS],
            *[f"CONSUMER.INFO.{reader.stream}.{reader.name}" for reader in DURABLES],
            *[f"{verb}.{name}" for verb in ("STREAM.MSG.GET", "DIRECT.GET") for name in readable],
            *info,
        ]
    duties = DUTIES[user]
    streams = sorted({stream_of(each.subject).name for each in duties.hears} | ({"LEASE"} if duties.leases else set()))
    readers = [f"{reader.stream}.{reader.name}" for reader in DURABLES if reader.owner == user]
    return [
        *info,
        *[f"DIRECT.GET.{name}" for name in streams],
        *[f"{verb}.{reader}" for verb in ("CONSUMER.INFO", "CONSUMER.MSG.NEXT") for reader in readers],
    ]


def acknowledgements(user: str) -> list[str]:
    """Return the subjects on which a user acknowledges what its durable readers delivered."""
    return [f"$JS.ACK.{each.stream}.{each.name}.>" for each in DURABLES if each.owner == user]


def publish_subjects(user: str) -> list[str]:
    """Return the subjects a user may publish."""
    if user == ADMINISTRATOR:
        # In the account of the streams the broker looks at a subject after it has mapped it.
        marks = [address_filter(identity) for identity in IDENTITIES.values()]
        # Where the broker takes the pieces of an archive, and hears that one of its own has come.
        archives = ["$JS.SNAPSHOT.ACK.>", "$JS.SNAPSHOT.RESTORE.>"]
        return [*marks, *archives, *[f"{SERVER_API}.{request}" for request in api_requests(user)]]
    said = [saying.subject for saying in sayings(user)] if user in DUTIES else []
    return [*said, *[f"{JETSTREAM_API}.{request}" for request in api_requests(user)], *acknowledgements(user)]


def subscribe_subjects(user: str) -> list[str]:
    """Return the subjects a user may subscribe to; `_INBOX_<user>` is its own and nobody else's."""
    own = [f"_INBOX_{user}.>"]
    if user == ADMINISTRATOR:
        return own
    if user == OPERATOR:
        # The NATS CLI takes inboxes of its own making unless told otherwise; in the operator's account lives no other.
        return [
            *[subject for stream in STREAMS if stream.name != "USER" for subject in stream.subjects],
            "_INBOX.>",
            *own,
        ]
    heard = [address_filter(each) for each in DUTIES[user].hears]
    return [*heard, *[f"{OTHERS}.{subject}" for subject in heard], *own]
