"""The memory of what is booked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from risk.ledger.seen import CHUNK_MARKS, IDENTITY_BYTES, MARK_BYTES, Seen

# Few bytes and one shard: identities that are parts of each other and of their neighbours' content.
MARKS = st.lists(
    st.lists(st.sampled_from([0, 16]), min_size=MARK_BYTES, max_size=MARK_BYTES).map(bytes),
    unique_by=lambda mark: mark[:IDENTITY_BYTES],
    max_size=200,
)


@given(MARKS)
def test_exactly_what_was_added_is_found_with_its_content(marks: list[bytes]) -> None:
    seen = Seen()
    for mark in marks:
        assert seen.content_of(mark[:IDENTITY_BYTES]) is None
        seen.add(mark)
    assert len(seen) == len(marks)
    assert [seen.content_of(mark[:IDENTITY_BYTES]) for mark in marks] == [mark[IDENTITY_BYTES:] for mark in marks]


def test_chunks_hold_the_marks_in_order_and_the_newest_is_the_last() -> None:
    seen = Seen()
    marks = [number.to_bytes(MARK_BYTES, "big") for number in range(2 * CHUNK_MARKS + 1)]
    for number, mark in enumerate(marks):
        seen.add(mark)
        assert seen.newest_chunk()[0] == number // CHUNK_MARKS
    chunks = list(seen.chunks())
    assert b"".join(chunks) == b"".join(marks)
    assert seen.newest_chunk() == (2, chunks[2])
    assert [len(chunk) // MARK_BYTES for chunk in chunks] == [CHUNK_MARKS, CHUNK_MARKS, 1]
