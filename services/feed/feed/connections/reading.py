"""A venue's bytes read so that what cannot be read costs itself alone: rows one by one, odd frames one by one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
from common.errors import ContractError

UNREADABLE = (ContractError, msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)
"""What parsing a venue's bytes may raise."""
FAULT_CHARS_MAX = 200

_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
# Venues round a stamp's seconds up to 60, and write prices without the digit before their point.
_SECOND_60 = re.compile(rb"(T\d\d:\d\d):60(?=[.Zz+-])")
_BARE_POINT = re.compile(rb'"\.(?=\d)')


def decode(decoder: msgspec.json.Decoder[Any], raw: bytes | msgspec.Raw) -> Any:
    """Return a document; two known slips of venues are mended first where it cannot be read as it stands."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        mended = _BARE_POINT.sub(rb'"0.', _SECOND_60.sub(rb"\1:59", bytes(raw)))
        if mended == bytes(raw):
            raise
        return decoder.decode(mended)


def raw_rows(raw: bytes | msgspec.Raw, what: str, rows_max: int) -> list[msgspec.Raw]:
    """Return the rows of a list, each still as it came; ContractError for more than `rows_max`."""
    rows = _RAWS.decode(raw)
    if len(rows) > rows_max:
        raise ContractError(what, f"more than {rows_max} rows")
    return rows


def read_rows(
    decoder: msgspec.json.Decoder[Any], rows: Iterable[msgspec.Raw]
) -> Iterable[tuple[msgspec.Raw, Any | None, str]]:
    """Yield each row with what it says, or with None and why it cannot be read."""
    for row in rows:
        try:
            yield row, decode(decoder, row), ""
        except UNREADABLE as error:
            yield row, None, str(error)[:FAULT_CHARS_MAX]


def text_of(raw: bytes | msgspec.Raw, *members: str) -> str:
    """Return the first of these members that is a text, wherever the rest of a document makes no sense; else ''."""
    try:
        document = msgspec.json.decode(raw)
    except UNREADABLE:
        return ""
    if not isinstance(document, dict):
        return ""
    return next((document[name] for name in members if isinstance(document.get(name), str)), "")


def doubted(frame: bytes, kind_member: str, harmless: Collection[object], names: Mapping[str, str]) -> list[str]:
    """Return the symbols whose book an unreadable frame may have changed, for venues that number no changes.

    A text that is no JSON is no book, nor is a frame of a kind that carries none, nor one that names nothing we
    follow. What names a book we follow casts doubt on that book; one cut off before it names any, on all of them.
    """
    if frame.lstrip()[:1] not in (b"{", b"["):
        return []
    if text_of(frame, kind_member) in harmless:
        return []
    named = [symbol for name, symbol in names.items() if b'"%b"' % name.encode() in frame]
    if named:
        return named
    try:
        msgspec.json.decode(frame)
    except UNREADABLE:
        return list(names.values())
    return []
