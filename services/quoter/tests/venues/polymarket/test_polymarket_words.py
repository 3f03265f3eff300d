"""Polymarket's words and signatures: exact numbers, and orders as the maintained client library writes them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from decimal import Decimal

import pytest
from common.errors import ConfigError, ContractError
from common.instruments import Outcome, Side
from common.orders import OrderIds, epoch_of
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st
from py_clob_client_v2.clob_types import CreateOrderOptions, OrderArgsV2
from py_clob_client_v2.order_builder.builder import ROUNDING_CONFIG, OrderBuilder
from quoter.venues.base import Placement
from quoter.venues.polymarket.numbers import micros, price_units, stamp_s
from quoter.venues.polymarket.signing.keys import LibraryKeys
from quoter.venues.polymarket.signing.library import LibrarySide, LibrarySigner
from quoter.venues.polymarket.signing.ticket import PolymarketKey, Ticket, sent_s, write
from quoter.venues.polymarket.words import Details, MarketDocument, details_of, parse, parse_frame

WALLET_KEY = "0x" + "11" * 32
KEY = PolymarketKey(WALLET_KEY, "key-id", "c2VjcmV0LW9mLXRoZS1rZXk=", "passphrase")
TICKS = ["0.1", "0.01", "0.001", "0.0001", "0.005", "0.0025"]


def details(tick_units: int = 100, *, neg_risk: bool = False) -> Details:
    return Details("0xmarket", ("1001", "1002"), tick_units, 500, neg_risk, 0.072, 1.0)


def ticket(order_id: int, price_ticks: int = 40, lots: int = 10_000, **more: bool) -> Ticket:
    place = Placement(order_id, "0xmarket", Outcome.YES, Side.BUY, price_ticks, lots, True)
    written = write(place, details(**more))
    assert isinstance(written, Ticket)
    return written


@given(
    st.sampled_from(TICKS),
    st.integers(500, 10_000_000),
    st.floats(0.0, 1.0),
    st.sampled_from([Side.BUY, Side.SELL]),
)
def test_amounts_are_those_of_the_client_library(tick: str, lots: int, where: float, side: Side) -> None:
    units = int(Decimal(tick) * 10_000)
    ticks = 1 + int(where * (10_000 // units - 2))
    written = write(Placement(7, "0xmarket", Outcome.NO, side, ticks, lots, True), details(units))
    assert isinstance(written, Ticket)
    builder = OrderBuilder(LibrarySigner(WALLET_KEY, 137))
    library_side = LibrarySide.BUY if side is Side.BUY else LibrarySide.SELL
    _, gives, takes = builder.get_order_amounts(library_side, lots / 100, ticks * units / 10_000, ROUNDING_CONFIG[tick])
    # The library counts in floats and may lose a hundredth of a share; ours are exact.
    exact = ticks * units * lots
    assert written.maker_amount + written.taker_amount == exact + lots * 10_000
    assert 0 <= written.maker_amount - gives <= 10_000 and 0 <= written.taker_amount - takes <= 10_000


@given(st.lists(st.integers(1, 2**40), min_size=1, max_size=50), st.integers(1, 2**20 - 1))
def test_salt_and_time_hold_an_order_id_and_nothing_else(seconds: list[int], epoch: int) -> None:
    ids = OrderIds(epoch)
    made = [ids.next(1_795_000_000_000_000_000 + second * 1_000) for second in seconds]
    named = {(ticket(order_id).salt, ticket(order_id).timestamp_ms) for order_id in made}
    assert len(named) == len(made)
    assert all(salt < 2**53 for salt, _ in named), "readers who count in floats keep every digit"
    assert {salt >> 13 for salt, _ in named} == {epoch_of(order_id) for order_id in made}


def test_the_name_of_an_order_is_known_before_it_is_signed_and_again_after_a_restart() -> None:
    order_id = OrderIds(3).next(1_795_222_810_000_000_000)
    signed = LibraryKeys(KEY).sign(ticket(order_id))
    assert LibraryKeys(KEY).order_hash(ticket(order_id)) == signed.order_hash
    assert LibraryKeys(KEY).sign(ticket(order_id)) == signed
    other = LibraryKeys(KEY).sign(ticket(order_id + 1))
    assert other.order_hash != signed.order_hash
    assert sent_s(order_id) == 1_795_222_810


@pytest.mark.parametrize("neg_risk", [False, True])
def test_the_signature_is_the_wallets_over_the_hash(neg_risk: bool) -> None:
    keys = LibraryKeys(KEY)
    signed = keys.sign(ticket(5_000_000_000_000, neg_risk=neg_risk))
    document = json.loads(signed.document)
    signer = Account._recover_hash(signed.order_hash, signature=document["order"]["signature"])
    assert signer == keys.address == document["order"]["signer"] == document["order"]["maker"]


def test_the_document_is_the_client_librarys_for_the_same_order() -> None:
    written = ticket(OrderIds(3).next(1_795_222_810_000_000_000))
    ours = json.loads(LibraryKeys(KEY).sign(written).document)
    library = OrderBuilder(LibrarySigner(WALLET_KEY, 137)).build_order(
        OrderArgsV2(token_id="1001", price=0.40, size=100, side="BUY"), CreateOrderOptions("0.01", neg_risk=False)
    )
    theirs = vars(library)
    for name in ("maker", "signer", "tokenId", "makerAmount", "takerAmount", "expiration", "metadata", "builder"):
        assert ours["order"][name] == theirs[name], name
    assert ours["order"]["side"] == "BUY"
    assert (ours["owner"], ours["orderType"], ours["postOnly"], ours["deferExec"]) == ("key-id", "GTC", True, False)
    assert ours["order"]["salt"] == written.salt
    assert ours["order"]["timestamp"] == "1795222810000"


def test_b30_keys_show_no_secret_and_a_bad_one_is_refused_without_quoting_it() -> None:
    assert WALLET_KEY not in repr(KEY) and "passphrase" not in repr(KEY).replace("api_passphrase", "")
    with pytest.raises(ConfigError) as refused:
        LibraryKeys(PolymarketKey("0xnot-a-key-but-secret", "a", "b", "c"))
    assert "not-a-key" not in str(refused.value)


def test_requests_are_signed_over_method_path_body_and_second() -> None:
    keys = LibraryKeys(KEY)
    base = keys.headers("POST", "/orders", b"[]", 1_795_222_810)
    assert base["POLY_TIMESTAMP"] == "1795222810"
    others = [
        keys.headers("DELETE", "/orders", b"[]", 1_795_222_810),
        keys.headers("POST", "/order", b"[]", 1_795_222_810),
        keys.headers("POST", "/orders", b"[1]", 1_795_222_810),
        keys.headers("POST", "/orders", b"[]", 1_795_222_811),
    ]
    assert len({each["POLY_SIGNATURE"] for each in [base, *others]}) == 5
    assert "c2VjcmV0LW9mLXRoZS1rZXk=" not in str(base)


@given(st.integers(0, 10**15))
def test_texts_become_millionths_exactly(count: int) -> None:
    assert micros(str(Decimal(count) / 1_000_000), "size") == count


@pytest.mark.parametrize("text", ["", "x", "-1", "NaN", "Infinity", "0.0000001", "1e400"])
def test_a_number_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(ContractError):
        micros(text, "size")


@pytest.mark.parametrize("text", ["0", "1", "0.00001", "1.2"])
def test_a_price_outside_the_market_or_finer_than_any_tick_is_refused(text: str) -> None:
    with pytest.raises(ContractError):
        price_units(text)


@pytest.mark.parametrize("tick", ["0", "0.3", "0.00005", "1.5", "-0.01"])
def test_a_tick_on_which_a_dollar_is_no_tick_is_refused(tick: str) -> None:
    body = f'{{"t":[{{"t":"1","o":"Up"}},{{"t":"2","o":"Down"}}],"mts":{tick}}}'.encode()
    with pytest.raises(ContractError):
        details_of("0xmarket", parse(MarketDocument, body))


def test_a_frame_may_hold_one_event_or_several_and_kinds_we_do_not_know() -> None:
    order = {"event_type": "order", "id": "0x1", "market": "0xm", "asset_id": "1", "side": "BUY", "price": "0.4"}
    order |= {"original_size": "10", "size_matched": "0", "type": "PLACEMENT", "timestamp": "1"}
    assert len(parse_frame(json.dumps(order).encode()).rows) == 1
    assert len(parse_frame(json.dumps([order, {"event_type": "new"}, order]).encode()).rows) == 2
    assert parse_frame(b"PONG") == ([], [])


@given(st.binary(max_size=80))
def test_any_bytes_are_a_frame_or_a_contract_error(data: bytes) -> None:
    with contextlib.suppress(ContractError):
        parse_frame(data)


def test_stamps_come_in_seconds_and_milliseconds() -> None:
    assert stamp_s("1672290701") == stamp_s(1_672_290_701_000) == 1_672_290_701
    assert stamp_s("") == stamp_s("soon") == stamp_s(None) == 0


def test_frames_nested_without_end_are_refused_although_a_library_raises_the_limit_of_recursion() -> None:
    # In a process of its own: here other tests have imported what they like.
    code = (
        "import sys; before = sys.getrecursionlimit(); import quoter.venues.polymarket.signing.keys;"
        "from quoter.venues.polymarket.words import parse_frame; from common.errors import ContractError\n"
        "assert sys.getrecursionlimit() == before\n"
        "try: parse_frame(b'[' * 200_000)\n"
        "except ContractError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout.strip(), done.returncode) == ("refused", 0), done.stderr
