"""DTOs to JSON and back: decimals exact, each quoted or bare as the API has it.

A DTO is a struct whose fields stand in the order of the API's examples. Its decimals are `Decimal` in Python; on the
wire a field is a JSON string where it is marked `Quoted` and a bare JSON number where it is not. Either form is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar, get_args, get_type_hints

import msgspec

QUOTED = msgspec.Meta(description="decimal, quoted")
Quoted: TypeAlias = Annotated[Decimal, QUOTED]
"""A decimal that goes over the wire in quotes."""
QuotedOrNone: TypeAlias = Annotated[Decimal | None, QUOTED]


class Dto(msgspec.Struct, frozen=True, kw_only=True):
    """What one JSON object of the API says."""


D = TypeVar("D", bound=Dto)


def encode(dto: Dto) -> bytes:
    """Return a DTO as strict JSON."""
    return msgspec.json.encode(jsonable(dto))


def encode_all(dtos: Iterable[Dto]) -> bytes:
    """Return DTOs as a JSON array."""
    return msgspec.json.encode([jsonable(dto) for dto in dtos])


def decode(data: bytes | str, cls: type[D]) -> D:
    """Read one DTO; msgspec.ValidationError names the field and what it must be. Unknown fields are passed over."""
    return msgspec.json.decode(data, type=cls)


def decode_all(data: bytes | str, cls: type[D]) -> list[D]:
    """Read a JSON array of DTOs; msgspec.ValidationError names the item, its field and what it must be."""
    return msgspec.json.decode(data, type=list[cls])  # type: ignore[valid-type]


def jsonable(value: Any) -> Any:
    """Return a value as what msgspec writes exactly: bare decimals as raw JSON numbers, absent fields left out."""
    if isinstance(value, Dto):
        fields: dict[str, Any] = {}
        for name, quoted in layout(type(value)):
            field = getattr(value, name)
            if field is msgspec.UNSET:
                continue
            if isinstance(field, Decimal):
                fields[name] = plain(field) if quoted else bare(field)
            else:
                fields[name] = jsonable(field) if isinstance(field, Dto | list) else field
        return fields
    if isinstance(value, list):
        return [jsonable(each) for each in value]
    return bare(value) if isinstance(value, Decimal) else value


def plain(number: Decimal) -> str:
    """Return a number in full, never as a power of ten and without zeros at its end: 0.00000012, 1500."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def bare(number: Decimal) -> msgspec.Raw:
    """Return a number as JSON has it; ValueError for one that JSON has none for, as infinity."""
    if not number.is_finite():
        raise ValueError(f"must be finite, is {number}")
    return msgspec.Raw(plain(number).encode())


@cache
def layout(cls: type[Dto]) -> tuple[tuple[str, bool], ...]:
    """Return each field in its order with whether its decimal is quoted."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple((name, QUOTED in _marks(hints[name])) for name in cls.__struct_fields__)


def _marks(hint: Any) -> list[Any]:
    """Return what is annotated at a type or at a member of a union."""
    marks = list(getattr(hint, "__metadata__", ()))
    return marks + [mark for each in get_args(hint) for mark in getattr(each, "__metadata__", ())]
