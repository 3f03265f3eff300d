"""How full the streams are, and which of them must never become full."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from common.streams import MIB, NS, STREAM_BY_NAME, Stream

ALARM_SHARE = 0.80
"""Share of its bound at which a stream that may not forget causes an alert: time to enlarge it."""
CRITICAL_SHARE = 0.95
"""Share at which it is urgent: FILL refuses at 1, and a refused fill halts its account."""


class Level(NamedTuple):
    """What a stream holds, as the broker tells it."""

    stream: str
    held_bytes: int
    bytes_max: int
    messages: int
    first_ns: int = 0
    """When its oldest message was stored, ns since the epoch; 0 when it is empty."""
    last_sequence: int = 0
    """Of the newest message it ever stored."""
    max_age_s: int = 0
    """How long it keeps a message; 0 without an age limit."""

    @property
    def share(self) -> float:
        """Return how full it is, 0 to 1."""
        return self.held_bytes / self.bytes_max if self.bytes_max > 0 else 0.0

    @property
    def mib_max(self) -> int:
        return self.bytes_max // MIB


def level_of(info: dict[str, Any]) -> Level:
    """Return the level in a broker's answer to STREAM.INFO."""
    config, state = info["config"], info["state"]
    messages = int(state["messages"])
    return Level(
        stream=str(config["name"]),
        held_bytes=int(state["bytes"]),
        bytes_max=int(config["max_bytes"]),
        messages=messages,
        first_ns=timestamp_ns(state["first_ts"]) if messages else 0,
        last_sequence=int(state["last_seq"]),
        max_age_s=int(config.get("max_age", 0)) // NS,
    )


def may_not_forget(stream: Stream) -> bool:
    """Say whether a full stream loses what nobody can do without: money, halts, configurations, users, leases.

    What has an age forgets by design: when such a stream is full it only holds less time than its age.
    """
    return stream.refuse_when_full or not stream.max_age_s


def alarming(level: Level) -> bool:
    """Say whether a stream's level must cause an alert."""
    return alarming_share(level.stream, level.share)


def alarming_share(stream: str, share: float) -> bool:
    """Say whether a stream that may not forget is used beyond 80 % of its bound."""
    return share > ALARM_SHARE and stream in STREAM_BY_NAME and may_not_forget(STREAM_BY_NAME[stream])


def said(level: Level) -> str:
    """Return a level as an alert and a screen say it: 'FILL: 83 % of 512 MiB'."""
    return f"{level.stream}: {level.share:.0%} of {level.mib_max} MiB".replace("%", " %")


def when_full(level: Level) -> str:
    """Return what happens when a stream reaches its bound."""
    refuses = STREAM_BY_NAME[level.stream].refuse_when_full
    return "full, it refuses fills and halts their accounts" if refuses else "full, it forgets the oldest"


def timestamp_ns(text: str) -> int:
    """Return ns since the epoch of an RFC 3339 time with up to nine decimals, in UTC."""
    if not text.endswith("Z"):  # older servers write '2026-11-21 01:00:00.123456789 +0000 UTC'
        date, clock, *_ = text.split(" ")
        text = f"{date}T{clock}Z"
    whole, _, fraction = text[:-1].partition(".")
    seconds = int(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * NS + int((fraction or "0").ljust(9, "0")[:9])
