"""A venue in memory for tests, simulations and the API page: one open BTC market at 60,000 and a few accounts."""

from __future__ import annotations

from typing import Any

import msgspec

from exchange.config import ExchangeConfig, Source
from exchange.entry.keys import Key
from exchange.entry.session import Output, Send
from exchange.market.lifecycle import Series
from exchange.market.markets import NS_PER_S, RollingCalendar
from exchange.market.money import MICROS_PER_DOLLAR, UNITS_PER_UNDERLYING
from exchange.market.tape import Json
from exchange.participants.spot import SpotMakerSettings, SpotTakerSettings
from exchange.participants.takers import TakerSettings
from exchange.spot.terms import dollar_symbol
from exchange.venue import Exchange, Response

OPEN_NS = 1_795_222_800 * NS_PER_S
NOW_NS = OPEN_NS + 5 * NS_PER_S
MAKER_FEE_PPM, TAKER_FEE_PPM = 100, 500
MARKET = "BTC-5M-1795223100"


def keys() -> tuple[Key, ...]:
    made = [
        Key.of(name, "trade", f"{name}-trade", f"secret-of-{name}-trade", ("read", "trade", "cancel"))
        for name in ("mm1", "taker1", "taker2")
    ]
    made.append(Key.of("mm1", "watchdog", "mm1-cancel", "secret-of-mm1-cancel", ("cancel",)))
    made.append(Key.of("mm1", "reader", "mm1-read", "secret-of-mm1-read", ("read",)))
    made.append(Key.of("admin", "admin", "admin-admin", "secret-of-admin-admin", ("read", "admin")))
    return tuple(made)


def config(
    *,
    seed: int = 1,
    takers: bool = False,
    assets: tuple[str, ...] = ("BTC",),
    deposit: int = 100_000,
    spot: tuple[str, ...] = (),
    lively: bool = False,
) -> ExchangeConfig:
    """`spot` are assets that trade for dollars, `lively` says whether simulated participants trade there too."""
    return ExchangeConfig(
        seed=seed,
        signing_secret=b"a secret of the tests",
        series=tuple(Series(f"{asset}-5M", asset, RollingCalendar(300 * NS_PER_S)) for asset in assets),
        keys=keys(),
        deposits=dict.fromkeys(("mm1", "taker1", "taker2"), deposit * MICROS_PER_DOLLAR),
        takers=TakerSettings(enabled=takers),
        symbols=tuple(dollar_symbol(asset, MAKER_FEE_PPM, TAKER_FEE_PPM) for asset in spot),
        spot_maker=SpotMakerSettings(enabled=lively),
        spot_takers=SpotTakerSettings(enabled=lively, rate_per_s=1.0),
        source=Source("model", {"BTC": "model", "ETH": "model", "SOL": "model"}),
    )


def opened(made: ExchangeConfig | None = None) -> Exchange:
    """A venue whose markets opened at OPEN_NS with a strike of 60,000."""
    venue = Exchange(made or config())
    venue.start(OPEN_NS)
    for series in venue.config.series:
        venue.on_price(series.asset, 60_000 * UNITS_PER_UNDERLYING, 60_000 * UNITS_PER_UNDERLYING, OPEN_NS)
    return venue


class Client:
    """A participant in memory: REST calls and one websocket connection, with everything it was ever sent."""

    def __init__(self, venue: Exchange, account: str, key: str = "trade", connection: int = 1) -> None:
        self.venue, self.account, self.connection = venue, account, connection
        self.now_ns = NOW_NS
        self.outputs: list[Output] = []
        self._next_client_order_id = 0
        body = {"api_key": f"{account}-{key}", "api_secret": f"secret-of-{account}-{key}", "lifetime_s": 86_400}
        self.token = str(self.rest("POST", "/auth/login", body)["token"])

    def request(self, method: str, path: str, body: Json | None = None) -> Response:
        """One REST call, with the token once there is one."""
        path, _, text = path.partition("?")
        query = dict(part.split("=", 1) for part in text.split("&") if part)
        headers = {"authorization": f"Bearer {self.token}"} if hasattr(self, "token") else {}
        data = b"" if body is None else msgspec.json.encode(body)
        response = self.venue.on_request(method, path, query, headers, data, self.now_ns)
        self.outputs += response.outputs
        return response

    def rest(self, method: str, path: str, body: Json | None = None) -> Json:
        answer: Json = msgspec.json.decode(self.request(method, path, body).body)
        return answer

    def connect(self, **settings: Any) -> list[Json]:
        """Open the connection, log in and follow the private channels; returns the answers."""
        self.outputs += self.venue.on_connect(self.connection, self.now_ns)
        answers = self.ws({"op": "login", "id": 1, "token": self.token, **settings})
        return answers + self.ws({"op": "subscribe", "id": 2, "channels": ["orders", "fills", "account"]})

    def ws(self, frame: Json | bytes) -> list[Json]:
        """Send one frame; returns the frames this connection receives for it."""
        data = frame if isinstance(frame, bytes) else msgspec.json.encode(frame)
        return self.take(self.venue.on_frame(self.connection, data, self.now_ns))

    def take(self, outputs: list[Output]) -> list[Json]:
        """Keep what left the venue; returns the frames for this connection."""
        self.outputs += outputs
        mine = [out for out in outputs if isinstance(out, Send) and out.connection == self.connection]
        return [msgspec.json.decode(out.data) for out in mine]

    def spot(self, side: str, price: str, size: str, *, symbol: str = "BTCUSD", **more: Any) -> Json:
        """Place a spot order over REST; returns the answer."""
        self._next_client_order_id += 1
        body = {"client_order_id": str(self._next_client_order_id), "symbol": symbol, "side": side}
        return self.rest("POST", "/orders", {**body, "price": price, "size": size, **more})

    def amend(self, order: Json, **changes: str) -> Json:
        """Amend an order over REST; returns the answer."""
        return self.rest("PATCH", f"/orders/{order['order_id']}", changes)

    def order(self, side: str, outcome: str, price: str, size: int, **more: Any) -> Json:
        """Place an order over REST in the first market; returns the answer."""
        self._next_client_order_id += 1
        body = {"client_order_id": str(self._next_client_order_id), "market": MARKET, "side": side}
        return self.rest("POST", "/orders", {**body, "outcome": outcome, "price": price, "size": size, **more})
