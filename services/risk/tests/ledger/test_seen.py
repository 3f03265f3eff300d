"""The memory of what is booked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from risk.ledger.seen import CHUNK_FINGERPRINTS, FINGERPRINT_BYTES, IDENTITY_BYTES, Seen

# Few bytes and one shard: identities that are parts of each other and of their neighbours' content.
FINGERPRINTS = st.lists(
    st.lists(st.sampled_from([0, 16]), min_size=FINGERPRINT_BYTES, max_size=FINGERPRINT_BYTES).map(bytes),
    unique_by=lambda fingerprint: fingerprint[:IDENTITY_BYTES],
    max_size=200,
)


@given(FINGERPRINTS)
def test_exactly_what_was_added_is_found_with_its_content(fingerprints: list[bytes]) -> None:
    seen = Seen()
    for fingerprint in fingerprints:
        assert seen.content_of(fingerprint[:IDENTITY_BYTES]) is None
        seen.add(fingerprint)
    assert len(seen) == len(fingerprints)
    assert [seen.content_of(fingerprint[:IDENTITY_BYTES]) for fingerprint in fingerprints] == [
        fingerprint[IDENTITY_BYTES:] for fingerprint in fingerprints
    ]


def test_chunks_hold_the_fingerprints_in_order_and_the_newest_is_the_last() -> None:
    seen = Seen()
    fingerprints = [number.to_bytes(FINGERPRINT_BYTES, "big") for number in range(2 * CHUNK_FINGERPRINTS + 1)]
    for number, fingerprint in enumerate(fingerprints):
        seen.add(fingerprint)
        assert seen.newest_chunk()[0] == number // CHUNK_FINGERPRINTS
    chunks = list(seen.chunks())
    assert b"".join(chunks) == b"".join(fingerprints)
    assert seen.newest_chunk() == (2, chunks[2])
    assert [len(chunk) // FINGERPRINT_BYTES for chunk in chunks] == [CHUNK_FINGERPRINTS, CHUNK_FINGERPRINTS, 1]
