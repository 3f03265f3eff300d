"""What a signature covers, and how it travels: one header beside bytes that are never encoded again."""

from __future__ import annotations

import base64
import re
from typing import NamedTuple

HEADER = "Mm-Signature"
_VERSION = "1"
_DOMAIN = b"market maker: signed event 1"
_NUMBER = r"(0|[1-9]\d{0,18})"
_HEADER = re.compile(rf"{_VERSION} ([a-z]{{1,16}}) ([a-z0-9-]{{1,64}}) {_NUMBER}\.{_NUMBER} ([A-Za-z0-9+/]{{86}}==)")


class Order(NamedTuple):
    """Which of its signer's messages comes first; grows strictly.

    Of a compare-and-set event the epoch is 0 and the number the sequence of its predecessor under its subject (0: there
    was none). Of all others the epoch is the process's, at least 1, and the number counts what it has signed.
    """

    epoch: int
    number: int

    @property
    def chained(self) -> bool:
        """Say whether it follows a message that it names."""
        return self.epoch == 0


class Signature(NamedTuple):
    """A signature as it was found beside some bytes; nobody has checked it yet."""

    role: str
    key_id: str
    order: Order
    value: str
    """64 bytes in base64."""

    def header(self) -> str:
        """Return the text of the header."""
        order = self.order
        return f"{_VERSION} {self.role} {self.key_id} {order.epoch}.{order.number} {self.value}"

    def raw(self) -> bytes:
        return base64.b64decode(self.value)


def parse_header(text: str) -> Signature | None:
    """Return the signature in a header, None when the text is not exactly one."""
    found = _HEADER.fullmatch(text)
    if found is None:
        return None
    role, key_id, epoch, number, value = found.groups()
    if base64.b64encode(base64.b64decode(value)).decode() != value:
        return None  # bits that stand for nothing: one signature has one text
    return Signature(role, key_id, Order(int(epoch), int(number)), value)


def statement(
    platform_id: str, subject: str, event: str, message_id: str, role: str, key_id: str, order: Order, data: bytes
) -> bytes:
    """Return the bytes that are signed: every part behind its length, so that no two statements share theirs.

    `event` is the name of the event's class, `message_id` the one it was published under ('' when plain), `data` the
    message as it was sent.
    """
    texts = (platform_id, subject, event, message_id, role, key_id, str(order.epoch), str(order.number))
    parts = [_DOMAIN, *[text.encode() for text in texts], data]
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])
