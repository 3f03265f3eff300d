"""Halts at the quoter: what they cancel, what they say of it, what is on disk, and what works before the start."""

from __future__ import annotations

from typing import Any

import pytest
from common.core import AnswerLater
from common.emptying import CONFIRM_MAX_S, read_told
from common.events import Alert, Halt
from common.orders import first_id_of
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from quoter.testing.script import MARKET, Script, config, market
from quoter.testing.venue import Venue, VenueOrder
from quoter.trading.cancel_all import RUNS_MAX
from quoter.views.commands import parse_halt

EURO = "BTC-5M-EUR"


def a_halt(scope: str = "bot-1", reason: str = "manual", **more: Any) -> Halt:
    return Halt(scope=scope, reason=reason, actor="tess", halt_id="h1", cancels=True, ts_ns=0, **more)


def lift(scope: str = "bot-1", reason: str = "manual") -> Halt:
    return Halt(scope=scope, reason=reason, lifted=True, actor="rita", halt_id="l1", ts_ns=0)


def account_row(script: Script) -> dict[str, Any]:
    """Return what the last waited command has come to at the account."""
    [row] = script.answered[-1].document["accounts"]
    return dict(row)


def resting(script: Script) -> int:
    return len(script.venue.open_orders())


@pytest.mark.parametrize("scope", ["global", "venue-degen", "account-mm1", "bot-1", "currency-USD"])
def test_r13_a_halt_cancels_what_rests_and_the_venue_confirms_it(scope: str) -> None:
    script = Script()
    script.quoting(0.50)
    effects = list(script.doors.on_halt_command({"scope": scope, "actor": "tess"}, script.receipt()))
    assert [type(each) for each in effects[:1]] == [AnswerLater]
    script.carry(effects)
    assert resting(script) == 0
    script.wait(100, fair=0.50)
    row = account_row(script)
    assert (row["cancelled"], row["left"], row["of"], row["confirmed"]) == (6, 0, 6, True)
    assert "6 cancelled, 0 of 6 left, confirmed by the venue at" in row["said"]
    script.wait(5_000, fair=0.52)
    assert resting(script) == 0


def test_r13_a_halt_of_new_orders_only_keeps_what_rests() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.doors.on_halt_command({"scope": "bot-1", "keep_resting": True}, script.receipt()))
    script.wait(2_000, fair=0.50)
    assert resting(script) == 6
    assert script.answered[-1].document["accounts"] == []
    assert script.of(Halt)[0].keep_resting
    script.wait(2_000, fair=0.55)
    assert resting(script) == 6, "it stays where it is, whatever the fair value does"


def test_r13_what_a_halt_keeps_is_pulled_all_the_same_when_nothing_may_rest() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.doors.on_halt_command({"scope": "bot-1", "keep_resting": True}, script.receipt()))
    script.wait(2_000, fair=0.55)
    assert resting(script) == 6
    script.wait(3_000)
    assert resting(script) == 0, "without a fair value"


def test_r13_a_halt_on_the_bus_whoever_called_it_cancels_and_its_outcome_is_told() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_halt(a_halt(reason="daily_loss"), script.receipt(5)))
    script.wait(100, fair=0.50)
    assert resting(script) == 0
    [told] = [read_told(each.text) for each in script.of(Alert) if each.kind == "emptied"]
    assert told is not None
    assert (told.what, told.account) == ("bot-1:daily_loss", "mm1")
    assert told.outcome.startswith("6 cancelled, 0 of 6 left, confirmed by the venue")


def test_r13_a_halt_of_another_bot_or_account_cancels_nothing_here() -> None:
    script = Script()
    script.quoting(0.50)
    for number, scope in enumerate(("bot-2", "account-mm2", "venue-other"), 5):
        script.carry(script.core.on_halt(a_halt(scope), script.receipt(number)))
    script.wait(1_000, fair=0.50)
    assert resting(script) == 6


def test_r13_an_order_at_the_venue_that_nobody_knew_of_is_found_and_cancelled() -> None:
    script = Script()
    script.quoting(0.50)
    stray = str(first_id_of(3) + 77_000)
    order = VenueOrder("v9", stray, MARKET, "bid", "yes", "0.40", 10, post_only=True, account_sequence=1)
    script.venue.orders[stray] = order
    script.carry(script.doors.on_halt_command({"scope": "account-mm1"}, script.receipt()))
    script.wait(1_000, fair=0.50)
    assert resting(script) == 0
    row = account_row(script)
    assert (row["left"], row["of"], row["confirmed"]) == (0, 7, True)


def test_r13_a_command_is_answered_however_many_halts_are_called_meanwhile() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.status = 503
    script.carry(script.doors.on_halt_command({"scope": "global"}, script.receipt()))
    for number in range(RUNS_MAX + 5):
        script.carry(script.core.on_halt(a_halt(reason=f"r{number}"), script.receipt(1 + number)))
    script.wait(round(CONFIRM_MAX_S * 1_000) + 200, fair=0.50)
    [answer] = script.answered
    assert answer.document["accounts"][0]["what"] == "global:manual"


def test_r13_a_venue_that_does_not_answer_confirms_nothing_and_is_asked_until_it_does() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.status = 503
    script.carry(script.doors.on_halt_command({"scope": "global"}, script.receipt()))
    script.wait(round(CONFIRM_MAX_S * 1_000) - 200, fair=0.50)
    assert script.answered == []
    script.wait(400, fair=0.50)
    row = account_row(script)
    assert (row["confirmed"], row["confirmed_at_ns"]) == (False, 0)
    assert "NOT CONFIRMED, the venue did not answer within 5 s" in row["said"]
    script.venue.status = 200
    script.wait(5_000, fair=0.50)
    last = [read_told(each.text) for each in script.of(Alert) if each.kind == "emptied"][-1]
    assert last is not None
    assert "confirmed by the venue" in last.outcome


def test_r13_cancels_without_an_answer_are_not_taken_for_done() -> None:
    script = Script()
    script.quoting(0.50)
    script.hold_frames = True
    script.carry(script.doors.on_halt_command({"scope": "global"}, script.receipt()))
    script.wait(1_000)
    assert script.answered == []
    script.hold_frames = False
    script.wait(500)
    assert account_row(script)["confirmed"] is True


def test_r13_without_a_session_the_account_is_swept_over_rest_and_seen_empty_twice() -> None:
    script = Script(Venue(connected=False))
    script.start()
    script.cut()
    left = str(first_id_of(3) + 5)
    script.venue.orders[left] = VenueOrder("v1", left, MARKET, "bid", "yes", "0.40", 10, post_only=True)
    script.venue.no_socket = True
    script.carry(script.doors.on_halt_command({"scope": "bot-1"}, script.receipt()))
    script.wait(2_000)
    assert resting(script) == 0
    assert account_row(script)["confirmed"] is True


def test_r13_a_halt_heard_on_the_bus_first_and_at_the_door_then_is_counted_once() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_halt(a_halt(), script.receipt(5)))
    script.wait(200, fair=0.50)
    script.carry(script.doors.on_halt_command({"scope": "bot-1", "halt_id": "h1"}, script.receipt()))
    script.wait(200, fair=0.50)
    row = account_row(script)
    assert (row["cancelled"], row["left"], row["of"], row["confirmed"]) == (6, 0, 6, True)
    assert script.core.trader.halts.words.unheard() == [], "it is the stream's halt"


# --- on disk --------------------------------------------------------------------------------------------------------


def again(script: Script) -> Script:
    """Return the next life of a quoter that died: its disk is what survives."""
    successor = Script(epoch=4)
    successor.kept = dict(script.kept)
    successor.core.restore(successor.kept)
    return successor


def test_r72_a_halt_is_on_disk_before_it_is_answered_and_holds_in_the_next_life() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_disconnected(script.receipt()))
    effects = list(script.doors.on_halt_command({"scope": "bot-1", "reason": "drill"}, script.receipt()))
    names = [type(each).__name__ for each in effects]
    assert names.index("Keep") < names.index("Send"), "on disk before anything else leaves"
    script.carry(effects)
    successor = again(script)
    successor.quoting(0.50)
    assert successor.core.trader.halts.active == ("bot-1:drill",)
    assert resting(successor) == 0


def test_r72_the_next_life_tells_the_bus_of_a_halt_it_does_not_know() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.doors.on_halt_command({"scope": "bot-1", "reason": "drill"}, script.receipt()))
    [halt] = script.of(Halt)
    successor = again(script)
    successor.start()
    assert [each.halt_id for each in successor.of(Halt)] == [halt.halt_id]


def test_r72_a_lift_leaves_nothing_on_disk_and_a_lifted_halt_does_not_come_back() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_halt(a_halt(), script.receipt(5)))
    assert len(script.kept) == 1
    script.carry(script.core.on_halt(lift(), script.receipt(6)))
    assert script.kept == {}
    assert again(script).core.trader.halts.active == ()


def test_r72_a_lift_while_we_were_dead_ends_the_halt_on_our_disk() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_halt(a_halt(), script.receipt(5)))
    successor = again(script)
    successor.carry(successor.core.on_halt(lift(), successor.receipt(6)))
    successor.start()
    assert successor.core.trader.halts.active == ()
    assert successor.kept == {}
    assert successor.of(Halt) == []


def test_r72_a_store_that_was_rolled_back_does_not_take_the_halt_away_and_it_can_be_lifted() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_halt(a_halt(), script.receipt(500)))
    successor = again(script)
    successor.start()
    assert list(successor.core.trader.halts.active) == ["bot-1:manual"]
    [halt] = successor.of(Halt)
    successor.carry(successor.core.on_published(halt, 3, successor.receipt()))
    successor.carry(successor.core.on_halt(lift(), successor.receipt(4)))
    assert successor.core.trader.halts.active == ()


def test_r72_a_halt_on_disk_that_cannot_be_read_halts_the_account_and_stays() -> None:
    script = Script()
    script.kept = {"broken": b"?"}
    script.core.restore(script.kept)
    script.start()
    assert script.core.trader.halts.active == ("account-mm1:kept_unreadable",)
    assert script.kept["broken"] == b"?"


# --- before the start -----------------------------------------------------------------------------------------------


def test_r72_a_quoter_that_waits_for_the_broker_takes_a_halt_empties_the_account_and_obeys_it_later() -> None:
    script = Script(Venue(connected=False))
    left = str(first_id_of(2) + 5)
    script.venue.orders[left] = VenueOrder("v1", left, MARKET, "bid", "yes", "0.40", 10, post_only=True)
    script.carry(script.doors.on_halt_command({"scope": "bot-7", "reason": "fire"}, script.receipt()))
    assert len(script.kept) == 1
    for _ in range(20):
        script.now_ns += 50_000_000
        script.carry(script.core.on_timer(script.receipt()))
    assert resting(script) == 0
    row = account_row(script)
    assert (row["cancelled"], row["left"], row["confirmed"]) == (1, 0, True)
    assert "the whole account was cancelled" in row["said"]
    assert [halt.reason for halt in script.of(Halt)] == ["fire"], "the shell keeps it for the bus"
    script.start()
    assert script.core.trader.halts.active == ("bot-7:fire",)


def test_r72_cancel_all_works_in_a_quoter_that_waits_for_the_broker() -> None:
    script = Script(Venue(connected=False))
    for number in (5, 6):
        left = str(first_id_of(2) + number)
        script.venue.orders[left] = VenueOrder(f"v{number}", left, MARKET, "bid", "yes", "0.40", 10, post_only=True)
    script.carry(script.doors.on_cancel_all_command({}, script.receipt()))
    for _ in range(20):
        script.now_ns += 50_000_000
        script.carry(script.core.on_timer(script.receipt()))
    assert resting(script) == 0
    assert account_row(script)["said"].startswith("cancel-all:global, account mm1: 2 cancelled, 0 of 2 left, confirmed")


# --- the door -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "fault"),
    [
        ("bot-99", "scope: there is no bot-99; there are account-mm1, bot-1, currency-USD, global, venue-degen"),
        ("venue-nowhere", "scope: there is no venue-nowhere"),
        ("currency-EUR", "scope: there is no currency-EUR"),
        ("currency-usd", "scope: must be global"),
        ("bot-0", "scope: must be global"),
    ],
)
def test_r9_r12_a_scope_that_does_not_exist_is_refused_with_those_that_do(scope: str, fault: str) -> None:
    script = Script()
    script.quoting(0.50)
    with pytest.raises(ValueError, match=fault):
        list(script.doors.on_halt_command({"scope": scope}, script.receipt()))
    assert script.kept == {}


@given(st.text("abzAZ019_-.: ", max_size=12), st.text("abzAZ09_- .", max_size=8), st.booleans())
def test_r9_whatever_the_door_accepts_the_stream_can_carry_and_a_lift_can_name(
    name: str, reason: str, early: bool
) -> None:
    known = None if early else {"global", "bot-1", f"venue-{name}"}
    for scope in ("global", f"bot-{name}", f"venue-{name}", f"currency-{name}", name):
        try:
            order = parse_halt({"scope": scope, "reason": reason}, known)
        except ValueError:
            continue
        halt = a_halt(order.scope, order.reason)
        assert halt.address().startswith("risk.halt.")
        assert lift(order.scope, order.reason).address() == halt.address()


def test_a_halt_ordered_twice_is_one_halt_and_both_are_answered() -> None:
    script = Script()
    script.quoting(0.50)
    for _ in range(2):
        script.carry(script.doors.on_halt_command({"scope": "bot-1", "halt_id": "abc"}, script.receipt()))
    script.wait(200)
    assert len(script.answered) == 2
    assert {halt.message_id() for halt in script.of(Halt)} == {script.of(Halt)[0].message_id()}
    script.carry(script.core.on_config(config(2), script.receipt(9)))


@pytest.mark.parametrize(("scope", "halted"), [("currency-EUR", EURO), ("currency-USD", MARKET)])
def test_a_halt_of_a_currency_stops_the_markets_that_are_paid_in_it(scope: str, halted: str) -> None:
    script = Script()
    script.start(config())
    script.carry(script.core.on_market(replace(market(symbol=EURO), currency="EUR"), script.receipt(2)))
    script.wait(500, fair=0.50)
    assert resting(script) == 6
    script.carry(script.doors.on_halt_command({"scope": scope}, script.receipt()))
    script.wait(500, fair=0.50)
    states = {symbol: quoted.context.halt for symbol, quoted in script.core.bots["1"].quoted.items()}
    assert states == dict.fromkeys((MARKET, EURO), "") | {halted: f"{scope}:manual"}
    assert resting(script) == (0 if halted == MARKET else 6)


def test_the_currency_of_a_halt_is_that_of_the_venue() -> None:
    script = Script()
    script.quoting(0.50)
    assert script.core.trader.scopes_of("1") >= {"currency-USD", "bot-1"}
    script.core.session.currency = "EUR"
    assert "currency-EUR" in script.core.trader.scopes_of("1")
    assert "currency-USD" not in script.core.trader.scopes_of("1")
    script.core.trader.halts.on_risk("0", ["currency-EUR:manual"])
    assert "halted: currency-EUR:manual" in script.core.unready(script.now_ns)
