"""What every adapter must survive: one odd thing of a venue costs itself, never its neighbours."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from common.core import Close, HttpRequest
from common.events import Alert, Market, MarketStatus
from feed.testing.harness import only
from feed.testing.stages import STAGES, KrakenStage, Stage, bids_of, dumped
from feed.venues import ADAPTERS
from hypothesis import given, settings
from hypothesis import strategies as st

EVERY = sorted(STAGES)
LISTING = [name for name in EVERY if STAGES[name].lists_markets]
UNNUMBERED = {"coinbase": "l2update", "degen": "orderbook", "polymarket": "price_change"}
"""Venues whose lost changes show nowhere, and their frames that change books."""


def test_every_adapter_has_its_stage() -> None:
    assert set(STAGES) == set(ADAPTERS)


def sound(stage: Stage, symbol: str) -> None:
    """Assert that a symbol is believed and that its next change is told."""
    assert symbol not in stage.rehearsal.status().stale_symbols
    told = bids_of(stage.move(symbol), symbol)
    assert told
    assert told[-1] == stage.bids[symbol]


def recovered(stage: Stage, symbol: str) -> None:
    """Assert that a symbol is sound after the venue has been asked for what was lost."""
    for _ in range(40):
        told = stage.serve(500) + stage.move(symbol)
        if symbol not in stage.rehearsal.status().stale_symbols and bids_of(told, symbol)[-1:] == [stage.bids[symbol]]:
            return
    raise AssertionError(f"{symbol} did not come back: {stage.rehearsal.status()}")


@pytest.mark.parametrize("venue", EVERY)
def test_the_stage_itself_is_sound(venue: str) -> None:
    stage = STAGES[venue]()
    for symbol in stage.symbols:
        sound(stage, symbol)
    stage.serve(30_000)
    assert stage.rehearsal.status().stale_symbols == []
    assert (stage.rehearsal.status().malformed, stage.rehearsal.feed.listings.dropped) == (0, 0)
    assert only(stage.rehearsal.effects, Alert) == []
    for symbol in stage.symbols:
        sound(stage, symbol)


@pytest.mark.parametrize("venue", EVERY)
@pytest.mark.parametrize(
    "text", [b"", b"hello", b"INVALID OPERATION", b"\x00\xff", b"{}", b"[]", b"null", b'"x"', b"1"]
)
def test_r25_an_odd_frame_costs_itself(venue: str, text: bytes) -> None:
    stage = STAGES[venue]()
    assert only(stage.tell(text), Close) == []
    for symbol in stage.symbols:
        sound(stage, symbol)


def test_r25_a_ticker_of_what_never_traded_says_nothing() -> None:
    stage = STAGES["coinbase"]()
    bare = {"type": "ticker", "product_id": stage.symbols[0], "price": "0", "best_bid": "0.00", "best_ask": "0.00"}
    assert bids_of(stage.tell(bare), stage.symbols[0]) == []
    assert stage.rehearsal.status().malformed == 0
    for symbol in stage.symbols:
        sound(stage, symbol)


@pytest.mark.parametrize(("venue", "kind"), [("coinbase", "l2update"), ("coinbase", "match"), ("kraken", "trade")])
def test_r25_a_second_of_60_is_read(venue: str, kind: str) -> None:
    stage = STAGES[venue]()
    text = dumped(stage.documents(stage.symbols[0])[kind])
    at = text.index(b"T0") + 7
    stage.tell(text[:at] + b"60" + text[at + 2 :])
    assert (stage.rehearsal.status().malformed, stage.rehearsal.feed.listings.dropped) == (0, 0)
    for symbol in stage.symbols:
        sound(stage, symbol)


@pytest.mark.parametrize("venue", sorted(UNNUMBERED))
def test_r25_a_book_frame_that_cannot_be_read_costs_the_book_it_names(venue: str) -> None:
    stage = STAGES[venue]()
    first, second = stage.symbols
    whole = dumped(stage.documents(first)[UNNUMBERED[venue]])
    stage.rehearsal.frame(whole[:-9], stage.wire)
    assert stage.rehearsal.status().stale_symbols == [first]
    sound(stage, second)
    recovered(stage, first)


@pytest.mark.parametrize("venue", EVERY)
def test_r25_one_kind_of_frame_sent_wrongly_at_any_rate_does_not_cost_the_connection(venue: str) -> None:
    stage = STAGES[venue]()
    for _ in range(200):
        assert only(stage.tell(b"oops"), Close) == []
        for symbol in stage.symbols:
            stage.tell(stage.documents(symbol)["trade" if venue in ("binance", "kraken", "degen") else _plain(venue)])
    alerts = [alert.kind for alert in only(stage.rehearsal.effects, Alert)]
    assert alerts == ["unreadable_here"], "told once a minute"


def _plain(venue: str) -> str:
    return {"coinbase": "match", "polymarket": "last_trade_price"}[venue]


@pytest.mark.parametrize("venue", EVERY)
@pytest.mark.parametrize(
    ("status", "retry_after"), [(403, "2"), (418, "2.5"), (429, "Sat, 21 Nov 2026 01:00:30 GMT"), (451, ""), (503, "3")]
)
def test_r28_a_venue_that_asks_for_a_pause_is_not_asked_meanwhile(venue: str, status: int, retry_after: str) -> None:
    stage = STAGES[venue]()
    stage.refuse(status, retry_after)
    while stage.refusal is not None:
        stage.serve(100)
    assert only(stage.serve(1_800), HttpRequest) == []
    assert only(stage.serve(31_000), HttpRequest) != []
    for symbol in stage.symbols:
        sound(stage, symbol)


def test_r62_one_symbols_contradiction_resyncs_that_symbol() -> None:
    stage = STAGES["binance"]()
    first, second = stage.symbols
    stale = 0
    for number in range(600):
        # Its book goes on, its best prices stand still.
        old = stage.bids[first]
        stage.bids[first] = new = old + 0.01
        effects = stage.tell(stage.moved(first, old, new)[0]) + stage.serve(100)
        if number % 10 == 0:
            sound(stage, second)
        assert only(effects, Close) == []
        stale += first in stage.rehearsal.status().stale_symbols
    assert stage.rehearsal.feed.reconnects == 0
    assert stale > 300, "and is kept out for longer and longer"
    alerts = [alert.text for alert in only(stage.rehearsal.effects, Alert) if alert.kind == "contradiction_here"]
    assert alerts
    assert f"{first}: best prices and book contradict" in alerts[0]


def test_r62_a_stream_of_futures_is_refused_by_its_name() -> None:
    stage = STAGES["binance"]()
    frame = stage.documents(stage.symbols[0])["depth"]
    frame["data"]["pu"] = 5
    stage.tell(frame)
    assert "futures" in stage.rehearsal.status().note
    sound(stage, stage.symbols[1])


@pytest.mark.parametrize("venue", ["coinbase", "kraken", "polymarket"])
def test_r24_rest_that_contradicts_one_symbol_for_ever_costs_its_neighbour_nothing(venue: str) -> None:
    stage = STAGES[venue]()
    first, second = stage.symbols
    right = stage.on_ask

    def wrong(path: str, query: dict[str, list[str]]) -> Any:
        named = first in path or first.replace("/", "") in str(query) or "'11'" in str(query)
        if not named:
            return right(path, query)
        kept, stage.bids[first], ask, stage.ask = stage.bids[first], stage.ask * 0.97, stage.ask, stage.ask * 0.98
        answer = right(path, query)
        stage.bids[first], stage.ask = kept, ask
        return answer

    stage.on_ask = wrong  # type: ignore[method-assign]
    for _ in range(60):
        stage.serve(1_000)
        sound(stage, second)
    assert stage.rehearsal.feed.reconnects == 0
    assert only(stage.rehearsal.effects, Close) == []
    stage.on_ask = right  # type: ignore[method-assign]
    stage.serve(70_000)
    recovered(stage, first)


@pytest.mark.parametrize("venue", LISTING)
def test_r22_a_market_that_left_the_list_ends_on_time_and_is_asked_for_until_it_says_how(venue: str) -> None:
    stage = STAGES[venue]()
    first, second = stage.symbols
    listed = stage.listed
    stage.list_of, whole = lambda rows: whole([]), stage.list_of  # type: ignore[method-assign]
    stage.rehearsal.now_ns += 299_000_000_000
    stage.tell(b"PONG" if venue == "polymarket" else {"type": "reply", "id": 1})
    told = only(stage.serve(6_000), Market)
    assert {market.symbol for market in told if market.status is MarketStatus.CLOSED} == {first, second}
    asked = len(stage.rehearsal.asked(first if venue == "degen" else "closed=true"))
    stage.serve(20_000)
    assert len(stage.rehearsal.asked(first if venue == "degen" else "closed=true")) > asked
    over = (
        {"status": "RESOLVED", "result": "no"} if venue == "degen" else {"closed": True, "outcomePrices": '["0","1"]'}
    )
    stage.listed = lambda symbol: {**listed(symbol), **over}  # type: ignore[method-assign]
    stage.list_of = whole  # type: ignore[method-assign]
    if venue == "polymarket":
        stage.on_ask = lambda path, query: [stage.listed(each) for each in stage.symbols]  # type: ignore[method-assign]
    told = only(stage.serve(30_000), Market)
    assert {(market.symbol, market.result) for market in told} == {(first, "no"), (second, "no")}


# --- the fuzzer -----------------------------------------------------------------------------------------------------

NULL, MISSING, EMPTY, WRONG, TURNED = "null", "missing", "empty", "wrong type", "other order"
HUGE, FAR = "too large to be read", "far from the others and still to be read"
SPOILS = (NULL, MISSING, EMPTY, WRONG, HUGE, FAR, TURNED)


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every member of a document and to every entry of its lists."""
    if isinstance(document, dict | list):
        for key, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield (*path, key)
            yield from places(value, (*path, key))


def spoilt(document: Any, path: tuple[Any, ...], spoil: str) -> Any:
    """Return a document with one place of it spoilt."""
    document = copy.deepcopy(document)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    value = holder[path[-1]]
    if spoil == MISSING:
        del holder[path[-1]]
    elif spoil == TURNED:
        turned = dict(reversed(holder.items())) if isinstance(holder, dict) else holder[::-1]
        holder.clear()
        holder.update(turned) if isinstance(holder, dict) else holder.extend(turned)
    else:
        holder[path[-1]] = {
            NULL: None,
            EMPTY: type(value)(),
            WRONG: {"a": [value]} if isinstance(value, list | dict | str) else str(value) + "x",
            HUGE: _huge(value),
            FAR: _far(value),
        }[spoil]
    return document


def _far(value: Any) -> Any:
    if isinstance(value, str):
        return "2199-12-31T00:00:00Z" if "T0" in value else "9000000000000"
    return value if isinstance(value, dict | list | bool | None) else 9_000_000_000_000


def _huge(value: Any) -> Any:
    if isinstance(value, str):
        return "9" * 5_000
    return [value] * 300 if isinstance(value, list) else 10**400


@pytest.mark.parametrize("venue", EVERY)
def test_r21_r25_every_spoilt_place_of_a_frame_costs_its_own_symbol_at_most(venue: str) -> None:
    stage_type = STAGES[venue]
    first = stage_type.symbols[0]
    for kind, document in stage_type().documents(first).items():
        for path in places(document):
            for spoil in SPOILS:
                survived(stage_type(), kind, [(path, spoil)])


@given(st.data())
@settings(max_examples=200)
def test_r21_r25_frames_spoilt_in_several_places_cost_their_own_symbol_at_most(data: st.DataObject) -> None:
    stage = STAGES[data.draw(st.sampled_from(EVERY))]()
    kind = data.draw(st.sampled_from(sorted(stage.documents(stage.symbols[0]))))
    everywhere = list(places(stage.documents(stage.symbols[0])[kind]))
    spoils = st.tuples(st.sampled_from(everywhere), st.sampled_from(SPOILS))
    # Each kind once: a list made 300 times as long within another such list would fill the machine's memory.
    several = st.lists(spoils, min_size=1, max_size=4, unique_by=lambda spoil: spoil[1])
    survived(stage, kind, data.draw(several))


def survived(stage: Stage, kind: str, spoils: list[tuple[tuple[Any, ...], str]]) -> None:
    """Assert that a spoilt frame costs the neighbour of its symbol nothing, and its symbol nothing for long."""
    first, second = stage.symbols
    document = stage.documents(first)[kind]
    for path, spoil in spoils:
        # A place may be gone by what was spoilt before.
        with contextlib.suppress(LookupError, TypeError):
            document = spoilt(document, path, spoil)
    effects = stage.tell(document)
    assert only(effects, Close) == [], (kind, spoils)
    sound(stage, second)
    effects = stage.serve(1_000)
    assert only(effects, Close) == [], (kind, spoils)
    sound(stage, second)
    if not _ended(stage, first):
        recovered(stage, first)
    sound(stage, second)
    assert stage.rehearsal.feed.reconnects == 0, (kind, spoils)


def _ended(stage: Stage, symbol: str) -> bool:
    """Say whether a spoilt row has made another market of it, one that is over or has not begun."""
    status = stage.rehearsal.feed.listings.markets.status(symbol)
    return stage.lists_markets and status is not MarketStatus.OPEN


@given(st.data())
@settings(max_examples=250)
def test_r21_a_spoilt_row_of_a_list_hides_no_other(data: st.DataObject) -> None:
    venue = data.draw(st.sampled_from(LISTING))
    stage_type = STAGES[venue]
    row = stage_type().listed(stage_type.symbols[0])
    path = data.draw(st.sampled_from(list(places(row))))
    broken = spoilt(row, path, data.draw(st.sampled_from(SPOILS)))
    behind = data.draw(st.booleans())

    class Spoilt(stage_type):  # type: ignore[valid-type,misc]
        """The venue with a spoilt row in its list, and no other word of its markets."""

        def on_send(self, said: Any) -> list[Any]:
            return (
                [each for each in super().on_send(said) if not (isinstance(each, dict) and each["type"] == "market")]
                if (venue == "degen")
                else super().on_send(said)
            )

        def list_of(self, rows: list[Any]) -> Any:
            good = [each for each in rows if self.symbols[1] in json.dumps(each)]
            return super().list_of([*good, broken] if behind else [broken, *good])

    stage = Spoilt()
    told = {market.symbol: market.status for market in only(stage.rehearsal.effects, Market)}
    assert told[stage.symbols[1]] is MarketStatus.OPEN
    sound(stage, stage.symbols[1])
    left_out, dropped = stage.rehearsal.feed.listings.left_out, stage.rehearsal.feed.listings.dropped
    assert len(told) == 2 or dropped, "told or counted, never lost in silence"
    assert not left_out or only(stage.rehearsal.effects, Alert)


@given(st.data())
@settings(max_examples=150)
def test_r21_a_spoilt_answer_over_rest_costs_its_neighbour_nothing(data: st.DataObject) -> None:
    venue = data.draw(st.sampled_from(EVERY))
    stage = STAGES[venue]()
    first, second = stage.symbols
    questions = {
        "binance": ("/api/v3/depth", {"symbol": [first]}, f"symbol={first}"),
        "coinbase": (f"/products/{first}/book", {}, f"/products/{first}/book"),
        "kraken": ("/0/public/Depth", {"pair": [first.replace("/", "")]}, f"pair={first.replace('/', '')}"),
        "degen": (f"/markets/{first}/orderbook", {}, f"/markets/{first}/orderbook"),
        "polymarket": ("/book", {"token_id": ["11"]}, "token_id=11"),
    }
    path, query, address = questions[venue]
    answer = stage.on_ask(path, query)
    place = data.draw(st.sampled_from(list(places(answer))))
    stage.spoilt[address] = dumped(spoilt(answer, place, data.draw(st.sampled_from(SPOILS))))
    if data.draw(st.booleans()):
        stage.rehearsal.feed.followed[first].unsync(stage.rehearsal.now_ns)
    for _ in range(14):
        stage.serve(1_000)
        sound(stage, second)
    assert stage.rehearsal.feed.reconnects == 0
    recovered(stage, first)


def test_a_pair_of_kraken_whose_decimals_cannot_be_read_is_not_believed_and_costs_no_other() -> None:
    class Untold(KrakenStage):
        """The venue with a spoilt row among its pairs."""

        def pair(self, symbol: str) -> Any:
            row = super().pair(symbol)
            return {**row, "price_precision": None} if symbol == self.symbols[0] else row

    stage = Untold()
    stage.serve(2_000)
    assert stage.rehearsal.status().stale_symbols == [stage.symbols[0]]
    assert stage.symbols[0] in stage.rehearsal.feed.listings.left_out
    sound(stage, stage.symbols[1])
