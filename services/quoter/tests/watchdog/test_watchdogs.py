"""One watchdog process for several accounts: each one's orders follow its own lease, and one door speaks for all."""

from __future__ import annotations

from collections.abc import Iterable

from common.core import Answered, Effect, Every, Http, HttpRequest, Newest, Ordered, Receipt
from common.events import Event, Halt, Lease
from common.orders import first_id_of
from quoter.accounts.accounts import Accounts
from quoter.testing.script import MARKET, MS, START_NS
from quoter.testing.venue import Venue, VenueOrder
from quoter.venues.degen.cancelling import DegenCancelSession
from quoter.venues.degen.rest import ApiKey
from quoter.views.answers import Answers
from quoter.watchdog.core import Watchdog

TTL_MS = 2_000


class Watch:
    """Drives the watchdogs of mm1 and mm2 through their common inputs, each against a venue of its own."""

    def __init__(self) -> None:
        self.venues = {account: Venue(connected=True) for account in ("mm1", "mm2")}
        answers = Answers()
        key = ApiKey("watch", "watch", "very-secret", ("cancel",))
        self.core = Accounts(
            [Watchdog(each, DegenCancelSession(key), "http://venue", answer=answers.give) for each in self.venues],
            answers,
        )
        self.inputs = self.core.inputs()
        self.now_ns = START_NS
        self.told: list[Event] = []
        self.answered: list[Answered] = []
        self.beats = 0
        self.carry(self.core.start(self.receipt()))

    def receipt(self) -> Receipt:
        return Receipt(self.now_ns)

    def carry(self, effects: Iterable[Effect]) -> None:
        for effect in list(effects):
            if isinstance(effect, HttpRequest):
                [http] = [each for each in self.inputs if isinstance(each, Http) and each.name == effect.http]
                answer = self.venues[effect.http.partition("/")[2]].on_ask(effect)
                self.carry(http.on_answer(answer, self.receipt()))
            elif isinstance(effect, Event):
                self.told.append(effect)
            elif isinstance(effect, Answered):
                self.answered.append(effect)

    def lease(self, account: str) -> None:
        self.beats += 1
        lease = Lease(role="quoter", key=account, holder="quoter-1", beat=self.beats, ttl_ms=TTL_MS, epoch=3)
        for each in self.inputs:
            if isinstance(each, Newest) and each.tokens["key"] == account:
                self.carry(each.handler(lease, self.receipt()))

    def wait(self, ms: int, *beating: str) -> None:
        for _ in range(ms // 100):
            self.now_ns += 100 * MS
            for account in beating:
                self.lease(account)
            for each in self.inputs:
                if isinstance(each, Every):
                    self.carry(each.handler(self.receipt()))

    def order(self, account: str) -> VenueOrder:
        """Let an order of the account's quoter rest."""
        order = VenueOrder("1", str(first_id_of(3) + 7), MARKET, "bid", "yes", "0.40", 100, post_only=True)
        self.venues[account].orders[order.client_order_id] = order
        return order


def test_halts_are_read_once_and_each_accounts_lease_by_itself() -> None:
    inputs = Watch().inputs
    assert [each.tokens["key"] for each in inputs if isinstance(each, Newest)] == ["mm1", "mm2"]
    assert len([each for each in inputs if isinstance(each, Ordered)]) == 1
    assert [each.name for each in inputs if isinstance(each, Http)] == ["venue/mm1", "venue/mm2"]


def test_the_orders_of_the_account_whose_lease_is_silent_are_cancelled_and_no_others() -> None:
    watch = Watch()
    dead, living = watch.order("mm1"), watch.order("mm2")
    watch.lease("mm1")
    watch.wait(TTL_MS + 500, "mm2")
    assert (dead.status, living.status) == ("cancelled", "open")
    state = watch.core.state(watch.now_ns)["accounts"]
    assert (state["mm1"]["lease"]["alive"], state["mm2"]["lease"]["alive"]) == (False, True)
    assert watch.core.unready(watch.now_ns) == []


def test_a_halt_at_the_door_is_one_halt_answered_for_every_account_in_its_scope() -> None:
    watch = Watch()
    orders = [watch.order("mm1"), watch.order("mm2")]
    watch.carry(watch.core.on_halt_command({"scope": "global", "actor": "tess"}, watch.receipt()))
    assert {order.status for order in orders} == {"cancelled"}
    assert len([each for each in watch.told if isinstance(each, Halt)]) == 1
    rows = watch.answered[-1].document["accounts"]
    assert {row["account"]: (row["cancelled"], row["confirmed"]) for row in rows} == {
        "mm1": (1, True),
        "mm2": (1, True),
    }


def test_a_halt_of_one_account_leaves_the_other_alone_and_one_of_a_bot_may_be_either_s() -> None:
    watch = Watch()
    first, second = watch.order("mm1"), watch.order("mm2")
    watch.carry(watch.core.on_halt_command({"scope": "account-mm2"}, watch.receipt()))
    assert (first.status, second.status) == ("open", "cancelled")
    watch.carry(watch.core.on_cancel_all_command({"scope": "bot-9"}, watch.receipt()))
    assert first.status == "cancelled"
    assert all("the whole account was cancelled" in row["said"] for row in watch.answered[-1].document["accounts"])
