"""One event with an invented epoch silences nobody, in any service."""

from __future__ import annotations

import pytest
from common.core import Core, Newest, Receipt
from common.events import Event, FeedStatus, Lease

from tests.contract.cores import CORES

NOW_NS = 1_795_222_800_000_000_000


def tell(core: Core, event: Event) -> None:
    handlers = {each.event: each.handler for each in core.inputs() if isinstance(each, Newest)}
    for _ in handlers[type(event)](event, Receipt(NOW_NS)):
        pass


def status(epoch: int, silent_ns: int) -> FeedStatus:
    return FeedStatus(
        venue="degen", connected=True, silent_ns=silent_ns, clock_offset_ns=0, clock_known=True, epoch=epoch
    )


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("lease_first", [True, False])
def test_r83_after_one_event_with_a_huge_epoch_its_true_sender_is_still_heard(name: str, lease_first: bool) -> None:
    core = CORES[name]()
    lease = Lease(role="feed", key="degen", holder="feed-0", beat=1, ttl_ms=2_000, epoch=4)
    if lease_first:
        tell(core, lease)
    tell(core, status(4, 0))
    tell(core, status(1_000_000, 0))
    if not lease_first:
        tell(core, lease)
    tell(core, status(4, 7))
    fence = core._fence  # type: ignore[attr-defined]
    assert (fence.old, fence.ahead) == (0, 1 if lease_first else 0)
    tell(core, status(3, 0))
    assert fence.old == 1, "a voice of the past is not"
