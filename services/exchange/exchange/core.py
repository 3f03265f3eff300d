"""The venue behind its sockets: frames, prices and time in; frames, closings and journal lines out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Final, Protocol

import msgspec

from exchange.config import ExchangeConfig, Source
from exchange.entry.conversation import ORDER_OPS, Conversation
from exchange.entry.faults import Faults
from exchange.entry.keys import Budgets, Keyring
from exchange.entry.order_entry import OrderEntry
from exchange.entry.parse import FRAME_BYTES_MAX
from exchange.entry.session import BOOK_DEPTH, HEARTBEATS, Close, Delivery, Output, Session
from exchange.market.ledger import Ledger
from exchange.market.lifecycle import Lifecycle
from exchange.market.markets import LIVE
from exchange.market.money import DOLLAR
from exchange.market.refusals import Refusal
from exchange.market.restore import facts_of, restore_fact
from exchange.market.tape import Ids, Json, Tape
from exchange.market.trading import Trading
from exchange.participants.participant import Participant
from exchange.participants.rival import RIVAL_ACCOUNT, Rival
from exchange.participants.spot import SpotMaker, SpotTakers
from exchange.participants.takers import CASH_MICROS, INFORMED_ACCOUNT, NOISE_ACCOUNT, Takers
from exchange.spot.restore import symbol_frame
from exchange.spot.symbols import Symbol
from exchange.spot.transfers import FACTS as TRANSFER_FACTS
from exchange.spot.transfers import Transfers

CONNECTIONS_MAX: Final = 256
CONNECTIONS_PER_KEY_MAX: Final = 32
FACTS_PER_LINE: Final = 200
HEARTBEAT_NS: Final = 250_000_000


class PriceFollower(Protocol):
    """Who is driven by the prices that drive this exchange."""

    def on_price(self, asset: str, bid_units: int, ask_units: int, now_ns: int) -> None: ...
    def on_fresh(self, asset: str) -> None: ...
    def on_ahead(self, asset: str, units: int) -> None: ...
    def on_source(self, source: Source) -> None: ...


class Core:
    """A deterministic function of its seed and inputs; every method runs to its end and returns what must leave."""

    def __init__(self, config: ExchangeConfig) -> None:
        self.config = config
        self.tape = Tape()
        self.ids = Ids(self.tape)
        self.ledger = Ledger(self.tape, self.ids, config.fees, config.orders_kept)
        self.trading = Trading(self.ledger)
        self.lifecycle = Lifecycle(self.trading, config.series, config.markets_kept)
        self.faults = Faults(config.seed)
        self.takers = Takers(self.trading, self.lifecycle, config.takers, config.seed)
        self.rival = Rival(self.trading, self.lifecycle, config.rival)
        self.keyring = Keyring(list(config.keys), config.signing_secret)
        self.order_entry = OrderEntry(self.trading, Budgets(config.rates), self.faults)
        spot = self.order_entry.spot
        self.spot_maker = SpotMaker(spot, self.lifecycle, config.spot_maker)
        self.spot_takers = SpotTakers(
            spot, self.lifecycle, config.spot_takers, config.seed, lambda: self.takers.settings.enabled
        )
        self.participants: list[Participant] = [self.rival, self.takers, self.spot_maker, self.spot_takers]
        self.conversation = Conversation(self.order_entry, self.keyring)
        self.delivery = Delivery(self.faults)
        customers = sorted({key.account for key in config.keys if "trade" in key.scopes})
        self.transfers = Transfers(config.name, spot.books, customers, config.transfer_delay_ns)
        self.source = config.source
        self.followers: list[PriceFollower] = []
        self.replay_position: Callable[[int], Json] | None = None
        self.now_ns = 0
        self.last_seen_ns: int | None = None
        self._heartbeat_due_ns = 0

    def restore(self, line: bytes) -> None:
        """Take one journal line of an earlier run; only before `start`."""
        for fact in msgspec.json.decode(line):
            if fact["type"] in TRANSFER_FACTS:
                self.transfers.restore(fact)
                continue
            seen_ns = restore_fact(fact, self.ledger, self.trading, self.lifecycle)
            if seen_ns is not None:
                self.last_seen_ns = max(seen_ns, self.last_seen_ns or 0)

    def start(self, now_ns: int) -> list[Output]:
        """Open the doors: end what an earlier run left resting, fund new accounts, list markets."""
        # A clock that stands behind what was already written must not write earlier times.
        self.now_ns = max(now_ns, self.last_seen_ns or 0)
        self.ids.skip_reserved()
        for kind in ("order", "trade", "entry"):
            self.ids.reserve(kind)
        for name in sorted(self.ledger.accounts):
            account = self.ledger.accounts[name]
            for order in [order for _, order in sorted(account.open_orders.items())]:
                # Their cover ended with the run that held it; only the order's own end is left to tell.
                self.trading.end(order, "exchange_restart", self.now_ns)
        customers = [NOISE_ACCOUNT, INFORMED_ACCOUNT] if self.config.takers.enabled else []
        customers += [RIVAL_ACCOUNT] if self.config.rival.enabled else []
        for name, amount in {**self.config.deposits, **dict.fromkeys(customers, CASH_MICROS)}.items():
            account = self.ledger.account(name)
            if amount and account.sequence == 0:
                self.ledger.post(account, "deposit", amount, self.now_ns)
        self._start_spot()
        self.lifecycle.start(self.now_ns, self.last_seen_ns)
        for participant in (*self.participants, self.transfers):
            participant.start(self.now_ns)
        return self.outputs()

    def _start_spot(self) -> None:
        """List the configured symbols, and give accounts the currencies they have never had."""
        self.order_entry.spot.list_symbols(self.config.symbols, self.now_ns)
        self.transfers.currencies = self.currencies()
        for name, amounts in self.config.spot_deposits.items():
            account = self.ledger.account(name)
            for currency, units in amounts.items():
                if units and currency not in account.balances:
                    self.order_entry.spot.books.post(account, "deposit", currency, units, self.now_ns)

    def currencies(self) -> list[str]:
        """Every currency that something here is traded or paid in, sorted."""
        traded = (symbol.terms for symbol in self.trading.symbols.values())
        found = {each for terms in traded for each in (terms.base, terms.quote, terms.fee_currency) if each}
        return sorted({DOLLAR, *found})

    def on_connect(self, connection: int, now_ns: int) -> list[Output]:
        self.advance(now_ns)
        session = Session(connection, self.now_ns)
        if len(self.delivery.sessions) >= CONNECTIONS_MAX:
            return [*self.outputs(), Close(connection, 1013, "too many connections")]
        self.delivery.sessions[connection] = session
        return self.outputs()

    def on_frame(self, connection: int, data: bytes, now_ns: int) -> list[Output]:
        self.advance(now_ns)
        if (session := self.delivery.sessions.get(connection)) is None:
            return self.outputs()
        session.last_frame_ns = self.now_ns
        if len(data) > FRAME_BYTES_MAX:
            self.delivery.close(session, 1009, "frame over 64 KiB")
            return self.outputs()
        answer = self.conversation.answer(session, data, self.now_ns)
        if answer["type"] == "reply" and answer["op"] == "login" and self._too_many(session):
            session.grant = None
            refusal = Refusal("too_many_connections", f"at most {CONNECTIONS_PER_KEY_MAX} connections per key")
            answer = {**answer, "type": "error", "error": refusal.error()}
            del answer["result"]
        self._answer(session, answer)
        if answer["type"] == "reply" and answer["op"] == "subscribe":
            result = answer["result"]
            self._present_state(session, result["channels"], result["markets"])
            self._present_symbols(session, result["channels"], result.get("symbols"))
        return self.outputs()

    def on_close(self, connection: int, now_ns: int) -> list[Output]:
        self.advance(now_ns)
        session = self.delivery.sessions.pop(connection, None)
        if session is not None and session.cancel_on_disconnect:
            self._cancel_session(session, "disconnected")
        return self.outputs()

    def on_price(self, asset: str, bid_units: int, ask_units: int, now_ns: int) -> list[Output]:
        """The underlying's best bid and ask, in units of 1e-8."""
        for follower in self.followers:
            follower.on_price(asset, bid_units, ask_units, now_ns)
        # A price that comes exactly at an expiry still counts for it.
        self.advance(now_ns - 1)
        self.now_ns = max(self.now_ns, now_ns)
        self.lifecycle.on_mid(asset, (bid_units + ask_units) // 2, self.now_ns)
        self.advance(now_ns)
        return self.outputs()

    def on_fresh(self, asset: str, now_ns: int) -> list[Output]:
        """The underlying's prices begin anew, as a recording that starts over: no market opens on an older one."""
        self.advance(now_ns)
        self.now_ns = max(self.now_ns, now_ns)
        self.lifecycle.mids.pop(asset, None)
        for follower in self.followers:
            follower.on_fresh(asset)
        return self.outputs()

    def on_ahead(self, asset: str, units: int) -> None:
        """The mid the underlying will soon have, which only informed takers see."""
        self.takers.on_ahead(asset, units)
        for follower in self.followers:
            follower.on_ahead(asset, units)

    def take_source(self, source: Source) -> None:
        """Say from now on that this drives the prices."""
        self.source = source
        for follower in self.followers:
            follower.on_source(source)

    def on_timer(self, now_ns: int) -> list[Output]:
        self.advance(now_ns)
        return self.outputs()

    def next_timer_ns(self) -> int:
        """When `on_timer` must be called at the latest."""
        due_ns = min(
            self.lifecycle.next_due_ns, self.transfers.next_due_ns(), *(one.next_due_ns() for one in self.participants)
        )
        for session in self.delivery.sessions.values():
            if session.grant is not None or session.delayed:
                due_ns = min(due_ns, session.due_ns())
            if HEARTBEATS in session.markets:
                due_ns = min(due_ns, self._heartbeat_due_ns)
        return due_ns

    def advance(self, now_ns: int) -> None:
        self.now_ns = max(self.now_ns, now_ns)
        if self.now_ns < self.next_timer_ns():
            return
        self.lifecycle.advance(self.now_ns)
        for participant in (*self.participants, self.transfers):
            if self.order_entry.closed_for:
                participant.sit_out(self.now_ns)
            else:
                participant.advance(self.now_ns)
        for session in self.delivery.sessions.values():
            if session.deadman_due_ns() <= self.now_ns:
                session.deadman_tripped = True
                self._cancel_session(session, "deadman")
            if session.grant is not None and session.grant.expires_ns <= self.now_ns:
                if session.cancel_on_disconnect:
                    self._cancel_session(session, "token_expired")
                # The private frames above must still reach the session whose token just ended.
                self._flush()
                session.grant = None
        self.delivery.release_delayed(self.now_ns)
        if self._heartbeat_due_ns <= self.now_ns:
            self._beat()

    @property
    def closed_for(self) -> str:
        return self.order_entry.closed_for

    def close_for(self, reason: str) -> None:
        """Take nothing new until told an empty reason; cancels are always taken."""
        self.order_entry.closed_for = reason

    def _beat(self) -> None:
        """Say to who asked for it that the venue lives, although there may be no news."""
        self._heartbeat_due_ns = self.now_ns + HEARTBEAT_NS
        for session in self.delivery.sessions.values():
            if HEARTBEATS in session.markets:
                self.delivery.reply(session, {"type": "heartbeat", "ts_ns": self.now_ns}, self.now_ns)

    def _cancel_session(self, session: Session, reason: str) -> None:
        if session.account is not None:
            account = self.ledger.account(session.account)
            placed = session.connection
            self.trading.cancel_where(account, lambda order: order.connection == placed, reason, self.now_ns)

    def disconnect(self, account: str | None, now_ns: int) -> int:
        """Cut the connections of an account, or all; returns how many."""
        hit = [session for session in self.delivery.sessions.values() if account in (None, session.account)]
        for session in hit:
            self.delivery.close(session, 1012, "cut on demand")
        return len(hit)

    def breaks(self, kind: str, account: str | None) -> bool:
        return bool(self.faults.active) and self.faults.strike(kind, account) is not None

    def _answer(self, session: Session, answer: Json) -> None:
        if answer["op"] in ORDER_OPS and self.faults.active:
            if self.breaks("drop_ack", session.account):
                return
            if answer["type"] == "reply" and self.breaks("server_error_after_accept", session.account):
                refusal = Refusal("internal_error", "outcome unknown: ask by client order id")
                answer = {**{name: answer[name] for name in ("op", "id", "ts_ns")}, "error": refusal.error()}
                answer["type"] = "error"
        self.delivery.reply(session, answer, self.now_ns)

    def _too_many(self, session: Session) -> bool:
        assert session.grant is not None
        api_key = session.grant.key.api_key
        same = [s for s in self.delivery.sessions.values() if s.grant is not None and s.grant.key.api_key == api_key]
        return len(same) > CONNECTIONS_PER_KEY_MAX

    def _present_state(self, session: Session, channels: list[str], markets: list[str] | None) -> None:
        for market in list(self.trading.markets.values()):
            if markets is not None and market.id not in markets:
                continue
            if "orderbook" in channels and market.status == "OPEN":
                self.delivery.send(session, self._book_frame(market.id, snapshot=True), self.now_ns)
            if "markets" in channels and market.status in LIVE:
                frame = {"type": "market", "market": market.as_json(), "ts_ns": self.now_ns}
                self.delivery.reply(session, frame, self.now_ns)

    def _present_symbols(self, session: Session, channels: list[str], names: list[str] | None) -> None:
        for symbol in self.trading.symbols.values():
            if not symbol.listed or (names is not None and symbol.id not in names):
                continue
            if "symbols" in channels:
                self.delivery.reply(session, symbol_frame(symbol, self.now_ns), self.now_ns)
            if "spot_orderbook" in channels:
                self.delivery.send(session, self._spot_frame(symbol, snapshot=True), self.now_ns)

    def _spot_frame(self, symbol: Symbol, *, snapshot: bool) -> bytes:
        bids, asks = symbol.levels(BOOK_DEPTH)
        return msgspec.json.encode(
            {
                "type": "spot_orderbook",
                "symbol": symbol.id,
                "sequence": symbol.book.sequence,
                "snapshot": snapshot,
                "bids": bids,
                "asks": asks,
                "ts_ns": self.now_ns,
            }
        )

    def _book_frame(self, market_id: str, *, snapshot: bool) -> bytes:
        book = self.trading.markets[market_id].book
        bids, asks = book.levels(BOOK_DEPTH)
        return msgspec.json.encode(
            {
                "type": "orderbook",
                "market": market_id,
                "sequence": book.sequence,
                "snapshot": snapshot,
                "bids": bids,
                "asks": asks,
                "ts_ns": self.now_ns,
            }
        )

    def outputs(self) -> list[Output]:
        self._flush()
        return self.delivery.take()

    def _flush(self) -> None:
        facts, moved = self.tape.take()
        if facts:
            encoded = [msgspec.json.encode(fact.frame) for fact in facts]
            self.delivery.record(encoded, any(fact.durable for fact in facts))
            for fact, data in zip(facts, encoded, strict=True):
                self.delivery.publish_fact(fact, data, self.now_ns)
        for name in moved:
            if (market := self.trading.markets.get(name)) is not None:
                market.book.sequence += 1
                if self.delivery.anyone_follows("orderbook", name):
                    frame = self._book_frame(name, snapshot=False)
                    self.delivery.publish_book("orderbook", name, frame, self.now_ns)
            elif (symbol := self.trading.symbols.get(name)) is not None:
                symbol.book.sequence += 1
                if self.delivery.anyone_follows("spot_orderbook", name):
                    frame = self._spot_frame(symbol, snapshot=False)
                    self.delivery.publish_book("spot_orderbook", name, frame, self.now_ns)

    def state_lines(self) -> Iterator[bytes]:
        """The whole state as journal lines that `restore` takes back: what a fresh journal begins with."""
        facts = chain(facts_of(self.ledger, self.trading, self.lifecycle, self.now_ns), self.transfers.facts())
        while chunk := list(islice(facts, FACTS_PER_LINE)):
            yield msgspec.json.encode(chunk)
