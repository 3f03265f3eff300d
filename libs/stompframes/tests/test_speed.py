"""What the two steps that are done for every frame may cost, in CPU of this process and not in time.

A core that is shared with other processes is slower for everything, so beside the limit in µs there is one in units of
a bare split of the same bytes, measured in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from stompframes.frames import Version
from stompframes.messages import SharedMessage, own_headers_until_number
from stompframes.parser import Parser

PARSE_US_MAX, PARSE_BARE_MAX = 5.0, 6.0
SPLICE_US_MAX, SPLICE_BARE_MAX = 0.5, 0.5
ROUNDS, CALLS = 40, 300
SUBSCRIBE = b"SUBSCRIBE\nack:auto\nid:sub-0\ndestination:/user/topic/source-market-data/1\n\n\0"


class Cost(NamedTuple):
    """The CPU of one call and of a bare split, in µs: the least of many rounds, since all else only adds to it."""

    step_us: float
    bare_us: float


def cost_of(step: Callable[[], object]) -> Cost:
    return Cost(*(min(each) for each in zip(*((_us(step), _us(bare)) for _ in range(ROUNDS)), strict=True)))


def _us(step: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(CALLS):
        step()
    return (time.process_time() - began) / CALLS * 1e6


def bare() -> dict[str, str]:
    head = SUBSCRIBE.partition(b"\n\n")[0].decode()
    found: dict[str, str] = {}
    for line in head.split("\n")[1:]:
        name, _, value = line.partition(":")
        found.setdefault(name, value)
    return found


def test_a_subscribe_is_parsed_in_five_microseconds() -> None:
    parser = Parser(Version.V1_2)

    def step() -> None:
        parser.feed(SUBSCRIBE)
        assert parser.next_frame() is not None
        assert parser.next_frame() is None

    found = cost_of(step)
    assert found.step_us <= PARSE_US_MAX or found.step_us <= PARSE_BARE_MAX * found.bare_us, found


def test_a_subscribers_headers_are_put_in_in_half_a_microsecond() -> None:
    message = SharedMessage("/user/topic/source-market-data/1", b"x" * 1_300)
    own = own_headers_until_number("sub-0", "41", Version.V1_2) + b"14697\n"
    found = cost_of(lambda: message.for_subscriber(own, Version.V1_2))
    assert found.step_us <= SPLICE_US_MAX or found.step_us <= SPLICE_BARE_MAX * found.bare_us, found
