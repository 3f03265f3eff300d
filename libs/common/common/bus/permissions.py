"""Who may say and hear what on the bus: the ownership rules of the design as broker permissions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.events import (
    AccountState,
    Alert,
    Audit,
    Book,
    BotConfig,
    Event,
    FairValue,
    FeedStatus,
    Fill,
    Halt,
    Lease,
    Market,
    OrderCommand,
    OrderUpdates,
    Parked,
    PlatformConfig,
    Position,
    Posting,
    QuoteTarget,
    RiskState,
    SourcePrice,
    Statistics,
    TopOfBook,
    Trade,
    User,
    address_filter,
)
from common.streams import DURABLES, STREAMS, stream_of

STORE_MAX = "4GB"
EVERYONE_SAYS: tuple[type[Event], ...] = (Alert,)
OPERATOR = "operator"
"""A person with the NATS CLI: hears everything but the users' password hashes, says nothing."""
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
        (FairValue, SourcePrice, Halt), (TopOfBook, FeedStatus, Book, Trade, Market, BotConfig, Halt), ("pricer",)
    ),
    "quoter": Duties(
        (QuoteTarget, OrderUpdates, Fill, Posting, AccountState, Halt),
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
            Fill,
            Trade,
        ),
        ("quoter",),
    ),
    "watchdog": Duties((Halt,), (Lease,)),
    "risk": Duties(
        (Posting, Position, Statistics, RiskState, Halt, OrderCommand),
        (
            Fill,
            Posting,
            Market,
            BotConfig,
            PlatformConfig,
            Halt,
            FairValue,
            TopOfBook,
            AccountState,
            FeedStatus,
            QuoteTarget,
            OrderUpdates,
            Statistics,
        ),
        ("risk",),
    ),
    "gateway": Duties(
        (BotConfig, PlatformConfig, User, Halt, OrderCommand),
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
            Fill,
            Posting,
            AccountState,
            Position,
            Statistics,
            RiskState,
            Halt,
            Alert,
            BotConfig,
            PlatformConfig,
            User,
            Lease,
            Audit,
            Parked,
        ),
    ),
}

USERS = (*DUTIES, ADMINISTRATOR, OPERATOR)


def publish_subjects(user: str) -> list[str]:
    """Return the subjects a user may publish."""
    if user == ADMINISTRATOR:
        return ["$JS.API.STREAM.*.*", "$JS.API.CONSUMER.>"]
    info = [f"$JS.API.STREAM.INFO.{stream.name}" for stream in STREAMS]
    if user == OPERATOR:
        # No CONSUMER.MSG.NEXT: a person who pulls from the ledger's reader takes fills away from it.
        return [
            "$JS.API.INFO",
            "$JS.API.STREAM.NAMES",
            "$JS.API.STREAM.LIST",
            "$JS.API.CONSUMER.NAMES.*",
            "$JS.API.CONSUMER.LIST.*",
            "$JS.API.CONSUMER.INFO.*.*",
            *[
                f"$JS.API.{verb}.{stream.name}"
                for stream in STREAMS
                if stream.name != "USER"
                for verb in ("STREAM.MSG.GET", "DIRECT.GET", "CONSUMER.CREATE")
            ],
            "$SRV.>",
            *info,
        ]
    duties = DUTIES[user]
    streams = sorted({stream_of(each.subject).name for each in duties.hears} | ({"LEASE"} if duties.leases else set()))
    return [
        *[address_filter(each) for each in (*duties.says, *EVERYONE_SAYS)],
        f"audit.{user}",
        f"parked.{user}",
        *[f"lease.{role}.*" for role in duties.leases],
        *info,
        *[f"$JS.API.DIRECT.GET.{name}" for name in streams],
        *[f"$JS.API.CONSUMER.CREATE.{name}" for name in streams],
        *[f"$JS.API.CONSUMER.INFO.{each.stream}.{each.name}" for each in DURABLES if each.owner == user],
        *[f"$JS.API.CONSUMER.MSG.NEXT.{each.stream}.{each.name}" for each in DURABLES if each.owner == user],
        *[f"$JS.ACK.{each.stream}.{each.name}.>" for each in DURABLES if each.owner == user],
    ]


def subscribe_subjects(user: str) -> list[str]:
    """Return the subjects a user may subscribe to; `_INBOX_<user>` is its own and nobody else's."""
    own = [f"_INBOX_{user}.>", "$SRV.>"]
    if user == ADMINISTRATOR:
        return own
    if user == OPERATOR:
        return [
            *[subject for stream in STREAMS if stream.name != "USER" for subject in stream.subjects],
            "_INBOX.>",
            *own,
        ]
    return [*[address_filter(each) for each in DUTIES[user].hears], *own]


def render_server_config(
    passwords: Mapping[str, str],
    *,
    store_dir: Path | str,
    host: str = "127.0.0.1",
    port: int = 4222,
    monitor_port: int = 8222,
) -> str:
    """Return the nats-server configuration with one user per service; `passwords` by user name.

    KeyError when a user has no password. The text holds the passwords: write it with mode 600.
    """
    users = ",\n".join(_user(user, passwords[user]) for user in USERS)
    return f"""# Written by the platform's set-up; passwords inside.
server_name: mm
listen: {json.dumps(f"{host}:{port}")}
http: {json.dumps(f"{host}:{monitor_port}")}
max_payload: 1MB
max_pending: 64MB
ping_interval: "5s"
ping_max: 2
write_deadline: "5s"
jetstream {{
  store_dir: {json.dumps(str(store_dir))}
  max_file_store: {STORE_MAX}
  max_memory_store: 128MB
}}
authorization {{
  users = [
{users}
  ]
}}
"""


def _user(user: str, password: str) -> str:
    permissions = {
        "publish": {"allow": publish_subjects(user)},
        "subscribe": {"allow": subscribe_subjects(user)},
        # Answers to nats.micro's PING and INFO go to inboxes nobody could list beforehand.
        "allow_responses": {"max": 16, "expires": "5s"},
    }
    return (
        f"    {{ user: {json.dumps(user)}, password: {json.dumps(password)}, permissions: {json.dumps(permissions)} }}"
    )
