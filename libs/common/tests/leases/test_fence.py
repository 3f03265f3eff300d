"""Whom a reader listens to by the lease epoch of an event: the newest holder, and nobody who invents one."""

from __future__ import annotations

from decimal import Decimal

from common.events import Lease, Market, MarketStatus
from common.instruments import InstrumentKind
from common.leases.fence import AHEAD_MAX, ALERT_EVERY_NS, SENDERS_MAX, EpochFence
from common.orders import EPOCH_MAX

S = 1_000_000_000


def fence(**epochs: int) -> EpochFence:
    """Return a fence that has heard these leases, by role."""
    made = EpochFence()
    for role, epoch in epochs.items():
        made.on_lease(lease(role, epoch))
    return made


def lease(role: str, epoch: int, key: str = "x") -> Lease:
    return Lease(role=role, key=key, holder="h", beat=1, ttl_ms=2_000, epoch=epoch)


def test_a_holder_whose_lease_has_passed_on_is_not_listened_to() -> None:
    ours = fence(feed=4)
    assert ours.passes("feed", "degen", 3)
    assert ours.passes("feed", "degen", 4)
    assert not ours.passes("feed", "degen", 3)
    assert ours.passes("feed", "binance", 3), "each sender has its own"
    assert ours.old == 1


def test_r83_one_event_with_a_huge_epoch_deafens_nobody() -> None:
    for ours in (fence(feed=4), fence()):
        assert ours.passes("feed", "degen", 4)
        heard = ours.passes("feed", "degen", EPOCH_MAX)
        ours.on_lease(lease("feed", 4))
        assert ours.passes("feed", "degen", 4), f"its true sender is heard on, forged one taken: {heard}"
    assert not fence(feed=4).passes("feed", "degen", 4 + AHEAD_MAX + 1)
    assert not fence(feed=4).passes("feed", "degen", 1 << 62)


def test_a_new_holder_is_heard_before_the_news_of_its_lease_and_fences_after_it() -> None:
    ours = fence(feed=4)
    assert ours.passes("feed", "degen", 5)
    assert ours.passes("feed", "degen", 4), "nothing vouches yet for the newer one"
    ours.on_lease(lease("feed", 5))
    assert ours.passes("feed", "degen", 5)
    assert not ours.passes("feed", "degen", 4)


def test_a_process_with_several_leases_uses_the_highest_epoch_for_all() -> None:
    ours = EpochFence()
    ours.on_lease(lease("feed", 9, "binance"))
    ours.on_lease(lease("feed", 2, "degen"))
    assert ours.passes("feed", "degen", 9)
    assert not ours.passes("feed", "degen", 2)


def test_a_lease_beyond_what_an_epoch_can_be_says_nothing() -> None:
    ours = fence(feed=EPOCH_MAX + 1)
    assert not ours.passes("feed", "degen", EPOCH_MAX + AHEAD_MAX + 1)


def test_what_is_refused_is_told_at_most_once_a_minute_with_its_sender() -> None:
    ours = fence(feed=4)
    assert list(ours.alerts("risk", S)) == []
    for _ in range(3):
        ours.passes("feed", "degen", 500)
    (alert,) = ours.alerts("risk", S)
    assert alert.text == (
        "3 events refused, no lease has reached their epoch, "
        "the last from feed/degen with epoch 500, its newest lease has 4"
    )
    ours.passes("feed", "degen", 500)
    assert list(ours.alerts("risk", 2 * S)) == []
    assert len(list(ours.alerts("risk", S + ALERT_EVERY_NS))) == 1


def test_what_is_remembered_is_bounded_and_forgotten_senders_make_room() -> None:
    ours = fence(feed=4)
    for number in range(SENDERS_MAX + 10):
        assert ours.passes("feed", str(number), 4)
    assert ours.passes("feed", str(SENDERS_MAX + 1), 3), "there was no room to remember it"
    ours.forget("feed", "0")
    assert ours.passes("feed", str(SENDERS_MAX + 1), 4)
    assert not ours.passes("feed", str(SENDERS_MAX + 1), 3)


def market(epoch: int, status: MarketStatus = MarketStatus.OPEN, symbol: str = "M") -> Market:
    return Market(
        venue="degen",
        symbol=symbol,
        kind=InstrumentKind.BINARY,
        status=status,
        tick_size=Decimal("0.01"),
        ts_received_ns=0,
        epoch=epoch,
    )


def test_each_market_has_its_own_feed_which_is_forgotten_with_its_end() -> None:
    ours = fence(feed=5)
    assert ours.passes("feed", "degen", 5)
    assert ours.passes_market(market(4)), "the newer feed has said nothing of it"
    assert ours.passes_market(market(5))
    assert not ours.passes_market(market(4, MarketStatus.RESOLVED))
    assert ours.passes_market(market(4, symbol="N"))
    assert ours.passes_market(market(5, MarketStatus.RESOLVED))
    assert ours.passes_market(market(4)), "who goes on about it is no trouble to those who keep the end"
