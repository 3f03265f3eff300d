"""What risk tells everybody: positions, statistics, and the figures for metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec
from common.bots import sections_of
from common.core import Sample
from common.errors import ConfigError
from common.events import BotConfig, BotLimits, CommonLimits, KindLimits, Position, RiskState, Statistics
from common.instruments import Outcome
from common.streams.levels import Level

from risk.ledger.books import Ledger, sum_known
from risk.ledger.pairs import lots_of
from risk.ledger.positions import ZERO, Line, by_market, published, total
from risk.monitoring.equity import Earnings, Marks, earnings, shown, unrealized
from risk.monitoring.limits import SERVED, limits_of
from risk.monitoring.platform_limits import PlatformLimits

STREAMS_SCOPE = "streams"
POSITION_HELP = {
    "position_yes": "YES shares held",
    "position_no": "NO shares held",
    "position": "Signed lots held of what has no outcomes",
}
MONEY_FIGURES = ("pnl_realized", "pnl_unrealized", "daily_pnl", "fees")


class BotView(NamedTuple):
    """A configured bot and what its configuration means for risk."""

    config: BotConfig
    limits: BotLimits | None
    """None: it may not trade."""
    venue: str
    fault: str = ""
    """Why its configuration cannot be used."""


def view_of(config: BotConfig, platform: PlatformLimits) -> BotView | None:
    """Return what a configuration means under the platform's limits; one that cannot be used has no limits.

    None for a bot of a kind that is not served.
    """
    try:
        bot = sections_of(config, SERVED)
        return None if bot is None else BotView(config, limits_of(bot, platform), bot.instrument.venue)
    except ConfigError as error:
        return BotView(config, None, "", str(error))


def position_of(ledger: Ledger, algo_id: str, epoch: int, now_ns: int) -> Position:
    """Return a bot's position as of the last entry folded; empty for a bot that never traded."""
    book = ledger.bots.get(algo_id)
    return Position(
        algo_id=algo_id,
        lines=[published(line) for line in ledger.lines_of(algo_id)],
        realized=book.realized_known if book else ZERO,
        fees=book.fees_known if book else ZERO,
        unrated=book.unrated if book else [],
        fill_sequence=ledger.sequence,
        epoch=epoch,
        ts_ns=now_ns,
    )


def risk_state(
    ledger: Ledger,
    views: Sequence[BotView],
    of_hedges: Mapping[str, BotLimits],
    daily: Mapping[str, Decimal | None],
    halts: list[str],
    shard: str,
    epoch: int,
    now_ns: int,
    max_clock_offset_ms: int,
) -> RiskState:
    """Return the limits in force, the configurations they were made from, the halts and the P&L of the day by bot.

    `of_hedges` are the limits of currencies that are hedged, by the name of their scope.
    """
    return RiskState(
        shard=shard,
        ledger_sequence=ledger.sequence,
        limits={},
        bot_limits={view.config.algo_id: view.limits for view in views if view.limits is not None} | dict(of_hedges),
        config_revisions={view.config.algo_id: view.config.revision for view in views},
        halts=halts,
        daily_pnl={algo_id: shown(each) for algo_id, each in daily.items() if each is not None},
        max_clock_offset_ms=max_clock_offset_ms,
        epoch=epoch,
        ts_ns=now_ns,
    )


def bot_statistics(
    ledger: Ledger,
    view: BotView | None,
    algo_id: str,
    earned: Earnings,
    high_water: Mapping[str, float],
    epoch: int,
    now_ns: int,
) -> Statistics:
    """Return a bot's figures: money in account currency where its rate is known, lots by instrument.

    `high_water` says its highest profit, and of which day.
    """
    book = ledger.bots.get(algo_id)
    lines = ledger.lines_of(algo_id)
    figures = _money(earned)
    figures |= {"fills": float(book.fills if book else 0), "markets": float(len(by_market(lines)))}
    figures |= high_water
    if view is not None and view.limits is not None:
        figures["max_daily_loss"] = float(view.limits.common.max_daily_loss)
        figures["max_drawdown"] = float(view.limits.common.max_drawdown)
    for key, held in by_market(lines).items():
        for name, lots in _positions(held).items():
            figures[f"{name}.{key.symbol}"] = figures.get(f"{name}.{key.symbol}", 0.0) + lots
    return Statistics(scope=f"bot-{algo_id}", figures=figures, epoch=epoch, ts_ns=now_ns)


def _positions(lines: Sequence[Line]) -> dict[str, int]:
    """Return the lots held of one market by the name of their figure: both outcomes, or its one instrument."""
    if lines[0].key.outcome is Outcome.NONE:
        return {"position": lines[0].lots}
    return {"position_yes": lots_of(lines, Outcome.YES), "position_no": lots_of(lines, Outcome.NO)}


def platform_statistics(ledger: Ledger, marks: Marks, epoch: int, now_ns: int) -> Statistics:
    """Return the sums over all bots; a sum that is unknown for one of them is not stated."""
    figures = dict.fromkeys((*MONEY_FIGURES, "fills"), 0.0)
    for algo_id in sorted(ledger.bots):
        book = ledger.bots[algo_id]
        money = _money(earnings(ledger, algo_id, marks))
        for name in MONEY_FIGURES:
            if name in money and name in figures:
                figures[name] += money[name]
            else:
                figures.pop(name, None)
        figures["fills"] += book.fills
    figures["entries"] = float(ledger.entries)
    return Statistics(scope="platform", figures=figures, epoch=epoch, ts_ns=now_ns)


def stream_statistics(levels: Sequence[Level], epoch: int, now_ns: int) -> Statistics:
    """Return how full each stream is, 0 to 1, by its name."""
    figures = {level.stream: round(level.share, 4) for level in levels}
    return Statistics(scope=STREAMS_SCOPE, figures=figures, epoch=epoch, ts_ns=now_ns)


def level_samples(levels: Sequence[Level]) -> Iterator[Sample]:
    """Yield how full each stream is for Prometheus."""
    for level in levels:
        labels = {"stream": level.stream}
        yield Sample("mm_stream_full", "gauge", "Share of a stream's bound that is used", labels, level.share)
        yield Sample("mm_stream_bytes", "gauge", "What a stream holds", labels, level.held_bytes)


def _money(earned: Earnings) -> dict[str, float]:
    """Return the figures that are known."""
    figures = zip(MONEY_FIGURES, (earned.realized, earned.unrealized, earned.daily, earned.fees), strict=True)
    return {name: float(figure) for name, figure in figures if figure is not None}


def watch_samples(highest: Mapping[str, float], halts: int, postings: int, *, away: bool) -> Iterator[Sample]:
    """Yield what is watched beside the ledger for Prometheus: `highest` profits by bot, whether the store is `away`."""
    for algo_id, peak in highest.items():
        yield Sample("mm_daily_peak", "gauge", "Highest profit of the day", {"algo_id": algo_id}, peak)
    yield Sample("mm_halts", "gauge", "Active halts", {}, halts)
    yield Sample("mm_postings_pending", "gauge", "Postings not yet back from FILL", {}, postings)
    yield Sample("mm_store_away", "gauge", "1 while the positions store does not answer", {}, float(away))


def ledger_samples(ledger: Ledger, marks: Marks) -> Iterator[Sample]:
    """Yield the ledger's figures for Prometheus."""
    yield Sample("mm_ledger_sequence", "gauge", "Last FILL sequence folded", {}, ledger.sequence)
    yield Sample("mm_ledger_repeats_total", "counter", "Entries delivered more than once", {}, ledger.repeats)
    yield Sample("mm_ledger_disputes_total", "counter", "Entries that could not be booked", {}, ledger.disputes)
    for algo_id in sorted(ledger.bots):
        book = ledger.bots[algo_id]
        earned = earnings(ledger, algo_id, marks)
        bot = {"algo_id": algo_id, "symbol": ""}
        yield from _gauge("mm_pnl_realized", "Closed and settled profit less fees", bot, earned.realized)
        yield from _gauge("mm_pnl_daily", "Profit since 00:00 UTC, marked to fair value", bot, earned.daily)
        yield from _gauge("mm_fees", "Fees paid, rebates deducted", bot, earned.fees)
        yield Sample("mm_fills_total", "counter", "Executions booked", bot, book.fills)
        for key, lines in by_market(ledger.lines_of(algo_id)).items():
            labels = {"algo_id": algo_id, "symbol": key.symbol}
            profit = sum_known(unrealized(ledger, line, marks) for line in lines)
            yield from _gauge("mm_pnl_unrealized", "Profit if sold at fair value", labels, profit)
            for name, lots in _positions(lines).items():
                yield Sample(f"mm_{name}", "gauge", POSITION_HELP[name], labels, lots)
            yield Sample("mm_fills_total", "counter", "Executions booked", labels, sum(line.fills for line in lines))


def _gauge(name: str, text: str, labels: Mapping[str, str], amount: Decimal | None) -> Iterator[Sample]:
    """Yield an amount of money, nothing while it is unknown."""
    if amount is not None:
        yield Sample(name, "gauge", text, labels, float(amount))


def ledger_state(ledger: Ledger) -> dict[str, object]:
    """Return where the ledger stands and what each account holds by it."""
    return {
        "ledger": {
            "sequence": ledger.sequence,
            "entries": ledger.entries,
            "repeats": ledger.repeats,
            "disputes": ledger.disputes,
            "holes": ledger.holes,
            "chain": ledger.chain.hex(),
        },
        "accounts": {
            name: {currency: _in_full(cash) for currency, cash in sorted(ledger.accounts[name].cash.items())}
            for name in sorted(ledger.accounts)
        },
    }


def _in_full(cash: Decimal) -> str:
    """Return cash with six decimals, or with all that it has, as coins do: people compare it with a statement."""
    return f"{cash if cash != shown(cash) else shown(cash):f}"


def bot_state(
    ledger: Ledger, view: BotView | None, algo_id: str, earned: Earnings, *, frozen: bool
) -> dict[str, object]:
    """Return what people want to know of a bot."""
    book = ledger.bots.get(algo_id)
    return {
        "algo_id": algo_id,
        "revision": view.config.revision if view else None,
        "limits": "withheld: the ledger is frozen" if frozen else _limits_in_words(view),
        "limits_in_force": None if frozen or view is None else _limits_shown(view.limits),
        "pnl_realized": _in_words(earned.realized, earned),
        "pnl_unrealized": _in_words(earned.unrealized, earned),
        "daily_pnl": _in_words(earned.daily, earned),
        "fees": _in_words(earned.fees, earned),
        "fills": book.fills if book else 0,
        "lines": [
            {
                "account": key.account,
                "venue": key.venue,
                "symbol": key.symbol,
                **{name.removeprefix("position_"): lots for name, lots in _positions(lines).items()},
                "cost": str(shown(total(line.cost for line in lines))),
            }
            for key, lines in by_market(ledger.lines_of(algo_id)).items()
        ],
    }


def _in_words(amount: Decimal | None, earned: Earnings) -> str:
    why = ", ".join(str(each) for each in earned.unknown) or "no rate"
    return f"unknown: {why}" if amount is None else str(shown(amount))


def _limits_shown(limits: BotLimits | None) -> dict[str, object] | None:
    """Return limits as JSON has them: the common ones, and those of each kind of instrument by its name."""
    if limits is None:
        return None
    shown_of = {each.kind.value: _plain(each) for each in limits.kinds}
    return {"common": _plain(limits.common), **shown_of}


def _plain(limits: CommonLimits | KindLimits) -> dict[str, object]:
    found: dict[str, object] = msgspec.to_builtins(limits)
    return {name: each for name, each in found.items() if name != limits.__struct_config__.tag_field}


def _limits_in_words(view: BotView | None) -> str:
    if view is not None and view.limits is not None:
        return "in force"
    return view.fault if view is not None and view.fault else "none: may not trade"
