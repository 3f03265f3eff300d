"""Frames of Binance's spot streams, checked member by member before anything of the venue relies on them."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec

from exchange.market.tape import Json

IDS_MAX: Final = 2**62
ROWS_MAX: Final = 20_000

Number: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,18})?$")]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=IDS_MAX)]
Milliseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=9_223_372_036_854)]
Levels: TypeAlias = Annotated[list[tuple[Number, Number]], msgspec.Meta(max_length=ROWS_MAX)]


class Ticker(msgspec.Struct):
    """`bookTicker`."""

    u: Count
    b: Number
    B: Number
    a: Number
    A: Number


class Trade(msgspec.Struct):
    """`trade`."""

    t: Count
    p: Number
    q: Number
    T: Milliseconds
    m: bool
    E: Milliseconds = 0


class Depth(msgspec.Struct):
    """`depth@100ms`."""

    E: Milliseconds
    U: Count
    u: Count
    b: Levels
    a: Levels


class Snapshot(msgspec.Struct, rename="camel"):
    """Answer of GET depth."""

    last_update_id: Count
    bids: Levels
    asks: Levels


_KINDS: Final[dict[str, type[msgspec.Struct]]] = {"bookTicker": Ticker, "trade": Trade, "depth": Depth}


def of_futures(body: Json) -> bool:
    """Say whether a frame is one of futures, whose ids follow other rules than spot's."""
    data = body.get("data")
    return (isinstance(data, dict) and "pu" in data) or str(body.get("stream", "")).endswith(("@0ms", "@500ms"))


def spot_event(body: object) -> tuple[str, str, Json] | None:
    """Return symbol, stream and data of a combined-stream frame; None for any other and for a damaged one."""
    if not isinstance(body, dict) or of_futures(body):
        return None
    stream, data = body.get("stream"), body.get("data")
    if not isinstance(stream, str) or not isinstance(data, dict) or not isinstance(data.get("s"), str):
        return None
    kind = _KINDS.get(stream.partition("@")[2].partition("@")[0])
    if kind is None or not _fits(data, kind):
        return None
    return data["s"], stream, data


def is_snapshot(body: object) -> bool:
    """Say whether a document is a whole book as GET depth answers it."""
    return isinstance(body, dict) and _fits(body, Snapshot)


def _fits(document: Json, kind: type[msgspec.Struct]) -> bool:
    try:
        msgspec.convert(document, kind)
    except msgspec.ValidationError:
        return False
    return True
