"""The Degen Terminal's own examples: every golden frame that concerns us is read, and ours are as its page says."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from common.errors import ContractError
from common.events import Liquidity
from common.instruments import Outcome, Side
from common.orders import OrderState
from hypothesis import given
from hypothesis import strategies as st
from quoter.orders.own_orders import Order, Orders
from quoter.testing.page import blocks
from quoter.testing.script import KEY
from quoter.venues.base import Conversion, Execution, Placement
from quoter.venues.degen.frames import (
    BalanceDocument,
    Cancelled,
    FillPage,
    Merged,
    OrderPage,
    PositionsDocument,
    StatementPage,
    Token,
    WireEntry,
    conversion,
    execution,
    order_report,
    parse_document,
    parse_frame,
    read_entry,
    read_holdings,
    read_order,
    reports_of,
)
from quoter.venues.degen.frames import read_fill as read_wire_fill
from quoter.venues.degen.order_entry import (
    BATCH_ITEMS_MAX,
    batch_frame,
    cancel_all_frame,
    heartbeat_frame,
    login_frame,
    subscribe_frame,
)
from quoter.venues.degen.session import DegenSession
from quoter.venues.degen.spot import Symbols

NONE = Symbols()


PAGE = (Path(__file__).parents[5] / "docs" / "degen-terminal-api.md").read_text()


def examples() -> list[tuple[str, str, str]]:
    return blocks(PAGE, 0)


def frames() -> list[str]:
    return [body for kind, _, body in examples() if kind == "recv"]


def document_after(request: str) -> bytes:
    rows = examples()
    for (kind, head, _), (_, _, body) in pairwise(rows):
        if kind == "request" and head == request:
            return body.encode()
    raise AssertionError(f"the page has no {request}")


def test_the_page_has_the_frames_this_file_is_about() -> None:
    kinds = {json.loads(body)["type"] for body in frames()}
    assert {"reply", "error", "order", "fill", "account", "orderbook", "trade", "market"} <= kinds


@pytest.mark.parametrize("body", frames())
def test_every_golden_frame_is_read(body: str) -> None:
    golden = json.loads(body)
    frame = parse_frame(body.encode())
    assert frame.type == golden["type"]
    if "order" in golden:
        assert frame.order is not None
        assert order_report(frame.order, NONE).order_id == int(golden["order"]["client_order_id"])
    if golden["type"] == "fill":
        assert frame.fill is not None


def test_the_golden_fill_in_neutral_words() -> None:
    [body] = [body for body in frames() if json.loads(body)["type"] == "fill"]
    frame = parse_frame(body.encode())
    assert frame.fill is not None
    found = execution(frame.fill, NONE, recovered=False)
    assert (found.order_id, found.trade_id, found.outcome, found.side) == (2001, "1", Outcome.NO, Side.BUY)
    assert (found.price_ticks, found.quantity_lots, found.leaves_lots) == (46, 30, 70)
    assert (found.liquidity, str(found.fee), found.match_type) == (Liquidity.MAKER, "-0.107308", "mint")
    assert (found.venue_sequence, found.account_sequence) == (2, 11)


def test_the_golden_documents_are_read() -> None:
    assert parse_document(Token, document_after("POST /auth/login")).account == "mm1"
    page = parse_document(OrderPage, document_after("GET /orders?status=open&limit=1"))
    assert (page.has_more, page.next_after) == (True, 2)
    assert read_order(bytes(page.orders[0]), NONE).state is OrderState.LIVE
    cancelled = parse_document(
        Cancelled, document_after("DELETE /orders?client_order_id_from=1000&client_order_id_below=2000")
    )
    assert read_order(bytes(cancelled.cancelled[0]), NONE).state is OrderState.CANCELLED
    assert str(parse_document(BalanceDocument, document_after("GET /balance")).balance.cash) == "100000.000000"
    [position] = parse_document(PositionsDocument, document_after("GET /positions")).positions
    assert read_holdings(bytes(position))[0].lots == 10
    fills = parse_document(FillPage, document_after("GET /fills?after=7")).fills
    assert read_wire_fill(bytes(fills[0]), NONE).trade_id == "1"
    statement = parse_document(StatementPage, document_after("GET /statement?after=5&limit=2"))
    told = [found for entry in statement.entries if isinstance(found := read_entry(bytes(entry)), Conversion)]
    conversions = [each for each in told if isinstance(each, Conversion)]
    assert [(each.entry_id, each.pairs, each.cash, each.account_sequence) for each in conversions] == [
        ("4", 10, Decimal(-10), 6),
        ("5", -10, Decimal(10), 7),
    ]
    assert parse_document(Merged, document_after("POST /positions/merge")).account_sequence == 7


def test_what_a_fill_or_the_end_of_a_market_explains_is_no_conversion() -> None:
    merged = WireEntry("8", 12, "merge", "1.000000", "M", -1, -1)
    assert conversion(merged, recovered=False) is not None
    assert conversion(msgspec.structs.replace(merged, trade_id="3"), recovered=False) is None
    for kind in ("deposit", "trade", "mint", "fee", "rebate", "settlement", "void"):
        assert conversion(msgspec.structs.replace(merged, type=kind), recovered=False) is None


@pytest.mark.parametrize("change", [{"entry_id": ""}, {"market": None}, {"no_change": 0}, {"amount": "x"}])
def test_a_conversion_that_is_not_what_the_page_says_is_a_contract_error(change: dict[str, Any]) -> None:
    merged = WireEntry("8", 12, "merge", "1.000000", "M", -1, -1)
    with pytest.raises(ContractError):
        conversion(msgspec.structs.replace(merged, **change), recovered=False)


def test_an_order_that_must_not_rest_says_so_on_the_wire() -> None:
    place = Placement(1, "M", Outcome.NO, Side.BUY, 40, 5, False, immediate=True)
    (item,) = json.loads(batch_frame(1, [], [place]))["items"]
    assert (item["time_in_force"], item["post_only"]) == ("ioc", False)


def golden_send(op: str) -> dict[str, Any]:
    for kind, _, body in examples():
        if kind == "send" and body.startswith("{") and json.loads(body)["op"] == op:
            found: dict[str, Any] = json.loads(body)
            return found
    raise AssertionError(f"the page sends no {op}")


def test_our_frames_have_the_members_the_page_shows() -> None:
    login = json.loads(login_frame(2, "$token", 5_000))
    assert login == golden_send("login")
    assert json.loads(heartbeat_frame(3)) == golden_send("heartbeat")
    assert json.loads(subscribe_frame(4)) == golden_send("subscribe")
    golden = golden_send("batch")
    place = Placement(2002, "BTC-5M-1795223100", Outcome.YES, Side.BUY, 54, 50, True)
    assert json.loads(batch_frame(7, [1999], [place])) == golden
    assert json.loads(cancel_all_frame(9, 2_000)) == {"op": "cancel_all", "id": 9, "client_order_id_below": "2000"}


def test_a_long_list_goes_out_in_frames_of_fifty_cancels_first() -> None:
    session = DegenSession(KEY, "http://venue", Orders())
    list(session.start(1, 0, 0))
    list(session.on_open(0))
    list(session.on_frame(b'{"type":"reply","op":"subscribe","id":2,"result":{"account_sequence":0}}', 0))
    places = [Placement(1_000 + number, "M", Outcome.YES, Side.BUY, 40, 1, True) for number in range(30)]
    sent = [json.loads(effect.data)["items"] for effect in session.send(range(1, 91), places, 0)]  # type: ignore[union-attr]
    assert [len(items) for items in sent] == [50, 50, 20]
    ops = [item["op"] for items in sent for item in items]
    assert ops == ["cancel"] * 90 + ["place"] * 30
    assert max(len(items) for items in sent) <= BATCH_ITEMS_MAX


@pytest.mark.parametrize(
    "change",
    [
        {"price": "0.485"},
        {"price": 0.48},
        {"side": "buy"},
        {"outcome": "maybe"},
        {"client_order_id": "x"},
        {"size": 0},
        {"client_order_id": "9" * 40},
        {"trade_id": ""},
        {"account_sequence": 10**40},
        {"leaves": -1},
    ],
)
def test_a_fill_that_is_not_what_the_page_says_is_a_contract_error(change: dict[str, Any]) -> None:
    [body] = [body for body in frames() if json.loads(body)["type"] == "fill"]
    golden = json.loads(body)
    golden["fill"] |= change
    with pytest.raises(ContractError, match="degen"):
        read_fill(json.dumps(golden).encode())


def read_fill(data: bytes) -> Execution:
    frame = parse_frame(data)
    assert frame.fill is not None
    return execution(frame.fill, NONE, recovered=False)


@given(told=st.integers(0, 5), place=st.integers(0, 5), filled=st.sampled_from([0, 40]))
def test_a_change_of_an_order_that_was_told_before_is_told_again_only_with_what_is_filled(
    told: int, place: int, filled: int
) -> None:
    [golden, *_] = [frame for frame in map(json.loads, frames()) if frame["type"] == "order"]
    golden["order"] |= {"order_sequence": place, "filled": filled}
    own = Order(int(golden["order"]["client_order_id"]), "1", "BTC-5M", Outcome.YES, Side.BUY, 46, 100)
    own.venue_sequence = told
    orders = Orders()
    orders.add(own)
    frame = parse_frame(json.dumps(golden).encode())
    assert frame.order is not None
    report = order_report(frame.order, NONE)
    known = place <= told and not filled
    assert reports_of(frame, NONE, orders) == ([] if known else [report])


@pytest.mark.parametrize("client_id", ["", "stranger", "1" * 5_000])
def test_an_order_with_an_id_that_is_not_ours_repeats_nothing(client_id: str) -> None:
    [golden, *_] = [frame for frame in map(json.loads, frames()) if frame["type"] == "order"]
    golden["order"]["client_order_id"] = client_id
    with pytest.raises(ContractError, match="degen order"):
        reports_of(parse_frame(json.dumps(golden).encode()), NONE, Orders())


def deliver(session: DegenSession, data: bytes) -> None:
    list(session.on_frame(data, 1))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_session(data: bytes) -> None:
    session = DegenSession(KEY, "http://venue", Orders())
    list(session.start(1, 0, 0))
    deliver(session, data)


@given(st.sampled_from(frames()), st.data())
def test_no_mutation_of_a_golden_frame_breaks_the_session(body: str, data: st.DataObject) -> None:
    frame = json.loads(body)
    names = data.draw(st.lists(st.sampled_from(sorted(frame)), min_size=1, max_size=2))
    for name in names:
        inner = frame[name]
        if isinstance(inner, dict) and inner and data.draw(st.booleans()):
            inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(json_values)
        else:
            frame[name] = data.draw(json_values)
    session = DegenSession(KEY, "http://venue", Orders())
    list(session.start(1, 0, 0))
    list(session.on_open(0))
    deliver(session, json.dumps(frame).encode())
