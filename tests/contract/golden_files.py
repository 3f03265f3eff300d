"""The golden bytes of every event: what is on disks and in flight today must mean the same tomorrow.

`python -m tests.contract.golden_files` adds what is missing: a pair for a new event, or one more pair for an event
that grew a field. A pair that exists is never written again.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Union, get_args, get_origin

import msgspec
from common.events import REGISTRY, Event, encode

GOLDEN = Path(__file__).with_name("golden")


class Pair(NamedTuple):
    """Bytes of one event and, readable beside them, the values they stand for."""

    cls: type[Event]
    document: dict[str, Any]
    data: bytes


def pairs() -> dict[str, Pair]:
    """Return every golden pair by file stem: 'Fill' is the first of Fill, 'Fill.2' the next."""
    found = {}
    for path in sorted(GOLDEN.glob("*.msgpack")):
        document = msgspec.json.decode(path.with_suffix(".json").read_bytes())
        found[path.stem] = Pair(REGISTRY[path.stem.split(".")[0]], document, path.read_bytes())
    return found


def unpinned(cls: type[Event]) -> set[str]:
    """Return the fields of an event that no golden pair shows with a value of their own."""
    shown = {name for pair in pairs().values() if pair.cls is cls for name in pair.document}
    return {field.name for field in msgspec.structs.fields(cls)} - shown


def write_missing() -> Iterator[str]:
    """Write a pair for every event with a field that none shows; yield the names of the files."""
    known = pairs()
    for cls in sorted(REGISTRY.values(), key=lambda each: each.__name__):
        if not unpinned(cls):
            continue
        number = 1 + sum(pair.cls is cls for pair in known.values())
        stem = cls.__name__ if number == 1 else f"{cls.__name__}.{number}"
        event = example(cls)
        document = msgspec.json.format(msgspec.json.encode(event), indent=1)
        (GOLDEN / f"{stem}.json").write_bytes(document + b"\n")
        (GOLDEN / f"{stem}.msgpack").write_bytes(encode(event))
        yield stem


def example(cls: type[Event]) -> Event:
    """Return an event in which every field has a value of its own, none its default."""
    numbers = count(1)
    event = _struct(cls, numbers)
    assert isinstance(event, Event)
    return event


def _struct(cls: type[msgspec.Struct], numbers: Iterator[int]) -> msgspec.Struct:
    fields = msgspec.structs.fields(cls)
    values = {field.name: _value(field.name, field.type, field.default, numbers) for field in fields}
    return msgspec.convert(list(values.values()) if cls.__struct_config__.array_like else values, cls)


def _value(name: str, kind: Any, default: Any, numbers: Iterator[int]) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _value(name, arguments[0], default, numbers)
    if origin is list:
        kinds = get_args(arguments[0]) or (arguments[0], arguments[0])
        return [_value(name, kind, None, numbers) for kind in kinds]
    if origin is dict:
        return {f"{name}-{index}": _value(name, arguments[1], None, numbers) for index in (1, 2)}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return next(member for member in kind if member is not default)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return msgspec.to_builtins(_struct(kind, numbers))
    number = next(numbers)
    plain: dict[Any, Any] = {
        str: f"{name}-{number}",
        int: (1_763_683_200_000_000_000 if name.endswith("_ns") else 1_000 * number) + number,
        float: number + 0.25,
        bool: not default if isinstance(default, bool) else True,
        bytes: f"{name}-{number}".encode(),
        Decimal: Decimal(number) / 8,
        Any: number,
    }
    return plain[kind]


if __name__ == "__main__":
    for written in write_missing():
        print(written)
