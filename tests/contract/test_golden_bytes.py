"""Bytes written yesterday mean the same today, to us and to anybody with a plain msgpack library."""

from __future__ import annotations

import base64
from typing import Any

import msgpack
import msgspec
import pytest
from common.events import REGISTRY, decode, encode

from tests.contract.golden_files import GOLDEN, Pair, example, pairs, unpinned

PAIRS = pairs()
NAMES = sorted(PAIRS)


@pytest.fixture(params=NAMES)
def pair(request: pytest.FixtureRequest) -> Pair:
    return PAIRS[request.param]


def test_every_field_of_every_event_has_golden_bytes() -> None:
    missing = {cls.__name__: sorted(unpinned(cls)) for cls in REGISTRY.values() if unpinned(cls)}
    assert not missing, "add them with: python -m tests.contract.golden_files"


def test_every_golden_pair_belongs_to_an_event_that_still_exists() -> None:
    assert {path.stem.split(".")[0] for path in GOLDEN.iterdir()} <= set(REGISTRY)
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(NAMES)


def test_the_bytes_of_an_event_have_not_changed(pair: Pair) -> None:
    assert encode(msgspec.convert(pair.document, pair.cls, strict=False)) == pair.data


def test_what_was_written_is_read_as_what_it_meant(pair: Pair) -> None:
    event = decode(pair.cls, pair.data)
    assert event == msgspec.convert(pair.document, pair.cls, strict=False)
    assert encode(event) == pair.data, "a field that is ignored or renamed is lost here"


def test_a_plain_msgpack_library_reads_the_same_values(pair: Pair) -> None:
    assert msgpack.unpackb(pair.data, object_hook=_bytes_as_in_json) == pair.document


def _bytes_as_in_json(document: dict[str, Any]) -> dict[str, Any]:
    return {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in document.items()
    }


@pytest.mark.parametrize("cls", REGISTRY.values(), ids=lambda cls: cls.__name__)
def test_an_example_gives_every_field_a_value_of_its_own(cls: Any) -> None:
    written = msgpack.unpackb(encode(example(cls)))
    assert set(written) == {field.name for field in msgspec.structs.fields(cls)}
