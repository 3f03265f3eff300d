"""The watchdog: whose orders it cancels, when, and whose never."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from common.core import Answered, Effect, HttpRequest, Keep, Receipt
from common.events import Alert, Event, Halt, Lease
from common.leases.fence import AHEAD_MAX
from common.leases.lease import TTL_MS_MAX
from common.orders import EPOCH_MAX, first_id_of
from quoter.accounts.accounts import Accounts
from quoter.testing.script import MARKET, MS, START_NS
from quoter.testing.venue import Venue, VenueOrder
from quoter.venues.degen.cancelling import DegenCancelSession
from quoter.venues.degen.rest import ApiKey
from quoter.views.answers import Answers, at_once
from quoter.watchdog.core import Watchdog
from quoter.watchdog.errands import CONFIRM_MAX_NS, ERRANDS_MAX, Errands

TTL_MS = 2_000


class Watch:
    """Drives one watchdog against one venue."""

    def __init__(self) -> None:
        self.venue = Venue(connected=True)
        self.key = ApiKey("watch", "mm1-watch", "very-secret", ("cancel",))
        answers = Answers()
        self.core = Watchdog("mm1", DegenCancelSession(self.key), "http://venue", answer=answers.give)
        self.doors = Accounts([self.core], answers)
        self.now_ns = START_NS
        self.told: list[Event] = []
        self.answered: list[Answered] = []
        self.kept: dict[str, bytes] = {}
        self.beat = 0

    def start(self) -> None:
        self.carry(self.core.start(self.receipt()))

    def reports(self) -> list[str]:
        """What was told of emptied scopes."""
        return [alert.text for alert in self.told if isinstance(alert, Alert) and alert.kind == "emptied"]

    def carry(self, effects: Iterable[Effect]) -> None:
        for effect in list(effects):
            if isinstance(effect, HttpRequest):
                self.carry(self.core.on_answer(self.venue.on_ask(effect), self.receipt()))
            elif isinstance(effect, Event):
                self.told.append(effect)
            elif isinstance(effect, Answered):
                self.answered.append(effect)
            elif isinstance(effect, Keep):
                self.kept.pop(effect.name, None)
                if effect.data:
                    self.kept[effect.name] = effect.data

    def receipt(self, age_ms: int = 0) -> Receipt:
        return Receipt(self.now_ns, age_ms * MS)

    def lease(self, epoch: int = 3, holder: str = "quoter-1", age_ms: int = 0) -> None:
        self.beat += 1
        lease = Lease(role="quoter", key="mm1", holder=holder, beat=self.beat, ttl_ms=TTL_MS, epoch=epoch)
        self.carry(self.core.on_lease(lease, self.receipt(age_ms)))

    def wait(self, ms: int, *, beating: int = 0) -> None:
        for _ in range(ms // 100):
            self.now_ns += 100 * MS
            if beating:
                self.lease(beating)
            self.carry(self.core.on_timer(self.receipt()))

    def order(self, epoch: int, number: int = 1) -> VenueOrder:
        order_id = first_id_of(epoch) + number
        order = VenueOrder(str(number), str(order_id), MARKET, "bid", "yes", "0.40", 10, True, account_sequence=1)
        self.venue.orders[str(order_id)] = order
        return order


def test_while_the_quoter_beats_its_orders_are_left_alone() -> None:
    watch = Watch()
    order = watch.order(3)
    watch.wait(10_000, beating=3)
    assert order.status == "open"
    assert watch.venue.requests == []
    assert watch.core.state(watch.now_ns)["lease"]["alive"] is True


def test_when_the_beats_stop_for_the_ttl_its_orders_are_cancelled() -> None:
    watch = Watch()
    order = watch.order(3)
    watch.lease()
    watch.wait(TTL_MS)
    assert order.status == "open"
    watch.wait(200)
    assert order.status == "cancelled"
    assert watch.core.state(watch.now_ns)["left_at_venue"] == 0
    assert [alert.kind for alert in watch.told if isinstance(alert, Alert)] == ["intervenes", "emptied"]


def test_a_lease_that_is_old_when_it_is_read_back_counts_from_when_it_beat() -> None:
    watch = Watch()
    order = watch.order(3)
    watch.lease(age_ms=TTL_MS + 1)
    watch.wait(100)
    assert order.status == "cancelled"


def test_a_lease_given_back_with_orders_left_is_cleaned_up() -> None:
    watch = Watch()
    order = watch.order(3)
    watch.lease()
    watch.lease(holder="")
    watch.wait(100)
    assert order.status == "cancelled"


def test_a_new_epoch_ends_the_old_ones_orders_and_not_its_own() -> None:
    watch = Watch()
    old, new = watch.order(3), watch.order(4)
    watch.lease(3)
    watch.beat = 0
    watch.lease(4)
    watch.wait(5_000, beating=4)
    assert old.status == "cancelled"
    assert new.status == "open"


def test_it_goes_on_until_the_venue_shows_none() -> None:
    watch = Watch()
    order = watch.order(3)
    watch.lease()
    watch.venue.status = 503
    watch.wait(TTL_MS + 3_000)
    assert order.status == "open"
    watch.venue.status = 200
    watch.wait(3_000)
    assert order.status == "cancelled"


def test_an_order_that_arrives_late_is_cancelled_too() -> None:
    watch = Watch()
    watch.lease()
    watch.wait(TTL_MS + 500)
    late = watch.order(3, 9)
    watch.wait(2_500)
    assert late.status == "cancelled"


def test_a_holder_that_was_only_slow_has_its_orders_to_itself_again_and_may_die_again() -> None:
    watch = Watch()
    watch.order(3)
    watch.lease()
    watch.wait(TTL_MS + 500)
    watch.lease(3)
    order = watch.order(3, 2)
    watch.wait(5_000, beating=3)
    assert order.status == "open"
    watch.wait(TTL_MS + 500)
    assert order.status == "cancelled"
    assert watch.core.interventions == 2


def test_an_older_beat_heard_late_changes_nothing() -> None:
    watch = Watch()
    watch.lease(4)
    watch.now_ns += 1_000 * MS
    watch.beat = 0
    watch.lease(3)
    assert watch.core.state(watch.now_ns)["lease"]["epoch"] == 4


def test_without_ever_hearing_of_a_lease_it_touches_nothing_and_says_so() -> None:
    watch = Watch()
    order = watch.order(3)
    watch.wait(10_000)
    assert order.status == "open"
    assert watch.core.unready(watch.now_ns) == ["no lease quoter/mm1 has been seen"]


def test_cancel_all_takes_the_living_epochs_orders_too() -> None:
    watch = Watch()
    order = watch.order(3)
    watch.lease()
    watch.carry(watch.doors.on_cancel_all_command({"actor": "me"}, watch.receipt()))
    assert order.status == "cancelled"
    again = watch.order(3, 2)
    watch.wait(5_000, beating=3)
    assert again.status == "open"


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"scope": "account-mm2"}, "scope: there is no account-mm2; there are account-mm1, currency-USD, global"),
        ({"scope": "everything"}, "scope: must be global"),
        ({"x": 1}, "x: unknown field"),
    ],
)
def test_cancel_all_is_checked(document: dict[str, object], fault: str) -> None:
    watch = Watch()
    with pytest.raises(ValueError, match=fault):
        list(watch.doors.on_cancel_all_command(document, watch.receipt()))


def test_its_snapshot_and_figures_show_no_secret() -> None:
    watch = Watch()
    watch.lease()
    watch.wait(TTL_MS + 500)
    shown = repr(watch.core.state(watch.now_ns)) + repr(list(watch.core.samples())) + repr(watch.key)
    assert "very-secret" not in shown
    assert {type(each).__name__ for each in watch.doors.inputs()} == {
        "Newest",
        "Ordered",
        "Every",
        "Http",
        "Command",
    }


# --- halts ----------------------------------------------------------------------------------------------------------


def a_halt(scope: str = "global", **more: bool) -> Halt:
    return Halt(scope=scope, reason="fire", actor="tess", halt_id="h1", cancels=True, ts_ns=0, **more)  # type: ignore[arg-type]


def test_r51_what_a_dead_quoter_left_is_reported_with_its_count_and_the_venues_word() -> None:
    watch = Watch()
    for number in (1, 2, 3):
        watch.order(3, number)
    watch.lease()
    watch.wait(TTL_MS + 200)
    [report] = watch.reports()
    assert report.startswith(
        f"ids-below:{first_id_of(4)}, account mm1: 3 cancelled, 0 of 3 left, confirmed by the venue"
    )


@pytest.mark.parametrize(
    ("scope", "more"),
    [
        ("global", ""),
        ("venue-degen", ""),
        ("account-mm1", ""),
        ("bot-7", "the whole account was"),
        ("currency-BTC", "the whole account was"),
    ],
)
def test_r13_a_halt_at_its_door_empties_the_account_and_says_so(scope: str, more: str) -> None:
    watch = Watch()
    watch.start()
    order = watch.order(3)
    watch.lease()
    watch.carry(watch.doors.on_halt_command({"scope": scope, "reason": "fire", "actor": "tess"}, watch.receipt()))
    assert order.status == "cancelled"
    [row] = watch.answered[0].document["accounts"]
    assert (row["cancelled"], row["left"], row["of"], row["confirmed"]) == (1, 0, 1, True)
    assert more in row["said"]
    [halt] = [event for event in watch.told if isinstance(event, Halt)]
    assert (halt.scope, halt.reason, halt.empties) == (scope, "fire", True)
    assert len(watch.kept) == 1


def test_r13_a_venue_that_does_not_answer_is_said_after_five_seconds_and_asked_on() -> None:
    watch = Watch()
    order = watch.order(3)
    watch.venue.status = 503
    watch.carry(watch.doors.on_cancel_all_command({}, watch.receipt()))
    watch.wait(5_000)
    [row] = watch.answered[0].document["accounts"]
    assert "NOT CONFIRMED, the venue did not answer within 5 s" in row["said"]
    watch.venue.status = 200
    watch.wait(3_000)
    assert order.status == "cancelled"
    assert "1 cancelled, 0 of 1 left, confirmed by the venue" in watch.reports()[-1]


def test_r13_a_command_at_the_watchdog_is_answered_however_many_errands_follow() -> None:
    errands = Errands("mm1", at_once)
    errands.begin("cancel-all", "account-mm1", 1 << 60, 0, ticket=7)
    for number in range(2 * ERRANDS_MAX):
        errands.begin(f"r{number}", "account-mm1", 1 << 60, 0)
    assert len(list(errands)) == ERRANDS_MAX
    answers = [effect for effect in errands.overdue(CONFIRM_MAX_NS) if isinstance(effect, Answered)]
    assert [answer.ticket for answer in answers] == [7]


def test_r72_a_halt_at_a_watchdog_that_has_not_started_is_on_disk_and_told_by_its_next_life_too() -> None:
    watch = Watch()
    order = watch.order(3)
    watch.carry(watch.doors.on_halt_command({"scope": "account-mm1"}, watch.receipt()))
    assert order.status == "cancelled"
    assert [event.scope for event in watch.told if isinstance(event, Halt)] == ["account-mm1"]
    successor = Watch()
    successor.core.restore(watch.kept)
    successor.start()
    [halt] = [event for event in successor.told if isinstance(event, Halt)]
    assert halt.scope == "account-mm1"


def test_r13_a_halt_of_the_bus_is_the_watchdogs_only_where_no_quoter_lives() -> None:
    watch = Watch()
    watch.start()
    living = watch.order(3)
    watch.lease()
    watch.carry(watch.core.on_halt(a_halt(), Receipt(watch.now_ns, 0, 4)))
    assert living.status == "open"
    watch.lease(holder="")
    late = watch.order(3, 2)
    watch.carry(watch.core.on_halt(a_halt("account-mm1"), Receipt(watch.now_ns, 0, 5)))
    assert late.status == "cancelled"
    assert len(watch.kept) == 2


def test_a_holder_that_lives_after_all_keeps_its_orders_although_an_errand_was_begun() -> None:
    watch = Watch()
    order = watch.order(3)
    watch.lease()
    watch.venue.status = 503
    watch.wait(TTL_MS + 500)
    watch.lease()
    watch.venue.status = 200
    watch.wait(3_000, beating=3)
    assert order.status == "open"


def test_r73_leases_of_a_lease_stream_that_began_anew_are_heard() -> None:
    watch = Watch()
    watch.start()
    watch.lease(57)
    watch.wait(TTL_MS + 200)
    assert watch.core.interventions == 1, "nobody beats any more"
    watch.beat = 0
    order = watch.order(1)
    for _ in range(20):
        watch.wait(100, beating=1)
    assert order.status == "open", "the new holder's orders are its own"
    assert watch.core.unready(watch.now_ns) == []
    watch.wait(TTL_MS + 200)
    assert order.status != "open", "and it is not deaf to a dead quoter"


@pytest.mark.parametrize("epoch", [3 + AHEAD_MAX + 1, EPOCH_MAX, EPOCH_MAX + 1, 1 << 62])
def test_r83_a_lease_that_nobody_vouches_for_costs_a_living_holder_no_order(epoch: int) -> None:
    watch = Watch()
    order = watch.order(3)
    watch.wait(1_000, beating=3)
    watch.lease(epoch)
    watch.wait(5_000, beating=3)
    assert order.status == "open"
    state = watch.core.state(watch.now_ns)
    assert (state["lease"]["epoch"], state["leases_refused"]) == (3, 1)
    assert [alert.kind for alert in watch.told if isinstance(alert, Alert)] == ["epoch_ahead"]
    watch.wait(TTL_MS + 200)
    assert order.status == "cancelled", "and it is not deaf to a dead quoter"


def test_r83_many_such_leases_are_told_once_a_minute() -> None:
    watch = Watch()
    for _ in range(700):
        watch.wait(100, beating=3)
        watch.lease(EPOCH_MAX)
    told = [alert.text for alert in watch.told if isinstance(alert, Alert)]
    assert len(told) == 2
    assert f"claims epoch {EPOCH_MAX}, while epoch 3 still holds it" in told[0]


def test_r83_a_huge_epoch_heard_first_is_forgotten_when_nobody_beats_it() -> None:
    watch = Watch()
    watch.lease(EPOCH_MAX)
    order = watch.order(3)
    for _ in range(TTL_MS // 100 + 5):
        watch.wait(100, beating=3)
    assert watch.core.state(watch.now_ns)["lease"]["epoch"] == 3
    order = watch.order(3, 2)
    watch.wait(5_000, beating=3)
    assert order.status == "open"
    watch.wait(TTL_MS + 200)
    assert order.status == "cancelled"


@pytest.mark.parametrize("ttl_ms", [0, -1, TTL_MS_MAX + 1, 1 << 40])
def test_r83_a_ttl_that_nobody_may_have_makes_no_holder_immortal_and_none_dead(ttl_ms: int) -> None:
    watch = Watch()
    order = watch.order(3)
    watch.lease(3)
    odd = Lease(role="quoter", key="mm1", holder="quoter-1", beat=watch.beat + 1, ttl_ms=ttl_ms, epoch=3)
    watch.carry(watch.core.on_lease(odd, watch.receipt()))
    watch.wait(TTL_MS)
    assert order.status == "open"
    watch.wait(200)
    assert order.status == "cancelled"


def test_a_successor_far_ahead_is_heard_once_the_one_we_knew_is_silent() -> None:
    watch = Watch()
    old, new = watch.order(3), watch.order(30)
    watch.lease(3)
    for _ in range(TTL_MS // 100 + 5):
        watch.wait(100, beating=30)
    assert (old.status, new.status) == ("cancelled", "open")
    assert watch.core.state(watch.now_ns)["lease"]["epoch"] == 30


def test_after_a_stall_of_its_own_it_hears_what_waits_before_it_calls_anybody_dead() -> None:
    watch = Watch()
    order = watch.order(3)
    watch.wait(1_000, beating=3)
    watch.now_ns += 30_000 * MS
    watch.wait(500)
    assert order.status == "open"
    watch.wait(5_000, beating=3)
    assert (order.status, watch.core.interventions) == ("open", 0)
    watch.now_ns += 30_000 * MS
    watch.wait(1_200)
    assert order.status == "cancelled", "a quoter that died meanwhile is found a second later"


def test_a_watchdog_that_stalls_again_and_again_is_patient_once() -> None:
    watch = Watch()
    order = watch.order(3)
    watch.wait(1_000, beating=3)
    for _ in range(3):
        watch.now_ns += 1_500 * MS
        watch.wait(100)
    assert order.status == "cancelled"


def test_r71_a_watchdog_whose_stores_are_gone_lets_nothing_rest_and_forgets_the_leases() -> None:
    watch = Watch()
    watch.start()
    watch.lease(3)
    order = watch.order(3)
    watch.carry(watch.core.on_stand_still(["LEASE is not there"], watch.receipt()))
    watch.wait(300)
    assert order.status != "open"
    assert watch.core.state(watch.now_ns)["halts"] == ["global:store-changed"]
    assert watch.core.unready(watch.now_ns) == ["no lease quoter/mm1 has been seen"]
    assert not any(isinstance(told, Halt) for told in watch.told), "there is no stream to tell it"
    assert watch.kept == {}
