"""What each bot has earned in its day, on risk's own disk: a FILL that lost entries must not forgive the day's loss."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec
from common.errors import ContractError

from risk.ledger.books import BOTS_MAX, NS_PER_DAY, Ledger
from risk.ledger.positions import ZERO
from risk.monitoring.equity import Earnings, HighWaterMarks, Marks, earnings, shown

FORMAT = 1
RECORD_BYTES_MAX = 1024 * 1024
WRITE_S = 1.0
"""How often the record is written when it has changed: what a power failure takes is at most this old."""


class BotDay(msgspec.Struct, frozen=True):
    """One bot's day, money in account currency."""

    day: int
    """UTC day, in days since the epoch."""
    daily: Decimal
    """Profit of the day as limits count it, `carried` included."""
    peak: Decimal
    carried: Decimal = ZERO
    """0 or less: what the day had lost by this record and the ledger no longer shows."""


class DayRecord(msgspec.Struct, frozen=True):
    """The days of all bots and the FILL sequence they were made from."""

    format: int = FORMAT
    sequence: int = 0
    bots: dict[str, BotDay] = {}


_DECODER = msgspec.json.Decoder(DayRecord)


def read_record(data: bytes) -> DayRecord:
    """Return the record in a file; ContractError says why it is none."""
    try:
        record = _DECODER.decode(data[: RECORD_BYTES_MAX + 1])
    except (msgspec.DecodeError, ValueError) as error:
        raise ContractError("days", str(error)) from None
    if record.format != FORMAT or len(record.bots) > BOTS_MAX:
        raise ContractError("days", f"format {record.format} with {len(record.bots)} bots is not ours")
    if not all(each.is_finite() for bot in record.bots.values() for each in (bot.daily, bot.peak, bot.carried)):
        raise ContractError("days", "money must be finite")
    return record


def written(record: DayRecord) -> bytes:
    """Return the record as it is written to disk."""
    return msgspec.json.encode(record)


class Days:
    """What each bot has earned in its day: by the ledger, and by our own record where the ledger has lost entries."""

    def __init__(self) -> None:
        self.high_water = HighWaterMarks()
        self._carried: dict[str, tuple[int, Decimal]] = {}
        self._known: dict[str, BotDay] = {}
        """The newest of each bot that was known; it stands while no rate is known."""

    def earned(self, ledger: Ledger, algo_id: str, marks: Marks, now_ns: int) -> Earnings:
        """Return a bot's profit, a loss that the ledger no longer shows included."""
        return earnings(ledger, algo_id, marks, self.carried(now_ns).get(algo_id, ZERO))

    def carried(self, now_ns: int) -> dict[str, Decimal]:
        """Return by bot the loss that the ledger does not show, below 0; it ends with the UTC day."""
        today = now_ns // NS_PER_DAY
        return {algo_id: loss for algo_id, (day, loss) in self._carried.items() if day == today}

    def carry_over(self, record: DayRecord, ledger: Ledger, now_ns: int) -> list[str]:
        """Take over our own record at a start; return in words where the ledger has forgotten a loss of today.

        Only losses are carried: a gain that the ledger lacks may come back by a backfill and would count twice. Shares
        are not marked yet when a start compares, so an open loss may count twice: that stops a bot too early, never
        too late.
        """
        today, said = now_ns // NS_PER_DAY, []
        self._known = dict(record.bots)
        for algo_id, known in record.bots.items():
            self.high_water.restore(algo_id, known.day, known.peak)
            if known.day != today:
                continue
            loss = min(ZERO, known.carried)
            if ledger.sequence < record.sequence:
                # What is unknown now takes nothing off what was lost by the record.
                now = earnings(ledger, algo_id, Marks()).daily or ZERO
                missing = min(ZERO, known.daily - (now + loss))
                loss += missing
                if missing:
                    said.append(
                        f"FILL ends at {ledger.sequence}, before {record.sequence} where bot {algo_id} stood at "
                        f"{known.daily} today: that loss still counts"
                    )
            if loss:
                self._carried[algo_id] = (today, loss)
        return said

    def record(self, ledger: Ledger, algo_ids: Iterable[str], marks: Marks, now_ns: int) -> DayRecord:
        """Return what must survive the loss of every stream."""
        today, carried = now_ns // NS_PER_DAY, self.carried(now_ns)
        bots: dict[str, BotDay] = {}
        for algo_id in algo_ids:
            daily = self.earned(ledger, algo_id, marks, now_ns).daily
            if daily is not None:
                peak = Decimal(str(self.high_water.figures(algo_id)["daily_peak"]))
                self._known[algo_id] = BotDay(today, shown(daily), peak, carried.get(algo_id, ZERO))
            if algo_id in self._known:
                bots[algo_id] = self._known[algo_id]
        return DayRecord(sequence=ledger.sequence, bots=bots)
