"""Any text as one token of a subject, and back."""

from __future__ import annotations

import re
from functools import lru_cache

_PLAIN = re.compile(r"[A-Za-z0-9-]+")
_ESCAPED = re.compile(r"_([0-9A-F]{2})")
NAME_CHARS_MAX = 64
"""What venues' contracts and our configuration allow for a name of a market, instrument, account or bot."""
TOKEN_CHARS_MAX = 3 * NAME_CHARS_MAX
"""A name of ASCII characters always fits, even when each of them has to be escaped."""


@lru_cache(maxsize=65_536)
def escape_token(text: str) -> str:
    """Make any text one subject token of [A-Za-z0-9_-]; `unescape_token` gives the text back.

    Everything but letters, digits and '-' becomes `_` and two hex digits per UTF-8 byte: 'BTC/USD' -> 'BTC_2FUSD'.
    """
    if not text:
        raise ValueError("token: must not be empty")
    try:
        escaped = text if _PLAIN.fullmatch(text) else "".join(_escape_char(char) for char in text)
    except UnicodeEncodeError:
        raise ValueError(f"token: {text!r} has half a surrogate pair, which is no text") from None
    if len(escaped) > TOKEN_CHARS_MAX:
        raise ValueError(f"token: longer than {TOKEN_CHARS_MAX} characters once escaped")
    return escaped


def _escape_char(char: str) -> str:
    if char.isascii() and (char.isalnum() or char == "-"):
        return char
    return "".join(f"_{byte:02X}" for byte in char.encode())


def unescape_token(token: str) -> str:
    """Give back the text that `escape_token` was given; ValueError when the token is not one of its results."""
    parts = bytearray()
    position = 0
    while position < len(token):
        if token[position] == "_":
            match = _ESCAPED.match(token, position)
            if not match:
                raise ValueError(f"token {token!r}: '_' must be followed by two hex digits")
            parts.append(int(match[1], 16))
            position = match.end()
        else:
            parts += token[position].encode(errors="replace")
            position += 1
    text = parts.decode(errors="replace")
    if not text or escape_token(text) != token:
        raise ValueError(f"token {token!r} is not what any text escapes to")
    return text
