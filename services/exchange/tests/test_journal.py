"""What the venue has told anybody it still knows after a crash, wherever the crash tore its journal."""

from __future__ import annotations

import errno
import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from exchange.config import ExchangeConfig
from exchange.entry.keyfiles import KeyFileFault, load_keys, maker_keys
from exchange.entry.session import Output, Record
from exchange.journal import CorruptJournal, Journal, JournalFull, decode_line, encode_line
from exchange.market.markets import NS_PER_S
from exchange.market.money import UNITS_PER_UNDERLYING
from exchange.settings import ExchangeSettings
from exchange.spot.trading import OtherGrid
from exchange.testing.venue import MARKET, NOW_NS, OPEN_NS, Client, config
from exchange.venue import Exchange
from pydantic import ValidationError

UNIT = UNITS_PER_UNDERLYING


class Written:
    """A venue whose journal lines are kept as the bytes a file would hold."""

    def __init__(self, journal: bytes = b"", now_ns: int = OPEN_NS, made: ExchangeConfig | None = None) -> None:
        self.venue = Exchange(made or config())
        self.disk = b""
        for line in journal.splitlines(keepends=True):
            data = decode_line(line)
            if data is None:
                break
            self.venue.restore(data)
            self.disk += line
        self.take(self.venue.start(now_ns))

    def take(self, outputs: list[Output]) -> None:
        self.disk += b"".join(encode_line(out.data) for out in outputs if isinstance(out, Record))

    def price(self, dollars: int, now_ns: int) -> None:
        self.take(self.venue.on_price("BTC", dollars * UNIT, dollars * UNIT, now_ns))

    def order(self, client: Client, side: str, outcome: str, price: str, size: int, **more: object) -> None:
        client.outputs.clear()
        client.order(side, outcome, price, size, **more)
        self.take(client.outputs)


def traded() -> tuple[Written, list[int]]:
    """A history of trades, and how long the journal was after each input."""
    written = Written()
    written.price(60_000, OPEN_NS)
    maker, taker = Client(written.venue, "mm1", connection=1), Client(written.venue, "taker1", connection=2)
    ends = [len(written.disk)]
    rng = random.Random(3)
    for _ in range(60):
        client = rng.choice((maker, taker))
        written.order(client, "bid", rng.choice(["yes", "no"]), f"0.{rng.randint(45, 55)}", rng.randint(1, 30))
        ends.append(len(written.disk))
    return written, ends


def state(venue: Exchange) -> dict[str, tuple[object, ...]]:
    return {
        name: (account.cash_micros, dict(account.positions), list(account.fills.rows))
        for name, account in venue.ledger.accounts.items()
        if account.sequence
    }


def test_a_journal_torn_anywhere_gives_the_state_after_the_last_whole_input() -> None:
    written, ends = traded()
    rng = random.Random(4)
    for _ in range(60):
        torn = rng.randrange(ends[0], len(written.disk) + 1)
        whole = max(end for end in ends if end <= torn)
        again, expected = Written(written.disk[:torn]), Written(written.disk[:whole])
        assert state(again.venue) == state(expected.venue)
        assert again.venue.ledger.total_micros() == 3 * 100_000 * 1_000_000


def test_no_id_is_ever_given_twice() -> None:
    written, _ = traded()
    first = dict(written.venue.ids.last)
    again = Written(written.disk, NOW_NS)
    assert all(again.venue.ids.last[kind] >= 1_000_000 > number for kind, number in first.items())
    written.price(60_000, NOW_NS)
    maker = Client(again.venue, "mm1", connection=1)
    maker._next_client_order_id = 500
    answer = maker.order("bid", "yes", "0.01", 1)
    assert int(answer["order"]["order_id"]) > 1_000_000


def test_resting_orders_end_with_a_restart_and_the_account_stream_says_so() -> None:
    written = Written()
    written.price(60_000, OPEN_NS)
    maker = Client(written.venue, "mm1", connection=1)
    written.order(maker, "bid", "yes", "0.40", 10)
    seen = written.venue.ledger.account("mm1").sequence
    again = Written(written.disk, NOW_NS)
    maker = Client(again.venue, "mm1", connection=1)
    changed = maker.rest("GET", f"/orders?status=all&after={seen}")["orders"]
    assert [(order["status"], order["reason"]) for order in changed] == [("cancelled", "exchange_restart")]
    assert maker.rest("GET", "/balance")["balance"]["locked"] == "0.000000"
    assert maker.rest("GET", "/orders")["orders"] == []
    assert maker.order("bid", "yes", "0.40", 10)["error"]["code"] == "duplicate_client_order_id"


def test_a_market_goes_on_after_a_short_absence_and_resolves_by_the_last_known_price() -> None:
    written, _ = traded()
    written.price(60_007, OPEN_NS + 290 * NS_PER_S)
    again = Written(written.disk, OPEN_NS + 310 * NS_PER_S)
    again.take(again.venue.on_timer(OPEN_NS + 311 * NS_PER_S))
    market = again.venue.trading.market(MARKET)
    assert (market.result, market.settlement_units) == ("yes", 60_007 * UNIT)
    assert again.venue.ledger.account("mm1").positions.get(MARKET) is None


@pytest.mark.parametrize("fresh", [False, True])
def test_a_market_that_was_closed_but_not_resolved_keeps_the_price_that_decides_it(fresh: bool) -> None:
    written, _ = traded()
    expiry_ns = OPEN_NS + 300 * NS_PER_S
    written.price(60_007, expiry_ns)
    written.price(50_000, expiry_ns + 1)
    assert written.venue.trading.market(MARKET).status == "CLOSED"
    lines = b"".join(encode_line(line) for line in written.venue.state_lines()) if fresh else written.disk
    again = Written(lines, expiry_ns + 3 * NS_PER_S)
    assert again.venue.trading.market(MARKET).settlement_units == 60_007 * UNIT


def test_a_market_left_alone_for_long_is_voided() -> None:
    written, _ = traded()
    again = Written(written.disk, OPEN_NS + 100 * NS_PER_S)
    assert again.venue.trading.market(MARKET).result == "void"
    assert again.venue.ledger.total_micros() == 3 * 100_000 * 1_000_000
    assert [market.status for market in again.venue.lifecycle.live()] == ["LISTED"]


def test_deposits_are_given_once() -> None:
    written, _ = traded()
    for _ in range(3):
        written = Written(written.disk, NOW_NS)
    assert written.venue.ledger.total_micros() == 3 * 100_000 * 1_000_000


def test_the_file_keeps_whole_lines_and_cuts_a_torn_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.log")
    journal.begin([b"[1]", b"[2]"])
    journal.append([b"[3]", b"[4]"], durable=True)
    journal.close()
    with journal.path.open("ab") as out:
        out.write(encode_line(b"[5]")[:-3])
    assert list(Journal(journal.path).read()) == [b"[1]", b"[2]", b"[3]", b"[4]"]
    assert list(Journal(journal.path).read()) == [b"[1]", b"[2]", b"[3]", b"[4]"]


def facts(venue: Exchange) -> list[bytes]:
    return list(venue.state_lines())


def restored(path: Path) -> Exchange:
    venue = Exchange(config())
    for line in Journal(path).read():
        venue.restore(line)
    venue.now_ns = venue.last_seen_ns or 0
    return venue


def lines_of(disk: bytes) -> list[bytes]:
    return [data for line in disk.splitlines(keepends=True) if (data := decode_line(line)) is not None]


@pytest.mark.parametrize("stage", ["begun", "half written", "written", "joined"])
def test_r82_a_crash_at_any_moment_of_a_snapshot_loses_nothing(tmp_path: Path, stage: str) -> None:
    written, _ = traded()
    lines = lines_of(written.disk)
    journal = Journal(tmp_path / "journal.log")
    journal.begin([])
    journal.append(lines[:-20], durable=True)
    early = restored(journal.path)
    journal.begin_snapshot()
    journal.append(lines[-20:-10], durable=False)
    if stage == "half written":
        journal.path.with_suffix(".fresh").write_bytes(encode_line(b"[1]")[:-2])
    elif stage != "begun":
        journal.write_snapshot(facts(early))
        journal.append(lines[-10:], durable=False)
        if stage == "joined":
            journal.end_snapshot()
            assert journal.tail_bytes < len(b"".join(lines))
            assert not journal.path.with_suffix(".fresh").exists()
    if stage in ("begun", "half written"):
        journal.append(lines[-10:], durable=False)
    # Killed here: nothing is closed, the next start reads what is there.
    assert facts(restored(journal.path)) == facts(restored_from(lines))


def restored_from(lines: list[bytes]) -> Exchange:
    venue = Exchange(config())
    for line in lines:
        venue.restore(line)
    venue.now_ns = venue.last_seen_ns or 0
    return venue


def test_r82_a_snapshot_is_as_large_as_the_state_and_not_as_long_as_the_past(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.log")
    journal.begin([b"[0]"])
    for _ in range(10):
        journal.append([b"[" + b"1" * 1_000 + b"]"] * 100, durable=False)
        journal.begin_snapshot()
        journal.write_snapshot([b"[0]"])
        journal.end_snapshot()
        assert (journal.tail_bytes, journal.path.stat().st_size) == (0, len(encode_line(b"[0]")))
    journal.append([b"[2]"], durable=True)
    assert list(Journal(journal.path).read()) == [b"[0]", b"[2]"]


class FullDisk:
    """Takes half of a write and then nothing, while it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = True
        write = os.write

        def half(fd: int, data: bytes) -> int:
            if not self.full:
                return write(fd, data)
            if len(data) > 1:
                return write(fd, bytes(data[: len(data) // 2]))
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "write", half)


def test_r20_what_a_full_disk_does_not_take_waits_and_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal.log")
    journal.begin([b"[1]"])
    disk = FullDisk(monkeypatch)
    journal.append([b"[2]"], durable=True)
    journal.append([b"[3]"], durable=True)
    assert journal.fault == "No space left on device"
    assert list(Journal(journal.path).read()) == [b"[1]"], "nothing torn stays"
    disk.full = False
    journal.write_waiting()
    assert journal.fault == ""
    journal.append([b"[4]"], durable=True)
    assert list(Journal(journal.path).read()) == [b"[1]", b"[2]", b"[3]", b"[4]"]


def test_r20_a_disk_that_stays_full_ends_the_venue_at_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.journal.WAITING_BYTES_MAX", 100)
    journal = Journal(tmp_path / "journal.log")
    journal.begin([])
    FullDisk(monkeypatch)
    for _ in range(3):
        journal.append([b"[1]"], durable=False)
    with pytest.raises(JournalFull, match="No space left"):
        journal.append([b"[1]" * 40], durable=False)


def test_r20_without_room_for_a_snapshot_the_old_file_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "journal.log")
    journal.begin([b"[1]"])
    journal.close()

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        again = Journal(journal.path)
        again.begin([b"[9]"])
        assert again.fault == "No space left on device"
    again.append([b"[2]"], durable=True)
    assert again.fault == ""
    assert list(Journal(journal.path).read()) == [b"[1]", b"[2]"]


def test_r20_while_the_journal_is_full_cancels_are_taken_and_nothing_else() -> None:
    written = Written()
    written.price(60_000, OPEN_NS)
    maker = Client(written.venue, "mm1", connection=1)
    order = maker.order("bid", "yes", "0.40", 10)["order"]
    written.venue.close_for("the journal cannot be written: No space left on device")
    refused = maker.order("bid", "yes", "0.41", 10)["error"]
    assert (refused["code"], "No space left" in refused["message"]) == ("unavailable", True)
    assert maker.rest("DELETE", f"/orders/{order['order_id']}")["order"]["status"] == "cancelled"
    trades = len(written.venue.trading.market(MARKET).trades)
    written.venue.on_timer(OPEN_NS + 20 * NS_PER_S)
    assert written.venue.next_timer_ns() > OPEN_NS + 20 * NS_PER_S, "takers that sit out do not keep it busy"
    assert len(written.venue.trading.market(MARKET).trades) == trades
    written.venue.close_for("")
    assert maker.order("bid", "yes", "0.41", 10)["order"]["status"] == "open"


def test_a_damaged_line_in_the_middle_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    path.write_bytes(encode_line(b"[1]") + b"x" + encode_line(b"[2]")[1:] + encode_line(b"[3]"))
    with pytest.raises(CorruptJournal, match="line 2"):
        list(Journal(path).read())


def test_keys_are_made_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    made = load_keys(tmp_path / "keys", maker_keys(["mm1"]))
    assert made == load_keys(tmp_path / "keys", maker_keys(["mm1"]))
    assert {path.name: os.stat(path).st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {
        "admin.json": 0o600,
        "mm1.json": 0o600,
    }
    assert {(key.account, key.name): key.scopes for key in made} == {
        ("mm1", "trade"): ("read", "trade", "cancel"),
        ("mm1", "read"): ("read",),
        ("mm1", "cancel"): ("cancel",),
        ("admin", "admin"): ("read", "admin"),
    }


def test_a_further_market_maker_gets_keys_of_its_own_and_the_others_keep_theirs(tmp_path: Path) -> None:
    before = load_keys(tmp_path, maker_keys(["mm1"]))
    after = load_keys(tmp_path, maker_keys(["mm1", "mm2"]))
    assert [key for key in after if key.account != "mm2"] == before
    assert {key.name for key in after if key.account == "mm2"} == {"trade", "read", "cancel"}
    assert load_keys(tmp_path, maker_keys(["mm1"])) == after, "an account that is there stays"


@pytest.mark.parametrize("makers", ["", "mm1,../etc", "mm1,admin"])
def test_names_of_market_makers_are_checked(makers: str) -> None:
    with pytest.raises(ValidationError, match="must be names of A-Z"):
        ExchangeSettings(makers=makers)  # type: ignore[arg-type]


def test_a_market_maker_may_be_one_of_a_named_venue() -> None:
    told: dict[str, Any] = {"makers": "mm1,mm1-kraken@KRAKEN, mm2", "spot_venues": "KRAKEN,DLTXMM"}
    settings = ExchangeSettings(**told)
    assert [settings.makers_at(), settings.makers_at("KRAKEN"), settings.makers_at("DLTXMM")] == [
        ("mm1", "mm2"),
        ("mm1-kraken",),
        (),
    ]
    with pytest.raises(ValidationError, match="makers must be at venues of MM_SPOT_VENUES, KRAKEN is none of them"):
        ExchangeSettings(**told | {"spot_venues": "DLTXMM"})


def test_a_broken_key_file_is_named_without_its_content(tmp_path: Path) -> None:
    load_keys(tmp_path, maker_keys(["mm1"]))
    (tmp_path / "mm1.json").write_text('[{"name": "trade", "api_secret": "hush"}]')
    with pytest.raises(KeyFileFault) as caught:
        load_keys(tmp_path, maker_keys(["mm1"]))
    assert "mm1.json" in str(caught.value)
    assert "hush" not in str(caught.value)


GOLDEN = Path(__file__).parent / "golden"


def test_a_journal_from_before_spot_symbols_is_read() -> None:
    """The file was written by the venue as it was when it knew YES/NO markets only."""
    written = Written()
    venue = Exchange(config())
    for line in (GOLDEN / "binary_only.journal").read_bytes().splitlines(keepends=True):
        data = decode_line(line)
        assert data is not None
        venue.restore(data)
    found = {
        name: {
            "cash_micros": account.cash_micros,
            "sequence": account.sequence,
            "positions": {market: [row.yes, row.no] for market, row in account.positions.items()},
            "open_client_order_ids": sorted(order.client_order_id for order in account.open_orders.values()),
            "fills": len(account.fills.rows),
            "entries": len(account.entries.rows),
        }
        for name, account in venue.ledger.accounts.items()
    }
    assert found == json.loads((GOLDEN / "binary_only.json").read_text())
    assert venue.ledger.total_micros() == written.venue.ledger.total_micros()


def spot_traded() -> Written:
    """A history of spot trades beside the binary ones."""
    written = Written(made=config(spot=("BTC", "ETH")))
    written.price(60_000, OPEN_NS)
    maker, taker = Client(written.venue, "mm1", connection=1), Client(written.venue, "taker1", connection=2)
    admin = Client(written.venue, "admin", key="admin", connection=3)
    admin.rest("POST", "/admin/accounts/mm1/deposit", {"amount": "1", "currency": "BTC"})
    resting = maker.spot("ask", "60000.00", "0.5")["order"]
    steps: list[tuple[Client, Callable[[], object]]] = [
        (taker, lambda: taker.spot("bid", "60000.00", "0.2")),
        (maker, lambda: maker.amend(resting, price="60010.00", size="0.6")),
        (taker, lambda: taker.spot("bid", "59990.00", "0.1")),
        (maker, lambda: maker.order("bid", "yes", "0.45", 10)),
    ]
    for client in (admin, maker):
        written.take(client.outputs)
    for client, step in steps:
        client.outputs.clear()
        step()
        written.take(client.outputs)
    return written


@pytest.mark.parametrize("fresh", [False, True])
def test_spot_orders_balances_and_statements_survive_a_restart(fresh: bool) -> None:
    written = spot_traded()
    disk = b"".join(map(encode_line, written.venue.state_lines())) if fresh else written.disk
    again = Written(disk, NOW_NS, made=config(spot=("BTC", "ETH")))
    maker = Client(again.venue, "mm1", connection=1)
    rows = {row["currency"]: row for row in maker.rest("GET", "/balances")["balances"]}
    assert rows["BTC"] == {
        "currency": "BTC",
        "total": "0.80000000",
        "locked": "0.00000000",
        "available": "0.80000000",
    }
    assert rows["USD"]["total"] == "111998.800000"
    ended = [order for order in maker.rest("GET", "/orders?status=finished")["orders"] if "symbol" in order]
    assert [(o["size"], o["filled"], o["price"], o["reason"]) for o in ended] == [
        ("0.6000", "0.2000", "60010.00", "exchange_restart")
    ]
    assert [row["amount"] for row in maker.rest("GET", "/statement?currency=BTC")["entries"]] == [
        "1.00000000",
        "-0.20000000",
    ]
    symbol = maker.rest("GET", "/symbols/BTCUSD")["symbol"]
    assert (symbol["last_price"], symbol["bid"], symbol["ask"]) == ("60000.00", None, None)
    assert len(maker.rest("GET", "/symbols/BTCUSD/trades")["trades"]) == 1


def test_a_currency_is_given_once_also_to_an_account_of_an_older_run() -> None:
    made = replace(config(spot=("BTC",)), spot_deposits={"mm1": {"BTC": 10**8}})
    written, _ = traded()
    again = Written(written.disk, NOW_NS, made=made)
    assert again.venue.ledger.account("mm1").total("BTC") == 10**8
    third = Written(again.disk, NOW_NS, made=made)
    assert third.venue.ledger.account("mm1").total("BTC") == 10**8


def test_a_symbol_that_is_listed_no_more_keeps_its_history() -> None:
    written = spot_traded()
    again = Written(written.disk, NOW_NS, made=config())
    third = Written(b"".join(map(encode_line, again.venue.state_lines())), NOW_NS, made=config())
    maker = Client(third.venue, "mm1", connection=1)
    assert maker.rest("GET", "/symbols")["symbols"] == []
    assert maker.spot("bid", "60000.00", "0.1")["error"]["code"] == "unknown_symbol"
    assert len(maker.rest("GET", "/orders?status=finished&symbol=BTCUSD")["orders"]) == 1
    assert maker.rest("GET", "/balances")["balances"][1]["total"] == "0.80000000"


def test_another_grid_under_the_same_name_is_refused_at_the_start() -> None:
    written = spot_traded()
    (terms,) = config(spot=("BTC",)).symbols
    cheaper = replace(terms, taker_fee_ppm=300)
    assert Written(written.disk, NOW_NS, made=replace(config(), symbols=(cheaper,)))
    coarser = replace(terms, tick=Decimal("0.1"))
    with pytest.raises(OtherGrid, match="symbol BTCUSD: an earlier run traded it with other"):
        Written(written.disk, NOW_NS, made=replace(config(), symbols=(coarser,)))
