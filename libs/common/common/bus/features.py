"""What a broker of some version can do: the one place that knows.

What the platform cannot do without is in NATS 2.9. What newer ones do better is used where it is there, and an old one
is never asked for it: what it does not know in a request it ignores without a word, and with what it does not know in
its configuration it refuses to start.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.versions import Version, version_in

_SYNC_INTERVAL: Version = (2, 10, 0)
_MANY_ANSWERS: Version = (2, 11, 0)
_MESSAGE_TTL: Version = (2, 11, 0)
_PERSIST_MODE: Version = (2, 12, 0)

ALWAYS = "always"
ONCE_A_SECOND = "1s"
"""How often a broker syncs that would make every tick wait for the disk if it synced each write."""


@dataclass(frozen=True, slots=True)
class Features:
    """What a broker may be asked for beyond what 2.9 does."""

    sync_interval: str = ""
    """When it syncs what it took: 'always' is each write; '' is its own default, every two minutes."""
    async_persistence: bool = False
    """A stream may be written later, and without syncing, although the others sync each write."""
    many_answers: bool = False
    """One direct get may be answered by many messages."""
    message_ttl: bool = False
    """A message may be kept for a time of its own."""

    @property
    def power_cut_loses(self) -> str:
        """Say what of the acknowledged messages a power cut may lose; '' for nothing."""
        if self.sync_interval == ALWAYS:
            return ""
        lost = "a second" if self.sync_interval else "two minutes"
        return f"up to {lost} of acknowledged writes"


OLDEST = Features()
"""Of a broker whose version nobody knows."""


def features_of(version: Version | None) -> Features:
    """Return what a version can do.

    To sync each write is a setting of a whole server, so it is only made where the streams of ticks can be left out.
    """
    if version is None or version < _SYNC_INTERVAL:
        return OLDEST
    async_persistence = version >= _PERSIST_MODE
    return Features(
        sync_interval=ALWAYS if async_persistence else ONCE_A_SECOND,
        async_persistence=async_persistence,
        many_answers=version >= _MANY_ANSWERS,
        message_ttl=version >= _MESSAGE_TTL,
    )


def features_in(text: str) -> Features:
    """Return what a broker can do that calls itself 'v2.15.1' or the like."""
    return features_of(version_in(text))
