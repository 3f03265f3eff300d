"""Risk's core in the spot session: it books what is traded, deals out limits, and decides what is hedged."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from _session_venue import Schedule
from common.core import Effect, Receipt
from common.events import (
    AccountState,
    Balance,
    BotConfig,
    Event,
    FeedStatus,
    Fill,
    HedgeUpdate,
    Lease,
    Market,
    OrderUpdates,
    PlatformConfig,
    Posting,
    PostingKind,
    SourcePrice,
    TopOfBook,
    encode,
)
from common.venues import Exchanges
from risk.ledger.books import Ledger
from risk.monitoring.platform_limits import parse_platform_limits
from risk.service import Risk
from toolkit.paths import CONFIG_DIR

LOOK_NS = 30_000_000_000
"""Live each second; nothing that it finds changes what is traded here."""
TOP_NS = 1_000_000_000
HOLDER = "bench"
FOREVER_MS = 86_400_000
SAMPLED_NS = 1_000_000_000


class RiskDesk:
    """Risk, and the FILL stream between it and the quoters; what it says goes to `say`."""

    def __init__(self, schedule: Schedule, exchanges: Exchanges, say: Callable[[Event], None]) -> None:
        self._schedule, self._say = schedule, say
        document = tomllib.loads((Path(CONFIG_DIR) / "risk.toml").read_text())
        self.risk = Risk(parse_platform_limits(document["limits"]), exchanges=exchanges)
        self.risk.epoch = 1
        self.sequence = self._commands = 0
        self._priced_ns = 0

    def receipt(self, sequence: int = 0) -> Receipt:
        return Receipt(self._schedule.now_ns, 0, sequence)

    def start(
        self,
        config: BotConfig,
        documents: Sequence[PlatformConfig],
        markets: Sequence[Market],
        deposits: Mapping[tuple[str, str], Mapping[str, Decimal]],
    ) -> None:
        """Begin with empty books; `deposits` are those of each account at its venue."""
        risk, receipt = self.risk, self.receipt()
        risk.recover(Ledger())
        for market in markets:
            self._carry_out(risk.on_market(market, receipt))
        for account, _ in deposits:
            lease = Lease(role="quoter", key=account, holder=HOLDER, beat=1, ttl_ms=FOREVER_MS, epoch=1)
            self._carry_out(risk.on_lease(lease, receipt))
        for document in documents:
            self._carry_out(risk.on_platform_config(document, receipt))
        self._carry_out(risk.on_bot_config(config, receipt))
        self._carry_out(risk.start(receipt))
        for (account, venue), cash in deposits.items():
            self._tell_where(account, venue)
            for currency, amount in cash.items():
                self.book(
                    Posting(
                        account=account,
                        algo_id="unassigned",
                        entry_id=f"opening:{currency}",
                        kind=PostingKind.DEPOSIT,
                        venue=venue,
                        cash={currency: amount},
                        reason="the session's deposit",
                        ts_event_ns=receipt.now_ns,
                        ts_received_ns=receipt.now_ns,
                    )
                )

    def _tell_where(self, account: str, venue: str) -> None:
        """Say at which venue an account is, as its snapshots do; nothing is compared with them here."""
        now_ns = self._schedule.now_ns
        snapshot = AccountState(
            account=account,
            venue=venue,
            main=Balance(currency="USD", total=Decimal(0), available=Decimal(0)),
            holdings=[],
            open_orders=[],
            account_sequence=0,
            reason="start",
            ts_event_ns=now_ns,
            ts_received_ns=now_ns,
        )
        self.risk.spot.on_account(snapshot)

    def book(self, entry: Fill | Posting) -> int:
        """Give an entry the next place in FILL and have it booked."""
        self.sequence += 1
        self._carry_out(self.risk.on_entry(entry, encode(entry), self.receipt(self.sequence)))
        return self.sequence

    # --- what it hears ------------------------------------------------------------------------------------------

    def on_state_due(self) -> None:
        self._carry_out(self.risk.on_risk_state_due(self.receipt()))

    def on_look_due(self) -> None:
        self._carry_out(self.risk.on_look_due(self.receipt()))

    def state_positions(self) -> None:
        """Say every position at once, as a start does."""
        self._carry_out(self.risk.on_positions_due(self.receipt()))

    def on_status(self, status: FeedStatus) -> None:
        self._carry_out(self.risk.on_feed_status(status, self.receipt()))

    def on_top(self, top: TopOfBook) -> None:
        self._carry_out(self.risk.on_top(top, self.receipt()))

    def on_price(self, price: SourcePrice) -> None:
        """Take in a source price as often as risk looks at them."""
        if self._schedule.now_ns - self._priced_ns >= SAMPLED_NS:
            self._priced_ns = self._schedule.now_ns
            self._carry_out(self.risk.on_price(price, self.receipt()))

    def on_quoter(self, event: Event) -> None:
        """Take in what a quoter publishes, where it concerns risk."""
        if isinstance(event, OrderUpdates):
            self._carry_out(self.risk.on_order_updates(event, self.receipt()))
        elif isinstance(event, HedgeUpdate):
            self._carry_out(self.risk.hedges.on_update(event, self.receipt()))

    # --- what it does -------------------------------------------------------------------------------------------

    def published(self, command: Event) -> None:
        """Confirm a command of its own, as the broker does."""
        self._commands += 1
        self._carry_out(self.risk.on_published(command, self._commands, self.receipt()))

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in [*effects, *self.risk.after_burst(self.receipt())]:
            event = getattr(effect, "event", effect)
            if isinstance(event, Posting):
                self.book(event)
            elif isinstance(event, Event):
                self._say(event)
