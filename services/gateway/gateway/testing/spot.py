"""A platform of spot bots told by events, for tests of the C2 API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
from common.clock import NS_PER_MS
from common.events import (
    AccountState,
    Alert,
    AlertLevel,
    Balance,
    Book,
    BotConfig,
    Fill,
    Halt,
    InstrumentTerms,
    Level,
    Liquidity,
    Market,
    MarketStatus,
    OrderUpdate,
    OrderUpdates,
    PlatformConfig,
    RiskStatistics,
    TradingStatistics,
    User,
)
from common.instruments import InstrumentKind, Outcome, Side
from common.orders import OrderState
from common.testing.spot import SPOT_BOTS
from stompframes.messages import SharedMessage
from stompframes.subscriptions import AckMode, Subscription

from gateway.c2.content import Visibility
from gateway.changes.configuration import revise
from gateway.testing.platform import Story

TICK, LOT = Decimal("1"), Decimal("0.001")


@dataclass
class SpotStory(Story):
    """Tells what spot bots do: by default bot 3, which quotes BTCJPY at DLTXMM."""

    def spot_bot(
        self, algo_id: str = "3", sections: Mapping[str, Any] | None = None, *, running: bool = True
    ) -> BotConfig:
        """Tell a bot's configuration, its next revision where it has one."""
        known = self.view.bots.get(algo_id)
        document = dict(sections or SPOT_BOTS[algo_id])
        config = revise(
            known.event if known else None,
            algo_id=algo_id,
            kind="spot",
            running=running,
            sections=document,
            revision=known.event.revision if known else 0,
            actor="tess",
            reason="",
            now_ns=self.now_ns,
        )
        return self.tell(self.view.on_bot, config)

    def document(self, kind: str, document_id: str, document: Mapping[str, Any], **changes: Any) -> PlatformConfig:
        known = self.view.documents.get((kind, document_id))
        fields: dict[str, Any] = {
            "type": kind,
            "id": document_id,
            "revision": known.event.revision + 1 if known else 1,
            "document": dict(document),
            "actor": "rita",
            "ts_ns": self.now_ns,
        }
        return self.tell(self.view.on_document, PlatformConfig(**(fields | changes)))

    def spot_market(self, symbol: str = "BTCJPY", venue: str = "dltxmm_spot", currency: str = "JPY") -> Market:
        market = Market(
            venue=venue,
            symbol=symbol,
            kind=InstrumentKind.SPOT,
            status=MarketStatus.OPEN,
            base=symbol.removesuffix(currency),
            currency=currency,
            tick_size=TICK,
            lot_size=LOT,
            ts_received_ns=self.now_ns,
        )
        return self.tell(self.view.on_market, market)

    def book(
        self,
        bids: list[tuple[float, float]],
        asks: list[tuple[float, float]],
        *,
        venue: str = "kraken_spot",
        symbol: str = "BTCUSD",
    ) -> Book:
        book = Book(
            venue=venue,
            symbol=symbol,
            bids=[Level(*level) for level in bids],
            asks=[Level(*level) for level in asks],
            ts_received_ns=self.now_ns,
        )
        return self.tell(self.view.on_book, book)

    def quote(
        self,
        order_id: int,
        side: Side,
        ticks: int,
        lots: int = 100,
        *,
        state: OrderState = OrderState.LIVE,
        leaves: int | None = None,
        algo_id: str = "3",
        **changes: Any,
    ) -> OrderUpdate:
        self._orders[order_id] = self._orders.get(order_id, 0) + 1
        fields: dict[str, Any] = {
            "account": "mm1",
            "algo_id": algo_id,
            "venue": "dltxmm_spot",
            "symbol": "BTCJPY",
            "order_id": order_id,
            "order_sequence": self._orders[order_id],
            "venue_order_id": str(order_id),
            "side": side,
            "price_ticks": ticks,
            "quantity_lots": lots,
            "leaves_lots": lots if leaves is None else leaves,
            "state": state,
            "ts_received_ns": self.now_ns,
        }
        update = OrderUpdate(**(fields | changes))
        self._updates += 1
        updates = OrderUpdates(account="mm1", algo_id=algo_id, update_sequence=self._updates, orders=[update])
        self.tell(self.view.on_orders, updates)
        return update

    def executed(self, order_id: int, side: Side, ticks: int, lots: int, trade_id: str, **changes: Any) -> Fill:
        fields: dict[str, Any] = {
            "account": "mm1",
            "algo_id": "3",
            "instrument": InstrumentTerms(
                venue="dltxmm_spot",
                symbol="BTCJPY",
                outcome=Outcome.NONE,
                kind=InstrumentKind.SPOT,
                currency="JPY",
                base="BTC",
                tick_size=TICK,
                lot_size=LOT,
            ),
            "order_id": order_id,
            "order_sequence": 2,
            "venue_order_id": str(order_id),
            "venue_trade_id": trade_id,
            "side": side,
            "price_ticks": ticks,
            "quantity_lots": lots,
            "leaves_lots": 0,
            "liquidity": Liquidity.MAKER,
            "fee": Decimal("-1"),
            "fee_currency": "JPY",
            "ts_event_ns": self.now_ns,
            "ts_received_ns": self.now_ns,
        }
        return self.tell(self.view.on_fill, Fill(**(fields | changes)))

    def figures(self, algo_id: str = "3", **changes: Any) -> TradingStatistics:
        fields: dict[str, Any] = {
            "algo_id": algo_id,
            "start_ns": self.now_ns,
            "term_currency": "JPY",
            "account_currency": "USD",
            "ledger_sequence": 1,
            "ts_ns": self.now_ns,
        }
        named = [
            name for name in TradingStatistics.__struct_fields__ if name.endswith(("_qty", "_size", "pnl", "fees"))
        ]
        amounts = dict.fromkeys([*named, "position_cost", "position_market_price"], Decimal("1.50"))
        return self.tell(self.view.on_figures, TradingStatistics(**(fields | amounts | changes)))

    def exposure(self, currency_id: str = "1", **changes: Any) -> RiskStatistics:
        fields: dict[str, Any] = {
            "currency_id": currency_id,
            "currency": "BTC",
            "open_buy_qty": Decimal("0.1"),
            "open_sell_qty": Decimal("0.2"),
            "current_position_size": Decimal("-0.3"),
            "ledger_sequence": 1,
            "ts_ns": self.now_ns,
        }
        return self.tell(self.view.on_exposure, RiskStatistics(**(fields | changes)))

    def spot_account(self, account: str = "mm1", venue: str = "dltxmm_spot", *others: Balance) -> AccountState:
        state = AccountState(
            account=account,
            venue=venue,
            main=Balance(currency="JPY", total=Decimal("1000.50"), available=Decimal("900.25")),
            others=list(others) or [Balance(currency="BTC", total=Decimal("2"), available=Decimal("1.5"))],
            holdings=[],
            open_orders=[],
            account_sequence=1,
            reason="timer",
            ts_event_ns=self.now_ns,
            ts_received_ns=self.now_ns,
        )
        return self.tell(self.view.on_account, state)

    def told(self, text: str, level: AlertLevel = AlertLevel.WARNING, algo_id: str = "3", **changes: Any) -> Alert:
        alert = Alert(
            level=level, algo_id=algo_id, source="quoter", kind="self_trade", text=text, ts_ns=self.now_ns, **changes
        )
        return self.tell(self.view.on_alert, alert)

    def halt(self, scope: str, reason: str, *, lifted: bool = False) -> Halt:
        halt = Halt(scope=scope, reason=reason, actor="risk", halt_id="1", lifted=lifted, ts_ns=self.now_ns)
        return self.tell(self.view.on_halt, halt)

    def user_of_bots(self, user_id: str, *bots: str) -> User:
        """Limit a user to some bots."""
        known = self.view.users.get(user_id)
        assert known is not None
        user = msgspec.structs.replace(known.user, bots=list(bots), revision=known.user.revision + 1)
        return self.tell(self.view.on_user, user)

    @property
    def now_ms(self) -> int:
        return self.now_ns // NS_PER_MS

    def spot_day(self) -> None:
        """Bot 3 quotes two sizes a side, by KRAKEN's book and the yen for a dollar there."""
        self.spot_bot()
        self.spot_market()
        self.book([(60_000.0, 1.0), (59_999.5, 2.0)], [(60_001.0, 1.5)])
        self.book([(150.1, 1e6)], [(150.2, 1e6)], symbol="USDJPY")
        self.quote(1, Side.BUY, 8_990_000)
        self.quote(2, Side.BUY, 8_980_000, 200)
        self.quote(3, Side.SELL, 9_010_000)
        self.quote(4, Side.SELL, 9_020_000, 200)
        self.figures()
        self.exposure()
        self.spot_account()


@dataclass
class Listener:
    """A connection that keeps what it is given."""

    visibility: Visibility = field(default_factory=Visibility)
    waiting_bytes: int = 0
    got: list[tuple[str, int | None, bytes]] = field(default_factory=list)
    refused: list[tuple[str, int, Any]] = field(default_factory=list)
    ended: str = ""
    looks: int = 0
    fails: bool = False
    dropped: bool = False

    def deliver(self, subscription: Subscription, message: SharedMessage) -> bool:
        self.got.append((message.destination, message.status, message.body))
        return True

    def refuse(self, subscription: Subscription, status: int, body: bytes) -> None:
        self.refused.append((subscription.destination, status, json.loads(body)))

    def end(self, rule: str, detail: str) -> None:
        self.ended = f"{rule}: {detail}"

    def flush(self) -> None:
        """Nothing is queued here."""
        if self.fails:
            raise RuntimeError("a fault of ours")

    def drop(self) -> None:
        self.dropped = True

    def on_time(self, now_ns: int) -> None:
        self.looks += 1

    def bodies(self) -> list[Any]:
        """Return what came since the last look."""
        bodies = [json.loads(body) for _, _, body in self.got]
        self.got.clear()
        return bodies


def subscription(destination: str) -> Subscription:
    """Return what a client asks for with a SUBSCRIBE."""
    return Subscription("sub-0", destination, AckMode.AUTO, (), b"")
