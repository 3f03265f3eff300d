"""The standing looks at bots, feeds and clocks, each told once when it turns bad and again while it lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from common.events import Alert, AlertLevel, FeedStatus, Fill, Market, Posting, PostingKind, QuoteTarget
from common.streams.levels import CRITICAL_SHARE, Level, alarming, said, when_full

from risk.binary.settlement import own_result
from risk.ledger.positions import Line, by_market
from risk.monitoring.alerts import PLATFORM, Conditions, Quiet, live, near_limit, silence_of
from risk.monitoring.reconcile import Verdict
from risk.monitoring.report import BotView

TARGETS_MAX = 5_000
CLOCK_LOOKS_MIN = 3
"""Looks running that must find a venue's clock off before the venue halts."""
UNASSIGNED = "unassigned"
"""The bot that stands for the account itself."""
BaseOf: TypeAlias = Callable[[str, str], str]
"""What is traded under a symbol of a venue, '' where nobody has said."""


class Watch:
    """What was last heard of quotes, feeds and clocks."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._quiet = Quiet()
        self._targets: dict[tuple[str, str], QuoteTarget] = {}
        self._feeds: dict[str, tuple[FeedStatus, int]] = {}
        self._clock_looks: dict[str, int] = {}
        self._odd_results: dict[str, str] = {}

    def on_fill(self, fill: Fill) -> None:
        self._quiet.on_fill(fill.algo_id)

    def on_target(self, target: QuoteTarget) -> None:
        key = (target.algo_id, target.symbol)
        self._targets.pop(key, None)
        self._targets[key] = target
        if len(self._targets) > TARGETS_MAX:
            del self._targets[next(iter(self._targets))]

    def on_feed_status(self, status: FeedStatus, received_ns: int) -> None:
        self._feeds[status.venue] = (status, received_ns)

    def on_market(self, market: Market) -> None:
        """Remember a result that strike and settlement price speak against; the venue pays by it all the same."""
        own = own_result(market)
        if market.result in ("yes", "no") and own not in ("", market.result):
            self._odd_results[market.symbol] = (
                f"{market.symbol} ended {market.result}, but {market.settlement_price} against strike {market.strike} "
                f"makes it {own}"
            )

    def undecided(self, symbols: Iterable[str], now_ns: int) -> Iterator[Alert]:
        for symbol in symbols:
            text = f"{symbol} is over without a result that can be settled"
            yield from self._conditions.hold(AlertLevel.CRITICAL, PLATFORM, "undecided_market", text, now_ns, symbol)

    def redemptions(self, overdue: Iterable[tuple[str, str]], now_ns: int) -> Iterator[Alert]:
        """Tell of accounts whose winnings the venue has not paid for long; an empty text is one that is paid."""
        for account, text in overdue:
            if text:
                yield from self._conditions.hold(
                    AlertLevel.WARNING, PLATFORM, "redemption_pending", text, now_ns, account
                )
            else:
                self._conditions.end(PLATFORM, "redemption_pending", account)

    def store(self, now_ns: int, *, away: bool) -> Iterator[Alert]:
        if away:
            text = "the positions store does not answer; the ledger goes on in memory and FILL"
            yield from self._conditions.hold(AlertLevel.CRITICAL, PLATFORM, "store_away", text, now_ns)
        else:
            self._conditions.end(PLATFORM, "store_away")

    def positions(self, view: BotView, lines: list[Line], base_of: BaseOf, now_ns: int) -> Iterator[Alert]:
        """Tell of holdings near their limit, and of a running bot that has no limits at all."""
        algo_id, limits = view.config.algo_id, view.limits
        if limits is None:
            if view.config.running and not view.fault:
                text = "has no risk_limits: it may not trade"
                yield from self._conditions.hold(AlertLevel.WARNING, algo_id, "no_limits", text, now_ns)
            return
        self._conditions.end(algo_id, "no_limits")
        for market, held in by_market(lines).items():
            text = near_limit(held, limits, base_of(market.venue, market.symbol))
            if text:
                yield from self._conditions.hold(
                    AlertLevel.WARNING, algo_id, "position_near_limit", text, now_ns, market.symbol
                )
            else:
                self._conditions.end(algo_id, "position_near_limit", market.symbol)

    def quiet(self, now_ns: int) -> Iterator[Alert]:
        """Tell of bots that quoted for ten minutes without a fill."""
        self._targets = {key: target for key, target in self._targets.items() if live(target, now_ns)}
        quoting = sorted({algo_id for algo_id, _ in self._targets})
        for algo_id in self._quiet.update(quoting, now_ns):
            text = "no fills in 10 minutes of live quotes: check connectivity"
            yield self._conditions.alert(AlertLevel.WARNING, algo_id, "no_fills", text, now_ns)

    def feeds(self, now_ns: int) -> Iterator[Alert]:
        """Tell of feeds that are silent or cut, and of results that look wrong."""
        for venue in sorted(self._feeds):
            text = silence_of(*self._feeds[venue], now_ns)
            if text:
                yield from self._conditions.hold(AlertLevel.WARNING, PLATFORM, "feed_stale", text, now_ns, venue)
            else:
                self._conditions.end(PLATFORM, "feed_stale", venue)
        while self._odd_results:
            _, text = self._odd_results.popitem()
            yield self._conditions.alert(AlertLevel.CRITICAL, PLATFORM, "odd_result", text, now_ns)

    def levels(self, levels: Sequence[Level], now_ns: int) -> Iterator[Alert]:
        """Tell of streams that may not forget and are nearly full, louder when it is urgent."""
        for level in levels:
            urgent = level.share > CRITICAL_SHARE
            for kind, severity, holds in (
                ("stream_filling", AlertLevel.WARNING, alarming(level) and not urgent),
                ("stream_nearly_full", AlertLevel.CRITICAL, alarming(level) and urgent),
            ):
                if holds:
                    text = f"{said(level)}; {when_full(level)}: ./mm streams resize {level.stream} {2 * level.mib_max}"
                    yield from self._conditions.hold(severity, PLATFORM, kind, text, now_ns, level.stream)
                else:
                    self._conditions.end(PLATFORM, kind, level.stream)

    def clocks(self, venues: list[str], offset_ms_max: int, now_ns: int) -> Iterator[tuple[str, str]]:
        """Yield venue and reason for each of `venues` whose clock has been off for several looks."""
        for venue in venues:
            status, received_ns = self._feeds.get(venue, (None, 0))
            if status is None or not status.clock_known or silence_of(status, received_ns, now_ns):
                continue
            offset_ms = status.clock_offset_ns / 1e6
            self._clock_looks[venue] = self._clock_looks.get(venue, 0) + 1 if abs(offset_ms) > offset_ms_max else 0
            if self._clock_looks[venue] >= CLOCK_LOOKS_MIN:
                yield venue, f"its clock is {offset_ms:+.0f} ms from ours, the limit is {offset_ms_max} ms"


def rounding_posting(verdict: Verdict, now_ns: int) -> Posting:
    """Return the posting of cash that only parts of lots and cents explain."""
    return Posting(
        account=verdict.account,
        algo_id=UNASSIGNED,
        entry_id=f"rounding:{verdict.venue}:{verdict.currency}:{now_ns}",
        kind=PostingKind.ADJUSTMENT,
        venue=verdict.venue,
        cash={verdict.currency: verdict.rounding},
        reason="parts of a lot and of a cent, which no fill counts",
        ts_event_ns=now_ns,
        ts_received_ns=now_ns,
    )
