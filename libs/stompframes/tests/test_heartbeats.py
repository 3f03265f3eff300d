"""What both ends agree on, and when a sign of life is due or missed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stompframes.errors import ProtocolError
from stompframes.heartbeats import NS_PER_MS, Offer, Pulse, parse_offer

OFFERS = st.builds(Offer, st.integers(0, 10**9 - 1), st.integers(0, 10**9 - 1))


@pytest.mark.parametrize(
    ("ours", "theirs", "send_ms", "receive_ms"),
    [
        (Offer(10_000, 10_000), Offer(10_000, 10_000), 10_000, 10_000),
        (Offer(10_000, 10_000), Offer(5_000, 20_000), 20_000, 10_000),
        (Offer(10_000, 10_000), Offer(30_000, 1), 10_000, 30_000),
        (Offer(10_000, 10_000), Offer(0, 0), 0, 0),
        (Offer(0, 10_000), Offer(1, 1), 0, 10_000),
        (Offer(10_000, 0), Offer(1, 0), 0, 0),
    ],
)
def test_c2_s3_1_each_direction_takes_the_slower_of_both_and_none_where_one_says_never(
    ours: Offer, theirs: Offer, send_ms: int, receive_ms: int
) -> None:
    pulse = Pulse(ours, theirs, 0)
    assert (pulse.send_ms, pulse.receive_ms) == (send_ms, receive_ms)


@given(OFFERS, OFFERS)
def test_both_ends_come_to_the_same(ours: Offer, theirs: Offer) -> None:
    here, there = Pulse(ours, theirs, 0), Pulse(theirs, ours, 0)
    assert (here.send_ms, here.receive_ms) == (there.receive_ms, there.send_ms)
    if here.send_at_ns is not None:
        assert there.gone_at_ns is not None
        assert 3 * here.send_at_ns < there.gone_at_ns


@given(OFFERS)
def test_a_header_is_read_as_it_was_written(offer: Offer) -> None:
    assert parse_offer(offer.header) == offer


def test_c2_s3_1_a_missing_header_is_never_and_a_malformed_one_an_error() -> None:
    assert parse_offer(None) == Offer(0, 0)
    assert parse_offer(" 1 , 2 ") == Offer(1, 2)
    for value in ("0", "", "-1,1", "a,b", "1,2,3", "1.0,2", "²,1", "1,"):
        with pytest.raises(ProtocolError, match="heart-beat malformed"):
            parse_offer(value)


def test_c2_s3_1_one_goes_at_0_85_of_the_interval_and_silence_ends_at_3_of_them() -> None:
    pulse = Pulse(Offer(10_000, 10_000), Offer(10_000, 10_000), 5)
    assert pulse.send_at_ns == 5 + 8_500 * NS_PER_MS
    assert pulse.gone_at_ns == 5 + 30_000 * NS_PER_MS
    pulse.sent_ns, pulse.received_ns = 7, 9
    assert pulse.send_at_ns == 7 + 8_500 * NS_PER_MS
    assert pulse.gone_at_ns == 9 + 30_000 * NS_PER_MS
