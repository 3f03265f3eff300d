"""ccxt driven as scripts: what it sends is exact, what it raises has two meanings, and it asks no clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest
from common.instruments import Side
from hypothesis import given, settings
from hypothesis import strategies as st
from quoter.testing.ccxt.paper import KEY, SECRET
from quoter.testing.ccxt.stages import PAPER_KEYS, BinanceStage, CcxtStage, KrakenStage
from quoter.venues.base import Placement
from quoter.venues.ccxt.binance import Binance
from quoter.venues.ccxt.dialect import Dialect
from quoter.venues.ccxt.driving import Refused, Unclear, decode
from quoter.venues.ccxt.kraken import Kraken
from quoter.venues.ccxt.venue import speaking
from quoter.venues.conversation import Reply, Request, Script

STAGES: dict[str, Callable[[], CcxtStage]] = {"binance": BinanceStage, "kraken": KrakenStage}
ORDER_ID = 4_611_686_018_427_387_905


def known(name: str) -> tuple[Dialect, Any]:
    """Return a dialect that knows its market, and the market."""
    stage = STAGES[name]()
    stage.start()
    return stage.dialect, stage.dialect.markets[stage.symbol]


DIALECTS = {name: known(name) for name in STAGES}


def asked(script: Script[Any]) -> Request:
    """Return the first request of a script."""
    request = next(script)
    assert isinstance(request, Request)
    return request


def outcome(script: Script[Any], status: int, body: bytes) -> Any:
    """Answer a script's only request and return what came of it, an error as its value."""
    next(script)
    try:
        script.send(Reply(status, body))
    except StopIteration as done:
        return done.value
    except (Refused, Unclear) as error:
        return error
    raise AssertionError("it asks again")


def placed(name: str, ticks: int, lots: int, *, immediate: bool = False) -> Script[Any]:
    dialect, market = DIALECTS[name]
    coin = market.instrument
    terms = (coin.symbol, coin.outcome, Side.SELL, ticks, lots, not immediate, immediate)
    return dialect.place(Placement(ORDER_ID, *terms), market)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(STAGES)), st.integers(1, 10**9), st.integers(1, 10**10))
def test_prices_and_sizes_are_sent_to_the_last_digit(name: str, ticks: int, lots: int) -> None:
    coin = DIALECTS[name][1].instrument
    sent = parse_qs(asked(placed(name, ticks, lots)).body.decode())
    (size,) = sent.get("quantity") or sent["volume"]
    assert Decimal(sent["price"][0]) == coin.price(ticks)
    assert Decimal(size) == coin.quantity(lots)
    assert "e" not in sent["price"][0].lower() + size.lower()


def test_an_order_goes_out_under_our_name_post_only_or_at_once() -> None:
    resting, taking = (parse_qs(asked(placed("binance", 1, 9, immediate=each)).body.decode()) for each in (False, True))
    assert resting["newClientOrderId"] == [str(ORDER_ID)] == taking["newClientOrderId"]
    assert (resting["type"], taking["type"], taking["timeInForce"]) == (["LIMIT_MAKER"], ["LIMIT"], ["IOC"])
    resting, taking = (parse_qs(asked(placed("kraken", 1, 9, immediate=each)).body.decode()) for each in (False, True))
    assert resting["cl_ord_id"] == ["4000000000000001"] == taking["cl_ord_id"]
    assert (resting["oflags"], taking["oflags"], taking["timeinforce"]) == (["fciq,post"], ["fciq"], ["IOC"])


@pytest.mark.parametrize("name", sorted(STAGES))
@given(st.integers(1, 2**63 - 1))
def test_the_name_of_an_order_says_which_it_is(name: str, order_id: int) -> None:
    dialect = DIALECTS[name][0]
    text = dialect.client_id(order_id)
    assert len(text) <= {"binance": 36, "kraken": 18}[name]
    assert dialect.order_id(text) == order_id


@pytest.mark.parametrize("name", sorted(STAGES))
@given(st.text(max_size=40))
def test_the_name_of_another_order_is_none_of_ours_or_a_number(name: str, text: str) -> None:
    found = DIALECTS[name][0].order_id(text)
    assert found == 0 or DIALECTS[name][0].client_id(found).lstrip("0") == text.lstrip("0")


BINANCE = {
    (400, -2010, "Order would immediately match and take."): "would_cross",
    (400, -2010, "Account has insufficient balance for requested action."): "insufficient_funds",
    (400, -1013, "Filter failure: LOT_SIZE"): "invalid_order",
    (400, -1021, "Timestamp for this request is outside of the recvWindow."): "bad_nonce",
    (400, -2015, "Invalid API-key, IP, or permissions for action."): "bad_credentials",
    (401, -2014, "API-key format invalid."): "bad_credentials",
    (429, -1003, "Too much request weight used."): "rate_limited",
    (418, -1003, "Way too much request weight used; IP banned."): "rate_limited",
    (400, -1007, "Timeout waiting for response from backend server."): "",
    (400, -2010, "Duplicate order sent."): "",
    (503, 0, "Unknown error, please check your request or try again later."): "",
    (0, 0, ""): "",
}
KRAKEN = {
    "EOrder:Insufficient funds": "insufficient_funds",
    "EOrder:Order minimum not met": "invalid_order",
    "EOrder:Unknown order": "unknown_order",
    "EAPI:Rate limit exceeded": "rate_limited",
    "EOrder:Rate limit exceeded": "rate_limited",
    "EGeneral:Temporary lockout": "rate_limited",
    "EAPI:Invalid key": "bad_credentials",
    "EGeneral:Permission denied": "bad_credentials",
    "EAPI:Invalid nonce": "bad_nonce",
    "EService:Market in cancel_only mode": "maintenance",
    "EService:Unavailable": "",
    "EService:Busy": "",
    "EService:Timeout": "",
    "EGeneral:Internal error": "",
    "EOrder:cl_ord_id duplicate": "",
}


@pytest.mark.parametrize(("said", "code"), BINANCE.items())
def test_what_binance_says_of_an_order_is_a_refusal_or_unclear(said: tuple[int, int, str], code: str) -> None:
    status, number, text = said
    demand_meaning("binance", status, json.dumps({"code": number, "msg": text}).encode(), code)


@pytest.mark.parametrize(("said", "code"), KRAKEN.items())
def test_what_kraken_says_of_an_order_is_a_refusal_or_unclear(said: str, code: str) -> None:
    demand_meaning("kraken", 200, json.dumps({"error": [said]}).encode(), code)


def demand_meaning(name: str, status: int, body: bytes, code: str) -> None:
    came = outcome(placed(name, 100, 900), status, body)
    if code:
        assert isinstance(came, Refused)
        assert came.code == code
    else:
        assert isinstance(came, Unclear)
    assert KEY not in str(came)
    assert SECRET not in str(came)
    assert "://" not in str(came)


@pytest.mark.parametrize("name", sorted(STAGES))
@settings(max_examples=100, deadline=None)
@given(st.sampled_from([200, 400, 500]), st.binary(max_size=40) | st.sampled_from([b"null", b"[]", b"{}", b"[null]"]))
def test_an_answer_of_any_bytes_is_unclear_or_refused_and_never_an_order(name: str, status: int, body: bytes) -> None:
    assert isinstance(outcome(placed(name, 100, 900), status, body), Refused | Unclear)


def test_numbers_of_a_document_stay_their_digits() -> None:
    assert decode(b"[1.10, 1e-7, 0.1e3, 1e999, 5]") == ["1.10", "0.0000001", "100", "1e999", 5]
    assert decode(b"{") is None
    assert decode(b"[" * 100_000) is None


@pytest.mark.parametrize("make", [Binance, Kraken])
def test_the_same_time_makes_the_same_request(make: Callable[..., Dialect]) -> None:
    name = make.__name__.lower()
    requests = []
    for _ in range(2):
        dialect = speaking(PAPER_KEYS, name, make, live=True)(lambda: 1_795_222_810_000_000_000)
        requests.append(asked(dialect.balances()))
    assert requests[0] == requests[1]
