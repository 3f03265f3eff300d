"""Where the frames of a websocket server lie in what was read: the head of each, as RFC 6455 section 5.2 draws it.

A venue's words are whole text frames, thousands a second, and several of them arrive together: `whole_texts` takes
these out of what was read in one go. Whatever else a server may send is found by `frame_at`, and is the library's
business, whose generators take many times as long for a frame.
"""

from __future__ import annotations

from typing import NamedTuple

WHOLE_TEXT = 0x81
"""First byte of a text frame that is a whole message, not compressed."""
_PARTS_AND_BYTES = frozenset({0x00, 0x01, 0x02, 0x80, 0x82})
_CONTROL = frozenset({0x88, 0x89, 0x8A})
_HEAD_BYTES, _HEAD_BYTES_16, _HEAD_BYTES_64 = 2, 4, 10
_SHORT_MAX = 125
_LENGTH_IN_16 = 126
"""In place of the size: it stands in the next 16 bits."""


class Found(NamedTuple):
    """A frame that begins at a place: its data lie from `start` to below `end`, which may be beyond what was read."""

    start: int
    end: int
    whole_text: bool
    """It is one message of text as it stands."""
    lawful: bool
    """A server may send such a frame; of another its length means nothing either."""


def whole_texts(data: bytes, place: int, bytes_max: int) -> tuple[list[bytes], int]:
    """Return the text messages that follow one another from a place on, and the place behind them.

    It ends before anything else, too: a frame that is not whole yet, one of another kind, one beyond 64 KiB or
    `bytes_max`.
    Example: of b"\\x81\\x02hi\\x81\\x03you" at 0 that is ([b"hi"], 4): the last one lacks its end.
    """
    texts = []
    read = len(data)
    while place + _HEAD_BYTES_16 <= read and data[place] == WHOLE_TEXT:
        size, start = data[place + 1], place + _HEAD_BYTES
        if size == _LENGTH_IN_16:
            size, start = data[place + 2] << 8 | data[place + 3], place + _HEAD_BYTES_16
        elif size > _SHORT_MAX:
            break
        end = start + size
        if end > read or size > bytes_max:
            break
        texts.append(data[start:end])
        place = end
    return texts, place


def frame_at(data: bytes, place: int) -> Found | None:
    """Return the frame that begins at a place; None while its head is not whole.

    Example: of b"\\x81\\x02hi" at 0 that is Found(2, 4, True, True).
    """
    read = len(data)
    if place + _HEAD_BYTES > read:
        return None
    first, size = data[place], data[place + 1]
    start = place + _HEAD_BYTES
    if size <= _SHORT_MAX:
        whole_text = first == WHOLE_TEXT
        return Found(start, start + size, whole_text, whole_text or first in _PARTS_AND_BYTES or first in _CONTROL)
    # Above 127 it would be masked, which is for clients; and a control frame is short.
    if size > 127 or (first != WHOLE_TEXT and first not in _PARTS_AND_BYTES):
        return Found(start, start, False, False)
    start = place + (_HEAD_BYTES_16 if size == _LENGTH_IN_16 else _HEAD_BYTES_64)
    if start > read:
        return None
    return Found(start, start + int.from_bytes(data[place + 2 : start], "big"), first == WHOLE_TEXT, True)
