"""Which versions of the servers may run, and for what: the table of docs/operating.md, in code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from common.bus.features import features_of
from common.versions import Version


class Kind(Enum):
    """What a server program is. Valkey continues Redis and speaks as it does, but their files differ from 7.4 on."""

    NATS = "NATS"
    REDIS = "Redis"
    VALKEY = "Valkey"


class Use(IntEnum):
    """What a version is good for; more is better."""

    REFUSED = 0
    DEMO = 1
    PRODUCTION = 2


@dataclass(frozen=True)
class Row:
    """From this version on, up to the next row of its kind."""

    kind: Kind
    since: Version
    use: Use
    lacks: str = ""


def _nats(since: Version, use: Use) -> Row:
    """Return the row of a NATS that may run: what it lacks is what a power cut takes."""
    loses = features_of(since).power_cut_loses
    return Row(Kind.NATS, since, use, f"a power cut loses {loses}" if loses else "")


TABLE = (
    Row(Kind.NATS, (0, 0, 0), Use.REFUSED, "needs 2.9 or newer"),
    _nats((2, 9, 0), Use.DEMO),
    Row(Kind.NATS, (2, 10, 0), Use.REFUSED, "kill -9 can lose a whole stream (fixed in 2.10.23)"),
    _nats((2, 10, 23), Use.PRODUCTION),
    _nats((2, 12, 0), Use.PRODUCTION),
    Row(Kind.REDIS, (0, 0, 0), Use.REFUSED, "needs 6.2 or newer"),
    Row(Kind.REDIS, (6, 2, 0), Use.DEMO, "no longer gets security fixes"),
    Row(Kind.REDIS, (7, 0, 0), Use.PRODUCTION),
    Row(Kind.VALKEY, (0, 0, 0), Use.PRODUCTION),
)
"""By kind in rising order; Valkey begins where Redis 7.2 ended."""

ONE_FORMAT_BEFORE: Version = (7, 4, 0)
"""Files of Redis older than this are read by every Valkey."""


def row_of(kind: Kind, version: Version) -> Row:
    """Return the row of the table that a version falls under."""
    return [row for row in TABLE if row.kind is kind and row.since <= version][-1]


def reads(kind: Kind, version: Version, written_by: Kind, written_version: Version) -> bool:
    """Say whether a server reads everything that another one has written: never what a newer one wrote."""
    if kind is written_by:
        return version >= written_version
    return (kind, written_by) == (Kind.VALKEY, Kind.REDIS) and written_version < ONE_FORMAT_BEFORE
