"""Any legal value of an event's fields, for tests of properties that all events have."""

from __future__ import annotations

import enum
import types
from decimal import Decimal
from typing import Any, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for every value a field of this type may have."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return st.one_of([values_of(each) for each in arguments])
    if origin is list:
        return st.lists(values_of(arguments[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=3)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return structs_of(kind)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: texts,
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        bytes: st.binary(max_size=20),
        Decimal: st.decimals(allow_nan=False, allow_infinity=False, places=6),
        type(None): st.none(),
        Any: documents,
    }
    return plain[kind]


def structs_of(cls: type[msgspec.Struct], **fixed: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for structs with any legal values, some fields fixed."""
    fields = {field.name: values_of(field.type) for field in msgspec.structs.fields(cls) if field.name not in fixed}
    array_like = cls.__struct_config__.array_like
    return st.fixed_dictionaries(fields).map(
        lambda values: cls(*[values[name] for name in fields]) if array_like else cls(**values, **fixed)
    )
