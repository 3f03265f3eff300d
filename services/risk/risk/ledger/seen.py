"""Which executions and postings are already booked: each counts once, whatever is delivered twice, forever.

A booked entry leaves a fingerprint of 16 bytes: 12 of its identity, 4 of what it says. FILL, which is never trimmed and
refuses new messages when full, bounds their number: 512 MiB of at least 150 bytes each are 3.6 million of them, 115 MB
here (once in order, once by shard) and 57 MB in the positions store; an enlarged FILL costs in proportion when it
fills. Two identities share 96 bits with odds of one in 10^15 at that size. The 4 bytes tell a repeat from a
contradiction: same execution, other numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

IDENTITY_BYTES = 12
CONTENT_BYTES = 4
FINGERPRINT_BYTES = IDENTITY_BYTES + CONTENT_BYTES
CHUNK_FINGERPRINTS = 256
"""Per stored document: a fill rewrites one document of at most 4 KiB."""
SHARDS = 4_096


class Seen:
    """All fingerprints, in the order of booking, searchable by identity."""

    def __init__(self) -> None:
        self._in_order = bytearray()
        self._shards: dict[int, bytearray] = {}

    def __len__(self) -> int:
        return len(self._in_order) // FINGERPRINT_BYTES

    def add(self, fingerprint: bytes) -> None:
        """Remember a fingerprint; the caller has looked it up before."""
        assert len(fingerprint) == FINGERPRINT_BYTES, "a fingerprint has 16 bytes"
        self._in_order += fingerprint
        self._shards.setdefault(_shard_of(fingerprint), bytearray()).extend(fingerprint)

    def content_of(self, identity: bytes) -> bytes | None:
        """Return the content bytes booked under an identity, or None when it was never booked."""
        shard = self._shards.get(_shard_of(identity))
        if shard is None:
            return None
        at = shard.find(identity)
        # A hit across the border of two fingerprints is chance; the search goes on behind it.
        while at >= 0 and at % FINGERPRINT_BYTES:
            at = shard.find(identity, at + 1)
        return bytes(shard[at + IDENTITY_BYTES : at + FINGERPRINT_BYTES]) if at >= 0 else None

    def newest_chunk(self) -> tuple[int, bytes]:
        """Return number and bytes of the chunk the last fingerprint is in."""
        number = (len(self) - 1) // CHUNK_FINGERPRINTS
        return number, bytes(self._in_order[number * CHUNK_FINGERPRINTS * FINGERPRINT_BYTES :])

    def chunks(self) -> Iterator[bytes]:
        """Yield all chunks in order; only the last one may be short."""
        step = CHUNK_FINGERPRINTS * FINGERPRINT_BYTES
        for start in range(0, len(self._in_order), step):
            yield bytes(self._in_order[start : start + step])


def _shard_of(identity: bytes) -> int:
    return int.from_bytes(identity[:2], "big") % SHARDS
