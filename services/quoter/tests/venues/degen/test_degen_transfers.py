"""Money sent to another account of ours, and come from one: booked once, however often and however late it is told."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.errors import ContractError
from common.events import Posting, PostingKind
from quoter.testing.spot import CoinStage, SpotVenue
from quoter.venues.degen.frames import read_entry

OUT, IN = ("KRAKEN-DLTXMM-1", "BTC", "-0.5"), ("DLTXMM-KRAKEN-7", "USD", "250.25")


@pytest.fixture
def up() -> CoinStage:
    stage = CoinStage()
    stage.start()
    stage.wait(100)
    return stage


def venue(stage: CoinStage) -> SpotVenue:
    assert isinstance(stage.venue, SpotVenue)
    return stage.venue


def postings(stage: CoinStage) -> list[Posting]:
    return [event for event in stage.told if isinstance(event, Posting)]


def test_money_that_goes_and_money_that_comes_are_postings_of_no_bot(up: CoinStage) -> None:
    for transfer_id, currency, amount in (OUT, IN):
        venue(up).transfer(transfer_id, currency, amount)
    up.deliver()
    assert [(each.kind, each.algo_id, each.venue) for each in postings(up)] == [
        (PostingKind.TRANSFER, "unassigned", "degen")
    ] * 2
    assert [(each.transfer_id, each.cash) for each in postings(up)] == [
        (transfer_id, {currency: Decimal(amount)}) for transfer_id, currency, amount in (OUT, IN)
    ]
    assert [each.account_sequence for each in postings(up)] == [venue(up).sequence - 1, venue(up).sequence]


def test_what_moved_while_the_connection_was_down_is_read_back_once_in_every_currency(up: CoinStage) -> None:
    venue(up).transfer(*OUT)
    up.deliver()
    up.cut()
    for number, currency in enumerate(("USD", "BTC"), start=8):
        venue(up).transfer(f"DLTXMM-KRAKEN-{number}", currency, "1")
    up.let_go()
    up.wait(30_000)
    assert up.session.reconciled
    assert [each.transfer_id for each in postings(up)] == ["KRAKEN-DLTXMM-1", "DLTXMM-KRAKEN-8", "DLTXMM-KRAKEN-9"]
    up.cut()
    up.let_go()
    up.wait(30_000)
    assert len(postings(up)) == 3, "told again"


@pytest.mark.parametrize(
    "entry",
    [
        b'{"entry_id": "1", "type": "transfer", "amount": "x", "transfer_id": "A-B-1"}',
        b'{"entry_id": "1", "type": "transfer", "amount": "1"}',
        b'{"entry_id": "1", "type": "transfer", "amount": "NaN", "transfer_id": "A-B-1"}',
    ],
)
def test_a_transfer_without_id_or_amount_is_not_read(entry: bytes) -> None:
    with pytest.raises(ContractError, match="degen entry"):
        read_entry(entry)


def test_a_list_of_symbols_that_nobody_answered_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, lost = SpotVenue._request, iter([True])

    def once_silent(self: SpotVenue, method: str, path: str, body: object = None) -> tuple[int, object]:
        return (0, {}) if path == "/symbols" and next(lost, False) else answer(self, method, path, body)

    monkeypatch.setattr(SpotVenue, "_request", once_silent)
    stage = CoinStage()
    stage.start()
    stage.wait(30_000)
    venue(stage).transfer(*OUT)
    stage.deliver()
    stage.cut()
    venue(stage).transfer("DLTXMM-KRAKEN-8", "BTC", "1")
    stage.let_go()
    stage.wait(30_000)
    assert [each.transfer_id for each in postings(stage)] == ["KRAKEN-DLTXMM-1", "DLTXMM-KRAKEN-8"]
    assert {each.currency for each in stage.snapshots()[-1].balances} >= {"USD", "BTC"}
