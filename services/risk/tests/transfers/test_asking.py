"""Risk as a whole asks for a transfer: on disk, then said, and known again after its death."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.core import Effect, Keep, Publish
from common.events import AccountState, Alert, Balance, PlatformConfig, TransferCommand
from risk.testing.events import NOW_NS
from risk.testing.harness import Harness, of
from risk.testing.spot import SPOT_PLATFORM

DOCUMENT: dict[str, Any] = {
    "currency": "USD",
    "running": True,
    "accounts": [
        {"account": "mm1", "target": "5000", "band": "500"},
        {"account": "mm2", "target": "5000", "band": "500"},
    ],
    "smallest": "100",
    "largest": "20000",
    "daily_limit": "20000",
}
CONFIG = PlatformConfig(type="rebalancer", id="4", revision=1, document=DOCUMENT, actor="rita", ts_ns=NOW_NS)


def snapshot(account: str, venue: str, total: str) -> AccountState:
    cash = Decimal(total)
    return AccountState(
        account=account,
        venue=venue,
        main=Balance(currency="USD", total=cash, available=cash),
        holdings=[],
        open_orders=[],
        account_sequence=0,
        reason="timer",
        ts_event_ns=NOW_NS,
        ts_received_ns=NOW_NS,
    )


def risk(documents: dict[str, bytes] | None = None, **settings: Any) -> Harness:
    harness = Harness(CONFIG, platform=SPOT_PLATFORM, documents=documents or {}, **settings)
    for account, venue, total in (("mm1", "dltxmm_spot", "1000.000000"), ("mm2", "kraken_spot", "5700.000000")):
        harness.tell(snapshot(account, venue, total))
    return harness


def asked(effects: list[Effect]) -> list[TransferCommand]:
    return [each.event for each in effects if isinstance(each, Publish) and isinstance(each.event, TransferCommand)]


def test_it_is_on_disk_before_it_is_said_and_no_longer_once_the_stream_has_it() -> None:
    harness = risk()
    done = harness.wait(1)
    (command,) = asked(done)
    # 700 more than its target, and 1,000 of it are to stay by low_funds.
    assert (command.account, command.to_account, command.amount) == ("mm2", "mm1", Decimal(700))
    assert command.actor == "rebalancer:4"
    kept = next(
        place for place, each in enumerate(done) if isinstance(each, Keep) and each.name.startswith("transfer-")
    )
    said = next(place for place, each in enumerate(done) if isinstance(each, Publish))
    assert kept < said
    harness.do(harness.risk.on_published(command, 1, harness.receipt()))
    assert not any(name.startswith("transfer-") for name in harness.kept)
    assert asked(harness.wait(60)) == [], "one at a time"


@pytest.mark.parametrize("stored", [False, True], ids=["before it was said", "after"])
def test_after_its_death_it_says_the_same_once(stored: bool) -> None:
    before = risk()
    (command,) = asked(before.wait(1))
    after = risk(dict(before.kept), epoch=4)
    if stored:
        after.tell(command)
    again = asked(after.wait(5))
    assert again == ([] if stored else [command])


def test_what_the_broker_refuses_is_told_and_off_the_disk() -> None:
    harness = risk()
    (command,) = asked(harness.wait(1))
    told = harness.do(harness.risk.on_refused(command, "maximum bytes exceeded", harness.receipt()))
    assert [each.kind for each in of(Alert, told)] == ["transfer_not_published"]
    assert not any(name.startswith("transfer-") for name in harness.kept)


def test_a_document_on_disk_that_cannot_be_read_is_told() -> None:
    harness = risk({"transfer-mm2-7": b"no document"})
    told = of(Alert, harness.wait(1))
    assert any("a transfer on disk cannot be read" in each.text for each in told)


def test_people_see_why_it_waits() -> None:
    harness = risk()
    harness.wait(2)
    (row,) = harness.risk.state(harness.now_ns)["spot"]["rebalancers"]
    assert row == {
        "id": "4",
        "source": "",
        "target": "",
        "amount": "0",
        "why": "700.000000 USD from mm2 to mm1 is under way",
    }
