"""The bus contract, event by event: bytes there and back, errors that name the field, addresses, message ids."""

from __future__ import annotations

from itertools import combinations
from operator import attrgetter
from typing import Any

import msgpack
import msgspec
import pytest
from common.errors import ContractError
from common.events import (
    IDENTITIES,
    REGISTRY,
    BotConfig,
    Event,
    Fill,
    Parked,
    Statistics,
    TopOfBook,
    address_filter,
    class_of,
    decode,
    encode,
    received,
)
from common.events.base import EVENT_BYTES_MAX, joined_id
from common.instruments import unescape_token
from common.streams import STREAMS, stream_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from toolkit.testing.strategies import documents, structs_of, texts, values_of

EVENTS = sorted(REGISTRY.values(), key=lambda cls: cls.__name__)
ACKED = [cls for cls in EVENTS if cls.acked]


def addressable(cls: type[Event]) -> st.SearchStrategy[Any]:
    """Return a strategy for events whose address can be made: no field of the subject is empty."""
    return structs_of(cls).filter(lambda event: all(str(getattr(event, field)) for field in subject_fields(cls)))


def subject_fields(cls: type[Event]) -> list[str]:
    return [token[1:-1] for token in cls.subject.split(".") if token.startswith("{")]


@pytest.mark.parametrize("cls", EVENTS, ids=lambda cls: cls.__name__)
@settings(max_examples=20)
@given(data=st.data())
def test_bytes_there_and_back_are_the_same_event(cls: type[Event], data: st.DataObject) -> None:
    event = data.draw(structs_of(cls))
    assert decode(cls, encode(event)) == event


@pytest.mark.parametrize("cls", EVENTS, ids=lambda cls: cls.__name__)
@settings(max_examples=20)
@given(data=st.data())
def test_fields_a_later_version_adds_are_ignored(cls: type[Event], data: st.DataObject) -> None:
    event = data.draw(structs_of(cls))
    document = msgpack.unpackb(encode(event))
    later = msgpack.packb({**document, "added_by_a_later_version": data.draw(documents)})
    assert decode(cls, later) == event


@pytest.mark.parametrize("cls", EVENTS, ids=lambda cls: cls.__name__)
@settings(max_examples=20)
@given(data=st.data())
def test_a_wrong_type_is_a_contract_error_that_names_event_field_and_place(
    cls: type[Event], data: st.DataObject
) -> None:
    document = msgpack.unpackb(encode(data.draw(structs_of(cls))))
    kinds = {field.name: field.type for field in msgspec.structs.fields(cls)}
    field = data.draw(st.sampled_from(sorted(kinds)))
    # No field of any event is a timestamp, so this is wrong everywhere.
    wrong = msgpack.packb({**document, field: msgpack.ExtType(5, b"not what was agreed")})
    with pytest.raises(ContractError) as refused:
        decode(cls, wrong, "some.subject")
    assert refused.value.where == "some.subject"
    assert cls.__name__ in refused.value.reason
    if kinds[field] is not Any:
        assert f"`$.{field}" in refused.value.reason


@pytest.mark.parametrize("cls", EVENTS, ids=lambda cls: cls.__name__)
@settings(max_examples=20)
@given(data=st.data())
def test_a_missing_field_is_a_contract_error_that_names_it(cls: type[Event], data: st.DataObject) -> None:
    document = msgpack.unpackb(encode(data.draw(structs_of(cls))))
    required = [field.name for field in msgspec.structs.fields(cls) if field.required]
    missing = data.draw(st.sampled_from(required))
    del document[missing]
    with pytest.raises(ContractError, match=f"missing required field `{missing}`"):
        decode(cls, msgpack.packb(document))


def decode_or_error(cls: type[Event], data: bytes) -> Event | ContractError:
    try:
        return decode(cls, data)
    except ContractError as error:
        return error


@given(st.sampled_from(EVENTS), st.data())
def test_damaged_bytes_are_a_contract_error_or_another_event_never_anything_else(
    cls: type[Event], data: st.DataObject
) -> None:
    damaged = bytearray(encode(data.draw(structs_of(cls))))
    for position in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=4)):
        damaged[position] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    assert isinstance(decode_or_error(cls, bytes(damaged)), cls | ContractError)


@given(st.sampled_from(EVENTS), st.binary(max_size=200))
def test_any_bytes_at_all_are_a_contract_error_or_an_event(cls: type[Event], data: bytes) -> None:
    assert isinstance(decode_or_error(cls, data), cls | ContractError)


def test_nesting_without_end_is_a_contract_error() -> None:
    with pytest.raises(ContractError, match="Audit"):
        decode(REGISTRY["Audit"], b"\x81\xa6detail" + b"\x81\xa1a" * 100_000)


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_money_that_is_no_number_is_a_contract_error(number: str) -> None:
    fill = msgpack.unpackb(encode(a_fill()))
    with pytest.raises(ContractError, match=r"finite number - at `\$.fee`"):
        decode(Fill, msgpack.packb({**fill, "fee": number}))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_price_that_is_no_number_is_a_contract_error(number: float) -> None:
    top = TopOfBook(venue="v", symbol="s", bid=number, ask=1.0, bid_size=1.0, ask_size=1.0, ts_received_ns=1)
    with pytest.raises(ContractError, match=r"finite number - at `\$.bid`"):
        decode(TopOfBook, encode(top))


def test_an_event_too_large_for_the_broker_is_refused_with_its_size_and_the_bound() -> None:
    parked = Parked(
        service="s", parked_id="1", from_subject="a", reason="b", data=bytes(EVENT_BYTES_MAX), epoch=0, ts_ns=1
    )
    with pytest.raises(ContractError, match=rf"Parked: \d+ bytes, at most {EVENT_BYTES_MAX}"):
        encode(parked)


@pytest.mark.parametrize("cls", EVENTS, ids=lambda cls: cls.__name__)
@settings(max_examples=20)
@given(data=st.data())
def test_the_address_leads_back_to_the_class_and_its_fields(cls: type[Event], data: st.DataObject) -> None:
    event = data.draw(addressable(cls))
    address = event.address()
    assert class_of(address) is cls
    pattern, tokens = cls.subject.split("."), address.split(".")
    assert len(tokens) == len(pattern)
    for want, token in zip(pattern, tokens, strict=True):
        assert (unescape_token(token) == str(getattr(event, want[1:-1]))) if want.startswith("{") else want == token


@pytest.mark.parametrize(
    ("algo_id", "fault"),
    [
        ("", r"BotConfig: token: must not be empty - at `\$\.algo_id`"),
        ("_" * 65, r"BotConfig: token: longer than 192 characters once escaped - at `\$\.algo_id`"),
        ("2", r"BotConfig: its fields say config\.bot\.2"),
    ],
)
def test_r76_r83_an_event_whose_fields_do_not_say_its_subject_is_a_contract_error(algo_id: str, fault: str) -> None:
    config = BotConfig(algo_id=algo_id, kind="binary", revision=1, running=True, sections={}, actor="a", ts_ns=1)
    with pytest.raises(ContractError, match=fault):
        received(BotConfig, encode(config), "config.bot.1")


def test_an_event_on_its_own_subject_is_taken() -> None:
    config = BotConfig(algo_id="a.b", kind="binary", revision=1, running=True, sections={}, actor="a", ts_ns=1)
    assert received(BotConfig, encode(config), "config.bot.a_2Eb") == config


def test_no_subject_belongs_to_two_events() -> None:
    for one, other in combinations(EVENTS, 2):
        left, right = one.subject.split("."), other.subject.split(".")
        overlap = len(left) == len(right) and all(
            a == b or a.startswith("{") or b.startswith("{") for a, b in zip(left, right, strict=True)
        )
        assert not overlap, f"{one.__name__} and {other.__name__} share a subject"


def test_every_event_has_exactly_one_stream_that_holds_it() -> None:
    for cls in EVENTS:
        holding = [
            stream
            for stream in STREAMS
            if any(subject == f"{cls.subject.split('.')[0]}.>" for subject in stream.subjects)
        ]
        assert len(holding) == 1, cls.__name__
        assert stream_of(cls.subject) is holding[0]


def test_a_filter_fixes_some_fields_and_refuses_names_the_subject_has_not() -> None:
    assert address_filter(TopOfBook) == "md.top.*.*"
    assert address_filter(TopOfBook, venue="binance") == "md.top.binance.*"
    assert address_filter(TopOfBook, symbol="BTC/USD") == "md.top.*.BTC_2FUSD"
    with pytest.raises(ValueError, match="TopOfBook has no account in its subject"):
        address_filter(TopOfBook, account="mm1")


def test_no_event_has_a_subject_nobody_declared() -> None:
    assert class_of("md.top.binance") is None
    assert class_of("md.top.binance.BTCUSDT.more") is None
    assert class_of("nothing") is None


# What makes two facts different, per acked event: changing any one of these must change the message id.
IDENTITY: dict[str, tuple[str, ...]] = {
    "AccountState": ("account", "epoch", "ts_received_ns"),
    "Adjustment": ("account", "adjustment_id", "state", "decided_by", "decided_ns"),
    "Alert": ("source", "kind", "algo_id", "text", "ts_ns"),
    "Audit": ("service", "audit_id"),
    "BotConfig": ("algo_id", "revision", "ts_ns"),
    "Fill": ("account", "instrument.symbol", "venue_trade_id", "order_id"),
    "Halt": ("scope", "reason", "lifted", "halt_id"),
    "Lease": ("role", "key", "epoch", "beat", "holder"),
    "Market": (
        *("venue", "symbol", "status", "strike", "open_ns", "expiry_ns", "result", "settlement_price", "epoch"),
        *("tick_size", "settlement", "settlement_window_s", "ts_event_ns"),
        *("lot_size", "min_lots", "min_notional", "fees"),
    ),
    "HedgeUpdate": ("account", "epoch", "update_sequence"),
    "OrderCommand": ("scope", "account", "ledger_sequence", "attempt", "revision"),
    "OrderUpdates": ("account", "epoch", "update_sequence"),
    "Parked": ("service", "parked_id"),
    "PlatformConfig": ("type", "id", "revision", "ts_ns"),
    "Posting": ("account", "entry_id"),
    "TransferCommand": ("account", "number"),
    "TransferUpdate": ("account", "epoch", "update_sequence"),
    "User": ("id", "revision", "ts_ns"),
    **dict.fromkeys([cls.__name__ for cls in IDENTITIES.values()], ("stream", "generation", "made_ns")),
}


def test_every_acked_event_says_what_makes_it_the_same_fact() -> None:
    assert set(IDENTITY) == {cls.__name__ for cls in ACKED}
    assert all(cls.acked for cls in EVENTS if cls.spooled), "only what is confirmed can be taken off the spool"


@pytest.mark.parametrize("cls", ACKED, ids=lambda cls: cls.__name__)
@settings(max_examples=20)
@given(data=st.data())
def test_the_message_id_is_the_same_for_one_fact_and_differs_for_two(cls: type[Event], data: st.DataObject) -> None:
    identity = IDENTITY[cls.__name__]
    one = data.draw(structs_of(cls))
    same = {name: getattr(one, name) for name in (each.partition(".")[0] for each in identity)}
    repeat = data.draw(structs_of(cls, **same))
    assert repeat.message_id() == one.message_id()
    changed = data.draw(st.sampled_from(identity))
    *outer, name = changed.split(".")
    within: Any = attrgetter(*outer)(one) if outer else one
    kinds = {field.name: field.type for field in msgspec.structs.fields(type(within))}
    value = data.draw(values_of(kinds[name]))
    assume(str(value) != str(getattr(within, name)))
    other: Any = msgspec.structs.replace(within, **{name: value})
    other = msgspec.structs.replace(one, **{outer[0]: other}) if outer else other
    assert other.message_id() != one.message_id()


@pytest.mark.parametrize("stream", [stream.name for stream in STREAMS])
@settings(max_examples=10)
@given(data=st.data())
def test_two_kinds_of_event_in_one_stream_never_share_a_message_id(stream: str, data: st.DataObject) -> None:
    classes = [cls for cls in ACKED if stream_of(cls.subject).name == stream]
    for one, other in combinations(classes, 2):
        assert data.draw(structs_of(one)).message_id() != data.draw(structs_of(other)).message_id()


@given(st.lists(texts, min_size=1, max_size=4), st.lists(texts, min_size=1, max_size=4))
def test_what_a_venue_puts_into_its_ids_cannot_make_two_facts_one(one: list[str], other: list[str]) -> None:
    assert (joined_id(*one) == joined_id(*other)) == (one == other)
    assert joined_id(*one).isascii()
    assert not any(char.isspace() for char in joined_id(*one))


def test_a_message_id_of_plain_parts_reads_as_they_are() -> None:
    assert a_fill().message_id() == "mm1:BTC-5M-1:t17:42"
    assert joined_id("a:b", "c d") == "a%3Ab:c%20d"


def test_statistics_may_hold_figures_that_are_not_known() -> None:
    statistics = Statistics(scope="platform", figures={"markout": float("inf")}, ts_ns=1)
    assert decode(Statistics, encode(statistics)) == statistics


def a_fill() -> Fill:
    return msgspec.convert(
        {
            "account": "mm1",
            "algo_id": "1",
            "instrument": {
                "venue": "degen",
                "symbol": "BTC-5M-1",
                "outcome": "yes",
                "kind": "binary",
                "currency": "USD",
                "tick_size": "0.01",
            },
            "order_id": 42,
            "order_sequence": 2,
            "venue_order_id": "v1",
            "venue_trade_id": "t17",
            "side": "buy",
            "price_ticks": 52,
            "quantity_lots": 10,
            "leaves_lots": 90,
            "liquidity": "maker",
            "fee_currency": "USD",
            "ts_event_ns": 1,
            "ts_received_ns": 2,
        },
        Fill,
    )
