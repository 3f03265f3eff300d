"""Several accounts in one quoter process: what is shared, and what of one leaves the others alone."""

from __future__ import annotations

from typing import Any

import pytest
from common.core import Every, Http, HttpResponse, Newest, Ordered, Wire
from common.emptying import CONFIRM_MAX_S
from common.events import (
    AccountState,
    Alert,
    Book,
    FairValue,
    Fill,
    Halt,
    OrderCommand,
    OrderUpdates,
    QuoteTarget,
    TransferCommand,
)
from common.events.market import Level
from common.orders import epoch_of
from quoter.accounts.quoters import REST_MAX_NS, REST_NS
from quoter.testing.script import MARKET, Script, fair_value
from quoter.testing.several import Several, bot_of
from quoter.venues.base import Outputs

KEY_ERROR = "an invariant is broken"


def broken(*_: Any, **__: Any) -> Any:
    raise KeyError(KEY_ERROR)


def new_orders(several: Several) -> set[int]:
    return {
        each.order_id for updates in several.of(OrderUpdates) for each in updates.orders if each.state == "submitting"
    }


# --- what is shared -------------------------------------------------------------------------------------------------


def test_each_class_of_events_is_read_once_for_all_accounts() -> None:
    read = [each for each in Several(3).inputs if isinstance(each, Newest | Ordered)]
    alone = [each for each in Script().core.inputs() if isinstance(each, Newest | Ordered)]
    shared = [(each.event, each.tokens) for each in read if "account" not in each.tokens]
    assert shared == [(each.event, each.tokens) for each in alone if "account" not in each.tokens]
    own = {each.event for each in read if "account" in each.tokens}
    assert own == {AccountState, OrderCommand, TransferCommand}
    for event in own:
        assert [each.tokens for each in read if each.event is event] == [{"account": f"mm{n}"} for n in (1, 2, 3)]


def test_each_account_has_connections_and_a_timer_of_its_own() -> None:
    inputs = Several().inputs
    names = [each.name for each in inputs if isinstance(each, Wire | Http)]
    assert sorted(names) == ["degen/mm1", "degen/mm1", "degen/mm2", "degen/mm2", "transfers/mm1", "transfers/mm2"]
    assert len([each for each in inputs if isinstance(each, Every)]) == 2


def test_the_only_account_of_a_process_is_handed_its_inputs_directly() -> None:
    script = Script()
    handlers = {each.event: each.handler for each in script.doors.inputs() if isinstance(each, Newest)}
    assert handlers[FairValue] == script.core.on_fair
    assert [each.name for each in script.doors.inputs() if isinstance(each, Wire)] == ["degen"]


def test_a_tick_reaches_the_account_of_its_bot_alone() -> None:
    several = Several()
    several.start()
    several.wait(500)
    before = {account: several.quoter(account).passes.count for account in several.venues}
    several.tell(fair_value(0.50, "2"))
    after = {account: several.quoter(account).passes.count for account in several.venues}
    assert (after["mm1"] - before["mm1"], after["mm2"] - before["mm2"]) == (0, 1)


def test_both_accounts_quote_each_its_own_bot() -> None:
    several = Several()
    several.quoting()
    assert several.resting() == {"mm1": 6, "mm2": 6}
    several.wait(2_000, fair=0.50)
    said = {(target.account, target.algo_id) for target in several.of(QuoteTarget)}
    assert said == {("mm1", "1"), ("mm2", "2")}


def test_what_the_venue_shows_reaches_all_accounts_there() -> None:
    several = Several()
    several.quoting()
    level = [Level(0.40, 10.0)]
    several.tell(Book(venue="degen", symbol=MARKET, bids=level, asks=[], ts_event_ns=1, ts_received_ns=1))
    for account, algo_id in (("mm1", "1"), ("mm2", "2")):
        quoted = several.quoter(account).trader.quoted_of(algo_id, MARKET)
        assert quoted is not None
        assert quoted.context.book_bid_ticks == 40


def test_a_fill_is_of_the_account_whose_order_it_was() -> None:
    several = Several()
    several.quoting()
    venue = several.venues["mm2"]
    venue.fill(venue.open_orders()[0], 10)
    several.carry(())
    [fill] = several.of(Fill)
    assert (fill.account, fill.algo_id) == ("mm2", "2")
    assert several.quoter("mm2").trader.holdings.unledgered == 1, "its own, which the broker has stored"
    assert several.quoter("mm1").trader.holdings.unledgered == 0


# --- leases ---------------------------------------------------------------------------------------------------------


def test_an_account_begins_when_its_lease_is_held_whatever_the_others_wait_for() -> None:
    several = Several()
    several.start("mm1")
    several.wait(500, fair=0.50)
    assert several.resting() == {"mm1": 6, "mm2": 0}
    assert several.core.unready(several.now_ns) == ["account mm2: its lease is not held here"]
    several.hold_lease("mm2")
    several.wait(500, fair=0.50)
    assert several.resting() == {"mm1": 6, "mm2": 6}
    assert several.core.unready(several.now_ns) == []


def test_each_accounts_order_ids_bear_the_epoch_of_its_own_lease() -> None:
    several = Several()
    several.epochs["mm2"] = 40
    several.quoting()
    for account, epoch in (("mm1", 3), ("mm2", 41)):
        ids = {int(order.client_order_id) for order in several.venues[account].open_orders()}
        assert {epoch_of(each) for each in ids} == {epoch}


def test_a_lost_lease_stops_its_account_alone_and_without_a_word_to_the_venue_but_goodbye() -> None:
    several = Several()
    several.quoting()
    sent = len(several.venues["mm2"].received)
    several.carry(several.core.on_lost("mm2", several.receipt()))
    assert several.closed == ["degen/mm2"]
    several.wait(2_000, fair=0.55)
    assert len(several.venues["mm2"].received) == sent
    assert several.resting()["mm1"] == 6
    assert new_orders(several) <= {int(key) for key in several.venues["mm1"].orders}
    [alert] = [each for each in several.of(Alert) if each.kind == "account_lost"]
    assert alert.text == "account mm2: another process has its lease, it is traded there"
    assert several.of(Halt) == []


def test_an_account_whose_lease_comes_back_recovers_and_quotes_under_the_new_epoch() -> None:
    several = Several()
    several.quoting()
    several.carry(several.core.on_lost("mm2", several.receipt()))
    several.wait(1_000, fair=0.50)
    several.epochs["mm2"] += 1
    several.hold_lease("mm2")
    several.wait(1_000, fair=0.50)
    assert several.resting() == {"mm1": 6, "mm2": 6}
    assert {epoch_of(int(each.client_order_id)) for each in several.venues["mm2"].open_orders()} == {5}


def test_doubt_of_one_lease_stops_new_orders_of_its_account_alone() -> None:
    several = Several()
    several.quoting()
    several.carry(several.core.on_doubt("mm2", True, several.receipt()))
    placed = len(several.venues["mm2"].orders)
    several.wait(1_000, fair=0.55)
    assert len(several.venues["mm1"].orders) > 6
    assert len(several.venues["mm2"].orders) == placed
    several.carry(several.core.on_disconnected(several.receipt()))
    several.carry(several.core.on_reconnected(several.receipt()))
    several.wait(1_000, fair=0.50)
    assert len(several.venues["mm2"].orders) == placed, "the bus is back, the lease is not"
    several.carry(several.core.on_doubt("mm2", False, several.receipt()))
    several.wait(1_000, fair=0.55)
    assert several.resting() == {"mm1": 6, "mm2": 6}


# --- failures -------------------------------------------------------------------------------------------------------


def fail(several: Several, account: str) -> None:
    """Have the quoter of an account fail with its next timer, which the next one's does not."""
    several.quoter(account).session.on_timer = broken  # type: ignore[method-assign]
    several.wait(50, fair=0.50)


def test_a_quoter_that_fails_halts_its_account_alone_and_what_it_left_is_cancelled() -> None:
    several = Several()
    several.quoting()
    fail(several, "mm2")
    several.wait(1_000, fair=0.52)
    assert several.resting() == {"mm1": 6, "mm2": 0}
    [halt] = several.of(Halt)
    assert (halt.scope, halt.reason, halt.actor) == ("account-mm2", "exception", "quoter")
    assert KEY_ERROR in halt.detail
    assert "test_quoters.py:" in halt.detail, "where it came up"
    assert len(several.kept) == 1, "on disk"
    emptied = [each.text for each in several.of(Alert) if each.kind == "emptied"]
    assert any(
        each.startswith("account-mm2:exception, account mm2: ") and "confirmed by the venue" in each for each in emptied
    )
    assert {each.kind for each in several.of(Alert)} >= {"halt_exception", "emptied"}


def test_a_quoter_that_fails_gives_its_lease_back_and_the_next_epoch_begins_halted() -> None:
    several = Several()
    several.quoting()
    fail(several, "mm2")
    assert several.core.renounces("mm2", several.now_ns)
    assert not several.core.renounces("mm1", several.now_ns)
    several.carry(several.core.on_lost("mm2", several.receipt()))
    assert several.core.renounces("mm2", several.now_ns), "it rests a while"
    several.wait(REST_NS // 1_000_000 + 100, fair=0.50)
    assert not several.core.renounces("mm2", several.now_ns)
    assert [each for each in several.of(Alert) if each.kind == "account_lost"] == []
    several.hold_lease("mm2")
    several.wait(1_000, fair=0.50)
    assert several.resting() == {"mm1": 6, "mm2": 0}
    assert several.core.unready(several.now_ns) == ["account mm2: halted: account-mm2:exception"]
    [halt] = several.of(Halt)[:1]
    lift = Halt(scope=halt.scope, reason=halt.reason, lifted=True, actor="rita", halt_id="l1", ts_ns=0)
    several.tell(halt, 7)
    several.tell(lift, 8)
    several.wait(1_000, fair=0.50)
    assert several.resting() == {"mm1": 6, "mm2": 6}
    assert several.kept == {}


def test_failures_one_after_the_other_rest_longer_each_time() -> None:
    several = Several()
    several.quoting()
    rests = []
    for _ in range(8):
        fail(several, "mm2")
        since_ns = several.now_ns
        several.carry(several.core.on_lost("mm2", several.receipt()))
        while several.core.renounces("mm2", several.now_ns):
            several.now_ns += REST_NS // 2
        rests.append((several.now_ns - since_ns) // REST_NS)
        several.hold_lease("mm2")
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60]
    several.now_ns += REST_MAX_NS
    fail(several, "mm2")
    assert not several.core.renounces("mm1", several.now_ns)
    several.carry(several.core.on_lost("mm2", several.receipt()))
    several.now_ns += REST_NS
    assert not several.core.renounces("mm2", several.now_ns), "after a calm minute it is the first again"


def test_one_that_fails_before_it_has_begun_is_alerted_and_tried_again_with_the_lease() -> None:
    several = Several()
    several.start("mm1")
    fail(several, "mm2")
    several.wait(500, fair=0.50)
    [alert] = [each for each in several.of(Alert) if each.kind == "account_failed"]
    assert alert.text.startswith(f"account mm2: KeyError: '{KEY_ERROR}'")
    assert several.resting() == {"mm1": 6, "mm2": 0}
    several.wait(2_000, fair=0.50)
    several.hold_lease("mm2")
    several.wait(1_000, fair=0.50)
    assert several.resting() == {"mm1": 6, "mm2": 6}


def test_one_that_fails_while_it_is_told_of_its_bots_does_not_begin() -> None:
    several = Several()
    several.quoting()
    fail(several, "mm2")
    several.carry(several.core.on_lost("mm2", several.receipt()))
    several.wait(1_100, fair=0.50)
    follower = several.quoter("mm2")
    follower.on_config = broken  # type: ignore[method-assign]
    several.hold_lease("mm2")
    assert not follower.begun
    assert several.closed == ["degen/mm2"], "that of the one before: it has opened none"
    assert several.core.renounces("mm2", several.now_ns)
    several.carry(several.core.on_lost("mm2", several.receipt()))
    several.wait(3_000, fair=0.50)
    several.hold_lease("mm2")
    assert several.quoter("mm2") is not follower
    assert several.quoter("mm2").begun


def test_a_turn_of_the_timer_that_was_due_is_not_taken_by_a_quoter_that_has_failed() -> None:
    several = Several()
    several.quoting()
    before = several.quoter("mm2")
    before.passes._on_timer_of = broken  # type: ignore[method-assign]
    several.wait(50, fair=0.50)
    assert several.quoter("mm2") is not before
    count = before.passes.count
    several.wait(500, fair=0.50)
    assert before.passes.count == count
    assert several.resting() == {"mm1": 6, "mm2": 0}


def test_the_answer_to_a_request_of_the_quoter_before_is_nobodys() -> None:
    several = Several()
    several.quoting()
    several.hold = True
    several.carry(several.core.hand(several.quoter("mm2"), several.quoter("mm2").lookback.ask, 0, 1, several.receipt()))
    [old] = several.held
    several.hold, several.held = False, []
    fail(several, "mm2")
    answered: list[HttpResponse] = []

    def note(answer: HttpResponse, now_ns: int) -> Outputs:
        answered.append(answer)
        return []

    several.quoter("mm2").session.on_answer = note  # type: ignore[method-assign]
    several.answer(old)
    assert answered == []


def test_whoever_waits_at_the_door_for_an_account_that_fails_is_answered() -> None:
    several = Several()
    several.quoting()
    several.venues["mm2"].status = 503
    several.order("cancel-all", actor="tess")
    several.wait(500, fair=0.50)
    assert several.answered == []
    fail(several, "mm2")
    rows = several.rows()
    assert rows["mm1"]["confirmed"]
    assert rows["mm2"]["said"] == "account mm2: NOT CONFIRMED, its quoter has ended: failed"


def test_an_order_at_the_door_reaches_an_account_that_has_failed_and_says_that_nothing_is_confirmed_there() -> None:
    several = Several()
    several.start("mm1")
    several.wait(500, fair=0.50)
    fail(several, "mm2")
    several.order("halt", scope="global", actor="tess")
    several.wait(200, fair=0.50)
    rows = several.rows()
    assert rows["mm1"]["confirmed"]
    assert rows["mm2"]["said"] == "account mm2: NOT CONFIRMED, its quoter has failed and has not begun again"
    assert several.quoter("mm2").trader.halts.active == ("global:manual",)
    several.order("since")
    assert several.rows()["mm2"]["why"].endswith("has not begun again")


def test_the_only_account_of_a_process_ends_the_process_as_ever() -> None:
    script = Script()
    script.quoting()
    script.core.session.on_timer = broken  # type: ignore[method-assign]
    [timer] = [each for each in script.doors.inputs() if isinstance(each, Every)]
    with pytest.raises(KeyError, match=KEY_ERROR):
        list(timer.handler(script.receipt()))


# --- doors ----------------------------------------------------------------------------------------------------------


def test_a_halt_of_one_account_at_the_door_leaves_the_other_alone() -> None:
    several = Several()
    several.quoting()
    several.order("halt", scope="account-mm2", actor="tess")
    several.wait(500, fair=0.50)
    assert several.resting() == {"mm1": 6, "mm2": 0}
    assert {name: row["cancelled"] for name, row in several.rows().items()} == {"mm2": 6}
    assert len(several.of(Halt)) == 1


def test_a_halt_of_everything_at_the_door_is_one_halt_and_one_answer_of_all_accounts() -> None:
    several = Several()
    several.quoting()
    several.order("halt", scope="global", actor="tess")
    several.wait(500, fair=0.50)
    assert several.resting() == {"mm1": 0, "mm2": 0}
    assert {name: (row["cancelled"], row["confirmed"]) for name, row in several.rows().items()} == {
        "mm1": (6, True),
        "mm2": (6, True),
    }
    [halt] = several.of(Halt)
    several.tell(halt, 7)
    assert len(several.answered) == 1
    assert [each.kind for each in several.of(Alert)].count("halt_manual") == 1


def test_a_venue_that_is_silent_for_one_account_holds_up_the_answer_for_five_seconds_at_most() -> None:
    several = Several()
    several.quoting()
    several.venues["mm2"].status = 503
    several.order("halt", scope="global")
    several.wait(round(CONFIRM_MAX_S * 1_000) + 100, fair=0.50)
    rows = several.rows()
    assert rows["mm1"]["confirmed"]
    assert "NOT CONFIRMED" in rows["mm2"]["said"]


def test_a_halt_that_keeps_resting_orders_is_answered_for_all_it_concerns() -> None:
    several = Several()
    several.quoting()
    several.order("halt", scope="venue-degen", keep_resting=True)
    assert several.answered[-1].document == {"accounts": [], "kept": "accounts mm1, mm2: resting orders stay"}
    several.wait(500, fair=0.55)
    assert several.resting() == {"mm1": 6, "mm2": 6}


def test_cancel_all_at_the_door_empties_all_accounts_and_holds_them_back() -> None:
    several = Several()
    several.quoting()
    several.order("cancel-all")
    several.wait(4_500, fair=0.50)
    assert several.resting() == {"mm1": 0, "mm2": 0}
    assert {row["confirmed"] for row in several.rows().values()} == {True}
    several.wait(1_000, fair=0.50)
    assert several.resting() == {"mm1": 6, "mm2": 6}


def test_a_scope_of_no_account_is_refused_naming_those_of_all() -> None:
    several = Several()
    several.quoting()
    with pytest.raises(ValueError, match="there is no account-mm3; there are account-mm1, account-mm2, bot-1, bot-2,"):
        several.order("halt", scope="account-mm3")


def test_while_one_account_waits_for_its_lease_only_what_may_be_its_own_is_taken_unknown() -> None:
    several = Several()
    several.start("mm1")
    several.wait(500, fair=0.50)
    with pytest.raises(ValueError, match="there is no account-mm22"):
        several.order("halt", scope="account-mm22")
    several.order("halt", scope="bot-9")
    several.wait(1_000, fair=0.50)
    assert list(several.rows()) == ["mm2"]
    assert several.resting()["mm1"] == 6


def test_before_anything_has_begun_a_halt_is_taken_and_both_venues_are_swept() -> None:
    several = Several()
    several.order("halt", scope="bot-9")
    several.wait(1_000)
    assert set(several.rows()) == {"mm1", "mm2"}
    assert len(several.kept) == 1


def test_what_a_venue_has_after_places_is_answered_an_account_a_row() -> None:
    several = Several()
    several.order("since", after={"mm1": 0})
    several.wait(200)
    assert {name: row["fills"] for name, row in several.rows().items()} == {"mm1": 0, "mm2": 0}


# --- stopping -------------------------------------------------------------------------------------------------------


def test_a_stop_cancels_all_accounts_and_is_done_when_every_venue_has_confirmed_it() -> None:
    several = Several()
    several.quoting()
    several.venues["mm2"].status = 503
    several.carry(several.core.stop(several.receipt()))
    several.wait(1_000, fair=0.50)
    assert several.resting()["mm1"] == 0
    assert not several.core.stopped()
    several.venues["mm2"].status = 200
    several.wait(3_000, fair=0.50)
    assert several.resting() == {"mm1": 0, "mm2": 0}
    assert several.core.stopped()


def test_a_stop_does_not_wait_for_an_account_that_another_process_trades() -> None:
    several = Several()
    several.start("mm1")
    several.wait(500, fair=0.50)
    several.carry(several.core.stop(several.receipt()))
    several.wait(500, fair=0.50)
    assert several.core.stopped()
    several.hold_lease("mm2")
    several.wait(500, fair=0.50)
    assert several.resting() == {"mm1": 0, "mm2": 0}, "nothing begins while all ends"


def test_a_stop_is_not_done_while_what_a_failed_quoter_left_may_rest() -> None:
    several = Several()
    several.quoting()
    several.venues["mm2"].status = 503
    fail(several, "mm2")
    several.carry(several.core.stop(several.receipt()))
    several.wait(1_000, fair=0.50)
    assert not several.core.stopped()
    several.venues["mm2"].status = 200
    several.wait(1_000, fair=0.50)
    assert several.core.stopped()


def test_where_the_stores_are_others_nothing_of_any_account_rests() -> None:
    several = Several()
    several.quoting()
    several.carry(several.core.on_stand_still(["FILL is not there"], several.receipt()))
    several.wait(1_000, fair=0.50)
    assert several.resting() == {"mm1": 0, "mm2": 0}


# --- what people see ------------------------------------------------------------------------------------------------


def test_the_state_shows_each_account_and_the_bots_of_all() -> None:
    several = Several()
    several.quoting()
    state = several.core.state(several.now_ns)
    assert list(state["accounts"]) == ["mm1", "mm2"]
    assert [(row["account"], row["algo_id"], row["state"]) for row in state["bots"]] == [
        ("mm1", "1", "quoting"),
        ("mm2", "2", "quoting"),
    ]
    assert state["open_orders"] == 12


def test_every_figure_says_of_which_account_it_is_and_no_two_are_one() -> None:
    several = Several()
    several.quoting()
    figures = [(each.name, tuple(sorted(each.labels.items()))) for each in several.core.samples()]
    assert len(figures) == len(set(figures))
    assert all("account" in dict(labels) for _, labels in figures)


def test_an_explanation_is_asked_of_all_accounts() -> None:
    several = Several()
    several.quoting()
    order_id = several.venues["mm2"].open_orders()[0].client_order_id
    told = several.core.explain({"order": order_id}, several.now_ns)
    assert told is not None
    assert "mm2" in [each["account"] for each in told["explanations"]], "an order id is its account's own"
    everything = several.core.explain({"market": MARKET}, several.now_ns)
    assert everything is not None
    assert [each["account"] for each in everything["explanations"]] == ["mm1", "mm2"]
    assert several.core.explain({"order": "7"}, several.now_ns) is None


def test_a_bot_that_moves_to_another_account_is_quoted_there_and_nowhere_else() -> None:
    several = Several()
    several.quoting()
    several.tell(bot_of("mm2", "1"), 9)
    several.wait(1_000, fair=0.50)
    held = {
        account: {order.algo_id for order in several.quoter(account).trader.orders.living()}
        for account in ("mm1", "mm2")
    }
    assert held["mm1"] == set()
    assert "1" in held["mm2"]
