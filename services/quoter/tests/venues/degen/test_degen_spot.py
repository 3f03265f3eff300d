"""Spot symbols of the Degen Terminal: the page's own examples are read and written, and what is off the grid is not."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from common.errors import ContractError
from common.events import Liquidity
from common.instruments import Instrument, InstrumentKind, Outcome, Side
from common.orders import OrderState
from quoter.orders.own_orders import Orders
from quoter.testing.page import blocks
from quoter.venues.base import CashBalance, Execution, OrderReport, Placement
from quoter.venues.conversation import Reply, Request
from quoter.venues.degen.frames import (
    CURRENCY,
    VENUE,
    StatementPage,
    parse_document,
    parse_frame,
    read_balances,
    read_entry,
    reports_of,
)
from quoter.venues.degen.order_entry import batch_frame, place_document
from quoter.venues.degen.rest import ApiKey, DegenRest
from quoter.venues.degen.spot import Symbols, SymbolsDocument, lots_of, read_symbol, ticks_of

PAGE = (Path(__file__).parents[5] / "docs" / "degen-terminal-api.md").read_text()
BTCUSD = Instrument(
    VENUE,
    "BTCUSD",
    InstrumentKind.SPOT,
    "USD",
    Decimal("0.01"),
    base="BTC",
    lot_size=Decimal("0.0001"),
    min_notional=Decimal("1.000000"),
)
LISTED = Symbols([BTCUSD])


def frames(kind: str) -> list[dict[str, Any]]:
    found = [json.loads(body) for block, _, body in blocks(PAGE, 1) if block == "recv"]
    return [frame for frame in found if frame["type"] == kind]


def document_after(request: str) -> bytes:
    for (kind, head, _), (_, _, body) in pairwise(blocks(PAGE, 1)):
        if kind == "request" and head == request:
            return body.encode()
    raise AssertionError(f"the page has no {request}")


def told(frame: dict[str, Any], symbols: Symbols = LISTED) -> list[Any]:
    return list(reports_of(parse_frame(json.dumps(frame).encode()), symbols, Orders()))


def test_the_list_of_symbols_says_what_is_traded() -> None:
    (row,) = parse_document(SymbolsDocument, document_after("GET /symbols")).symbols
    assert read_symbol(VENUE, bytes(row)) == BTCUSD


@pytest.mark.parametrize(
    "change",
    [{"kind": "future"}, {"tick": "0"}, {"lot": "-1"}, {"lot": "x"}, {"min_size": "1e5"}, {"min_notional": "-1"}],
)
def test_a_symbol_that_cannot_be_traded_by_is_a_contract_error(change: dict[str, Any]) -> None:
    (row,) = json.loads(document_after("GET /symbols"))["symbols"]
    with pytest.raises(ContractError, match="degen symbol"):
        read_symbol(VENUE, json.dumps(row | change).encode())


def test_orders_are_read_in_ticks_and_lots_of_their_symbol() -> None:
    first, *_, last = [report for frame in frames("order") for report in told(frame)]
    assert isinstance(first, OrderReport)
    assert (first.order_id, first.symbol, first.outcome, first.side) == (3001, "BTCUSD", Outcome.NONE, Side.SELL)
    assert (first.price_ticks, first.quantity_lots, first.executed_lots, first.state) == (
        6_001_000,
        3_000,
        0,
        OrderState.LIVE,
    )
    assert (last.price_ticks, last.quantity_lots, last.executed_lots) == (6_000_500, 2_000, 500)


def test_a_fill_says_its_fee_with_the_currency_and_what_was_traded() -> None:
    ((found,),) = [told(frame) for frame in frames("fill")]
    assert isinstance(found, Execution)
    assert (found.order_id, found.trade_id, found.outcome, found.side) == (3001, "2", Outcome.NONE, Side.SELL)
    assert (found.price_ticks, found.quantity_lots, found.leaves_lots) == (6_000_500, 500, 1_500)
    assert (found.fee, found.fee_currency, found.liquidity) == (Decimal("0.300025"), "USD", Liquidity.MAKER)
    assert (found.account_sequence, found.instrument) == (19, BTCUSD)


def test_cash_is_told_by_currency() -> None:
    coins = [report for frame in frames("balance") for report in told(frame)]
    assert coins == [CashBalance("BTC", Decimal("0.50000000"), 15), CashBalance("BTC", Decimal("0.45000000"), 21)]
    cash = [report for frame in frames("account") for report in told(frame)]
    assert cash == [CashBalance("USD", Decimal("102986.557308"), 22), CashBalance("USD", Decimal("102986.257283"), 23)]


def test_balances_are_read_by_currency_dollars_first() -> None:
    document = json.loads(document_after("GET /balances"))
    document["balances"].reverse()
    found = read_balances(json.dumps(document).encode())
    assert [(each.currency, str(each.total), str(each.available)) for each in found.balances] == [
        ("USD", "102986.257283", "102954.057283"),
        ("BTC", "0.45000000", "0.30000000"),
    ]
    assert (found.account_sequence, found.balances[0].currency) == (23, CURRENCY)


@pytest.mark.parametrize("row", [{"total": "NaN"}, {"available": "1e16"}, {"currency": "BTC"}])
def test_balances_that_cannot_be_reckoned_with_are_a_contract_error(row: dict[str, Any]) -> None:
    document = json.loads(document_after("GET /balances"))
    document["balances"][0] |= row
    with pytest.raises(ContractError, match="degen balance"):
        read_balances(json.dumps(document).encode())


def test_a_statement_of_coins_moves_no_pairs() -> None:
    page = parse_document(StatementPage, document_after("GET /statement?currency=BTC"))
    assert [read_entry(bytes(entry)) for entry in page.entries] == [None, None]


def test_our_order_has_the_members_the_page_shows() -> None:
    golden = next(json.loads(body) for kind, _, body in blocks(PAGE, 1) if kind == "send" and '"op": "place"' in body)
    place = Placement(
        3001,
        "BTCUSD",
        Outcome.NONE,
        Side.SELL,
        6_001_000,
        3_000,
        True,
        tick_size=BTCUSD.tick_size,
        lot_size=BTCUSD.lot_size,
    )
    (item,) = json.loads(batch_frame(21, [], [place]))["items"]
    assert item.pop("size") == "0.3000"
    assert item == {name: value for name, value in golden.items() if name not in ("id", "size")}
    assert place_document(place) | {"op": "place"} == item | {"size": "0.3000"}
    taking = place._replace(post_only=False, immediate=True)
    (item,) = json.loads(batch_frame(21, [], [taking]))["items"]
    assert (item["time_in_force"], item["post_only"]) == ("ioc", False)


@pytest.mark.parametrize(
    "change",
    [
        {"price": "60005.005"},
        {"price": "0.00"},
        {"price": "1e9"},
        {"price": 60005},
        {"size": "0.00005"},
        {"size": "0"},
        {"size": 5},
        {"size": "1e999999"},
        {"leaves": "-1"},
        {"symbol": "XRPUSD"},
        {"side": "buy"},
        {"fee": "x"},
        {"fee_currency": ""},
        {"client_order_id": "0"},
    ],
)
def test_a_fill_off_the_grid_of_its_symbol_is_a_contract_error(change: dict[str, Any]) -> None:
    (golden,) = frames("fill")
    golden["fill"] |= change
    with pytest.raises(ContractError, match="degen"):
        told(golden)


@pytest.mark.parametrize("member", ["size", "filled"])
def test_shares_are_no_decimal_strings(member: str) -> None:
    shares = {"market": "M", "outcome": "yes", "symbol": "", "price": "0.50", "size": 5, "filled": 0, "leaves": 5}
    golden = frames("order")[0]
    golden["order"] |= shares
    assert told(golden)[0].quantity_lots == 5
    golden["order"] |= {member: "3"}
    with pytest.raises(ContractError, match="number of shares"):
        told(golden)


def test_what_names_a_symbol_that_is_not_listed_has_the_list_asked_for_again() -> None:
    symbols = Symbols()
    with pytest.raises(ContractError, match="'BTCUSD' is not in the venue's list"):
        told(frames("fill")[0], symbols)
    assert symbols.missed
    symbols.take([BTCUSD])
    assert told(frames("fill")[0], symbols)


def answered(script: Any, symbols: int, asked: list[str]) -> Any:
    """Run a script at a venue whose list of symbols fails so many times; return what the script returns."""
    found: list[Any] = [None]

    def kept() -> Any:
        found[0] = yield from script

    running = kept()
    said = next(running, None)
    while said is not None:
        reply = None
        if isinstance(said, Request):
            path = said.path.partition("?")[0]
            asked.append(path)
            symbols -= path == "/symbols"
            bodies = {"/positions": b'{"account_sequence": 19, "ts_ns": 1, "positions": []}'}
            bodies |= {"/statement": b'{"account_sequence": 19, "entries": [], "has_more": false, "next_after": 19}'}
            status = 0 if path == "/symbols" and symbols >= 0 else 200
            reply = Reply(status, bodies.get(path) or document_after(f"GET {path}"))
        try:
            said = running.send(reply)
        except StopIteration:
            break
    return found[0]


def test_a_list_of_symbols_without_an_answer_is_asked_for_again_before_money_is_told() -> None:
    rest, asked = DegenRest(ApiKey("trade", "key", "secret"), Random(1)), list[str]()
    answered(rest.list_symbols(), 1, asked)
    money = answered(rest.money(), 1, asked)
    assert [each.currency for each in money.balances] == ["USD", "BTC"], "and not dollars alone"
    assert asked == ["/symbols", "/symbols", "/symbols", "/balances", "/positions"]


def test_a_list_of_symbols_that_is_broken_off_is_missed() -> None:
    rest = DegenRest(ApiKey("trade", "key", "secret"), Random(1))
    asking = rest.list_symbols()
    next(asking)
    asking.close()
    assert rest.symbols.missed


def test_without_a_list_of_symbols_there_is_no_money_and_transfers_wait_for_it() -> None:
    rest, asked = DegenRest(ApiKey("trade", "key", "secret"), Random(1)), list[str]()
    answered(rest.list_symbols(), 1, asked)
    assert answered(rest.money(), 9, asked) is None
    assert answered(rest.moved(0), 2, asked).rows == []
    assert asked[-4:] == ["/symbols", "/symbols", "/symbols", "/statement"]


def test_prices_and_sizes_are_those_of_the_grid() -> None:
    assert (ticks_of(BTCUSD, "60000.00"), lots_of(BTCUSD, "0.1000"), lots_of(BTCUSD, "0", 0)) == (6_000_000, 1_000, 0)
