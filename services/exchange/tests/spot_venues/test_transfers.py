"""Money sent to another venue: lines in both statements, a delay, each transfer once, whatever dies in between."""

from __future__ import annotations

from typing import Any

import pytest
from exchange.entry.session import Output, Record
from exchange.market.tape import Json
from exchange.spot.transfers import KEPT_MAX, ON_THE_WAY_MAX, Received
from exchange.spot_venues.venues import SpotVenues
from exchange.testing.spot_venues import spot_venues
from exchange.testing.venue import NOW_NS, Client, config
from exchange.venue import Exchange
from hypothesis import given
from hypothesis import strategies as st

MS = 1_000_000
S = 1_000 * MS
HALF = {
    "client_transfer_id": "1",
    "currency": "BTC",
    "amount": "0.50000000",
    "to_venue": "BITTREX",
    "to_account": "mm1",
}


class Pair:
    """Two venues with a clock of their own, and their journals."""

    def __init__(self) -> None:
        self.venues: SpotVenues = spot_venues()
        self.now_ns = NOW_NS
        self.lines: dict[str, list[bytes]] = {name: [] for name in self.venues.by_name}
        for name, venue in self.venues.by_name.items():
            self.keep(name, venue.start(NOW_NS))
        self.client = self.sender("KRAKEN")

    def keep(self, name: str, outputs: list[Output]) -> None:
        self.lines[name] += [out.data for out in outputs if isinstance(out, Record)]

    def sender(self, name: str, key: str = "transfer") -> Client:
        client = Client(self.venues.by_name[name], "mm1", key)
        self.keep(name, client.outputs)
        return client

    def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        self.client.now_ns = self.now_ns
        self.client.outputs.clear()
        answer = self.client.rest(method, path, body)
        self.keep("KRAKEN", self.client.outputs)
        return answer

    def wait(self, ms: int, *only: str) -> None:
        for _ in range(0, ms, 50):
            self.now_ns += 50 * MS
            for name, venue in self.venues.by_name.items():
                if not only or name in only:
                    self.keep(name, venue.on_timer(self.now_ns))

    def has(self, name: str, currency: str = "BTC") -> int:
        return self.venues.by_name[name].ledger.account("mm1").total(currency)


def again(pair: Pair, **dropped: int) -> SpotVenues:
    """What another process makes of the journals, of which the last lines of a venue may be lost."""
    venues = spot_venues()
    for name, venue in venues.by_name.items():
        lines = pair.lines[name]
        for line in lines[: len(lines) - dropped.get(name, 0)]:
            venue.restore(line)
    for venue in venues.by_name.values():
        venue.start(pair.now_ns)
    for ms in range(0, 5_000, 50):
        for venue in venues.by_name.values():
            venue.on_timer(pair.now_ns + ms * MS)
    return venues


def owned(venues: SpotVenues) -> tuple[int, int]:
    mine = [venues.by_name[name].ledger.account("mm1").total("BTC") for name in ("KRAKEN", "BITTREX")]
    return mine[0], mine[1]


def test_money_leaves_at_once_and_arrives_after_the_delay_with_a_line_in_both_statements() -> None:
    pair = Pair()
    sent = pair.ask("POST", "/transfers", HALF)["transfer"]
    assert (sent["transfer_id"], sent["status"], sent["due_ns"] - sent["sent_ns"]) == (
        "KRAKEN-BITTREX-1",
        "sent",
        2 * S,
    )
    assert (pair.has("KRAKEN"), pair.has("BITTREX")) == (150_000_000, 200_000_000)
    pair.wait(1_900)
    assert pair.has("BITTREX") == 200_000_000
    pair.wait(500)
    assert pair.has("BITTREX") == 250_000_000
    assert pair.ask("GET", f"/transfers/{sent['transfer_id']}")["transfer"]["status"] == "arrived"
    lines = [pair.sender(name).rest("GET", "/statement?currency=BTC")["entries"][-1] for name in ("KRAKEN", "BITTREX")]
    assert [(line["type"], line["amount"], line["transfer_id"]) for line in lines] == [
        ("transfer", "-0.50000000", "KRAKEN-BITTREX-1"),
        ("transfer", "0.50000000", "KRAKEN-BITTREX-1"),
    ]


def test_a_repeated_request_sends_nothing_more() -> None:
    pair = Pair()
    first = pair.ask("POST", "/transfers", HALF)["transfer"]
    second = pair.ask("POST", "/transfers", HALF)
    assert second["error"]["code"] == "duplicate_client_transfer_id"
    assert second["transfer"] == first
    assert pair.has("KRAKEN") == 150_000_000


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"amount": "3"}, "insufficient_funds", "amount"),
        ({"amount": "0"}, "invalid_field", "amount"),
        ({"amount": 1}, "invalid_field", "amount"),
        ({"amount": "-1"}, "invalid_field", "amount"),
        ({"currency": "DOGE"}, "invalid_field", "currency"),
        ({"to_venue": "KRAKEN"}, "invalid_field", "to_venue"),
        ({"to_venue": "MTGOX"}, "invalid_field", "to_venue"),
        ({"to_account": "makers"}, "invalid_field", "to_account"),
        ({"to_account": "admin"}, "invalid_field", "to_account"),
        ({"client_transfer_id": "x"}, "invalid_client_order_id", "client_transfer_id"),
        ({"fee": "0"}, "invalid_field", "fee"),
    ],
)
def test_a_wrong_request_is_refused_with_field_and_rule_and_moves_nothing(
    change: dict[str, Any], code: str, field: str
) -> None:
    pair = Pair()
    error = pair.ask("POST", "/transfers", {**HALF, **change})["error"]
    assert (error["code"], error["field"]) == (code, field)
    assert pair.has("KRAKEN") == 200_000_000
    assert pair.ask("GET", "/transfers")["transfers"] == []


def test_money_that_orders_hold_stays() -> None:
    pair = Pair()
    pair.sender("KRAKEN", "trade").spot("ask", "90000.0", "1.8", post_only=True)
    assert pair.ask("POST", "/transfers", HALF)["error"]["code"] == "insufficient_funds"


def test_a_key_that_trades_sends_nothing_away() -> None:
    pair = Pair()
    error = pair.sender("KRAKEN", "trade").rest("POST", "/transfers", HALF)["error"]
    assert error["code"] == "scope_missing"


def test_an_account_has_a_bounded_number_on_their_way_and_arrived_ones_are_listed_in_pages() -> None:
    pair = Pair()
    for number in range(ON_THE_WAY_MAX):
        assert "transfer" in pair.ask(
            "POST", "/transfers", {**HALF, "amount": "0.001", "client_transfer_id": str(number + 1)}
        )
        pair.now_ns += 10 * MS
    error = pair.ask("POST", "/transfers", {**HALF, "amount": "0.001", "client_transfer_id": "999"})["error"]
    assert error["code"] == "too_many_transfers"
    page = pair.ask("GET", "/transfers?limit=60")
    rest = pair.ask("GET", f"/transfers?limit=60&after={page['next_after']}")
    assert (len(page["transfers"]), page["has_more"]) == (60, True)
    assert (len(rest["transfers"]), rest["has_more"]) == (40, False)
    pair.wait(4_000)
    assert (pair.has("KRAKEN"), pair.has("BITTREX")) == (190_000_000, 210_000_000)


def test_arrived_transfers_are_forgotten_oldest_first() -> None:
    pair = Pair()
    transfers = pair.venues.by_name["KRAKEN"].transfers
    account = pair.venues.by_name["KRAKEN"].ledger.account("mm1")
    for number in range(KEPT_MAX + 50):
        transfers.send(account, number + 1, "USD", 1, "BITTREX", "mm1", pair.now_ns)
        pair.now_ns += 3 * S
        for _ in range(3):
            for venue in pair.venues.by_name.values():
                venue.transfers.advance(pair.now_ns)
            pair.now_ns += 200 * MS
    kept = transfers.of("mm1")
    assert (len(kept), kept[0].number, kept[-1].number) == (KEPT_MAX, 51, KEPT_MAX + 50)
    assert pair.has("BITTREX", "USD") == 100_000_000_000 + KEPT_MAX + 50


@pytest.mark.parametrize("waited_ms", [0, 1_000, 2_000, 2_050, 2_100, 2_150, 2_300, 5_000])
def test_a_death_at_any_moment_neither_loses_nor_doubles_money(waited_ms: int) -> None:
    pair = Pair()
    pair.ask("POST", "/transfers", HALF)
    pair.wait(waited_ms)
    assert owned(again(pair)) == (150_000_000, 250_000_000)


def test_an_arrival_that_the_receivers_disk_lost_is_brought_again() -> None:
    pair = Pair()
    pair.ask("POST", "/transfers", HALF)
    before = len(pair.lines["BITTREX"])
    pair.wait(3_000)
    assert pair.has("BITTREX") == 250_000_000
    assert owned(again(pair, BITTREX=len(pair.lines["BITTREX"]) - before)) == (150_000_000, 250_000_000)


def test_a_snapshot_of_the_journal_holds_what_is_on_its_way() -> None:
    pair = Pair()
    pair.ask("POST", "/transfers", HALF)
    pair.wait(1_000)
    pair.lines = {name: list(venue.state_lines()) for name, venue in pair.venues.by_name.items()}
    assert owned(again(pair)) == (150_000_000, 250_000_000)
    pair.wait(3_000)
    pair.lines = {name: list(venue.state_lines()) for name, venue in pair.venues.by_name.items()}
    found = again(pair)
    assert owned(found) == (150_000_000, 250_000_000)
    client = Client(found.by_name["KRAKEN"], "mm1", "transfer")
    assert client.rest("GET", "/transfers/KRAKEN-BITTREX-1")["transfer"]["status"] == "arrived"


def test_numbers_go_on_after_a_restart() -> None:
    pair = Pair()
    pair.ask("POST", "/transfers", HALF)
    found = again(pair)
    client = Client(found.by_name["KRAKEN"], "mm1", "transfer")
    client.now_ns = pair.now_ns + 10 * S
    sent = client.rest("POST", "/transfers", {**HALF, "client_transfer_id": "2", "amount": "0.1"})["transfer"]
    assert sent["transfer_id"] == "KRAKEN-BITTREX-2"


def test_what_a_venue_that_is_away_should_get_waits_for_it() -> None:
    pair = Pair()
    pair.ask("POST", "/transfers", HALF)
    pair.wait(3_000, "KRAKEN")
    assert pair.has("BITTREX") == 200_000_000
    pair.wait(300)
    assert pair.has("BITTREX") == 250_000_000


def test_dollars_go_to_and_from_the_unnamed_venue() -> None:
    venues = spot_venues()
    degen = Exchange(config())
    venues.connect(degen)
    for venue in (degen, *venues.by_name.values()):
        venue.start(NOW_NS)
    transfers = degen.transfers
    transfers.send(degen.ledger.account("mm1"), 1, "USD", 5_000_000, "KRAKEN", "mm1", NOW_NS)
    for seconds in (60, 61, 62):
        for venue in (degen, *venues.by_name.values()):
            venue.on_timer(NOW_NS + seconds * S)
    assert degen.ledger.account("mm1").cash_micros == 99_995_000_000
    assert venues.by_name["KRAKEN"].ledger.account("mm1").cash_micros == 100_005_000_000
    assert transfers.of("mm1")[0].arrived


@given(order=st.permutations(list(range(1, 21))))
def test_which_numbers_have_come_is_remembered_in_little_room(order: list[int]) -> None:
    received = Received()
    seen: set[int] = set()
    for number in order:
        received.add(number)
        seen.add(number)
        assert {each for each in range(1, 25) if received.has(each)} == seen
    assert (received.up_to, received.beyond) == (20, set())
