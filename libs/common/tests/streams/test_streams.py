"""The streams' declared configurations, and how they are compared with what a server makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from common.bus.features import OLDEST, features_of
from common.bus.permissions import DUTIES
from common.events import REGISTRY
from common.streams import (
    DURABLES,
    MIB,
    NS,
    PERSIST_MODE,
    STREAM_BY_NAME,
    STREAMS,
    Stream,
    differences,
    kept_size,
    stream_of,
)
from common.streams.levels import Level, alarming, level_of, said
from common.versions import Version
from hypothesis import given
from hypothesis import strategies as st

values = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.text(max_size=3), max_size=2)
configs = st.dictionaries(st.text("abcde", min_size=1, max_size=2), values, max_size=5)


@given(configs, configs)
def test_a_server_may_add_settings_but_not_change_ours(wanted: dict[str, Any], added: dict[str, Any]) -> None:
    assert differences(wanted, {**added, **wanted}) == []


@given(configs.filter(bool), st.data())
def test_each_changed_or_dropped_setting_is_named_with_both_values(wanted: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(wanted)))
    other = data.draw(values.filter(lambda value: value != wanted[key]))
    assert differences(wanted, {**wanted, key: other}) == [f"{key}: wanted {wanted[key]!r}, the server has {other!r}"]
    dropped = {name: value for name, value in wanted.items() if name != key}
    assert len(differences(wanted, dropped)) == (0 if wanted[key] is None else 1)


def test_settings_the_server_leaves_out_at_their_default_are_no_difference() -> None:
    for stream in STREAMS:
        config = stream.config()
        if not stream.max_age_s:
            del config["max_age"]
        assert differences(stream.config(), config) == []


@pytest.mark.parametrize("key", ["allow_direct", "duplicate_window", "max_bytes", "discard", "storage"])
def test_a_setting_an_old_server_drops_is_a_difference(key: str) -> None:
    wanted = STREAM_BY_NAME["FILL"].config()
    (fault,) = differences(wanted, {name: value for name, value in wanted.items() if name != key})
    assert fault.startswith(f"{key}: wanted ")


def test_every_stream_is_a_file_with_a_bound() -> None:
    for stream in STREAMS:
        config = stream.config()
        assert config["storage"] == "file"
        assert 0 < config["max_bytes"] <= 512 * MIB
        assert stream.max_age_s or stream.max_msgs_per_subject or stream.refuse_when_full, stream.name
        # A server refuses a window longer than the age.
        assert not stream.max_age_s or config["duplicate_window"] <= stream.max_age_s * NS


def test_together_the_streams_fit_into_the_store_they_are_given() -> None:
    assert sum(stream.max_mib for stream in STREAMS) * MIB < 4 * 1000**3


def test_the_ledgers_stream_never_forgets_and_refuses_instead() -> None:
    fill = STREAM_BY_NAME["FILL"].config()
    assert (fill["discard"], fill["max_age"], fill["max_msgs"], fill["max_msgs_per_subject"]) == ("new", 0, -1, -1)
    assert [stream.name for stream in STREAMS if stream.refuse_when_full] == ["FILL"]


def test_no_noun_is_held_by_two_streams() -> None:
    nouns = [subject for stream in STREAMS for subject in stream.subjects]
    assert len(nouns) == len(set(nouns))
    assert all(subject.endswith(".>") and subject.count(".") == 1 for subject in nouns)
    assert stream_of("fill.trade.mm1.1").name == stream_of("fill.>").name == "FILL"
    with pytest.raises(KeyError):
        stream_of("nobody.says.this")


def test_values_that_replace_each_other_keep_few_and_facts_keep_all() -> None:
    for cls in REGISTRY.values():
        stream = stream_of(cls.subject)
        if cls.spooled:
            assert stream.max_msgs_per_subject == 0, cls.__name__
    assert STREAM_BY_NAME["MD"].max_msgs_per_subject == 1
    assert STREAM_BY_NAME["CONFIG"].max_msgs_per_subject >= 16


def test_every_durable_reader_belongs_to_a_service_and_reads_its_stream_with_explicit_acks() -> None:
    for reader in DURABLES:
        assert reader.owner in DUTIES
        assert stream_of(reader.filter_subject).name == reader.stream
        config = reader.config()
        assert (config["ack_policy"], config["deliver_policy"], config["max_deliver"]) == ("explicit", "all", -1)
        assert 0 < config["max_ack_pending"] <= 1_000


def test_the_copies_of_a_stream_are_as_many_as_the_cluster_is_told() -> None:
    assert Stream("X", ("x.>",), 1).config(replicas=3)["num_replicas"] == 3


@given(st.sampled_from(STREAMS), st.sampled_from([(2, 9, 10), (2, 10, 29), (2, 11, 0), (2, 12, 0), (2, 15, 1)]))
def test_a_stream_asks_a_broker_for_nothing_its_version_does_not_know(stream: Stream, version: Version) -> None:
    features, config = features_of(version), stream.config(features=features_of(version))
    added = set(config) - set(stream.config())
    assert added <= {PERSIST_MODE}
    assert config["allow_msg_ttl"] <= features.message_ttl
    assert (PERSIST_MODE in added) == features.async_persistence
    assert differences(stream.config(), config) == [] or stream.max_age_by_message_s > 0


def test_only_streams_of_values_that_the_next_ones_replace_are_written_later() -> None:
    newest = features_of((2, 15, 1))
    later = [stream.name for stream in STREAMS if stream.config(features=newest)[PERSIST_MODE] == "async"]
    assert later == ["MD", "TRADE", "PX", "QUOTE", "POSITION"]
    assert all(not cls.acked for cls in REGISTRY.values() if stream_of(cls.subject).name in later)
    # A replicated stream cannot be left out.
    assert all(stream.config(3, newest)[PERSIST_MODE] == "default" for stream in STREAMS)


@pytest.mark.parametrize("setting", ["allow_msg_ttl", "allow_rollup_hdrs"])
def test_a_ledger_from_which_messages_could_be_made_to_leave_is_refused(setting: str) -> None:
    for features in (OLDEST, features_of((2, 15, 1))):
        wanted = STREAM_BY_NAME["FILL"].config(features=features)
        assert differences(wanted, wanted | {setting: True}) == [f"{setting}: wanted False, the server has True"]


def test_a_market_leaves_by_its_own_time_where_the_broker_can_do_that() -> None:
    market = STREAM_BY_NAME["MARKET"]
    old, new = market.config(), market.config(features=features_of((2, 11, 0)))
    assert (old["max_age"], old["allow_msg_ttl"]) == (24 * 3600 * NS, False)
    assert (new["max_age"], new["allow_msg_ttl"]) == (7 * 24 * 3600 * NS, True), "nothing stays for good"


def test_a_stream_larger_than_built_for_is_no_difference_a_smaller_or_boundless_one_is() -> None:
    wanted = STREAM_BY_NAME["FILL"].config()
    larger = wanted | {"max_bytes": 600 * MIB}
    assert differences(wanted, larger) == []
    assert kept_size(wanted, larger)["max_bytes"] == 600 * MIB
    for other in (511 * MIB, -1):
        assert differences(wanted, wanted | {"max_bytes": other}) == [
            f"max_bytes: wanted {512 * MIB}, the server has {other}"
        ]
        assert kept_size(wanted, wanted | {"max_bytes": other}) == wanted


def a_level(stream: str, share: float) -> Level:
    bytes_max = STREAM_BY_NAME[stream].max_mib * MIB
    return Level(stream, int(share * bytes_max), bytes_max, 3, 1)


def test_r81_a_person_is_told_before_a_stream_that_may_not_forget_is_full() -> None:
    """FILL, halts, configurations, users: at 80 %. What is kept for an age may fill up: it only holds less of it."""
    told = {stream.name for stream in STREAMS if alarming(a_level(stream.name, 0.81))}
    assert told == {"FILL", "ACCOUNT", "POSITION", "RISK", "CONFIG", "USER", "LEASE"}
    assert not any(alarming(a_level(stream.name, 0.8)) for stream in STREAMS)
    assert said(a_level("FILL", 0.831)) == "FILL: 83 % of 512 MiB"


def test_a_level_is_what_the_broker_says() -> None:
    info = {
        "config": {"name": "FILL", "max_bytes": 512 * MIB},
        "state": {"bytes": 64 * MIB, "messages": 7, "first_ts": "2026-11-21T01:00:00.5Z", "last_seq": 9},
    }
    level = level_of(info)
    assert (level.share, level.messages, level.first_ns) == (0.125, 7, 1_795_222_800_500_000_000)
    assert level.last_sequence == 9
    emptied = {"bytes": 0, "messages": 0, "first_ts": "0001-01-01T00:00:00Z", "last_seq": 9}
    assert level_of({**info, "state": emptied}).first_ns == 0


def test_a_stream_that_confirms_nothing_holds_plain_events_alone() -> None:
    # Nobody may wait for a confirmation that never comes, and plain words must not be able to ask for one.
    wrong = [name for name, cls in REGISTRY.items() if cls.acked and not stream_of(cls.subject).acked]
    assert wrong == []
    assert {stream.name for stream in STREAMS if not stream.acked} == {"MD", "TRADE", "PX", "QUOTE", "POSITION"}
