"""The watchdog: whose orders it cancels, when, and whose never."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from common.core import Ask, Effect, Receipt
from common.events import Alert, Event, Lease
from common.orders import first_id_of
from quoter.rehearsal.script import MARKET, MS, START_NS
from quoter.rehearsal.venue import Venue, VenueOrder
from quoter.venues.degen_rest import ApiKey
from quoter.watchdog.core import Watchdog

TTL_MS = 2_000


class Watch:
    """Drives one watchdog against one venue."""

    def __init__(self) -> None:
        self.venue = Venue(connected=True)
        self.core = Watchdog("mm1", ApiKey("watch", "mm1-watch", "very-secret", ("cancel",)), "http://venue")
        self.now_ns = START_NS
        self.told: list[Event] = []
        self.beat = 0

    def carry(self, effects: Iterable[Effect]) -> None:
        for effect in list(effects):
            if isinstance(effect, Ask):
                self.carry(self.core.on_answer(self.venue.on_ask(effect), self.receipt()))
            elif isinstance(effect, Event):
                self.told.append(effect)

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
    assert [alert.kind for alert in watch.told if isinstance(alert, Alert)] == ["intervenes"]


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
    watch.carry(watch.core.on_cancel_all_command({"actor": "me"}, watch.receipt()))
    assert order.status == "cancelled"
    again = watch.order(3, 2)
    watch.wait(5_000, beating=3)
    assert again.status == "open"


@pytest.mark.parametrize(
    ("document", "fault"), [({"scope": "bot-1"}, "scope: the watchdog"), ({"x": 1}, "x: unknown field")]
)
def test_cancel_all_is_checked(document: dict[str, object], fault: str) -> None:
    watch = Watch()
    with pytest.raises(ValueError, match=fault):
        list(watch.core.on_cancel_all_command(document, watch.receipt()))


def test_its_picture_and_figures_show_no_secret() -> None:
    watch = Watch()
    watch.lease()
    watch.wait(TTL_MS + 500)
    shown = repr(watch.core.state(watch.now_ns)) + repr(list(watch.core.samples())) + repr(watch.core._rest._key)
    assert "very-secret" not in shown
    assert {type(each).__name__ for each in watch.core.inputs()} == {"Newest", "Every", "Http", "Command"}
