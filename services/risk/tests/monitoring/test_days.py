"""A loss of the day counts on, also when FILL has lost the fills it was made of."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from pathlib import Path

import pytest
import structlog
from common.errors import ContractError
from common.events import Alert, Halt, Posting, RiskState, Statistics
from hypothesis import given
from hypothesis import strategies as st
from risk.ledger.books import Ledger
from risk.monitoring import day_file
from risk.monitoring.days import BotDay, DayRecord, read_record, written
from risk.testing.events import DAY_NS, NOW_NS, S, a_config, a_fill, a_resolved_market
from risk.testing.harness import Harness, fold_of, of

TODAY = NOW_NS // DAY_NS


def lost_today() -> Harness:
    """Return a harness whose bot has lost 80 of the 100 it may."""
    harness = Harness()
    harness.book(a_fill(1, quantity_lots=200))
    harness.tell(a_resolved_market("no"))
    harness.wait(2)
    assert harness.risk_state().daily_pnl == {"1": Decimal(-80)}
    return harness


def restarted(record: DayRecord, ledger: Ledger | None = None, now_ns: int = NOW_NS + 60 * S) -> Harness:
    """Return a risk that starts from a ledger and its own record of the day."""
    return Harness(a_config(), ledger=ledger, days=record, epoch=4, now_ns=now_ns)


def test_r83_after_a_loss_of_fill_the_days_loss_goes_on_counting() -> None:
    record = lost_today().risk.day_record(NOW_NS + 60 * S)
    assert record.bots["1"].daily == Decimal(-80)
    harness = restarted(record)
    assert harness.risk_state().daily_pnl == {"1": Decimal(-80)}
    (told,) = [alert for alert in of(Alert, harness.said) if alert.kind == "recovery"]
    assert "FILL ends at 0, before 2 where bot 1 stood at -80.000000 today: that loss still counts" in told.text
    harness.book(a_fill(2, fee=Decimal(21), quantity_lots=1))
    stopped = harness.wait(1)
    (halt,) = of(Halt, stopped)
    assert (halt.scope, halt.reason) == ("bot-1", "daily_loss")
    assert of(RiskState, stopped)[-1].daily_pnl["1"] < -100
    (figures,) = {each.figures["daily_pnl"] for each in of(Statistics, stopped) if each.scope == "bot-1"}
    assert figures < -100


def test_r83_it_counts_on_through_a_second_start_and_ends_with_the_day() -> None:
    harness = restarted(lost_today().risk.day_record(NOW_NS + 60 * S))
    harness.book(a_fill(2, fee=Decimal(1), quantity_lots=1))
    again = restarted(harness.risk.day_record(harness.now_ns), fold_of(a_fill(2, fee=Decimal(1), quantity_lots=1)))
    assert again.risk_state().daily_pnl == {"1": Decimal(-81)}
    next_day = restarted(again.risk.day_record(again.now_ns), now_ns=(TODAY + 1) * DAY_NS + S)
    assert next_day.risk_state().daily_pnl == {"1": Decimal(0)}


def test_r83_with_fill_whole_the_ledger_alone_counts() -> None:
    before = lost_today()
    record = before.risk.day_record(before.now_ns)
    harness = restarted(record, before.risk.ledger)
    assert harness.risk_state().daily_pnl == {"1": Decimal(-80)}
    assert harness.risk.days.carried(harness.now_ns) == {}


def test_r83_a_gain_that_fill_lost_is_not_carried_but_its_peak_is() -> None:
    record = DayRecord(sequence=9, bots={"1": BotDay(TODAY, Decimal(30), Decimal(90))})
    harness = restarted(record)
    assert harness.risk_state().daily_pnl == {"1": Decimal(0)}
    assert harness.risk.days.high_water.figures("1") == {"day": float(TODAY), "daily_peak": 90.0}


def test_no_posting_is_made_of_what_is_carried() -> None:
    harness = restarted(lost_today().risk.day_record(NOW_NS + 60 * S))
    assert of(Posting, harness.wait(5)) == []
    assert harness.risk.ledger.bots == {}


amounts = st.decimals(-1_000_000, 1_000_000, places=6)
records = st.builds(
    DayRecord,
    sequence=st.integers(0, 10**12),
    bots=st.dictionaries(st.text(max_size=4), st.builds(BotDay, st.integers(0, 10**6), amounts, amounts, amounts)),
)


@given(records)
def test_a_record_is_read_as_it_was_written(record: DayRecord) -> None:
    assert read_record(written(record)) == record


@given(st.binary(max_size=60))
def test_any_other_bytes_are_refused_by_name(data: bytes) -> None:
    with contextlib.suppress(ContractError):
        read_record(data)


def test_a_damaged_record_is_told_and_does_not_keep_risk_from_starting(tmp_path: Path) -> None:
    path = tmp_path / "day-0.json"
    assert day_file.read(path) == (None, "")
    path.write_bytes(b'{"bots": {"1": {"day": 1, "daily": "NaN", "peak": "0"}}}')
    record, why = day_file.read(path)
    assert record is None
    assert why.startswith("day-0.json cannot be read (days: money must be finite)")


async def test_the_record_is_written_when_it_changes_and_a_full_disk_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, said = tmp_path / "risk" / "day-0.json", [DayRecord(sequence=1)]
    real, full, tried = day_file.write, [True], asyncio.Event()

    def write(place: Path, record: DayRecord) -> None:
        if full[0]:
            tried.set()
            raise OSError(28, "No space left on device")
        real(place, record)

    monkeypatch.setattr(day_file, "write", write)
    keeping = asyncio.create_task(day_file.keep(path, lambda: said[-1], structlog.get_logger(), 0.001))
    await tried.wait()
    full[0] = False
    said.append(DayRecord(sequence=2))
    async with asyncio.timeout(60):
        while day_file.read(path)[0] != said[-1]:  # noqa: ASYNC110  the file is looked at
            await asyncio.sleep(0.001)
    assert not keeping.done()
    keeping.cancel()
