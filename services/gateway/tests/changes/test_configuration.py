"""Changes told apart by field, and merged into what was there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.events import BotConfig
from common.testing.spot import BTCUSD, changed
from gateway.changes.configuration import DIFFERENCES_MAX, VALUE_CHARS_MAX, differences, merged, starts
from hypothesis import given
from hypothesis import strategies as st

values = st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=3))
sections = st.dictionaries(
    st.sampled_from("abc"), st.dictionaries(st.sampled_from("xyz"), values, max_size=3), max_size=3
)


def a_config(found: Mapping[str, Any], *, running: bool = True) -> BotConfig:
    return BotConfig(algo_id="3", kind="spot", revision=1, running=running, sections=dict(found), actor="a", ts_ns=1)


@given(sections, sections)
def test_a_bot_with_the_differences_applied_is_the_other_one(
    before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]
) -> None:
    found = {name: dict(fields) for name, fields in before.items()}
    for path, (_, new) in differences(before, after).items():
        section, _, field = path.partition(".")
        found.setdefault(section, {})[field] = new

    def said(document: dict[str, dict[str, Any]]) -> dict[tuple[str, str], Any]:
        # None and nothing are the same: no figure was sent.
        return {
            (name, field): value for name in document for field, value in document[name].items() if value is not None
        }

    assert said(found) == said(after)
    assert differences(after, after) == {}


def test_differences_of_a_flat_document_are_by_field() -> None:
    assert differences({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": "x"}) == {"b": [2, 3], "c": [None, "x"]}


def test_a_record_of_differences_has_a_bound() -> None:
    many = {"section": {str(number): number for number in range(1_000)}}
    assert len(differences({}, many)) == DIFFERENCES_MAX
    long = differences({"a": 1}, {"a": "x" * 10_000})["a"][1]
    assert len(long) == VALUE_CHARS_MAX + 1
    assert long.endswith("…")


@given(sections, sections)
def test_merging_keeps_what_is_not_named(before: dict[str, dict[str, Any]], change: dict[str, dict[str, Any]]) -> None:
    after = merged(a_config(before), change)
    for name, fields in after.items():
        for field, value in fields.items():
            named = change.get(name, {})
            assert value == (named[field] if field in named else before[name][field])
    assert merged(a_config(before), {}) == before
    assert merged(a_config(before), dict.fromkeys(before)) == {}


def test_a_start_is_of_the_bot_or_of_a_part_of_it() -> None:
    stopped = changed(BTCUSD, pricer__running=False, hedger__running=False)
    hedging = changed(BTCUSD, pricer__running=False)
    assert starts(None, a_config(stopped))
    assert not starts(None, a_config(BTCUSD, running=False)), "parts work while the bot runs"
    assert starts(a_config(stopped, running=False), a_config(stopped))
    assert starts(a_config(stopped), a_config(hedging))
    assert not starts(a_config(hedging), a_config(stopped))
    assert not starts(a_config(BTCUSD), a_config(changed(BTCUSD, pricer__min_spread="9 bps")))
