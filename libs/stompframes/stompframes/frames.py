"""Frames, and how each version of STOMP writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from stompframes.errors import ProtocolError, shown

Headers = tuple[tuple[str, str], ...]

CLIENT_COMMANDS = frozenset(
    ("CONNECT", "STOMP", "SEND", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT", "DISCONNECT")
)
SERVER_COMMANDS = frozenset(("CONNECTED", "MESSAGE", "RECEIPT", "ERROR"))
COMMANDS = CLIENT_COMMANDS | SERVER_COMMANDS
WITH_BODY = frozenset(("SEND", "MESSAGE", "ERROR"))
NEVER_ESCAPED = frozenset(("CONNECT", "STOMP", "CONNECTED"))
"""They come before a version is agreed on. STOMP is CONNECT by another name."""
HEARTBEAT = b"\n"


class Version(StrEnum):
    """A version of the protocol; a later one is greater."""

    V1_0 = "1.0"
    V1_1 = "1.1"
    V1_2 = "1.2"


ALL_VERSIONS = (Version.V1_0, Version.V1_1, Version.V1_2)


class Frame(NamedTuple):
    """One frame, its headers in order; of a header that is repeated the first one counts."""

    command: str
    headers: Headers = ()
    body: bytes = b""

    def get(self, name: str) -> str | None:
        """Return a header's value, None where it is missing."""
        for each, value in self.headers:
            if each == name:
                return value
        return None


ESCAPES = {
    Version.V1_0: str.maketrans({}),
    Version.V1_1: str.maketrans({"\\": "\\\\", "\n": "\\n", ":": "\\c"}),
    Version.V1_2: str.maketrans({"\\": "\\\\", "\n": "\\n", ":": "\\c", "\r": "\\r"}),
}
MEANINGS = {
    Version.V1_1: {"\\\\": "\\", "\\n": "\n", "\\c": ":"},
    Version.V1_2: {"\\\\": "\\", "\\n": "\n", "\\c": ":", "\\r": "\r"},
}
# What no escape of a version covers ends a line, a name or the frame.
IMPOSSIBLE = {
    Version.V1_0: re.compile(r"[\0\n\r]"),
    Version.V1_1: re.compile(r"[\0\r]"),
    Version.V1_2: re.compile(r"\0"),
}
ESCAPED = re.compile(r"\\.?", re.DOTALL)


def encode(frame: Frame, version: Version) -> bytes:
    """Return a frame as it is sent, with the length of its body as the last header.

    Raises ValueError where a version has no way to write a header, or the command has no body.
    """
    body = frame.body
    headers: Iterable[tuple[str, str]] = frame.headers
    if body:
        if frame.command not in WITH_BODY:
            raise ValueError(f"{frame.command}: must have no body")
        stated = frame.get("content-length")
        if stated is None:
            headers = (*headers, ("content-length", str(len(body))))
        elif stated != str(len(body)):
            raise ValueError(f"content-length: must be {len(body)}, is {shown(stated)}")
    if frame.command in NEVER_ESCAPED:
        lines = [f"{_plain(name, in_name=True)}:{_plain(value)}\n" for name, value in headers]
    else:
        lines = [f"{escape(name, version, in_name=True)}:{escape(value, version)}\n" for name, value in headers]
    return f"{frame.command}\n{''.join(lines)}\n".encode() + body + b"\0"


def escape(text: str, version: Version, *, in_name: bool = False) -> str:
    """Return a header's name or value as a version writes it; ValueError where it cannot."""
    if version is Version.V1_0:
        return _plain(text, in_name=in_name, trimmed=True)
    if IMPOSSIBLE[version].search(text) or (in_name and not text):
        raise ValueError(f"header {shown(text)}: cannot be written in STOMP {version}")
    return text.translate(ESCAPES[version])


def unescape(text: str, version: Version) -> str:
    """Return what a header's name or value means in a version; ProtocolError at an escape that is not defined."""
    if version is Version.V1_0 or "\\" not in text:
        return text
    meanings = MEANINGS[version]

    def meaning(found: re.Match[str]) -> str:
        said = meanings.get(found[0])
        if said is None:
            raise ProtocolError("undefined escape", f"{shown(found[0])} means nothing in STOMP {version}")
        return said

    return ESCAPED.sub(meaning, text)


def _plain(text: str, *, in_name: bool = False, trimmed: bool = False) -> str:
    """Return a name or value that is written without escapes; ValueError where it would be read otherwise."""
    unreadable = IMPOSSIBLE[Version.V1_0].search(text) or (in_name and (not text or ":" in text))
    if unreadable or (trimmed and text != text.strip(" ")):
        raise ValueError(f"header {shown(text)}: cannot be written without escapes")
    return text
