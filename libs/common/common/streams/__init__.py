"""Every stream of the platform and every durable reader, declared once; the `streams` step creates them.

All streams are files: a memory stream would vanish with a broker restart, and publishes into it with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common.bus.features import OLDEST, Features

MIB = 1024 * 1024
PERSIST_MODE = "persist_mode"
DAY_S = 24 * 3600
NS = 1_000_000_000
SERVER_API = "$JS.API"
JETSTREAM_API = "streams"
"""Where every user finds the broker's API in its own account (see `common.bus.accounts`)."""
OTHERS = "others"
"""Before the subject of an event that a service publishes itself and hears from others, when it is another's."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream: its subjects and its bounds. 0 means 'no limit' for age and messages per subject."""

    name: str
    subjects: tuple[str, ...]
    max_mib: int
    max_age_s: int = 0
    max_msgs_per_subject: int = 0
    refuse_when_full: bool = False
    """Refuse a publish rather than forget an old message: for the ledger."""
    duplicate_window_s: int = 600
    acked: bool = True
    """The broker confirms what it stores here. Where every event is plain it confirms nothing: a confirmation goes to
    any subject the publisher names."""
    max_age_by_message_s: int = 0
    """The age of a stream whose messages may say themselves that they are kept for less, where the broker can do that;
    elsewhere, and where it is 0, all have the other age."""

    def config(self, replicas: int = 1, features: Features = OLDEST) -> dict[str, Any]:
        """Return the configuration document for this stream of a server with these features."""
        by_message = bool(self.max_age_by_message_s) and features.message_ttl
        max_age_s = self.max_age_by_message_s if by_message else self.max_age_s
        window_s = min(self.duplicate_window_s, max_age_s) if max_age_s else self.duplicate_window_s
        wanted = {
            "name": self.name,
            "subjects": list(self.subjects),
            "retention": "limits",
            "storage": "file",
            "discard": "new" if self.refuse_when_full else "old",
            "max_bytes": self.max_mib * MIB,
            "max_age": max_age_s * NS,
            "max_msgs_per_subject": self.max_msgs_per_subject or -1,
            "max_msgs": -1,
            "max_msg_size": MIB,
            "max_consumers": -1,
            "no_ack": not self.acked,
            "duplicate_window": window_s * NS,
            "allow_direct": True,
            # With these a message could make others leave, or itself.
            "allow_rollup_hdrs": False,
            "allow_msg_ttl": by_message,
            "num_replicas": replicas,
        }
        if features.async_persistence:
            # What the next value replaces need not be on disk before it; only a replicated stream cannot do without.
            wanted[PERSIST_MODE] = "default" if self.acked or replicas > 1 else "async"
        return wanted


STREAMS: tuple[Stream, ...] = (
    # Nobody prices from a day-old book, and each market that ever was would leave its subjects behind.
    Stream("MD", ("md.>",), 64, max_age_s=DAY_S, max_msgs_per_subject=1, acked=False),
    Stream("TRADE", ("trade.>",), 64, max_age_s=600, acked=False),
    # A market leaves a day after its result. Where all messages have one age that is a day after its last news, and the
    # feed goes on publishing the living ones.
    Stream("MARKET", ("market.>",), 16, max_age_s=DAY_S, max_msgs_per_subject=1, max_age_by_message_s=7 * DAY_S),
    Stream("PX", ("px.>",), 32, max_age_s=60, max_msgs_per_subject=1, acked=False),
    Stream("QUOTE", ("quote.>",), 32, max_age_s=60, max_msgs_per_subject=1, acked=False),
    # Ten busy markets write 100 to 180 MiB an hour: of them this is some hours; the age bounds quiet ones.
    Stream("ORDER", ("order.>",), 512, max_age_s=7 * DAY_S),
    # A month of what people and rebalancers sent, each with its newest word.
    Stream("TRANSFER", ("transfer.>",), 8, max_age_s=30 * DAY_S, max_msgs_per_subject=1),
    Stream("FILL", ("fill.>",), 512, refuse_when_full=True),
    Stream("ACCOUNT", ("account.>",), 16, max_msgs_per_subject=1),
    Stream("POSITION", ("position.>", "stats.>"), 32, max_msgs_per_subject=1, acked=False),
    Stream("RISK", ("risk.>",), 32, max_msgs_per_subject=16),
    Stream("ALERT", ("alert.>",), 32, max_age_s=30 * DAY_S),
    Stream("CONFIG", ("config.>",), 64, max_msgs_per_subject=64),
    Stream("USER", ("user.>",), 8, max_msgs_per_subject=4),
    Stream("LEASE", ("lease.>",), 8, max_msgs_per_subject=1),
    Stream("AUDIT", ("audit.>",), 128, max_age_s=365 * DAY_S),
    Stream("PARKED", ("parked.>",), 32, max_age_s=30 * DAY_S),
)

STREAM_BY_NAME = {stream.name: stream for stream in STREAMS}
_STREAM_BY_NOUN = {subject.split(".")[0]: stream for stream in STREAMS for subject in stream.subjects}


def stream_of(subject: str) -> Stream:
    """Return the stream that holds a subject or subject filter; KeyError for a noun no stream has."""
    return _STREAM_BY_NOUN[subject.split(".", 1)[0]]


@dataclass(frozen=True, slots=True)
class DurableReader:
    """A consumer that outlives its reader: what was not acknowledged is delivered again."""

    name: str
    owner: str
    """Service that reads it."""
    stream: str
    filter_subject: str
    ack_wait_s: int = 30
    max_ack_pending: int = 1_000

    def config(self) -> dict[str, Any]:
        """Return the server's configuration document for this consumer."""
        return {
            "durable_name": self.name,
            "ack_policy": "explicit",
            "ack_wait": self.ack_wait_s * NS,
            "deliver_policy": "all",
            "filter_subject": self.filter_subject,
            "max_ack_pending": self.max_ack_pending,
            "max_deliver": -1,
            "max_waiting": 8,
            "replay_policy": "instant",
        }


DURABLES: tuple[DurableReader, ...] = (DurableReader("risk-ledger", "risk", "FILL", "fill.>"),)
DURABLE_BY_NAME = {reader.name: reader for reader in DURABLES}


def differences(wanted: dict[str, Any], echoed: dict[str, Any]) -> list[str]:
    """Compare a configuration with what the server says it made of it: old servers drop fields silently.

    A stream that a person has enlarged is no difference: `max_bytes` is the least we were built for.
    """
    return [
        f"{key}: wanted {value!r}, the server has {echoed.get(key)!r}"
        for key, value in wanted.items()
        if echoed.get(key, _ABSENT.get(key)) != value and not (key == "max_bytes" and _is_larger(echoed, wanted))
    ]


def kept_size(wanted: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration with the size a person has given the stream, where that is the larger one."""
    return {**wanted, "max_bytes": found["max_bytes"]} if _is_larger(found, wanted) else wanted


def _is_larger(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Say whether a stream has a bound, and a higher one; -1 is none at all."""
    least, has = wanted.get("max_bytes"), found.get("max_bytes")
    return isinstance(least, int) and isinstance(has, int) and has > least


# The server leaves out of its answers what has its default.
_ABSENT: dict[str, Any] = {
    "max_age": 0,
    "no_ack": False,
    "replay_policy": "instant",
    "max_deliver": -1,
    "allow_rollup_hdrs": False,
    "allow_msg_ttl": False,
    PERSIST_MODE: "default",
}
