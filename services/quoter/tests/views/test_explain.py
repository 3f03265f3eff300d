"""Asked why, the quoter answers with what it knew at that moment, and with the check that kept an order in."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from common.events import Book, Halt, Level
from common.pretrade import RejectReason
from common.testing.limits import changed
from quoter.testing.script import LIMITS, MARKET, START_NS, S, Script, config, position
from quoter.trading.memory import ALL_RECORDS_MAX, KEPT_NS, RECORDS_MAX, Memory, Record


def explained(script: Script, **query: str) -> dict[str, Any]:
    found = script.core.explain(query, script.now_ns)
    assert found is not None
    json.dumps(found)
    return found


def market(script: Script) -> dict[str, Any]:
    (bot,) = explained(script, market=MARKET)["bots"]
    return dict(bot)


def test_a_resting_order_tells_what_it_was_made_of_and_that_it_passed_every_check() -> None:
    script = Script()
    script.quoting(0.50)
    order = script.venue.open_orders()[0]
    found = explained(script, order=order.client_order_id)
    assert (found["algo_id"], found["market"], found["order"]["state"]) == ("1", MARKET, "live")
    (made,) = found["passes"]
    (placed,) = [each for each in made["placed"] if each["order_id"] == order.client_order_id]
    assert (placed["price"], placed["size"], placed["passed"]) == (float(order.price), order.size, list(RejectReason))
    assert made["parts"]["floor"] > 0
    assert made["inputs"]["fair_value"]["fair"] == 0.50
    assert made["inputs"]["limits"] == {"age_ms": 0, "revision": 1}
    assert (made["state"], made["phase"]) == ("quoting", "lean")


def test_ages_of_inputs_are_those_at_the_moment_of_the_decision() -> None:
    script = Script()
    script.quoting(0.50)
    script.fair(0.55, age_ms=120)
    newest = market(script)["passes"][0]
    script.now_ns += 2 * S
    later = market(script)["passes"][0]
    assert newest["inputs"]["fair_value"]["age_ms"] == later["inputs"]["fair_value"]["age_ms"] == 120
    assert later["ago_ms"] - newest["ago_ms"] == 2_000


def test_an_order_that_was_moved_tells_when_it_went_and_for_what() -> None:
    script = Script()
    script.quoting(0.50)
    order = next(each for each in script.venue.open_orders() if (each.outcome, each.price) == ("yes", "0.46"))
    script.fair(0.51)
    made, gone = explained(script, order=order.client_order_id)["passes"]
    assert order.client_order_id in [each["order_id"] for each in made["placed"]]
    assert order.client_order_id in gone["cancelled"]
    assert gone["inputs"]["fair_value"]["fair"] == 0.51


def test_a_refused_order_tells_the_check_and_its_numbers() -> None:
    script = Script()
    script.start()
    tight = changed(LIMITS, max_open_orders=4)
    for _ in range(10):
        script.now_ns += 50_000_000
        script.feed_inputs(limits=tight)
        script.fair(0.50)
        script.carry(script.core.on_timer(script.receipt()))
    refused = [order for each in market(script)["passes"] for order in each["refused"]]
    assert {order["check"] for order in refused} == {"open_orders"}
    assert "limit 4" in refused[0]["detail"]
    found = explained(script, order=refused[0]["order_id"])
    assert "order" not in found
    assert found["passes"][0]["refused"]


def test_a_market_without_quotes_tells_why() -> None:
    script = Script()
    script.quoting(0.50)
    script.wait(3_000)
    now = market(script)["now"]
    assert (now["state"], now["reason"]) == ("pulled", "fair_stale")
    assert now["orders"] == []
    assert market(script)["passes"][0]["cancelled"]
    (row,) = explained(script)["markets"]
    assert (row["market"], row["state"], row["reason"]) == (MARKET, "pulled", "fair_stale")


def test_a_halt_that_keeps_what_rests_is_what_an_order_waits_for() -> None:
    script = Script()
    script.quoting(0.50)
    halt = Halt(scope="bot-1", reason="manual", actor="x", halt_id="1", cancels=True, keep_resting=True, ts_ns=0)
    script.carry(script.core.on_halt(halt, script.receipt(3)))
    script.fair(0.60)
    newest = market(script)["passes"][0]
    assert (newest["waiting_for"], newest["placed"]) == ("halted", [])


def test_an_order_that_takes_says_so_and_shows_the_book_it_saw() -> None:
    script = Script()
    script.start(config())
    script.now_ns = START_NS + 290 * S
    script.carry(script.core.on_position(position(1, 100, 0), script.receipt()))
    script.wait(500, fair=0.50)
    book = Book(venue="degen", symbol=MARKET, bids=[Level(0.49, 100.0)], asks=[], ts_received_ns=script.now_ns)
    script.carry(script.core.on_book(book, script.receipt()))
    script.wait(200, fair=0.50)
    (taken,) = [each for each in market(script)["passes"] if any(order["takes"] for order in each["placed"])]
    assert (taken["state"], taken["inputs"]["book"]["bid"]) == ("crossing", 0.49)


def test_what_is_kept_is_bounded_and_a_refusal_that_goes_on_is_kept_once() -> None:
    script = Script()
    script.quoting(0.50)
    for step in range(2 * RECORDS_MAX):
        script.wait(100, fair=0.50 + 0.02 * (step % 2))
    assert len(script.core.trader.memory) == RECORDS_MAX
    script.feed_inputs(halts=["bot-1:manual"])
    script.fair(0.60)
    before = market(script)["passes"][0]["at_ns"]
    for _ in range(10):
        script.now_ns += 1_000_000
        script.fair(0.60)
    assert market(script)["passes"][0]["at_ns"] == before


@pytest.mark.parametrize("query", [{"order": "x"}, {"order": "1" * 20}, {"bot": "1"}])
def test_a_question_that_makes_no_sense_is_refused(query: dict[str, str]) -> None:
    script = Script()
    script.quoting(0.50)
    with pytest.raises(ValueError, match=r"order|bot"):
        script.core.explain(query, script.now_ns)


def test_what_nobody_knows_has_no_answer() -> None:
    script = Script()
    script.quoting(0.50)
    assert script.core.explain({"order": "1"}, script.now_ns) is None
    assert script.core.explain({"market": "ETH-5M-1"}, script.now_ns) is None


def a_record(script: Script) -> Record:
    script.quoting(0.50)
    ((_, record),) = script.core.trader.memory.newest()
    return record


def test_r82_memory_is_bounded_over_all_markets_and_forgets_the_oldest_first() -> None:
    record, memory = a_record(Script()), Memory()
    markets = ALL_RECORDS_MAX // RECORDS_MAX * 2
    for step in range(2 * ALL_RECORDS_MAX):
        terms = dataclasses.replace(record.terms, symbol=f"M{step % markets}")
        memory.note("1", record._replace(terms=terms, now_ns=record.now_ns + step))
    assert len(memory) == ALL_RECORDS_MAX
    kept = sorted(
        each.now_ns - record.now_ns for market in range(markets) for _, rows in memory.of(f"M{market}") for each in rows
    )
    assert kept == list(range(ALL_RECORDS_MAX, 2 * ALL_RECORDS_MAX))


def test_r82_markets_that_are_over_leave_memory_with_age() -> None:
    record, memory = a_record(Script()), Memory()
    memory.note("1", record)
    memory.note(
        "1", record._replace(terms=dataclasses.replace(record.terms, symbol="NEXT"), now_ns=record.now_ns + KEPT_NS + 1)
    )
    assert [symbol for symbol in (record.terms.symbol, "NEXT") if list(memory.of(symbol))] == ["NEXT"]


def test_r82_a_busy_market_keeps_to_its_share() -> None:
    record, memory = a_record(Script()), Memory()
    quiet = record._replace(terms=dataclasses.replace(record.terms, symbol="QUIET"))
    memory.note("1", quiet)
    for step in range(ALL_RECORDS_MAX - 1):
        memory.note("1", record._replace(now_ns=record.now_ns + step))
    assert len(memory) == RECORDS_MAX + 1
