"""The record of the day on risk's own disk: read at a start, written when it has changed, never a reason to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from common.errors import ContractError
from common.machine.disk import write_whole
from structlog.stdlib import BoundLogger

from risk.monitoring.days import RECORD_BYTES_MAX, DayRecord, read_record, written


def read(path: Path) -> tuple[DayRecord | None, str]:
    """Return the record and '', or None and what a person must know; a first start has neither."""
    try:
        with path.open("rb") as file:
            return read_record(file.read(RECORD_BYTES_MAX + 1)), ""
    except FileNotFoundError:
        return None, ""
    except (OSError, ContractError) as error:
        return None, f"{path.name} cannot be read ({error}): the day's losses count by the ledger alone"


def write(path: Path, record: DayRecord) -> None:
    """Put a record in the place of the one before, whole or not at all."""
    write_whole(path, written(record))


async def keep(path: Path, record_now: Callable[[], DayRecord], log: BoundLogger, period_s: float) -> None:
    """Write the record whenever it has changed, forever; a full disk costs the record its newest figures."""
    kept: DayRecord | None = None
    while True:
        await asyncio.sleep(period_s)
        record = record_now()
        if record == kept:
            continue
        try:
            await asyncio.to_thread(write, path, record)
            kept = record
        except OSError as error:
            log.warning("the record of the day was not written", why=str(error))
