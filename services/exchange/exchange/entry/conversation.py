"""The websocket conversation: one JSON object in, one answer out, then whatever it caused."""

from __future__ import annotations

from typing import Final

from exchange.entry import parse
from exchange.entry.keys import Grant, Keyring
from exchange.entry.order_entry import OrderEntry, asked_id
from exchange.entry.session import CHANNELS, HEARTBEATS, NS_PER_MS, PRIVATE_CHANNELS, SPOT_CHANNELS, Session
from exchange.market.refusals import Refusal
from exchange.market.tape import Json

DEADMAN_MIN_MS: Final = 500
DEADMAN_MAX_MS: Final = 60_000
SUBSCRIPTIONS_MAX: Final = 1_000
OPS: Final = ("login", "place", "cancel", "batch", "cancel_all", "heartbeat", "subscribe", "unsubscribe", "amend")
ORDER_OPS: Final = ("place", "cancel", "batch", "cancel_all", "amend")

_LOGIN = frozenset({"op", "id", "token", "cancel_on_disconnect", "deadman_ms"})
_BATCH = frozenset({"op", "id", "items"})
_PLAIN = frozenset({"op", "id"})
_SUBSCRIBE = frozenset({"op", "id", "channels", "markets", "symbols"})


class Conversation:
    """Answers the ops of a session."""

    def __init__(self, order_entry: OrderEntry, keyring: Keyring) -> None:
        self.order_entry, self.keyring = order_entry, keyring

    def answer(self, session: Session, data: bytes, now_ns: int) -> Json:
        """The reply or error frame for one client frame."""
        body: Json = {}
        op: str | None = None
        number: int | str | None = None
        try:
            body = parse.json_object(data)
            if isinstance(body.get("op"), str):
                op = body["op"][:64]
            number = parse.request_id(body)
            result = self._result(session, body, now_ns)
        except Refusal as refusal:
            frame = {"type": "error", "op": op, "id": number, "ts_ns": now_ns}
            return {**frame, **asked_id(body), "error": refusal.error(), **refusal.beside}
        return {"type": "reply", "op": op, "id": number, "ts_ns": now_ns, "result": result}

    def _result(self, session: Session, body: Json, now_ns: int) -> Json:
        match body.get("op"):
            case "login":
                return self._login(session, body, now_ns)
            case "heartbeat":
                parse.only(body, _PLAIN)
                session.deadman_tripped = False
                return {}
            case "subscribe":
                return self._subscribe(session, body, now_ns)
            case "unsubscribe":
                return self._unsubscribe(session, body)
            case "batch":
                parse.only(body, _BATCH)
                grant = _granted(session)
                items = parse.batch(body, "items")
                return {"results": self.order_entry.items(items, lambda item: self._item(session, grant, item, now_ns))}
            case "cancel_all":
                return self.order_entry.cancel_all(_granted(session), body, now_ns)
            case "place" | "cancel" | "amend":
                return self._item(session, _granted(session), body, now_ns)
        raise Refusal("unknown_op", f"op must be one of {', '.join(OPS)}", "op")

    def _item(self, session: Session, grant: Grant, body: Json, now_ns: int) -> Json:
        if body.get("op") == "place":
            return self.order_entry.place(grant, body, now_ns, session.connection, session.deadman_tripped)
        if body.get("op") == "cancel":
            return self.order_entry.cancel(grant, body, now_ns)
        if body.get("op") == "amend":
            return self.order_entry.amend(grant, body, now_ns, session.deadman_tripped)
        raise Refusal("invalid_field", "op of an item must be place, cancel or amend", "op")

    def _login(self, session: Session, body: Json, now_ns: int) -> Json:
        parse.only(body, _LOGIN)
        grant = self.keyring.grant(body.get("token"), now_ns)
        if session.grant is not None and session.account != grant.key.account:
            raise Refusal("invalid_field", "a connection belongs to one account", "token")
        cancel = parse.boolean(body, "cancel_on_disconnect", True)
        deadman_ms = None
        if body.get("deadman_ms") is not None:
            deadman_ms = parse.integer(body, "deadman_ms", DEADMAN_MIN_MS, DEADMAN_MAX_MS)
        session.grant, session.cancel_on_disconnect = grant, cancel
        session.deadman_ns = None if deadman_ms is None else deadman_ms * NS_PER_MS
        session.deadman_tripped = False
        return {
            "account": grant.key.account,
            "scopes": list(grant.key.scopes),
            "expires_ns": grant.expires_ns,
            "cancel_on_disconnect": cancel,
            "deadman_ms": deadman_ms,
            "account_sequence": self.order_entry.account(grant).sequence,
        }

    def _subscribe(self, session: Session, body: Json, now_ns: int) -> Json:
        channels, markets, symbols = self._channels(body)
        for channel in channels:
            if channel in PRIVATE_CHANNELS:
                _granted(session).need("read", *(["cancel"] if channel == "orders" else []))
        for market in markets or ():
            self.order_entry.trading.market(market)
        for symbol in symbols or ():
            self.order_entry.trading.symbol(symbol)
        if session.grant is not None:
            self.order_entry.budgets.spend(session.grant.key, "reads", 1, now_ns)
        merged = dict(session.markets)
        for channel in channels:
            known = merged.get(channel, {})
            of_no_market = channel in PRIVATE_CHANNELS or channel == HEARTBEATS
            wanted = symbols if channel in SPOT_CHANNELS else markets
            merged[channel] = None if of_no_market or wanted is None or known is None else {**known, **wanted}
        if sum(len(wanted) for wanted in merged.values() if wanted is not None) > SUBSCRIPTIONS_MAX:
            raise Refusal("too_many_subscriptions", f"at most {SUBSCRIPTIONS_MAX} market ids per connection", "markets")
        session.markets = merged
        return {
            "channels": channels,
            **_filters(markets, symbols),
            "account_sequence": None if session.grant is None else self.order_entry.account(session.grant).sequence,
        }

    def _unsubscribe(self, session: Session, body: Json) -> Json:
        channels, markets, symbols = self._channels(body)
        for channel in channels:
            wanted = session.markets.get(channel)
            ended = symbols if channel in SPOT_CHANNELS else markets
            if ended is None or not wanted:
                session.markets.pop(channel, None)
                continue
            session.markets[channel] = {name: None for name in wanted if name not in ended}
        return {"channels": channels, **_filters(markets, symbols)}

    def _channels(self, body: Json) -> tuple[list[str], dict[str, None] | None, dict[str, None] | None]:
        """The channels a client names, the markets and the symbols it limits them to."""
        parse.only(body, _SUBSCRIBE)
        channels = body.get("channels")
        if not isinstance(channels, list) or not channels or not all(name in CHANNELS for name in channels):
            raise Refusal("invalid_field", f"channels must be a list of {', '.join(CHANNELS)}", "channels")
        return list(dict.fromkeys(channels)), _names(body, "markets"), _names(body, "symbols")


def _names(body: Json, field: str) -> dict[str, None] | None:
    """The ids a subscription is limited to; None for all."""
    names = body.get(field)
    if names is None:
        return None
    if not isinstance(names, list) or not names or len(names) > SUBSCRIPTIONS_MAX:
        raise Refusal("invalid_field", f"{field} must be a list of 1 to {SUBSCRIPTIONS_MAX} ids", field)
    return {parse.token({field: name}, field): None for name in names}


def _filters(markets: dict[str, None] | None, symbols: dict[str, None] | None) -> Json:
    """Both filters as an answer repeats them; who names no symbols need not know of them."""
    said: Json = {"markets": None if markets is None else list(markets)}
    return said if symbols is None else {**said, "symbols": list(symbols)}


def _granted(session: Session) -> Grant:
    if session.grant is None:
        raise Refusal("not_logged_in", "log in first")
    return session.grant
